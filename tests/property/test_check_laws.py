"""Laws of checks: what is published is exactly what its checks have seen and let pass, whatever
fails, is lost, killed, forced, deployed or doubled meanwhile.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from duckstring.engine.signals import GateOutcome, RippleSucceeded
from duckstring.engine.state import PondState
from duckstring.model.checks import CHECK_FAILED, CHECKS
from duckstring.model.failures import Failure
from duckstring.model.names import Line
from duckstring.model.values import replace
from duckstring.testing.simulator import Attempted, World, seconds
from duckstring.worker.checked import is_checked
from duckstring.worker.surroundings import open_up_to, visible_tables
from tests.property.living import Living
from tests.property.test_compute_laws import ENDS
from tests.property.test_table_laws import Authors
from tests.property.worlds import Graph, Laws, chance, graphs, looks, weather, with_checks, world_of

TROUBLE = (
    "nothing", "pulse", "pulse", "pulse", "tap", "wave", "lose", "kill", "force", "wake", "clear",
    "redeploy", "slip",
)  # fmt: skip

Keys = dict[str, str]


@dataclass
class Checks:
    """What checks see when they begin, and how they end."""

    seed: int
    share: float
    world: World
    laws: Laws
    healed: bool = False
    seen: dict[Attempted, Keys] = field(default_factory=dict)
    passed: dict[tuple[Line, int], Attempted] = field(default_factory=dict)
    unmade: set[Attempted] = field(default_factory=set)
    failed: set[Attempted] = field(default_factory=set)

    def outcome(self, one: Attempted) -> Failure | None:
        share = self.share if one[2] == CHECKS else self.share / 4
        if not self.healed and chance((self.seed, "outcome", one), share):
            self.failed.add(one)
            return Failure(one[2], one[3], CHECK_FAILED, "1 row")
        return None

    def ends(self, one: Attempted, _mib: int) -> GateOutcome:
        """A check may fail, and what makes it may be lost, as any attempt may."""
        if one[2] == CHECKS and chance((self.seed, "ends", one), 0.7):
            return "check"
        return random.Random(f"{self.seed}/{one}").choice(ENDS)

    def warns(self, one: Attempted) -> tuple[str, ...]:
        return ("amounts",) if chance((self.seed, "warns", one), 0.3) else ()

    def skips(self, one: Attempted) -> bool:
        if one[2] != CHECKS:
            return chance((self.seed, "skips", one), 0.5)
        state = self.world.states[one[0]]
        run = state.runs.get(one[1])
        if run is None or not is_checked(state, run, open_up_to(state, run)):
            return False
        self.unmade.add(one)
        return True

    def __call__(self, before: PondState, after: PondState) -> None:
        self.laws(before, after)
        line, ripple = after.line, after.ripples.get(CHECKS)
        if ripple is not None and (attempt := ripple.attempt) is not None and attempt.dispatched:
            run = after.runs[attempt.run]
            found = {name: version.key for name, version in visible_tables(after, run).items()}
            self.seen.setdefault((line, run.number, CHECKS, attempt.number), found)
        signal = self.world.log[-1][1]
        if after.snapshot != before.snapshot and after.snapshot in before.runs:
            assert isinstance(signal, RippleSucceeded)
            self._published(before, after, signal)

    def _published(self, before: PondState, after: PondState, signal: RippleSucceeded) -> None:
        assert signal.ripple == CHECKS, "published before its checks were made"
        one = (after.line, signal.run, CHECKS, signal.attempt)
        assert one not in self.failed, "published though its check failed"
        now = {name: version.key for name, version in after.tables.items()}
        assert now.items() <= self.seen[one].items(), "published is what no check has seen"
        dropped = before.runs[after.snapshot].dropped | before.removing
        assert self.seen[one].keys() - now.keys() <= dropped
        warned = tuple(one.check for one in after.warnings)
        if one in self.unmade:
            assert now == {name: version.key for name, version in before.tables.items()}
            assert after.warnings == before.warnings
        else:
            assert warned == self.warns(one)


@looks(60)
@given(
    graphs(most=3, ripples=3, optional=False, majors=False, immediate_retries=1, source_retries=2),
    st.integers(0, 2**16),
    st.sampled_from([0.1, 0.5, 0.9]),
    st.data(),
)
def test_what_is_published_is_what_its_checks_let_pass(
    graph: Graph, seed: int, share: float, data: st.DataObject
) -> None:
    graph = Graph(tuple(with_checks(release) for release in graph.releases))
    world = world_of(weather(seed), seed)
    checks = Checks(seed, share, world, Laws(world))
    authors, world.watch = Authors(seed, world), checks
    world.conditions = replace(
        world.conditions,
        outcome=checks.outcome,
        ends=checks.ends,
        warns=checks.warns,
        skips=checks.skips,
        drops=authors.drops,
    )
    people = Living(world, data.draw, {release.line: release for release in graph.releases})
    world.deploy(*graph.releases)
    people.trouble(TROUBLE, 12)
    world.run_until(world.now + seconds(3_600))
    checks.healed = True
    people.recover()
    world.run_until(world.now + seconds(3_600))
    for line in graph.lines:
        world.trigger(line, "remove")
        world.trigger(line, "pulse")
    world.run_until(world.now + seconds(3_600))
    assert world.at_rest()
    assert all(state.health == "ok" for state in world.states.values())
