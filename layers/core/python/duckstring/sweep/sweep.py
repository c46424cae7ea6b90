"""The sweep: finds what no event has reported, and posts it. It is safe beside everything else, and
safe to run twice at once.

It changes no line's state: a letter is only a fact, and the orchestrator decides. It deletes only
what is a day old, and what nothing published, pinned or unfinished refers to; and history that is
older than the Catchment keeps it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from duckstring.engine.letters import (
    Letter,
    announcement,
    hold_letter,
    is_pending,
    removal_letter,
)
from duckstring.engine.rest import unrest
from duckstring.engine.signals import AlarmRang, ExecutionEnded, Restored
from duckstring.engine.state import PondState, Run
from duckstring.engine.tokens import awaited
from duckstring.errors import TransientError
from duckstring.model.attempts import LONGEST
from duckstring.model.catalog import Release, Removal
from duckstring.model.graph import in_order
from duckstring.model.instants import Instant, from_text, to_text
from duckstring.model.limits import LAST_WORDS, within
from duckstring.model.names import Line, run_key
from duckstring.model.said import Hold
from duckstring.model.verdicts import MOST_BRANCHES
from duckstring.ports import SOON, AttemptReader, Seen
from duckstring.sweep.arrived import forget_arrivals
from duckstring.sweep.bounds import look
from duckstring.sweep.expire import expire
from duckstring.sweep.limits import limit_letters
from duckstring.sweep.outside import GRACE, look_outside
from duckstring.sweep.ports import SweepPorts
from duckstring.sweep.report import Report
from duckstring.sweep.tidy import tidy

if TYPE_CHECKING:
    from duckstring.model.answers.runs import AttemptRow

SILENT = timedelta(minutes=45)
"""Longer than an invocation lives, plus the longest that the machine waits after it."""
ABSENT = timedelta(hours=6)
"""Longer than a branch waits for its verdict, or for room in the account to be run
(``infra/machine.py``).
"""
LOST = "LOST"
"""The reported status of an execution that does not exist."""

Json = dict[str, object]


def sweep(ports: SweepPorts) -> Json:
    """Check all lines once.

    Returns:
        The report: what was found and posted, what was deleted.
    """
    now = ports.clock.now()
    releases = ports.catalog.releases()
    removed = ports.removals.removed()
    removals = {removal.line: removal for removal in removed if not removal.cleared}
    seen = ports.states.read({*in_order(releases), *removals})
    report = Report(lines=len(releases))
    came = ports.residence.since(now, is_new=not seen and not releases)
    if came is None:
        # What is half restored looks as if much of it were lost.
        report.restoring = True
        return report.to_json()
    letters = list(_restored(seen, came, now, report))
    letters += _removal_letters(removals, seen, now, report)
    letters += _holds(ports.operated.hold(), releases, seen, now, report)
    for line in sorted({*seen, *releases}):
        letters += _deployment(line, seen.get(line), releases.get(line), now, report)
    for line, held in sorted(seen.items()):
        letters += _endings(held, came, ports, now, report)
        letters += _wake(line, held, now, report)
    _settle(seen, ports, now, report)
    report.bounds += look([held for line, held in seen.items() if line in releases], now)
    limits = ports.limits.read()
    letters += limit_letters(limits, seen, ports.states, came=came, now=now, report=report)
    ports.mailbox.send(letters)
    look_outside(seen, ports, now, report)
    if ports.garbage.claim(now):
        tidy(seen, removals, releases, ports, now=now, report=report)
        gone = ports.states.read({removal.line for removal in removed} - seen.keys())
        states = {line: held.state for line, held in {**seen, **gone}.items()}
        expire(states, ports, now=now, report=report)
        forget_arrivals({**seen, **gone}, ports, now=now, report=report)
    return report.to_json()


def _restored(
    seen: Mapping[Line, Seen], came: Instant, now: Instant, report: Report
) -> Iterator[Letter]:
    """Lines that have not heard that their table came here. Letters, executions, alarms and
    schedules of the place before are gone.
    """
    for line, held in sorted(seen.items()):
        if held.state.restored < came:
            report.restored.append(line)
            yield Letter(line, Restored(came), key=f"sweep:{to_text(now)}:restored:{line}")


def _removal_letters(
    removals: Mapping[Line, Removal], seen: Mapping[Line, Seen], now: Instant, report: Report
) -> Iterator[Letter]:
    """A removal that its line never received. It goes before a later deploy of the line."""
    for line, removal in sorted(removals.items()):
        if line in seen and now - removal.at >= GRACE and is_pending(removal, seen[line].state):
            report.removed.append(line)
            yield removal_letter(removal)


def _deployment(
    line: Line, held: Seen | None, release: Release | None, now: Instant, report: Report
) -> Iterator[Letter]:
    """A selection that its line never received: the deploy died between the two."""
    received = (held.state.next_release or held.state.release) if held else None
    if (
        release is None
        or now - release.deployed < GRACE
        or (received and received.deployed >= release.deployed)
    ):
        return
    report.untold.append(line)
    yield announcement(release)


def _holds(
    hold: Hold,
    releases: Mapping[Line, Release],
    seen: Mapping[Line, Seen],
    now: Instant,
    report: Report,
) -> Iterator[Letter]:
    """Lines that have not heard whether new runs are held: what told them died."""
    if now - hold.at < GRACE:
        return
    for line in sorted(releases):
        heard = seen[line].state.hold.on if line in seen else False
        if heard != hold.on:
            report.unheld.append(line)
            yield hold_letter(line, hold)


def _endings(
    held: Seen, came: Instant, ports: SweepPorts, now: Instant, report: Report
) -> Iterator[Letter]:
    """Runs whose execution is over. Letters that its workers sent before are ahead of ours in the
    line's queue.
    """
    for run in held.state.runs.values():
        key = run_key(held.state.line, run.number)
        try:
            ending = _ending(held, run, came, ports, now)
        except TransientError:
            # with very many runs in flight, the next sweep looks at some; the rest of this one goes
            # on
            report.unseen.append(key)
            continue
        if ending is None:
            continue
        report.ended.append(key)
        signal = ExecutionEnded(run.number, run.launch, ending[0], within(ending[1], LAST_WORDS))
        yield Letter(held.state.line, signal, key=f"sweep:{to_text(now)}:{key}-{run.launch}")


def _ending(
    held: Seen, run: Run, came: Instant, ports: SweepPorts, now: Instant
) -> tuple[str, str] | None:
    found = ports.executions.describe(held.state.line, run=run.number, launch=run.launch)
    if found is None:
        # A table that has just come from elsewhere has left all executions there.
        was_elsewhere = held.state.restored < came and run.started < came
        is_lost = was_elsewhere or _was_launched(held, run, now)
        return (LOST, "the execution does not exist") if is_lost else None
    if found[0] not in ("RUNNING", "PENDING_REDRIVE"):
        return found
    if (silent := _silent(held.state, run, ports.attempts, now)) is None:
        return None
    ports.executions.stop(held.state.line, run=run.number, launch=run.launch)
    return LOST, f"nothing was received from {silent}"


def _silent(state: PondState, run: Run, attempts: AttemptReader, now: Instant) -> str | None:
    """A Ripple whose attempt must be over long since, or whose branch should have asked for its
    verdict long since: a message was lost.
    """
    working = {
        name: ripple.attempt
        for name, ripple in state.ripples.items()
        if ripple.attempt and ripple.attempt.run == run.number
    }
    is_crowded = len(state.ripples) > MOST_BRANCHES

    def may_live(name: str) -> bool | None:
        """None: it has not begun."""
        if awaited(state.ripples[name]):  # its branch is at its gate, and the line is to answer
            return True
        row = attempts.attempt(
            state.line, run=run.number, ripple=name, attempt=working[name].number
        )
        return None if row is None else _may_be_alive(row, _longest(state, name), now)

    for name, attempt in working.items():
        waited = now - attempt.since
        if waited <= SILENT or (lives := may_live(name)):
            continue
        # If there are more Ripples than the machine has places for, one waits as long as others are
        # at work.
        if lives is None and (
            waited <= ABSENT or (is_crowded and any(may_live(other) for other in working))
        ):
            continue
        return f"attempt {attempt.number} of {name} for {int(waited.total_seconds() // 60)} min"
    return None


def _may_be_alive(row: AttemptRow, longest: timedelta, now: Instant) -> bool:
    """Whether an attempt may still run, or its report may still be on the way.

    A task, whose silence the machine notices by itself, and an attempt that pauses count as running
    until their own time is over, and a while longer.
    """
    ended = row["finished"] if row["status"] != "running" else None
    if not (at := ended or row["started"]):
        return False
    is_long = (
        ended is None and row["status"] == "running" and (row["where"] == "task" or row["pauses"])
    )
    return now - from_text(at) <= (longest + SILENT if is_long else SILENT)


def _longest(state: PondState, name: str) -> timedelta:
    asked = (
        spec.timeout_seconds
        for spec in (state.release.ripples if state.release else ())
        if spec.name == name
    )
    return next((timedelta(seconds=seconds) for seconds in asked if seconds), LONGEST)


def _was_launched(held: Seen, run: Run, now: Instant) -> bool:
    """Whether an execution that cannot be found should exist. Describing lags behind starting, and
    a start may not have been performed yet.
    """
    if held.owes or now - run.started < GRACE:
        return False
    return run.launch == 1 or _is_quiet(held, now)


def _is_quiet(held: Seen, now: Instant) -> bool:
    """Whether the line's last letter is old enough for its effects to have been performed."""
    return now.timestamp() * 1000 - held.mark[0] > GRACE.total_seconds() * 1000


def _wake(line: Line, held: Seen, now: Instant, report: Report) -> Iterator[Letter]:
    """One nudge for a line whose effects may not have been performed, whose alarm did not ring,
    which has demand and does nothing, or which the index of lines that are not at rest does not
    have as it is: its item was written by an older release.

    A nudge that comes too soon after the commit would be taken as proof that the effects were
    performed (``orchestrator/deliver.py``).
    """
    is_past = now - held.committed > SOON + GRACE
    owing = held.owes and is_past
    is_late = _is_late(held.state, now)
    if not owing and not is_late and not (is_past and not _is_listed(held)):
        return
    if owing or is_late:
        (report.owing if owing else report.woken).append(line)
    yield Letter(line, AlarmRang(), key=f"sweep:{to_text(now)}:{line}")


def _is_listed(held: Seen) -> bool:
    return held.listed == (unrest(held.state) or "")


def _settle(seen: Mapping[Line, Seen], ports: SweepPorts, now: Instant, report: Report) -> None:
    report.unlisted += [line for line, held in sorted(seen.items()) if not _is_listed(held)]
    ports.rest.settle(now, is_whole=not report.unlisted)


def _is_late(state: PondState, now: Instant) -> bool:
    if state.alarm is not None:
        return now - state.alarm > GRACE
    return not state.runs and (
        state.pull is not None or bool(state.targets) or state.woken is not None or state.force
    )
