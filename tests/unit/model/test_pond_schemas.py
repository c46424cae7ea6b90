from __future__ import annotations

import pytest

from duckstring.model.find import PondNotFoundError
from duckstring.model.pond_schemas import all_schemas, find_schema, ponds_of
from tests.unit.api.world import graph, release

SHOP = graph(
    *map(release, ["sales@1", "sales@2", "products@0", "odd_v1@3", "odd@1", "odd@7", "a_vx@1"])
)


@pytest.mark.parametrize(
    ("schema", "line"),
    [
        ("sales", "sales@2"),
        ("sales_v1", "sales@1"),
        ("sales_v2", "sales@2"),
        ("sales@1", "sales@1"),
        ("products_v0", "products@0"),
        ("odd_v1", "odd_v1@3"),
        ("odd_v1_v3", "odd_v1@3"),
        ("odd@1", "odd@1"),
        ("odd_v7", "odd@7"),
        ("a_vx", "a_vx@1"),
    ],
)
def test_a_schema_means_a_line(schema, line):
    assert find_schema(SHOP, schema).line == line
    assert line.partition("@")[0] in ponds_of(schema)


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ("sale", "No Pond 'sale' in this Catchment; the nearest: sales"),
        ("sales_v3", "No Pond 'sales@3' in this Catchment; the nearest: sales@2, sales@1."),
        ("sales_v01", "No Pond 'sales_v01' in this Catchment; the nearest: sales_v1"),
        ("nothing_v1", "No Pond 'nothing_v1' in this Catchment;"),
    ],
)
def test_a_schema_that_there_is_not_is_refused_with_the_nearest(schema, said):
    with pytest.raises(PondNotFoundError) as refused:
        find_schema(SHOP, schema)
    assert refused.value.message.startswith(said)


def test_every_line_has_one_schema_that_means_it():
    found = all_schemas(list(SHOP))
    assert found == {
        "a_vx@1": "a_vx",
        "odd@1": "odd@1",
        "odd@7": "odd",
        "odd_v1@3": "odd_v1",
        "products@0": "products",
        "sales@1": "sales_v1",
        "sales@2": "sales",
    }
    for line, schema in found.items():
        assert find_schema(SHOP, schema).line == line
