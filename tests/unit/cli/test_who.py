"""Notes, tags, many Ponds at once, the audit and maintenance, as typed and as shown."""

from __future__ import annotations

import json
from typing import Any

import pytest
import typer

from tests.unit.cli.commands_kit import Bench
from tests.unit.cli.made_up import line_status, run_row

NOON = "2030-01-01T12:00:00.000000Z"
ARN = "arn:aws:sts::123456789012:assumed-role/Admin/alice"
HOLD = {"at": NOON, "by": ARN, "note": "new [warehouse]"}


def lines(*names: str, **more: Any) -> dict[str, Any]:
    return {"now": NOON, "lines": [line_status(name, **more) for name in names]}


def outcome(line: str, **more: Any) -> dict[str, Any]:
    return {
        "line": line,
        "applied": True,
        "previous": "idle",
        "status": "killed",
        "reason": "",
        "runs": [],
        "error": None,
    } | more


def many(bench: Bench, *outcomes: dict[str, Any], **status: Any) -> None:
    told = status or lines("sales@1", "reports@1")
    bench.answers({"status": told, "batch": {"outcomes": list(outcomes)}})


def asked(bench: Bench, op: str) -> Any:
    (found,) = [request for request in bench.asked if request["op"] == op]
    return found


# notes


@pytest.mark.parametrize(
    "words",
    [
        ("control", "kill", "sales", "-y"),
        ("control", "failure-budget", "sales", "--source", "1"),
        ("control", "priority", "sales", "80"),
        ("control", "compute", "sales", "load", "--on", "task"),
        ("limit", "set", "databricks", "2"),
        ("limit", "rm", "databricks"),
        ("alert", "stale", "sales", "2h"),
        ("trigger", "tide", "sales", "1d"),
        ("trigger", "window", "sales", "remove", "early"),
        ("trigger", "arrival", "sales", "remove", "--name", "early"),
        ("tag", "sales", "team=shop"),
        ("maintenance", "on"),
        ("lake", "--repair"),
    ],
)
def test_a_note_goes_with_every_change(bench: Bench, words: tuple[str, ...]) -> None:
    bench.answers(lambda _: {"ok": False, "error": {"type": "X", "message": "no", "hint": ""}})
    bench.run(*words, "--note", "because")
    assert bench.asked[-1]["note"] == "because"


@pytest.mark.parametrize("note", ["x" * 601, "ü" * 301])
def test_a_note_that_is_too_long_is_refused_before_anything_is_sent(
    bench: Bench, note: str
) -> None:
    code, _, err = bench.run("deploy", "nowhere", "--note", note)
    assert (code, bench.asked) == (2, [])
    assert "bytes; allowed: 600." in err


def test_a_note_does_not_go_with_what_only_looks(bench: Bench) -> None:
    bench.answers({"tag": {"ponds": []}, "status": lines()})
    bench.run("status", "--once")
    assert "note" not in bench.asked[-1]


# many Ponds


def test_a_verb_for_a_team_asks_for_its_lines_and_tells_each_outcome(bench: Bench) -> None:
    error = {"type": "X", "message": "sales@1 cannot be [forced]", "hint": "Run it."}
    many(bench, outcome("reports@1", runs=["reports@1/4"]), outcome("sales@1", error=error))
    code, out, _ = bench.run("control", "kill", "-t", "team=shop", "-t", "tier=1", "-y")
    assert code == 1
    assert asked(bench, "status")["tags"] == {"team": "shop", "tier": "1"}
    sent = asked(bench, "batch")
    assert (sent["verb"], sorted(sent["lines"])) == ("kill", ["reports@1", "sales@1"])
    assert "reports@1: kill: idle → killed; stopped run reports@1/4" in out
    assert "sales@1: sales@1 cannot be [forced]" in out
    assert "→ Run it." in out
    assert "1 of 2 refused." in out


@pytest.mark.parametrize("words", [("status", "--once"), ("control", "kill", "--dry-run")])
def test_a_catchment_that_knows_no_tags_is_not_shown_as_a_whole(
    bench: Bench, words: tuple[str, ...]
) -> None:
    told = lines("sales@1", "reports@1")
    for line in told["lines"]:
        del line["tags"]
    many(bench, **told)
    code, out, err = bench.run(*words, "-t", "team=sales")
    assert (code, out) == (1, "")
    assert "is of an older release than this command" in err


@pytest.mark.parametrize("major", ["0", "1"])
def test_a_major_that_goes_with_many_is_refused_and_not_left_out(bench: Bench, major: str) -> None:
    many(bench, outcome("sales@1"))
    code, _, err = bench.run("control", "kill", "--all", "-m", major, "-y")
    assert (code, bench.asked) == (2, [])
    assert "go with one POND" in err


def test_a_line_that_has_not_heard_makes_the_exit_code_1(bench: Bench) -> None:
    many(bench, outcome("sales@1", applied=False))
    code, out, _ = bench.run("control", "wake", "--all", "-y")
    assert (code, "not received yet" in out) == (1, True)


def test_json_of_many_is_what_was_answered(bench: Bench) -> None:
    many(bench, outcome("sales@1", status="waiting", reason="held: maintenance"))
    code, out, _ = bench.run("trigger", "tide", "--all", "90m", "-y", "--json")
    assert (code, json.loads(out)["outcomes"][0]["line"]) == (0, "sales@1")
    assert (asked(bench, "batch")["kind"], asked(bench, "batch")["bound"]) == ("tide", 5400.0)


def test_a_preview_does_nothing(bench: Bench) -> None:
    held = lines("sales@1", status="failed")
    held["lines"] += lines("reports@1", trigger={"kind": "wave"})["lines"]
    many(bench, status=held)
    bench.answers({"status": held})
    code, out, _ = bench.run("control", "wake", "-t", "team=shop", "--dry-run")
    assert code == 0
    assert "ends that it failed, and runs once, alone" in out
    assert "2 lines of team=shop; nothing was done." in out
    code, out, _ = bench.run("trigger", "remove", "--all", "--dry-run", "--json")
    told = {one["line"]: one["would"] for one in json.loads(out)["lines"]}
    assert told == {"sales@1": "has no Wave or Tide", "reports@1": "loses its wave"}
    assert {request["op"] for request in bench.asked} == {"status"}


def test_without_a_terminal_it_has_to_be_said_that_one_is_sure(bench: Bench) -> None:
    many(bench)
    code, out, err = bench.run("control", "sleep", "--all")
    assert (code, out) == (2, "")
    assert "To sleep 2 lines (all Ponds): nobody is there to ask." in err
    assert "--yes" in err
    assert [request["op"] for request in bench.asked] == ["status"]


@pytest.mark.parametrize("says", [True, False])
def test_in_a_terminal_it_is_shown_and_asked(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, *, says: bool
) -> None:
    questions: list[str] = []
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr(typer, "confirm", lambda text, **_: questions.append(text) or says)
    many(bench, outcome("sales@1"), outcome("reports@1"))
    code, _, err = bench.run("trigger", "pulse", "--all")
    assert questions == ["Pulse 2 lines (all ponds)?"]
    assert "runs with all that it needs" in err
    assert (code, any(one["op"] == "batch" for one in bench.asked)) == (0 if says else 1, says)


def test_of_very_many_lines_a_screen_is_shown_and_all_are_told(bench: Bench) -> None:
    names = [f"p{number:03d}@1" for number in range(250)]
    bench.answers(
        lambda request: {
            "ok": True,
            "result": lines(*names)
            if request["op"] == "status"
            else {"outcomes": [outcome(line) for line in request["lines"]]},
        }
    )
    _, out, _ = bench.run("control", "kill", "--all", "--dry-run")
    assert "… and 210 more" in out
    assert bench.run("control", "kill", "--all", "-y")[0] == 0
    assert [len(one["lines"]) for one in bench.asked if one["op"] == "batch"] == [200, 50]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("control", "wake"), "Give POND, --tag KEY=VALUE or --all: one of them."),
        (("control", "wake", "sales", "--all"), "found more than one"),
        (("trigger", "tap", "--all", "-t", "a=1"), "found more than one"),
        (("control", "wake", "--all", "--watch"), "go with one POND"),
        (("control", "sleep", "--all", "--upstream"), "go with one POND"),
        (("control", "kill", "-t", "a=1", "-m", "1"), "go with one POND"),
        (("control", "wake", "sales", "--dry-run"), "--dry-run goes with --tag or --all"),
        (("control", "wake", "-t", "team"), "--tag: 'team' is not a tag"),
        (("control", "wake", "-t", "Team=x"), "allowed: a lower-case letter"),
        (("trigger", "tide", "--all"), "BOUND is missing"),
        (("status", "sales", "-t", "a=1"), "Give POND or --tag"),
        (("runs", "sales", "-t", "a=1"), "Give POND or --tag"),
        (("tag", "sales", "x"), "'x' is not a tag"),
        (("tag", "--rm", "x"), "--rm goes with a POND"),
        (("tag", "sales", "--rm", "X Y"), "The key of a tag is 'X Y'"),
        (("tag", "sales", "-t", "a=1"), "--tag lists Ponds"),
        (("audit", "--since", "yesterday"), "--since:"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_asked(
    bench: Bench, words: tuple[str, ...], why: str
) -> None:
    code, out, err = bench.run(*words)
    assert (code, out) == (2, "")
    assert why in err
    assert bench.asked == []


def test_a_tag_that_no_pond_has_is_said(bench: Bench) -> None:
    bench.answers({"status": lines()})
    code, _, err = bench.run("control", "wake", "-t", "team=shop", "-y")
    assert (code, "No Pond has team=shop." in err) == (1, True)
    assert "No Pond has team=shop." in bench.run("status", "-t", "team=shop", "--once")[1]


def test_runs_of_a_team(bench: Bench) -> None:
    bench.answers({"runs": {"runs": [run_row("sales@1/4")]}})
    assert "sales@1/4" in bench.run("runs", "-t", "team=shop")[1]
    assert asked(bench, "runs")["tags"] == {"team": "shop"}
    bench.answers({"runs": {"runs": []}})
    assert bench.run("runs", "-t", "team=shop")[1] == "No such run.\n"


# tags


def test_tags_are_set_removed_and_shown(bench: Bench) -> None:
    bench.answers({"tag": {"ponds": [{"pond": "sales", "tags": {"team": "shop"}}]}})
    assert bench.run("tag", "sales", "team=shop", "tier=", "--rm", "size")[1] == (
        "sales: team=shop\n"
    )
    sent = asked(bench, "tag")
    assert (sent["put"], sorted(sent["remove"])) == ({"team": "shop"}, ["size", "tier"])
    none = {"ponds": [{"pond": "sales", "tags": {}}]}
    bench.answers({"tag": none})
    assert bench.run("tag", "sales")[1] == "sales: no tags\n"
    assert bench.run("tag")[1] == "No Pond has a tag yet.\n"
    assert json.loads(bench.run("tag", "--json")[1]) == none


def test_tags_of_all_ponds_are_listed_and_those_with_one_of_them(bench: Bench) -> None:
    ponds = [
        {"pond": "reports", "tags": {"team": "shop", "tier": "1"}},
        {"pond": "sales", "tags": {"team": "other"}},
        {"pond": "x", "tags": {}},
    ]
    bench.answers({"tag": {"ponds": ponds}})
    _, out, err = bench.run("tag")
    assert "team=shop tier=1" in out
    assert "1 without tags." in out + err
    listed = bench.run("tag", "-t", "team=shop")[1]
    assert "reports" in listed
    assert "sales" not in listed
    assert bench.run("tag", "-t", "team=none")[1] == "No Pond has such a tag.\n"


# who did what


def entry(**more: Any) -> dict[str, Any]:
    return {
        "at": NOON,
        "by": ARN,
        "proven": True,
        "via": None,
        "what": "control kill",
        "ponds": ["sales"],
        "note": "wrong [data]\x1b[31m",
        "request": "r-1",
        "refused": None,
    } | more


def test_the_audit_says_who_did_what_and_why_and_escapes_what_others_wrote(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    rows = [entry(), entry(by=None, via="page", refused="no such Pond", note=None, ponds=["*"])]
    bench.answers({"audit": {"entries": rows, "next": NOON}})
    code, out, err = bench.run("audit", "sales", "--by", "alice", "-n", "2", "--since", "2d")
    assert code == 0
    assert "assumed-role/Admin/alice" in out
    assert "wrong [data]\\x1b[31m" in out
    assert "not known (page)" in out
    assert "refused: no such Pond" in out
    assert f"--before {NOON}" in out + err
    sent = asked(bench, "audit")
    assert (sent["pond"], sent["by"], sent["limit"]) == ("sales", "alice", 2)
    assert sent["since"] < "2100"


@pytest.mark.parametrize("columns", ["60", "80"])
def test_the_audit_fits_a_narrow_terminal(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    bench.answers({"audit": {"entries": [entry()], "next": None}})
    assert "control kill sales" in " ".join(bench.run("audit")[1].split())


def test_an_audit_of_nothing_says_so(bench: Bench) -> None:
    bench.answers({"audit": {"entries": [], "next": None}})
    assert bench.run("audit")[1] == "Nobody changed anything.\n"
    assert bench.run("audit", "--by", "x")[1] == "No such change.\n"
    assert json.loads(bench.run("audit", "--json")[1]) == {"entries": [], "next": None}


def test_a_run_says_who_asked_for_it(bench: Bench) -> None:
    rows = [entry(what="trigger pulse", ponds=["reports"]), entry(note=None, by=None)]
    bench.answers(
        {"run": {"run": run_row("sales@1/4"), "attempts": [], "older_tables": [], "asked_by": rows}}
    )
    out = bench.run("run", "show", "sales@1/4")[1]
    asked_for = "asked for by assumed-role/Admin/alice: trigger pulse reports (wrong [data]"
    assert asked_for in out
    assert "asked for by not known: control kill sales\n" in out


def test_one_line_closely_says_who_brought_it_there_and_its_tags(bench: Bench) -> None:
    said = {"at": NOON, "by": "alice@laptop", "note": "wrong [data]"}
    told = lines(
        "sales@1",
        status="killed",
        said={"kill": said, "sleep": said, "trigger": {**said, "by": None, "note": None}},
        trigger={"kind": "wave"},
        tags={"team": "shop"},
        held=HOLD,
    )
    bench.answers({"status": told, "runs": {"runs": []}})
    out = bench.run("status", "sales", "--once")[1]
    assert "killed by alice@laptop at 2030-01-01 12:00:00Z: wrong [data]" in out
    assert "put to sleep" not in out, "it is not asleep any more"
    assert "its trigger set at 2030" in out
    assert "team=shop" in out
    assert "no run starts: maintenance, by assumed-role/Admin/alice" in out


# maintenance


def held(**more: Any) -> dict[str, Any]:
    return {
        "on": True,
        "hold": HOLD,
        "lines": 3,
        "not_received": [],
        "runs": [],
        "waiting": [],
    } | more


RUN = {
    "run": "sales@1/4",
    "f": NOON,
    "version": "1.0.0",
    "started": NOON,
    "ripples": [{"name": "load", "status": "running"}, {"name": "join", "status": "waiting"}],
}


def test_maintenance_says_who_holds_what_and_what_it_waits_for(bench: Bench) -> None:
    bench.answers({"maintenance": held(runs=[RUN], waiting=["reports@1", "x@1"])})
    code, out, err = bench.run("maintenance", "on")
    assert (code, err) == (0, "")
    assert out.startswith("Maintenance is on by assumed-role/Admin/alice since 2030-01-01")
    assert "new [warehouse]" in out
    assert "No run starts in 3 lines." in out
    assert "It waits for 1 run:" in out
    assert "load running" in out
    assert "join" not in out
    assert "Asked for and kept: reports@1" in out
    assert asked(bench, "maintenance")["action"] == "on"


@pytest.mark.parametrize(
    ("words", "warned"),
    [
        (["--note", "another"], True),
        (["--note", HOLD["note"]], False),
        (["--note", f"{HOLD['note']}\n"], False),
        ([], False),
    ],
)
def test_who_finds_maintenance_on_is_told_that_the_note_does_not_count(
    bench: Bench, words: list[str], warned: bool
) -> None:
    bench.answers({"maintenance": held()})
    code, _, err = bench.run("maintenance", "on", *words)
    assert (code, "It was on already." in err) == (0, warned)


def test_maintenance_that_is_off_and_nothing_that_runs(bench: Bench) -> None:
    bench.answers({"maintenance": held()})
    assert "Nothing runs any more." in bench.run("maintenance", "status")[1]
    bench.answers({"maintenance": held(on=False, hold=None)})
    assert bench.run("maintenance", "off")[1] == "Maintenance is off: runs start as usual.\n"
    answer = json.loads(bench.run("maintenance", "status", "--json")[1])
    assert answer["on"] is False


@pytest.mark.parametrize(
    ("missing", "words"),
    [(["a@1"], "1 line has not heard it yet (a@1)"), (["a@1", "b@1"], "2 lines have not heard")],
)
def test_lines_that_have_not_heard_are_named(bench: Bench, missing: list[str], words: str) -> None:
    bench.answers({"maintenance": held(not_received=missing)})
    _, _, err = bench.run("maintenance", "on")
    assert words in err


def test_waiting_comes_back_when_nothing_runs_any_more(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    answers = [held(runs=[RUN]), held(runs=[RUN]), held(not_received=["a@1"]), held()]
    bench.answers(lambda _: {"ok": True, "result": answers.pop(0)})
    code, out, err = bench.run("maintenance", "on", "--wait")
    assert (code, answers) == (0, [])
    assert err.count("Waits for 1 run…") == 1
    assert "Nothing runs any more." in out
    assert [one["action"] for one in bench.asked] == ["on", "status", "status", "status"]


def test_interrupted_waiting_says_that_runs_stay_held(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", interrupt)
    bench.answers({"maintenance": held(runs=[RUN])})
    code, _, err = bench.run("maintenance", "status", "--wait")
    assert (code, "new runs stay held" in err) == (130, True)


def test_the_overview_says_above_all_else_that_runs_are_held(bench: Bench) -> None:
    bench.answers({"status": {**lines("sales@1"), "maintenance": HOLD}})
    out = bench.run("status", "--once")[1]
    assert out.startswith("Maintenance: no run starts, by assumed-role/Admin/alice at 2030")


@pytest.mark.parametrize("option", ["--before", "--since"])
@pytest.mark.parametrize("text", ["x", "", "25:00", "0001-01-01"])
def test_what_is_no_instant_of_the_audit_is_bad_input(bench: Bench, option: str, text: str) -> None:
    code, _, err = bench.run("audit", option, text)
    assert (code, bench.asked) == (2, [])
    assert f"{option}: {text!r} is not a point in time." in err


def test_the_next_page_is_asked_for_to_the_microsecond(bench: Bench) -> None:
    bench.answers({"audit": {"entries": [], "next": None}})
    code, _, _ = bench.run("audit", "--before", "2030-01-01T12:00:00.123456Z", "--by", "")
    assert code == 0
    assert bench.asked[0]["before"] == "2030-01-01T12:00:00.123456Z"
    assert "by" not in bench.asked[0]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["team=sales"], "POND comes first, found 'team=sales'."),
        (["\x1b[31m=x"], r"found '\x1b[31m=x'."),
        (["sales", "team=a", "team=b"], "Tag 'team' is given two values, a and b."),
        (["sales", "team=a", "--rm", "a=b"], "The key of a tag is 'a=b'"),
    ],
)
def test_a_tag_that_says_nothing_clear_is_refused_before_it_is_sent(
    bench: Bench, words: list[str], says: str
) -> None:
    code, _, err = bench.run("tag", *words)
    assert (code, bench.asked) == (2, [])
    assert says in err


def test_a_tag_may_be_given_twice(bench: Bench) -> None:
    bench.answers({"tag": {"ponds": [{"pond": "sales", "tags": {"team": "a"}}]}})
    assert bench.run("tag", "sales", "team=a", "team=a")[0] == 0
    assert bench.asked[0]["put"] == {"team": "a"}
