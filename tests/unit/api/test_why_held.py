"""What `why` says under maintenance: the hold, and all that is in the way besides."""

from __future__ import annotations

import pytest

from duckstring.model.instants import NEVER
from duckstring.testing.simulator import World, seconds
from tests.unit.api.test_why import (
    CHAIN,
    REPORTS,
    SALES,
    Repaired,
    commands,
    explained,
    says,
)
from tests.unit.engine.test_demand import deployed

HELD = "are held: maintenance by alice@laptop since "


def blocked_and_held() -> tuple[World, Repaired]:
    """Reports waits for sales, which has failed for good, and maintenance is on."""
    fault = Repaired(SALES)
    world = deployed(*CHAIN, outcome=fault)
    world.trigger(REPORTS, "pulse")
    world.run_until(world.now + seconds(5))
    world.hold(by="alice@laptop", note="new warehouse")
    world.run_until(world.now + seconds(5))
    return world, fault


def test_under_maintenance_what_blocks_a_line_is_named_as_well_down_to_its_root() -> None:
    world, _ = blocked_and_held()
    answer, _ = explained(world, REPORTS)
    assert answer["status"] == "blocked"
    held, *others = says(answer)
    assert held.startswith(f"New runs of reports@1 {HELD}")
    assert others == [
        "reports@1 requires delays@1, which is blocked: sales@1 failed.",
        "delays@1 requires sales@1, which failed.",
        "Run sales@1/1 failed in run: ValueError: no rows. No try is left.",
    ]
    assert answer["text"] == " ".join((held, others[0], others[2]))
    assert commands(answer) == [
        "duckstring maintenance off",
        "duckstring run show sales@1/1",
        "duckstring deploy",
        "duckstring control wake sales -m 1",
        "duckstring control clear sales -m 1",
        "duckstring control failure-budget sales -m 1 --source 1",
    ]


@pytest.mark.parametrize("first", ["wake", "off"])
def test_all_that_is_named_under_maintenance_together_makes_it_run_and_no_part_does(
    first: str,
) -> None:
    world, fault = blocked_and_held()
    fault.done = True

    def do(what: str) -> None:
        world.hold(on=False) if what == "off" else world.order(SALES, what)
        world.run_until(world.now + seconds(60))

    do(first)
    assert world.states[REPORTS].end_f == NEVER
    do("off" if first == "wake" else "wake")
    assert world.states[REPORTS].end_f > NEVER


def test_under_maintenance_the_run_that_is_waited_for_is_named_as_well() -> None:
    world = deployed(*CHAIN, durations={SALES: 60})
    world.trigger(REPORTS, "pulse")
    world.run_until(world.now + seconds(5))
    world.hold(by="alice@laptop", note="new warehouse")
    world.run_until(world.now + seconds(5))
    answer, _ = explained(world, REPORTS)
    held, *others = says(answer)
    assert held.startswith(f"New runs of reports@1 {HELD}")
    assert others[0].startswith("reports@1 waits for delays@1, which has published nothing")
    assert others[-1].startswith("sales@1 runs: sales@1/1 since ")
    assert [cause["kind"] for line in answer["chain"] for cause in line["causes"]] == [
        "held",
        "short",
        "short",
        "busy",
    ]


def test_under_maintenance_sources_that_wait_for_nothing_else_are_not_told() -> None:
    world = deployed(*CHAIN)
    world.hold(by="alice@laptop", note="new warehouse")
    world.trigger(REPORTS, "pulse")
    world.run_until(world.now + seconds(5))
    answer, _ = explained(world, REPORTS)
    (held,) = says(answer)
    assert answer["text"] == held
    assert commands(answer) == ["duckstring maintenance off"]
    world.hold(on=False)
    world.run_until(world.now + seconds(60))
    assert world.states[REPORTS].end_f > NEVER


@pytest.mark.parametrize("verb", ["", "kill"])
def test_under_maintenance_a_line_that_is_down_says_that_a_wake_is_kept_until_it_is_off(
    verb: str,
) -> None:
    world, fault = blocked_and_held()
    if verb:
        world.order(SALES, verb)
        world.run_until(world.now + seconds(5))
    answer, _ = explained(world, SALES)
    wake = next(way for way in answer["ways"] if "control wake" in str(way["command"]))
    assert wake["text"].endswith(" (maintenance keeps that until it is off)")
    assert commands(answer)[-1] == "duckstring maintenance off"
    assert says(answer)[-1].startswith(f"New runs of sales@1 {HELD}")
    assert not answer["text"].startswith("New runs")
    fault.done = True
    world.order(SALES, "wake")
    world.run_until(world.now + seconds(60))
    assert world.states[SALES].end_f == NEVER, "it is kept"
    world.hold(on=False)
    world.run_until(world.now + seconds(60))
    assert world.states[SALES].end_f > NEVER


def test_who_asks_nobody_for_a_line_under_maintenance_learns_that_asking_is_not_enough() -> None:
    world = deployed(*CHAIN)
    world.hold(by="alice@laptop", note="new warehouse")
    world.run_until()
    answer, _ = explained(world, SALES)
    assert answer["text"] == "Nobody asks for newer output of sales@1."
    assert [cause["kind"] for cause in answer["chain"][0]["causes"]] == ["not_asked", "held"]
    assert commands(answer) == [
        "duckstring trigger pulse sales -m 1",
        "duckstring trigger tide sales 1d -m 1",
        "duckstring maintenance off",
    ]
