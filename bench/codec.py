"""Reading and writing the state of a Pond of 10 Ripples that works: what each delivery does beside
the step itself.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from bench.table import Figure
from duckstring.adapters.aws import codec
from duckstring.engine.state import PondState
from duckstring.model.names import Line
from duckstring.testing.simulator import START, World, chain_of, pond, seconds

_TIMES, _EACH = 9, 300
_LEFT, _RIGHT, _MIDDLE = Line("left@1"), Line("right@1"), Line("middle@1")


def working_state() -> PondState:
    """A chain of 10 Ripples with two Sources, a minute into a Wave: 10 runs are in flight."""
    world = World()
    ripples = chain_of(*(f"ripple_{number}" for number in range(10)))
    world.deploy(pond(_LEFT), pond(_RIGHT), pond(_MIDDLE, _LEFT, _RIGHT, ripples=ripples))
    world.trigger(_MIDDLE, "wave")
    world.run_until(START + seconds(60))
    return world.states[_MIDDLE]


def measure() -> list[Figure]:
    state = working_state()
    text = codec.state_to_text(state)
    return [
        Figure(
            f"read a state of 10 Ripples ({len(text):,} bytes)",
            _median(lambda: codec.state_from_text(text)),
            "s",
        ),
        Figure("  write it", _median(lambda: codec.state_to_text(state)), "s"),
    ]


def _median(call: Callable[[], object]) -> float:
    taken = []
    for _ in range(_TIMES):
        began = time.process_time()
        for _ in range(_EACH):
            call()
        taken.append((time.process_time() - began) / _EACH)
    return statistics.median(taken)
