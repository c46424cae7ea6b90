"""The limits that a Ripple uses: which names it may give."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeGuard

from duckstring.model.limits import MOST_USES
from duckstring.model.names import LIMIT_NAME, LIMIT_NAME_WORDS

USES_ALLOWED = f"the name of a limit ({LIMIT_NAME_WORDS}), or a list of up to {MOST_USES} names"
USES_HINT = 'Write uses="databricks" or uses=["databricks", "warehouse"].'


def are_limits(names: object) -> TypeGuard[Sequence[str]]:
    """Whether a Ripple may use these limits."""
    return (
        isinstance(names, list | tuple)
        and len(names) <= MOST_USES
        and all(isinstance(name, str) and LIMIT_NAME.match(name) for name in names)
    )


def in_order(names: Sequence[str]) -> tuple[str, ...]:
    """Each once, in the order in which all Ripples ask for their tokens."""
    return tuple(sorted(set(names)))
