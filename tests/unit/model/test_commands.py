"""Each command line that the engine and the functions name can be typed."""

from __future__ import annotations

import pytest

from duckstring.model import commands
from duckstring.model.names import Line
from tests.unit.cli.test_hints import wrong_word

SALES = Line("sales@2")
LINES = [
    commands.DEPLOY,
    commands.STATUS,
    commands.ALL_LINES,
    commands.START,
    commands.MAINTENANCE_OFF,
    commands.maintenance("on"),
    commands.TIDE_EXAMPLE,
    commands.WINDOW_HELP,
    commands.status(SALES),
    commands.why(SALES),
    commands.pulse(SALES),
    commands.tap(SALES),
    commands.DOCTOR,
    commands.tide(SALES),
    commands.run_show("sales@2/7"),
    commands.source_retries(SALES, 3),
    commands.set_limit("databricks"),
    commands.set_limit("databricks", 3),
    commands.priority(SALES, 100),
    commands.LIMITS,
    commands.REMOVE_LIMIT,
    commands.list_windows(SALES),
    commands.wake(SALES),
    commands.wake(SALES, alone=True),
    commands.clear(SALES),
    commands.kill(SALES),
    commands.sleep(SALES),
    commands.snapshots(SALES),
    commands.unpin(SALES, "load"),
    commands.remove(SALES),
    commands.remove_table(SALES, "orders"),
    commands.add_window("nightly"),
    commands.remove_window(SALES, "nightly"),
    commands.remove_arrival(SALES, "landing"),
]


@pytest.mark.parametrize("line", LINES)
def test_a_command_that_a_hint_names_exists(line: str) -> None:
    program, *words = line.split()
    assert program == "duckstring"
    assert not wrong_word(words), line


def test_the_major_is_named_unless_there_is_no_higher_one() -> None:
    assert commands.wake(SALES) == "duckstring control wake sales -m 2"
    assert commands.wake(SALES, alone=True) == "duckstring control wake sales"
