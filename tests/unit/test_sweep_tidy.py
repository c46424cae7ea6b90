"""The sweep deletes objects of tables that nothing names any more."""

from __future__ import annotations

import dataclasses

from duckstring.engine.state import PondState, SourceReport, SourceView
from duckstring.model.catalog import Part, Position
from duckstring.model.names import (
    file_of_key,
    location_of_key,
)
from duckstring.model.retention import KEPT, Retention
from duckstring.model.values import replace
from duckstring.ports import Seen
from tests.unit.api.world import (
    Garbage,
    release,
    source,
)
from tests.unit.sweep_kit import (
    DAY,
    NOW,
    OLD,
    REPORTS,
    SALES,
    SELECTED,
    World,
    kept,
    key,
    pond,
    run,
    stored,
    tidied_twice,
    version,
)


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
