"""The published snapshot of a line: what anybody may read."""

from __future__ import annotations

from duckstring.errors import OperatorError
from duckstring.model.catalog import TableVersion
from duckstring.model.instants import to_text
from duckstring.model.names import Line, parse_table_key, run_key
from duckstring.ports import Catalog, StateReader, TableFiles
from duckstring.service.find import find_deployed

Json = dict[str, object]


class NotPublishedError(OperatorError):
    """The line has not completed a run."""

    def __init__(self, line: Line, *, running: bool) -> None:
        """Say how to get a first run, or to wait for the one that is ``running``."""
        pond, _, major = line.partition("@")
        hint = "Wait for it: duckstring status" if running else f"Send demand: duckstring trigger pulse {pond} -m {major}"
        super().__init__(f"{line} has not completed a run yet{', its first one is under way' if running else ''}.", hint=hint)


def tables(pond: str, major: int | None = None, *, catalog: Catalog, states: StateReader, files: TableFiles) -> Json:
    """The tables of a line's published snapshot and where they lie.

    Raises:
        PondNotFoundError: no such Pond.
        NotPublishedError: it has not completed a run.
    """
    line = find_deployed(catalog, pond, major).line
    seen = states.read([line]).get(line)
    if seen is None or not seen.state.snapshot:
        raise NotPublishedError(line, running=bool(seen and seen.state.runs))
    state = seen.state
    return {
        "line": line,
        "f": to_text(state.end_f),
        "snapshot": state.snapshot,
        "tables": [_table(line, version, files) for _, version in sorted(state.tables.items())],
    }


def _table(line: Line, version: TableVersion, files: TableFiles) -> Json:
    return {
        "table": version.table,
        "uri": files.uri(version),
        "rows": version.rows,
        "bytes": version.bytes,
        "written_in": run_key(line, written_in(version.key)),
    }


def written_in(key: str) -> int:
    """The number of the run that wrote an object.

    Raises:
        ValueError: ``key`` is not the key of a table version.
    """
    if (found := parse_table_key(key)) is None:
        raise ValueError(f"{key!r} is not the key of a table version")
    return found.run
