"""Of Ripples that an import tells of, those that ``@ripple`` declares."""

from __future__ import annotations

import pytest

from duckstring.author.possible import impossible
from duckstring.model.catalog import RippleSpec
from duckstring.model.pauses import MOST_RIPPLES

LOAD = RippleSpec("load")
ALL = RippleSpec(
    "join",
    ("load",),
    always_run=True,
    timeout_seconds=29 * 86_400,
    memory_mib=128,
    on_kill=True,
    pauses=True,
    checks=("is_late",),
    uses=("databricks", "warehouse"),
    retry_delay_seconds=3_600,
    retry_on=("builtins.OSError", "shop.orders.main.<locals>.Late"),
)


def test_what_ripple_declares_is_possible():
    assert list(impossible([LOAD, ALL])) == []


@pytest.mark.parametrize(
    "spec",
    [
        RippleSpec("../load"),
        RippleSpec("load"),
        RippleSpec("join", ("late",)),
        RippleSpec("join", ("join",)),
        RippleSpec("join", timeout_seconds=0),
        RippleSpec("join", timeout_seconds=10**40),
        RippleSpec("join", memory_mib=-1),
        RippleSpec("join", memory_mib=2**40),
        RippleSpec("join", uses=("a b",)),
        RippleSpec("join", uses=tuple("abcde")),
        RippleSpec("join", retry_delay_seconds=-1),
        RippleSpec("join", retry_delay_seconds=10**40),
        RippleSpec("join", retry_on=("x" * 201,)),
        RippleSpec("join", retry_on=("a\ud800",)),
        RippleSpec("join", retry_on=tuple(f"E{n}" for n in range(51))),
        RippleSpec("join", checks=("Is late",)),
        RippleSpec("join", checks=tuple(f"c{n}" for n in range(51))),
    ],
)
def test_what_ripple_does_not_declare_is_named(spec):
    assert len(list(impossible([LOAD, spec]))) == 1


def test_there_are_only_so_many():
    assert list(impossible([RippleSpec(f"r{n}") for n in range(MOST_RIPPLES + 1)])) == [
        "301 Ripples"
    ]
