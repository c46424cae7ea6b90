"""What a Pond Run costs: requests to AWS by kind, and transitions of its state machine.

A chain's middle Pond is the unit: (requests of a run over ten Ponds) / 10. Requests that Lambda, SQS and Step Functions make
to each other inside AWS are not the Catchment's own; they are no lines here. Transitions are counted on the machine's definition.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from bench import hop
from bench.ground import Ground
from bench.table import Figure

_RUNS = 3


def measure(ground: Ground) -> list[Figure]:
    if not int(ground.last_run(hop.CHAIN[-1])["number"]):
        ground.deploy(hop.ponds())
        ground.pulse(hop.CHAIN[-1])
        time.sleep(2)
    counted: Counter[str] = Counter()
    invocations: Counter[str] = Counter()
    for _ in range(_RUNS):
        sent = ground.pulse(hop.CHAIN[-1])
        time.sleep(1)
        for event in ground.trace(sent):
            if event["event"] == "request" and event["ours"]:
                counted[_kind(event)] += 1
            elif event["event"] == "invoke":
                invocations[event["function"].rpartition("-Doors")[2][:12] or event["function"]] += 1
    runs = _RUNS * hop.LENGTH
    figures = [Figure("requests to AWS per Pond Run (1 Ripple, 1 Source, 1 table)", sum(counted.values()) / runs, "")]
    figures += [Figure(f"  {kind}", count / runs, "") for kind, count in counted.most_common()]
    figures += [Figure(f"  invocations: {name}", count / runs, "") for name, count in invocations.most_common()]
    figures += [
        Figure("state transitions per Pond Run, 1 Ripple", transitions({"make": 0}), ""),
        Figure("state transitions per Pond Run, 4 Ripples one after the other", transitions({"a": 0, "b": 1, "c": 1, "d": 1}), ""),
        Figure("  each retry of a Ripple", transitions({"a": 1}) - transitions({"a": 0}) + 2, ""),
    ]
    return figures


def _kind(event: dict[str, Any]) -> str:
    if event["service"] != "http":
        return f"{event['service']} {event['op']} {event['about']}".strip()
    place = next((word for word in ("data/", "artifacts/", "errors/") if word in event["about"]), event["about"])
    return f"S3 {event['op']} {place}"


def transitions(gates: dict[str, int]) -> int:
    """States entered by an execution whose Ripples wait at so many gates each, and the start."""
    from infra.machine import definition

    machine = definition()
    branch = machine["States"]["Ripples"]["ItemProcessor"]
    total = 1
    for waits in gates.values():
        verdicts = ["wait"] * waits + ["lambda", "done"]
        state = branch["StartAt"]
        while True:
            total += 1
            found = branch["States"][state]
            if found.get("End"):
                break
            if found["Type"] == "Choice":
                verdict = verdicts.pop(0)
                state = next(one["Next"] for one in found["Choices"] if f"'{verdict}'" in one["Condition"])
            else:
                state = found["Next"]
    state = "Ripples"
    while True:
        total += 1
        found = machine["States"][state]
        if found.get("End"):
            return total
        state = found.get("Next") or found["Default"]
