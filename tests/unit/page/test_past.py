"""Why, replay and audit as the page asks for them: the client's own answers, one request each."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from duckstring.model.instants import from_text
from duckstring_cli import hints
from tests.unit.page.page_kit import Served

AT = "2030-01-01T10:42:00.123456Z"
WAKE = {"text": "Run it again", "command": "duckstring control wake sales -m 1"}
SEE = {"text": "See that <b>nothing</b> is lost", "command": None}
CAUSE = {
    "kind": "failed",
    "text": "Run sales@1/4 failed: ValueError: no \x1b[31mrows.",
    "leads_to": None,
    "since": AT,
    "at": None,
    "runs": ["sales@1/4"],
    "ways": [WAKE, SEE],
}
WHY = {
    "line": "sales@1",
    "now": AT,
    "at": AT,
    "chain": [{"line": "sales@1", "status": "failed", "causes": [CAUSE]}],
    "ways": [WAKE, SEE],
}
REPLAY = {"line": "sales@1", "now": AT, "since": AT, "until": AT, "steps": [], "next": None}
AUDIT: dict[str, Any] = {"entries": [], "next": None}


@pytest.fixture
def page(page: Served) -> Iterator[Served]:
    page.answers = {"why": WHY, "replay": REPLAY, "audit": AUDIT}
    hints.forget()
    yield page
    hints.forget()


def test_why_is_the_clients_answer_of_now_and_of_the_very_instant_that_was_asked_for(
    page: Served,
) -> None:
    assert page.get("why/sales@1").json() == WHY
    assert page.get("why/sales@1", at=AT).json() == WHY
    asked = {"op": "why", "pond": "sales", "major": 1}
    assert page.asked == [asked, {**asked, "at": AT}]


def test_commands_of_why_name_the_catchment_that_the_page_was_started_for(page: Served) -> None:
    hints.acts_on("prod")
    answer = page.get("why/sales@1").json()
    command = "duckstring control wake -c prod sales -m 1"
    assert [way["command"] for way in answer["ways"]] == [command, None]
    (cause,) = answer["chain"][0]["causes"]
    assert [way["command"] for way in cause["ways"]] == [command, None]
    assert cause["text"] == CAUSE["text"]


def test_a_replay_is_one_answer_from_where_the_last_one_ended(page: Served) -> None:
    page.answers = {"replay": {**REPLAY, "next": f"{AT}#7"}}
    first = "2030-01-01T10:00:00.000000Z"
    answer = page.get("replay/sales@1", **{"from": first}, until=AT)
    page.get("replay/sales@1", **{"from": first}, until=AT, after=answer.json()["next"])
    asked = {"op": "replay", "pond": "sales", "major": 1, "since": first, "until": AT}
    assert page.asked == [asked, {**asked, "after": f"{AT}#7"}]


def test_a_replay_begins_an_hour_before_its_end_if_nothing_else_is_said(page: Served) -> None:
    page.get("replay/sales@1", until=AT)
    before = datetime.now(UTC)
    page.get("replay/sales@1")
    after = datetime.now(UTC)
    assert page.asked[0]["since"] == "2030-01-01T09:42:00.123456Z"
    assert "until" not in page.asked[1]  # the Catchment's own now
    assert before <= from_text(page.asked[1]["since"]) + timedelta(hours=1) <= after


def test_the_audit_is_asked_for_by_pond_person_and_time(page: Served) -> None:
    assert page.get("audit").json() == AUDIT
    page.get("audit", pond="sales", by="Alice", since="2030-01-01T09:00:00Z", before=AT, limit=8)
    page.get("audit", limit=99999)
    assert page.asked == [
        {"op": "audit", "limit": 50},
        {
            "op": "audit",
            "pond": "sales",
            "by": "Alice",
            "since": "2030-01-01T09:00:00.000000Z",
            "before": AT,
            "limit": 8,
        },
        {"op": "audit", "limit": 200},
    ]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("why/sales", "'sales' is not a line; write pond@major, as sales@1."),
        ("why/sales@1?at=10:42", "at: Invalid isoformat string: '10:42'."),
        ("replay/sales@x", "'sales@x' is not a line; write pond@major, as sales@1."),
        ("replay/sales@1?from=x", "from: Invalid isoformat string: 'x'."),
        (
            "replay/sales@1?from=2030-01-01T10:42:00Z&until=2030-01-01T10:42:00Z",
            "from 2030-01-01T10:42:00Z is not before until 2030-01-01T10:42:00Z.",
        ),
        (f"replay/sales@1?after={'x' * 201}", "after: 201 characters; at most 200 are allowed."),
        ("audit?limit=all", "limit=all: not a number."),
        ("audit?before=x", "before: Invalid isoformat string: 'x'."),
        (f"audit?by={'x' * 201}", "by: 201 characters; at most 200 are allowed."),
    ],
)
def test_a_bad_address_is_one_clear_line_and_asks_nobody(
    page: Served, path: str, message: str
) -> None:
    answer = page.get(path)
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, message)
    assert page.asked == []


@pytest.mark.parametrize(
    ("path", "lacks"),
    [
        ("why/sales@1", "does not say why"),
        ("replay/sales@1", "keeps no journals"),
        ("audit", "does not keep who changed what"),
    ],
)
def test_a_catchment_of_an_earlier_release_says_what_it_lacks(
    page: Served, path: str, lacks: str
) -> None:
    error = {"type": "OperatorError", "message": "No operation 'x'.", "hint": ""}
    page.answers = lambda _: {"ok": False, "error": error}
    told = page.get(path).json()["error"]
    assert told["message"] == f"Catchment 'dev' is of a release that {lacks}."
    assert told["hint"] == "Upgrade it: docs/aws.md, Upgrading."
