"""The kinds of triggers, and reading one from its wire form."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal, get_args

from duckstring.errors import OperatorError
from duckstring.model import commands

TriggerKind = Literal["tap", "wave", "pulse", "tide", "remove"]
KINDS: tuple[TriggerKind, ...] = get_args(TriggerKind)
LONGEST = timedelta(days=3650)


def read_trigger(kind: object, bound: object) -> tuple[TriggerKind, timedelta | None]:
    """A trigger's kind, and the bound of a Tide, out of what came over a wire.

    Raises:
        OperatorError: there is no such kind, or the bound does not fit it.
    """
    known = next((one for one in KINDS if one == kind), None)
    if known is None:
        raise OperatorError(f"No trigger {kind!r}; allowed: {', '.join(KINDS)}.")
    if known != "tide":
        if bound is not None:
            raise OperatorError(f"A {known} takes no bound, found {bound!r}; only a tide does.")
        return known, None
    if (
        isinstance(bound, bool)
        or not isinstance(bound, int | float)
        or not 0 < bound <= LONGEST.total_seconds()
    ):
        raise OperatorError(
            f"A tide's bound is {bound!r}; allowed: seconds above 0, at most {LONGEST.days} days.",
            hint=f"For example: {commands.TIDE_EXAMPLE}",
        )
    return known, timedelta(seconds=bound)
