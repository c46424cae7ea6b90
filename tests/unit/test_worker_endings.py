"""How an attempt may end other than well or by its author's error: pauses, deadlines,
hand-overs, and too little memory.
"""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest

from duckstring.model.attempts import AttemptFinished, AttemptPaused, AttemptStarted, Usage
from duckstring.model.instants import to_text
from duckstring.model.values import replace
from duckstring.worker.ports import Function
from tests.unit.worker_kit import NOON, World

HEAD = (
    "import sys, threading, time\nfrom pathlib import Path\nfrom duckstring import ripple\n\n"
    "@ripple\ndef load(pond):\n"
)


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def load(body):
    return HEAD + "".join(f"    {line}\n" for line in body.splitlines())


def ran(world, body, *, timeout=None, **more):
    world.deploy(load(body), timeout=timeout)
    world.open_run()
    return world.run(**more)


# Pauses


def test_a_pause_ends_the_invocation_and_says_for_how_long(world):
    assert ran(world, "pond.pause('90s')") == {"outcome": "paused", "seconds": 90}
    started, paused = world.rows
    assert isinstance(started, AttemptStarted)
    assert isinstance(paused, AttemptPaused)
    assert paused.resumes == NOON + timedelta(seconds=90)
    assert world.letters == []


def test_a_pause_left_to_us_grows_with_the_attempt(world):
    world.deploy(load("pond.pause()"))
    world.open_run()
    assert [world.run(pauses=n)["seconds"] for n in range(4)] == [15, 22, 34, 51]
    world.open_run(attempt=2)
    assert world.run(attempt=2, pauses=4)["seconds"] == 15


def test_pauses_are_stretched_where_the_runs_history_would_fill_up(world):
    world.deploy(load("pond.pause('1s')"), ripples=("load", *(f"other_{n}" for n in range(39))))
    world.open_run()
    assert [world.run(pauses=n)["seconds"] for n in (0, 19, 38)] == [1, 1, 86_400 - 30]


@pytest.mark.parametrize(
    "body",
    [
        "try:\n    pond.pause('1m')\nexcept Exception:\n    pass",
        "try:\n    pond.pause('1m')\nexcept BaseException:\n    pass",
        "try:\n    pond.pause('1m')\nfinally:\n    print('bye')",
        (
            "from concurrent.futures import ThreadPoolExecutor\n"
            "with ThreadPoolExecutor() as pool: pool.submit(pond.pause, '1m').result()"
        ),
    ],
)
def test_a_pause_stands_however_it_leaves(world, body):
    assert ran(world, body) == {"outcome": "paused", "seconds": 60}


def test_an_error_on_the_way_out_of_a_pause_is_an_error(world):
    answer = ran(
        world, "try:\n    pond.pause('1m')\nfinally:\n    raise ValueError('on my way out')"
    )
    assert answer["failure"]["error"] == "ValueError"


@pytest.mark.parametrize("wrong", ["'soon'", "60", "'0s'", "'8d'"])
def test_what_is_no_pause_is_refused(world, wrong):
    failure = ran(world, f"pond.pause({wrong})")["failure"]
    assert failure["error"] == "RippleError"
    assert "allowed: a duration over zero, of at most 7d" in failure["message"]


def test_what_was_written_before_a_pause_is_dropped_and_the_log_says_so(world, caplog):
    body = (
        "if pond.recall('again'):\n    pond.write_table('b', 'SELECT 2 AS n')\nelse:\n"
        "    pond.remember('again', True)\n"
    )
    body += "    pond.write_table('a', 'SELECT 1 AS n')\n    pond.pause()"
    world.deploy(load(body))
    world.open_run()
    with caplog.at_level(logging.INFO):
        assert world.run()["outcome"] == "paused"
    assert [
        record.tables for record in caplog.records if "drops the tables" in record.getMessage()
    ] == [["a"]]
    assert world.run(pauses=1) == {"outcome": "ok"}
    [letter] = world.letters
    assert set(letter.signal.tables) == {"b"}


# Deadlines


def test_the_time_that_an_attempt_may_take_includes_its_pauses(world):
    world.deploy(load("pond.pause('1h')"), timeout=7_200)
    world.open_run()
    assert world.run()["seconds"] == 3_600
    world.time += timedelta(seconds=3_600)
    assert world.run(pauses=1)["seconds"] == 3_570
    world.time += timedelta(seconds=3_570)
    assert world.run(pauses=2)["seconds"] == 30
    world.time += timedelta(seconds=30)
    answer = world.run(pauses=3)
    assert (answer["outcome"], answer["failure"]["error"]) == ("timeout", "TimeoutError")
    assert answer["failure"]["message"].startswith(
        "Ripple 'load' took longer than its timeout of 2h, pauses included"
    )
    assert len([row for row in world.rows if isinstance(row, AttemptPaused)]) == 3


def test_an_attempt_without_a_word_on_it_has_a_day(world):
    world.deploy(load("pond.pause('7d')"))
    world.open_run()
    assert world.run()["seconds"] == 86_400 - 30


def test_code_that_goes_beyond_the_deadline_is_ended_and_told_where_it_was(world):
    once = "if not pond.recall('on'):\n    pond.remember('on', 1)\n    pond.pause('2s')\n"
    world.deploy(load(f"{once}time.sleep(600)"), timeout=60)
    world.open_run()
    assert world.run()["outcome"] == "paused"
    world.time += timedelta(seconds=59)
    answer = world.run(pauses=1)
    assert answer["failure"]["error"] == "TimeoutError"
    row = world.rows[-1]
    assert row.status == "failed"
    assert "in load" in row.traceback
    assert row.traceback.rstrip().endswith(row.message)
    assert "watch.py" not in row.traceback


def test_a_deadline_that_has_passed_before_the_code_is_called_is_told_so(world):
    world.deploy(load("pond.pause('2s')"), timeout=60)
    world.open_run()
    assert world.run()["outcome"] == "paused"
    world.time += timedelta(seconds=60)
    told = world.run(pauses=1)["failure"]
    assert told["error"] == "TimeoutError"
    assert f"this attempt began at {to_text(NOON)}." in told["message"]


def test_a_worker_hears_how_long_its_attempt_may_take_from_its_beginning_and_not_from_its_verdict(
    world,
):
    """It may have waited long for one of the machine's places, or for its task to start."""
    heard = []
    world.worker = replace(world.worker, begins=heard.append)
    world.deploy(load("pond.pause('2s')"), timeout=600)
    world.open_run()
    world.time += timedelta(seconds=1000)
    world.run()
    world.time += timedelta(seconds=100)
    world.run(pauses=1)
    assert heard == [600.0, 500.0]


# Hand-overs

BUSY = {
    "sleeps": "time.sleep(600)",
    "loops": "while True: pass",
    "catches errors": "try:\n    time.sleep(600)\nexcept Exception:\n    pass",
    "swallows": (
        "try:\n    time.sleep(600)\nexcept BaseException:\n"
        "    pond.write_table('half', 'SELECT 1 AS n')"
    ),
    "raises": "try:\n    time.sleep(600)\nfinally:\n    raise ValueError('on my way out')",
    "queries": (
        'pond.con.sql("SELECT sum(a.range * b.range) AS n FROM range(1000000) a, range(1000000) '
        'b").fetchall()'
    ),
}


@pytest.mark.parametrize("how", BUSY)
def test_what_outlasts_the_function_is_handed_over(world, how):
    answer = ran(world, BUSY[how], seconds=0.4)
    assert (answer["outcome"], answer["failure"]["error"]) == ("overran", "Overran")
    assert world.rows[-1].status == "overran"
    assert world.letters == []


def test_the_hand_over_says_where_the_code_was(world):
    world.warm()
    ran(world, "time.sleep(600)", seconds=6.0)
    assert 'File "src/pond.py", line 7, in load' in world.rows[-1].traceback


def test_what_has_ended_by_itself_is_not_handed_over(world):
    assert ran(world, "time.sleep(0.05)\npond.write_table('t', 'SELECT 1 AS n')", seconds=40.0) == {
        "outcome": "ok"
    }


def test_code_that_does_not_leave_at_its_deadline_is_ended_and_has_failed(world):
    """It counts as the author's failure, and not as a crash."""
    world.deploy(
        load(
            "while True:\n    try:\n        time.sleep(600)\n    except BaseException:\n"
            "        pass"
        ),
        timeout=1,
    )
    world.open_run()
    answer = world.run()
    assert (answer["outcome"], answer["failure"]["error"]) == ("timeout", "TimeoutError")
    assert world.rows[-1].status == "failed"


def test_what_does_not_leave_before_the_functions_end_is_handed_over_nevertheless(world):
    body = (
        "threading.Thread(target=time.sleep, args=[600]).start()\n"
        "while True:\n    try:\n        time.sleep(600)\n    except BaseException:\n        pass"
    )
    answer = ran(world, body, seconds=0.8)
    assert (answer["outcome"], world.rows[-1].status) == ("overran", "overran")


# Memory


TOO_MUCH = """
pond.con.execute("SET memory_limit = '10MB'; SET max_temp_directory_size = '0B'")
pond.con.execute("CREATE TABLE t AS SELECT range AS a, hash(range) AS b FROM range(20000000)")
"""


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("raise MemoryError('no more')", "MemoryError"),
        (TOO_MUCH, "OutOfMemoryException"),
        ("class ArrayMemoryError(MemoryError): pass\nraise ArrayMemoryError", "ArrayMemoryError"),
    ],
)
def test_too_little_memory_is_told_apart_from_the_authors_other_errors(world, body, error):
    answer = ran(world, body)
    assert (answer["outcome"], answer["failure"]["error"]) == ("memory", error)
    row = world.rows[-1]
    assert (row.status, row.error) == ("memory", error)
    assert "in load" in row.traceback


def test_memory_that_the_author_made_do_without_is_no_failure(world):
    body = (
        "try:\n    raise MemoryError\nexcept MemoryError:\n"
        "    pond.write_table('t', 'SELECT 1 AS n')"
    )
    assert ran(world, body) == {"outcome": "ok"}


# What it took


def test_a_success_says_what_it_took_and_what_the_function_has(world):
    world.worker = replace(world.worker, function=Function(900.0, 2048))
    ran(world, "held = bytearray(b'x') * (256 * 1024 * 1024)\ntime.sleep(0.05)")
    [letter] = world.letters
    assert letter.signal.seconds >= 0.05
    assert 256 < letter.signal.peak_mib < 256 + 4096
    assert (letter.signal.function_seconds, letter.signal.function_mib) == (900.0, 2048)
    assert world.rows[-1].usage == Usage(letter.signal.seconds, letter.signal.peak_mib)


def test_the_largest_invocation_of_a_paused_attempt_is_what_it_took(world):
    body = (
        "if not pond.recall('big'):\n    pond.remember('big', True)\n"
        "    held = bytearray(b'x') * (256 * 1024 * 1024)\n"
    )
    body += "    time.sleep(0.3)\n    pond.pause()"
    world.deploy(load(body))
    world.open_run()
    world.run()
    world.run(pauses=1)
    finished = world.rows[-1]
    assert isinstance(finished, AttemptFinished)
    assert finished.usage.seconds >= 0.3
    assert finished.usage.peak_mib > 256
