from __future__ import annotations

from typing import get_args

import msgspec
import pytest

from duckstring.api.answer import OPERATIONS, answer
from duckstring.api.requests import ArrivalRule, ComputeRequest, RunsRequest, read
from duckstring.engine.signals import Verb
from duckstring.errors import OperatorError
from duckstring.model.schema import SCHEMA

WRONG = (
    *(10**5000, -(10**5000), -1, 1.5, float("nan"), True, 10**6),
    *("", " ", "\ud800", "x" * 100_000, [], [[]], {}, {"a": 10**5000}),
)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_whatever_a_field_holds_it_is_taken_or_refused_in_a_line(operation):
    shape = OPERATIONS[operation].request
    for field in msgspec.structs.fields(shape):
        for value in WRONG:
            given = {one.name: "sales" for one in msgspec.structs.fields(shape) if one.required}
            try:
                read(shape, {**given, field.name: value})
            except OperatorError as error:
                lines = error.message.split("\n")
                assert all("; allowed: " in line and len(line) < 400 for line in lines), lines


SAYS = [
    ("control", {"verb": "stop"}, f"verb is 'stop'; allowed: {', '.join(get_args(Verb))}."),
    ("control", {}, f"verb is missing; allowed: {', '.join(get_args(Verb))}."),
    ("control", {"verb": "wake", "upstream": 1}, "upstream is 1; allowed: true or false."),
    ("compute", {"on": "moon"}, "on is 'moon'; allowed: lambda, task, auto."),
    (
        "compute",
        {"on": "task", "memory_mib": 1},
        "memory_mib is 1; allowed: whole numbers from 128 to 122880.",
    ),
    (
        "failure-budget",
        {"immediate_retries": -1, "source_retries": 1001},
        (
            "immediate_retries is -1; allowed: whole numbers from 0 to 1000.\n"
            "source_retries is 1001; allowed: whole numbers from 0 to 1000."
        ),
    ),
    ("runs", {"limit": 0}, "limit is 0; allowed: 1 to 1000."),
    ("runs", {"limit": 1001}, "limit is 1001; allowed: 1 to 1000."),
    (
        "runs",
        {"status": "exploded"},
        "status is 'exploded'; allowed: running, success, pass, failed, killed, removal, rollback.",
    ),
    ("status", {"major": True}, "major is True; allowed: a whole number."),
    ("status", {"major": 1.0}, "major is 1.0; allowed: a whole number."),
    ("status", {"lines": "sales@1"}, "lines is 'sales@1'; allowed: a list of at most 200 lines."),
    (
        "status",
        {"lines": ["a"] * 201},
        f"lines is {str(['a'] * 201)[:80]}...; allowed: a list of at most 200 lines.",
    ),
    ("tables", {"pond": ""}, "pond is missing; allowed: text."),
    ("tables", {"pond": 7}, "pond is 7; allowed: text."),
    ("window", {"action": "alter"}, "action is 'alter'; allowed: add, list, remove."),
    ("run", {"run": None}, "run is missing; allowed: text."),
    (
        "arrival",
        {"action": "add", "arrival": []},
        "arrival is []; allowed: an object: name, bucket, prefix, suffix, kind.",
    ),
]


@pytest.mark.parametrize(("op", "fields", "said"), SAYS)
def test_a_request_that_is_wrong_is_refused_field_by_field_before_anything_is_read(
    op, fields, said
):
    told = answer({"op": op, "pond": "sales", **fields}, None)
    assert told == {"ok": False, "error": {"type": "OperatorError", "message": said, "hint": ""}}


def test_a_long_value_is_cut_in_a_refusal():
    said = answer({"op": "deploy", "ponds": "x" * 5000}, None)["error"]["message"]
    assert said.startswith("ponds is 'xxx")
    assert len(said) < 250


def test_null_is_as_left_out_and_what_is_not_known_is_passed_over():
    assert read(RunsRequest, {"op": "runs", "limit": None, "colour": "red"}) == RunsRequest()
    given = {"pond": "sales", "on": "task", "memory_mib": 128}
    assert read(ComputeRequest, given) == ComputeRequest("sales", on="task", memory_mib=128)


def test_a_rule_of_arrivals_says_all_its_faults_at_once():
    with pytest.raises(OperatorError) as caught:
        read(ArrivalRule, {"name": "N", "prefix": 7, "kind": "wave"})
    assert caught.value.message.splitlines() == [
        "name is 'N'; allowed: a lower-case letter, then up to 47 of a-z 0-9 _ -.",
        "bucket is missing; allowed: a bucket's name.",
        "prefix is 7; allowed: text.",
        "kind is 'wave'; allowed: pulse, tap.",
    ]


@pytest.mark.parametrize("op", OPERATIONS)
def test_each_field_of_each_request_has_words_for_what_it_takes(op):
    class Nothing:
        """Fits no field."""

    shape = OPERATIONS[op].request
    for field in msgspec.structs.fields(shape):
        if field.type is not object:
            with pytest.raises(OperatorError, match=f"{field.name} is .*; allowed: .+"):
                read(shape, {field.name: Nothing()})


def test_an_older_command_changes_nothing_before_anything_is_read():
    told = answer({"op": "deploy", "ponds": [], "schema": SCHEMA - 1}, None)
    assert told["error"]["type"] == "OlderCommandError"
    assert "Upgrade the command" in told["error"]["hint"]
