"""The machine's definition keeps the platform's rules."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from bench.requests import transitions
from duckstring.model.compute import TASK_SIZES
from duckstring.model.verdicts import BEAT_SECONDS, CANCELLED, DONE, ENDED, SILENCE_SECONDS, TASK
from duckstring.sweep.sweep import ABSENT
from infra.machine import definition

MACHINE = definition()
BRANCH = MACHINE["States"]["Ripples"]["ItemProcessor"]["States"]
RUNS = [MACHINE["States"]["RunAlone"], BRANCH["Run"]]
TASKS = [MACHINE["States"]["RunOnTaskAlone"], BRANCH["RunOnTask"]]
GATES = [MACHINE["States"]["AwaitAlone"], BRANCH["Await"]]
BOTH = pytest.mark.parametrize(
    ("states", "suffix"), [(MACHINE["States"], "Alone"), (BRANCH, "")], ids=["outside", "branch"]
)


def strings(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    for value in (
        node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    ):
        yield from strings(value)


def names(states: dict[str, Any]) -> list[str]:
    inside = (
        state["ItemProcessor"]["States"] for state in states.values() if state["Type"] == "Map"
    )
    return [*states, *(name for one in inside for name in names(one))]


def targets(state: dict[str, Any]) -> set[str]:
    named = [state, *state.get("Choices", []), *state.get("Catch", [])]
    return {one[key] for one in named for key in ("Next", "Default") if key in one}


@pytest.mark.parametrize("states", [MACHINE["States"], BRANCH], ids=["outside", "branch"])
def test_every_state_that_is_named_exists_and_can_be_reached(states):
    start = "Begin" if "Ripples" in states else "Route"
    reached = {start}.union(*(targets(state) for state in states.values()))
    assert reached == states.keys()


def test_no_name_is_given_twice_in_all_the_machine():
    assert len(set(names(MACHINE["States"]))) == len(names(MACHINE["States"]))


def test_what_most_runs_do_enters_few_states():
    assert transitions({"load": 0}) == 3
    assert transitions({"load": 0} | {f"r{n}": 1 for n in range(9)}) == 34


def test_a_branch_never_ends_in_fail_so_that_its_siblings_live_on():
    assert "Fail" not in {state["Type"] for state in BRANCH.values()}
    assert {name for name, state in BRANCH.items() if state.get("End")} == {
        "Run",
        "RunOnTask",
        "Done",
        "Cancelled",
    }


@pytest.mark.parametrize("gate", GATES, ids=["outside", "branch"])
def test_a_gate_is_sent_again_only_where_its_letter_was_not_sent(gate):
    assert gate["Resource"].endswith(".waitForTaskToken")
    verdicts, unsent = gate["Retry"]
    assert (verdicts["ErrorEquals"], verdicts["MaxAttempts"]) == ([DONE, CANCELLED, TASK], 0)
    assert (unsent["ErrorEquals"], unsent["MaxAttempts"]) == (["States.TaskFailed"], 6)


@pytest.mark.parametrize("task", RUNS, ids=["outside", "branch"])
def test_what_aws_loses_is_tried_again_and_then_lost_and_not_crashed(task):
    waits, again = task["Retry"]
    lost, crashed = task["Catch"]
    assert waits["ErrorEquals"] + again["ErrorEquals"] == lost["ErrorEquals"]
    assert {"Lambda.TooManyRequestsException", "Lambda.AWSLambdaException"} < set(
        lost["ErrorEquals"]
    )
    assert not {"States.ALL", "States.TaskFailed", "States.Timeout", "Lambda.Unknown"} & set(
        lost["ErrorEquals"]
    )
    assert "'outcome': 'lost'" in lost["Output"]
    assert " : 'crashed', 'failure': " in crashed["Output"]


@BOTH
def test_a_lost_attempt_rests_before_it_asks(states, suffix):
    assert states[f"Run{suffix}"]["Catch"][0]["Next"] == f"Rest{suffix}"
    assert states[f"Rest{suffix}"] == {"Type": "Wait", "Seconds": 10, "Next": f"Await{suffix}"}
    ended = states[f"Ended{suffix}"]
    rests, stays, pauses = ended["Choices"]
    assert ("'lost'" in rests["Condition"], rests["Next"], ended["Default"]) == (
        True,
        f"Rest{suffix}",
        f"Await{suffix}",
    )
    assert ("$states.input.stays" in stays["Condition"], stays["Next"]) == (
        True,
        f"PauseTask{suffix}",
    )
    assert ("'paused'" in pauses["Condition"], pauses["Next"]) == (True, f"Pause{suffix}")


@BOTH
def test_who_paused_goes_on_in_the_function_and_asks_nobody(states, suffix):
    pause = states[f"Pause{suffix}"]
    assert (pause["Type"], pause["Next"]) == ("Wait", f"Run{suffix}")
    assert "pauses" in states[f"Run{suffix}"]["Arguments"]["Payload"]


@pytest.mark.parametrize("task", TASKS, ids=["outside", "branch"])
def test_a_task_that_falls_silent_or_is_stopped_is_lost_and_costs_its_author_nothing(task):
    assert task["Resource"] == "arn:${Partition}:states:::ecs:runTask.waitForTaskToken"
    assert task["HeartbeatSeconds"] == SILENCE_SECONDS >= 3 * BEAT_SECONDS
    (caught,) = task["Catch"]
    assert caught["ErrorEquals"] == ["States.ALL"]
    assert "'outcome': 'lost'" in caught["Output"]
    assert ENDED in caught["Output"]


@pytest.mark.parametrize("task", TASKS, ids=["outside", "branch"])
def test_only_a_task_that_ecs_did_not_start_is_started_again(task):
    """A retry of anything that its own worker may say would run an attempt twice."""
    assert all(
        error.startswith(("ECS.", "AmazonECS."))
        for rule in task["Retry"]
        for error in rule["ErrorEquals"]
    )


@pytest.mark.parametrize(
    ("task", "error"),
    [(task, "Lambda.TooManyRequestsException") for task in RUNS]
    + [(task, "ECS.LimitExceededException") for task in TASKS],
)
def test_who_finds_no_room_in_the_account_waits_for_hours_and_not_for_ever(task, error):
    """The sweep takes for lost what has not begun after six; an execution's history has room for
    25,000 events, of 40 branches.
    """
    waits, fails = task["Retry"]
    assert error in waits["ErrorEquals"]
    assert error not in fails["ErrorEquals"]
    longest = sum(
        min(waits["IntervalSeconds"] * waits["BackoffRate"] ** n, waits["MaxDelaySeconds"])
        for n in range(waits["MaxAttempts"])
    )
    assert timedelta(hours=4) < timedelta(seconds=longest) < ABSENT
    assert 40 * 3 * waits["MaxAttempts"] < 25_000 / 3


@pytest.mark.parametrize("task", TASKS, ids=["outside", "branch"])
def test_a_task_of_each_size_has_the_processors_that_go_with_it(task):
    cpu = task["Arguments"]["Overrides"]["Cpu"]
    assert [f"'{size.memory_mib}': '{size.cpu_units}'" in cpu for size in TASK_SIZES] == [
        True
    ] * len(TASK_SIZES)


@BOTH
def test_a_verdict_of_a_task_is_a_failure_of_its_gate(states, suffix):
    (caught,) = (one for one in states[f"Await{suffix}"]["Catch"] if one["ErrorEquals"] == [TASK])
    assert caught["Next"] == f"RunOnTask{suffix}"


@pytest.mark.parametrize("task", [*RUNS, *TASKS, *GATES])
def test_every_task_catches_everything_and_has_a_literal_timeout(task):
    assert task["Catch"][-1]["ErrorEquals"] == ["States.ALL"]
    assert isinstance(task["TimeoutSeconds"], int)


def test_a_gate_waits_a_year_less_a_day():
    assert {gate["TimeoutSeconds"] for gate in GATES} == {364 * 24 * 3600}


def test_no_more_branches_run_than_an_inline_map_allows():
    assert MACHINE["States"]["Ripples"]["MaxConcurrency"] <= 40


def test_no_state_ends_in_succeed_and_no_choice_has_an_output():
    for state in [*MACHINE["States"].values(), *BRANCH.values()]:
        assert state["Type"] != "Succeed"
        assert state["Type"] != "Choice" or "Output" not in state


def test_every_expression_is_closed():
    for text in strings(MACHINE):
        assert text.startswith("{%") == text.endswith("%}")
        assert all(text.count(left) == text.count(right) for left, right in ("()", "[]", "{}"))
