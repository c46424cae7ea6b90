"""Maintenance, and who said what: docs/engine.md, "Maintenance", "Who asked"."""

from __future__ import annotations

from datetime import timedelta

import pytest

from duckstring.engine.causes import (
    Blocked,
    Held,
    Killed,
    LineCauses,
    NotAsked,
    RetryAt,
    RunFirst,
    Short,
)
from duckstring.engine.effects import Announce, RecordRun
from duckstring.engine.letters import hold_letter
from duckstring.engine.signals import AlarmRang, HoldSet, Ordered, Triggered
from duckstring.engine.state import Down, PondState
from duckstring.engine.step import step
from duckstring.engine.why import chain, hindrances
from duckstring.model.instants import NEVER
from duckstring.model.names import Line
from duckstring.model.said import Hold, Said
from duckstring.model.values import replace
from duckstring.model.windows import Window
from duckstring.testing.simulator import START, World, pond, seconds
from tests.unit.engine.test_demand import CHAIN, A, B, C, counts, deployed
from tests.unit.engine.test_verbs import fresh

ALICE = Said(START, "alice@laptop", "new warehouse")


def held(*releases, by: str = "", note: str = "") -> World:
    world = fresh(deployed(*(releases or CHAIN)))
    world.hold(by=by, note=note)
    world.run_until()
    return world


def rows(world: World, line: str) -> list[RecordRun]:
    return [row for of, row in world.history if of == line and row.status != "running"]


@pytest.mark.parametrize("ask", ["pulse", "tap", "wave"])
def test_what_is_asked_for_while_runs_are_held_runs_after_that_and_no_sooner(ask: str) -> None:
    world = held()
    before = counts(world)
    world.trigger(C, ask)
    world.run_until()
    assert counts(world) == before
    world.hold(on=False)
    world.run_until(world.now + seconds(20))
    assert all(counts(world)[line] > before[line] for line in (A, B, C))


@pytest.mark.parametrize("verb", ["wake", "force"])
def test_a_verb_that_runs_a_line_is_kept_as_well(verb: str) -> None:
    world = held()
    before = counts(world)
    world.order(A, verb)
    world.run_until()
    assert counts(world) == before
    world.hold(on=False)
    world.run_until()
    assert counts(world)[A] == before[A] + 1


def test_what_runs_is_finished_and_its_sinks_wait() -> None:
    world = fresh(deployed(*CHAIN))
    before = counts(world)
    world.trigger(C, "pulse")
    world.run_until(world.now + seconds(0.5))
    assert world.states[A].runs
    world.hold()
    world.run_until()
    assert counts(world) == {**before, A: before[A] + 1}
    assert not world.states[A].runs
    world.hold(on=False)
    world.run_until()
    assert counts(world) == {line: n + 1 for line, n in before.items()}
    assert world.at_rest()


def test_a_line_that_is_deployed_meanwhile_is_held_as_well_and_one_that_comes_back() -> None:
    world = held()
    world.deploy(pond("d@1"))
    world.remove(C)
    world.run_until()
    world.deploy(*CHAIN[2:])
    for line in ("d@1", C):
        world.trigger(line, "pulse")
    world.run_until()
    assert counts(world).get("d@1", 0) == 0
    assert not world.states["d@1"].runs
    world.hold(on=False)
    world.run_until()
    assert counts(world)["d@1"] == 1
    assert world.at_rest()


def test_a_pass_is_a_run_and_waits_too() -> None:
    world = held()
    world.hold(on=False)
    world.run_until()
    passes = len([row for row in rows(world, C) if row.status == "pass"])
    world.hold()
    world.run_until()
    world.trigger(C, "pulse")
    world.run_until()
    assert len([row for row in rows(world, C) if row.status == "pass"]) == passes


def test_an_opening_that_passes_while_runs_are_held_is_missed_and_the_next_is_used() -> None:
    window = Window("one", START + seconds(100), seconds(100), seconds(20))
    world = fresh(deployed(pond(A)), A)
    world.add_window(A, window)
    world.run_until(START + seconds(50))
    world.hold()
    world.trigger(A, "pulse")
    world.run_until(START + seconds(150))
    assert counts(world)[A] == 1
    world.hold(on=False)
    world.run_until(START + seconds(190))
    assert counts(world)[A] == 1
    world.run_until(START + seconds(210))
    assert counts(world)[A] == 2


def test_the_retry_of_a_failed_inlet_waits_too() -> None:
    state = deployed(*CHAIN).states[A]
    down = {"health": "failed", "failures": 1, "source_retries": 2}
    failed = replace(state, **down, retry_at=START + seconds(20))
    now = START + seconds(10)
    waits = step(failed, HoldSet(now), now)
    assert isinstance(hindrances(waits.state, state.release, now)[1], RetryAt)
    now = START + seconds(30)
    waits = step(waits.state, AlarmRang(), now)
    assert waits.state.runs == {}
    assert hindrances(waits.state, state.release, now)[1] == Held(waits.state.hold)
    goes = step(waits.state, HoldSet(now + seconds(1), on=False), now + seconds(2))
    assert list(goes.state.runs) == [1]


def test_the_newest_word_counts_in_whatever_order_they_come() -> None:
    on, off = HoldSet(START, by="alice"), HoldSet(START + seconds(1), on=False)
    one = step(step(PondState(A), on, START).state, off, START).state
    other = step(step(PondState(A), off, START).state, on, START).state
    assert one.hold == other.hold == Hold(START + seconds(1), on=False)
    assert step(one, on, START).state.hold == one.hold


def test_a_letter_of_the_hold_has_one_key_for_each_line_and_word() -> None:
    hold = Hold(START, on=True, by="alice", note="why")
    one, again = hold_letter(Line(A), hold), hold_letter(Line(A), hold)
    assert one == again
    assert one.signal == HoldSet(START, by="alice", note="why")
    assert (
        hold_letter(Line(B), hold).key
        != one.key
        != hold_letter(Line(A), Hold(START + seconds(1))).key
    )


def test_a_line_of_which_something_is_asked_says_that_it_is_held_and_by_whom() -> None:
    world = held(by="alice@laptop", note="new warehouse")
    state = world.states[C]
    hold = Hold(world.held.at, on=True, by="alice@laptop", note="new warehouse")
    assert hindrances(state, state.release, world.now) == (NotAsked(), Held(hold))
    world.trigger(C, "pulse")
    world.run_until()
    state = world.states[C]
    waits = Short(Line(B), state.sources[B].report.end_f, state.targets[0], asked=True)
    assert hindrances(state, state.release, world.now) == (Held(hold), waits)
    known = {line: world.states[line].release for line in (A, B, C)}
    found, _ = chain(Line(C), world.states, known, world.now, most=9)
    assert found == (LineCauses(Line(C), (Held(hold),)),), "the Sources wait for that alone"
    world.order(C, "force")
    world.run_until()
    assert hindrances(world.states[C], state.release, world.now) == (Held(hold),)


def test_a_hold_is_named_besides_what_is_in_the_way_without_it() -> None:
    world = fresh(deployed(*CHAIN))
    world.order(A, "kill")
    world.trigger(C, "pulse")
    world.hold()
    world.run_until()
    state, hold = world.states[C], Held(world.held)
    assert hindrances(state, state.release, world.now) == (hold, Blocked(B, Down(A, "killed")))
    killed = world.states[A]
    assert hindrances(killed, killed.release, world.now) == (Killed(), NotAsked(), hold)
    known = {line: world.states[line].release for line in (A, B, C)}
    found, _ = chain(Line(C), world.states, known, world.now, most=9)
    assert [cause for one in found for cause in one.causes].count(hold) == 1


def test_a_line_that_runs_and_is_asked_no_more_has_no_hold_in_its_way() -> None:
    world = fresh(deployed(*CHAIN))
    world.trigger(A, "pulse")
    world.run_until(world.now + seconds(0.5))
    world.hold()
    world.run_until(world.now + seconds(0.2))
    state = world.states[A]
    assert (state.hold.on, len(state.runs)) == (True, 1)
    assert hindrances(state, state.release, world.now) == ()
    more = replace(state, pull=world.now)
    assert hindrances(more, state.release, world.now) == (Held(world.held), RunFirst((2,)))


def said_by(line_state: PondState, signal: Ordered | Triggered) -> PondState:
    return step(line_state, signal, START).state


def test_a_line_remembers_who_used_a_verb_last_and_who_set_its_trigger() -> None:
    world = deployed(*CHAIN)
    state = world.states[A]
    state = said_by(state, Ordered("sleep", START, "alice@laptop", "night"))
    state = said_by(state, Triggered("tide", START, timedelta(hours=1), "bob@desk"))
    state = said_by(state, Triggered("tap", START, None, "event of shop"))
    assert state.said == {
        "sleep": Said(START, "alice@laptop", "night"),
        "trigger": Said(START, "bob@desk"),
        "tap": Said(START, "event of shop"),
    }
    state = said_by(state, Ordered("sleep", START))
    assert "sleep" not in state.said, "nobody's word makes the one before it forgotten"
    assert said_by(state, Ordered("clear", START)).said == state.said


def test_what_is_kept_of_a_word_is_one_short_line() -> None:
    long = Ordered("kill", START, "a\x00b\n" * 400, "x\n" * 4_000)
    said = step(deployed(*CHAIN).states[A], long, START).state.said["kill"]
    assert "\n" not in said.by + said.note
    assert (len(said.by) <= 300, len(said.note)) == (True, 600)
    assert "\x00" not in said.by


def test_the_event_of_a_kill_says_who_did_it_and_why() -> None:
    state = deployed(*CHAIN).states[A]
    told = step(state, Ordered("kill", START, "alice@laptop", "wrong data"), START).effects
    (event,) = [one for one in told if isinstance(one, Announce)]
    assert (event.event, event.by, event.note) == ("killed", "alice@laptop", "wrong data")


@pytest.mark.parametrize(
    ("signal", "wanted"),
    [
        (Ordered("wake", START, "alice", "why"), "wake"),
        (Ordered("force", START, "alice", "why"), "force"),
        (Triggered("tap", START + seconds(60), None, "alice", "why"), "tap"),
        (Triggered("pulse", START + seconds(60), None, "alice", "why"), "push"),
        (Triggered("wave", START + seconds(60), None, "alice", "why"), "wave"),
        (Triggered("tide", START + seconds(60), seconds(1), "alice", "why"), "tide"),
    ],
)
def test_a_run_says_who_asked_its_line_for_it(signal, wanted) -> None:
    world = fresh(deployed(pond(A)), A)
    after = step(world.states[A], signal, START + seconds(61))
    (row,) = [one for one in after.effects if isinstance(one, RecordRun)]
    epoch = signal.epoch
    assert (row.wanted, row.said) == (wanted, Said(epoch, "alice", "why"))


def test_a_run_for_a_sink_has_the_epoch_by_which_who_asked_is_found() -> None:
    world = fresh(deployed(*CHAIN))
    epoch = world.trigger(C, "pulse")
    world.run_until()
    (row,) = [row for line, row in world.history if line == A and epoch in row.asked]
    assert (row.wanted, row.said, row.asked) == ("push", None, (epoch,))
    assert all(NEVER not in row.asked for _, row in world.history)
