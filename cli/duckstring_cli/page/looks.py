"""A large Catchment is looked at in parts: which lines to read next, and what is known of all.

A line at rest changes only if somebody asks for it, if its Sources or Sinks move, or if a Window
opens. So lines that move are read at each look, with their neighbours. The rest is read in turns.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import islice

from duckstring.model.answers.status import LineStatus, SourceState, StatusAnswer
from duckstring.model.instants import from_text

MOST = 100
"""Lines in a look, as many as DynamoDB reads in one request. No more are read all together."""
_IN_TURN = 40
"""Lines of a look that are kept free for those whose last look is the longest ago."""


class Known:
    """The status of all lines, put together from looks at some of them."""

    def __init__(self) -> None:
        self._order: list[str] = []
        self._lines: dict[str, tuple[LineStatus, str]] = {}
        """With the instant of its last look, the longest ago first."""
        self._maintenance: object = None
        self._is_switched = False
        """Whether maintenance was switched just now: then every line hears something."""

    def next_look(self, now: str, acted_on: Collection[str] = ()) -> list[str] | None:
        """The lines to read next; None: all of them. ``acted_on``: these may just have changed."""
        if self._is_switched or len(self._order) <= MOST:
            return None
        unknown = [name for name in self._order if name not in self._lines]
        if len(unknown) > _IN_TURN:
            return None
        first = dict.fromkeys([*unknown, *(name for name in acted_on if name in self._order)])
        near = self._near(
            {*first, *(name for name, (line, _) in self._lines.items() if _moves(line, now))}
        )
        moving = islice(
            (name for name in self._lines if name in near and name not in first), MOST - _IN_TURN
        )
        wanted = [*first, *moving][:MOST]
        chosen = set(wanted)
        rest = (name for name in self._lines if name not in chosen)
        return [*wanted, *islice(rest, MOST - len(wanted))]

    def take(self, answer: StatusAnswer) -> StatusAnswer:
        """What is known of all lines after a look, as of then."""
        now = answer["now"]
        for line in answer["lines"]:
            self._lines.pop(line["line"], None)
            self._lines[line["line"]] = line, now
        self._order = answer.get("order") or [line["line"] for line in answer["lines"]]
        for gone in self._lines.keys() - set(self._order):
            del self._lines[gone]
        held = answer.get("maintenance")
        self._is_switched, self._maintenance = held != self._maintenance, held
        told = [_as_of(now, *self._lines[name]) for name in self._order if name in self._lines]
        return {
            "now": now,
            "lines": told,
            "limits": answer.get("limits", []),
            "maintenance": held,
        }

    def _near(self, moving: Collection[str]) -> set[str]:
        """Lines, and their Sources and Sinks."""
        near = set(moving)
        for name in moving:
            if name in self._lines:
                line, _ = self._lines[name]
                near |= {source["line"] for source in line["sources"]} | set(line["sinks"])
        return near


def _moves(line: LineStatus, now: str) -> bool:
    """Whether it may change by itself. Instants sort as their texts do."""
    openings = (window["next"] for window in line["windows"])
    return bool(
        line["status"] in {"running", "waiting"}
        or line["runs"]
        or line.get("next")  # a Catchment of an older version lacks it
        or (line["retry_at"] and line["retry_at"] <= now)
        or any(opening and opening["start"] <= now for opening in openings)
    )


def _as_of(now: str, line: LineStatus, then: str) -> LineStatus:
    """A line whose last look was ``then``: its ages have grown since."""
    grown = (from_text(now) - from_text(then)).total_seconds()
    if not grown:
        return line
    return {
        **line,
        "staleness_seconds": _grown(line["staleness_seconds"], grown),
        "sources": [_source_as_of(source, grown) for source in line["sources"]],
    }


def _source_as_of(source: SourceState, grown: float) -> SourceState:
    return {**source, "staleness_seconds": _grown(source["staleness_seconds"], grown)}


def _grown(age: float | None, by: float) -> float | None:
    return None if age is None else age + by


def any_runs(lines: Iterable[LineStatus]) -> bool:
    """Whether something is in flight."""
    return any(line["runs"] for line in lines)
