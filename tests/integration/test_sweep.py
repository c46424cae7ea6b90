from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from duckstring.adapters.aws import codec
from duckstring.adapters.aws.history import DynamoHistory, DynamoHistoryReader
from duckstring.adapters.aws.items import to_item
from duckstring.adapters.aws.published import DynamoPublished
from duckstring.adapters.aws.residence import DynamoResidence
from duckstring.adapters.aws.sweeper import AttemptRowReader, AwsGarbageStore, MachineReader
from duckstring.engine.effects import PublishSnapshot, RecordRun
from duckstring.engine.signals import AlarmRang, Deployed, ExecutionEnded, Restored
from duckstring.engine.state import PondState, Run
from duckstring.model.catalog import Removal, TableVersion
from duckstring.model.instants import NEVER
from duckstring.model.names import Line, execution_name
from duckstring.model.values import replace
from duckstring.sweep.sweep import sweep
from tests.integration.aws import catchment
from tests.unit.api.world import NOON, StillClock, release

SALES = Line("sales@1")
DAY = timedelta(days=1)


@pytest.fixture
def here(monkeypatch):
    with catchment(monkeypatch) as found:
        yield found


def hold(here, state, *, outbox=None):
    row = {
        "pk": f"LINE#{state.line}",
        "sk": "STATE",
        "revision": 1,
        "state": codec.state_to_text(state),
        "mark": "1000:1",
        "outbox": outbox,
    }
    here.clients.dynamodb.put_item(TableName=here.settings.table, Item=to_item(row))


def publish(here, number, f, *keys):
    tables = {key: TableVersion("t", key, 1, 1, "x") for key in keys}
    snapshot = PublishSnapshot(number, f, tables)
    row = {
        "pk": "LINE#sales@1",
        "sk": f"MANIFEST#{number:010d}",
        "f": f.isoformat(),
        "tables": codec.tables_to_text(snapshot.tables),
    }
    here.clients.dynamodb.put_item(TableName=here.settings.table, Item=to_item(row))


def run(number=1):
    return Run(
        number, NOON, NOON, timedelta(0), "1.0.0", "k", "m", 0, datetime(2020, 1, 1, tzinfo=UTC)
    )


def start(here, number):
    name = execution_name(SALES, number, 1)
    return here.clients.stepfunctions.start_execution(
        stateMachineArn=here.settings.machine, name=name
    )["executionArn"]


def test_an_attempts_row_is_found_by_its_attempt(here):
    reader = AttemptRowReader(here.clients, here.settings.table)
    row = {"status": "running", "where": "task", "pauses": 2}
    here.clients.dynamodb.put_item(
        TableName=here.settings.table,
        Item=to_item({"pk": "LINE#sales@1", "sk": "ATTEMPT#0000000042#load#0003", **row}),
    )
    found = reader.attempt(SALES, run=42, ripple="load", attempt=3)
    assert found is not None
    assert row.items() <= found.items()
    assert reader.attempt(SALES, run=42, ripple="load", attempt=4) is None


def test_executions_are_described_by_run_and_launch(here):
    reader = MachineReader(here.clients, here.settings.machine)
    arn = start(here, 7)
    assert reader.describe(SALES, run=7, launch=1) == ("RUNNING", "")
    here.clients.stepfunctions.stop_execution(executionArn=arn, error="Stopped", cause="by hand")
    assert reader.describe(SALES, run=7, launch=1)[0] == "ABORTED"
    assert reader.describe(SALES, run=7, launch=2) is None


def test_tidying_is_claimed_once_in_six_hours(here):
    garbage = AwsGarbageStore(here.clients, here.settings.table, here.settings.bucket)
    hours = [0, 0, 5, 6, 11, 12]
    assert [garbage.claim(NOON + timedelta(hours=hour)) for hour in hours] == [
        True,
        False,
        False,
        True,
        False,
        True,
    ]


def test_manifests_are_listed_with_what_they_name_and_forgotten(here):
    garbage = AwsGarbageStore(here.clients, here.settings.table, here.settings.bucket)
    publish(here, 1, NOON, "data/sales@1/t/1.parquet")
    publish(here, 2, NOON + DAY)
    assert garbage.manifests(SALES) == {
        1: (NOON, frozenset({"data/sales@1/t/1.parquet"})),
        2: (NOON + DAY, frozenset()),
    }
    garbage.drop_manifests(SALES, [1])
    assert set(garbage.manifests(SALES)) == {2}


def test_objects_are_listed_and_deleted_beyond_one_page(here):
    garbage = AwsGarbageStore(here.clients, here.settings.table, here.settings.bucket)
    for number in range(1005):
        here.clients.s3.put_object(
            Bucket="catchment", Key=f"data/sales@1/t/{number:010d}-load-1.parquet"
        )
    here.clients.s3.put_object(Bucket="catchment", Key="artifacts/sales/1.0.0/a.zip")
    tomorrow = datetime.now(UTC) + DAY
    keys = list(garbage.objects(tomorrow))
    assert len(keys) == 1005
    assert list(garbage.objects(tomorrow - 2 * DAY)) == []
    garbage.drop_objects(keys[1:])
    assert list(garbage.objects(tomorrow)) == keys[:1]
    assert list(garbage.packages(tomorrow)) == ["artifacts/sales/1.0.0/a.zip"]
    assert list(garbage.packages(tomorrow - 2 * DAY)) == []


def test_only_old_uploads_under_data_are_aborted(here):
    garbage = AwsGarbageStore(here.clients, here.settings.table, here.settings.bucket)
    for key in ("data/sales@1/t/1.parquet", "artifacts/x.zip"):
        here.clients.s3.create_multipart_upload(Bucket="catchment", Key=key)
    begun = here.clients.s3.list_multipart_uploads(Bucket="catchment")["Uploads"][0]["Initiated"]
    assert garbage.abort_uploads(begun - DAY) == 0
    assert garbage.abort_uploads(begun + DAY) == 1
    left = here.clients.s3.list_multipart_uploads(Bucket="catchment")["Uploads"]
    assert [upload["Key"] for upload in left] == ["artifacts/x.zip"]


def test_one_round_repairs_what_no_event_told(here):
    from duckstring import wiring

    told, untold = (
        replace(release("sales@1"), deployed=NOON - 9000 * DAY),
        replace(release("orders@1"), deployed=NOON - 9000 * DAY),
    )
    ports = wiring.sweep(here.settings.to_env())
    ports.catalog.select([told, untold], overwrite=False, revision=0)
    here.clients.stepfunctions.stop_execution(executionArn=start(here, 1))
    start(here, 2)
    hold(here, PondState(SALES, release=told, runs={1: run(1), 2: run(2)}), outbox="[]")
    report = sweep(ports)
    letters = sorted(here.letters(), key=str)
    assert [(to, type(signal)) for to, signal in letters] == [
        ("orders@1", Deployed),
        (SALES, AlarmRang),
        (SALES, ExecutionEnded),
        (SALES, Restored),  # nobody has noted where this table was
    ]
    assert (letters[2][1].run, letters[2][1].status) == (1, "ABORTED")
    assert report == {
        "lines": 2,
        "restoring": False,
        "restored": ["sales@1"],
        "ended": ["sales@1/1"],
        "unseen": [],
        "owing": ["sales@1"],
        "woken": [],
        "untold": ["orders@1"],
        "removed": [],
        "misheard": [],
        "limits": [],
        "unheld": [],
        "unlisted": ["sales@1"],
        "bounds": [],
        "tidied": True,
        "manifests": 0,
        "memos": 0,
        "arrivals": 0,
        "history": 0,
        "objects": 0,
        "catalogs": 0,
        "not_in_lake": [],
        "not_in_iceberg": [],
        "looked": False,
        "packages": 0,
        "uploads": 0,
    }


def test_how_far_snapshots_are_gone_is_recorded_for_each_line_and_only_grows(here):
    garbage = AwsGarbageStore(here.clients, "catchment", "catchment")
    published = DynamoPublished(here.clients, "catchment")
    orders = Line("orders@1")
    assert garbage.dropped([SALES, orders]) == {}
    for number, now in ((7, 7), (5, 7), (7, 7), (12, 12)):
        garbage.record_dropped(SALES, number)
        assert garbage.dropped([SALES, orders]) == {SALES: now}
    garbage.record_dropped(orders, 0)
    assert published.dropped([SALES, orders]) == {SALES: 12, orders: 0}


def test_nothing_is_left_of_a_removed_line_but_its_history_and_its_numbering(here):
    from duckstring import wiring

    now = datetime.now(UTC) + 3 * DAY
    ports = replace(wiring.sweep(here.settings.to_env()), clock=StillClock(now))
    sales, orders = release("sales@1"), replace(release("orders@1"), deployed=now)
    ports.catalog.select([sales, orders], overwrite=False, revision=0)
    ports.removals.remove(Removal(SALES, now - 2 * DAY), ["1.0.0"], revision=1)
    hold(here, PondState(SALES, runs_started=5))
    hold(here, PondState(Line("orders@1"), release=orders))
    key = "data/sales@1/t/0000000005-load-1-x.parquet"
    publish(here, 5, now - 3 * DAY, key)
    for name in (key, sales.artifact, orders.artifact, "artifacts/sales/0.1.0/x.zip"):
        here.clients.s3.put_object(Bucket="catchment", Key=name)
    report = sweep(ports)
    assert (report["manifests"], report["objects"], report["packages"]) == (1, 1, 2)
    assert [
        one["Key"] for one in here.clients.s3.list_objects_v2(Bucket="catchment")["Contents"]
    ] == [orders.artifact]
    assert here.items("LINE#sales@1").keys() == {"STATE"}
    assert ports.removals.removed() == [Removal(SALES, now - 2 * DAY, cleared=True)]


def test_a_table_knows_when_it_came_to_another_state_machine(here):
    def at(machine):
        return DynamoResidence(here.clients, here.settings.table, machine)

    assert at("first").since(NOON, is_new=True) == NEVER
    assert at("first").since(NOON + DAY, is_new=False) == NEVER
    moved = NOON + 2 * DAY
    assert at("second").since(moved, is_new=False) == moved
    assert at("second").since(moved + DAY, is_new=False) == moved
    # A table from before this was noted may have been anywhere.
    home = {"pk": "CATALOG", "sk": "HOME"}
    here.clients.dynamodb.delete_item(TableName=here.settings.table, Key=to_item(home))
    assert at("second").since(moved + DAY, is_new=False) == moved + DAY


def test_a_table_that_is_being_restored_belongs_to_nobody(here):
    item = {"pk": "CATALOG", "sk": "HOME", "restoring": "a-backup"}
    here.clients.dynamodb.put_item(TableName=here.settings.table, Item=to_item(item))
    found = DynamoResidence(here.clients, here.settings.table, "first").since(NOON, is_new=True)
    assert found is None


def test_old_runs_go_with_their_attempts_wherever_these_lie_and_the_last_ones_stay(here):
    from duckstring import wiring

    now = datetime.now(UTC) + 3 * DAY
    ports = replace(
        wiring.sweep(replace(here.settings, history_days="400").to_env()), clock=StillClock(now)
    )
    ports.catalog.select([replace(release("sales@1"), deployed=now)], overwrite=False, revision=0)
    hold(here, PondState(SALES, release=release("sales@1"), runs_started=30, snapshot=2))
    write = DynamoHistory(here.clients, "catchment", "catchment")
    for number in range(1, 31):
        began = now - (500 - number) * DAY
        status = "failed" if number % 2 else "success"
        write.record_run(SALES, RecordRun(number, began, "1.0.0", status, began, began))
        for partition in ("LINE", "WORK"):
            for name in ("load", "join"):
                sort = f"ATTEMPT#{number:010d}#{name}#0001"
                row = {"pk": f"{partition}#sales@1", "sk": sort, "status": "success"}
                here.clients.dynamodb.put_item(TableName="catchment", Item=to_item(row))
    here.clients.dynamodb.put_item(
        TableName="catchment", Item=to_item({"pk": "WORK#sales@1", "sk": "ATTEMPT#x", "f": "1"})
    )
    report = sweep(ports)
    kept = {2, *range(11, 31)}
    assert report["history"] == 9 * 5 + 5, "five of these nine failed, and have a mark as well"
    line, work = here.items("LINE#sales@1"), here.items("WORK#sales@1")
    assert {int(key[4:]) for key in line if key.startswith("RUN#")} == kept
    marked = {int(key.rpartition("#")[2]) for key in line if key.startswith("BY#failed#")}
    assert marked == {number for number in kept if number % 2}
    for found in (line, work):
        rows = Counter(int(key[8:18]) for key in found if key.startswith("ATTEMPT#0"))
        assert rows == dict.fromkeys(kept, 2)
    assert "STATE" in line
    assert "ATTEMPT#x" in work, "not a row of ours"
    read = DynamoHistoryReader(here.clients, "catchment", "catchment")
    assert len(read.runs(now=now, limit=100, line=SALES)) == 21
    assert read.run(SALES, 1) is None
    assert sweep(replace(ports, clock=StillClock(now + DAY)))["history"] == 0
