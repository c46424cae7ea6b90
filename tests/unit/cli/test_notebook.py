"""``duckstring.connect``: all Ponds of a Catchment in a notebook."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import duckdb
import pandas as pd
import pytest

import duckstring
from duckstring.errors import DuckstringError
from tests.unit.cli.lake_kit import Api, api, lake_rows, lake_s3

__all__ = ["api", "lake_rows", "lake_s3"]


@pytest.mark.usefixtures("api")
def test_a_query_gives_a_relation_over_the_tables_that_it_names() -> None:
    with duckstring.connect() as ponds:
        rows = ponds.sql("SELECT count(*) AS n FROM sales.orders JOIN products.prices USING (n)")
        assert rows.fetchall() == [(10,)]
        assert rows.df()["n"].tolist() == [10]
        views = ponds.con.sql(
            "SELECT schema_name FROM duckdb_views() WHERE NOT internal ORDER BY 1"
        )
        assert views.fetchall() == [("products",), ("sales",)]
        assert ponds.f is None
    with pytest.raises(duckdb.ConnectionException):
        ponds.con.sql("SELECT 1")


@pytest.mark.usefixtures("api")
def test_a_frame_that_is_registered_can_be_joined() -> None:
    ponds = duckstring.connect("dev")
    ponds.con.register("picked", pd.DataFrame({"n": [3, 4]}))
    assert ponds.sql("SELECT sum(price) FROM picked JOIN products.prices USING (n)").fetchall() == [
        (10.5,)
    ]


@pytest.mark.usefixtures("api")
def test_tables_are_named_as_sql_takes_them() -> None:
    ponds = duckstring.connect()
    assert ponds.tables() == [
        "delays.delays",
        "products.prices",
        "sales.orders",
        'sales."Odd name"',
        "sales_v1.orders",
    ]
    for table in ponds.tables("sales"):
        assert ponds.sql(f"FROM {table}").fetchall()


@pytest.mark.parametrize(
    "at",
    [
        "2030-01-01T11:00:00Z",
        datetime(2030, 1, 1, 11, tzinfo=UTC),
        datetime(2030, 1, 1, 13, tzinfo=timezone(timedelta(hours=2))),
    ],
)
def test_an_instant_is_told_in_utc(api: Api, at: Any) -> None:
    ponds = duckstring.connect(at=at)
    assert ponds.sql("SELECT count(*) FROM sales.orders").fetchall() == [(5,)]
    assert ponds.f == datetime(2030, 1, 1, 11, tzinfo=UTC)
    assert api.asked[-1]["at"] == "2030-01-01T11:00:00.000000Z"


@pytest.mark.usefixtures("api")
def test_one_freshness() -> None:
    ponds = duckstring.connect(consistent=True)
    assert ponds.sql("SELECT count(*) FROM sales.orders").fetchall() == [(5,)]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"at": "2030-01-01T11:00:00"}, "has no time zone"),
        ({"at": datetime(2030, 1, 1)}, "has no time zone"),  # noqa: DTZ001
        ({"at": "soon"}, "at: Invalid isoformat"),
        ({"at": "2030-01-01T11:00:00Z", "consistent": True}, "Give consistent or at, not both."),
    ],
)
@pytest.mark.usefixtures("api")
def test_an_instant_that_is_none_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(DuckstringError, match=said):
        duckstring.connect(**given)


@pytest.mark.usefixtures("api")
@pytest.mark.parametrize(
    "sql", ["COPY sales.orders TO 'x.csv'", "FROM read_text('/etc/hostname')", "FROM sale.orders"]
)
def test_it_reads_published_tables_and_nothing_else(sql: str) -> None:
    with pytest.raises(DuckstringError):
        duckstring.connect().sql(sql)


def test_where_ripples_run_it_says_what_to_do_instead() -> None:
    code = (
        "import sys; sys.modules['duckstring_cli'] = None; import duckstring\n"
        "assert 'duckdb' not in sys.modules and 'importlib.metadata' not in sys.modules\n"
        "try:\n    duckstring.connect()\n"
        "except Exception as error:\n    print(error.message, error.hint)"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout
    assert said.startswith("duckstring.connect needs the duckstring command")
    assert "pond.read_table" in said
