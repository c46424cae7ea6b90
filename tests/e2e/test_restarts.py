"""A local Catchment that is stopped, or killed, in the middle of its work."""

from __future__ import annotations

import os
import signal

from duckstring_cli.local import catchment as local
from tests.e2e.drive import until

ROOT = """
@ripple
def slow(pond):
    note(pond, "begin")
    hold(pond)
    pond.write_table("made", f"SELECT TIMESTAMPTZ '{pond.f.isoformat()}' AS f")

@ripple
def quick(pond):
    note(pond, "quick")
    pond.write_table("other", "SELECT 1 AS one")

@ripple(parents=[slow, quick])
def join(pond):
    note(pond, "join")
    pond.write_table("joined", "SELECT f, one FROM made, other")
"""

SINK = """
@ripple
def read(pond):
    note(pond, "read")
    pond.write_table("seen", pond.read_table("{source}.joined"))
"""


def settled_before(driver):
    """Something that was finished and published before, which must be there after."""
    driver.deploy(
        driver.pond(
            "keepsake",
            "@ripple\ndef make(pond):\n    pond.write_table('kept', 'SELECT 42 AS answer')\n",
        )
    )
    driver.wait_fresh("keepsake", driver.pulse("keepsake"))
    return known(driver)


def known(driver):
    return (
        driver.line("keepsake")["version"],
        driver.runs("keepsake"),
        driver.client.tables("keepsake"),
        driver.rows("keepsake", "kept"),
    )


def in_the_middle(driver, name):
    """A two-Pond pipeline, one Ripple of it running and one done."""
    sink = f"{name}_sink"
    driver.deploy(
        driver.pond(name, ROOT), driver.pond(sink, SINK.format(source=name), sources=[name])
    )
    epoch = driver.pulse(sink)
    until(
        lambda: {note.word for note in driver.noted(name)} == {"begin", "quick"},
        what="both roots have begun",
    )
    driver.wait_until(
        name,
        lambda line: (
            [(r["name"], r["status"]) for run in line["runs"] for r in run["ripples"]]
            == [("slow", "running"), ("quick", "done"), ("join", "waiting")]
        ),
        what="one runs, one is done",
    )
    return sink, epoch


def assert_finished(driver, name, sink, epoch):
    driver.wait_fresh(sink, epoch)
    driver.wait_at_rest(name, sink)
    assert driver.statuses(name) == driver.statuses(sink) == ["success"]
    assert driver.line(name)["end_f"] == driver.line(sink)["end_f"] == epoch
    assert len(driver.rows(sink, "seen")) == 1
    words = [note.word for note in driver.noted(name)]
    # What was done is not done again; what was cut off is begun again.
    assert (words.count("quick"), words.count("join"), len(driver.noted(sink))) == (1, 1, 1), words


def test_a_stop_in_the_middle_of_a_run_and_the_pipeline_goes_on_by_itself(driver):
    before = settled_before(driver)
    sink, epoch = in_the_middle(driver, "paused")
    driver.run.done("catchment", "stop", "test")
    assert driver.run("status", "--once").err.startswith("error: Catchment 'test' is not running.")
    driver.let("paused")
    driver.run.done("catchment", "start", "test")
    assert_finished(driver, "paused", sink, epoch)
    assert known(driver) == before


def test_a_hard_kill_after_a_checkpoint_loses_nothing_and_the_pipeline_goes_on(driver):
    before = settled_before(driver)
    sink, epoch = in_the_middle(driver, "killed")

    def saved():
        running = local.status("test").running
        return running and not running.unsaved and running

    running = until(saved, what="a checkpoint")
    os.kill(running.pid, signal.SIGKILL)
    driver.let("killed")
    driver.run.done("catchment", "start", "test")
    assert_finished(driver, "killed", sink, epoch)
    assert known(driver) == before


def test_a_wave_goes_on_after_a_restart(driver):
    driver.deploy(
        driver.pond(
            "surge",
            (
                "@ripple\ndef make(pond):\n    note(pond, 'make')\n"
                "    pond.write_table('joined', f\"SELECT '{pond.f}' AS f\")\n"
            ),
        ),
        driver.pond("surf", SINK.format(source="surge"), sources=["surge"]),
    )
    driver.trigger("wave", "surf")
    until(lambda: len(driver.noted("surf")) >= 2, what="the Wave runs")
    driver.run.done("catchment", "stop", "test")
    before = len(driver.noted("surf"))
    driver.run.done("catchment", "start", "test")
    until(
        lambda: len(driver.noted("surf")) >= before + 3,
        what="it goes on",
        show=lambda: driver.lines("surge", "surf"),
    )
    driver.trigger("remove", "surf")
    driver.wait_until("surf", lambda line: line["trigger"] is None, what="the Wave is gone")
    lines = driver.wait_at_rest("surge", "surf")
    assert {line["status"] for line in lines.values()} == {"idle"}
    assert {row["status"] for pond in ("surge", "surf") for row in driver.runs(pond)} == {"success"}
