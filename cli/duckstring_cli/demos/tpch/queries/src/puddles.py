"""Small tables in the place of the Sources: all eight, made once by DuckDB's TPC-H extension."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import duckdb

from duckstring import puddle

SCALE = 0.01


@cache
def made() -> duckdb.DuckDBPyConnection:
    """A database with the eight tables."""
    package = find_spec("duckdb_extension_tpch")
    if package is None or not package.submodule_search_locations:
        raise ModuleNotFoundError(
            f"duckdb-extension-tpch is not installed here: "
            f"pip install duckdb-extension-tpch=={duckdb.__version__}"
        )
    folder = Path(next(iter(package.submodule_search_locations)))
    con = duckdb.connect()
    file = folder / "extensions" / f"v{duckdb.__version__}" / "tpch.duckdb_extension"
    con.execute(f"LOAD '{file}'")
    con.execute("CALL dbgen(sf = $scale)", {"scale": SCALE})
    return con


@puddle("region.region")
def region() -> duckdb.DuckDBPyRelation:
    """The five regions of the world."""
    return made().table("region")


@puddle("nation.nation")
def nation() -> duckdb.DuckDBPyRelation:
    """The 25 nations, each in a region."""
    return made().table("nation")


@puddle("supplier.supplier")
def supplier() -> duckdb.DuckDBPyRelation:
    """Who sells parts, and where."""
    return made().table("supplier")


@puddle("customer.customer")
def customer() -> duckdb.DuckDBPyRelation:
    """Who orders, and where."""
    return made().table("customer")


@puddle("part.part")
def part() -> duckdb.DuckDBPyRelation:
    """What is sold."""
    return made().table("part")


@puddle("partsupp.partsupp")
def partsupp() -> duckdb.DuckDBPyRelation:
    """Which supplier has which part, how many of it, and at what cost."""
    return made().table("partsupp")


@puddle("orders.orders")
def orders() -> duckdb.DuckDBPyRelation:
    """What customers have ordered, and when."""
    return made().table("orders")


@puddle("lineitem.lineitem")
def lineitem() -> duckdb.DuckDBPyRelation:
    """The lines of the orders: a part from a supplier, its price and how it was shipped."""
    return made().table("lineitem")
