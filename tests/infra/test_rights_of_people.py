"""The functions that answer people, one for each level of access: enough for all that it serves,
and no more.

Every operation is carried out by each function's own handler (moto), and all that it asks of AWS
is held against the template's policies.
"""

from __future__ import annotations

import hashlib
import importlib
import io
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from duckstring.adapters.aws.history import DynamoHistory
from duckstring.adapters.aws.rest_index import DynamoRestIndex
from duckstring.adapters.aws.state import DynamoStateStore
from duckstring.api.answer import OPERATIONS
from duckstring.engine.effects import PublishSnapshot, RecordRun
from duckstring.engine.state import Attempt, PondState, RippleState, Run
from duckstring.model.access import LEVELS, covers, level_for
from duckstring.model.catalog import TableVersion
from duckstring.model.failures import Failure
from duckstring.model.names import Line, table_key
from duckstring.orchestrator.ports import Held
from tests.infra.policies import Places, Request, allowing, requests_of
from tests.infra.template_kit import actions_of, function, statements
from tests.integration.aws import Catchment, catchment

SALES = Line("sales@1")
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
PACKAGE = b"a package"
SHA = hashlib.sha256(PACKAGE).hexdigest()
FUNCTIONS = {"viewer": "viewers", "operator": "operators", "deployer": "api"}
RULE = {"name": "landing", "bucket": "landing", "prefix": "in/", "suffix": "", "kind": "pulse"}
WINDOW = {"name": "night", "start": "2030-01-02T02:00:00Z", "every": 86400, "duration": 3600}


def package(version: str) -> list[dict[str, object]]:
    """A Pond, as a deploy is given it."""
    pond = {"name": "sales", "version": version, "type": "inlet"}
    return [{"manifest": {"pond": pond}, "artifact": key_of(version), "sha256": SHA}]


def key_of(version: str) -> str:
    return f"artifacts/sales/{version}/{SHA}.zip"


REQUESTS: list[dict[str, Any]] = [
    {"op": "hello"},
    {"op": "status"},
    {"op": "status", "statuses": ["running"]},
    {"op": "status", "pond": "sales"},
    {"op": "why", "pond": "sales"},
    {"op": "why", "pond": "sales", "at": "2030-01-01T00:00:00Z"},
    {"op": "replay", "pond": "sales", "since": "2030-01-01T00:00:00Z"},
    {"op": "stale", "pond": "sales"},
    {"op": "runs"},
    {"op": "runs", "pond": "sales", "status": "failed"},
    {"op": "runs", "by": "alice"},
    {"op": "run", "run": "sales@1/1"},
    {"op": "tables", "pond": "sales"},
    {"op": "tables", "pond": "sales", "snapshot": 1},
    {"op": "snapshots"},
    {"op": "snapshots", "schemas": ["sales", "sales_v1"], "consistent": True},
    {"op": "snapshots", "schemas": ["sales"], "at": "2030-01-01T12:00:00Z"},
    {"op": "lineage", "pond": "sales", "up": 9, "down": 9},
    {"op": "trace", "pond": "sales", "writers": ["1-load-1"]},
    {"op": "kept", "pond": "sales"},
    {"op": "lake"},
    {"op": "repair"},
    {"op": "publish", "pond": "sales", "at": "2020-01-01T12:00:00Z", "dry": True},
    {"op": "publish", "pond": "sales", "snapshot": 1},
    {"op": "doctor"},
    {"op": "audit"},
    {"op": "audit", "pond": "sales"},
    {"op": "tag"},
    {"op": "maintenance", "action": "status"},
    {"op": "tag", "pond": "sales", "put": {"team": "shop"}},
    {"op": "maintenance", "action": "on"},
    {"op": "batch", "lines": ["sales@1", "nope@1"], "verb": "sleep"},
    {"op": "cost"},
    {"op": "cost", "pond": "sales"},
    {"op": "window", "pond": "sales", "action": "list"},
    {"op": "arrival", "pond": "sales", "action": "list"},
    {"op": "backlog", "pond": "sales"},
    {"op": "compute", "pond": "sales"},
    {"op": "failure-budget", "pond": "sales"},
    {"op": "priority", "pond": "sales"},
    {"op": "limit", "action": "list"},
    {"op": "remove", "pond": "sales", "dry": True},
    {"op": "remove", "pond": "sales", "table": "orders", "dry": True},
    {"op": "trigger", "pond": "sales", "kind": "pulse"},
    {"op": "control", "pond": "sales", "verb": "sleep", "upstream": True},
    {"op": "window", "pond": "sales", "action": "add", "window": WINDOW},
    {"op": "window", "pond": "sales", "action": "remove", "name": "night"},
    {"op": "stale", "pond": "sales", "action": "set", "bound": {"within": 7200}},
    {"op": "compute", "pond": "sales", "on": "task"},
    {"op": "failure-budget", "pond": "sales", "immediate_retries": 1},
    {"op": "priority", "pond": "sales", "priority": 80},
    {"op": "limit", "action": "set", "name": "databricks", "tokens": 3},
    {"op": "limit", "action": "remove", "name": "databricks"},
    {"op": "arrival", "pond": "sales", "action": "add", "arrival": RULE},
    {"op": "arrival", "pond": "sales", "action": "remove", "name": "landing"},
    {"op": "deploy", "ponds": package("1.1.0")},
    {"op": "remove", "pond": "sales", "table": "orders"},
    {"op": "remove", "pond": "sales"},
]

Calls = list[tuple[str, dict[str, Any]]]


class Door:
    """One of the functions, and what it asks of AWS."""

    def __init__(self, level: str) -> None:
        name = f"functions.{FUNCTIONS[level]}.handler"
        sys.modules.pop(name, None)
        self._module = importlib.import_module(name)
        self.ports = self._module.ports
        self.calls: Calls = []
        clients = self.ports.catalog._clients  # every port has the same
        clients.session.register("provide-client-params.*.*", self._note)
        clients.lambda_.meta.events.register("before-call.lambda.Invoke", self._discover)
        self.log = io.StringIO()
        self._module.logger.registered_handler.setStream(self.log)

    def _discover(self, **_: object) -> tuple[Any, dict[str, Any]]:
        """The answer of the discovery function, which moto would run in Docker."""
        answer = json.dumps({"ok": True, "ripples": [{"name": "load", "parents": []}]})
        return SimpleNamespace(status_code=200), {"Payload": io.BytesIO(answer.encode())}

    def _note(self, params: dict[str, Any], model: Any, **_: object) -> None:
        self.calls.append((f"{model.service_model.service_id.hyphenize()}.{model.name}", params))

    def __call__(self, request: dict[str, Any]) -> dict[str, Any]:
        context = SimpleNamespace(
            function_name="f", memory_limit_in_mb=512, invoked_function_arn="a", aws_request_id="r"
        )
        return json.loads(json.dumps(self._module.handle(request, context)))


@pytest.fixture
def here(monkeypatch) -> Iterator[Catchment]:
    monkeypatch.setattr("duckstring.api.post.PATIENCE", timedelta(milliseconds=1))
    with catchment(monkeypatch) as found:
        monkeypatch.setenv("DUCKSTRING_ARRIVALS", "landing")
        secret = found.clients.secretsmanager.create_secret(Name="secret", SecretString="{}")
        monkeypatch.setenv("DUCKSTRING_SECRET", secret["ARN"])
        fill(found)
        yield found


def fill(here: Catchment) -> None:
    """A line that is deployed, has a run in flight and one that failed, and has published."""
    for version in ("1.0.0", "1.1.0"):
        here.clients.s3.put_object(Bucket="catchment", Key=key_of(version), Body=PACKAGE)
    door = Door("deployer")
    assert door({"op": "deploy", "ponds": package("1.0.0")})["ok"]
    began = NOON - timedelta(days=3650)
    failure = Failure("load", 1, "ValueError", "long " * 20_000)
    history = DynamoHistory(here.clients, "catchment", "catchment")
    history.record_run(
        SALES, RecordRun(1, NOON, "1.0.0", "failed", began, finished=began, failure=failure)
    )
    history.record_run(SALES, RecordRun(2, NOON, "1.0.0", "success", datetime.now(UTC)))
    key = table_key(SALES, "orders", run=2, ripple="load", attempt=1, invocation="0a1b2c3d")
    tables = {"orders": TableVersion("orders", key, 1, 1, "f")}
    flight = Run(
        *(3, NOON, began, timedelta(0), "1.0.0", key_of("1.0.0"), "m", 0, began),
        attempts={"load": 1},
    )
    state = PondState(
        SALES,
        release=door.ports.catalog.releases()[SALES],
        runs={3: flight},
        runs_started=4,
        ripples={"load": RippleState("load", attempt=Attempt(3, 1, began, dispatched=True))},
        snapshot=2,
        snapshot_f=NOON,
        end_f=NOON,
        tables=tables,
    )
    published = (PublishSnapshot(2, NOON, tables, {}),)
    store = DynamoStateStore(here.clients, "catchment")
    store.commit(Held(PondState(SALES)), state, published, (1, ""), began)
    DynamoRestIndex(here.clients, "catchment").settle(began, is_whole=True)


def used(template: dict[str, Any], level: str, here: Catchment) -> tuple[list[Any], set[int]]:
    """The statements of a level's role, and those that its requests needed."""
    role = function(template, FUNCTIONS[level])["Properties"]["Role"]["Fn::GetAtt"][0]
    granted = statements(template, role)
    door, places = Door(level), Places.of(template)
    for request in REQUESTS:
        refused = door(request).get("error", {}).get("type")
        # Nobody delivers letters here: what depends on one may be refused for another reason.
        assert refused != "InternalError", (request, door.log.getvalue())
        assert (refused == "NotPermittedError") != covers(level, level_for(request)), request
    needed = {number for number, one in enumerate(granted) if "logs:PutLogEvents" in one["Action"]}
    for name, given in door.calls:
        for asked in requests_of(name, given, places):
            found = set(allowing(granted, asked))
            assert found, asked
            needed |= found
    return granted, needed


@pytest.mark.parametrize("level", LEVELS)
def test_a_function_may_do_all_that_its_level_serves_and_every_statement_is_needed(
    template, here, level
):
    granted, needed = used(template, level, here)
    unused = [one["Action"] for number, one in enumerate(granted) if number not in needed]
    # By it S3 says that an object is not there, instead of refusing.
    assert unused == ["s3:ListBucket"]


def test_every_operation_is_tried():
    assert {request["op"] for request in REQUESTS} == OPERATIONS.keys()


def test_what_serves_viewers_may_only_read(template):
    assert {action for action in actions_of(template, "viewers") if "logs:" not in action} == {
        "dynamodb:GetItem",
        "dynamodb:BatchGetItem",
        "dynamodb:Query",
        "s3:ListBucket",
        "s3:GetObject",
        "states:DescribeExecution",
    }


def test_what_serves_operators_writes_letters_tags_the_hold_and_who_asked_and_nothing_else(
    template,
):
    more = actions_of(template, "operators") - actions_of(template, "viewers")
    assert more == {"sqs:SendMessage", "dynamodb:PutItem", "dynamodb:UpdateItem"}


@pytest.mark.parametrize("level", ["operator", "deployer"])
@pytest.mark.parametrize(
    ("action", "partition", "may"),
    [
        ("PutItem", "AUDIT#sales", True),
        ("PutItem", "OPERATED", True),
        ("DeleteItem", "AUDIT#sales", False),
        ("DeleteItem", "OPERATED", False),
        ("PutItem", "LINE#sales@1", False),
        ("UpdateItem", "WORK#sales@1", False),
    ],
)
def test_nobody_deletes_what_was_written_down_of_changes(template, level, action, partition, may):
    role = function(template, FUNCTIONS[level])["Properties"]["Role"]["Fn::GetAtt"][0]
    facts = {"dynamodb:LeadingKeys": [partition]}
    request = Request(f"dynamodb:{action}", Places.of(template).table, facts)
    assert bool(list(allowing(statements(template, role), request))) == may


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("partition", ["TOKEN#sales@1", "PERMIT#sales@1", "SECRET"])
@pytest.mark.parametrize("action", ["GetItem", "BatchGetItem", "Query"])
def test_no_function_for_people_reads_task_tokens(template, level, partition, action):
    role = function(template, FUNCTIONS[level])["Properties"]["Role"]["Fn::GetAtt"][0]
    facts = {"dynamodb:LeadingKeys": [partition]}
    request = Request(f"dynamodb:{action}", Places.of(template).table, facts)
    assert list(allowing(statements(template, role), request)) == []


@pytest.mark.parametrize(
    ("level", "request_", "message", "hint"),
    [
        (
            "viewer",
            {"op": "trigger", "pond": "sales", "kind": "pulse"},
            "trigger is not possible with read-only access to Catchment 'dev'.",
            "operator policy",
        ),
        (
            "viewer",
            {"op": "remove", "pond": "sales"},
            "remove is not possible with read-only access to Catchment 'dev'.",
            "deployer policy",
        ),
        (
            "operator",
            {"op": "deploy", "ponds": package("1.1.0"), "level": "deployer"},
            "deploy is not possible with operator's access to Catchment 'dev'.",
            "deployer policy",
        ),
    ],
)
def test_what_a_level_may_not_is_refused_before_anything_is_asked(
    here, level, request_, message, hint
):
    door = Door(level)
    answer = door(request_)
    assert answer["error"]["message"] == message
    assert hint in answer["error"]["hint"]
    assert answer["error"]["type"] == "NotPermittedError"
    assert door.calls == []
