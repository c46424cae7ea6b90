"""Discovery Lambda handler: import a package in a child process and list its Ripples.

The author's code runs here before anybody has decided to deploy it, so this function has no
permissions but to write its own log. The api sends what the import needs: a URL of the package, and
the secrets and env values that the Pond sees. A module may read variables as it loads
(``os.environ["DATABRICKS_HOST"]``, ``int(os.environ["JOB_ID"])``), and placeholders would break
imports that work in a Ripple.
"""

from __future__ import annotations

import os
import urllib.request
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError

from duckstring.errors import TransientError
from duckstring.model.foreign import Redactor
from duckstring.worker.descendants import adopt, close_to_others
from duckstring.worker.discover import Module, clean_environment, discover
from functions.json_log import json_logger

_SECONDS = 60

redactor = Redactor(os.environ)
logger = json_logger("discovery", redactor)
# Its environment has its credentials. A process of a module that left its parent and its group
# becomes our child, and ends with the import.
close_to_others()
adopt()


def handle(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Fetch the package and list its Ripples. The author's errors are part of the answer.

    Raises:
        TransientError: the package cannot be fetched.
    """
    secrets: dict[str, str] = event["secrets"]
    # An api of an earlier release sends none.
    environment: dict[str, str] = event.get("environment", {})
    redactor.learn(secrets, environment)
    module = Module(_fetched(event["url"]), event["sha256"], event["module"])
    found = discover(module, variables=clean_environment(os.environ, environment | secrets))
    logger.info("discovered", sha256=event["sha256"], ok=found["ok"])
    # The module's errors, output and Ripple names are the author's texts, and may contain secrets.
    return {name: redactor.tree(value) for name, value in found.items()}


def _fetched(url: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=_SECONDS) as answer:  # noqa: S310 - signed by our api
            package: bytes = answer.read()
            return package
    except (OSError, HTTPException) as error:
        if isinstance(error, HTTPError):
            error.close()
        # Its text may have the URL, which is signed.
        raise TransientError(
            f"The package cannot be fetched ({type(error).__name__}).",
            hint="Deploy the Pond again.",
        ) from None
