"""The projects that the CLI writes out: the demo Ponds, and an author's first Pond. They are
plain files in this package.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath
from string import Template

from duckstring.model.names import POND_NAME
from duckstring.model.sql import quoted
from duckstring_cli.errors import BadInputError
from duckstring_cli.kinds import DemoKind, TemplateName

Project = dict[PurePosixPath, bytes]

SCHEMA = PurePosixPath(".duckstring/pond.schema.json")
"""Where a project has the schema of its pond.toml: in a folder that no package holds."""

_PACKAGE_ONLY = {"__init__.py", "__pycache__", "service"}
"""What lies beside a demo's files because it is code of this package."""
_MOST_NAMED = 3


_MANIFEST, _PUDDLES = PurePosixPath("pond.toml"), PurePosixPath("src/puddles.py")
_PUDDLE = """

@puddle("{source}.{source}")
def some_of_{source}() -> list[dict[str, object]]:
    return [{{"id": 1}}, {{"id": 2}}]
"""
"""Of a further Source: a Pond runs when each has a Puddle."""


class WouldOverwriteError(BadInputError):
    """A file in the way differs from the one to be written."""

    def __init__(self, paths: list[Path]) -> None:
        """Name the files in the way."""
        more = len(paths) - _MOST_NAMED
        named = ", ".join(map(str, paths[:_MOST_NAMED])) + (f" and {more} more" if more > 0 else "")
        super().__init__(
            f"Nothing was written: {named} would be overwritten with something else.",
            hint="Move what is there away, or choose another folder.",
        )


class BadPondNameError(BadInputError):
    """A Pond cannot have this name."""

    def __init__(self, name: str) -> None:
        """Say what a name looks like."""
        super().__init__(
            (
                f"{name!r} cannot be a Pond's name: it starts with a lowercase letter and has "
                "lowercase letters, digits and _, at most 48."
            ),
            hint="Choose another, for example sales_by_day.",
        )


def write_demo(kind: DemoKind, target: Path) -> list[Path]:
    """Write a demo's Pond projects, each a folder under ``target``, and its requirements or
    environment file.

    Safe to repeat: a file that is there already and the same is left alone.

    Returns:
        Every file of the demo, sorted, whether written now or there before.

    Raises:
        WouldOverwriteError: a file is there already and differs; nothing was written.
    """
    return _write(dict(_contents(files(__package__) / kind)), target)


def write_project(
    name: str,
    target: Path,
    template: TemplateName = "python",
    *,
    source: str = "orders",
    others: Sequence[str] = (),
) -> list[Path]:
    """Write a first Pond project into ``target``: its tests pass, it deploys and runs as it is.

    Args:
        name: the Pond's name.
        target: its folder.
        template: what kind of Pond it shall be.
        source: the Pond that it reads, if it is of a kind that has a Source.
        others: further Ponds that it declares as Sources, each with a Puddle.

    Returns:
        Every file of the project, sorted, whether written now or there before.

    Raises:
        BadPondNameError: no Pond can have this name.
        BadInputError: it would be its own Source, or the folder lies in another Pond.
        WouldOverwriteError: a file is there already and differs; nothing was written.
    """
    for one in (name, source, *others):
        if not POND_NAME.fullmatch(one):
            raise BadPondNameError(one)
    if name in {source, *others} and template in WITH_SOURCE:
        raise BadInputError(f"{name} cannot be its own Source.", hint="Name another: --source")
    if around := next(
        (one for one in target.resolve().parents if (one / "pond.toml").exists()), None
    ):
        raise BadInputError(
            f"{target} would lie inside another Pond, {around.name}, and be a part of its package.",
            hint="Choose a folder beside it.",
        )
    folder = files(__package__) / "templates"
    words = _words(name, source)
    written = {
        _named(path, words): Template(content.decode()).substitute(words).encode()
        for part in ("common", template)
        for path, content in _contents(folder / part)
    }
    for one in others:
        written[_MANIFEST] += f'{one} = "0.1.0"\n'.encode()
        written[_PUDDLES] += _PUDDLE.format(source=one).encode()
    return _write({**written, SCHEMA: schema_text().encode()}, target)


def write_workspace(target: Path) -> list[Path]:
    """Write the folder that several Ponds lie in: how to work with them, and a workflow for CI.

    Returns:
        Every file of it, sorted, whether written now or there before.

    Raises:
        WouldOverwriteError: a file is there already and differs; nothing was written.
    """
    written = {
        PurePosixPath(_HIDDEN.get(path.parts[0], path.parts[0]), *path.parts[1:]): content
        for path, content in _contents(files(__package__) / "workspace")
    }
    return _write(written, target)


_HIDDEN = {"gitignore": ".gitignore", "github": ".github"}
"""Files that a package cannot have under their own names: git, or its host, would obey them."""
WITH_SOURCE: frozenset[TemplateName] = frozenset({"sql", "incremental", "outlet"})


def _words(name: str, source: str) -> dict[str, str]:
    """What stands in templates as ``$name``. ``own`` and ``from`` are for SQL, where a Pond may be
    called as a word of the language is.
    """
    return {
        "name": name,
        "source": source,
        "own": _in_sql(name),
        "from": f"{_in_sql(source)}.{_in_sql(source)}",
        "second": "by_day" if name != "by_day" else "daily",
    }


def _in_sql(name: str) -> str:
    import duckdb

    sql = "SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category = 'reserved'"
    with duckdb.connect() as con:
        reserved = {word for (word,) in con.execute(sql).fetchall()}
    return quoted(name) if name in reserved else name


def _named(path: PurePosixPath, words: Mapping[str, str]) -> PurePosixPath:
    """Where a template's file belongs: ``_name_.sql`` is called after the Pond."""
    stem = words.get(path.stem.strip("_"), path.stem) if path.stem.startswith("_") else path.stem
    return path.with_name(f"{_HIDDEN.get(stem, stem)}{path.suffix}")


def schema_text() -> str:
    """The JSON schema of pond.toml, as a file has it."""
    from duckstring.model.pondfile import schema

    return json.dumps(schema(), indent=2) + "\n"


def _contents(folder: Traversable, below: str = "") -> Iterator[tuple[PurePosixPath, bytes]]:
    for entry in folder.iterdir():
        if entry.name in _PACKAGE_ONLY:
            continue
        if entry.is_dir():
            yield from _contents(entry, f"{below}{entry.name}/")
        else:
            yield PurePosixPath(below + entry.name), entry.read_bytes()


def _write(project: Project, target: Path) -> list[Path]:
    """Look at everything first: half a project is worse than none."""
    if target.exists() and not target.is_dir():
        raise BadInputError(f"{target} is not a folder.", hint="Choose another folder.")
    wanted = {target / path: content for path, content in sorted(project.items())}
    if in_the_way := [
        path for path, content in wanted.items() if _is_in_the_way(path, content, target)
    ]:
        raise WouldOverwriteError(in_the_way)
    for path, content in wanted.items():
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    return list(wanted)


def _is_in_the_way(path: Path, content: bytes, target: Path) -> bool:
    folders = [parent for parent in path.parents if parent == target or target in parent.parents]
    if any(folder.exists() and not folder.is_dir() for folder in folders):
        return True
    return path.is_dir() or (path.exists() and path.read_bytes() != content)
