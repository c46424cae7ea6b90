"""The command line as a whole: misuse, refusals, help, `trigger`, `status`, `pond remove`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.commands_kit import PROD, Bench, deployed, project
from tests.unit.cli.made_up import FLIGHTS, Play, at, attempt_row, line_status, run_row


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (["statsu"], 2, "error: No such command 'statsu'. Did you mean 'status'?"),
        (["trigger", "puls", "a"], 2, "Did you mean 'pulse'?"),
        (["trigger", "tide", "reports"], 2, "error: BOUND is missing: the staleness allowed."),
        (["trigger", "tide", "reports", "1x"], 2, "error: '1x' is not a duration."),
        (
            ["trigger", "window", "sales"],
            2,
            (
                "error: Missing command.\nhint: The Pond comes first: duckstring trigger window "
                "POND "
                "add|list|remove."
            ),
        ),
        (["trigger", "window", "add", "sales", "--name", "n"], 2, "hint: The Pond comes first"),
        (
            ["trigger", "window", "sales", "add", "--name", "n"],
            2,
            (
                "error: Give a rule --every or --cron: one of them.\n"
                'hint: For example: --every 1d, or --cron "0 6 1 * *".'
            ),
        ),
        (
            [
                "trigger",
                "window",
                "sales",
                "add",
                "--name",
                "n",
                "--every",
                "1d",
                "--start",
                "25:00",
            ],
            2,
            "error: --start: '25:00' is not a point in time.",
        ),
        (
            ["trigger", "window", "sales", "remove"],
            2,
            "hint: For example: duckstring trigger window sales remove nightly",
        ),
        (
            ["trigger", "window", "sales", "remove", "a", "--name", "b"],
            2,
            "error: One rule at a time: give its name, once.",
        ),
        (
            ["trigger", "arrival", "sales", "remove"],
            2,
            "hint: For example: duckstring trigger arrival sales remove landing",
        ),
        (["catchment", "init", "--name", "Dev!"], 2, "error: 'Dev!' cannot be a Catchment's name."),
        (
            ["control", "kill", "a", "-m", "2", "-v", "1.0.0"],
            2,
            "disagree: that version is of major 1.",
        ),
        (["run", "show", "sales"], 2, "error: 'sales' is not a run; write it as pond@major/number"),
        (["runs", "--status", "succes"], 2, "error: No run ends as 'succes'"),
        (["runs", "--since", "yesterday"], 2, "error: --since: 'yesterday' is not a point in time"),
        (["runs", "--until", "0d"], 2, "error: --until: '0d' is out of range"),
        (["query", "a", "b", "--sql", "SELECT 1"], 2, "error: Give a TABLE or --sql, not both."),
        (["query", "a", "--csv", "--json"], 2, "error: Give one of --csv, --json and --parquet."),
        (
            ["query", "a", "--sql", "@/nowhere.sql"],
            2,
            "error: /nowhere.sql cannot be read: No such file or directory.",
        ),
        (["pond", "init", "Sales"], 2, "error: 'Sales' is not a Pond's name."),
        (["pond", "init", "sales", "--template", "outlets"], 2, "hint: Did you mean 'outlet'?"),
        (
            ["trigger", "tap", "a", "-v", "1.2"],
            2,
            "error: --version '1.2' is not a version.\nhint: A semantic version picks its line",
        ),
        (
            ["status", "a", "-m", "2", "-v", "1.2.0"],
            2,
            "error: --major 2 and --version 1.2.0 disagree: that version is of major 1.",
        ),
        (
            ["trigger", "arrival", "a", "add", "--name", "x", "--bucket", "b", "--kind", "tab"],
            2,
            "hint: Did you mean 'tap'?",
        ),
        (["trigger", "arrival", "a"], 2, "error: Missing command."),
        (
            ["pond", "remove", "a", "-m", "2", "-v", "1.0.0"],
            2,
            "disagree: that version is of major 1.",
        ),
        (["deploy", "/nowhere"], 2, "error: There is no folder '/nowhere'."),
    ],
)
def test_misuse_is_one_clear_line_and_exit_code_2(
    bench: Bench, arguments: list[str], code: int, error: str
) -> None:
    found, out, err = bench.run(*arguments)
    assert (found, out) == (code, "")
    assert error in err
    assert "Traceback" not in err
    assert bench.asked == []


ARRIVALS = {
    "line": "orders@1",
    "arrivals": [
        {"name": "landing", "bucket": "inbox", "prefix": "in/", "suffix": "[x]", "kind": "pulse"}
    ],
}


def test_arrival_rules_are_added_listed_and_removed_behind_the_ponds_name(bench: Bench) -> None:
    bench.answers({"arrival": ARRIVALS})
    rule = ["--name", "landing", "--bucket", "inbox", "--prefix", "in/", "--kind", "tap"]
    assert bench.run("trigger", "arrival", "orders", "add", *rule, "-v", "1.2.0") == (
        0,
        "orders@1: arrival landing added\n",
        "",
    )
    given = {"name": "landing", "bucket": "inbox", "prefix": "in/", "suffix": "", "kind": "tap"}
    assert bench.asked[-1] == {
        "op": "arrival",
        "pond": "orders",
        "major": 1,
        "action": "add",
        "arrival": given,
    }
    _, out, _ = bench.run("trigger", "arrival", "orders", "list")
    assert out.split() == [
        "NAME",
        "BUCKET",
        "PREFIX",
        "SUFFIX",
        "SENDS",
        "landing",
        "inbox",
        "in/",
        "[x]",
        "pulse",
    ]
    assert json.loads(bench.run("trigger", "arrival", "orders", "list", "--json")[1]) == ARRIVALS
    for named in (["landing"], ["--name", "landing"]):
        assert (
            bench.run("trigger", "arrival", "orders", "remove", *named)[1]
            == "orders@1: arrival landing removed\n"
        )
    assert bench.asked[-1] == {
        "op": "arrival",
        "pond": "orders",
        "action": "remove",
        "name": "landing",
    }


def removal(request: Mapping[str, object]) -> Mapping[str, Any]:
    told = {
        "removed": ["sales@1"],
        "stopped": ["sales@1/7"],
        "warnings": ["board@1 goes on without."],
        "applied": not request["dry"],
    }
    return {"ok": True, "result": told}


def test_an_arrival_rule_that_cannot_be_is_misuse(bench: Bench) -> None:
    bench.answers(
        {
            "arrival": {
                "ok": False,
                "error": {
                    "type": "ArrivalError",
                    "message": "name is 'Bad'; allowed: ...",
                    "hint": "",
                },
            }
        }
    )
    assert (
        bench.run("trigger", "arrival", "orders", "add", "--name", "Bad", "--bucket", "inbox")[0]
        == 2
    )


def test_nothing_is_removed_without_being_told_so(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.answers(removal)
    monkeypatch.setattr("sys.stdin.isatty", lambda: False)
    assert bench.run("pond", "remove", "sales") == (
        1,
        "",
        (
            "error: Not removing sales@1 from Catchment 'dev' without confirmation.\n"
            "hint: Say it with: -y\n"
        ),
    )
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("typer.confirm", lambda *_, **__: False)
    assert bench.run("pond", "remove", "sales")[:2] == (1, "")
    assert [request["dry"] for request in bench.asked] == [True, True]


def test_a_line_is_removed_with_a_word_on_what_that_stopped(bench: Bench) -> None:
    bench.answers(removal)
    code, out, err = bench.run("pond", "remove", "sales", "-m", "1", "-y")
    assert (code, out) == (0, "✓ sales@1 is removed, sales@1/7 stopped\n")
    assert "board@1 goes on without." in err
    assert bench.asked[-1] == {"op": "remove", "pond": "sales", "major": 1, "dry": False}
    bench.run("pond", "remove", "sales", "-v", "1.0.0", "-y")
    assert bench.asked[-1] == {
        "op": "remove",
        "pond": "sales",
        "major": 1,
        "version": "1.0.0",
        "dry": False,
    }


@pytest.mark.parametrize(
    "group",
    [
        [],
        ["catchment"],
        ["pond"],
        ["trigger"],
        ["trigger", "window"],
        ["trigger", "arrival"],
        ["control"],
        ["run"],
    ],
)
def test_a_group_without_a_command_prints_its_help(bench: Bench, group: list[str]) -> None:
    code, out, err = bench.run(*group)
    assert (code, err) == (0, "")
    assert out == bench.run(*group, "--help")[1]


@pytest.mark.parametrize(
    ("kind", "code"),
    [("PondNotFoundError", 2), ("NotPublishedError", 1), ("StillNeededError", 1), ("Unknown", 1)],
)
def test_a_refusal_is_told_in_the_catchments_words(bench: Bench, kind: str, code: int) -> None:
    error = {
        "type": kind,
        "message": "No Pond 'report' in this Catchment; the nearest: reports.",
        "hint": "List them.",
    }
    bench.answers({"trigger": {"ok": False, "error": error}})
    assert bench.run("trigger", "tap", "report") == (
        code,
        "",
        "error: No Pond 'report' in this Catchment; the nearest: reports.\nhint: List them.\n",
    )


@pytest.mark.parametrize("kind", ["DiscoveryError", "AuthorError", "PondsAtFaultError"])
def test_a_pond_that_is_wrong_is_bad_input_wherever_that_is_found(bench: Bench, kind: str) -> None:
    bench.answers(
        {
            "status": {
                "ok": False,
                "error": {"type": kind, "message": "src/pond.py defines no Ripple.", "hint": ""},
            }
        }
    )
    assert bench.run("status", "--once")[0] == 2


def test_every_fault_of_a_refusal_has_its_line(bench: Bench) -> None:
    bench.answers(
        {
            "status": {
                "ok": False,
                "error": {
                    "type": "X",
                    "message": "one [b]\ntwo",
                    "hint": "",
                    "traceback": "Traceback [c]\n",
                },
            }
        }
    )
    assert bench.run("status")[2] == "error: one [b]\nerror: two\nTraceback [c]\n"


def test_an_empty_line_of_a_message_is_no_fault(bench: Bench) -> None:
    bench.answers(
        {"trigger": {"ok": False, "error": {"message": "Parser Error: SELEC\n\nLINE 1: SELEC 1"}}}
    )
    assert (
        bench.run("trigger", "tap", "a")[2]
        == "error: Parser Error: SELEC\nerror: LINE 1: SELEC 1\n"
    )


def test_a_tide_sends_its_bound_in_seconds_to_the_major_that_was_named(bench: Bench) -> None:
    bench.answers({"trigger": {"line": "reports@2", "epoch": "x"}})
    code, out, _ = bench.run("trigger", "tide", "reports", "1h30m", "-m", "2")
    assert (code, out) == (0, "reports@2: tide sent, no staler than 1h30m\n")
    assert bench.asked == [
        {"op": "trigger", "pond": "reports", "major": 2, "kind": "tide", "bound": 5400.0}
    ]


@pytest.mark.parametrize(
    "words",
    [
        "trigger tap reports",
        "trigger pulse reports",
        "trigger wave reports",
        "trigger tide reports 1d",
        "trigger remove reports",
        "trigger window reports add --name nightly --every 1d",
        "trigger window reports list",
        "trigger window reports remove nightly",
        "trigger arrival reports add --name landing --bucket inbox",
        "trigger arrival reports list",
        "trigger arrival reports remove landing",
        "control wake reports",
        "control force reports",
        "control sleep reports",
        "control kill reports",
        "control clear reports",
        "control failure-budget reports",
        "control compute reports",
        "status reports --json",
        "runs reports --json",
        "query reports",
        "get reports worst",
    ],
)
@pytest.mark.parametrize("picked", [["-v", "2.1.0-rc.1"], ["--major", "2", "--version", "2.0.0"]])
def test_a_version_picks_its_line(bench: Bench, words: str, picked: list[str]) -> None:
    bench.answers(lambda _: {"ok": False, "error": {"message": "enough"}})
    assert bench.run(*words.split(), *picked)[0] == 1
    assert bench.asked[0]["major"] == 2


def test_a_watched_pulse_that_fails_is_refused_with_the_run_to_look_at(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    acts = [
        *FLIGHTS[:3],
        type(FLIGHTS[3])("delays@1", {"clean": (3, 4)}, FLIGHTS[3].sources, fails_in="clean"),
        FLIGHTS[4],
    ]
    bench.answers(Play(acts, lambda: now[0]))
    monkeypatch.setattr(
        "duckstring_cli.live.follow.__kwdefaults__",
        {"sleep": lambda s: now.__setitem__(0, now[0] + s)},
    )
    code, out, err = bench.run("trigger", "pulse", "reports", "--watch")
    assert code == 1
    assert "delays.clean" in out
    assert err == (
        "error: reports@1 is blocked: delays@1 failed in Ripple clean, attempt 1: ValueError: it "
        "broke\n"
        "hint: See all of it: duckstring run show delays@1/1\n"
    )


def test_status_is_plain_text_in_a_pipe_and_json_for_programs(bench: Bench) -> None:
    answer = {
        "now": "2030-01-01T12:00:00.000000Z",
        "lines": [line_status("sales@1", status="waiting", reason="waits for " + "x" * 150)],
    }
    bench.answers({"status": answer})
    code, out, _ = bench.run("status")
    assert code == 0
    assert "x" * 150 in out
    assert "\x1b" not in out
    assert json.loads(bench.run("status", "--json")[1]) == answer


def test_an_endless_message_does_not_push_the_columns_out_of_a_piped_view(bench: Bench) -> None:
    message = "x" * 500_000
    failure = {
        "run": "sales@1/1",
        "ripple": "load",
        "attempt": 1,
        "error": "RuntimeError",
        "message": message,
    }
    held = line_status(
        "sales@1", status="failed", reason=f"sales@1 failed: {message}", failure=failure
    )
    row = run_row(
        "sales@1/1", status="failed", ripple="load", error="RuntimeError", message=message
    )
    bench.answers(
        {"status": {"now": "2030-01-01T12:00:00.000000Z", "lines": [held]}, "runs": {"runs": [row]}}
    )
    for arguments in (["status"], ["status", "sales"], ["runs"]):
        out = bench.run(*arguments)[1]
        assert max(map(len, out.splitlines())) < 320
        assert "xxx…" in out
    assert bench.run("status")[1].split()[:5] == ["POND", "VERSION", "STATUS", "AGE", "NOW"]
    bench.answers(
        {
            "run": {
                "run": row,
                "attempts": [
                    attempt_row("sales@1/1", "load", error="RuntimeError", message=message)
                ],
            }
        }
    )
    assert message in bench.run("run", "show", "sales@1/1")[1]


def test_a_run_shows_what_waits_to_be_tried_again(bench: Bench) -> None:
    shown = {
        "run": run_row("sales@1/1", status="running", finished=None),
        "attempts": [attempt_row("sales@1/1", "load", status="failed", error="OSError")],
        "retries": [{"ripple": "load", "attempt": 2, "at": "2030-01-01T12:00:30.000000Z"}],
    }
    bench.answers({"run": shown})
    out = bench.run("run", "show", "sales@1/1")[1]
    assert "load is tried again at 2030-01-01 12:00:30Z (attempt 2)." in out


def test_the_backlog_of_arrivals_is_listed_in_as_many_pages_as_are_asked_for(bench: Bench) -> None:
    def page(first: int, last: int) -> list[dict[str, object]]:
        return [
            {
                "number": n,
                "uri": f"s3://landing/in/{n}\x1b[31m.csv",
                "size": 1_500,
                "arrived": "2030-01-01T12:00:00.000000Z",
            }
            for n in range(first, last + 1)
        ]

    answers = {
        None: {"line": "sales@1", "waiting": 5, "objects": page(1, 2), "next": 2},
        2: {"line": "sales@1", "waiting": 5, "objects": page(3, 4), "next": 4},
    }
    bench.answers(lambda request: {"ok": True, "result": answers[request.get("after")]})
    code, out, _ = bench.run("trigger", "arrival", "sales", "backlog", "-n", "3")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[:4]] == [
        "OBJECT",
        *(f"s3://landing/in/{n}\\x1b[31m.csv" for n in (1, 2, 3)),
    ]
    assert "1.5 kB" in out
    assert "and 2 more (--limit N)" in out
    told = json.loads(bench.run("trigger", "arrival", "sales", "backlog", "-n", "4", "--json")[1])
    assert (told["waiting"], len(told["objects"]), "next" in told) == (5, 4, False)
    bench.answers({"backlog": {"line": "sales@1", "waiting": 0, "objects": []}})
    assert "sales@1: no object waits" in bench.run("trigger", "arrival", "sales", "backlog")[1]


def test_status_of_a_pond_without_a_major_is_of_its_highest(bench: Bench) -> None:
    lines = [line_status("sales@2"), line_status("sales@10"), line_status("sales@1")]
    bench.answers(
        {"status": {"now": "2030-01-01T12:00:00.000000Z", "lines": lines}, "runs": {"runs": []}}
    )
    assert bench.run("status", "sales")[1].startswith("sales@10 ")
    assert bench.asked[-1] == {"op": "runs", "pond": "sales", "major": 10, "limit": 5}


def a_page(*lines: object, following: str | None = None, **totals: int) -> dict[str, object]:
    now = "2030-01-01T12:00:00.000000Z"
    page = {"totals": totals, "next": following}
    return {"status": {"now": now, "lines": [*lines], "limits": [], "page": page}}


def test_status_of_many_is_a_page_that_says_what_it_does_not_show(bench: Bench) -> None:
    killed, idle = line_status("sales@1", status="killed"), line_status("orders@1")
    totals = {"killed": 1, "stale": 2, "idle": 4998}
    bench.answers(a_page(killed, idle, following="idle:orders@1", **totals))
    code, out, _ = bench.run("status", "-n", "2", "-t", "team=x", "-s", "killed", "-s", "idle")
    assert (code, bench.asked[-1]) == (
        0,
        {
            "op": "status",
            "limit": 2,
            "tags": {"team": "x"},
            "statuses": ["killed", "idle"],
        },
    )
    assert "sales@1" in out, "another major may be on another page"
    more = "… and 4,999 more, 2 of them stale (next page: --after idle:orders@1; all: duckstring"
    assert f"{more} status --once --all)" in out
    bench.run("status", "--after", "idle:orders@1")
    assert bench.asked[-1] == {"op": "status", "limit": 100, "after": "idle:orders@1"}
    bench.run("status")
    assert bench.asked[-1] == {"op": "status", "limit": 100}


def test_a_status_that_is_whole_says_nothing_of_pages(bench: Bench) -> None:
    bench.answers(a_page(line_status("sales@1"), idle=1))
    out = bench.run("status")[1]
    assert "more" not in out
    assert "sales@1" not in out


def test_all_pages_are_asked_for_one_by_one(bench: Bench) -> None:
    bench.answers(a_page(line_status("sales@1"), idle=1))
    bench.run("status", "--all")
    assert bench.asked[-1] == {"op": "status"}
    bench.run("status", "--all", "-s", "idle")
    assert bench.asked[-1] == {"op": "status", "limit": 1000, "statuses": ["idle"]}


def test_status_for_programs_is_whole_unless_a_page_is_asked_for(bench: Bench) -> None:
    bench.answers(a_page(line_status("sales@1"), idle=1))
    bench.run("status", "--json")
    assert bench.asked[-1] == {"op": "status"}
    told = json.loads(bench.run("status", "--json", "-n", "5")[1])
    assert bench.asked[-1] == {"op": "status", "limit": 5}
    assert told["page"] == {"totals": {"idle": 1}, "next": None}


def test_pages_of_nothing_say_so(bench: Bench) -> None:
    bench.answers(a_page())
    assert bench.run("status")[1].startswith("Nothing is deployed yet")
    assert bench.run("status", "-s", "failed")[1] == "No Pond is failed.\n"
    found = bench.run("status", "-s", "failed", "-s", "killed", "-t", "team=x")[1]
    assert found == "No Pond with team=x is failed or killed.\n"
    found = bench.run("status", "--after", "idle:z@1")[1]
    assert found == "There are no lines behind idle:z@1.\n"


def test_an_older_catchment_without_pages_answers_with_all(bench: Bench) -> None:
    now = "2030-01-01T12:00:00.000000Z"
    bench.answers({"status": {"now": now, "lines": [line_status("sales@1")]}})
    code, out, _ = bench.run("status")
    assert (code, bench.asked[-1]) == (0, {"op": "status"})
    assert "sales" in out
    code, out, err = bench.run("status", "-s", "failed")
    assert (code, out) == (1, "")
    assert "does not answer by pages" in err


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["-s", "faild"], "error: --status: 'faild' is not a status; it is one of failed, killed"),
        (["--after", "sales@1"], "error: --after: 'sales@1' is not a place in a list"),
        (["--after", "idle:sales"], "error: --after: 'idle:sales' is not a place in a list"),
        (["--all", "-n", "5"], "error: Give --all, or --limit and --after, not both."),
        (["sales", "-n", "5"], "error: --status, --limit, --after and --all go with all Ponds"),
        (["-n", "0"], "error: "),
    ],
)
def test_pages_that_make_no_sense_are_refused(
    bench: Bench, arguments: list[str], error: str
) -> None:
    code, out, err = bench.run("status", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith(error)


@pytest.mark.parametrize(
    ("words", "heard", "sent"),
    [
        ("tap sales", "tap received", "tap sent"),
        (
            "tide sales 1d",
            "tide received, no staler than 1d",
            "tide sent, no staler than 1d",
        ),
        ("remove sales", "trigger removed", "removal of its trigger sent"),
    ],
)
def test_a_trigger_says_whether_its_line_has_heard_it(
    bench: Bench, words: str, heard: str, sent: str
) -> None:
    late = "sales@1 has not received it yet, but it will. Look again: duckstring status sales"
    for applied, said in ((True, heard), (False, sent), (None, sent)):
        answer = {"line": "sales@1", "epoch": at(0), "warnings": []}
        bench.answers({"trigger": answer | ({} if applied is None else {"applied": applied})})
        code, out, err = bench.run("trigger", *words.split())
        assert (code, out) == (0, f"sales@1: {said}\n")
        assert (late in err) is (applied is False)


def test_a_trigger_that_has_to_wait_is_warned_of(bench: Bench) -> None:
    bench.answers(
        {
            "trigger": {
                "line": "sales@1",
                "epoch": at(0),
                "warnings": ["sales@1 starts nothing until run sales@1/4 is over"],
            }
        }
    )
    code, out, err = bench.run("trigger", "pulse", "sales")
    assert (code, out) == (0, "sales@1: pulse sent\n")
    assert "warning: sales@1 starts nothing until run sales@1/4 is over" in err


def test_a_catchment_in_aws_is_not_changed_without_being_told_so(
    bench: Bench, bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.catchment(PROD)
    root = project(tmp_path, "sales")
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    code, _, err = bench.run("deploy", str(root))
    assert (code, bench.asked) == (1, [])
    assert "not deploying sales 1.0.0 without confirmation" in err
    bench.answers(deployed("sales@1"))
    assert bench.run("deploy", str(root), "-y")[0] == 0


def test_a_folder_that_cannot_be_written_is_one_clear_line(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code, out, err = bench.run("pond", "init", "x", "--into", "/proc/x")
    assert (code, out) == (1, "")
    assert err.startswith("error: /proc/x")
    assert err.count("\n") == 2


def test_runs_of_a_span_and_the_next_page(bench: Bench) -> None:
    bench.answers({"runs": {"runs": []}})
    words = ["--since", "2030-01-01T02:00", "--until", "2030-01-02", "--before", "sales@1/7"]
    assert "No such run." in bench.run("runs", *words)[1]
    assert bench.asked[-1] == {
        "op": "runs",
        "limit": 20,
        "since": "2030-01-01T02:00:00.000000Z",
        "until": "2030-01-02T00:00:00.000000Z",
        "before": "sales@1/7",
    }
    before = datetime.now(UTC)
    bench.run("runs", "--since", "2h")
    since = datetime.fromisoformat(str(bench.asked[-1]["since"]))
    assert timedelta(0) <= since - (before - timedelta(hours=2)) < timedelta(minutes=5)


def run_by(by: str | None) -> dict[str, object]:
    at = "2030-01-01T12:00:00.000000Z"
    return {
        **dict.fromkeys(("changed", "overtaken_by", "ripple", "error", "message")),
        "run": "sales@1/3",
        "pond": "sales",
        "major": 1,
        "number": 3,
        "version": "1.0.0",
        "f": at,
        "status": "success",
        "started": at,
        "finished": at,
        "by": by,
    }


def test_runs_by_somebody_show_who_it_was(bench: Bench) -> None:
    alice = "arn:aws:iam::123456789012:user/alice"
    bench.answers({"runs": {"runs": [run_by(alice)], "further": "sales@1/3"}})
    code, out, err = bench.run("runs", "--by", "alice")
    assert (code, bench.asked[-1]) == (0, {"op": "runs", "limit": 20, "by": "alice"})
    assert "BY" in out
    assert "user/alice" in out
    assert "--before sales@1/3 goes on" in err


def test_runs_by_nobody_say_what_a_name_is(bench: Bench) -> None:
    bench.answers({"runs": {"runs": []}})
    assert "No such run that ali[b] asked for." in bench.run("runs", "--by", "ali[b]")[1]
    code, out, err = bench.run("runs", "--by", " ")
    assert (code, out) == (2, "")
    assert err.startswith("error: --by is empty")


def test_an_older_catchment_that_ignores_who_asked_is_not_believed(bench: Bench) -> None:
    bench.answers({"runs": {"runs": [run_by("bob@desk"), run_by(None)]}})
    code, out, err = bench.run("runs", "--by", "alice")
    assert (code, out) == (1, "")
    assert "does not list runs by who asked" in err


def test_a_suggested_command_names_the_catchment_that_was_named(bench: Bench) -> None:
    failure = {"run": "sales@1/1", "ripple": "load", "attempt": 1, "error": "E", "message": "m"}
    held = line_status("sales@1", status="failed", failure=failure)
    status = {"now": "2030-01-01T12:00:00.000000Z", "lines": [held]}
    bench.answers(
        {"trigger": {"line": "sales@1", "epoch": "x"}, "runs": {"runs": []}, "status": status}
    )
    assert (
        bench.run("trigger", "tap", "sales", "-c", "prod")[2]
        == "Watch it: duckstring status -c prod\n"
    )
    assert bench.run("trigger", "tap", "sales")[2] == "Watch it: duckstring status\n"
    assert "trigger pulse sales --watch -c prod" in bench.run("runs", "sales", "-c", "prod")[1]
    assert "run show sales@1/1 -c prod" in bench.run("status", "-c", "prod")[1]
    assert "run show sales@1/1 -c prod" in bench.run("status", "sales", "-c", "prod")[1]


def test_commands_in_what_the_catchment_says_act_on_the_catchment_that_was_named(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_such = {
        "type": "PondNotFoundError",
        "message": "No Pond.",
        "hint": "List them with: duckstring status --once",
    }
    way_out = "Let it go on: duckstring control wake a."
    answers = {
        "tables": {"ok": False, "error": no_such},
        "trigger": {"line": "a@1", "epoch": None, "warnings": [way_out]},
    }
    bench.answers(answers)
    assert (
        "hint: List them with: duckstring status -c prod --once"
        in bench.run("query", "a", "-c", "prod")[2]
    )
    assert (
        "warning: Let it go on: duckstring control wake -c prod a."
        in bench.run("trigger", "tap", "a", "-c", "prod")[2]
    )
    assert "hint: List them: duckstring runs -c prod" in bench.run("logs", "a", "-c", "prod")[2]
    assert "hint: List them: duckstring runs\n" in bench.run("logs", "a")[2]
    monkeypatch.setenv("DUCKSTRING_CATCHMENT", "prod")
    assert "hint: List them: duckstring runs -c prod" in bench.run("logs", "a")[2]


def test_an_interrupted_command_leaves_without_a_word(bench: Bench) -> None:
    def interrupted(_: Mapping[str, object]) -> Mapping[str, Any]:
        raise KeyboardInterrupt

    bench.answers(interrupted)
    assert bench.run("status") == (130, "", "")


def test_help_names_every_command_and_gives_examples(bench: Bench) -> None:
    code, out, _ = bench.run("--help")
    assert code == 0
    for name in (
        "catchment",
        "deploy",
        "pond",
        "trigger",
        "status",
        "runs",
        "run",
        "query",
        "get",
        "demo",
    ):
        assert f"\n  {name} " in out
    for command in (
        ["deploy"],
        ["trigger", "tide"],
        ["query"],
        ["run", "show"],
        ["catchment", "connect"],
        ["pond", "demo"],
    ):
        assert "Example: duckstring " + " ".join(command) in bench.run(*command, "--help")[1]


def test_help_needs_neither_aws_nor_duckdb_nor_pydantic() -> None:
    program = "import sys; from duckstring_cli import main; main.run(['--help']); "
    program += "sys.exit(bool({'boto3', 'botocore', 'duckdb', 'pydantic'} & sys.modules.keys()))"
    assert (
        subprocess.run([sys.executable, "-c", program], capture_output=True, check=False).returncode
        == 0
    )


@pytest.mark.parametrize("words", ["trigger pulse", "control wake", "status", "runs"])
def test_a_pond_is_a_name(bench: Bench, words: str) -> None:
    code, _, err = bench.run(*words.split(), "")
    assert (code, err) == (
        2,
        "error: POND is a Pond's name, found ''.\nhint: List them with: duckstring status --once\n",
    )
    assert bench.asked == []


def test_a_pulse_that_nothing_had_to_run_for_says_so(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = line_status("sales@1", end_f=at(3600))
    answers = {
        "status": {"now": at(0), "lines": [held]},
        "trigger": {"line": "sales@1", "epoch": at(0), "warnings": []},
    }
    bench.answers(lambda request: {"ok": True, "result": answers[str(request["op"])]})
    monkeypatch.setattr("duckstring_cli.live.follow.__kwdefaults__", {"sleep": lambda _: None})
    code, out, _ = bench.run("trigger", "pulse", "sales", "--watch")
    assert code == 0
    assert (
        out.splitlines()[-1]
        == "✓ sales@1 is fresh as of 2030-01-01 13:00:00Z already: nothing had to run"
    )
