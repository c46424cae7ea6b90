"""``run show``: readable in any terminal, and only what began is an attempt."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from rich.console import Console

from duckstring_cli import render
from tests.unit.cli.made_up import attempt_row, run_row
from tests.unit.cli.test_commands import Bench


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Bench:
    return Bench(monkeypatch, capsys)


def terminal(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setattr(
        render,
        "out",
        lambda: Console(
            file=sys.stdout, width=width, force_terminal=True, color_system=None, highlight=False
        ),
    )


ATTEMPTS = [
    attempt_row(
        "sales@1/3",
        "load_everything_there_is",
        peak_mib=1843,
        took=3725.0,
        rows=336_776,
        bytes=2_812_345,
    ),
    attempt_row(
        "sales@1/3",
        "by_route",
        pauses=1200,
        where="task",
        memory_mib=16_384,
        status="failed",
        rows=None,
        bytes=None,
    ),
]


@pytest.mark.parametrize(
    ("width", "gone"),
    [
        (200, []),
        (120, []),
        (100, ["PEAK"]),
        (80, ["PEAK", "WHERE"]),
        (60, ["PEAK", "WHERE", "BYTES", "PAUSES"]),
    ],
)
def test_columns_that_a_terminal_has_no_room_for_are_left_out_whole(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, width: int, gone: list[str]
) -> None:
    terminal(monkeypatch, width)
    bench.answers({"run": {"run": run_row("sales@1/3", status="failed"), "attempts": ATTEMPTS}})
    out = bench.run("run", "show", "sales@1/3")[1]
    assert max(map(len, out.splitlines())) <= width
    assert "…" not in out
    for name, value in (
        ("ROWS", "336,776"),
        ("BYTES", "2.8 MB"),
        ("TOOK", "1h02m"),
        ("PEAK", "1843 MiB"),
        ("WHERE", "task 16384 MiB"),
    ):
        assert (name in out.partition("not shown here")[0]) is (name not in gone), name
        assert (value in out) is (name not in gone), name
    assert [
        name
        for name in ("PEAK", "WHERE", "BYTES", "PAUSES")
        if name in out.partition("not shown here: ")[2]
    ] == gone


@pytest.mark.parametrize("width", [20, 30, 40])
def test_status_and_time_stay_readable_in_the_narrowest_terminal(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    terminal(monkeypatch, width)
    bench.answers({"run": {"run": run_row("sales@1/3", status="failed"), "attempts": ATTEMPTS}})
    out = bench.run("run", "show", "sales@1/3")[1]
    if width >= 40:
        assert "failed" in out
        assert "1h02m" in out


def not_begun(ripple: str) -> dict[str, Any]:
    return attempt_row("sales@1/3", ripple) | {
        "status": "not begun",
        "started": None,
        "rows": None,
        "bytes": None,
    }


def test_siblings_that_never_began_are_one_line_and_the_true_error_is_seen(bench: Bench) -> None:
    bad = attempt_row(
        "sales@1/3",
        "load",
        status="failed",
        error="ValueError",
        message="no rows",
        traceback="ValueError: no rows",
    )
    attempts = [*(not_begun(f"sum_{n:02}") for n in range(75)), bad]
    bench.answers({"run": {"run": run_row("sales@1/3", status="failed"), "attempts": attempts}})
    out = bench.run("run", "show", "sales@1/3")[1]
    assert "not begun: sum_00, sum_01, sum_02, sum_03, 71 more. The run was over before." in out
    assert len(out.splitlines()) < 20
    assert "ValueError: no rows" in out
