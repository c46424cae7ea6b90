"""``why``: why a line runs or does not, with the chain of causes down to the roots, and what would
change them; now, or at a moment of the past.

It reads the catalog once, the states of the lines above (of one that runs also of those below) in
batches of 100, all limits in one query, a row of history for the last run and for each failed line,
in one batch, the rows of attempts in flight, and the recent history of lines that may be late
(``late.py``) or that run for long (``usual.py``). It asks no other service, and changes nothing. Of
the past it reads the lines' journals instead (``then.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, Protocol

from duckstring.api import usual, why_words
from duckstring.api.in_flight import rows_of
from duckstring.api.late import ROWS, Rows, will_be_late
from duckstring.api.limits import read as read_limits
from duckstring.api.ports import WhyPorts
from duckstring.api.requests import WhyRequest
from duckstring.api.status import in_flight, staleness, word_for
from duckstring.api.then import AttemptsThen, NotKeptError, Then, instant_of, run_then
from duckstring.api.why_runs import demand_of, inside, last_in_words
from duckstring.engine.causes import (
    Busy,
    Cause,
    DeployWaits,
    Failed,
    ForceWaits,
    Held,
    Killed,
    LineCauses,
    NotAsked,
    NotReceived,
    RetryAt,
    RunFirst,
    TideDue,
    WaitsForToken,
    WindowClosed,
    leads_to,
)
from duckstring.engine.limits import LimitState
from duckstring.engine.state import PondState, Run, Tide
from duckstring.engine.whose import origins
from duckstring.engine.why import chain
from duckstring.model.durations import duration_in_words
from duckstring.model.find import find, find_ever_deployed
from duckstring.model.graph import lines_above, lines_below
from duckstring.model.instants import NEVER, Instant, from_text, to_text
from duckstring.model.names import Line, run_key
from duckstring.model.staleness import in_words
from duckstring.ports import AttemptReader, StateReader

if TYPE_CHECKING:
    from duckstring.model.answers.runs import AttemptRow, RunRow
    from duckstring.model.answers.why import CauseTold, LineWhy, Staleness, Way, WhyAnswer, WhyRun
    from duckstring.model.catalog import Release

_MOST_LINES = 1000
"""Of one answer: with some 600 bytes each they leave room in the 6 MB that Lambda answers."""

_States = Mapping[Line, PondState]
_Releases = Mapping[Line, "Release"]


def why(asked: WhyRequest, ports: WhyPorts) -> WhyAnswer:
    """Explain what a line does now, or did at a moment of the past.

    Raises:
        PondNotFoundError: no such Pond.
        OperatorError: the moment is none, is still to come, or nothing is kept of it.
    """
    if asked.at is not None:
        return _why_then(asked, instant_of("at", asked.at, ports.clock.now()), ports)
    releases = ports.catalog.releases()
    line = find(releases, asked.pond, asked.major).line
    held = _read(ports.states, {line})
    is_running = _runs_now(held.get(line) or PondState(line))
    others = lines_above(line, releases) | (lines_below(line, releases) if is_running else set())
    held |= _read(ports.states, others - {line})
    now = ports.clock.now()

    @cache
    def rows(of: Line) -> Sequence[RunRow]:
        return ports.history.runs(now=now, limit=ROWS, line=of)

    late = will_be_late(held.get(line) or PondState(line), held, rows, now)
    limits = read_limits(ports.limits)
    moment = _Moment(line, held, releases, now, late=late, limits=limits, rows=rows)
    return _told(moment, ports.history, ports.attempts, now)


def _why_then(asked: WhyRequest, at: Instant, ports: WhyPorts) -> WhyAnswer:
    """What was deployed then is in the states; so are the Sources and Sinks of each line."""
    line = find_ever_deployed(ports.catalog, ports.removals, asked.pond, asked.major)
    then = Then(ports.journal, at)
    then.read({line})
    if line in then.unknown:
        raise NotKeptError(line, at, then.unknown[line])
    state = then.states[line]
    _read_all(then, line, lambda one: set(one.sources))
    if _runs_now(state):
        _read_all(then, line, lambda one: set(one.sinks))
    deployed = {of: one.next_release or one.release for of, one in then.states.items()}
    releases = {of: release for of, release in deployed.items() if release is not None}
    moment = _Moment(line, then.states, releases, at, frozenset(then.unknown))
    history = _HistoryThen(ports.history, at)
    return _told(moment, history, AttemptsThen(ports.attempts, at), ports.clock.now())


def _read_all(then: Then, line: Line, lines: Callable[[PondState], set[Line]]) -> None:
    """All lines that one leads to, the nearest first, as far as an answer has room."""
    seen, ahead = {line}, {line}
    while ahead and len(seen) < _MOST_LINES:
        near = [then.states[one] for one in sorted(ahead) if one in then.states]
        ahead = set().union(*map(lines, near)) - seen
        then.read(ahead)
        seen |= ahead


class _Moment(NamedTuple):
    """What is explained: the states and what is deployed ``at`` a moment. Nothing is known of the
    lines ``unknown``. Only of the present: ``late``, that the line will pass its bound; ``limits``;
    and ``rows``, a line's history.
    """

    line: Line
    held: _States
    releases: _Releases
    at: Instant
    unknown: frozenset[Line] = frozenset()
    late: str = ""
    limits: Mapping[str, LimitState] = MappingProxyType({})
    rows: Rows | None = None


def _told(moment: _Moment, history: LastRuns, attempts: AttemptReader, now: Instant) -> WhyAnswer:
    line, held, releases, at, unknown, late, limits, known = moment
    state = held.get(line) or PondState(line)
    found, left_off = chain(
        line, held, releases, at, most=_MOST_LINES, unknown=unknown, limits=limits
    )
    rows = rows_of(state, attempts)
    ended = history.last_runs(_numbers(state, found))
    last = ended.get(line)
    over = usual.over_usual(found, held, known, at) if known else {}
    lines = (_line(one, held, releases, at, ended.get(one.line)) for one in found)
    told = [usual.of_line(one, over, at) for one in lines]
    going = (_run(state, run, held, at, rows) for _, run in sorted(state.runs.items()))
    runs = [usual.of_run(run, over, at) for run in going]
    return {
        "line": line,
        "now": to_text(now),
        "at": to_text(at),
        "status": told[0]["status"],
        "text": _in_short(told, runs),
        "end_f": to_text(state.end_f),
        "staleness": _staleness(state, at, late),
        "runs": runs,
        "chain": told,
        "left_off": left_off,
        "ways": _ways(usual.ways(runs, over), told),
        "last_run": last,
        "last": last_in_words(last, at) if last else "",
    }


def _runs_now(state: PondState) -> bool:
    return any(run.failure is None for run in state.runs.values())


class LastRuns(Protocol):
    """The part of ``HistoryReader`` that an explanation needs."""

    def last_runs(self, numbers: Mapping[Line, int]) -> Mapping[Line, RunRow]:
        """The newest run of each line that has any."""


class _HistoryThen:
    """``LastRuns`` as of an instant."""

    def __init__(self, history: LastRuns, at: Instant) -> None:
        self._history, self._at = history, at

    def last_runs(self, numbers: Mapping[Line, int]) -> Mapping[Line, RunRow]:
        rows = self._history.last_runs(numbers)
        then = {line: run_then(row, self._at) for line, row in rows.items()}
        return {line: row for line, row in then.items() if row is not None}


def _numbers(state: PondState, found: Sequence[LineCauses]) -> dict[Line, int]:
    """The runs whose rows are read: the one that each failed line failed with, and the last one of
    the line itself.
    """
    failed = {
        one.line: cause.run
        for one in found
        for cause in one.causes
        if isinstance(cause, Failed) and cause.run
    }
    return failed | ({state.line: state.runs_started} if state.runs_started else {})


def _read(states: StateReader, lines: Collection[Line]) -> dict[Line, PondState]:
    return {line: seen.state for line, seen in states.read(lines).items()} if lines else {}


def _line(
    found: LineCauses, held: _States, releases: _Releases, now: Instant, row: RunRow | None
) -> LineWhy:
    state = held.get(found.line) or PondState(found.line)
    return {
        "line": found.line,
        "status": word_for(state, releases.get(found.line)),
        "causes": [_cause(state, cause, now, row, found.causes) for cause in found.causes],
    }


def _cause(
    state: PondState, cause: Cause, now: Instant, row: RunRow | None, others: Collection[Cause]
) -> CauseTold:
    # To ask for it changes nothing until it goes on, and then it is run once.
    is_in_vain = isinstance(cause, NotAsked) and any(map(_stays_down, others))
    since, at = _since(cause, row), _at(cause)
    return {
        "kind": cause.__struct_config__.tag,  # type: ignore[typeddict-item] # a test compares them
        "text": why_words.sentence(state, cause, now, since=since),
        "leads_to": leads_to(cause),
        "since": to_text(since) if since else None,
        "at": to_text(at) if at else None,
        "runs": [run_key(state.line, number) for number in _runs(cause)],
        "ways": [] if is_in_vain else why_words.ways(state, cause, now),
    }


def _stays_down(cause: Cause) -> bool:
    """Until somebody wakes or clears the line. What is asked of it meanwhile is only kept."""
    return isinstance(cause, Killed) or (isinstance(cause, Failed) and not cause.tries)


def _since(cause: Cause, row: RunRow | None) -> Instant | None:
    """When it began. ``row``: of a run of the line, perhaps of the one that failed."""
    match cause:
        case Held(hold):
            return hold.at
        case Failed(run) if row and row["number"] == run and row["finished"]:
            return from_text(row["finished"])
        case Busy(_, _, since) | NotReceived(since) | WaitsForToken(since=since):
            return since
        case _:
            return None


def _at(cause: Cause) -> Instant | None:
    match cause:
        case RetryAt(at) | TideDue(at):
            return at
        case WindowClosed(opening) if opening is not None:
            return opening.start
        case _:
            return None


def _runs(cause: Cause) -> tuple[int, ...]:
    match cause:
        case DeployWaits(_, runs) | ForceWaits(runs) | RunFirst(runs):
            return runs
        case Busy(run) | Failed(run) | WaitsForToken(run=run) if run:
            return (run,)
        case _:
            return ()


def _ways(own: list[Way], told: list[LineWhy]) -> list[Way]:
    """Those of the line's run, then of all causes, each once, the nearest line first."""
    found = own + [way for line in told for cause in line["causes"] for way in cause["ways"]]
    return list({(way["text"], way["command"]): way for way in found}.values())


def _in_short(told: list[LineWhy], runs: list[WhyRun]) -> str:
    """Why it runs, or the line's own first cause and the first root."""
    going = [run for run in runs if run["demand"]]
    if going:
        run = going[0]
        over = f" {run['usual']['text']}" if "usual" in run else ""
        return f"{told[0]['line']} runs {run['run']}. {run['demand'][0]['text']}{over}"
    own = told[0]["causes"]
    # A hold is seldom alone: what else is in the way of the line is told with it.
    first = own[: 2 if own and own[0]["kind"] == "held" else 1]
    roots = [cause for line in told for cause in line["causes"] if cause["leads_to"] is None]
    others = [cause for cause in roots if cause["kind"] != "held"]
    return " ".join(dict.fromkeys(cause["text"] for cause in (*first, *others[:1])))


def _run(
    state: PondState, run: Run, held: _States, now: Instant, rows: Mapping[str, AttemptRow]
) -> WhyRun:
    going = in_flight(state, run, rows)
    asked = origins(state, run, held) if run.failure is None else ()
    return {
        "run": going["run"],
        "f": going["f"],
        "version": going["version"],
        "started": going["started"],
        "demand": [demand_of(state, origin, held, now) for origin in asked],
        "ripples": going["ripples"],
        "inside": inside(state, run, going["ripples"], now),
    }


def _bound(state: PondState, now: Instant) -> str:
    """What a bound that counts says of the data."""
    watch = state.watch
    if watch is None:
        return ""
    whose = "declared" if watch.declared else "by its Tide"
    if watch.is_stale:
        since = why_words.ago(watch.stale, now)
        return f" It is stale since {since}: its bound is {in_words(watch.bound)} ({whose})."
    return f" Its bound is {in_words(watch.bound)} ({whose})."


def _staleness(state: PondState, now: Instant, late: str) -> Staleness:
    seconds = staleness(state.end_f, state.delay, now)
    bound = state.trigger.bound if isinstance(state.trigger, Tide) else None
    asked = min(state.targets, default=None)
    over = bound is not None and (seconds is None or seconds > bound.total_seconds())
    return {
        "seconds": seconds,
        "bound": bound.total_seconds() if bound is not None else None,
        "asked": to_text(asked) if asked else None,
        "late": over or asked is not None or _is_stale(state) or bool(late),
        "text": _age(state, now, seconds)
        + (f" Its Tide allows {duration_in_words(bound)}." if bound is not None else "")
        + (f" Newer output has been asked for since {why_words.ago(asked, now)}." if asked else "")
        + (_bound(state, now) if state.stale_bound is not None or _is_stale(state) else "")
        + (f" {late}" if late else ""),
    }


def _is_stale(state: PondState) -> bool:
    return state.watch is not None and state.watch.is_stale


def _age(state: PondState, now: Instant, seconds: float | None) -> str:
    """Under a Window freshness is the opening's end, and the age counts from its beginning."""
    if seconds is None:
        return f"{state.line} has published nothing yet."
    begun = state.end_f - state.delay
    since = f", its Window's end; the age counts from {why_words.ago(begun, now)}"
    as_of = why_words.ago(state.end_f, now)
    older = (
        f" An earlier snapshot is published again: its data is as of "
        f"{why_words.ago(state.held_f, now)}."
        if state.held_f != NEVER
        else ""
    )
    return f"Its output is fresh as of {as_of}{since if state.delay else ''}.{older}"
