"""The three levels of access, and the level that each request to the api needs.

A Catchment has a function for each level, with a role of its own. IAM decides which function
somebody may invoke, and the function decides what it serves: nothing in a request does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Level = Literal["viewer", "operator", "deployer"]
LEVELS: tuple[Level, ...] = ("viewer", "operator", "deployer")
"""Each may do what the one before it may, and more."""


def level_for(request: Mapping[str, object]) -> Level:
    """The level that a request needs, in its wire form. A field that is null counts as left out.
    What is not listed here needs the highest.
    """
    match request:
        case {
            "op": "hello"
            | "status"
            | "runs"
            | "run"
            | "tables"
            | "snapshots"
            | "lineage"
            | "trace"
            | "kept"
            | "lake"
            | "doctor"
            | "cost"
            | "why"
            | "audit"
            | "replay"
            | "backlog"
        }:
            return "viewer"
        case (
            {"op": "window" | "arrival" | "limit", "action": "list"}
            | {"op": "stale", "action": "show"}
            | {
                "op": "maintenance",
                "action": "status",
            }
            | {
                "op": "remove" | "publish",
                "dry": True,
            }
        ):
            return "viewer"
        case {"op": "compute" | "failure-budget" | "priority" | "tag" as op} if _only_shows(
            op, request
        ):
            return "viewer"
        case {
            "op": "stale"
            | "trigger"
            | "control"
            | "window"
            | "compute"
            | "failure-budget"
            | "publish"
            | "priority"
            | "limit"
            | "batch"
            | "tag"
            | "maintenance"
            | "repair"
        }:
            return "operator"
        case _:
            return "deployer"


_SET: Mapping[str, tuple[str, ...]] = {
    "compute": ("on",),
    "failure-budget": ("immediate_retries", "source_retries"),
    "priority": ("priority",),
    "tag": ("put", "remove"),
}
"""What these operations set. Without it they show what is set."""


def _only_shows(op: str, request: Mapping[str, object]) -> bool:
    return all(request.get(name) is None for name in _SET[op])


def covers(level: Level, needed: Level) -> bool:
    """Whether ``level`` may do what needs ``needed``."""
    return LEVELS.index(level) >= LEVELS.index(needed)


def levels_from(needed: Level) -> tuple[Level, ...]:
    """``needed`` and those above it, the least first."""
    return LEVELS[LEVELS.index(needed) :]
