"""``replay``: the letters that a line has taken, one commit after the other, with what each commit
changed and did. It reads the line's journal and folds it again. It changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING, NamedTuple

from duckstring.api.letter_words import at_of, done, said
from duckstring.api.ports import JournalReader
from duckstring.api.requests import ReplayRequest
from duckstring.api.state_words import changes
from duckstring.api.status import word_for
from duckstring.api.then import instant_of
from duckstring.engine.effects import Effect
from duckstring.engine.journal import Chapter, Told, Unknown, told
from duckstring.engine.signals import Signal
from duckstring.engine.state import PondState
from duckstring.errors import OperatorError
from duckstring.model.find import find_ever_deployed
from duckstring.model.instants import Instant, from_text, to_text
from duckstring.model.names import Line
from duckstring.ports import Catalog, Clock, Removals

if TYPE_CHECKING:
    from duckstring.model.answers.replay import ReplayAnswer, ReplayLetter, ReplayStep
    from duckstring.model.answers.status import LineStatusWord

MOST = 200
"""Steps of one answer. A step of a Pond with many tables may have some kilobytes, and Lambda
answers 6 MB.
"""


def replay(
    asked: ReplayRequest,
    *,
    catalog: Catalog,
    removals: Removals,
    journal: JournalReader,
    clock: Clock,
) -> ReplayAnswer:
    """The commits of a line after an instant, up to another.

    Raises:
        PondNotFoundError: no such Pond.
        OperatorError: an instant is none, or is still to come.
    """
    now = clock.now()
    line = find_ever_deployed(catalog, removals, asked.pond, asked.major)
    span = _Span(
        instant_of("since", asked.since, now),
        instant_of("until", asked.until, now) if asked.until else now,
        *_place(asked.after),
    )
    if span.until < span.since:
        raise OperatorError(
            f"since {asked.since} lies after until {asked.until}.", hint="Exchange them."
        )
    found = list(islice(_steps(line, span, journal), MOST + 1))
    steps = found[:MOST]
    return {
        "line": line,
        "now": to_text(now),
        "since": to_text(span.since),
        "until": to_text(span.until),
        "steps": steps,
        "next": _next(steps[-1]) if len(found) > MOST else None,
    }


class _Span(NamedTuple):
    """From when until when. ``reached`` and ``revision``: the last step that was told already."""

    since: Instant
    until: Instant
    reached: Instant | None = None
    revision: int = 0

    @property
    def begin(self) -> Instant:
        return self.reached or self.since

    def has(self, one: Told) -> bool:
        """Whether a step is to be told."""
        if self.reached is not None:
            return one.entry.revision > self.revision
        return one.entry.now > self.since


def _place(text: str | None) -> tuple[Instant | None, int]:
    if text is None:
        return None, 0
    at, _, revision = text.partition("#")
    try:
        return from_text(at), int(revision)
    except ValueError as error:
        raise OperatorError(
            f"after is {text!r}; allowed: the next of the answer before."
        ) from error


def _next(step: ReplayStep) -> str:
    return f"{step['at']}#{step['revision']}"


def _steps(line: Line, span: _Span, journal: JournalReader) -> Iterator[ReplayStep]:
    for chapter, one in _told(line, span, journal):
        if isinstance(one, Unknown):
            if one.until > span.begin and (one.since is None or one.since < span.until):
                yield _gap(chapter, one)
        elif one.entry.now > span.until:
            return
        elif span.has(one):
            yield _step(line, one)


def _told(
    line: Line, span: _Span, journal: JournalReader
) -> Iterator[tuple[Chapter, Told | Unknown]]:
    """From the chapter on that ended before the span."""
    opened = journal.open_chapters([line]).get(line)
    if opened is None:
        return
    before = journal.before(line, span.begin)
    for chapter in chain(journal.following(line, before), [opened]):
        if before is not None and before.state.revision >= opened.state.revision:
            return  # what was open when it was read has been ended since
        for one in told(before, chapter):
            yield chapter, one
        before = chapter


def _step(line: Line, one: Told) -> ReplayStep:
    entry = one.entry
    return {
        "revision": entry.revision,
        "at": to_text(entry.now),
        "letters": [_letter(line, signal) for signal in entry.signals],
        "changes": [
            {"what": what, "before": before, "after": after}
            for what, before, after in changes(one.before, one.state)
        ],
        "effects": [{"kind": _kind(effect), "text": done(line, effect)} for effect in one.effects],
        "status": _status(one.state),
        "gap": _DIFFERS if one.differs else None,
    }


def _letter(line: Line, signal: Signal) -> ReplayLetter:
    sender, text = said(line, signal)
    return {"kind": _kind(signal), "sender": sender, "text": text}


def _gap(chapter: Chapter, unknown: Unknown) -> ReplayStep:
    """In the place of what is not kept. The state after it is known again."""
    until = at_of(unknown.until)
    lost = sum(entry.left_out for entry in chapter.entries)
    why = f" {lost} letters were too large for the journal." if lost else ""
    since = f"between {at_of(unknown.since)} and" if unknown.since else "before"
    return {
        "revision": chapter.state.revision,
        "at": to_text(unknown.until),
        "letters": [],
        "changes": [],
        "effects": [],
        "status": _status(chapter.state),
        "gap": f"What came {since} {until} is not kept.{why}",
    }


def _kind(value: Signal | Effect) -> str:
    return str(value.__struct_config__.tag)


def _status(state: PondState) -> LineStatusWord:
    return word_for(state, state.next_release or state.release)


_DIFFERS = (
    "This release comes to another state here than the one that was stored. What is told of the "
    "steps before may not be what happened."
)
