"""A line is found by the name that a person gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from duckstring.model.catalog import Release, Removal
from duckstring.model.find import PondNotFoundError, find, find_deployed, find_ever_deployed
from duckstring.model.names import Line
from tests.unit.api.world import NOON, ShelfCatalog, graph, release

TWO = graph(release("sales@1"), release("sales@2"), release("rates@1"))


class Removals:
    """What is no longer deployed."""

    def removed(self, pond: str | None = None) -> Sequence[Removal]:
        return [
            Removal(Line(line), NOON)
            for line in ("orders@1", "orders@3", "sales@4")
            if pond is None or line.startswith(f"{pond}@")
        ]


def refused(releases: Mapping[Line, Release], pond: str, major: int | None = None) -> str:
    with pytest.raises(PondNotFoundError) as caught:
        find(releases, pond, major)
    assert caught.value.hint == "List them with: duckstring status --once"
    return caught.value.message


def test_the_highest_major_is_meant_unless_another_is_named() -> None:
    assert find(TWO, "sales").line == "sales@2"
    assert find(TWO, "sales", 1).line == "sales@1"
    assert find_deployed(ShelfCatalog(TWO), "sales").line == "sales@2"


def test_a_refusal_names_what_there_is() -> None:
    assert refused(TWO, "sals") == "No Pond 'sals' in this Catchment; the nearest: sales."
    assert refused(TWO, "x") == "No Pond 'x' in this Catchment; it has rates, sales."
    assert refused({}, "x") == "No Pond 'x' in this Catchment; nothing is deployed yet."
    assert (
        refused(TWO, "sales", 7)
        == "No Pond 'sales@7' in this Catchment; the nearest: sales@2, sales@1."
    )
    many = graph(*(release(f"p{number}@1") for number in range(10)))
    assert refused(many, "x").endswith("it has p0, p1, p2, p3, p4, p5, p6, p7 and 2 more.")


def test_one_refusal_reads_the_whole_catalog_for_the_names() -> None:
    with pytest.raises(PondNotFoundError, match=r"the nearest: sales\."):
        find_deployed(ShelfCatalog(TWO), "sals")


@pytest.mark.parametrize(
    ("pond", "major", "line"),
    [
        ("sales", None, "sales@2"),  # it is deployed, although a higher one is gone
        ("sales", 4, "sales@4"),
        ("orders", None, "orders@3"),
        ("orders", 1, "orders@1"),
    ],
)
def test_data_of_a_removed_line_is_found_where_none_is_deployed(
    pond: str, major: int | None, line: str
) -> None:
    assert find_ever_deployed(ShelfCatalog(TWO), Removals(), pond, major) == line


@pytest.mark.parametrize(("pond", "major"), [("orders", 2), ("never", None)])
def test_a_line_that_was_never_deployed_is_refused(pond: str, major: int | None) -> None:
    with pytest.raises(PondNotFoundError):
        find_ever_deployed(ShelfCatalog(TWO), Removals(), pond, major)
