"""``duckstring lake``: where the lake lies, and how DuckDB attaches it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from duckstring.errors import OperatorError
from duckstring.model.lake import STABLE
from duckstring.model.sql import literal
from duckstring_cli import bucket, durations, render
from duckstring_cli.commands.options import AsJson, CatchmentName, Note, open_client
from duckstring_cli.errors import BadInputError

if TYPE_CHECKING:
    from duckstring.model.answers.lake import LakeAnswer, RepairAnswer
    from duckstring_cli.catchments import Catchment

_NAME = "lake"
_ON_ITS_WAY = ("-", "on its way")


def lake(
    sql: Annotated[
        bool, typer.Option("--sql", help="Print the SQL that attaches it in DuckDB, with keys.")
    ] = False,
    frozen: Annotated[
        bool, typer.Option("--frozen", help="With --sql: this catalog, which never changes.")
    ] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="Have what differs from what is published made anew.")
    ] = False,
    note: Note = None,
    as_json: AsJson = False,
    catchment: CatchmentName = None,
) -> None:
    """Show where the lake lies: all published tables as one DuckLake catalog.

    DuckDB attaches it without Duckstring. `duckstring lake --sql` prints how. With -c iceberg=true
    the tables are Iceberg tables in Glue, too.
    """
    _check(sql=sql, frozen=frozen, repair=repair)
    if note is not None and not repair:
        raise BadInputError("--note without --repair.", hint="Nothing else here is a change.")
    client = open_client(catchment, note=note)
    if repair:
        _repair(client.repair(), as_json=as_json)
        return
    answer = client.lake()
    if as_json:
        render.print_json(answer)
        return
    if answer["seconds"] is None:
        raise OperatorError(
            f"Catchment {client.catchment.name!r} has no lake.",
            hint="It was deployed with -c lake=off. Deploy it without: docs/lake.md.",
        )
    found = answer["catalog"]
    if sql:
        if found is None:
            raise OperatorError(
                "The lake is not there yet.",
                hint="It is made within some minutes. If it is not: duckstring doctor",
            )
        address = found["address"] if frozen else answer["newest"]
        statements = f"{_secret(client.catchment, answer['newest'])}\n{_attach(address)}"
        render.out().print(statements, markup=False, soft_wrap=True)
        return
    console = render.out()
    console.print(f"Newest    {answer['newest']}", markup=False, soft_wrap=True)
    if found is None:
        render.note("Nothing is there yet: the lake is made within some minutes.")
        _print_iceberg(answer)
        return
    console.print(f"This one  {found['address']}", markup=False, soft_wrap=True)
    age = durations.age(render.between(found["at"], answer["now"]))
    render.note(
        f"Catalog {found['number']}, made {age} ago: {_count(found['tables'], 'table')} of "
        f"{_count(found['lines'], 'Pond')}, {render.size(found['bytes'])}."
    )
    render.note("Attach it in DuckDB: duckstring lake --sql")
    _print_iceberg(answer)


def _check(*, sql: bool, frozen: bool, repair: bool) -> None:
    if frozen and not sql:
        raise BadInputError("--frozen without --sql.", hint="It is an address for the SQL.")
    if repair and sql:
        raise BadInputError("--repair with --sql: not both.", hint="Ask for one after the other.")


def _repair(answer: RepairAnswer, *, as_json: bool) -> None:
    if as_json:
        render.print_json(answer)
        return
    what = "The lake and its Iceberg tables are" if answer["iceberg"] else "The lake is"
    render.note(
        f"{what} compared with what is published, and made anew where they differ. "
        f"It begins in {answer['seconds']}s and takes a minute or more. "
        "Look how it went: duckstring lake"
    )


def _print_iceberg(answer: LakeAnswer) -> None:
    """The databases of Glue, and what is not in them."""
    databases = answer["iceberg"]
    if databases is None:
        return
    console = render.out()
    console.print()
    if not databases:
        render.note("Glue has no Iceberg tables yet: they are made within some minutes.")
        return
    table = render.table("GLUE DATABASE", "LINE", "TABLES", "AS OF", "EXPORTED")
    for one in databases:
        age = durations.age(render.between(one["at"], answer["now"]))
        # How many there are is known at the end.
        tables, as_of = (str(one["tables"]), render.moment(one["f"])) if one["f"] else _ON_ITS_WAY
        table.add_row(one["database"], one["line"], tables, as_of, f"{age} ago")
    console.print(table)
    for one in databases:
        for name, why in one["left_out"].items():
            left = "Nothing is" if name == "*" else f"{one['line']}: {name} is not"
            render.note(f"{left} in {one['database']}: {why}.")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _attach(address: str) -> str:
    """The catalog is read as a whole: an export may replace what lies at the address."""
    return (
        "INSTALL httpfs;\nLOAD httpfs;\nINSTALL ducklake;\nLOAD ducklake;\n"
        "SET GLOBAL force_download = true;\n"
        f"ATTACH {literal(f'ducklake:{address}')} AS {_NAME} (READ_ONLY);\n"
        "SET GLOBAL force_download = false;"
    )


def _secret(catchment: Catchment, newest: str) -> str:
    """The secret by which DuckDB reads the bucket: the keys of a Catchment on this machine; in AWS
    those that DuckDB finds itself.
    """
    reached = bucket.reach(catchment)
    scope = f"SCOPE {literal(newest.removesuffix(STABLE))}"
    if catchment.endpoint is None:
        options = f"PROVIDER credential_chain, REGION {literal(reached.region)}, {scope}"
        profile = catchment.profile
        options += f", PROFILE {literal(profile)}" if profile else ""
        return f"INSTALL aws;\nLOAD aws;\nCREATE OR REPLACE SECRET {_NAME} (TYPE s3, {options});"
    place, keys = urlsplit(reached.endpoint), reached.keys()
    options = ", ".join(
        (
            f"KEY_ID {literal(keys.key_id)}",
            f"SECRET {literal(keys.secret)}",
            f"REGION {literal(reached.region)}",
            f"ENDPOINT {literal(place.netloc)}",
            "URL_STYLE 'path'",
            f"USE_SSL {'false' if place.scheme == 'http' else 'true'}",
            scope,
        )
    )
    return f"CREATE OR REPLACE SECRET {_NAME} (TYPE s3, {options});"
