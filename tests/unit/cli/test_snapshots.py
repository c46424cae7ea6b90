"""``duckstring snapshots``: what is kept of a Pond, and why."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from rich.console import Console

from duckstring_cli import catchments, doors, main, render
from tests.unit.cli.published_kit import DEV

Shown = Callable[..., tuple[int, str, str]]


def row(number: int, **more: object) -> dict[str, object]:
    return {
        "snapshot": number,
        "run": f"sales@1/{number}",
        "f": f"2030-01-{number:02}T12:00:00.000000Z",
        "held_f": f"2030-01-{number:02}T12:00:00.000000Z",
        "version": "1.2.0",
        "tables": 2,
        "rows": 1_234_567,
        "bytes": 5_000_000_000,
        "bytes_alone": 0,
        "reasons": [],
        "read_by": [],
        "warnings": 0,
        **more,
    }


ROWS = [
    row(9, reasons=["published", "last", "young"], read_by=["reports@1"]),
    row(
        8,
        reasons=["last", "young"],
        bytes_alone=40_000_000,
        held_f="2030-01-01T12:00:00.000000Z",
    ),
    row(5, reasons=["young"], version=None, bytes_alone=10_000),
    row(4, read_by=["costs@2", "reports@1"], bytes_alone=10_000),
    row(2, bytes_alone=10_000),
]


@pytest.fixture
def show(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shown:
    """Run the command against a Catchment that answers two rows at a time."""
    asked: list[Mapping[str, object]] = []

    def answer(request: Mapping[str, Any]) -> Mapping[str, object]:
        asked.append(request)
        left = [one for one in ROWS if one["snapshot"] < request.get("before", 99)]
        result = {
            "line": "sales@1",
            "now": "2030-01-09T12:30:00.000000Z",
            "retention": {"snapshots": 3, "days": 4},
            "snapshots": left[:2],
            "next": left[1]["snapshot"] if len(left) > 2 else None,
        }
        return {"ok": True, "result": result}

    monkeypatch.setattr(catchments, "find", lambda _: DEV)
    monkeypatch.setattr(doors, "open_door", lambda _: answer)

    def run(*words: str) -> tuple[int, str, str]:
        code = main.run(["snapshots", "sales", *words])
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


def test_each_snapshot_says_why_it_is_kept(show: Shown) -> None:
    code, out, err = show()
    assert code == 0
    assert [line.split("  ")[-1].strip() for line in out.splitlines()] == [
        "KEPT FOR",
        "published; read by reports@1",
        "the last 3; its age; rollback",
        "its age",
        "read by costs@2, reports@1",
        "the next sweep deletes it",
    ]
    said = "sales@1 keeps the last 3, and all younger than 4 days."
    assert " ".join(err.split()) == said


@pytest.mark.parametrize("width", [60, 80, 100, 110, 129, 130, 160])
def test_why_it_is_kept_can_be_read_in_every_terminal(
    show: Shown, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    def console() -> Console:
        return Console(file=sys.stdout, width=width, force_terminal=True, color_system=None)

    monkeypatch.setattr(render, "out", console)
    _, out, _ = show()
    lines = out.splitlines()
    assert max(map(len, lines)) <= width
    assert len(lines) <= 1 + 2 * len(ROWS), out
    for word in ("published", "reports@1", "the last 3", "its age", "costs@2"):
        assert word in out
    assert ("VERSION" in lines[0], "SIZE" in lines[0]) == (width >= 130, width >= 70)
    assert "8d" in next(line for line in lines if "sales@1/8" in line), "as old as its data"


def test_as_many_are_shown_as_are_asked_for(show: Shown) -> None:
    _, out, err = show("-n", "3")
    assert [line.split()[0] for line in out.splitlines()] == [
        "RUN",
        "sales@1/9",
        "sales@1/8",
        "sales@1/5",
    ]
    assert "The first 3: -n shows more." in err


def test_as_json_all_pages_are_one_answer(show: Shown) -> None:
    _, out, _ = show("--json")
    found = json.loads(out)
    assert (found["snapshots"], found["next"]) == (ROWS, None)
    cut = json.loads(show("--json", "-n", "1")[1])
    assert (cut["snapshots"], cut["next"]) == (ROWS[:1], 9)
