"""Runs in flight that take far longer than runs of their line usually do, in words.

It is reckoned when somebody asks, from rows of history. Nothing waits for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from statistics import median
from typing import TYPE_CHECKING

from duckstring.api import why_words
from duckstring.api.late import Rows
from duckstring.engine.causes import LineCauses, WaitsForToken
from duckstring.engine.state import PondState, Run
from duckstring.model import commands
from duckstring.model.instants import Instant, from_text, to_text
from duckstring.model.names import Line, run_key

if TYPE_CHECKING:
    from duckstring.model.answers.runs import RunRow
    from duckstring.model.answers.why import CauseTold, LineWhy, UsualTold, Way, WhyRun

MOST_LINES = 5
"""Of one answer, whose history is read."""
_TIMES = 2
_MORE = timedelta(seconds=10)
"""A run is far over the usual if it takes this many times as long, and so much longer."""
_NO_RUN = frozenset({"pass", "removal", "rollback"})
"""Rows of history of which no Ripple was called."""


@dataclass(frozen=True, slots=True)
class Over:
    """A run of ``state`` that is far over what its line usually takes: the median of ``count`` runs
    that succeeded. ``deployed``: when its version was, if this is the first run since.
    """

    state: PondState
    run: Run
    usual: timedelta
    count: int
    deployed: Instant | None


def over_usual(
    found: Sequence[LineCauses], held: Mapping[Line, PondState], rows: Rows, now: Instant
) -> dict[str, Over]:
    """The runs of these lines that take far too long, by their keys (``sales@1/42``).

    Reads the history of 5 lines at most, those with the longest runs, and none of a line whose runs
    are younger than 10 seconds. A line that waits for a token is left out: why it takes long is
    told already.

    Args:
        found: the lines of one explanation.
        held: their states.
        rows: gives a line's history, the newest run first.
        now: the time.
    """
    waits = {one.line for one in found if any(isinstance(c, WaitsForToken) for c in one.causes)}
    states = [held[one.line] for one in found if one.line in held and one.line not in waits]
    going = [(runs, state) for state in states if (runs := _long(state, now))]
    going.sort(key=lambda one: (min(run.started for run in one[0]), one[1].line))
    told: dict[str, Over] = {}
    for runs, state in going[:MOST_LINES]:
        known = rows(state.line)
        for run in runs:
            if one := _over(state, run, known, now):
                told[run_key(state.line, run.number)] = one
    return told


def _long(state: PondState, now: Instant) -> list[Run]:
    going = (run for run in state.runs.values() if run.failure is None)
    return [run for run in going if now - run.started >= _MORE]


def _over(state: PondState, run: Run, rows: Sequence[RunRow], now: Instant) -> Over | None:
    took = [
        (from_text(row["finished"]) - from_text(row["started"])).total_seconds()
        for row in rows
        if row["status"] == "success" and row["finished"]
    ]
    if not took:
        return None
    usual = timedelta(seconds=median(took))
    if now - run.started < max(_TIMES * usual, usual + _MORE):
        return None
    return Over(state, run, usual, len(took), _first_since(state, run, rows))


def _first_since(state: PondState, run: Run, rows: Sequence[RunRow]) -> Instant | None:
    """When the run's version was deployed, if it is the first run of that."""
    release = state.release
    if release is None or release.version != run.version or release.deployed > run.started:
        return None
    before = any(
        row["number"] < run.number
        and row["status"] not in _NO_RUN
        and row["version"] == run.version
        and from_text(row["started"]) >= release.deployed
        for row in rows
    )
    return None if before else release.deployed


def of_line(line: LineWhy, over: Mapping[str, Over], now: Instant) -> LineWhy:
    """The line, with what is usual where it is said of it that it runs."""
    return {**line, "causes": [_of_cause(cause, over, now) for cause in line["causes"]]}


def _of_cause(cause: CauseTold, over: Mapping[str, Over], now: Instant) -> CauseTold:
    one = over.get(cause["runs"][0]) if cause["kind"] == "busy" else None
    if one is None:
        return cause
    usual = _told(one, now)
    ways = [*cause["ways"], *_stop(one)]
    return {**cause, "text": f"{cause['text']} {usual['text']}", "ways": ways, "usual": usual}


def of_run(run: WhyRun, over: Mapping[str, Over], now: Instant) -> WhyRun:
    """The run, with what is usual before what its Ripples do."""
    one = over.get(run["run"])
    if one is None:
        return run
    usual = _told(one, now)
    since = why_words.duration(now - one.run.started)
    return {
        **run,
        "inside": [f"It has run for {since}. {usual['text']}", *run["inside"]],
        "usual": usual,
    }


def ways(runs: Sequence[WhyRun], over: Mapping[str, Over]) -> list[Way]:
    """What may be done about the first of these runs that takes too long."""
    for run in runs:
        if one := over.get(run["run"]):
            return [why_words.see_run(one.state.line, one.run.number), *_stop(one)]
    return []


def _told(one: Over, now: Instant) -> UsualTold:
    return {
        "seconds": one.usual.total_seconds(),
        "runs": one.count,
        "first_of": one.run.version if one.deployed else None,
        "deployed": to_text(one.deployed) if one.deployed else None,
        "text": _sentence(one, now),
    }


def _sentence(one: Over, now: Instant) -> str:
    took = _shown(one.usual)
    usual = (
        f"Usually it takes {took} (the median of the last {one.count} that succeeded)."
        if one.count > 1
        else f"The only one before that succeeded took {took}."
    )
    if one.deployed is None:
        return usual
    since = why_words.duration(now - one.deployed)
    return f"{usual} It is the first run of version {one.run.version}, deployed {since} ago."


def _shown(duration: timedelta) -> str:
    """A tenth of a second counts where a run usually takes few."""
    seconds = duration.total_seconds()
    if seconds < _MORE.total_seconds():
        return f"{max(seconds, 0.1):.1f}s".replace(".0s", "s")
    return why_words.duration(duration)


def _stop(one: Over) -> list[Way]:
    kill, wake = why_words.stop_run(one.state)
    if one.deployed is None:
        return [kill, wake]
    text = f"If {one.run.version} is wrong: deploy one that is right, in its project's folder"
    return [kill, {"text": text, "command": commands.DEPLOY}, wake]
