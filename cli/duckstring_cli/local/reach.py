"""How far an accepted request reaches in the emulator. Standard library only: part of the server.

``patches/routes.py`` has the emulator's router ask here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from duckstring_cli.local.guard import REACH, Reach, Scope

_s3_alone: ContextVar[bool] = ContextVar("s3_alone", default=False)

is_s3_alone = _s3_alone.get
"""Whether the request that is handled here may reach S3 and nothing else."""


@contextmanager
def reaching(scope: Scope) -> Iterator[None]:
    """Within: the emulator takes the request no further than the guard has said."""
    token = _s3_alone.set(scope.get(REACH) is Reach.S3)
    try:
        yield
    finally:
        _s3_alone.reset(token)
