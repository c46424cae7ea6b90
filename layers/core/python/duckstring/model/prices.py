"""The price list: what AWS asks for each kind of use, as data.

A price is for one unit of its kind. A list has a version: change it with every change of a price.
Prices that nobody has compared with AWS's own page since are marked ``is_checked=False``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from duckstring.model.costs import Kind

_MILLION = 1_000_000
_HOUR = 3600
_GB = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for one unit. ``is_checked``: it was compared with AWS's own page."""

    usd: float
    is_checked: bool = False


@dataclass(frozen=True, slots=True)
class PriceList:
    """List prices of one region, without free tiers, discounts and taxes."""

    version: str
    region: str
    date: str
    source: str
    prices: Mapping[Kind, Price]


US_EAST_1 = PriceList(
    version="2026-11-1",
    region="us-east-1",
    date="2026-11-29",
    source="AWS's public price pages, on demand, first tier",
    prices={
        "stepfunctions_transitions": Price(0.025 / 1000, is_checked=True),
        "stepfunctions_requests": Price(0.0, is_checked=True),
        "lambda_invocations": Price(0.20 / _MILLION, is_checked=True),
        "lambda_gb_seconds": Price(0.000_016_666_7, is_checked=True),
        "lambda_arm_gb_seconds": Price(0.000_013_333_4, is_checked=True),
        "lambda_scratch_gb_seconds": Price(0.000_000_030_9),
        "fargate_vcpu_seconds": Price(0.04048 / _HOUR),
        "fargate_gb_seconds": Price(0.004445 / _HOUR),
        "fargate_arm_vcpu_seconds": Price(0.03238 / _HOUR),
        "fargate_arm_gb_seconds": Price(0.00356 / _HOUR),
        "dynamodb_requests": Price(0.0),
        "dynamodb_read_units": Price(0.125 / _MILLION),
        "dynamodb_write_units": Price(0.625 / _MILLION),
        "sqs_fifo_requests": Price(0.50 / _MILLION, is_checked=True),
        "sqs_requests": Price(0.40 / _MILLION),
        "s3_writes": Price(0.005 / 1000),
        "s3_reads": Price(0.0004 / 1000),
        "s3_deletes": Price(0.0),
        "eventbridge_events": Price(1.00 / _MILLION),
        "scheduler_requests": Price(1.00 / _MILLION),
        "secrets_reads": Price(0.05 / 10_000),
        "log_bytes": Price(0.50 / _GB),
        "other_requests": Price(0.0),
    },
)

PRICE_LISTS: Mapping[str, PriceList] = {US_EAST_1.region: US_EAST_1}


@dataclass(frozen=True, slots=True)
class Standing:
    """A part of what a Catchment costs in a month of 30 days in which nothing runs."""

    name: str
    usd: float
    how: str


DASHBOARDS, ALARMS, SECRETS, POLLED_FIFO, POLLED, SWEEPS = 1, 11, 1, 1, 2, 30 * 24 * 12
"""What the stack has, and how often the sweep runs in a month: a test counts them in the
template.
"""
POLLS = 5 * 3 * 60 * 24 * 30
"""Requests in a month for one queue: Lambda keeps five connections, each of which asks every 20 s.
AWS's page says so of standard queues; of FIFO queues it was not looked at.
"""
_SWEEP_SECONDS, _SWEEP_GB, _SWEEP_READS = 0.3, 0.5, 3


def standing(prices: PriceList = US_EAST_1) -> tuple[Standing, ...]:
    """What a Catchment costs in a month in which nothing runs. What it stores is on top."""
    cost = {kind: price.usd for kind, price in prices.prices.items()}
    sweep = (
        cost["lambda_invocations"]
        + cost["scheduler_requests"]
        + _SWEEP_SECONDS * _SWEEP_GB * cost["lambda_gb_seconds"]
        + _SWEEP_READS * cost["dynamodb_read_units"]
    )
    fifo, plain = cost["sqs_fifo_requests"], cost["sqs_requests"]
    return (
        Standing("dashboard", 3.00 * DASHBOARDS, f"{DASHBOARDS} dashboard, $3.00"),
        Standing("alarms", 0.10 * ALARMS, f"{ALARMS} alarms, $0.10 each"),
        Standing("secret", 0.40 * SECRETS, f"{SECRETS} secret, $0.40"),
        Standing(
            "polling of queues",
            POLLS * (POLLED_FIFO * fifo + POLLED * plain),
            f"{POLLS:,} requests for each of {POLLED_FIFO + POLLED} queues",
        ),
        Standing("sweep", SWEEPS * sweep, f"{SWEEPS:,} sweeps"),
    )
