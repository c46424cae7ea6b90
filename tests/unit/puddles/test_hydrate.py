"""Puddles: what they may give, and how their mistakes are told."""

import pytest

from duckstring.puddles.errors import CodeFailedError, PuddleError
from duckstring.puddles.hydrate import hydrate
from duckstring.puddles.inputs import read_inputs
from duckstring_cli.projects import open_project
from tests.unit.puddles.local_kit import HEAD, Local


def project(tmp_path, text, sources='products = "1.0.0"\nshop = "1.0.0"\n'):
    local = Local(tmp_path, sources=sources)
    local.code(HEAD + "@ripple\ndef load(pond): ...\n")
    local.puddles(text)
    return local


def hydrated(local, **more):
    pond = open_project(local.root, in_place=True)
    hydrate(pond, local.clock.now(), **more)
    return read_inputs(pond).tables


def rows(local, ref):
    import duckdb

    source, _, table = ref.partition(".")
    file = local.root / "puddles" / "in" / source / f"{table}.parquet"
    return duckdb.connect().execute(f"FROM '{file}' ORDER BY ALL").fetchall()


def test_a_puddle_gives_its_rows_in_any_usual_form(tmp_path):
    local = project(
        tmp_path,
        """
import pandas, polars, pyarrow
from pathlib import Path

@puddle("products.relation")
def a(pond): return pond.con.sql("SELECT 1 AS id")

@puddle(table="products.text")
def b(): return "SELECT 1 AS id"

@puddle("products.dicts")
def c(): return [{"id": 1}, {"id": 2, "name": "x"}]

@puddle("products.pandas")
def d(): return pandas.DataFrame({"id": [1]})

@puddle("products.polars")
def e(): return polars.DataFrame({"id": [1]})

@puddle("products.arrow")
def f(): return pyarrow.table({"id": [1]})

@puddle("shop.file")
def g(): return "data/some.csv"

@puddle("shop.path")
def h(): return Path("data") / "some.json"

@puddle("shop.above")
def i(pond):
    print("not on stdout")
    return pond.con.sql("SELECT text.id + 1 AS id FROM products.text, 'data/some.csv'")

@puddle("sales.own")
def j(): return "SELECT 1::HUGEINT AS id"
""",
    )
    (local.root / "data").mkdir()
    (local.root / "data" / "some.csv").write_text("id,name\n1,x\n")
    (local.root / "data" / "some.json").write_text('[{"id": 1}]')
    made = hydrated(local)
    assert {ref: one.rows for ref, one in made.items()} == {
        "products.arrow": 1,
        "products.dicts": 2,
        "products.pandas": 1,
        "products.polars": 1,
        "products.relation": 1,
        "products.text": 1,
        "sales.own": 1,
        "shop.above": 1,
        "shop.file": 1,
        "shop.path": 1,
    }
    assert rows(local, "products.dicts") == [(1, None), (2, "x")]
    assert rows(local, "shop.file") == [(1, "x")]
    assert rows(local, "shop.above") == [(2,)]
    assert made["shop.file"].files == ("data/some.csv",)


def test_all_mistakes_are_told_at_once_and_nothing_is_stored(tmp_path):
    local = project(
        tmp_path,
        """
@puddle("products.good")
def good(): return "SELECT 1 AS id"

@puddle("products.nothing")
def nothing(): ...

@puddle("products.number")
def number(): return 7

@puddle("products.mixed")
def mixed(): return [{"id": 1}, {"id": "x"}]

@puddle("products.file")
def file(): return "data/none.parquet"

@puddle("products.sql")
def sql(): return "SELEC 1"
""",
    )
    with pytest.raises(PuddleError) as refused:
        hydrated(local)
    told = refused.value.faults
    assert [line.partition(": ")[0] for line in told] == [
        f"src/puddles.py:{line}" for line in (7, 10, 13, 16, 19)
    ]
    assert "Table 'products.nothing': there is nothing (None)." in told[0]
    assert "Table 'products.number': found int, which has no rows." in told[1]
    assert "column 'id' mixes int and str" in told[2]
    assert "there is no file data/none.parquet" in told[3]
    assert 'ParserException: Parser Error: syntax error at or near "SELEC"' in told[4]
    assert read_inputs(open_project(local.root)).tables == {}
    assert not (local.root / "puddles/in/products").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("COPY (SELECT 1) TO '{file}'", "found COPY; allowed: the text of one SELECT."),
        ("SELECT 1; CREATE TABLE y (a INT)", "found SELECT, CREATE; allowed: the text of one"),
        ("", "found no statement; allowed: the text of one SELECT."),
    ],
)
def test_a_text_that_is_no_select_is_refused_and_not_executed(tmp_path, text, said):
    file = tmp_path / "written.csv"
    local = project(
        tmp_path, f'@puddle("products.p")\ndef p(): return """{text.format(file=file)}"""\n'
    )
    with pytest.raises(PuddleError) as refused:
        hydrated(local)
    assert said in refused.value.faults[0]
    assert not file.exists()


def test_a_file_that_cannot_be_read_is_told_with_the_reason(tmp_path):
    local = project(tmp_path, '@puddle("products.p")\ndef p(): return "data.csv"\n')
    (local.root / "data.csv").write_bytes(b"id,name\n1,\xff\xfe\n")
    with pytest.raises(PuddleError) as refused:
        hydrated(local)
    assert "Invalid unicode" in refused.value.faults[0]


def test_values_of_dicts_are_kept(tmp_path):
    nan = 'float("nan")'
    local = project(
        tmp_path,
        f'@puddle("products.p")\ndef p(): return [{{"v": {nan}}}, {{"v": 1.5}}, {{"v": None}}]\n',
    )
    hydrated(local)
    found = [value for (value,) in rows(local, "products.p")]
    assert sorted(map(str, found)) == ["1.5", "None", "nan"]


def test_all_wrong_declarations_are_told_at_once(tmp_path):
    local = project(
        tmp_path,
        """
@puddle("prodcts.a")
def a(): ...

@puddle("products.b")
def b(): ...

@puddle("products.b")
def c(): ...

@puddle
def bare(): ...

@puddle("no table!")
def d(): ...

@puddle("products.e")
def e(one, two): ...

puddle("products.f")(7)
""",
    )
    with pytest.raises(PuddleError) as refused:
        hydrated(local)
    assert refused.value.faults == (
        (
            "src/puddles.py:4: Puddle 'prodcts.a': 'prodcts' is not a Source of this Pond; "
            "pond.toml has products, shop. Did you mean 'products'?"
        ),
        (
            "src/puddles.py:13: Puddle 'bare' names no Source, and pond.toml has 2 (products, "
            "shop). Write @puddle('products.bare')."
        ),
        "src/puddles.py:16: A Puddle cannot stand for 'no table!'.",
        (
            "src/puddles.py:19: Puddle 'products.e' takes 2 arguments (one, two); allowed: none, "
            "or one, whose .con is a DuckDB."
        ),
        "src/puddles.py:22: @puddle stands above 7.",
        "2 Puddles stand for 'products.b' (src/puddles.py:7, src/puddles.py:10); allowed: one.",
    )


def test_a_number_is_no_table(tmp_path):
    local = project(tmp_path, '@puddle("products.a")\ndef a(): return 42\n')

    with pytest.raises(PuddleError, match=r"'products\.a': found int, which has no rows\. Give "):
        hydrated(local)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("raise ValueError('no')", r"src/puddles.py raised ValueError: no"),
        (
            "@puddle('products.a')\ndef a(): raise LookupError('no')",
            r"Puddle products.a \(src/puddles.py:3\) raised LookupError: no",
        ),
        ("import os; os._exit(4)", r"Importing src/puddles.py ended the process with exit code 4"),
    ],
)
def test_what_a_puddle_raises_is_told_with_the_authors_frames(tmp_path, text, message):
    with pytest.raises(CodeFailedError, match=message) as refused:
        hydrated(project(tmp_path, text))
    assert "duckstring/" not in refused.value.traceback


def test_one_source_is_hydrated_and_what_is_no_puddle_any_more_is_forgotten(tmp_path):
    both = "@puddle('{}.a')\ndef a(): return 'SELECT {} AS id'\n"
    local = project(tmp_path, both.format("products", 1) + both.format("shop", 1))
    assert set(hydrated(local)) == {"products.a", "shop.a"}
    local.puddles(both.format("products", 2) + both.format("shop", 2))
    local.clock.instant = local.clock.instant.replace(hour=20)
    made = hydrated(local, only="shop")
    assert (rows(local, "products.a"), rows(local, "shop.a")) == ([(1,)], [(2,)])
    assert (made["products.a"].changed.hour, made["shop.a"].changed.hour) == (12, 20)
    local.puddles(both.format("products", 1))
    assert set(hydrated(local)) == {"products.a"}
    with pytest.raises(PuddleError, match="'shpo' is not a Source") as refused:
        hydrated(local, only="shpo")
    assert refused.value.hint == "Did you mean 'shop'?"
    with pytest.raises(PuddleError, match="declares no Puddle of 'shop'"):
        hydrated(local, only="shop")


@pytest.mark.parametrize(
    ("sources", "ref"), [('products = "1.0.0"\n', "products.a"), ("", "sales.a")]
)
def test_a_bare_puddle_is_of_the_only_source_or_of_the_pond_itself(tmp_path, sources, ref):
    local = project(tmp_path, "@puddle\ndef a(): return 'SELECT 1 AS id'\n", sources)
    assert set(hydrated(local)) == {ref}


def test_a_package_has_neither_puddles_nor_tests(tmp_path):
    from duckstring_cli.package import package

    local = project(tmp_path, "@puddle\ndef a(): return 'SELECT 1 AS id'\n", "")
    before = package(local.root)
    assert before.files == ("pond.toml", "src/pond.py")
    hydrated(local)
    (local.root / "puddles" / "recorded").mkdir()
    (local.root / "puddles" / "recorded" / "x.parquet").write_bytes(b"x")
    local.puddles("@puddle\ndef b(): return 'SELECT 2 AS id'\n")
    local.code("def test_it(pond_run): ...\n", "tests/test_pond.py")
    assert package(local.root).sha256 == before.sha256
    (local.root / ".pondignore").write_text("!src/puddles.py\n!puddles/\n")
    assert package(local.root).files == (
        ".pondignore", "pond.toml", "src/pond.py", "src/puddles.py",
    )  # fmt: skip
