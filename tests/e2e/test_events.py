"""Events out: what users' rules see. Events in: objects that arrive. And runs that change
nothing.
"""

from __future__ import annotations

import json

from tests.e2e.conftest import LANDING
from tests.e2e.drive import until

TABLE = """
@ripple
def write(pond):
    note(pond, "write")
    pond.write_table("prices", "{sql}")
"""

SINK = """
@ripple
def read(pond):
    note(pond, "read")
    pond.write_table("seen", pond.read_table("{source}.prices").aggregate("count(*) AS n"))
"""


class Listener:
    """A queue of the user's behind a rule of the user's on the Catchment's bus."""

    def __init__(self, driver, name, **detail):
        sqs, events, bus = driver.aws("sqs"), driver.aws("events"), driver.outputs["Bus"]
        self._sqs, self._queue = sqs, sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])[
            "Attributes"
        ]["QueueArn"]
        pattern = {"source": ["duckstring"], "detail-type": ["duckstring.pond"], "detail": detail}
        events.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps(pattern))
        events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])
        self.heard = []

    def listen(self):
        while messages := self._sqs.receive_message(
            QueueUrl=self._queue, MaxNumberOfMessages=10
        ).get("Messages"):
            for message in messages:
                self.heard.append(json.loads(message["Body"])["detail"])
                self._sqs.delete_message(
                    QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"]
                )
        return self.heard

    def said(self):
        return {(one["pond"], one["version"], one["state"]) for one in self.listen()}


def test_rules_of_users_hear_of_success_failure_blocking_recovery_and_broken_contracts(driver):
    listener = Listener(driver, "heard", pond=[{"prefix": "herald"}])
    write = "SELECT 1 AS id, 2.5::DOUBLE AS price, 'x' AS tag"
    driver.deploy(
        driver.pond("herald", TABLE.format(sql=write)),
        driver.pond("herald_sink", SINK.format(source="herald"), sources=["herald"]),
    )
    driver.wait_fresh("herald_sink", driver.pulse("herald_sink"))
    published = driver.client.tables("herald")

    # A version that drops a column and retypes another: its run fails, and nothing of it is seen.
    driver.deploy(
        driver.pond("herald", TABLE.format(sql="SELECT 1 AS id, 'dear' AS price"), version="1.1.0")
    )
    epoch = driver.pulse("herald_sink")
    failure = driver.wait_for("herald", "failed")["failure"]
    driver.wait_for("herald_sink", "blocked")
    assert failure["error"] == "ContractError"
    assert failure["message"] == (
        "Table 'prices' would break what this major version has published: "
        "column 'price' was DOUBLE and would be VARCHAR; column 'tag' is dropped (it was VARCHAR). "
        "Keep the column and its type, or raise the major version in pond.toml."
    )
    assert driver.client.tables("herald") == published

    # One that adds a column is none the worse.
    driver.deploy(
        driver.pond("herald", TABLE.format(sql=write + ", true AS fine"), version="1.2.0")
    )
    driver.wait_fresh("herald_sink", epoch)
    assert list(driver.rows("herald", "prices")[0]) == ["id", "price", "tag", "fine"]

    expected = {
        ("herald", "1.0.0", "succeeded"),
        ("herald_sink", "1.0.0", "succeeded"),
        ("herald", "1.1.0", "failed"),
        ("herald", "1.1.0", "contract"),
        ("herald_sink", "1.0.0", "blocked"),
        ("herald_sink", "1.0.0", "recovered"),
        ("herald", "1.2.0", "recovered"),
        ("herald", "1.2.0", "succeeded"),
    }
    until(
        lambda: listener.said() >= expected,
        what="every event",
        show=lambda: expected - listener.said(),
    )
    assert listener.said() == expected
    of = {(one["pond"], one["state"]): one for one in listener.heard}
    contract = of["herald", "contract"]
    run = driver.runs("herald")[1]
    assert (
        contract.items()
        >= {
            "catchment": "test",
            "pond": "herald",
            "major": 1,
            "version": "1.1.0",
            "f": run["f"],
            "run": "herald@1/2",
            "error": failure["message"],
        }.items()
    )
    assert of["herald", "failed"]["error"] == failure["message"]
    assert "herald@1 failed: ContractError: Table 'prices'" in of["herald_sink", "blocked"]["error"]
    assert (of["herald_sink", "recovered"]["previous"], of["herald", "recovered"]["previous"]) == (
        "blocked",
        "failed",
    )


def test_an_object_that_arrives_in_a_bucket_triggers_the_ponds_whose_rules_it_fits(
    driver, duckstring
):
    s3 = driver.aws("s3")
    s3.create_bucket(Bucket=LANDING)
    s3.put_bucket_notification_configuration(
        Bucket=LANDING, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    for pond in ("landed", "unmoved"):
        driver.deploy(driver.pond(pond, TABLE.format(sql="SELECT 1 AS id")))
    driver.run.done(
        "trigger",
        "arrival",
        "landed",
        "add",
        "--name",
        "in",
        "--bucket",
        LANDING,
        "--prefix",
        "in/",
        "--suffix",
        ".parquet",
    )
    driver.run.done(
        "trigger",
        "arrival",
        "unmoved",
        "add",
        "--name",
        "out",
        "--bucket",
        LANDING,
        "--prefix",
        "out/",
        "-v",
        "1.0.0",
    )
    said = duckstring("trigger", "arrival", "landed", "add", "--name", "x", "--bucket", "elsewhere")
    assert (said.code, said.err.splitlines()[0]) == (
        1,
        (
            "error: This Catchment gets no events from bucket 'elsewhere'; it gets "
            f"them from {LANDING}."
        ),
    )
    for key in ("in/notes.txt", "other/a.parquet", "in/a b+ü.parquet"):
        s3.put_object(Bucket=LANDING, Key=key, Body=b"x")
    driver.wait_until("landed", lambda line: line["last_run"], what="the arrival's run")
    driver.wait_at_rest("landed", "unmoved")
    assert (driver.statuses("landed"), driver.statuses("unmoved")) == (["success"], [])

    # Without its rule it stays where it is; a removed line takes its rules along.
    driver.run.done("trigger", "arrival", "landed", "remove", "--name", "in")
    driver.run.done("pond", "remove", "unmoved", "-y")
    driver.deploy(driver.folder / "unmoved")
    assert (
        driver.run.done("trigger", "arrival", "unmoved", "list")
        == "unmoved@1 has no arrival rules\n"
    )
    s3.put_object(Bucket=LANDING, Key="in/b.parquet", Body=b"x")
    s3.put_object(Bucket=LANDING, Key="out/b.parquet", Body=b"x")
    driver.wait_fresh("landed", driver.pulse("landed"))
    driver.wait_at_rest("landed", "unmoved")
    assert (len(driver.runs("landed")), driver.runs("unmoved")) == (2, [])


def test_a_run_that_changes_nothing_makes_nobody_work(driver):
    """By the fingerprint of what is written, in whatever order; by pond.skip(); and told to a
    Sink with another Source.
    """
    driver.deploy(
        driver.pond(
            "calm_sea",
            """
            @ripple
            def write(pond):
                note(pond, "write")
                ledger = Path(os.environ["LEDGER"])
                written = len((ledger / "calm_sea").read_text().splitlines())
                order = "DESC" if written % 2 else "ASC"
                more = " UNION ALL SELECT 1000" if (ledger / "calm_sea.storm").exists() else ""
                rows = f"SELECT range AS n FROM range(1000){more}"
                pond.write_table("prices", f"SELECT * FROM ({rows}) ORDER BY n {order}")
            """,
        ),
        driver.pond(
            "still_sea",
            """
            @ripple
            def write(pond):
                note(pond, "write")
                if pond.has_table("prices"):
                    pond.skip()
                else:
                    pond.write_table("prices", "SELECT 1 AS n")
            """,
        ),
        driver.pond("by_calm", SINK.format(source="calm_sea"), sources=["calm_sea"]),
        driver.pond("by_still", SINK.format(source="still_sea"), sources=["still_sea"]),
        driver.pond(
            "by_always",
            SINK.replace("@ripple", "@ripple(always_run=True)").format(source="calm_sea"),
            sources=["calm_sea"],
        ),
        driver.pond(
            "by_both",
            """
            @ripple
            def read(pond):
                note(pond, "+".join(sorted(pond.sources_changed())) or "none")
                pond.write_table(
                    "seen",
                    pond.con.sql("SELECT count(*) AS n FROM calm_sea.prices, still_sea.prices"),
                )
            """,
            sources=["calm_sea", "still_sea"],
        ),
    )
    readers = ("by_calm", "by_still", "by_always", "by_both")

    def everything():
        for epochs in [{pond: driver.pulse(pond) for pond in readers}]:
            for pond, epoch in epochs.items():
                driver.wait_fresh(pond, epoch)
        driver.wait_at_rest("calm_sea", "still_sea", *readers)

    everything()
    assert {noted.word for noted in driver.noted("by_both")} == {"calm_sea+still_sea"}
    before = {pond: len(driver.noted(pond)) for pond in readers}
    seas = {pond: len(driver.noted(pond)) for pond in ("calm_sea", "still_sea")}
    everything()
    assert all(len(driver.noted(pond)) > count for pond, count in seas.items()), (
        "the Inlets ran again"
    )
    assert [driver.runs(pond)[-1]["changed"] for pond in seas] == [False, False]
    after = {pond: len(driver.noted(pond)) for pond in readers}
    assert {pond for pond in readers if after[pond] > before[pond]} == {"by_always"}
    assert {driver.statuses(pond)[-1] for pond in ("by_calm", "by_still", "by_both")} == {"pass"}

    (driver.ledger / "calm_sea.storm").touch()
    everything()
    assert driver.noted("by_both")[-1].word == "calm_sea"
    assert [driver.rows(pond, "seen") for pond in ("by_calm", "by_still", "by_both")] == [
        [{"n": 1001}],
        [{"n": 1}],
        [{"n": 1001}],
    ]
    assert len(driver.noted("by_still")) == after["by_still"]


CHECKED = """
from duckstring import check

@ripple
def write(pond):
    note(pond, "write")
    pond.write_table("prices", "SELECT 1 AS id, {price} AS price")

@check
def prices_are_positive(pond):
    return "FROM prices WHERE price <= 0"

@check(severity="warn")
def prices_are_usual(pond):
    return "SELECT * FROM prices WHERE price > 100"
"""

ASKING = """
@ripple
def read(pond):
    note(pond, "read")
    prices = pond.read_table("{source}.prices").project("price")
    warned = [one.check for one in pond.source_warnings("{source}")]
    pond.write_table("seen", prices.project(f"price, {{warned}}::VARCHAR[] AS warned"))
"""


def fails_its_check(driver):
    """A version whose check fails: its attempt says so, and its run in the command."""
    driver.deploy(driver.pond("checker", CHECKED.format(price=-5), version="1.1.0"))
    epoch = driver.pulse("checker_sink")
    failure = driver.wait_for("checker", "failed")["failure"]
    driver.wait_for("checker_sink", "blocked")
    assert (failure["ripple"], failure["error"]) == ("checks", "CheckFailed")
    run = driver.runs("checker")[1]["run"]
    (attempt,) = [one for one in driver.client.run(run)["attempts"] if one["ripple"] == "checks"]
    assert attempt["status"] == "check"
    assert [(one["check"], one["outcome"], one["sample"]) for one in attempt["checks"]] == [
        ("prices_are_positive", "failed", [["1", "-5"]]),
        ("prices_are_usual", "passed", []),
    ]
    shown = driver.run.done("run", "show", run)
    assert "2 checks: 1 failed, 1 passed" in shown
    assert "prices_are_positive (failed): 1 row\n  id  price\n  1   -5\n" in shown
    return epoch


def warns_everywhere(driver):
    """What is published with a warning is marked in the status, in the runs and in the run."""
    warned = [{"check": "prices_are_usual", "rows": 1, "message": ""}]
    assert driver.line("checker")["warnings"] == warned
    last = driver.runs("checker")[-1]
    assert (last["status"], last["warnings"]) == ("success", warned)
    assert "warns: prices_are_usual" in driver.run.done("status")
    assert "prices_are_usual: 1 row" in driver.run.done("status", "checker")
    assert "prices_are_usual (warned): 1 row" in driver.run.done("run", "show", last["run"])
    said = driver.run("check", "checker")
    assert said.code == 1
    assert said.out == (
        "✓ prices_are_positive  passed\n! prices_are_usual  warned, 1 row\n  id  price\n  1   500\n"
    )
    said = driver.run("check", "checker_sink")
    assert said.code == 2
    assert "checker_sink@1 has no checks in version 1.0.0." in said.err


def announces_checks(listener):
    of = {(one["version"], one["state"]): one for one in listener.heard if one["pond"] == "checker"}
    assert sorted(of) == [
        ("1.0.0", "succeeded"),
        ("1.1.0", "check"),
        ("1.1.0", "failed"),
        ("1.2.0", "recovered"),
        ("1.2.0", "succeeded"),
    ]
    assert of["1.2.0", "succeeded"]["warnings"] == ["prices_are_usual"]
    assert "warnings" not in of["1.0.0", "succeeded"]
    assert of["1.1.0", "check"]["error"].startswith(
        "1 of 2 checks failed: prices_are_positive (1 row). Nothing of this run is published."
    )


def test_what_fails_its_check_is_never_seen_and_what_warns_is_marked_everywhere(driver):
    listener = Listener(driver, "checked", pond=[{"prefix": "checker"}])
    sink = driver.pond("checker_sink", ASKING.format(source="checker"), sources=["checker"])
    driver.deploy(driver.pond("checker", CHECKED.format(price=5)), sink)
    driver.wait_fresh("checker_sink", driver.pulse("checker_sink"))
    published = driver.client.tables("checker")
    seen = driver.typed_rows("checker_sink", "seen")
    assert seen == [{"price": 5, "warned": []}]

    epoch = fails_its_check(driver)
    assert driver.client.tables("checker") == published
    assert driver.typed_rows("checker_sink", "seen") == seen
    said = driver.run("check", "checker", "--json")
    assert (said.code, [one["outcome"] for one in said.json["checks"]]) == (0, ["passed"] * 2)

    # A repaired version is published, and answers the Pulse of before.
    driver.deploy(driver.pond("checker", CHECKED.format(price=500), version="1.2.0"))
    driver.wait_fresh("checker_sink", epoch)
    assert driver.typed_rows("checker_sink", "seen") == [
        {"price": 500, "warned": ["prices_are_usual"]}
    ]
    warns_everywhere(driver)
    until(lambda: ("checker", "1.2.0", "succeeded") in listener.said(), what="the event of success")
    announces_checks(listener)
