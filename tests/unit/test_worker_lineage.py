"""What an attempt's row says of the tables that it has read: for sure, or perhaps, and by whom they
were written.
"""

import duckdb
import pytest

from duckstring.author.surroundings import Surroundings
from duckstring.author.tables import SourceTables
from duckstring.engine.effects import PublishSnapshot
from duckstring.model.catalog import Part, Position, TableVersion
from duckstring.model.foreign import Redactor
from duckstring.model.names import Line
from duckstring.model.values import replace
from duckstring.worker.ends import Memory, known
from duckstring.worker.watch import Outcome
from tests.unit import worker_kit as kit
from tests.unit.test_worker_run_ripple import ran

NOON, SALES, UP = kit.NOON, kit.SALES, Line("up@1")
HEAD = "from duckstring import ripple\n\n"


@pytest.fixture
def world(tmp_path):
    """Sales has published ``mine`` and ``other`` in run 1. Up has ``a`` and ``b``."""
    made = kit.World(tmp_path)
    body = "pond.write_table('mine', 'SELECT 1 AS one')\npond.write_table('other', 'SELECT 2 AS n')"
    assert ran(made, body) == {"outcome": "ok"}
    made.accept()
    made.publish()
    made.letters.clear()
    held = {
        name: TableVersion(name, f"data/up@1/{name}/000000000{run}-load-2-x.parquet", 1, 9, "x")
        for run, name in ((5, "a"), (7, "b"))
    }
    for one in held.values():
        duckdb.sql("SELECT 1 AS one").write_parquet(made.storage.uri(one.key))
    made.source(UP, 7, NOON, held)
    return made


def read_by(world, source, *, files=None, ripple="load"):
    """What the second run's attempt has read for sure and perhaps; None: any table, too."""
    world.deploy(HEAD + source, files=files, ripples=(ripple,))
    world.open_run(2, pins={UP: 7}, ripple=ripple)
    assert world.run(number=2, ripple=ripple) == {"outcome": "ok"}
    lineage = world.rows[-1].lineage
    sure = {one.ref: one.writers for one in lineage.reads if one.is_sure}
    may = sorted(one.ref for one in lineage.reads if not one.is_sure)
    return sure, None if lineage.is_open else may


def load(*lines):
    return "@ripple\ndef load(pond):\n" + "".join(f"    {line}\n" for line in lines)


A, B, MINE, OTHER = ("5-load-2",), ("7-load-2",), ("1-load-1",), ("1-load-1",)


@pytest.mark.parametrize(
    ("lines", "sure", "may"),
    [
        (["pass"], {}, []),
        (["pond.read_table('up.a')"], {"up@1.a": A}, []),
        (["pond.read_table('mine')"], {"mine": MINE}, []),
        (["pond.read_delta('up.b')"], {"up@1.b": B}, []),
        (["pond.source_table('up.b')"], {"up@1.b": B}, []),
        (["pond.write_table('t', 'FROM up.a')"], {"up@1.a": A}, []),
        (
            ["pond.write_table('t', 'FROM UP.A SEMI JOIN Mine USING (one)')"],
            {"up@1.a": A, "mine": MINE},
            [],
        ),
        (["pond.append_table('t', 'FROM up.a')"], {"up@1.a": A}, []),
        (["pond.merge_table('t', 'SELECT one FROM up.a', key=['one'])"], {"up@1.a": A}, []),
        # Names that the statement makes itself are no tables.
        (["pond.write_table('t', 'WITH mine AS (FROM up.a) FROM mine')"], {"up@1.a": A}, []),
        (["pond.write_table('t', pond.con.sql('FROM up.a'))"], {"up@1.a": A}, []),
        (
            ["r = pond.con.sql('FROM up.a').filter('one > 0').aggregate('count(*) AS n')",
             "pond.write_table('t', r)"],
            {"up@1.a": A},
            [],
        ),
        # What comes as a frame has lost where it is from.
        (["pond.write_table('t', pond.con.sql('FROM up.a').arrow())"], {}, ["up@1.a"]),
        (["pond.con.sql('FROM mine').fetchall()"], {}, ["mine"]),
        (["pond.con.sql(f'FROM up.{chr(97)}').fetchall()", "x = 'b'"], {}, ["up@1.b"]),
        (["pond.con.sql('SHOW TABLES')"], {}, None),
        (["pond.con.sql(\"FROM query('FROM ' || 'mine')\")"], {}, None),
        (["'It reads mine.'", "pond.con"], {}, []),
        # A table of the author's with the name of one of the Pond's.
        (
            ["pond.con.sql('CREATE TEMP TABLE mine AS SELECT 3 AS one')",
             "pond.write_table('t', 'FROM mine')"],
            {},
            ["mine"],
        ),
        (["pond.con.sql('USE up')", "pond.write_table('t', 'FROM a')"], {}, ["up@1.a"]),
        # What the Ripple has written itself comes from what it has read.
        (["pond.write_table('mine', 'FROM up.a')", "pond.read_table('mine')"], {"up@1.a": A}, []),
        (["pond.write_table('mine', 'SELECT one FROM mine')"], {"mine": MINE}, []),
    ],
)  # fmt: skip
def test_the_tables_that_a_ripple_has_read_are_told_from_those_that_it_may_have_read(
    world, lines, sure, may
):
    assert read_by(world, load(*lines)) == (sure, may)


def test_an_sql_ripple_has_read_what_its_select_names(world):
    files = {"src/ripples/sums.sql": "SELECT m.one FROM mine AS m JOIN up.b ON true"}
    assert read_by(world, "", files=files, ripple="sums") == ({"mine": MINE, "up@1.b": B}, [])


@pytest.mark.parametrize(
    "lines",
    [
        ["type(pond).uses = property(lambda self: 7)"],
        ["pond._lake.used = {('nobody', 'x'): 'y'}"],
        ["import duckstring.author.lake as lake", "lake.views_used = None", "pond.con"],
        ["pond.con.close()"],
    ],
)
def test_no_attempt_fails_for_its_lineage(world, lines):
    world.deploy(HEAD + load(*lines, "open"))
    world.open_run(2, pins={UP: 7})
    assert world.run(number=2) == {"outcome": "ok"}


def test_names_in_other_ripples_are_not_counted_but_those_in_what_it_calls_are(world):
    source = """
TABLE = "b"

def helper(pond):
    pond.con.sql("FROM up.a").fetchall()

@ripple
def other(pond):
    pond.con.sql("FROM mine")

@ripple(parents=[other])
def load(pond):
    helper(pond)
"""
    assert read_by(world, source) == ({}, ["up@1.a", "up@1.b"])


def test_names_in_modules_that_it_imports_are_counted(world):
    source = "from queries import ask\n\n" + load("ask(pond)")
    files = {"src/queries.py": "def ask(pond):\n    pond.con.sql('FROM up.a').fetchall()\n"}
    assert read_by(world, source, files=files) == ({}, ["up@1.a"])


def test_where_sql_comes_from_a_file_every_name_of_the_package_counts(world):
    source = "from pathlib import Path\n\n" + load(
        "here = Path(__file__).parent",
        "pond.con.sql((here / 'q.txt').read_text()).fetchall()",
    )
    files = {"src/q.txt": "FROM up.a", "src/notes.txt": "mine"}
    assert read_by(world, source, files=files) == ({}, ["mine", "up@1.a"])


def test_each_writer_of_a_table_of_several_parts_is_kept_once(world):
    key = "data/up@1/a/0000000009-load-1-x.parquet"
    parts = (
        Part("0000000003-load-1-x", 1, 9, use="news"),
        Part("0000000005-load-2-x", 1, 9, use="start"),
        Part("0000000009-load-1-xp1", 1, 9, use="base"),
        Part("0000000009-load-1-x", 1, 9),
    )
    table = TableVersion("a", key, 3, 27, "x", parts=parts)
    for file in table.keys:
        duckdb.sql("SELECT 1 AS one").write_parquet(world.storage.uri(file))
    world.snapshots[UP, 7] = PublishSnapshot(7, NOON, {"a": table})
    assert read_by(world, load("pond.read_table('up.a')")) == (
        {"up@1.a": ("5-load-2", "9-load-1")},
        [],
    )
    assert world.rows[-1].lineage.reads[0].and_earlier


def test_of_a_delta_the_writers_of_what_is_new_are_kept(world):
    key = "data/up@1/a/0000000009-load-1-x.parquet"
    parts = (Part("0000000005-load-2-x", 1, 9, use="start"), Part("0000000009-load-1-x", 1, 9))
    table = TableVersion("a", key, 2, 18, "x", parts=parts)
    for file in table.keys:
        duckdb.sql("SELECT 1 AS one").write_parquet(world.storage.uri(file))
    world.snapshots[UP, 7] = PublishSnapshot(7, NOON, {"a": table})
    body = load("pond.read_delta('up.a')")
    assert read_by(world, body) == ({"up@1.a": ("5-load-2", "9-load-1")}, [])
    taken = {"load": {"up.a": Position(table.key_of(parts[0]), whole=True)}}
    world.state = replace(world.state, positions=taken)
    assert read_by(world, body) == ({"up@1.a": ("9-load-1",)}, [])
    both = load("pond.read_delta('up.a')", "pond.read_table('up.a')")
    assert read_by(world, both) == ({"up@1.a": ("5-load-2", "9-load-1")}, [])
    full = load("pond.read_delta('up.a', full=True)")
    assert read_by(world, full) == ({"up@1.a": ("5-load-2", "9-load-1")}, [])
    world.state = replace(world.state, positions={"load": {"up.a": Position(key)}})
    assert read_by(world, body) == ({"up@1.a": ()}, [])


def test_the_package_of_an_attempt_is_kept(world):
    read_by(world, load("pass"))
    assert world.rows[-1].package in world.artifact
    assert len(world.rows[-1].package) == 64


AROUND = Surroundings(
    "sales", SALES, "1.0.0", 2, "load", 1, "x", "k", NOON, NOON, NOON,
    own={"mine": TableVersion("mine", "data/sales@1/mine/0000000001-load-1-x.parquet", 1, 1, "")},
    sources={"up": SourceTables({}, line=UP), "late": SourceTables(None)},
)  # fmt: skip


def said(lineage):
    message = {
        "end": "returned",
        "tables": [],
        "skipped": False,
        "value": None,
        "requested": False,
        "kept": [],
        "dropped": [],
        "reads": [],
        "taken": [],
        "lineage": lineage,
    }
    outcome = Outcome(called=True, end=message)
    return known(outcome, "load", Memory(0), redactor=Redactor({}), around=AROUND).lineage


def test_only_tables_that_the_attempt_could_see_are_kept():
    assert [one.ref for one in said({"used": ["mine"], "news": [], "may": []}).reads] == ["mine"]
    assert said({"used": [], "news": [], "may": None}).is_open


@pytest.mark.parametrize(
    "lineage",
    [
        None,
        7,
        {},
        {"used": "mine", "news": [], "may": []},
        {"used": ["nobodys"], "news": [], "may": []},
        {"used": ["up.a"], "news": [], "may": []},
        {"used": ["late.a"], "news": [], "may": []},
        {"used": ["a.b.c"], "news": [], "may": []},
        {"used": [7], "news": [], "may": []},
        {"used": [["mine"]], "news": [], "may": []},
        {"used": ["mine"], "news": [], "may": ["\x1b[2J"]},
        {"used": [""], "news": [], "may": []},
    ],
)
def test_a_message_that_names_others_tables_is_no_record(lineage):
    assert said(lineage) is None
