"""`duckstring simulate`: forecasts by the engine, of a folder's Ponds and of a Catchment's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from duckstring.errors import OperatorError
from duckstring.model.names import Line
from duckstring.model.windows import Window
from duckstring.testing.simulator import chain_of, pond, seconds
from duckstring_cli import forecast
from duckstring_cli.commands.simulate import _window
from duckstring_cli.forecast import LETTER, MOST_LETTERS, Forecast, Plan, PondForecast, Trigger
from tests.unit.cli import made_up
from tests.unit.cli.commands_kit import Bench, project

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
TWO_SOURCES = (
    pond("products@1"),
    pond("transactions@1"),
    pond("sales@1", "products@1", "transactions@1", ripples=chain_of("join", "sum")),
    pond("reports@1", "sales@1"),
)


def made(*releases: Any, **words: Any) -> Forecast:
    return forecast.forecast(Plan({one.line: one for one in releases}, start=NOON, **words))


def of(found: Forecast, line: str) -> PondForecast:
    return next(one for one in found.ponds if one.line == line)


def asked(kind: Any, line: str, bound: timedelta | None = None) -> list[Trigger]:
    return [Trigger(Line(line), kind, bound)]


def test_a_pulse_runs_each_pond_once_in_the_order_of_the_graph():
    found = made(*TWO_SOURCES, triggers=asked("pulse", "reports@1"))

    assert [run.line for run in found.runs] == [
        "products@1",
        "transactions@1",
        "sales@1",
        "reports@1",
    ]
    assert {run.status for run in found.runs} == {"success"}
    ended = {run.line: run.ended for run in found.runs}
    assert all(
        run.began >= (ended["sales@1"] or timedelta())
        for run in found.runs
        if run.line == "reports@1"
    )
    assert of(found, "sales@1").takes == pytest.approx(seconds(2), abs=LETTER * 4)
    assert not found.cut
    assert of(found, "reports@1").oldest is None  # nothing keeps it fresh


def test_a_wave_runs_as_often_as_its_slowest_ripple_allows():
    takes = {(Line("transactions@1"), "run"): seconds(30)}
    found = made(*TWO_SOURCES, triggers=asked("wave", "reports@1"), takes=takes)

    assert of(found, "reports@1").every == pytest.approx(seconds(30), abs=LETTER * 6)
    assert of(found, "reports@1").runs >= forecast.ENOUGH
    # From a Source's start to the end of the next report: two periods, and what lies between.
    oldest = of(found, "reports@1").oldest
    assert oldest is not None
    assert seconds(60) < oldest < seconds(70)


def test_a_tide_keeps_its_bound_and_says_how_often_it_runs():
    day = timedelta(days=1)
    found = made(*TWO_SOURCES, triggers=asked("tide", "reports@1", day), length=10 * day)

    report = of(found, "reports@1")
    assert report.oldest is not None
    assert report.oldest <= day + seconds(10)
    assert 9 <= report.runs <= 12
    assert found.length == 10 * day


def test_a_window_holds_its_inlet_back_until_it_opens():
    night = Window("night", NOON + timedelta(hours=2), timedelta(days=1), timedelta(hours=1))
    found = made(
        *TWO_SOURCES,
        triggers=asked("pulse", "reports@1"),
        windows={Line("products@1"): [night]},
        length=timedelta(hours=1),
    )

    assert of(found, "products@1").runs == of(found, "reports@1").runs == 0
    assert of(found, "products@1").why == "waits for its Window, 2030-01-01 14:00 UTC"
    later = made(
        *TWO_SOURCES,
        triggers=asked("pulse", "reports@1"),
        windows={Line("products@1"): [night]},
    )
    assert of(later, "reports@1").runs == 1
    first = next(run for run in later.runs if run.line == "products@1")
    assert timedelta(hours=2) <= first.began < timedelta(hours=2, seconds=10)


def test_a_failure_costs_a_retry_and_what_has_none_blocks_its_sinks():
    once = {(Line("sales@1"), "join"): 1}
    found = made(*TWO_SOURCES, triggers=asked("pulse", "reports@1"), fails=once)

    assert of(found, "sales@1").failed == 1
    assert of(found, "sales@1").why == "failed: join has no retry left"
    assert of(found, "reports@1").runs == 0
    assert "sales" in of(found, "reports@1").why

    patient = pond(
        "sales@1",
        "products@1",
        "transactions@1",
        ripples=chain_of("join", "sum"),
        immediate_retries=1,
    )
    again = made(
        *TWO_SOURCES[:2], patient, TWO_SOURCES[3], triggers=asked("pulse", "reports@1"), fails=once
    )
    assert (of(again, "sales@1").failed, of(again, "reports@1").runs) == (0, 1)


def test_a_simulation_ends_when_nothing_more_happens():
    found = made(
        *TWO_SOURCES,
        triggers=asked("pulse", "reports@1"),
        fails={(Line("sales@1"), "join"): None},
    )

    assert of(found, "reports@1").runs == 0
    assert found.length < timedelta(minutes=2)


def test_a_source_that_is_not_there_is_named():
    found = made(*TWO_SOURCES[1:], triggers=asked("pulse", "reports@1"))

    assert of(found, "products@1").why == "not deployed, nor in this folder"
    assert of(found, "reports@1").why == "waits for products@1, which is not here"
    assert of(found, "reports@1").runs == 0


def test_what_nobody_asks_for_says_so():
    found = made(*TWO_SOURCES, triggers=asked("pulse", "products@1"))

    assert [run.line for run in found.runs] == ["products@1"]
    assert of(found, "reports@1").why == "nothing asks for it"


def test_a_graph_that_could_not_be_deployed_is_refused():
    with pytest.raises(OperatorError, match="cycle"):
        made(pond("a@1", "b@1"), pond("b@1", "a@1"), triggers=asked("tap", "a@1"))


def test_a_simulation_that_grows_too_long_ends_with_what_it_has(monkeypatch):
    monkeypatch.setattr(forecast, "MOST_LETTERS", 200)
    found = made(*TWO_SOURCES, triggers=asked("wave", "reports@1"), length=timedelta(days=30))

    assert found.cut
    assert found.length < timedelta(days=30)
    assert of(found, "reports@1").runs > 3
    assert MOST_LETTERS > 200


# the command


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    project(tmp_path, "sales", more='type = "inlet"\n')
    project(tmp_path, "reports", more='[sources]\nsales = "1.0.0"\n')
    return tmp_path


def test_the_ponds_of_a_folder_are_simulated(bench: Bench, shop: Path):
    code, out, err = bench.run("simulate", str(shop), "--wave", "reports", "--takes", "sales=30s")

    assert code == 0, err
    rows = [line.split() for line in out.splitlines()]
    assert rows[0] == ["POND", "RUNS", "EVERY", "TAKES", "OLDEST"]
    assert [row[0] for row in rows[1:3]] == ["sales@1", "reports@1"]
    assert rows[2][2] == "30s"
    assert "--runs" in err
    assert bench.asked == []


def test_its_json_has_every_run(bench: Bench, shop: Path):
    code, out, _ = bench.run("simulate", str(shop), "--pulse", "reports", "--json")

    answer = json.loads(out)
    assert code == 0
    assert [run["run"] for run in answer["runs"]] == ["sales@1/1", "reports@1/1"]
    assert answer["runs"][0]["ended"] <= answer["runs"][1]["began"]
    assert answer["complete"] is True


def status(request: Mapping[str, object]) -> Mapping[str, Any]:
    load = {"name": "load", "parents": [], "end_f": made_up.at(0), "status": "idle"}
    lines = [
        made_up.line_status("sales@1", kind="inlet", ripples=[load]),
        made_up.line_status(
            "reports@1",
            ripples=[load],
            sources=[made_up.source("sales@1")],
            trigger={"kind": "tide", "bound": 3600.0},
        ),
    ]
    answers: dict[str, Any] = {
        "status": {"now": made_up.at(0), "lines": lines},
        "runs": {"runs": [made_up.run_row(f"{request.get('pond')}@1/7")]},
        "run": {"attempts": [made_up.attempt_row(str(request.get("run")), "load", took=90)]},
    }
    return {"ok": True, "result": answers[str(request["op"])]}


def test_a_catchments_triggers_and_durations_are_taken_from_it(bench: Bench):
    bench.answers(status)

    code, out, err = bench.run("simulate", "--deployed", "--for", "1d", "--json")

    answer = {pond["line"]: pond for pond in json.loads(out)["ponds"]}
    assert code == 0, err
    assert answer["sales@1"]["takes"] == pytest.approx(90, abs=1)
    assert answer["reports@1"]["every"] == pytest.approx(3600 - 180, abs=400)
    # As docs/engine.md says: the bound, and once the time that it takes to run both.
    assert answer["reports@1"]["oldest"] <= 3600 + 180 + 5


def test_a_folders_ponds_stand_in_the_place_of_the_deployed_ones(bench: Bench, tmp_path: Path):
    bench.answers(status)
    project(tmp_path, "extra", more='[sources]\nreports = "1.0.0"\n')

    code, out, err = bench.run(
        "simulate", str(tmp_path), "--deployed", "--pulse", "extra", "--json"
    )

    assert code == 0, err
    assert [run["run"] for run in json.loads(out)["runs"]] == [
        "sales@1/1",
        "reports@1/1",
        "extra@1/1",
    ]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--wave", "report"], "--wave: No Pond 'report' here; the nearest: reports."),
        (["--wave", "reports@x"], "--wave: 'reports@x' is no line of a Pond."),
        (["--wave", "reports@2"], "--wave: No Pond 'reports@2' here; the nearest: reports@1."),
        (["--tide", "reports"], "--tide: 'reports' has not both sides of a =."),
        (["--tide", "reports=soon"], "--tide: 'soon' is not a duration."),
        (
            ["--wave", "reports", "--takes", "sales.lod=3s"],
            "--takes: sales@1 has no Ripple 'lod'; it has load.",
        ),
        (["--wave", "reports", "--fails", "sales.load=-1"], "--fails: '-1' is no number"),
        (["--wave", "reports", "--for", "0s"], "--for: '0s' is out of range"),
        (
            ["--wave", "reports", "--window", "sales=1d,02:00,3h,MON"],
            "--window: '1d,02:00,3h,MON' has 4 parts; allowed: PERIOD,START,LENGTH,ZONE.",
        ),
        (["--wave", "reports", "--window", "sales=1h,02:00,2h"], "--window: duration is 2h"),
        (
            ["--wave", "reports", "--window", "sales=1d,02:00,3h,UTC+2"],
            "--window: tz is 'UTC+2'",
        ),
        (
            ["--wave", "reports", "--window", "sales=0 6 * * *,3h,UTC+2"],
            "--window: tz is 'UTC+2'",
        ),
        (
            ["--wave", "reports", "--window", "sales=1d,02:00,3h", "--window", "sales=1d,04:00,3h"],
            "--window: '1d,04:00,3h' overlaps another Window of sales",
        ),
        (
            ["--wave", "reports", "--window", "sales=0 6 30 2 *,2h"],
            "--window: cron is '0 6 30 2 *'",
        ),
        (
            ["--wave", "reports", "--window", "sales=0 6 * * MON,Moon"],
            "--window: cron has 'MON,Moon'",
        ),
        (
            ["--wave", "reports", "--window", "sales=1h,,1h,Asia/Tokyo"],
            "--window: '' is not a point",
        ),
        (
            ["--wave", "reports", "--window", "sales=1h,02:00,1h,Asia/Tokyo"],
            "--window: every is 1h in tz Asia/Tokyo; allowed: whole days.",
        ),
    ],
)
def test_what_cannot_be_simulated_is_refused_in_a_line(bench: Bench, options: list[str], says: str):
    bench.answers(status)

    code, out, err = bench.run("simulate", "--deployed", *options)

    faults = [line for line in err.splitlines() if line.startswith("error: ")]
    assert (code, out, len(faults)) == (2, "", 1)
    assert faults[0].startswith(f"error: {says}")


@pytest.mark.parametrize(
    ("text", "cron", "duration", "tz"),
    [
        ("0 6 L * *,3h,Europe/Berlin", "0 6 L * *", 3, "Europe/Berlin"),
        ("0 6,18 * * MON,WED,2h", "0 6,18 * * MON,WED", 2, ""),
        ("0 6 * * 1,5L", "0 6 * * 1,5L", 0, ""),
        ("0 6 * * MON,FRI,Asia/Tokyo", "0 6 * * MON,FRI", 0, "Asia/Tokyo"),
        ("0  6 1 * *, 90m , UTC", "0 6 1 * *", 1.5, ""),
        ("1d,02:00,3h,Europe/Berlin", "", 3, "Europe/Berlin"),
        ("1d,02:00,3h", "", 3, ""),
    ],
)
def test_a_windows_rule_may_be_cron_fields_and_have_a_zone(text, cron, duration, tz):
    rule = _window(text, "rule1")
    assert (rule.cron, rule.duration, rule.tz) == (cron, timedelta(hours=duration), tz)


def test_without_a_trigger_there_is_nothing_to_simulate(bench: Bench, shop: Path):
    code, out, err = bench.run("simulate", str(shop))

    assert (code, out) == (2, "")
    assert "error: Nothing asks for anything: no trigger is given." in err
    assert "hint: For example: duckstring simulate --wave reports" in err


def test_a_line_has_one_standing_trigger(bench: Bench):
    bench.answers(status)

    code, _, err = bench.run(
        "simulate", "--deployed", "--wave", "reports", "--tide", "reports=1h", "--pulse", "reports"
    )

    assert code == 2
    assert err.count("error: ") == 1
    assert "error: reports@1 has one Wave or Tide; give one of them." in err


def test_all_faults_of_the_options_are_told_at_once(bench: Bench):
    bench.answers(status)

    code, _, err = bench.run("simulate", "--deployed", "--wave", "a", "--tap", "b", "--for", "c")

    assert code == 2
    assert err.count("error: --") == 3


def test_what_would_fail_at_a_deploy_is_told_for_all_ponds_at_once(bench: Bench, shop: Path):
    (shop / "sales" / "src" / "pond.py").write_text("import nothing_of_this_name\n")
    (shop / "reports" / "pond.toml").write_text('[pond]\nname = "reports"\nversion = "x"\n')

    code, out, err = bench.run("simulate", str(shop), "--wave", "reports")

    faults = [line for line in err.splitlines() if line.startswith("error: ")]
    assert (code, out, len(faults)) == (2, "", 2)
    assert "version" in faults[0]
    assert "nothing_of_this_name" in faults[1]
    assert f"hint: See all of it: duckstring pond check {shop}" in err
