"""What the page is answered: the client's own answers, and refusals word for word."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from duckstring_cli.page.watch import Pace, StatusWatch, version_of
from tests.unit.cli.made_up import line_status, run_row, source
from tests.unit.page.page_kit import DONE, Served


def status(*lines: Mapping[str, Any], now: str = "2030-01-01T12:00:00.000000Z") -> Any:
    return {"now": now, "lines": list(lines), "limits": [], "maintenance": None}


def refused(kind: str, message: str, hint: str = "") -> dict[str, Any]:
    return {"ok": False, "error": {"type": kind, "message": message, "hint": hint}}


SALES = line_status("sales@1", sources=[source("orders@1", staleness_seconds=3.0)])


def test_the_status_comes_at_once_and_again_when_it_has_changed(page: Served) -> None:
    told = [status(SALES)]
    page.answers = lambda request: told[-1] if request["op"] == "status" else DONE
    page.post("control", line="sales@1", verb="wake")  # what was read before is not told again
    first = page.get("status").json()
    assert first["answer"] == told[0]

    later = {
        **SALES,
        "staleness_seconds": 99.0,
        "sources": [source("orders@1", staleness_seconds=9.0)],
    }
    told.append(status(later, now="2030-01-01T12:00:09.000000Z"))
    same = page.get("status", after=first["version"], wait="0.01").json()
    assert same == {"version": first["version"], "answer": None}

    told.append(status({**SALES, "status": "running"}))
    page.post("control", line="sales@1", verb="wake")
    news = page.get("status", after=first["version"], wait="5").json()
    assert news["answer"]["lines"][0]["status"] == "running"
    assert news["version"] != first["version"]


def test_a_page_that_waits_is_told_as_soon_as_something_changes() -> None:
    told: Any = status(SALES)

    def read(*, lines: Any) -> Any:
        return told

    async def waits() -> Any:
        nonlocal told
        watch = StatusWatch(read, pace=Pace(0.02, 0.02))
        version, _ = await watch.newest("", 0)
        waiting = [asyncio.create_task(watch.newest(version, 30)) for _ in range(5)]
        await asyncio.sleep(0.1)
        assert not any(one.done() for one in waiting)
        told = status({**SALES, "status": "failed"})
        return await asyncio.wait_for(asyncio.gather(*waiting), 20)

    answers = asyncio.run(waits())
    assert [answer["lines"][0]["status"] for _, answer in answers] == ["failed"] * 5


def test_five_pages_at_once_are_one_reader_and_nothing_is_read_while_none_waits() -> None:
    reads: list[int] = []

    def read(*, lines: Any) -> Any:
        reads.append(1)
        return status(SALES)

    async def once() -> None:
        watch = StatusWatch(read, pace=Pace(60, 60))
        await asyncio.gather(*(watch.newest("", 0) for _ in range(5)))
        assert len(reads) == 1
        quick = StatusWatch(read, pace=Pace(0.01, 0.01))
        await quick.newest("", 0)
        await asyncio.sleep(0.1)

    asyncio.run(once())
    assert len(reads) == 2


def test_only_what_a_clock_changes_makes_no_other_version() -> None:
    older = {**SALES, "staleness_seconds": 5.0}
    assert version_of(status(SALES)) == version_of(status(older, now="x"))
    assert version_of(status(SALES)) != version_of(status({**SALES, "end_f": "x"}))
    held = {"at": "x", "by": None, "note": None}
    assert version_of(status(SALES)) != version_of({**status(SALES), "maintenance": held})
    limit = {"name": "w", "tokens": 1, "held": [], "waiting": [], "used_by": []}
    assert version_of(status(SALES)) != version_of({**status(SALES), "limits": [limit]})


def test_runs_are_asked_for_by_pond_state_span_and_page(page: Served) -> None:
    page.answers = {"runs": {"runs": []}}
    page.get(
        "runs",
        pond="sales@1",
        status="failed",
        since="2030-01-01T12:00:00.000Z",
        until="",
        before="sales@1/7",
        limit=200,
    )
    assert page.asked == [
        {
            "op": "runs",
            "pond": "sales",
            "major": 1,
            "status": "failed",
            "since": "2030-01-01T12:00:00.000000Z",
            "before": "sales@1/7",
            "limit": 200,
        }
    ]


COSTS = {
    "run": "sales@1/4",
    "started": "2030-01-01T12:00:00Z",
    "status": "success",
    "wanted": "wave",
    "sources": {},
    "overtaken_by": None,
    "used": {"stepfunctions_transitions": 40, "secrets_reads": 1},
    "attempts": 1,
    "estimated": 0,
    "running": 0,
}


def test_what_a_lines_runs_cost_comes_by_kind_the_dearest_first(page: Served) -> None:
    page.answers = {"cost": {"now": "2030-01-01T13:00:00Z", "runs": [COSTS], "more": False}}
    told = page.get("cost/sales@1", days=30).json()
    assert (told["usd"], told["runs"], told["complete"]) == (pytest.approx(0.001005), 1, True)
    assert [part["kind"] for part in told["parts"]] == [
        "stepfunctions_transitions",
        "secrets_reads",
    ]
    (asked,) = page.asked
    assert (asked["pond"], asked["major"]) == ("sales", 1)
    assert page.get("cost/Sales", days=30).status_code == 400


def test_a_run_has_what_it_cost_if_that_is_known(page: Served) -> None:
    run = run_row("sales@1/4")
    page.answers = {"run": {"run": run, "attempts": [], "older_tables": []}}
    assert page.get("run/sales@1/4").json()["usd"] is None
    run["used"] = {"stepfunctions_transitions": 40}
    assert page.get("run/sales@1/4").json()["usd"] == pytest.approx(0.001)


def test_a_line_has_its_runs_tables_and_rules(page: Served) -> None:
    answers = {
        "status": status(SALES),
        "runs": {"runs": [{"run": "sales@1/1"}]},
        "tables": refused("NotPublishedError", "sales@1 has not completed a run yet."),
        "arrival": {"line": "sales@1", "arrivals": []},
    }
    page.answers = answers
    told = page.get("line/sales@1").json()
    assert told == {"line": SALES, "runs": [{"run": "sales@1/1"}], "tables": None, "arrivals": []}
    assert {(one["pond"], one["major"]) for one in page.asked} == {("sales", 1)}


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("line/sales", "'sales' is not a line; write pond@major, as sales@1."),
        ("line/sales@x", "'sales@x' is not a line; write pond@major, as sales@1."),
        ("run/Sales@1/4", None),
        ("run/sales@1/99999999999", None),
        (f"run/sales@1/{'9' * 5000}", None),
        ("runs?limit=many", "limit=many: not a number."),
        ("runs?since=2030", "since: Invalid isoformat string: '2030'."),
        ("status?wait=-1", "wait=-1: not a number."),
    ],
)
def test_a_bad_address_is_one_clear_line_and_asks_nobody(
    page: Served, path: str, message: str | None
) -> None:
    page.answers = {}
    answer = page.get(path)
    assert answer.status_code == 400
    assert message in {None, answer.json()["error"]["message"]}
    assert page.asked == []


@pytest.mark.parametrize(
    ("kind", "code"), [("PondNotFoundError", 400), ("StillNeededError", 409), ("Else", 409)]
)
def test_a_refusal_reaches_the_page_word_for_word(page: Served, kind: str, code: int) -> None:
    page.answers = lambda _: refused(kind, "No Pond '<b>x</b>'.", "List \x1b[31mthem.")
    answer = page.get("run/sales@1/42")
    assert (answer.status_code, answer.json()) == (
        code,
        {"error": {"type": kind, "message": "No Pond '<b>x</b>'.", "hint": "List \x1b[31mthem."}},
    )
    assert answer.headers["content-type"] == "application/json"


def test_a_fault_of_our_own_is_told_in_one_line_without_what_it_says(page: Served) -> None:
    def breaks(_: Any) -> Any:
        raise KeyError("a secret")

    page.answers = breaks
    answer = page.get("runs")
    assert answer.status_code == 500
    assert answer.json()["error"]["message"] == "The page's server failed with KeyError."
    assert "secret" not in answer.text


ACTS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "pulse": (
        "trigger",
        {"pond": "sales", "major": 1, "kind": "pulse"},
        {"op": "trigger", "pond": "sales", "major": 1, "kind": "pulse"},
    ),
    "tide": (
        "trigger",
        {"pond": "sales", "major": 2, "kind": "tide", "bound": 3600},
        {"op": "trigger", "pond": "sales", "major": 2, "kind": "tide", "bound": 3600},
    ),
    "kill": (
        "control",
        {"line": "sales@1", "verb": "kill"},
        {"op": "control", "pond": "sales", "major": 1, "verb": "kill"},
    ),
    "budgets": (
        "budgets",
        {"line": "sales@1", "immediate_retries": 2},
        {"op": "failure-budget", "pond": "sales", "major": 1, "immediate_retries": 2},
    ),
    "compute": (
        "compute",
        {"line": "sales@1", "ripple": "load", "place": "task", "memory_mib": 8192},
        {
            "op": "compute", "pond": "sales", "major": 1, "ripple": "load", "on": "task",
            "memory_mib": 8192,
        },
    ),
    "a Window": (
        "window",
        {"line": "sales@1", "action": "add", "name": "nightly", "every": 86400},
        {
            "op": "window", "pond": "sales", "major": 1, "action": "add",
            "window": {"name": "nightly", "every": 86400},
        },
    ),
    "no Window": (
        "window",
        {"line": "sales@1", "action": "remove", "name": "nightly"},
        {"op": "window", "pond": "sales", "major": 1, "action": "remove", "name": "nightly"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("act", ACTS)
def test_an_action_is_the_command_s_own_request_and_says_that_the_page_made_it(
    page: Served, act: str
) -> None:
    path, body, request = ACTS[act]
    page.answers = lambda _: {"line": "sales@1"}
    assert page.post(path, **body).json() == {"line": "sales@1"}
    assert page.asked == [{**request, "caller": {"via": "page"}}]


BAD: list[tuple[str, dict[str, Any], str]] = [
    (
        "control",
        {"line": "sales@1", "verb": "drop"},
        "verb: 'drop' is not known; allowed: wake, force, sleep, kill, clear.",
    ),
    ("control", {"verb": "wake"}, "line: a text is needed."),
    ("control", {"line": 7, "verb": "wake"}, "line: a text is needed."),
    (
        "trigger",
        {"pond": "sales", "kind": "tide", "bound": True},
        "bound: True is not a number of seconds.",
    ),
    (
        "trigger",
        {"pond": "sales", "kind": "pulse", "major": "1"},
        "major: '1' is not a whole number.",
    ),
    ("sql", {"sql": 7}, "sql is a text."),
    ("sql", {"sql": "FROM a.b", "limit": "9"}, "limit is a whole number."),
    ("sql", {"sql": "FROM a.b", "limit": True}, "limit is a whole number."),
    ("sql", {"sql": "FROM a.b", "at": 7}, "consistent is true or false, and at a text."),
    (
        "sql",
        {"sql": "FROM a.b", "at": "2h", "consistent": True},
        "Give consistent or at, not both.",
    ),
    ("sql", {"sql": "FROM a.b", "at": "soon"}, "'soon' is not a point in time."),
    ("sql", {"sql": ""}, "The SQL is empty."),
    ("export", {"sql": "FROM a.b", "format": "exe"}, "format is csv or parquet."),
    ("export", {"sql": "FROM a.b", "format": ["csv"]}, "format is csv or parquet."),
    ("names", {"word": 7}, "word is a text of at most 200 characters."),
    ("names", {"word": "x" * 201}, "word is a text of at most 200 characters."),
    ("publish", {"line": "sales@1", "over": 3}, "snapshot: None is not a whole number from 1."),
    (
        "publish",
        {"line": "sales@1", "snapshot": 1, "over": True},
        "over: True is not a whole number from 1.",
    ),
]


@pytest.mark.parametrize(("path", "body", "message"), BAD)
def test_a_bad_body_is_one_clear_line_and_asks_nobody(
    page: Served, path: str, body: dict[str, Any], message: str
) -> None:
    page.answers = {}
    answer = page.post(path, **body)
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, message)
    assert page.asked == []


def test_a_windows_moments_are_as_people_write_them(page: Served) -> None:
    page.answers = lambda _: {"line": "sales@1"}
    rule = {"line": "sales@1", "action": "add", "name": "nightly", "every": 86400}
    page.post("window", **rule, start="02:00", until="2040-12-31")
    sent = page.asked[0]["window"]
    assert sent["start"].endswith("T02:00:00.000000Z")
    assert sent["until"] == "2040-12-31T00:00:00.000000Z"
    page.asked.clear()
    answer = page.post("window", **rule, start="soon")
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == "'soon' is not a point in time."
    assert page.asked == []


def test_a_windows_moments_are_those_of_its_zone(page: Served) -> None:
    page.answers = lambda _: {"line": "sales@1"}
    rule = {"line": "sales@1", "action": "add", "name": "nightly", "cron": "0 6 1 * *"}
    page.post("window", **rule, tz="Europe/Berlin", start="2030-01-01", until="2040-12-31T02:00Z")
    assert page.asked[0]["window"] == {
        "name": "nightly",
        "cron": "0 6 1 * *",
        "tz": "Europe/Berlin",
        "start": "2030-01-01T00:00:00",
        "until": "2040-12-31T02:00:00.000000Z",
    }
    page.asked.clear()
    for tz in ("Europe/Berln", 7, ["x"]):
        answer = page.post("window", **rule, tz=tz, start="02:00")
        assert answer.status_code == 400
        assert answer.json()["error"]["message"].startswith("tz is ")
    assert page.asked == []


@pytest.fixture
def tables(page: Served, snapshot: dict[str, Any]) -> Served:
    page.answers = {"tables": snapshot}
    return page


def test_the_first_rows_of_a_table_are_text_with_types(tables: Served) -> None:
    grid = tables.get("rows/reports@1/routes", limit=2).json()
    assert grid["columns"] == [
        {"name": "n", "type": "BIGINT"},
        {"name": "name", "type": "VARCHAR"},
        {"name": "delay", "type": "DOUBLE"},
        {"name": "nothing", "type": "INTEGER"},
    ]
    assert grid["rows"] == [["0", "to 0", "0.0", None], ["1", "to 1", "0.125", None]]
    assert grid["more"] is True
    assert len(tables.get('rows/reports@1/odd "name"').json()["rows"]) == 1
    assert tables.get("rows/reports@1/nope").status_code == 400
