from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from duckstring.engine.signals import AlarmRang, Deployed, ExecutionEnded
from duckstring.engine.state import Attempt, PondState, RippleState, Run, SourceView
from duckstring.model.catalog import TableVersion
from duckstring.model.names import Line, table_key
from duckstring.ports import Seen
from duckstring.service.sweep import Rounds, sweep
from tests.unit.api.world import NOON, Executions, Post, ShelfCatalog, Shelves, States, StillClock, graph, release, source

SALES, REPORTS = Line("sales@1"), Line("reports@1")
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
NOW = NOON + timedelta(hours=1)
SELECTED = release("sales@1")
LONG_AGO = (int((NOON.timestamp()) * 1000), "1")
JUST_NOW = (int(NOW.timestamp() * 1000) - 1000, "1")


def run(number=1, **changes):
    return replace(Run(number, NOON, NOON, timedelta(0), "1.0.0", "k", "m", 0, NOON), **changes)


def pond(**changes):
    return replace(PondState(SALES, release=SELECTED), **changes)


class World:
    def __init__(self, *seen, releases=(SELECTED,), described=None, shelves=None):
        self.post, self.shelves = Post(), shelves or Shelves(open=False)
        held = {one.state.line: one for one in seen}
        executions = Executions(described or {})
        self.rounds = Rounds(ShelfCatalog(graph(*releases)), States(held), executions, self.shelves, self.post, StillClock(NOW))

    def letters(self):
        self.report = sweep(self.rounds)
        return [(letter.to, letter.signal) for letter in self.post.letters]


def test_a_catchment_at_rest_gets_no_letters():
    assert World(Seen(pond(), mark=LONG_AGO)).letters() == []


def test_a_run_whose_execution_is_over_is_told_so():
    world = World(Seen(pond(runs={1: run()})), described={"sales@1/1-1": ("FAILED", "States.ServiceRestart")})
    assert world.letters() == [(SALES, ExecutionEnded(1, 1, "FAILED", "States.ServiceRestart"))]
    assert world.report["ended"] == ["sales@1/1"]


def test_a_running_execution_is_left_alone():
    assert World(Seen(pond(runs={1: run()})), described={"sales@1/1-1": ("RUNNING", "")}).letters() == []


def attempting(minutes, **changes):
    attempt = Attempt(1, 2, NOW - minutes * MINUTE, **changes)
    return pond(runs={1: run()}, ripples={"load": RippleState("load", attempt=attempt)})


@pytest.mark.parametrize(("minutes", "dispatched"), [(46, True), (361, False)])
def test_an_attempt_of_which_nothing_was_heard_for_too_long_has_its_execution_stopped_and_told_lost(minutes, dispatched):
    world = World(Seen(attempting(minutes, dispatched=dispatched)), described={"sales@1/1-1": ("RUNNING", "")})
    why = f"nothing was heard of attempt 2 of load for {minutes} min"
    assert world.letters() == [(SALES, ExecutionEnded(1, 1, "LOST", why))]
    assert world.rounds.executions.stopped == ["sales@1/1-1"]


@pytest.mark.parametrize(("minutes", "dispatched"), [(44, True), (359, False)])
def test_an_attempt_that_may_still_live_is_left_alone(minutes, dispatched):
    world = World(Seen(attempting(minutes, dispatched=dispatched)), described={"sales@1/1-1": ("RUNNING", "")})
    assert (world.letters(), world.rounds.executions.stopped) == ([], [])


def test_the_current_launch_is_what_is_looked_at():
    described = {"sales@1/1-1": ("FAILED", "x"), "sales@1/1-2": ("RUNNING", "")}
    assert World(Seen(pond(runs={1: run(launch=2)})), described=described).letters() == []


def test_an_execution_that_does_not_exist_is_lost_once_it_should_be_there():
    lost = [(SALES, ExecutionEnded(1, 1, "LOST", "the execution does not exist"))]
    assert World(Seen(pond(runs={1: run()}), mark=JUST_NOW)).letters() == lost
    assert World(Seen(pond(runs={1: run(started=NOW - MINUTE / 2)}), mark=JUST_NOW)).letters() == []
    assert World(Seen(pond(runs={1: run()}), owes=True, mark=JUST_NOW)).letters() == []


def test_a_second_launch_may_be_young_although_its_run_is_old():
    assert World(Seen(pond(runs={1: run(launch=2)}), mark=JUST_NOW)).letters() == []
    assert len(World(Seen(pond(runs={1: run(launch=2)}), mark=LONG_AGO)).letters()) == 1


def test_an_outbox_left_behind_is_woken_and_a_fresh_one_is_not():
    world = World(Seen(pond(), owes=True, mark=LONG_AGO))
    assert world.letters() == [(SALES, AlarmRang())]
    assert world.report["owing"] == [SALES]
    assert World(Seen(pond(), owes=True, mark=JUST_NOW)).letters() == []


@pytest.mark.parametrize(
    ("changes", "woken"),
    [
        ({"alarm": NOW - 2 * MINUTE}, True),
        ({"alarm": NOW - MINUTE / 2}, False),
        ({"alarm": NOW + MINUTE}, False),
        ({"pull": NOON}, True),
        ({"targets": (NOON,)}, True),
    ],
)
def test_late_alarms_and_idle_demand_get_one_nudge(changes, woken):
    assert World(Seen(pond(**changes))).letters() == ([(SALES, AlarmRang())] if woken else [])


def test_a_selection_that_its_line_never_heard_of_is_posted_under_the_deploys_own_key():
    newer = replace(SELECTED, version="1.1.0", deployed=NOW - 2 * MINUTE)
    world = World(Seen(pond()), releases=(newer,))
    assert world.letters() == [(SALES, Deployed(newer))]
    again = World(Seen(pond()), releases=(newer,))
    again.letters()
    assert again.post.letters[0].key == world.post.letters[0].key
    assert World(releases=(newer,)).letters() == [(SALES, Deployed(newer))]


def test_a_selection_just_made_or_heard_of_is_not_posted():
    newer = replace(SELECTED, deployed=NOW - 2 * MINUTE)
    assert World(Seen(pond(next_release=newer)), releases=(newer,)).letters() == []
    assert World(Seen(pond()), releases=(replace(newer, deployed=NOW - MINUTE / 2),)).letters() == []


def key(number, table="t"):
    return table_key(SALES, table, run=number, ripple="load", attempt=1, invocation="a")


def version(number, table="t"):
    return TableVersion(table, key(number, table), 1, 1, "x")


OLD = NOW - 2 * DAY


def cellar(numbers, f=OLD):
    return Shelves({SALES: {n: (f, frozenset({key(n)})) for n in numbers}}, {key(n): OLD for n in numbers})


def kept(shelves):
    return sorted(int(name.rsplit("/", 1)[1][:10]) for name in shelves.written)


def test_what_no_kept_snapshot_names_is_deleted_after_a_day():
    shelves = cellar(range(1, 11))
    world = World(Seen(pond(snapshot=10, runs_started=10, tables={"t": version(10)})), shelves=shelves)
    world.letters()
    assert sorted(shelves.kept[SALES]) == [8, 9, 10]
    assert kept(shelves) == [8, 9, 10]
    assert (world.report["manifests"], world.report["objects"], world.report["tidied"]) == (7, 7, True)


def test_a_table_written_long_ago_and_still_published_stays():
    shelves = cellar(range(1, 11))
    shelves.written[key(1, "rates")] = OLD
    World(Seen(pond(snapshot=10, runs_started=10, tables={"t": version(10), "rates": version(1, "rates")})), shelves=shelves).letters()
    assert key(1, "rates") in shelves.written
    assert key(1) not in shelves.written


def test_snapshots_that_a_sink_reads_or_may_pin_next_stay():
    shelves = cellar(range(1, 11))
    sink = PondState(REPORTS, runs={5: run(5, pins={SALES: 3})}, sources={SALES: SourceView(SALES, snapshot=5)})
    releases = (SELECTED, release("reports@1", "", source("sales@1")))
    described = {"reports@1/5-1": ("RUNNING", "")}
    World(Seen(pond(snapshot=10, runs_started=10)), Seen(sink), releases=releases, described=described, shelves=shelves).letters()
    assert sorted(shelves.kept[SALES]) == [3, 5, 8, 9, 10]
    assert kept(shelves) == [3, 5, 8, 9, 10]


def test_young_snapshots_and_young_objects_stay():
    shelves = cellar(range(1, 11), f=NOW - DAY / 2)
    shelves.written[key(11)] = NOW - DAY / 2
    World(Seen(pond(snapshot=10, runs_started=11)), shelves=shelves).letters()
    assert kept(shelves) == list(range(1, 12))


def test_a_run_in_flight_keeps_everything_it_wrote_and_a_dead_attempts_leftovers_go():
    shelves = cellar([10])
    shelves.written |= {key(11): OLD, key(7, "half"): OLD, key(12): OLD}
    state = pond(snapshot=10, runs_started=11, runs={11: run(11)})
    World(Seen(state), described={"sales@1/11-1": ("RUNNING", "")}, shelves=shelves).letters()
    assert kept(shelves) == [10, 11, 12]


def test_lines_that_are_not_known_and_names_that_are_not_ours_are_left_alone():
    shelves = Shelves(written={"data/gone@1/t/0000000001-load-1.parquet": OLD, "data/readme.txt": OLD, "data/sales@1/x/notes.txt": OLD})
    World(Seen(pond()), shelves=shelves).letters()
    assert len(shelves.written) == 3


def test_tidying_is_done_by_one_sweep_at_a_time():
    shelves = cellar(range(1, 11))
    shelves.open = False
    world = World(Seen(pond(snapshot=10, runs_started=10)), shelves=shelves)
    world.letters()
    assert len(shelves.written) == 10
    assert world.report["tidied"] is False
