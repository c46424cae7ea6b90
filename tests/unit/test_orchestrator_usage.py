"""What the orchestrator tells of its own work, and that each thing is told once."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest

from bench.requests import transitions
from duckstring.engine.effects import (
    Announce,
    AnswerGate,
    CallOnKill,
    DropSchedule,
    PublishSnapshot,
    RecordAttempt,
    RecordRun,
    RippleBranch,
    SendTarget,
    SetAlarm,
    StartRun,
    StopRun,
    StopTask,
    TellSinks,
)
from duckstring.engine.signals import AlarmRang, GateReached
from duckstring.engine.state import PondState, SourceReport
from duckstring.model.names import Line
from duckstring.orchestrator.usage import Books, booked, expected, of_machine

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
SALES = PondState(Line("sales@1"), sinks={Line(f"sink{n}@1"): (1, 0) for n in range(12)})


def row(number: int, *, ended: bool = True) -> RecordRun:
    return RecordRun(number, NOON, "1.0.0", "success", NOON, NOON if ended else None)


def gate(outcome: str = "none") -> GateReached:
    return GateReached(1, 1, "load", 1, outcome)


def answer(verdict: str = "lambda") -> AnswerGate:
    return AnswerGate(1, 1, "load", verdict, 1)


def entered(signals, effects) -> float:
    return of_machine(signals, effects)["stepfunctions_transitions"]


@pytest.mark.parametrize("waits", [0, 1, 2, 3])
def test_the_states_of_a_run_of_one_ripple_are_those_of_the_machine(waits):
    first = RippleBranch("load", "wait" if waits else "lambda")
    gates = [gate(), *[gate("failed")] * (waits - 1)] if waits else []
    told = entered(gates, [StartRun(1, 1, (first,)), *[answer()] * waits])
    assert told == transitions({"load": waits})


def test_the_states_of_a_map_are_those_of_the_machine():
    branches = (RippleBranch("a", "lambda"), RippleBranch("b", "wait"), RippleBranch("c", "wait"))
    gates = [gate(), gate(), gate("failed")]
    told = entered(gates, [StartRun(1, 1, branches), *[answer()] * 3])
    assert told == transitions({"a": 0, "b": 1, "c": 2})


def test_an_attempt_that_was_lost_rests_before_it_asks_again():
    assert entered([gate("lost")], [answer()]) == entered([gate("failed")], [answer()]) + 1
    assert of_machine([AlarmRang()], [StopRun(1, 1)]) == {}


def test_letters_are_sent_ten_in_a_request_and_no_two_of_one_line():
    told = expected(SALES, [TellSinks(SourceReport())])
    assert told["sqs_fifo_requests"] == 2
    twice = [SendTarget(Line("above@1"), NOON), SendTarget(Line("above@1"), NOON)]
    assert expected(SALES, twice)["sqs_fifo_requests"] == 2


def test_each_effect_is_expected_to_make_its_requests():
    alone = Counter(expected(SALES, []))
    killed = CallOnKill(1, "load", 1, 1, NOON, "1.0.0", "a", "pond", NOON)
    for effect, more in [
        (StartRun(1, 1, ()), {"stepfunctions_requests": 1}),
        (answer(), {"stepfunctions_requests": 1, "dynamodb_requests": 2}),
        (row(1), {"dynamodb_requests": 1}),
        (RecordAttempt(1, "load", 1, "lost", NOON), {"dynamodb_requests": 2}),
        (StopTask(1, "load", 1), {"dynamodb_requests": 1, "other_requests": 2}),
        (killed, {"other_requests": 1}),
        (SetAlarm(NOON), {"sqs_requests": 1}),
        (DropSchedule("day"), {"scheduler_requests": 1}),
        (Announce("succeeded", "running", NOON), {"eventbridge_events": 1}),
        (PublishSnapshot(1, NOON), {}),
    ]:
        told = Counter(expected(SALES, [effect]))
        told.subtract(alone)
        units = {"dynamodb_read_units", "dynamodb_write_units"}
        assert {kind: n for kind, n in told.items() if n and kind not in units} == more, effect


def test_the_newest_run_that_ends_is_told_all_since_the_one_before():
    effects, left = booked(
        (row(1), row(3), row(2)), {"dynamodb_requests": 2}, {"dynamodb_requests": 3}
    )
    assert [effect.used for effect in effects] == [{}, {"dynamodb_requests": 5}, {}]
    assert left == {}


def test_a_run_that_begins_as_another_ends_pays_its_own_start():
    start = StartRun(2, 1, (RippleBranch("load", "lambda"),))
    used = {"stepfunctions_transitions": 5, "stepfunctions_requests": 1, "dynamodb_requests": 3}
    effects, left = booked((row(1), start), {}, used)
    assert effects[0].used == {"stepfunctions_transitions": 2, "dynamodb_requests": 3}
    assert left == {"stepfunctions_transitions": 3, "stepfunctions_requests": 1}


def test_without_an_end_the_lines_item_keeps_it():
    begun = (row(1, ended=False),)
    used = {"dynamodb_requests": 3, "log_bytes": -5}
    assert booked(begun, {"dynamodb_requests": 2}, used) == (begun, {"dynamodb_requests": 5})


class World:
    """A process whose requests are counted by hand."""

    def __init__(self):
        self.sent = {}
        self.books = Books(lambda: dict(self.sent), lambda: dict(self.sent))

    def send(self, number):
        self.sent["dynamodb_requests"] = self.sent.get("dynamodb_requests", 0) + number

    def invocation(self, before, coming, after, *, commits=True):
        self.books.begin()
        entry = self.books.entry(1.0)
        self.send(before)
        told = entry.charge({"dynamodb_requests": coming}, {"stepfunctions_transitions": 3})
        self.send(after)
        if commits:
            self.books.keep(entry)
        self.books.end(polled=True)
        return told


def test_what_was_expected_too_little_is_told_by_the_next_delivery():
    world = World()
    assert world.invocation(1, 2, 4)["dynamodb_requests"] == 3
    assert world.invocation(1, 2, 2)["dynamodb_requests"] == 5
    assert world.invocation(1, 2, 2)["dynamodb_requests"] == 3


def test_what_was_expected_too_much_is_taken_off():
    world = World()
    assert world.invocation(1, 4, 2)["dynamodb_requests"] == 5
    assert world.invocation(1, 2, 2)["dynamodb_requests"] == 1


def test_a_delivery_that_was_not_committed_is_told_with_the_next():
    world = World()
    world.invocation(1, 2, 0, commits=False)
    assert world.invocation(1, 2, 2)["dynamodb_requests"] == 4


def test_the_machines_states_are_told_as_they_come():
    world = World()
    told = [world.invocation(1, 2, 2)["stepfunctions_transitions"] for _ in range(3)]
    assert told == [3, 3, 3]


def test_an_invocation_is_told_once():
    world = World()
    told = [world.invocation(1, 2, 2)["lambda_invocations"] for _ in range(3)]
    assert told == [1, 1, 1]
