"""Names of the emulator, declared with what they have to be. Standard library only: part of the
server.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Any

Foreign = Any
"""Something of the emulator, which has no types."""

Check = Callable[[Foreign, str], str]
"""Says what is wrong with an attribute of an object, given both; empty: nothing is."""

_MISSING = object()
_GONE = "is missing"


@dataclass(frozen=True, slots=True)
class Name:
    """A name of the emulator.

    ``parts`` lead from the module to it: ``("_queues",)``, or ``("Worker", "_spawn")``. A module
    that is not ``loaded`` at the start is checked by its source alone.
    """

    module: str
    parts: tuple[str, ...]
    check: Check
    loaded: bool = True

    @property
    def path(self) -> str:
        """As the error names it: ``ministack.services.sqs._queues``."""
        return ".".join((self.module, *self.parts))

    def read(self) -> Foreign:
        """What it is now."""
        found = self._module()
        for part in self.parts:
            found = getattr(found, part)
        return found

    def replace(self, value: Foreign) -> None:
        """Make it another, for everybody who looks it up from now on."""
        holder, name = self._holder()
        setattr(holder, name, value)

    def of(self, thing: Foreign, *default: Foreign) -> Foreign:
        """The attribute of that name of one object; or the ``default`` that is given."""
        return getattr(thing, self.parts[-1], *default)

    def fault(self) -> str:
        """What is not as declared; empty: all is. Changes nothing."""
        try:
            if not self.loaded:
                return _fault_in_source(self.module, *self.parts)
            holder, name = self._holder()
        except (ImportError, OSError):
            return "cannot be found: there is no such module"
        except AttributeError:
            return _GONE
        return self.check(holder, name)

    def _holder(self) -> tuple[Foreign, str]:
        holder = self._module()
        for part in self.parts[:-1]:
            holder = getattr(holder, part)
        return holder, self.parts[-1]

    def _module(self) -> Foreign:
        # Invocations read several names each, and the import system takes longer than all the rest.
        found = sys.modules.get(self.module) if self.loaded else None
        return found or importlib.import_module(self.module)


class Names:
    """The names that one patch uses. Whatever is made here is checked at the start."""

    def __init__(self, package: str = "ministack") -> None:
        self._package = package
        self._all: list[Name] = []

    def __iter__(self) -> Iterator[Name]:
        """In the order in which they were declared."""
        return iter(self._all)

    def called(self, module: str, path: str, given: str = "", *, named: str = "") -> Name:
        """A function or class that we call.

        Args:
            module: where it is, without the package.
            path: its name there.
            given: the parameters that we give by position: they come first, in this order.
            named: those that we give by name. All others have defaults.
        """
        return self._add(module, path, _can_be_called(given.split(), named.split()))

    def replaced(self, module: str, path: str, given: str = "", *, is_async: bool = False) -> Name:
        """A function that we replace: it has the parameters ``given``, and no others."""
        return self._add(module, path, _takes(given.split(), is_async=is_async))

    def value(self, module: str, path: str, kind: str) -> Name:
        """A value; ``kind`` is the name of its class, or of a base of that."""
        return self._add(module, path, _is_a(kind))

    def table(self, module: str, path: str, keys: Mapping[str, str]) -> Name:
        """A dictionary of functions; ``keys`` has the parameters of each that we replace."""
        return self._add(module, path, _is_table(keys))

    def attribute(self, module: str, path: str) -> Name:
        """``Class.attribute`` of objects, which the class or its ``__init__`` sets."""
        return self._add(module, path, _is_set)

    def mentioned(self, module: str, path: str, what: object) -> Name:
        """A function whose own code has ``what``: a name that it looks up, or a constant."""
        return self._add(module, path, _mentions(what))

    def unloaded(self, module: str, path: str) -> Name:
        """A value of a module that the emulator loads when it needs it, and that takes long."""
        return self._add(module, path, lambda _holder, _name: "", loaded=False)

    def _add(self, module: str, path: str, check: Check, *, loaded: bool = True) -> Name:
        name = Name(f"{self._package}.{module}", tuple(path.split(".")), check, loaded)
        self._all.append(name)
        return name


def _parameters(function: Foreign) -> Mapping[str, inspect.Parameter] | None:
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):
        return None


def _can_be_called(given: list[str], named: list[str]) -> Check:
    def check(holder: Foreign, name: str) -> str:
        function = getattr(holder, name, _MISSING)
        if function is _MISSING:
            return _GONE
        if (found := _parameters(function)) is None:
            return "is not a function"
        others = [one for one in found.values() if one.name not in {*given, *named}]
        first = list(found)[: len(given)]
        if first == given and found.keys() >= set(named) and not any(map(_is_needed, others)):
            return ""
        wanted = ", ".join([*given, *(f"{one}=" for one in named)])
        return f"takes ({', '.join(found)}); it is called with ({wanted})"

    return check


def _is_needed(parameter: inspect.Parameter) -> bool:
    return parameter.default is parameter.empty and parameter.kind not in (
        parameter.VAR_POSITIONAL,
        parameter.VAR_KEYWORD,
    )


def _takes(given: list[str], *, is_async: bool) -> Check:
    def check(holder: Foreign, name: str) -> str:
        function = getattr(holder, name, _MISSING)
        return _GONE if function is _MISSING else _fault_of(function, given, is_async=is_async)

    return check


def _fault_of(function: Foreign, given: list[str], *, is_async: bool) -> str:
    if (found := _parameters(function)) is None:
        return "is not a function"
    if list(found) != given:
        return f"takes ({', '.join(found)}); expected ({', '.join(given)})"
    if inspect.iscoroutinefunction(function) != is_async:
        return f"is {'not ' if is_async else ''}asynchronous"
    return ""


def _is_a(kind: str) -> Check:
    def check(holder: Foreign, name: str) -> str:
        value = getattr(holder, name, _MISSING)
        if value is _MISSING:
            return _GONE
        if any(base.__name__ == kind for base in type(value).__mro__):
            return ""
        return f"is of the class {type(value).__name__}; expected {kind}"

    return check


def _is_table(keys: Mapping[str, str]) -> Check:
    def check(holder: Foreign, name: str) -> str:
        if fault := _is_a("dict")(holder, name):
            return fault
        table = getattr(holder, name)
        if missing := [key for key in keys if key not in table]:
            return f"has no {', '.join(missing)}"
        faults = (
            f"[{key}] {fault}"
            for key, given in keys.items()
            if (fault := _fault_of(table[key], given.split(), is_async=False))
        )
        return "; ".join(faults)

    return check


def _is_set(holder: Foreign, name: str) -> str:
    if hasattr(holder, name) or name in getattr(holder, "__annotations__", {}):
        return ""
    made = (base.__init__ for base in holder.__mro__)
    return "" if any(name in _code(one).co_names for one in made if _code(one)) else _GONE


def _mentions(what: object) -> Check:
    def check(holder: Foreign, name: str) -> str:
        function = getattr(holder, name, _MISSING)
        if function is _MISSING:
            return _GONE
        if (code := _code(function)) is None:
            return "is not a function"
        return "" if what in {*code.co_names, *code.co_consts} else f"has no {what} in its code"

    return check


def _code(function: Foreign) -> Foreign:
    code = getattr(function, "__code__", None)
    return code if isinstance(code, CodeType) else None


def _fault_in_source(module: str, name: str) -> str:
    # ``find_spec`` of the whole name would import the packages on the way.
    package, *rest = module.split(".")
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError(module)
    path = Path(found.submodule_search_locations[0]).joinpath(*rest).with_suffix(".py")
    for line in ast.parse(path.read_text(encoding="utf-8")).body:
        targets = line.targets if isinstance(line, ast.Assign) else [getattr(line, "target", None)]
        if any(isinstance(one, ast.Name) and one.id == name for one in targets):
            return ""
    return _GONE
