"""What a Ripple says of tables that it does not write, and asks of those that it does not read."""

import json
from datetime import UTC, datetime, timedelta

import duckdb
import pytest

from duckstring.author.surroundings import Surroundings
from duckstring.author.tables import SourceTables
from duckstring.engine.effects import PublishSnapshot
from duckstring.model.catalog import DroppedTable, Position, TableVersion
from duckstring.model.foreign import Redactor
from duckstring.model.instants import NEVER
from duckstring.model.names import Line, file_of_key
from duckstring.model.values import replace
from duckstring.worker.calling import Fault
from duckstring.worker.ends import Memory, known
from duckstring.worker.watch import Outcome
from tests.unit import worker_kit as kit
from tests.unit.test_worker_run_ripple import ran

NOON, SALES, UP = kit.NOON, kit.SALES, Line("up@1")
DAY = timedelta(days=1)


@pytest.fixture
def world(tmp_path):
    return kit.World(tmp_path)


def published(world, *names):
    """Sales has published tables in run 1; the next run is 2."""
    body = "\n".join(f"pond.write_table('{name}', 'SELECT 1 AS one')" for name in names)
    assert ran(world, body) == {"outcome": "ok"}
    world.accept()
    world.publish()
    world.letters.clear()


def second(world, body, **more):
    world.deploy(
        "from duckstring import ripple\n\n@ripple\ndef load(pond):\n"
        + "".join(f"    {line}\n" for line in body.splitlines())
    )
    world.open_run(2, **more)
    return world.run(number=2)


def from_up(world, body, *, f=NOON, tables=None, dropped=None, fresh=None):
    """Sales reads snapshot 7 of up, whose run was fresh as of ``f``."""
    held = (
        tables
        if tables is not None
        else {
            "a": TableVersion("a", "data/up@1/a/0000000007-load-1-x.parquet", 3, 9, "x", f, "1.1.0")
        }
    )
    for one in held.values():
        duckdb.sql("SELECT 1 AS one").write_parquet(world.storage.uri(one.key))
    world.source(UP, 7, fresh or f, held)
    world.snapshots[UP, 7] = PublishSnapshot(7, f, held, dropped or {})
    world.deploy(
        "from duckstring import ripple\n\n@ripple\ndef load(pond):\n"
        + "".join(f"    {line}\n" for line in body.splitlines())
    )
    world.open_run(pins={UP: 7})
    return world.run()


def test_what_is_kept_and_dropped_goes_with_the_report(world):
    published(world, "a", "b", "c")
    assert second(
        world,
        "pond.write_table('c', 'SELECT 1 AS one')\npond.keep_table('a')\npond.drop_table('b')",
    ) == {"outcome": "ok"}
    signal = world.letters[-1].signal
    assert (signal.kept, signal.dropped, set(signal.tables)) == ({"a"}, {"b"}, {"c"})


def test_a_skip_may_keep_and_what_is_not_there_is_kept_and_dropped_without_a_word(world):
    published(world, "a")
    assert second(world, "pond.skip()\npond.keep_table('a')\npond.keep_table('never')") == {
        "outcome": "ok"
    }
    assert (world.letters[-1].signal.skipped, world.letters[-1].signal.kept) == (
        True,
        {"a", "never"},
    )
    assert second(world, "pond.drop_table('never')") == {"outcome": "ok"}


def test_a_dropped_table_is_gone_for_the_ripple_that_drops_it(world):
    published(world, "a", "b")
    body = (
        "pond.con.sql('FROM a').fetchall()\npond.drop_table('a')\n"
        "assert not pond.has_table('a')\npond.con.sql('FROM a')"
    )
    failure = second(world, body)["failure"]
    assert (failure["error"], failure["message"].split(" Write")[0]) == (
        "TableNotFoundError",
        "No table 'a' in this Pond: it was dropped by this Ripple; it has b.",
    )


def test_a_dropped_table_is_gone_for_later_ripples_of_the_run_and_for_later_runs(world):
    published(world, "a", "b")
    failure = second(world, "pond.read_table('a')", dropped=frozenset({"a"}))["failure"]
    assert (
        "No table 'a' in this Pond: it was dropped in version 1.0.0 (run sales@1/2); it has b."
        in failure["message"]
    )
    world.state = replace(
        world.state, dropped={"a": DroppedTable(1, "0.9.0", removed=True)}, tables={}
    )
    failure = second(world, "pond.read_table('a')")["failure"]
    assert "it was removed by an operator (sales@1/1, version 0.9.0)" in failure["message"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            "pond.drop_table('up.a')",
            "'up.a' is a Source's table; a Pond has a say in its own tables only.",
        ),
        ("pond.keep_table('A b')", "A table cannot be called 'A b'."),
        ("pond.drop_table('')", "A table cannot be called ''."),
        (
            "pond.keep_table('a')\npond.drop_table('a')",
            "pond.drop_table('a') after pond.keep_table('a').",
        ),
        (
            "pond.drop_table('a')\npond.keep_table('a')",
            "pond.keep_table('a') after pond.drop_table('a').",
        ),
        ("pond.drop_table('a')\npond.skip()", "pond.skip() after dropping a."),
        ("pond.skip()\npond.drop_table('a')", "pond.drop_table('a') after pond.skip()."),
        (
            "pond.write_table('a', 'SELECT 1 AS one')\npond.drop_table('a')",
            "pond.drop_table('a'), which this run has written.",
        ),
        (
            "pond.drop_table('a')\npond.write_table('a', 'SELECT 1 AS one')",
            "Table 'a' was dropped in this run already.",
        ),
    ],
)
def test_what_contradicts_itself_is_refused_before_anything_is_stored(world, body, said):
    published(world, "a")
    failure = second(world, body)["failure"]
    assert failure["error"] == "WriteError"
    assert failure["message"].startswith(said)
    assert not world.letters


def test_what_another_ripple_of_the_run_has_written_or_dropped_is_refused(world):
    published(world, "a")
    version = world.state.tables["a"]
    assert (
        "which this run has written"
        in second(world, "pond.drop_table('a')", outputs={"a": version})["failure"]["message"]
    )
    again = second(world, "pond.write_table('a', 'SELECT 1 AS one')", dropped=frozenset({"a"}))
    assert "Table 'a' was dropped in this run already." in again["failure"]["message"]


@pytest.mark.parametrize(
    "body",
    [
        "pond.read_table('up.a')",
        "pond.source_table('up.a')",
        "pond.con.sql('FROM up.a')",
        "pond.con.execute('SELECT count(*) FROM UP.A')",
        "pond.write_table('mine', 'SELECT * FROM up.a')",
    ],
)
def test_a_sink_is_told_since_when_a_table_is_no_more_however_it_reads(world, body):
    failure = from_up(world, body, tables={}, dropped={"a": DroppedTable(7, "1.1.0")})["failure"]
    assert failure["error"] == "TableNotFoundError"
    said = "No table 'a' in Source 'up': it was dropped in version 1.1.0 (run up@1/7); it has none."
    assert (
        failure["message"] == f"{said} Read what replaces it, or deploy a up that writes it again."
    )


def test_sql_about_a_table_that_never_was_is_duckdbs_own_error(world):
    failure = from_up(world, "pond.con.sql('FROM up.b')", dropped={"c": DroppedTable(7, "1.1.0")})[
        "failure"
    ]
    assert failure["error"] == "CatalogException"


def asked(world, **source):
    body = (
        "import json\none = pond.source_table('up.a')\n"
        "said = json.dumps([one.name, one.rows, one.f.isoformat(), one.as_of.isoformat(), "
        "one.run, one.version])\n"
        "pond.write_table('said', f\"SELECT '{said}' AS said\")"
    )
    assert from_up(world, body, **source) == {"outcome": "ok"}
    return json.loads(world.rows_of("said")[0][0])


def version(run, **more):
    return TableVersion("a", f"data/up@1/a/{run:010d}-load-1-0a1b2c3d.parquet", 3, 9, "x", **more)


@pytest.mark.parametrize(
    ("table", "fresh", "f", "as_of"),
    [
        (version(7, f=NOON, version="1.1.0"), NOON, NOON, NOON),
        (version(7, f=NOON, version="1.1.0"), NOON + DAY, NOON, NOON + DAY),  # up has passed since
        (
            version(4, f=NOON - DAY, version="1.1.0"),
            NOON + DAY,
            NOON - DAY,
            NOON - DAY,
        ),  # carried over
        (
            version(4, f=NOON - DAY, version="1.1.0", confirmed=NOON),
            NOON,
            NOON - DAY,
            NOON,
        ),  # its Ripple has skipped since
        (version(7), NOON, NOON, NOON),  # of an older Catchment, and this very snapshot's
        (version(4), NOON, NEVER, NEVER),
    ],
)
def test_a_sink_can_ask_how_old_a_table_is(world, table, fresh, f, as_of):
    run = int(table.key.split("/")[-1][:10])
    told = asked(world, tables={"a": table}, fresh=fresh)
    assert told == ["up.a", 3, f.isoformat(), as_of.isoformat(), f"up@1/{run}", table.version]
    assert datetime.fromisoformat(told[2]).tzinfo == UTC


@pytest.mark.parametrize(
    ("ref", "error"),
    [
        ("up.none", "TableNotFoundError"),
        ("down.a", "SourceNotFoundError"),
        ("a", "SourceNotFoundError"),
    ],
)
def test_asking_of_what_is_not_there_is_answered_as_reading_it(world, ref, error):
    assert from_up(world, f"pond.source_table('{ref}')")["failure"]["error"] == error


@pytest.mark.parametrize(
    ("body", "reads"),
    [
        ("pond.write_table('o', 'SELECT * FROM up.a')", ("up.a",)),
        ("pond.read_table('up.a')", ("up.a",)),
        ("pass", ()),
        ("pond.con.execute('SHOW TABLES')", None),
    ],
)
def test_which_tables_of_its_sources_an_attempt_has_read_is_in_its_row(world, body, reads):
    assert from_up(world, body) == {"outcome": "ok"}
    assert world.rows[-1].reads == reads


ADOPTS = """
import duckdb
to = pond.location("t")
if pond.recall("external/emr/x") is None:
    pond.remember("external/emr/x", {"since": 1.0, "run": ""})  # a job is being started
    duckdb.sql("SELECT 5 AS one").write_parquet(to + "part-0.snappy.parquet")
    pond.pause("15s")
pond.adopt_table("t")
"""


def test_a_later_attempt_of_a_try_adopts_what_the_job_of_an_earlier_one_has_written(world):
    """The worker is lost while the job runs: the next one is another attempt, and the same try."""
    assert second_of(world, 1, ADOPTS)["outcome"] == "paused"
    world.open_run(1, attempt=2, tried=1)
    assert world.run(attempt=2) == {"outcome": "ok"}
    version = world.letters[-1].signal.tables["t"]
    adopted, own = version.parts
    assert adopted.file.startswith("0000000001-load-1-")
    assert own.file.startswith("0000000001-load-2-")
    assert (version.rows, own.rows) == (1, 0)
    world.accept()
    world.publish()
    assert second_of(world, 2, "assert pond.read_table('t').fetchall() == [(5,)]") == {
        "outcome": "ok"
    }


def test_the_next_try_does_not_adopt_what_the_job_of_the_failed_one_has_written(world):
    assert second_of(world, 1, ADOPTS)["outcome"] == "paused"
    world.deploy(
        "from duckstring import ripple\n\n@ripple\ndef load(pond):\n    pond.adopt_table('t')\n"
    )
    world.open_run(1, attempt=2, tried=2)
    failure = world.run(attempt=2)["failure"]
    assert failure["error"] == "WriteError"
    assert "no Parquet file lies in" in failure["message"]


def test_what_is_appended_goes_with_the_report_as_a_part_and_what_was_taken_as_a_position(world):
    assert ran(world, "pond.append_table('t', 'SELECT 1 AS one')") == {"outcome": "ok"}
    world.accept()
    world.publish()
    base = world.state.tables["t"]
    a = "data/up@1/a/0000000007-load-1-x.parquet"
    duckdb.sql("SELECT 5 AS one").write_parquet(world.storage.uri(a))
    world.source(UP, 7, NOON, {"a": TableVersion("a", a, 1, 9, "x")})
    world.open_run(2)
    world.state = replace(
        world.state,
        runs={2: replace(world.state.runs[2], outputs={"w": base}, attempts={"load": 1})},
    )
    body = "pond.append_table('t', pond.read_delta('up.a').project('one'))"
    assert second_of(world, 3, body, pins={UP: 7}) == {"outcome": "ok"}
    signal = world.letters[-1].signal
    version = signal.tables["t"]
    assert [part.file for part in version.parts] == [
        file_of_key(base.key),
        file_of_key(version.key),
    ]
    assert (version.rows, [part.rows for part in version.parts]) == (2, [1, 1])
    assert signal.positions == {"up.a": Position(a, whole=True)}
    assert signal.found == (2,)


def second_of(world, number, body, **more):
    world.deploy(
        "from duckstring import ripple\n\n@ripple\ndef load(pond):\n"
        + "".join(f"    {line}\n" for line in body.splitlines())
    )
    world.open_run(number, **more)
    return world.run(number=number)


def test_a_run_that_was_lost_after_it_took_a_delta_takes_it_again(world):
    a = "data/up@1/a/0000000007-load-1-x.parquet"
    world.source(UP, 7, NOON, {"a": TableVersion("a", a, 1, 9, "x")})
    duckdb.sql("SELECT 5 AS one").write_parquet(world.storage.uri(a))
    world.state = replace(world.state, positions={"load": {"up.a": Position(a, whole=True)}})
    body = "pond.write_table('t', f\"SELECT {len(pond.read_delta('up.a').fetchall())} AS n\")"
    assert second_of(world, 1, body, pins={UP: 7}) == {"outcome": "ok"}
    assert world.rows_of("t") == [(0,)]


AROUND = Surroundings(
    name="sales",
    line=SALES,
    version="1.0.0",
    run=9,
    ripple="load",
    attempt=1,
    invocation="0a1b2c3d",
    run_key="k",
    f=NOON,
    previous_f=NOON,
    ends=NOON,
    own={"t": TableVersion("t", "data/sales@1/t/0000000001-load-1-x.parquet", 1, 1, "f")},
    sources={
        "up": SourceTables(
            {"a": TableVersion("a", "data/up@1/a/0000000007-load-1-x.parquet", 1, 1, "f")}
        ),
        "none": SourceTables(None),
    },
)
OLD_PART, NEW_PART = "0000000001-load-1-x", "0000000009-load-1-0a1b2c3dp1"


def end(taken=(), around=AROUND, **changes):
    table = {
        "table": "t",
        "key": f"data/sales@1/t/{NEW_PART}.parquet",
        "rows": 2,
        "bytes": 2,
        "fingerprint": "f",
        "parts": [[OLD_PART, 1, 1, "rows", "start"], [NEW_PART, 1, 1, "rows", "both"]],
        "merge_key": [],
        "total": "7",
    }
    message = {
        "end": "returned",
        "tables": [{**table, **changes}],
        "skipped": False,
        "requested": False,
        "kept": [],
        "dropped": [],
        "reads": [],
        "taken": list(taken),
    }
    outcome = Outcome(called=True, end=message)
    return known(outcome, "load", Memory(0), redactor=Redactor({}), around=around)


def test_a_message_with_parts_that_the_attempt_found_or_wrote_is_taken():
    done = end(["up.a"])
    assert done.tables["t"].parts[0].use == "start"
    assert done.positions == {
        "up.a": Position("data/up@1/a/0000000007-load-1-x.parquet", whole=True)
    }


LOCATED = "0000000009-load-1-ffffffff/day=1/part-0.parquet"
OWN = [NEW_PART, 0, 1, "rows", "start"]


def test_files_of_another_engine_are_taken_of_this_attempt_and_of_those_before_it():
    earlier = replace(AROUND, attempt=3, invocation="0a1b2c3d")
    own = ["0000000009-load-3-0a1b2c3dp1", 0, 1, "rows", "start"]
    key = f"data/sales@1/t/{own[0]}.parquet"
    for file in (LOCATED, LOCATED.replace("-1-", "-3-")):
        done = end(parts=[[file, 2, 1, "rows", "base"], own], key=key, around=earlier)
        assert done.tables["t"].parts[0].is_adopted


@pytest.mark.parametrize(
    "file",
    [
        LOCATED.replace("-1-", "-2-"),
        LOCATED.replace("-load-", "-join-"),
        LOCATED.replace("0000000009", "0000000008"),
        LOCATED.replace("part-0", "_part"),
        LOCATED.replace("part-0", "a*"),
        LOCATED.replace("part-0", "../x"),
        "x/y",
    ],
)
def test_files_that_were_written_for_nobody_here_are_the_authors_failure(file):
    assert not isinstance(end(parts=[[LOCATED, 2, 1, "rows", "base"], OWN]), Fault)
    assert isinstance(end(parts=[[file, 2, 1, "rows", "base"], OWN]), Fault)


def test_a_file_of_another_engine_alone_is_no_table():
    key = f"data/sales@1/t/{LOCATED}"
    assert isinstance(end(parts=[], key=key), Fault)


@pytest.mark.parametrize(
    ("taken", "changes"),
    [
        ([], {"parts": [["0000000002-load-1-x", 1, 1, "rows", "both"],
                        [NEW_PART, 1, 1, "rows", "both"]]}),
        ([], {"parts": [[OLD_PART, -1, 1, "rows", "both"], [NEW_PART, 1, 1, "rows", "both"]]}),
        ([], {"parts": [["../x", 1, 1, "rows", "both"], [NEW_PART, 1, 1, "rows", "both"]]}),
        ([], {"parts": [[OLD_PART, 1, 1, "words", "both"], [NEW_PART, 1, 1, "rows", "both"]]}),
        ([], {"parts": "all of them"}),
        ([], {"merge_key": [7]}),
        ([], {"total": "a lot"}),
        ([], {"key": "data/sales@1/t/0000000009-load-1-0a1b2c3dp0001.parquet"}),
        ([], {"key": "data/sales@1/u/0000000009-load-1-0a1b2c3dp1.parquet"}),
        ([], {"key": f"data/sales@1/t/{OLD_PART}.parquet"}),
        ([], {"f": "2030-01-01T00:00:00Z"}),
        ([], {"rows": -1}),
        (["up.b"], {}),
        (["none.a"], {}),
        (["a"], {}),
        (["elsewhere.a"], {}),
        ([f"up.t{n}" for n in range(101)], {}),
        ("up.a", {}),
    ],
)  # fmt: skip
def test_a_message_that_names_what_the_attempt_could_not_find_is_the_authors_failure(
    taken, changes
):
    assert isinstance(end(taken, **changes), Fault)
