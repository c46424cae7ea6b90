"""The way back to a Catchment that is gone, or wanted as it was: drills with the real stack.

One Catchment on this machine lives its whole life. Another stack in the emulator, reached as an
account is, goes back to a moment of its past, and is destroyed and used again.
"""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from duckstring_cli import catchments
from duckstring_cli.client import Client
from duckstring_cli.local import catchment as local
from duckstring_cli.local import process
from duckstring_cli.local.deployment import Source, Synthesis, Target, deploy
from duckstring_cli.local.tools import ensure_tools
from duckstring_cli.stores import point
from tests.e2e.drive import Command, Driver, until

RAW = """
@ripple
def make(pond):
    note(pond, "make")
    pond.write_table("made", f"SELECT TIMESTAMPTZ '{pond.f.isoformat()}' AS f")
"""
SLOW = """
@ripple
def look(pond):
    note(pond, "look")
    pond.write_table("seen", pond.read_table("raw.made"))

@ripple(parents=[look])
def wait(pond):
    note(pond, "wait")
    tries = pond.recall("tries", 0) + 1
    pond.remember("tries", tries)
    hold(pond)
    pond.write_table("tried", f"SELECT {tries} AS tries")
"""
QUIET = lambda _: None  # noqa: E731


@pytest.fixture(autouse=True)
def clean_ledger(ledger):
    """Nothing that Ponds of these names have done before."""
    for name in ("raw", "slow", "slow.go", "clocked"):
        (ledger / name).unlink(missing_ok=True)


@pytest.fixture
def life(duckstring_home, ledger, tmp_path, monkeypatch):
    """A Catchment of its own, that its test may destroy, and its driver."""
    environment = tmp_path / "environment"
    environment.write_text(f"LEDGER={ledger}\n")

    def begin():
        local.init("life", environment=environment, port=process.free_port())
        local.start("life")
        return Driver(Client(catchments.find("life")), tmp_path, ledger)

    monkeypatch.setenv("DUCKSTRING_CATCHMENT", "life")
    try:
        yield begin
    finally:
        if any(one.name == "life" for one in catchments.catchments()):
            local.delete("life")


def as_stored_before(driver, line):
    """Give an Inlet the items that the release before wrote: its state without the mark of its
    form, its attempts in the partition of the line.
    """
    database, table = driver.aws("dynamodb"), driver.outputs["Table"]

    def items(pk):
        return database.query(
            TableName=table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": pk}},
        )["Items"]

    (state,) = [one for one in items(f"LINE#{line}") if one["sk"]["S"] == "STATE"]
    assert state["state"]["S"].startswith('{"form":2,')
    state["state"]["S"] = "{" + state["state"]["S"].removeprefix('{"form":2,')
    database.put_item(TableName=table, Item=state)
    for row in items(f"WORK#{line}"):
        key = {"pk": row["pk"], "sk": row["sk"]}
        database.put_item(TableName=table, Item=row | {"pk": {"S": f"LINE#{line}"}})
        database.delete_item(TableName=table, Key=key)


def known(driver, pond):
    """What must be the same after the way back."""
    line = driver.line(pond)
    told = {name: line[name] for name in ("version", "end_f", "trigger", "windows")}
    attempts = [driver.client.run(row["run"])["attempts"] for row in driver.runs(pond)]
    return told, driver.runs(pond), attempts


def waits(driver, times):
    until(
        lambda: [one.word for one in driver.noted("slow")].count("wait") == times,
        what=f"attempt {times} waits",
        show=lambda: driver.line("slow"),
    )


def is_scheduled(driver, window):
    def ask():
        found = driver.aws("scheduler").list_schedules()["Schedules"]
        return [one for one in found if window in one["Name"]]

    until(ask, what=f"the Window {window} is scheduled")


def goes_on(driver, epoch):
    """The run that was in flight is published once, with what was done before, and the next one
    comes.
    """
    waits(driver, 2)
    driver.let("slow")
    driver.wait_fresh("slow", epoch)
    assert driver.rows("slow", "tried") == [{"tries": 2}], "what it remembered is there"
    assert driver.statuses("slow") == ["success"]
    assert [one.word for one in driver.noted("slow")].count("look") == 1, "it was done"
    driver.wait_fresh("slow", driver.pulse("slow"))
    assert driver.statuses("slow") == ["success", "success"]


def test_a_catchments_whole_life(life, tmp_path):
    driver, run, place = life(), Command(), tmp_path / "backup"
    driver.deploy(
        driver.pond("raw", RAW),
        driver.pond("clocked", RAW),
        driver.pond("slow", SLOW, sources=["raw"]),
    )
    driver.wait_fresh("raw", driver.pulse("raw"))
    as_stored_before(driver, "raw@1")
    driver.wait_fresh("raw", driver.pulse("raw"))
    run.done("trigger", "window", "clocked", "add", "--name", "daily", "--every", "1d")
    epoch = driver.pulse("slow")
    waits(driver, 1)
    before = known(driver, "raw"), known(driver, "clocked")

    run.done("catchment", "backup", "life", "--to", place)
    run.done("catchment", "destroy", "life", "--data", "--confirm", "life")
    assert "life" not in [one.name for one in catchments.catchments()]

    driver = life()
    restore = ("catchment", "restore", "life", "--from", place)
    would = json.loads(run.done(*restore, "--dry-run", "--json"))
    assert (would["is_empty"], would["done"]) == (True, False)
    assert driver.client.status()["lines"] == []
    run.done(*restore)
    assert (known(driver, "raw"), known(driver, "clocked")) == before
    assert run(*restore).code == 1, "it is not empty any more"
    is_scheduled(driver, "daily")
    goes_on(driver, epoch)
    told = json.loads(run("doctor", "--json").out)
    assert not [one for one in told["findings"] if one["area"] != "functions"], told


class Account:
    """An AWS account, as far as the emulator is one: a stack that is not ephemeral."""

    def __init__(self, driver, folder, monkeypatch, home):
        one = driver.client.catchment
        key = catchments.require_running(one)
        self._source = Source("prod", folder)
        self._target = Target(tools=ensure_tools(QUIET), endpoint=str(one.endpoint), key=key)
        self._context = {"ephemeral": "false", "envfile": str(folder / "environment")}
        (folder / "environment").write_text(f"LEDGER={driver.ledger}\n")
        monkeypatch.setenv("DUCKSTRING_HOME", str(home))
        monkeypatch.setenv("DUCKSTRING_CATCHMENT", "prod")
        monkeypatch.setenv("AWS_ENDPOINT_URL", str(one.endpoint))
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", key.access_key_id)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key.secret_access_key)

    def put(self, **context):
        """``cdk deploy -c ...``, then connect."""
        synthesis = Synthesis(self._source, {**self._context, **context})
        digest = "-".join(context.values())[:30] or "none"
        deploy(self._source, self._target, digest=digest, synthesis=synthesis, on_step=QUIET)
        if not any(one.name == "prod" for one in catchments.catchments()):
            catchments.connect("prod", stack="Duckstring-prod", region="us-east-1")
        one = catchments.find("prod")
        catchments.save(replace(one, outputs=catchments.read_outputs(one)))


@pytest.fixture
def account(driver, tmp_path, tmp_path_factory, monkeypatch):
    return Account(driver, tmp_path, monkeypatch, tmp_path_factory.mktemp("elsewhere"))


def swept(driver):
    driver.aws("lambda").invoke(
        FunctionName=driver.outputs["SweepFunction"], Payload=b'{"op": "sweep"}'
    )


def attached(words, secrets):
    """``-c table=A -c bucket=B`` as options. The emulator calls a secret by its name."""
    pairs = dict(word.split("=", 1) for word in words.split() if "=" in word)
    secret = secrets.describe_secret(SecretId=pairs["secret"])["ARN"]
    return {name: pairs[name] for name in ("table", "bucket")} | {"secret": secret}


def moved_on(driver, named):
    """The run in flight ends, others follow, and a day later the sweep deletes what no longer
    counts.
    """
    driver.let("slow")
    for _ in range(3):
        driver.wait_fresh("slow", driver.pulse("slow"))
    s3, bucket = driver.aws("s3"), driver.outputs["Bucket"]
    for key in named:
        s3.delete_object(Bucket=bucket, Key=key)
    # What its Ripples noted at that moment:
    (driver.ledger / "slow.go").unlink()
    (driver.ledger / "slow").write_text("look 1.0.0 x 1\nwait 1.0.0 x 1\n")


def test_an_account_goes_back_to_a_moment(account, ledger, tmp_path, monkeypatch):
    run = Command()
    account.put()
    run.done("catchment", "protect", "prod")
    driver = Driver(Client(catchments.find("prod")), tmp_path, ledger)
    for root in (driver.pond("raw", RAW), driver.pond("slow", SLOW, sources=["raw"])):
        run.done("deploy", root, "--yes")
    epoch = driver.pulse("slow")
    waits(driver, 1)
    before, rows = known(driver, "raw"), driver.rows("raw", "made")
    found = driver.aws("s3").list_objects_v2(Bucket=driver.outputs["Bucket"], Prefix="data/")
    named = [one["Key"] for one in found["Contents"]]

    # The emulator keeps no past: what it restores is the table as it is now.
    monkeypatch.setattr(point, "check_moment", lambda *_: None)
    told = json.loads(run.done("catchment", "restore", "prod", "--at", "1s", "--json"))
    moved_on(driver, named)
    back = json.loads(run.done("catchment", "restore", "prod", "--at", told["at"], "--json"))
    assert (back["table"], back["undeleted"], back["gone"]) == (told["table"], len(named), [])
    account.put(table=back["table"])
    swept(driver)
    assert known(driver, "raw") == before
    assert driver.rows("raw", "made") == rows
    goes_on(driver, epoch)
    used_again(account, driver, tmp_path)


def used_again(account, driver, tmp_path):
    """Its stack is destroyed, and another one uses what remains."""
    run, last, secrets = Command(), known(driver, "raw"), driver.aws("secretsmanager")
    said = run.done("catchment", "destroy", "prod", "--confirm", "prod")
    assert "This remains" in said
    account.put(**attached(said.splitlines()[-1], secrets))
    driver = Driver(Client(catchments.find("prod")), tmp_path, driver.ledger)
    swept(driver)
    assert known(driver, "raw") == last
    driver.wait_fresh("slow", driver.pulse("slow"))
    table, database = driver.outputs["Table"], driver.aws("dynamodb")
    run.done("catchment", "destroy", "prod", "--data", "--confirm", "prod")
    assert table not in database.list_tables()["TableNames"]
