"""One Pulse over large graphs, simulated: wall time, requests, transitions, dollars.

What is simulated is AWS, not the Catchment: every delivery is ``service.deliver`` with
``service.dispatch`` and the engine, on ports that count and take time. So letters are folded as
they are in production: those of one line that have arrived while it is free come together, ten at
most; a line is handled by one delivery at a time; lines do not wait for each other. Each delivery
is counted as an invocation of its own (in AWS one may hold letters of several lines, so invocations
are an upper bound).

Not simulated: cold starts, throttling, faults, the sweep, Secrets Manager, logs. Latencies are
round figures of ours for warm services in one region, drawn from an exponential tail over a floor;
they were not measured. Prices: us-east-1 list prices.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from math import ceil
from typing import Any

from bench.requests import transitions
from bench.table import Figure
from duckstring.adapters.aws import codec
from duckstring.adapters.aws.journal import JournalWriter
from duckstring.engine.effects import (
    Announce,
    AnswerGate,
    Effect,
    PublishSnapshot,
    RecordAttempt,
    RecordRun,
    StartRun,
    StopRun,
)
from duckstring.engine.journal import Entry
from duckstring.engine.letters import Letter
from duckstring.engine.signals import Deployed, GateReached, RippleSucceeded, Signal, Triggered
from duckstring.engine.state import PondState
from duckstring.model.catalog import Release, TableVersion
from duckstring.model.instants import Instant
from duckstring.model.names import Line
from duckstring.model.values import replace
from duckstring.model.windows import Window
from duckstring.orchestrator.deliver import deliver
from duckstring.orchestrator.perform import perform
from duckstring.orchestrator.ports import EffectPorts, Held, Received
from duckstring.ports import Mark
from duckstring.testing.fakes import MemoryStateStore, MemoryWorkers
from duckstring.testing.simulator import START, pond, seconds

SEED = 1
RIPPLE = 1.0
"""Seconds that each Ripple works."""

LATENCY = {  # seconds: (floor, mean of what comes on top)
    "queue": (0.010, 0.015),  # SQS FIFO to the handler of a warm function
    "read": (0.003, 0.001),
    "write": (0.005, 0.002),
    "transaction": (0.010, 0.004),
    "send": (0.008, 0.004),
    "start": (0.030, 0.015),  # StartExecution
    "transition": (0.020, 0.010),
    "answer": (0.020, 0.010),  # SendTaskSuccess
    "event": (0.010, 0.005),
    "invoke": (0.010, 0.010),  # Step Functions to the handler of a warm ripple function
    "worker": (
        0.120,
        0.040,
    ),  # all that a worker does around its Ripple: reads, DuckDB, S3, its row
    "handler": (0.004, 0.001),  # the orchestrator's own processor time, a line
}
PRICE = {  # dollars each (2026-11)
    "transition": 0.025 / 1e3,
    "invocation": 0.20 / 1e6,
    "write unit": 0.625 / 1e6,
    "read unit": 0.125 / 1e6,
    "SQS request": 0.50 / 1e6,
    "event": 1.00 / 1e6,
    "S3 PUT": 0.005 / 1e3,
    "S3 GET": 0.0004 / 1e3,
}
GB_SECOND = 0.0000166667
ORCHESTRATOR_GB, RIPPLE_GB = 0.5, 1.73
WORKER = {
    "DynamoDB read": 2,
    "read unit": 2,
    "DynamoDB write": 2,
    "write unit": 2,
    "SQS request": 1,
    "S3 PUT": 1,
    "S3 GET": 6,
}
"""What an attempt asks for, as ``bench requests`` counts it."""


@dataclass
class Aws:
    """Time, money, and whatever is on its way."""

    now: Instant = START
    count: Counter[str] = field(default_factory=Counter)
    gb_seconds: float = 0.0
    spent: float = 0.0  # seconds into the delivery at hand
    chance: random.Random = field(default_factory=lambda: random.Random(SEED))
    due: list[tuple[Instant, int, Callable[[], None]]] = field(default_factory=list)
    number: int = 0

    def takes(self, what: str) -> float:
        floor, tail = LATENCY[what]
        return floor + self.chance.expovariate(1 / tail)

    def spend(self, what: str, **counted: float) -> None:
        self.spent += self.takes(what)
        self.count.update(counted)

    def later(self, after: float, happen: Callable[[], None]) -> None:
        self.at(self.now + seconds(after), happen)

    def at(self, instant: Instant, happen: Callable[[], None]) -> None:
        self.number += 1
        heapq.heappush(self.due, (instant, self.number, happen))

    def run(self) -> None:
        while self.due:
            self.now, _, happen = heapq.heappop(self.due)
            happen()


@dataclass
class Store:
    """The states' table."""

    aws: Aws
    held: MemoryStateStore = field(default_factory=MemoryStateStore)

    def load(self, line: Line) -> Held:
        found = self.held.load(line)
        self.aws.spend("read", **{"DynamoDB read": 1, "read unit": ceil(self._size(found) / 4096)})
        return found

    def commit(
        self,
        held: Held,
        state: PondState,
        outbox: tuple[Effect, ...],
        mark: Mark,
        now: Instant,
        entry: Entry,
    ) -> Held:
        new = self.held.commit(held, state, outbox, mark, now)
        tail = JournalWriter(self._put, timedelta(days=30)).add(held, entry, size=self._size(new))
        new = replace(new, tail=tail)
        self.held.held[state.line] = new
        publishes = any(isinstance(effect, PublishSnapshot) for effect in outbox)
        units = ceil(self._size(new) / 1024)
        counted = {"DynamoDB write": 1, "write unit": 2 * (units + 1) if publishes else units}
        self.aws.spend("transaction" if publishes else "write", **counted)
        return new

    def clear(self, held: Held) -> None:
        self.aws.spend(
            "write", **{"DynamoDB write": 1, "write unit": ceil(self._size(held) / 1024)}
        )
        self.held.clear(held)

    def _put(self, item: Mapping[str, Any]) -> None:
        """A chapter of a journal."""
        units = ceil((len(item["chapter"]["B"]) + 120) / 1024)
        self.aws.spend("write", **{"DynamoDB write": 1, "write unit": units})

    def _size(self, held: Held) -> int:
        return (
            120
            + len(held.tail.packed)
            + len(codec.state_to_text(held.state))
            + len(codec.outbox_to_text(held.outbox))
        )


class Catchment:
    """Lines, their mail, and the executions of their runs."""

    def __init__(self, releases: Sequence[Release], batch: int = 10) -> None:
        self.aws, self.batch = Aws(), batch
        self.store = Store(self.aws)
        self.mail: dict[Line, list[Received]] = {}
        self.arrived: dict[Line, Instant] = {}
        self.busy: set[Line] = set()
        self.tokens: dict[tuple[Line, int, str], int] = {}
        self.ends: list[Instant] = []
        self.sequence = 0
        self.hands = EffectPorts(
            self,
            self,
            self,
            Notes(self.aws),
            Notes(self.aws),
            Alarms(self.aws),
            Schedules(self.aws),
            MemoryWorkers(),
        )
        for release in releases:
            self.send([Letter(release.line, Deployed(release), "")])
        self.aws.run()
        self.aws.count.clear()
        self.aws.gb_seconds = 0.0

    def pulse(self, line: str) -> float:
        began = self.aws.now
        self.send([Letter(Line(line), Triggered("pulse", began + seconds(1)), "")])
        self.aws.run()
        (state,) = (held.state for at, held in self.store.held.held.items() if at == line)
        assert state.end_f == began + seconds(1), "the Pulse did not arrive"
        return (max(self.ends) - began).total_seconds()

    # the mailbox and the orchestrator

    def send(self, letters: Sequence[Letter]) -> Sequence[str]:
        numbers = []
        for n in range(0, len(letters), 10):
            self.aws.spend("send", **{"SQS request": 1})
            numbers += [
                self._post(letter.to, letter.signal, self.aws.spent)
                for letter in letters[n : n + 10]
            ]
        return numbers

    def _post(self, to: Line, signal: Signal, after: float) -> str:
        self.aws.count["letter"] += 1
        self.sequence += 1
        mark = (int(self.aws.now.timestamp() * 1000), f"{self.sequence:020d}")
        at = max(
            self.aws.now + seconds(after + self.aws.takes("queue")), self.arrived.get(to, START)
        )  # first in, first out
        self.arrived[to] = at
        self.aws.at(at, lambda: self._arrive(to, Received(signal, mark)))
        return mark[1]

    def _arrive(self, to: Line, letter: Received) -> None:
        self.mail.setdefault(to, []).append(letter)
        if to not in self.busy:
            self.busy.add(to)
            self.aws.later(0, lambda: self._deliver(to))

    def _deliver(self, line: Line) -> None:
        letters, self.mail[line] = self.mail[line][: self.batch], self.mail[line][self.batch :]
        self.aws.spent = 0.0
        self.aws.spend(
            "handler", invocation=1, delivery=1, **{"SQS request": 2}
        )  # received and deleted
        deliver(
            line,
            letters,
            store=self.store,
            gates=self,
            perform=lambda s, box: perform(s, box, self.hands),
            clock=self,
        )
        self.aws.gb_seconds += ORCHESTRATOR_GB * self.aws.spent
        self.aws.later(self.aws.spent, lambda: self._next(line))

    def _next(self, line: Line) -> None:
        if self.mail[line]:
            self._deliver(line)
        else:
            self.busy.discard(line)

    # clock

    def now(self) -> Instant:
        return self.aws.now

    def wait(self, duration: timedelta) -> None:
        self.aws.spent += duration.total_seconds()

    # executions and gates

    def start(self, line: Line, run: StartRun) -> None:
        self.aws.spend("start", execution=1)
        waits = {branch.ripple: int(branch.verdict == "wait") for branch in run.branches}
        self.aws.count["transition"] += transitions(dict(waits))
        begun = self.aws.spent + self.aws.takes("transition") * (1 if len(waits) == 1 else 3)
        for branch in run.branches:
            if branch.verdict == "lambda":
                self._attempt(line, run.run, branch.ripple, branch.attempt, begun)
            elif branch.verdict == "wait":
                gate = GateReached(run.run, run.launch, branch.ripple)
                self._post(line, gate, begun + self.aws.takes("transition"))

    def stop(self, line: Line, run: StopRun) -> None:
        self.aws.spend("start")

    def keep(self, line: Line, gate: GateReached, *, token: str) -> None:
        self.aws.spend("write", **{"DynamoDB write": 1, "write unit": 2})

    def answer(self, line: Line, answer: AnswerGate) -> None:
        self.aws.spend("read", **{"DynamoDB read": 1, "read unit": 1})
        self.aws.spend("answer")
        self.aws.spend("write", **{"DynamoDB write": 1, "write unit": 2})
        if answer.verdict in ("lambda", "task"):
            self._attempt(line, answer.run, answer.ripple, answer.attempt, self.aws.spent)

    def _attempt(self, line: Line, run: int, ripple: str, attempt: int, after: float) -> None:
        overhead = self.aws.takes("worker")
        begun = after + self.aws.takes("transition") + self.aws.takes("invoke")
        self.aws.count.update(WORKER)
        self.aws.count.update({"invocation": 1, "attempt": 1})
        self.aws.gb_seconds += RIPPLE_GB * overhead
        table = TableVersion(
            ripple,
            f"data/{line}/{ripple}/{run:010d}-{ripple}-{attempt}-0a1b2c3d.parquet",
            1000,
            100_000,
            f"{run:032d}",
        )
        done = RippleSucceeded(run, ripple, attempt, {ripple: table})
        self.aws.later(begun + overhead + RIPPLE, lambda: self._succeed(line, done))

    def _succeed(self, line: Line, done: RippleSucceeded) -> None:
        self.ends.append(self.aws.now)
        self._post(line, done, 0.0)


@dataclass
class Notes:
    """History, and events."""

    aws: Aws

    def record_run(self, line: Line, row: RecordRun) -> None:
        self._write()

    def record_attempt(self, line: Line, row: RecordAttempt) -> None:
        self._write()

    def announce(self, line: Line, version: str, event: Announce, key: str) -> None:
        self.aws.spend("event", event=1)

    def _write(self) -> None:
        self.aws.spend(
            "write", **{"DynamoDB write": 1, "write unit": 2}
        )  # the row, and its place in the index


@dataclass
class Alarms:
    """Through the delay queue."""

    aws: Aws

    def set(self, line: Line, at: Instant) -> None:
        self.aws.spend("send", **{"SQS request": 1})


@dataclass
class Schedules:
    """Of Windows: what they cost is no matter of a Pulse."""

    aws: Aws

    def set(self, line: Line, window: Window) -> None:
        self.aws.spend("event")

    def drop(self, line: Line, name: str) -> None:
        self.aws.spend("event")


def chain(length: int) -> list[Release]:
    return [pond(f"p{n}@1", *([f"p{n - 1}@1"] if n else [])) for n in range(length)]


def fan(width: int) -> list[Release]:
    inner = [pond(f"p{n}@1", "source@1") for n in range(width)]
    return [pond("source@1"), *inner, pond("sink@1", *(p.line for p in inner))]


def diamonds(count: int) -> list[Release]:
    found = [pond("j0@1")]
    for n in range(count):
        found += [pond(f"{side}{n}@1", f"j{n}@1") for side in "ab"]
        found.append(pond(f"j{n + 1}@1", f"a{n}@1", f"b{n}@1"))
    return found


def layers(depth: int, width: int) -> list[Release]:
    """Each Pond of a layer reads three of the layer above; one Outlet reads the last layer."""
    found = [pond(f"l0_{n}@1") for n in range(width)]
    for depth_ in range(1, depth):
        found += [
            pond(
                f"l{depth_}_{n}@1",
                *sorted({f"l{depth_ - 1}_{(n * 7 + k * 31) % width}@1" for k in range(3)}),
            )
            for n in range(width)
        ]
    return [*found, pond("outlet@1", *(f"l{depth - 1}_{n}@1" for n in range(width)))]


def graphs() -> list[tuple[str, list[Release], int]]:
    """Name, releases (the last one is pulsed), Ripples on the critical path."""
    return [
        *((f"chain of {n}", chain(n), n) for n in (1, 2, 5, 10, 20, 50)),
        *((f"fan 1 - {n} - 1", fan(n), 3) for n in (10, 50, 100, 500)),
        ("10 diamonds in a row", diamonds(10), 21),
        ("10 layers of 100, 3 Sources each", layers(10, 100), 11),
        ("3 layers of 1,000, 3 Sources each", layers(3, 1000), 4),
    ]


def dollars(aws: Aws) -> float:
    return aws.gb_seconds * GB_SECOND + sum(
        price * aws.count[name] for name, price in PRICE.items()
    )


def measure() -> list[Figure]:
    heads = (
        "graph",
        "Ponds",
        "ideal",
        "wall",
        "letters",
        "deliveries",
        "reads",
        "writes",
        "SQS",
        "transitions",
        "GB-s",
        "$",
        "$/Pond",
    )
    print("| " + " | ".join(heads) + " |\n| --- |" + " ---: |" * (len(heads) - 1))
    for name, releases, critical in graphs():
        catchment = Catchment(releases)
        wall = catchment.pulse(releases[-1].line)
        aws, count, ponds = catchment.aws, catchment.aws.count, len(releases)
        said = [name, f"{ponds:,}", f"{critical * RIPPLE:.0f} s", f"{wall:.1f} s"]
        said += [
            f"{count[what]:,}"
            for what in (
                "letter",
                "delivery",
                "DynamoDB read",
                "DynamoDB write",
                "SQS request",
                "transition",
            )
        ]
        said += [f"{aws.gb_seconds:.1f}", f"{dollars(aws):.4f}", f"{dollars(aws) / ponds:.6f}"]
        print("| " + " | ".join(said) + " |", flush=True)
    return []
