from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from duckstring.model.iceberg import (
    Database,
    Listed,
    Listing,
    Version,
    databases,
    is_taken,
    listing_key,
    names_databases,
    not_shown,
    prefix_of,
    taken,
)
from duckstring.model.instants import NEVER
from duckstring.model.names import Line
from duckstring.model.settings import Settings

AT = datetime(2030, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def version(number: int) -> Version:
    return Version(number, AT + number * HOUR, [f"iceberg/{number}"], [f"data/{number}", "data/x"])


@pytest.mark.parametrize(
    ("catchment", "prefix"), [("dev", "duckstring_dev__"), ("my-dev-2", "duckstring_my_dev_2__")]
)
def test_a_database_is_called_as_athena_takes_it(catchment: str, prefix: str) -> None:
    lines = [Line("sales@1"), Line("sales@2"), Line("main@0")]
    assert prefix_of(catchment) == prefix
    assert databases(catchment, lines) == {
        "sales@1": f"{prefix}sales_v1",
        "sales@2": f"{prefix}sales",
        "main@0": f"{prefix}main_v0",
    }


def test_no_two_catchments_have_the_same_database_nor_one_the_prefix_of_another() -> None:
    """Rights are given by the prefix."""
    names = ["prod", "prod-eu", "prod-eu-2", "prod2", "p"]
    for one in names:
        for other in names:
            (database,) = databases(other, [Line("eu_sales@1")]).values()
            assert database.startswith(prefix_of(one)) == (one == other)
    assert [*map(names_databases, (*names, "prod--eu", "prod-"))] == [True] * 5 + [False] * 2


def test_nobody_is_told_to_delete_what_is_of_another_catchment() -> None:
    assert "delete it if nobody needs it" in taken("a database d", "")
    told = taken("a database d", "other")
    assert told.startswith("Glue has a database d of Catchment other: do not delete it")


def test_a_listing_has_the_keys_of_all_that_tables_name_and_are_about_to_name() -> None:
    listed = Listed("s3://b/iceberg/m", [version(1), version(2)], ["iceberg/m"])
    assert Listing({"t": listed}, ["data/next"]).keys == {
        *("iceberg/m", "iceberg/1", "iceberg/2"),
        *("data/1", "data/2", "data/x", "data/next"),
    }
    assert Listing().keys == set()
    assert listing_key("d", "0a") == "iceberg/listings/d-0a.json"


def test_a_version_is_old_when_a_newer_one_has_been_there_for_long() -> None:
    listed = Listed("m", [version(1), version(2), version(4)])
    assert [one.id for one in listed.old(AT + HOUR)] == []
    assert [one.id for one in listed.old(AT + 2 * HOUR)] == [1]
    assert [one.id for one in listed.old(AT + 9 * HOUR)] == [1, 2], "the newest one never is"
    assert listed.expires(HOUR) == AT + 3 * HOUR
    assert Listed("m", [version(1)]).expires() == NEVER
    assert Listed("m").old(AT) == []


def test_a_database_that_is_not_known_well_has_nothing() -> None:
    known = Database("d", Line("sales@1"), "s", "", AT)
    assert (known.tables, known.left_out, known.listing, known.expires) == (0, {}, "", NEVER)


@pytest.mark.parametrize(("seconds", "after"), [("", None), ("60", 60)])
def test_the_pace_of_exports_is_a_setting_and_absent_where_there_is_no_lake(
    seconds: str, after: int | None
) -> None:
    assert Settings(lake_seconds=seconds).lake_after == after


def test_what_glue_does_not_show_is_what_is_known_to_be_otherwise() -> None:
    sales, gone = Line("sales@1"), Line("gone@1")
    known = Database("d_sales", sales, "s", "told", AT)
    told, names = {sales: "told"}, {sales: "d_sales"}
    assert not_shown(names, told, [known]) == set()
    assert not_shown(names, told, []) == {sales}
    assert not_shown(names, {sales: "newer"}, [known]) == {sales}
    assert not_shown({}, {}, [known]) == {sales}
    assert not_shown(names, told, [known, Database("d_gone", gone, "s", "told", AT)]) == {gone}


def test_what_somebody_can_change_is_told_from_what_iceberg_cannot_have() -> None:
    assert is_taken(taken("a database d", "x"))
    assert is_taken(taken("a table of this name", ""))
    assert not is_taken("1,001 columns; Glue takes 1,000 of ours")
