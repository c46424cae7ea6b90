"""The 25 nations, each in a region."""

import os
from importlib.util import find_spec
from pathlib import Path

import duckdb

from duckstring import Pond, ripple

SCALE = float(os.environ.get("TPCH_SCALE", "0.01"))


def extension() -> Path:
    """The file of DuckDB's TPC-H extension, which makes the data. Nothing is downloaded."""
    package = find_spec("duckdb_extension_tpch")
    if package is None or not package.submodule_search_locations:
        raise ModuleNotFoundError(
            f"duckdb-extension-tpch is not installed in this Catchment: add "
            f"duckdb-extension-tpch=={duckdb.__version__} to its requirements.txt"
        )
    folder = Path(next(iter(package.submodule_search_locations)))
    return folder / "extensions" / f"v{duckdb.__version__}" / "tpch.duckdb_extension"


@ripple
def nation(pond: Pond) -> None:
    """Publish ``nation``: one row for each nation. The same scale gives the same rows.

    The generator makes all eight tables. They get a schema of their own, beside the views of what
    this Pond has published.
    """
    pond.con.execute(f"LOAD '{extension()}'")
    pond.con.execute("CREATE SCHEMA made")
    pond.con.execute("CALL dbgen(sf = $scale, schema = 'made')", {"scale": SCALE})
    pond.write_table("nation", pond.con.sql("FROM made.nation"))
