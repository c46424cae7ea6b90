"""What an author may write for an ``HttpJob``, against the fake engine that is shipped, and what
that engine does when it is told to.
"""

from __future__ import annotations

import httpx
import pytest

from duckstring.author.errors import EnvironmentMissingError
from duckstring.author.pausing import Paused
from duckstring.external import (
    CancelRefusedError,
    Env,
    ExternalError,
    ExternalRunFailedError,
    HttpJob,
    RefusedError,
    TokenRequest,
)
from duckstring.external.fake import PLAIN, FakeEngine

BASE = {"start": "/runs", "status": "/runs/{id}", "cancel": "/runs/{id}/cancel"}


def plain(**more) -> HttpJob:
    return HttpJob(Env("ENGINE"), **{**BASE, **more})


def fake(job, **more) -> FakeEngine:
    return FakeEngine.of(job, **more)


class Recorded(FakeEngine):
    """Which also keeps the headers and the bodies."""

    def handle(self, method, target, headers, body):
        self.seen.append((f"{method} {target}", headers, body))
        return super().handle(method, target, headers, body)

    seen: list


def recorded(job, **more) -> Recorded:
    engine = Recorded.of(job, **more)
    engine.seen = []
    return engine


# Env and places


def test_every_text_may_be_an_env():
    job = HttpJob(
        Env("ENGINE"),
        start=Env("START"),
        status=Env("STATUS"),
        cancel=Env("CANCEL"),
        cancel_body={"state": Env("STOPPED")},
        find=Env("FIND"),
        found=Env("FOUND"),
        id=Env("ID"),
        state=Env("STATE"),
        succeeded=[Env("GOOD")],
        message=Env("MESSAGE"),
        url=Env("PAGE"),
        headers={"X-Team": Env("TEAM", "team {}")},
        body={"deep": [{"er": Env("REGION")}], "label": "{key}"},
        key_header=Env("HEADER"),
        title=Env("TITLE"),
    )
    environment = {
        "START": "PUT /v1/runs",
        "STATUS": "/v1/runs/{id}",
        "CANCEL": "PATCH /v1/runs/{id}",
        "STOPPED": "off",
        "FIND": "/v1/runs?label={key}",
        "FOUND": "items.1.run.id",
        "ID": "run.id",
        "STATE": "run.state",
        "GOOD": "fine",
        "MESSAGE": "run.why",
        "PAGE": "https://ui/{id}",
        "TEAM": "sales",
        "REGION": "eu",
        "HEADER": "X-Key",
        "TITLE": "Sales",
    }
    with recorded(job, environment=environment) as engine:
        run = engine.call(job.run)
        assert (run.state, run.url) == ("fine", "https://ui/1")
        asked, headers, body = engine.seen[0]
        assert asked == "PUT /v1/runs"
        assert headers["x-team"] == "team sales"
        assert headers["x-key"] == body["label"] == job.key(engine.pond)
        assert body["deep"] == [{"er": "eu"}]
        engine.pond.next_try()
        engine.looks = 99
        job.start(engine.pond)
        assert job.cancel(engine.pond).startswith("Sales, run 2 is cancelled")
        assert ("PATCH /v1/runs/2", {"state": "off"}) in [(a, b) for a, _, b in engine.seen]


def test_an_env_whose_value_is_no_request_is_refused_before_anything_is_asked():
    job = plain(start=Env("START"))
    with fake(plain()) as engine:
        engine.pond.environment["START"] = "soon"
        with pytest.raises(ExternalError, match="HttpJob: 'soon' is not a request"):
            job.run(engine.pond)
        assert engine.requests == []


def test_what_an_env_stands_for_is_not_searched_for_places():
    job = plain(headers={"X-Secret": Env("SECRET", "{key} {}")}, body={"password": Env("SECRET")})
    with recorded(job, environment={"SECRET": "a{key}b"}) as engine:
        job.start(engine.pond)
        _, headers, body = engine.seen[0]
        assert headers["x-secret"] == f"{job.key(engine.pond)} a{{key}}b"
        assert body == {"password": "a{key}b"}


def test_the_key_reaches_every_request():
    job = plain(
        start="/runs/{key}",
        status="/runs/{id}/of/{key}",
        cancel="/runs/{id}/of/{key}/cancel",
        cancel_body={"key": "{key}", "id": "{id}"},
        headers={"X-Key": "<{key}>", "X-Run": "{id}"},
        message="/runs/{id}/of/{key}/error",
        title="Sales {key}",
    )
    with recorded(job) as engine:
        engine.fail_next()
        with pytest.raises(ExternalRunFailedError, match="It broke") as failed:
            engine.call(job.run)
        key = job.key(engine.pond)
        assert f"(Sales {key}, run 1, ended failed)" in failed.value.message
        engine.pond.next_try()
        key, engine.looks = job.key(engine.pond), 99
        job.start(engine.pond)
        job.cancel(engine.pond)
        asked = {name: (headers, body) for name, headers, body in engine.seen}
        headers, body = asked[f"POST /runs/2/of/{key}/cancel"]
        assert body == {"key": key, "id": "2"}
        assert (headers["x-key"], headers["x-run"]) == (f"<{key}>", "2")


# Cancel


def test_a_body_to_cancel_with_may_be_a_function_of_the_id():
    job = plain(cancel="DELETE /runs/{id}", cancel_body=lambda run: {"runs": [int(run)]})
    with recorded(job, looks=99) as engine:
        job.start(engine.pond)
        job.cancel(engine.pond)
        assert ("DELETE /runs/1", {"runs": [1]}) in [
            (asked, body) for asked, _, body in engine.seen
        ]


def test_a_function_may_cancel_and_asks_with_the_job_s_credentials():
    def cancel(api, run):
        assert api.ask("/runs/{id}")["state"] == "running"
        api.ask("PATCH /runs/{id}", body={"state": "failed", "run": run, "key": "{key}"})

    job = plain(cancel=cancel, auth=TokenRequest("/token"))
    with recorded(job, looks=99, cancel="PATCH /runs/{id}") as engine:
        job.start(engine.pond)
        engine.expire_tokens()
        assert "is cancelled" in job.cancel(engine.pond)
        assert engine.seen[-2][2] == {"state": "failed", "run": "1", "key": job.key(engine.pond)}


def test_a_function_that_raises_has_not_cancelled():
    def cancel(_api, run):
        raise KeyError(run)

    job = plain(cancel=cancel)
    with fake(job, looks=99) as engine:
        job.start(engine.pond)
        with pytest.raises(
            CancelRefusedError, match=r"run 1 was not cancelled: cancel= raised Key"
        ):
            job.cancel(engine.pond)


# Who asks


def test_a_function_gives_the_token_and_is_asked_again_at_a_401():
    tokens = iter(["old", "new", "newer"])
    job = plain(auth=lambda pond: next(tokens))
    with recorded(job) as engine:
        engine.answer("start", 401)
        job.start(engine.pond)
        sent = [headers["authorization"] for _, headers, _ in engine.seen]
        assert sent == ["Bearer old", "Bearer new"]


def test_a_403_is_a_reason_for_a_new_token_where_the_author_says_so():
    for renew_at, sent in (((401,), ["Bearer a"]), ((401, 403), ["Bearer a", "Bearer b"])):
        tokens = iter("abc")
        job = plain(auth=lambda pond: next(tokens), renew_at=renew_at)  # noqa: B023 - of this round
        with recorded(job) as engine:
            engine.answer("start", 403)
            if len(sent) == 1:
                with pytest.raises(RefusedError, match="403"):
                    job.start(engine.pond)
            else:
                job.start(engine.pond)
            assert [headers["authorization"] for _, headers, _ in engine.seen] == sent


@pytest.mark.parametrize(
    ("raised", "waits"),
    [
        (httpx.ConnectError("no route"), True),
        (TimeoutError("too long"), True),
        (KeyError("user"), False),
        (httpx.HTTPStatusError("no", request=None, response=httpx.Response(401)), False),
        (httpx.HTTPStatusError("no", request=None, response=httpx.Response(503)), True),
    ],
)
def test_a_function_that_raises_is_busy_or_refused_and_never_ends_a_run(raised, waits):
    broken = [False]

    def auth(_pond):
        if broken[0]:
            raise raised
        return {"X-Token": "a"}

    job = plain(auth=auth)
    with fake(job, looks=1) as engine:
        broken[0] = True
        with pytest.raises(Paused if waits else RefusedError):
            job.start(engine.pond)
        broken[0] = False
        job.start(engine.pond)
        broken[0] = True
        with pytest.raises(Paused):
            job.run(engine.pond)
        broken[0] = False
        engine.call(job.run)
        assert len(engine.runs) == 1


@pytest.mark.parametrize("given", [None, 7, "", {"X": 1}])
def test_a_function_that_gives_neither_a_token_nor_headers_is_told_so(given):
    job = plain(auth=lambda pond: given)
    with fake(job) as engine, pytest.raises(RefusedError, match="allowed: a token, or headers"):
        job.start(engine.pond)


def test_an_answer_without_a_token_names_what_it_has():
    job = plain(auth=TokenRequest("/token", token="data.jwt"))
    with fake(job, granted=lambda token, lives: {"jwt": token}) as engine:
        with pytest.raises(
            RefusedError, match=r"no token at 'data\.jwt'; it has: jwt\."
        ) as refused:
            job.start(engine.pond)
        assert "token-" not in refused.value.message


def test_a_token_request_may_be_a_form_with_headers_and_its_end_a_time():
    job = plain(
        auth=TokenRequest(
            "/oauth",
            body={"grant_type": "client_credentials", "secret": Env("SECRET")},
            form=True,
            headers={"Authorization": Env("BASIC", "Basic {}")},
            token="t",
            expires="ends",
            header="X-Token",
            template="tok {}",
        )
    )
    with recorded(job, environment={"SECRET": "s 1", "BASIC": "YTpi"}) as engine:
        job.start(engine.pond)
        (_, headers, body), (_, sent, _) = engine.seen
        assert body == {"grant_type": "client_credentials", "secret": "s 1"}
        assert headers["authorization"] == "Basic YTpi"
        assert sent["x-token"].startswith("tok token-")
        assert "authorization" not in sent


def test_a_secret_that_is_removed_while_the_run_goes_on_does_not_fail_its_ripple():
    job = plain(headers={"Authorization": Env("TOKEN", "Bearer {}")})
    with fake(job) as engine:
        token = engine.pond.environment.pop("TOKEN")
        with pytest.raises(EnvironmentMissingError, match="'TOKEN'"):
            job.start(engine.pond)
        engine.pond.environment["TOKEN"] = token
        job.start(engine.pond)
        del engine.pond.environment["TOKEN"]
        with pytest.raises(Paused):
            job.run(engine.pond)
        engine.pond.environment["TOKEN"] = token
        engine.call(job.run)
        assert len(engine.runs) == 1


def test_a_conflict_is_looked_up_where_there_is_a_way():
    job = plain(body={"label": "{key}"}, find="/runs?label={key}", found="runs.0.id")
    with fake(job, keyless=False, conflicts=True) as engine:
        job.start(engine.pond)
        engine.pond._memory.clear()
        assert job.start(engine.pond) == engine.runs[0].id
        assert len(engine.runs) == 1


# What people read


HINTS = {
    400: "does not take this request",
    401: "credentials",
    403: "the right",
    404: "the ids in it",
    405: "method",
    409: "exists already",
    422: "does not take this request",
}


@pytest.mark.parametrize(("status", "hint"), HINTS.items())
def test_the_hint_fits_the_answer(status, hint):
    job = plain()
    with fake(job) as engine:
        engine.answer("start", status, message="No.")
        with pytest.raises(RefusedError, match=rf"answers {status} .*: No\.$") as refused:
            job.start(engine.pond)
        assert hint in refused.value.hint


@pytest.mark.parametrize(("status", "hint"), [(429, "fewer requests"), (503, "engine is down")])
def test_the_hint_of_an_engine_that_is_busy_fits_too(status, hint, caplog):
    job = plain()
    with fake(job) as engine:
        engine.answer("start", status, times=3)
        with pytest.raises(Paused):
            job.start(engine.pond)
        assert hint in caplog.records[-1].hint


def test_the_message_may_be_a_function_or_a_second_request_or_missing():
    told = plain(message=lambda answer: f"It is {answer['state']}.", state="state")
    with fake(told) as engine:
        engine.fail_next()
        with pytest.raises(ExternalRunFailedError, match=r"^It is failed\. \(Job /runs"):
            engine.call(told.run)
    asked = plain(message="/runs/{id}/log", message_at="lines.1.text")
    with fake(asked) as engine:
        engine.fail_next("No rows")
        engine.answer("message", 500)
        with pytest.raises(ExternalRunFailedError, match=r"^Its message cannot be read: .* 500"):
            engine.call(asked.run)
        with pytest.raises(ExternalRunFailedError, match=r"^No rows \(Job /runs"):
            engine.call(asked.run)


def test_the_message_and_the_link_come_before_what_is_long():
    path = "/deployments/0197f0c4-8a4e-7d02-9d41-6a8b8f1f7c11/of/the/sales/team/create_flow_run"
    job = plain(start=path, url="https://ui/runs/{id}")
    traceback = f"Traceback (most recent call last):\n  File 'x'\nValueError: {'no rows ' * 40}"
    with fake(job) as engine:
        engine.fail_next(traceback)
        with pytest.raises(ExternalRunFailedError) as failed:
            engine.call(job.run)
    first, _, rest = failed.value.message.partition("\n")
    assert first.startswith("ValueError: no rows")
    assert "https://ui/runs/1 (Job /deployments" in first
    assert len(first) < 300  # what a Sink keeps of it
    assert rest == traceback.strip()


def test_a_title_is_one_line():
    job = plain(title="Sales\x1b[31m\nof " + "x" * 200)
    with fake(job) as engine:
        said = job.cancel(engine.pond)
    assert said.startswith("Sales\\x1b[31m\\nof x")
    assert "..." in said
    assert len(said) < 120


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"cancel_body": {"a": 1}, "cancel": None}, "cancel_body= stands without"),
        ({"cancel_body": {"a": 1}, "cancel": print}, "cancel_body= stands without"),
        ({"find_body": {"a": 1}}, "find_body= stands without find="),
        ({"cancel": "stop"}, "'stop' is not a request"),
        ({"auth": "token"}, "auth=str; allowed: a TokenRequest, or a function"),
        ({"succeeded": Env("GOOD")}, r"succeeded='GOOD'; allowed: a list of states"),
        ({"failed": 20}, r"failed=20; allowed: a list of states"),
    ],
)
def test_what_cannot_be_is_refused_when_the_job_is_made(options, said):
    with pytest.raises(ExternalError, match=said):
        plain(**options)


def test_a_token_request_that_is_none_is_refused_when_it_is_made():
    with pytest.raises(ExternalError, match="TokenRequest: 'token' is not a request"):
        TokenRequest("token")


# The fake engine


def test_a_test_of_an_author_needs_five_lines():
    job = plain()
    with FakeEngine.of(job) as engine:
        engine.lose_reply("start")
        engine.call(job.run)
        assert len(engine.runs) == 1


def test_it_shows_unknown_states_and_ends_by_itself():
    job = plain()
    with fake(job, looks=3) as engine:
        engine.show_state("PONDERING", times=2)
        engine.call(job.run)
        assert engine.runs[0].looks == 3
        assert len(engine.pond.pauses) == 4


def test_it_asks_for_time_and_gets_it():
    job = plain()
    with fake(job) as engine:
        engine.answer("status", 429, retry_after="90")
        engine.call(job.run)
        assert engine.pond.pauses[0] == 90


def test_a_shape_that_raises_is_an_answer_that_says_so():
    job = plain(state=lambda answer: "done")
    with fake(job, show=lambda run: {"id": run.asked.body["nothing"]}) as engine:
        with pytest.raises(Paused):
            job.start(engine.pond)
        answer = httpx.post(f"{engine.url}/runs", json={})
        assert (answer.status_code, answer.json()) == (
            500,
            {"detail": "The Shape raised KeyError: 'nothing'"},
        )


def test_it_is_slow():
    job = plain()
    with fake(job) as engine:
        engine.delay("start", 0.05)
        engine.call(job.run)
        assert len(engine.runs) == 1


def test_it_counts_what_was_started_by_key_and_a_retry_is_another():
    job = plain()
    with fake(job) as engine:
        engine.fail_next("No rows")
        with pytest.raises(ExternalRunFailedError, match="No rows"):
            engine.call(job.run)
        first = job.key(engine.pond)
        engine.pond.next_try()
        engine.call(job.run)
        assert engine.started == {first: ["1"], job.key(engine.pond): ["2"]}


def test_a_ripple_whose_run_never_ends_is_out_of_time():
    job = plain(poll="1h")
    with fake(job, looks=999) as engine, pytest.raises(TimeoutError):
        engine.call(job.run)


def test_a_ripple_that_polls_by_hand_is_tested_with_it_as_well():
    def by_hand(pond):
        if (run := pond.recall("run")) is None:
            sent = {"Idempotency-Key": pond.run_key}
            run = httpx.post(f"{pond.env('ENGINE')}/runs", headers=sent).json()["id"]
            pond.remember("run", run)
        if httpx.get(f"{pond.env('ENGINE')}/runs/{run}").json()["state"] == "running":
            pond.pause("1m")
        pond.write_table("run", pond.con.sql(f"SELECT '{run}' AS run"))

    with FakeEngine(looks=3, environment={"ENGINE": "{url}"}) as engine:
        engine.pond.lose_worker(1)
        engine.call(by_hand)
        assert engine.pond.tables["run"].fetchall() == [("1",)]
        assert (len(engine.runs), engine.pond.pauses) == (1, [60, 60])


def test_it_speaks_the_plain_shape_to_anybody():
    with FakeEngine(PLAIN) as engine:
        found = httpx.post(f"{engine.url}/runs", json={}, headers={"Idempotency-Key": "k"}).json()
        again = httpx.post(f"{engine.url}/runs", json={}, headers={"Idempotency-Key": "k"}).json()
        assert found["id"] == again["id"] == "1"
        assert httpx.get(f"{engine.url}/other").status_code == 404
        assert engine.started == {"k": ["1"]}


@pytest.mark.parametrize(
    ("job", "said"),
    [
        (HttpJob("https://engine", start="/r", status="/r/{id}"), "Make it|is a text"),
        (plain(state=lambda answer: "done"), "state of the job is a function"),
        ("job", "takes an HttpJob; found: str"),
    ],
)
def test_what_it_cannot_read_off_a_job_is_said(job, said):
    def enter():
        with FakeEngine.of(job):
            pass

    with pytest.raises(ExternalError, match=said):
        enter()


def test_it_has_no_address_outside_of_its_block_and_no_other_calls():
    engine = FakeEngine()
    with pytest.raises(ExternalError, match="no address yet"):
        _ = engine.url
    with pytest.raises(ExternalError, match="'begin' is no call; allowed: start, status"):
        engine.lose_reply("begin")
