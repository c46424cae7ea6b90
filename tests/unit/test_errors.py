"""The question that a mistyped name leads to."""

from __future__ import annotations

import pytest

from duckstring.errors import nearest


@pytest.mark.parametrize(
    ("word", "said"),
    [("slaes", "Did you mean 'sales'?"), ("sales", "Did you mean 'sales'?"), ("weather", "")],
)
def test_the_known_name_that_is_most_like_it_is_asked_for(word, said):
    assert nearest(word, ("reports", "sales", "sold")) == said


def test_nothing_is_asked_where_nothing_is_known():
    assert nearest("sales", ()) == ""


def test_the_question_may_be_part_of_a_sentence_and_the_likeness_may_be_less():
    assert nearest("WEDNESDAY", ("MON", "WED"), " (did you mean {}?)") == ""
    assert nearest("WEDNESDAY", ("MON", "WED"), " ({}?)", cutoff=0.5) == " (WED?)"
