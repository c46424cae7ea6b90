"""One invocation of an attempt, told apart by how it ended: the same in the function and in a
task.
"""

from __future__ import annotations

from typing import Any

from duckstring.errors import InvariantError
from duckstring.worker.ends import ProcessDiedError
from duckstring.worker.ports import Order, Worker
from duckstring.worker.run_ripple import run_ripple
from functions.ripple.logs import labelled

_TOLD_LENGTH = 1000


def attempt(order: Order, worker: Worker) -> dict[str, Any]:
    """``run_ripple``'s answer, or ``{"outcome": "lost", "failure": {...}}``: the author does not
    pay for what the world did.

    ``crashed`` instead of ``lost``: the attempt's process was killed from outside, and the next
    attempt follows at once.

    Raises:
        InvariantError: a rule of ours is broken.
    """
    with labelled(
        run=f"{order.line}/{order.run}",
        ripple=order.ripple,
        attempt=order.attempt,
        launch=order.launch,
    ):
        worker.log.info("attempt begins", extra={"where": order.site.where, "pauses": order.pauses})
        try:
            return run_ripple(order, worker)
        except InvariantError:
            raise
        except ProcessDiedError as error:
            worker.log.warning("attempt's process died", extra={"why": error.message})
            return {
                **lost(order, type(error).__name__, worker.redactor.text(error, most=_TOLD_LENGTH)),
                "outcome": "crashed",
            }
        except Exception as error:
            worker.log.exception("attempt lost")
            return lost(order, type(error).__name__, worker.redactor.text(error, most=_TOLD_LENGTH))


def lost(order: Order, error: str, message: str) -> dict[str, Any]:
    """What is answered for an attempt that nobody can say more of."""
    failure = {
        "ripple": order.ripple,
        "attempt": order.attempt,
        "error": error,
        "message": message[:_TOLD_LENGTH],
    }
    return {"outcome": "lost", "failure": failure}
