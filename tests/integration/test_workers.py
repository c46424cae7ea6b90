"""Workers that an execution cannot reach, against moto: tasks are found and stopped, killed
Ripples told.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from duckstring.adapters.aws.workers import FargateWorkers
from duckstring.engine.effects import CallOnKill, StopTask
from duckstring.model.compute import ORDER
from duckstring.model.names import Line
from duckstring.model.permits import AttemptName
from tests.integration.aws import PERMITS, Catchment, catchment

SALES = Line("sales@1")
GIVEN_UP = StopTask(42, "load", 2)


class Fleet:
    """The tasks of a Catchment."""

    def __init__(self, there: Catchment) -> None:
        self.there, self.ecs = there, there.clients.ecs
        self.ecs.register_task_definition(
            family="ripple",
            containerDefinitions=[{"name": "worker", "image": "none", "memory": 512}],
        )
        self.workers = FargateWorkers(
            there.clients,
            there.settings.table,
            PERMITS,
            cluster=there.settings.cluster,
            function="ripple",
        )

    def start(self, **order: Any) -> str:
        """A task for an attempt; its ARN."""
        told = {
            "line": SALES,
            "run": 42,
            "launch": 1,
            "ripple": "load",
            "attempt": 2,
            "memory_mib": 8192,
        } | order
        environment = [{"name": "OTHER", "value": "1"}, {"name": ORDER, "value": json.dumps(told)}]
        (task,) = self.ecs.run_task(
            cluster=self.there.settings.cluster,
            taskDefinition="ripple",
            launchType="FARGATE",
            overrides={"containerOverrides": [{"name": "worker", "environment": environment}]},
        )["tasks"]
        return task["taskArn"]

    def begin(self, where: str, request: str = "", attempt: int = 2) -> None:
        """The attempt's worker has written where it runs."""
        self.there.clients.dynamodb.put_item(
            TableName=self.there.settings.table,
            Item={
                "pk": {"S": f"WORK#{SALES}"},
                "sk": {"S": f"ATTEMPT#0000000042#load#{attempt:04d}"},
                "where": {"S": where},
                **({"request_id": {"S": request}} if request else {}),
            },
        )

    def stopped(self) -> list[str]:
        cluster = self.there.settings.cluster
        arns = self.ecs.list_tasks(cluster=cluster)["taskArns"]
        tasks = self.ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"] if arns else []
        return [task["taskArn"] for task in tasks if task["desiredStatus"] == "STOPPED"]


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    with catchment(monkeypatch) as there:
        yield Fleet(there)


def test_a_task_whose_worker_has_begun_is_stopped_by_what_it_wrote(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    _other, ours = fleet.start(attempt=1), fleet.start()
    fleet.begin("task", ours)
    monkeypatch.setattr(fleet.workers, "_tasks", lambda: pytest.fail("it looked at all tasks"))
    fleet.workers.stop_task(SALES, GIVEN_UP)
    assert fleet.stopped() == [ours]
    fleet.workers.stop_task(SALES, GIVEN_UP)


@pytest.mark.parametrize("begun", [False, True], ids=["not begun", "without knowing what it is"])
def test_a_task_of_which_no_row_tells_is_found_among_all(fleet: Fleet, *, begun: bool) -> None:
    if begun:
        fleet.begin("task")
    others = [{"attempt": 1}, {"ripple": "join"}, {"run": 43}, {"line": "sales@2"}]
    for other in others:
        fleet.start(**other)
    ours = fleet.start()
    fleet.workers.stop_task(SALES, GIVEN_UP)
    assert fleet.stopped() == [ours]


def test_tasks_of_others_on_the_cluster_are_left_alone(fleet: Fleet) -> None:
    fleet.ecs.run_task(
        cluster=fleet.there.settings.cluster, taskDefinition="ripple", launchType="FARGATE"
    )
    fleet.workers.stop_task(SALES, GIVEN_UP)
    assert fleet.stopped() == []


def test_an_attempt_that_paused_and_went_on_in_the_function_has_no_task_to_stop(
    fleet: Fleet,
) -> None:
    fleet.start()
    fleet.begin("lambda", "0a1b-2c3d")
    fleet.workers.stop_task(SALES, GIVEN_UP)
    assert fleet.stopped() == []


def test_more_tasks_than_one_page_are_searched(fleet: Fleet) -> None:
    for number in range(105):
        fleet.start(run=number + 100)
    ours = fleet.start()
    fleet.workers.stop_task(SALES, GIVEN_UP)
    assert fleet.stopped() == [ours]


def test_a_task_that_ecs_has_forgotten_is_stopped_and_a_refusal_is_not(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.begin("task", fleet.start())
    code = "InvalidParameterException"

    def refuse(**_: str) -> None:
        raise ClientError(
            {"Error": {"Code": code, "Message": "The referenced task was not found."}}, "StopTask"
        )

    monkeypatch.setattr(fleet.ecs, "stop_task", refuse)
    fleet.workers.stop_task(SALES, GIVEN_UP)
    code = "ServerException"
    with pytest.raises(ClientError):
        fleet.workers.stop_task(SALES, GIVEN_UP)


def test_only_a_task_that_was_started_for_the_attempt_is_stopped_whatever_the_row_says(
    fleet: Fleet,
) -> None:
    another, ours = fleet.start(line="orders@1"), fleet.start()
    fleet.begin("task", another)
    fleet.workers.stop_task(SALES, GIVEN_UP)
    assert fleet.stopped() == [ours]
    fleet.begin("task", "no arn at all")
    fleet.workers.stop_task(SALES, GIVEN_UP)


def test_a_killed_ripple_is_told_without_waiting_for_it(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(fleet.there.clients.lambda_, "invoke", lambda **given: asked.append(given))
    noon = datetime(2030, 1, 1, 12, tzinfo=UTC)
    fleet.workers.call_on_kill(
        SALES,
        CallOnKill(
            42, "load", 2, 1, noon, "1.2.0", "artifacts/sales/1.2.0/ab.zip", "src/pond.py", noon
        ),
    )
    (one,) = asked
    assert (one["FunctionName"], one["InvocationType"]) == ("ripple", "Event")
    assert json.loads(one["Payload"]) == {
        "op": "on_kill",
        "line": "sales@1",
        "run": 42,
        "ripple": "load",
        "attempt": 2,
        "tried": 1,
        "f": "2030-01-01T12:00:00.000000Z",
        "version": "1.2.0",
        "artifact": "artifacts/sales/1.2.0/ab.zip",
        "module": "src/pond.py",
        "started": "2030-01-01T12:00:00.000000Z",
        "permit": PERMITS.of(AttemptName(SALES, 42, "load", 2), "on_kill"),
    }
