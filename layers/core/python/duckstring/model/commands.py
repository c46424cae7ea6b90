"""The command lines that messages and hints name. Nothing else in the engine or the functions
writes one.

They have the short form for a user with one Catchment. The command itself adds ``-c NAME`` if a
user has more than one (``duckstring_cli/hints.py``).
"""

from __future__ import annotations

from duckstring.model.names import Line, parse_line

DEPLOY = "duckstring deploy"
STATUS = "duckstring status"
DOCTOR = "duckstring doctor"
ALL_LINES = "duckstring status --once"
LIMITS = "duckstring limit list"
REMOVE_LIMIT = "duckstring limit rm NAME"
MAINTENANCE_OFF = "duckstring maintenance off"
START = "duckstring catchment start"
TIDE_EXAMPLE = "duckstring trigger tide reports 1d"
WINDOW_HELP = "duckstring trigger window POND add --help"


def maintenance(switch: str) -> str:
    """Hold new runs, or let them start again."""
    return f"duckstring maintenance {switch}"


def status(line: Line) -> str:
    """Show the line."""
    return f"duckstring status {_of(line)}"


def why(line: Line) -> str:
    """Say why the line is as it is."""
    return f"duckstring why {_of(line)}"


def pulse(line: Line) -> str:
    """Ask for output as of now, with all that it needs."""
    return f"duckstring trigger pulse {_of(line)}"


def tap(line: Line) -> str:
    """Ask for one newer version."""
    return f"duckstring trigger tap {_of(line)}"


def tide(line: Line) -> str:
    """Keep the line no staler than a day."""
    pond, major = parse_line(line)
    return f"duckstring trigger tide {pond} 1d -m {major}"


def run_show(run: str) -> str:
    """Show a run with its attempts and their whole errors."""
    return f"duckstring run show {run}"


def source_retries(line: Line, number: int) -> str:
    """Let the line try again by itself, so often."""
    return f"duckstring control failure-budget {_of(line)} --source {number}"


def set_limit(name: str, tokens: int | None = None) -> str:
    """Set how many tokens a limit has."""
    return f"duckstring limit set {name} {'N' if tokens is None else tokens}"


def priority(line: Line, number: int) -> str:
    """Say how early a line gets tokens."""
    return f"duckstring control priority {_of(line)} {number}"


def list_windows(line: Line) -> str:
    """Show the rules of an Inlet."""
    pond, major = parse_line(line)
    return f"duckstring trigger window {pond} list -m {major}"


def wake(line: Line, *, alone: bool = False) -> str:
    """Let a line that is down go on. ``alone``: its Pond has no higher major."""
    return f"duckstring control wake {_of(line, alone=alone)}"


def clear(line: Line, *, alone: bool = False) -> str:
    """Forget that a line is down. ``alone``: its Pond has no higher major."""
    return f"duckstring control clear {_of(line, alone=alone)}"


def kill(line: Line) -> str:
    """End the line's runs."""
    return f"duckstring control kill {_of(line)}"


def sleep(line: Line) -> str:
    """Put the line to sleep."""
    return f"duckstring control sleep {_of(line)}"


def snapshots(line: Line) -> str:
    """List the snapshots that are kept."""
    return f"duckstring snapshots {_of(line)}"


def unpin(line: Line, ripple: str) -> str:
    """Let the line find out itself where a Ripple runs."""
    pond, major = parse_line(line)
    return f"duckstring control compute {pond} {ripple} --on auto -m {major}"


def remove(line: Line) -> str:
    """Remove the line."""
    return f"duckstring pond remove {_of(line)}"


def remove_table(line: Line, table: str) -> str:
    """Publish a table no longer."""
    return f"duckstring pond remove {_of(line)} --table {table}"


def add_window(name: str) -> str:
    """Give some Inlet the rule ``name``."""
    return f"duckstring trigger window POND add --name {name} ..."


def remove_window(line: Line, name: str) -> str:
    """Take the rule ``name`` from the line."""
    pond, major = parse_line(line)
    return f"duckstring trigger window {pond} remove {name} -m {major}"


def remove_arrival(line: Line, name: str) -> str:
    """Take the arrival rule ``name`` from the line."""
    pond, major = parse_line(line)
    return f"duckstring trigger arrival {pond} remove {name} -m {major}"


def _of(line: Line, *, alone: bool = False) -> str:
    pond, major = parse_line(line)
    return pond if alone else f"{pond} -m {major}"
