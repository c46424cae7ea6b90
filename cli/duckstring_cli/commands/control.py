"""``duckstring control``: an operator's word to one Pond."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, assert_never, get_args

import typer

from duckstring.errors import OperatorError, nearest
from duckstring.model.answers.changes import ComputeRow, ControlAnswer
from duckstring.model.answers.status import LineState, LineStatus
from duckstring.model.catalog import MOST_RETRIES
from duckstring.model.limits import MOST_PRIORITY, USUAL_PRIORITY
from duckstring_cli import render
from duckstring_cli.commands.options import (
    AsJson,
    CatchmentName,
    DryRun,
    EveryPond,
    Major,
    Note,
    OfVersion,
    OnePond,
    PondName,
    SureYes,
    Tagged,
    major_of,
    open_client,
    repeated,
    typed,
)
from duckstring_cli.commands.selecting import Act, Asked, Selection, carry_out, select
from duckstring_cli.commands.trigger import Watch, check_output, follow, not_received
from duckstring_cli.errors import BadInputError
from duckstring_cli.render import escape

if TYPE_CHECKING:
    from duckstring.engine.signals import Verb

app = typer.Typer(
    help="Operate a Pond: wake, force, sleep, kill, clear, and more.",
    no_args_is_help=True,
)

_DOWN = {"failed", "killed"}


@app.command(epilog="Example: duckstring control wake sales --watch")
def wake(
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
    """Run POND once, alone.

    As soon as its Sources hold something newer; they are asked for nothing. Ends a failure or a
    kill.
    """
    _send(
        select(pond, tags, every=every, dry=dry_run, sure=yes, of_one=(watch, major, version)),
        "wake",
        Asked(catchment, note, as_json),
        major=major_of(major, version),
        watch=watch,
    )


@app.command(epilog="Example: duckstring control force sales --watch")
def force(
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
    """Run POND again now, at the freshness that it has.

    Waits for what is in flight. Its Sinks do not run. Ends a failure or a kill.
    """
    _send(
        select(pond, tags, every=every, dry=dry_run, sure=yes, of_one=(watch, major, version)),
        "force",
        Asked(catchment, note, as_json),
        major=major_of(major, version),
        watch=watch,
    )


@app.command(epilog="Example: duckstring control sleep reports --upstream")
def sleep(
    pond: OnePond = None,
    upstream: Annotated[
        bool,
        typer.Option(
            "--upstream", help="And everything that POND reads, itself or through others."
        ),
    ] = False,
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
    """Forget what is wanted of POND, and its Wave or Tide. What runs already is finished."""
    _send(
        select(pond, tags, every=every, dry=dry_run, sure=yes, of_one=(upstream, major, version)),
        "sleep",
        Asked(catchment, note, as_json),
        major=major_of(major, version),
        upstream=upstream,
    )


@app.command(epilog="Example: duckstring control kill sales")
def kill(
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
    """Stop POND's runs and their workers.

    It stays down, and what requires it is blocked, until wake, force or clear. Its Wave or Tide
    goes on after that.
    """
    picked = major_of(major, version)
    selection = select(pond, tags, every=every, dry=dry_run, sure=yes, of_one=(major, version))
    named = pond if picked is None else f"{pond}@{picked}"
    if (
        pond is not None
        and not yes
        and sys.stdin.isatty()
        and not typer.confirm(f"Kill {named}: stop its runs, and keep it down?", err=True)
    ):
        raise OperatorError("Nothing was killed.")
    _send(selection, "kill", Asked(catchment, note, as_json), major=picked)


@app.command(epilog="Example: duckstring control clear sales")
def clear(
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
    """End a failure or a kill without running POND. It runs if something still wants it."""
    _send(
        select(pond, tags, every=every, dry=dry_run, sure=yes, of_one=(major, version)),
        "clear",
        Asked(catchment, note, as_json),
        major=major_of(major, version),
    )


@app.command(
    "failure-budget",
    epilog="Example: duckstring control failure-budget sales --immediate 1 --source 2",
)
def failure_budget(
    pond: PondName,
    immediate: Annotated[
        int | None,
        typer.Option(
            "--immediate",
            min=0,
            max=MOST_RETRIES,
            metavar="N",
            help="Retries of a Ripple within one run.",
        ),
    ] = None,
    source: Annotated[
        int | None,
        typer.Option(
            "--source",
            min=0,
            max=MOST_RETRIES,
            metavar="N",
            help="Fresh runs after a failure, as Sources move on.",
        ),
    ] = None,
    note: Note = None,
    as_json: AsJson = False,
    major: Major = None,
    version: OfVersion = None,
    catchment: CatchmentName = None,
) -> None:
    """Show or set POND's live retry budgets.

    pond.toml seeds them at the first deploy only. Runs in flight keep what they began with.
    """
    answer = open_client(catchment, note=note).failure_budget(
        pond, major=major_of(major, version), immediate_retries=immediate, source_retries=source
    )
    if as_json:
        render.print_json(answer)
        return
    spent = f", {answer['failures']} failed in a row" if answer["failures"] else ""
    budgets = (
        f"failure-budget: immediate {answer['immediate_retries']}, source "
        f"{answer['source_retries']}{spent}"
    )
    render.say(f"[bold]{answer['line']}[/]: {budgets}")
    if not answer["applied"]:
        render.warn(not_received(answer["line"]))


@app.command(epilog="Example: duckstring control priority reports 80")
def priority(
    pond: PondName,
    number: Annotated[
        int | None,
        typer.Argument(
            metavar="N",
            min=0,
            max=MOST_PRIORITY,
            show_default=False,
            help=f"0 to {MOST_PRIORITY}, the highest first; otherwise {USUAL_PRIORITY}.",
        ),
    ] = None,
    note: Note = None,
    as_json: AsJson = False,
    major: Major = None,
    version: OfVersion = None,
    catchment: CatchmentName = None,
) -> None:
    """Show or set how early POND's Ripples get tokens of limits.

    Who waits with the highest priority is the next; among equals, who asked first. It is kept over
    deploys. Without limits it means nothing: what is ready runs at once.
    """
    client = open_client(catchment, note=note)
    answer = client.priority(pond, number, major=major_of(major, version))
    if as_json:
        render.print_json(answer)
        return
    render.say(f"[bold]{answer['line']}[/]: priority {answer['priority']}")
    if not answer["applied"]:
        render.warn(not_received(answer["line"]))


@app.command(epilog="Example: duckstring control compute sales load --on task --memory 16GB")
def compute(
    pond: PondName,
    ripple: Annotated[
        str | None,
        typer.Argument(
            metavar="RIPPLE",
            show_default=False,
            help="The Ripple; may be left out where there is one.",
        ),
    ] = None,
    on: Annotated[
        str | None,
        typer.Option(
            "--on",
            metavar="PLACE",
            help="lambda (the function), task (Fargate), or auto: as the line finds out.",
        ),
    ] = None,
    memory: Annotated[
        str | None,
        typer.Option(
            "--memory",
            metavar="SIZE",
            help="Of a task: 8GB to 120GB. Otherwise as the line finds out.",
        ),
    ] = None,
    note: Note = None,
    as_json: AsJson = False,
    major: Major = None,
    version: OfVersion = None,
    catchment: CatchmentName = None,
) -> None:
    """Show where POND's Ripples run, or say where RIPPLE does.

    It counts from the next attempt on, and over deploys, until --on auto takes it back. By itself a
    Ripple runs in the function; one that overran it or wanted more memory goes on as a task, and
    its next runs begin as one while they need it.
    """
    from duckstring_cli import compute_view

    place = _place(on)
    mib = _memory(memory, on)
    if ripple is not None and on is None:
        raise BadInputError(
            f"{ripple}: say where it runs.", hint="Give --on task, --on lambda or --on auto."
        )
    answer = open_client(catchment, note=note).compute(
        pond, ripple, major=major_of(major, version), on=place, memory_mib=mib
    )
    if as_json:
        render.print_json(answer)
        return
    if on is None:
        render.out().print(compute_view.compute_table(answer))
        return
    chosen = (
        answer["ripples"][0]
        if ripple is None
        else next(row for row in answer["ripples"] if row["name"] == ripple)
    )
    render.say(f"[bold]{answer['line']}[/]: {_where(chosen)}")
    if not answer["applied"]:
        render.warn(not_received(answer["line"]))


def _place(on: str | None) -> str | None:
    from duckstring.model.compute import PinnedPlace

    places: tuple[str, ...] = get_args(PinnedPlace)
    if on is not None and on not in places:
        raise BadInputError(f"--on {on}: allowed: {', '.join(places)}.", hint=nearest(on, places))
    return on


def _memory(text: str | None, on: str | None) -> int | None:
    from duckstring.model.compute import mebibytes

    if text is None:
        return None
    if on != "task":
        raise BadInputError(
            f"--memory {text} goes with --on task.",
            hint="The function's memory is the Catchment's: -c memory= at its deploy.",
        )
    if (mib := mebibytes(text)) is None:
        raise BadInputError(
            f"--memory {text!r} is not a size; allowed: 128MB to 120GB.", hint="Write it as 16GB."
        )
    return mib


def _where(row: ComputeRow) -> str:
    from duckstring_cli import compute_view

    now = f"{row['name']} runs {render.place(row['task_mib'])} from its next attempt on"
    if row["pin"] is None:
        return f"{now}; the line finds out by itself again"
    fails = "; it fails if that is too small" if compute_view.is_fixed(row) else ""
    return f"{now}, until --on auto{fails}"


def _send(
    selection: Selection,
    verb: Verb,
    asked: Asked,
    *,
    major: int | None,
    watch: bool = False,
    upstream: bool = False,
) -> None:
    check_output(watch=watch, as_json=asked.as_json)
    client, named = open_client(asked.catchment, note=asked.note), repeated(asked.catchment)
    if selection.pond is None:
        act = Act(lambda line: _would(verb, line), verb=verb)
        carry_out(client, selection, act, as_json=asked.as_json)
        return
    before = client.status() if watch else None
    answer = client.control(selection.pond, verb, major=major, upstream=upstream)
    if asked.as_json:
        render.print_json(answer)
        return
    render.say(f"[bold]{', '.join(answer['lines'])}[/]: {escape(_outcome(verb, answer))}")
    for warning in answer["warnings"]:
        render.warn(warning)
    if not answer["applied"]:
        render.warn(not_received(answer["lines"][0]))
    elif before is not None and answer["status"]["status"] != "waiting":
        line = answer["lines"][0]
        last = next((held["last_run"] for held in before["lines"] if held["line"] == line), None)
        follow(client, line, before, epoch=None, after=last["number"] if last else 0, named=named)
    elif verb in {"wake", "force"}:
        render.err().print(
            f"[dim]Watch it: duckstring status {escape(typed(answer['lines'][0]) + named)}[/]"
        )


def _would(verb: Verb, line: LineStatus) -> str:
    """What a verb does to a line, in a few words."""
    from duckstring_cli import line_words

    ends = f"ends that it {'was killed' if line['status'] == 'killed' else 'failed'}"
    is_down = line["status"] in _DOWN
    match verb:
        case "wake":
            return f"{ends}, and runs once, alone" if is_down else "runs once, alone"
        case "force":
            return f"{ends}, and runs again" if is_down else "runs again, as fresh as it is"
        case "sleep":
            dropped = [part for part in (line_words.demand(line), line_words.trigger(line)) if part]
            return f"forgets {', '.join(dropped)}" if dropped else "nothing is wanted of it"
        case "kill":
            runs = [run["run"] for run in line["runs"]]
            return f"stops run {', '.join(runs)}, and stays down" if runs else "stays down"
        case "clear":
            return ends if is_down else "nothing to clear"
        case _:
            assert_never(verb)


def _outcome(verb: Verb, answer: ControlAnswer) -> str:
    from duckstring_cli import line_words

    held = answer["status"]
    match verb:
        case "wake":
            if waits := line_words.held_back(held):
                return f"woken; {waits}, and so does this"
            return _and_why_it_waits("woken", held)
        case "force":
            return (
                "forced; it runs when what is in flight is done"
                if held["demand"]["forced"]
                else "forced"
            )
        case "sleep":
            return "asleep; what runs is finished" if held["runs"] else "asleep"
        case "kill":
            return (
                f"killed; stopped run {', '.join(answer['runs'])}"
                if answer["runs"]
                else "killed; nothing was running"
            )
        case "clear":
            was_down = answer["previous"] in _DOWN
            done = "cleared" if was_down else "neither failed nor killed; nothing to clear"
            return _and_why_it_waits(done, held)
        case _:
            assert_never(verb)


def _and_why_it_waits(done: str, held: LineState) -> str:
    reason = render.one_line(held["reason"])
    return f"{done}; {reason}" if held["status"] in {"blocked", "waiting"} and reason else done
