"""What a Catchment says of its lines and of their published tables. Nothing is changed there."""

from __future__ import annotations

from collections.abc import Mapping

from duckstring.author.contract import Published
from duckstring.model.answers.status import LineStatus
from duckstring.model.names import Line, artifact_key, parse_line
from duckstring_cli import catchments, reading
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

    def version(self, line: str) -> str | None:
        """The version of a line that is deployed, though it may not run yet."""
        held = self.deployed(line)
        waiting = held.get("next") if held else None
        return waiting["version"] if waiting else held["version"] if held else None

    def package(self, line: Line) -> bytes | None:
        """The deployed package of a line; None: it cannot be had. A Catchment of an older version
        does not name it, and a user may have no right to read it.
        """
        from botocore.exceptions import ClientError

        held, version = self.deployed(line), self.version(line)
        if held is None or version is None or not held.get("package"):
            return None
        key = artifact_key(parse_line(line)[0], version, str(held["package"]))
        catchment = self.client.catchment
        s3 = catchments.session(catchment).client("s3")
        try:
            found = s3.get_object(Bucket=catchments.outputs(catchment)["Bucket"], Key=key)
        except ClientError:
            return None
        content: bytes = found["Body"].read()
        return content

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
