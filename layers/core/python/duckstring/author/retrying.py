"""When a Ripple is tried again in the same run: ``@ripple(retry_delay=..., retry_on=...)``.

``retry_on`` goes with the release as names of classes. Only the process of an attempt has the
exception and its bases, so it decides there, by the names.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence

from duckstring.author.errors import RippleError, shown
from duckstring.model.catalog import LONGEST_DELAY
from duckstring.model.durations import HINT, duration_in_words, seconds_of

MOST_ERRORS = 50
"""That one ``retry_on`` names."""
LONGEST_NAME = 200
_NAME = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
_RETRY_ON_HINT = 'Write retry_on=(TimeoutError, "requests.ConnectionError").'

RetryOn = type[BaseException] | str


def check_delay(called: str, text: object) -> int:
    """A Ripple's ``retry_delay`` in seconds; 0: it has none.

    Raises:
        RippleError: it is not a duration, or too long.
    """
    if text is None:
        return 0
    seconds = seconds_of(text)
    if seconds is None or seconds > LONGEST_DELAY.total_seconds():
        raise RippleError(
            f"Ripple {shown(called)}: retry_delay={shown(text)}; allowed: a duration over zero, of "
            f"at most {duration_in_words(LONGEST_DELAY)}.",
            hint=HINT,
        )
    return seconds


def check_errors(called: str, given: object) -> tuple[str, ...]:
    """A Ripple's ``retry_on`` as names of classes: ``builtins.TimeoutError`` for a class, and a
    name as it was given.

    Raises:
        RippleError: something in it is neither a class of errors nor a name.
    """
    if given is None:
        return ()
    several = isinstance(given, Sequence | set | frozenset) and not isinstance(given, str | bytes)
    found: Iterable[object] = given if several else (given,)  # type: ignore[assignment] # just looked at
    names = tuple(dict.fromkeys(_name(called, one) for one in found))
    if not names or len(names) > MOST_ERRORS:
        raise RippleError(
            f"Ripple {shown(called)}: retry_on names {len(names)} errors; allowed: 1 to "
            f"{MOST_ERRORS}.",
            hint="Without retry_on= it is tried again after every error.",
        )
    return names


def _name(called: str, one: object) -> str:
    if isinstance(one, type) and issubclass(one, BaseException):
        name = _full(one)
    elif isinstance(one, str) and _NAME.fullmatch(one):
        name = one
    else:
        raise RippleError(
            f"Ripple {shown(called)}: retry_on has {shown(one)}; allowed: classes of errors, and "
            "names of such.",
            hint=_RETRY_ON_HINT,
        )
    if len(name) > LONGEST_NAME:
        raise RippleError(
            f"Ripple {shown(called)}: retry_on has a name of {len(name)} characters; allowed: "
            f"{LONGEST_NAME}.",
            hint=_RETRY_ON_HINT,
        )
    return name


def names_any(retry_on: Sequence[str], kind: type[BaseException]) -> bool:
    """Whether one of the names is that of a class of errors, or of a class that it is based on.

    ``TimeoutError`` is any class of that name. ``requests.ConnectionError`` is the one that is
    defined there, or that the module has under that name.
    """
    bases = type.mro(kind)
    plain = {base.__name__ for base in bases}
    full = {_full(base) for base in bases}
    return any(name in full or name in plain or _from_module(name) in bases for name in retry_on)


def _full(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _from_module(name: str) -> object:
    """What an imported module has under the name. An error of a module that nobody has imported
    cannot have been raised.
    """
    module, _, attribute = name.rpartition(".")
    return getattr(sys.modules.get(module), attribute, None) if module else None
