"""What an alert says: its title, its cause, its effect, and what to type. Pure.

Texts of failures come from outside. They are one line here, and no channel takes them for markup.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

from duckstring.engine.state import PondState
from duckstring.model import commands
from duckstring.model.alert_texts import texts
from duckstring.model.durations import duration_in_words
from duckstring.model.events import Alert, AlertDetail, Trouble
from duckstring.model.foreign import readable
from duckstring.model.instants import Instant, to_text
from duckstring.model.limits import within
from duckstring.model.names import Line, parse_line, run_key
from duckstring.model.staleness import in_words

_NAMED = 5
"""Lines that a text names; it counts the others."""
_LISTED = 500
"""Lines that the event lists. It may have 256 KB."""
_CONCERNED = 2_000
_ERROR = 300


@dataclass(frozen=True, slots=True)
class About:
    """What a page is about. ``blocks``: lines that cannot run while it is down. ``stale``: those
    of them, and the line itself, whose data is too old.
    """

    state: PondState
    trouble: Trouble
    since: Instant
    version: str = ""
    blocks: Collection[Line] = ()
    stale: Collection[Line] = ()


def trouble_page(about: About, catchment: str, key: str) -> AlertDetail:
    """A root cause has come up."""
    state, line = about.state, about.state.line
    if about.trouble == "stale":
        bound = state.watch.bound if state.watch else None
        title = f"{line} is older than its bound: {in_words(bound) if bound else ''}"
        said = _Said(title, _why_stale(state), _effect(about, "It holds up"), _look(line))
        return _detail(about, "stale", said, catchment, key)
    killed = state.health == "killed"
    alert: Alert = "killed" if killed else "failed"
    blocked = f", and blocks {len(about.blocks)}" if about.blocks else ""
    title = f"{line} {'was killed' if killed else 'failed'}{blocked}"
    what = "An operator stopped it." if killed else _why_failed(state)
    todo = f"{_look(line)}; then {commands.wake(line)}"
    said = _Said(title, what, _effect(about, "It blocks"), todo)
    return _detail(about, alert, said, catchment, key)


def recovery_page(about: About, catchment: str, key: str, now: Instant) -> AlertDetail:
    """It is over."""
    line, state = about.state.line, about.state
    took = duration_in_words(timedelta(seconds=max(1, round((now - about.since).total_seconds()))))
    if about.trouble == "stale":
        gone = state.watch is None or state.release is None
        title = f"{line} is fresh again" if not gone else f"{line} has no bound any more"
    elif state.release is None:
        title = f"{line} was removed"
    else:
        title = f"{line} recovered"
    what = f"It was {'stale' if about.trouble == 'stale' else 'down'} for {took}."
    if about.trouble == "failed" and state.release is not None:
        what = f"{what} {_how_it_goes_on(state)}"
    said = _Said(title, what, _effect(about, "It blocked"), commands.status(line))
    return _detail(about, "recovered", said, catchment, key)


def _how_it_goes_on(state: PondState) -> str:
    """A line that was cleared is healthy, and has shown nothing yet."""
    if state.runs:
        return f"{run_key(state.line, max(state.runs))} runs now."
    if state.snapshot and state.snapshot == state.runs_started:
        return f"{run_key(state.line, state.snapshot)} is published."
    return "It was cleared, and has not run since."


@dataclass(frozen=True, slots=True)
class _Said:
    title: str
    what: str
    effect: str
    todo: str


def _detail(about: About, alert: Alert, said: _Said, catchment: str, key: str) -> AlertDetail:
    line = about.state.line
    pond, major = parse_line(line)
    words = texts(f"[{catchment}] {said.title}", said.what, said.effect, f"Type: {said.todo}")
    detail: AlertDetail = {
        "catchment": catchment,
        "alert": alert,
        "of": about.trouble,
        "line": line,
        "pond": pond,
        "major": major,
        "version": about.version,
        "since": to_text(about.since),
        "blocks": [*sorted(about.blocks)[:_LISTED]],
        "blocked": len(about.blocks),
        "stale": [*sorted(about.stale)[:_LISTED]],
        "concerns": _concerns(line, about.blocks),
        "title": words["title"],
        "text": words["text"],
        "email": words["email"],
        "slack": words["slack"],
        "key": key,
    }
    state = about.state
    if alert == "failed" and state.failed_run:
        detail["run"] = run_key(line, state.failed_run)
    if alert == "failed" and state.failure is not None:
        detail["error"] = _error(state)
    return detail


def _concerns(line: Line, blocks: Collection[Line]) -> list[str]:
    ponds = {parse_line(one)[0] for one in blocks}
    own = parse_line(line)[0]
    return [own, *sorted(ponds - {own})[: _CONCERNED - 1]]


def _why_failed(state: PondState) -> str:
    run = run_key(state.line, state.failed_run) if state.failed_run else "A run"
    return f"{run}: {_error(state)}" if state.failure is not None else f"{run} failed."


def _error(state: PondState) -> str:
    failure = state.failure
    if failure is None:
        return ""
    first = next(iter(failure.message.splitlines()), "")
    return within(one_line(": ".join(filter(None, (failure.error, first)))), _ERROR)


def _why_stale(state: PondState) -> str:
    """In a sentence, as far as the line itself knows."""
    if state.runs:
        run = max(state.runs)
        return f"{run_key(state.line, run)} runs since {_time(state.runs[run].started)}."
    if state.pull is not None or state.targets or state.kept is not None:
        late = sorted(line for line, view in state.sources.items() if view.has_nothing_new)
        return f"It waits for {_some(late)}." if late else "It waits for its turn."
    if state.trigger is None:
        return "Nothing asks for it: it has no Tide or Wave."
    return "It is not due yet."


def _effect(about: About, verb: str) -> str:
    named = f"{verb} {_some(sorted(about.blocks))}." if about.blocks else ""
    own = {about.state.line} if about.trouble == "stale" else set()
    old = sorted(set(about.stale) - own)
    are, their = ("is", "its") if len(old) == 1 else ("are", "their")
    aged = f"{_some(old)} {are} older than {their} bound." if old else ""
    return " ".join(filter(None, (named, aged)))


def _look(line: Line) -> str:
    return commands.why(line)


def _some(lines: Sequence[str]) -> str:
    if len(lines) <= _NAMED:
        return ", ".join(lines)
    return f"{', '.join(lines[:_NAMED])} and {len(lines) - _NAMED} more"


def _time(at: Instant) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def one_line(text: str) -> str:
    """A text of others, without line ends and what a terminal obeys."""
    return " ".join(readable(text).split())
