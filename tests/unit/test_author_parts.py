"""``append_table``, ``merge_table`` and ``read_delta``: what they store, and what they refuse."""

from __future__ import annotations

import duckdb
import pytest

from duckstring.author.errors import (
    ContractError,
    NotPublishedError,
    SourceNotFoundError,
    TableNotFoundError,
    WriteError,
)
from duckstring.errors import TransientError
from duckstring.model.catalog import Part, TableVersion
from duckstring.model.names import Line
from duckstring.model.parts import MOST_PARTED
from duckstring.model.values import replace
from tests.unit.parts_kit import Sandbox, rows_of

ORDERS = (
    "SELECT i::INTEGER AS id, 'n' || i AS name, (i * 1.5)::DECIMAL(10,2) AS price "
    "FROM range({}) r(i)"
)


@pytest.fixture
def sales(tmp_path):
    return Sandbox(tmp_path)


@pytest.fixture
def reports(sales):
    return Sandbox(sales.root, Line("reports@1"), sources={"sales": sales})


def refused(work, kind=WriteError):
    with pytest.raises(kind) as found:
        work()
    error = found.value
    assert "\n" not in error.message
    return error.message, error.hint


def delta(reports, ref="sales.orders", **more):
    """What the next run takes."""
    return reports.ran(lambda pond: rows_of(pond.read_delta(ref, **more)))


def is_full(reports, ref="sales.orders"):
    return reports.attempt(again=True).delta_is_full(ref)


def objects(sales):
    return sorted(file.name for file in sales.root.rglob("*.parquet"))


def test_appended_rows_are_an_object_of_their_own(sales):
    sales.ran(lambda pond: pond.append_table("orders", ORDERS.format(1000)))
    (base,) = objects(sales)
    sales.ran(lambda pond: pond.append_table("orders", ORDERS.format(2)))
    version = sales.tables["orders"]
    assert len(objects(sales)) == 2
    assert (version.rows, [one.rows for one in version.parts]) == (1002, [1000, 2])
    assert version.bytes == sum(one.bytes for one in version.parts)
    assert version.parts[0].file == base.removesuffix(".parquet")
    assert sales.attempt().read_table("orders").aggregate("count(*)").fetchone() == (1002,)


def test_columns_may_come_in_any_order_and_of_types_that_the_tables_hold(sales):
    sales.ran(lambda pond: pond.append_table("orders", ORDERS.format(1)))
    sales.ran(
        lambda pond: pond.append_table(
            "orders", "SELECT 9.25::DECIMAL(4,2) AS PRICE, 7::TINYINT AS id, NULL AS name"
        )
    )
    pond = sales.attempt()
    assert rows_of(pond.read_table("orders").filter("id = 7")) == [(7, None, 9.25)]
    assert pond.read_table("orders").columns == ["id", "name", "price"]
    assert [str(one) for one in pond.read_table("orders").types] == [
        "INTEGER",
        "VARCHAR",
        "DECIMAL(10,2)",
    ]


def test_types_that_a_file_keeps_in_another_form_come_back_from_all_parts(sales):
    sql = (
        "SELECT sum(i) AS total, INTERVAL (i) DAY AS span, {{'a': sum(i)}} AS both "
        "FROM range({}) r(i) GROUP BY i"
    )
    sales.ran(lambda pond: pond.append_table("t", sql.format(2)))
    sales.ran(lambda pond: pond.append_table("t", sql.format(1)))
    found = sales.attempt().read_table("t")
    assert [str(one) for one in found.types] == ["HUGEINT", "INTERVAL", "STRUCT(a HUGEINT)"]
    assert found.aggregate("count(*)").fetchone() == (3,)


@pytest.mark.parametrize(
    ("sql", "message", "hint"),
    [
        (
            "SELECT 1 AS id, 'x' AS name",
            "the rows to add lack 'price'",
            "Give the table's columns (id, name, price), or write the table whole once: pond.",
        ),
        (
            "SELECT 1 AS id, 'x' AS name, 1.5::DECIMAL(9,2) AS price, 2 AS more, 3 AS most",
            "the rows to add have 'more', 'most', which the table has not",
            "Give the table's columns",
        ),
        (
            "SELECT 1 AS id, 'x' AS nom, 1.5::DECIMAL(9,2) AS price",
            "the rows to add lack 'name' and have 'nom', which the table has not",
            "Give the table's columns",
        ),
        (
            "SELECT 5000000000 AS id, 'x' AS name, 1.5::DECIMAL(9,2) AS price",
            "column 'id' is BIGINT, and the table's is INTEGER, which does not hold every value",
            "Cast it to the table's type",
        ),
        (
            "SELECT 1 AS id, 2 AS name, 1.5::DECIMAL(9,2) AS price",
            "column 'name' is INTEGER, and the table's is VARCHAR",
            "Cast it to the table's type",
        ),
    ],
)
def test_rows_that_do_not_fit_the_table_are_refused_and_nothing_is_added(sales, sql, message, hint):
    sales.ran(lambda pond: pond.append_table("orders", ORDERS.format(3)))
    pond = sales.attempt()
    found = refused(lambda: pond.append_table("orders", sql))
    assert found[0].startswith("Table 'orders': ")
    assert message in found[0]
    assert hint in found[1]
    assert (pond.written, pond.skipped) == ({}, False)


def test_an_append_of_no_rows_changes_nothing_and_keeps_the_table(sales):
    sales.ran(lambda pond: pond.append_table("orders", ORDERS.format(3)))
    pond = sales.attempt()
    pond.append_table("orders", ORDERS.format(0))
    assert (pond.written, pond.skipped, pond.kept) == ({}, True, {"orders"})


def adding(way, sql):
    if way == "append":
        return lambda pond: pond.append_table("orders", sql)
    return lambda pond: pond.merge_table("orders", sql, key=["id"])


@pytest.mark.parametrize("way", ["append", "merge"])
def test_a_table_that_never_held_a_value_takes_the_types_of_its_first_rows(sales, reports, way):
    empty = "SELECT 'x' AS id, 'x' AS day WHERE false"  # as an empty CSV file is read
    for _ in range(2):
        sales.ran(adding(way, empty))
        assert reports.ran(lambda pond: pond.read_delta("sales.orders").fetchall()) == []
    sales.ran(adding(way, "SELECT 1 AS id, DATE '2030-01-01' AS day"))
    taken = reports.ran(lambda pond: pond.read_delta("sales.orders").types)
    assert [str(dtype) for dtype in taken] == ["INTEGER", "DATE", "VARCHAR"]
    sales.ran(adding(way, "SELECT 2::TINYINT AS id, NULL AS day"))
    read = sales.attempt().read_table("orders")
    assert [str(dtype) for dtype in read.types] == ["INTEGER", "DATE"]
    refused(lambda: sales.ran(adding(way, "SELECT 3 AS id, 'x' AS day")))


@pytest.mark.parametrize("way", ["append", "merge"])
@pytest.mark.parametrize(
    ("empty", "first", "other"),
    [
        ("NULL", "'x'", "7"),
        ("NULL::VARCHAR", "7", "'x'"),
        ("NULL::INTEGER", "3000000000", "'x'"),
        ("[]::INTEGER[]", "['x']", "[7]"),
        ("{'a': NULL, 'b': 1}", "{'a': 'x', 'b': 1}", "{'a': DATE '2030-01-01', 'b': 1}"),
        ("NULL::STRUCT(a INTEGER)", "{'a': 1, 'b': 'x'}", "7"),
        ("NULL::INTEGER[3]", "[1, 2]::INTEGER[2]", "'x'"),
    ],
)
def test_a_column_that_never_held_a_value_takes_its_first_type(
    sales, reports, way, empty, first, other
):
    for number in (1, 2):
        sales.ran(adding(way, f"SELECT {number} AS id, {empty} AS v"))
        delta(reports)
    sales.ran(adding(way, f"SELECT 3 AS id, {first} AS v"))
    assert is_full(reports)
    assert len(delta(reports)) == 3
    sales.ran(adding(way, f"SELECT 4 AS id, CASE WHEN false THEN {first} END AS v"))
    assert not is_full(reports)
    read = sales.attempt().read_table("orders")
    expected = sales.attempt().con.sql(f"SELECT 1 AS id, {first} AS v")
    assert read.types == expected.types
    assert read.filter("id = 3").project("v").fetchall() == expected.project("v").fetchall()
    rows = sorted(read.project("id").fetchall())
    assert rows == [(1,), (2,), (3,), (4,)]
    refused(lambda: sales.ran(adding(way, f"SELECT 5 AS id, {other} AS v")))


@pytest.mark.parametrize("way", ["append", "merge"])
def test_a_table_that_got_its_types_later_is_the_same_written_whole(sales, way):
    for sql in ("SELECT 1 AS id, NULL AS v", "SELECT 2 AS id, 'x' AS v"):
        sales.ran(adding(way, sql))
    before = sales.tables["orders"].fingerprint
    whole = "SELECT unnest([1, 2]) AS id, unnest([NULL, 'x']) AS v"
    sales.ran(lambda pond: pond.write_table("orders", whole))
    assert sales.tables["orders"].fingerprint == before
    sales.ran(lambda pond: pond.write_table("orders", whole.replace("'x'", "'y'")))
    assert sales.tables["orders"].fingerprint != before


def test_more_fields_and_wider_types_are_for_write_table(sales):
    sales.ran(adding("append", "SELECT 1 AS id, {'a': 1} AS v"))
    for sql in ("SELECT 2 AS id, {'a': 1, 'b': 2} AS v", "SELECT 2::BIGINT AS id, {'a': 1} AS v"):
        message, hint = refused(lambda sql=sql: sales.ran(adding("append", sql)))
        assert "does not hold every value" in message
        assert "pond.write_table" in hint


def test_a_merged_table_without_rows_keeps_its_key(sales):
    sales.ran(lambda pond: pond.merge_table("orders", ORDERS.format(0), key=["id"]))
    sales.ran(lambda pond: pond.merge_table("orders", ORDERS.format(0), key=["id"]))
    error = refused(
        lambda: sales.ran(lambda pond: pond.merge_table("orders", ORDERS.format(1), key=["name"]))
    )
    assert "is merged by 'id'" in error[0]


def test_several_appends_of_an_attempt_are_one_part_for_readers(sales, reports):
    def pages(pond):
        for page in range(3):
            pond.append_table("orders", f"SELECT {page} AS page")

    sales.ran(pages)
    assert sales.tables["orders"].parts == ()
    assert delta(reports) == [(0, "insert"), (1, "insert"), (2, "insert")]
    sales.ran(pages)
    assert len(sales.tables["orders"].parts) == 2
    assert sales.tables["orders"].rows == 6
    assert delta(reports) == [(0, "insert"), (1, "insert"), (2, "insert")]


def test_the_ninth_part_folds_those_that_there_are_and_readers_still_find_the_news(sales, reports):
    sales.ran(lambda pond: pond.append_table("orders", "SELECT 0 AS n"))
    assert delta(reports) == [(0, "insert")]
    for n in range(1, 12):
        sales.ran(lambda pond, n=n: pond.append_table("orders", f"SELECT {n} AS n"))
        assert not is_full(reports)
        assert delta(reports) == [(n, "insert")]
    version = sales.tables["orders"]
    assert len(version.live) <= 8
    assert [one.use for one in version.parts].count("base") == 1
    assert rows_of(sales.attempt().read_table("orders")) == sorted(
        ((n,) for n in range(12)), key=repr
    )


def test_a_merge_stores_what_changed_and_equal_rows_are_no_change(sales, reports):
    sales.ran(lambda pond: pond.merge_table("orders", ORDERS.format(4), key=["id"]))
    assert len(delta(reports)) == 4
    new = (
        "SELECT 1 AS id, 'n1' AS name, 1.5::DECIMAL(10,2) AS price "
        "UNION ALL SELECT 2, 'two', 3.0 UNION ALL SELECT 9, 'nine', NULL"
    )
    sales.ran(
        lambda pond: pond.merge_table("orders", new, key=["id"], delete="SELECT 0 AS id, 'x' AS y")
    )
    assert rows_of(sales.attempt().read_table("orders").project("id, name")) == [
        (1, "n1"),
        (2, "two"),
        (3, "n3"),
        (9, "nine"),
    ]
    assert [(row[0], row[1], row[-1]) for row in delta(reports)] == [
        (0, "n0", "delete"),
        (2, "n2", "update_before"),
        (2, "two", "update_after"),
        (9, "nine", "insert"),
    ]
    again = sales.attempt()
    again.merge_table("orders", new, key=["id"], delete="SELECT 0 AS id")
    assert (again.written, again.skipped) == ({}, True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"key": ["id"], "sql": "SELECT NULL::INT AS id, 'x' AS v"}, "NULL in key column 'id'"),
        (
            {"key": ["id"], "sql": "SELECT 1 AS id, 'x' AS v UNION ALL SELECT 1, 'y'"},
            "the rows to merge have key id=1 more than once",
        ),
        ({"key": ["nr"]}, "key 'nr' names 'nr', which is no column"),
        ({"key": "id"}, "key='id' is no list of columns"),
        ({"key": []}, "key=[] is no list of columns"),
        ({"key": iter(["id"])}, "is no list of columns"),
        ({"key": ["id", "id"]}, "a key of 2 columns"),
        ({"key": ["v"]}, "is merged by 'id', not by 'v'"),
        ({"key": ["id"], "delete": "SELECT NULL::INT AS id"}, "the rows to delete have a NULL"),
        ({"key": ["id"], "delete": "SELECT 1 AS nr"}, "the rows to delete lack 'id'"),
        (
            {"key": ["id"], "delete": "SELECT 'x' AS id"},
            "column 'id' is VARCHAR, and the table's is INTEGER",
        ),
    ],
)
def test_keys_that_do_not_name_one_row_each_are_refused_and_nothing_is_stored(
    sales, words, message
):
    sales.ran(lambda pond: pond.merge_table("t", "SELECT 1 AS id, 'x' AS v", key=["id"]))
    before, pond = objects(sales), sales.attempt()
    sql = words.get("sql", "SELECT 1 AS id, 'z' AS v")
    found = refused(
        lambda: pond.merge_table("t", sql, key=words["key"], delete=words.get("delete"))
    )
    assert message in found[0]
    assert found[1]
    assert (pond.written, objects(sales)) == ({}, before)


@pytest.mark.parametrize(
    "kind", ["1.5::FLOAT", "1.5::DOUBLE", "[1]", "{'a': 1}", "INTERVAL 1 DAY", "'1'::JSON"]
)
def test_types_whose_equal_values_may_differ_are_no_keys(sales, kind):
    pond = sales.attempt()
    message, hint = refused(lambda: pond.merge_table("t", f"SELECT {kind} AS k", key=["k"]))
    assert "which is no type for a key" in message
    assert "Allowed:" in hint
    assert objects(sales) == []


def test_a_first_merge_looks_at_the_rows_that_there_are(sales):
    sales.ran(lambda pond: pond.write_table("twice", "SELECT 1 AS id UNION ALL SELECT 1"))
    sales.ran(lambda pond: pond.write_table("nulls", "SELECT NULL::INT AS id"))
    for table, message in [
        ("twice", "the table has key id=1 more than once"),
        ("nulls", "it has a row whose key ('id') is NULL"),
    ]:
        pond = sales.attempt()
        found = refused(lambda p=pond, t=table: p.merge_table(t, "SELECT 5 AS id", key=["id"]))
        assert message in found[0]


def test_an_authors_collation_does_not_make_one_key_of_two(sales):
    def work(pond, sql, **more):
        pond.con.execute("SET default_collation = 'NOCASE'")
        pond.merge_table("t", sql, key=["k"], **more)

    sales.ran(lambda pond: work(pond, "SELECT 'a' AS k, 1 AS v UNION ALL SELECT 'A', 2"))
    sales.ran(lambda pond: work(pond, "SELECT 'A' AS k, 3 AS v", delete="SELECT 'b' AS k"))
    pond = sales.attempt()
    pond.con.execute("SET default_collation = 'NOCASE'")
    assert rows_of(pond.read_table("t")) == [("A", 3), ("a", 1)]
    sales.ran(lambda pond: work(pond, "SELECT 'z' AS k, 1 AS v", delete="SELECT 'a' AS k"))
    assert rows_of(sales.attempt().read_table("t")) == [("A", 3), ("z", 1)]


def test_an_authors_macros_and_operators_change_nothing(sales, reports):
    def work(pond):
        pond.con.execute("CREATE MACRO sum(x) AS 0; CREATE MACRO count(x) AS 0")
        pond.con.execute('CREATE MACRO "="(a, b) AS false')
        pond.merge_table("t", "SELECT 1 AS k, 2 AS v", key=["k"])

    sales.ran(work)
    sales.ran(lambda pond: pond.merge_table("t", "SELECT 1 AS k, 3 AS v", key=["k"]))
    assert rows_of(sales.attempt().read_table("t")) == [(1, 3)]


def test_a_merged_table_takes_no_appends_and_a_key_stays_until_it_is_written_whole(sales):
    sales.ran(lambda pond: pond.merge_table("t", "SELECT 1 AS k, 2 AS v", key=["k"]))
    message, hint = refused(lambda: sales.attempt().append_table("t", "SELECT 1 AS k, 2 AS v"))
    assert message == "Table 't' is merged by 'k'; appended rows could have a key twice."
    assert "merge_table" in hint
    sales.ran(lambda pond: pond.write_table("t", "SELECT 1 AS k, 2 AS v"))
    sales.ran(lambda pond: pond.merge_table("t", "SELECT 3 AS k, 2 AS v", key=["v"]))
    assert rows_of(sales.attempt().read_table("t")) == [(3, 2)]


@pytest.mark.parametrize(
    "twice",
    [
        lambda pond: pond.write_table("t", "SELECT 1 AS k"),
        lambda pond: pond.merge_table("t", "SELECT 1 AS k", key=["k"]),
    ],
)
def test_a_table_is_merged_or_written_once_by_a_ripple(sales, twice):
    pond = sales.attempt()
    twice(pond)
    for again in (
        twice,
        lambda pond: pond.append_table("t", "SELECT 1 AS k"),
        lambda pond: pond.merge_table("t", "SELECT 1 AS k", key=["k"]),
    ):
        assert "written by this Ripple already" in refused(lambda a=again: a(pond))[0]


def test_a_column_called_change_is_refused_where_changes_would_use_it(sales, reports):
    bad = "SELECT 1 AS id, 'x' AS _Change"
    for work in (
        lambda pond: pond.append_table("t", bad),
        lambda pond: pond.merge_table("t", bad, key=["id"]),
    ):
        message, hint = refused(lambda w=work: w(sales.attempt()))
        assert "a column is called '_change'" in message
        assert "EXCLUDE" in hint
    sales.ran(lambda pond: pond.write_table("t", bad))
    assert "_change" in refused(lambda: sales.attempt().append_table("t", bad))[0]
    assert "_change" in refused(lambda: reports.attempt().read_delta("sales.t"))[0]


def test_a_new_table_keeps_to_what_was_published_under_its_name(sales):
    sales.ran(lambda pond: pond.write_table("t", "SELECT 1 AS a, 2 AS b"))
    published = dict(sales.tables)
    sales.tables = {}
    pond = sales.attempt()
    object.__setattr__(pond._around, "published", published)
    for work in (
        lambda: pond.append_table("t", "SELECT 1 AS a"),
        lambda: pond.merge_table("t", "SELECT 1 AS a", key=["a"]),
    ):
        refused(work, ContractError)


def test_a_delta_of_what_is_not_there_is_refused_by_name(sales, reports):
    pond = reports.attempt()
    refused(lambda: pond.read_delta("sales.orders"), TableNotFoundError)
    refused(lambda: pond.delta_is_full("nobody.orders"), SourceNotFoundError)
    message, _ = refused(lambda: pond.read_delta("orders"))
    assert message == "'orders' is no table of a Source, and only these have a delta."
    reports.sources["empty"] = Sandbox(sales.root, Line("empty@1"))
    pond = reports.attempt()
    held = pond.sources["empty"]
    object.__setattr__(held, "tables", None)
    refused(lambda: pond.read_delta("empty.orders"), NotPublishedError)


def test_a_first_delta_is_everything_and_says_so(sales, reports):
    sales.ran(lambda pond: pond.append_table("orders", ORDERS.format(2)))
    assert is_full(reports)
    assert len(delta(reports)) == 2
    assert not is_full(reports)
    assert delta(reports) == []


@pytest.mark.parametrize("kind", ["append", "merge"])
def test_a_delta_reads_no_object_but_the_parts_that_are_new(sales, reports, kind):
    def add(sql):
        if kind == "append":
            return sales.ran(lambda pond: pond.append_table("orders", sql))
        return sales.ran(lambda pond: pond.merge_table("orders", sql, key=["id"]))

    add(ORDERS.format(1000))
    delta(reports)
    add("SELECT 2000 AS id, 'x' AS name, 1.0::DECIMAL(10,2) AS price")
    delta(reports)
    add("SELECT 2001 AS id, 'y' AS name, 1.0::DECIMAL(10,2) AS price")
    version = sales.tables["orders"]
    for part in version.parts[:-1]:
        sales.path(version, part).unlink()
    assert [row[:2] for row in delta(reports)] == [(2001, "y")]


def test_what_a_failed_attempt_took_is_given_again(sales, reports):
    sales.ran(lambda pond: pond.append_table("orders", "SELECT 1 AS n"))
    delta(reports)
    sales.ran(lambda pond: pond.append_table("orders", "SELECT 2 AS n"))
    assert rows_of(reports.attempt().read_delta("sales.orders")) == [(2, "insert")]
    assert delta(reports) == [(2, "insert")]


def test_a_rewritten_table_is_compared_with_what_was_taken_row_by_row(sales, reports):
    sales.ran(lambda pond: pond.write_table("orders", "SELECT unnest([1, 1, 2, 3, NULL]) AS n"))
    delta(reports)
    sales.ran(lambda pond: pond.write_table("orders", "SELECT unnest([1, 2, 2, 4, NULL]) AS n"))
    assert not is_full(reports)
    assert delta(reports) == [
        (1, "delete"),
        (2, "insert"),
        (3, "delete"),
        (4, "insert"),
    ]


@pytest.mark.parametrize("how", ["gone", "other columns", "had parts", "other line"])
def test_a_delta_is_everything_where_what_was_taken_is_not_known_any_more(sales, reports, how):
    sales.ran(lambda pond: pond.write_table("orders", "SELECT 1 AS n"))
    if how == "had parts":
        sales.ran(lambda pond: pond.append_table("orders", "SELECT 2 AS n"))
    delta(reports)
    taken = reports.positions["sales.orders"]
    columns = "3 AS n, 4 AS m" if how == "other columns" else "3 AS n"
    sales.ran(lambda pond: pond.write_table("orders", f"SELECT {columns}"))
    if how == "gone":
        (sales.root / taken.key).unlink()
    if how == "other line":
        key = taken.key.replace("sales@1", "sales@2")
        reports.positions["sales.orders"] = replace(taken, key=key)
    assert is_full(reports)
    assert [row[-1] for row in delta(reports)] == ["insert"]
    assert not is_full(reports)


def test_everything_may_be_asked_for_and_the_next_delta_goes_on_from_there(sales, reports):
    sales.ran(lambda pond: pond.append_table("orders", "SELECT 1 AS n"))
    delta(reports)
    sales.ran(lambda pond: pond.append_table("orders", "SELECT 2 AS n"))
    assert delta(reports, full=True) == [(1, "insert"), (2, "insert")]
    assert delta(reports) == []


def test_changes_of_several_runs_come_as_what_comes_of_them(sales, reports):
    def merge(sql, delete=None):
        sales.ran(lambda pond: pond.merge_table("t", sql, key=["k"], delete=delete))

    merge("SELECT unnest([1, 2, 3, 4]) AS k, 'old' AS v")
    delta(reports, "sales.t")
    merge("SELECT unnest([1, 5, 6]) AS k, 'new' AS v", "SELECT unnest([2, 3]) AS k")
    merge("SELECT unnest([1, 2, 5]) AS k, 'old' AS v", "SELECT unnest([4, 6]) AS k")
    assert delta(reports, "sales.t") == [
        (3, "old", "delete"),
        (4, "old", "delete"),
        (5, "old", "insert"),
    ]


def test_a_version_of_the_release_before_can_be_added_to_and_is_known_again(sales):
    sales.ran(lambda pond: pond.write_table("orders", ORDERS.format(3)))
    old = sales.tables["orders"]
    sales.tables["orders"] = TableVersion(old.table, old.key, old.rows, old.bytes, old.fingerprint)
    sales.ran(lambda pond: pond.append_table("orders", ORDERS.format(2)))
    found = sales.tables["orders"]
    sales.ran(lambda pond: pond.write_table("orders", pond.read_table("orders")))
    assert sales.tables["orders"].fingerprint == found.fingerprint


def test_parts_that_give_other_rows_than_were_written_are_not_read(sales, reports):
    """The guard: a storage that gives another object than was written."""
    for n in range(3):
        sales.ran(
            lambda pond, n=n: pond.append_table("orders", f"SELECT unnest(range({n + 1})) AS n")
        )
    version = sales.tables["orders"]
    first, second = (sales.path(version, one) for one in version.parts[:2])
    first.write_bytes(second.read_bytes())
    for work in (
        lambda: sales.attempt().read_table("orders"),
        lambda: sales.attempt().con,
        lambda: reports.attempt().read_delta("sales.orders"),
    ):
        with pytest.raises(TransientError, match="has 2 rows, of 1"):
            work()


def test_a_fold_that_reads_other_rows_than_were_written_is_not_published(sales, monkeypatch):
    from duckstring.author import changing

    for n in range(8):
        sales.ran(lambda pond, n=n: pond.append_table("orders", f"SELECT {n} AS n"))
    monkeypatch.setattr(
        changing,
        "rows_of",
        lambda content, _columns: " UNION ALL ".join(
            f"FROM read_parquet('{one.uri}')" for one in (*content.objects, content.objects[0])
        ),
    )
    with pytest.raises(TransientError, match="gave 9 rows where 8 were written"):
        sales.attempt().append_table("orders", "SELECT 9 AS n")


def test_a_pond_has_at_most_so_many_tables_that_are_added_to(sales):
    sales.ran(lambda pond: pond.append_table("t", "SELECT 1 AS n"))
    version = sales.tables["t"]
    parts = (Part("a", 1, 1), Part("b", 1, 1))
    sales.tables |= {
        f"t{n}": replace(version, table=f"t{n}", parts=parts) for n in range(MOST_PARTED)
    }
    message, hint = refused(lambda: sales.attempt().append_table("t", "SELECT 2 AS n"))
    assert message == "Table 't' would be one of more than 100 that are added to."
    assert hint


def test_frames_and_relations_of_elsewhere_can_be_appended_and_merged(sales):
    frame = duckdb.connect().sql("SELECT 1::BIGINT AS k, 'x' AS v").to_arrow_table()
    sales.ran(lambda pond: pond.append_table("a", frame))
    sales.ran(lambda pond: pond.append_table("a", duckdb.sql("SELECT 2::BIGINT AS k, 'y' AS v")))
    sales.ran(lambda pond: pond.merge_table("m", frame, key=["k"]))
    sales.ran(
        lambda pond: pond.merge_table("m", frame.slice(0, 0), key=["k"], delete=frame.select(["k"]))
    )
    pond = sales.attempt()
    assert rows_of(pond.read_table("a")) == [(1, "x"), (2, "y")]
    assert rows_of(pond.read_table("m")) == []


def test_a_merge_reads_tables_of_the_pond_and_its_sources_by_name(sales, reports):
    sales.ran(lambda pond: pond.append_table("orders", ORDERS.format(3)))
    reports.ran(
        lambda pond: pond.merge_table(
            "seen", "FROM sales.orders", key=["id"], delete="SELECT id + 10 AS id FROM sales.orders"
        )
    )
    assert reports.tables["seen"].rows == 3
