"""What S3 says of the bytes of an object, in its answer to DuckDB's own HEAD: DuckDB asks for it
before it reads an object, and its log of requests has the answer.

An ETag follows from the bytes alone where S3 encrypts with its own key: it is the MD5 of the
object, or that of its parts' MD5s and their number. DuckDB makes parts of one size, so equal files
have equal ETags. With a key of KMS it says nothing of the bytes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import unquote

from duckstring.author.columns import OWN
from duckstring.model.sql import literal

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_HEAD = "{'request': {'type': HEAD, 'url': '"
_ANSWER = re.compile(r"'response': \{'status': OK_200,.*'headers': \{(.*)\}\}\}\Z", re.DOTALL)
_FIELD = re.compile(r"(?:\A|, )([A-Za-z0-9-]+)=('(?:[^'\\]|\\.)*'|[^,]*)")
_FROM_BYTES = re.compile(r'"[0-9a-f]{32}(?:-[0-9]{1,5})?"')


def etags_of(con: DuckDBPyConnection, keys: Sequence[str], hosts: Sequence[str]) -> Sequence[str]:
    """Of each object that was opened: its ETag and size; empty: the log does not have it, or it
    does not follow from the bytes. ``hosts``: the beginnings of the bucket's URLs.
    """
    names = (literal(key.rpartition("/")[2]) for key in keys)
    named = " OR ".join(f"{OWN}contains(message, {name})" for name in names)
    # Without parameters: DuckDB would import pandas to read them.
    found = con.execute(
        f"SELECT message FROM {OWN}duckdb_logs WHERE type = 'HTTP' AND {OWN}starts_with(message, "  # noqa: S608 - quoted
        f"{literal(_HEAD)}) AND ({named})"
    ).fetchall()
    by_url = {
        unquote(message.removeprefix(_HEAD).partition("'")[0]): message for (message,) in found
    }
    return [
        next((_of_answer(by_url[url]) for host in hosts if (url := f"{host}{key}") in by_url), "")
        for key in keys
    ]


def _of_answer(message: str) -> str:
    if (answer := _ANSWER.search(message)) is None:
        return ""
    fields = {name.lower(): value.strip("'") for name, value in _FIELD.findall(answer[1])}
    etag, size = fields.get("etag", ""), fields.get("content-length", "")
    by = fields.get("x-amz-server-side-encryption", "AES256")
    is_customers = "x-amz-server-side-encryption-customer-algorithm" in fields
    if not _FROM_BYTES.fullmatch(etag) or not size.isdecimal() or by != "AES256" or is_customers:
        return ""
    return f"{etag} {size}"
