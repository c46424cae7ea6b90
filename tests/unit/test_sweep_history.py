"""The sweep forgets old history."""

from __future__ import annotations

from datetime import timedelta

from duckstring.engine.state import PondState, SourceReport, SourceView
from duckstring.model.catalog import Part, Removal, TableVersion
from duckstring.model.names import (
    Line,
)
from duckstring.ports import Seen
from tests.unit.api.world import (
    Garbage,
    release,
)
from tests.unit.sweep_kit import (
    LONG_AGO,
    NOW,
    SALES,
    SELECTED,
    Shelf,
    World,
    pond,
    run,
    version,
)

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
