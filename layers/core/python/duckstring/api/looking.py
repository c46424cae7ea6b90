"""Which lines a page of the status has: those that are not at rest first, what needs somebody ahead
of what takes care of itself, then those at rest, each by name.

The states of the page's lines are all that is read, however many lines are at rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from duckstring.engine.rest import unrest
from duckstring.errors import OperatorError
from duckstring.model.instants import Instant
from duckstring.model.names import Line, parse_line
from duckstring.model.statuses import STATUSES
from duckstring.ports import RestIndex, StateReader

IDLE, UNDEPLOYED = "idle", "undeployed"
USUAL = 100
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Page:
    """``lines`` of a page; of all that were asked for, how many there are of each word
    (``totals``), and where the next page begins: its ``after``. None: this is the last one.
    """

    lines: Sequence[Line]
    totals: Mapping[str, int]
    next: str | None
    words: Mapping[Line, str] = field(default_factory=dict)

    def behind(self, line: Line) -> str:
        """Where a page begins that goes on behind one of the lines."""
        return token(self.words[line], line)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Lines of these ``statuses`` (None: of all), behind ``after`` (the ``next`` of a page), and
    how many at most.
    """

    statuses: Collection[str] | None
    after: str | None
    limit: int

    def has(self, lines: Sequence[Line]) -> bool:
        """Whether the page has all of these lines, whatever they do."""
        return self.statuses is None and self.after is None and len(lines) <= self.limit


def page_of(
    lines: Sequence[Line],
    deployed: Collection[Line],
    wanted: Wanted,
    *,
    rest: RestIndex,
    states: StateReader,
    now: Instant,
) -> Page:
    """A page of ``lines``, of which ``deployed`` are deployed.

    Raises:
        OperatorError: ``after`` is not the ``next`` of a page.
    """
    begin = position(wanted.after) if wanted.after is not None else None
    words = words_of(lines, deployed, rest=rest, states=states, now=now)
    statuses = _with_stale(wanted.statuses)
    placed = sorted(
        (STATUSES.index(word), line) for line, word in words.items() if word in statuses
    )
    ahead = [one for one in placed if begin is None or one > begin]
    shown = ahead[: wanted.limit]
    totals = Counter(STATUSES[rank] for rank, _ in placed)
    last = shown[-1] if len(ahead) > len(shown) else None
    return Page(
        [line for _, line in shown],
        {word: totals[word] for word in STATUSES if totals[word]},
        None if last is None else token(STATUSES[last[0]], last[1]),
        words,
    )


def token(word: str, line: Line) -> str:
    """``idle:sales@1``: behind this line, among those of this word."""
    return f"{word}:{line}"


def position(after: str) -> tuple[int, Line]:
    """Where a page begins: behind the rank of a word, and a line. The line may be gone since.

    Raises:
        OperatorError: it is not written so.
    """
    word, _, name = after.partition(":")
    try:
        parse_line(Line(name))
        return STATUSES.index(word), Line(name)
    except ValueError as error:
        raise OperatorError(
            f"after: {after!r} is not the next of a page; allowed: such as idle:sales@1.",
            hint="Ask for the first page again, without it.",
        ) from error


def words_of(
    lines: Sequence[Line],
    deployed: Collection[Line],
    *,
    rest: RestIndex,
    states: StateReader,
    now: Instant,
) -> Mapping[Line, str]:
    """The word of each line. While it is not known who is not at rest, all states are read."""
    found: Mapping[Line, str] | None = rest.not_at_rest(now)
    if found is None:
        found = {}
        for start in range(0, len(lines), _AT_ONCE):
            seen = states.read(lines[start : start + _AT_ONCE])
            found |= {line: unrest(held.state) or IDLE for line, held in seen.items()}
    return {line: found.get(line, IDLE) if line in deployed else UNDEPLOYED for line in lines}


def _with_stale(statuses: Collection[str] | None) -> Collection[str]:
    """A line whose data is too old is idle, too."""
    if statuses is None:
        return STATUSES
    return {*statuses, "stale"} if IDLE in statuses else statuses
