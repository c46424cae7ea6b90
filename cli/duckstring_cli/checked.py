"""What checks found, in words and rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from duckstring_cli import render

if TYPE_CHECKING:
    from rich.text import Text

    from duckstring.model.answers.runs import CheckTold, RunRow, WarningTold
    from duckstring.model.answers.status import LineState
    from duckstring.model.checks import CheckResult

_STYLES = {"passed": "green", "failed": "bold red", "warned": "yellow", "raised": "red"}
_MARKS = {"passed": "✓", "failed": "✗", "warned": "!", "raised": "✗"}


def brief(warnings: Sequence[WarningTold] | None) -> str:
    """``warns: late_orders and 1 more``, or nothing."""
    names = [one["check"] for one in warnings or ()]
    return f"warns: {render.first_of(names)}" if names else ""


def each(warnings: Sequence[WarningTold] | None) -> str:
    """A line for each: ``late_orders: 3 rows``."""
    return "\n".join(f"{one['check']}: {_found(one)}" for one in warnings or ())


def _found(one: WarningTold) -> str:
    return _rows(one["rows"]) if one["rows"] else render.one_line(one["message"])


def _rows(count: int) -> str:
    return f"{render.count(count)} row{'' if count == 1 else 's'}"


def names(line: LineState) -> str:
    """The names of a line's checks."""
    return ", ".join(name for ripple in line["ripples"] for name in ripple.get("checks") or ())


def status(row: RunRow) -> Text:
    """A run's status, and how many of its checks warn."""
    from rich.text import Text

    count = len(row.get("warnings") or ())
    if not count:
        return render.word(row["status"])
    warned = f" ({count} warning{'' if count == 1 else 's'})"
    return Text.assemble(render.word(row["status"]), (warned, "yellow"))


def totals(checks: Sequence[CheckTold]) -> str:
    """``5 checks: 3 passed, 1 failed, 1 warned``."""
    counts = Counter(one["outcome"] for one in checks)
    told = ", ".join(f"{counts[outcome]} {outcome}" for outcome in counts)
    return f"{len(checks)} check{'' if len(checks) == 1 else 's'}: {told}"


def line_of(one: CheckResult) -> Text:
    """``✗ amounts  3 rows``: how one check ended."""
    from rich.text import Text

    found = _rows(one.rows) if one.rows else render.one_line(one.message)
    mark, style = _MARKS.get(one.outcome, "-"), _STYLES.get(one.outcome, "dim")
    words = ", ".join(filter(None, (one.outcome, found)))
    return Text.assemble((mark, style), " ", (one.check, "bold"), f"  {words}")
