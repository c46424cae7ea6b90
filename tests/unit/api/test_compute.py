from __future__ import annotations

import pytest

from duckstring.api.compute import compute
from duckstring.api.requests import ComputeRequest
from duckstring.engine.signals import ComputePinned
from duckstring.errors import OperatorError
from duckstring.model.catalog import RippleSpec
from duckstring.model.compute import FunctionSize, mebibytes
from duckstring.model.names import Line
from duckstring.model.values import replace
from tests.unit.api.test_control import Town
from tests.unit.api.world import ShelfCatalog, graph, release

SALES, ORDERS = Line("sales@1"), Line("orders@1")
FUNCTION = FunctionSize(2048, 900)


@pytest.fixture
def town():
    return Town(
        ShelfCatalog(
            graph(release("orders@1", kind="inlet"), release("sales@1", ripples=("load", "join")))
        )
    )


def asked(town, pond, **wish):
    return compute(ComputeRequest(pond, **wish), town.ports, function=FUNCTION)


def row(told, name):
    (found,) = (one for one in told["ripples"] if one["name"] == name)
    return found


def test_where_ripples_run_is_shown_and_nobody_told(town):
    told = asked(town, "sales")
    plain = {
        "runs_on": "lambda",
        "task_mib": 0,
        "decided_by": "default",
        "cpu_units": 0,
        "learnt_mib": 0,
        "pin": None,
    }
    assert told == {
        "line": "sales@1",
        "function": {"memory_mib": 2048, "seconds": 900},
        "ripples": [{"name": "load", **plain}, {"name": "join", **plain}],
        "applied": True,
    }
    assert town.letters == []


def test_a_word_is_told_to_the_line_and_answered_by_where_the_ripple_runs_now(town):
    told = asked(town, "sales", ripple="join", on="task", memory_mib=9000)
    assert [(letter.to, letter.signal) for letter in town.letters] == [
        (SALES, ComputePinned("join", "task", 9000))
    ]
    found = row(told, "join")
    assert (found["runs_on"], found["task_mib"], found["cpu_units"], found["decided_by"]) == (
        "task",
        16_384,
        2048,
        "operator",
    )
    assert found["pin"] == {"on": "task", "memory_mib": 9000}
    assert row(told, "load")["decided_by"] == "default"
    assert row(asked(town, "sales", ripple="join", on="auto"), "join")["pin"] is None


def test_the_only_ripple_need_not_be_named(town):
    assert row(asked(town, "orders", on="task"), "load")["task_mib"] == 8192
    assert "Say which one" in refused(town, "sales", on="task").hint


def test_what_a_line_has_not_heard_in_time_is_said_to_be_under_way(town):
    town.deaf = True
    told = asked(town, "orders", on="task")
    assert (told["applied"], row(told, "load")["runs_on"]) == (False, "lambda")


def test_a_version_that_the_line_has_not_taken_up_yet_is_what_is_shown(town):
    specs = (RippleSpec("load", memory_mib=20_000, starts_on="task"), RippleSpec("more"))
    town.catalog.selected[ORDERS] = replace(
        release("orders@1", "1.1.0", kind="inlet"), ripples=specs
    )
    told = asked(town, "orders")
    assert [(one["name"], one["task_mib"], one["decided_by"]) for one in told["ripples"]] == [
        ("load", 30_720, "hint"),
        ("more", 0, "default"),
    ]


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"ripple": "jion", "on": "task"}, "sales@1 has no Ripple 'jion'; it has load, join."),
        ({"ripple": "xyz", "on": "task"}, "sales@1 has no Ripple 'xyz'; it has load, join."),
        (
            {"ripple": "join", "on": "lambda", "memory_mib": 9000},
            "memory_mib with on: lambda; only a task has a size of its own.",
        ),
        ({"ripple": "join", "memory_mib": 9000}, "memory_mib without on; it goes with on: task."),
        ({"on": "task"}, "sales@1 has 2 Ripples: load, join."),
    ],
)
def test_what_cannot_be_is_refused_and_nobody_told(town, wish, message):
    assert refused(town, "sales", **wish).message == message
    assert town.letters == []


def refused(town, pond, **wish):
    with pytest.raises(OperatorError) as caught:
        asked(town, pond, **wish)
    return caught.value


def test_sizes_are_read_as_people_write_them():
    assert [mebibytes(text) for text in ("16GB", "512 mb", "1.5GiB", "120GB")] == [
        16_384,
        512,
        1536,
        122_880,
    ]
    assert [mebibytes(text) for text in ("", "16", "16TB", "0GB", "121GB", "-1GB", "1e3MB")] == [
        None
    ] * 7
