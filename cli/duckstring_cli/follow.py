"""Watches a trigger's progress: successive answers of ``status`` in, events and a verdict out.
Makes no requests itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from duckstring.model.answers.runs import RunAnswer, RunRow
from duckstring.model.answers.status import LineStatus, SourceState, StatusAnswer
from duckstring_cli import line_words, render, run_table

Verdict = Literal["going", "done", "down"]
ReadRun = Callable[[str], RunAnswer]

_MISSED = 20
_SURE = 2
_SURE_IT_IS_FORGOTTEN = 30
"""Looks before a line counts as asked for nothing: what asks for it may be on its way, through a
function that starts.
"""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to a line or to one of its Ripples, at an instant of the
    Catchment's clock.
    """

    at: str
    line: str
    ripple: str
    what: str
    seconds: float | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Goal:
    """What was asked for. Without an epoch: that the line moves on from ``since`` and all comes to
    rest.

    With ``after``: that a run of the line alone, newer than that number, is done. ``endless``: a
    Wave or Tide, which is never done.
    """

    line: str
    epoch: str | None
    since: str
    endless: bool = False
    after: int | None = None


@dataclass(slots=True)
class Follower:
    """What has been seen so far."""

    goal: Goal
    read_run: ReadRun
    lines: list[LineStatus] = field(default_factory=list)
    now: str = ""
    took: dict[str, dict[str, float]] = field(default_factory=dict)
    finished: dict[str, RunRow] = field(default_factory=dict)
    _reported: set[tuple[str, str, int, str]] = field(default_factory=set)
    _closed: dict[str, int] = field(default_factory=dict)
    _down_polls: int = 0
    _forgotten_polls: int = 0
    _in_flight: set[str] | None = None
    """The runs that were in flight when the goal was first seen to be out of reach: they are
    seen to their end.
    """

    def begin(self, answer: StatusAnswer) -> None:
        """Remember the state before the trigger, which is not news."""
        self._look(answer)
        for line in answer["lines"]:
            last = line["last_run"]
            self._closed[line["line"]] = (
                0 if last is None else last["number"] if last["finished"] else last["number"] - 1
            )

    def observe(self, answer: StatusAnswer) -> list[Event]:
        """What is new since the last answer, oldest first."""
        self._look(answer)
        events = [
            event
            for line in self.lines
            for event in (*self._closing(line), *self._waiting(line), *self._under_way(line))
        ]
        self._forgotten_polls = self._forgotten_polls + 1 if self.forgotten else 0
        self._count_down()
        return sorted(events, key=lambda event: event.at)

    def verdict(self) -> Verdict:
        """Is the goal reached, out of reach, or neither yet?"""
        target = self.target
        if target is not None and not self.goal.endless and self._reached(target):
            return "done"
        return "down" if self._down_polls >= _SURE else "going"

    @property
    def target(self) -> LineStatus | None:
        """The line that was triggered."""
        return next((line for line in self.lines if line["line"] == self.goal.line), None)

    @property
    def culprits(self) -> list[LineStatus]:
        """The lines that failed or were killed, Sources first. One that is read as an optional
        Source only stands in nobody's way.
        """
        return [
            line
            for line in _lineage(self.goal.line, self.lines, required=True)
            if line["status"] in {"failed", "killed"}
        ]

    @property
    def out_of_reach(self) -> str:
        """Why the goal cannot be reached before somebody does something, though nothing failed;
        nothing if it can.
        """
        if self.goal.after is not None:
            return ""
        for line in _lineage(self.goal.line, self.lines, required=True):
            if missing := [
                source["line"]
                for source in line["sources"]
                if source["absent"] and not source["optional"]
            ]:
                return f"{line['line']} needs {', '.join(missing)}, which is not deployed"
            if _awaits_opening(line) and not any(
                held["open"] or held["next"] for held in line["windows"]
            ):
                return f"no Window of {line['line']} opens again"
        return self.forgotten if self._forgotten_polls >= _SURE_IT_IS_FORGOTTEN else ""

    @property
    def forgotten(self) -> str:
        """How somebody took back what was asked for, or what it needs: nothing comes of it any
        more. Nothing if nobody did.
        """
        target = self.target
        if target is None or self.goal.after is not None:
            return ""
        if self.goal.endless and target["trigger"] is None:
            return f"the trigger of {target['line']} was removed"
        needed = {
            line["line"]: line for line in _lineage(self.goal.line, self.lines, required=True)
        }
        asked = (
            source["line"]
            for line in needed.values()
            for source in line["sources"]
            if _is_short_of(line, source)
        )
        for line in (target["line"], *asked):
            if line in needed and needed[line].get("asleep") and not needed[line]["runs"]:
                return f"{line} was put to sleep"
        return ""

    def ran_after(self, line: LineStatus) -> bool:
        """Whether the run that the goal asks for is done."""
        last = line["last_run"]
        return (
            last is not None
            and last["number"] > (self.goal.after or 0)
            and last["status"] in {"success", "pass"}
        )

    def _reached(self, target: LineStatus) -> bool:
        if self.goal.after is not None:
            return self.ran_after(target)
        if self.goal.epoch is not None:
            return target["end_f"] >= self.goal.epoch
        return target["end_f"] > self.goal.since and self._is_at_rest()

    def _is_at_rest(self) -> bool:
        """Nothing moves; or nothing can before a Window opens, perhaps tomorrow."""
        if any(line["runs"] or line["status"] == "running" for line in self.lines):
            return False
        waiting = [line for line in self.lines if line["status"] in line_words.MOVING]
        return not waiting or (
            any(map(_awaits_opening, waiting)) and all(line["reason"] for line in waiting)
        )

    def _count_down(self) -> None:
        if not self._is_down():
            self._in_flight, self._down_polls = None, 0
        elif self._has_settled():
            self._down_polls += 1

    def _is_down(self) -> bool:
        """Down for good: nothing that is in the way is tried again or comes by itself; or the
        line is gone.
        """
        target = self.target
        if target is None or self.out_of_reach:
            return True
        if target["status"] not in line_words.DOWN:
            return False
        return not (self.culprits and all(map(_is_tried_again, self.culprits)))

    def _has_settled(self) -> bool:
        """Whether what was in flight when it went down has ended. A Source with a Wave of its
        own begins runs for ever.
        """
        running = {run["run"] for line in self.lines for run in line["runs"]}
        self._in_flight = running if self._in_flight is None else self._in_flight & running
        return not self._in_flight

    def _look(self, answer: StatusAnswer) -> None:
        self.now = answer["now"]
        ordered = line_words.in_order(answer["lines"])
        alone = self.goal.after is not None
        self.lines = (
            [line for line in ordered if line["line"] == self.goal.line]
            if alone
            else _lineage(self.goal.line, ordered)
        )

    def _closing(self, line: LineStatus) -> Iterator[Event]:
        last = line["last_run"]
        if last is None:
            return
        newest = last["number"] if last["finished"] else last["number"] - 1
        seen = self._closed.setdefault(line["line"], 0)
        for number in range(max(seen, newest - _MISSED) + 1, newest + 1):
            yield from self._close(line["line"], number)

    def _close(self, line: str, number: int) -> Iterator[Event]:
        answer = self.read_run(f"{line}/{number}")
        run, finished = answer["run"], answer["run"]["finished"]
        if not finished:
            return
        self._closed[line] = number
        self.finished[line] = run
        yield from self._attempts(line, answer)
        what = "done" if run["status"] == "success" else run["status"]
        yield Event(
            finished,
            line,
            "",
            what,
            render.between(run["started"], finished),
            run_table.run_error(run),
        )

    def _attempts(self, line: str, answer: RunAnswer) -> Iterator[Event]:
        run = answer["run"]["run"]
        for attempt in answer["attempts"]:
            ended = attempt["finished"]
            if not ended or not self._first(run, attempt["ripple"], attempt["attempt"], "ended"):
                continue
            seconds = render.between(attempt["started"], ended)
            took = self.took.setdefault(run, {})
            took[attempt["ripple"]] = took.get(attempt["ripple"], 0.0) + (seconds or 0.0)
            what = "done" if attempt["status"] == "success" else attempt["status"]
            detail = (
                render.error_text(attempt.get("error"), render.one_line(attempt.get("message")))
                if attempt.get("error")
                else ""
            )
            yield Event(ended, line, attempt["ripple"], what, seconds, detail)

    def _waiting(self, line: LineStatus) -> Iterator[Event]:
        """What comes by itself: an opening, a retry, the end of the runs that hold a new version
        back, and all that is wanted with it.
        """
        if (waits := line_words.held_back(line)) and self._first(line["line"], "", 0, waits):
            yield Event(self.now, line["line"], "", "waiting", detail=waits)
        if _awaits_opening(line):
            opens = min(
                (held["next"]["start"] for held in line["windows"] if held["next"]), default=""
            )
            if self._first(line["line"], "", 0, f"waiting {opens}"):
                yield Event(self.now, line["line"], "", "waiting", detail=line["reason"])
        if _is_tried_again(line) and self._first(
            line["line"], "", line["failures"], f"again {line['retry_at']}"
        ):
            when = (
                f"at {render.moment(line['retry_at'])}"
                if line["retry_at"]
                else "when its Sources have newer"
            )
            yield Event(self.now, line["line"], "", "waiting", detail=f"tried again {when}")

    def _under_way(self, line: LineStatus) -> Iterator[Event]:
        for run in line["runs"]:
            if self._first(run["run"], "", 0, "started"):
                yield Event(run["started"], line["line"], "", "started", detail=run["run"])
            ended = False
            for ripple in run["ripples"]:
                awaits = ripple.get("awaits") or ""
                what = f"{ripple['status']} {awaits}".strip()
                new = self._first(run["run"], ripple["name"], ripple["attempt"], what)
                if new and ripple["status"] in {"queued", "running"}:
                    again = f"attempt {ripple['attempt']}" if ripple["attempt"] > 1 else ""
                    detail = ", ".join(
                        filter(
                            None,
                            (
                                again,
                                line_words.began(ripple) if ripple["status"] == "running" else "",
                                f"waits for a token of {awaits}" if awaits else "",
                                retried := line_words.retried_soon(ripple, self.now),
                            ),
                        )
                    )
                    yield Event(
                        self.now if retried else ripple["since"] or self.now,
                        line["line"],
                        ripple["name"],
                        ripple["status"],
                        detail=detail,
                    )
                ended |= new and (ripple["status"] in {"done", "failed"} or ripple["attempt"] > 1)
            if ended:  # how long it took is in the history
                yield from self._attempts(line["line"], self.read_run(run["run"]))

    def _first(self, run: str, ripple: str, attempt: int, what: str) -> bool:
        key = (run, ripple, attempt, what)
        new = key not in self._reported
        self._reported.add(key)
        return new


def _awaits_opening(line: LineStatus) -> bool:
    """An Inlet whose demand waits for a Window; without a reason it is about to start."""
    return line["status"] == "waiting" and bool(line["windows"]) and bool(line["reason"])


def _is_short_of(line: LineStatus, source: SourceState) -> bool:
    """Whether a line that waits cannot start on what this Source holds."""
    wanted = line["demand"]
    if line["status"] != "waiting" or source["optional"]:
        return False
    behind = (
        bool(wanted["targets"]) and not wanted["pull"] and source["end_f"] < wanted["targets"][0]
    )
    return behind or source["end_f"] <= line["start_f"]


def _is_tried_again(line: LineStatus) -> bool:
    """A failed line whose next run is due at a set time, or as soon as its Sources have newer
    output. Nobody has to act.
    """
    return line["status"] == "failed" and (
        line["retry_at"] is not None or line_words.asks_to_retry(line)
    )


def _lineage(target: str, ordered: list[LineStatus], *, required: bool = False) -> list[LineStatus]:
    """The target and everything that it reads, itself or through others; ``required``: less what
    optional Sources bring in.
    """
    wanted = {target}
    for line in reversed(ordered):
        if line["line"] in wanted:
            wanted |= {
                source["line"]
                for source in line["sources"]
                if not (required and source["optional"])
            }
    return [line for line in ordered if line["line"] in wanted]
