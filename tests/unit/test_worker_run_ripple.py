"""One attempt of a Ripple, by its ports."""

import json
import logging
import re
import sys
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from duckstring.engine.signals import RippleSucceeded
from duckstring.engine.state import Attempt
from duckstring.errors import TransientError
from duckstring.model.attempts import AttemptStarted
from duckstring.model.failures import Failure
from duckstring.model.names import Line
from duckstring.model.values import replace
from tests.unit import worker_kit as kit

NOON, SALES = kit.NOON, kit.SALES

HEAD = "from duckstring import ripple\n\n@ripple\n"
ORDERS = HEAD + (
    "def load(pond):\n    pond.write_table('orders', pond.con.sql('SELECT range AS id, range "
    "% 3 AS kind FROM range(10)'))\n"
)


@pytest.fixture
def world(tmp_path):
    return kit.World(tmp_path)


def load(body):
    return HEAD + "def load(pond):\n" + "".join(f"    {line}\n" for line in body.splitlines())


def ran(world, body, **options):
    world.deploy(load(body), **options)
    world.open_run()
    return world.run()


def test_a_forked_process_that_comes_back_does_not_answer_in_the_workers_place(world):
    body = """
import os, warnings
warnings.simplefilter("ignore")
child = os.fork()
if child:
    os.waitpid(child, 0)
pond.write_table("made", "SELECT 1 AS one") if child else None
"""
    assert ran(world, body) == {"outcome": "ok"}
    assert len(world.letters) == 1


def test_a_success_is_a_row_of_history_and_a_report_with_the_tables_it_wrote(world):
    world.deploy(ORDERS)
    world.open_run()
    assert world.run() == {"outcome": "ok"}
    [letter] = world.letters
    assert letter.to == SALES
    assert (
        letter.signal.run,
        letter.signal.ripple,
        letter.signal.attempt,
        letter.signal.skipped,
    ) == (1, "load", 1, False)
    table = letter.signal.tables["orders"]
    assert table.rows == 10
    assert re.fullmatch(r"data/sales@1/orders/0000000001-load-1-[0-9a-f]{8}\.parquet", table.key)
    assert table.bytes == (world.root / table.key).stat().st_size
    started, finished = world.rows
    assert isinstance(started, AttemptStarted)
    assert (finished.status, finished.tables) == ("success", {"orders": table})


def test_an_exception_is_told_word_for_word_with_the_authors_frames_only(world):
    answer = ran(
        world, "raise RuntimeError('Job 7 failed: see https://example.com/run/7\\nline two')"
    )
    message = "Job 7 failed: see https://example.com/run/7\nline two"
    assert answer == {
        "outcome": "failed",
        "failure": {"ripple": "load", "attempt": 1, "error": "RuntimeError", "message": message},
    }
    row = world.rows[-1]
    assert (row.status, row.error, row.message) == ("failed", "RuntimeError", message)
    assert 'File "src/pond.py", line 5, in load' in row.traceback
    assert "run_ripple.py" not in row.traceback
    assert world.letters == []


def test_a_ripple_that_writes_two_tables_and_raises_reports_none_of_them(world):
    answer = ran(
        world,
        (
            "pond.write_table('a', 'SELECT 1 AS x')\npond.write_table('b', 'SELECT 2 AS x')\n"
            "raise ValueError('late')"
        ),
    )
    assert answer["outcome"] == "failed"
    assert world.letters == []


@pytest.mark.parametrize(
    ("body", "error", "message"),
    [
        ("import sys; sys.exit('no data today')", "SystemExit", "no data today"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt", ""),
        ("import os; os.environ['NO_SUCH_THING']", "KeyError", "'NO_SUCH_THING'"),
        ("1 / 0", "ZeroDivisionError", "division by zero"),
    ],
)
def test_whatever_ends_the_authors_code_fails_the_ripple(world, body, error, message):
    failure = ran(world, body)["failure"]
    assert (failure["error"], failure["message"]) == (error, message)


def test_a_world_that_does_not_answer_is_a_crash_and_not_the_authors_failure(world, monkeypatch):
    world.deploy(ORDERS)
    world.open_run()
    monkeypatch.setattr(world.storage, "uri", lambda key: f"/nowhere/{key}")
    with pytest.raises(TransientError):
        world.run()
    assert [type(row) for row in world.rows] == [AttemptStarted]


def test_a_huge_message_is_kept_whole_in_history_and_cut_in_the_payload(world):
    answer = ran(world, "raise ValueError('\\u00fc' * 100_000)")
    assert len(json.dumps(answer)) < 32_000
    assert world.rows[-1].message == "ü" * 100_000


@pytest.mark.parametrize(
    "order",
    [{"number": 2}, {"attempt": 2}, {"launch": 2}, {"ripple": "other"}],
    ids=["run gone", "another attempt", "another launch", "unknown ripple"],
)
def test_an_attempt_that_is_not_the_current_one_does_nothing(world, order):
    world.deploy(ORDERS)
    world.open_run()
    assert world.run(**order) == {"outcome": "ok"}
    assert (world.rows, world.letters, world.fetched) == ([], [], [])


def test_an_attempt_that_pauses_goes_on_in_a_run_that_has_failed_meanwhile(world):
    """As one that sleeps does: what it started elsewhere runs on, and nobody else would see how
    that ends.
    """
    first = "@ripple\ndef first(pond):\n    pond.write_table('parts', 'SELECT 7 AS n')\n\n"
    load = (
        "    if pond.recall('id') is None:\n        pond.remember('id', 1)\n"
        "        pond.pause()\n    pond.write_table('t', 'FROM parts')\n"
    )
    source = (
        f"from duckstring import ripple\n\n{first}@ripple(parents=[first])\ndef load(pond):\n{load}"
    )
    world.deploy(source, ripples=("first", "load"))
    world.open_run(ripple="first")
    world.run(ripple="first")
    world.accept()
    world.state = replace(
        world.state,
        ripples={
            **world.state.ripples,
            "load": replace(
                world.state.ripples["load"], attempt=Attempt(1, 1, NOON, dispatched=True)
            ),
        },
    )
    assert world.run()["outcome"] == "paused"
    failed = replace(world.state.runs[1], failure=Failure("join", 1, "ValueError", "x"))
    world.state = replace(world.state, runs={1: failed})
    assert world.run(pauses=1) == {"outcome": "ok"}
    assert world.rows[-1].status == "success"
    assert world.rows_of("t") == [(7,)]


def test_an_attempt_of_a_failed_run_does_nothing(world):
    world.deploy(ORDERS)
    world.open_run(failure=Failure("join", 1, "ValueError", "x"))
    assert world.run() == {"outcome": "ok"}
    assert world.rows == []


def test_a_ripple_need_not_take_the_pond(world):
    world.deploy(HEAD + "def load():\n    pass\n")
    world.open_run()
    assert world.run() == {"outcome": "ok"}
    assert replace(world.letters[-1].signal, seconds=0.0, peak_mib=0) == RippleSucceeded(
        1, "load", 1
    )


def test_skip_says_no_change(world):
    ran(world, "pond.skip()")
    assert world.letters[-1].signal.skipped


def test_skip_after_a_write_is_refused(world):
    assert (
        "pond.skip() after writing a"
        in ran(world, "pond.write_table('a', 'SELECT 1 x')\npond.skip()")["failure"]["message"]
    )


def test_later_ripples_of_a_run_read_what_earlier_ones_wrote(world):
    world.deploy(
        ORDERS
        + (
            "\n@ripple(parents=[load])\ndef count(pond):\n"
            "    pond.write_table('n', pond.con.sql('SELECT count(*) AS n FROM orders'))\n"
        ),
        ripples=("load", "count"),
    )
    world.open_run()
    world.run()
    world.accept()
    world.open_run(ripple="count", outputs=world.state.runs[1].outputs)
    world.run(ripple="count")
    assert world.rows_of("n") == [(10,)]


def test_a_run_sees_published_and_older_runs_tables_but_no_later_or_failed_ones(world):
    body = (
        "if pond.has_table('t'):\n    pond.write_table('seen', pond.con.sql('SELECT * FROM t'))\n"
        "pond.write_table('t', f'SELECT {pond.f.minute} AS minute')"
    )
    world.deploy(load(body))
    for number in (1, 2, 3, 4):
        world.open_run(number)
        world.run(number=number)
        world.accept(number)
        if number == 1:
            world.publish(1)
        if number == 3:
            run = world.state.runs[3]
            world.state = replace(
                world.state,
                runs={**world.state.runs, 3: replace(run, failure=Failure("load", 1, "E", ""))},
            )
    assert world.rows_of("seen") == [(2,)]
    world.open_run(2, attempt=2, outputs=world.state.runs[2].outputs)
    world.run(number=2, attempt=2)
    assert world.rows_of("seen") == [(2,)]


def test_pipelined_runs_tell_the_freshness_of_what_the_ripple_finds(world):
    world.deploy(
        HEAD
        + (
            "def load(pond):\n    pond.write_table('p', f'SELECT {pond.previous_f.year} AS y, "
            "{pond.previous_f.minute} AS m')\n"
        )
    )
    world.open_run(1)
    world.run(number=1)
    assert world.rows_of("p") == [(1, 0)]
    world.accept(1)
    held = world.state.ripples["load"]
    world.state = replace(
        world.state,
        ripples={"load": replace(held, end_f=NOON + timedelta(minutes=1), attempt=None)},
    )
    world.open_run(2)
    world.run(number=2)
    assert world.rows_of("p") == [(2030, 1)]


def with_source(world, *, changed_f=None, pinned=1):
    """Publish a table of a Source by a run of this world's own, and pin it."""
    world.deploy(ORDERS)
    world.open_run()
    world.run()
    tables = world.letters[-1].signal.tables
    world.state = replace(world.state, runs={})
    products = Line("products@2")
    world.source(products, 1, NOON, tables, changed_f=changed_f)
    return {products: pinned}


@pytest.mark.parametrize(
    "body",
    [
        "pond.con.sql('SELECT count(*) AS n FROM products.orders')",
        "pond.read_table('products.orders').aggregate('count(*) AS n')",
    ],
)
def test_a_sources_tables_are_views_under_its_name(world, body):
    pins = with_source(world)
    world.deploy(HEAD + f"def load(pond):\n    pond.write_table('n', {body})\n")
    world.open_run(pins=pins)
    assert world.run() == {"outcome": "ok"}
    assert world.rows_of("n") == [(10,)]


@pytest.mark.parametrize(
    ("body", "error", "said"),
    [
        (
            "pond.read_table('products.none')",
            "TableNotFoundError",
            "No table 'none' in Source 'products'; it has orders.",
        ),
        (
            "pond.read_table('none')",
            "TableNotFoundError",
            "No table 'none' in this Pond; it has none.",
        ),
        (
            "pond.read_table('product.orders')",
            "SourceNotFoundError",
            "'product' is not a Source of this Pond; [sources] has products.",
        ),
        (
            "pond.write_table('products.orders', 'SELECT 1 x')",
            "WriteError",
            "'products.orders' is a Source's table",
        ),
        (
            "pond.write_table('Orders', 'SELECT 1 x')",
            "WriteError",
            "A table cannot be called 'Orders'.",
        ),
        (
            "pond.write_table('a', 7)",
            "WriteError",
            "int is nothing that can be written as a table.",
        ),
        (
            "pond.write_table('a', 'SELECT 1 x')\npond.write_table('a', 'SELECT 1 x')",
            "WriteError",
            "was written by this Ripple already",
        ),
        (
            "pond.env('TOKEN')",
            "EnvironmentMissingError",
            "Set it: duckstring env set TOKEN VALUE --pond POND",
        ),
    ],
)
def test_mistakes_are_one_line_that_says_what_to_do(world, body, error, said):
    pins = with_source(world)
    world.deploy(load(body))
    world.open_run(pins=pins)
    failure = world.run()["failure"]
    assert failure["error"] == error
    assert said in failure["message"]


def test_a_pond_has_so_many_tables_and_may_write_those_again(world):
    assert ran(world, "pond.write_table('t0', 'SELECT 1 AS x')") == {"outcome": "ok"}
    written = world.letters[-1].signal.tables["t0"]
    held = {f"t{n}": replace(written, table=f"t{n}") for n in range(300)}

    def again(name):
        world.state = replace(world.state, tables=held, runs={})
        return ran(world, f"pond.write_table({name!r}, 'SELECT 1 AS x')")

    assert again("t0") == {"outcome": "ok"}
    assert again("more")["failure"]["message"].startswith(
        "Table 'more' would be one of more than 300."
    )


def test_a_source_that_has_published_nothing_is_told_apart(world):
    world.deploy(
        HEAD
        + (
            "def load(pond):\n    assert not pond.has_table('products.orders')\n"
            "    pond.read_table('products.orders')\n"
        )
    )
    world.open_run(pins={Line("products@1"): 0})
    assert world.run()["failure"]["error"] == "NotPublishedError"


@pytest.mark.parametrize(
    ("published", "changed", "forced", "expected"),
    [
        (NOON - timedelta(hours=1), NOON, False, ["products"]),
        (NOON, NOON, False, []),
        (NOON - timedelta(hours=1), NOON - timedelta(hours=2), False, []),
        (NOON, NOON, True, ["products"]),
    ],
    ids=["newer", "same", "newer but unchanged", "forced"],
)
def test_sources_changed_names_those_with_news_since_the_last_time(
    world, published, changed, forced, expected
):
    pins = with_source(world, changed_f=changed)
    world.deploy(
        HEAD
        + (
            "def load(pond):\n    pond.write_table('c', f'SELECT "
            "{sorted(pond.sources_changed())!r} AS names')\n"
        )
    )
    world.state = replace(world.state, end_f=published)
    world.open_run(pins=pins, forced=forced)
    world.run()
    assert world.rows_of("c") == [(expected,)]


@pytest.mark.parametrize(
    ("second", "said"),
    [
        ("SELECT 1 AS id", "column 'kind' is dropped (it was VARCHAR)"),
        ("SELECT 1 AS id, 2 AS kind", "column 'kind' was VARCHAR and would be INTEGER"),
    ],
)
def test_a_published_schema_may_only_grow(world, second, said):
    ran(world, "pond.write_table('t', \"SELECT 1 AS id, 'a' AS kind\")")
    world.accept()
    world.publish()
    world.deploy(HEAD + f"def load(pond):\n    pond.write_table('t', '{second}')\n")
    world.open_run(2)
    failure = world.run(number=2)["failure"]
    assert failure["error"] == "ContractError"
    assert "'t'" in failure["message"]
    assert said in failure["message"]


def test_a_published_schema_may_grow(world):
    ran(world, "pond.write_table('t', 'SELECT 1 AS id')")
    world.accept()
    world.publish()
    world.deploy(HEAD + "def load(pond):\n    pond.write_table('t', 'SELECT 1 AS id, 2 AS more')\n")
    world.open_run(2)
    assert world.run(number=2) == {"outcome": "ok"}


def test_two_ponds_with_equal_module_names_do_not_meet_in_one_worker(world):
    main = (
        "import helpers\n"
        + HEAD
        + (
            "def load(pond):\n    import late\n"
            "    pond.write_table('t', f'SELECT {helpers.N} AS n, {late.N} AS late')\n"
        )
    )
    seen = []
    for number, n in ((1, 1), (2, 2), (3, 1)):
        world.deploy(main, files={"src/helpers.py": f"N = {n}\n", "src/late.py": f"N = {n * 10}\n"})
        world.open_run(number)
        assert world.run(number=number) == {"outcome": "ok"}
        seen += world.rows_of("t")
    assert seen == [(1, 10), (2, 20), (1, 10)]
    assert len(world.fetched) == 2
    assert not {"helpers", "late", "pond"} & set(sys.modules)


def test_a_secret_is_an_environment_variable_and_a_new_one_is_seen_by_a_warm_worker(
    world, monkeypatch
):
    monkeypatch.delenv("TOKEN", raising=False)
    source = (
        "import os\nTOKEN = os.environ['TOKEN']\n"
        + HEAD
        + (
            "def load(pond):\n    assert pond.env('TOKEN') == TOKEN\n"
            "    pond.write_table('t', f\"SELECT '{TOKEN}' AS t\")\n"
        )
    )
    world.deploy(source)
    for number, token in ((1, "one"), (2, "two")):
        world.secret = {"TOKEN": token, "AWS_REGION": "nowhere"}
        world.open_run(number)
        assert world.run(number=number) == {"outcome": "ok"}
        assert world.rows_of("t") == [(token,)]
    import os

    assert "TOKEN" not in os.environ


def test_an_env_value_is_given_is_shown_in_texts_and_counts_at_the_next_attempt(world):
    import os

    source = (
        "import os\n"
        + HEAD
        + "def load(pond):\n    assert pond.env('LEVEL') == os.environ['LEVEL']\n"
        "    raise ValueError(' '.join(map(pond.env, ['LEVEL', 'TOKEN', 'DB_PASSWORD'])))\n"
    )
    world.deploy(source)
    world.secret = {"TOKEN": "sesame-open-9f8e7d"}
    for number, level in ((1, "verbose-and-long"), (2, "terse-and-long-too")):
        world.plain = {"LEVEL": level, "DB_PASSWORD": "swordfish-77", "AWS_REGION": "nowhere"}
        world.open_run(number)
        told = world.run(number=number)["failure"]["message"]
        assert told == f"{level} ***TOKEN*** ***DB_PASSWORD***"
    assert "LEVEL" not in os.environ


def test_what_a_ripple_does_to_the_environment_ends_with_it_and_what_its_import_did_is_there_again(
    world, monkeypatch
):
    import os

    monkeypatch.delenv("IMPORTED", raising=False)
    monkeypatch.setenv("GIVEN", "yes")
    folder = Path.cwd()
    source = (
        "import os\nos.environ['IMPORTED'] = 'once'\n"
        + HEAD
        + (
            "def load(pond):\n    assert (os.environ['IMPORTED'], os.environ['GIVEN'], 'LEFT' in "
            "os.environ) == ('once', 'yes', False)\n"
        )
        + "    os.environ['LEFT'] = 'behind'\n    del os.environ['GIVEN']\n    os.chdir('/')\n"
    )
    world.deploy(source)
    for number in (1, 2):
        world.open_run(number)
        assert world.run(number=number) == {"outcome": "ok"}
        assert (
            os.environ.get("IMPORTED"),
            os.environ["GIVEN"],
            os.environ.get("LEFT"),
            Path.cwd(),
        ) == (None, "yes", None, folder)


def test_what_the_author_prints_is_in_the_log(world, caplog, capsys):
    with caplog.at_level(logging.INFO):
        ran(
            world,
            "import sys\nprint('hello')\nprint('careful', file=sys.stderr)\npond.log.info('mine')",
        )
    assert {"hello", "careful", "mine"} <= {record.getMessage() for record in caplog.records}
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "frame", ["pandas", "polars", "pyarrow", "reader", "own_reader", "foreign"]
)
def test_frames_of_every_kind_can_be_written(world, frame):
    makers = {
        "pandas": "import pandas\ndata = pandas.DataFrame({'a': [1, 2]})",
        "polars": "import polars\ndata = polars.DataFrame({'a': [1, 2]})",
        "pyarrow": "import pyarrow\ndata = pyarrow.table({'a': [1, 2]})",
        "reader": "import pyarrow\ndata = pyarrow.table({'a': [1, 2]}).to_reader()",
        "own_reader": "data = pond.con.sql('SELECT unnest([1, 2])::BIGINT AS a').to_arrow_reader()",
        "foreign": "import duckdb\ndata = duckdb.sql('SELECT unnest([1, 2])::BIGINT AS a')",
    }
    assert ran(world, f"{makers[frame]}\npond.write_table('t', data)") == {"outcome": "ok"}
    assert world.rows_of("t") == [(1,), (2,)]


def test_sql_that_gives_no_rows_is_refused(world):
    answer = ran(world, "pond.write_table('t', 'CREATE TABLE mine AS SELECT 1 AS a')")
    assert (answer["failure"]["error"], answer["failure"]["message"]) == (
        "WriteError",
        "Table 't': that SQL gives no rows. Write the text of a SELECT.",
    )


def test_sums_of_whole_numbers_stay_exact(world):
    ran(
        world,
        "pond.write_table('t', 'SELECT sum(x) AS s FROM (VALUES (9007199254740993), (2)) v(x)')",
    )
    assert world.rows_of("t")[0][0] == 9007199254740995


def example():
    """The worked example of the documentation, as its author would have it in src/pond.py."""
    return Path(__file__).with_name("proxy_pond.txt").read_text(encoding="utf-8")


class Databricks(BaseHTTPRequestHandler):
    started: list[int]
    result: str

    def do_GET(self):
        if "runs/list" in self.path:
            return self.say({"runs": []})
        return self.say(
            {
                "state": {
                    "life_cycle_state": "TERMINATED",
                    "result_state": self.server.result,
                    "state_message": "Out of disk. ",
                },
                "run_page_url": "https://x/1",
            }
        )

    def do_POST(self):
        self.server.started.append(
            json.loads(self.rfile.read(int(self.headers["Content-Length"])))["job_id"]
        )
        assert self.headers["Authorization"] == "Bearer secret"
        self.say({"run_id": 11})

    def say(self, answer):
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def databricks():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Databricks)
    server.started, server.result = [], "SUCCESS"
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
    )
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def run_example(world, server):
    world.secret = {
        "DATABRICKS_HOST": f"http://127.0.0.1:{server.server_port}/",
        "SALES_JOB_ID": "7",
        "DATABRICKS_TOKEN": "secret",
    }
    world.deploy(example(), ripples=("run_pipeline",))
    world.open_run(ripple="run_pipeline")
    return world.run(ripple="run_pipeline")


def test_the_worked_example_runs_unmodified(world, databricks):
    assert run_example(world, databricks) == {"outcome": "ok"}
    assert databricks.started == [7]
    assert world.rows_of("run") == [(11, "https://x/1")]


def test_the_worked_example_fails_with_the_external_runs_own_words(world, databricks):
    databricks.result = "FAILED"
    assert run_example(world, databricks)["failure"]["message"] == "Out of disk. https://x/1"
