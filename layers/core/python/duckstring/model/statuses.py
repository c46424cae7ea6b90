"""The statuses of lines, in one word each, in the order in which lists of lines have them: those
that need somebody, those that take care of themselves, those at rest.

``stale`` is a line that is idle, and whose data has passed its bound.
"""

from __future__ import annotations

from typing import Literal, get_args

Unrest = Literal["failed", "killed", "stale", "running", "blocked", "waiting"]
"""Of a line that is not at rest."""
StatusWord = Literal[Unrest, "undeployed", "idle"]
UNREST: tuple[Unrest, ...] = get_args(Unrest)
STATUSES: tuple[StatusWord, ...] = get_args(StatusWord)
