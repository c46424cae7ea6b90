"""How attempts come by their rights.

``VendedAdmissions``: each attempt has its own, from the vendor. ``WorkerAdmissions``: every attempt
has those of the worker's role (``-c isolation=off``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Lock

from botocore.credentials import (
    Credentials,
    DeferredRefreshableCredentials,
    ReadOnlyCredentials,
)
from typing_extensions import override

from duckstring.adapters.aws.duck import Keys, SourceKeys
from duckstring.adapters.aws.vending import LambdaVendor
from duckstring.adapters.aws.worker import PondSecrets
from duckstring.engine.effects import PublishSnapshot
from duckstring.engine.state import PondState
from duckstring.errors import InvariantError, TransientError
from duckstring.model.env_entries import Granted
from duckstring.model.instants import from_text
from duckstring.model.names import Line, parse_line
from duckstring.model.permits import AttemptName
from duckstring.ports import Snapshots
from duckstring.vendor.ports import Permitted, Session, States
from duckstring.vendor.vend import Request
from duckstring.worker.ports import Admitted, KillOrder, Order

_SPARE = timedelta(minutes=20)
"""Credentials are renewed that long before they expire: a query that runs goes on with the old
ones.
"""
_TASK_SECONDS = 3600.0
_MARGIN_SECONDS = 120.0


class WorkerAdmissions:
    """``worker.ports.Admissions``: every attempt is admitted, with the worker's own rights."""

    def __init__(
        self,
        states: States,
        snapshots: Snapshots,
        secrets: PondSecrets,
        keys: Callable[[], Keys],
    ) -> None:
        """Everything is read with the worker's own credentials, and ``keys`` are those."""
        self._states, self._snapshots, self._secrets, self._keys = states, snapshots, secrets, keys

    def of_run(self, order: Order) -> Admitted:
        """What the line's state says, and the worker's own credentials."""
        return self._admitted(order.line, self._states.read(order.line))

    def of_kill(self, order: KillOrder) -> Admitted:
        """The worker's own credentials."""
        return self._admitted(order.line, PondState(order.line))

    def _admitted(self, line: Line, state: PondState) -> Admitted:
        pond, _ = parse_line(line)
        return Admitted(state, self._snapshots, lambda: self._secrets.granted(pond), self._keys)


class AttemptCredentials(Credentials):
    """The credentials of the attempt that a worker is at, for the worker's own clients. A worker
    makes one attempt after the other with the same clients.
    """

    def __init__(self) -> None:
        super().__init__("", "")
        self._now: ReadOnlyCredentials | None = None

    @override
    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """Those of now.

        Raises:
            InvariantError: the worker has no attempt.
        """
        if self._now is None:
            raise InvariantError("A worker asks AWS before its attempt was admitted.")
        return self._now

    def hold(self, session: Session | None) -> None:
        """Use these from here on; None: none."""
        self._now = (
            ReadOnlyCredentials(session.access_key, session.secret_key, session.token)
            if session
            else None
        )


class VendedAdmissions:
    """``worker.ports.Admissions``: the vendor decides, and gives each attempt credentials of its
    own. The worker's clients use them as well.
    """

    def __init__(
        self, vendor: LambdaVendor, credentials: AttemptCredentials, *, renewed: bool
    ) -> None:
        """``renewed``: attempts may take longer than their credentials last."""
        self._vendor, self._credentials, self._renewed = vendor, credentials, renewed

    def of_run(self, order: Order) -> Admitted:
        """What the vendor gives. An attempt that its line does not wait for gets no credentials."""
        seconds = _TASK_SECONDS if order.seconds is None else order.seconds + _MARGIN_SECONDS
        request = Request(
            order.name,
            order.permit,
            launch=order.launch,
            has_begun=order.pauses > 0,
            seconds=seconds,
        )
        return self._admitted(request)

    def of_kill(self, order: KillOrder) -> Admitted:
        """What the vendor gives for the call."""
        seconds = order.seconds + _MARGIN_SECONDS
        return self._admitted(Request(order.name, order.permit, "on_kill", seconds=seconds))

    def _admitted(self, request: Request) -> Admitted:
        self._credentials.hold(None)
        permitted = self._vendor.ask(request)
        keys = _Renewing(self._vendor, request, permitted, self._credentials, renewed=self._renewed)
        granted = Granted(permitted.secrets, permitted.environment)
        return Admitted(permitted.state, _Pinned(permitted.snapshots), lambda: granted, keys)


class _Pinned:
    """``ports.Snapshots``: those that the run has pinned, and the vendor has read."""

    def __init__(self, held: Mapping[Line, PublishSnapshot]) -> None:
        self._held = held

    def read(self, line: Line, number: int) -> PublishSnapshot | None:
        found = self._held.get(line)
        return found if found is not None and found.run == number else None


class _Renewing:
    """An attempt's credentials as they are now. They are renewed in time, if it is a long one."""

    def __init__(
        self,
        vendor: LambdaVendor,
        request: Request,
        permitted: Permitted,
        credentials: AttemptCredentials,
        *,
        renewed: bool,
    ) -> None:
        self._vendor, self._credentials, self._renewed = vendor, credentials, renewed
        self._request = replace(request, has_begun=True)
        self._asking, self._keys = Lock(), self._held(permitted)

    def __call__(self) -> Keys:
        if self._keys is None:
            raise InvariantError("An attempt that its line does not wait for has no credentials.")
        with self._asking:
            if self._renewed and from_text(self._keys.expires) - _now() < _SPARE:
                # It may be over by now: then it goes on with what it has, until it is ended.
                self._keys = self._held(self._vendor.ask(self._request)) or self._keys
            return self._keys

    def _held(self, permitted: Permitted) -> Keys | None:
        if not permitted.sessions:
            return None
        own, *others = permitted.sessions
        self._credentials.hold(own)
        return Keys(
            own.access_key,
            own.secret_key,
            own.token,
            renewed=self._renewed,
            expires=own.expires,
            others=tuple(
                SourceKeys(
                    one.access_key,
                    one.secret_key,
                    one.token,
                    tuple(f"data/{line}/" for line in one.lines),
                )
                for one in others
            ),
        )


def task_credentials(
    vendor: LambdaVendor, attempt: AttemptName, *, launch: int, permit: str
) -> Credentials:
    """The credentials of a task's attempt, for its supervisor: asked for at its first request, and
    again before they expire.
    """
    request = Request(attempt, permit, launch=launch, has_begun=True)

    def fetched() -> dict[str, str]:
        sessions = vendor.ask(request).sessions
        if not sessions:
            raise TransientError("The line does not wait for this task's attempt any more.")
        own = sessions[0]
        return {
            "access_key": own.access_key,
            "secret_key": own.secret_key,
            "token": own.token,
            "expiry_time": own.expires,
        }

    return DeferredRefreshableCredentials(refresh_using=fetched, method="vendor")


def _now() -> datetime:
    return datetime.now(UTC)
