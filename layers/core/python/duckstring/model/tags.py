"""Tags of Ponds: ``team=sales``. They belong to the Catchment's operators, and no run depends on
them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from duckstring.errors import OperatorError
from duckstring.model.wire import shown

Tags = Mapping[str, str]
"""The tags of one Pond, value by key."""

MOST_TAGS = 10
"""Of one Pond."""
KEY_RULE = "a lower-case letter, then up to 31 of a-z 0-9 _ -"
VALUE_RULE = "1 to 63 of a-z 0-9 _ - ."
_KEY = re.compile(r"[a-z][a-z0-9_-]{0,31}", re.ASCII)
_VALUE = re.compile(r"[a-z0-9_.-]{1,63}", re.ASCII)
_MOST_SHOWN = 80
_EXAMPLE = "Write it as team=sales."


class TagError(OperatorError):
    """A tag that is none, or one too many."""


class NoTagError(TagError):
    """A tag that the Pond does not have."""


def parse(text: str) -> tuple[str, str]:
    """``team=sales`` as its key and value; ``team=`` has an empty value.

    Raises:
        TagError: it is none.
    """
    key, equals, value = text.partition("=")
    if not equals:
        raise TagError(f"{shown(text, _MOST_SHOWN, text_form=repr)} is not a tag.", hint=_EXAMPLE)
    check_key(key)
    if value:
        check_value(value)
    return key, value


def selection(texts: Iterable[str]) -> dict[str, str]:
    """The tags that all must hold.

    Raises:
        TagError: one is no tag, has no value, or asks for two values of one key.
    """
    wanted: dict[str, str] = {}
    for text in texts:
        key, value = parse(text)
        if not value:
            raise TagError(f"Tag {key!r} has no value to select by.", hint=_EXAMPLE)
        if wanted.setdefault(key, value) != value:
            raise TagError(f"No Pond has {key}={wanted[key]} and {key}={value} at once.")
    return wanted


def check_key(key: str) -> None:
    """Refuse what is no key.

    Raises:
        TagError: it is none.
    """
    if not _KEY.fullmatch(key):
        found = shown(key, _MOST_SHOWN, text_form=repr)
        raise TagError(f"The key of a tag is {found}; allowed: {KEY_RULE}.", hint=_EXAMPLE)


def check_value(value: str) -> None:
    """Refuse what is no value.

    Raises:
        TagError: it is none.
    """
    if not _VALUE.fullmatch(value):
        found = shown(value, _MOST_SHOWN, text_form=repr)
        raise TagError(f"The value of a tag is {found}; allowed: {VALUE_RULE}.", hint=_EXAMPLE)


def holds(tags: Tags, wanted: Tags) -> bool:
    """Whether a Pond has all that is wanted."""
    return all(tags.get(key) == value for key, value in wanted.items())
