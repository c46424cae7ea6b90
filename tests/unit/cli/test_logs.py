"""``duckstring logs`` against moto's CloudWatch Logs."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from moto import mock_aws

from duckstring.model.instants import to_text
from duckstring_cli import catchments
from tests.unit.cli.commands_kit import Bench
from tests.unit.cli.made_up import attempt_row, run_row

GROUP, TASKS = "/duckstring/ripple", "/duckstring/tasks"
RUN = "sales@1/42"
NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def bench(monkeypatch, capsys):
    return Bench(monkeypatch, capsys)


@pytest.fixture
def logs(monkeypatch):
    monkeypatch.setattr(
        catchments, "output", lambda _, key: {"RippleLogs": GROUP, "TaskLogs": TASKS}[key]
    )
    with mock_aws():
        client = boto3.client("logs", region_name="us-east-1")
        for group in (GROUP, TASKS):
            client.create_log_group(logGroupName=group)
        yield client


def write(logs, stream, *lines, group=GROUP, second=0.0):
    """Lines of one invocation, a tenth of a second apart."""
    with suppress(logs.exceptions.ResourceAlreadyExistsException):
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
    moments = [int((NOW.timestamp() + second + place / 10) * 1000) for place in range(len(lines))]
    logs.put_log_events(
        logGroupName=group,
        logStreamName=stream,
        logEvents=[
            {"timestamp": m, "message": line} for m, line in zip(moments, lines, strict=True)
        ],
    )


def said(message, *, ripple="load", attempt=1, level="INFO", run=RUN, **more):
    return json.dumps(
        {
            "level": level,
            "message": message,
            "service": "ripple",
            "run": run,
            "ripple": ripple,
            "attempt": attempt,
            **more,
        }
    )


def invocation(request, *lines):
    return [
        f"START RequestId: {request} Version: 1",
        *lines,
        f"END RequestId: {request}",
        f"REPORT RequestId: {request}\tDuration: 5 ms\tMax Memory Used: 90 MB",
    ]


def attempt(ripple="load", number=1, *, stream="s1", request="r-1", group=GROUP, **more):
    times = {"started": to_text(NOW), "finished": to_text(NOW + timedelta(seconds=20))}
    return (
        attempt_row(RUN, ripple)
        | times
        | {"attempt": number, "log_group": group, "log_stream": stream, "request_id": request}
        | more
    )


def read(bench, *attempts, words=(), status="failed"):
    bench.answers({"run": {"run": run_row(RUN, status=status), "attempts": list(attempts)}})
    return bench.run("logs", RUN, *words)


def told(out):
    return [line[13:] for line in out.splitlines()]


def test_an_attempts_lines_come_with_time_level_ripple_and_fields(bench, logs):
    write(
        logs,
        "s1",
        *invocation(
            "r-1",
            said("rows read", rows=7, note="two words"),
            said("bad", level="ERROR", exception="Traceback\nE: x"),
            "printed",
        ),
    )
    code, out, err = read(bench, attempt())
    assert (code, err) == (0, "")
    assert told(out) == [
        'INFO    load 1  rows read  rows=7 note="two words"',
        "ERROR   load 1  bad",
        "",  # "    Traceback"
        "",  # "    E: x"
        "-       load 1  printed",
        "-       load 1  Duration: 5 ms  Max Memory Used: 90 MB",
    ]
    assert "    Traceback\n    E: x\n" in out
    assert out.splitlines()[0].startswith(f"{NOW:%H:%M:%S}")


def test_lines_of_another_invocation_in_the_same_stream_are_left_out(bench, logs):
    write(
        logs,
        "s1",
        *invocation("r-0", said("other", run="sales@1/41"), "its print"),
        *invocation("r-1", said("mine")),
        *invocation("r-2", said("next", attempt=2)),
    )
    out = read(bench, attempt())[1]
    assert "mine" in out
    assert not {"other", "its print", "next"} & set(out.split())


def test_an_attempt_that_began_as_a_task_and_went_on_in_the_function_is_read_whole(bench, logs):
    write(logs, "task/worker/t1", said("first look"), group=TASKS)
    write(logs, "s1", *invocation("r-1", said("second look")), second=10)
    invocations = [
        {"log_stream": "task/worker/t1", "request_id": "arn"},
        {"log_stream": "s1", "request_id": "r-1"},
    ]
    out = read(bench, attempt(where="lambda", invocations=invocations))[1]
    assert out.index("first look") < out.index("second look")


def test_what_on_kill_of_a_task_says_is_in_the_functions_log(bench, logs):
    write(logs, "task/worker/t1", said("worked"), group=TASKS)
    write(logs, "s9", *invocation("r-9", said("cancelled it", called="on_kill")), second=90)
    out = read(
        bench,
        attempt(
            where="task", group=TASKS, stream="task/worker/t1", request="arn", on_kill="confirmed"
        ),
        status="killed",
    )[1]
    assert out.index("worked") < out.index("cancelled it")


def test_streams_that_the_worker_was_not_told_are_found_by_the_run(bench, logs):
    """Locally each invocation has a stream of the emulator's own."""
    write(logs, "random-1", *invocation("r-1", said("first")))
    write(logs, "random-2", *invocation("r-9", said("of another attempt", attempt=2)), second=1)
    out = read(bench, attempt(stream="never-made", group=None))[1]
    assert "first" in out
    assert "another" not in out


def test_every_invocation_of_an_attempt_that_paused_is_read_in_order(bench, logs):
    write(logs, "s2", *invocation("r-2", said("after the pause")), second=5)
    write(logs, "s1", *invocation("r-1", said("before it")))
    told_of = [
        {"started": "", "log_stream": "s1", "request_id": "r-1"},
        {"started": "", "log_stream": "s2", "request_id": "r-2"},
    ]
    out = read(bench, attempt(stream="s2", request="r-2", pauses=1, invocations=told_of))[1]
    assert out.index("before it") < out.index("after the pause")


def test_a_tasks_stream_is_its_own_whole(bench, logs):
    write(logs, "ripple/worker/abc", "the supervisor speaks", said("and the worker"), group=TASKS)
    out = read(bench, attempt(where="task", stream="ripple/worker/abc", group=TASKS))[1]
    assert "the supervisor speaks" in out
    assert "and the worker" in out


def test_the_error_that_tells_the_state_machine_is_not_shown_twice(bench, logs):
    echo = [
        "Traceback (most recent call last):",
        '  File "handler.py", line 1, in handle',
        'EndedError: duckstring.ended:{"outcome": "failed"}',
    ]
    write(
        logs,
        "s1",
        *invocation(
            "r-1",
            said("ripple failed", level="ERROR", traceback="Traceback\nValueError: no"),
            *echo,
            "and on",
        ),
    )
    out = read(bench, attempt())[1]
    assert "ValueError: no" in out
    assert "and on" in out
    assert "handler.py" not in out
    assert "duckstring.ended" not in out


def test_one_ripple_and_one_attempt_can_be_picked(bench, logs):
    rows = [attempt(), attempt(number=2, request="r-2"), attempt("join", request="r-3")]
    for number, row in enumerate(rows):
        words = said(
            f"words of {row['ripple']} {row['attempt']}",
            ripple=row["ripple"],
            attempt=row["attempt"],
        )
        write(logs, "s1", *invocation(row["request_id"], words), second=number)
    assert next(
        line
        for line in read(bench, *rows, words=["load", "--attempt", "2"])[1].splitlines()
        if "words" in line
    ).endswith("words of load 2")
    assert read(bench, *rows, words=["load"])[1].count("words of load") == 2
    code, _, err = read(bench, *rows, words=["joyn"])
    assert (code, err) == (
        2,
        (
            f"error: {RUN} has no attempt of a Ripple 'joyn'; it has load, join.\n"
            "hint: Did you mean 'join'?\n"
        ),
    )
    assert (
        "There is no attempt 7; there are load 1, load 2."
        in read(bench, *rows, words=["load", "--attempt", "7"])[2]
    )


def test_json_is_one_object_a_line(bench, logs):
    write(logs, "s1", *invocation("r-1", said("rows read", rows=7)))
    first = json.loads(read(bench, attempt(), words=["--json"])[1].splitlines()[0])
    assert first == {
        "at": to_text(NOW + timedelta(seconds=0.1)),
        "level": "INFO",
        "run": RUN,
        "ripple": "load",
        "attempt": 1,
        "message": "rows read",
        "rows": 7,
        "stream": "s1",
    }


def test_json_is_json_whatever_was_logged(bench, logs):
    write(
        logs, "s1", *invocation("r-1", said("rows read", share=float("nan"), rows=[float("-inf")]))
    )
    first = json.loads(
        read(bench, attempt(), words=["--json"])[1].splitlines()[0], parse_constant=pytest.fail
    )
    assert (first["message"], first["share"], first["rows"]) == ("rows read", "NaN", ["-Infinity"])


@pytest.mark.parametrize(
    ("status", "row", "words"),
    [
        ("pass", None, "It passed: no Source had changed, so no Ripple ran, and there is no log."),
        ("killed", None, "No Ripple of it ever began, so there is no log."),
        (
            "running",
            None,
            f"No Ripple of it has begun yet. Wait for it: duckstring logs {RUN} --follow",
        ),
        (
            "failed",
            {"started": None, "status": "lost", "message": "no room"},
            "load, attempt 1: never began (lost: no room), so it has no log.",
        ),
        (
            "running",
            {"status": "running", "finished": None},
            "load, attempt 1: runs; no line is there yet.",
        ),
        ("failed", {}, f"load, attempt 1: no line is in the log {GROUP}."),
    ],
)
def test_where_there_is_no_log_it_says_why(bench, logs, status, row, words):
    code, out, err = read(bench, *([attempt(**row)] if row is not None else []), status=status)
    assert (code, out) == (0, "")
    assert err.startswith(words)


def test_lines_that_have_expired_are_told_so(bench, logs):
    logs.put_retention_policy(logGroupName=GROUP, retentionInDays=30)
    long_ago = {
        "started": to_text(NOW - timedelta(days=40)),
        "finished": to_text(NOW - timedelta(days=40)),
    }
    assert (
        read(bench, attempt(**long_ago))[2]
        == "load, attempt 1: its lines are gone: logs are kept for 30 days.\n"
    )


def test_following_prints_each_line_once_until_the_run_is_over(bench, logs, monkeypatch):
    looks = iter(range(10))

    def door(_request):
        look = next(looks)
        if look == 1:
            write(logs, "s1", *invocation("r-1", said("the first")))
        if look == 2:
            write(logs, "s2", *invocation("r-2", said("the second", ripple="join")), second=3)
        rows = [attempt(), attempt("join", stream="s2", request="r-2")][: 1 + (look > 1)]
        return {
            "ok": True,
            "result": {
                "run": run_row(RUN, status="running" if look < 3 else "success"),
                "attempts": rows,
            },
        }

    monkeypatch.setattr("duckstring_cli.commands.logs._POLL", 0.01)
    bench.answers(door)
    code, out, err = bench.run("logs", RUN, "--follow")
    assert code == 0
    assert (
        out.count("the first"),
        out.count("the second"),
        out.count("REPORT") + out.count("Duration"),
    ) == (1, 1, 2)
    assert "come when its invocation has ended" in err
    assert err.endswith(f"{RUN}: success\n")


def test_a_run_that_is_none_is_misuse(bench):
    assert bench.run("logs", "sales")[0] == 2


def test_invocations_beyond_those_that_the_row_lists_are_read_as_well(bench, logs):
    """A row lists its first twenty and the latest; a function's environments come and go between
    pauses.
    """
    for number in range(1, 24):
        write(
            logs,
            f"s{number}",
            *invocation(f"r-{number}", said(f"look {number}")),
            second=number / 2,
        )
    listed = [{"log_stream": f"s{number}", "request_id": f"r-{number}"} for number in range(1, 21)]
    out = read(bench, attempt(stream="s23", request="r-23", pauses=22, invocations=listed))[1]
    assert [line.split("load 1  ")[1] for line in out.splitlines() if "look" in line] == [
        f"look {number}" for number in range(1, 24)
    ]
