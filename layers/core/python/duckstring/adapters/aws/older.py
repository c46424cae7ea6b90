"""What the release before wrote, in today's form: items of a Catchment that goes on, and letters
that were on their way when it was updated.

There a Source's report lay flat in what holds it, with its ``reason`` in words.
"""

from __future__ import annotations

import re
from typing import Any

from duckstring.engine.effects import TellSink, TellSinks
from duckstring.engine.signals import SourceTold
from duckstring.engine.state import SourceView

Json = Any

_REASON = re.compile(r"(\S+) (?:(failed)(?:: (.*))?|was (killed|removed))", re.DOTALL)
_HOLDS_REPORT = (SourceView, SourceTold, TellSink, TellSinks)
_FACTS = ("end_f", "changed_f", "delay", "snapshot")
_FLAT = frozenset({*_FACTS, "down", "reason", "retries"})


def renewed(kind: type, value: Json) -> Json:
    """The JSON object of a ``kind`` as today's release writes it. What it holds is not checked."""
    if kind not in _HOLDS_REPORT or "report" in value or not value.keys() & _FLAT:
        return value
    report = {name: value[name] for name in _FACTS if name in value}
    if value.get("down"):
        report["down"] = _down(value)
    return {**{name: held for name, held in value.items() if name not in _FLAT}, "report": report}


def _down(value: Json) -> Json:
    reason = value.get("reason", "")
    found = _REASON.fullmatch(reason) if isinstance(reason, str) else None
    root, failed, message, other = found.groups() if found else (None, None, reason, None)
    return {
        "root": root or value.get("source") or value.get("line"),
        "why": failed or other or "failed",
        "message": message or "",
        "retries": value.get("retries", False),
    }
