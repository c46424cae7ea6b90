"""A Pond's package as Python modules, kept apart from every other package in the same process.

A project's modules are in ``sys.modules``, and its folders on ``sys.path``, only inside ``entered``: two Ponds may both
have a ``helpers.py``, and so may two versions of one. What it does to the environment ends there too.
"""

from __future__ import annotations

import atexit
import importlib.util
import io
import os
import shutil
import sys
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType

from duckstring.author.errors import RippleError
from duckstring.author.leftovers import folder
from duckstring.author.ripple import Declared, collecting

_MOST_BYTES = 256 * 1024 * 1024


class Project:
    """One unpacked package, its modules, and the Ripples that they declared."""

    def __init__(self, root: Path, module: str) -> None:
        """The package unpacked at ``root``, with its Ripples in ``module``."""
        self.root = root
        self.module = module
        self.declared: list[Declared] | None = None
        self._modules: dict[str, ModuleType] = {}
        self._variables: dict[str, str | None] = {}

    def ripples(self) -> list[Declared]:
        """The Ripples in order of declaration; the first call imports the module. Call it inside ``entered``."""
        if self.declared is None:
            before = dict(os.environ)
            with collecting() as declared:
                self._import()
            self._variables = _changes(before, os.environ)
            self.declared = declared
        return self.declared

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Within the block imports find this project's modules first, and only this project's.

        The environment is as its import left it, whatever a Ripple did to it since, and afterwards as it was before.
        """
        with _environment_restored(self._variables), self._modules_in_place():
            yield

    @contextmanager
    def _modules_in_place(self) -> Iterator[None]:
        folders = self._folders()
        hidden = {name: sys.modules.pop(name) for name in self._names_to_hide(folders)}
        sys.modules.update(self._modules)
        before = set(sys.modules)
        sys.path[:0] = folders
        try:
            yield
        finally:
            for folder in folders:
                with suppress(ValueError):
                    sys.path.remove(folder)
            mine = {name: module for name, module in list(sys.modules.items()) if name not in before and self._owns(module)}
            self._modules |= mine
            for name in self._modules:
                sys.modules.pop(name, None)
            sys.modules.update(hidden)

    def _import(self) -> None:
        path = self.root / self.module
        if not path.is_file():
            raise RippleError(f"The package has no {self.module}.", hint="Correct ripples = in [pond] and deploy again.")
        name = path.stem if path.stem not in sys.stdlib_module_names else f"{path.stem}_"
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise RippleError(f"{self.module} cannot be imported.", hint="It must be a .py file.")
        loaded = importlib.util.module_from_spec(spec)
        sys.modules[name] = loaded
        try:
            spec.loader.exec_module(loaded)
        except BaseException:
            sys.modules.pop(name, None)
            raise

    def _folders(self) -> list[str]:
        return list(dict.fromkeys([str((self.root / self.module).parent), str(self.root)]))

    def _names_to_hide(self, folders: list[str]) -> list[str]:
        """Modules of the worker that the project has its own of; the standard library is never hidden, nor are we."""
        entries = [entry for folder in folders if Path(folder).is_dir() for entry in Path(folder).iterdir()]
        tops = {entry.stem for entry in entries if entry.suffix == ".py" or (entry / "__init__.py").is_file()}
        tops -= sys.stdlib_module_names | {"duckstring", "__main__"}
        return [name for name in sys.modules if name.partition(".")[0] in tops]

    def _owns(self, module: ModuleType) -> bool:
        homes = [getattr(module, "__file__", None), *list(getattr(module, "__path__", ()) or ())]
        return any(isinstance(home, str) and Path(home).is_relative_to(self.root) for home in homes)


@contextmanager
def _environment_restored(variables: Mapping[str, str | None]) -> Iterator[None]:
    before, folder = dict(os.environ), Path.cwd()
    _set(variables)
    try:
        yield
    finally:
        _set(_changes(os.environ, before))
        os.chdir(folder)


def _changes(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str | None]:
    """What differs, as it is afterwards; ``None``: it is gone."""
    return {name: after.get(name) for name in sorted({*before, *after}) if before.get(name) != after.get(name)}


def _set(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def unpack(package: bytes, into: Path) -> None:
    """Unpack a package; names that would leave the folder are made to stay (zipfile does).

    Raises:
        RippleError: it is no zip, or larger than a package may be.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(package)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > _MOST_BYTES:
                raise RippleError(f"The package has over {_MOST_BYTES // 1024 // 1024} MB.", hint="Leave data out of it by .pondignore.")
            archive.extractall(into)
    except zipfile.BadZipFile as error:
        raise RippleError(f"The package is no zip file: {error}.", hint="Deploy the Pond again.") from error


class Shelf:
    """The projects that this process has unpacked, the latest few of them."""

    def __init__(self, *, most: int = 32) -> None:
        """Keep ``most``."""
        self._most = most
        self._projects: dict[tuple[str, ...], Project] = {}

    def find(self, key: tuple[str, ...]) -> Project | None:
        """The project kept under ``key``."""
        if (project := self._projects.pop(key, None)) is not None:
            self._projects[key] = project
        return project

    def add(self, key: tuple[str, ...], package: bytes, module: str) -> Project:
        """Unpack and keep."""
        root = Path(folder("pond")).resolve()
        atexit.register(shutil.rmtree, root, ignore_errors=True)
        unpack(package, root)
        while len(self._projects) >= self._most:
            shutil.rmtree(self._projects.pop(next(iter(self._projects))).root, ignore_errors=True)
        self._projects[key] = project = Project(root, module)
        return project
