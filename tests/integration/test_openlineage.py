"""Lineage on its way out: messages about runs in SQS, and events to a real HTTP server."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from duckstring import wiring
from duckstring.adapters.aws.history import DynamoHistory
from duckstring.adapters.aws.openlineage import HttpReceiver
from duckstring.adapters.aws.run_news import SqsRunNews
from duckstring.engine.effects import RecordRun
from duckstring.errors import TransientError
from duckstring.exporter.openlineage_ports import RefusedError, UnreachableError
from duckstring.model.names import Line
from tests.integration.aws import catchment, loaded
from tests.integration.published_kit import Context as Plain
from tests.openlineage import judged

SALES = Line("sales@1")
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
KEY = "key-4711-key-4711"


class Server:
    """What a receiver is asked, and what it says."""

    def __init__(self) -> None:
        self.status, self.says, self.headers = 201, b"", {}
        self.got: list[tuple[str | None, dict]] = []
        self.connections: set[tuple[str, int]] = set()
        mine = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                mine.got.append((self.headers["Authorization"], json.loads(body)))
                mine.connections.add(self.client_address)
                self.send_response(mine.status)
                for name, value in mine.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(mine.says)))
                self.end_headers()
                self.wfile.write(mine.says)

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/api/v1/lineage"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


def receiver(url: str, **entries: str) -> HttpReceiver:
    asked = []

    def of(pond: str) -> dict[str, str]:
        asked.append(pond)
        return entries

    made = HttpReceiver(url, of)
    made.asked = asked
    return made


def test_events_are_posted_with_the_key_over_one_connection(server):
    mine = receiver(server.url, OPENLINEAGE_API_KEY=KEY, OTHER="x")
    for number in range(3):
        mine.post({"number": number})
    assert [one for _, one in server.got] == [{"number": number} for number in range(3)]
    assert {key for key, _ in server.got} == {f"Bearer {KEY}"}
    assert mine.asked == ["openlineage"]
    assert len(server.connections) == 1


def test_a_key_that_was_changed_counts_after_a_refresh(server):
    held = {"OPENLINEAGE_API_KEY": KEY}
    mine = HttpReceiver(server.url, lambda _: held)
    mine.post({})
    held["OPENLINEAGE_API_KEY"] = "another"
    mine.refresh()
    mine.post({})
    assert [key for key, _ in server.got] == [f"Bearer {KEY}", "Bearer another"]


def test_without_a_key_none_is_sent(server):
    receiver(server.url).post({})
    assert server.got == [(None, {})]


def test_a_key_does_not_go_where_others_can_read_it():
    mine = receiver("http://marquez.invalid/api/v1/lineage", OPENLINEAGE_API_KEY=KEY)
    with pytest.raises(UnreachableError) as failed:
        mine.post({})
    assert failed.value.message.startswith("marquez.invalid does not answer: ")
    assert mine.asked == []


@pytest.mark.parametrize("status", [401, 403, 404, 408, 429, 500, 502, 503])
def test_what_says_nothing_of_the_event_is_tried_again(server, status):
    server.status, server.says = status, b"not now, " + KEY.encode()
    with pytest.raises(UnreachableError) as failed:
        receiver(server.url, OPENLINEAGE_API_KEY=KEY).post({})
    assert failed.value.message == f"127.0.0.1 answered {status}: not now, ***"


@pytest.mark.parametrize("status", [301, 302, 307, 400, 413, 422])
def test_an_event_that_is_refused_is_told_and_no_redirect_is_followed(server, status):
    server.status, server.says = status, b"\xff" + b"no" * 5_000
    server.headers = {"Location": server.url}
    mine = receiver(server.url)
    with pytest.raises(RefusedError) as refused:
        mine.post({})
    assert refused.value.message.startswith(f"127.0.0.1 refused an event, {status}: \ufffdno")
    assert len(refused.value.message) < 400
    assert len(server.got) == 1
    server.status, server.says = 201, b""
    mine.post({})


def test_nobody_there_is_unreachable(server):
    server.close()
    with pytest.raises(UnreachableError) as failed:
        receiver(server.url).post({})
    assert failed.value.message == "127.0.0.1 does not answer: NewConnectionError."


@pytest.fixture
def queue(here):
    made = here.clients.sqs.create_queue(QueueName="news.fifo", Attributes={"FifoQueue": "true"})
    return made["QueueUrl"]


def row(number: int, status: str = "success") -> RecordRun:
    end = None if status == "running" else NOON
    return RecordRun(number, NOON, "1.0.0", status, NOON, end)


def messages(here, queue):
    found = []
    while some := here.clients.sqs.receive_message(
        QueueUrl=queue, MaxNumberOfMessages=10, AttributeNames=["All"]
    ).get("Messages"):
        found += [(one["Attributes"]["MessageGroupId"], json.loads(one["Body"])) for one in some]
        for one in some:
            here.clients.sqs.delete_message(QueueUrl=queue, ReceiptHandle=one["ReceiptHandle"])
    return found


def test_each_run_has_a_group_and_what_is_sent_again_is_dropped(here, queue):
    news = SqsRunNews(here.clients, queue)
    rows = [row(number, status) for number in range(1, 8) for status in ("running", "success")]
    news.tell(SALES, rows)
    news.tell(SALES, rows)
    found = messages(here, queue)
    assert len(found) == 14
    for number in range(1, 8):
        of = [body["status"] for group, body in found if group == f"sales@1/{number}"]
        assert of == ["running", "success"]


def test_messages_that_the_queue_refuses_are_sent_again(here, queue, monkeypatch):
    said = {"Successful": [], "Failed": [{"Id": "0", "Message": "busy"}]}
    monkeypatch.setattr(here.clients.sqs, "send_message_batch", lambda **_: said)
    with pytest.raises(TransientError, match="refused 1 of 1 messages: busy"):
        SqsRunNews(here.clients, queue).tell(SALES, [row(1)])


def test_the_orchestrator_tells_of_runs_only_if_it_was_told_whom(here, monkeypatch):
    env = here.settings.to_env()
    for name in ("delays", "delays_arn", "schedules", "scheduler_role", "mailbox_arn"):
        env[f"DUCKSTRING_{name.upper()}"] = "x"
    assert wiring.orchestrator(env).ports.news is None
    told = wiring.orchestrator(env | {"DUCKSTRING_RUN_NEWS": "https://queue"})
    assert isinstance(told.ports.news, SqsRunNews)


@pytest.fixture
def door(monkeypatch, server):
    with catchment(monkeypatch) as here:
        monkeypatch.setenv("DUCKSTRING_OPENLINEAGE", server.url)
        monkeypatch.setenv("DUCKSTRING_OPENLINEAGE_NAMESPACE", "duckstring://1/eu-central-1/dev")
        with loaded("functions.openlineage.handler") as module:
            yield here, module


class Context(Plain):
    """With so much time left."""

    def __init__(self, left: int = 300_000) -> None:
        self.left = left

    def get_remaining_time_in_millis(self) -> int:
        return self.left


def batch(*bodies: object) -> dict:
    return {
        "Records": [
            {"messageId": f"m-{number}", "body": one if isinstance(one, str) else json.dumps(one)}
            for number, one in enumerate(bodies)
        ]
    }


def test_a_batch_tells_of_its_runs_from_their_rows(door, server):
    here, module = door
    DynamoHistory(here.clients, "catchment", "catchment").record_run(SALES, row(7))
    event = batch({"run": "sales@1/7", "status": "success"})
    assert module.handle(event, Context()) == {"batchItemFailures": []}
    found = [judged(one) for _, one in server.got]
    assert [one.eventType.value for one in found] == ["START", "COMPLETE"]
    assert {one.job.name for one in found} == {"sales@1"}
    assert {one.job.namespace for one in found} == {"duckstring://1/eu-central-1/dev"}


def test_messages_that_nobody_took_come_again_and_say_why(door, server, capsys):
    here, module = door
    history = DynamoHistory(here.clients, "catchment", "catchment")
    history.record_run(SALES, row(7))
    server.status = 503
    event = batch({"run": "sales@1/7", "status": "success"}, {"run": "a@1/1", "status": "running"})
    again = module.handle(event, Context())["batchItemFailures"]
    assert again == [{"itemIdentifier": "m-0"}, {"itemIdentifier": "m-1"}]
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["message_id"] for one in lines if "not told" in one["message"]] == ["m-0", "m-1"]


def test_what_is_no_message_is_left_alone(door, server):
    _, module = door
    odd = batch(
        "x", {}, [], {"run": "../x", "status": "success"}, {"run": "sales@1/9", "status": 1}
    )
    assert module.handle(odd, Context()) == {"batchItemFailures": []}
    assert server.got == []


def test_what_there_is_no_time_for_comes_again(door, server):
    here, module = door
    DynamoHistory(here.clients, "catchment", "catchment").record_run(SALES, row(7))
    event = batch({"run": "sales@1/7", "status": "success"})
    assert module.handle(event, Context(left=100_000)) == {
        "batchItemFailures": [{"itemIdentifier": "m-0"}]
    }
    assert server.got == []
