"""Where the lake lies, and how new it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from duckstring.api.ports import IcebergReader, LakeReader, Repairs
from duckstring.errors import OperatorError
from duckstring.model.iceberg import Database
from duckstring.model.instants import to_text
from duckstring.model.lake import STABLE
from duckstring.ports import Clock

if TYPE_CHECKING:
    from duckstring.model.answers.lake import IcebergDatabase, LakeAnswer, RepairAnswer


def lake(
    *,
    lakes: LakeReader,
    iceberg: IcebergReader | None,
    bucket: str,
    seconds: int | None,
    clock: Clock,
) -> LakeAnswer:
    """The newest catalog, and the databases in Glue. ``seconds``: how long the exporter waits for
    more to be published; None: the Catchment has no lake. ``iceberg``: None if it has no Iceberg
    tables.
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
        "iceberg": None
        if iceberg is None
        else [_database(one) for _, one in sorted(iceberg.all().items())],
    }


def repair(*, lake: int | None, iceberg: bool, repairs: Repairs) -> RepairAnswer:
    """Have the lake and the Iceberg tables compared with what is published, and made anew where
    they differ. ``lake``: how many seconds the exporters wait for more; None: there is no lake.

    Raises:
        OperatorError: the Catchment has no lake.
    """
    if lake is None:
        raise OperatorError(
            "This Catchment has no lake.",
            hint="It was deployed with -c lake=off. Deploy it without: docs/lake.md.",
        )
    repairs.repair()
    return {"seconds": lake, "iceberg": iceberg}


def _database(known: Database) -> IcebergDatabase:
    run, _, f = known.shown.partition(" ")
    return {
        "database": known.name,
        "line": known.line,
        "run": run or None,
        "f": f or None,
        "at": to_text(known.at),
        "tables": known.tables,
        "left_out": dict(sorted(known.left_out.items())),
    }
