"""Iceberg tables in Glue, on moto: read back by pyiceberg with Arrow, and by DuckDB's extension."""

from __future__ import annotations

import pytest

from tests.integration.iceberg_kit import SALES, Warehouse, served


@pytest.fixture(scope="module")
def address():
    with served() as found:
        yield found


@pytest.fixture
def house(address, tmp_path):
    return Warehouse(address, tmp_path)


def test_a_table_is_read_by_other_engines_as_it_is_and_as_it_was(house):
    house.publish(SALES, house.write(SALES, "orders", "SELECT range AS id, 'a' AS t FROM range(3)"))
    assert house.export(SALES).put == 1
    assert house.listed() == {"duckstring_dev_sales": ["orders"]}
    assert house.rows("sales.orders") == [(0, "a"), (1, "a"), (2, "a")]
    house.publish(SALES, house.more(SALES, "orders", "SELECT 9::BIGINT AS id, 'b' AS t"))
    house.export(SALES)
    assert house.rows("sales.orders") == [(0, "a"), (1, "a"), (2, "a"), (9, "b")]
    house.publish(SALES, house.write(SALES, "orders", "SELECT 5::BIGINT AS id, 'c' AS t"))
    house.export(SALES)
    first, second, _ = house.snapshots("sales.orders")
    assert house.rows("sales.orders") == [(5, "c")]
    assert house.rows("sales.orders", first) == [(0, "a"), (1, "a"), (2, "a")]
    assert len(house.rows("sales.orders", second)) == 4
    assert house.needed() <= house.swept.named()
