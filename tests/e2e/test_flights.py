"""The flights demo, from its folder to its figures."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from tests import figures
from tests.odcs import judged

INLETS = {"flights", "weather", "planes", "airports", "airlines"}
PONDS = {*INLETS, "delays", "reports"}


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    return tmp_path_factory.mktemp("flights")


def executions_of(driver, ponds):
    states = driver.aws("stepfunctions")
    pages = states.get_paginator("list_executions").paginate(
        stateMachineArn=driver.outputs["Machine"]
    )
    given = [
        json.loads(states.describe_execution(executionArn=one["executionArn"])["input"])
        for page in pages
        for one in page["executions"]
    ]
    return Counter(
        f"{one['line']}/{one['run']}" for one in given if one["line"].partition("@")[0] in ponds
    )


def beginnings(driver, ponds):
    """Attempts as the workers themselves logged them."""
    function = driver.aws("lambda").get_function_configuration(
        FunctionName=driver.outputs["RippleFunction"]
    )
    group = function["LoggingConfig"]["LogGroup"]
    pages = (
        driver.aws("logs")
        .get_paginator("filter_log_events")
        .paginate(logGroupName=group, filterPattern='"attempt begins"')
    )
    logged = [json.loads(event["message"]) for page in pages for event in page["events"]]
    return Counter(
        (one["run"], one["ripple"], one["attempt"])
        for one in logged
        if one["run"].partition("@")[0] in ponds
    )


def test_deploying_runs_nothing(driver, demo):
    driver.run.done("pond", "demo", "--flights", demo)
    driver.run.done("deploy", demo, "--all")
    lines = driver.wait_at_rest(*PONDS)
    assert set(lines) == PONDS
    assert {line["status"] for line in lines.values()} == {"idle"}
    assert all(driver.runs(pond) == [] for pond in PONDS)
    assert executions_of(driver, PONDS) == {}


def test_one_pulse_gives_every_report_as_worked_out_without_sql(driver):
    epoch = driver.pulse("reports")
    driver.wait_fresh("reports", epoch)
    lines = driver.wait_at_rest(*PONDS)
    assert {line["end_f"] for line in lines.values()} == {epoch}
    assert {table["table"] for table in driver.client.tables("reports")["tables"]} == set(
        figures.REPORTS
    )
    for table, expected in figures.REPORTS.items():
        assert driver.typed_rows("reports", table) == expected(), table


@pytest.mark.parametrize("pond", sorted(PONDS))
def test_the_contract_of_each_pond_is_accepted_by_the_standard_s_own_model(driver, pond):
    contract = judged(driver.run.done("contract", pond))
    published = driver.client.tables(pond)["tables"]
    assert [one["name"] for one in contract["schema"]] == [one["table"] for one in published]
    rules = {one["name"] for table in contract["schema"] for one in table.get("quality", [])}
    checks = {name for one in driver.line(pond)["ripples"] for name in one.get("checks", [])}
    assert rules == checks


def test_that_pulse_ran_each_ripple_once(driver):
    assert all(driver.statuses(pond) == ["success"] for pond in PONDS)
    runs = {driver.runs(pond)[0]["run"]: pond for pond in PONDS}
    declared = {
        (run, ripple["name"], 1)
        for run, pond in runs.items()
        for ripple in driver.line(pond)["ripples"]
    }
    recorded = {
        (a["run"], a["ripple"], a["attempt"])
        for run in runs
        for a in driver.client.run(run)["attempts"]
    }
    assert recorded == declared
    assert executions_of(driver, PONDS) == dict.fromkeys(runs, 1)
    assert beginnings(driver, PONDS) == dict.fromkeys(declared, 1)


def written(driver):
    """The published tables, less as of when they hold: a pass confirms them."""
    return [
        (row["table"], row["uri"], row["rows"], row["bytes"], row["written_in"])
        for row in driver.client.tables("reports")["tables"]
    ]


def test_a_second_pulse_finds_nothing_changed_and_passes(driver):
    published = written(driver)
    epoch = driver.pulse("reports")
    driver.wait_fresh("reports", epoch)
    driver.wait_at_rest(*PONDS)
    assert all(driver.statuses(pond) == ["success", "success"] for pond in INLETS)
    assert [row["changed"] for pond in INLETS for row in driver.runs(pond)[1:]] == [False] * len(
        INLETS
    )
    assert driver.statuses("delays") == driver.statuses("reports") == ["success", "pass"]
    assert written(driver) == published
    assert driver.line("reports")["end_f"] == epoch
