"""``pond run``: the Pond's unchanged code, by the worker's own code, on Puddles."""

import json
import os
import re

import pytest

from duckstring.author.errors import RippleError
from duckstring.errors import OperatorError
from duckstring.puddles.errors import CodeFailedError, PuddleError
from duckstring.puddles.running import Pausing
from tests.unit.puddles.local_kit import HEAD, Local

PRODUCTS = """
@puddle("products.product")
def product():
    return [{"id": 1, "price": 2.5}, {"id": 2, "price": None}]
"""


@pytest.fixture
def sales(tmp_path):
    made = Local(tmp_path, sources='products = "1.0.0"\n')
    made.puddles(PRODUCTS)
    return made


def test_ripples_run_after_their_parents_on_puddles_and_publish_what_they_write(sales):
    sales.code(
        HEAD
        + """
@ripple(parents=["load"])
def total(pond):
    assert pond.version == "1.0.0" and pond.f > pond.previous_f
    pond.write_table("total", "SELECT count(*) AS n FROM loaded")

@ripple
def load(pond):
    print("loading", pond.sources_changed())
    pond.write_table("loaded", pond.read_table("products.product"))
"""
    )
    ran = sales.run()
    assert [(one.ripple, one.status) for one in ran.ripples] == [
        ("load", "success"),
        ("total", "success"),
    ]
    [written] = ran.ripples[0].tables
    assert (written.table, written.rows, written.changed) == ("loaded", 2, True)
    assert ran.ok
    assert sales.rows("loaded") == [(1, 2.5), (2, None)]
    assert sales.rows("total") == [(2,)]
    assert sales.printed == [("load", "loading frozenset({'products'})")]
    assert sales.hydrated == ["products.product"]


def test_a_later_run_finds_what_an_earlier_one_has_made(sales):
    sales.code(
        HEAD
        + """
@ripple
def load(pond):
    if pond.has_table("log"):
        assert pond.sources_changed() == frozenset()
        old = pond.read_table("log")
        pond.write_table("log", f"SELECT n FROM log UNION ALL SELECT {pond.previous_f.hour}")
    else:
        assert pond.previous_f.year == 1
        pond.write_table("log", "SELECT 0 AS n")

@ripple(parents=[load])
def lazy(pond):
    if pond.has_table("once"):
        return pond.skip()
    pond.write_table("once", "SELECT 1 AS one")
"""
    )
    assert not sales.run().passes
    ran = sales.run()
    assert ran.passes  # in a Catchment
    assert [one.status for one in ran.ripples] == ["success", "skipped"]
    assert sales.rows("log") == [(0,), (13,)]
    assert sales.out() == ["log", "once"]
    assert sales.run(fresh=True).ok
    assert sales.rows("log") == [(0,)]
    sales.code(HEAD + "@ripple\ndef load(pond):\n    pond.read_table('none')\n")
    fault = sales.run(fresh=True).ripples[0].fault
    assert sales.rows("log") == [(0,)]  # what failed replaces nothing
    assert fault.traceback.count("  File ") == 1
    assert "src/pond.py" in fault.traceback


def test_a_source_has_changed_when_its_puddle_gives_other_rows(sales):
    sales.code(
        HEAD
        + """
@ripple
def load(pond):
    pond.write_table("changed", f"SELECT {len(pond.sources_changed())} AS n")
"""
    )
    sales.run()
    sales.puddles("# the same rows\n" + PRODUCTS)
    _later(sales, "src/puddles.py")
    sales.run()
    assert (sales.rows("changed"), sales.hydrated) == ([(0,)], ["products.product"] * 2)
    sales.puddles(PRODUCTS.replace("2.5", "3.5"))
    _later(sales, "src/puddles.py", hours=2)
    sales.run()
    assert sales.rows("changed") == [(1,)]


def _later(local, file, hours=0):
    at = local.clock.instant.timestamp() + hours * 3600 + 1
    os.utime(local.root / file, (at, at))


def test_a_failed_run_publishes_nothing_and_shows_the_authors_frames_alone(sales):
    sales.code(
        HEAD
        + """
@ripple
def load(pond):
    pond.write_table("loaded", "SELECT 1 AS one")
    with open("/dev/stderr", "w") as err:
        err.write("on stderr\\n")

@ripple(parents=[load])
def broken(pond):
    raise ValueError(f"no rows for {pond.env('SALES_TOKEN')}")

@ripple(parents=[broken])
def after(pond):
    ...
"""
    )
    ran = sales.run(variables={"SALES_TOKEN": "abcdef123456"})
    assert [one.status for one in ran.ripples] == ["success", "failed", "not run"]
    fault = ran.ripples[1].fault
    assert (fault.error, fault.message) == ("ValueError", "no rows for ***SALES_TOKEN***")
    assert 'File "src/pond.py", line 12, in broken' in fault.traceback
    assert "worker" not in fault.traceback
    assert not ran.ok
    assert sales.out() == []
    assert ("load", "on stderr") in sales.printed
    sales.code(HEAD + "@ripple\ndef load(pond):\n    assert not pond.has_table('loaded')\n")
    assert sales.run().ok


def test_the_contract_of_columns_and_of_whole_tables_applies(sales):
    sales.code(HEAD + "@ripple\ndef load(pond):\n    pond.write_table('a', 'SELECT 1 AS x')\n")
    sales.run()
    sales.code(HEAD + "@ripple\ndef load(pond):\n    pond.write_table('a', 'SELECT 1 AS y')\n")
    assert sales.run().ripples[0].fault.error == "ContractError"
    sales.code(HEAD + "@ripple\ndef load(pond):\n    pond.write_table('b', 'SELECT 1 AS y')\n")
    failure = sales.run().failure
    assert (failure.error, "'a' (last written" in failure.message) == ("ContractError", True)
    assert sales.out() == ["a"]
    sales.code(
        HEAD
        + "@ripple\ndef load(pond):\n    pond.write_table('b', 'SELECT 1 AS y')\n"
        + "    pond.drop_table('a')\n"
    )
    assert sales.run().ok
    assert sales.out() == ["b"]


def test_a_pause_waits_and_is_told_and_keeps_what_is_remembered(sales):
    sales.code(
        HEAD
        + """
@ripple
def load(pond):
    looks = pond.recall("looks", 0) + 1
    pond.remember("looks", looks)
    if looks < 3:
        pond.pause("90s")
    pond.write_table("looks", f"SELECT {looks} AS n")
"""
    )
    ran = sales.run()
    assert ran.ripples[0].pauses == 2
    assert [one.seconds for one in sales.told if isinstance(one, Pausing)] == [90, 90]
    assert [one.total_seconds() for one in sales.clock.waited] == [90, 90]
    assert sales.rows("looks") == [(3,)]


def test_one_ripple_runs_on_what_the_others_have_left(sales):
    sales.code(
        HEAD
        + """
@ripple
def load(pond):
    pond.write_table("loaded", f"SELECT {pond.f.hour} AS hour")

@ripple(parents=[load])
def total(pond):
    pond.write_table("total", f"SELECT hour, {pond.previous_f.year} AS before FROM loaded")

@ripple
def other(pond):
    pond.write_table("other", "SELECT 1 AS one")
"""
    )
    ran = sales.run(only="total")  # its parent never ran
    assert [one.ripple for one in ran.ripples] == ["load", "total"]
    assert [one.ripple for one in sales.run(only="total").ripples] == ["total"]
    assert sales.rows("total") == [(13, 2030)]
    sales.run()
    sales.run(only="other")
    assert sales.out() == ["loaded", "other", "total"]
    with pytest.raises(RippleError, match="no Ripple 'totl'; the Pond has") as refused:
        sales.run(only="totl")
    assert refused.value.hint == "Did you mean 'total'?"


def test_a_timeout_ends_a_ripple(sales):
    sales.code(HEAD + "import time\n@ripple(timeout='1s')\ndef load(pond):\n    time.sleep(60)\n")
    fault = sales.run().ripples[0].fault
    assert fault.error == "TimeoutError"
    assert "timeout of 1s" in fault.message


@pytest.mark.parametrize(
    ("code", "error", "message"),
    [
        ("raise ValueError('no')", CodeFailedError, "Importing src/pond.py raised ValueError: no"),
        ("import os; os._exit(3)", CodeFailedError, "ended the process with exit code 3"),
        ("x = 1", RippleError, "src/pond.py declares no Ripple"),
    ],
)
def test_a_module_that_cannot_be_imported_is_told(sales, code, error, message):
    sales.code(code)
    with pytest.raises(error, match=message):
        sales.run()


def test_a_required_source_needs_a_puddle_and_an_optional_one_does_not(tmp_path):
    local = Local(tmp_path, sources='products = "1.0.0"\nshop = "1.0.0"\nlate = "1.0.0?"\n')
    local.code(HEAD + "@ripple\ndef load(pond):\n    assert not pond.has_table('late.x')\n")
    with pytest.raises(PuddleError) as refused:
        local.run()
    assert refused.value.faults == (
        "Source 'products' has no Puddle, so the Pond has nothing to read.",
        "Source 'shop' has no Puddle, so the Pond has nothing to read.",
    )
    assert 'Add @puddle("products.TABLE") to src/puddles.py' in refused.value.hint
    local.puddles(PRODUCTS + '\n@puddle("shop.t")\ndef t(): return "SELECT 1 AS x"\n')
    assert local.run().ok


def test_a_puddle_of_the_ponds_own_table_is_there_before_the_first_run(tmp_path):
    local = Local(tmp_path)
    local.puddles("@puddle\ndef log(): return [{'n': 1}]\n")
    local.code(
        HEAD
        + """
@ripple
def load(pond):
    assert pond.previous_f.year == 2030
    pond.write_table("log", "SELECT n FROM log UNION ALL SELECT max(n) + 1 FROM log")
"""
    )
    local.run()
    local.run()
    assert local.rows("log") == [(1,), (2,), (3,)]


FAILS_LATE = (
    "import os\n"
    + HEAD
    + """
@ripple
def a(pond):
    if pond.has_table("a") and not pond.sources_changed():
        return pond.skip()
    pond.write_table("a", "FROM products.product")

@ripple(parents=[a])
def b(pond):
    if os.path.exists("{breaks}"):
        raise ValueError("no")
    pond.write_table("b", "SELECT count(*) AS n FROM a")
"""
)


def test_after_a_failed_run_its_work_is_done_again(sales, tmp_path):
    breaks = tmp_path / "breaks"
    sales.code(FAILS_LATE.replace("{breaks}", str(breaks)))
    breaks.touch()
    assert not sales.run().ok
    breaks.unlink()
    ran = sales.run(only="b")  # its parent never ran, as far as anybody can read
    assert [(one.ripple, one.status) for one in ran.ripples] == [("a", "success"), ("b", "success")]

    sales.puddles(PRODUCTS.replace("}]", '}, {"id": 3, "price": 1.0}]'))
    breaks.touch()
    assert not sales.run().ok
    breaks.unlink()
    ran = sales.run()
    assert [one.status for one in ran.ripples] == ["success", "success"]
    assert (len(sales.rows("a")), sales.rows("b")) == (3, [(3,)])


def test_with_a_puddle_of_the_ponds_own_ancestors_run_for_one_ripple(sales, tmp_path):
    sales.code(FAILS_LATE.replace("{breaks}", str(tmp_path / "never")))
    sales.puddles(PRODUCTS + '\n@puddle("sales.other")\ndef own(): return "SELECT 1 AS x"\n')
    ran = sales.run(only="b")
    assert [(one.ripple, one.status) for one in ran.ripples] == [("a", "success"), ("b", "success")]


def test_another_file_is_read_again_however_old_it_is_and_none_is_forgotten(sales):
    sales.code(
        HEAD + "@ripple\ndef copy(pond):\n    pond.write_table('t', 'FROM products.product')\n"
    )
    (sales.root / "data.csv").write_text("id\n1\n")
    sales.puddles('@puddle("products.product")\ndef rows(): return "data.csv"\n')
    sales.run()
    (sales.root / "older.csv").write_text("id\n7\n8\n")
    os.utime(sales.root / "older.csv", (0, 0))
    (sales.root / "older.csv").replace(sales.root / "data.csv")
    sales.run()
    assert sales.rows("t") == [(7,), (8,)]
    (sales.root / "src" / "puddles.py").unlink()
    with pytest.raises(PuddleError, match="Source 'products' has no Puddle"):
        sales.run()


def test_two_commands_do_not_work_in_one_folder_at_a_time(sales):
    from duckstring.puddles.session import at_work
    from duckstring_cli.projects import open_project

    sales.code(HEAD + "@ripple\ndef load(pond): ...\n")
    with (
        at_work(open_project(sales.root)),
        pytest.raises(OperatorError, match="Another command is at work in"),
    ):
        sales.run()


def test_what_a_killed_command_has_left_is_removed_by_the_next(sales):
    sales.code(HEAD + "@ripple\ndef load(pond): ...\n")
    left = sales.root / "puddles/in/.part-99999/products"
    left.mkdir(parents=True)
    assert sales.run().ok
    assert not left.parent.exists()


def test_a_damaged_state_is_told_in_one_line(sales):
    sales.code(HEAD + "@ripple\ndef load(pond): ...\n")
    sales.run()
    (sales.root / "puddles/out/.state.json").write_text(json.dumps({"line": 3}))
    with pytest.raises(OperatorError, match=r"\.state\.json cannot be read"):
        sales.run()
    assert sales.run(fresh=True).ok


INCREMENTAL = (
    HEAD
    + """
@ripple
def load(pond):
    delta = pond.read_delta("shop.orders")
    pond.write_table("full", f"SELECT {pond.delta_is_full('shop.orders')} AS is_full")
    pond.append_table("log", delta.project("id, _change AS what"))
    pond.merge_table(
        "orders",
        delta.filter("_change = 'insert'").project("id, n"),
        key=["id"],
        delete=delta.filter("_change = 'delete'").project("id").except_(
            delta.filter("_change = 'insert'").project("id")
        ),
    )
"""
)
ADOPTING = (
    HEAD
    + """
from pathlib import Path

@ripple
def load(pond):
    to = Path(pond.location("orders"))
    assert to.is_absolute() and not list(to.iterdir())
    (to / "eu").mkdir()
    for n, file in enumerate(("part-0.snappy.parquet", "eu/part-1")):
        rows = f"SELECT {n} AS id, RUN AS run"
        pond.con.execute(f"COPY ({rows}) TO '{to / file}' (FORMAT parquet)")
    (to / "_SUCCESS").touch()
    pond.adopt_table("orders")

@ripple(parents=[load])
def count(pond):
    pond.write_table("counted", "SELECT count(*) AS n FROM orders")
"""
)


def test_files_of_another_engine_are_adopted_here_as_in_a_catchment(tmp_path):
    """Only those of the published tables stay on this machine."""
    local = Local(tmp_path)
    for run in (1, 2):
        local.code(ADOPTING.replace("RUN", str(run)))
        assert local.run().ok
        assert local.rows("orders") == [(0, run), (1, run)]
        assert local.rows("counted") == [(2,)]
    versions = local.root / "puddles/out/.versions/orders"
    left = {path.relative_to(versions).as_posix() for path in versions.rglob("*")}
    assert {re.sub(r"-load-1-\w+?(p1)?(?=[./]|$)", r"\1", name) for name in left} == {
        "0000000002p1.parquet",
        "0000000002",
        "0000000002/eu",
        "0000000002/eu/part-1",
        "0000000002/part-0.snappy.parquet",
    }


def test_what_cannot_be_adopted_is_said_in_one_line_here_too(tmp_path):
    local = Local(tmp_path)
    local.code(HEAD + "@ripple\ndef load(pond): pond.adopt_table('orders')\n")
    ended = local.run()
    assert not ended.ok
    assert "no Parquet file lies in" in str(ended)


PUDDLE = """
@puddle("shop.orders")
def orders():
    return [{}]
"""


def test_tables_grow_and_deltas_go_on_over_several_runs(tmp_path):
    local = Local(tmp_path, sources='shop = "1.0.0"')
    local.code(INCREMENTAL)

    def ran(*rows):
        made = ", ".join(f'{{{{"id": {k}, "n": {n}}}}}' for k, n in rows)
        local.puddles(PUDDLE.replace("{}", made.replace("{{", "{").replace("}}", "}")))
        ended = local.run()
        assert ended.ok, ended
        return local.rows("full"), local.rows("orders")

    assert ran((1, 10), (2, 20)) == ([(True,)], [(1, 10), (2, 20)])
    assert ran((1, 10), (2, 21), (3, 30)) == ([(False,)], [(1, 10), (2, 21), (3, 30)])
    assert ran((2, 21), (3, 30)) == ([(False,)], [(2, 21), (3, 30)])
    assert local.rows("log") == [
        (1, "delete"),
        (1, "insert"),
        (2, "delete"),
        (2, "insert"),
        (2, "insert"),
        (3, "insert"),
    ]
    assert ran((2, 21), (3, 30)) == ([(False,)], [(2, 21), (3, 30)])
    local.run(fresh=True)
    assert local.rows("full") == [(True,)]


TAKES = (
    HEAD
    + """
@ripple
def load(pond):
    came = pond.arrivals()
    print([one.key.rpartition("/")[2] for one in came])
    if any("bad" in one.uri for one in came):
        raise ValueError("bad")
    if came:
        pond.append_table("rows", pond.con.read_csv([one.uri for one in came]))
"""
)


def test_files_in_the_folder_of_arrivals_arrive_once_and_again_after_a_failure(tmp_path):
    local = Local(tmp_path)
    local.code(TAKES)
    assert local.run().ok, "nothing has arrived"
    folder = local.root / "puddles" / "arrivals"
    (folder / "day").mkdir(parents=True)
    for name in ("b", "a"):
        (folder / f"{name}.csv").write_text(f"n\n{ord(name)}\n")
    (folder / ".hidden").write_text("x")
    assert local.run().ok
    assert local.run().ok
    (folder / "day" / "bad.csv").write_text("n\n7\n")
    ran = local.run()
    assert not ran.ok, local.printed
    (folder / "day" / "bad.csv").rename(folder / "day" / "good.csv")
    assert local.run().ok
    said = [text for _, text in local.printed]
    assert said == ["[]", "['a.csv', 'b.csv']", "[]", "['bad.csv']", "['good.csv']"]
    assert local.rows("rows") == [(7,), (97,), (98,)]
    (folder / "a.csv").write_text("n\n1\n")
    assert local.run().ok
    assert local.printed[-1][1] == "['a.csv']", "written again: another arrival"
