"""Steps per second of the engine, on one core: ``python bench/engine.py``.

A Pond of 10 Ripples, 3 Sources and 2 Sinks under a Wave, in a simulated Catchment: its letters are
recorded with the states that they met, and stepped again. Then the same among ever more Ponds held
in memory: the rate may not fall.

Each figure is measured five times, on processor time, and told as best and median. Processor time
leaves out what others run meanwhile, but not what they do to caches, clock rate and the other half
of a core: on a machine that is shared the same code differs by half from one minute to the next.
Compare two versions only in runs that alternate.
"""

from __future__ import annotations

import cProfile
import gc
import pstats
import random
import statistics
import sys
import time
from typing import NamedTuple

from duckstring.engine.signals import Signal
from duckstring.engine.state import PondState
from duckstring.engine.step import step
from duckstring.model.instants import Instant
from duckstring.model.names import Line
from duckstring.model.values import replace
from duckstring.testing.simulator import Conditions, World, pond, seconds

TARGET = 20_000
STEPS = 40_000
TIMES = 5
MID = Line("mid@1")

RIPPLES = (
    ("a", ()), ("b", ()), ("c", ()), ("d", ("a", "b")), ("e", ("b", "c")),
    ("f", ("d",)), ("g", ("d", "e")), ("h", ("e",)), ("i", ("f", "g")), ("j", ("h", "i")),
)  # fmt: skip

Recorded = list[tuple[PondState, Signal, Instant]]


def record() -> Recorded:
    """What happens to the middle Pond in ten minutes of a Wave."""
    conditions = Conditions(
        latency=lambda r: seconds(0.05 + r.random() * 0.1),
        duration=lambda _, ripple: seconds(0.5 + len(ripple) + ord(ripple[0]) % 3),
    )
    world = World(conditions)
    sources = ["s1@1", "s2@1", "s3@1"]
    world.deploy(
        *(pond(s) for s in sources),
        pond(MID, *sources, ripples=RIPPLES),
        pond("t1@1", MID),
        pond("t2@1", MID),
    )
    world.run_until()
    world.trigger("t1@1", "wave")
    recorded: Recorded = []

    def keep(before: PondState, after: PondState) -> None:
        if after.line == MID:
            recorded.append((before, world.log[-1][1], world.log[-1][2]))

    world.watch = keep
    world.run_until(world.now + seconds(600))
    return recorded[50:]


class Rate(NamedTuple):
    """Steps per second."""

    best: float
    median: float

    def __str__(self) -> str:
        """Both, as a line of the table has them."""
        return f"best {self.best:8,.0f}   median {self.median:8,.0f} steps/s"


def rate(letters: Recorded) -> Rate:
    """Steps per second over ``letters``, each from the state that it met."""
    gc.collect()
    gc.freeze()  # what was recorded is the bench's own memory: a function holds one line
    rates = [len(letters) / _seconds(letters) for _ in range(TIMES)]
    gc.unfreeze()
    return Rate(max(rates), statistics.median(rates))


def _seconds(letters: Recorded) -> float:
    begun = time.process_time()
    for state, signal, now in letters:
        step(state, signal, now)
    return time.process_time() - begun


def among(ponds: int, recorded: Recorded) -> Rate:
    """Steps per second, each on a random one of ``ponds`` states, all held in memory."""
    chance = random.Random(1)
    held = [replace(recorded[n % len(recorded)][0], line=Line(f"p{n}@1")) for n in range(ponds)]
    letters = []
    for n in range(STEPS):
        which = chance.randrange(ponds)
        before, signal, now = recorded[
            which % len(recorded) if ponds > len(recorded) else n % len(recorded)
        ]
        letters.append(
            (
                held[which] if ponds > len(recorded) else replace(before, line=held[which].line),
                signal,
                now,
            )
        )
    return rate(letters)


def in_order(recorded: Recorded) -> Recorded:
    """One Pond's own history, over and over."""
    return recorded * max(1, STEPS // len(recorded))


def main() -> None:
    recorded = record()
    kinds: dict[str, int] = {}
    for _, signal, _ in recorded:
        kinds[type(signal).__name__] = kinds.get(type(signal).__name__, 0) + 1
    print(
        f"{len(recorded)} letters: " + ", ".join(f"{kind} {n}" for kind, n in sorted(kinds.items()))
    )
    if "--profile" in sys.argv:
        profile = cProfile.Profile()
        profile.runcall(_seconds, in_order(recorded))
        pstats.Stats(profile).sort_stats("tottime").print_stats(25)
        return
    print(f"one Pond            {rate(in_order(recorded))}   (target {TARGET:,})")
    for ponds in (10, 1_000, 100_000):
        print(f"among {ponds:>7,} Ponds {among(ponds, recorded)}")


if __name__ == "__main__":
    main()
