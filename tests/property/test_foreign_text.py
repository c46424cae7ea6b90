"""Hostile text through every view and every log line: nothing raises, and a terminal obeys
nothing of it.
"""

from __future__ import annotations

import io
import json
import logging
import sys
from contextlib import redirect_stderr, redirect_stdout
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given, settings

from duckstring.errors import OperatorError
from duckstring_cli import board, live, pond_view, render, run_table, screens
from duckstring_cli.commands import runs
from duckstring_cli.commands.logs import _Reader
from duckstring_cli.errors import CatchmentRefusedError
from duckstring_cli.follow import Event
from duckstring_cli.logbook import _entry
from duckstring_cli.rows import _escape, print_rows
from tests.hostile import (
    CORE,
    ENTRIES,
    NEEDLE,
    SECRET,
    check_secret,
    check_shown,
    check_stored,
    hostile,
    redactor,
)
from tests.unit.cli.made_up import at, attempt_row, line_status, run_row

ESCAPE = "\x1b[31m \x9b \u202e \0 \ud800 \udcff \x07"
many = settings(max_examples=25, deadline=None)


class Shy(Exception):  # noqa: N818 - as an author calls it
    def __str__(self) -> str:
        raise SystemExit(ESCAPE)


def printed(*views: Any, width: int = 70) -> str:
    """As a terminal gets it."""
    console = screens.Harmless(
        file=io.StringIO(), force_terminal=True, width=width, highlight=False
    )
    for view in views:
        console.print(view)
    return console.file.getvalue()


def said(act: Any, *arguments: Any, **named: Any) -> str:
    out = io.StringIO()
    with redirect_stdout(out), redirect_stderr(out):
        act(*arguments, **named)
    return out.getvalue()


def lines_of(text: str) -> list[dict[str, Any]]:
    failure = {"run": "a@1/1", "ripple": "load", "attempt": 1, "error": text, "message": text}
    run = {
        "run": "a@1/1",
        "started": at(0),
        "ripples": [{"name": "load", "status": "running", "since": at(0), "attempt": 1}],
    }
    return [
        line_status("a@1", status="failed", failure=failure, reason=text, version=text),
        line_status("b@1", status="blocked", reason=text),
        line_status("c@1", status="running", runs=[run]),
    ]


@many
@given(hostile)
@example(f"{NEEDLE} {ESCAPE}")
def test_views_of_status_and_runs(text: str) -> None:
    answer: Any = {"now": at(60), "lines": lines_of(text)}
    check_shown(
        printed(board.overview(answer, width=70), board.overview(answer, width=300, height=20))
    )
    for line in answer["lines"]:
        check_shown(printed(pond_view.detail(answer, line, [])), says=line["status"] != "running")
    row: Any = run_row(
        "a@1/1", status="failed", ripple="load", error=text, message=text, version=text
    )
    check_shown(printed(run_table.run_table([row], at(60), narrow=False), width=300))
    follower: Any = SimpleNamespace(
        lines=answer["lines"],
        now=at(60),
        took={},
        finished={},
        goal=SimpleNamespace(after=None, epoch=at(1), since=at(0)),
    )
    check_shown(printed(live.progress(follower, height=30)))
    check_shown(
        printed(
            live.event_line(Event(at(1), "a@1", "load", "failed", 1.0, text), at(0)).replace(
                "[", "\\["
            )
        )
    )


@many
@given(hostile)
@example(f"{NEEDLE} {ESCAPE}")
def test_a_run_closely(text: str) -> None:
    told = {
        "status": "failed",
        "error": text,
        "message": text,
        "traceback": text,
        "on_kill": "refused",
        "on_kill_message": text,
    }
    attempt: Any = attempt_row("a@1/1", "load", **told)
    check_shown(said(runs._print_error, attempt, named=""))


@many
@given(hostile)
@example(f"{NEEDLE} {ESCAPE}")
def test_refusals_warnings_and_json(text: str) -> None:
    check_shown(said(render.refuse, OperatorError(text, hint=text)))
    check_shown(
        said(
            render.refuse,
            CatchmentRefusedError(type="RippleError", message=text, hint=text, traceback=text),
        )
    )
    check_shown(said(render.warn, text))
    found = said(render.print_json, {"text": text, text: [text]})
    check_shown(found)
    assert json.loads(found) == {"text": text, text: [text]}, "programs read what was stored"


@many
@given(hostile)
@example(f"{NEEDLE} {ESCAPE}")
@pytest.mark.parametrize("as_json", [False, True])
def test_lines_of_a_log(as_json: bool, text: str) -> None:
    row: Any = attempt_row("a@1/1", "load")
    reader = _Reader(SimpleNamespace(catchment=None), "a@1/1", as_json=as_json)
    fields = {
        "message": text,
        "level": "ERROR",
        "exception": text,
        "run": "a@1/1",
        "headers": {text: text},
    }
    for message in (text, json.dumps(fields), json.dumps({**fields, "exception": "", text: text})):
        check_shown(
            said(
                reader._print,
                _entry({"timestamp": 1, "message": message, "logStreamName": "s"}),
                row,
            )
        )


@many
@given(hostile)
@example(f"{NEEDLE} {ESCAPE}")
def test_rows_and_columns(text: str) -> None:
    import duckdb

    # DuckDB takes no lone surrogates, and ends a name at NUL.
    kept = text.encode("utf-8", "ignore").decode().replace("\0", "")
    name = '"' + kept[:200].replace('"', '""') + '"'
    relation = duckdb.sql(f"SELECT 1 AS {name}, 2 AS n", connection=(con := duckdb.connect()))
    check_shown(said(print_rows, relation, 10), says=False)
    check_shown(said(print_rows, con.sql("SELECT ? AS x", params=[kept]), 10))
    check_shown(_escape("csv", to_terminal=True)(text))


@pytest.fixture
def worker_log(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function's logger, and what it has written."""
    from functions.json_log import json_logger

    def log(act: Any) -> list[dict[str, Any]]:
        out = io.StringIO()
        monkeypatch.setattr(sys, "stdout", out)
        logger = json_logger("hostile", redactor())
        logger.registered_handler.stream = out
        mine = logging.getLogger("tests.author")
        mine.propagate = False
        mine.setLevel(logging.INFO)
        mine.handlers.clear()
        mine.addHandler(logger.registered_handler)
        with redirect_stderr(io.StringIO()) as err:
            act(mine)
        monkeypatch.undo()
        assert err.getvalue() == "", "logging could not write a line"
        out.getvalue().encode()
        return [json.loads(line) for line in out.getvalue().splitlines()]

    return log


TEXTS = [
    "",
    ESCAPE,
    SECRET,
    f"https://etl:{SECRET}@h/",
    "[" * 100_000,
    '{"a": 1}',
    "9" * 5_000,
    "%s %d",
    *ENTRIES.values(),
]


@pytest.mark.parametrize("text", TEXTS)
def test_each_line_of_a_functions_log_is_written_and_has_no_secret(
    worker_log: Any, text: str
) -> None:
    text = f"{NEEDLE} {text}"

    def act(log: logging.Logger) -> None:
        log.info(text)
        log.info("%s", text)
        log.info("%d rows", Shy())
        log.info(
            "with fields",
            extra={
                "headers": {text: [text, Shy(), {1: text}]},
                text: text,
                "shy": Shy(),
                "bytes": b"\xff" + text[:9].encode(),
            },
        )
        log.error("failed", exc_info=ValueError(text))

    found = worker_log(act)
    assert len(found) == 5
    whole = json.dumps(found)
    check_secret(whole)
    assert CORE not in whole
    assert NEEDLE in found[0]["message"]
    assert NEEDLE in found[1]["message"]
    assert NEEDLE in found[4]["exception"]


@many
@given(hostile)
@example(f"{NEEDLE} {ESCAPE}")
def test_what_is_redacted_can_be_stored(text: str) -> None:
    check_stored(redactor().text(text))
    check_stored(redactor().text(ValueError(text)))
    check_stored(json.dumps(redactor().tree({"a": [text], text: text}), ensure_ascii=False))
    assert redactor().text(redactor().text(text)) == redactor().text(text)
