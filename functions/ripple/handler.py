"""The Ripple worker's Lambda handler: run one attempt of a Ripple, or call the ``on_kill`` of a
killed one.
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
from duckstring.worker.descendants import close_to_others
from duckstring.worker.ports import Order
from functions.ripple.origins import origin_of

# Before an AWS client is imported: with fewer pages here, each attempt's process starts and ends
# faster.
origin = origin_of(os.environ)
origin.start()
# The author's code must not read here what the vendor gives the next attempt.
close_to_others()

from functions.ripple import logs, wiring  # noqa: E402 - they import clients of AWS
from functions.ripple.attempt import attempt  # noqa: E402 - it imports logs

app = wiring.from_env(os.environ, logs.begin(), label=logs.label, origin=origin)


class EndedError(Exception):
    """An attempt that did not succeed fails its task of the state machine. So a success needs no
    extra state to check the outcome.
    """

    def __init__(self, answer: Mapping[str, object]) -> None:
        """Write ``answer`` into the message, where the state machine reads it. It does not get the
        class name everywhere.
        """
        super().__init__(ENDED + json.dumps(answer))


def handle(event: dict[str, Any], context: Any) -> Mapping[str, object]:  # noqa: ANN401 - Lambda's context has no type of its own
    """Make the attempt or the call. Author errors and outages are both reported in the answer. An
    outage does not cost the author a retry.

    Raises:
        EndedError: the attempt did not succeed, or pauses.
        InvariantError: the product sends no such event, or a rule of our own is broken.
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
    return Order(
        *which,
        site,
        pauses=event.get("pauses", 0),
        seconds=_seconds(context),
        permit=event.get("permit", ""),
    )


def _seconds(context: Any) -> float:  # noqa: ANN401 - see above
    """At the start of an invocation this is the function's whole time."""
    return float(context.get_remaining_time_in_millis()) / 1000
