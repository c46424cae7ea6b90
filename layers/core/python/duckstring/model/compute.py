"""Where a Ripple's attempt runs: in the function, or as a task of one of a few sizes.

Fargate offers certain pairs of processor and memory only. These are the sizes that a Ripple uses.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from duckstring.model.values import Value

Place = Literal["lambda", "task"]
PinnedPlace = Literal["lambda", "task", "auto"]
Why = Literal["operator", "learnt", "hint", "default"]
"""Whose word it is that a Ripple runs where it runs."""

LEAST_MIB, MOST_MIB = 128, 122_880
"""What may be asked for."""

_MEMORY = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)\s*(MB|GB|MiB|GiB)", re.IGNORECASE)


ORDER = "DUCKSTRING_ORDER"
"""The variable of a task that says, as JSON, which attempt it is of."""

TOKEN = "DUCKSTRING_TASK_TOKEN"  # noqa: S105 - the name of a variable
"""The variable with which a task answers the machine."""


@dataclass(frozen=True, slots=True)
class TaskSize:
    """What a task is given: ``cpu_units`` (1024 are one processor) and ``memory_mib``."""

    cpu_units: int
    memory_mib: int


TASK_SIZES = (
    TaskSize(2048, 8192),
    TaskSize(2048, 16_384),
    TaskSize(4096, 30_720),
    TaskSize(8192, 61_440),
    TaskSize(16_384, 122_880),
)
"""From the least to the largest. 120 GB is all that Fargate has."""


def size_for(memory_mib: int) -> TaskSize:
    """The least size with so much memory; the largest, if none has."""
    return next((size for size in TASK_SIZES if size.memory_mib >= memory_mib), TASK_SIZES[-1])


def size_above(memory_mib: int) -> TaskSize | None:
    """The least size with more memory than that; None: there is none."""
    return next((size for size in TASK_SIZES if size.memory_mib > memory_mib), None)


def mebibytes(text: str) -> int | None:
    """``mebibytes("16GB") == 16384``. None: the text is not an amount of memory, or not one that is
    available.
    """
    if not (found := _MEMORY.fullmatch(text.strip())):
        return None
    mib = round(float(found[1]) * (1024 if found[2].upper().startswith("G") else 1))
    return mib if LEAST_MIB <= mib <= MOST_MIB else None


@dataclass(frozen=True, slots=True)
class FunctionSize:
    """What an attempt in the Catchment's function has."""

    memory_mib: int
    seconds: int

    def fits(self, *, memory_mib: int | None, timeout_seconds: int | None) -> bool:
        """Whether a Ripple with these hints may begin there."""
        return (memory_mib or 0) <= self.memory_mib and (timeout_seconds or 0) <= self.seconds


class Pin(Value, frozen=True):
    """Where an operator wants a Ripple to run. ``memory_mib``: of a task; 0: as the line finds
    out.
    """

    on: Place
    memory_mib: int = 0
