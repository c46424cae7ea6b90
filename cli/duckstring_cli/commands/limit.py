"""``duckstring limit``: how many attempts may use something at once, over all Ponds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from duckstring.model import commands
from duckstring.model.limits import MOST_TOKENS
from duckstring.model.names import LIMIT_NAME, LIMIT_NAME_WORDS
from duckstring_cli import render
from duckstring_cli.commands.options import AsJson, CatchmentName, Note, open_client, repeated
from duckstring_cli.errors import BadInputError
from duckstring_cli.render import escape

if TYPE_CHECKING:
    from duckstring.model.answers.changes import LimitAnswer
    from duckstring.model.answers.status import LimitTold

app = typer.Typer(
    help="How many attempts use something at once, over all Ponds.", no_args_is_help=True
)


def _limit_name(name: str) -> str:
    if not LIMIT_NAME.match(name):
        raise BadInputError(f"NAME is {name!r}; allowed: {LIMIT_NAME_WORDS}.")
    return name


Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        show_default=False,
        callback=_limit_name,
        help='What Ripples name: @ripple(uses="NAME").',
    ),
]


@app.command("set", epilog="Example: duckstring limit set databricks 3")
def set_(
    name: Name,
    tokens: Annotated[
        int,
        typer.Argument(
            metavar="N",
            min=0,
            max=MOST_TOKENS,
            show_default=False,
            help="Attempts at once; 0 holds all that have not begun.",
        ),
    ],
    note: Note = None,
    as_json: AsJson = False,
    catchment: CatchmentName = None,
) -> None:
    """Let at most N attempts of Ripples that use NAME run at once.

    It counts at once, for all Ponds. Nothing that runs is stopped: if more than N run, the next one
    begins when fewer do.
    """
    answer = open_client(catchment, note=note).limit("set", name, tokens)
    if as_json:
        render.print_json(answer)
        return
    held = _one(answer, name)
    render.say(f"[green]✓[/] [bold]{escape(name)}[/]: {tokens} at once{_now(held, tokens)}")
    _finish(answer, name)


@app.command("list", epilog="Example: duckstring limit list")
def list_(as_json: AsJson = False, catchment: CatchmentName = None) -> None:
    """Show all limits: how many tokens are taken, by whom, and who waits for how long."""
    from duckstring_cli import limits_view

    answer = open_client(catchment).limit("list")
    if as_json:
        render.print_json(answer)
        return
    render.out().print(limits_view.limits_view(answer, named=repeated(catchment)))


@app.command(epilog="Example: duckstring limit rm databricks")
def rm(
    name: Name, note: Note = None, as_json: AsJson = False, catchment: CatchmentName = None
) -> None:
    """Remove the limit NAME: everything that waits for it begins."""
    answer = open_client(catchment, note=note).limit("remove", name)
    if as_json:
        render.print_json(answer)
        return
    render.say(f"[green]✓[/] [bold]{escape(name)}[/] has no limit any more")
    _finish(answer, name)


def _one(answer: LimitAnswer, name: str) -> LimitTold:
    nobody: LimitTold = {"name": name, "tokens": None, "held": [], "waiting": [], "used_by": []}
    return next((one for one in answer["limits"] if one["name"] == name), nobody)


def _now(held: LimitTold, tokens: int) -> str:
    taken, waiting = len(held["held"]), len(held["waiting"])
    parts = [
        f"{taken} run now" if taken > 1 else "one runs now" if taken else "",
        f"{waiting} wait" if waiting > 1 else "one waits" if waiting else "",
        "new ones wait until fewer run" if taken > tokens else "",
    ]
    return "".join(f"; {part}" for part in parts if part)


def _finish(answer: LimitAnswer, name: str) -> None:
    for warning in answer["warnings"]:
        render.warn(warning)
    if not answer["applied"]:
        render.warn(
            f"Limit {name} has not received it yet, but it will. Look again: {commands.LIMITS}"
        )
