"""Publishing an earlier snapshot again: what is asked, refused and told."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from duckstring.api import publish as use_case
from duckstring.api.ports import PublishPorts
from duckstring.api.requests import PublishRequest, read
from duckstring.api.tables import NotPublishedError
from duckstring.engine.effects import PublishSnapshot
from duckstring.engine.signals import Republished
from duckstring.engine.state import PondState, Run, Tide, Wave
from duckstring.engine.step import step
from duckstring.engine.tables import again
from duckstring.errors import OperatorError, StateConflictError
from duckstring.model.as_of import Kept
from duckstring.model.catalog import TableVersion
from duckstring.model.find import PondNotFoundError
from duckstring.model.instants import NEVER, to_text
from duckstring.model.names import Line, table_key
from duckstring.model.values import replace
from duckstring.ports import Seen
from tests.unit.api.world import NOON, ShelfCatalog, StillClock, graph, release

SALES = Line("sales@1")
HOUR = timedelta(hours=1)


def version(number, table="orders", mark="x"):
    key = table_key(SALES, table, run=number, ripple="load", attempt=1, invocation="x")
    return TableVersion(table, key, 10, 5, mark)


def snapshot(number, *tables, held_f=NEVER, positions=()):
    tables = {one.table: one for one in tables}
    known = None if positions is None else {}
    return PublishSnapshot(number, ago(number), tables, positions=known, held_f=held_f)


def ago(number):
    return NOON - (10 - number) * HOUR


SNAPSHOTS = (
    snapshot(2, version(2), positions=None),
    snapshot(4, version(4, mark="y"), version(4, "same", "s"), version(4, "old")),
    snapshot(6, version(6, mark="z"), version(6, "same", "s"), version(6, "new")),
)


@dataclass
class World:
    """``sales@1``, and a line that takes letters at once, unless ``busy``."""

    snapshots: tuple[PublishSnapshot, ...] = SNAPSHOTS
    more: dict[str, object] = field(default_factory=dict)
    busy: bool = False
    begins: bool = False
    gone: int = 0
    sent: list[Republished] = field(default_factory=list)

    def __post_init__(self):
        last = self.snapshots[-1] if self.snapshots else snapshot(0)
        self.state = replace(
            PondState(SALES, release=release("sales@1"), snapshot=last.run, runs_started=8),
            tables=last.tables,
            snapshot_f=last.f,
            end_f=last.f,
            **self.more,
        )
        self.marks = 0

    def read(self, lines):
        return {line: Seen(self.state, mark=(0, str(self.marks))) for line in lines}

    def kept(self, _line, *, below, most):
        numbers = [Kept(one.run, one.f) for one in self.snapshots if one.run < below]
        return numbers[::-1][:most]

    def dropped(self, lines):
        return dict.fromkeys(lines, self.gone)

    def read_many(self, wanted):
        return {
            (line, one.run): one
            for line, number in wanted
            for one in self.snapshots
            if one.run == number
        }

    def send(self, letters):
        (letter,) = letters
        self.sent.append(letter.signal)
        if self.begins:
            self.state = replace(self.state, runs={9: run(9)})
        if not self.busy:
            (kept,) = self.read_many([(SALES, letter.signal.snapshot)]).values()
            found = again(kept, over=letter.signal.over)
            self.state = step(self.state, found, NOON).state
            self.marks = 1
        return ["1"]

    def ask(self, **asked):
        ports = PublishPorts(
            ShelfCatalog(graph(release("sales@1"))), self, self, self, StillClock()
        )
        return use_case.publish(read(PublishRequest, {"pond": "sales", **asked}), ports)


def run(number):
    return Run(number, NOON, NOON, timedelta(0), "1.0.0", "k", "m", 0, NOON)


def test_an_earlier_snapshot_is_published_under_a_new_number():
    world = World()
    answer = world.ask(snapshot=4)
    assert answer == {
        "line": SALES,
        "snapshot": 4,
        "over": 6,
        "f": to_text(ago(4)),
        "run": "sales@1/9",
        "tables": {"back": ["orders"], "same": ["same"], "gone": ["new"], "returned": ["old"]},
        "warnings": [],
        "applied": True,
    }
    assert world.sent == [Republished(4, 6)]
    assert world.state.tables == SNAPSHOTS[1].tables


def test_a_dry_run_says_the_same_and_sends_nothing():
    world = World()
    answer = world.ask(snapshot=4, dry=True)
    assert (answer["run"], answer["applied"], world.sent) == (None, False, [])
    assert answer["tables"] == World().ask(snapshot=4)["tables"]


@pytest.mark.parametrize(("hours", "number"), [(5.5, 4), (4.5, 4), (6, 4)])
def test_an_instant_means_what_was_published_then(hours, number):
    assert World().ask(at=to_text(NOON - hours * HOUR))["snapshot"] == number


def test_what_was_published_again_keeps_the_freshness_of_its_data():
    back = snapshot(7, version(2), held_f=ago(2))
    world = World((*SNAPSHOTS, back, snapshot(8, version(8))))
    assert world.ask(snapshot=7)["f"] == to_text(ago(2))


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({}, "Which snapshot"),
        ({"at": to_text(NOON), "snapshot": 4}, "Which snapshot"),
        ({"snapshot": 6}, "sales@1/6 is what sales@1 publishes now"),
        ({"at": to_text(NOON - HOUR)}, "sales@1/6 is what sales@1 publishes now"),
        ({"snapshot": 5}, "sales@1 has no snapshot 5"),
        ({"snapshot": 7}, "sales@1 has no snapshot 7"),
        ({"snapshot": 2}, "published by an earlier release"),
        ({"at": to_text(NOON - 9 * HOUR)}, "has no snapshot as of 2030-01-01T03:00:00"),
        ({"at": to_text(NOON + HOUR)}, "lies in the future"),
        ({"at": "yesterday"}, "at: "),
    ],
)
def test_what_cannot_be_published_is_refused_and_nothing_is_sent(asked, said):
    world = World()
    with pytest.raises(OperatorError, match=said):
        world.ask(**asked)
    assert world.sent == []


def test_a_snapshot_that_is_only_pinned_does_not_hold_as_of_an_instant():
    with pytest.raises(use_case.SnapshotNotKeptError):
        World(gone=5).ask(at=to_text(NOON - 5 * HOUR))
    assert World(gone=5).ask(snapshot=4)["applied"]


def test_a_line_that_runs_is_left_alone_and_its_runs_are_named():
    world = World(more={"runs": {9: run(9)}})
    with pytest.raises(use_case.RunInFlightError, match=r"running \(sales@1/9\)") as refused:
        world.ask(snapshot=4, dry=True)
    assert "duckstring control kill sales" in refused.value.hint
    assert world.sent == []


def test_a_run_that_begins_just_then_wins_and_that_is_said():
    world = World(begins=True)
    with pytest.raises(StateConflictError, match="began a run just now"):
        world.ask(snapshot=4)
    assert world.state.tables == SNAPSHOTS[2].tables


def test_what_was_published_since_the_caller_looked_is_not_rolled_back():
    world = World()
    with pytest.raises(
        StateConflictError, match="sales@1 publishes sales@1/6 by now, not sales@1/5"
    ):
        world.ask(snapshot=4, over=5)
    assert world.sent == []
    assert world.ask(snapshot=4, over=6)["applied"]


def test_what_a_line_published_before_it_was_removed_is_not_its_own_any_more():
    with pytest.raises(use_case.SnapshotNotKeptError):
        World(more={"former": 4}).ask(snapshot=4)
    assert World(more={"former": 3}).ask(snapshot=4)["applied"]


def test_a_line_that_is_busy_has_not_received_it_yet():
    answer = World(busy=True).ask(snapshot=4)
    assert (answer["applied"], answer["run"]) == (False, None)


@pytest.mark.parametrize("trigger", [Wave(), Tide(HOUR)])
def test_what_will_be_published_over_it_and_who_reads_it_when_are_said(trigger):
    sinks = {Line(f"s{at}@1"): (1, 1) for at in range(5)}
    world = World(more={"trigger": trigger, "sinks": sinks})
    first, second, third = world.ask(snapshot=4, dry=True)["warnings"]
    assert f"has a {type(trigger).__name__}: its next run is published over it" in first
    assert second.startswith("s0@1, s1@1, s2@1 and 2 more read it with their next run")
    assert third == "A Sink that reads new fails: that was not there yet."
    one = World(more={"trigger": trigger, "sinks": {Line("s0@1"): (1, 1)}})
    assert one.ask(snapshot=4, dry=True)["warnings"][1].startswith(
        "s0@1 reads it with its next run, and has what was published before until then. "
    )
    (waits,) = World(more={"pull": NOON}).ask(snapshot=4, dry=True)["warnings"]
    assert waits.startswith("sales@1 is asked for more: its next run is published over it")


def test_a_pond_that_there_is_not_or_that_has_no_snapshot_is_refused():
    with pytest.raises(PondNotFoundError):
        World().ask(pond="sale", snapshot=4)
    with pytest.raises(NotPublishedError):
        World(()).ask(snapshot=4)
