"""An older release beside a newer one: it refuses what it cannot read, loses nothing, and goes on
after the upgrade. What this release stores, the next one reads: ``items_before/schema-3.json``.
"""

from __future__ import annotations

import json
import logging
from datetime import timedelta

import pytest

from duckstring.adapters.aws import codec, letter_form, mailbox, schemas
from duckstring.adapters.aws.catalog import DynamoCatalog
from duckstring.adapters.aws.letter_form import checked_object
from duckstring.adapters.aws.reader import DynamoStateReader
from duckstring.adapters.aws.schemas import DeployedSchema
from duckstring.adapters.aws.state import DynamoStateStore
from duckstring.adapters.aws.sweeper import AwsGarbageStore
from duckstring.adapters.aws.worker import DynamoStates
from duckstring.engine.letters import Letter
from duckstring.engine.signals import Deployed, SinkAttached, WindowAdded
from duckstring.errors import TransientError
from duckstring.model import schema
from duckstring.model.schema import CALENDAR_SCHEMA, RETRY_SCHEMA, SCHEMA, NewerSchemaError
from duckstring.model.values import replace
from duckstring.model.windows import Window
from tests.integration import items_record
from tests.integration.aws import loaded
from tests.integration.items_record import FOLDER, LETTERS, NOON, RELEASE, REPORTS, SALES
from tests.integration.test_foreign_letters import record

NEWER = SCHEMA + 1
TRUE = codec.letter(SALES, SinkAttached(REPORTS, (1, 0)))
LATEST = json.loads((FOLDER / f"schema-{SCHEMA}.json").read_text(encoding="utf-8"))


@pytest.fixture
def store(here):
    return DynamoStateStore(here.clients, here.settings.table)


def upgrade(monkeypatch):
    """This process is of the newer release from here on."""
    monkeypatch.setattr(schema, "SCHEMA", NEWER)
    monkeypatch.setattr(letter_form, "SCHEMA", NEWER)


def stamp(here, pk: str, sk: str, value: int = NEWER) -> None:
    """Give an item a newer schema, and a field that nobody here knows."""
    here.clients.dynamodb.update_item(
        TableName=here.settings.table,
        Key={"pk": {"S": pk}, "sk": {"S": sk}},
        UpdateExpression="SET #schema = :schema, unheard = :word",
        ExpressionAttributeNames={"#schema": "schema"},
        ExpressionAttributeValues={":schema": {"N": str(value)}, ":word": {"S": "of"}},
    )


def newer(kind: str = "sink_praised", claimed: int = NEWER) -> str:
    return json.dumps({"to": SALES, "kind": kind, "sink": REPORTS, "schema": claimed})


def delivered(handler, *bodies: str) -> list[str]:
    """The messages that come again."""
    records = [record(body, number + 1) for number, body in enumerate(bodies)]
    told = handler.handle({"Records": records}, None)
    return [one["itemIdentifier"] for one in told["batchItemFailures"]]


def test_a_newer_state_is_left_as_it_is_and_its_letters_come_again(
    here, handler, store, monkeypatch, caplog
):
    assert delivered(handler, TRUE) == []
    stamp(here, f"LINE#{SALES}", "STATE")
    before = here.items(f"LINE#{SALES}")["STATE"]
    after_it = codec.letter(SALES, SinkAttached(items_record.RATES, (1, 0)))
    with caplog.at_level(logging.ERROR):
        assert delivered(handler, "no letter", after_it) == ["m2"]
    assert here.items(f"LINE#{SALES}")["STATE"] == before
    assert any(
        f"upgraded to schema {NEWER} (the state of {SALES}); this function knows {SCHEMA}"
        in entry.getMessage()
        for entry in caplog.records
    )
    upgrade(monkeypatch)
    assert delivered(handler, "no letter", after_it) == []
    assert set(store.load(SALES).state.sinks) == {REPORTS, items_record.RATES}


def test_readers_of_a_newer_item_refuse_it(here, store):
    items_record.stored(here)
    table = here.settings.table
    reads = {
        (f"LINE#{SALES}", "STATE"): lambda: DynamoStateReader(here.clients, table).read({SALES}),
        (f"LINE#{SALES}", "MANIFEST#0000000001"): lambda: store.read(SALES, 1),
        ("CATALOG", f"LINE#{SALES}"): lambda: DynamoCatalog(here.clients, table).releases(),
        ("POND#sales", "VERSION#1.0.0"): lambda: DynamoCatalog(here.clients, table).versions(
            "sales"
        ),
    }
    for (pk, sk), read in reads.items():
        assert read()
        stamp(here, pk, sk)
        with pytest.raises(NewerSchemaError):
            read()
    with pytest.raises(NewerSchemaError):
        AwsGarbageStore(here.clients, table, here.settings.bucket).manifests(SALES)


class Context:
    """What Lambda tells a function of its invocation."""

    function_name = function_version = memory_limit_in_mb = "x"
    invoked_function_arn = aws_request_id = "r-1"


def test_api_sweep_and_worker_refuse_a_newer_state_with_a_line_and_change_nothing(here, store):
    items_record.stored(here)
    stamp(here, f"LINE#{SALES}", "STATE")
    everything = here.clients.dynamodb.scan(TableName=here.settings.table)["Items"]
    key = "data/sales@1/t/0000000009-load-1-x.parquet"
    here.clients.s3.put_object(Bucket=here.settings.bucket, Key=key)
    with loaded("functions.api.handler") as api:
        fault = api.handle({"op": "status"}, Context())["error"]
    assert fault["type"] == "NewerSchemaError"
    assert fault["message"] == (
        f"This Catchment was upgraded to schema {NEWER} (the state of {SALES}); this function "
        f"knows {SCHEMA}, and leaves it as it is."
    )
    with loaded("functions.sweep.handler") as sweep, pytest.raises(NewerSchemaError):
        sweep.handle({}, Context())
    with pytest.raises(TransientError):  # its attempt is lost, at no cost
        DynamoStates(store).read(SALES)
    assert here.clients.dynamodb.scan(TableName=here.settings.table)["Items"] == everything
    assert here.clients.s3.list_objects_v2(Bucket=here.settings.bucket)["KeyCount"] == 1
    assert here.letters() == []


def test_a_letter_of_a_newer_schema_waits_with_all_that_follow_it_once_that_is_deployed(
    here, handler, store, monkeypatch
):
    DeployedSchema(here.clients, here.settings.table).announce(NEWER)
    later = codec.letter(SALES, SinkAttached(items_record.RATES, (1, 0)))
    assert sorted(delivered(handler, TRUE, newer(), later)) == ["m2", "m3"]
    held = store.load(SALES)
    assert (set(held.state.sinks), held.mark[1]) == ({REPORTS}, "1")
    upgrade(monkeypatch)
    assert delivered(handler, newer("sink_attached"), later) == [], "of the kinds of the upgrade"
    assert store.load(SALES).mark[1] == "2"


def test_a_line_that_a_newer_release_has_committed_keeps_its_newer_letters(here, handler):
    assert delivered(handler, TRUE) == []
    stamp(here, f"LINE#{SALES}", "STATE")
    assert sorted(delivered(handler, newer(), TRUE)) == ["m1", "m2"]


@pytest.mark.parametrize("claimed", [NEWER, NEWER + 1, 2**53 - 1])
def test_a_claim_to_a_schema_that_nobody_deployed_holds_nothing_up(
    here, handler, store, caplog, claimed
):
    if claimed > NEWER:
        DeployedSchema(here.clients, here.settings.table).announce(NEWER)
    with caplog.at_level(logging.ERROR):
        assert delivered(handler, newer(claimed=claimed), TRUE) == []
    assert set(store.load(SALES).state.sinks) == {REPORTS}
    assert sum("which nobody deployed" in one.getMessage() for one in caplog.records) == 1


@pytest.mark.parametrize("claimed", [True, -1, 1.5, "4", None, 2**60])
def test_a_malformed_schema_is_no_letter(handler, claimed):
    assert delivered(handler, newer(claimed=claimed)) == []


def test_an_unknown_kind_of_our_own_schema_is_refused_as_ever(handler):
    assert delivered(handler, newer(claimed=SCHEMA), newer(claimed=1)) == []


def test_a_forged_newer_letter_in_the_group_of_another_line_is_refused(here, handler):
    DeployedSchema(here.clients, here.settings.table).announce(NEWER)
    told = handler.handle({"Records": [record(newer(), 1, group="orders@1")]}, None)
    assert told == {"batchItemFailures": []}


def test_a_newer_alarm_in_the_delay_queue_comes_again(handler):
    late = {"eventSourceARN": "arn:aws:sqs:eu-central-1:1:delays", "messageId": "a"}
    with pytest.raises(NewerSchemaError):
        handler.handle({"Records": [{**late, "body": newer("alarm_rang")}]}, None)


def test_a_newer_kind_says_so_and_is_announced_before_it_is_sent(here, monkeypatch):
    kinds = {"sink_attached": NEWER}
    monkeypatch.setattr(codec, "KIND_SCHEMAS", kinds)
    deployed = DeployedSchema(here.clients, here.settings.table)
    post = mailbox.SqsMailbox(here.clients, here.settings.mailbox, deployed)
    assert deployed.read() == 0
    post.send([Letter(SALES, SinkAttached(REPORTS, (1, 0)), key="k")])
    assert deployed.read() == NEWER
    (message,) = here.clients.sqs.receive_message(QueueUrl=here.settings.mailbox)["Messages"]
    assert json.loads(message["Body"])["schema"] == NEWER
    DeployedSchema(here.clients, here.settings.table).announce(SCHEMA)
    assert deployed.read() == NEWER, "an older release does not take it back"


def test_a_letter_of_today_carries_no_number_and_costs_no_announcement(here):
    post = mailbox.SqsMailbox(
        here.clients, here.settings.mailbox, DeployedSchema(here.clients, here.settings.table)
    )
    post.send([Letter(SALES, SinkAttached(REPORTS, (1, 0)), key="k")])
    assert here.items("SCHEMA") == {}
    assert "schema" not in json.loads(TRUE)


def test_a_calendar_rule_is_announced_and_refused_by_the_release_before(here):
    """It would take the rule for one that opens without a pause, in UTC."""
    plain = Window("nightly", NOON, timedelta(days=1), timedelta(hours=3))
    deployed = DeployedSchema(here.clients, here.settings.table)
    post = mailbox.SqsMailbox(here.clients, here.settings.mailbox, deployed)
    post.send([Letter(SALES, WindowAdded(plain), key="k")])
    assert deployed.read() == 0
    for changed in ({"tz": "Europe/Berlin"}, {"cron": "0 6 1 * *", "every": timedelta(0)}):
        rule = replace(plain, **changed)
        post.send([Letter(SALES, WindowAdded(rule), key="k")])
        assert deployed.read() == CALENDAR_SCHEMA
        body = json.loads(codec.letter(SALES, WindowAdded(rule)))
        assert body["schema"] == CALENDAR_SCHEMA
        assert codec.signal_of(checked_object(json.dumps(body))) == WindowAdded(rule)
    assert "schema" not in json.loads(codec.letter(SALES, WindowAdded(plain)))
    assert "tz" not in codec.letter(SALES, WindowAdded(plain)), "a plain rule has its old form"


def test_how_a_ripple_is_tried_again_is_announced_and_refused_by_the_release_before(here):
    """It would forget it."""
    deployed = DeployedSchema(here.clients, here.settings.table)
    post = mailbox.SqsMailbox(here.clients, here.settings.mailbox, deployed)
    post.send([Letter(SALES, Deployed(RELEASE), key="k")])
    assert deployed.read() == 0
    for changed in ({"retry_delay_seconds": 30}, {"retry_on": ("builtins.OSError",)}):
        release = replace(RELEASE, ripples=(replace(RELEASE.ripples[0], **changed),))
        body = json.loads(codec.letter(SALES, Deployed(release)))
        assert body["schema"] == RETRY_SCHEMA
        assert codec.signal_of(checked_object(json.dumps(body))) == Deployed(release)
        post.send([Letter(SALES, Deployed(release), key="k")])
        assert deployed.read() == RETRY_SCHEMA


@pytest.mark.parametrize("before", [3, 4, 5])
def test_what_earlier_schemas_stored_is_read(here, store, before):
    recorded = json.loads((FOLDER / f"schema-{before}.json").read_text(encoding="utf-8"))
    for item in recorded["items"]:
        here.clients.dynamodb.put_item(TableName=here.settings.table, Item=item)
    held = store.load(SALES)
    assert (held.state.snapshot, held.state.failures, sorted(held.state.runs)) == (1, 0, [2])
    assert store.read(SALES, 1).tables == held.state.tables
    catalog = DynamoCatalog(here.clients, here.settings.table)
    assert catalog.releases()[SALES] == catalog.versions("sales")["1.0.0"] == RELEASE
    for body, signal in zip(recorded["letters"], LETTERS, strict=True):
        assert codec.signal_of(checked_object(body)) == signal
    again = store.commit(held, held.state, (), (99, "99"), NOON + timedelta(hours=1))
    assert again.state.revision == held.state.revision + 1
    assert here.items(f"LINE#{SALES}")["STATE"]["schema"] == schemas.STAMP["schema"]


def test_a_changed_form_has_a_new_schema():
    changed = {
        name
        for name, form in items_record.forms().items()
        if LATEST["forms"].get(name, form) != form or name not in LATEST["forms"]
    }
    assert not changed, (
        f"What is stored or sent has changed: {sorted(changed)}. If schema {SCHEMA} was released, "
        "raise SCHEMA in model/schema.py, and give changed letters their number there. Then record "
        "it: python -m tests.integration.items_record"
    )
