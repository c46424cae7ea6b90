"""What checks found, in the forms in which it is sent, kept and shown."""

from __future__ import annotations

import json

import pytest

from duckstring.model import checks
from duckstring.model.checks import (
    MOST_CHECKS,
    MOST_ROWS,
    MOST_SAMPLE,
    WARNING,
    CheckResult,
    CheckWarning,
)
from duckstring.model.limits import stored_bytes

FAILED = CheckResult(
    "amounts",
    outcome="failed",
    rows=1_234,
    columns=("id", "amount"),
    sample=(("1", "-5"), ("20", None)),
)
WARNED = CheckResult("late", "warn", "warned", message="too late\nby far")
RAISED = CheckResult("odd", outcome="raised", message="ValueError: no luck")
PASSED = CheckResult("fine")


def test_what_was_found_is_a_sentence_and_then_each_check_with_its_rows() -> None:
    assert checks.in_words([FAILED, WARNED, RAISED, PASSED]) == (
        "1 of 4 checks failed: amounts (1,234 rows). 1 warned: late. 1 raised: odd. "
        "Nothing of this run is published.\n"
        "\namounts (failed): 1,234 rows\n"
        "  id  amount\n  1   -5\n  20  NULL\n  ... and 1,232 rows more\n"
        "\nlate (warned): too late\nby far\n"
        "\nodd (raised): ValueError: no luck"
    )


def test_what_only_warns_is_published() -> None:
    words = checks.in_words([WARNED])
    assert words == "1 of 1 check warned: late.\n\nlate (warned): too late\nby far"


def test_where_nothing_was_found_there_are_no_words() -> None:
    assert checks.in_words([PASSED]) == checks.in_words([]) == ""


def test_a_sample_of_all_rows_has_no_more_of_them() -> None:
    one = CheckResult("c", outcome="failed", rows=1, columns=("a",), sample=(("x",),))
    assert checks.in_words([one]).endswith("c (failed): 1 row\n  a\n  x")


def test_control_codes_in_cells_and_words_are_shown_as_escapes() -> None:
    one = CheckResult(
        "c", outcome="failed", rows=1, message="\x1b[2J", columns=("\x07",), sample=(("a\nb",),)
    )
    words = checks.in_words([one])
    assert "\x1b" not in words
    assert "  \\x07\n  a\\nb" in words


def test_a_line_keeps_the_first_line_of_what_warns() -> None:
    long = CheckResult("long", "warn", "warned", 3, "ü" * 400)
    kept = checks.warnings_of([FAILED, WARNED, PASSED, long])
    assert kept[0] == CheckWarning("late", 0, "too late")
    assert (kept[1].check, kept[1].rows) == ("long", 3)
    assert stored_bytes(kept[1].message) <= WARNING
    assert [one.words for one in kept] == ["late: too late", "long: 3 rows"]
    assert checks.warnings_of([CheckResult("x", "warn", "warned")])[0].words == "x"


def test_only_what_failed_forbids_to_publish() -> None:
    assert checks.has_failed([WARNED, FAILED])
    assert not checks.has_failed([WARNED, RAISED, PASSED])


def sent(**fields: object) -> dict[str, object]:
    return {"check": "amounts", **fields}


def test_results_come_back_from_their_text() -> None:
    results = (FAILED, WARNED, RAISED, PASSED)
    assert checks.from_text(checks.to_text(results)) == results
    assert checks.to_object(FAILED)["sample"] == [["1", "-5"], ["20", None]]
    assert checks.warning_to_object(CheckWarning("late", 2)) == {
        "check": "late",
        "rows": 2,
        "message": "",
    }


@pytest.mark.parametrize(
    "found",
    [
        None,
        {},
        [1],
        [sent(check="Amounts")],
        [sent(check="x" * 49)],
        [sent(outcome="lost")],
        [sent(severity="loud")],
        [sent(outcome="warned")],
        [sent(outcome="failed", severity="warn")],
        [sent(rows=-1)],
        [sent(rows=MOST_ROWS + 1)],
        [sent(rows="3")],
        [sent(message="x" * 501)],
        [sent(columns=["c"] * 31)],
        [sent(columns=["c" * 101])],
        [sent(columns=["c"], sample=[["x"]] * (MOST_SAMPLE + 1))],
        [sent(columns=["c"], sample=[["x", "y"]])],
        [sent(columns=["c"], sample=[["x" * 81]])],
        [sent(), sent()],
        [sent(check=f"c{n}") for n in range(MOST_CHECKS + 1)],
    ],
)
def test_what_a_process_sends_that_are_no_results_is_refused(found: object) -> None:
    assert checks.results_of(found) is None
    assert checks.from_text(json.dumps(found)) is None


@pytest.mark.parametrize("text", ["", "no", "[" * 100_000, "\ud800"])
def test_another_text_in_a_row_are_no_results(text: str) -> None:
    assert checks.from_text(text) is None


def test_a_row_of_history_has_room_for_all_results() -> None:
    cells = tuple(("x" * 80,) * 30 for _ in range(20))
    wide = [
        CheckResult(
            f"c{n}",
            outcome="failed",
            rows=20,
            columns=("c",) * 30,
            sample=cells,
            message="語" * 500,
        )
        for n in range(MOST_CHECKS)
    ]
    few = checks.from_text(checks.to_text(wide[:2]))
    assert few is not None
    assert [len(one.sample) for one in few] == [0, 20]
    text = checks.to_text(wide)
    assert len(text.encode()) <= 60_000
    found = checks.from_text(text)
    assert found is not None
    assert [(one.check, one.rows) for one in found] == [(one.check, 20) for one in wide]
