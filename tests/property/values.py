"""Hypothesis makes any of the engine's values out of its annotations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import get_args

import msgspec
from hypothesis import strategies as st

# Their classes are registered below.
import duckstring.engine.effects
import duckstring.engine.signals  # noqa: F401
from duckstring.model.instants import NEVER
from duckstring.model.values import Value

_dates = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)).map(  # noqa: DTZ001
    lambda at: at.replace(tzinfo=UTC)
)
_instants = st.sampled_from([NEVER, NEVER + timedelta(microseconds=1)]) | _dates


def _kinds(base: type[Value]) -> Iterator[type[Value]]:
    for kind in base.__subclasses__():
        yield kind
        yield from _kinds(kind)


def _any(kind: type[Value]) -> st.SearchStrategy[Value]:
    fields = msgspec.structs.fields(kind)
    return st.builds(kind, **{field.name: st.from_type(field.type) for field in fields})


def register() -> None:
    """``st.from_type`` knows the engine's values from here on."""
    st.register_type_strategy(datetime, _instants)
    # JSON has neither; amounts are cut where they come in (model/costs.py).
    st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False))
    st.register_type_strategy(timedelta, st.timedeltas(timedelta(0), timedelta(days=400)))
    st.register_type_strategy(
        Mapping, lambda kind: st.dictionaries(*map(st.from_type, get_args(kind)), max_size=3)
    )
    for kind in _kinds(Value):
        st.register_type_strategy(kind, _any)
