"""Which runs wrote the rows of a table that is added to: against histories that are known."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pytest

from duckstring_cli import bucket, origins, reading
from duckstring_cli.catchments import Catchment
from duckstring_cli.errors import BadInputError
from duckstring_cli.origins import Origin, find_origins
from tests.unit.parts_kit import Sandbox

DEV = Catchment(name="dev", kind="local", stack="Duckstring-dev", region="us-east-1", port=1)


@pytest.fixture(autouse=True)
def on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """The objects lie in a folder."""
    monkeypatch.setattr(reading, "address", lambda _, uri: uri)
    monkeypatch.setattr(reading, "open_s3", lambda *_: None)
    monkeypatch.setattr(bucket, "reach", lambda _: None)


@pytest.fixture
def sales(tmp_path: Path) -> Sandbox:
    return Sandbox(tmp_path)


def row_of(sales: Sandbox, table: str = "t") -> Any:
    version = sales.tables[table]
    return {
        "table": table,
        "uri": "" if version.parts else str(sales.path(version)),
        "merge_key": list(version.merge_key),
        "parts": [
            {
                "uri": str(sales.path(version, part)),
                "rows": part.rows,
                "bytes": part.bytes,
                "kind": part.kind,
                "use": part.use,
            }
            for part in version.parts
        ],
    }


def found_in(sales: Sandbox, where: str | None = None) -> list[tuple[int, int, bool]]:
    found = find_origins(DEV, row_of(sales), where)
    return [(int(one.writer.partition("-")[0]), one.rows, one.is_exact) for one in found]


def append(sales: Sandbox, *values: int) -> None:
    rows = ", ".join(f"({value})" for value in values)
    sales.ran(lambda pond: pond.append_table("t", f"SELECT * FROM (VALUES {rows}) v(n)"))


def merge(sales: Sandbox, changes: dict[int, int], *, delete: tuple[int, ...] = ()) -> None:
    rows = ", ".join(f"({key}, {value})" for key, value in changes.items()) or "(0, 0)"
    gone = ", ".join(f"({key})" for key in delete)
    sales.ran(
        lambda pond: pond.merge_table(
            "t",
            f"SELECT * FROM (VALUES {rows}) v(id, n){'' if changes else ' LIMIT 0'}",
            key=["id"],
            delete=f"SELECT * FROM (VALUES {gone}) v(id)" if gone else None,
        )
    )


def test_a_table_that_was_written_whole_is_of_one_attempt(sales: Sandbox) -> None:
    sales.ran(lambda pond: pond.write_table("t", "SELECT range AS n FROM range(5)"))
    assert find_origins(DEV, row_of(sales), "n > 2") == [Origin("1-load-1", 2, is_exact=True)]
    assert found_in(sales, "n > 7") == []


def test_appended_rows_are_counted_by_the_run_that_appended_them(sales: Sandbox) -> None:
    append(sales, 1, 2, 3)
    append(sales, 3, 4)
    assert found_in(sales) == [(1, 3, True), (2, 2, True)]
    assert found_in(sales, "n = 3") == [(1, 1, True), (2, 1, True)]
    assert found_in(sales, "n = 4") == [(2, 1, True)]


def test_of_rows_that_were_folded_no_more_is_said_than_the_parts_tell(sales: Sandbox) -> None:
    """Eight parts are kept as news. What was folded before them is not told apart."""
    for run in range(1, 30):
        append(sales, run, 7)
    found = found_in(sales, "n = 7")
    assert sum(rows for _, rows, _ in found) == 30  # run 7 appended two
    assert not all(exact for _, _, exact in found)
    assert all(rows == 1 for _, rows, exact in found if exact)
    assert found_in(sales, "n = 29") == [(29, 1, True)]


def test_rows_of_each_folded_object_are_told_apart_by_the_parts_that_went_into_it(
    sales: Sandbox,
) -> None:
    """A large object stays as it is, and small ones behind it are folded among themselves."""
    noise = "SELECT (hash(range + 10000 * {}) % 1000000007)::BIGINT + 10 AS n FROM range(9000)"
    for run in range(1, 10):
        rows = f"{noise.format(run)} UNION ALL SELECT 1"
        sales.ran(lambda pond, rows=rows: pond.append_table("t", rows))
    for _ in range(9):
        append(sales, 1)
    assert [part.use for part in sales.tables["t"].live].count("base") > 1
    found = found_in(sales, "n = 1")
    assert sum(rows for _, rows, _ in found) == 18
    assert {rows for _, rows, exact in found if exact} == {1}
    assert all(rows > 0 for _, rows, _ in found)


def test_rows_that_another_engine_has_written_are_of_the_attempt_that_adopted_them(
    sales: Sandbox, tmp_path: Path
) -> None:
    append(sales, 1)
    append(sales, 2)
    row = row_of(sales)
    for number in (0, 1):
        file = tmp_path / f"data/sales@1/t/0000000009-write-2-x/eu/data/part-{number}.parquet"
        file.parent.mkdir(parents=True, exist_ok=True)
        duckdb.sql(f"SELECT {number + 2} AS n").write_parquet(str(file))
        part = {"uri": str(file), "rows": 1, "bytes": 1, "kind": "rows", "use": "base"}
        row["parts"].insert(number, part)
    assert find_origins(DEV, row, "n = 2") == [
        Origin("2-load-1", 1, is_exact=True),
        Origin("9-write-2", 1, is_exact=True),
    ]


def test_a_merged_row_is_that_of_its_last_change(sales: Sandbox) -> None:
    merge(sales, {1: 10, 2: 10, 3: 10})
    merge(sales, {2: 20, 4: 20, 1: 10})  # what stays as it is, is no change
    merge(sales, {4: 21}, delete=(3,))
    merge(sales, {3: 30})
    assert found_in(sales) == [(1, 1, True), (2, 1, True), (3, 1, True), (4, 1, True)]
    assert found_in(sales, "id = 1") == [(1, 1, True)]
    assert found_in(sales, "id = 4") == [(3, 1, True)]
    assert found_in(sales, "n = 20") == [(2, 1, True)]  # as it is now, not as it was


@pytest.mark.parametrize("seed", range(6))
def test_no_claim_is_untrue_over_random_histories(sales: Sandbox, seed: int) -> None:
    """An exact claim has at most the rows that the run wrote; the rest are of runs up to theirs."""
    chance = random.Random(seed)
    merges, truth = seed % 2 == 0, {}
    for step in range(1, 34):
        if merges:
            some = {chance.randrange(12): chance.randrange(3) for _ in range(chance.randrange(4))}
            gone = tuple({chance.randrange(12) for _ in range(chance.randrange(2))} - some.keys())
            merge(sales, some, delete=gone)
            held = {key: value for key, (value, _) in truth.items()}
            truth |= {
                key: (value, sales.run) for key, value in some.items() if held.get(key) != value
            }
            for key in gone:
                truth.pop(key, None)
        else:
            values = [chance.randrange(3) for _ in range(chance.randrange(1, 4))]
            append(sales, *values)
            truth |= {(step, place): (value, step) for place, value in enumerate(values)}
        if "t" in sales.tables and step % 3 == 0:
            check(sales, [(run, value) for value, run in truth.values()])
    assert any(part.use == "base" for part in sales.tables["t"].parts)


def check(sales: Sandbox, rows: list[tuple[int, int]]) -> None:
    for where, wanted in ((None, {0, 1, 2}), ("n = 1", {1})):
        true = Counter(run for run, value in rows if value in wanted)
        found = found_in(sales, where)
        assert sum(count for _, count, _ in found) == true.total()
        for run, count, exact in found:
            assert not exact or count <= true[run]
        true.subtract({run: count for run, count, exact in found if exact})
        for last in {run for run, _, _ in found}:
            claimed = sum(count for run, count, exact in found if not exact and run <= last)
            assert claimed <= sum(count for run, count in true.items() if run <= last)


def test_columns_that_lie_in_another_form_are_compared_as_they_were_written(
    sales: Sandbox,
) -> None:
    sql = "SELECT i AS id, INTERVAL (i) DAY AS n FROM range({}, {}) r(i)"
    sales.ran(lambda pond: pond.append_table("t", sql.format(0, 3)))
    sales.ran(lambda pond: pond.append_table("t", sql.format(3, 5)))
    assert found_in(sales, "n >= INTERVAL 2 DAY") == [(1, 1, True), (2, 2, True)]


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("nope = 1", '--where: Binder Error: Referenced column "nope" not found'),
        ("n = 'x'", "--where: Conversion Error: Could not convert string 'x'"),
        ("sum(n) > 1", "--where: Binder Error: WHERE clause cannot contain aggregates"),
        ("other.n = 1", "--where: Binder Error: Referenced table"),
        ("nope(n)", "--where: Catalog Error: Scalar Function with name nope does not exist"),
    ],
)
def test_a_condition_that_does_not_fit_is_one_line(sales: Sandbox, where: str, said: str) -> None:
    append(sales, 1)
    with pytest.raises(BadInputError) as found:
        find_origins(DEV, row_of(sales), where)
    assert found.value.message.startswith(said)
    assert "\n" not in found.value.message
    assert found.value.hint == "Columns of t: n."


def test_the_table_may_be_named_in_the_condition(sales: Sandbox) -> None:
    append(sales, 1, 2)
    assert found_in(sales, "t.n = 2 -- the second") == [(1, 1, True)]


def test_files_are_read_by_no_condition(sales: Sandbox) -> None:
    append(sales, 1)
    for where in ("getenv('HOME') = 'x'", "read_text('/etc/passwd') IS NULL"):
        with pytest.raises(BadInputError):
            find_origins(DEV, row_of(sales), where)
    assert origins.find_origins(DEV, row_of(sales), "true")
