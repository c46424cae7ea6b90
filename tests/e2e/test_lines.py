"""Lines: majors side by side, versions that must fit, and what is taken out again."""

from __future__ import annotations

from tests.e2e.drive import until

COUNTED = """
@ripple
def count(pond):
    note(pond, "count")
    before = 0
    if pond.has_table("counts"):
        before = pond.read_table("counts").aggregate("max(n)").fetchone()[0]
    pond.write_table("counts", f"SELECT {{before}} + {step} AS n, '{{pond.version}}' AS version")
"""

READS = """
@ripple
def read(pond):
    note(pond, "read")
    found = pond.has_table("{source}.counts")
    pond.write_table(
        "seen",
        pond.read_table("{source}.counts") if found else "SELECT -1 AS n, 'none' AS version",
    )
"""


def last(driver, pond, table, *line):
    found = driver.run("query", pond, table, "--json", *line)
    assert found.code == 0, found.err
    (row,) = found.json
    return row


def runs_of(driver, pond, major):
    return driver.client.runs(pond, major=major, limit=1000)


def test_two_majors_have_their_own_data_demand_history_and_sinks_and_leave_one_by_one(
    driver, duckstring
):
    """One story in three parts: a Catchment's start is dear, and so are the runs that fill it."""
    sinks_are_there_first(driver, duckstring)
    count = a_wave_on_one_leaves_the_other_alone(driver)
    each_is_removed_for_itself(driver, duckstring, count)
    a_removed_line_begins_anew(driver, count)


def sinks_are_there_first(driver, duckstring):
    old_sink = driver.pond("fork_old", READS.format(source="fork"), sources=["fork=1.1.0"])
    new_sink = driver.pond("fork_new", READS.format(source="fork"), sources=["fork=2.0.0"])
    loose = driver.pond("fork_loose", READS.format(source="fork"), sources=["fork=2.0.0?"])
    driver.deploy(old_sink, new_sink, loose)
    epoch = driver.pulse("fork_old")
    driver.wait_until(
        "fork_old",
        lambda line: "fork@1 (not deployed)" in line["reason"],
        what="the Sink waits for its Source",
    )

    # A Source below what a deployed Sink needs is refused; the way out is told, and works.
    said = duckstring("deploy", driver.pond("fork", COUNTED.format(step=1), version="1.1.0-rc.1"))
    assert said.code == 1
    assert said.err.splitlines()[-1] == (
        "error: fork_old@1 1.0.0 needs fork@1 at 1.1.0 or newer, and this deploy would select "
        "1.1.0-rc.1: "
        "deploy fork at 1.1.0 or newer, or together with it a fork_old that needs less."
    )
    driver.deploy(driver.pond("fork", COUNTED.format(step=1), version="1.1.0"))
    driver.wait_fresh("fork_old", epoch)
    assert last(driver, "fork_old", "seen") == {"n": 1, "version": "1.1.0"}


def a_wave_on_one_leaves_the_other_alone(driver):
    driver.deploy(driver.pond("fork", COUNTED.format(step=100), version="2.0.0"))
    driver.trigger("wave", "fork_new")
    until(
        lambda: len(driver.runs("fork_new")) >= 3,
        what="three cycles of the new lineage",
        show=driver.lines,
    )
    driver.trigger("remove", "fork_new")
    driver.wait_until("fork_new", lambda line: line["trigger"] is None, what="the Wave is gone")
    driver.wait_at_rest("fork", "fork_old", "fork_new")
    assert [row["run"] for row in runs_of(driver, "fork", 1)] == ["fork@1/1"]
    count = len(runs_of(driver, "fork", 2))
    assert count >= 3
    assert last(driver, "fork", "counts", "-v", "1.0.0") == {"n": 1, "version": "1.1.0"}
    assert last(driver, "fork", "counts", "--major", "2") == {"n": 100 * count, "version": "2.0.0"}
    assert [driver.client.status("fork", major=major)["lines"][0]["sinks"] for major in (1, 2)] == [
        ["fork_old@1"],
        ["fork_loose@1", "fork_new@1"],
    ]
    return count


def each_is_removed_for_itself(driver, duckstring, count):
    # A version that nobody runs goes alone; a line that a Sink needs stays.
    driver.deploy(driver.pond("fork", COUNTED.format(step=1), version="1.2.0"))
    said = duckstring("pond", "remove", "fork", "-v", "1.2.0", "-y")
    assert (said.code, said.err.splitlines()[0]) == (
        1,
        "error: fork 1.2.0 is the version that fork@1 runs.",
    )
    assert (
        driver.run.done("pond", "remove", "fork", "-v", "1.1.0", "-y")
        == "✓ fork 1.1.0 is removed\n"
    )
    said = duckstring("pond", "remove", "fork", "-m", "2", "-y")
    assert (said.code, said.err.splitlines()[0]) == (
        1,
        "error: fork@2 cannot be removed: fork_new@1 needs it as a Source.",
    )
    driver.run.done("pond", "remove", "fork_new", "-y")
    said = duckstring("pond", "remove", "fork", "-m", "2", "-y")
    assert (said.code, said.out) == (0, "✓ fork@2 is removed\n")
    assert "fork@2 is an optional Source of fork_loose@1" in said.err

    # What is left: the other line as it was, the optional Sink, and history.
    assert [line["version"] for line in driver.client.status("fork")["lines"]] == ["1.2.0"]
    assert last(driver, "fork", "counts") == {"n": 1, "version": "1.1.0"}
    assert duckstring("query", "fork", "counts", "-m", "2").code == 2
    driver.wait_until(
        "fork_loose",
        lambda line: line["sources"][0]["end_f"].startswith("0001"),
        what="its optional Source is gone",
    )
    assert len(runs_of(driver, "fork", 2)) == count
    assert len(driver.runs("fork_new")) >= 3
    assert "count" in driver.run.done("run", "show", "fork@2/1")


def a_removed_line_begins_anew(driver, count):
    """And no run's number comes twice."""
    driver.deploy(driver.pond("fork", COUNTED.format(step=7), version="2.0.0"))
    (line,) = driver.client.status("fork", major=2)["lines"]
    assert (line["status"], line["staleness_seconds"], line["tables"]) == ("idle", None, 0)
    driver.wait_fresh("fork_loose", driver.pulse("fork_loose"))
    assert last(driver, "fork_loose", "seen") == {"n": 7, "version": "2.0.0"}
    assert runs_of(driver, "fork", 2)[0]["run"] == f"fork@2/{count + 1}"


def test_a_line_that_is_removed_while_it_runs_is_stopped_and_history_says_so(driver):
    driver.deploy(
        driver.pond("doomed", "@ripple\ndef stay(pond):\n    note(pond, 'stay')\n    hold(pond)\n")
    )
    driver.trigger("wave", "doomed")
    driver.wait_until("doomed", lambda line: driver.noted("doomed"), what="it runs")
    assert (
        driver.run.done("pond", "remove", "doomed", "-y")
        == "✓ doomed@1 is removed, doomed@1/1 stopped\n"
    )
    until(
        lambda: driver.statuses("doomed") == ["killed"],
        what="history says killed",
        show=lambda: driver.runs("doomed"),
    )
    assert not driver.lines("doomed")
    driver.let("doomed")
    driver.deploy(driver.pond("doomed", COUNTED.format(step=5)), overwrite=True)
    line = driver.line("doomed")
    assert (line["trigger"], any(line["demand"].values()), line["end_f"][:4]) == (
        None,
        False,
        "0001",
    )
    driver.wait_fresh("doomed", driver.pulse("doomed"))
    assert driver.rows("doomed", "counts") == [{"n": 5, "version": "1.0.0"}]
