"""``duckstring cost``: a bill that adds up, page by page, and clear refusals."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from duckstring_cli import costing
from tests.unit.cli.commands_kit import PROD, Bench
from tests.unit.cli.made_up import attempt_row, run_row


def run_cost(run: str, *, used=None, **more):
    return {
        "run": run,
        "started": f"2030-01-01T12:00:{int(run.rpartition('/')[2]):02}Z",
        "status": "success",
        "wanted": "pull",
        "sources": {},
        "overtaken_by": None,
        "used": {"stepfunctions_transitions": 40} if used is None else used,
        "attempts": 1,
        "estimated": 0,
        "running": 0,
        **more,
    }


def answering(*pages):
    """The api, with one page after the other."""
    left = list(pages)

    def door(request):
        runs = left.pop(0)
        return {
            "ok": True,
            "result": {"now": "2030-01-01T13:00:00Z", "runs": runs, "more": bool(left)},
        }

    return door


SHARED = (
    run_cost("reports@1/1", wanted="wave", sources={"sales@1": 1}),
    run_cost("sales@1/1", wanted="pull", sources={"raw@1": 0}),
)


def test_a_bill_lists_each_pond_with_what_its_runs_cost(bench: Bench):
    bench.answers(answering([SHARED[0]], [SHARED[1]]))
    code, out, _ = bench.run("cost", "--json")
    made = json.loads(out)
    assert code == 0
    assert [(row["line"], row["usd"]) for row in made["rows"]] == [
        ("reports@1", pytest.approx(0.001)),
        ("sales@1", pytest.approx(0.001)),
    ]
    assert made["usd"] == pytest.approx(0.002)
    assert made["usd_by_kind"] == {"stepfunctions_transitions": pytest.approx(0.002)}
    assert made["runs"] == 2
    assert [asked.get("before") for asked in bench.asked] == [None, "reports@1/1"]


def test_by_trigger_whoever_read_a_run_pays_it(bench: Bench):
    bench.answers(answering(SHARED))
    _, out, _ = bench.run("cost", "--by", "trigger")
    (line,) = [line for line in out.splitlines() if line.startswith("reports@1")]
    assert line.split() == ["reports@1", "wave", "1", "$0.00200"]
    assert "sales@1" not in out


def test_the_bill_of_one_pond_is_its_own_and_says_nothing_of_the_catchment(bench: Bench):
    bench.answers(answering([SHARED[1]]))
    code, out, _ = bench.run("cost", "sales", "--since", "30d")
    assert code == 0
    assert bench.asked[0]["pond"] == "sales"
    assert "the Catchment itself" not in out
    assert "a local Catchment costs nothing" in out


def test_by_trigger_one_ponds_bill_has_what_its_demand_led_to(bench: Bench):
    bench.answers(answering(SHARED))
    _, out, _ = bench.run("cost", "sales", "--by", "trigger", "--json")
    assert json.loads(out)["rows"] == []
    assert bench.asked[0].get("pond") is None


def test_what_is_not_measured_is_said(bench: Bench):
    bench.answers(answering([run_cost("sales@1/1", estimated=2, running=1)]))
    _, out, _ = bench.run("cost")
    assert "2 attempts could not say what they used: estimated" in out
    assert "1 attempts go on: not in it" in out
    assert "a month (docs/cost.md)" in out


def test_no_bill_reads_without_end(bench: Bench, monkeypatch):
    monkeypatch.setattr(costing, "MOST_RUNS", 2)
    bench.answers(answering(*[[run_cost(f"sales@1/{number}")] for number in (3, 2, 1)]))
    _, out, _ = bench.run("cost")
    assert "only the newest 2 runs" in out
    assert len(bench.asked) == 2


def test_no_run_is_one_line(bench: Bench):
    bench.answers(answering([]))
    code, out, _ = bench.run("cost", "--since", "2030-01-01", "--until", "2030-01-02")
    assert (code, out.splitlines()[0][:11]) == (0, "No run from")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--by", "actor"), "does not add up by who asked"),
        (("--by", "trigge"), "none of pond, trigger"),
        (("--since", "yesterday"), "--since: 'yesterday' is not a point in time"),
        (("--since", "1d", "--until", "2d"), "is not later than --since"),
        (("--factor", "0"), "factor"),
    ],
)
def test_a_request_that_cannot_be_answered_is_refused_before_anything_is_asked(
    bench: Bench, options, words
):
    code, _, err = bench.run("cost", *options)
    assert code == 2
    assert words in err
    assert bench.asked == []


def test_another_region_needs_a_factor(bench: Bench):
    bench.catchment(replace(PROD, region="eu-west-3"))
    bench.answers(answering(SHARED))
    code, _, err = bench.run("cost")
    assert code == 2
    assert "no price list of eu-west-3" in err
    code, out, _ = bench.run("cost", "--factor", "2", "--json")
    assert code == 0
    assert json.loads(out)["usd"] == pytest.approx(0.004)


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        (0, "$0"),
        (0.000123456, "$0.000123"),
        (1.5, "$1.50"),
        (1234.5, "$1,234.50"),
        (1e-12, "$0.000000000"),
    ],
)
def test_dollars_have_three_digits_at_least(usd, text):
    assert costing.dollars(usd) == text


def test_run_show_says_what_the_run_cost(bench: Bench):
    run = run_row("sales@1/3") | {"used": {"stepfunctions_transitions": 3}}
    attempts = [attempt_row("sales@1/3", "load") | {"used": {"secrets_reads": 1}}]
    bench.answers({"run": {"run": run, "attempts": attempts, "older_tables": []}})
    _, out, _ = bench.run("run", "show", "sales@1/3")
    assert "cost $0.0000800 at list prices of us-east-1" in out
