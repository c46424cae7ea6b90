"""Iceberg tables in Glue, on moto: read back by pyiceberg with Arrow, and by DuckDB's extension."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from duckstring.exporter import fitting
from duckstring.model.instants import to_text
from duckstring.model.lake import shown
from duckstring.model.names import run_key
from duckstring.model.values import replace
from tests.integration.iceberg_kit import (
    ORDERS,
    SALES,
    SALES_2,
    address,
    house,
    orders,
    publish,
)

__all__ = ["address", "house"]

DAY = timedelta(days=1)


def test_a_table_is_read_by_other_engines_as_it_is_and_as_it_was(house):
    assert publish(house, orders(house, "SELECT range AS id, 'a' AS t FROM range(3)")).put == 1
    assert house.listed() == {"duckstring_dev__sales": ["orders"]}
    assert house.rows(ORDERS) == [(0, "a"), (1, "a"), (2, "a")]
    publish(house, house.more(SALES, "orders", "SELECT 9::BIGINT AS id, 'b' AS t"))
    assert house.rows(ORDERS) == [(0, "a"), (1, "a"), (2, "a"), (9, "b")]
    publish(house, orders(house, "SELECT 5::BIGINT AS id, 'c' AS t"))
    first, second, _ = house.snapshots(ORDERS)
    assert house.rows(ORDERS) == [(5, "c")]
    assert house.rows(ORDERS, first) == [(0, "a"), (1, "a"), (2, "a")]
    assert len(house.rows(ORDERS, second)) == 4
    assert house.needed() <= house.swept.named()


def test_a_version_says_which_run_it_shows_and_as_of_when(house):
    publish(house, orders(house, "SELECT 1 AS i"))
    told = house.summary(ORDERS)
    assert told["duckstring.run"] == run_key(SALES, house.states[SALES].snapshot)
    assert told["duckstring.f"] == to_text(house.f)
    assert house.table(ORDERS).properties["gc.enabled"] == "false", "nobody deletes a Pond's rows"


def test_a_run_that_changes_no_table_makes_no_version(house):
    publish(house, orders(house, "SELECT 1 AS i"))
    before = house.table(ORDERS).metadata_location
    assert publish(house).put == 0
    assert house.table(ORDERS).metadata_location == before
    state = house.states[SALES]
    (kept,) = house.databases.all().values()
    assert kept.shown == shown(run_key(SALES, state.snapshot), state.snapshot_f)
    assert house.export().databases == [], "and the next one finds nothing to do"


def test_columns_come_go_and_change_and_older_versions_stay_as_they_were(house):
    publish(house, orders(house, "SELECT 1::INTEGER AS a, 'x' AS b, {'c': 1, 'd': 'y'} AS s"))
    publish(house, orders(house, "SELECT 2::BIGINT AS a, {'d': 'z', 'e': true} AS s, 'n' AS new"))
    table = house.table(ORDERS)
    assert [one.name for one in table.schema().fields] == ["a", "s", "new"]
    assert house.rows(ORDERS) == [(2, {"d": "z", "e": True}, "n")]
    (first, second) = house.snapshots(ORDERS)
    assert house.rows(ORDERS, first) == [(1, "x", {"c": 1, "d": "y"})]
    publish(house, orders(house, "SELECT 'again' AS b, 3::BIGINT AS a"))
    assert house.rows(ORDERS) == [("again", 3)]
    assert house.rows(ORDERS, first) == [(1, "x", {"c": 1, "d": "y"})]
    assert house.rows(ORDERS, second) == [(2, {"d": "z", "e": True}, "n")]


def test_where_a_type_changes_as_iceberg_cannot_the_history_begins_anew(house):
    publish(house, orders(house, "SELECT 1 AS a, 'k' AS k"))
    publish(house, orders(house, "SELECT 'text' AS a, 'k' AS k"))
    assert house.rows(ORDERS) == [("text", "k")]
    assert len(house.snapshots(ORDERS)) == 1
    publish(house, orders(house, "SELECT [1, 2] AS a, 'k' AS k"))
    assert house.rows(ORDERS) == [([1, 2], "k")]
    assert len(house.snapshots(ORDERS)) == 1
    assert len(house.table(ORDERS).metadata.schemas) == 1
    publish(house, orders(house, "SELECT [3] AS a, 'l' AS k"))
    assert len(house.snapshots(ORDERS)) == 2, "and goes on from there"


def test_a_snapshot_that_is_published_again_is_a_new_version_with_the_older_files(house):
    publish(house, orders(house, "SELECT 1 AS i"))
    before = house.states[SALES]
    publish(house, orders(house, "SELECT 2 AS i, 'more' AS t"))
    house.states[SALES] = replace(before, snapshot=99)
    house.export(SALES)
    assert house.rows(ORDERS) == [(1,)]
    assert len(house.snapshots(ORDERS)) == 3
    assert house.summary(ORDERS)["duckstring.run"] == "sales@1/99"


def test_parts_that_are_folded_take_the_place_of_the_others(house):
    publish(house, orders(house, "SELECT 0 AS i"))
    for number in range(1, 4):
        publish(house, house.more(SALES, "orders", f"SELECT {number} AS i"))
    assert house.rows(ORDERS) == [(0,), (1,), (2,), (3,)]
    publish(house, orders(house, "SELECT range::INTEGER AS i FROM range(4)"))
    assert house.rows(ORDERS) == [(0,), (1,), (2,), (3,)]
    newest = house.table(ORDERS)
    assert len(list(newest.scan().plan_files())) == 1
    assert house.needed() <= house.swept.named()


def test_what_an_export_reads_does_not_grow_with_the_versions_before(house):
    asked = []
    house.clients.s3.meta.events.register(
        "before-call.s3.GetObject", lambda params, **_: asked.append(params["url_path"])
    )

    def reads():
        publish(house, orders(house, f"SELECT {house.runs} AS i"))
        asked.clear()
        publish(house, orders(house, f"SELECT {house.runs} AS i"))
        return len(asked)

    _, second, *_, last = [reads() for _ in range(6)]
    assert last <= second
    newest = house.table(ORDERS).current_snapshot()
    assert len(newest.manifests(house.table(ORDERS).io)) == 2


def test_changes_by_a_key_are_copied_until_they_are_folded(house):
    def changes(sql):
        more = house.more(
            SALES, "orders", f"SELECT *, 'update_after' AS _change FROM ({sql})", kind="changes"
        )
        return replace(more, merge_key=("id",))

    rows = "SELECT range::INTEGER AS id, 'old' AS t FROM range(3)"
    publish(house, orders(house, rows, key=("id",)))
    publish(house, changes("SELECT 1 AS id, 'new' AS t"))
    assert house.rows(ORDERS) == [(0, "old"), (1, "new"), (2, "old")]
    (file,) = [task.file for task in house.table(ORDERS).scan().plan_files()]
    assert "/iceberg/duckstring_dev__sales/copies/" in file.file_path
    assert house.needed() <= house.swept.named()
    folded = orders(house, "SELECT range::INTEGER AS id, 't' AS t FROM range(3)", key=("id",))
    publish(house, folded)
    (file,) = [task.file for task in house.table(ORDERS).scan().plan_files()]
    assert file.file_path.endswith(folded.key)
    assert house.rows(ORDERS, house.snapshots(ORDERS)[1])[1] == (1, "new")


def test_what_is_too_large_to_be_copied_is_left_out_with_the_reason(house, monkeypatch):
    publish(house, orders(house, "SELECT 1 AS id", key=("id",)))
    monkeypatch.setattr(fitting, "MOST_COPIED", 10)
    publish(
        house,
        orders(house, "SELECT 2 AS id", key=("id",)),
        house.write(SALES, "o", "SELECT 3 AS i"),
    )
    assert house.listed() == {"duckstring_dev__sales": ["o"]}
    (kept,) = house.databases.all().values()
    assert kept.left_out["orders"].startswith("it is merged by a key, so it would be copied, and")
    assert kept.shown, "which is no failure"


ODD = """SELECT 4294967295::UINTEGER AS u, 18446744073709551615::UBIGINT AS ub, 255::UTINYINT AS t,
  TIMESTAMP_NS '2020-01-01 00:00:00.000000001' AS ns, 12::DECIMAL(38,0) AS huge,
  [4294967295::UINTEGER] AS l, {'n': MAP {'k': 1::UBIGINT}} AS s"""


def test_types_that_iceberg_lacks_are_copied_as_types_that_hold_all_their_values(house):
    publish(house, orders(house, ODD))
    (row,) = house.rows(ORDERS)
    assert row == (
        *(4294967295, Decimal(18446744073709551615), 255, "2020-01-01 00:00:00.000000001"),
        *(Decimal(12), [4294967295], {"n": {"k": Decimal(1)}}),
    )


def test_types_with_a_place_in_iceberg_are_not_copied(house):
    made = orders(
        house,
        "SELECT 1::TINYINT a, 2::SMALLINT b, true c, 1.5::FLOAT d, 2.5::DOUBLE e, 'x' f, "
        "'\\x01'::BLOB g, '00000000-0000-0000-0000-000000000001'::UUID h, DATE '2020-01-01' i, "
        "TIME '01:02:03.000004' j, TIMESTAMP '2020-01-01 00:00:00.000001' k, "
        "TIMESTAMPTZ '2020-01-01 00:00:00+00' l, 1.25::DECIMAL(9,2) m, '{}'::JSON n, "
        "[{'p': MAP {1: [true, NULL]}}] o, NULL::INTEGER q",
    )
    publish(house, made)
    (file,) = [task.file for task in house.table(ORDERS).scan().plan_files()]
    assert file.file_path.endswith(made.key)
    assert len(house.rows(ORDERS)) == 1


def test_a_table_without_rows_is_there(house):
    publish(house, orders(house, "SELECT 1 AS i WHERE false"))
    assert house.rows(ORDERS) == []
    publish(house, orders(house, "SELECT 1 AS i"))
    publish(house, orders(house, "SELECT 1 AS i WHERE false"))
    assert house.rows(ORDERS) == []


def test_a_table_that_is_dropped_and_a_line_that_is_removed_leave_glue(house):
    publish(house, orders(house, "SELECT 1 AS i"), house.write(SALES, "old", "SELECT 2 AS i"))
    publish(house, orders(house, "SELECT 1 AS i"), only=True)
    assert house.listed() == {"duckstring_dev__sales": ["orders"]}
    del house.states[SALES]
    house.export(SALES)
    assert (house.listed(), house.databases.all()) == ({}, {})
    assert house.swept.named() == set()
    house.runs += 10
    publish(house, orders(house, "SELECT 3 AS i"))
    assert house.rows(ORDERS) == [(3,)]


def test_a_higher_major_takes_the_name_and_the_older_one_gets_its_own(house):
    publish(house, orders(house, "SELECT 1 AS i"))
    publish(house, orders(house, "SELECT 2 AS i", of=SALES_2), of=SALES_2)
    assert house.rows(ORDERS) == [(2,)]
    assert house.rows("sales_v1.orders") == [(1,)]
    assert len(house.databases.all()) == 2
    del house.states[SALES_2]
    house.export(SALES_2)
    assert house.rows(ORDERS) == [(1,)]
    assert list(house.listed()) == ["duckstring_dev__sales"]
