"""JSON from outside can be stored and shown, whatever it is."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duckstring.model.wire import LARGEST, Json, shown, storable
from tests.property.worlds import looks

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@looks(100)
@given(VALUES)
def test_whatever_json_says_can_be_stored_and_stays_as_it_was_if_it_could_before(
    value: Json,
) -> None:
    made = storable(value)
    json.dumps(made, ensure_ascii=False).encode()
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        assert repr(made) != repr(value)
    else:
        assert repr(made) == repr(value)


def test_a_lone_surrogate_is_shown_as_its_escape_wherever_it_is() -> None:
    assert storable({"\ud800": ["a\udfff", {"b": "\ud83e"}]}) == {
        "\\ud800": ["a\\udfff", {"b": "\\ud83e"}]
    }
    assert storable(("a\udfff",)) == ["a\\udfff"]


@looks(100)
@given(VALUES, st.integers(4, 40))
def test_what_is_shown_is_one_short_line_of_plain_signs(value: Json, most: int) -> None:
    text = shown(value, most)
    assert text.isascii()
    assert text.isprintable()
    assert len(text) <= most + len("...")


DEEP: Json = []
for _ in range(100_000):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    ("value", "most", "text"),
    [
        ("short", 10, "'short'"),
        ("much too long", 10, "'much too ..."),
        (None, 10, "None"),
        (1.5, 10, "1.5"),
        (-LARGEST, 10, "-900719925..."),
        (LARGEST + 1, 30, "a whole number of 54 bits"),
        ([1, "é"], 11, "[1, '\\xe9']"),
        ([1, "é"], 10, "[1, '\\xe9'..."),
        ({"n": 10**5_000}, 10, "an object"),
        ([10**5_000], 10, "a list"),
        (DEEP, 10, "a list"),
    ],
    ids=lambda it: it[:12] if isinstance(it, str) else "",
)
def test_a_value_that_is_large_or_deep_is_named_by_what_it_is(
    value: Json, most: int, text: str
) -> None:
    assert shown(value, most) == text


def test_a_text_of_any_language_stays_readable_where_that_is_wanted() -> None:
    assert shown("Straße", 20) == "'Stra\\xdfe'"
    assert shown("Straße", 20, text_form=repr) == "'Straße'"
