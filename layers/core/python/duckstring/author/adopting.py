"""Tables that another engine has written: a part of the Pond's handle."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from duckstring.author.adopted import Adoption, adopt
from duckstring.author.errors import WriteError, shown
from duckstring.author.growing import Growing
from duckstring.errors import InvariantError
from duckstring.model.names import attempt_of_key, is_path, location_of_key
from duckstring.model.parts import MOST_ADOPTED, MOST_ADOPTED_OF_POND

_MEMORY = "location/"
_JOBS = "external/"
"""What the names of memories begin with, of this module and of jobs of other engines."""
_DIGEST = 10


class Adopting(Growing):
    """What it has to say of them."""

    def location(self, name: str) -> str:
        """A place where another engine writes the files of a table, for ``adopt_table``.

        It is this attempt's own, and empty. Once a job of ``duckstring.external`` has been started
        after the call, it is what that job was given: the same over lost workers, hand-overs and
        pauses of this try. A retry after the Ripple failed has another one.

        Args:
            name: the table, as for ``write_table``.

        Returns:
            An address that ends in ``/``: ``s3://bucket/...``, or a folder on this machine.

        Raises:
            WriteError: that is no name of a table, or this Ripple has written it.
        """
        self._check_alive("pond.location")
        self._check_write(name)
        return self._lake.place(self._located(name))

    def adopt_table(self, name: str, location: str | None = None) -> None:
        """Write a new version of a table of this Pond: the Parquet files that another engine has
        written into ``location``. They are not copied, and nobody may change them any more.

        Every row is read once, to see whether the table has changed. Call it when the engine has
        ended.

        Args:
            name: the table, as for ``write_table``.
            location: ``pond.location(name)``, or a folder in it; otherwise that.

        Raises:
            WriteError: that is no location of this table, or what lies there is no table: no
                Parquet, broken or encrypted, with different columns, columns that cannot be kept,
                or more than 100 files.
            ContractError: as for ``write_table``.
        """
        self._check_alive("pond.adopt_table")
        with self._lake.one_writes:
            self._check_write(name)
            self._check_parts(name)
            place, below = self._place_of(name, location)
            around = self._around
            adoption = Adoption(
                name, place, below, self._next_key(name), around.published.get(name)
            )
            self._take_over(adopt(self._lake, adoption, room=self._room(name)))

    def _located(self, name: str) -> str:
        """The location, which is remembered before anybody is told of it."""
        if name in self._locations:
            return self._locations[name]
        own = location_of_key(self._around.key_of(name))
        found = self._recalled(name)
        if found is None or not self._has_job_since(found):
            started = sorted(self._jobs())
            self._memo.remember(f"{_MEMORY}{name}", {"place": own, "before": started})
            self._locations[name] = own
        else:
            self._locations[name] = found["place"]
        return self._locations[name]

    def _recalled(self, name: str) -> Mapping[str, Any] | None:
        """What an earlier attempt, or an earlier turn, has remembered."""
        match found := self._memo.recall(f"{_MEMORY}{name}", None):
            case None:
                return None
            case {"place": str(place), "before": list()} if self._may_use(name, place):
                return dict(found)
            case _:
                raise InvariantError(
                    f"{_MEMORY + name!r} remembers {found!r}, which is no location of this try.",
                    hint=f"Keys in {_MEMORY} are the Pond's own.",
                )

    def _has_job_since(self, found: Mapping[str, Any]) -> bool:
        """Whether a job was started after the location was given out: then it writes there."""
        return bool(self._jobs() - set(found["before"]))

    def _jobs(self) -> set[str]:
        """What is remembered of external runs that were started, or may have been: short, for it is
        remembered with each location.
        """
        return {
            sha256(key.encode()).hexdigest()[:_DIGEST]
            for key, value in self._memo.known().items()
            if key.startswith(_JOBS) and value is not None
        }

    def _place_of(self, name: str, location: str | None) -> tuple[str, str]:
        """The location, and which part of it, as keys."""
        if location is None:
            return self._located(name), ""
        if isinstance(location, str):
            asked = f"{location.removesuffix('/')}/"
            for place in self._given(name):
                start = self._lake.place(place)
                below = asked.removeprefix(start)
                if asked.startswith(start) and (not below or is_path(below.removesuffix("/"))):
                    return place, below
        raise WriteError(
            f"Table {name!r}: {shown(location)} is not in pond.location({name!r}), and only what "
            "lies there can be adopted.",
            hint=(
                f"Let the engine write to pond.location({name!r}). Copy what lies elsewhere: "
                f"pond.write_table({name!r}, \"FROM read_parquet('.../*.parquet')\")."
            ),
        )

    def _given(self, name: str) -> set[str]:
        """The locations of the table that this try knows of: of this call, and the last one that
        was remembered.
        """
        found = self._recalled(name)
        return {
            *((found["place"],) if found else ()),
            *((self._locations[name],) if name in self._locations else ()),
        }

    def _may_use(self, name: str, place: str) -> bool:
        """Whether it is a location of this table, of this attempt or one before it."""
        written = attempt_of_key(f"{place}x")
        around = self._around
        return (
            written is not None
            and place.endswith("/")
            and around.may_adopt(f"{place}x")
            and written.table == name
        )

    def _room(self, name: str) -> int:
        """How many files of other engines the table may have."""
        others = sum(
            part.is_adopted
            for other, version in self._own.items()
            if other != name
            for part in version.parts
        )
        return max(min(MOST_ADOPTED, MOST_ADOPTED_OF_POND - others), 0)
