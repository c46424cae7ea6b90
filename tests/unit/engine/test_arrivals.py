"""Worked examples of objects that arrive: counted, kept, asked for, taken and published."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from duckstring.engine.arrivals import taken_by_all, waiting
from duckstring.engine.effects import KeepArrival
from duckstring.engine.signals import ObjectArrived
from duckstring.engine.state import PondState
from duckstring.engine.step import step
from duckstring.engine.visible import arrivals_before
from duckstring.model.arrivals import (
    ARRIVALS,
    MOST_GIVEN,
    ArrivedObject,
    fault_of,
    number_at,
    position_at,
)
from duckstring.model.failures import Failure
from duckstring.model.names import Line
from duckstring.model.values import replace
from duckstring.testing.simulator import (
    START,
    Attempted,
    Work,
    World,
    chain_of,
    pond,
    seconds,
)
from tests.unit.engine.test_demand import A, B, counts, deployed

ONE = ArrivedObject("landing", "in/1", 7, "v", "e", "s")


@dataclass
class Takers:
    """What attempts that ask for arrivals are given, as a worker gives them."""

    most: int = MOST_GIVEN
    asks: tuple[str, ...] = ("run",)
    given: dict[Attempted, list[int]] = field(default_factory=dict)
    world: World | None = None

    def __call__(self, attempted: Attempted, found: PondState) -> Work:
        _, number, ripple, _ = attempted
        run = found.runs.get(number)
        if ripple not in self.asks or run is None:
            return Work(self._table(attempted))
        after = arrivals_before(found, run, ripple)
        upto = min(run.arrived, after + self.most)
        self.given[attempted] = list(range(after + 1, upto + 1))
        return Work(self._table(attempted), arrivals=upto)

    def _table(self, attempted: Attempted):
        assert self.world is not None
        return {attempted[2]: self.world._table(attempted, attempted[2], START)}

    def by_run(self) -> list[tuple[int, list[int]]]:
        return [(attempted[1], numbers) for attempted, numbers in self.given.items()]


def taking(*releases, most=MOST_GIVEN, asks=("run",), **conditions) -> tuple[World, Takers]:
    takers = Takers(most, asks)
    world = deployed(*releases, works=takers, **conditions)
    takers.world = world
    return world, takers


def test_an_object_is_counted_kept_and_asks_for_a_run():
    state = deployed(pond(A)).states[A]
    first = step(state, ObjectArrived(ONE, "pulse", START), START + seconds(5))
    assert first.effects[0] == KeepArrival(1, ONE, START + seconds(5))
    assert first.state.arrived == 1
    (run,) = first.state.runs.values()
    assert (run.arrived, run.f) == (1, START + seconds(5))


@pytest.mark.parametrize("kind", ["pulse", "tap"])
def test_the_line_remembers_which_object_asked_last(kind):
    state = deployed(pond(A)).states[A]
    assert step(state, ObjectArrived(ONE, kind, START), START).state.said[kind].by == (
        "arrival of s3://landing/in/1"
    )
    odd = replace(ONE, key="a\x1b[31m\n" + "x" * 900)
    by = step(state, ObjectArrived(odd, kind, START), START).state.said[kind].by
    assert "\n" not in by
    assert len(by) < 300


def test_objects_that_come_together_are_one_runs():
    world, takers = taking(pond(A))
    for key in "abc":
        world.arrive(A, key)
    world.run_until()
    assert takers.by_run() == [(1, [1]), (2, [2, 3])]
    assert [found.key for found in world.arrivals.values()] == ["a", "b", "c"]
    assert waiting(world.states[A]) == 0


@pytest.mark.parametrize("kind", ["pulse", "tap"])
def test_an_object_that_comes_while_the_pond_runs_is_the_next_runs(kind):
    world, takers = taking(pond(A))
    world.arrive(A, "a", kind)
    world.run_until(START + seconds(0.5))
    world.arrive(A, "b", kind)
    world.run_until()
    assert takers.by_run() == [(1, [1]), (2, [2])]


def test_an_event_that_comes_late_asks_for_a_run_that_begins_after_it():
    world, _ = taking(pond(A), asks=())
    world.trigger(A, "pulse")
    world.run_until(START + seconds(0.5))
    late = ObjectArrived(ONE, "pulse", START - seconds(3_600))
    world.post("event", Line(A), late)
    world.run_until()
    assert counts(world, "success") == {A: 2}


def test_what_arrives_while_the_line_is_down_is_one_runs_after_its_recovery():
    bad = {1}
    world, takers = taking(
        pond(A),
        outcome=lambda one: Failure("run", 1, "ValueError", "no") if one[1] in bad else None,
    )
    world.trigger(A, "pulse")
    world.run_until()
    assert world.states[A].health == "failed"
    for key in "abc":
        world.arrive(A, key)
    world.run_until()
    assert (takers.given, waiting(world.states[A])) == ({}, 3)
    world.order(A, "clear")
    world.run_until()
    assert takers.by_run() == [(2, [1, 2, 3])]
    assert counts(world, "success") == {A: 1}


def test_a_run_that_fails_takes_nothing_and_each_of_its_attempts_is_given_the_same():
    bad = {(1, 1), (1, 2)}
    world, takers = taking(
        pond(A, immediate_retries=1, source_retries=1),
        outcome=lambda one: (
            Failure("run", one[3], "ValueError", "no") if (one[1], one[3]) in bad else None
        ),
    )
    world.arrive(A, "a")
    world.run_until(START + seconds(0.5))
    world.arrive(A, "b")
    world.run_until(START + seconds(1.5))
    (run,) = world.states[A].runs.values()
    assert (run.attempts["run"], run.arrived) == (2, 1)
    assert arrivals_before(world.states[A], run, "run") == 0
    world.run_until()
    assert takers.by_run() == [(2, [1, 2])]


def test_a_run_that_is_killed_takes_nothing():
    world, takers = taking(pond(A))
    world.arrive(A, "a")
    world.run_until(START + seconds(0.5))
    world.order(A, "kill")
    world.run_until()
    assert waiting(world.states[A]) == 1
    world.order(A, "wake")
    world.run_until()
    assert takers.by_run()[-1] == (2, [1])


def test_the_rest_of_what_is_too_much_for_one_attempt_is_wanted_at_once():
    world, takers = taking(pond(A), most=2)
    world.order(A, "kill")
    world.run_until()
    for number in range(5):
        world.arrive(A, f"{number}")
    world.run_until()
    world.order(A, "clear")
    world.run_until()
    assert takers.by_run() == [(1, [1, 2]), (2, [3, 4]), (3, [5])]


def test_a_line_that_is_put_to_sleep_leaves_the_rest():
    world, takers = taking(pond(A), most=1)
    world.order(A, "kill")
    world.run_until()
    for key in "ab":
        world.arrive(A, key)
    world.run_until()
    world.order(A, "clear")
    world.run_until(world.now + seconds(0.5))
    world.order(A, "sleep")
    world.run_until()
    assert takers.by_run() == [(1, [1])]
    assert world.at_rest()
    world.trigger(A, "tap")
    world.run_until()
    assert takers.by_run() == [(1, [1]), (2, [2])]


def test_ripples_that_never_ask_are_run_once_for_each_object_and_no_more():
    world, _ = taking(pond(A), asks=())
    for key in "ab":
        world.arrive(A, key)
    world.run_until()
    assert counts(world, "success") == {A: 2}
    assert (waiting(world.states[A]), taken_by_all(world.states[A])) == (2, None)


def test_runs_in_flight_of_a_chain_are_given_each_object_once():
    world, takers = taking(pond(A, ripples=chain_of("load", "sum")), asks=("load",))
    for n in range(6):
        world.arrive(A, f"{n}")
        world.run_until(world.now + seconds(0.4))
    world.run_until()
    assert [n for _, numbers in takers.by_run() for n in numbers] == [1, 2, 3, 4, 5, 6]


def test_a_ripple_that_asks_for_the_first_time_goes_on_where_the_others_are():
    world, takers = taking(pond(A), asks=("run", "new"))
    world.arrive(A, "a")
    world.run_until()
    renamed = pond(A, ripples=(("new", ()),), version="1.1.0")
    world.deploy(renamed)
    world.run_until()
    world.arrive(A, "b")
    world.run_until()
    assert [numbers for _, numbers in takers.by_run()] == [[1], [2]]


def test_a_rollback_gives_again_what_came_since():
    world, takers = taking(pond(A))
    for key in "ab":
        world.arrive(A, key)
        world.run_until()
    world.publish_again(A, 1)
    world.run_until()
    assert waiting(world.states[A]) == 1
    world.trigger(A, "pulse")
    world.run_until()
    assert takers.by_run() == [(1, [1]), (2, [2]), (4, [2])]


def test_a_line_that_was_removed_begins_with_what_comes_after():
    world, takers = taking(pond(A))
    world.arrive(A, "a")
    world.run_until()
    world.remove(A)
    world.run_until()
    world.deploy(pond(A))
    world.run_until()
    assert (world.states[A].arrived, waiting(world.states[A])) == (1, 0)
    world.arrive(A, "b")
    world.run_until()
    assert takers.by_run() == [(1, [1]), (2, [2])]


def test_a_pond_with_sources_is_triggered_and_keeps_nothing():
    world, _ = taking(pond(A), pond(B, A), asks=())
    world.arrive(B, "a")
    world.run_until()
    assert (world.states[B].arrived, world.arrivals) == (0, {})
    assert counts(world, "success") == {A: 1, B: 1}


def test_an_attempt_cannot_take_what_its_run_was_not_given():
    world, takers = taking(pond(A))
    world.conditions = replace(
        world.conditions, works=lambda one, _: Work(takers._table(one), arrivals=99)
    )
    world.arrive(A, "a")
    world.run_until()
    assert number_at(world.states[A].positions["run"][ARRIVALS]) == 1


def test_an_arrival_before_the_first_deploy_is_kept():
    state = step(PondState(Line(A)), ObjectArrived(ONE, "pulse", START), START).state
    assert (state.arrived, state.targets != ()) == (1, True)


def test_an_object_is_known_by_its_arrival():
    assert ONE.identity == replace(ONE, size=8).identity
    for change in ({"key": "x"}, {"version": "w"}, {"etag": "f"}, {"sequencer": "t"}):
        assert replace(ONE, **change).identity != ONE.identity
    assert ONE.uri == "s3://landing/in/1"
    assert number_at(position_at(7)) == 7


@pytest.mark.parametrize(
    ("bucket", "key", "size", "fault"),
    [
        ("landing", "a" * 1_024, 0, ""),
        ("No", "a", 0, "'No' is not the name of a bucket"),
        ("landing", "", 0, "a key of 0 characters"),
        ("landing", "é" * 513, 0, "a key of 513 characters"),
        ("landing", "a", 2**60, f"an object of {2**60} bytes"),
    ],
)
def test_what_cannot_be_an_object_is_told(bucket, key, size, fault):
    assert fault_of(bucket, key, size) == fault
