"""The files of SQL Ripples, ``src/ripples/NAME.sql``, and what runs one: its SELECT is written to
the table NAME.

``sql_ripple.py`` reads what such a file declares. A run does not need that.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from duckstring.author.columns import duckdb_message
from duckstring.author.errors import RippleError, SqlError
from duckstring.author.ripple import Declared
from duckstring.author.statements import Place, place_of
from duckstring.errors import AuthorError
from duckstring.model.catalog import RippleSpec
from duckstring.model.names import POND_NAME, SQL_FOLDER

if TYPE_CHECKING:
    from duckstring.author.pond import Pond

SUFFIX = ".sql"
_MOST_BYTES = 1_000_000
_OPTION = re.compile(r"^--[ \t]*([A-Za-z_]\w*)[ \t]*:[ \t]*(.*?)[ \t]*$", re.ASCII)


@dataclass(frozen=True, slots=True)
class SqlFile:
    """A file with a SELECT. ``shown``: its path in the package, as errors name it."""

    path: Path
    shown: str

    @property
    def name(self) -> str:
        """The Ripple's name, and its table's."""
        return self.path.stem

    def text(self) -> str:
        """Its text.

        Raises:
            RippleError: it is not UTF-8 text, or too large.
        """
        content = self.path.read_bytes()
        if len(content) > _MOST_BYTES:
            raise RippleError(
                f"{self.shown} has {len(content)} bytes; allowed: {_MOST_BYTES}.",
                hint="Write it as several Ripples.",
            )
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            raise RippleError(
                f"{self.shown}:{line}: found the byte 0x{content[error.start]:02x}, which is not "
                "UTF-8.",
                hint="Save it as UTF-8.",
            ) from error
        if (at := text.find("\0")) >= 0:
            line = text.count("\n", 0, at) + 1
            raise RippleError(
                f"{self.shown}:{line}: found a null byte, which no SQL has.",
                hint="Save it as UTF-8.",
            )
        return text


def option_lines(text: str) -> Iterator[tuple[int, str, str]]:
    """The lines ``-- word: value`` of the comment at the beginning of a text: the line's number,
    the word in lower case, and the value.
    """
    for number, line in enumerate(text.splitlines(), start=1):
        plain = line.strip()
        if plain and not plain.startswith("--"):
            return
        if found := _OPTION.match(plain):
            yield number, found[1].lower(), found[2]


def sql_files(root: Path) -> list[SqlFile]:
    """The SQL files of a package, by name; also those that cannot be Ripples."""
    folder = root / SQL_FOLDER
    found = (path for path in sorted(folder.rglob("*")) if path.suffix.lower() == SUFFIX)
    return [SqlFile(path, path.relative_to(root).as_posix()) for path in found if path.is_file()]


def find_sql(root: Path, name: str) -> Declared | None:
    """The SQL Ripple of that name, without its parents: what a run needs of it."""
    path = root / SQL_FOLDER / f"{name}{SUFFIX}"
    if not POND_NAME.fullmatch(name) or not path.is_file():
        return None
    file = SqlFile(path, path.relative_to(root).as_posix())
    return Declared(RippleSpec(name), writer_of(file))


def writer_of(file: SqlFile) -> Callable[[Pond], None]:
    """The function of an SQL Ripple."""

    def write(pond: Pond) -> None:
        sql = file.text()
        with ErrorsIn(file, sql, pond):
            pond.write_table(file.name, sql)

    write.__name__ = write.__qualname__ = file.name
    return write


class ErrorsIn:
    """What the SQL of a file is refused for names the file, and the place in it if that is known.

    ``contextmanager`` would take the file's line out of the traceback again.
    """

    def __init__(self, file: SqlFile, sql: str, pond: Pond) -> None:
        """``sql`` is the file's text, which the block gives to ``pond``."""
        self._file, self._sql, self._pond = file, sql, pond

    def __enter__(self) -> None:
        """The SQL is used inside the block."""

    def __exit__(self, _kind: object, error: BaseException | None, _frames: object) -> None:
        """Raise what the block has raised in the words for the file."""
        from duckdb import DataError, NotSupportedError, ProgrammingError  # noqa: PLC0415 - as above

        match error:
            case ProgrammingError() | DataError() | NotSupportedError():
                explained = _explained(self._file, self._sql, error, self._pond)
                _raise_in(self._file, self._sql, *explained)
            case AuthorError():
                _raise_in(self._file, self._sql, error, None)
            case _:
                pass


def _explained(
    file: SqlFile, sql: str, error: Exception, pond: Pond
) -> tuple[BaseException, Place | None]:
    """What to raise for an error of DuckDB's, and its place in the file, if that is known."""
    if (outage := pond.outage(error)) is not None:
        return outage, None
    explained = pond.explained(error)
    if explained is not error:
        return explained, None
    at = place_of_error(sql, pond)
    place = "" if at is None else f":{at.line}:{at.column}"
    message = duckdb_message(error).partition("\n\nLINE ")[0]
    return SqlError(f"{file.shown}{place}: {' '.join(message.split())}"), at


def _raise_in(file: SqlFile, sql: str, error: BaseException, at: Place | None) -> None:
    """Raise with a traceback that shows the file's line, as one of Python shows that of a module.
    Carets mark it from the place on, if that is known.

    Raises:
        BaseException: the given one.
    """
    found = at or Place(1, 1)
    line = dict(enumerate(sql.split("\n"), 1)).get(found.line, "")
    # Python counts bytes.
    begin, end = (len(text.encode()) for text in (line[: found.column - 1], line))
    tree = ast.parse("raise error from None")
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt | ast.expr):
            node.lineno = node.end_lineno = found.line
            node.col_offset, node.end_col_offset = begin, end
    code = compile(tree, str(file.path), "exec")
    exec(code, {"error": error})  # noqa: S102 - our own words; only its place is the author's


_EXPLAIN = "EXPLAIN\n"


def place_of_error(sql: str, pond: Pond) -> Place | None:
    """Where DuckDB finds a fault as it binds a statement; None: it finds none, or says no place."""
    from duckdb import Error  # noqa: PLC0415 - as above

    with pond.con.cursor() as cursor:
        cursor.execute("SET errors_as_json = true")
        try:
            cursor.execute(f"{_EXPLAIN}{sql}")
        except Error as error:
            if found := re.search(r'"position":"(\d+)"', str(error)):
                return place_of(sql, int(found[1]) - len(_EXPLAIN))
    return None
