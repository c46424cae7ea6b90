"""Builds the zip files that the functions import. Each is made once for given inputs and kept in
the build folder.

A zip's name contains the digest of all its inputs, so the same inputs cost nothing. An asset's
digest is that of what the zip has in it: a package that has changed is deployed, whatever asked for
it. The product's own packages are locked, each with the hashes of its files
(``requirements/*.txt``, written by ``make lock``).
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

from duckstring.errors import OperatorError

_RECIPE = "8"
"""Raise it when this file changes what it builds from the same inputs."""

ZIP_LIMIT = 250_000_000
"""Bytes that the zips of one function may unpack to."""
IMAGE_LIMIT = 10_000_000_000
"""Bytes of a function's image."""
_COMPILED_LIMIT = 205_000_000
"""A layer larger than this with its byte code goes without, if it fits without."""
_NAMED = 3
"""Packages that a message names, the largest first."""

_EPOCH = (1980, 1, 1, 0, 0, 0)
_PLATFORMS = {"x86_64": "x86_64-manylinux_2_28", "arm64": "aarch64-manylinux_2_28"}
_DROPPED_FOLDERS = frozenset({"__pycache__", "tests", "bin"})
_OURS_DROPPED = _DROPPED_FOLDERS | {"puddles", "testing"}
_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Built:
    """A zip ready to be an asset, the digest of its contents, and its unpacked size in bytes."""

    path: Path
    digest: str
    unpacked: int


@dataclass(frozen=True, slots=True)
class Target:
    """The machine that the functions run on. ``platform`` is uv's word for it; ``host`` is this
    machine.

    ``interpreter``: a Python of that version on this machine, to write byte code with; empty: no
    byte code is written.
    """

    python: str
    platform: str
    interpreter: str = ""

    @classmethod
    def of(cls, *, python: str, architecture: str, named: str, bytecode: bool = True) -> Target:
        """Lambda's platform for ``architecture`` unless another is ``named``.

        Raises:
            OperatorError: byte code is wanted, and there is no Python of that version to write it
                with.
        """
        platform = named or _PLATFORMS[architecture]
        return cls(
            python, platform, _interpreter(python) if bytecode and platform != "host" else ""
        )

    @property
    def key(self) -> str:
        """Part of a layer's digest."""
        host = f"{sys.platform} {platform.machine()}" if self.platform == "host" else ""
        return f"{self.python} {self.platform} {host} {'compiled' if self.interpreter else ''}"


@cache
def _interpreter(version: str) -> str:
    """A Python of ``version``: one of this machine's, or one that uv fetches.

    Raises:
        OperatorError: there is none.
    """
    uv = [sys.executable, "-m", "uv", "python"]
    for candidate in _candidates(version):
        if (
            _output_of([candidate, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"])
            == version
        ):
            return candidate
    _output_of([*uv, "install", "--quiet", version])
    if found := _output_of([*uv, "find", "--managed-python", "--no-project", version]):
        return found
    raise OperatorError(
        (
            f"There is no Python {version} on this machine, and uv could not fetch one. The "
            "functions' byte code is written with it."
        ),
        hint=(
            f"Install Python {version}; or deploy with -c bytecode=no: each cold start then "
            "takes 0.8 s more."
        ),
    )


def _candidates(version: str) -> Iterator[str]:
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        yield sys.executable
    yield from filter(None, [shutil.which(f"python{version}")])
    yield from filter(
        None,
        [
            _output_of(
                [
                    sys.executable,
                    "-m",
                    "uv",
                    "python",
                    "find",
                    "--no-python-downloads",
                    "--no-project",
                    version,
                ]
            )
        ],
    )
    # pyenv's command for an installed version that is not chosen here only prints a message.
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from (
        str(path) for path in sorted(root.glob(f"versions/{version}.*/bin/python"), reverse=True)
    )


def _output_of(command: list[str]) -> str:
    """The output of a command. Empty: it failed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own command line
    return done.stdout.strip() if done.returncode == 0 else ""


def locked(name: str) -> str:
    """All packages of the layer ``name``, with the hashes of their files."""
    return (_HERE / "requirements" / f"{name}.txt").read_text(encoding="utf-8")


def _direct(name: str) -> str:
    """The packages that the layer ``name`` is locked for."""
    return (_HERE / "requirements" / f"{name}.in").read_text(encoding="utf-8")


def source_zip(package: Path, *, prefix: str, target: Target, build: Path) -> Built:
    """Zip one package of ours, so that it unpacks below ``prefix``. What is for tests stays out."""
    files = sorted(
        path
        for path in package.rglob("*.py")
        if not _OURS_DROPPED.intersection(path.relative_to(package).parts)
    )
    named = {path.relative_to(package): path.read_bytes() for path in files}
    sums = [f"{name} {hashlib.sha256(content).hexdigest()}" for name, content in named.items()]

    def make(path: Path) -> None:
        folder = path.parent / package.name
        for name, content in named.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        _compile(folder, target)
        _zip(folder, f"{prefix}{package.name}/", path, key=target.key)

    return _kept(build, package.name, [prefix, target.key, *sums], make)


def third_party_zip(
    name: str, *, target: Target, build: Path, extra: str = "", without: str = ""
) -> Built:
    """Install the packages of layer ``name`` for ``target`` and zip them; ``extra`` are the
    Catchment's own requirements, ``without`` are constraints of a layer it stands on.

    Raises:
        OperatorError: they cannot be installed for that target.
    """
    wanted = _wanted(name, extra.strip(), without, target)
    inputs = [wanted.strip(), without.strip(), target.key]
    return _kept(
        build,
        name,
        inputs,
        lambda path: _install_and_zip(
            name, wanted, without, target, path, is_locked=not extra.strip()
        ),
    )


def _wanted(name: str, extra: str, without: str, target: Target) -> str:
    """What to install. The Catchment's own requirements are resolved each time, so that a fix of
    what they leave open is deployed; with the locked versions as far as they allow these.

    On this machine a kept layer has to do without a network.
    """
    if not extra:
        return locked(name)
    asked = f"{_direct(name)}\n{extra}\n"
    if target.platform == "host":
        return asked
    with tempfile.TemporaryDirectory() as scratch:
        wanted, found = Path(scratch) / "wanted.in", Path(scratch) / "found.txt"
        wanted.write_text(asked, encoding="utf-8")
        found.write_text(locked(name), encoding="utf-8")  # uv prefers the versions that it finds
        constraints = Path(scratch) / "constraints.txt"
        constraints.write_text(without, encoding="utf-8")
        command = [*_UV, "compile", "--quiet", *_for(target), "--generate-hashes"]
        command += ["--no-header", "--no-annotate", "--emit-index-url", "--emit-find-links"]
        error = _run([*command, "-c", str(constraints), "-o", str(found), str(wanted)])
        # What uv cannot resolve it cannot install either, and then says why.
        return asked if error else found.read_text(encoding="utf-8")


def largest_packages(layer: Built) -> str:
    """The largest packages of a layer with their unpacked sizes, for a message: ``pyarrow 141 MB,
    polars 118 MB``.
    """
    sizes: Counter[str] = Counter()
    with zipfile.ZipFile(layer.path) as archive:
        for entry in archive.infolist():
            package = PurePosixPath(entry.filename).relative_to("python").parts[0]
            # What a wheel repairs its libraries with lies beside the package.
            sizes[package.removesuffix(".libs")] += entry.file_size
    return ", ".join(
        f"{package} {size // 1_000_000} MB" for package, size in sizes.most_common(_NAMED)
    )


def _kept(build: Path, name: str, inputs: list[str], make: Callable[[Path], None]) -> Built:
    asked = hashlib.sha256("\n".join([_RECIPE, *inputs]).encode()).hexdigest()
    path = (build / f"{name}-{asked[:20]}.zip").resolve()
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
            unfinished = Path(scratch) / path.name
            make(unfinished)
            unfinished.replace(path)
    # The CDK copies it with its mode into the folder of a Catchment, which is its user's alone.
    path.chmod(0o600)
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
        digest = archive.comment.decode()
    return Built(path=path, digest=digest, unpacked=unpacked)


def _install_and_zip(
    name: str, requirements: str, without: str, target: Target, path: Path, *, is_locked: bool
) -> None:
    folder = path.parent / "python"
    say(f"installing the packages of {name}")
    _install(name, requirements, without, target, folder, is_locked=is_locked)
    _strip(folder)
    if target.interpreter:
        say(f"compiling {name}")
    bare = _size(folder)
    _compile(folder, target)
    # What does not fit into zips anyway becomes an image, which has room for byte code.
    if bare <= ZIP_LIMIT and _size(folder) > _COMPILED_LIMIT:
        _strip(folder)
    say(f"packing {name}")
    _zip(folder, "python/", path, key=target.key)


def _size(folder: Path) -> int:
    return sum(item.stat().st_size for item in folder.rglob("*") if item.is_file())


def say(what: str) -> None:
    """Progress, on the error stream: a layer takes up to a minute. A start of a Catchment on this
    machine reads these lines.
    """
    sys.stderr.write(f"layers: {what}\n")
    sys.stderr.flush()


_UV = [sys.executable, "-m", "uv", "pip"]


def _for(target: Target) -> list[str]:
    """uv's words for the target."""
    words = ["--python-version", target.python]
    return words if target.platform == "host" else [*words, "--python-platform", target.platform]


def _install(
    name: str, requirements: str, without: str, target: Target, folder: Path, *, is_locked: bool
) -> None:
    wanted = folder.parent / "requirements.txt"
    wanted.write_text(requirements, encoding="utf-8")
    constraints = folder.parent / "constraints.txt"
    constraints.write_text(without, encoding="utf-8")
    command = [*_UV, "install", "--quiet", "--target", str(folder), *_for(target)]
    command += ["--constraints", str(constraints), "-r", str(wanted)]
    command += ["--require-hashes"] if is_locked else []
    # Wheels first; a package that has none is built here, and accepted if what comes out is pure
    # Python.
    if _run([*command, "--only-binary", ":all:"]) is None:
        _check_wheels(folder, target)
        return
    shutil.rmtree(folder, ignore_errors=True)
    if error := _run(command):
        raise OperatorError(
            f"The {name} layer cannot be installed for Python {target.python}: {error}",
            hint="Correct the Catchment's requirements.txt.",
        )
    _check_wheels(folder, target)


def _run(command: list[str]) -> str | None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own command line
    if done.returncode == 0:
        return None
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    return " ".join(lines[-6:])[-1500:] or f"uv ended with {done.returncode}"


def _check_wheels(folder: Path, target: Target) -> None:
    if target.platform == "host":
        return
    for wheel in sorted(folder.glob("*.dist-info/WHEEL")):
        tags = [
            line.partition(":")[2].strip()
            for line in wheel.read_text(encoding="utf-8").splitlines()
            if line.startswith("Tag:")
        ]
        if tags and all(
            tag.rsplit("-", 1)[-1].startswith(("linux_", "macosx_", "win")) for tag in tags
        ):
            package = wheel.parent.name.removesuffix(".dist-info")
            raise OperatorError(
                f"{package} has no wheel for {target.platform} and is not pure Python.",
                hint=(
                    "Pin a version that has one, or deploy for an architecture it has a wheel "
                    "for (-c architecture=)."
                ),
            )


def _strip(folder: Path) -> None:
    """Drop what no function imports: caches, scripts, the packages' own tests."""
    for path in sorted(folder.rglob("*"), reverse=True):
        # numpy.testing and the like stay. A folder named tests is never imported, except inside a
        # data folder.
        if (
            path.is_dir()
            and not path.is_symlink()
            and path.name in _DROPPED_FOLDERS
            and (path.name != "bin" or path.parent == folder)
        ):
            shutil.rmtree(path)
    (folder / ".lock").unlink(missing_ok=True)
    for path in folder.glob("*.dist-info/uv_cache.json"):  # when it was made, on this machine
        path.unlink()


def _compile(folder: Path, target: Target) -> None:
    """Add byte code: Lambda's layers are read-only, so every cold start would otherwise compile all
    its imports.
    """
    if target.interpreter:
        command = [
            target.interpreter,
            "-m",
            "compileall",
            "-q",
            "-j",
            "0",
            "--invalidation-mode",
            "unchecked-hash",
            "-s",
            str(folder),
            str(folder),
        ]
        # A file that does not compile (a template, a newer syntax) stays source.
        subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - our own command line


def _zip(folder: Path, prefix: str, target: Path, *, key: str) -> None:
    """Its comment is the digest of all files, their names and modes. Byte code is not part of it:
    two compilations of one source may differ, and ``key`` says for what it was compiled.
    """
    digest = hashlib.sha256(f"{_RECIPE} {key} {prefix}".encode())
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path in sorted(item for item in folder.rglob("*") if item.is_file()):
            info = zipfile.ZipInfo(prefix + path.relative_to(folder).as_posix(), _EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = (0o755 if os.access(path, os.X_OK) else 0o644) << 16
            content = path.read_bytes()
            archive.writestr(info, content)
            if path.suffix != ".pyc":
                part = f"{info.filename}\n{info.external_attr}\n{len(content)}\n"
                digest.update(part.encode() + hashlib.sha256(content).digest())
        archive.comment = digest.hexdigest().encode()
