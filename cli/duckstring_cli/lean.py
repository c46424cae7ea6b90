"""Typer without pydantic, where a command line needs none.

Typer builds a pydantic adapter for each parameter of a command, also for those that were not given:
importing pydantic takes as long as all else that a command's help needs. Here the adapter is built
for values that have to be read: numbers, paths, choices.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from typer.core import TyperArgument, TyperOption


class _Deferred:
    """Stands for an adapter until there is a value for it."""

    def __init__(self, build: Callable[[], Any]) -> None:
        self._build = build

    def coerce(self, value: object, param: Any, ctx: Any) -> object:  # noqa: ANN401 - Typer's own
        """The value as the command's function takes it."""
        is_one = not param.multiple and param.nargs == 1
        # Not given, text that is to be text, or a default of ours.
        if is_one and (value is None or type(value) is param.type_descriptor.annotation):
            return value
        if not is_one and not value and param.default is None:  # a list that was not given
            return None
        return self._build().coerce(value, param=param, ctx=ctx)


def spare_pydantic() -> None:
    """From now on Typer's parameters build their adapters late. Safe to repeat."""
    for kind in (TyperOption, TyperArgument):
        build = kind.get_runtime_param
        if getattr(build, "is_late", False):
            continue

        def late(param: Any, build: Callable[[Any], Any] = build) -> Any:  # noqa: ANN401
            return _Deferred(lambda: build(param))

        late.is_late = True  # type: ignore[attr-defined]
        kind.get_runtime_param = late  # type: ignore[method-assign, assignment]
