"""What CONTRIBUTING.md's recipes promise: a part that was forgotten is found."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from duckstring import external
from duckstring.engine.signals import Verb
from duckstring.external.job import Job
from duckstring.model.catalog import Release
from duckstring.model.pondfile import PondTable, ReleaseFields
from tests.property import living, test_retry_laws
from tests.unit import test_external_docs, test_external_import, test_external_job

DOCS = Path(__file__).parents[2] / "docs"
VERBS = get_args(Verb)
JOBS = [
    name
    for name in external.__all__
    if inspect.isclass(found := getattr(external, name)) and issubclass(found, Job)
]


def section(page: str, heading: str) -> str:
    text = (DOCS / page).read_text()
    start = text.index(heading)
    level = heading.split(" ", maxsplit=1)[0]
    end = re.search(rf"^{level} ", text[start + len(heading) :], re.MULTILINE)
    return text[start : start + len(heading) + end.start()] if end else text[start:]


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_has_its_rule_its_words_and_its_laws(verb):
    assert re.search(
        rf"`{verb}`|\*\*{verb}", section("engine.md", "## Operator verbs"), re.IGNORECASE
    )
    assert re.search(rf"\b{verb}\b", section("protocol.md", "## Api function"))
    assert re.search(rf"`control {verb}|control {verb}\b", (DOCS / "cli.md").read_text())
    assert callable(getattr(living.Living, f"_{verb}"))
    assert verb in {*living.EVERYTHING, *test_retry_laws.MEANWHILE}


@pytest.mark.parametrize("name", PondTable.model_fields)
def test_a_field_of_pond_toml_is_on_the_authors_page(name):
    assert re.search(rf"^{name} = |`{name}`", (DOCS / "author.md").read_text(), re.MULTILINE)


def test_what_a_release_takes_from_pond_toml_is_taken():
    of_release = {field.name for field in msgspec.structs.fields(Release)}
    in_both = of_release & set(PondTable.model_fields) - {"ripples"}  # a path: it is ``module``
    assert in_both <= set(ReleaseFields.__annotations__)
    assert set(ReleaseFields.__annotations__) <= of_release


@pytest.mark.parametrize("name", JOBS)
def test_an_external_engine_is_in_every_table(name):
    job = getattr(external, name)
    assert re.search(
        rf"^#+ .*\n(?:.*\n)*?.*{name}", (DOCS / "external.md").read_text(), re.MULTILINE
    )
    assert name in test_external_docs.JOBS or name == "HttpJob", "it has a test of its own"
    assert job in test_external_job.FOR_ONE_RUN
    assert f"{name}(" in test_external_import.MAKE_ALL
