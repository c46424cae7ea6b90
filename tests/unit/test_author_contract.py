"""A published table may grow: more columns, types that hold all that the old ones held, and
first types of what was empty.
"""

import json
import re

import pytest

from duckstring.author.errors import ContractError
from tests.unit.lake_kit import Disk, shown

GROWS = [
    ("1::INTEGER", "3000000000::BIGINT"),
    ("1::TINYINT", "1::HUGEINT"),
    ("1::UINTEGER", "1::BIGINT"),
    ("1::UBIGINT", "1::HUGEINT"),
    ("1::UTINYINT", "1::UHUGEINT"),
    ("1::HUGEINT", "1::BIGNUM"),
    ("1.50::DECIMAL(9,2)", "12345678.90::DECIMAL(12,2)"),
    ("1.50::DECIMAL(9,2)", "1.5::DECIMAL(10,3)"),
    ("1::INTEGER", "1::DECIMAL(12,2)"),
    ("1::DECIMAL(38,0)", "1::HUGEINT"),
    ("1::DECIMAL(9,0)", "1::INTEGER"),
    ("1.5::FLOAT", "1.5::DOUBLE"),
    ("1::INTEGER", "1::DOUBLE"),
    ("1::SMALLINT", "1::FLOAT"),
    ("DATE '2026-01-01'", "TIMESTAMP '2026-01-01'"),
    ("DATE '2026-01-01'", "'2026-01-01'::TIMESTAMP_S"),
    ("'2026-01-01'::TIMESTAMP_S", "'2026-01-01'::TIMESTAMP_MS"),
    ("'2026-01-01'::TIMESTAMP_MS", "TIMESTAMP '2026-01-01'"),
    ("TIME '12:00:00'", "'12:00:00'::TIME_NS"),
    ("'a'::ENUM('a', 'b')", "'a'::ENUM('a', 'x', 'b')"),
    ("'a'::ENUM('a', 'b')", "'a'"),
    ("'1'::JSON", "'1'"),
    ("[1, 2]::INTEGER[2]", "[1, 2, 3]::BIGINT[]"),
    ("[1]::INTEGER[]", "[1]::BIGINT[]"),
    ("{'a': 1}", "{'a': 1::BIGINT, 'b': 'new'}"),
    ("[{'a': {'b': 1}}]", "[{'z': 0, 'a': {'b': 1::BIGINT}}]"),
    ("MAP {1: 1::FLOAT}", "MAP {1::BIGINT: 1::DOUBLE}"),
    ("union_value(a := 1)", "union_value(a := 1::BIGINT)::UNION(a BIGINT, b VARCHAR)"),
]
BREAKS = [
    ("1::BIGINT", "1::INTEGER", "v"),
    ("1::BIGINT", "1::DOUBLE", "v"),
    ("1::INTEGER", "1::FLOAT", "v"),
    ("1::INTEGER", "1::UINTEGER", "v"),
    ("1::UBIGINT", "1::BIGINT", "v"),
    ("1::INTEGER", "1::DECIMAL(9,0)", "v"),
    ("1.5::DECIMAL(9,2)", "1.5::DECIMAL(12,1)", "v"),
    ("1.5::DECIMAL(9,2)", "1.5::DECIMAL(9,3)", "v"),
    ("1.5::DECIMAL(9,2)", "1.5::DOUBLE", "v"),
    ("1.5::DOUBLE", "1.5::FLOAT", "v"),
    ("1", "'1'", "v"),
    ("'a'", "'a'::ENUM('a')", "v"),
    ("'1'", "'1'::JSON", "v"),
    ("'a'::ENUM('a', 'b')", "'a'::ENUM('b', 'a')", "v"),
    ("'a'::ENUM('a', 'b')", "'a'::ENUM('a')", "v"),
    ("TIMESTAMP '2026-01-01'", "DATE '2026-01-01'", "v"),
    ("DATE '2026-01-01'", "'2026-01-01'::TIMESTAMP_NS", "v"),
    ("TIMESTAMP '2026-01-01'", "'2026-01-01'::TIMESTAMPTZ", "v"),
    ("true", "1", "v"),
    ("[1, 2]::INTEGER[2]", "[1, 2, 3]::INTEGER[3]", "v"),
    ("[1]", "[1]::INTEGER[1]", "v"),
    ("[1::BIGINT]", "[1::INTEGER]", "v[]"),
    ("{'a': 1, 'b': 2}", "{'a': 1}", "v.b"),
    ("{'a': {'b': 'x'}}", "{'a': {'b': 1}}", "v.a.b"),
    ("MAP {'k': 'x'}", "MAP {'k': 1}", "v.value"),
    ("[]::INTEGER[]", "'text'", "v"),
    ("{'a': NULL}", "'text'", "v"),
]


@pytest.fixture
def disk(tmp_path):
    return Disk(tmp_path)


@pytest.mark.parametrize(("old", "new"), GROWS)
def test_widening_without_loss_is_growth_and_the_way_back_is_none(disk, old, new):
    first = disk.write(f"SELECT {old} AS v")
    second = disk.write(f"SELECT {new} AS v", first)
    assert shown(disk.read(second)) == shown(disk.con.sql(f"SELECT {new} AS v"))
    with pytest.raises(ContractError):
        disk.write(f"SELECT {old} AS v", second)


@pytest.mark.parametrize(("old", "new", "path"), BREAKS)
def test_whatever_may_lose_is_a_breach_that_stores_nothing(disk, old, new, path):
    first = disk.write(f"SELECT {old} AS v")
    before = disk.files()
    with pytest.raises(ContractError) as refused:
        disk.write(f"SELECT {new} AS v", first)
    assert (
        f"Table 't' would break what this major version has published: column '{path}' "
        in refused.value.message
    )
    assert "raise the major version" in refused.value.hint
    assert disk.files() == before


def test_a_dropped_column_is_a_breach(disk):
    with pytest.raises(ContractError, match="column 'b' is dropped"):
        disk.write("SELECT 1 AS a", disk.write("SELECT 1 AS a, NULL AS b"))


@pytest.mark.parametrize(
    ("empty", "first"),
    [
        ("NULL", "'SPRING'"),
        ("NULL::VARCHAR", "1.5"),
        ("[NULL]", "['x']"),
        ("[]", "[DATE '2026-01-01']"),
        ("NULL::INTEGER[]", "'text'"),
        ("{'a': NULL, 'b': 1}", "{'a': 'x', 'b': 1}"),
        ("{'a': {'c': NULL}, 'b': 1}", "{'a': {'c': ['x']}, 'b': 1}"),
        ("{'a': NULL::STRUCT(c INTEGER), 'b': 1}", "{'a': 'x', 'b': 1}"),
        ("NULL::STRUCT(a INTEGER)", "7"),
        ("MAP {'k': NULL}", "MAP {'k': 'x'}"),
        ("NULL::HUGEINT", "'x'"),
        ("NULL::INTERVAL", "'x'"),
        ("NULL::UNION(a INTEGER)", "'x'"),
    ],
)
def test_what_never_held_a_value_takes_its_first_type_and_keeps_it(disk, empty, first):
    version = None
    for _ in range(3):
        version = disk.write(f"SELECT 1 AS id, {empty} AS v", version)
    version = disk.write(f"SELECT 1 AS id, {first} AS v", version)
    assert shown(disk.read(version)) == shown(disk.con.sql(f"SELECT 1 AS id, {first} AS v"))
    for _ in range(2):  # empty again: it has its type now
        version = disk.write(f"SELECT 1 AS id, CASE WHEN false THEN {first} END AS v", version)
    with pytest.raises(ContractError):
        disk.write("SELECT 1 AS id, '12:00:00'::TIMETZ AS v", version)


@pytest.mark.parametrize(
    "held",
    [
        "[NULL, {'a': 1}]",
        "[{'b': {'a': 1}}, NULL, NULL]",
        "MAP {'k': NULL, 'l': {'a': 1}}",
        "[[NULL, {'a': INTERVAL '1 month'}]]",
        "{'l': [NULL, {'a': 1::HUGEINT}]}",
    ],
)
def test_a_value_beside_a_null_struct_in_a_list_has_a_type_that_stays(disk, held):
    version = disk.write(f"SELECT {held} AS v")
    other = re.sub(r"('a': )[^}]+", r"\1'2026-01-01'::DATE", held)
    with pytest.raises(ContractError):
        disk.write(f"SELECT {other} AS v", version)


def test_a_table_without_rows_pins_no_types(disk):
    empty = disk.write("SELECT '1' AS id, 'x' AS day WHERE false")
    assert disk.types(disk.write("SELECT 1 AS id, DATE '2026-01-01' AS day", empty)) == [
        "INTEGER",
        "DATE",
    ]


def test_a_column_without_values_keeps_the_type_that_it_has(disk):
    """An empty CSV is all text, an empty column of a frame anything: nothing of it breaks the
    contract.
    """
    first = disk.write("SELECT 1 AS id, 'SPRING' AS code, 5::HUGEINT AS total, {'a': 1} AS s")
    second = disk.write("SELECT '1' AS id, NULL AS code, 'x' AS total, 'y' AS s WHERE false", first)
    assert disk.types(second) == disk.types(first)
    third = disk.write("SELECT 2 AS id, NULL AS code, NULL AS total, NULL AS s", second)
    assert disk.types(third) == disk.types(first)
    with pytest.raises(ContractError, match="column 'code' was VARCHAR and would be INTEGER"):
        disk.write(
            (
                "SELECT 2 AS id, CASE WHEN range = 9999 THEN 1 END AS code, NULL AS total, NULL "
                "AS s "
                "FROM range(10000)"
            ),
            third,
        )


def stored_before(disk, sql):
    """As the release before stored it: it said nothing of types, and cast top-level sums only."""
    version = disk.write("SELECT 1 AS placeholder")
    disk.con.execute(
        f"COPY ({sql}) TO '{disk.root / version.key}' (FORMAT parquet, COMPRESSION zstd)"
    )
    return version


@pytest.mark.parametrize(
    "value",
    ["1::BIGNUM", "'a'::ENUM('a')", "'101'::BIT", "[1::HUGEINT]", "{'h': 1::HUGEINT}",
     "[1, 2]::INTEGER[2]", "union_value(a := 1)", "'2026-01-01'::TIMESTAMP_S",
     "'12:00:00'::TIME_NS", "INTERVAL '1 month'", "'12:00:00+01'::TIMETZ",
     "'POINT (1 2)'::GEOMETRY", "1::BIGINT", "'x'"],
)  # fmt: skip
def test_the_same_code_goes_on_after_an_upgrade(disk, value):
    before = stored_before(disk, f"SELECT {value} AS v")
    after = disk.write(f"SELECT {value} AS v", before)
    assert shown(disk.read(after)) == shown(disk.con.sql(f"SELECT {value} AS v"))


def test_sums_of_the_release_before_grow_to_their_own_type(disk):
    before = stored_before(disk, "SELECT 7::DECIMAL(38,0) AS total")
    assert disk.types(disk.write("SELECT sum(range) AS total FROM range(3)", before)) == ["HUGEINT"]


def test_what_the_release_before_stored_empty_takes_its_first_type(disk):
    before = stored_before(disk, "SELECT 1 AS id, NULL AS code")
    assert disk.types(disk.write("SELECT 1 AS id, 'SPRING' AS code", before)) == [
        "INTEGER",
        "VARCHAR",
    ]
    with pytest.raises(ContractError):
        disk.write("SELECT 'x' AS id, 'SPRING' AS code", before)


def test_a_file_says_what_its_columns_are_and_nothing_where_they_are_what_they_seem(disk):
    first = disk.write("SELECT 1 AS id, 2::HUGEINT AS total")
    second = disk.write("SELECT 1 AS id, 2::HUGEINT AS total", first)
    said = [
        json.loads(
            disk.con.execute(
                f"SELECT value FROM parquet_kv_metadata('{disk.root / version.key}')"
            ).fetchone()[0]
        )
        for version in (first, second)
    ]
    assert said == [
        {"types": {"total": "HUGEINT"}, "filled": []},
        {"types": {"total": "HUGEINT"}, "filled": ["id", "total"]},
    ]
