"""A large Catchment is looked at in parts, and what the page knows is soon what is true."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from duckstring_cli.page.looks import MOST, Known
from duckstring_cli.page.watch import Pace, StatusWatch
from tests.unit.cli.made_up import line_status

NOW = "2030-01-01T12:00:00.000000Z"


class Lake:
    """A Catchment of many lines, one after the other: each has the one before as its Source."""

    def __init__(self, size: int) -> None:
        self.lines = {name: self.line(name) for name in names(range(size))}
        self.looks: list[list[str] | None] = []

    def line(self, name: str, **fields: Any) -> Any:
        number = int(name[1:-2])
        source = {"line": f"p{number - 1}@1", "optional": False, "staleness_seconds": None}
        return line_status(
            name, sources=[source] if number else [], sinks=[f"p{number + 1}@1"], **fields
        )

    def __call__(self, *, lines: Any) -> Any:
        self.looks.append(lines)
        order = list(self.lines)
        if lines is None:
            return {"now": NOW, "lines": list(self.lines.values())}
        return {
            "now": NOW,
            "lines": [self.lines[one] for one in order if one in lines],
            "order": order,
        }

    def look(self, known: Known, *acted_on: str) -> list[Any]:
        answer = known.take(self(lines=known.next_look(NOW, acted_on)))
        return answer["lines"]


def names(numbers: Any) -> list[str]:
    return [f"p{number}@1" for number in numbers]


def test_a_small_catchment_is_read_whole_each_time() -> None:
    lake, known = Lake(MOST), Known()
    for _ in range(3):
        assert lake.look(known) == list(lake.lines.values())
    assert lake.looks == [None] * 3


CHANGES = st.lists(
    st.one_of(
        st.tuples(
            st.just("change"), st.integers(0, 349), st.sampled_from(["idle", "failed", "running"])
        ),
        st.tuples(st.just("remove"), st.integers(0, 349), st.none()),
        st.tuples(st.just("add"), st.integers(350, 400), st.none()),
        st.tuples(st.just("look"), st.none(), st.none()),
    ),
    max_size=12,
)


@given(CHANGES)
def test_after_some_looks_the_page_knows_what_is_true(changes: Any) -> None:
    lake, known = Lake(350), Known()
    lake.look(known)
    for what, number, status in changes:
        name = f"p{number}@1"
        if what == "look":
            lake.look(known)
        elif what == "remove":
            lake.lines.pop(name, None)
        elif what == "add" or name in lake.lines:
            lake.lines[name] = lake.line(name, status=status or "idle")
    told = lake.look(known)
    assert {line["line"] for line in told} <= lake.lines.keys(), "what was removed is gone at once"
    told = lake.look(known)
    new = lake.lines.keys() - names(range(350))
    assert new <= {line["line"] for line in told}, "what is new is there after two looks"
    for _ in range(len(lake.lines) // 40 + 1):
        told = lake.look(known)
    assert told == list(lake.lines.values())
    assert all(len(look) <= MOST for look in lake.looks if look is not None)


def test_a_catchment_that_grows_by_many_is_read_whole_once() -> None:
    lake, known = Lake(150), Known()
    lake.look(known)
    lake.lines = {name: lake.line(name) for name in names(range(400))}
    lake.look(known)
    assert len(lake.look(known)) == 400
    assert lake.looks[-1] is None
    lake.look(known)
    assert lake.looks[-1] is not None


def test_what_is_done_during_a_look_is_seen_by_the_next_one() -> None:
    lake = Lake(150)

    async def acts() -> None:
        watch = StatusWatch(lake, pace=Pace(busy=60, quiet=60))
        version, _ = await watch.newest("", 0)
        watch._read_at = None
        look = asyncio.create_task(watch.newest(version, 0))
        await asyncio.sleep(0)  # the look is under way
        watch.expire("p120@1")
        await look
        await watch.newest(version, 0)

    asyncio.run(acts())
    assert "p120@1" in (lake.looks[-1] or ())
    assert len(lake.looks) == 3


def test_what_moves_is_read_at_each_look_with_its_neighbours() -> None:
    lake, known = Lake(350), Known()
    opening = {"start": NOW, "end": NOW}
    lake.lines |= {
        "p10@1": lake.line("p10@1", status="running"),
        "p20@1": lake.line("p20@1", retry_at=NOW),
        "p30@1": lake.line("p30@1", windows=[{"next": opening}]),
        "p40@1": lake.line(
            "p40@1", windows=[{"next": {**opening, "start": "2030-01-01T12:00:01.000000Z"}}]
        ),
    }
    lake.look(known)
    for _ in range(3):
        lake.look(known)
        assert set(names([9, 10, 11, 19, 20, 21, 29, 30, 31])) <= set(lake.looks[-1] or ())
    assert sum("p40@1" in (look or ()) for look in lake.looks[1:]) <= 1


def test_what_somebody_acted_on_is_read_at_once_and_too_much_movement_in_turns() -> None:
    lake, known = Lake(350), Known()
    lake.lines = {name: lake.line(name, status="waiting") for name in lake.lines}
    lake.look(known)
    lake.look(known, "p349@1", "gone@1")
    assert "p349@1" in (lake.looks[-1] or ())
    for _ in range(4):
        lake.look(known)
    assert set().union(*(look or () for look in lake.looks[1:])) == lake.lines.keys()


def test_ages_of_what_was_not_read_grow() -> None:
    lake, known = Lake(150), Known()
    source = {"line": "p0@1", "optional": False, "staleness_seconds": 7.0}
    for name in lake.lines:
        lake.lines[name] |= {"staleness_seconds": 5.0, "sources": [source]}
    lake.look(known)
    answer: Any = {
        "now": "2030-01-01T12:00:10.000000Z",
        "lines": [lake.lines["p1@1"]],
        "order": list(lake.lines),
    }
    told: Any = {line["line"]: line for line in known.take(answer)["lines"]}
    assert told["p1@1"] == lake.lines["p1@1"]
    assert told["p2@1"]["staleness_seconds"] == 15.0
    assert told["p2@1"]["sources"][0]["staleness_seconds"] == 17.0
    assert told["p2@1"]["end_f"] == lake.lines["p2@1"]["end_f"]


def test_a_quiet_catchment_is_looked_at_less_often_until_something_happens() -> None:
    lake = Lake(3)

    async def watched() -> list[int]:
        watch = StatusWatch(lake, pace=Pace(busy=0.01, quiet=60))
        watch._changed_at = -1000  # as if the page were open for long
        counts = []
        version, _ = await watch.newest("", 0)
        watch._changed_at = -1000
        await watch.newest(version, 0.2)
        counts.append(len(lake.looks))
        watch.expire("p1@1")
        await watch.newest(version, 0.2)
        counts.append(len(lake.looks))
        return counts

    quiet, busy = asyncio.run(watched())
    assert quiet == 1
    assert busy > 3
