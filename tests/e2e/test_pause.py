"""Ripples that wait for something outside: pauses, what they remember, and what becomes of it
when they are killed.
"""

from __future__ import annotations

import os
import signal

from duckstring.model.answers.runs import AttemptRow
from tests.e2e.drive import Driver, until

PRELUDE = """
HERE = Path(os.environ["LEDGER"])

def told(pond, word):
    return (HERE / f"{pond.name}.{word}").exists()
"""

WAITING = (
    PRELUDE
    + """
@ripple
def ensure(pond):
    note(pond, pond.run_key)
    if pond.recall("run") is None:
        pond.remember("run", {"id": os.getpid()})
        pond.write_table("dropped", "SELECT 1 AS n")
    if not told(pond, "go"):
        pond.pause("1s")
    pond.write_table("run", f"SELECT {pond.recall('run')['id']} AS id, '{pond.run_key}' AS key")

@ripple(parents=[ensure])
def after(pond):
    pond.write_table("after", pond.read_table("run"))
"""
)

KEYS = (
    PRELUDE
    + """
@ripple
def ensure(pond):
    note(pond, pond.run_key)
    looks = pond.recall("looks", 0) + 1
    pond.remember("looks", looks)
    pond.write_table("looks", f"SELECT {looks} AS looks")
    hold(pond, f"look{sum(1 for _ in open(HERE / pond.name))}")
    if told(pond, "fails"):
        (HERE / f"{pond.name}.fails").unlink()
        raise RuntimeError("the external run failed")
"""
)

DEAF = (
    PRELUDE
    + """
def cancel(pond):
    return pond.run_key

@ripple(timeout="2s", on_kill=cancel)
def deaf(pond):
    note(pond, f"{pond.run_key}:{pond.recall('looks', 0)}")
    pond.remember("looks", 1)
    while True:
        try:
            time.sleep(600)
        except BaseException:
            pass
"""
)

BESIDE = (
    PRELUDE
    + """
@ripple
def ensure(pond):
    note(pond, pond.run_key)
    if not told(pond, "go"):
        pond.pause("1s")

@ripple
def breaks(pond):
    if not told(pond, "mended"):
        raise ValueError("no luck")
"""
)

CANCELLED = (
    PRELUDE
    + """
def cancel(pond):
    note(pond, f"asked:{pond.recall('run')}:{pond.run_key}")
    return f"asked to cancel run {pond.recall('run')}"

def refused(pond):
    raise RuntimeError("409: no run to cancel")

@ripple(on_kill=cancel)
def pausing(pond):
    note(pond, pond.run_key)
    pond.remember("run", 7)
    pond.pause("10m")

@ripple(on_kill=refused)
def running(pond):
    note(pond, pond.run_key)
    time.sleep(600)
"""
)


def attempts(driver: Driver, pond: str, ripple: str) -> list[AttemptRow]:
    """Of the Pond's last run."""
    run = driver.line(pond)["runs"] or driver.runs(pond)[-1:]
    return [row for row in driver.client.run(run[-1]["run"])["attempts"] if row["ripple"] == ripple]


def test_a_ripple_that_pauses_is_called_again_until_it_is_done_and_pays_nothing_for_it(driver):
    driver.deploy(driver.pond("pauser", WAITING))
    epoch = driver.pulse("pauser")
    until(lambda: len(driver.noted("pauser")) >= 3, what="three looks")
    [row] = attempts(driver, "pauser", "ensure")
    assert (row["status"], row["attempt"]) == ("running", 1)
    assert row["pauses"] >= 2
    driver.let("pauser")
    driver.wait_fresh("pauser", epoch)

    [row] = attempts(driver, "pauser", "ensure")
    looks = driver.noted("pauser")
    assert (row["status"], row["attempt"], row["pauses"]) == ("success", 1, len(looks) - 1)
    assert len(row["invocations"]) == len(looks)
    assert row["invocations"][0]["started"] == row["started"]
    assert len({invocation["request_id"] for invocation in row["invocations"]}) == len(looks)
    assert len({noted.word for noted in looks}) == 1
    assert driver.statuses("pauser") == ["success"]
    assert driver.rows("pauser", "after") == [{"id": looks[0].pid, "key": looks[0].word}]
    assert {table["table"] for table in driver.client.tables("pauser")["tables"]} == {
        "run",
        "after",
    }


def test_a_try_keeps_its_key_and_memory_over_a_killed_worker_and_the_next_try_has_its_own(driver):
    driver.deploy(driver.pond("keys", KEYS, immediate_retries=2))
    epoch = driver.pulse("keys")
    until(lambda: driver.noted("keys"), what="the first look")
    os.kill(driver.noted("keys")[0].pid, signal.SIGKILL)
    until(lambda: len(driver.noted("keys")) == 2, what="the second look")
    (driver.ledger / "keys.fails").touch()
    driver.let("keys", "look2")
    until(lambda: len(driver.noted("keys")) == 3, what="the third look")
    driver.let("keys", "look3")
    driver.wait_fresh("keys", epoch)

    first, second, third = (noted.word for noted in driver.noted("keys"))
    assert first == second != third
    assert first.startswith("keys-1-1-")
    assert [row["status"] for row in attempts(driver, "keys", "ensure")] == [
        "crashed",
        "failed",
        "success",
    ]
    assert driver.rows("keys", "looks") == [{"looks": 1}], (
        "the third attempt is another try: it remembers nothing"
    )


def test_who_is_deaf_over_its_timeout_has_failed_and_its_retry_is_another_try(driver):
    driver.deploy(driver.pond("deaf", DEAF, immediate_retries=1))
    driver.pulse("deaf")
    until(lambda: driver.statuses("deaf") == ["failed"], what="the end of both attempts")
    (first, looks), (second, again) = (noted.word.split(":") for noted in driver.noted("deaf"))
    assert (looks, again) == ("0", "0")
    assert first != second
    assert [(row["status"], row["error"]) for row in attempts(driver, "deaf", "deaf")] == [
        ("failed", "TimeoutError")
    ] * 2
    assert driver.runs("deaf")[-1]["error"] == "TimeoutError"
    until(
        lambda: all(row.get("on_kill") == "confirmed" for row in attempts(driver, "deaf", "deaf")),
        what="on_kill of both tries",
    )
    assert [row.get("on_kill_message") for row in attempts(driver, "deaf", "deaf")] == [
        first,
        second,
    ]


def test_what_pauses_beside_a_ripple_that_fails_is_seen_to_its_end_and_the_next_run_waits_for_it(
    driver,
):
    driver.deploy(driver.pond("beside", BESIDE))
    driver.pulse("beside")
    until(lambda: driver.statuses("beside") == ["failed"], what="the failure")
    looks = len(driver.noted("beside"))
    until(lambda: len(driver.noted("beside")) > looks + 1, what="looks after the failure")
    driver.let("beside", "mended")
    driver.run.done("control", "wake", "beside")
    until(lambda: driver.statuses("beside") == ["failed", "running"], what="the second run")
    looks = len(driver.noted("beside"))
    until(lambda: len(driver.noted("beside")) > looks + 1, what="looks beside the second run")
    assert len({noted.word for noted in driver.noted("beside")}) == 1, (
        "one external run would be under way"
    )
    driver.let("beside")
    until(lambda: driver.statuses("beside") == ["failed", "success"], what="both runs' ends")
    assert len({noted.word for noted in driver.noted("beside")}) == 2
    [first] = [
        row for row in driver.client.run("beside@1/1")["attempts"] if row["ripple"] == "ensure"
    ]
    assert (first["status"], first["attempt"]) == ("success", 1)
    assert first["pauses"] > looks


def test_a_kill_is_told_to_what_pauses_and_to_what_runs(driver):
    driver.deploy(driver.pond("cancelled", CANCELLED))
    driver.pulse("cancelled")
    until(lambda: len(driver.noted("cancelled")) == 2, what="both Ripples began")
    until(lambda: attempts(driver, "cancelled", "pausing")[0].get("resumes"), what="the pause")
    driver.run.done("control", "kill", "cancelled")

    def ended() -> bool:
        rows = [
            *attempts(driver, "cancelled", "pausing"),
            *attempts(driver, "cancelled", "running"),
        ]
        return all(row.get("on_kill") in {"confirmed", "refused"} for row in rows)

    until(ended, what="both were told", show=lambda: attempts(driver, "cancelled", "running"))
    [pausing], [running] = (attempts(driver, "cancelled", name) for name in ("pausing", "running"))
    assert (pausing["status"], pausing["on_kill"], pausing["on_kill_message"]) == (
        "killed",
        "confirmed",
        "asked to cancel run 7",
    )
    assert (running["status"], running["on_kill"], running["on_kill_message"]) == (
        "killed",
        "refused",
        "RuntimeError: 409: no run to cancel",
    )
    assert running["left"], "its worker left before it was told"
    [asked] = [
        noted.word for noted in driver.noted("cancelled") if noted.word.startswith("asked:7:")
    ]
    [key] = {noted.word for noted in driver.noted("cancelled")} & {asked.removeprefix("asked:7:")}
    assert key.startswith("cancelled-1-1-")
