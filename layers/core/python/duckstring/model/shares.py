"""Whose demand a run served: the rule by which a run's cost is shared (docs/cost.md, "Shared
work").

A run records which snapshot of each Source it read. So the runs that used a snapshot are known
afterwards. The cost of a run goes to the lines whose runs used it, in equal parts, and from them
to the lines that used theirs. It ends at runs that nobody used. There is no other record of who
asked for what: one pull orders one run for all Sinks that wait.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from duckstring.model.costs import Used, plus, times

Wanted = Literal["force", "wake", "tap", "tide", "wave", "push", "pull"]
"""What a run began for, by the line's own knowledge.

``force``, ``wake``, ``tap``: somebody's order to this very line. ``tide``, ``wave``: the line's
standing trigger. ``push``: a target, of a Pulse or of a Sink. ``pull``: a Sink's.
"""
OWN: frozenset[str] = frozenset({"force", "wake", "tap", "tide", "wave"})
"""These are the line's own demand, even if Sinks use the run as well."""

_UNSAID = "unknown"
_BY_HAND = "pulse"
"""A target that no Sink's run used: somebody's Pulse, or a Sink that has not run yet."""


@dataclass(frozen=True, slots=True)
class RunUsed:
    """What a run used, and what it read. ``started`` sorts as text.

    ``overtaken_by``: the number of the newer run of its line that satisfied it (0: none).
    """

    line: str
    number: int
    started: str
    used: Used = field(default_factory=dict)
    wanted: str = ""
    sources: Mapping[str, int] = field(default_factory=dict)
    overtaken_by: int = 0


class Demand(NamedTuple):
    """Who a cost is attributed to: a line, and what it began to run for."""

    line: str
    wanted: str


_Key = tuple[str, int]
_Parts = Mapping[Demand, float]


def attributed(runs: Iterable[RunUsed]) -> Mapping[Demand, Used]:
    """What each demand has used, its share of the runs above it included. The sum is that of the
    runs.
    """
    newest_first = sorted(runs, key=lambda run: (run.started, run.number), reverse=True)
    users: dict[_Key, dict[_Key, str]] = defaultdict(dict)
    for run in newest_first:
        for source, number in run.sources.items():
            users[source, number][run.line, run.number] = run.line
        if run.overtaken_by:
            users[run.line, run.number][run.line, run.overtaken_by] = run.line
    parts: dict[_Key, _Parts] = {}
    totals: dict[Demand, Used] = {}
    for run in newest_first:
        key = (run.line, run.number)
        parts[key] = _parts(run, users.get(key, {}), parts)
        for demand, part in parts[key].items():
            totals[demand] = plus(totals.get(demand, {}), times(run.used, part))
    return totals


def _parts(run: RunUsed, users: Mapping[_Key, str], known: Mapping[_Key, _Parts]) -> _Parts:
    """The share of each demand in a run. The shares make 1."""
    own = Demand(run.line, _word(run.wanted))
    # A user that is not known began earlier, by a clock that was behind: its line has the part.
    by_line: dict[str, list[_Parts]] = defaultdict(list)
    for key, line in users.items():
        by_line[line].append(known.get(key) or {Demand(line, _UNSAID): 1.0})
    takers: list[_Parts] = [_mean(by_line[line]) for line in sorted(by_line)]
    if run.wanted in OWN or not takers:
        takers.append({own: 1.0})
    return _mean(takers)


def _mean(many: Sequence[_Parts]) -> _Parts:
    mixed: dict[Demand, float] = defaultdict(float)
    for parts in many:
        for demand, part in parts.items():
            mixed[demand] += part / len(many)
    return mixed


def _word(wanted: str) -> str:
    return {"push": _BY_HAND, "": _UNSAID}.get(wanted, wanted)
