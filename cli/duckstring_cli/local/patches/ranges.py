"""A part of an object is read without the rest of it.

Emulator: it reads an object's whole file from the disk for each GET, and then cuts out the range
that was asked for.
AWS: a GET of a range costs what the range has.
For us: DuckDB reads a Parquet file by some hundred ranges. An aggregate over ten million rows took
forty times as long as over another S3 server. Finding an object's file takes a tenth of a request,
so the last files are remembered: as long as the emulator has the same record of the object.
"""

from __future__ import annotations

import mmap
import threading
from collections import OrderedDict
from typing import Any

from duckstring_cli.local.patches.declared import Foreign, Names

NAMES = Names()

_GET = NAMES.replaced("services.s3", "_get_object", "bucket_name key headers query_params")
_BODY = NAMES.replaced("services.s3", "_read_body", "bucket_name key obj")
_PATH = NAMES.called("services.s3", "_object_disk_path", "bucket key")
_IS_KEPT = NAMES.value("services.s3", "S3_PERSIST", "bool")
NAMES.mentioned("services.s3", "_get_object", "_read_body")

_MOST_PATHS = 1_000


def read_ranges() -> None:
    """Have a GET of a range read what it gives back."""
    get, body = _GET.read(), _BODY.read()
    asked = threading.local()
    found: OrderedDict[tuple[str, str], tuple[Foreign, str | None]] = OrderedDict()

    def path_of(bucket_name: str, key: str, obj: Foreign) -> str | None:
        known, path = found.get((bucket_name, key), (None, None))
        if known is not obj:
            path = _PATH.read()(bucket_name, key)
            found[bucket_name, key] = (obj, path)
            if len(found) > _MOST_PATHS:
                found.popitem(last=False)
        return path

    def get_object(
        bucket_name: str, key: str, headers: Foreign, query_params: Foreign = None
    ) -> Foreign:
        asked.for_range = bool(headers.get("range"))
        try:
            return get(bucket_name, key, headers, query_params)
        finally:
            asked.for_range = False

    def read_body(bucket_name: str, key: str, obj: Foreign) -> Foreign:
        if obj.get("body") is None and getattr(asked, "for_range", False) and _IS_KEPT.read():
            mapped = _mapped(path_of(bucket_name, key, obj))
            if mapped is not None and len(mapped) == obj["size"]:
                return mapped
        return body(bucket_name, key, obj)

    _GET.replace(get_object)
    _BODY.replace(read_body)


def _mapped(path: str | None) -> Any:  # noqa: ANN401 - of which the emulator cuts bytes
    """The file, of which only those pages are read that are looked at. It stays as it is if another
    takes its place: the emulator renames.
    """
    if path is None:
        return None
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - at each request
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError):  # gone, or empty
        return None
