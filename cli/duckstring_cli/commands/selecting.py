"""One Pond, those with a tag, or all: what a command acts on, and acting on many with a preview."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import typer

from duckstring.errors import OperatorError
from duckstring.model import tags as tagging
from duckstring_cli import render
from duckstring_cli.errors import BadInputError
from duckstring_cli.render import escape

if TYPE_CHECKING:
    from duckstring.model.answers.operated import BatchAnswer, LineOutcome
    from duckstring.model.answers.status import LineStatus
    from duckstring_cli.client import Client

_FOUND = 1
_MOST_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Selection:
    """What a command acts on: a Pond, or with many (``pond`` None) those with ``tags``, or all.
    ``dry``: only show it. ``sure``: do not ask.
    """

    pond: str | None
    tags: dict[str, str] = field(default_factory=dict)
    dry: bool = False
    sure: bool = False

    @property
    def words(self) -> str:
        """``team=sales``, or ``all Ponds``."""
        return " ".join(f"{key}={value}" for key, value in self.tags.items()) or "all Ponds"


@dataclass(frozen=True, slots=True)
class Act:
    """What is done to each line: a ``verb``, or a trigger of a ``kind``. ``would``: what that does
    to a line, in a few words.
    """

    would: Callable[[LineStatus], str]
    verb: str | None = None
    kind: str | None = None
    bound: float | None = None

    @property
    def name(self) -> str:
        """``kill``, ``pulse``."""
        return self.verb or self.kind or ""


@dataclass(frozen=True, slots=True)
class Asked:
    """What goes with any change: where, why, and how it is told."""

    catchment: str | None
    note: str | None = None
    as_json: bool = False


def wanted(tags: Sequence[str] | None) -> dict[str, str]:
    """The tags of ``--tag``.

    Raises:
        BadInputError: one is none.
    """
    try:
        return tagging.selection(tags or ())
    except tagging.TagError as error:
        raise BadInputError(f"--tag: {error.message}", hint=error.hint) from error


def select(
    pond: str | None,
    tags: Sequence[str] | None,
    *,
    every: bool,
    dry: bool = False,
    sure: bool = False,
    of_one: tuple[object, ...] = (),
) -> Selection:
    """What the options say. ``of_one``: what was given of the options that go
    with one Pond only.

    Raises:
        BadInputError: they say nothing, or two things.
    """
    ways = [pond is not None, bool(tags), every]
    if sum(ways) != 1:
        said = "Give POND, --tag KEY=VALUE or --all: one of them"
        raise BadInputError(
            f"{said}." if not any(ways) else f"{said}, found more than one.",
            hint="List Ponds with: duckstring status --once; tags with: duckstring tag",
        )
    # By identity: 0, a major version, equals False.
    if pond is None and any(one is not None and one is not False for one in of_one):
        raise BadInputError(
            "--watch, --major, --version and --upstream go with one POND.", hint="Leave them out."
        )
    if pond is not None and dry:
        raise BadInputError("--dry-run goes with --tag or --all.", hint="Leave it out.")
    return Selection(pond, wanted(tags), dry, sure)


def carry_out(client: Client, selection: Selection, act: Act, *, as_json: bool) -> None:
    """Show what would be done to each line, ask, do it, and tell each outcome.

    Raises:
        OperatorError: nothing is selected, or the user says no.
        BadInputError: nobody is there to ask.
        Exit: with 1, if a line refused it or has not received it.
    """
    from duckstring_cli import line_words

    lines = line_words.in_order(client.status(tags=selection.tags)["lines"])
    if not lines:
        raise OperatorError(
            f"No Pond has {selection.words}." if selection.tags else "Nothing is deployed yet.",
            hint="List tags with: duckstring tag",
        )
    if selection.dry:
        _show_plan(lines, selection, act, as_json=as_json)
        return
    if not selection.sure:
        _ask(lines, selection, act)
    answer = client.batch(
        [line["line"] for line in lines], verb=act.verb, kind=act.kind, bound=act.bound
    )
    if as_json:
        render.print_json(answer)
    else:
        _tell(answer, act)
    if any(one["error"] or not one["applied"] for one in answer["outcomes"]):
        raise typer.Exit(_FOUND)


def _show_plan(
    lines: Sequence[LineStatus], selection: Selection, act: Act, *, as_json: bool
) -> None:
    if as_json:
        told = [
            {"line": line["line"], "status": line["status"], "would": act.would(line)}
            for line in lines
        ]
        render.print_json({"dry": True, "lines": told})
        return
    _print_plan(lines, act, to_err=False)
    render.say(f"\n{_counted(lines)} of {escape(selection.words)}; nothing was done.")


def _print_plan(lines: Sequence[LineStatus], act: Act, *, to_err: bool) -> None:
    console = render.err() if to_err else render.out()
    table = render.table("POND", "STATUS", "WOULD", last="cut")
    for line in lines[:_MOST_SHOWN]:
        table.add_row(line["line"], render.word(line["status"]), act.would(line))
    console.print(table)
    if (left := len(lines) - _MOST_SHOWN) > 0:
        console.print(f"[dim]… and {left} more[/]")


def _ask(lines: Sequence[LineStatus], selection: Selection, act: Act) -> None:
    what = f"{act.name} {_counted(lines)} ({selection.words})"
    if not sys.stdin.isatty():
        raise BadInputError(
            f"To {what}: nobody is there to ask.",
            hint="Give --yes, or look first with --dry-run.",
        )
    _print_plan(lines, act, to_err=True)
    if not typer.confirm(f"{what.capitalize()}?", err=True):
        raise OperatorError("Nothing was done.")


def _counted(lines: Sequence[object]) -> str:
    return f"{len(lines)} line{'' if len(lines) == 1 else 's'}"


def _tell(answer: BatchAnswer, act: Act) -> None:
    for one in answer["outcomes"]:
        error = one["error"]
        if error is not None:
            render.say(f"[red]✗[/] [bold]{escape(one['line'])}[/]: {escape(error['message'])}")
            if error["hint"]:
                render.say(f"  [bold]→[/] {escape(error['hint'])}")
        elif not one["applied"]:
            render.say(f"[yellow]?[/] [bold]{one['line']}[/]: not received yet, but it will be")
        else:
            render.say(f"[green]✓[/] [bold]{one['line']}[/]: {escape(_outcome(one, act))}")
    refused = sum(one["error"] is not None for one in answer["outcomes"])
    if refused:
        render.say(f"\n[red]{refused} of {len(answer['outcomes'])} refused.[/]")


def _outcome(one: LineOutcome, act: Act) -> str:
    stopped = (
        f"; stopped run {', '.join(one['runs'])}" if act.verb == "kill" and one["runs"] else ""
    )
    reason = render.one_line(one["reason"]) if act.verb != "kill" else ""
    return f"{act.name}: {one['previous']} → {one['status']}{stopped}" + (
        f" ({reason})" if reason else ""
    )
