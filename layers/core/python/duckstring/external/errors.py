"""How an external run, or a request about it, can go wrong."""

from __future__ import annotations

from collections.abc import Mapping

from duckstring.errors import DuckstringError


class ExternalError(DuckstringError):
    """Something about an external run; every error of ``duckstring.external`` that reaches an
    author is one.
    """


class ExternalRunFailedError(ExternalError):
    """The external run has ended, and not well: its own message word for word, and the link to its
    logs.

    ``run`` and ``url`` say which it was, ``word`` how the engine calls its end.
    """

    def __init__(self, message: str, *, run: str, url: str, word: str) -> None:
        """State which run ended how, and what the engine says of it."""
        super().__init__(message)
        self.run = run
        self.url = url
        self.word = word


class RefusedError(ExternalError):
    """The engine refused a request for good: the same request would be refused again.

    ``status`` and ``answer`` are those of HTTP, where it was HTTP.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        status: int = 0,
        answer: Mapping[str, object] | None = None,
    ) -> None:
        """State what was asked and what the engine says."""
        super().__init__(message, hint=hint)
        self.status = status
        self.answer = answer or {}


class AccessRefusedError(RefusedError):
    """The engine refused the caller, not the request: a token has expired, or a right is missing.

    It says nothing of a run. Somebody may mend it while the run goes on.
    """


class CancelRefusedError(ExternalError):
    """The external run was not cancelled; it may go on."""


class BusyError(ExternalError):
    """The engine did not answer, or had no time: the same request may work later. Never reaches an
    author.

    ``in_doubt``: the request may have been carried out all the same. ``wait``: seconds that the
    engine asks for.
    """

    def __init__(self, message: str, *, in_doubt: bool, wait: float = 0.0, hint: str = "") -> None:
        """State what was asked and what came instead of an answer."""
        super().__init__(message, hint=hint)
        self.in_doubt = in_doubt
        self.wait = wait


class UnknownRunError(RefusedError):
    """The engine does not know what was asked for: a run that is not there yet, or no longer."""


class UnreadableError(RefusedError):
    """What answered is most likely not the engine, but a proxy or a login page. It says nothing
    of a run.
    """
