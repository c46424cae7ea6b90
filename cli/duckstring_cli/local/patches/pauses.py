"""The emulator's rests between one Ripple and the next are taken out.

Emulator: an execution sleeps for 0.15 s before its first state; the poller of a queue rests for
0.05 s after it has found nothing.
AWS: an execution starts within some milliseconds; Lambda polls queues by long requests.
For us: both rests come once for each run of a Pond, and are most of what a small run takes.
"""

from __future__ import annotations

import time
import types
from typing import Any

from duckstring_cli.local.patches.declared import Names

NAMES = Names()

_EXECUTION_REST = 0.15
_POLLER_REST = 0.002

_POLLERS_GAP = NAMES.value("services.lambda_svc", "_ESM_IDLE_WAKE_GAP_SECONDS", "float")
_TIME_OF_EXECUTIONS = NAMES.value("services.stepfunctions", "time", "module")
NAMES.mentioned("services.stepfunctions", "_run_execution", _EXECUTION_REST)
NAMES.mentioned("services.stepfunctions", "_run_execution", "sleep")


def take_out_pauses() -> None:
    """Before an execution's first state, and of the queue poller."""
    _POLLERS_GAP.replace(_POLLER_REST)
    seen: Any = types.ModuleType("time")
    seen.__dict__.update(time.__dict__)
    seen.sleep = lambda seconds: None if seconds == _EXECUTION_REST else time.sleep(seconds)
    _TIME_OF_EXECUTIONS.replace(seen)
