from __future__ import annotations

import re
from pathlib import Path
from typing import is_typeddict

import pytest

from duckstring.adapters.aws import rows
from duckstring.api.answer import OPERATIONS
from duckstring.model.answers.changes import TriggerAnswer
from duckstring.model.answers.runs import AttemptRow
from duckstring_cli.catchments import Catchment
from duckstring_cli.client import Client
from tests.unit.api.shapes import SHAPES, faults, hints_of, shape_of

PROTOCOL = Path(__file__).parents[3] / "docs" / "protocol.md"
CALLS = {
    "hello": lambda client: client.hello(),
    "deploy": lambda client: client.deploy([], overwrite=False),
    "trigger": lambda client: client.trigger("sales", "tap"),
    "control": lambda client: client.control("sales", "wake"),
    "batch": lambda client: client.batch(["sales@1"], verb="wake"),
    "failure-budget": lambda client: client.failure_budget("sales"),
    "priority": lambda client: client.priority("sales"),
    "limit": lambda client: client.limit("list"),
    "compute": lambda client: client.compute("sales"),
    "window": lambda client: client.window("sales", "list"),
    "status": lambda client: client.status(),
    "stale": lambda client: client.stale("sales"),
    "why": lambda client: client.why("sales"),
    "replay": lambda client: list(client.replay("sales", since="2030-01-01T12:00:00Z")),
    "runs": lambda client: client.runs(),
    "run": lambda client: client.run("sales@1/1"),
    "cost": lambda client: client.cost(limit=10),
    "tables": lambda client: client.tables("sales"),
    "snapshots": lambda client: client.snapshots(["sales"]),
    "lineage": lambda client: client.lineage("sales"),
    "trace": lambda client: client.trace("sales", ["1-load-1"]),
    "kept": lambda client: client.kept("sales", limit=20),
    "lake": lambda client: client.lake(),
    "repair": lambda client: client.repair(),
    "publish": lambda client: client.publish("sales", snapshot=4),
    "remove": lambda client: client.remove("sales"),
    "arrival": lambda client: client.arrivals("sales"),
    "tag": lambda client: client.tag("sales"),
    "audit": lambda client: client.audit("sales"),
    "maintenance": lambda client: client.maintenance("status"),
    "backlog": lambda client: client.backlog("sales"),
    "doctor": lambda client: client.doctor(),
}


EMPTY = {"runs": [], "snapshots": [], "outcomes": [], "next": None}


def test_the_command_knows_every_operation():
    assert CALLS.keys() == OPERATIONS.keys()


@pytest.mark.parametrize("op", OPERATIONS)
def test_the_command_reads_the_shape_that_the_api_answers_with(op, monkeypatch):
    asked = []
    monkeypatch.setattr(
        Client,
        "_call",
        lambda _, shape, asked_op, **__: asked.append((asked_op, shape)) or EMPTY,
    )
    CALLS[op](Client(Catchment(name="dev", kind="local", stack="Duckstring-dev")))
    assert asked == [(op, shape_of(op))]


def test_an_attempts_row_has_the_fields_that_its_shape_has():
    which = {"run", "ripple", "attempt", "status"}
    assert {*rows.FIELDS, *which, "overflow"} == set(AttemptRow.__annotations__)


def test_the_protocol_names_every_field_of_every_answer():
    text = PROTOCOL.read_text()
    section = text[text.index("### Rows of history") : text.index("## S3")]
    section += text[text.index("## Api function") : text.index("## Bus")]
    named = set(re.findall(r"\w+", section))
    fields = {
        f"{name}.{field}"
        for name, shape in SHAPES.items()
        if is_typeddict(shape)
        for field in hints_of(shape)
        if field not in named
    }
    assert fields == set()


def test_a_field_that_is_missing_unknown_or_of_another_type_is_found():
    row = {"line": "sales@1", "epoch": "2030", "warnings": [], "applied": True}
    assert [*faults(row, TriggerAnswer, "answer")] == []
    wrong = {"epoch": 7, "warnings": [True], "applied": True, "f": 1}
    assert [*faults(wrong, TriggerAnswer, "answer")] == [
        "answer.line is missing",
        "answer.f is not in TriggerAnswer",
        "answer.epoch is 7, expected str",
        "answer.warnings[0] is True, expected str",
    ]
