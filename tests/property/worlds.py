"""Random Catchments, the laws that hold at every step of them, and how many of them a test looks
at.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import pairwise

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from duckstring.engine.runs import source_f
from duckstring.engine.signals import Ordered, Removed, RippleSucceeded
from duckstring.engine.state import PondState
from duckstring.engine.turn import Turn
from duckstring.model.catalog import Release, RippleSpec
from duckstring.model.checks import CHECKS
from duckstring.model.failures import Failure
from duckstring.model.instants import NEVER
from duckstring.model.names import Line, writer_of
from duckstring.model.values import replace
from duckstring.testing.simulator import Attempted, Conditions, World, pond, seconds

PROVING = os.environ.get("HYPOTHESIS_PROFILE") == "prove"
MOST_PONDS = 60 if PROVING else 12
PROVEN = int(os.environ.get("PROVE_EXAMPLES", "5000"))

_QUIET = [
    HealthCheck.too_slow,
    HealthCheck.data_too_large,
    HealthCheck.large_base_example,
    HealthCheck.filter_too_much,
]


def looks(usual: int) -> settings:
    """``usual`` examples, the same ones every time; under HYPOTHESIS_PROFILE=prove 5,000 fresh
    ones (or PROVE_EXAMPLES).
    """
    return settings(
        max_examples=PROVEN if PROVING else usual,
        deadline=None,
        derandomize=not PROVING,
        database=None,
        print_blob=PROVING,
        suppress_health_check=_QUIET,
    )


def chance(seed: object, share: float) -> bool:
    """A coin that always falls the same way for the same ``seed``."""
    return _drawn(seed) < share


def _drawn(seed: object) -> float:
    """A number below 1, always the same for the same ``seed``. To seed a generator for each takes
    an eighth of a law's time.
    """
    return int.from_bytes(blake2b(str(seed).encode(), digest_size=6).digest()) / 2**48


@dataclass(frozen=True, repr=False)
class Graph:
    """Releases in topological order, Sources first."""

    releases: tuple[Release, ...]

    def __repr__(self) -> str:
        """Short enough to read when a law falls."""
        ponds = []
        for r in self.releases:
            sources = ", ".join(s.line + "?" * s.optional for s in r.sources)
            ponds.append(
                f"{r.line} <- [{sources}]: "
                + "; ".join(f"{x.name}({', '.join(x.parents)})" for x in r.ripples)
            )
        return "\n".join(["", *ponds])

    def _repr_pretty_(self, printer: object, _cycle: bool) -> None:
        printer.text(repr(self))

    @property
    def lines(self) -> list[Line]:
        return [release.line for release in self.releases]

    def release(self, line: str) -> Release:
        (release,) = (r for r in self.releases if r.line == line)
        return release

    def sources(self, line: str, *, optional: bool) -> list[Line]:
        release = self.release(line)
        known = set(self.lines)
        return [s.line for s in release.sources if s.optional is optional and s.line in known]

    def asked(self, line: str) -> set[Line]:
        """``line`` and all that a target on it reaches: required Sources, or the optional ones
        where there is no other.
        """
        reached = {Line(line)}
        for above in self.sources(line, optional=False) or self.sources(line, optional=True):
            reached |= self.asked(above)
        return reached

    def required_above(self, line: str) -> set[Line]:
        """``line`` and its required Sources, theirs, and so on."""
        reached = {Line(line)}
        for above in self.sources(line, optional=False):
            reached |= self.required_above(above)
        return reached


def same_pond(one: str, other: str) -> bool:
    return _pond(one) == _pond(other)


def _pond(line: str) -> str:
    return line.partition("@")[0]


@st.composite
def graphs(  # noqa: PLR0913 - what a graph may be
    draw: st.DrawFn,
    *,
    most: int = 0,
    optional: bool = True,
    chain: bool = False,
    forks: bool = True,
    majors: bool = True,
    ripples: int = 3,
    **options: int,
) -> Graph:
    """A random graph of Ponds, each a random graph of Ripples; of some Ponds two majors live
    side by side.
    """
    releases: list[Release] = []
    for i in range(draw(st.integers(1, most or MOST_PONDS))):
        line = f"p{i}@1"
        if releases and majors and not chain and draw(st.integers(0, 4)) == 0:
            line = draw(st.sampled_from(releases)).line.replace("@1", "@2")
            line = f"p{i}@1" if any(r.line == line for r in releases) else line
        above = [r.line for r in releases if _pond(r.line) != _pond(line)]
        sources = (
            above[-1:]
            if chain or not above
            else draw(st.lists(st.sampled_from(above), unique_by=_pond, max_size=3))
        )
        names = [s + ("?" if optional and draw(st.integers(0, 3)) == 0 else "") for s in sources]
        if names and optional and draw(st.integers(0, 7)) == 0:
            names.append(f"ghost{i}@1?")
        specs: list[tuple[str, tuple[str, ...]]] = []
        for k in range(draw(st.integers(1, ripples))):
            before = [name for name, _ in specs]
            parents = (
                before[-1:]
                if not forks
                else draw(st.lists(st.sampled_from(before), unique=True, max_size=2))
                if before
                else []
            )
            specs.append((f"r{k}", tuple(sorted(parents))))
        releases.append(pond(line, *names, ripples=specs, **options))
    return Graph(tuple(releases))


def weather(
    seed: int,
    *,
    latency: float = 0.3,
    doubles: float = 0.2,
    skew: float = 0.0,
    dull: float = 0.25,
    pace: tuple[float, ...] = (0.2, 1, 1, 2, 3, 7),
) -> Conditions:
    """Late, doubled letters, ticks that may not come, Ripples of different durations; a ``dull``
    share of them changes nothing.
    """

    def duration(line: Line, ripple: str):
        return seconds(pace[int(_drawn(f"{seed}/{line}/{ripple}") * len(pace))])

    def prints(attempted: Attempted, _f: object) -> str:
        line, run, ripple, _ = attempted
        return "same" if chance((seed, line, run, ripple), dull) else f"{run}"

    return Conditions(
        latency=lambda r: seconds(r.random() * latency),
        duration=duration,
        prints=prints,
        skips=lambda attempted: chance((seed, "skip", attempted), dull / 2),
        doubles=doubles,
        ghosts=0.5,
        ticks=lambda r: r.choice(
            [
                (),
                (seconds(0),),
                (seconds(-4), seconds(1)),
                (seconds(0.5), seconds(0.5)),
                (seconds(55),),
            ]
        ),
        skew=lambda r: seconds(r.uniform(-1, 1) * skew),
    )


@dataclass
class Fate:
    """Attempts fail at random until ``healed``."""

    seed: int
    share: float
    healed: bool = False

    def __call__(self, attempted: Attempted) -> Failure | None:
        if self.healed or not chance((self.seed, attempted), self.share):
            return None
        _, _, ripple, attempt = attempted
        return Failure(ripple, attempt, "ValueError", "bad luck")


@dataclass
class Laws:
    """What must be true of every step; hand it to ``World.watch``."""

    world: World
    said: dict[Line, set[tuple[object, ...]]] = field(default_factory=dict)

    def __call__(self, before: PondState, after: PondState) -> None:
        self._freshness(before, after)
        self._health(before, after)
        self._ripples(after)
        self._runs(before, after)
        self._starts(before, after)
        self._begins(before, after)
        self.said.setdefault(after.line, {(NEVER, 0)}).add((after.end_f, after.snapshot))

    def _freshness(self, before: PondState, after: PondState) -> None:
        assert after.end_f <= after.start_f
        assert after.changed_f <= after.end_f
        assert list(after.targets) == sorted(set(after.targets))
        assert (
            all(target > after.start_f for target in after.targets)
            or after.health != "ok"
            or after.release is None
        )
        if after.health == "ok" and not after.runs:
            assert after.start_f == after.end_f
        if before.release is not None and after.release is None:
            assert (after.end_f, after.snapshot, dict(after.runs), after.runs_started) == (
                NEVER,
                0,
                {},
                before.runs_started,
            )
            return
        assert before.end_f <= after.end_f
        assert before.changed_f <= after.changed_f
        assert before.snapshot <= after.snapshot
        began = (
            after.runs_started > before.runs_started
        )  # perhaps the next one, which had been kept back and passed at once
        published = before.runs.get(after.snapshot)
        if before.snapshot < after.snapshot and published and published.forced and not began:
            assert (after.end_f, after.changed_f) == (before.end_f, before.changed_f), (
                "a forced run moved its freshness"
            )

    def _health(self, before: PondState, after: PondState) -> None:
        if after.health == "killed" != before.health:  # what is asked from then on is kept
            assert (after.pull, after.woken, after.force, after.targets, dict(after.runs)) == (
                None,
                None,
                False,
                (),
                {},
            )
        if after.health == "killed":
            assert not after.runs
            assert not any(
                ripple.attempt or ripple.pull or ripple.targets for ripple in after.ripples.values()
            )
        if before.health == "killed" != after.health:
            signal = self.world.log[-1][1]
            assert isinstance(signal, Removed) or (
                isinstance(signal, Ordered) and signal.verb in {"wake", "force", "clear"}
            )

    def _ripples(self, after: PondState) -> None:
        live = {run.f for run in after.runs.values() if run.failure is None and not run.superseded}
        forced = any(run.forced for run in after.runs.values())
        for ripple in after.ripples.values():
            fallen = (
                ripple.attempt is not None and after.runs[ripple.attempt.run].failure is not None
            )
            assert ripple.end_f <= ripple.start_f
            assert ripple.start_f <= after.start_f or fallen
            assert ripple.end_f >= after.end_f or forced
            for parent in () if fallen else ripple.parents:
                assert (
                    ripple.start_f <= after.ripples[parent].end_f or ripple.start_f <= after.end_f
                )
            if ripple.attempt is None:
                assert ripple.start_f == ripple.end_f
            else:
                assert after.runs[ripple.attempt.run].f == ripple.start_f
                assert ripple.attempt.number == after.runs[ripple.attempt.run].attempts[ripple.name]
            assert set(ripple.targets) <= live, "a target that no run can satisfy"

    def _starts(self, before: PondState, after: PondState) -> None:
        for name, ripple in after.ripples.items():
            held = before.ripples.get(name)
            given = (held.attempt.run, held.attempt.number) if held and held.attempt else None
            if (
                ripple.attempt is not None
                and ripple.attempt.number == 1
                and given != (ripple.attempt.run, 1)
            ):
                run = before.runs.get(ripple.attempt.run)
                assert run is None or not run.superseded, (
                    "a Ripple began a run that can no longer be published whole"
                )

    def _begins(self, before: PondState, after: PondState) -> None:
        """A run begins when a root Ripple can begin it, no sooner. One that is pushed begins no
        later in a chain of Ripples; where some stand side by side it begins once nothing is in
        flight. (One that tries again after a failure does not wait.)
        """
        if after.health != "ok":
            return
        roots = [ripple for ripple in after.ripples.values() if not ripple.parents]
        for number in after.runs.keys() - before.runs.keys():
            taken = [
                ripple.name
                for ripple in roots
                if ripple.attempt is not None and ripple.attempt.run == number
            ]
            assert taken, "a run that no root Ripple has begun"
        waits = (
            after.release is None
            or after.next_release
            or after.force
            or after.hold.on
            or any(run.forced for run in after.runs.values())
        )
        turn = Turn(after, self.world.now)
        if (
            not waits
            and after.targets
            and not turn.is_windowed
            and source_f(turn) >= after.targets[0]
        ):
            chain = [ripple.name for ripple in after.ripples.values()]
            is_chain = all(above in after.ripples[name].parents for above, name in pairwise(chain))
            busy = (
                roots[0].attempt
                if is_chain
                else [run for run in after.runs.values() if run.failure is None]
            )
            assert busy, "a target that could be served is left"

    def _runs(self, before: PondState, after: PondState) -> None:
        live = [run for run in after.runs.values() if run.failure is None]
        assert len({run.f for run in live}) == len(live)
        for number in after.runs.keys() - before.runs.keys():
            run = after.runs[number]
            assert number > before.runs_started, "a number that was given before"
            assert run.f.year > 1, "a run of what nobody has"
            assert (
                run.f == after.end_f
                if run.forced
                else run.f > before.start_f
                or before.health != "ok"
                or before.next_release is not None
            )
            self._pins(after, number)

    def _pins(self, after: PondState, number: int) -> None:
        run = after.runs[number]
        assert set(run.pins) == set(after.sources)
        required = [view.report.end_f for view in after.sources.values() if not view.optional]
        if required and not run.forced:
            assert run.f == min(required)
        elif after.sources and not run.forced:
            assert run.f == max(view.report.end_f for view in after.sources.values())
        for line, pin in run.pins.items():
            view = after.sources[line]
            assert (view.report.end_f, pin) in self.said.get(line, {(NEVER, 0)}), (
                "a freshness and a snapshot that never went together"
            )
            assert view.optional or run.forced or view.report.end_f >= run.f, (
                "only a forced run may read a new Source that is behind it"
            )
            assert pin == 0 or self.world.snapshots[line, pin].f <= view.report.end_f


def whole(world: World) -> None:
    """Every published snapshot is one run's: each Ripple has written in this very run, or said
    "no change" in it.
    """
    skipped = {
        (to, signal.run, signal.ripple)
        for to, signal, _ in world.log
        if isinstance(signal, RippleSucceeded) and signal.skipped
    }
    for (line, number), snapshot in world.snapshots.items():
        for ripple in world.shapes.get((line, number), ()):  # a removal of a table is nobody's run
            written = snapshot.tables.get(ripple)
            run = writer_of(written.key)[0] if written else 0
            assert run == number or (run < number and (line, number, ripple) in skipped), (
                f"{line}/{number} mixes in {ripple} of run {run}"
            )


def once(world: World) -> None:
    """No attempt was started twice."""
    started = [attempted for attempted, _ in world.attempts]
    assert len(started) == len(set(started))


def at_rest(world: World) -> bool:
    """Nothing runs and nothing is wanted of what is deployed, and no branch of an execution
    waits.
    """
    deployed = [state for state in world.states.values() if state.release is not None]
    return not world.waiting() and not any(
        s.runs or s.pull or s.kept or s.woken or s.force or s.targets for s in deployed
    )


def settle(
    world: World, graph: Graph, order: Callable[[list[Release]], list[Release]] = list
) -> None:
    """Deploy ``graph`` and let the letters arrive."""
    world.deploy(*order(list(graph.releases)))
    world.run_until()


def world_of(conditions: Conditions, seed: int = 0) -> World:
    """A world that is watched."""
    world = World(conditions, seed)
    world.watch = Laws(world)
    return world


def with_checks(release: Release) -> Release:
    """The release with a check, as a deploy adds the Ripple that makes it."""
    above = {parent for spec in release.ripples for parent in spec.parents}
    leaves = tuple(spec.name for spec in release.ripples if spec.name not in above)
    return replace(
        release, ripples=(*release.ripples, RippleSpec(CHECKS, leaves, checks=("amounts",)))
    )


def newer(release: Release, version: str) -> Release:
    """Another version of it."""
    return replace(release, version=version)
