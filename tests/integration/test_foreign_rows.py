"""Rows of attempts are written by workers, and so by whatever code they run: what is read of
them is checked first.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duckstring.adapters.aws.attempts import AttemptRows
from duckstring.adapters.aws.history import DynamoHistoryReader
from duckstring.adapters.aws.memos import DynamoMemories
from duckstring.adapters.aws.rows import attempt_row
from duckstring.adapters.aws.sweeper import AwsGarbageStore
from duckstring.errors import TransientError
from duckstring.model.attempts import AttemptStarted, Site
from duckstring.model.instants import from_text
from duckstring.model.names import Line
from duckstring.sweep.sweep import _may_be_alive
from tests.integration.aws import catchment
from tests.property.worlds import looks

SALES = Line("sales@1")
KEYS = {"pk": {"S": "WORK#sales@1"}, "sk": {"S": "ATTEMPT#0000000042#load#0001"}}
NAMES = (
    *(
        "run",
        "ripple",
        "attempt",
        "status",
        "started",
        "finished",
        "where",
        "memory_mib",
        "log_group",
        "log_stream",
        "request_id",
    ),
    *(
        "rows",
        "bytes",
        "tables",
        "sizes",
        "reads",
        "lineage",
        "package",
        "error",
        "message",
        "traceback",
        "overflow",
        "seconds",
        "peak_mib",
        "pauses",
        "resumes",
    ),
    *("invocations", "left", "on_kill", "on_kill_message", "expires", "gsi1pk", "other"),
)
_numbers = st.sampled_from(["-1", "0", "7", "1.5", "1E+126", "-9.9E+125", str(10**37)])
_WORDS = [
    "running",
    "success",
    "task",
    "{}",
    "2030-01-01T12:00:00.000000Z",
    "9999-12-31T23:59:59-23:59",
]
_texts = st.text(max_size=20) | st.sampled_from(_WORDS)
_attributes = st.recursive(
    st.builds(lambda value: {"S": value}, _texts)
    | st.builds(lambda value: {"N": value}, _numbers)
    | st.just({"NULL": True})
    | st.builds(lambda value: {"BOOL": value}, st.booleans())
    | st.builds(lambda value: {"B": value}, st.binary(max_size=4))
    | st.just({"SS": ["a"]}),
    lambda inner: (
        st.builds(lambda value: {"L": value}, st.lists(inner, max_size=3))
        | st.builds(
            lambda value: {"M": value},
            st.dictionaries(
                st.sampled_from(["started", "log_stream", "rows", "x"]), inner, max_size=3
            ),
        )
    ),
    max_leaves=6,
)


@looks(60)
@given(st.dictionaries(st.sampled_from(NAMES), _attributes))
def test_whatever_a_worker_writes_there_is_read_as_a_row_or_as_none(item):
    row = attempt_row(SALES, {**item, **KEYS})
    if row is None:
        return
    assert (row["run"], row["ripple"], row["attempt"]) == ("sales@1/42", "load", 1), (
        "which attempt it is of, its key says"
    )
    assert not {"expires", "gsi1pk", "other", "sizes"} & row.keys()
    for name in ("started", "finished", "resumes", "left"):
        if name in row:
            from_text(str(row[name]))
    assert isinstance(_may_be_alive(row, timedelta(days=1), datetime(2030, 1, 1, tzinfo=UTC)), bool)


@pytest.mark.parametrize(
    "key",
    [
        "artifacts/orders/1.0.0/abc.zip",
        "errors/orders@1/42-load-1.txt",
        "errors/sales@1/42-load-2.txt",
        "errors/sales@1/../x.txt",
    ],
)
def test_a_text_that_is_not_the_attempts_own_is_not_fetched(monkeypatch, key):
    with catchment(monkeypatch) as here:
        here.clients.s3.put_object(
            Bucket=here.settings.bucket, Key=key, Body=b"Traceback of another, and secret"
        )
        item = {
            **KEYS,
            "status": {"S": "failed"},
            "message": {"S": ""},
            "traceback": {"S": "T"},
            "overflow": {"S": key},
        }
        here.clients.dynamodb.put_item(TableName=here.settings.table, Item=item)
        (row,) = DynamoHistoryReader(
            here.clients, here.settings.table, here.settings.bucket
        ).attempts(SALES, 42)
        assert row["traceback"] == "T"


def test_a_row_under_a_key_of_another_form_is_none_of_an_attempt():
    for sort_key in (
        "ATTEMPT#42#load#1",
        "ATTEMPT#0000000042#Load#0001",
        "ATTEMPT#0000000042#load#0001#x",
        "ATTEMPT#",
        "STATE",
    ):
        assert (
            attempt_row(
                SALES, {"pk": KEYS["pk"], "sk": {"S": sort_key}, "status": {"S": "running"}}
            )
            is None
        )


def test_of_what_a_try_remembers_only_texts_are_read(monkeypatch):
    with catchment(monkeypatch) as here:
        memories = DynamoMemories(here.clients, here.settings.table)
        memo = {"M": {"a": {"S": "1"}, "b": {"B": b"x"}, "c": {"NULL": True}}}
        key = {"pk": KEYS["pk"], "sk": {"S": "MEMO#0000000042#load#1"}}
        here.clients.dynamodb.put_item(TableName=here.settings.table, Item={**key, "memo": memo})
        assert memories.of(SALES, run=42, ripple="load", tried=1, attempt=1).entries() == {"a": "1"}


def test_what_a_try_remembers_is_dropped_by_the_sweep_a_while_after_it_was_looked_at(monkeypatch):
    with catchment(monkeypatch) as here:
        memory = DynamoMemories(here.clients, here.settings.table).of(
            SALES, run=42, ripple="load", tried=1, attempt=1
        )
        memory.entries()
        for junk in ({"looked": {"S": "0"}}, {"looked": {"N": "1"}}, {}):
            item = {"pk": KEYS["pk"], "sk": {"S": f"MEMO#{junk}"}, **junk}
            here.clients.dynamodb.put_item(TableName=here.settings.table, Item=item)
        garbage = AwsGarbageStore(here.clients, here.settings.table, here.settings.bucket)
        now = datetime.now(UTC)
        assert garbage.memos(SALES, now - timedelta(minutes=1)) == {}
        assert garbage.memos(SALES, now + timedelta(minutes=1)) == {"MEMO#0000000042#load#1": 42}
        garbage.drop_memos(SALES, ["MEMO#0000000042#load#1"])
        assert garbage.memos(SALES, now + timedelta(minutes=1)) == {}


@looks(40)
@given(st.dictionaries(st.sampled_from(NAMES), _attributes))
def test_a_worker_and_the_orchestrator_read_any_row_of_an_attempt(item):
    class Table:
        """DynamoDB, in which this one row lies."""

        class dynamodb:  # noqa: N801 - a client
            @staticmethod
            def get_item(**_):
                return {"Item": {**item, **KEYS}}

            @staticmethod
            def update_item(**_):
                return {"Attributes": {**item, **KEYS}}

    rows, which = AttemptRows(Table, "t", "b"), {"run": 42, "ripple": "load", "attempt": 1}
    said = rows.recorded_end(SALES, **which)
    assert said is None or said[0] in ("failed", "overran", "memory")
    rows.seen(SALES, **which)
    rows.taken(SALES, **which)
    try:
        began = rows.started(
            SALES, AttemptStarted(42, "load", 1, datetime(2030, 1, 1, tzinfo=UTC), Site())
        )
    except TransientError:
        return
    assert began is None or began.pauses >= 0
