"""What an attempt costs beside its author's work: an invocation of the ripple function, from its
event to its answer.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from statistics import median
from typing import Any

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
    figures = [
        Figure(f"{name}, warm", seconds, "s") for name, seconds in _medians(ground, _RUNS).items()
    ]
    return [*figures, *_credentials(ground)]


def once(ground: Ground) -> dict[str, float]:
    return _medians(ground, _RUNS_AT_ONCE)


def _credentials(ground: Ground) -> list[Figure]:
    """What an attempt's own credentials cost: an invocation of the vendor, and what that asks STS.
    The vendor reads the state, the manifests and the secret in the worker's place.
    """
    seconds: list[float] = []
    sessions = attempts = 0
    for event in _traced(ground, _RUNS):
        if event["event"] == "request":
            # Of what is asked here, only STS has no name of its action in a header.
            sessions += (event["service"], event["op"], event["about"]) == ("http", "POST", "/")
        elif "-DoorsVendor" in event["function"]:
            seconds.append(event["seconds"])
        else:
            attempts += "-DoorsRipple" in event["function"]
    return [
        Figure(
            "  its credentials: an invocation of the vendor, warm", median(seconds), "s", "0.06"
        ),
        Figure("  requests for them", (len(seconds) + sessions) / attempts, "", "2"),
    ]


def _medians(ground: Ground, runs: int) -> dict[str, float]:
    seconds: dict[str, list[float]] = {"nothing": [], "row": []}
    for event in _traced(ground, runs):
        about = event["about"] if event["event"] == "invoke" else {}
        if isinstance(about, dict) and about.get("line") == f"{_SINK}@1":
            seconds[about["ripple"]].append(event["seconds"])
    return {
        "an attempt of a Ripple that does nothing": median(seconds["nothing"]),
        "an attempt that counts one table and writes one row": median(seconds["row"]),
    }


def _traced(ground: Ground, runs: int) -> Iterator[dict[str, Any]]:
    """What happened in so many runs."""
    for _ in range(runs):
        sent = ground.pulse(_SINK)
        time.sleep(_SETTLED)
        yield from ground.trace(sent)
