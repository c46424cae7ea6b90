"""History in DynamoDB and S3: rows of runs and attempts, written once and read back.

A row changes only from running to an end, and its first end stays. Writes are conditional on that,
so late, repeated and competing writes (by a worker, and by the orchestrator about a lost worker)
need no order.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from heapq import merge
from itertools import chain, islice, takewhile
from typing import TYPE_CHECKING, Any, TypeVar, cast
from zlib import crc32

from botocore.exceptions import ClientError

from duckstring.adapters.aws import codec
from duckstring.adapters.aws.batches import items
from duckstring.adapters.aws.clients import Clients
from duckstring.adapters.aws.items import assigned, code_of, from_item, to_item, update
from duckstring.adapters.aws.layout import (
    attempt_key,
    attempts_of,
    former_key,
    line_partition,
    work_partition,
)
from duckstring.adapters.aws.rows import attempt_row, complete
from duckstring.adapters.aws.run_marks import (
    MARKED,
    kind_of_wanted,
    kinds_of_asker,
    mark,
    mark_key,
    mark_sort_key,
    marked_shard,
    run_of,
    start_of,
)
from duckstring.engine.effects import RecordAttempt, RecordRun
from duckstring.model.checks import warning_to_object
from duckstring.model.costs import NOTHING, Used
from duckstring.model.costs import from_text as used_from_text
from duckstring.model.costs import to_text as used_to_text
from duckstring.model.failures import Failure
from duckstring.model.foreign import readable
from duckstring.model.instants import Instant, to_text
from duckstring.model.limits import ERROR, within
from duckstring.model.names import Line, parse_line, parse_run, run_key
from duckstring.ports import EVERY_RUN, AttemptUsed, RunFilter, RunsAsked

if TYPE_CHECKING:
    from duckstring.adapters.aws.layout import Key
    from duckstring.model.answers.runs import AttemptRow, RunRow

Row = TypeVar("Row", "RunRow", "AttemptRow")
Found = TypeVar("Found")

LONG = 60_000
"""Text beyond this many characters goes to S3."""
SHORT = 20_000
"""What a row keeps of it."""
_MONTHS = 14
SHARDS = 8
"""Partitions of the index: DynamoDB takes 1,000 writes/s in one, and a run writes two or three
times. Step Functions starts 300 runs/s, after a burst of 1,300.
"""
_RECENT = 200
_RECENT_OF_SHARD = 40
_MARKS = 40
MOST_LOOKED = 2_000
"""Marks of who asked that one answer looks at: 50 requests, where a status leaves most of them
out.
"""
_LAST_NUMBER = 9_999_999_999
_AT_ONCE = 8
_SKEW = timedelta(hours=1)
"""A line's runs begin in the order of their numbers, by clocks that may have been set back."""
_LAST = "~"
"""Sorts after all that begins with a letter, a digit or one of ``- : # .``"""
_PAYLOAD = 4_000_000
"""Overflowed text that one answer carries: Lambda's answers end at 6 MB."""
_USED_FIELDS = (*("sk", "status", "used", "started", "finished", "where", "memory_mib"),)
_RUN_FIELDS = ("finished", "changed", "overtaken_by", "ripple", "error", "message")
_OPEN = "attribute_not_exists(pk) OR attribute_not_exists(#status) OR #status = :running"
_KEYS = frozenset({"pk", "sk", "gsi1pk", "gsi1sk", "expires"})
_TOO_LARGE = "size"
"""What DynamoDB says of an item that would have more than 400 KB, and of no other request that
is made here.
"""


class DynamoHistory:
    """``ports.History``: the orchestrator's side."""

    def __init__(self, clients: Clients, table: str, bucket: str) -> None:
        """Rows lie in ``table``, texts too long for them in ``bucket``."""
        self._clients, self._table, self._bucket = clients, table, bucket

    def record_run(self, line: Line, row: RecordRun) -> None:
        """Write or complete a run's row."""
        key = run_key(line, row.run)
        pond, major = parse_line(line)
        started, failure = to_text(row.started), row.failure
        values: dict[str, object] = {
            "run": key,
            "pond": pond,
            "major": major,
            "number": row.run,
            "f": to_text(row.f),
            "version": row.version,
            "status": row.status,
            "started": started,
            "finished": to_text(row.finished) if row.finished else None,
            "changed": row.changed,
            "overtaken_by": run_key(line, row.overtaken_by) if row.overtaken_by else None,
            "wanted": row.wanted or None,
            "pins": json.dumps(row.pins, separators=(",", ":")) if row.pins else None,
            "used": used_to_text(cast("Used", row.used)) if row.used else None,
            "warnings": codec.warnings_to_text(row.warnings) if row.warnings else None,
            "asked": [to_text(at) for at in row.asked] or None,
            "gsi1pk": shard_of(line),
            "gsi1sk": f"{started}#{key}",
        }
        if row.said:
            said = {"by": row.said.by or None, "note": row.said.note or None}
            values |= {**said, "said_at": to_text(row.said.at)}
        if failure:
            where = f"errors/{line}/{row.run}-{failure.ripple}-{failure.attempt}-run.txt"
            values |= {"ripple": failure.ripple, "error": _error(failure)} | self._message(
                failure.message, where
            )
        self._write(run_item_key(line, row.run), values)
        # After the row: nobody finds a mark without one. A repeat replaces it by itself.
        for kind in _kinds(row):
            held = mark(kind, shard_of(line), f"{started}#{key}")
            item = {**mark_key(line, kind, row.run), **to_item(held)}
            self._clients.dynamodb.put_item(TableName=self._table, Item=item)

    def record_attempt(self, line: Line, row: RecordAttempt) -> None:
        """Write how an attempt ended, unless its worker already did."""
        key = attempt_key(line, row.run, row.ripple, row.attempt)
        values: dict[str, object] = {
            "run": run_key(line, row.run),
            "ripple": row.ripple,
            "attempt": row.attempt,
            "status": row.status,
            "finished": to_text(row.finished),
        }
        if failure := row.failure:
            where = f"errors/{line}/{row.run}-{row.ripple}-{row.attempt}-lost.txt"
            values |= {"error": _error(failure)} | self._message(failure.message, where)
        self._write(key, values)
        # A worker that began before attempts had a partition of their own looks there whether it is
        # wanted.
        self._write(former_key(line, key), values, condition="#status = :running")

    def _message(self, message: str, where: str) -> dict[str, object]:
        message = readable(message)
        if len(message) <= LONG:
            return {"message": message}
        self._clients.s3.put_object(Bucket=self._bucket, Key=where, Body=message.encode())
        return {"message": message[:SHORT], "overflow": where}

    def _write(self, key: Key, values: Mapping[str, object], *, condition: str = _OPEN) -> None:
        """Set ``values`` unless the row has ended already."""
        kept = {name: value for name, value in values.items() if value is not None}
        try:
            self._clients.dynamodb.update_item(
                TableName=self._table,
                Key=key,
                **update(f"SET {assigned(kept)}", condition, {**kept, "running": "running"}),
            )
        except ClientError as error:
            if code_of(error) == "ValidationException" and _TOO_LARGE in str(error):
                self._replace(key, kept, condition=condition)
            elif code_of(error) != "ConditionalCheckFailedException":
                raise

    def _replace(self, key: Key, values: Mapping[str, object], *, condition: str) -> None:
        """Of a row that a worker has filled up to the last byte, this is what stays."""
        try:
            self._clients.dynamodb.put_item(
                TableName=self._table,
                Item={**key, **to_item(values)},
                ConditionExpression=condition,
                ExpressionAttributeNames={"#status": "status"},
                ExpressionAttributeValues={":running": {"S": "running"}},
            )
        except ClientError as error:
            if code_of(error) != "ConditionalCheckFailedException":
                raise


class DynamoHistoryReader:
    """``ports.HistoryReader``: the api's side."""

    def __init__(self, clients: Clients, table: str, bucket: str) -> None:
        """Rows lie in ``table``, texts too long for them in ``bucket``."""
        self._clients, self._table, self._bucket = clients, table, bucket

    def runs(
        self, *, now: Instant, limit: int, line: Line | None = None, only: RunFilter = EVERY_RUN
    ) -> Sequence[RunRow]:
        """Newest first."""
        if only.status is not None and only.status in MARKED:
            found = self._marked(only.status, now, line, only)
        else:
            found = self._runs_of(line, only) if line else self._of_all(now, only)
        return tuple(islice(found, limit))

    def runs_asked(
        self, *, now: Instant, limit: int, line: Line | None = None, only: RunFilter
    ) -> RunsAsked:
        """Newest first. Of a status that has marks, those are looked at: they are fewer."""
        is_rare = only.status is not None and only.status in MARKED
        kind = only.status if is_rare else kind_of_wanted(only.by or "")
        marks = self._marks_for(kind or "", now, line, only)
        rows: list[RunRow] = []
        looked = 0
        while part := list(islice(marks, _MARKS)):
            held = self.rows_of(run for run in map(run_of, part) if _is_of(run, only.ponds))
            rows += filter(only.admits, held)
            looked += len(part)
            if len(rows) >= limit:
                break
            if looked >= MOST_LOOKED and (last := held or self.rows_of(map(run_of, part))):
                return RunsAsked(rows, further=last[-1]["run"])
        return RunsAsked(rows[:limit])

    def rows_of(self, runs: Iterable[str]) -> Sequence[RunRow]:
        """The rows of these runs, a hundred in a request, in this order. Some may be gone."""
        wanted = list(runs)
        keys = (run_item_key(*parse_run(run)) for run in wanted)
        found = {row["run"]: row for row in map(run_row, items(self._clients, self._table, keys))}
        return [found[run] for run in wanted if run in found]

    def last_runs(self, numbers: Mapping[Line, int]) -> Mapping[Line, RunRow]:
        """The newest run of each line: a hundred lines in a request, by the number that their runs
        are counted to.

        A number has no row if its run is just beginning, or if it is a removal's. Such a line is
        asked for its newest row.
        """
        keys = (run_item_key(line, number) for line, number in numbers.items())
        rows = map(run_row, items(self._clients, self._table, keys))
        last = {Line(f"{row['pond']}@{row['major']}"): row for row in rows}
        rest = sorted(numbers.keys() - last.keys())
        with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
            found = pool.map(self._newest, rest)
        return last | {line: row for line, row in zip(rest, found, strict=True) if row}

    def _newest(self, line: Line) -> RunRow | None:
        query = self._of_line(line_partition(line), "RUN#") | {"Limit": 1}
        return next(self._rows(query, each_counts=True), None)

    def run(self, line: Line, number: int) -> RunRow | None:
        """One run."""
        item = self._clients.dynamodb.get_item(
            TableName=self._table, Key=run_item_key(line, number), ConsistentRead=True
        ).get("Item")
        if not item:
            return None
        return next(self._with_overflow([run_row(item)]))

    def attempts(self, line: Line, number: int) -> Sequence[AttemptRow]:
        """The attempts of one run, by when they started, with their full texts."""
        found: dict[object, dict[str, object]] = {}
        for partition in (
            line_partition(line),
            work_partition(line),
        ):  # as they lay before, then as they lie now
            query = self._of_line(partition, attempts_of(number)) | {"ScanIndexForward": True}
            for page in self._clients.dynamodb.get_paginator("query").paginate(**query):
                for row in filter(None, (attempt_row(line, item) for item in page["Items"])):
                    which = row["ripple"], row["attempt"]
                    found[which] = _joined(found.get(which), row)
        rows = sorted(
            map(complete, found.values()),
            key=lambda row: (row["started"] or row["finished"] or "", row["ripple"]),
        )
        return list(self._with_overflow(rows))

    def used(self, line: Line, first: int, last: int) -> Sequence[AttemptUsed]:
        """What each attempt of these runs and of those between them used."""
        query = self._between(
            work_partition(line), attempts_of(first), f"{attempts_of(last)}{_LAST}"
        ) | {
            "ConsistentRead": False,
            "ProjectionExpression": ", ".join(f"#{name}" for name in _USED_FIELDS),
            "ExpressionAttributeNames": {f"#{name}": name for name in _USED_FIELDS},
        }
        pages = self._clients.dynamodb.get_paginator("query").paginate(**query)
        rows = (attempt_row(line, item) for page in pages for item in page["Items"])
        return [_attempt_used(complete(row)) for row in rows if row]

    def _of_line(self, partition: str, prefix: str) -> dict[str, Any]:
        return self._between(partition, prefix, f"{prefix}{_LAST}")

    def _between(self, partition: str, first: str, last: str) -> dict[str, Any]:
        """Newest first; the sort keys that are given belong to it."""
        return {
            "TableName": self._table,
            "ConsistentRead": True,
            "ScanIndexForward": False,
            "KeyConditionExpression": "pk = :pk AND sk BETWEEN :first AND :last",
            "ExpressionAttributeValues": {
                ":pk": {"S": partition},
                ":first": {"S": first},
                ":last": {"S": last},
            },
        }

    def _runs_of(self, line: Line, only: RunFilter) -> Iterator[RunRow]:
        """A line's runs, by their numbers. What began long before ``since`` is not read."""
        last = run_sort_key(only.before["number"] - 1) if only.before else f"RUN#{_LAST}"
        query = self._between(line_partition(line), run_sort_key(0), last)
        since = to_text(only.since - _SKEW) if only.since else ""
        each = only.status is None and only.until is None and not only.ponds
        found = self._rows(query, each_counts=each)
        return filter(only.admits, takewhile(lambda row: row["started"] >= since, found))

    def _marked(
        self, status: str, now: Instant, line: Line | None, only: RunFilter
    ) -> Iterator[RunRow]:
        """The runs of a status that has marks."""
        marks = self._marks_for(status, now, line, only)
        while part := list(islice(marks, _MARKS)):
            yield from filter(only.admits, self.rows_of(map(run_of, part)))

    def _marks_for(
        self, kind: str, now: Instant, line: Line | None, only: RunFilter
    ) -> Iterator[str]:
        """The marks of a kind, of a line or of everybody: their keys of the index."""
        return self._marks_of(line, kind, only) if line else self._marks(kind, now, only)

    def _marks_of(self, line: Line, kind: str, only: RunFilter) -> Iterator[str]:
        """A line's marks, by the numbers of its runs."""
        number = only.before["number"] - 1 if only.before else _LAST_NUMBER
        query = self._between(
            line_partition(line), mark_sort_key(kind, 0), mark_sort_key(kind, number)
        )
        since = to_text(only.since - _SKEW) if only.since else ""
        return takewhile(lambda key: start_of(key) >= since, self._index_keys(query))

    def _marks(self, kind: str, now: Instant, only: RunFilter) -> Iterator[str]:
        """Everybody's marks, by when the runs began."""
        first, last = _span(now, only)
        if first > last:
            return iter(())
        parts = [
            self._index_keys(self._indexed(marked_shard(kind, shard), first, last))
            for shard in shards()
        ]
        with ThreadPoolExecutor(max_workers=len(parts)) as pool:
            begun = list(pool.map(_begun, parts))
        return merge(*begun, reverse=True)

    def _index_keys(self, query: dict[str, Any]) -> Iterator[str]:
        pages = self._clients.dynamodb.get_paginator("query").paginate(**{"Limit": _MARKS} | query)
        return (item["gsi1sk"]["S"] for page in pages for item in page["Items"])

    def _of_all(self, now: Instant, only: RunFilter) -> Iterator[RunRow]:
        """Everybody's runs, by when they began: each partition of the index has them in that
        order. The first rows of all partitions are read side by side.
        """
        first, last = _span(now, only)
        if first > last:  # DynamoDB refuses a range that ends before it begins
            return
        each = only.status is None and only.ponds is None
        parts = [
            self._rows(self._indexed(shard, first, last), each_counts=each, most=_RECENT_OF_SHARD)
            for shard in shards()
        ]
        parts.append(self._of_months(now, first, last, each_counts=each))
        with ThreadPoolExecutor(max_workers=len(parts)) as pool:
            begun = list(pool.map(_begun, parts))
        yield from filter(only.admits, merge(*begun, key=_index_key, reverse=True))

    def _of_months(
        self, now: Instant, first: str, last: str, *, each_counts: bool
    ) -> Iterator[RunRow]:
        """Runs of before the index had shards: it had a partition for each month."""
        for month in months_back(now):
            if first[:7] <= month <= last:
                query = self._indexed(f"RUNS#{month}", first, last)
                yield from self._rows(query, each_counts=each_counts)

    def _indexed(self, partition: str, first: str, last: str) -> dict[str, Any]:
        """Newest first."""
        return {
            "TableName": self._table,
            "IndexName": "gsi1",
            "ScanIndexForward": False,
            "KeyConditionExpression": "gsi1pk = :pk AND gsi1sk BETWEEN :first AND :last",
            "ExpressionAttributeValues": {
                ":pk": {"S": partition},
                ":first": {"S": first},
                ":last": {"S": last},
            },
        }

    def _rows(
        self, query: dict[str, Any], *, each_counts: bool, most: int = _RECENT
    ) -> Iterator[RunRow]:
        """In pages of ``most`` where each row is wanted, otherwise in the largest there are."""
        if each_counts:
            query = {"Limit": most} | query
        for page in self._clients.dynamodb.get_paginator("query").paginate(**query):
            yield from map(run_row, page["Items"])

    def _with_overflow(self, rows: Iterable[Row]) -> Iterator[Row]:
        left = _PAYLOAD
        for row in rows:
            key = row.get("overflow")
            text = self._text(key, left) if key and left > SHORT else ""
            left -= len(text.encode())
            yield _grown(row, text)

    def _text(self, key: str, most: int) -> str:
        """A text in S3, its first ``most`` bytes; empty if it is gone: the row's own words
        remain.
        """
        try:
            body = self._clients.s3.get_object(
                Bucket=self._bucket, Key=key, Range=f"bytes=0-{most - 1}"
            )["Body"].read()
        except ClientError as error:
            if code_of(error) != "NoSuchKey":
                raise
            return ""
        return body.decode(errors="replace")


def _kinds(row: RecordRun) -> Iterator[str]:
    """Of the marks that a row has. Who asked is known when the run begins, and told once."""
    if row.status in MARKED:
        yield row.status
    if row.said and row.said.by:
        yield from kinds_of_asker(row.said.by)


def _error(failure: Failure) -> str:
    return within(readable(failure.error), ERROR)


def _span(now: Instant, only: RunFilter) -> tuple[str, str]:
    """The first and the last key of the index that may be wanted."""
    first = to_text(only.since) if only.since else [*months_back(now)][-1]
    last = to_text(only.until) if only.until else _LAST
    return first, min(last, _index_key(only.before)) if only.before else last


def _is_of(run: str, ponds: frozenset[str] | None) -> bool:
    return ponds is None or run.partition("@")[0] in ponds


def _index_key(row: RunRow) -> str:
    """Where the index has a run."""
    return f"{row['started']}#{row['run']}"


def run_sort_key(number: int) -> str:
    """``RUN#0000000042``."""
    return f"RUN#{number:010d}"


def shards() -> Sequence[str]:
    """The partitions of the index."""
    return [f"RUNS#{number}" for number in range(SHARDS)]


def shard_of(line: Line) -> str:
    """The partition of the index that has a line's runs."""
    return shards()[crc32(line.encode()) % SHARDS]


def _begun(rows: Iterator[Found]) -> Iterator[Found]:
    """The same, with its first page read."""
    first = list(islice(rows, 1))
    return chain(first, rows)


def months_back(now: Instant) -> Iterator[str]:
    """``2030-01``, ``2029-12``, ...: the month of ``now`` and those before it."""
    for back in range(_MONTHS):
        year, month = divmod(now.year * 12 + now.month - 1 - back, 12)
        yield f"{year:04d}-{month + 1:02d}"


def run_row(item: Mapping[str, Any]) -> RunRow:
    """A run's row with every field that docs/protocol.md names, None where the item has none
    yet.
    """
    held = {name: value for name, value in from_item(item).items() if name not in _KEYS}
    if "used" in held:
        held["used"] = used_from_text(held["used"])
    if "pins" in held:
        held["pins"] = json.loads(str(held["pins"]))
    if "warnings" in held:
        warnings = codec.warnings_from_text(str(held["warnings"]))
        held["warnings"] = [warning_to_object(one) for one in warnings]
    return cast("RunRow", {**dict.fromkeys(_RUN_FIELDS), **held})


def _attempt_used(row: AttemptRow) -> AttemptUsed:
    return AttemptUsed(
        row["run"],
        row["status"],
        row.get("used") or NOTHING,
        row["started"] or "",
        row["finished"] or "",
        row["where"],
        row["memory_mib"] or 0,
    )


def _joined(earlier: dict[str, object] | None, row: dict[str, object]) -> dict[str, object]:
    """A row that was begun before attempts had a partition of their own, and what was written of
    it since. An end stays.
    """
    if earlier is None:
        return row
    if earlier["status"] != "running":
        return {**row, **earlier}
    return {name: value for name, value in earlier.items() if name != "resumes"} | row


def run_item_key(line: Line, number: int) -> Key:
    """Where a run's row lies."""
    return {"pk": {"S": line_partition(line)}, "sk": {"S": run_sort_key(number)}}


def _grown(row: Row, text: str) -> Row:
    """``row`` with its full texts: a worker writes the traceback alone where it contains the
    message, else both, apart.
    """
    message, traceback = row["message"] or "", str(row.get("traceback") or "")
    if traceback and text.startswith(traceback):
        return _with(row, traceback=text)
    if not message or not text.startswith(message):
        return row
    if not traceback:
        return _with(row, message=text)
    whole, _, rest = text.partition(f"\n\n{traceback}")
    return _with(row, message=whole, traceback=traceback + rest)


def _with(row: Row, **texts: str) -> Row:
    return cast("Row", {**row, **texts})
