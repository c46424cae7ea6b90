"""What is read out of statements and of Python files, without running them."""

from __future__ import annotations

from pathlib import Path

import pytest

from duckstring_cli.checking.columns import UnreadableError, columns_read, tables_named
from duckstring_cli.checking.reading import read_project


@pytest.mark.parametrize(
    ("sql", "read"),
    [
        ("SELECT a, B FROM s.t", "s.t.a s.t.b"),
        ("SELECT * FROM s.t", ""),
        ("FROM s.t WHERE a > 1", "s.t.a"),
        ("SELECT x.a, y.b, c FROM s.t x JOIN s.u y USING (k)", "s.t.a s.u.b s.u.k"),
        ("SELECT s.t.a, t.b FROM s.t", "s.t.a s.t.b"),
        ("SELECT customer.id FROM s.t", "s.t.customer"),
        ("SELECT t FROM s.t", ""),
        ("SELECT a + 1 AS n, n * 2 FROM s.t ORDER BY n", "s.t.a"),
        ("SELECT list_transform(l, x -> x + b) FROM s.t", "s.t.l s.t.b"),
        ("WITH t AS (SELECT a FROM s.t) SELECT b FROM t", "s.t.a"),
        ("SELECT a FROM own", ""),
        # What a subquery does not qualify may be of the tables around it.
        ("SELECT a FROM s.t WHERE EXISTS (SELECT 1 FROM s.u WHERE q = 1)", "s.t.a"),
        ("SELECT a FROM s.t WHERE EXISTS (SELECT 1 FROM s.u x WHERE x.q = 1)", "s.t.a s.u.q"),
        ("CREATE TABLE made AS SELECT a FROM s.t", "s.t.a"),
        ("INSERT INTO made SELECT a FROM s.t", "s.t.a"),
        ("SELECT a FROM s.t UNION SELECT b FROM s.u", "s.t.a s.u.b"),
    ],
)
def test_only_columns_that_are_certain_count(sql: str, read: str) -> None:
    assert " ".join(f"{one.ref}.{one.column}" for one in columns_read(sql)) == read


def test_statements_that_are_no_select_name_tables_too() -> None:
    found = tables_named("INSERT INTO made SELECT 1 FROM s.t; DELETE FROM s.u")
    assert [(one.source, one.table) for one in found] == [("s", "t"), ("s", "u")]
    assert tables_named("CREATE SCHEMA made; DROP SCHEMA made") == []


def test_what_is_not_sql_is_not_read() -> None:
    with pytest.raises(UnreadableError):
        columns_read("SELEC a FRM s.t WHERE (")


PYTHON = '''
"""Of duckstring."""
from duckstring import ripple

SQL = """
SELECT a
FROM shop.orders
"""
NAME = "named"


def write(pond, name):
    pond.append_table("helped", "SELECT 1 AS a")


@ripple
def load(pond):
    rows = pond.con.sql(SQL)
    pond.write_table("rows", rows)
    pond.write_table(NAME, "SELECT 2 AS b")
    pond.write_table(data="SELECT 3 AS c", name="by_keyword")
    other.sql("SELECT 4")
    con = pond.con
    con.execute("SELECT " "5")
    con.sql(f"SELECT {pond.version}")
    pond.read_table("shop.prices")
    pond.read_table(pond.version)
    pond.keep_table("kept")
    pond.drop_table("dropped")
    pond.has_table("shop.later")


pond.con.sql("SELECT 'nobody calls this'")
'''


def test_python_is_read_for_texts_that_are_written_out(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "pond.py").write_text(PYTHON)
    (tmp_path / "src" / "broken.py").write_text("def f(:\n")
    reading = read_project(tmp_path, ["src/broken.py", "src/pond.py"])
    assert sorted((" ".join(sql.text.split()), sql.line, sql.writes) for sql in reading.sql) == [
        ("SELECT 1 AS a", 13, "helped"),
        ("SELECT 2 AS b", 20, "named"),
        ("SELECT 3 AS c", 21, "by_keyword"),
        ("SELECT 5", 24, ""),
        ("SELECT a FROM shop.orders", 5, "rows"),
    ]
    assert reading.sql[0].at(1, 1).startswith("src/pond.py:")
    assert [one.name for one in reading.reads] == ["shop.prices"]
    assert reading.tables_written() == {"helped", "rows", "named", "by_keyword", "kept"}
    assert [one.name for one in reading.dropped] == ["dropped"]
    assert reading.asked == {"shop.later"}
    assert not reading.open_writes
    assert reading.unknown == [
        ("src/pond.py:25", "SQL that is put together as it runs"),
        ("src/pond.py:27", "the table that read_table reads"),
    ]


CHECKS = """
from duckstring import check

@check
def amounts(pond):
    return "FROM shop.orders WHERE amount < 0"

@check(severity="warn")
def late(pond):
    if pond.has_table("previous.orders"):
        return f"FROM {pond.name}"
    return "FROM previous.orders"

def helper():
    return "FROM shop.nothing"
"""


def test_what_checks_return_and_their_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "src" / "checks").mkdir(parents=True)
    (tmp_path / "src" / "pond.py").write_text(CHECKS)
    (tmp_path / "src" / "checks" / "ids.sql").write_text("FROM shop.orders WHERE id IS NULL\n")
    found = read_project(tmp_path, ["src/pond.py"])
    assert [(one.at(1, 6), one.text.strip()) for one in found.sql] == [
        ("src/checks/ids.sql:1:6", "FROM shop.orders WHERE id IS NULL"),
        ("src/pond.py:6", "FROM shop.orders WHERE amount < 0"),
        ("src/pond.py:12", "FROM previous.orders"),
    ]
    assert found.unknown == [("src/pond.py:11", "SQL that is put together as it runs")]
