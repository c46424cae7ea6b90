"""Rows of history, and the error of one."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from duckstring.model.answers.runs import RunRow
from duckstring.model.audits import short
from duckstring_cli import checked, durations, render
from duckstring_cli.line_words import NAME_LEAST, NAME_NARROW


def run_table(runs: Sequence[RunRow], now: str, *, narrow: bool, asked: bool = False) -> Table:
    """Rows of run history. ``asked``: with who asked for them."""
    failed = any(run_error(row) for row in runs)
    middle = ["STARTED", "TOOK"] if narrow else ["VERSION", "STARTED", "TOOK", "FRESHNESS"]
    made = render.table(
        "RUN",
        "STATUS",
        *middle,
        *(["BY"] if asked else []),
        *(["ERROR"] if failed else []),
        right=("TOOK",),
        last="cut" if failed else "whole",
    )
    for row in runs:
        took = render.between(row["started"], row["finished"] or now)
        lasted = "" if took is None else durations.brief(took)
        began = f"{durations.age(render.between(row['started'], now))} ago"
        cells = (
            [began, lasted]
            if narrow
            else [row["version"], render.moment(row["started"]), lasted, render.moment(row["f"])]
        )
        made.add_row(
            row["run"],
            checked.status(row),
            *cells,
            *([_asker(row, narrow=narrow)] if asked else []),
            *([Text(run_error(row), style="red")] if failed else []),
        )
    return made


def _asker(row: RunRow, *, narrow: bool) -> str:
    name = short(row.get("by") or "")
    return render.shorten(name, NAME_LEAST if narrow else NAME_NARROW)


def run_error(row: RunRow) -> str:
    """``load: ValueError: ...``, or nothing."""
    where = f"{row.get('ripple')}: " if row.get("ripple") else ""
    error = row.get("error") or ""
    message = render.one_line(row.get("message"))
    text = render.error_text(error, message)
    return render.one_line(f"{where}{text}") if text else ""
