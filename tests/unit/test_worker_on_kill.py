"""A killed Ripple's own function."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest

from duckstring.model.attempts import AttemptPaused, AttemptStarted, Site, Usage
from tests.unit.worker_kit import NOON, World

HEAD = "import time\nfrom duckstring import ripple\n\n"
RIPPLE = (
    "\n@ripple(on_kill=cancel)\ndef load(pond):\n    pond.remember('id', 7)\n    pond.pause()\n"
)


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def deployed(world, body, *, argument="pond"):
    world.deploy(
        HEAD
        + f"def cancel({argument}):\n"
        + "".join(f"    {line}\n" for line in body.splitlines())
        + RIPPLE
    )
    world.open_run()


def killed(world, **more):
    world.closed[1, "load", 1] = "killed"
    return world.kill(**more)


def test_it_knows_what_its_ripple_knew(world):
    world.secret = {"TOKEN": "sesame"}
    deployed(
        world,
        (
            "return f'{pond.name} {pond.version} {pond.f:%H:%M} {pond.run_key} "
            '{pond.recall("id")} '
            '{pond.env("TOKEN")[::-1]}\''
        ),
    )
    world.run()
    assert killed(world) == "confirmed"
    how, message = world.on_kill[1, "load", 1]
    name, version, f, key, held, token = message.split()
    assert (how, name, version, f, held, token) == (
        "confirmed",
        "sales",
        "1.0.0",
        "12:01",
        "7",
        "emases",
    )
    assert key.startswith("sales-1-1-")


def test_it_has_the_key_of_the_try_that_was_killed(world):
    deployed(world, "return pond.run_key")
    keys = []
    for tried in (1, 2):
        killed(world, tried=tried)
        keys.append(world.on_kill.pop((1, "load", 1))[1])
    world.deploy(
        HEAD + "@ripple\ndef load(pond):\n    pond.write_table('k', f\"SELECT '{pond.run_key}'\")\n"
    )
    world.closed.clear()
    world.open_run(tried=2, attempt=2)
    world.run(attempt=2)
    assert world.rows_of("k") == [(keys[1],)]
    assert keys[0] != keys[1]


def test_one_that_has_only_asked_for_an_end_says_so(world):
    deployed(
        world,
        "from duckstring.author.kills import Requested\nreturn Requested('Run 7 is still going.')",
    )
    assert killed(world) == "requested"
    assert world.on_kill == {(1, "load", 1): ("requested", "Run 7 is still going.")}


def test_it_need_not_take_the_pond(world):
    deployed(world, "pass", argument="")
    assert killed(world) == "confirmed"
    assert world.on_kill == {(1, "load", 1): ("confirmed", "")}


def test_what_it_raises_is_recorded(world):
    deployed(world, "raise RuntimeError('409: the run is over')")
    assert killed(world) == "refused"
    assert world.on_kill[1, "load", 1] == ("refused", "RuntimeError: 409: the run is over")


@pytest.mark.parametrize(
    "wrong",
    [
        "pond.con",
        "pond.read_table('t')",
        "pond.write_table('t', 'SELECT 1')",
        "pond.pause()",
        "pond.remember('a', 1)",
        "pond.skip()",
    ],
)
def test_what_only_a_living_run_may_do_is_refused(world, wrong):
    deployed(world, wrong)
    assert killed(world) == "refused"
    said = world.on_kill[1, "load", 1][1]
    assert said.startswith("RunKilledError: This run was killed: pond.")
    assert "run_key, recall, env and log" in said


def test_it_is_called_once(world):
    deployed(world, "print('cancelled')")
    assert [killed(world), killed(world)] == ["confirmed", "ok"]


def test_one_that_died_with_its_process_says_so_when_lambda_asks_again(world):
    deployed(world, "print('cancelled')")
    world.on_kill[1, "load", 1] = "requested"  # by a call whose process ended
    assert killed(world) == "ok"
    how, message = world.on_kill[1, "load", 1]
    assert how == "refused"
    assert "ended with its process" in message


def test_it_is_not_called_for_an_attempt_that_succeeded(world):
    world.deploy(
        HEAD
        + (
            "def cancel(pond):\n    raise ValueError\n\n@ripple(on_kill=cancel)\n"
            "def load(pond):\n    pass\n"
        )
    )
    world.open_run()
    world.run()
    assert world.kill() == "ok"
    assert world.on_kill == {}


def began(world):
    world.rows.append(AttemptStarted(1, "load", 1, NOON, Site()))


@pytest.mark.parametrize("known", ["left", "paused", "never began"])
def test_it_is_called_at_once_where_no_worker_has_the_attempt(world, known):
    deployed(world, "pass")
    if known == "left":
        began(world)
        world.away.append((1, "load", 1))
    if known == "paused":
        began(world)
        world.rows.append(AttemptPaused(1, "load", 1, NOON, Usage()))
    killed(world)
    assert world.time == NOON


def test_a_worker_is_given_time_to_leave_and_not_for_ever(world):
    deployed(world, "pass")
    began(world)
    assert killed(world) == "confirmed"
    assert world.time - NOON == timedelta(seconds=15)


def test_it_waits_for_the_kill_itself(world):
    """The row says it a moment later."""
    deployed(world, "pass")
    began(world)
    world.away.append((1, "load", 1))

    def wait(duration):
        world.time += duration
        if world.time - NOON >= timedelta(seconds=2):
            world.closed[1, "load", 1] = "killed"

    world.wait = wait
    assert world.kill() == "confirmed"
    assert world.time - NOON == timedelta(seconds=2)


def test_it_has_so_much_time_and_no_more(world):
    deployed(world, "time.sleep(600)")
    assert killed(world, seconds=25.5) == "refused"
    assert world.on_kill[1, "load", 1] == (
        "refused",
        "on_kill of Ripple 'load' did not return within 1 s.",
    )


def test_what_it_prints_is_in_the_log(world, caplog):
    deployed(world, "print('cancelled run 7')")
    with caplog.at_level(logging.INFO):
        killed(world)
    assert "cancelled run 7" in {record.getMessage() for record in caplog.records}
