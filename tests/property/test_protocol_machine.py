"""The whole protocol as a model: deliveries that pause, race and die between any two port calls,
against a ledger.

Each delivery is a thread that runs only while it is told to, from one port call to the next, so an
example is repeatable. The ledger holds what must be: each commit is exactly the engine's answer to
the letters that came since the last one, each letter is in exactly one, each committed effect is
performed, and no attempt starts twice.
"""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, get_args

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from duckstring.engine.effects import (
    Announce,
    AnswerGate,
    AttachTo,
    CallOnKill,
    DetachFrom,
    DropSchedule,
    Effect,
    PublishSnapshot,
    RecordAttempt,
    RecordRun,
    SendPull,
    SendTarget,
    SetAlarm,
    SetSchedule,
    StartRun,
    StopRun,
    StopTask,
    TellSink,
    TellSinks,
)
from duckstring.engine.journal import Entry
from duckstring.engine.letters import letters_of
from duckstring.engine.signals import (
    AlarmRang,
    ComputePinned,
    Deployed,
    GateOutcome,
    Ordered,
    Signal,
    Triggered,
    Verb,
    WindowAdded,
    WindowOpened,
    WindowRemoved,
)
from duckstring.engine.state import PondState
from duckstring.engine.step import steps
from duckstring.errors import StateConflictError
from duckstring.model.checks import CHECKS
from duckstring.model.compute import PinnedPlace
from duckstring.model.failures import Failure
from duckstring.model.instants import Instant
from duckstring.model.names import Line
from duckstring.model.values import replace
from duckstring.model.windows import Window
from duckstring.orchestrator.deliver import deliver
from duckstring.orchestrator.perform import perform
from duckstring.orchestrator.ports import EffectPorts, Held, Received
from duckstring.ports import SOON, Mark
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
from duckstring.testing.simulator import START, Attempted, seconds
from duckstring.worker.surroundings import visible_tables
from tests.property.journals import Journals
from tests.property.living import rules
from tests.property.test_compute_laws import ENDS, with_hints
from tests.property.worlds import Fate, Graph, graphs, looks, newer, with_checks

MOST_RECEIVES = 5
"""Deliveries of a letter before it lies with the dead ones."""
GIVEN_UP = timedelta(hours=2)
"""How long that takes, at the least."""

_PATIENCE = 60


class CrashError(BaseException):
    """The process is gone: nothing in it may catch this."""


class Delivery:
    """One invocation for one line. It runs from moment to moment, and may end at any."""

    def __init__(self, plant: Plant, line: Line, letters: list[Received]) -> None:
        self.plant, self.line, self.letters = plant, line, letters
        self.outcome = ""
        self._now: Instant | None = None
        self._doomed = False
        self._error: BaseException | None = None
        self._go, self._paused = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def advance(self, moments: int) -> None:
        for _ in range(moments):
            if self.outcome:
                return
            self._go.release()
            assert self._paused.acquire(timeout=_PATIENCE)
        if self._error is not None:
            raise self._error

    def finish(self) -> None:
        while not self.outcome:
            self.advance(100)

    def crash(self) -> None:
        self._doomed = True
        self.advance(1)

    def moment(self) -> None:
        """Between two port calls: wait to be told to go on, or die."""
        self._paused.release()
        self._go.acquire()
        if self._doomed:
            raise CrashError

    def now(self) -> Instant:
        """``ports.Clock``; what it said is what the ledger reckons with."""
        self._now = self.plant.clock.now()
        return self._now

    def _run(self) -> None:
        self._go.acquire()
        try:
            self._deliver()
            self.outcome = "done"
        except CrashError:
            self.outcome = "crashed"
        except StateConflictError:
            self.outcome = "lost the race"
        except BaseException as error:  # noqa: BLE001 - handed to the test's thread
            self._error, self.outcome = error, "broken"
        self._paused.release()

    def _deliver(self) -> None:
        if self._doomed:
            raise CrashError
        plant = self.plant
        ports = (
            plant.mailbox,
            plant.machine,
            plant.machine,
            plant.notes,
            plant.notes,
            plant.notes,
            plant.schedules,
            plant.workers,
        )
        effect_ports = EffectPorts(*(Paced(port, self) for port in ports))
        deliver(
            self.line,
            self.letters,
            store=Paced(Judged(plant, self), self),
            gates=Paced(plant.machine, self),
            perform=lambda state, outbox: perform(state, outbox, effect_ports),
            clock=self,  # type: ignore[arg-type] # it never waits
        )


@dataclass
class Paced:
    """A port with a moment before each call and after it. What was asked is on record once it is
    done.
    """

    port: Any
    delivery: Delivery

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.port, name)

        def call(*args: Any, **words: Any) -> Any:
            self.delivery.moment()
            if name == "send":  # a batch may arrive in part
                return [self._send(letter) for letter in args[0]]
            answer = method(*args, **words)
            self.delivery.plant.performed.add((name, str(args)))
            self.delivery.moment()
            return answer

        return call

    def _send(self, letter: Any) -> str:
        (number,) = self.port.send([letter])
        self.delivery.plant.posted.setdefault(letter.key, len(self.delivery.plant.posted))
        self.delivery.moment()
        return number


@dataclass
class Judged:
    """The store, and the ledger that looks over its shoulder."""

    plant: Plant
    delivery: Delivery

    def load(self, line: Line) -> Held:
        return self.plant.store.load(line)

    def clear(self, held: Held) -> None:
        self.plant.store.clear(held)

    def commit(
        self,
        held: Held,
        state: PondState,
        outbox: tuple[Effect, ...],
        mark: Mark,
        now: Instant,
        entry: Entry,
    ) -> Held:
        tail = self.plant.journals.add(held, entry)
        self.delivery.moment()  # a chapter is written, and nothing is committed
        new = replace(self.plant.store.commit(held, state, outbox, mark, now), tail=tail)
        self.plant.store.held[state.line] = new
        self.plant.journals.committed(new)
        due = self.plant.between(state.line, held.mark, mark)
        assert due, "a commit without news"
        assert self.delivery._now is not None
        wanted = steps(held.state, (letter.signal for letter in due), self.delivery._now)
        assert (state, outbox) == (wanted.state, wanted.effects), "not what these letters lead to"
        for letter in due:
            assert letter.mark not in self.plant.applied[state.line], "a letter was applied twice"
            self.plant.applied[state.line].append(letter.mark)
        self.plant.judge(state, outbox)
        self.plant.committed += [(new.state, index, effect) for index, effect in enumerate(outbox)]
        return new


@dataclass
class Plant:
    """A Catchment in memory whose deliveries are told when to go on."""

    seed: int
    fate: Fate
    forgets: bool
    performed: set[tuple[str, str]] = field(default_factory=set)
    posted: dict[str, int] = field(default_factory=dict)
    committed: list[tuple[PondState, int, Effect]] = field(default_factory=list)
    applied: dict[Line, list[Mark]] = field(default_factory=dict)
    dead: dict[Line, list[Received]] = field(default_factory=dict)
    reborn: dict[Line, set[Mark]] = field(default_factory=dict)
    passed: dict[Attempted, dict[str, str]] = field(default_factory=dict)
    """The tables that each attempt saw whose checks let them pass."""
    checked: int = 0
    journals: Journals = field(default_factory=Journals)
    _all: dict[Line, list[Received]] = field(default_factory=dict)
    _received: dict[tuple[Line, Mark], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.clock = MemoryClock(START)
        self.mailbox = Remembering(self.clock, self.forgets)
        self.mailbox.remember = lambda to, letter: self._all.setdefault(to, []).append(letter)
        self.store = MemoryStateStore()
        self.machine = Machine(self.clock, self.mailbox, self._duration, self._outcome, self._ends)
        self.notes = MemoryNotes(self.clock, self.mailbox)
        self.schedules = MemorySchedules()
        self.workers = MemoryWorkers()

    def _duration(self, line: Line, ripple: str) -> Any:
        return seconds(random.Random(f"{self.seed}/{line}/{ripple}").choice([1, 1, 2, 5]))

    def _outcome(self, attempted: Attempted) -> Failure | None:
        """What a check sees when it is done, and what it says of that."""
        failure = self.fate(attempted)
        line, number, ripple, _ = attempted
        state = self.states[line]
        if ripple == CHECKS and failure is None and number in state.runs:
            seen = visible_tables(state, state.runs[number])
            self.passed[attempted] = {name: version.key for name, version in seen.items()}
        return failure

    def _ends(self, attempted: Any, _mib: int) -> GateOutcome:
        if attempted[2] == CHECKS:
            return random.Random(f"{self.seed}/{attempted}").choice(["check", "check", "lost"])
        return random.Random(f"{self.seed}/{attempted}").choice(ENDS)

    def judge(self, state: PondState, outbox: tuple[Effect, ...]) -> None:
        """No reader sees what failed its check: what is published is what an attempt of that very
        run has checked and let pass.
        """
        for effect in outbox:
            if isinstance(effect, PublishSnapshot) and state.release.check_ripple:
                found = {name: version.key for name, version in effect.tables.items()}
                assert any(
                    one[:3] == (state.line, effect.run, CHECKS) and found.items() <= seen.items()
                    for one, seen in self.passed.items()
                ), f"{state.line}/{effect.run} is published, and no check has let it pass"
                self.checked += 1

    def between(self, line: Line, after: Mark, upto: Mark) -> list[Received]:
        """The letters that a commit which moves the mark so far must have folded in."""
        gone = {letter.mark for letter in self.dead.get(line, ())} | self.reborn.get(line, set())
        return [
            r
            for r in self._all.get(line, ())
            if _number(after) < _number(r.mark) <= _number(upto) and r.mark not in gone
        ]

    def begin(self, line: Line, most: int) -> Delivery:
        letters = self.mailbox.show(line)[:most]
        for letter in letters:
            self._received[line, letter.mark] = self._received.get((line, letter.mark), 0) + 1
        self.applied.setdefault(line, [])
        return Delivery(self, line, letters)

    def end(self, delivery: Delivery, others: list[Delivery]) -> None:
        """What is done is acknowledged; what came too often and that nobody holds is dead, and
        that takes hours.
        """
        line = delivery.line
        if delivery.outcome == "done":
            self.mailbox.acknowledge(line, delivery.letters)
            return
        held = {letter.mark for other in others if other.line == line for letter in other.letters}
        worn = [
            r
            for r in delivery.letters
            if self._received[line, r.mark] >= MOST_RECEIVES and r.mark not in held
        ]
        worn = [r for r in worn if r in self.mailbox.queues[line]]
        self.dead.setdefault(line, []).extend(worn)
        self.mailbox.acknowledge(line, worn)
        if worn:
            self.clock.wait(2 * SOON)

    def redrive(self) -> None:
        """The dead letters come again, as new ones."""
        for line, letters in sorted(self.dead.items()):
            for letter in letters:
                self.reborn.setdefault(line, set()).add(letter.mark)
                self.mailbox.put(line, letter.signal, letter.token)
            letters.clear()

    def sweep(self) -> list[Line]:
        owing = [line for line, held in self.store.held.items() if held.outbox]
        for line in owing:
            self.mailbox.put(line, AlarmRang())
        return owing

    @property
    def states(self) -> dict[Line, PondState]:
        return {line: held.state for line, held in self.store.held.items()}


class Remembering(MemoryMailbox):
    """A mailbox that shows every letter it ever took to somebody."""

    remember: Any = None

    def put(self, to: Line, signal: Signal, token: str = "") -> str:
        number = super().put(to, signal, token)
        self.remember(to, self.queues[to][-1])
        return number


def _number(mark: Mark) -> int:
    return int(mark[1] or 0)


class Protocol(RuleBasedStateMachine):
    """Everything that an orchestrator may live through."""

    def __init__(self) -> None:
        super().__init__()
        self.deliveries: list[Delivery] = []
        self.wanted: dict[Line, Instant] = {}
        self.claims = True
        self.plant: Plant | None = None

    @initialize(
        graph=graphs(most=4, optional=False, majors=False),
        seed=st.integers(0, 2**16),
        share=st.sampled_from([0.0, 0.0, 0.3]),
        forgets=st.booleans(),
        checks=st.booleans(),
    )
    def set_up(self, graph: Graph, seed: int, share: float, forgets: bool, checks: bool) -> None:
        graph = Graph(
            tuple(
                with_hints(with_checks(release) if checks else release, seed)
                for release in graph.releases
            )
        )
        self.graph, self.claims = graph, not share  # who is down takes no demand
        self.plant = Plant(seed, Fate(seed, share), forgets)
        for release in graph.releases:
            self.plant.mailbox.put(release.line, Deployed(release))
        self.work(1_000)

    @rule(
        data=st.data(),
        kind=st.sampled_from(["pulse", "pulse", "pulse", "tap", "wave", "tide", "remove"]),
    )
    def trigger(self, data: st.DataObject, kind: str) -> None:
        line = data.draw(st.sampled_from(self.graph.lines))
        self.plant.clock.instant += seconds(0.001)
        epoch = self.plant.clock.now()
        self.plant.mailbox.put(
            line, Triggered(kind, epoch, seconds(20) if kind == "tide" else None)
        )  # type: ignore[arg-type]
        if kind == "pulse":
            self.wanted[line] = epoch

    @rule(data=st.data(), verb=st.sampled_from(get_args(Verb)))
    def order(self, data: st.DataObject, verb: Verb) -> None:
        line = data.draw(st.sampled_from(self.graph.lines))
        self.plant.mailbox.put(line, Ordered(verb, self.plant.clock.now()))
        self.claims = self.claims and verb in {"force", "wake"}

    @rule(
        data=st.data(),
        on=st.sampled_from(["lambda", "task", "auto"]),
        memory=st.sampled_from([0, 9000]),
    )
    def pin(self, data: st.DataObject, on: PinnedPlace, memory: int) -> None:
        release = data.draw(st.sampled_from(self.graph.releases))
        self.plant.mailbox.put(release.line, ComputePinned(release.ripples[0].name, on, memory))

    @rule(data=st.data(), windows=rules(), adds=st.booleans())
    def set_windows(self, data: st.DataObject, windows: tuple[Window, ...], adds: bool) -> None:
        line = data.draw(st.sampled_from(self.graph.lines))
        for window in windows:
            self.plant.mailbox.put(
                line, WindowAdded(window) if adds else WindowRemoved(window.name)
            )
            self.plant.mailbox.put(line, WindowOpened(window.name))

    @rule(data=st.data(), version=st.integers(1, 9))
    def redeploy(self, data: st.DataObject, version: int) -> None:
        release = newer(
            self.graph.release(data.draw(st.sampled_from(self.graph.lines))), f"1.{version}.0"
        )
        self.plant.mailbox.put(release.line, Deployed(release))

    @precondition(lambda self: self.plant.mailbox.waiting() and len(self.deliveries) < 4)
    @rule(data=st.data(), most=st.integers(1, 10), moments=st.integers(0, 12))
    def deliver(self, data: st.DataObject, most: int, moments: int) -> None:
        line = data.draw(st.sampled_from(self.plant.mailbox.waiting()))
        self.deliveries.append(self.plant.begin(line, most))
        self._advance(self.deliveries[-1], moments)

    @precondition(lambda self: self.deliveries)
    @rule(data=st.data(), moments=st.integers(1, 12))
    def go_on(self, data: st.DataObject, moments: int) -> None:
        self._advance(data.draw(st.sampled_from(self.deliveries)), moments)

    @precondition(lambda self: self.deliveries)
    @rule(data=st.data())
    def crash(self, data: st.DataObject) -> None:
        delivery = data.draw(st.sampled_from(self.deliveries))
        delivery.crash()
        self._ended(delivery)

    @precondition(lambda self: self.plant.mailbox.waiting())
    @rule(
        data=st.data(), turns=st.lists(st.tuples(st.integers(0, 1), st.integers(1, 6)), max_size=8)
    )
    def race(self, data: st.DataObject, turns: list[tuple[int, int]]) -> None:
        """Somebody's time with a line ran out, and another was given it."""
        line = data.draw(st.sampled_from(self.plant.mailbox.waiting()))
        racers = [self.plant.begin(line, 10) for _ in range(2)]
        self.deliveries += racers
        for which, moments in (*turns, (0, 10_000), (1, 10_000)):
            if racers[which] in self.deliveries:
                self._advance(racers[which], moments)

    @precondition(lambda self: self.plant.mailbox.waiting())
    @rule(data=st.data(), until=st.integers(0, 14))
    def crash_until_dead(self, data: st.DataObject, until: int) -> None:
        line = data.draw(st.sampled_from(self.plant.mailbox.waiting()))
        for _ in range(MOST_RECEIVES):
            if self.plant.mailbox.show(line):
                delivery = self.plant.begin(line, 10)
                self.deliveries.append(delivery)
                delivery.advance(until)
                if not delivery.outcome:
                    delivery.crash()
                self._ended(delivery)

    @precondition(lambda self: any(self.plant.dead.values()))
    @rule()
    def redrive(self) -> None:
        self.plant.redrive()

    @rule()
    def let_time_pass(self) -> None:
        self.plant.clock.advance()

    @rule()
    def sweep(self) -> None:
        self.plant.sweep()

    @rule(lines=st.integers(1, 40))
    def work(self, lines: int) -> None:
        """A while in which nothing goes wrong."""
        for _ in range(lines):
            if not (waiting := self.plant.mailbox.waiting()):
                return
            self.deliveries.append(self.plant.begin(waiting[0], 10))
            self._advance(self.deliveries[-1], 10_000)

    def _advance(self, delivery: Delivery, moments: int) -> None:
        delivery.advance(moments)
        if delivery.outcome:
            self._ended(delivery)

    def _ended(self, delivery: Delivery) -> None:
        self.deliveries.remove(delivery)
        if self.plant.end(delivery, self.deliveries):
            for other in list(
                self.deliveries
            ):  # a letter is given up after hours, and no invocation lives so long
                if other in self.deliveries:
                    other.crash()
                    self._ended(other)
            self.plant.clock.instant += GIVEN_UP

    @invariant()
    def no_attempt_starts_twice(self) -> None:
        if self.plant:
            assert len(self.plant.machine.attempts) == len(set(self.plant.machine.attempts))

    @invariant()
    def letters_of_one_sender_are_posted_in_order(self) -> None:
        for said in _by_addressee(self.plant.posted if self.plant else {}).values():
            assert said == sorted(said)

    def teardown(self) -> None:
        if self.plant is None:
            return
        try:
            for delivery in list(self.deliveries):
                delivery.crash()
                self._ended(delivery)
            self._let_it_end()
            self._judge()
        finally:
            for delivery in self.deliveries:
                delivery._doomed = True
                delivery._go.release()

    def _let_it_end(self) -> None:
        plant = self.plant
        plant.redrive()
        plant.fate.healed = True
        self._drain()
        for release in self.graph.releases:
            plant.mailbox.put(release.line, Deployed(newer(release, "2.0.0")))
            plant.mailbox.put(release.line, Triggered("remove", plant.clock.now()))
            plant.mailbox.put(release.line, Ordered("clear", plant.clock.now()))
            for name in ("one", "two"):
                plant.mailbox.put(release.line, WindowRemoved(name))
        self._drain()
        for line, epoch in self.wanted.items() if self.claims else ():
            assert all(plant.states[above].end_f >= epoch for above in self.graph.asked(line)), (
                "a Pulse was lost"
            )
        for (
            release
        ) in self.graph.releases:  # a woken line waits for Sources that nobody else has asked
            plant.clock.instant += seconds(600)
            self.wanted[release.line] = plant.clock.now()
            plant.mailbox.put(release.line, Triggered("pulse", plant.clock.now()))
            self._drain()

    def _drain(self, most: int = 5_000) -> None:
        sweeps = 0
        for _ in range(most):
            self.work(1)
            standing = any(state.trigger for state in self.plant.states.values())
            if self.plant.mailbox.waiting() or (not standing and self.plant.clock.advance()):
                continue
            # a line that waits keeps its outbox, which the sweep cannot tell from one that is owed
            sweeps += 1
            if not self.plant.sweep() or sweeps > 2:
                self.work(1_000)
                return
        raise AssertionError("never at rest")

    def _judge(self) -> None:
        plant = self.plant
        self.no_attempt_starts_twice()
        self.letters_of_one_sender_are_posted_in_order()
        assert plant.machine.waiting() == []
        assert "running" not in statuses(plant.notes).values()
        for line, letters in plant._all.items():
            unread = {letter.mark for letter in letters} - set(plant.applied.get(line, ()))
            assert unread <= plant.reborn.get(line, set()), "a letter was lost"
        for state, index, effect in plant.committed:
            assert self._is_performed(state, index, effect), (
                f"{effect} of {state.line} was never performed"
            )
        assert plant.journals.judge(), "no chapter was ended"
        assert plant.checked or not self.graph.releases[0].check_ripple, "nothing was checked"
        for state in plant.states.values():
            assert not state.runs
            assert state.pull is None
            assert state.targets == ()
        for line, epoch in self.wanted.items():
            assert all(plant.states[above].end_f >= epoch for above in self.graph.asked(line))

    def _is_performed(self, state: PondState, index: int, effect: Effect) -> bool:
        line, version = state.line, state.release.version if state.release else ""
        match effect:
            case SendPull() | SendTarget() | AttachTo() | DetachFrom() | TellSink() | TellSinks():
                return {
                    letter.key for letter in letters_of(state, effect, (state.revision, index))
                } <= self.plant.posted.keys()
            case PublishSnapshot(run):
                return self.plant.store.read(line, run) == effect
            case Announce():
                call = "announce", str((line, version, effect))
            case SetAlarm(what) | SetSchedule(what):
                call = "set", str((line, what))
            case DropSchedule(name):
                call = "drop", str((line, name))
            case _:
                call = _CALLS[type(effect)], str((line, effect))
        return call in self.plant.performed


_CALLS = {
    StartRun: "start",
    StopRun: "stop",
    AnswerGate: "answer",
    StopTask: "stop_task",
    CallOnKill: "call_on_kill",
    RecordRun: "record_run",
    RecordAttempt: "record_attempt",
}


def _by_addressee(posted: dict[str, int]) -> dict[str, list[tuple[int, int]]]:
    """The stamps of all letters between two lines, in the order in which they were first posted."""
    said: dict[str, list[tuple[int, int]]] = {}
    for key in posted:
        between, revision, index = key.rsplit(":", 2)
        said.setdefault(between, []).append((int(revision), int(index)))
    return said


TestProtocol = Protocol.TestCase
TestProtocol.settings = settings(looks(60), stateful_step_count=50)
