"""Past runs and their outcomes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING

from duckstring.api import audit, tag
from duckstring.api.ports import Audits
from duckstring.api.requests import CostRequest, RunsRequest
from duckstring.api.tables import older_tables
from duckstring.errors import OperatorError
from duckstring.model.find import find_ever_deployed
from duckstring.model.instants import Instant, from_text, to_text
from duckstring.model.names import Line, parse_run, run_key
from duckstring.ports import (
    Catalog,
    Clock,
    HistoryReader,
    Operated,
    Removals,
    RestIndex,
    RunFilter,
    Snapshots,
    StateReader,
)

if TYPE_CHECKING:
    from duckstring.model.answers.common import AuditRow
    from duckstring.model.answers.runs import AttemptRow, RetryTold, RunAnswer, RunRow, RunsAnswer

NOT_BEGUN = "not begun"
_PUBLISHED = frozenset({"success", "removal", "rollback"})


class RunNotFoundError(OperatorError):
    """There is no such run."""

    def __init__(self, run: str, *, newest: str) -> None:
        """Name the ``newest`` run of the line, if it has any."""
        has = f"the newest of its line is {newest}" if newest else "its line has not run yet"
        super().__init__(
            f"No run {run!r} in this Catchment; {has}.", hint="List them with: duckstring runs"
        )


def runs(  # noqa: PLR0913 - each is a port of its own
    asked: RunsRequest,
    *,
    catalog: Catalog,
    removals: Removals,
    states: StateReader,
    rest: RestIndex,
    history: HistoryReader,
    operated: Operated,
    clock: Clock,
) -> RunsAnswer:
    """Runs, newest first, of one line or of the whole Catchment. A line that was removed keeps its
    history. Those that run are read from the states of lines that are not at rest: they are few,
    however long history is, and however many lines there are.

    Raises:
        OperatorError: no such Pond, no such run as ``before``, or an instant that is none.
    """
    pond = asked.pond
    line = find_ever_deployed(catalog, removals, pond, asked.major) if pond else None
    only = run_filter(asked, line, history, clock, status=asked.status)
    only = replace(only, by=asked.by)
    if asked.tags is not None:
        only = replace(only, ponds=tag.selected(operated.read().tags, asked.tags))
    if asked.status == "running":
        lines = {line} if line else _not_at_rest(catalog, rest, clock.now())
        return {"runs": _running(lines, states, history, only)[: asked.limit]}
    if asked.by is not None:
        found = history.runs_asked(now=clock.now(), limit=asked.limit, line=line, only=only)
        answer: RunsAnswer = {"runs": list(found.rows)}
        return {**answer, "further": found.further} if found.further else answer
    return {"runs": list(history.runs(now=clock.now(), limit=asked.limit, line=line, only=only))}


def _not_at_rest(catalog: Catalog, rest: RestIndex, now: Instant) -> Collection[Line]:
    found = rest.not_at_rest(now)
    return set(catalog.releases()) if found is None else found.keys()


def _running(
    lines: Collection[Line], states: StateReader, history: HistoryReader, only: RunFilter
) -> list[RunRow]:
    going = [
        run_key(line, number)
        for line, seen in states.read(lines).items()
        for number in seen.state.runs
    ]
    rows = sorted(history.rows_of(going), key=_begun, reverse=True)
    newest = _begun(only.before) if only.before else None
    return [row for row in rows if only.admits(row) and (newest is None or _begun(row) < newest)]


def _begun(row: RunRow) -> tuple[str, str]:
    return row["started"], row["run"]


def run_filter(
    asked: RunsRequest | CostRequest,
    line: Line | None,
    history: HistoryReader,
    clock: Clock,
    *,
    status: str | None = None,
) -> RunFilter:
    """Which runs are asked for.

    Raises:
        OperatorError: no such run as ``before``, or an instant that is none.
    """
    return RunFilter(
        status,
        _instant("since", asked.since),
        _instant("until", asked.until),
        _before(asked.before, line, history, clock) if asked.before else None,
    )


def _instant(name: str, text: str | None) -> Instant | None:
    try:
        return from_text(text) if text else None
    except ValueError as error:
        raise OperatorError(f"{name}: {error}.") from error


def _before(run: str, of: Line | None, history: HistoryReader, clock: Clock) -> RunRow:
    """The run that only older ones are wanted than. It has to be of the line that is asked for."""
    line, number = _parsed(run)
    if of not in {None, line}:
        raise OperatorError(f"before: {run} is not a run of {of}.")
    return _found(line, number, history, clock)


def _parsed(run: str) -> tuple[Line, int]:
    try:
        return parse_run(run)
    except ValueError as error:
        raise OperatorError(f"{error}.") from error


def _found(line: Line, number: int, history: HistoryReader, clock: Clock) -> RunRow:
    row = history.run(line, number)
    if row is None:
        newest = history.runs(now=clock.now(), limit=1, line=line)
        raise RunNotFoundError(f"{line}/{number}", newest=newest[0]["run"] if newest else "")
    return row


def show_run(
    run: str,
    *,
    history: HistoryReader,
    snapshots: Snapshots,
    audits: Audits,
    states: StateReader,
    clock: Clock,
) -> RunAnswer:
    """One run and its attempts, with their errors in full, the tables that it published as they
    were, and who asked for it. Of a run in flight, also the Ripples that are tried again after a
    delay.

    Raises:
        OperatorError: the text does not name a run, or there is no such run.
    """
    line, number = _parsed(run)
    row = _found(line, number, history, clock)
    published = snapshots.read(line, number) if row["status"] in _PUBLISHED else None
    older = older_tables(line, published.tables, published.f) if published else []
    return {
        "run": row,
        "attempts": [_begun_or_not(attempt) for attempt in history.attempts(line, number)],
        "older_tables": older,
        "asked_by": _asked_by(row, audits),
        "retries": _retries(line, number, states) if row["status"] == "running" else [],
    }


def _asked_by(row: RunRow, audits: Audits) -> list[AuditRow]:
    """What people asked for that a run answers. A demand keeps its epoch on its way up, so those
    who asked lines below are found by it. What an event asked for is in the row itself.
    """
    own, asked = row.get("said_at"), row.get("asked") or []
    epochs = [from_text(text) for text in dict.fromkeys((own, *asked)) if text]
    found = [audit.told(one) for one in audits.at(epochs)] if epochs else []
    if own and (row.get("by") or row.get("note")) and not any(one["at"] == own for one in found):
        found.insert(0, _of_event(row, own))
    return found


def _of_event(row: RunRow, at: str) -> AuditRow:
    return {
        "at": at,
        "by": row.get("by"),
        "proven": False,
        "via": None,
        "what": row.get("wanted") or "",
        "ponds": [row["pond"]],
        "note": row.get("note"),
        "request": "",
        "refused": None,
    }


def _retries(line: Line, run: int, states: StateReader) -> list[RetryTold]:
    seen = states.read([line]).get(line)
    return [
        {"ripple": name, "attempt": attempt.number, "at": to_text(attempt.since)}
        for name, ripple in (seen.state.ripples.items() if seen else ())
        if (attempt := ripple.attempt) is not None and attempt.run == run and attempt.delayed
    ]


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
