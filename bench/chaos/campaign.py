"""The campaign: batches of rounds on one Catchment, everything judged after each, a table at the
end.
"""

from __future__ import annotations

import random
import statistics
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime

from bench.chaos import faults
from bench.chaos.faults import ACTS, MissedError, Struck
from bench.chaos.lane import Lane
from bench.chaos.plan import BY_NAME, FAULTS, Round
from bench.chaos.stage import LateError, Stage, until

_CLEAN_WITHIN = 30.0


@dataclass
class Score:
    """What came of a fault's rounds."""

    rounds: int = 0
    missed: int = 0
    runs: int = 0
    attempts: int = 0
    violations: int = 0
    recoveries: list[float] = field(default_factory=list)


class Campaign:
    """One Catchment, several lanes."""

    def __init__(self, stage: Stage, *, lanes: int) -> None:
        self.stage = stage
        jobs = sorted(stage.service.jobs.values())
        self.lanes = [
            Lane(stage, number, jobs[number % len(jobs)]) for number in range(1, lanes + 1)
        ]
        self.scores = {fault.name: Score() for fault in FAULTS}
        self.violations: list[str] = []
        self._began = time.monotonic()
        self._over = threading.Event()
        for lane in self.lanes:
            lane.deploy()

    def play(self, batch: Sequence[Round]) -> None:
        """Rounds side by side; then what must not be left anywhere."""
        # What strikes one lane alone strikes all of the Catchment: the others are at work
        # meanwhile, and are judged as well.
        idle = self.lanes[1:] if BY_NAME[batch[0].fault].pace == "alone" else []
        with ThreadPoolExecutor(max_workers=len(self.lanes)) as pool:
            others = [pool.submit(self._stand_by, batch[0], lane) for lane in idle]
            list(pool.map(self._round, batch, self.lanes[: len(batch)]))
            self._over.set()
            for other in others:
                other.result()
            self._over.clear()
        try:
            until(lambda: not self.stage.leftovers(), what="clean", seconds=_CLEAN_WITHIN)
        except LateError:
            for left in self.stage.leftovers():
                self._violated(
                    batch[0], f"left behind by {', '.join(one.fault for one in batch)}: {left}"
                )

    def _round(self, one: Round, lane: Lane) -> None:
        score, draw = self.scores[one.fault], random.Random(one.seed)
        broken: list[str] = []
        said, recovered = "missed", None
        lane.mark()
        try:
            struck, broken = self._strike(one, lane, draw)
            recovered = (
                lane.await_fresh(datetime.fromtimestamp(struck.at, UTC), seconds=struck.seconds)
                - struck.at
            )
            score.recoveries.append(recovered)
            said = f"recovered in {recovered:.1f} s"
        except MissedError as missed:
            score.missed += 1
            said = f"missed: {missed}"[:300]
        except LateError as late:
            broken.append(str(late))
        except Exception as error:  # noqa: BLE001 - the campaign goes on, and cannot end well
            broken.append(f"the fault could not be done: {error!r}")
        try:
            lane.rest()
            broken += lane.judge()
        except LateError as late:
            broken.append(str(late))
        runs, attempts = self._worked(lane)
        score.rounds, score.runs, score.attempts = (
            score.rounds + 1,
            score.runs + runs,
            score.attempts + attempts,
        )
        print(
            (
                f"{time.monotonic() - self._began:6.0f} s  {one.number:4} {lane.name} "
                f"{one.fault:15} "
                f"{said}"
            ),
            flush=True,
        )
        for violation in broken:
            self._violated(one, violation)
        if broken:
            lane.renew()

    def _stand_by(self, one: Round, lane: Lane) -> None:
        lane.mark()
        broken: list[str] = []
        try:
            lane.flow(random.Random(one.seed + lane.number))
            self._over.wait()
            if one.fault == "restart":
                # A killed emulator forgets letters that came since its last checkpoint. AWS does
                # not: what was asked for meanwhile is asked for again.
                lane.flow(random.Random(one.seed + lane.number))
            lane.await_fresh(datetime.now(UTC))
            lane.rest()
            broken = lane.judge()
        except LateError as late:
            broken = [str(late)]
        for violation in broken:
            self._violated(one, f"beside it: {violation}")
        if broken:
            lane.renew()

    def _strike(self, one: Round, lane: Lane, draw: random.Random) -> tuple[Struck, list[str]]:
        lane.flow(draw)
        time.sleep(draw.uniform(0, 1.5))
        struck = ACTS[one.fault](lane, draw)
        return struck, self._await_help(lane, struck)

    @staticmethod
    def _await_help(lane: Lane, struck: Struck) -> list[str]:
        """Until the Outlet has moved on, or a line turned out to be down for good."""
        moment = datetime.fromtimestamp(struck.at, UTC)

        def ask() -> bool:
            states = lane.states()
            return bool(lane.down()) or states[lane.lines[2]].end_f > moment

        until(ask, what=f"{lane.outlet} is fresh again", seconds=struck.seconds, show=lane.show)
        return faults.help_up(lane, struck)

    def _worked(self, lane: Lane) -> tuple[int, int]:
        begun = [
            note
            for pond in lane.ponds
            for note in self.stage.notes(pond)
            if note["word"] == "begin"
        ]
        mine = [note for note in begun if note["run"] > lane.marks.get(note["line"], 0)]
        return len({(note["line"], note["run"]) for note in mine}), len(mine)

    def _violated(self, one: Round, what: str) -> None:
        self.scores[one.fault].violations += 1
        self.violations.append(f"round {one.number}, {one.fault}, seed {one.seed}: {what}")
        print(f"         VIOLATION {what}", flush=True)

    def table(self) -> str:
        """A line a fault, and one for all."""
        head = (
            "| fault | rounds | runs | attempts | violations | recovery: median | worst |\n"
            f"| --- |{' ---: |' * 6}"
        )
        rows = [_row(name, score) for name, score in self.scores.items() if score.rounds]
        return "\n".join([head, *rows, _row("**all**", _sum(self.scores))])


def _row(name: str, score: Score) -> str:
    missed = f" ({score.missed} missed)" if score.missed else ""
    times = score.recoveries
    median, worst = (
        (f"{statistics.median(times):.1f} s", f"{max(times):.1f} s") if times else ("", "")
    )
    return (
        f"| {name} | {score.rounds}{missed} | {score.runs} | {score.attempts} | "
        f"{score.violations} | {median} | {worst} |"
    )


def _sum(scores: Mapping[str, Score]) -> Score:
    whole = Score()
    for score in scores.values():
        whole.rounds += score.rounds
        whole.missed += score.missed
        whole.runs += score.runs
        whole.attempts += score.attempts
        whole.violations += score.violations
        whole.recoveries += score.recoveries
    return whole
