"""What is deployed (Release) and what is published (TableVersion)."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from duckstring.model.compute import Place
from duckstring.model.instants import NEVER, Instant
from duckstring.model.names import Line, file_of_key, is_located, key_of_file, table_of_key
from duckstring.model.retention import Retention
from duckstring.model.values import Value

PondKind = Literal["inlet", "pond", "outlet"]

MOST_RETRIES = 1_000
"""Of a retry budget, in pond.toml and by the command."""


LONGEST_DELAY = timedelta(hours=1)
"""Of a Ripple before it is tried again in the same run, however often it was."""


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
    the names of the Pond's checks, if this is the Ripple that makes them. ``uses``: the limits that
    an attempt of it needs a token of, by name.

    ``retry_delay_seconds``: how long it waits before it is tried again in the same run, doubled
    with each try that fails; 0: not at all. ``retry_on``: the names of the errors after which it is
    tried again; empty: all. The attempt knows the classes.
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
    uses: tuple[str, ...] = ()
    retry_delay_seconds: int = 0
    retry_on: tuple[str, ...] = ()


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
    retention: Retention = Retention()

    @property
    def check_ripple(self) -> str:
        """The name of the Ripple that makes the checks; empty: the version has none."""
        return next((spec.name for spec in self.ripples if spec.checks), "")


PartKind = Literal["rows", "changes"]
PartUse = Literal["both", "news", "start", "base"]


class Part(Value, frozen=True, array_like=True):
    """One object of a table that has several: ``file`` is the end of its key (``file_of_key``),
    ``rows`` counts what lies in it.

    ``kind``: rows of the table, or changes of it (the table's columns and ``_change``). ``use``:
    ``both``: the table has its rows, and they are news for readers. ``news``: its rows lie in a
    later part too; it stays for readers that have not taken it. ``base``: the table has its rows,
    which are no news. ``start``: a base whose readers find all the news behind it.
    """

    file: str
    rows: int
    bytes: int
    kind: PartKind = "rows"
    use: PartUse = "both"

    @property
    def is_adopted(self) -> bool:
        """Whether another engine has written it (``pond.adopt_table``)."""
        return is_located(self.file)

    @property
    def is_live(self) -> bool:
        """Whether the table has what lies in it."""
        return self.use != "news"

    @property
    def is_news(self) -> bool:
        """Whether what lies in it is news for a reader of what is before it."""
        return self.use in {"both", "news"}


class TableVersion(Value, frozen=True):
    """One immutable version of one table: its Parquet objects and what is known of them.

    Versions of one ``fingerprint`` have equal multisets of rows under the same schema; one that was
    written with the published rows has the published version's. The engine fills in the rest when
    it publishes: ``version`` wrote it, at the freshness ``f`` (NEVER: published before this was
    kept); at ``confirmed`` its Ripple last said by ``skip`` that nothing had changed; ``package``
    is the package (``names.package_id``) that last wrote it or kept it on purpose. The run and the
    Ripple are in the key (``names.writer_of``).

    ``parts``: the objects, in the order in which they were written, where there are several; the
    last one lies under ``key``. ``merge_key``: the columns by which changes name rows. ``total`` is
    the sum of the hashes of all rows, as text; empty: not known.
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
    parts: tuple[Part, ...] = ()
    merge_key: tuple[str, ...] = ()
    total: str = ""

    @property
    def as_of(self) -> Instant:
        """The freshness as of which it holds, as far as its Ripple has said."""
        return max(self.f, self.confirmed)

    @property
    def contents(self) -> tuple[Part, ...]:
        """Its parts, also where it is one object."""
        return self.parts or (Part(file_of_key(self.key), self.rows, self.bytes, use="start"),)

    @property
    def live(self) -> tuple[Part, ...]:
        """The parts that its rows lie in, in order."""
        return tuple(part for part in self.contents if part.is_live)

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of all its objects."""
        return tuple(self.key_of(part) for part in self.contents)

    def key_of(self, part: Part) -> str:
        """The key of one of its parts."""
        return key_of_file(table_of_key(self.key), part.file)


class Position(Value, frozen=True):
    """How far a Ripple has taken a table of a Source: up to the object ``key``, the last one of the
    version that it read. ``whole``: that version was this one object.
    """

    key: str
    whole: bool = False


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
