"""Published snapshots of a Pond's Sources, for a run of it on this machine."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from duckstring.errors import OperatorError
from duckstring.model.instants import from_text
from duckstring.puddles.hydrate import Made, check_source, majors
from duckstring.puddles.taken import Snapshot, named_in_code, take
from duckstring_cli import reading
from duckstring_cli.client import Client
from duckstring_cli.errors import CatchmentRefusedError
from duckstring_cli.local import home
from duckstring_cli.projects import MachineClock

if TYPE_CHECKING:
    from duckstring.model.answers.tables import TablesAnswer
    from duckstring.puddles.project import LocalPond

_KEY_BYTES = 32


def take_all(
    pond: LocalPond,
    client: Client,
    *,
    only: str | None,
    rows: int,
    warn: Callable[[str], None],
    step: Callable[[str], None],
) -> list[Made]:
    """Take rows of each Source's tables that the code names, as published now.

    Raises:
        PuddleError: there is no Source ``only``.
        OperatorError: a required Source has nothing published.
    """
    check_source(pond, only)
    made: list[Made] = []
    for source in [only] if only else sorted(pond.sources):
        spec = pond.sources.get(source)
        step(f"Taking rows of {source}")
        try:
            snapshot, tables = open_snapshot(pond, client, source)
        except CatchmentRefusedError as error:
            if spec is None or not spec.optional:
                raise
            warn(f"{error.message} It is optional: nothing of it is taken.")
            continue
        named = named_in_code(pond, tables)
        made += take(pond, snapshot, named, rows=rows, now=MachineClock().now())
        snapshot.con.close()
    return made


def open_snapshot(
    pond: LocalPond, client: Client, source: str, table: str | None = None
) -> tuple[Snapshot, Sequence[str]]:
    """The snapshot that a Source has published, in a DuckDB that reads it, and its tables.

    Raises:
        OperatorError: there is none, or not the ``table``.
    """
    found: TablesAnswer = client.tables(source, major=majors(pond)[source])
    if table is not None:
        reading.find_table(found, table)
    if not found["tables"]:
        raise OperatorError(reading.no_tables(found))
    con = reading.connect(client.catchment, found, f'"{table}"' if table else "")
    versions = {row["table"]: row.get("version") or "" for row in found["tables"]}
    snapshot = Snapshot(
        source, client.catchment.name, from_text(found["f"]), found["snapshot"], con, versions
    )
    return snapshot, [row["table"] for row in found["tables"]]


def mask_key() -> str:
    """What the tokens of masked values are made with: this user's own, so that nobody who has the
    rows can try out values.
    """
    path = home.home() / "mask-key"
    with home.locked(path.with_suffix(".lock")), home.using(path):
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(secrets.token_hex(_KEY_BYTES), encoding="ascii")
        return path.read_text(encoding="ascii").strip()
