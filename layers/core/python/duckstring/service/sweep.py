"""The slow sweep: finds what no event told, and tells it. Safe beside everything else, and twice at once.

It changes no line's state: a letter is only a fact, and the orchestrator decides. What it deletes, no
published, pinned or unfinished thing names, and it is a day old.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import groupby

from duckstring.engine.signals import AlarmRang, ExecutionEnded
from duckstring.engine.state import PondState, Run
from duckstring.errors import TransientError
from duckstring.model.attempts import LONGEST
from duckstring.model.catalog import Release, Removal
from duckstring.model.instants import Instant, from_text, to_text
from duckstring.model.names import Line, parse_table_key, run_key
from duckstring.model.verdicts import MOST_BRANCHES
from duckstring.ports import AttemptReader, Catalog, Cellar, Clock, ExecutionReader, Letter, Mailbox, Removals, Row, Seen, StateReader
from duckstring.service.announce import announcement, is_unheard, obituary
from duckstring.service.deliver import SOON
from duckstring.service.graph import in_order

GRACE = timedelta(minutes=1)
"""What is younger is likely on its way."""
DAY = timedelta(days=1)
SILENT = timedelta(minutes=45)
"""Longer than an invocation lives, and all that the machine waits after it."""
ABSENT = timedelta(hours=6)
"""Longer than a branch waits for its verdict, or for room in the account to be run (``infra/machine.py``)."""
SPARED = 3
"""Snapshots kept besides the pinned ones."""
LOST = "LOST"
"""The status told of an execution that does not exist."""

Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class Rounds:
    """What the sweep needs of the world."""

    catalog: Catalog
    removals: Removals
    states: StateReader
    executions: ExecutionReader
    attempts: AttemptReader
    cellar: Cellar
    mailbox: Mailbox
    clock: Clock


@dataclass(slots=True)
class Report:
    """What a sweep repaired. Lines and runs by name."""

    lines: int = 0
    ended: list[str] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)
    owing: list[Line] = field(default_factory=list)
    woken: list[Line] = field(default_factory=list)
    untold: list[Line] = field(default_factory=list)
    removed: list[Line] = field(default_factory=list)
    tidied: bool = False
    manifests: int = 0
    memos: int = 0
    objects: int = 0
    packages: int = 0
    uploads: int = 0

    def to_json(self) -> Json:
        """As the log and the caller read it."""
        return {name: getattr(self, name) for name in self.__slots__}


def sweep(rounds: Rounds) -> Json:
    """Go round once.

    Returns:
        The report: what was found and told, what was deleted.
    """
    now = rounds.clock.now()
    releases = rounds.catalog.releases()
    removals = {removal.line: removal for removal in rounds.removals.removed() if not removal.cleared}
    seen = rounds.states.read({*in_order(releases), *removals})
    report = Report(lines=len(releases))
    letters = list(_obituaries(removals, seen, now, report))
    for line in sorted({*seen, *releases}):
        letters += _deployment(line, seen.get(line), releases.get(line), now, report)
    for line, held in sorted(seen.items()):
        letters += _endings(held, rounds, now, report)
        letters += _wake(line, held, now, report)
    rounds.mailbox.send(letters)
    if rounds.cellar.claim(now):
        _tidy(seen, removals, rounds.cellar, now, report)
        _tidy_packages(seen, rounds, now, report)
        for removal in _finished(seen, removals, releases, now):
            rounds.removals.mark_cleared(removal)
    return report.to_json()


def _obituaries(removals: Mapping[Line, Removal], seen: Mapping[Line, Seen], now: Instant, report: Report) -> Iterator[Letter]:
    """A removal that its line never heard of. It goes before a later deploy of the line."""
    for line, removal in sorted(removals.items()):
        if line in seen and now - removal.at >= GRACE and is_unheard(removal, seen[line].state):
            report.removed.append(line)
            yield obituary(removal)


def _deployment(line: Line, held: Seen | None, release: Release | None, now: Instant, report: Report) -> Iterator[Letter]:
    """A selection that its line never heard of: the deploy died between the two."""
    heard = (held.state.next_release or held.state.release) if held else None
    if release is None or now - release.deployed < GRACE or (heard and heard.deployed >= release.deployed):
        return
    report.untold.append(line)
    yield announcement(release)


def _endings(held: Seen, rounds: Rounds, now: Instant, report: Report) -> Iterator[Letter]:
    """Runs whose execution is over. Letters that its workers sent before are ahead of ours in the line's queue."""
    for run in held.state.runs.values():
        key = run_key(held.state.line, run.number)
        try:
            ending = _ending(held, run, rounds, now)
        except TransientError:  # of very many runs in flight some are looked at by the next round; the rest of this one goes on
            report.unseen.append(key)
            continue
        if ending is None:
            continue
        report.ended.append(key)
        signal = ExecutionEnded(run.number, run.launch, ending[0], ending[1])
        yield Letter(held.state.line, signal, key=f"sweep:{to_text(now)}:{key}-{run.launch}")


def _ending(held: Seen, run: Run, rounds: Rounds, now: Instant) -> tuple[str, str] | None:
    found = rounds.executions.describe(held.state.line, run=run.number, launch=run.launch)
    if found is None:
        return (LOST, "the execution does not exist") if _was_launched(held, run, now) else None
    if found[0] not in ("RUNNING", "PENDING_REDRIVE"):
        return found
    if (silent := _silent(held.state, run, rounds.attempts, now)) is None:
        return None
    rounds.executions.stop(held.state.line, run=run.number, launch=run.launch)
    return LOST, f"nothing was heard of {silent}"


def _silent(state: PondState, run: Run, attempts: AttemptReader, now: Instant) -> str | None:
    """A Ripple whose attempt must be long over, or whose branch should have come for its verdict long ago: a word got lost."""
    working = {name: ripple.attempt for name, ripple in state.ripples.items() if ripple.attempt and ripple.attempt.run == run.number}
    is_crowded = len(state.ripples) > MOST_BRANCHES

    def heard_of(name: str) -> bool | None:
        """None: it has not begun."""
        row = attempts.attempt(state.line, run=run.number, ripple=name, attempt=working[name].number)
        return None if row is None else _is_heard_of(row, _longest(state, name), now)

    for name, attempt in working.items():
        waited = now - attempt.since
        if waited <= SILENT or (heard := heard_of(name)):
            continue
        # Of more Ripples than the machine has places for, one waits for its place as long as others are at work.
        if heard is None and (waited <= ABSENT or (is_crowded and any(heard_of(other) for other in working))):
            continue
        return f"attempt {attempt.number} of {name} for {int(waited.total_seconds() // 60)} min"
    return None


def _is_heard_of(row: Row, longest: timedelta, now: Instant) -> bool:
    """Whether an attempt may live, or what it said of its end be under way.

    A task, whose silence the machine notices by itself, and one that pauses live until their own time is over, and a while more.
    """
    ended = row.get("finished") if row.get("status") != "running" else None
    if not (at := ended or row.get("started")):
        return False
    is_long = ended is None and row.get("status") == "running" and (row.get("where") == "task" or row.get("pauses"))
    return now - from_text(str(at)) <= (longest + SILENT if is_long else SILENT)


def _longest(state: PondState, name: str) -> timedelta:
    asked = (spec.timeout_seconds for spec in (state.release.ripples if state.release else ()) if spec.name == name)
    return next((timedelta(seconds=seconds) for seconds in asked if seconds), LONGEST)


def _was_launched(held: Seen, run: Run, now: Instant) -> bool:
    """Whether an execution that cannot be found should be there: describing lags behind starting, and a start may be owed."""
    if held.owes or now - run.started < GRACE:
        return False
    return run.launch == 1 or _is_quiet(held, now)


def _is_quiet(held: Seen, now: Instant) -> bool:
    """Whether the line's last letter is old enough for its effects to have been performed."""
    return now.timestamp() * 1000 - held.mark[0] > GRACE.total_seconds() * 1000


def _wake(line: Line, held: Seen, now: Instant, report: Report) -> Iterator[Letter]:
    """One nudge for a line whose effects may be owed, whose alarm did not ring, or which has demand and does nothing.

    A nudge that comes too soon after the commit would be proof that nothing is owed (``service/deliver.py``).
    """
    owing = held.owes and now - held.committed > SOON + GRACE
    if not owing and not _is_late(held.state, now):
        return
    (report.owing if owing else report.woken).append(line)
    yield Letter(line, AlarmRang(), key=f"sweep:{to_text(now)}:{line}")


def _is_late(state: PondState, now: Instant) -> bool:
    if state.alarm is not None:
        return now - state.alarm > GRACE
    return not state.runs and (state.pull is not None or bool(state.targets) or state.woken is not None or state.force)


def _tidy(seen: Mapping[Line, Seen], removals: Mapping[Line, Removal], cellar: Cellar, now: Instant, report: Report) -> None:
    """Delete what nobody can read any more.

    Manifests are listed after the states were read, so none is missing that a state of then names; runs and
    snapshots newer than that have objects younger than a day.
    """
    states = {line: held.state for line, held in seen.items()}
    named: set[str] = set()
    for line, state in states.items():
        manifests = cellar.manifests(line)
        pinned = _pinned(line, states.values())
        spared = frozenset(manifests) & pinned if _is_over(state, removals, now) else _spared(state, manifests, pinned, now)
        cellar.drop_manifests(line, sorted(set(manifests) - spared))
        report.manifests += len(set(manifests) - spared)
        # A day is more than the call of an on_kill waits, which looks at what its Ripple remembered.
        stale_memos = [name for name, run in cellar.memos(line, now - DAY).items() if run not in state.runs]
        cellar.drop_memos(line, sorted(stale_memos))
        report.memos += len(stale_memos)
        named |= set(_named(state)).union(*(manifests[number][1] for number in spared))
    stale = [key for key in cellar.objects(now - DAY) if key not in named and not _may_be_wanted(key, states)]
    cellar.drop_objects(stale)
    report.objects, report.tidied = len(stale), True
    report.uploads = cellar.abort_uploads(now - DAY)


def _is_over(state: PondState, removals: Mapping[Line, Removal], now: Instant) -> bool:
    """Removed, a day ago, and not deployed again: the line's own last snapshots are of no use to anybody."""
    removal = removals.get(state.line)
    return removal is not None and state.release is None and state.next_release is None and now - removal.at >= DAY


def _finished(
    seen: Mapping[Line, Seen], removals: Mapping[Line, Removal], releases: Mapping[Line, Release], now: Instant
) -> Iterator[Removal]:
    """Removals that need no further look, after a tidying: all that the line ever wrote was a day old then, and is gone.

    A line that was deployed again is tidied as any other.
    """
    for line, removal in removals.items():
        state = seen[line].state if line in seen else None
        heard = state is None or not is_unheard(removal, state)
        if heard and (line in releases or now - removal.at >= 2 * DAY):
            yield removal


def _tidy_packages(seen: Mapping[Line, Seen], rounds: Rounds, now: Instant, report: Report) -> None:
    """Delete packages that no version names and no line runs, a day after they were uploaded.

    What is deployed is read after the packages were listed, a Pond at a time: an upload is deployed within minutes, and the
    command uploads again what has been lying there for long.
    """
    used = {artifact for held in seen.values() for artifact in _artifacts(held.state)}
    stale: list[str] = []
    packages = filter(_is_package, rounds.cellar.packages(now - DAY))
    for pond, keys in groupby(packages, key=lambda key: key.split("/")[1]):
        if unused := set(keys) - used:
            stale += sorted(unused - {release.artifact for release in rounds.removals.versions(pond).values()})
    rounds.cellar.drop_objects(stale)
    report.packages = len(stale)


def _is_package(key: str) -> bool:
    """``model.names.artifact_key``; what else lies there is not ours to delete."""
    return len(key.split("/")) == len(("artifacts", "pond", "version", "digest")) and key.endswith(".zip")


def _artifacts(state: PondState) -> Iterator[str]:
    yield from (release.artifact for release in (state.release, state.next_release) if release)
    yield from (run.artifact for run in state.runs.values())


def _pinned(line: Line, states: Collection[PondState]) -> frozenset[int]:
    """Snapshots of ``line`` that a Sink's run reads, or that one may pin next."""
    pinned = {run.pins.get(line, 0) for other in states for run in other.runs.values()}
    return frozenset(pinned | {other.sources[line].snapshot for other in states if line in other.sources})


def _spared(
    state: PondState, manifests: Mapping[int, tuple[Instant, frozenset[str]]], pinned: frozenset[int], now: Instant
) -> frozenset[int]:
    """The published snapshot and what came after it, the last few, the young, and all that any Sink pinned or may pin next."""
    young = {number for number, (f, _) in manifests.items() if number >= state.snapshot or now - f < DAY}
    return frozenset(manifests) & (pinned | young | set(sorted(manifests)[-SPARED:]))


def _named(state: PondState) -> Iterator[str]:
    yield from (version.key for version in state.tables.values())
    yield from (version.key for run in state.runs.values() for version in run.outputs.values())


def _may_be_wanted(key: str, states: Mapping[Line, PondState]) -> bool:
    """Of a line that we know nothing of, of a run in flight, or of one that we do not know yet; or no table version at all."""
    if (written := parse_table_key(key)) is None:
        return True
    state = states.get(written.line)
    return state is None or written.run in state.runs or written.run > state.runs_started
