"""Settings that are read from the Catchment's environment when they are used: secrets never
stand in a Pond's code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


class HasEnv(Protocol):
    """What reads the environment: the Pond."""

    def env(self, name: str, /) -> str:
        """The value of a secret or variable of the Catchment."""


@dataclass(frozen=True, slots=True)
class Env:
    """The name of a secret or variable of the Catchment, read each time it is used.

    Args:
        name: of a secret (``duckstring secret set``), or in the environment file.
        template: the text that the value is put into, at ``{}``: ``Env("API_TOKEN", "Bearer {}")``.
    """

    name: str
    template: str = "{}"

    def read(self, pond: HasEnv) -> str:
        """The text.

        Raises:
            EnvironmentMissingError: neither a secret nor a variable has the name.
        """
        return self.template.replace("{}", pond.env(self.name))


Text = str | Env
"""A text, or the name of one."""


def text(value: Text, pond: HasEnv) -> str:
    """The text that a setting stands for."""
    return value.read(pond) if isinstance(value, Env) else value


def called(value: Text) -> str:
    """What a setting is called where its value must not matter: the text, or the name of the
    ``Env``.
    """
    return value.name if isinstance(value, Env) else value


def placed(written: str, places: Mapping[str, str]) -> str:
    """A text with what belongs at its places: ``{key}``, ``{id}``."""
    for place, value in places.items():
        written = written.replace(f"{{{place}}}", value)
    return written


def filled(value: object, pond: HasEnv, places: Mapping[str, str]) -> object:
    """A value as JSON has it, each ``Env`` in it read, and the places filled in what its author
    wrote. What an ``Env`` stands for stays as it is.
    """
    match value:
        case Env():
            return Env(value.name, placed(value.template, places)).read(pond)
        case str():
            return placed(value, places)
        case Mapping():
            return {name: filled(one, pond, places) for name, one in value.items()}
        case list() | tuple():
            return [filled(one, pond, places) for one in value]
        case _:
            return value


def texts(values: Mapping[str, Text], pond: HasEnv, places: Mapping[str, str]) -> dict[str, str]:
    """Headers, filled."""
    return {name: str(filled(value, pond, places)) for name, value in values.items()}
