"""Whom a run's cost is attributed to: docs/cost.md, "Shared work"."""

from __future__ import annotations

import pytest

from duckstring.model.shares import Demand, RunUsed, attributed

ONE = {"dynamodb_requests": 12.0}


def run(name: str, at: int, wanted: str = "pull", used=None, **more) -> RunUsed:
    line, _, number = name.partition("/")
    return RunUsed(
        f"{line}@1", int(number), f"{at:04}", ONE if used is None else used, wanted, **more
    )


def shares(*runs: RunUsed) -> dict[tuple[str, str], float]:
    found = attributed(runs)
    assert sum(used["dynamodb_requests"] for used in found.values()) == pytest.approx(
        sum(one.used["dynamodb_requests"] for one in runs)
    )
    return {
        (demand.line.partition("@")[0], demand.wanted): round(used["dynamodb_requests"], 6)
        for demand, used in found.items()
    }


def test_a_run_that_nobody_read_is_its_own_lines():
    assert shares(run("sales/1", 1, "wave")) == {("sales", "wave"): 12}


def test_a_run_above_goes_to_the_outlet_that_read_it():
    assert shares(run("sales/1", 1), run("reports/1", 2, "wave", sources={"sales@1": 1})) == {
        ("reports", "wave"): 24
    }


def test_two_outlets_pay_equal_parts_however_often_each_has_read():
    assert shares(
        run("sales/1", 1),
        run("reports/1", 2, "tap", sources={"sales@1": 1}, used={"dynamodb_requests": 1.0}),
        run("reports/2", 3, "tap", sources={"sales@1": 1}, used={"dynamodb_requests": 1.0}),
        run("models/1", 2, "tide", sources={"sales@1": 1}, used={"dynamodb_requests": 1.0}),
    ) == {("reports", "tap"): 8, ("models", "tide"): 7}


def test_a_share_is_passed_on_from_line_to_line():
    assert shares(
        run("sales/1", 1, "push"),
        run("orders/1", 2, "push", sources={"sales@1": 1}),
        run("reports/1", 3, "push", sources={"orders@1": 1, "sales@1": 1}),
        run("models/1", 3, "wave", sources={"orders@1": 1}),
    ) == {
        # Of sales: half by way of orders (a quarter each), half straight to reports.
        ("reports", "pulse"): 12 + 6 + 9,
        ("models", "wave"): 12 + 6 + 3,
    }


def test_a_line_with_a_demand_of_its_own_pays_its_part_beside_its_readers():
    assert shares(
        run("sales/1", 1, "tide"), run("reports/1", 2, "wave", sources={"sales@1": 1})
    ) == {("sales", "tide"): 6, ("reports", "wave"): 18}


def test_a_run_that_was_overtaken_is_paid_by_whom_the_newer_one_serves():
    assert shares(
        run("sales/1", 1, "pull", overtaken_by=2),
        run("sales/2", 2, "pull"),
        run("reports/1", 3, "wave", sources={"sales@1": 2}),
    ) == {("reports", "wave"): 36}


def test_a_reader_whose_clock_is_behind_still_pays():
    assert shares(run("sales/1", 5), run("reports/1", 4, "wave", sources={"sales@1": 1})) == {
        ("reports", "unknown"): 12,
        ("reports", "wave"): 12,
    }


def test_a_run_of_before_says_nothing_of_its_demand():
    assert attributed([run("sales/1", 1, "")]) == {Demand("sales@1", "unknown"): ONE}
