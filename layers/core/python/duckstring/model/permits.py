"""Permits of attempts: proof that the orchestrator has ordered an attempt.

A permit is made from a key that only the orchestrator and the vendor can read. It comes to an
attempt's worker with its order, and the vendor gives that attempt's credentials to nobody else. The
same attempt always has the same permit, so an effect that is performed again changes nothing.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from duckstring.model.names import Line

Purpose = Literal["run", "on_kill"]

KEY_BYTES = 32
_PERMIT_BYTES = 24
_LONGEST_NAME, _DIGEST = 64, 20


@dataclass(frozen=True, slots=True)
class AttemptName:
    """Which attempt: of a run, of one of its Ripples."""

    line: Line
    run: int
    ripple: str
    attempt: int

    @property
    def identity(self) -> str:
        """The same text for the same attempt only."""
        return "\n".join((self.line, str(self.run), self.ripple, str(self.attempt)))


def permit(key: bytes, attempt: AttemptName, purpose: Purpose = "run") -> str:
    """The permit of an attempt, or of the call of its ``on_kill``: 32 characters of
    ``A-Za-z0-9_-``.
    """
    made = hmac.digest(key, f"{purpose}\n{attempt.identity}".encode(), "sha256")
    return urlsafe_b64encode(made[:_PERMIT_BYTES]).decode()


def is_permit(given: str, key: bytes, attempt: AttemptName, purpose: Purpose = "run") -> bool:
    """Whether ``given`` is the permit, in constant time."""
    made = permit(key, attempt, purpose)
    return hmac.compare_digest(given.encode("utf-8", "replace"), made.encode())


def session_name(attempt: AttemptName) -> str:
    """The name of the session of AWS that an attempt has: at most 64 characters of
    ``A-Za-z0-9@._-``.

    It begins with words for people, who find it in CloudTrail. Its end is a digest, so that no two
    attempts have the same name. SQS gives it to the orchestrator with each letter of the attempt.
    """
    digest = sha256(attempt.identity.encode()).hexdigest()[:_DIGEST]
    words = f"{attempt.line}.{attempt.run}.{attempt.ripple}.{attempt.attempt}"
    return f"{words[: _LONGEST_NAME - _DIGEST - 1]}-{digest}"
