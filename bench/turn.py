"""One Catchment of one commit, measured once for each line on standard input. Run by ``turns.py``, in a folder of that commit.

It needs ``bench/ground.py`` of that commit and no more, so that commits before a figure existed can be measured.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path.cwd()))
from bench.ground import Ground, PondText, ground, instant

_CHAIN = [f"hop{i}" for i in range(10)]
_FAN = [f"fan{i}" for i in range(20)]
_PULSES = 3
_SETTLED = 0.5


def _hop(one: Ground) -> dict[str, float]:
    one.pulse(_CHAIN[-1])
    spans = [(instant(rows[0]["started"]), instant(rows[-1]["finished"])) for rows in map(one.attempts, _CHAIN)]
    return {"Source's last Ripple to Sink's first": median(sink[0] - source[1] for source, sink in pairwise(spans))}


def _fan(one: Ground) -> dict[str, float]:
    sent = one.pulse("fan_out")
    return {"a fan of 20 Ponds": instant(one.last_run("fan_out")["finished"]) - sent}


def _critical(one: Ground) -> dict[str, float]:
    sent = one.pulse("path_out")
    return {"one Pulse over an 8 s critical path": instant(one.last_run("path_out")["finished"]) - sent}


def _attempt(one: Ground) -> dict[str, float]:
    seconds: dict[str, list[float]] = {"nothing": [], "row": []}
    for _ in range(_PULSES):
        sent = one.pulse("attempt_sink")
        time.sleep(_SETTLED)
        for event in one.trace(sent):
            about = event["about"] if event["event"] == "invoke" else {}
            if isinstance(about, dict) and about.get("line") == "attempt_sink@1":
                seconds[about["ripple"]].append(event["seconds"])
    return {
        "an attempt of a Ripple that does nothing": median(seconds["nothing"]),
        "an attempt that counts one table and writes one row": median(seconds["row"]),
    }


FIGURES: dict[str, tuple[Callable[[Ground], dict[str, float]], list[PondText]]] = {
    "hop": (_hop, [PondText(name, _CHAIN[i - 1 : i] if i else [], "inlet" if not i else "pond") for i, name in enumerate(_CHAIN)]),
    "fan": (
        _fan,
        [PondText("fan_in", kind="inlet"), *(PondText(name, ["fan_in"]) for name in _FAN), PondText("fan_out", _FAN, "outlet")],
    ),
    "critical": (
        _critical,
        [
            PondText("path_in", kind="inlet", ripples=[("make", (), 2.0)]),
            PondText("path_long", ["path_in"], ripples=[("half", (), 1.5), ("make", ("half",), 1.5)]),
            PondText("path_short", ["path_in"], ripples=[("make", (), 1.0)]),
            PondText(
                "path_out", ["path_long", "path_short"], "outlet", [("load", (), 1.0), ("side", (), 0.5), ("make", ("load", "side"), 2.0)]
            ),
        ],
    ),
    "attempt": (
        _attempt,
        [
            PondText("attempt_source", kind="inlet"),
            PondText("attempt_sink", ["attempt_source"], "outlet", [("nothing", (), 0.0), ("row", ("nothing",), 0.0)]),
        ],
    ),
}


def main() -> None:
    measure, ponds = FIGURES[sys.argv[1]]
    with ground() as one:
        one.deploy(ponds)
        for _ in range(2):
            measure(one)
        print("ready", flush=True)
        for _ in sys.stdin:
            print(json.dumps(measure(one)), flush=True)


if __name__ == "__main__":
    main()
