"""`duckstring why` on the deployed stack: a chain of three Ponds that does not run, for one reason
after the other. Each is taken away by the command that the answer names.
"""

from __future__ import annotations

import shlex

from tests.e2e.drive import until

INLET = """
@ripple
def load(pond):
    if not (Path(os.environ["LEDGER"]) / "why_repaired").exists():
        raise ValueError("no rows \\x1b[31min\\x1b[0m the file")
    pond.write_table("made", "SELECT 1 AS one")
"""
SLOW = """
@ripple
def load(pond):
    note(pond, "began")
    hold(pond)
    pond.write_table("made", "SELECT 1 AS one")
"""
QUICK = """
@ripple
def load(pond):
    pond.write_table("made", "SELECT 1 AS one")
"""
READER = """
@ripple
def read(pond):
    pond.write_table("read", "SELECT * FROM {source}")
"""


def chain(driver, first, code):
    """Three Ponds, one behind the other: the names."""
    names = (first, f"{first}_mid", f"{first}_out")
    driver.deploy(
        driver.pond(names[0], code),
        driver.pond(names[1], READER.format(source=f"{first}.made"), sources=[first]),
        driver.pond(names[2], READER.format(source=f"{first}_mid.read"), sources=[names[1]]),
    )
    return names


def asked(driver, pond):
    return driver.run("why", pond, "--json").json


def roots(answer):
    return [
        (line["line"], cause["kind"])
        for line in answer["chain"]
        for cause in line["causes"]
        if cause["leads_to"] is None
    ]


def told_that(driver, pond, *expected):
    """Letters take a moment to arrive."""
    return until(
        lambda: (answer := asked(driver, pond)) and roots(answer) == list(expected) and answer,
        what=f"{pond} says {expected}",
        show=lambda: asked(driver, pond)["chain"],
    )


def typed(driver, answer, word):
    """Type the command that the answer names."""
    (command,) = (way["command"] for way in answer["ways"] if f" {word} " in f" {way['command']} ")
    driver.run.done(*shlex.split(command)[1:])


def test_a_failure_at_the_root_is_found_from_the_outlet_and_the_named_command_ends_it(driver):
    first, mid, out = chain(driver, "why_failing", INLET)
    driver.trigger("pulse", out)
    driver.wait_for(out, "blocked")
    answer = told_that(driver, out, (f"{first}@1", "failed"))
    assert answer["status"] == "blocked"
    assert [line["line"] for line in answer["chain"]] == [f"{out}@1", f"{mid}@1", f"{first}@1"]
    (failed,) = answer["chain"][2]["causes"]
    assert failed["since"]
    shown = driver.run.done("why", out)
    assert "\x1b" not in shown
    assert "failed" in shown
    assert "in load: ValueError: no rows \\x1b[31min\\x1b[0m the file." in shown
    (driver.ledger / "why_repaired").touch()
    typed(driver, answer, "wake")
    driver.wait_until(out, lambda line: line["tables"] == 1, what="the Outlet has run")
    told_that(driver, out, (f"{out}@1", "not_asked"))
    assert "succeeded" in asked(driver, out)["last"]


def test_a_run_says_for_whom_and_what_waits_for_it_says_so(driver):
    first, mid, out = chain(driver, "why_slow", SLOW)
    driver.trigger("pulse", out)
    until(lambda: driver.noted(first), what="the Inlet has begun")
    (run,) = asked(driver, first)["runs"]
    (demand,) = run["demand"]
    assert (demand["kind"], demand["line"], demand["sure"]) == ("pulse", f"{out}@1", True)
    assert demand["via"] == [f"{mid}@1", f"{out}@1"]
    assert run["inside"][0].startswith("load runs since")
    told_that(driver, out, (f"{first}@1", "busy"))
    driver.run.done("control", "kill", first, "--yes")
    answer = told_that(driver, out, (f"{first}@1", "killed"))
    typed(driver, answer, "clear")
    driver.let(first)
    driver.wait_until(out, lambda line: line["tables"] == 1, what="the Outlet has run")


def test_a_closed_window_and_then_sleep_are_named(driver):
    first, mid, out = chain(driver, "why_closed", INLET)
    driver.run.done(
        "trigger", "window", first, "add", "--name", "late", "--every", "1d",
        "--start", "2099-01-01T00:00:00Z", "--duration", "1h",
    )  # fmt: skip
    driver.trigger("pulse", out)
    answer = told_that(driver, out, (f"{first}@1", "window_closed"))
    assert answer["chain"][-1]["causes"][0]["at"] == "2099-01-01T00:00:00.000000Z"
    assert "Window late, which opens 2099-01-01 00:00 UTC" in driver.run.done("why", out)
    driver.run.done("control", "sleep", out, "--upstream")
    answer = told_that(driver, out, (f"{out}@1", "asleep"))
    (driver.ledger / "why_repaired").touch()
    driver.run.done("trigger", "window", first, "remove", "late")
    typed(driver, answer, "pulse")
    driver.wait_until(out, lambda line: line["tables"] == 1, what="the Outlet has run")
    assert asked(driver, mid)["chain"][0]["causes"][0]["kind"] == "not_asked"


def test_a_new_version_that_hangs_is_told_from_a_slow_one_and_the_named_commands_end_it(driver):
    first, _, out = chain(driver, "why_hangs", QUICK)
    driver.trigger("pulse", out)
    driver.wait_until(out, lambda line: line["tables"] == 1, what="the Outlet has run")
    driver.deploy(driver.pond(first, SLOW, version="1.0.1"))
    driver.trigger("pulse", out)
    until(lambda: driver.noted(first), what="the new version has begun")
    until(lambda: "usual" in asked(driver, first)["runs"][0], what="it takes far too long")
    answer = asked(driver, out)
    assert roots(answer) == [(f"{first}@1", "busy")]
    usual = answer["chain"][-1]["causes"][0]["usual"]
    assert (usual["runs"], usual["first_of"]) == (1, "1.0.1")
    assert "It is the first run of version 1.0.1, deployed" in answer["text"]
    driver.run.done("control", "kill", first, "--yes")
    driver.deploy(driver.pond(first, QUICK, version="1.0.2"))
    typed(driver, answer, "wake")
    told_that(driver, out, (f"{out}@1", "not_asked"))
    assert driver.line(first)["version"] == "1.0.2"


def test_under_maintenance_a_failure_is_named_too_and_both_commands_together_end_it(driver):
    code = INLET.replace("why_repaired", "why_held_repaired")
    first, _, out = chain(driver, "why_held", code)
    driver.trigger("pulse", out)
    driver.wait_for(out, "blocked")
    try:
        driver.run.done("maintenance", "on")
        answer = told_that(driver, out, (f"{out}@1", "held"), (f"{first}@1", "failed"))
        (driver.ledger / "why_held_repaired").touch()
        typed(driver, answer, "wake")
        told_that(driver, out, (f"{out}@1", "held"))
        assert driver.line(out)["tables"] == 0
    finally:
        driver.run.done("maintenance", "off")
    driver.wait_until(out, lambda line: line["tables"] == 1, what="the Outlet has run")
