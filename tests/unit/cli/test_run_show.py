"""``run show``: readable in any terminal, and only what began is an attempt."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import pytest
from rich.console import Console

from duckstring_cli import render
from tests.unit.cli.commands_kit import Bench
from tests.unit.cli.made_up import at, attempt_row, run_row


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


def test_run_show_prints_the_traceback_word_for_word(bench: Bench) -> None:
    traceback = (
        'Traceback (most recent call last):\n  File "pond.py", line 1, in load\n    x[bold]\n'
        "ValueError: [red]a  b\n\n  c"
    )
    bad = attempt_row(
        "sales@1/3", "load", status="failed", error="ValueError", message="a", traceback=traceback
    )
    bench.answers(
        {
            "run": {
                "run": run_row("sales@1/3", status="failed"),
                "attempts": [bad, attempt_row("sales@1/3", "join")],
            }
        }
    )
    code, out, _ = bench.run("run", "show", "sales@1/3")
    assert code == 0
    assert traceback in out
    assert "load          1  failed   1.0s  lambda 2048 MiB    10  1.2 kB" in out


def test_what_to_do_about_an_error_stands_below_its_traceback(bench: Bench) -> None:
    traceback = "Traceback ...\nEnvironmentMissingError: The environment has no 'RATES'."
    whole = "The environment has no 'RATES'. Define RATES in the environment file."
    bad = attempt_row(
        "sales@1/3", "load", status="failed", error="E", message=whole, traceback=traceback
    )
    bench.answers({"run": {"run": run_row("sales@1/3", status="failed"), "attempts": [bad]}})
    out = bench.run("run", "show", "sales@1/3")[1]
    assert f"{traceback}\n\n{whole}\n" in out


def test_a_traceback_too_long_for_its_row_is_fetched(bench: Bench, bucket: Any) -> None:
    bucket.put_object(Bucket="the-bucket", Key="errors/x.txt", Body=b"all of it")
    bad = attempt_row(
        "sales@1/3",
        "load",
        status="failed",
        error="ValueError",
        traceback="all",
        overflow="errors/x.txt",
    )
    bench.answers({"run": {"run": run_row("sales@1/3", status="failed"), "attempts": [bad]}})
    assert "all of it" in bench.run("run", "show", "sales@1/3")[1]


def test_nothing_is_said_of_a_log_or_a_message_that_is_not_there(bench: Bench) -> None:
    row = run_row(
        "sales@1/3", status="failed", ripple="load", error="KeyboardInterrupt", message=""
    )
    bad = attempt_row(
        "sales@1/3",
        "load",
        status="failed",
        error="KeyboardInterrupt",
        traceback="KeyboardInterrupt",
    ) | {"started": None}
    bench.answers({"run": {"run": row, "attempts": [bad]}, "runs": {"runs": [row]}})
    assert "log:" not in bench.run("run", "show", "sales@1/3")[1]
    assert bench.run("runs")[1].rstrip().endswith("load: KeyboardInterrupt")


def shown(bench: Bench, *attempts: dict[str, Any], named: Sequence[str] = ()) -> str:
    bench.answers({"run": {"run": run_row("sales@1/3"), "attempts": list(attempts)}})
    code, out, _ = bench.run("run", "show", "sales@1/3", *named)
    assert code == 0
    return out


def test_run_show_tells_where_each_attempt_ran_and_how_it_ended(bench: Bench) -> None:
    overran = attempt_row(
        "sales@1/3",
        "load",
        status="overran",
        message="It was about to reach the function's 900 s.",
        peak_mib=1800,
        pauses=3,
    )
    task = attempt_row(
        "sales@1/3", "load", attempt=2, where="task", memory_mib=16384, peak_mib=9000
    )
    unborn = attempt_row(
        "sales@1/3",
        "load",
        attempt=3,
        status="lost",
        where=None,
        memory_mib=None,
        message="no capacity",
    ) | {"started": None}
    out = shown(bench, overran, task, unborn, named=["-c", "prod"])
    table = [line.split() for line in out.splitlines() if line.startswith(("RIPPLE", "load "))]
    assert table == [
        ["RIPPLE", "ATTEMPT", "STATUS", "TOOK", "WHERE", "PEAK", "PAUSES", "ROWS", "BYTES"],
        [
            "load",
            "1",
            "overran",
            "1.0s",
            "lambda",
            "2048",
            "MiB",
            "1800",
            "MiB",
            "3",
            "10",
            "1.2",
            "kB",
        ],
        ["load", "2", "success", "1.0s", "task", "16384", "MiB", "9000", "MiB", "10", "1.2", "kB"],
        ["load", "3", "lost", "10", "1.2", "kB"],
    ]
    assert "\nload, attempt 1: overran\nIt was about to reach the function's 900 s.\n" in out
    assert "log: duckstring logs sales@1/3 load --attempt 1 -c prod" in out
    assert "--attempt 3" not in out, "what never began has no log"


def test_run_show_tells_of_a_pause_and_of_what_on_kill_answered(bench: Bench) -> None:
    paused = attempt_row("sales@1/3", "load", status="running", resumes=at(60)) | {"finished": None}
    killed = attempt_row(
        "sales@1/3",
        "ask",
        status="killed",
        on_kill="refused",
        on_kill_message="HTTPError: 403 [no]",
    )
    silent = attempt_row("sales@1/3", "look", status="killed", on_kill="requested")
    out = shown(bench, paused, killed, silent)
    assert ["load", "1", "paused"] in [line.split()[:3] for line in out.splitlines()]
    assert "load, attempt 1: paused; goes on at 2030-01-01 12:01:00Z" in out
    assert "ask, attempt 1: on_kill refused: HTTPError: 403 [no]\n" in out
    assert "look, attempt 1: on_kill requested\n" in out
    assert "PEAK" not in out, "nobody measured anything"
