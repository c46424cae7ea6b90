from __future__ import annotations

from datetime import UTC, datetime, timedelta

from duckstring.engine.shown import shown_snapshot
from duckstring.engine.state import PondState
from duckstring.model.names import Line
from duckstring.model.values import replace
from tests.unit.api.world import release

SALES = Line("sales@1")
F = datetime(2030, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
STATE = PondState(SALES, release=release("sales@1"), snapshot=3, snapshot_f=F, end_f=F + HOUR)


def test_readers_find_the_published_snapshot_as_of_its_freshness():
    assert shown_snapshot(STATE) == (3, F)


def test_an_earlier_snapshot_that_is_published_again_is_as_of_then():
    assert shown_snapshot(replace(STATE, held_f=F - HOUR)) == (3, F - HOUR)


def test_a_line_that_published_before_this_was_recorded_has_its_own_freshness():
    bare = PondState(SALES, next_release=release("sales@1"), snapshot=3, end_f=F)
    assert shown_snapshot(bare) == (3, F)


def test_nothing_is_published_before_the_first_run_and_after_a_removal():
    assert shown_snapshot(replace(STATE, snapshot=0)) is None
    assert shown_snapshot(replace(STATE, release=None)) is None
