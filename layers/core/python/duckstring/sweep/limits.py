"""What the sweep repairs between lines and limits: letters that were given up, and a limit's
outbox that nobody performed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from duckstring.engine.letters import Letter
from duckstring.engine.signals import AlarmRang, ClaimsAsked, Restored
from duckstring.engine.tokens import misheard
from duckstring.model.instants import Instant, to_text
from duckstring.model.names import Line, limit_address
from duckstring.ports import SOON, Seen, SeenLimit, StateReader
from duckstring.sweep.outside import GRACE
from duckstring.sweep.report import Report


def limit_letters(
    limits: Mapping[str, SeenLimit],
    seen: Mapping[Line, Seen],
    states: StateReader,
    *,
    came: Instant,
    now: Instant,
    report: Report,
) -> Iterator[Letter]:
    """Letters to limits, and to lines of which a limit knows something else than is so.

    Args:
        limits: all of them.
        seen: the states of the lines that the sweep looks at.
        states: for those of other lines, which may be gone and still have a token.
        came: when the table came to this Catchment.
        now: this instant.
        report: what was found.
    """
    for name, held in sorted(limits.items()):
        yield from _to_limit(name, held, came=came, now=now, report=report)
    others = {
        line
        for held in limits.values()
        for line, claimant in held.state.lines.items()
        if claimant.entries and line not in seen
    }
    known = {name: held.state for name, held in limits.items()}
    for line, one in sorted({**seen, **(states.read(others) if others else {})}.items()):
        if not _is_quiet(one, now):
            continue
        for name in misheard(one.state, known):
            report.misheard.append(line)
            yield Letter(line, ClaimsAsked(name), key=f"sweep:{to_text(now)}:{line}:{name}")


def _to_limit(
    name: str, held: SeenLimit, *, came: Instant, now: Instant, report: Report
) -> Iterator[Letter]:
    address, key = limit_address(name), f"sweep:{to_text(now)}:limit:{name}"
    if held.state.restored < came:
        yield Letter(address, Restored(came), key=f"{key}:restored")
    if held.owes and now - held.committed > SOON + GRACE:
        report.limits.append(name)
        yield Letter(address, AlarmRang(), key=key)


def _is_quiet(held: Seen, now: Instant) -> bool:
    """Whether what the line and its limits have said to each other has come."""
    return now.timestamp() * 1000 - held.mark[0] > GRACE.total_seconds() * 1000
