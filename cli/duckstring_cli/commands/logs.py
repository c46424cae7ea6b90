"""``duckstring logs``: what a run's Ripples said."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from duckstring.errors import nearest
from duckstring.model import names
from duckstring.model.answers.runs import AttemptRow, RunAnswer
from duckstring_cli import render
from duckstring_cli.attempt_logs import AttemptLogs
from duckstring_cli.client import Client
from duckstring_cli.commands.options import CatchmentName, open_client, repeated
from duckstring_cli.errors import BadInputError, BrokenOffError

if TYPE_CHECKING:
    from duckstring_cli.logbook import Entry

_POLL = 2.0
_LONGEST_FIELD = 200
_LAG = timedelta(seconds=10)
"""CloudWatch shows a line some seconds after it was written; and one that is late is found by
the look after.
"""
_LEVELS = {"ERROR": "bold red", "CRITICAL": "bold red", "WARNING": "yellow", "DEBUG": "dim"}

Key = tuple[str, int]


def logs(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN", show_default=False, help="As in the list of runs: sales@1/42."
        ),
    ],
    ripple: Annotated[
        str | None,
        typer.Argument(metavar="RIPPLE", show_default=False, help="One Ripple; otherwise all."),
    ] = None,
    attempt: Annotated[
        int | None,
        typer.Option("--attempt", min=1, metavar="N", help="One attempt; otherwise all."),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until the run is over.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print each line as JSON.")] = False,
    catchment: CatchmentName = None,
) -> None:
    """What a run's Ripples said, from CloudWatch Logs.

    Time, level, Ripple and attempt, and what was logged or printed.
    """
    try:
        names.parse_run(run)
    except ValueError as error:
        raise BadInputError(f"{error}.", hint="List them: duckstring runs") from error
    client = open_client(catchment)
    answer = client.run(run)
    reader = _Reader(client, run, as_json=as_json)
    wanted = _wanted(answer, ripple, attempt, going=follow)
    if follow and _goes_on(answer):
        try:
            reader.follow(answer, ripple, attempt)
        except KeyboardInterrupt as error:
            again = f"Go on reading: duckstring logs {run} --follow{repeated(catchment)}"
            raise BrokenOffError(f"Not followed any longer; the run goes on. {again}") from error
        return
    _print_missing(answer, wanted, reader.show(wanted), reader, named=repeated(catchment))


def _goes_on(answer: RunAnswer) -> bool:
    return answer["run"]["status"] == "running"


def _wanted(
    answer: RunAnswer, ripple: str | None, attempt: int | None, *, going: bool = False
) -> list[AttemptRow]:
    """The attempts that were asked for.

    Raises:
        BadInputError: there is none of that name or number, and none can come.
    """
    rows = answer["attempts"]
    known = list(dict.fromkeys(row["ripple"] for row in rows))
    mine = [row for row in rows if ripple in {None, row["ripple"]}]
    if ripple is not None and not mine and not (going and _goes_on(answer)):
        raise BadInputError(
            (
                f"{answer['run']['run']} has no attempt of a Ripple {ripple!r}; it has "
                f"{', '.join(known) or 'none'}."
            ),
            hint=nearest(ripple, known) or f"See them: duckstring run show {answer['run']['run']}",
        )
    found = [row for row in mine if attempt in {None, row["attempt"]}]
    if attempt is not None and mine and not found and not (going and _goes_on(answer)):
        had = ", ".join(f"{row['ripple']} {row['attempt']}" for row in mine)
        raise BadInputError(
            f"There is no attempt {attempt}; there are {had}.",
            hint=f"See them: duckstring run show {answer['run']['run']}",
        )
    return found


class _Reader:
    """Prints each line once."""

    def __init__(self, client: Client, run: str, *, as_json: bool) -> None:
        self._client, self._run, self._as_json = client, run, as_json
        self._printed: set[tuple[str, int, str, int]] = set()
        self.logs = AttemptLogs(client.catchment)

    def follow(self, answer: RunAnswer, ripple: str | None, attempt: int | None) -> None:
        """Until the run is over and its last lines have come."""
        if self._client.catchment.kind == "local":
            render.err().print(
                "[dim]On this machine a function's lines come when its invocation has ended; "
                "those of a task come at once.[/]"
            )
        over: float | None = None
        while over is None or time.monotonic() - over < (
            _POLL if self._client.catchment.kind == "local" else _LAG.total_seconds()
        ):
            if not _goes_on(answer) and over is None:
                over = time.monotonic()
            self.show(_wanted(answer, ripple, attempt, going=True))
            time.sleep(_POLL)
            answer = self._client.run(self._run)
        self.show(_wanted(answer, ripple, attempt, going=True))
        render.err().print(f"[dim]{self._run}: {answer['run']['status']}[/]")

    def show(self, attempts: Sequence[AttemptRow]) -> set[Key]:
        """Print what is new of these attempts, by time; those that had anything to say."""
        found = self.logs.lines(attempts)
        repeats: dict[tuple[str, int, str], int] = {}
        for entry, row in found:
            same = (entry.stream, entry.at, entry.text)
            repeats[same] = repeats.get(same, 0) + 1
            if (*same, repeats[same]) not in self._printed:
                self._printed.add((*same, repeats[same]))
                self._print(entry, row)
        return {(row["ripple"], row["attempt"]) for _, row in found}

    def _print(self, entry: Entry, row: AttemptRow) -> None:
        from rich.text import Text

        from duckstring.model.foreign import for_terminal, json_text

        if self._as_json:
            common = {
                "at": entry.moment,
                "level": entry.level,
                "run": row["run"],
                "ripple": row["ripple"],
                "attempt": row["attempt"],
            }
            more = {
                **entry.more,
                **({"traceback": entry.trace} if entry.trace else {}),
                "stream": entry.stream,
            }
            sys.stdout.write(json_text({**common, "message": entry.message, **more}) + "\n")
            sys.stdout.flush()
            return
        style = _LEVELS.get(entry.level, "")
        # What a traceback says below need not be said twice.
        more = {} if entry.trace else entry.more
        fields = " ".join(f"{for_terminal(name)}={_brief(value)}" for name, value in more.items())
        line = Text.assemble(
            (f"{entry.moment[11:23]} ", "dim"),
            (f"{entry.level or '-':7} ", style),
            (f"{row['ripple']} {row['attempt']}  ", "cyan"),
            (render.lines(entry.message), style),
            (f"  {fields}" if fields else "", "dim"),
        )
        render.out().print(line, soft_wrap=True)
        if entry.trace:
            render.out().print(
                Text(
                    "\n".join(
                        f"    {text}" for text in render.lines(entry.trace).rstrip().splitlines()
                    ),
                    style="red",
                ),
                soft_wrap=True,
            )


def _brief(value: object) -> str:
    from duckstring.model.foreign import json_text

    plain = isinstance(value, str) and value.isprintable() and " " not in value
    return render.shorten(str(value) if plain else json_text(value), _LONGEST_FIELD)


def _print_missing(
    answer: RunAnswer,
    wanted: Sequence[AttemptRow],
    printed: set[Key],
    reader: _Reader,
    *,
    named: str,
) -> None:
    """Say of each attempt without a line why there is none."""
    run = answer["run"]
    if not wanted:
        words = {
            "pass": "It passed: no Source had changed, so no Ripple ran, and there is no log.",
            "running": (
                f"No Ripple of it has begun yet. Wait for it: duckstring logs {run['run']} "
                f"--follow{named}"
            ),
        }
        render.err().print(
            words.get(run["status"], "No Ripple of it ever began, so there is no log."),
            soft_wrap=True,
        )
    for row in wanted:
        if (row["ripple"], row["attempt"]) not in printed:
            why = _why_silent(row, reader, local=reader._client.catchment.kind == "local")  # noqa: SLF001 - its own file
            render.err().print(
                f"{row['ripple']}, attempt {row['attempt']}: {why}", soft_wrap=True, markup=False
            )


def _why_silent(row: AttemptRow, reader: _Reader, *, local: bool) -> str:
    if row["status"] == "not begun":
        return "never began, for its run was over before; so it has no log."
    if not row.get("started"):
        error = render.one_line(render.error_text(row.get("error"), row.get("message")))
        return f"never began ({row['status']}{f': {error}' if error else ''}), so it has no log."
    if row["status"] == "running":
        when = "when its invocation has ended" if local else "some seconds after they are written"
        return (
            f"runs; no line is there yet. On this machine they come {when}."
            if local
            else f"runs; no line is there yet. They come {when}."
        )
    days = reader.logs.days_kept(row)
    finished = render.read_instant(row.get("finished"))
    if days and finished and datetime.now(UTC) - finished > timedelta(days=days):
        return f"its lines are gone: logs are kept for {days} days."
    return f"no line is in the log {reader.logs.group(row)}."
