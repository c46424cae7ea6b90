"""The lake's catalogs as they are stored, on moto; and the exporter's door."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from duckstring.adapters.aws.items import to_item
from duckstring.adapters.aws.lake_kept import BucketLakes, SweptLake
from duckstring.model.instants import to_text
from duckstring.model.lake import STABLE, Exported, Listing, lake_key, listing_key
from duckstring.model.names import Line
from duckstring.model.schema import SCHEMA, NewerSchemaError
from tests.integration.aws import catchment, loaded
from tests.integration.published_kit import Context, records, told

AT = datetime(2030, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def here(monkeypatch):
    with catchment(monkeypatch) as found:
        yield found


@pytest.fixture
def lakes(here):
    return BucketLakes(here.clients, here.settings.table, here.settings.bucket)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "catalog"


def exported(number, token="0123456789abcdef", **more):
    return Exported(number, lake_key(number, token), AT + number * DAY, 10, 1, 2, "d", **more)


def stable(here):
    body = here.clients.s3.get_object(Bucket="catchment", Key=STABLE)["Body"]
    return body.read().decode()


LISTING = Listing({Line("sales@1"): "sales@1/1"}, ["data/a", "data/b"])


def put(lakes, file, one, over, text):
    file.write_text(text)
    lakes.keep(one, file, LISTING)
    return lakes.commit(one, over=over)


def test_the_newest_catalog_is_found_with_all_that_is_known_of_it(lakes, file, tmp_path):
    assert lakes.latest() is None
    assert put(lakes, file, exported(1), None, "one")
    assert lakes.latest() == exported(1)
    assert lakes.fetch(exported(1), tmp_path / "got")
    assert (tmp_path / "got").read_text() == "one"
    assert not lakes.fetch(exported(2), tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_of_two_that_follow_the_same_one_the_first_counts(lakes, file):
    assert put(lakes, file, exported(1), None, "one")
    assert not put(lakes, file, exported(1, "fedcba9876543210"), None, "late")
    assert put(lakes, file, exported(2), exported(1), "two")
    assert not put(lakes, file, exported(2, "fedcba9876543210"), exported(1), "late")
    assert lakes.latest() == exported(2)


def test_the_stable_address_has_the_newest_whoever_writes_it_last(lakes, file, here):
    put(lakes, file, exported(1), None, "one")
    lakes.show(exported(1))
    assert stable(here) == "one"
    put(lakes, file, exported(2), exported(1), "two")
    lakes.show(exported(1))
    assert stable(here) == "two", "a slow export does not put an older one there"
    lakes.show(exported(1))
    lakes.show(exported(2))
    assert stable(here) == "two"


def test_a_catalog_of_a_newer_release_is_left_alone(lakes, here):
    here.clients.dynamodb.put_item(
        TableName="catchment",
        Item=to_item({"pk": "LAKE", "sk": "LATEST", "schema": SCHEMA + 1, "at": to_text(AT)}),
    )
    with pytest.raises(NewerSchemaError):
        lakes.latest()


def swept(here, queue="queue"):
    return SweptLake(here.clients, "catchment", "catchment", queue)


def test_the_sweep_finds_the_newest_catalog_and_what_it_shows_and_names(lakes, file, here):
    assert swept(here).latest() is None
    put(lakes, file, exported(1), None, "one")
    assert swept(here).latest() == exported(1)
    assert swept(here).listing(exported(1)) == LISTING
    assert swept(here).listing(exported(2)) is None


@pytest.mark.parametrize(("lines", "said"), [(["b@1", "a@1"], ["a@1", "b@1"]), ([], "all")])
def test_exports_are_asked_for_by_line(here, lines, said):
    queue = here.clients.sqs.create_queue(QueueName="published")["QueueUrl"]
    swept(here, queue).ask(list(map(Line, lines)))
    (message,) = here.clients.sqs.receive_message(QueueUrl=queue)["Messages"]
    assert json.loads(message["Body"]) == {"lines": said}


def both(one):
    return {one.key, listing_key(one.key)}


def test_a_catalog_is_old_a_day_after_a_newer_one_has_taken_its_place(here, monkeypatch, lakes):
    """1 to 3 were the newest one after the other; another export has left a second 3 and a 4."""
    monkeypatch.setattr(lakes, "latest", lambda: exported(3))
    lake = swept(here)
    monkeypatch.setattr(lake, "_lakes", lakes)
    stored = [(exported(1), 0), (exported(2), 3), (exported(3), 4)]
    stored += [(exported(3, "f" * 16), 4), (exported(4, "e" * 16), 5)]
    keys = [(key, AT + day * DAY) for one, day in stored for key in sorted(both(one))]
    monkeypatch.setattr(lake, "_stored", lambda: iter([(STABLE, AT), *keys]))
    found = [set(lake.outdated(AT + (day + 0.5) * DAY)) for day in range(6)]
    one, two, second, fourth = (
        both(one)
        for one in (exported(1), exported(2), exported(3, "f" * 16), exported(4, "e" * 16))
    )
    assert found == [
        *(set(), set(), set()),
        *(one, one | two | second),
        one | two | second | fourth,
    ]


def test_only_what_is_ours_is_ever_old(lakes, file, here):
    put(lakes, file, exported(1), None, "one")
    put(lakes, file, exported(2), exported(1), "two")
    lakes.show(exported(2))
    here.clients.s3.put_object(Bucket="catchment", Key="lake/mine.txt", Body=b"")
    tomorrow = datetime.now(UTC) + DAY
    assert set(swept(here).outdated(tomorrow)) == both(exported(1))
    assert list(swept(here).outdated(tomorrow - 2 * DAY)) == []


def test_without_a_lake_nothing_is_named_and_all_of_it_goes(lakes, file, here):
    put(lakes, file, exported(1), None, "one")
    lakes.show(exported(1))
    lake = swept(here, "")
    assert (lake.is_there, lake.latest()) == (False, None)
    tomorrow = datetime.now(UTC) + DAY
    assert set(lake.outdated(tomorrow)) == both(exported(1)) | {STABLE}


@pytest.fixture
def door(here, monkeypatch):
    """The exporter's handler, and which lines it was asked for."""
    from duckstring.exporter.export import Report

    asked = []
    with loaded("functions.exporter.handler") as module:

        def export(_ports, lines):
            asked.append(lines)
            return Report(1, "lake/x", sorted(lines), 0, 0, module.left_out)

        module.left_out = {}
        monkeypatch.setattr(module, "export", export)
        yield module, asked


@pytest.mark.parametrize(
    ("event", "lines"),
    [
        (records(told("sales"), told("sales"), told("reports", 2)), {"sales@1", "reports@2"}),
        (records(told("sales"), {"lines": "all"}), ()),
        (records({"lines": ["a@1", "b@2"]}, told("a")), {"a@1", "b@2"}),
        ({}, ()),
    ],
)
def test_a_batch_is_one_export_of_its_lines(door, event, lines):
    module, asked = door
    assert module.handle(event, Context())["number"] == 1
    assert asked == [lines]


@pytest.mark.parametrize(
    "body",
    [
        *("x", "[]", "{}", "null", '{"detail": 1}', '{"detail": {"pond": "a/b", "major": 1}}'),
        *('{"detail": {"pond": "a", "major": "1; DROP"}}', '{"lines": ["*"]}'),
        "[" * 5_000,
    ],
)
def test_a_message_of_somebody_else_is_none_of_its_business(door, body):
    module, asked = door
    assert module.handle({"Records": [{"body": body}]}, Context()) == {}
    assert asked == []
    module.handle({"Records": [{"body": body}, *records(told("sales"))["Records"]]}, Context())
    assert asked == [{"sales@1"}]


def test_what_cannot_be_read_fails_the_batch_after_the_others_are_exported(door):
    module, asked = door
    module.left_out = {Line("sales@1"): "orders: no such object"}
    with pytest.raises(Exception, match="Not exported: sales@1: orders: no such object"):
        module.handle(records(told("sales"), told("reports")), Context())
    assert asked == [{"sales@1", "reports@1"}]
