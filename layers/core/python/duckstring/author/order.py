"""The Ripples of a Pond in an order in which each comes after its parents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from duckstring.author.errors import RippleError, joined
from duckstring.errors import nearest
from duckstring.model.catalog import RippleSpec
from duckstring.model.ordering import find_cycle, in_order
from duckstring.model.pauses import MOST_RIPPLES


def arrange(specs: Sequence[RippleSpec], *, module: str) -> tuple[RippleSpec, ...]:
    """Order Ripples topologically; among equals as declared.

    Raises:
        RippleError: there are none or too many, two have one name, a parent does not exist (all of
            these at once), or they form a cycle.
    """
    if not specs:
        raise RippleError(
            f"{module} declares no Ripple.", hint="Put @ripple above at least one function in it."
        )
    if len(specs) > MOST_RIPPLES:
        raise RippleError(
            f"{module} declares {len(specs)} Ripples; allowed: {MOST_RIPPLES}.",
            hint="Divide the Pond.",
        )
    if faults := graph_faults(specs):
        raise joined(faults)
    parents = {spec.name: spec.parents for spec in specs}
    if cycle := find_cycle(parents):
        raise RippleError(
            f"The Ripples wait for each other: {' -> '.join(cycle)}.",
            hint="Take one of them out of the parents= of another.",
        )
    by_name = {spec.name: spec for spec in specs}
    return tuple(by_name[name] for name in in_order(parents))


def graph_faults(specs: Sequence[RippleSpec]) -> list[RippleError]:
    """Names that two Ripples have, and parents that no Ripple of the Pond is."""
    by_name = {spec.name: spec for spec in specs}
    counts = Counter(spec.name for spec in specs)
    twins = [
        RippleError(
            f"{count} Ripples are called {name!r}.", hint='Rename one: @ripple(name="...").'
        )
        for name, count in counts.items()
        if count > 1
    ]
    return twins + [
        _orphan(spec, parent, by_name)
        for spec in specs
        for parent in spec.parents
        if parent not in by_name
    ]


def _orphan(spec: RippleSpec, parent: str, by_name: Mapping[str, RippleSpec]) -> RippleError:
    meant = nearest(parent, by_name, "did you mean {!r}? ")
    return RippleError(
        (
            f"Ripple {spec.name!r}: its parent {parent!r} is not a Ripple of this Pond; {meant}it "
            f"has {', '.join(sorted(by_name))}."
        ),
        hint="Name a Ripple of this Pond in parents=, or pass the function itself.",
    )
