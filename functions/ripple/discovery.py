"""The ``discover`` operation of the ripple function."""

from __future__ import annotations

import os
from typing import Any

from duckstring.service.discover import Module, clean_environment, discover
from duckstring.service.worker import Worker


def answer(event: dict[str, Any], worker: Worker) -> dict[str, Any]:
    """Fetch the package and list its Ripples."""
    module = Module(worker.artifacts.fetch(event["artifact"]), event["sha256"], event["module"])
    found = discover(module, variables=clean_environment(os.environ, worker.secrets.entries()))
    worker.log.info("discovered", extra={"artifact": event["artifact"], "ok": found["ok"]})
    return found
