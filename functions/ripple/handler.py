"""The Ripple worker's Lambda handler: run one attempt of a Ripple, or call what a killed one
left to call.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from duckstring.errors import InvariantError
from duckstring.model.names import Line
from duckstring.model.verdicts import ENDED
from duckstring.worker.ports import Order
from functions.ripple.origins import origin_of

# Before a client of AWS is imported: the fewer pages this process has, the sooner each attempt's
# has begun, and is gone.
origin = origin_of(os.environ)
origin.start()

from functions.ripple import logs, wiring  # noqa: E402 - they import clients of AWS
from functions.ripple.attempt import attempt  # noqa: E402 - it imports logs

app = wiring.from_env(os.environ, logs.begin(), label=logs.label, origin=origin)


class EndedError(Exception):
    """An attempt that did not succeed fails its task of the state machine: told so, a success
    costs no state to look at it.
    """

    def __init__(self, answer: Mapping[str, object]) -> None:
        """Tell ``answer`` as the state machine reads it: class names do not reach it everywhere,
        messages do.
        """
        super().__init__(ENDED + json.dumps(answer))


def handle(event: dict[str, Any], context: Any) -> Mapping[str, object]:  # noqa: ANN401 - Lambda's context has no type of its own
    """What the author did wrong is told, and so is what the world did: the author does not pay for
    it.

    Raises:
        EndedError: the attempt did not succeed, or pauses.
        InvariantError: nobody of ours sends such an event, or a rule of ours is broken.
    """
    match event.get("op"):
        case "run":
            answer = attempt(_order(event, context), app.worker)
            if answer["outcome"] != "ok":
                raise EndedError(answer)
            return answer
        case "on_kill":
            from functions.ripple import killed  # noqa: PLC0415 - rare, and every run would pay for it

            return killed.answer(event, app, seconds=_seconds(context))
        case op:
            raise InvariantError(f"The ripple function knows run and on_kill, not {op!r}.")


def _order(event: dict[str, Any], context: Any) -> Order:  # noqa: ANN401 - see above
    site = replace(app.site, log_stream=context.log_stream_name, request_id=context.aws_request_id)
    which = (Line(event["line"]), event["run"], event["launch"], event["ripple"], event["attempt"])
    return Order(*which, site, pauses=event.get("pauses", 0), seconds=_seconds(context))


def _seconds(context: Any) -> float:  # noqa: ANN401 - see above
    """At the start of an invocation this is the function's whole time."""
    return float(context.get_remaining_time_in_millis()) / 1000
