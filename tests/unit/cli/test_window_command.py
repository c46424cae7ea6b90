"""`duckstring trigger window`: rules as they are typed, and as they are shown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.unit.cli.commands_kit import Bench
from tests.unit.cli.made_up import at

WINDOW = {
    "name": "nightly",
    "start": at(-36_000),
    "every": 86_400.0,
    "duration": 10_800.0,
    "on": ["MON", "WED"],
    "until": None,
    "open": None,
    "next": {"start": at(50_400), "end": at(61_200)},
    "carried_by": "schedule",
}


def windows(
    *told: Mapping[str, Any], ahead: str | None = None, applied: bool = True
) -> dict[str, Any]:
    return {
        "window": {
            "line": "sales@1",
            "now": at(0),
            "windows": list(told),
            "ahead": ahead,
            "applied": applied,
        }
    }


def test_a_window_is_added_with_what_was_typed(bench: Bench) -> None:
    bench.answers(windows(WINDOW))
    words = [
        "--name",
        "nightly",
        "--every",
        "1d",
        "--start",
        "2030-01-01T02:00",
        "--duration",
        "3h",
        "--on",
        "mon,WED",
        "--on",
        "fri",
        "--until",
        "2031-01-01",
        "-m",
        "1",
    ]
    code, out, err = bench.run("trigger", "window", "sales", "add", *words)
    assert (code, err) == (0, "")
    assert out == (
        "sales@1: Window nightly, every 1d from 2030-01-01 02:00 UTC for 3h, on MON, WED\n"
        "  opens 2030-01-02 02:00:00Z (in 14h)\n"
    )
    rule = {
        "name": "nightly",
        "start": "2030-01-01T02:00:00.000000Z",
        "every": 86_400.0,
        "duration": 10_800.0,
    }
    rule |= {"on": ["MON", "WED", "FRI"], "until": "2031-01-01T00:00:00.000000Z"}
    assert bench.asked == [
        {"op": "window", "pond": "sales", "major": 1, "action": "add", "window": rule}
    ]


def test_a_window_without_more_words_begins_today_and_is_always_open(bench: Bench) -> None:
    bench.answers(windows(WINDOW | {"name": "w", "open": {"start": at(-60), "end": at(7260)}}))
    _, out, _ = bench.run("trigger", "window", "sales", "add", "--name", "w", "--every", "1d")
    rule = bench.asked[0]["window"]
    assert isinstance(rule, dict)
    assert (rule["start"][10:], rule["duration"], rule["on"], rule["until"]) == (
        "T00:00:00.000000Z",
        86_400.0,
        [],
        None,
    )
    assert "open now, until 2030-01-01 14:01:00Z (for 2h01m)" in out


@pytest.mark.parametrize(
    ("told", "note"),
    [
        ({"duration": 30.0}, "It may be closed before its schedule fires"),
        ({"carried_by": "alarm"}, "No schedule carries it"),
        ({}, ""),
    ],
)
def test_what_the_clock_cannot_do_is_said(bench: Bench, told: dict[str, Any], note: str) -> None:
    bench.answers(windows(WINDOW | told))
    _, _, err = bench.run("trigger", "window", "sales", "add", "--name", "nightly", "--every", "1d")
    assert (note in err) if note else err == ""


def test_windows_are_listed_as_a_table_and_as_json(bench: Bench) -> None:
    bench.answers(
        windows(
            WINDOW,
            WINDOW
            | {
                "name": "noon",
                "open": {"start": at(0), "end": at(60)},
                "next": None,
                "carried_by": "alarm",
            },
        )
    )
    code, out, _ = bench.run("trigger", "window", "sales", "list")
    assert code == 0
    assert out.split()[:6] == ["WINDOW", "OPEN", "OPENS", "NEXT", "CARRIED", "BY"]
    rules, _, coming = out.partition("\n\n")
    rows = {line.split()[0]: line for line in rules.splitlines()}
    # A Catchment of an older version tells the next opening alone.
    assert [line.split() for line in coming.splitlines()] == [
        ["NEXT", "IN", "FOR", "WINDOW"],
        ["2030-01-02", "02:00:00Z", "14h", "3h", "nightly"],
    ]
    assert "2030-01-02 02:00:00Z (in 14h)" in rows["nightly"]
    assert "schedule" in rows["nightly"]
    assert (
        rows["nightly"].rstrip().endswith("every 1d from 2030-01-01 02:00 UTC for 3h, on MON, WED")
    )
    assert "for 1m00s" in rows["noon"]
    assert "never" in rows["noon"]
    assert json.loads(bench.run("trigger", "window", "sales", "list", "--json")[1])[0] == WINDOW
    bench.answers(windows())
    assert (
        bench.run("trigger", "window", "sales", "list")[1]
        == "sales@1 has no Window: nothing keeps it from running.\n"
    )


@pytest.mark.parametrize(
    "words", [["nightly"], ["--name", "nightly"], ["nightly", "--name", "nightly"]]
)
def test_a_window_is_removed_by_its_name(bench: Bench, words: list[str]) -> None:
    bench.answers(windows(WINDOW | {"name": "noon"}))
    assert bench.run("trigger", "window", "sales", "remove", *words) == (
        0,
        "sales@1: Window nightly removed; it still has noon\n",
        "",
    )
    assert bench.asked == [{"op": "window", "pond": "sales", "action": "remove", "name": "nightly"}]


def test_a_line_that_has_not_heard_yet_is_no_success_told(bench: Bench) -> None:
    bench.answers(windows(applied=False))
    for words in (["add", "--name", "nightly", "--every", "1d"], ["remove", "nightly"]):
        code, out, err = bench.run("trigger", "window", "sales", *words, "-c", "dev")
        assert (code, out) == (0, "")
        assert (
            "warning: sales@1 has not received it within 10 s, but it will. See: duckstring "
            "trigger window sales list -m 1 -c dev" in err
        )


def test_a_rule_that_the_catchment_refuses_or_that_is_missing_is_misuse(
    bench: Bench,
) -> None:
    overlap = {
        "type": "WindowError",
        "message": "Windows a and b of sales@1 would overlap: ...",
        "hint": "Change b.",
    }
    bench.answers({"window": {"ok": False, "error": overlap}})
    assert bench.run("trigger", "window", "sales", "add", "--name", "b", "--every", "1d")[0] == 2
    bench.answers({"window": {"ok": False, "error": overlap | {"type": "WindowNotFoundError"}}})
    assert bench.run("trigger", "window", "sales", "remove", "b")[0] == 2


def test_a_tide_below_a_minute_says_what_the_clock_allows(bench: Bench) -> None:
    bench.answers({"trigger": {"line": "sales@1", "epoch": at(0)}})
    assert "kept as well as that allows" in bench.run("trigger", "tide", "sales", "59s")[2]
    assert "kept as well as that allows" not in bench.run("trigger", "tide", "sales", "1m")[2]


def test_all_that_is_wrong_with_a_rule_is_told_at_once(bench: Bench) -> None:
    words = [
        "--name",
        "N",
        "--every",
        "1x",
        "--start",
        "banana",
        "--duration",
        "2y",
        "--on",
        "MON,FOO",
        "--until",
        "never",
    ]
    code, _, err = bench.run("trigger", "window", "sales", "add", *words)
    assert code == 2
    assert [
        line.partition(": ")[2].split(";")[0]
        for line in err.splitlines()
        if line.startswith("error")
    ] == [
        "--every: '1x' is not a duration.",
        "--start: 'banana' is not a point in time.",
        "--duration: '2y' is not a duration.",
        "--until: 'never' is not a point in time.",
        "name is 'N'",
        "'FOO' in on is not a weekday",
    ]
    assert bench.asked == []
    assert (
        "longer than"
        not in bench.run(
            "trigger", "window", "sales", "add", "--name", "n", "--every", "1x", "--duration", "2d"
        )[2]
    )


def test_a_freshness_ahead_of_every_rule_is_warned_of(bench: Bench) -> None:
    opened = WINDOW | {"open": {"start": at(-60), "end": at(60)}}
    words = {"add": ("add", "--name", "nightly", "--every", "1d"), "remove": ("remove", "other")}
    for action, told, ahead, warned in (
        ("add", [opened], at(3600), True),
        ("add", [opened], at(60.000001), False),
        ("add", [WINDOW], None, False),
        ("remove", [], at(3600), True),
        ("remove", [opened], at(60), False),
    ):
        bench.answers(windows(*told, ahead=ahead))
        code, _, err = bench.run("trigger", "window", "sales", *words[action])
        assert (code, "warning: sales@1 counts as fresh as of 2030-01-01 13:00:00Z" in err) == (
            0,
            warned,
        )


def test_a_window_on_no_day_at_all_is_a_mistake(bench: Bench) -> None:
    for texts in (["--on", ""], ["--on", "MON", "--on", ","]):
        code, _, err = bench.run(
            "trigger", "window", "sales", "add", "--name", "w", "--every", "1d", *texts
        )
        assert (code, err) == (
            2,
            (
                "error: --on names no day.\nhint: For example: --on MON,WED; every day where it is "
                "left out.\n"
            ),
        )
    assert bench.asked == []


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        (
            "--cron|0  6 L * *|--tz|Europe/Berlin|--start|2030-01-01|--duration|3h",
            {
                "cron": "0 6 L * *",
                "tz": "Europe/Berlin",
                "start": "2030-01-01T00:00:00",
                "every": None,
                "duration": 10_800.0,
            },
        ),
        (
            "--every|1d|--tz|Europe/Berlin|--start|2030-01-01T02:00|--until|2031-01-01T00:00Z",
            {
                "tz": "Europe/Berlin",
                "start": "2030-01-01T02:00:00",
                "until": "2031-01-01T00:00:00.000000Z",
                "every": 86_400.0,
                "duration": None,
            },
        ),
        (
            "--every|6h|--tz|UTC|--start|2030-01-01",
            {"tz": "UTC", "start": "2030-01-01T00:00:00.000000Z", "duration": 21_600.0},
        ),
    ],
)
def test_times_of_a_zone_are_sent_as_its_clock_shows_them(
    bench: Bench, words: str, rule: dict[str, Any]
) -> None:
    bench.answers(windows(WINDOW))
    code, _, _ = bench.run(
        "trigger", "window", "sales", "add", "--name", "nightly", *words.split("|")
    )
    assert code == 0
    sent = bench.asked[0]["window"]
    assert isinstance(sent, dict)
    assert {key: sent[key] for key in rule} == rule


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("", "error: Give a rule --every or --cron: one of them."),
        ("--every|1d|--cron|0 6 1 * *", "error: Give a rule --every or --cron: one of them."),
        ("--every|1d|--tz|Berlin", "error: --tz is 'Berlin'; allowed: a name of the IANA list"),
        ("--every|1d|--tz|../../etc/passwd", "error: --tz is '../../etc/passwd'; allowed"),
        ("--cron|0 6 1 * *|--start|25:00", "error: --start: '25:00' is not a point in time."),
    ],
)
def test_a_calendar_rule_that_cannot_be_typed_so_is_refused_before_anybody_is_asked(
    bench: Bench, words: str, says: str
) -> None:
    typed = [word for word in words.split("|") if word]
    code, out, err = bench.run("trigger", "window", "sales", "add", "--name", "w", *typed)
    assert (code, out, bench.asked) == (2, "", [])
    assert says in err


def test_the_next_five_openings_of_all_rules_are_shown_by_the_clocks_of_their_zones(
    bench: Bench,
) -> None:
    def opening(hours: int, local: str | None = None) -> dict[str, Any]:
        return {"start": at(hours * 3600), "end": at(hours * 3600 + 600), "local": local}

    words = "0 6 L * * Europe/Berlin (at 06:00 on the last day of every month) for 10m"
    monthly = WINDOW | {
        "name": "monthly",
        "words": words,
        "tz": "Europe/Berlin",
        "cron": "0 6 L * *",
    }
    monthly["upcoming"] = [
        opening(3, "2030-01-01T16:00:00+01:00"), opening(30, "2030-01-02T19:00:00+01:00")
    ]  # fmt: skip
    plain = WINDOW | {"name": "plain", "upcoming": [opening(hours) for hours in (1, 2, 4, 5)]}
    bench.answers(windows(monthly, plain))
    _, out, _ = bench.run("trigger", "window", "sales", "list")
    rules, _, coming = out.partition("\n\n")
    assert words in " ".join(rules.split())
    _, added, _ = bench.run(
        "trigger", "window", "sales", "add", "--name", "monthly", "--every", "1d"
    )
    assert "opens 2030-01-02 02:00:00Z, Tue 16:00 +01:00 (in 14h)" in added
    rows = [line.split() for line in coming.splitlines()]
    assert [row[-1] for row in rows] == ["WINDOW", "plain", "plain", "monthly", "plain", "plain"]
    assert rows[3][2:] == ["3h", "10m00s", "Tue", "16:00", "+01:00", "monthly"]


def test_why_no_schedule_carries_a_calendar_rule_is_said(bench: Bench) -> None:
    bench.answers(windows(WINDOW | {"carried_by": "alarm", "cron": "0 6 * * 5L", "duration": 0.0}))
    words = ["--name", "nightly", "--cron", "0 6 * * 5L"]
    _, _, err = bench.run("trigger", "window", "sales", "add", *words)
    assert "No schedule carries it: EventBridge Scheduler has no words for it." in err
