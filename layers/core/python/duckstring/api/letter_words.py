"""Letters and effects in words: who sent what, and what was done because of it. Decides nothing.

What authors wrote (errors) comes as one short line. The printer escapes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple, assert_never

from duckstring.api.why_words import error_in_line
from duckstring.engine.effects import (
    Announce,
    AnswerGate,
    AttachTo,
    CallOnKill,
    Claim,
    ClaimTokens,
    DetachFrom,
    DropSchedule,
    Effect,
    KeepArrival,
    PublishSnapshot,
    RecordAttempt,
    RecordRun,
    SendPull,
    SendTarget,
    SetAlarm,
    SetSchedule,
    StartRun,
    StopRun,
    StopTask,
    TellSink,
    TellSinks,
)
from duckstring.engine.signals import (
    AlarmRang,
    BudgetSet,
    ClaimsAsked,
    ComputePinned,
    Deployed,
    ExecutionEnded,
    GateOutcome,
    GateReached,
    HoldSet,
    ObjectArrived,
    Ordered,
    PrioritySet,
    PullReceived,
    Removed,
    Republished,
    Restored,
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
from duckstring.engine.state import SourceReport
from duckstring.model import staleness
from duckstring.model.audits import short
from duckstring.model.catalog import Release
from duckstring.model.durations import duration_in_words
from duckstring.model.failures import Failure
from duckstring.model.instants import NEVER, Instant
from duckstring.model.limits import within
from duckstring.model.names import Line, run_key
from duckstring.model.windows import in_words, minute_in_words

OPERATOR = "an operator"
ASKED = "an operator, an event or an arrival"
CLOCK = "the clock"
SWEEP = "the sweep"
_MOST_NAMED = 8
_REASON = 300


class Said(NamedTuple):
    """Who sent a letter, and what it says, as a sentence."""

    sender: str
    text: str


def said(line: Line, signal: Signal) -> Said:  # noqa: C901, PLR0911, PLR0912, PLR0915 - one arm a signal
    """A letter to ``line`` in words."""
    match signal:
        case Deployed(release):
            return Said("a deploy", f"Version {release.version} was deployed.")
        case Triggered():
            return Said(_by(signal.by, signal.note, ASKED), _triggered(signal))
        case Ordered(verb, epoch):
            return Said(_by(signal.by, signal.note), f"control {verb}, at {at_of(epoch)}.")
        case BudgetSet():
            return Said(OPERATOR, _budgets(signal))
        case ComputePinned(ripple, on, mib):
            return Said(OPERATOR, f"{ripple} is to run: {_place(on, mib)}.")
        case WindowAdded(window):
            return Said(OPERATOR, f"Window {window.name} was added: {in_words(window)}.")
        case WindowRemoved(name):
            return Said(OPERATOR, f"Window {name} was removed.")
        case HoldSet(at, on):
            held = "held" if on else "held no longer"
            return Said(_by(signal.by, signal.note), f"New runs are {held}, from {at_of(at)} on.")
        case PrioritySet(priority):
            return Said(OPERATOR, f"Its claims at limits have the priority {priority}.")
        case TokensGranted(limit, claims):
            given = ", ".join(str(number) for number in claims) or "none"
            return Said(f"limit {limit}", f"These of its claims have a token: {given}.")
        case ClaimsAsked(limit):
            return Said(SWEEP, f"It is to say again what it claims of limit {limit}.")
        case StaleBoundSet(bound):
            declared = staleness.in_words(bound) if bound else "no longer declared"
            return Said(OPERATOR, f"The bound of how old its data may be: {declared}.")
        case TableRemoved(table):
            return Said(OPERATOR, f"Table {table} is to be published no longer.")
        case Republished(snapshot, over):
            return Said(
                OPERATOR, f"Snapshot {snapshot} is to be published again, in place of {over}."
            )
        case Removed():
            return Said(OPERATOR, "The line was removed.")
        case PullReceived():
            return Said(signal.sink, _pull(signal))
        case TargetReceived(sink, epoch):
            return Said(sink, f"It needs output as of {at_of(epoch)} or newer.")
        case SinkAttached(sink):
            return Said(sink, "It reads this line from now on.")
        case SinkDetached(sink):
            return Said(sink, "It reads this line no longer.")
        case SourceTold(source, report):
            return Said(source, f"It reports: {report_of(report)}.")
        case GateReached():
            return Said(f"{run_key(line, signal.run)}, {signal.ripple}", _gate(signal))
        case RippleSucceeded():
            return Said(f"{run_key(line, signal.run)}, {signal.ripple}", _succeeded(signal))
        case ExecutionEnded(run, launch, status, cause):
            why = f": {_brief(cause)}" if cause else ""
            return Said(run_key(line, run), f"Its execution {launch} ended {status}{why}.")
        case WindowOpened(name):
            return Said(CLOCK, f"Window {name} opens.")
        case AlarmRang():
            return Said(CLOCK, "An alarm rang.")
        case ObjectArrived(found, kind):
            return Said("a bucket", f"{_brief(found.uri)} arrived, and asks for a {kind}.")
        case Restored(at):
            return Said(SWEEP, f"The Catchment was restored or moved at {at_of(at)}.")
        case _:
            assert_never(signal)


def done(line: Line, effect: Effect) -> str:  # noqa: C901, PLR0911, PLR0912 - one arm an effect
    """What an effect of ``line`` does, as an order."""
    match effect:
        case SendPull(source, _, held):
            urgent = ", urgently" if effect.urgent else ""
            return f"Ask {source} for output newer than {at_of(held)}{urgent}."
        case SendTarget(source, epoch):
            return f"Ask {source} for output as of {at_of(epoch)} or newer."
        case AttachTo(source):
            return f"Tell {source} that this line reads it."
        case DetachFrom(source):
            return f"Tell {source} that this line reads it no longer."
        case TellSink(sink, report):
            return f"Tell {sink}: {report_of(report)}."
        case TellSinks(report):
            return f"Tell the Sinks: {report_of(report)}."
        case ClaimTokens(limit, claims):
            return f"Tell limit {limit}: {_claims(claims)}."
        case StartRun(run, launch):
            again = f", execution {launch}" if launch > 1 else ""
            return f"Start {run_key(line, run)}{again}."
        case StopRun(run):
            return f"Stop {run_key(line, run)}."
        case AnswerGate():
            return _answer(effect)
        case StopTask(run, ripple, attempt):
            return f"Stop the task of attempt {attempt} of {ripple} in {run_key(line, run)}."
        case CallOnKill(run, ripple, attempt):
            return f"Call on_kill of {ripple} for attempt {attempt} in {run_key(line, run)}."
        case SetAlarm(at):
            return f"Set an alarm for {at_of(at)}."
        case SetSchedule(window):
            return f"Schedule the openings of Window {window.name}."
        case DropSchedule(name):
            return f"Drop the schedule of Window {name}."
        case PublishSnapshot(run, f, tables):
            return f"Publish snapshot {run} as of {at_of(f)}: {_named(sorted(tables))}."
        case KeepArrival(number):
            return f"Keep what arrived, as object {number}."
        case RecordRun():
            return _row(line, effect)
        case RecordAttempt(run, ripple, attempt, status):
            return (
                f"Record attempt {attempt} of {ripple} in {run_key(line, run)} as {status}"
                f"{failure_of(effect.failure)}."
            )
        case Announce(event):
            why = f": {_brief(effect.reason)}" if effect.reason else ""
            return f"Put the event {event} on the bus{why}."
        case _:
            assert_never(effect)


def _by(by: str, note: str, unknown: str = OPERATOR) -> str:
    """Who asked, and why, as far as it is known."""
    return f"{short(by) or unknown}{f', {note!r}' if note else ''}"


def _claims(claims: tuple[Claim, ...]) -> str:
    """``claim 3 of load in run 7 waits``."""
    told = [
        f"claim {one.number} of {one.ripple} in run {one.run} {'has one' if one.held else 'waits'}"
        for one in claims[:_MOST_NAMED]
    ]
    more = [f"{len(claims) - _MOST_NAMED} more"] if len(claims) > _MOST_NAMED else []
    return ", ".join([*told, *more]) or "this line claims no token"


def report_of(report: SourceReport) -> str:
    """What a line reports to its Sinks."""
    has = f"fresh as of {at_of(report.end_f)}" if report.end_f != NEVER else "nothing published"
    snapshot = f", snapshot {report.snapshot}" if report.snapshot else ""
    down = f"; down: {_brief(report.down.reason)}" if report.down else ""
    return f"{has}{snapshot}{down}"


def failure_of(failure: Failure | None) -> str:
    """``: ValueError: no rows``; empty without one."""
    return f": {error_in_line(failure)}" if failure else ""


def at_of(instant: Instant) -> str:
    """An instant to the millisecond, as far as it has any."""
    if instant == NEVER:
        return "never"
    if not instant.microsecond:
        return minute_in_words(instant)
    return f"{instant:%Y-%m-%d %H:%M:%S}.{instant.microsecond // 1000:03d} UTC"


def release_of(release: Release) -> str:
    """A version, and the package that tells two of one version apart."""
    return f"{release.version} ({release.sha256[:8]})"


def _triggered(signal: Triggered) -> str:
    when = f"at {at_of(signal.epoch)}"
    match signal.kind:
        case "remove":
            return f"The standing trigger was removed, {when}."
        case "tide" if signal.bound is not None:
            return f"A Tide was set: no staler than {duration_in_words(signal.bound)}, {when}."
        case "tide" | "wave":
            return f"A {signal.kind.capitalize()} was set, {when}."
        case "tap" | "pulse":
            return f"A {signal.kind.capitalize()}, {when}."
        case _:
            assert_never(signal.kind)


def _budgets(signal: BudgetSet) -> str:
    both = (("immediate", signal.immediate_retries), ("source", signal.source_retries))
    given = [f"{name} retries {number}" for name, number in both if number is not None]
    return f"Budgets were set: {', '.join(given) or 'none'}."


def _pull(signal: PullReceived) -> str:
    took = f"has taken the output as of {at_of(signal.held)}, and " if signal.held != NEVER else ""
    waits = " It has nothing else to work on." if signal.waits else ""
    urgent = " A Wave stands behind that, and waited for this line." if signal.urgent else ""
    return f"It {took}asks for newer.{waits}{urgent}"


def _gate(signal: GateReached) -> str:
    if signal.outcome == "none":
        return "Its branch waits for a verdict."
    how = _ENDED[signal.outcome].format(mib=signal.memory_mib)
    return f"Attempt {signal.attempt} {how}{failure_of(signal.failure)}."


_ENDED: Mapping[GateOutcome, str] = {
    "failed": "failed",
    "crashed": "crashed",
    "timeout": "took longer than its own time limit",
    "lost": "was lost",
    "overran": "was about to reach the function's time limit",
    "memory": "was killed for want of memory ({mib} MiB)",
    "check": "found what the Pond's checks forbid",
}


def _succeeded(signal: RippleSucceeded) -> str:
    attempt = f"Attempt {signal.attempt}"
    warned = f" {len(signal.warnings)} checks warn." if signal.warnings else ""
    if signal.skipped:
        return f"{attempt} said that nothing has changed."
    if not signal.tables:
        return f"{attempt} succeeded, and wrote no table.{warned}"
    return f"{attempt} succeeded, and wrote {_named(sorted(signal.tables))}.{warned}"


def _answer(effect: AnswerGate) -> str:
    ripple = effect.ripple
    match effect.verdict:
        case "lambda":
            return f"Let {ripple} run: attempt {effect.attempt}, in the function."
        case "task":
            return (
                f"Let {ripple} run: attempt {effect.attempt}, as a task of {effect.memory_mib} MiB."
            )
        case "wait":
            return f"Let {ripple} wait."
        case "done":
            return f"Let the branch of {ripple} end: it is done."
        case "cancelled":
            return f"Let the branch of {ripple} end: it is cancelled."
        case _:
            assert_never(effect.verdict)


def _row(line: Line, effect: RecordRun) -> str:
    run = run_key(line, effect.run)
    if effect.status == "running":
        wanted = f", for: {effect.wanted}" if effect.wanted else ""
        return f"Record that {run} runs as of {at_of(effect.f)}{wanted}."
    over = f", overtaken by {effect.overtaken_by}" if effect.overtaken_by else ""
    same = "" if effect.changed else ", nothing changed"
    return f"Record {run} as {effect.status}{over}{same}{failure_of(effect.failure)}."


def _place(on: str, mib: int) -> str:
    if on == "auto":
        return "as the line finds out"
    return "in the function" if on == "lambda" else f"as a task{f' of {mib} MiB' if mib else ''}"


def _named(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - _MOST_NAMED} more" if len(every) > _MOST_NAMED else ""
    return f"{', '.join(every[:_MOST_NAMED])}{more}" or "no table"


def _brief(text: str) -> str:
    return within(" ".join(text.split()), _REASON)
