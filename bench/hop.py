"""From a Source's end to its Sink's beginning, by part, over a chain of ten Ponds with one row
each.
"""

from __future__ import annotations

import subprocess
import sys
import time
from statistics import median
from typing import Any

from bench.ground import Ground, PondText, instant
from bench.table import Figure

LENGTH = 10
CHAIN = [f"hop{i}" for i in range(LENGTH)]


def ponds() -> list[PondText]:
    kinds = ["inlet", *["pond"] * (LENGTH - 2), "outlet"]
    return [PondText(name, [CHAIN[i - 1]] if i else [], kinds[i]) for i, name in enumerate(CHAIN)]


def measure(ground: Ground) -> list[Figure]:
    ground.deploy(ponds())
    ground.restart()
    first_cold = _first(ground, ground.pulse(CHAIN[-1]))
    cold = _hops(ground)
    firsts, hops, parts = [], [], []
    for _ in range(5):
        sent = ground.pulse(CHAIN[-1])
        firsts.append(_first(ground, sent))
        hops += _hops(ground)
        parts += _parts(ground, sent)
    figures = [
        Figure("trigger to first Ripple, cold (10 Ponds up, 1 start)", first_cold, "s"),
        Figure("trigger to first Ripple, warm", median(firsts), "s"),
        Figure("Source's last Ripple to Sink's first, cold", median(cold), "s", "0.38"),
        Figure("Source's last Ripple to Sink's first, warm", median(hops), "s", "0.47"),
    ]
    if parts:
        figures += [
            Figure(f"  of it: {name}", median(part[name] for part in parts), "s")
            for name in parts[0]
        ]
    figures.append(Figure("the `duckstring trigger` command itself, warm", _command(), "s"))
    return figures


def once(ground: Ground) -> dict[str, float]:
    ground.pulse(CHAIN[-1])
    return {"Source's last Ripple to Sink's first": median(_hops(ground))}


def _first(ground: Ground, sent: float) -> float:
    return min(instant(row["started"]) for row in ground.attempts(CHAIN[0])) - sent


def _hops(ground: Ground) -> list[float]:
    spans = [
        (instant(rows[0]["started"]), instant(rows[-1]["finished"]))
        for rows in map(ground.attempts, CHAIN)
    ]
    return [sink[0] - source[1] for source, sink in zip(spans, spans[1:], strict=False)]


def _parts(ground: Ground, sent: float) -> list[dict[str, float]]:
    events = ground.trace(sent)
    found = []
    for source, sink in zip(CHAIN, CHAIN[1:], strict=False):
        finished = instant(ground.attempts(source)[-1]["finished"])
        started = instant(ground.attempts(sink)[0]["started"])
        own = _delivery(events, f"{source}@1", "ripple_succeeded")
        next_ = _delivery(events, f"{sink}@1", "source_told")
        run = _only(
            event
            for event in events
            if event["event"] == "invoke" and event["about"] and _is_run(event, f"{sink}@1")
        )
        if not (own and next_ and run):
            continue
        begin = _only(
            e
            for e in events
            if e["event"] == "request"
            and e["op"] == "StartExecution"
            and next_["at"] <= e["at"] <= run["at"]
        )
        if not begin:
            continue
        found.append(
            {
                "worker's report (row, letter)": own["sent"] - finished,
                "mailbox, Source": own["at"] - own["sent"],
                "step, Source": next_["sent"] - own["at"],
                "mailbox, Sink": next_["at"] - next_["sent"],
                "step, Sink": begin["at"] - next_["at"],
                "state machine": run["at"] - begin["at"],
                "worker start": started - run["at"],
            }
        )
    return found


def _is_run(event: dict[str, Any], line: str) -> bool:
    about = event["about"]
    return isinstance(about, dict) and about.get("line") == line


def _delivery(events: list[dict[str, Any]], line: str, kind: str) -> dict[str, Any] | None:
    for event in events:
        if event["event"] == "invoke" and isinstance(event["about"], list):
            for to, what, sent in event["about"]:
                if (to, what) == (line, kind):
                    return {**event, "sent": int(sent) / 1000}
    return None


def _only(events: Any) -> dict[str, Any] | None:
    return next(iter(events), None)


def _command() -> float:
    took = []
    for _ in range(3):
        began = time.monotonic()
        subprocess.run(
            [sys.executable, "-m", "duckstring_cli.main", "trigger", "pulse", CHAIN[0]],
            check=True,
            capture_output=True,
        )
        took.append(time.monotonic() - began)
        time.sleep(2)
    return median(took)
