"""Ripples that are too long or too large for the function, or whose workers die there: on a
Catchment whose function has 30 s.

Its own, because of that limit. A task here is what it is in AWS (the machine starts it, ECS keeps
it, its supervisor answers); only the process is the local agent's. The tests begin their long waits
together: ``begun`` triggers, each test then looks.
"""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path
from textwrap import dedent

import pytest

from duckstring_cli import catchments
from duckstring_cli.client import Client
from duckstring_cli.local import catchment as local
from duckstring_cli.local import process
from tests.e2e.conftest import deployed_as, recording
from tests.e2e.drive import Driver, until

NAME = "tasks"
LIMIT = 30
SILENCE = 75
"""Seconds, instead of three minutes: a beat of a worker, and some more."""

PRELUDE = """
import signal, subprocess, sys
ON_TASK = "ECS_CONTAINER_METADATA_URI_V4" in os.environ
LEDGER = Path(os.environ["LEDGER"])

def above(pid):
    asked = ["ps", "-o", "ppid=", "-p", str(pid)]
    return int(subprocess.run(asked, capture_output=True, text=True, check=True).stdout)

def supervisor():
    # Above the attempt's process are the fork server, its origin, the worker, and that.
    return above(above(above(os.getppid())))

def begins(pond):
    # Which attempt this is, where it runs, and its processes.
    noted = LEDGER / pond.name
    number = len(noted.read_text().splitlines()) + 1 if noted.exists() else 1
    where = f"task:{supervisor()}" if ON_TASK else "lambda:0"
    note(pond, f"{number}:{where}:{pond.run_key}")
    print(f"attempt {number} speaks")
    return number
"""

PONDS = {
    # Longer than the function has, and on a task for long enough to stay there.
    "overruns": """
        @ripple
        def work(pond):
            run = pond.recall("external")
            if begins(pond) == 1:
                pond.remember("external", "run 17")
                time.sleep(600)
            if run:
                time.sleep(12)
            pond.write_table("made", f"SELECT {ON_TASK} AS on_task, '{run}' AS run")
    """,
    # The same memory is asked for again and again, until there is enough.
    "grows": """
        @ripple
        def work(pond):
            if begins(pond) < 3:
                raise MemoryError("no room for the frame")
            pond.write_table("made", "SELECT 1 AS one")
    """,
    # By its author's hint on a task from the start; its worker dies once.
    "dies": """
        @ripple(memory="4GB")
        def work(pond):
            if begins(pond) == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            pond.write_table("made", "SELECT 1 AS one")
    """,
    # Its whole task falls silent once: the process that beats, too.
    "silent": """
        @ripple(memory="4GB")
        def work(pond):
            if begins(pond) == 1:
                os.kill(supervisor(), signal.SIGSTOP)
                time.sleep(600)
            pond.write_table("made", "SELECT 1 AS one")
    """,
    # Its task is taken away by somebody else.
    "evicted": """
        @ripple(memory="4GB")
        def work(pond):
            if begins(pond) == 1:
                time.sleep(600)
            pond.write_table("made", "SELECT 1 AS one")
    """,
    # It takes longer than it may, inside one call into C: no thread of its own could end it.
    "stuck": """
        @ripple(memory="4GB", timeout="20s")
        def work(pond):
            begins(pond)
            sys.setswitchinterval(10_000)
            sum(range(10**15))
    """,
    # An operator says where.
    "pinned": """
        @ripple
        def work(pond):
            begins(pond)
            pond.write_table("made", f"SELECT {ON_TASK} AS on_task")
    """,
    # Killed while it runs on a task.
    "killed": """
        def cancel(pond):
            return f"cancelled {pond.recall('external')}"

        @ripple(memory="4GB", on_kill=cancel)
        def work(pond):
            pond.remember("external", "run 18")
            begins(pond)
            time.sleep(600)
    """,
    # It only looks: then it goes on where looking is cheap.
    "looks": """
        @ripple(memory="4GB")
        def work(pond):
            if begins(pond) == 1:
                pond.pause("1s")
            pond.write_table("made", f"SELECT {ON_TASK} AS on_task")
    """,
}


@pytest.fixture(scope="module")
def home(duckstring_home, tmp_path_factory):
    """The Catchment, running."""
    given, ledger = tmp_path_factory.mktemp("given"), tmp_path_factory.mktemp("tasks-ledger")
    (given / "environment").write_text(f"LEDGER={ledger}\n")
    local.init(
        NAME,
        environment=given / "environment",
        function_timeout=LIMIT,
        iam=True,
        port=process.free_port(),
    )
    with recording("tasks") as recorded, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DUCKSTRING_CATCHMENT", NAME)
        try:
            local.start(NAME)
            deployed_as(catchments.find(NAME)).write(recorded)
            yield Driver(
                Client(catchments.find(NAME)), tmp_path_factory.mktemp("tasks-ponds"), ledger
            )
        finally:
            local.delete(NAME)


@pytest.fixture(scope="module")
def begun(home):
    """All Ponds, deployed and triggered, so that their waits are one wait."""
    shorten_silence(home)
    home.deploy(
        *(
            home.pond(name, PRELUDE + dedent(code), immediate_retries=1 if name == "dies" else 0)
            for name, code in PONDS.items()
        )
    )
    home.run.done("control", "compute", "pinned", "work", "--on", "task", "--memory", "16GB")
    for name in PONDS:
        home.trigger("pulse", name)
    return home


def shorten_silence(driver):
    """As an operator could, by the API: nobody waits three minutes for a test."""
    states, machine = driver.aws("stepfunctions"), driver.outputs["Machine"]
    definition = states.describe_state_machine(stateMachineArn=machine)["definition"]
    shortened, count = re.subn(r'("HeartbeatSeconds":\s*)\d+', rf"\g<1>{SILENCE}", definition)
    assert count == 2, "a run of one Ripple, and a branch of a Map"
    states.update_state_machine(stateMachineArn=machine, definition=shortened)


def attempts(driver, pond, number=1):
    rows = driver.client.run(f"{pond}@1/{number}")["attempts"]
    return sorted(rows, key=lambda row: row["attempt"])


def ways(driver, pond, number=1):
    """(attempt, how it ended, where, with how much memory)."""
    return [
        (row["attempt"], row["status"], row.get("where"), row.get("memory_mib"))
        for row in attempts(driver, pond, number)
    ]


def begins(driver, pond):
    """What the Ripple wrote down: (where, the process above it, run_key) of each beginning."""
    return [
        (word.split(":")[1], int(word.split(":")[2]), word.split(":")[3])
        for word in (noted.word for noted in driver.noted(pond))
    ]


def ended(driver, pond, *, fresh=True):
    return driver.wait_until(
        pond,
        lambda line: (
            line["status"] == ("idle" if fresh else "failed")
            and not line["runs"]
            and line["last_run"]
        ),
        what=f"{pond} has run",
    )


def is_gone(pid):
    try:
        return (
            "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()
            if Path("/proc/self").exists()
            else os.kill(pid, 0)
        )
    except (ProcessLookupError, FileNotFoundError):
        return True


def log_of(driver, row):
    found = driver.aws("logs").get_log_events(
        logGroupName=row["log_group"], logStreamName=row["log_stream"], startFromHead=True
    )
    return [json.loads(event["message"]) for event in found["events"]]


def test_a_kill_stops_the_task_within_seconds_and_cancels_what_it_wrapped(begun):
    until(lambda: begins(begun, "killed"), what="it runs")
    ((where, supervisor, _),) = begins(begun, "killed")
    assert where == "task"
    begun.run.done("control", "kill", "killed")
    until(lambda: is_gone(supervisor), what="the task's processes are gone")
    (row,) = until(
        lambda: [row for row in attempts(begun, "killed") if row.get("on_kill_message")],
        what="on_kill",
        show=lambda: attempts(begun, "killed"),
    )
    assert (row["status"], row["on_kill"], row["on_kill_message"]) == (
        "killed",
        "confirmed",
        "cancelled run 18",
    )
    (task,) = until(lambda: stopped(begun, row), what="the task has stopped")
    assert task["stopCode"] == "UserInitiated"
    assert "was given up" in task["stoppedReason"]


def stopped(driver, row):
    described = driver.aws("ecs").describe_tasks(
        cluster=driver.outputs["Cluster"], tasks=[row["request_id"]]
    )["tasks"]
    return [task for task in described if task["lastStatus"] == "STOPPED"]


def test_a_task_that_somebody_stops_is_lost_at_once_and_begun_again(begun):
    """Within its supervisor's own answer, and nobody's budget pays."""
    until(lambda: begins(begun, "evicted"), what="it runs")
    (row,) = attempts(begun, "evicted")
    begun.aws("ecs").stop_task(
        cluster=begun.outputs["Cluster"], task=row["request_id"], reason="maintenance"
    )
    ended(begun, "evicted")
    assert ways(begun, "evicted") == [(1, "lost", "task", 8192), (2, "success", "task", 8192)]
    assert (
        attempts(begun, "evicted")[0]["message"]
        == "The task was told to stop while this attempt ran."
    )
    (first, second) = begins(begun, "evicted")
    assert first[2] == second[2], "it is the same try to an engine outside"


def test_a_process_that_its_ripple_kills_on_a_task_is_a_failure_that_the_budget_pays_for(begun):
    ended(begun, "dies")
    assert ways(begun, "dies") == [(1, "failed", "task", 8192), (2, "success", "task", 8192)]
    assert (
        attempts(begun, "dies")[0]["message"] == "Ripple 'work' ended its own process by SIGKILL."
    )


def test_memory_that_does_not_suffice_is_sought_in_larger_places(begun):
    ended(begun, "grows")
    assert ways(begun, "grows") == [
        (1, "memory", "lambda", 2048),
        (2, "memory", "task", 8192),
        (3, "success", "task", 16_384),
    ]
    first = attempts(begun, "grows")[0]
    assert (first["error"], "no room for the frame" in first["message"]) == ("MemoryError", True)
    assert begun.statuses("grows") == ["success"]


def test_an_operators_pin_decides_where_and_how_large(begun):
    ended(begun, "pinned")
    assert ways(begun, "pinned") == [(1, "success", "task", 16_384)]
    assert begun.rows("pinned", "made") == [{"on_task": True}]
    (row,) = attempts(begun, "pinned")
    said = [line for line in log_of(begun, row) if line.get("message") == "attempt 1 speaks"]
    assert [(line["run"], line["ripple"], line["attempt"], line["stream"]) for line in said] == [
        ("pinned@1/1", "work", 1, "stdout")
    ]
    shown = begun.run.done("run", "show", "pinned@1/1")
    assert "task 16384 MiB" in shown
    begun.run.done("control", "compute", "pinned", "work", "--on", "auto")
    begun.trigger("pulse", "pinned")
    until(
        lambda: len(begun.runs("pinned")) == 2 and begun.runs("pinned")[1]["status"] == "success",
        what="it runs again",
    )
    assert ways(begun, "pinned", 2) == [(1, "success", "lambda", 2048)]


def test_a_task_that_pauses_goes_on_in_the_function(begun):
    ended(begun, "looks")
    (row,) = attempts(begun, "looks")
    assert (row["attempt"], row["status"], row["pauses"], row["where"]) == (
        1,
        "success",
        1,
        "lambda",
    )
    assert [where for where, _, _ in begins(begun, "looks")] == ["task", "lambda"]


def test_a_call_that_holds_the_interpreter_beyond_its_timeout_is_ended_from_outside(begun):
    line = ended(begun, "stuck", fresh=False)
    assert line["failure"]["error"] == "TimeoutError"
    (row,) = attempts(begun, "stuck")
    assert (row["status"], row["where"], row["error"]) == ("failed", "task", "TimeoutError")
    assert row["message"] == line["failure"]["message"]
    ((_, supervisor, _),) = begins(begun, "stuck")
    until(lambda: is_gone(supervisor), what="its task is gone")


def test_an_overrun_goes_on_as_a_task_with_what_it_knew_and_the_line_learns_and_unlearns(begun):
    ended(begun, "overruns")
    assert ways(begun, "overruns") == [(1, "overran", "lambda", 2048), (2, "success", "task", 8192)]
    assert begun.rows("overruns", "made") == [{"on_task": True, "run": "run 17"}]
    first, second = begins(begun, "overruns")
    assert first[2] == second[2], "a hand-over is no retry"
    # The task took longer than a third of the function's time: the next run begins there, and is
    # quick; so the one after does not.
    for number, where in ((2, ("task", 8192)), (3, ("lambda", 2048))):
        begun.trigger("pulse", "overruns")
        until(
            lambda n=number: (
                len(begun.runs("overruns")) == n
                and begun.runs("overruns")[-1]["status"] == "success"
            ),
            what=f"run {number}",
        )
        assert ways(begun, "overruns", number) == [(1, "success", *where)]


def test_a_task_that_falls_silent_is_lost_and_stopped_and_begun_again(begun):
    ended(begun, "silent")
    assert ways(begun, "silent") == [(1, "lost", "task", 8192), (2, "success", "task", 8192)]
    first = attempts(begun, "silent")[0]
    assert first["error"] == "States.HeartbeatTimeout"
    supervisor = begins(begun, "silent")[0][1]
    until(lambda: is_gone(supervisor), what="the silent task's processes are gone")
    assert until(lambda: stopped(begun, first), what="the task has stopped")


def test_a_supervisor_that_is_killed_is_answered_for_by_ecs(begun):
    """Its worker goes with it, as a container's processes do; nothing waits for its silence."""
    begun.deploy(begun.pond("beheaded", PRELUDE + dedent(PONDS["evicted"])))
    begun.trigger("pulse", "beheaded")
    until(lambda: begins(begun, "beheaded"), what="it runs")
    ((_, supervisor, _),) = begins(begun, "beheaded")
    os.kill(supervisor, signal.SIGKILL)
    ended(begun, "beheaded")
    assert ways(begun, "beheaded") == [(1, "lost", "task", 8192), (2, "success", "task", 8192)]
    first = attempts(begun, "beheaded")[0]
    assert (first["error"], "exit code 137" in first["message"]) == (
        "EssentialContainerExited",
        True,
    )


def test_a_task_that_does_not_start_is_started_again_and_no_budget_pays(begun):
    """Nor does a run hold on to the definition that was there when it began: the latest of its
    family counts.
    """
    ecs = begun.aws("ecs")
    good = ecs.describe_task_definition(taskDefinition=f"duckstring-{NAME}")["taskDefinition"]

    def register(catchment):
        given = [
            {
                **one,
                "environment": [
                    *one["environment"],
                    {"name": "DUCKSTRING_CATCHMENT", "value": catchment},
                ],
            }
            for one in good["containerDefinitions"]
        ]
        ecs.register_task_definition(
            family=f"duckstring-{NAME}",
            containerDefinitions=given,
            networkMode="awsvpc",
            taskRoleArn=good["taskRoleArn"],
        )

    register("elsewhere")
    begun.deploy(begun.pond("unstarted", PRELUDE + dedent(PONDS["dies"].replace("== 1", "== 0"))))
    begun.trigger("pulse", "unstarted")
    (first, *_) = until(
        lambda: begun.runs("unstarted") and attempts(begun, "unstarted"),
        what="the first start has failed",
    )
    register(NAME)
    ended(begun, "unstarted")
    assert (first["status"], first["error"]) == ("lost", "TaskFailedToStart")
    assert "Catchment elsewhere has no ripple function" in first["message"]
    assert {way[1] for way in ways(begun, "unstarted")[:-1]} == {"lost"}
    assert ways(begun, "unstarted")[-1][1:] == ("success", "task", 8192)
    assert begun.statuses("unstarted") == ["success"]


def test_a_restart_takes_tasks_along_and_the_runs_go_on(begun):
    begun.deploy(begun.pond("restarted", PRELUDE + dedent(PONDS["evicted"])))
    begun.trigger("pulse", "restarted")
    until(lambda: begins(begun, "restarted"), what="it runs")
    ((_, supervisor, _),) = begins(begun, "restarted")
    begun.run.done("catchment", "stop", NAME)
    assert is_gone(supervisor)
    begun.run.done("catchment", "start", NAME)
    ended(begun, "restarted")
    assert [way[1] for way in ways(begun, "restarted")] == ["lost", "success"]
    assert begun.statuses("restarted") == ["success"]
