"""The ripple function's door on AWS's wire: an HTTP S3 that DuckDB speaks to, DynamoDB, SQS and
Secrets Manager.
"""

import importlib
import io
import json
import logging
import os
import signal
import sys
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from types import SimpleNamespace

import boto3
import pytest

from duckstring.adapters.aws import codec
from duckstring.adapters.aws.attempts import MOST_INVOCATIONS, AttemptRows
from duckstring.adapters.aws.clients import Clients
from duckstring.adapters.aws.duck import S3Storage
from duckstring.adapters.aws.history import DynamoHistory, DynamoHistoryReader
from duckstring.adapters.aws.state import DynamoStateStore
from duckstring.adapters.aws.worker import PondSecrets
from duckstring.adapters.aws.workers import FargateWorkers
from duckstring.engine.effects import CallOnKill, PublishSnapshot, RecordAttempt
from duckstring.engine.signals import GateReached, RippleSucceeded
from duckstring.engine.state import Attempt, PondState, RippleState, Run
from duckstring.errors import InvariantError, TransientError
from duckstring.model.attempts import (
    AttemptFinished,
    AttemptPaused,
    AttemptSeen,
    AttemptStarted,
    Began,
    OnKillCalled,
    Site,
    Usage,
)
from duckstring.model.failures import Failure
from duckstring.model.instants import NEVER, ZERO, from_text, to_text
from duckstring.model.names import Line, artifact_key
from duckstring.model.values import replace
from duckstring.model.verdicts import ENDED
from duckstring.orchestrator import worker_verdict
from duckstring.orchestrator.ports import Held, Received
from duckstring.testing.fakes import MemoryStateStore
from tests.integration.aws import PERMITS
from tests.moto_kit import moto_server

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
SALES, PRODUCTS = Line("sales@1"), Line("products@1")
POND = """
from duckstring import ripple

@ripple
def load(pond):
    pond.write_table("orders", pond.con.sql("SELECT range AS id FROM range(1000)"))
    print(pond.env("TOKEN"))

@ripple(parents=[load])
def join(pond):
    both = pond.con.sql(
        "SELECT count(*) AS n, sum(o.id) AS s FROM orders o JOIN products.orders p USING (id)"
    )
    pond.write_table("joined", both)

def cancel(pond):
    print("cancelling")
    return f"{pond.recall('run')} of {pond.run_key}"

@ripple(on_kill=cancel)
def wait(pond):
    pond.remember("run", 7)
    print("waiting")
    pond.pause("2m")

@ripple
def greedy(pond):
    raise MemoryError("no more")

@ripple
def slow(pond):
    import time
    time.sleep(600)

@ripple
def killed(pond):
    import os, pathlib, time
    pathlib.Path(os.environ["PID_FILE"]).write_text(f"{os.getpid()}\\n")
    time.sleep(60)

@ripple
def broken(pond):
    pond.write_table("orders", "SELECT 1 AS id")
    raise ValueError("no luck: " + "x" * 70_000)
"""


@pytest.fixture(scope="module")
def server():
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with moto_server() as found:
        yield found


@pytest.fixture
def catchment(server, monkeypatch):
    aws = {
        "AWS_ACCESS_KEY_ID": "123456789012",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": server,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/ripple",
        "AWS_LAMBDA_LOG_STREAM_NAME": "stream",
    }
    for name, value in aws.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("HOME", raising=False)
    boto3.setup_default_session()
    clients = Clients()
    clients.s3.create_bucket(Bucket="lake")
    keys = [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")]
    schema = [
        {"AttributeName": "pk", "KeyType": "HASH"},
        {"AttributeName": "sk", "KeyType": "RANGE"},
    ]
    clients.dynamodb.create_table(
        TableName="catchment",
        AttributeDefinitions=keys,
        KeySchema=schema,
        BillingMode="PAY_PER_REQUEST",
    )
    queue = clients.sqs.create_queue(QueueName="mailbox.fifo", Attributes={"FifoQueue": "true"})[
        "QueueUrl"
    ]
    secret = clients.secretsmanager.create_secret(
        Name="secret", SecretString=json.dumps({"TOKEN": "open sesame"})
    )["ARN"]
    for name, value in {
        "CATCHMENT": "dev",
        "TABLE": "catchment",
        "BUCKET": "lake",
        "MAILBOX": queue,
        "SECRET": secret,
    }.items():
        monkeypatch.setenv(f"DUCKSTRING_{name}", value)
    for name in [name for name in sys.modules if name.startswith("functions.ripple")]:
        monkeypatch.delitem(sys.modules, name)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    from functions.ripple import handler

    yield SimpleNamespace(clients=clients, queue=queue, handle=handler.handle, app=handler.app)
    root.handlers[:], root.level = handlers, level
    handler.app.worker.processes.close()
    handler.origin.close()
    clients.dynamodb.delete_table(TableName="catchment")
    clients.sqs.delete_queue(QueueUrl=queue)
    clients.secretsmanager.delete_secret(SecretId=secret, ForceDeleteWithoutRecovery=True)


def context(number, *, seconds=900.0):
    """Of the nth invocation."""
    left = int(seconds * 1000)
    return SimpleNamespace(
        aws_request_id=f"request-{number}",
        log_stream_name=f"stream-{number}",
        get_remaining_time_in_millis=lambda: left,
    )


CONTEXT = context(1)


def package():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("src/pond.py", POND)
    return buffer.getvalue()


def invoke(catchment, ripple, *, pins=None, outputs=None, context=CONTEXT, **more):
    zipped = package()
    key = artifact_key("sales", "1.0.0", sha256(zipped).hexdigest())
    catchment.clients.s3.put_object(Bucket="lake", Key=key, Body=zipped)
    store = DynamoStateStore(catchment.clients, "catchment")
    held = store.load(SALES)
    run = Run(
        1,
        NOON,
        NOON,
        timedelta(0),
        "1.0.0",
        key,
        "src/pond.py",
        0,
        NOON,
        pins=pins or {},
        outputs=outputs or {},
    )
    ripples = {ripple: RippleState(ripple, attempt=Attempt(1, 1, NOON, dispatched=True))}
    store.commit(
        held,
        replace(PondState(SALES), revision=held.state.revision, runs={1: run}, ripples=ripples),
        (),
        (0, ""),
    )
    event = {
        "op": "run",
        "line": SALES,
        "run": 1,
        "launch": 1,
        "ripple": ripple,
        "attempt": 1,
        **more,
    }
    return catchment.handle(event, context)


def ended(catchment, ripple, **more):
    """What the state machine reads out of the error of an attempt that did not succeed."""
    with pytest.raises(Exception, match=f"^{ENDED}") as error:
        invoke(catchment, ripple, **more)
    return json.loads(str(error.value).removeprefix(ENDED))


def letters(catchment):
    got = catchment.clients.sqs.receive_message(
        QueueUrl=catchment.queue, AttributeNames=["All"], MaxNumberOfMessages=10
    ).get("Messages", [])
    for message in got:
        assert message["Attributes"]["MessageGroupId"] == "sales@1"
        catchment.clients.sqs.delete_message(
            QueueUrl=catchment.queue, ReceiptHandle=message["ReceiptHandle"]
        )
    return [codec.read_letter(message["Body"])[1] for message in got]


def row(catchment, ripple):
    key = {"pk": {"S": "WORK#sales@1"}, "sk": {"S": f"ATTEMPT#0000000001#{ripple}#0001"}}
    return {
        name: next(iter(value.values()))
        for name, value in catchment.clients.dynamodb.get_item(TableName="catchment", Key=key)[
            "Item"
        ].items()
    }


def test_a_run_writes_parquet_and_history_and_reports(catchment):
    assert invoke(catchment, "load") == {"outcome": "ok"}
    [signal] = letters(catchment)
    table = signal.tables["orders"]
    assert table.rows == 1000
    assert (
        catchment.clients.s3.head_object(Bucket="lake", Key=table.key)["ContentLength"]
        == table.bytes
    )
    written = row(catchment, "load")
    assert (written["status"], written["rows"], written["request_id"], written["memory_mib"]) == (
        "success",
        "1000",
        "request-1",
        "1769",
    )
    assert json.loads(written["sizes"]) == {"orders": {"rows": 1000, "bytes": table.bytes}}


def test_own_and_source_tables_are_joined_over_s3(catchment, tmp_path):
    invoke(catchment, "load")
    orders = letters(catchment)[0].tables
    store = DynamoStateStore(catchment.clients, "catchment")
    held = store.load(PRODUCTS)
    store.commit(held, PondState(PRODUCTS), (PublishSnapshot(1, NOON, orders),), (0, ""))
    assert invoke(catchment, "join", pins={PRODUCTS: 1}, outputs=orders) == {"outcome": "ok"}
    [signal] = letters(catchment)
    storage = S3Storage("lake", "us-east-1", endpoint=os.environ["AWS_ENDPOINT_URL"])
    storage.settle(tmp_path)
    storage.grant(catchment.app.worker.admissions._keys())
    con = storage.open()
    assert con.execute(
        f"SELECT n, s::INT FROM read_parquet('s3://lake/{signal.tables['joined'].key}')"
    ).fetchall() == [(1000, 499500)]
    con.close()


def test_a_failure_is_data_its_long_text_goes_to_s3_and_no_report_is_sent(catchment):
    answer = ended(catchment, "broken")
    assert answer["failure"]["error"] == "ValueError"
    assert len(json.dumps(answer)) < 32_000
    written = row(catchment, "broken")
    assert written["status"] == "failed"
    assert len(written["message"]) == 20_000
    text = (
        catchment.clients.s3.get_object(Bucket="lake", Key=written["overflow"])["Body"]
        .read()
        .decode()
    )
    assert "x" * 70_000 in text
    assert letters(catchment) == []


FINISHED = AttemptFinished(1, "late", 1, "success", NOON)
BEGAN = AttemptStarted(1, "late", 1, NOON, Site())


def taken(rows):
    return rows.taken(SALES, run=1, ripple="late", attempt=1)


@pytest.mark.parametrize("status", ["killed", "lost", "crashed"])
def test_a_row_that_the_orchestrator_closed_stays_closed_and_its_worker_hears_of_it(
    catchment, status
):
    rows, history = (
        kind(catchment.clients, "catchment", "lake") for kind in (AttemptRows, DynamoHistory)
    )
    assert taken(rows) is None
    assert rows.started(SALES, BEGAN)
    assert taken(rows) is None
    history.record_attempt(SALES, RecordAttempt(1, "late", 1, status, NOON))
    assert taken(rows) == status
    assert not rows.finished(SALES, FINISHED)
    held = row(catchment, "late")
    assert (held["status"], held["finished"]) == (status, to_text(NOON))
    assert "rows" not in held


def test_an_attempt_killed_before_it_began_is_told_so_and_its_row_does_not_say_that_it_began(
    catchment,
):
    rows, history = (
        kind(catchment.clients, "catchment", "lake") for kind in (AttemptRows, DynamoHistory)
    )
    history.record_attempt(SALES, RecordAttempt(1, "late", 1, "killed", NOON))
    assert not rows.started(SALES, BEGAN)
    held = row(catchment, "late")
    assert held["status"] == "killed"
    assert "started" not in held


def test_an_attempt_whose_worker_told_history_and_died_before_it_told_the_engine_is_made_again(
    catchment,
):
    rows = AttemptRows(catchment.clients, "catchment", "lake")
    assert rows.started(SALES, BEGAN)
    assert rows.finished(SALES, FINISHED)
    assert rows.started(SALES, BEGAN)
    assert taken(rows) is None
    assert rows.finished(SALES, FINISHED)


def at_work(line, *, run, ripple):
    """A store in which the line waits for attempt 1 of the Ripple, launch 1."""
    runs = {
        run: Run(
            run,
            NOON,
            NEVER,
            ZERO,
            "1.0.0",
            "artifact",
            "src/pond.py",
            0,
            NOON,
            attempts={ripple: 1},
        )
    }
    ripples = {
        ripple: RippleState(ripple, start_f=NOON, attempt=Attempt(run, 1, NOON, dispatched=True))
    }
    return MemoryStateStore(
        {line: Held(PondState(line, runs=runs, ripples=ripples, runs_started=run))}
    )


@pytest.mark.parametrize(
    ("told", "outcome", "expected"),
    [
        ("failed", "crashed", ("timeout", "TimeoutError", "took too long")),
        ("memory", "crashed", ("memory", "TimeoutError", "took too long")),
        ("success", "crashed", ("crashed", "Runtime.ExitError", "exit status 71")),
        (None, "crashed", ("crashed", "Runtime.ExitError", "exit status 71")),
        ("failed", "lost", ("lost", "Runtime.ExitError", "exit status 71")),
    ],
)
def test_a_workers_own_words_count_for_more_than_its_crash(catchment, told, outcome, expected):
    rows = AttemptRows(catchment.clients, "catchment", "lake")
    rows.started(SALES, BEGAN)
    if told:
        rows.finished(
            SALES, AttemptFinished(1, "late", 1, told, NOON, "TimeoutError", "took too long")
        )
    gate = GateReached(
        1, 1, "late", 1, outcome, Failure("late", 1, "Runtime.ExitError", "exit status 71"), 3008
    )
    other = Received(RippleSucceeded(1, "late", 1), (0, "1"))
    letters = [Received(gate, (0, "2"), "token"), other]
    [heard, kept] = worker_verdict.with_worker_verdicts(
        SALES, letters, at_work(SALES, run=1, ripple="late"), rows
    )
    assert (kept, heard.token) == (other, "token")
    assert heard.signal == replace(
        gate, outcome=expected[0], failure=Failure("late", 1, *expected[1:])
    )


@pytest.mark.parametrize("told", [{"run": 2}, {"launch": 2}, {"ripple": "other"}, {"attempt": 2}])
def test_rows_of_attempts_that_the_line_does_not_wait_for_are_not_looked_at(told):
    gate = replace(GateReached(1, 1, "late", 1, "crashed"), **told)
    gate = replace(gate, failure=Failure(gate.ripple, gate.attempt, "E", "m"))
    letters = [Received(gate, (0, "2"), "token")]
    assert (
        worker_verdict.with_worker_verdicts(
            SALES, letters, at_work(SALES, run=1, ripple="late"), None
        )
        == letters
    )


def test_a_kill_that_comes_after_the_end_changes_nothing(catchment):
    rows, history = (
        kind(catchment.clients, "catchment", "lake") for kind in (AttemptRows, DynamoHistory)
    )
    rows.started(SALES, BEGAN)
    rows.finished(SALES, FINISHED)
    history.record_attempt(SALES, RecordAttempt(1, "late", 1, "killed", NOON))
    assert row(catchment, "late")["status"] == "success"


def test_what_the_world_does_to_an_attempt_loses_it_and_fails_nobody(catchment):
    clients, name = catchment.clients, os.environ["DUCKSTRING_SECRET"]
    clients.secretsmanager.put_secret_value(SecretId=name, SecretString="no object" + "!" * 2000)
    answer = ended(catchment, "load")
    assert answer["outcome"] == "lost"
    assert (
        answer["failure"].pop("message").startswith("The Catchment's secret is not a JSON object.")
    )
    assert answer["failure"] == {"ripple": "load", "attempt": 1, "error": "OperatorError"}
    assert letters(catchment) == []


def test_a_bug_of_ours_is_raised(catchment):
    with pytest.raises(InvariantError):
        catchment.handle({"op": "dance"}, None)


def test_discovery_answers_with_the_ripples(catchment, monkeypatch):
    zipped = package()
    catchment.clients.s3.put_object(Bucket="lake", Key="artifacts/x.zip", Body=zipped)
    sys.modules.pop("functions.discovery.handler", None)
    discovery = importlib.import_module("functions.discovery.handler")
    url = catchment.clients.s3.generate_presigned_url(
        "get_object", Params={"Bucket": "lake", "Key": "artifacts/x.zip"}
    )
    order = {"sha256": sha256(zipped).hexdigest(), "module": "src/pond.py", "secrets": {}}
    answer = discovery.handle({"url": url, **order}, None)
    assert [one["name"] for one in answer["ripples"]] == [
        "load",
        "join",
        "wait",
        "greedy",
        "slow",
        "killed",
        "broken",
    ]
    json.dumps(answer)
    with pytest.raises(InvariantError):
        catchment.handle({"op": "discover", "artifact": "artifacts/x.zip"}, None)
    with pytest.raises(TransientError, match="cannot be fetched") as caught:
        discovery.handle({"url": url.replace("x.zip", "gone.zip"), **order}, None)
    assert "Signature" not in str(caught.value)


def logged(catchment, do):
    stream = io.StringIO()
    logging.getLogger().handlers[0].setStream(stream)
    do()
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_each_line_of_the_log_says_whose_attempt_it_is(catchment):
    lines = logged(catchment, lambda: invoke(catchment, "load"))
    assert [line["message"] for line in lines] == [
        "attempt begins",
        "table written",
        "***TOKEN***",
        "ripple succeeded",
    ]
    for line in lines:
        assert (line["run"], line["ripple"], line["attempt"], line["launch"]) == (
            "sales@1/1",
            "load",
            1,
            1,
        )
    assert [line.get("tried") for line in lines] == [None, 1, 1, 1], (
        "nobody knows before the line's state is read"
    )
    other = logged(
        catchment, lambda: logging.getLogger("duckstring").info("between two invocations")
    )
    assert not {"run", "ripple", "attempt", "launch", "tried"} & set(other[0])


def test_an_attempt_that_pauses_keeps_its_number_its_start_and_the_address_of_each_invocation(
    catchment,
):
    assert ended(catchment, "wait") == {"outcome": "paused", "seconds": 120}
    first = row(catchment, "wait")
    assert (first["status"], first["pauses"]) == ("running", "1")
    assert "resumes" in first
    answer = ended(catchment, "wait", context=context(2), pauses=1)
    assert answer == {"outcome": "paused", "seconds": 120}
    again = row(catchment, "wait")
    assert (again["started"], again["pauses"], again["log_stream"], again["request_id"]) == (
        first["started"],
        "2",
        "stream-2",
        "request-2",
    )
    addresses = [
        tuple(one["M"][name]["S"] for name in ("log_stream", "request_id"))
        for one in again["invocations"]
    ]
    assert addresses == [("stream-1", "request-1"), ("stream-2", "request-2")]


def test_an_attempt_is_begun_by_one_worker_at_a_time(catchment):
    """Step Functions invokes again where it got no answer; whoever got none may be at work."""
    rows = AttemptRows(catchment.clients, "catchment", "lake")
    one, other = (replace(BEGAN, site=Site(request_id=name)) for name in ("one", "other"))
    assert rows.started(SALES, one)
    assert rows.started(SALES, one), "the same, whose write was not answered"
    with pytest.raises(TransientError, match="Another worker"):
        rows.started(SALES, other)
    assert row(catchment, "late")["request_id"] == "one"
    rows.paused(SALES, AttemptPaused(1, "late", 1, NOON, Usage()))
    assert rows.started(SALES, other)
    with pytest.raises(TransientError, match="Another worker"):
        rows.started(SALES, one)
    rows.finished(SALES, FINISHED)
    assert rows.started(SALES, one), "it may have died before it told the engine"


def test_an_attempt_that_goes_on_does_not_say_when_it_will(catchment):
    rows = AttemptRows(catchment.clients, "catchment", "lake")
    rows.started(SALES, BEGAN)
    rows.paused(SALES, AttemptPaused(1, "late", 1, NOON, Usage(3.5, 200)))
    assert rows.seen(SALES, run=1, ripple="late", attempt=1) == AttemptSeen("running", away=True)
    assert rows.started(SALES, BEGAN) == Began(BEGAN.started, 1, Usage(3.5, 200))
    assert rows.seen(SALES, run=1, ripple="late", attempt=1) == AttemptSeen("running", away=False)


def test_a_row_has_the_addresses_of_so_many_invocations_and_of_the_latest(catchment):
    rows = AttemptRows(catchment.clients, "catchment", "lake")
    for number in range(MOST_INVOCATIONS + 2):
        began = rows.started(SALES, replace(BEGAN, site=Site(log_stream=f"stream-{number}")))
        assert began == Began(BEGAN.started, number, Usage(1.0, 100) if number else Usage())
        rows.paused(SALES, AttemptPaused(1, "late", 1, NOON, Usage(1.0, 100)))
    held = row(catchment, "late")
    assert len(held["invocations"]) == MOST_INVOCATIONS
    assert held["log_stream"] == f"stream-{MOST_INVOCATIONS + 1}"


def test_history_tells_of_pauses_and_invocations(catchment):
    ended(catchment, "wait")
    [told] = DynamoHistoryReader(catchment.clients, "catchment", "lake").attempts(SALES, 1)
    assert told["invocations"] == [
        {"started": told["started"], "log_stream": "stream-1", "request_id": "request-1"}
    ]
    assert (told["pauses"], told["on_kill"], told["finished"]) == (1, None, None)
    assert told["resumes"] > told["started"]
    assert told["seconds"] > 0
    assert told["peak_mib"] > 0


def test_too_little_memory_and_too_little_time_are_told_apart_from_failures(catchment):
    greedy, slow = (
        ended(catchment, "greedy"),
        ended(catchment, "slow", context=context(1, seconds=1.0)),
    )
    assert (greedy["outcome"], greedy["failure"]["error"]) == ("memory", "MemoryError")
    assert (slow["outcome"], slow["failure"]["error"]) == ("overran", "Overran")
    assert "the function's 1s were about to end" in slow["failure"]["message"]
    assert [row(catchment, name)["status"] for name in ("greedy", "slow")] == ["memory", "overran"]
    assert "src/pond.py" in row(catchment, "slow")["traceback"]


def kill(catchment):
    """What the orchestrator asks for, as it asks for it."""
    key = DynamoStateStore(catchment.clients, "catchment").load(SALES).state.runs[1].artifact
    call = CallOnKill(1, "wait", 1, 1, NOON, "1.0.0", key, "src/pond.py", NOON)
    asked = []
    workers = FargateWorkers(
        SimpleNamespace(lambda_=SimpleNamespace(invoke=lambda **request: asked.append(request))),
        "",
        PERMITS,
        cluster="",
        function="",
    )
    workers.call_on_kill(SALES, call)
    return catchment.handle(json.loads(asked[0]["Payload"]), CONTEXT)


def test_a_killed_ripples_own_function_is_called_once_with_what_it_remembers(catchment):
    ended(catchment, "wait")
    DynamoHistory(catchment.clients, "catchment", "lake").record_attempt(
        SALES, RecordAttempt(1, "wait", 1, "killed", NOON)
    )
    answers = []
    lines = logged(catchment, lambda: answers.append(kill(catchment)))
    assert answers == [{"outcome": "confirmed"}]
    told = row(catchment, "wait")
    assert (told["status"], told["on_kill"]) == ("killed", "confirmed")
    assert told["on_kill_message"].startswith("7 of sales-1-1-")
    said = next(line for line in lines if line["message"] == "cancelling")
    assert (said["run"], said["ripple"], said["attempt"], said["tried"], said["called"]) == (
        "sales@1/1",
        "wait",
        1,
        1,
        "on_kill",
    )
    assert kill(catchment) == {"outcome": "ok"}
    assert row(catchment, "wait") == told


@pytest.mark.parametrize("where", ["before it began", "while it ran"])
def test_a_worker_of_a_killed_attempt_says_that_it_has_left(catchment, where):
    history = DynamoHistory(catchment.clients, "catchment", "lake")
    killed = RecordAttempt(1, "wait", 1, "killed", NOON)
    if where == "while it ran":
        paused = catchment.app.worker.history.paused

        def late(line, told):
            history.record_attempt(SALES, killed)
            return paused(line, told)

        catchment.app.worker.history.paused = late
    else:
        history.record_attempt(SALES, killed)
    assert invoke(catchment, "wait") == {"outcome": "ok"}
    assert from_text(row(catchment, "wait")["left"]) <= catchment.app.worker.clock.now()
    assert AttemptRows(catchment.clients, "catchment", "lake").seen(
        SALES, run=1, ripple="wait", attempt=1
    ) == AttemptSeen("killed", away=True)


@pytest.mark.parametrize(
    ("ended", "then"),
    [(None, "refused"), (("confirmed", ""), "confirmed"), (("requested", "asked"), "requested")],
)
def test_a_call_of_on_kill_that_died_is_told_unless_it_said_how_it_ended(catchment, ended, then):
    rows = AttemptRows(catchment.clients, "catchment", "lake")
    key = {"run": 1, "ripple": "wait", "attempt": 1}
    assert rows.claim_on_kill(SALES, **key)
    if ended:
        rows.called_on_kill(SALES, OnKillCalled(1, "wait", 1, *ended))
    rows.lost_on_kill(SALES, OnKillCalled(1, "wait", 1, "refused", "it died"))
    (item,) = catchment.clients.dynamodb.scan(TableName="catchment")["Items"]
    assert item["on_kill"]["S"] == then


def test_a_call_of_on_kill_that_nobody_claimed_is_not_recorded(catchment):
    rows = AttemptRows(catchment.clients, "catchment", "lake")
    rows.called_on_kill(SALES, OnKillCalled(1, "wait", 1, "confirmed", ""))
    rows.left(SALES, run=1, ripple="wait", attempt=1, at=NOON)
    found = catchment.clients.dynamodb.scan(TableName="catchment")["Items"]
    assert found == []


def test_a_secret_without_a_value_holds_nothing(catchment):
    arn = catchment.clients.secretsmanager.create_secret(Name="empty")["ARN"]
    assert PondSecrets(catchment.clients, arn).entries("sales") == {}


def test_a_process_killed_from_outside_is_a_crash_after_which_the_next_attempt_follows_at_once(
    catchment, monkeypatch, tmp_path
):
    path = tmp_path / "pid"
    monkeypatch.setenv("PID_FILE", str(path))

    def kill():
        while not (path.exists() and path.read_text().endswith("\n")):
            time.sleep(0.02)
        os.kill(int(path.read_text()), signal.SIGKILL)

    with ThreadPoolExecutor() as pool:
        killing = pool.submit(kill)
        told = ended(catchment, "killed")
        killing.result()
    assert (told["outcome"], told["failure"]["error"]) == ("crashed", "ProcessDiedError")
    assert "ended from outside, by SIGKILL" in told["failure"]["message"]
