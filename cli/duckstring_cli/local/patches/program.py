"""The emulator's application, which the server serves, and its end.

Emulator: it is a program of its own, which begins its own HTTP server and ends its workers with it.
AWS: nothing of the kind.
For us: our server has to look at each request before the emulator does, and ends at once.
"""

from __future__ import annotations

from duckstring_cli.local.patches.declared import Foreign, Names

NAMES = Names()

_APP = NAMES.called("app", "app", "scope receive send")
_WORKERS = NAMES.value("core.lambda_runtime", "_workers", "dict")
_WORKERS_IN_USE = NAMES.called("core.lambda_runtime", "workers_in_use")
_RESET = NAMES.called("core.lambda_runtime", "reset")
_REQUEST_SCOPE = NAMES.called("core.responses", "request_scope", "account_id region")


def application() -> Foreign:
    """Its ASGI application."""
    return _APP.read()


def count_of_workers() -> int:
    """How many workers functions have."""
    return sum(len(pool) for pool in list(_WORKERS.read().values()))


def is_busy() -> bool:
    """Whether a worker computes."""
    return bool(_WORKERS_IN_USE.read()())


def end_workers() -> None:
    """End every worker."""
    _RESET.read()()


def scoped(account: str, region: str) -> Foreign:
    """A context in which the emulator acts for that account and region."""
    return _REQUEST_SCOPE.read()(account, region)
