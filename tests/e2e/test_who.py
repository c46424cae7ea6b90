"""Who did what, and acting on many Ponds: two people, notes, tags, a batch with a preview, and
maintenance while a run is in flight.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from duckstring_cli import catchments
from tests.e2e.drive import Command

LOAD = """
@ripple
def load(pond):
    note(pond, "load")
    pond.write_table("loaded", f"SELECT '{pond.f.isoformat()}' AS f")
"""
SLOW = """
@ripple
def load(pond):
    note(pond, "load")
    hold(pond)
    pond.write_table("loaded", f"SELECT '{pond.f.isoformat()}' AS f")
"""
READ = """
@ripple
def read(pond):
    note(pond, "read")
    pond.write_table("seen", pond.read_table("SOURCE.loaded"))
"""


def reader(source: str) -> str:
    return READ.replace("SOURCE", source)


@pytest.fixture
def as_user(driver, monkeypatch, tmp_path_factory) -> Iterator[Callable[[str], Command]]:
    """The command as a user of the account types it: with keys of their own, and a policy that the
    stack made.
    """
    held = driver.client.catchment
    iam, outputs = catchments.session(held).client("iam"), catchments.read_outputs(held)
    keys = {}
    for name in ("who_alice", "who_bob"):
        iam.create_user(UserName=name)
        iam.attach_user_policy(UserName=name, PolicyArn=outputs["DeployerPolicy"])
        keys[name] = iam.create_access_key(UserName=name)["AccessKey"]
    elsewhere, known = str(tmp_path_factory.mktemp("elsewhere")), []

    def of(name: str) -> Command:
        monkeypatch.setenv("DUCKSTRING_HOME", elsewhere)
        monkeypatch.setenv("AWS_ENDPOINT_URL", str(held.endpoint))
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys[name]["AccessKeyId"])
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys[name]["SecretAccessKey"])
        run = Command()
        if not known:
            run.done("catchment", "connect", "--name", "prod", "--stack", held.stack,
                     "--region", "us-east-1")  # fmt: skip
            known.append("prod")
        return run

    yield of
    for name, key in keys.items():
        iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
        iam.detach_user_policy(UserName=name, PolicyArn=outputs["DeployerPolicy"])
        iam.delete_user(UserName=name)


def audited(run: Command, *words: str) -> list[dict[str, object]]:
    return json.loads(run.done("audit", *words, "--json"))["entries"]


def test_two_users_are_told_apart_by_what_aws_says_and_each_change_has_its_note(driver, as_user):
    driver.deploy(
        driver.pond("who_a", LOAD), driver.pond("who_b", reader("who_a"), sources=["who_a"])
    )
    alice = as_user("who_alice")
    alice.done("trigger", "pulse", "who_b", "--note", "new prices", "--watch")
    bob = as_user("who_bob")
    bob.done("control", "kill", "who_b", "--yes", "--note", "wrong data")
    assert bob("control", "wake", "nope").code == 2

    rows = audited(bob, "who_b")
    assert [(row["what"], row["by"].rpartition("/")[2], row["note"]) for row in rows[:2]] == [
        ("control kill", "who_bob", "wrong data"),
        ("trigger pulse", "who_alice", "new prices"),
    ]
    assert all(row["proven"] and row["request"] for row in rows[:2])
    (refused, *_) = audited(bob, "--by", "who_bob")
    assert (refused["ponds"], "No Pond 'nope'" in refused["refused"]) == (["nope"], True)

    # A demand keeps its epoch: the Source's run says whose Pulse of the Sink it was.
    shown = alice.done("run", "show", "who_a@1/1")
    assert "asked for by user/who_alice: trigger pulse who_b (new prices)" in shown
    why = alice.done("why", "who_b")
    assert "was killed by user/who_bob (wrong data)" in why
    status = alice.done("status", "who_b", "--once")
    assert "killed by user/who_bob" in status
    assert "wrong data" in status


def test_on_this_machine_a_change_has_the_name_of_its_user(driver, monkeypatch):
    monkeypatch.setenv("LOGNAME", "carol")
    driver.deploy(driver.pond("who_here", LOAD))
    driver.run.done("control", "sleep", "who_here", "--note", "night")
    newest, deployed, *_ = audited(driver.run, "who_here")
    assert newest["by"].startswith("carol@")
    assert (newest["proven"], newest["note"]) == (False, "night")
    assert deployed["what"].startswith("deploy")
    assert "put to sleep by carol@" in driver.run.done("why", "who_here")
    assert "night" in driver.run.done("audit", "who_here", "--by", "CAROL", "--since", "1h")


def test_a_verb_for_all_ponds_of_a_team_is_shown_first_and_each_has_its_outcome(driver):
    names = ["who_t1", "who_t2", "who_t3"]
    driver.deploy(*(driver.pond(name, LOAD) for name in names))
    for name in names[:2]:
        driver.run.done("tag", name, "who=team", "tier=1")
    driver.run.done("tag", "who_t2", "tier=")
    assert "who=team" in driver.run.done("tag")
    driver.deploy(driver.pond(names[0], LOAD, version="1.0.1"))

    shown = json.loads(driver.run.done("status", "-t", "who=team", "--json"))["lines"]
    assert [line["pond"] for line in shown] == names[:2]
    assert shown[0]["tags"] == {"tier": "1", "who": "team"}, "a deploy leaves tags as they are"

    preview = driver.run.done("control", "kill", "-t", "who=team", "--dry-run")
    assert all(text in preview for text in ("who_t1@1", "who_t2@1", "stays down", "2 lines"))
    assert driver.line("who_t1")["status"] == "idle"
    unasked = driver.run("control", "kill", "-t", "who=team")
    assert (unasked.code, "nobody is there to ask" in unasked.err) == (2, True)

    done = driver.run.done("control", "kill", "-t", "who=team", "--yes", "--note", "cost")
    assert "who_t1@1: kill: idle → killed" in done
    assert [driver.line(name)["status"] for name in names] == ["killed", "killed", "idle"]
    driver.run.done("control", "clear", "-t", "who=team", "-y")
    driver.run.done("trigger", "pulse", "-t", "who=team", "-y")
    driver.wait_at_rest(*names)
    runs = json.loads(driver.run.done("runs", "-t", "who=team", "--json"))
    assert {row["pond"] for row in runs} == set(names[:2])
    (row, *_) = audited(driver.run, "who_t2")
    assert (row["what"], row["ponds"]) == ("batch pulse", names[:2])


def test_one_line_that_refuses_keeps_no_other_from_its_verb_and_the_exit_code_tells(driver):
    driver.deploy(
        driver.pond("who_f1", LOAD), driver.pond("who_f2", reader("who_f1"), sources=["who_f1"])
    )
    for name in ("who_f1", "who_f2"):
        driver.run.done("tag", name, "who=force")
    said = driver.run("control", "force", "-t", "who=force", "-y")
    assert said.code == 1
    assert "who_f2@1: who_f2@1 cannot be forced" in said.out
    assert "1 of 2 refused" in said.out
    driver.wait_until("who_f1", lambda line: line["end_f"] > "2", what="who_f1 has run")


def test_maintenance_lets_what_runs_finish_keeps_what_is_asked_for_and_runs_it_after(driver):
    slow, sink = driver.pond("who_slow", SLOW), reader("who_slow")
    driver.deploy(slow, driver.pond("who_sink", sink, sources=["who_slow"]))
    driver.run.done("trigger", "pulse", "who_sink")
    driver.wait_until("who_slow", lambda _: driver.noted("who_slow"), what="who_slow runs")
    try:
        shown = driver.run.done("maintenance", "on", "--note", "new warehouse")
        assert "It waits for 1 run:" in shown
        assert "who_slow@1/1" in shown
        assert "Asked for and kept: " in shown
        assert "new warehouse" in driver.run.done("status", "--once")
        driver.deploy(driver.pond("who_new", LOAD))
        said = driver.run("trigger", "pulse", "who_new")
        assert "who_new@1 starts no run now (maintenance" in said.err
        assert "who_slow@1/1 since" in driver.run.done("why", "who_sink"), "what it waits for, too"
        driver.let("who_slow")
        driver.run.done("maintenance", "status", "--wait")
        held = json.loads(driver.run.done("maintenance", "status", "--json"))
        assert (held["on"], held["runs"], held["not_received"]) == (True, [], [])
        assert {"who_sink@1", "who_new@1"} <= set(held["waiting"])
        assert driver.noted("who_sink") == driver.noted("who_new") == []
        assert "are held: maintenance" in driver.run.done("why", "who_sink")
        assert "No run starts: maintenance is on, by" in driver.run("doctor").out
    finally:
        driver.let("who_slow")
        off = driver.run.done("maintenance", "off")
    assert "Maintenance is off" in off
    driver.wait_until("who_sink", lambda _: driver.noted("who_sink"), what="who_sink runs after")
    driver.wait_until("who_new", lambda _: driver.noted("who_new"), what="who_new runs after")
    assert [row["what"] for row in audited(driver.run, "-n", "50") if "maint" in row["what"]][
        :2
    ] == [
        "maintenance off",
        "maintenance on",
    ]
