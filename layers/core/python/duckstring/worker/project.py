"""A Pond's package as Python modules, in a process of its own, and unpacked on disk for the next
one.
"""

from __future__ import annotations

import atexit
import importlib.util
import io
import shutil
import sys
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from duckstring.author.check import DeclaredCheck, collecting_checks
from duckstring.author.errors import RippleError
from duckstring.author.leftovers import folder
from duckstring.author.ripple import Declared, collecting
from duckstring.author.sql_file import find_sql, sql_files
from duckstring.model.checks import CHECKS
from duckstring.model.names import PYTHON_MODULE

_MOST_BYTES = 256 * 1024 * 1024
_COMPILED = "__pycache__"


class Project:
    """One unpacked package and the Ripples that its module and its SQL files declare."""

    def __init__(self, root: Path, module: str) -> None:
        """The package unpacked at ``root``, with its Ripples in ``module``."""
        self.root = root
        self.module = module
        self._declared: list[Declared] | None = None
        self._entered = False
        self._python: tuple[Declared, ...] | None = None
        self._checks: tuple[DeclaredCheck, ...] = ()

    def enter(self) -> None:
        """From here on imports find this project's modules first. Our modules and the standard
        library's are not hidden. A second call does nothing.
        """
        if self._entered:
            return
        self._entered = True
        folders = list(dict.fromkeys([str((self.root / self.module).parent), str(self.root)]))
        for name in self._names_to_hide(folders):
            del sys.modules[name]
        sys.path[:0] = folders

    def ripples(self) -> list[Declared]:
        """The Ripples in order of declaration, SQL ones and that of the checks last; the first call
        imports the module. Call it after ``enter``.
        """
        from duckstring.author.checking import declare_checks  # noqa: PLC0415 - no run pays for it
        from duckstring.author.sql_ripple import declare_sql  # noqa: PLC0415 - nor for this

        if self._declared is None:
            with collecting() as declared, collecting_checks() as checks:
                self.load()
                self._python, self._checks = tuple(declared), tuple(checks)
                declare_sql(self.root, self._python)
                declare_checks(self.root, self._checks, declared)
            self._declared = declared
        return self._declared

    def find(self, name: str) -> Declared | None:
        """One Ripple, as a run needs it: an SQL Ripple without its parents. Call it after
        ``enter``.
        """
        if (found := find_sql(self.root, name)) is not None:
            return found
        if self._python is None:
            with collecting() as declared, collecting_checks() as checks:
                self.load()
            self._python, self._checks = tuple(declared), tuple(checks)
        found = next((one for one in self._python if one.spec.name == name), None)
        return self.checks_of(self._checks) if found is None and name == CHECKS else found

    def checks_of(self, python: Sequence[DeclaredCheck]) -> Declared | None:
        """The Ripple that makes the checks, those of SQL files and these; None: there are none."""
        from duckstring.author.checking import check_ripple  # noqa: PLC0415 - the others do without

        return check_ripple(self.root, python)

    def names(self) -> list[str]:
        """The names of the Ripples that ``find`` knows, after it has found none."""
        return [one.spec.name for one in self._python or ()] + [
            file.name for file in sql_files(self.root)
        ]

    def load(self) -> None:
        """Import the module, whatever it declares. Call it after ``enter``."""
        path = self.root / self.module
        if not path.is_file():
            if self.module == PYTHON_MODULE and sql_files(self.root):
                return  # a Pond may have SQL Ripples alone
            raise RippleError(
                f"The package has no {self.module}.",
                hint="Correct ripples = in [pond].",
            )
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

    def _names_to_hide(self, folders: list[str]) -> list[str]:
        """Modules of the worker for which the project has its own."""
        entries = [
            entry for folder in folders if Path(folder).is_dir() for entry in Path(folder).iterdir()
        ]
        tops = {
            entry.stem
            for entry in entries
            if entry.suffix == ".py" or (entry / "__init__.py").is_file()
        }
        # Looked up, not iterated: each touched name costs the forked process a page.
        loaded = {top for top in tops if top in sys.modules and top not in sys.stdlib_module_names}
        loaded -= {"duckstring", "__main__"}
        return [name for name in sys.modules if name.partition(".")[0] in loaded] if loaded else []


def unpack(package: bytes, into: Path) -> None:
    """Unpack a package; names that would leave the folder are made to stay (zipfile does).

    Raises:
        RippleError: it is not a zip, or larger than a package may be.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(package)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > _MOST_BYTES:
                raise RippleError(
                    f"The package has over {_MOST_BYTES // 1024 // 1024} MB.",
                    hint="Leave data out of it by .pondignore.",
                )
            archive.extractall(into)
    except zipfile.BadZipFile as error:
        raise RippleError(
            f"The package is not a zip file: {error}.", hint="Deploy the Pond again."
        ) from error


@dataclass(slots=True)
class _Kept:
    root: Path
    files: frozenset[tuple[str, int, int]]


class ProjectCache:
    """The packages that this process has unpacked, the latest few of them. A package whose files
    were changed is unpacked again.
    """

    def __init__(self, *, most: int = 32) -> None:
        """Keep ``most``."""
        self._most = most
        self._kept: dict[str, _Kept] = {}

    def find(self, key: str) -> Path | None:
        """Where the package under ``key`` lies, as it was unpacked."""
        kept = self._kept.pop(key, None)
        if kept is None:
            return None
        if frozenset(_files(kept.root)) != kept.files:
            shutil.rmtree(kept.root, ignore_errors=True)
            return None
        self._kept[key] = kept
        return kept.root

    def add(self, key: str, package: bytes) -> Path:
        """Unpack and keep."""
        root = Path(folder("pond")).resolve()
        atexit.register(shutil.rmtree, root, ignore_errors=True)
        unpack(package, root)
        while len(self._kept) >= self._most:
            shutil.rmtree(self._kept.pop(next(iter(self._kept))).root, ignore_errors=True)
        self._kept[key] = _Kept(root, frozenset(_files(root)))
        return root


def _files(root: Path) -> Iterator[tuple[str, int, int]]:
    """Name, size and last change of each file, without compiled files. The time of modification is
    not used, because anybody may set it back.
    """
    with suppress(OSError):
        for path in root.rglob("*"):
            if _COMPILED not in path.parts and (path.is_symlink() or not path.is_dir()):
                found = path.lstat()
                yield str(path), found.st_size, found.st_ctime_ns
