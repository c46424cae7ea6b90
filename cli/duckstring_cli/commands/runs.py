"""``duckstring runs`` and ``duckstring run show``: what ran, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from duckstring.errors import nearest
from duckstring.model import instants, names
from duckstring.model.answers.common import AuditRow
from duckstring.model.answers.runs import AttemptRow, RetryTold, RunRow
from duckstring_cli import catchments, checked, costing, durations, moments, render, timeline
from duckstring_cli.catchments import Catchment
from duckstring_cli.commands.audit import who
from duckstring_cli.commands.options import (
    AsJson,
    CatchmentName,
    Major,
    OfVersion,
    SomePond,
    Tagged,
    major_of,
    open_client,
    repeated,
)
from duckstring_cli.commands.selecting import wanted
from duckstring_cli.errors import BadInputError
from duckstring_cli.render import escape

if TYPE_CHECKING:
    from rich.text import Text

STATUSES = ("running", "success", "pass", "failed", "killed")
_FEW = 4
_SHORTEST = 8
_FIRST_TO_GO = ("PEAK", "WHERE", "BYTES", "PAUSES", "ROWS")
"""Columns of a run's attempts, the least needed first."""

app = typer.Typer(help="One run closely.", no_args_is_help=True)


def runs(
    pond: SomePond = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", metavar="N", min=1, max=1000, help="How many.")
    ] = 20,
    status: Annotated[
        str | None,
        typer.Option(
            "--status", "-s", metavar="STATUS", help=f"Only these: {', '.join(STATUSES)}."
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since", metavar="TIME", help="Begun then or later: 2d (ago), 02:00, 2030-01-31. UTC."
        ),
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="Begun earlier than that.")
    ] = None,
    before: Annotated[
        str | None,
        typer.Option(
            "--before", metavar="RUN", help="Older than this run: the next page of a list."
        ),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(
            "--by",
            metavar="WHO",
            help="Asked for by WHO: alice, alice@laptop, user/alice, a role, an ARN.",
        ),
    ] = None,
    tags: Tagged = None,
    as_json: AsJson = False,
    major: Major = None,
    version: OfVersion = None,
    catchment: CatchmentName = None,
) -> None:
    """What ran, newest first."""
    if status is not None and status not in STATUSES:
        raise BadInputError(
            f"No run ends as {status!r}; it is one of {', '.join(STATUSES)}.",
            hint=nearest(status, STATUSES),
        )
    picked = major_of(major, version)
    only = wanted(tags)
    if pond is not None and only:
        raise BadInputError("Give POND or --tag, not both.", hint="Leave one of them out.")
    answer = open_client(catchment).some_runs(
        pond,
        major=picked,
        limit=limit,
        status=status,
        since=_moment("--since", since),
        until=_moment("--until", until),
        before=before,
        tags=only or None,
        by=_who(by),
    )
    rows, is_all = answer["runs"], not (status or since or until or before or only or by)
    if as_json:
        render.print_json(rows)
    elif not rows and is_all:
        named = f"{pond or 'POND'}{'' if picked is None else f' -m {picked}'}"
        render.say(
            f"Nothing has run yet. Try: [bold]duckstring trigger pulse {named} "
            f"--watch{escape(repeated(catchment))}[/]"
        )
    elif not rows:
        render.say("No such run." if by is None else _nobody(by))
    else:
        from duckstring_cli import run_table

        console = render.out()
        narrow = console.width < render.NARROW
        console.print(
            run_table.run_table(
                rows, instants.to_text(datetime.now(UTC)), narrow=narrow, asked=by is not None
            )
        )
    if further := answer.get("further"):
        render.note(f"Older runs were not looked at yet: --before {further} goes on with them.")


def _who(by: str | None) -> str | None:
    if by is not None and not by.strip():
        raise BadInputError(
            "--by is empty; give who asked, such as alice, alice@laptop or user/alice.",
            hint="Who asked for what: duckstring audit",
        )
    return by


def _nobody(by: str) -> str:
    shown = escape(render.one_line(by))
    return (
        f"No such run that {shown} asked for. A name is whole (alice, user/alice); "
        "see them with: [bold]duckstring audit[/]"
    )


def _moment(option: str, text: str | None) -> instants.Instant | None:
    try:
        return None if text is None else moments.ago(text, now=datetime.now(UTC))
    except BadInputError as error:
        raise BadInputError(f"{option}: {error.message}", hint=error.hint) from error


@app.command(epilog="Example: duckstring run show sales@1/42")
def show(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN", show_default=False, help="As in the list of runs: sales@1/42."
        ),
    ],
    as_json: AsJson = False,
    catchment: CatchmentName = None,
) -> None:
    """A run's attempts and errors.

    Where and how long each Ripple ran, and what it raised, with the full traceback.
    """
    from rich.text import Text

    try:
        names.parse_run(run)
    except ValueError as error:
        raise BadInputError(f"{error}.", hint="List them: duckstring runs") from error
    client = open_client(catchment)
    answer = client.run(run)
    attempts = [_with_overflow(attempt, client.catchment) for attempt in answer["attempts"]]
    if as_json:
        render.print_json({**answer, "attempts": attempts})
        return
    render.out().print(_heading(answer["run"]), soft_wrap=True)
    for text in map(_asked_by, answer.get("asked_by") or ()):
        render.out().print(Text(text), soft_wrap=True)
    if used := costing.used_of_run(answer["run"], attempts):
        usd = costing.dollars(costing.Prices().total(used))
        render.out().print(Text(f"cost {usd} at list prices of us-east-1", style="dim"))
    begun = [attempt for attempt in attempts if attempt["status"] != "not begun"]
    not_begun = [attempt["ripple"] for attempt in attempts if attempt not in begun]
    _print_attempts(answer["run"], begun, not_begun)
    _print_retries(answer.get("retries", []))
    for attempt in begun:
        if checks := attempt.get("checks"):
            render.out().print(Text(f"\n{checked.totals(checks)}", style="dim"))
        _print_error(attempt, named=repeated(catchment))
    _print_message(answer["run"], attempts)
    if older := answer.get("older_tables"):
        now = instants.to_text(datetime.now(UTC))
        listed = "".join(f"\n  {render.table_age(table, now)}" for table in older)
        render.out().print(
            Text(f"\ncarried over, and older than this run:{listed}", style="yellow"),
            soft_wrap=True,
        )


def _print_message(run: RunRow, attempts: list[AttemptRow]) -> None:
    """Why the run failed, where no attempt says it."""
    from rich.text import Text

    if run.get("message") and not any(attempt.get("message") for attempt in attempts):
        render.out().print(
            Text(
                f"\n{render.error_text(run.get('error'), run.get('message'))}",
                style="red",
            ),
            soft_wrap=not render.out().is_terminal,
        )


def _asked_by(row: AuditRow) -> str:
    """``asked for by alice@laptop: trigger pulse reports (new prices)``."""
    note = f" ({row['note']})" if row["note"] else ""
    return render.one_line(
        f"asked for by {who(row)}: {row['what']} {render.first_of(row['ponds'])}{note}"
    )


def _print_retries(retries: list[RetryTold]) -> None:
    from rich.text import Text

    for retry in retries:
        again = f"{retry['ripple']} is tried again at {render.moment(retry['at'])}"
        render.out().print(
            Text(f"\n{again} (attempt {retry['attempt']}).", style="yellow"), soft_wrap=True
        )


def _heading(run: RunRow) -> Text:
    from rich.text import Text

    took = render.between(run["started"], run["finished"])
    ends = f", took {durations.brief(took)}" if took is not None else ", not finished"
    same = ", nothing changed" if run.get("changed") is False else ""
    newer = run.get("overtaken_by")
    return Text.assemble(
        (run["run"], "bold"),
        f"  {run['version']}  ",
        checked.status(run),
        f"\nstarted {render.moment(run['started'])}{ends}",
        f"\nfresh as of {render.moment(run['f'])}{same}",
        f"\novertaken by {newer}, whose output satisfies it" if newer else "",
    )


def _print_attempts(run: RunRow, attempts: list[AttemptRow], not_begun: list[str]) -> None:
    from rich.text import Text

    if attempts:
        _print_table(run, attempts)
    else:
        render.say("\n[dim]No Ripple ran.[/]")
    if not_begun:
        some = ", ".join(
            [
                *not_begun[:_FEW],
                *([f"{len(not_begun) - _FEW} more"] if len(not_begun) > _FEW else []),
            ]
        )
        render.out().print(
            Text(f"\nnot begun: {some}. The run was over before.", style="dim"), soft_wrap=True
        )


def _print_table(run: RunRow, attempts: list[AttemptRow]) -> None:
    from rich.text import Text

    columns = {
        "RIPPLE": [Text(attempt["ripple"]) for attempt in attempts],
        "ATTEMPT": [Text(str(attempt["attempt"])) for attempt in attempts],
        "STATUS": [render.word(_status(attempt)) for attempt in attempts],
        "TOOK": [Text(_took(attempt)) for attempt in attempts],
        "WHERE": [Text(_where(attempt)) for attempt in attempts],
        "PEAK": [Text(_mebibytes(attempt.get("peak_mib"))) for attempt in attempts],
        "PAUSES": [Text(render.count(attempt.get("pauses") or None)) for attempt in attempts],
        "ROWS": [Text(render.count(attempt.get("rows"))) for attempt in attempts],
        "BYTES": [Text(render.size(attempt.get("bytes"))) for attempt in attempts],
    }
    # What is empty for all of them is not worth a column.
    filled = {
        name: cells
        for name, cells in columns.items()
        if name not in {"PEAK", "PAUSES"} or any(cell.plain for cell in cells)
    }
    console = render.out()
    shown = _that_fit(filled, console.width)
    left_out = [name for name in filled if name not in shown]
    room = console.width - _width(shown) - 2 if console.is_terminal else 0
    if bars := timeline.timeline(run, attempts, instants.to_text(datetime.now(UTC)), room):
        shown[bars.scale] = [Text(bar, style="cyan") for bar in bars.bars]
    made = render.table(*shown, right=("ATTEMPT", "TOOK", "PEAK", "PAUSES", "ROWS", "BYTES"))
    for row in zip(*shown.values(), strict=True):
        made.add_row(*row)
    console.print("")
    console.print(made)
    if left_out:
        console.print(
            Text(
                f"not shown here: {', '.join(left_out)} (a wider terminal, or --json)", style="dim"
            )
        )


def _that_fit(columns: Mapping[str, list[Text]], width: int) -> dict[str, list[Text]]:
    """The columns that a terminal has room for, whole; the Ripple's name is shortened before its
    status or time goes.
    """
    from rich.text import Text

    kept = dict(columns)
    for name in _FIRST_TO_GO:
        if _width(kept) <= width:
            return kept
        kept.pop(name, None)
    room = width - _width({name: cells for name, cells in kept.items() if name != "RIPPLE"}) - 2
    kept["RIPPLE"] = [
        Text(render.shorten(cell.plain, max(room, _SHORTEST))) for cell in kept["RIPPLE"]
    ]
    return kept


def _width(columns: Mapping[str, list[Text]]) -> int:
    return (
        sum(
            max(len(name), *(cell.cell_len for cell in cells)) + 2
            for name, cells in columns.items()
        )
        - 2
    )


def _status(attempt: AttemptRow) -> str:
    return (
        "paused" if attempt["status"] == "running" and attempt.get("resumes") else attempt["status"]
    )


def _took(attempt: AttemptRow) -> str:
    took = render.between(attempt["started"], attempt["finished"])
    return "" if took is None else durations.brief(took)


def _where(attempt: AttemptRow) -> str:
    """Where it ran, or last ran; nothing for one that never began."""
    return " ".join(filter(None, (attempt.get("where"), _mebibytes(attempt.get("memory_mib")))))


def _mebibytes(number: int | None) -> str:
    return f"{number} MiB" if number else ""


def _print_error(attempt: AttemptRow, *, named: str) -> None:
    from rich.text import Text

    console = render.out()
    if attempt.get("resumes") and attempt["status"] == "running":
        console.print(
            Text(
                f"\n{attempt['ripple']}, attempt {attempt['attempt']}: paused; goes on at "
                f"{render.moment(attempt['resumes'])}"
            )
        )
    if how := attempt.get("on_kill"):
        on_kill = render.error_text(f"on_kill {how}", attempt.get("on_kill_message"))
        console.print(
            Text(
                f"\n{attempt['ripple']}, attempt {attempt['attempt']}: {on_kill}", style="magenta"
            ),
            soft_wrap=True,
        )
    text = _whole_error(attempt)
    if not text:
        return
    is_warning = attempt["status"] == "success"  # its checks have found something
    how = "warns" if is_warning else attempt.get("error") or attempt["status"]
    console.print(
        Text(
            f"\n{attempt['ripple']}, attempt {attempt['attempt']}: {render.lines(how)}",
            style="yellow" if is_warning else "bold red",
        ),
        soft_wrap=True,
    )
    # A traceback's lines stay whole, to be copied; a sentence is broken between its words.
    is_table = bool(attempt.get("checks"))
    is_whole = bool(attempt.get("traceback")) or is_table or not console.is_terminal
    console.print(Text(render.lines(text).rstrip("\n")), soft_wrap=is_whole)
    if attempt["started"]:
        command = (
            f"duckstring logs {attempt['run']} {attempt['ripple']} --attempt "
            f"{attempt['attempt']}{named}"
        )
        console.print(Text(f"log: {command}", style="dim"), soft_wrap=True)


def _whole_error(attempt: AttemptRow) -> str:
    """The traceback, and what of the message is not in it: an error of ours has a second half
    there, which says what to do.
    """
    traceback, message = attempt.get("traceback") or "", attempt.get("message") or ""
    more = [line for line in message.splitlines() if line.strip() not in traceback]
    if not traceback or not more:
        return traceback or message
    return "\n".join([traceback.rstrip(), "", *more])


def _with_overflow(attempt: AttemptRow, catchment: Catchment) -> AttemptRow:
    """Text too long for a row lies in the bucket: fetch all of it."""
    key = attempt.get("overflow")
    if not key:
        return attempt
    from duckstring_cli.aws_errors import translated_errors

    with translated_errors(catchment):
        bucket = catchments.outputs(catchment)["Bucket"]
        body = (
            catchments.session(catchment)
            .client("s3")
            .get_object(Bucket=bucket, Key=key)["Body"]
            .read()
        )
    attempt["traceback"] = body.decode("utf-8", "backslashreplace")
    return attempt
