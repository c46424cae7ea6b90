"""Iceberg tables in Glue, on moto: read back by pyiceberg with Arrow, and by DuckDB's extension."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from duckstring.adapters.aws.glue import GlueWarehouse
from duckstring.exporter import fitting
from duckstring.exporter.iceberg import export_iceberg
from duckstring.model.instants import to_text
from duckstring.model.lake import shown
from duckstring.model.names import run_key
from duckstring.model.values import replace
from tests.integration.iceberg_kit import REPORTS, SALES, SALES_2, Warehouse, served

DAY = timedelta(days=1)
ORDERS = "sales.orders"


@pytest.fixture(scope="module")
def address():
    with served() as found:
        yield found


@pytest.fixture
def house(address, tmp_path):
    return Warehouse(address, tmp_path)


def publish(house, *tables, of=SALES, **more):
    house.publish(of, *tables, **more)
    return house.export(of)


def orders(house, sql, of=SALES, name="orders", **more):
    return house.write(of, name, sql, **more)


def test_a_table_is_read_by_other_engines_as_it_is_and_as_it_was(house):
    assert publish(house, orders(house, "SELECT range AS id, 'a' AS t FROM range(3)")).put == 1
    assert house.listed() == {"duckstring_dev_sales": ["orders"]}
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
    assert "/iceberg/duckstring_dev_sales/copies/" in file.file_path
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
    assert house.listed() == {"duckstring_dev_sales": ["o"]}
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
    assert house.listed() == {"duckstring_dev_sales": ["orders"]}
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
    assert list(house.listed()) == ["duckstring_dev_sales"]


def test_what_is_not_ours_is_never_touched(house):
    glue = house.glue
    glue.create_database(DatabaseInput={"Name": "duckstring_dev_reports"})
    theirs = {"Name": "orders", "Parameters": {"table_type": "ICEBERG"}}
    glue.create_table(DatabaseName="duckstring_dev_reports", TableInput=theirs)
    publish(house, orders(house, "SELECT 1 AS i", of=REPORTS), of=REPORTS)
    assert house.databases.all()["duckstring_dev_reports"].left_out == {
        "*": "Glue has a database duckstring_dev_reports that is not Duckstring's: "
        "delete or rename it"
    }
    publish(house, orders(house, "SELECT 1 AS i"))
    glue.create_table(DatabaseName="duckstring_dev_sales", TableInput={**theirs, "Name": "more"})
    publish(house, house.write(SALES, "more", "SELECT 2 AS i"))
    kept = house.databases.all()["duckstring_dev_sales"]
    assert (list(kept.left_out), kept.tables) == (["more"], 1)
    del house.states[SALES], house.states[REPORTS]
    house.export()
    assert house.listed() == {
        "duckstring_dev_reports": ["orders"],
        "duckstring_dev_sales": ["more"],
    }
    found = glue.get_table(DatabaseName="duckstring_dev_sales", Name="more")["Table"]
    assert found["Parameters"] == {"table_type": "ICEBERG"}


def test_what_somebody_else_commits_to_our_table_is_undone_by_the_next_export_of_it(house):
    import pyarrow as pa

    publish(house, orders(house, "SELECT 1 AS i"))
    house.table(ORDERS).append(pa.table({"i": pa.array([666], pa.int32())}))
    publish(house)
    assert house.rows(ORDERS) == [(1,)]


def test_versions_are_forgotten_a_day_after_a_newer_one_took_their_place(house):
    publish(house, orders(house, "SELECT 1 AS i"))
    publish(house, orders(house, "SELECT 2 AS i"))
    first, second = house.snapshots(ORDERS)
    house.clock.at += DAY - timedelta(minutes=5)
    house.export()
    assert house.snapshots(ORDERS) == [first, second]
    (kept,) = house.databases.all().values()
    assert house.clock.at < kept.expires < house.clock.at + DAY
    before = house.swept.named()
    house.clock.at += timedelta(minutes=10)
    assert house.export().expired == 1
    assert house.snapshots(ORDERS) == [second]
    assert house.needed() <= house.swept.named()
    assert len(house.swept.named()) < len(before)
    assert house.export().databases == []


def test_an_export_that_dies_between_a_commit_and_its_record_loses_nothing(house, monkeypatch):
    publish(house, orders(house, "SELECT 1 AS i"))
    house.publish(SALES, orders(house, "SELECT 2 AS i"), house.write(SALES, "b", "SELECT 3 AS i"))
    put = GlueWarehouse.put

    def die(*given, **more):
        put(*given, **more)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(GlueWarehouse, "put", die)
        with pytest.raises(KeyboardInterrupt):
            export_iceberg(house.ports, [SALES])
    (kept,) = house.databases.all().values()
    assert kept.shown == "", "the sweep asks for it again"
    assert {key for key in house.needed() if key.startswith("data/")} <= house.swept.named()
    house.export(SALES)
    assert (house.rows(ORDERS), house.rows("sales.b")) == ([(2,)], [(3,)])
    assert len(house.snapshots(ORDERS)) == 2, "what was done is not done again"
    assert house.needed() <= house.swept.named()


def test_two_exports_at_once_end_with_the_newest_and_all_of_it_is_listed(house, monkeypatch):
    publish(house, orders(house, "SELECT 1 AS i"))
    old = orders(house, "SELECT 2 AS i")
    house.publish(SALES, old)
    slow, put = house.ports, GlueWarehouse.put

    def meanwhile(self, *given, **more):
        monkeypatch.setattr(GlueWarehouse, "put", put)
        house.publish(SALES, orders(house, "SELECT 3 AS i"))
        slow.states.held = house.ports.states.held
        house.export(SALES)
        return put(self, *given, **more)

    monkeypatch.setattr(GlueWarehouse, "put", meanwhile)
    assert export_iceberg(slow, [SALES]).failed == {}
    assert house.rows(ORDERS) == [(3,)]
    assert len(house.snapshots(ORDERS)) == 2, "the slow one did not put back what is older"
    assert house.needed() <= house.swept.named()


def test_messages_that_come_again_or_late_change_nothing(house):
    publish(house, orders(house, "SELECT 1 AS i"))
    publish(house, orders(house, "SELECT 2 AS i"))
    for asked in ([SALES], [SALES, REPORTS], [], [SALES]):
        assert export_iceberg(house.ports, asked).databases == []
    assert house.rows(ORDERS) == [(2,)]


def test_a_table_that_cannot_be_read_stays_as_it_was_and_the_others_go_on(house):
    publish(house, orders(house, "SELECT 1 AS i"), house.write(SALES, "b", "SELECT 1 AS i"))
    broken = orders(house, "SELECT 2 AS i")
    house.clients.s3.put_object(Bucket="catchment", Key=broken.key, Body=b"no parquet")
    house.publish(SALES, broken, house.write(SALES, "b", "SELECT 2 AS i"))
    report = export_iceberg(house.ports, [SALES])
    assert list(report.failed) == ["duckstring_dev_sales"]
    assert (house.rows("sales.b"), house.rows(ORDERS)) == ([(2,)], [(1,)])
    assert house.databases.all()["duckstring_dev_sales"].shown == ""
    assert house.needed() <= house.swept.named()
    publish(house, orders(house, "SELECT 4 AS i"))
    assert house.rows(ORDERS) == [(4,)]


def test_a_number_of_rows_that_is_not_the_files_own_is_found(house):
    made = orders(house, "SELECT 1 AS i")
    house.publish(SALES, replace(made, rows=5, parts=()))
    report = export_iceberg(house.ports, [SALES])
    assert "has 1 rows, of 5" in report.failed["duckstring_dev_sales"]


def test_a_catchment_with_another_bucket_makes_its_tables_anew(house):
    publish(house, orders(house, "SELECT 1 AS i"))
    table = house.glue.get_table(DatabaseName="duckstring_dev_sales", Name="orders")["Table"]
    parameters = {**table["Parameters"], "metadata_location": "s3://another/iceberg/x.json"}
    house.glue.update_table(
        DatabaseName="duckstring_dev_sales",
        TableInput={"Name": "orders", "TableType": table["TableType"], "Parameters": parameters},
    )
    publish(house)
    assert house.rows(ORDERS) == [(1,)]


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ('SELECT 1 AS "a.b"', "takes the point for a part of another column"),
        ('SELECT 1 AS "a\nb"', "not printable"),
        ("SELECT {'x': {'q.r': 1}} AS s", "takes the point"),
        (f'SELECT 1 AS "{"x" * 300}"', "longer than 255"),
        ("SELECT " + ", ".join(f"1 AS c{n}" for n in range(1001)), "1,001 columns"),
    ],
)
def test_a_table_that_glue_or_iceberg_cannot_have_is_left_out_with_the_reason(house, sql, why):
    publish(house, orders(house, sql), house.write(SALES, "b", "SELECT 1 AS i"))
    (kept,) = house.databases.all().values()
    assert why in kept.left_out["orders"]
    assert house.listed() == {"duckstring_dev_sales": ["b"]}
