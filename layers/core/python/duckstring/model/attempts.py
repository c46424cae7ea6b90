"""The history of one attempt of one Ripple, as recorded by the worker that ran it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from duckstring.model.catalog import TableVersion
from duckstring.model.checks import CheckResult
from duckstring.model.costs import Used
from duckstring.model.instants import Instant
from duckstring.model.lineage import Lineage

TAKEN = frozenset({"killed", "lost", "crashed"})
"""The statuses of a row that was closed by somebody other than its worker. The attempt is no longer
wanted.

Success and failed are not among them: a worker that lost its connection may have recorded one of
them, and died before it reported to the engine.
"""


LONGEST = timedelta(days=1)
"""How long an attempt may take, pauses included, whose Ripple does not say."""

MOST_INVOCATIONS = 20
"""That a row has the addresses of; the row's own address is always that of the latest."""

OwnFailure = Literal["failed", "overran", "memory", "check"]
OwnEnd = Literal["success", OwnFailure]
"""How a worker may say that its own attempt ended."""
KillEnd = Literal["requested", "confirmed", "refused"]
"""How the call of a killed Ripple's ``on_kill`` ended: it returned, with no more than having
asked or with its work done, or it raised.
"""


@dataclass(frozen=True, slots=True)
class Usage:
    """The most that one invocation of an attempt took."""

    seconds: float = 0.0
    peak_mib: int = 0

    def most(self, other: Usage) -> Usage:
        """The larger of each."""
        return Usage(max(self.seconds, other.seconds), max(self.peak_mib, other.peak_mib))


@dataclass(frozen=True, slots=True)
class Site:
    """Where an attempt runs, and where its log is."""

    where: str = "lambda"
    memory_mib: int = 0
    log_group: str = ""
    log_stream: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class AttemptStarted:
    """An attempt began, or goes on after a pause: an invocation of it. ``pauses``: of its
    Ripple's branch before this.
    """

    run: int
    ripple: str
    attempt: int
    started: Instant
    site: Site
    pauses: int = 0


@dataclass(frozen=True, slots=True)
class Began:
    """The row of an attempt that begins or continues: when it began, how often it has paused, what
    its invocations used: at most one of them (``usage``), and all together of AWS (``used``).
    """

    started: Instant
    pauses: int = 0
    usage: Usage = field(default_factory=Usage)
    used: Used = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AttemptPaused:
    """An invocation of an attempt ended, and another will go on at ``resumes``."""

    run: int
    ripple: str
    attempt: int
    resumes: Instant
    usage: Usage
    used: Used = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AttemptFinished:
    """An attempt ended; ``error`` is the exception's class name, ``message`` its words, unchanged.

    ``reads``: the Sources' tables that it may have read, as ``source.table``; None: any.
    ``checks``: how each check ended, if the attempt made checks. ``lineage``: what it has read, and
    ``package`` the SHA-256 of the package that it ran, if it succeeded.
    """

    run: int
    ripple: str
    attempt: int
    status: OwnEnd
    finished: Instant
    error: str = ""
    message: str = ""
    traceback: str = ""
    tables: Mapping[str, TableVersion] = field(default_factory=dict)
    usage: Usage = field(default_factory=Usage)
    reads: tuple[str, ...] | None = None
    used: Used = field(default_factory=dict)
    checks: tuple[CheckResult, ...] = ()
    lineage: Lineage | None = None
    package: str = ""


@dataclass(frozen=True, slots=True)
class AttemptSeen:
    """A row, for a caller that waits for an attempt's worker to leave. ``status`` is empty if there
    is no row.

    ``away``: no worker has it. It has left, was between two invocations, or never began.
    """

    status: str = ""
    away: bool = True


@dataclass(frozen=True, slots=True)
class OnKillCalled:
    """How the call of a killed Ripple's ``on_kill`` ended, and what it returned or raised."""

    run: int
    ripple: str
    attempt: int
    how: KillEnd
    message: str
