"""The protocol: deliveries that die between any two steps lose nothing and do nothing twice."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duckstring.adapters.memory.ports import Machine, MemoryClock, MemoryMailbox, MemoryNotes, MemorySchedules, MemoryStateStore, statuses
from duckstring.adapters.memory.world import START, pond, seconds
from duckstring.engine.signals import AlarmRang, Deployed, Signal, Triggered
from duckstring.engine.state import PondState
from duckstring.errors import StateConflictError
from duckstring.model.catalog import Release
from duckstring.model.names import Line
from duckstring.ports import Letter
from duckstring.service.deliver import deliver
from duckstring.service.dispatch import Hands, perform
from tests.property.worlds import Fate, Graph, chance, graphs, looks


class CrashError(Exception):
    """The process is gone."""


@dataclass
class Fuse:
    """Counts the moments at which a process may die, and kills it at those that ``blows`` names."""

    blows: Callable[[int], bool] = lambda _: False
    moments: int = 0

    def moment(self) -> None:
        self.moments += 1
        if self.blows(self.moments):
            raise CrashError


@dataclass
class Mortal:
    """A port that may be the last thing its caller saw: just before the call, or just after."""

    port: object
    fuse: Fuse

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.port, name)

        def call(*args: Any, **words: Any) -> Any:
            self.fuse.moment()
            if name == "send":  # letters go one by one: a batch may arrive in part
                for letter in args[0]:
                    method([letter])
                    self.fuse.moment()
                return None
            answer = method(*args, **words)
            self.fuse.moment()
            return answer

        return call


@dataclass
class Plant:
    """A Catchment in memory, stepped by ``service.deliver`` as the orchestrator does it."""

    fuse: Fuse = field(default_factory=Fuse)
    forgets: bool = False
    seed: int = 0
    fate: Fate = field(default_factory=lambda: Fate(0, 0.0, healed=True))

    def __post_init__(self) -> None:
        self.clock = MemoryClock(START)
        self.mailbox = MemoryMailbox(self.clock, self.forgets)
        self.store = MemoryStateStore()
        self.machine = Machine(self.clock, self.mailbox, self._duration, self.fate)
        self.notes = MemoryNotes(self.clock, self.mailbox)
        self.schedules = MemorySchedules()
        self.crashes = 0
        self._random = random.Random(self.seed)

    def _duration(self, line: Line, ripple: str) -> Any:
        return seconds(random.Random(f"{self.seed}/{line}/{ripple}").choice([1, 1, 2, 5]))

    def post(self, to: str, signal: Signal) -> None:
        self.mailbox.put(Line(to), signal)

    def run(self, most: int = 20_000) -> None:
        """Deliver in any order of lines until nothing is left to do."""
        for _ in range(most):
            if lines := self.mailbox.waiting():
                self._deliver(self._random.choice(lines))
            elif not self.clock.advance() and not self._sweep():
                return
        raise AssertionError("never at rest")

    def _deliver(self, line: Line) -> None:
        letters = self.mailbox.show(line)
        mortal = [
            Mortal(port, self.fuse)
            for port in (self.mailbox, self.machine, self.machine, self.notes, self.notes, self.notes, self.schedules)
        ]
        hands = Hands(*mortal)
        try:
            deliver(
                line,
                letters,
                store=Mortal(self.store, self.fuse),
                gates=Mortal(self.machine, self.fuse),
                perform=lambda state, outbox: perform(state, outbox, hands),
                clock=self.clock,
            )
            self.fuse.moment()
        except CrashError:
            self.crashes += 1
            return
        self.mailbox.acknowledge(line, letters)

    def _sweep(self) -> bool:
        left = [line for line, held in self.store.held.items() if held.outbox]
        for line in left:
            self.mailbox.put(line, AlarmRang())
        return bool(left)

    @property
    def states(self) -> dict[Line, PondState]:
        return {line: held.state for line, held in self.store.held.items()}

    def published(self) -> dict[Line, tuple[object, ...]]:
        return {line: (s.end_f, s.changed_f, s.snapshot, s.runs_started) for line, s in self.states.items() if s.release}


def sound(plant: Plant) -> None:
    """At rest, with nothing begun twice, nobody waiting, every run's end on record, every manifest kept."""
    assert len(plant.machine.attempts) == len(set(plant.machine.attempts))
    assert plant.machine.waiting() == []
    assert "running" not in statuses(plant.notes).values()
    for line, state in plant.states.items():
        if state.release is not None:
            assert not state.runs
            assert state.pull is None
            assert state.targets == () or state.blocked
            assert state.snapshot == 0 or plant.store.read(line, state.snapshot) is not None


def pulsed(releases: Sequence[Release], plant: Plant) -> Plant:
    for release in releases:
        plant.post(release.line, Deployed(release))
    plant.run()
    plant.post(releases[-1].line, Triggered("pulse", START + seconds(1000)))
    plant.post(releases[0].line, Triggered("pulse", START + seconds(2000)))
    plant.run()
    return plant


DIAMOND = (
    pond("a@1", ripples=(("x", ()), ("y", ("x",)))),
    pond("b@1", "a@1"),
    pond("c@1", "a@1", ripples=(("x", ()), ("y", ()), ("z", ("x", "y")))),
    pond("d@1", "b@1", "c@1"),
)


def test_a_crash_at_any_moment_loses_nothing_and_repeats_nothing() -> None:
    calm = pulsed(DIAMOND, Plant())
    sound(calm)
    assert calm.fuse.moments > 200
    for n in range(1, calm.fuse.moments + 1):
        hit = pulsed(DIAMOND, Plant(Fuse(lambda moment, n=n: moment == n), forgets=n % 2 == 0))
        assert hit.crashes == 1
        sound(hit)
        assert hit.published() == calm.published()
        assert statuses(hit.notes) == statuses(calm.notes)
        assert sorted(hit.machine.attempts) == sorted(calm.machine.attempts)
        assert sorted(hit.notes.events) or not calm.notes.events


@looks(60)
@given(graphs(most=6, optional=False), st.integers(0, 2**16), st.sampled_from([0.02, 0.1, 0.3]), st.booleans())
def test_many_crashes_leave_what_no_crash_leaves(graph: Graph, seed: int, share: float, forgets: bool) -> None:
    calm = pulsed(graph.releases, Plant(seed=seed))
    hit = pulsed(graph.releases, Plant(Fuse(lambda moment: chance((seed, moment), share / 5)), forgets, seed))
    sound(calm)
    sound(hit)
    assert {line: p[0] for line, p in hit.published().items()} == {line: p[0] for line, p in calm.published().items()}
    assert hit.published() == calm.published()


@looks(60)
@given(graphs(most=6), st.integers(0, 2**16), st.booleans())
def test_crashes_amid_taps_and_failures_end_at_rest(graph: Graph, seed: int, forgets: bool) -> None:
    plant = Plant(Fuse(lambda moment: chance((seed, moment), 0.03)), forgets, seed, Fate(seed, 0.2))
    for release in graph.releases:
        plant.post(release.line, Deployed(release))
    for line in graph.lines:
        plant.post(line, Triggered("tap", START + seconds(1)))
        plant.post(line, Triggered("pulse", START + seconds(5)))
    plant.run()
    plant.fate.healed = True
    for release in graph.releases:
        plant.post(release.line, Deployed(release))
    plant.run()
    plant.post(graph.lines[-1], Triggered("pulse", START + seconds(5000)))
    plant.run()
    sound(plant)
    assert plant.states[graph.lines[-1]].end_f == START + seconds(5000)


def test_the_loser_of_two_deliveries_of_one_line_commits_nothing() -> None:
    store = MemoryStateStore()
    held = store.load(Line("a@1"))
    store.commit(held, held.state, (), (1, "1"))
    with pytest.raises(StateConflictError, match="a@1 was committed by another delivery since revision 0"):
        store.commit(held, held.state, (), (1, "2"))


def test_a_letter_sent_twice_comes_once_while_its_key_is_remembered() -> None:
    mailbox = MemoryMailbox(MemoryClock(START))
    letter = Letter(Line("a@1"), AlarmRang(), key="k")
    mailbox.send([letter, letter])
    assert len(mailbox.show(Line("a@1"))) == 1


def test_letters_that_were_consumed_are_not_consumed_again() -> None:
    plant = Plant()
    for release in DIAMOND:
        plant.post(release.line, Deployed(release))
    plant.run()
    plant.post("b@1", Triggered("tap", START + seconds(1)))
    letters = plant.mailbox.show(Line("b@1"))
    plant.run()
    before = plant.store.load(Line("b@1"))
    done = deliver(Line("b@1"), letters, store=plant.store, gates=plant.machine, perform=lambda *_: None, clock=plant.clock)
    assert done == ()
    assert plant.store.load(Line("b@1")) == before
