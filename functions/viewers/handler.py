"""The viewers function: requests that only read. IAM decides who may invoke it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from duckstring import wiring
from duckstring.model.foreign import Redactor
from functions.json_log import json_logger
from functions.serving import serve

if TYPE_CHECKING:
    from duckstring.model.answers.common import Answered, Refused

logger = json_logger("viewers", Redactor(os.environ))
ports = wiring.api(os.environ, "viewer")


@logger.inject_lambda_context
def handle(event: dict[str, Any], context: LambdaContext) -> Answered | Refused:
    """Answer one request."""
    return serve(event, ports, "viewer", logger=logger, request=context.aws_request_id)
