"""``duckstring maintenance``: hold new runs in the whole Catchment, and see what still runs."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from duckstring.model.audits import short
from duckstring_cli import durations, render
from duckstring_cli.commands.options import AsJson, CatchmentName, Note, open_client, repeated
from duckstring_cli.errors import BrokenOffError
from duckstring_cli.render import escape

if TYPE_CHECKING:
    from duckstring.model.answers.common import HoldTold
    from duckstring.model.answers.operated import MaintenanceAnswer
    from duckstring.model.answers.status import RunningRun
    from duckstring_cli.client import Client

app = typer.Typer(
    help="Hold new runs in the whole Catchment, for maintenance.", no_args_is_help=True
)

Wait = Annotated[bool, typer.Option("--wait", "-w", help="Come back when nothing runs any more.")]
_PAUSE = 2.0
_MOST_SHOWN = 30


@app.command(epilog='Example: duckstring maintenance on --note "new warehouse" --wait')
def on(
    wait: Wait = False,
    note: Note = None,
    as_json: AsJson = False,
    catchment: CatchmentName = None,
) -> None:
    """Hold new runs. What runs is finished, and what is asked for is kept.

    Also in Ponds that are deployed meanwhile. Wake and force are kept as well.
    """
    client = open_client(catchment, note=note)
    answer = client.maintenance("on")
    is_another = note is not None and _is_another(answer["hold"], note)
    if wait:
        answer = _waited(client, answer, quiet=as_json)
    _show(answer, as_json=as_json, named=repeated(catchment))
    if is_another:
        render.warn(
            "It was on already. Your note is in duckstring audit alone, and who has switched it "
            "on may switch it off."
        )


@app.command(epilog="Example: duckstring maintenance off")
def off(note: Note = None, as_json: AsJson = False, catchment: CatchmentName = None) -> None:
    """Let new runs start again. What was asked for meanwhile runs now."""
    answer = open_client(catchment, note=note).maintenance("off")
    _show(answer, as_json=as_json, named=repeated(catchment))


@app.command(epilog="Example: duckstring maintenance status --wait")
def status(wait: Wait = False, as_json: AsJson = False, catchment: CatchmentName = None) -> None:
    """Whether new runs are held, by whom and why, and what still runs."""
    client = open_client(catchment)
    answer = client.maintenance("status")
    if wait and answer["on"]:
        answer = _waited(client, answer, quiet=as_json)
    _show(answer, as_json=as_json, named=repeated(catchment))


def _is_another(hold: HoldTold | None, note: str) -> bool:
    """Whether maintenance was on before, with another note than this one."""
    from duckstring.model.limits import NOTE
    from duckstring.model.said import one_line

    return bool(note and hold and (hold["note"] or "") != one_line(note, NOTE))


def words(hold: HoldTold) -> str:
    """``by alice@laptop since 2030-01-01 12:00:00: new warehouse``."""
    by = f"by {short(hold['by'])} " if hold["by"] else ""
    return f"{by}since {render.moment(hold['at'])}" + (f": {hold['note']}" if hold["note"] else "")


def _waited(client: Client, answer: MaintenanceAnswer, *, quiet: bool) -> MaintenanceAnswer:
    """Ask until nothing runs, and every line has heard of it."""
    told = -1
    try:
        while answer["on"] and (answer["runs"] or answer["not_received"]):
            left = len(answer["runs"])
            if left != told and not quiet:
                render.err().print(f"[dim]Waits for {_counted(left, 'run')}…[/]")
                told = left
            time.sleep(_PAUSE)
            answer = client.maintenance("status")
    except KeyboardInterrupt as error:
        raise BrokenOffError(
            "Not waited for any longer; new runs stay held. Look: duckstring maintenance status"
        ) from error
    return answer


def _show(answer: MaintenanceAnswer, *, as_json: bool, named: str) -> None:
    if as_json:
        render.print_json(answer)
        return
    hold = answer["hold"]
    if hold is None:
        render.say("[green]Maintenance is off[/]: runs start as usual.")
    else:
        render.say(f"[bold yellow]Maintenance is on[/] {escape(words(hold))}")
        render.say(f"No run starts in {_counted(answer['lines'], 'line')}.")
        _show_runs(answer["runs"])
    if hold is not None and answer["waiting"]:
        render.say(
            f"Asked for and kept: {escape(render.first_of(answer['waiting']))}. It runs after: "
            f"duckstring maintenance off{escape(named)}"
        )
    if missing := answer["not_received"]:
        again = "on" if answer["on"] else "off"
        render.warn(
            f"{_counted(len(missing), 'line')} has not heard it yet ({render.first_of(missing)}), "
            f"but will within minutes. Look: duckstring maintenance status"
            if len(missing) == 1
            else f"{_counted(len(missing), 'line')} have not heard it yet "
            f"({render.first_of(missing)}), but will within minutes. To say it again: duckstring "
            f"maintenance {again}"
        )


def _show_runs(runs: list[RunningRun]) -> None:
    if not runs:
        render.say("[green]Nothing runs any more.[/]")
        return
    render.say(f"It waits for {_counted(len(runs), 'run')}:")
    now = datetime.now(UTC)
    table = render.table("RUN", "SINCE", "DOES", last="wrapped")
    for run in runs[:_MOST_SHOWN]:
        began = render.read_instant(run["started"])
        lasted = durations.brief((now - began).total_seconds()) if began else ""
        busy = [
            f"{ripple['name']} {ripple['status']}"
            for ripple in run["ripples"]
            if ripple["status"] in {"running", "queued", "failed"}
        ]
        table.add_row(run["run"], lasted, ", ".join(busy))
    render.out().print(table)
    if (left := len(runs) - _MOST_SHOWN) > 0:
        render.say(f"[dim]… and {left} more[/]")


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
