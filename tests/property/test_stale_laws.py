"""The laws of staleness over random Catchments: docs/engine.md, "Staleness".

What is announced is compared with a reckoning of its own: of an age by subtraction, of a clock by
trying each day.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from duckstring.engine.signals import AlarmRang, StaleBoundSet
from duckstring.engine.state import PondState, Tide
from duckstring.engine.step import step
from duckstring.model.instants import NEVER, Instant
from duckstring.model.names import Line
from duckstring.model.staleness import StaleBound, of_tide
from duckstring.model.values import replace
from duckstring.testing.simulator import START, World, pond, seconds
from tests.property.living import EVERYTHING, Living
from tests.property.worlds import Fate, Graph, graphs, looks, settle, weather, world_of

seeds = st.integers(0, 2**16)
ZONES = ("", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu")
AGES = st.sampled_from([1, 5, 20, 60]).map(lambda n: StaleBound(seconds(n)))
_DAY = timedelta(days=1)


@st.composite
def clocks(draw: st.DrawFn) -> StaleBound:
    """A time of day, in a minute or two of a world that begins at midnight in UTC."""
    tz = draw(st.sampled_from(ZONES))
    local = (START + timedelta(minutes=draw(st.integers(0, 3)))).astimezone(ZoneInfo(tz or "UTC"))
    on = draw(st.sampled_from([frozenset(), frozenset({"TUE", "WED"})]))
    return StaleBound(at=f"{local:%H:%M}", tz=tz, on=on)


bounds = st.none() | AGES | clocks() | st.just(StaleBound())


def _too_old(state: PondState, now: Instant) -> bool:
    """Whether the data is too old, by the words of the documentation."""
    declared = state.stale_bound
    bound = declared or (of_tide(state.trigger.bound) if isinstance(state.trigger, Tide) else None)
    if state.release is None or bound is None or bound.is_none or state.watch is None:
        return False
    since = state.watch.since
    if bound.within:
        begins = since if state.end_f == NEVER else state.end_f - state.delay
        if declared is None:
            begins = max(begins, since)
        return now - begins >= bound.within
    return any(
        deadline <= now and state.end_f < midnight and (state.end_f != NEVER or deadline > since)
        for deadline, midnight in _deadlines(bound, now)
    )


def _deadlines(bound: StaleBound, now: Instant) -> list[tuple[Instant, Instant]]:
    """Each of the last eight days' deadline, and when its day began. Only the last one that is past
    can be the strictest, so eight days are all.
    """
    zone = ZoneInfo(bound.tz or "UTC")
    hour, minute = map(int, bound.at.split(":"))
    today = now.astimezone(zone).date()
    found = []
    for back in range(9):
        day = today - back * _DAY
        if bound.on and day.strftime("%a").upper() not in bound.on:
            continue
        at = [
            datetime.combine(day, time(*t), zone).astimezone(UTC) for t in ((hour, minute), (0, 0))
        ]
        found.append((at[0], at[1]))
    return found


def _judge(world: World) -> None:
    """After each step of any line, what is announced is what is true at that moment."""

    def watch(before: PondState, after: PondState) -> None:
        _, _, now = world.log[-1]
        announced = after.watch is not None and after.watch.is_stale
        assert announced == _too_old(after, now), (before, after)

    world.watch = watch


@looks(60)
@given(graphs(most=6), seeds, st.data())
def test_stale_is_announced_exactly_while_the_bound_is_passed_and_once_an_episode(
    graph: Graph, seed: int, data: st.DataObject
) -> None:
    fate = Fate(seed, data.draw(st.sampled_from([0.0, 0.3])))
    world = world_of(replace(weather(seed, pace=(0.2, 1, 4)), outcome=fate), seed)
    settle(world, graph)
    _judge(world)
    living = Living(world, data.draw, {r.line: r for r in graph.releases})
    for _ in range(data.draw(st.integers(1, 5))):
        world.declare_stale(living.some_line(), data.draw(bounds))
        living.trouble((*EVERYTHING, "tide", "sleep"), 4)
    living.wait(200)
    for line in world.states:
        told = [e.event for of, e in world.events if of == line and e.event in {"stale", "fresh"}]
        assert told == [("stale", "fresh")[n % 2] for n in range(len(told))]
        state = world.states[line]
        # An alarm has come for whatever was due long enough ago for a letter to arrive.
        if _too_old(state, world.now) and _too_old(state, world.now - seconds(30)):
            assert told[-1] == "stale"


@looks(80)
@given(bounds, st.integers(0, 200_000), st.lists(st.integers(0, 90_000), min_size=1, max_size=12))
def test_more_and_later_alarms_announce_nothing_more(
    bound: StaleBound | None, age: int, gaps: list[int]
) -> None:
    line = Line("one@1")
    state = replace(
        PondState(line),
        release=pond(line),
        end_f=START - seconds(age),
        start_f=START - seconds(age),
    )
    now, announced = START, 0
    state = step(state, StaleBoundSet(bound), now).state
    was = state.watch is not None and state.watch.is_stale
    for gap in gaps:
        now += seconds(gap)
        for _ in range(2):
            after = step(state, AlarmRang(), now)
            announced += sum(getattr(effect, "event", "") == "stale" for effect in after.effects)
            state = after.state
    assert announced <= (0 if was else 1)
    assert (was or announced == 1) == _too_old(state, now)


ZONED = st.tuples(st.sampled_from(ZONES[1:4]), st.integers(0, 23), st.sampled_from([0, 30]))


@looks(300)
@given(ZONED, st.integers(0, 3650), st.integers(0, 86_399), st.integers(-200_000, 100_000))
def test_a_clock_holds_over_ten_years_of_changes_of_local_time(
    at: tuple[str, int, int], day: int, second: int, behind: int
) -> None:
    tz, hour, minute = at
    line = Line("one@1")
    now = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=day, seconds=second)
    f = now - seconds(behind)
    bound = StaleBound(at=f"{hour:02d}:{minute:02d}", tz=tz)
    state = replace(PondState(line), release=pond(line), end_f=f, start_f=f)
    after = step(state, StaleBoundSet(bound), now).state
    assert after.watch is not None
    skipped = _is_odd(bound, now)
    assert skipped or after.watch.is_stale == _too_old(after, now)
    if not after.watch.is_stale:
        assert after.alarm is not None
        assert now < after.alarm <= max(now, f) + timedelta(days=2)


def _is_odd(bound: StaleBound, now: Instant) -> bool:
    """Whether one of the days has its deadline or its midnight in a change of clocks, of which
    ``datetime`` says something else than "when the clock first shows it or later". The unit tests
    have these.
    """
    zone = ZoneInfo(bound.tz)
    return any(
        one.astimezone(zone).utcoffset()
        != (one + timedelta(hours=step)).astimezone(zone).utcoffset()
        for pair in _deadlines(bound, now)
        for one in pair
        for step in (-3, 3)
    )
