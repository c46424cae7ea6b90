from __future__ import annotations

import pytest

from duckstring.model.graph import (
    absent,
    faults,
    find_cycle,
    in_order,
    lines_above,
    lines_below,
    lines_blocked_by,
    needed_by,
    warnings,
)
from tests.unit.api.world import graph, release, source


def test_sources_come_before_their_sinks_and_equals_by_name():
    lines = graph(
        release("reports@1", "", source("delays@1")),
        release("delays@1", "", source("flights@1"), source("weather@1", optional=True)),
        release("flights@1", kind="inlet"),
    )
    assert in_order(lines) == ("flights@1", "weather@1", "delays@1", "reports@1")


def test_a_cycle_is_named_in_full():
    lines = graph(
        release("a@1", "", source("c@1")),
        release("b@1", "", source("a@1")),
        release("c@1", "", source("b@1"), source("x@1")),
        release("x@1"),
    )
    assert find_cycle(lines, {"b@1"}) == ("b@1", "a@1", "c@1", "b@1")
    assert faults(lines, {"a@1"}) == (
        (
            "These Ponds would wait for each other in a cycle: a@1 -> c@1 -> b@1 -> a@1; take "
            "one of "
            "these Sources away."
        ),
    )


def test_a_diamond_is_no_cycle():
    lines = graph(
        release("top@1"),
        release("l@1", "", source("top@1")),
        release("r@1", "", source("top@1")),
        release("end@1", "", source("l@1"), source("r@1")),
    )
    assert faults(lines, set(lines)) == ()


def test_majors_of_one_pond_are_different_lines():
    assert faults(graph(release("a@1", "", source("a@2")), release("a@2")), {"a@1"}) == ()


def test_a_deep_chain_is_walked_without_recursion():
    chain = [
        release(f"p{n}@1", "", *([source(f"p{n - 1}@1")] if n else [source("p4999@1")]))
        for n in range(5000)
    ]
    assert len(find_cycle(graph(*chain), {"p0@1"})) == 5001


def test_a_source_that_is_not_deployed_yet_is_no_fault():
    assert faults(graph(release("b@1", "", source("a@1", "9.9.9"))), {"b@1"}) == ()


def test_what_a_line_lacks_is_named_with_who_needs_it_through_required_sources_only():
    lines = graph(
        release("end@1", "", source("mid@1"), source("gone@1", optional=True)),
        release("mid@1", "", source("top@1"), source("gone@2"), source("end@1")),
        release("top@1", "", source("gone@2"), source("gone@3")),
    )
    assert absent("end@1", lines) == (("mid@1", "gone@2"), ("top@1", "gone@3"))
    assert absent("top@1", lines) == (("top@1", "gone@2"), ("top@1", "gone@3"))


def test_an_outlet_is_nobodys_source_from_either_side():
    lines = graph(release("reports@1", kind="outlet"), release("late@1", "", source("reports@1")))
    sentence = (
        "late@1 names reports@1 as a Source, but reports@1 is an Outlet: an Outlet has no Sinks."
    )
    assert faults(lines, {"late@1"}) == (sentence,)
    assert faults(lines, {"reports@1"}) == (sentence,)


NEEDS = "b@1 1.0.0 needs a@1 at {} or newer, and "


@pytest.mark.parametrize("optional", [False, True])
def test_a_source_below_its_sinks_minimum_is_refused_whoever_is_deployed_with_the_way_out(optional):
    lines = graph(
        release("a@1", "1.9.0"), release("b@1", "", source("a@1", "1.10.0", optional=optional))
    )
    needs = NEEDS.format("1.10.0")
    assert faults(lines, {"b@1"}) == (
        (
            f"{needs}1.9.0 is deployed: deploy a 1.10.0 or newer first or together with it, or "
            "lower "
            "the minimum in b's pond.toml."
        ),
    )
    assert faults(lines, {"a@1"}) == (
        (
            f"{needs}this deploy would select 1.9.0: deploy a at 1.10.0 or newer, or together with "
            "it a b that needs less."
        ),
    )
    assert faults(lines, {"a@1", "b@1"}) == (
        (
            f"{needs}this deploy has 1.9.0 of it: raise that version, or lower the minimum in b's "
            "pond.toml."
        ),
    )


@pytest.mark.parametrize(
    ("has", "needs", "enough"),
    [
        ("1.10.0", "1.9.0", True),
        ("1.9.0", "1.10.0", False),
        ("1.2.0-rc.1", "1.2.0", False),
        ("1.2.0-rc.2", "1.2.0-rc.10", False),
        ("1.2.0-rc.1", "1.2.0-beta.9", True),
        ("1.2.0", "1.2.0-rc.1", True),
        ("1.2.0+build.1", "1.2.0+build.9", True),
    ],
)
def test_versions_are_compared_by_semvers_precedence(has, needs, enough):
    lines = graph(release("a@1", has), release("b@1", "", source("a@1", needs)))
    assert [bool(faults(lines, {changed})) for changed in ("a@1", "b@1")] == [not enough] * 2


def test_who_needs_a_line_is_told_apart_by_how_much():
    lines = graph(
        release("a@1"),
        release("d@1", "", source("a@1")),
        release("b@1", "", source("a@1")),
        release("c@1", "", source("a@1", optional=True)),
        release("e@1", "", source("a@2")),
    )
    assert needed_by("a@1", lines) == (("b@1", "d@1"), ("c@1",))


def test_a_fault_elsewhere_does_not_hold_up_this_deploy():
    lines = graph(
        release("a@1", "1.0.0"), release("b@1", "", source("a@1", "1.5.0")), release("c@1")
    )
    assert faults(lines, {"c@1"}) == ()


def test_an_absent_source_is_a_warning_that_names_other_majors():
    sink = release("b@1", "", source("a@2"), source("c@1", optional=True))
    assert warnings(sink, graph(sink, release("a@1"))) == (
        "Source a@2 is not deployed yet (there is a@1): nothing runs here until it is.",
        "Source c@1 is not deployed yet: it is optional and does not count until then.",
    )


def test_all_lines_above_and_below_are_found_once_each_whatever_the_way():
    lines = graph(
        release("end@1", "", source("l@1"), source("r@1", optional=True)),
        release("l@1", "", source("top@1"), source("ghost@1")),
        release("r@1", "", source("top@1")),
        release("top@1"),
        release("other@1"),
    )
    assert lines_above("end@1", lines) == {"l@1", "r@1", "top@1", "ghost@1"}
    assert lines_below("top@1", lines) == {"l@1", "r@1", "end@1"}
    assert lines_below("ghost@1", lines) == {"l@1", "end@1"}
    assert (lines_above("top@1", lines), lines_below("end@1", lines)) == (set(), set())


def test_a_cycle_ends_the_search_for_lines_above_and_below():
    ring = graph(release("a@1", "", source("b@1")), release("b@1", "", source("a@1")))
    assert lines_above("a@1", ring) == lines_below("a@1", ring) == {"b@1"}


def test_what_a_line_blocks_needs_it_itself_or_by_way_of_others_and_an_optional_sink_does_not():
    lines = graph(
        release("a@1", kind="inlet"),
        release("b@1", "", source("a@1")),
        release("c@1", "", source("b@1"), source("x@1", optional=True)),
        release("d@1", "", source("a@1", optional=True)),
        release("e@1", "", source("d@1")),
    )
    assert lines_blocked_by("a@1", lines) == {"b@1", "c@1"}
    assert lines_blocked_by("x@1", lines) == set()
    assert lines_blocked_by("d@1", lines) == {"e@1"}
