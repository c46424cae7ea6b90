"""The error classes, divided by who must act. Uses the standard library only."""

from __future__ import annotations

from collections.abc import Iterable


class DuckstringError(Exception):
    """An error with one clear line (``message``) and what to do about it (``hint``)."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        """State what was attempted and found (``message``), and what to do (``hint``)."""
        super().__init__(message)
        self.message = message
        self.hint = hint


class AuthorError(DuckstringError):
    """The Pond is wrong, and its author fixes it. Never retried."""


class OperatorError(DuckstringError):
    """The request is wrong, and the caller changes it."""


class TransientError(DuckstringError):
    """AWS was busy or did not answer. The same call may work later."""


class InvariantError(DuckstringError):
    """A rule of our own was broken. This is a bug: report it."""


class StateConflictError(TransientError):
    """Another delivery committed this line's state first."""


class StateTooLargeError(OperatorError):
    """A line's state and outbox would be larger than an item may be."""


def nearest(
    word: str, known: Iterable[str], form: str = "Did you mean {!r}?", *, cutoff: float = 0.6
) -> str:
    """A question about a mistyped name: ``Did you mean 'sales'?``.

    Args:
        word: what was written.
        known: the existing names.
        form: the question, with a place for the name, where it is part of a longer sentence.
        cutoff: how alike the two must be, from 0 to 1.

    Returns:
        The question about the known name that is most like ``word``; empty if none is.
    """
    found = alike(word, known, most=1, cutoff=cutoff)
    return form.format(found[0]) if found else ""


def alike(word: str, known: Iterable[str], *, most: int, cutoff: float = 0.6) -> list[str]:
    """Of the ``known`` names, at most ``most`` that are like ``word``, the most alike first."""
    from difflib import get_close_matches  # noqa: PLC0415 - no function pays for it before a refusal

    return get_close_matches(word, list(known), n=most, cutoff=cutoff)
