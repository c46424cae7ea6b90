"""The sweep forgets objects that arrived long ago."""

from __future__ import annotations

from duckstring.model.arrivals import ARRIVALS, ArrivedObject, KeptArrival, position_at
from duckstring.ports import Seen
from tests.unit.api.world import (
    Garbage,
)
from tests.unit.sweep_kit import DAY, NOW, SALES, World, pond


def arrived(*ages):
    found = ArrivedObject("landing", "a")
    return [KeptArrival(n, found, NOW - age * DAY) for n, age in enumerate(ages, 1)]


def objects_left(ages, **changes):
    world = World(Seen(pond(arrived=len(ages), **changes)), garbage=Garbage())
    world.backlog.held[SALES] = arrived(*ages)
    world.letters()
    assert world.report["arrivals"] == len(ages) - len(world.backlog.held[SALES])
    return [one.number for one in world.backlog.held[SALES]]


def test_objects_that_all_ripples_have_taken_are_forgotten_after_a_month():
    ages = [40, 31, 30, 29, 1]
    taken = {"a": {ARRIVALS: position_at(2)}, "b": {ARRIVALS: position_at(5)}, "c": {}}
    assert objects_left(ages, positions=taken) == [3, 4, 5], "one of them waits for 3"
    assert objects_left(ages, positions={"b": taken["b"]}) == [4, 5]


def test_objects_that_wait_stay_unless_nobody_has_ever_asked_for_any():
    ages = [400, 31, 3]
    assert objects_left(ages, positions={"a": {ARRIVALS: position_at(0)}}) == [1, 2, 3]
    assert objects_left(ages) == [3]


def test_what_arrived_for_a_line_that_was_removed_is_forgotten_at_once():
    removed = {"release": None, "ripples": {}, "arrivals_from": 2}
    assert objects_left([1, 1, 1], **removed) == [3]
    assert objects_left([1, 1, 1], arrivals_from=2) == [1, 2, 3], "it was deployed again"


def test_more_than_a_page_is_forgotten_at_once():
    assert objects_left([40] * 1_500 + [1]) == [1_501]
