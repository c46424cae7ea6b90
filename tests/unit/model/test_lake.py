from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from duckstring.model.lake import (
    STABLE,
    digest_of,
    lake_key,
    lake_schemas,
    listing_key,
    number_of,
    shown,
)
from duckstring.model.names import Line

F = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("lines", "schemas"),
    [
        (["sales@1"], ["sales"]),
        (["sales@1", "sales@2"], ["sales_v1", "sales"]),
        (["sales@1", "sales@2", "sales_v1@0"], ["sales@1", "sales", "sales_v1"]),
        (["main@3", "duckstring@1"], ["duckstring_v1", "main_v3"]),
        (["main@0", "main_v0@1"], ["main@0", "main_v0"]),
    ],
)
def test_schemas_are_those_of_sql_unless_the_catalog_has_one_itself(lines, schemas):
    found = lake_schemas([Line(one) for one in lines])
    assert sorted(found.values()) == sorted(schemas)
    assert len(set(found.values())) == len(lines)


def test_the_digest_tells_apart_runs_and_freshness_and_not_the_order_of_lines():
    a, b = {Line("a@1"): shown("a@1/1", F)}, {Line("b@1"): shown("b@1/1", F)}
    assert digest_of({**a, **b}) == digest_of({**b, **a})
    others = [{}, a, {**a, **b}, {Line("a@1"): shown("a@1/2", F)}]
    others.append({Line("a@1"): shown("a@1/1", F + timedelta(microseconds=1))})
    assert len({digest_of(one) for one in others}) == len(others)


def test_keys_of_catalogs_and_their_listings_have_its_number_and_others_have_none():
    key = lake_key(42, "0123456789abcdef")
    assert key == "lake/0000000042-0123456789abcdef.ducklake"
    assert listing_key(key) == "lake/0000000042-0123456789abcdef.json"
    assert number_of(key) == number_of(listing_key(key)) == 42
    for other in (STABLE, "lake/mine.ducklake", f"data/{key}", f"{key}\n", "lake/x.json"):
        assert number_of(other) is None
