"""What a Pond Run costs: requests to AWS by kind, and transitions of its state machine.

A chain's middle Pond is the unit: (requests of a run over ten Ponds) / 10. Requests that Lambda,
SQS and Step Functions make to each other inside AWS are not the Catchment's own; they are no lines
here. Transitions are counted on the machine's definition.
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
                invocations[
                    event["function"].rpartition("-Doors")[2][:12] or event["function"]
                ] += 1
    runs = _RUNS * hop.LENGTH
    figures = [
        Figure(
            "requests to AWS per Pond Run (1 Ripple, 1 Source, 1 table)",
            sum(counted.values()) / runs,
            "",
        )
    ]
    figures += [Figure(f"  {kind}", count / runs, "") for kind, count in counted.most_common()]
    figures += [
        Figure(f"  invocations: {name}", count / runs, "")
        for name, count in invocations.most_common()
    ]
    figures += [
        Figure("state transitions per Pond Run, 1 Ripple", transitions({"make": 0}), ""),
        Figure(
            "state transitions per Pond Run, 4 Ripples one after the other",
            transitions({"a": 0, "b": 1, "c": 1, "d": 1}),
            "",
        ),
        Figure(
            "state transitions per Pond Run, 10 Ripples one after the other",
            transitions({"a": 0} | {f"r{n}": 1 for n in range(9)}),
            "",
        ),
        Figure(
            "  each retry of a Ripple",
            transitions({"a": 1, "b": 2}) - transitions({"a": 1, "b": 1}),
            "",
        ),
    ]
    return figures


def _kind(event: dict[str, Any]) -> str:
    if event["service"] != "http":
        return f"{event['service']} {event['op']} {event['about']}".strip()
    place = next(
        (word for word in ("data/", "artifacts/", "errors/") if word in event["about"]),
        event["about"],
    )
    return f"S3 {event['op']} {place}"


def transitions(gates: dict[str, int]) -> int:
    """States entered by an execution whose Ripples wait at so many gates each and then succeed,
    and the start.
    """
    from infra.machine import definition

    machine = definition()["States"]
    first = "wait" if next(iter(gates.values())) else "lambda"
    total, state = 1, "Begin"
    while True:
        total += 1
        found = machine[state]
        if found["Type"] == "Map":
            branch = found["ItemProcessor"]
            total += sum(
                _walk(branch["States"], branch["StartAt"], waits) for waits in gates.values()
            )
        if found.get("End"):
            return total
        alone = next(
            (
                one["Next"]
                for one in found.get("Choices", [])
                if f"'{first}'" in one["Condition"] and len(gates) == 1
            ),
            None,
        )
        if alone is not None:
            return total + _walk(machine, alone, gates.popitem()[1])
        state = found.get("Next") or found["Default"]


def _walk(states: dict[str, Any], state: str, waits: int) -> int:
    """States entered by a branch that waits at ``waits`` gates: each but the first after an
    attempt that failed.
    """
    entered, asked = 0, 0
    while True:
        entered += 1
        found = states[state]
        if found["Type"] == "Choice" and "Route" in state:
            verdict = "wait" if waits else "lambda"
            state = next(
                one["Next"] for one in found["Choices"] if f"'{verdict}'" in one["Condition"]
            )
        elif found["Type"] == "Choice":
            state = found["Default"]
        elif found["Resource"].endswith("waitForTaskToken"):
            asked, state = asked + 1, found["Next"]
        elif asked < waits:
            state = found["Catch"][-1]["Next"]
        else:
            return entered
