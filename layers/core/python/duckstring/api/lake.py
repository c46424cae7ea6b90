"""Where the lake lies, and how new it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from duckstring.api.ports import LakeReader
from duckstring.model.instants import to_text
from duckstring.model.lake import STABLE
from duckstring.ports import Clock

if TYPE_CHECKING:
    from duckstring.model.answers import LakeAnswer


def lake(*, lakes: LakeReader, bucket: str, seconds: int | None, clock: Clock) -> LakeAnswer:
    """The newest catalog. ``seconds``: how long the exporter waits for more to be published; None:
    the Catchment has no lake.
    """
    exported = lakes.latest() if seconds is not None else None
    return {
        "now": to_text(clock.now()),
        "seconds": seconds,
        "newest": f"s3://{bucket}/{STABLE}",
        "catalog": None
        if exported is None
        else {
            "number": exported.number,
            "address": f"s3://{bucket}/{exported.key}",
            "at": to_text(exported.at),
            "bytes": exported.bytes,
            "lines": exported.lines,
            "tables": exported.tables,
        },
    }
