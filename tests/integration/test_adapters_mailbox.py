"""Letters over SQS: in order, once, and none lost."""

from __future__ import annotations

import json
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest

from duckstring.adapters.aws import codec
from duckstring.adapters.aws.clients import Clients
from duckstring.adapters.aws.inbox import batches, postpone
from duckstring.adapters.aws.mailbox import SqsMailbox
from duckstring.engine.letters import Letter
from duckstring.engine.signals import AlarmRang, GateReached, Triggered
from duckstring.errors import TransientError
from duckstring.model.failures import Failure
from duckstring.model.instants import from_text
from duckstring.model.names import Line
from duckstring.model.values import replace
from tests.integration.adapters_kit import NOW, SALES, fifo, received


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

        def refuse_the_first(**given: Any) -> Any:
            if refused:
                return send(**given)
            first, *others = given["Entries"]
            refused.append(first["Id"])
            taken = send(**{**given, "Entries": others})["Successful"] if others else []
            return {"Successful": taken, "Failed": [{"Id": first["Id"], "Message": "try again"}]}

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

        def send(**given: Any) -> Any:
            sent.append(given["Entries"])
            return {"Successful": [{"Id": one["Id"], "SequenceNumber": "1"} for one in sent[-1]]}

        monkeypatch.setattr(aws.sqs, "send_message_batch", send)
        failure = Failure("load", 1, "E", "\U0001f600" * 5_000)
        gate = GateReached(1, 1, "load", 1, "failed", failure)
        letters = [Letter(Line(f"s{i}@1"), gate, key="k") for i in range(25)]
        assert len(SqsMailbox(aws, "url").send(letters)) == 25
        assert all(
            sum(len(entry["MessageBody"].encode()) for entry in entries) <= 262_144
            for entries in sent
        )
        assert [entry["MessageGroupId"] for entries in sent for entry in entries] == [
            f"s{i}@1" for i in range(25)
        ]
