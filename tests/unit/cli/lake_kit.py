"""Snapshots of several Ponds in an S3 of this process, and an api function that knows them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import duckdb
import pytest

from duckstring.errors import DuckstringError
from duckstring.model.find import PondNotFoundError
from duckstring_cli import catchments, doors
from duckstring_cli.catchments import Access, Catchment
from tests.moto_kit import moto_server

DEV = Catchment(name="dev", kind="aws", stack="Duckstring-dev", region="us-east-1")
SESSION = boto3.Session("key", "secret", region_name="us-east-1")
F = "2030-01-01T12:00:00.000000Z"
TABLES = {
    ("sales@1", 1, "orders"): "SELECT range AS n, 'old' AS kind FROM range(3)",
    ("sales@2", 1, "orders"): (
        "SELECT range AS n, 'early' AS kind, DATE '2030-01-01' AS day, range AS amount, range AS "
        "product FROM range(5)"
    ),
    ("sales@2", 2, "orders"): (
        "SELECT range AS n, 'new' AS kind, DATE '2030-01-01' AS day, range * 2 AS amount, range AS "
        "product FROM range(30)"
    ),
    ("sales@2", 2, "Odd name"): "SELECT chr(27) || '[31mred' AS word",
    ("products@1", 4, "prices"): (
        "SELECT range AS n, range * 1.5 AS price, range AS product FROM range(10)"
    ),
    ("delays@1", 3, "delays"): "SELECT 'UA' AS carrier FROM range(4)",
}


class Api:
    """Answers ``snapshots`` as the function does, and remembers what it was asked."""

    def __init__(self, rows: Mapping[tuple[str, int, str], dict[str, Any]]) -> None:
        self.rows = rows
        self.newest = {"sales@1": 1, "sales@2": 2, "products@1": 4, "delays@1": 3}
        self.asked: list[Mapping[str, Any]] = []
        self.refusal: DuckstringError | None = None

    def __call__(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        self.asked.append(request)
        if self.refusal is not None:
            return self._refused(self.refusal)
        schemas = request.get("schemas") or ["sales", "sales_v1", "products", "delays"]
        lines = {"sales": "sales@2", "sales_v2": "sales@2", "sales_v1": "sales@1"}
        lines |= {
            "sales@1": "sales@1",
            "products": "products@1",
            "products_v1": "products@1",
            "delays": "delays@1",
        }
        for schema in schemas:
            if schema not in lines:
                return self._refused(PondNotFoundError(schema, known=lines))
        early = request.get("consistent") or request.get("at")
        found = [self._snapshot(one, lines[one], early=bool(early)) for one in sorted(schemas)]
        f = "2030-01-01T11:00:00.000000Z" if early else None
        return {"ok": True, "result": {"now": F, "f": f, "snapshots": found}}

    def _snapshot(self, schema: str, line: str, *, early: bool) -> dict[str, Any]:
        number = 1 if early and line == "sales@2" else self.newest[line]
        rows = [row for (of, at, _), row in self.rows.items() if (of, at) == (line, number)]
        return {
            "schema": schema,
            "line": line,
            "f": F,
            "snapshot": number,
            "tables": rows,
            "dropped": [],
        }

    @staticmethod
    def _refused(error: DuckstringError) -> dict[str, Any]:
        fault = {"type": type(error).__name__, "message": error.message, "hint": error.hint}
        return {"ok": False, "error": fault}


@pytest.fixture(scope="module")
def lake_s3() -> Iterator[str]:
    with moto_server() as found:
        yield found


@pytest.fixture(scope="module")
def lake_rows(
    lake_s3: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[tuple[str, int, str], dict[str, Any]]:
    bucket = SESSION.client("s3", endpoint_url=lake_s3)
    for name in ("the-bucket", "other-bucket"):
        bucket.create_bucket(Bucket=name)
    made = tmp_path_factory.mktemp("made") / "made.parquet"
    rows = {}
    for (line, number, table), sql in TABLES.items():
        duckdb.sql(f"COPY ({sql}) TO '{made}' (FORMAT parquet)")
        name = table.lower().replace(" ", "_")
        key = f"data/{line}/{name}/{number:010d}-load-1-x.parquet"
        for one in ("the-bucket", "other-bucket"):
            bucket.upload_file(str(made), one, key)
        rows[line, number, table] = {
            "table": table,
            "uri": f"s3://the-bucket/{key}",
            "rows": 30,
            "bytes": 1234,
            "written_in": f"{line}/{number}",
            "as_of": F,
            "older": False,
        }
    return rows


@pytest.fixture
def api(
    lake_s3: str, lake_rows: dict[tuple[str, int, str], Any], monkeypatch: pytest.MonkeyPatch
) -> Api:
    """What the Catchment answers."""
    made = Api({key: dict(row) for key, row in lake_rows.items()})
    monkeypatch.setattr(catchments, "find", lambda _: DEV)
    monkeypatch.setattr(catchments, "outputs", lambda _: {"Bucket": "the-bucket"})
    monkeypatch.setattr(catchments, "session", lambda _: Access(SESSION, lake_s3))
    monkeypatch.setattr(doors, "open_door", lambda _: made)
    return made
