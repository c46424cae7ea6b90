"""One lane: three Ponds in a row, a standing trigger on the last, one fault at a time."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp

from bench.chaos import ponds
from bench.chaos.law import judge
from bench.chaos.stage import Stage, deploy, until
from duckstring.engine.state import PondState
from duckstring.errors import DuckstringError
from duckstring.model.instants import Instant
from duckstring_cli.client import Client

PATIENCE = 120.0
"""Seconds until a quick round gives up. What takes so long has not recovered."""
_SETTLED = 0.4


@dataclass
class Lane:
    """Its Ponds, by what they are for."""

    stage: Stage
    number: int
    job: int
    generation: int = 0
    marks: dict[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"lane{self.number}{chr(ord('a') + self.generation % 26)}"

    @property
    def ponds(self) -> tuple[str, str, str]:
        return ponds.names(self.name)

    @property
    def lines(self) -> list[str]:
        return [f"{pond}@1" for pond in self.ponds]

    @property
    def outlet(self) -> str:
        return self.ponds[2]

    @property
    def client(self) -> Client:
        return self.stage.client

    def deploy(self) -> None:
        folder = Path(mkdtemp(dir=self.stage.folder))
        ponds.write(folder, self.name, job=self.job)
        deploy(self.client, folder)

    def renew(self) -> None:
        """Leave the Ponds of a round that did not recover to themselves, and take new ones."""
        for pond in self.ponds[::-1]:
            with suppress(DuckstringError):
                self.client.trigger(pond, "remove")
                self.client.control(pond, "kill")
        self.generation += 1
        self.deploy()

    # What one round is made of

    def mark(self) -> None:
        """Remember where the lines are: what comes after is this round's."""
        states = self.stage.states(self.lines)
        self.marks = {
            line: states[line][0].runs_started if line in states else 0 for line in self.lines
        }

    def flow(self, draw: random.Random) -> None:
        """Let the pipeline run, for as long as the trigger stands."""
        kind, bound = ("wave", None) if draw.random() < 0.6 else ("tide", 2.0)
        until(
            lambda: self.client.trigger(self.outlet, kind, bound=bound),
            what=f"{self.outlet} is triggered",
            seconds=PATIENCE,
        )

    def states(self) -> dict[str, PondState]:
        return {line: state for line, (state, _) in self.stage.states(self.lines).items()}

    def down(self) -> list[str]:
        """The lines that failed or were killed, Sources first."""
        states = self.states()
        return [line for line in self.lines if line in states and states[line].health != "ok"]

    def await_fresh(self, moment: Instant, *, seconds: float = PATIENCE) -> float:
        """Until the Outlet is fresh as of after ``moment``; when that was."""

        def ask() -> bool:
            state = self.states().get(self.lines[2])
            return state is not None and state.end_f > moment

        until(
            ask,
            what=f"{self.outlet} is fresh as of {moment:%H:%M:%S}",
            seconds=seconds,
            show=self.show,
        )
        return time.time()

    def rest(self) -> None:
        """Take the trigger away, and wait until nothing is left to do."""
        until(
            lambda: self.client.trigger(self.outlet, "remove"),
            what=f"{self.outlet} is let alone",
            seconds=PATIENCE,
        )
        since = [0.0]

        def ask() -> bool:
            held = self.stage.states(self.lines)
            if any(owes or not _rests(state) for state, owes in held.values()):
                since[0] = 0.0
                return False
            since[0] = since[0] or time.monotonic()
            return time.monotonic() - since[0] >= _SETTLED

        until(ask, what=f"{self.name} rests", seconds=PATIENCE, show=self.show)

    def judge(self) -> list[str]:
        """What the round has broken. A process may take a moment to go."""
        found: list[str] = []
        for _ in range(20):
            found = [
                said
                for line in self.lines
                for said in judge(self.stage.facts(line, since=self.marks[line]))
            ]
            if not found:
                return []
            time.sleep(0.5)
        return found

    def show(self) -> str:
        """Where its lines are, for the reader of a violation."""
        return "; ".join(
            _brief(state, owes)
            for _, (state, owes) in sorted(self.stage.states(self.lines).items())
        )


def _rests(state: PondState) -> bool:
    return state.health == "ok" and not (
        state.runs or state.targets or state.pull or state.woken or state.force
    )


def _brief(state: PondState, owes: bool) -> str:
    runs = {number: _work(state, number) for number in state.runs}
    wants = [
        word
        for word, held in (
            ("pull", state.pull),
            ("targets", state.targets),
            ("woken", state.woken),
            ("owes", owes),
        )
        if held
    ]
    return (
        f"{state.line} {state.health} end {state.end_f:%H:%M:%S} {' '.join(wants)} {runs or ''} "
        f"{state.reason[:80]}"
    )


def _work(state: PondState, number: int) -> Sequence[str]:
    run = state.runs[number]
    attempts = [
        f"{r.name}:{r.attempt.number}"
        for r in state.ripples.values()
        if r.attempt and r.attempt.run == number
    ]
    return [
        f"launch {run.launch}",
        *attempts,
        *(["failed"] if run.failure else []),
        *(f"waits:{w}" for w in sorted(run.waiting)),
    ]
