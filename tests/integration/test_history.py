from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import product
from random import Random

import pytest

from duckstring.adapters.aws.history import (
    SHARDS,
    DynamoHistory,
    DynamoHistoryReader,
    months_back,
    shard_of,
)
from duckstring.adapters.aws.items import to_item
from duckstring.engine.effects import RecordAttempt, RecordRun
from duckstring.model.failures import Failure
from duckstring.model.instants import to_text
from duckstring.model.names import Line, parse_run
from duckstring.ports import RunFilter
from tests.integration.aws import catchment

SALES = Line("sales@1")
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
FAILURE = Failure("load", 2, "ValueError", "no such rate")


OVERFLOW = "errors/sales@1/42-load-1.txt"


class History:
    def __init__(self, here):
        self.here = here
        self.write = DynamoHistory(here.clients, here.settings.table, here.settings.bucket)
        self.read = DynamoHistoryReader(here.clients, here.settings.table, here.settings.bucket)

    def ran(self, line, number, status="success", *, started=NOON, **changes):
        finished = None if status == "running" else started + SECOND
        self.write.record_run(
            Line(line), RecordRun(number, started, "1.0.0", status, started, finished, **changes)
        )

    def names(self, line=None, limit=20, **only):
        rows = self.read.runs(now=NOON + SECOND, line=line, limit=limit, only=RunFilter(**only))
        return [row["run"] for row in rows]

    def put(self, **row):
        self.here.clients.dynamodb.put_item(TableName=self.here.settings.table, Item=to_item(row))

    def attempt(self, **row):
        """A row as a worker writes it."""
        keys = {
            "pk": "WORK#sales@1",
            "sk": f"ATTEMPT#0000000042#{row['ripple']}#{row['attempt']:04d}",
        }
        self.put(**keys, run="sales@1/42", **row)


@pytest.fixture
def history(monkeypatch):
    with catchment(monkeypatch) as here:
        yield History(here)


def test_a_run_is_written_as_the_protocol_has_it(history):
    history.ran("sales@1", 42, "failed", failure=FAILURE, changed=False, overtaken_by=43)
    assert history.read.run(SALES, 42) == {
        "run": "sales@1/42",
        "pond": "sales",
        "major": 1,
        "number": 42,
        "f": "2030-01-01T12:00:00.000000Z",
        "version": "1.0.0",
        "status": "failed",
        "started": "2030-01-01T12:00:00.000000Z",
        "finished": "2030-01-01T12:00:01.000000Z",
        "changed": False,
        "overtaken_by": "sales@1/43",
        "ripple": "load",
        "error": "ValueError",
        "message": "no such rate",
    }
    assert history.here.items("LINE#sales@1")["RUN#0000000042"]["gsi1pk"] == {"S": shard_of(SALES)}
    assert history.read.run(SALES, 43) is None


def test_a_run_ends_once_whatever_comes_late_or_twice(history):
    history.ran("sales@1", 1, "running")
    history.ran("sales@1", 1, "success")
    for late in ("running", "failed", "success"):
        history.ran("sales@1", 1, late, started=NOON + SECOND)
    row = history.read.run(SALES, 1)
    assert (row["status"], row["started"]) == ("success", "2030-01-01T12:00:00.000000Z")


def test_runs_of_one_line_come_newest_first_by_number(history):
    for number in (1, 2, 10, 9):
        history.ran("sales@1", number)
    history.ran("other@1", 11)
    assert history.names(line=SALES) == ["sales@1/10", "sales@1/9", "sales@1/2", "sales@1/1"]
    assert history.names(line=SALES, limit=2) == ["sales@1/10", "sales@1/9"]


def test_runs_of_all_lines_come_newest_first_through_the_months(history):
    for name, back in (("a@1", 0), ("b@1", 20), ("c@1", 390), ("d@1", 500)):
        history.ran(name, 1, started=NOON - timedelta(days=back))
    assert history.names() == ["a@1/1", "b@1/1", "c@1/1"]
    assert history.names(limit=2) == ["a@1/1", "b@1/1"]


def test_a_status_filters_before_the_limit_counts(history):
    for number in range(1, 8):
        history.ran(
            "sales@1",
            number,
            "failed" if number in (1, 2) else "pass",
            started=NOON - SECOND * (10 - number),
        )
    assert history.names(status="failed", limit=2) == ["sales@1/2", "sales@1/1"]
    assert history.names(status="failed", limit=1, line=SALES) == ["sales@1/2"]


def test_what_failed_is_found_without_a_look_at_what_went_well(history, monkeypatch):
    for number in range(1, 60):
        history.ran("sales@1", number, started=NOON - SECOND * (60 - number))
    history.ran("sales@1", 60, "failed", started=NOON)
    client, read = history.here.clients.dynamodb, []

    def note(http_response, parsed, model, **_):
        read.extend(parsed.get("Items", ()))
        read.extend(row for rows in parsed.get("Responses", {}).values() for row in rows)

    client.meta.events.register("after-call.dynamodb.*", note)
    assert history.names(status="failed") == ["sales@1/60"]
    assert history.names(status="failed", line=SALES) == ["sales@1/60"]
    assert len(read) == 4  # twice a mark and its row


def test_a_run_that_ended_before_is_not_found_under_a_later_status(history):
    history.ran("sales@1", 1, "success")
    history.ran("sales@1", 1, "failed")
    assert history.names(status="failed") == []
    assert history.names(status="failed", line=SALES) == []
    assert history.names(status="success") == ["sales@1/1"]


def test_a_mark_without_a_row_is_passed_over(history):
    history.ran("sales@1", 1, "killed")
    history.ran("sales@1", 2, "killed", started=NOON + SECOND / 2)
    history.here.clients.dynamodb.delete_item(
        TableName=history.here.settings.table,
        Key=to_item({"pk": "LINE#sales@1", "sk": "RUN#0000000002"}),
    )
    assert history.names(status="killed") == ["sales@1/1"]


STATUSES = ("success", "failed", "killed", "pass", "removal", "rollback")


def test_lists_of_a_status_are_those_of_all_runs_filtered(history):
    some = Random(17)
    lines = ("a@1", "b@1", "c@2")
    for number in range(1, 40):
        for name in lines:
            history.ran(
                name,
                number,
                some.choice(STATUSES),
                started=NOON - timedelta(hours=(40 - number) // 2),
            )
    everything = {row["run"]: row for row in history.read.runs(now=NOON + SECOND, limit=1000)}
    since, until = NOON - timedelta(hours=12), NOON - timedelta(hours=2)
    for status, line in product(STATUSES, (None, *map(Line, lines))):
        of_line = history.names(line=line, limit=1000)
        expected = [run for run in of_line if everything[run]["status"] == status]
        assert history.names(line=line, limit=1000, status=status) == expected
        assert history.names(line=line, limit=3, status=status) == expected[:3]
        for place in {0, len(expected) // 2} if expected else ():
            before = everything[expected[place]]
            later = history.names(line=line, limit=1000, status=status, before=before)
            assert later == expected[place + 1 :]
        spanned = history.names(line=line, limit=1000, status=status, since=since, until=until)
        assert spanned == [
            run for run in expected if to_text(since) <= everything[run]["started"] < to_text(until)
        ]


DAYS_BACK = (0, 0, 1, 20, 33, 33, 390)


@pytest.fixture
def busy(history):
    """Two lines through the months; two runs begin at one instant."""
    for number, days in enumerate(reversed(DAYS_BACK), start=1):
        for name in ("a@1", "b@1"):
            status = "failed" if number % 3 == 0 else "success"
            history.ran(name, number, status, started=NOON - timedelta(days=days))
    return history


def test_pages_of_runs_hold_each_run_once(busy):
    for line, status, limit in product((None, Line("a@1")), (None, "failed"), (1, 3, 14)):
        whole = busy.names(line, 100, status=status)
        assert len(whole) == (4 if status else 14) // (2 if line else 1)
        assert list(paged(busy, line, limit, status)) == whole


def paged(history, line, limit, status):
    before = None
    while page := history.names(line, limit, status=status, before=before):
        yield from page
        before = history.read.run(*parse_run(page[-1]))


SPANS = (
    (0, None, [7, 6]),
    (1, 0, [5]),
    (33, 1, [4, 3, 2]),
    (None, 33, [1]),
    (400, 390, []),
    (0, 1, []),
    (19.5, None, [7, 6, 5]),
)
"""Since and until in days back, and the numbers of the runs that began in between."""


def test_runs_of_a_span_of_time(busy):
    for (since, until, numbers), line in product(SPANS, (None, Line("b@1"))):
        span = {
            name: None if days is None else NOON - timedelta(days=days)
            for name, days in (("since", since), ("until", until))
        }
        names = ("b@1",) if line else ("b@1", "a@1")
        found = busy.names(line, 100, **span)
        assert sorted(found) == sorted(f"{name}/{one}" for name in names for one in numbers), span
        assert busy.names(line, 1, **span) == found[:1]


def test_a_clock_that_was_set_back_hides_no_run_of_a_span(history):
    for number, minutes in ((1, 25), (2, 20), (3, 35), (4, 10)):
        history.ran("a@1", number, started=NOON - timedelta(minutes=minutes))
    since = NOON - timedelta(minutes=30)
    assert history.names(Line("a@1"), since=since) == ["a@1/4", "a@1/2", "a@1/1"]
    assert history.names(since=since) == ["a@1/4", "a@1/2", "a@1/1"]


def test_no_range_is_asked_for_that_ends_before_it_begins(busy):
    """DynamoDB refuses one; moto takes it."""
    asked = []
    busy.read._clients.dynamodb.meta.events.register(
        "before-parameter-build.dynamodb.Query",
        lambda params, **_: asked.append(params["ExpressionAttributeValues"]),
    )
    early, late = NOON - timedelta(days=20), NOON - timedelta(days=1)
    for line in (None, Line("a@1")):
        assert busy.names(line, since=late, until=early) == []
        newest = busy.read.run(Line("a@1"), 3)
        assert busy.names(line, since=late, before=newest) == []
    assert all(values[":first"]["S"] <= values[":last"]["S"] for values in asked)


def test_what_began_before_a_span_is_not_read(history):
    for number in range(200, 260):
        history.ran("a@1", number, started=NOON - timedelta(days=300 - number))
    asked = []
    history.read._clients.dynamodb.meta.events.register(
        "before-call.dynamodb", lambda model, **_: asked.append(model.name)
    )
    since = NOON - timedelta(days=60)
    assert len(history.names(Line("a@1"), 1000, since=since)) == 20
    assert asked == ["Query"]
    assert len(history.names(None, 1000, since=since)) == 20
    assert len(asked) == 1 + SHARDS + 3, "the shards, and the months that the span is in"


def test_the_last_run_of_each_line_is_a_hundred_lines_in_a_request(history):
    names = [Line(f"p{number}@1") for number in range(230)]
    for line in names[:-1]:
        for number in (1, 2):
            history.ran(line, number, started=NOON + SECOND * (number - 2))
    asked = []
    history.read._clients.dynamodb.meta.events.register(
        "before-call.dynamodb", lambda model, **_: asked.append(model.name)
    )
    # The third is just beginning, or was a removal: it has no row. The last line never ran.
    numbers = dict.fromkeys(names, 2) | {names[0]: 3, names[7]: 3}
    found = history.read.last_runs(numbers)
    assert {line: row["number"] for line, row in found.items()} == dict.fromkeys(names[:-1], 2)
    assert Counter(asked) == {"BatchGetItem": 3, "Query": 3}


def lost(attempt=1, **changes):
    return RecordAttempt(
        42, "load", attempt, **{"status": "lost", "finished": NOON, "failure": FAILURE} | changes
    )


def test_an_attempt_whose_worker_was_lost_keeps_what_the_worker_began_to_write(history):
    history.attempt(
        ripple="load",
        attempt=1,
        status="running",
        started="2030-01-01T11:00:00.000000Z",
        memory_mib=512,
    )
    history.write.record_attempt(SALES, lost())
    (row,) = history.read.attempts(SALES, 42)
    assert {name: value for name, value in row.items() if value is not None} == {
        "run": "sales@1/42",
        "ripple": "load",
        "attempt": 1,
        "status": "lost",
        "started": "2030-01-01T11:00:00.000000Z",
        "finished": "2030-01-01T12:00:00.000000Z",
        "memory_mib": 512,
        "error": "ValueError",
        "message": "no such rate",
    }


def test_a_workers_own_last_word_stays(history):
    history.attempt(ripple="load", attempt=1, status="failed", message="mine")
    history.write.record_attempt(SALES, lost())
    assert [(row["status"], row["message"]) for row in history.read.attempts(SALES, 42)] == [
        ("failed", "mine")
    ]


def test_an_attempt_that_no_worker_ever_began_gets_a_row(history):
    history.write.record_attempt(SALES, lost(2, status="killed", failure=None))
    assert [(row["attempt"], row["status"]) for row in history.read.attempts(SALES, 42)] == [
        (2, "killed")
    ]


def test_attempts_come_in_the_order_of_their_starts_and_of_their_run_only(history):
    history.attempt(
        ripple="b",
        attempt=1,
        status="success",
        started="2030-01-01T10:00:00.000000Z",
        tables='{"t":{"rows":1,"bytes":2}}',
    )
    history.attempt(ripple="a", attempt=1, status="success", started="2030-01-01T11:00:00.000000Z")
    history.put(
        pk="WORK#sales@1",
        sk="ATTEMPT#0000000421#a#0001",
        run="sales@1/421",
        ripple="a",
        attempt=1,
        status="success",
    )
    rows = history.read.attempts(SALES, 42)
    assert [row["ripple"] for row in rows] == ["b", "a"]
    assert rows[0]["tables"] == {"t": {"rows": 1, "bytes": 2}}


def test_text_too_long_for_a_row_is_read_back_whole_from_s3(history):
    text = "Traceback\n" + "x" * 100_000
    history.here.clients.s3.put_object(Bucket="catchment", Key=OVERFLOW, Body=text.encode())
    history.attempt(
        ripple="load", attempt=1, status="failed", traceback=text[:20_000], overflow=OVERFLOW
    )
    history.attempt(
        ripple="gone", attempt=1, status="failed", traceback="short", overflow="errors/nowhere.txt"
    )
    gone, whole = history.read.attempts(SALES, 42)
    assert whole["traceback"] == text
    assert gone["traceback"] == "short"


def test_a_long_message_and_its_traceback_come_back_apart(history):
    message, traceback = "m" * 50_000, "Traceback\n" + "t" * 50_000
    history.here.clients.s3.put_object(
        Bucket="catchment", Key=OVERFLOW, Body=f"{message}\n\n{traceback}".encode()
    )
    history.attempt(
        ripple="load",
        attempt=1,
        status="failed",
        message=message[:20_000],
        traceback=traceback[:20_000],
        overflow=OVERFLOW,
    )
    (row,) = history.read.attempts(SALES, 42)
    assert (row["message"], row["traceback"]) == (message, traceback)


def test_a_run_under_way_has_no_end_and_says_so(history):
    history.ran("sales@1", 1, "running")
    row = history.read.run(SALES, 1)
    assert (row["finished"], row["ripple"], row["error"], row["message"]) == (
        None,
        None,
        None,
        None,
    )


def test_a_long_message_of_a_failure_overflows_and_comes_back(history):
    long = Failure("load", 1, "ValueError", "y" * 60_001)
    history.ran("sales@1", 42, "failed", failure=long)
    history.write.record_attempt(SALES, lost(failure=long))
    assert len(history.here.items("LINE#sales@1")["RUN#0000000042"]["message"]["S"]) == 20_000
    assert history.read.run(SALES, 42)["message"] == long.message
    assert history.read.attempts(SALES, 42)[0]["message"] == long.message


def test_months_are_counted_back_over_new_year():
    months = list(months_back(NOON))
    assert months[:3] == ["2030-01", "2029-12", "2029-11"]
    assert (len(months), months[-1]) == (14, "2028-12")


def before_shards(history, line, number, started):
    """A row of before the index had shards."""
    history.ran(line, number, started=started)
    history.here.clients.dynamodb.update_item(
        TableName=history.here.settings.table,
        Key=to_item({"pk": f"LINE#{line}", "sk": f"RUN#{number:010d}"}),
        UpdateExpression="SET gsi1pk = :month",
        ExpressionAttributeValues={":month": {"S": f"RUNS#{started:%Y-%m}"}},
    )


def test_a_burst_of_many_lines_spreads_over_the_partitions_of_the_index(history):
    """Step Functions starts 1,300 runs at once, and each is written twice at least: no partition
    may get more than 1,000 of these writes.
    """
    found = Counter(shard_of(Line(f"pond_{number}@1")) for number in range(1_300))
    assert len(found) == SHARDS
    assert max(found.values()) * 2 * 2 < 1_000, "also if each row has two units"


def test_runs_of_all_partitions_old_and_new_come_in_one_order_and_by_pages(history):
    month = timedelta(days=31)
    lines = [f"pond_{number}@1" for number in range(20)]
    expected = []
    for number, line in enumerate(lines):
        started = NOON - number * SECOND
        history.ran(line, 7, started=started)
        expected.append((started, f"{line}/7"))
        started = NOON - month - number * SECOND
        before_shards(history, line, 6, started)
        expected.append((started, f"{line}/6"))
    started = NOON - SECOND / 2
    before_shards(history, "sales@1", 1, started)
    expected.append((started, "sales@1/1"))
    names = [name for _, name in sorted(expected, reverse=True)]
    assert history.names(limit=100) == names
    paged, before = [], None
    while page := history.names(
        limit=7,
        before=history.read.run(*parse_run(before)) if before else None,
    ):
        paged += page
        before = page[-1]
    assert paged == names
    assert history.names(limit=3, since=NOON - month, until=NOON) == names[1:4]
    assert history.names(limit=100, until=NOON - month + SECOND) == names[21:]


def test_a_row_of_before_moves_to_its_partition_when_its_run_ends(history):
    before_shards(history, "sales@1", 42, NOON)
    history.here.clients.dynamodb.update_item(
        TableName=history.here.settings.table,
        Key=to_item({"pk": "LINE#sales@1", "sk": "RUN#0000000042"}),
        UpdateExpression="SET #status = :running",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":running": {"S": "running"}},
    )
    history.ran("sales@1", 42)
    assert history.names() == ["sales@1/42"]
    row = history.here.items("LINE#sales@1")["RUN#0000000042"]
    assert row["gsi1pk"] == {"S": shard_of(SALES)}
