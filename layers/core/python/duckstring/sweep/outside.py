"""Whether the lake and the Iceberg tables show what is published.

The exporters hear of each run that publishes. An event may be lost; a line that is removed, a table
that is dropped and a snapshot that is published again send none.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from duckstring.engine.shown import shown_snapshot
from duckstring.model.iceberg import not_shown
from duckstring.model.instants import NEVER, Instant
from duckstring.model.lake import digest_of, shown
from duckstring.model.names import Line, run_key
from duckstring.ports import Seen
from duckstring.sweep.ports import SweepPorts
from duckstring.sweep.report import Report

GRACE = timedelta(minutes=1)
"""What is younger is likely on its way."""


def look_outside(
    seen: Mapping[Line, Seen], ports: SweepPorts, now: Instant, report: Report
) -> None:
    """Ask for an export of what is not shown as it is published."""
    if not (ports.lake.is_there or ports.iceberg.is_there):
        return
    published = {line: shown_snapshot(held.state) for line, held in seen.items()}
    told = {line: shown(run_key(line, one.number), one.f) for line, one in published.items() if one}
    late = now - ports.lake_after - GRACE
    due = {line for line, held in seen.items() if held.committed < late}
    _look_at_lake(told, ports, now, report, waits=seen.keys() - due)
    _look_at_iceberg(told, ports, now, report, waits=seen.keys() - due)


def _look_at_lake(
    told: Mapping[Line, str], ports: SweepPorts, now: Instant, report: Report, *, waits: set[Line]
) -> None:
    lake, newest = ports.lake, ports.lake.latest()
    if not lake.is_there:
        return
    if newest is not None and newest.digest == digest_of(told):
        # In a Catchment at rest old versions would keep their objects.
        if NEVER < newest.expires < now:
            lake.ask(())
        return
    listing = lake.listing(newest) if newest is not None else None
    if listing is None:
        report.not_in_lake = sorted(told)
        lake.ask(())
        return
    report.not_in_lake = sorted(
        line
        for line in {*told, *listing.lines}
        if told.get(line) != listing.lines.get(line) and line not in waits
    )
    if report.not_in_lake:
        lake.ask(report.not_in_lake)


def _look_at_iceberg(
    told: Mapping[Line, str], ports: SweepPorts, now: Instant, report: Report, *, waits: set[Line]
) -> None:
    iceberg = ports.iceberg
    if not iceberg.is_there:
        return
    if iceberg.claim_look(now):
        # Others may write to Glue, and delete what is there. What was left out may have room now.
        iceberg.look()
        report.looked = True
    held = iceberg.databases()
    lines = not_shown(iceberg.names(told.keys()), told, held)
    report.not_in_iceberg = sorted(lines - waits)
    old = {one.line for one in held if NEVER < one.expires < now}
    if asked := {*report.not_in_iceberg, *old}:
        iceberg.ask(asked)
