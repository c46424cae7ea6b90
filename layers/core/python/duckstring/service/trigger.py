"""Asking a line for something: through the bus, the one door that triggers take."""

from __future__ import annotations

from datetime import timedelta
from typing import get_args

from duckstring.engine.signals import TriggerKind
from duckstring.errors import OperatorError
from duckstring.model.instants import to_text
from duckstring.model.names import parse_line
from duckstring.ports import Catalog, Clock, TriggerDoor
from duckstring.service.find import find_deployed

KINDS: tuple[TriggerKind, ...] = get_args(TriggerKind)
LONGEST = timedelta(days=3650)
Json = dict[str, object]


def check(kind: object, bound: object) -> tuple[TriggerKind, timedelta | None]:
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
    if isinstance(bound, bool) or not isinstance(bound, int | float) or not 0 < bound <= LONGEST.total_seconds():
        raise OperatorError(
            f"A tide's bound is {bound!r}; allowed: seconds above 0, at most {LONGEST.days} days.",
            hint="For example: duckstring trigger tide reports 1d",
        )
    return known, timedelta(seconds=bound)


def trigger(  # noqa: PLR0913 - four are the question, three are the ports
    pond: str, kind: str, *, catalog: Catalog, door: TriggerDoor, clock: Clock, major: int | None = None, bound: object = None
) -> Json:
    """Put one trigger on the bus, its epoch minted here.

    Raises:
        OperatorError: no such Pond or kind, or a bound that does not fit.
    """
    known, window = check(kind, bound)
    line = find_deployed(catalog, pond, major).line
    name, number = parse_line(line)
    epoch = to_text(clock.now())
    detail: Json = {"pond": name, "major": number, "kind": known, "epoch": epoch}
    if window is not None:
        detail["bound"] = window.total_seconds()
    door.put(detail)
    return {"line": line, "epoch": epoch}
