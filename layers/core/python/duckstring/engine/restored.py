"""A line after its Catchment was restored or moved: it says again what others may not have heard.

Rules: docs/engine.md, "A restored Catchment".
"""

from __future__ import annotations

from datetime import timedelta

from duckstring.engine.effects import AttachTo, SetSchedule, TellSinks
from duckstring.engine.state import UNHEARD, SourceReport
from duckstring.engine.turn import Turn
from duckstring.model.instants import NEVER, Instant
from duckstring.model.values import replace

_SKEW = timedelta(minutes=1)
"""How far the clock of who says it may be ahead. The sweep says it again until it is heard."""


def say_again(turn: Turn, at: Instant, report: SourceReport) -> None:
    """Register with the Sources and ask them again, report to the Sinks, repeat all claims, set
    alarms and schedules.

    Every stamp counts as new: a neighbour restored as of an earlier moment has not reached the last
    one yet.
    Runs in flight are not touched. The sweep finds that their executions do not exist.
    """
    if not turn.restored < at <= turn.now + _SKEW:
        return
    turn.restored = at
    turn.sinks = dict.fromkeys(turn.sinks, UNHEARD)
    turn.put_all_sources(
        {line: replace(view, heard=UNHEARD, asked=NEVER) for line, view in turn.sources.items()}
    )
    for line in sorted(turn.sources):
        turn.emit(AttachTo(line))
    if turn.sinks:
        turn.emit(TellSinks(report))
    for _, window in sorted(turn.windows.items()):
        turn.emit(SetSchedule(window))
    turn.doubted |= {limit for ripple in turn.ripples.values() for limit in ripple.uses}
    turn.alarm = None
    turn.voice = 0  # so that it asks again for all that it may ask (``step.revive``)
