"""Freshness that is ahead of the clock, or goes back: Windows, swapped Sources, lines that are
removed and come again.
"""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from duckstring.engine.signals import Triggered
from duckstring.model.catalog import Release
from duckstring.model.names import Line
from duckstring.model.windows import Window
from duckstring.testing.simulator import START, Conditions, World, pond, seconds

WIN, API, MID, OUT = (Line(f"{name}@1") for name in ("win", "api", "mid", "out"))
HOUR, DAY = seconds(3600), seconds(86_400)


def standing(*releases: Release, window: Window | None = None, **words: object) -> World:
    """A world in which ``releases`` are deployed, and ``win`` has the rule."""
    world = World(Conditions(latency=lambda _: seconds(0.05), **words))
    world.deploy(*releases)
    if window:
        world.add_window(WIN, window)
    world.run_until(world.now + seconds(5))
    return world


def daily() -> Window:
    return Window("daily", START, DAY, DAY)


def hourly() -> Window:
    return Window("hourly", START, HOUR, HOUR)


def runs(world: World, *lines: Line) -> list[int]:
    return [len(world.runs(line)) for line in lines]


def test_a_source_without_a_window_is_not_run_on_and_on_for_a_sink_put_ahead_by_anothers() -> None:
    world = standing(pond(WIN), pond(API), pond(OUT, f"{WIN}?", f"{API}?"), window=daily())
    world.trigger(OUT, "wave")
    world.run_until(START + HOUR * 3)
    assert world.runs(WIN)
    assert len(world.runs(API)) <= 4
    assert world.states[API].end_f < world.now


@pytest.mark.parametrize("kind", ["wave", "tap"])
def test_a_sink_that_is_given_a_source_without_a_window_goes_on_as_soon_as_its_freshness_is_past(
    kind: str,
) -> None:
    world = standing(pond(WIN), pond(API), pond(OUT, WIN), window=hourly())
    world.trigger(OUT, "pulse")
    world.run_until(START + seconds(30))
    assert world.states[OUT].end_f == START + HOUR
    world.deploy(pond(OUT, API, version="1.1.0"))
    world.trigger(OUT, kind)
    world.run_until(START + HOUR - seconds(1))
    assert len(world.runs(API)) == 1, "it ran for nothing, once"
    before = len(world.runs(OUT))
    world.run_until(START + HOUR + seconds(60))
    more = len(world.runs(OUT)) - before
    assert more == 1 if kind == "tap" else more > 20
    assert world.states[OUT].end_f > START + HOUR
    assert not world.states[OUT].pull or kind == "wave"


def test_a_sink_given_a_source_under_windows_asks_as_soon_as_an_opening_may_be_fresher() -> None:
    world = standing(pond(WIN), pond(API), pond(OUT, WIN), window=hourly())
    world.trigger(OUT, "pulse")
    world.run_until(START + seconds(30))
    for window in (
        Window("first", START, DAY, seconds(600)),
        Window("rest", START + seconds(600), DAY, DAY - seconds(600)),
    ):
        world.add_window(API, window)
    world.deploy(pond(OUT, API, version="1.1.0"))
    world.trigger(OUT, "tap")
    world.run_until(START + HOUR - seconds(601))
    assert runs(world, API, OUT) == [1, 1]
    world.run_until(START + HOUR - seconds(590))
    assert world.states[OUT].end_f == START + DAY, (
        "ten minutes before its own freshness is past: an opening may last as long"
    )
    assert len(world.runs(API)) == 2


def test_a_pulse_dated_ahead_does_not_keep_a_lineage_busy() -> None:
    world = standing(pond(WIN), pond(API), pond(OUT, WIN))
    world.post("api", OUT, Triggered("pulse", world.now + seconds(300)))
    world.run_until()
    world.deploy(pond(OUT, API, version="1.1.0"))
    world.trigger(OUT, "tap")
    world.run_until()
    assert runs(world, API, OUT) == [3, 2]
    assert world.at_rest()


@pytest.mark.parametrize("ahead", [True, False])
def test_a_line_that_becomes_an_inlet_flows_though_what_it_was_pulled_for_is_past(
    ahead: bool,
) -> None:
    world = standing(pond(WIN), pond(OUT, WIN), window=hourly() if ahead else None)
    world.trigger(OUT, "wave")
    world.run_until(START + seconds(30))
    world.deploy(pond(OUT, version="1.1.0"))
    before = len(world.runs(OUT))
    world.run_until(START + seconds(90))
    assert len(world.runs(OUT)) > before + 20


def test_a_wake_that_waits_for_a_window_is_served_when_the_line_comes_to_have_sources() -> None:
    world = standing(pond(API), pond(WIN), window=Window("late", START + seconds(900), DAY, HOUR))
    world.trigger(API, "pulse")
    world.run_until(START + seconds(30))
    world.order(WIN, "wake")
    world.run_until(START + seconds(40))
    assert runs(world, WIN) == [0]
    world.deploy(pond(WIN, API, version="1.1.0"))
    world.run_until(START + seconds(60))
    assert runs(world, WIN) == [1]


def test_a_tap_runs_an_inlet_whose_freshness_a_window_put_ahead_before_it_was_removed() -> None:
    world = standing(pond(WIN), pond(OUT, WIN), window=daily())
    world.trigger(OUT, "pulse")
    world.run_until(world.now + seconds(30))
    world.remove_window(WIN, "daily")
    world.run_until()
    world.trigger(WIN, "tap")
    world.run_until()
    assert runs(world, WIN) == [2]


def test_a_tap_that_comes_after_a_run_began_since_is_answered_by_that_run() -> None:
    world = standing(pond(API))
    asked = world.now
    world.run_until(world.now + seconds(1))
    world.trigger(API, "pulse")
    world.run_until(world.now + seconds(0.5))
    world.post("api", API, Triggered("tap", asked))
    world.run_until()
    assert runs(world, API) == [1]


def prints(version_of_mid: Iterable[int]):
    """Only what mid writes differs from run to run."""
    versions = iter(version_of_mid)
    return lambda attempted, _f: str(next(versions)) if attempted[0] == MID else "same"


def test_what_a_returned_source_publishes_is_read_though_its_freshness_was_taken_before() -> None:
    world = standing(pond(API), pond(MID, API), pond(OUT, API, f"{MID}?"), prints=prints(range(9)))
    world.trigger(MID, "pulse")
    world.run_until()
    world.order(OUT, "wake")
    world.run_until()
    assert world.pinned[OUT, 1][MID] == 1
    world.remove(MID)
    world.run_until()
    world.deploy(pond(MID, API, version="2.0.0"))
    world.run_until()
    world.order(MID, "wake")
    world.run_until()
    world.trigger(OUT, "pulse")
    world.run_until()
    assert [run.status for run in world.runs(OUT)] == ["success", "success"]
    assert world.pinned[OUT, 2][MID] == 2
    world.trigger(OUT, "pulse")
    world.run_until()
    assert world.runs(OUT)[-1].status == "pass", "once"


def test_that_a_source_is_gone_is_a_change() -> None:
    world = standing(pond(API), pond(MID, API), pond(OUT, API, f"{MID}?"), prints=lambda *_: "same")
    for line in (MID, OUT):
        world.trigger(line, "pulse")
        world.run_until()
    world.remove(MID)
    world.run_until()
    for _ in range(2):
        world.trigger(OUT, "pulse")
        world.run_until()
    assert [run.status for run in world.runs(OUT)] == ["success", "success", "pass"]
    assert world.pinned[OUT, 2][MID] == 0


def test_a_sink_flows_on_a_source_that_came_again_less_fresh_than_what_it_took_before() -> None:
    world = standing(pond(WIN), pond(OUT, f"{WIN}?"), window=hourly())
    world.trigger(OUT, "pulse")
    world.run_until(START + seconds(60))
    world.remove(WIN)
    world.run_until(START + seconds(70))
    world.deploy(pond(WIN, version="2.0.0"))
    world.run_until(START + seconds(80))
    world.trigger(OUT, "wave")
    world.run_until(START + HOUR - seconds(1))
    ran = len(world.runs(WIN))
    assert ran <= 2
    world.run_until(START + HOUR + seconds(60))
    assert world.states[OUT].end_f > START + HOUR
    assert len(world.runs(WIN)) > 20


def test_short_openings_are_not_run_for_a_sink_that_a_long_one_put_ahead() -> None:
    world = standing(pond(WIN), pond(API), pond(OUT, WIN), window=daily())
    world.trigger(OUT, "pulse")
    world.run_until(START + seconds(30))
    world.add_window(API, Window("short", START, seconds(10), seconds(10)))
    world.deploy(pond(OUT, API, version="1.1.0"))
    world.trigger(OUT, "tap")
    world.run_until(START + DAY - seconds(11), most=1_000_000)
    assert len(world.runs(API)) == 1
    world.run_until(START + DAY + seconds(30), most=1_000_000)
    assert world.states[OUT].end_f > START + DAY
    assert len(world.runs(API)) <= 4


def test_a_sink_that_is_ahead_has_nothing_run_in_vain_however_often_it_is_tapped() -> None:
    world = standing(pond(WIN), pond(API), pond(OUT, WIN), window=hourly())
    for line in (OUT, API):
        world.trigger(line, "pulse")
    world.run_until(START + seconds(30))
    world.deploy(pond(OUT, API, version="1.1.0"))
    for _ in range(10):
        world.trigger(OUT, "tap")
        world.run_until(world.now + seconds(30))
    assert runs(world, API, OUT) == [1, 1]
    world.order(API, "sleep")
    world.trigger(OUT, "tap")
    world.run_until(START + HOUR + seconds(60))
    assert runs(world, API, OUT) == [3, 2], "the second is for the Tap, the third prepares the next"


def test_a_line_that_was_woken_and_becomes_an_inlet_runs_as_of_now() -> None:
    world = standing(pond(OUT, API))
    world.order(OUT, "wake")
    world.run_until()
    world.deploy(pond(OUT, version="1.1.0"))
    world.run_until()
    assert [run.f >= START for run in world.runs(OUT)] == [True]


def test_that_a_source_is_gone_is_a_change_though_it_went_while_it_was_read() -> None:
    world = standing(pond(API), pond(MID, API), pond(OUT, API, f"{MID}?"), prints=lambda *_: "same")
    for line in (API, MID):
        world.trigger(line, "pulse")
        world.run_until()
    world.trigger(OUT, "pulse")
    world.run_until(world.now + seconds(1.5))
    assert world.states[OUT].runs
    world.remove(MID)
    world.run_until()
    for _ in range(3):
        world.trigger(OUT, "pulse")
        world.run_until()
    assert [run.status for run in world.runs(OUT)] == ["success", "success", "pass", "pass"]
    assert world.pinned[OUT, 2][MID] == 0


def test_a_tap_by_way_of_lines_that_are_ahead_of_each_other_asks_each_of_them_once() -> None:
    layers = [[Line(f"p{layer}{k}@1") for k in range(3)] for layer in range(8)]
    every = [line for layer in layers for line in layer]
    world = standing(
        pond(WIN), pond(API), *(pond(line, WIN) for line in every), pond(OUT, WIN), window=hourly()
    )
    for line in (*every, OUT, API):
        world.trigger(line, "pulse")
    world.run_until(START + seconds(60))
    rewired = [
        pond(line, *(layers[n - 1] if n else [API]), version="1.1.0")
        for n, layer in enumerate(layers)
        for line in layer
    ]
    world.deploy(*rewired, pond(OUT, *layers[-1], version="1.1.0"))
    world.run_until(START + HOUR + seconds(60))
    edges = 3 + 7 * 9 + 3
    sent = world.sent["PullReceived"]
    world.trigger(OUT, "tap")
    world.run_until(world.now + seconds(600))
    assert world.runs(OUT)[-1].f > START + HOUR
    assert world.sent["PullReceived"] - sent <= 6 * edges
