"""What checks found, in the lists and pages of the command."""

from __future__ import annotations

from typing import Any, cast

import pytest
from rich.text import Text

from duckstring.model.answers.runs import CheckTold, RunRow, WarningTold
from duckstring.model.answers.status import LineStatus
from duckstring.model.checks import CheckResult
from duckstring_cli import checked, line_words, pond_view, run_table
from tests.unit.cli.commands_kit import Bench
from tests.unit.cli.made_up import at, attempt_row, line_status, run_row
from tests.unit.cli.test_board import answer, shown

LATE: WarningTold = {"check": "late", "rows": 3, "message": ""}
ODD: WarningTold = {"check": "odd", "rows": 0, "message": "\x1b[31mmuch too odd"}
FOUND = {
    "check": "late",
    "severity": "fail",
    "outcome": "failed",
    "rows": 3,
    "message": "",
    "columns": [],
    "sample": [],
}


def line(**told: Any) -> LineStatus:
    ripples = [
        {
            "name": "checks",
            "parents": ["load"],
            "end_f": at(0),
            "status": "idle",
            "checks": ["late", "odd"],
            "runs_on": "lambda",
            "task_mib": 0,
            "decided_by": "default",
        }
    ]
    return cast("LineStatus", line_status("sales@1", ripples=ripples, **told))


def test_a_line_says_which_check_warns_and_how_many_more() -> None:
    assert line_words.doing(line(warnings=[LATE, ODD]), at(0)).endswith("warns: late and 1 more")
    assert "warns" not in line_words.doing(line(warnings=[]), at(0))
    assert "warns" not in line_words.doing(line(), at(0)), "of an older Catchment"


def test_the_page_of_a_line_has_its_checks_and_each_warning_harmless() -> None:
    held = line(warnings=[LATE, ODD])
    page = shown(pond_view.detail(answer(held), held, []))
    assert "checks" in page
    assert "late, odd" in page
    assert "late: 3 rows" in page
    assert "odd: \\x1b[31mmuch too odd" in page


def test_a_run_that_warns_is_marked_in_the_list_of_runs() -> None:
    rows = [
        cast("RunRow", run_row("sales@1/2", warnings=[LATE, ODD])),
        cast("RunRow", run_row("sales@1/1", warnings=[LATE])),
        cast("RunRow", run_row("sales@1/3")),
    ]
    assert [checked.status(row).plain for row in rows] == [
        "success (2 warnings)",
        "success (1 warning)",
        "success",
    ]
    assert "success (2 warnings)" in shown(run_table.run_table(rows, at(60), narrow=False))


def test_checks_are_counted_by_how_they_ended() -> None:
    passed = cast("CheckTold", {**FOUND, "check": "fine", "outcome": "passed"})
    failed = cast("CheckTold", FOUND)
    assert checked.totals([passed, failed, passed]) == "3 checks: 2 passed, 1 failed"
    assert checked.totals([failed]) == "1 check: 1 failed"


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (CheckResult("late", outcome="failed", rows=3), "✗ late  failed, 3 rows"),
        (CheckResult("late", "warn", "warned", 1), "! late  warned, 1 row"),
        (CheckResult("late", outcome="raised", message="no luck"), "✗ late  raised, no luck"),
        (CheckResult("late"), "✓ late  passed"),
        (CheckResult("late", outcome="not applicable"), "- late  not applicable"),
    ],
)
def test_one_check_is_one_line(one: CheckResult, words: str) -> None:
    found = checked.line_of(one)
    assert isinstance(found, Text)
    assert found.plain == words


def test_a_run_shows_its_checks_and_what_they_warn_of(bench: Bench) -> None:
    words = "1 of 1 check warned: late (3 rows).\n\nlate (warned): 3 rows\n  id\n  7"
    warned = {**FOUND, "outcome": "warned", "severity": "warn"}
    attempt = attempt_row("sales@1/3", "checks", message=words, checks=[warned])
    run = run_row("sales@1/3", warnings=[LATE])
    bench.answers({"run": {"run": run, "attempts": [attempt]}})
    out = bench.run("run", "show", "sales@1/3")[1]
    assert "success (1 warning)" in out
    assert "1 check: 1 warned\n" in out
    assert "checks, attempt 1: warns\n" in out
    assert words in out
