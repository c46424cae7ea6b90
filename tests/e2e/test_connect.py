"""A Catchment in an account, found by its stack: the local one, reached as an account is
(``AWS_ENDPOINT_URL``, no registry).
"""

from __future__ import annotations

import json

import pytest

from duckstring_cli import catchments

MAKE = """
@ripple
def make(pond):
    pond.write_table("made", "SELECT 42 AS answer")
"""


@pytest.fixture
def account(driver, monkeypatch, tmp_path_factory):
    """Another machine's view: nothing known here, AWS by its environment alone."""
    endpoint, stack = driver.client.catchment.endpoint, driver.client.catchment.stack
    key = catchments.require_running(driver.client.catchment)
    monkeypatch.setenv("DUCKSTRING_HOME", str(tmp_path_factory.mktemp("elsewhere")))
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key.secret_access_key)
    return stack


def test_a_connected_catchment_is_used_like_a_local_one(driver, account, duckstring):
    duckstring.done(
        "catchment", "connect", "--name", "prod", "--stack", account, "--region", "us-east-1"
    )
    assert catchments.find().name == "prod"
    project = driver.pond("far", MAKE)
    refused = duckstring("deploy", project)
    assert (refused.code, "without confirmation" in refused.err) == (1, True)
    duckstring.done("deploy", project, "--yes")
    duckstring.done("trigger", "pulse", "far", "--watch")
    assert json.loads(duckstring.done("query", "far", "made", "--json")) == [{"answer": 42}]


def test_a_stack_that_is_no_catchment_is_refused(account, duckstring):
    said = duckstring(
        "catchment", "connect", "--name", "prod", "--stack", "CDKToolkit", "--region", "us-east-1"
    )
    assert said.code == 1
    assert "CDKToolkit is not a Catchment" in said.err
    said = duckstring(
        "catchment", "connect", "--name", "prod", "--stack", "Nothing", "--region", "us-east-1"
    )
    assert "Nothing cannot be read in us-east-1" in said.err
    assert "no Catchment yet" in duckstring("status", "--once").err
