"""Reads a project's Puddles: which function stands in for which table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from duckstring.author import puddle
from duckstring.author.puddle import DeclaredPuddle
from duckstring.errors import nearest
from duckstring.puddles.errors import PuddleError
from duckstring.puddles.project import LocalPond
from duckstring.worker.project import Project

_HINT = 'Write @puddle("source.table"), for a Source that pond.toml names.'


@dataclass(frozen=True, slots=True)
class Puddle:
    """A function and the table that it stands in for. ``owner``: a Source, or the Pond itself;
    ``where``: the line of the declaration, ``src/puddles.py:12``.
    """

    owner: str
    table: str
    function: Callable[..., object]
    where: str

    @property
    def ref(self) -> str:
        """``source.table``."""
        return f"{self.owner}.{self.table}"


def read_puddles(pond: LocalPond, project: Project) -> list[Puddle]:
    """Import the module of the Puddles: ``project`` is that of ``pond.puddles``.

    Raises:
        PuddleError: every fault of the declarations. Whatever the module itself raises goes on.
    """
    with puddle.collecting() as declared:
        project.enter()
        project.load()
    faults: list[str] = []
    found = [one for one in (_resolved(each, pond, faults) for each in declared) if one]
    for ref, count in Counter(one.ref for one in found).items():
        if count > 1:
            where = ", ".join(one.where for one in found if one.ref == ref)
            faults.append(f"{count} Puddles stand for {ref!r} ({where}); allowed: one.")
    if faults:
        raise PuddleError(faults, hint=_HINT)
    return found


def _resolved(one: DeclaredPuddle, pond: LocalPond, faults: list[str]) -> Puddle | None:
    where = f"{pond.pondfile.pond.puddles}:{one.line}"
    if fault := puddle.check(one):
        faults.append(f"{where}: {fault.message}")
        return None
    owner, _, table = one.table.rpartition(".")
    known = sorted(pond.sources)
    if not owner and len(known) > 1:
        faults.append(
            f"{where}: Puddle {table!r} names no Source, and pond.toml has {len(known)} "
            f"({', '.join(known)}). Write @puddle({f'{known[0]}.{table}'!r})."
        )
        return None
    owner = owner or (known[0] if known else pond.name)
    if owner not in {*known, pond.name}:
        faults.append(f"{where}: {_unknown(owner, one.table, known)}")
        return None
    return Puddle(owner, table, one.function, where)


def _unknown(owner: str, ref: str, known: Sequence[str]) -> str:
    meant = nearest(owner, known, " Did you mean {!r}?")
    has = ", ".join(known) or "none"
    return f"Puddle {ref!r}: {owner!r} is not a Source of this Pond; pond.toml has {has}.{meant}"
