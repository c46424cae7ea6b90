"""Which tables a statement may name, and that no other is read."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from duckstring.author.naming import named_in
from tests.unit.worker_kit import World

REFS = {("main", "t"), ("main", "old"), ("up", "t"), ("up", "prices"), ("side", "t")}


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ("SELECT 1", set()),
        ("FROM up.t", {("up", "t")}),
        ('SELECT * FROM "up" . "T"', {("up", "t")}),
        ("FROM UP.T", {("up", "t")}),
        ("FROM t", {("main", "t")}),
        ("FROM main.t", {("main", "t")}),
        ("FROM memory.main.t", {("main", "t")}),
        ("FROM memory.up.t", {("main", "t"), ("up", "t")}),
        ("FROM up.t JOIN old USING (x)", {("up", "t"), ("main", "old")}),
        ("FROM up.prices, t", {("up", "prices"), ("main", "t"), ("up", "t")}),
        ("SELECT up.t FROM t AS up", {("main", "t"), ("up", "t")}),
        ("FROM query_table('t')", REFS),
        ("FROM query('FROM ' || 'o' || 'ld')", REFS),
        ("SELECT * FROM duckdb_tables()", REFS),
        ("SHOW ALL TABLES", REFS),
    ],
)
def test_what_a_statement_names(sql, named):
    assert named_in(sql, REFS) == named


quoting = st.sampled_from(["{}", '"{}"', "/**/{}"])
spaces = st.sampled_from(["", " ", "\n", "\t"])


@given(
    st.sets(st.sampled_from(sorted(REFS)), min_size=1),
    quoting,
    spaces,
    st.booleans(),
    st.sampled_from([", ", " JOIN ", " UNION FROM "]),
)
@example({("main", "t")}, '"{}"', "", True, ", ")
def test_no_table_that_is_read_is_left_out(read, quoted, space, upper, between):
    def written(ref):
        names = [quoted.format(name) for name in ref if name != "main"]
        text = f"{space}.{space}".join(names)
        return text.upper() if upper else text

    assert named_in(f"FROM {between.join(map(written, sorted(read)))}", REFS) >= read


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    made.worker.processes.close()


@pytest.mark.parametrize(
    "body", ['pond.write_table("new", "SELECT 1 AS x")', 'pond.write_table("new", "FROM kept")']
)
def test_a_table_that_sql_does_not_name_is_not_read(world, body):
    """A Pond of 300 tables would read the ends of 300 files to write one."""
    source = "from duckstring import ripple\n\n\n@ripple\ndef load(pond):\n    {}\n"
    world.deploy(
        source.format('[pond.write_table(name, "SELECT 7 AS x") for name in ("kept", "lost")]')
    )
    world.open_run()
    assert world.run()["outcome"] == "ok"
    world.accept()
    world.publish()
    (world.root / world.state.tables["lost"].key).unlink()
    world.deploy(source.format(body))
    world.open_run(2)
    assert world.run(number=2)["outcome"] == "ok", world.rows[-1]
    assert world.letters[-1].signal.tables["new"].rows == 1
