"""``duckstring alert``: who is told of what, and how old data may be. No output has a whole URL."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from duckstring.errors import OperatorError
from duckstring_cli import catchments, render
from duckstring_cli.commands import granting
from duckstring_cli.commands.options import (
    AsJson,
    CatchmentName,
    Major,
    Note,
    PondName,
    major_of,
    open_client,
)
from duckstring_cli.errors import BadInputError
from duckstring_cli.render import escape

if TYPE_CHECKING:
    from duckstring.model.answers.status import BoundTold
    from duckstring_cli.alerting.recipients import Recipient, Wanted
    from duckstring_cli.alerting.store import Alert, AlertStore
    from duckstring_cli.secret_input import Hints

app = typer.Typer(help="Tell people of failures and of data that is too old.", no_args_is_help=True)
add = typer.Typer(help="Send pages to Slack, a web address or a mailbox.", no_args_is_help=True)
app.add_typer(add, name="add")

_PATIENCE = 5.0

Url = Annotated[
    str | None,
    typer.Argument(
        metavar="URL",
        show_default=False,
        help="Asked for if it is left out, and not shown; or read from standard input.",
    ),
]
Ponds = Annotated[
    list[str] | None,
    typer.Option(
        "--pond",
        metavar="POND,...",
        show_default=False,
        help="Only what is about these Ponds, or blocks them; otherwise all.",
    ),
]
On = Annotated[
    str | None,
    typer.Option(
        "--on",
        metavar="WHAT,...",
        show_default=False,
        help="Some of failed, stale, recovered; otherwise all three.",
    ),
]
Name = Annotated[
    str | None,
    typer.Option(
        "--name", metavar="NAME", show_default=False, help="The alert's name; otherwise its kind."
    ),
]
Named = Annotated[str, typer.Argument(metavar="NAME", show_default=False, help="The alert's name.")]


@add.command(epilog="Example: duckstring alert add slack --pond sales,reports")
def slack(
    url: Url = None,
    pond: Ponds = None,
    on: On = None,
    name: Name = None,
    as_json: AsJson = False,
    catchment: CatchmentName = None,
) -> None:
    """Send pages to a channel of Slack, by the URL of an incoming webhook.

    Whoever has the URL can write to the channel. Leave it out, and no shell keeps it.
    """
    from duckstring_cli.alerting.recipients import Recipient

    given = _url("slack", url, "URL of the incoming webhook (not shown): ")
    _add(Recipient("slack", given), pond, on, name, as_json=as_json, catchment=catchment)


@add.command(epilog="Example: duckstring alert add webhook https://example.com/pages --on failed")
def webhook(
    url: Url = None,
    header: Annotated[
        str | None,
        typer.Option(
            "--header",
            metavar="HEADER",
            show_default=False,
            help="Call it with this header; its value is asked for, or read from standard input.",
        ),
    ] = None,
    pond: Ponds = None,
    on: On = None,
    name: Name = None,
    as_json: AsJson = False,
    catchment: CatchmentName = None,
) -> None:
    """Send pages to a web address, as JSON: docs/protocol.md, "Alerts"."""
    from duckstring_cli import secret_input
    from duckstring_cli.alerting.recipients import Recipient, check_header, check_header_value

    if header is not None:
        check_header(header)
        if url is None and not secret_input.is_typed():
            raise BadInputError("Standard input has the value of --header: give the URL as well.")
    given = _url("webhook", url, "URL (not shown): ")
    value = ""
    if header is not None:
        ways = _hints(f"webhook URL --header {header}", f"the value of {header}")
        value = secret_input.read_value(f"Value of {header} (not shown): ", ways).text.strip()
        check_header_value(header, value)
    recipient = Recipient("webhook", given, header or "", value)
    _add(recipient, pond, on, name, as_json=as_json, catchment=catchment)


@add.command(epilog="Example: duckstring alert add email team@example.com")
def email(
    address: Annotated[
        str, typer.Argument(metavar="ADDRESS", show_default=False, help="The mailbox.")
    ],
    pond: Ponds = None,
    on: On = None,
    name: Name = None,
    as_json: AsJson = False,
    catchment: CatchmentName = None,
) -> None:
    """Send pages to a mailbox. Its owner has to confirm that first, by a link in a mail of SNS."""
    from duckstring_cli.alerting.recipients import Recipient, check_email

    check_email(address)
    _add(Recipient("email", address), pond, on, name, as_json=as_json, catchment=catchment)


@app.command("list", epilog="Example: duckstring alert list")
def list_(as_json: AsJson = False, catchment: CatchmentName = None) -> None:
    """List who is told of what, and which Ponds have a bound for how old their data may be."""
    alerts = _store(catchment).all()
    lines = open_client(catchment).status()["lines"]
    bounds = [(one["line"], bound) for one in lines if (bound := one.get("bound"))]
    if as_json:
        told = [{"line": line, **bound} for line, bound in bounds]
        render.print_json({"alerts": [one.to_json() for one in alerts], "bounds": told})
        return
    if alerts:
        made = render.table("NAME", "TO", "TOLD OF", last="wrapped")
        for one in alerts:
            made.add_row(*(escape(render.one_line(cell)) for cell in _row(one)))
        render.out().print(made)
    else:
        render.say("Nobody is told of anything.")
        render.note("Tell somebody: duckstring alert add slack|webhook|email --help")
    if bounds:
        made = render.table("LINE", "BOUND", last="wrapped")
        for line, bound in bounds:
            made.add_row(escape(line), escape(_bound_in_words(bound)))
        render.out().print(made)


@app.command("test", epilog="Example: duckstring alert test slack")
def send_test(name: Named, as_json: AsJson = False, catchment: CatchmentName = None) -> None:
    """Send one page to an alert, by the way that all pages take."""
    from duckstring_cli.alerting.trial import tried

    store = _store(catchment)
    alert = store.find(name)
    error = tried(store, alert, catchments.find(catchment).name, patience=_PATIENCE)
    if as_json:
        render.print_json({"name": name, "error": error or None})
        if error:
            raise typer.Exit(1)
        return
    if error:
        raise OperatorError(
            f"The page to {alert.kind} {alert.to} was not delivered: {error}",
            hint=f"Is the address right? Make it anew: duckstring alert rm {name}",
        )
    render.say(f"[green]✓[/] EventBridge took the page for [bold]{escape(name)}[/]")
    render.note(
        f"Nothing came back within {_PATIENCE:.0f}s. Look there: {alert.kind} {escape(alert.to)}. "
        "What cannot be delivered within an hour is in: duckstring doctor"
    )


@app.command(epilog="Example: duckstring alert rm slack")
def rm(
    name: Named,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
    catchment: CatchmentName = None,
) -> None:
    """Remove an alert: its rule, its destination or topic, and what it authenticates with."""
    store = _store(catchment)
    alert = store.find(name)
    _confirm(alert, catchment, yes=yes)
    store.remove(name)
    if as_json:
        render.print_json({"name": name, "removed": True})
        return
    render.say(f"[green]✓[/] {alert.kind} {escape(alert.to)} gets no pages any more")


@app.command(epilog="Example: duckstring alert stale reports 2h")
def stale(
    pond: PondName,
    bound: Annotated[
        str | None,
        typer.Argument(
            metavar="AGE|none|tide",
            show_default=False,
            help="An age like 2h; none: never stale; tide: as its Tide says.",
        ),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(
            "--by",
            metavar="HH:MM",
            show_default=False,
            help="Fresh as of each day by this time, in place of an age.",
        ),
    ] = None,
    tz: Annotated[
        str | None,
        typer.Option(
            "--tz", metavar="ZONE", show_default=False, help="The zone of --by; otherwise UTC."
        ),
    ] = None,
    on: Annotated[
        str | None,
        typer.Option(
            "--on",
            metavar="DAYS",
            show_default=False,
            help="The weekdays of --by: MON,TUE; otherwise every day.",
        ),
    ] = None,
    note: Note = None,
    major: Major = None,
    as_json: AsJson = False,
    catchment: CatchmentName = None,
) -> None:
    """Say how old a Pond's data may be. Without a bound, show the one that counts."""
    action, given = _bound(bound, by, tz, on)
    client = open_client(catchment, note=note)
    answer = client.stale(pond, action, major=major_of(major, None), bound=given)
    if as_json:
        render.print_json(answer)
        return
    line, told = escape(answer["line"]), answer["bound"]
    done = "[green]✓[/] " if action != "show" and answer["applied"] else ""
    if told is None:
        render.say(f"{done}[bold]{line}[/] has no bound: nobody is told how old its data is")
    else:
        render.say(f"{done}[bold]{line}[/]: {escape(_bound_in_words(told))}")
    if not answer["applied"]:
        render.warn("The line has not received it yet; it will.")


def _bound(
    bound: str | None, by: str | None, tz: str | None, on: str | None
) -> tuple[str, dict[str, object] | None]:
    """The api's action and bound for what was typed."""
    if by is not None:
        if bound is not None:
            raise BadInputError(
                f"{bound!r} and --by are both given.", hint="Give an age, or a time of day."
            )
        return "set", {"at": by, "tz": tz, "on": _days(on)}
    if tz is not None or on is not None:
        raise BadInputError("--tz and --on go with --by HH:MM.")
    if bound is None:
        return "show", None
    if bound == "tide":
        return "tide", None
    if bound == "none":
        return "set", {}
    return "set", {"within": _age(bound)}


def _age(bound: str) -> int:
    from duckstring.model.durations import HINT, seconds_of
    from duckstring.model.staleness import LONGEST

    seconds = seconds_of(bound)
    if seconds is None:
        raise BadInputError(f"{bound[:60]!r} is no age, and neither none nor tide.", hint=HINT)
    if seconds > LONGEST.total_seconds():
        raise BadInputError(f"{bound[:60]!r} is too long: at most {LONGEST.days}d.", hint=HINT)
    return seconds


def _days(on: str | None) -> list[str] | None:
    if on is None:
        return None
    days = [day.strip().upper() for day in on.split(",") if day.strip()]
    if not days:
        raise BadInputError("--on names no day; leave it out for every day.")
    return days


def _bound_in_words(bound: BoundTold) -> str:
    source = "declared" if bound["declared"] else "of its Tide"
    if bound["stale"]:
        state = f"stale since {render.moment(bound['stale'])}"
    else:
        state = f"in time until {render.moment(bound['due'])}" if bound["due"] else "in time"
    return f"{bound['words']} ({source}); {state}"


def _add(
    recipient: Recipient,
    ponds: Sequence[str] | None,
    on: str | None,
    name: str | None,
    *,
    as_json: bool,
    catchment: str | None,
) -> None:
    from duckstring_cli.alerting import adding
    from duckstring_cli.alerting.recipients import wanted

    asked = wanted(on, ponds)
    store = _store(catchment)
    granting.tell_of_unknown(asked.ponds, catchment)
    chosen = adding.add(store, recipient, asked, name)
    if as_json:
        render.print_json(store.find(chosen).to_json())
        return
    said = f"{recipient.kind} {escape(recipient.shown)}"
    render.say(f"[green]✓[/] [bold]{chosen}[/]: {said} is told of {_in_words(asked)}")
    if recipient.kind == "email":
        render.note("Its owner gets a mail of AWS with a link, and must follow it first.")
    else:
        render.note(f"Try it: duckstring alert test {chosen}")


def _url(kind: str, given: str | None, question: str) -> str:
    from duckstring_cli import secret_input

    if given is not None:
        return given
    return secret_input.read_value(question, _hints(kind, "the URL")).text.strip()


def _hints(words: str, what: str) -> Hints:
    from duckstring_cli.secret_input import Hints

    piped = f"Give {what} by standard input, as: duckstring alert add {words} < FILE"
    return Hints(empty=piped, piped=piped)


def _store(catchment: str | None) -> AlertStore:
    from duckstring_cli.alerting.store import AlertStore

    return AlertStore.of(catchments.find(catchment))


def _confirm(alert: Alert, catchment: str | None, *, yes: bool) -> None:
    if yes:
        return
    where = f"Catchment {catchments.find(catchment).name!r}"
    if not sys.stdin.isatty():
        raise OperatorError(
            f"Not removing the alert {alert.name} of {where} without confirmation.",
            hint="Say it with: -y",
        )
    if not typer.confirm(f"Remove the alert {alert.name} ({alert.to}) of {where}?", err=True):
        raise OperatorError("Nothing was removed.")


def _row(alert: Alert) -> tuple[str, ...]:
    state = "" if alert.state == "on" else f"; {alert.state}"
    return alert.name, f"{alert.kind} {alert.to}", f"{_in_words(alert.wanted)}{state}"


def _in_words(wanted: Wanted) -> str:
    of = f" of {', '.join(wanted.ponds)}" if wanted.ponds else ""
    return f"{', '.join(wanted.on)}{of}"
