from __future__ import annotations

import io
from typing import Any, cast

import pytest
from rich.console import Console

from duckstring.model.values import replace
from duckstring_cli import live
from duckstring_cli.catchments import Catchment
from duckstring_cli.client import Client
from duckstring_cli.commands import trigger
from duckstring_cli.follow import Event, Follower, Goal
from tests.unit.cli.made_up import FLIGHTS, Act, Play, at, line_status, run_row, source

DEV = Catchment(name="dev", kind="local", stack="Duckstring-dev", region="us-east-1", port=1)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        assert self.now < 60, "the follower never ends"


def play(acts: list[Act], goal: Goal) -> tuple[str, Follower]:
    clock = Clock()
    client = Client(DEV, invoke=Play(acts, clock))
    before = client.status()
    return live.follow(client, goal, before, sleep=clock.sleep)


def test_a_pulse_is_followed_to_its_end_and_every_ripple_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    verdict, follower = play(FLIGHTS, Goal("reports@1", at(0), ""))
    told = capsys.readouterr().out.splitlines()
    assert verdict == "done"
    assert follower.took["delays@1/1"] == pytest.approx(
        {"clean": 1.2, "by_hour": 0.6, "by_route": 1.3}
    )
    assert told[0] == "+    0.4s  airlines                     started (airlines@1/1)"
    assert "+    5.9s  delays.by_route              done in 1.3s" in told
    assert told.index("+    4.5s  delays.clean                 done in 1.2s") < told.index(
        "+    4.6s  delays.by_hour               running"
    )
    assert told[-1] == "+    7.0s  reports                      done in 0.9s"
    ends = [line for line in told if " done in " in line]
    assert len(ends) == sum(len(act.ripples) for act in FLIGHTS) + len(FLIGHTS)


def test_piped_progress_has_no_escape_codes(capsys: pytest.CaptureFixture[str]) -> None:
    play(FLIGHTS, Goal("reports@1", at(0), ""))
    assert "\x1b" not in capsys.readouterr().out


def test_a_failure_upstream_ends_it_and_names_the_culprit(
    capsys: pytest.CaptureFixture[str],
) -> None:
    acts = [
        FLIGHTS[0],
        Act("delays@1", {"clean": (1.5, 2.5)}, ("airlines@1",), fails_in="clean"),
        Act("reports@1", {"sum": (9, 10)}, ("delays@1",)),
    ]
    verdict, follower = play(acts, Goal("reports@1", at(0), ""))
    assert verdict == "down"
    assert [line["line"] for line in follower.culprits] == ["delays@1"]
    assert (
        "delays.clean                 failed in 1.0s (ValueError: it broke)"
        in capsys.readouterr().out
    )


def test_only_what_the_goal_needs_is_followed(capsys: pytest.CaptureFixture[str]) -> None:
    play([*FLIGHTS, Act("elsewhere@1", {"load": (0, 50)})], Goal("delays@1", at(0), ""))
    told = capsys.readouterr().out
    assert "elsewhere" not in told
    assert "reports" not in told


def test_a_tap_is_done_when_its_line_moved_on_and_all_rests() -> None:
    verdict, follower = play(FLIGHTS, Goal("reports@1", None, ""))
    assert verdict == "done"
    assert not any(line["runs"] for line in follower.lines)


def test_an_endless_goal_is_never_reached() -> None:
    with pytest.raises(AssertionError, match="never ends"):
        play(
            [*FLIGHTS[:-1], replace(FLIGHTS[-1], wave=True)],
            Goal("reports@1", None, "", endless=True),
        )


def follower_of(goal: Goal, runs: dict[str, Any]) -> Follower:
    return Follower(goal, lambda run: cast("Any", {"run": runs[run], "attempts": []}))


def test_runs_that_came_and_went_between_two_looks_are_told_once() -> None:
    runs = {
        f"a@1/{n}": run_row(f"a@1/{n}", started=n, status="pass" if n == 3 else "success")
        for n in (1, 2, 3)
    }
    follower = follower_of(Goal("a@1", at(0), ""), runs)
    follower.begin(
        cast("Any", {"now": at(0), "lines": [line_status("a@1", last_run=runs["a@1/1"])]})
    )
    seen = cast(
        "Any", {"now": at(5), "lines": [line_status("a@1", last_run=runs["a@1/3"], end_f=at(0))]}
    )
    assert follower.observe(seen) == [
        Event(at(3), "a@1", "", "done", 1.0),
        Event(at(4), "a@1", "", "pass", 1.0),
    ]
    assert follower.observe(seen) == []
    assert follower.verdict() == "done"


def test_a_short_terminal_says_how_many_lines_it_does_not_show() -> None:
    follower = follower_of(Goal("p00@1", at(0), ""), {})
    sources = [source(f"p{n:02}@1") for n in range(1, 30)]
    lines = [line_status("p00@1", status="waiting", sources=sources)]
    lines += [
        line_status(
            f"p{n:02}@1", status="idle" if n < 6 else "waiting", end_f=at(0) if n < 6 else at(-1)
        )
        for n in range(1, 30)
    ]
    follower.begin(cast("Any", {"now": at(1), "lines": lines}))
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(live.progress(follower, height=14))
    told = console.export_text().splitlines()
    assert len(told) == 11
    assert told[-1] == "5 of 30 Ponds done; not shown: 15 more, 15 of them waiting"


def test_a_line_that_is_down_for_one_look_only_is_not_given_up() -> None:
    follower = follower_of(Goal("a@1", at(0), ""), {})
    down = cast("Any", {"now": at(1), "lines": [line_status("a@1", status="failed")]})
    follower.observe(down)
    assert follower.verdict() == "going"
    follower.observe(cast("Any", {"now": at(2), "lines": [line_status("a@1", status="running")]}))
    follower.observe(down)
    assert follower.verdict() == "going"
    follower.observe(down)
    assert follower.verdict() == "down"


NEXT = {"start": at(7200), "end": at(10_800)}
WINDOW = {
    "name": "nightly",
    "start": at(0),
    "every": 86_400.0,
    "duration": 3600.0,
    "on": [],
    "until": None,
    "open": None,
    "next": NEXT,
}


def under_a_window(
    why: str = "waits for Window nightly, opens 2030-01-01 14:00 UTC (in 2h)", **told: Any
) -> list[Any]:
    inlet = line_status(
        "sales@1", status="waiting", reason=why, windows=[WINDOW | {"carried_by": "schedule"}]
    )
    return [inlet, line_status("reports@1", sources=[source("sales@1")], **told)]


def observed(follower: Follower, lines: list[Any], now: float = 1) -> list[Event]:
    return follower.observe(cast("Any", {"now": at(now), "lines": lines}))


def test_who_waits_for_a_window_is_told_once_with_the_opening() -> None:
    follower = Follower(Goal("reports@1", at(0), ""), cast("Any", None))
    lines = under_a_window(status="waiting", reason="waits for sales@1")
    (event,) = observed(follower, lines)
    assert live.event_line(event, at(0)).endswith(
        "waiting (waits for Window nightly, opens 2030-01-01 14:00 UTC (in 2h))"
    )
    assert observed(follower, lines, now=2) == []
    assert follower.verdict() == "going", "a Pulse is not satisfied before it opens"


WAVE = Goal("reports@1", None, "", endless=True)
STANDS: dict[str, Any] = {"trigger": {"kind": "wave"}}


@pytest.mark.parametrize("goal", [Goal("reports@1", at(0), ""), Goal("reports@1", None, ""), WAVE])
def test_a_watch_of_what_can_never_arrive_ends_and_says_why(goal: Goal) -> None:
    follower = Follower(goal, cast("Any", None))
    middle = line_status("sales@1", status="waiting", sources=[source("gone@2", absent=True)])
    lines = [
        middle,
        line_status(
            "reports@1",
            status="waiting",
            reason="waits for sales@1",
            sources=[source("sales@1")],
            **STANDS,
        ),
    ]
    observed(follower, lines)
    assert follower.verdict() == "going", "one look may be a moment late"
    observed(follower, lines, now=2)
    assert follower.verdict() == "down"
    refusal = trigger._out_of_reach("reports@1", follower, "")
    assert refusal.message == "reports@1 cannot run: sales@1 needs gone@2, which is not deployed."
    assert refusal.hint


@pytest.mark.parametrize("goal", [Goal("reports@1", at(0), ""), WAVE])
def test_an_optional_source_that_is_not_deployed_stands_in_nobodys_way(goal: Goal) -> None:
    follower = Follower(goal, cast("Any", None))
    lines = [
        line_status(
            "reports@1",
            status="waiting",
            sources=[source("extra@1", absent=True, optional=True)],
            **STANDS,
        )
    ]
    for now in (1, 2, 3):
        observed(follower, lines, now=now)
    assert follower.verdict() == "going"


def test_a_wave_is_watched_through_a_failure_tried_again_and_not_beyond_one_that_is_not() -> None:
    follower = Follower(WAVE, cast("Any", None))
    reports = line_status(
        "reports@1", status="blocked", sources=[source("sales@1", down=True)], **STANDS
    )
    for now in (1, 2, 3):
        observed(
            follower,
            [line_status("sales@1", status="failed", failures=1, retry_at=at(60)), reports],
            now=now,
        )
    assert follower.verdict() == "going"
    spent = [line_status("sales@1", status="failed", failures=2), reports]
    for now in (4, 5):
        assert follower.verdict() == "going"
        observed(follower, spent, now=now)
    assert follower.verdict() == "down"
    assert [line["line"] for line in follower.culprits] == ["sales@1"]


def run_of(line: str, number: int) -> dict[str, Any]:
    return {"run": f"{line}/{number}", "f": at(0), "started": at(0), "ripples": []}


@pytest.mark.parametrize("goal", [Goal("reports@1", at(0), ""), WAVE])
def test_a_source_that_runs_for_ever_keeps_nobody_at_what_can_never_arrive(goal: Goal) -> None:
    follower = Follower(
        goal, cast("Any", lambda run: {"run": run_row(run, took=None), "attempts": []})
    )
    sources = [source("busy@1"), source("gone@1", absent=True)]
    for number in (1, 1, 2, 3):
        assert follower.verdict() == "going", "what was in flight is seen to its end"
        busy = line_status("busy@1", status="running", runs=[run_of("busy@1", number)])
        observed(
            follower, [busy, line_status("reports@1", status="waiting", sources=sources, **STANDS)]
        )
    assert follower.verdict() == "down"


WANTED = {"pull": False, "targets": [at(0)], "woken": False, "forced": False}


@pytest.mark.parametrize("goal", [Goal("reports@1", at(0), ""), WAVE])
def test_what_was_put_to_sleep_meanwhile_ends_the_watch_and_says_so(goal: Goal) -> None:
    follower = Follower(goal, cast("Any", None))
    reports = line_status(
        "reports@1", status="waiting", demand=WANTED, sources=[source("sales@1")], **STANDS
    )
    lines = [line_status("sales@1", asleep=True), reports]
    for _ in range(3):
        observed(follower, lines)
    assert follower.verdict() == "going", "what asks for it may be on its way"
    for _ in range(60):
        observed(follower, lines)
    assert follower.verdict() == "down"
    assert (
        trigger._out_of_reach("reports@1", follower, "").message
        == "reports@1 cannot run: sales@1 was put to sleep."
    )
    observed(follower, [line_status("sales@1"), reports])
    assert follower.verdict() == "going"


def test_a_source_that_is_asleep_and_not_needed_now_stands_in_nobodys_way() -> None:
    follower = Follower(WAVE, cast("Any", None))
    slept = line_status("sales@1", asleep=True, end_f=at(5))
    extra = line_status("extra@1", asleep=True)
    reads = [source("sales@1", end_f=at(5)), source("extra@1", optional=True)]
    for _ in range(60):
        observed(
            follower,
            [
                slept,
                extra,
                line_status("reports@1", end_f=at(5), start_f=at(5), sources=reads, **STANDS),
            ],
        )
        observed(
            follower,
            [
                slept,
                extra,
                line_status("reports@1", status="waiting", demand=WANTED, sources=reads, **STANDS),
            ],
        )
    assert follower.verdict() == "going"


def test_a_wave_that_somebody_removes_ends_its_watch() -> None:
    follower = Follower(WAVE, cast("Any", None))
    for _ in range(60):
        observed(follower, [line_status("reports@1")])
    assert follower.verdict() == "down"
    assert (
        trigger._out_of_reach("reports@1", follower, "").message
        == "reports@1 cannot run: the trigger of reports@1 was removed."
    )


@pytest.mark.parametrize("goal", [Goal("reports@1", at(0), ""), WAVE])
def test_a_line_that_is_removed_ends_its_watch(goal: Goal) -> None:
    follower = Follower(goal, cast("Any", None))
    for _ in range(2):
        observed(follower, [line_status("sales@1")])
    assert follower.verdict() == "down"
    assert (
        trigger._out_of_reach("reports@1", follower, "").message
        == "reports@1 cannot run: it is gone."
    )


def test_a_window_that_never_opens_again_ends_the_watch() -> None:
    follower = Follower(Goal("reports@1", at(0), ""), cast("Any", None))
    lines = under_a_window(status="waiting")
    lines[0]["windows"] = [WINDOW | {"carried_by": "schedule", "next": None, "until": at(-100)}]
    for now in (1, 2):
        observed(follower, lines, now=now)
    assert follower.verdict() == "down"
    assert (
        "no Window of sales@1 opens again"
        in trigger._out_of_reach("reports@1", follower, "").message
    )


def test_a_tap_does_not_watch_until_tomorrows_opening_for_what_it_only_prepares() -> None:
    follower = Follower(Goal("reports@1", None, at(-5)), cast("Any", None))
    observed(follower, under_a_window(end_f=at(-5)))
    assert follower.verdict() == "going", "it has not moved on"
    observed(follower, under_a_window(end_f=at(0), status="running"))
    assert follower.verdict() == "going"
    observed(follower, under_a_window(why="", end_f=at(0)))
    assert follower.verdict() == "going", "the Inlet is about to start"
    observed(follower, under_a_window(end_f=at(0), status="waiting", reason=""))
    assert follower.verdict() == "going", "reports is about to start"
    observed(follower, under_a_window(end_f=at(0)))
    assert follower.verdict() == "done"


def test_a_failure_that_is_tried_again_by_itself_is_waited_for_and_told_once() -> None:
    follower = Follower(Goal("reports@1", at(0), ""), cast("Any", None))
    reports = line_status("reports@1", status="blocked", sources=[source("sales@1", down=True)])
    lines = [line_status("sales@1", status="failed", failures=1, retry_at=at(60)), reports]
    (event,) = observed(follower, lines)
    assert live.event_line(event, at(0)).endswith("waiting (tried again at 2030-01-01 12:01:00Z)")
    assert [observed(follower, lines, now=2), observed(follower, lines, now=3)] == [[], []]
    assert follower.verdict() == "going"
    asked = {
        "demand": {"pull": False, "targets": [at(60)], "woken": False, "forced": False},
        "sources": [source("raw@1")],
    }
    tries = {"failures": 1, "budgets": {"immediate_retries": 0, "source_retries": 1}}
    (event,) = observed(
        follower, [line_status("sales@1", status="failed", **asked, **tries), reports], now=61
    )
    assert live.event_line(event, at(0)).endswith(
        "waiting (tried again when its Sources have newer)"
    )
    spent = [line_status("sales@1", status="failed", failures=2), reports]
    assert [observed(follower, spent, now=62), observed(follower, spent, now=63)] == [[], []]
    assert follower.verdict() == "down"


def test_an_optional_source_that_is_down_is_no_culprit() -> None:
    follower = Follower(Goal("reports@1", at(0), ""), cast("Any", None))
    sources = [source("extra@1", optional=True, down=True), source("sales@1", down=True)]
    observed(
        follower,
        [
            line_status("extra@1", status="killed"),
            line_status("sales@1", status="failed"),
            line_status("reports@1", sources=sources),
        ],
    )
    assert [line["line"] for line in follower.culprits] == ["sales@1"]


def at_work(**told: Any) -> Any:
    ripples = [
        {"name": "load", "status": "running", "attempt": 2, "since": at(0), "task_mib": 8192}
    ]
    runs = [{"run": "sales@1/4", "f": at(0), "started": at(0), "ripples": ripples}]
    return line_status("sales@1", status="running", runs=runs, **told)


def test_what_begins_as_a_task_is_told_as_such() -> None:
    follower = Follower(
        Goal("sales@1", at(0), ""),
        cast("Any", lambda _: {"run": run_row("sales@1/4", took=None), "attempts": []}),
    )
    events = observed(follower, [at_work()])
    assert [event.detail for event in events if event.ripple == "load"] == [
        "attempt 2, started as a task of 8 GB"
    ]
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(live.progress(follower, height=14))
    assert "● load 1.0s, started as a task of 8 GB" in console.export_text()


def test_a_version_that_holds_demand_back_is_told_once() -> None:
    follower = Follower(
        Goal("sales@1", at(0), ""),
        cast("Any", lambda _: {"run": run_row("sales@1/4", took=None), "attempts": []}),
    )
    lines = [at_work(next={"version": "1.1.0", "waits_for": ["sales@1/4"]})]
    told = [
        live.event_line(event, at(0))
        for event in observed(follower, lines)
        if event.what == "waiting"
    ]
    assert told == [
        "+    1.0s  sales                        waiting (1.1.0 waits for run sales@1/4)"
    ]
    assert observed(follower, lines, now=2) == []
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(live.progress(follower, height=14))
    assert "1.1.0 waits for run sales@1/4" in console.export_text()
