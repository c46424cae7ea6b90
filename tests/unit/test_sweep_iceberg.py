from __future__ import annotations

import dataclasses

from duckstring.model.iceberg import Database
from duckstring.model.instants import NEVER
from tests.unit.api.world import SweptIceberg
from tests.unit.sweep_kit import (
    DAY,
    LONG_AGO,
    MINUTE,
    NOON,
    NOW,
    OLD,
    RECENT,
    REPORTS,
    SALES,
    PondState,
    Seen,
    World,
    kept,
    key,
    pond,
    publishes,
    stored,
    tidied_twice,
    told,
)


def database(number, line=SALES, name="duckstring_dev__sales", expires=NEVER):
    """A database that shows this run of a line; 0: an export has not come to its end."""
    shown = told(number, line)[line] if number else ""
    return Database(name, line, "s", shown, NOON, expires=expires)


def looked(known, *seen, is_there=True):
    world = World(*seen)
    iceberg = SweptIceberg(known, is_there=is_there)
    world.ports = dataclasses.replace(world.ports, iceberg=iceberg)
    world.letters()
    return iceberg.asked, world.report["not_in_iceberg"]


def test_an_export_is_asked_for_of_lines_that_glue_does_not_show_though_it_had_time():
    assert looked([database(3)], publishes(3)) == ([], [])
    assert looked([database(3)], publishes(4)) == ([[SALES]], [SALES])
    assert looked([database(3)], publishes(4, RECENT)) == ([], []), "it is on its way"
    assert looked([database(0)], publishes(3)) == ([[SALES]], [SALES]), "it died"
    assert looked([], publishes(3)) == ([[SALES]], [SALES])
    assert looked([], publishes(3), is_there=False) == ([], [])


def test_a_line_that_was_removed_has_to_leave_glue():
    gone = Seen(PondState(SALES, runs_started=3, former=3), mark=LONG_AGO, committed=OLD)
    assert looked([database(3)], gone) == ([[SALES]], [SALES])
    assert looked([], gone) == ([], [])
    others = [database(3), database(1, REPORTS, "duckstring_dev__reports")]
    assert looked(others, publishes(3)) == ([[REPORTS]], [REPORTS])


def test_a_line_that_has_another_name_by_now_is_asked_for():
    assert looked([database(3, name="duckstring_dev__sales_v1")], publishes(3)) == (
        [[SALES]],
        [SALES],
    )


def test_a_catchment_at_rest_forgets_old_versions():
    for expires, asked in ((NEVER, []), (NOW, []), (NOW - MINUTE, [[SALES]])):
        assert looked([database(3, expires=expires)], publishes(3)) == (asked, [])


def test_what_iceberg_tables_name_stays_and_what_nothing_names_goes():
    garbage = stored(range(1, 11))
    files = {"iceberg/named": OLD, "iceberg/not": OLD, "iceberg/young": NOW}
    garbage.written |= files
    iceberg = SweptIceberg([database(10)], {key(2), key(5), "iceberg/named"}, files)
    world = World(Seen(pond(snapshot=10, runs_started=10)), garbage=garbage)
    world.ports = dataclasses.replace(world.ports, iceberg=iceberg)
    world.letters()
    assert "iceberg/not" not in garbage.written
    assert files.keys() & garbage.written.keys() == {"iceberg/named", "iceberg/young"}
    assert world.report["catalogs"] == 1
    for name in ("iceberg/named", "iceberg/young"):
        del garbage.written[name]
    iceberg.stored = {}
    tidied_twice(world)
    assert kept(garbage) == [2, 5, 8, 9, 10]
    assert NOW - OLD > DAY


def test_every_hour_everything_is_looked_at_also_where_all_seems_well():
    world = World(publishes(3))
    iceberg = SweptIceberg([database(3)], is_due=True)
    world.ports = dataclasses.replace(world.ports, iceberg=iceberg)
    world.letters()
    assert (iceberg.looks, iceberg.asked, world.report["looked"]) == (1, [], True)
    world.letters()
    assert (iceberg.looks, world.report["looked"]) == (1, False)
