"""Triggers of a line. A trigger is answered when the line has received it.

Other applications send an event on the Catchment's bus instead (``orchestrator/forward.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from duckstring.api.in_flight import named, runs_of, waiting_release
from duckstring.api.ports import ControlPorts
from duckstring.api.post import post_and_wait
from duckstring.api.status import held_warnings
from duckstring.engine.signals import Triggered
from duckstring.engine.state import Down, PondState
from duckstring.model import commands, graph
from duckstring.model.catalog import Release
from duckstring.model.find import find_deployed
from duckstring.model.instants import Instant, to_text
from duckstring.model.names import parse_line
from duckstring.model.triggers import TriggerKind, read_trigger
from duckstring.model.windows import minute_in_words
from duckstring.ports import Catalog

if TYPE_CHECKING:
    from duckstring.model.answers.changes import TriggerAnswer


def trigger(
    pond: str,
    kind: str,
    ports: ControlPorts,
    *,
    major: int | None = None,
    bound: object = None,
) -> TriggerAnswer:
    """Post one trigger with an epoch of now, and wait until the line has received it.

    Raises:
        OperatorError: no such Pond or kind, or a bound that does not fit.
    """
    known, window = read_trigger(kind, bound)
    release = find_deployed(ports.catalog, pond, major)
    line = release.line
    seen = ports.states.read([line]).get(line)
    before = seen.state if seen else PondState(line)
    said = ports.asked()
    posted = post_and_wait(
        line,
        Triggered(known, said.at, window, said.by, said.note),
        mailbox=ports.mailbox,
        states=ports.states,
        clock=ports.clock,
    )
    return {
        "line": line,
        "epoch": to_text(said.at),
        "warnings": [
            *_satisfied(known, before, said.at),
            *_warnings(known, before, release, ports.catalog),
        ],
        "applied": posted.applied,
    }


def _warnings(kind: TriggerKind, state: PondState, release: Release, catalog: Catalog) -> list[str]:
    if kind != "remove":
        return [
            *_kept(state, catalog),
            *_waiting_warnings(state, release),
            *_absent(release, catalog),
            *held_warnings(state),
        ]
    return [] if state.trigger else [f"{state.line} had no Wave or Tide."]


def _satisfied(kind: TriggerKind, state: PondState, epoch: Instant) -> list[str]:
    """A Pulse of a line whose output is fresh as of the end of a Window, which is to come."""
    if kind != "pulse" or state.end_f <= epoch:
        return []
    until = minute_in_words(state.end_f.replace(microsecond=0))
    what = (
        f"{state.line} is fresh as of {until} already, the end of a Window: this Pulse asks for "
        "nothing, and is dropped. Nothing newer comes before the next opening"
    )
    return [f"{what}. Ask for that: {commands.tap(state.line)}"]


def _absent(release: Release, catalog: Catalog) -> list[str]:
    """What is missing above a line. The line cannot run before it is deployed."""
    if not release.sources:
        return []
    missing = graph.absent(release.line, {**catalog.releases(), release.line: release})
    return [
        f"{sink} needs {source}, which is not deployed: {release.line} runs only after it is. "
        "What you asked for waits."
        for sink, source in missing
    ]


def _waiting_warnings(state: PondState, release: Release) -> list[str]:
    """What the line starts only after the runs that delay a new version."""
    waiting, runs = waiting_release(state, release), runs_of(state)
    if waiting is None or not runs:
        return []
    why = f"{waiting.version} waits for it. Look: {commands.status(state.line)}"
    return [f"{state.line} starts nothing until {named(runs)} is over: {why}"]


def _kept(state: PondState, catalog: Catalog) -> list[str]:
    """Whose failure the line waits for, and what to do about it, unless that line is tried again by
    itself.
    """
    down = state.down
    if down is None:
        return []
    root = "it" if down.root == state.line else down.root
    now = down.reason.splitlines()[0].rstrip(".")
    kept = f"Kept: {state.line} runs for it when {root} recovers. Now {now}."
    return [
        f"{kept} It is tried again by itself."
        if down.retries
        else f"{kept} {_way_out(down, catalog)}"
    ]


def _way_out(down: Down, catalog: Catalog) -> str:
    """What an operator can do about a line that stays down. Its major is named if commands would
    take a higher one.
    """
    pond, major = parse_line(down.root)
    is_highest = all(parse_line(other)[1] <= major for other in catalog.releases(pond))
    wake, clear = (make(down.root, alone=is_highest) for make in (commands.wake, commands.clear))
    again = f"{wake}, or {clear}"
    if down.why == "killed":
        return f"Let it go on: {again}."
    return f"Repair {pond} and deploy it; or, where the fault lay outside: {again}."
