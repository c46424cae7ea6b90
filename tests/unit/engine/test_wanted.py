"""What a run says that it began for, and which snapshots it reads."""

from __future__ import annotations

from datetime import timedelta

import pytest

from duckstring.model.names import Line
from duckstring.testing.simulator import World, pond, seconds
from tests.unit.engine.test_demand import A, B, deployed


def wanted(world: World, line: Line) -> list[str]:
    """Of each run, in order."""
    return [row.wanted for row in world.runs(line, "running", "pass") if row.wanted]


@pytest.mark.parametrize("kind", ["tap", "wave"])
def test_a_pull_of_ones_own_is_told_from_a_sinks(kind: str) -> None:
    world = deployed(pond(A), pond(B, A))
    world.trigger(B, kind)
    world.run_until(world.now + seconds(10))
    assert set(wanted(world, B)) == {kind}
    assert set(wanted(world, A)) == {"pull"}


def test_a_pulse_is_a_push_wherever_it_comes_to() -> None:
    world = deployed(pond(A), pond(B, A))
    world.trigger(B, "pulse")
    world.run_until()
    assert (wanted(world, A), wanted(world, B)) == (["push"], ["push"])


def test_a_tides_target_is_told_from_a_pulse() -> None:
    world = deployed(pond(A), pond(B, A))
    world.trigger(B, "tide", bound=timedelta(minutes=5))
    world.run_until(world.now + seconds(60))
    assert (wanted(world, A), wanted(world, B)) == (["push"], ["tide"])


def test_an_operators_order_is_told_from_everybody_elses_demand() -> None:
    world = deployed(pond(A), pond(B, A))
    world.trigger(A, "pulse")
    world.run_until()
    world.order(A, "force")
    world.run_until()
    world.order(A, "wake")
    world.run_until()
    assert wanted(world, A) == ["push", "force", "wake"]


def test_a_run_says_which_snapshots_it_reads_and_one_that_passes_does_too() -> None:
    world = deployed(pond(A), pond(B, A))
    world.trigger(B, "pulse")
    world.run_until()
    (begun, ended) = world.runs(B, "running", "success")
    assert begun.pins == {A: 1}
    assert (ended.pins, ended.wanted) == ({}, "")
