"""What attempts' processes get from the worker's environment. This imports no AWS client: they need
none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial

from duckstring.adapters.aws.duck import S3Storage
from duckstring.model.attempts import Site
from duckstring.model.settings import Settings
from duckstring.worker.attempt_process import begin, prepare
from duckstring.worker.origin import Origin

SITE = "DUCKSTRING_SITE"
"""The variable in which a task's supervisor tells its worker where that runs, as JSON."""


def origin_of(env: Mapping[str, str]) -> Origin:
    """The process that the worker's fork servers come from. Start it before an AWS client is
    imported.
    """
    storage = S3Storage(
        bucket=Settings.from_env(env).need("bucket"),
        region=env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION", "us-east-1"),
        memory_mib=site_of(env).memory_mib,
        endpoint=env.get("AWS_ENDPOINT_URL_S3") or env.get("AWS_ENDPOINT_URL", ""),
    )
    return Origin(partial(prepare, storage), partial(begin, storage))


def site_of(env: Mapping[str, str]) -> Site:
    """Where attempts of this process run, as a task's supervisor or Lambda says."""
    if SITE in env:
        return Site(**json.loads(env[SITE]))
    return Site(
        memory_mib=int(env.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "0")),
        log_group=env.get("AWS_LAMBDA_LOG_GROUP_NAME", ""),
    )
