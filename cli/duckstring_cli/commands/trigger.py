"""``duckstring trigger``: ask a Pond for something."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from duckstring.errors import OperatorError
from duckstring.model.answers.status import LineStatus, StatusAnswer
from duckstring_cli import durations, render
from duckstring_cli.client import Client
from duckstring_cli.commands import arrival, window
from duckstring_cli.commands.options import (
    AsJson,
    CatchmentName,
    DryRun,
    EveryPond,
    Major,
    Note,
    OfVersion,
    OnePond,
    SureYes,
    Tagged,
    major_of,
    open_client,
    repeated,
    typed,
)
from duckstring_cli.commands.selecting import Act, Asked, Selection, carry_out, select
from duckstring_cli.errors import BadInputError, BrokenOffError
from duckstring_cli.render import escape

if TYPE_CHECKING:
    from duckstring_cli.follow import Follower

app = typer.Typer(help="Ask for data: once, always, or within a bound.", no_args_is_help=True)
app.add_typer(window.app, name="window")
app.add_typer(arrival.app, name="arrival")

_A_MINUTE = 60
_PRECISION = (
    "The clock wakes a Pond within about 2 s of its time, and then it has to run: a bound below "
    "a minute is kept as well as that allows."
)

Watch = Annotated[
    bool, typer.Option("--watch", "-w", help="Follow it until all is at rest, or nothing can come.")
]


@app.command(epilog="Example: duckstring trigger tap reports --watch")
def tap(
    pond: OnePond = None,
    tags: Tagged = None,
    every: EveryPond = False,
    dry_run: DryRun = False,
    yes: SureYes = False,
    note: Note = None,
    major: Major = None,
    version: OfVersion = None,
    watch: Watch = False,
    as_json: AsJson = False,
    catchment: CatchmentName = None,
) -> None:
    """Pull once.

    Runs POND with something newer from its Sources, and lets them prepare the next.
    """
    _send(
        select(pond, tags, every=every, dry=dry_run, sure=yes, of_one=(watch, major, version)),
        Act(_would("tap"), kind="tap"),
        Asked(catchment, note, as_json),
        major=major_of(major, version),
        watch=watch,
    )


@app.command(epilog="Example: duckstring trigger pulse reports --watch")
def pulse(
    pond: OnePond = None,
    tags: Tagged = None,
    every: EveryPond = False,
    dry_run: DryRun = False,
    yes: SureYes = False,
    note: Note = None,
    major: Major = None,
    version: OfVersion = None,
    watch: Watch = False,
    as_json: AsJson = False,
    catchment: CatchmentName = None,
) -> None:
    """Push once.

    Runs everything that POND needs, each once, in order, as of now.
    """
    _send(
        select(pond, tags, every=every, dry=dry_run, sure=yes, of_one=(watch, major, version)),
        Act(_would("pulse"), kind="pulse"),
        Asked(catchment, note, as_json),
        major=major_of(major, version),
        watch=watch,
    )


@app.command(epilog="Example: duckstring trigger wave reports")
def wave(
    pond: OnePond = None,
    tags: Tagged = None,
    every: EveryPond = False,
    dry_run: DryRun = False,
    yes: SureYes = False,
    note: Note = None,
    major: Major = None,
    version: OfVersion = None,
    watch: Watch = False,
    as_json: AsJson = False,
    catchment: CatchmentName = None,
) -> None:
    """Pull always.

    Runs POND again each time it is done, as fast as its slowest Source allows.
    """
    _send(
        select(pond, tags, every=every, dry=dry_run, sure=yes, of_one=(watch, major, version)),
        Act(_would("wave"), kind="wave"),
        Asked(catchment, note, as_json),
        major=major_of(major, version),
        watch=watch,
    )


@app.command(epilog="Example: duckstring trigger tide reports 1d")
def tide(
    pond: OnePond = None,
    bound: Annotated[
        str | None,
        typer.Argument(
            metavar="BOUND", show_default=False, help="The staleness allowed: 30s, 90m, 1d, 1h30m."
        ),
    ] = None,
    tags: Tagged = None,
    every: EveryPond = False,
    dry_run: DryRun = False,
    yes: SureYes = False,
    note: Note = None,
    major: Major = None,
    version: OfVersion = None,
    watch: Watch = False,
    as_json: AsJson = False,
    catchment: CatchmentName = None,
) -> None:
    """Keep POND no staler than BOUND."""
    if bound is None and (tags or every):
        pond, bound = None, pond
    if bound is None:
        raise BadInputError(
            "BOUND is missing: the staleness allowed.", hint="duckstring trigger tide reports 1d"
        )
    seconds = durations.parse(bound).total_seconds()
    selection = select(
        pond, tags, every=every, dry=dry_run, sure=yes, of_one=(watch, major, version)
    )
    if seconds < _A_MINUTE:
        render.err().print(f"[dim]{_PRECISION}[/]", soft_wrap=True)
    _send(
        selection,
        Act(_would("tide"), kind="tide", bound=seconds),
        Asked(catchment, note, as_json),
        major=major_of(major, version),
        watch=watch,
    )


@app.command(epilog="Example: duckstring trigger remove reports")
def remove(
    pond: OnePond = None,
    tags: Tagged = None,
    every: EveryPond = False,
    dry_run: DryRun = False,
    yes: SureYes = False,
    note: Note = None,
    major: Major = None,
    version: OfVersion = None,
    as_json: AsJson = False,
    catchment: CatchmentName = None,
) -> None:
    """Remove POND's Wave or Tide. What runs already is finished."""
    _send(
        select(pond, tags, every=every, dry=dry_run, sure=yes, of_one=(major, version)),
        Act(_would("remove"), kind="remove"),
        Asked(catchment, note, as_json),
        major=major_of(major, version),
    )


def check_output(*, watch: bool, as_json: bool) -> None:
    """Refuse what is for people and for programs at once.

    Raises:
        BadInputError: both are asked for.
    """
    if watch and as_json:
        raise BadInputError(
            "Give --watch or --json, not both.",
            hint="Follow it with: duckstring status POND --json",
        )


def _would(kind: str) -> Callable[[LineStatus], str]:
    """What a trigger does to a line, in a few words."""
    from duckstring_cli import line_words

    def would(line: LineStatus) -> str:
        has = line_words.trigger(line)
        if kind == "remove":
            return f"loses its {has}" if has else "has no Wave or Tide"
        instead = f", in the place of its {has}" if has and kind in {"wave", "tide"} else ""
        return f"{_MEANS[kind]}{instead}"

    return would


_MEANS = {
    "tap": "pulls once",
    "pulse": "runs with all that it needs",
    "wave": "runs always",
    "tide": "is kept fresh",
}


def _send(
    selection: Selection,
    act: Act,
    asked: Asked,
    *,
    major: int | None,
    watch: bool = False,
) -> None:
    kind, bound, catchment = act.name, act.bound, asked.catchment
    check_output(watch=watch, as_json=asked.as_json)
    client = open_client(catchment, note=asked.note)
    if selection.pond is None:
        carry_out(client, selection, act, as_json=asked.as_json)
        return
    before = client.status() if watch else None
    answer = client.trigger(selection.pond, kind, major=major, bound=bound)
    if asked.as_json:
        render.print_json(answer)
        return
    # A Catchment of an older version does not say whether the line has received it.
    applied = answer.get("applied")
    delivery = "received" if applied else "sent"
    render.say(f"[bold]{answer['line']}[/]: {_outcome(kind, bound, delivery)}")
    for warning in answer.get("warnings", ()):
        render.warn(warning)
    if applied is False:
        render.warn(not_received(answer["line"]))
    if before is not None:
        epoch = answer["epoch"] if kind == "pulse" else None
        follow(
            client,
            answer["line"],
            before,
            epoch=epoch,
            endless=kind in {"wave", "tide"},
            named=repeated(catchment),
        )
    elif kind != "remove":
        render.err().print(f"[dim]Watch it: duckstring status{escape(repeated(catchment))}[/]")


def _outcome(kind: str, bound: float | None, delivery: str) -> str:
    match kind:
        case "remove":
            return "trigger removed" if delivery == "received" else "removal of its trigger sent"
        case "tide":
            return f"tide {delivery}, no staler than {durations.exact(bound or 0)}"
        case _:
            return f"{kind} {delivery}"


def not_received(line: str) -> str:
    """The warning for a line that was too busy to receive the letter in time."""
    return (
        f"{line} has not received it yet, but it will. Look again: duckstring status {typed(line)}"
    )


def follow(
    client: Client,
    line: str,
    before: StatusAnswer,
    *,
    epoch: str | None,
    endless: bool = False,
    after: int | None = None,
    named: str = "",
) -> float:
    """Show the work until its goal (``follow.Goal``) is reached. Gives the seconds that it took by
    the Catchment's clock.

    Raises:
        OperatorError: something failed, and the goal is out of reach.
        BrokenOffError: Ctrl-C.
    """
    from duckstring_cli import live
    from duckstring_cli.follow import Goal

    since = next((held["end_f"] for held in before["lines"] if held["line"] == line), "")
    try:
        verdict, follower = live.follow(
            client, Goal(line, epoch, since, endless=endless, after=after), before
        )
    except KeyboardInterrupt as error:
        again = f"Look again: duckstring status {typed(line)}{named}"
        raise BrokenOffError(
            f"Not watched any longer; what you asked for goes on. {again}"
        ) from error
    if verdict == "down":
        raise _out_of_reach(line, follower, named)
    done, target = follower.finished.get(line), follower.target
    seconds = (
        render.between(epoch or before["now"], done["finished"] if done else follower.now) or 0.0
    )
    fresh = render.moment(target["end_f"] if target else None)
    took = (
        " already: nothing had to run"
        if epoch and since >= epoch
        else f", after {durations.brief(seconds)}"
    )
    render.say(f"[green]✓[/] [bold]{line}[/] is fresh as of {fresh}{took}")
    return seconds


def _out_of_reach(line: str, follower: Follower, named: str) -> OperatorError:
    from duckstring_cli import line_words

    target = follower.target
    held = follower.culprits[0] if follower.culprits else target
    if held is None or held["failure"] is None:
        why = (held["reason"] or held["status"]) if held else "it is gone"
        closer = f"Look closer: duckstring status {typed(line)}{named}"
        if follower.forgotten:
            return OperatorError(
                f"{line} cannot run: {follower.forgotten}.",
                hint="What you asked for is forgotten: ask for it again.",
            )
        if why_not := follower.out_of_reach:
            return OperatorError(
                f"{line} cannot run: {why_not}.",
                hint=(
                    "What you asked for waits, and runs when that has changed. Not watched any "
                    "longer."
                ),
            )
        killed = held is not None and held["status"] == "killed"
        return OperatorError(
            f"{line} cannot run: {why}.",
            hint=f"Let it go on: {line_words.way_out(held, named)}" if held and killed else closer,
        )
    failure = held["failure"]
    where = "" if held is target else f"{line} is {target['status'] if target else 'blocked'}: "
    words = render.error_text(failure["error"], render.one_line(failure["message"]))
    hint = (
        f"See all of it: duckstring run show {failure['run']}{named}"
        if failure["run"]
        else f"Look closer: duckstring status {typed(held['line'])}{named}"
    )
    return OperatorError(
        f"{where}{held['line']} {line_words.failed_where(failure)}: {words}", hint=hint
    )
