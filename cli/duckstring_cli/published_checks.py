"""Makes the checks of a deployed Pond of what is published now, on this machine.

The package is fetched, and DuckDB reads the tables in the bucket, as ``duckstring query`` does:
both with the user's own rights. The checks run in a process of their own, without the AWS variables
of the command. Nothing is written, and no line learns of it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from duckstring.author import database
from duckstring.author.check_pond import CheckPond
from duckstring.author.surroundings import Surroundings
from duckstring.author.tables import SourceTables
from duckstring.errors import InvariantError, OperatorError
from duckstring.model.catalog import Part, SourceSpec, TableVersion
from duckstring.model.checks import CHECKS, CheckResult
from duckstring.model.foreign import Redactor
from duckstring.model.instants import from_text
from duckstring.model.names import Line, file_of_key, parse_line
from duckstring.model.pondfile import decode_pondfile, read_pondfile
from duckstring.puddles.attempts import LocalMemory
from duckstring.puddles.errors import CodeFailedError
from duckstring.puddles.isolated import isolated
from duckstring.worker.calling import Ended, Fault, Returned, Unreachable, call, judged
from duckstring.worker.checked import received, sent
from duckstring.worker.project import Project
from duckstring_cli import reading
from duckstring_cli.catchments import Catchment
from duckstring_cli.client import Client
from duckstring_cli.deployed_package import deployed_package
from duckstring_cli.errors import BadInputError, CatchmentRefusedError
from duckstring_cli.render import OnStep

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from duckstring.model.answers.status import LineStatus
    from duckstring.model.answers.tables import TableRow, TablesAnswer

_SCHEME = "s3://"
_SECRET = ("AWS_", "DUCKSTRING_")
"""Beginnings of the variables that the checks do not get."""


@dataclass(frozen=True, slots=True)
class Looked:
    """How each check of a line ended, of the snapshot with this number and freshness."""

    line: str
    version: str
    f: str
    snapshot: int
    checks: tuple[CheckResult, ...]


@dataclass(slots=True)
class Published:
    """``author.lake.Storage`` over the Catchment's bucket, read only."""

    catchment: Catchment
    addresses_by_key: dict[str, str] = field(default_factory=dict)
    _con: DuckDBPyConnection | None = None

    def tables(self, snapshot: TablesAnswer) -> dict[str, TableVersion]:
        """The tables of a snapshot, whose addresses are checked."""
        return {row["table"]: self._version(row) for row in snapshot["tables"]}

    def _version(self, row: TableRow) -> TableVersion:
        parts = tuple(
            Part(
                file_of_key(self._key(row, part["uri"])),
                part["rows"],
                part["bytes"],
                part["kind"],
                part["use"],
            )
            for part in row.get("parts") or ()  # a Catchment of the release before has none
        )
        return TableVersion(
            row["table"],
            self._key(row, reading.newest(row)),
            row["rows"],
            row["bytes"],
            "",
            parts=parts,
            merge_key=tuple(row.get("merge_key") or ()),
        )

    def _key(self, row: TableRow, uri: str) -> str:
        """The key of an object, whose address is checked."""
        address = reading.address(row, uri)
        key = address.removeprefix(_SCHEME).partition("/")[2]
        self.addresses_by_key[key] = address
        return key

    def open(self) -> DuckDBPyConnection:
        """The database. It reads with the user's credentials."""
        if self._con is None:
            self._con = database.opened()
            reading.open_s3(self._con, self.catchment)
        return self._con

    def uri(self, key: str) -> str:
        """The address of a table version."""
        return self.addresses_by_key[key]

    def place(self, location: str) -> str:
        """Nothing: checks write nothing."""
        raise InvariantError(f"{location!a} is asked for by a check, which only reads.")

    def has_same_bytes(self, one: str, other: str) -> bool:
        """Nothing is said: checks compare no versions."""
        return False

    def addresses(self) -> Sequence[str]:
        """The beginnings of all addresses."""
        return sorted({f"{one.partition('/data/')[0]}/" for one in self.addresses_by_key.values()})

    def close(self) -> None:
        """Nothing was spilled."""


def check_published(
    client: Client,
    pond: str,
    *,
    major: int | None,
    variables: Mapping[str, str],
    on_step: OnStep,
) -> Looked:
    """Make the checks of the deployed version of a Pond.

    Args:
        client: asks the Catchment.
        pond: the Pond's name.
        major: of its line; None: the highest that is deployed.
        variables: are added to the environment of the checks.
        on_step: is told what is done.

    Raises:
        BadInputError: its version has no checks.
        OperatorError: it has published nothing, or its package or tables cannot be read.
        CodeFailedError: a check raised.
    """
    (line,) = client.status(pond, major=major)["lines"]
    snapshot = client.tables(pond, major=parse_line(line["line"])[1])
    on_step("Fetching the package")
    root = deployed_package(client.catchment, line)
    pondfile = read_pondfile(decode_pondfile((root / "pond.toml").read_bytes()))
    storage = Published(client.catchment)
    sources = {spec: _source(client, spec, storage) for spec in pondfile.sources()}
    around = _surroundings(line, snapshot, storage, sources)
    module = pondfile.pond.ripples
    on_step("Making the checks")
    make = partial(_make, around, Project(root, module), storage, variables)
    ended, found = isolated(make, module)
    results = received(found, Redactor({**os.environ, **variables}))
    if not isinstance(ended, Returned) or results is None:
        raise _refused(ended)
    if not results:
        raise BadInputError(
            f"{line['line']} has no checks in version {pondfile.pond.version}.",
            hint="Declare some, @check or src/checks/NAME.sql, and deploy a new version.",
        )
    return Looked(line["line"], pondfile.pond.version, snapshot["f"], snapshot["snapshot"], results)


def _source(client: Client, spec: SourceSpec, storage: Published) -> SourceTables:
    pond, major = parse_line(spec.line)
    try:
        found = client.tables(pond, major=major)
    except CatchmentRefusedError as error:
        if error.type not in {"NotPublishedError", "PondNotFoundError"}:
            raise
        return SourceTables(None, changed=False)
    f = from_text(found["f"])
    return SourceTables(
        storage.tables(found), line=spec.line, snapshot=found["snapshot"], f=f, fresh=f
    )


def _surroundings(
    line: LineStatus,
    snapshot: TablesAnswer,
    storage: Published,
    sources: Mapping[SourceSpec, SourceTables],
) -> Surroundings:
    tables, f = storage.tables(snapshot), from_text(snapshot["f"])
    return Surroundings(
        name=line["pond"],
        line=Line(line["line"]),
        version=line["version"] or "",
        run=snapshot["snapshot"],
        ripple=CHECKS,
        attempt=1,
        invocation="check",
        run_key="",
        f=f,
        previous_f=f,
        ends=f,
        own=tables,
        published=tables,
        sources={parse_line(spec.line)[0]: held for spec, held in sources.items()},
        checks=True,
    )


def _make(
    around: Surroundings, project: Project, storage: Published, variables: Mapping[str, str]
) -> tuple[Ended, list[object]]:
    """In a process of its own: call the code of the package."""
    try:
        storage.open()
        for name in [name for name in os.environ if name.startswith(_SECRET)]:
            del os.environ[name]
        os.environ.update(variables)
        log = logging.getLogger("duckstring.pond")
        surrounded = replace(around, environment=dict(os.environ))
        pond = CheckPond(surrounded, storage=storage, memory=LocalMemory(), log=log)
        project.enter()
        if project.find(CHECKS) is None:
            return Returned(), []
        call(project, CHECKS, pond, lambda one: one.function)
        return Returned(), sent(pond)
    except BaseException as error:  # noqa: BLE001 - whatever an author's code raises
        return judged(error, project), []


def _refused(ended: Ended) -> OperatorError:
    match ended:
        case Fault(error, message, traceback):
            return CodeFailedError(
                f"The checks could not be made: {error}: {message}", traceback=traceback
            )
        case Unreachable(message):
            return OperatorError(message)
        case _:
            return OperatorError("The checks sent no results.", hint="See what their code does.")
