"""`duckstring control`: what is asked of the api, and what the command prints."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.unit.cli.commands_kit import Bench
from tests.unit.cli.made_up import line_status, run_row


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
