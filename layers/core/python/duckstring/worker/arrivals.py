"""What an attempt is given of the objects that arrived for its line.

The attempt's process asks for the next page, and names no number: which objects there are, and how
far it has taken them, is kept here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from duckstring.model.arrivals import MOST_GIVEN, KeptArrival
from duckstring.model.instants import to_text
from duckstring.model.names import Line
from duckstring.ports import Backlog

_PAGE = 1_000


class NoArrivals:
    """``ports.Backlog`` without any."""

    def page(self, line: Line, *, after: int, upto: int, most: int) -> Sequence[KeptArrival]:
        """None."""
        del line, after, upto, most
        return ()


class Given:
    """The objects behind ``after`` and up to ``upto``, in pages. ``taken``: up to which number the
    attempt has been given them; None: it has not asked, or not been given the last page. What it
    was given until then it may not have.
    """

    def __init__(self, backlog: Backlog, line: Line, *, after: int, upto: int) -> None:
        """Of ``line``."""
        self._backlog, self._line, self._upto = backlog, line, upto
        self._after, self._room = after, MOST_GIVEN
        self.taken: int | None = None

    def page(self) -> Mapping[str, object]:
        """The next page: ``{"objects": [...], "more": bool}``."""
        most = min(_PAGE, self._room)
        found = self._backlog.page(self._line, after=self._after, upto=self._upto, most=most)
        self._room -= len(found)
        is_all = len(found) < most
        # Numbers may be missing: what has been taken long since is deleted.
        self._after = self._upto if is_all else found[-1].number
        is_more = self._room > 0 and self._after < self._upto
        self.taken = None if is_more else self._after
        return {"objects": [_told(one) for one in found], "more": is_more}


def _told(one: KeptArrival) -> Mapping[str, object]:
    found = one.found
    return {
        "uri": found.uri,
        "bucket": found.bucket,
        "key": found.key,
        "size": found.size,
        "arrived": to_text(one.at),
        "version": found.version,
        "etag": found.etag,
    }
