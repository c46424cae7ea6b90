"""What runs have used of AWS: the amounts that their rows and their attempts' rows tell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from duckstring.api.history import run_filter
from duckstring.api.requests import CostRequest
from duckstring.model.compute import size_for
from duckstring.model.costs import NOTHING, Used, function_used, plus, task_used
from duckstring.model.find import find_ever_deployed
from duckstring.model.instants import from_text, to_text
from duckstring.model.names import Line
from duckstring.model.names import line as line_of
from duckstring.ports import AttemptUsed, Catalog, Clock, HistoryReader, Removals

if TYPE_CHECKING:
    from duckstring.model.answers.runs import CostAnswer, RunCost, RunRow

_AT_ONCE = 8
_FUNCTION_SECONDS = 900.0
_RUNNING = "running"


def cost(
    asked: CostRequest,
    *,
    catalog: Catalog,
    removals: Removals,
    history: HistoryReader,
    clock: Clock,
) -> CostAnswer:
    """What each run used, newest first: of one line or of the whole Catchment. An answer has as
    many runs as are asked for at most; ``before`` gives those that follow.

    Raises:
        OperatorError: no such Pond, no such run as ``before``, or an instant that is none.
    """
    pond, now = asked.pond, clock.now()
    line = find_ever_deployed(catalog, removals, pond, asked.major) if pond else None
    only = run_filter(asked, line, history, clock)
    rows = history.runs(now=now, limit=asked.limit, line=line, only=only)
    attempts = _attempts(rows, history)
    return {
        "now": to_text(now),
        "runs": [_run_cost(row, attempts.get(row["run"], ())) for row in rows],
        "more": len(rows) == asked.limit,
    }


def _attempts(
    rows: Sequence[RunRow], history: HistoryReader
) -> Mapping[str, Sequence[AttemptUsed]]:
    """The attempts of these runs: one request for each line, and for each page of its rows."""
    numbers: dict[Line, list[int]] = defaultdict(list)
    for row in rows:
        numbers[line_of(row["pond"], row["major"])].append(row["number"])
    found: dict[str, list[AttemptUsed]] = defaultdict(list)
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        spans = ((line, min(some), max(some)) for line, some in numbers.items())
        for attempts in pool.map(lambda span: history.used(*span), spans):
            for attempt in attempts:
                found[attempt.run].append(attempt)
    return found


def _run_cost(row: RunRow, attempts: Iterable[AttemptUsed]) -> RunCost:
    known = [attempt.used for attempt in attempts if attempt.used]
    unsaid = [attempt for attempt in attempts if not attempt.used]
    return {
        "run": row["run"],
        "started": row["started"],
        "status": row["status"],
        "wanted": row.get("wanted") or "",
        "sources": row.get("pins") or {},
        "overtaken_by": row["overtaken_by"],
        "used": dict(plus(row.get("used") or NOTHING, *known, *map(_estimated, unsaid))),
        "attempts": len(known) + len(unsaid),
        "estimated": sum(attempt.status != _RUNNING for attempt in unsaid),
        "running": sum(attempt.status == _RUNNING for attempt in unsaid),
    }


def _estimated(attempt: AttemptUsed) -> Used:
    """Of an attempt whose worker could not say: from when it began until it was given up."""
    if not attempt.started or not attempt.finished or attempt.where is None:
        return NOTHING
    seconds = (from_text(attempt.finished) - from_text(attempt.started)).total_seconds()
    if attempt.where == "task":
        size = size_for(attempt.memory_mib)
        return task_used(seconds, size.memory_mib, size.cpu_units, arm=False)
    within = min(max(seconds, 0.0), _FUNCTION_SECONDS)
    return function_used(within, attempt.memory_mib, arm=False)
