"""Backups against moto: what a copy holds, and that nothing that it names is missing."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from duckstring.adapters.aws import codec
from duckstring.engine.state import PondState
from duckstring.errors import OperatorError
from duckstring.model.catalog import Part, Position, TableVersion
from duckstring.model.names import Line, file_of_key, location_of_key, table_key
from duckstring_cli import catchments, main
from duckstring_cli.catchments import Access
from duckstring_cli.stores import backup, cut, point, restore, settings
from duckstring_cli.stores.held import Stores
from duckstring_cli.stores.places import Folder, open_place, sum_of
from tests.unit.cli.commands_kit import PROD

ITEMS = json.loads(
    (Path(__file__).parents[2] / "integration" / "items_before" / "items.json").read_text()
)
SALES = Line("sales@1")
QUIET = lambda _: None  # noqa: E731


class Shop:
    """Two Catchments' stores: one with items of an earlier release, and an empty one."""

    def __init__(self, tmp_path):
        self.folder = tmp_path / "backup"
        self.opened = cache(lambda service: boto3.client(service, region_name="us-east-1"))
        self.database, self.s3 = self.opened("dynamodb"), self.opened("s3")
        self.full, self.empty = self.stores("full"), self.stores("empty")
        revision = {"pk": {"S": "CATALOG"}, "sk": {"S": "REVISION"}, "revision": {"N": "3"}}
        binary = {"pk": {"S": "WORK#sales@1"}, "sk": {"S": "BINARY"}}
        binary["held"] = {"L": [{"B": b"\x00\xff"}, {"M": {"more": {"BS": [b"\x01"]}}}]}
        self.put(*ITEMS, revision, binary)
        self.keys = sorted({key for item in ITEMS for key, _ in cut.names_in(item)})
        for key in self.keys:
            self.s3.put_object(Bucket="full", Key=key, Body=f"content of {key}".encode())

    def stores(self, name):
        texts = [{"AttributeName": one, "AttributeType": "S"} for one in ("pk", "sk")]
        self.database.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=texts,
            KeySchema=[
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
        )
        self.s3.create_bucket(Bucket=name)
        self.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        secret = self.opened("secretsmanager").create_secret(Name=name)["ARN"]
        return Stores(replace(PROD, name=name), name, name, secret, False, self.opened)

    def put(self, *items, table="full"):
        for item in items:
            self.database.put_item(TableName=table, Item=item)

    def secret(self, name):
        # moto answers without the label as if no label had ever been moved.
        found = self.opened("secretsmanager").get_secret_value(
            SecretId=name, VersionStage="AWSCURRENT"
        )
        return found["SecretString"]

    def items(self, table):
        found = self.database.scan(TableName=table)["Items"]
        return {(one["pk"]["S"], one["sk"]["S"]): one for one in found}

    def back_up(self, **options):
        return backup.back_up(
            self.full, Folder(self.folder), **{"values": False, "on_step": QUIET} | options
        )

    def restore(self, *, into=None, replace=False):
        into, place = into or self.empty, Folder(self.folder)
        restore.restore(into, place, restore.plan(into, place), replace=replace, on_step=QUIET)


@pytest.fixture
def shop(tmp_path, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        yield Shop(tmp_path)


def test_a_restored_catchment_has_the_items_and_every_object_that_they_name(shop):
    made = shop.back_up()
    assert made["objects"]["count"] == len(shop.keys) == 2
    shop.restore()
    before, after = shop.items("full"), shop.items("empty")
    tokens = {key for key in before if key[0].startswith("TOKEN") or key[1].startswith("TOKEN")}
    assert before.keys() - after.keys() == tokens | {("CATALOG", "TIDIED")}
    same = {key for key, item in after.items() if item == before[key]}
    assert after.keys() - same == {("CATALOG", "REVISION")}
    for key in shop.keys:
        body = shop.s3.get_object(Bucket="empty", Key=key)["Body"].read()
        assert body == f"content of {key}".encode()


def test_each_table_finds_out_for_itself_whether_its_index_is_whole(shop):
    since = cut.INDEXED | {"since": {"S": "2030-01-01T00:00:00Z"}}
    for table in ("full", "empty"):
        shop.database.put_item(TableName=table, Item=since)
    shop.back_up()
    planned = restore.plan(shop.empty, Folder(shop.folder))
    assert not planned.holds, "an empty Catchment has it, too"
    shop.restore()
    assert ("CATALOG", "INDEXED") in shop.items("full")
    assert ("CATALOG", "INDEXED") not in shop.items("empty")


def test_objects_that_the_sweep_deleted_meanwhile_are_in_the_backup(shop, monkeypatch):
    write_json = backup.archive.write_json

    def sweeping(place, name, value):
        write_json(place, name, value)
        if name == backup.archive.CUT:
            for key in shop.keys:
                shop.s3.delete_object(Bucket="full", Key=key)

    monkeypatch.setattr(backup.archive, "write_json", sweeping)
    assert shop.back_up()["objects"]["count"] == len(shop.keys)


def test_the_sweep_takes_no_turn_while_a_backup_is_at_work(shop):
    shop.back_up()
    assert ("CATALOG", "TIDIED") in shop.items("full")


def test_a_backup_without_an_object_that_the_table_names_is_none(shop):
    shop.s3.put_bucket_versioning(Bucket="full", VersioningConfiguration={"Status": "Suspended"})
    versions = shop.s3.list_object_versions(Bucket="full", Prefix=shop.keys[0])["Versions"]
    for one in versions:
        shop.s3.delete_object(Bucket="full", Key=shop.keys[0], VersionId=one["VersionId"])
    with pytest.raises(OperatorError, match="1 objects that the table names are gone"):
        shop.back_up()
    with pytest.raises(OperatorError, match="is not finished"):
        restore.plan(shop.empty, Folder(shop.folder))


def test_a_backup_that_was_interrupted_goes_on_with_the_same_cut(shop, monkeypatch):
    fetch = backup.fetch
    with monkeypatch.context() as broken:
        broken.setattr(backup, "fetch", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            shop.back_up()
    key = {"pk": {"S": "CATALOG"}, "sk": {"S": "LINE#late@1"}}
    shop.put({**key, "release": {"S": "{}"}})
    first = json.loads((shop.folder / "cut.json").read_text())
    fetched = []
    monkeypatch.setattr(backup, "fetch", lambda *a, **k: fetched.append(a[2]) or fetch(*a, **k))
    made = shop.back_up()
    assert made["cut"] == first["cut"]
    shop.restore()
    assert ("CATALOG", "LINE#late@1") not in shop.items("empty")
    with pytest.raises(OperatorError, match="There is a backup"):
        shop.back_up()


def test_what_began_after_the_cut_is_not_in_it_and_what_was_in_flight_is_so_again(shop):
    held = cut.read_states(shop.full)

    def row(partition, sort_key, **values):
        texts = {name: {"S": value} for name, value in values.items()}
        return {"pk": {"S": partition}, "sk": {"S": sort_key}, **texts}

    later = [
        row("LINE#sales@1", "RUN#0000000043", status="success"),
        row("LINE#sales@1", "MANIFEST#0000000042", tables="{}", f="x"),
        row("WORK#sales@1", "ATTEMPT#0000000043#load#0001", status="success"),
        row("WORK#sales@1", "ATTEMPT#0000000042#load#0099", status="failed"),
        row("LINE#new@1", "RUN#0000000001", status="success"),
        row("TOKEN#sales@1", "TOKEN#0000000042#1#load", token="t"),
    ]
    ended = row("LINE#sales@1", "RUN#0000000042", status="success", finished="now", f="x")
    shop.put(*later, ended)
    copied = {(one["pk"]["S"], one["sk"]["S"]): one for one in cut.items_of(shop.full, held)}
    assert not [one for one in later if (one["pk"]["S"], one["sk"]["S"]) in copied]
    assert copied["LINE#sales@1", "RUN#0000000042"] == row(
        "LINE#sales@1", "RUN#0000000042", status="running", f="x"
    )


def chapter(line, revision):
    """A chapter of a line's journal, at that revision."""
    key = {"pk": {"S": f"JOURNAL#{line}"}, "sk": {"S": f"2030-01-01#{revision:012d}"}}
    return {**key, "chapter": {"B": b"x"}}


def test_a_copy_has_the_chapters_of_journals_up_to_the_states_that_it_has(shop):
    held = cut.read_states(shop.full)
    revision = held["sales@1"].revision
    shop.put(*(chapter("sales@1", number) for number in (0, revision, revision + 1)))
    shop.put(chapter("new@1", 1))
    copied = [one["sk"]["S"] for one in cut.items_of(shop.full, held) if "chapter" in one]
    assert copied == [chapter("sales@1", number)["sk"]["S"] for number in (0, revision)]


def test_a_state_that_a_restore_moves_ahead_does_not_go_on_from_its_journal(shop):
    state = shop.items("full")["LINE#sales@1", "STATE"]
    shop.put({**state, "journal": {"B": b"x"}, "journal_after": {"S": "0"}})
    shop.back_up()
    shop.restore()
    assert shop.items("empty")["LINE#sales@1", "STATE"]["journal"]["B"] == b"x"
    ahead = {
        "pk": {"S": "LINE#mine@1"},
        "sk": {"S": "STATE"},
        "state": {"S": '{"runs_started":70}'},
    }
    shop.put(ahead, table="empty")
    shop.restore(replace=True)
    restored = shop.items("empty")["LINE#sales@1", "STATE"]
    assert not {"journal", "journal_after"} & restored.keys()


def test_no_line_in_a_cut_has_heard_what_the_other_has_not_said_yet(shop, monkeypatch):
    monkeypatch.setattr(cut, "_AT_ONCE", 1)

    def state(line, revision, **fields):
        item = {
            "pk": {"S": f"LINE#{line}"},
            "sk": {"S": "STATE"},
            "revision": {"N": str(revision)},
            "state": {"S": json.dumps({"line": line, **fields})},
        }
        shop.put(item, table="empty")

    state("a@1", 5)
    state("b@1", 5, sources={"a@1": {"heard": [5, 0]}, "never_deployed@1": {}})
    asked = []

    class Busy:
        """Between two reads both lines go on."""

        def __getattr__(self, name):
            return getattr(shop.database, name)

        def transact_get_items(self, **request):
            answer = shop.database.transact_get_items(**request)
            asked.append(request["TransactItems"][0]["Get"]["Key"]["pk"]["S"])
            if len(asked) == 1:
                state("a@1", 7)
                state("b@1", 8, sources={"a@1": {"heard": [7, 0]}, "never_deployed@1": {}})
            return answer

    busy = Busy()
    stores = replace(shop.empty, open=lambda name: busy if name == "dynamodb" else None)
    held = cut.read_states(stores)
    assert asked == ["LINE#a@1", "LINE#b@1", "LINE#a@1", "LINE#never_deployed@1"]
    assert {line: one.revision for line, one in held.items()} == {"a@1": 7, "b@1": 8}


def test_a_catchment_that_holds_something_is_restored_only_if_it_may_be_replaced(shop):
    shop.back_up()
    mine = {"pk": {"S": "LINE#mine@1"}, "sk": {"S": "RUN#0000000001"}}
    revision = {"pk": {"S": "CATALOG"}, "sk": {"S": "REVISION"}, "revision": {"N": "900"}}
    state = {"pk": {"S": "LINE#mine@1"}, "sk": {"S": "STATE"}}
    state["state"] = {"S": '{"runs_started":70}'}
    shop.put(mine, revision, state, table="empty")
    with pytest.raises(OperatorError, match="is not empty"):
        shop.restore()
    assert ("LINE#mine@1", "RUN#0000000001") in shop.items("empty")
    shop.restore(replace=True)
    after = shop.items("empty")
    assert ("LINE#mine@1", "RUN#0000000001") not in after
    assert ("CATALOG", "HOME") not in after
    number = json.loads(after["LINE#sales@1", "STATE"]["state"]["S"])["runs_started"]
    assert number == 70, "the state machine has had executions of the runs up to 70"
    assert after["CATALOG", "REVISION"]["revision"] == {"N": "901"}, "no function knows this one"


def test_a_restore_that_was_interrupted_is_repeated_and_nothing_else_may_come_between(
    shop, monkeypatch, tmp_path
):
    shop.back_up()
    with monkeypatch.context() as broken:
        broken.setattr(restore, "_put_objects", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            shop.restore()
    assert "restoring" in shop.items("empty")["CATALOG", "HOME"]
    home = shop.items("empty")["CATALOG", "HOME"]
    shop.put(home | {"restoring": {"S": "another"}}, table="empty")
    with pytest.raises(OperatorError, match="is being restored from another"):
        shop.restore()
    shop.put(home, table="empty")
    shop.put(ITEMS[0], table="empty")
    shop.restore()
    assert ("CATALOG", "HOME") not in shop.items("empty")
    assert len(shop.items("empty")) > len(ITEMS) // 2


@pytest.mark.parametrize("damage", ["items/000001.gz", "contents.gz", "object", "gone"])
def test_a_damaged_backup_is_refused(shop, damage):
    shop.back_up()
    path = shop.folder / damage
    if damage in {"object", "gone"}:
        path = shop.folder / "objects" / shop.keys[0]
    if damage == "gone":
        path.unlink()
    elif damage == "object":
        path.write_bytes(b"other")
    else:
        path.write_bytes(gzip.compress(b"{}"))
    with pytest.raises(OperatorError, match="damaged"):
        shop.restore()
    assert "restoring" in shop.items("empty")["CATALOG", "HOME"]


def test_the_secrets_values_are_copied_only_if_that_is_asked_for(shop):
    secrets = shop.opened("secretsmanager")
    secrets.put_secret_value(SecretId="full", SecretString='{"TOKEN": "hush-hush"}')
    made = shop.back_up()
    assert made["secret"] == {"names": ["TOKEN"]}
    assert not [
        path for path in shop.folder.rglob("*")
        if path.is_file() and b"hush-hush" in path.read_bytes()
    ]  # fmt: skip
    assert restore.plan(shop.empty, Folder(shop.folder)).missing_secrets == ("TOKEN",)
    (shop.folder / "backup.json").unlink()
    shop.back_up(values=True)
    shop.restore()
    text = shop.secret("empty")
    assert json.loads(text) == {"TOKEN": "hush-hush"}
    assert (shop.folder / "backup.json").stat().st_mode & 0o077 == 0


def test_env_values_may_be_shown_and_are_always_copied(shop):
    secrets = shop.opened("secretsmanager")
    values = {"@@": {"REGION": "eu"}, "@@sales": {"LEVEL": "debug"}}
    held = json.dumps({"TOKEN": "hush-hush", "@sales": {"KEY": "hush-hush"}} | values)
    secrets.put_secret_value(SecretId="full", SecretString=held)
    made = shop.back_up()
    assert made["secret"] == {"names": ["TOKEN", "@sales.KEY"], "values": values}
    planned = restore.plan(shop.empty, Folder(shop.folder))
    assert planned.missing_secrets == ("@sales.KEY", "TOKEN")
    shop.restore()
    assert json.loads(shop.secret("empty")) == values


def test_a_secret_keeps_what_it_has_when_another_one_is_restored_over_it(shop):
    secrets = shop.opened("secretsmanager")
    held = {"TOKEN": "t", "@sales": {"PASSWORD": "p", "KEY": "k"}}
    secrets.put_secret_value(SecretId="full", SecretString=json.dumps(held))
    there = {
        "TOKEN": "older",
        "OWN": "o",
        "@sales": {"KEY": "older", "MORE": "m"},
        "@stock": {"KEY": "s"},
    }
    secrets.put_secret_value(SecretId="empty", SecretString=json.dumps(there))
    made = shop.back_up(values=True)
    assert made["secret"]["names"] == ["TOKEN", "@sales.KEY", "@sales.PASSWORD"]
    shop.restore()
    text = shop.secret("empty")
    assert json.loads(text) == {
        "TOKEN": "t",
        "OWN": "o",
        "@sales": {"PASSWORD": "p", "KEY": "k", "MORE": "m"},
        "@stock": {"KEY": "s"},
    }


def test_an_entry_of_one_pond_is_missing_though_the_pond_has_others(shop):
    secrets = shop.opened("secretsmanager")
    held = {"@sales": {"PASSWORD": "p", "KEY": "k"}}
    secrets.put_secret_value(SecretId="full", SecretString=json.dumps(held))
    secrets.put_secret_value(SecretId="empty", SecretString='{"@sales": {"KEY": "k"}}')
    shop.back_up()
    planned = restore.plan(shop.empty, Folder(shop.folder))
    assert planned.missing_secrets == ("@sales.PASSWORD",)


def test_a_secret_that_is_no_object_is_neither_left_out_nor_written_over(shop):
    secrets = shop.opened("secretsmanager")
    secrets.put_secret_value(SecretId="full", SecretString="hush-hush")
    with pytest.raises(OperatorError, match="is not a JSON object") as refused:
        shop.back_up(values=True)
    assert "hush-hush" not in str(refused.value)
    assert not shop.folder.exists()
    secrets.put_secret_value(SecretId="full", SecretString='{"A": "1"}')
    secrets.put_secret_value(SecretId="empty", SecretString="hush-hush")
    shop.back_up(values=True)
    with pytest.raises(OperatorError, match="is not a JSON object"):
        shop.restore()
    assert shop.secret("empty") == "hush-hush"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["objects"], None),
        (["objects", "sha256"], ""),
        (["parts", 0, "sha256"], 7),
        (["parts"], {"name": "x"}),
        (["secret", "names"], "TOKEN"),
        (["secret", "values"], ["TOKEN"]),
        (["cut"], ["x"]),
        (["id"], None),
    ],
)
def test_a_backup_of_another_form_is_refused_before_anything_is_written(shop, path, value):
    shop.back_up()
    file = shop.folder / "backup.json"
    whole = json.loads(file.read_text())
    one = whole
    for part in path[:-1]:
        one = one[part]
    one[path[-1]] = value
    file.write_text(json.dumps(whole))
    with pytest.raises(OperatorError, match=r"backup.json of .* is damaged: "):
        shop.restore()
    assert shop.items("empty") == {}


def test_a_file_of_thousands_of_brackets_is_refused(shop):
    shop.back_up()
    (shop.folder / "backup.json").write_text("[" * 60_000)
    with pytest.raises(OperatorError, match="cannot be read"):
        shop.restore()


def test_a_bucket_that_takes_nothing_is_named_in_one_line(shop):
    place = open_place("s3://backups/monday", shop.s3)
    with pytest.raises(OperatorError, match=r"s3://backups/monday/x cannot be written: .*Bucket"):
        place.write("x", Path(__file__), sum_of(Path(__file__)))


def test_items_that_dynamodb_leaves_unwritten_are_written_again(shop, monkeypatch):
    write, asked = shop.database.batch_write_item, []

    def half(RequestItems):  # noqa: N803 - boto3's own
        asked.append(len(RequestItems["empty"]))
        first, rest = RequestItems["empty"][:2], RequestItems["empty"][2:]
        write(RequestItems={"empty": first})
        return {"UnprocessedItems": {"empty": rest} if rest else {}}

    made = shop.back_up()
    monkeypatch.setattr(shop.database, "batch_write_item", half)
    monkeypatch.setattr(restore.time, "sleep", QUIET)
    shop.restore()
    assert len(shop.items("empty")) == made["items"]
    assert asked == list(range(made["items"], 0, -2))


def test_a_backup_in_a_bucket_is_read_as_one_in_a_folder(shop):
    shop.s3.create_bucket(Bucket="backups")
    place = open_place("s3://backups/full/monday", shop.s3)
    made = backup.back_up(shop.full, place, values=False, on_step=QUIET)
    planned = restore.plan(shop.empty, place)
    restore.restore(shop.empty, place, planned, replace=False, on_step=QUIET)
    assert len(shop.items("empty")) == made["items"]
    keys = [one["Key"] for one in shop.s3.list_objects_v2(Bucket="backups")["Contents"]]
    assert all(key.startswith("full/monday/") for key in keys)


def test_going_back_undeletes_only_what_the_restored_table_names(shop):
    for one in settings.lacking(shop.full):
        if one.store == "table":
            one.set(shop.full)
    shop.s3.put_object(Bucket="full", Key="data/unnamed", Body=b"x")
    for key in [*shop.keys, "data/unnamed"]:
        shop.s3.delete_object(Bucket="full", Key=key)
    found = shop.database.describe_continuous_backups(TableName="full")
    recovery = found["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    at = recovery["LatestRestorableDateTime"]
    back = point.go_back(shop.full, at, QUIET)
    assert (back.undeleted, back.gone) == (len(shop.keys), ())
    assert point.go_back(shop.full, at, QUIET).undeleted == 0, "it may be repeated"
    there = {one["Key"] for one in shop.s3.list_objects_v2(Bucket="full")["Contents"]}
    assert there == set(shop.keys)
    restored = replace(shop.full, table=back.table)
    assert shop.items(back.table).keys() >= shop.items("full").keys() - {("CATALOG", "TIDIED")}
    assert not [one for one in settings.lacking(restored) if one.store == "table"]


EXPORTED = [("LAKE", "LATEST"), ("ICEBERG", "duckstring_a"), ("ICEBERG", "duckstring_b")]


def test_what_is_known_of_exports_is_no_part_of_a_copy_and_is_forgotten_when_going_back(shop):
    for pk, sk in EXPORTED:
        shop.database.put_item(TableName="full", Item={"pk": {"S": pk}, "sk": {"S": sk}})
    shop.back_up()
    shop.restore()
    assert not set(EXPORTED) & shop.items("empty").keys()
    for one in settings.lacking(shop.full):
        if one.store == "table":
            one.set(shop.full)
    found = shop.database.describe_continuous_backups(TableName="full")
    recovery = found["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    back = point.go_back(shop.full, recovery["LatestRestorableDateTime"], QUIET)
    assert not set(EXPORTED) & shop.items(back.table).keys()
    assert set(EXPORTED) <= shop.items("full").keys()


def test_what_was_typed_is_understood_or_refused(shop, monkeypatch, capsys, tmp_path):
    def run(*words):
        code = main.run(["catchment", *words])
        return code, capsys.readouterr().err

    monkeypatch.setattr(catchments, "find", lambda _: PROD)
    monkeypatch.setattr(
        catchments, "session", lambda _: Access(boto3.Session(region_name="us-east-1"), None)
    )
    outputs = {"Table": "full", "Bucket": "full", "Ephemeral": "false"}
    monkeypatch.setattr(catchments, "read_outputs", lambda _: outputs)
    code, err = run("restore", "prod")
    assert (code, "Give --from PLACE (a backup) or --at TIME" in err) == (2, True)
    code, err = run("restore", "prod", "--from", "s3://Not_A_Bucket")
    assert (code, "A folder, or s3://BUCKET/PREFIX." in err) == (2, True)
    code, err = run("restore", "prod", "--from", str(tmp_path))
    assert (code, "There is no backup in" in err) == (1, True)
    code, err = run("restore", "prod", "--at", "yesterday")
    assert (code, "is not a point in time" in err) == (2, True)
    code, err = run("restore", "prod", "--at", "400d")
    assert (code, "does not keep its past" in err) == (1, True)


def test_all_objects_of_a_table_with_parts_are_named_and_of_positions_the_whole_tables():
    def key(run):
        return table_key(SALES, "t", run=run, ripple="load", attempt=1, invocation="x")

    adopted = f"{location_of_key(key(1))}day=1/part-0"
    parts = (
        Part(file_of_key(adopted), 1, 1, use="base"),
        *(Part(file_of_key(key(run)), 1, 1) for run in (1, 2, 3)),
    )
    table = TableVersion("t", key(3), 3, 3, "f", parts=parts)
    taken = {"load": {"s.a": Position(key(4), whole=True), "s.b": Position(key(5))}}
    state = PondState(SALES, tables={"t": table}, positions=taken)
    item = {"state": {"S": codec.state_to_text(state)}}
    assert sorted(set(cut.names_in(item))) == sorted(
        (one, True) for one in (adopted, *map(key, (1, 2, 3, 4)))
    )
    manifest = {"positions": {"S": codec.positions_to_text(taken)}}
    assert list(cut.names_in(manifest)) == [(key(4), True)]


def test_of_what_arrived_a_copy_has_what_its_states_have_counted():
    """What came later would be taken for kept when its event comes again."""
    held = {"sales@1": cut.Held({}, {"arrived": 2})}

    def kept(line, sort_key, **more):
        item = {"pk": {"S": f"ARRIVED#{line}"}, "sk": {"S": sort_key}, **more}
        return cut._kept(item, held) == item

    assert kept("sales@1", "OBJECT#000000000002")
    assert not kept("sales@1", "OBJECT#000000000003")
    assert kept("sales@1", "SEEN#ab", number={"N": "2"})
    assert not kept("sales@1", "SEEN#ab", number={"N": "3"})
    assert not kept("orders@1", "OBJECT#000000000001"), "the copy has no such line"
