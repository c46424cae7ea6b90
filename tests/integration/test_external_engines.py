"""The engines of docs/external.md: each example, as it is written there, against a fake server of
that engine's shape. Answers are lost, workers die, tokens expire, and a kill comes at any time.
"""

from __future__ import annotations

import random
import re
from contextlib import nullcontext, suppress
from pathlib import Path

import duckdb
import pytest

from duckstring import external, ripple
from duckstring.author.pausing import Paused
from duckstring.author.ripple import collecting
from duckstring.external import (
    CancelRefusedError,
    ExternalRunFailedError,
    RefusedError,
    Requested,
)
from duckstring.external.fake import AIRFLOW, DBT_CLOUD, PLAIN, PREFECT, FakeEngine
from duckstring.external.fake.pond import WorkerLost

DOCS = (Path(__file__).parents[2] / "docs" / "external.md").read_text(encoding="utf-8")
ENGINES = {
    "Prefect 3": (
        PREFECT,
        {
            "PREFECT_API_URL": "{url}/api",
            "PREFECT_UI_URL": "https://prefect.example.com",
            "PREFECT_API_KEY": "a-key-of-prefect",
            "SALES_DEPLOYMENT": "0197f0c4-8a4e-7d02-9d41-6a8b8f1f7c11",
        },
    ),
    "Airflow 3": (
        AIRFLOW,
        {"AIRFLOW_URL": "{url}", "AIRFLOW_USER": "duckstring", "AIRFLOW_PASSWORD": "secret"},
    ),
    "dbt Cloud": (
        DBT_CLOUD,
        {"DBT_URL": "{url}/api/v2/accounts/7", "SALES_DBT_JOB": "42", "DBT_TOKEN": "a-dbt-token"},
    ),
    "A key in the body": (PLAIN, {"ENGINE": "{url}"}),
}


TITLES = {
    "Prefect 3": "Sales in Prefect",
    "Airflow 3": "Sales in Airflow",
    "dbt Cloud": "Sales in dbt Cloud",
    "A key in the body": "Job /runs",
}


def example(heading: str) -> dict:
    """What the example under a heading defines."""
    section = DOCS.partition(f"\n### {heading}\n")[2].partition("\n##")[0]
    (code,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    scope = {name: getattr(external, name) for name in external.__all__} | {"ripple": ripple}
    with collecting():
        exec(compile(code, f"external.md, {heading}", "exec"), scope)
    return scope


@pytest.fixture(params=ENGINES)
def heading(request):
    return request.param


@pytest.fixture
def scope(heading):
    return example(heading)


@pytest.fixture
def engine(heading):
    shape, environment = ENGINES[heading]
    with FakeEngine(shape, environment=environment) as engine:
        yield engine


def test_a_run_is_started_once_waited_for_and_told(engine, scope):
    engine.call(scope["run_pipeline"])

    (run,) = engine.runs
    assert run.state == "succeeded"
    assert scope["job"].key(engine.pond) in run.key
    (row,) = duckdb.sql(engine.pond.tables["run"]).fetchall()
    assert (row[1], row[4] is not None, row[5] is not None) == (run.id, True, True)
    assert engine.pond.pauses == [15]


@pytest.mark.parametrize("fault", ["lost", "503", "worker lost", "refused connection after"])
def test_whatever_becomes_of_the_answer_to_the_start_there_is_one_run(engine, scope, fault):
    match fault:
        case "lost":
            engine.lose_reply("start", times=2)
        case "503":
            engine.answer("start", 503, carried_out=True, times=3)
        case "worker lost":
            engine.pond.lose_worker()
        case _:
            engine.lose_reply("start")
            engine.answer("start", 503, times=2)
    engine.hide(1)  # its list lags behind
    engine.call(scope["run_pipeline"])

    (run,) = engine.runs
    assert run.state == "succeeded"


def test_a_failed_run_is_told_with_message_link_and_title_first(heading, engine, scope):
    engine.fail_next("load_prices")
    with pytest.raises(ExternalRunFailedError) as failed:
        engine.call(scope["run_pipeline"])

    (run,) = engine.runs
    message = failed.value.message
    assert "load_prices" in message[:40]
    assert f"({TITLES[heading]}, run {run.id}, ended {run.word})" in message
    assert f"/{run.id}" in failed.value.url
    assert message.index(failed.value.url) < message.index(run.id + ", ended")
    engine.pond.next_try()
    engine.call(scope["run_pipeline"])
    assert [one.state for one in engine.runs] == ["failed", "succeeded"]
    assert len(engine.started) == 2


def test_a_kill_cancels_the_run(engine, scope):
    engine.looks = 100
    with pytest.raises(Paused):
        scope["job"].run(engine.pond)
    said = scope["job"].cancel(engine.pond)

    (run,) = engine.runs
    assert (run.state, run.cancels) == ("cancelled", 1)
    assert f"run {run.id}" in said
    assert run.word in said


@pytest.mark.parametrize("lost", ["reply", "worker", "request"])
def test_a_kill_finds_and_cancels_a_start_that_is_in_doubt(heading, engine, scope, lost):
    """The request was sent, and no answer stored: today's leak."""
    engine.looks = 100
    if lost == "worker":
        engine.pond.lose_worker()
    else:
        engine.lose_reply("start", times=3, carried_out=lost == "reply")
    with pytest.raises((WorkerLost, Paused)):
        scope["job"].start(engine.pond)
    engine.hide(2)
    said = scope["job"].cancel(engine.pond)

    if lost == "request" and heading in {"dbt Cloud", "A key in the body"}:  # a list was asked
        assert (engine.runs, said.rpartition(": ")[2]) == (
            [],
            "no run was started under this try's key.",
        )
    else:
        assert [(run.state, run.cancels) for run in engine.runs] == [("cancelled", 1)]


def test_an_engine_that_is_busy_is_asked_to_cancel_until_it_answers(engine, scope):
    engine.looks = 100
    scope["job"].start(engine.pond)
    engine.answer("cancel", 503, times=4)
    engine.answer("cancel", 429, retry_after="20")
    engine.answer("cancel", 404)  # it does not know the run yet
    scope["job"].cancel(engine.pond)

    assert [(run.state, run.cancels) for run in engine.runs] == [("cancelled", 1)]
    assert sum(engine.clock.slept) < 100


def test_a_cancel_that_stays_refused_says_where_the_run_is_and_what_to_do(engine, scope):
    engine.looks = 100
    run = scope["job"].start(engine.pond)
    engine.answer("cancel", 403, times=99, message="You may not do that.")
    with pytest.raises(CancelRefusedError, match=r"was not cancelled: .*You may not") as refused:
        scope["job"].cancel(engine.pond)
    assert f"run {run}" in refused.value.message
    assert "the right" in refused.value.hint


@pytest.mark.parametrize("status", [401, 403, 407, 429, 500, 502, 503])
def test_a_refused_look_is_no_failure_of_the_run(engine, scope, status):
    scope["job"].start(engine.pond)
    engine.answer("status", status, times=7)
    engine.call(scope["run_pipeline"])

    assert [run.state for run in engine.runs] == ["succeeded"]


def test_the_five_lines_of_a_test_hold_for_the_ripple_of_the_docs():
    section = DOCS.partition("\n## Testing a proxy Pond\n")[2]
    (code,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    scope = example("A key in the body")
    exec(compile(code, "external.md", "exec"), scope)
    scope["test_a_lost_reply_starts_one_run"]()


CALLS = ("start", "status", "find", "token", "message", "cancel")


def trouble(engine: FakeEngine, luck: random.Random) -> None:
    """A few things that go wrong, in any order."""
    for _ in range(luck.randrange(1, 6)):
        call, times = luck.choice(CALLS), luck.randrange(1, 5)
        match luck.choice(("status", "status", "reply", "request", "worker", "state", "tokens")):
            case "status":
                status = luck.choice((429, 500, 502, 503, 504))
                engine.answer(call, status, times=times, carried_out=luck.random() < 0.4)
            case "reply":
                engine.lose_reply(call, times=times)
            case "request":
                engine.lose_reply(call, times=times, carried_out=False)
            case "worker":
                engine.pond.lose_worker(luck.randrange(1, 4))
            case "state":
                engine.show_state("PONDERING", times=times)
            case "tokens" if engine.shape is AIRFLOW:
                engine.expire_tokens()
            case _:
                engine.answer("status", luck.choice((401, 403)), times=times)
    engine.hide(luck.randrange(0, 3))


@pytest.mark.parametrize("seed", range(12))
def test_whatever_goes_wrong_a_try_has_one_run_and_ends_as_it_ended(engine, scope, seed):
    luck = random.Random(seed)
    trouble(engine, luck)
    fails = luck.random() < 0.4
    if fails:
        engine.fail_next("load_prices")
    with pytest.raises(ExternalRunFailedError) if fails else nullcontext():
        engine.call(scope["run_pipeline"])

    assert [run.state for run in engine.runs] == ["failed" if fails else "succeeded"]


@pytest.mark.parametrize("seed", range(12))
def test_whatever_goes_wrong_a_kill_that_is_confirmed_leaves_no_run_going(engine, scope, seed):
    luck = random.Random(1_000 + seed)
    engine.looks = 10_000
    trouble(engine, luck)
    for _ in range(luck.randrange(0, 5)):
        with suppress(Paused, WorkerLost):
            scope["job"].run(engine.pond)
    engine.pond.lose_worker(0)
    confirmed = False
    with suppress(CancelRefusedError):
        confirmed = not isinstance(scope["job"].cancel(engine.pond), Requested)

    assert len(engine.runs) <= 1
    if confirmed:
        assert [run for run in engine.runs if run.state == "active"] == []
    else:
        engine.heal()
        scope["job"].cancel(engine.pond)
        assert [run for run in engine.runs if run.state == "active"] == []


# Airflow has only tokens that expire.


@pytest.fixture
def airflow():
    return example("Airflow 3")


def airflow_engine(**more) -> FakeEngine:
    shape, environment = ENGINES["Airflow 3"]
    return FakeEngine(shape, environment=environment, **more)


@pytest.mark.parametrize("uses", [1, 2, 3])
def test_a_token_that_expires_after_a_few_requests_is_renewed_in_every_step(airflow, uses):
    with airflow_engine(token_uses=uses, looks=4) as engine:
        engine.fail_next("load_prices")
        with pytest.raises(ExternalRunFailedError, match="Failed: load_prices"):
            engine.call(airflow["run_pipeline"])
        engine.pond.next_try()
        engine.looks = 99
        airflow["job"].start(engine.pond)
        airflow["job"].cancel(engine.pond)

        assert [(run.state, run.cancels) for run in engine.runs] == [
            ("failed", 0),
            ("cancelled", 1),
        ]


def test_a_token_is_fetched_when_its_time_is_over_and_not_before():
    job = example("Tokens that expire")["job"]
    with FakeEngine.of(job, looks=3) as engine:
        engine._token_seconds = 40.0
        engine.call(job.run)
        assert [request for request in engine.requests if request == "POST /token"] == [
            "POST /token"
        ] * 2
        # start, looks at 0 s and 15 s: one token; the look at 37 s needs another
        assert engine.pond.pauses == [15, 22]


@pytest.mark.parametrize("step", ["start", "status", "cancel"])
def test_an_expired_token_is_not_the_end_whatever_is_asked(airflow, step):
    with airflow_engine(looks=99) as engine:
        if step != "start":
            airflow["job"].start(engine.pond)
        engine.expire_tokens()
        with pytest.raises(Paused):
            airflow["job"].run(engine.pond)
        airflow["job"].cancel(engine.pond)
        assert [run.state for run in engine.runs] == ["cancelled"]


def test_a_start_in_doubt_whose_repeat_is_refused_is_waited_for_and_is_one_run(engine, scope):
    """A failure here would lead to a retry, and to a second run beside the first."""
    engine.lose_reply("start")
    engine.answer("start", 401, times=40)
    engine.answer("find", 401, times=40)
    for _ in range(3):
        with pytest.raises(Paused):
            scope["job"].start(engine.pond)
    assert len(engine.runs) == 1
    engine.heal()
    engine.call(scope["run_pipeline"])
    assert [run.state for run in engine.runs] == ["succeeded"]


def test_credentials_that_are_refused_before_anything_was_started_fail_at_once(airflow):
    with airflow_engine() as engine:
        engine.pond.environment["AIRFLOW_PASSWORD"] = "a-wrong-password"
        with pytest.raises(RefusedError, match="/auth/token answers 401") as refused:
            engine.call(airflow["run_pipeline"])
        assert "credentials" in refused.value.hint
        assert "a-wrong-password" not in refused.value.message
        assert engine.pond.recall("external/http/AIRFLOW_URL/dags/sales/dagRuns") is None
        engine.answer("token", 503, times=1)
        engine.pond.environment["AIRFLOW_PASSWORD"] = "secret"
        engine.call(airflow["run_pipeline"])
        assert [run.state for run in engine.runs] == ["succeeded"]


def test_credentials_that_are_refused_while_the_run_goes_on_are_waited_for(airflow):
    with airflow_engine(looks=1) as engine:
        airflow["job"].start(engine.pond)
        engine.pond.environment["AIRFLOW_PASSWORD"] = "a-wrong-password"
        engine.expire_tokens()
        for _ in range(3):
            with pytest.raises(Paused):
                airflow["job"].run(engine.pond)
        engine.pond.environment["AIRFLOW_PASSWORD"] = "secret"
        engine.call(airflow["run_pipeline"])
        assert [run.state for run in engine.runs] == ["succeeded"]


def test_no_token_is_remembered_or_shown(airflow, caplog):
    with airflow_engine() as engine:
        engine.answer("status", 400, message="You sent token-0001-of-the-fake-engine")
        with pytest.raises(RefusedError) as refused:
            engine.call(airflow["run_pipeline"])
        assert "You sent ***" in refused.value.message
        assert "of-the-fake-engine" not in repr(engine.pond._memory) + caplog.text
