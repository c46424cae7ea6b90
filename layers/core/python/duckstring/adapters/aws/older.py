"""Converts what the previous release wrote to today's form: items of a Catchment that was updated,
and letters that were on their way.

There a Source's report lay flat in its holder, with its ``reason`` as text. Durations were numbers
of seconds; the codec reads both.
"""

from __future__ import annotations

import re
from typing import Any

Json = Any

_REASON = re.compile(r"(\S+) (?:(failed)(?:: (.*))?|was (killed|removed))", re.DOTALL)
_FACTS = ("end_f", "changed_f", "delay", "snapshot")
_FLAT = frozenset({*_FACTS, "down", "reason", "retries"})
_REPORTS = frozenset({"tell_sink", "tell_sinks", "source_told"})


def renewed_state(state: Json) -> Json:
    """A state's JSON object."""
    sources = {line: _gathered(view, line) for line, view in state.get("sources", {}).items()}
    return {**state, "sources": sources}


def renewed_outbox(outbox: Json, line: str) -> Json:
    """The list of the effects of ``line``."""
    return [_gathered(one, line) if one["kind"] in _REPORTS else one for one in outbox]


def renewed_signal(letter: Json) -> Json:
    """A letter's JSON object. What it holds is not checked."""
    return _gathered(letter, letter.get("source")) if letter.get("kind") in _REPORTS else letter


def _gathered(holder: Json, reporter: Json) -> Json:
    """With the report in one place. It may be there already. ``reporter``: the line whose report
    it is.
    """
    if "report" in holder or not holder.keys() & _FLAT:
        return holder
    report = {name: holder[name] for name in _FACTS if name in holder}
    if holder.get("down"):
        report["down"] = _down(holder, reporter)
    return {**{name: held for name, held in holder.items() if name not in _FLAT}, "report": report}


def _down(holder: Json, reporter: Json) -> Json:
    reason = holder.get("reason", "")
    found = _REASON.fullmatch(reason) if isinstance(reason, str) else None
    root, failed, message, other = found.groups() if found else (None, None, reason, None)
    return {
        "root": root or reporter,
        "why": failed or other or "failed",
        "message": message or "",
        "retries": holder.get("retries", False),
    }
