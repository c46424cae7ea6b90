"""How often a Wave runs its lineage and how old what it publishes is: docs/engine.md, "Pace and
age of a Wave".
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from duckstring.engine.effects import RecordRun
from duckstring.engine.state import PondState
from duckstring.model.catalog import Release
from duckstring.model.names import Line
from duckstring.model.values import replace
from duckstring.testing.simulator import START, Conditions, World, chain_of, pond, seconds
from tests.property.worlds import Graph, graphs, looks, once, settle, whole, world_of

seeds = st.integers(0, 2**16)
SOON = seconds(1)
PACE = (0.2, 1, 1, 2, 3, 5, 7)

Duration = Callable[[Line, str], timedelta]


def durations(seed: int, pace: tuple[float, ...] = PACE) -> Duration:
    """A duration for each Ripple, always the same."""
    return lambda line, ripple: seconds(random.Random(f"{seed}/{line}/{ripple}").choice(pace))


def slowest(graph: Graph, to: Line, duration: Duration) -> timedelta:
    """The longest Ripple of what ``to`` needs."""
    return max(
        duration(line, ripple.name)
        for line in graph.required_above(to)
        for ripple in graph.release(line).ripples
    )


def lead(graph: Graph, to: Line, duration: Duration, letter: timedelta = timedelta()) -> timedelta:
    """The longest way from the start of an Inlet to the publication of ``to``: a letter for each
    Ripple, and one for each hop.
    """
    begun = max(
        (
            lead(graph, line, duration, letter) + letter
            for line in graph.sources(to, optional=False)
        ),
        default=timedelta(),
    )
    ends: dict[str, timedelta] = {}
    for ripple in graph.release(to).ripples:
        supplied = max((ends[parent] for parent in ripple.parents), default=begun)
        ends[ripple.name] = supplied + duration(to, ripple.name) + letter
    return max(ends.values())


def waits(graph: Graph, to: Line, duration: Duration, longest: timedelta) -> int:
    """How many Ripples on one way to ``to`` are quicker than ``longest``: each may wait, for the
    slowest or for what joins it.
    """
    above = max(
        (waits(graph, line, duration, longest) for line in graph.sources(to, optional=False)),
        default=0,
    )
    found: dict[str, int] = {}
    for ripple in graph.release(to).ripples:
        before = max((found[parent] for parent in ripple.parents), default=above)
        found[ripple.name] = before + (duration(to, ripple.name) < longest)
    return max(found.values())


def has_ties(graph: Graph, to: Line, duration: Duration) -> bool:
    """Whether several Ripples are as slow as the slowest: they may wait for each other's
    letters.
    """
    longest = slowest(graph, to, duration)
    above = [
        (line, ripple.name)
        for line in graph.required_above(to)
        for ripple in graph.release(line).ripples
    ]
    return len([one for one in above if duration(*one) == longest]) > 1


def nearly_ties(graph: Graph, to: Line, duration: Duration, letter: timedelta) -> bool:
    """Whether a Pond that does not have the slowest Ripple takes as long as it from its start to
    its publication, give or take two letters. Then it is a race whether the urgent pull of its Sink
    comes before it starts, or after.
    """
    longest = slowest(graph, to, duration)
    for line in graph.required_above(to):
        alone = Graph((replace(graph.release(line), sources=()),))
        quicker = slowest(alone, line, duration) < longest
        if quicker and abs(lead(alone, line, duration, letter) - longest) <= letter * 2:
            return True
    return False


def hops(graph: Graph, to: Line) -> int:
    """From Pond to Pond, on the way to ``to`` that has the most."""
    return max((hops(graph, line) + 1 for line in graph.sources(to, optional=False)), default=0)


def forked(graph: Graph, to: Line) -> int:
    """How many Ponds on one way to ``to`` have Ripples side by side."""
    ripples = graph.release(to).ripples
    above = max((forked(graph, line) for line in graph.sources(to, optional=False)), default=0)
    return above + any(before.name not in ripple.parents for before, ripple in pairwise(ripples))


@dataclass
class Seen:
    """What a line published while it was watched."""

    rows: list[RecordRun]

    @property
    def period(self) -> timedelta:
        ends = [row.finished for row in self.rows if row.finished]
        return (ends[-1] - ends[0]) / (len(ends) - 1)

    @property
    def oldest(self) -> timedelta:
        """The greatest age at a publication."""
        return max(row.finished - row.f for row in self.rows if row.finished)


def watch(world: World, to: str, span: timedelta) -> Seen:
    """Let ``span`` pass."""
    since = world.now
    world.run_until(since + span, most=2_000_000)
    rows = [
        row
        for row in world.runs(to, "success")
        if not row.overtaken_by and row.finished and row.finished > since
    ]
    return Seen(rows)


def waving(graph: Graph, duration: Duration, letter: float = 0.0, seed: int = 0) -> World:
    """``graph`` under a Wave on its last line, after it has settled."""
    world = world_of(Conditions(latency=lambda _: seconds(letter), duration=duration), seed)
    settle(world, graph)
    world.trigger(graph.lines[-1], "wave")
    world.run_until(
        world.now + slowest(graph, graph.lines[-1], duration) * 20 + seconds(60), most=2_000_000
    )
    return world


SLOW_END_TO_END = Graph(
    (
        pond("p0@1", ripples=[("r0", ()), ("r1", ("r0",)), ("r2", ("r0", "r1"))]),
        pond("p1@1", "p0@1", ripples=[("r0", ()), ("r1", ())]),
    )
)
"""With seed 52: an Inlet of 2, 2 and 1 s, and a Sink of 3 s. 3.09 s was the period once."""


@looks(25)
@given(graphs(most=7, optional=False, majors=False), seeds, st.sampled_from([0.0, 0.05, 0.19]))
@example(SLOW_END_TO_END, 52, 0.05)
def test_a_wave_runs_at_the_pace_of_the_slowest_ripple_and_one_letter(
    graph: Graph, seed: int, letter: float
) -> None:
    """Letters that take no longer than a Ripple. The letter is the one by which the slowest Ripple
    says that it is done.

    Where several Ripples are as slow, they wait for each other: by two letters more, and now and
    then for a whole period. Where a whole Pond is as slow: by two letters more.
    """
    to, duration = graph.lines[-1], durations(seed)
    world = waving(graph, duration, letter)
    longest = slowest(graph, to, duration)
    seen = watch(world, to, longest * 20)
    ties = has_ties(graph, to, duration)
    waits_for_letters = ties or nearly_ties(graph, to, duration, seconds(letter))
    assert seen.period <= (longest + seconds(letter) * (3 if waits_for_letters else 1)) * (
        1.25 if ties and letter else 1.0001
    )
    whole(world)
    once(world)


@looks(25)
@given(
    st.lists(st.integers(20, 275), min_size=1, max_size=3),
    st.lists(st.lists(st.integers(0, 1), max_size=2), min_size=2, max_size=2),
    st.sampled_from([0.0, 0.05]),
)
def test_a_source_that_is_slower_from_end_to_end_only_keeps_its_sink_at_work(
    hundredths: list[int], parents: list[list[int]], letter: float
) -> None:
    """A Sink of 3 s never waits, and takes each version of its Source."""
    takes = {f"r{n}": seconds(taken / 100) for n, taken in enumerate(hundredths)}
    above = [(), *({f"r{k}" for k in one if k <= n} for n, one in enumerate(parents))]
    shapes = [(name, tuple(sorted(of))) for name, of in zip(takes, above, strict=False)]
    graph = Graph((pond("in@1", ripples=shapes), pond("out@1", "in@1")))
    world = waving(graph, lambda _, ripple: takes.get(ripple, seconds(3)), letter)
    before = counts(world, graph)
    seen = watch(world, "out@1", seconds(60))
    assert seen.period == seconds(3 + letter)
    assert counts(world, graph)[Line("in@1")] - before[Line("in@1")] <= len(seen.rows) + 1


@pytest.mark.parametrize("letter", [0.0, 0.05, 0.19])
@pytest.mark.parametrize(
    "ripples",
    [
        {"r0": 0.98, "r1(r0)": 4.57, "r2(r0)": 4.93, "r3(r1)": 0.78},
        {"r0": 1.28, "r1(r0)": 2.68, "r2(r1)": 2.55, "r3(r0)": 4.85, "r4(r0)": 3.39},
        {"r0": 2.11, "r1": 1.85, "r2(r0)": 0.82, "r3(r0)": 1.96, "r4(r1)": 5.0, "r5(r2)": 4.15},
        {
            "r0": 1.78,
            "r1(r0)": 1.58,
            "r2(r1)": 0.69,
            "r3(r1)": 2.17,
            "r4(r2)": 4.05,
            "r5(r1)": 2.72,
        },
    ],
)
def test_slow_ripples_side_by_side_take_the_same_runs(
    ripples: dict[str, float], letter: float
) -> None:
    """They overtook each other once, and the Pond published every second run."""
    names = [name.rstrip(")").split("(") for name in ripples]
    takes = {name[0]: seconds(taken) for name, taken in zip(names, ripples.values(), strict=True)}
    graph = Graph((pond("in@1", ripples=[(name, tuple(above)) for name, *above in names]),))
    world = waving(graph, lambda _, ripple: takes[ripple], letter)
    longest = max(takes.values())
    assert watch(world, "in@1", longest * 40).period == longest + seconds(letter)


@looks(40)
@given(
    graphs(most=7, optional=False, majors=False),
    seeds,
    st.sampled_from([0.0, 0.05, 0.19]),
    st.sampled_from([PACE, (3,), (3, 3, 1)]),
)
def test_a_wave_is_as_old_as_its_way_and_a_period_for_each_quicker_ripple_on_it(
    graph: Graph, seed: int, letter: float, pace: tuple[float, ...]
) -> None:
    """At a publication. Where several Ripples are as slow: four letters for each hop more, and
    where letters take time a period.
    """
    to, duration = graph.lines[-1], durations(seed, pace)
    longest = slowest(graph, to, duration)
    seen = watch(waving(graph, duration, letter), to, longest * 20)
    way, ties = lead(graph, to, duration, seconds(letter)), has_ties(graph, to, duration)
    period = longest + seconds(letter) * (3 if ties else 1)
    slack = (
        seconds(letter) * 4 * hops(graph, to) + (period if letter else timedelta())
        if ties
        else timedelta()
    )
    assert way <= seen.oldest <= way + period * waits(graph, to, duration, longest) + slack


@pytest.mark.parametrize("letter", [0.01, 0.05, 0.19])
@pytest.mark.parametrize("takes", [(3, 3, 3), (3, 3, 1), (5, 5, 5, 0.2), (3, 3.02, 1)])
def test_sources_that_are_as_slow_as_each_other_run_their_sink_once_a_period(
    takes: tuple[float, ...], letter: float
) -> None:
    *above, own = takes
    sources = [pond(f"in{n}@1") for n in range(len(above))]
    graph = Graph((*sources, pond("out@1", *(release.line for release in sources))))
    given = dict(zip(graph.lines, (*above, own), strict=True))
    world = waving(graph, lambda line, _: seconds(given[line]), letter)
    seen = watch(world, "out@1", seconds(120))
    longest = max(takes)
    assert seconds(longest) <= seen.period <= seconds(longest + 3.01 * letter)
    assert seen.oldest <= seconds(longest + own + 7 * letter + longest - min(above))


@pytest.mark.parametrize("sources", [1, 3])
@pytest.mark.parametrize("ripples", [("make",), ("make", "more")])
@pytest.mark.parametrize("slow", ["make", "more"])
def test_a_bottleneck_rests_for_one_letter_whatever_its_place(
    sources: int, ripples: tuple[str, ...], slow: str
) -> None:
    """3 s of work and letters of 0.1 s: 3.1 s, where each version waited for three letters
    before.
    """
    above = [pond(f"in{n}@1") for n in range(sources)]
    mid = pond("mid@1", *(release.line for release in above), ripples=chain_of(*ripples))
    graph = Graph((*above, mid, pond("out@1", "mid@1")))
    slow = slow if slow in ripples else "make"
    world = waving(
        graph, lambda line, ripple: seconds(3 if (line, ripple) == (mid.line, slow) else 1), 0.1
    )
    assert watch(world, "out@1", seconds(93)).period == seconds(3.1)


def counts(world: World, graph: Graph) -> dict[Line, int]:
    return {line: len(world.runs(line)) for line in graph.lines}


@pytest.mark.parametrize("ending", ["remove", "sleep", "kill", "detach", "gone"])
def test_what_is_prepared_ahead_of_the_pull_is_one_version(ending: str) -> None:
    """The Sink goes: its Source, and that one's, come to rest after at most one more run than
    was asked for.
    """
    graph = Graph((pond("in@1"), pond("mid@1", "in@1"), pond("out@1", "mid@1")))
    world = waving(graph, lambda line, _: seconds(3 if line == "mid@1" else 1), 0.1)
    before = counts(world, graph)
    match ending:
        case "remove":
            world.trigger("out@1", "remove")
        case "detach":
            world.deploy(pond("out@1", "in@1", version="1.0.1"))
        case "gone":
            world.remove("out@1")
        case _:
            world.order("out@1", ending)  # type: ignore[arg-type] # one of the verbs
    if ending == "detach":
        world.trigger("out@1", "remove")
    world.run_until()
    after = counts(world, graph)
    assert after[Line("mid@1")] <= before[Line("mid@1")] + 3
    assert after[Line("in@1")] <= before[Line("in@1")] + 4
    assert not any(world.states[line].runs for line in graph.lines)


@looks(25)
@given(
    st.lists(st.sampled_from([0.5, 1, 2, 3, 5, 8, 20]), min_size=1, max_size=4),
    st.sampled_from([0.0, 0.1, 0.3]),
)
def test_a_source_runs_as_often_as_its_quickest_sink_takes(
    paces: list[float], letter: float
) -> None:
    """Sinks of different speed, each under a Wave of its own; some are slower than their Source,
    some quicker.
    """
    sinks = [pond(f"out{n}@1", "mid@1") for n in range(len(paces))]
    graph = Graph((pond("in@1"), pond("mid@1", "in@1"), *sinks))
    takes = {release.line: pace for release, pace in zip(sinks, paces, strict=True)} | {
        Line("mid@1"): 2.0
    }
    world = world_of(
        Conditions(
            latency=lambda _: seconds(letter),
            duration=lambda line, _: seconds(takes.get(line, 1.0)),
        )
    )
    settle(world, graph)
    for release in sinks:
        world.trigger(release.line, "wave")
    world.run_until(START + seconds(100), most=2_000_000)
    before = counts(world, graph)
    world.run_until(START + seconds(500), most=2_000_000)
    ran = {line: n - before[line] for line, n in counts(world, graph).items()}
    taken = len(
        {
            run
            for (line, _), pins in world.pinned.items()
            for source, run in pins.items()
            if line != "mid@1" and source == "mid@1"
        }
    )
    assert len(world.runs("mid@1")) <= taken + 3, "versions that nobody took"
    assert ran[Line("in@1")] <= ran[Line("mid@1")] + 2


def ripples_of(*shapes: tuple[str, tuple[str, ...]]) -> Release:
    return pond("in@1", ripples=shapes)


@looks(25)
@given(st.lists(st.sampled_from([0.5, 1, 2.1, 2.8, 5, 5.8]), min_size=2, max_size=4), st.data())
def test_root_ripples_side_by_side_make_a_wave_no_older(
    paces: list[float], data: st.DataObject
) -> None:
    """An Inlet of root Ripples side by side, each with a branch of its own below it, and a quick
    Sink: as old as its longest branch.
    """
    shapes: list[tuple[str, tuple[str, ...]]] = []
    takes: dict[str, float] = {}
    for n, pace in enumerate(paces):
        shapes.append((f"r{n}", ()))
        takes[f"r{n}"] = pace
        if data.draw(st.booleans()):
            shapes.append((f"b{n}", (f"r{n}",)))
            quick = [quick for quick in (0.5, 1, 2.1) if quick <= max(paces)]
            takes[f"b{n}"] = data.draw(st.sampled_from(quick)) if pace < max(paces) else 0.5
    longest = max(pace for name, pace in takes.items() if name.startswith("r"))
    graph = Graph((ripples_of(*shapes), pond("out@1", "in@1")))
    world = waving(
        graph, lambda line, ripple: seconds(takes.get(ripple, 0.3) if line == "in@1" else 0.3)
    )
    seen = watch(world, "out@1", seconds(200))
    assert seen.period == seconds(longest)
    ways = [takes[name] + takes.get(f"b{name[1:]}", 0) for name in takes if name.startswith("r")]
    assert (
        seen.oldest
        == seconds(max(ways) + 0.3)
        == lead(graph, Line("out@1"), world.conditions.duration)
    )


def test_a_tide_above_a_wave_makes_what_it_publishes_no_older() -> None:
    """Its targets come while root Ripples are at work. A run begun for one of them would only
    grow old at their door.
    """
    takes = {"p0@1.r0": 5, "p1@1.r0": 0.5, "p1@1.r1": 0.5, "p2@1.r0": 5, "p4@1.r0": 1, "p4@1.r1": 5}
    one, two = chain_of("r0"), chain_of("r0", "r1")
    above = (
        pond("p0@1", ripples=one),
        pond("p1@1", "p0@1", ripples=two),
        pond("p2@1", "p0@1", "p1@1", ripples=one),
    )
    graph = Graph((*above, pond("p4@1", "p0@1", "p2@1", "p1@1", ripples=two)))
    world = World(Conditions(duration=lambda line, ripple: seconds(takes[f"{line}.{ripple}"])))
    settle(world, graph)
    world.trigger("p2@1", "tide", bound=seconds(5))
    world.trigger("p4@1", "wave")
    world.run_until(START + seconds(500), most=2_000_000)
    seen = watch(world, "p4@1", seconds(500))
    assert seen.period == seconds(5)
    assert seen.oldest == seconds(17) == lead(graph, Line("p4@1"), world.conditions.duration)


def test_what_is_begun_for_a_push_keeps_its_place_in_a_wave() -> None:
    """Its card comes when it has begun. Without it the Sources make one version fewer, for good:
    7.5 s.
    """
    one, two, fork = (
        chain_of("r0"),
        chain_of("r0", "r1"),
        [("r0", ()), ("r1", ("r0",)), ("r2", ("r0",))],
    )
    sides = [("r0", ()), ("r1", ())]
    graph = Graph(
        (
            pond("p0@1", ripples=[("r0", ()), ("r1", ("r0",)), ("r2", ())]),
            pond("p1@1", ripples=sides),
            pond("p2@1", "p0@1", "p1@1", ripples=fork),
            pond("p3@1", "p0@1", "p1@1", "p2@1", ripples=two),
            pond("p4@1", "p0@1", "p3@1", ripples=one),
            pond("p5@1", "p0@1", "p3@1", ripples=sides),
        )
    )
    takes = {
        "p0": (3, 2, 5),
        "p1": (3, 1),
        "p2": (2, 3, 2),
        "p3": (7, 1),
        "p4": (0.2,),
        "p5": (0.2, 7),
    }
    world = World(
        Conditions(duration=lambda line, ripple: seconds(takes[line[:2]][int(ripple[1:])]))
    )
    settle(world, graph)
    world.trigger("p5@1", "tide", bound=seconds(3))
    world.trigger("p3@1", "wave")
    world.trigger("p0@1", "wave")
    world.run_until(START + seconds(250), most=2_000_000)
    assert watch(world, "p3@1", seconds(210)).period == seconds(7)


@looks(25)
@given(graphs(most=6, optional=False, majors=False), seeds, st.data())
def test_a_pulse_is_answered_within_twice_its_way_whatever_stands(
    graph: Graph, seed: int, data: st.DataObject
) -> None:
    """It finds each Ripple on its way at work on something older, once at most.

    Where Ripples stand side by side it waits for the next run that is pulled, if there are such
    without end.
    """
    duration = durations(seed)
    world = World(Conditions(duration=duration), seed)
    settle(world, graph)
    for line in data.draw(st.lists(st.sampled_from(graph.lines), unique=True, max_size=3)):
        bound = data.draw(st.sampled_from([None, seconds(3), seconds(10)]))
        world.trigger(line, "tide" if bound else "wave", bound=bound)
    world.run_until(START + seconds(150), most=2_000_000)
    asked: dict[tuple[Line, datetime], datetime | None] = {}

    def keep(_before: PondState, after: PondState) -> None:
        for (line, epoch), answered in asked.items():
            if answered is None and line == after.line and after.end_f >= epoch:
                asked[line, epoch] = world.now

    world.watch = keep
    for _ in range(10):
        world.run_until(
            world.now + seconds(data.draw(st.sampled_from([0.3, 1, 2.7, 6, 11]))), most=2_000_000
        )
        line = data.draw(st.sampled_from(graph.lines))
        asked[line, world.trigger(line, "pulse")] = None
    world.run_until(world.now + seconds(200), most=2_000_000)
    for (line, epoch), answered in asked.items():
        assert answered is not None
        pulled = slowest(graph, line, duration) * forked(graph, line)
        assert answered - epoch <= lead(graph, line, duration) * 2 + pulled + seconds(0.001)


@looks(25)
@given(graphs(most=6, optional=False, majors=False), seeds, st.data())
def test_triggers_that_share_a_lineage_keep_their_limits(
    graph: Graph, seed: int, data: st.DataObject
) -> None:
    """A Wave keeps its pace, and its age but for what a push had waited; a Tide finds each
    Ripple on its way at work once at most.
    """
    duration = durations(seed)
    world = World(Conditions(duration=duration), seed)
    settle(world, graph)
    standing = data.draw(
        st.lists(st.sampled_from(graph.lines), unique=True, min_size=1, max_size=3)
    )
    bounds = {
        line: data.draw(st.sampled_from([None, seconds(3), seconds(10), seconds(40)]))
        for line in standing
    }
    for line, bound in bounds.items():
        if bound is None:
            world.trigger(line, "wave")
        else:
            world.trigger(line, "tide", bound=bound)
    world.run_until(START + seconds(250), most=2_000_000)
    stalest = dict.fromkeys(standing, timedelta())

    def keep(before: PondState, after: PondState) -> None:
        if after.line in stalest and before.end_f != after.end_f:
            stalest[after.line] = max(stalest[after.line], world.now - before.end_f)

    world.watch = keep
    for line, seen in {line: watch(world, line, seconds(150)) for line in standing}.items():
        way, bound = lead(graph, line, duration), bounds[line]
        if bound is None:
            longest = slowest(graph, line, duration)
            assert seen.period <= longest * 1.0001
            pushed = (
                len(standing) > 1
            )  # a version may be of what another trigger asked for while a root Ripple was at work
            assert seen.oldest <= way + longest * (waits(graph, line, duration, longest) + pushed)
        else:
            assert (
                stalest[line] <= max(bound, way * 2) + way * 2 + SOON
            )  # an alarm is set a second ahead at least
