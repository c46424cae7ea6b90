"""The page's answers about tables: SQL over all Ponds, snapshots, versions, lineage."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest

from duckstring_cli import catchments, diffing, reading
from duckstring_cli.errors import BadInputError
from duckstring_cli.page import asking, data, grids
from tests.unit.cli import versions_kit
from tests.unit.cli.versions_kit import sales
from tests.unit.page.page_kit import TOKEN, Served, served
from tests.unit.parts_kit import Sandbox

__all__ = ["sales"]

F = "2030-01-01T12:00:00.000000Z"


@pytest.fixture
def tables(page: Served, snapshot: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Served:
    """A Catchment whose only Pond is ``reports``."""
    monkeypatch.setattr(catchments, "outputs", lambda _: {"Bucket": "the-bucket"})

    def answer(request: Mapping[str, Any]) -> Mapping[str, Any]:
        if request["op"] == "tables":
            return snapshot
        asked = request.get("schemas") or ["reports"]
        if unknown := [one for one in asked if one != "reports"]:
            fault = {"type": "PondNotFoundError", "message": f"No Pond {unknown}.", "hint": ""}
            return {"ok": False, "error": fault}
        f = F if request.get("at") or request.get("consistent") else None
        return {"now": F, "f": f, "snapshots": [{"schema": "reports", **snapshot}]}

    page.answers = answer
    return page


def lines(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


# SQL over all Ponds


def test_rows_of_sql_come_line_by_line_and_say_whether_there_are_more(tables: Served) -> None:
    head, *rows, last = lines(tables.post("sql", sql="SELECT n, nothing FROM reports.routes"))
    assert head == {
        "columns": [{"name": "n", "type": "BIGINT"}, {"name": "nothing", "type": "INTEGER"}],
        "f": None,
    }
    assert [row for line in rows for row in line["rows"]] == [[str(n), None] for n in range(30)]
    assert last["more"] is False
    *_, some, last = lines(tables.post("sql", sql="FROM range(5)", limit=3))
    assert (some["rows"], last["more"]) == ([["0"], ["1"], ["2"]], True)
    *_, last = lines(tables.post("sql", sql="FROM range(5)", limit=5))
    assert last["more"] is False


def test_an_answer_ends_where_it_is_long_enough(
    tables: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grids, "_ROOM", 10_000)
    sql = "SELECT repeat('x', 1000) FROM range(100000)"
    found = lines(tables.post("sql", sql=sql, limit=10**9))
    assert found[-1]["more"] is True
    assert sum(len(one.get("rows", ())) for one in found) < 200


def test_of_a_long_cell_the_beginning_is_shown_and_a_file_has_all_of_it(tables: Served) -> None:
    sql = "SELECT repeat('é', 30000) AS long"
    _, line, _ = lines(tables.post("sql", sql=sql))
    assert line["rows"] == [["é" * 10_000 + "…"]]
    assert tables.post("export", sql=sql, format="csv").text == f"long\n{'é' * 30_000}\n"


def test_the_freshness_that_is_asked_for_is_asked_of_the_catchment(tables: Served) -> None:
    head, *_ = lines(tables.post("sql", sql="FROM reports.routes", consistent=True))
    assert head["f"] == F
    assert tables.asked[-1]["consistent"] is True
    lines(tables.post("sql", sql="FROM reports.routes", at="2029-12-31T02:00"))
    assert tables.asked[-1]["at"] == "2029-12-31T02:00:00.000000Z"


def test_what_duckdb_says_is_told_word_for_word_with_the_place(tables: Served) -> None:
    sql = "SELECT n,\n  x\nFROM reports.routes"
    wrong = tables.post("sql", sql=sql)
    told = wrong.json()["error"]["message"]
    assert wrong.status_code == 400
    assert told.startswith('Binder Error: Referenced column "x" not found')
    assert told.splitlines()[-2:] == ["LINE 2:   x", "          ^"]
    unknown = tables.post("sql", sql="SELECT nope(n) FROM reports.routes").json()["error"]
    assert "LINE 1: SELECT nope(n)" in unknown["message"]
    absent = tables.post("sql", sql="FROM nobody.made")
    assert (absent.status_code, absent.json()["error"]["message"]) == (400, "No Pond ['nobody'].")


def test_what_goes_wrong_among_the_rows_ends_them_with_a_refusal(tables: Served) -> None:
    sql = "SELECT CASE WHEN range = 1500 THEN error('no more') ELSE 1 END FROM range(9000)"
    head, *_, last = lines(tables.post("sql", sql=sql, limit=9000))
    assert "no more" in last["error"]["message"]
    assert head["columns"]
    sql = "SELECT CAST(name AS INTEGER) FROM reports.routes"
    *_, last = lines(tables.post("sql", sql=sql))
    assert "Could not convert string 'to 0' to INT32" in last["error"]["message"]
    assert "^" in last["error"]["message"]


@pytest.mark.parametrize(
    "sql",
    [
        "FROM read_csv('/etc/passwd')",
        "FROM read_text('{file}')",
        "FROM '{file}'",
        "FROM glob('/etc/*')",
        "FROM read_csv('http://127.0.0.1:1/x')",
        "FROM read_parquet('s3://another-bucket/x.parquet')",
        "COPY (SELECT 1) TO '{file}.copy'",
        "ATTACH '{file}.db'",
        "SET enable_external_access = true",
        "INSTALL spatial",
        "SELECT 1; SELECT 2",
        "SELECT 1\x00",
        "FROM duckdb_secrets()",
        "SELECT getenv('HOME') FROM reports.routes",
        "FROM query('FROM read_text(''{file}'')')",
    ],
)
@pytest.mark.parametrize("path", ["sql", "export"])
def test_sql_reads_the_catchments_tables_and_nothing_else(
    tables: Served, tmp_path: Path, sql: str, path: str
) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("a secret\n")
    answer = tables.post(path, sql=sql.format(file=secret), format="csv")
    assert answer.status_code == 400
    assert "a secret" not in answer.text
    assert not (tmp_path / "secret.csv.copy").exists()


def test_sql_sends_no_signed_request_to_a_host_that_it_names(tables: Served) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.setblocking(False)
        there = f"s3_endpoint=127.0.0.1:{other.getsockname()[1]}&s3_use_ssl=false"
        key = "data/reports@1/routes/0000000001-sum-1-x.parquet"
        sql = f"FROM read_parquet('s3://the-bucket/{key}?{there}&s3_url_style=path')"
        assert tables.post("sql", sql=sql).status_code == 400
        with pytest.raises(BlockingIOError):
            other.accept()


def test_rows_of_sql_are_a_file(tables: Served, tmp_path: Path) -> None:
    ask = {"sql": "SELECT n, name FROM reports.routes WHERE n < 2"}
    csv = tables.post("export", format="csv", **ask)
    assert (csv.status_code, csv.text) == (200, "n,name\n0,to 0\n1,to 1\n")
    assert 'filename="rows.csv"' in csv.headers["content-disposition"]
    parquet = tables.post("export", format="parquet", **ask)
    (tmp_path / "rows.parquet").write_bytes(parquet.content)
    assert duckdb.read_parquet(str(tmp_path / "rows.parquet")).shape == (2, 2)
    assert (
        tables.post("export", format="csv", sql="SELECT x FROM reports.routes").status_code == 400
    )


ENDLESS = "SELECT count(*) FROM range(10000000000) a, range(1000) b WHERE a.range = b.range + 7"


class Watched(grids.Lake):
    """Tells whether it is at work."""

    opened = threading.Event()
    closed = threading.Event()

    def ask(self, sql: str) -> Any:
        found = super().ask(sql)
        self.opened.set()
        return found

    def close(self) -> None:
        super().close()
        self.closed.set()


@pytest.mark.parametrize("path", ["sql", "export"])
def test_a_query_whose_reader_is_gone_ends(
    tables: Served, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(grids, "Lake", Watched)
    Watched.opened.clear()
    Watched.closed.clear()
    body = json.dumps({"sql": ENDLESS, "format": "csv"}).encode()
    with socket.create_connection(("127.0.0.1", tables.port)) as reader:
        reader.sendall(
            f"POST /api/{path} HTTP/1.1\r\nHost: 127.0.0.1:{tables.port}\r\n"
            f"Authorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        assert Watched.opened.wait(30)
        assert not Watched.closed.is_set()
    assert Watched.closed.wait(30)


def test_names_are_offered_as_in_the_shell(tables: Served) -> None:
    def names(word: str) -> list[str]:
        found: list[str] = tables.post("names", word=word).json()["names"]
        return found

    assert names("rep") == ["reports", "reports_v1", "replace"]
    assert names("reports.r") == ["reports.routes"]
    assert names("reports.") == ["reports.routes", 'reports."odd ""name"""']
    assert names("SEL") == ["SELECT"]
    assert names("") == []
    assert names(".ta") == []
    assert len([one for one in tables.asked if one["op"] == "snapshots"]) == 1


def test_names_are_few_however_many_there_are(tables: Served) -> None:
    many = [{"schema": f"pond_{at}", "line": f"pond_{at}@1", "tables": []} for at in range(900)]
    tables.answers = {"snapshots": {"now": F, "f": None, "snapshots": many}}
    assert len(data.Offered(_client(tables)).of("pond")) == 40


def _client(page: Served) -> Any:
    from duckstring_cli.client import Client

    return Client(versions_kit.DEV, invoke=page.door)


# Snapshots


def test_snapshots_that_are_kept_are_told_page_by_page(page: Served) -> None:
    kept = {"line": "sales@1", "now": F, "retention": {}, "snapshots": [], "next": None}
    page.answers = {"kept": kept}
    assert page.get("kept/sales@1", before=42).json() == kept
    assert page.asked == [{"op": "kept", "pond": "sales", "major": 1, "before": 42}]


def test_the_tables_and_rows_of_an_earlier_snapshot_are_those_that_are_shown(
    tables: Served,
) -> None:
    assert tables.get("tables/reports@1", snapshot=1).json()["snapshot"] == 1
    assert tables.asked[-1]["snapshot"] == 1
    assert len(tables.get("rows/reports@1/routes", snapshot=1, limit=2).json()["rows"]) == 2
    assert tables.asked[-1]["snapshot"] == 1
    other = tables.get("rows/reports@1/routes", snapshot=2)  # a release that takes no number
    assert other.status_code == 409
    assert "shows only what is published" in other.json()["error"]["message"]


def test_what_a_rollback_changes_is_told_before_it_and_only_that_is_published(
    page: Served,
) -> None:
    told = {"line": "sales@1", "snapshot": 3, "over": 5, "run": None, "applied": False}
    page.answers = {"publish": told}
    assert page.get("publish/sales@1/3").json() == told
    assert page.asked[-1] == {
        "op": "publish", "pond": "sales", "major": 1, "dry": True, "snapshot": 3,
    }  # fmt: skip
    assert page.post("publish", line="sales@1", snapshot=3, over=5).status_code == 200
    assert page.asked[-1] == {
        "op": "publish", "pond": "sales", "major": 1, "dry": False, "snapshot": 3, "over": 5,
        "caller": {"via": "page"},
    }  # fmt: skip


def test_a_page_that_only_shows_tells_what_a_rollback_would_change_and_makes_none(
    files: Path,
) -> None:
    for page in served(files, read_only=True):
        page.answers = {"publish": {"line": "sales@1"}}
        assert page.get("publish/sales@1/3").status_code == 200
        refused = page.post("publish", line="sales@1", snapshot=3, over=5)
        assert (refused.status_code, len(page.asked)) == (409, 1)


@pytest.mark.parametrize(
    "path",
    [
        "kept/sales@1?before=x",
        "kept/sales",
        "tables/sales@1?snapshot=0",
        "tables/sales@1?snapshot=1.5",
        "tables/sales@1?snapshot=12345678901",
        "tables/sales@1?snapshot=-1",
        "publish/sales@1/x",
        "rows/sales@1/made?snapshot=x",
        "diff/sales/made",
        "diff/sales@1/made?from=x",
        "lineage/sales@1?up=x",
    ],
)
def test_a_number_or_line_that_is_none_asks_nobody(page: Served, path: str) -> None:
    assert page.get(path).status_code == 400
    assert page.asked == []


# Versions


@pytest.fixture
def versions(page: Served, sales: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Served:
    monkeypatch.setattr(reading, "address", lambda _, uri: uri)
    monkeypatch.setattr(reading, "open_s3", lambda *_: None)
    held = {
        one["snapshot"]: one
        for one in (
            versions_kit.merge(sales, {1: 10, 2: 20}),
            versions_kit.merge(sales, {2: 21, 3: 30}),
        )
    }
    page.answers = lambda request: held[request.get("snapshot", 2)]
    return page


def test_two_versions_are_compared_as_the_command_does(versions: Served) -> None:
    told = versions.get("diff/sales@1/t", **{"from": 1, "to": 2}).json()
    assert (told["added"], told["removed"], told["changed"]) == (1, 0, 1)
    assert told["key"] == ["id"]
    told = versions.get("diff/sales@1/t", **{"from": 1, "key": ["id", "n"]}).json()
    assert (told["added"], told["removed"], told["key"]) == (2, 1, ["id", "n"])
    wrong = versions.get("diff/sales@1/t", **{"from": 1, "key": "nope"})
    assert (wrong.status_code, "no column 'nope'" in wrong.text) == (400, True)
    assert versions.get("diff/sales@1/tea", **{"from": 1}).status_code == 400


def test_a_comparison_that_takes_too_long_is_ended(
    versions: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "_LONGEST_DIFF", 0.1)
    monkeypatch.setattr(asking, "_LOOK_SECONDS", 0.05)

    def endless(*_: Any, guard: Any, **__: Any) -> Any:
        con = duckdb.connect()
        return guard(con, lambda: con.execute(ENDLESS).fetchall())

    monkeypatch.setattr(diffing, "compare", endless)
    ended = versions.get("diff/sales@1/t", **{"from": 1})
    assert (ended.status_code, "took longer than" in ended.text) == (409, True)


# Lineage and the lake


def test_steps_without_end_are_the_catchments_to_refuse(page: Served) -> None:
    fault = {"type": "OperatorError", "message": "up is too many.", "hint": ""}
    page.answers = lambda _: {"ok": False, "error": fault}
    assert page.get("lineage/sales@1", up="1" * 500).json()["error"] == fault


def test_lineage_is_the_commands_own(page: Served) -> None:
    told = {"line": "sales@1", "f": F, "nodes": [], "left_off": 0}
    page.answers = {"lineage": told}
    assert page.get("lineage/sales@1", table="orders", up=5000, down=0).json() == told
    assert page.asked == [
        {"op": "lineage", "pond": "sales", "major": 1, "table": "orders", "up": 5000, "down": 0}
    ]


def test_a_catchment_of_a_release_without_lineage_is_told_apart(page: Served) -> None:
    fault = {"type": "OperatorError", "message": "No operation 'lineage'; ...", "hint": ""}
    page.answers = lambda _: {"ok": False, "error": fault}
    answer = page.get("lineage/sales@1")
    assert (answer.status_code, "keeps no lineage" in answer.text) == (409, True)


def test_the_lake_is_where_the_command_says(page: Served) -> None:
    page.answers = {"lake": {"now": F, "seconds": None, "newest": "s3://b/x", "catalog": None}}
    assert page.get("lake").json()["newest"] == "s3://b/x"


def test_sql_is_one_select_wherever_it_comes_from() -> None:
    with pytest.raises(BadInputError, match="is UPDATE"):
        grids.asked({"sql": "UPDATE a SET b = 1"})
