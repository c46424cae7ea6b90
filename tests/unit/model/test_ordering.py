"""The order of a graph, and the cycle that keeps it from having one."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duckstring.model.ordering import find_cycle, in_order

GRAPHS = st.integers(1, 9).flatmap(
    lambda most: st.dictionaries(
        st.integers(0, most), st.lists(st.integers(0, most), max_size=3), max_size=most + 1
    )
)


def test_where_the_graph_leaves_a_choice_the_first_that_is_named_comes_first():
    needs = {"z": (), "a": (), "m": ("late",), "b": ("a", "z"), "late": ("b",)}
    assert in_order(needs) == ("z", "a", "b", "late", "m")


def test_what_is_needed_and_is_no_key_is_not_waited_for():
    assert in_order({"b": ("absent",), "a": ("b", "b")}) == ("b", "a")


def test_a_cycle_and_what_needs_it_come_last():
    needs = {"after": ("y",), "y": ("x",), "x": ("y",), "free": (), "own": ("own",)}
    assert in_order(needs) == ("free", "after", "y", "x", "own")


@pytest.mark.parametrize(
    ("needs", "cycle"),
    [
        ({"a": (), "b": ("a",)}, ()),
        ({"a": ("a",)}, ("a", "a")),
        ({"a": ("absent",)}, ()),
        ({"late": ("c",), "a": ("b",), "b": ("c",), "c": ("a",)}, ("a", "c", "b", "a")),
    ],
)
def test_a_cycle_begins_with_the_first_that_is_named_and_goes_the_way_of_the_data(needs, cycle):
    assert find_cycle(needs) == cycle


@given(GRAPHS)
def test_every_node_comes_once_and_as_early_as_its_needs_allow(needs):
    order = in_order(needs)
    assert sorted(order) == sorted(needs)
    done, cycle = set(), find_cycle(needs)
    for node in order:
        ready = [n for n in needs if n not in done and done >= set(needs[n]) & needs.keys()]
        if not ready:
            break
        assert node == ready[0]
        done.add(node)
    assert bool(cycle) == (len(done) < len(needs))
    assert all(node in needs[following] for node, following in pairwise(cycle))
