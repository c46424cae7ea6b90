"""Tells a receiver of OpenLineage of runs: reads a run's rows, makes its events, and posts them.

Nothing here is kept. What is told is made of history, so a message that comes again is told again,
with the same ids.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from duckstring.author.columns import ColumnTypes
from duckstring.exporter.openlineage_events import Told, begun, events_of, is_over, written_by
from duckstring.exporter.openlineage_ports import (
    OpenLineagePorts,
    RefusedError,
    UnreachableError,
)
from duckstring.model.catalog import TableVersion
from duckstring.model.names import Line, parse_run
from duckstring.model.values import replace

RUNNING = "running"


@dataclass(frozen=True, slots=True)
class News:
    """A run has begun or ended. ``id``: the message's. ``status``: the run's when it was sent."""

    id: str
    run: str
    status: str


@dataclass(slots=True)
class Report:
    """How many events were posted, and for each message that has to come again, why."""

    posted: int = 0
    again: dict[str, str] = field(default_factory=dict)


def tell_all(
    ports: OpenLineagePorts, news: Sequence[News], has_time: Callable[[], bool] = lambda: True
) -> Report:
    """Tell of all that is new, in order. After a message of a run that has to come again, later
    ones of the same run have to, too. If the receiver cannot be reached, it is asked once.
    ``has_time``: whether there is time for one more message.
    """
    report, held, down = Report(), set[str](), ""
    for one in news:
        down = down or ("" if has_time() else "the receiver is slow: there was no time left")
        if down or one.run in held:
            report.again[one.id] = down or "after an earlier one of its run"
            continue
        try:
            report.posted += tell(ports, one)
        except UnreachableError as error:
            down = report.again[one.id] = error.message
        except RefusedError as error:
            report.again[one.id] = error.message
            held.add(one.run)
    return report


def tell(ports: OpenLineagePorts, news: News) -> int:
    """Post the events of one run: its START, or all of them once it is over. Returns how many. A
    run whose row is gone has none.

    Raises:
        UnreachableError: the receiver does not answer.
        RefusedError: the receiver refused an event.
    """
    line, number = parse_run(news.run)
    run = ports.past.run(line, number)
    if run is None:
        return 0
    if news.status == RUNNING or not is_over(run):
        ports.receiver.post(begun(Told(run), ports.place))
        return 1
    posted = 0
    for event in events_of(_told(ports, line, number, Told(run)), ports.place):
        ports.receiver.post(event)
        posted += 1
    return posted


def _told(ports: OpenLineagePorts, line: Line, number: int, told: Told) -> Told:
    has_manifest = told.publishes or told.run["status"] in {"removal", "rollback"}
    manifest = ports.snapshots.read(line, number) if has_manifest else None
    attempts = ports.past.attempts(line, number)
    told = replace(told, attempts=attempts, manifest=manifest)
    written = {name: one for row in attempts for name, one in written_by(told, row).items()}
    return replace(told, columns=_columns(ports, written))


def _columns(
    ports: OpenLineagePorts, versions: Mapping[str, TableVersion]
) -> Mapping[str, ColumnTypes]:
    """Those that can be read: an object may be gone, and an author's may hold anything."""
    found = ports.schemas.columns(list(versions.values()))
    pairs = zip(versions, found, strict=True)
    return {name: one for name, one in pairs if not isinstance(one, Exception)}
