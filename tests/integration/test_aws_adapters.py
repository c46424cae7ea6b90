"""The orchestrator's adapters against moto: what they promise in ports.py, and what they must
survive.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from duckstring.adapters.aws import codec
from duckstring.adapters.aws.alarms import TimedAlarms
from duckstring.adapters.aws.bus import EventBus
from duckstring.adapters.aws.clients import Clients
from duckstring.adapters.aws.executions import Machine, TokenGates, execution_arn
from duckstring.adapters.aws.inbox import batches, forwarded, postpone
from duckstring.adapters.aws.mailbox import SqsMailbox
from duckstring.adapters.aws.published import DynamoPublished
from duckstring.adapters.aws.schedules import WindowSchedules, schedule_name
from duckstring.adapters.aws.state import DynamoStateStore
from duckstring.engine.effects import (
    Announce,
    AnswerGate,
    PublishSnapshot,
    RippleBranch,
    SendPull,
    StartRun,
    StopRun,
)
from duckstring.engine.letters import Letter
from duckstring.engine.signals import AlarmRang, GateReached, Triggered, WindowOpened
from duckstring.engine.state import PondState
from duckstring.errors import InvariantError, StateConflictError, StateTooLargeError, TransientError
from duckstring.model.as_of import Kept
from duckstring.model.catalog import Position, TableVersion
from duckstring.model.failures import Failure
from duckstring.model.instants import NEVER, Instant, from_text
from duckstring.model.names import Line
from duckstring.model.permits import AttemptName
from duckstring.model.settings import Settings
from duckstring.model.values import replace
from duckstring.model.windows import Window
from duckstring.orchestrator.ports import Held
from tests.integration.aws import PERMITS

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)

SALES = Line("sales@1")
TABLE = {"orders": TableVersion("orders", "data/sales@1/orders/1.parquet", 3, 100, "abc")}


class StoppedClock:
    def __init__(self, now: Instant) -> None:
        self._now = now

    def now(self) -> Instant:
        return self._now


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clients]:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        yield Clients()


@pytest.fixture
def table(aws: Clients) -> str:
    aws.dynamodb.create_table(
        TableName="t",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
    )
    return "t"


@pytest.fixture
def machine(aws: Clients) -> str:
    role = boto3.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}")["Role"][
        "Arn"
    ]
    definition = json.dumps(
        {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 60, "End": True}}}
    )
    return aws.stepfunctions.create_state_machine(name="m", definition=definition, roleArn=role)[
        "stateMachineArn"
    ]


def fifo(aws: Clients) -> str:
    return aws.sqs.create_queue(
        QueueName="m.fifo", Attributes={"FifoQueue": "true", "VisibilityTimeout": "30"}
    )["QueueUrl"]


def received(aws: Clients, url: str) -> list[dict[str, object]]:
    """Messages as Lambda's event source mapping shows them."""
    found = aws.sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"]
    ).get("Messages", [])
    return [
        {
            "messageId": m["MessageId"],
            "receiptHandle": m["ReceiptHandle"],
            "body": m["Body"],
            "attributes": m["Attributes"],
        }
        for m in found
    ]


class TestStates:
    def test_an_unknown_line_is_fresh(self, aws: Clients, table: str) -> None:
        assert DynamoStateStore(aws, table).load(SALES) == Held(PondState(SALES))

    def test_a_commit_is_read_back_whole_with_its_outbox_and_mark(
        self, aws: Clients, table: str
    ) -> None:
        store = DynamoStateStore(aws, table)
        committed = store.commit(
            store.load(SALES),
            PondState(SALES, end_f=NOW),
            (SendPull(Line("a@1"), NOW, NEVER),),
            (7, "008"),
            NOW,
        )
        assert committed.state.revision == 1
        assert store.load(SALES) == committed

    @pytest.mark.parametrize(
        "outbox", [(), (PublishSnapshot(1, NOW, TABLE),)], ids=["plain", "publishing"]
    )
    def test_of_two_commits_from_one_revision_the_second_is_refused(
        self, aws: Clients, table: str, outbox: tuple[PublishSnapshot, ...]
    ) -> None:
        store = DynamoStateStore(aws, table)
        for revision in range(2):  # a line's first commit and a later one
            held = store.load(SALES)
            winner = store.commit(held, PondState(SALES, failures=revision), (), (1, "1"))
            with pytest.raises(StateConflictError):
                store.commit(held, PondState(SALES, failures=99), outbox, (1, "1"))
            assert store.load(SALES) == winner
        assert store.read(SALES, 1) is None, "the loser's snapshot must not exist"

    def test_a_snapshot_is_there_as_soon_as_the_commit_that_publishes_it(
        self, aws: Clients, table: str
    ) -> None:
        store = DynamoStateStore(aws, table)
        snapshot = PublishSnapshot(4, NOW, TABLE)
        store.commit(store.load(SALES), PondState(SALES, snapshot=4), (snapshot,), (1, "1"))
        assert store.read(SALES, 4) == snapshot

    def test_a_snapshot_keeps_how_far_ripples_had_read_and_as_of_when_its_data_is(
        self, aws: Clients, table: str
    ) -> None:
        store, key = DynamoStateStore(aws, table), next(iter(TABLE.values())).key
        held = Held(PondState(SALES))
        taken = {"load": {"sales.orders": Position(key, whole=True)}}
        for number, positions, held_f in ((4, taken, NEVER), (5, {}, NOW), (6, None, NEVER)):
            snapshot = PublishSnapshot(number, NOW, TABLE, positions=positions, held_f=held_f)
            held = store.commit(held, held.state, (snapshot,), (0, ""))
            assert store.read(SALES, number) == snapshot
            assert held.outbox[0] == snapshot
            assert store.load(SALES).outbox == (PublishSnapshot(number, NOW, held_f=held_f),)

    def test_the_manifests_of_the_past_are_found_newest_first(
        self, aws: Clients, table: str
    ) -> None:
        store, held = DynamoStateStore(aws, table), Held(PondState(SALES))
        for number in (4, 9, 12):
            snapshot = PublishSnapshot(number, NOW + timedelta(hours=number), TABLE)
            held = store.commit(held, held.state, (snapshot,), (0, ""))
        published = DynamoPublished(aws, table)
        assert [one.number for one in published.kept(SALES, below=13, most=2)] == [12, 9]
        assert published.kept(SALES, below=9, most=3) == [Kept(4, NOW + timedelta(hours=4))]
        assert published.kept(SALES, below=4, most=3) == []
        assert published.kept(Line("sale@1"), below=99, most=3) == []
        wanted = [(SALES, 4), (SALES, 9), (SALES, 5), (Line("other@1"), 4)]
        found = published.read_many(wanted)
        assert {key: one.run for key, one in found.items()} == {(SALES, 4): 4, (SALES, 9): 9}
        assert found[SALES, 4].tables == TABLE

    def test_a_snapshot_is_not_kept_in_the_outbox_as_well(self, aws: Clients, table: str) -> None:
        store = DynamoStateStore(aws, table)
        committed = store.commit(
            store.load(SALES),
            PondState(SALES),
            (PublishSnapshot(4, NOW, TABLE), SendPull(SALES, NOW, NEVER)),
            (1, "1"),
        )
        assert committed.outbox[0] == PublishSnapshot(4, NOW, TABLE)
        assert store.load(SALES).outbox == (PublishSnapshot(4, NOW), SendPull(SALES, NOW, NEVER))

    def test_why_a_branch_is_sent_home_is_not_kept_for_a_second_time(
        self, aws: Clients, table: str
    ) -> None:
        store = DynamoStateStore(aws, table)
        answer = AnswerGate(4, 1, "load", "cancelled", failure=Failure("load", 1, "E", "m"))
        committed = store.commit(store.load(SALES), PondState(SALES), (answer,), (1, "1"))
        assert committed.outbox == (answer,)
        assert store.load(SALES).outbox == (replace(answer, failure=None),)

    @pytest.mark.parametrize(
        "outbox", [(), (PublishSnapshot(4, NOW, TABLE),)], ids=["alone", "with a manifest"]
    )
    def test_a_state_that_no_item_holds_is_refused_before_dynamodb_is_asked(
        self, aws: Clients, table: str, monkeypatch: pytest.MonkeyPatch, outbox: tuple[Any, ...]
    ) -> None:
        store = DynamoStateStore(aws, table)
        held = store.load(SALES)
        monkeypatch.setattr(aws.dynamodb, "put_item", lambda **_: pytest.fail("it was asked"))
        monkeypatch.setattr(
            aws.dynamodb, "transact_write_items", lambda **_: pytest.fail("it was asked")
        )
        sinks = {Line(f"s{number}@1"): (1, 0) for number in range(30_000)}
        with pytest.raises(StateTooLargeError, match="STATE of sales@1 would have 499,0"):
            store.commit(held, PondState(SALES, sinks=sinks), outbox, (1, "1"))

    def test_clearing_removes_the_outbox_of_that_commit_only(
        self, aws: Clients, table: str
    ) -> None:
        store = DynamoStateStore(aws, table)
        effects = (SendPull(Line("a@1"), NOW, NEVER),)
        first = store.commit(store.load(SALES), PondState(SALES), effects, (1, "1"))
        store.clear(first)
        assert store.load(SALES).outbox == ()
        second = store.commit(store.load(SALES), PondState(SALES), effects, (1, "2"))
        store.clear(first)
        assert store.load(SALES).outbox == second.outbox


class TestMailbox:
    def test_letters_of_a_line_arrive_in_order_and_twice_sent_is_once_received(
        self, aws: Clients
    ) -> None:
        url = fifo(aws)
        letters = [
            Letter(SALES, Triggered("tap", NOW + timedelta(seconds=i)), key=f"k{i}")
            for i in range(9)
        ]
        mailbox = SqsMailbox(aws, url)
        mailbox.send(letters)
        mailbox.send(letters)
        (batch,) = batches(received(aws, url))
        assert batch.line == SALES
        assert [letter.signal for letter in batch.letters] == [letter.signal for letter in letters]

    def test_a_letter_that_was_refused_is_not_overtaken_by_the_next_to_its_line(
        self, aws: Clients, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        url, send, refused = fifo(aws), aws.sqs.send_message_batch, []

        def refuse_the_first(*, Entries: list[Any], **given: Any) -> Any:  # noqa: N803 - botocore's word
            if refused:
                return send(Entries=Entries, **given)
            refused.append(Entries[0]["Id"])
            taken = send(Entries=Entries[1:], **given)["Successful"] if Entries[1:] else []
            return {
                "Successful": taken,
                "Failed": [{"Id": Entries[0]["Id"], "Message": "try again"}],
            }

        monkeypatch.setattr(aws.sqs, "send_message_batch", refuse_the_first)
        letters = [
            Letter(to, Triggered("tap", NOW + timedelta(seconds=i)), key=f"{to}{i}")
            for i in range(2)
            for to in (SALES, Line("b@1"))
        ]
        mailbox = SqsMailbox(aws, url)
        with pytest.raises(TransientError):
            mailbox.send(letters)
        assert len(mailbox.send(letters)) == len(letters)
        messages = aws.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"]
        )["Messages"]
        bodies = [
            json.loads(m["Body"]) for m in messages if m["Attributes"]["MessageGroupId"] == SALES
        ]
        assert [from_text(body["epoch"]) for body in bodies] == [NOW, NOW + timedelta(seconds=1)]

    def test_more_than_ten_letters_all_arrive(self, aws: Clients) -> None:
        url = fifo(aws)
        SqsMailbox(aws, url).send(
            [Letter(Line(f"p{i}@1"), AlarmRang(), key=f"k{i}") for i in range(23)]
        )
        count = aws.sqs.get_queue_attributes(
            QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"]
        )["Attributes"]
        assert count["ApproximateNumberOfMessages"] == "23"

    def test_lines_come_apart_and_an_unreadable_body_holds_nobody_up(self, aws: Clients) -> None:
        url = fifo(aws)
        SqsMailbox(aws, url).send([Letter(Line("a@1"), AlarmRang(), key="1")])
        for number, body in enumerate(
            ["no json", '{"to": "a@1"}', '{"to": "a@1", "kind": "nonsense"}']
        ):
            aws.sqs.send_message(
                QueueUrl=url,
                MessageBody=body,
                MessageGroupId=f"bad{number}",
                MessageDeduplicationId=f"b{number}",
            )
        SqsMailbox(aws, url).send([Letter(Line("b@1"), AlarmRang(), key="2")])
        assert [b.line for b in batches(received(aws, url))] == ["a@1", "b@1"]

    def test_a_gates_token_reaches_the_delivery(self, aws: Clients) -> None:
        url = fifo(aws)
        gate = {**json.loads(codec.letter(SALES, GateReached(1, 1, "load"))), "token": "t0"}
        aws.sqs.send_message(
            QueueUrl=url,
            MessageBody=json.dumps(gate),
            MessageGroupId=SALES,
            MessageDeduplicationId="x",
        )
        (batch,) = batches(received(aws, url))
        assert batch.letters[0].token == "t0"
        assert batch.letters[0].signal == GateReached(1, 1, "load")

    def test_a_postponed_batch_is_seen_again_before_the_visibility_timeout(
        self, aws: Clients
    ) -> None:
        url = fifo(aws)
        SqsMailbox(aws, url).send([Letter(SALES, AlarmRang(), key="1")])
        (batch,) = batches(received(aws, url))
        assert received(aws, url) == []
        postpone(aws.sqs, url, replace(batch, seen=0))
        assert len(received(aws, url)) == 1

    def test_what_is_sent_under_the_key_of_a_letter_that_is_to_come_does_not_swallow_it(
        self, aws: Clients
    ) -> None:
        url, letter = fifo(aws), Letter(SALES, AlarmRang(), key="orders@1>sales@1:6:0")
        body = codec.letter(SALES, AlarmRang())
        guesses = (letter.key, body, f"{letter.key}\0{body}", f"\0{letter.key}\0{body}")
        for guess in (letter.key, *(sha256(guess.encode()).hexdigest() for guess in guesses)):
            aws.sqs.send_message(
                QueueUrl=url,
                MessageBody="nothing",
                MessageGroupId=SALES,
                MessageDeduplicationId=guess,
            )
        SqsMailbox(aws, url).send([letter])
        (batch,) = batches(received(aws, url))
        assert [one.signal for one in batch.letters] == [AlarmRang()]

    def test_another_letter_under_the_same_key_is_not_swallowed(self, aws: Clients) -> None:
        url = fifo(aws)
        mailbox = SqsMailbox(aws, url)
        mailbox.send([Letter(SALES, AlarmRang(), key="k")])
        mailbox.send([Letter(SALES, Triggered("tap", NOW), key="k")])
        (batch,) = batches(received(aws, url))
        assert len(batch.letters) == 2

    def test_an_echo_of_an_event_is_swallowed_in_any_process_whenever_it_comes(
        self, aws: Clients
    ) -> None:
        url = fifo(aws)
        for later in range(2):
            signal = Triggered("tap", NOW + timedelta(seconds=later))
            SqsMailbox(aws, url).send(
                [Letter(SALES, signal, key="trigger:an-event", is_of_event=True)]
            )
        (batch,) = batches(received(aws, url))
        assert [one.signal for one in batch.letters] == [Triggered("tap", NOW)]

    def test_no_request_has_more_bytes_than_sqs_takes(
        self, aws: Clients, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sent: list[list[Any]] = []

        def send(*, Entries: list[Any], **_: Any) -> Any:  # noqa: N803 - botocore's word
            sent.append(Entries)
            return {"Successful": [{"Id": entry["Id"], "SequenceNumber": "1"} for entry in Entries]}

        monkeypatch.setattr(aws.sqs, "send_message_batch", send)
        failure = Failure("load", 1, "E", "\U0001f600" * 5_000)
        gate = GateReached(1, 1, "load", 1, "failed", failure)
        assert (
            len(
                SqsMailbox(aws, "url").send(
                    [Letter(Line(f"s{i}@1"), gate, key="k") for i in range(25)]
                )
            )
            == 25
        )
        assert all(
            sum(len(entry["MessageBody"].encode()) for entry in entries) <= 262_144
            for entries in sent
        )
        assert [entry["MessageGroupId"] for entries in sent for entry in entries] == [
            f"s{i}@1" for i in range(25)
        ]


class TestExecutions:
    RUN = StartRun(42, 1, (RippleBranch("load", "lambda", 1), RippleBranch("join", "wait")))

    def test_the_input_is_the_protocols(self, aws: Clients, machine: str) -> None:
        Machine(aws, machine, PERMITS).start(SALES, self.RUN)
        there = aws.stepfunctions.describe_execution(
            executionArn=execution_arn(machine, "sales-1-42-1")
        )
        assert json.loads(there["input"]) == {
            "line": "sales@1",
            "run": 42,
            "launch": 1,
            "branches": [
                {
                    "ripple": "load",
                    "verdict": "lambda",
                    "attempt": 1,
                    "permit": PERMITS.of(AttemptName(SALES, 42, "load", 1)),
                },
                {"ripple": "join", "verdict": "wait", "attempt": 0},
            ],
        }

    def test_a_run_of_one_ripple_says_its_branch_at_the_top_too(
        self, aws: Clients, machine: str
    ) -> None:
        Machine(aws, machine, PERMITS).start(
            SALES, StartRun(43, 1, (RippleBranch("load", "lambda", 1),))
        )
        there = aws.stepfunctions.describe_execution(
            executionArn=execution_arn(machine, "sales-1-43-1")
        )
        permit = PERMITS.of(AttemptName(SALES, 43, "load", 1))
        alone = {"ripple": "load", "verdict": "lambda", "attempt": 1, "permit": permit}
        assert json.loads(there["input"]) == {
            "line": "sales@1",
            "run": 43,
            "launch": 1,
            "branches": [alone],
            **alone,
        }

    def test_a_branch_that_begins_as_a_task_says_its_size(self, aws: Clients, machine: str) -> None:
        Machine(aws, machine, PERMITS).start(
            SALES, StartRun(44, 1, (RippleBranch("load", "task", 1, 8192),))
        )
        there = json.loads(
            aws.stepfunctions.describe_execution(
                executionArn=execution_arn(machine, "sales-1-44-1")
            )["input"]
        )
        assert there["branches"] == [
            {
                "ripple": "load",
                "verdict": "task",
                "attempt": 1,
                "memory_mib": 8192,
                "permit": PERMITS.of(AttemptName(SALES, 44, "load", 1)),
            }
        ]
        assert there["memory_mib"] == 8192

    def test_starting_twice_is_starting_once(self, aws: Clients, machine: str) -> None:
        Machine(aws, machine, PERMITS).start(SALES, self.RUN)
        Machine(aws, machine, PERMITS).start(SALES, self.RUN)
        assert len(aws.stepfunctions.list_executions(stateMachineArn=machine)["executions"]) == 1

    def test_the_same_run_with_other_branches_is_a_bug(self, aws: Clients, machine: str) -> None:
        Machine(aws, machine, PERMITS).start(SALES, self.RUN)
        with pytest.raises(InvariantError, match="sales-1-42-1"):
            Machine(aws, machine, PERMITS).start(SALES, StartRun(42, 1, ()))

    def test_an_execution_whose_input_an_older_version_wrote_is_the_same(
        self, aws: Clients, machine: str
    ) -> None:
        branch = {"ripple": "load", "verdict": "lambda", "attempt": 1}
        older = json.dumps({"line": "sales@1", "run": 43, "launch": 1, "branches": [branch]})
        aws.stepfunctions.start_execution(stateMachineArn=machine, name="sales-1-43-1", input=older)
        Machine(aws, machine, PERMITS).start(
            SALES, StartRun(43, 1, (RippleBranch("load", "lambda", 1),))
        )

    def test_stopping_is_safe_before_and_after(self, aws: Clients, machine: str) -> None:
        door = Machine(aws, machine, PERMITS)
        door.stop(SALES, StopRun(42, 1))
        door.start(SALES, self.RUN)
        door.stop(SALES, StopRun(42, 1))
        there = aws.stepfunctions.describe_execution(
            executionArn=execution_arn(machine, "sales-1-42-1")
        )
        assert there["status"] == "ABORTED"

    @pytest.mark.parametrize("code", ["ExecutionDoesNotExist", "ValidationException"])
    def test_stopping_what_is_over_is_success(
        self, aws: Clients, machine: str, monkeypatch: pytest.MonkeyPatch, code: str
    ) -> None:
        def refuse(**_: str) -> None:
            raise ClientError(
                {"Error": {"Code": code, "Message": "Execution is not running"}}, "StopExecution"
            )

        monkeypatch.setattr(aws.stepfunctions, "stop_execution", refuse)
        Machine(aws, machine, PERMITS).stop(SALES, StopRun(42, 1))
        code = "AccessDeniedException"
        with pytest.raises(ClientError):
            Machine(aws, machine, PERMITS).stop(SALES, StopRun(42, 1))


class TestGates:
    def test_an_answer_goes_to_every_token_of_the_attempt_once(
        self, aws: Clients, table: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        said: list[dict[str, str]] = []
        monkeypatch.setattr(
            aws.stepfunctions, "send_task_failure", lambda **given: said.append(given)
        )
        gates = TokenGates(aws, table, PERMITS)
        for token in ("a", "b", "a", "b"):
            gates.keep(SALES, GateReached(1, 1, "load"), token=token)
        answer = AnswerGate(
            1, 1, "load", "cancelled", failure=Failure("clean", 2, "ValueError", "no rows")
        )
        gates.answer(SALES, answer)
        gates.answer(SALES, answer)
        assert [(s["taskToken"], s["error"]) for s in said] == [
            ("a", "Duckstring.Cancelled"),
            ("b", "Duckstring.Cancelled"),
        ]
        assert json.loads(said[0]["cause"]) == {
            "ripple": "clean",
            "attempt": 2,
            "error": "ValueError",
            "message": "no rows",
        }

    def test_a_gate_succeeds_with_an_attempt_to_run_and_with_nothing_else(
        self, aws: Clients, table: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        said: list[object] = []
        monkeypatch.setattr(
            aws.stepfunctions,
            "send_task_success",
            lambda **given: said.append(json.loads(given["output"])),
        )
        monkeypatch.setattr(
            aws.stepfunctions,
            "send_task_failure",
            lambda **given: said.append((given["error"], given["cause"])),
        )
        gates = TokenGates(aws, table, PERMITS)
        task = AnswerGate(1, 1, "load", "task", 3, memory_mib=16_384)
        for answer in (
            AnswerGate(1, 1, "load", "lambda", 2),
            AnswerGate(1, 1, "load", "done"),
            AnswerGate(1, 1, "load", "cancelled"),
            task,
        ):
            gates.keep(SALES, GateReached(1, 1, "load"), token="t")
            gates.answer(SALES, answer)
        permits = [PERMITS.of(AttemptName(SALES, 1, "load", attempt)) for attempt in (2, 3)]
        asked = json.dumps({"attempt": 3, "memory_mib": 16384, "permit": permits[1]})
        assert said == [
            {"attempt": 2, "permit": permits[0]},
            ("Duckstring.Done", "null"),
            ("Duckstring.Cancelled", "null"),
            ("Duckstring.Task", asked),
        ]

    def test_an_answer_said_again_is_not_heard_by_the_branch_that_came_back_from_it(
        self, aws: Clients, table: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        said: list[dict[str, str]] = []
        monkeypatch.setattr(
            aws.stepfunctions, "send_task_success", lambda **given: said.append(given)
        )
        gates = TokenGates(aws, table, PERMITS)
        gates.keep(
            SALES,
            GateReached(1, 1, "load", 2, "failed", Failure("load", 2, "ValueError", "no rows")),
            token="t",
        )
        gates.answer(SALES, AnswerGate(1, 1, "load", "lambda", 2))
        gates.answer(SALES, AnswerGate(1, 1, "load", "task", 2, memory_mib=8192))
        assert said == []
        gates.answer(SALES, AnswerGate(1, 1, "load", "lambda", 3))
        assert [s["taskToken"] for s in said] == ["t"]

    def test_the_tokens_of_one_wait_are_limited_and_the_first_ones_stay(
        self, aws: Clients, table: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        said: list[dict[str, str]] = []
        monkeypatch.setattr(
            aws.stepfunctions, "send_task_success", lambda **given: said.append(given)
        )
        gates = TokenGates(aws, table, PERMITS)
        for number in range(30):
            gates.keep(SALES, GateReached(1, 1, "load"), token=f"t{number:02d}")
        gates.answer(SALES, AnswerGate(1, 1, "load", "lambda", 1))
        assert [s["taskToken"] for s in said] == [f"t{number:02d}" for number in range(16)]

    @pytest.mark.parametrize(
        "code", ["AccessDeniedException", "ValidationException", "InvalidToken"]
    )
    def test_a_token_that_step_functions_refuses_keeps_nobody_waiting(
        self, aws: Clients, table: str, monkeypatch: pytest.MonkeyPatch, code: str
    ) -> None:
        said: list[str] = []

        def tell(*, taskToken: str, **_: str) -> None:  # noqa: N803 - botocore's word
            if taskToken == "forged":
                raise code_of(code)
            said.append(taskToken)

        monkeypatch.setattr(aws.stepfunctions, "send_task_success", tell)
        gates = TokenGates(aws, table, PERMITS)
        for token in ("forged", "true"):
            gates.keep(SALES, GateReached(1, 1, "load"), token=token)
        gates.answer(SALES, AnswerGate(1, 1, "load", "lambda", 1))
        gates.answer(SALES, AnswerGate(1, 1, "load", "lambda", 1))
        assert said == ["true"]

    def test_a_gate_letter_that_comes_late_does_not_take_the_place_of_a_newer_one(
        self, aws: Clients, table: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        said: list[dict[str, str]] = []
        monkeypatch.setattr(
            aws.stepfunctions, "send_task_success", lambda **given: said.append(given)
        )
        gates = TokenGates(aws, table, PERMITS)
        for attempt, token in ((2, "new"), (1, "old")):
            gates.keep(SALES, GateReached(1, 1, "load", attempt), token=token)
        gates.answer(SALES, AnswerGate(1, 1, "load", "lambda", 3))
        assert [s["taskToken"] for s in said] == ["new"]

    @pytest.mark.parametrize("code", ["TaskDoesNotExist", "TaskTimedOut", "InvalidToken"])
    def test_a_branch_that_left_is_answered(
        self, aws: Clients, table: str, monkeypatch: pytest.MonkeyPatch, code: str
    ) -> None:
        def gone(**_: object) -> None:
            raise aws.stepfunctions.exceptions.ClientError(
                {"Error": {"Code": code}}, "SendTaskFailure"
            )

        monkeypatch.setattr(aws.stepfunctions, "send_task_failure", gone)
        gates = TokenGates(aws, table, PERMITS)
        gates.keep(SALES, GateReached(1, 1, "load"), token="t")
        gates.answer(SALES, AnswerGate(1, 1, "load", "done"))
        assert "Items" in aws.dynamodb.scan(TableName=table)
        assert aws.dynamodb.scan(TableName=table)["Count"] == 0

    def test_a_throttled_answer_is_not_forgotten(
        self, aws: Clients, table: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def busy(**_: object) -> None:
            raise aws.stepfunctions.exceptions.ClientError(
                {"Error": {"Code": "ThrottlingException"}}, "SendTaskFailure"
            )

        monkeypatch.setattr(aws.stepfunctions, "send_task_failure", busy)
        gates = TokenGates(aws, table, PERMITS)
        gates.keep(SALES, GateReached(1, 1, "load"), token="t")
        with pytest.raises(aws.stepfunctions.exceptions.ClientError):
            gates.answer(SALES, AnswerGate(1, 1, "load", "done"))
        assert aws.dynamodb.scan(TableName=table)["Count"] == 1


@pytest.fixture
def timed(aws: Clients) -> Settings:
    """What Scheduler and the delay queue need to know."""
    aws.scheduler.create_schedule_group(Name="g")
    return Settings(
        delays=aws.sqs.create_queue(QueueName="delays")["QueueUrl"],
        delays_arn="arn:aws:sqs:us-east-1:123456789012:delays",
        schedules="g",
        mailbox_arn="arn:aws:sqs:us-east-1:123456789012:m.fifo",
        scheduler_role="arn:aws:iam::123456789012:role/r",
    )


def scheduled(aws: Clients) -> dict[str, dict[str, Any]]:
    names = [found["Name"] for found in aws.scheduler.list_schedules(GroupName="g")["Schedules"]]
    return {name: aws.scheduler.get_schedule(Name=name, GroupName="g") for name in names}


def code_of(error: str) -> ClientError:
    return ClientError({"Error": {"Code": error, "Message": "no"}}, "Any")


class TestAlarms:
    def test_a_near_alarm_waits_in_the_delay_queue_and_is_forwarded_to_its_line(
        self, aws: Clients, timed: Settings
    ) -> None:
        TimedAlarms(aws, timed, StoppedClock(NOW)).set(SALES, NOW - timedelta(seconds=1))
        (letter,), early = forwarded(received(aws, timed.delays), NOW)
        assert (letter.to, letter.signal, early) == (SALES, AlarmRang(), [])
        assert scheduled(aws) == {}

    @pytest.mark.parametrize(
        ("ahead", "delay"),
        [(timedelta(0), 0), (timedelta(seconds=0.2), 1), (timedelta(minutes=15), 900)],
    )
    def test_a_near_alarm_is_never_early(
        self,
        aws: Clients,
        timed: Settings,
        monkeypatch: pytest.MonkeyPatch,
        ahead: timedelta,
        delay: int,
    ) -> None:
        sent: list[dict[str, Any]] = []
        monkeypatch.setattr(aws.sqs, "send_message", lambda **told: sent.append(told))
        TimedAlarms(aws, timed, StoppedClock(NOW)).set(SALES, NOW + ahead)
        assert [told["DelaySeconds"] for told in sent] == [delay]

    def test_a_far_alarm_is_one_schedule_a_line_and_the_last_one_set_stands(
        self, aws: Clients, timed: Settings
    ) -> None:
        alarms = TimedAlarms(aws, timed, StoppedClock(NOW))
        for hours in (1, 3, 2):
            alarms.set(SALES, NOW + timedelta(hours=hours, microseconds=1))
        alarms.set(Line("sales@2"), NOW + timedelta(hours=1))
        found = scheduled(aws)
        assert {name: held["ScheduleExpression"] for name, held in found.items()} == {
            "alarm-sales-1": "at(2030-01-01T13:58:01)",
            "alarm-sales-2": "at(2030-01-01T12:58:00)",
        }
        target = found["alarm-sales-1"]["Target"]
        assert (target["Arn"], target["RoleArn"], "SqsParameters" in target) == (
            timed.delays_arn,
            timed.scheduler_role,
            False,
        )
        assert found["alarm-sales-1"]["ActionAfterCompletion"] == "DELETE"

    def test_a_far_alarm_that_fires_ahead_of_time_waits_out_what_is_left(
        self, aws: Clients, timed: Settings
    ) -> None:
        due = NOW + timedelta(hours=2, microseconds=1)
        TimedAlarms(aws, timed, StoppedClock(NOW)).set(SALES, due)
        aws.sqs.send_message(
            QueueUrl=timed.delays, MessageBody=scheduled(aws)["alarm-sales-1"]["Target"]["Input"]
        )
        records = received(aws, timed.delays)
        for left in (
            timedelta(minutes=2),
            timedelta(seconds=1.5),
        ):  # set again for the same time, the second letter would be an echo
            assert forwarded(records, due - left) == ([], [(SALES, due)])
        (letter,), early = forwarded(records, due - timedelta(seconds=1))
        assert (letter.to, letter.signal, early) == (SALES, AlarmRang(), [])

    def test_a_schedule_that_scheduler_has_just_deleted_is_no_obstacle(
        self, aws: Clients, timed: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        create, tries = aws.scheduler.create_schedule, []

        def taken_at_first(**told: Any) -> None:
            tries.append(told)
            if len(tries) == 1:
                raise code_of("ConflictException")
            create(**told)

        monkeypatch.setattr(aws.scheduler, "create_schedule", taken_at_first)
        TimedAlarms(aws, timed, StoppedClock(NOW)).set(SALES, NOW + timedelta(hours=1))
        assert list(scheduled(aws)) == ["alarm-sales-1"]

    @pytest.mark.parametrize(
        ("error", "most"), [("ConflictException", 2), ("ThrottlingException", 1)]
    )
    def test_what_goes_on_being_refused_is_left_to_the_next_delivery(
        self, aws: Clients, timed: Settings, monkeypatch: pytest.MonkeyPatch, error: str, most: int
    ) -> None:
        tries: list[dict[str, Any]] = []

        def refused(**told: Any) -> None:
            tries.append(told)
            raise code_of(error)

        monkeypatch.setattr(aws.scheduler, "create_schedule", refused)
        with pytest.raises(ClientError, match=error):
            TimedAlarms(aws, timed, StoppedClock(NOW)).set(SALES, NOW + timedelta(hours=1))
        assert len(tries) == most


class TestSchedules:
    LONG_AGO = datetime(2020, 1, 1, 2, tzinfo=UTC)
    NIGHTLY = Window("nightly", LONG_AGO, timedelta(days=1), timedelta(hours=3))

    def put(
        self, aws: Clients, timed: Settings, window: Window, now: Instant = NOW
    ) -> dict[str, dict[str, Any]]:
        WindowSchedules(aws, timed, StoppedClock(now)).set(SALES, window)
        return scheduled(aws)

    def test_a_rule_is_a_recurring_schedule_anchored_at_its_next_opening(
        self, aws: Clients, timed: Settings
    ) -> None:
        (held,) = self.put(aws, timed, self.NIGHTLY).values()
        assert {
            key: held[key]
            for key in ("Name", "GroupName", "ScheduleExpression", "State", "ActionAfterCompletion")
        } == {
            "Name": "window-sales-1-nightly",
            "GroupName": "g",
            "ScheduleExpression": "rate(1 day)",
            "State": "ENABLED",
            "ActionAfterCompletion": "DELETE",
        }
        assert held["FlexibleTimeWindow"] == {"Mode": "OFF"}
        assert held["StartDate"] == NOW.replace(day=2, hour=2), (
            "Scheduler refuses one more than five minutes ago"
        )
        assert held.get("EndDate") is None
        target = held["Target"]
        assert (target["Arn"], target["RoleArn"]) == (timed.mailbox_arn, timed.scheduler_role)
        assert target["SqsParameters"] == {"MessageGroupId": SALES}

    @pytest.mark.parametrize("at", ["<aws.scheduler.scheduled-time>", "2030-01-02T02:00:00Z"])
    def test_the_tick_is_a_letter_with_its_time_filled_in_or_not(
        self, aws: Clients, timed: Settings, at: str
    ) -> None:
        (held,) = self.put(aws, timed, self.NIGHTLY).values()
        body = held["Target"]["Input"]
        assert json.loads(body)["at"] == "<aws.scheduler.scheduled-time>"
        url = fifo(aws)
        body = body.replace("<aws.scheduler.scheduled-time>", at)
        aws.sqs.send_message(
            QueueUrl=url, MessageBody=body, MessageGroupId=SALES, MessageDeduplicationId="x"
        )
        (batch,) = batches(received(aws, url))
        assert (batch.line, [letter.signal for letter in batch.letters]) == (
            SALES,
            [WindowOpened("nightly")],
        )

    @pytest.mark.parametrize(
        ("minutes", "rate"),
        [
            (1, "1 minute"),
            (90, "90 minutes"),
            (60, "1 hour"),
            (240, "4 hours"),
            (1440, "1 day"),
            (10_080, "7 days"),
            (1500, "25 hours"),
        ],
    )
    def test_rates_are_whole_minutes_hours_or_days(
        self, aws: Clients, timed: Settings, minutes: int, rate: str
    ) -> None:
        every = timedelta(minutes=minutes)
        (held,) = self.put(aws, timed, Window("w", self.LONG_AGO, every, every)).values()
        assert held["ScheduleExpression"] == f"rate({rate})"

    def test_weekdays_and_the_end_are_kept(self, aws: Clients, timed: Settings) -> None:
        until = NOW + timedelta(days=30)
        (held,) = self.put(
            aws, timed, replace(self.NIGHTLY, on=frozenset({"MON"}), until=until)
        ).values()
        assert (held["StartDate"], held["EndDate"]) == (NOW.replace(day=7, hour=2), until)

    def test_fractions_are_never_early_and_the_end_is_after_the_start(
        self, aws: Clients, timed: Settings
    ) -> None:
        start = NOW + timedelta(seconds=9.5)
        (held,) = self.put(
            aws, timed, replace(self.NIGHTLY, start=start, until=start + timedelta(seconds=0.1))
        ).values()
        assert (held["StartDate"], held["EndDate"]) == (
            NOW + timedelta(seconds=10),
            NOW + timedelta(seconds=11),
        )

    def test_a_rule_put_again_stands_as_put_last(self, aws: Clients, timed: Settings) -> None:
        self.put(aws, timed, self.NIGHTLY)
        self.put(aws, timed, self.NIGHTLY)
        (held,) = self.put(
            aws, timed, replace(self.NIGHTLY, every=timedelta(hours=12)), NOW + timedelta(days=1)
        ).values()
        assert (held["ScheduleExpression"], held["StartDate"]) == (
            "rate(12 hours)",
            NOW.replace(day=2, hour=14),
        )

    @pytest.mark.parametrize("changed", [{"every": timedelta(seconds=90)}, {"until": NOW}])
    def test_what_the_clock_cannot_carry_or_is_over_has_no_schedule(
        self, aws: Clients, timed: Settings, changed: dict[str, Any]
    ) -> None:
        self.put(aws, timed, self.NIGHTLY)
        assert (
            self.put(aws, timed, replace(self.NIGHTLY, duration=timedelta(seconds=30), **changed))
            == {}
        )

    @pytest.mark.parametrize(
        ("cron", "told"),
        [
            ("0 6 1 * *", "cron(0 6 1 * ? *)"),
            ("*/30 9-17 * * MON-FRI", "cron(0,30 9-17 ? * MON,TUE,WED,THU,FRI *)"),
            ("0 6 L 3,6,9,12 *", "cron(0 6 L 3,6,9,12 ? *)"),
            ("0 6 * * MON#1", "cron(0 6 ? * 2#1 *)"),
            ("0 6 * * SUN#2", "cron(0 6 ? * 1#2 *)"),
            ("* * * * *", "cron(* * * * ? *)"),
        ],
    )
    def test_a_cron_rule_is_told_in_schedulers_dialect_with_its_zone(
        self, aws: Clients, timed: Settings, cron: str, told: str
    ) -> None:
        rule = replace(self.NIGHTLY, every=timedelta(0), cron=cron, tz="Europe/Berlin")
        (held,) = self.put(aws, timed, rule).values()
        assert held["ScheduleExpression"] == told
        assert held["ScheduleExpressionTimezone"] == "Europe/Berlin"
        assert held["StartDate"] > NOW
        (held,) = self.put(aws, timed, replace(rule, tz="")).values()
        assert held["ScheduleExpressionTimezone"] == "UTC"

    def test_days_of_a_zone_are_a_schedule_of_its_time_of_day(
        self, aws: Clients, timed: Settings
    ) -> None:
        # 02:00 UTC on a Wednesday is 21:00 on Tuesday there.
        rule = replace(self.NIGHTLY, tz="America/New_York")
        (held,) = self.put(aws, timed, rule).values()
        assert held["ScheduleExpression"] == "cron(0 21 * * ? *)"
        weekly = replace(rule, every=timedelta(days=7))
        (held,) = self.put(aws, timed, weekly).values()
        assert held["ScheduleExpression"] == "cron(0 21 ? * TUE *)"
        assert self.put(aws, timed, replace(rule, every=timedelta(days=2))) == {}

    def test_what_scheduler_has_no_words_for_has_no_schedule(
        self, aws: Clients, timed: Settings
    ) -> None:
        rule = replace(self.NIGHTLY, every=timedelta(0), tz="Europe/Berlin")
        for cron in ("0 6 LW * *", "0 6 * * 5L", "0 6 1 * MON"):
            self.put(aws, timed, self.NIGHTLY)
            assert self.put(aws, timed, replace(rule, cron=cron)) == {}

    def test_a_zone_that_scheduler_does_not_know_does_not_hold_the_line_up(
        self, aws: Clients, timed: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refused(**_told: Any) -> None:
            raise code_of("ValidationException")

        self.put(aws, timed, self.NIGHTLY)
        monkeypatch.setattr(aws.scheduler, "create_schedule", refused)
        assert self.put(aws, timed, replace(self.NIGHTLY, tz="Europe/Berlin")) == {}
        with pytest.raises(ClientError):
            self.put(aws, timed, self.NIGHTLY)

    def test_dropping_twice_is_dropping_once_and_others_stay(
        self, aws: Clients, timed: Settings
    ) -> None:
        schedules = WindowSchedules(aws, timed, StoppedClock(NOW))
        self.put(aws, timed, self.NIGHTLY)
        schedules.set(Line("sales@2"), self.NIGHTLY)
        schedules.drop(SALES, "nightly")
        schedules.drop(SALES, "nightly")
        assert list(scheduled(aws)) == ["window-sales-2-nightly"]

    def test_names_of_any_length_fit_and_stay_apart(self, aws: Clients, timed: Settings) -> None:
        lines = [Line(f"{'p' * 48}@{major}") for major in (1, 999_999)]
        rules = ["w" * 32, "w" * 31 + "x", "w"]
        names = {schedule_name(line, rule) for line in lines for rule in rules}
        assert len(names) == 6
        assert max(map(len, names)) <= 64
        schedules = WindowSchedules(aws, timed, StoppedClock(NOW))
        schedules.set(lines[1], replace(self.NIGHTLY, name=rules[0]))
        schedules.drop(lines[1], rules[0])
        assert scheduled(aws) == {}

    @pytest.mark.parametrize("call", ["create_schedule", "delete_schedule"])
    def test_a_refusal_that_means_something_else_is_not_hidden(
        self, aws: Clients, timed: Settings, monkeypatch: pytest.MonkeyPatch, call: str
    ) -> None:
        def refused(**_told: Any) -> None:
            raise code_of("AccessDeniedException")

        monkeypatch.setattr(aws.scheduler, call, refused)
        schedules = WindowSchedules(aws, timed, StoppedClock(NOW))
        with pytest.raises(ClientError, match="AccessDeniedException"):
            schedules.set(SALES, self.NIGHTLY) if call == "create_schedule" else schedules.drop(
                SALES, "nightly"
            )


def test_an_event_names_the_pond_and_carries_its_own_key(
    aws: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    put: list[dict[str, str]] = []

    def put_events(Entries: list[dict[str, str]]) -> dict[str, int]:  # noqa: N803 - boto's name
        put.extend(Entries)
        return {"FailedEntryCount": 0}

    monkeypatch.setattr(aws.events, "put_events", put_events)
    event = Announce("failed", "running", NOW, run=42, reason="no rows")
    EventBus(aws, Settings(catchment="dev", bus="b")).announce(
        SALES, "1.2.0", event, key="sales@1:7:failed"
    )
    assert (put[0]["Source"], put[0]["DetailType"], put[0]["EventBusName"]) == (
        "duckstring",
        "duckstring.pond",
        "b",
    )
    assert json.loads(put[0]["Detail"]) == {
        "catchment": "dev",
        "pond": "sales",
        "major": 1,
        "version": "1.2.0",
        "f": "2030-01-01T12:00:00.000000Z",
        "state": "failed",
        "previous": "running",
        "run": "sales@1/42",
        "error": "no rows",
        "key": "sales@1:7:failed",
    }
