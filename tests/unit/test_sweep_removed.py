"""The sweep looks after removed lines, old packages, and tables that came from elsewhere."""

from __future__ import annotations

from datetime import timedelta

import pytest

from duckstring.engine.signals import (
    Deployed,
    ExecutionEnded,
    Removed,
    Restored,
)
from duckstring.engine.state import PondState, SourceView
from duckstring.model.catalog import Removal
from duckstring.model.names import (
    artifact_key,
)
from duckstring.model.values import replace
from duckstring.ports import Seen
from tests.unit.api.world import (
    NOON,
    Garbage,
    release,
    source,
)
from tests.unit.sweep_kit import (
    DAY,
    JUST_NOW,
    LONG_AGO,
    MINUTE,
    NOW,
    OLD,
    REPORTS,
    SALES,
    SELECTED,
    World,
    gone,
    kept,
    key,
    pond,
    run,
    stored,
)


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
