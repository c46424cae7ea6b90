"""@ripple and @puddle outside a Catchment."""

import pytest

from duckstring import puddle, ripple
from duckstring.author import puddle as puddles
from duckstring.author import ripple as ripples
from duckstring.author.errors import RippleError


def test_a_ripple_stays_the_function_that_it_was():
    @ripple(parents=["x"])
    def load(pond):
        return pond + 1

    assert load(1) == 2


def test_declarations_go_to_the_block_they_are_made_in_and_nowhere_else():
    with ripples.collecting() as outer:
        ripple(name="one")(lambda: None)
        with ripples.collecting() as inner:
            ripple(name="two")(lambda: None)
    ripple(name="three")(lambda: None)
    assert ([d.spec.name for d in outer], [d.spec.name for d in inner]) == (["one"], ["two"])


@pytest.mark.parametrize(
    "wrong", [lambda: ripple(7), lambda: ripple(parents="load")(lambda p: p), lambda: ripple(name="x", timeout="0s")(lambda: 0)]
)
def test_a_wrong_declaration_is_refused_where_it_stands(wrong):
    with pytest.raises(RippleError):
        wrong()


def test_a_puddle_is_recorded_under_its_table():
    with puddles.collecting() as made:

        @puddle(table="sales.orders")
        def some(): ...

        @puddle
        def other(): ...

    assert [one.table for one in made] == ["sales.orders", "other"]
