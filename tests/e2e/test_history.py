"""Runs by who asked for them, and the status of lines that are not at rest, by the index."""

from __future__ import annotations

import json
from getpass import getuser

import pytest

from duckstring.model.audits import claimed
from duckstring_cli import catchments

LOAD = """
@ripple
def load(pond):
    pond.write_table("loaded", "SELECT 1 AS one")
"""


def runs(driver, *words):
    return [row["run"] for row in json.loads(driver.run.done("runs", *words, "--json"))]


def status(driver, *words):
    answer = json.loads(driver.run.done("status", *words, "--json"))
    return [line["line"] for line in answer["lines"]], answer.get("page")


@pytest.fixture
def index(driver):
    """As if the sweep had found it whole for a while."""
    client = catchments.session(driver.client.catchment).client("dynamodb")
    table = catchments.outputs(driver.client.catchment)["Table"]
    key = {"pk": {"S": "CATALOG"}, "sk": {"S": "INDEXED"}}
    since = {"since": {"S": "2020-01-01T00:00:00.000000Z"}}
    client.put_item(TableName=table, Item={**key, **since})
    yield
    client.delete_item(TableName=table, Key=key)


def test_runs_are_found_by_who_asked_with_all_other_options(driver):
    driver.deploy(driver.pond("hist_one", LOAD), driver.pond("hist_two", LOAD))
    for name in ("hist_one", "hist_two"):
        driver.wait_fresh(name, driver.pulse(name))
    row = json.loads(driver.run.done("runs", "hist_one", "--json"))[0]
    who = row["by"]
    for name in (who, who.partition("@")[0].upper()):
        assert {"hist_one@1/1", "hist_two@1/1"} <= set(runs(driver, "--by", name, "-n", "1000"))
        assert runs(driver, "hist_two", "--by", name) == ["hist_two@1/1"]
        assert runs(driver, "hist_two", "--by", name, "--status", "failed") == []
        assert runs(driver, "hist_two", "--by", name, "--status", "success", "--since", "1h") == [
            "hist_two@1/1"
        ]
    assert runs(driver, "--by", "who_nobody") == []
    shown = driver.run.done("runs", "hist_two", "--by", who)
    assert "BY" in shown
    assert who.startswith((claimed(getuser(), ""), "arn:"))


@pytest.mark.usefixtures("index")
def test_a_page_of_the_status_has_first_what_is_not_at_rest(driver):
    driver.deploy(driver.pond("hist_a", LOAD), driver.pond("hist_z", LOAD))
    driver.run.done("control", "kill", "hist_z")
    lines, page = status(driver, "-s", "killed")
    assert "hist_z@1" in lines
    assert page["totals"]["killed"] == len(lines)
    lines, page = status(driver, "-n", "1")
    assert lines != ["hist_a@1"]
    assert page["next"].split(":")[1] == lines[0]
    text = driver.run.done("status", "--once", "-n", "1")
    assert f"next page: --after {page['next']}; all: duckstring status --once --all" in text
    behind, _ = status(driver, "-n", "1000", "--after", page["next"])
    everything, no_page = status(driver)
    assert no_page is None
    assert sorted([*lines, *behind]) == sorted(everything)
    driver.run.done("control", "clear", "hist_z")
    assert "hist_z@1" not in status(driver, "-s", "killed", "-n", "1000")[0]
