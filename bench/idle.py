"""The processor that a Catchment takes while nothing happens, after it has worked."""

from __future__ import annotations

import time

from bench.ground import Ground, PondText
from bench.table import Figure

_SECONDS = 60


def measure(ground: Ground) -> list[Figure]:
    ground.deploy([PondText("idle_in", kind="inlet"), PondText("idle_out", ["idle_in"], "outlet")])
    ground.pulse("idle_out")
    time.sleep(8)
    before, began = ground.cpu(), time.monotonic()
    time.sleep(_SECONDS)
    # Workers that end meanwhile, unused, have taken nothing.
    share = sum(taken - before.get(pid, 0.0) for pid, taken in ground.cpu().items()) / (
        time.monotonic() - began
    )
    use = ground.use(shared=True)
    return [
        Figure("processor when idle, of one core", 100 * share, "%", "5.6"),
        Figure("  memory when idle (RSS)", use.rss / 1e9, "GB"),
    ]
