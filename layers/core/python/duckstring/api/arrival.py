"""Arrival rules: which objects that arrive in a bucket trigger a line. docs/aws.md describes how
their events reach the Catchment.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from duckstring.api.requests import ArrivalRule, read
from duckstring.errors import OperatorError, nearest
from duckstring.model import commands
from duckstring.model.arrivals import Arrival
from duckstring.model.names import Line
from duckstring.ports import Arrivals

if TYPE_CHECKING:
    from duckstring.model.answers.changes import ArrivalAnswer, ArrivalRow

MOST = 20
"""Rules of one line: they leave the catalog with it, in one transaction."""
_LONGEST_KEY = 1024


class ArrivalError(OperatorError):
    """A rule that is not possible; the caller has to write another."""


class ArrivalNotFoundError(OperatorError):
    """The line has no such rule."""


class NotListenedError(OperatorError):
    """Events of this bucket do not reach the Catchment."""

    def __init__(self, bucket: str, *, listened: Collection[str]) -> None:
        """Say which buckets' events do, and how to have it join them."""
        all_of_them = ",".join(sorted({*listened, bucket}))
        others = f"gets them from {', '.join(sorted(listened))}" if listened else "gets none yet"
        super().__init__(
            f"This Catchment gets no events from bucket {bucket!r}; it {others}.",
            hint=f"Deploy it with -c arrivals={all_of_them}; on this machine: duckstring "
            f"catchment configure --arrivals {all_of_them}, "
            f"then {commands.START}.",
        )


def show(line: Line, arrivals: Arrivals) -> ArrivalAnswer:
    """A line's rules."""
    return {"line": line, "arrivals": [_row(arrival) for arrival in arrivals.of_line(line)]}


def add(
    line: Line, given: Mapping[str, object], *, arrivals: Arrivals, listened: Collection[str]
) -> ArrivalAnswer:
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


def remove(line: Line, name: str, *, arrivals: Arrivals) -> ArrivalAnswer:
    """Remove a rule.

    Raises:
        ArrivalNotFoundError: the line has no rule of that name.
    """
    held = {arrival.name: arrival for arrival in arrivals.of_line(line)}
    if name not in held:
        has = nearest(name, held, "did you mean {!r}?") or f"it has {', '.join(held) or 'none'}."
        raise ArrivalNotFoundError(f"{line} has no arrival rule {name!r}; {has}")
    arrivals.remove(line, held[name])
    return show(line, arrivals)


def _refuse_taken(line: Line, name: str, taken: Collection[str]) -> None:
    if name in taken:
        remove = commands.remove_arrival(line, name)
        raise OperatorError(
            f"{line} has an arrival rule {name!r} already.",
            hint=f"Choose another --name, or remove it first: {remove}",
        )


def _read(given: Mapping[str, object]) -> Arrival:
    rule = read(ArrivalRule, given, ArrivalError)
    length = len(rule.prefix) + len(rule.suffix)
    if length > _LONGEST_KEY:
        raise ArrivalError(
            f"prefix and suffix have {length} characters; a key has {_LONGEST_KEY} at most."
        )
    return Arrival(rule.name, rule.bucket, rule.prefix, rule.suffix, rule.kind)


def _row(arrival: Arrival) -> ArrivalRow:
    return {
        "name": arrival.name,
        "bucket": arrival.bucket,
        "prefix": arrival.prefix,
        "suffix": arrival.suffix,
        "kind": arrival.kind,
    }
