"""An operator's word: wake, force, sleep, kill, clear, retry budgets. On the deployed stack, by
the command.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.drive import until

LOAD = """
@ripple
def load(pond):
    note(pond, "load")
    pond.write_table("loaded", f"SELECT '{pond.f.isoformat()}' AS f")
"""

READ = """
@ripple
def read(pond):
    note(pond, "read")
    pond.write_table("seen", pond.read_table("SOURCE.loaded"))
"""

BREAKS = """
@ripple
def load(pond):
    note(pond, "load")
    if not (Path(os.environ["LEDGER"]) / f"{pond.name}.repaired").exists():
        raise RuntimeError("out of quota")
    pond.write_table("loaded", f"SELECT '{pond.f.isoformat()}' AS f")
"""

LONG_QUERY = "SELECT sum(a.range * b.range) AS n FROM range(10000000) a, range(10000000) b"


def reader(source):
    return READ.replace("SOURCE", source)


def long(body):
    """Runs for ever until the test says that it need not."""
    return f"""
@ripple
def load(pond):
    note(pond, "load")
    if not (Path(os.environ["LEDGER"]) / f"{{pond.name}}.quick").exists():
        try:
            {body}
        finally:
            note(pond, "ended")
    pond.write_table("loaded", f"SELECT '{{pond.f.isoformat()}}' AS f")
"""


def control(driver, *words):
    return driver.run.done("control", *words)


def running(driver, pond):
    """Its Ripple runs: the process that it said it is."""
    held = driver.wait_until(
        pond, lambda line: driver.noted(pond) and line["status"] == "running", what=f"{pond} runs"
    )
    return driver.noted(pond)[-1].pid, held["runs"][0]["run"]


def execution_status(driver, run):
    line, _, number = run.partition("/")
    pond, _, major = line.partition("@")
    machine = driver.outputs["Machine"]
    arn = f"{machine.replace(':stateMachine:', ':execution:')}:{pond}-{major}-{number}-1"
    return driver.aws("stepfunctions").describe_execution(executionArn=arn)["status"]


def has_stopped(driver, pond, pid):
    """The author's code has come to its ``finally``, or the worker is gone."""
    return (
        any(noted.word == "ended" for noted in driver.noted(pond))
        or not Path(f"/proc/{pid}").exists()
    )


def test_what_failed_is_tried_again_by_itself_a_minute_later(driver):
    """It begins here; the last test of this file looks how it ended."""
    driver.deploy(
        driver.pond("patient", BREAKS, source_retries=1),
        driver.pond("patient_sink", reader("patient"), sources=["patient"]),
    )
    driver.pulse("patient_sink")
    failed = driver.wait_for("patient", "failed")
    assert failed["retry_at"] > failed["last_run"]["started"]
    assert (
        driver.wait_for("patient_sink", "blocked")["reason"]
        == "blocked by patient@1 (failed: RuntimeError: out of quota)"
    )
    driver.let("patient", "repaired")


@pytest.mark.parametrize(
    ("pond", "body"),
    [
        ("sleeper", "time.sleep(600)"),
        ("cruncher", f'pond.con.sql("{LONG_QUERY}").fetchall()'),
        (
            "stubborn_one",
            (
                "while True:\n                try: time.sleep(600)\n"
                "                except BaseException: pass"
            ),
        ),
    ],
    ids=["in a sleep", "in a query", "against its will"],
)
def test_a_kill_stops_the_execution_and_the_worker_and_history_says_so(driver, pond, body):
    sink = f"{pond}_sink"
    driver.deploy(driver.pond(pond, long(body)), driver.pond(sink, reader(pond), sources=[pond]))
    epoch = driver.pulse(sink)
    pid, run = running(driver, pond)
    assert control(driver, "kill", pond) == f"{pond}@1: killed; stopped run {run}\n"

    until(lambda: execution_status(driver, run) == "ABORTED", what="the execution is stopped")
    until(lambda: has_stopped(driver, pond, pid), what=f"worker {pid} has stopped")
    until(
        lambda: driver.client.run(run)["attempts"][0]["left"],
        what="its worker has said that it left",
    )
    told = driver.client.run(run)
    assert (told["run"]["status"], bool(told["run"]["finished"])) == ("killed", True)
    (attempt,) = told["attempts"]
    assert (attempt["status"], attempt["message"], bool(attempt["finished"])) == (
        "killed",
        "An operator killed it.",
        True,
    )
    assert "killed" in driver.run.done("runs", pond)
    assert "An operator killed it." in driver.run.done("run", "show", run)
    assert driver.line(pond)["reason"].startswith(f"{pond}@1 was killed by ")
    assert driver.wait_for(sink, "blocked")["reason"] == f"blocked by {pond}@1 (killed)"
    kept = driver.run("trigger", "pulse", pond)
    assert kept.code == 0
    assert f"Kept: {pond}@1 runs for it when it recovers. Now {pond}@1 was killed." in " ".join(
        kept.err.split()
    )
    assert control(driver, "kill", pond) == f"{pond}@1: killed; nothing was running\n"

    # Cleared, it runs for what its Sink still wants; nothing of the run that was killed is left in
    # its way.
    driver.let(pond, "quick")
    assert control(driver, "clear", pond) == f"{pond}@1: cleared\n"
    assert (
        control(driver, "clear", pond) == f"{pond}@1: neither failed nor killed; nothing to clear\n"
    )
    driver.wait_fresh(sink, epoch)
    driver.wait_at_rest(pond, sink)
    assert driver.statuses(pond) == ["killed", "success"]
    assert driver.client.run(run)["attempts"] == told["attempts"]
    assert [noted.word for noted in driver.noted(pond) if noted.word != "ended"] == ["load", "load"]


def test_a_killed_line_wakes_and_its_wave_goes_on(driver):
    driver.deploy(
        driver.pond("dammed", long("time.sleep(600)")),
        driver.pond("dammed_sink", reader("dammed"), sources=["dammed"]),
    )
    driver.trigger("wave", "dammed_sink")
    running(driver, "dammed")
    control(driver, "kill", "dammed", "-y")
    driver.wait_for("dammed_sink", "blocked")
    driver.let("dammed", "quick")
    said = control(driver, "wake", "dammed", "--watch")
    assert said.startswith("dammed@1: woken\n")
    assert "✓ dammed@1 is fresh as of" in said
    driver.wait_until(
        "dammed_sink",
        lambda line: line["last_run"] and line["last_run"]["number"] > 3,
        what="the Wave flows again",
    )
    assert driver.line("dammed_sink")["trigger"] == {"kind": "wave"}

    # And all of it is put to sleep: nothing stops in the middle, nothing starts again.
    said = control(driver, "sleep", "dammed_sink", "--upstream")
    assert said.startswith("dammed_sink@1, dammed@1: asleep")
    rested = driver.wait_at_rest("dammed", "dammed_sink")
    assert {line["status"] for line in rested.values()} == {"idle"}
    assert all(line["trigger"] is None for line in rested.values())
    assert set(driver.statuses("dammed_sink")) <= {"success", "pass"}


def test_a_source_that_sleeps_under_a_wave_is_warned_of(driver):
    driver.deploy(
        driver.pond("drowsy", LOAD),
        driver.pond("drowsy_sink", reader("drowsy"), sources=["drowsy"]),
    )
    driver.trigger("wave", "drowsy_sink")
    driver.wait_until("drowsy_sink", lambda line: line["last_run"], what="the Wave flows")
    said = driver.run("control", "sleep", "drowsy")
    assert said.code == 0
    assert "warning: drowsy_sink@1 is awake (wave" in said.err
    control(driver, "sleep", "drowsy_sink", "--upstream")
    driver.wait_at_rest("drowsy", "drowsy_sink")


def test_force_runs_one_line_again_at_its_freshness_and_its_sinks_see_it_with_their_next_run(
    driver, ledger
):
    driver.deploy(
        driver.pond(
            "forced",
            """
            @ripple
            def load(pond):
                note(pond, "load")
                price = (Path(os.environ["LEDGER"]) / "price").read_text()
                pond.write_table("loaded", f"SELECT {price} AS price")
            """,
        ),
        driver.pond("forced_sink", reader("forced"), sources=["forced"]),
        driver.pond("never_run", reader("forced"), sources=["forced"]),
    )
    refused = driver.run("control", "force", "never_run")
    assert (refused.code, refused.out) == (1, "")
    assert refused.err.startswith(
        "error: never_run@1 cannot be forced: it has never run, and forced@1 has no output yet.\n"
        "hint: "
    )
    (ledger / "price").write_text("1")
    epoch = driver.pulse("forced_sink")
    driver.wait_fresh("forced_sink", epoch)

    (ledger / "price").write_text("2")
    said = control(driver, "force", "forced", "--watch")
    assert said.startswith("forced@1: forced\n")
    driver.wait_at_rest("forced", "forced_sink")
    assert driver.rows("forced", "loaded") == [{"price": 2}]
    assert driver.line("forced")["end_f"] == epoch
    assert driver.statuses("forced") == ["success", "success"]
    assert driver.statuses("forced_sink") == ["success"]
    assert driver.rows("forced_sink", "seen") == [{"price": 1}]

    # The next run of the Source finds what the forced one left, and changes nothing: its Sink does
    # not pass over it.
    driver.wait_fresh("forced_sink", driver.pulse("forced_sink"))
    assert driver.statuses("forced_sink") == ["success", "success"]
    assert driver.rows("forced_sink", "seen") == [{"price": 2}]

    assert control(driver, "force", "never_run", "--watch").startswith("never_run@1: forced\n")
    assert driver.rows("never_run", "seen") == [{"price": 2}]


def test_retry_budgets_are_the_operators_and_no_deploy_takes_them_back(driver):
    root = driver.pond("budgeted", BREAKS, source_retries=1)
    driver.deploy(root)
    assert (
        control(driver, "failure-budget", "budgeted")
        == "budgeted@1: failure-budget: immediate 0, source 1\n"
    )
    set_to = control(driver, "failure-budget", "budgeted", "--immediate", "2", "--source", "0")
    assert set_to == "budgeted@1: failure-budget: immediate 2, source 0\n"
    driver.deploy(driver.pond("budgeted", BREAKS, version="1.0.1", source_retries=1))
    driver.wait_until(
        "budgeted", lambda line: line["version"] == "1.0.1", what="the version is selected"
    )
    assert control(driver, "failure-budget", "budgeted") == set_to
    driver.pulse("budgeted")
    failed = driver.wait_for("budgeted", "failed")
    assert len(driver.noted("budgeted")) == 3
    assert failed["retry_at"] is None
    # A budget that is raised while it is failed counts at once: the line plans its retry.
    control(driver, "failure-budget", "budgeted", "--source", "5")
    assert driver.line("budgeted")["retry_at"] is not None
    assert control(driver, "failure-budget", "budgeted").endswith("source 5, 1 failed in a row\n")
    control(driver, "clear", "budgeted")


@pytest.mark.parametrize("way", ["deploy", "wake", "force", "clear"])
def test_each_way_out_of_a_failure_lets_a_wave_below_flow_again(driver, way):
    pond, sink = f"broken_{way}", f"below_{way}"
    root = driver.pond(pond, BREAKS)
    driver.deploy(root, driver.pond(sink, reader(pond), sources=[pond]))
    driver.trigger("wave", sink)
    driver.wait_for(pond, "failed")
    assert (
        driver.wait_for(sink, "blocked")["reason"]
        == f"blocked by {pond}@1 (failed: RuntimeError: out of quota)"
    )
    driver.let(pond, "repaired")
    if way == "deploy":
        driver.deploy(root)
    else:
        control(driver, way, pond)
    driver.wait_until(
        sink,
        lambda line: line["last_run"] and line["last_run"]["number"] > 2,
        what=f"{sink} flows after a {way}",
    )
    control(driver, "sleep", sink, "--upstream")
    driver.wait_at_rest(pond, sink)
    assert driver.statuses(pond)[0] == "failed"
    assert set(driver.statuses(pond)[1:]) == {"success"}


def test_no_branch_or_token_is_left_of_what_was_killed(driver):
    """Of a run of two Ripples, one runs and one waits at its gate."""
    driver.deploy(
        driver.pond(
            "two_steps",
            long("time.sleep(600)")
            + "\n@ripple(parents=[load])\ndef after(pond):\n    note(pond, 'after')\n",
        )
    )
    driver.pulse("two_steps")
    _, run = running(driver, "two_steps")
    control(driver, "kill", "two_steps", "-y")
    until(lambda: execution_status(driver, run) == "ABORTED", what="the execution is stopped")
    driver.let("two_steps", "quick")
    control(driver, "wake", "two_steps", "--watch")
    assert driver.statuses("two_steps") == ["killed", "success"]
    assert [noted.word for noted in driver.noted("two_steps") if noted.word != "ended"] == [
        "load",
        "load",
        "after",
    ]


def test_a_line_that_never_ran_and_is_woken_waits_and_takes_up_a_new_version(driver):
    driver.deploy(
        driver.pond("dormant", LOAD),
        driver.pond("dormant_sink", reader("dormant"), sources=["dormant"]),
    )
    assert "waits for dormant@1" in control(driver, "wake", "dormant_sink")
    control(
        driver, "failure-budget", "dormant_sink", "--immediate", "1"
    )  # any other letter: the state is read back
    held = driver.line("dormant_sink")
    assert (held["status"], held["runs"], held["reason"]) == ("waiting", [], "waits for dormant@1")
    driver.deploy(
        driver.pond("dormant_sink", reader("dormant"), sources=["dormant"], version="1.1.0")
    )
    driver.run.done("trigger", "pulse", "dormant_sink", "--watch")
    driver.wait_at_rest("dormant", "dormant_sink")
    assert driver.statuses("dormant_sink") == ["success"]
    driver.assert_each_ran_once("dormant", "dormant_sink")


def test_the_same_package_again_holds_nothing_back_and_clears_a_failure_with_a_word(driver):
    root = driver.pond("again", BREAKS)
    driver.deploy(root)
    driver.trigger("pulse", "again")
    driver.wait_for("again", "failed")
    driver.let("again", "repaired")
    told = driver.run("deploy", root)
    assert (told.code, "unchanged" in told.out) == (0, True)
    assert (
        "again@1 failed, and this is the version that failed: the failure is cleared, and it "
        "runs again if it is wanted." in told.err
    )
    driver.wait_until(
        "again",
        lambda line: line["last_run"]["status"] == "success",
        what="the Pulse is kept and runs it",
    )
    driver.wait_at_rest("again")
    assert driver.statuses("again") == ["failed", "success"]
    slow = driver.pond("again_slow", long("time.sleep(600)"))
    driver.deploy(slow)
    driver.trigger("pulse", "again_slow")
    running(driver, "again_slow")
    assert "unchanged" in driver.run.done("deploy", slow)
    assert driver.line("again_slow")["next"] is None
    driver.let("again_slow", "quick")
    control(driver, "kill", "again_slow", "-y")


def test_it_has_recovered_by_itself_and_so_has_what_it_blocked(driver):
    driver.wait_for("patient", "idle")
    driver.wait_at_rest("patient", "patient_sink")
    assert driver.statuses("patient") == ["failed", "success"]
    assert driver.statuses("patient_sink") == ["success"]
    assert driver.line("patient")["failures"] == 0
