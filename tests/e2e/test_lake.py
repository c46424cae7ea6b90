"""The lake: what Ponds publish, read by DuckDB and its DuckLake extension alone."""

from __future__ import annotations

import json

import duckdb

from duckstring_cli import catchments
from tests import ducklake
from tests.e2e.drive import until

SHOP = """
ODD = '''SELECT 5::HUGEINT AS big, 'a'::ENUM('a', 'b') AS letter, INTERVAL 1 MONTH AS span,
    [{'k': MAP {'x': 1.5::DECIMAL(9, 2)}}] AS nested'''

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


def export(driver):
    """What the exporter does a minute after a run, at once."""
    function = catchments.read_outputs(driver.client.catchment)["ExporterFunction"]
    lambdas = catchments.session(driver.client.catchment).client("lambda")
    answer = lambdas.invoke(FunctionName=function, Payload=b"{}")
    said = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, said
    return said


def attached(driver, *flags):
    """A DuckDB that runs what the command prints, with extensions that are here already."""
    con = duckdb.connect(config={"allow_unsigned_extensions": True})
    ducklake.load(con, "httpfs", "ducklake")
    told = driver.run.done("lake", "--sql", *flags)
    con.execute("\n".join(line for line in told.splitlines() if "INSTALL" not in line))
    return con


def rows(con, table, at=None):
    when = "" if at is None else f" AT (VERSION => {at})"
    return con.execute(f"FROM lake.{table}{when} ORDER BY ALL").fetchall()


def published(driver):
    """One more run of the shop, exported."""
    driver.wait_fresh("lake_shop", driver.pulse("lake_shop"))
    assert export(driver)["left_out"] == {}


def test_any_duckdb_reads_what_ponds_publish_as_it_is_and_as_it_was(driver):
    driver.deploy(driver.pond("lake_shop", SHOP + OLD))
    published(driver)
    con = attached(driver)
    (first,) = con.execute("SELECT max(snapshot_id) FROM lake.snapshots()").fetchone()
    events = rows(con, "lake_shop.events")
    assert len(events) == 2
    assert rows(con, "lake_shop.customers") == [(0, 1), (1, 1)]
    (kinds,) = con.execute(
        "SELECT big, letter, nested[1].k['x'], span.months FROM lake.lake_shop.kinds"
    ).fetchall()
    assert [str(value) for value in kinds] == ["5", "a", "1.50", "1"]
    ponds = con.execute(
        "SELECT pond, major, version, run FROM lake.duckstring.ponds WHERE pond = 'lake_shop'"
    ).fetchall()
    assert ponds == [("lake_shop", 1, "1.0.0", "lake_shop@1/1")]
    published(driver)
    con = attached(driver)
    assert len(rows(con, "lake_shop.events")) == 4
    assert rows(con, "lake_shop.events", first) == events
    assert rows(con, "lake_shop.customers") == [(0, 2), (1, 2)]
    assert rows(con, "lake_shop.customers", first) == [(0, 1), (1, 1)]
    a_table_that_is_dropped_a_rollback_and_a_removal_are_followed(driver, first, events)


def a_table_that_is_dropped_a_rollback_and_a_removal_are_followed(driver, first, events):
    frozen, newest = attached(driver, "--frozen"), attached(driver)
    driver.deploy(driver.pond("lake_shop", SHOP, version="1.1.0"))
    driver.run.done("pond", "remove", "lake_shop", "--table", "old", "--yes")
    published(driver)
    assert ("lake_shop", "old") not in ducklake.tables(attached(driver))
    driver.run.done("publish", "lake_shop", "--run", "1", "--yes")
    export(driver)
    assert rows(attached(driver), "lake_shop.events") == events
    assert len(rows(frozen, "lake_shop.events")) == 4
    assert len(rows(newest, "lake_shop.events")) == 4, "what is replaced was read as a whole"
    driver.run.done("pond", "remove", "lake_shop", "--yes")
    until(lambda: "lake_shop" not in driver.lines(), what="the Pond is gone")
    export(driver)
    con = attached(driver)
    assert not [schema for schema, _ in ducklake.tables(con) if schema == "lake_shop"]
    assert rows(con, "lake_shop.events", first) == events


def test_a_run_that_publishes_is_in_the_lake_by_itself(driver):
    driver.deploy(
        driver.pond(
            "lake_alone",
            """
            @ripple
            def make(pond):
                pond.write_table("made", "SELECT 1 AS one")
            """,
        )
    )
    before = json.loads(driver.run.done("lake", "--json"))
    assert before["seconds"] == 60
    driver.wait_fresh("lake_alone", driver.pulse("lake_alone"))

    def shown():
        if json.loads(driver.run.done("lake", "--json"))["catalog"] is None:
            return False
        return ("lake_alone", "made") in ducklake.tables(attached(driver))

    until(shown, what="the lake shows it")
