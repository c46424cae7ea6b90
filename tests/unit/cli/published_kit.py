"""A published snapshot in an S3 of this process, and an api function that tells of it."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import duckdb
import pytest

from duckstring_cli import bucket, catchments, doors
from duckstring_cli.catchments import Access, Catchment
from tests.moto_kit import moto_server

DEV = Catchment(name="dev", kind="local", stack="Duckstring-dev", region="us-east-1", port=1)
SESSION = boto3.Session("key", "secret", region_name="us-east-1")


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    with moto_server() as found:
        yield found


@pytest.fixture(scope="module")
def published(s3: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Two tables of ``reports``: routes (30 rows) and a wide one with an awkward name."""
    made_bucket = SESSION.client("s3", endpoint_url=s3)
    made_bucket.create_bucket(Bucket="the-bucket")
    made = tmp_path_factory.mktemp("made") / "made.parquet"
    tables = {
        "routes": (
            "SELECT range AS n, 'to ' || range AS name, range / 8 AS delay, NULL AS nothing FROM "
            "range(30)"
        ),
        'odd "name"': "SELECT " + ", ".join(f"'{'x' * 30}' AS column_{i}" for i in range(40)),
    }
    answer: dict[str, Any] = {
        "line": "reports@1",
        "f": "2030-01-01T12:00:00.000000Z",
        "snapshot": 1,
        "tables": [],
    }
    for name, sql in tables.items():
        duckdb.sql(f"COPY ({sql}) TO '{made}' (FORMAT parquet)")
        key = f"data/reports@1/{'routes' if name == 'routes' else 'odd'}/0000000001-sum-1-x.parquet"
        made_bucket.upload_file(str(made), "the-bucket", key)
        row = {
            "table": name,
            "uri": f"s3://the-bucket/{key}",
            "rows": 30,
            "bytes": 1234,
            "written_in": "reports@1/1",
        }
        answer["tables"].append(row)
    return answer


@pytest.fixture
def snapshot(
    s3: str, published: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """What the Catchment answers; a test may change it."""
    answer = copy.deepcopy(published)

    def door(_: Mapping[str, object]) -> Mapping[str, Any]:
        return {"ok": True, "result": answer}

    monkeypatch.setattr(catchments, "find", lambda _: DEV)
    monkeypatch.setattr(catchments, "session", lambda _: Access(SESSION, s3))
    monkeypatch.setattr(bucket, "reach", bucket.by_session)
    monkeypatch.setattr(doors, "open_door", lambda _: door)
    monkeypatch.chdir(tmp_path)
    return answer
