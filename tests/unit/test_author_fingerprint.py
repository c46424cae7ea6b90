"""Any change of a value is a change; the order of rows is none."""

import itertools

import pytest

from duckstring.author import fingerprint
from tests.unit.lake_kit import Disk

ALIKE = {
    "empty and no list": [
        "[]::INTEGER[]",
        "NULL::INTEGER[]",
        "[NULL]::INTEGER[]",
        "[0]",
        "[NULL, NULL]::INTEGER[]",
    ],
    "lists in lists": [
        "[[]]::INTEGER[][]",
        "[NULL]::INTEGER[][]",
        "[[], []]::INTEGER[][]",
        "[[NULL]]::INTEGER[][]",
        "[[1], []]",
        "[[], [1]]",
    ],
    "struct of nothing": ["{'a': NULL::INTEGER}", "NULL::STRUCT(a INTEGER)"],
    "struct of lists": [
        "{'a': []::INTEGER[]}",
        "{'a': NULL::INTEGER[]}",
        "NULL::STRUCT(a INTEGER[])",
    ],
    "maps": [
        "MAP {}::MAP(INTEGER, INTEGER)",
        "NULL::MAP(INTEGER, INTEGER)",
        "MAP {1: NULL::INTEGER}",
        "MAP {1: 2, 3: 4}",
        "MAP {1: 4, 3: 2}",
    ],
    "arrays": [
        "[NULL, NULL]::INTEGER[2]",
        "NULL::INTEGER[2]",
        "[1, 2]::INTEGER[2]",
        "[2, 1]::INTEGER[2]",
    ],
    "intervals": ["INTERVAL '1 month'", "INTERVAL '30 days'", "INTERVAL '720 hours'"],
    "zeros": ["0.0::DOUBLE", "'-0.0'::DOUBLE", "NULL::DOUBLE"],
    "nested zeros": ["[{'a': 0.0::FLOAT}]", "[{'a': '-0.0'::FLOAT}]", "[{'a': NULL::FLOAT}]"],
    "not numbers": ["'nan'::DOUBLE", "-('nan'::DOUBLE)", "'inf'::DOUBLE"],
    "wide decimals": [
        "0::DECIMAL(38,0)",
        "-1::DECIMAL(38,0)",
        "18446744073709551617::DECIMAL(38,0)",
    ],
    "swapped halves": ["1::HUGEINT", "18446744073709551616::HUGEINT"],
    "sums": ["0::HUGEINT", "-1::HUGEINT", "NULL::HUGEINT"],
    "uuids": [
        "'80000000-0000-0000-0000-000000000000'::UUID",
        "'80000001-0000-0000-0000-000100000000'::UUID",
    ],
    "text": ["''", "NULL::VARCHAR", "chr(0)", "'a'", "'a' || chr(0)"],
    "bytes and text": ["'a'::BLOB", "'a'::VARCHAR", "['a']", "['a'::BLOB]"],
    "widths": ["1::INTEGER", "1::BIGINT", "1::DOUBLE", "1::DECIMAL(9,2)", "1::DECIMAL(9,3)"],
    "members": [
        "union_value(a := 1)::UNION(a INTEGER, b INTEGER)",
        "union_value(b := 1)::UNION(a INTEGER, b INTEGER)",
    ],
    "no member": [
        "union_value(a := NULL::INTEGER)::UNION(a INTEGER, b INTEGER)",
        "NULL::UNION(a INTEGER, b INTEGER)",
    ],
    "offsets": ["'12:00:00+05'::TIMETZ", "'11:00:00+04'::TIMETZ", "'07:00:00+00'::TIMETZ"],
    "bits": ["'1'::BIT", "'01'::BIT"],
    "enums": ["'a'::ENUM('a')", "'a'::ENUM('a', 'b')", "'a'"],
}


@pytest.fixture
def disk(tmp_path):
    return Disk(tmp_path)


@pytest.mark.parametrize("case", ALIKE)
def test_values_that_look_alike_have_different_fingerprints(disk, case):
    alone = [disk.fingerprint(f"SELECT {value} AS v") for value in ALIKE[case]]
    beside = [disk.fingerprint(f"SELECT 1 AS id, {value} AS v, 'x' AS x") for value in ALIKE[case]]
    assert len({*alone, *beside}) == 2 * len(ALIKE[case])


ROWS = (
    "SELECT range AS n, range % 3 AS k, [range % 2] AS l, (range % 5)::DOUBLE AS d, (range * "
    "7)::HUGEINT AS h FROM range(20000)"
)


def test_the_order_of_rows_and_the_number_of_threads_change_nothing(disk):
    one = disk.fingerprint(ROWS)
    assert disk.fingerprint(f"{ROWS} ORDER BY hash(n)") == one
    disk.con.execute("SET threads = 4")
    assert disk.fingerprint(f"FROM ({ROWS}) ORDER BY n DESC") == one


def test_repeated_rows_values_names_and_types_count(disk):
    queries = [
        "SELECT 1 AS a",
        "SELECT 2 AS a",
        "SELECT 1 AS b",
        "SELECT 1::BIGINT AS a",
        "SELECT unnest([1, 1, 2]) AS a",
        "SELECT unnest([1, 2, 2]) AS a",
        "SELECT unnest([1, 1, 1]) AS a",
        "SELECT 1 AS a WHERE false",
    ]
    assert len({disk.fingerprint(query) for query in queries}) == len(queries)


def test_how_often_a_row_occurs_counts(disk):
    found = [disk.fingerprint(f"SELECT 1 AS a, [1] AS b FROM range({times})") for times in range(5)]
    assert len(set(found)) == 5


def test_values_that_change_places_between_rows_are_a_change(disk):
    """Columns' hashes are joined by XOR, and sums over XOR can cancel."""
    pairs = [
        "(1, 2), (3, 4)",
        "(1, 4), (3, 2)",
        "(2, 1), (4, 3)",
        "(1, 2), (1, 2)",
        "(1, 2), (3, 4), (3, 4)",
    ]
    found = {disk.fingerprint(f"FROM (VALUES {pair}) v(a, b)") for pair in pairs}
    assert len(found) == len(pairs)


def test_names_and_types_that_read_alike_joined_are_a_change(disk):
    one = disk.fingerprint('SELECT 1 AS "a INTEGER,b", 2 AS c')
    other = disk.fingerprint('SELECT 1 AS a, 2 AS "b INTEGER,c"')
    assert one != other


def test_a_fingerprint_of_the_release_before_equals_none(disk, monkeypatch):
    found = disk.fingerprint("SELECT 1 AS a")
    monkeypatch.setattr(fingerprint, "_SCHEME", 1)
    assert disk.fingerprint("SELECT 1 AS a") != found


def test_every_single_change_of_a_wide_row_is_seen(disk):
    kinds = {
        "i": ("1", "2"),
        "d": ("0.0::DOUBLE", "'-0.0'::DOUBLE"),
        "t": ("''", "NULL"),
        "s": ("{'a': NULL::INTEGER}", "NULL"),
    }
    found = set()
    for values in itertools.product(*kinds.values()):
        found.add(
            disk.fingerprint(
                "SELECT "
                + ", ".join(f"{value} AS {name}" for name, value in zip(kinds, values, strict=True))
            )
        )
    assert len(found) == 2 ** len(kinds)
