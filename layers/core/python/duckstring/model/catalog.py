"""What is deployed (Release) and what is published (TableVersion)."""

from __future__ import annotations

from typing import Literal

from duckstring.model.compute import Place
from duckstring.model.instants import NEVER, Instant
from duckstring.model.names import Line
from duckstring.model.values import Value

PondKind = Literal["inlet", "pond", "outlet"]

MOST_RETRIES = 1_000
"""Of a retry budget, in pond.toml and by the command."""


class SourceSpec(Value, frozen=True):
    """One entry of ``[sources]``: the line consumed, the least version of it, and whether it may
    be absent.
    """

    line: Line
    minimum: str
    optional: bool = False


class RippleSpec(Value, frozen=True):
    """One ``@ripple`` function as discovered at deploy. ``parents`` are Ripple names of the same
    Pond.

    ``starts_on`` is where its first attempt runs while nothing is known of it, as its hints and the
    Catchment's function say; ``on_kill``: it has a function to call when it is killed. ``pauses``:
    its code waits by pausing, so that its time says nothing of the time of one call. ``checks``:
    the names of the Pond's checks, if this is the Ripple that makes them.
    """

    name: str
    parents: tuple[str, ...] = ()
    always_run: bool = False
    timeout_seconds: int | None = None
    memory_mib: int | None = None
    starts_on: Place = "lambda"
    on_kill: bool = False
    pauses: bool = False
    checks: tuple[str, ...] = ()


class Release(Value, frozen=True):
    """One version of a Pond as deployed: everything that travels with the version.

    ``ripples`` are in topological order. ``artifact`` is a key in the Catchment's bucket.
    """

    line: Line
    version: str
    kind: PondKind
    sources: tuple[SourceSpec, ...]
    ripples: tuple[RippleSpec, ...]
    module: str
    artifact: str
    sha256: str
    immediate_retries: int
    source_retries: int
    deployed: Instant

    @property
    def check_ripple(self) -> str:
        """The name of the Ripple that makes the checks; empty: the version has none."""
        return next((spec.name for spec in self.ripples if spec.checks), "")


class TableVersion(Value, frozen=True):
    """One immutable version of one table: a Parquet object and what is known of it.

    ``fingerprint`` is equal for equal multisets of rows under the same schema. The engine fills in
    the rest when it publishes: ``version`` wrote it, at the freshness ``f`` (NEVER: published
    before this was kept); at ``confirmed`` its Ripple last said by ``skip`` that nothing had
    changed; ``package`` is the package (``names.package_id``) that last wrote it or kept it on
    purpose. The run and the Ripple are in the key (``names.writer_of``).
    """

    table: str
    key: str
    rows: int
    bytes: int
    fingerprint: str
    f: Instant = NEVER
    version: str = ""
    package: str = ""
    confirmed: Instant = NEVER

    @property
    def as_of(self) -> Instant:
        """The freshness as of which it holds, as far as its Ripple has said."""
        return max(self.f, self.confirmed)


class DroppedTable(Value, frozen=True):
    """A table that was published once, so that an error can say since when it is gone.

    ``snapshot`` is the number of the first one without it, ``version`` what the line ran then.
    ``removed``: by an operator.
    """

    snapshot: int
    version: str
    removed: bool = False


class Removal(Value, frozen=True):
    """A line was taken out of the catalog at ``at``. ``cleared``: the line has received that, and
    its data is deleted.
    """

    line: Line
    at: Instant
    cleared: bool = False
