"""A Pond project becomes a package: one zip, the same bytes for the same files on every machine."""

from __future__ import annotations

import io
import os
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath

from pathspec import GitIgnoreSpec

from duckstring.errors import AuthorError
from duckstring.model.foreign import for_terminal
from duckstring.model.names import PYTHON_MODULE, SQL_FOLDER
from duckstring.model.pondfile import PondFile, decode_pondfile, read_pondfile, wide_encoding

_MIB = 1024 * 1024
_LIMIT, _WARN = 50 * _MIB, 10 * _MIB
_EPOCH = (1980, 1, 1, 0, 0, 0)
_MODE = 0o100644 << 16
_IGNORE_FILES = (".gitignore", ".pondignore")
_NEVER_SHIPPED = GitIgnoreSpec.from_lines(
    """.git/ .hg/ .svn/ .venv/ venv/ /env/ .tox/ .nox/ node_modules/ __pycache__/ *.py[cod]
    *.egg-info/ /dist/ /build/ .mypy_cache/ .ruff_cache/ .pytest_cache/ .hypothesis/
    .ipynb_checkpoints/ .coverage* .idea/ .vscode/ .DS_Store .duckstring/ .cache/
    .import_linter_cache/ .pyre/ .pytype/ /htmlcov/ *.swp *~
    .env .env.* /puddles/""".split()  # noqa: SIM905 - fifty words are read more easily so
)
_TESTS = ("/tests/", "/test/", "test_*.py", "conftest.py")
"""Left out unless .pondignore brings them back: a test that is added changes no version. So is the
module of the Puddles.
"""
_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}


class PackageError(AuthorError):
    """A project that cannot be packed."""


@dataclass(frozen=True, slots=True)
class Package:
    """What is deployed. ``files`` are the paths inside, sorted."""

    pondfile: PondFile
    content: bytes
    sha256: str
    files: tuple[str, ...]
    warnings: tuple[str, ...] = ()


def package(root: Path) -> Package:
    """Pack the project at ``root``: all files but those that .gitignore, .pondignore or good sense
    leave out.

    Nothing is compressed: how well depends on the machine's zlib, and one version must have one
    checksum.

    Raises:
        ManifestError: pond.toml is not valid.
        PackageError: there is no pond.toml, no Ripples' module, something is not a file, a link
            leads out of the project, a name is not UTF-8, a module is not text that Python reads,
            something cannot be read, or it is too large.
    """
    root = root.resolve()
    try:
        return _package(root)
    except OSError as error:
        raise PackageError(
            f"{_relative(error.filename, root)} cannot be read: {error.strerror or error}.",
            hint="Correct its permissions, or name it in .pondignore.",
        ) from error


def _relative(path: str | None, root: Path) -> str:
    """As the author would name it."""
    found = Path(path or root)
    return for_terminal(_written(found.relative_to(root) if root in found.parents else found))


def _package(root: Path) -> Package:
    pondfile = _read_pondfile(root)
    files = sorted(_files(root, _left_out(pondfile)), key=lambda path: path.as_posix())
    names = tuple(path.as_posix() for path in files)
    _check_module(root, pondfile.pond.ripples, names)
    for path in files:
        if path.suffix == ".py":
            _check_source(path, (root / path).read_bytes())
    size = sum((root / path).stat().st_size for path in files)
    if size > _LIMIT:
        raise PackageError(
            (
                f"{root.name} has {_mib(size)} in {len(files)} files; allowed: {_mib(_LIMIT)}. "
                f"{_largest(root, files)}"
            ),
            hint=_SLIMMER,
        )
    packed = _zip(root, files)
    warnings = (
        (f"{root.name} has {_mib(size)} in {len(files)} files. {_largest(root, files)} {_SLIMMER}",)
        if size > _WARN
        else ()
    )
    return Package(pondfile, packed, sha256(packed).hexdigest(), names, warnings)


_SLIMMER = "Name what the Ripples do not need in .pondignore; data belongs into an Inlet."


def _read_pondfile(root: Path) -> PondFile:
    path = root / "pond.toml"
    if not os.path.lexists(path):
        raise PackageError(
            f"{root} has no pond.toml.",
            hint="Run this in a Pond project, or make one with `duckstring pond init`.",
        )
    check_is_file(path, "pond.toml", hint=NOT_A_PONDFILE)
    return read_pondfile(decode_pondfile(path.read_bytes()), "pond.toml")


NOT_A_PONDFILE = "Put a text file in its place: docs/author.md lists its fields."


def check_is_file(path: Path, shown: str, *, hint: str = "") -> None:
    """Refuse what cannot be read as a file, before anything waits for it. ``hint``: what to do,
    where no package can do without it.

    Raises:
        PackageError: ``shown`` is a named pipe, a socket, a device, a folder, or a link that leads
            to no file.
    """
    if path.is_file():
        return
    if path.is_symlink():
        raise PackageError(
            f"{shown} is a link to {_written(path.readlink())}, which leads to no file.",
            hint=hint or _LINK_HINT,
        )
    kind = _KINDS.get(stat.S_IFMT(path.lstat().st_mode), "not a file")
    raise PackageError(
        f"{shown} is {kind}; a package holds files.",
        hint=hint or "Remove it, or name it in .pondignore.",
    )


_LINK_HINT = "Replace the link by what it stands for, or name it in .pondignore."


def _written(path: Path) -> str:
    """A path that may not be UTF-8, as text."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _check_module(root: Path, module: str, names: tuple[str, ...]) -> None:
    if module in names or (
        module == PYTHON_MODULE
        and not (root / module).exists()
        and any(name.startswith(f"{SQL_FOLDER}/") and name.endswith(".sql") for name in names)
    ):
        return
    if (root / module).is_file():
        raise PackageError(
            (
                f"{module} is left out: by .gitignore, by .pondignore, or as a test "
                f"({', '.join(_TESTS)})."
            ),
            hint=f"Add !{module} to .pondignore.",
        )
    raise PackageError(
        f"pond.toml names {module} for its Ripples; there is no such file.",
        hint=f"Create it, or correct ripples = in [pond], or write {SQL_FOLDER}/NAME.sql.",
    )


def _check_source(path: PurePosixPath, content: bytes) -> None:
    """Python reads no such file, and does not say which one it was.

    Raises:
        PackageError: it is UTF-16 or UTF-32, or has a null byte.
    """
    hint = "Save it as UTF-8; if no Ripple needs it, name it in .pondignore."
    if kind := wide_encoding(content):
        raise PackageError(f"{path} is {kind} text; allowed: UTF-8.", hint=hint)
    if (at := content.find(b"\0")) >= 0:
        line = content.count(b"\n", 0, at) + 1
        raise PackageError(
            f"{path}:{line}: found a null byte, which no Python source has.", hint=hint
        )


def _left_out(pondfile: PondFile) -> tuple[str, ...]:
    """The module of the Puddles, as tests: a change of it changes no version."""
    pond = pondfile.pond
    return _TESTS if pond.puddles == pond.ripples else (*_TESTS, f"/{pond.puddles}")


def _files(root: Path, left_out: tuple[str, ...]) -> Iterator[PurePosixPath]:
    rules: dict[Path, tuple[tuple[Path, GitIgnoreSpec], ...]] = {}
    for folder_name, folders, files in os.walk(root, onerror=_raise):
        folder = Path(folder_name)
        here = rules[folder] = (
            *rules.get(folder.parent, ()),
            *_rules_of(folder, root, left_out),
        )
        for name in list(folders):
            if _ignored(root, folder / name, here, folder=True):
                folders.remove(name)
            else:
                _check_entry(root, folder / name, folder=True)
        for name in files:
            if not _ignored(root, folder / name, here, folder=False):
                _check_entry(root, folder / name, folder=False)
                yield PurePosixPath((folder / name).relative_to(root).as_posix())


def _raise(error: OSError) -> None:
    raise error


def _rules_of(
    folder: Path, root: Path, left_out: tuple[str, ...]
) -> Iterator[tuple[Path, GitIgnoreSpec]]:
    """One set of rules for a folder, .pondignore's last, so that it can bring back what the
    others leave out.
    """
    lines = [
        *(left_out if folder == root else ()),
        *(line for name in _IGNORE_FILES for line in _lines(folder / name, root)),
    ]
    if lines:
        yield folder, GitIgnoreSpec.from_lines(lines)


def _lines(path: Path, root: Path) -> list[str]:
    if not path.is_file():
        return []
    try:
        content = path.read_bytes()
        if kind := wide_encoding(content):
            raise PackageError(
                f"{path.relative_to(root)} is {kind} text; allowed: UTF-8.",
                hint="Save it as UTF-8.",
            )
        return content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise PackageError(
            f"{path.relative_to(root)} is not UTF-8 text.", hint="Save it as UTF-8."
        ) from error


def _ignored(
    root: Path, path: Path, rules: tuple[tuple[Path, GitIgnoreSpec], ...], *, folder: bool
) -> bool:
    end = "/" if folder else ""
    if _NEVER_SHIPPED.match_file(path.relative_to(root).as_posix() + end):
        return True
    return any(spec.match_file(path.relative_to(base).as_posix() + end) for base, spec in rules)


def _check_entry(root: Path, path: Path, *, folder: bool) -> None:
    shown = _written(path.relative_to(root))
    if shown != str(path.relative_to(root)) or not shown.isprintable():
        raise PackageError(
            f"The name of '{for_terminal(shown)}' is not UTF-8 text that can be printed.",
            hint="Rename it, or name it in .pondignore.",
        )
    if path.is_symlink():
        # Not Path.resolve: it raises for a link to itself.
        if not Path(os.path.realpath(path)).is_relative_to(root):
            raise PackageError(
                f"{shown} is a link to {_written(path.readlink())}, outside the project.",
                hint="Copy the file into the project, or name the link in .pondignore.",
            )
        if folder:
            raise PackageError(
                f"{shown} is a link to the folder {_written(path.readlink())}.", hint=_LINK_HINT
            )
    if not folder:
        check_is_file(path, shown)


def _zip(root: Path, files: list[PurePosixPath]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for path in files:
            entry = zipfile.ZipInfo(path.as_posix(), _EPOCH)
            entry.create_system, entry.external_attr = 3, _MODE
            archive.writestr(entry, (root / path).read_bytes())
    return buffer.getvalue()


def _largest(root: Path, files: list[PurePosixPath]) -> str:
    top = sorted(files, key=lambda path: -(root / path).stat().st_size)[:3]
    return (
        f"Largest: {', '.join(f'{path} ({_mib((root / path).stat().st_size)})' for path in top)}."
    )


def _mib(size: int) -> str:
    return f"{size / _MIB:.1f} MB"
