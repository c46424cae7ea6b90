"""The log lines of a run's attempts: which streams have them, and which of their lines are of an
attempt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from typing import Any

from duckstring.model.answers.runs import AttemptRow
from duckstring_cli import catchments, render
from duckstring_cli.aws_errors import translated_errors
from duckstring_cli.catchments import Catchment
from duckstring_cli.logbook import PLATFORM, Entry, Logbook

_BEFORE = timedelta(seconds=5)
"""The worker's clock and the log's may disagree."""
_AFTER = timedelta(seconds=30)
_AFTER_KILL = _AFTER + timedelta(seconds=15 + 120)
"""``on_kill`` is called when the worker has left, and has two minutes."""


class AttemptLogs:
    """The logs of a Catchment's attempts, read with the user's own credentials."""

    def __init__(self, catchment: Catchment) -> None:
        self._catchment = catchment

    @cached_property
    def _book(self) -> Logbook:
        return Logbook(catchments.session(self._catchment).client("logs"))

    def lines(self, attempts: Sequence[AttemptRow]) -> list[tuple[Entry, AttemptRow]]:
        """All that was logged in these attempts, by time, each with the attempt that it is of.

        Raises:
            OperatorError: the logs cannot be read.
        """
        with translated_errors(self._catchment):
            found = [
                (entry, row)
                for row in attempts
                if row.get("started")
                for entry in lines_of(self._book, row, partial(self._group, row))
            ]
        return sorted(found, key=lambda one: (one[0].moment, one[1]["ripple"]))

    def group(self, row: AttemptRow) -> str:
        """The log group of an attempt's latest invocation."""
        return self._group(row, "task" if row.get("where") == "task" else "lambda")

    def days_kept(self, row: AttemptRow) -> int | None:
        """For how many days its lines are kept; None: for ever, or there is no such group."""
        return self._book.days_kept(self.group(row))

    def _group(self, row: AttemptRow, where: str) -> str:
        """Its log group there. What the row does not know (the emulator does not tell its
        functions), the stack does.

        A row is what a worker wrote: a group of another stack is not read with the user's
        credentials.
        """
        named = row.get("log_group") or ""
        if where == row.get("where") and named.startswith(f"{self._catchment.stack}-"):
            return named
        return catchments.output(self._catchment, "TaskLogs" if where == "task" else "RippleLogs")


def lines_of(log: Logbook, row: AttemptRow, group: Callable[[str], str]) -> Iterator[Entry]:
    """All that was logged in an attempt: its own words, and whatever came out of its process
    meanwhile.

    One that began as a task goes on in the function after a pause, and its ``on_kill`` is called
    there: then both logs have lines. If its streams are not those that its worker recorded (the
    emulator makes its own), they are found by the run, which every line of ours carries.
    """
    start, end = _span(row)
    streams = {
        str(one["log_stream"])
        for one in [row, *(row.get("invocations") or ())]
        if one.get("log_stream")
    }
    tasks = {stream for stream in streams if _is_of_task(stream)} or (
        streams if row.get("where") == "task" else set()
    )
    if tasks:
        yield from log.entries(group("task"), start=start, end=end, streams=sorted(tasks))
        if streams == tasks and not row.get("on_kill"):
            return
    yield from _in_function(log, row, group("lambda"), streams - tasks)


def _is_of_task(stream: str) -> bool:
    """Streams of tasks are called ``task/worker/ID``, those of functions by date or at random."""
    return stream.startswith("task/")


def _in_function(log: Logbook, row: AttemptRow, group: str, streams: set[str]) -> Iterator[Entry]:
    start, end = _span(row)
    found = {
        stream
        for stream in streams
        if any(log.entries(group, start=start, end=end, streams=[stream]))
    }
    if (
        not found
        or row.get("on_kill")
        or (row.get("pauses") or 0) > len(row.get("invocations") or ())
    ):
        # It is not known in which stream on_kill is called, nor the row's invocations beyond its
        # first twenty ran.
        found |= {
            entry.stream
            for entry in log.entries(group, start=start, end=end, phrase=row["run"])
            if _is_of(entry, row)
        }
    for name in sorted(found):
        yield from _of_attempt(log.entries(group, start=start, end=end, streams=[name]), row)


def _of_attempt(entries: Iterator[Entry], row: AttemptRow) -> Iterator[Entry]:
    """Of a stream, the invocations that were of this attempt: an environment makes one after the
    other.
    """
    invocation: list[Entry] = []
    for entry in entries:
        if entry.text.startswith(PLATFORM[0]):
            yield from _kept(invocation, row)
            invocation = []
        invocation.append(entry)
    yield from _kept(invocation, row)


def _kept(invocation: Sequence[Entry], row: AttemptRow) -> Iterator[Entry]:
    asked = {
        str(one["request_id"])
        for one in [row, *(row.get("invocations") or ())]
        if one.get("request_id")
    }
    if any(
        _is_of(entry, row) or any(request in entry.text for request in asked)
        for entry in invocation
    ):
        yield from (
            entry for entry in _without_echo(invocation) if not entry.text.startswith(PLATFORM)
        )


def _without_echo(invocation: Sequence[Entry]) -> list[Entry]:
    """Without what Lambda says of the error by which a worker tells the state machine: the
    worker has logged the author's before.
    """
    from duckstring.model.verdicts import ENDED

    kept: list[Entry] = []
    for entry in invocation:
        kept.append(entry)
        if not entry.fields and ENDED in entry.text:
            while kept and not kept[-1].fields and "Traceback (most recent" not in kept.pop().text:
                pass
    return kept


def _is_of(entry: Entry, row: AttemptRow) -> bool:
    fields = entry.fields
    return (fields.get("run"), fields.get("ripple"), str(fields.get("attempt"))) == (
        row["run"],
        row["ripple"],
        str(row["attempt"]),
    )


def _span(row: Mapping[str, Any]) -> tuple[int, int]:
    """Epoch milliseconds within which the attempt's lines lie."""
    started, finished = (
        render.read_instant(row.get("started")),
        render.read_instant(row.get("finished")),
    )
    end = (finished or datetime.now(UTC)) + (_AFTER_KILL if row.get("on_kill") else _AFTER)
    return _milliseconds((started or end - timedelta(minutes=20)) - _BEFORE), _milliseconds(end)


def _milliseconds(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)
