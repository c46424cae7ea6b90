"""What ``duckstring cost`` says, against the requests that the emulator has received and the states
that its machine has entered.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter

import pytest

from bench import requests
from bench.ground import NAME, Ground, PondText, ground
from duckstring_cli import catchments

PULSES = 12
PONDS = [
    PondText("sales", kind="inlet"),
    PondText("orders", ["sales"], "pond", [("load", (), 0), ("clean", ("load",), 0)]),
    PondText("reports", ["orders"], "outlet"),
]
GATES = {"orders": {"load": 0, "clean": 1}}
SERVICES = {
    "DynamoDB": "dynamodb_requests",
    "AWSStepFunctions": "stepfunctions_requests",
    "AmazonSQS": "sqs_fifo_requests",
    "AWSEvents": "eventbridge_events",
    "secretsmanager": "secrets_reads",
}
METHODS = {"GET": "s3_reads", "HEAD": "s3_reads", "PUT": "s3_writes"}


def pulse(one: Ground) -> None:
    """By way of the bus, and without the api: what the api asks is nobody's run's."""
    here = catchments.find(NAME)
    before = int(one.last_run("reports")["number"])
    catchments.session(here).client("events").put_events(
        Entries=[
            {
                "EventBusName": here.outputs["Bus"],
                "Source": "test",
                "DetailType": "duckstring.trigger",
                "Detail": json.dumps({"pond": "reports", "kind": "pulse"}),
            }
        ]
    )
    until = time.monotonic() + 120
    while time.monotonic() < until:
        row = one.last_run("reports")
        if int(row["number"]) > before and row["status"] == "success":
            return
        time.sleep(0.1)
    raise TimeoutError(row)


def counted(one: Ground, since: float) -> Counter[str]:
    """What was sent by functions and their DuckDB, and what AWS itself did, by kind."""
    bucket = catchments.find(NAME).outputs["Bucket"]
    found: Counter[str] = Counter()
    for event in one.trace(since):
        if event["event"] == "request" and event["ours"]:
            if event["service"] in SERVICES:
                found[SERVICES[event["service"]]] += 1
            elif event["service"] == "http" and bucket in event["about"]:
                found[METHODS[event["op"]]] += 1
        elif event["event"] == "invoke":
            found["lambda_invocations"] += 1
            letters = event["about"] if isinstance(event["about"], list) else []
            found["sqs_fifo_requests"] += 2 * bool(letters)
            found["sqs_fifo_requests"] += sum(letter[1] == "gate_reached" for letter in letters)
    return found


def bill(since: float, *options: str) -> dict:
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(since))
    command = [sys.executable, "-m", "duckstring_cli.main", "cost", "-c", NAME, "--since", moment]
    done = subprocess.run(
        [*command, "--json", *options], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_bill_has_all_that_was_counted_at_the_clients_within_one_percent():
    with ground() as one:
        one.deploy(PONDS)
        pulse(one)
        time.sleep(3)
        since = time.time()
        for _ in range(PULSES):
            pulse(one)
        time.sleep(3)
        real = counted(one, since)
        told = bill(since - 1)
        shared = bill(since - 1, "--by", "trigger")
        one_pond = bill(since - 1, "orders")
    assert told["runs"] == PULSES * len(PONDS)
    real["stepfunctions_transitions"] = PULSES * sum(
        requests.transitions(dict(GATES.get(pond.name, {"make": 0}))) for pond in PONDS
    )
    said = {kind: told["used"].get(kind, 0) for kind in real}
    assert said == {kind: pytest.approx(number, rel=0.01) for kind, number in real.items()}
    # Nothing is told that nobody has seen.
    measured = {"lambda_gb_seconds", "lambda_scratch_gb_seconds", "log_bytes"}
    measured.add("other_requests")  # of STS and Lambda: they are free
    units = {"dynamodb_read_units", "dynamodb_write_units"}
    assert told["used"].keys() == real.keys() | measured | units
    # Whoever pays, the sum is the same; and what is read nowhere else is the Outlet's.
    assert shared["usd"] == pytest.approx(told["usd"])
    assert [(row["line"], row["wanted"]) for row in shared["rows"]] == [("reports@1", "pulse")]
    assert [row["line"] for row in one_pond["rows"]] == ["orders@1"]
    assert one_pond["usd"] < told["usd"]
