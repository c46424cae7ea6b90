"""What becomes of an attempt whose task has stopped."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest

from duckstring.errors import TransientError
from duckstring.model.compute import ORDER, TOKEN
from duckstring.orchestrator.task_ended import task_ended

ARN = "arn:aws:ecs:eu-west-1:111122223333:task/cluster/0123"
MEMORY = "OutOfMemoryError: Container killed due to memory usage"
ATTEMPT = {
    "line": "sales@1",
    "run": 7,
    "launch": 1,
    "ripple": "load",
    "attempt": 3,
    "memory_mib": 8192,
}


def overrides(**variables: str) -> dict[str, object]:
    return {
        "containerOverrides": [
            {
                "name": "worker",
                "environment": [
                    {"name": name, "value": value} for name, value in variables.items()
                ],
            }
        ]
    }


OURS = overrides(**{ORDER: json.dumps(ATTEMPT), TOKEN: "token"})


def event(
    *,
    lastStatus: str = "STOPPED",  # noqa: N803 - ECS's word
    started: object = OURS,
    **more: object,
) -> dict[str, object]:
    detail = {
        "taskArn": ARN,
        "lastStatus": lastStatus,
        "overrides": started,
        "containers": [{"name": "worker", "exitCode": 1}],
        **more,
    }
    return {
        "id": "e-1",
        "source": "aws.ecs",
        "detail-type": "ECS Task State Change",
        "detail": detail,
    }


@dataclass
class World:
    """``Tokens`` and ``Overrides``."""

    waits: bool = True
    known: dict[str, object] = field(default_factory=dict)
    answers: list[tuple[str, object]] = field(default_factory=list)

    def answer(self, token: str, answer: object) -> bool:
        self.answers.append((token, answer))
        return self.waits

    def of(self, task: str) -> object:
        assert task == ARN
        return self.known


def told(event: dict[str, object], world: World) -> bool:
    return task_ended(event, tokens=world, overrides=world)


def answered(outcome: str, error: str, message: str) -> list[tuple[str, object]]:
    return [
        (
            "token",
            {
                "outcome": outcome,
                "failure": {"ripple": "load", "attempt": 3, "error": error, "message": message},
            },
        )
    ]


@pytest.mark.parametrize(
    ("detail", "outcome", "error", "words"),
    [
        (
            {
                "stopCode": "UserInitiated",
                "stoppedReason": "by hand",
                "containers": [{"exitCode": 143}],
            },
            "lost",
            "UserInitiated",
            "The task stopped before its attempt was over: by hand; exit code 143",
        ),
        (
            {
                "stopCode": "TaskFailedToStart",
                "stoppedReason": "CannotPullContainerError: no such image",
                "containers": [{"name": "worker"}],
            },
            "lost",
            "TaskFailedToStart",
            "The task stopped before its attempt was over: CannotPullContainerError: no such image",
        ),
        (
            {
                "stopCode": "EssentialContainerExited",
                "stoppedReason": "Essential container in task exited",
                "containers": [{"exitCode": 137, "reason": MEMORY}],
            },
            "memory",
            "OutOfMemory",
            (
                "The task was killed for its memory: Essential container in task exited; "
                f"{MEMORY}; "
                "exit code 137"
            ),
        ),
        (
            {
                "stopCode": "EssentialContainerExited",
                "stoppedReason": "",
                "containers": [{"exitCode": 137}],
            },
            "lost",
            "EssentialContainerExited",
            "The task stopped before its attempt was over: exit code 137",
        ),
    ],
)
def test_an_end_is_told_with_ecss_own_words(detail, outcome, error, words):
    world = World()
    assert told(event(**detail), world)
    assert world.answers == answered(outcome, error, words)


def test_an_end_that_the_worker_has_told_already_is_no_news():
    world = World(waits=False)
    assert not told(event(), world)
    assert len(world.answers) == 1


@pytest.mark.parametrize("started", [None, {}, {"containerOverrides": [{"name": "worker"}]}])
def test_what_an_event_leaves_out_ecs_remembers(started):
    world = World(known=OURS)
    assert told(event(started=started), world)
    assert len(world.answers) == 1


@pytest.mark.parametrize(
    "other",
    [
        event(lastStatus="RUNNING"),
        event(started=overrides(OTHER="x")),
        {"source": "aws.ecs"},
        {"source": "aws.ecs", "detail": []},
    ],
)
def test_what_is_no_end_of_an_attempt_is_dropped(other):
    world = World()
    assert not told(other, world)
    assert world.answers == []


def test_an_answer_that_was_not_heard_is_given_again_by_who_delivers_the_event():
    class Deaf(World):
        def answer(self, token: str, answer: object) -> bool:
            raise TransientError("busy")

    with pytest.raises(TransientError):
        told(event(), Deaf())
