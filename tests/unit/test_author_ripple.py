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
    "wrong",
    [
        lambda: ripple(7),
        lambda: ripple(parents="load")(lambda p: p),
        lambda: ripple(name="x", timeout="0s")(lambda: 0),
    ],
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


def named(name):
    def function(pond): ...

    function.__name__ = name
    return function


def test_an_argument_without_a_name_is_a_fault_beside_the_others():
    def declared():
        one = ripple("hello\x1b[31m")(named("one"))
        two = ripple(parents=[one], timeout=10**5000)(named("two"))
        ripple(5)
        ripple(two, 3)

    with pytest.raises(RippleError) as caught, ripples.collecting():
        declared()
    assert [line.partition(": ")[2] for line in str(caught.value).splitlines()] == [
        (
            "@ripple('hello\\x1b[31m'): an argument has no name; allowed: parents, name, "
            "always_run, "
            "timeout, memory, on_kill, uses, retry_delay, retry_on."
        ),
        "Ripple 'two': timeout=a value of type int; allowed: a duration over zero, of at most 29d.",
        (
            "@ripple(5): an argument has no name; allowed: parents, name, always_run, timeout, "
            "memory, on_kill, uses, retry_delay, retry_on."
        ),
        (
            "@ripple(3): an argument has no name; allowed: parents, name, always_run, timeout, "
            "memory, on_kill, uses, retry_delay, retry_on."
        ),
    ]


def test_a_pond_by_name_alone_is_refused_in_words_that_agree():
    with pytest.raises(
        RippleError, match="Ripple 'one' takes pond by name alone; allowed: none, or one, the Pond"
    ):

        @ripple
        def one(*, pond): ...


class Unshowable:
    def __repr__(self):
        raise ZeroDivisionError


def test_a_value_that_cannot_be_shown_is_a_fault_nevertheless():
    with pytest.raises(RippleError, match="memory=a value of type Unshowable; allowed"):

        @ripple(memory=Unshowable())
        def one(pond): ...


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("databricks", ("databricks",)),
        (["warehouse", "data-bricks", "warehouse"], ("data-bricks", "warehouse")),
        ((), ()),
    ],
)
def test_limits_are_named_once_each_and_asked_in_one_order(given, found):
    with ripples.collecting() as declared:

        @ripple(uses=given)
        def one(pond): ...

    assert declared[0].spec.uses == found


@pytest.mark.parametrize("given", ["Data Bricks", "", 3, ["a", 5], list("abcde"), None, "x" * 49])
def test_a_limit_that_cannot_be_called_so_is_refused_with_what_is_allowed(given):
    with pytest.raises(
        RippleError, match=r"Ripple 'one': uses=.*; allowed: the name of a limit \(a lower-case"
    ):

        @ripple(uses=given)
        def one(pond): ...
