"""Pages of the status of many lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duckstring.api import status as status_module
from duckstring.api.looking import Wanted, page_of
from duckstring.api.requests import StatusRequest
from duckstring.api.status import status
from duckstring.engine.state import PondState
from duckstring.errors import OperatorError
from duckstring.model.names import Line
from duckstring.model.statuses import STATUSES
from duckstring.model.values import replace
from duckstring.ports import Seen
from tests.unit.api.world import (
    NOON,
    Operators,
    Rest,
    ShelfCatalog,
    States,
    graph,
    release,
    status_ports,
)

NAMES = [Line(f"p{number:02d}@1") for number in range(12)]
KILLED, WAITS, LATE = NAMES[3], NAMES[7], NAMES[8]


class CountingStates(States):
    read_lines = 0

    def read(self, lines):
        self.read_lines += len(set(lines))
        return super().read(lines)


@pytest.fixture
def many():
    """Twelve lines. One is killed, one waits; what a third is has to be read."""
    releases = [release(name) for name in NAMES]
    killed = replace(PondState(KILLED, release=releases[3]), health="killed")
    waits = replace(PondState(WAITS, release=releases[7]), pull=NOON)
    return status_ports(
        ShelfCatalog(graph(*releases)),
        states=CountingStates({KILLED: Seen(killed), WAITS: Seen(waits)}),
        rest=Rest({KILLED: "killed", WAITS: "waiting", Line("gone@1"): "failed"}),
        operated=Operators({"p07": {"team": "x"}, "p08": {"team": "x"}}),
    )


def told(ports, **asked):
    answer = status(StatusRequest(**asked), **ports)
    assert "next" not in answer
    return [line["line"] for line in answer["lines"]], answer["page"]


def test_a_page_has_first_what_is_not_at_rest_and_reads_no_other_state(many):
    lines, page = told(many, limit=4)
    assert lines == [KILLED, WAITS, NAMES[0], NAMES[1]]
    assert page == {
        "totals": {"killed": 1, "waiting": 1, "idle": 10},
        "next": "idle:p01@1",
    }
    assert many["states"].read_lines == 4


def test_pages_have_each_line_once(many):
    found, after = [], None
    while True:
        lines, page = told(many, limit=5, after=after)
        found += lines
        after = page["next"]
        if after is None:
            break
    assert found == [KILLED, WAITS, *(name for name in NAMES if name not in {KILLED, WAITS})]


def test_while_the_index_is_not_known_all_states_are_read_and_the_page_is_the_same(many):
    with_index = told(many, limit=4)
    many["rest"].words = None
    assert told(many, limit=4) == with_index
    assert many["states"].read_lines == 4 + 12 + 4


def test_a_page_that_has_room_for_all_asks_nobody_who_is_at_rest(many):
    lines, page = told(many, limit=12)
    assert sorted(lines) == sorted(NAMES)
    assert page == {"totals": {"killed": 1, "waiting": 1, "idle": 10}, "next": None}
    assert many["rest"].asked == 0


def test_lines_of_a_status_and_of_a_tag(many):
    many["rest"].words |= {LATE: "stale"}
    assert told(many, statuses=["killed", "waiting"])[0] == [KILLED, WAITS]
    assert told(many, statuses=["stale"]) == ([LATE], {"totals": {"stale": 1}, "next": None})
    idle, page = told(many, statuses=["idle"], limit=2)
    assert (idle, page["totals"]) == ([LATE, NAMES[0]], {"stale": 1, "idle": 9})
    assert told(many, statuses=["waiting"], tags={"team": "x"})[0] == [WAITS]
    assert told(many, limit=1, tags={"team": "x"}) == (
        [LATE],
        {"totals": {"stale": 1, "waiting": 1}, "next": f"stale:{LATE}"},
    )


def test_a_line_that_is_gone_still_marks_where_a_page_begins(many):
    assert told(many, limit=2, after="waiting:p99@1")[0] == [NAMES[0], NAMES[1]]


@pytest.mark.parametrize(
    "after", ["p01@1", "idle", "idle:", "asleep:p01@1", "idle:p01", "idle:P@1"]
)
def test_a_page_begins_only_where_one_does(many, after):
    with pytest.raises(OperatorError, match="is not the next of a page; allowed: such as idle:"):
        told(many, limit=2, after=after)


def test_a_page_without_room_ends_early_and_loses_nothing(many, monkeypatch):
    monkeypatch.setattr(status_module, "_ROOM", 0)
    found, after = [], None
    while True:
        lines, page = told(many, limit=20, after=after)
        assert len(lines) == 1
        found += lines
        after = page["next"]
        if after is None:
            break
    assert found == [KILLED, WAITS, *(name for name in NAMES if name not in {KILLED, WAITS})]


WORDS = st.sampled_from(STATUSES)


@given(
    st.dictionaries(st.integers(1, 60).map(lambda n: Line(f"p{n}@1")), WORDS, max_size=40),
    st.integers(1, 9),
)
def test_pages_are_the_whole_in_its_order_and_the_totals_are_right(words, limit):
    lines = sorted(words)
    deployed = {line for line, word in words.items() if word != "undeployed"}
    rest = Rest({line: word for line, word in words.items() if word not in {"idle", "undeployed"}})
    found, after = [], None
    while True:
        page = page_of(
            lines, deployed, Wanted(None, after, limit), rest=rest, states=States(), now=NOON
        )
        assert sum(page.totals.values()) == len(words)
        assert len(page.lines) <= limit
        found += page.lines
        if (after := page.next) is None:
            break
    assert found == sorted(lines, key=lambda line: (STATUSES.index(words[line]), line))
