"""What is done in which round: a pure function of the number of rounds and a seed."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Pace = Literal["quick", "slow", "alone"]
"""``slow`` rounds take a minute or more, and are made side by side; ``alone``: the fault strikes
the whole Catchment.
"""


@dataclass(frozen=True)
class Fault:
    """One way to die. ``weight``: how often, beside the others; ``least``: rounds of it that any
    campaign has.
    """

    name: str
    what: str
    weight: int = 4
    pace: Pace = "quick"


FAULTS = (
    Fault("raise", "the Ripple raises, once or until its budget is spent"),
    Fault("exit", "the Ripple ends its process: sys.exit, os._exit"),
    Fault("sigkill", "SIGKILL of the worker, at a random moment of the Ripple"),
    Fault("sigkill-worker", "SIGKILL of the worker, at a random request of the attempt", 6),
    Fault("memory", "MemoryError, or DuckDB's limit, out of the Ripple's code", 3),
    Fault("hang", "the Ripple never ends, in Python or in DuckDB; an operator kills the line", 3),
    Fault("brain-before", "the orchestrator is killed before its commit", 5),
    Fault("brain-between", "the orchestrator is killed between commit and effects", 6),
    Fault("brain-half", "the orchestrator is killed half-way through its effects", 8),
    Fault("brain-after", "the orchestrator is killed after its effects, before it acknowledges"),
    Fault("twice", "the mailbox delivers a batch again, at once or seconds later", 6),
    Fault(
        "throttle",
        "DynamoDB, SQS, S3 or Step Functions refuse a function's requests for a while",
        8,
    ),
    Fault("lost-answer", "a request is done, its answer does not come back", 10),
    Fault("duck-storage", "S3 fails DuckDB: refused, or done and unanswered", 4),
    Fault("stopped", "an execution is stopped from outside", 5),
    Fault("kill-verb", "an operator kills a line in the middle, and wakes it", 3),
    Fault("overrun", "the Ripple overruns its function and goes on as a task", 2, "slow"),
    Fault("task-sigkill", "SIGKILL of a task's worker, or of all of it", 2, "slow"),
    Fault("task-silent", "a task falls silent (SIGSTOP)", 1, "slow"),
    Fault(
        "poison",
        "a letter that no delivery can handle: given up, explained by the doctor, redriven",
        2,
        "alone",
    ),
    Fault("restart", "the emulator is killed hard, or stopped, and started again", 2, "alone"),
)
BY_NAME: Mapping[str, Fault] = {fault.name: fault for fault in FAULTS}
_PACES: tuple[Pace, ...] = ("quick", "slow", "alone")


@dataclass(frozen=True)
class Round:
    """One fault. ``seed`` is what its own choices are made from."""

    number: int
    fault: str
    seed: int


def plan(rounds: int, seed: int, *, faults: Sequence[str] = ()) -> list[Round]:
    """Every fault at least once (where there are so many rounds), the rest by weight; in an order
    of the seed's.

    Raises:
        KeyError: no such fault.
    """
    pool = [BY_NAME[name] for name in faults] if faults else [*FAULTS]
    draw = random.Random(seed)
    # By shares, not by lot: a campaign of 200 has each fault as often as its weight says.
    total = sum(fault.weight for fault in pool)
    shares = sorted(
        ((number + draw.random()) * total / fault.weight, fault.name)
        for fault in pool
        for number in range(rounds)
        if fault.weight
    )
    chosen = [name for _, name in shares]
    first = [fault.name for fault in pool]
    draw.shuffle(first)
    for name in first:
        chosen.remove(name)
    names = (first + chosen)[:rounds]
    draw.shuffle(names)
    return [
        Round(number, name, draw.randrange(2**32)) for number, name in enumerate(names, start=1)
    ]


def batches(rounds: Sequence[Round], lanes: int) -> Iterator[list[Round]]:
    """SweepPorts that are made side by side: at most one a lane, of one pace, and ``alone`` by
    themselves.
    """
    for pace in _PACES:
        these = [one for one in rounds if BY_NAME[one.fault].pace == pace]
        size = 1 if pace == "alone" else lanes
        yield from (these[start : start + size] for start in range(0, len(these), size))
