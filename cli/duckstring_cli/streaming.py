"""Rows of a SELECT as CSV or JSON, in pieces, while DuckDB is still at work.

DuckDB makes each row's text and holds a few rows ahead of their reader, so memory depends neither
on the number of rows nor on how slow the reader is. Its own COPY would be as quick, but keeps what
a slow reader has not taken. The texts are those that COPY writes; a test compares them.
"""

from __future__ import annotations

import queue
import select as polling
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TextIO, TypeVar

from duckstring.model.foreign import for_terminal
from duckstring.model.sql import quoted
from duckstring_cli.forms import in_json

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

Style = Literal["csv", "json"]
Result = TypeVar("Result")

_PLAIN = frozenset(
    {
        *(f"{sign}{size}int" for sign in ("", "u") for size in ("tiny", "small", "big", "huge")),
        *("integer", "uinteger", "bignum", "float", "double", "decimal", "boolean", "bit", "uuid"),
        *("date", "time", "time_ns", "time with time zone", "interval"),
        *("timestamp", "timestamp_s", "timestamp_ms", "timestamp_ns", "timestamp with time zone"),
    }
)
"""Types whose texts never need quotes in a CSV."""
_QUOTED = ',"#\n\r'
_FIRST_ROWS = 64
_MOST_ROWS = 8192
_PIECE = 262_144
"""Characters of a piece, about. A row may be longer than that."""
_AHEAD = 4
"""Pieces that wait for a slow reader."""
_LOOK_SECONDS = 0.25
_RETRY_SECONDS = 0.05
_STORAGE = ("IO Error", "HTTP Error")
"""What DuckDB's errors begin with if a file cannot be read."""


@dataclass(frozen=True, slots=True)
class _Form:
    """What stands before the rows, between two, and after them. ``empty``: the whole of none."""

    first: str
    between: str
    last: str
    empty: str


def stream(
    con: DuckDBPyConnection,
    select: str,
    style: Style,
    out: TextIO,
    escape: Callable[[str], str] = str,
) -> None:
    """Write the rows of one SELECT to ``out`` as they come, each piece as ``escape`` makes it.

    Ends DuckDB's work at once if the reader of ``out`` is gone, and on Ctrl-C.

    Raises:
        BrokenPipeError: the reader is gone.
        duckdb.Error: DuckDB does not accept the SELECT, or cannot go on. What was written stays.
    """
    pieces: queue.Queue[str | BaseException | None] = queue.Queue(_AHEAD)
    is_over = threading.Event()

    def give(piece: str | BaseException | None) -> bool:
        while not is_over.is_set():
            try:
                pieces.put(piece, timeout=_LOOK_SECONDS)
            except queue.Full:
                continue
            return True
        return False

    def work() -> None:
        try:
            if all(map(give, texts(con, select, style))):
                give(None)
        except BaseException as error:  # noqa: BLE001 - it is raised again where the rows are taken
            give(error)

    beside = _Beside(work)
    try:
        beside.begin()
        while (piece := _next(pieces, out)) is not None:
            out.write(escape(piece))
            out.flush()
    finally:
        is_over.set()
        beside.end(con)


def interruptible(con: DuckDBPyConnection, act: Callable[[], Result]) -> Result:
    """What ``act`` gives, which works with ``con``. Ctrl-C ends DuckDB's work, and is raised when
    that has ended: the connection can be used again.
    """
    found: list[Result] = []
    failed: list[BaseException] = []

    def work() -> None:
        try:
            found.append(act())
        except BaseException as error:  # noqa: BLE001 - it is raised again below
            failed.append(error)

    beside = _Beside(work)
    try:
        beside.begin()
        while not beside.done.wait(_LOOK_SECONDS):
            pass
    finally:
        beside.end(con)
    if failed:
        raise failed[0]
    return found[0]


class _Beside:
    """Work in a thread of its own. ``done`` is set at its end: ``Thread.join`` takes a thread for
    dead once Ctrl-C has come during it.
    """

    def __init__(self, work: Callable[[], None]) -> None:
        """Nothing has begun yet, so that Ctrl-C can come at any moment from here on."""
        self.done = threading.Event()
        self._work = work
        self._thread = threading.Thread(target=self._run, name="rows", daemon=True)

    def begin(self) -> None:
        """Begin."""
        self._thread.start()

    def end(self, con: DuckDBPyConnection) -> None:
        """End what DuckDB does, if it is not done. An interrupt reaches only a statement that has
        begun, so it is repeated.
        """
        while self._thread.ident is not None and not self.done.is_set():
            con.interrupt()
            self.done.wait(_RETRY_SECONDS)

    def _run(self) -> None:
        try:
            self._work()
        finally:
            self.done.set()


def texts(con: DuckDBPyConnection, select: str, style: Style) -> Iterator[str]:
    """The pieces of the text that the rows of one SELECT make."""
    relation = con.sql(f"FROM ({select}\n)")  # tells columns of one name apart
    row, form = (_csv if style == "csv" else _json)(relation)
    made = f"SELECT {row} FROM ({select}\n)"  # noqa: S608 - the user's own SELECT
    con.execute(made)
    yield form.first
    is_first, most = True, _FIRST_ROWS
    while rows := fetch(con, most, made):
        piece = form.between.join([one for (one,) in rows])
        yield piece if is_first else f"{form.between}{piece}"
        is_first = False
        most = min(_MOST_ROWS, max(1, _PIECE * len(rows) // (len(piece) or 1)))
    yield form.empty if is_first else form.last


def fetch(con: DuckDBPyConnection, most: int, sql: str) -> list[tuple[Any, ...]]:
    """The next rows of ``sql``, which runs. What stops DuckDB among the rows comes wrapped: it is
    raised as what it is.
    """
    import duckdb

    try:
        return con.fetchmany(most)
    except duckdb.InterruptException:
        _find_cause(con, sql)
        raise
    except duckdb.InvalidInputException as error:
        _, _, said = str(error).partition("\nError: ")
        kind = duckdb.IOException if said.startswith(_STORAGE) else duckdb.Error
        raise kind(said or str(error)) from error


def _find_cause(con: DuckDBPyConnection, sql: str) -> None:
    """Raise what a SELECT fails by. If one of several threads fails while rows are fetched, DuckDB
    at times says only that it has stopped the others. After a true interrupt this is interrupted,
    too: an interrupt is repeated until the work has ended.
    """
    con.execute(f"SELECT max(hash(made)) FROM ({sql}\n) AS made")  # noqa: S608 - as it ran before


def _csv(relation: DuckDBPyRelation) -> tuple[str, _Form]:
    """SQL of a row's text. A CSV's header is one line, and harmless to a terminal."""
    header = ",".join(_in_quotes(for_terminal(name)) for name in relation.columns)
    cells = [
        _cell(f"#{place}", is_plain=dtype.id in _PLAIN)
        for place, dtype in enumerate(relation.types, 1)
    ]
    row = ", ',', ".join(cells)
    return f"concat({row})", _Form(f"{header}\n", "\n", "\n", "")


def _cell(value: str, *, is_plain: bool) -> str:
    text = f"{value}::VARCHAR"
    if is_plain:
        return text
    odd = " OR ".join(f"contains({text}, chr({ord(one)}))" for one in _QUOTED)
    return (
        f"CASE WHEN {text} = '' OR {odd} "
        f"THEN '\"' || replace({text}, '\"', '\"\"') || '\"' ELSE {text} END"
    )


def _in_quotes(text: str) -> str:
    if text and not any(one in text for one in _QUOTED):
        return text
    return '"' + text.replace('"', '""') + '"'


def _json(relation: DuckDBPyRelation) -> tuple[str, _Form]:
    """SQL of a row as a JSON object."""
    columns = enumerate(zip(relation.columns, relation.types, strict=True), 1)
    packed = ", ".join(
        f"{quoted(name)} := {in_json(f'#{place}', dtype) or f'#{place}'}"
        for place, (name, dtype) in columns
    )
    return f"to_json(struct_pack({packed}))::VARCHAR", _Form("[\n\t", ",\n\t", "\n]\n", "\n]\n")


def _next(pieces: queue.Queue[str | BaseException | None], out: TextIO) -> str | None:
    """The next piece; None after the last."""
    while True:
        try:
            piece = pieces.get(timeout=_LOOK_SECONDS)
        except queue.Empty:
            if _is_reader_gone(out):
                raise BrokenPipeError from None
            continue
        if isinstance(piece, BaseException):
            raise piece
        return piece


def _is_reader_gone(out: TextIO) -> bool:
    """Whether nobody can read what would be written: asked while there is nothing to write."""
    try:
        poll = polling.poll()
        poll.register(out.fileno(), 0)
        return any(event & (polling.POLLERR | polling.POLLHUP) for _, event in poll.poll(0))
    except (OSError, ValueError, AttributeError):  # it has no descriptor, or there is no poll
        return False
