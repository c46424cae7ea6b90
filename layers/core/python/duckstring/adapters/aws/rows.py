"""Reads rows of attempts as input from outside, because the code of every Ripple may write them.

A value without the form that ``adapters/aws/attempts.py`` gives it is left out. The row's key says
which attempt it belongs to.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast, get_args

from duckstring.adapters.aws.items import from_item
from duckstring.adapters.aws.layout import parse_attempt_key
from duckstring.engine.effects import AttemptStatus
from duckstring.errors import InvariantError
from duckstring.model.attempts import MOST_INVOCATIONS, KillEnd
from duckstring.model.checks import from_text as results_from_text
from duckstring.model.checks import to_object as result_to_object
from duckstring.model.costs import from_text as used_from_text
from duckstring.model.instants import from_text
from duckstring.model.lineage import from_text as lineage_from_text
from duckstring.model.lineage import to_object as lineage_to_object
from duckstring.model.names import Line, run_key

if TYPE_CHECKING:
    from duckstring.model.answers.runs import AttemptRow

STATUSES = ("running", *get_args(AttemptStatus))
FIELDS = (
    *("started", "finished", "where", "memory_mib", "log_group", "log_stream", "request_id"),
    *("error", "message", "traceback", "rows", "bytes", "tables", "reads", "seconds", "peak_mib"),
    *("pauses", "resumes", "invocations", "left", "on_kill", "on_kill_message", "used", "checks"),
    *("lineage", "package"),
)
"""What an answer tells of an attempt, besides which one it is, and its status."""
_MOST = 2**53
_LONGEST_NAME = 1024
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


def complete(row: Mapping[str, object]) -> AttemptRow:
    """A row with every field that an answer has: null where the item has none."""
    return cast("AttemptRow", {**dict.fromkeys(FIELDS), **row})


def attempt_row(line: Line, item: Mapping[str, Any]) -> dict[str, object] | None:
    """What an item tells of its attempt; None: it is not an attempt's row."""
    which = parse_attempt_key(item["sk"]["S"])
    if which is None:
        return None
    held = readable_fields(item)
    if "status" not in held:
        return None
    # ``sizes`` was ``tables`` before attempts had a partition of their own.
    tables = held.pop("sizes", None) or held.pop("tables", None)
    run, ripple, attempt = which
    row: dict[str, object] = {
        **held,
        "run": run_key(line, run),
        "ripple": ripple,
        "attempt": attempt,
    }
    overflow = str(row.get("overflow", ""))
    if overflow and not _is_text_of(overflow, line, run, ripple, attempt):
        del row["overflow"]
    return row if tables is None else {**row, "tables": tables}


def readable_fields(item: Mapping[str, Any]) -> dict[str, object]:
    """The attributes of an attempt's item that have their form."""
    return {
        name: value
        for name, attribute in item.items()
        if (value := _read(name, attribute)) is not None
    }


def _is_text_of(key: str, line: Line, run: int, ripple: str, attempt: int) -> bool:
    """Whether a text in S3 is one of this very attempt: the reader fetches it with rights of its
    own.
    """
    stem = f"errors/{line}/{run}-{ripple}-{attempt}"
    return key in (f"{stem}.txt", f"{stem}-lost.txt")


def _read(name: str, attribute: object) -> object:
    read = _FIELDS.get(name)
    if read is None or not isinstance(attribute, Mapping):
        return None
    try:
        value = from_item({name: attribute})[name]
    except (InvariantError, ValueError):
        return None
    return read(value)


def _text(value: object) -> object:
    return value if isinstance(value, str) else None


def _name(value: object) -> object:
    return (
        value
        if isinstance(value, str) and len(value) <= _LONGEST_NAME and value.isprintable()
        else None
    )


def _one_of(*allowed: str) -> Callable[[object], object]:
    return lambda value: value if value in allowed else None


def _instant(value: object) -> object:
    if not isinstance(value, str):
        return None
    try:
        from_text(value)
    except ValueError:
        return None
    return value


def _number(value: object) -> object:
    is_number = (
        isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    )
    return value if is_number and 0 <= float(str(value)) <= _MOST else None


def _whole(value: object) -> object:
    return (
        value
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST
        else None
    )


def _invocations(value: object) -> object:
    if not isinstance(value, list):
        return None
    fields = {"started": _instant, "log_stream": _name, "request_id": _name}
    found = [
        {name: read(one[name]) for name, read in fields.items() if name in one}
        for one in value
        if isinstance(one, dict)
    ]
    return [one for one in found if all(part is not None for part in one.values())][
        :MOST_INVOCATIONS
    ]


def _sizes(value: object) -> object:
    """Name to rows and bytes, out of JSON text."""
    try:
        found = json.loads(value) if isinstance(value, str) else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    sizes = {
        name: {key: _whole(one.get(key)) for key in ("rows", "bytes")}
        for name, one in found.items()
        if isinstance(one, dict)
    }
    return {name: one for name, one in sizes.items() if None not in one.values()}


def _reads(value: object) -> object:
    """Names of tables, out of JSON text."""
    try:
        found = json.loads(value) if isinstance(value, str) else None
    except (ValueError, RecursionError):
        return None
    return [name for name in found if _name(name) is not None] if isinstance(found, list) else None


def _lineage(value: object) -> object:
    """What it has read, out of JSON text."""
    found = lineage_from_text(value) if isinstance(value, str) else None
    return None if found is None else lineage_to_object(found)


def _digest(value: object) -> object:
    return value if isinstance(value, str) and _DIGEST.fullmatch(value) else None


def _checks(value: object) -> object:
    """How each check ended, out of JSON text."""
    found = results_from_text(value) if isinstance(value, str) else None
    return None if found is None else [result_to_object(one) for one in found]


_FIELDS: Mapping[str, Callable[[object], object]] = {
    "status": _one_of(*STATUSES),
    "where": _one_of("lambda", "task"),
    "on_kill": _one_of(*get_args(KillEnd)),
    **dict.fromkeys(("started", "finished", "resumes", "left"), _instant),
    **dict.fromkeys(("log_group", "log_stream", "request_id", "overflow"), _name),
    **dict.fromkeys(("error", "message", "traceback", "on_kill_message"), _text),
    **dict.fromkeys(("memory_mib", "rows", "bytes", "peak_mib", "pauses"), _whole),
    "seconds": _number,
    "invocations": _invocations,
    "reads": _reads,
    **dict.fromkeys(("sizes", "tables"), _sizes),
    "used": used_from_text,
    "checks": _checks,
    "lineage": _lineage,
    "package": _digest,
}
