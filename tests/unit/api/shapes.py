"""Whether a value has the shape that a TypedDict of ``duckstring.model.answers`` gives it."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from types import NoneType, UnionType
from typing import (
    Any,
    Literal,
    NotRequired,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from duckstring.api.answer import OPERATIONS
from duckstring.model import answers, arrivals, checks, compute, costs, retention

SHAPES: dict[str, Any] = {
    name: value
    for module in pkgutil.iter_modules(answers.__path__, f"{answers.__name__}.")
    for name, value in vars(importlib.import_module(module.name)).items()
}

_PLAIN: dict[Any, tuple[type, ...]] = {
    str: (str,),
    bool: (bool,),
    int: (int,),
    float: (int, float),
    NoneType: (NoneType,),
}


def faults(value: object, shape: Any, at: str = "") -> Iterator[str]:
    """What of ``value`` does not fit: a field that is missing or unknown, or of another type."""
    if is_typeddict(shape) and isinstance(value, dict):
        yield from _object_faults(value, shape, at)
    elif get_origin(shape) is list and isinstance(value, list):
        for index, one in enumerate(value):
            yield from faults(one, get_args(shape)[0], f"{at}[{index}]")
    elif get_origin(shape) in (dict, Mapping) and isinstance(value, dict):
        for key, one in value.items():
            yield from faults(one, get_args(shape)[1], f"{at}[{key!r}]")
    elif not _fits(value, shape):
        yield f"{at} is {value!r}, expected {getattr(shape, '__name__', shape)}"


def _fits(value: object, shape: Any) -> bool:
    if get_origin(shape) in (Union, UnionType):
        return any(not [*faults(value, one)] for one in get_args(shape))
    if get_origin(shape) is Literal:
        return value in get_args(shape)
    return shape is object or type(value) in _PLAIN.get(shape, ())


def hints_of(shape: Any, *, include_extras: bool = False) -> dict[str, Any]:
    """The fields of a shape. Its module imports some of their types for type checkers only."""
    names = {**vars(checks), **vars(costs), **vars(compute), **vars(arrivals)}
    names |= {**vars(retention), **SHAPES}
    return get_type_hints(shape, localns=names, include_extras=include_extras)


def _object_faults(value: Mapping[str, object], shape: Any, at: str) -> Iterator[str]:
    hints = hints_of(shape, include_extras=True)
    optional = {name for name, hint in hints.items() if get_origin(hint) is NotRequired}
    yield from (f"{at}.{name} is missing" for name in hints if name not in {*value, *optional})
    yield from (f"{at}.{name} is not in {shape.__name__}" for name in value if name not in hints)
    for name, hint in hints_of(shape).items():
        if name in value:
            yield from faults(value[name], hint, f"{at}.{name}")


def shape_of(op: str) -> Any:
    """The shape that an operation says that it answers with."""
    return SHAPES[OPERATIONS[op].answer.__annotations__["return"]]


def answer_faults(op: object, answer: object) -> list[str]:
    """What of an answer on the wire does not fit the shapes."""
    if isinstance(answer, dict) and answer.get("ok"):
        return [*faults(answer, SHAPES["Answered"]), *faults(answer["result"], shape_of(str(op)))]
    return [*faults(answer, SHAPES["Refused"])]
