"""Windows of an Inlet: adding, removing and listing rules. Every fault is refused before the line
gets the rule.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import TYPE_CHECKING

from duckstring.api.post import Posted, post_and_wait
from duckstring.engine.signals import WindowAdded, WindowRemoved
from duckstring.engine.state import PondState
from duckstring.engine.why import next_use
from duckstring.errors import OperatorError, nearest
from duckstring.model import commands
from duckstring.model.catalog import Release
from duckstring.model.durations import duration_in_words
from duckstring.model.instants import Instant, to_text
from duckstring.model.names import Line
from duckstring.model.weekdays import WEEKDAYS
from duckstring.model.window_rules import WindowError, check_opens, read
from duckstring.model.windows import (
    MOST_WINDOWS,
    Occurrence,
    Window,
    in_words,
    is_carried_by_schedule,
    is_same_rule,
    meeting,
    minute_in_words,
    next_openings,
    open_now,
    overlap,
)
from duckstring.model.zones import in_zone, zone_of
from duckstring.ports import Clock, Mailbox, StateReader

if TYPE_CHECKING:
    from duckstring.model.answers.changes import WindowAnswer
    from duckstring.model.answers.common import Span
    from duckstring.model.answers.status import Opening, WindowTold

_SHOWN = 5
"""Openings of a rule that are told."""


class WindowNotFoundError(OperatorError):
    """The line has no such rule."""

    def __init__(self, name: str, line: Line, *, known: Collection[str]) -> None:
        """Name the rules that it has, and the nearest."""
        super().__init__(
            f"{line} has no Window {name!r}; it has {', '.join(sorted(known)) or 'none'}.",
            hint=nearest(name, known),
        )


def add(
    given: object, release: Release, *, mailbox: Mailbox, states: StateReader, clock: Clock
) -> WindowAnswer:
    """Add a rule to the line of ``release`` and wait until the line has it. A rule that it has
    already counts as success.

    Args:
        given: the rule in the form of docs/protocol.md.
        release: the deployed line's.
        mailbox: where the letter to the line goes.
        states: where the result is read.
        clock: for what opens next.

    Raises:
        WindowError: the rule is wrong in itself, or does not go with the line's others.
    """
    line, window = release.line, read(given)
    check_opens(window, clock.now())
    if release.sources:
        raise WindowError(
            (
                f"{line} has Sources ({', '.join(source.line for source in release.sources)}); "
                "only "
                "an Inlet has Windows."
            ),
            hint=f"Give it to the Inlets that it comes from: {commands.add_window(window.name)}",
        )
    held = _state(line, states)
    if not _goes_with(window, held, clock.now()):
        return _answer(Posted(held, applied=True), clock.now())
    posted = post_and_wait(line, WindowAdded(window), mailbox=mailbox, states=states, clock=clock)
    if posted.applied and _goes_with(
        window, posted.state, clock.now()
    ):  # raises if somebody else was faster, and names their rule
        raise WindowError(
            f"{line} did not take Window {window.name}: another change came between.",
            hint="Look at its rules, and add it again.",
        )
    return _answer(posted, clock.now())


def listed(line: Line, *, states: StateReader, clock: Clock) -> WindowAnswer:
    """All rules of a line."""
    return _answer(Posted(_state(line, states), applied=True), clock.now())


def remove(
    name: str, line: Line, *, mailbox: Mailbox, states: StateReader, clock: Clock
) -> WindowAnswer:
    """Remove a rule and wait until the line has received that. The run of an opening that is open
    continues.

    Raises:
        WindowNotFoundError: the line has no such rule.
    """
    held = _state(line, states)
    if name not in held.windows:
        raise WindowNotFoundError(name, line, known=held.windows)
    return _answer(
        post_and_wait(line, WindowRemoved(name), mailbox=mailbox, states=states, clock=clock),
        clock.now(),
    )


def describe(state: PondState, now: Instant) -> list[WindowTold]:
    """WindowTold of docs/protocol.md for each rule, by name."""
    return [_describe(window, now) for _, window in sorted(state.windows.items())]


def _describe(window: Window, now: Instant) -> WindowTold:
    coming = next_openings([window], now, _SHOWN)
    return {
        "name": window.name,
        "start": to_text(window.start),
        "every": window.every.total_seconds(),
        "duration": window.duration.total_seconds(),
        "on": [day for day in WEEKDAYS if day in window.on],
        "until": to_text(window.until) if window.until else None,
        "open": _span(open_now([window], now)),
        "next": _span(coming[0] if coming else None),
        "carried_by": "schedule" if is_carried_by_schedule(window) else "alarm",
        "tz": window.tz,
        "cron": window.cron,
        "words": in_words(window),
        "upcoming": [_opening(one, window) for one in coming],
    }


def _opening(found: Occurrence, window: Window) -> Opening:
    zone = zone_of(window.tz) if window.tz else None
    return {
        "start": to_text(found.start),
        "end": to_text(found.end),
        "local": in_zone(found.start, zone) if zone else None,
    }


def why_waiting(state: PondState, now: Instant) -> str:
    """Which opening the demand of an Inlet waits for. Empty: it waits for none."""
    if not state.windows or state.sources:
        return ""
    rules = state.windows.values()
    found = open_now(rules, now)
    if found is not None and found.end > state.start_f:
        return ""
    if coming := next_use(state, now):
        left = timedelta(seconds=max(1, round((coming.start - now).total_seconds())))
        return (
            f"waits for Window {coming.window}, opens {minute_in_words(coming.start)} (in "
            f"{_roughly(left)})"
        )
    return f"waits, and no Window of {state.line} opens again"


def _goes_with(window: Window, state: PondState, now: Instant) -> bool:
    """Whether the line needs the letter: false if it has exactly this rule.

    Raises:
        WindowError: it has another of that name, or one that could be open at the same time.
    """
    taken = state.windows.get(window.name)
    if taken is not None and is_same_rule(taken, window, now):
        return False
    if taken is not None:
        raise WindowError(
            (
                f"{state.line} has a Window {window.name} already: {in_words(taken)}. The new one "
                f"says {in_words(window)}."
            ),
            hint=(
                "Take another name, or remove that one: "
                f"{commands.remove_window(state.line, window.name)}"
            ),
        )
    if len(state.windows) >= MOST_WINDOWS:
        raise WindowError(
            f"{state.line} has {len(state.windows)} Windows; allowed: {MOST_WINDOWS}.",
            hint=f"Remove one first: {commands.remove_window(state.line, 'NAME')}",
        )
    for held in sorted(state.windows.values(), key=lambda one: one.name):
        if overlap(held, window, now):
            raise WindowError(
                f"Windows {held.name} and {window.name} of {state.line} would overlap"
                f"{_when(held, window, now)}: {held.name} is {in_words(held)}; "
                f"{window.name} is {in_words(window)}.",
                hint=f"Change {window.name}, or remove {held.name} first.",
            )
    return True


def _when(held: Window, window: Window, now: Instant) -> str:
    """Plain rules show it themselves."""
    if not (held.is_calendar or window.is_calendar):
        return ""
    met = meeting(held, window, now)
    return f" at {minute_in_words(met)}" if met else ""


def _state(line: Line, states: StateReader) -> PondState:
    seen = states.read([line]).get(line)
    return seen.state if seen else PondState(line)


def _answer(posted: Posted, now: Instant) -> WindowAnswer:
    ahead = to_text(posted.state.start_f) if posted.state.start_f > now else None
    return {
        "line": posted.state.line,
        "now": to_text(now),
        "windows": describe(posted.state, now),
        "ahead": ahead,
        "applied": posted.applied,
    }


def _span(found: Occurrence | None) -> Span | None:
    return {"start": to_text(found.start), "end": to_text(found.end)} if found else None


def _roughly(left: timedelta) -> str:
    """The duration without irrelevant detail: whole hours of days, whole minutes of hours."""
    for unit in (timedelta(hours=1), timedelta(minutes=1)):
        if left >= 24 * unit:
            return duration_in_words(left // unit * unit)
    return duration_in_words(left)
