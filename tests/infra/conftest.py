"""The stack as a template, synthesized once, with tiny zips in the place of the real layers."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from duckstring.model.values import replace
from infra.code import Code
from infra.config import Config
from infra.layers import Built
from infra.stack import CatchmentStack


def tiny(folder: Path, name: str) -> Built:
    path = folder / f"{name}-0.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("empty.txt", "")
    return Built(path=path, digest=f"{name:0>64}", unpacked=1)


def tiny_code(folder: Path) -> Code:
    return Code(
        **{
            name: tiny(folder, name)
            for name in ("functions", "core", "deps", "data", "client", "iceberg")
        }
    )


def large(folder: Path, unpacked: int) -> Code:
    """Code whose packages are said to unpack to so many bytes."""
    path = folder / "data-1.zip"
    packages = {"small": 1, "big": 3, "libs.libs": 1, "libs": 1, "tiny": 0}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for package, megabytes in packages.items():
            archive.writestr(f"python/{package}/code.so", bytes(megabytes * 1_000_000))
    return replace(tiny_code(folder), data=Built(path=path, digest="1", unpacked=unpacked))


def synthesize(folder: Path, config: Config, code: Code | None = None) -> dict[str, Any]:
    from aws_cdk import App
    from aws_cdk.assertions import Template

    code = code or tiny_code(folder)
    stack = CatchmentStack(App(), config=replace(config, build=folder / "build"), code=code)
    return json.loads(json.dumps(Template.from_stack(stack).to_json()))


@pytest.fixture(scope="session")
def template(tmp_path_factory) -> dict[str, Any]:
    config = Config(
        catchment="test", environment={"API_TOKEN": "abc"}, arrivals=("landing", "inbox")
    )
    return synthesize(tmp_path_factory.mktemp("stack"), config)


@pytest.fixture(scope="session")
def with_iceberg(tmp_path_factory) -> dict[str, Any]:
    """A stack whose Ponds' tables are Iceberg tables, too."""
    config = Config(catchment="test", iceberg=True)
    return synthesize(tmp_path_factory.mktemp("iceberg"), config)


@pytest.fixture(scope="session")
def with_openlineage(tmp_path_factory) -> dict[str, Any]:
    """A stack that tells of lineage."""
    config = Config(catchment="test", openlineage="https://marquez.example.com/api/v1/lineage")
    return synthesize(tmp_path_factory.mktemp("openlineage"), config)


@pytest.fixture(scope="session")
def ephemeral_template(tmp_path_factory) -> dict[str, Any]:
    return synthesize(
        tmp_path_factory.mktemp("ephemeral"), Config(catchment="test", ephemeral=True, reserved=50)
    )
