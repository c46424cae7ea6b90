"""Command lines that are run against a made-up api function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from duckstring_cli import catchments, doors, main
from duckstring_cli.catchments import Access, Catchment

DEV = Catchment(name="dev", kind="local", stack="Duckstring-dev", region="us-east-1", port=1)


PROD = Catchment(name="prod", kind="aws", stack="Duckstring-prod", region="us-east-1")


Door = Callable[[Mapping[str, object]], Mapping[str, Any]]


@cache
def _session() -> boto3.Session:
    """One for all tests: a session of its own reads botocore's descriptions of services anew."""
    return boto3.Session("key", "secret", region_name="us-east-1")


class Bench:
    """Runs command lines against a made-up api function."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys
        self.asked: list[Mapping[str, object]] = []
        self.catchment(DEV)
        self.answers({})

    def catchment(self, held: Catchment) -> None:
        self._monkeypatch.setattr(catchments, "find", lambda _: held)
        self._monkeypatch.setattr(catchments, "outputs", lambda _: {"Bucket": "the-bucket"})
        self._monkeypatch.setattr(
            catchments,
            "session",
            lambda _: Access(_session(), None),
        )

    def answers(self, results: Mapping[str, Any] | Door) -> None:
        def door(request: Mapping[str, object]) -> Mapping[str, Any]:
            if not callable(results) and request["op"] == "status" and "status" not in results:
                return {"ok": True, "result": {"now": "2030-01-01T12:00:00Z", "lines": []}}
            self.asked.append(request)
            if callable(results):
                return results(request)
            found = results.get(str(request["op"]), {"error": f"no {request['op']}"})
            return found if "ok" in found else {"ok": True, "result": found}

        self._monkeypatch.setattr(doors, "open_door", lambda _: door)

    def run(self, *arguments: str) -> tuple[int, str, str]:
        code = main.run(arguments)
        told = self._capsys.readouterr()
        return code, told.out, told.err


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Bench:
    return Bench(monkeypatch, capsys)


@pytest.fixture
def bucket() -> Any:
    with mock_aws():
        s3 = boto3.client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket="the-bucket")
        yield s3


def project(root: Path, name: str, version: str = "1.0.0", more: str = "") -> Path:
    (root / name / "src").mkdir(parents=True)
    (root / name / "pond.toml").write_text(
        f'[pond]\nname = "{name}"\nversion = "{version}"\n{more}'
    )
    (root / name / "src" / "pond.py").write_text(
        "from duckstring import ripple\n\n\n@ripple\ndef load(pond):\n    pass\n"
    )
    return root / name


def deployed(*lines: str, **told: Any) -> dict[str, Any]:
    pond = {
        "version": "1.0.0",
        "ripples": ["load"],
        "sources": [],
        "warnings": [],
        "unchanged": False,
        "killed": False,
    } | told
    return {"deploy": {"ponds": [{"line": line} | pond for line in lines]}}
