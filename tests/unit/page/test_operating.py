"""What the page does for operators: the command's own requests, with a note, and alerts in AWS
(moto) with the user's own rights.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from duckstring_cli.alerting.store import AlertStore
from duckstring_cli.client import Client
from duckstring_cli.page import operating
from duckstring_cli.page.looks import MOST, Known
from tests.unit.cli.commands_kit import DEV
from tests.unit.cli.test_alert_command import SLACK, aws, store
from tests.unit.page.page_kit import DONE, Served, served
from tests.unit.page.test_looks import NOW, Lake

__all__ = ["aws", "store"]

HOLD = {"at": NOW, "by": "ada@laptop", "note": None}


@pytest.fixture
def page(page: Served) -> Served:
    page.answers = lambda _: DONE
    return page


@pytest.fixture
def alerts(page: Served, store: AlertStore, monkeypatch: pytest.MonkeyPatch) -> Served:
    """The page over the alerts of a Catchment in AWS."""
    monkeypatch.setattr(AlertStore, "of", lambda _: store)
    monkeypatch.setattr(operating, "_PATIENCE", 0.01)
    return page


ACTS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "maintenance": ("maintenance", {"action": "on"}, {"op": "maintenance", "action": "on"}),
    "a limit": (
        "limit",
        {"action": "set", "name": "warehouse", "tokens": 0},
        {"op": "limit", "action": "set", "name": "warehouse", "tokens": 0},
    ),
    "no limit": (
        "limit",
        {"action": "remove", "name": "warehouse"},
        {"op": "limit", "action": "remove", "name": "warehouse"},
    ),
    "a priority": (
        "priority",
        {"line": "sales@2", "priority": 80},
        {"op": "priority", "pond": "sales", "major": 2, "priority": 80},
    ),
    "a bound": (
        "stale",
        {"line": "sales@1", "action": "set", "bound": {"at": "06:00", "tz": "Europe/Berlin"}},
        {
            "op": "stale", "pond": "sales", "major": 1, "action": "set",
            "bound": {"at": "06:00", "tz": "Europe/Berlin"},
        },
    ),
    "the bound of its Tide": (
        "stale",
        {"line": "sales@1", "action": "tide"},
        {"op": "stale", "pond": "sales", "major": 1, "action": "tide"},
    ),
    "tags": (
        "tag",
        {"line": "sales@1", "put": {"team": "ops"}, "remove": ["tier"]},
        {"op": "tag", "pond": "sales", "put": {"team": "ops"}, "remove": ["tier"]},
    ),
}  # fmt: skip


@pytest.mark.parametrize("act", ACTS)
def test_an_action_is_the_commands_own_request_with_its_note(page: Served, act: str) -> None:
    path, body, request = ACTS[act]
    assert page.post(path, **body, note="see TICKET-42").json() == DONE
    via = {"caller": {"via": "page"}}
    assert page.asked == [{**request, "note": "see TICKET-42", **via}]
    page.post(path, **body, note="")
    assert page.asked[1:] == [{**request, **via}]


def test_a_note_goes_with_every_action_and_with_no_other(page: Served) -> None:
    page.post("control", line="sales@1", verb="kill", note="costs")
    page.post("trigger", pond="sales", kind="pulse")
    rule = {"action": "add", "name": "nightly", "every": 86400}
    page.post("window", line="sales@1", **rule, note="later")
    assert [one.get("note") for one in page.asked] == ["costs", None, "later"]
    assert page.asked[2]["window"] == {"name": "nightly", "every": 86400}


BAD: list[tuple[str, dict[str, Any], str]] = [
    ("control", {"line": "sales@1", "verb": "wake", "note": 7}, "note: 7 is not a text."),
    ("maintenance", {"action": "status"}, "action: 'status' is not known; allowed: on, off."),
    ("limit", {"action": "set", "tokens": 1}, "name: a text is needed."),
    (
        "limit",
        {"action": "set", "name": "w", "tokens": -1},
        "tokens: -1 is not a whole number from 0.",
    ),
    (
        "limit",
        {"action": "list", "name": "w"},
        "action: 'list' is not known; allowed: set, remove.",
    ),
    (
        "priority",
        {"line": "sales@1", "priority": "9"},
        "priority: '9' is not a whole number from 0.",
    ),
    (
        "priority",
        {"line": "sales", "priority": 9},
        "'sales' is not a line; write pond@major, as sales@1.",
    ),
    ("stale", {"line": "sales@1", "action": "set"}, "bound: an object is needed."),
    (
        "stale",
        {"line": "sales@1", "action": "show"},
        "action: 'show' is not known; allowed: set, tide.",
    ),
    ("tag", {"line": "sales@1"}, "put, remove: give at least one tag."),
    (
        "tag",
        {"line": "sales@1", "put": ["a=b"]},
        "put: an object is needed, such as {team: sales}.",
    ),
    ("tag", {"line": "sales@1", "remove": [1]}, "remove: a list of texts is needed."),
    (
        "alert",
        {"action": "drop"},
        "action: 'drop' is not known; allowed: add, test, remove.",
    ),
    (
        "alert",
        {"action": "add", "kind": "webhook", "to": "https://x.example/", "value": "hidden"},
        "header: its name is needed, such as Authorization.",
    ),
    ("alert", {"action": "add", "kind": "slack"}, "to: a web address or a mailbox is needed."),
    (
        "alert",
        {"action": "add", "kind": "fax", "to": "1"},
        "kind: 'fax' is not known; allowed: slack, webhook, email.",
    ),
]


@pytest.mark.parametrize(("path", "body", "message"), BAD)
def test_a_bad_body_is_one_clear_line_and_asks_nobody(
    page: Served, path: str, body: dict[str, Any], message: str
) -> None:
    answer = page.post(path, **body)
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, message)
    assert page.asked == []


def test_a_page_that_only_shows_changes_nothing(files: Path) -> None:
    for page in served(files, read_only=True):
        for path, body, _ in ACTS.values():
            answer = page.post(path, **body)
            assert "--read-only" in answer.json()["error"]["message"]
        answer = page.post("alert", action="add", kind="slack", to=SLACK)
        assert "--read-only" in answer.json()["error"]["message"]
        assert page.asked == []


def test_the_status_has_limits_and_who_holds_new_runs(page: Served) -> None:
    limit = {"name": "w", "tokens": 1, "held": [], "waiting": [], "used_by": []}
    told = {"now": NOW, "lines": [], "limits": [limit], "maintenance": HOLD}
    page.answers = lambda request: told if request["op"] == "status" else DONE
    page.post("maintenance", action="on")  # what was read before is not told again
    assert page.get("status").json()["answer"] == told


def test_a_large_catchment_is_read_whole_once_when_maintenance_is_switched() -> None:
    lake, known = Lake(MOST + 50), Known()
    lake.look(known)
    lake.look(known)
    assert lake.looks[-1] is not None
    for held in (HOLD, None):
        known.take({**lake(lines=known.next_look(NOW)), "maintenance": held})
        looks = [known.next_look(NOW)]
        known.take({**lake(lines=None), "maintenance": held})
        looks.append(known.next_look(NOW))
        assert [look is None for look in looks] == [True, False]


def test_what_waits_in_a_backlog_is_the_oldest_of_it(page: Served) -> None:
    objects = [
        {"number": at, "uri": f"s3://b/{at}", "size": 1, "arrived": NOW} for at in range(900)
    ]
    page.answers = lambda _: {"line": "sales@1", "waiting": 900, "objects": objects, "next": 900}
    told = page.get("backlog/sales@1").json()
    assert (told["waiting"], told["objects"]) == (900, objects[:50])
    assert page.asked == [{"op": "backlog", "pond": "sales", "major": 1}]
    assert page.get("backlog/Sales").status_code == 400


def test_alerts_are_added_listed_and_removed_and_no_answer_has_a_whole_url(alerts: Served) -> None:
    assert alerts.get("alerts").json() == {"alerts": []}
    asked = {"kind": "slack", "to": f" {SLACK} ", "on": ["failed"], "ponds": ["sales", "reports"]}
    answer = alerts.post("alert", action="add", **asked)
    slack = {
        "name": "slack",
        "kind": "slack",
        "to": "hooks.slack.com",
        "on": ["failed"],
        "ponds": ["sales", "reports"],
        "state": "on",
    }
    assert answer.json() == {"alerts": [slack]}
    hook = {"kind": "webhook", "to": "https://x.example/a?key=hidden", "name": "oncall"}
    answer = alerts.post("alert", action="add", **hook, header="Authorization", value="hidden")
    assert [one["to"] for one in answer.json()["alerts"]] == ["x.example", "hooks.slack.com"]
    assert answer.json()["alerts"][0]["on"] == ["failed", "stale", "recovered"]
    alerts.post("alert", action="add", kind="email", to="team@example.com", ponds=[])
    (email, *_) = alerts.get("alerts").json()["alerts"]
    assert (email["kind"], email["to"]) == ("email", "team@example.com")
    for name in ("email", "oncall", "slack"):
        answer = alerts.post("alert", action="remove", name=name)
    assert answer.json() == {"alerts": []}
    assert alerts.asked == []


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"kind": "slack", "to": "http://hooks.slack.com/secretpart"}, "found http://hooks.slack"),
        ({"kind": "slack", "to": f"{SLACK}#x"}, "a fragment"),
        ({"kind": "email", "to": "nobody"}, "'nobody' is no email address"),
        ({"kind": "email", "to": "a@b.c", "on": []}, "--on names nothing"),
        ({"kind": "email", "to": "a@b.c", "ponds": ["Sales"]}, "'Sales' is not a Pond's name"),
        ({"kind": "email", "to": "a@b.c", "name": "No"}, "'No' is not an alert's name"),
        ({"kind": "webhook", "to": SLACK, "header": "a b"}, "no header's name"),
    ],
)
def test_what_is_no_alert_is_refused_and_nothing_is_made(
    alerts: Served, body: dict[str, Any], told: str
) -> None:
    answer = alerts.post("alert", action="add", **body)
    assert answer.status_code == 400
    assert told in answer.json()["error"]["message"]
    assert "secretpart" not in answer.text
    assert alerts.get("alerts").json() == {"alerts": []}


def test_a_test_says_what_came_back_and_who_is_not_there(alerts: Served, aws: Any) -> None:
    answer = alerts.post("alert", action="test", name="slack")
    assert (answer.status_code, "No alert 'slack'" in answer.text) == (400, True)
    alerts.post("alert", action="add", kind="slack", to=SLACK)
    answer = alerts.post("alert", action="test", name="slack")
    assert answer.json() == {"name": "slack", "error": None}
    assert alerts.post("alert", action="remove", name="gone").status_code == 400


def test_a_mailbox_that_is_not_confirmed_is_not_tested(
    alerts: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    alerts.post("alert", action="add", kind="email", to="team@example.com")
    waits = "waits for its owner to confirm"
    monkeypatch.setattr(AlertStore, "_mailbox", lambda *_: ("team@example.com", waits))
    answer = alerts.post("alert", action="test", name="email")
    assert answer.status_code == 409
    assert "has not confirmed yet" in answer.json()["error"]["message"]


def test_another_note_is_another_client_on_the_same_way() -> None:
    asked: list[Any] = []

    def door(request: Any) -> Any:
        asked.append(request)
        return {"ok": True, "result": {}}

    client = Client(DEV, invoke=door, note="first", via="page")
    client.noted("second").control("sales", "kill")
    client.noted(None).control("sales", "kill")
    client.control("sales", "kill")
    assert [one.get("note") for one in asked] == ["second", None, "first"]
    assert {one["caller"]["via"] for one in asked} == {"page"}
