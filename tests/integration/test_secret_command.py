"""``duckstring secret``, over Secrets Manager in moto: who changes it, who else does, and what
fails in between.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import boto3
import botocore.loaders
import botocore.session
import pytest
from moto import mock_aws

from duckstring.errors import OperatorError
from duckstring.model.secret_entries import granted, with_entry
from duckstring_cli import catchments, doors, main
from duckstring_cli.catchments import Access, Catchment
from duckstring_cli.secret_store import SecretStore
from tests.integration.aws import CREDENTIALS, REGION

VALUE = "hunter2-hunter2"
_LOADER = botocore.loaders.create_loader()
STAGE = "UpdateSecretVersionStage"


@dataclass
class Here:
    """A Catchment in an account, and what the user types."""

    aws: Any
    arn: str
    session: boto3.Session
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]
    said: list[str] = field(default_factory=list)

    def text(self) -> str:
        found = self.aws.get_secret_value(SecretId=self.arn, VersionStage="AWSCURRENT")
        return str(found["SecretString"])

    def put(self, text: str) -> None:
        """What others do, with another tool."""
        self.aws.put_secret_value(SecretId=self.arn, SecretString=text)

    def labels(self) -> list[str]:
        versions = self.aws.describe_secret(SecretId=self.arn)["VersionIdsToStages"]
        return sorted(label for labels in versions.values() for label in labels)

    def run(self, *words: str, given: bytes = b"", group: str = "secret") -> tuple[int, str, str]:
        stdin = SimpleNamespace(buffer=io.BytesIO(given), isatty=lambda: False)
        self.monkeypatch.setattr("sys.stdin", stdin)
        code = main.run([group, *words, "-c", "prod"])
        told = self.capsys.readouterr()
        self.said += [told.out, told.err]
        return code, told.out, told.err

    def set(self, *words: str, value: str = VALUE) -> tuple[int, str, str]:
        return self.run("set", *words, given=value.encode())

    def before(self, operation: str, act: Callable[[], Any]) -> None:
        """``act`` comes just before the first such request. It may answer in the place of AWS."""
        left = [act]
        self.session.events.register(
            f"before-call.secretsmanager.{operation}", lambda **_: left.pop()() if left else None
        )

    def refuses(self, operation: str, code: str, message: str = "") -> None:
        """AWS refuses each such request."""
        answer = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {}}
        self.session.events.register(
            f"before-call.secretsmanager.{operation}",
            lambda **_: (SimpleNamespace(status_code=400), answer),
        )


def _session() -> boto3.Session:
    """One whose events are its own, and that does not read botocore's descriptions anew."""
    made = botocore.session.Session()
    made.register_component("data_loader", _LOADER)
    return boto3.Session(botocore_session=made)


@pytest.fixture
def here(monkeypatch, capsys, tmp_path) -> Iterator[Here]:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DUCKSTRING_HOME", str(tmp_path))
    with mock_aws():
        aws, session = boto3.client("secretsmanager"), _session()
        arn = aws.create_secret(Name="Secret")["ARN"]
        outputs = dict.fromkeys(catchments.NEEDED, "x") | {"Secret": arn}
        catchments.add(
            Catchment(name="prod", kind="aws", stack="prod", region=REGION, outputs=outputs)
        )
        monkeypatch.setattr(catchments, "session", lambda _: Access(session, None))
        monkeypatch.setattr(doors, "open_door", lambda _: api({"order": ["sales@1", "orders@2"]}))
        monkeypatch.setattr("time.sleep", lambda _: None)
        made = Here(aws, arn, session, monkeypatch, capsys)
        yield made
        assert not [told for told in made.said if "hunter2" in told], "a value was shown"


def api(status: Mapping[str, object]) -> Callable[[Mapping[str, object]], Mapping[str, Any]]:
    def door(request: Mapping[str, object]) -> Mapping[str, Any]:
        assert (request["op"], request["lines"]) == ("status", [])
        return {"ok": True, "result": {"now": "", "lines": [], **status}}

    return door


def test_a_secret_that_nobody_has_filled_gets_its_first_entry(here):
    assert json.loads(here.run("ls", "--json")[1]) == {"changed": None, "entries": []}
    code, out, err = here.set("TOKEN", "--pond", "sales", value=VALUE + "\n")
    assert (code, out) == (0, "✓ TOKEN of sales is set\n")
    assert err == "It counts from the next attempt on.\n"
    assert json.loads(here.text()) == {"@sales": {"TOKEN": VALUE}}
    assert here.labels() == ["AWSCURRENT"]


def test_each_change_counts_for_whom_it_names(here):
    here.put('{"PORT": 8080, "@reports": {"A": "1"}}')
    told = json.loads(here.set("TOKEN", "--pond", "sales", "--pond", "orders", "--json")[1])
    assert told == {
        "name": "TOKEN",
        "ponds": ["sales", "orders"],
        "all_ponds": False,
        "changed": True,
    }
    assert here.set("TOKEN", "--all-ponds", value="hunter2-of-all")[0] == 0
    assert here.run("rm", "TOKEN", "--pond", "orders", "-y")[:2] == (
        0,
        "✓ TOKEN of orders is removed\n",
    )
    assert granted(here.text(), "sales") == {"PORT": "8080", "TOKEN": VALUE}
    assert granted(here.text(), "orders") == {"PORT": "8080", "TOKEN": "hunter2-of-all"}
    assert granted(here.text(), "reports") == {"PORT": "8080", "A": "1", "TOKEN": "hunter2-of-all"}
    assert here.labels() == ["AWSCURRENT", "AWSPREVIOUS"]
    told = json.loads(here.run("rm", "TOKEN", "--all-ponds", "-y", "--json")[1])
    assert told == {"name": "TOKEN", "ponds": [], "all_ponds": True, "changed": True}


def test_the_same_value_again_makes_no_version(here):
    here.set("TOKEN", "--pond", "sales")
    before = here.aws.describe_secret(SecretId=here.arn)["VersionIdsToStages"]
    assert here.set("TOKEN", "--pond", "sales")[1] == "TOKEN of sales has this value already\n"
    assert here.aws.describe_secret(SecretId=here.arn)["VersionIdsToStages"] == before


@pytest.mark.parametrize("at", ["PutSecretValue", STAGE])
@pytest.mark.parametrize("words", [("set", "TOKEN"), ("rm", "OLD", "-y")])
def test_what_another_one_writes_in_the_meantime_is_kept(here, at, words):
    here.put('{"@sales": {"OLD": "o"}}')
    here.before(at, lambda: here.put('{"@sales": {"OLD": "o", "NEW": "n"}}'))
    assert here.run(*words, "--pond", "sales", given=VALUE.encode())[0] == 0
    added = {"TOKEN": VALUE, "OLD": "o"} if words[0] == "set" else {}
    assert json.loads(here.text()) == {"@sales": {"NEW": "n"} | added}
    assert here.labels() == ["AWSCURRENT", "AWSPREVIOUS"]


def test_of_two_first_entries_none_is_lost(here):
    def other() -> None:
        here.session.events.unregister("before-call.secretsmanager.PutSecretValue")
        SecretStore.of(catchments.find("prod")).change(lambda text: with_entry(text, "A", "1"))

    here.before("PutSecretValue", other)
    assert here.set("TOKEN", "--pond", "sales")[0] == 0
    assert json.loads(here.text()) == {"A": "1", "@sales": {"TOKEN": VALUE}}


def test_two_commands_at_once_take_turns(here):
    here.put("{}")
    here.before(
        STAGE,
        lambda: (
            SecretStore.of(catchments.find("prod")).change(lambda text: with_entry(text, "A", "1"))
            and None
        ),
    )
    assert here.set("TOKEN", "--pond", "sales")[0] == 0
    assert json.loads(here.text()) == {"A": "1", "@sales": {"TOKEN": VALUE}}
    assert here.labels() == ["AWSCURRENT", "AWSPREVIOUS"]


def test_what_is_removed_by_another_one_in_the_meantime_is_not_there(here):
    here.put('{"@sales": {"OLD": "o"}}')
    here.before(STAGE, lambda: here.put('{"A": "1"}'))
    code, _, err = here.run("rm", "OLD", "--pond", "sales", "-y")
    assert (code, err.splitlines()[0]) == (2, "error: There is no entry OLD of sales.")
    assert json.loads(here.text()) == {"A": "1"}


def test_others_who_always_come_first_end_it_with_nothing_changed(here):
    here.put("{}")
    counted = iter(range(100))
    here.session.events.register(
        f"before-call.secretsmanager.{STAGE}",
        lambda **_: here.put(json.dumps({"N": next(counted)})),
    )
    code, _, err = here.set("TOKEN", "--pond", "sales")
    assert code == 1
    assert "Others change the secret of Catchment 'prod' at the same time" in err
    assert set(json.loads(here.text())) == {"N"}


def test_a_move_whose_answer_was_lost_and_that_was_sent_again_is_done_once(here):
    here.put('{"A": "1"}')
    moves: list[str] = []

    def lose(http_response: Any, parsed: Any, **_: Any) -> None:
        moves.append("moved")
        if len(moves) == 1:  # what AWS says to the same request once more
            http_response.status_code = 400
            parsed["Error"] = {"Code": "InvalidParameterException", "Message": "not attached"}

    here.session.events.register(f"after-call.secretsmanager.{STAGE}", lose)
    assert here.set("TOKEN", "--pond", "sales")[0] == 0
    assert json.loads(here.text()) == {"A": "1", "@sales": {"TOKEN": VALUE}}
    assert len(moves) == 2, "one move, and the staging label's removal"


@pytest.mark.parametrize("operation", ["GetSecretValue", "PutSecretValue", STAGE])
def test_a_right_that_is_missing_is_named_and_the_old_value_counts(here, operation):
    here.put('{"A": "1"}')
    here.refuses(operation, "AccessDeniedException", "User u is not authorized")
    code, _, err = here.set("TOKEN", "--pond", "sales")
    assert code == 1
    assert err.splitlines() == [
        (
            f"error: AWS does not allow {operation} on the secret of Catchment 'prod': "
            "User u is not authorized"
        ),
        f"hint: Ask the owner of the account for secretsmanager:{operation} on {here.arn}.",
    ]
    assert json.loads(here.text()) == {"A": "1"}


def test_a_right_on_the_key_that_is_missing_is_named(here):
    here.refuses("GetSecretValue", "AccessDeniedException", "Access to KMS is not allowed")
    assert "for kms:Decrypt on the key that encrypts arn:" in here.run("ls")[2]


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("LimitExceededException", "Secrets Manager takes no more versions"),
        ("ValidationException", "AWS does not take a value of the secret"),
        ("InternalServiceError", "AWS does not take a value of the secret"),
    ],
)
def test_what_aws_says_of_a_value_that_it_refuses_is_not_shown(here, code, says):
    here.put('{"A": "1"}')
    here.refuses("PutSecretValue", code, f"Value '{VALUE}' at 'secretString' failed")
    exit_code, _, err = here.set("TOKEN", "--pond", "sales")
    assert (exit_code, says in err) == (1, True)
    assert json.loads(here.text()) == {"A": "1"}


def test_a_connection_that_breaks_in_between_leaves_the_old_value(here):
    here.put('{"A": "1"}')

    def breaks() -> None:
        from botocore.exceptions import EndpointConnectionError

        raise EndpointConnectionError(endpoint_url="https://secretsmanager")

    here.before(STAGE, breaks)
    assert here.set("TOKEN", "--pond", "sales")[0] == 1
    assert json.loads(here.text()) == {"A": "1"}
    assert here.set("TOKEN", "--pond", "sales")[0] == 0
    assert here.labels() == ["AWSCURRENT", "AWSPREVIOUS"]


@pytest.mark.parametrize(
    ("text", "says"),
    [("[1]", "is not a JSON object"), ('{"@sales": 1}', "has @sales that is not a JSON object")],
)
def test_a_secret_of_another_form_is_refused_and_left_alone(here, text, says):
    here.put(text)
    for words in (("set", "A", "--all-ponds"), ("rm", "A", "--all-ponds", "-y"), ("ls",)):
        code, _, err = here.run(*words, given=b"value")
        assert (code, says in err) == (1, True)
    assert here.text() == text


def test_a_binary_secret_is_refused(here):
    here.aws.put_secret_value(SecretId=here.arn, SecretBinary=b"{}")
    assert "is binary" in here.set("A", "--all-ponds")[2]


def test_a_secret_that_is_gone_is_told_from_an_empty_one(here):
    here.put("{}")
    here.aws.delete_secret(SecretId=here.arn)
    assert f"restore-secret --secret-id {here.arn}" in here.run("ls")[2]
    here.aws.delete_secret(SecretId=here.arn, ForceDeleteWithoutRecovery=True)
    code, _, err = here.run("ls")
    assert (code, f"{here.arn} is not there" in err) == (1, True)


def test_a_catchment_that_is_older_than_the_command_is_to_be_deployed_again(here):
    template = {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {name: {"Value": "x"} for name in catchments.NEEDED},
    }
    boto3.client("cloudformation").create_stack(StackName="old", TemplateBody=json.dumps(template))
    catchments.save(Catchment(name="prod", kind="aws", stack="old", region=REGION))
    code, _, err = here.set("TOKEN", "--pond", "sales")
    assert code == 1
    assert err.splitlines() == [
        "error: The stack old has no output Secret: it is older than this command.",
        "hint: Deploy the Catchment again with this release.",
    ]


def test_the_list_has_names_and_who_sees_them(here):
    here.put('{"TOKEN": "t", "AWS_X": "x", "@sales": {"TOKEN": "s", "\\u001b[2J": "e"}}')
    code, out, _ = here.run("ls")
    assert code == 0
    rows = [re.split(r"  +", line.strip()) for line in out.splitlines()]
    assert rows[1:5] == [
        ["all Ponds", "AWS_X", "not passed on: the machine sets such variables"],
        ["all Ponds", "TOKEN", "not in sales: its own counts"],
        ["sales", "\\x1b[2J"],
        ["sales", "TOKEN", "counts over that of all Ponds"],
    ]
    assert rows[5][0].startswith("Changed last: 20")
    told = json.loads(here.run("ls", "--pond", "orders", "--json")[1])
    assert [(one["pond"], one["name"], one["others"]) for one in told["entries"]] == [
        (None, "AWS_X", []),
        (None, "TOKEN", ["sales"]),
    ]
    assert told["changed"].startswith("20")


def test_a_pond_that_is_not_deployed_is_told_and_gets_it_all_the_same(here):
    code, _, err = here.set("TOKEN", "--pond", "sale")
    assert code == 0
    assert "warning: Pond sale is not deployed yet. Did you mean 'sales'?" in err
    assert granted(here.text(), "sale") == {"TOKEN": VALUE}


def test_who_may_not_ask_for_ponds_may_set_their_secrets(here):
    def denied(_: object) -> Any:
        raise OperatorError("denied")

    here.monkeypatch.setattr(doors, "open_door", lambda _: denied)
    assert here.set("TOKEN", "--pond", "sale")[0] == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("set", "TOKEN"), "Say which Ponds see it"),
        (("set", "TOKEN", "--pond", "a", "--all-ponds"), "found both"),
        (("rm", "TOKEN"), "found neither"),
        (("set", "TOKEN", "--pond", "sales@1"), "'sales@1' is not a Pond's name"),
        (("ls", "--pond", "Sales"), "'Sales' is not a Pond's name"),
        (("set", "TOKEN", "hunter2", "--all-ponds"), "A value is never an argument"),
        (("set", "TOKEN=hunter2", "--all-ponds"), "'TOKEN' with what follows it"),
        (("set", "AWS_PROFILE", "--all-ponds"), "the machine itself sets what begins with AWS_"),
        (("rm", "TOKEN", "--all-ponds", "-y"), "There is no entry TOKEN of all Ponds"),
    ],
)
def test_what_is_typed_wrong_is_refused_in_one_line_and_changes_nothing(here, words, says):
    code, out, err = here.run(*words, given=VALUE.encode())
    assert (code, out) == (2, "")
    assert [line for line in err.splitlines() if line.startswith("error: ") and says in line]
    assert "VersionIdsToStages" not in here.aws.describe_secret(SecretId=here.arn)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (b"", "it is empty"),
        (b"\n", "it is empty"),
        (b"hunter2\0", "NUL"),
        (b"hunter2\xff", "not a text in UTF-8"),
        (b"hunter2" * 10_000, "more than 65,536 bytes"),
        (b"h" * 65_530, "would have 65,5"),
    ],
)
def test_a_value_that_no_variable_can_have_is_refused_without_showing_it(here, given, says):
    code, _, err = here.run("set", "TOKEN", "--pond", "sales", given=given)
    assert (code, says in err) == (2, True)


def test_one_line_end_is_not_of_the_value_and_all_else_is(here):
    here.run("set", "KEY", "--pond", "sales", given=b" a\nb \r\n")
    assert granted(here.text(), "sales") == {"KEY": " a\nb "}


def test_nothing_is_removed_unasked(here):
    here.set("TOKEN", "--pond", "sales")
    code, _, err = here.run("rm", "TOKEN", "--pond", "sales")
    assert (code, "without confirmation" in err) == (1, True)
    assert granted(here.text(), "sales") == {"TOKEN": VALUE}


def test_a_value_that_cannot_be_masked_is_told(here):
    assert "too short or too plain to be masked" in here.set("X", "--pond", "sales", value="ab")[2]
    assert "masked" not in here.set("X", "--pond", "sales")[2]
