"""Invocations of the exporters: messages of what was published."""

from __future__ import annotations

import json


class Context:
    """Lambda's, of any function."""

    function_name = function_version = "exporter"
    memory_limit_in_mb = 1024
    invoked_function_arn = aws_request_id = "r-1"


def records(*bodies):
    return {"Records": [{"body": json.dumps(one)} for one in bodies]}


def told(pond, major=1):
    return {"detail-type": "duckstring.pond", "detail": {"pond": pond, "major": major}}
