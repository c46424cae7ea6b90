"""Deletes objects that arrived for lines and that nobody is given any more.

What has been taken is kept for a month, so that a repeat of its event is known, and that it is
there if an earlier snapshot is published again. What waits is kept for ever, unless no Ripple of
its line has ever taken any: then nobody waits for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from itertools import takewhile

from duckstring.engine.arrivals import taken_by_all
from duckstring.engine.state import PondState
from duckstring.model.arrivals import KeptArrival
from duckstring.model.instants import Instant
from duckstring.model.names import Line
from duckstring.ports import Seen
from duckstring.sweep.ports import SweepPorts
from duckstring.sweep.report import Report

MONTH = timedelta(days=30)
_PAGE, _MOST_PAGES = 1_000, 20
"""Of one line in one sweep, which has minutes: the next one goes on."""


def forget_arrivals(
    seen: Mapping[Line, Seen], ports: SweepPorts, *, now: Instant, report: Report
) -> None:
    """Delete what no Ripple of these lines is given any more, the oldest first."""
    for line, held in seen.items():
        if held.state.arrived:
            report.arrivals += _forget(line, held.state, ports, now)


def _forget(line: Line, state: PondState, ports: SweepPorts, now: Instant) -> int:
    count = 0
    for _ in range(_MOST_PAGES):
        page = ports.backlog.page(line, after=0, upto=state.arrived, most=_PAGE)
        gone = list(takewhile(lambda one: _is_over(one, state, now), page))
        ports.backlog.drop(line, gone)
        count += len(gone)
        if len(gone) < _PAGE:
            break
    return count


def _is_over(one: KeptArrival, state: PondState, now: Instant) -> bool:
    if state.release is None and state.next_release is None:  # the line was removed
        return one.number <= state.arrivals_from
    taken = taken_by_all(state)
    return now - one.at >= MONTH and (taken is None or one.number <= taken)
