"""Events of OpenLineage (spec 2-0-2), made of rows of history. Pure: the same rows make the same
events, so an event that is sent again is the same event.

A line is a job, a Pond Run a run of it. Each Ripple is a job below it, and each attempt a run of
that. Tables are inputs and outputs of Ripples; a Pond Run has outputs only where it changes tables
without a Ripple. docs/lineage.md, "OpenLineage", says all of it for people.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha1
from typing import TYPE_CHECKING, Literal
from uuid import UUID

from duckstring.author.columns import ColumnType, ColumnTypes
from duckstring.engine.effects import PublishSnapshot
from duckstring.exporter.openlineage_ports import Event, Place
from duckstring.model.catalog import TableVersion
from duckstring.model.foreign import readable
from duckstring.model.instants import from_text
from duckstring.model.lineage import writer_name
from duckstring.model.names import Line, line, parse_run, parse_table_key, run_key

if TYPE_CHECKING:
    from duckstring.model.answers.runs import AttemptRow, RunRow, TableReadTold, TableSize

PRODUCER = "urn:duckstring-aws"
_SPEC = "https://openlineage.io/spec"
_CORE = f"{_SPEC}/2-0-2/OpenLineage.json#/$defs"
_MOST_MESSAGE = 10_000
_MOST_TRACE = 30_000
_MOST_COLUMNS = 2_000
_MOST_NAME = 1_000
_DEEPEST = 8
_MASK_48, _MASK_80 = (1 << 48) - 1, (1 << 80) - 1
_NODE_SHIFT = 84
"""Of the 160 bits of a SHA-1, 76 are kept."""

Kind = Literal["START", "COMPLETE", "FAIL", "ABORT"]
_ENDS: Mapping[str, Kind] = {
    "success": "COMPLETE",
    "pass": "COMPLETE",
    "removal": "COMPLETE",
    "rollback": "COMPLETE",
    "killed": "ABORT",
    # Of an attempt: its run was over before it was.
    "running": "ABORT",
}
"""All other statuses are failures."""


@dataclass(frozen=True, slots=True)
class Told:
    """A run, and what is known of it. ``manifest``: what it has published, if it did and that is
    kept. ``columns``: of tables that it has written.
    """

    run: RunRow
    attempts: Sequence[AttemptRow] = ()
    manifest: PublishSnapshot | None = None
    columns: Mapping[str, ColumnTypes] = field(default_factory=dict)

    @property
    def line(self) -> Line:
        """The run's line."""
        return line(self.run["pond"], self.run["major"])

    @property
    def publishes(self) -> bool:
        """Whether tables became what its Ripples wrote."""
        return self.run["status"] == "success" and self.run["overtaken_by"] is None


def is_over(run: RunRow) -> bool:
    """Whether a run has ended."""
    return run["status"] != "running" and run["finished"] is not None


def begun(told: Told, place: Place) -> Event:
    """The START of a Pond Run."""
    return _of_run(told, place, "START", told.run["started"])


def events_of(told: Told, place: Place) -> Iterator[Event]:
    """All events of a run that is over, each before those that follow from it."""
    yield begun(told, place)
    for row in told.attempts:
        yield from _of_attempt(told, row, place)
    end = told.run["finished"] or told.run["started"]
    yield _of_run(told, place, _ENDS.get(told.run["status"], "FAIL"), end)


def written_by(told: Told, row: AttemptRow) -> Mapping[str, TableVersion]:
    """The tables of the run's manifest that an attempt wrote, or wrote to."""
    tables = told.manifest.tables if told.manifest and told.publishes else {}
    return {name: one for name, one in sorted(tables.items()) if _is_by(row, one.key)}


def run_id(place: Place, run: RunRow, *of: object) -> str:
    """The id of a run; with the name of a Ripple and the number of an attempt, that of the attempt.

    A UUID of version 7: ids sort by when their runs began. A run that has another line's number, of
    a line that was deployed again or restored, began at another time.
    """
    began = from_text(run["started"])
    name = "/".join((place.namespace, run["run"], *map(str, of)))
    digest = sha1(f"{began.isoformat()}{name}".encode(), usedforsecurity=False).digest()
    node = int.from_bytes(digest, "big") >> _NODE_SHIFT
    moment = int(began.timestamp() * 1000) & _MASK_48
    value = (moment << 80) | (node & _MASK_80)
    value = value & ~(0xF000 << 64) | (7 << 76)
    return str(UUID(int=value & ~(0xC000 << 48) | (0x8000 << 48)))


def _of_run(told: Told, place: Place, kind: Kind, at: str) -> Event:
    run = told.run
    details: dict[str, object] = {
        "run": run["run"],
        "status": "running" if kind == "START" else run["status"],
        "version": run["version"],
        "freshness": run["f"],
        "wanted": run.get("wanted"),
        "sourceSnapshots": run.get("pins"),
    }
    if kind != "START":
        details |= {"changed": run["changed"], "overtakenBy": run["overtaken_by"]}
        details["warnings"] = [one["check"] for one in run.get("warnings") or ()] or None
    facets = {"nominalTime": _nominal(run), "duckstring_run": _custom("RunFacet", details)}
    if kind == "FAIL":
        ripple = f"{run['ripple']}: " if run["ripple"] else ""
        facets["errorMessage"] = _failure(
            f"{ripple}{run['error'] or run['status']}", run["message"]
        )
    outputs = (
        [] if kind in {"START", "FAIL", "ABORT"} else list(_changed_without_ripple(told, place))
    )
    job = _job(place, told.line, "POND")
    return _event(kind, at, {"runId": run_id(place, run), "facets": facets}, job, outputs=outputs)


def _of_attempt(told: Told, row: AttemptRow, place: Place) -> Iterator[Event]:
    run = told.run
    kind = _ENDS.get(row["status"], "FAIL")
    over = row["finished"] or run["finished"] or run["started"]
    began = row["started"] or min(run["started"], over, key=from_text)
    parent = {"run": {"runId": run_id(place, run)}, "job": _named(place, told.line)}
    details = {
        "run": run["run"],
        "ripple": row["ripple"],
        "attempt": row["attempt"],
        "version": run["version"],
        "where": row["where"],
        "package": row.get("package"),
    }
    facets: dict[str, object] = {
        "parent": _facet("ParentRunFacet", "1-2-0", **parent, root=parent),
        "nominalTime": _nominal(run),
    }
    begins = facets | {"duckstring_run": _custom("RunFacet", {**details, "status": "running"})}
    ends = facets | {"duckstring_run": _custom("RunFacet", {**details, "status": row["status"]})}
    if kind == "FAIL":
        ends["errorMessage"] = _failure(
            row["error"] or row["status"], row["message"], row["traceback"]
        )
    which = run_id(place, run, row["ripple"], row["attempt"])
    job = _job(place, f"{told.line}.{row['ripple']}", "RIPPLE")
    yield _event("START", began, {"runId": which, "facets": begins}, job)
    yield _event(
        kind,
        over,
        {"runId": which, "facets": ends},
        job,
        inputs=list(_inputs(told, row, place)),
        outputs=list(_outputs(told, row, place)),
    )


def _event(
    kind: Kind,
    at: str,
    run: Event,
    job: Event,
    *,
    inputs: Sequence[Event] = (),
    outputs: Sequence[Event] = (),
) -> Event:
    return {
        "eventType": kind,
        "eventTime": at,
        "producer": PRODUCER,
        "schemaURL": f"{_CORE}/RunEvent",
        "run": run,
        "job": job,
        "inputs": list(inputs),
        "outputs": list(outputs),
    }


def _named(place: Place, name: str) -> Event:
    return {"namespace": place.namespace, "name": name}


def _job(place: Place, name: str, kind: str) -> Event:
    what = {"processingType": "BATCH", "integration": "DUCKSTRING", "jobType": kind}
    facets = {"jobType": _facet("JobTypeJobFacet", "2-0-4", **what)}
    return {**_named(place, name), "facets": facets}


def _inputs(told: Told, row: AttemptRow, place: Place) -> Iterator[Event]:
    """What an attempt has read, and what it may have read."""
    known = row.get("lineage")
    for read in known["reads"] if known else ():
        of, _, table = read["table"].rpartition(".")
        where = Line(of) if of else told.line
        facets = _known_of(place, where, table)
        if last := _last_writer(where, read):
            facets["version"] = _version(last)
        certain = _custom("InputDatasetFacet", {"certain": read["sure"]})
        yield {
            **_dataset(place, where, table),
            "facets": facets,
            "inputFacets": {"duckstring_read": certain},
        }


def _outputs(told: Told, row: AttemptRow, place: Place) -> Iterator[Event]:
    """What an attempt has written. Of a run that published nothing it changed no table."""
    if row["status"] != "success" or not told.publishes:
        return
    _, number = parse_run(told.run["run"])
    by_manifest = written_by(told, row)
    sizes = row["tables"] or {}
    for table in sorted({*by_manifest} if told.manifest else {*sizes}):
        facets = _known_of(place, told.line, table) | {"version": _version(number)}
        if table in told.columns:
            facets["schema"] = _schema(told.columns[table])
        written = _counted(row, by_manifest[table]) if told.manifest else _told_size(sizes[table])
        statistics = _facet("OutputStatisticsOutputDatasetFacet", "1-0-2", **written)
        yield {
            **_dataset(place, told.line, table),
            "facets": facets,
            "outputFacets": {"outputStatistics": statistics},
        }


def _changed_without_ripple(told: Told, place: Place) -> Iterator[Event]:
    """Tables that are gone with this run, and those that a rollback published again."""
    manifest = told.manifest
    if manifest is None:
        return
    for table, dropped in sorted(manifest.dropped.items()):
        if dropped.snapshot == manifest.run:
            change = {"lifecycleStateChange": "DROP"}
            gone = _facet("LifecycleStateChangeDatasetFacet", "1-0-1", **change)
            facets = _known_of(place, told.line, table) | {"lifecycleStateChange": gone}
            yield {**_dataset(place, told.line, table), "facets": facets}
    if told.run["status"] == "rollback":
        for table, version in sorted(manifest.tables.items()):
            facets = _known_of(place, told.line, table)
            if key := parse_table_key(version.key):
                facets["version"] = _version(key.run)
            yield {**_dataset(place, told.line, table), "facets": facets}


def _dataset(place: Place, of: Line, table: str) -> dict[str, object]:
    """By OpenLineage's names for S3: the bucket, and the folder that has a table's objects."""
    return {"namespace": f"s3://{place.bucket}", "name": f"data/{of}/{table}"}


def _known_of(place: Place, of: Line, table: str) -> dict[str, object]:
    bucket = f"s3://{place.bucket}"
    also = {**_named(place, f"{of}.{table}"), "type": "TABLE"}
    source = {"name": bucket, "uri": bucket}
    return {
        "dataSource": _facet("DatasourceDatasetFacet", "1-0-1", **source),
        "symlinks": _facet("SymlinksDatasetFacet", "1-0-1", identifiers=[also]),
    }


def _version(number: int) -> Event:
    return _facet("DatasetVersionDatasetFacet", "1-0-1", datasetVersion=str(number))


def _schema(columns: ColumnTypes) -> Event:
    some = list(columns.items())[:_MOST_COLUMNS]
    return _facet("SchemaDatasetFacet", "1-2-0", fields=[_column(*one) for one in some])


def _column(name: str, kind: ColumnType, depth: int = 0) -> Event:
    made: dict[str, object] = {"name": readable(name, most=_MOST_NAME), "type": readable(str(kind))}
    if kind.kind == "struct" and depth < _DEEPEST:
        made["fields"] = [_column(*part, depth + 1) for part in kind.parts]
    return made


def _counted(row: AttemptRow, version: TableVersion) -> dict[str, int]:
    """What the attempt itself has written of it."""
    parts = [one for one in version.live if _is_by(row, version.key_of(one))]
    rows, size = sum(one.rows for one in parts), sum(one.bytes for one in parts)
    return {"rowCount": rows, "size": size, "fileCount": len(parts)}


def _told_size(size: TableSize) -> dict[str, int]:
    return {"rowCount": size["rows"], "size": size["bytes"]}


def _is_by(row: AttemptRow, key: str) -> bool:
    found = parse_table_key(key)
    if found is None or run_key(found.line, found.run) != row["run"]:
        return False
    return (found.ripple, found.attempt) == (row["ripple"], row["attempt"])


def _last_writer(of: Line, read: TableReadTold) -> int:
    last = writer_name(of, read["writers"][-1]) if read["writers"] else None
    return last.run if last else 0


def _nominal(run: RunRow) -> Event:
    """The run's freshness: as of when its data holds."""
    return _facet("NominalTimeRunFacet", "1-0-1", nominalStartTime=run["f"])


def _failure(error: str, message: str | None, traceback: str | None = None) -> Event:
    said = readable(f"{error}: {message}" if message else error, most=_MOST_MESSAGE)
    made: dict[str, object] = {"message": said, "programmingLanguage": "PYTHON"}
    if traceback:
        made["stackTrace"] = readable(traceback, most=_MOST_TRACE)
    return _facet("ErrorMessageRunFacet", "1-0-1", **made)


def _facet(name: str, version: str, /, **values: object) -> Event:
    url = f"{_SPEC}/facets/{version}/{name}.json#/$defs/{name}"
    return {"_producer": PRODUCER, "_schemaURL": url, **values}


def _custom(kind: str, values: Mapping[str, object]) -> Event:
    """A facet of ours: it is of a form that the specification leaves open."""
    known = {name: value for name, value in values.items() if value is not None}
    return {"_producer": PRODUCER, "_schemaURL": f"{_CORE}/{kind}", **known}
