"""What lines were like at an instant of the past, from their journals.

Rows of history and of attempts are of now. What they say of later is taken out of them here.
"""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from duckstring.api.ports import JournalReader
from duckstring.engine.journal import Chapter, Unknown, state_at
from duckstring.engine.state import PondState
from duckstring.errors import OperatorError
from duckstring.model.instants import Instant, from_text
from duckstring.model.names import Line
from duckstring.model.windows import minute_in_words
from duckstring.ports import AttemptReader

if TYPE_CHECKING:
    from duckstring.model.answers.runs import AttemptRow, RunRow

_AT_ONCE = 8


class NotKeptError(OperatorError):
    """What a line was like at an instant cannot be told."""

    def __init__(self, line: Line, at: Instant, unknown: Unknown) -> None:
        """Say what is kept instead."""
        super().__init__(
            f"What {line} was like at {minute_in_words(at)} is not known: {_reason(unknown)}.",
            hint="How long journals are kept: docs/operate.md, What was wrong at 10:42.",
        )


class FutureError(OperatorError):
    """Somebody asks about what has not happened yet."""

    def __init__(self, at: Instant, now: Instant) -> None:
        super().__init__(
            f"{minute_in_words(at)} is still to come: it is {minute_in_words(now)}.",
            hint="Give an instant of the past, with its date if it was not today.",
        )


def instant_of(name: str, text: str, now: Instant) -> Instant:
    """The instant of the past in a request's field.

    Raises:
        OperatorError: it is none.
        FutureError: it is still to come.
    """
    try:
        at = from_text(text)
    except ValueError as error:
        raise OperatorError(
            f"{name} is {text!r}; allowed: an instant such as 2030-01-01T12:00:00Z."
        ) from error
    if at > now:
        raise FutureError(at, now)
    return at


class Then:
    """The states of lines as of ``at``."""

    def __init__(self, journal: JournalReader, at: Instant) -> None:
        """Read them in ``journal``."""
        self._journal, self._at = journal, at
        self.states: dict[Line, PondState] = {}
        self.unknown: dict[Line, Unknown] = {}

    def read(self, lines: Collection[Line]) -> None:
        """Find out what these lines were like: one request for a hundred of them, and two for each
        that has got a letter since.
        """
        new = sorted(set(lines) - self.states.keys() - self.unknown.keys())
        if not new:
            return
        opened = self._journal.open_chapters(new)
        with ThreadPoolExecutor(max_workers=min(_AT_ONCE, len(new))) as pool:
            found = pool.map(lambda line: self._look(line, opened.get(line)), new)
            for line, state in zip(new, found, strict=True):
                if isinstance(state, Unknown):
                    self.unknown[line] = state
                else:
                    self.states[line] = state

    def _look(self, line: Line, opened: Chapter | None) -> PondState | Unknown:
        if opened is None:
            return PondState(line)
        if opened.at <= self._at:
            return opened.state
        before = self._journal.before(line, self._at)
        chapter = next(self._journal.following(line, before), opened)
        return state_at(before, chapter, self._at)


class AttemptsThen:
    """``ports.AttemptReader``: the rows of attempts as they were at an instant."""

    def __init__(self, attempts: AttemptReader, at: Instant) -> None:
        """Read the rows of now in ``attempts``."""
        self._attempts, self._at = attempts, at

    def attempt(self, line: Line, *, run: int, ripple: str, attempt: int) -> AttemptRow | None:
        """Its row, without what came later. Until when it paused then is not known."""
        row = self._attempts.attempt(line, run=run, ripple=ripple, attempt=attempt)
        if row is None or not row["started"] or from_text(row["started"]) > self._at:
            return None
        if row["status"] == "running":
            return {**row, "resumes": None}
        ended = row["finished"]
        if ended and from_text(ended) <= self._at:
            return row
        return {**row, "status": "running", "finished": None, "resumes": None}


def run_then(row: RunRow, at: Instant) -> RunRow | None:
    """The row of a run as it was at an instant. None: the run had not begun."""
    if from_text(row["started"]) > at:
        return None
    if not row["finished"] or from_text(row["finished"]) <= at:
        return row
    return {
        **row,
        "status": "running",
        "finished": None,
        "changed": None,
        "overtaken_by": None,
        "ripple": None,
        "error": None,
        "message": None,
    }


def _reason(unknown: Unknown) -> str:
    until = minute_in_words(unknown.until)
    since = f" from {minute_in_words(unknown.since)}" if unknown.since else ""
    if unknown.differs:
        return (
            f"this release folds its journal{since} to another state than the one that was stored "
            f"at {until}"
        )
    return f"its journal has a gap{since} to {until}" if since else f"its journal begins at {until}"
