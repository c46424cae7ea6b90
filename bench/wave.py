"""A Wave over Ponds of 1 s, 3 s and 1 s: the cadence that it settles to."""

from __future__ import annotations

import time
from statistics import median

from bench.ground import Ground, PondText, instant
from bench.table import Figure

_SECONDS = 45


def ponds() -> list[PondText]:
    return [
        PondText("wave_in", kind="inlet", ripples=[("make", (), 1.0)]),
        PondText("wave_mid", ["wave_in"], ripples=[("make", (), 3.0)]),
        PondText("wave_out", ["wave_mid"], "outlet", [("make", (), 1.0)]),
    ]


def measure(ground: Ground) -> list[Figure]:
    ground.deploy(ponds())
    ground.client.trigger("wave_out", "wave")
    time.sleep(_SECONDS)
    ground.client.trigger("wave_out", "remove")
    time.sleep(6)
    rows = [row for row in ground.client.runs("wave_out", limit=50) if row["status"] == "success"]
    ends = sorted(instant(str(row["finished"])) for row in rows)[2:]
    gaps = [later - earlier for earlier, later in zip(ends, ends[1:], strict=False)]
    return [Figure("a Wave over a 3 s bottleneck: from run to run", median(gaps), "s", "3.08")]
