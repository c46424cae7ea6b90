"""``duckstring alert``: what is typed, and what AWS has afterwards (moto)."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from duckstring.errors import OperatorError
from duckstring.model.events import AlertDetail
from duckstring_cli import catchments
from duckstring_cli.alerting import recipients
from duckstring_cli.alerting.recipients import Recipient, Wanted
from duckstring_cli.alerting.store import AlertStore, NoAlertError
from duckstring_cli.alerting.trial import trial
from duckstring_cli.catchments import Catchment
from duckstring_cli.commands import alert
from duckstring_cli.errors import BadInputError
from duckstring_cli.stores import destroy
from tests.unit.cli.commands_kit import Bench

BUS = "duckstring-prod"
PROD = Catchment(name="prod", kind="aws", stack="Duckstring-prod", region="eu-central-1")
ROLE = "arn:aws:iam::123456789012:role/alerts"
SLACK = "https://hooks.slack.com/services/T0/B0/secretpart"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        yield lambda service: boto3.client(service, region_name="eu-central-1")


@pytest.fixture
def store(aws) -> AlertStore:
    aws("events").create_event_bus(Name=BUS)
    queue = aws("sqs").create_queue(QueueName="dead")["QueueUrl"]
    return AlertStore(PROD, {"Bus": BUS, "AlertRole": ROLE, "DeadEvents": queue}, aws)


def add(store: AlertStore, name: str, recipient: Recipient, **wanted: Any) -> None:
    store.add(name, recipient, Wanted(**wanted))


def target_of(aws: Any, name: str) -> dict[str, Any]:
    found = aws("events").list_targets_by_rule(Rule=f"{BUS}_alert_{name}", EventBusName=BUS)
    (target,) = found["Targets"]
    return target


def test_slack_is_an_api_destination_that_gets_a_text(aws, store):
    add(store, "slack", Recipient("slack", SLACK), ponds=("sales",))
    target = target_of(aws, "slack")
    assert target["InputPath"] == "$.detail.slack"
    assert target["RoleArn"] == ROLE
    assert target["DeadLetterConfig"] == {"Arn": "arn:aws:sqs:eu-central-1:123456789012:dead"}
    assert target["RetryPolicy"]["MaximumEventAgeInSeconds"] == 3600
    destination = aws("events").describe_api_destination(Name=f"{BUS}_alert_slack")
    assert destination["InvocationEndpoint"] == SLACK
    assert destination["HttpMethod"] == "POST"
    (one,) = store.all()
    assert one.to_json() == {
        "name": "slack",
        "kind": "slack",
        "to": "hooks.slack.com",
        "on": ["failed", "stale", "recovered"],
        "ponds": ["sales"],
        "state": "on",
    }
    rule = aws("events").describe_rule(Name=f"{BUS}_alert_slack", EventBusName=BUS)
    assert "secretpart" not in json.dumps(rule, default=str)


def test_a_mailbox_is_a_topic_that_only_its_rule_may_publish_to(aws, store):
    add(store, "email", Recipient("email", "team@example.com"))
    target = target_of(aws, "email")
    assert target["InputTransformer"]["InputTemplate"].splitlines()[0] == '"<title>"'
    policy = aws("sns").get_topic_attributes(TopicArn=target["Arn"])["Attributes"]["Policy"]
    (statement,) = json.loads(policy)["Statement"]
    assert statement["Condition"]["ArnEquals"]["aws:SourceArn"].endswith(
        f"rule/{BUS}/{BUS}_alert_email"
    )
    (one,) = store.all()
    assert (one.kind, one.to) == ("email", "team@example.com")


def test_removing_leaves_nothing_and_a_second_time_is_no_error(aws, store):
    add(store, "slack", Recipient("slack", SLACK))
    add(store, "email", Recipient("email", "team@example.com"))
    for name in ("slack", "email", "slack"):
        store.remove(name)
    assert store.all() == []
    assert aws("events").list_api_destinations()["ApiDestinations"] == []
    assert aws("events").list_connections()["Connections"] == []
    assert aws("sns").list_topics()["Topics"] == []
    with pytest.raises(NoAlertError, match="No alert 'slack'; there are none"):
        store.find("slack")


@pytest.mark.parametrize(
    ("recipient", "failing"),
    [
        (Recipient("slack", SLACK), "DeleteApiDestination"),
        (Recipient("slack", SLACK), "DeleteConnection"),
        (Recipient("email", "team@example.com"), "DeleteTopic"),
        (Recipient("email", "team@example.com"), "DeleteRule"),
    ],
)
def test_a_removal_that_failed_halfway_can_be_repeated(aws, store, recipient, failing):
    add(store, "mine", recipient)
    fails = [True]

    def throttled(**_: Any) -> None:
        if fails:
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, failing)

    def client(service: str) -> Any:
        made = aws(service)
        made.meta.events.register(f"before-call.*.{failing}", throttled)
        return made

    queue = aws("sqs").get_queue_url(QueueName="dead")["QueueUrl"]
    second = AlertStore(PROD, {"Bus": BUS, "AlertRole": ROLE, "DeadEvents": queue}, client)
    with pytest.raises(OperatorError, match="Throttling"):
        second.remove("mine")
    assert second.names() == ["mine"], "it is still to be seen"
    fails.clear()
    second.remove("mine")
    assert second.names() == []
    assert aws("events").list_api_destinations()["ApiDestinations"] == []
    assert aws("events").list_connections()["Connections"] == []
    assert aws("sns").list_topics()["Topics"] == []


def test_an_alert_that_could_not_be_made_leaves_nothing(aws, store, monkeypatch):
    monkeypatch.setattr(AlertStore, "_dead_arn", lambda _: (_ for _ in ()).throw(EOFError))
    with pytest.raises(EOFError):
        add(store, "slack", Recipient("slack", SLACK))
    assert store.names() == []
    assert aws("events").list_api_destinations()["ApiDestinations"] == []


def test_a_test_that_comes_back_is_said_and_taken_out_of_the_dead(aws, store):
    add(store, "slack", Recipient("slack", SLACK), ponds=("sales",))
    page = trial(store.find("slack"), "prod")
    assert page["concerns"] == ["sales"]
    assert page["to"] == ["slack"]
    queue = aws("sqs").get_queue_url(QueueName="dead")["QueueUrl"]
    for body, error in ((json.dumps({"detail": page}), "The endpoint answered 404."), ("{}", "x")):
        aws("sqs").send_message(
            QueueUrl=queue,
            MessageBody=body,
            MessageAttributes={"ERROR_MESSAGE": {"DataType": "String", "StringValue": error}},
        )
    assert store.test(page, 2.0) == "The endpoint answered 404."
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    held = aws("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
    assert [held[name] for name in names] == ["1", "0"]
    (left,) = aws("sqs").receive_message(QueueUrl=queue)["Messages"]
    assert left["Body"] == "{}"


# what a rule lets pass


def passes(wanted: Wanted, **detail: Any) -> bool:
    """Whether a page passes the rule, as EventBridge reads patterns: each key has one of the
    values, of ``$or`` one alternative has to hold.
    """
    event: dict[str, Any] = {
        "source": "duckstring",
        "detail-type": "duckstring.alert",
        "detail": detail,
    }
    return _matches(json.loads(wanted.pattern("mine")), event)


def _matches(pattern: dict[str, Any], event: dict[str, Any]) -> bool:
    for key, allowed in pattern.items():
        if key == "$or":
            if not any(_matches(one, event) for one in allowed):
                return False
        elif isinstance(allowed, dict):
            if not _matches(allowed, event[key]):
                return False
        else:
            found = event.get(key)
            values = found if isinstance(found, list) else [found]
            if not set(values) & set(allowed):
                return False
    return True


def page(**more: Any) -> dict[str, Any]:
    return {"alert": "failed", "of": "failed", "concerns": ["sales", "reports"], **more}


@pytest.mark.parametrize(
    ("wanted", "detail", "expected"),
    [
        (Wanted(), page(), True),
        (Wanted(), page(alert="killed"), True),
        (Wanted(), page(alert="recovered", of="stale"), True),
        (Wanted(ponds=("reports",)), page(), True),
        (Wanted(ponds=("delays",)), page(), False),
        (Wanted(on=("stale",)), page(), False),
        (Wanted(on=("failed",)), page(alert="recovered"), False),
        (Wanted(on=("failed", "recovered")), page(alert="recovered", of="stale"), False),
        (Wanted(on=("failed", "recovered")), page(alert="recovered"), True),
        (Wanted(on=("recovered",)), page(alert="recovered", of="stale"), True),
        (Wanted(on=("recovered",)), page(), False),
        (Wanted(), page(alert="test", to=["mine"]), True),
        (Wanted(), page(alert="test", to=["other"]), False),
    ],
)
def test_a_rule_lets_pass_what_was_asked_for(wanted, detail, expected):
    assert passes(wanted, **detail) == expected
    assert recipients.read_pattern(wanted.pattern("mine")) == wanted


def test_a_test_passes_any_rule_of_its_alert():
    for wanted in (Wanted(), Wanted(on=("stale",), ponds=("a", "b"))):
        from duckstring_cli.alerting.store import Alert

        detail: AlertDetail = trial(Alert("mine", "slack", "host", wanted), "prod")
        assert passes(wanted, **detail)


def test_a_pattern_that_somebody_has_changed_is_read_as_nothing():
    assert recipients.read_pattern('{"source": ["x"]}') == Wanted(on=())


def test_too_many_ponds_are_refused():
    ponds = tuple(f"a_pond_with_a_long_name_{n}" for n in range(90))
    pattern = Wanted(ponds=ponds).pattern("mine")
    with pytest.raises(BadInputError, match="90 Ponds make the rule's pattern"):
        recipients.check_pattern(pattern, ponds)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "http://127.0.0.1:8000/",
        "ftp://example.com/",
        "https:///nohost",
        "https://example.com/a b",
        "https://example.com/#part",
        "https://example.com/*",
        "https://us:er@example.com/",
        "https://example.com:port/",
        "https://[broken/",
        "https://example.com/ä",
        f"https://example.com/{'a' * 2100}",
        "",
    ],
)
def test_a_url_that_eventbridge_cannot_call_is_refused_without_being_shown(url):
    with pytest.raises(BadInputError) as refused:
        recipients.check_url(url, is_local=False)
    assert len(refused.value.message) < 150
    assert "us:er" not in refused.value.message


def test_on_this_machine_an_endpoint_here_needs_no_tls():
    recipients.check_url("http://127.0.0.1:8000/x", is_local=True)
    recipients.check_url("https://example.com/x", is_local=True)
    with pytest.raises(BadInputError):
        recipients.check_url("http://example.com/x", is_local=True)


def test_names_are_the_kind_and_a_number():
    assert recipients.new_name(None, "slack", []) == "slack"
    assert recipients.new_name(None, "slack", ["slack", "slack-2"]) == "slack-3"
    with pytest.raises(BadInputError, match="already"):
        recipients.new_name("team", "slack", ["team"])
    with pytest.raises(BadInputError, match="is not an alert's name"):
        recipients.new_name("Team", "slack", [])


# the command

BOUND = {
    "words": "2h",
    "within": 7200.0,
    "at": None,
    "tz": None,
    "on": [],
    "declared": True,
    "stale": None,
    "due": "2030-01-01T12:00:00Z",
}


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ([], {"action": "show"}),
        (["2h"], {"action": "set", "bound": {"within": 7200}}),
        (["none"], {"action": "set", "bound": {}}),
        (["tide"], {"action": "tide"}),
        (
            ["--by", "06:00", "--tz", "Europe/Berlin", "--on", "mon,fri"],
            {
                "action": "set",
                "bound": {"at": "06:00", "tz": "Europe/Berlin", "on": ["MON", "FRI"]},
            },
        ),
    ],
)
def test_a_bound_is_asked_for_as_it_was_typed(words, asked, bench: Bench):
    bench.answers({"stale": {"line": "reports@1", "bound": BOUND, "applied": True}})
    code, out, _ = bench.run("alert", "stale", "reports", *words)[:3]
    assert code == 0
    assert "reports@1: 2h (declared)" in out
    request = bench.asked[-1]
    assert {key: request.get(key) for key in asked} == asked


def test_a_line_without_a_bound_says_so(bench: Bench):
    bench.answers({"stale": {"line": "reports@1", "bound": None, "applied": True}})
    assert "has no bound" in bench.run("alert", "stale", "reports")[1]


def test_stale_data_is_said(bench: Bench):
    told = {**BOUND, "stale": "2030-01-01T12:00:00Z", "due": None, "declared": False}
    bench.answers({"stale": {"line": "reports@1", "bound": told, "applied": False}})
    _, out, err = bench.run("alert", "stale", "reports", "2h")[:3]
    assert "2h (of its Tide); stale since" in out
    assert "has not received it yet" in err


def test_a_stack_of_before_is_refused_with_what_to_do(monkeypatch):
    monkeypatch.setattr(catchments, "output", lambda *_: "")
    with pytest.raises(Exception, match="older than this command"):
        AlertStore.of(PROD)


def piped(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    stdin = SimpleNamespace(isatty=lambda: False, buffer=io.BytesIO(text.encode()))
    monkeypatch.setattr("sys.stdin", stdin)


def test_a_url_is_read_from_standard_input_and_shown_nowhere(aws, store, bench, monkeypatch):
    monkeypatch.setattr(alert, "_store", lambda _: store)
    piped(monkeypatch, f"{SLACK}\n")
    code, out, err = bench.run("alert", "add", "slack", "--pond", "sales")[:3]
    assert code == 0
    assert "slack: slack hooks.slack.com is told of failed, stale, recovered of sales" in out
    assert "secretpart" not in out + err
    destination = aws("events").describe_api_destination(Name=f"{BUS}_alert_slack")
    assert destination["InvocationEndpoint"] == SLACK


def test_a_headers_value_is_read_from_standard_input(aws, store, bench, monkeypatch):
    monkeypatch.setattr(alert, "_store", lambda _: store)
    piped(monkeypatch, "Bearer sesame\n")
    words = ("alert", "add", "webhook", "https://example.com/x", "--header", "Authorization")
    code, out, err = bench.run(*words)[:3]
    assert code == 0
    assert "sesame" not in out + err
    connection = aws("events").describe_connection(Name=f"{BUS}_alert_webhook")
    key = connection["AuthParameters"]["ApiKeyAuthParameters"]
    assert key["ApiKeyName"] == "Authorization"
    piped(monkeypatch, "x\n")
    code, _, err = bench.run("alert", "add", "webhook", "--header", "Authorization")[:3]
    assert code == 2
    assert "give the URL as well" in err


@pytest.mark.parametrize(
    "value", [" ", "a\nb", "tok\x1b[31m", "\u20ac", "Authorization: x", "x" * 513]
)
def test_a_value_that_no_header_can_have_is_refused_and_not_shown(store, bench, monkeypatch, value):
    monkeypatch.setattr(alert, "_store", lambda _: store)
    piped(monkeypatch, value)
    words = ("alert", "add", "webhook", "https://example.com/x", "--header", "Authorization")
    code, out, err = bench.run(*words)
    assert (code, out, store.names()) == (2, "", [])
    assert "The value of Authorization cannot be sent" in err
    assert "31m" not in err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("slack", "duckstring alert add slack < FILE"),
        ("webhook", "duckstring alert add webhook < FILE"),
        ("webhook https://a.b/ --header X-Key", "alert add webhook URL --header X-Key < FILE"),
    ],
)
def test_where_nothing_is_given_the_hint_is_of_alerts(store, bench, monkeypatch, words, says):
    monkeypatch.setattr(alert, "_store", lambda _: store)
    piped(monkeypatch, "")
    code, _, err = bench.run("alert", "add", *words.split())
    assert (code, store.names()) == (2, [])
    assert says in err


def test_a_pond_that_nobody_has_deployed_is_warned_of(store, bench, monkeypatch):
    monkeypatch.setattr(alert, "_store", lambda _: store)
    bench.answers({"status": {"now": "2030-01-01T12:00:00Z", "lines": [], "order": ["reports@1"]}})
    code, _, err = bench.run("alert", "add", "slack", SLACK, "--pond", "report")
    assert code == 0
    assert "Pond report is not deployed yet. Did you mean 'reports'?" in err


def test_an_alert_that_is_not_on_is_not_tested(aws, store, bench, monkeypatch):
    monkeypatch.setattr(alert, "_store", lambda _: store)
    add(store, "slack", Recipient("slack", SLACK))
    aws("events").disable_rule(Name=f"{BUS}_alert_slack", EventBusName=BUS)
    code, _, err = bench.run("alert", "test", "slack")
    assert code == 1
    assert "The alert slack sends no pages: disabled." in err


@pytest.mark.parametrize("age", ["3651d", "999999999d999999999d"])
def test_an_age_that_is_too_long_is_named_as_it_was_typed(bench: Bench, age: str):
    code, _, err = bench.run("alert", "stale", "sales", age)
    assert (code, bench.asked) == (2, [])
    assert f"'{age}' is too long: at most 3650d." in err


@pytest.mark.parametrize("days", ["", ",", " , "])
def test_no_day_is_not_every_day(bench: Bench, days: str):
    code, _, err = bench.run("alert", "stale", "sales", "--by", "06:00", "--on", days)
    assert (code, bench.asked) == (2, [])
    assert "names no day" in err


def test_removing_asks_first(store, bench, monkeypatch):
    monkeypatch.setattr(alert, "_store", lambda _: store)
    add(store, "slack", Recipient("slack", SLACK))
    piped(monkeypatch, "")
    code, _, err = bench.run("alert", "rm", "slack")[:3]
    assert code == 1
    assert "without confirmation" in err
    assert store.names() == ["slack"]
    assert bench.run("alert", "rm", "slack", "-y")[0] == 0
    assert store.names() == []


def test_a_second_alert_of_a_kind_has_a_number(store, bench, monkeypatch):
    monkeypatch.setattr(alert, "_store", lambda _: store)
    for _ in range(2):
        assert bench.run("alert", "add", "slack", SLACK)[0] == 0
    assert store.names() == ["slack", "slack-2"]


def test_destroying_a_catchment_deletes_its_alerts_so_that_its_bus_can_be_deleted(aws, store):
    add(store, "slack", Recipient("slack", SLACK))
    add(store, "email", Recipient("email", "team@example.com"))
    outputs = {"Bus": BUS, "AlertRole": ROLE, "DeadEvents": "https://sqs/123456789012/dead"}
    stack = {
        "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()]
    }
    destroy._delete_alerts(SimpleNamespace(catchment=PROD, open=aws), stack)
    assert store.names() == []
    aws("events").delete_event_bus(Name=BUS)


def test_a_stack_of_before_has_no_alerts_to_delete():
    destroy._delete_alerts(SimpleNamespace(), {"Outputs": []})
