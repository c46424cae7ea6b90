"""Whether a Ripple waits by pausing: then its time says nothing of how long one call takes.

It is found in the code: a call of ``pause``, or a job of another engine (``duckstring.external``),
in the function or in functions of its module that it calls. A Ripple that is missed starts as a
task. One that is taken for such by mistake moves to a task when it has used up the function's time.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import CodeType, FunctionType, MethodType

PAUSES = "__duckstring_pauses__"
"""A mark of the classes whose methods wait by pausing."""
_DEEPEST = 8
_MOST_MEMBERS = 100


def waits_by_pausing(function: object, on_kill: object = None) -> bool:
    """Whether a function waits by pausing, or is cancelled as what does.

    Nothing of the author's is called.
    """
    if type(on_kill) is MethodType and _is_job(on_kill.__self__):
        return True
    return type(function) is FunctionType and _pauses(function, set(), _DEEPEST)


def _pauses(function: FunctionType, seen: set[CodeType], depth: int) -> bool:
    if function.__code__ in seen or not depth:
        return False
    seen.add(function.__code__)
    names = set(_names(function.__code__))
    if "pause" in names:
        return True
    scope = function.__globals__
    found = [scope[name] for name in names & scope.keys()]
    found += [cell for cell in map(_content, function.__closure__ or ()) if cell is not None]
    called = (
        one for one in found if type(one) is FunctionType and one.__module__ == function.__module__
    )
    return any(map(_has_job, found)) or any(_pauses(one, seen, depth - 1) for one in called)


def _names(code: CodeType) -> Iterator[str]:
    """Of globals and attributes, also in comprehensions and functions inside."""
    yield from code.co_names
    for held in code.co_consts:
        if isinstance(held, CodeType):
            yield from _names(held)


def _content(cell: object) -> object:
    try:
        return getattr(cell, "cell_contents", None)
    except ValueError:  # not filled yet
        return None


def _has_job(value: object) -> bool:
    """A job, or a list, tuple or dict of jobs."""
    if type(value) in {list, tuple}:
        return any(map(_is_job, list(value)[:_MOST_MEMBERS]))  # type: ignore[call-overload]
    if type(value) is dict:
        return any(map(_is_job, list(value.values())[:_MOST_MEMBERS]))
    return _is_job(value)


def _is_job(value: object) -> bool:
    return any(PAUSES in one.__dict__ for one in type.mro(type(value)))
