"""Ripples that fail: what readers and Sinks see of it, and how it ends."""

from __future__ import annotations

HALF = """
@ripple
def work(pond):
    note(pond, "work")
    pond.write_table("first", "SELECT {value} AS value")
    {then}
    pond.write_table("second", "SELECT {value} AS value")
"""

BOOM = """raise RuntimeError("It broke [here]: {50%}\\n  and \\"there\\", mülltonne")"""
WORDS = 'It broke [here]: {50%}\n  and "there", mülltonne'

SINK = """
@ripple
def read(pond):
    note(pond, "read")
    pond.write_table("seen", pond.read_table("{source}.first"))
"""


def test_nothing_is_seen_of_a_run_that_fails_after_its_first_table(driver, duckstring):
    """Neither by a query, nor in the list of tables, nor by Sinks; a run before it stays what it
    was.
    """
    half = driver.pond("half", HALF.format(value=1, then="pass"))
    sink = driver.pond("half_sink", SINK.format(source="half"), sources=["half"])
    driver.deploy(half, sink)
    epoch = driver.pulse("half_sink")
    driver.wait_fresh("half_sink", epoch)
    published = driver.client.tables("half")

    driver.deploy(driver.pond("half", HALF.format(value=2, then=BOOM), version="1.0.1"))
    driver.pulse("half_sink")
    failed = driver.wait_for("half", "failed")
    blocked = driver.wait_for("half_sink", "blocked")

    assert driver.client.tables("half") == published
    assert driver.rows("half", "first") == driver.rows("half", "second") == [{"value": 1}]
    assert driver.rows("half_sink", "seen") == [{"value": 1}]
    assert driver.statuses("half") == ["success", "failed"]
    assert driver.statuses("half_sink") == ["success"]
    assert failed["failure"] == {
        "run": "half@1/2",
        "ripple": "work",
        "attempt": 1,
        "error": "RuntimeError",
        "message": WORDS,
    }
    assert "half@1" in blocked["reason"]
    assert failed["end_f"] == epoch


def test_a_first_run_that_fails_publishes_nothing(driver, duckstring):
    driver.deploy(driver.pond("never", HALF.format(value=1, then=BOOM)))
    driver.pulse("never")
    driver.wait_for("never", "failed")
    said = duckstring("query", "never", "first")
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("error: never@1 has not completed a run yet.")


def test_run_show_gives_the_error_and_the_whole_traceback_word_for_word(driver, duckstring):
    root = driver.pond("loud", HALF.format(value=1, then=BOOM))
    driver.deploy(root)
    driver.pulse("loud")
    driver.wait_for("loud", "failed")
    shown = driver.run.done("run", "show", "loud@1/1")
    assert f"RuntimeError: {WORDS}" in shown
    assert "Traceback (most recent call last):" in shown
    source = (root / "src" / "pond.py").read_text().splitlines()
    number = next(place for place, text in enumerate(source, 1) if "raise RuntimeError" in text)
    assert f'src/pond.py", line {number}, in work\n    {source[number - 1].strip()}' in shown
    status = driver.run.done("status", "loud", "--once")
    assert "It broke [here]: {50%}" in status


def test_immediate_retries_run_the_same_ripple_again_and_no_other(driver):
    driver.deploy(
        driver.pond(
            "stubborn",
            """
            @ripple
            def load(pond):
                note(pond, "load")
                pond.write_table("loaded", "SELECT 1 AS one")

            @ripple(parents=[load])
            def twist(pond):
                note(pond, "twist")
                tries = Path(os.environ["LEDGER"]) / "stubborn.tries"
                tries.write_text(tries.read_text() + "x" if tries.exists() else "x")
                if len(tries.read_text()) < 3:
                    raise ConnectionError(f"try {len(tries.read_text())}")
                pond.write_table("twisted", pond.read_table("loaded"))
            """,
            immediate_retries=2,
        )
    )
    driver.wait_fresh("stubborn", driver.pulse("stubborn"))
    assert driver.statuses("stubborn") == ["success"]
    attempts = driver.client.run("stubborn@1/1")["attempts"]
    assert sorted(
        (one["ripple"], one["attempt"], one["status"], one.get("message")) for one in attempts
    ) == [
        ("load", 1, "success", None),
        ("twist", 1, "failed", "try 1"),
        ("twist", 2, "failed", "try 2"),
        ("twist", 3, "success", None),
    ]
    assert [noted.word for noted in driver.noted("stubborn")] == ["load", "twist", "twist", "twist"]


def test_a_redeploy_clears_a_failure_and_what_was_asked_for_flows_again(driver):
    """The Sink still wants its Pulse: nobody needs to send another."""
    driver.deploy(
        driver.pond("mended", HALF.format(value=1, then=BOOM)),
        driver.pond("mended_sink", SINK.format(source="mended"), sources=["mended"]),
    )
    epoch = driver.pulse("mended_sink")
    driver.wait_for("mended_sink", "blocked")
    driver.deploy(driver.pond("mended", HALF.format(value=3, then="pass"), version="1.0.1"))
    driver.wait_fresh("mended_sink", epoch)
    assert driver.rows("mended_sink", "seen") == [{"value": 3}]
    assert driver.statuses("mended") == ["failed", "success"]
    assert driver.statuses("mended_sink") == ["success"]


def test_a_ripple_that_kills_its_process_has_failed_and_is_retried(driver):
    """Out of memory looks like this: the process is gone without a word."""
    driver.deploy(
        driver.pond(
            "mortal",
            """
            @ripple
            def work(pond):
                note(pond, "work")
                if not (Path(os.environ["LEDGER"]) / "mortal.died").exists():
                    (Path(os.environ["LEDGER"]) / "mortal.died").touch()
                    os.kill(os.getpid(), 9)
                pond.write_table("lived", "SELECT 1 AS one")
            """,
            immediate_retries=1,
        )
    )
    driver.wait_fresh("mortal", driver.pulse("mortal"))
    attempts = driver.client.run("mortal@1/1")["attempts"]
    assert sorted((one["attempt"], one["status"]) for one in attempts) == [
        (1, "failed"),
        (2, "success"),
    ]
    assert driver.rows("mortal", "lived") == [{"one": 1}]
