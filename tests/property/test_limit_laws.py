"""Limits over random Catchments: docs/engine.md, "Limits". No more attempts than tokens, and no
token is ever lost.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from duckstring.engine.limits import LimitState, TokensClaimed
from duckstring.engine.signals import TokensGranted
from duckstring.engine.state import PondState
from duckstring.engine.tokens import claims_of
from duckstring.model.names import Line
from duckstring.model.values import replace
from duckstring.testing.simulator import World, pond, seconds
from tests.property.living import EVERYTHING, LIMITS, Living
from tests.property.worlds import Fate, Graph, at_rest, graphs, looks, once, weather, world_of

seeds = st.integers(0, 2**16)
MEANWHILE = (*EVERYTHING, "sleep", "slip", *("limit", "limited", "priority", "kill", "lose") * 2)


@st.composite
def limited(draw: st.DrawFn, most: int = 6) -> Graph:
    """A graph in which most Ripples use a limit, or both."""
    graph = draw(graphs(most=most))
    uses = st.sampled_from([(), LIMITS[:1], LIMITS[:1], LIMITS[1:], LIMITS])
    return Graph(
        tuple(
            replace(
                release,
                ripples=tuple(replace(spec, uses=draw(uses)) for spec in release.ripples),
            )
            for release in graph.releases
        )
    )


@dataclass
class Tokens:
    """What must be true after every step of a line and of a limit."""

    world: World
    tokens: dict[str, int] = field(default_factory=dict)
    most: int = 0

    def line(self, _before: PondState, after: PondState) -> None:
        for ripple in after.ripples.values():
            attempt = ripple.attempt
            if attempt is not None and attempt.dispatched:
                assert attempt.held == ripple.uses, "an attempt without a token"
            for name in attempt.held if attempt else ():
                assert attempt is not None
                assert (after.line, attempt.claim) in _granted(self.world.limits[name]), (
                    "a line has a token that its limit believes to be free"
                )

    def limit(self, before: LimitState, after: LimitState) -> None:
        if after.tokens is None:
            assert not after.waiting, "without a bound, nobody waits"
            return
        given = _granted(after) - _granted(before)
        assert not given or len(after.holders) <= after.tokens, "a token was given twice"
        assert not after.waiting or len(after.holders) >= after.tokens, "a free token is kept back"
        self.most = max(self.most, len(after.holders))
        ranks = [after.lines[line].priority for line, _ in after.waiting]
        assert ranks == sorted(ranks, reverse=True)


def _granted(state: LimitState) -> set[tuple[Line, int]]:
    return {(line, entry.number) for line, entry in state.holders}


def _watched(world: World) -> Tokens:
    tokens, laws = Tokens(world), world.watch

    def watch(before: PondState, after: PondState) -> None:
        if laws:
            laws(before, after)
        tokens.line(before, after)

    world.watch, world.watch_limit = watch, tokens.limit
    return tokens


def _all_free(world: World) -> None:
    for name, state in world.limits.items():
        assert not state.holders, f"a token of {name} is lost"
        assert not state.waiting
    assert not any(claims_of(state.ripples) for state in world.states.values())


def _begin(graph: Graph, seed: int, data: st.DataObject, fate: Fate) -> Living:
    world = world_of(replace(weather(seed), outcome=fate), seed)
    _watched(world)
    for name in LIMITS:
        world.set_limit(name, data.draw(st.sampled_from([1, 1, 2, None])))
    world.deploy(*graph.releases)
    return Living(world, data.draw, {release.line: release for release in graph.releases})


def _end(living: Living, fate: Fate) -> None:
    """Everything is mended, and everybody asked for everything."""
    world = living.world
    fate.healed = True
    for line in living.releases:
        for name in ("one", "two"):
            world.remove_window(line, name)
        world.trigger(line, "remove")
    living.wait(400)
    for _ in range(3):
        living.recover()
        living.wait(400)
    for line in living.releases:
        world.trigger(line, "pulse")
    world.run_until()


@looks(60)
@given(limited(), seeds, st.data())
def test_no_attempt_runs_without_a_token_and_at_rest_all_are_free(
    graph: Graph, seed: int, data: st.DataObject
) -> None:
    fate = Fate(seed, data.draw(st.sampled_from([0.0, 0.2])))
    living = _begin(graph, seed, data, fate)
    living.trouble(MEANWHILE, 12)
    _end(living, fate)
    # A line may still want what a removed Source would give.
    assert not living.world.waiting()
    assert not any(state.runs for state in living.world.states.values())
    _all_free(living.world)
    once(living.world)


@looks(40)
@given(limited(), seeds, st.data())
def test_over_a_restore_no_token_is_lost_and_none_is_given_twice(
    graph: Graph, seed: int, data: st.DataObject
) -> None:
    fate = Fate(seed, 0.0)
    living = _begin(graph, seed, data, fate)
    world = living.world
    living.wait(5)
    for _ in range(3):
        world.trigger(data.draw(st.sampled_from(graph.lines)), "pulse")
        living.wait(data.draw(st.sampled_from([0.0, 0.3, 1, 4])))
        world.restore()
    _end(living, fate)
    _all_free(world)


@looks(40)
@given(limited(), seeds, st.data())
def test_what_letters_that_were_given_up_have_lost_the_sweep_repairs(
    graph: Graph, seed: int, data: st.DataObject
) -> None:
    fate, share = Fate(seed, 0.0), 0.3
    living = _begin(graph, seed, data, fate)
    world = living.world
    world.conditions = replace(
        world.conditions,
        loses=lambda r, signal: (
            isinstance(signal, TokensClaimed | TokensGranted) and r.random() < share
        ),
    )
    living.wait(2)
    living.trouble(("pulse", "kill", "limit", "redeploy", "wake"), 8)
    share = 0.0
    for _ in range(60):
        world.run_until()
        if not world.sweep_limits():
            break
    _end(living, fate)
    assert not world.sweep_limits()
    _all_free(world)


@looks(40)
@given(seeds, st.integers(1, 3), st.integers(4, 9), st.data())
def test_all_tokens_are_used_while_somebody_waits(
    seed: int, tokens: int, ponds: int, data: st.DataObject
) -> None:
    """Ponds that each want one token, asked at once: they run in as few turns as there can be."""
    world = World(weather(seed, latency=0, doubles=0.3, pace=(5,)), seed)
    tokens_law = _watched(world)
    world.set_limit("databricks", tokens)
    names = [f"p{number}@1" for number in range(ponds)]
    world.deploy(*(pond(name, uses={"run": ("databricks",)}) for name in names))
    world.run_until()
    for name in names:
        world.set_priority(name, data.draw(st.sampled_from([0, 50, 100])))
        world.trigger(name, "pulse")
    began = world.now
    world.run_until()
    assert tokens_law.most == min(tokens, ponds)
    turns = -(-ponds // tokens)
    last = max(row.finished for name in names for row in world.runs(name) if row.finished)
    assert last - began <= seconds(5 * turns + 0.1)
    _all_free(world)


@looks(40)
@given(st.data(), seeds)
def test_tokens_go_by_priority_and_then_by_who_asked_first(data: st.DataObject, seed: int) -> None:
    world = World(weather(seed, latency=0, doubles=0.2, pace=(5,)), seed)
    world.set_limit("databricks", 1)
    names = [f"p{number}@1" for number in range(data.draw(st.integers(2, 7)))]
    world.deploy(*(pond(name, uses={"run": ("databricks",)}) for name in names))
    ranks = {name: data.draw(st.sampled_from([0, 50, 100])) for name in names}
    for name, rank in ranks.items():
        world.set_priority(name, rank)
    world.run_until()
    for name in names:
        world.trigger(name, "pulse")
        world.run_until(world.now + seconds(0.1))
    world.run_until()
    began = [attempted[0] for attempted, _ in world.attempts]
    first, *others = began
    assert first == names[0]
    assert others == sorted(names[1:], key=lambda name: -ranks[name])


@looks(30)
@given(limited(), seeds, st.data())
def test_a_limit_of_nothing_holds_everything_until_it_is_raised(
    graph: Graph, seed: int, data: st.DataObject
) -> None:
    world = world_of(weather(seed), seed)
    _watched(world)
    for name in LIMITS:
        world.set_limit(name, 0)
    world.deploy(*graph.releases)
    living = Living(world, data.draw, {release.line: release for release in graph.releases})
    living.wait(5)
    for line in graph.lines:
        world.trigger(line, "pulse")
    living.wait(300)
    uses = {(r.line, s.name) for r in graph.releases for s in r.ripples if s.uses}
    assert not uses & {(line, ripple) for (line, _, ripple, _), _ in world.attempts}
    for name in LIMITS:
        world.set_limit(name, data.draw(st.sampled_from([1, None])))
    world.run_until()
    assert at_rest(world)
    _all_free(world)
