"""Two versions of a table, compared: against histories that are known."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pytest

from duckstring.errors import OperatorError
from duckstring_cli import diffing
from duckstring_cli.errors import BadInputError
from tests.unit.cli.versions_kit import DEV, append, merge, on_disk, sales, write
from tests.unit.parts_kit import Sandbox

__all__ = ["on_disk", "sales"]


def compare(before: Any, after: Any, **how: Any) -> diffing.Difference:
    return diffing.compare(DEV, (before, after), "t", **how)


def counts(told: diffing.Difference) -> tuple[int, int, int]:
    return told["added"], told["removed"], told["changed"]


def rows_in(told: diffing.Difference) -> list[tuple[Any, ...]]:
    return [(one["kind"], one["times"], one["before"], one["after"]) for one in told["sample"]]


def test_rows_without_a_key_are_compared_as_wholes_and_counted_as_often_as_they_are_there(
    sales: Sandbox,
) -> None:
    first = write(sales, "SELECT * FROM (VALUES (1, 'a'), (2, 'b'), (2, 'b'), (3, NULL)) v(n, w)")
    second = write(sales, "SELECT * FROM (VALUES (2, 'b'), (3, NULL), (4, 'x'), (4, 'x')) v(n, w)")
    told = compare(first, second)
    assert counts(told) == (2, 2, 0)
    assert rows_in(told) == [
        ("added", 2, None, ["4", "x"]),
        ("removed", 1, ["1", "a"], None),
        ("removed", 1, ["2", "b"], None),
    ]
    assert (told["before"]["run"], told["after"]["run"]) == ("sales@1/1", "sales@1/2")
    assert told["schema"] == []


def test_with_a_key_a_row_of_which_something_differs_is_changed(sales: Sandbox) -> None:
    first = write(
        sales,
        "SELECT * FROM (VALUES (1, 'a', 5.0), (2, 'b', 6.0), (3, 'c', 7.0), (NULL, 'z', 0.0)) "
        "v(n, w, x)",
    )
    second = write(
        sales,
        "SELECT * FROM (VALUES (2, 'B', 6.0), (3, 'C', 7.5), (4, 'd', 8.0), (NULL, 'z', 0.0)) "
        "v(n, w, x)",
    )
    told = compare(first, second, key=["n"])
    assert counts(told) == (1, 1, 2)
    assert rows_in(told) == [
        ("added", 1, None, ["4", "d", "8.0"]),
        ("removed", 1, ["1", "a", "5.0"], None),
        ("changed", 1, ["2", "b", "6.0"], ["2", "B", "6.0"]),
        ("changed", 1, ["3", "c", "7.0"], ["3", "C", "7.5"]),
    ]
    assert [(one["name"], one["changed"]) for one in told["columns"]] == [
        ("n", 0),
        ("w", 2),
        ("x", 1),
    ]


def test_a_table_that_is_merged_into_is_compared_by_its_merge_key(sales: Sandbox) -> None:
    first = merge(sales, {1: 10, 2: 20, 3: 30})
    second = merge(sales, {2: 21, 4: 40}, delete=(3,))
    told = compare(first, second)
    assert told["key"] == ["id"]
    assert rows_in(told) == [
        ("added", 1, None, ["4", "40"]),
        ("removed", 1, ["3", "30"], None),
        ("changed", 1, ["2", "20"], ["2", "21"]),
    ]
    back = compare(second, first)
    assert (counts(told), counts(back)) == ((1, 1, 1), (1, 1, 1))
    assert rows_in(back)[2] == ("changed", 1, ["2", "21"], ["2", "20"])


@pytest.mark.parametrize("merges", [True, False])
def test_of_objects_that_both_versions_have_no_row_is_read(sales: Sandbox, merges: bool) -> None:
    """The rows of the first object cannot be read, only its end."""
    if merges:
        merge(sales, {one: one for one in range(1000)})
        second, third = merge(sales, {2: 9}), merge(sales, {2: 10, 2000: 5}, delete=(7,))
    else:
        append(sales, *range(1000))
        second, third = append(sales, 9), append(sales, 10)
    version = sales.tables["t"]
    first = sales.path(version, version.parts[0])
    data = first.read_bytes()
    first.write_bytes(data[:4] + b"\xff" * 1000 + data[1004:])
    assert counts(compare(second, third)) == ((1, 1, 1) if merges else (1, 0, 0))
    assert counts(compare(third, second)) == ((1, 1, 1) if merges else (0, 1, 0))
    with pytest.raises(OperatorError):
        compare({**second, "tables": [part_of(second)]}, third)


def part_of(snapshot: Any) -> Any:
    """The table as if its objects had been written by others: none is shared."""
    (row,) = snapshot["tables"]
    part = Path(row["parts"][-1]["uri"])
    other = part.with_name("other.parquet")
    other.write_bytes(part.read_bytes())
    return {**row, "parts": [{**row["parts"][-1], "uri": str(other), "kind": "rows"}]}


def test_columns_that_came_went_and_changed_are_named_and_rows_compared_by_the_others(
    sales: Sandbox,
) -> None:
    first = write(sales, "SELECT range::INTEGER AS n, 'w' AS gone, range AS t FROM range(3)")
    sales.tables.clear()
    second = write(
        sales, "SELECT range::BIGINT AS n, 1.5 AS came, range::VARCHAR AS t FROM range(4)"
    )
    told = compare(first, second)
    assert told["schema"] == [
        {"column": "n", "before": "INTEGER", "after": "BIGINT"},
        {"column": "came", "before": None, "after": "DECIMAL(2,1)"},
        {"column": "t", "before": "BIGINT", "after": "VARCHAR"},
        {"column": "gone", "before": "VARCHAR", "after": None},
    ]
    assert rows_in(told) == [("added", 1, None, ["3", "3"])]


def test_versions_without_a_column_in_common_have_no_row_in_common(sales: Sandbox) -> None:
    first = write(sales, "SELECT range AS a FROM range(3)")
    sales.tables.clear()
    second = write(sales, "SELECT range AS b FROM range(4)")
    assert counts(compare(first, second)) == (4, 3, 0)


def test_a_table_that_only_one_snapshot_has_is_new_or_gone(sales: Sandbox) -> None:
    nothing = {**write(sales, "SELECT 1 AS n"), "tables": []}
    there = write(sales, "SELECT range AS n FROM range(5)")
    told = compare(nothing, there)
    assert counts(told) == (5, 0, 0)
    assert (told["before"]["rows"], told["after"]["rows"]) == (None, 5)
    assert told["schema"] == [{"column": "n", "before": None, "after": "BIGINT"}]
    assert counts(compare(there, nothing)) == (0, 5, 0)
    with pytest.raises(OperatorError, match="publishes no tables"):
        compare(nothing, nothing)


def test_a_version_and_itself_are_the_same(sales: Sandbox) -> None:
    once = append(sales, 1, 1, 2)
    assert counts(compare(once, once)) == (0, 0, 0)


@pytest.mark.parametrize("seed", range(8))
def test_over_random_histories_the_difference_is_that_of_all_rows(
    sales: Sandbox, seed: int
) -> None:
    """Appends or merges, folded more than once: behind a large object that stays as it is, or
    with a table that begins anew.
    """
    chance, merges = random.Random(seed), seed % 2 == 0
    held: dict[int, int] = {}
    bag: list[int] = []
    if seed < 4:
        large = {100 + at: chance.randrange(2**60) for at in range(2000)}
        held, bag = (large, bag) if merges else (held, [*large.values()])
        merge(sales, large) if merges else append(sales, *bag)
    states: list[tuple[Any, Counter[tuple[int, ...]]]] = []
    for step in range(24):
        if step == 13 and seed >= 6:  # a whole version has no object in common with those before
            sales.tables.clear()
            held, bag = {}, []
        if merges:
            some = {chance.randrange(9): chance.randrange(4) for _ in range(chance.randrange(4))}
            gone = tuple({chance.randrange(9) for _ in range(chance.randrange(3))} - some.keys())
            snapshot = merge(sales, some, delete=gone)
            held = {k: v for k, v in {**held, **some}.items() if k not in gone}
            states.append((snapshot, Counter(held.items())))
        else:
            values = [chance.randrange(4) for _ in range(chance.randrange(1, 4))]
            snapshot = append(sales, *values)
            bag = [*bag, *values]
            states.append((snapshot, Counter((value,) for value in bag)))
    assert seed >= 6 or any(part.use == "base" for part in sales.tables["t"].parts)
    there = [one for one in states if one[0]["tables"]]
    for _ in range(12):
        (before, old), (after, new) = chance.choice(there), chance.choice(there)
        expected = _merged(old, new) if merges else (_total(new - old), _total(old - new), 0)
        assert counts(compare(before, after)) == expected


def _total(rows: Counter[tuple[int, ...]]) -> int:
    return sum(rows.values())


def _merged(old: Counter[tuple[int, ...]], new: Counter[tuple[int, ...]]) -> tuple[int, int, int]:
    before, after = dict(old.keys()), dict(new.keys())  # type: ignore[arg-type]
    both = before.keys() & after.keys()
    return (
        len(after.keys() - both),
        len(before.keys() - both),
        sum(before[one] != after[one] for one in both),
    )


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (["nope"], "there is no column 'nope' in both versions; they have n, w"),
        (["w"], r"w is no key of 't' in sales@1/1: 1 of its values have several rows"),
        (["N"], "there is no column 'N'"),
        (['n" OR 1=1 --'], "there is no column"),
    ],
)
def test_a_key_that_is_none_is_refused(sales: Sandbox, key: list[str], said: str) -> None:
    first = write(sales, "SELECT range AS n, 'w' AS w FROM range(3)")
    second = write(sales, "SELECT range AS n, 'v' || range AS w FROM range(3)")
    with pytest.raises(BadInputError, match=said):
        compare(first, second, key=key)


def test_the_sample_is_bounded_in_rows_and_in_each_cell(sales: Sandbox) -> None:
    first = write(sales, "SELECT range AS n, '' AS w FROM range(0)")
    second = write(sales, "SELECT range AS n, repeat('é', 5000) AS w FROM range(900)")
    told = compare(first, second, sample=10**9)
    assert (told["added"], len(told["sample"])) == (900, diffing.MOST_SAMPLE)
    assert told["sample"][0]["after"] == ["0", "é" * 1000 + "…"]
    assert len(compare(first, second, sample=0)["sample"]) == 1


ODD = {
    "list": "[range, NULL]",
    "struct": "{{'a': range, 'b': 'x'}}",
    "map": "MAP {{'a': range}}",
    "interval": "to_days(range::INTEGER)",
    "json": "to_json(range)",
    "double": "CASE range WHEN {0} THEN 'nan'::DOUBLE ELSE range END",
    "huge": "range::HUGEINT * 100000000000000000000",
    "blob": "('a' || range)::BLOB",
    "hour": "TIMESTAMPTZ '2030-01-01 12:00:00+01' + to_hours(range::INTEGER)",
}


@pytest.mark.parametrize("sql", ODD.values(), ids=ODD)
def test_values_of_every_type_are_compared(sales: Sandbox, sql: str) -> None:
    first = write(sales, f"SELECT range AS id, {sql.format(1)} AS v FROM range(3)")
    second = write(sales, f"SELECT range AS id, {sql.format(1)} AS v FROM range(1, 4)")
    assert counts(compare(first, second)) == (1, 1, 0)
    assert counts(compare(first, second, key=["id"])) == (1, 1, 0)
    assert counts(compare(first, second, key=["v"])) == (1, 1, 0)


def test_odd_names_of_columns_stay_what_they_are(sales: Sandbox) -> None:
    names = ('"a ""b"""', '"times"', '"side"', '"kind"', '"here"', '"r"', '"c0"', '"x.y"')
    columns = ", ".join(f"range + {at} AS {name}" for at, name in enumerate(names))
    first = write(sales, f"SELECT {columns} FROM range(2)")
    second = write(sales, f"SELECT {columns} FROM range(1, 3)")
    assert counts(compare(first, second)) == (1, 1, 0)
    told = compare(first, second, key=["here", 'a "b"'])
    assert counts(told) == (1, 1, 0)
    assert [one["name"] for one in told["columns"]][:3] == ["here", 'a "b"', "times"]


def test_too_little_memory_and_disk_is_said(
    sales: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diffing, "_MEMORY", "8MB")
    monkeypatch.setattr(diffing, "_DISK", "1KB")
    first = write(sales, "SELECT range AS n, 'row ' || range AS w FROM range(400000)")
    second = write(sales, "SELECT range + 1 AS n, 'row ' || range AS w FROM range(400000)")
    with pytest.raises(OperatorError, match="needs more than 8MB of memory and 1KB of disk"):
        compare(first, second)


def test_an_object_that_is_gone_is_one_clear_line(sales: Sandbox) -> None:
    first = write(sales, "SELECT 1 AS n")
    second = write(sales, "SELECT 2 AS n")
    Path(first["tables"][0]["uri"]).write_bytes(b"not Parquet\n" * 9)
    with pytest.raises(OperatorError, match=r"No magic bytes|too small|not a") as refused:
        compare(first, second)
    assert "\n" not in refused.value.message


def test_the_work_can_be_ended(sales: Sandbox) -> None:
    """Whoever runs it has the connection before anything is read."""
    first, second = write(sales, "SELECT 1 AS n"), write(sales, "SELECT 2 AS n")

    def ended(con: duckdb.DuckDBPyConnection, act: Any) -> Any:
        con.close()
        return act()

    with pytest.raises((OperatorError, duckdb.Error)):
        compare(first, second, guard=ended)


def test_a_table_of_very_many_columns_is_refused_at_once(sales: Sandbox) -> None:
    wide = "SELECT " + ", ".join(f"{{}} AS c{n}" for n in range(501))
    with pytest.raises(OperatorError, match="has 501 columns; a comparison takes at most 500"):
        compare(write(sales, wide.format(*[1] * 501)), write(sales, wide.format(*[2] * 501)))
