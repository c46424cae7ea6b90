"""What a Ripple's attempt may see: its run's tables, its Sources' snapshots, and the environment."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256

from duckstring.author.pond import Surroundings
from duckstring.author.tables import SourceTables
from duckstring.engine.state import PondState, Run
from duckstring.errors import TransientError
from duckstring.model.attempts import Began
from duckstring.model.catalog import DroppedTable, TableVersion
from duckstring.model.instants import NEVER, Instant
from duckstring.model.names import Line, parse_line, run_key, try_key
from duckstring.service.worker import Order, Secrets, Worker

_RESERVED = ("AWS_", "DUCKSTRING_", "LAMBDA_", "PYTHON", "LD_")


def variables(secrets: Secrets) -> dict[str, str]:
    """The Catchment's secret as environment variables, less those that are the machine's own."""
    return {name: value for name, value in secrets.entries().items() if not name.startswith(_RESERVED)}


@contextmanager
def environment(entries: Mapping[str, str]) -> Iterator[None]:
    """``entries`` are environment variables within the block: a warm worker forgets a secret that was removed."""
    before = {name: os.environ.get(name) for name in entries}
    os.environ.update(entries)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def visible_tables(state: PondState, run: Run) -> dict[str, TableVersion]:
    """The Pond's own tables as this run sees them: published, then of open runs up to its own freshness, newest last."""
    tables = dict(state.tables)
    for other in _open_up_to(state, run):
        tables = {name: version for name, version in tables.items() if name not in other.dropped} | dict(other.outputs)
    return tables


def dropped_tables(state: PondState, run: Run) -> dict[str, DroppedTable]:
    """Those that were there once, and those that open runs have dropped."""
    dropped = dict(state.dropped)
    for other in _open_up_to(state, run):
        dropped |= {name: DroppedTable(other.number, other.version) for name in other.dropped - other.outputs.keys()}
    return dropped


def previous_freshness(state: PondState, run: Run, ripple: str) -> Instant:
    """The freshness of the tables that ``ripple`` finds: what is published, or what open runs before this one made of it."""
    held = state.ripples[ripple].end_f
    done = [other.f for other in _open_up_to(state, run) if other.number != run.number and other.f <= held]
    return max([state.end_f, *done])


def _open_up_to(state: PondState, run: Run) -> list[Run]:
    """A failed run's tables are seen by nobody but itself."""
    older = [other for other in state.runs.values() if other.f <= run.f and other.number <= run.number]
    seen = [other for other in older if other.failure is None or other.number == run.number]
    return sorted(seen, key=lambda other: (other.f, other.number))


def surroundings(order: Order, state: PondState, began: Began, worker: Worker, *, ends: Instant) -> Surroundings:
    """Those of an attempt of a run in flight."""
    run, tried = state.runs[order.run], try_of(order, state)
    previous = previous_freshness(state, run, order.ripple)
    since = NEVER if run.forced else previous
    return Surroundings(
        name=parse_line(order.line)[0],
        line=order.line,
        version=run.version,
        run=order.run,
        ripple=order.ripple,
        attempt=order.attempt,
        invocation=sha256(order.site.request_id.encode()).hexdigest()[:8],
        run_key=try_key(worker.catchment, order.line, run.number, run.started, ripple=order.ripple, tried=tried),
        f=run.f,
        previous_f=previous,
        ends=ends,
        pauses=began.pauses,
        own=visible_tables(state, run),
        published=state.tables,
        dropped=dropped_tables(state, run),
        written=frozenset(run.outputs),
        sources={parse_line(line)[0]: _source(state, line, number, since, worker) for line, number in sorted(run.pins.items())},
        environment=os.environ,
    )


def try_of(order: Order, state: PondState) -> int:
    """Which try of its Ripple an attempt belongs to."""
    attempt = state.ripples[order.ripple].attempt
    return attempt.tried if attempt else 1


def _source(state: PondState, line: Line, number: int, since: Instant, worker: Worker) -> SourceTables:
    """What the run pinned. A Source whose output has not changed since, as far as it has told, has not changed in the pin."""
    if not number:
        return SourceTables(None, changed=False)
    if (snapshot := worker.snapshots.read(line, number)) is None:
        raise TransientError(f"The snapshot {run_key(line, number)} that this run reads is gone.", hint="A new run pins a newer one.")
    told = state.sources.get(line)
    changed = snapshot.f > since and (told is None or told.changed_f > since)
    fresh = told.end_f if told and told.snapshot == number else snapshot.f
    return SourceTables(snapshot.tables, changed, line, snapshot.dropped, number, snapshot.f, max(fresh, snapshot.f))
