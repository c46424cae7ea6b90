"""What one try of a Ripple remembers: small values that outlive its attempts, pauses and
workers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

from duckstring.author.errors import MemoError
from duckstring.errors import TransientError

MOST_BYTES = 64 * 1024
"""Of all keys and values of one try together, as JSON in UTF-8."""


class SupersededError(TransientError):
    """A later attempt of the same Ripple has looked at what this one wants to remember."""

    def __init__(self, attempt: int) -> None:
        """``attempt`` is the late one."""
        super().__init__(
            (
                f"Attempt {attempt} is not the latest any more: another one has taken over what it "
                "remembers."
            ),
            hint="Nothing is to be done: the later attempt goes on.",
        )


class Memory(Protocol):
    """Where it is kept, for one try of one Ripple of one run, on behalf of one attempt."""

    def entries(self) -> Mapping[str, str]:
        """All that is remembered: key to JSON text.

        Raises:
            SupersededError: a later attempt was here.
        """

    def keep(self, key: str, text: str) -> None:
        """Remember one value, JSON text.

        Raises:
            SupersededError: a later attempt was here.
        """


class Memo:
    """The same as values. Asked once of ``Memory``, then kept: nobody else writes while this
    attempt is the latest.
    """

    def __init__(self, memory: Memory) -> None:
        """Nothing is asked before it is needed: most Ripples remember nothing."""
        self._memory = memory
        self._known: dict[str, str] | None = None

    def recall(self, key: str, default: object) -> Any:  # noqa: ANN401 - what the author has remembered, of whatever kind
        """The value under ``key``."""
        text = self._entries().get(_checked(key))
        return default if text is None else json.loads(text)

    def remember(self, key: str, value: object) -> None:
        """Keep a value. What is kept already costs nothing to keep again."""
        known, text = self._entries(), _text(_checked(key), value)
        if known.get(key) == text:
            return
        _check_size(key, {**known, key: text})
        self._memory.keep(key, text)
        known[key] = text

    def known(self) -> Mapping[str, Any]:
        """All that is remembered."""
        return {key: json.loads(text) for key, text in self._entries().items()}

    def _entries(self) -> dict[str, str]:
        if self._known is None:
            self._known = dict(self._memory.entries())
        return self._known


def _checked(key: object) -> str:
    if not isinstance(key, str) or not key:
        raise MemoError(
            f"pond.remember and pond.recall take a name, not {key!r}.",
            hint='Write pond.remember("run_id", 7).',
        )
    return key


def _text(key: str, value: object) -> str:
    try:
        return json.dumps(value, separators=(",", ":"), sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise MemoError(
            (
                f"pond.remember({key!r}) was given a {type(value).__name__} that cannot be JSON: "
                f"{error}."
            ),
            hint="Remember text, numbers, true and false, None, and lists and objects of them.",
        ) from error


def _check_size(key: str, entries: Mapping[str, str]) -> None:
    size = sum(len(name.encode()) + len(text.encode()) for name, text in entries.items())
    if size > MOST_BYTES:
        raise MemoError(
            (
                f"pond.remember({key!r}): this Ripple would remember {size} bytes; allowed: "
                f"{MOST_BYTES} together."
            ),
            hint="Remember ids and addresses; data is for pond.write_table.",
        )
