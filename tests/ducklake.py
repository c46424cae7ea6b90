"""DuckLake's own extension, which reads what the exporter has written."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import duckdb

from duckstring.model.sql import literal


def load(con: duckdb.DuckDBPyConnection, *names: str) -> None:
    """Load extensions that pip has installed."""
    for name in names:
        package = files(f"duckdb_extension_{name}")
        path = package / "extensions" / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"
        con.execute(f"LOAD {literal(str(path))}")


def attached(catalog: str | Path, data: str | Path = "") -> duckdb.DuckDBPyConnection:
    """A database that has a catalog as ``lake``. ``data``: where its objects lie, if it is
    elsewhere than the catalog says.
    """
    con = duckdb.connect(config={"allow_unsigned_extensions": True})
    load(con, "ducklake")
    there = f", DATA_PATH {literal(f'{data}/')}, OVERRIDE_DATA_PATH true" if data else ""
    con.execute(f"ATTACH {literal(f'ducklake:{catalog}')} AS lake (READ_ONLY{there})")
    return con


def tables(con: duckdb.DuckDBPyConnection) -> set[tuple[str, str]]:
    """The schemas and names of all tables and views of Ponds."""
    found = con.execute(
        "SELECT table_schema, table_name FROM information_schema.tables "
        "WHERE table_catalog = 'lake' AND table_schema NOT IN ('duckstring')"
    ).fetchall()
    return {(schema, name) for schema, name in found}
