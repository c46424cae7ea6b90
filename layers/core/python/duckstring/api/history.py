"""Past runs and their outcomes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from duckstring.api.requests import RunsRequest
from duckstring.api.tables import older_tables
from duckstring.errors import OperatorError
from duckstring.model.find import find_ever_deployed
from duckstring.model.names import parse_run
from duckstring.ports import Catalog, Clock, HistoryReader, Removals, Snapshots

if TYPE_CHECKING:
    from duckstring.model.answers import AttemptRow, RunAnswer, RunsAnswer

NOT_BEGUN = "not begun"


class RunNotFoundError(OperatorError):
    """There is no such run."""

    def __init__(self, run: str, *, newest: str) -> None:
        """Name the ``newest`` run of the line, if it has any."""
        has = f"the newest of its line is {newest}" if newest else "its line has not run yet"
        super().__init__(
            f"No run {run!r} in this Catchment; {has}.", hint="List them with: duckstring runs"
        )


def runs(
    asked: RunsRequest,
    *,
    catalog: Catalog,
    removals: Removals,
    history: HistoryReader,
    clock: Clock,
) -> RunsAnswer:
    """Runs, newest first, of one line or of the whole Catchment. A line that was removed keeps its
    history.

    Raises:
        OperatorError: no such Pond.
    """
    pond = asked.pond
    line = find_ever_deployed(catalog, removals, pond, asked.major) if pond else None
    found = history.runs(now=clock.now(), limit=asked.limit, line=line, status=asked.status)
    return {"runs": list(found)}


def show_run(run: str, *, history: HistoryReader, snapshots: Snapshots, clock: Clock) -> RunAnswer:
    """One run and its attempts, with their errors in full, and the tables that it published as they
    were.

    Raises:
        OperatorError: the text does not name a run, or there is no such run.
    """
    try:
        line, number = parse_run(run)
    except ValueError as error:
        raise OperatorError(f"{error}.") from error
    row = history.run(line, number)
    if row is None:
        newest = history.runs(now=clock.now(), limit=1, line=line)
        raise RunNotFoundError(run, newest=newest[0]["run"] if newest else "")
    published = snapshots.read(line, number) if row["status"] in {"success", "removal"} else None
    older = older_tables(line, published.tables, published.f) if published else []
    return {
        "run": row,
        "attempts": [_begun_or_not(attempt) for attempt in history.attempts(line, number)],
        "older_tables": older,
    }


def _begun_or_not(attempt: AttemptRow) -> AttemptRow:
    """An attempt whose execution ended before a worker began it has no data of its own."""
    if attempt["error"] != "ExecutionLost" or attempt["started"]:
        return attempt
    return {
        **attempt,
        "status": NOT_BEGUN,
        "error": None,
        "message": None,
        "traceback": None,
        "overflow": None,
    }
