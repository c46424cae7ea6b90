"""SQL Ripples: what a file declares, and what a worker makes of it."""

import re
from hashlib import sha256
from pathlib import Path

import pytest

from duckstring.model.catalog import DroppedTable
from duckstring.model.values import replace
from duckstring.worker.discover import Module, discover
from tests.unit import worker_kit as kit
from tests.unit.test_worker_discover import HEAD, found

SALES_TOML = '[pond]\nname = "daily"\nversion = "1.0.0"\n\n[sources]\nsales = "1.0.0"\n'
LOAD = HEAD + "@ripple\ndef load(pond):\n    pond.write_table('orders', 'SELECT 1 AS amount')\n"


def discovered(source=LOAD, *, toml=SALES_TOML, **files):
    named = {f"src/ripples/{name}.sql": text for name, text in files.items()}
    return found(source, files={"pond.toml": toml, **named})


def parents(answer):
    assert answer["ok"], answer
    return {one["name"]: one["parents"] for one in answer["ripples"]}


def test_parents_are_the_ripples_that_write_what_the_select_reads():
    answer = discovered(
        by_day="WITH paid AS (FROM orders) SELECT * FROM paid JOIN sales.prices USING (id)",
        top="SELECT * FROM main.By_Day UNION ALL SELECT (SELECT max(amount) FROM orders), 1",
    )
    assert parents(answer) == {"load": [], "by_day": ["load"], "top": ["by_day", "load"]}


def test_a_name_that_a_with_makes_is_no_table_where_it_can_be_seen_and_only_there():
    answer = discovered(
        a="WITH orders AS (SELECT 1 AS x), b AS (FROM orders) SELECT * FROM b, orders",
        c="WITH orders AS (SELECT * FROM orders) SELECT * FROM orders",
        d="WITH RECURSIVE orders(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM orders WHERE n < 3) "
        "FROM orders",
    )
    assert parents(answer) == {"load": [], "a": [], "c": ["load"], "d": []}


def test_a_recursion_begins_with_the_table_that_has_its_name():
    grows = "SELECT amount + 1 FROM orders WHERE amount < 5"
    answer = discovered(
        deep=f"WITH RECURSIVE orders AS (SELECT amount FROM orders UNION ALL {grows}) FROM orders",
        keyed=(
            "WITH RECURSIVE t(a, b) USING KEY (a) AS (SELECT 1, 3 UNION "
            "SELECT t.a + 1, t.b FROM t JOIN recurring.t r USING (a) WHERE t.a < 4) FROM t"
        ),
        counts="SELECT histogram(amount) AS h FROM orders",
    )
    assert parents(answer) == {"load": [], "deep": ["load"], "keyed": [], "counts": ["load"]}


def test_ripples_whose_functions_have_one_name_are_told_apart():
    source = HEAD + "".join(
        f"@ripple(name='{name}')\ndef _(pond):\n    pond.write_table('t_{name}', 'SELECT 1 AS x')\n"
        for name in ("one", "two")
    )
    answer = discovered(source, top="FROM t_one, t_two")
    assert parents(answer) == {"one": [], "two": [], "top": ["one", "two"]}
    error = discovered(source, t_one="SELECT 1 AS x")["error"]
    assert "Ripple 'one' writes the table 't_one', too." in error["message"]


def test_a_table_is_found_in_a_function_that_the_ripple_calls():
    source = HEAD + (
        "def write(pond):\n    pond.write_table(data='SELECT 1', name='orders')\n"
        "@ripple(\n    timeout='1h',\n)\ndef load(pond):\n    write(pond)\n"
    )
    assert parents(discovered(source, top="FROM orders")) == {"load": [], "top": ["load"]}


def test_a_pond_may_have_sql_ripples_alone():
    package = {"pond.toml": SALES_TOML, "src/ripples/one.sql": "SELECT 1 AS x"}
    world_package = kit.zipped(package)
    module = Module(world_package, sha256(world_package).hexdigest(), "src/pond.py")
    assert parents(discover(module, variables={})) == {"one": []}


def test_the_example_of_the_docs_is_a_ripple():
    page = (Path(__file__).parents[2] / "docs" / "author.md").read_text(encoding="utf-8")
    page = page.partition("## SQL Ripples")[2].partition("\n## ")[0]
    (example,) = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
    toml = SALES_TOML.replace("sales =", "products =")
    by_day = discovered(by_day=example, toml=toml)["ripples"][1]
    assert (by_day["parents"], by_day["timeout_seconds"]) == (["load"], 600)


def test_options_stand_in_the_comment_at_the_top():
    text = (
        "-- Orders by day. Note: a comment may say anything.\n"
        "-- timeout: 1h30m\n--memory: 4GB\n\n-- Always_Run: TRUE\n-- parents: load, other\n"
        "-- retry_delay: 30s\n-- retry_on: duckdb.IOException, OSError\n"
        "FROM hidden\n-- timeout: 5h\n"
    )
    source = LOAD + "@ripple\ndef other(pond): pass\n"
    by_day = next(
        one for one in discovered(source, by_day=text)["ripples"] if one["name"] == "by_day"
    )
    assert by_day == {
        "name": "by_day",
        "parents": ["load", "other"],
        "always_run": True,
        "timeout_seconds": 5400,
        "memory_mib": 4096,
        "on_kill": False,
        "pauses": False,
        "checks": [],
        "uses": [],
        "retry_delay_seconds": 30,
        "retry_on": ["duckdb.IOException", "OSError"],
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "src/ripples/x.sql:1:1: There is no statement; allowed: one SELECT."),
        ("SELECT 1; SELECT 2", "src/ripples/x.sql:1:1: There are 2 statements;"),
        ("CREATE TABLE t AS SELECT 1", "src/ripples/x.sql:1:1: Found CREATE; allowed: one SELECT."),
        ("PIVOT orders ON a USING sum(b)", "A PIVOT without its values is two statements"),
        (
            "SELECT 'é' AS a,\n  'é' frm orders b c",
            "src/ripples/x.sql:2:11: syntax error at or near",
        ),
        (
            "SELECT *\nFROM oders",
            "src/ripples/x.sql:2:6: it reads the table 'oders', and no Ripple",
        ),
        ("SELECT *\nFROM oders", "did you mean 'orders'?"),
        ("FROM sale.prices", "'sale' is not a Source of this Pond; did you mean 'sales'?"),
        ("FROM x", "src/ripples/x.sql:1:6: it reads the table 'x', which it writes itself."),
        ("FROM query_table('orders')", "which tables query_table() reads cannot be known."),
        ("FROM histogram_values(orders, amount)", "which tables histogram_values() reads cannot"),
        ("FROM pragma_table_info('orders')", "which tables pragma_table_info() reads cannot"),
        ("SELECT $1 AS a", "it has a parameter"),
        ("-- timeout: soon\nSELECT 1", "src/ripples/x.sql: Ripple 'x': timeout='soon'"),
        (
            "-- retry_delay: 2h\nSELECT 1",
            "x.sql: Ripple 'x': retry_delay='2h'; allowed: a duration",
        ),
        ("-- retry_on:\nSELECT 1", "x.sql: Ripple 'x': retry_on names 0 errors; allowed: 1 to 50."),
        ("-- retry_on: 7\nSELECT 1", "x.sql: Ripple 'x': retry_on has '7'; allowed: classes of"),
        ("-- timout: 2h\nSELECT 1", "src/ripples/x.sql:1: unknown option timout:; did you mean"),
        ("-- memory: 4GB\n-- memory: 8GB\nSELECT 1", "x.sql:2: memory: stands there twice."),
        ("-- always_run: maybe\nSELECT 1", "always_run: maybe; allowed: true or false."),
        ("-- parents: lod\nSELECT 1", "its parent 'lod' is not a Ripple of this Pond"),
        ("SELECT 1\0", "src/ripples/x.sql:1: found a null byte"),
    ],
)
def test_what_cannot_be_a_ripple_is_one_line_with_its_place(text, said):
    error = discovered(x=text)["error"]
    assert said in error["message"]
    assert "\n" not in error["message"]
    assert error["hint"]
    assert error["traceback"] == ""


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Orders", "src/ripples/Orders.sql: a Ripple cannot be called 'Orders.sql'"),
        ("load", "src/ripples/load.sql: a Python Ripple is called 'load', too."),
        ("orders", "src/ripples/orders.sql: Ripple 'load' writes the table 'orders', too."),
        ("deep/er", "src/ripples/deep/er.sql: it lies too deep; allowed: src/ripples/er.sql."),
    ],
)
def test_a_name_that_cannot_be_is_refused(name, said):
    error = discovered(**{name: "SELECT 1 AS x"})["error"]
    assert error["message"].startswith(said)
    assert "\n" not in error["message"]


def test_a_file_that_is_not_utf8_is_refused():
    answer = found(LOAD, files={"src/ripples/x.sql": "SELECT\n 'é'".encode("latin-1")})
    assert "src/ripples/x.sql:2: found the byte 0xe9" in answer["error"]["message"]


def test_the_faults_of_python_and_of_sql_are_told_at_once():
    source = HEAD + "@ripple(timeout='soon')\ndef load(pond): pass\n"
    lines = discovered(source, a="SELECT 1 FRM b c", b="FROM nobody")["error"]["message"]
    assert [line.partition(" ")[0] for line in lines.splitlines()] == [
        "src/pond.py:2:",
        "src/ripples/a.sql:1:14:",
        "src/ripples/b.sql:1:6:",
    ]


def test_sql_ripples_that_read_each_other_are_a_cycle():
    assert "a -> b -> a" in discovered(a="FROM b", b="FROM a")["error"]["message"]


@pytest.fixture
def world(tmp_path):
    return kit.World(tmp_path)


def run(world, sql, name="totals"):
    world.deploy(LOAD, ripples=("load", name), files={f"src/ripples/{name}.sql": sql})
    world.open_run()
    world.open_run(ripple=name)
    assert world.run() == {"outcome": "ok"}
    world.accept()
    return world.run(ripple=name)


def test_a_run_writes_the_table_of_the_files_name(world):
    assert run(world, "-- memory: 1GB\nSELECT amount * 2 AS twice FROM orders;\n") == {
        "outcome": "ok"
    }
    assert world.rows_of("totals") == [(2,)]


def test_the_contract_holds_for_sql_ripples(world):
    assert run(world, "SELECT 1 AS a, 2 AS b FROM orders")["outcome"] == "ok"
    world.accept()
    world.publish()
    world.deploy(
        LOAD, ripples=("load", "totals"), files={"src/ripples/totals.sql": "SELECT 1 AS a"}
    )
    world.open_run(2, ripple="totals")
    failure = world.run(number=2, ripple="totals")["failure"]
    assert failure["error"] == "ContractError"
    assert "column 'b' is dropped" in failure["message"]
    told = world.rows[-1].traceback
    assert '  File "src/ripples/totals.sql", line 1, in <module>\n    SELECT 1 AS a\n' in told
    assert told.count("File ") == 1  # none of ours


def test_an_error_of_duckdbs_names_file_line_and_column(world):
    answer = run(world, "-- é\nSELECT 'é',\n  amuont FROM orders")
    assert answer["outcome"] == "failed"
    failure = answer["failure"]
    assert failure["error"] == "SqlError"
    assert failure["message"] == (
        'src/ripples/totals.sql:3:3: Binder Error: Referenced column "amuont" not found in FROM '
        'clause! Candidate bindings: "amount"'
    )
    told = world.rows[-1].traceback.splitlines()
    assert told[0] == "Traceback (most recent call last):"
    assert told[1] == '  File "src/ripples/totals.sql", line 3, in <module>'
    assert told[2].strip() == "amuont FROM orders"
    assert str(world.root) not in world.rows[-1].traceback


def test_carets_stand_below_what_is_wrong(world):
    run(world, "SELECT 'é', amuont FROM orders")
    line, carets = world.rows[-1].traceback.splitlines()[2:4]
    assert line == "    SELECT 'é', amuont FROM orders"
    assert carets == " " * line.index("amuont") + "^" * len("amuont FROM orders")


def test_an_error_while_rows_are_read_names_the_file(world):
    failure = run(world, "SELECT 'x'::INT + amount AS a FROM orders")["failure"]
    assert failure["message"].startswith("src/ripples/totals.sql: Conversion Error: Could not")
    assert "COPY" not in failure["message"]


def test_a_dropped_table_is_told_in_the_words_of_read_table(world):
    world.state = replace(world.state, dropped={"old": DroppedTable(4, "1.1.0")})
    failure = run(world, "SELECT * FROM old")["failure"]
    assert failure["error"] == "TableNotFoundError"
    assert "dropped in version 1.1.0" in failure["message"]


def test_a_run_of_an_sql_ripple_imports_no_python(world):
    world.deploy("raise ValueError('no')\n", files={"src/ripples/load.sql": "SELECT 1 AS x"})
    world.open_run()
    assert world.run() == {"outcome": "ok"}


def test_a_file_names_the_limits_that_it_uses():
    text = "-- uses: warehouse, databricks\nSELECT 1 AS n\n"
    assert discovered(LOAD, by_day=text)["ripples"][-1]["uses"] == ["databricks", "warehouse"]


def test_a_limit_that_cannot_be_called_so_is_refused_with_its_file():
    refused = discovered(LOAD, by_day="-- uses: Data$Bricks\nSELECT 1 AS n\n")["error"]
    assert "src/ripples/by_day.sql: Ripple 'by_day': uses=" in refused["message"]
    assert "allowed: the name of a limit" in refused["message"]
    assert refused["hint"] == "Write -- uses: databricks"
