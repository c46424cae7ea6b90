"""Recognizes that the storage has refused tables of a Pond that is not among the Sources."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import unquote

from duckstring.author.columns import duckdb_message
from duckstring.model.names import parse_line

_FORBIDDEN = 403
_REFUSED = re.compile(r"AccessDenied|HTTP 403|\b403 Forbidden")
_TABLES = re.compile(r"data/([a-z][a-z0-9_]{0,47}@(?:0|[1-9][0-9]{0,5}))/", re.ASCII)
"""What the key of a table begins with (``model/names.py``)."""


def refused_pond(error: BaseException, addresses: Sequence[str]) -> str:
    """The Pond whose tables an attempt may not read; empty: the error is about something else.

    Args:
        error: what a client raised: DuckDB, or one of AWS's.
        addresses: the beginnings of what lies in the Catchment's bucket; the first is the bucket's
            own, ``s3://bucket/``.
    """
    if not addresses:
        return ""
    message = unquote(duckdb_message(error))
    if getattr(error, "status_code", None) != _FORBIDDEN and not _REFUSED.search(message):
        return ""
    bucket = addresses[0].removeprefix("s3://")
    # ARNs in AWS's own errors are written with colons: arn:aws:s3:::bucket/key.
    if not any(start in message for start in (*addresses, f":::{bucket}")):
        return ""
    found = _TABLES.search(message)
    return parse_line(found[1])[0] if found else ""
