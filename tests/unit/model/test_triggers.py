"""A trigger that came over a wire is one that can be, or is refused in one line."""

from __future__ import annotations

from datetime import timedelta

import pytest

from duckstring.errors import OperatorError
from duckstring.model.triggers import KINDS, read_trigger


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "tide"])
def test_only_a_tide_has_a_bound(kind: str) -> None:
    assert read_trigger(kind, None) == (kind, None)
    with pytest.raises(OperatorError) as caught:
        read_trigger(kind, 60)
    assert caught.value.message == f"A {kind} takes no bound, found 60; only a tide does."


@pytest.mark.parametrize("bound", [0.5, 1, 86_400, 3650 * 86_400])
def test_a_tides_bound_is_in_seconds(bound: float) -> None:
    assert read_trigger("tide", bound) == ("tide", timedelta(seconds=bound))


@pytest.mark.parametrize(
    "bound", [None, "1d", True, 0, -1, 3650 * 86_400 + 1, float("nan"), float("inf"), [60]]
)
def test_a_bound_that_cannot_be_is_refused_with_an_example(bound: object) -> None:
    with pytest.raises(OperatorError) as caught:
        read_trigger("tide", bound)
    assert caught.value.message == (
        f"A tide's bound is {bound!r}; allowed: seconds above 0, at most 3650 days."
    )
    assert caught.value.hint == "For example: duckstring trigger tide reports 1d"


@pytest.mark.parametrize("kind", ["", "Tide", "pull", None, 7, ["tap"]])
def test_a_kind_that_does_not_exist_is_refused_with_those_that_do(kind: object) -> None:
    with pytest.raises(OperatorError) as caught:
        read_trigger(kind, None)
    assert caught.value.message == (
        f"No trigger {kind!r}; allowed: tap, wave, pulse, tide, remove."
    )
