"""``duckstring runs`` and ``duckstring run show``: what ran, and how it ended."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.markup import escape
from rich.text import Text

from duckstring.model import instants, names
from duckstring_cli import catchments, durations, render
from duckstring_cli.answers import AttemptRow, RunRow
from duckstring_cli.catchments import Catchment
from duckstring_cli.commands.options import AsJson, CatchmentName, Major, OfVersion, SomePond, major_of, open_client, repeated
from duckstring_cli.errors import BadInputError, nearest

STATUSES = ("running", "success", "pass", "failed", "killed")

app = typer.Typer(help="One run closely.", no_args_is_help=True)


def runs(
    pond: SomePond = None,
    limit: Annotated[int, typer.Option("--limit", "-n", metavar="N", min=1, max=1000, help="How many.")] = 20,
    status: Annotated[str | None, typer.Option("--status", "-s", metavar="STATUS", help=f"Only these: {', '.join(STATUSES)}.")] = None,
    as_json: AsJson = False,
    major: Major = None,
    version: OfVersion = None,
    catchment: CatchmentName = None,
) -> None:
    """What ran, newest first."""
    if status is not None and status not in STATUSES:
        raise BadInputError(f"No run ends as {status!r}; it is one of {', '.join(STATUSES)}.", hint=nearest(status, STATUSES))
    picked = major_of(major, version)
    rows = open_client(catchment).runs(pond, major=picked, limit=limit, status=status)
    if as_json:
        render.print_json(rows)
    elif not rows:
        render.say(
            "No such run."
            if status
            else f"Nothing has run yet. Try: [bold]duckstring trigger pulse {pond or 'POND'} --watch{escape(repeated(catchment))}[/]"
        )
    else:
        from duckstring_cli import board

        console = render.out()
        console.print(board.run_table(rows, instants.to_text(datetime.now(UTC)), narrow=console.width < render.NARROW))


@app.command(epilog="Example: duckstring run show sales@1/42")
def show(
    run: Annotated[str, typer.Argument(metavar="RUN", show_default=False, help="As in the list of runs: sales@1/42.")],
    as_json: AsJson = False,
    catchment: CatchmentName = None,
) -> None:
    """A run's attempts and errors.

    Where and how long each Ripple ran, and what it raised, with the full traceback.
    """
    try:
        names.parse_run(run)
    except ValueError as error:
        raise BadInputError(f"{error}.", hint="List them: duckstring runs") from error
    client = open_client(catchment)
    answer = client.run(run)
    attempts = [_with_overflow(attempt, client.catchment) for attempt in answer["attempts"]]
    if as_json:
        render.print_json({"run": answer["run"], "attempts": attempts})
        return
    render.out().print(_heading(answer["run"]), soft_wrap=True)
    _print_attempts(attempts)
    for attempt in attempts:
        _print_error(attempt)
    if answer["run"].get("message") and not any(attempt.get("message") for attempt in attempts):
        render.out().print(Text(f"\n{render.said(answer['run'].get('error'), answer['run'].get('message'))}", style="red"), soft_wrap=True)


def _heading(run: RunRow) -> Text:
    took = render.between(run["started"], run["finished"])
    ends = f", took {durations.brief(took)}" if took is not None else ", not finished"
    return Text.assemble(
        (run["run"], "bold"), f"  {run['version']}  ", render.word(run["status"]), f"\nstarted {render.moment(run['started'])}{ends}"
        f"\nfresh as of {render.moment(run['f'])}", ("" if run.get("changed") is not False else ", nothing changed"),
        (f"\novertaken by {run.get('overtaken_by')}, whose output satisfies it" if run.get("overtaken_by") else ""),
    )  # fmt: skip


def _print_attempts(attempts: list[AttemptRow]) -> None:
    if not attempts:
        render.say("\n[dim]No Ripple ran.[/]")
        return
    made = render.table("RIPPLE", "ATTEMPT", "STATUS", "TOOK", "WHERE", "ROWS", "BYTES", right=("ATTEMPT", "TOOK", "ROWS", "BYTES"))
    for attempt in attempts:
        took = render.between(attempt["started"], attempt["finished"])
        where = " ".join(filter(None, (attempt.get("where"), f"{attempt['memory_mib']} MiB" if attempt.get("memory_mib") else "")))
        made.add_row(
            attempt["ripple"],
            str(attempt["attempt"]),
            render.word(attempt["status"]),
            "" if took is None else durations.brief(took),
            where,
            render.count(attempt.get("rows")),
            render.size(attempt.get("bytes")),
        )
    render.out().print("")
    render.out().print(made)


def _print_error(attempt: AttemptRow) -> None:
    text = attempt.get("traceback") or attempt.get("message")
    if not text:
        return
    console = render.out()
    console.print(
        Text(f"\n{attempt['ripple']}, attempt {attempt['attempt']}: {attempt.get('error') or attempt['status']}", style="bold red"),
        soft_wrap=True,
    )
    console.print(Text(text.rstrip("\n")), soft_wrap=True)
    if attempt.get("log_group"):
        console.print(Text(f"log: {attempt.get('log_group')} {attempt.get('log_stream') or ''}".rstrip(), style="dim"), soft_wrap=True)


def _with_overflow(attempt: AttemptRow, catchment: Catchment) -> AttemptRow:
    """Text too long for a row lies in the bucket: fetch all of it."""
    key = attempt.get("overflow")
    if not key:
        return attempt
    from duckstring_cli.client import speaking_to

    with speaking_to(catchment):
        bucket = catchments.outputs(catchment)["Bucket"]
        body = catchments.session(catchment).client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    attempt["traceback"] = body.decode("utf-8", "replace")
    return attempt
