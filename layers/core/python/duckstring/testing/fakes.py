"""The ports in memory, as strict as AWS and no stricter: conditional commits, a FIFO a line,
letters shown until acknowledged.

``Machine`` simulates Step Functions and the workers: it starts runs, answers branches, and posts
what they would post.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from duckstring.engine.effects import (
    Announce,
    AnswerGate,
    CallOnKill,
    Effect,
    KeepArrival,
    PublishSnapshot,
    RecordAttempt,
    RecordRun,
    RippleBranch,
    StartRun,
    StopRun,
    StopTask,
)
from duckstring.engine.journal import Entry
from duckstring.engine.letters import Letter
from duckstring.engine.limits import GrantTokens, LimitSignal, LimitState
from duckstring.engine.signals import AlarmRang, GateOutcome, GateReached, RippleSucceeded, Signal
from duckstring.engine.state import PondState
from duckstring.errors import InvariantError, StateConflictError
from duckstring.model.arrivals import ArrivedObject
from duckstring.model.catalog import TableVersion
from duckstring.model.failures import Failure
from duckstring.model.instants import NEVER, Instant
from duckstring.model.names import Line, limit_of, table_key
from duckstring.model.values import replace
from duckstring.model.windows import Window
from duckstring.orchestrator.ports import Held, HeldLimit, Received, ReceivedByLimit
from duckstring.ports import Mark, SeenLimit

_WINDOW = 10
"""Letters of one line in one delivery."""


@dataclass(slots=True)
class MemoryClock:
    """``ports.Clock``: stands still until it is advanced. Whatever is due by then happens."""

    instant: Instant
    _due: list[tuple[Instant, int, Callable[[], None]]] = field(default_factory=list)
    _count: int = 0

    def now(self) -> Instant:
        """This instant."""
        return self.instant

    def wait(self, duration: timedelta) -> None:
        """Let ``duration`` pass, and with it whatever is due."""
        end = self.instant + duration
        while self._due and self._due[0][0] <= end:
            self.advance()
        self.instant = end

    def at(self, instant: Instant, happen: Callable[[], None]) -> None:
        """Let ``happen`` happen at ``instant``."""
        self._count += 1
        heapq.heappush(self._due, (instant, self._count, happen))

    def advance(self) -> bool:
        """Go on to the next thing that is due, and let it happen. False: nothing is."""
        if not self._due:
            return False
        at, _, happen = heapq.heappop(self._due)
        self.instant = max(self.instant, at)
        happen()
        return True


@dataclass(slots=True)
class MemoryStateStore:
    """``ports.StateStore`` and ``ports.Snapshots``."""

    held: dict[Line, Held] = field(default_factory=dict)
    manifests: dict[tuple[Line, int], PublishSnapshot] = field(default_factory=dict)
    arrivals: dict[Line, dict[int, KeepArrival]] = field(default_factory=dict)

    def load(self, line: Line) -> Held:
        """The line's state, or a fresh one if it never got a letter."""
        return self.held.get(line) or Held(PondState(line))

    def commit(
        self,
        held: Held,
        state: PondState,
        outbox: tuple[Effect, ...],
        mark: Mark,
        now: Instant = NEVER,
        entry: Entry | None = None,
    ) -> Held:
        """Replace ``held``, at the revision that was read only."""
        if self.load(state.line).state.revision != held.state.revision:
            raise StateConflictError(
                f"{state.line} was committed by another delivery since revision "
                f"{held.state.revision}."
            )
        new = Held(replace(state, revision=held.state.revision + 1), outbox, mark, now, held.used)
        self.held[state.line] = new
        for effect in outbox:
            if isinstance(effect, PublishSnapshot):
                self.manifests[state.line, effect.run] = effect
            if isinstance(effect, KeepArrival):
                self.arrivals.setdefault(state.line, {})[effect.number] = effect
        return new

    def kept(self, line: Line, found: Collection[ArrivedObject]) -> Collection[str]:
        """Those of which the line has kept the arrival before."""
        known = {one.found.identity for one in self.arrivals.get(line, {}).values()}
        return known & {one.identity for one in found}

    def clear(self, held: Held) -> None:
        """Remove the outbox, unless a newer commit has replaced it."""
        line = held.state.line
        if self.load(line).state.revision == held.state.revision:
            self.held[line] = replace(self.held[line], outbox=())

    def read(self, line: Line, number: int) -> PublishSnapshot | None:
        """The manifest that run ``number`` of ``line`` published."""
        return self.manifests.get((line, number))


@dataclass(slots=True)
class MemoryLimits:
    """``ports.LimitStore`` and ``ports.LimitReader``."""

    held: dict[str, HeldLimit] = field(default_factory=dict)

    def load(self, name: str) -> HeldLimit:
        """The limit's state, or a fresh one if it never got a letter."""
        return self.held.get(name) or HeldLimit(LimitState(name))

    def commit(
        self,
        held: HeldLimit,
        state: LimitState,
        outbox: tuple[GrantTokens, ...],
        mark: Mark,
        now: Instant,
    ) -> HeldLimit:
        """Replace ``held``, at the revision that was read only."""
        if self.load(state.name).state.revision != held.state.revision:
            raise StateConflictError(f"Limit {state.name} was committed by another delivery.")
        new = HeldLimit(replace(state, revision=held.state.revision + 1), outbox, mark, now)
        self.held[state.name] = new
        return new

    def clear(self, held: HeldLimit) -> None:
        """Remove the outbox, unless a newer commit has replaced it."""
        name = held.state.name
        if self.load(name).state.revision == held.state.revision:
            self.held[name] = replace(self.held[name], outbox=())

    def read(self) -> Mapping[str, SeenLimit]:
        """All limits."""
        return {
            name: SeenLimit(one.state, bool(one.outbox), one.mark, one.committed)
            for name, one in self.held.items()
        }


@dataclass(slots=True)
class MemoryMailbox:
    """``ports.Mailbox``: one queue a line. ``forgets`` keys at once, so that a letter sent twice
    comes twice.
    """

    clock: MemoryClock
    forgets: bool = False
    queues: dict[Line, list[Received]] = field(default_factory=dict)
    to_limits: dict[str, list[ReceivedByLimit]] = field(default_factory=dict)
    _keys: dict[str, str] = field(default_factory=dict)
    _sequence: int = 0

    def send(self, letters: Sequence[Letter]) -> Sequence[str]:
        """Post all, in order; one whose key is known already keeps its number."""
        for letter in letters:
            if self.forgets or letter.key not in self._keys:
                self._keys[letter.key] = self._put(letter)
        return [self._keys[letter.key] for letter in letters]

    def _put(self, letter: Letter) -> str:
        if name := limit_of(letter.to):
            return self.put_to_limit(name, letter.signal)  # type: ignore[arg-type] # as its address says
        return self.put(Line(letter.to), letter.signal)  # type: ignore[arg-type]

    def put_to_limit(self, name: str, signal: LimitSignal) -> str:
        """Post one letter to a limit."""
        mark = self._mark()
        self.to_limits.setdefault(name, []).append(ReceivedByLimit(signal, mark))
        return mark[1]

    def _mark(self) -> Mark:
        self._sequence += 1
        return int(self.clock.now().timestamp() * 1000), f"{self._sequence:020d}"

    def put(self, to: Line, signal: Signal, token: str = "") -> str:
        """Post one letter."""
        mark = self._mark()
        self.queues.setdefault(to, []).append(Received(signal, mark, token))
        return mark[1]

    def waiting(self) -> list[Line]:
        """The lines that have mail."""
        return sorted(line for line, queue in self.queues.items() if queue)

    def show(self, line: Line) -> list[Received]:
        """The line's oldest letters. They stay until they are acknowledged."""
        return self.queues[line][:_WINDOW]

    def acknowledge(self, line: Line, letters: Sequence[Received]) -> None:
        """These are dealt with."""
        marks = {letter.mark for letter in letters}
        self.queues[line] = [letter for letter in self.queues[line] if letter.mark not in marks]


@dataclass(slots=True)
class Machine:
    """``ports.Executions`` and ``ports.Gates``: executions of runs, their workers, and branches
    that wait with a token.
    """

    clock: MemoryClock
    mailbox: MemoryMailbox
    duration: Callable[[Line, str], timedelta]
    outcome: Callable[[tuple[Line, int, str, int]], Failure | None] = lambda _: None
    ends: Callable[[tuple[Line, int, str, int], int], GateOutcome] = lambda _, _mib: "failed"
    started: dict[tuple[Line, int, int], StartRun] = field(default_factory=dict)
    attempts: list[tuple[Line, int, str, int]] = field(default_factory=list)
    tokens: dict[tuple[Line, int, int, str], tuple[tuple[str, ...], int]] = field(
        default_factory=dict
    )
    stopped: set[tuple[Line, int, int]] = field(default_factory=set)
    _open: dict[str, tuple[Line, int, int, str]] = field(default_factory=dict)

    def start(self, line: Line, run: StartRun) -> None:
        """Start it once; with another input than before it is an error, as with Step Functions."""
        key = (line, run.run, run.launch)
        if (known := self.started.get(key)) is not None:
            if known != run:
                raise InvariantError(f"Execution {key} was started before with another input.")
            return
        self.started[key] = run
        for branch in run.branches:
            self._go(line, run.run, run.launch, branch)

    def stop(self, line: Line, run: StopRun) -> None:
        """Its branches wait no longer, and nothing begins in it. What a worker has done already
        it may still say.
        """
        self.stopped.add((line, run.run, run.launch))
        self._open = {
            token: at for token, at in self._open.items() if at[:3] != (line, run.run, run.launch)
        }

    def keep(self, line: Line, gate: GateReached, *, token: str) -> None:
        """Remember a waiting branch's token, beside others of the same attempt; those of an
        earlier one count no more.
        """
        key = (line, gate.run, gate.launch, gate.ripple)
        tokens, attempt = self.tokens.get(key, ((), -1))
        if attempt < gate.attempt:
            self.tokens[key] = ((token,), gate.attempt)
        elif attempt == gate.attempt and token not in tokens:
            self.tokens[key] = ((*tokens, token), attempt)

    def answer(self, line: Line, answer: AnswerGate) -> None:
        """Answer the branch. A branch that no longer waits counts as success."""
        tokens, attempted = self.tokens.get(
            (line, answer.run, answer.launch, answer.ripple), ((), 0)
        )
        if answer.verdict in ("lambda", "task") and answer.attempt <= attempted:
            return
        if [token for token in tokens if self._open.pop(token, None) is not None]:
            self._go(
                line,
                answer.run,
                answer.launch,
                RippleBranch(answer.ripple, answer.verdict, answer.attempt, answer.memory_mib),
            )

    def waiting(self) -> list[tuple[Line, int, int, str]]:
        """The branches that wait for a verdict."""
        return sorted(self._open.values())

    def _go(self, line: Line, run: int, launch: int, branch: RippleBranch) -> None:
        if branch.verdict in ("lambda", "task"):
            attempted = (line, run, branch.ripple, branch.attempt)
            self.attempts.append(attempted)
            due = self.clock.now() + self.duration(line, branch.ripple)
            self.clock.at(due, lambda: self._end(attempted, launch, branch.memory_mib))
        elif branch.verdict == "wait":
            self._wait(line, GateReached(run, launch, branch.ripple))

    def _wait(self, line: Line, gate: GateReached) -> None:
        if (line, gate.run, gate.launch) in self.stopped:
            return
        token = f"{line}/{gate.run}/{gate.launch}/{gate.ripple}/{gate.attempt}"
        self._open[token] = (line, gate.run, gate.launch, gate.ripple)
        self.mailbox.put(line, gate, token)

    def _end(self, attempted: tuple[Line, int, str, int], launch: int, mib: int) -> None:
        line, run, ripple, attempt = attempted
        if (failure := self.outcome(attempted)) is not None:
            self._wait(
                line,
                GateReached(run, launch, ripple, attempt, self.ends(attempted, mib), failure, mib),
            )
            return
        key = table_key(
            line, ripple, run=run, ripple=ripple, attempt=attempt, invocation="0a1b2c3d"
        )
        self.mailbox.put(
            line,
            RippleSucceeded(
                run, ripple, attempt, {ripple: TableVersion(ripple, key, 1, 1, f"{run}")}
            ),
        )


@dataclass(slots=True)
class MemoryNotes:
    """``ports.History``, ``ports.Bus`` and ``ports.Alarms``: rows under their keys, so that a
    repeat changes nothing.
    """

    clock: MemoryClock
    mailbox: MemoryMailbox
    runs: dict[tuple[Line, int], RecordRun] = field(default_factory=dict)
    attempts: dict[tuple[Line, int, str, int], RecordAttempt] = field(default_factory=dict)
    events: dict[str, Announce] = field(default_factory=dict)

    def record_run(self, line: Line, row: RecordRun) -> None:
        """Write or complete a run's row; one that has ended does not run again."""
        before = self.runs.get((line, row.run))
        if before is None or before.status == "running":
            self.runs[line, row.run] = row

    def record_attempt(self, line: Line, row: RecordAttempt) -> None:
        """Write how an attempt ended."""
        self.attempts[line, row.run, row.ripple, row.attempt] = row

    def announce(self, line: Line, version: str, event: Announce, key: str) -> None:
        """Put one event on the bus."""
        self.events[key] = event

    def set(self, line: Line, at: Instant) -> None:
        """Post AlarmRang at ``at``."""

        def ring() -> None:
            self.mailbox.put(line, AlarmRang())

        self.clock.at(at, ring)


@dataclass(slots=True)
class MemorySchedules:
    """``ports.Schedules``: remembers the rules, and rings for none. A line's own alarms carry
    the truth.
    """

    windows: dict[tuple[Line, str], Window] = field(default_factory=dict)

    def set(self, line: Line, window: Window) -> None:
        """Remember the rule."""
        self.windows[line, window.name] = window

    def drop(self, line: Line, name: str) -> None:
        """Forget it."""
        self.windows.pop((line, name), None)


@dataclass(slots=True)
class MemoryWorkers:
    """``ports.Workers``: remembers what it was asked, once each."""

    stopped: set[tuple[Line, int, str, int]] = field(default_factory=set)
    called: dict[tuple[Line, int, str, int], CallOnKill] = field(default_factory=dict)

    def stop_task(self, line: Line, task: StopTask) -> None:
        """Remember that it was stopped."""
        self.stopped.add((line, task.run, task.ripple, task.attempt))

    def call_on_kill(self, line: Line, call: CallOnKill) -> None:
        """Remember the call."""
        self.called[line, call.run, call.ripple, call.attempt] = call


def statuses(notes: MemoryNotes) -> Mapping[tuple[Line, int], str]:
    """How each run ended."""
    return {key: row.status for key, row in notes.runs.items()}
