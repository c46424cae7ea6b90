"""What a Catchment says of its lines and of their published tables. Nothing is changed there."""

from __future__ import annotations

from collections.abc import Mapping

from duckstring.author.contract import Published
from duckstring.model.answers import LineStatus
from duckstring.model.names import Line, parse_line
from duckstring_cli import reading
from duckstring_cli.client import Client
from duckstring_cli.errors import CatchmentRefusedError


class Remote:
    """A Catchment, asked once for each thing."""

    def __init__(self, client: Client) -> None:
        self.client = client
        answer = client.status()
        self.now = answer["now"]
        self.lines: Mapping[str, LineStatus] = {one["line"]: one for one in answer["lines"]}
        self._tables: dict[str, Mapping[str, Published] | None] = {}

    @property
    def name(self) -> str:
        """The Catchment's name."""
        return self.client.catchment.name

    def deployed(self, line: str) -> LineStatus | None:
        """The status of a deployed line."""
        found = self.lines.get(line)
        return found if found and found["version"] else None

    def tables(self, line: Line) -> Mapping[str, Published] | None:
        """The published tables of a line; None: it has published nothing, or is not deployed."""
        if line not in self._tables:
            self._tables[line] = self._read(line)
        return self._tables[line]

    def _read(self, line: Line) -> Mapping[str, Published] | None:
        held = self.deployed(line)
        if held is None or not held["tables"]:
            return None
        pond, major = parse_line(line)
        try:
            snapshot = self.client.tables(pond, major=major)
        except CatchmentRefusedError as error:
            if error.type == "NotPublishedError":
                return None
            raise
        return reading.published_columns(self.client.catchment, snapshot)
