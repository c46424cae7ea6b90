"""The muscle's door: run one attempt of a Ripple, or tell which Ripples a package declares."""

from __future__ import annotations

import json
import logging
import os
from dataclasses import replace
from typing import Any

from aws_lambda_powertools import Logger

from duckstring.errors import InvariantError
from duckstring.model.names import Line
from duckstring.model.verdicts import ENDED
from duckstring.service.run_ripple import Order, run_ripple
from functions.ripple import wiring

logger = Logger(service="ripple")
logging.basicConfig(handlers=[logger.registered_handler], level=logging.INFO, force=True)
for chatty in ("boto3", "botocore", "httpcore", "httpx", "urllib3"):
    logging.getLogger(chatty).setLevel(logging.WARNING)

app = wiring.from_env(os.environ, logging.getLogger("duckstring"))

_TOLD_LENGTH = 1000


class EndedError(Exception):
    """An attempt that did not succeed fails its task of the state machine: told so, a success costs no state to look at it."""

    def __init__(self, answer: dict[str, Any]) -> None:
        """Tell ``answer`` as the state machine reads it: class names do not reach it everywhere, messages do."""
        super().__init__(ENDED + json.dumps(answer))


def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ANN401 - Lambda's context has no type of its own
    """Run or discover. What the author did wrong is told, and so is what the world did: the author does not pay for it.

    Raises:
        EndedError: the attempt failed, or was lost.
        InvariantError: nobody of ours sends such an event, or a rule of ours is broken.
    """
    match event.get("op"):
        case "run":
            answer = _run(event, context)
            if answer["outcome"] != "ok":
                raise EndedError(answer)
            return answer
        case "discover":
            from functions.ripple import discovery  # noqa: PLC0415 - rare, and every run would pay for it

            return discovery.answer(event, app.worker)
        case op:
            raise InvariantError(f"The ripple function knows run and discover, not {op!r}.")


def _run(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ANN401 - see above
    # Lambda's context names the invocation; a task was told before its worker began.
    stream = str(getattr(context, "log_stream_name", app.site.log_stream))
    request_id = str(getattr(context, "aws_request_id", app.site.request_id))
    site = replace(app.site, log_stream=stream, request_id=request_id)
    order = Order(Line(event["line"]), event["run"], event["launch"], event["ripple"], event["attempt"], site)
    logger.append_keys(run=f"{order.line}/{order.run}", ripple=order.ripple, attempt=order.attempt)
    app.worker.log.info("attempt begins")
    try:
        return run_ripple(order, app.worker)
    except InvariantError:
        raise
    except Exception as error:
        logger.exception("attempt lost")
        return _lost(order, error)
    finally:
        logger.remove_keys(["run", "ripple", "attempt"])


def _lost(order: Order, error: Exception) -> dict[str, Any]:
    failure = {"ripple": order.ripple, "attempt": order.attempt, "error": type(error).__name__, "message": str(error)[:_TOLD_LENGTH]}
    return {"outcome": "lost", "failure": failure}
