"""Env values: variables of Ripples whose values may be shown. They are a part of the Catchment's
secret, so that an attempt is given them with its secrets: nothing more is read, or paid for.

``{"@@": {"REGION": "eu"}, "@@sales": {"LEVEL": "debug"}}``: every Pond has ``REGION``, only
``sales`` has ``LEVEL``. No Pond's name begins with ``@``, so releases without env values take
these parts for those of a Pond that nobody has, and keep them.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from duckstring.model.secret_entries import (
    ENV,
    MOST_BYTES,
    POND,
    RESERVED,
    Entry,
    SecretEntryError,
    check_name,
    granted,
    listed,
    owners_as_options,
    owners_in_words,
    parse_secret,
    with_entry,
    without_entry,
    written,
)

TAKEN = ("PATH", "HOME", "TMPDIR")
"""Variables that the machine itself needs: no env value takes their place."""


@dataclass(frozen=True, slots=True)
class Granted:
    """What a Pond is given: secrets, and env values. No name is in both."""

    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EnvEntry:
    """One env value. ``is_secret``: a Pond that sees it also sees a secret of its name."""

    entry: Entry
    value: str
    is_secret: bool = False

    @property
    def is_passed_on(self) -> bool:
        """Whether Ripples see it, where no secret of its name counts."""
        return self.entry.is_passed_on and self.entry.name not in TAKEN


def granted_both(text: str, pond: str) -> Granted:
    """What a Pond sees of the Catchment's secret. A secret counts over an env value of its name.

    Raises:
        OperatorError: the secret has another form.
    """
    secrets = granted(text, pond)
    values = granted(json.dumps(part), pond) if (part := env_part(text)) else {}
    return Granted(
        secrets,
        {
            name: value
            for name, value in values.items()
            if name not in secrets and not is_taken(name)
        },
    )


def is_taken(name: str) -> bool:
    """Whether the machine itself sets variables of this name."""
    return name in TAKEN or name.startswith(RESERVED)


def env_part(text: str) -> dict[str, Any]:
    """The env values, in the form of a secret that has nothing else.

    Raises:
        OperatorError: the secret has another form.
    """
    parts = {key: held for key, held in parse_secret(text).items() if key.startswith(ENV)}
    of_all = parts.pop(ENV, {})
    # No variable begins so: who wrote it here by another tool did not mean a Pond.
    found = {name: value for name, value in of_all.items() if not name.startswith(POND)}
    return found | {POND + key.removeprefix(ENV): held for key, held in parts.items()}


def check_env_name(name: str) -> None:
    """Refuse a name that no env value can have.

    Raises:
        SecretEntryError: it is no variable's, or the machine sets it.
    """
    check_name(name)
    if name in TAKEN:
        raise SecretEntryError(
            f"{name} cannot be set: the machine itself needs it as it is.",
            hint="Choose another name, and give it to what needs it in your code.",
        )


def check_no_secret(text: str, name: str) -> None:
    """Refuse a name that is a secret's of any Pond: a name means one thing in a Catchment.

    Raises:
        SecretEntryError: it is.
        OperatorError: the secret has another form.
    """
    if ponds := [one.pond for one in listed(text) if one.name == name]:
        raise SecretEntryError(
            f"{name} is a secret of {owners_in_words(ponds)}, so it cannot be an env value.",
            hint=f"Choose another name, or remove the secret: duckstring secret rm {name} "
            f"{owners_as_options(ponds)}",
        )


def check_no_env(text: str, name: str) -> None:
    """Refuse a name that is an env value's of any Pond.

    Raises:
        SecretEntryError: it is.
        OperatorError: the secret has another form.
    """
    if ponds := [one.entry.pond for one in env_listed(text) if one.entry.name == name]:
        raise SecretEntryError(
            f"{name} is an env value of {owners_in_words(ponds)}, so it cannot be a secret.",
            hint=f"Choose another name, or remove the env value: duckstring env rm {name} "
            f"{owners_as_options(ponds)}",
        )


def with_secret(text: str, name: str, value: str, ponds: Collection[str] = ()) -> str:
    """``with_entry``, where no env value has that name.

    Raises:
        SecretEntryError: one has, or see ``with_entry``.
        OperatorError: the secret has another form.
    """
    check_no_env(text, name)
    return with_entry(text, name, value, ponds)


def with_env(text: str, name: str, value: str, ponds: Collection[str] = ()) -> str:
    """The secret with an env value that is seen by these Ponds alone; by every Pond if there are
    none given. The same text if nothing changes.

    Raises:
        SecretEntryError: the name is not allowed or a secret's, or all would be larger than a
            secret may be.
        OperatorError: the secret has another form.
    """
    check_env_name(name)
    check_no_secret(text, name)
    if len(value.encode()) > MOST_BYTES:
        raise SecretEntryError(
            f"The value of {name} has {len(value.encode()):,} bytes; all secrets and env values "
            f"together may have {MOST_BYTES:,}.",
            hint="Keep what is large elsewhere, and here where it is.",
        )
    part = json.dumps(env_part(text))
    changed = with_entry(part, name, value, ponds)
    return text if changed == part else _joined(text, changed)


def without_env(text: str, name: str, ponds: Collection[str] = ()) -> str:
    """The secret without an env value of these Ponds; without the one of every Pond if there are
    none given.

    Raises:
        SecretEntryError: one of them has no such value.
        OperatorError: the secret has another form.
    """
    part = json.dumps(env_part(text))
    return _joined(text, without_entry(part, name, ponds, see="duckstring env ls"))


def env_listed(text: str) -> tuple[EnvEntry, ...]:
    """All env values, those that every Pond sees first.

    Raises:
        OperatorError: the secret has another form.
    """
    part = env_part(text)
    secrets = [(one.name, one.pond) for one in listed(text)]
    return tuple(
        EnvEntry(
            one,
            _as_text((part.get(POND + one.pond, {}) if one.pond else part)[one.name]),
            any(
                name == one.name and ("" in {pond, one.pond} or pond == one.pond)
                for name, pond in secrets
            ),
        )
        for one in listed(json.dumps(part))
    )


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _joined(text: str, part: str) -> str:
    """The secret with these env values in the place of its own."""
    kept = {key: held for key, held in parse_secret(text).items() if not key.startswith(ENV)}
    held = parse_secret(part)
    of_all = {name: value for name, value in held.items() if not name.startswith(POND)}
    of_ponds = {
        ENV + key.removeprefix(POND): values for key, values in held.items() if key.startswith(POND)
    }
    return written(kept | ({ENV: of_all} if of_all else {}) | of_ponds)
