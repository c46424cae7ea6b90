"""Deploying: what runs, on which version, and what stays."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.e2e.drive import until

COUNTED = """
@ripple
def count(pond):
    note(pond, "count")
    {first}
    before = 0
    if pond.has_table("counts"):
        before = pond.read_table("counts").aggregate("max(n)").fetchone()[0]
    pond.write_table("counts", f"SELECT {{before}} + {step} AS n, '{{pond.version}}' AS version")
"""


def test_deploying_runs_nothing(driver):
    driver.deploy(
        driver.pond("calm", COUNTED.format(first="pass", step=1)),
        driver.pond("calm_sink", COUNTED.format(first="pass", step=1), sources=["calm"]),
    )
    driver.wait_at_rest("calm", "calm_sink")
    assert driver.runs("calm") == driver.runs("calm_sink") == []
    assert driver.noted("calm") == driver.noted("calm_sink") == []
    driver.wait_fresh("calm_sink", driver.pulse("calm_sink"))
    driver.deploy(
        driver.pond("calm", COUNTED.format(first="pass", step=2), version="1.1.0"),
        driver.folder / "calm_sink",
    )
    driver.wait_until(
        "calm", lambda line: line["version"] == "1.1.0", what="the new version is selected"
    )
    driver.wait_at_rest("calm", "calm_sink")
    assert driver.statuses("calm") == driver.statuses("calm_sink") == ["success"]


def test_ponds_that_have_nothing_to_do_with_each_other_deploy_side_by_side(driver):
    roots = [driver.pond(f"beside_{n}", COUNTED.format(first="pass", step=1)) for n in range(6)]
    command = [sys.executable, "-m", "duckstring_cli.main", "deploy"]
    started = [
        subprocess.Popen(
            [*command, root], stderr=subprocess.PIPE, text=True, stdout=subprocess.DEVNULL
        )
        for root in roots
    ]
    ended = [(one.communicate()[1], one.returncode) for one in started]
    assert [code for _, code in ended] == [0] * 6, ended
    assert {line for line in driver.lines() if line.startswith("beside_")} == {
        f"beside_{n}" for n in range(6)
    }


def test_a_run_in_flight_finishes_on_its_version_and_the_next_uses_the_new_one(driver):
    driver.deploy(driver.pond("moving", COUNTED.format(first="hold(pond)", step=1)))
    epoch = driver.pulse("moving")
    driver.wait_until(
        "moving", lambda line: driver.noted("moving"), what="the first run is under way"
    )
    driver.deploy(driver.pond("moving", COUNTED.format(first="pass", step=10), version="1.1.0"))
    held = driver.line("moving")
    assert (held["version"], held.get("next")) == (
        "1.0.0",
        {"version": "1.1.0", "waits_for": ["moving@1/1"]},
    )
    assert held["runs"][0]["ripples"][0].get("where") == "lambda"
    driver.let("moving")
    driver.wait_fresh("moving", epoch)
    assert driver.rows("moving", "counts") == [{"n": 1, "version": "1.0.0"}]
    driver.wait_fresh("moving", driver.pulse("moving"))
    # The table that 1.0.0 wrote is the one that 1.1.0 goes on from.
    assert driver.rows("moving", "counts") == [{"n": 11, "version": "1.1.0"}]
    assert [(row["version"], row["status"]) for row in driver.runs("moving")] == [
        ("1.0.0", "success"),
        ("1.1.0", "success"),
    ]


def test_demand_that_comes_while_a_version_is_replaced_is_not_lost(driver):
    driver.deploy(driver.pond("eager", COUNTED.format(first="hold(pond)", step=1)))
    driver.pulse("eager")
    driver.wait_until(
        "eager", lambda line: driver.noted("eager"), what="the first run is under way"
    )
    driver.deploy(driver.pond("eager", COUNTED.format(first="pass", step=10), version="1.1.0"))
    epoch = driver.pulse("eager")
    driver.let("eager")
    driver.wait_fresh("eager", epoch)
    assert driver.rows("eager", "counts") == [{"n": 11, "version": "1.1.0"}]


def test_majors_are_lines_of_their_own(driver):
    driver.deploy(driver.pond("twin", COUNTED.format(first="pass", step=1)))
    driver.deploy(driver.pond("twin", COUNTED.format(first="pass", step=100), version="2.0.0"))
    driver.deploy(
        driver.pond(
            "twin_old",
            'READ = "twin"\n' + COUNTED.format(first="pass", step=0),
            sources=["twin=1.0.0"],
        )
    )
    driver.wait_fresh("twin_old", driver.pulse("twin_old"))
    assert [row["run"] for row in driver.client.runs("twin", major=1)] == ["twin@1/1"]
    assert driver.client.runs("twin", major=2) == []
    driver.trigger("pulse", "twin", "--major", "2")
    until(lambda: driver.statuses("twin") == ["success"], what="the highest major has run")
    assert [row["run"] for row in driver.client.runs("twin", major=1)] == ["twin@1/1"]
    assert driver.run.done("query", "twin", "counts", "--csv", "-m", "1") == "n,version\n1,1.0.0\n"
    assert (
        driver.run.done("query", "twin", "counts", "--csv", "-m", "2") == "n,version\n100,2.0.0\n"
    )
    sql_sees_every_line_as_a_schema(driver)


def sql_sees_every_line_as_a_schema(driver):
    """Also as of one freshness: that of the line that has not run again."""
    both = (
        "SELECT old.n AS old, new.n AS new, twin_old.counts.n AS sink FROM twin_v1.counts AS old, "
        "twin.counts AS new, twin_old.counts"
    )
    assert driver.run.done("sql", both, "--csv") == "old,new,sink\n1,100,0\n"
    said = driver.run("sql", both, "--consistent")
    assert (said.code, said.out) == (1, "")
    assert "twin@2 has no snapshot of a common freshness" in said.err
    before = driver.client.status("twin", major=1)["lines"][0]["end_f"]
    driver.wait_fresh("twin_old", driver.pulse("twin_old"))
    shared = driver.run("sql", both, "--consistent", "--json")
    assert shared.json == [{"old": 1, "new": 100, "sink": 0}]
    assert "as of 20" in shared.err
    one = "SELECT n FROM twin_v1.counts"
    assert driver.run.done("sql", one, "--csv") == "n\n2\n"
    assert driver.run.done("sql", one, "--csv", "--at", before) == "n\n1\n"
    said = driver.run("sql", one, "--at", "2020-01-01")
    assert (said.code, said.out) == (1, "")
    assert f"is kept of twin@1 (the oldest is as of {before})" in said.err


def test_tables_can_be_written_from_all_that_holds_rows(driver):
    driver.deploy(
        driver.pond(
            "scribe",
            """
            import datetime
            import pandas

            class Capsule:
                '''Rows that know nothing but Arrow's interface, as polars, pyarrow and others
                have it.
                '''

                def __init__(self, rows):
                    self.rows = rows

                def __arrow_c_stream__(self, requested_schema=None):
                    return self.rows.__arrow_c_stream__(requested_schema)

            @ripple
            def write(pond):
                frame = pandas.DataFrame(
                    {
                        "n": [1, 2, None],
                        "text": ["a", None, "ü"],
                        "at": pandas.to_datetime(["2030-01-01T12:00:00.123456Z"] * 3),
                    }
                )
                pond.write_table("from_pandas", frame)
                pond.write_table("from_relation", pond.con.sql("SELECT range AS n FROM range(3)"))
                pond.write_table(
                    "from_sql",
                    "SELECT 1 AS n, DATE '2030-01-02' AS day, 1.5::DECIMAL(9, 2) AS price, "
                    "[1, 2] AS listed",
                )
                texts = pond.con.sql("SELECT range AS n, 'x' || range AS text FROM range(3)")
                pond.write_table("from_arrow", Capsule(texts))
                pond.write_table("from_own", "SELECT sum(n) AS total FROM from_relation")
                pond.write_table("empty", frame[:0])
            """,
        )
    )
    driver.wait_fresh("scribe", driver.pulse("scribe"))
    assert driver.line("scribe")["failure"] is None
    rows = driver.typed_rows("scribe", "from_pandas")
    assert [(row["n"], row["text"]) for row in rows] == [(1.0, "a"), (2.0, None), (None, "ü")]
    assert [row["at"].isoformat() for row in rows] == ["2030-01-01T12:00:00.123456+00:00"] * 3
    assert driver.typed_rows("scribe", "from_relation") == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert [str(value) for value in driver.typed_rows("scribe", "from_sql")[0].values()] == [
        "1",
        "2030-01-02",
        "1.50",
        "[1, 2]",
    ]
    assert driver.rows("scribe", "from_arrow") == [{"n": n, "text": f"x{n}"} for n in range(3)]
    assert [int(row["total"]) for row in driver.rows("scribe", "from_own")] == [3]
    assert driver.rows("scribe", "empty") == []
    sizes = {table["table"]: table["rows"] for table in driver.client.tables("scribe")["tables"]}
    assert sizes == {
        "from_pandas": 3,
        "from_relation": 3,
        "from_sql": 1,
        "from_arrow": 3,
        "from_own": 1,
        "empty": 0,
    }


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("[1, 2]", "relation"),
        ("'SELECT nothing FROM nowhere'", "nowhere"),
        ("'CREATE TABLE x AS SELECT 1 AS a'", "gives no rows"),
    ],
)
def test_what_cannot_be_written_fails_with_the_reason(driver, data, words, request):
    name = f"bad_write_{request.node.callspec.indices['data']}"
    driver.deploy(
        driver.pond(name, f"@ripple\ndef write(pond):\n    pond.write_table('t', {data})\n")
    )
    driver.pulse(name)
    assert words in driver.wait_for(name, "failed")["failure"]["message"]
