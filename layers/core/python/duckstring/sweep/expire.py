"""Deletes history that is older than the Catchment keeps it: rows of runs and of their attempts.

DynamoDB's own expiry is not used. It cannot keep a line's last runs, a worker may not write when
its row expires, and rows would not follow a change of the time to keep. To delete a row costs what
writing its expiry would cost.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from itertools import islice

from duckstring.engine.pins import pinned
from duckstring.engine.state import PondState
from duckstring.model.instants import Instant
from duckstring.model.names import Line, writer_of
from duckstring.sweep.ports import SweepPorts
from duckstring.sweep.report import Report

KEPT_RUNS = 20
"""Of a line, however old: as many as ``duckstring runs`` shows."""
_LONGEST = timedelta(minutes=2)
"""What is left then is done by the next tidying. A sweep has five minutes."""
_AT_ONCE = 500


def expire(
    states: Mapping[Line, PondState], ports: SweepPorts, *, now: Instant, report: Report
) -> None:
    """Delete the old history of all lines, deployed or removed.

    Never deleted: what is in flight, a line's last runs, and runs that a state or a pin names.
    """
    if ports.history_kept is None:
        return
    pins = pinned(states.values())
    for line in _in_turn(sorted(states), now):
        state = states[line]
        last = state.runs_started - KEPT_RUNS
        if last < 1:
            continue
        needed = _needed(state) | pins.get(line, {}).keys()
        old = (
            number
            for number in ports.history.old_runs(line, before=now - ports.history_kept, last=last)
            if number not in needed
        )
        while numbers := list(islice(old, _AT_ONCE)):
            report.history += ports.history.forget_runs(line, numbers)
            if ports.clock.now() - now > _LONGEST:
                return


def _in_turn(lines: list[Line], now: Instant) -> list[Line]:
    """Each time another line is the first: none is always left to the next time."""
    first = int(now.timestamp()) % max(len(lines), 1)
    return [*lines[first:], *lines[:first]]


def _needed(state: PondState) -> set[int]:
    """Runs that a state names: in flight, published, failed last, and those that wrote a table."""
    wrote = {writer_of(version.key)[0] for version in state.tables.values()}
    return {*state.runs, state.snapshot, state.failed_run, *wrote}
