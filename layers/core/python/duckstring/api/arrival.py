"""Arrival rules: which objects that arrive in a bucket trigger a line. docs/aws.md says how
their events reach us.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import get_args

from duckstring.errors import OperatorError, nearest
from duckstring.model.arrivals import Arrival, ArrivalKind
from duckstring.model.names import Line
from duckstring.ports import Arrivals

KINDS: tuple[ArrivalKind, ...] = get_args(ArrivalKind)
MOST = 20
"""Rules of one line: they leave the catalog with it, in one transaction."""
_NAME = re.compile(r"^[a-z][a-z0-9_-]{0,47}\Z")
_LONGEST_KEY = 1024
Json = dict[str, object]


class ArrivalError(OperatorError):
    """A rule that cannot be: the caller writes another."""


class NotListenedError(OperatorError):
    """Events of this bucket do not reach the Catchment."""

    def __init__(self, bucket: str, *, listened: Collection[str]) -> None:
        """Say which buckets' events do, and how to have it join them."""
        all_of_them = ",".join(sorted({*listened, bucket}))
        hears = f"hears of {', '.join(sorted(listened))}" if listened else "hears of none yet"
        super().__init__(
            f"This Catchment does not hear of what arrives in bucket {bucket!r}; it {hears}.",
            hint=f"Deploy it with -c arrivals={all_of_them}; on this machine: duckstring "
            f"catchment configure --arrivals {all_of_them}, "
            "then duckstring catchment start.",
        )


def show(line: Line, arrivals: Arrivals) -> Json:
    """A line's rules."""
    return {"line": line, "arrivals": [_told(arrival) for arrival in arrivals.of_line(line)]}


def add(
    line: Line, given: Mapping[str, object], *, arrivals: Arrivals, listened: Collection[str]
) -> Json:
    """Add a rule.

    Raises:
        OperatorError: the rule is not well formed, its name is taken, or its bucket is not listened
            to.
    """
    arrival = _read(given)
    if arrival.bucket not in listened:
        raise NotListenedError(arrival.bucket, listened=listened)
    held = arrivals.of_line(line)
    if arrival in held:
        return show(line, arrivals)
    _refuse_taken(line, arrival.name, {one.name for one in held})
    if len(held) >= MOST:
        raise OperatorError(
            f"{line} has {len(held)} arrival rules, and may have {MOST}.",
            hint="A shorter --prefix covers more.",
        )
    if not arrivals.add(line, arrival):
        _refuse_taken(line, arrival.name, {one.name for one in arrivals.of_line(line)})
        raise OperatorError(f"{line} was removed meanwhile.")
    return show(line, arrivals)


def remove(line: Line, name: str, *, arrivals: Arrivals) -> Json:
    """Remove a rule.

    Raises:
        OperatorError: the line has no rule of that name.
    """
    held = {arrival.name: arrival for arrival in arrivals.of_line(line)}
    if name not in held:
        has = nearest(name, held, "did you mean {!r}?") or f"it has {', '.join(held) or 'none'}."
        raise OperatorError(f"{line} has no arrival rule {name!r}; {has}")
    arrivals.remove(line, held[name])
    return show(line, arrivals)


def _refuse_taken(line: Line, name: str, taken: Collection[str]) -> None:
    if name in taken:
        pond, _, major = line.partition("@")
        raise OperatorError(
            f"{line} has an arrival rule {name!r} already.",
            hint=(
                f"Choose another --name, or remove it first: duckstring trigger arrival {pond} "
                f"remove {name} -m {major}"
            ),
        )


def _read(given: Mapping[str, object]) -> Arrival:
    name, bucket = _text(given, "name"), _text(given, "bucket")
    prefix, suffix = _text(given, "prefix"), _text(given, "suffix")
    kind = next((one for one in KINDS if one == given.get("kind", KINDS[0])), None)
    if not _NAME.match(name):
        raise ArrivalError(
            f"name is {name!r}; allowed: a lower-case letter, then up to 47 of a-z 0-9 _ -."
        )
    if not bucket:
        raise ArrivalError("bucket is missing; allowed: a bucket's name.")
    if len(prefix) + len(suffix) > _LONGEST_KEY:
        raise ArrivalError(
            f"prefix and suffix have {len(prefix) + len(suffix)} characters; a key has "
            f"{_LONGEST_KEY} at most."
        )
    if kind is None:
        raise ArrivalError(f"kind is {given.get('kind')!r}; allowed: {', '.join(KINDS)}.")
    return Arrival(name, bucket, prefix, suffix, kind)


def _text(given: Mapping[str, object], name: str) -> str:
    value = given.get(name, "")
    if isinstance(value, str):
        return value
    raise ArrivalError(f"{name} is {value!r}; allowed: text.")


def _told(arrival: Arrival) -> Json:
    return {
        "name": arrival.name,
        "bucket": arrival.bucket,
        "prefix": arrival.prefix,
        "suffix": arrival.suffix,
        "kind": arrival.kind,
    }
