"""``duckstring doctor``: what is wrong with a Catchment, and moving dead letters back."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from duckstring.errors import OperatorError, nearest
from duckstring_cli import hints, render
from duckstring_cli.aws_errors import translated_errors
from duckstring_cli.commands.options import AsJson, CatchmentName, open_client
from duckstring_cli.dead import QUEUES
from duckstring_cli.errors import BadInputError
from duckstring_cli.render import escape

if TYPE_CHECKING:
    from duckstring_cli.checkup import Checked, Finding

app = typer.Typer(
    help="Find out what is wrong with a Catchment. Exit code 1 if something is.",
    invoke_without_command=True,
    epilog="Example: duckstring doctor",
)

_FOUND = 1


@app.callback()
def doctor(
    context: typer.Context, as_json: AsJson = False, catchment: CatchmentName = None
) -> None:
    """Find out what is wrong with a Catchment, and say what to do. Exit code 1 if something is.

    Versions, functions, queues, letters that were given up, alarms, tasks, and lines whose words
    got lost.
    """
    from duckstring_cli.checkup import examine, told

    if context.invoked_subcommand:
        context.obj = catchment
        return
    client = open_client(catchment)
    checks = []
    for checked in examine(client):
        checks.append(checked)
        if not as_json:
            _print(checked)
    answer = told(client, checks)
    found = len(answer["findings"])
    if as_json:
        render.print_json(answer)
    else:
        render.say(f"\n[bold red]{found} found.[/]" if found else "\n[green]Nothing is wrong.[/]")
    if found:
        raise typer.Exit(_FOUND)


@app.command(epilog="Example: duckstring doctor redrive mailbox")
def redrive(
    context: typer.Context,
    queue: Annotated[
        str | None,
        typer.Argument(
            metavar="QUEUE", show_default=False, help=f"{', '.join(QUEUES)}; otherwise all."
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
    catchment: CatchmentName = None,
) -> None:
    """Move letters that were given up back to where they came from, in their order.

    First repair what they died of: `duckstring doctor` says it. One that dies again comes back.
    """
    from duckstring_cli.checkup import diagnosis_of
    from duckstring_cli.dead import DeadLetterQueues

    if queue is not None and queue not in QUEUES:
        raise BadInputError(
            f"There is no queue {queue!r}; there are {', '.join(QUEUES)}.",
            hint=nearest(queue, QUEUES),
        )
    diagnosis = diagnosis_of(open_client(catchment or context.obj))
    moved: dict[str, int] = {}
    with translated_errors(diagnosis.client.catchment):
        queues = DeadLetterQueues(diagnosis.open, diagnosis.outputs)
        counts = {
            one: queues.count(one)
            for one in ([queue] if queue else QUEUES)
            if queue or queues.knows(one)
        }
        dead = {one: count for one, count in counts.items() if count}
        if dead and not yes:
            _ask(dead)
        for one in dead:
            moved[one] = 0
            for letter in queues.redrive(one):
                moved[one] += 1
                if not as_json:
                    render.say(f"{one}: moved {escape(letter.line or '?')} {escape(letter.kind)}")
    if as_json:
        render.print_json({"moved": moved})
    elif not moved:
        render.say(f"There is nothing to move: no dead letters in {', '.join(counts)}.")


def _ask(dead: dict[str, int]) -> None:
    listed = ", ".join(f"{count} of {name}" for name, count in dead.items())
    if not sys.stdin.isatty():
        raise BadInputError(
            f"Dead letters to move: {listed}.", hint="Nobody is there to ask: give --yes."
        )
    if not typer.confirm(f"Move dead letters back ({listed})?", err=True):
        raise OperatorError("Nothing was moved.")


def _print(checked: Checked) -> None:
    if not checked.findings:
        render.say(f"[green]✓[/] {checked.area}: [dim]{escape(checked.fine)}[/]")
    for finding in checked.findings:
        _print_finding(finding)


def _print_finding(finding: Finding) -> None:
    render.say(f"[red]✗[/] {finding.area}: {escape(hints.addressed(finding.message))}")
    for detail in filter(None, finding.details):
        render.say(f"    {escape(detail)}")
    if finding.hint:
        render.say(f"  [bold]→[/] {escape(hints.addressed(finding.hint))}")
