"""The fault campaign's own parts: its plan, its laws (each can be broken), and the module that
does the harm.
"""

from __future__ import annotations

import importlib.util
import json
import os
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bench.chaos import ponds
from bench.chaos.faults import ACTS
from bench.chaos.law import Facts, Manifest, Table, judge
from bench.chaos.plan import BY_NAME, FAULTS, batches, plan
from bench.chaos.storage import Rule
from duckstring.model.values import replace

F, LATER = "2030-01-01T12:00:00.000000Z", "2030-01-01T12:00:05.000000Z"


def test_the_same_seed_is_the_same_plan_and_another_is_another():
    assert plan(200, 7) == plan(200, 7) != plan(200, 8)


@pytest.mark.parametrize("rounds", [len(FAULTS), 200, 317])
def test_each_fault_has_its_share_and_at_least_one_round(rounds):
    counted = Counter(one.fault for one in plan(rounds, 3))
    assert sum(counted.values()) == rounds
    assert set(counted) == {fault.name for fault in FAULTS}
    for fault in FAULTS:
        share = rounds * fault.weight / sum(one.weight for one in FAULTS)
        assert abs(counted[fault.name] - share) <= 3


def test_every_fault_can_be_done():
    assert set(ACTS) == {fault.name for fault in FAULTS}


def test_a_batch_is_of_one_pace_and_what_strikes_all_is_done_alone():
    rounds = plan(200, 5)
    made = list(batches(rounds, 3))
    assert sorted(one.number for batch in made for one in batch) == [*range(1, 201)]
    for batch in made:
        paces = {BY_NAME[one.fault].pace for one in batch}
        assert len(paces) == 1
        assert len(batch) <= (1 if paces == {"alone"} else 3)


def note(word, **more):
    return {
        "word": word,
        "run": 1,
        "ripple": "load",
        "attempt": 1,
        "pid": 7,
        "at": 100.0,
        "pauses": 0,
    } | more


def attempt_of(run=1, ripple="load", number=1, status="success", **more):
    return {
        "run": f"a@1/{run}",
        "ripple": ripple,
        "attempt": number,
        "status": status,
        "message": "m",
        "error": "E",
        **more,
    }


def run_of(number=1, status="success", **more):
    return {
        "run": f"a@1/{number}",
        "number": number,
        "status": status,
        "finished": F,
        "ripple": None,
        "error": None,
        **more,
    }


WELL = Facts(
    line="a@1",
    ripples=("load",),
    runs=[run_of()],
    attempts=[attempt_of()],
    notes=[note("begin"), note("end"), note("left")],
    manifests=[Manifest("a@1", 1, F, [Table("load", F, 1, F)])],
)
FAILED = replace(
    WELL,
    runs=[run_of(status="failed", ripple="load", error="ValueError")],
    attempts=[attempt_of(status="failed", error="ValueError", message="no")],
    notes=[note("begin"), note("raised", error="ValueError", message="no"), note("left")],
    manifests=[],
)
OVER = [note("begin"), note("end"), note("left")]


def test_what_went_well_or_failed_honestly_breaks_no_law():
    assert judge(WELL) == []
    assert judge(FAILED) == []


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (replace(WELL, open_runs=(1,)), "runs [1] are still in flight"),
        (replace(WELL, runs=[run_of(status="running", finished=None)]), "a@1/1 is running"),
        (replace(WELL, ripples=("load", "join")), "a@1/1 is a success without join"),
        (replace(FAILED, runs=[run_of(status="failed")]), "a@1/1 failed without saying why"),
        (
            replace(WELL, attempts=[attempt_of(status="running")]),
            "attempt (1, 'load', 1) is running",
        ),
        (
            replace(WELL, notes=[note("begin"), note("left")]),
            "is a success, and its Ripple never came to its end",
        ),
        (replace(FAILED, notes=OVER), "has failed, and its Ripple raised nothing"),
        (
            replace(
                WELL, attempts=[*WELL.attempts, attempt_of(number=2, status="crashed", message="")]
            ),
            "is crashed and does not say why",
        ),
        (
            replace(WELL, attempts=[attempt_of(status="not begun")]),
            "attempt (1, 'load', 1) is not begun, and the ledger has it",
        ),
        (replace(WELL, attempts=[]), "attempt (1, 'load', 1) ran, and history has no row of it"),
        (
            replace(
                FAILED, attempts=[attempt_of(status="failed", error="ValueError", message="n")]
            ),
            "history tells ValueError: 'n'",
        ),
        (
            replace(WELL, notes=[note("begin"), *OVER]),
            "attempt (1, 'load', 1, 0) was executed 2 times",
        ),
        (
            replace(WELL, attempts=[attempt_of(), attempt_of(number=2, status="lost")]),
            "attempt 2 after attempt 1 had succeeded",
        ),
        (replace(WELL, manifests=[Manifest("a@1", 1, F, [])]), "a@1/1 publishes [], not ['load']"),
        (
            replace(
                WELL, manifests=[Manifest("a@1", 1, F, [Table("load", "", 0, error="NoSuchKey")])]
            ),
            "load cannot be read: NoSuchKey",
        ),
        (
            replace(WELL, manifests=[Manifest("a@1", 1, F, [Table("load", LATER, 1)])]),
            f"1 rows of {LATER}, the snapshot is of {F}",
        ),
        (
            replace(WELL, manifests=[Manifest("a@1", 1, F, [Table("load", F, 1, LATER)])]),
            f"of {F} read what was of {LATER}",
        ),
        (replace(FAILED, manifests=WELL.manifests), "run 1 is published and no success"),
        (replace(WELL, manifests=[]), "a@1/1 is a success and nothing of it is published"),
        (
            replace(WELL, notes=[*OVER, note("asks", token="x"), note("asks", token="y")]),
            "run 1 load asked by 2 tokens, and failed 0 times",
        ),
        (replace(WELL, owes=True), "its outbox is not performed"),
        (
            replace(WELL, notes=[note("begin"), note("end")], living={7}),
            "process 7 is still in attempt (1, 'load', 1)",
        ),
    ],
)
def test_each_law_can_be_broken(facts, said):
    assert any(said in violation for violation in judge(facts)), judge(facts)


def test_what_is_allowed_breaks_no_law():
    retried = replace(
        FAILED,
        runs=WELL.runs,
        manifests=WELL.manifests,
        attempts=[*FAILED.attempts, attempt_of(number=2)],
    )
    second = [note(word, attempt=2) for word in ("begin", "end", "left")]
    tokens = [note("asks", token="x"), note("asks", token="y", attempt=2)]
    assert judge(replace(retried, notes=[*FAILED.notes, *second, *tokens])) == []
    paused = [
        note("begin"),
        note("left"),
        note("begin", pauses=1),
        note("end", pauses=1),
        note("left", pauses=1),
    ]
    assert judge(replace(WELL, notes=paused)) == []
    lost = [attempt_of(status="not begun"), attempt_of(number=2)]
    assert judge(replace(WELL, attempts=lost, notes=second)) == [], (
        "its execution was lost before a worker began it"
    )
    overtaken = replace(
        WELL, runs=[run_of(overtaken_by="a@1/2")], attempts=[], notes=[], manifests=[]
    )
    assert judge(overtaken) == []
    gone, asked = note("asks", at=51.0, token="x"), note("asks", token="y")
    undone = replace(
        WELL, notes=[note("begin", at=50.0), gone, asked, *OVER], again=((40.0, 60.0),)
    )
    assert judge(undone) == [], "a restored checkpoint does not know of it"
    half = replace(
        WELL,
        notes=[note(word, at=50.0) for word in ("begin", "end", "left")],
        again=((40.0, 60.0),),
    )
    assert judge(half) == [], "the checkpoint was made after its end"
    silent = replace(FAILED, attempts=[attempt_of(status="failed", error="ValueError", message="")])
    raised = [note("begin"), note("raised", error="ValueError", message=""), note("left")]
    assert judge(replace(silent, notes=raised)) == [], "it raised without a word"
    ended = [note("begin"), note("fault", fault="os_exit")]
    exited = replace(
        FAILED,
        attempts=[
            attempt_of(status="failed", error="ProcessExit", message="ended its own process")
        ],
        notes=ended,
    )
    assert judge(exited) == [], "it ended its own process"
    assert judge(replace(exited, notes=[note("begin")])) != []
    assert judge(replace(exited, notes=[note("begin"), note("fault", fault="sleep")])) != []


def test_storage_rules_strike_so_many_requests_after_so_many():
    rule = Rule(("data/a@1/",), "refuse", methods=("PUT",), skip=1, times=2)
    asked = [
        ("PUT", "b/data/a@1/t"),
        ("GET", "b/data/a@1/t"),
        ("PUT", "b/data/c@1/t"),
        *[("PUT", "b/data/a@1/t")] * 3,
    ]
    assert [rule.strikes(*one) for one in asked] == [False, False, False, True, True, False]


@pytest.fixture
def injected(tmp_path, monkeypatch):
    """The module as a function's process has it, but for its hook in the import system."""
    monkeypatch.delenv("CHAOS_ROLE", raising=False)
    path = Path(__file__).parents[2] / "bench" / "chaos" / "injected" / "sitecustomize.py"
    spec = importlib.util.spec_from_file_location("injected", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setenv("CHAOS_RULES", str(tmp_path))
    monkeypatch.setenv("CHAOS_ROLE", "ripple")
    monkeypatch.setattr(module, "die", lambda: (_ for _ in ()).throw(SystemExit("died")))
    return module


def request(target="DynamoDB_20120810.PutItem", body='{"pk": {"S": "LINE#a@1"}}'):
    return SimpleNamespace(
        url="http://x/", method="POST", headers={"X-Amz-Target": target}, body=body.encode()
    )


class Errors:
    class ReadTimeoutError(Exception):
        def __init__(self, **_named): ...


def test_a_rule_strikes_what_it_names_and_counts_over_all_processes(injected, tmp_path):
    rule = {
        "role": "ripple",
        "services": ["dynamodb"],
        "operations": ["PutItem"],
        "texts": ["LINE#a@1"],
        "skip": 1,
        "times": 1,
    }
    (tmp_path / "r.json").write_text(json.dumps(rule | {"fault": "throttle"}))
    sent = []
    send = injected.sending(lambda _, one: sent.append(one) or "answer", Errors)
    others = [
        request("DynamoDB_20120810.GetItem"),
        request(body="LINE#b@1"),
        request("AmazonSQS.SendMessage"),
    ]
    assert [send(None, one) for one in [*others, request()]] == ["answer"] * 4
    refused = send(None, request())
    assert (refused.status_code, "Throughput" in refused.content.decode(), len(sent)) == (
        400,
        True,
        4,
    )
    assert send(None, request()) == "answer"
    assert [path.name for path in tmp_path.glob("*.fired.*")] == ["r.fired.1"]


@pytest.mark.parametrize(
    ("fault", "raised", "reached"),
    [
        ("lost_answer", Errors.ReadTimeoutError, 1),
        ("kill_before", SystemExit, 0),
        ("kill_after", SystemExit, 1),
    ],
)
def test_each_fault_is_before_or_after_the_request(injected, tmp_path, fault, raised, reached):
    (tmp_path / "r.json").write_text(json.dumps({"role": "ripple", "fault": fault}))
    sent = []
    with pytest.raises(raised):
        injected.sending(lambda _, one: sent.append(one), Errors)(None, request())
    assert len(sent) == reached


def test_a_later_death_comes_so_many_requests_later(injected, tmp_path):
    (tmp_path / "r.json").write_text(
        json.dumps({"role": "ripple", "operations": ["PutItem"], "fault": "kill_later", "later": 2})
    )
    send = injected.sending(lambda _, one: "answer", Errors)
    assert [send(None, request()), send(None, request("AmazonSQS.SendMessage"))] == ["answer"] * 2
    with pytest.raises(SystemExit):
        send(None, request("AWSStepFunctions.StartExecution"))


def test_rules_of_another_role_are_not_ours(injected, tmp_path):
    (tmp_path / "r.json").write_text(json.dumps({"role": "orchestrator", "fault": "kill_before"}))
    assert injected.sending(lambda *_: "answer", Errors)(None, request()) == "answer"


def test_the_handler_is_kept_and_dies_when_it_is_done(injected, tmp_path):
    (tmp_path / "k.json").write_text(
        json.dumps(
            {"role": "ripple", "operations": ["handle"], "texts": ["a@1"], "fault": "keep_event"}
        )
    )
    (tmp_path / "z.json").write_text(
        json.dumps(
            {"role": "ripple", "operations": ["handle"], "texts": ["b@1"], "fault": "kill_at_end"}
        )
    )
    done = []
    handle = injected.handling(lambda event, _: done.append(event) or "told")
    assert handle({"to": "a@1"}, None) == "told"
    assert json.loads((tmp_path / "k.event.1").read_text()) == {"to": "a@1"}
    with pytest.raises(SystemExit):
        handle({"to": "b@1"}, None)
    assert done == [{"to": "a@1"}, {"to": "b@1"}]


def test_what_is_meant_for_a_task_waits_for_one(tmp_path, monkeypatch):
    """A worker of a function has a parent, too: the template of all workers. An order to stop
    that would stop everything.
    """
    monkeypatch.setenv("CHAOS", str(tmp_path))
    for name in ("orders", "taken"):
        (tmp_path / name).mkdir()
    for number, order in enumerate(({"do": "sleep", "where": "task"}, {"do": "raise"})):
        (tmp_path / "orders" / f"lane_in.load.begin.{number}").write_text(json.dumps(order))
    head: dict[str, Any] = {}
    exec(ponds._HEAD, head)
    here, pond = (
        os.getpid(),
        SimpleNamespace(name="lane_in", _around=SimpleNamespace(ripple="load")),
    )
    assert head["family"]()[:2] == [here, os.getppid()]
    commands = {here: b"python\0worker", os.getppid(): b"python\0/x/local/template.py\0"}
    head["_command"] = commands.__getitem__
    assert (head["family"](), head["told"](pond, "begin"), head["told"](pond, "begin")) == (
        [here],
        {"do": "raise"},
        None,
    )
    commands[here] = b"python\0-m\0functions.ripple.task\0"
    assert head["told"](pond, "begin") == {"do": "sleep", "where": "task"}
