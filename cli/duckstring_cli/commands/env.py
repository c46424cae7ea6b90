"""``duckstring env``: settings of Ponds that may be shown. What may not be shown is a secret."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from duckstring_cli import catchments, render
from duckstring_cli.commands import granting
from duckstring_cli.commands.granting import AllPonds, Name, Ponds, SeenBy, Yes
from duckstring_cli.commands.options import AsJson, CatchmentName
from duckstring_cli.render import escape

if TYPE_CHECKING:
    from duckstring.model.env_entries import EnvEntry
    from duckstring_cli.secret_store import Held, SecretStore

app = typer.Typer(
    help="Settings of Ponds that may be shown: for one Pond, or for all.", no_args_is_help=True
)

_MOST_SHOWN = 60
"""Characters of a value in a table."""


@app.command("set", epilog="Example: duckstring env set LOG_LEVEL debug --pond sales")
def set_(
    name: Name,
    value: Annotated[
        str | None,
        typer.Argument(
            metavar="VALUE", show_default=False, help="Otherwise it is asked for, or read."
        ),
    ] = None,
    pond: Ponds = None,
    all_ponds: AllPonds = False,
    as_json: AsJson = False,
    catchment: CatchmentName = None,
) -> None:
    """Set the variable NAME of a Pond, or of all Ponds.

    Without VALUE it is asked for, or read from standard input without its last line end. Ripples
    find it in pond.env("NAME") and os.environ from the next attempt on. Its value may be shown:
    passwords are for duckstring secret set.
    """
    from duckstring.model.env_entries import check_env_name, check_no_secret, env_listed, with_env
    from duckstring_cli import secret_input

    check_env_name(name)
    ponds = granting.owners(pond, all_ponds=all_ponds, unless=True)
    store = _store(catchment)
    granting.tell_of_unknown(ponds, catchment)
    if value is None and secret_input.is_typed():
        check_no_secret(store.read().text, name)  # a refusal comes before anything is typed
    text = secret_input.plain_value(name, value)
    after = store.change(lambda held: with_env(held, name, text, ponds))
    if as_json:
        told = granting.told(name, ponds, changed=after.written)
        render.print_json(told | {"value": text})
        return
    of = granting.in_words(ponds)
    if after.written:
        render.say(f"[green]✓[/] [bold]{name}[/] of {of} is set to {_shown(text)}")
        render.note(granting.FROM_THEN_ON)
    else:
        render.say(f"[bold]{name}[/] of {of} is {_shown(text)} already")
    granting.tell_who_counts(name, ponds, [one.entry for one in env_listed(after.text)])
    _tell_of_secrets(name, text, ponds)


@app.command(epilog="Example: duckstring env ls --pond sales")
def ls(pond: SeenBy = None, as_json: AsJson = False, catchment: CatchmentName = None) -> None:
    """List the variables with their values, and which Pond sees them."""
    from duckstring.model.env_entries import env_listed
    from duckstring.model.instants import to_text

    if pond is not None:
        granting.check_pond(pond)
    held = _store(catchment).read()
    entries = [one for one in env_listed(held.text) if pond is None or one.entry.pond in {"", pond}]
    if as_json:
        changed = None if held.changed is None else to_text(held.changed)
        render.print_json({"changed": changed, "entries": [_row(one) for one in entries]})
        return
    if not entries:
        render.say("There are no env values." if pond is None else f"{pond} sees no env values.")
        render.note("Set one: duckstring env set NAME VALUE --pond POND")
        return
    _print(entries, held)


@app.command(epilog="Example: duckstring env rm LOG_LEVEL --pond sales")
def rm(
    name: Name,
    pond: Ponds = None,
    all_ponds: AllPonds = False,
    yes: Yes = False,
    as_json: AsJson = False,
    catchment: CatchmentName = None,
) -> None:
    """Remove the variable NAME of a Pond, or the one of all Ponds."""
    from duckstring.model.env_entries import env_listed, without_env

    ponds = granting.owners(pond, all_ponds=all_ponds, unless=True)
    store = _store(catchment)
    without_env(store.read().text, name, ponds)  # refused before anybody is asked
    granting.confirm(name, ponds, catchment, yes=yes)
    after = store.change(lambda text: without_env(text, name, ponds))
    left = [one.entry.pond for one in env_listed(after.text) if one.entry.name == name]
    granting.tell_removed(name, ponds, left, as_json=as_json)


def _store(catchment: str | None) -> SecretStore:
    from duckstring_cli.secret_store import SecretStore

    return SecretStore.of(catchments.find(catchment))


def _tell_of_secrets(name: str, value: str, ponds: Sequence[str]) -> None:
    from duckstring.model.masks import Masks
    from duckstring.model.secret_entries import owners_as_options

    if Masks({}, {name: value}).mask(value) != value:
        entry = f"{name} {owners_as_options(ponds or [''])}"
        render.warn(
            f"The value of {name} looks like a secret, and env values are shown. Remove it here: "
            f"duckstring env rm {entry}; then: duckstring secret set {entry}"
        )


def _row(one: EnvEntry) -> dict[str, object]:
    return {
        "name": one.entry.name,
        "pond": one.entry.pond or None,
        "value": one.value,
        "others": [other or None for other in one.entry.others],
        "passed_on": one.is_passed_on and not one.is_secret,
    }


def _print(entries: Sequence[EnvEntry], held: Held) -> None:
    from duckstring.model.instants import to_text

    made = render.table("POND", "NAME", "VALUE", "NOTE", last="wrapped")
    for one in entries:
        made.add_row(
            escape(granting.in_words([one.entry.pond])),
            escape(render.one_line(one.entry.name)),
            _shown(one.value),
            escape(_note(one)),
        )
    render.out().print(made)
    if held.changed is not None:
        render.say(
            f"[dim]Changed last, with the secrets: {render.moment(to_text(held.changed))}[/]"
        )


def _shown(value: str) -> str:
    """A value in one line; one that is empty, or has blanks at its ends, within quotation marks."""
    text = value if value and value == value.strip() else f'"{value}"'
    return escape(render.shorten(render.lines(text).replace("\n", "\\n"), _MOST_SHOWN))


def _note(one: EnvEntry) -> str:
    ponds = [other for other in one.entry.others if other]
    if not one.is_passed_on:
        return "not passed on: the machine sets such variables"
    if one.is_secret:
        return "a secret of this name counts"
    if not one.entry.pond:
        return f"not in {granting.some(ponds)}: its own counts" if ponds else ""
    notes = [
        *(["counts over that of all Ponds"] if "" in one.entry.others else []),
        *([f"also in {granting.some(ponds)}"] if ponds else []),
    ]
    return "; ".join(notes)
