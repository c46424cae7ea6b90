"""What the body of a request says, checked only as far as the client needs it: the Catchment checks
the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from duckstring_cli.errors import BadInputError

Body = Mapping[str, Any]


def text(body: Body, name: str) -> str:
    """A text that is not empty.

    Raises:
        BadInputError: it is something else.
    """
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise BadInputError(f"{name}: a text is needed.")
    return value


def optional_text(body: Body, name: str) -> str | None:
    """A text. None: it is left out, or empty.

    Raises:
        BadInputError: it is something else.
    """
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise BadInputError(f"{name}: {value!r} is not a text.")
    return value or None


def texts(body: Body, name: str) -> list[str] | None:
    """A list of texts. None: it is left out.

    Raises:
        BadInputError: it is something else.
    """
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise BadInputError(f"{name}: a list of texts is needed.")
    return value


def one_of(body: Body, name: str, allowed: tuple[str, ...]) -> str:
    """One of these words.

    Raises:
        BadInputError: it is something else.
    """
    value = body.get(name)
    if value not in allowed:
        raise BadInputError(f"{name}: {value!r} is not known; allowed: {', '.join(allowed)}.")
    return cast("str", value)


def whole(body: Body, name: str, *, least: int = 1) -> int:
    """A whole number from ``least``.

    Raises:
        BadInputError: it is something else.
    """
    value = body.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise BadInputError(f"{name}: {value!r} is not a whole number from {least}.")
    return value


def major(body: Body) -> int | None:
    """A major. None: it is left out.

    Raises:
        BadInputError: it is something else.
    """
    value = body.get("major")
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise BadInputError(f"major: {value!r} is not a whole number.")
    return value
