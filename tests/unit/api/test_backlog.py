"""What ``backlog`` answers: objects that arrived and wait."""

from __future__ import annotations

from datetime import timedelta

import pytest

from duckstring.api.backlog import backlog
from duckstring.api.requests import BacklogRequest
from duckstring.api.status import describe
from duckstring.engine.state import PondState
from duckstring.model.arrivals import ARRIVALS, ArrivedObject, KeptArrival, position_at
from duckstring.model.find import PondNotFoundError
from duckstring.model.names import Line
from duckstring.ports import Seen
from tests.unit.api.world import NOON, KeptObjects, ShelfCatalog, States, graph, release

SALES = Line("sales@1")
RELEASE = release("sales@1")


def kept(most):
    return [
        KeptArrival(n, ArrivedObject("landing", f"in/{n}", n), NOON + timedelta(seconds=n))
        for n in range(1, most + 1)
    ]


def asked(arrived, taken=None, **more):
    held = {} if taken is None else {"load": {ARRIVALS: position_at(taken)}}
    state = PondState(SALES, release=RELEASE, arrived=arrived, positions=held)
    return backlog(
        BacklogRequest("sales", **more),
        catalog=ShelfCatalog(graph(RELEASE)),
        states=States({SALES: Seen(state)}),
        kept=KeptObjects({SALES: kept(arrived)}),
    )


def test_the_objects_that_wait_are_told_the_oldest_first():
    assert asked(3, taken=1) == {
        "line": "sales@1",
        "waiting": 2,
        "objects": [
            {
                "number": n,
                "uri": f"s3://landing/in/{n}",
                "size": n,
                "arrived": f"2030-01-01T12:00:0{n}.000000Z",
            }
            for n in (2, 3)
        ],
    }
    assert asked(3)["waiting"] == 3, "nobody has ever asked for any"


def test_many_are_told_in_pages():
    first = asked(2_500, taken=100)
    assert (first["waiting"], len(first["objects"]), first["next"]) == (2_400, 1_000, 1_100)
    last = asked(2_500, taken=100, after=2_100)
    assert [one["number"] for one in last["objects"]] == list(range(2_101, 2_501))
    assert "next" not in last
    assert asked(1_000).keys() == {"line", "waiting", "objects"}


def test_a_line_that_has_received_nothing_has_none():
    found = backlog(
        BacklogRequest("sales"),
        catalog=ShelfCatalog(graph(RELEASE)),
        states=States(),
        kept=KeptObjects(),
    )
    assert found == {"line": "sales@1", "waiting": 0, "objects": []}
    with pytest.raises(PondNotFoundError):
        backlog(
            BacklogRequest("salse"),
            catalog=ShelfCatalog(graph(RELEASE)),
            states=States(),
            kept=KeptObjects(),
        )


def test_status_tells_how_many_wait_once_any_has_come():
    state = PondState(SALES, release=RELEASE, arrived=5, arrivals_from=2)
    assert describe(state, RELEASE, NOON)["backlog"] == 3
    assert "backlog" not in describe(PondState(SALES, release=RELEASE), RELEASE, NOON)
