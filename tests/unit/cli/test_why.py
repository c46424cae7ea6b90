"""``duckstring why``: what is asked, and what is shown on screens of any width."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any, cast

import pytest
from rich.console import Console

from duckstring.model.answers.why import CauseTold, Way, WhyAnswer
from duckstring_cli import reasons
from duckstring_cli.screens import Harmless
from tests.unit.cli.commands_kit import Bench

NOW = "2030-01-01T12:00:00.000000Z"
WAKE = "duckstring control wake sales -m 1"


def cause(text: str, leads_to: str | None = None, kind: str = "short") -> CauseTold:
    ways = [] if leads_to else [{"text": "Run it again", "command": WAKE}]
    made = {
        "kind": kind, "text": text, "leads_to": leads_to, "since": None, "at": None, "runs": [],
        "ways": ways,
    }  # fmt: skip
    return cast("CauseTold", made)


def answered(*chain: tuple[str, list[CauseTold]], **more: Any) -> WhyAnswer:
    lines = [{"line": line, "status": "waiting", "causes": causes} for line, causes in chain]
    ways = {way["text"]: way for _, causes in chain for one in causes for way in one["ways"]}
    made = {
        "line": chain[0][0], "now": NOW, "at": NOW, "status": "waiting", "text": "", "end_f": NOW,
        "staleness": {"seconds": 60, "bound": None, "asked": None, "late": False,
                      "text": "Its output is fresh as of 12:00 (1m ago)."},
        "runs": [], "chain": lines, "left_off": 0, "ways": list(ways.values()),
        "last_run": None, "last": "",
    }  # fmt: skip
    return cast("WhyAnswer", {**made, **more})


CHAIN = answered(
    ("reports@1", [cause("reports@1 waits for delays@1.", "delays@1")]),
    ("delays@1", [cause("delays@1 waits for sales@1.", "sales@1")]),
    ("sales@1", [cause("Run sales@1/4 failed.")]),
)


def shown(answer: WhyAnswer, width: int = 100, *, terminal: bool = True) -> str:
    console: Console = Harmless(
        width=width, record=True, file=open("/dev/null", "w"), force_terminal=terminal,  # noqa: SIM115, PTH123
        highlight=False,
    )  # fmt: skip
    console.print(reasons.shown(answer), crop=False)
    console.file.close()
    return console.export_text()


def test_each_cause_stands_under_the_one_that_leads_to_it_and_the_commands_at_the_end() -> None:
    assert [line.rstrip() for line in shown(CHAIN).splitlines()] == [
        "reports@1  waiting",
        "  Its output is fresh as of 12:00 (1m ago).",
        "",
        "Why",
        "  reports@1 waits for delays@1.",
        "    └ delays@1 waits for sales@1.",
        "      └ Run sales@1/4 failed.",
        "",
        "What would change it",
        "  Run it again:",
        f"    {WAKE}",
    ]


@pytest.mark.parametrize("width", [30, 60, 80, 120])
def test_a_sentence_breaks_between_words_and_under_itself_but_a_command_stays_in_one_piece(
    width: int,
) -> None:
    long = cause("Run sales@1/4 failed in load: " + "word " * 40 + "end.")
    command = "duckstring control failure-budget sales -m 1 --source 1"
    long["ways"][0]["command"] = command
    text = shown(answered(("sales@1", [long])), width)
    assert f"    {command}" in text.splitlines()
    for line in text.splitlines():
        assert len(line.rstrip()) <= width or command in line
    inside = text.split("Why\n")[1].split("\n\n")[0]
    assert all(line.startswith("  ") for line in inside.splitlines())
    assert " ".join(inside.split()) == " ".join(long["text"].split())


def test_in_a_pipe_each_sentence_is_one_line_without_blanks_at_its_end() -> None:
    lines = shown(CHAIN, 10_000, terminal=False).splitlines()
    assert lines == [line.rstrip() for line in lines]


def test_what_an_author_wrote_reaches_the_terminal_escaped_and_as_one_line() -> None:
    wild = cause("Run sales@1/4 failed: \x1b[31mred\x1b[0m\nWhat would change it [bold]x[/] \x07")
    text = shown(answered(("sales@1", [wild])))
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "[bold]x[/]" in text
    assert not any(line.startswith("What would change it [") for line in text.splitlines())


def test_a_line_that_two_causes_lead_to_is_explained_once() -> None:
    text = shown(
        answered(
            ("d@1", [cause("d@1 waits for b@1.", "b@1"), cause("d@1 waits for c@1.", "c@1")]),
            ("b@1", [cause("b@1 waits for a@1.", "a@1")]),
            ("c@1", [cause("c@1 waits for a@1.", "a@1")]),
            ("a@1", [cause("a@1 is not deployed.")]),
        )
    )
    assert text.count("a@1 is not deployed.") == 1
    assert "c@1 waits for a@1. (See above.)" in text


def test_a_chain_that_is_too_long_for_a_screen_still_shows_its_roots() -> None:
    names = [f"p{number}@1" for number in range(100)]
    chain = [(one, [cause(f"{one} waits for {above}.", above)]) for one, above in pairwise(names)]
    answer = answered(*chain, (names[-1], [cause("p99@1 was killed.")]), left_off=3)
    lines = shown(answer).splitlines()
    assert any("p99@1 was killed." in line for line in lines)
    assert any("and 73 more (--json has them)" in line for line in lines)
    assert len(lines) < 50
    many = [{"text": f"way {number}", "command": None} for number in range(40)]
    text = shown({**answer, "ways": many})
    assert "  way 29." in text
    assert "  way 30." not in text
    assert "… and 10 more" in text


def test_a_line_that_the_answer_leaves_off_ends_the_chain() -> None:
    answer = answered(("a@1", [cause("a@1 waits for b@1.", "b@1")]), left_off=1)
    assert "a@1 waits for b@1." in shown(answer)


def test_a_run_in_flight_says_for_whom_and_what_it_does() -> None:
    run = {
        "run": "sales@1/5", "f": NOW, "version": "1.0.0", "started": NOW, "ripples": [],
        "demand": [{"kind": "pulse", "text": "It was asked for by a Pulse of reports@1.",
                    "line": "reports@1", "at": NOW, "via": [], "sure": True}],
        "inside": ["load runs since 5s."],
    }  # fmt: skip
    later = [cause("1.1.0 of sales@1 waits for run sales@1/5.", kind="deploy_waits")]
    text = shown(answered(("sales@1", later), runs=[run], last="Run sales@1/4 succeeded."))
    assert "Why sales@1/5 runs\n" in text.replace(" \n", "\n")
    assert "  It was asked for by a Pulse of reports@1." in text
    assert "    └ load runs since 5s." in text
    assert "Why no other run starts" in text
    assert "  Run sales@1/4 succeeded." in text
    token = [cause("load has waited 5s for a token of x.", kind="waits_for_token")]
    text = shown(answered(("sales@1", token), runs=[run]))
    assert "What it waits for" in text
    assert "Why no other run starts" not in text
    crowd = {**run, "demand": run["demand"] * 499}
    text = shown(answered(("sales@1", []), runs=[crowd]))
    assert text.count("Pulse of reports@1") == 10
    assert "… and 489 more" in text


def test_the_command_asks_for_the_line_and_prints_the_answer_as_it_is(bench: Bench) -> None:
    bench.answers({"why": CHAIN})
    code, out, err = bench.run("why", "sales", "-m", "2", "--json")
    assert (code, json.loads(out), err) == (0, CHAIN, "")
    assert {k: v for k, v in bench.asked[-1].items() if v is not None and k != "schema"} == {
        "op": "why",
        "pond": "sales",
        "major": 2,
    }


def test_commands_name_the_catchment_that_was_named(bench: Bench) -> None:
    bench.answers({"why": CHAIN})
    code, out, _ = bench.run("why", "reports", "-c", "dev")
    assert code == 0
    assert "duckstring control wake -c dev sales -m 1" in out


@pytest.mark.parametrize(
    "words",
    [
        ["why"],
        ["why", "a@x"],
        ["why", "@1"],
        ["why", ""],
        ["why", "a", "-m", "x"],
        ["why", "a@1", "-m", "2"],
    ],
)
def test_bad_input_is_refused_with_exit_code_2(bench: Bench, words: list[str]) -> None:
    code, out, err = bench.run(*words)
    assert (code, out) == (2, "")
    assert err


def test_a_moment_of_the_past_is_asked_for_and_stands_above_all(bench: Bench) -> None:
    then = "2030-01-01T10:42:00.000000Z"
    bench.answers({"why": {**CHAIN, "at": then}})
    code, out, _ = bench.run("why", "sales", "--at", "2020-01-01T10:42Z")
    assert code == 1  # the answer is of another moment: the Catchment is of an older release
    assert bench.asked[-1]["at"] == "2020-01-01T10:42:00.000000Z"
    assert out == ""
    bench.answers({"why": {**CHAIN, "at": "2020-01-01T10:42:00.000000Z"}})
    code, out, _ = bench.run("why", "sales", "--at", "2020-01-01T10:42Z")
    assert (code, out.splitlines()[0]) == (0, "As of 2020-01-01 10:42:00Z (3653d1h ago):")
    assert "What would have changed it then" in out


@pytest.mark.parametrize("at", ["soon", "2999-01-01", "25:00"])
def test_a_moment_that_is_none_or_to_come_is_refused(bench: Bench, at: str) -> None:
    code, out, err = bench.run("why", "sales", "--at", at)
    assert (code, out, bench.asked) == (2, "", [])
    assert "--at: " in err


def test_a_line_may_be_typed_as_sentences_write_it(bench: Bench) -> None:
    bench.answers({"why": CHAIN})
    assert bench.run("why", "sales@2")[0] == 0
    asked = bench.asked[-1]
    assert (asked["pond"], asked["major"]) == ("sales", 2)
    assert bench.run("why", "sales@2", "-m", "2")[0] == 0


def test_commands_of_several_roots_stand_under_the_line_that_each_is_about() -> None:
    def root(line: str) -> CauseTold:
        way: Way = {"text": f"Let {line} go on", "command": f"wake {line}"}
        return {**cause(f"{line} failed.", kind="failed"), "ways": [way]}

    above = [cause("It requires a.", "a@1"), cause("It requires b.", "b@1")]
    two = answered(("c@1", above), ("a@1", [root("a@1")]), ("b@1", [root("b@1")]))
    ways: list[Way] = [
        way for line in two["chain"] for one in line["causes"] for way in one["ways"]
    ]
    text = shown({**two, "ways": ways})
    block = text[text.index("What would change it") :].splitlines()[1:7]
    assert [line.strip() for line in block] == [
        *("a@1", "Let a@1 go on:", "wake a@1"),
        *("b@1", "Let b@1 go on:", "wake b@1"),
    ]
    one = answered(("a@1", [root("a@1")]))
    assert "  a@1\n" not in shown({**one, "ways": ways[:1]})
