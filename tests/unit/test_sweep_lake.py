"""The sweep asks for exports of the lake, and forgets old catalogs."""

from __future__ import annotations

from duckstring.engine.state import PondState
from duckstring.model.instants import NEVER
from duckstring.ports import Seen
from tests.unit.api.world import (
    SweptLake,
)
from tests.unit.sweep_kit import (
    LATE,
    LONG_AGO,
    MINUTE,
    NOW,
    OLD,
    RECENT,
    REPORTS,
    SALES,
    World,
    kept,
    key,
    lake_of,
    looked,
    pond,
    publishes,
    stored,
    tidied_twice,
    told,
)


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
