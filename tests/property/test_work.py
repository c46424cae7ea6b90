"""Law 11: a step, and all of a delivery, costs what its own line costs, however many others
there are.
"""

from __future__ import annotations

import gc
import sys
from collections import Counter
from types import FrameType
from typing import Self

from hypothesis import given, settings
from hypothesis import strategies as st

from duckstring.engine.signals import Deployed, RippleSucceeded, SinkAttached, Triggered
from duckstring.engine.state import PondState
from duckstring.engine.step import step
from duckstring.model.names import Line
from duckstring.model.values import replace
from duckstring.orchestrator.deliver import deliver
from duckstring.orchestrator.perform import perform
from duckstring.orchestrator.ports import EffectPorts, Held
from duckstring.testing.fakes import (
    Machine,
    MemoryClock,
    MemoryMailbox,
    MemoryNotes,
    MemorySchedules,
    MemoryStateStore,
    MemoryWorkers,
)
from duckstring.testing.simulator import START, World, seconds
from tests.property.worlds import PROVING, Graph, graphs, looks


class Work:
    """Counts every call, of Python and of C, while it is entered."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()

    def __enter__(self) -> Self:
        gc.disable()  # what the collector calls is nobody's work
        self._before = sys.getprofile()
        sys.setprofile(self._count)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(self._before)
        gc.enable()

    def _count(self, frame: FrameType, event: str, arg: object) -> None:
        if event == "call":
            self.calls[frame.f_code.co_name] += 1
        elif event == "c_call":
            self.calls[getattr(arg, "__name__", "?")] += 1


def _worked(graph: Graph, strangers: int, letters: int) -> list[Counter[str]]:
    """The work of each delivery of a Pulse over ``graph``, among ``strangers`` that have nothing
    to do with it.
    """
    clock = MemoryClock(START)
    mailbox, store, schedules = MemoryMailbox(clock), MemoryStateStore(), MemorySchedules()
    machine, notes = (
        Machine(clock, mailbox, lambda _line, _ripple: seconds(1)),
        MemoryNotes(clock, mailbox),
    )
    hands = EffectPorts(mailbox, machine, machine, notes, notes, notes, schedules, MemoryWorkers())
    for n in range(strangers):
        line = Line(f"stranger{n}@1")
        store.held[line] = Held(replace(PondState(line), revision=7))
    for release in graph.releases:
        mailbox.put(release.line, Deployed(release))
    mailbox.put(graph.lines[-1], Triggered("pulse", START + seconds(1)))
    work = []
    while len(work) < letters:
        if not (waiting := mailbox.waiting()):
            if not clock.advance():
                break
            continue
        line, shown = waiting[0], mailbox.show(waiting[0])
        with Work() as counted:
            deliver(
                line,
                shown,
                store=store,
                gates=machine,
                perform=lambda state, outbox: perform(state, outbox, hands),
                clock=clock,
            )
        mailbox.acknowledge(line, shown)
        work.append(counted.calls)
    return work


@settings(looks(12), max_examples=100 if PROVING else 12)  # ten thousand states are made for each
@given(graphs(most=6))
def test_a_step_costs_the_same_among_ten_ponds_and_among_ten_thousand(graph: Graph) -> None:
    _worked(graph, 10, 60)  # what is computed once a process is computed now
    few, many = _worked(graph, 10, 60), _worked(graph, 10_000, 60)
    assert few
    assert few == many


@looks(20)
@given(graphs(most=5), st.integers(2, 40))
def test_a_source_pays_nothing_in_its_step_for_the_sinks_that_it_has(
    graph: Graph, sinks: int
) -> None:
    """Only posting the letters grows with the Sinks: the outbox holds one effect for all of
    them.
    """
    graph = Graph(graph.releases[:1])
    _steps_with(graph, 1)
    one, many = (_steps_with(graph, n) for n in (1, sinks))
    assert one == many


def _steps_with(graph: Graph, sinks: int) -> list[int]:
    world = World()
    world.deploy(*graph.releases)
    world.run_until()
    line = graph.lines[0]
    for n in range(sinks):
        world.post(f"s{n}", line, SinkAttached(Line(f"s{n}@1"), (1, 0)))
    world.run_until()
    counts: list[int] = []

    def count(before: PondState, _after: PondState) -> None:
        _, signal, now = world.log[-1]
        if before.line == line and isinstance(signal, RippleSucceeded):
            with Work() as work:
                step(before, signal, now)
            counts.append(work.calls.total())

    world.watch = count
    world.trigger(line, "pulse")
    world.run_until()
    assert counts
    return counts
