"""A Pond's handle in memory, and a clock that waiting moves."""

from __future__ import annotations

import inspect
import json
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Final, NoReturn
from weakref import finalize

from duckstring.author.errors import EnvironmentMissingError, WriteError
from duckstring.author.pausing import Paused, asked
from duckstring.errors import OperatorError
from duckstring.model.sql import literal

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_NOON: Final = datetime(2030, 1, 1, 12, tzinfo=UTC)
_MOST_CALLS = 1_000
_MARKS = ("_", ".")
"""Files that are none of an engine's output begin so."""


class WorkerLost(BaseException):
    """The worker has died: no code of the Ripple's goes on."""


class FakeClock:
    """Seconds since 1970, from noon of the first of January 2030 on. Waiting moves it."""

    def __init__(self) -> None:
        """It is noon."""
        self._now = _NOON.timestamp()
        self.slept: list[float] = []

    def time(self) -> float:
        """Seconds since 1970."""
        return self._now

    def sleep(self, seconds: float, /) -> None:
        """Wait, in no time."""
        self.slept.append(seconds)
        self._now += seconds


class FakePond:
    """What a Ripple that runs another engine needs of its Pond: memory, pauses, settings.

    ``tables`` has what the Ripple wrote, as it was given; what it adopted, as a SELECT over its
    files. ``pauses`` are the seconds of its pauses.
    """

    def __init__(
        self,
        environment: Mapping[str, str] | None = None,
        *,
        clock: FakeClock | None = None,
        timeout: timedelta = timedelta(hours=24),
        run_key: str = "test-1-1-0123456789abcdef",
    ) -> None:
        """``environment``: the secrets and variables of the Catchment; ``timeout``: the Ripple's;
        ``run_key``: the name of its try.
        """
        self.name, self.version = "test", "1.0.0"
        self.run_key = run_key
        self.environment = dict(environment or {})
        self.clock = clock or FakeClock()
        self.ends = datetime.fromtimestamp(self.clock.time(), UTC) + timeout
        self.log = logging.getLogger("duckstring.pond")
        self.f, self.previous_f = _NOON, datetime(1, 1, 1, tzinfo=UTC)
        self.tables: dict[str, object] = {}
        self.pauses: list[int] = []
        self._memory: dict[str, str] = {}
        self._locations: dict[str, str] = {}
        self._tries = 1
        self._lost_at = 0

    @cached_property
    def con(self) -> DuckDBPyConnection:
        """DuckDB, empty."""
        import duckdb  # noqa: PLC0415 - for Ripples that use it

        return duckdb.connect()

    def env(self, name: str, /) -> str:
        """The value of a secret or variable."""
        if name not in self.environment:
            raise EnvironmentMissingError(name)
        return self.environment[name]

    def remember(self, key: str, value: object, /) -> None:
        """Keep a JSON value for this try."""
        self._lost_at -= 1
        if self._lost_at == 0:
            raise WorkerLost
        self._memory[key] = json.dumps(value)

    def lose_worker(self, at: int = 2) -> None:
        """The worker dies before it has remembered something for the ``at``-th time from now on.

        A job remembers twice when it starts a run: that it starts one, and the run's id.
        """
        self._lost_at = at

    def recall(self, key: str, default: object = None, /) -> object:
        """What this try remembered."""
        return json.loads(self._memory[key]) if key in self._memory else default

    def pause(self, wait: str | None = None, /) -> NoReturn:
        """End this call; ``call`` makes the next one, and the clock moves."""
        raise Paused(asked(wait, len(self.pauses)))

    def write_table(self, name: str, data: object) -> None:
        """Keep what was written, in ``tables``."""
        self.tables[name] = data

    def location(self, name: str) -> str:
        """A folder on this machine, the same for all calls of a try: a test writes there what the
        engine would. It goes with the Pond.
        """
        if name not in self._locations:
            made = self._locations[name] = mkdtemp(prefix="duckstring-")
            finalize(self, rmtree, made, ignore_errors=True)
        return f"{self._locations[name]}/"

    def adopt_table(self, name: str, location: str | None = None) -> None:
        """Keep which files were adopted, in ``tables``.

        Raises:
            WriteError: there are none.
        """
        place = Path(location or self.location(name))
        found = (file.relative_to(place) for file in sorted(place.rglob("*")) if file.is_file())
        files = [file for file in found if not any(one.startswith(_MARKS) for one in file.parts)]
        if not files:
            raise WriteError(f"Table {name!r}: no Parquet file lies in {place}/.")
        listed = ", ".join(literal(str(place / file)) for file in files)
        self.tables[name] = f"SELECT * FROM read_parquet([{listed}])"  # noqa: S608 - quoted

    def call(self, function: Callable[..., object]) -> object:
        """Call a Ripple as the worker does: from its beginning, and again after each pause
        and after a lost worker.

        Returns:
            What the Ripple returned.

        Raises:
            TimeoutError: its time is over, and it still pauses.
        """
        for _ in range(_MOST_CALLS):
            try:
                return self._once(function)
            except WorkerLost:
                self.tables.clear()
            except Paused as paused:
                self.tables.clear()
                self.pauses.append(paused.seconds)
                self.clock.sleep(paused.seconds)
            if self.clock.time() >= self.ends.timestamp():
                raise TimeoutError(f"It took longer than until {self.ends.isoformat()}.")
        raise OperatorError(
            f"The Ripple still pauses after {_MOST_CALLS} calls.",
            hint="Does the fake run end? FakeEngine(looks=...) says after how many looks.",
        )

    def next_try(self) -> None:
        """The Ripple has failed and is tried again: it remembers nothing, and has another key."""
        self._tries += 1
        self._memory.clear()
        self._locations.clear()
        self.pauses.clear()
        self.run_key = f"{self.run_key.rpartition('-t')[0] or self.run_key}-t{self._tries}"

    def _once(self, function: Callable[..., object]) -> object:
        return function(self) if inspect.signature(function).parameters else function()
