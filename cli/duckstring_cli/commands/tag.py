"""``duckstring tag``: tags of Ponds, by which other commands select."""

from __future__ import annotations

from typing import Annotated

import typer

from duckstring.model import tags as tagging
from duckstring_cli import render
from duckstring_cli.commands.options import AsJson, CatchmentName, Note, SomeWholePond, open_client
from duckstring_cli.commands.selecting import wanted
from duckstring_cli.errors import BadInputError
from duckstring_cli.render import escape, shorten

_SHOWN = 60


def tag(
    pond: SomeWholePond = None,
    given: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY=VALUE]...",
            show_default=False,
            help="Tags to set. KEY= without a value removes the tag.",
        ),
    ] = None,
    remove: Annotated[
        list[str] | None,
        typer.Option("--rm", metavar="KEY", help="A tag to remove.", show_default=False),
    ] = None,
    tags: Annotated[
        list[str] | None,
        typer.Option(
            "--tag", "-t", metavar="KEY=VALUE", help="List only Ponds with it.", show_default=False
        ),
    ] = None,
    note: Note = None,
    as_json: AsJson = False,
    catchment: CatchmentName = None,
) -> None:
    """Tags of Ponds, such as team=sales, to select by (-t).

    Tags belong to the Catchment: deploys leave them as they are.
    """
    put, gone = _changes(given, remove)
    _check_pond(pond, gone)
    if tags and (pond or given or remove):
        raise BadInputError(
            "--tag lists Ponds: give it alone.", hint="duckstring tag -t team=sales"
        )
    only = wanted(tags)
    answer = open_client(catchment, note=note).tag(pond, put=put, remove=gone)
    ponds = [one for one in answer["ponds"] if tagging.holds(one["tags"], only)]
    if as_json:
        render.print_json({"ponds": ponds})
        return
    if pond is not None:
        has = " ".join(f"{key}={value}" for key, value in ponds[0]["tags"].items())
        render.say(f"[bold]{ponds[0]['pond']}[/]: {escape(has) or 'no tags'}")
        return
    tagged = [one for one in ponds if one["tags"]]
    if not tagged:
        render.say("No Pond has such a tag." if only else "No Pond has a tag yet.")
        return
    table = render.table("POND", "TAGS", last="wrapped")
    for one in tagged:
        table.add_row(one["pond"], " ".join(f"{key}={value}" for key, value in one["tags"].items()))
    render.out().print(table)
    if left := len(ponds) - len(tagged):
        render.note(f"{left} without tags.")


def _check_pond(pond: str | None, gone: list[str]) -> None:
    if pond is None and gone:
        raise BadInputError("--rm goes with a POND.", hint="duckstring tag POND --rm KEY")
    if pond is not None and "=" in pond:
        raise BadInputError(
            f"POND comes first, found {shorten(pond, _SHOWN)!r}.",
            hint="To tag a Pond: duckstring tag POND KEY=VALUE; to list those that have a tag: "
            "duckstring tag -t KEY=VALUE",
        )


def _changes(given: list[str] | None, remove: list[str] | None) -> tuple[dict[str, str], list[str]]:
    """What is to be set, and what is to go."""
    put: dict[str, str] = {}
    gone = list(remove or ())
    try:
        for text in given or ():
            key, value = tagging.parse(text)
            if not value:
                gone.append(key)
            else:
                _put(put, key, value)
        for key in gone:
            tagging.check_key(key)
    except tagging.TagError as error:
        raise BadInputError(error.message, hint=error.hint) from error
    return put, gone


def _put(put: dict[str, str], key: str, value: str) -> None:
    if put.setdefault(key, value) != value:
        raise tagging.TagError(f"Tag {key!r} is given two values, {put[key]} and {value}.")
