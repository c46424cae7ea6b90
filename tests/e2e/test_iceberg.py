"""Iceberg tables in Glue: what Ponds publish, read by pyiceberg and by DuckDB's extension alone."""

from __future__ import annotations

import json
from decimal import Decimal
from urllib.parse import urlsplit

import duckdb
import pytest
from pyiceberg.catalog.glue import GlueCatalog

from duckstring_cli import bucket, catchments
from duckstring_cli.client import Client
from duckstring_cli.local import catchment as local
from duckstring_cli.local import process
from tests import ducklake
from tests.e2e.conftest import deployed_as, recording
from tests.e2e.drive import Driver, until

NAME = "icy"
DATABASE = "duckstring_icy__shop"
SHOP = """
ODD = '''SELECT 5::HUGEINT AS big, 'a'::ENUM('a', 'b') AS letter, INTERVAL 1 MONTH AS span,
    [{'k': MAP {'x': 1.5::DECIMAL(9, 2)}}] AS nested, 7::UBIGINT AS u'''

@ripple
def load(pond):
    n = int(pond.f.timestamp() * 1000)
    pond.append_table("events", f"SELECT {n} AS moment, unnest([1, 2]) AS customer")
    grade = len(pond.read_table("events").fetchall()) // 2
    grades = f"SELECT range AS id, {grade} AS grade FROM range(2)"
    pond.merge_table("customers", grades, key=["id"])
    pond.write_table("kinds", ODD)
"""
OLD = """
    pond.write_table("old", "SELECT 1 AS one")
"""


@pytest.fixture(scope="module")
def home(duckstring_home, tmp_path_factory):
    """The Catchment, running, with IAM enforced."""
    local.init(NAME, iam=True, iceberg=True, port=process.free_port())
    with recording(NAME) as recorded, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DUCKSTRING_CATCHMENT", NAME)
        try:
            local.start(NAME)
            deployed_as(catchments.find(NAME)).write(recorded)
            folder = tmp_path_factory.mktemp("icy")
            yield Driver(Client(catchments.find(NAME)), folder, folder / "ledger")
        finally:
            local.delete(NAME)


def export(driver):
    """What the function does a minute after a run, at once."""
    function = catchments.read_outputs(driver.client.catchment)["IcebergFunction"]
    answer = driver.aws("lambda").invoke(FunctionName=function, Payload=b"{}")
    said = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, said
    return said


def catalog(driver):
    """As a user has it, with the Catchment's address and key."""
    reached = bucket.reach(driver.client.catchment)
    keys = reached.keys()
    place = {"s3.endpoint": reached.endpoint, "s3.region": reached.region}
    secret = {"s3.access-key-id": keys.key_id, "s3.secret-access-key": keys.secret}
    return GlueCatalog("mine", client=driver.aws("glue"), **place, **secret)


def rows(driver, name, snapshot=None):
    """A table's rows as pyiceberg and as DuckDB read them, which have to be the same."""
    table = catalog(driver).load_table((DATABASE, name))
    con = duckdb.connect(config={"allow_unsigned_extensions": True})
    ducklake.load(con, "httpfs", "avro", "iceberg")
    reached = bucket.reach(driver.client.catchment)
    host, keys = urlsplit(reached.endpoint).netloc, reached.keys()
    con.execute(
        f"CREATE SECRET (TYPE s3, KEY_ID '{keys.key_id}', SECRET '{keys.secret}', "
        f"REGION '{reached.region}', ENDPOINT '{host}', URL_STYLE 'path', USE_SSL false)"
    )
    con.register("by_pyiceberg", table.scan(snapshot_id=snapshot).to_arrow())
    by_arrow = con.sql("FROM by_pyiceberg ORDER BY ALL").fetchall()
    at = "" if snapshot is None else f", snapshot_from_id := {snapshot}"
    by_duckdb = con.execute(f"FROM iceberg_scan('{table.metadata_location}'{at}) ORDER BY ALL")
    assert by_arrow == by_duckdb.fetchall()
    return by_arrow


def tables(driver):
    found = driver.aws("glue").get_tables(DatabaseName=DATABASE)["TableList"]
    return {one["Name"] for one in found}


def published(driver):
    """One more run of the shop, exported."""
    driver.wait_fresh("shop", driver.pulse("shop"))
    export(driver)


def test_other_engines_read_what_ponds_publish_as_it_is_and_as_it_was(home):
    home.deploy(home.pond("shop", SHOP + OLD))
    published(home)
    assert tables(home) == {"events", "customers", "kinds", "old"}
    events = rows(home, "events")
    assert len(events) == 2
    assert rows(home, "customers") == [(0, 1), (1, 1)]
    ((big, letter, span, nested, u),) = rows(home, "kinds")
    assert (big, letter, u) == (Decimal(5), "a", Decimal(7))
    assert span["months"] == 1
    assert nested == [{"k": {"x": Decimal("1.50")}}]
    published(home)
    table = catalog(home).load_table((DATABASE, "events"))
    first = table.metadata.snapshots[0].snapshot_id
    assert len(rows(home, "events")) == 4
    (newest,) = table.scan(row_filter=f"moment > {events[0][0]}").plan_files()
    assert newest.file.record_count == 2, "the older file is skipped by the bounds of its moments"
    assert rows(home, "events", first) == events
    assert rows(home, "customers") == [(0, 2), (1, 2)]
    told = json.loads(home.run.done("lake", "--json"))["iceberg"]
    assert [(one["database"], one["line"], one["run"], one["tables"]) for one in told] == [
        (DATABASE, "shop@1", "shop@1/2", 4)
    ]
    assert DATABASE in home.run.done("lake")
    a_rollback_a_table_that_is_dropped_and_a_removal_are_followed(home, events)


def a_rollback_a_table_that_is_dropped_and_a_removal_are_followed(home, events):
    home.deploy(home.pond("shop", SHOP, version="1.1.0"))
    home.run.done("pond", "remove", "shop", "--table", "old", "--yes")
    published(home)
    assert tables(home) == {"events", "customers", "kinds"}
    home.run.done("publish", "shop", "--run", "1", "--yes")
    export(home)
    assert rows(home, "events") == events
    assert rows(home, "customers") == [(0, 1), (1, 1)]
    home.run.done("pond", "remove", "shop", "--yes")
    until(lambda: "shop" not in home.lines(), what="the Pond is gone")
    export(home)
    assert home.aws("glue").get_databases()["DatabaseList"] == []
    home.deploy(home.pond("shop", SHOP, version="1.2.0"))
    published(home)
    assert len(rows(home, "events")) == 2


def test_a_run_that_publishes_is_in_glue_by_itself(home):
    code = """
        @ripple
        def make(pond):
            pond.write_table("made", "SELECT 1 AS one")
    """
    home.deploy(home.pond("alone", code))
    home.wait_fresh("alone", home.pulse("alone"))

    def shown():
        names = [one["Name"] for one in home.aws("glue").get_databases()["DatabaseList"]]
        return "duckstring_icy__alone" in names

    until(shown, what="Glue has it")


def test_what_somebody_deletes_from_glue_is_there_again_once_it_is_asked_for(home):
    name = "duckstring_icy__alone"
    home.aws("glue").delete_table(DatabaseName=name, Name="made")
    assert "made anew where they differ" in home.run("lake", "--repair").err

    def shown():
        return home.aws("glue").get_tables(DatabaseName=name)["TableList"]

    until(shown, what="Glue has it again")
    assert "Nothing is wrong" in home.run.done("doctor")


def test_the_sweep_finds_nothing_to_mend_and_deletes_nothing_that_is_needed(home):
    function = catchments.read_outputs(home.client.catchment)["SweepFunction"]
    answer = home.aws("lambda").invoke(FunctionName=function, Payload=b"{}")
    said = json.loads(answer["Payload"].read())
    assert (said["not_in_iceberg"], said["catalogs"]) == ([], 0)
