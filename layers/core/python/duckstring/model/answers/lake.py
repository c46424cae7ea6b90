"""The frozen lake and its Iceberg tables."""

from __future__ import annotations

from typing import TypedDict


class LakeCatalog(TypedDict):
    """One catalog of the lake, as of ``at``. ``lines``, ``tables``: how many it has."""

    number: int
    address: str
    at: str
    bytes: int
    lines: int
    tables: int


class IcebergDatabase(TypedDict):
    """A database of Glue: the line that it shows, and which run of it, as of ``f``; null: an export
    has not come to its end. ``left_out``: tables that are not there, and why; under ``*``: why none
    is.
    """

    database: str
    line: str
    run: str | None
    f: str | None
    at: str
    tables: int
    left_out: dict[str, str]


class LakeAnswer(TypedDict):
    """``lake``: ``newest`` is the address that always has the newest catalog. ``catalog``: that
    one, at the address where it never changes; null: there is none yet. ``seconds``: how long the
    exporter waits for more to be published; null: the Catchment has no lake.
    ``iceberg``: the databases of its Iceberg tables; null: it has none.
    """

    now: str
    seconds: int | None
    newest: str
    catalog: LakeCatalog | None
    iceberg: list[IcebergDatabase] | None


class RepairAnswer(TypedDict):
    """``repair``: the exporters begin after so many ``seconds``. ``iceberg``: Iceberg tables are
    looked at, too.
    """

    seconds: int
    iceberg: bool
