"""Duckstring: what a Pond's author writes with, and ``connect`` for notebooks.

Lazy on purpose: the engine's function imports this package and must not pay for DuckDB.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duckstring.author.check import check as check
    from duckstring.author.connecting import connect as connect
    from duckstring.author.pond import Pond as Pond
    from duckstring.author.puddle import puddle as puddle
    from duckstring.author.ripple import ripple as ripple

__version__ = "0.1.0"
__all__ = ["Pond", "check", "connect", "puddle", "ripple"]

_HOMES = {
    "Pond": "duckstring.author.pond",
    "check": "duckstring.author.check",
    "connect": "duckstring.author.connecting",
    "puddle": "duckstring.author.puddle",
    "ripple": "duckstring.author.ripple",
}


def __getattr__(name: str) -> object:
    from importlib import import_module  # noqa: PLC0415 - lazy is the point of this module

    if name not in _HOMES:
        raise AttributeError(f"module 'duckstring' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
