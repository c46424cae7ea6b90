"""Amounts of what was used: their text, what a request counts as, and what a bill is made of."""

from __future__ import annotations

import pytest

from duckstring.model.costs import (
    KINDS,
    from_text,
    function_used,
    kind_of_request,
    minus,
    not_negative,
    plus,
    task_used,
    times,
    to_text,
)
from duckstring.model.prices import PRICE_LISTS, US_EAST_1, standing


def test_amounts_are_read_as_they_were_written():
    used = {kind: 1.5 + place for place, kind in enumerate(KINDS)}
    assert from_text(to_text(used)) == used


def test_the_text_of_an_attempt_is_short_and_leaves_out_what_was_not_used():
    used = {"dynamodb_requests": 4.0, "lambda_gb_seconds": 0.123456, "s3_reads": 0, "s3_writes": -1}
    assert to_text(used) == '{"d":4,"g":0.1235}'


@pytest.mark.parametrize(
    "text",
    [None, 7, "", "[]", "{", "[" * 100_000, '"d"', b"{}"],
)
def test_what_is_no_amounts_is_none(text):
    assert from_text(text) is None


@pytest.mark.parametrize(
    "value", ["-1", "0", "true", "null", '"9"', "NaN", "-Infinity", "[]", "{}"]
)
def test_a_value_that_is_no_amount_is_left_out(value):
    assert from_text(f'{{"d":{value},"q":2,"unheard":3}}') == {"sqs_fifo_requests": 2}


@pytest.mark.parametrize("value", ["1e308", "Infinity", "9" * 400])
def test_no_worker_can_claim_more_than_an_attempt_may_use(value):
    text = f'{{"d":{value},"t":{value},"l":{value}}}'
    assert from_text(text) == {
        "dynamodb_requests": 10_000_000,
        "stepfunctions_transitions": 25_000,
        "log_bytes": 1e12,
    }


def test_sums_and_differences_leave_out_what_cancels():
    assert plus({"s3_reads": 1}, {"s3_reads": 2, "s3_writes": 1}) == {"s3_reads": 3, "s3_writes": 1}
    assert minus({"s3_reads": 1}, {"s3_reads": 1, "s3_writes": 2}) == {"s3_writes": -2}
    assert not_negative({"s3_writes": -2, "s3_reads": 1}) == {"s3_reads": 1}
    assert times({"s3_reads": 3}, 0.5) == {"s3_reads": 1.5}


@pytest.mark.parametrize(
    ("service", "operation", "kind"),
    [
        ("s3", "PUT", "s3_writes"),
        ("s3", "ListObjectsV2", "s3_writes"),
        ("s3", "HEAD", "s3_reads"),
        ("s3", "GetObject", "s3_reads"),
        ("s3", "DeleteObjects", "s3_deletes"),
        ("dynamodb", "GetItem", "dynamodb_requests"),
        ("sqs", "SendMessageBatch", "sqs_requests"),
        ("secretsmanager", "GetSecretValue", "secrets_reads"),
        ("stepfunctions", "StartExecution", "stepfunctions_requests"),
        ("ecs", "ListTasks", "other_requests"),
    ],
)
def test_a_request_counts_as_what_it_is_billed_as(service, operation, kind):
    assert kind_of_request(service, operation) == kind


def test_a_request_to_a_fifo_queue_has_a_price_of_its_own():
    assert kind_of_request("sqs", "SendMessage", is_fifo=True) == "sqs_fifo_requests"


def test_a_function_is_billed_for_memory_and_for_scratch_beyond_the_free_part():
    assert function_used(2, 1024, arm=False, scratch_mib=1536) == {
        "lambda_invocations": 1,
        "lambda_gb_seconds": 2,
        "lambda_scratch_gb_seconds": 2,
    }
    assert function_used(2, 512, arm=True) == {"lambda_invocations": 1, "lambda_arm_gb_seconds": 1}


def test_a_task_is_billed_for_a_minute_at_least():
    assert task_used(10, 8192, 2048, arm=False) == {
        "fargate_vcpu_seconds": 120,
        "fargate_gb_seconds": 480,
    }
    assert task_used(90, 1024, 1024, arm=True) == {
        "fargate_arm_vcpu_seconds": 90,
        "fargate_arm_gb_seconds": 90,
    }


def test_each_price_list_has_a_price_for_each_kind():
    for prices in PRICE_LISTS.values():
        assert set(prices.prices) == set(KINDS)


def test_a_catchment_at_rest_costs_what_its_parts_cost():
    parts = {part.name: part.usd for part in standing(US_EAST_1)}
    assert parts["dashboard"] == 3
    assert parts["secret"] == pytest.approx(0.4)
    assert 0.8 < parts["polling of queues"] < 0.9
    assert 0.01 < parts["sweep"] < 0.1
