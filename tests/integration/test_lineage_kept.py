"""What attempts have read, on its way through DynamoDB."""

from __future__ import annotations

import os
from datetime import UTC, datetime

import pytest

from duckstring import wiring
from duckstring.adapters.aws.attempts import AttemptRows
from duckstring.adapters.aws.history import DynamoHistory, DynamoHistoryReader
from duckstring.adapters.aws.items import to_item
from duckstring.adapters.aws.lineage import DynamoLineage
from duckstring.adapters.aws.state import DynamoStateStore
from duckstring.api.answer import answer
from duckstring.engine.effects import RecordRun
from duckstring.engine.state import PondState
from duckstring.model.answers.lineage import LineageAnswer, TraceAnswer
from duckstring.model.attempts import AttemptFinished
from duckstring.model.catalog import TableVersion
from duckstring.model.lineage import Lineage, TableRead, to_object
from duckstring.model.names import Line
from duckstring.model.permits import AttemptName
from tests.unit.api.shapes import faults
from tests.unit.api.world import release

SALES, RAW = Line("sales@1"), Line("raw@1")
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
READ = Lineage(
    (
        TableRead("raw@1", "orders", ("5-load-1",)),
        TableRead("", "own", ("2-clean-1",), is_sure=False),
    )
)
PACKAGE = "a" * 64


@pytest.fixture
def rows(here):
    return AttemptRows(here.clients, here.settings.table, here.settings.bucket)


@pytest.fixture
def kept(here):
    return DynamoLineage(here.clients, here.settings.table)


def finished(run, ripple="load", attempt=1, *, lineage=READ, status="success"):
    return AttemptFinished(
        run, ripple, attempt, status, NOON, lineage=lineage, package=PACKAGE, reads=("raw.orders",)
    )


def test_what_an_attempt_has_read_is_in_its_row_beside_what_removals_ask(here, rows, kept):
    assert rows.finished(SALES, finished(7))
    reader = DynamoHistoryReader(here.clients, here.settings.table, here.settings.bucket)
    (found,) = reader.attempts(SALES, 7)
    assert (found["lineage"], found["package"]) == (to_object(READ), PACKAGE)
    assert found["reads"] == ["raw.orders"]
    name = AttemptName(SALES, 7, "load", 1)
    (told,) = kept.attempts([name, AttemptName(SALES, 8, "load", 1)]).items()
    assert told[0] == name
    assert (set(told[1].lineage.reads), told[1].package) == (set(READ.reads), PACKAGE)


def test_an_attempt_that_failed_keeps_nothing_of_what_it_read(rows, kept):
    assert rows.finished(SALES, finished(7, status="failed"))
    (told,) = kept.attempts([AttemptName(SALES, 7, "load", 1)]).values()
    assert (told.status, told.lineage, told.package) == ("failed", None, "")


def test_many_attempts_and_runs_are_read_at_once(here, rows, kept):
    history = DynamoHistory(here.clients, here.settings.table, here.settings.bucket)
    for run in range(1, 131):
        rows.finished(SALES, finished(run))
        history.record_run(SALES, RecordRun(run, NOON, "1.0.0", "success", NOON, pins={RAW: run}))
    names = [AttemptName(SALES, run, "load", 1) for run in range(1, 200)]
    assert len(kept.attempts(names)) == 130
    found = kept.runs({(SALES, run) for run in range(1, 200)})
    assert {number: row["pins"] for (_, number), row in found.items()} == {
        run: {RAW: run} for run in range(1, 131)
    }
    assert kept.attempts([]) == kept.runs([]) == kept.attempts_of([]) == {}


def test_the_attempts_of_a_run_are_found_without_their_names(rows, kept):
    for ripple in ("a", "b"):
        rows.finished(SALES, finished(7, ripple))
    rows.finished(SALES, finished(7, "a", 2))
    rows.finished(SALES, finished(8, "c"))
    found = kept.attempts_of([(SALES, 7), (RAW, 7)])
    assert {(one.run, one.ripple, one.attempt) for one in found} == {
        (7, "a", 1), (7, "a", 2), (7, "b", 1),
    }  # fmt: skip


@pytest.mark.parametrize(
    "text", ["no", "[7]", '{"read": 7}', '{"read": {"x\\u001b": []}}', '{"may": {"a": ["1"]}}']
)
def test_what_somebody_else_wrote_in_its_place_is_no_record(here, kept, text):
    item = {"pk": "WORK#sales@1", "sk": "ATTEMPT#0000000007#load#0001", "status": "success"}
    here.clients.dynamodb.put_item(
        TableName=here.settings.table, Item=to_item({**item, "lineage": text, "package": "x"})
    )
    (told,) = kept.attempts([AttemptName(SALES, 7, "load", 1)]).values()
    assert (told.lineage, told.package) == (None, "")


@pytest.fixture
def api(here):
    """The api's function of a viewer."""
    ports = wiring.api(os.environ, "viewer")

    def ask(op, shape, **asked):
        told = answer({"op": op, **asked}, ports, "viewer")
        assert told["ok"], told
        assert [*faults(told["result"], shape, op)] == []
        return told["result"]

    version = TableVersion("orders", "data/sales@1/orders/0000000007-load-1-x.parquet", 3, 30, "x")
    state = PondState(SALES, end_f=NOON, snapshot=7, tables={"orders": version}, runs_started=7)
    store = DynamoStateStore(here.clients, here.settings.table)
    store.commit(store.load(SALES), state, (), (0, ""))
    ports.catalog.select([release("sales@1"), release("raw@1")], overwrite=False, revision=0)
    return ask


def test_a_viewer_asks_for_lineage_and_traces(here, rows, api):
    history = DynamoHistory(here.clients, here.settings.table, here.settings.bucket)
    rows.finished(SALES, finished(7))
    rows.finished(RAW, finished(5, lineage=Lineage()))
    history.record_run(SALES, RecordRun(7, NOON, "1.0.0", "success", NOON, pins={RAW: 6}))
    (node,) = api("lineage", LineageAnswer, pond="sales")["nodes"]
    assert [(one["line"], one["table"], one["run"]) for one in node["reads"]] == [
        ("raw@1", "orders", "raw@1/5"),
        ("sales@1", "own", "sales@1/2"),
    ]
    first, raw, own = api("trace", TraceAnswer, pond="sales", writers=["7-load-1"])["attempts"]
    assert (first["id"], first["package"], first["reads"][0]["snapshot"]) == (
        "sales@1/7-load-1",
        PACKAGE,
        6,
    )
    assert (raw["id"], raw["recorded"], raw["run_kept"]) == ("raw@1/5-load-1", "yes", False)
    assert own["recorded"] == "gone"
