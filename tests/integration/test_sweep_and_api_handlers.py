from __future__ import annotations

import hashlib
import importlib
import io
import json
import sys
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from duckstring.adapters.aws import codec
from duckstring.adapters.aws.attempts import AttemptRows
from duckstring.adapters.aws.deployment import BucketArtifacts, ImportFailedError, LambdaDiscovery
from duckstring.adapters.aws.items import to_item
from duckstring.adapters.aws.reader import DynamoStateReader
from duckstring.adapters.aws.worker import PondSecrets
from duckstring.api.answer import OPERATIONS
from duckstring.engine.signals import Deployed, Triggered
from duckstring.engine.state import Attempt, PondState, RippleState, Run
from duckstring.errors import TransientError
from duckstring.model.attempts import AttemptPaused, AttemptStarted, Site, Usage
from duckstring.model.catalog import Release, RippleSpec, TableVersion
from duckstring.model.instants import from_text, to_text
from duckstring.model.names import Line
from duckstring_cli.catchments import Catchment
from duckstring_cli.client import Client
from tests.integration.aws import catchment
from tests.unit.api.shapes import answer_faults
from tests.unit.api.world import NOON

PACKAGE = b"a package"
SHA = hashlib.sha256(PACKAGE).hexdigest()


@dataclass
class Context:
    function_name: str = "api"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:eu-central-1:1:function:api"
    aws_request_id: str = "r-1"


class Answering:
    """The ripple function's side of one invocation: Lambda's answer as boto3 hands it over."""

    def __init__(self, answer, error=None):
        self.answer, self.error, self.asked = answer, error, []

    def invoke(self, *, FunctionName, Payload):  # noqa: N803 - boto3's own words
        self.asked.append((FunctionName, json.loads(Payload)))
        body = _Body(json.dumps(self.answer).encode())
        return {"Payload": body, "StatusCode": 200} | (
            {"FunctionError": self.error} if self.error else {}
        )


class _Body:
    def __init__(self, text):
        self.text = text

    def read(self):
        return self.text


@pytest.fixture
def here(monkeypatch):
    with catchment(monkeypatch) as found:
        yield found


def door(name):
    sys.modules.pop(f"functions.{name}.handler", None)
    return importlib.import_module(f"functions.{name}.handler")


def log_of(name):
    """The lines that a door writes from now on."""
    stream = io.StringIO()
    sys.modules[f"functions.{name}.handler"].logger.registered_handler.setStream(stream)
    return lambda: stream.getvalue().splitlines()


@pytest.fixture
def api(here, monkeypatch):
    monkeypatch.setattr("duckstring.api.post.PATIENCE", timedelta(milliseconds=50))
    module = door("api")

    def ask(op, **arguments):
        answer = module.handle({"op": op, **arguments}, Context())
        assert answer_faults(op, json.loads(json.dumps(answer))) == []
        return answer

    ask.ports = module.ports
    ask.ports.discovery._clients.__dict__["lambda_"] = Answering(
        {"ok": True, "ripples": [{"name": "load", "parents": []}]}
    )
    return ask


def upload(here, name="sales", version="1.0.0"):
    key = f"artifacts/{name}/{version}/{SHA}.zip"
    here.clients.s3.put_object(Bucket="catchment", Key=key, Body=PACKAGE)
    return key


def pond(here, name="sales", version="1.0.0", **pond):
    return {
        "manifest": {"pond": {"name": name, "version": version, **pond}},
        "artifact": upload(here, name, version),
        "sha256": SHA,
    }


def test_what_pauses_is_looked_at_in_its_row_by_status_and_by_a_deploy_that_waits_for_it(here, api):
    api("deploy", ponds=[pond(here)])
    run = Run(3, NOON, NOON, timedelta(0), "1.0.0", "k", "m", 0, NOON, attempts={"load": 2})
    given = RippleState(
        "load", attempt=Attempt(3, 2, NOON, dispatched=True, on="task", memory_mib=8192)
    )
    sales = Line("sales@1")
    state = PondState(
        sales,
        7,
        release=api.ports.catalog.releases()[sales],
        runs={3: run},
        ripples={"load": given},
    )
    put = {
        "pk": "LINE#sales@1",
        "sk": "STATE",
        "revision": 7,
        "state": codec.state_to_text(state),
        "mark": "5:7",
    }
    here.clients.dynamodb.put_item(TableName="catchment", Item=to_item(put))
    rows = AttemptRows(here.clients, "catchment", "catchment")
    rows.started(
        sales, AttemptStarted(3, "load", 2, NOON, Site("lambda", 2048, "logs", "stream", "r-1"))
    )
    until = NOON + timedelta(hours=2)
    rows.paused(sales, AttemptPaused(3, "load", 2, until, Usage(1.0, 100)))

    def ripple(**which):
        return api("status", **which)["result"]["lines"][0]["runs"][0]["ripples"][0]

    found = ripple(pond="sales")
    assert (found["task_mib"], found["where"], found["memory_mib"], found["pauses"]) == (
        0,
        "lambda",
        2048,
        1,
    )
    assert found["resumes"] == to_text(until)
    assert (ripple()["task_mib"], ripple()["resumes"]) == (8192, None)
    (told,) = api("deploy", ponds=[pond(here, version="1.1.0")])["result"]["ponds"]
    assert told["waits_for"] == ["sales@1/3"]
    assert "Until when is not known; load pauses until 2030-01-01 14:00:00Z." in told["warnings"][0]
    (line,) = api("status", pond="sales")["result"]["lines"]
    assert (line["version"], line["next"]) == (
        "1.0.0",
        {"version": "1.1.0", "waits_for": ["sales@1/3"]},
    )
    assert (
        "starts nothing until run sales@1/3 is over"
        in api("trigger", pond="sales", kind="pulse")["result"]["warnings"][0]
    )


def test_deploy_trigger_and_look_at_it(here, api):
    told = api("deploy", ponds=[pond(here, type="inlet")])
    assert told == {
        "ok": True,
        "result": {
            "ponds": [
                {
                    "line": "sales@1",
                    "version": "1.0.0",
                    "ripples": ["load"],
                    "sources": [],
                    "warnings": [],
                    "unchanged": False,
                    "killed": False,
                    "default": True,
                    "waits_for": [],
                }
            ]
        },
    }
    ((to, signal),) = here.letters()
    assert (to, type(signal), signal.release.ripples) == (
        "sales@1",
        Deployed,
        (RippleSpec("load"),),
    )
    assert api("hello")["result"]["lines"] == 1

    told = api("trigger", pond="sales", kind="pulse")["result"]
    assert here.letters() == [("sales@1", Triggered("pulse", from_text(told["epoch"])))]
    assert told["applied"] is False, "nobody delivers letters here"

    (line,) = api("status")["result"]["lines"]
    assert (line["line"], line["status"], line["last_run"]) == ("sales@1", "idle", None)
    assert api("tables", pond="sales")["error"]["type"] == "NotPublishedError"
    assert api("runs")["result"] == {"runs": []}


def test_a_published_table_is_addressed_in_the_bucket(here, api):
    api("deploy", ponds=[pond(here)])
    version = TableVersion("orders", "data/sales@1/orders/0000000001-load-1-x.parquet", 3, 300, "x")
    state = PondState(
        Line("sales@1"), end_f=NOON, snapshot=1, tables={"orders": version}, runs_started=1
    )
    row = {
        "pk": "LINE#sales@1",
        "sk": "STATE",
        "revision": 1,
        "state": codec.state_to_text(state),
        "mark": "5:7",
    }
    here.clients.dynamodb.put_item(TableName="catchment", Item=to_item(row))
    (table,) = api("tables", pond="sales")["result"]["tables"]
    assert table["uri"] == "s3://catchment/data/sales@1/orders/0000000001-load-1-x.parquet"
    assert DynamoStateReader(here.clients, "catchment").read(["sales@1", "nobody@1"]).keys() == {
        "sales@1"
    }


def test_states_are_read_beyond_one_batch(here):
    lines = [Line(f"p{number}@1") for number in range(205)]
    for line in lines:
        row = {
            "pk": f"LINE#{line}",
            "sk": "STATE",
            "revision": 1,
            "state": codec.state_to_text(PondState(line)),
            "mark": "5:7",
        }
        here.clients.dynamodb.put_item(TableName="catchment", Item=to_item(row))
    found = DynamoStateReader(here.clients, "catchment").read(lines)
    assert set(found) == set(lines)
    assert found[lines[0]].mark == (5, "7")
    assert not found[lines[0]].owes


def test_removal_and_arrivals_answer_at_the_door(here, api):
    api("deploy", ponds=[pond(here, version="1.0.0")])
    api("deploy", ponds=[pond(here, version="1.1.0")])
    whole = {"removed": ["sales@1"], "stopped": [], "warnings": [], "applied": False}
    assert api("remove", pond="sales", dry=True)["result"] == whole
    assert api("remove", pond="sales", version="1.0.0")["result"] == {
        **whole,
        "removed": ["sales 1.0.0"],
        "applied": True,
    }
    assert api("remove", pond="sales", version="1.1.0")["error"]["type"] == "SelectedVersionError"
    assert api("arrival", pond="sales", action="list")["result"] == {
        "line": "sales@1",
        "arrivals": [],
    }
    rule = {"name": "landing", "bucket": "inbox"}
    assert (
        api("arrival", pond="sales", action="add", arrival=rule)["error"]["type"]
        == "NotListenedError"
    )
    assert (
        api("arrival", pond="sales", action="alter")["error"]["message"]
        == "action is 'alter'; allowed: add, list, remove."
    )


@pytest.mark.parametrize(
    ("request_", "kind", "message"),
    [
        (
            {"op": "explode"},
            "OperatorError",
            f"No operation 'explode'; allowed: {', '.join(OPERATIONS)}.",
        ),
        ({}, "OperatorError", f"No operation None; allowed: {', '.join(OPERATIONS)}."),
        ({"op": "trigger", "kind": "tap"}, "OperatorError", "pond is missing; allowed: text."),
        (
            {"op": "trigger", "pond": "x", "kind": "tap", "major": "1"},
            "OperatorError",
            "major is '1'; allowed: a whole number.",
        ),
        (
            {"op": "trigger", "pond": "x", "kind": "tap"},
            "PondNotFoundError",
            "No Pond 'x' in this Catchment; nothing is deployed yet.",
        ),
        (
            {"op": "deploy", "ponds": "all"},
            "OperatorError",
            (
                "ponds is 'all'; allowed: a list of objects with manifest (an object), artifact "
                "and sha256 (text)."
            ),
        ),
        (
            {"op": "deploy", "ponds": [{}]},
            "OperatorError",
            (
                "ponds is [{}]; allowed: a list of objects with manifest (an object), artifact "
                "and sha256 (text)."
            ),
        ),
        (
            {"op": "run", "run": "sales@1/1"},
            "RunNotFoundError",
            "No run 'sales@1/1' in this Catchment; its line has not run yet.",
        ),
    ],
)
def test_a_wrong_request_is_answered_in_one_line(api, request_, kind, message):
    told = api(**{"op": None} | request_)
    assert (told["ok"], told["error"]["type"], told["error"]["message"]) == (False, kind, message)


def test_a_bug_is_logged_with_its_traceback_and_answered_with_the_requests_id(here, api):
    written = log_of("api")
    here.clients.dynamodb.delete_table(TableName="catchment")
    told = api("status")
    assert told["error"]["type"] == "InternalError"
    assert "r-1" in told["error"]["message"]
    line = next(json.loads(text) for text in written() if "request broke" in text)
    assert "ResourceNotFoundException" in line["exception"]
    assert line["function_request_id"] == "r-1"


def test_the_sweeps_door_goes_round_and_logs_one_report(here):
    module = door("sweep")
    written = log_of("sweep")
    told = module.handle({}, Context())
    assert told["tidied"] is True
    (line,) = map(json.loads, written())
    assert (line["message"], line["report"]) == ("swept", told)


def test_a_packages_digest_is_that_of_its_bytes(here):
    artifacts = BucketArtifacts(here.clients, "catchment")
    assert artifacts.sha256(upload(here)) == SHA
    assert artifacts.sha256("artifacts/none.zip") is None


def discover(here, answer, error=None):
    here.clients.__dict__["lambda_"] = Answering(answer, error)
    secret = here.clients.secretsmanager.create_secret(
        Name="secret",
        SecretString=json.dumps(
            {"A": "1", "B": "1", "@sales": {"B": "2"}, "@orders": {"C": "3"}}
            | {"@@": {"LEVEL": "info"}, "@@sales": {"LEVEL": "debug"}, "@@orders": {"D": "4"}}
        ),
    )["ARN"]
    return LambdaDiscovery(
        here.clients,
        "discovery",
        bucket="catchment",
        secrets=PondSecrets(here.clients, secret),
    ).discover("artifacts/sales/1.0.0/ab.zip", sha256=SHA, module="src/pond.py")


def test_discovery_asks_its_function_and_reads_its_ripples(here):
    found = {
        "name": "join",
        "parents": ["load"],
        "always_run": True,
        "timeout_seconds": 60,
        "memory_mib": None,
        "retry_delay_seconds": 30,
        "retry_on": ["builtins.OSError"],
    }
    assert discover(here, {"ok": True, "ripples": [{"name": "load"}, found]}) == (
        RippleSpec("load"),
        RippleSpec(
            "join",
            ("load",),
            always_run=True,
            timeout_seconds=60,
            retry_delay_seconds=30,
            retry_on=("builtins.OSError",),
        ),
    )
    ((function, order),) = here.clients.lambda_.asked
    address = urlsplit(order.pop("url"))
    assert address.path.endswith("/artifacts/sales/1.0.0/ab.zip")
    assert {"AWSAccessKeyId", "X-Amz-Credential"} & parse_qs(address.query).keys(), "it is signed"
    assert function == "discovery"
    assert order == {
        "sha256": SHA,
        "module": "src/pond.py",
        "secrets": {"A": "1", "B": "2"},
        "environment": {"LEVEL": "debug"},
    }


@pytest.mark.parametrize(
    "told",
    [
        None,
        "load",
        [7],
        [{}],
        [{"name": "load", "retry_delay_seconds": "soon"}],
        [{"name": "load", "timeout_seconds": "x" * 5_000}],
        [{"name": "load", "checks": [1]}],
        [{"name": "load", "retry_delay_seconds": 10**40}],
        [{"name": "load", "parents": ["load"]}],
        [{"name": "x" * 5_000}] * 300,
    ],
)
def test_an_import_that_answers_in_the_place_of_ours_gets_nothing_into_the_catalog(here, told):
    with pytest.raises(ImportFailedError, match="Ripples that @ripple does not declare") as caught:
        discover(here, {"ok": True, "ripples": told})
    assert len(caught.value.message) < 700


def test_an_import_that_fails_hands_on_the_authors_traceback(here):
    with pytest.raises(ImportFailedError) as caught:
        discover(
            here,
            {
                "ok": False,
                "error": {
                    "type": "NameError",
                    "message": "x is not defined",
                    "hint": "",
                    "traceback": "line 3",
                },
            },
        )
    assert (caught.value.message, caught.value.traceback) == ("x is not defined", "line 3")


def test_an_import_that_kills_the_function_says_so(here):
    with pytest.raises(
        ImportFailedError, match="importing it ended the discovery function: Task timed out"
    ):
        discover(here, {"errorMessage": "Task timed out"}, "Unhandled")


def test_a_trigger_that_the_mailbox_refuses_is_worth_trying_again(here, api, monkeypatch):
    api("deploy", ponds=[pond(here)])
    refused = {"Failed": [{"Id": "0", "Code": "InternalError", "Message": "full"}]}
    sqs = api.ports.mailbox._clients.sqs
    monkeypatch.setattr(sqs, "send_message_batch", lambda **_: refused)
    assert api("trigger", pond="sales", kind="tap")["error"]["type"] == TransientError.__name__


def test_the_status_of_thousands_of_lines_comes_in_answers_that_lambda_takes(here, api):
    """Each of them in the largest item that a line of 12 Ripples and 40 Sinks has at rest."""
    ripples = tuple(RippleSpec(f"r{n:02d}{'x' * 40}") for n in range(12))
    names = [f"pond_{number:04d}" for number in range(2_000)]
    items = []
    for name in names:
        line = Line(f"{name}@1")
        release = Release(
            line, "1.0.0", "inlet", (), ripples, "src/pond.py", "artifacts/x", SHA, 0, 0, NOON
        )
        state = PondState(
            line,
            1,
            release=release,
            ripples={spec.name: RippleState(spec.name) for spec in ripples},
            sinks={Line(f"s{n:02d}{'x' * 44}@1"): (1, 0) for n in range(40)},
        )
        stored = {"revision": 1, "state": codec.state_to_text(state), "mark": "1:1"}
        items.append({"pk": f"LINE#{line}", "sk": "STATE", **stored})
        release_item = {"release": codec.release_to_text(release)}
        items.append({"pk": "CATALOG", "sk": f"LINE#{line}", **release_item})
    for start in range(0, len(items), 25):
        puts = [{"PutRequest": {"Item": to_item(item)}} for item in items[start : start + 25]]
        here.clients.dynamodb.batch_write_item(RequestItems={"catchment": puts})
    sizes = []

    def invoke(request):
        answer = api(request["op"], **{key: request[key] for key in request if key != "op"})
        sizes.append(len(json.dumps(answer)))
        return answer

    local = Catchment(name="dev", kind="local", stack="Duckstring-dev")
    answer = Client(local, invoke=invoke).status()
    assert [line["pond"] for line in answer["lines"]] == names
    assert "next" not in answer
    assert len(sizes) > 2, "one answer would be too large"
    assert max(sizes) < 6_000_000
    assert min(sizes[:-1]) > 3_900_000, "an answer is as full as it may be"
    wanted = [f"{name}@1" for name in names[:150]]
    some = Client(local, invoke=invoke).status(lines=wanted)
    assert [line["line"] for line in some["lines"]] == wanted
    assert len(some["order"]) == len(names)
    told = api("status", after="gone@1")
    assert told["error"]["message"] == "gone@1 is no longer among the lines."
