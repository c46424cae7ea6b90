"""Laws of whole tables: none vanishes or grows old by accident, whatever authors and operators
do, in any order of letters.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from duckstring.engine.signals import RippleSucceeded, TableRemoved
from duckstring.engine.state import PondState
from duckstring.model.instants import Instant
from duckstring.model.names import Line, writer_of
from duckstring.model.values import replace
from duckstring.testing.simulator import Attempted, World, seconds
from tests.property.worlds import Graph, chance, graphs, looks, weather, world_of

TABLES = ("a", "b", "c", "d")


@dataclass
class Authors:
    """What the Ripples of a line write, keep and drop depends on the package that runs, and a
    little on the run.
    """

    seed: int
    world: World

    def _package(self, one: Attempted) -> str:
        run = self.world.states[one[0]].runs.get(one[1])
        return run.artifact if run else ""

    def _pick(self, one: Attempted, what: str, share: float) -> tuple[str, ...]:
        line, run, ripple, _ = one
        mine = [
            name
            for name in TABLES
            if chance((self.seed, self._package(one), what, ripple, name), share)
        ]
        return tuple(
            name for name in mine if chance((self.seed, line, run, what, ripple, name), 0.8)
        )

    def writes(self, one: Attempted) -> tuple[str, ...]:
        return self._pick(one, "writes", 0.75)

    def keeps(self, one: Attempted, _orphans: frozenset[str]) -> tuple[str, ...]:
        return self._pick(one, "keeps", 0.4)

    def drops(self, one: Attempted) -> tuple[str, ...]:
        return self._pick(one, "drops", 0.1)


def _work(world: World, graph: Graph, data: st.DataObject) -> None:
    """People trigger, deploy other versions, remove tables, wake and force."""
    releases = {release.line: release for release in graph.releases}
    for _ in range(data.draw(st.integers(4, 16))):
        line = data.draw(st.sampled_from(graph.lines))
        match data.draw(
            st.sampled_from(
                ["pulse", "pulse", "pulse", "tap", "deploy", "deploy", "table", "wake", "force"]
            )
        ):
            case "deploy":
                version = f"1.{data.draw(st.integers(0, 2))}.0"
                world.deploy(
                    replace(releases[line], version=version, artifact=f"artifacts/{line}/{version}")
                )
            case "table":
                world.remove_table(line, data.draw(st.sampled_from(TABLES)))
            case "pulse" | "tap" as kind:
                world.trigger(line, kind)
            case "wake":
                world.order(line, "wake")
            case _:
                world.order(line, "force")
        world.run_until(world.now + seconds(data.draw(st.sampled_from([0, 1, 20, 60]))))
    world.run_until(world.now + timedelta(hours=2))


@dataclass
class Ledger:
    """What was seen: each run's package, the runs that each snapshot published, the tables that
    a refused run left.
    """

    world: World
    packages: dict[tuple[Line, int], str] = field(default_factory=dict)
    published: dict[tuple[Line, int], list[int]] = field(default_factory=dict)
    refused: list[tuple[Line, int, list[int], list[str]]] = field(default_factory=list)

    def __call__(self, before: PondState, after: PondState) -> None:
        line = after.line
        self.packages.update(
            {(line, number): run.artifact for number, run in {**before.runs, **after.runs}.items()}
        )
        if (
            after.failures > before.failures
            and after.failure
            and after.failure.error == "ContractError"
        ):
            unwritten = [name for name in after.tables if name not in after.removing]
            self.refused.append((line, after.failed_run, _up_to(before, after.failed_f), unwritten))
        if after.snapshot != before.snapshot and after.snapshot in before.runs:
            self.published[line, after.snapshot] = _up_to(before, before.runs[after.snapshot].f)

    def words(self, line: Line, runs: list[int]) -> list[RippleSucceeded]:
        """What the Ripples of these runs said, each once."""
        said = [
            signal
            for to, signal, _ in self.world.log
            if to == line and isinstance(signal, RippleSucceeded) and signal.run in runs
        ]
        return list({(signal.run, signal.ripple): signal for signal in reversed(said)}.values())


def _up_to(state: PondState, f: Instant) -> list[int]:
    return [number for number, run in state.runs.items() if run.f <= f and run.failure is None]


@dataclass
class Account:
    """A line's tables at one snapshot: the object of each, and the packages that wrote or kept
    it.
    """

    keys: dict[str, str] = field(default_factory=dict)
    owners: dict[str, set[str]] = field(default_factory=dict)

    def next(self, number: int, line: Line, ledger: Ledger) -> Account:
        """The account after the following snapshot, which is held to the laws."""
        now = {
            name: version.key
            for name, version in ledger.world.snapshots[line, number].tables.items()
        }
        runs = ledger.published.get((line, number), [])
        words, package = ledger.words(line, runs), ledger.packages.get((line, number), "")
        owners = {name: set(packages) for name, packages in self.owners.items()}
        for name in self.keys.keys() | now.keys():
            written = now.get(name) not in {None, self.keys.get(name)}
            assert not written or writer_of(now[name])[0] in runs, (
                f"{line}/{number}: {name} is of a run that it does not publish"
            )
            if written or any(name in signal.kept for signal in words):
                owners[name] = {package}
            elif name not in now:
                removed = any(
                    to == line and isinstance(one, TableRemoved) and one.table == name
                    for to, one, _ in ledger.world.log
                )
                assert removed or any(name in signal.dropped for signal in words), (
                    f"{line}/{number}: {name} vanished"
                )
            elif runs and package not in owners[name]:
                writer = writer_of(now[name])[1]
                assert any(s.skipped and s.ripple == writer for s in words), (
                    f"{line}/{number}: {name} is carried over by nobody's wish"
                )
        return Account(now, owners)

    def unaccounted(
        self, names: list[str], words: list[RippleSucceeded], package: str
    ) -> list[str]:
        """Those of ``names`` that a run of ``package`` may not leave unwritten, having said
        ``words``.
        """
        done = {
            name for signal in words for name in (*signal.tables, *signal.kept, *signal.dropped)
        }
        idle = {signal.ripple for signal in words if signal.skipped} - {
            signal.ripple for signal in words if not signal.skipped
        }
        left = (name for name in names if name not in done and package not in self.owners[name])
        return [name for name in left if writer_of(self.keys[name])[1] not in idle]


@looks(60)
@given(graphs(most=2, ripples=2, optional=False), st.integers(0, 2**16), st.data())
def test_each_table_is_accounted_for_from_snapshot_to_snapshot(
    graph: Graph, seed: int, data: st.DataObject
) -> None:
    world = world_of(weather(seed), seed)
    authors, world.watch = Authors(seed, world), (ledger := Ledger(world))
    world.conditions = replace(
        world.conditions, writes=authors.writes, keeps=authors.keeps, drops=authors.drops
    )
    world.deploy(*graph.releases)
    world.run_until()
    _work(world, graph, data)
    for line in graph.lines:
        account = Account()
        accounts = {0: account}
        for number in sorted(number for of, number in world.snapshots if of == line):
            accounts[number] = account = account.next(number, line, ledger)
        for run, runs, names in (
            (run, runs, names) for of, run, runs, names in ledger.refused if of == line
        ):
            held, words = (
                accounts[max(number for number in accounts if number < run)],
                ledger.words(line, runs),
            )
            assert held.unaccounted(names, words, ledger.packages[line, run]), (
                f"{line}/{run} was refused, and leaves nothing that it may not"
            )
