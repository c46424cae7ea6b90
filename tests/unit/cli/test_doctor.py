"""``duckstring doctor`` against moto: every check finds what it is there for, and nothing where
nothing is wrong.
"""

from __future__ import annotations

import io
import json
import time
import zipfile
from dataclasses import replace
from datetime import UTC, datetime

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from duckstring import __version__
from duckstring.model.iceberg import taken
from duckstring_cli import catchments
from duckstring_cli.client import Client
from duckstring_cli.dead import DeadLetterQueues
from tests.unit.cli.commands_kit import DEV, Bench

LETTER = {"to": "sales@1", "kind": "alarm_rang", "at": "2030-01-01T12:00:00.000000Z"}
EVENT = {
    "detail-type": "duckstring.trigger",
    "source": "loader",
    "detail": {"pond": "reports", "kind": "pulse"},
}


class Stack:
    """What a Catchment consists of, as far as the doctor looks at it."""

    def __init__(self):
        self.clients = {}
        sqs = self.client("sqs")
        fifo = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
        self.outputs = {
            "Catchment": "dev",
            "Version": __version__,
            "Table": "the-table",
            "Bucket": "the-bucket",
            "Mailbox": sqs.create_queue(QueueName="mailbox.fifo", Attributes=fifo)["QueueUrl"],
            "DeadLetters": sqs.create_queue(QueueName="dead.fifo", Attributes=fifo)["QueueUrl"],
            **{
                name: sqs.create_queue(QueueName=name)["QueueUrl"]
                for name in ("Delays", "DeadDelays", "DeadEvents")
            },
            "Cluster": self.client("ecs").create_cluster(clusterName="tasks")["cluster"][
                "clusterArn"
            ],
        }
        trust = json.dumps(
            {
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": "lambda.amazonaws.com"},
                        "Action": "sts:AssumeRole",
                    }
                ]
            }
        )
        role = self.client("iam").create_role(RoleName="role", AssumeRolePolicyDocument=trust)[
            "Role"
        ]["Arn"]
        self.role = role
        for word in ("orchestrator", "ripple", "api", "sweep"):
            self.function(word, role)
        self.function("operators", role, output="OperatorFunction")
        self.function("viewers", role, ("Table", "Bucket"), output="ViewerFunction")
        self.mappings = {queue: self.mapping(queue) for queue in ("Mailbox", "Delays")}
        self.client("logs").create_log_group(logGroupName="/aws/lambda/the-orchestrator")
        self.client("logs").create_log_stream(
            logGroupName="/aws/lambda/the-orchestrator", logStreamName="s"
        )

    def client(self, service):
        if service not in self.clients:
            self.clients[service] = boto3.client(service, region_name="us-east-1")
        return self.clients[service]

    def function(self, word, role, knows=("Table", "Bucket", "Mailbox"), *, output=""):
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("handler.py", "")
        variables = {f"DUCKSTRING_{name.upper()}": self.outputs[name] for name in knows}
        self.client("lambda").create_function(
            FunctionName=f"the-{word}", Role=role, Runtime="python3.12", Handler="handler.handle",
            Code={"ZipFile": code.getvalue()}, Environment={"Variables": variables},
        )  # fmt: skip
        self.outputs[output or f"{word.title()}Function"] = f"the-{word}"

    def mapping(self, queue):
        arn = self.client("sqs").get_queue_attributes(
            QueueUrl=self.outputs[queue], AttributeNames=["QueueArn"]
        )["Attributes"]["QueueArn"]
        made = self.client("lambda").create_event_source_mapping(
            EventSourceArn=arn, FunctionName="the-orchestrator", Enabled=True
        )
        return made["UUID"]

    def unread(self):
        """A letter that is sent stays in its queue."""
        for mapping in self.mappings.values():
            self.client("lambda").update_event_source_mapping(UUID=mapping, Enabled=False)

    def kill(self, body, *, group="sales@1", queue="DeadLetters"):
        fifo = {"MessageGroupId": group} if queue == "DeadLetters" else {}
        body = body if isinstance(body, str) else json.dumps(body)
        return self.client("sqs").send_message(
            QueueUrl=self.outputs[queue], MessageBody=body, **fifo
        )["MessageId"]

    def log(self, **fields):
        event = {"timestamp": int(time.time() * 1000), "message": json.dumps(fields)}
        self.client("logs").put_log_events(
            logGroupName="/aws/lambda/the-orchestrator", logStreamName="s", logEvents=[event]
        )

    def received(self, queue):
        sqs, url = self.client("sqs"), self.outputs[queue]
        found = sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"]
        ).get("Messages", [])
        for one in found:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
        return [(one["Attributes"].get("MessageGroupId"), json.loads(one["Body"])) for one in found]


@pytest.fixture
def stack(monkeypatch):
    with mock_aws(config={"lambda": {"use_docker": False}}):
        made = Stack()
        monkeypatch.setattr(catchments, "read_outputs", lambda _: made.outputs)
        yield made


@pytest.fixture
def bench(monkeypatch, capsys):
    made = Bench(monkeypatch, capsys)
    made.answers(WELL)
    return made


FINE = {"now": "2030-01-01T12:00:00.000000Z", "lines": 3, "runs": 1, "looked_at": 1, "findings": []}
WELL = {"hello": {"version": __version__}, "doctor": FINE}


def found(bench, area):
    code, out, _ = bench.run("doctor", "--json")
    told = json.loads(out)
    assert (code, told["ok"]) == (1, False)
    assert [one["area"] for one in told["checks"] if not one["ok"]] == [area]
    return [one for one in told["findings"] if one["area"] == area]


def test_where_nothing_is_wrong_each_check_says_so(bench, stack):
    code, out, _ = bench.run("doctor")
    assert code == 0, out
    assert out.endswith("\nNothing is wrong.\n")
    assert out.count("✓") == 10
    assert json.loads(bench.run("doctor", "--json")[1])["ok"] is True


@pytest.mark.parametrize("level", ["viewer", "operator", "deployer"])
def test_the_level_of_access_is_said_and_is_nothing_wrong(bench, stack, monkeypatch, level):
    monkeypatch.setattr(Client, "level", lambda _: level)
    code, out, _ = bench.run("doctor")
    assert (code, out.splitlines()[0].startswith(f"✓ access: {level}: ")) == (0, True)


def test_who_has_no_level_is_told_which_policy_is_missing(bench, stack, monkeypatch):
    monkeypatch.setattr(Client, "level", lambda _: None)
    (finding,) = found(bench, "access")
    assert "its viewer policy is missing" in finding["message"]
    assert "docs/aws.md" in finding["hint"]


def test_a_function_that_does_not_know_the_table_is_found_whichever_it_is(bench, stack):
    stack.client("lambda").update_function_configuration(
        FunctionName="the-viewers",
        Environment={"Variables": {"DUCKSTRING_BUCKET": stack.outputs["Bucket"]}},
    )
    (finding,) = found(bench, "functions")
    assert "The viewers function has DUCKSTRING_TABLE=''" in finding["message"]


def icy(bench, stack, **left_out):
    stack.function("iceberg", stack.role, ("Table", "Bucket"))
    database = {"database": "duckstring_dev__sales", "line": "sales@1", "left_out": left_out}
    bench.answers({**WELL, "lake": {"iceberg": [database]}})


def test_the_function_of_iceberg_tables_is_looked_at_as_any_other(bench, stack):
    icy(bench, stack)
    lambdas = stack.client("lambda")
    lambdas.update_function_configuration(
        FunctionName="the-iceberg",
        Environment={"Variables": {"DUCKSTRING_BUCKET": "x", "DUCKSTRING_TABLE": "the-table"}},
    )
    lambdas.put_function_concurrency(FunctionName="the-iceberg", ReservedConcurrentExecutions=0)
    changed, stopped = found(bench, "functions")
    assert "The iceberg function has DUCKSTRING_BUCKET='x'" in changed["message"]
    assert "The iceberg function may not run" in stopped["message"]


def test_what_is_left_out_for_something_of_others_in_glue_is_found_with_what_to_do(bench, stack):
    icy(bench, stack, orders=taken("a table of this name", ""))
    (finding,) = found(bench, "glue")
    assert finding["message"] == (
        "sales@1: table orders is not in Glue's database duckstring_dev__sales."
    )
    assert finding["hint"].endswith("Then: duckstring lake --repair")
    icy2 = {"database": "d", "line": "sales@1", "left_out": {"*": taken("a database d", "x")}}
    bench.answers({**WELL, "lake": {"iceberg": [icy2]}})
    assert "its tables are not in Glue's database d" in found(bench, "glue")[0]["message"]


def test_what_iceberg_cannot_have_is_said_and_is_nothing_wrong(bench, stack):
    icy(bench, stack, wide="1,001 columns; Glue takes 1,000 of ours")
    code, out, _ = bench.run("doctor")
    assert code == 0, out
    assert "tables that cannot be in them: 1 (duckstring lake says why)" in out


def test_dead_letters_are_explained_by_the_orchestrators_log_and_stay_where_they_are(bench, stack):
    letter = stack.kill(LETTER)
    stack.log(
        message="delivery failed",
        line="sales@1",
        messages=[letter],
        exception="Traceback\n  File\nClientError: AccessDenied: no PutItem",
    )
    for _ in range(2):
        code, out, _ = bench.run("doctor")
        assert code == 1
        assert "✗ dead letters: 1 letter given up" in out
        assert "    sales@1  alarm_rang  sent 20" in out
        assert "last error: ClientError: AccessDenied: no PutItem" in out
        assert "→ Repair the cause, then: duckstring doctor redrive mailbox" in out
        assert out.endswith("\n1 found.\n")
    (finding,) = found(bench, "dead letters")
    assert [(one["line"], one["kind"]) for one in finding["letters"]] == [("sales@1", "alarm_rang")]


def test_dead_events_tell_what_they_were_about_and_what_they_died_of(bench, stack):
    failure = {"errorType": "KeyError", "errorMessage": "'pond'"}
    stack.kill({"requestPayload": EVENT, "responsePayload": failure}, queue="DeadEvents")
    stack.kill("no json", queue="DeadDelays")
    findings = found(bench, "dead letters")
    assert findings[0]["details"][0].startswith("?  unreadable")
    assert findings[1]["details"][0].startswith("reports  duckstring.trigger")
    assert findings[1]["details"][1].strip() == "last error: KeyError: 'pond'"


def test_what_a_receiver_of_lineage_has_not_taken_is_told_and_goes_back(bench, stack):
    code, _, err = bench.run("doctor", "redrive", "lineage", "-y")
    assert (code, err.splitlines()[0]) == (
        1,
        "error: The Catchment tells nobody of lineage: it has no such queue.",
    )
    fifo = {"FifoQueue": "true"}
    for output in ("RunNews", "DeadRunNews"):
        made = stack.client("sqs").create_queue(QueueName=f"{output}.fifo", Attributes=fifo)
        stack.outputs[output] = made["QueueUrl"]
    stack.outputs["OpenLineageFunction"] = stack.outputs["OrchestratorFunction"]
    sent = stack.client("sqs").send_message(
        QueueUrl=stack.outputs["DeadRunNews"],
        MessageBody='{"run": "sales@1/7", "status": "success"}',
        MessageGroupId="sales@1/7",
        MessageDeduplicationId="1",
    )
    stack.log(message="not told: host answered 503.", message_id=sent["MessageId"])
    out = bench.run("doctor")[1]
    assert "1 message about runs that the receiver of OpenLineage has not taken for a day" in out
    assert "sales@1/7  success  sent" in out
    assert "last error: not told: host answered 503." in out
    moved = bench.run("doctor", "redrive", "lineage", "-y")[1]
    assert moved == "lineage: moved sales@1/7 success\n"
    assert stack.received("RunNews") == [("sales@1/7", {"run": "sales@1/7", "status": "success"})]


def test_redrive_moves_letters_back_in_order_and_asks_first(bench, stack, monkeypatch):
    stack.unread()
    for number in range(25):
        stack.kill(LETTER | {"number": number}, group=f"line{number % 2}@1")
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    code, _, err = bench.run("doctor", "redrive", "mailbox")
    assert (code, err) == (
        2,
        "error: Dead letters to move: 25 of mailbox.\nhint: Nobody is there to ask: give --yes.\n",
    )
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.confirm", lambda *_, **__: False)
    assert bench.run("doctor", "redrive")[2] == "error: Nothing was moved.\n"
    code, out, _ = bench.run("doctor", "redrive", "-y", "--json")
    assert (code, json.loads(out)) == (0, {"moved": {"mailbox": 25}})
    back = [letter for _ in range(10) for letter in stack.received("Mailbox")]
    assert len(back) == 25
    for group in ("line0@1", "line1@1"):
        numbers = [body["number"] for its, body in back if its == group]
        assert numbers == sorted(numbers)
    assert (
        bench.run("doctor", "redrive", "-y")[1]
        == "There is nothing to move: no dead letters in mailbox, delays, events.\n"
    )


def test_a_letter_that_may_not_be_moved_is_seen_by_others_at_once(bench, stack, monkeypatch):
    stack.unread()
    stack.kill(LETTER)

    def denied(*_):
        refusal = {"Error": {"Code": "AccessDenied", "Message": "not SendMessage"}}
        raise ClientError(refusal, "SendMessage")

    monkeypatch.setattr(DeadLetterQueues, "_revive", denied)
    code, _, err = bench.run("doctor", "redrive", "-y")
    assert (code, "AWS does not allow SendMessage" in err, "docs/aws.md" in err) == (1, True, True)
    assert len(stack.received("DeadLetters")) == 1


def test_a_redriven_delay_goes_back_to_the_delays(bench, stack):
    stack.unread()
    stack.kill(LETTER, queue="DeadDelays")
    assert bench.run("doctor", "redrive", "delays", "-y")[1] == "delays: moved sales@1 alarm_rang\n"
    assert stack.received("Delays") == [(None, LETTER)]


def test_a_queue_that_nobody_reads_is_found(bench, stack):
    stack.client("lambda").update_event_source_mapping(
        UUID=stack.mappings["Mailbox"], Enabled=False
    )
    stack.client("lambda").delete_event_source_mapping(UUID=stack.mappings["Delays"])
    said = [one["message"] for one in found(bench, "queues")]
    assert said[0].startswith("Nobody reads the mailbox: its event source mapping is disab")
    assert said[1:] == ["Nobody reads the delay queue: it has no event source mapping."]


def test_a_function_that_was_stopped_or_changed_by_hand_is_found(bench, stack):
    lambdas = stack.client("lambda")
    lambdas.put_function_concurrency(FunctionName="the-ripple", ReservedConcurrentExecutions=0)
    lambdas.update_function_configuration(
        FunctionName="the-api", Environment={"Variables": {"DUCKSTRING_TABLE": "another"}}
    )
    said = [one["message"] for one in found(bench, "functions")]
    assert said[0] == "The ripple function may not run: its reserved concurrency is 0."
    assert said[1] == "The api function has DUCKSTRING_TABLE='another'; the stack's is 'the-table'."


def test_a_failing_function_is_found_with_its_last_words_and_a_failed_ripple_is_no_failing_function(
    bench, stack
):
    stack.log(level="ERROR", message="delivery failed", exception="Traceback\nKeyError: 'x'")
    for word, metric, value in (
        ("orchestrator", "Errors", 2),
        ("ripple", "Errors", 9),
        ("sweep", "Throttles", 3),
    ):
        stack.client("cloudwatch").put_metric_data(
            Namespace="AWS/Lambda",
            MetricData=[
                {
                    "MetricName": metric,
                    "Dimensions": [{"Name": "FunctionName", "Value": f"the-{word}"}],
                    "Timestamp": datetime.now(UTC),
                    "Value": value,
                }
            ],
        )
    findings = found(bench, "functions")
    assert [one["message"] for one in findings] == [
        "The orchestrator function failed 2 times in the last hour.",
        "The sweep function was throttled 3 times in the last hour.",
    ]
    assert findings[0]["details"] == ["its last error: KeyError: 'x'"]


def test_an_alarm_that_rings_is_told_with_its_words(bench, stack):
    cloudwatch = stack.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName=f"{DEV.stack}-OldLetters", AlarmDescription="A letter has waited.",
        MetricName="m", Namespace="n", Period=60, EvaluationPeriods=1, Statistic="Maximum",
        Threshold=1, ComparisonOperator="GreaterThanThreshold",
    )  # fmt: skip
    assert bench.run("doctor")[0] == 0
    cloudwatch.set_alarm_state(
        AlarmName=f"{DEV.stack}-OldLetters", StateValue="ALARM", StateReason="5 > 1"
    )
    (finding,) = found(bench, "alarms")
    assert (finding["message"], finding["hint"], finding["details"]) == (
        f"{DEV.stack}-OldLetters rings.",
        "A letter has waited.",
        ["5 > 1"],
    )


def test_alarms_in_aws_that_nobody_hears_are_found(bench, stack):
    bench.catchment(replace(DEV, kind="aws"))
    cloudwatch = stack.client("cloudwatch")

    def put(*actions):
        cloudwatch.put_metric_alarm(
            AlarmName=f"{DEV.stack}-OldLetters", AlarmActions=[*actions],
            MetricName="m", Namespace="n", Period=60, EvaluationPeriods=1, Statistic="Maximum",
            Threshold=1, ComparisonOperator="GreaterThanThreshold",
        )  # fmt: skip

    assert bench.run("doctor")[0] == 0
    put()
    (finding,) = found(bench, "alarms")
    assert finding["message"] == "Nobody is told when an alarm rings."
    put("arn:aws:sns:us-east-1:123456789012:on-call")
    assert bench.run("doctor")[0] == 0


def test_versions_that_differ_and_a_stack_too_old_to_know_its_queues_are_found(bench, stack):
    bench.answers({"hello": {"version": "0.0.9"}, "doctor": FINE})
    (finding,) = found(bench, "versions")
    assert finding["message"] == (
        f"Versions differ: the stack is {__version__}, its api function is 0.0.9, this "
        f"command is {__version__}."
    )
    assert finding["hint"] == "Bring the stack up to date: duckstring catchment start dev"
    bench.answers({"hello": {"version": "9.0.0"}, "doctor": FINE})
    stack.outputs["Version"] = "9.0.0"
    (finding,) = found(bench, "versions")
    assert finding["hint"].startswith("Upgrade the command: ")
    stack.outputs["Version"] = __version__
    bench.answers(WELL)
    del stack.outputs["DeadDelays"]
    (finding,) = found(bench, "versions")
    assert "has no output DeadDelays" in finding["message"]


def test_what_the_catchment_says_of_its_lines_is_told(bench, stack):
    said = {
        "kind": "outbox",
        "line": "sales@1",
        "since": None,
        "message": "committed effects 30m ago.",
        "hint": "Look.",
    }
    bench.answers(WELL | {"doctor": FINE | {"findings": [said]}})
    (finding,) = found(bench, "lines")
    assert (finding["message"], finding["hint"]) == ("sales@1 committed effects 30m ago.", "Look.")


def test_a_broken_api_function_hides_nothing_else(bench, stack):
    stack.kill(LETTER)

    def broken(_request):
        return {
            "ok": False,
            "error": {
                "type": "InternalError",
                "message": "The Catchment failed on this request.",
                "hint": "See its log.",
            },
        }

    bench.answers(broken)
    code, out, _ = bench.run("doctor")
    assert code == 1
    assert "✗ versions: The Catchment failed on this request." in out
    assert "✗ lines: The Catchment failed on this request." in out
    assert "✗ dead letters: 1 letter given up" in out
    assert out.endswith("\n3 found.\n")


def test_a_queue_that_is_none_is_misuse(bench, stack):
    assert bench.run("doctor", "redrive", "malbox")[2] == (
        "error: There is no queue 'malbox'; there are mailbox, delays, events, lineage.\n"
        "hint: Did you mean 'mailbox'?\n"
    )


def test_stores_that_lack_what_cloudformation_could_not_set_are_found(bench, stack):
    bench.catchment(replace(DEV, kind="aws"))
    stack.outputs["Ephemeral"] = "false"
    names = ("pk", "sk")
    stack.client("dynamodb").create_table(
        TableName="the-table", BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": one, "AttributeType": "S"} for one in names],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"},
                   {"AttributeName": "sk", "KeyType": "RANGE"}],
    )  # fmt: skip
    stack.client("s3").create_bucket(Bucket="the-bucket")
    forgets = (
        "The bucket the-bucket forgets deleted objects at once, so a restored table would not find "
        "them."
    )
    findings = found(bench, "stores")
    assert [one["message"] for one in findings] == [
        "The table the-table keeps items that have expired.",
        "The table the-table cannot be restored to a point in time.",
        "The table the-table can be deleted by mistake.",
        "The table the-table has no index gsi2, so the status of many lines reads them all.",
        forgets,
        "The bucket the-bucket keeps unfinished uploads, or deleted objects for more than 30 days.",
        "The bucket the-bucket could be made public.",
        "The bucket the-bucket takes requests that are not encrypted.",
        "The table the-table has no index gsi1: runs are not listed.",
    ]
    assert {one["hint"] for one in findings[:-1]} == {"duckstring catchment protect dev"}
    bench.run("catchment", "protect", "dev")
    assert len(found(bench, "stores")) == 1
    home = {"pk": {"S": "CATALOG"}, "sk": {"S": "HOME"}, "restoring": {"S": "prod-2030"}}
    stack.client("dynamodb").put_item(TableName="the-table", Item=home)
    assert found(bench, "stores")[0]["message"].startswith("The restore of prod-2030 is not")
