"""Discovery Lambda handler: import a package in a child process and list its Ripples.

The author's code runs here before anybody has decided to deploy it, so this function has few
permissions: fetch packages, read the Catchment's secret, write its own log. It needs the secret
because a module may read variables as it loads (``os.environ["DATABRICKS_HOST"]``,
``int(os.environ["JOB_ID"])``). Placeholders would break imports that work in a Ripple.
"""

from __future__ import annotations

import os
from typing import Any

from duckstring.adapters.aws.clients import Clients
from duckstring.adapters.aws.worker import S3Artifacts, SecretEntries
from duckstring.model.foreign import Redactor
from duckstring.model.settings import Settings
from duckstring.worker.discover import Module, clean_environment, close_to_others, discover
from functions.json_log import json_logger

redactor = Redactor(os.environ)
logger = json_logger("discovery", redactor)
settings, clients = Settings.from_env(os.environ), Clients()
artifacts = S3Artifacts(clients, settings.need("bucket"))
secrets = SecretEntries(clients, settings.secret, redactor)
close_to_others()


def handle(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Fetch the package and list its Ripples. The author's errors are part of the answer.

    Raises:
        TransientError: there is no such package.
        OperatorError: the secret is not a JSON object.
    """
    module = Module(artifacts.fetch(event["artifact"]), event["sha256"], event["module"])
    found = discover(module, variables=clean_environment(os.environ, secrets.entries()))
    logger.info("discovered", artifact=event["artifact"], ok=found["ok"])
    # The module's errors, output and Ripple names are the author's texts, and may contain secrets.
    return {name: redactor.tree(value) for name, value in found.items()}
