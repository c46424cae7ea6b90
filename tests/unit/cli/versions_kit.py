"""Versions of tables in a folder, as answers of the api tell of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from duckstring_cli import bucket, reading
from duckstring_cli.catchments import Catchment
from tests.unit.parts_kit import Sandbox

DEV = Catchment(name="dev", kind="local", stack="Duckstring-dev", region="us-east-1", port=1)
F = "2030-01-01T12:00:00.000000Z"


@pytest.fixture(autouse=True)
def on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """The objects lie in a folder."""
    monkeypatch.setattr(reading, "address", lambda _, uri: uri)
    monkeypatch.setattr(reading, "open_s3", lambda *_: None)
    monkeypatch.setattr(bucket, "reach", lambda _: None)


@pytest.fixture
def sales(tmp_path: Path) -> Sandbox:
    return Sandbox(tmp_path)


def snapshot_of(sales: Sandbox) -> Any:
    return {
        "line": "sales@1",
        "f": F,
        "snapshot": sales.run,
        "dropped": [],
        "tables": [
            {
                "table": name,
                "uri": "" if version.parts else str(sales.path(version)),
                "rows": version.rows,
                "bytes": version.bytes,
                "merge_key": list(version.merge_key),
                "written_in": f"sales@1/{sales.run}",
                "version": "1.0.0",
                "parts": [
                    {
                        "uri": str(sales.path(version, part)),
                        "rows": part.rows,
                        "bytes": part.bytes,
                        "kind": part.kind,
                        "use": part.use,
                    }
                    for part in version.parts
                ],
            }
            for name, version in sales.tables.items()
        ],
    }


def write(sales: Sandbox, sql: str, table: str = "t") -> Any:
    sales.ran(lambda pond: pond.write_table(table, sql))
    return snapshot_of(sales)


def append(sales: Sandbox, *values: int) -> Any:
    rows = ", ".join(f"({value})" for value in values)
    sales.ran(lambda pond: pond.append_table("t", f"SELECT * FROM (VALUES {rows}) v(n)"))
    return snapshot_of(sales)


def merge(sales: Sandbox, changes: dict[int, int], *, delete: tuple[int, ...] = ()) -> Any:
    rows = ", ".join(f"({key}, {value})" for key, value in changes.items()) or "(0, 0)"
    gone = ", ".join(f"({key})" for key in delete)
    sales.ran(
        lambda pond: pond.merge_table(
            "t",
            f"SELECT * FROM (VALUES {rows}) v(id, n){'' if changes else ' LIMIT 0'}",
            key=["id"],
            delete=f"SELECT * FROM (VALUES {gone}) v(id)" if gone else None,
        )
    )
    return snapshot_of(sales)
