"""Text forms of the engine's values: the state item, the outbox, letters, releases, manifests.

One converter a type, built from the dataclasses' own annotations at first use. Fields at their
default are left out, so an item stays small and an older text reads as a newer value.
docs/protocol.md shows the forms.
"""

from __future__ import annotations

import json
import re
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import datetime, timedelta
from functools import cache, lru_cache
from operator import attrgetter
from typing import Any, Literal, NamedTuple, NewType, Union, get_args, get_origin, get_type_hints

from duckstring.adapters.aws.older import renewed
from duckstring.engine import effects as effects_module
from duckstring.engine import signals as signals_module
from duckstring.engine import state as state_module
from duckstring.engine.effects import Effect
from duckstring.engine.signals import Signal
from duckstring.engine.state import PondState
from duckstring.model.catalog import DroppedTable, Release, TableVersion
from duckstring.model.instants import from_text, to_text
from duckstring.model.names import Line

Json = Any


_MOST_INSTANTS = 4_096


class _Form(NamedTuple):
    write: Callable[[Any], Json]
    read: Callable[[Json], Any]


def state_to_text(state: PondState) -> str:
    """The ``state`` attribute of a line's item."""
    return _dump(_form(PondState).write(state))


def state_from_text(text: str) -> PondState:
    """Read what ``state_to_text`` wrote."""
    state: PondState = _form(PondState).read(json.loads(text))
    return state


def outbox_to_text(outbox: tuple[Effect, ...]) -> str:
    """The ``outbox`` attribute of a line's item."""
    return _dump([_form(Effect).write(effect) for effect in outbox])


def outbox_from_text(text: str) -> tuple[Effect, ...]:
    """Read what ``outbox_to_text`` wrote."""
    return tuple(_form(Effect).read(item) for item in json.loads(text))


def letter(to: Line, signal: Signal) -> str:
    """The body of a mailbox message."""
    # ASCII: SQS refuses some characters that an author's message may hold.
    return json.dumps({"to": to, **_form(Signal).write(signal)}, separators=(",", ":"))


def read_letter(body: str) -> tuple[Line, Signal, dict[str, Json]]:
    """The addressee, the signal, and the whole object (a gate's task token is no part of the
    signal).

    Raises:
        ValueError, KeyError, TypeError: the body is no letter.
    """
    whole = json.loads(body)
    return Line(whole["to"]), signal_of(whole), whole


def signal_of(whole: Json) -> Signal:
    """The signal in a letter's object."""
    signal: Signal = _form(Signal).read(whole)
    return signal


def release_to_text(release: Release) -> str:
    """The ``release`` attribute of catalog items."""
    return _dump(_form(Release).write(release))


def release_from_text(text: str) -> Release:
    """Read what ``release_to_text`` wrote."""
    release: Release = _form(Release).read(json.loads(text))
    return release


def tables_to_text(tables: Mapping[str, TableVersion]) -> str:
    """The ``tables`` attribute of a manifest item."""
    return _dump(_form(_Tables).write(tables))


def tables_from_text(text: str) -> dict[str, TableVersion]:
    """Read what ``tables_to_text`` wrote."""
    tables: dict[str, TableVersion] = _form(_Tables).read(json.loads(text))
    return tables


def dropped_to_text(dropped: Mapping[str, DroppedTable]) -> str:
    """The ``dropped`` attribute of a manifest item."""
    return _dump(_form(_Dropped).write(dropped))


def dropped_from_text(text: str) -> dict[str, DroppedTable]:
    """Read what ``dropped_to_text`` wrote."""
    dropped: dict[str, DroppedTable] = _form(_Dropped).read(json.loads(text))
    return dropped


def to_object(value: object) -> Json:
    """The JSON form of any of the engine's values."""
    kind: Any = type(value)
    return _form(kind).write(value)


_Tables = Mapping[str, TableVersion]
_Dropped = Mapping[str, DroppedTable]


def _same(value: Any) -> Any:  # noqa: ANN401 - any value
    return value


_SAME = _Form(_same, _same)
_INSTANTS = _Form(lru_cache(_MOST_INSTANTS)(to_text), lru_cache(_MOST_INSTANTS)(from_text))
"""A state has the same few instants many times."""
_NAMES = {**vars(effects_module), **vars(signals_module), **vars(state_module)}


def _dump(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@cache
def _form(kind: Any) -> _Form:  # noqa: ANN401, C901, PLR0911 - annotations are of any type; one return a form
    if isinstance(kind, NewType):
        return _form(kind.__supertype__)
    if kind is datetime:
        return _INSTANTS
    if kind is timedelta:
        return _Form(timedelta.total_seconds, lambda seconds: timedelta(seconds=seconds))
    if is_dataclass(kind):
        return _dataclass_form(kind)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in {Union, types.UnionType}:
        return _union_form(arguments)
    if origin is tuple:
        return _tuple_form(arguments)
    if origin is frozenset:
        return _Form(sorted, frozenset)
    if origin is not None and origin is not Literal:
        return _mapping_form(arguments)
    return _SAME


def _tuple_form(arguments: tuple[Any, ...]) -> _Form:
    if len(arguments) == 2 and arguments[1] is Ellipsis:  # noqa: PLR2004 - tuple[X, ...]
        item = _form(arguments[0])
        return _Form(
            lambda value: [item.write(v) for v in value],
            lambda value: tuple(item.read(v) for v in value),
        )
    return _Form(list, tuple)


def _mapping_form(arguments: tuple[Any, ...]) -> _Form:
    """JSON's keys are text: a run's number becomes one and comes back a number."""
    key, item = arguments[0], _form(arguments[1])
    read_key: Callable[[str], Any] = int if key is int else str
    return _Form(
        lambda value: {str(k): item.write(v) for k, v in value.items()},
        lambda value: {read_key(k): item.read(v) for k, v in value.items()},
    )


def _union_form(arguments: tuple[Any, ...]) -> _Form:
    members = [argument for argument in arguments if argument is not type(None)]
    if len(members) == 1:
        form = _form(members[0])
        return _Form(
            lambda value: None if value is None else form.write(value),
            lambda value: None if value is None else form.read(value),
        )
    return _tagged_form(members)


def _tagged_form(members: list[Any]) -> _Form:
    by_type = {member: (kind_of(member), _form(member)) for member in members}
    by_kind = dict(by_type.values())

    def write(value: Any) -> Json:  # noqa: ANN401 - any member of the union
        if value is None:
            return None
        kind, form = by_type[type(value)]
        return {"kind": kind, **form.write(value)}

    def read(value: Json) -> Any:  # noqa: ANN401 - any member of the union
        return None if value is None else by_kind[value["kind"]].read(value)

    return _Form(write, read)


def kind_of(member: type) -> str:
    """A member of a union as its text form names it: snake_case of the class."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", member.__name__).lower()


def _dataclass_form(kind: Any) -> _Form:  # noqa: ANN401 - any dataclass
    """A field called ``kind`` would collide with a union's tag: it travels as ``<field>_``
    (Triggered, Release).
    """
    hints = get_type_hints(kind, {**_NAMES, **vars(__import__(kind.__module__, fromlist=["x"]))})
    names = [field.name for field in fields(kind)]
    forms = [_form(hints[name]) for name in names]
    plan = [
        (_wire_name(field.name), form.write, _default(field))
        for field, form in zip(fields(kind), forms, strict=True)
    ]
    known = {_wire_name(name): (name, form.read) for name, form in zip(names, forms, strict=True)}
    held_by = _getter(names)

    def write(value: Any) -> Json:  # noqa: ANN401 - any dataclass
        written = {}
        for (wire, form, default), held in zip(plan, held_by(value), strict=True):
            if held is not default and held != default:
                written[wire] = held if form is _same else form(held)
        return written

    def read(value: Json) -> Any:  # noqa: ANN401 - any dataclass
        given = {}
        value = renewed(kind, value)
        for wire, held in value.items():
            if field := known.get(wire):
                name, form = field
                given[name] = held if form is _same else form(held)
        return kind(**given)

    return _Form(write, read)


def _getter(names: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    """The values of these fields, in one call."""
    match names:
        case []:
            return lambda _: ()
        case [name]:
            return lambda value: (getattr(value, name),)
        case _:
            return attrgetter(*names)


def _wire_name(name: str) -> str:
    return "kind_" if name == "kind" else name


_NO_DEFAULT = object()


def _default(field: Field[Any]) -> Any:  # noqa: ANN401 - any value
    if field.default is not MISSING:
        return field.default
    return field.default_factory() if field.default_factory is not MISSING else _NO_DEFAULT
