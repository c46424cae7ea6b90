from __future__ import annotations

import pytest

from duckstring.model.names import limit_address, limit_of, parse_line
from duckstring.model.uses import are_limits, in_order


@pytest.mark.parametrize("names", [[], ["a"], ("data-bricks", "x_1"), list("abcd"), ["a" * 48]])
def test_up_to_four_names_of_limits_may_be_used(names) -> None:
    assert are_limits(names)


@pytest.mark.parametrize("names", [None, "a", ["A"], [""], [3], list("abcde"), ["a" * 49], {"a"}])
def test_what_cannot_be_limits_is_not(names) -> None:
    assert not are_limits(names)


def test_each_is_asked_once_in_the_order_of_their_names() -> None:
    assert in_order(["b", "a", "b"]) == ("a", "b")


def test_no_limit_has_the_address_of_a_line() -> None:
    assert limit_address("databricks") == "limit:databricks"
    assert limit_of("limit:databricks") == "databricks"
    for text in ("sales@1", "databricks", "limit:", "limit:A b", "limit:a@1"):
        assert limit_of(text) == ""
    with pytest.raises(ValueError, match="is not a line"):
        parse_line("limit:databricks")
