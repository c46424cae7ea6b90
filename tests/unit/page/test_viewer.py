"""The page of somebody whose credentials may only read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from duckstring_cli import catchments
from duckstring_cli.client import Client
from duckstring_cli.doors import LambdaDoor
from tests.unit.cli.test_levels import ALL, NEW, PROD, Account
from tests.unit.page.page_kit import Served, served


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    made = Account(frozenset({"viewers"}))
    monkeypatch.setattr(catchments, "outputs", lambda _: NEW)
    monkeypatch.setattr(catchments, "renew", made.renewed)
    monkeypatch.setattr(catchments, "session", lambda _: made)
    return made


@pytest.fixture
def page(files: Path, account: Account) -> Iterator[Served]:
    yield from served(files, client=Client(PROD, invoke=LambdaDoor(PROD)))


def test_the_page_knows_that_its_user_may_only_look(page: Served, account: Account) -> None:
    told = page.get("catchment").json()
    assert (told["read_only"], told["can_act"]) == (False, False)
    assert {op for _, op in account.asked} == {"hello", "dry run"}


def test_who_gets_rights_meanwhile_may_act_once_the_page_is_loaded_again(
    page: Served, account: Account
) -> None:
    page.get("catchment")
    account.allowed = ALL
    assert page.get("catchment").json()["can_act"] is True


def test_the_page_reads_where_nothing_can_be_changed(page: Served, account: Account) -> None:
    account.allowed = ALL
    page.get("status")
    page.get("runs")
    assert {name for name, _ in account.asked} == {"viewers"}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("trigger", {"pond": "sales", "kind": "pulse"}),
        ("control", {"line": "sales@1", "verb": "kill"}),
        ("budgets", {"line": "sales@1", "source_retries": 3}),
        ("compute", {"line": "sales@1", "ripple": "load", "place": "task"}),
        ("window", {"line": "sales@1", "action": "remove", "name": "early"}),
        ("maintenance", {"action": "on"}),
        ("limit", {"action": "set", "name": "warehouse", "tokens": 2}),
        ("priority", {"line": "sales@1", "priority": 80}),
        ("stale", {"line": "sales@1", "action": "tide"}),
        ("tag", {"line": "sales@1", "put": {"team": "sales"}}),
    ],
)
def test_an_action_is_refused_with_the_policy_that_is_missing(
    page: Served, path: str, body: dict[str, object]
) -> None:
    answer = page.post(path, **body)
    assert answer.status_code == 403
    error = answer.json()["error"]
    assert error["type"] == "AccessError"
    assert "on Catchment 'prod' needs its operator policy" in error["message"]
    assert "docs/aws.md" in error["hint"]
