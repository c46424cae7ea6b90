"""The fixtures for tests of a Pond by its author, in sessions of pytest of their own."""

import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import duckdb  # noqa: F401 - a session in this process must not load it again
import numpy as np  # noqa: F401 - the same
import pytest

import duckstring.puddles.testbed  # noqa: F401 - the same
from duckstring.puddles import pytest_plugin

pytest_plugins = ["pytester"]

TOML = """
[pond]
name = "sales"
version = "1.0.0"
[sources]
products = "1.0.0"
shop = "2.0.0?"
"""
POND = '''
import os
from datetime import timedelta
from duckstring import ripple
from helper import doubled

def fetch():
    raise RuntimeError("the real one")

@ripple
def load(pond):
    pond.write_table("loaded", f"SELECT {doubled(fetch())} AS n")

@ripple(parents=[load])
def totals(pond):
    pond.read_table("products.product")
    since = pond.previous_f
    if pond.has_table("totals") and not pond.sources_changed():
        return pond.skip()
    pond.write_table("totals", f"""
        SELECT id, price * n AS price, {since.year} AS since FROM product, loaded""")

@ripple
def wait(pond):
    if not pond.recall("asked"):
        pond.remember("asked", True)
        pond.pause("2h")
    pond.write_table("ends", f"SELECT '{pond.ends}' AS ends, '{os.environ.get('WHO', '')}' AS who")
'''


@pytest.fixture
def project(pytester):
    root = pytester.mkdir("sales")
    (root / "src").mkdir()
    (root / "tests").mkdir()
    (root / "pond.toml").write_text(TOML)
    (root / "src" / "pond.py").write_text(POND)
    (root / "src" / "helper.py").write_text("def doubled(n): return 2 * n\n")
    (root / "src" / "puddles.py").write_text(
        "from duckstring import puddle\n"
        "@puddle('products.product')\ndef product(): return [{'id': 7, 'price': 1.5}]\n"
    )
    return root


def run(pytester, project, text, *arguments):
    (project / "tests" / "test_pond.py").write_text(text)
    return pytester.runpytest_inprocess(
        "-p", pytest_plugin.__name__, "-p", "no:cacheprovider", *arguments, str(project)
    )


def test_what_is_installed_below_the_project_is_no_code_of_it(project):
    """An environment often lies in the project's folder, with pytest itself in it."""
    code = pytest_plugin.Code(project)

    def module(name, file):
        made = ModuleType(name)
        made.__file__ = str(project / file)
        return made

    assert code.has(module("helper", "src/helper.py"))
    assert code.has(module("parts.one", "src/parts/one.py"))
    assert not code.has(
        module("_pytest.main", ".venv/lib/python3.11/site-packages/_pytest/main.py")
    )
    assert not code.has(module("test_pond", "tests/test_pond.py"))


def test_a_failure_ends_at_the_authors_last_line(pytester, project):
    result = run(
        pytester,
        project,
        """
def test_it(pond_run, monkeypatch):
    monkeypatch.setattr("pond.fetch", lambda: "no number FROM nowhere")
    pond_run("load")
""",
        "--tb=short",
    )

    shown = result.stdout.str()
    assert "src/pond.py" in shown
    assert "author/pond.py" not in shown
    assert "author/lake.py" not in shown


def test_a_ripple_is_tested_in_five_lines(pytester, project):
    result = run(
        pytester,
        project,
        """
def test_totals(pond_run, tables):
    tables["products.product"] = [{"id": 1, "price": 2.5}]
    tables["loaded"] = [{"n": 2}]
    assert pond_run("totals").rows("totals") == [{"id": 1, "price": 5.0, "since": 2030}]
""",
    )
    result.assert_outcomes(passed=1)


def test_what_a_test_may_do(pytester, project):
    result = run(
        pytester,
        project,
        """
import pytest
import pond
from duckstring.author.errors import ContractError, WriteError
from pond import totals

@pytest.fixture(autouse=True)
def fetch(monkeypatch):
    monkeypatch.setattr("pond.fetch", lambda: 5)

def test_the_whole_pond_runs_on_its_puddles(pond_run, clock):
    ran = pond_run()
    assert (ran.status, list(ran)) == ("success", ["ends", "loaded", "totals"])
    assert ran.rows("totals") == [{"id": 7, "price": 15.0, "since": 1}]
    assert (ran.f.hour, clock.now().hour) == (12, 14)
    assert {name: one.rows for name, one in ran.written.items()} == dict.fromkeys(ran, 1)
    assert ran["loaded"].fetchall() == [(10,)]
    with pytest.raises(KeyError, match="no table 'x'; it has ends, loaded, totals"):
        ran["x"]

def test_two_runs_show_what_the_table_is(pond_run, tables, clock):
    tables["products.product"] = "SELECT 1 AS id, 2.0::DOUBLE AS price"
    first = pond_run()
    clock.move("1h")
    second = pond_run()
    assert second.ripples == {"load": "success", "totals": "skipped", "wait": "success"}
    assert second.f > first.f and second.passes
    tables["products.product"] = [{"id": 2, "price": 3.0}]
    third = pond_run(totals)
    assert third.rows("totals") == [{"id": 2, "price": 30.0, "since": 2030}]
    assert third.written["totals"].changed

def test_what_a_ripple_raises_the_test_gets(pond_run, monkeypatch):
    def broken():
        raise LookupError("nothing there")
    monkeypatch.setattr(pond, "fetch", broken)
    with pytest.raises(LookupError, match="nothing there"):
        pond_run()
    ran = pond_run(check=False)
    assert (ran.status, list(ran)) == ("failed", [])
    assert ran.ripples == {"load": "failed", "totals": "not run", "wait": "not run"}
    assert isinstance(ran.error, LookupError)

def test_a_helper_can_be_patched_too(pond_run, monkeypatch):
    monkeypatch.setattr("pond.doubled", lambda n: 99)
    assert pond_run("load").rows("loaded") == [{"n": 99}]

def test_the_contract_applies(pond_run, tables):
    tables["totals"] = [{"id": 1, "gone": 2}]
    with pytest.raises(ContractError, match="'gone' is dropped"):
        pond_run()

def test_a_table_that_is_left_unwritten_breaks_the_contract(pond_run, tables):
    tables["old"] = [{"id": 1}]
    assert pond_run().status == "success"  # of the same package: it is carried over

def test_the_environment_is_the_tests(pond_run, monkeypatch, clock):
    monkeypatch.setenv("WHO", "me")
    clock.set("2031-05-06T07:08:09Z")
    assert pond_run("wait").rows("ends") == [{"ends": "2031-05-07 07:08:09+00:00", "who": "me"}]

@pytest.mark.parametrize(("ref", "rows", "why"), [
    ("prodcts.product", [{"id": 1}], "is not a Source of this Pond; pond.toml has products, shop"),
    ("products.Product", [{"id": 1}], "not the name of a table; allowed: source.table"),
    (5, [{"id": 1}], "not the name of a table; allowed: source.table"),
    ("products.product", None, "there is nothing"),
    ("products.product", [], "an empty list has no columns"),
    ("products.product", [1], "row 1 is int"),
    ("products.product", [{"a": 1}, {"a": "x"}], "mixes int and str"),
    ("products.product", "data/none.csv", "there is no file data/none.csv"),
])
def test_what_is_no_table_is_refused(tables, ref, rows, why):
    with pytest.raises(WriteError, match=why):
        tables[ref] = rows

def test_a_test_begins_with_an_empty_pond(pond_run):
    assert pond_run("load", check=False).ripples == {"load": "success"}
""",
    )
    result.assert_outcomes(passed=16)


def test_a_traceback_begins_in_the_authors_code(pytester, project):
    result = run(pytester, project, "def test_load(pond_run):\n    pond_run('load')\n")
    result.assert_outcomes(failed=1)
    text = result.stdout.str()
    assert "RuntimeError: the real one" in text
    assert "src/pond.py" in text
    assert "calling.py" not in text
    assert "testbed.py" not in text


def test_each_project_of_a_session_has_its_own_pond(pytester, project):
    other = pytester.mkdir("shop")
    (other / "src").mkdir()
    (other / "pond.toml").write_text('[pond]\nname = "shop"\nversion = "1.0.0"\n')
    (other / "src" / "pond.py").write_text(
        "from duckstring import ripple\n@ripple\ndef only(pond):\n"
        "    pond.write_table('one', 'SELECT 1 AS one')\n"
    )
    test = "import pond\ndef test_it(pond_run):\n    assert pond_run({call}).status == 'success'\n"
    (other / "test_shop.py").write_text(test.format(call="pond.only"))
    (project / "src" / "pond.py").write_text(POND.replace("the real one", "x"))
    (project / "test_sales.py").write_text(
        test.format(call="'wait'") + "def test_that(pond_run):\n    assert pond_run(pond.wait)\n"
    )
    result = pytester.runpytest_inprocess("-p", pytest_plugin.__name__)
    result.assert_outcomes(passed=3)


def test_outside_of_a_project_the_fixtures_say_so(pytester):
    pytester.makepyfile("def test_it(pond_run): ...")
    result = pytester.runpytest_inprocess("-p", pytest_plugin.__name__)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["*lies in no Pond's project: no folder above it has a pond.toml.*"]
    )


def test_a_session_without_a_pond_pays_for_nothing():
    code = (
        "import sys, duckstring.puddles.pytest_plugin; "
        "ours = ('duckstring.', 'duckdb', 'msgspec'); "
        "print(sorted(m for m in sys.modules if m.startswith(ours)))"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout
    assert told.strip() == "['duckstring.puddles', 'duckstring.puddles.pytest_plugin']"


PAGE = (Path(__file__).parents[3] / "docs" / "author.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.partition("### Puddles")[2], re.DOTALL)


def test_the_examples_of_the_page_are_true(pytester):
    """The Puddles and the test of docs/author.md, with a Pond that they fit."""
    root = pytester.mkdir("daily")
    files = {
        "pond.toml": '[pond]\nname = "daily"\nversion = "1.0.0"\n[sources]\n'
        'products = "1.0.0"\nsales = "1.0.0"\nshop = "1.0.0"\n',
        "src/puddles.py": BLOCKS[0],
        "data/visits.csv": "id,at\n1,2030-01-01\n",
        "src/pond.py": """
from duckstring import ripple

@ripple
def load(pond):
    pond.read_table("shop.visits")
    pond.write_table("orders", pond.con.sql("SELECT orders.* FROM sales.orders, visits"))

@ripple(parents=[load])
def totals(pond):
    pond.write_table("totals", pond.con.sql('''
        SELECT product, sum(amount * price) AS total
        FROM orders JOIN products.product ON product = product.id GROUP BY 1 ORDER BY 1'''))
""",
        "tests/test_pond.py": BLOCKS[1]
        + """

def test_all(pond_run):
    assert [row["total"] for row in pond_run().rows("totals")] == [375.0, 600.0]
""",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
    result = pytester.runpytest_inprocess("-p", pytest_plugin.__name__, str(root))
    result.assert_outcomes(passed=2)


CHECKS = PAGE.partition("## Checks before publish")[2].partition("\n## ")[0]


def test_the_checks_of_the_page_are_true(pytester):
    """The checks and the test of docs/author.md, with a Pond that they fit."""
    code, _, test = re.findall(r"```python\n(.*?)```", CHECKS, re.DOTALL)
    (sql,) = re.findall(r"```sql\n(.*?)```", CHECKS, re.DOTALL)
    root = pytester.mkdir("daily")
    ripple = """
from duckstring import ripple

@ripple
def load(pond):
    pond.write_table("orders", "FROM shop.orders")
"""
    files = {
        "pond.toml": '[pond]\nname = "daily"\nversion = "1.0.0"\n[sources]\nshop = "1.0.0"\n',
        "src/pond.py": code + ripple,
        "src/checks/ids_are_unique.sql": sql,
        "tests/test_pond.py": test
        + """

def test_what_changes(pond_run, tables):
    tables["shop.orders"] = [{"id": n, "product": 1, "amount": 1} for n in (1, 1, 2)]
    ran = pond_run()
    assert {name: one.outcome for name, one in ran.checks.items()} == {
        "amounts_are_positive": "passed",
        "most_orders_have_a_product": "passed",
        "no_order_vanishes": "not applicable",
        "ids_are_unique": "warned",
    }
    tables["shop.orders"] = [{"id": 1, "product": None, "amount": 1}] * 12
    ran = pond_run(check=False)
    assert ran.status == "failed"
    assert "1 of 4 checks failed: no_order_vanishes (1 row). 2 warned:" in str(ran.error)
    assert ran.checks["most_orders_have_a_product"].message == "12 orders have no product"
    assert [row["id"] for row in ran.rows("orders")] == [1, 1, 2]


def test_what_fails_is_raised(pond_run, tables):
    import pytest

    tables["shop.orders"] = [{"id": 1, "product": 1, "amount": -5}]
    with pytest.raises(Exception, match="amounts_are_positive .1 row."):
        pond_run()
""",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    result = pytester.runpytest_inprocess("-p", pytest_plugin.__name__, str(root))
    result.assert_outcomes(passed=3)


def test_a_second_run_of_a_test_reads_what_has_changed_since_the_first(pytester, project):
    (project / "src" / "pond.py").write_text("""
from duckstring import ripple

@ripple
def keep(pond):
    delta = pond.read_delta("products.product")
    pond.write_table("seen", delta.project("id, _change AS what"))
    pond.append_table("log", delta.aggregate("count(*) AS rows"))
""")
    result = run(
        pytester,
        project,
        """
def test_deltas(pond_run, tables):
    tables["products.product"] = [{"id": 1}, {"id": 2}]
    assert len(pond_run().rows("seen")) == 2
    tables["products.product"] = [{"id": 2}, {"id": 3}]
    ran = pond_run()
    assert sorted(map(str, ran.rows("seen"))) == [
        "{'id': 1, 'what': 'delete'}", "{'id': 3, 'what': 'insert'}"
    ]
    assert pond_run().rows("seen") == []
    assert [row["rows"] for row in ran.rows("log")] == [2, 2]
""",
    )
    result.assert_outcomes(passed=1)


def test_files_that_another_engine_has_written_are_adopted_in_a_test(pytester, project):
    (project / "src" / "pond.py").write_text("""
import duckdb
from duckstring import ripple

@ripple
def keep(pond):
    before = pond.read_table("orders").fetchall() if pond.has_table("orders") else []
    to = pond.location("orders")
    duckdb.sql(f"SELECT {len(before)} AS id, unnest([1, 2]) AS n").write_parquet(to + "part-0")
    pond.adopt_table("orders")
""")
    result = run(
        pytester,
        project,
        """
def test_adopting(pond_run):
    assert [row["id"] for row in pond_run().rows("orders")] == [0, 0]
    assert [row["id"] for row in pond_run().rows("orders")] == [2, 2]
""",
    )
    result.assert_outcomes(passed=1)


def test_a_test_gives_objects_that_arrive(pytester, project):
    (project / "src" / "pond.py").write_text(
        """
from duckstring import ripple

@ripple
def load(pond):
    came = pond.arrivals()
    if any(one.key.endswith("bad.csv") for one in came):
        raise ValueError(f"{len(came)} came")
    if came:
        pond.append_table("rows", pond.con.read_csv([one.uri for one in came]))
"""
    )
    (project / "pond.toml").write_text('[pond]\nname = "sales"\nversion = "1.0.0"\n')
    (project / "src" / "puddles.py").unlink(missing_ok=True)
    result = run(
        pytester,
        project,
        """
import pytest

def test_it(pond_run, tmp_path):
    for name in ("a", "b", "bad"):
        (tmp_path / f"{name}.csv").write_text(f"n\\n{len(name)}\\n")
    pond_run(arrivals=[tmp_path / "a.csv"])
    with pytest.raises(ValueError, match="2 came"):
        pond_run(arrivals=[tmp_path / "b.csv", tmp_path / "bad.csv"])
    (tmp_path / "bad.csv").unlink()
    ran = pond_run(arrivals=[str(tmp_path / "a.csv")])
    assert ran.rows("rows") == [{"n": 1}, {"n": 1}]
    with pytest.raises(FileNotFoundError):
        pond_run(arrivals=["none.csv"])
""",
    )
    result.assert_outcomes(passed=1)
