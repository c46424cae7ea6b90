"""Sources that are not there yet, or need not be."""

from __future__ import annotations

import json

MAKE = """
@ripple
def make(pond):
    note(pond, "make")
    pond.write_table("made", "SELECT 1 AS one")
"""

TOTAL = """
@ripple
def total(pond):
    note(pond, "total")
    names = [name for name in ("{required}", "{optional}") if name]
    found = [name for name in names if pond.has_table(f"{{name}}.made")]
    pond.write_table("found", f"SELECT {{found}} AS found")
"""


def test_a_sink_deployed_before_its_source_waits_and_runs_once_it_is_there(driver):
    driver.deploy(
        driver.pond("late_sink", TOTAL.format(required="late", optional=""), sources=["late"])
    )
    epoch = driver.pulse("late_sink")
    driver.wait_until(
        "late_sink", lambda line: line["status"] != "idle", what="the demand has arrived"
    )
    assert "late@1" in driver.line("late_sink")["reason"]
    driver.deploy(driver.pond("late", MAKE))
    driver.wait_fresh("late_sink", max(epoch, driver.pulse("late_sink")))
    driver.wait_at_rest("late", "late_sink")
    assert driver.rows("late_sink", "found") == [{"found": ["late"]}]
    driver.assert_each_ran_once("late", "late_sink")


def test_an_optional_source_neither_blocks_nor_is_waited_for(driver):
    driver.deploy(
        driver.pond("firm", MAKE),
        driver.pond("loose", "@ripple\ndef make(pond):\n    raise OSError('down')\n"),
        driver.pond(
            "lenient",
            TOTAL.format(required="firm", optional="loose"),
            sources=["firm", "loose=1.0.0?"],
        ),
    )
    driver.pulse("loose")
    driver.wait_for("loose", "failed")
    driver.wait_fresh("lenient", driver.pulse("lenient"))
    assert driver.line("lenient")["status"] == "idle"
    assert driver.rows("lenient", "found") == [{"found": ["firm"]}]
    driver.deploy(driver.pond("loose", MAKE, version="1.0.1"))
    driver.wait_fresh("loose", driver.pulse("loose"))
    driver.wait_fresh("lenient", driver.pulse("lenient"))
    assert driver.rows("lenient", "found") == [{"found": ["firm", "loose"]}]


def test_sql_files_are_ripples_of_a_pond(driver):
    till = driver.pond(
        "till",
        """
        @ripple
        def load(pond):
            pond.write_table("sales", "SELECT unnest([2, 3, -1]) AS amount")
        """,
    )
    ledger = driver.pond("ledger", "", sources=["till"])
    (ledger / "src" / "pond.py").unlink()
    (ledger / "src" / "ripples").mkdir()
    for name, sql in {
        "paid": "-- timeout: 1h\nSELECT * FROM till.sales WHERE amount > 0",
        "total": "SELECT sum(amount)::INT AS amount FROM paid",
    }.items():
        (ledger / "src" / "ripples" / f"{name}.sql").write_text(sql)
    driver.deploy(till, ledger)
    assert driver.line("ledger")["ripples"][1]["parents"] == ["paid"]
    driver.wait_fresh("ledger", driver.pulse("ledger"))
    assert driver.rows("ledger", "total") == [{"amount": 5}]
    rows_are_traced_through_the_ripples_and_snapshots_that_they_came_through(driver)


def rows_are_traced_through_the_ripples_and_snapshots_that_they_came_through(driver):
    tables = json.loads(driver.run.done("lineage", "ledger.total", "--up", "--json"))["nodes"]
    assert [(one["table"], one["ripple"], read_by(one)) for one in tables] == [
        ("total", "total", [("ledger@1", "paid", True)]),
        ("paid", "paid", [("till@1", "sales", True)]),
        ("sales", "load", []),
    ]
    assert "to ledger@1.paid" in driver.run.done("lineage", "till", "--down")
    traced = json.loads(
        driver.run.done("trace", "ledger", "total", "--where", "amount = 5", "--json")
    )
    assert traced["origins"] == [{"rows": 1, "exact": True, "attempt": "ledger@1/1-total-1"}]
    assert [(one["id"], one["version"]) for one in traced["attempts"]] == [
        ("ledger@1/1-total-1", "1.0.0"),
        ("ledger@1/1-paid-1", "1.0.0"),
        ("till@1/1-load-1", "1.0.0"),
    ]
    assert [one["reads"][0]["snapshot"] for one in traced["attempts"][:2]] == [None, 1]
    package = driver.client.status("till")["lines"][0]["package"]
    assert traced["attempts"][2]["package"] == package
    said = driver.run("trace", "ledger", "total", "--where", "amount = 5) OR (true")
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("error: --where is not one expression")


def read_by(node):
    return [(read["line"], read["table"], read["sure"]) for read in node["reads"]]


SHOP = """
@ripple
def events(pond):
    n = int(pond.f.timestamp() * 1000)
    pond.append_table("events", f"SELECT {n} AS moment, unnest([1, 2]) AS customer")

@ripple
def customers(pond):
    seen = pond.read_table("customers").fetchall() if pond.has_table("customers") else []
    rows = ", ".join(f"({k}, {len(seen) + 1})" for k in range(1, len(seen) + 2))
    pond.merge_table("customers", f"SELECT * FROM (VALUES {rows}) AS v(id, grade)", key=["id"],
                     delete="SELECT 1 AS id WHERE false")
"""

DESK = """
@ripple
def take(pond):
    delta = pond.read_delta("growing_shop.events")
    note(pond, "full" if pond.delta_is_full("growing_shop.events") else "delta")
    pond.append_table("taken", delta.project("* EXCLUDE (_change)"))
    if len(delta.fetchall()) == 2 and not (Path(os.environ["LEDGER"]) / "failed").exists():
        (Path(os.environ["LEDGER"]) / "failed").touch()
        raise OSError("the first attempt to take a delta fails")

@ripple
def copy(pond):
    delta = pond.read_delta("growing_shop.customers")
    pond.merge_table(
        "customers",
        delta.filter("_change IN ('insert', 'update_after')").project("* EXCLUDE (_change)"),
        key=["id"],
        delete=delta.filter("_change = 'delete'"),
    )
"""

BOARD = """
@ripple
def board(pond):
    delta = pond.read_delta("growing_desk.taken")
    pond.append_table("news", delta.aggregate("count(*) AS rows"))
    pond.write_table("all", "SELECT count(*) AS rows, count(DISTINCT moment) AS runs "
                            "FROM growing_desk.taken")
"""


def test_tables_grow_and_each_pond_reads_what_is_new(driver):
    driver.deploy(
        driver.pond("growing_shop", SHOP),
        driver.pond("growing_desk", DESK, sources=["growing_shop"], immediate_retries=2),
        driver.pond("growing_board", BOARD, sources=["growing_desk"]),
    )
    for _ in range(3):
        driver.wait_fresh("growing_board", driver.pulse("growing_board"))
    assert driver.rows("growing_board", "all") == [{"rows": 6, "runs": 3}]
    assert [row["rows"] for row in driver.rows("growing_board", "news")] == [2, 2, 2]
    assert sorted(row["id"] for row in driver.rows("growing_desk", "customers")) == [1, 2, 3]
    assert {row["grade"] for row in driver.rows("growing_desk", "customers")} == {3}
    words = [one.word for one in driver.noted("growing_desk")]
    assert words == ["full", "full", "delta", "delta"], "the failed attempt's delta came again"
    (taken,) = (
        row for row in driver.client.tables("growing_desk")["tables"] if row["table"] == "taken"
    )
    assert [part["rows"] for part in taken["parts"]] == [2, 2, 2]
    rows_of_a_table_that_grows_are_traced_to_the_run_that_added_them(driver)


def rows_of_a_table_that_grows_are_traced_to_the_run_that_added_them(driver):
    moments = sorted({row["moment"] for row in driver.rows("growing_desk", "taken")})
    for run, moment in enumerate(moments, 1):
        where = f"moment = {moment}"
        traced = json.loads(
            driver.run.done("trace", "growing_desk", "taken", "--where", where, "--json")
        )
        attempt = 2 if run == 1 else 1  # the first one has failed
        name = f"growing_desk@1/{run}-take-{attempt}"
        assert traced["origins"] == [{"rows": 2, "exact": True, "attempt": name}]
        (read,) = traced["attempts"][0]["reads"]
        assert (read["table"], read["snapshot"]) == ("events", run)
        assert read["writers"] == [f"growing_shop@1/{run}-events-1"]
    merged = json.loads(driver.run.done("trace", "growing_desk", "customers", "--json"))
    assert merged["origins"] == [{"rows": 3, "exact": True, "attempt": "growing_desk@1/3-copy-1"}]


ENGINE = """
from duckstring import check

@ripple
def write(pond):
    import boto3
    import duckdb

    to = pond.location("made")
    bucket, _, prefix = to.removeprefix("s3://").partition("/")
    s3 = boto3.client("s3")  # the attempt's own credentials, as Athena has them
    if pond.recall("external/engine") is None:
        pond.remember("external/engine", {"since": 1.0, "run": "r"})
        for n, name in enumerate(("20260101_120000_00001_abcde", "eu/part-0.snappy.parquet")):
            duckdb.sql(f"SELECT unnest([{n}, {n} + 10]) AS n").write_parquet("part")
            s3.put_object(Bucket=bucket, Key=prefix + name, Body=Path("part").read_bytes())
        s3.put_object(Bucket=bucket, Key=prefix + "_SUCCESS", Body=b"")
        note(pond, "started")
        pond.pause("1s")
    elsewhere = "data/other@1/made/0000000001-write-1-0a1b2c3d/"
    for call in (
        lambda: s3.list_objects_v2(Bucket=bucket, Prefix="data/"),
        lambda: s3.list_objects_v2(Bucket=bucket, Prefix=elsewhere),
        lambda: s3.put_object(Bucket=bucket, Key=elsewhere + "part-0", Body=b"x"),
        lambda: s3.delete_object(Bucket=bucket, Key=prefix + "_SUCCESS"),
    ):
        try:
            call()
        except s3.exceptions.ClientError as error:
            note(pond, error.response["Error"]["Code"])
    pond.adopt_table("made")

@ripple(parents=[write])
def count(pond):
    pond.write_table("counted", "SELECT count(*)::INT AS rows FROM made")

@check
def all_are_there(pond):
    return pond.read_table("made").aggregate("count(*) AS n").filter("n <> 4")
"""


def test_files_of_another_engine_are_a_table_that_sinks_and_people_read(driver):
    """Roles and session policies are enforced here."""
    driver.deploy(
        driver.pond("engine_made", ENGINE),
        driver.pond(
            "engine_read",
            "@ripple\ndef copy(pond):\n"
            "    pond.write_table('copied', 'SELECT sum(n)::INT AS total FROM engine_made.made')\n",
            sources=["engine_made"],
        ),
    )
    driver.wait_fresh("engine_read", driver.pulse("engine_read"))

    assert driver.rows("engine_read", "copied") == [{"total": 22}]
    assert driver.rows("engine_made", "counted") == [{"rows": 4}]
    assert sorted(row["n"] for row in driver.rows("engine_made", "made")) == [0, 1, 10, 11]
    assert [one.word for one in driver.noted("engine_made")] == ["started", *["AccessDenied"] * 4]
    (made,) = (
        row for row in driver.client.tables("engine_made")["tables"] if row["table"] == "made"
    )
    assert [part["rows"] for part in made["parts"]] == [2, 2, 0]


def test_an_earlier_snapshot_is_published_again_and_no_row_is_lost_or_doubled(driver):
    shop, desk = SHOP, DESK.replace("growing_", "back_")
    driver.deploy(
        driver.pond("back_shop", shop),
        driver.pond("back_desk", desk, sources=["back_shop"], immediate_retries=2),
    )
    (driver.ledger / "failed").touch()  # no attempt fails here
    for _ in range(3):
        driver.wait_fresh("back_desk", driver.pulse("back_desk"))
    driver.wait_at_rest("back_shop", "back_desk")

    def taken():
        return sorted(row["moment"] for row in driver.rows("back_desk", "taken"))

    def events():
        return sorted(row["moment"] for row in driver.rows("back_shop", "events"))

    all_three = taken()
    assert all_three == events()
    kept = driver.run("snapshots", "back_desk", "--json").json["snapshots"]
    assert [one["reasons"] for one in kept] == [
        ["published", "last", "young"],
        *[["last", "young"]] * 2,
    ]
    first = kept[-1]["run"]
    told = driver.run.done("publish", "back_desk", "--run", first, "-y")
    assert "back to what it was: customers, taken" in told
    assert taken() == all_three[:2]
    assert driver.statuses("back_desk")[-1] == "rollback"
    assert driver.line("back_desk")["end_f"] == kept[0]["f"]

    driver.wait_fresh("back_desk", driver.pulse("back_desk"))
    assert (len(taken()), taken()) == (8, events()), "what came since was taken in again, once"
