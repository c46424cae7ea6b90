"""Asks a Catchment for all that a line's contract says."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from duckstring.model.catalog import SourceSpec
from duckstring.model.names import Line, parse_line
from duckstring.model.pondfile import decode_pondfile, read_pondfile
from duckstring_cli import catchments, reading, render
from duckstring_cli.client import Client
from duckstring_cli.deployed_package import deployed_package, deployed_version
from duckstring_cli.errors import DENIED, AccessError, CatchmentRefusedError, aws_code
from duckstring_cli.odcs.document import Facts, Place, Table
from duckstring_cli.odcs.rules import Rule, rules_in

if TYPE_CHECKING:
    from duckstring.model.answers.status import LineStatus
    from duckstring.model.answers.tables import TableRow, TablesAnswer

_NOT_YET = "NotPublishedError"


@dataclass(frozen=True, slots=True)
class Gathered:
    """The facts. ``warning``: what could not be had, in words; else empty."""

    facts: Facts
    warning: str = ""


def gather(client: Client, pond: str, *, major: int | None, table: str | None) -> Gathered:
    """Ask for everything.

    Args:
        client: asks the Catchment.
        pond: the Pond's name.
        major: of its line; None: the highest that is deployed.
        table: the one table that the contract is of; None: all.

    Raises:
        BadInputError: it has no such table.
        OperatorError: it is not deployed, or its package or tables cannot be read.
    """
    (line,) = client.status(pond, major=major)["lines"]
    rows = _rows(client, line, table)
    root = _package(client, line)
    facts = Facts(
        line["line"],
        deployed_version(line),
        line["kind"] or "",
        _place(client),
        _tables(client, rows),
        _rules(line, root),
        _sources(line, root),
        _bound(line),
        {one["name"]: render.rule(one) for one in line["windows"]},
        table or "",
    )
    warning = "" if root is not None or not facts.rules else _without_texts(facts.line)
    return Gathered(facts, warning)


def _without_texts(line: str) -> str:
    return (
        f"The package of {line} cannot be read with your credentials: the contract has the names "
        "of its checks, and neither their texts nor their severities."
    )


def _place(client: Client) -> Place:
    held = client.catchment
    return Place(held.name, catchments.outputs(held)["Bucket"], held.endpoint or "")


def _rows(client: Client, line: LineStatus, table: str | None) -> TablesAnswer | None:
    """The published snapshot, or one table of it; None: nothing is published yet."""
    pond, major = parse_line(line["line"])
    try:
        snapshot = client.tables(pond, major=major)
    except CatchmentRefusedError as error:
        if error.type != _NOT_YET or table is not None:
            raise
        return None
    if table is None:
        return snapshot
    return {**snapshot, "tables": [reading.find_table(snapshot, table)]}


def _tables(client: Client, snapshot: TablesAnswer | None) -> list[Table] | None:
    if snapshot is None:
        return None
    columns = reading.published_columns(client.catchment, snapshot)

    def made(row: TableRow) -> Table:
        # A Catchment of the release before has no keys.
        return Table(row["table"], columns[row["table"]], tuple(row.get("merge_key") or ()))

    return [made(row) for row in sorted(snapshot["tables"], key=lambda row: row["table"])]


def _package(client: Client, line: LineStatus) -> Path | None:
    """The folder of the unpacked package; None: the user may not read it, or the Catchment is of a
    release that does not name it.
    """
    from botocore.exceptions import ClientError

    if not line.get("package"):
        return None
    try:
        return deployed_package(client.catchment, line)
    except AccessError as error:
        cause = error.__cause__
        if isinstance(cause, ClientError) and aws_code(cause) in DENIED:
            return None
        raise  # the login has expired, say


def _rules(line: LineStatus, root: Path | None) -> list[Rule]:
    known = _known(line)
    if root is None:
        return [Rule(name) for name in sorted(known or ())]
    return rules_in(root, known)


def _known(line: LineStatus) -> Collection[str] | None:
    """The names of the checks, which a deploy has found; None: those of a version that does not run
    yet.
    """
    if line.get("next"):
        return None
    return {name for ripple in line["ripples"] for name in ripple.get("checks") or ()}


def _sources(line: LineStatus, root: Path | None) -> tuple[SourceSpec, ...]:
    if root is not None:
        return read_pondfile(decode_pondfile((root / "pond.toml").read_bytes())).sources()
    return tuple(SourceSpec(Line(one["line"]), "", one["optional"]) for one in line["sources"])


def _bound(line: LineStatus) -> float | None:
    trigger = line["trigger"]
    return trigger.get("bound") if trigger and trigger["kind"] == "tide" else None
