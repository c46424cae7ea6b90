"""Which buckets a Catchment gets events of, and which keys a rule is for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duckstring.errors import OperatorError
from duckstring.model.arrivals import Arrival, parse_buckets
from tests.property.worlds import looks


def test_buckets_are_read_once_each_in_the_order_in_which_they_are_written() -> None:
    assert parse_buckets(" landing, inbox.eu-1 ,,landing", where="-c arrivals=") == (
        "landing",
        "inbox.eu-1",
    )
    assert parse_buckets("", where="") == ()


@pytest.mark.parametrize("name", ["In", "a", "in box", "-inbox", "inbox-", "x" * 64, "s3://in"])
def test_a_bucket_that_cannot_exist_is_refused_by_its_name(name: str) -> None:
    with pytest.raises(OperatorError) as caught:
        parse_buckets(f"landing,{name}", where="-c arrivals=")
    assert caught.value.message == (
        f"-c arrivals=landing,{name}: {name!r} is not a valid bucket name."
    )
    assert caught.value.hint == "Allowed: names of buckets with commas between."


def test_so_many_buckets_fit_into_the_pattern_of_a_rule_and_no_more() -> None:
    names = [f"inbox-{number}" for number in range(21)]
    assert len(parse_buckets(",".join(names[:20]), where="")) == 20
    with pytest.raises(OperatorError) as caught:
        parse_buckets(",".join(names), where="--arrivals ")
    assert caught.value.message.endswith(",inbox-20: 21 buckets.")
    assert caught.value.hint == "Allowed: up to 20."


@looks(60)
@given(st.text("ab/", max_size=4), st.text("ab/", max_size=4), st.text("ab/", max_size=6))
def test_a_rule_is_for_the_keys_that_have_its_prefix_and_behind_it_its_suffix(
    prefix: str, suffix: str, between: str
) -> None:
    rule = Arrival("new", "inbox", prefix, suffix)
    assert rule.matches(prefix + between + suffix)
    assert rule.matches(between) == (
        between.startswith(prefix) and between[len(prefix) :].endswith(suffix)
    )
