"""Causes in words, and what would change each, as commands to type. Decides nothing: what is so is
found in ``engine/why.py`` and ``engine/whose.py``.

What authors wrote (errors) comes as one short line. The printer escapes it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, assert_never

from duckstring.api.in_flight import named
from duckstring.api.status import hold_in_words, in_words
from duckstring.engine.causes import (
    Asleep,
    Blocked,
    Busy,
    Cause,
    DeployWaits,
    Due,
    Failed,
    ForceWaits,
    Held,
    Killed,
    Lags,
    NotAsked,
    NotDeployed,
    NotKept,
    NotReceived,
    RetryAt,
    RunFirst,
    Short,
    TideDue,
    WaitsForToken,
    WindowClosed,
)
from duckstring.engine.state import PondState, SaidKind, Tide
from duckstring.model import commands
from duckstring.model.catalog import MOST_RETRIES
from duckstring.model.durations import duration_in_words
from duckstring.model.failures import Failure
from duckstring.model.instants import NEVER, ZERO, Instant
from duckstring.model.limits import MOST_PRIORITY, MOST_TOKENS, within
from duckstring.model.names import Line, parse_line, run_key
from duckstring.model.windows import minute_in_words

if TYPE_CHECKING:
    from duckstring.model.answers.why import Way

_ERROR, _MESSAGE = 100, 400
"""Bytes of an error in a sentence. `run show` has all of it."""


def sentence(  # noqa: C901, PLR0911, PLR0912 - one arm a cause
    state: PondState, cause: Cause, now: Instant, *, since: Instant | None = None
) -> str:
    """The cause, of the line of ``state``, in one or two sentences. ``since``: when it began, if
    that is known.
    """
    line = state.line
    match cause:
        case NotDeployed():
            return f"{line} is not deployed."
        case NotReceived(deployed):
            return f"{line} was deployed at {ago(deployed, now)}, and has not received that yet."
        case NotKept():
            return f"What {line} was like then is not kept."
        case Killed():
            return f"{line} was killed by {_whose(state, 'kill')}."
        case Held(hold):
            return f"New runs of {line} are held: {hold_in_words(hold)}."
        case Failed():
            return _failed(line, cause, f" {duration(now - since)} ago" if since else "")
        case RetryAt(at, asks=False):
            return f"{line} is tried again {future(at, now)}."
        case RetryAt(at):
            return (
                f"{line} asks its Sources {future(at, now)} for something newer to try again with."
            )
        case Asleep():
            slept = _whose(state, "sleep", unknown="")
            by = f" by {slept}" if slept else ""
            return f"{line} was put to sleep{by}, and nobody has asked for it since."
        case Blocked(source, down):
            how = f"was {down.why}" if down.why != "failed" else "failed"
            if down.root == source:
                return f"{line} requires {source}, which {how}."
            return f"{line} requires {source}, which is blocked: {down.root} {how}."
        case NotAsked():
            return f"Nobody asks for newer output of {line}{_has(state, now)}."
        case TideDue(at):
            return f"{_tide(state)} of {line} asks again {future(at, now)}; until then {_fresh}."
        case Short():
            return _short(state, cause)
        case Lags(source, has):
            return (
                f"{line} waits for {source}, too: another Source has news, and the output of "
                f"{source} as of {_at(has)} was read already."
            )
        case WindowClosed():
            return _window(line, cause, now)
        case DeployWaits(version, runs):
            return f"{version} of {line} waits for {_runs(line, runs)}, and what is asked for too."
        case ForceWaits(runs):
            return f"A forced run of {line} waits for {_runs(line, runs)}."
        case RunFirst(runs):
            return f"What is asked of {line} waits for {_runs(line, runs)}."
        case Busy(run, f, since):
            return (
                f"{line} runs: {run_key(line, run)} since {duration(now - since)}, as of {_at(f)}."
            )
        case WaitsForToken():
            return _token(line, cause, now)
        case Due():
            return f"Nothing is in the way of {line}: it is about to start."
        case _:
            assert_never(cause)


def _whose(state: PondState, kind: SaidKind, *, unknown: str = "an operator") -> str:
    """``alice@laptop (new warehouse)``."""
    said = state.said.get(kind)
    return in_words(said, unknown=unknown) if said else unknown


_fresh = "its output is fresh enough"


def is_ahead(state: PondState, now: Instant) -> bool:
    """Whether the output is fresh as of an instant to come: the end of a Window that it came
    through. Until then a Pulse is satisfied, and is dropped.
    """
    return state.end_f > now


def ways(state: PondState, cause: Cause, now: Instant) -> list[Way]:  # noqa: C901, PLR0911, PLR0912 - one arm a cause
    """What would change a cause. A cause that leads to another line has none: its root has them."""
    line = state.line
    pond = parse_line(line)[0]
    match cause:
        case NotDeployed():
            return [_way(f"Deploy {pond}, in the folder of its project", commands.DEPLOY)]
        case Held():
            return [
                _way("Let new runs start again (none starts before that)", commands.MAINTENANCE_OFF)
            ]
        case NotReceived() | Due():
            return [_way("It takes seconds. If it lasts, see whether something is lost", _DOCTOR)]
        case Killed():
            return [
                _run(state, f"Let {line} go on, and run it once", commands.wake(line)),
                _way(f"Let {line} go on with what is asked of it", commands.clear(line)),
            ]
        case Failed():
            return _after_failure(state, cause)
        case RetryAt():
            now_or_later = "" if state.hold.on else " now"
            return [_run(state, f"Run {line}{now_or_later}, on what there is", commands.wake(line))]
        case Asleep() | NotAsked():
            return [
                _once(state, now, f"Ask for {line} once, with all that it needs"),
                _way(f"Keep {line} no staler than a day, say", commands.tide(line)),
            ]
        case TideDue():
            return [_once(state, now, f"Ask for {line} now")]
        case Short(asked=False) if state.health == "ok":
            return [_once(state, now, "Ask the Sources, too (a wake asks none)")]
        case Blocked() | Short() | Lags() | NotKept():
            return []
        case WindowClosed(None):
            return [_way(f"Give {line} a Window that opens", commands.list_windows(line))]
        case WindowClosed():
            return [_way("See or change its Windows", commands.list_windows(line))]
        case DeployWaits(_, runs) | ForceWaits(runs) | RunFirst(runs):
            return [see_run(line, runs[0]), *stop_run(state)]
        case WaitsForToken():
            return _more_tokens(line, cause)
        case Busy():
            return [_way(f"See how far {line} is", commands.status(line))]
        case _:
            assert_never(cause)


_DOCTOR = commands.DOCTOR
_HOLDERS = 3
"""Named in a sentence. `limit list` has all."""


def _token(line: Line, cause: WaitsForToken, now: Instant) -> str:
    what = f"{cause.ripple} of {run_key(line, cause.run)} has waited {duration(now - cause.since)}"
    what = f"{what} for a token of limit {cause.limit}"
    if cause.tokens is None:
        return f"{what}, which has not answered yet."
    if cause.tokens == 0:
        return f"{what}, which is set to 0: nothing that uses it starts."
    held = [
        f"{one.ripple} of {run_key(one.line, one.run)} (since {duration(now - one.since)})"
        for one in cause.holders[:_HOLDERS]
    ]
    left = len(cause.holders) - len(held)
    names = ", ".join(held) + (f" and {left} more" if left else "")
    ahead = {0: "It is the next.", 1: "One other is ahead of it."}.get(
        cause.ahead, f"{cause.ahead} others are ahead of it."
    )
    taken = f"{len(cause.holders)} of {cause.tokens} taken, by {names}"
    return f"{what}: {taken}. {ahead}"


def _more_tokens(line: Line, cause: WaitsForToken) -> list[Way]:
    if cause.tokens is None:
        return [_way("It takes seconds. If it lasts, see whether something is lost", _DOCTOR)]
    more = max(len(cause.holders), cause.tokens) + 1
    ways = (
        [_way(f"Let {more} run at once", commands.set_limit(cause.limit, more))]
        if more <= MOST_TOKENS
        else []
    )
    if cause.ahead:
        ways.append(_way(f"Let {line} go first", commands.priority(line, MOST_PRIORITY)))
    ways.append(_way("See who has the tokens, and who waits", commands.LIMITS))
    return ways


def see_run(line: Line, number: int) -> Way:
    """How far a run in flight is."""
    return _way("See how far the run is", commands.run_show(run_key(line, number)))


def stop_run(state: PondState) -> tuple[Way, Way]:
    """To stop what runs, and then to go on."""
    line = state.line
    return (
        _way(f"Stop it, and drop what is asked of {line}", commands.kill(line)),
        _run(state, f"After that: let {line} go on, and run it once", commands.wake(line)),
    )


def _run(state: PondState, text: str, command: str) -> Way:
    """A way that makes the line run. Under maintenance what it asks for is only kept."""
    later = " (maintenance keeps that until it is off)" if state.hold.on else ""
    return _way(f"{text}{later}", command)


def _once(state: PondState, now: Instant, text: str) -> Way:
    """Ask once. A Tap is not satisfied by output that is fresh as of the end of a Window."""
    if not is_ahead(state, now):
        return _run(state, text, commands.pulse(state.line))
    return _run(
        state,
        f"Ask for {state.line} at the next opening (it is fresh until then: a Pulse is dropped)",
        commands.tap(state.line),
    )


def _after_failure(state: PondState, cause: Failed) -> list[Way]:
    line, pond = state.line, parse_line(state.line)[0]
    see = [_way("See the whole error", commands.run_show(run_key(line, cause.run)))]
    if cause.tries:
        return see if cause.run else []
    more = cause.failures <= MOST_RETRIES and not state.asleep  # who sleeps does not try again
    return [
        *(see if cause.run else []),
        _way(
            f"If {pond} is wrong: repair it, and deploy it in its project's folder", commands.DEPLOY
        ),
        _run(state, "If the fault lay outside and is gone: run it again", commands.wake(line)),
        _way("If nobody needs that run: only clear the failure", commands.clear(line)),
        *(
            [
                _way(
                    "To have it tried again by itself: raise its budget",
                    commands.source_retries(line, cause.failures),
                )
            ]
            if more
            else []
        ),
    ]


def _failed(line: Line, cause: Failed, when: str) -> str:
    run = f"Run {run_key(line, cause.run)}" if cause.run else f"The last run of {line}"
    said = error_in_line(cause.failure) if cause.failure else ""
    error = f": {said}" if said else ""
    where = f" in {cause.failure.ripple}" if cause.failure and cause.failure.ripple else ""
    often = f" It is failure {cause.failures} in a row." if cause.failures > 1 else ""
    if cause.failure and cause.failure.final:
        often += " Its retry_on does not name that error, so the run ended at once."
    left = {0: "No try is left.", 1: "One try is left."}.get(
        cause.tries, f"{cause.tries} tries are left."
    )
    return f"{run} failed{when}{where}{error}{stop(said)}{often} {left}"


def stop(said: str) -> str:
    """The point after others' words, if they have none of their own."""
    return "" if said.endswith((".", "!", "?", "…")) else "."


def error_in_line(failure: Failure) -> str:
    """``ValueError: no rows``: the error's name and the first line that says something."""
    lines = (" ".join(text.split()) for text in failure.message.splitlines())
    first = within(next(filter(None, lines), ""), _MESSAGE)
    return ": ".join(filter(None, (within(" ".join(failure.error.split()), _ERROR), first)))


def _short(state: PondState, cause: Short) -> str:
    line, source = state.line, cause.source
    if cause.has == NEVER:
        has = "which has published nothing yet"
    elif cause.needs is None:
        has = f"which has nothing newer than {_at(cause.has)}"
    else:
        has = f"which is fresh as of {_at(cause.has)}; {_at(cause.needs)} is asked for"
    unasked = "" if cause.asked or state.health != "ok" else f" {line} has not asked it for that."
    return f"{line} waits for {source}, {has}.{unasked}"


def _window(line: Line, cause: WindowClosed, now: Instant) -> str:
    used = f"{line} has run for the Window that is open. " if cause.used else ""
    if cause.opening is None:
        return f"{used}{line} waits for a Window, and none opens again."
    when = (
        f"opens {minute_in_words(cause.opening.start)} (in {duration(cause.opening.start - now)})"
    )
    return f"{used}{line} waits for Window {cause.opening.window}, which {when}."


def _tide(state: PondState) -> str:
    bound = state.trigger.bound if isinstance(state.trigger, Tide) else ZERO
    return f"The Tide ({duration_in_words(bound)})"


def _has(state: PondState, now: Instant) -> str:
    if is_ahead(state, now):
        return f", which is fresh as of {_at(state.end_f)} already, the end of a Window"
    return "" if state.end_f == NEVER else f" than as of {_at(state.end_f)}"


def _runs(line: Line, runs: tuple[int, ...]) -> str:
    return named([run_key(line, number) for number in runs])


def _at(instant: Instant) -> str:
    return minute_in_words(instant.replace(microsecond=0)) if instant != NEVER else "never"


def future(at: Instant, now: Instant) -> str:
    """``at 2030-01-01 02:00 UTC (in 5m)``."""
    return f"at {_at(at)} (in {duration(at - now)})"


def ago(at: Instant, now: Instant) -> str:
    """``2030-01-01 02:00 UTC (5m ago)``; what is to come: ``(in 5m)``, as the end of an open
    Window is.
    """
    return f"{_at(at)} (in {duration(at - now)})" if at > now else f"{_at(at)} ({_since(at, now)})"


def _since(at: Instant, now: Instant) -> str:
    return f"{duration(now - at)} ago"


def duration(left: timedelta) -> str:
    """A duration without irrelevant detail: whole hours of days, whole minutes of hours."""
    left = max(timedelta(seconds=round(left.total_seconds())), ZERO)
    for unit in (timedelta(hours=1), timedelta(minutes=1)):
        if left >= 24 * unit:
            return duration_in_words(left // unit * unit)
    return duration_in_words(left)


def _way(text: str, command: str | None) -> Way:
    return {"text": text, "command": command}
