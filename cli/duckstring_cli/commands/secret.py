"""``duckstring secret``: passwords and tokens of Ponds. No output ever has a value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from duckstring_cli import catchments, render
from duckstring_cli.commands import granting
from duckstring_cli.commands.granting import AllPonds, Name, Ponds, SeenBy, Yes
from duckstring_cli.commands.options import AsJson, CatchmentName
from duckstring_cli.errors import BadInputError
from duckstring_cli.render import escape

if TYPE_CHECKING:
    from duckstring.model.secret_entries import Entry
    from duckstring_cli.secret_store import Held, SecretStore

app = typer.Typer(
    help="Passwords and tokens: each Pond sees its own, and those of all.", no_args_is_help=True
)


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
    from duckstring.model.env_entries import check_no_env, with_secret
    from duckstring.model.secret_entries import check_name, listed
    from duckstring_cli import secret_input

    if context.args:
        raise BadInputError(
            "A value is never an argument: other programs can read it there, and the shell keeps "
            "it.",
            hint="Leave it out: the command asks for it, or reads it from standard input.",
        )
    check_name(name)
    ponds = granting.owners(pond, all_ponds=all_ponds)
    store = _store(catchment)
    granting.tell_of_unknown(ponds, catchment)
    if secret_input.is_typed():
        check_no_env(store.read().text, name)  # a refusal comes before anything is typed
    value = secret_input.read_value(f"Value of {name} (not shown): ")
    after = store.change(lambda text: with_secret(text, name, value.text, ponds))
    if as_json:
        render.print_json(granting.told(name, ponds, changed=after.written))
        return
    of = granting.in_words(ponds)
    length = f" ({len(value.text):,} characters)" if value.typed else ""
    if after.written:
        render.say(f"[green]✓[/] [bold]{name}[/] of {of} is set{length}")
        render.note(granting.FROM_THEN_ON)
    else:
        render.say(f"[bold]{name}[/] of {of} has this value already")
    granting.tell_who_counts(name, ponds, listed(after.text))
    _tell_of_masks(name, value.text)


@app.command(epilog="Example: duckstring secret ls --pond sales")
def ls(
    pond: SeenBy = None,
    as_json: AsJson = False,
    catchment: CatchmentName = None,
) -> None:
    """List the names of secrets, and which Pond sees them. Values are never shown."""
    from duckstring.model.instants import to_text
    from duckstring.model.secret_entries import listed

    if pond is not None:
        granting.check_pond(pond)
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
    yes: Yes = False,
    as_json: AsJson = False,
    catchment: CatchmentName = None,
) -> None:
    """Remove the secret NAME of a Pond, or the one of all Ponds.

    Secrets Manager keeps earlier versions for a time: a password that has leaked must be changed
    where it is used.
    """
    from duckstring.model.secret_entries import listed, without_entry

    ponds = granting.owners(pond, all_ponds=all_ponds)
    store = _store(catchment)
    without_entry(store.read().text, name, ponds)  # refused before anybody is asked
    granting.confirm(name, ponds, catchment, yes=yes)
    after = store.change(lambda text: without_entry(text, name, ponds))
    left = [one.pond for one in listed(after.text) if one.name == name]
    granting.tell_removed(name, ponds, left, as_json=as_json)


def _store(catchment: str | None) -> SecretStore:
    from duckstring_cli.secret_store import SecretStore

    return SecretStore.of(catchments.find(catchment))


def _tell_of_masks(name: str, value: str) -> None:
    from duckstring.model.masks import Masks

    if Masks({name: value}).mask(value) == value:
        render.warn(
            f"The value of {name} is too short or too plain to be masked in logs and errors."
        )


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
            escape(granting.in_words([one.pond])),
            escape(render.one_line(one.name)),
            escape(_note(one)),
        )
    render.out().print(made)
    if held.changed is not None:
        render.say(f"[dim]Changed last: {render.moment(to_text(held.changed))}[/]")


def _note(entry: Entry) -> str:
    ponds = [other for other in entry.others if other]
    if not entry.is_passed_on:
        return "not passed on: the machine sets such variables"
    if not entry.pond:
        return f"not in {granting.some(ponds)}: its own counts" if ponds else ""
    notes = [
        *(["counts over that of all Ponds"] if "" in entry.others else []),
        *([f"also in {granting.some(ponds)}"] if ponds else []),
    ]
    return "; ".join(notes)
