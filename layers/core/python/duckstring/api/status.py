"""The status of a Catchment, line by line, in the order in which data flows. ``describe`` is
pure.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from duckstring.api import stale, tag, windows
from duckstring.api.in_flight import resumes, rows_of, runs_of, waiting_release
from duckstring.api.late import Predictions, may_be_late
from duckstring.api.limits import read as read_limits
from duckstring.api.limits import told as told_limits
from duckstring.api.looking import IDLE, USUAL, Page, Wanted, page_of
from duckstring.api.requests import StatusRequest
from duckstring.api.tables import older_tables
from duckstring.engine.arrivals import waiting
from duckstring.engine.compute import place_and_why
from duckstring.engine.rest import word_of
from duckstring.engine.state import (
    Attempt,
    Down,
    PondState,
    RippleState,
    Run,
    SourceView,
    Tide,
    Trigger,
)
from duckstring.engine.tokens import awaited
from duckstring.engine.why import short_sources
from duckstring.errors import StateConflictError
from duckstring.model import commands
from duckstring.model.audits import short
from duckstring.model.catalog import Release
from duckstring.model.checks import warning_to_object
from duckstring.model.find import find
from duckstring.model.graph import in_order, lines_above
from duckstring.model.instants import NEVER, Instant, to_text
from duckstring.model.names import Line, parse_line, run_key
from duckstring.model.said import Hold, Said
from duckstring.model.statuses import STATUSES
from duckstring.model.values import replace
from duckstring.model.windows import minute_in_words
from duckstring.ports import (
    AttemptReader,
    Catalog,
    Clock,
    HistoryReader,
    LimitReader,
    Operated,
    RestIndex,
    StateReader,
)

if TYPE_CHECKING:
    from duckstring.model.answers.common import HoldTold, SaidTold
    from duckstring.model.answers.runs import AttemptRow
    from duckstring.model.answers.status import (
        Demand,
        FailureRow,
        LineState,
        LineStatus,
        LineStatusWord,
        NextVersion,
        PageTold,
        RippleStatus,
        RunningRipple,
        RunningRun,
        RunsOn,
        SourceState,
        StatusAnswer,
        TriggerState,
    )

_ROOM = 4_000_000
"""Bytes of the lines of one answer: Lambda's answers end at 6 MB, and have the names of all lines
besides.
"""
_AT_ONCE = 500
"""Lines whose states are read together."""
_SOON = timedelta(seconds=2)
"""Clocks may disagree by as much."""


def status(  # noqa: PLR0913 - each is a port of its own
    asked: StatusRequest,
    *,
    catalog: Catalog,
    states: StateReader,
    rest: RestIndex,
    limits: LimitReader,
    history: HistoryReader,
    attempts: AttemptReader,
    operated: Operated,
    clock: Clock,
) -> StatusAnswer:
    """Every line, or one (of a major, or of the highest), or some of all lines, Sources first; or
    a page, those first that are not at rest (``looking``).

    For one line the rows of its attempts in flight are read too, one by one. For all lines that
    would be too much. For some of all lines, the answer names all that there are. An answer ends
    where it would have no room for more, and says where the next one begins.

    Raises:
        PondNotFoundError: no such Pond.
        StateConflictError: the line where this answer is to begin is no longer deployed.
        OperatorError: a page is to begin where none does.
    """
    pond, only = asked.pond, asked.lines
    releases = catalog.releases()
    order = (find(releases, pond, asked.major).line,) if pond else in_order(releases)
    set_by_operators = operated.read()
    tags, ponds = set_by_operators.tags, tag.selected(set_by_operators.tags, asked.tags)
    lines = tuple(
        line for line in order if (only is None or line in only) and tag.is_of(line, ponds)
    )
    now = clock.now()
    predictions = Predictions(history, now)
    told = _Teller(bool(pond), releases, tags, states, history, attempts, predictions, now)
    hold = set_by_operators.hold
    answer: StatusAnswer = {
        "now": to_text(now),
        "lines": [],
        "maintenance": hold_told(hold) if hold.on else None,
    }
    if asked.after is None:
        answer["limits"] = told_limits(read_limits(limits), releases)
    if only is not None:
        answer["order"] = list(order)
    if not asked.is_page or pond:
        _fill(answer, _from(lines, asked.after), told)
        return answer
    wanted = Wanted(asked.statuses, asked.after, asked.limit or USUAL)
    page = partial(page_of, lines, releases, wanted, rest=rest, states=states, now=now)
    answer["page"] = _fill_page(answer, lines, wanted, page, told)
    return answer


@dataclass(frozen=True, slots=True)
class _Teller:
    """Tells of lines, some at a time: Sources come before their Sinks. ``is_one``: it tells of a
    single line, and then of its attempts in flight, too.
    """

    is_one: bool
    releases: Mapping[Line, Release]
    tags: Mapping[str, Mapping[str, str]]
    states: StateReader
    history: HistoryReader
    attempts: AttemptReader
    predictions: Predictions
    now: Instant
    known: dict[Line, PondState] = field(default_factory=dict)

    def __call__(self, part: Sequence[Line]) -> Iterator[LineStatus]:
        held = self._read(part)
        last = self.history.last_runs(
            {line: held[line].runs_started for line in part if held[line].runs_started}
        )
        for line in part:
            rows = rows_of(held[line], self.attempts) if self.is_one else None
            state = describe(
                held[line], self.releases.get(line), self.now, deployed=self.releases, rows=rows
            )
            if (bound := state["bound"]) and (late := self.predictions.of(held[line], self.known)):
                bound["late"] = late
            its_tags = dict(self.tags.get(parse_line(line)[0], {}))
            yield {**state, "last_run": last.get(line), "tags": its_tags}

    def _read(self, part: Sequence[Line]) -> dict[Line, PondState]:
        seen = self.states.read(part)
        held = {line: seen[line].state if line in seen else PondState(line) for line in part}
        self.known.update(held)
        if self.is_one and may_be_late(held[part[0]], self.now):
            above = self.states.read(lines_above(part[0], self.releases))
            self.known.update({line: one.state for line, one in above.items()})
        return held


def _fill_page(
    answer: StatusAnswer,
    lines: Sequence[Line],
    wanted: Wanted,
    find: Callable[[], Page],
    told: Callable[[Sequence[Line]], Iterator[LineStatus]],
) -> PageTold:
    if wanted.has(lines):
        _fill(answer, lines, told)
        if "next" not in answer:  # all are here, so nobody has to be asked who is not at rest
            return {"totals": _counted(answer["lines"]), "next": None}
        answer["lines"].clear()
    page = find()
    _fill(answer, page.lines, told)
    cut = answer.pop("next", None)  # there is no room for all of the page
    next_page = page.next if cut is None else page.behind(Line(cut))
    return {"totals": dict(page.totals), "next": next_page}


def _counted(lines: Sequence[LineStatus]) -> dict[str, int]:
    found = Counter(
        "stale" if line["status"] == IDLE and _is_stale(line) else line["status"] for line in lines
    )
    return {word: found[word] for word in STATUSES if found[word]}


def _is_stale(line: LineStatus) -> bool:
    bound = line.get("bound")
    return bound is not None and bound["stale"] is not None


def _from(lines: Sequence[Line], after: str | None) -> Sequence[Line]:
    if after is None:
        return lines
    if after not in lines:
        raise StateConflictError(f"{after} is no longer among the lines.", hint="Ask again.")
    return lines[lines.index(Line(after)) + 1 :]


def _fill(
    answer: StatusAnswer,
    lines: Sequence[Line],
    told: Callable[[Sequence[Line]], Iterator[LineStatus]],
) -> None:
    """Put in what there is room for, at least one line, and where to go on."""
    room = _ROOM
    for start in range(0, len(lines), _AT_ONCE):
        for line in told(lines[start : start + _AT_ONCE]):
            room -= len(json.dumps(line))
            if room < 0 and answer["lines"]:
                answer["next"] = answer["lines"][-1]["line"]
                return
            answer["lines"].append(line)


def describe(
    state: PondState,
    release: Release | None,
    now: Instant,
    *,
    deployed: Collection[Line] | None = None,
    rows: Mapping[str, AttemptRow] | None = None,
) -> LineState:
    """One line's status as docs/protocol.md has it, but for its last run.

    Args:
        state: what the line knows.
        release: what the catalog selects; None if the line is not deployed.
        now: for staleness and openings.
        deployed: the deployed lines, to tell an absent Source from a slow one; None: unknown.
        rows: of its attempts in flight, by Ripple, if they were read.
    """
    pond, major = parse_line(state.line)
    word = word_for(state, release)
    described: LineState = {
        "line": state.line,
        "pond": pond,
        "major": major,
        "version": (state.release or release).version if release else None,
        "next": _next(state, release),
        "package": release.sha256 if release else None,
        "kind": release.kind if release else None,
        "status": word,
        "end_f": to_text(state.end_f),
        "start_f": to_text(state.start_f),
        "staleness_seconds": staleness(state.end_f, state.delay, now),
        "demand": _demand(state),
        "trigger": _trigger(state.trigger),
        "windows": windows.describe(state, now),
        "bound": stale.describe(state, now),
        "sources": _sources(state, release, deployed, now),
        "sinks": sorted(state.sinks),
        "reason": _reason(state, word, deployed, now),
        "failure": _failure(state),
        "failures": state.failures,
        "retry_at": to_text(state.retry_at) if state.retry_at else None,
        "asleep": state.asleep,
        "budgets": {
            "immediate_retries": state.immediate_retries,
            "source_retries": state.source_retries,
        },
        "runs": [in_flight(state, run, rows or {}) for _, run in sorted(state.runs.items())],
        "ripples": _ripples(state, release),
        "tables": len(state.tables),
        "older_tables": older_tables(state.line, state.tables, state.snapshot_f),
        "rows": sum(version.rows for version in state.tables.values()),
        "warnings": [warning_to_object(one) for one in state.warnings],
        "priority": state.priority,
        "held": hold_told(state.hold) if state.hold.on else None,
        "said": {kind: _said(said) for kind, said in sorted(state.said.items())},
    }
    if state.arrived:
        described["backlog"] = waiting(state)
    return described


def hold_told(hold: Hold) -> HoldTold:
    """A hold in the form of docs/protocol.md."""
    return {"at": to_text(hold.at), "by": hold.by or None, "note": hold.note or None}


def _said(said: Said) -> SaidTold:
    return {"at": to_text(said.at), "by": said.by or None, "note": said.note or None}


def hold_in_words(hold: Hold) -> str:
    """``maintenance by alice@laptop since 2030-01-01 12:00 UTC: new warehouse``."""
    by = f" by {short(hold.by)}" if hold.by else ""
    since = minute_in_words(hold.at.replace(microsecond=0))
    return f"maintenance{by} since {since}" + (f": {hold.note}" if hold.note else "")


def in_words(said: Said, *, unknown: str = "an operator") -> str:
    """``alice@laptop (new warehouse)``: who said something, and why."""
    by = short(said.by) or unknown
    return f"{by} ({said.note})" if said.note else by


def held_warnings(state: PondState) -> list[str]:
    """That what is asked of a line waits until new runs are no longer held."""
    if not state.hold.on:
        return []
    why = hold_in_words(state.hold)
    kept = f"What you ask for is kept, and runs after: {commands.MAINTENANCE_OFF}"
    return [f"{state.line} starts no run now ({why}). {kept}"]


def word_for(state: PondState, release: Release | None) -> LineStatusWord:
    """The one word that says most. Work in progress comes before the trouble that it may end."""
    return "undeployed" if release is None else word_of(state)


def _next(state: PondState, release: Release | None) -> NextVersion | None:
    """The version that was deployed last, if the line still runs another one, and the runs that it
    waits for.
    """
    waiting = waiting_release(state, release)
    if waiting is None:
        return None
    return {"version": waiting.version, "waits_for": list(runs_of(state))}


def _demand(state: PondState) -> Demand:
    targets = [to_text(target) for target in sorted(state.targets)]
    return {
        "pull": state.pull is not None or state.kept is not None,
        "targets": targets,
        "woken": state.woken is not None,
        "forced": state.force,
    }


def _reason(
    state: PondState, word: LineStatusWord, deployed: Collection[Line] | None, now: Instant
) -> str:
    if word == "undeployed":
        return f"{state.line} is not deployed"
    if word == "blocked":
        causes = dict.fromkeys(
            cause_of(view.report.down) for view in state.blockers if view.report.down
        )
        return f"blocked by {', '.join(causes)}"
    ahead = (
        f"fresh as of {minute_in_words(state.start_f)} already"
        if state.start_f > now + _SOON
        else ""
    )
    if word == "idle" and ahead and isinstance(state.trigger, Tide):
        return f"{ahead}: its Tide asks for nothing until then"
    if word != "waiting" or state.hold.on:
        return f"held: {hold_in_words(state.hold)}" if word == "waiting" else _down_reason(state)
    short = [_wanting(view, deployed) for view in short_sources(state)]
    if short:
        return f"waits for {', '.join(short)}" + (f"; {ahead}" if ahead else "")
    return windows.why_waiting(state, now)


def _down_reason(state: PondState) -> str:
    """Why it is down; of a kill also who did it, and why."""
    said = state.said.get("kill")
    if state.health != "killed" or said is None:
        return state.reason
    by = f" by {short(said.by)}" if said.by else ""
    return f"{state.reason}{by}" + (f": {said.note}" if said.note else "")


def _wanting(view: SourceView, deployed: Collection[Line] | None) -> str:
    if deployed is not None and view.line not in deployed:
        return f"{view.line} (not deployed)"
    down = view.report.down
    if down is None:
        return view.line
    return (
        cause_of(down) if down.root == view.line else f"{view.line} (blocked by {cause_of(down)})"
    )


def cause_of(down: Down) -> str:
    """The root cause in one line: ``sales@1 (failed: no rows)``, ``sales@1 (killed)``."""
    message = next((text.strip() for text in down.message.splitlines() if text.strip()), "")
    error = " ".join(down.error.split())
    return f"{down.root} ({': '.join(filter(None, (down.why, error, message)))})"


def _trigger(trigger: Trigger | None) -> TriggerState | None:
    if isinstance(trigger, Tide):
        return {"kind": "tide", "bound": trigger.bound.total_seconds()}
    return {"kind": "wave"} if trigger else None


def staleness(end_f: Instant, delay: timedelta, now: Instant) -> float | None:
    """In seconds. Under a Window it counts from the beginning of the opening. None: never run."""
    return None if end_f == NEVER else (now + delay - end_f).total_seconds()


def _sources(
    state: PondState, release: Release | None, deployed: Collection[Line] | None, now: Instant
) -> list[SourceState]:
    """The Sources of the release, with their last reports. ``absent``: the Source is known not to
    be deployed.
    """
    views = dict(state.sources)
    for spec in release.sources if release else ():
        views.setdefault(spec.line, SourceView(spec.line, spec.minimum, optional=spec.optional))
    return [
        {
            "line": line,
            "optional": view.optional,
            "end_f": to_text(view.report.end_f),
            "staleness_seconds": staleness(view.report.end_f, view.report.delay, now),
            "down": view.report.down is not None,
            "absent": deployed is not None and line not in deployed,
        }
        for line, view in sorted(views.items())
    ]


def _failure(state: PondState) -> FailureRow | None:
    failure = state.failure
    if failure is None:
        return None
    return {
        "run": run_key(state.line, state.failed_run) if state.failed_run else None,
        "ripple": failure.ripple,
        "attempt": failure.attempt,
        "error": failure.error,
        "message": failure.message,
    }


def in_flight(state: PondState, run: Run, rows: Mapping[str, AttemptRow]) -> RunningRun:
    """A run in flight, and how far each Ripple is."""
    return {
        "run": run_key(state.line, run.number),
        "f": to_text(run.f),
        "version": run.version,
        "started": to_text(run.started),
        "ripples": [
            _ripple_in_run(state, ripple, run, rows.get(ripple.name))
            for ripple in state.ripples.values()
        ],
    }


def _ripple_in_run(
    state: PondState, ripple: RippleState, run: Run, row: AttemptRow | None
) -> RunningRipple:
    word, attempt = _progress(state, ripple, run)
    running: RunningRipple = {
        "name": ripple.name,
        "status": word,
        "attempt": attempt.number if attempt else run.attempts.get(ripple.name, 0),
        "since": to_text(attempt.since) if attempt else None,
        "task_mib": attempt.memory_mib if attempt else 0,
        "where": None,
        "memory_mib": None,
        "pauses": None,
        "resumes": None,
        "awaits": (awaited(ripple) or None) if word == "queued" else None,
    }
    if attempt and attempt.delayed:
        running["retry_at"] = to_text(attempt.since)
    return _with_its_row(running, row) if attempt and row else running


def _with_its_row(running: RunningRipple, row: AttemptRow) -> RunningRipple:
    """The place of an attempt, corrected by its row: after a pause it continues in the function."""
    where, mib = row["where"], row["memory_mib"]
    began = running["task_mib"]
    by_place = {"lambda": 0, "task": began if mib is None else mib}
    return {
        **running,
        "task_mib": by_place[where] if where else began,
        "where": where,
        "memory_mib": mib,
        "pauses": row["pauses"],
        "resumes": resumes(row),
    }


def _progress(state: PondState, ripple: RippleState, run: Run) -> tuple[str, Attempt | None]:
    """How far a Ripple is in a run. An attempt of a later run counts, because it satisfies the runs
    that it overtook.
    """
    if ripple.end_f >= run.f:
        return "done", None
    attempt = ripple.attempt
    if attempt and _serves(state, attempt, run):
        return ("running" if attempt.dispatched else "queued"), attempt
    if run.failure:
        return ("failed" if run.failure.ripple == ripple.name else "cancelled"), None
    return "waiting", None


def _serves(state: PondState, attempt: Attempt, run: Run) -> bool:
    other: Run | None = state.runs.get(attempt.run)
    return attempt.run == run.number or (other is not None and other.f > run.f)


def _ripples(state: PondState, release: Release | None) -> list[RippleStatus]:
    known: Mapping[str, RippleState] = state.ripples
    if not known and release:
        known = {
            spec.name: RippleState(spec.name, spec.parents, uses=spec.uses)
            for spec in release.ripples
        }
        state = replace(state, release=release)
    checks = {spec.name: spec.checks for spec in state.release.ripples} if state.release else {}
    return [
        {
            "name": name,
            "parents": list(ripple.parents),
            "end_f": to_text(ripple.end_f),
            "status": _ripple_word(state, ripple),
            "checks": list(checks.get(name, ())),
            "uses": list(ripple.uses),
            **runs_on(state, ripple),
        }
        for name, ripple in known.items()
    ]


def runs_on(state: PondState, ripple: RippleState) -> RunsOn:
    """Where the Ripple's next attempt would run, with how much memory if as a task, and who decided
    that.
    """
    mib, why = place_and_why(state, ripple)
    return {"runs_on": "task" if mib else "lambda", "task_mib": mib, "decided_by": why}


def _ripple_word(state: PondState, ripple: RippleState) -> str:
    """The status of a Ripple outside of any one run: idle if it never ran."""
    if ripple.attempt:
        return "running" if ripple.attempt.dispatched else "queued"
    if state.health == "failed" and state.failure and state.failure.ripple == ripple.name:
        return "failed"
    if ripple.pull or ripple.targets:
        return "waiting"
    return "idle" if ripple.end_f == NEVER else "done"
