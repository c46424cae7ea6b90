"""Text forms of the engine's values: the state item, the outbox, letters, releases, manifests.

The values are structs (``model/values.py``), so msgspec reads and writes them by their annotations.
docs/protocol.md shows the forms.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from duckstring.adapters.aws.older import renewed_outbox, renewed_signal, renewed_state
from duckstring.engine.effects import Effect
from duckstring.engine.limits import GrantTokens, LimitSignal, LimitState
from duckstring.engine.signals import Deployed, Signal, WindowAdded
from duckstring.engine.state import PondState, Positions
from duckstring.model.catalog import DroppedTable, Release, TableVersion
from duckstring.model.checks import CheckWarning
from duckstring.model.names import Address, Line
from duckstring.model.schema import CALENDAR_SCHEMA, KIND_SCHEMAS, LIMIT_SCHEMA, RETRY_SCHEMA
from duckstring.model.values import kind_of
from duckstring.model.wire import storable

Json = Any

_FORM = '{"form":2,'
"""How the text of a state begins. One that does not is of the release before."""

_encoder = msgspec.json.Encoder()
# Not strict: durations were numbers of seconds once.
_state = msgspec.json.Decoder(PondState, strict=False)
_outbox = msgspec.json.Decoder(tuple[Effect, ...], strict=False)
_limit = msgspec.json.Decoder(LimitState)
_grants = msgspec.json.Decoder(tuple[GrantTokens, ...])
_release = msgspec.json.Decoder(Release)
_tables = msgspec.json.Decoder(dict[str, TableVersion])
_dropped = msgspec.json.Decoder(dict[str, DroppedTable])
_warnings = msgspec.json.Decoder(tuple[CheckWarning, ...])
_positions = msgspec.json.Decoder(dict[str, Positions])


def state_to_text(state: PondState) -> str:
    """The ``state`` attribute of a line's item."""
    return f"{_FORM}{_dump(state)[1:]}"


def state_from_text(text: str) -> PondState:
    """Read what ``state_to_text`` wrote, here or in the release before."""
    if text.startswith(_FORM):
        return _state.decode(text)
    return msgspec.convert(renewed_state(json.loads(text)), PondState, strict=False)


def outbox_to_text(outbox: tuple[Effect, ...]) -> str:
    """The ``outbox`` attribute of a line's item."""
    return _dump(outbox)


def outbox_from_text(text: str, line: Line) -> tuple[Effect, ...]:
    """Read what ``outbox_to_text`` wrote, here or in the release before; ``line`` is its own."""
    if '"reason":' not in text:
        return _outbox.decode(text)
    outbox: tuple[Effect, ...] = msgspec.convert(
        renewed_outbox(json.loads(text), line), tuple[Effect, ...], strict=False
    )
    return outbox


def limit_to_text(state: LimitState) -> str:
    """The ``state`` attribute of a limit's item."""
    return _dump(state)


def limit_from_text(text: str) -> LimitState:
    """Read what ``limit_to_text`` wrote."""
    return _limit.decode(text)


def grants_to_text(grants: tuple[GrantTokens, ...]) -> str:
    """The ``outbox`` attribute of a limit's item."""
    return _dump(grants)


def grants_from_text(text: str) -> tuple[GrantTokens, ...]:
    """Read what ``grants_to_text`` wrote."""
    return _grants.decode(text)


def letter(to: Address, signal: Signal | LimitSignal) -> str:
    """The body of a mailbox message."""
    # ASCII: SQS refuses some characters that an author's message may hold.
    form = to_object(signal)
    if schema := schema_of(signal):
        form["schema"] = schema
    return json.dumps({"to": to, **form}, separators=(",", ":"))


def schema_of(signal: Signal | LimitSignal) -> int:
    """What the reader of its letter must know. 0: what every reader that refuses newer ones
    knows.
    """
    if isinstance(signal, WindowAdded) and signal.window.is_calendar:
        return CALENDAR_SCHEMA
    if isinstance(signal, Deployed) and any(spec.uses for spec in signal.release.ripples):
        return LIMIT_SCHEMA
    if isinstance(signal, Deployed) and any(
        one.retry_delay_seconds or one.retry_on for one in signal.release.ripples
    ):
        return RETRY_SCHEMA
    return KIND_SCHEMAS.get(kind_of(type(signal).__name__), 0)


def read_letter(body: str) -> tuple[Line, Signal, dict[str, Json]]:
    """The addressee, the signal, and the whole object (a gate's task token is not part of the
    signal).

    Raises:
        ValueError, KeyError, TypeError: the body is not a letter.
    """
    whole = json.loads(body)
    return Line(whole["to"]), signal_of(whole), whole


def signal_of(whole: Json) -> Signal:
    """The signal in a letter's object.

    Raises:
        ValueError: it has none.
    """
    try:
        signal: Signal = msgspec.convert(renewed_signal(whole), Signal, strict=False)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from error
    return signal


def limit_signal_of(whole: Json) -> LimitSignal:
    """The signal in the object of a letter to a limit.

    Raises:
        ValueError: it has none.
    """
    try:
        signal: LimitSignal = msgspec.convert(whole, LimitSignal)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from error
    return signal


def release_to_text(release: Release) -> str:
    """The ``release`` attribute of catalog items."""
    return _dump(release)


def release_from_text(text: str) -> Release:
    """Read what ``release_to_text`` wrote."""
    return _release.decode(text)


def tables_to_text(tables: Mapping[str, TableVersion]) -> str:
    """The ``tables`` attribute of a manifest item."""
    return _dump(tables)


def tables_from_text(text: str) -> dict[str, TableVersion]:
    """Read what ``tables_to_text`` wrote."""
    return _tables.decode(text)


def dropped_to_text(dropped: Mapping[str, DroppedTable]) -> str:
    """The ``dropped`` attribute of a manifest item."""
    return _dump(dropped)


def dropped_from_text(text: str) -> dict[str, DroppedTable]:
    """Read what ``dropped_to_text`` wrote."""
    return _dropped.decode(text)


def positions_to_text(positions: Mapping[str, Positions]) -> str:
    """The ``positions`` attribute of a manifest item."""
    return _dump(positions)


def positions_from_text(text: str) -> dict[str, Positions]:
    """Read what ``positions_to_text`` wrote."""
    return _positions.decode(text)


def warnings_to_text(warnings: tuple[CheckWarning, ...]) -> str:
    """The ``warnings`` attribute of a manifest item, and of a run's row of history."""
    return _dump(warnings)


def warnings_from_text(text: str) -> tuple[CheckWarning, ...]:
    """Read what ``warnings_to_text`` wrote."""
    return _warnings.decode(text)


def to_object(value: object) -> Json:
    """The JSON form of any of the engine's values."""
    return msgspec.to_builtins(value, str_keys=True)


def _dump(value: object) -> str:
    try:
        return _encoder.encode(value).decode()
    except UnicodeEncodeError:  # a lone surrogate: nothing can store it
        return json.dumps(storable(to_object(value)), ensure_ascii=False)
