"""What an operator looks at when something is wrong: the words of Ripples, and the doctor."""

from __future__ import annotations

import json
import threading
import time
from datetime import UTC, datetime

from duckstring.adapters.aws import codec
from duckstring.engine.signals import Triggered
from duckstring.model.names import Line
from tests.e2e.drive import until

TALKER = """
@ripple
def load(pond):
    note(pond, "load")
    pond.log.info("rows read", extra={"rows": 3})
    print("printed by load")
    if len((Path(os.environ["LEDGER"]) / "talker").read_text().splitlines()) == 1:
        raise ValueError("not yet: {50%}")
    pond.write_table("loaded", "SELECT 1 AS one")

@ripple(parents=[load])
def wait(pond):
    woken = pond.recall("woken")
    print("woken before:", woken)
    if not woken:
        pond.remember("woken", True)
        pond.pause("1s")
    pond.write_table("waited", "SELECT 1 AS one")
"""


def lines(driver, *words):
    return [json.loads(line) for line in driver.run.done("logs", *words, "--json").splitlines()]


def test_logs_are_what_each_attempt_said_and_nothing_else(driver, duckstring):
    driver.deploy(driver.pond("talker", TALKER, immediate_retries=1))
    driver.wait_fresh("talker", driver.pulse("talker"))

    def first():
        return [line["message"] for line in lines(driver, "talker@1/1", "load", "--attempt", "1")]

    # The emulator writes an invocation's lines down a moment after its answer.
    until(lambda: "ripple failed" in first(), what="the lines are there", show=first)
    told = lines(driver, "talker@1/1", "load", "--attempt", "1")
    assert {(line["ripple"], line["attempt"]) for line in told} == {("load", 1)}
    (read,) = [line for line in told if line["message"] == "rows read"]
    assert (read["level"], read["rows"]) == ("INFO", 3)
    (failed,) = [line for line in told if line["message"] == "ripple failed"]
    assert failed["traceback"].rstrip().endswith("ValueError: not yet: {50%}")
    assert first().count("printed by load") == 1

    def both():
        return [line["message"] for line in lines(driver, "talker@1/1", "wait")]

    until(lambda: "woken before: True" in both(), what="both invocations of the pause", show=both)
    assert "woken before: None" in both()
    text = driver.run.done("logs", "talker@1/1")
    assert (
        text.index("not yet: {50%}")
        < text.index("load 2  rows read")
        < text.index("wait 1  woken before: True")
    )
    shown = driver.run.done("run", "show", "talker@1/1")
    assert "log: duckstring logs talker@1/1 load --attempt 1" in shown
    assert "PAUSES" in shown
    assert duckstring("logs", "talker@1/1", "lod").err.startswith(
        "error: talker@1/1 has no attempt of a Ripple 'lod'; it has load, wait."
    )


def test_following_goes_on_until_the_run_is_over(driver):
    driver.deploy(
        driver.pond(
            "talks_on",
            (
                "@ripple\ndef speak(pond):\n    note(pond, 'speak')\n    hold(pond)\n"
                "    print('the last word')\n"
            ),
        )
    )
    driver.pulse("talks_on")
    until(lambda: driver.noted("talks_on"), what="it runs")
    threading.Timer(
        10, lambda: driver.let("talks_on")
    ).start()  # the command has begun by then, also on a busy machine
    said = driver.run("logs", "talks_on@1/1", "--follow")
    assert said.code == 0
    assert said.out.count("the last word") == 1
    assert said.err.rstrip().endswith("talks_on@1/1: success")


def test_the_doctor_finds_a_dead_letter_explains_it_and_moves_it_back(driver, duckstring):
    driver.deploy(
        driver.pond(
            "lettered",
            (
                "@ripple\ndef make(pond):\n    note(pond, 'make')\n"
                "    pond.write_table('made', 'SELECT 1 AS one')\n"
            ),
        )
    )
    driver.wait_at_rest("lettered")
    letter = codec.letter(Line("lettered@1"), Triggered("pulse", datetime.now(UTC)))
    driver.aws("sqs").send_message(
        QueueUrl=driver.outputs["DeadLetters"],
        MessageBody=letter,
        MessageGroupId="lettered@1",
        MessageDeduplicationId=str(time.time_ns()),
    )
    said = duckstring("doctor", "--json")
    assert (said.code, said.json["ok"]) == (1, False)
    (found,) = [one for one in said.json["findings"] if one["area"] == "dead letters"]
    assert [(one["line"], one["kind"]) for one in found["letters"]] == [("lettered@1", "triggered")]
    assert "lettered@1  triggered" in duckstring("doctor").out
    assert driver.noted("lettered") == []

    assert (
        driver.run.done("doctor", "redrive", "mailbox", "-y")
        == "mailbox: moved lettered@1 triggered\n"
    )
    driver.wait_until(
        "lettered",
        lambda line: line["last_run"] and line["last_run"]["status"] == "success",
        what="the letter is heard",
    )
    driver.assert_each_ran_once("lettered")
    checks = {one["area"]: one["ok"] for one in duckstring("doctor", "--json").json["checks"]}
    assert checks["dead letters"]
    assert checks["queues"]
    assert checks["versions"]
    assert checks["lines"]
