"""`duckstring pond check` and `duckstring plan`: real files, a real import, real Parquet over HTTP,
and a made-up api function.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import duckdb
import pytest

from duckstring.model.instants import to_text
from duckstring.model.names import artifact_key
from duckstring_cli import bucket, catchments, doors, main
from duckstring_cli.catchments import Access
from duckstring_cli.package import package
from tests.moto_kit import moto_server
from tests.unit.cli.commands_kit import DEV
from tests.unit.cli.made_up import ZERO, at, line_status, source

SESSION = boto3.Session("key", "secret", region_name="us-east-1")
SHOP = """
from duckstring import ripple

@ripple
def load(pond):
    orders = pond.con.sql("SELECT 1 AS id, 2.5 AS amount, DATE '2030-01-01' AS day")
    pond.write_table("orders", orders)
"""
PYTHON = "from duckstring import ripple\n\n\n@ripple\ndef load(pond):\n"


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    with moto_server() as found:
        SESSION.client("s3", endpoint_url=found).create_bucket(Bucket="the-bucket")
        yield found


class World:
    """A folder with Ponds, and a Catchment that is asked about them."""

    def __init__(self, root: Path, s3: str, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
        self.root, self._capsys = root, capsys
        self._bucket = SESSION.client("s3", endpoint_url=s3)
        self.lines: dict[str, dict[str, Any]] = {}
        self.tables: dict[str, dict[str, str]] = {}
        self.readers: dict[str, str] = {}
        self.asked: list[str] = []
        monkeypatch.setattr(catchments, "find", lambda _: DEV)
        monkeypatch.setattr(catchments, "session", lambda _: Access(SESSION, s3))
        monkeypatch.setattr(bucket, "reach", bucket.by_session)
        monkeypatch.setattr(catchments, "outputs", lambda _: {"Bucket": "packages"})
        monkeypatch.setattr(doors, "open_door", lambda _: self._answer)
        monkeypatch.chdir(root)

    def pond(self, name: str, *, version: str = "1.0.0", more: str = "", **files: str) -> Path:
        root = self.root / name
        for path, text in files.items():
            file = root / "src" / (f"ripples/{path}.sql" if path != "python" else "pond.py")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        manifest = f'[pond]\nname = "{name}"\nversion = "{version}"\n{more}'
        (root / "pond.toml").write_text(manifest)
        return root

    def published(self, line: str, **tables: str) -> None:
        """Tables, each with the SELECT of its rows."""
        self.tables[line] = {}
        for table, sql in tables.items():
            made = self.root.parent / f"{table}.parquet"
            duckdb.sql(f"COPY ({sql}) TO '{made}' (FORMAT parquet)")
            key = f"data/{line}/{table}/0000000001-load-1-x.parquet"
            self._bucket.upload_file(str(made), "the-bucket", key)
            self.tables[line][table] = f"s3://the-bucket/{key}"
        self.line(line, tables=len(tables))

    def line(self, line: str, **told: Any) -> None:
        self.lines[line] = self.lines.get(line, line_status(line)) | told

    def deployed(self, root: Path, *ripples: str, content: bytes = b"") -> None:
        """The package of a folder is that of shop@1."""
        packed = package(root)
        key = artifact_key("shop", "1.0.0", packed.sha256)
        self._bucket.create_bucket(Bucket="packages")
        self._bucket.put_object(Bucket="packages", Key=key, Body=content or packed.content)
        parents = {"count": ["load"], "top": ["load"]}
        rows = [{"name": one, "parents": parents.get(one, [])} for one in ripples]
        self.line("shop@1", package=packed.sha256, ripples=rows)

    def _answer(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        self.asked.append(request["op"])
        match request["op"]:
            case "status":
                return _ok({"now": at(0), "lines": list(self.lines.values())})
            case "tables":
                line = f"{request['pond']}@{request['major']}"
                rows = [{"table": name, "uri": uri} for name, uri in self.tables[line].items()]
                return _ok({"line": line, "f": to_text(ZERO), "snapshot": 1, "tables": rows})
            case "remove":
                assert request["dry"] is True
                if (why := self.readers.get(request["table"])) is None:
                    return _ok({"removed": [], "stopped": [], "warnings": [], "applied": False})
                message = f"shop@1: table {request['table']!r} cannot be removed: {why}."
                return _refused("TableStillReadError", message)
        return _refused("OperatorError", f"no {request['op']}")

    def run(self, *arguments: str) -> tuple[int, str, str]:
        code = main.run(arguments)
        told = self._capsys.readouterr()
        return code, told.out, told.err

    def found(self, *arguments: str) -> tuple[int, list[str]]:
        """The exit code and the findings of a check, as lines."""
        code, out, _ = self.run("pond", "check", *arguments, "--json")
        rows = json.loads(out)["findings"]
        return code, [
            " ".join(filter(None, (f"{row['level']}:", row["where"], row["message"], row["hint"])))
            for row in rows
        ]


def _ok(result: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"ok": True, "result": result}


def _refused(kind: str, message: str) -> Mapping[str, Any]:
    return {"ok": False, "error": {"type": kind, "message": message, "hint": ""}}


@pytest.fixture
def world(
    tmp_path: Path, s3: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> World:
    (tmp_path / "ws").mkdir()
    return World(tmp_path / "ws", s3, monkeypatch, capsys)


READS_SHOP = '\n[sources]\nshop = "1.0.0"\n'


def test_nothing_is_wrong_and_no_catchment_is_asked_offline(world: World) -> None:
    world.pond("shop", python=SHOP)
    world.pond(
        "daily", more=READS_SHOP, by_day="SELECT day, sum(amount) AS a FROM shop.orders GROUP BY 1"
    )
    code, out, err = world.run("pond", "check", "--offline")
    assert (code, out) == (0, "✓ 2 Ponds checked: nothing is wrong\n")
    assert world.asked == []
    assert "error" not in err


def test_every_fault_of_every_pond_is_one_line_with_its_place(world: World) -> None:
    world.pond("shop", python=SHOP, version="one")
    world.pond("empty", python="x = 1\n")
    world.pond("loose", python="def f(:\n")
    world.pond(
        "sql", twice="SELECT 1; SELECT 2", wrong="SELECT amout FROM good", good="SELECT 1 AS amount"
    )
    code, found = world.found("--offline")
    assert code == 1
    assert [line.partition(" allowed")[0].split(" (")[0] for line in found] == [
        'error: shop/pond.toml:3 [pond] version: found "one";',
        (
            "error: empty src/pond.py declares no Ripple. Put @ripple above at least one "
            "function in it."
        ),
        "error: loose/src/pond.py:1 Importing src/pond.py raised SyntaxError: invalid syntax",
        "error: sql/src/ripples/twice.sql:1:1 There are 2 statements;",
        (
            'error: sql/src/ripples/wrong.sql:1:8 Referenced column "amout" not found in '
            'FROM clause! Candidate bindings: "amount"'
        ),
    ]


def test_what_the_published_source_lacks_is_found_in_sql_and_in_python(world: World) -> None:
    world.published("shop@1", orders="SELECT 1 AS id, 2.5 AS amount", prices="SELECT 1 AS price")
    python = PYTHON + (
        '    pond.con.sql("""\n        SELECT id,\n          amuont FROM shop.orders\n    """)\n'
        '    pond.read_table("shop.prizes")\n'
        '    if pond.has_table("shop.later"):\n        pond.read_table("shop.later")\n'
        '    pond.con.execute("CREATE TABLE t AS SELECT o.ix FROM shop.orders o")\n'
        '    pond.con.sql("FROM shpo.orders")\n'
    )
    world.pond(
        "daily",
        more=READS_SHOP,
        python=python,
        a="SELECT o.x, p.price FROM shop.orders o, shop.price p",
        b="SELECT o.x FROM shop.orders o JOIN shop.prices p ON p.price = o.id",
    )
    code, found = world.found("daily")
    assert code == 1
    assert found == [
        (
            "error: daily/src/pond.py:8 shop.orders has no column 'amuont'; it has id, "
            "amount. Did you "
            "mean 'amount'?"
        ),
        (
            "error: daily/src/pond.py:10 shop@1 has no table 'prizes'; it has orders, "
            "prices. Did you "
            "mean 'prices'?"
        ),
        (
            "error: daily/src/pond.py:13 shop.orders has no column 'ix'; it has id, amount. "
            "Correct the "
            "name."
        ),
        (
            "error: daily/src/pond.py:14 shpo.orders: 'shpo' is not a Source of this Pond; "
            "[sources] has "
            "shop. Did you mean 'shop'?"
        ),
        (
            "error: daily/src/ripples/a.sql:1:10 shop.orders has no column 'x'; it has id, amount. "
            "Correct the name."
        ),
        (
            "error: daily/src/ripples/a.sql:1:41 shop@1 has no table 'price'; it has orders, "
            "prices. Did "
            "you mean 'prices'?"
        ),
        (
            "error: daily/src/ripples/b.sql:1:10 shop.orders has no column 'x'; it has id, amount. "
            "Correct the name."
        ),
    ]


def test_what_a_source_in_the_same_workspace_is_about_to_lose_is_told(world: World) -> None:
    world.published(
        "shop@1",
        orders="SELECT 1 AS id, 2.5 AS amount, DATE '2030-01-01' AS day, 'x' AS code",
        refunds="SELECT 1 AS id",
    )
    world.pond("shop", python=SHOP, version="1.1.0")
    world.pond("daily", more=READS_SHOP, a="SELECT code FROM shop.orders", b="FROM shop.refunds")
    code, found = world.found("daily")
    assert code == 1
    assert found == [
        (
            "error: daily/src/ripples/a.sql:1:8 shop.orders.code is about to go: shop@1 "
            "version 1.1.0 in "
            "shop no longer has this column. It has id, amount, day."
        ),
        (
            "error: daily/src/ripples/b.sql:1:6 shop.refunds is about to go: shop@1 version "
            "1.1.0 in "
            "shop no longer has it. Read another table; it has orders."
        ),
    ]


def test_what_cannot_be_known_is_said_and_does_not_fail(world: World) -> None:
    python = PYTHON.replace("from", "import not_here_at_all\nfrom", 1) + (
        '    name = pond.version\n    pond.con.sql(f"FROM shop.{name}")\n'
        "    pond.write_table(name, 'SELECT 1 AS one')\n"
        '    pond.read_table("shop.orders")\n'
    )
    world.pond("daily", more=READS_SHOP, python=python)
    code, found = world.found()
    assert code == 0
    assert found == [
        (
            "warning: daily/pond.toml Source shop@1 is not deployed yet: nothing runs here "
            "until it is."
        ),
        (
            "warning: daily/src/pond.py:1 Importing src/pond.py raised ModuleNotFoundError: "
            "No module "
            "named 'not_here_at_all', so its Ripples are not known. It was looked for on "
            "this machine; "
            "the Catchment's may have it."
        ),
        "note: daily/pond.toml The tables of Source shop are not known: shop@1 is not deployed.",
        "note: daily/src/pond.py:8 Not known before it runs: SQL that is put together as it runs.",
        "note: daily/src/pond.py:9 Not known before it runs: the name of a table that is written.",
    ]


PARAMETERS = {
    "a place": ("SELECT id FROM shop.orders WHERE day > ?", "[day]"),
    "a number": ("SELECT id FROM shop.orders WHERE day > $1", "[day]"),
    "a name": ("SELECT id FROM shop.orders WHERE day > $since", "{'since': day}"),
    "a cast": ("SELECT id FROM shop.orders WHERE day > ?::TIMESTAMP", "[day]"),
    "another cast": ("SELECT id FROM shop.orders WHERE day > CAST(? AS TIMESTAMPTZ)", "[day]"),
    "a limit": ("SELECT id FROM shop.orders WHERE '?' <> '' LIMIT ?", "[5]"),
}


@pytest.mark.parametrize("case", PARAMETERS)
def test_values_that_a_statement_is_given_are_no_fault(world: World, case: str) -> None:
    sql, values = PARAMETERS[case]
    world.published("shop@1", orders="SELECT 1 AS id, TIMESTAMP '2030-01-01' AS day")
    call = f'pond.con.sql("{sql}", params={values})'
    python = f'{PYTHON}    day = None\n    pond.write_table("made", {call})\n'
    world.pond("daily", more=READS_SHOP, python=python)
    assert world.found("daily") == (0, [])

    wrong = python.replace("SELECT id", "SELECT ix")
    world.pond("daily", more=READS_SHOP, python=wrong)
    code, (line,) = world.found("daily")
    assert (code, "shop.orders has no column 'ix'; it has id, day." in line) == (1, True)


def test_the_type_of_a_value_that_is_given_is_not_known(world: World) -> None:
    world.published("shop@1", orders="SELECT 1 AS id, TIMESTAMP '2030-01-01' AS loaded")
    call = 'pond.con.sql("SELECT 1 AS id, ? AS loaded", params=[pond.f])'
    python = f'{PYTHON}    pond.write_table("orders", {call})\n'
    world.pond("shop", version="1.1.0", python=python)
    code, answer = planned(world)
    assert (code, answer["findings"]) == (0, [])
    assert [one["change"] for one in answer["ponds"][0]["tables"]] == ["not known"]


@pytest.mark.parametrize(
    "use",
    [
        'pond.write_table("made", pond.read_table("shop.orders").filter("wrong > 1"))',
        'rows = pond.read_table("shop.orders")\n    pond.write_table("made", rows.project("x"))',
    ],
)
def test_columns_that_python_uses_by_methods_are_said_to_be_unchecked(
    world: World, use: str
) -> None:
    world.published("shop@1", orders="SELECT 1 AS id")
    world.pond("daily", more=READS_SHOP, python=f"{PYTHON}    {use}\n")
    code, found = world.found("daily")
    assert code == 0
    said = "The columns that Python uses of shop.orders are not checked."
    assert found == [f"note: daily/src/pond.py:6 {said}"]
    bare = f'{PYTHON}    pond.read_table("shop.orders")\n    pond.con.sql("FROM orders")\n'
    world.pond("daily", more=READS_SHOP, python=bare)
    assert world.found("daily") == (0, [])


BROKEN = SHOP.replace("2.5 AS amount", "2.5 AS total")
BREAKS = "Table 'orders' would break the contract of shop@1: column 'amount'"


def test_a_check_knows_the_contract_of_what_is_published(world: World) -> None:
    world.published("shop@1", orders="SELECT 1 AS id, 2.5 AS amount, DATE '2030-01-01' AS day")
    world.readers["orders"] = "daily@1 reads it"
    world.pond("shop", python=BROKEN, version="1.1.0")
    code, (found,) = world.found("shop")
    assert code == 1
    assert found.startswith(f"error: shop/src/pond.py:7 {BREAKS}")
    assert world.found("shop", "--offline") == (0, [])


def test_a_version_below_the_deployed_one_is_said_to_go_back(world: World) -> None:
    world.published("shop@1", orders="SELECT 1 AS id")
    world.line("shop@1", version="1.2.0")
    world.pond("shop", python=f"{PYTHON}    pond.write_table('orders', 'SELECT 1 AS id')\n")
    code, answer = planned(world)
    assert code == 0
    (finding,) = answer["findings"]
    assert (finding["level"], finding["message"]) == (
        "warning",
        "shop@1 goes back from 1.2.0 to 1.0.0.",
    )


@pytest.mark.parametrize("terminal", [True, False])
def test_a_deploy_says_that_its_runs_would_fail_and_asks_where_somebody_is_there(
    world: World, monkeypatch: pytest.MonkeyPatch, terminal: bool
) -> None:
    world.published("shop@1", orders="SELECT 1 AS id, 2.5 AS amount, DATE '2030-01-01' AS day")
    world.deployed(world.pond("shop", python=SHOP), "load")
    world.pond("shop", python=BROKEN, version="1.1.0")
    monkeypatch.setattr("sys.stdin.isatty", lambda: terminal)
    monkeypatch.setattr("typer.confirm", lambda *_, **__: False)
    world.asked.clear()
    code, _, err = world.run("deploy", "shop")
    assert code == 1
    assert f"warning: shop/src/pond.py:7: {BREAKS}" in err
    assert ("error: Nothing was deployed." in err) == terminal
    assert ("deploy" in world.asked) != terminal
    world.asked.clear()
    assert "would break" in world.run("deploy", "shop", "--yes")[2]
    assert "deploy" in world.asked


def test_who_may_not_read_the_tables_may_deploy(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.published("shop@1", orders="SELECT 1 AS id, 2.5 AS amount, DATE '2030-01-01' AS day")
    world.deployed(world.pond("shop", python=SHOP), "load")
    world.tables["shop@1"]["orders"] = (
        "s3://a-bucket-of-others/data/shop@1/orders/1-load-1-x.parquet"
    )
    world.pond("shop", python=BROKEN, version="1.1.0")
    monkeypatch.setattr("sys.stdin.isatty", lambda: False)
    world.asked.clear()
    _, _, err = world.run("deploy", "shop")
    assert "warning: What the deploy does to published tables was not checked: " in err
    assert "deploy" in world.asked


def test_versions_outlets_and_cycles_are_judged_as_a_deploy_does(world: World) -> None:
    world.line("old@1", version="1.0.0")
    world.line("end@1", kind="outlet")
    world.pond(
        "a", more='[sources]\nold = "1.2.0"\nend = "1.0.0"\nb = "1.0.0"\n', x="SELECT 1 AS x"
    )
    world.pond("b", more='[sources]\na = "1.0.0"\n', x="SELECT 1 AS x")
    code, found = world.found()
    assert code == 1
    assert any("a@1 1.0.0 needs old@1 at 1.2.0 or newer" in line for line in found)
    assert any("end@1 is an Outlet" in line for line in found)
    assert any("cycle: a@1 -> b@1 -> a@1" in line for line in found)


def test_a_statement_that_reads_a_file_is_not_run(world: World, tmp_path: Path) -> None:
    (tmp_path / "seen.csv").write_text("a\n1\n")
    world.pond(
        "files",
        a=f"SELECT b FROM read_csv('{tmp_path}/seen.csv')",
        c=f"COPY a TO '{tmp_path}/made'",
    )
    code, found = world.found("--offline")
    assert code == 1
    assert len(found) == 1
    assert "Found COPY" in found[0]
    assert not (tmp_path / "made").exists()


def test_hostile_text_is_shown_and_not_obeyed(world: World) -> None:
    world.pond(
        "daily", more=READS_SHOP, python=PYTHON + '    pond.read_table("shop.\\x1b[31mred")\n'
    )
    world.published("shop@1", orders="SELECT 1 AS id")
    code, out, _ = world.run("pond", "check", "daily")
    assert code == 1
    assert "\x1b[31mred" not in out
    assert "red" in out


def planned(world: World, *arguments: str) -> tuple[int, dict[str, Any]]:
    code, out, _ = world.run("plan", *arguments, "--json")
    return code, json.loads(out)


def test_a_plan_says_what_changes_who_reads_it_and_what_would_run(world: World) -> None:
    world.published("shop@1", orders="SELECT 1 AS id, 'x' AS code", refunds="SELECT 1 AS id")
    world.readers = {"orders": "daily@1 reads it (daily@1/4, Ripple 'top')"}
    ripples = [{"name": "load", "parents": ["old"]}, {"name": "old", "parents": []}]
    world.line("shop@1", ripples=ripples, sinks=["daily@1"])
    world.line(
        "daily@1",
        sources=[source("shop@1")],
        trigger={"kind": "tide", "bound": 3600.0},
        end_f=at(-600),
        staleness_seconds=600.0,
    )
    world.pond("shop", python=SHOP, version="1.1.0")
    code, answer = planned(world, "shop")
    assert code == 1
    [pond] = answer["ponds"]
    assert (pond["result"], pond["deployed"], pond["version"]) == ("changed", "1.0.0", "1.1.0")
    assert pond["ripples"] == {
        "added": [],
        "removed": ["old"],
        "changed": ["load (parents: old -> none)"],
        "kept": [],
        "known": True,
        "compared": False,
    }
    assert pond["tables"] == [
        {
            "table": "orders",
            "change": "changed",
            "details": [
                "column 'code' is dropped (it was VARCHAR)",
                "new column 'amount' DECIMAL(2,1)",
                "new column 'day' DATE",
            ],
            "readers": "daily@1 reads it (daily@1/4, Ripple 'top')",
        },
        {"table": "refunds", "change": "goes", "details": [], "readers": None},
    ]
    assert pond["runs"] == [
        "The Tide 1h of daily@1 asks for shop@1 at 2030-01-01 12:50:00Z.",
        "A new version runs once, whether or not its Sources have changed.",
    ]
    assert [one["where"] for one in answer["findings"]] == ["shop/src/pond.py:7", "shop/pond.toml"]
    assert [one["message"].partition(":")[0] for one in answer["findings"]] == [
        "Table 'orders' would break the contract of shop@1",
        "Table 'refunds' is published, and this version does not write it",
    ]
    assert set(world.asked) == {"status", "tables", "remove"}


TWO = """
from duckstring import ripple

def rate():
    return 2

@ripple
def load(pond):
    pond.write_table("loaded", f"SELECT {rate()} AS n")

@ripple(name="count", parents=[load])
def counting(pond):
    pond.write_table("counted", "SELECT count(*) AS n FROM loaded")
"""


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("SELECT count(*)", "SELECT 1 + count(*)", ["count (its code)"]),
        ("return 2", "return 3", ["load (code that it may call)", "count (code that it may call)"]),
        ("    return 2", "    # twice\n    return 2", []),
    ],
)
def test_a_plan_says_whose_code_has_changed(
    world: World, old: str, new: str, changed: list[str]
) -> None:
    root = world.pond("shop", python=TWO, top="SELECT n FROM loaded")
    world.deployed(root, "load", "count", "top")
    world.pond("shop", python=TWO.replace(old, new), version="1.1.0", top="SELECT n FROM loaded")
    ripples = planned(world)[1]["ponds"][0]["ripples"]
    assert (ripples["changed"], ripples["compared"]) == (changed, True)
    assert {*ripples["kept"]} == {"load", "count", "top"} - {one.split()[0] for one in changed}

    world.pond("shop", python=TWO, version="1.1.0", top="SELECT n + 1 AS n FROM loaded")
    assert planned(world)[1]["ponds"][0]["ripples"]["changed"] == ["top (its code)"]


def test_a_package_that_cannot_be_read_is_not_compared(world: World) -> None:
    root = world.pond("shop", python=TWO)
    world.deployed(root, "load", "count", content=b"no zip")
    world.pond("shop", python=TWO, version="1.1.0")
    _, out, _ = world.run("plan")
    assert "Ripples kept: load, count (their code was not compared)" in out


def test_growth_is_no_fault_and_a_dropped_table_is_said(world: World) -> None:
    world.published("shop@1", orders="SELECT 1 AS id", refunds="SELECT 1 AS id")
    dropping = SHOP + '    pond.drop_table("refunds")\n'
    world.pond("shop", python=dropping, version="1.1.0")
    code, answer = planned(world)
    assert (code, answer["findings"]) == (0, [])
    assert [one["change"] for one in answer["ponds"][0]["tables"]] == ["changed", "goes"]
    assert answer["ponds"][0]["runs"] == [
        "Nothing: no Wave or Tide asks for shop@1 or what reads it."
    ]


def test_a_version_with_the_same_contents_is_unchanged_and_with_others_is_refused(
    world: World,
) -> None:
    root = world.pond("shop", python=SHOP)
    world.line("shop@1", package=package(root).sha256)
    code, out, _ = world.run("deploy", "shop", "--dry-run")
    assert code == 0
    assert out.splitlines() == ["shop@1: 1.0.0 (unchanged)", "Nothing was changed."]
    (root / "src" / "pond.py").write_text(SHOP + "# more\n")
    code, out, _ = world.run("plan", "shop")
    assert code == 1
    assert "shop 1.0.0 is deployed already, with other contents. Raise version" in out


def test_a_plan_in_markdown_shows_what_it_was_given_as_text(world: World) -> None:
    world.line("shop@1")
    world.pond("shop", python=SHOP, version="1.1.0")
    world.pond("new_one", more=READS_SHOP, a="SELECT * FROM shop.orders")
    code, out, _ = world.run("plan", "--markdown")
    assert code == 0
    assert out.splitlines() == [
        "### Duckstring plan for Catchment dev",
        "",
        "#### new\\_one@1: 1.0.0 \\(new line\\)",
        "",
        "- **Source**: shop@1 at least 1.0.0 \\(1.0.0 is deployed, 1.1.0 in this plan\\)",
        "- **Ripples added**: a",
        "- **Table a**: added",
        "- **Runs**: Nothing: no Wave or Tide asks for new\\_one@1 or what reads it.",
        "",
        "#### shop@1: 1.0.0 -\\> 1.1.0 \\(new version\\)",
        "",
        "- **Ripples added**: load",
        "- **Table orders**: added",
        "- **Runs**: Nothing: no Wave or Tide asks for shop@1 or what reads it.",
        "",
        "Nothing was changed.",
    ]
