from __future__ import annotations

from typing import Any

import pytest

from duckstring_cli import board, pond_view, render
from duckstring_cli.follow import Follower, Goal
from tests.unit.cli.commands_kit import Bench
from tests.unit.cli.made_up import line_status

NOW = "2030-01-01T12:00:00.000000Z"


def token(line: str, since: str, *, priority: int = 50) -> dict[str, Any]:
    return {
        "line": line,
        "run": f"{line}/4",
        "ripple": "extract",
        "since": f"2030-01-01T{since}.000000Z",
        "priority": priority,
    }


def limit(**told: Any) -> dict[str, Any]:
    base = {
        "name": "databricks",
        "tokens": 2,
        "held": [token("sales@1", "11:48:00"), token("orders@1", "11:57:00")],
        "waiting": [token("stock@1", "11:59:20")],
        "used_by": ["orders@1", "sales@1", "stock@1", "tax@1", "visits@1"],
    }
    return base | told


def answered(*limits: dict[str, Any], **told: Any) -> dict[str, Any]:
    return {"limit": {"now": NOW, "limits": list(limits), "warnings": [], "applied": True} | told}


def test_limits_are_listed_with_who_has_a_token_and_who_waits(bench: Bench) -> None:
    bench.answers(answered(limit()))
    code, out, _ = bench.run("limit", "list")
    assert code == 0
    assert bench.asked == [{"op": "limit", "action": "list"}]
    assert [" ".join(line.split()) for line in out.splitlines()] == [
        "LIMIT TOKENS TAKEN WAITING USED BY",
        "databricks 2 2 1 orders@1, sales@1, stock@1 and 2 more",
        "",
        "DATABRICKS RUN RIPPLE FOR",
        "has one sales@1/4 extract 12m00s",
        "has one orders@1/4 extract 3m00s",
        "waits, next stock@1/4 extract 40s",
    ]


def test_priorities_are_shown_where_somebody_has_set_one_and_a_long_queue_is_cut(
    bench: Bench,
) -> None:
    queue = [token(f"p{number}@1", "11:59:20", priority=60) for number in range(23)]
    bench.answers(answered(limit(waiting=queue)))
    out = bench.run("limit", "list")[1]
    assert "PRIORITY" in out
    assert "waits, 20" in out
    assert "waits, 21" not in out
    assert "… and 3 more wait" in out


def test_a_limit_that_is_used_and_not_set_is_warned_of(bench: Bench) -> None:
    bench.answers(answered(limit(tokens=None, held=[], waiting=[])))
    out = bench.run("limit", "list")[1]
    assert "no limit" in out
    assert "! databricks has no limit: any number of attempts runs at once." in out
    assert "duckstring limit set databricks N" in out
    bench.answers(answered())
    assert "No limit is set, and no deployed Ripple uses one." in bench.run("limit", "list")[1]
    bench.answers(answered(limit(held=[], waiting=[], used_by=[])))
    assert "nobody" in bench.run("limit", "list")[1]


@pytest.mark.parametrize(
    ("tokens", "held", "waiting", "said"),
    [
        (3, 0, 0, "✓ databricks: 3 at once\n"),
        (3, 1, 0, "✓ databricks: 3 at once; one runs now\n"),
        (2, 2, 1, "✓ databricks: 2 at once; 2 run now; one waits\n"),
        (
            1,
            2,
            3,
            "✓ databricks: 1 at once; 2 run now; 3 wait; new ones wait until fewer run\n",
        ),
    ],
)
def test_setting_a_limit_says_what_runs_and_waits_now(
    bench: Bench, tokens: int, held: int, waiting: int, said: str
) -> None:
    one = token("sales@1", "11:59:00")
    bench.answers(answered(limit(tokens=tokens, held=[one] * held, waiting=[one] * waiting)))
    assert bench.run("limit", "set", "databricks", str(tokens))[:2] == (0, said)
    assert bench.asked == [{"op": "limit", "action": "set", "name": "databricks", "tokens": tokens}]


def test_removing_and_a_limit_that_was_busy_and_a_name_that_nothing_uses(bench: Bench) -> None:
    bench.answers(answered())
    code, out, err = bench.run("limit", "rm", "databricks")
    assert (code, out, err) == (0, "✓ databricks has no limit any more\n", "")
    bench.answers(answered(warnings=["No deployed Ripple uses x."], applied=False))
    code, out, err = bench.run("limit", "set", "x", "0")
    assert code == 0
    assert "warning: No deployed Ripple uses x." in err
    assert "warning: Limit x has not received it yet, but it will." in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("set", "Data", "3"), "NAME is 'Data'; allowed: a lower-case letter, then lower-case"),
        (("set", "data"), "Missing argument 'N'"),
        (("set", "data", "1001"), "less than or equal to 1000"),
        (("set", "data", "three"), "Input should be a valid integer"),
        (("rm", "a b"), "NAME is 'a b'; allowed"),
    ],
)
def test_bad_words_are_refused_before_anybody_is_asked(
    bench: Bench, words: tuple[str, ...], said: str
) -> None:
    code, out, err = bench.run("limit", *words)
    assert (code, out) == (2, "")
    assert said in err
    assert bench.asked == []


def test_a_priority_is_shown_and_set(bench: Bench) -> None:
    bench.answers({"priority": {"line": "sales@1", "priority": 80, "applied": False}})
    code, out, err = bench.run("control", "priority", "sales", "80")
    assert (code, out) == (0, "sales@1: priority 80\n")
    assert "sales@1 has not received it yet" in err
    bench.run("control", "priority", "sales")
    assert bench.asked[1] == {"op": "priority", "pond": "sales"}
    assert bench.run("control", "priority", "sales", "101")[0] == 2


def waiting_line(**told: Any) -> dict[str, Any]:
    ripple = {
        "name": "extract",
        "status": "queued",
        "attempt": 1,
        "since": "2030-01-01T11:59:20.000000Z",
        "task_mib": 0,
        "where": None,
        "memory_mib": None,
        "pauses": None,
        "resumes": None,
        "awaits": "databricks",
    }
    run = {
        "run": "stock@1/4",
        "f": NOW,
        "version": "1.0.0",
        "started": NOW,
        "ripples": [ripple],
    }
    spec = {
        "name": "extract",
        "parents": [],
        "end_f": NOW,
        "status": "queued",
        "checks": [],
        "uses": ["databricks"],
        "runs_on": "lambda",
        "task_mib": 0,
        "decided_by": "default",
    }
    return line_status("stock@1", status="running", runs=[run], ripples=[spec], **told)


def shown(*limits: dict[str, Any], height: int | None = None) -> str:
    answer: Any = {"now": NOW, "lines": [waiting_line()], "limits": list(limits)}
    return printed(board.overview(answer, width=120, height=height))


def printed(view: Any) -> str:
    console = render.out()
    with console.capture() as captured:
        console.print(view)
    return captured.get()


def test_the_status_says_which_limits_make_somebody_wait(bench: Bench) -> None:
    assert bench
    said = shown(limit())
    assert "extract waits for databricks" in said
    assert (
        "limit databricks: 2 of 2 taken by sales@1, orders@1; extract of stock@1 has waited 40s"
        in " ".join(said.split())
    )
    two = [token("stock@1", "11:59:20"), token("tax@1", "11:58:20")]
    assert "extract of stock@1, extract of tax@1 wait, the longest for 1m40s" in " ".join(
        shown(limit(waiting=two)).split()
    )
    assert "2 of 2 taken" in shown(limit(waiting=[]))
    assert "limit" not in shown(limit(held=[], waiting=[])).replace("waits for", "")
    assert "databricks has no limit" in shown(limit(tokens=None))
    many = [limit(name=f"l{number}") for number in range(9)]
    assert shown(*many).count("taken") == 9
    assert shown(*many, height=30).count("taken") == 3


def test_the_status_of_one_pond_has_its_limits_and_its_priority(bench: Bench) -> None:
    assert bench
    line: Any = waiting_line(priority=80)
    answer: Any = {"now": NOW, "lines": [line], "limits": [limit(), limit(name="other")]}
    said = printed(pond_view.detail(answer, line, []))
    assert "databricks: 2 of 2 taken by sales@1, orders@1" in said
    assert "other" not in said
    assert "80 (usually 50; the highest first)" in said
    assert "waits for databricks" in said
    unset: Any = answer | {"limits": [limit(tokens=None)]}
    said = printed(pond_view.detail(unset, line | {"priority": 50}, []))
    assert "databricks: no limit is set, 2 taken by sales@1, orders@1" in said
    assert "priority" not in said


def test_who_follows_a_trigger_is_told_that_a_ripple_waits_for_a_token() -> None:
    follower = Follower(Goal("stock@1", None, NOW), lambda _: {"attempts": []})  # type: ignore[arg-type, return-value, typeddict-item]
    before: Any = {"now": NOW, "lines": [line_status("stock@1")]}
    follower.begin(before)
    events = follower.observe({"now": NOW, "lines": [waiting_line()]})  # type: ignore[typeddict-item]
    assert ("extract", "queued", "waits for a token of databricks") in [
        (event.ripple, event.what, event.detail) for event in events
    ]
