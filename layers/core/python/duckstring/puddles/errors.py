"""What can be wrong with a Pond's Puddles, and with a run on its author's machine."""

from __future__ import annotations

from collections.abc import Sequence

from duckstring.errors import AuthorError, OperatorError


class PuddleError(AuthorError):
    """What is wrong with a project's Puddles: ``faults`` holds one line for each."""

    def __init__(self, faults: Sequence[str], *, hint: str = "") -> None:
        """Tell ``faults``, in the order of the file."""
        super().__init__("\n".join(faults), hint=hint)
        self.faults = tuple(faults)


class CodeFailedError(OperatorError):
    """Code of the author's raised. ``traceback`` has the author's frames."""

    def __init__(self, message: str, *, hint: str = "", traceback: str = "") -> None:
        """State what failed, and where."""
        super().__init__(message, hint=hint)
        self.traceback = traceback
