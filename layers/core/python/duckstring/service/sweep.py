"""The slow sweep: finds what no event told, and tells it. Safe beside everything else, and twice at once.

It changes no line's state: a letter is only a fact, and the orchestrator decides. What it deletes, no
published, pinned or unfinished thing names, and it is a day old.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from duckstring.engine.signals import AlarmRang, ExecutionEnded
from duckstring.engine.state import PondState, Run
from duckstring.model.catalog import Release
from duckstring.model.instants import Instant, to_text
from duckstring.model.names import Line, run_key
from duckstring.ports import Catalog, Cellar, Clock, ExecutionReader, Letter, Mailbox, Seen, StateReader
from duckstring.service.announce import announcement
from duckstring.service.graph import in_order
from duckstring.service.tables import written_in

GRACE = timedelta(minutes=1)
"""What is younger is likely on its way."""
DAY = timedelta(days=1)
SILENT = timedelta(minutes=45)
"""Longer than any attempt lives: a function's 15 minutes, and all that the machine waits before it starts one."""
ABSENT = timedelta(hours=6)
"""Longer than a branch waits for one of the Map's places."""
SPARED = 3
"""Snapshots kept besides the pinned ones."""
LOST = "LOST"
"""The status told of an execution that does not exist."""

Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class Rounds:
    """What the sweep needs of the world."""

    catalog: Catalog
    states: StateReader
    executions: ExecutionReader
    cellar: Cellar
    mailbox: Mailbox
    clock: Clock


@dataclass(slots=True)
class Report:
    """What a sweep repaired. Lines and runs by name."""

    lines: int = 0
    ended: list[str] = field(default_factory=list)
    owing: list[Line] = field(default_factory=list)
    woken: list[Line] = field(default_factory=list)
    untold: list[Line] = field(default_factory=list)
    tidied: bool = False
    manifests: int = 0
    objects: int = 0
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
    seen = rounds.states.read(in_order(releases))
    report = Report(lines=len(releases))
    letters: list[Letter] = []
    for line in sorted({*seen, *releases}):
        letters += _deployment(line, seen.get(line), releases.get(line), now, report)
    for line, held in sorted(seen.items()):
        letters += _endings(held, rounds.executions, now, report)
        letters += _wake(line, held, now, report)
    rounds.mailbox.send(letters)
    if rounds.cellar.claim(now):
        _tidy(seen, rounds.cellar, now, report)
    return report.to_json()


def _deployment(line: Line, held: Seen | None, release: Release | None, now: Instant, report: Report) -> Iterator[Letter]:
    """A selection that its line never heard of: the deploy died between the two."""
    heard = (held.state.next_release or held.state.release) if held else None
    if release is None or now - release.deployed < GRACE or (heard and heard.deployed >= release.deployed):
        return
    report.untold.append(line)
    yield announcement(release)


def _endings(held: Seen, executions: ExecutionReader, now: Instant, report: Report) -> Iterator[Letter]:
    """Runs whose execution is over. Letters that its workers sent before are ahead of ours in the line's queue."""
    for run in held.state.runs.values():
        if (ending := _ending(held, run, executions, now)) is None:
            continue
        key = run_key(held.state.line, run.number)
        report.ended.append(key)
        signal = ExecutionEnded(run.number, run.launch, ending[0], ending[1])
        yield Letter(held.state.line, signal, key=f"sweep:{to_text(now)}:{key}-{run.launch}")


def _ending(held: Seen, run: Run, executions: ExecutionReader, now: Instant) -> tuple[str, str] | None:
    found = executions.describe(held.state.line, run=run.number, launch=run.launch)
    if found is None:
        return (LOST, "the execution does not exist") if _was_launched(held, run, now) else None
    if found[0] not in ("RUNNING", "PENDING_REDRIVE"):
        return found
    if (silent := _silent(held.state, run, now)) is None:
        return None
    executions.stop(held.state.line, run=run.number, launch=run.launch)
    return LOST, f"nothing was heard of {silent}"


def _silent(state: PondState, run: Run, now: Instant) -> str | None:
    """A Ripple whose attempt must be long over, or whose branch should have come for its verdict long ago: a word got lost."""
    for name, ripple in state.ripples.items():
        attempt = ripple.attempt
        if attempt is not None and attempt.run == run.number and now - attempt.since > (SILENT if attempt.dispatched else ABSENT):
            return f"attempt {attempt.number} of {name} for {int((now - attempt.since).total_seconds() // 60)} min"
    return None


def _was_launched(held: Seen, run: Run, now: Instant) -> bool:
    """Whether an execution that cannot be found should be there: describing lags behind starting, and a start may be owed."""
    if held.owes or now - run.started < GRACE:
        return False
    return run.launch == 1 or _is_quiet(held, now)


def _is_quiet(held: Seen, now: Instant) -> bool:
    """Whether the line's last letter is old enough for its effects to have been performed."""
    return now.timestamp() * 1000 - held.mark[0] > GRACE.total_seconds() * 1000


def _wake(line: Line, held: Seen, now: Instant, report: Report) -> Iterator[Letter]:
    """One nudge for a line whose effects are owed, whose alarm did not ring, or which has demand and does nothing."""
    owing = held.owes and _is_quiet(held, now)
    if not owing and not _is_late(held.state, now):
        return
    (report.owing if owing else report.woken).append(line)
    yield Letter(line, AlarmRang(), key=f"sweep:{to_text(now)}:{line}")


def _is_late(state: PondState, now: Instant) -> bool:
    if state.alarm is not None:
        return now - state.alarm > GRACE
    return not state.runs and (state.pull is not None or bool(state.targets) or state.woken is not None or state.force)


def _tidy(seen: Mapping[Line, Seen], cellar: Cellar, now: Instant, report: Report) -> None:
    """Delete what nobody can read any more.

    Manifests are listed after the states were read, so none is missing that a state of then names; runs and
    snapshots newer than that have objects younger than a day.
    """
    states = {line: held.state for line, held in seen.items()}
    named: set[str] = set()
    for line, state in states.items():
        manifests = cellar.manifests(line)
        spared = _spared(state, manifests, states.values(), now)
        cellar.drop_manifests(line, sorted(set(manifests) - spared))
        report.manifests += len(set(manifests) - spared)
        named |= set(_named(state)).union(*(manifests[number][1] for number in spared))
    stale = [key for key in cellar.objects(now - DAY) if key not in named and not _may_be_wanted(key, states)]
    cellar.drop_objects(stale)
    report.objects, report.tidied = len(stale), True
    report.uploads = cellar.abort_uploads(now - DAY)


def _spared(
    state: PondState, manifests: Mapping[int, tuple[Instant, frozenset[str]]], others: Collection[PondState], now: Instant
) -> frozenset[int]:
    """The published snapshot and what came after it, the last few, the young, and all that any Sink pinned or may pin next."""
    pinned = {run.pins.get(state.line, 0) for other in others for run in other.runs.values()}
    next_pins = {other.sources[state.line].snapshot for other in others if state.line in other.sources}
    young = {number for number, (f, _) in manifests.items() if number >= state.snapshot or now - f < DAY}
    return frozenset(manifests) & (pinned | next_pins | young | set(sorted(manifests)[-SPARED:]))


def _named(state: PondState) -> Iterator[str]:
    yield from (version.key for version in state.tables.values())
    yield from (version.key for run in state.runs.values() for version in run.outputs.values())


def _may_be_wanted(key: str, states: Mapping[Line, PondState]) -> bool:
    """Of a line that we know nothing of, of a run in flight, or of one that we do not know yet; or no table version at all."""
    try:
        state, number = states.get(Line(key.split("/")[1])), written_in(key)
    except (IndexError, ValueError):
        return True
    return state is None or number in state.runs or number > state.runs_started
