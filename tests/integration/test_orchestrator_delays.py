"""The orchestrator as the delay queue's consumer: what is due is passed on, what Scheduler sent
ahead waits out its time.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from duckstring.adapters.aws import codec
from duckstring.engine.signals import AlarmRang
from duckstring.model.instants import to_text
from duckstring.model.names import Line

SALES = Line("sales@1")


def delayed(due: datetime, message: str) -> dict[str, str]:
    body = {**json.loads(codec.letter(SALES, AlarmRang())), "at": to_text(due)}
    return {
        "eventSourceARN": "arn:aws:sqs:eu-central-1:1:delays",
        "messageId": message,
        "body": json.dumps(body),
    }


def test_an_alarm_two_minutes_ahead_is_put_back_for_what_is_left_and_rings_when_it_is_due(
    here, handler, monkeypatch
):
    now = datetime.now(UTC)
    put: list[dict] = []
    monkeypatch.setattr(handler.app.clients.sqs, "send_message", lambda **told: put.append(told))
    records = [delayed(now - timedelta(seconds=1), "a"), delayed(now + timedelta(minutes=2), "b")]
    assert handler.handle({"Records": records}, None) == {"batchItemFailures": []}
    assert here.letters() == [(SALES, AlarmRang())]
    (again,) = put
    assert again["QueueUrl"] == handler.app.settings.delays
    assert json.loads(again["MessageBody"]) == json.loads(records[1]["body"])
    assert 60 < again["DelaySeconds"] <= 120


def test_a_batch_that_cannot_be_postponed_leaves_the_other_lines_alone(here, handler, monkeypatch):
    def fail(*_args, **_words):
        raise RuntimeError("throttled")

    monkeypatch.setattr(handler, "deliver", fail)
    monkeypatch.setattr(handler, "postpone", fail)
    attributes = {"ApproximateReceiveCount": "1", "SentTimestamp": "1", "SequenceNumber": "1"}
    records = [
        {
            "eventSourceARN": "arn:aws:sqs:eu-central-1:1:mailbox.fifo",
            "messageId": line,
            "receiptHandle": line,
            "body": codec.letter(Line(line), AlarmRang()),
            "attributes": attributes,
        }
        for line in ("sales@1", "orders@1")
    ]
    told = handler.handle({"Records": records}, None)
    assert told == {
        "batchItemFailures": [{"itemIdentifier": "sales@1"}, {"itemIdentifier": "orders@1"}]
    }
