"""How many snapshots are kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from duckstring.model.retention import KEPT, Retention, days_of

NOW = datetime(2030, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("1d", 1),
        ("3650d", 3650),
        ("24h", 1),
        ("1d24h", 2),
        ("3651d", None),
        ("0d", None),
        ("30h", None),
        ("30", None),
        ("", None),
        (None, None),
    ],
)
def test_an_age_is_whole_days_up_to_ten_years(text, days):
    assert days_of(text) == days


@pytest.mark.parametrize(
    ("number", "hours", "reasons"),
    [
        (9, 90, ("published", "last")),
        (10, 1, ("published", "last", "young")),
        (8, 24, ("last",)),
        (7, 24, ("last",)),
        (6, 23, ("young",)),
        (6, 24, ()),
    ],
)
def test_a_snapshot_is_kept_for_its_number_its_place_or_its_age(number, hours, reasons):
    f = NOW - timedelta(hours=hours)
    assert KEPT.reasons(number, f, published=9, last=7, now=NOW) == reasons


def test_nothing_is_young_where_no_age_is_said():
    assert Retention(1).reasons(1, NOW, published=2, last=2, now=NOW) == ()
