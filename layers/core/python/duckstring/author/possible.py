"""Whether Ripples that somebody tells of are such as ``@ripple`` declares.

A deploy asks a process that imports the package, and the package's code may answer in its place.
What it says goes into the catalog, which everybody reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from duckstring.author.retrying import LONGEST_NAME, MOST_ERRORS
from duckstring.author.ripple import LONGEST_TIMEOUT
from duckstring.model.catalog import LONGEST_DELAY, RippleSpec
from duckstring.model.checks import MOST_CHECKS
from duckstring.model.compute import LEAST_MIB, MOST_MIB
from duckstring.model.names import POND_NAME
from duckstring.model.pauses import MOST_RIPPLES
from duckstring.model.uses import are_limits


def impossible(specs: Sequence[RippleSpec]) -> Iterator[str]:
    """A few words for each that ``@ripple`` does not declare, or that comes before its parents."""
    if len(specs) > MOST_RIPPLES:
        yield f"{len(specs)} Ripples"
    known = set[str]()
    for spec in specs:
        if not POND_NAME.fullmatch(spec.name) or spec.name in known:
            yield f"the name {spec.name[:60]!a}"
        elif not known.issuperset(spec.parents):
            yield f"parents that do not come before {spec.name}"
        elif not (_has_room(spec) and _is_tried(spec) and _checks(spec)):
            yield f"what {spec.name} says of itself"
        known.add(spec.name)


def _has_room(spec: RippleSpec) -> bool:
    seconds, mib = spec.timeout_seconds, spec.memory_mib
    return (seconds is None or 0 < seconds <= LONGEST_TIMEOUT) and (
        mib is None or LEAST_MIB <= mib <= MOST_MIB
    )


def _is_tried(spec: RippleSpec) -> bool:
    return (
        are_limits(spec.uses)
        and 0 <= spec.retry_delay_seconds <= LONGEST_DELAY.total_seconds()
        and len(spec.retry_on) <= MOST_ERRORS
        and all(len(name) <= LONGEST_NAME and name.isprintable() for name in spec.retry_on)
    )


def _checks(spec: RippleSpec) -> bool:
    return len(spec.checks) <= MOST_CHECKS and all(map(POND_NAME.fullmatch, spec.checks))
