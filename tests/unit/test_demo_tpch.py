"""The TPC-H demo: run as its author would run it, against what plain DuckDB makes of the same
data.
"""

from __future__ import annotations

import tomllib
from importlib.metadata import version
from pathlib import Path

import duckdb
import pytest

from duckstring.author import stored
from duckstring.author.contents import whole
from duckstring_cli import main
from duckstring_cli.demos import write_demo
from duckstring_cli.demos.external.service.work import generate
from duckstring_cli.odcs.document import Facts, Place, Table, document
from duckstring_cli.odcs.text import to_yaml
from tests.odcs import judged

INLETS = ("region", "nation", "supplier", "customer", "part", "partsupp", "orders", "lineitem")
QUERIES = range(1, 23)
RENAMED = {18: "sum(l_quantity)"}
"""A column whose name DuckDB has made up."""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tpch")
    write_demo("tpch", folder)
    return folder


@pytest.fixture(scope="module")
def plain() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    generate(con, 0.01)
    return con


@pytest.fixture(scope="module")
def answers(demo: Path) -> dict[int, Path]:
    """The Outlet's tables, by the numbers of their queries."""
    assert main.run(["pond", "run", str(demo / "queries")]) == 0
    return {int(file.stem[1:3]): file for file in (demo / "queries/puddles/out").glob("*.parquet")}


def rows(con: duckdb.DuckDBPyConnection, file: Path) -> duckdb.DuckDBPyRelation:
    return con.sql(stored.select(con, whole(str(file))))


def test_there_are_eight_inlets_and_an_outlet_that_reads_them_all(demo: Path) -> None:
    found = {
        file.parent.name: tomllib.loads(file.read_text(encoding="utf-8"))
        for file in demo.glob("*/pond.toml")
    }
    assert {name for name, one in found.items() if one["pond"]["type"] == "inlet"} == set(INLETS)
    assert set(found) - set(INLETS) == {"queries"}
    assert set(found["queries"]["sources"]) == set(INLETS)


@pytest.mark.parametrize("table", INLETS)
def test_an_inlet_publishes_the_table_that_duckdb_makes(
    demo: Path, plain: duckdb.DuckDBPyConnection, table: str
) -> None:
    assert main.run(["pond", "run", str(demo / table)]) == 0
    found, made = rows(plain, demo / table / f"puddles/out/{table}.parquet"), plain.table(table)
    assert (found.columns, found.types) == (made.columns, made.types)
    assert found.fetchall() == made.fetchall()


def test_each_of_the_22_queries_has_a_table(answers: dict[int, Path]) -> None:
    assert sorted(answers) == list(QUERIES)


@pytest.mark.parametrize("number", QUERIES)
def test_a_query_s_table_is_what_plain_duckdb_answers(
    answers: dict[int, Path], plain: duckdb.DuckDBPyConnection, number: int
) -> None:
    found, expected = rows(plain, answers[number]), plain.sql(f"PRAGMA tpch({number})")
    names = ["quantity" if RENAMED.get(number) == name else name for name in expected.columns]
    assert (found.columns, found.types) == (names, expected.types)
    assert found.fetchall() == expected.fetchall()


def test_a_variable_sets_the_scale(demo: Path, tmp_path: Path) -> None:
    (tmp_path / "env").write_text("TPCH_SCALE=0.02\n")
    given = ["--env-file", str(tmp_path / "env")]
    assert main.run(["pond", "run", str(demo / "supplier"), *given]) == 0
    (count,) = duckdb.sql(
        f"SELECT count(*) FROM '{demo / 'supplier/puddles/out/supplier.parquet'}'"
    ).fetchone() or (0,)
    assert count == 200


@pytest.mark.parametrize("table", INLETS)
def test_an_inlet_says_what_to_install(
    demo: Path, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module: dict[str, object] = {}
    exec((demo / table / "src/pond.py").read_text(encoding="utf-8"), module)
    monkeypatch.setitem(module, "find_spec", lambda _: None)
    with pytest.raises(ModuleNotFoundError, match=r"add duckdb-extension-tpch==.*requirements"):
        module["extension"]()  # type: ignore[operator]


def test_the_extension_that_the_demo_asks_for_is_that_of_duckstring_s_duckdb(demo: Path) -> None:
    asked = (demo / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert f"duckdb-extension-tpch=={version('duckdb')}" in asked


def test_the_contract_of_the_queries_is_valid_and_has_them_all(
    answers: dict[int, Path], plain: duckdb.DuckDBPyConnection
) -> None:
    tables = [
        Table(file.stem, stored.published(plain, whole(str(file)))) for file in answers.values()
    ]
    facts = Facts("queries@1", "1.0.0", "outlet", Place("dev", "the-bucket"), tables)
    found = {one["name"]: one for one in judged(to_yaml(document(facts)))["schema"]}
    assert {int(name[1:3]) for name in found} == set(QUERIES)
    for number, file in answers.items():
        columns = [one["name"] for one in found[file.stem]["properties"]]
        assert columns == rows(plain, file).columns, number
