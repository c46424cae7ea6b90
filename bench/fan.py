"""Twenty Ponds between an Inlet and an Outlet: how long a Pulse takes, and how much memory the
workers hold.
"""

from __future__ import annotations

import time
from statistics import median

from bench.ground import Ground, PondText, instant
from bench.table import Figure

WIDTH = 20


def ponds() -> list[PondText]:
    middle = [f"fan{i}" for i in range(WIDTH)]
    return [
        PondText("fan_in", kind="inlet"),
        *(PondText(name, ["fan_in"]) for name in middle),
        PondText("fan_out", middle, "outlet"),
    ]


def measure(ground: Ground) -> list[Figure]:
    ground.deploy(ponds())
    ground.restart()
    cold, hot = _once(ground), []
    for _ in range(3):
        time.sleep(1)
        hot.append(_once(ground))
    # In a run of its own: to add up the pages of some seventy processes takes processor, too.
    with ground.watched() as peak:
        _once(ground)
    return [
        Figure(f"a fan of {WIDTH} Ponds, cold", cold, "s", "6.4"),
        Figure(f"a fan of {WIDTH} Ponds, hot", median(hot), "s", "3.0"),
        Figure("  memory of all its processes, peak (RSS)", peak.rss / 1e9, "GB", "1.9"),
        Figure("  the same, shared pages counted once (PSS)", peak.pss / 1e9, "GB"),
        Figure("  processes, peak", peak.processes, ""),
    ]


def once(ground: Ground) -> dict[str, float]:
    return {f"a fan of {WIDTH} Ponds": _once(ground)}


def _once(ground: Ground) -> float:
    sent = ground.pulse("fan_out")
    return instant(ground.last_run("fan_out")["finished"]) - sent
