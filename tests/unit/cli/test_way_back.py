"""``duckstring catchment protect`` and ``destroy`` against moto."""

from __future__ import annotations

import json
from dataclasses import replace

import boto3
import pytest
from moto import mock_aws

from duckstring_cli import catchments
from duckstring_cli.stores import settings
from duckstring_cli.stores.held import stores_of
from tests.unit.cli.commands_kit import PROD, Bench

REGION = "us-east-1"
SETTINGS = ["expiry", "recovery", "protection", "index", "versions", "lifecycle", "privacy", "TLS"]


class Account:
    """A stack that names a table, a bucket and a secret, which nobody has set up."""

    def __init__(self, *, ephemeral: bool = False) -> None:
        self.database, self.s3 = self.client("dynamodb"), self.client("s3")
        keys = [("pk", "HASH"), ("sk", "RANGE")]
        index = [("gsi1pk", "HASH"), ("gsi1sk", "RANGE")]
        self.database.create_table(
            TableName="kept",
            BillingMode="PAY_PER_REQUEST",
            KeySchema=schema(keys),
            AttributeDefinitions=[
                {"AttributeName": name, "AttributeType": "S"} for name, _ in keys + index
            ],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": "gsi1",
                    "KeySchema": schema(index),
                    "Projection": {"ProjectionType": "ALL"},
                }
            ],
        )
        self.s3.create_bucket(Bucket="kept-bucket")
        self.secret = self.client("secretsmanager").create_secret(Name="kept")["ARN"]
        outputs = dict.fromkeys(catchments.NEEDED, "x") | {
            "Table": "kept",
            "Bucket": "kept-bucket",
            "Secret": self.secret,
            "Ephemeral": "true" if ephemeral else "false",
        }
        template = {
            "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
            "Outputs": {key: {"Value": value} for key, value in outputs.items()},
        }
        self.client("cloudformation").create_stack(
            StackName=PROD.stack,
            TemplateBody=json.dumps(template),
        )

    def client(self, service):
        return boto3.client(service, region_name=REGION)

    def version(self):
        """All of it but TLS: moto would refuse every request then."""
        stores = stores_of(PROD)
        for one in settings.lacking(stores):
            if one.name != "TLS":
                one.set(stores)

    def stacks(self):
        found = self.client("cloudformation").describe_stacks()["Stacks"]
        return [one["StackName"] for one in found]

    def put(self, key, *bodies):
        for body in bodies:
            self.s3.put_object(Bucket="kept-bucket", Key=key, Body=body)


def schema(keys):
    return [{"AttributeName": name, "KeyType": kind} for name, kind in keys]


@pytest.fixture
def prod(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("DUCKSTRING_HOME", str(tmp_path))
    bench = Bench(monkeypatch, capsys)
    catchments.save(PROD)
    monkeypatch.setattr(catchments, "find", lambda _: catchments.catchments()[0])
    with mock_aws():
        yield bench


def test_protect_sets_what_is_missing_and_then_nothing(prod):
    account = Account()
    account.s3.put_bucket_lifecycle_configuration(
        Bucket="kept-bucket",
        LifecycleConfiguration={
            "Rules": [
                {
                    "ID": "mine",
                    "Status": "Enabled",
                    "Filter": {"Prefix": "in/"},
                    "Expiration": {"Days": 9},
                }
            ]
        },
    )
    stores = stores_of(PROD)
    assert [one.name for one in settings.lacking(stores)] == SETTINGS
    code, out, err = prod.run("catchment", "protect", "prod")
    assert (code, err) == (0, "")
    assert [line.split(": ")[1] for line in out.splitlines()] == [
        f"{name} is set" for name in SETTINGS
    ]
    assert not list(settings.lacking(stores_of(PROD)))
    rules = account.s3.get_bucket_lifecycle_configuration(Bucket="kept-bucket")["Rules"]
    assert {one["ID"] for one in rules} == {"mine", "duckstring-uploads", "duckstring-versions"}
    assert json.loads(prod.run("catchment", "protect", "prod", "--json")[1])["set"] == []


def test_destroy_leaves_the_stores_and_says_what_they_are_and_cost(prod):
    account = Account()
    account.version()
    account.put("data/a", b"12345", b"123")
    code, out, err = prod.run("catchment", "destroy", "prod", "--confirm", "prod")
    assert (code, account.stacks()) == (0, []), err
    assert "This remains, for about $0.40 a month" in out
    assert "kept-bucket: 1 objects, 3 B, and 1 deleted or replaced ones, 5 B" in out
    attach = f"-c table=kept -c bucket=kept-bucket -c secret={account.secret}"
    assert out.splitlines()[-1] == (f"Use it again: npx aws-cdk@2 deploy -c catchment=... {attach}")
    assert account.database.list_tables()["TableNames"] == ["kept"]
    assert account.s3.get_object(Bucket="kept-bucket", Key="data/a")["Body"].read() == b"123"
    assert catchments.catchments() == []


def test_destroy_is_refused_without_the_name(prod, monkeypatch):
    account = Account()
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    code, _, err = prod.run("catchment", "destroy", "prod")
    assert code == 2
    assert "hint: Confirm it: --confirm prod" in err
    code, _, err = prod.run("catchment", "destroy", "prod", "--confirm", "dev")
    assert (code, "'dev' is not 'prod': nothing was deleted." in err) == (1, True)
    typed = iter(["prod", "no"])
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.prompt", lambda *_, **__: next(typed))
    assert prod.run("catchment", "destroy", "prod", "--data")[0] == 1
    assert next(typed, None) is None, "data is asked for a second time"
    assert account.stacks() == [PROD.stack]
    assert account.database.list_tables()["TableNames"] == ["kept"]


def test_destroy_with_data_deletes_every_version_and_may_be_repeated(prod, monkeypatch):
    account = Account()
    account.version()
    account.put("data/a", b"1", b"2")
    account.s3.delete_object(Bucket="kept-bucket", Key="data/a")
    with monkeypatch.context() as broken:
        broken.setattr("duckstring_cli.stores.destroy.destroy_data", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            prod.run("catchment", "destroy", "prod", "--data", "--confirm", "prod")
    assert account.stacks() == []
    code, out, err = prod.run("catchment", "destroy", "prod", "--data", "--confirm", "prod")
    assert code == 0, err
    assert "Use it again" not in out
    assert account.database.list_tables()["TableNames"] == []
    assert account.s3.list_buckets()["Buckets"] == []
    (secret,) = account.client("secretsmanager").list_secrets(IncludePlannedDeletion=True)[
        "SecretList"
    ]
    assert "DeletedDate" in secret


def test_what_remains_is_told_to_programs(prod):
    account = Account()
    said = prod.run("catchment", "destroy", "prod", "--confirm", "prod", "--json")[1]
    assert json.loads(said) == {
        "name": "prod",
        "stack": PROD.stack,
        "remains": {
            **dict.fromkeys(("items", "table_bytes", "objects", "object_bytes"), 0),
            **dict.fromkeys(("versions", "version_bytes"), 0),
            "has_secret": True,
            "dollars_a_month": 0.4,
            "attach": f"-c table=kept -c bucket=kept-bucket -c secret={account.secret}",
        },
    }


def test_an_ephemeral_stack_is_not_destroyed_unless_its_data_may_go(prod):
    account = Account(ephemeral=True)
    code, _, err = prod.run("catchment", "destroy", "prod", "--confirm", "prod")
    assert (code, "is ephemeral" in err) == (1, True)
    assert account.stacks() == [PROD.stack]


def test_a_local_catchment_leaves_its_folder_unless_its_data_may_go(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("DUCKSTRING_HOME", str(tmp_path))
    bench = Bench(monkeypatch, capsys)
    held = replace(PROD, name="dev", kind="local", port=1)
    monkeypatch.setattr(catchments, "find", lambda _: held)
    folder = tmp_path / "catchments" / "dev"
    for flags in ([], ["--data"]):
        catchments.save(held)
        (folder / "state").mkdir(parents=True, exist_ok=True)
        (folder / "state" / "s3.json").write_text("{}")
        code, out, err = bench.run("catchment", "destroy", "dev", *flags, "--confirm", "dev")
        assert code == 0, err
        assert str(folder) in out
        again = "Use it again: duckstring catchment init --name dev"
        assert (again in out) is not bool(flags)
        assert folder.exists() is not bool(flags)
        assert catchments.catchments() == []
