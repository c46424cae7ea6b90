"""The dashboard: queues, and Outlets against their bounds."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from duckstring.engine.state import PondState
from duckstring.model.names import Line
from duckstring.model.staleness import StaleBound, Watch
from duckstring.ports import Seen
from duckstring.sweep.bounds import look
from tests.infra.template_kit import FUNCTIONS, of_type
from tests.unit.api.world import release

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def widgets(template: dict[str, Any]) -> list[dict[str, Any]]:
    """The dashboard's widgets, with references by name."""
    (dashboard,) = of_type(template, "AWS::CloudWatch::Dashboard").values()
    parts = dashboard["Properties"]["DashboardBody"]["Fn::Join"][1]
    text = "".join(part if isinstance(part, str) else _name(part) for part in parts)
    found: list[dict[str, Any]] = json.loads(text)["widgets"]
    return found


def _name(reference: dict[str, Any]) -> str:
    (what,) = reference.values()
    return "/".join(what) if isinstance(what, list) else str(what)


def titled(widgets: list[dict[str, Any]], title: str) -> dict[str, Any]:
    (found,) = (one["properties"] for one in widgets if title in one["properties"]["title"])
    return found


def test_queries_of_bounds_read_what_the_sweep_logs(widgets):
    watch = Watch(StaleBound(within=timedelta(hours=2)), NOON, declared=True)
    line = Line("sales@1")
    state = PondState(line, release=release(line, kind="outlet"), watch=watch, end_f=NOON)
    logged = {name for fields in look([Seen(state)], NOON) for name in fields}
    queries = [
        titled(widgets, "Outlets whose data has passed")["query"],
        titled(widgets, "Outlets: age against bound")["query"],
    ]
    assert {"outlets", "left_seconds"} <= logged
    for query in queries:
        assert re.match(r"SOURCE '[^']*Sweep[^']*'", query), query
        assert 'message = "bound"' in query
    for field in logged:
        assert any(re.search(rf"\b{field}\b", query) for query in queries), field


def test_the_age_of_both_queues_and_all_dead_letters_are_shown(widgets):
    metrics = titled(widgets, "Queues: age of the oldest message")["metrics"]
    queues = {(one[1], one[3]) for one in metrics}
    ages = {queue for name, queue in queues if name == "ApproximateAgeOfOldestMessage"}
    dead = {queue for name, queue in queues if name == "ApproximateNumberOfMessagesVisible"}
    assert (len(ages), len(dead)) == (2, 3)
    assert not ages & dead


def test_errors_of_every_function_are_shown(widgets):
    labels = {metric[-1]["label"] for metric in titled(widgets, "Functions: errors")["metrics"]}
    assert {f"{name} errors" for name in FUNCTIONS} <= labels
