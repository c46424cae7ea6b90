"""``duckstring secret``: passwords and tokens of Ponds. No output ever has a value."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from duckstring.errors import OperatorError, nearest
from duckstring_cli import catchments, render
from duckstring_cli.commands.options import AsJson, CatchmentName, open_client
from duckstring_cli.errors import BadInputError
from duckstring_cli.render import escape

if TYPE_CHECKING:
    from duckstring.model.secret_entries import Entry
    from duckstring_cli.secret_store import Held, SecretStore

app = typer.Typer(
    help="Passwords and tokens: each Pond sees its own, and those of all.", no_args_is_help=True
)

_MOST_NAMED = 4
_FROM_THEN_ON = "It counts from the next attempt on."

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


@app.command(
    "set",
    epilog="Example: duckstring secret set TOKEN --pond sales < token.txt",
    context_settings={"allow_extra_args": True},
)
def set_(
    context: typer.Context,
    name: Name,
    pond: Ponds = None,
    all_ponds: AllPonds = False,
    as_json: AsJson = False,
    catchment: CatchmentName = None,
) -> None:
    """Set the secret NAME of a Pond, or of all Ponds.

    The value is asked for and not shown. Without a terminal it is read from standard input, without
    its last line end. Ripples find it in pond.env("NAME") and os.environ from the next attempt on.
    """
    from duckstring.model.secret_entries import check_name, listed, parse_secret, with_entry
    from duckstring_cli import secret_input

    if context.args:
        raise BadInputError(
            "A value is never an argument: other programs can read it there, and the shell keeps "
            "it.",
            hint="Leave it out: the command asks for it, or reads it from standard input.",
        )
    check_name(name)
    ponds = _owners(pond, all_ponds=all_ponds)
    store = _store(catchment)
    _tell_of_unknown(ponds, catchment)
    if secret_input.is_typed():
        parse_secret(store.read().text)  # a refusal comes before anything is typed
    value = secret_input.read_value(f"Value of {name} (not shown): ")
    after = store.change(lambda text: with_entry(text, name, value.text, ponds))
    if as_json:
        render.print_json(_told(name, ponds, changed=after.written))
        return
    of = _in_words(ponds)
    length = f" ({len(value.text):,} characters)" if value.typed else ""
    if after.written:
        render.say(f"[green]✓[/] [bold]{name}[/] of {of} is set{length}")
        render.note(_FROM_THEN_ON)
    else:
        render.say(f"[bold]{name}[/] of {of} has this value already")
    _tell_who_counts(name, ponds, listed(after.text))
    _tell_of_masks(name, value.text)


@app.command(epilog="Example: duckstring secret ls --pond sales")
def ls(
    pond: Annotated[
        str | None,
        typer.Option(
            "--pond", metavar="POND", show_default=False, help="Only what this Pond sees."
        ),
    ] = None,
    as_json: AsJson = False,
    catchment: CatchmentName = None,
) -> None:
    """List the names of secrets, and which Pond sees them. Values are never shown."""
    from duckstring.model.instants import to_text
    from duckstring.model.secret_entries import listed

    if pond is not None:
        _check_pond(pond)
    held = _store(catchment).read()
    entries = [one for one in listed(held.text) if pond is None or one.pond in {"", pond}]
    if as_json:
        changed = None if held.changed is None else to_text(held.changed)
        render.print_json({"changed": changed, "entries": [_row(one) for one in entries]})
        return
    if not entries:
        render.say("There are no secrets." if pond is None else f"{pond} sees no secrets.")
        render.note("Set one: duckstring secret set NAME --pond POND")
        return
    _print(entries, held)


@app.command(epilog="Example: duckstring secret rm TOKEN --pond sales")
def rm(
    name: Name,
    pond: Ponds = None,
    all_ponds: AllPonds = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
    catchment: CatchmentName = None,
) -> None:
    """Remove the secret NAME of a Pond, or the one of all Ponds.

    Secrets Manager keeps earlier versions for a time: a password that has leaked must be changed
    where it is used.
    """
    from duckstring.model.secret_entries import listed, without_entry

    ponds = _owners(pond, all_ponds=all_ponds)
    store = _store(catchment)
    without_entry(store.read().text, name, ponds)  # refused before anybody is asked
    _confirm(name, ponds, catchment, yes=yes)
    after = store.change(lambda text: without_entry(text, name, ponds))
    if as_json:
        render.print_json(_told(name, ponds, changed=True))
        return
    render.say(f"[green]✓[/] [bold]{escape(name)}[/] of {_in_words(ponds)} is removed")
    render.note(_FROM_THEN_ON)
    left = [one for one in listed(after.text) if one.name == name]
    if ponds and any(not one.pond for one in left):
        render.note(f"The {name} of all Ponds counts there now.")


def _store(catchment: str | None) -> SecretStore:
    from duckstring_cli.secret_store import SecretStore

    return SecretStore.of(catchments.find(catchment))


def _owners(ponds: Sequence[str] | None, *, all_ponds: bool) -> tuple[str, ...]:
    """The Ponds that are meant; empty: all."""
    if bool(ponds) == all_ponds:
        found = "both" if all_ponds else "neither"
        raise BadInputError(
            f"Say which Ponds see it: --pond POND or --all-ponds; found {found}.",
            hint="--pond may be given several times.",
        )
    named = tuple(dict.fromkeys(ponds or ()))
    for one in named:
        _check_pond(one)
    return named


def _check_pond(pond: str) -> None:
    from duckstring.model.names import POND_NAME

    if not POND_NAME.match(pond):
        name, at, _ = pond.partition("@")
        raise BadInputError(
            f"--pond {pond!r} is not a Pond's name.",
            hint=(
                f"All lines of a Pond see the same secrets: --pond {name}"
                if at and POND_NAME.match(name)
                else "Allowed: a lower-case letter, then lower-case letters, digits and _, at most "
                "48 characters."
            ),
        )


def _tell_of_unknown(ponds: Collection[str], catchment: str | None) -> None:
    """A Pond may get its secrets before its first deploy. Who may not ask for Ponds is not told."""
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


def _tell_who_counts(name: str, ponds: Collection[str], entries: Collection[Entry]) -> None:
    own = [one.pond for one in entries if one.name == name and one.pond]
    has_all = any(one.name == name and not one.pond for one in entries)
    if not ponds and own:
        render.note(f"A {name} of its own counts in {', '.join(own)}.")
    elif ponds and has_all:
        render.note(f"There it counts over the {name} of all Ponds.")


def _tell_of_masks(name: str, value: str) -> None:
    from duckstring.model.masks import Masks

    if Masks({name: value}).mask(value) == value:
        render.warn(
            f"The value of {name} is too short or too plain to be masked in logs and errors."
        )


def _confirm(name: str, ponds: Sequence[str], catchment: str | None, *, yes: bool) -> None:
    if yes:
        return
    what = f"{name} of {_in_words(ponds)}"
    where = f"Catchment {catchments.find(catchment).name!r}"
    if not sys.stdin.isatty():
        raise OperatorError(
            f"Not removing {what} from {where} without confirmation.", hint="Say it with: -y"
        )
    if not typer.confirm(f"Remove {what} from {where}?", err=True):
        raise OperatorError("Nothing was removed.")


def _in_words(ponds: Collection[str]) -> str:
    from duckstring.model.secret_entries import owners_in_words

    return owners_in_words(ponds or [""])


def _told(name: str, ponds: Sequence[str], *, changed: bool) -> dict[str, object]:
    return {"name": name, "ponds": list(ponds), "all_ponds": not ponds, "changed": changed}


def _row(entry: Entry) -> dict[str, object]:
    return {
        "name": entry.name,
        "pond": entry.pond or None,
        "others": [other or None for other in entry.others],
        "passed_on": entry.is_passed_on,
    }


def _print(entries: Sequence[Entry], held: Held) -> None:
    from duckstring.model.instants import to_text

    made = render.table("POND", "NAME", "NOTE", last="wrapped")
    for one in entries:
        made.add_row(
            escape(_in_words([one.pond])), escape(render.one_line(one.name)), escape(_note(one))
        )
    render.out().print(made)
    if held.changed is not None:
        render.say(f"[dim]Changed last: {render.moment(to_text(held.changed))}[/]")


def _note(entry: Entry) -> str:
    ponds = [other for other in entry.others if other]
    if not entry.is_passed_on:
        return "not passed on: the machine sets such variables"
    if not entry.pond:
        return f"not in {_some(ponds)}: its own counts" if ponds else ""
    notes = [
        *(["counts over that of all Ponds"] if "" in entry.others else []),
        *([f"also in {_some(ponds)}"] if ponds else []),
    ]
    return "; ".join(notes)


def _some(ponds: Sequence[str]) -> str:
    return ", ".join(ponds) if len(ponds) <= _MOST_NAMED else render.first_of(ponds)
