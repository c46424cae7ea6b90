"""From attempts that wrote objects of a table up to what they have read, and who wrote that.

Each step up takes two requests, however many attempts there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from duckstring.api.lineage import place_of, recorded_of
from duckstring.api.ports import Attempted, LineageReader
from duckstring.api.requests import TraceRequest
from duckstring.errors import OperatorError
from duckstring.model.find import find_ever_deployed
from duckstring.model.lineage import TableRead, writer_name
from duckstring.model.names import Line, run_key
from duckstring.model.permits import AttemptName
from duckstring.ports import Catalog, Removals

if TYPE_CHECKING:
    from duckstring.model.answers.lineage import TraceAnswer, TracedAttempt, TracedRead
    from duckstring.model.answers.runs import RunRow

MOST_ATTEMPTS = 500
"""That one request looks at, the nearest first."""


def trace(
    asked: TraceRequest, *, catalog: Catalog, removals: Removals, recorded: LineageReader
) -> TraceAnswer:
    """These attempts, what they have read, and the attempts that wrote that, up to Inlets.

    Raises:
        PondNotFoundError: there is no such Pond.
        OperatorError: a text names no attempt.
    """
    line = find_ever_deployed(catalog, removals, asked.pond, asked.major)
    edge = list(dict.fromkeys(_named(line, one) for one in asked.writers))
    known: set[AttemptName] = set()
    answer: TraceAnswer = {"line": line, "attempts": [], "left_off": 0}
    for steps in range(asked.depth + 1):
        room = MOST_ATTEMPTS - len(known)
        answer["left_off"] += max(0, len(edge) - room)
        edge = edge[:room]
        if not edge:
            return answer
        known |= set(edge)
        rows = recorded.attempts(edge)
        runs = recorded.runs({(one.line, one.run) for one in edge})
        for one in edge:
            row, run = rows.get(one), runs.get((one.line, one.run))
            answer["attempts"].append(_told(one, row, run, steps=steps))
        edge = [one for one in dict.fromkeys(_writers(edge, rows)) if one not in known]
    answer["left_off"] += len(edge)
    return answer


def _named(line: Line, text: str) -> AttemptName:
    if (found := writer_name(line, text)) is None:
        raise OperatorError(f"writers: {text[:80]!a} names no attempt; write it as 42-load-1.")
    return found


def _writers(
    names: Iterable[AttemptName], rows: Mapping[AttemptName, Attempted]
) -> Iterator[AttemptName]:
    for name in names:
        for read in _reads(rows.get(name)):
            of, _ = place_of(name.line, read)
            found = filter(None, (writer_name(of, one) for one in read.writers))
            # A Ripple that goes on from its own last output would lead through all its runs.
            yield from (one for one in found if (of, one.ripple) != (name.line, name.ripple))


def _reads(row: Attempted | None) -> tuple[TableRead, ...]:
    return row.lineage.reads if row and row.lineage else ()


def _told(
    name: AttemptName, row: Attempted | None, run: RunRow | None, *, steps: int
) -> TracedAttempt:
    known = row.lineage if row else None
    pins = (run.get("pins") if run else None) or {}
    return {
        "id": _id(name),
        "run": run_key(name.line, name.run),
        "ripple": name.ripple,
        "attempt": name.attempt,
        "steps": steps,
        "run_kept": run is not None,
        "f": run["f"] if run else None,
        "version": run["version"] if run else None,
        "package": row.package or None if row else None,
        "started": row.started if row else None,
        "finished": row.finished if row else None,
        "recorded": recorded_of(row),
        "reads": [_read(name.line, read, pins) for read in _reads(row)],
        "open": bool(known and known.is_open),
        "left_off": known.left_off if known else 0,
    }


def _read(line: Line, read: TableRead, pins: Mapping[str, int]) -> TracedRead:
    of, table = place_of(line, read)
    writers = filter(None, (writer_name(of, one) for one in read.writers))
    return {
        "line": of,
        "table": table,
        "sure": read.is_sure,
        "snapshot": pins.get(of) if read.line else None,
        "writers": [_id(one) for one in writers],
        "earlier": read.and_earlier,
    }


def _id(name: AttemptName) -> str:
    return f"{run_key(name.line, name.run)}-{name.ripple}-{name.attempt}"
