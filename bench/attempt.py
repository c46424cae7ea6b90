"""What an attempt costs beside its author's work: an invocation of the ripple function, from its
event to its answer.
"""

from __future__ import annotations

import time
from statistics import median

from bench.ground import Ground, PondText
from bench.table import Figure

_RUNS, _RUNS_AT_ONCE = 15, 3
_SETTLED = 0.5
_SOURCE, _SINK = "attempt_source", "attempt_sink"


def ponds() -> list[PondText]:
    return [
        PondText(_SOURCE, kind="inlet"),
        PondText(_SINK, [_SOURCE], "outlet", [("nothing", (), 0.0), ("row", ("nothing",), 0.0)]),
    ]


def measure(ground: Ground) -> list[Figure]:
    ground.deploy(ponds())
    ground.pulse(_SINK)
    return [
        Figure(f"{name}, warm", seconds, "s") for name, seconds in _medians(ground, _RUNS).items()
    ]


def once(ground: Ground) -> dict[str, float]:
    return _medians(ground, _RUNS_AT_ONCE)


def _medians(ground: Ground, runs: int) -> dict[str, float]:
    seconds: dict[str, list[float]] = {"nothing": [], "row": []}
    for _ in range(runs):
        sent = ground.pulse(_SINK)
        time.sleep(_SETTLED)
        for event in ground.trace(sent):
            about = event["about"] if event["event"] == "invoke" else {}
            if isinstance(about, dict) and about.get("line") == f"{_SINK}@1":
                seconds[about["ripple"]].append(event["seconds"])
    return {
        "an attempt of a Ripple that does nothing": median(seconds["nothing"]),
        "an attempt that counts one table and writes one row": median(seconds["row"]),
    }
