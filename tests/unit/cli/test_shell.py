"""The shell of ``duckstring sql``: what is typed, and what comes of it."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from duckstring_cli import main, shell
from duckstring_cli.client import Client
from duckstring_cli.lake import Lake
from duckstring_cli.names_typed import Names
from tests.unit.cli.lake_kit import DEV, Api, api, lake_rows, lake_s3

__all__ = ["api", "lake_rows", "lake_s3"]


@pytest.fixture
def typed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[..., tuple[int, str, str]]:
    """Run the shell over lines, each as if somebody typed it. An exception is raised instead."""
    monkeypatch.setenv("DUCKSTRING_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)

    def act(*lines: str | BaseException, options: tuple[str, ...] = ()) -> tuple[int, str, str]:
        left: Iterator[str | BaseException] = iter([*lines, EOFError()])

        def line(prompt: str = "") -> str:
            one = next(left)
            if isinstance(one, BaseException):
                raise one
            return one

        monkeypatch.setattr("builtins.input", line)
        monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
        code = main.run(["sql", *options])
        told = capsys.readouterr()
        return code, told.out, told.err

    return act


@pytest.mark.usefixtures("api")
def test_a_statement_ends_at_its_semicolon_and_says_how_long_it_took(typed: Callable) -> None:
    code, out, err = typed("SELECT count(*) AS n", "", "FROM sales.orders", "; -- all of them")
    assert (code, out.split()) == (0, ["n", "30"])
    assert re.search(r"1 row in \d", err)


@pytest.mark.parametrize(
    ("statement", "is_whole"),
    [
        ("SELECT 1;", True),
        ("SELECT 1 ; ", True),
        ("SELECT 1; -- the end", True),
        ("SELECT 1 -- not the end ;", False),
        ("SELECT ';", False),
        ("SELECT ';'", False),
        ("SELECT 'é;é';", True),
        ("SELECT 1 /* ; */", False),
        ("SELECT 1; SELECT 2", False),
        (";", True),
        ("SELECT '\udcff';", True),
    ],
)
def test_the_end_of_a_statement_is_found_as_duckdb_reads_it(statement: str, is_whole: bool) -> None:
    assert shell.is_whole(statement) is is_whole


@pytest.mark.usefixtures("api")
def test_a_refusal_ends_a_statement_and_not_the_shell(typed: Callable) -> None:
    code, out, err = typed(
        "FROM sale.orders;", "COPY sales.orders TO 'x.csv';", "SELEC 1;", "SELECT 7 AS n;"
    )
    assert (code, out.split()) == (0, ["n", "7"])
    assert "error: No Pond 'sale'" in err
    assert "error: That SQL is COPY" in err
    assert "error: Parser Error" in err
    assert not Path("x.csv").exists()


@pytest.mark.usefixtures("api")
def test_ctrl_c_at_the_prompt_drops_what_was_typed(typed: Callable) -> None:
    code, out, _ = typed("SELECT 1 AS", KeyboardInterrupt(), "SELECT 2 AS n;")
    assert (code, out.split()) == (0, ["n", "2"])


def test_every_statement_sees_what_is_published_by_then(typed: Callable, api: Api) -> None:
    typed("SELECT count(*) FROM sales.orders;", "SELECT count(*) FROM sales.orders;")
    assert len(api.asked) == 2


def test_one_freshness_holds_for_each_statement(typed: Callable, api: Api) -> None:
    code, _, err = typed("FROM sales.orders;", options=("--consistent",))
    assert code == 0
    assert "5 rows in" in err
    assert "as of 2030-01-01 11:00:00Z" in err


@pytest.mark.usefixtures("api")
def test_commands_begin_with_a_dot(typed: Callable) -> None:
    code, out, err = typed(
        ".tables",
        ".tables sales_v1",
        ".schema sales.orders",
        ".help",
        ".what",
        ".quit",
        "SELECT 1;",
    )
    assert code == 0
    assert "products.prices" in out
    assert "sales_v1.orders" in out
    assert re.search(r"kind +VARCHAR", out)
    assert "Ctrl-D" in out
    assert ".what is no command" in err


@pytest.mark.usefixtures("api")
def test_a_list_of_a_pond_that_there_is_not_is_refused(typed: Callable) -> None:
    assert "error: No Pond 'nothing'" in typed(".tables nothing")[2]


@pytest.mark.usefixtures("api")
def test_the_shell_has_no_csv(typed: Callable) -> None:
    code, out, err = typed(options=("--csv",))
    assert (code, out) == (2, "")
    assert "error: --csv, --json and --parquet need SQL." in err


@pytest.mark.parametrize(
    ("word", "line", "offered"),
    [
        ("sal", "FROM sal", ["sales", "sales_v1", "sales_v2"]),
        ("sales.", "FROM sales.", ["sales.orders", 'sales."Odd name"']),
        ("sales.or", "FROM sales.or", ["sales.orders"]),
        ("products_v1.", "FROM products_v1.", ["products_v1.prices"]),
        ("nothing.", "FROM nothing.", []),
        ("SEL", "SEL", ["SELECT"]),
        ("wher", "FROM sales.orders wher", ["where"]),
        ("pri", "SELECT pri", ["price"]),
        ("del", "FROM del", ["delays", "delays_v1"]),
        (".t", ".t", [".tables"]),
        ("", "", []),
    ],
)
@pytest.mark.usefixtures("api")
def test_a_word_is_completed_to_what_there_is(word: str, line: str, offered: list[str]) -> None:
    lake = Lake(Client(DEV))
    lake.ask("FROM products.prices")
    assert list(Names(lake).candidates(word, line)) == offered


def test_hostile_names_are_not_offered_and_the_catchment_is_asked_once(api: Api) -> None:
    api.rows["sales@2", 2, "orders"]["table"] = "or\x1b[31mders"
    names = Names(Lake(Client(DEV)))
    assert list(names.candidates("sales.", "sales.")) == ['sales."Odd name"']
    list(names.candidates("prod", "prod"))
    assert len(api.asked) == 1


def test_a_catchment_that_refuses_offers_nothing(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    from duckstring.errors import OperatorError

    monkeypatch.setattr("duckstring_cli.names_typed._line", lambda: "sales.")
    names = Names(Lake(Client(DEV)))
    api.refusal = OperatorError("no")
    assert names.complete("sales.", 0) is None
    api.refusal = None
    assert names.complete("sales.", 0) == "sales.orders"
    assert names.complete("sales.", 2) is None


ON_A_TERMINAL = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # workers of tests ignore it
from types import SimpleNamespace
from duckstring_cli import catchments, main, reading
from duckstring_cli.catchments import Catchment

dev = Catchment(name="dev", kind="local", stack="s", port=1)
catchments.find = lambda _: dev
catchments.outputs = lambda _: {"Bucket": "the-bucket"}
reading.open_s3 = lambda *_: lambda: None
sys.argv = ["duckstring", *sys.argv[1:]]
main.main()
"""


class Terminal:
    """A process on a terminal of its own."""

    def __init__(self, home: Path, *arguments: str) -> None:
        here, there = pty.openpty()
        environ = {**os.environ, "DUCKSTRING_HOME": str(home), "TERM": "dumb"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", ON_A_TERMINAL, *arguments],
            stdin=there,
            stdout=there,
            stderr=there,
            env=environ,
            start_new_session=True,
        )
        os.close(there)
        self._here, self.text = here, ""

    def until(self, words: str) -> None:
        """Read until the terminal shows it."""
        ends = time.monotonic() + 60
        while words not in self.text:
            assert self._has_more(ends - time.monotonic()), self.text
            self.text += os.read(self._here, 4096).decode(errors="replace")
        self.text = self.text[self.text.index(words) + len(words) :]

    def _has_more(self, seconds: float) -> bool:
        return bool(select.select([self._here], [], [], max(seconds, 0))[0])

    def type(self, text: str) -> None:
        os.write(self._here, text.encode())

    def end(self) -> int:
        code = self.process.wait(60)
        os.close(self._here)
        return code


def test_ctrl_c_ends_a_query_and_not_the_shell_and_the_history_is_kept(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, "sql")
    terminal.until("sql> ")
    terminal.type("SELECT count(*) FROM range(10000000000) a, range(100000) b;\n")
    time.sleep(1.5)
    terminal.process.send_signal(signal.SIGINT)
    terminal.until("Interrupted.")
    terminal.until("sql> ")
    terminal.type("SELECT 40 + 2 AS answer;\n")
    terminal.until("42")
    terminal.until("1 row in")
    terminal.until("sql> ")
    terminal.type(".quit\n")
    assert terminal.end() == 0
    history = tmp_path / "sql-history"
    assert history.stat().st_mode & 0o777 == 0o600
    assert history.read_text().splitlines()[-2:] == ["SELECT 40 + 2 AS answer;", ".quit"]
