"""Journals in memory, written and read by the code that writes and reads those in DynamoDB."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from duckstring.adapters.aws.journal import JournalWriter, ended_chapter, entries_of
from duckstring.engine.journal import Chapter, Entry, Told, told
from duckstring.engine.state import PondState
from duckstring.model.instants import Instant
from duckstring.model.limits import MOST_ITEM_BYTES
from duckstring.model.names import Line
from duckstring.orchestrator.ports import Held, Tail
from duckstring.testing.simulator import World

FULL_ITEM = MOST_ITEM_BYTES - 200
"""From that size on, an item has no room for a journal."""


def watch(world: World, journals: Journals) -> None:
    """Keep the journals of a simulated Catchment, from now on."""

    def keep(before: PondState, after: PondState) -> None:
        line, signal, now = world.log[-1]
        held = journals.held.get(line) or Held(before)
        tail = journals.add(held, Entry(after.revision, now, (signal,)))
        journals.committed(Held(after, committed=now, tail=tail))

    world.watch = keep


@dataclass
class Journals:
    """Chapters of at least ``full`` bytes, kept for ``kept``. ``api.ports.JournalReader``.

    ``dies``: whether a delivery dies before this commit, of which the letters were so long that it
    has ended a chapter.
    """

    full: int = 300
    kept: timedelta = timedelta(days=30)
    size: int = 0
    dies: Callable[[], bool] = lambda: False
    items: dict[Line, dict[str, Any]] = field(default_factory=dict)
    held: dict[Line, Held] = field(default_factory=dict)
    stored: dict[Line, dict[int, PondState]] = field(default_factory=dict)
    """Each state that was ever committed, by its revision."""

    def add(self, held: Held, entry: Entry) -> Tail:
        if self.dies():
            JournalWriter(self._put, self.kept, 1).add(held, entry, size=self.size)
        writer = JournalWriter(self._put, self.kept, self.full)
        return writer.add(held, entry, size=self.size)

    def committed(self, held: Held) -> None:
        self.held[held.state.line] = held
        self.stored.setdefault(held.state.line, {})[held.state.revision] = held.state

    def judge(self) -> int:
        """From any base the fold gives each state that was stored after it, and no other. Answers
        how many chapters were ended.
        """
        ended = 0
        for line, states in self.stored.items():
            chapters, before, told_of = self.chapters(line), None, list[int]()
            for chapter in chapters:
                for one in told(before, chapter):
                    assert isinstance(one, Told), f"{line}: {one}"
                    assert one.state == states[one.entry.revision], "not what was stored"
                    assert not one.differs
                    told_of.append(one.entry.revision)
                assert chapter.state == states[chapter.state.revision]
                before = chapter
            assert told_of == sorted(states), "a commit is not in the journal once"
            ended += len(chapters) - 1
        return ended

    def _put(self, item: Mapping[str, Any]) -> None:
        line = Line(item["pk"]["S"].partition("#")[2])
        self.items.setdefault(line, {})[item["sk"]["S"]] = dict(item)

    def chapters(self, line: Line) -> list[Chapter]:
        """All of a line's, the open one at the end."""
        ended = [ended_chapter(line, item) for _, item in sorted(self.items.get(line, {}).items())]
        return [*ended, *self.open_chapters([line]).values()]

    def open_chapters(self, lines: Collection[Line]) -> Mapping[Line, Chapter]:
        return {
            line: Chapter(held.state, held.committed, entries=entries_of(held.tail))
            for line, held in self.held.items()
            if line in lines
        }

    def before(self, line: Line, at: Instant) -> Chapter | None:
        found = [one for one in self.chapters(line)[:-1] if one.at <= at]
        return found[-1] if found else None

    def following(self, line: Line, chapter: Chapter | None) -> Iterator[Chapter]:
        key = chapter.key if chapter else ""
        return iter([one for one in self.chapters(line)[:-1] if one.key > key])
