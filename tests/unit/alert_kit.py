"""A simulated Catchment whose events are looked at as the orchestrator does, with its notes in
memory.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from duckstring.errors import StateConflictError, TransientError
from duckstring.model.catalog import Release
from duckstring.model.events import AlertDetail
from duckstring.model.incidents import Told
from duckstring.model.instants import Instant
from duckstring.model.names import Line, parse_line
from duckstring.model.values import replace
from duckstring.orchestrator.alert import STATES, AlertPorts, tell
from duckstring.ports import Seen
from duckstring.testing.simulator import World


@dataclass
class Desk:
    """All ports of ``tell``, over a world. ``dies_before`` and ``dies_after``: how often sending a
    page fails, before it is out or after. ``meanwhile``: happens once, right after a state is read.
    """

    world: World
    told: dict[Line, Told] = field(default_factory=dict)
    pages: list[AlertDetail] = field(default_factory=list)
    reads: int = 0
    dies_before: int = 0
    dies_after: int = 0
    looked: int = 0
    meanwhile: Callable[[], None] | None = None

    @property
    def ports(self) -> AlertPorts:
        return AlertPorts("dev", self, self, self._Notes(self), self, self)  # type: ignore[arg-type]

    def now(self) -> Instant:
        return self.world.now

    def releases(self) -> Mapping[Line, Release]:
        return {line: state.release for line, state in self.world.states.items() if state.release}

    def page(self, detail: AlertDetail) -> None:
        if self.dies_before:
            self.dies_before -= 1
            raise TransientError("The bus refused it.")
        self.pages.append(detail)
        if self.dies_after:
            self.dies_after -= 1
            raise TransientError("The connection broke.")

    def read(self, lines: Collection[Line]) -> Mapping[Line, Seen]:
        self.reads += len(lines)
        found = {one: Seen(self.world.states[one]) for one in lines if one in self.world.states}
        if happens := self.meanwhile:
            self.meanwhile = None
            happens()
        return found

    @dataclass
    class _Notes:
        desk: Desk

        def read(self, line: Line) -> Told:
            return self.desk.told.get(line, Told(line))

        def write(self, told: Told) -> Told:
            if self.read(told.line).version != told.version:
                raise StateConflictError("It was changed.")
            new = replace(told, version=told.version + 1)
            self.desk.told[told.line] = new
            return new

    def event(self, line: Line, word: str, number: int) -> dict[str, object]:
        pond, major = parse_line(line)
        return {"id": f"event-{number}", "detail": {"pond": pond, "major": major, "state": word}}

    def look(self) -> list[AlertDetail]:
        """Take what the world has announced since, in order. Returns the new pages."""
        before = len(self.pages)
        for number, (line, event) in enumerate(self.world.events):
            if number >= self.looked and event.event in STATES:
                tell(self.event(line, event.event, number), self.ports)
        self.looked = len(self.world.events)
        return self.pages[before:]
