"""Gives one attempt its credentials, and what it begins with.

Every worker may call this, and a worker runs its author's code. So nothing in a request is
believed: the permit proves which attempt it is for, and the line's own state says what that attempt
may reach.
"""

from __future__ import annotations

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from duckstring.engine.attempts import is_awaited
from duckstring.engine.effects import PublishSnapshot
from duckstring.engine.state import PondState
from duckstring.engine.visible import visible_positions
from duckstring.errors import OperatorError, TransientError
from duckstring.model.instants import Instant
from duckstring.model.names import Line, parse_line, parse_table_key, run_key
from duckstring.model.permits import AttemptName, Purpose, is_permit
from duckstring.vendor.ports import Permitted, Rights, VendorPorts

_AT_ONCE = 8


class NoPermitError(OperatorError):
    """The request has no permit for the attempt that it names."""


@dataclass(frozen=True, slots=True)
class Request:
    """Which attempt asks, and for how long it needs its credentials.

    ``has_begun``: it goes on after a pause, or renews its credentials.
    """

    attempt: AttemptName
    permit: str
    purpose: Purpose = "run"
    launch: int = 0
    has_begun: bool = False
    seconds: float = 3600.0


def vend(request: Request, ports: VendorPorts) -> Permitted:
    """The credentials of an attempt. They reach what it may reach, and nothing else.

    Raises:
        NoPermitError: the permit is not that attempt's.
        OperatorError: the Catchment's secret is not a JSON object.
        TransientError: a snapshot that the run reads is gone, or AWS did not answer.
    """
    attempt = request.attempt
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        # They do not depend on each other. What is read for nothing goes to nobody.
        reading = pool.submit(ports.states.read, attempt.line)
        reading_granted = pool.submit(ports.secrets.granted, parse_line(attempt.line)[0])
        key = ports.keys.read()
        state = reading.result()
        is_proven = key is not None and is_permit(
            request.permit, key.secret, attempt, request.purpose
        )
        if not is_proven and not _is_older(request, state, None if key is None else key.since):
            raise NoPermitError(
                f"Attempt {attempt.attempt} of {attempt.ripple!a} in "
                f"{run_key(attempt.line, attempt.run)} was asked for without its permit.",
                hint=(
                    "Only the worker that the Catchment has ordered may ask. If nobody has tried "
                    "to get at another Pond's data, this is a bug: report it."
                ),
            )
        if request.purpose == "on_kill":
            rights, snapshots = Rights(attempt, writes=False), dict[Line, PublishSnapshot]()
        elif not _is_awaited(request, state):
            return Permitted(state)
        else:
            snapshots = _pinned(attempt, state, ports, pool)
            taken = _taken_whole(attempt, state)
            sources = {
                line: _objects(one) | taken.get(line, set()) for line, one in snapshots.items()
            }
            checks = state.release is not None and state.release.check_ripple == attempt.ripple
            takes = not checks and not state.sources and state.runs[attempt.run].arrived > 0
            rules = ports.rules.of_line(attempt.line) if takes else ()
            rights = Rights(attempt, sources, only_reads=checks, arrivals=takes, rules=rules)
        sessions = ports.roles.sessions(rights, seconds=request.seconds)
        granted = reading_granted.result()
        return Permitted(state, snapshots, granted.secrets, sessions, granted.environment)


def _is_awaited(request: Request, state: PondState) -> bool:
    attempt = request.attempt
    return is_awaited(
        state,
        run=attempt.run,
        launch=request.launch,
        ripple=attempt.ripple,
        attempt=attempt.attempt,
        has_begun=request.has_begun,
    )


def _is_older(request: Request, state: PondState, since: Instant | None) -> bool:
    """Whether the attempt is of a run that began before there were permits. Its execution has none
    to give. The run's start is in the line's state, which no worker can write.
    """
    run = state.runs.get(request.attempt.run)
    if request.purpose != "run" or request.permit or run is None:
        return False
    return since is None or run.started < since


def _pinned(
    attempt: AttemptName, state: PondState, ports: VendorPorts, pool: ThreadPoolExecutor
) -> dict[Line, PublishSnapshot]:
    pins = [(line, number) for line, number in state.runs[attempt.run].pins.items() if number]
    found = pool.map(lambda pin: ports.snapshots.read(*pin), pins)
    pinned = {}
    for (line, number), snapshot in zip(pins, found, strict=True):
        if snapshot is None:
            raise TransientError(
                f"The snapshot {run_key(line, number)} that this run reads is gone.",
                hint="A new run pins a newer one.",
            )
        pinned[line] = snapshot
    return pinned


def _objects(snapshot: PublishSnapshot) -> frozenset[str]:
    return frozenset(key for table in snapshot.tables.values() for key in table.keys)


def _taken_whole(attempt: AttemptName, state: PondState) -> dict[Line, set[str]]:
    """The objects that the attempt's Ripple has taken last, where they were whole tables: it
    compares today's with them.
    """
    found: dict[Line, set[str]] = defaultdict(set)
    positions = visible_positions(state, state.runs[attempt.run], attempt.ripple)
    for position in positions.values():
        written = parse_table_key(position.key)
        if position.whole and written is not None:
            found[written.line].add(position.key)
    return found
