"""The Ripples of a Pond in an order in which each comes after its parents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from duckstring.author.errors import RippleError
from duckstring.model.catalog import RippleSpec
from duckstring.model.pauses import MOST_RIPPLES


def arrange(specs: Sequence[RippleSpec], *, module: str) -> tuple[RippleSpec, ...]:
    """Order Ripples topologically; among equals as declared.

    Raises:
        RippleError: there are none or too many, two have one name, a parent does not exist, or they form a cycle.
    """
    if not specs:
        raise RippleError(f"{module} declares no Ripple.", hint="Put @ripple above at least one function in it.")
    if len(specs) > MOST_RIPPLES:
        raise RippleError(f"{module} declares {len(specs)} Ripples; allowed: {MOST_RIPPLES}.", hint="Divide the Pond.")
    by_name = {spec.name: spec for spec in specs}
    _refuse_twins(specs, module)
    _refuse_orphans(by_name)
    ordered: dict[str, RippleSpec] = {}
    while waiting := [spec for spec in specs if spec.name not in ordered]:
        ready = next((spec for spec in waiting if all(parent in ordered for parent in spec.parents)), None)
        if ready is None:
            raise _cycle(by_name, waiting[0].name, set(ordered))
        ordered[ready.name] = ready
    return tuple(ordered.values())


def _refuse_twins(specs: Sequence[RippleSpec], module: str) -> None:
    seen: set[str] = set()
    for spec in specs:
        if spec.name in seen:
            raise RippleError(f"{module} declares two Ripples called {spec.name!r}.", hint='Rename one: @ripple(name="...").')
        seen.add(spec.name)


def _refuse_orphans(by_name: Mapping[str, RippleSpec]) -> None:
    for spec in by_name.values():
        for parent in spec.parents:
            if parent not in by_name:
                near = get_close_matches(parent, by_name, n=1)
                meant = f"did you mean {near[0]!r}? " if near else ""
                raise RippleError(
                    f"Ripple {spec.name!r}: its parent {parent!r} is no Ripple of this Pond; {meant}it has {', '.join(sorted(by_name))}.",
                    hint="Name a Ripple of this Pond in parents=, or pass the function itself.",
                )


def _cycle(by_name: Mapping[str, RippleSpec], start: str, done: set[str]) -> RippleError:
    """Among those that wait each has a parent that waits: following one leads round a cycle."""
    path = [start]
    while True:
        parent = next(parent for parent in by_name[path[-1]].parents if parent not in done)
        if parent in path:
            circle = [*path[path.index(parent) :], parent]
            return RippleError(
                f"The Ripples wait for each other: {' -> '.join(reversed(circle))}.",
                hint="Take one of them out of the parents= of another.",
            )
        path.append(parent)
