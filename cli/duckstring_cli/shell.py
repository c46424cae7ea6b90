"""The shell of ``duckstring sql``: statements that end in ``;``, with history and completion.

The standard library's readline edits the lines. Where Python has none, the shell works without
history and completion.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from duckstring.errors import DuckstringError
from duckstring_cli import durations, interrupts, reading, render, rows, streaming
from duckstring_cli.client import Client
from duckstring_cli.lake import Lake
from duckstring_cli.local.home import home, private_folder
from duckstring_cli.names_typed import Names

if TYPE_CHECKING:
    from duckstring.model.answers.tables import PondSnapshot

_HELP = """\
SELECT ... ;            rows of POND.TABLE; a statement may have several lines
.tables [POND]          the tables that there are
.schema POND.TABLE      its columns
.help                   this
.quit                   leave, as Ctrl-D does; Ctrl-C ends a query"""
_MOST_LINES = 2_000
"""Of the history."""


def run(client: Client, how: rows.Wanted, *, consistent: bool, at: str | None) -> None:
    """Answer statements until the user leaves.

    Raises:
        OperatorError: the Catchment cannot be reached.
    """
    shell = Shell(Lake(client, consistent=consistent, at=at), client, how)
    render.note(f"Tables of {client.catchment.name}. End SQL with ;  Help: .help  Leave: .quit")
    with _editing(Names(shell.lake)):
        while shell.take():
            pass


class Shell:
    """What a user types, and the answers."""

    def __init__(self, lake: Lake, client: Client, how: rows.Wanted) -> None:
        self.lake, self._client, self._how = lake, client, how
        self._typed: list[str] = []

    def take(self) -> bool:
        """Take one line. False: the user wants to leave."""
        try:
            line = input("...> " if self._typed else "sql> ")
        except EOFError:
            sys.stdout.write("\n")
            return False
        except KeyboardInterrupt:  # what is typed is dropped
            interrupts.obeyed()
            self._typed.clear()
            sys.stdout.write("\n")
            return True
        if not self._typed and line.strip().startswith("."):
            return self._obey(line.split())
        self._typed.append(line)
        statement = "\n".join(self._typed)
        if not statement.strip():
            self._typed.clear()
        elif is_whole(statement):
            self._typed.clear()
            self._guarded(lambda: self._answer(statement))
        return True

    def _obey(self, words: list[str]) -> bool:
        match words:
            case [".quit" | ".exit" | ".q"]:
                return False
            case [".help" | ".h"]:
                render.say(_HELP)
            case [".tables"]:
                self._guarded(lambda: self._list(None))
            case [".tables", pond]:
                self._guarded(lambda: self._list(pond.rstrip(";")))
            case [".schema", table]:
                self._guarded(lambda: self._answer(f"DESCRIBE {table.rstrip(';')}"))
            case _:
                render.note(f"{render.escape(' '.join(words))} is no command. See .help")
        return True

    def _guarded(self, act: Callable[[], None]) -> None:
        """A refusal, and Ctrl-C, end one statement and not the shell."""
        try:
            act()
        except KeyboardInterrupt:
            interrupts.obeyed()
            render.note("\nInterrupted.")
        except DuckstringError as error:
            render.refuse(error)
        except Exception:
            if not interrupts.seen():
                raise
            interrupts.obeyed()  # DuckDB and others raise errors of their own for Ctrl-C
            render.note("\nInterrupted.")

    def _answer(self, statement: str) -> None:
        began = time.monotonic()
        self.lake.refresh()
        with reading.reading_rows(self._client.catchment):
            shown = streaming.interruptible(
                self.lake.con, lambda: rows.shown(self.lake.ask(statement), self._most)
            )
        hidden = rows.print_shown(shown)
        as_of = f", as of {render.moment(self.lake.f)}" if self.lake.f else ""
        rows.footnotes(
            len(shown.cells),
            more=shown.more,
            hidden=hidden,
            took=f" in {durations.brief(time.monotonic() - began)}{as_of}",
        )

    @property
    def _most(self) -> int:
        return self._how.most or rows.DEFAULT_LIMIT

    def _list(self, pond: str | None) -> None:
        made = render.table("TABLE", "ROWS", "BYTES", "AS OF", right=("ROWS", "BYTES"))
        for snapshot in self.lake.snapshots(pond):
            for table in snapshot["tables"]:
                made.add_row(
                    _named(snapshot, table["table"]),
                    render.count(table["rows"]),
                    render.size(table["bytes"]),
                    render.moment(table.get("as_of") or snapshot["f"]),
                )
        render.out().print(made)


def _named(snapshot: PondSnapshot, table: str) -> str:
    schema = snapshot["schema"]
    return f'"{schema}".{table}' if "@" in schema else f"{schema}.{table}"


def is_whole(statement: str) -> bool:
    """Whether a statement ends in a semicolon that is none of a text or comment."""
    import duckdb

    text = statement.encode("utf-8", "surrogateescape")
    try:
        starts = [at for at, _ in duckdb.tokenize(text.decode())]  # counted in bytes
    except (duckdb.Error, UnicodeError):
        return text.rstrip().endswith(b";")
    return bool(starts) and text[starts[-1] :].lstrip()[:1] == b";"


@contextmanager
def _editing(names: Names) -> Iterator[None]:
    """Line editing with history and completion, where Python has readline."""
    try:
        import readline
    except ImportError:
        yield
        return
    path = home() / "sql-history"
    held = _history(path)
    for line in held:
        readline.add_history(line)
    before = readline.get_completer(), readline.get_completer_delims()
    readline.set_completer_delims(" \t\n,()=<>+-*/;")
    readline.set_completer(names.complete)
    is_libedit = "libedit" in (readline.__doc__ or "")
    readline.parse_and_bind("bind ^I rl_complete" if is_libedit else "tab: complete")
    known = readline.get_current_history_length()
    try:
        yield
    finally:
        readline.set_completer(before[0])
        readline.set_completer_delims(before[1])
        typed = [
            str(readline.get_history_item(at))
            for at in range(known + 1, readline.get_current_history_length() + 1)
        ]
        with suppress(OSError):  # a history that cannot be kept is no reason to fail
            _keep(path, typed)


def _history(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return text.splitlines()[-_MOST_LINES:]


def _keep(path: Path, typed: list[str]) -> None:
    """Add lines to the history, which only its owner can read."""
    if not typed:
        return
    private_folder(path.parent)
    lines = [*_history(path), *typed][-_MOST_LINES:]
    made = path.with_name(f".sql-history.{os.getpid()}")
    with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.writelines(f"{line}\n" for line in lines)
    made.replace(path)
