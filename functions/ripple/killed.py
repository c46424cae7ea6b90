"""The ``on_kill`` operation of the ripple function."""

from __future__ import annotations

from typing import Any

from duckstring.model.instants import from_text
from duckstring.model.names import Line
from duckstring.worker.on_kill import on_kill
from duckstring.worker.ports import KillOrder
from functions.ripple.logs import labelled
from functions.ripple.wiring import App


def answer(event: dict[str, Any], app: App, *, seconds: float) -> dict[str, Any]:
    """Call the ``on_kill`` function of a killed Ripple."""
    order = KillOrder(
        line=Line(event["line"]),
        run=event["run"],
        ripple=event["ripple"],
        attempt=event["attempt"],
        tried=event["tried"],
        f=from_text(event["f"]),
        version=event["version"],
        artifact=event["artifact"],
        module=event["module"],
        started=from_text(event["started"]),
        seconds=seconds,
        permit=event.get("permit", ""),
    )
    keys = {
        "run": f"{order.line}/{order.run}",
        "ripple": order.ripple,
        "attempt": order.attempt,
        "tried": order.tried,
    }
    with labelled(**keys, called="on_kill"):
        return {"outcome": on_kill(order, app.worker, app.kills)}
