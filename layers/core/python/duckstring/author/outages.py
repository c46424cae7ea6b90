"""Distinguishes failures of the Catchment's storage from failures of other addresses that a
statement may name.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Collection, Sequence
from urllib.parse import unquote

from duckstring.author.columns import duckdb_message

_ADDRESS = re.compile(r"(?:s3|https?)://[^\s'\"]+")
_QUOTED = re.compile(r"[\"']([^\"']+)[\"']")
_STATEMENT = "\n\nLINE "
"""From here on DuckDB shows the statement, which may name anything."""

_BUSY = frozenset({408, 429})
_SERVER_FAULT = 500
_DESCRIPTORS = 8
"""With fewer that are free, a failure to reach the storage is the author's own doing."""


def is_outage(error: BaseException, addresses: Sequence[str], keys: Collection[str]) -> bool:
    """Whether ``error`` is the Catchment's storage failing.

    Args:
        error: what DuckDB raised.
        addresses: the beginnings by which DuckDB calls what lies in the storage.
        keys: the objects that the Catchment itself reads and writes here. Of others only an outage
            counts: an author who names an object that is not there has made a mistake.
    """
    from duckdb import IOException  # noqa: PLC0415 - the worker starts without DuckDB

    if not isinstance(error, IOException):
        return False
    about = _address_in(duckdb_message(error))
    start = next((start for start in addresses if about.startswith(start)), None)
    if start is None:
        return False
    return _is_down(error) or unquote(about.removeprefix(start).partition("?")[0]) in keys


def _is_down(error: BaseException) -> bool:
    """No answer at all, or one that says to come again."""
    status = getattr(error, "status_code", None)
    if status is None:
        return " error for HTTP " in duckdb_message(error).partition(_STATEMENT)[0]
    return status in _BUSY or status >= _SERVER_FAULT


def _address_in(message: str) -> str:
    """What a failure is about: DuckDB names it first, by the URL of the request or as the
    statement did.
    """
    about = message.partition(_STATEMENT)[0]
    if found := _ADDRESS.search(about):
        return found[0].rstrip(":")
    quoted = _QUOTED.search(about)
    return quoted[1] if quoted else ""


def has_descriptors() -> bool:
    """Whether the author's code has left descriptors for DuckDB to work with: it needs one for
    each file and connection.
    """
    got: list[int] = []
    try:
        got.extend(os.open(os.devnull, os.O_RDONLY) for _ in range(_DESCRIPTORS))
    except OSError as error:
        return error.errno != errno.EMFILE
    finally:
        for one in got:
            os.close(one)
    return True
