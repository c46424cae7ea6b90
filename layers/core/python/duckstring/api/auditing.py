"""Who asks for a change: found out, and written down before the change is made.

A Lambda function is not told who invokes it. The command sends a proof (``model/callers.py``), and
on this machine what the machine calls its user. What is only claimed never looks like an ARN.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import fields

from duckstring.api.ports import ApiPorts
from duckstring.errors import DuckstringError, OperatorError
from duckstring.model.audits import ALL, Audit, claimed
from duckstring.model.callers import digest
from duckstring.model.limits import NOTE, REASON, stored_bytes, within
from duckstring.model.names import POND_NAME
from duckstring.model.said import Said, bounded, one_line

if TYPE_CHECKING:
    from duckstring.api.requests import Asked

_BARE = ("action", "verb", "kind")
"""Fields whose value says by itself what it is."""
_ELSEWHERE = frozenset({"pond", "major", "ponds", "lines", *_BARE})
_TAGS = "put"
"""A field whose keys are a person's: a tag may be called ``name``."""
_BOUND = "bound"
"""Of staleness: ``within=7200``, or ``at=06:00,tz=Europe/Berlin``. Of a Tide it is a number."""
_WORDS = 400


def carried_out(
    asked: Asked,
    answer: Callable[[Asked, ApiPorts], Mapping[str, object]],
    ports: ApiPorts,
    request: Mapping[str, object],
    *,
    number: str,
) -> Mapping[str, object]:
    """Make a change, in the name of who asks for it.

    Args:
        asked: the request as it was read.
        answer: the use case.
        ports: of the function that answers.
        request: in its wire form.
        number: of the invocation, by which CloudTrail finds it, too.

    Raises:
        DuckstringError: the change was refused; that is written down as well.
    """
    note, caller = _note(request), request.get("caller")
    told: Mapping[str, object] = caller if isinstance(caller, Mapping) else {}
    said = bounded(Said(ports.clock.now(), _who(told, request, ports), note))
    via = "page" if told.get("via") == "page" else ""
    audit = Audit(said, words(str(request["op"]), asked), ponds_of(asked), number, via)
    ports.audits.record(audit)
    try:
        return answer(asked, replace(ports, said=said))
    except DuckstringError as error:
        ports.audits.refused(replace(audit, refused=one_line(error.message, REASON)))
        raise


def _note(request: Mapping[str, object]) -> str:
    note = request.get("note")
    if note is None:
        return ""
    if not isinstance(note, str):
        raise OperatorError("note is not text; allowed: text.")
    if stored_bytes(note) > NOTE:
        raise OperatorError(
            f"The note has {stored_bytes(note):,} bytes; allowed: {NOTE}.",
            hint="Name where more is written, such as a ticket.",
        )
    return note


def _who(told: Mapping[str, object], request: Mapping[str, object], ports: ApiPorts) -> str:
    proof = told.get("proof")
    if isinstance(proof, Mapping):
        return ports.callers.who(proof, digest(request, ports.settings.bucket))
    user, host = told.get("user"), told.get("host")
    return claimed(user if isinstance(user, str) else "", host if isinstance(host, str) else "")


def words(operation: str, asked: Struct) -> str:
    """What is asked for, in one line: ``deploy 1.2.0``, ``compute ripple=load on=task``."""
    return within(" ".join([operation, *_arguments(operation, asked)]), _WORDS)


def _arguments(operation: str, asked: Struct) -> Iterator[str]:
    given = {field.name: getattr(asked, field.name) for field in fields(asked)}
    yield from (str(given[name]) for name in _BARE if given.get(name))
    yield from filter(None, map(_version_of, given.get("ponds") or ()))
    for name, value in given.items():
        if name in _ELSEWHERE or value is None or value is False:
            continue
        if value is True:
            yield name
        elif name == operation or (name == _BOUND and isinstance(value, Mapping)):
            yield _shown(name, value)
        else:
            yield f"{name}={_shown(name, value)}"


def _shown(name: str, value: object) -> str:
    if isinstance(value, Mapping):
        return _pairs(value) if name in {_TAGS, _BOUND} else _named(value)
    if isinstance(value, list):
        return one_line(",".join(map(str, value)), 200)
    return one_line(str(value), 80)


def _named(value: Mapping[str, object]) -> str:
    """A rule by its name."""
    name = value.get("name")
    return one_line(name, 80) if isinstance(name, str) else _pairs(value)


def _pairs(value: Mapping[str, object]) -> str:
    """``team=sales,tier=1``."""
    return one_line(",".join(f"{key}={one}" for key, one in value.items()), 200)


def ponds_of(asked: Struct) -> tuple[str, ...]:
    """The Ponds that a request is about, each once. What is no name is left out."""
    named = [getattr(asked, "pond", None), *map(_pond_of, getattr(asked, "ponds", ()))]
    named += [line.partition("@")[0] for line in getattr(asked, "lines", None) or ()]
    found = dict.fromkeys(name for name in named if name and POND_NAME.fullmatch(name))
    return tuple(found) or (ALL,)


def _pond_of(uploaded: Struct) -> str:
    return _of_the_pond(uploaded, "name")


def _version_of(uploaded: Struct) -> str:
    return one_line(_of_the_pond(uploaded, "version"), 80)


def _of_the_pond(uploaded: Struct, name: str) -> str:
    """What a package's manifest says of its Pond: nothing of it is checked yet."""
    manifest = getattr(uploaded, "manifest", {})
    table = manifest.get("pond") if isinstance(manifest, Mapping) else None
    value = table.get(name) if isinstance(table, Mapping) else None
    return value if isinstance(value, str) else ""
