"""What an attempt's row says of what it used, and that each thing is told once."""

from __future__ import annotations

from dataclasses import replace as changed

import pytest

from duckstring.model.attempts import AttemptFinished, AttemptPaused, Began, Site
from duckstring.model.values import replace
from duckstring.worker.ports import Order
from duckstring.worker.run_ripple import run_ripple
from duckstring.worker.usage import Books, Meter, process_age
from tests.unit import worker_kit as kit

LOAD = "from duckstring import ripple\n\n@ripple\ndef load(pond):\n    {}\n"
FUNCTION, TASK = Site("lambda", 1024), Site("task", 8192)


class Counted:
    """Requests, as a process's clients would count them."""

    def __init__(self):
        self.sent = 0

    def __call__(self):
        return {"dynamodb_requests": self.sent} if self.sent else {}


def test_what_comes_after_the_row_is_told_with_the_next_attempt():
    counted = Counted()
    books = Books(counted)
    first = Meter(books, FUNCTION)
    counted.sent += 4
    assert first.report({"dynamodb_requests": 1})["dynamodb_requests"] == 5
    counted.sent += 3
    first.close()
    second = Meter(books, FUNCTION)
    counted.sent += 4
    assert second.report({"dynamodb_requests": 1})["dynamodb_requests"] == 7


def test_an_attempt_without_a_row_is_told_with_the_next():
    counted = Counted()
    books = Books(counted)
    lost = Meter(books, FUNCTION)
    counted.sent += 4
    lost.close()
    told = Meter(books, FUNCTION).report()
    assert (told["dynamodb_requests"], told["lambda_invocations"]) == (4, 2)


def test_the_start_of_a_process_is_told_once():
    books = Books(start_seconds=50.0)
    first = Meter(books, FUNCTION)
    assert 50 <= first.report()["lambda_gb_seconds"] < 60
    first.close()
    assert Meter(books, FUNCTION).report()["lambda_gb_seconds"] < 10


def test_a_task_is_told_as_a_task():
    told = Meter(Books(), TASK).report()
    assert (told["fargate_vcpu_seconds"], told["fargate_gb_seconds"]) == (120, 480)
    assert "lambda_invocations" not in told
    assert Meter(Books(is_arm=True), TASK).report()["fargate_arm_vcpu_seconds"] == 120


@pytest.mark.parametrize(
    "sent", [None, 7, "GET", [1], {"GET": "9", "PUT": True, "HEAD": -1, "DROP": 4, "POST": 1.5}]
)
def test_an_attempts_process_cannot_claim_what_is_no_number_of_requests(sent):
    meter = Meter(Books(), FUNCTION)
    meter.add(0, {"requests": sent})
    assert not {"s3_reads", "s3_writes"} & meter.report().keys()


def test_a_process_has_an_age():
    assert 0 < process_age() < 100_000


@pytest.fixture
def world(tmp_path):
    made = kit.World(tmp_path)
    made.worker = changed(made.worker, books=Books(Counted()))
    return made


def ran(world, body, **order):
    world.deploy(LOAD.format(body))
    world.open_run()
    made = Order(kit.SALES, 1, 1, "load", 1, FUNCTION, **order)
    run_ripple(made, world.worker)
    return world.rows[-1]


def test_a_success_tells_of_its_row_its_letter_and_of_what_its_database_asked_of_s3(world):
    row = ran(world, "pass")
    assert isinstance(row, AttemptFinished)
    assert (row.used["dynamodb_requests"], row.used["sqs_fifo_requests"]) == (1, 1)
    assert (row.used["s3_writes"], row.used["s3_reads"]) == (2, 4)
    assert row.used["lambda_invocations"] == 1
    assert row.used["lambda_gb_seconds"] > 0


def test_a_failure_sends_no_letter(world):
    row = ran(world, "raise ValueError('no')")
    assert row.status == "failed"
    assert "sqs_fifo_requests" not in row.used


def test_a_pause_tells_of_the_states_that_it_leads_to_and_its_invocations_add_up(world):
    world.started_plain = world.started
    world.started = lambda line, row: replace_used(world.started_plain(line, row))
    row = ran(world, "pond.pause('15s')")
    assert isinstance(row, AttemptPaused)
    assert row.used["stepfunctions_transitions"] == 3 + 30
    assert row.used["lambda_invocations"] == 1 + 10


def replace_used(began: Began) -> Began:
    earlier = {"stepfunctions_transitions": 30, "lambda_invocations": 10}
    return replace(began, used=earlier)


def test_an_attempt_that_was_taken_tells_what_it_used_as_it_leaves(world):
    told = []
    plain = world.left
    world.left = lambda *which, used, **more: (told.append(used), plain(*which, used=used, **more))
    world.finished = lambda line, row: False
    ran(world, "pass")
    assert told[0]["lambda_invocations"] == 1
    assert told[0]["s3_writes"] == 2
