"""What the api says of the Catchment itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, NotRequired, TypedDict

if TYPE_CHECKING:
    from duckstring.model.answers.common import FindingKind, HoldTold


class LineFinding(TypedDict):
    """What is wrong with a line."""

    kind: FindingKind
    line: str
    since: str | None
    message: str
    hint: str


class DoctorAnswer(TypedDict):
    """``doctor``: runs in flight, how many of them were looked at, and what was found.
    ``maintenance``: who holds new runs, if somebody does.
    """

    now: str
    lines: int
    runs: int
    looked_at: int
    findings: list[LineFinding]
    maintenance: NotRequired[HoldTold | None]


class HelloAnswer(TypedDict):
    """``hello``."""

    catchment: str
    version: str
    table: str
    bucket: str
    lines: int
