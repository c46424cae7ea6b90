"""Limits in the terminal: how many of their tokens are taken, by whom, and who waits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from duckstring.model import commands
from duckstring.model.answers.changes import LimitAnswer
from duckstring.model.answers.status import LimitTold, LineStatus, StatusAnswer, TokenTold
from duckstring.model.limits import USUAL_PRIORITY
from duckstring_cli import durations, render

_MOST_NAMED = 3
_MOST_ROWS = 20
"""Of those who wait at one limit. JSON has all."""


def limits_view(answer: LimitAnswer, *, named: str = "") -> RenderableType:
    """All limits, and for each in use who has its tokens and who waits."""
    if not answer["limits"]:
        return Text(
            'No limit is set, and no deployed Ripple uses one. A Ripple does: @ripple(uses="...")'
        )
    made = render.table(
        "LIMIT", "TOKENS", "TAKEN", "WAITING", "USED BY", right=_NUMBERS, last="wrapped"
    )
    for limit in answer["limits"]:
        made.add_row(
            limit["name"],
            "no limit" if limit["tokens"] is None else str(limit["tokens"]),
            str(len(limit["held"])),
            str(len(limit["waiting"])),
            _some(limit["used_by"]) or Text("nobody", style="dim"),
        )
    parts: list[RenderableType] = [made]
    for limit in answer["limits"]:
        if limit["held"] or limit["waiting"]:
            parts += [Text(""), _tokens(limit, answer["now"])]
        if limit["tokens"] is None:
            parts += [Text(""), _unset(limit, named)]
    return Group(*parts)


_NUMBERS = ("TOKENS", "TAKEN", "WAITING")


def _tokens(limit: LimitTold, now: str) -> RenderableType:
    ranked = {one["priority"] for one in (*limit["held"], *limit["waiting"])} != {USUAL_PRIORITY}
    more = ["PRIORITY"] if ranked else []
    made = render.table(
        limit["name"].upper(), "RUN", "RIPPLE", "FOR", *more, right=("FOR", "PRIORITY")
    )
    for one in limit["held"]:
        _row(made, render.word("running", "has one"), one, now, ranked=ranked)
    for place, one in enumerate(limit["waiting"][:_MOST_ROWS], start=1):
        _row(made, render.word("waiting", f"waits, {_nth(place)}"), one, now, ranked=ranked)
    left = len(limit["waiting"]) - _MOST_ROWS
    return Group(made, Text(f"… and {left} more wait", style="dim")) if left > 0 else made


def _row(made: Table, word: Text, one: TokenTold, now: str, *, ranked: bool) -> None:
    lasted = durations.brief(render.between(one["since"], now) or 0)
    rank = [str(one["priority"])] if ranked else []
    made.add_row(word, one["run"], one["ripple"], lasted, *rank)


def _nth(place: int) -> str:
    return {1: "next"}.get(place, str(place))


def _unset(limit: LimitTold, named: str) -> Text:
    return Text(
        f"! {limit['name']} has no limit: any number of attempts runs at once. Set one: "
        f"{commands.set_limit(limit['name'])}{named}",
        style="yellow",
    )


def in_status(answer: StatusAnswer, *, named: str = "") -> list[Text]:
    """What the status of all Ponds says of limits: one line for each at which somebody waits, and
    for each that is used and not set.
    """
    return list(_in_status(answer, named))


def _in_status(answer: StatusAnswer, named: str) -> Iterator[Text]:
    for limit in answer.get("limits") or ():
        if limit["tokens"] is None:
            yield _unset(limit, named)
        elif limit["waiting"]:
            longest = min(one["since"] for one in limit["waiting"])
            waited = durations.brief(render.between(longest, answer["now"]) or 0)
            names = _some(_ripples(limit["waiting"]))
            alone = len(limit["waiting"]) == 1
            how = f"has waited {waited}" if alone else f"wait, the longest for {waited}"
            yield Text.assemble(
                (f"limit {limit['name']}: ", "bold"), f"{_taken(limit)}; {names} {how}"
            )
        elif limit["held"]:
            yield Text(f"limit {limit['name']}: {_taken(limit)}", style="dim")


def of_line(answer: StatusAnswer, line: LineStatus) -> str:
    """The limits that a line's Ripples use, and how many tokens are taken."""
    uses = {name for ripple in line["ripples"] for name in ripple.get("uses") or ()}
    return "\n".join(
        f"{limit['name']}: {_taken(limit)}"
        for limit in answer.get("limits") or ()
        if limit["name"] in uses
    )


def priority_of(line: LineStatus) -> str:
    """Said where an operator has set it."""
    rank = line.get("priority", USUAL_PRIORITY)
    return "" if rank == USUAL_PRIORITY else f"{rank} (usually {USUAL_PRIORITY}; the highest first)"


def _taken(limit: LimitTold) -> str:
    """``2 of 2 taken by sales@1, reports@1``."""
    holders = _some(_lines(limit["held"]))
    by = f" by {holders}" if holders else ""
    if limit["tokens"] is None:
        return f"no limit is set, {len(limit['held'])} taken{by}"
    return f"{len(limit['held'])} of {limit['tokens']} taken{by}"


def _lines(tokens: Sequence[TokenTold]) -> list[str]:
    return list(dict.fromkeys(one["line"] for one in tokens))


def _ripples(tokens: Sequence[TokenTold]) -> list[str]:
    return [f"{one['ripple']} of {one['line']}" for one in tokens]


def _some(names: Sequence[str]) -> str:
    """The first few, and how many more."""
    left = len(names) - _MOST_NAMED
    shown = ", ".join(names[:_MOST_NAMED])
    return f"{shown} and {left} more" if left > 0 else shown
