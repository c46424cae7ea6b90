"""Fixtures for tests of a Pond by its author: ``pond_run``, ``tables`` and ``clock``.

pytest loads this module in every session on a machine where Duckstring is installed. So it imports
nothing of ours before a fixture is used, and does nothing outside of a Pond's project.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typing_extensions import override

if TYPE_CHECKING:
    from types import ModuleType

    from duckstring.author.check import DeclaredCheck
    from duckstring.author.ripple import Declared
    from duckstring.puddles.testbed import PondRun, StillClock, Tables, Testbed

_PLAIN = frozenset({"conftest", "tests", "test"})
DECLARED, CHECKS = "__duckstring_declared__", "__duckstring_checks__"
"""The attributes of a Pond's module that have its Ripples and its checks."""


class Code:
    """The modules of one project: which folder they are in, and which one has the Ripples."""

    def __init__(self, root: Path) -> None:
        """The project at ``root``; a pond.toml that cannot be read is reported by the fixtures."""
        self.root, self.path = root, root / "src" / "pond.py"
        try:
            found = tomllib.loads((root / "pond.toml").read_text(encoding="utf-8"))
            self.path = root / str(found["pond"].get("ripples", "src/pond.py"))
        except (OSError, ValueError, KeyError, AttributeError):
            pass
        stem = self.path.stem
        self.name = f"{stem}_" if stem in sys.stdlib_module_names else stem
        self.folders = list(dict.fromkeys([str(self.path.parent), str(root)]))
        self.modules: dict[str, ModuleType] = {}

    def has(self, module: ModuleType) -> bool:
        """Whether a module is of the project's own code: neither a test, nor installed in an
        environment below the project's folder.
        """
        top = module.__name__.partition(".")[0]
        if top in _PLAIN or top.startswith("test_"):
            return False
        file = getattr(module, "__file__", None) or ""
        return any(file.startswith((f"{one}/{top}.", f"{one}/{top}/")) for one in self.folders)


class Codes(MetaPathFinder):
    """The project whose modules can be imported, one at a time: each has a module ``pond``."""

    def __init__(self) -> None:
        """None yet."""
        self._known: dict[Path, Code] = {}
        self._current: Code | None = None

    def enter(self, where: Path) -> Code | None:
        """From here on imports find the modules of the project that ``where`` lies in. None: it
        lies in none.
        """
        root = next((one for one in (where, *where.parents) if _is_project(one)), None)
        if root is None:
            return None
        code = self._known.setdefault(root, Code(root))
        if code is not self._current:
            self._leave()
            sys.path[:0] = code.folders
            sys.modules.update(code.modules)
            self._current = code
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)
        return code

    def close(self) -> None:
        """Leave everything as it was."""
        self._leave()
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def _leave(self) -> None:
        code, self._current = self._current, None
        if code is None:
            return
        for folder in code.folders:
            if folder in sys.path:
                sys.path.remove(folder)
        code.modules = {
            name: module for name, module in tuple(sys.modules.items()) if code.has(module)
        }
        for name in code.modules:
            del sys.modules[name]

    @override
    def find_spec(
        self, fullname: str, path: object = None, target: object = None
    ) -> ModuleSpec | None:
        """The module with the Ripples, which is loaded so that they are gathered."""
        code = self._current
        if code is None or fullname != code.name or not code.path.is_file():
            return None
        loader = _Gathering(fullname, str(code.path))
        return spec_from_file_location(fullname, code.path, loader=loader)


class _Gathering(SourceFileLoader):
    @override
    def exec_module(self, module: ModuleType) -> None:
        from duckstring.author.check import collecting_checks  # noqa: PLC0415 - see above
        from duckstring.author.ripple import collecting  # noqa: PLC0415 - see above

        with collecting() as declared, collecting_checks() as checks:
            super().exec_module(module)
        setattr(module, DECLARED, declared)
        setattr(module, CHECKS, checks)


def _is_project(folder: Path) -> bool:
    return (folder / "pond.toml").is_file()


_codes = Codes()


def declared_in(module: ModuleType) -> list[Declared]:
    """The Ripples of a Pond's module."""
    found: list[Declared] = getattr(module, DECLARED, [])
    return found


def checks_in(module: ModuleType) -> list[DeclaredCheck]:
    """The checks of a Pond's module."""
    found: list[DeclaredCheck] = getattr(module, CHECKS, [])
    return found


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests() -> None:
    """A conftest.py may import the Pond's module."""
    _codes.enter(Path.cwd())


@pytest.hookimpl(tryfirst=True)
def pytest_collectstart(collector: pytest.Collector) -> None:
    """So may a module of tests."""
    path = getattr(collector, "path", None)
    if isinstance(path, Path) and path.suffix == ".py":
        _codes.enter(path)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """And a test itself."""
    _codes.enter(item.path)


def pytest_unconfigure() -> None:
    """The end of the session."""
    _codes.close()


@pytest.fixture
def _testbed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Testbed]:
    from duckstring.puddles.testbed import Testbed  # noqa: PLC0415 - see above

    code = _codes.enter(request.path)
    if code is None:
        pytest.fail(
            f"{request.path} lies in no Pond's project: no folder above it has a pond.toml.",
            pytrace=False,
        )
    made = Testbed(code, tmp_path_factory)
    yield made
    made.close()


@pytest.fixture
def clock(_testbed: Testbed) -> StillClock:
    """The time: ``clock.set("2030-01-01T12:00:00Z")``, ``clock.move("1h")``, ``clock.now()``.

    A run's freshness is the time at which it starts. A pause moves the clock, and waits for
    nothing.
    """
    return _testbed.clock


@pytest.fixture
def tables(_testbed: Testbed) -> Tables:
    """Input of this test: ``tables["products.product"] = [{"id": 1}]``.

    The name is as in ``pond.read_table``; without a Source it is a table of the Pond's own, which
    counts as made by an earlier run. Rows are anything that a Puddle may give.
    """
    return _testbed.tables


@pytest.fixture
def pond_run(_testbed: Testbed) -> PondRun:
    """Run the Pond, ``pond_run()``, or one Ripple, ``pond_run("load")``, in this process.

    What it raises, the test gets. ``pond_run(check=False)`` says in its answer how it ended.
    """
    return _testbed.run
