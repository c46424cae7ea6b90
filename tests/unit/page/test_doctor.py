"""What the page is told by the doctor: the same as ``duckstring doctor --json``."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from duckstring_cli import catchments, checkup
from duckstring_cli.checkup import Checked, Diagnosis, Finding
from duckstring_cli.dead import Dead
from duckstring_cli.errors import AccessError
from tests.unit.cli.commands_kit import Bench
from tests.unit.page.page_kit import Served

LETTER = Dead("mailbox", "1", "sales@1", "alarm_rang", 0, "{}")
SICK = Finding("dead letters", "1 letter given up.", "Redrive.", ("sales@1  alarm",), (LETTER,))
WELL = {"now": "2030-01-01T12:00:00Z", "lines": 3, "runs": 0, "looked_at": 0, "findings": []}


@pytest.fixture
def page(page: Served, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Served:
    page.answers = {"doctor": WELL}
    bench.answers(page.answers)
    monkeypatch.setattr(catchments, "read_outputs", lambda _: {"Mailbox": "url"})
    return page


def denied(_: Diagnosis) -> Checked:
    refusal: Any = {"Error": {"Code": "AccessDenied", "Message": "no GetFunction"}}
    raise ClientError(refusal, "GetFunctionConfiguration")


def test_the_page_is_told_what_the_command_prints_as_json(
    page: Served, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks = {
        "queues": lambda _: Checked("queues", "both are read"),
        "functions": denied,
        "dead letters": lambda _: Checked("dead letters", "none", (SICK,)),
    }
    monkeypatch.setattr(checkup, "CHECKS", checks)
    told = page.get("doctor").json()
    assert told == json.loads(bench.run("doctor", "--json")[1])
    assert (told["catchment"], told["ok"]) == ("dev", False)
    assert told["checks"] == [
        {"area": "queues", "ok": True, "looked_at": True, "fine": "both are read"},
        {"area": "functions", "ok": False, "looked_at": False, "fine": ""},
        {"area": "dead letters", "ok": False, "looked_at": True, "fine": "none"},
    ]
    unseen, dead = told["findings"]
    assert unseen["message"].startswith("could not be looked at: An error occurred (AccessDenied)")
    assert "operator policy" in unseen["hint"]
    assert (dead["details"], dead["letters"][0]["line"]) == (["sales@1  alarm"], "sales@1")


def test_who_may_not_read_the_stack_is_told_so_and_what_the_api_function_says_of_the_lines(
    page: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbids(_: object) -> Any:
        raise AccessError("The stack cannot be read.", hint="Ask for it.")

    monkeypatch.setattr(catchments, "read_outputs", forbids)
    answer = page.get("doctor")
    assert answer.status_code == 200
    stack, access, lines = answer.json()["checks"]
    assert access["ok"]
    assert (stack["area"], stack["ok"], stack["looked_at"]) == ("stack", False, False)
    assert (lines["ok"], lines["fine"]) == (True, "3 lines, 0 runs in flight")
    assert [one["message"] for one in answer.json()["findings"]] == ["The stack cannot be read."]


def test_a_catchment_that_is_not_there_is_refused(
    page: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(_: object) -> Any:
        raise catchments.CatchmentNotRunningError("dev")

    monkeypatch.setattr(catchments, "read_outputs", gone)
    answer = page.get("doctor")
    assert (answer.status_code, page.asked) == (503, [])
    assert "dev" in answer.json()["error"]["message"]
