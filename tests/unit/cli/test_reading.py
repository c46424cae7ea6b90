"""Reading published snapshots: DuckDB against an S3 in this process, over HTTP as it is
everywhere.
"""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from duckstring_cli import main, rows
from tests.unit.cli.published_kit import SESSION, published, s3, snapshot

__all__ = ["published", "s3", "snapshot"]


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main.run(arguments)
    told = capsys.readouterr()
    return code, told.out, told.err


@pytest.mark.usefixtures("snapshot")
def test_without_a_table_the_published_ones_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "query", "reports")
    assert code == 0
    assert "routes        30  1.2 kB  reports@1/1" in out
    assert "fresh as of 2030-01-01 12:00:00Z" in err


def test_a_table_that_is_published_no_longer_is_told_with_who_took_it_away(
    capsys: pytest.CaptureFixture[str], snapshot: dict[str, Any]
) -> None:
    snapshot["dropped"] = [
        {"table": "old", "snapshot": "reports@1/7", "version": "1.2.0", "removed": False},
        {"table": "older", "snapshot": "reports@1/6", "version": "1.1.0", "removed": True},
    ]
    dropped, removed = (
        "old (dropped by run reports@1/7 of version 1.2.0)",
        "older (removed by an operator, snapshot reports@1/6)",
    )
    said = (
        "error: reports@1 publishes table 'old' no longer: dropped by run reports@1/7 of version "
        '1.2.0; it has routes, odd "name".\n'
    )
    assert run(capsys, "query", "reports", "old") == (2, "", said)
    assert run(capsys, "get", "reports", "old") == (2, "", said)
    assert (
        f'hint: Tables here: routes, odd "name". No longer: {dropped}, {removed}.'
        in run(capsys, "query", "reports", "--sql", "FROM old")[2]
    )
    snapshot["tables"] = []
    said = (
        "error: reports@1 publishes table 'older' no longer: removed by an operator, snapshot "
        "reports@1/6; it publishes no tables.\n"
    )
    assert run(capsys, "query", "reports", "older") == (2, "", said)
    assert (
        run(capsys, "query", "reports")[1]
        == f"reports@1 publishes no tables any more; it had {dropped}, {removed}.\n"
    )
    said = (
        f"error: reports@1 publishes no tables any more; it had {dropped}, {removed}.\n"
        "hint: See what ran: duckstring runs reports -m 1\n"
    )
    assert run(capsys, "query", "reports", "routes") == (1, "", said)


def test_a_pond_that_ran_and_wrote_no_table_is_not_told_to_run(
    capsys: pytest.CaptureFixture[str], snapshot: dict[str, Any]
) -> None:
    snapshot["tables"] = []
    assert (
        run(capsys, "query", "reports")[1]
        == "reports@1 publishes no tables: what ran last wrote none.\n"
    )
    code, _, err = run(capsys, "query", "reports", "routes")
    assert (code, "yet" in err, "trigger" in err) == (1, False, False)


@pytest.mark.usefixtures("snapshot")
def test_a_table_is_shown_up_to_a_limit_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "query", "reports", "routes")
    rows = out.splitlines()
    assert code == 0
    assert [line.rstrip() for line in rows[:3]] == [
        " n  name   delay  nothing",
        " 0  to 0     0.0        ·",
        " 1  to 1   0.125        ·",
    ]
    assert len(rows) == 21
    assert "first 20 rows" in err
    assert "30 rows" in run(capsys, "query", "reports", "routes", "--limit", "30")[2]


@pytest.mark.usefixtures("snapshot")
def test_sql_sees_every_table_of_the_pond(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "ask.sql").write_text('SELECT count(*) AS n FROM routes, "odd ""name""";\n')
    assert run(capsys, "query", "reports", "--sql", "@ask.sql", "--csv")[1] == "n\n30\n"


@pytest.mark.usefixtures("snapshot")
def test_csv_and_json_are_whole_and_readable_by_programs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, out, err = run(capsys, "query", "reports", "routes", "--csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert (code, err, len(rows)) == (0, "", 30)
    assert rows[1] == {"n": "1", "name": "to 1", "delay": "0.125", "nothing": ""}
    loaded = json.loads(run(capsys, "query", "reports", "routes", "--json", "--limit", "2")[1])
    assert loaded == [
        {"n": 0, "name": "to 0", "delay": 0.0, "nothing": None},
        {"n": 1, "name": "to 1", "delay": 0.125, "nothing": None},
    ]
    assert (
        json.loads(run(capsys, "query", "reports", "--sql", "FROM routes WHERE false", "--json")[1])
        == []
    )


@pytest.mark.usefixtures("snapshot")
@pytest.mark.parametrize("to_terminal", [False, True])
def test_json_escapes_what_a_terminal_would_obey_in_a_pipe_as_well(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, to_terminal: bool
) -> None:
    monkeypatch.setattr("duckstring_cli.rows._is_terminal", lambda: to_terminal)
    sql = "SELECT 'a' || chr(155) || chr(8238) || chr(127) || chr(9) || chr(10) || 'é😀' AS x"
    out = run(capsys, "query", "reports", "--sql", sql, "--json")[1]
    assert json.loads(out) == [{"x": "a\x9b\u202e\x7f\t\né😀"}]
    assert r'"a\u009b\u202e\u007f\t\né😀"' in out


ODD = (
    "SELECT 'infinity'::DATE AS day, INTERVAL 32 DAY AS gap, '2020-01-01 "
    "00:00:00.123456789'::TIMESTAMP_NS AS ns, 'a\\xFF'::BLOB AS raw, "
    "'nan'::DOUBLE AS nan, [1.5, 'inf'::DOUBLE] AS list, {'a': 'nan'::FLOAT, 'b': 'NaN, x'} AS "
    "pair, MAP {'k': '-inf'::DOUBLE} AS map, "
    "5 AS same -- the end"
)


@pytest.mark.usefixtures("snapshot")
def test_values_are_told_as_duckdb_writes_them_and_json_has_only_what_json_knows(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, out, _ = run(capsys, "query", "reports", "--sql", ODD)
    assert (
        out.splitlines()[1]
        .rstrip()
        .startswith(
            "infinity  32 days  2020-01-01 00:00:00.123456789  a\\xFF  nan  [1.5, inf]  {'a': "
            "nan, 'b': 'NaN, x'}  {k=-inf}"
        )
    )
    (row,) = list(
        csv.reader(io.StringIO(run(capsys, "query", "reports", "--sql", ODD, "--csv")[1]))
    )[1:]
    assert row[:5] == ["infinity", "32 days", "2020-01-01 00:00:00.123456789", "a\\xFF", "nan"]
    (found,) = json.loads(
        run(capsys, "query", "reports", "--sql", ODD, "--json")[1], parse_constant=pytest.fail
    )
    assert (found["day"], found["gap"], found["nan"], found["list"]) == (
        "infinity",
        "32 days",
        None,
        [1.5, None],
    )
    assert (found["pair"], found["map"]) == ({"a": None, "b": "NaN, x"}, {"k": None})


@pytest.mark.usefixtures("snapshot")
def test_control_codes_in_cells_do_not_reach_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = run(capsys, "query", "reports", "--sql", "SELECT 'a' || chr(27) || '[31m' AS x")[1]
    assert "a\\x1b[31m" in out
    assert "\x1b" not in out


@pytest.mark.usefixtures("snapshot")
def test_huge_integers_are_stored_whole(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    sql = "SELECT 12345678901234567890123456789::HUGEINT AS n, 7 AS m"
    assert (
        run(capsys, "query", "reports", "--sql", sql, "--parquet", "q.parquet")[1]
        == "1 row in q.parquet\n"
    )
    assert duckdb.sql(f"SELECT n::VARCHAR, m FROM '{tmp_path}/q.parquet'").fetchall() == [
        ("12345678901234567890123456789", 7)
    ]


@pytest.mark.usefixtures("snapshot")
def test_a_format_without_a_table_is_not_passed_over(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "query", "reports", "--csv")
    assert (code, out) == (2, "")
    assert err.startswith("error: --csv needs a TABLE or --sql.\nhint: Tables here: routes")


@pytest.mark.usefixtures("snapshot")
@pytest.mark.parametrize("name", ["routes.parquet", "routes.csv", "routes.json"])
def test_get_writes_the_whole_table_in_the_format_of_the_name(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str
) -> None:
    code, out, _ = run(capsys, "get", "reports", "routes", name)
    assert (code, out) == (0, f"30 rows in {name}\n")
    assert duckdb.sql(f"SELECT count(*), max(n) FROM '{tmp_path}/{name}'").fetchone() == (30, 29)
    code, out, _ = run(capsys, "get", "reports", "routes", name, "--json")
    assert code == 0
    assert json.loads(out) | {"f": ""} == {"file": name, "rows": 30, "f": ""}


@pytest.mark.usefixtures("snapshot")
def test_a_query_into_a_parquet_file_keeps_its_limit(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert (
        run(
            capsys,
            "query",
            "reports",
            "--sql",
            "FROM routes ORDER BY n DESC",
            "--parquet",
            "top.parquet",
            "--limit",
            "2",
        )[0]
        == 0
    )
    assert duckdb.sql(f"SELECT n FROM '{tmp_path}/top.parquet'").fetchall() == [(29,), (28,)]


@pytest.mark.usefixtures("snapshot")
@pytest.mark.parametrize(
    ("sql", "what"),
    [
        ("COPY routes TO 'x.csv'", "is COPY"),
        ("EXPLAIN ANALYZE COPY routes TO 'x.csv'", "is EXPLAIN"),
        ("EXPORT DATABASE 'x.csv'", "is EXPORT"),
        ("ATTACH 'x.csv' AS x", "is ATTACH"),
        ("INSTALL httpfs", "is LOAD"),
        ("SET temp_directory = 'x.csv'", "is SET"),
        ("INSERT INTO routes VALUES (1, '', 1, 1) RETURNING *", "is INSERT"),
        ("CREATE TYPE mood AS ENUM ('sad'); SELECT 1", "has 2 statements (CREATE, SELECT)"),
        ("SELECT 1; SELECT 2", "has 2 statements (SELECT, SELECT)"),
        ("SELECT 1) TO 'x.csv'; --", "syntax error"),
        ("FROM routes; COPY routes TO 'x.csv'", "has 2 statements (SELECT, COPY)"),
        ("/* */ pragma database_list", "is PRAGMA"),
        ("SELECT '\udcff'", "not UTF-8"),
        (" ; -- nothing", "is empty"),
    ],
)
@pytest.mark.parametrize("style", [[], ["--csv"], ["--parquet", "y.parquet"]])
def test_what_is_not_one_select_is_refused_before_it_runs(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, sql: str, what: str, style: list[str]
) -> None:
    before = set(tmp_path.rglob("*"))
    code, out, err = run(capsys, "query", "reports", "--sql", sql, *style)
    assert (code, out) == (2, "")
    assert what in err
    assert set(tmp_path.rglob("*")) == before


@pytest.mark.usefixtures("snapshot")
@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(*) FROM routes WHERE name <> 'é;'; -- all of them; really",
        "WITH few AS (FROM routes LIMIT 3) SELECT count(*) FROM few /* ; */ ;;",
        "PIVOT routes ON delay USING count(*)",
        "DESCRIBE routes",
        "SUMMARIZE routes",
        "VALUES (1)",
        "SELECT '\udcc5\udcbe'",  # as Python has it where the locale is not UTF-8
    ],
)
def test_every_form_of_one_select_runs(capsys: pytest.CaptureFixture[str], sql: str) -> None:
    for style in ([], ["--csv"], ["--json"]):
        code, out, err = run(capsys, "query", "reports", "--sql", sql, *style)
        assert (code, bool(out)) == (0, True), (sql, style, err)


@pytest.mark.usefixtures("snapshot")
@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (
            ["query", "reports", "route"],
            2,
            (
                "reports@1 has published no table 'route'; it has routes, odd \"name\".\n"
                "hint: Did you mean 'routes'?"
            ),
        ),
        (["query", "reports", "--sql", "FROM route"], 2, 'hint: Tables here: routes, odd "name".'),
        (["query", "reports", "--sql", "SELEC 1"], 2, "error: Parser Error: syntax error"),
        (
            ["query", "reports", "--sql", "CREATE TABLE x (a INT)"],
            2,
            "hint: Published tables are read only",
        ),
        (
            ["query", "reports", "--sql", "SELECT name::INT FROM routes"],
            1,
            "error: Conversion Error: Could not convert string 'to 0'",
        ),
        (
            ["get", "reports", "routes", "routes.xlsx"],
            2,
            "error: 'routes.xlsx' has no known format.",
        ),
        (
            ["get", "reports", "routes", "/proc/e.csv"],
            1,
            "error: /proc/e.csv cannot be written: No such file or directory",
        ),
        (["get", "reports", "routes", "no/where.csv"], 2, "error: There is no folder 'no'."),
    ],
)
def test_a_bad_question_is_told_what_is_wrong(
    capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, told: str
) -> None:
    found, out, err = run(capsys, *arguments)
    assert (found, out) == (code, "")
    assert told in err


def test_a_file_that_is_gone_is_a_clear_refusal_and_leaves_no_half_file(
    capsys: pytest.CaptureFixture[str], snapshot: dict[str, Any], tmp_path: Path
) -> None:
    snapshot["tables"][0]["uri"] = snapshot["tables"][0]["uri"].replace(
        "-x.parquet", "-gone.parquet"
    )
    code, _, err = run(capsys, "get", "reports", "routes", "routes.csv")
    assert code == 1
    assert "error: The snapshot's files cannot be read: HTTP Error" in err
    assert "404" in err
    assert not list(tmp_path.glob("*routes.csv*"))


def parted(snapshot: dict[str, Any], s3: str, folder: Path) -> dict[str, Any]:
    """``routes`` has parts: its 30 rows, changes of three of them, and news that are folded."""
    table, bucket = snapshot["tables"][0], SESSION.client("s3", endpoint_url=s3)
    base, file = table["uri"], folder / "part.parquet"
    columns = "n, name, delay, nothing"
    changes = (
        f"SELECT {columns}, what AS _change FROM (FROM read_parquet('{file}'), "
        "(VALUES (1, 'delete'), (2, 'update_before'), (2, 'update_after')) AS v(key, what) "
        "WHERE n = key)"
    )
    duckdb.sql(
        "COPY (SELECT range AS n, 'to ' || range AS name, range / 8 AS delay, NULL AS nothing "
        f"FROM range(30)) TO '{file}'"
    )
    duckdb.sql(f"COPY ({changes}) TO '{folder / 'changes.parquet'}'")
    key = "data/reports@1/routes/0000000002-sum-1-xp1.parquet"
    bucket.upload_file(str(folder / "changes.parquet"), "the-bucket", key)
    part = {"rows": 3, "bytes": 9, "kind": "changes", "use": "both"}
    table["parts"] = [
        {**part, "uri": f"s3://the-bucket/{key.replace('xp1', 'gone')}", "use": "news"},
        {**part, "uri": base, "rows": 30, "kind": "rows", "use": "base"},
        {**part, "uri": f"s3://the-bucket/{key}"},
    ]
    table["uri"], table["merge_key"] = "", ["n"]
    return table


def test_a_table_of_several_objects_is_read_as_one(
    capsys: pytest.CaptureFixture[str], snapshot: dict[str, Any], s3: str, tmp_path: Path
) -> None:
    parted(snapshot, s3, tmp_path)
    code, out, err = run(
        capsys,
        "query",
        "reports",
        "--json",
        "--sql",
        "SELECT count(*) AS n, sum(n) AS s FROM routes",
    )
    assert (code, err) == (0, "")
    assert json.loads(out) == [{"n": 29, "s": sum(range(30)) - 1}]


def test_no_request_is_signed_for_a_part_that_is_not_a_table_versions(
    capsys: pytest.CaptureFixture[str], snapshot: dict[str, Any], s3: str, tmp_path: Path
) -> None:
    table = parted(snapshot, s3, tmp_path)
    table["parts"][2]["uri"] = "https://evil.example/data/reports@1/routes/x.parquet"
    code, out, err = run(capsys, "query", "reports", "routes")
    assert (code, out) == (1, "")
    assert "error: Table 'routes' has the address 'https://evil.example" in err


@pytest.mark.parametrize(
    "address",
    [
        "s3://the-bucket/data/reports@1/routes/0000000001-sum-1-x.parquet?s3_endpoint=evil.example&s3_use_ssl=false",
        "s3://the-bucket/data/reports@1/routes/*.parquet",
        "s3://the-bucket/data/reports@1/routes/0000000001-sum-[0-9]-x.parquet",
        "s3://the-bucket/artifacts/reports/1.0.0/abc.zip",
        "s3://the-bucket@evil.example/data/reports@1/routes/0000000001-sum-1-x.parquet",
        "https://evil.example/data/reports@1/routes/0000000001-sum-1-x.parquet",
        "/etc/passwd",
    ],
)
@pytest.mark.parametrize(
    "command",
    [
        ["query", "reports", "routes"],
        ["get", "reports", "routes", "routes.csv"],
        ["query", "reports"],
    ],
)
def test_no_request_is_signed_for_an_address_that_is_not_a_table_versions(
    capsys: pytest.CaptureFixture[str],
    snapshot: dict[str, Any],
    tmp_path: Path,
    address: str,
    command: list[str],
) -> None:
    snapshot["tables"][0]["uri"] = address
    asked = command if len(command) > 2 else [*command, "--sql", "FROM routes"]
    code, out, err = run(capsys, *asked)
    assert (code, out) == (1, "")
    assert "error: Table 'routes' has the address" in err
    assert "HTTP" not in err
    assert not list(tmp_path.glob("*routes.csv*"))


def test_columns_that_do_not_fit_are_left_out_whole_and_never_all_of_them() -> None:
    cells = [["x" * 30, "y" * 30, "z" * 500]]
    assert rows.columns_that_fit(["a", "b", "c"], cells, 80) == [0, 1]
    assert rows.columns_that_fit(["a", "b", "c"], cells, 120) == [0, 1, 2]
    assert rows.columns_that_fit(["a", "b", "c"], cells, 10) == [0]


@pytest.mark.usefixtures("snapshot")
def test_a_file_name_that_is_not_utf_8_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, out, err = run(capsys, "get", "reports", "routes", "\udcc5.csv")
    assert (code, out, list(tmp_path.glob("*.partial"))) == (2, "", [])
    assert (
        "error: The file name \\udcc5.csv is not UTF-8 text here." in err
        or "error: The file name \\xc5.csv" in err
    )


@pytest.mark.parametrize(
    "source",
    ["read_text('{file}')", "'{file}'", "'s3://the-bucket/data/reports@1/routes/*.parquet'"],
)
@pytest.mark.parametrize("style", [["--csv"], ["--parquet", "saved.parquet"]])
@pytest.mark.usefixtures("snapshot")
def test_sql_reads_the_ponds_tables_and_nothing_else(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, source: str, style: list[str]
) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("word\nhidden\n")
    sql = f"SELECT * FROM {source.format(file=secret)}"
    code, out, err = run(capsys, "query", "reports", "--sql", sql, *style)
    assert (code, out) == (2, ""), err
    assert "hidden" not in err
    assert not (tmp_path / "saved.parquet").exists()


@pytest.mark.parametrize("name", [".", "..", "", "/"])
@pytest.mark.usefixtures("snapshot")
def test_a_folder_is_no_file_for_rows(capsys: pytest.CaptureFixture[str], name: str) -> None:
    code, out, err = run(capsys, "query", "reports", "routes", "--parquet", name)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
