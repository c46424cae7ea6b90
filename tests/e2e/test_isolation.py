"""Attempts act with credentials of their own, and what one does in another's name is refused.

The emulator does not enforce policies here: what an attempt's policy allows is tested in
tests/infra/test_attempt_rights.py.
"""

from __future__ import annotations

import json

from duckstring.model.names import Line
from duckstring.model.permits import AttemptName, session_name

WHO = """
@ripple
def look(pond):
    import boto3
    caller = boto3.client("sts").get_caller_identity()
    pond.write_table("who", f"SELECT '{caller['Arn']}' AS arn")
"""


def test_an_attempt_acts_with_a_session_of_its_own(driver):
    driver.deploy(driver.pond("whoami", WHO))
    sessions = []
    for _ in range(2):
        driver.wait_fresh("whoami", driver.pulse("whoami"))
        (row,) = driver.rows("whoami", "who")
        sessions.append(row["arn"].rpartition("/")[2])
    names = [AttemptName(Line("whoami@1"), run, "look", 1) for run in (1, 2)]
    assert sessions == [session_name(name) for name in names]


def test_what_an_attempt_says_of_another_line_or_attempt_counts_for_nothing(driver):
    """The victim waits at a Ripple that pauses; an attempt of another Pond reports its success."""
    driver.deploy(
        driver.pond(
            "victim",
            """
            @ripple
            def wait(pond):
                note(pond, "wait")
                if (Path(os.environ["LEDGER"]) / "victim.go").exists():
                    pond.write_table("made", "SELECT 1 AS one")
                    return
                pond.pause("1s")
            """,
        ),
        driver.pond(
            "forger",
            """
            import json, urllib.request

            @ripple
            def forge(pond):
                import boto3
                forged = {"to": "victim@1", "run": 1, "ripple": "wait", "attempt": 1}
                letters = [
                    {"kind": "ripple_succeeded", **forged},
                    {"kind": "removed", "to": "victim@1", "at": pond.f.isoformat()[:19] + "Z"},
                ]
                queue = boto3.client("sqs")
                for number, letter in enumerate(letters):
                    queue.send_message(
                        QueueUrl=os.environ["DUCKSTRING_MAILBOX"], MessageBody=json.dumps(letter),
                        MessageGroupId="victim@1", MessageDeduplicationId=f"{pond.f}{number}",
                    )
                pond.write_table("sent", "SELECT 1 AS one")
            """,
        ),
    )
    epoch = driver.pulse("victim")
    driver.wait_until("victim", lambda held: held["runs"], what="victim is under way")
    driver.wait_fresh("forger", driver.pulse("forger"))
    assert driver.line("victim")["status"] != "removed"
    assert driver.statuses("victim") == ["running"]
    driver.let("victim")
    driver.wait_fresh("victim", epoch)
    assert driver.rows("victim", "made") == [{"one": 1}]


def test_the_vendor_gives_an_attempt_nothing_of_another_one(driver):
    driver.deploy(
        driver.pond(
            "curious",
            """
            import json

            @ripple
            def ask(pond):
                import boto3
                # A task's and a function's own role may ask the vendor: so may code that finds it.
                asked = {"attempt": {"line": "whoami@1", "run": 1, "ripple": "look", "attempt": 1},
                         "permit": "x" * 32, "purpose": "run", "launch": 1}
                vendor = os.environ["DUCKSTRING_VENDOR_FUNCTION"]
                answer = boto3.client("lambda").invoke(
                    FunctionName=vendor, Payload=json.dumps(asked).encode()
                )["Payload"].read().decode()
                pond.write_table("told", pond.con.sql("SELECT $1 AS answer", params=[answer]))
            """,
        )
    )
    driver.wait_fresh("curious", driver.pulse("curious"))
    (row,) = driver.rows("curious", "told")
    answer = json.loads(row["answer"])
    assert answer["ok"] is False
    assert "without its permit" in answer["error"]["message"]


def test_a_task_has_a_session_of_its_own_that_is_found_by_every_client(driver):
    driver.deploy(driver.pond("tasker", WHO))
    driver.run.done("control", "compute", "tasker", "look", "--on", "task")
    driver.wait_fresh("tasker", driver.pulse("tasker"))
    (row,) = driver.rows("tasker", "who")
    assert session_name(AttemptName(Line("tasker@1"), 1, "look", 1)) in row["arn"]
    (attempt,) = driver.client.run("tasker@1/1")["attempts"]
    assert attempt["where"] == "task"
