"""What the vendor needs from outside, and what it gives."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from duckstring.engine.effects import PublishSnapshot
from duckstring.engine.state import PondState
from duckstring.model.arrivals import Arrival
from duckstring.model.env_entries import Granted
from duckstring.model.instants import Instant
from duckstring.model.names import Line
from duckstring.model.permits import AttemptName
from duckstring.ports import Snapshots


@dataclass(frozen=True, slots=True)
class Rights:
    """What an attempt may reach: its Pond's packages, its line's tables and items, the mailbox, and
    of its Sources the objects that its run has pinned.

    ``sources``: each Source's pinned objects. ``writes``: it has to do with its line's tables; a
    call of ``on_kill`` has not. ``only_reads``: it writes none, as one that makes checks.
    ``arrivals``: it may be given the objects that arrived for its line, and read those that its
    line's ``rules`` fit.
    """

    attempt: AttemptName
    sources: Mapping[Line, Collection[str]] = field(default_factory=dict)
    writes: bool = True
    only_reads: bool = False
    arrivals: bool = False
    rules: Sequence[Arrival] = ()

    @property
    def may_write(self) -> bool:
        """Whether it may write tables."""
        return self.writes and not self.only_reads


@dataclass(frozen=True, slots=True)
class Session:
    """Credentials of AWS for one attempt. ``lines``: the Sources that only these credentials
    reach; empty: they are for everything else.
    """

    access_key: str
    secret_key: str = field(repr=False)
    token: str = field(repr=False)
    expires: str
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True)
class Permitted:
    """What an attempt begins with. ``sessions`` is empty if the line does not wait for it.
    ``secrets`` and ``environment`` are what its Pond is given.
    """

    state: PondState
    snapshots: Mapping[Line, PublishSnapshot] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    sessions: Sequence[Session] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


class States(Protocol):
    """The lines' states."""

    def read(self, line: Line) -> PondState:
        """The line's state as last committed."""


class Secrets(Protocol):
    """The Catchment's secret."""

    def granted(self, pond: str) -> Granted:
        """What a Pond is given, as it is now."""


class Key(Protocol):
    """The key that permits are made of, and since when they are."""

    @property
    def secret(self) -> bytes:
        """The key itself."""

    @property
    def since(self) -> Instant:
        """When the key was made."""


class Keys(Protocol):
    """Where the key lies."""

    def read(self) -> Key | None:
        """None: no permit was ever made."""


class Roles(Protocol):
    """The role of attempts."""

    def sessions(self, rights: Rights, *, seconds: float) -> Sequence[Session]:
        """Credentials that reach what ``rights`` says and nothing else, for about ``seconds``."""


class Rules(Protocol):
    """The arrival rules of lines."""

    def of_line(self, line: Line) -> Sequence[Arrival]:
        """A line's rules."""


class NoRules:
    """No line has any."""

    def of_line(self, line: Line) -> Sequence[Arrival]:
        """None."""
        del line
        return ()


@dataclass(frozen=True, slots=True)
class VendorPorts:
    """The ports of the vendor."""

    states: States
    snapshots: Snapshots
    secrets: Secrets
    keys: Keys
    roles: Roles
    rules: Rules = field(default_factory=NoRules)
