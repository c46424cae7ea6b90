"""``duckstring trigger window POND``: when an Inlet's outside source is ready."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated

import typer

from duckstring.model.answers.changes import WindowAnswer
from duckstring.model.answers.status import WindowTold
from duckstring.model.instants import Instant, to_text
from duckstring.model.zones import zone_fault
from duckstring_cli import durations, moments, render
from duckstring_cli.commands.options import (
    AsJson,
    CatchmentName,
    Major,
    Note,
    OfVersion,
    PondName,
    major_of,
    open_client,
    repeated,
)
from duckstring_cli.errors import BadInputError
from duckstring_cli.render import escape

app = typer.Typer(
    help=(
        "When an Inlet's outside source is ready: it runs once per opening, and demand waits for "
        "the next."
    ),
    epilog=(
        "Example: duckstring trigger window sales add --name nightly --every 1d --start 02:00 "
        "--duration 3h"
    ),
    no_args_is_help=True,
    subcommand_metavar="add|list|remove",
)

Name = Annotated[
    str,
    typer.Option(
        "--name",
        metavar="NAME",
        show_default=False,
        help="The rule's name: lowercase letters, digits, underscores.",
    ),
]
_A_MINUTE = 60
_A_DAY = 86_400.0
_BY_ALARM = "Where demand waits, an alarm of the Pond's own opens it, within about 2 s."


@app.callback()
def window(context: typer.Context, pond: PondName) -> None:
    """When an Inlet's outside source is ready: it runs once per opening, and demand waits for
    the next.
    """
    context.obj = pond


@app.command(
    epilog=(
        "Example: duckstring trigger window sales add --name nightly --every 1d --start 02:00 "
        "--duration 3h --on MON,WED"
    )
)
def add(
    context: typer.Context,
    name: Name,
    every: Annotated[
        str | None,
        typer.Option(
            "--every",
            metavar="PERIOD",
            show_default=False,
            help="From one opening to the next: 1d, 1h30m.",
        ),
    ] = None,
    cron: Annotated[
        str | None,
        typer.Option(
            "--cron",
            metavar="FIELDS",
            show_default=False,
            help=(
                "Openings by a calendar, in the place of --every: minute, hour, day of the month, "
                'month, weekday. "0 6 L * *": at 06:00 on the last day of each month.'
            ),
        ),
    ] = None,
    tz: Annotated[
        str | None,
        typer.Option(
            "--tz",
            metavar="ZONE",
            show_default=False,
            help="The zone of all times and days of the rule: Europe/Berlin; otherwise UTC.",
        ),
    ] = None,
    start: Annotated[
        str,
        typer.Option(
            "--start",
            metavar="MOMENT",
            help="The first opening: a time of today (02:00), a date, or 2030-01-31T02:00.",
        ),
    ] = "00:00",
    duration: Annotated[
        str | None,
        typer.Option(
            "--duration",
            metavar="LENGTH",
            show_default=False,
            help="How long it stays open; otherwise until the next.",
        ),
    ] = None,
    on: Annotated[
        list[str] | None,
        typer.Option(
            "--on",
            metavar="DAYS",
            show_default=False,
            help="With --every: only openings on these weekdays: MON,WED.",
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(
            "--until",
            metavar="MOMENT",
            show_default=False,
            help="Nothing opens from then on: a date or an instant.",
        ),
    ] = None,
    note: Note = None,
    as_json: AsJson = False,
    major: Major = None,
    version: OfVersion = None,
    catchment: CatchmentName = None,
) -> None:
    """Add a rule.

    Open for LENGTH from MOMENT on, again each PERIOD, or at the times that FIELDS name. Rules of
    one Pond may touch, not overlap. The same rule again changes nothing.

    In a zone, a day's opening keeps its time of day. A time that clocks skip in spring opens when
    they skip it. A time that comes twice in autumn opens once, the first time.
    """
    now, faults = datetime.now(UTC), list[BadInputError]()
    if (every is None) is (cron is None):
        raise BadInputError(
            "Give a rule --every or --cron: one of them.",
            hint='For example: --every 1d, or --cron "0 6 1 * *".',
        )
    zone = _zone(tz, faults)
    period = None if every is None else _seconds(every, "--every", faults)
    # By the clock of a zone the next opening is not always a period later.
    otherwise = None if zone not in {"", "UTC"} else period
    rule: dict[str, object] = {
        "name": name,
        "start": _moment(start, "--start", faults, zone=zone, today=now) or to_text(now),
        "every": None if cron is not None else period or _A_DAY,
        "duration": otherwise if duration is None else _seconds(duration, "--duration", faults),
        "on": _days(on or (), faults),
        "until": None if until is None else _moment(until, "--until", faults, zone=zone),
    }
    rule |= {"tz": zone} if zone else {}
    rule |= {"cron": _fields(cron)} if cron is not None else {}
    if faults:
        raise _all_of(faults, rule if period or cron else rule | {"duration": None})
    answer = open_client(catchment, note=note).window(
        context.obj, "add", major=major_of(major, version), window=rule
    )
    if as_json:
        render.print_json(answer)
        return
    added = next((held for held in answer["windows"] if held["name"] == name), None)
    if added is None:
        _not_received(answer, catchment)
        return
    render.say(f"[bold]{answer['line']}[/]: Window [bold]{name}[/], {escape(render.rule(added))}")
    render.say(f"  {_opens(added, answer['now'])}")
    if coming := added["open"] or added["next"]:
        _warn_of_what_is_ahead(answer, coming["end"])
    if note := _precision(added):
        render.err().print(f"[dim]{note}[/]", soft_wrap=True)


def _seconds(text: str, option: str, faults: list[BadInputError]) -> float | None:
    """A length as typed; None, and one fault more, if it is none."""
    try:
        return durations.parse(text).total_seconds()
    except BadInputError as error:
        faults.append(BadInputError(f"{option}: {error.message}", hint=error.hint))
        return None


def _days(texts: Iterable[str], faults: list[BadInputError]) -> list[str]:
    """As ``_seconds``, for weekdays: an empty variable in a script is not every day."""
    days = [text.upper().replace(",", " ").split() for text in texts]
    if not all(days):
        faults.append(
            BadInputError(
                "--on names no day.",
                hint="For example: --on MON,WED; every day where it is left out.",
            )
        )
    return [day for some in days for day in some]


def _zone(text: str | None, faults: list[BadInputError]) -> str:
    """As ``_seconds``, for a zone; empty: UTC."""
    if text is None:
        return ""
    if fault := zone_fault(text):
        faults.append(BadInputError(f"--{fault}", hint="For example: --tz Europe/Berlin"))
        return ""
    return text


def _fields(cron: str) -> str:
    """However many blanks are between them. An empty text stays one that is refused."""
    return " ".join(cron.split()) or " "


def _moment(
    text: str,
    option: str,
    faults: list[BadInputError],
    *,
    zone: str,
    today: Instant | None = None,
) -> str | None:
    """As ``_seconds``, for a moment."""
    try:
        return moments.on_wire(text, tz=zone, today=today)
    except BadInputError as error:
        faults.append(BadInputError(f"{option}: {error.message}", hint=error.hint))
        return None


def _all_of(faults: list[BadInputError], rest: dict[str, object]) -> BadInputError:
    """What cannot be read, and what the Catchment would refuse of the rest, which it is not
    asked any more.
    """
    from duckstring.model import window_rules as read_window

    messages = [*(fault.message for fault in faults), *read_window.faults(rest)]
    return BadInputError(
        "\n".join(messages), hint="\n".join(dict.fromkeys(fault.hint for fault in faults))
    )


@app.command("list", epilog="Example: duckstring trigger window sales list")
def list_(
    context: typer.Context,
    as_json: AsJson = False,
    major: Major = None,
    version: OfVersion = None,
    catchment: CatchmentName = None,
) -> None:
    """The rules, what is open, and the next five openings."""
    answer = open_client(catchment).window(context.obj, "list", major=major_of(major, version))
    if as_json:
        render.print_json(answer["windows"])
    elif not answer["windows"]:
        render.say(f"[bold]{answer['line']}[/] has no Window: nothing keeps it from running.")
    else:
        from duckstring_cli import openings

        render.out().print(openings.window_view(answer["windows"], answer["now"]))


@app.command(epilog="Example: duckstring trigger window sales remove --name nightly")
def remove(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", show_default=False, help="The rule's name.")
    ] = None,
    named: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", show_default=False, help="The same, as an option."),
    ] = None,
    note: Note = None,
    as_json: AsJson = False,
    major: Major = None,
    version: OfVersion = None,
    catchment: CatchmentName = None,
) -> None:
    """Remove a rule, and its schedule. A run that its opening has started is finished."""
    chosen = name or named
    if chosen is None or (name and named and name != named):
        raise BadInputError(
            "One rule at a time: give its name, once.",
            hint=f"For example: duckstring trigger window {context.obj} remove nightly",
        )
    answer = open_client(catchment, note=note).window(
        context.obj, "remove", major=major_of(major, version), name=chosen
    )
    if as_json:
        render.print_json(answer)
        return
    if not answer["applied"]:
        _not_received(answer, catchment)
        return
    left = ", ".join(held["name"] for held in answer["windows"])
    still = f"it still has {left}" if left else "no rule is left"
    render.say(f"[bold]{answer['line']}[/]: Window [bold]{chosen}[/] removed; {still}")
    _warn_of_what_is_ahead(
        answer,
        max(
            (held["open"]["end"] for held in answer["windows"] if held["open"]),
            default=answer["now"],
        ),
    )


def _not_received(answer: WindowAnswer, catchment: str | None) -> None:
    pond, _, major = answer["line"].partition("@")
    see = f"duckstring trigger window {pond} list -m {major}{repeated(catchment)}"
    render.warn(f"{answer['line']} has not received it within 10 s, but it will. See: {see}")


def _warn_of_what_is_ahead(answer: WindowAnswer, end: str) -> None:
    """A run counts as fresh as of the end of its opening, also when the rule is gone. ``end``:
    up to when that is no surprise.
    """
    ahead = answer["ahead"]
    if ahead is None or (render.between(end, ahead) or 0) < 1:
        return
    pond, _, major = answer["line"].partition("@")
    render.warn(
        f"{answer['line']} counts as fresh as of {render.moment(ahead)}, the end of an opening "
        "that had its run: until then "
        "a Pulse is satisfied, a Tide asks for nothing, and openings that end before are passed "
        "over. "
        f"To run it anyhow: duckstring trigger tap {pond} -m {major}"
    )


def _opens(window: WindowTold, now: str) -> str:
    if window["open"]:
        return (
            f"open now, until {render.moment(window['open']['end'])} (for "
            f"{_ahead(now, window['open']['end'])})"
        )
    if window["next"]:
        from duckstring_cli import openings

        first = next(iter(window.get("upcoming", ())), None)
        local = f", {openings.local(first)}" if first and first["local"] else ""
        return (
            f"opens {render.moment(window['next']['start'])}{local} (in "
            f"{_ahead(now, window['next']['start'])})"
        )
    return "does not open again"


def _ahead(now: str, then: str) -> str:
    return durations.ahead(render.between(now, then))


def _precision(window: WindowTold) -> str:
    if window["carried_by"] == "alarm":
        why = (
            "EventBridge Scheduler has no words for it"
            if window.get("cron") or window.get("tz")
            else "its period is not a whole number of minutes"
        )
        return f"No schedule carries it: {why}. {_BY_ALARM}"
    if 0 < window["duration"] < _A_MINUTE:
        return f"It may be closed before its schedule fires, which is within a minute. {_BY_ALARM}"
    return ""
