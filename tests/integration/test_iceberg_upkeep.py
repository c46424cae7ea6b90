"""Iceberg tables on moto: what goes wrong, what is somebody else's, and what the sweep finds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from duckstring.adapters.aws.glue import GlueWarehouse
from duckstring.adapters.aws.iceberg_kept import IcebergDatabases, SweptIceberg
from duckstring.adapters.aws.lake_kept import ExportQueues
from duckstring.exporter.iceberg import export_iceberg
from duckstring.model.values import replace
from tests.integration.iceberg_kit import (
    ORDERS,
    REPORTS,
    SALES,
    address,
    house,
    orders,
    publish,
)

__all__ = ["address", "house"]

DAY = timedelta(days=1)

ODD = "SELECT 1::UBIGINT AS u"


def test_what_is_not_ours_is_never_touched(house):
    glue = house.glue
    glue.create_database(DatabaseInput={"Name": "duckstring_dev__reports"})
    theirs = {"Name": "orders", "Parameters": {"table_type": "ICEBERG"}}
    glue.create_table(DatabaseName="duckstring_dev__reports", TableInput=theirs)
    publish(house, orders(house, "SELECT 1 AS i", of=REPORTS), of=REPORTS)
    assert house.databases.all()["duckstring_dev__reports"].left_out == {
        "*": "Glue has a database duckstring_dev__reports that is not Duckstring's: "
        "delete it if nobody needs it, or give this Pond or its table another name"
    }
    publish(house, orders(house, "SELECT 1 AS i"))
    glue.create_table(DatabaseName="duckstring_dev__sales", TableInput={**theirs, "Name": "more"})
    publish(house, house.write(SALES, "more", "SELECT 2 AS i"))
    kept = house.databases.all()["duckstring_dev__sales"]
    assert (list(kept.left_out), kept.tables) == (["more"], 1)
    del house.states[SALES], house.states[REPORTS]
    house.export()
    assert house.listed() == {
        "duckstring_dev__reports": ["orders"],
        "duckstring_dev__sales": ["more"],
    }
    found = glue.get_table(DatabaseName="duckstring_dev__sales", Name="more")["Table"]
    assert found["Parameters"] == {"table_type": "ICEBERG"}


def test_what_is_of_another_catchment_is_not_to_be_deleted(house):
    others = {"duckstring.catchment": "prod\u202e"}
    glue = house.glue
    given = {"Name": "duckstring_dev__reports", "Parameters": others}
    glue.create_database(DatabaseInput=given)
    publish(house, orders(house, "SELECT 1 AS i", of=REPORTS), of=REPORTS)
    (why,) = house.databases.all()["duckstring_dev__reports"].left_out.values()
    assert "of Catchment prod" in why
    assert "do not delete it" in why
    assert "\u202e" not in why, "anybody may write to Glue"
    publish(house, orders(house, "SELECT 1 AS i"))
    theirs = {"Name": "more", "Parameters": others}
    glue.create_table(DatabaseName="duckstring_dev__sales", TableInput=theirs)
    publish(house, house.write(SALES, "more", "SELECT 2 AS i"))
    assert "do not delete it" in house.databases.all()["duckstring_dev__sales"].left_out["more"]


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
        if given[2] == "orders":  # the last one
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
    made = len(house.snapshots(ORDERS)), len(house.snapshots("sales.b"))
    assert made == (2, 1), "what was done is not done again"
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
    assert list(report.failed) == ["duckstring_dev__sales"]
    assert (house.rows("sales.b"), house.rows(ORDERS)) == ([(2,)], [(1,)])
    assert house.databases.all()["duckstring_dev__sales"].shown == ""
    assert house.needed() <= house.swept.named()
    publish(house, orders(house, "SELECT 4 AS i"))
    assert house.rows(ORDERS) == [(4,)]


def test_a_number_of_rows_that_is_not_the_files_own_is_found(house):
    made = orders(house, "SELECT 1 AS i")
    house.publish(SALES, replace(made, rows=5, parts=()))
    report = export_iceberg(house.ports, [SALES])
    assert "has 1 rows, of 5" in report.failed["duckstring_dev__sales"]


def test_a_catchment_with_another_bucket_makes_its_tables_anew(house):
    publish(house, orders(house, "SELECT 1 AS i"))
    table = house.glue.get_table(DatabaseName="duckstring_dev__sales", Name="orders")["Table"]
    parameters = {**table["Parameters"], "metadata_location": "s3://another/iceberg/x.json"}
    house.glue.update_table(
        DatabaseName="duckstring_dev__sales",
        TableInput={"Name": "orders", "TableType": table["TableType"], "Parameters": parameters},
    )
    publish(house)
    assert house.rows(ORDERS) == [(1,)]


@pytest.mark.parametrize("content", [None, b"", b'{"format-version": 2', b"{}"])
def test_a_table_whose_metadata_is_gone_or_broken_is_made_anew(house, content):
    publish(house, orders(house, "SELECT 1 AS i"))
    place = {"Bucket": "catchment", "Key": metadata_key(house)}
    house.clients.s3.delete_object(**place)
    if content is not None:
        house.clients.s3.put_object(**place, Body=content)
    publish(house, orders(house, "SELECT 2 AS i"))
    assert house.rows(ORDERS) == [(2,)]
    assert house.needed() <= house.swept.named()


def metadata_key(house):
    return house.table(ORDERS).metadata_location.removeprefix("s3://catchment/")


@pytest.mark.parametrize("content", [None, b"zzz"])
def test_a_listing_that_is_gone_or_broken_is_made_anew_and_nothing_is_deleted_until_then(
    house, content
):
    publish(house, orders(house, "SELECT 1 AS i"))
    (kept,) = house.databases.all().values()
    place = {"Bucket": "catchment", "Key": kept.listing}
    house.clients.s3.delete_object(**place)
    if content is not None:
        house.clients.s3.put_object(**place, Body=content)
    tomorrow = datetime.now(UTC) + DAY
    named = house.swept.named()
    assert [message["lines"] for message in house.asked()] == [["sales@1"]]
    assert not set(house.swept.outdated(tomorrow, named)) & house.needed()
    house.export(SALES)
    assert house.needed() <= house.swept.named()
    assert len(house.snapshots(ORDERS)) == 1


def test_the_sweep_finds_files_that_nothing_names_any_more(house):
    publish(house, orders(house, "SELECT 1 AS i", key=("id",)))
    publish(house, orders(house, ODD))
    now = datetime.now(UTC)
    assert list(house.swept.outdated(now - DAY, house.swept.named())) == []
    gone = set(house.swept.outdated(now + DAY, house.swept.named()))
    assert gone, "listings before the last one"
    assert not gone & house.needed()
    del house.states[SALES]
    house.export()
    left = {one["Key"] for one in house.stored("iceberg/")}
    assert set(house.swept.outdated(now + DAY, house.swept.named())) == left


def test_of_an_export_that_has_not_come_to_its_end_nothing_is_deleted(house, monkeypatch):
    publish(house, orders(house, "SELECT 1 AS i"))
    house.publish(SALES, orders(house, "SELECT 2 AS i"))
    put = GlueWarehouse.put

    def die(*given, **more):
        put(*given, **more)
        raise KeyboardInterrupt

    monkeypatch.setattr(GlueWarehouse, "put", die)
    with pytest.raises(KeyboardInterrupt):
        export_iceberg(house.ports, [SALES])
    tomorrow = datetime.now(UTC) + DAY
    assert not set(house.swept.outdated(tomorrow, house.swept.named())) & house.needed()


def test_without_the_option_all_of_it_goes(house):
    publish(house, orders(house, "SELECT 1 AS i"))
    swept = SweptIceberg(house.clients, "table", "catchment", catchment="dev", queue="")
    assert (swept.is_there, swept.databases(), swept.named()) == (False, [], set())
    stored = {one["Key"] for one in house.stored("iceberg/")}
    assert set(swept.outdated(datetime.now(UTC) + DAY, set())) == stored


def test_a_table_that_says_it_is_ours_and_is_no_iceberg_table_is_replaced(house):
    publish(house, orders(house, "SELECT 1 AS i"))
    ours = {"duckstring.catchment": "dev"}
    for name, parameters in (("a", ours), ("b", {**ours, "metadata_location": "s3://x/y.json"})):
        table = {"Name": name, "Parameters": parameters}
        house.glue.create_table(DatabaseName="duckstring_dev__sales", TableInput=table)
    publish(
        house, house.write(SALES, "a", "SELECT 2 AS i"), house.write(SALES, "b", "SELECT 3 AS i")
    )
    assert (house.rows("sales.a"), house.rows("sales.b")) == ([(2,)], [(3,)])


def test_a_database_that_somebody_deletes_is_made_again(house):
    publish(house, orders(house, "SELECT 1 AS i"))
    house.glue.delete_database(Name="duckstring_dev__sales")
    house.export()
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
    assert house.listed() == {"duckstring_dev__sales": ["b"]}


def looked(house):
    """All that is at rest is looked at."""
    report = export_iceberg(house.ports, look=True)
    assert report.failed == {}
    return report.put


def test_of_a_pond_at_rest_what_others_delete_or_change_in_glue_is_put_right(house):
    import pyarrow as pa

    publish(house, orders(house, "SELECT 1 AS i"), house.write(SALES, "b", "SELECT 2 AS i"))
    assert looked(house) == 0, "nothing is wrong"
    house.glue.delete_table(DatabaseName="duckstring_dev__sales", Name="orders")
    house.table("sales.b").append(pa.table({"i": pa.array([666], pa.int32())}))
    assert looked(house) == 2
    assert (house.rows(ORDERS), house.rows("sales.b")) == ([(1,)], [(2,)])
    with house.table("sales.b").update_schema() as change:
        change.rename_column("i", "theirs")
    assert looked(house) == 1
    assert house.table("sales.b").schema().column_names == ["i"]
    assert house.rows("sales.b") == [(2,)]
    house.glue.delete_database(Name="duckstring_dev__sales")
    assert looked(house) == 2
    assert house.rows(ORDERS) == [(1,)]
    assert looked(house) == 0
    assert house.needed() <= house.swept.named()


@pytest.mark.parametrize("which", ["metadata", "list", "manifest"])
def test_of_a_pond_at_rest_metadata_that_is_deleted_is_made_anew(house, which):
    publish(house, orders(house, "SELECT 1 AS i"))
    table = house.table(ORDERS)
    newest = table.current_snapshot()
    address = {
        "metadata": table.metadata_location,
        "list": newest.manifest_list,
        "manifest": newest.manifests(table.io)[0].manifest_path,
    }[which]
    house.clients.s3.delete_object(Bucket="catchment", Key=address.removeprefix("s3://catchment/"))
    house.export()
    assert looked(house) == 1
    assert house.rows(ORDERS) == [(1,)]
    assert looked(house) == 0
    assert house.needed() <= house.swept.named()


def test_what_was_left_out_is_there_once_what_was_in_its_way_is_gone(house):
    name = "duckstring_dev__reports"
    house.glue.create_database(DatabaseInput={"Name": name})
    publish(house, orders(house, "SELECT 1 AS i", of=REPORTS), of=REPORTS)
    assert house.listed() == {name: []}
    assert looked(house) == 0
    house.glue.delete_database(Name=name)
    assert looked(house) == 1
    assert house.rows("reports.orders") == [(1,)]
    assert house.databases.all()[name].left_out == {}


def test_an_hour_goes_by_between_looks_and_the_message_asks_for_all_of_it(house):
    now = house.clock.now()
    assert house.swept.claim_look(now)
    assert not house.swept.claim_look(now + timedelta(minutes=59))
    assert house.swept.claim_look(now + timedelta(hours=1))
    house.swept.look()
    assert house.asked() == [{"lines": "all", "look": True}]


def test_a_repair_asks_each_exporter_that_there_is(house):
    for lake in (house.queue, ""):
        ExportQueues(house.clients, lake=lake, iceberg="").repair()
    assert house.asked() == [{"lines": "all", "look": True}]


def test_who_loses_to_an_export_that_shows_the_same_ends_quietly(house, monkeypatch):
    publish(house, orders(house, "SELECT 1 AS i"))
    house.publish(SALES, orders(house, "SELECT 2 AS i"))
    keep, tries = IcebergDatabases.keep, []

    def others(self, database, listing, *, over):
        tries.append(database)
        if len(tries) < 3:
            return False
        with monkeypatch.context() as patch:
            patch.setattr(IcebergDatabases, "keep", keep)
            export_iceberg(house.ports, [SALES])
        return False

    with monkeypatch.context() as patch:
        patch.setattr(IcebergDatabases, "keep", others)
        assert export_iceberg(house.ports, [SALES]).failed == {}
        patch.setattr(IcebergDatabases, "keep", lambda *_, **__: False)
        house.publish(SALES, orders(house, "SELECT 3 AS i"))
        assert "Others exported it" in str(export_iceberg(house.ports, [SALES]).failed)
    assert house.rows(ORDERS) == [(2,)]
