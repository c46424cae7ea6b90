"""One invocation of an attempt, classified by how it ended: the same in the function and in a
task.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from duckstring.errors import InvariantError
from duckstring.model.failures import FailedAnswer, failed_answer
from duckstring.worker.ends import ProcessDiedError
from duckstring.worker.ports import Order, Worker
from duckstring.worker.run_ripple import run_ripple
from functions.ripple.logs import labelled

_MESSAGE = 1_000
"""Characters of an error of ours: the log has all of it."""


def attempt(order: Order, worker: Worker) -> Mapping[str, object]:
    """``run_ripple``'s answer, or ``{"outcome": "lost", "failure": {...}}``: an outage does not
    cost the author a retry.

    ``crashed`` instead of ``lost``: the attempt's process was killed from outside, and the next
    attempt follows at once.

    Raises:
        InvariantError: a rule of our own is broken.
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
            return _unsuccessful("crashed", order, error, worker)
        except Exception as error:
            worker.log.exception("attempt lost")
            return _unsuccessful("lost", order, error, worker)


def _unsuccessful(
    outcome: Literal["crashed", "lost"], order: Order, error: Exception, worker: Worker
) -> FailedAnswer:
    return failed_answer(
        outcome,
        ripple=order.ripple,
        attempt=order.attempt,
        error=type(error).__name__,
        message=worker.redactor.text(error, most=_MESSAGE),
    )
