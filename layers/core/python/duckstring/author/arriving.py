"""Objects that arrived for an Inlet since its Ripple last took them: ``pond.arrivals()``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from duckstring.author.adopting import Adopting
from duckstring.author.errors import ArrivalsError
from duckstring.model.instants import Instant, from_text


@dataclass(frozen=True, slots=True)
class Arrived:
    """An object that arrived.

    ``uri`` is its address, as DuckDB reads it: ``s3://my-landing/in/a.parquet``, or a path on the
    author's machine. ``size`` in bytes. ``arrived``: when the Catchment received it, UTC.
    ``version`` is the object's version where its bucket has versions, and ``etag`` S3's word for
    its content.
    """

    uri: str
    bucket: str
    key: str
    size: int
    arrived: Instant
    version: str = ""
    etag: str = ""


class Backlog(Protocol):
    """What has arrived for an attempt, a page at a time."""

    def more(self) -> tuple[Sequence[Arrived], bool]:
        """The next objects, in the order in which they came, and whether there are still more."""


def read_page(message: Mapping[str, Any]) -> tuple[Sequence[Arrived], bool]:
    """A page in the form of ``worker.arrivals.Given``."""
    objects = [
        Arrived(**{**one, "arrived": from_text(one["arrived"])}) for one in message["objects"]
    ]
    return objects, bool(message["more"])


class Arriving(Adopting):
    """The part of the handle that gives objects that arrived."""

    def arrivals(self) -> list[Arrived]:
        """The objects that arrived since a run with this Ripple was last published, by the line's
        arrival rules (``duckstring trigger arrival``), in the order in which they came.

        Each object is in what is published once: a run takes those that came before it began. If
        it fails or is killed, the next run gets them again, with those that have come since. Each
        attempt of a run is given the same ones. At most 10,000 at once; the rest is the next
        run's, which begins at once.

        To read them, give DuckDB their addresses:
        ``pond.con.read_parquet([one.uri for one in pond.arrivals()])``. An object that was replaced
        or deleted meanwhile is no longer there as it arrived.

        Returns:
            The objects; empty: none has come.

        Raises:
            ArrivalsError: the Pond has Sources. Only an Inlet takes objects.
        """
        self._check_alive("pond.arrivals")
        if not self._around.takes_arrivals:
            raise ArrivalsError(self._around.sources)
        while self._backlog is not None:  # pages that have come stay if the next one fails
            page, is_more = self._backlog.more()
            self._arrived += page
            self._backlog = self._backlog if is_more else None
        return list(self._arrived)
