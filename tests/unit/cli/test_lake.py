"""``duckstring lake``: where the lake lies, and the SQL that attaches it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import duckdb
import pytest

from duckstring_cli import bucket, catchments, doors, main
from duckstring_cli.catchments import Catchment
from tests.unit.cli.published_kit import DEV

Shown = Callable[..., tuple[int, str, str]]

NEWEST = "s3://the-bucket/lake/catchment.ducklake"
FROZEN = "s3://the-bucket/lake/0000000042-0123456789abcdef.ducklake"
CATALOG = {
    "number": 42,
    "address": FROZEN,
    "at": "2030-01-01T12:00:00.000000Z",
    "bytes": 956_000,
    "lines": 2,
    "tables": 1,
}
ANSWER: dict[str, Any] = {
    "now": "2030-01-01T12:00:20.000000Z",
    "seconds": 60,
    "newest": NEWEST,
    "catalog": CATALOG,
    "iceberg": None,
}
AWS = Catchment(name="prod", kind="aws", stack="Duckstring-prod", profile="o'hara")


@pytest.fixture
def show(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shown:
    """Run the command against a Catchment that answers so."""

    def run(
        *words: str, of: Catchment = DEV, answer: Mapping[str, object] = ANSWER
    ) -> tuple[int, str, str]:
        keys = bucket.Keys("AK", "it's secret")
        reached = bucket.Bucket("eu-central-1", "http://127.0.0.1:4566", lambda: keys)
        monkeypatch.setattr(catchments, "find", lambda _: of)
        monkeypatch.setattr(doors, "open_door", lambda _: lambda _: {"ok": True, "result": answer})
        monkeypatch.setattr(bucket, "reach", lambda _: reached)
        code = main.run(["lake", *words])
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


def test_both_addresses_are_told_and_how_new_it_is(show: Shown) -> None:
    code, out, err = show()
    assert code == 0
    assert out.splitlines() == [f"Newest    {NEWEST}", f"This one  {FROZEN}"]
    assert "Catalog 42, made 20s ago: 1 table of 2 Ponds, 956.0 kB." in err
    assert json.loads(show("--json")[1]) == ANSWER


@pytest.mark.parametrize(("flags", "address"), [([], NEWEST), (["--frozen"], FROZEN)])
def test_the_sql_is_one_that_duckdb_takes(show: Shown, flags: list[str], address: str) -> None:
    code, out, _ = show("--sql", *flags)
    assert code == 0
    assert f"ATTACH 'ducklake:{address}' AS lake (READ_ONLY);" in out.splitlines()
    (secret,) = [line for line in out.splitlines() if line.startswith("CREATE")]
    assert "SECRET 'it''s secret'" in secret
    assert "ENDPOINT '127.0.0.1:4566', URL_STYLE 'path', USE_SSL false" in secret
    assert "SCOPE 's3://the-bucket/')" in secret, "other buckets have keys of their own"
    assert len(duckdb.extract_statements(out)) == 8


def test_in_aws_duckdb_finds_the_keys_and_none_is_printed(show: Shown) -> None:
    _, out, _ = show("--sql", of=AWS)
    assert "PROVIDER credential_chain, REGION 'eu-central-1'" in out
    assert "PROFILE 'o''hara'" in out
    assert "secret'" not in out
    assert "SCOPE 's3://the-bucket/'" in out
    assert len(duckdb.extract_statements(out)) == 10


def test_before_the_first_export_there_is_an_address_and_no_sql(show: Shown) -> None:
    nothing = {**ANSWER, "catalog": None}
    code, out, err = show(answer=nothing)
    assert (code, out) == (0, f"Newest    {NEWEST}\n")
    assert "Nothing is there yet" in err
    code, out, err = show("--sql", answer=nothing)
    assert (code, out) == (1, "")
    assert err.startswith("error: The lake is not there yet.")


def test_a_catchment_without_a_lake_says_so(show: Shown) -> None:
    code, out, err = show(answer={**ANSWER, "seconds": None, "catalog": None})
    assert (code, out) == (1, "")
    assert "has no lake" in err
    assert "-c lake=off" in err


def test_an_address_for_the_sql_without_the_sql_is_refused(show: Shown) -> None:
    code, out, err = show("--frozen")
    assert (code, out) == (2, "")
    assert err.startswith("error: --frozen without --sql.")


def database(**more: object) -> dict[str, object]:
    return {
        "database": "duckstring_dev__sales",
        "line": "sales@1",
        "run": "sales@1/3",
        "f": "2030-01-01T11:00:00.000000Z",
        "at": "2030-01-01T11:59:20.000000Z",
        "tables": 3,
        "left_out": {},
        **more,
    }


def test_the_databases_of_iceberg_tables_are_shown_with_what_is_not_in_them(show: Shown) -> None:
    odd = database(
        database="duckstring_dev__reports",
        line="reports@1",
        f=None,
        run=None,
        left_out={"wide": "1,001 columns; Glue takes 1,000 of ours"},
    )
    code, out, err = show(answer={**ANSWER, "iceberg": [odd, database()]})
    assert code == 0
    assert [line.split() for line in out.splitlines()[-3:]] == [
        ["GLUE", "DATABASE", "LINE", "TABLES", "AS", "OF", "EXPORTED"],
        ["duckstring_dev__reports", "reports@1", "-", "on", "its", "way", "1m", "ago"],
        ["duckstring_dev__sales", "sales@1", "3", "2030-01-01", "11:00:00Z", "1m", "ago"],
    ]
    assert "reports@1: wide is not in duckstring_dev__reports: 1,001 columns; Glue takes" in err


def test_a_database_that_is_somebody_elses_says_so(show: Shown) -> None:
    why = "Glue has a database duckstring_dev__sales that is not Duckstring's: delete or rename it"
    _, _, err = show(answer={**ANSWER, "iceberg": [database(left_out={"*": why})]})
    assert f"Nothing is in duckstring_dev__sales: {why}." in err


def test_without_the_option_nothing_is_said_of_iceberg(show: Shown) -> None:
    code, out, err = show()
    assert (code, "GLUE" in out, "Iceberg" in err) == (0, False, False)


def test_before_the_first_export_it_is_said_when_the_tables_come(show: Shown) -> None:
    for answer in ({**ANSWER, "iceberg": []}, {**ANSWER, "catalog": None, "iceberg": []}):
        assert "no Iceberg tables yet" in show(answer=answer)[2]


def test_a_repair_is_asked_for_and_said_what_comes(show: Shown) -> None:
    answer = {"seconds": 60, "iceberg": True}
    code, out, err = show("--repair", answer=answer)
    assert (code, out) == (0, "")
    assert "The lake and its Iceberg tables are compared" in err
    assert "begins in 60s" in err
    assert json.loads(show("--repair", "--json", answer=answer)[1]) == answer
    assert "The lake is compared" in show("--repair", answer={**answer, "iceberg": False})[2]
    code, _, err = show("--repair", "--sql")
    assert (code, err.startswith("error: --repair with --sql: not both.")) == (2, True)
    code, _, err = show("--note", "why")
    assert (code, err.startswith("error: --note without --repair.")) == (2, True)
    assert show("--repair", "--note", "Glue was restored", answer=answer)[0] == 0
