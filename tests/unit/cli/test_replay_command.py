"""``duckstring replay``: what is asked, and how the steps are shown, one by one or all."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from duckstring.model.answers.replay import ReplayAnswer, ReplayStep
from duckstring.model.instants import from_text
from duckstring_cli import render, replaying
from duckstring_cli.screens import Harmless
from tests.unit.cli.commands_kit import Bench

NOON = "2030-01-01T12:00:00.000000Z"


def step(number: int, **more: Any) -> ReplayStep:
    made = {
        "revision": 40 + number, "at": f"2030-01-01T10:4{number}:01.234567Z", "status": "failed",
        "letters": [{"kind": "source_told", "sender": "sales@1", "text": f"It reports {number}."}],
        "changes": [{"what": "status", "before": "running", "after": "failed"}],
        "effects": [{"kind": "tell_sinks", "text": "Tell the Sinks: down."}],
        "gap": None,
    }  # fmt: skip
    return cast("ReplayStep", {**made, **more})


def answered(*steps: ReplayStep, after: str | None = None) -> ReplayAnswer:
    return {
        "line": "reports@1", "now": NOON, "since": "2030-01-01T10:40:00.000000Z",
        "until": "2030-01-01T10:50:00.000000Z", "steps": list(steps), "next": after,
    }  # fmt: skip


STEPS = [step(number) for number in (1, 2, 3)]


class Typed:
    """What somebody types at each stop."""

    def __init__(self, *words: str) -> None:
        self.words, self.asked = iter(words), 0

    def __call__(self, keys: str) -> str:
        self.asked += 1
        return next(self.words)


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Harmless:
    console = Harmless(width=80, record=True, file=io.StringIO(), highlight=False)
    monkeypatch.setattr(render, "out", lambda: console)
    return console


def numbers(console: Harmless) -> list[str]:
    return re.findall(r"It reports (\d)", console.export_text())


def test_a_step_says_when_who_what_and_what_followed(screen: Harmless) -> None:
    replaying.step_through(iter([answered(STEPS[0])]), stops=False)
    assert [line.rstrip() for line in screen.export_text().splitlines()] == [
        "reports@1  from 2030-01-01 10:40:00Z to 2030-01-01 10:50:00Z",
        "",
        "1. 2030-01-01 10:41:01.234Z  failed  revision 41",
        "  sales@1: It reports 1.",
        "  changed",
        "    status  running → failed",
        "  did",
        "    Tell the Sinks: down.",
    ]


def test_enter_goes_on_p_goes_back_a_shows_the_rest_and_q_ends(screen: Harmless) -> None:
    replaying.step_through(iter([answered(*STEPS)]), stops=True, ask=Typed("", "p", "p", "n", "q"))
    assert numbers(screen) == ["1", "2", "1", "1", "2"]
    typed = Typed("a")
    replaying.step_through(iter([answered(*STEPS)]), stops=True, ask=typed)
    assert (numbers(screen), typed.asked) == (["1", "2", "3"], 1)


def test_after_the_last_step_nobody_is_asked(screen: Harmless) -> None:
    typed = Typed("", "")
    replaying.step_through(iter([answered(*STEPS)]), stops=True, ask=typed)
    assert typed.asked == 2
    assert "That was the last step." in screen.export_text()


def test_more_steps_are_fetched_when_they_are_needed(screen: Harmless) -> None:
    fetched = []

    def answers() -> Iterator[ReplayAnswer]:
        for one in STEPS:
            fetched.append(one["revision"])
            yield answered(one)

    replaying.step_through(answers(), stops=True, ask=Typed("q"))
    assert fetched == [41, 42]


def test_the_end_of_the_input_ends_it(
    screen: Harmless, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("N\n"))
    replaying.step_through(iter([answered(*STEPS)]), stops=True)
    assert numbers(screen) == ["1", "2"]
    assert "Enter: next step" in capsys.readouterr().out


def test_what_is_not_kept_what_had_no_effect_and_no_letters_are_said(screen: Harmless) -> None:
    gap = step(1, letters=[], changes=[], effects=[], gap="What came before is not kept.")
    quiet = step(2, changes=[], effects=[])
    new = {"what": "asleep", "before": "", "after": "yes"}
    old = {"what": "woken", "before": "yes", "after": ""}
    told = step(3, changes=[new, old], effects=[])
    replaying.step_through(iter([answered(gap, quiet, told)]), stops=False)
    text = screen.export_text()
    assert "  What came before is not kept." in text
    assert "  Nothing followed from that." in text
    assert re.search(r"asleep +yes\n", text)
    assert re.search(r"woken +yes → \(no longer\)", text)
    replaying.step_through(iter([answered()]), stops=True, ask=Typed())
    assert "The Pond got no letter between these times." in screen.export_text()


def test_what_others_wrote_does_nothing_to_the_terminal(screen: Harmless) -> None:
    evil = step(1, letters=[{"kind": "x", "sender": "a", "text": "\x1b[2J\nbad"}])
    replaying.step_through(iter([answered(evil)]), stops=False)
    text = screen.export_text()
    assert "\x1b" not in text
    assert "a: \\x1b[2J bad" in text


def test_json_is_one_answer_of_all_pages(bench: Bench) -> None:
    pages = {None: answered(*STEPS[:2], after="x"), "x": answered(STEPS[2])}
    bench.answers(lambda request: {"ok": True, "result": pages[cast("str", request.get("after"))]})
    code, out, err = bench.run("replay", "reports", "--from", "2h", "--until", "30m ago", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == answered(*STEPS)
    assert [one.get("until") for one in bench.asked][1] == answered()["until"]


def test_without_times_it_is_the_last_hour_and_piped_all_is_printed(bench: Bench) -> None:
    bench.answers({"replay": answered(*STEPS)})
    code, out, _ = bench.run("replay", "reports", "-m", "1")
    assert (code, re.findall(r"It reports (\d)", out)) == (0, ["1", "2", "3"])
    asked = bench.asked[-1]
    assert asked.get("until") is None
    ago = datetime.now(UTC) - from_text(str(asked["since"]))
    assert timedelta(minutes=59) < ago < timedelta(minutes=62)
    bench.run("replay", "reports", "--until", "2020-01-01T10:42")
    assert bench.asked[-1]["since"] == "2020-01-01T09:42:00.000000Z"


@pytest.mark.parametrize(
    "words",
    [
        ["--until", "2020-01-01", "--from", "2020-01-02"],
        ["--until", "2999-01-01"],
        ["--from", "soon"],
    ],
)
def test_times_that_make_no_sense_are_refused(bench: Bench, words: list[str]) -> None:
    code, out, err = bench.run("replay", "sales", *words)
    assert (code, out, bench.asked) == (2, "", [])
    assert "--from" in err or "--until" in err


def test_the_first_hour_of_all_has_no_hour_before_it(bench: Bench) -> None:
    bench.answers({"replay": answered()})
    code, _, err = bench.run("replay", "reports", "--until", "0001-01-01T00:30")
    assert (code, err) == (0, "")
    assert bench.asked[0]["since"] == "0001-01-01T00:00:00.000000Z"
