"""To which Ponds a secret or an env value is given: what the commands of both ask and say."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from duckstring.errors import OperatorError, nearest
from duckstring_cli import catchments, render
from duckstring_cli.commands.options import open_client
from duckstring_cli.errors import BadInputError

if TYPE_CHECKING:
    from duckstring.model.secret_entries import Entry

_MOST_NAMED = 4
FROM_THEN_ON = "It counts from the next attempt on."

Name = Annotated[
    str,
    typer.Argument(metavar="NAME", show_default=False, help="The name of the variable, as TOKEN."),
]
Ponds = Annotated[
    list[str] | None,
    typer.Option(
        "--pond",
        metavar="POND",
        show_default=False,
        help="The Pond that sees it. May be given several times.",
    ),
]
AllPonds = Annotated[bool, typer.Option("--all-ponds", help="Every Pond of the Catchment sees it.")]
SeenBy = Annotated[
    str | None,
    typer.Option("--pond", metavar="POND", show_default=False, help="Only what this Pond sees."),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def owners(
    ponds: Sequence[str] | None, *, all_ponds: bool, unless: bool = False
) -> tuple[str, ...]:
    """The Ponds that are meant; empty: all. ``unless``: all are meant unless some are named.

    Raises:
        BadInputError: some are named and all, or neither, or a name is none.
    """
    if bool(ponds) == (all_ponds or (unless and not ponds)):
        found = "both" if all_ponds else "neither"
        raise BadInputError(
            f"Say which Ponds see it: --pond POND or --all-ponds; found {found}.",
            hint="--pond may be given several times.",
        )
    named = tuple(dict.fromkeys(ponds or ()))
    for one in named:
        check_pond(one)
    return named


def check_pond(pond: str) -> None:
    """Refuse what is not a Pond's name.

    Raises:
        BadInputError: it is none.
    """
    from duckstring.model.names import POND_NAME

    if not POND_NAME.match(pond):
        name, at, _ = pond.partition("@")
        raise BadInputError(
            f"--pond {pond!r} is not a Pond's name.",
            hint=(
                f"All lines of a Pond see the same: --pond {name}"
                if at and POND_NAME.match(name)
                else "Allowed: a lower-case letter, then lower-case letters, digits and _, at most "
                "48 characters."
            ),
        )


def tell_of_unknown(ponds: Collection[str], catchment: str | None) -> None:
    """A Pond may be given it before its first deploy. Who may not ask for Ponds is not told."""
    if not ponds:
        return
    try:
        answer = open_client(catchment).status(lines=[])
    except OperatorError:
        return
    if (order := answer.get("order")) is None:
        return
    known = {line.partition("@")[0] for line in order}
    for pond in ponds:
        if pond not in known:
            guess = nearest(pond, known, " Did you mean {!r}?")
            render.warn(f"Pond {pond} is not deployed yet.{guess}")


def tell_who_counts(name: str, ponds: Collection[str], entries: Collection[Entry]) -> None:
    """Which of several entries of one name counts where."""
    own = [one.pond for one in entries if one.name == name and one.pond]
    has_all = any(one.name == name and not one.pond for one in entries)
    if not ponds and own:
        render.note(f"A {name} of its own counts in {', '.join(own)}.")
    elif ponds and has_all:
        render.note(f"There it counts over the {name} of all Ponds.")


def confirm(name: str, ponds: Sequence[str], catchment: str | None, *, yes: bool) -> None:
    """Ask before an entry is removed.

    Raises:
        OperatorError: nobody is there to answer, or the answer is no.
    """
    if yes:
        return
    what = f"{name} of {in_words(ponds)}"
    where = f"Catchment {catchments.find(catchment).name!r}"
    if not sys.stdin.isatty():
        raise OperatorError(
            f"Not removing {what} from {where} without confirmation.", hint="Say it with: -y"
        )
    if not typer.confirm(f"Remove {what} from {where}?", err=True):
        raise OperatorError("Nothing was removed.")


def tell_removed(name: str, ponds: Sequence[str], left: Collection[str], *, as_json: bool) -> None:
    """Say that an entry is gone. ``left``: whose entries of that name there still are."""
    if as_json:
        render.print_json(told(name, ponds, changed=True))
        return
    render.say(f"[green]✓[/] [bold]{render.escape(name)}[/] of {in_words(ponds)} is removed")
    render.note(FROM_THEN_ON)
    if ponds and "" in left:
        render.note(f"The {name} of all Ponds counts there now.")


def in_words(ponds: Collection[str]) -> str:
    """``all Ponds``, ``sales, orders``."""
    from duckstring.model.secret_entries import owners_in_words

    return owners_in_words(ponds or [""])


def told(name: str, ponds: Sequence[str], *, changed: bool) -> dict[str, object]:
    """What was changed, for programs."""
    return {"name": name, "ponds": list(ponds), "all_ponds": not ponds, "changed": changed}


def some(ponds: Sequence[str]) -> str:
    """The Ponds, or how many where they are many."""
    return ", ".join(ponds) if len(ponds) <= _MOST_NAMED else render.first_of(ponds)
