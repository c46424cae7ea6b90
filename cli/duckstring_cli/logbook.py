"""CloudWatch Logs, read with the user's own credentials: always within a span of time, and all
of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from duckstring.model.instants import to_text
from duckstring_cli.errors import DENIED, aws_code

PLATFORM = ("START RequestId: ", "END RequestId: ", "INIT_START ")
"""What Lambda says of itself around an invocation, and nobody wants to read. Its REPORT tells
memory and time.
"""

_REPORT = "REPORT RequestId: "
_OURS = frozenset(
    {
        "level",
        "location",
        "message",
        "timestamp",
        "service",
        "run",
        "ripple",
        "attempt",
        "exception",
        "exception_name",
        "traceback",
    }
)
_NOISE = frozenset(
    {"sampling_rate", "xray_trace_id", "stack_trace", "function_request_id", "cold_start"}
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a log. ``fields`` are those of a structured line; of plain text there are
    none.
    """

    at: int
    stream: str
    text: str
    fields: Mapping[str, Any] = field(default_factory=dict)

    @property
    def level(self) -> str:
        """``INFO``, ``ERROR``; of plain text nothing."""
        return str(self.fields.get("level", ""))

    @property
    def message(self) -> str:
        """What it says."""
        if "message" in self.fields:
            return str(self.fields["message"])
        if self.text.startswith(_REPORT):
            return "  ".join(filter(None, (word.strip() for word in self.text.split("\t")[1:])))
        return self.text.rstrip("\n")

    @property
    def more(self) -> dict[str, Any]:
        """Its other fields."""
        return {name: value for name, value in self.fields.items() if name not in _OURS | _NOISE}

    @property
    def trace(self) -> str:
        """The traceback that it carries."""
        return str(self.fields.get("traceback") or self.fields.get("exception") or "")

    @property
    def moment(self) -> str:
        """When, as text; a structured line knows it better than the log does."""
        written = str(self.fields.get("timestamp", ""))
        try:
            found = datetime.fromisoformat(written) if written else None
        except ValueError:
            found = None
        return to_text(
            (
                found if found and found.tzinfo else datetime.fromtimestamp(self.at / 1000, UTC)
            ).astimezone(UTC)
        )


class Logbook:
    """A Catchment's logs."""

    def __init__(self, logs: Any) -> None:  # noqa: ANN401 - botocore's clients have no static type without a service
        self._logs = logs

    def entries(
        self, group: str, *, start: int, end: int, phrase: str = "", streams: Sequence[str] = ()
    ) -> Iterator[Entry]:
        """Lines from ``start`` to ``end`` (epoch milliseconds), by time; those with ``phrase``, of
        ``streams`` (none named: of all).

        A group or a stream that is not there has no lines.
        """
        from botocore.exceptions import ClientError

        asked: dict[str, Any] = {"logGroupName": group, "startTime": max(start, 0), "endTime": end}
        if phrase:
            asked["filterPattern"] = json.dumps(phrase)
        if streams:
            asked["logStreamNames"] = list(streams)
        try:
            for page in self._logs.get_paginator("filter_log_events").paginate(**asked):
                yield from map(_entry, page["events"])
        except ClientError as error:
            if aws_code(error) != "ResourceNotFoundException":
                raise

    def last(self, group: str, *, start: int, end: int, phrase: str) -> Entry | None:
        """The newest line with ``phrase``."""
        found = None
        for entry in self.entries(group, start=start, end=end, phrase=phrase):
            found = entry
        return found

    def days_kept(self, group: str) -> int | None:
        """For how many days lines are kept; None: for ever, there is no such group, or this user
        may not list groups: that cannot be permitted for some of them only.
        """
        from botocore.exceptions import ClientError

        try:
            found = self._logs.describe_log_groups(logGroupNamePrefix=group).get("logGroups", [])
        except ClientError as error:
            if aws_code(error) not in DENIED:
                raise
            return None
        for one in found:
            if one["logGroupName"] == group:
                return one.get("retentionInDays")  # type: ignore[no-any-return]
        return None


def _entry(event: Mapping[str, Any]) -> Entry:
    text = str(event["message"])
    fields: Any = None
    if text.lstrip().startswith("{"):
        try:
            fields = json.loads(text)
        except ValueError:
            fields = None
    return Entry(
        int(event["timestamp"]),
        str(event.get("logStreamName", "")),
        text,
        fields if isinstance(fields, dict) else {},
    )
