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
            | "replay"
            | "backlog"
        }:
            return "viewer"
        case (
            {"op": "window" | "arrival", "action": "list"}
            | {"op": "stale", "action": "show"}
            | {
                "op": "remove" | "publish",
                "dry": True,
            }
        ):
            return "viewer"
        case {"op": "compute"} if request.get("on") is None:
            return "viewer"
        case {"op": "failure-budget"} if (
            request.get("immediate_retries") is None and request.get("source_retries") is None
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
        }:
            return "operator"
        case _:
            return "deployer"


def covers(level: Level, needed: Level) -> bool:
    """Whether ``level`` may do what needs ``needed``."""
    return LEVELS.index(level) >= LEVELS.index(needed)


def levels_from(needed: Level) -> tuple[Level, ...]:
    """``needed`` and those above it, the least first."""
    return LEVELS[LEVELS.index(needed) :]
