"""What ``duckstring why`` shows. Decides what to show and how deep, and makes no requests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from rich.console import Group, RenderableType
from rich.text import Text

from duckstring.model.answers.why import CauseTold, WhyAnswer, WhyRun
from duckstring_cli import durations, hints, render
from duckstring_cli.screens import Rows

_MOST_LINES = 30
"""Causes on a screen, and ways to change them. JSON has all."""
_MOST_ROOTS = 10
_MOST_DEMANDS = 10
_INDENT = "  "
_DEEPEST = 8
"""From here on the chain is not moved further to the right."""


def shown(answer: WhyAnswer) -> RenderableType:
    """Why, how old its output is, what would change it, and the last run. To be printed without
    cropping: a command is one line, however narrow the terminal is.
    """
    parts: list[RenderableType] = [
        *_as_of(answer),
        Text.assemble((answer["line"], "bold"), "  ", render.word(answer["status"])),
        _item(answer["staleness"]["text"], style=_worry(answer)),
    ]
    for run in answer["runs"]:
        parts += _block(f"Why {run['run']} runs", _run(run))
    causes = list(_chain(answer))
    if causes:
        parts += _block(_title(answer), causes)
    if answer["ways"]:
        title = "What would have changed it then" if _is_past(answer) else "What would change it"
        parts += _block(title, _ways(answer))
    if answer["last"]:
        parts += _block("The last run", [_item(answer["last"])])
    return Group(*parts)


def _is_past(answer: WhyAnswer) -> bool:
    return answer["at"] != answer["now"]


def _as_of(answer: WhyAnswer) -> list[RenderableType]:
    """The moment that is explained, if it is past. All below is as of then: what it says, how long
    ago, and in how long.
    """
    if not _is_past(answer):
        return []
    age = durations.age(render.between(answer["at"], answer["now"]))
    return [Text(f"As of {render.moment(answer['at'])} ({age} ago):", style="yellow")]


def _title(answer: WhyAnswer) -> str:
    own = answer["chain"][0]["causes"]
    if own and all(cause["kind"] == "waits_for_token" for cause in own):
        return "What it waits for"
    return "Why no other run starts" if _is_running(answer) else "Why"


def _is_running(answer: WhyAnswer) -> bool:
    return any(run["demand"] for run in answer["runs"])


def _worry(answer: WhyAnswer) -> str:
    return "yellow" if answer["staleness"]["late"] else "dim"


def _block(title: str, lines: list[RenderableType]) -> list[RenderableType]:
    return [Text(""), Text(title, style="bold dim"), *lines]


def _run(run: WhyRun) -> list[RenderableType]:
    said = [_item(demand["text"]) for demand in run["demand"][:_MOST_DEMANDS]]
    if (left := len(run["demand"]) - _MOST_DEMANDS) > 0:
        said.append(_more(left))
    return said + [_item(text, 1) for text in run["inside"][:_MOST_LINES]]


def _more(left: int) -> RenderableType:
    return Text(f"{_INDENT}… and {left} more (--json has them)", style="dim")


class _Shown(NamedTuple):
    """A cause, how far it is from the line, and whether what it leads to is shown already."""

    cause: CauseTold
    depth: int
    again: bool


def _chain(answer: WhyAnswer) -> Iterator[RenderableType]:
    """The causes, as far as a screen has room; of the rest the roots."""
    all_of_them = list(_in_depth(answer))
    for one in all_of_them[:_MOST_LINES]:
        yield _cause(one)
    rest = all_of_them[_MOST_LINES:]
    if rest or answer["left_off"]:
        more = len(rest) + answer["left_off"]
        yield Text(f"{_INDENT}… and {more} more (--json has them); the roots:", style="dim")
    for one in [one for one in rest if one.cause["leads_to"] is None][:_MOST_ROOTS]:
        yield _cause(one)


def _in_depth(answer: WhyAnswer) -> Iterator[_Shown]:
    """Each line once, under the cause that leads to it first."""
    by_line = {one["line"]: one["causes"] for one in answer["chain"]}
    ahead = [(cause, 0) for cause in reversed(by_line[answer["line"]])]
    told = {answer["line"]}
    while ahead:
        cause, depth = ahead.pop()
        above = cause["leads_to"]
        again = above in told
        yield _Shown(cause, depth, again)
        if above is not None and not again:
            told.add(above)
            ahead += [(one, depth + 1) for one in reversed(by_line.get(above, []))]


def _cause(one: _Shown) -> RenderableType:
    style = "" if one.cause["leads_to"] else "bold"
    return _item(f"{one.cause['text']}{' (See above.)' if one.again else ''}", one.depth, style)


def _item(text: str, depth: int = 0, style: str = "") -> RenderableType:
    """A sentence, its further lines under its first."""
    made = Rows.grid(padding=0)
    made.add_column(no_wrap=True)
    made.add_column(overflow="fold")
    made.add_row(
        f"{_INDENT * (min(depth, _DEEPEST) + 1)}{'└ ' if depth else ''}", _said(text, style)
    )
    return made


def _ways(answer: WhyAnswer) -> list[RenderableType]:
    """What would change it. Of several lines, each under its name: it takes all of them."""
    lines: list[RenderableType] = []
    heading = _headings(answer)
    for number, way in enumerate(answer["ways"][:_MOST_LINES]):
        if number in heading:
            lines.append(Text(f"{_INDENT}{heading[number]}", style="bold dim"))
        lines.append(_item(f"{way['text']}{':' if way['command'] else '.'}"))
        if way["command"]:
            command = f"{_INDENT * 2}{hints.addressed(way['command'])}"
            lines.append(Text(command, style="bold", no_wrap=True, overflow="ignore"))
    if (left := len(answer["ways"]) - _MOST_LINES) > 0:
        lines.append(_more(left))
    return lines


def _headings(answer: WhyAnswer) -> dict[int, str]:
    """Before which of the ways to write which line, if they are of several lines."""
    first: dict[str, int] = {}
    owner: dict[tuple[str, str | None], str] = {}
    for line in answer["chain"]:
        for way in (way for cause in line["causes"] for way in cause["ways"]):
            owner.setdefault((way["text"], way["command"]), line["line"])
    for number, way in enumerate(answer["ways"]):
        first.setdefault(owner.get((way["text"], way["command"]), answer["line"]), number)
    return {number: line for line, number in first.items()} if len(first) > 1 else {}


def _said(text: str, style: str = "") -> Text:
    """Text that may have others' words in it, on one line."""
    return Text(" ".join(render.lines(text).split()), style=style)
