"""What a check finds, one line each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict

from duckstring.model.foreign import for_terminal

Level = Literal["error", "warning", "note"]
"""An error would fail, a warning may, a note says what cannot be known."""


class FindingRow(TypedDict):
    """A finding as JSON."""

    level: Level
    pond: str
    where: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found. ``where``: file, line and column, as far as they are known."""

    level: Level
    pond: str
    where: str
    message: str
    hint: str = ""

    def line(self) -> str:
        """Everything on one line, without the level."""
        where = f"{self.where}: " if self.where else ""
        return " ".join(for_terminal(f"{where}{self.message} {self.hint}").split())

    def row(self) -> FindingRow:
        """As JSON."""
        return {
            "level": self.level,
            "pond": self.pond,
            "where": self.where,
            "message": self.message,
            "hint": self.hint,
        }


def would_fail(findings: Sequence[Finding]) -> bool:
    """Whether a deploy, or a run, would fail."""
    return any(one.level == "error" for one in findings)
