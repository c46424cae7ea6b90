"""Bounds lose no row: whatever lies in a table's files, a filter on its Iceberg table finds what a
filter on all rows finds.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pyiceberg import expressions as ice
from pyiceberg.expressions import literals
from pyiceberg.expressions.visitors import _InclusiveMetricsEvaluator

from tests.integration.iceberg_kit import BUCKET, ORDERS, SALES, Warehouse, address
from tests.property.worlds import looks

__all__ = ["address"]

INFINITE_DATE, INFINITE_TIME = 2**31 - 1, 2**63 - 1
DAY = 86_400_000_000


@dataclass(frozen=True)
class Kind:
    """A type: what is drawn, how Arrow has it, how pyiceberg's filters write a value."""

    arrow: pa.DataType
    values: st.SearchStrategy[Any]
    literal: Callable[[Any], Any]
    raw: pa.DataType | None = None
    """Arrow's type of what is drawn, where Python has no value for all of it."""

    def array(self, values: Sequence[Any]) -> pa.Array:
        if self.raw is None:
            return pa.array(values, self.arrow)
        return pa.array(values, self.raw).view(self.arrow)


def among(*edges: Any, more: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Edges more often than not, so that filters meet them."""
    return st.sampled_from(edges) | more


def decimal(width: int, scale: int) -> Kind:
    most = 10**width - 1
    drawn = among(most, -most, 0, 1, -1, most - 1, more=st.integers(-most, most))
    return Kind(
        pa.decimal128(width, scale),
        drawn.map(
            lambda value: Decimal((value < 0, Decimal(abs(value)).as_tuple().digits, -scale))
        ),
        literals.DecimalLiteral,
    )


NEAR = st.integers(-3, 3)
LETTERS = "ab\0\ud7ff\ue000\U00010000\U0010ffff"
TEXT = st.text(st.sampled_from(LETTERS), max_size=3) | st.builds(
    lambda letter, count, end: letter * count + end,
    st.sampled_from(LETTERS),
    st.sampled_from([14, 15, 16, 17, 63, 64, 85, 86, 255, 256, 300]),
    st.text(st.sampled_from(LETTERS), max_size=2),
)
BYTES = st.binary(max_size=3) | st.builds(
    lambda byte, count, end: byte * count + end,
    st.sampled_from([b"\0", b"\x7f", b"\x80", b"\xff"]),
    st.sampled_from([14, 15, 16, 17, 255, 256, 300]),
    st.binary(max_size=2),
)
REAL = among(
    *(0.0, -0.0, float("nan"), float("inf"), float("-inf"), 1.5, -1.5),
    more=st.floats(width=32),
)
TIMES = among(
    *(INFINITE_TIME, -INFINITE_TIME, INFINITE_TIME - 1, -9223372022400000000),
    more=NEAR | st.integers(-(10**17), 10**17),
)
KINDS = {
    "flag": Kind(pa.bool_(), st.booleans(), literals.BooleanLiteral),
    "small": Kind(pa.int8(), among(-128, 127, more=NEAR), literals.LongLiteral),
    "number": Kind(pa.int32(), among(-(2**31), 2**31 - 1, more=NEAR), literals.LongLiteral),
    "large": Kind(pa.int64(), among(-(2**63), 2**63 - 1, more=NEAR), literals.LongLiteral),
    "narrow": Kind(pa.float32(), REAL, literals.FloatLiteral),
    "real": Kind(
        pa.float64(), among(5e-324, -1.7976931348623157e308, more=REAL), literals.DoubleLiteral
    ),
    "text": Kind(pa.string(), TEXT, literals.StringLiteral),
    "bytes": Kind(pa.binary(), BYTES, literals.BinaryLiteral),
    "day": Kind(
        pa.date32(),
        among(INFINITE_DATE, -INFINITE_DATE, INFINITE_DATE - 1, 1 - INFINITE_DATE, more=NEAR),
        literals.DateLiteral,
        pa.int32(),
    ),
    "clock": Kind(
        pa.time64("us"), among(0, DAY - 1, more=st.integers(0, 3)), literals.TimeLiteral, pa.int64()
    ),
    "moment": Kind(pa.timestamp("us"), TIMES, literals.TimestampLiteral, pa.int64()),
    "instant": Kind(pa.timestamp("us", "UTC"), TIMES, literals.TimestampLiteral, pa.int64()),
    "price": decimal(9, 2),
    "amount": decimal(18, 0),
    "huge": decimal(38, 10),
}
COMPARED: Mapping[str, tuple[Any, Callable[[Any, Any], bool]]] = {
    "=": (ice.EqualTo, operator.eq),
    "<": (ice.LessThan, operator.lt),
    "<=": (ice.LessThanOrEqual, operator.le),
    ">": (ice.GreaterThan, operator.gt),
    ">=": (ice.GreaterThanOrEqual, operator.ge),
    "<>": (ice.NotEqualTo, operator.ne),
}
WITHOUT_BOUNDS = ("id", "list", "struct")
DERIVED = """
SELECT *, md5(nullif(number, 0)::VARCHAR)::UUID AS id,
    CASE WHEN flag THEN [number, NULL] END AS list, {'a': number, 'b': [text]} AS struct FROM given
"""
Columns = Mapping[str, Sequence[Any]]


@st.composite
def columns(draw: st.DrawFn) -> Columns:
    """What a file holds. Values of a column lie near each other now and then, so that files can
    be told apart; some columns are NULL as a whole.
    """
    rows = draw(st.integers(0, 3))
    found: dict[str, Sequence[Any]] = {}
    for name, kind in KINDS.items():
        one = {"null": st.none(), "same": st.just(draw(kind.values))}.get(
            draw(st.sampled_from(["null", "same", "any", "any"])), st.none() | kind.values
        )
        found[name] = [draw(one) for _ in range(rows)]
    return found


def written(held: Columns) -> Any:
    """A file with them."""
    return pa.table({name: KINDS[name].array(values) for name, values in held.items()})


def put(house: Warehouse, parts: Sequence[Columns]) -> Mapping[str, Columns]:
    """A table of these files. Returns what each holds, by its key."""
    keys: dict[str, Columns] = {}
    for place, held in enumerate(parts):
        house.con.register("given", written(held))
        if place:
            made = house.more(SALES, "orders", DERIVED)
        else:
            made = house.write(SALES, "orders", DERIVED)
        house.publish(SALES, made)
        keys[made.key] = held
    house.export(SALES)
    return keys


def is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


Filter = tuple[Any, Callable[[Any], bool]]


def filters(name: str, value: Any) -> Iterator[Filter]:
    """A column's filters by a value, each with what a row's value has to be."""
    yield ice.IsNull(name), lambda held: held is None
    yield ice.NotNull(name), lambda held: held is not None
    if KINDS[name].literal in {literals.DoubleLiteral, literals.FloatLiteral}:
        yield ice.IsNaN(name), is_nan
        yield ice.NotNaN(name), lambda held: not is_nan(held)
    if value is None or is_nan(value):
        return
    literal = KINDS[name].literal(value)
    for term, compare in COMPARED.values():
        yield term(name, literal), partial(_holds, compare, value)
    if name == "text":
        yield ice.StartsWith(name, value[:2]), partial(_holds, str.startswith, value[:2])


def _holds(compare: Callable[[Any, Any], bool], value: Any, held: Any) -> bool:
    return held is not None and compare(held, value)


def check_pyiceberg(house: Warehouse, keys: Mapping[str, Columns], probe: Columns) -> None:
    """No file that a scan skips has a row that its filter looks for.

    A scan would fetch the manifests for each filter. Here they are fetched once, and its own
    evaluator looks at them.
    """
    table = house.table(ORDERS)
    files = {task.file.file_path: task.file for task in table.scan().plan_files()}
    for name, (value,) in probe.items():
        for where, matches in filters(name, value):
            might_match = _InclusiveMetricsEvaluator(table.schema(), where).eval
            for key, held in keys.items():
                if held[name] and not might_match(files[f"s3://{BUCKET}/{key}"]):
                    assert not any(map(matches, held[name])), (where, held[name])


def check_duckdb(house: Warehouse, probe: Columns, names: Sequence[str]) -> None:
    """A filter on the table finds as many rows as one on all of them. Constants come from the
    ``probe``: no text has to be made of them.
    """
    location = house.table(ORDERS).metadata_location
    con = house.con
    con.register("given", written(probe))
    con.execute(f"CREATE OR REPLACE TEMP TABLE whole AS FROM iceberg_scan('{location}')")
    for name in names:
        con.execute(f"SET VARIABLE v = (SELECT {name} FROM ({DERIVED}))")
        tests = [f"{name} {sign} getvariable('v')" for sign in COMPARED]
        tests += [f"{name} IS NULL", f"{name} IS NOT NULL", f"NOT ({name} < getvariable('v'))"]
        for test in tests:
            ((wanted,),) = con.execute(f"SELECT count(*) FROM whole WHERE {test}").fetchall()
            scanned = f"SELECT count(*) FROM iceberg_scan('{location}') WHERE {test}"
            assert con.execute(scanned).fetchall() == [(wanted,)], (test, probe)
        ends = f"SELECT min({name})::VARCHAR, max({name})::VARCHAR, count({name})"
        found = con.execute(f"{ends} FROM iceberg_scan('{location}')").fetchall()
        assert found == con.execute(f"{ends} FROM whole").fetchall(), name


@settings(looks(7), phases=[Phase.generate])  # it takes minutes to make a history smaller
@given(st.data())
def test_no_row_is_lost_whatever_lies_in_the_files(address, data):
    parts = data.draw(st.lists(columns(), min_size=2, max_size=3))
    held = {name: [value for part in parts for value in part[name]] or [None] for name in KINDS}
    with TemporaryDirectory() as folder:
        house = Warehouse(address, Path(folder))
        keys = put(house, parts)
        for _ in range(3):
            probe = {
                name: [data.draw(st.sampled_from(held[name]) | kind.values)]
                for name, kind in KINDS.items()
            }
            check_pyiceberg(house, keys, probe)
            names = data.draw(st.permutations(sorted([*KINDS, *WITHOUT_BOUNDS])))[:3]
            check_duckdb(house, probe, names)
