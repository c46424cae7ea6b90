"""Checks of what a letter claims against what is known. Every worker may write to the mailbox, so a
letter is input from outside.

A letter that cannot be true is dropped with one log line, as if it had never come. It is
acknowledged, so it does not block others, and it gets no answer. If its attempt was real, the sweep
notices that the attempt's end is missing, and the run starts again.

SQS says who has sent a letter. One from an attempt counts only if it reports the success of that
very attempt. Of the other senders, which are the Catchment's own parts, a letter is believed if
nothing in it can be looked up: docs/aws.md, "Who may do what".
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Sequence

from duckstring.engine.letters import hold_signal
from duckstring.engine.signals import (
    ClaimsAsked,
    ComputePinned,
    Deployed,
    GateReached,
    HoldSet,
    ObjectArrived,
    PrioritySet,
    PullReceived,
    Removed,
    RippleSucceeded,
    Signal,
    SinkAttached,
    SinkDetached,
    SourceTold,
    StaleBoundSet,
    TableRemoved,
    TargetReceived,
    TokensGranted,
    Triggered,
    WindowAdded,
    WindowOpened,
    WindowRemoved,
)
from duckstring.engine.state import PondState, Run, Stamp
from duckstring.model.arrivals import fault_of
from duckstring.model.catalog import Part, Position, TableVersion
from duckstring.model.checks import MOST_CHECKS
from duckstring.model.compute import MOST_MIB
from duckstring.model.instants import NEVER, ZERO, to_text
from duckstring.model.limits import MOST_PRIORITY
from duckstring.model.names import (
    LIMIT_NAME,
    POND_NAME,
    Line,
    parse_line,
    parse_table_key,
    writer_of,
)
from duckstring.model.parts import MOST_POSITIONS, part_faults
from duckstring.model.permits import AttemptName, session_name
from duckstring.model.staleness import StaleBound
from duckstring.model.staleness import of_letter as bound_doubts
from duckstring.model.values import replace
from duckstring.model.window_rules import NAME as WINDOW_NAME
from duckstring.model.window_rules import faults as window_faults
from duckstring.model.windows import Window
from duckstring.orchestrator.ports import Received, Register

MOST_TABLES = 300
_MOST_FOUND = 1_000
"""Runs that an attempt has found: no more than have ever been in flight at once."""
_MOST_BYTES = 2**50
_MOST_ROWS = 2**50
_FINGERPRINT = re.compile(r"[0-9A-Za-z:._-]{1,128}", re.ASCII)
_TOKEN = re.compile(r"[!-~]{1,2048}", re.ASCII)
"""What Step Functions takes for one. A longer one it refuses as it refuses a request that makes
no sense.
"""
_LOGGED = 500
_USUAL_JUMP = 1_000
"""Commits of a sender between two of its letters to one line, without a look at whether it had
so many.
"""

_log = logging.getLogger("duckstring.letters")


def credible(line: Line, letters: Sequence[Received], register: Register) -> list[Received]:
    """The letters that may be true. Each of the others is logged."""
    kept = []
    for letter in letters:
        why = (
            _of_another(line, letter)
            or next(_doubts(line, letter), "")
            or _contradicted(line, letter.signal, register)
        )
        if why:
            refuse(why, line=line, kind=type(letter.signal).__name__)
        else:
            kept.append(letter)
    return kept


def _of_another(line: Line, letter: Received) -> str:
    """Whether an attempt has sent what is not its own to say."""
    if not letter.attempt:
        return ""
    signal = letter.signal
    if isinstance(signal, RippleSucceeded):
        about = AttemptName(line, signal.run, signal.ripple, signal.attempt)
        if letter.attempt == session_name(about):
            return ""
    return f"attempt {letter.attempt[:64]!a} has sent it, and it is not that attempt's success"


def refuse(why: str, **fields: object) -> None:
    """Log a dropped letter, in one line."""
    _log.error(
        "letter refused: %s",
        why[:_LOGGED].encode("ascii", "backslashreplace").decode(),
        extra=fields,
    )


def possible(
    letters: Sequence[Received], state: PondState, revision_of: Callable[[Line], int]
) -> list[Received]:
    """The letters that may be true of a line in this state. Each of the others is logged.

    ``revision_of``: how often a line's state has been committed. It is called only if a stamp is
    far ahead of the last one.
    """
    kept = []
    for letter in letters:
        why = (
            _premature(letter.signal, state)
            or _far_ahead(letter.signal, state, revision_of)
            or _unseen(letter.signal, state)
        )
        if why:
            refuse(why, line=state.line, kind=type(letter.signal).__name__)
        else:
            kept.append(letter)
    return kept


def _premature(signal: Signal, state: PondState) -> str:
    """Whether a branch comes from something that has not begun. Its token would take the place of
    the true one.

    A run is committed before its execution starts, and a launch or an attempt before its branch
    learns of it. A branch of something that is over is different: it is dismissed, and that needs
    its token.
    """
    if not isinstance(signal, GateReached):
        return ""
    run = state.runs.get(signal.run)
    if run is None:
        return f"run {signal.run} has not begun" if signal.run > state.runs_started else ""
    if signal.launch > run.launch:
        return f"launch {signal.launch} of run {signal.run} has not begun"
    if signal.launch == run.launch and signal.attempt > _last_begun(signal.ripple, run, state):
        return f"attempt {signal.attempt} of {signal.ripple} in run {signal.run} has not begun"
    return ""


def _far_ahead(signal: Signal, state: PondState, revision_of: Callable[[Line], int]) -> str:
    """Whether a stamp is one that its sender has not reached. The line would ignore all that the
    sender reports until then.
    """
    match signal:
        case SourceTold(source=sender, stamp=stamp):
            last_stamp = state.sources[sender].heard if sender in state.sources else stamp
        case (
            PullReceived(sink=sender, stamp=stamp)
            | TargetReceived(sink=sender, stamp=stamp)
            | SinkAttached(sink=sender, stamp=stamp)
            | SinkDetached(sink=sender, stamp=stamp)
        ):
            last_stamp = state.sinks.get(sender, (0, 0))
        case _:
            return ""
    if is_far_ahead(stamp, last_stamp, lambda: revision_of(sender)):
        return f"{sender} has not come to revision {stamp[0]}"
    return ""


def is_far_ahead(stamp: Stamp, last_stamp: Stamp, revision: Callable[[], int]) -> bool:
    """Whether a stamp is one that its sender has not reached. ``revision``: how far that is; it is
    called only if the stamp is far ahead of the last one.
    """
    return stamp[0] - last_stamp[0] > _USUAL_JUMP and stamp[0] > revision()


def _unseen(signal: Signal, state: PondState) -> str:
    """Whether an attempt names objects that it could not find: parts of its own line's tables, or
    snapshots of Sources.

    What it has found is published or of a run in flight. A run that failed stays in flight as long
    as an attempt is at work that may have seen it.
    """
    if not isinstance(signal, RippleSucceeded) or signal.run not in state.runs:
        return ""
    for name, version in signal.tables.items():
        known = {part.file for part in _found(state, name)}
        own = [part for part in version.parts if part.file not in known]
        if any(writer_of(version.key_of(part))[0] != signal.run for part in own):
            return f"table {name} has parts that the line does not know"
        if any(
            part.is_adopted and not _is_adopted_by(signal, version.key_of(part)) for part in own
        ):
            return f"table {name} has parts that were written for another Ripple"
    pins = state.runs[signal.run].pins
    for ref, position in signal.positions.items():
        written = parse_table_key(position.key)
        if written is None or written.run > pins.get(written.line, 0):
            return f"{ref} was taken up to what its run does not read"
    return ""


def _is_adopted_by(report: RippleSucceeded, key: str) -> bool:
    """Whether an engine wrote it for this attempt, or for one of the same Ripple before it."""
    written = parse_table_key(key)
    return (
        written is not None
        and (written.run, written.ripple) == (report.run, report.ripple)
        and written.attempt <= report.attempt
    )


def _found(state: PondState, table: str) -> Iterator[Part]:
    """The parts of a table that attempts may have found."""
    for tables in (state.tables, *(run.outputs for run in state.runs.values())):
        if table in tables:
            yield from tables[table].contents


def _last_begun(ripple: str, run: Run, state: PondState) -> int:
    """The last attempt that a branch was instructed to make. 0: none."""
    given = run.attempts.get(ripple, 0)
    attempt = state.ripples[ripple].attempt if ripple in state.ripples else None
    is_dispatched = attempt is None or attempt.run != run.number or attempt.dispatched
    return given if is_dispatched else given - 1


def waits_for(state: PondState, gate: GateReached) -> bool:
    """Whether the line waits for exactly the attempt that ended at this gate."""
    run, ripple = state.runs.get(gate.run), state.ripples.get(gate.ripple)
    attempt = ripple.attempt if ripple else None
    if run is None or attempt is None or run.launch != gate.launch or not attempt.dispatched:
        return False
    return (attempt.run, attempt.number) == (gate.run, gate.attempt)


def _doubts(line: Line, letter: Received) -> Iterator[str]:  # noqa: C901, PLR0912, PLR0915 - one arm a signal
    """What in a letter is impossible, in any state of the line."""
    match letter.signal:
        case RippleSucceeded() as signal:
            yield from _attempt_doubts(signal.run, signal.ripple, signal.attempt)
            yield from _table_doubts(line, signal)
            yield from _warning_doubts(signal)
        case GateReached() as signal:
            yield from _gate_doubts(signal, letter.token)
        case ComputePinned() as signal:
            yield from _name_doubts(signal.ripple)
            yield from _memory_doubts(signal.memory_mib)
        case TableRemoved() as signal:
            if not POND_NAME.fullmatch(signal.table):
                yield f"{signal.table[:60]!a} is not the name of a table"
        case ObjectArrived(found=found):
            if fault := fault_of(found.bucket, found.key, found.size):
                yield fault
        case SourceTold(source=other) | PullReceived(sink=other) | TargetReceived(sink=other):
            yield from _other_doubts(line, other)
        case SinkAttached(sink=other) | SinkDetached(sink=other):
            yield from _other_doubts(line, other)
        case Triggered(kind="tide", bound=bound):
            if bound is None or bound <= ZERO:
                yield f"a Tide's bound is {bound}"
        case WindowAdded(window=window):
            yield from _window_doubts(window)
        case WindowRemoved(name=name) | WindowOpened(name=name):
            if not WINDOW_NAME.match(name):
                yield f"{name[:60]!a} is not the name of a Window"
        case StaleBoundSet(bound=StaleBound() as bound):
            yield from bound_doubts(bound)
        case other_signal:
            yield from _limit_doubts(other_signal)


def _limit_doubts(signal: Signal) -> Iterator[str]:
    match signal:
        case TokensGranted(limit=limit) | ClaimsAsked(limit=limit):
            if not LIMIT_NAME.match(limit):
                yield f"{limit[:60]!a} is not the name of a limit"
        case PrioritySet(priority=priority):
            if priority > MOST_PRIORITY:
                yield f"priority {priority}"
        case _:
            return


def _window_doubts(window: Window) -> Iterator[str]:
    """The faults for which the command would have refused the rule."""
    given = {
        "name": window.name,
        "start": to_text(window.start),
        "every": None if window.cron else window.every.total_seconds(),
        "duration": window.duration.total_seconds(),
        "on": sorted(window.on),
        "until": to_text(window.until) if window.until else None,
        "tz": window.tz,
        "cron": window.cron,
    }
    if window.is_calendar and not window.duration:  # up to the next opening
        given["duration"] = None
    yield from window_faults(given)


def _attempt_doubts(run: int, ripple: str, attempt: int) -> Iterator[str]:
    if run < 1 or attempt < 1:
        yield f"run {run}, attempt {attempt}"
    yield from _name_doubts(ripple)


def _name_doubts(ripple: str) -> Iterator[str]:
    if not POND_NAME.fullmatch(ripple):
        yield f"{ripple[:60]!a} is not the name of a Ripple"


def _memory_doubts(mib: int) -> Iterator[str]:
    if mib > MOST_MIB:
        yield f"memory of {mib} MiB"


def _other_doubts(line: Line, other: Line) -> Iterator[str]:
    if other == line:
        yield "it comes from the line itself"


def _gate_doubts(gate: GateReached, token: str) -> Iterator[str]:
    if gate.run < 1 or gate.launch < 1:
        yield f"run {gate.run}, launch {gate.launch}"
    yield from _name_doubts(gate.ripple)
    yield from _memory_doubts(gate.memory_mib)
    if not _TOKEN.fullmatch(token):
        yield "it has no task token"
    if gate.failure and (gate.failure.ripple, gate.failure.attempt) != (gate.ripple, gate.attempt):
        yield "its failure is another attempt's"


def _table_doubts(line: Line, report: RippleSucceeded) -> Iterator[str]:
    """A worker names the objects that it has written. Each must be under a key that this attempt
    gives it.
    """
    if len(report.tables) > MOST_TABLES:
        yield f"{len(report.tables)} tables"
    for name in sorted(report.kept | report.dropped):
        yield from _table_name_doubts(name)
    if len(report.positions) > MOST_POSITIONS or len(report.found) > _MOST_FOUND:
        yield f"{len(report.positions)} positions, {len(report.found)} runs"
    for ref, position in report.positions.items():
        yield from _position_doubts(ref, position)
    for name, version in report.tables.items():
        yield from _table_name_doubts(
            name if name == version.table else f"{name} or {version.table}"
        )
        yield from _version_doubts(line, report, version)


def _warning_doubts(report: RippleSucceeded) -> Iterator[str]:
    """What checks have found. Only the line knows whether this Ripple makes any."""
    if len(report.warnings) > MOST_CHECKS:
        yield f"{len(report.warnings)} warnings"
    for one in report.warnings:
        if not POND_NAME.fullmatch(one.check):
            yield f"{one.check[:60]!a} is not the name of a check"
        if one.rows > _MOST_ROWS:
            yield f"check {one.check} found {one.rows} rows"


def _table_name_doubts(name: str) -> Iterator[str]:
    if not POND_NAME.fullmatch(name):
        yield f"{name[:60]!a} is not the name of a table"


def _version_doubts(line: Line, report: RippleSucceeded, version: TableVersion) -> Iterator[str]:
    name = version.table
    if not _is_own(line, report, version):
        yield (
            f"{version.key[:200]!a} is not a key of table {name}, written by attempt "
            f"{report.attempt} of {report.ripple}"
        )
    if replace(version, f=NEVER, version="", package="", confirmed=NEVER) != version:
        yield f"table {name} says when it was published, which is the line's to say"
    yield from _part_doubts(line, report, version)
    if version.rows > _MOST_ROWS or version.bytes > _MOST_BYTES:
        yield f"table {name} of {version.rows} rows and {version.bytes} bytes"
    if not _FINGERPRINT.fullmatch(version.fingerprint):
        yield f"table {name} has the fingerprint {version.fingerprint[:60]!a}"


def _position_doubts(ref: str, position: Position) -> Iterator[str]:
    written = parse_table_key(position.key)
    if written is None or ref != f"{parse_line(written.line)[0]}.{written.table}":
        yield f"{position.key[:200]!a} is not a key of {ref[:100]!a}"


def _part_doubts(line: Line, report: RippleSucceeded, version: TableVersion) -> Iterator[str]:
    """Of parts that a run before this one wrote, the line's state says whether they are known."""
    for fault in part_faults(version):
        yield f"table {version.table}: {fault}"
    for part in version.parts:
        written = parse_table_key(version.key_of(part))
        newer = written is not None and written.run > report.run
        foreign = written is not None and written[:2] != (line, version.table)
        if newer or foreign or max(part.rows, part.bytes) > _MOST_BYTES:
            yield f"table {version.table} has the part {part.file[:100]!a}"


def _is_own(line: Line, report: RippleSucceeded, version: TableVersion) -> bool:
    written = parse_table_key(version.key)
    return (
        written is not None
        and not written.path
        and written[:5]
        == (
            line,
            version.table,
            report.run,
            report.ripple,
            report.attempt,
        )
    )


def _contradicted(line: Line, signal: Signal, register: Register) -> str:
    """Whether the register contradicts the signal. A newer deployment or removal has its own letter
    on the way.
    """
    pond, _ = parse_line(line)
    if isinstance(signal, Deployed) and register.releases(pond).get(line) != signal.release:
        return (
            f"the catalog has selected another release than {signal.release.version} as of "
            f"{to_text(signal.release.deployed)}"
        )
    if isinstance(signal, Removed) and not any(
        one.line == line and one.at >= signal.at for one in register.removed(pond)
    ):
        return f"the catalog knows of no removal as of {to_text(signal.at)}"
    if isinstance(signal, HoldSet) and signal != hold_signal(register.hold()):
        return f"the Catchment's hold is another than that of {to_text(signal.at)}"
    return ""
