"""The page of a local Catchment as a process of its own."""

from __future__ import annotations

import fcntl
import json
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from duckstring.errors import OperatorError
from duckstring_cli import catchments
from duckstring_cli.catchments import Catchment
from duckstring_cli.errors import BadInputError
from duckstring_cli.local import process
from duckstring_cli.page import background
from tests.e2e.drive import until

DEV = Catchment(name="dev", kind="local", stack="dev", port=1)


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder of a local Catchment. Its server is only seen to hold it."""
    monkeypatch.setenv("DUCKSTRING_HOME", str(tmp_path))
    catchments.add(DEV)
    made = tmp_path / "catchments" / "dev"
    made.mkdir(parents=True, exist_ok=True)
    return made


@pytest.fixture
def runs(folder: Path) -> Iterator[None]:
    with (folder / "server.json").open("w", encoding="utf-8") as server:
        fcntl.flock(server, fcntl.LOCK_EX)
        assert process.is_held(folder)
        yield
    until(lambda: not background._is_held(folder), what="the page has ended with the Catchment")


@pytest.mark.usefixtures("runs")
def test_it_is_started_once_however_many_ask_and_ends_with_the_catchment(folder: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(lambda _: background.address_of(DEV, grace=0.5), range(4)))
    (address,) = found
    assert background.address_of(DEV) == address
    where, _, token = address.partition("/#token=")
    assert '<div id="root">' in httpx.get(where).text
    answer = httpx.get(f"{where}/api/status", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 503, answer.text  # there is no Catchment behind that port
    assert httpx.get(f"{where}/api/status").status_code == 401
    for name in ("page.json", "page.log", "page.lock"):
        assert (folder / name).stat().st_mode & 0o077 == 0, name


@pytest.mark.usefixtures("runs")
def test_what_an_earlier_page_has_left_is_not_taken_for_its_address(folder: Path) -> None:
    (folder / "page.lock").touch()
    old = {"address": "http://127.0.0.1:1/#token=old", "pid": 1, "serves": "of before"}
    (folder / "page.json").write_text(json.dumps(old))
    assert "token=old" not in background.address_of(DEV, grace=0.5)


@pytest.mark.usefixtures("runs")
def test_the_page_of_an_earlier_release_makes_way(folder: Path) -> None:
    first = background.address_of(DEV, grace=0.5)
    record = json.loads((folder / "page.json").read_text())
    (folder / "page.json").write_text(json.dumps({**record, "serves": "of before"}))
    second = background.address_of(DEV, grace=0.5)
    assert second != first
    assert background.address_of(DEV) == second
    with pytest.raises(httpx.ConnectError):
        httpx.get(first)


@pytest.mark.usefixtures("runs")
def test_a_page_that_is_just_ending_is_followed_by_another(folder: Path) -> None:
    with (folder / "page.lock").open("w") as lock, ThreadPoolExecutor(1) as pool:
        fcntl.flock(lock, fcntl.LOCK_EX)
        asked = pool.submit(background.address_of, DEV, grace=0.5)
        with pytest.raises(TimeoutError):
            asked.result(0.5)
        fcntl.flock(lock, fcntl.LOCK_UN)
        assert asked.result(30).startswith("http://127.0.0.1:")


@pytest.mark.usefixtures("runs")
def test_the_page_of_a_catchment_that_has_moved_is_not_handed_out(folder: Path) -> None:
    first = background.address_of(DEV, grace=0.5)
    moved = replace(DEV, port=2)
    catchments.save(moved)
    assert background.address_of(moved, grace=0.5) != first


@pytest.mark.usefixtures("runs")
def test_a_page_that_hangs_or_has_lost_its_record_makes_way(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    monkeypatch.setattr(background, "_ANSWERS_WITHIN", 0.5)
    first = background.address_of(DEV, grace=0.5)
    (folder / "page.json").write_text("[]")
    second = background.address_of(DEV, grace=0.5)
    assert second != first
    os.kill(int((folder / "page.lock").read_text()), signal.SIGSTOP)
    assert background.address_of(DEV, grace=0.5) != second


def test_a_page_that_does_not_start_is_told_with_its_log(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    monkeypatch.setattr(background, "__name__", "no_such_module")
    with pytest.raises(OperatorError, match="The page of Catchment 'dev' did not start") as caught:
        background.address_of(DEV)
    assert "page.log" in caught.value.hint
    assert "no_such_module" in (folder / "page.log").read_text()


def test_a_catchment_in_aws_has_none() -> None:
    with pytest.raises(BadInputError, match="prod is in AWS"):
        background.address_of(Catchment(name="prod", kind="aws", stack="prod"))
