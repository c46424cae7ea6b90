"""The Catchment's secret: one JSON object, with the entries of all Ponds and of single ones.

``{"TOKEN": "...", "@sales": {"PASSWORD": "..."}}``: every Pond has ``TOKEN``, only ``sales`` has
``PASSWORD``. A Pond's own entry counts where both have one of its name. What begins with ``@@``
is env values (``env_entries.py``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from duckstring.errors import OperatorError, nearest

POND = "@"
"""What the name of a Pond's own entries begins with. No variable's name can."""

ENV = "@@"
"""What the keys of env values begin with."""

RESERVED = ("AWS_", "DUCKSTRING_", "LAMBDA_", "PYTHON", "LD_")
"""What the names of variables begin with that the machine itself sets. No entry of such a name
becomes a variable.
"""
MOST_BYTES = 65_536
"""So large may a secret of Secrets Manager be."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}\Z")
_SHOWN = 60
_HINT = "See its form in docs/aws.md, and set entries by: duckstring secret set NAME --pond POND"


def parse_secret(text: str) -> dict[str, Any]:
    """The object in a secret; empty: nothing was ever put into it.

    Raises:
        OperatorError: it has another form.
    """
    try:
        found = json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise OperatorError("The Catchment's secret is not a JSON object.", hint=_HINT)
    for name, value in found.items():
        if name.startswith(POND) and not isinstance(value, dict):
            raise OperatorError(
                f"The Catchment's secret has {name} that is not a JSON object.", hint=_HINT
            )
    return found


def granted(text: str, pond: str) -> dict[str, str]:
    """The entries that a Pond sees. What is not text is given as JSON.

    Raises:
        OperatorError: the secret has another form.
    """
    found = parse_secret(text)
    everybody = {name: value for name, value in found.items() if not name.startswith(POND)}
    return _texts({**everybody, **found.get(POND + pond, {})})


class SecretEntryError(OperatorError):
    """An entry that cannot be set, or is not there. The line never has a value."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry, without its value.

    ``pond``: who sees it; empty: every Pond. ``others``: who else has an entry of that name,
    written in the same way.
    """

    name: str
    pond: str
    others: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """Where it is in the secret: ``TOKEN``, ``@sales.TOKEN``."""
        return f"{POND}{self.pond}.{self.name}" if self.pond else self.name

    @property
    def is_passed_on(self) -> bool:
        """Whether Ripples see it: no entry takes the place of what the machine sets."""
        return not self.name.startswith(RESERVED)


def check_name(name: str) -> None:
    """Refuse a name that no variable of a Ripple can have.

    Raises:
        SecretEntryError: it is none, or the machine sets such variables.
    """
    if not _NAME.match(name):
        # Who types NAME=VALUE would not want to see the value again.
        shown = name.partition("=")[0][:_SHOWN]
        raise SecretEntryError(
            f"{shown!r}{' with what follows it' if shown != name else ''} is not the name of a "
            "variable.",
            hint="Allowed: letters, digits and _, no digit first, at most 128 characters.",
        )
    if reserved := next(filter(name.startswith, RESERVED), None):
        raise SecretEntryError(
            f"{name} cannot be set: the machine itself sets what begins with {reserved}.",
            hint="Choose another name, and give it to what needs it in your code.",
        )


def with_entry(text: str, name: str, value: str, ponds: Collection[str] = ()) -> str:
    """The secret with an entry that is seen by these Ponds alone; by every Pond if there are none
    given. The same text if nothing changes.

    Raises:
        SecretEntryError: the name is not allowed, or all would be larger than a secret may be.
        OperatorError: the secret has another form.
    """
    check_name(name)
    found, before = parse_secret(text), parse_secret(text)
    for entries in _places(found, ponds):
        entries[name] = value
    if found == before:
        return text
    return written(found)


def with_all(text: str, other: str) -> str:
    """The secret with all entries of another one, over its own of the same names. The same text if
    nothing changes.

    Raises:
        SecretEntryError: all would be larger than a secret may be.
        OperatorError: one of them has another form.
    """
    found, before = parse_secret(text), parse_secret(text)
    for name, value in parse_secret(other).items():
        if name.startswith(POND):
            found.setdefault(name, {}).update(value)
        else:
            found[name] = value
    return text if found == before else written(found)


def written(found: Mapping[str, Any]) -> str:
    """The secret as text.

    Raises:
        SecretEntryError: it is larger than a secret may be.
    """
    changed = json.dumps(found)
    if len(changed) > MOST_BYTES:
        raise SecretEntryError(
            f"The Catchment's secret would have {len(changed):,} bytes; Secrets Manager allows "
            f"{MOST_BYTES:,}.",
            hint=(
                "Remove entries that nothing needs (duckstring secret rm, env rm), or keep what is "
                "large elsewhere, and here the password to it."
            ),
        )
    return changed


def without_entry(
    text: str, name: str, ponds: Collection[str] = (), *, see: str = "duckstring secret ls"
) -> str:
    """The secret without an entry of these Ponds; without the one of every Pond if there are none
    given. ``see``: the command that lists them.

    Raises:
        SecretEntryError: one of them has no such entry.
        OperatorError: the secret has another form.
    """
    held = listed(text)
    owners = ponds or [""]
    if missing := [one for one in owners if Entry(name, one) not in map(_alone, held)]:
        raise _missing(name, missing, held, see)
    found = parse_secret(text)
    for entries in _places(found, set(ponds)):
        del entries[name]
    for pond in set(ponds):
        if not found[POND + pond]:
            del found[POND + pond]
    return json.dumps(found)


def listed(text: str) -> tuple[Entry, ...]:
    """All entries without env values, those that every Pond sees first.

    Raises:
        OperatorError: the secret has another form.
    """
    found = parse_secret(text)
    names = {"": [name for name in found if not name.startswith(POND)]} | {
        key.removeprefix(POND): list(entries)
        for key, entries in found.items()
        if key.startswith(POND) and not key.startswith(ENV)
    }
    return tuple(
        Entry(name, pond, tuple(one for one in sorted(names) if one != pond and name in names[one]))
        for pond in sorted(names)
        for name in sorted(names[pond])
    )


def owners_in_words(ponds: Iterable[str]) -> str:
    """``all Ponds``, ``sales, orders``."""
    return ", ".join(pond or "all Ponds" for pond in ponds)


def owners_as_options(ponds: Collection[str]) -> str:
    """``--all-ponds``, ``--pond sales --pond orders``: as the command takes those who see it."""
    return "--all-ponds" if "" in ponds else " ".join(f"--pond {pond}" for pond in ponds)


def _places(found: dict[str, Any], ponds: Collection[str]) -> list[dict[str, Any]]:
    return [found.setdefault(POND + pond, {}) for pond in ponds] if ponds else [found]


def _alone(entry: Entry) -> Entry:
    return Entry(entry.name, entry.pond)


def _missing(
    name: str, owners: Collection[str], held: Collection[Entry], see: str
) -> SecretEntryError:
    elsewhere = owners_in_words(entry.pond for entry in held if entry.name == name)
    guess = nearest(name, {entry.name for entry in held if entry.pond in owners})
    return SecretEntryError(
        f"There is no entry {name[:_SHOWN]} of {owners_in_words(owners)}.",
        hint=f"There is one of: {elsewhere}." if elsewhere else guess or f"See: {see}",
    )


def _texts(entries: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in entries.items()
    }
