"""Publishing an earlier snapshot again. Rules: docs/engine.md, "An earlier snapshot"."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from duckstring.api.past import Past
from duckstring.api.ports import PublishPorts
from duckstring.api.post import post_and_wait
from duckstring.api.requests import PublishRequest
from duckstring.api.tables import NotPublishedError, SnapshotNotKeptError
from duckstring.engine.signals import Republished
from duckstring.engine.state import PondState, Wave
from duckstring.engine.tables import again
from duckstring.errors import OperatorError, StateConflictError
from duckstring.model import commands
from duckstring.model.find import find_deployed
from duckstring.model.instants import Instant, from_text, to_text
from duckstring.model.names import Line, run_key
from duckstring.ports import Clock

if TYPE_CHECKING:
    from duckstring.model.answers.tables import PublishAnswer, PublishedTables

_MOST_NAMED = 3


class RunInFlightError(OperatorError):
    """The line is at work. What it publishes next would be built on what is published now."""

    def __init__(self, state: PondState) -> None:
        """Name the runs in flight."""
        runs = ", ".join(run_key(state.line, number) for number in sorted(state.runs))
        super().__init__(
            f"{state.line} is running ({runs}), and the run would be published over it.",
            hint=(
                f"Wait, or end it: {commands.kill(state.line)}; if a Wave or Tide asks for runs, "
                f"first: {commands.sleep(state.line)}"
            ),
        )


def publish(asked: PublishRequest, ports: PublishPorts) -> PublishAnswer:
    """Publish an earlier snapshot of a line again, under a new number. ``asked.dry``: only say what
    it would change.

    Raises:
        OperatorError: there is no such line or snapshot, it is published already, or a run is in
            flight.
    """
    line = find_deployed(ports.catalog, asked.pond, asked.major).line
    state = _read(line, ports)
    if not state.snapshot:
        raise NotPublishedError(line, running=bool(state.runs))
    number = _number(asked, state, ports)
    if asked.over not in {None, state.snapshot}:
        raise StateConflictError(
            f"{line} publishes {run_key(line, state.snapshot)} by now, not "
            f"{run_key(line, asked.over or 0)}.",
            hint="Look at what it is, and ask again.",
        )
    if number == state.snapshot:
        raise OperatorError(
            f"{run_key(line, number)} is what {line} publishes now.", hint="Choose an earlier one."
        )
    kept = ports.published.read_many([(line, number)]).get((line, number))
    if kept is None or not state.former < number < state.snapshot:
        raise SnapshotNotKeptError(line, f"snapshot {number}")
    if (wanted := again(kept, over=state.snapshot)) is None:
        raise OperatorError(
            f"{run_key(line, number)} was published by an earlier release, which did not keep how "
            "far its Ripples had read their Sources.",
            hint="Choose one that this release has published.",
        )
    if state.runs:
        raise RunInFlightError(state)
    applied, new = _post(state, wanted, ports) if not asked.dry else (False, 0)
    return {
        "line": line,
        "snapshot": number,
        "over": state.snapshot,
        "f": to_text(wanted.held_f),
        "run": run_key(line, new) if new else None,
        "tables": _changes(state, wanted),
        "warnings": list(_warnings(state, wanted)),
        "applied": applied,
    }


def _changes(state: PondState, wanted: Republished) -> PublishedTables:
    now, then = state.tables, wanted.tables
    both = sorted(now.keys() & then.keys())
    return {
        "back": [name for name in both if now[name].fingerprint != then[name].fingerprint],
        "same": [name for name in both if now[name].fingerprint == then[name].fingerprint],
        "gone": sorted(now.keys() - then.keys()),
        "returned": sorted(then.keys() - now.keys()),
    }


def _warnings(state: PondState, wanted: Republished) -> Iterator[str]:
    """What will happen next, as far as the line knows. Sinks may ask for a run at any time."""
    if state.trigger is not None or state.pull is not None or state.targets or state.force:
        kind = "is asked for more"
        if state.trigger is not None:
            kind = "has a Wave" if isinstance(state.trigger, Wave) else "has a Tide"
        yield (
            f"{state.line} {kind}: its next run is published over it. To keep it: "
            f"{commands.sleep(state.line)}"
        )
    if not state.sinks:
        return
    names = _first(sorted(state.sinks))
    read = "reads it with its" if len(state.sinks) == 1 else "read it with their"
    had = "has" if len(state.sinks) == 1 else "have"
    yield (
        f"{names} {read} next run, and {had} what was published before until then. "
        "To run one at once: duckstring control force POND. One with a Wave or Tide asks for a run "
        "that is published over it."
    )
    if gone := sorted(state.tables.keys() - wanted.tables.keys()):
        yield f"A Sink that reads {_first(gone)} fails: that was not there yet."


def _first(names: Sequence[str]) -> str:
    left = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {left} more" if left > 0 else "")


def _read(line: Line, ports: PublishPorts) -> PondState:
    seen = ports.states.read([line]).get(line)
    return seen.state if seen is not None else PondState(line)


def _number(asked: PublishRequest, state: PondState, ports: PublishPorts) -> int:
    """The number of the snapshot that is meant.

    Raises:
        OperatorError: it is not said, or said twice, or none is kept as of that instant.
    """
    if (asked.at is None) == (asked.snapshot is None):
        raise OperatorError("Which snapshot? Give at (an instant), or snapshot (a number).")
    if asked.snapshot is not None:
        return asked.snapshot
    at = _instant(asked.at or "", ports.clock)
    if at >= state.snapshot_f:
        return state.snapshot
    if not (number := Past(ports.published, ports.clock.now()).number(state, at)):
        raise SnapshotNotKeptError(state.line, f"snapshot as of {to_text(at)} that is kept")
    return number


def _instant(text: str, clock: Clock) -> Instant:
    try:
        at = from_text(text)
    except ValueError as error:
        raise OperatorError(f"at: {error}.") from error
    if at > clock.now():
        raise OperatorError(f"at {to_text(at)} lies in the future.")
    return at


def _post(state: PondState, wanted: Republished, ports: PublishPorts) -> tuple[bool, int]:
    """Whether the line has received it, and the number under which it is published again.

    Raises:
        StateConflictError: a run began before the line had received it.
    """
    posted = post_and_wait(
        state.line,
        Republished(wanted.snapshot, wanted.over),
        mailbox=ports.mailbox,
        states=ports.states,
        clock=ports.clock,
    )
    if not posted.applied:
        return False, 0
    after = posted.state
    if after.snapshot == state.snapshot or after.held_f != wanted.held_f:
        raise StateConflictError(
            f"{state.line} began a run just now, and publishes what that makes.",
            hint=f"Put it to sleep first: {commands.sleep(state.line)}",
        )
    return True, after.snapshot
