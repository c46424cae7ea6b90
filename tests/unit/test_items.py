"""Plain values as DynamoDB's items, and what an UpdateItem request says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duckstring.adapters.aws.items import assigned, from_item, to_item, update
from duckstring.errors import InvariantError

VALUES = st.recursive(
    st.text() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inside: st.lists(inside) | st.dictionaries(st.text(), inside),
)


@given(st.dictionaries(st.text(), VALUES))
def test_plain_values_are_read_as_they_were_written(values):
    assert from_item(to_item(values)) == values


def test_each_value_has_dynamodbs_own_type():
    written = to_item({"a": "x", "b": True, "c": 7, "d": 1.5, "e": None, "f": [{"g": 1}]})
    assert written == {
        "a": {"S": "x"},
        "b": {"BOOL": True},
        "c": {"N": "7"},
        "d": {"N": "1.5"},
        "f": {"L": [{"M": {"g": {"N": "1"}}}]},
    }


@pytest.mark.parametrize("value", [b"x", {1}, object()])
def test_what_an_item_cannot_hold_is_refused_on_writing(value):
    with pytest.raises(InvariantError, match="An item holds"):
        to_item({"a": value})


@pytest.mark.parametrize("attribute", [{"B": b"x"}, {"SS": ["a"]}, {"NULL": True}])
def test_what_nobody_here_writes_is_refused_on_reading(attribute):
    with pytest.raises(InvariantError, match="An item holds"):
        from_item({"a": attribute})


def test_an_update_names_what_its_expressions_have_and_nothing_else():
    values = {"status": "success", "rows": 3, "running": "running", "unused": 1}
    assert update(f"SET {assigned({'status': 1, 'rows': 1})}", "#status = :running", values) == {
        "UpdateExpression": "SET #status = :status, #rows = :rows",
        "ConditionExpression": "#status = :running",
        "ExpressionAttributeNames": {"#status": "status", "#rows": "rows"},
        "ExpressionAttributeValues": {
            ":status": {"S": "success"},
            ":rows": {"N": "3"},
            ":running": {"S": "running"},
        },
    }


def test_a_name_may_stand_for_an_attribute_that_no_expression_could_spell():
    told = update("SET #memo.#key = :text", "#a = :a", {"text": "x", "a": 1}, names={"key": "a b"})
    assert told["ExpressionAttributeNames"] == {"#memo": "memo", "#key": "a b", "#a": "a"}
