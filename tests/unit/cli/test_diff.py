"""``duckstring diff``: which snapshots are compared, and what is said of them."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from rich.console import Console

from duckstring_cli import catchments, doors, main, render
from tests.unit.cli.versions_kit import DEV, merge, on_disk, sales, snapshot_of, write
from tests.unit.parts_kit import Sandbox

__all__ = ["on_disk", "sales"]

Command = Callable[..., tuple[int, str, str]]


class Api:
    """A Catchment with these snapshots of ``sales@1``."""

    def __init__(self) -> None:
        self.snapshots: dict[int, Any] = {}
        self.asked: list[Mapping[str, Any]] = []
        self.is_older = False
        """A release that does not know the numbers of snapshots."""

    def __call__(self, request: Mapping[str, Any]) -> Mapping[str, object]:
        self.asked.append(request)
        newest = max(self.snapshots)
        match request["op"]:
            case "tables":
                number = newest if self.is_older else request.get("snapshot") or newest
                if number not in self.snapshots:
                    fault = {"type": "SnapshotNotKeptError", "message": "gone", "hint": ""}
                    return {"ok": False, "error": fault}
                return {"ok": True, "result": self.snapshots[number]}
            case "snapshots":
                found = {"schema": "sales", **self.snapshots[min(self.snapshots)]}
                return {"ok": True, "result": {"now": "", "f": "", "snapshots": [found]}}
            case "kept":
                before = [one for one in self.snapshots if one < request["before"]]
                rows = [{"snapshot": one} for one in sorted(before, reverse=True)]
                return {"ok": True, "result": {"snapshots": rows, "next": None}}
        raise AssertionError(request)


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch, sales: Sandbox) -> Api:
    made = Api()
    for change in ({1: 10, 2: 20, 3: 30}, {2: 21}, {4: 40, 3: 31}):
        snapshot = merge(sales, change)
        made.snapshots[snapshot["snapshot"]] = snapshot
    monkeypatch.setattr(catchments, "find", lambda _: DEV)
    monkeypatch.setattr(doors, "open_door", lambda _: made)
    return made


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    def run(*words: str) -> tuple[int, str, str]:
        code = main.run(["diff", *words])
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


@pytest.mark.usefixtures("api")
def test_what_is_published_is_compared_with_what_was_before(command: Command) -> None:
    code, out, _ = command("sales", "t")
    assert code == 0
    assert out.splitlines() == [
        "sales@1.t",
        "  from  sales@1/2, fresh as of 2030-01-01 12:00:00Z: 3 rows, written in sales@1/2",
        "  to    sales@1/3, fresh as of 2030-01-01 12:00:00Z: 4 rows, written in sales@1/3",
        "1 row added, 1 row changed, by id",
        "changed: n in 1",
        "   id  n",
        "+  4   40",
        "~  3   30 → 31",
    ]


@pytest.mark.parametrize(
    ("words", "versions", "counts"),
    [
        (["1"], (1, 3), (1, 0, 2)),
        (["sales@1/1", "sales@1/2"], (1, 2), (0, 0, 1)),
        (["3", "1"], (3, 1), (0, 1, 2)),
        (["2d"], (1, 3), (1, 0, 2)),
        (["2030-01-01", "2"], (1, 2), (0, 0, 1)),
        (["3", "3"], (3, 3), (0, 0, 0)),
    ],
)
@pytest.mark.usefixtures("api")
def test_snapshots_are_named_by_their_run_or_by_when_they_held(
    command: Command, words: list[str], versions: tuple[int, int], counts: tuple[int, int, int]
) -> None:
    code, out, _ = command("sales", "t", *words, "--json")
    told = json.loads(out)
    assert code == 0
    assert (told["before"]["snapshot"], told["after"]["snapshot"]) == versions
    assert (told["added"], told["removed"], told["changed"]) == counts


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["t", "1", "2", "--key", "n,"], "--key 'n,' names no column in one place"),
        (["t", "1", "2", "--key", ""], "--key '' names no column in one place"),
        (["t", "1", "2", "--key", 'id, "a,b"'], "'a,b'"),
        (["t", "yesterday"], "'yesterday' is neither a run nor a point in time"),
        (["t", "other@1/1"], "other@1/1 is not a run of sales"),
        (["t", "sales@1/x"], "sales@1/x"),
        (["t", "--key", "nope"], "there is no column 'nope' in both versions; they have id, n"),
        (["tea"], "sales@1 has published no table 'tea'; it has t"),
        (["t", "\x1b[31m"], "is neither a run nor a point in time"),
    ],
)
@pytest.mark.usefixtures("api")
def test_wrong_words_are_refused_with_one_line(
    command: Command, words: list[str], said: str
) -> None:
    code, out, err = command("sales", *words)
    assert (code, out) == (2, "")
    assert said in err.replace("\n", " ")
    assert "\x1b" not in err


def test_a_snapshot_that_is_not_kept_and_a_first_one_are_refused(
    api: Api, command: Command
) -> None:
    code, _, err = command("sales", "t", "9")
    assert (code, "gone" in err) == (1, True)
    api.snapshots = {7: api.snapshots[3] | {"snapshot": 7}}
    code, out, err = command("sales", "t")
    assert (code, out) == (1, "")
    assert "No snapshot before sales@1/7 is kept." in err


def test_a_catchment_of_the_release_before_is_no_reason_for_a_wrong_answer(
    api: Api, command: Command
) -> None:
    api.is_older = True
    code, _, err = command("sales", "t", "1")
    assert (code, "shows only what is published" in err) == (1, True)


def test_columns_rows_that_are_the_same_and_tables_that_are_new_are_said(
    api: Api, command: Command, sales: Sandbox
) -> None:
    write(sales, "SELECT 1 AS n, 'x' AS w", "u")
    api.snapshots[4] = snapshot_of(sales)
    sales.tables.pop("u")
    write(sales, "SELECT 1 AS n, 2 AS more", "u")
    api.snapshots[5] = snapshot_of(sales)
    assert command("sales", "u", "3")[1].splitlines()[1:] == [
        "  from  sales@1/3, fresh as of 2030-01-01 12:00:00Z: no such table",
        "  to    sales@1/5, fresh as of 2030-01-01 12:00:00Z: 1 row, written in sales@1/5",
        "1 row added",
    ]
    assert command("sales", "u")[1].splitlines()[3:] == [
        "column more is new: INTEGER",
        "column w is gone: it was VARCHAR",
        "No row differs.",
    ]


def test_more_rows_than_are_shown_are_counted(api: Api, command: Command, sales: Sandbox) -> None:
    api.snapshots[4] = write(
        sales, "SELECT 7::BIGINT AS k, chr(27) || '[31mred' AS w FROM range(3)", "u"
    )
    api.snapshots[5] = write(sales, "SELECT range AS k, chr(27) AS w FROM range(2000)", "u")
    code, out, err = command("sales", "u", "-n", "2")
    assert (code, "\x1b" in out) == (0, False)
    assert out.splitlines()[3:] == [
        "2,000 rows added, 3 rows removed",
        "   TIMES  k  w",
        r"+  1      0  \x1b",
        r"+  1      1  \x1b",
        r"-  3      7  \x1b[31mred",
    ]
    assert "and 1,998 more added" in err


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_of_the_rows_is_wider_than_the_terminal(
    api: Api, command: Command, sales: Sandbox, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    columns = ", ".join(f"'value {at}' || range AS a_column_{at}" for at in range(12))
    api.snapshots[4] = write(sales, f"SELECT {columns} FROM range(1)", "u")
    api.snapshots[5] = write(sales, f"SELECT {columns} FROM range(3)", "u")
    made = io.StringIO()
    console = Console(file=made, width=width, force_terminal=True, color_system=None)
    monkeypatch.setattr(render, "out", lambda: console)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    _, _, err = command("sales", "u")
    assert all(len(line) <= width for line in made.getvalue().splitlines()[3:])
    assert "more columns: " in err
