"""Live views: a clean screen when they end, and what goes on is said."""

from __future__ import annotations

import io
import os
import pty
import sys
import termios
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from rich.console import Console

from duckstring_cli import board, line_words, live, pond_view
from duckstring_cli.commands import trigger
from duckstring_cli.errors import BrokenOffError
from duckstring_cli.follow import Follower, Goal
from tests.unit.cli.made_up import at, line_status, source


@pytest.fixture
def keyboard(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A terminal as standard input."""
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "r") as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        yield theirs
    os.close(ours)


def echoes(terminal: int) -> bool:
    return bool(termios.tcgetattr(terminal)[3] & termios.ECHO)


def test_nothing_is_echoed_into_a_live_view_and_the_terminal_is_given_back(keyboard: int) -> None:
    seen: list[bool] = []

    def look() -> None:
        with live.quiet_keys():
            seen.append(echoes(keyboard))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        look()
    assert [*seen, echoes(keyboard)] == [False, True]


def test_without_a_keyboard_a_view_works_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with (tmp_path / "file").open("w+") as file:
        monkeypatch.setattr(sys, "stdin", file)
        with live.quiet_keys():
            pass


def test_a_watch_that_is_broken_off_says_that_the_work_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken_off(*_: object) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(live, "follow", broken_off)
    before = cast("Any", {"now": at(0), "lines": []})
    said = (
        "Not watched any longer; what you asked for goes on. Look again: duckstring status sales "
        "-m 2 -c dev"
    )
    with pytest.raises(BrokenOffError, match=f"^{said}$"):
        trigger.follow(cast("Any", None), "sales@2", before, epoch=at(0), named=" -c dev")


def test_a_retry_that_is_to_come_is_seen_and_the_error_stands_in_one_row() -> None:
    failure = {
        "run": "sales@1/1",
        "ripple": "load",
        "attempt": 1,
        "error": "ValueError",
        "message": "it broke",
    }
    sales = line_status(
        "sales@1", status="failed", failure=failure, retry_at=at(20), reason="load: it broke"
    )
    reason = "blocked by sales@1 (failed: ValueError: it broke)"
    report = line_status(
        "report@1", status="blocked", reason=reason, sources=[source("sales@1", down=True)]
    )
    assert (
        line_words.doing(cast("Any", sales), at(0))
        == "tried again in 20s · load: ValueError: it broke"
    )
    follower = Follower(Goal("report@1", at(0), ""), cast("Any", None))
    follower.observe(cast("Any", {"now": at(0), "lines": [sales, report]}))
    rows = [live._row(line, follower, fresh=False) for line in follower.lines]
    assert str(rows[0][3]) == "tried again in 20s · load: ValueError: it broke"
    assert str(rows[1][3]) == "blocked by sales@1"


def test_ages_of_one_instant_agree_under_a_window_too() -> None:
    told = {"end_f": at(30), "staleness_seconds": 30.0}
    line = line_status("report@1", sources=[source("sales@1", **told)], **told)
    shown = pond_view.detail(cast("Any", {"now": at(0), "lines": [line]}), cast("Any", line), [])
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(shown)
    text = console.export_text()
    assert (
        "30s old, as of 2030-01-01 12:00:30Z, its Window's end; the age counts from the Window's "
        "beginning" in text
    )
    assert [line.split()[2] for line in text.splitlines() if line.startswith("sales@1")] == ["30s"]


def test_a_run_that_fails_as_a_whole_names_no_ripple() -> None:
    failure = {
        "run": "sales@1/1",
        "ripple": "",
        "attempt": 0,
        "error": "ContractError",
        "message": "table 'a' is not written",
    }
    line = line_status("sales@1", status="failed", failure=failure)
    assert line_words.doing(cast("Any", line), at(0)) == "ContractError: table 'a' is not written"
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(board.overview(cast("Any", {"now": at(0), "lines": [line]}), width=120))
    assert "sales@1 failed when it was to be published: ContractError" in console.export_text()
