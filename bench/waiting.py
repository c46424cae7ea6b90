"""What a Ripple that wraps an external run of three hours costs, by how it waits: arithmetic over
list prices, nothing is measured.

docs/author.md has the table; a test holds it to this file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bench.sim import GB_SECOND, PRICE
from bench.table import Figure
from duckstring.model.compute import TASK_SIZES
from duckstring.model.pauses import grown, spaced

SECONDS = 3 * 3600
DEADLINE = 24 * 3600
FUNCTION_GB, FUNCTION_SECONDS, MARGIN = 2.0, 900, 60
TASK = TASK_SIZES[0]
TASK_START = 60
"""Seconds that a task takes to start; Fargate bills most of them."""

VCPU_HOUR, GB_HOUR = 0.04048, 0.004445
DISK_GB_HOUR, DISK_GB, ADDRESS_HOUR = 0.000111, 100 - 20, 0.005
"""Of a task: the disk above the 20 GB that are free, and its public address."""
SECRET_READ = 0.05 / 1e4
LOG_BYTE = 0.50 / 1e9

LOOK_SECONDS = 1.0
"""Of the function, for one look: mostly the engine's answer, now and then a cold start."""
LOOK = {"write unit": 7, "read unit": 2}
"""Its attempt's row twice (3 KB), what it remembers, and the line's state (8 KB)."""
LOOK_LOG = 2_500
STATES_A_TURN = 3
EVENTS_A_TURN = 11
STATES_AROUND = 3


@dataclass(frozen=True)
class Way:
    """One way to wait, and what it comes to."""

    name: str
    looks: int
    late: int
    """Seconds that the run's end may go unnoticed."""
    transitions: float
    compute: float
    rest: float

    @property
    def total(self) -> float:
        return self.transitions + self.compute + self.rest

    @property
    def events(self) -> int:
        return (self.looks - 1) * EVENTS_A_TURN


def ways() -> list[Way]:
    """Each way, of a Pond of one Ripple."""
    handed_over = FUNCTION_SECONDS - MARGIN
    return [
        _sleeping(
            "`time.sleep(15)`, a first run: the function, then a task",
            function=handed_over,
            states=STATES_AROUND + 3,
        ),
        _sleeping("`time.sleep(15)`, later runs: a task", function=0, states=STATES_AROUND),
        _pausing('`pond.pause("15s")`', lambda _: 15),
        _pausing('`pond.pause("60s")`', lambda _: 60),
        _pausing("`pond.pause()`, 15 s growing to 5 min", grown),
    ]


def _sleeping(name: str, *, function: int, states: int) -> Way:
    hours = (SECONDS - function + TASK_START) / 3600
    around = DISK_GB * DISK_GB_HOUR + ADDRESS_HOUR
    task = hours * (TASK.cpu_units / 1024 * VCPU_HOUR + TASK.memory_mib / 1024 * GB_HOUR + around)
    looks_at_row = SECONDS / 5 * PRICE["read unit"] / 2
    return Way(
        name,
        1,
        15,
        states * PRICE["transition"],
        function * FUNCTION_GB * GB_SECOND + task,
        looks_at_row,
    )


def _pausing(name: str, asked: Callable[[int], int]) -> Way:
    rests = list(_rests(asked))
    looks = len(rests) + 1
    states = STATES_AROUND + len(rests) * STATES_A_TURN
    one = (
        sum(PRICE[what] * times for what, times in LOOK.items()) + SECRET_READ + LOOK_LOG * LOG_BYTE
    )
    compute = looks * (LOOK_SECONDS * FUNCTION_GB * GB_SECOND + PRICE["invocation"])
    return Way(name, looks, max(rests), states * PRICE["transition"], compute, looks * one)


def _rests(asked: Callable[[int], int]) -> Iterator[int]:
    """Each pause until the external run is over, as the worker spaces them."""
    passed = pauses = 0
    while passed < SECONDS:
        seconds = spaced(asked(pauses), pauses=pauses, ripples=1, left=DEADLINE - passed)
        yield seconds
        passed, pauses = passed + seconds, pauses + 1


def table() -> str:
    """As docs/author.md has it."""
    head = (
        "| how it waits | looks | learns of the end within | transitions | compute | the rest | "
        "together |"
    )
    lines = [head, "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"]
    for way in ways():
        looks = str(way.looks) if way.looks > 1 else "in one go"
        late = f"{way.late} s" if way.late < 120 else f"{way.late // 60} min"
        money = " | ".join(f"${part:.4f}" for part in (way.transitions, way.compute, way.rest))
        lines.append(f"| {way.name} | {looks} | {late} | {money} | **${way.total:.3f}** |")
    return "\n".join(lines)


def measure() -> list[Figure]:
    print(table())
    return [Figure(f"three hours' wait: {way.name}", way.total, "$") for way in ways()]
