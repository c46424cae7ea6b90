"""Objects that arrive are a backlog: each is given to one run that is published, none is lost.
And a Ripple that waits before it is tried again.
"""

from __future__ import annotations

import json
from contextlib import suppress

import duckdb

from tests.e2e.conftest import LANDING

TAKES = """
@ripple
def write(pond):
    note(pond, "write")
    came = pond.arrivals()
    (Path(os.environ["LEDGER"]) / "brought.came").write_text(" ".join(one.key for one in came))
    if (Path(os.environ["LEDGER"]) / "brought.broken").exists():
        raise RuntimeError("the other side is down")
    if came:
        pond.append_table("rows", pond.con.read_parquet([one.uri for one in came]))
"""

WAITS = """
@ripple(retry_delay="15s", retry_on=(TimeoutError,))
def write(pond):
    note(pond, "write")
    tries = len((Path(os.environ["LEDGER"]) / "late_starter").read_text().splitlines())
    if tries == 1:
        raise TimeoutError("not yet")
    pond.write_table("rows", "SELECT 1 AS id")


@ripple(parents=[write], retry_on=[TimeoutError])
def refuse(pond):
    raise ValueError("never")
"""


def takes_objects(driver):
    """A Pond that adds the rows of objects that arrive to its table."""
    s3 = driver.aws("s3")
    with suppress(s3.exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket(Bucket=LANDING)
    s3.put_bucket_notification_configuration(
        Bucket=LANDING, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    driver.deploy(driver.pond("brought", TAKES))
    driver.run.done(
        "trigger", "arrival", "brought", "add", "--name", "days", "--bucket", LANDING,
        "--prefix", "days/",
    )  # fmt: skip


def put(driver, number):
    """An object with one row."""
    file = driver.folder / f"{number}.parquet"
    duckdb.sql(f"SELECT {number} AS n").write_parquet(str(file))
    driver.aws("s3").put_object(
        Bucket=LANDING, Key=f"days/{number}.parquet", Body=file.read_bytes()
    )


def rows(driver):
    return sorted(row["n"] for row in driver.rows("brought", "rows"))


def backlog(driver):
    return json.loads(driver.run.done("trigger", "arrival", "brought", "backlog", "--json"))


def tell_again(driver, number):
    """The event of an arrival once more, as the bus may do hours later."""
    key = {"pk": {"S": "ARRIVED#brought@1"}, "sk": {"S": f"OBJECT#{number:012d}"}}
    kept = driver.aws("dynamodb").get_item(TableName=driver.outputs["Table"], Key=key)["Item"]
    told = {"key": kept["key"]["S"], "size": int(kept["size"]["N"])}
    for name, word in (("version", "version-id"), ("etag", "etag"), ("sequencer", "sequencer")):
        if name in kept:
            told[word] = kept[name]["S"]
    event = {
        "id": "once-more",
        "source": "aws.s3",
        "detail-type": "Object Created",
        "detail": {"bucket": {"name": LANDING}, "object": told},
    }
    driver.aws("lambda").invoke(
        FunctionName=driver.outputs["OrchestratorFunction"], Payload=json.dumps(event).encode()
    )


def test_objects_that_arrive_while_the_line_is_down_are_one_runs_after_it_and_none_is_twice(
    driver,
):
    takes_objects(driver)
    put(driver, 1)
    driver.wait_until("brought", lambda line: line["last_run"], what="the first arrival's run")
    driver.wait_at_rest("brought")
    assert rows(driver) == [1]

    (driver.ledger / "brought.broken").touch()
    put(driver, 2)
    driver.wait_until("brought", lambda line: line["status"] == "failed", what="the failure")
    for number in (3, 4):
        put(driver, number)
    driver.wait_until("brought", lambda line: line["backlog"] == 3, what="the backlog")
    waiting = backlog(driver)
    assert (waiting["waiting"], [one["number"] for one in waiting["objects"]]) == (3, [2, 3, 4])
    assert "3 objects that arrived" in driver.run.done("status", "brought", "--once")
    assert "days/4.parquet" in driver.run.done("trigger", "arrival", "brought", "backlog")

    (driver.ledger / "brought.broken").unlink()
    driver.run.done("control", "clear", "brought")
    driver.wait_until("brought", lambda line: line["backlog"] == 0, what="the recovery")
    driver.wait_at_rest("brought")
    assert rows(driver) == [1, 2, 3, 4]
    came = (driver.ledger / "brought.came").read_text()
    assert came == "days/2.parquet days/3.parquet days/4.parquet"
    assert "no object waits" in driver.run.done("trigger", "arrival", "brought", "backlog")

    before = len(driver.runs("brought"))
    tell_again(driver, 4)
    driver.wait_fresh("brought", driver.pulse("brought"))
    driver.wait_at_rest("brought")
    assert (rows(driver), len(driver.runs("brought"))) == ([1, 2, 3, 4], before + 1)


def test_a_ripple_waits_before_it_is_tried_again_and_an_error_that_is_not_named_ends_the_run(
    driver,
):
    driver.deploy(driver.pond("late_starter", WAITS, immediate_retries=3))
    driver.pulse("late_starter")
    driver.wait_until(
        "late_starter",
        lambda line: any(r.get("retry_at") for run in line["runs"] for r in run["ripples"]),
        what="the delay",
    )
    assert "write tried again in " in driver.run.done("status", "--once")
    assert "write is tried again at " in driver.run.done("why", "late_starter")
    assert "write is tried again at " in driver.run.done("run", "show", "late_starter@1/1")
    driver.wait_until(
        "late_starter", lambda line: line["status"] == "failed", what="the final error"
    )
    attempts = json.loads(driver.run.done("run", "show", "late_starter@1/1", "--json"))["attempts"]
    assert sorted((one["ripple"], one["attempt"], one["status"]) for one in attempts) == [
        ("refuse", 1, "failed"),
        ("write", 1, "failed"),
        ("write", 2, "success"),
    ]
    assert "Its retry_on does not name that error" in driver.run.done("why", "late_starter")
