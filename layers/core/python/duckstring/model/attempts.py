"""What history keeps of one attempt of one Ripple, told by the worker that ran it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from duckstring.model.catalog import TableVersion
from duckstring.model.instants import Instant

TAKEN = frozenset({"killed", "lost", "crashed"})
"""How a row ends that somebody else than its worker has closed: the attempt is not wanted any more.

Not so success and failed: a worker that lost its connection may have said so, and died before it told the engine.
"""


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
    """An attempt began."""

    run: int
    ripple: str
    attempt: int
    started: Instant
    site: Site


@dataclass(frozen=True, slots=True)
class AttemptFinished:
    """An attempt ended; ``error`` is the exception's class name, ``message`` its words, unchanged."""

    run: int
    ripple: str
    attempt: int
    status: Literal["success", "failed"]
    finished: Instant
    error: str = ""
    message: str = ""
    traceback: str = ""
    tables: Mapping[str, TableVersion] = field(default_factory=dict)
