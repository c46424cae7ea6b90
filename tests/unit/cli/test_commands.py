from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from duckstring_cli import catchments, client, main
from duckstring_cli.catchments import Access, Catchment
from tests.unit.cli.made_up import FLIGHTS, Play, at, attempt_row, line_status, run_row

DEV = Catchment(name="dev", kind="local", stack="Duckstring-dev", region="us-east-1", port=1)
PROD = Catchment(name="prod", kind="aws", stack="Duckstring-prod", region="us-east-1")
Door = Callable[[Mapping[str, object]], Mapping[str, Any]]


class Bench:
    """Runs command lines against a made-up api function."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys
        self.asked: list[Mapping[str, object]] = []
        self.catchment(DEV)
        self.answers({})

    def catchment(self, held: Catchment) -> None:
        self._monkeypatch.setattr(catchments, "find", lambda _: held)
        self._monkeypatch.setattr(catchments, "outputs", lambda _: {"Bucket": "the-bucket"})
        self._monkeypatch.setattr(
            catchments,
            "session",
            lambda _: Access(boto3.Session("key", "secret", region_name="us-east-1"), None),
        )

    def answers(self, results: Mapping[str, Any] | Door) -> None:
        def door(request: Mapping[str, object]) -> Mapping[str, Any]:
            self.asked.append(request)
            if callable(results):
                return results(request)
            found = results.get(str(request["op"]), {"error": f"no {request['op']}"})
            return found if "ok" in found else {"ok": True, "result": found}

        self._monkeypatch.setattr(client, "LambdaDoor", lambda _: door)

    def run(self, *arguments: str) -> tuple[int, str, str]:
        code = main.run(arguments)
        told = self._capsys.readouterr()
        return code, told.out, told.err


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Bench:
    return Bench(monkeypatch, capsys)


@pytest.fixture
def bucket() -> Any:
    with mock_aws():
        s3 = boto3.client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket="the-bucket")
        yield s3


def project(root: Path, name: str, version: str = "1.0.0", more: str = "") -> Path:
    (root / name / "src").mkdir(parents=True)
    (root / name / "pond.toml").write_text(
        f'[pond]\nname = "{name}"\nversion = "{version}"\n{more}'
    )
    (root / name / "src" / "pond.py").write_text(
        "from duckstring import ripple\n\n\n@ripple\ndef load(pond):\n    pass\n"
    )
    return root / name


def deployed(*lines: str, **told: Any) -> dict[str, Any]:
    pond = {
        "version": "1.0.0",
        "ripples": ["load"],
        "sources": [],
        "warnings": [],
        "unchanged": False,
        "killed": False,
    } | told
    return {"deploy": {"ponds": [{"line": line} | pond for line in lines]}}


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (["statsu"], 2, "error: No such command 'statsu'. Did you mean 'status'?"),
        (["trigger", "puls", "a"], 2, "Did you mean 'pulse'?"),
        (["trigger", "tide", "reports"], 2, "error: Missing argument 'BOUND'."),
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
                "error: Missing option '--every'.\n"
                "hint: See: duckstring trigger window POND add --help"
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
        (["query", "a", "b", "--sql", "SELECT 1"], 2, "error: Give a TABLE or --sql, not both."),
        (["query", "a", "--csv", "--json"], 2, "error: Give one of --csv, --json and --parquet."),
        (
            ["query", "a", "--sql", "@/nowhere.sql"],
            2,
            "error: /nowhere.sql cannot be read: No such file or directory.",
        ),
        (["pond", "init", "Sales"], 2, "error: 'Sales' is not a Pond's name."),
        (["pond", "init", "sales", "--kind", "outlets"], 2, "hint: Did you mean 'outlet'?"),
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


def test_a_refusal_is_told_in_the_catchments_words_and_exit_code_1(bench: Bench) -> None:
    error = {
        "type": "PondNotFoundError",
        "message": "No Pond 'report' in this Catchment; the nearest: reports.",
        "hint": "List them.",
    }
    bench.answers({"trigger": {"ok": False, "error": error}})
    assert bench.run("trigger", "tap", "report") == (
        1,
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


def test_status_of_a_pond_without_a_major_is_of_its_highest(bench: Bench) -> None:
    lines = [line_status("sales@2"), line_status("sales@10"), line_status("sales@1")]
    bench.answers(
        {"status": {"now": "2030-01-01T12:00:00.000000Z", "lines": lines}, "runs": {"runs": []}}
    )
    assert bench.run("status", "sales")[1].startswith("sales@10 ")
    assert bench.asked[-1] == {"op": "runs", "pond": "sales", "major": 10, "limit": 5}


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


def test_a_folder_tree_is_deployed_in_one_call_and_only_what_is_new_is_uploaded(
    bench: Bench, bucket: Any, tmp_path: Path
) -> None:
    project(tmp_path, "sales")
    project(tmp_path / "deeper", "reports", more='[sources]\nsales = "1.0.0"\n')
    project(tmp_path / ".venv", "hidden")
    bench.answers(deployed("sales@1", "reports@1", warnings=["[b]careful"]))
    code, out, err = bench.run("deploy", str(tmp_path), "--all")
    assert code == 0
    assert "sales@1    1.0.0    deployed  load" in out
    assert "warning: [b]careful" in err
    (request,) = bench.asked
    ponds = request["ponds"]
    assert isinstance(ponds, list)
    assert {pond["manifest"]["pond"]["name"] for pond in ponds} == {"sales", "reports"}
    held = {
        found["Key"]: found["LastModified"]
        for found in bucket.list_objects_v2(Bucket="the-bucket")["Contents"]
    }
    assert set(held) == {pond["artifact"] for pond in ponds}
    assert all(pond["artifact"].endswith(f"{pond['sha256']}.zip") for pond in ponds)
    bucket.put_object_tagging(
        Bucket="the-bucket", Key=min(held), Tagging={"TagSet": [{"Key": "first", "Value": "yes"}]}
    )
    bench.run("deploy", str(tmp_path), "--all")
    assert bucket.get_object_tagging(Bucket="the-bucket", Key=min(held))["TagSet"] == [
        {"Key": "first", "Value": "yes"}
    ]


def test_a_version_that_does_not_run_yet_is_not_called_deployed(
    bench: Bench, bucket: Any, tmp_path: Path
) -> None:
    root = project(tmp_path, "sales")
    bench.answers(
        deployed("sales@1", waits_for=["sales@1/4"], warnings=["sales@1 runs 1.0.0 still"])
    )
    code, out, err = bench.run("deploy", str(root))
    assert code == 0
    assert "sales@1  1.0.0    waits for sales@1/4" in out
    assert "warning: sales@1 runs 1.0.0 still" in err
    bench.answers(deployed("sales@1", waits_for=["sales@1/4", "sales@1/5"], unchanged=True))
    assert "waits for sales@1/4 and 1 more" in bench.run("deploy", str(root))[1]


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


def test_the_faults_of_every_pond_toml_are_told_before_anything_is_asked(
    bench: Bench, tmp_path: Path
) -> None:
    project(tmp_path, "sales", version="one", more="immediate_retries = -1\n")
    project(tmp_path, "reports", more="[sources]\nreports = '1.0.0'\n")
    code, out, err = bench.run("deploy", str(tmp_path), "--all")
    assert (code, out, bench.asked) == (2, "", [])
    faults = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(faults) == 3
    assert sum("sales/pond.toml" in fault for fault in faults) == 2


@pytest.mark.parametrize("killed", [False, True])
def test_a_killed_line_is_not_offered_to_be_triggered(
    bench: Bench, bucket: Any, tmp_path: Path, killed: bool
) -> None:
    root = project(tmp_path, "sales")
    bench.answers(deployed("sales@1", killed=killed))
    code, _, err = bench.run("deploy", str(root))
    assert code == 0
    assert ("trigger pulse sales" in err) is not killed


def test_the_next_step_names_the_major_where_the_name_alone_means_another(
    bench: Bench, bucket: Any, tmp_path: Path
) -> None:
    root = project(tmp_path, "sales")
    for default, said in (
        (True, "trigger pulse sales --watch"),
        (False, "trigger pulse sales -m 1 --watch"),
    ):
        answer = deployed("sales@1")
        answer["deploy"]["ponds"][0]["default"] = default
        bench.answers(answer)
        assert said in bench.run("deploy", str(root))[2]


def test_a_project_is_found_from_any_folder_of_it(
    bench: Bench, bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = project(tmp_path, "sales")
    monkeypatch.chdir(root / "src")
    bench.answers(deployed("sales@1"))
    assert bench.run("deploy")[0] == 0
    (root / "src" / "deeper").mkdir()
    assert bench.run("deploy", str(root / "src" / "deeper"))[0] == 0
    assert [request["ponds"][0]["manifest"]["pond"]["name"] for request in bench.asked] == [
        "sales",
        "sales",
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            "[pond]\nname = 'sales'\nversion = '1.0.0'\n".encode("utf-16"),
            "sales/pond.toml is UTF-16 text; allowed: UTF-8.",
        ),
        (
            b"[pond]\nname = 'caf\xe9'\n",
            "sales/pond.toml:2: found the byte 0xe9, which is not UTF-8",
        ),
        (None, "sales/pond.toml is a link to pond.toml, which leads to no file."),
    ],
)
def test_a_pond_toml_that_cannot_be_read_is_one_line(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None, said: str
) -> None:
    root = project(tmp_path, "sales")
    (root / "pond.toml").unlink()
    if content is None:
        (root / "pond.toml").symlink_to("pond.toml")
    else:
        (root / "pond.toml").write_bytes(content)
    monkeypatch.chdir(tmp_path)
    code, out, err = bench.run("deploy", "sales")
    assert (code, out, bench.asked) == (2, "", [])
    assert err.startswith(f"error: {said}")
    assert err.count("error: ") == 1


def test_a_fault_of_one_package_of_several_names_its_project(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "c"):
        project(tmp_path, name)
    (tmp_path / "b" / "src" / "pond.py").unlink()
    (tmp_path / "c" / "src" / "pond.py").write_bytes("x = 1".encode("utf-16"))
    monkeypatch.chdir(tmp_path)
    code, _, err = bench.run("deploy", "--all")
    assert (code, bench.asked) == (2, [])
    assert "error: b: pond.toml names src/pond.py for its Ripples; there is no such file.\n" in err
    assert "error: c: src/pond.py is UTF-16 text; allowed: UTF-8.\n" in err
    assert "error: src/pond.py is UTF-16 text; allowed: UTF-8.\n" in bench.run("deploy", "c")[2]


def test_a_folder_above_some_ponds_is_not_deployed_unasked(bench: Bench, tmp_path: Path) -> None:
    project(tmp_path, "sales")
    code, _, err = bench.run("deploy", str(tmp_path))
    assert code == 2
    assert "1 below it (sales)" in err
    assert f"duckstring deploy {tmp_path} --all" in err


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


def controlled(status: str = "idle", **told: Any) -> dict[str, Any]:
    held = line_status(
        "sales@1", status=status, reason=told.pop("reason", ""), **told.pop("line", {})
    )
    return {
        "control": {
            "lines": ["sales@1"],
            "applied": True,
            "previous": "idle",
            "status": held,
            "runs": [],
            "warnings": [],
        }
        | told
    }


@pytest.mark.parametrize(
    ("words", "answer", "out"),
    [
        (["wake", "sales"], controlled("running"), "sales@1: woken\n"),
        (
            ["wake", "sales"],
            controlled("waiting", reason="waits for orders@1"),
            "sales@1: woken; waits for orders@1\n",
        ),
        (
            ["wake", "sales"],
            controlled("blocked", reason="blocked by orders@1 (killed)"),
            "sales@1: woken; blocked by orders@1 (killed)\n",
        ),
        (
            ["wake", "sales"],
            controlled("running", line={"next": {"version": "1.1.0", "waits_for": ["sales@1/4"]}}),
            "sales@1: woken; 1.1.0 waits for run sales@1/4, and so does this\n",
        ),
        (["force", "sales"], controlled("running"), "sales@1: forced\n"),
        (
            ["force", "sales"],
            controlled(
                "running",
                line={"demand": {"pull": False, "targets": [], "woken": False, "forced": True}},
            ),
            "sales@1: forced; it runs when what is in flight is done\n",
        ),
        (["sleep", "sales"], controlled(), "sales@1: asleep\n"),
        (
            ["sleep", "sales", "--upstream"],
            controlled(lines=["sales@1", "orders@1"]),
            "sales@1, orders@1: asleep\n",
        ),
        (
            ["kill", "sales"],
            controlled("killed", runs=["sales@1/7"]),
            "sales@1: killed; stopped run sales@1/7\n",
        ),
        (["kill", "sales", "-y"], controlled("killed"), "sales@1: killed; nothing was running\n"),
        (["clear", "sales"], controlled(previous="failed"), "sales@1: cleared\n"),
        (
            ["clear", "sales"],
            controlled(
                "blocked", previous="killed", reason="blocked by orders@1 (failed: no [disk])"
            ),
            "sales@1: cleared; blocked by orders@1 (failed: no [disk])\n",
        ),
        (
            ["clear", "sales"],
            controlled(),
            "sales@1: neither failed nor killed; nothing to clear\n",
        ),
    ],
)
def test_a_verb_is_told_in_a_line(
    bench: Bench, words: list[str], answer: dict[str, Any], out: str
) -> None:
    bench.answers(answer)
    code, told, _ = bench.run("control", *words, "-m", "1")
    assert (code, told) == (0, out)
    asked = {"op": "control", "pond": "sales", "major": 1, "verb": words[0]}
    assert bench.asked == [asked | ({"upstream": True} if "--upstream" in words else {})]


def test_a_kill_asks_on_a_terminal_and_takes_no_for_an_answer(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.answers(controlled("killed"))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    for reply, code in ((False, 1), (True, 0)):
        monkeypatch.setattr("typer.confirm", lambda *_, reply=reply, **__: reply)
        assert bench.run("control", "kill", "sales")[0] == code
        assert bool(bench.asked) == reply


def test_sinks_that_stay_awake_and_words_not_heard_are_warned_of(bench: Bench) -> None:
    bench.answers(
        controlled(applied=False, warnings=["reports@1 is awake (wave) and reads sales@1: ..."])
    )
    code, _, err = bench.run("control", "sleep", "sales")
    assert code == 0
    assert "warning: reports@1 is awake (wave)" in err
    assert (
        "warning: sales@1 has not received it yet, but it will. Look again: duckstring status sales"
        in err
    )


def test_budgets_are_shown_and_set(bench: Bench) -> None:
    answer = {
        "line": "sales@1",
        "immediate_retries": 1,
        "source_retries": 2,
        "failures": 0,
        "applied": True,
    }
    bench.answers({"failure-budget": answer})
    assert bench.run("control", "failure-budget", "sales")[:2] == (
        0,
        "sales@1: failure-budget: immediate 1, source 2\n",
    )
    bench.run("control", "failure-budget", "sales", "--immediate", "0")
    assert bench.asked == [
        {"op": "failure-budget", "pond": "sales"},
        {"op": "failure-budget", "pond": "sales", "immediate_retries": 0},
    ]
    bench.answers({"failure-budget": answer | {"failures": 3}})
    assert (
        bench.run("control", "failure-budget", "sales")[1]
        == "sales@1: failure-budget: immediate 1, source 2, 3 failed in a row\n"
    )
    assert bench.run("control", "failure-budget", "sales", "--source", "1001")[0] == 2


def computed(**told: Any) -> dict[str, Any]:
    row = {
        "name": "load",
        "runs_on": "lambda",
        "task_mib": 0,
        "cpu_units": 0,
        "decided_by": "default",
        "learnt_mib": 0,
        "pin": None,
    }
    function = {"memory_mib": 2048, "seconds": 900}
    return {
        "compute": {
            "line": "sales@1",
            "function": function,
            "ripples": [row | {"name": "join"}, row | told],
            "applied": True,
        }
    }


def test_where_ripples_run_is_shown(bench: Bench) -> None:
    bench.answers(
        computed(
            runs_on="task", task_mib=30_720, cpu_units=4096, decided_by="learnt", learnt_mib=30_720
        )
    )
    code, out, _ = bench.run("control", "compute", "sales")
    assert code == 0
    assert [line.split() for line in out.splitlines() if line.startswith(("join", "load"))] == [
        ["join", "in", "the", "function", "2", "GB", "1.2", "nothing", "says", "otherwise"],
        ["load", "as", "a", "task", "30", "GB", "4", "it", "needed", "that"],
    ]
    assert out.startswith("sales@1  from the next attempt on\n")
    assert "An attempt has 15m in the function; one that needs more goes on as a task." in out
    assert bench.asked == [{"op": "compute", "pond": "sales"}]


def test_a_ripple_is_pinned_and_let_go_again(bench: Bench) -> None:
    pin = {"on": "task", "memory_mib": 9216}
    bench.answers(
        computed(runs_on="task", task_mib=16_384, cpu_units=2048, decided_by="operator", pin=pin)
    )
    out = bench.run("control", "compute", "sales", "load", "--on", "task", "--memory", "9GB")[1]
    assert out == (
        "sales@1: load runs as a task of 16 GB from its next attempt on, until --on auto; it "
        "fails if that is too small\n"
    )
    bench.answers(
        computed(
            runs_on="task",
            task_mib=16_384,
            cpu_units=2048,
            decided_by="operator",
            pin=pin | {"memory_mib": 0},
        )
    )
    out = bench.run("control", "compute", "sales", "load", "--on", "task")[1]
    assert (
        out == "sales@1: load runs as a task of 16 GB from its next attempt on, until --on auto\n"
    )
    bench.answers(computed())
    out = bench.run("control", "compute", "sales", "load", "--on", "auto")[1]
    assert out == (
        "sales@1: load runs in the function from its next attempt on; the line finds out by "
        "itself again\n"
    )
    whose = {"op": "compute", "pond": "sales", "ripple": "load"}
    assert bench.asked == [
        whose | {"on": "task", "memory_mib": 9216},
        whose | {"on": "task"},
        whose | {"on": "auto"},
    ]
    assert json.loads(bench.run("control", "compute", "sales", "--json")[1])["line"] == "sales@1"


def test_what_is_pinned_where_it_may_be_too_small_is_said_to_fail_there(bench: Bench) -> None:
    pinned = computed(decided_by="operator", pin={"on": "lambda", "memory_mib": 0})
    bench.answers(pinned)
    out = bench.run("control", "compute", "sales")[1]
    why = "an operator pinned it, and it fails if that is too small"
    assert [line.partition("1.2  ")[2].strip() for line in out.splitlines() if "1.2  " in line] == [
        "nothing says otherwise",
        why,
    ]
    has = "An attempt has 15m in the function; one that needs more"
    assert f"{has} goes on as a task, but fails where it is pinned there: load." in out
    del pinned["compute"]["ripples"][0]
    assert f"{has} fails, for it is pinned there." in bench.run("control", "compute", "sales")[1]
    assert (
        "load runs in the function from its next attempt on, until --on auto; it fails if that "
        "is too small" in (bench.run("control", "compute", "sales", "--on", "lambda")[1])
    )
    bench.answers(
        computed(
            runs_on="task",
            task_mib=16_384,
            decided_by="operator",
            pin={"on": "task", "memory_mib": 9216},
        )
    )
    out = bench.run("control", "compute", "sales")[1]
    assert why in out
    assert f"{has} goes on as a task." in out


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("load", "load: say where it runs."),
        ("load --on tsak", "--on tsak: allowed: lambda, task, auto."),
        ("load --on lambda --memory 9GB", "--memory 9GB goes with --on task."),
        ("load --memory 9GB", "--memory 9GB goes with --on task."),
        ("load --on task --memory lots", "--memory 'lots' is not a size; allowed: 128MB to 120GB."),
        (
            "load --on task --memory 121GB",
            "--memory '121GB' is not a size; allowed: 128MB to 120GB.",
        ),
    ],
)
def test_a_place_that_cannot_be_is_refused_before_anybody_is_asked(
    bench: Bench, words: str, error: str
) -> None:
    code, _, err = bench.run("control", "compute", "sales", *words.split())
    assert (code, bench.asked) == (2, [])
    assert error in err


def test_a_forced_run_is_watched_to_its_own_end_though_no_freshness_moves(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever else is going on in its lineage."""
    now = [0.0]
    rows = {
        0.0: run_row("sales@1/4"),
        1.0: run_row("sales@1/5", started=0.5, took=None),
        2.0: run_row("sales@1/5", started=0.5, took=1.0),
    }

    def door(request: Mapping[str, object]) -> Mapping[str, Any]:
        row = rows[min(now[0] // 1, 2.0)]
        going = (
            [{"run": "sales@1/5", "f": row["f"], "started": row["started"], "ripples": []}]
            if row["finished"] is None
            else []
        )
        held = line_status(
            "sales@1",
            status="running" if going else "idle",
            end_f=row["f"],
            last_run=row,
            runs=going,
        )
        other = line_status("orders@1", status="running")
        answer = controlled("running")["control"] | {"status": held}
        told = {
            "status": {"now": row["started"], "lines": [held, other]},
            "control": answer,
            "run": {"run": row, "attempts": []},
        }
        return {"ok": True, "result": told[str(request["op"])]}

    bench.answers(door)
    monkeypatch.setattr(
        "duckstring_cli.live.follow.__kwdefaults__",
        {"sleep": lambda s: now.__setitem__(0, now[0] + s)},
    )
    code, out, _ = bench.run("control", "force", "sales", "--watch")
    assert code == 0
    assert "sales                        done in 1.0s" in out
    assert "✓ sales@1 is fresh as of" in out
    assert now[0] >= 2.0
    assert "orders" not in out


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
    rows = {line.split()[0]: line for line in out.splitlines()}
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


def test_a_rule_that_the_catchment_refuses_is_misuse_and_a_missing_one_a_refusal(
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
    assert bench.run("trigger", "window", "sales", "remove", "b")[0] == 1


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


@pytest.mark.parametrize("words", ["trigger pulse", "control wake", "status", "runs"])
def test_a_pond_is_its_name_alone(bench: Bench, words: str) -> None:
    code, _, err = bench.run(*words.split(), "sales@2")
    assert (code, err) == (
        2,
        (
            "error: POND is a Pond's name alone, found 'sales@2'.\n"
            "hint: Its line is picked by its major: sales -m 2\n"
        ),
    )
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


@pytest.mark.parametrize(
    ("paths", "hint"),
    [
        (["a", "b"], "duckstring deploy --all"),
        (
            ["t/a", "t/b c"],
            (
                "duckstring deploy t --all\nhint: Or one after the other: duckstring deploy t/a && "
                "duckstring deploy 't/b c'"
            ),
        ),
    ],
)
def test_several_paths_are_refused_with_commands_that_deploy_them(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, paths: list[str], hint: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = bench.run("deploy", *paths)
    assert (code, out, bench.asked) == (2, "", [])
    assert err.startswith(f"error: deploy takes one PATH; found 2: {', '.join(paths)}.\nhint: ")
    assert hint in err
