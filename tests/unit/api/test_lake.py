from __future__ import annotations

from datetime import timedelta

import pytest

from duckstring.api.lake import lake, repair
from duckstring.errors import OperatorError
from duckstring.model.iceberg import Database
from duckstring.model.lake import Exported, shown
from duckstring.model.names import Line
from tests.unit.api.world import NOON, StillClock

SALES = Line("sales@1")


class Lakes:
    def __init__(self, exported=None):
        self.exported = exported

    def latest(self):
        return self.exported


class Known:
    def __init__(self, *databases):
        self.databases = {one.name: one for one in databases}

    def all(self):
        return self.databases


def asked(iceberg, lakes=Lakes(), seconds=60):  # noqa: B008 - it is never changed
    clock = StillClock(NOON)
    return lake(lakes=lakes, iceberg=iceberg, bucket="b", seconds=seconds, clock=clock)


def test_databases_are_told_by_name_with_the_run_that_each_shows_and_what_is_left_out():
    told = shown("sales@1/3", NOON - timedelta(hours=1))
    sales = Database("d_sales", SALES, "s", told, NOON, 2, {"b": "why", "a": "because"})
    others = Database("d_other", Line("other@1"), "s", "", NOON)
    assert asked(Known(sales, others))["iceberg"] == [
        {
            "database": "d_other",
            "line": "other@1",
            "run": None,
            "f": None,
            "at": "2030-01-01T12:00:00.000000Z",
            "tables": 0,
            "left_out": {},
        },
        {
            "database": "d_sales",
            "line": "sales@1",
            "run": "sales@1/3",
            "f": "2030-01-01T11:00:00.000000Z",
            "at": "2030-01-01T12:00:00.000000Z",
            "tables": 2,
            "left_out": {"a": "because", "b": "why"},
        },
    ]


def test_a_catchment_without_iceberg_tables_says_so():
    assert asked(None)["iceberg"] is None


def test_the_newest_catalog_is_told_if_there_is_a_lake():
    exported = Exported(7, "lake/7", NOON, 10, 2, 3)
    assert asked(None, Lakes(exported))["catalog"]["number"] == 7
    assert asked(None, Lakes(exported), None)["catalog"] is None


class Repairs:
    asked = 0

    def repair(self):
        self.asked += 1


def test_a_repair_is_asked_of_the_exporters_and_refused_where_there_are_none():
    repairs = Repairs()
    assert repair(lake=60, iceberg=True, repairs=repairs) == {"seconds": 60, "iceberg": True}
    assert repairs.asked == 1
    with pytest.raises(OperatorError, match="no lake"):
        repair(lake=None, iceberg=False, repairs=repairs)
    assert repairs.asked == 1
