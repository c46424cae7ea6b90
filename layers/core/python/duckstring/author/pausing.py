"""How a Ripple says that it has nothing to do for a while."""

from __future__ import annotations

from duckstring.author.errors import RippleError
from duckstring.model.durations import HINT, seconds_of
from duckstring.model.pauses import grown

LONGEST = 7 * 86_400


class Paused(BaseException):
    """The Ripple is called again in ``seconds``. No ``Exception``: code that carries on after
    any error must not stay for this.
    """

    def __init__(self, seconds: int) -> None:
        """``seconds`` as the author asked for."""
        super().__init__(seconds)
        self.seconds = seconds


def asked(duration: str | None, pauses: int) -> int:
    """The seconds that ``pond.pause(duration)`` asks for after so many pauses.

    Raises:
        RippleError: that is not a duration, or one of over a week.
    """
    if duration is None:
        return grown(pauses)
    seconds = seconds_of(duration)
    if seconds is None or seconds > LONGEST:
        raise RippleError(
            f"pond.pause({duration!r}); allowed: a duration over zero, of at most 7d.", hint=HINT
        )
    return seconds
