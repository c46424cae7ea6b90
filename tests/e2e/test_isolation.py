"""Attempts act with credentials of their own, and what one does to another Pond is refused. The
emulator enforces roles and session policies here, on items too.
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


def test_the_vendor_gives_nothing_without_a_permit(driver):
    """Whoever finds the worker's own credentials may ask the vendor, and no more."""
    attempt = {"line": "whoami@1", "run": 1, "ripple": "look", "attempt": 1}
    asked = {"attempt": attempt, "permit": "x" * 32, "purpose": "run", "launch": 1}
    answer = driver.aws("lambda").invoke(
        FunctionName=driver.outputs["VendorFunction"], Payload=json.dumps(asked).encode()
    )
    told = json.loads(answer["Payload"].read())
    assert told["ok"] is False
    assert "without its permit" in told["error"]["message"]


THIEF = """
import boto3
from botocore.exceptions import ClientError

TABLE, BUCKET = os.environ["TABLE"], os.environ["BUCKET"]

def item(partition, sort_key):
    return {"TableName": TABLE, "Key": {"pk": {"S": partition}, "sk": {"S": sort_key}}}

def write(partition, sort_key, attribute):
    return item(partition, sort_key) | {
        "UpdateExpression": "SET #a = :v", "ExpressionAttributeNames": {"#a": attribute},
        "ExpressionAttributeValues": {":v": {"S": "1"}}}

ROW = "ATTEMPT#0000000001#keep#0001"
ATTACKS = [
    ("dynamodb", "get_item", item("LINE#owner@1", "STATE")),
    ("dynamodb", "get_item", item("WORK#owner@1", ROW)),
    ("dynamodb", "get_item", item("TOKEN#owner@1", "TOKEN#0000000001#1#keep")),
    ("dynamodb", "get_item", item("PERMITS", "KEY")),
    ("dynamodb", "get_item", item("CATALOG", "LINE#owner@1")),
    ("dynamodb", "update_item", write("LINE#owner@1", "STATE", "state")),
    ("dynamodb", "update_item", write("LINE#thief@1", "STATE", "state")),
    ("dynamodb", "update_item", write("WORK#owner@1", ROW, "status")),
    ("dynamodb", "update_item", write("WORK#thief@1", ROW, "expires")),
    ("dynamodb", "scan", {"TableName": TABLE}),
    ("s3", "get_object", {"Bucket": BUCKET, "Key": os.environ["THEIRS"]}),
    ("s3", "put_object", {"Bucket": BUCKET, "Key": os.environ["THEIRS"], "Body": b"mine"}),
    ("s3", "delete_object", {"Bucket": BUCKET, "Key": os.environ["THEIRS"]}),
    ("s3", "list_objects_v2", {"Bucket": BUCKET}),
    ("s3", "put_object", {"Bucket": BUCKET, "Key": "artifacts/owner/1.0.0/ab.zip", "Body": b""}),
    ("secretsmanager", "get_secret_value", {"SecretId": os.environ["SECRET"]}),
    ("lambda", "invoke", {"FunctionName": os.environ["VENDOR"]}),
    ("sts", "assume_role", {"RoleArn": os.environ["ROLE"], "RoleSessionName": "mine"}),
]

@ripple
def steal(pond):
    rows = []
    for service, call, given in ATTACKS:
        try:
            getattr(boto3.client(service), call)(**given)
            how = "done"
        except ClientError as error:
            how = error.response["Error"]["Code"]
        rows.append((f"{service}.{call} {given}", how))
    pond.con.execute("CREATE TEMP TABLE loot (attack VARCHAR, how VARCHAR)")
    pond.con.executemany("INSERT INTO loot VALUES (?, ?)", rows)
    pond.write_table("attempts", "FROM loot")
"""
READS = """
@ripple
def read(pond):
    where = f"s3://{os.environ['BUCKET']}/{os.environ['THEIRS']}"
    pond.write_table("stolen", f"FROM read_parquet('{where}')")
"""
REFUSED = {"AccessDenied", "AccessDeniedException"}


def test_an_attempt_reaches_nothing_of_another_pond_and_its_author_is_told_why(driver):
    keep = '@ripple\ndef keep(pond):\n    pond.write_table("kept", "SELECT 7 AS answer")\n'
    driver.deploy(driver.pond("owner", keep))
    driver.wait_fresh("owner", driver.pulse("owner"))
    _, theirs = (
        driver.client.tables("owner")["tables"][0]["uri"].removeprefix("s3://").split("/", 1)
    )
    there = driver.outputs
    given = {"THEIRS": theirs, "SECRET": there["Secret"], "ROLE": role_of(driver)}
    given |= {"TABLE": there["Table"], "BUCKET": there["Bucket"], "VENDOR": there["VendorFunction"]}
    code = "import os\n" + "".join(f"os.environ[{k!r}] = {v!r}\n" for k, v in given.items())
    driver.deploy(driver.pond("thief", code + THIEF), driver.pond("reader", code + READS))
    driver.wait_fresh("thief", driver.pulse("thief"))
    tried = driver.rows("thief", "attempts")
    assert len(tried) == THIEF.count('    ("')
    assert [row for row in tried if row["how"] not in REFUSED] == []
    driver.pulse("reader")
    failure = driver.wait_for("reader", "failed")["failure"]
    assert failure["message"].startswith("'owner' is not a Source of this Pond")
    assert 'Add owner = "1.0.0" to [sources] in pond.toml' in failure["message"]
    assert driver.rows("owner", "kept") == [{"answer": 7}]


def role_of(driver) -> str:
    """The role of the orchestrator, which may do more than any attempt."""
    function = driver.outputs["OrchestratorFunction"]
    return driver.aws("lambda").get_function_configuration(FunctionName=function)["Role"]


def test_a_task_has_a_session_of_its_own_that_is_found_by_every_client(driver):
    driver.deploy(driver.pond("tasker", WHO))
    driver.run.done("control", "compute", "tasker", "look", "--on", "task")
    driver.wait_fresh("tasker", driver.pulse("tasker"))
    (row,) = driver.rows("tasker", "who")
    assert session_name(AttemptName(Line("tasker@1"), 1, "look", 1)) in row["arn"]
    (attempt,) = driver.client.run("tasker@1/1")["attempts"]
    assert attempt["where"] == "task"
