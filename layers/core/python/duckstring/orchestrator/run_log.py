"""What the orchestrator logs of a run that is over. The dashboard's queries read it, so that any
number of Ponds needs no metrics of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from duckstring.engine.effects import Effect, RecordRun
from duckstring.model.instants import Instant
from duckstring.model.names import Line, run_key

_FRESH = frozenset({"success", "pass"})
"""Of these statuses a run makes its line fresher."""


def runs_over(line: Line, effects: Iterable[Effect]) -> Iterator[Mapping[str, object]]:
    """The fields of each run that ended. ``seconds``: how long it took. ``lag_seconds``: how old
    its freshness was at its end; 0 under a Window, whose freshness may lie ahead. A delivery that
    is repeated logs a run again.
    """
    for effect in effects:
        if isinstance(effect, RecordRun) and effect.finished is not None:
            yield {
                "line": line,
                "run": run_key(line, effect.run),
                "status": effect.status,
                "seconds": _seconds(effect.started, effect.finished),
                **_lag(effect, effect.finished),
            }


def _lag(row: RecordRun, finished: Instant) -> Mapping[str, float]:
    return {"lag_seconds": _seconds(row.f, finished)} if row.status in _FRESH else {}


def _seconds(first: Instant, last: Instant) -> float:
    return max(round((last - first).total_seconds(), 1), 0.0)
