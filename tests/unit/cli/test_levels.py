"""Which function the command invokes, for people of different rights."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from duckstring.errors import OperatorError
from duckstring_cli import catchments
from duckstring_cli.catchments import Catchment
from duckstring_cli.client import Client
from duckstring_cli.doors import LambdaDoor
from duckstring_cli.errors import AccessError

PROD = Catchment(name="prod", kind="aws", stack="Duckstring-prod", region="eu-central-1")
OLD = {"ApiFunction": "api"}
NEW = {"ApiFunction": "api", "OperatorFunction": "operators", "ViewerFunction": "viewers"}
ALL = frozenset(NEW.values())


class Account:
    """Lambda, as far as IAM and the stack's outputs go."""

    def __init__(self, allowed: frozenset[str], outputs: Mapping[str, str] = NEW) -> None:
        self.allowed, self.outputs, self.there = allowed, outputs, set(outputs.values())
        self.asked: list[tuple[str, str]] = []
        self.looks = 0

    session = property(lambda self: self)
    endpoint = None

    def get_credentials(self) -> None:
        """It signs nothing."""

    def client(self, service: str, **_: object) -> Account:
        assert service == "lambda"
        return self

    def invoke(
        self,
        *,
        FunctionName: str,  # noqa: N803 - boto3's own words
        InvocationType: str = "",  # noqa: N803
        Payload: bytes = b'{"op": "dry run"}',  # noqa: N803
    ) -> dict[str, Any]:
        self.asked.append((FunctionName, json.loads(Payload)["op"]))
        for code, refused in (
            ("AccessDeniedException", FunctionName not in self.allowed),
            ("ResourceNotFoundException", FunctionName not in self.there),
        ):
            if refused:
                raise ClientError(
                    {"Error": {"Code": code, "Message": f"not {FunctionName}"}}, "Invoke"
                )
        answer = {"ok": True, "result": {"lines": [], "runs": [], "version": "1"}}
        return {"Payload": io.BytesIO(json.dumps(answer).encode())}

    def renewed(self, _: Catchment) -> Mapping[str, str]:
        self.looks += 1
        return self.outputs


def client(
    monkeypatch: pytest.MonkeyPatch, account: Account, remembered: Mapping[str, str] = NEW
) -> Client:
    monkeypatch.setattr(catchments, "outputs", lambda _: remembered)
    monkeypatch.setattr(catchments, "renew", account.renewed)
    monkeypatch.setattr(catchments, "session", lambda _: account)
    return Client(PROD, invoke=LambdaDoor(PROD))


def test_each_operation_goes_to_the_function_of_the_least_level_in_one_request(monkeypatch):
    account = Account(ALL)
    one = client(monkeypatch, account)
    one.status()
    one.trigger("sales", "pulse")
    one.remove("sales", dry=True)
    one.remove("sales")
    assert account.asked == [
        ("viewers", "status"),
        ("operators", "trigger"),
        ("viewers", "remove"),
        ("api", "remove"),
    ]
    assert account.looks == 0


def test_who_may_invoke_the_api_function_alone_goes_there_and_is_denied_once_only(monkeypatch):
    account = Account(frozenset({"api"}))
    one = client(monkeypatch, account)
    one.status()
    one.status()
    asked = [name for name, _ in account.asked]
    assert asked == ["viewers", "operators", "api", "api"]


@pytest.mark.parametrize("allowed", [ALL, frozenset({"api"})])
def test_a_catchment_of_an_earlier_release_has_the_api_function_alone(monkeypatch, allowed):
    account = Account(allowed, OLD)
    one = client(monkeypatch, account, OLD)
    one.status()
    one.trigger("sales", "tap")
    assert account.asked == [("api", "status"), ("api", "trigger")]


def test_a_viewer_of_a_catchment_that_was_upgraded_finds_its_new_function(monkeypatch):
    account = Account(frozenset({"viewers"}))
    one = client(monkeypatch, account, OLD)
    one.status()
    one.status()
    assert [name for name, _ in account.asked] == ["api", "viewers", "viewers"]
    assert account.looks == 1


def test_a_function_that_was_replaced_is_found_by_the_outputs_as_they_are_now(monkeypatch):
    account = Account(ALL | {"old"}, NEW)
    one = client(monkeypatch, account, {**NEW, "ViewerFunction": "old"})
    one.status()
    assert [name for name, _ in account.asked] == ["old", "viewers"]


@pytest.mark.parametrize(
    ("allowed", "ask", "message"),
    [
        (
            {"viewers"},
            lambda one: one.trigger("sales", "tap"),
            (
                "trigger on Catchment 'prod' needs its operator policy, which your credentials do "
                "not have: not operators"
            ),
        ),
        (
            {"viewers", "operators"},
            lambda one: one.remove("sales"),
            (
                "remove on Catchment 'prod' needs its deployer policy, which your credentials do "
                "not have: not api"
            ),
        ),
        (
            set(),
            lambda one: one.status(),
            (
                "status on Catchment 'prod' needs its viewer policy, which your credentials do not "
                "have: not viewers"
            ),
        ),
    ],
)
def test_who_may_not_is_told_which_policy_is_missing(monkeypatch, allowed, ask, message):
    one = client(monkeypatch, Account(frozenset(allowed)))
    with pytest.raises(AccessError) as told:
        ask(one)
    assert told.value.message == message
    assert told.value.hint == 'Ask the owner of the account for it: docs/aws.md, "People".'


def test_who_may_not_look_is_told_so_even_where_the_outputs_may_not_be_read(monkeypatch):
    account = Account(frozenset())
    one = client(monkeypatch, account)

    def refuse(_: Catchment) -> Mapping[str, str]:
        raise OperatorError("not the stack either")

    monkeypatch.setattr(catchments, "renew", refuse)
    with pytest.raises(AccessError, match="needs its viewer policy"):
        one.status()


def test_rights_that_are_given_meanwhile_count(monkeypatch):
    account = Account(frozenset())
    one = client(monkeypatch, account)
    with pytest.raises(AccessError):
        one.status()
    account.allowed = frozenset({"viewers"})
    one.status()
    assert account.asked[-1] == ("viewers", "status")


@pytest.mark.parametrize(
    ("allowed", "outputs", "level"),
    [
        (ALL, NEW, "deployer"),
        ({"viewers", "operators"}, NEW, "operator"),
        ({"viewers"}, NEW, "viewer"),
        (set(), NEW, None),
        ({"api"}, OLD, "deployer"),
        (set(), OLD, None),
    ],
)
def test_the_level_is_what_the_credentials_permit_and_nothing_is_carried_out(
    monkeypatch, allowed, outputs, level
):
    account = Account(frozenset(allowed), outputs)
    assert client(monkeypatch, account, outputs).level() == level
    assert {op for _, op in account.asked} == {"dry run"}


@pytest.mark.parametrize("remembered", [OLD, {**NEW, "ViewerFunction": "old"}])
def test_the_level_is_that_of_the_stack_as_it_is_now(monkeypatch, remembered):
    account = Account(frozenset({"viewers"}))
    assert client(monkeypatch, account, remembered).level() == "viewer"
    assert account.looks == 1


def test_the_key_of_a_catchment_on_this_machine_permits_everything():
    local = Catchment(name="dev", kind="local", stack="Duckstring-dev", port=1)
    assert Client(local, invoke=lambda _: {}).level() == "deployer"
