"""``duckstring.external``: runs of other engines, each started once, waited for cheaply, and
cancelled when its Ripple is killed.

    job = DatabricksJob(Env("SALES_JOB_ID"))

    @ripple(on_kill=job.cancel)
    def run_pipeline(pond):
        run = job.run(pond)
        pond.write_table("run", run.select())

Built only on what any Ripple has: ``pond.run_key``, ``remember``, ``recall``, ``pause`` and
``env``. Lazy on purpose: no client of any engine is imported before a job is run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duckstring.author.kills import Requested as Requested
    from duckstring.external.athena import AthenaQuery as AthenaQuery
    from duckstring.external.auth import TokenRequest as TokenRequest
    from duckstring.external.batch import BatchJob as BatchJob
    from duckstring.external.core import ExternalRun as ExternalRun
    from duckstring.external.core import Handle as Handle
    from duckstring.external.databricks import DatabricksJob as DatabricksJob
    from duckstring.external.emr import EmrServerlessJob as EmrServerlessJob
    from duckstring.external.env import Env as Env
    from duckstring.external.errors import AccessRefusedError as AccessRefusedError
    from duckstring.external.errors import CancelRefusedError as CancelRefusedError
    from duckstring.external.errors import ExternalError as ExternalError
    from duckstring.external.errors import ExternalRunFailedError as ExternalRunFailedError
    from duckstring.external.errors import RefusedError as RefusedError
    from duckstring.external.glue import GlueJob as GlueJob
    from duckstring.external.http import HttpJob as HttpJob
    from duckstring.external.http_settings import HttpApi as HttpApi
    from duckstring.external.states import StateMachine as StateMachine

_HOMES = {
    "AccessRefusedError": "errors",
    "AthenaQuery": "athena",
    "BatchJob": "batch",
    "CancelRefusedError": "errors",
    "DatabricksJob": "databricks",
    "EmrServerlessJob": "emr",
    "Env": "env",
    "ExternalError": "errors",
    "ExternalRun": "core",
    "ExternalRunFailedError": "errors",
    "GlueJob": "glue",
    "Handle": "core",
    "HttpApi": "http_settings",
    "HttpJob": "http",
    "RefusedError": "errors",
    "Requested": "core",
    "StateMachine": "states",
    "TokenRequest": "auth",
}

__all__ = [
    "AccessRefusedError",
    "AthenaQuery",
    "BatchJob",
    "CancelRefusedError",
    "DatabricksJob",
    "EmrServerlessJob",
    "Env",
    "ExternalError",
    "ExternalRun",
    "ExternalRunFailedError",
    "GlueJob",
    "Handle",
    "HttpApi",
    "HttpJob",
    "RefusedError",
    "Requested",
    "StateMachine",
    "TokenRequest",
]


def __getattr__(name: str) -> object:
    from importlib import import_module  # noqa: PLC0415 - lazy is the point of this module

    if name not in _HOMES:
        raise AttributeError(f"module 'duckstring.external' has no attribute {name!r}")
    return getattr(import_module(f"duckstring.external.{_HOMES[name]}"), name)
