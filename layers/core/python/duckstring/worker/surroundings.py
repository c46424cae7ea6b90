"""What a Ripple's attempt can see: its run's tables, its Sources' snapshots, and the
environment.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

from duckstring.author.surroundings import Surroundings
from duckstring.author.tables import SourceTables
from duckstring.engine.state import PondState, Run
from duckstring.engine.visible import (
    dropped_tables,
    open_up_to,
    visible_positions,
    visible_tables,
)
from duckstring.errors import TransientError
from duckstring.model.env_entries import Granted
from duckstring.model.instants import NEVER, Instant
from duckstring.model.names import Line, parse_line, run_key, try_key
from duckstring.model.secret_entries import RESERVED
from duckstring.ports import Snapshots
from duckstring.worker.checked import is_check_ripple, is_checked
from duckstring.worker.ports import Admitted, Order, Worker

_FEW, _AT_ONCE = 2, 8


def variables(granted: Granted) -> dict[str, str]:
    """What a Pond is given as environment variables, without those that the machine itself sets."""
    both = {**granted.environment, **granted.secrets}
    return {name: value for name, value in both.items() if not name.startswith(RESERVED)}


def previous_freshness(state: PondState, run: Run, ripple: str) -> Instant:
    """The freshness of the tables that ``ripple`` finds: what is published, or what open runs
    before this one wrote.
    """
    held = state.ripples[ripple].end_f
    done = [
        other.f
        for other in open_up_to(state, run)
        if other.number != run.number and other.f <= held
    ]
    published = state.held_f if state.held_f != NEVER else state.end_f
    return max([published, *done])


def surroundings(
    order: Order, state: PondState, sources: Mapping[str, SourceTables], worker: Worker
) -> Surroundings:
    """The surroundings of an attempt of a run in flight, without what is known when it begins
    (``pauses``, ``ends``, ``environment``).
    """
    run, tried = state.runs[order.run], try_of(order, state)
    return Surroundings(
        name=parse_line(order.line)[0],
        line=order.line,
        version=run.version,
        run=order.run,
        ripple=order.ripple,
        attempt=order.attempt,
        invocation=sha256(order.site.request_id.encode()).hexdigest()[:8],
        run_key=try_key(
            worker.catchment, order.line, run.number, run.started, ripple=order.ripple, tried=tried
        ),
        f=run.f,
        previous_f=previous_freshness(state, run, order.ripple),
        ends=NEVER,
        own=visible_tables(state, run),
        published=state.tables,
        dropped=dropped_tables(state, run),
        written=frozenset(run.outputs),
        sources=sources,
        checks=is_check_ripple(state, order.ripple),
        is_checked=is_checked(state, run, open_up_to(state, run)),
        positions=visible_positions(state, run, order.ripple),
        retry_on=_retry_on(state, order.ripple),
        takes_arrivals=not state.sources,
    )


def sources(order: Order, admitted: Admitted) -> dict[str, SourceTables]:
    """The snapshot that the run pinned of each of its Sources, by name. They are read in parallel.

    Raises:
        TransientError: a snapshot is gone.
    """
    state, snapshots = admitted.state, admitted.snapshots
    run = state.runs[order.run]
    since = NEVER if run.forced else previous_freshness(state, run, order.ripple)
    pins = sorted(run.pins.items())
    if len(pins) < _FEW:
        return {
            parse_line(line)[0]: _source(state, line, number, since, snapshots)
            for line, number in pins
        }
    with ThreadPoolExecutor(max_workers=min(_AT_ONCE, len(pins))) as pool:
        found = pool.map(lambda pin: _source(state, pin[0], pin[1], since, snapshots), pins)
        return {parse_line(line)[0]: one for (line, _), one in zip(pins, found, strict=True)}


def try_of(order: Order, state: PondState) -> int:
    """Which try of its Ripple an attempt belongs to."""
    attempt = state.ripples[order.ripple].attempt
    return attempt.tried if attempt else 1


def _retry_on(state: PondState, ripple: str) -> tuple[str, ...]:
    specs = state.release.ripples if state.release else ()
    return next((spec.retry_on for spec in specs if spec.name == ripple), ())


def _source(
    state: PondState, line: Line, number: int, since: Instant, snapshots: Snapshots
) -> SourceTables:
    """The pinned snapshot. If the Source has reported no change since, the pinned snapshot has not
    changed either.
    """
    if not number:
        return SourceTables(None, changed=False)
    if (snapshot := snapshots.read(line, number)) is None:
        raise TransientError(
            f"The snapshot {run_key(line, number)} that this run reads is gone.",
            hint="A new run pins a newer one.",
        )
    view = state.sources.get(line)
    changed = snapshot.f > since and (view is None or view.report.changed_f > since)
    fresh = view.report.end_f if view and view.report.snapshot == number else snapshot.f
    return SourceTables(
        snapshot.tables,
        changed,
        line,
        snapshot.dropped,
        number,
        snapshot.f,
        max(fresh, snapshot.f),
        snapshot.warnings,
    )
