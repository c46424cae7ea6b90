"""docs/external.md: its code can be deployed, its signatures and its rights are those of the
code.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from duckstring import external
from duckstring.author.ripple import collecting
from duckstring.external import HttpJob
from duckstring.model.pauses import grown

DOCS = (Path(__file__).parents[2] / "docs" / "external.md").read_text(encoding="utf-8")
CODE = Path(external.__file__).parent
JOBS = (
    "DatabricksJob",
    "GlueJob",
    "BatchJob",
    "StateMachine",
    "AthenaQuery",
    "EmrServerlessJob",
)


@pytest.mark.parametrize("example", re.findall(r"```python\n(.*?)```", DOCS, re.DOTALL))
def test_its_examples_are_declared_without_asking_anybody(example):
    scope = {name: getattr(external, name) for name in external.__all__}
    from duckstring import ripple

    with collecting() as declared:
        exec(compile(example, "external.md", "exec"), {**scope, "ripple": ripple})
    if "@ripple" in example:
        assert [one.spec.on_kill for one in declared] == [True]


@pytest.mark.parametrize("name", JOBS)
def test_its_signatures_are_the_code_s(name):
    ((made, ran),) = re.findall(
        rf"\n\n    {name}\(((?:.+\n)+?)    job\.run\((.+)\)\n", DOCS
    )  # a block of its own: the constructor, on one line or several, and run
    job = getattr(external, name)

    assert _names(made.strip().removesuffix(")")) == list(inspect.signature(job).parameters)
    assert _names(ran) == list(inspect.signature(job.run).parameters)[1:]


def _names(written: str) -> list[str]:
    plain = re.sub(r'=(Env\("\w+"\)|None|"")', "", " ".join(written.split()))
    return re.findall(r"(?:^|, )(\w+)", plain)


@pytest.mark.parametrize(
    ("module", "service"),
    [
        ("glue", "glue"),
        ("batch", "batch"),
        ("states", "states"),
        ("athena", "athena"),
        ("emr", "emr-serverless"),
    ],
)
def test_the_rights_it_names_are_those_that_are_used(module, service):
    code = (CODE / f"{module}.py").read_text(encoding="utf-8")
    calls = set(re.findall(r"self\.client\.(\w+)\(", code)) - {"get_paginator"} | set(
        re.findall(r'get_paginator\("(\w+)"\)', code)
    )
    used = {"".join(part.title() for part in call.split("_")) for call in calls}

    assert used
    assert set(re.findall(rf"`{service}:(\w+)`", DOCS)) == used


@pytest.mark.parametrize(
    ("module", "heading"),
    [
        ("glue", "AWS Glue"),
        ("states", "Step Functions"),
        ("athena", "Amazon Athena"),
        ("emr", "Amazon EMR Serverless"),
    ],
)
def test_the_ends_it_names_are_the_code_s(module, heading):
    from importlib import import_module

    ends = import_module(f"duckstring.external.{module}")._ENDS
    section = DOCS.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (.+?) \| (succeeded|cancelled|failed)", section, re.MULTILINE)

    assert {word: state for words, state in rows for word in re.findall(r"`(\w+)`", words)} == dict(
        ends
    )


def test_the_pauses_it_names_are_those_that_are_made():
    (named,) = re.findall(r"Then it pauses for (.+?), and after that for 5 min\.", DOCS)
    found = [int(one) for one in re.findall(r"(\d+) s", named)]

    assert found == [grown(pauses) for pauses in range(len(found))]
    assert grown(len(found)) == 300


@pytest.mark.parametrize("name", list(inspect.signature(HttpJob).parameters))
def test_each_setting_of_an_http_job_is_in_it_and_in_help(name):
    section = DOCS.partition("\n## Anything over HTTP\n")[2]
    assert re.search(rf"\b{name}=|`{name}`", section) or name in {"host", "name", "poll"}
    assert f"\n    {name}: " in inspect.getdoc(HttpJob)
