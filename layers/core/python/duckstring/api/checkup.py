"""What is wrong with lines: letters and answers that were lost, and that the sweep should have
repaired by now. Changes nothing.

A line that failed, was killed or is blocked is not reported here: that is the business of its Pond
or its operator, and ``status`` shows it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING

from duckstring.api.ports import IcebergReader
from duckstring.api.status import hold_told
from duckstring.engine.shown import shown_snapshot
from duckstring.engine.state import Run
from duckstring.errors import TransientError
from duckstring.model import commands
from duckstring.model.catalog import Release
from duckstring.model.durations import duration_in_words
from duckstring.model.graph import in_order
from duckstring.model.iceberg import databases, not_shown
from duckstring.model.instants import Instant, to_text
from duckstring.model.lake import shown
from duckstring.model.names import Line, run_key
from duckstring.model.said import Hold
from duckstring.ports import SOON, Catalog, Clock, ExecutionReader, Operated, Seen, StateReader

if TYPE_CHECKING:
    from duckstring.model.answers.common import FindingKind
    from duckstring.model.answers.doctor import DoctorAnswer, LineFinding

ROUND = timedelta(minutes=5)
"""How often the sweep comes (``infra/clock.py``)."""
PATIENCE = 2 * ROUND
"""What one round could not repair, the next one does."""
MOST = 200
"""So many runs in flight are looked at: Step Functions answers a few a second."""

_SWEEP = (
    "The sweep repairs this every 5 minutes. That it has not: see what is said of the sweep and "
    "the orchestrator."
)

_EXPORT = (
    "Duckstring asks for it again every 5 minutes. See what is said of the iceberg function: its "
    "log says why it fails."
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: ``kind`` for programs, ``message`` and ``hint`` for people."""

    kind: FindingKind
    line: Line
    message: str
    hint: str = _SWEEP
    since: Instant | None = None

    def to_json(self) -> LineFinding:
        """In the form of docs/protocol.md."""
        since = to_text(self.since) if self.since else None
        return {
            "kind": self.kind,
            "line": self.line,
            "since": since,
            "message": self.message,
            "hint": self.hint,
        }


@dataclass(frozen=True, slots=True)
class Glue:
    """The Iceberg tables of a Catchment of this name. ``after``: how long the exporter waits for
    more to be published.
    """

    known: IcebergReader
    catchment: str
    after: timedelta


def checkup(
    *,
    catalog: Catalog,
    states: StateReader,
    executions: ExecutionReader,
    operated: Operated,
    clock: Clock,
    glue: Glue | None,
) -> DoctorAnswer:
    """Look at every line. ``glue``: None if the Catchment has no Iceberg tables.

    Returns:
        ``{"now", "lines": n, "runs": n in flight, "looked_at": n of them, "findings": [...]}``.
    """
    now, releases = clock.now(), catalog.releases()
    seen = states.read(in_order(releases))
    flights = [(held, run) for _, held in sorted(seen.items()) for run in held.state.runs.values()]
    looked, found = (
        0,
        [*_not_received(releases, seen, now), *_owing(seen, now), *_missed_alarms(seen, now)],
    )
    hold = operated.hold()
    found += _untold(hold, releases, seen, now)
    found += _not_in_glue(seen, glue, now)
    for held, run in islice(flights, MOST):
        try:
            found += _lost_executions(held, run, executions, now)
        except TransientError:  # throttled: the numbers in the answer show what was not looked at
            break
        looked += 1
    return {
        "now": to_text(now),
        "lines": len(releases),
        "runs": len(flights),
        "looked_at": looked,
        "findings": [one.to_json() for one in found],
        "maintenance": hold_told(hold) if hold.on else None,
    }


def _untold(
    hold: Hold, releases: Mapping[Line, Release], seen: Mapping[Line, Seen], now: Instant
) -> Iterator[Finding]:
    """Lines that have not heard whether new runs are held."""
    for line in sorted(releases):
        heard = seen[line].state.hold.on if line in seen else False
        if heard != hold.on and now - hold.at > PATIENCE:
            what = "has not heard that maintenance is on" if hold.on else "still holds its runs"
            again = "on" if hold.on else "off"
            yield Finding("hold", line, f"{what}.", f"Say it again: {commands.maintenance(again)}")


def _not_received(
    releases: Mapping[Line, Release], seen: Mapping[Line, Seen], now: Instant
) -> Iterator[Finding]:
    """Deploys that their line has not received."""
    for line, release in sorted(releases.items()):
        held = seen.get(line)
        received = (held.state.next_release or held.state.release) if held else None
        if now - release.deployed > PATIENCE and (
            received is None or received.deployed < release.deployed
        ):
            ago = _ago(now - release.deployed)
            what = (
                f"has not received the deploy of {release.version}, {ago} ago: it runs the "
                "version before, or nothing."
            )
            yield Finding("deploy", line, what, since=release.deployed)


def _owing(seen: Mapping[Line, Seen], now: Instant) -> Iterator[Finding]:
    """Effects that were committed and may never have been performed. The sweep nudges such a line
    once they are older than ``SOON``.
    """
    for line, held in sorted(seen.items()):
        age = now - held.committed
        if held.owes and age > SOON + PATIENCE + ROUND:
            what = (
                f"committed effects {_ago(age)} ago, and nobody knows whether they were "
                "performed: its deliveries die or fail."
            )
            yield Finding("outbox", line, what, since=held.committed)


def _missed_alarms(seen: Mapping[Line, Seen], now: Instant) -> Iterator[Finding]:
    """An alarm (of a Tide, a back-off, a Window) that did not ring."""
    for line, held in sorted(seen.items()):
        alarm = held.state.alarm
        if alarm is not None and now - alarm > PATIENCE:
            yield Finding(
                "alarm",
                line,
                f"waits for an alarm that was due {_ago(now - alarm)} ago.",
                since=alarm,
            )


def _not_in_glue(seen: Mapping[Line, Seen], glue: Glue | None, now: Instant) -> Iterator[Finding]:
    """Lines that Glue does not show as they are published, though the exporter had time."""
    if glue is None:
        return
    published = {line: shown_snapshot(held.state) for line, held in seen.items()}
    told = {line: shown(run_key(line, one.number), one.f) for line, one in published.items() if one}
    names = databases(glue.catchment, told.keys())
    for line in sorted(not_shown(names, told, glue.known.all().values())):
        since = seen[line].committed if line in seen else now
        if line not in seen or now - since > glue.after + PATIENCE:
            what = (
                "is not in Glue as it is published: its export to Iceberg did not come to its end."
            )
            yield Finding("iceberg", line, what, _EXPORT, since=since if line in seen else None)


def _lost_executions(
    held: Seen, run: Run, executions: ExecutionReader, now: Instant
) -> Iterator[Finding]:
    """A run in flight without an execution, and without a letter on its way that would report its
    end.
    """
    quiet = timedelta(milliseconds=now.timestamp() * 1000 - held.mark[0])
    if min(now - run.started, quiet) < PATIENCE:
        return
    described = executions.describe(held.state.line, run=run.number, launch=run.launch)
    status, cause = described or ("gone", "there is none")
    if status not in {"RUNNING", "PENDING_REDRIVE"}:
        because = f": {cause}" if cause else ""
        what = (
            f"has run {run_key(held.state.line, run.number)} in flight since "
            f"{_ago(now - run.started)}, whose execution is {status}{because}."
        )
        yield Finding("execution", held.state.line, what, since=run.started)


def _ago(duration: timedelta) -> str:
    return duration_in_words(timedelta(minutes=duration // timedelta(minutes=1)))
