"""Every command, as people of different rights run it.

The Catchment is reached as an account is. Each request of the command is held against the policy
that the stack made, with the real names of things, and is refused as AWS refuses it. docs/aws.md
says what each command needs.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
import typer
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from typer.main import get_command

from duckstring.adapters.aws import codec
from duckstring.engine.signals import Triggered
from duckstring.model.names import Line
from duckstring_cli import catchments, reading
from duckstring_cli.groups import app
from infra.people import BUCKET_SETTINGS, TABLE_SETTINGS
from tests.e2e.drive import Command, Driver, Said

MAKE = """
from duckstring import check

@ripple
def make(pond):
    pond.write_table("made", "SELECT 42 AS answer")

@check
def answers(pond):
    return "FROM made WHERE answer <> 42"
"""
FAIL = """
@ripple
def make(pond):
    raise ValueError("no rows " * 20_000)
"""
LEVELS = ("viewer", "operator", "deployer")
REFUSALS = re.compile(r"policy[:, ]|may not read the tables|may not look at|could not be looked at")
_PAGE = Path(__file__).parents[2] / "docs" / "aws.md"
_ROW = re.compile(r"^\| `([a-z -]+)` \| (viewer|operator|deployer)(, data)? \|$", re.MULTILINE)
_CODES = {"lambda": "AccessDeniedException", "logs": "AccessDeniedException", "s3": "AccessDenied"}


_ACTIONS = {
    "Invoke": "InvokeFunction",
    "HeadObject": "GetObject",
    "ChangeMessageVisibilityBatch": "ChangeMessageVisibility",
}
"""Calls that IAM has another name for."""
_UNNAMED = {"ListEventSourceMappings", "DescribeAlarms", "GetMetricStatistics"}
_RESOURCES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "lambda": lambda given: f"function:{given['FunctionName']}",
    "s3": lambda given: f"{given['Bucket']}/{given['Key']}",
    "sqs": lambda given: given["QueueUrl"].rpartition("/")[2],
    "logs": lambda given: f"log-group:{given.get('logGroupName', '')}:log-stream:",
    "cloudformation": lambda given: f"stack/{given['StackName']}/0a1b2c3d",
    "dynamodb": lambda given: f"table/{given['TableName']}",
    "ecs": lambda given: f"cluster/{given['clusters'][0]}",
}
"""What a call is about, as its ARN ends."""


@dataclass
class Person:
    """Somebody with some of the stack's policies. ``used``: what was asked for, and allowed."""

    policies: Sequence[Mapping[str, Any]]
    account: str
    used: set[str] = field(default_factory=set)

    def may(self, action: str, resource: str) -> bool:
        allowed = any(
            action in statement["Action"]
            and any(fnmatchcase(resource, one) for one in statement["Resource"])
            for policy in self.policies
            for statement in policy["Statement"]
        )
        if allowed:
            self.used.add(action)
        return allowed

    def call(self, service: str, operation: str, given: Mapping[str, Any]) -> None:
        """Refuse what the policies do not allow."""
        action, resource = self._asked(service, operation, given)
        if not self.may(action, resource):
            detail = {"Code": _CODES.get(service, "AccessDenied"), "Message": f"not {action}"}
            raise ClientError({"Error": detail}, operation)

    def _asked(self, service: str, operation: str, given: Mapping[str, Any]) -> tuple[str, str]:
        """IAM's action and resource of a call."""
        action = _ACTIONS.get(operation, operation)
        if action in _UNNAMED:
            return f"{service}:{action}", "*"
        place = _RESOURCES[service](given)
        where = ":::" if service == "s3" else f":us-east-1:{self.account}:"
        return f"{service}:{action}", f"arn:aws:{service}{where}{place}"


@dataclass
class World:
    """A Catchment that is reached as an account is, and what stands in it."""

    driver: Driver
    policies: Mapping[str, Mapping[str, Any]]
    account: str
    maker: Path
    run: Command = field(default_factory=Command)

    def person(self, *policies: str) -> Person:
        return Person([self.policies[name] for name in policies], self.account)


@pytest.fixture
def world(driver, monkeypatch, tmp_path_factory) -> Iterator[World]:
    held = driver.client.catchment
    key, access = catchments.require_running(held), catchments.session(held)
    outputs = catchments.read_outputs(held)
    policies = {
        name: _document(access.client("iam"), outputs[f"{name.title()}Policy"])
        for name in (*LEVELS, "data")
    }
    maker = fill(driver)
    monkeypatch.setenv("DUCKSTRING_HOME", str(tmp_path_factory.mktemp("elsewhere")))
    monkeypatch.setenv("AWS_ENDPOINT_URL", str(held.endpoint))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", key.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key.secret_access_key)
    account = outputs["ViewerPolicy"].split(":")[4]
    made = World(driver, policies, account, maker)
    made.run.done("catchment", "connect", "--name", "prod", "--stack", held.stack,
                  "--region", "us-east-1")  # fmt: skip
    return made


def _document(iam: Any, arn: str) -> Mapping[str, Any]:
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    found = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
    document = json.loads(found) if isinstance(found, str) else found
    assert len(json.dumps(document, separators=(",", ":"))) <= 6144, arn
    for statement in document["Statement"]:
        for part in ("Action", "Resource"):
            value = statement[part]
            statement[part] = value if isinstance(value, list) else [value]
    return document


@pytest.fixture
def as_person(monkeypatch) -> Callable[[Person | None], None]:
    """From here on, calls are a person's; None: they are allowed."""
    call, opened = BaseClient._make_api_call, reading.open_s3
    now: list[Person | None] = [None]

    def guarded(self: Any, operation: str, given: Any) -> Any:
        if now[0] is not None:
            now[0].call(self.meta.service_model.service_name, operation, given)
        return call(self, operation, given)

    def opened_as(con: Any, catchment: Any) -> Callable[[], None]:
        """DuckDB asks S3 by itself: who may not read has a key that opens nothing."""
        renew = opened(con, catchment)
        bucket = catchments.outputs(catchment)["Bucket"]
        if now[0] and not now[0].may("s3:GetObject", f"arn:aws:s3:::{bucket}/data/x.parquet"):
            con.execute("CREATE OR REPLACE SECRET catchment (TYPE s3, KEY_ID 'no', SECRET 'no', "
                        f"REGION 'us-east-1', ENDPOINT '{_host()}', URL_STYLE path, "
                        "USE_SSL false)")  # fmt: skip
        return renew

    monkeypatch.setattr(BaseClient, "_make_api_call", guarded)
    monkeypatch.setattr(reading, "open_s3", opened_as)
    return lambda person: now.__setitem__(0, person)


def _host() -> str:
    import os

    return os.environ["AWS_ENDPOINT_URL"].removeprefix("http://")


def commands() -> set[str]:
    """Every command, by its words."""

    def walk(command: Any, path: tuple[str, ...]) -> Iterator[str]:
        context = typer.Context(command)
        names = command.list_commands(context) if hasattr(command, "list_commands") else []
        if not names or getattr(command, "invoke_without_command", False):
            yield " ".join(path)
        for name in names:
            yield from walk(command.get_command(context, name), (*path, name))

    return set(walk(get_command(app), ())) - {""}


def needed() -> dict[str, tuple[str, bool]]:
    """The level of each command that docs/aws.md names, and whether it reads tables."""
    return {
        command: (level, bool(data))
        for command, level, data in _ROW.findall(_PAGE.read_text(encoding="utf-8"))
    }


HERE = {
    *(
        "init",
        "catchment init",
        "catchment configure",
        "catchment requirements",
        "catchment prepare",
        "catchment start",
    ),
    *("catchment stop", "catchment env", "catchment list", "catchment set-default"),
    *("catchment disconnect", "pond run", "pond test", "pond init", "pond schema", "pond demo"),
    *("puddle ls", "puddle show", "puddle query", "puddle record", "completion", "demo"),
}
"""Commands for this machine, which ask nothing of AWS."""
OF_ITS_OWN = {
    *("secret set", "secret ls", "secret rm"),
    *("env set", "env ls", "env rm"),
    *("catchment protect", "catchment destroy", "catchment backup", "catchment restore"),
    *("alert add slack", "alert add webhook", "alert add email"),
    *("alert list", "alert test", "alert rm"),
}
"""Commands with rights that no level has. The page lists them below the table."""


def test_the_page_says_of_every_command_what_it_needs():
    assert needed().keys() == commands() - HERE - OF_ITS_OWN


def typed(reader: Path, maker: Path) -> dict[str, list[object]]:
    """Each command, as it is typed here. Each may be carried out again and again."""
    made = "people_made"
    window = ["trigger", "window", made]
    arrival = ["trigger", "arrival", made]
    return {
        "catchment connect": ["catchment", "connect", "--name", "NEW", "--stack", "STACK",
                              "--region", "us-east-1"],
        "status": ["status", "--once"],
        "why": ["why", made],
        "replay": ["replay", made],
        "audit": ["audit", made],
        "maintenance status": ["maintenance", "status"],
        "runs": ["runs", "people_made"],
        "run show": ["run", "show", "people_bad@1/1"],
        "logs": ["logs", "people_made@1/1"],
        "cost": ["cost", made],
        "simulate": ["simulate", "--deployed", "--wave", made, "--for", "1h"],
        "trigger window list": [*window, "list"],
        "trigger arrival list": [*arrival, "list"],
        "trigger arrival backlog": [*arrival, "backlog"],
        "query": ["query", made, "made"],
        "get": ["get", made, "made", reader / "made.parquet"],
        "sql": ["sql", f"FROM {made}.made"],
        "contract": ["contract", made],
        "snapshots": ["snapshots", made],
        "diff": ["diff", made, "made", "1", "1"],
        "lake": ["lake"],
        # While the Pond is at rest: what follows has it run.
        "publish": ["publish", made, "--run", "1", "--yes"],
        "lineage": ["lineage", made],
        "trace": ["trace", made, "made"],
        "pond hydrate": ["pond", "hydrate", reader, "--from-catchment"],
        "pond check": ["pond", "check", reader],
        "plan": ["plan", reader],
        "trigger tap": ["trigger", "tap", made],
        "trigger pulse": ["trigger", "pulse", made],
        "trigger wave": ["trigger", "wave", made],
        "trigger tide": ["trigger", "tide", made, "1d"],
        "trigger remove": ["trigger", "remove", made],
        "trigger window add": [*window, "add", "--name", "early", "--every", "1d",
                               "--start", "02:00", "--duration", "3h"],
        "trigger window remove": [*window, "remove", "early"],
        "control wake": ["control", "wake", made],
        "control force": ["control", "force", made],
        "control sleep": ["control", "sleep", made],
        "control kill": ["control", "kill", made],
        "control clear": ["control", "clear", made],
        "control failure-budget": ["control", "failure-budget", made, "--immediate", "1"],
        "control priority": ["control", "priority", made, "50"],
        "limit set": ["limit", "set", "people", "3"],
        "limit list": ["limit", "list"],
        "limit rm": ["limit", "rm", "people"],
        "control compute": ["control", "compute", made, "make", "--on", "lambda"],
        "alert stale": ["alert", "stale", made, "30d"],
        "tag": ["tag", made, "team=people"],
        "maintenance on": ["maintenance", "on"],
        "maintenance off": ["maintenance", "off"],
        "doctor": ["doctor"],
        "trigger arrival add": [*arrival, "add", "--name", "landing", "--bucket", "test-landing"],
        "trigger arrival remove": [*arrival, "remove", "landing"],
        "deploy": ["deploy", maker, "--yes", "--overwrite"],
        "pond deploy": ["pond", "deploy", maker, "--yes", "--overwrite"],
        "pond remove": ["pond", "remove", "people_gone", "--yes"],
        "check": ["check", made],
        "doctor redrive": ["doctor", "redrive", "--yes"],
    }  # fmt: skip


def test_each_command_is_carried_out_for_the_levels_that_the_page_says_and_for_no_other(
    world, as_person, driver
):
    reader = driver.pond("people_reads", READ, sources=["people_made"])
    stack, page = driver.client.catchment.stack, needed()
    all_of_them = typed(reader, world.maker)
    assert all_of_them.keys() == page.keys() - {"ui"}
    people = {name: world.person(*name.split(" and ")) for name in WHO}
    wrong = []
    for command, words in all_of_them.items():
        level, reads = page[command]
        carried_out = False
        for who, person in people.items():
            if who.endswith("data") and not reads:
                continue
            new = {"NEW": f"of-{who[:6]}-{who[-1]}", "STACK": stack}
            as_person(person)
            said = world.run(*(new.get(str(word), word) for word in words))
            as_person(None)
            allowed = may(who, level, reads=reads)
            # Once it has been carried out, a second time may find nothing to do.
            fine = said.code == 0 or carried_out or command == "doctor"
            if is_refused(said) == allowed or (allowed and not fine):
                wrong.append((command, who, said.code, said.out[-300:], said.err))
            carried_out |= allowed
    assert not wrong, "\n".join(map(str, wrong))
    (policy,) = people["deployer"].policies
    granted = {action for statement in policy["Statement"] for action in statement["Action"]}
    # By listing, S3 says that an object is not there, instead of refusing.
    needless = {"s3:ListBucket", *OF_LASTING_STORES}
    assert people["deployer"].used == granted - needless, "a right that nothing needs"


OF_LASTING_STORES = {*TABLE_SETTINGS, *BUCKET_SETTINGS}
"""The doctor of an ephemeral Catchment does not ask for these: tests/unit/cli/test_doctor.py."""
WHO = ("viewer", "viewer and data", "operator", "deployer")
READ = """
@ripple
def reads(pond):
    pond.write_table("reads", "SELECT answer FROM people_made.made")
"""


def may(who: str, level: str, *, reads: bool) -> bool:
    mine, *_ = who.split(" ")
    has_data = mine == "deployer" or who.endswith("data")
    return LEVELS.index(mine) >= LEVELS.index(level) and (has_data or not reads)


def is_refused(said: Said) -> bool:
    return bool(REFUSALS.search(said.err + said.out))


def fill(driver: Driver) -> Path:
    """A Pond that has run, one that has failed, one that is to go, and what died."""
    maker = driver.pond("people_made", MAKE)
    driver.deploy(maker)
    driver.deploy(driver.pond("people_bad", FAIL))
    driver.deploy(driver.pond("people_gone", MAKE))
    driver.run.done("trigger", "pulse", "people_made", "--watch")
    driver.run.done("control", "force", "people_made")  # a second snapshot
    driver.run("trigger", "pulse", "people_bad", "--watch")
    driver.wait_at_rest("people_made")
    driver.pond("people_made", f"{MAKE}# another package")
    sqs = driver.aws("sqs")
    letter = codec.letter(Line("people_made@1"), Triggered("remove", datetime.now(UTC)))
    fifo = {"MessageGroupId": "people_made@1", "MessageDeduplicationId": str(time.time_ns())}
    sqs.send_message(QueueUrl=driver.outputs["DeadLetters"], MessageBody=letter, **fifo)
    event = {"source": "people", "detail-type": "duckstring.trigger",
             "detail": {"pond": "people_made", "kind": "remove"}}  # fmt: skip
    sqs.send_message(QueueUrl=driver.outputs["DeadEvents"], MessageBody=json.dumps(event))
    return maker
