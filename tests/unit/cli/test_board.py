from __future__ import annotations

from typing import Any, cast

import pytest
from rich.console import Console, RenderableType

from duckstring.model.answers.status import LineStatus, StatusAnswer
from duckstring_cli import board, line_words, pond_view, render, run_table
from tests.unit.cli.made_up import at, line_status, run_row, source

WANTS = {"pull": False, "targets": [], "woken": False, "forced": False}


def line(name: str, **told: Any) -> LineStatus:
    return cast("LineStatus", line_status(name, **told))


def shown(view: RenderableType, width: int = 200) -> str:
    console = Console(width=width, record=True, file=open("/dev/null", "w"), highlight=False)  # noqa: SIM115, PTH123
    console.print(view)
    console.file.close()
    return console.export_text()


def answer(*lines: LineStatus) -> StatusAnswer:
    return {"now": at(60), "lines": list(lines)}


def test_sources_come_before_their_sinks_and_names_settle_the_rest() -> None:
    lines = [
        line("a@1", sources=[source("z@1")]),
        line("b@1"),
        line("z@1", sources=[source("absent@1")]),
    ]
    assert [held["line"] for held in line_words.in_order(lines)] == ["b@1", "z@1", "a@1"]


def test_a_name_comes_before_those_that_begin_with_it() -> None:
    lines = [line("s_env2@1"), line("s_env@10"), line("s_env@2")]
    assert [held["line"] for held in line_words.in_order(lines)] == [
        "s_env@2",
        "s_env@10",
        "s_env2@1",
    ]


def test_a_cycle_is_shown_rather_than_lost() -> None:
    lines = [
        line("a@1", sources=[source("b@1")]),
        line("b@1", sources=[source("a@1")]),
        line("c@1"),
    ]
    assert {held["line"] for held in line_words.in_order(lines)} == {"a@1", "b@1", "c@1"}


def test_the_major_is_named_only_where_a_pond_has_several_lines() -> None:
    lines = [line("sales@1"), line("sales@2"), line("reports@1")]
    assert [line_words.shown_name(held, lines) for held in lines] == [
        "sales@1",
        "sales@2",
        "reports",
    ]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({}, ""),
        ({"demand": WANTS | {"pull": True}}, "pull"),
        ({"demand": WANTS | {"pull": True, "targets": [at(0), at(1)]}}, "pull+push x2"),
    ],
)
def test_demand_is_told_in_a_word(told: dict[str, Any], expected: str) -> None:
    assert line_words.demand(line("a@1", **told)) == expected


def test_a_standing_trigger_is_told_with_its_bound() -> None:
    told = [None, {"kind": "wave"}, {"kind": "tide", "bound": 5400.0}]
    assert [line_words.trigger(line("a@1", trigger=held)) for held in told] == [
        "",
        "wave",
        "tide 1h30m",
    ]


def test_a_running_line_tells_its_ripples_with_their_times_and_attempts() -> None:
    ripples = [
        {"name": "load", "status": "done", "attempt": 1, "since": None},
        {"name": "join", "status": "running", "attempt": 2, "since": at(58)},
        {"name": "sum", "status": "queued", "attempt": 1, "since": at(59)},
        {"name": "top", "status": "queued", "attempt": 3, "since": at(90), "retry_at": at(90)},
        {"name": "late", "status": "queued", "attempt": 2, "since": at(59), "retry_at": at(59)},
    ]
    held = line(
        "a@1",
        status="running",
        runs=[{"run": "a@1/1", "f": at(0), "started": at(0), "ripples": ripples}],
    )
    assert line_words.doing(held, at(60)) == (
        "join 2.0s (attempt 2) · sum queued · top tried again in 30s (attempt 3) · late queued"
    )


def test_the_overview_tells_why_a_line_failed_and_when_it_is_tried_again() -> None:
    failure = {
        "run": "sales@1/42",
        "ripple": "load",
        "attempt": 2,
        "error": "ValueError",
        "message": "[red]no[/red] rows\nmore",
    }
    text = shown(
        board.overview(
            answer(line("sales@1", status="failed", failure=failure, retry_at=at(90))), width=200
        )
    )
    assert (
        "sales@1 failed in Ripple load, attempt 2: ValueError: [red]no[/red] rows · tried again "
        "in 30s" in text
    )
    assert "duckstring run show sales@1/42" in text
    asked = {
        "demand": {"pull": False, "targets": [at(50)], "woken": False, "forced": False},
        "start_f": at(0),
        "sources": [source("raw@1")],
    }
    failed = line(
        "sales@1",
        status="failed",
        failure=failure,
        failures=1,
        budgets={"immediate_retries": 0, "source_retries": 1},
        **asked,
    )
    assert "rows · tried again when its Sources have newer" in shown(
        board.overview(answer(failed), width=200)
    )
    assert "tried again" not in shown(board.overview(answer(failed | {"failures": 2}), width=200))


def test_lines_at_rest_give_way_to_those_that_move_where_the_terminal_is_short() -> None:
    lines = [line(f"p{number:02}@1") for number in range(40)] + [line("zz@1", status="running")]
    text = shown(board.overview(answer(*lines), width=120, height=14))
    assert "zz" in text
    assert "and 31 more at rest" in text
    assert len(text.splitlines()) <= 14


def test_lines_that_wait_unseen_are_counted_as_what_they_are() -> None:
    lines = [line(f"p{number:02}@1", status="waiting") for number in range(20)]
    lines += [line(f"q{number:02}@1") for number in range(8)] + [line("zz@1", status="running")]
    text = shown(board.overview(answer(*lines), width=120, height=14))
    assert "zz" in text
    assert "… and 19 more, 11 of them waiting (all of them" in text


def test_an_empty_catchment_says_how_to_begin() -> None:
    assert "duckstring deploy --all" in shown(board.overview(answer(), width=80))


def test_one_pond_closely_has_its_ripples_sources_sinks_budgets_and_runs() -> None:
    held = line(
        "sales@1",
        status="idle",
        end_f=at(0),
        staleness_seconds=60.0,
        sources=[
            source("products@1", optional=True, down=True),
            source("rates@1", optional=True, absent=True),
        ],
        sinks=["reports@1"],
        ripples=[{"name": "join", "parents": ["load"], "end_f": at(0), "status": "done"}],
        budgets={"immediate_retries": 1, "source_retries": 2},
        tables=3,
        rows=1_234_567,
    )
    text = shown(pond_view.detail(answer(held), held, [cast("Any", run_row("sales@1/3", took=12))]))
    for words in (
        "1m old, as of 2030-01-01 12:00:00Z",
        "products@1  optional",
        "down",
        "undeployed",
        "reports@1",
        "immediate retries 1, source retries 2",
        "3 published, 1,234,567 rows",
        "sales@1/3",
        "12s",
        "load",
    ):
        assert words in text


def test_where_a_ripple_runs_is_told_where_somebody_decided_it() -> None:
    ripples = [
        {"name": name, "parents": [], "end_f": at(0), "status": "done", "runs_on": "lambda"}
        for name in ("join", "load")
    ]
    plain = line(
        "sales@1",
        end_f=at(0),
        ripples=[one | {"task_mib": 0, "decided_by": "default"} for one in ripples],
    )
    assert "RUNS" not in shown(pond_view.detail(answer(plain), plain, []))
    task = ripples[1] | {"runs_on": "task", "task_mib": 16_384, "decided_by": "learnt"}
    text = shown(
        pond_view.detail(
            answer(held := line("sales@1", end_f=at(0), ripples=[ripples[0], task])), held, []
        )
    )
    assert "as a task of 16 GB" in text
    assert "in the function" in text
    going = {"name": "load", "status": "running", "attempt": 2, "since": at(0), "task_mib": 8192}
    run = {"run": "sales@1/4", "f": at(0), "started": at(0), "ripples": [going]}
    assert (
        line_words.doing(line("sales@1", status="running", runs=[run]), at(72))
        == "load 1m12s (attempt 2, started as a task of 8 GB)"
    )


def in_flight(*ripples: dict[str, Any], **told: Any) -> LineStatus:
    """A line whose run is at work; what is not said of its Ripple is as a row that was read has
    it.
    """
    base = {
        "status": "running",
        "attempt": 1,
        "since": at(0),
        "task_mib": 0,
        "where": "lambda",
        "memory_mib": 2048,
        "resumes": None,
    }
    runs = [
        {
            "run": "sales@1/4",
            "f": at(0),
            "started": at(0),
            "ripples": [base | one for one in ripples],
        }
    ]
    known = [
        {"name": one["name"], "parents": [], "end_f": at(0), "status": "running"} for one in ripples
    ]
    return line(
        "sales@1",
        **{
            "status": "running",
            "end_f": at(0),
            "staleness_seconds": 60.0,
            "runs": runs,
            "ripples": known,
        }
        | told,
    )


def rows_of(held: LineStatus) -> list[str]:
    """Each with one space between its words."""
    return [
        " ".join(row.split())
        for row in shown(pond_view.detail(answer(held), held, [])).splitlines()
    ]


def test_what_pauses_is_told_with_until_when_and_where_it_ran() -> None:
    next_one = {
        "name": "load",
        "parents": [],
        "end_f": at(0),
        "status": "running",
        "runs_on": "task",
        "task_mib": 8192,
        "decided_by": "hint",
    }
    rows = rows_of(in_flight({"name": "load", "pauses": 1, "resumes": at(90)}, ripples=[next_one]))
    assert "load paused until 12:01:30Z 1m 1m00s 1 ran in the function" in rows
    assert "load runs as a task of 8 GB from its next attempt on" in rows
    tomorrow = rows_of(
        in_flight({"name": "load", "resumes": at(86_400), "task_mib": 8192, "where": "task"})
    )
    assert "load paused until 2030-01-02 12:00:00Z 1m 1m00s 1 ran as a task of 8 GB" in tomorrow
    assert "load paused, about to go on 1m 1m00s 1 ran in the function" in rows_of(
        in_flight({"name": "load", "resumes": at(59)})
    )


def test_where_what_runs_is_counts_before_where_the_next_attempt_goes() -> None:
    pinned = {
        "name": "load",
        "parents": [],
        "end_f": at(0),
        "status": "running",
        "runs_on": "lambda",
        "task_mib": 0,
    }
    rows = rows_of(
        in_flight(
            {"name": "load", "task_mib": 8192, "where": "task"},
            ripples=[pinned | {"decided_by": "operator"}],
        )
    )
    assert "load running 1m 1m00s 1 as a task of 8 GB" in rows
    assert "load runs in the function from its next attempt on" in rows
    let_go = rows_of(
        in_flight(
            {"name": "load", "task_mib": 8192, "where": "task"},
            ripples=[pinned | {"decided_by": "default"}],
        )
    )
    assert "load running 1m 1m00s 1 as a task of 8 GB" in let_go
    assert not any(
        "RUNS" in row or "next attempt" in row for row in rows_of(in_flight({"name": "load"}))
    )


def test_of_several_runs_in_flight_a_ripple_is_shown_where_it_is_at_work() -> None:
    held = in_flight({"name": "load", "task_mib": 8192})
    waits = {"name": "load", "status": "waiting", "attempt": 0, "since": None, "task_mib": 0}
    held["runs"].append(
        cast("Any", {"run": "sales@1/5", "f": at(1), "started": at(1), "ripples": [waits]})
    )
    assert "load running 1m 1m00s 1 as a task of 8 GB" in rows_of(held)


def test_a_version_that_waits_for_a_run_is_told_wherever_its_line_is() -> None:
    coming = {"version": "1.1.0", "waits_for": ["sales@1/4"]}
    held = in_flight({"name": "load"}, version="1.0.0", next=coming)
    assert line_words.doing(held, at(60)) == "load 1m00s · 1.1.0 waits for run sales@1/4"
    rows = rows_of(held)
    assert "sales@1 1.0.0 pond running" in rows
    assert (
        "deployed 1.1.0 waits for run sales@1/4, and what is asked for meanwhile waits with it"
        in rows
    )
    several = in_flight(
        {"name": "load"},
        version="1.1.0",
        next=coming | {"waits_for": ["sales@1/4", "sales@1/5", "sales@1/6"]},
    )
    assert (
        line_words.doing(several, at(60))
        == "load 1m00s · 1.1.0, deployed again, waits for run sales@1/4 and 2 more"
    )
    failure = {
        "run": "sales@1/4",
        "ripple": "load",
        "attempt": 1,
        "error": "ValueError",
        "message": "no rows",
    }
    failed = line("sales@1", status="failed", failure=failure, version="1.0.0", next=coming)
    assert (
        line_words.doing(failed, at(60))
        == "load: ValueError: no rows · 1.1.0 waits for run sales@1/4"
    )
    soon = line("sales@1", version="1.0.0", next={"version": "1.1.0", "waits_for": []})
    assert line_words.doing(soon, at(60)) == ""
    assert "deployed 1.1.0, which is about to be taken up" in rows_of(soon)
    assert not any(row.startswith("deployed") for row in rows_of(line("sales@1", next=None)))


def test_runs_show_an_error_column_only_where_something_failed() -> None:
    good = [cast("Any", run_row("sales@1/3"))]
    bad = [
        cast(
            "Any",
            run_row(
                "sales@1/4", status="failed", ripple="load", error="ValueError", message="no rows"
            ),
        )
    ]
    assert "ERROR" not in shown(run_table.run_table(good, at(60), narrow=True))
    assert "load: ValueError: no rows" in shown(
        run_table.run_table(good + bad, at(60), narrow=False)
    )


def test_what_is_down_says_how_it_goes_on() -> None:
    text = shown(
        board.overview(
            answer(line("sales@2", status="killed", reason="sales@2 was killed")),
            width=200,
            named=" -c dev",
        )
    )
    assert (
        "✗ sales@2 was killed\n  duckstring control wake sales -m 2 -c dev (or clear: it runs "
        "when it is wanted)" in text
    )
    failure = {
        "run": "sales@1/42",
        "ripple": "load",
        "attempt": 2,
        "error": "ValueError",
        "message": "no rows",
    }
    held = line("sales@1", status="failed", failure=failure)
    assert "where the fault lay outside: duckstring control wake sales -m 1 (or clear" in shown(
        pond_view.detail(answer(held), held, [])
    )


def test_an_operators_demand_is_told_in_a_word() -> None:
    assert (
        line_words.demand(line("a@1", demand=WANTS | {"pull": True, "woken": True, "forced": True}))
        == "pull+wake+force"
    )


def test_one_pond_closely_has_its_windows_and_for_how_long_its_demand_has_waited() -> None:
    span = {"start": at(3660), "end": at(7260)}
    window = {
        "name": "nightly",
        "start": at(-36_000),
        "every": 86_400.0,
        "duration": 3600.0,
        "on": [],
        "until": None,
        "open": None,
    }
    held = line(
        "sales@1",
        status="waiting",
        demand=WANTS | {"pull": True, "targets": [at(0), at(30)]},
        reason="waits for Window nightly, opens 2030-01-01 13:01 UTC (in 1h)",
        windows=[window | {"next": span, "carried_by": "schedule"}],
    )
    text = shown(pond_view.detail(answer(held), held, []))
    assert "pull+push x2, asked for 1m ago" in text
    assert "waits for Window nightly, opens 2030-01-01 13:01 UTC (in 1h)" in text
    assert (
        "nightly  no    2030-01-01 13:01:00Z (in 1h)  schedule    every 1d from 2030-01-01 02:00 "
        "UTC for 1h" in text
    )
    assert "waits for Window nightly" in shown(board.overview(answer(held), width=200))


def test_under_a_window_a_ripple_is_as_old_as_its_pond() -> None:
    ripples = [
        {"name": "load", "parents": [], "end_f": at(0), "status": "done"},
        {"name": "new", "parents": [], "end_f": "", "status": "idle"},
    ]
    held = line("sales@1", end_f=at(0), staleness_seconds=3660.0, ripples=ripples, tables=1, rows=1)
    rows = [row.split() for row in shown(pond_view.detail(answer(held), held, [])).splitlines()]
    assert ["load", "done", "1h01m"] in rows
    assert ["new", "idle", "never"] in rows
    assert ["tables", "1", "published,", "1", "row"] in rows


def test_no_line_of_a_table_ends_in_blanks_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    made = render.table("POND", "NOW")
    made.add_row("a", "")
    made.add_row("a longer name", "failed")
    render.out().print(made)
    told = capsys.readouterr().out.splitlines()
    assert told[2].split() == ["a", "longer", "name", "failed"]
    assert [row for row in told if row != row.rstrip()] == []


@pytest.mark.parametrize("width", [60, 80, 99, 120])
def test_long_names_and_demands_give_way_before_status_and_age(
    monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    screen = Console(width=width, force_terminal=True, color_system=None)
    monkeypatch.setattr(render, "out", lambda: screen)
    wants = {"pull": True, "targets": [at(1), at(2)], "woken": True, "forced": False}
    long = line(
        "a_pond_with_a_name_of_many_letters_at_most@1",
        status="undeployed",
        staleness_seconds=None,
        demand=wants,
    )
    seen = shown(
        board.overview(answer(long, line("b@1", staleness_seconds=7_200.0)), width=width), width
    )
    assert {"AGE", "never", "undeployed", "2h00m"} <= set(seen.split())


@pytest.mark.parametrize(
    ("reason", "shown_command"),
    [
        ("blocked by orders@0 (failed: no rows)", "duckstring status orders -m 0 -c dev"),
        ("blocked by a@1 (killed), b@2 (failed: x)", "duckstring status a -m 1 -c dev"),
        ("blocked by Evil`x`@1 (failed)", None),
    ],
)
def test_a_blocked_line_names_the_command_that_shows_its_root_cause(
    reason: str, shown_command: str | None
) -> None:
    held = line("reports@1", status="blocked", reason=reason)
    rows = shown(pond_view.detail(answer(held), held, [], named=" -c dev")).splitlines()
    assert [row.strip() for row in rows if "duckstring status" in row] == (
        [shown_command] if shown_command else []
    )


def test_a_bound_is_told_and_in_the_overview_only_where_it_has_passed() -> None:
    bound = {"words": "2h", "declared": True, "stale": None, "due": at(60)}
    in_time = line("a@1", bound=bound)
    assert line_words.too_old(in_time) == ""
    assert line_words.bound_in_words(in_time).startswith("2h (declared), in time until ")
    late = line("a@1", bound={**bound, "declared": False, "stale": at(0), "due": None})
    assert "stale: bound 2h" in line_words.doing(late, at(60))
    assert line_words.bound_in_words(late).startswith("2h (by its Tide), stale since ")
    assert line_words.bound_in_words(line("a@1", bound={**bound, "due": None})) == (
        "2h (declared), in time"
    )
    assert line_words.bound_in_words(line("a@1")) == ""


def test_a_bound_that_will_pass_is_told_with_the_pond_that_is_slow() -> None:
    late = {
        "at": at(60),
        "expected": at(120),
        "line": "delays@1",
        "because": "delays@1 takes 4m since 02:00, and took 1m before",
        "text": "It will pass its bound (2h) at 12:01 UTC, because delays@1 takes 4m.",
    }
    bound = {"words": "2h", "declared": True, "stale": None, "due": at(60)}
    held = line("a@1", status="waiting", bound={**bound, "late": late})
    assert line_words.too_old(held) == (
        f"will be stale (bound 2h) at {at(60)[11:16]}Z: delays@1 takes 4m"
    ), "the view of the Pond has the rest"
    assert line_words.too_old(held) in line_words.doing(held, at(0))
    detail = " ".join(shown(pond_view.detail(answer(held), held, [], named="")).split())
    assert "It will pass its bound (2h) at 12:01 UTC, because delays@1 takes 4m." in detail
    passed = line("a@1", bound={**bound, "stale": at(0), "late": late})
    assert line_words.too_old(passed) == "stale: bound 2h", "what has happened is not foretold"
