"""What ``duckstring replay`` shows, step by step. Makes no requests itself."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from duckstring.model.answers.replay import ReplayAnswer, ReplayChange, ReplayStep
from duckstring_cli import render
from duckstring_cli.screens import Rows

_INDENT = "  "
_KEYS = "(Enter: next step, p: the one before, a: all that follow, q: quit) "


def together(answers: Iterable[ReplayAnswer]) -> ReplayAnswer:
    """One answer of all."""
    first, *rest = answers
    if not rest:
        return first
    steps = [*first["steps"], *(step for answer in rest for step in answer["steps"])]
    return {**first, "steps": steps, "next": None}


def step_through(
    answers: Iterator[ReplayAnswer], *, stops: bool, ask: Callable[[str], str] | None = None
) -> None:
    """Show the steps. ``stops``: after each, until somebody says how to go on."""
    first = next(answers)
    console = render.out()
    console.print(_head(first))
    steps = _Steps(first, answers)
    if steps.at(0) is None:
        console.print(_item("The Pond got no letter between these times."))
        return
    number = 0
    while (step := steps.at(number)) is not None:
        console.print(shown(step, number + 1))
        if not stops:
            number += 1
            continue
        if steps.at(number + 1) is None:
            console.print(Text("That was the last step.", style="dim"))
            return
        word = (ask or _ask)(_KEYS)
        if word == "q":
            return
        stops = word != "a"
        number = max(number - 1, 0) if word == "p" else number + 1


@dataclass
class _Steps:
    """Steps that are fetched when they are needed."""

    first: ReplayAnswer
    more: Iterator[ReplayAnswer]
    known: list[ReplayStep] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.known += self.first["steps"]

    def at(self, number: int) -> ReplayStep | None:
        while number >= len(self.known):
            answer = next(self.more, None)
            if answer is None:
                return None
            self.known += answer["steps"]
        return self.known[number]


def _ask(keys: str) -> str:
    """What somebody types, in small letters. The end of the input is the end."""
    sys.stdout.write(keys)
    sys.stdout.flush()
    line = sys.stdin.readline()
    return line.strip().lower() if line else "q"


def _head(answer: ReplayAnswer) -> RenderableType:
    return Text.assemble(
        (answer["line"], "bold"),
        f"  from {render.moment(answer['since'])} to {render.moment(answer['until'])}",
    )


def shown(step: ReplayStep, number: int) -> RenderableType:
    """When, who said what, what it changed, what was done."""
    parts: list[RenderableType] = [
        Text(""),
        Text.assemble(
            (f"{number}.", "dim"),
            f" {_exact(step['at'])}  ",
            render.word(step["status"]),
            (f"  revision {step['revision']}", "dim"),
        ),
    ]
    if step["gap"]:
        parts.append(_item(step["gap"], style="yellow"))
    parts += [_item(f"{one['sender']}: {one['text']}", style="bold") for one in step["letters"]]
    if step["changes"]:
        parts += [_title("changed"), _changes(step["changes"])]
    if step["effects"]:
        parts += [_title("did"), *(_item(one["text"], 2) for one in step["effects"])]
    if step["letters"] and not step["changes"] and not step["effects"]:
        parts.append(_item("Nothing followed from that.", style="dim"))
    return Group(*parts)


def _exact(text: str) -> str:
    """An instant to the millisecond, UTC."""
    return f"{text[:10]} {text[11:23]}Z"


def _title(text: str) -> RenderableType:
    return Text(f"{_INDENT}{text}", style="bold dim")


def _changes(changes: list[ReplayChange]) -> RenderableType:
    made: Table = Rows.grid(padding=(0, 2, 0, 0))
    made.add_column(no_wrap=True, max_width=32, overflow="ellipsis")
    made.add_column(overflow="fold")
    for one in changes:
        made.add_row(f"{_INDENT * 2}{_said(one['what'])}", _change(one))
    return made


def _change(one: ReplayChange) -> Text:
    before, after = _said(one["before"]), _said(one["after"])
    if not before:
        return Text(after)
    return Text.assemble((before, "dim"), " → ", after or "(no longer)")


def _item(text: str, depth: int = 1, style: str = "") -> RenderableType:
    """A sentence, its further lines under its first."""
    made = Rows.grid(padding=0)
    made.add_column(no_wrap=True)
    made.add_column(overflow="fold")
    made.add_row(_INDENT * depth, Text(_said(text), style=style))
    return made


def _said(text: str) -> str:
    """Text that may have others' words in it, on one line."""
    return " ".join(render.lines(text).split())
