"""What `why` says is so: a cause that is taken away lets the line run, and one that stays keeps it
from running. A demand that is named is the one without which the run would not have begun.

A history is drawn first and then played, as often as a law needs the same world again.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple

from hypothesis import event, given
from hypothesis import strategies as st

from duckstring.engine.causes import (
    Asleep,
    Busy,
    Cause,
    DeployWaits,
    Due,
    Failed,
    ForceWaits,
    Held,
    Killed,
    NotAsked,
    NotDeployed,
    NotReceived,
    Origin,
    RetryAt,
    RunFirst,
    TideDue,
    WindowClosed,
    leads_to,
)
from duckstring.engine.state import PondState
from duckstring.engine.whose import origins
from duckstring.engine.why import chain
from duckstring.model.catalog import Release
from duckstring.model.failures import Failure
from duckstring.model.names import Line
from duckstring.model.said import NO_HOLD
from duckstring.model.values import replace
from duckstring.model.windows import Window
from duckstring.testing.simulator import START, Attempted, Conditions, World, pond, seconds
from tests.property.worlds import Graph, graphs, looks

MOST = 1000
DEMANDS = ("pulse", "tap", "wave", "tide", "wake")
TROUBLES = (
    "hold",
    "kill",
    "clear",
    "sleep",
    "force",
    "break",
    "mend",
    "redeploy",
    "remove",
    "budget",
)
PASSES = NotReceived | DeployWaits | ForceWaits | RunFirst | Busy | Due
"""These end by themselves."""
MOMENT = timedelta(microseconds=1)


class Act(NamedTuple):
    """What somebody does, so many seconds after what was done before."""

    after: float
    kind: str
    line: Line


@dataclass
class Played:
    """A world, and what is broken in it. Letters take no time to be drawn: a world that is played
    without one act is the same up to that act.
    """

    graph: Graph
    broken: set[Line] = field(default_factory=set)
    gone: set[Line] = field(default_factory=set)
    added: dict[Line, Release] = field(default_factory=dict)
    deploys: int = 0
    latency: float = 0.1

    def __post_init__(self) -> None:
        def outcome(attempted: Attempted) -> Failure | None:
            line, _, ripple, attempt = attempted
            return Failure(ripple, attempt, "ValueError", "no") if line in self.broken else None

        self.world = World(Conditions(outcome=outcome, latency=lambda _: seconds(self.latency)))
        self.world.deploy(*self.graph.releases)
        self.world.run_until()

    def play(self, acts: Collection[Act], without: Collection[Act] = ()) -> Played:
        for act in acts:
            self.wait(act.after)
            if act in without and act.kind in {"wave", "tide"}:
                self.world.trigger(act.line, "remove")  # what it replaced does not stay instead
            elif act in without:
                self.world.now += MOMENT  # an act takes that long
            else:
                self.act(act.kind, act.line)
        return self

    def act(self, kind: str, line: Line) -> None:  # noqa: C901 - one arm an act
        world = self.world
        match kind:
            case "tide":
                world.trigger(line, kind, bound=seconds(40))
            case "pulse" | "tap" | "wave":
                world.trigger(line, kind)
            case "break":
                self.broken.add(line)
            case "mend":
                self.broken.discard(line)
            case "redeploy":
                self.deploy(line)
            case "remove":
                world.remove(line)
                self.gone.add(line)
            case "hold":
                world.hold()
            case "budget":
                world.set_budgets(line, source=2)
            case "window":
                window = Window("one", START + seconds(600), seconds(900), seconds(30))
                world.add_window(line, window)
            case _:
                world.order(line, kind)

    def deploy(self, line: Line) -> None:
        self.deploys += 1
        self.gone.discard(line)
        artifact = f"artifacts/{line}/{self.deploys}"
        known = {release.line: release for release in self.graph.releases}
        release = known.get(line) or pond(line)  # a Source that was never there
        self.added[line] = release
        version = f"1.0.{self.deploys}"
        self.world.deploy(replace(release, version=version, artifact=artifact))

    def wait(self, duration: float) -> None:
        self.world.run_until(self.world.now + seconds(duration))

    def why(self, line: Line) -> list[tuple[Line, Cause]]:
        """The root causes, each with its line."""
        deployed = {r.line: r for r in self.graph.releases} | self.added
        releases = {of: r for of, r in deployed.items() if of not in self.gone}
        found, left = chain(line, self.world.states, releases, self.world.now, most=MOST)
        assert left == 0
        for one in found:
            for cause in one.causes:
                assert leads_to(cause) is None or any(leads_to(cause) == o.line for o in found)
        return [(o.line, cause) for o in found for cause in o.causes if leads_to(cause) is None]

    def runs(self, line: Line) -> bool:
        state = self.world.states.get(line, PondState(line))
        return any(run.failure is None for run in state.runs.values())

    def started(self, line: Line) -> int:
        return self.world.states.get(line, PondState(line)).runs_started

    def take_all_away(self, roots: Collection[tuple[Line, Cause]]) -> None:
        assert roots, "nothing is named"
        for of, cause in roots:
            event(type(cause).__name__)
            self.take_away(of, cause)
        self.wait(40)

    def take_away(self, line: Line, cause: Cause) -> None:  # noqa: C901 - one arm a cause
        """What the answer says would change it."""
        now = self.world.now
        match cause:
            case NotDeployed():
                self.deploy(line)
            case Held():
                self.world.hold(on=False)
            case Killed():
                self.world.order(line, "clear")
            case Failed(tries=tries):
                self.broken.clear()
                if tries == 0:
                    self.world.order(line, "clear")
            case NotAsked() | Asleep():
                self.world.trigger(line, "pulse")
            case RetryAt(at) | TideDue(at):
                self.world.run_until(max(now, at))
            case WindowClosed(None):
                self.world.remove_window(line, "one")
            case WindowClosed(opening):
                self.world.run_until(max(now, opening.start))
            case NotReceived() | DeployWaits() | ForceWaits() | RunFirst() | Busy() | Due():
                pass  # it passes by itself
            case _:
                raise AssertionError(f"a root cause that nothing takes away: {cause}")
        self.wait(0.5)


@st.composite
def stories(draw: st.DrawFn, graph: Graph, kinds: tuple[str, ...], most: int = 6) -> list[Act]:
    lines = st.sampled_from(graph.lines)
    waits = st.sampled_from([0.0, 0.5, 3.0, 11.0, 70.0])
    acts = st.builds(Act, waits, st.sampled_from(kinds), lines)
    return draw(st.lists(acts, min_size=1, max_size=most))


worlds = graphs(most=5, optional=True)
required = graphs(most=5, optional=False)


@looks(300)
@given(worlds, st.data())
def test_a_line_that_does_not_run_runs_when_the_named_causes_are_taken_away(
    graph: Graph, data: st.DataObject
) -> None:
    acts = data.draw(stories(graph, (*DEMANDS, *TROUBLES, "window")))
    line = data.draw(st.sampled_from(graph.lines))
    if data.draw(st.integers(0, 3)) == 0:  # it fails with tries left
        acts += [Act(1.0, kind, line) for kind in ("budget", "break", "pulse")]
    acts.append(Act(3.0, data.draw(st.sampled_from((*DEMANDS, "break", "kill"))), line))
    played = Played(graph).play(acts)
    played.wait(data.draw(st.sampled_from([0.2, 1.5, 30])))
    if played.runs(line) or line in played.gone:
        return
    before = played.started(line)
    seen: list[tuple[Line, Cause]] = []
    for _ in range(3):  # behind a cause that is gone there may be another
        roots = played.why(line)
        lasting = [(of, one) for of, one in roots if not isinstance(one, PASSES)]
        assert not any(root in seen for root in lasting), f"{seen}, and again {roots}"
        seen += lasting
        if [one for of, one in roots if of == line] == [Due()]:
            played.wait(5)
            assert played.started(line) > before or played.why(line) != roots, "it is not due"
        played.take_all_away(roots)
        if played.started(line) > before:
            return
    raise AssertionError(f"{line} does not run after {seen}: {played.why(line)}")


@looks(300)
@given(worlds, st.data())
def test_maintenance_is_named_and_hides_nothing_else_that_is_in_the_way(
    graph: Graph, data: st.DataObject
) -> None:
    acts = data.draw(stories(graph, (*DEMANDS, *TROUBLES, "window")))
    line = data.draw(st.sampled_from(graph.lines))
    acts.append(Act(3.0, data.draw(st.sampled_from(DEMANDS)), line))
    acts.append(Act(data.draw(st.sampled_from([0.0, 0.5, 3.0])), "hold", line))
    played = Played(graph).play(acts)
    played.wait(data.draw(st.sampled_from([0.3, 1.5, 30])))
    if line in played.gone:
        return
    held = played.why(line)
    holds = [(of, one) for of, one in held if isinstance(one, Held)]
    others = [root for root in held if root not in holds]
    played.world.states = {
        of: replace(state, hold=NO_HOLD) for of, state in played.world.states.items()
    }
    free = [root for root in played.why(line) if root[1] != Due()]
    event(f"{len(free)} besides")
    assert others == free
    if free and not played.runs(line):
        assert [of for of, _ in holds] == [line]


@looks(200)
@given(required, st.data())
def test_a_line_stays_where_it_is_while_one_of_its_lasting_causes_stays(
    graph: Graph, data: st.DataObject
) -> None:
    kinds = (*DEMANDS, "hold", "kill", "break", "remove")
    acts = data.draw(stories(graph, kinds, 8))
    line = data.draw(st.sampled_from(graph.lines))
    acts.append(Act(3.0, data.draw(st.sampled_from(("pulse", "tap", "kill"))), line))
    played = Played(graph).play(acts)
    played.wait(60)
    if played.runs(line) or line in played.gone:
        return
    roots = played.why(line)
    lasting = [root for root in roots if isinstance(root[1], Killed | Failed | NotDeployed | Held)]
    # A line that is brought back may run on what its Sources had published before they fell.
    lasting = [
        (of, one)
        for of, one in lasting
        if not any(of != down and of in graph.required_above(down) for down, _ in lasting)
    ]
    if not lasting:
        return
    before = played.started(line)
    stays = data.draw(st.sampled_from(lasting))
    event(f"{type(stays[1]).__name__} stays, of {len(roots)}")
    for root in roots:
        if root[0] != stays[0]:
            played.take_away(*root)
    played.wait(400)
    assert played.started(line) == before, f"it runs, though {stays} is still so"


@looks(300)
@given(required, st.data())
def test_a_run_would_not_have_begun_without_the_demand_that_is_named(
    graph: Graph, data: st.DataObject
) -> None:
    acts = data.draw(stories(graph, ("pulse", "tap", "wave", "tide", "wake", "force")))
    played = Played(graph).play(acts)
    played.wait(data.draw(st.sampled_from([0.15, 0.4, 0.8, 1.5, 2.6])))
    going = [
        (state, run)
        for _, state in sorted(played.world.states.items())
        for run in state.runs.values()
    ]
    if not going:
        return
    state, run = going[data.draw(st.integers(0, len(going) - 1))]
    named = origins(state, run, played.world.states)
    assert named
    event(" ".join(sorted({one.kind for one in named})))
    if any(one.kind == "unknown" or not one.sure for one in named):
        return
    gone = [act for act in acts if any(_is_of(act, one) for one in named)]
    assert gone, f"nobody asked for {named}"
    other = Played(graph).play(acts, without=gone)
    other.world.run_until(played.world.now)
    begun = [(of, row.started) for of, row in other.world.history if row.f == run.f]
    assert (state.line, run.started) not in begun, f"it ran without {gone}"


def _is_of(act: Act, origin: Origin) -> bool:
    same = {
        "tide": {"tide", "pulse"},
        "pulse": {"pulse", "tide"},  # a Tide may have been replaced since
        "wave": {"wave", "tap"},
        "tap": {"tap", "wave"},
        "wake": {"wake", "force"},  # a line that never ran cannot be forced, so it is woken
    }
    return act.line == origin.line and act.kind in same.get(origin.kind, {origin.kind})


@looks(100)
@given(required, st.sampled_from(["pulse", "wave", "tide"]), st.data())
def test_the_only_demand_in_a_catchment_is_named_by_every_run(
    graph: Graph, kind: str, data: st.DataObject
) -> None:
    line = data.draw(st.sampled_from(graph.lines))
    played = Played(graph).play([Act(1.0, kind, line)])
    for _ in range(8):
        played.wait(data.draw(st.sampled_from([0.15, 0.4, 0.8, 1.5])))
        for state in played.world.states.values():
            for run in state.runs.values():
                (named,) = origins(state, run, played.world.states)
                is_sure = kind == "wave" or not played.world.states[line].sinks
                assert (named.kind, named.line, named.sure) == (kind, line, is_sure)
                assert (named.via[-1:] or (state.line,)) == (line,)
