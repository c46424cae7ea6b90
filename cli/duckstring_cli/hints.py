"""A command that a message names acts on the Catchment that the user's own command named: by the
same option, added here.

A message is written without knowing how the user calls the Catchment.
"""

from __future__ import annotations

import re
import shlex
from typing import Any

_COMMAND = re.compile(r"\bduckstring((?: \w[\w-]*)+)(?![\w|-])")
_BY_WORD = {"start", "stop", "env", "configure"}
"""Commands of ``duckstring catchment`` that take the name as a word, and mean the default one
without it.
"""


class _Named:
    catchment: str | None = None


def acts_on(catchment: str | None) -> str | None:
    """Remember the Catchment that this command line names. Gives it back: a callback of the
    option.
    """
    _Named.catchment = catchment or _Named.catchment
    return catchment


def forget() -> None:
    """A new command line begins."""
    _Named.catchment = None


def addressed(text: str) -> str:
    """The text, each command in it with the Catchment that was named; as it is where none was."""
    if _Named.catchment is None or "duckstring " not in text:
        return text
    name = shlex.quote(_Named.catchment)
    return _COMMAND.sub(
        lambda found: _with(name, found[1].split(), text[found.end() :], found[0]), text
    )


def _with(name: str, words: list[str], rest: str, as_it_was: str) -> str:
    """``rest``: what follows in the text, other commands included."""
    arguments = " ".join(words) + re.split(r"\n|\bduckstring ", rest, maxsplit=1)[0]
    if re.search(r" (-c|--catchment|--help)\b", arguments):
        return as_it_was
    leaf, at = _leaf(words)
    if leaf is None:
        return as_it_was
    if words[0] == "catchment":
        is_meant = (
            words[at - 1] in _BY_WORD and len(words) == at and not re.match(r" [\w<'{]", rest)
        )
        return f"{as_it_was} {name}" if is_meant else as_it_was
    if any(one.name == "catchment" for one in leaf.params):
        return " ".join(["duckstring", *words[:at], "-c", name, *words[at:]])
    return as_it_was


def _leaf(words: list[str]) -> tuple[Any, int]:
    """The command that the words name, and how many of them do; None: a group, or no command of
    ours.
    """
    from duckstring_cli.groups import whole

    command = whole()
    at = 0
    while commands := getattr(command, "commands", None):
        if at >= len(words) or words[at] not in commands:
            is_alone = getattr(command, "invoke_without_command", False) and at > 0
            return (command, at) if is_alone else (None, at)
        command, at = commands[words[at]], at + 1
        if hasattr(command, "commands") and any(
            one.param_type_name == "argument" for one in command.params
        ):
            at += 1  # trigger window POND add
    return command, at
