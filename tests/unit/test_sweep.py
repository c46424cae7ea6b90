from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest

from duckstring.engine.effects import Claim
from duckstring.engine.limits import GrantTokens, LimitState, TokensClaimed
from duckstring.engine.limits import step as limit_step
from duckstring.engine.rest import unrest
from duckstring.engine.signals import (
    AlarmRang,
    ClaimsAsked,
    Deployed,
    ExecutionEnded,
    HoldSet,
    Removed,
    Restored,
)
from duckstring.engine.state import Attempt, PondState, RippleState, Run, SourceReport, SourceView
from duckstring.errors import TransientError
from duckstring.model.arrivals import ARRIVALS, ArrivedObject, KeptArrival, position_at
from duckstring.model.catalog import Part, Position, Removal, TableVersion
from duckstring.model.instants import NEVER, to_text
from duckstring.model.lake import Exported, Listing, digest_of, shown
from duckstring.model.names import (
    Line,
    artifact_key,
    file_of_key,
    limit_address,
    location_of_key,
    parse_line,
    table_key,
)
from duckstring.model.retention import KEPT, Retention
from duckstring.model.said import Hold
from duckstring.model.values import replace
from duckstring.model.verdicts import MOST_BRANCHES
from duckstring.orchestrator.ports import HeldLimit
from duckstring.ports import SOON, Seen
from duckstring.sweep.ports import SweepPorts
from duckstring.sweep.sweep import sweep
from duckstring.testing.fakes import MemoryLimits
from tests.unit.api.world import (
    NOON,
    Archive,
    AttemptRows,
    Executions,
    Garbage,
    KeptObjects,
    Operators,
    Post,
    Residence,
    ShelfCatalog,
    States,
    StillClock,
    SweptIceberg,
    SweptLake,
    graph,
    release,
    source,
)

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


class Shelf:
    """``ports.HistoryStore``: when each run of a line began, and how long that is kept."""

    def __init__(self, runs, *, kept=None):
        self.runs, self.asked, self.kept, self.slow = runs, [], kept, None

    def old_runs(self, line, *, before, last):
        self.asked.append((line, before, last))
        for number, began in sorted(self.runs.get(line, {}).items()):
            if number > last or began >= before:
                return
            yield number

    def forget_runs(self, line, numbers):
        for number in numbers:
            del self.runs[line][number]
        if self.slow:
            self.slow()
        return 3 * len(numbers)


def listed(seen):
    return dataclasses.replace(seen, listed=unrest(seen.state) or "")


class RestNote:
    """``ports.RestIndexKeeper``: whether the index is whole, as it was noted last."""

    is_whole = None

    def settle(self, now, *, is_whole):
        self.is_whole = is_whole


class World:
    def __init__(
        self,
        *seen,
        releases=(SELECTED,),
        removals=(),
        versions=(),
        described=None,
        garbage=None,
        rows=None,
    ):
        self.post, self.garbage = Post(), garbage or Garbage(open=False)
        self.limits = MemoryLimits()
        held = {one.state.line: listed(one) for one in seen}
        self.rest = RestNote()
        executions = Executions(described or {})
        self.catalog = ShelfCatalog(
            graph(*releases), gone={removal.line: removal for removal in removals}
        )
        self.catalog.versions |= {(parse_line(one.line)[0], one.version): one for one in versions}
        clock, self.operated, self.backlog = StillClock(NOW), Operators(), KeptObjects()
        self.ports = SweepPorts(
            self.catalog,
            Archive(self.catalog),
            States(held),
            self.rest,
            self.limits,
            executions,
            AttemptRows(rows or {}),
            self.garbage,
            Residence(),
            Shelf({}),
            self.operated,
            self.backlog,
            SweptLake(is_there=False),
            SweptIceberg(is_there=False),
            MINUTE,
            None,
            KEPT,
            self.post,
            clock,
        )

    def holds(self, *seen):
        """Items as they are, whatever the index has of them."""
        held = States({one.state.line: one for one in seen})
        self.ports = dataclasses.replace(self.ports, states=held)
        return self

    def came(self, came):
        """Its table came here then; None: it is being restored."""
        self.ports = dataclasses.replace(self.ports, residence=Residence(came))
        return self

    def shows(self, lake):
        self.ports = dataclasses.replace(self.ports, lake=lake)
        return self

    def remembers(self, shelf):
        self.ports = dataclasses.replace(self.ports, history=shelf, history_kept=shelf.kept)
        return self

    def letters(self):
        self.report = sweep(self.ports)
        return [(letter.to, letter.signal) for letter in self.post.letters]


def test_a_catchment_at_rest_gets_no_letters():
    assert World(Seen(pond(), mark=LONG_AGO)).letters() == []


def test_a_line_that_the_index_has_not_as_it_is_gets_a_nudge_until_it_has():
    failed = pond(health="failed")
    old = World().holds(Seen(failed, mark=LONG_AGO, committed=NOON))
    assert old.letters() == [(SALES, AlarmRang())]
    assert (old.report["unlisted"], old.report["woken"]) == ([SALES], [])
    assert old.rest.is_whole is False
    other = World().holds(Seen(failed, mark=LONG_AGO, committed=NOON, listed="running"))
    assert other.letters() == [(SALES, AlarmRang())]
    at_rest = World().holds(Seen(pond(), mark=LONG_AGO, committed=NOON, listed="failed"))
    assert at_rest.letters() == [(SALES, AlarmRang())]
    whole = World(Seen(failed, mark=LONG_AGO, committed=NOON))
    assert whole.letters() == []
    assert (whole.report["unlisted"], whole.rest.is_whole) == ([], True)


def test_a_nudge_for_the_index_waits_until_it_proves_nothing_about_effects():
    just_now = Seen(pond(health="killed"), mark=JUST_NOW, committed=NOW - MINUTE)
    world = World().holds(just_now)
    assert world.letters() == []
    assert (world.report["unlisted"], world.rest.is_whole) == ([SALES], False)


def test_a_run_whose_execution_is_over_is_told_so():
    world = World(
        Seen(pond(runs={1: run()})), described={"sales@1/1-1": ("FAILED", "States.ServiceRestart")}
    )
    assert world.letters() == [(SALES, ExecutionEnded(1, 1, "FAILED", "States.ServiceRestart"))]
    assert world.report["ended"] == ["sales@1/1"]


def test_a_running_execution_is_left_alone():
    assert (
        World(Seen(pond(runs={1: run()})), described={"sales@1/1-1": ("RUNNING", "")}).letters()
        == []
    )


def attempting(minutes, **changes):
    attempt = Attempt(1, 2, NOW - minutes * MINUTE, **changes)
    return pond(runs={1: run()}, ripples={"load": RippleState("load", attempt=attempt)})


@pytest.mark.parametrize(("minutes", "dispatched"), [(361, True), (361, False)])
def test_an_attempt_of_which_nothing_was_heard_for_too_long_has_its_execution_stopped_and_told_lost(
    minutes, dispatched
):
    world = World(
        Seen(attempting(minutes, dispatched=dispatched)), described={"sales@1/1-1": ("RUNNING", "")}
    )
    why = f"nothing was received from attempt 2 of load for {minutes} min"
    assert world.letters() == [(SALES, ExecutionEnded(1, 1, "LOST", why))]
    assert world.ports.executions.stopped == ["sales@1/1-1"]


@pytest.mark.parametrize(("minutes", "dispatched"), [(359, True), (359, False)])
def test_an_attempt_that_may_still_live_is_left_alone(minutes, dispatched):
    world = World(
        Seen(attempting(minutes, dispatched=dispatched)), described={"sales@1/1-1": ("RUNNING", "")}
    )
    assert (world.letters(), world.ports.executions.stopped) == ([], [])


HOUR = 60
LASTING = [{"where": "task"}, {"where": "lambda", "pauses": 1}]


@pytest.mark.parametrize("row", LASTING, ids=["task", "pauses"])
@pytest.mark.parametrize(("minutes", "timeout"), [(24 * HOUR + 44, None), (72 * HOUR, 72 * 3600)])
def test_a_task_or_an_attempt_that_pauses_has_its_own_time(row, minutes, timeout):
    assert _heard(row, minutes, timeout) == ([], [])


@pytest.mark.parametrize("row", LASTING, ids=["task", "pauses"])
@pytest.mark.parametrize(("minutes", "timeout"), [(24 * HOUR + 46, None), (2 * HOUR, 3600)])
def test_a_task_or_an_attempt_that_pauses_is_lost_when_its_own_time_is_over(row, minutes, timeout):
    assert [type(signal) for _, signal in _heard(row, minutes, timeout)[0]] == [ExecutionEnded]


def test_one_that_sits_in_the_function_is_lost_soon():
    assert [type(signal) for _, signal in _heard({"where": "lambda"}, 46, None)[0]] == [
        ExecutionEnded
    ]
    assert _heard({"where": "lambda", "started": to_text(NOW - 44 * MINUTE)}, 5 * HOUR, None) == (
        [],
        [],
    ), "it waited for its place"


@pytest.mark.parametrize(("minutes", "lost"), [(44, False), (46, True)])
@pytest.mark.parametrize("status", ["success", "failed"])
def test_one_whose_end_nobody_heard_is_lost_soon_after_it(status, minutes, lost):
    row = {"where": "task", "status": status, "finished": to_text(NOW - minutes * MINUTE)}
    assert bool(_heard(row, 5 * HOUR, None)[0]) == lost


def _heard(row, minutes, timeout):
    specs = (replace(SELECTED.ripples[0], name="load", timeout_seconds=timeout),)
    state = replace(attempting(minutes, dispatched=True), release=replace(SELECTED, ripples=specs))
    rows = {
        "sales@1/1/load/2": {"status": "running", "started": to_text(NOW - minutes * MINUTE), **row}
    }
    world = World(Seen(state), described={"sales@1/1-1": ("RUNNING", "")}, rows=rows)
    return world.letters(), world.ports.executions.stopped


PLACED = {"status": "running", "where": "task", "started": to_text(NOW - 7 * HOUR * MINUTE)}


@pytest.mark.parametrize("dispatched", [True, False])
@pytest.mark.parametrize(
    ("hours", "placed", "lost"),
    [
        (1, None, False),
        (7, PLACED, False),
        (7, None, True),
        (7, {**PLACED, "where": "lambda"}, True),
    ],
)
def test_an_attempt_of_very_many_may_wait_for_its_place_as_long_as_others_are_at_work(
    hours, placed, lost, dispatched
):
    state = attempting(hours * HOUR, dispatched=dispatched)
    crowd = {f"r{n}": RippleState(f"r{n}") for n in range(MOST_BRANCHES)}
    others = (
        {"r7": RippleState("r7", attempt=Attempt(1, 1, NOW - 7 * HOUR * MINUTE, dispatched=True))}
        if placed
        else {}
    )
    state = replace(state, ripples={**state.ripples, **crowd, **others})
    world = World(
        Seen(state),
        described={"sales@1/1-1": ("RUNNING", "")},
        rows={"sales@1/1/r7/1": placed} if placed else {},
    )
    assert bool(world.letters()) == lost


def test_an_execution_that_cannot_be_looked_at_now_holds_up_no_other(monkeypatch):
    def describe(line, **_which):
        if line == SALES:
            raise TransientError("too much at once")
        return "FAILED", "x"

    other = replace(pond(runs={1: run()}), line=REPORTS)
    world = World(
        Seen(pond(runs={1: run()})), Seen(other), releases=(SELECTED, release("reports@1"))
    )
    monkeypatch.setattr(world.ports.executions, "describe", describe)
    assert (REPORTS, ExecutionEnded(1, 1, "FAILED", "x")) in world.letters()
    assert (world.report["unseen"], world.report["ended"]) == (["sales@1/1"], ["reports@1/1"])


def test_the_current_launch_is_what_is_looked_at():
    described = {"sales@1/1-1": ("FAILED", "x"), "sales@1/1-2": ("RUNNING", "")}
    assert World(Seen(pond(runs={1: run(launch=2)})), described=described).letters() == []


def test_an_execution_that_does_not_exist_is_lost_once_it_should_be_there():
    lost = [(SALES, ExecutionEnded(1, 1, "LOST", "the execution does not exist"))]
    assert World(Seen(pond(runs={1: run()}), mark=JUST_NOW)).letters() == lost
    assert World(Seen(pond(runs={1: run(started=NOW - MINUTE / 2)}), mark=JUST_NOW)).letters() == []
    assert (
        World(Seen(pond(runs={1: run()}), owes=True, mark=JUST_NOW, committed=NOW)).letters() == []
    )


def test_a_second_launch_may_be_young_although_its_run_is_old():
    assert World(Seen(pond(runs={1: run(launch=2)}), mark=JUST_NOW)).letters() == []
    assert len(World(Seen(pond(runs={1: run(launch=2)}), mark=LONG_AGO)).letters()) == 1


def test_an_outbox_left_behind_is_woken_and_a_fresh_one_is_not():
    world = World(Seen(pond(), owes=True, committed=NOW - SOON - 2 * MINUTE))
    assert world.letters() == [(SALES, AlarmRang())]
    assert world.report["owing"] == [SALES]
    assert World(Seen(pond(), owes=True, mark=LONG_AGO, committed=NOW - SOON)).letters() == [], (
        "it would prove the contrary"
    )


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


def test_a_line_that_has_not_heard_of_the_hold_is_told_before_its_release():
    newer = replace(SELECTED, version="1.1.0", deployed=NOW - 2 * MINUTE)
    on = Hold(NOW - 2 * MINUTE, on=True, by="alice@laptop")

    def letters(state, hold):
        world = World(Seen(state), releases=(newer,))
        world.operated.held = hold
        return [signal for _, signal in world.letters()], world.report["unheld"]

    told = HoldSet(on.at, by="alice@laptop")
    assert letters(pond(), on) == ([told, Deployed(newer)], ["sales@1"])
    heard = pond(next_release=newer, hold=on)
    assert letters(heard, on) == ([], [])
    off = Hold(NOW - 2 * MINUTE)
    assert letters(heard, off) == ([HoldSet(off.at, on=False)], ["sales@1"])
    just_now = replace(on, at=NOW - MINUTE / 2)
    assert letters(pond(next_release=newer), just_now) == ([], [])
    world = World(releases=(newer,))
    world.operated.held = on
    assert world.letters() == [(SALES, told), (SALES, Deployed(newer))]


def test_a_selection_just_made_or_heard_of_is_not_posted():
    newer = replace(SELECTED, deployed=NOW - 2 * MINUTE)
    assert World(Seen(pond(next_release=newer)), releases=(newer,)).letters() == []
    assert (
        World(Seen(pond()), releases=(replace(newer, deployed=NOW - MINUTE / 2),)).letters() == []
    )


def key(number, table="t"):
    return table_key(SALES, table, run=number, ripple="load", attempt=1, invocation="a")


def version(number, table="t"):
    return TableVersion(table, key(number, table), 1, 1, "x")


OLD = NOW - 2 * DAY


def stored(numbers, f=OLD):
    return Garbage(
        {SALES: {n: (f, frozenset({key(n)})) for n in numbers}}, {key(n): OLD for n in numbers}
    )


def kept(garbage):
    return sorted(int(name.rsplit("/", 1)[1][:10]) for name in garbage.written)


def tidied_twice(world):
    """The objects of what is forgotten go with the next tidying."""
    world.letters()
    world.garbage.open = True
    world.letters()


def test_what_no_kept_snapshot_names_is_deleted_after_a_day():
    garbage = stored(range(1, 11))
    world = World(
        Seen(pond(snapshot=10, runs_started=10, tables={"t": version(10)})), garbage=garbage
    )
    world.letters()
    assert sorted(garbage.kept[SALES]) == [8, 9, 10]
    assert kept(garbage) == list(range(1, 11)), "somebody may be reading the others"
    assert (world.report["manifests"], world.report["objects"]) == (7, 0)
    garbage.open = True
    world.letters()
    assert kept(garbage) == [8, 9, 10]
    report = world.report
    assert (report["manifests"], report["objects"], report["tidied"]) == (0, 7, True)


def test_as_many_snapshots_are_kept_as_the_pond_says_and_else_the_catchment():
    def left(of, whole=KEPT):
        ages = [40, 30, 20, 10, 5, 4, 3, 2]
        named = {n: (NOW - age * DAY, frozenset()) for n, age in enumerate(ages, 1)}
        garbage = Garbage({SALES: named}, gone={SALES: 0})
        held = pond(snapshot=8, runs_started=8, release=replace(SELECTED, retention=of))
        world = World(Seen(held), garbage=garbage)
        world.ports = dataclasses.replace(world.ports, retention=whole)
        world.letters()
        return sorted(garbage.kept[SALES]), garbage.gone[SALES]

    assert left(Retention()) == ([6, 7, 8], 5)
    assert left(Retention(5)) == ([4, 5, 6, 7, 8], 3)
    assert left(Retention(1)) == ([8], 7)
    assert left(Retention(1, 11)) == ([4, 5, 6, 7, 8], 3)
    assert left(Retention(1), Retention(8, 4)) == ([7, 8], 6)
    assert left(Retention(days=1), Retention(2, 30)) == ([7, 8], 6)
    assert left(Retention(1000, 3650)) == (list(range(1, 9)), 0)


def test_a_version_that_waits_to_take_over_says_how_many_are_kept():
    garbage = stored(range(1, 11))
    waits = replace(SELECTED, retention=Retention(6))
    World(Seen(pond(snapshot=10, runs_started=10, next_release=waits)), garbage=garbage).letters()
    assert sorted(garbage.kept[SALES]) == [5, 6, 7, 8, 9, 10]


def test_what_is_recorded_as_forgotten_grows_only_when_more_is():
    garbage = stored(range(1, 11))
    garbage.gone[SALES] = 4
    world = World(Seen(pond(snapshot=10, runs_started=10)), garbage=garbage)
    world.letters()
    assert garbage.gone[SALES] == 7
    garbage.open = True
    garbage.record_dropped = None  # not asked again
    world.letters()


def test_of_a_line_that_the_release_before_tidied_only_the_last_day_counts_as_whole():
    """4 is pinned. The release before may have deleted what came after it."""
    garbage = stored([4, 20, 30, 40], f=OLD)
    sink = PondState(REPORTS, sources={SALES: SourceView(SALES, report=SourceReport(snapshot=4))})
    World(
        Seen(pond(snapshot=40, runs_started=40)),
        Seen(sink),
        releases=(SELECTED, release("reports@1", "", source("sales@1"))),
        garbage=garbage,
    ).letters()
    assert sorted(garbage.kept[SALES]) == [4, 20, 30, 40]
    assert garbage.gone[SALES] == 19


def test_parts_of_tables_and_whole_tables_that_a_ripple_has_taken_stay_and_other_positions_go():
    garbage = stored(range(1, 11))
    files = [file_of_key(key(n)) for n in (2, 4, 10)]
    parted = replace(version(10), parts=tuple(Part(file, 1, 1) for file in files))
    in_flight = replace(version(11), parts=(Part(file_of_key(key(5)), 1, 1), *parted.parts[2:]))
    garbage.written[key(11)] = OLD
    taken = {"load": {"sales.t": Position(key(6), whole=True), "sales.u": Position(key(7))}}
    busy = replace(run(11), outputs={"t": in_flight})
    busy = replace(busy, positions={"load": {"sales.v": Position(key(1), whole=True)}})
    tidied_twice(
        World(
            Seen(
                pond(
                    snapshot=10,
                    runs_started=11,
                    tables={"t": parted},
                    positions=taken,
                    runs={11: busy},
                )
            ),
            garbage=garbage,
        )
    )
    assert kept(garbage) == [1, 2, 4, 5, 6, 8, 9, 10, 11]


def test_files_of_other_engines_stay_as_long_as_a_table_has_them_then_their_location_goes():
    def located(number, file):
        return f"{location_of_key(key(number))}{file}"

    files = ("part-0", "day=1/x.parquet", "_SUCCESS", "_temporary/0/a b", "a*", "")
    garbage = stored(range(1, 11))
    for number in (3, 10, 11, 12):
        garbage.written |= {located(number, file): OLD for file in files}
        garbage.written[f"{location_of_key(key(number))[:-1]}_$folder$"] = OLD
    adopted = Part(file_of_key(located(10, "part-0")), 1, 1, use="base")
    table = replace(version(10), parts=(adopted, Part(file_of_key(key(10)), 0, 1, use="start")))
    world = World(
        Seen(pond(snapshot=10, runs_started=11, tables={"t": table}, runs={11: run(11)})),
        garbage=garbage,
    )
    world.letters()

    left = {name for name in garbage.written if name not in map(key, range(1, 11))}
    young = {located(number, file) for number in (11, 12) for file in files}
    marks = {f"{location_of_key(key(number))[:-1]}_$folder$" for number in (11, 12)}
    assert left == {located(10, "part-0"), *young, *marks}  # a run in flight, and one not known yet


def test_a_table_written_long_ago_and_still_published_stays():
    garbage = stored(range(1, 11))
    garbage.written[key(1, "rates")] = OLD
    tidied_twice(
        World(
            Seen(
                pond(
                    snapshot=10,
                    runs_started=10,
                    tables={"t": version(10), "rates": version(1, "rates")},
                )
            ),
            garbage=garbage,
        )
    )
    assert key(1, "rates") in garbage.written
    assert key(1) not in garbage.written


def test_snapshots_that_a_sink_reads_or_may_pin_next_stay():
    garbage = stored(range(1, 11))
    sink = PondState(
        REPORTS,
        runs={5: run(5, pins={SALES: 3})},
        sources={SALES: SourceView(SALES, report=SourceReport(snapshot=5))},
    )
    releases = (SELECTED, release("reports@1", "", source("sales@1")))
    described = {"reports@1/5-1": ("RUNNING", "")}
    tidied_twice(
        World(
            Seen(pond(snapshot=10, runs_started=10)),
            Seen(sink),
            releases=releases,
            described=described,
            garbage=garbage,
        )
    )
    assert sorted(garbage.kept[SALES]) == [3, 5, 8, 9, 10]
    assert kept(garbage) == [3, 5, 8, 9, 10]


def test_young_snapshots_and_young_objects_stay():
    garbage = stored(range(1, 11), f=NOW - DAY / 2)
    garbage.written[key(11)] = NOW - DAY / 2
    World(Seen(pond(snapshot=10, runs_started=11)), garbage=garbage).letters()
    assert kept(garbage) == list(range(1, 12))


def test_a_run_in_flight_keeps_everything_it_wrote_and_a_dead_attempts_leftovers_go():
    garbage = stored([10])
    garbage.written |= {key(11): OLD, key(7, "half"): OLD, key(12): OLD}
    state = pond(snapshot=10, runs_started=11, runs={11: run(11)})
    World(Seen(state), described={"sales@1/11-1": ("RUNNING", "")}, garbage=garbage).letters()
    assert kept(garbage) == [10, 11, 12]


def test_lines_that_are_not_known_and_names_that_are_not_ours_are_left_alone():
    garbage = Garbage(
        written={
            "data/gone@1/t/0000000001-load-1-x.parquet": OLD,
            "data/readme.txt": OLD,
            "data/sales@1/x/notes.txt": OLD,
        }
    )
    World(Seen(pond()), garbage=garbage).letters()
    assert len(garbage.written) == 3


def test_tidying_is_done_by_one_sweep_at_a_time():
    garbage = stored(range(1, 11))
    garbage.open = False
    world = World(Seen(pond(snapshot=10, runs_started=10)), garbage=garbage)
    world.letters()
    assert len(garbage.written) == 10
    assert world.report["tidied"] is False


def gone(days):
    return Removal(SALES, NOW - days * DAY)


def remembered(**changes):
    """A line that has heard of its removal: of all that it knew, its numbering."""
    return Seen(PondState(SALES, runs_started=10, **changes), mark=LONG_AGO)


def test_a_removal_that_its_line_never_heard_of_is_told_again_and_one_that_it_heard_of_is_not():
    old = Seen(pond(), mark=LONG_AGO)
    removed_just_after = Removal(SALES, NOON)
    world = World(old, releases=(), removals=[removed_just_after])
    assert world.letters() == [(SALES, Removed(NOON))]
    assert world.report["removed"] == [SALES]
    assert World(remembered(), releases=(), removals=[removed_just_after]).letters() == []
    assert World(old, releases=(), removals=[Removal(SALES, NOW - MINUTE / 2)]).letters() == [], (
        "it is likely on its way"
    )
    assert (
        World(old, releases=(), removals=[replace(removed_just_after, cleared=True)]).letters()
        == []
    )


def test_a_line_deployed_again_hears_of_its_removal_first():
    newer = replace(SELECTED, version="1.1.0", deployed=NOW - 2 * MINUTE)
    world = World(Seen(pond()), releases=(newer,), removals=[Removal(SALES, NOON)])
    assert world.letters() == [(SALES, Removed(NOON)), (SALES, Deployed(newer))]
    assert (
        World(
            Seen(pond(release=newer)), releases=(newer,), removals=[Removal(SALES, NOON)]
        ).letters()
        == []
    )


def test_what_a_removed_line_published_is_deleted_a_day_later():
    garbage = stored(range(1, 11))
    world = World(remembered(), releases=(), removals=[gone(1.5)], garbage=garbage)
    world.letters()
    assert (garbage.kept[SALES], kept(garbage)) == ({}, [])
    assert world.catalog.gone[SALES].cleared is False, (
        "a worker may have written until the line heard of it"
    )
    young = stored(range(1, 11))
    World(remembered(), releases=(), removals=[gone(0.5)], garbage=young).letters()
    assert sorted(young.kept[SALES]) == list(range(1, 11))
    unheard = stored(range(1, 11))
    World(
        Seen(pond(snapshot=10, runs_started=10)), releases=(), removals=[gone(-1)], garbage=unheard
    ).letters()
    assert sorted(unheard.kept[SALES]) == [8, 9, 10]


def test_a_run_that_reads_a_removed_line_keeps_what_it_reads():
    garbage = stored(range(1, 11))
    reader = PondState(
        REPORTS,
        runs={5: run(5, pins={SALES: 3})},
        sources={SALES: SourceView(SALES, optional=True)},
    )
    reports = release("reports@1", "", source("sales@1", optional=True))
    described = {"reports@1/5-1": ("RUNNING", "")}
    World(
        remembered(),
        Seen(reader),
        releases=(reports,),
        removals=[gone(2)],
        described=described,
        garbage=garbage,
    ).letters()
    assert (sorted(garbage.kept[SALES]), kept(garbage)) == ([3], [3])


@pytest.mark.parametrize(
    ("seen", "releases", "days", "cleared"),
    [
        (remembered(), (), 2, True),
        (remembered(), (), 1.9, False),
        (Seen(pond(), mark=LONG_AGO), (), -0.1, False),
        (Seen(pond(), mark=LONG_AGO), (SELECTED,), 0.5, True),
    ],
    ids=["gone", "young", "unheard", "deployed again"],
)
def test_a_removal_is_looked_after_until_nothing_is_left_of_it(seen, releases, days, cleared):
    world = World(seen, releases=releases, removals=[gone(days)], garbage=Garbage())
    world.letters()
    assert world.catalog.gone[SALES].cleared is cleared


def test_a_removal_is_looked_after_as_long_as_a_sinks_snapshots_go_on_from_its_tables():
    """A line that nobody looks after is unknown, and its objects would stay for ever."""
    named = {4: (NOW, frozenset({key(2)}))}
    garbage = Garbage({REPORTS: named}, {key(2): OLD, key(3): OLD})
    sink = replace(PondState(REPORTS), snapshot=4, release=release("reports@1"), runs_started=4)
    world = World(
        remembered(),
        Seen(sink),
        releases=(release("reports@1"),),
        removals=[gone(5)],
        garbage=garbage,
    )
    world.letters()
    assert (kept(garbage), world.catalog.gone[SALES].cleared) == ([2], False)
    garbage.kept[REPORTS].clear()
    garbage.open = True
    world.letters()
    assert (kept(garbage), world.catalog.gone[SALES].cleared) == ([], True)


def test_packages_that_no_version_names_and_no_line_runs_go_after_a_day():
    def package(version, pond="sales", digest="a" * 64):
        return artifact_key(pond, version, digest)

    unselected = release("sales@1", "0.9.0")
    in_flight, waiting = release("sales@1", "0.7.0"), release("sales@1", "1.5.0")
    state = pond(runs={1: run(artifact=in_flight.artifact)}, next_release=waiting, release=SELECTED)
    old = [package(version) for version in ("0.7.0", "0.8.0", "0.9.0", "1.0.0", "1.5.0")] + [
        package("1.0.0", digest="b" * 64)
    ]
    garbage = Garbage(
        written=dict.fromkeys(
            [*old, package("1.0.0", "stray"), "artifacts/notes.zip", "artifacts/a/b/c.txt"], OLD
        )
    )
    garbage.written[package("0.6.0")] = NOW - DAY / 2
    world = World(
        Seen(state),
        versions=[unselected],
        described={"sales@1/1-1": ("RUNNING", "")},
        garbage=garbage,
    )
    world.letters()
    left = {"artifacts/notes.zip", "artifacts/a/b/c.txt", package("0.6.0")}
    assert set(garbage.written) == left | {
        package(version) for version in ("0.7.0", "0.9.0", "1.0.0", "1.5.0")
    }
    assert world.report["packages"] == 3


def test_lines_hear_once_that_their_table_came_from_elsewhere():
    came = NOW - MINUTE
    told = Seen(pond(restored=came), mark=LONG_AGO)
    world = World(Seen(pond(), mark=LONG_AGO)).came(came)
    assert world.letters() == [(SALES, Restored(came))]
    assert world.report["restored"] == [SALES]
    assert World(told).came(came).letters() == []


def test_nothing_is_swept_while_a_restore_is_at_work():
    world = World(Seen(pond(runs={1: run()}), mark=LONG_AGO), garbage=Garbage()).came(None)
    assert world.letters() == []
    assert world.report["restoring"] is True
    assert world.report["tidied"] is False


def test_runs_of_a_table_that_has_just_come_are_launched_again_at_once():
    begun = run(started=NOW - timedelta(seconds=5))
    world = World(Seen(pond(runs={1: begun}), owes=True, mark=JUST_NOW, committed=NOW)).came(NOW)
    assert [signal for _, signal in world.letters()] == [
        Restored(NOW),
        ExecutionEnded(1, 1, "LOST", "the execution does not exist"),
    ]
    told = Seen(pond(runs={1: begun}, restored=NOW), mark=JUST_NOW)
    assert World(told).came(NOW).letters() == []


REMEMBERED = timedelta(days=400)
AGES = {number: NOW - timedelta(days=600 - 4 * number) for number in range(1, 101)}
"""Number 50 began 400 days ago."""


def left_of(state, ages=AGES, *others, kept=REMEMBERED, **options):
    shelf = Shelf({SALES: dict(ages)}, kept=kept)
    seen = [Seen(state, mark=LONG_AGO), *(Seen(one, mark=LONG_AGO) for one in others)]
    world = World(*seen, garbage=Garbage(), **options).remembers(shelf)
    world.letters()
    return list(shelf.runs[SALES]), world


def test_history_older_than_it_is_kept_is_forgotten():
    left, world = left_of(pond(runs_started=100))
    assert left == [*range(50, 101)], "the 50th is exactly so old"
    assert world.report["history"] == 3 * 49


def test_the_last_runs_of_a_line_stay_however_old_they_are():
    old = {number: began - timedelta(days=900) for number, began in AGES.items()}
    assert left_of(pond(runs_started=100), old)[0] == [*range(81, 101)]
    few = {number: old[number] for number in range(1, 21)}
    left, world = left_of(pond(runs_started=20), few)
    assert left == [*range(1, 21)]
    assert world.ports.history.asked == [], "nothing is read of a line that has no more runs"


def test_runs_that_a_state_or_a_pin_names_stay():
    reader = Line("reports@1")
    reads = PondState(
        reader,
        runs={1: run(pins={SALES: 7})},
        sources={SALES: SourceView(SALES, report=SourceReport(snapshot=9))},
    )
    state = pond(
        runs_started=100, runs={3: run(3)}, snapshot=5, failed_run=6, tables={"t": version(8)}
    )
    left, _ = left_of(state, AGES, reads, releases=(SELECTED, release("reports@1")))
    assert left == [3, 5, 6, 7, 8, 9, *range(50, 101)]


def test_runs_that_wrote_the_rows_of_a_table_stay():
    parts = (
        Part("0000000004-load-1-x", 1, 1, use="news"),
        Part("0000000007-load-1-x", 1, 1, use="start"),
        Part("0000000011-load-1-x", 1, 1),
    )
    table = TableVersion("t", f"data/{SALES}/t/0000000011-load-1-x.parquet", 2, 2, "", parts=parts)
    left, _ = left_of(pond(runs_started=100, snapshot=60, tables={"t": table}))
    assert left == [7, 11, *range(50, 101)]


def test_history_may_be_kept_for_ever():
    left, world = left_of(pond(runs_started=100), kept=None)
    assert (len(left), world.report["history"]) == (100, 0)


def test_a_line_that_was_removed_long_ago_loses_its_history_as_well():
    removal = Removal(SALES, NOW - timedelta(days=9), cleared=True)
    left, _ = left_of(PondState(SALES, runs_started=100), removals=[removal], releases=())
    assert left == [*range(50, 101)]


def test_what_takes_too_long_is_left_to_the_next_time():
    others = [Line(f"pond_{number}@1") for number in range(4)]
    ages = {number: NOW - timedelta(days=900) for number in range(1, 1_021)}
    shelf = Shelf({line: dict(ages) for line in others}, kept=REMEMBERED)
    states = [PondState(line, release=release(line), runs_started=1_040) for line in others]
    world = World(
        *(Seen(state, mark=LONG_AGO) for state in states),
        releases=[release(line) for line in others],
        garbage=Garbage(),
    ).remembers(shelf)
    shelf.slow = lambda: world.ports.clock.wait(timedelta(seconds=50))
    world.letters()
    assert world.report["history"] == 3 * (500 + 500 + 20)
    world.garbage.open = True
    world.letters()
    assert sum(map(len, shelf.runs.values())) == 2 * 1_020


F = NOON - DAY
LATE, RECENT = NOW - timedelta(minutes=3), NOW - MINUTE


def lake_of(lines, *, expires=NEVER, named=()):
    """A lake whose newest catalog shows these lines."""
    newest = Exported(1, "lake/1", NOON, digest=digest_of(lines), expires=expires)
    return SweptLake(newest, Listing(lines, named))


def looked(lake, *seen):
    world = World(*seen).shows(lake)
    world.letters()
    return lake.asked, world.report["not_in_lake"]


def told(number, line=SALES):
    return {line: shown(f"{line}/{number}", F)}


def publishes(number, committed=LATE):
    return Seen(pond(snapshot=number, snapshot_f=F), mark=LONG_AGO, committed=committed)


def test_an_export_is_asked_for_of_lines_that_the_lake_does_not_show_though_it_had_time():
    assert looked(lake_of(told(3)), publishes(3)) == ([], [])
    assert looked(lake_of(told(3)), publishes(4)) == ([[SALES]], [SALES])
    assert looked(lake_of(told(3)), publishes(4, RECENT)) == ([], []), "it is on its way"


def test_a_line_that_was_removed_or_has_published_nothing_is_none_of_the_lakes():
    gone = PondState(SALES, runs_started=3, former=3)
    for state in (gone, pond(snapshot=0)):
        held = Seen(state, mark=LONG_AGO, committed=LATE)
        assert looked(lake_of({}), held) == ([], [])
        assert looked(lake_of(told(3)), held) == ([[SALES]], [SALES])
    assert looked(lake_of({**told(3), **told(1, REPORTS)}), publishes(3)) == (
        [[REPORTS]],
        [REPORTS],
    )


def test_all_is_asked_for_where_there_is_no_catalog_or_it_is_gone():
    assert looked(SweptLake(), publishes(3)) == ([[]], [SALES])
    gone = lake_of(told(2))
    gone.listed = None
    assert looked(gone, publishes(3)) == ([[]], [SALES])
    assert looked(SweptLake(is_there=False), publishes(3)) == ([], [])


def test_a_catchment_at_rest_forgets_old_versions():
    for expires, asked in ((NEVER, []), (NOW, []), (NOW - MINUTE, [[]])):
        assert looked(lake_of(told(3), expires=expires), publishes(3)) == (asked, [])


def test_what_the_lake_names_stays_and_old_catalogs_go():
    garbage = stored(range(1, 11))
    catalogs = {"lake/a.ducklake": OLD, "lake/b.ducklake": NOW}
    garbage.written |= catalogs
    lake = lake_of(told(10), named=(key(2), key(5)))
    lake.stored = catalogs
    world = World(Seen(pond(snapshot=10, runs_started=10)), garbage=garbage).shows(lake)
    world.letters()
    assert "lake/a.ducklake" not in garbage.written
    assert world.report["catalogs"] == 1
    garbage.open, lake.stored = True, {}
    world.letters()
    del garbage.written["lake/b.ducklake"]
    assert kept(garbage) == [2, 5, 8, 9, 10]


def test_a_catalog_that_is_gone_names_nothing_and_holds_up_no_tidying():
    garbage = stored(range(1, 11))
    lake = lake_of(told(10))
    lake.listed = None
    world = World(Seen(pond(snapshot=10, runs_started=10)), garbage=garbage).shows(lake)
    tidied_twice(world)
    assert kept(garbage) == [8, 9, 10]


CLAIM = Claim(1, 7, "load")


def using(*, waiting, claimed=True, mark=LONG_AGO):
    """A line of which a Ripple uses a limit: its branch waits for a token, or has one."""
    attempt = Attempt(
        7,
        1,
        NOW - 7 * HOUR * MINUTE,
        dispatched=not waiting,
        claim=int(claimed),
        held=() if waiting else ("databricks",),
    )
    ripple = RippleState("load", uses=("databricks",), attempt=attempt)
    begun = run(7, waiting=frozenset({"load"} if waiting else ()))
    return Seen(pond(ripples={"load": ripple}, runs={7: begun}), mark=mark)


def knows(world, *signals, tokens=1, outbox=(), committed=NOW):
    """What the limit has heard."""
    state = LimitState("databricks", tokens=tokens)
    for signal in signals:
        state = limit_step(state, signal, NOON).state
    world.limits.held["databricks"] = HeldLimit(state, outbox, LONG_AGO, committed)
    return world


GOING = {"sales@1/7-1": ("RUNNING", "")}


def test_a_branch_that_waits_for_a_token_is_not_silent_however_long_that_takes():
    heard = TokensClaimed(SALES, (CLAIM,), (1, 0))
    world = knows(World(using(waiting=True), described=GOING), heard, tokens=0)
    assert world.letters() == []


@pytest.mark.parametrize(
    ("claims", "seen"),
    [
        ((), using(waiting=True)),
        ((CLAIM,), using(waiting=True)),
        ((CLAIM,), Seen(pond(), mark=LONG_AGO)),
    ],
    ids=["the claim was lost", "the token was lost", "the return was lost"],
)
def test_a_line_that_its_limit_has_misheard_says_its_claims_again(claims, seen):
    world = knows(World(seen, described=GOING), TokensClaimed(SALES, claims, (1, 0)))
    assert world.letters() == [(SALES, ClaimsAsked("databricks"))]
    assert world.report["misheard"] == [SALES]


def test_a_line_that_has_just_said_something_is_not_asked_again():
    world = knows(World(using(waiting=True, mark=JUST_NOW), described=GOING))
    assert world.letters() == []


def test_the_token_of_a_line_that_is_gone_is_asked_back():
    gone = Seen(PondState(Line("gone@1")), mark=LONG_AGO)
    world = knows(World(gone, releases=()), TokensClaimed(gone.state.line, (CLAIM,), (1, 0)))
    assert world.letters() == [(gone.state.line, ClaimsAsked("databricks"))]


def test_grants_that_nobody_sent_are_woken_and_fresh_ones_are_not():
    outbox = (GrantTokens(SALES, (1,)),)
    fresh = knows(World(releases=()), outbox=outbox, committed=NOW - 11 * MINUTE)
    assert fresh.letters() == []
    late = knows(World(releases=()), outbox=outbox, committed=NOW - 16 * MINUTE)
    assert late.letters() == [(limit_address("databricks"), AlarmRang())]
    assert late.report["limits"] == ["databricks"]


def test_a_limit_is_told_that_its_table_came_from_elsewhere():
    world = knows(World(releases=()).came(NOON))
    assert (limit_address("databricks"), Restored(NOON)) in world.letters()


def arrived(*ages):
    found = ArrivedObject("landing", "a")
    return [KeptArrival(n, found, NOW - age * DAY) for n, age in enumerate(ages, 1)]


def objects_left(ages, **changes):
    world = World(Seen(pond(arrived=len(ages), **changes)), garbage=Garbage())
    world.backlog.held[SALES] = arrived(*ages)
    world.letters()
    assert world.report["arrivals"] == len(ages) - len(world.backlog.held[SALES])
    return [one.number for one in world.backlog.held[SALES]]


def test_objects_that_all_ripples_have_taken_are_forgotten_after_a_month():
    ages = [40, 31, 30, 29, 1]
    taken = {"a": {ARRIVALS: position_at(2)}, "b": {ARRIVALS: position_at(5)}, "c": {}}
    assert objects_left(ages, positions=taken) == [3, 4, 5], "one of them waits for 3"
    assert objects_left(ages, positions={"b": taken["b"]}) == [4, 5]


def test_objects_that_wait_stay_unless_nobody_has_ever_asked_for_any():
    ages = [400, 31, 3]
    assert objects_left(ages, positions={"a": {ARRIVALS: position_at(0)}}) == [1, 2, 3]
    assert objects_left(ages) == [3]


def test_what_arrived_for_a_line_that_was_removed_is_forgotten_at_once():
    removed = {"release": None, "ripples": {}, "arrivals_from": 2}
    assert objects_left([1, 1, 1], **removed) == [3]
    assert objects_left([1, 1, 1], arrivals_from=2) == [1, 2, 3], "it was deployed again"


def test_more_than_a_page_is_forgotten_at_once():
    assert objects_left([40] * 1_500 + [1]) == [1_501]
