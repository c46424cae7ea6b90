"""Files of other engines, and a Pond in memory that adopts them."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from duckstring.author.errors import WriteError

SELECT = "SELECT i AS id, 'n' || i AS name FROM range({}, {}) AS r(i)"


def written(to, *files, sql=SELECT):
    """What an engine writes: each file with ten rows, or those of its own SELECT."""
    for number, file in enumerate(files):
        name, own = file if isinstance(file, tuple) else (file, sql)
        path = Path(to) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with duckdb.connect() as con:
            con.execute(
                f"COPY ({own.format(number * 10, number * 10 + 10)}) TO '{path}' (FORMAT parquet)"
            )


def adopted(box, *files, sql=SELECT, name="orders"):
    """An attempt that adopts these files."""
    pond = box.attempt()
    written(pond.location(name), *files, sql=sql)
    pond.adopt_table(name)
    return pond


SPARK = "part-00000-6c2f7f5b-4f0e-4f4e-9d5c-1c1d2e3f4a5b-c000.snappy.parquet"
"""As Spark names a file."""


def refused(box, match, *, location=None, name="orders", make=lambda to: None):
    """The error, in one line. Nothing is written, and the attempt may do something else."""
    pond = box.attempt()
    make(pond.location(name))
    with pytest.raises(WriteError, match=match) as error:
        pond.adopt_table(name, location)
    assert "\n" not in error.value.message
    assert error.value.hint
    assert pond.written == {}
    pond.write_table(name, "SELECT 1 AS a")
    return error.value
