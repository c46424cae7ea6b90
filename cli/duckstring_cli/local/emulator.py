"""The emulator's modules, for those parts of the server that stand around it. Standard library
only.
"""

from __future__ import annotations

import importlib
from typing import Any


def ministack(name: str) -> Any:  # noqa: ANN401 - the emulator has no types
    """A module of MiniStack's, which only its own interpreter knows."""
    return importlib.import_module(f"ministack.{name}")


def scoped(account: str, region: str) -> Any:  # noqa: ANN401
    """A context in which the emulator acts for that account and region."""
    return ministack("core.responses").request_scope(account, region)
