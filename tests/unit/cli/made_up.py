"""A made-up Catchment: answers as docs/protocol.md has them, out of a plan of runs and a clock
that the test turns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from duckstring.model.instants import NEVER, to_text

ZERO = datetime(2030, 1, 1, 12, tzinfo=UTC)


def at(seconds: float) -> str:
    return to_text(ZERO + timedelta(seconds=seconds))


def line_status(line: str, **told: Any) -> dict[str, Any]:
    pond, _, major = line.partition("@")
    base: dict[str, Any] = {
        "line": line,
        "pond": pond,
        "major": int(major),
        "version": f"{major}.0.0",
        "kind": "pond",
        "status": "idle",
        "tags": {},
        "end_f": to_text(NEVER),
        "start_f": to_text(NEVER),
        "staleness_seconds": None,
        "demand": {"pull": False, "targets": [], "woken": False, "forced": False},
        "trigger": None,
        "windows": [],
        "sources": [],
        "sinks": [],
        "reason": "",
        "failure": None,
        "failures": 0,
        "retry_at": None,
        "budgets": {"immediate_retries": 0, "source_retries": 0},
        "runs": [],
        "ripples": [],
        "tables": 0,
        "rows": 0,
        "last_run": None,
    }
    return base | told


def source(line: str, **told: Any) -> dict[str, Any]:
    return {
        "line": line,
        "optional": False,
        "end_f": to_text(NEVER),
        "down": False,
        "absent": False,
    } | told


def run_row(run: str, *, started: float = 0, took: float | None = 1, **told: Any) -> dict[str, Any]:
    line, _, number = run.partition("/")
    pond, _, major = line.partition("@")
    base = {
        "run": run,
        "pond": pond,
        "major": int(major),
        "number": int(number),
        "f": at(0),
        "version": f"{major}.0.0",
        "status": "running" if took is None else "success",
        "started": at(started),
        "finished": None if took is None else at(started + took),
        "changed": True,
        "ripple": None,
        "error": None,
        "message": None,
    }
    return base | told


def attempt_row(
    run: str, ripple: str, *, started: float = 0, took: float = 1, **told: Any
) -> dict[str, Any]:
    return {
        "run": run,
        "ripple": ripple,
        "attempt": 1,
        "status": "success",
        "started": at(started),
        "finished": at(started + took),
        "where": "lambda",
        "memory_mib": 2048,
        "error": None,
        "message": None,
        "traceback": None,
        "rows": 10,
        "bytes": 1234,
    } | told


@dataclass
class Act:
    """One Pond's only run: each Ripple runs from its first to its second number of seconds."""

    line: str
    ripples: Mapping[str, tuple[float, float]]
    sources: tuple[str, ...] = ()
    fails_in: str = ""
    wave: bool = False

    @property
    def started(self) -> float:
        return min(begin for begin, _ in self.ripples.values())

    @property
    def finished(self) -> float:
        return max(end for _, end in self.ripples.values())


@dataclass
class Play:
    """Answers for a clock. A Pond that fails does so for good, and blocks what is downstream of
    it.
    """

    acts: list[Act]
    clock: Callable[[], float]
    asked: list[Mapping[str, object]] = field(default_factory=list)

    def __call__(self, request: Mapping[str, object]) -> Mapping[str, Any]:
        self.asked.append(request)
        now = self.clock()
        match request["op"]:
            case "status":
                result: dict[str, Any] = {
                    "now": at(now),
                    "lines": [self._line(act, now) for act in self.acts],
                }
            case "run":
                result = self._run(str(request["run"]), now)
            case "trigger":
                result = {"line": f"{request['pond']}@1", "epoch": at(0)}
            case "runs":
                result = {
                    "runs": [
                        run_row(
                            f"{act.line}/1", started=act.started, took=act.finished - act.started
                        )
                        for act in self.acts
                    ]
                }
            case op:
                return {
                    "ok": False,
                    "error": {
                        "type": "OperatorError",
                        "message": f"No operation {op!r}.",
                        "hint": "",
                    },
                }
        return {"ok": True, "result": result}

    def _down(self, act: Act, now: float) -> bool:
        return bool(act.fails_in) and now >= act.finished

    def _line(self, act: Act, now: float) -> dict[str, Any]:
        culprit = next(
            (
                other
                for other in self.acts
                if other.line in self._upstream(act) and self._down(other, now)
            ),
            None,
        )
        done = now >= act.finished and not act.fails_in
        running = act.started <= now < act.finished
        told: dict[str, Any] = {"status": "idle" if done else "running" if running else "waiting"}
        if done:
            told |= {"end_f": at(0), "start_f": at(0), "staleness_seconds": now}
        if culprit:
            told |= {"status": "blocked", "reason": f"{culprit.line} failed: it broke"}
        if self._down(act, now):
            failure = {
                "run": f"{act.line}/1",
                "ripple": act.fails_in,
                "attempt": 1,
                "error": "ValueError",
                "message": "it broke",
            }
            told |= {
                "status": "failed",
                "reason": f"{act.line} failed: it broke",
                "failure": failure,
                "failures": 1,
            }
        if now >= act.started:
            told |= {"last_run": self._row(act, now)}
        if running:
            told |= {
                "runs": [
                    {
                        "run": f"{act.line}/1",
                        "f": at(0),
                        "started": at(act.started),
                        "ripples": self._ripples(act, now),
                    }
                ]
            }
        if told["status"] == "waiting":
            told |= {
                "demand": {"pull": False, "targets": [at(0)], "woken": False, "forced": False},
                "reason": f"waits for {', '.join(act.sources)}" if act.sources else "",
            }
        names, state = list(act.ripples), "done" if done else "waiting"
        ripples = [
            {"name": n, "parents": names[:i][-1:], "end_f": at(0), "status": state}
            for i, n in enumerate(names)
        ]
        told |= {"trigger": {"kind": "wave"} if act.wave else None}
        return line_status(
            act.line, sources=[source(s) for s in act.sources], ripples=ripples, **told
        )

    def _upstream(self, act: Act) -> set[str]:
        by_line = {other.line: other for other in self.acts}
        return {found for name in act.sources for found in (name, *self._upstream(by_line[name]))}

    def _ripples(self, act: Act, now: float) -> list[dict[str, Any]]:
        told = []
        for name, (begin, end) in act.ripples.items():
            status = "done" if now >= end else "running" if now >= begin else "waiting"
            told.append(
                {
                    "name": name,
                    "status": status,
                    "attempt": int(now >= begin),
                    "since": at(begin) if status == "running" else None,
                }
            )
        return told

    def _row(self, act: Act, now: float) -> dict[str, Any]:
        over = now >= act.finished
        ends: dict[str, Any] = (
            {
                "status": "failed",
                "ripple": act.fails_in,
                "error": "ValueError",
                "message": "it broke",
            }
            if act.fails_in
            else {}
        )
        return run_row(
            f"{act.line}/1",
            started=act.started,
            took=act.finished - act.started if over else None,
            **(ends if over else {}),
        )

    def _run(self, run: str, now: float) -> dict[str, Any]:
        act = next(act for act in self.acts if run == f"{act.line}/1")
        attempts = [
            attempt_row(run, name, started=begin, took=end - begin)
            for name, (begin, end) in act.ripples.items()
            if end <= now
        ]
        if act.fails_in:
            attempts = [
                a | {"status": "failed", "error": "ValueError", "message": "it broke"}
                if a["ripple"] == act.fails_in
                else a
                for a in attempts
            ]
        return {"run": self._row(act, now), "attempts": attempts}


FLIGHTS = [
    Act("airlines@1", {"load": (0.4, 1.2)}),
    Act("flights@1", {"load": (0.4, 3.1)}),
    Act("weather@1", {"load": (0.5, 1.9)}),
    Act(
        "delays@1",
        {"clean": (3.3, 4.5), "by_hour": (4.6, 5.2), "by_route": (4.6, 5.9)},
        ("airlines@1", "flights@1", "weather@1"),
    ),
    Act("reports@1", {"worst_routes": (6.1, 6.8), "carriers": (6.1, 7.0)}, ("delays@1",)),
]
