"""Quoting, held against DuckDB itself."""

from __future__ import annotations

import duckdb
import pytest

from duckstring.model.sql import literal, quoted

TEXTS = ["orders", "it's", "''", 'a "b"', "'; DROP TABLE x; --", "two\nlines", "\\'", "ümlaut"]


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_and_a_name_come_back_as_they_were(text):
    relation = duckdb.connect().sql(f"SELECT {literal(text)} AS {quoted(text)}")
    assert (relation.columns, relation.fetchall()) == ([text], [(text,)])
