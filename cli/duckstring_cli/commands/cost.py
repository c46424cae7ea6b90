"""``duckstring cost``: what runs cost."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from duckstring.errors import nearest
from duckstring_cli import costing, moments, render
from duckstring_cli.commands.options import (
    AsJson,
    CatchmentName,
    Major,
    OfVersion,
    SomePond,
    major_of,
    open_client,
)
from duckstring_cli.errors import BadInputError

if TYPE_CHECKING:
    from rich.table import Table

    from duckstring.model.instants import Instant

_WAYS: tuple[costing.By, ...] = ("pond", "trigger")
_SMALL = 0.01
"""Of the whole: kinds that cost less are shown together."""
_WHOLE = 100
"""Amounts from here on are shown without decimals."""


def cost(
    pond: SomePond = None,
    since: Annotated[
        str,
        typer.Option(
            "--since", metavar="TIME", help="Runs begun then or later: 7d (ago), 02:00, 2030-01-31."
        ),
    ] = "7d",
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="Begun earlier than that.")
    ] = None,
    by: Annotated[
        str,
        typer.Option(
            "--by",
            metavar="WHAT",
            help="pond: each Pond's own runs. trigger: whose demand they served.",
        ),
    ] = "pond",
    factor: Annotated[
        float | None,
        typer.Option(
            "--factor",
            metavar="N",
            min=0.01,
            max=100,
            help="On every price: for another region than us-east-1, or your discount.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
    major: Major = None,
    version: OfVersion = None,
    catchment: CatchmentName = None,
) -> None:
    """What runs cost, and who asked for them.

    Amounts are measured where the work is done. Prices are AWS's list prices, without free tiers.
    """
    way, now = _way(by), datetime.now(UTC)
    first = _moment("--since", since, now)
    last = now if until is None else _moment("--until", until, now)
    if last <= first:
        raise BadInputError(
            f"--until {until or 'now'} is not later than --since {since}.",
            hint="Leave --until out for now.",
        )
    client = open_client(catchment)
    made = costing.bill(
        client,
        pond,
        major=major_of(major, version),
        since=first,
        until=last,
        by=way,
        prices=costing.prices_for(client.catchment, factor),
    )
    if as_json:
        render.print_json(made)
    else:
        _print(made, pond, is_local=client.catchment.kind == "local")


def _way(by: str) -> costing.By:
    if by == "actor":
        raise BadInputError(
            "--by actor: cost does not add up by who asked for a run.",
            hint="Their runs: duckstring runs --by WHO. Here: --by trigger, or --by pond.",
        )
    found = next((way for way in _WAYS if way == by), None)
    if found is None:
        raise BadInputError(f"--by {by!r} is none of {', '.join(_WAYS)}.", hint=nearest(by, _WAYS))
    return found


def _moment(option: str, text: str, now: datetime) -> Instant:
    try:
        return moments.ago(text, now=now)
    except BadInputError as error:
        raise BadInputError(f"{option}: {error.message}", hint=error.hint) from error


def _print(made: costing.Bill, pond: str | None, *, is_local: bool) -> None:
    from rich.text import Text

    console = render.out()
    span = f"{render.moment(made['since'])} to {render.moment(made['until'])}"
    if not made["rows"]:
        render.say(f"No run from {span}.")
    else:
        console.print(_rows(made))
        console.print("")
        console.print(_kinds(made))
    console.print("")
    for line in _notes(made, span, pond, is_local=is_local):
        console.print(Text(line, style="dim"), soft_wrap=True)


def _rows(made: costing.Bill) -> Table:
    is_by_trigger = made["by"] == "trigger"
    table = render.table(
        "POND", *(["FOR"] if is_by_trigger else []), "RUNS", "COST", right=("RUNS", "COST")
    )
    for row in made["rows"]:
        word = [row["wanted"] or ""] if is_by_trigger else []
        table.add_row(row["line"], *word, f"{row['runs']:,}", costing.dollars(row["usd"]))
    return table


def _kinds(made: costing.Bill) -> Table:
    table = render.table("USED", "AMOUNT", "COST", right=("AMOUNT", "COST"))
    costs = sorted(made["usd_by_kind"].items(), key=lambda one: -one[1])
    rest = 0.0
    for kind, usd in costs:
        if usd < _SMALL * made["usd"]:
            rest += usd
            continue
        amount = made["used"][kind]
        shown = f"{amount:,.0f}" if amount >= _WHOLE else f"{amount:,.4g}"
        table.add_row(kind.replace("_", " "), shown, costing.dollars(usd))
    if rest:
        table.add_row("the rest", "", costing.dollars(rest))
    return table


def _notes(made: costing.Bill, span: str, pond: str | None, *, is_local: bool) -> list[str]:
    prices, notes = made["prices"], [f"{costing.dollars(made['usd'])} for runs from {span}"]
    if pond is None:
        notes.append(
            f"{costing.dollars(made['catchment_usd'])} for the Catchment itself in that time, "
            f"{costing.dollars(sum(part['usd_a_month'] for part in made['standing']))} a month "
            "(docs/cost.md), without what it stores"
        )
    if made["estimated"]:
        notes.append(f"{made['estimated']:,} attempts could not say what they used: estimated")
    if made["running"]:
        notes.append(f"{made['running']:,} attempts go on: not in it")
    if not made["complete"]:
        notes.append(f"only the newest {made['runs']:,} runs: ask for less by --since and --until")
    factor = "" if prices["factor"] == 1 else f", times {prices['factor']:g}"
    notes.append(
        f"list prices of {prices['region']}, {prices['date']} ({prices['version']}){factor}"
        + ("; a local Catchment costs nothing" if is_local else "")
    )
    return notes
