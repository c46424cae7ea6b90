"""The error tree, branched by who must act. Standard library only: the floor of the house."""

from __future__ import annotations


class DuckstringError(Exception):
    """One clear line (``message``) and what to do about it (``hint``)."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        """State what was attempted and found (``message``), and what to do (``hint``)."""
        super().__init__(message)
        self.message = message
        self.hint = hint


class AuthorError(DuckstringError):
    """The Pond is wrong: its author fixes it. Never retried."""


class OperatorError(DuckstringError):
    """The request is wrong: the caller changes it."""


class TransientError(DuckstringError):
    """The world was busy: the same call may work later."""


class InvariantError(DuckstringError):
    """We broke our own rule. A bug: report it."""


class StateConflictError(TransientError):
    """Another delivery committed this line's state first."""


class StateTooLargeError(OperatorError):
    """A line's state and outbox would be larger than an item may be."""
