"""One Pulse over a pipeline whose critical path is 8 s of work."""

from __future__ import annotations

from bench.ground import Ground, PondText, instant
from bench.table import Figure


def ponds() -> list[PondText]:
    return [
        PondText("path_in", kind="inlet", ripples=[("make", (), 2.0)]),
        PondText("path_long", ["path_in"], ripples=[("half", (), 1.5), ("make", ("half",), 1.5)]),
        PondText("path_short", ["path_in"], ripples=[("make", (), 1.0)]),
        PondText(
            "path_out",
            ["path_long", "path_short"],
            "outlet",
            [("load", (), 1.0), ("side", (), 0.5), ("make", ("load", "side"), 2.0)],
        ),
    ]


def measure(ground: Ground) -> list[Figure]:
    ground.deploy(ponds())
    ground.restart()
    return [
        Figure("one Pulse over an 8 s critical path, cold", _once(ground), "s", "9.4"),
        Figure("one Pulse over an 8 s critical path, warm", _once(ground), "s"),
    ]


def once(ground: Ground) -> dict[str, float]:
    return {"one Pulse over an 8 s critical path": _once(ground)}


def _once(ground: Ground) -> float:
    sent = ground.pulse("path_out")
    return instant(ground.last_run("path_out")["finished"]) - sent
