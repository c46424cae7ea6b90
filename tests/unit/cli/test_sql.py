"""``duckstring sql``: one SELECT over all Ponds, against an S3 of this process."""

from __future__ import annotations

import io
import json
import socket
from pathlib import Path
from typing import Any

import boto3
import duckdb
import pytest

from duckstring.api.snapshots import FutureError, NoCommonFreshnessError, NoLongerKeptError
from duckstring.errors import OperatorError
from duckstring_cli import catchments, main
from duckstring_cli.catchments import Access, Catchment
from duckstring_cli.client import Client
from duckstring_cli.lake import Lake
from duckstring_cli.local.keys import AccessKey
from tests.unit.cli.lake_kit import DEV, Api, api, lake_rows, lake_s3

__all__ = ["api", "lake_rows", "lake_s3"]


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main.run(arguments)
    told = capsys.readouterr()
    return code, told.out, told.err


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DUCKSTRING_HOME", str(tmp_path / "home"))
    return tmp_path


def test_a_statement_reads_tables_of_several_ponds_after_one_request(
    capsys: pytest.CaptureFixture[str], api: Api
) -> None:
    sql = (
        "SELECT o.n, kind, price FROM sales.orders AS o JOIN products_v1.prices USING (n) "
        "WHERE n < 2 ORDER BY n"
    )
    code, out, err = run(capsys, "sql", sql, "--csv")
    assert (code, out, err) == (0, "n,kind,price\n0,new,0.0\n1,new,1.5\n", "")
    assert [(one["op"], one["schemas"]) for one in api.asked] == [
        ("snapshots", ["products_v1", "sales"])
    ]


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("SELECT count(*) AS n FROM sales.orders", "30"),
        ("SELECT count(*) AS n FROM sales_v1.orders", "3"),
        ('SELECT count(*) AS n FROM "sales@1".orders', "3"),
        ("SELECT count(*) AS n FROM Sales.ORDERS", "30"),
        ('SELECT count(*) AS n FROM sales."Odd name"', "1"),
        ("WITH orders AS (FROM sales.orders LIMIT 7) SELECT count(*) AS n FROM orders", "7"),
        ("SELECT sales.orders.n FROM sales.orders WHERE n IN (SELECT 2 FROM sales_v1.orders)", "2"),
        ("SELECT count(*) AS n FROM (DESCRIBE sales.orders)", "5"),
        ("SELECT 41 + 1 AS n", "42"),
        ("SELECT count(*) AS n FROM sales.orders; -- all", "30"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("api")
def test_names_mean_what_they_say(capsys: pytest.CaptureFixture[str], sql: str, found: str) -> None:
    code, out, err = run(capsys, "sql", sql, "--csv")
    assert (code, out.splitlines()[1], err) == (0, found, "")


@pytest.mark.usefixtures("api")
def test_a_nul_in_a_file_is_refused(capsys: pytest.CaptureFixture[str], somewhere: Path) -> None:
    (somewhere / "report.sql").write_bytes(b"FROM sales.orders\x00 WHERE n = 1")
    code, out, err = run(capsys, "sql", "@report.sql")
    assert (code, out, "The SQL has a NUL character in it." in err) == (2, "", True)


def test_without_a_table_nothing_is_asked(capsys: pytest.CaptureFixture[str], api: Api) -> None:
    assert run(capsys, "sql", "SELECT 1 AS one", "--json")[:2] == (0, '[\n\t{"one":1}\n]\n')
    assert api.asked == []


@pytest.mark.usefixtures("api")
def test_the_screen_shows_rows_and_what_it_leaves_out(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "sql", "FROM sales.orders")
    assert (code, len(out.splitlines())) == (0, 21)
    assert "first 20 rows; all of them: --csv" in err
    assert len(run(capsys, "sql", "FROM sales.orders", "--limit", "3")[1].splitlines()) == 4


@pytest.mark.usefixtures("api")
def test_hostile_text_of_a_cell_does_nothing_to_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, out, _ = run(capsys, "sql", 'FROM sales."Odd name"')
    assert "\\x1b[31mred" in out
    assert "\x1b" not in out


@pytest.mark.usefixtures("api")
def test_all_rows_go_into_a_parquet_file(
    capsys: pytest.CaptureFixture[str], somewhere: Path
) -> None:
    said = run(capsys, "sql", "FROM sales.orders", "--parquet", "all")
    assert said[:2] == (0, "30 rows in all.parquet\n")
    assert duckdb.sql(f"SELECT count(*) FROM '{somewhere}/all.parquet'").fetchall() == [(30,)]
    absolute = somewhere / "two.parquet"
    assert run(capsys, "sql", "FROM sales.orders", "--parquet", str(absolute), "-n", "2")[0] == 0
    assert duckdb.sql(f"SELECT count(*) FROM '{absolute}'").fetchall() == [(2,)]


@pytest.mark.usefixtures("api")
@pytest.mark.parametrize("given", ["@ask.sql", None])
def test_sql_comes_from_a_file_or_from_stdin(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, given: str | None
) -> None:
    text = "SELECT count(*) AS n\nFROM sales_v1.orders;\n"
    Path("ask.sql").write_text(text)
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    assert run(capsys, "sql", *([given] if given else []), "--csv")[:2] == (0, "n\n3\n")


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("FROM sale.orders", "error: No Pond 'sale' in this Catchment; the nearest: sales"),
        (
            "FROM sales.order",
            (
                "error: sales@2 has published no table 'order'; it has orders, Odd name.\n"
                "hint: Did you mean 'orders'?"
            ),
        ),
        ("FROM orders", "hint: Write POND.TABLE, for example sales.orders"),
        ("SELECT m FROM sales.orders", 'error: Binder Error: Referenced column "m" not found'),
        ("SELEC 1", "error: Parser Error: syntax error"),
        ("FROM memory.orders", "hint: If it is a Pond, write its major: memory_v1."),
        ("FROM query_table('sales.orders')", "error: query_table(...) stands in a FROM; allowed"),
        ("FROM query('FROM sales.orders')", "error: query(...) stands in a FROM; allowed there"),
        ("FROM 'orders.csv'", "error: 'orders.csv' names no Pond.\nhint: Write POND.TABLE"),
        ("PIVOT sales.orders ON kind USING sum(n)", "hint: List the values: PIVOT"),
        ("", "error: The SQL is empty."),
    ],
)
@pytest.mark.usefixtures("api")
def test_a_wrong_statement_is_one_clear_line(
    capsys: pytest.CaptureFixture[str], sql: str, said: str
) -> None:
    code, out, err = run(capsys, "sql", sql)
    assert (code, out) == (2, "")
    assert said in err


@pytest.mark.parametrize(
    "sql",
    [
        "COPY sales.orders TO 'x.csv'",
        "ATTACH 'x.db' AS x",
        "INSTALL spatial",
        "LOAD spatial",
        "SET enable_external_access = true",
        "CREATE TABLE x (a INT)",
        "DROP VIEW sales.orders",
        "INSERT INTO sales.orders VALUES (1, 'x')",
        "PRAGMA database_list",
        "SELECT 1; SELECT 2",
        "FROM sales.orders; COPY sales.orders TO 'x.csv'",
        "CREATE SECRET s (TYPE s3)",
        "EXPLAIN ANALYZE COPY sales.orders TO 'x.csv'",
        "CALL pragma_version()",
    ],
)
@pytest.mark.parametrize("style", [[], ["--csv"], ["--parquet", "y.parquet"]])
def test_nothing_but_one_select_runs(
    capsys: pytest.CaptureFixture[str], api: Api, somewhere: Path, sql: str, style: list[str]
) -> None:
    code, out, err = run(capsys, "sql", sql, *style)
    assert (code, out) == (2, "")
    assert err.count("\n") <= 2
    assert api.asked == []
    assert not [*somewhere.glob("*.csv"), *somewhere.glob("*.parquet"), *somewhere.glob("*.db")]


@pytest.mark.parametrize(
    "sql",
    [
        "FROM 'secret.csv'",
        "FROM read_csv('{here}/secret.csv')",
        "FROM read_text('{here}/secret.csv')",
        "FROM read_blob('/etc/hostname')",
        "FROM glob('{here}/*')",
        "FROM read_parquet('s3://other-bucket/data/sales@1/orders/0000000001-load-1-x.parquet')",
        "FROM read_parquet('s3://the-bucket/artifacts/x.zip')",
        "FROM read_csv('http://127.0.0.1:1/x.csv')",
        "SELECT getenv('HOME')",
        "FROM read_parquet('s3://the-bucket/data/../artifacts/x.parquet')",
        "FROM 's3://the-bucket/data/x.parquet?s3_endpoint=127.0.0.1:1&s3_use_ssl=false'",
        "FROM read_parquet('s3://the-bucket/data/x.parquet?s3_endpoint=127.0.0.1:1')",
        "FROM sales.orders WHERE n IN (SELECT 1 FROM READ_CSV('s3://the-bucket/data/x'))",
        "FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
        "FROM arrow_scan(1, 2, 3)",
        "FROM duckdb_secrets()",
        "FROM system.main.read_text('secret.csv')",
    ],
)
@pytest.mark.parametrize("style", [[], ["--json"], ["--parquet", "y.parquet"]])
@pytest.mark.usefixtures("api")
def test_nothing_but_table_versions_of_the_bucket_can_be_read(
    capsys: pytest.CaptureFixture[str], somewhere: Path, sql: str, style: list[str]
) -> None:
    (somewhere / "secret.csv").write_text("word\nhidden\n")
    code, out, err = run(capsys, "sql", sql.format(here=somewhere), *style)
    assert code in {1, 2}, (out, err)
    assert "hidden" not in out + err
    assert not [*somewhere.glob("*.parquet")]


@pytest.mark.parametrize(
    "address",
    [
        "s3://other-bucket/data/sales@2/orders/0000000002-load-1-x.parquet",
        "s3://the-bucket/data/sales@2/orders/*.parquet",
        "https://evil.example/data/sales@2/orders/0000000002-load-1-x.parquet",
        "/etc/passwd",
    ],
)
def test_no_address_of_another_place_is_read(
    capsys: pytest.CaptureFixture[str], api: Api, address: str
) -> None:
    api.rows["sales@2", 2, "orders"]["uri"] = address
    code, out, err = run(capsys, "sql", "SELECT count(*) FROM sales.orders", "--csv")
    assert (code, out) == (1, ""), err
    assert err.startswith("error: ")


@pytest.mark.parametrize("sql", ["SHOW TABLES", "SHOW ALL TABLES", "DESCRIBE"])
@pytest.mark.usefixtures("api")
def test_a_list_of_tables_is_found_elsewhere(capsys: pytest.CaptureFixture[str], sql: str) -> None:
    code, out, err = run(capsys, "sql", sql, "--csv")
    assert (code, out) == (2, "")
    assert ".tables lists all" in err


@pytest.mark.parametrize("form", ["FROM {}", "DESCRIBE {}", "SELECT (SELECT count(*) FROM {})"])
@pytest.mark.usefixtures("api")
def test_a_name_of_three_parts_is_no_file_and_no_host(
    capsys: pytest.CaptureFixture[str], form: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.setblocking(False)
        there = f"s3_endpoint=127.0.0.1:{other.getsockname()[1]}&s3_use_ssl=false"
        name = f'"s3://the-bucket/data/x?{there}&s3_url_style=path"."b"."parquet"'
        code, out, err = run(capsys, "sql", form.format(name), "--csv")
        assert (code, out) == (2, "")
        assert "names no Pond." in err
        with pytest.raises(BlockingIOError):
            other.accept()


def test_one_freshness_is_asked_for_and_said(capsys: pytest.CaptureFixture[str], api: Api) -> None:
    sql = "SELECT count(*) AS n FROM sales.orders, (SELECT 1 FROM products.prices LIMIT 1)"
    code, out, err = run(capsys, "sql", sql, "--consistent", "--csv")
    assert (code, out, err) == (0, "n\n5\n", "as of 2030-01-01 11:00:00Z\n")
    assert api.asked[-1]["consistent"] is True
    code, out, _ = run(capsys, "sql", sql, "--at", "2030-01-01T12:00:00+01:00", "--csv")
    assert (code, out) == (0, "n\n5\n")
    assert api.asked[-1]["at"] == "2030-01-01T11:00:00.000000Z"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NoCommonFreshnessError("old@1 has no snapshot of a common freshness."), 1),
        (NoLongerKeptError("No snapshot as of then is kept of sales@1."), 1),
        (FutureError("at lies in the future."), 2),
        (OperatorError("No operation 'snapshots'; allowed: hello, tables."), 1),
    ],
)
def test_a_refusal_of_the_catchment_is_one_line(
    capsys: pytest.CaptureFixture[str], api: Api, error: OperatorError, code: int
) -> None:
    api.refusal = error
    found, out, err = run(capsys, "sql", "FROM sales.orders", "--consistent")
    assert (found, out) == (code, "")
    said = error.message
    if said.startswith("No operation"):
        said = "Catchment 'dev' is of a release that has no SQL over all Ponds."
    assert err.startswith(f"error: {said}\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["SELECT 1", "--csv", "--json"], "Give one of --csv, --json and --parquet."),
        (["SELECT 1", "--consistent", "--at", "2h"], "Give --consistent or --at, not both."),
        (["SELECT 1", "--at", "soon"], "'soon' is not a point in time."),
        (["@none.sql"], "none.sql cannot be read"),
        (["SELECT 1", "--limit", "0"], "--limit"),
    ],
)
@pytest.mark.usefixtures("api")
def test_options_that_are_wrong_are_refused(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    code, out, err = run(capsys, "sql", *arguments)
    assert (code, out) == (2, "")
    assert said in err


def test_a_session_keeps_its_snapshots_until_it_is_refreshed(api: Api) -> None:
    lake = Lake(Client(DEV))
    count = "SELECT count(*) FROM sales.orders"
    api.newest["sales@2"] = 1
    first = lake.ask(count)
    assert first.fetchall() == [(5,)]
    api.newest["sales@2"] = 2
    assert lake.ask(count).fetchall() == [(5,)]
    assert len(api.asked) == 1
    lake.refresh()
    assert lake.ask(count).fetchall() == [(30,)]
    assert len(api.asked) == 2


def test_a_table_that_has_grown_by_a_part_is_read_anew(api: Api) -> None:
    row = api.rows["products@1", 4, "prices"]
    whole = {"rows": 10, "bytes": 9, "kind": "rows", "use": "both"}
    first = {**whole, "uri": row["uri"]}
    early = api.rows["sales@1", 1, "orders"]["uri"]
    lake = Lake(Client(DEV))

    def rows_of(*parts: dict[str, Any]) -> int:
        row.update(uri="", parts=list(parts), merge_key=[])
        lake.refresh()
        (found,) = lake.ask("SELECT count(n) FROM products.prices").fetchone() or (0,)
        return int(found)

    assert rows_of(first, {**first}) == 20
    assert rows_of(first, {**first}, {**whole, "rows": 3, "uri": early}) == 23


def test_a_line_has_one_snapshot_under_both_of_its_names(api: Api) -> None:
    lake = Lake(Client(DEV))
    api.newest["sales@2"] = 1
    lake.ask("FROM sales.orders")
    api.newest["sales@2"] = 2
    counts = "SELECT (SELECT count(*) FROM sales.orders), (SELECT count(*) FROM sales_v2.orders)"
    assert lake.ask(counts).fetchall() == [(5, 5)]


def test_all_that_a_consistent_session_has_named_moves_together(api: Api) -> None:
    lake = Lake(Client(DEV), consistent=True)
    lake.ask("FROM products.prices")
    lake.ask("FROM sales.orders")
    assert [one["schemas"] for one in api.asked] == [["products"], ["products", "sales"]]
    assert lake.f == "2030-01-01T11:00:00.000000Z"


def test_a_view_of_a_table_that_an_older_snapshot_lacks_is_gone(api: Api) -> None:
    lake = Lake(Client(DEV), consistent=True)
    lake._consistent = False
    lake.ask('FROM sales."Odd name"')
    lake._consistent = True
    lake.ask("FROM products.prices")
    views = "SELECT count(*) FROM duckdb_views() WHERE NOT internal AND view_name = 'Odd name'"
    assert lake.con.sql(views).fetchall() == [(0,)]


def test_json_of_all_rows_can_be_read(capsys: pytest.CaptureFixture[str], api: Api) -> None:
    code, out, _ = run(capsys, "sql", "FROM products.prices ORDER BY n", "--json")
    assert (code, json.loads(out)[1]) == (0, {"n": 1, "price": 1.5, "product": 1})
    assert len(api.asked) == 1


def test_credentials_that_were_renewed_are_used_from_the_next_statement_on(
    api: Api, lake_s3: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Temporary ones end while a shell or notebook is open."""
    session = boto3.Session("first", "secret", region_name="us-east-1")
    monkeypatch.setattr(catchments, "session", lambda _: Access(session, lake_s3))
    lake = Lake(Client(DEV))
    keys = lake.con.cursor()
    used = "SELECT regexp_extract(secret_string, 'key_id=([^;]*)', 1) FROM duckdb_secrets()"
    lake.ask("FROM sales.orders")
    assert keys.sql(used).fetchall() == [("first",)]
    session.get_credentials().access_key = "second"
    assert lake.ask("SELECT count(*) FROM sales.orders").fetchall() == [(30,)]
    assert keys.sql(used).fetchall() == [("second",)]
    assert [one["op"] for one in api.asked] == ["snapshots"]


@pytest.mark.usefixtures("api")
@pytest.mark.parametrize("width", [60, 80, 120])
def test_rows_and_columns_fit_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr("duckstring_cli.render._PIPED_WIDTH", width)
    wide = ", ".join(f"repeat('x', 35) AS column_{at}" for at in range(9))
    code, out, err = run(capsys, "sql", f"SELECT n, {wide} FROM sales.orders")
    assert code == 0
    assert max(map(len, out.splitlines())) <= width
    assert "more columns: " in err


def test_a_catchment_of_this_machine_is_read_with_its_own_key(
    api: Api, lake_s3: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = Catchment(name="dev", kind="local", stack="s", port=int(lake_s3.rpartition(":")[2]))
    monkeypatch.setattr(catchments, "require_running", lambda _: AccessKey("mine", "secret"))
    monkeypatch.setattr(catchments, "session", lambda _: pytest.fail("it needs no boto3"))
    lake = Lake(Client(here))
    assert lake.ask("SELECT count(*) FROM sales.orders").fetchall() == [(30,)]
    assert "key_id=mine" in str(lake.con.sql("FROM duckdb_secrets()").fetchall())
    assert len(api.asked) == 1
