"""The DuckDB database of one attempt, with the same settings in a Catchment and on an author's
machine.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from duckstring.author.columns import OWN
from duckstring.model.sql import literal

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_MIB_PER_VCPU = 1769
_MEMORY_SHARE = 0.75
_LEAST_MIB = 128
_PER_VCPU = 4
"""Threads. A thread of DuckDB's waits for each range of a remote file that it reads: some 20 ms in
S3, in which another thread can work.
"""
_MIB_PER_THREAD = 256
"""Of DuckDB's memory. Each thread that writes Parquet holds a row group."""
SMALL = 2**21
"""Bytes of files that are read whole in a few milliseconds, and may stay in memory."""
_CACHE = "enable_external_file_cache"


def opened(memory_mib: int = 0) -> DuckDBPyConnection:
    """A new database in memory, with one thread, so that its process can be forked.

    ``memory_mib``: what the machine has for it; 0: not known, DuckDB decides.
    """
    import duckdb  # noqa: PLC0415 - the invocation's process never needs it

    con = duckdb.connect(
        ":memory:",
        config={
            **_limits(memory_mib),
            "threads": "1",
            "allow_unsigned_extensions": "true",
            "home_directory": os.devnull,
        },
    )
    # By its path and first of all: with HOME unset (Lambda) DuckDB cannot look for extensions.
    # Its signature is not checked: pip has checked the wheel, and hashing the file would take
    # longer than most Ripples' queries.
    con.execute(f"LOAD {literal(str(_extension(duckdb.__version__)))}")
    # Table versions never change, so a file's cached metadata stays valid.
    con.execute("SET GLOBAL TimeZone = 'UTC'; SET GLOBAL enable_http_metadata_cache = true")
    con.execute(
        "SET GLOBAL parquet_metadata_cache = true; SET GLOBAL validate_external_file_cache = "
        "'NO_VALIDATION'"
    )
    return con


def settled(
    database: DuckDBPyConnection, folder: Path, *, memory_mib: int = 0
) -> DuckDBPyConnection:
    """In the attempt's process: a connection that spills into ``folder``, and has threads enough to
    use all processors while some of them wait for the storage.

    A connection that was forked would give every attempt the same random numbers, so this one is
    new.
    """
    con = database.cursor()
    where = literal(str(folder / "spill"))
    count = threads_for(memory_mib)
    threads = f"SET GLOBAL threads = {count};" if count > 1 else ""
    con.execute(
        f"{threads} SET GLOBAL temp_directory = {where}; SET GLOBAL home_directory = {where}"
    )
    return con


def threads_for(memory_mib: int = 0) -> int:
    """How many threads read remote files well: several for each processor, as long as there is
    memory for them. ``memory_mib``: what the machine has; 0: not known.
    """
    there = os.cpu_count() or 1
    if not memory_mib:
        return there * _PER_VCPU
    vcpus = max(1, min(memory_mib // _MIB_PER_VCPU, there))
    return max(vcpus, min(vcpus * _PER_VCPU, _memory_limit(memory_mib) // _MIB_PER_THREAD))


@contextmanager
def uncached(con: DuckDBPyConnection) -> Iterator[None]:
    """Nothing of the files that are read stays in memory: they are read once."""
    from duckdb import Error  # noqa: PLC0415 - the worker starts without DuckDB

    (before,) = con.execute(f"SELECT {OWN}current_setting('{_CACHE}')").fetchone() or (True,)
    with suppress(Error):  # an author may have locked the settings
        con.execute(f"SET GLOBAL {_CACHE} = false")
    try:
        yield
    finally:
        with suppress(Error):
            con.execute(f"SET GLOBAL {_CACHE} = {before}")


def _limits(memory_mib: int) -> dict[str, str]:
    if not memory_mib:
        return {}
    return {"memory_limit": f"{_memory_limit(memory_mib)}MiB"}


def _memory_limit(memory_mib: int) -> int:
    return max(_LEAST_MIB, int(memory_mib * _MEMORY_SHARE))


def _extension(version: str) -> Path:
    import duckdb_extension_httpfs  # type: ignore[import-untyped]  # noqa: PLC0415 - found where pip put it

    return (
        Path(duckdb_extension_httpfs.__file__).parent
        / "extensions"
        / f"v{version}"
        / "httpfs.duckdb_extension"
    )
