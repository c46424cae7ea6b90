"""The protocol: deliveries that die between any two steps lose nothing and do nothing twice."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duckstring.engine.effects import Effect
from duckstring.engine.letters import Letter
from duckstring.engine.signals import AlarmRang, Deployed, Restored, Signal, Triggered
from duckstring.engine.state import PondState
from duckstring.errors import StateConflictError
from duckstring.model.catalog import Release
from duckstring.model.failures import Failure
from duckstring.model.names import Line
from duckstring.orchestrator.deliver import deliver
from duckstring.orchestrator.perform import perform
from duckstring.orchestrator.ports import EffectPorts, Received
from duckstring.ports import SOON
from duckstring.testing.fakes import (
    Machine,
    MemoryClock,
    MemoryMailbox,
    MemoryNotes,
    MemorySchedules,
    MemoryStateStore,
    MemoryWorkers,
    statuses,
)
from duckstring.testing.simulator import START, pond, seconds
from tests.property.worlds import Fate, Graph, chance, graphs, looks, newer


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
    """A Catchment in memory, stepped by ``service.deliver`` as the orchestrator does it.

    ``receives``: a letter that was consumed and whose deliveries died that often is given up. (One
    that was not consumed would be lost, as it is in the dead-letter queue until an operator moves
    it back: nothing to prove.)
    """

    fuse: Fuse = field(default_factory=Fuse)
    forgets: bool = False
    seed: int = 0
    fate: Fate = field(default_factory=lambda: Fate(0, 0.0, healed=True))
    receives: int = 1000

    def __post_init__(self) -> None:
        self.clock = MemoryClock(START)
        self.mailbox = MemoryMailbox(self.clock, self.forgets)
        self.store = MemoryStateStore()
        self.machine = Machine(self.clock, self.mailbox, self._duration, self.fate)
        self.notes = MemoryNotes(self.clock, self.mailbox)
        self.schedules = MemorySchedules()
        self.workers = MemoryWorkers()
        self.crashes = 0
        self.given_up = 0
        self.nudges = 0
        self._received: Counter[Line] = Counter()
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
            for port in (
                self.mailbox,
                self.machine,
                self.machine,
                self.notes,
                self.notes,
                self.notes,
                self.schedules,
                self.workers,
            )
        ]
        effect_ports = EffectPorts(*mortal)
        try:
            deliver(
                line,
                letters,
                store=Mortal(self.store, self.fuse),
                gates=Mortal(self.machine, self.fuse),
                perform=lambda state, outbox: perform(state, outbox, effect_ports),
                clock=self.clock,
            )
            self.fuse.moment()
        except CrashError:
            self.crashes += 1
            self._show_again(line)
            return
        self._received[line] = 0
        self.mailbox.acknowledge(line, letters)

    def _show_again(self, line: Line) -> None:
        """Later, and perhaps after a Ripple has ended meanwhile; or, after hours, no more."""
        self._received[line] += 1
        consumed = [
            letter
            for letter in self.mailbox.show(line)
            if letter.mark <= self.store.load(line).mark
        ]
        if consumed and self._received[line] >= self.receives:
            self._received[line] = 0
            self.given_up += 1
            self.mailbox.acknowledge(line, consumed)
            self.clock.wait(2 * SOON)
        elif self._random.random() < 0.5:
            self.clock.advance()

    def _sweep(self) -> bool:
        left = [line for line, held in self.store.held.items() if held.outbox]
        self.clock.wait(2 * SOON)
        self.nudges += len(left)
        for line in left:
            self.mailbox.put(line, AlarmRang())
        return bool(left)

    @property
    def states(self) -> dict[Line, PondState]:
        return {line: held.state for line, held in self.store.held.items()}

    def published(self) -> dict[Line, tuple[object, ...]]:
        return {
            line: (s.end_f, s.changed_f, s.snapshot, s.runs_started)
            for line, s in self.states.items()
            if s.release
        }


def sound(plant: Plant) -> None:
    """At rest, with nothing begun twice, nobody waiting, every run's end on record, every
    manifest kept.
    """
    assert len(plant.machine.attempts) == len(set(plant.machine.attempts))
    assert plant.machine.waiting() == []
    assert "running" not in statuses(plant.notes).values()
    for line, state in plant.states.items():
        if state.release is not None:
            assert not state.runs
            assert state.pull is None
            assert state.targets == () or state.blocked
            assert state.snapshot == 0 or plant.store.read(line, state.snapshot) is not None


SECOND_PULSE = START + seconds(2000)


def pulsed(releases: Sequence[Release], plant: Plant) -> Plant:
    for release in releases:
        plant.post(release.line, Deployed(release))
    plant.run()
    plant.post(releases[-1].line, Triggered("pulse", START + seconds(1000)))
    plant.post(releases[0].line, Triggered("pulse", SECOND_PULSE))
    plant.run()
    return plant


def leaves_the_same(hit: Plant, calm: Plant) -> None:
    """What is published is as fresh. There are as many runs, unless crashes delayed one until after
    both Pulses: then it answers both (docs/engine.md, "Pulses that come together").
    """
    found, wanted = hit.published(), calm.published()
    if all(row.started < SECOND_PULSE for row in hit.notes.runs.values()):
        assert found == wanted
        return
    assert {line: each[:2] for line, each in found.items()} == {
        line: each[:2] for line, each in wanted.items()
    }
    for line, (*_, runs) in found.items():
        wants = wanted[line][-1]
        assert min(wants, 1) <= runs <= wants, line


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


def test_effects_of_a_letter_that_was_given_up_are_performed_all_the_same() -> None:
    calm = pulsed(DIAMOND, Plant())
    given_up = 0
    for n in range(1, calm.fuse.moments + 1):
        hit = pulsed(
            DIAMOND, Plant(Fuse(lambda moment, n=n: moment == n), forgets=n % 2 == 0, receives=1)
        )
        given_up += hit.given_up
        sound(hit)
        assert hit.published() == calm.published()
        assert statuses(hit.notes) == statuses(calm.notes)
    assert given_up > 100


def test_a_line_at_rest_owes_nothing_and_one_that_waits_keeps_its_outbox() -> None:
    plant = pulsed(DIAMOND, Plant())
    assert not any(held.outbox for held in plant.store.held.values())
    assert plant.nudges == 0
    plant.mailbox.put(Line("d@1"), Triggered("pulse", START + seconds(5000)))
    deliver_once(plant, "d@1")
    assert plant.store.load(Line("d@1")).outbox


def deliver_once(plant: Plant, line: str) -> list[tuple[Effect, ...]]:
    """What one delivery of all the mail of ``line`` performs."""
    performed: list[tuple[Effect, ...]] = []
    letters = plant.mailbox.show(Line(line))
    perform = lambda _state, outbox: performed.append(outbox)  # noqa: E731
    deliver(
        Line(line),
        letters,
        store=plant.store,
        gates=plant.machine,
        perform=perform,
        clock=plant.clock,
    )
    return performed


def test_news_performs_what_is_stored_only_where_it_may_not_have_been() -> None:
    plant = pulsed(DIAMOND, Plant())
    plant.post("d@1", Triggered("pulse", START + seconds(5000)))
    (first,) = deliver_once(plant, "d@1")
    asked = Triggered("pulse", START + seconds(6000))
    assert deliver_once(plant, "d@1") == [first], "a letter that comes again does not know"
    assert plant.store.load(Line("d@1")).outbox == (), "and then it is known"

    plant.mailbox.queues.clear()
    plant.post("d@1", asked)
    (second,) = deliver_once(plant, "d@1")
    plant.mailbox.queues.clear()
    plant.clock.wait(SOON)
    plant.post("d@1", Triggered("pulse", START + seconds(7000)))
    (third,) = deliver_once(plant, "d@1")
    plant.mailbox.queues.clear()
    plant.clock.wait(SOON + seconds(1))
    plant.post("d@1", Triggered("pulse", START + seconds(8000)))
    assert deliver_once(plant, "d@1")[0] == third != second


def test_news_of_a_move_proves_nothing_of_what_was_performed_before_it() -> None:
    plant = pulsed(DIAMOND, Plant())
    plant.post("d@1", Triggered("pulse", START + seconds(5000)))
    (owed,) = deliver_once(plant, "d@1")
    plant.mailbox.queues.clear()
    plant.post("d@1", Restored(plant.clock.now()))
    assert deliver_once(plant, "d@1")[0] == owed


def test_an_answer_said_again_does_not_run_the_attempt_again() -> None:
    """The letter that let a Ripple go is shown again together with the Ripple's next question,
    and that delivery dies too.
    """
    plant = Plant(fate=Fate(0, 1.0))
    chained = pond("a@1", ripples=(("x", ()), ("y", ("x",))), immediate_retries=1)
    plant.fate = lambda attempted: (
        Failure("y", 1, "ValueError", "no") if attempted[2:] == ("y", 1) else None
    )  # type: ignore[assignment]
    plant.machine.outcome = plant.fate
    plant.post("a@1", Deployed(chained))
    plant.post("a@1", Triggered("pulse", START + seconds(10)))
    while not any(attempted[2] == "y" for attempted in plant.machine.attempts):
        letters = plant.mailbox.show(Line("a@1")) if plant.mailbox.waiting() else []
        if letters:
            plant._deliver(Line("a@1"))
        else:
            plant.clock.advance()
    plant.mailbox.queues[Line("a@1")][:0] = (
        letters  # not acknowledged: the function died after performing
    )
    plant.clock.wait(seconds(60))
    plant.fuse.blows = lambda moment: (
        plant.machine.tokens[Line("a@1"), 1, 1, "y"][1] == 1
    )  # once the next question is kept
    plant._deliver(Line("a@1"))
    assert plant.crashes == 1
    plant.fuse.blows = lambda _: False
    plant.run()
    assert [attempted[2:] for attempted in plant.machine.attempts] == [("x", 1), ("y", 1), ("y", 2)]
    sound(plant)


@looks(60)
@given(
    graphs(most=6, optional=False), st.integers(0, 2**16), st.sampled_from([2, 3]), st.booleans()
)
def test_many_crashes_and_letters_given_up_leave_what_no_crash_leaves(
    graph: Graph, seed: int, receives: int, forgets: bool
) -> None:
    calm = pulsed(graph.releases, Plant(seed=seed))
    hit = pulsed(
        graph.releases,
        Plant(Fuse(lambda moment: chance((seed, moment), 0.15)), forgets, seed, receives=receives),
    )
    sound(hit)
    leaves_the_same(hit, calm)


@looks(60)
@given(
    graphs(most=6, optional=False),
    st.integers(0, 2**16),
    st.sampled_from([0.02, 0.1, 0.3]),
    st.booleans(),
)
def test_many_crashes_leave_what_no_crash_leaves(
    graph: Graph, seed: int, share: float, forgets: bool
) -> None:
    calm = pulsed(graph.releases, Plant(seed=seed))
    hit = pulsed(
        graph.releases, Plant(Fuse(lambda moment: chance((seed, moment), share / 5)), forgets, seed)
    )
    sound(calm)
    sound(hit)
    leaves_the_same(hit, calm)


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
        plant.post(release.line, Deployed(newer(release, "1.9.0")))
    plant.run()
    plant.post(graph.lines[-1], Triggered("pulse", START + seconds(5000)))
    plant.run()
    sound(plant)
    assert plant.states[graph.lines[-1]].end_f == START + seconds(5000)


def test_the_loser_of_two_deliveries_of_one_line_commits_nothing() -> None:
    store = MemoryStateStore()
    held = store.load(Line("a@1"))
    store.commit(held, held.state, (), (1, "1"))
    with pytest.raises(
        StateConflictError, match="a@1 was committed by another delivery since revision 0"
    ):
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
    done = deliver(
        Line("b@1"),
        letters,
        store=plant.store,
        gates=plant.machine,
        perform=lambda *_: None,
        clock=plant.clock,
    )
    assert done == ()
    assert plant.store.load(Line("b@1")) == before


def test_a_consumed_letter_is_no_news_though_its_time_is_later_than_that_of_the_one_after_it() -> (
    None
):
    """Times are those of the queue's hosts, and sequences the queue's."""
    line, store, performed = Line("a@1"), MemoryStateStore(), []
    letters = [
        Received(Triggered("wave", START), (1001, "1")),
        Received(Deployed(pond("a@1")), (1000, "2")),
    ]

    def die(_state: PondState, _outbox: tuple[Effect, ...]) -> None:
        raise CrashError

    def give(
        shown: Sequence[Received], act: Callable[[PondState, tuple[Effect, ...]], None]
    ) -> None:
        deliver(line, shown, store=store, gates=Machine(*gateless), perform=act, clock=clock)

    clock = MemoryClock(START)
    gateless = (
        clock,
        MemoryMailbox(clock, False),
        lambda _line, _ripple: seconds(1),
        Fate(0, 0.0, healed=True),
    )
    with pytest.raises(CrashError):
        give(letters, die)
    committed = store.load(line)
    give(letters[:1], lambda _state, outbox: performed.append(outbox))
    assert performed == [committed.outbox]
    assert store.load(line).state == committed.state
