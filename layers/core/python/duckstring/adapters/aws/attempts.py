"""Rows of attempts as their workers write them: in DynamoDB, long texts in S3.

Every worker may write any row, so rows are read as ``adapters/aws/rows.py`` reads them, here too.

A row is open while its status is running. Others may close it (an operator's kill, a loss). From
then on its worker writes only that it has left, and how the call of ``on_kill`` ended.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, cast, get_args

from botocore.exceptions import ClientError

from duckstring.adapters.aws.clients import Clients
from duckstring.adapters.aws.items import assigned, code_of, update
from duckstring.adapters.aws.layout import attempt_key, former_key
from duckstring.adapters.aws.rows import readable_fields
from duckstring.errors import TransientError
from duckstring.model.attempts import (
    MOST_INVOCATIONS,
    TAKEN,
    AttemptFinished,
    AttemptPaused,
    AttemptSeen,
    AttemptStarted,
    Began,
    OnKillCalled,
    OwnFailure,
    Usage,
)
from duckstring.model.checks import to_text as results_to_text
from duckstring.model.costs import NOTHING, Used
from duckstring.model.costs import to_text as used_text
from duckstring.model.failures import Failure
from duckstring.model.foreign import Redactor
from duckstring.model.instants import Instant, from_text, to_text
from duckstring.model.lineage import to_text as lineage_to_text
from duckstring.model.names import Line, run_key

if TYPE_CHECKING:
    from duckstring.adapters.aws.layout import Key

LONG_TEXT, KEPT_TEXT = 60_000, 20_000
_OPEN_ROW = "(attribute_not_exists(pk) OR #status = :running)"
_FREE_ROW = (
    f"{_OPEN_ROW} AND (attribute_not_exists(#started) OR attribute_exists(#resumes) OR "
    "#request_id = :request_id)"
)
"""Nobody has it, or it pauses. Two invocations of one attempt come where the answer to the first
was lost, and it may live.
"""
_HAS_ROOM = "(attribute_not_exists(#invocations) OR size(#invocations) < :most)"

Values = Mapping[str, object]


class AttemptRows:
    """``worker.ports.AttemptHistory``, ``on_kill.KillHistory`` and ``orchestrator.ports.Ends``."""

    def __init__(
        self, clients: Clients, table: str, bucket: str, redactor: Redactor | None = None
    ) -> None:
        """Keep rows in ``table``, and texts that are too long for them in ``bucket``. ``redactor``
        removes secrets from foreign texts.
        """
        self._clients, self._table, self._bucket = clients, table, bucket
        self._redactor = redactor or Redactor()

    def started(self, line: Line, row: AttemptStarted) -> Began | None:
        """Write that an attempt runs, unless it was taken. The place of its log is kept for each of
        its first invocations.

        Raises:
            TransientError: another worker has it.
        """
        key, site = attempt_key(line, row.run, row.ripple, row.attempt), row.site
        values: Values = {
            "run": run_key(line, row.run),
            "ripple": row.ripple,
            "attempt": row.attempt,
            "status": "running",
            "where": site.where,
            "memory_mib": site.memory_mib,
            "log_group": site.log_group,
            "log_stream": site.log_stream,
            "request_id": site.request_id,
        }
        change = f"SET {assigned(values)}, #started = if_not_exists(#started, :started)"
        more = {"started": to_text(row.started)}
        this = {**more, "log_stream": site.log_stream, "request_id": site.request_id}
        listed = {"none": [], "this": [this], "most": MOST_INVOCATIONS}
        append = ", #invocations = list_append(if_not_exists(#invocations, :none), :this)"
        found = self._change(
            key,
            f"{change}{append} REMOVE #resumes",
            f"{_FREE_ROW} AND {_HAS_ROOM}",
            {**values, **more, **listed},
        )
        if found is None:
            found = self._change(key, f"{change} REMOVE #resumes", _FREE_ROW, {**values, **more})
        if found is None:
            found = self._read(key)
            if found.get("status") in TAKEN:
                return None
            if found.get("status") == "running":
                raise TransientError(
                    "Another worker has begun this attempt, and may still be at it.",
                    hint="The attempt is made again.",
                )
        if row.pauses and "pauses" not in found:
            found = self._from_before(line, key) or found
        started = from_text(str(found.get("started") or more["started"]))
        return Began(
            started,
            _number(found, "pauses"),
            Usage(float(str(found.get("seconds") or 0)), _number(found, "peak_mib")),
            _amounts(found),
        )

    def _from_before(self, line: Line, key: Key) -> dict[str, object] | None:
        """Take over the start and the usage of an attempt that paused before attempts had a
        partition of their own.
        """
        found = self._read(
            former_key(line, key), "started", "pauses", "seconds", "peak_mib", "resumes"
        )
        if "resumes" not in found or "started" not in found:
            return None
        values: Values = {
            "started": str(found["started"]),
            "pauses": _number(found, "pauses"),
            "seconds": float(str(found.get("seconds") or 0)),
            "peak_mib": _number(found, "peak_mib"),
        }
        return self._change(key, f"SET {assigned(values)}", _OPEN_ROW, values)

    def paused(self, line: Line, row: AttemptPaused) -> bool:
        """Write that it goes on later, unless it was taken."""
        values: Values = {"resumes": to_text(row.resumes), **_used(row.usage, row.used)}
        change = f"SET {assigned(values)}, #pauses = if_not_exists(#pauses, :zero) + :one"
        return self._close(
            attempt_key(line, row.run, row.ripple, row.attempt),
            change,
            {**values, "zero": 0, "one": 1},
        )

    def finished(self, line: Line, row: AttemptFinished) -> bool:
        """Complete its row, unless it was taken."""
        sizes = {
            name: {"rows": table.rows, "bytes": table.bytes}
            for name, table in sorted(row.tables.items())
        }
        values: dict[str, object] = {
            "status": row.status,
            "finished": to_text(row.finished),
            "rows": sum(table.rows for table in row.tables.values()),
            "bytes": sum(table.bytes for table in row.tables.values()),
            "sizes": json.dumps(sizes, separators=(",", ":")),
            **_used(row.usage, row.used),
        }
        if row.checks:
            values["checks"] = results_to_text(row.checks)
        if row.status == "success":
            values["reads"] = json.dumps(row.reads, separators=(",", ":"))
            if row.lineage is not None:
                values["lineage"] = lineage_to_text(row.lineage)
            if row.package:
                values["package"] = row.package
        if row.status != "success" or row.message:  # of checks that warn
            clean = self._redactor.text
            row = replace(
                row,
                error=clean(row.error),
                message=clean(row.message),
                traceback=clean(row.traceback),
            )
            values |= {
                "error": row.error,
                "message": row.message,
                "traceback": row.traceback,
            } | self._overflow(line, row)
        return self._close(
            attempt_key(line, row.run, row.ripple, row.attempt),
            f"SET {assigned(values)}",
            values,
        )

    def taken(self, line: Line, *, run: int, ripple: str, attempt: int) -> str | None:
        """The status by which it was taken, by a cheap read that may be a moment behind."""
        found = self._read(attempt_key(line, run, ripple, attempt), "status", consistent=False)
        status = str(found.get("status"))
        return status if status in TAKEN else None

    def left(
        self, line: Line, *, run: int, ripple: str, attempt: int, at: Instant, used: Used = NOTHING
    ) -> None:
        """Write that the worker of an attempt that was taken has let go of it."""
        key, values = attempt_key(line, run, ripple, attempt), {"left": to_text(at)}
        if used:
            values["used"] = used_text(used)
        self._change(key, f"SET {assigned(values)}", "attribute_exists(pk)", values)

    def seen(self, line: Line, *, run: int, ripple: str, attempt: int) -> AttemptSeen:
        """The status of an attempt, and whether a worker has it."""
        found = self._read(
            attempt_key(line, run, ripple, attempt), "status", "started", "resumes", "left"
        )
        return AttemptSeen(
            str(found.get("status") or ""),
            away="started" not in found or "resumes" in found or "left" in found,
        )

    def recorded_end(
        self, line: Line, *, run: int, ripple: str, attempt: int
    ) -> tuple[OwnFailure, Failure] | None:
        """How the attempt failed, as its worker recorded it. None: the worker recorded no
        failure.
        """
        key = attempt_key(line, run, ripple, attempt)
        found = self._read(key, "status", "error", "message") or self._read(
            former_key(line, key), "status", "error", "message"
        )
        ends: tuple[OwnFailure, ...] = get_args(OwnFailure)
        failure = Failure(
            ripple, attempt, str(found.get("error", "")), str(found.get("message", ""))
        )
        return next(((end, failure) for end in ends if end == found.get("status")), None)

    def claim_on_kill(self, line: Line, *, run: int, ripple: str, attempt: int) -> bool:
        """Write that ``on_kill`` is called. False: that is written already."""
        key, values = attempt_key(line, run, ripple, attempt), {"on_kill": "requested"}
        return (
            self._change(key, f"SET {assigned(values)}", "attribute_not_exists(#on_kill)", values)
            is not None
        )

    def called_on_kill(self, line: Line, row: OnKillCalled) -> None:
        """Write how the call ended."""
        self._ended_on_kill(line, row, "attribute_exists(#on_kill)")

    def lost_on_kill(self, line: Line, row: OnKillCalled) -> None:
        """Write that a call ended with its process, unless its end is recorded."""
        self._ended_on_kill(
            line, row, "#on_kill = :asked AND attribute_not_exists(#on_kill_message)"
        )

    def _ended_on_kill(self, line: Line, row: OnKillCalled, condition: str) -> None:
        values: Values = {
            "on_kill": row.how,
            "on_kill_message": self._redactor.text(row.message, most=KEPT_TEXT),
        }
        self._change(
            attempt_key(line, row.run, row.ripple, row.attempt),
            f"SET {assigned(values)}",
            condition,
            {**values, "asked": "requested"},
        )

    def _overflow(self, line: Line, row: AttemptFinished) -> dict[str, object]:
        if len(row.message) + len(row.traceback) <= LONG_TEXT:
            return {}
        key = f"errors/{line}/{row.run}-{row.ripple}-{row.attempt}.txt"
        parts = (row.message if row.message not in row.traceback else "", row.traceback)
        text = "\n\n".join(filter(None, parts))
        self._clients.s3.put_object(
            Bucket=self._bucket,
            Key=key,
            Body=text.encode(),
            ContentType="text/plain; charset=utf-8",
        )
        return {
            "message": row.message[:KEPT_TEXT],
            "traceback": row.traceback[:KEPT_TEXT],
            "overflow": key,
        }

    def _close(self, key: Key, change: str, values: Values) -> bool:
        """Change a row unless it is closed, so that an abandoned worker does not reopen it. False:
        it was taken.
        """
        if self._change(key, change, _OPEN_ROW, values) is not None:
            return True
        return self._read(key, "status").get("status") not in TAKEN

    def _change(
        self, key: Key, change: str, condition: str, values: Values
    ) -> dict[str, object] | None:
        """The whole row afterwards. None: the condition does not hold."""
        try:
            found = self._clients.dynamodb.update_item(
                TableName=self._table,
                Key=key,
                **update(change, condition, {**values, "running": "running"}),
                ReturnValues="ALL_NEW",
            )
        except ClientError as error:
            if code_of(error) != "ConditionalCheckFailedException":
                raise
            return None
        return readable_fields(found["Attributes"])

    def _read(self, key: Key, *names: str, consistent: bool = True) -> dict[str, object]:
        wanted = names or ("status", "started", "pauses", "seconds", "peak_mib", "used")
        found = self._clients.dynamodb.get_item(
            TableName=self._table,
            Key=key,
            ConsistentRead=consistent,
            ProjectionExpression=", ".join(f"#{name}" for name in wanted),
            ExpressionAttributeNames={f"#{name}": name for name in wanted},
        )
        return readable_fields(found.get("Item", {}))


def _used(usage: Usage, used: Used) -> dict[str, object]:
    values = {"seconds": usage.seconds, "peak_mib": usage.peak_mib}
    return {**values, "used": used_text(used)} if used else {**values}


def _amounts(row: Mapping[str, object]) -> Used:
    found = row.get("used")
    return cast("Used", found) if isinstance(found, dict) else NOTHING


def _number(row: Mapping[str, object], name: str) -> int:
    return int(str(row.get(name) or 0))
