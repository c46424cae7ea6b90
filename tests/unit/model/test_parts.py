"""Lists of parts: what is folded, what is news, and what cannot be true of one."""

from __future__ import annotations

import pytest

from duckstring.model.catalog import Part, Position, TableVersion
from duckstring.model.parts import (
    MOST_ADOPTED,
    MOST_LIVE,
    MOST_NEWS,
    first_to_fold,
    folded,
    news_after,
    part_faults,
    position_of,
)
from duckstring.model.values import replace

FOLDER = "data/sales@1/orders"


def file(number: int) -> str:
    return f"{number:010d}-load-1-0a1b2c3d"


def key(number: int) -> str:
    return f"{FOLDER}/{file(number)}.parquet"


def part(number: int, size: int = 1, **more: object) -> Part:
    return Part(file(number), size, size, **more)


def table(*parts: Part, **more: object) -> TableVersion:
    return TableVersion(
        "orders", f"{FOLDER}/{parts[-1].file}.parquet", 9, 9, "f", parts=parts, **more
    )


PLAIN = TableVersion("orders", key(1), 5, 50, "f")


def grown(*sizes: int) -> TableVersion:
    """A table after appends of these sizes, the first one its base."""
    there = TableVersion("orders", key(1), sizes[0], sizes[0], "f")
    for number, size in enumerate(sizes[1:], 2):
        parts = there.contents
        if (first := first_to_fold(there.live)) is not None:
            total = sum(one.bytes for one in there.live[first:])
            parts = folded(parts, part(1000 + number, total, use="base"))
        there = table(*parts, part(number, size))
    return there


def test_a_table_of_one_object_is_one_part_that_readers_go_on_from() -> None:
    assert PLAIN.contents == PLAIN.live == (Part(file(1), 5, 50, use="start"),)
    assert PLAIN.keys == (key(1),)
    assert position_of(PLAIN) == Position(key(1), whole=True)


def test_a_table_with_parts_has_all_their_keys_and_the_rows_of_those_that_are_live() -> None:
    version = table(part(1, use="news"), part(9, use="base"), part(2))
    assert version.keys == (key(1), key(9), key(2))
    assert [one.file for one in version.live] == [file(9), file(2)]
    assert position_of(version) == Position(key(2))


def test_nothing_is_folded_while_there_is_room() -> None:
    assert first_to_fold([part(n) for n in range(MOST_LIVE - 1)]) is None


def test_a_large_base_is_not_written_again_for_small_parts() -> None:
    base, small = part(0, 1_000_000), [part(n) for n in range(1, MOST_LIVE)]
    assert first_to_fold([base, *small]) == 1
    assert first_to_fold([part(0, 3), *small]) == 0


def test_at_least_two_parts_are_folded_however_their_sizes_fall() -> None:
    assert first_to_fold([part(n, 10 ** (20 - n)) for n in range(MOST_LIVE)]) == MOST_LIVE - 2


def test_what_is_written_again_grows_with_the_logarithm_of_a_table_not_with_its_size() -> None:
    """A thousand appends to a large table, as bytes written for each byte appended."""
    there, written = TableVersion("orders", key(1), 1, 10**9, "f"), 0
    for number in range(2, 1002):
        parts = there.contents
        if (first := first_to_fold(there.live)) is not None:
            total = sum(one.bytes for one in there.live[first:])
            written += total
            parts = folded(parts, part(5000 + number, total, use="base"))
        written += 100
        there = table(*parts, part(number, 100))
    assert written / 100_000 < 8


def test_folded_parts_stay_as_news_and_the_oldest_of_them_go() -> None:
    version = grown(*[1] * 30)
    uses = [one.use for one in version.parts]
    assert uses.count("news") == MOST_NEWS
    assert len(version.live) <= MOST_LIVE
    assert sum(one.bytes for one in version.live) == 30
    assert not list(part_faults(version))


@pytest.mark.parametrize("sizes", [[1] * 40, [10**6, *[1] * 39], [50, *[1, 9, 3] * 13]])
def test_a_position_that_is_found_has_all_that_came_after_it(sizes: list[int]) -> None:
    for end in range(1, len(sizes) + 1):
        version = grown(*sizes[:end])
        for taken in range(1, end + 1):
            news = news_after(version, Position(key(taken)))
            if news is not None:
                assert [one.file for one in news] == [file(n) for n in range(taken + 1, end + 1)]
        newest = news_after(version, Position(key(max(1, end - MOST_NEWS + 2))))
        assert newest is not None, "a reader that is a few parts behind"


def test_a_base_is_no_place_to_go_on_from_once_news_after_it_are_gone() -> None:
    sizes = [10**6, *[1] * 39]
    assert news_after(grown(*sizes[:12]), Position(key(1))) is not None
    assert news_after(grown(*sizes), Position(key(1))) is None
    assert grown(*sizes).parts[0].use == "base"


@pytest.mark.parametrize(
    "position",
    [None, Position(key(7)), Position(f"data/sales@2/orders/{file(1)}.parquet", whole=True)],
)
def test_what_is_new_to_a_reader_whose_position_is_not_known_is_not_known(
    position: Position | None,
) -> None:
    assert news_after(PLAIN, position) is None


def located(number: int, size: int = 1, **more: object) -> Part:
    """What another engine has written."""
    return Part(f"{file(1)}/part-{number}", size, size, **{"use": "base", **more})


def test_what_another_engine_has_written_is_no_part_that_is_counted_or_folded() -> None:
    many = [located(n) for n in range(MOST_ADOPTED)]
    small = [part(n) for n in range(1, MOST_LIVE + 1)]
    assert first_to_fold([*many, *small[:-1]]) is None
    assert first_to_fold([*many, *small]) == len(many)
    assert first_to_fold([*many, part(1, 10**6), *small[1:]]) == len(many) + 1
    assert first_to_fold([*many, *(part(n, 10 ** (20 - n)) for n in range(MOST_LIVE))]) == (
        len(many) + MOST_LIVE - 2
    )
    after = folded([*many, *small], part(99, use="base"))
    assert list(after[: len(many)]) == many
    assert [one.use for one in after[len(many) :]] == ["news"] * MOST_LIVE + ["base"]


def test_a_table_may_begin_with_files_of_another_engine_and_their_keys_lie_in_its_location() -> (
    None
):
    version = table(*(located(n) for n in range(MOST_ADOPTED)), part(2, use="start"))
    assert not list(part_faults(version))
    assert version.keys[0] == f"{FOLDER}/{file(1)}/part-0"
    assert version.keys[-1] == key(2)
    assert position_of(version) == Position(key(2))
    assert news_after(version, Position(key(2))) == ()
    assert news_after(version, Position(version.keys[0])) is None


TRUE = table(part(1, use="start"), part(2, kind="changes"), merge_key=("id",), total="7")


@pytest.mark.parametrize(
    ("version", "fault"),
    [
        (replace(TRUE, total="-1"), "total is '-1'"),
        (replace(TRUE, total="9" * 40), "total is"),
        (replace(TRUE, merge_key=tuple(map(str, range(17)))), "a key of 17 columns"),
        (replace(TRUE, merge_key=("a", "a")), "a key of 2 columns"),
        (replace(TRUE, merge_key=("",)), "has no name"),
        (replace(TRUE, merge_key=("x" * 2000,)), "a very long one"),
        (replace(TRUE, merge_key=()), "changes without a key"),
        (table(part(1)), "1 parts"),
        (table(*(part(n, use="news") for n in range(17)), part(20)), "18 parts"),
        (table(*map(part, range(9))), "9 parts"),
        (table(part(1), part(1)), "is there twice"),
        (replace(TRUE, key=key(1)), "another object than its key"),
        (table(Part("../../x", 1, 1), part(2)), "under a key that no attempt has"),
        (table(part(1, use="news"), part(2, use="news")), "changes of nothing"),
        (table(part(1), located(1), part(2)), "an adopted part lies behind others"),
        (table(located(1), located(2)), "an adopted part lies behind others"),
        (table(located(1, use="both"), part(2)), "an adopted part is no base"),
        (table(located(1, use="news"), part(2)), "an adopted part is no base"),
        (table(located(1, kind="changes"), part(2)), "an adopted part is no base"),
        (
            table(*(located(n) for n in range(MOST_ADOPTED + 1)), part(2)),
            f"{MOST_ADOPTED + 1} adopted parts",
        ),
        (table(Part(f"{file(1)}/../x", 1, 1, use="base"), part(2)), "that no attempt has"),
        (table(Part(f"{file(1)}/_x", 1, 1, use="base"), part(2)), "that no attempt has"),
        (table(Part(f"{file(1)}.parquet/x", 1, 1, use="base"), part(2)), "that no attempt has"),
        (table(Part("eu/x", 1, 1, use="base"), part(2)), "that no attempt has"),
        (
            table(part(1, use="news"), part(2, kind="changes"), merge_key=("id",)),
            "changes of nothing",
        ),
    ],
)
def test_what_cannot_be_true_of_a_version_is_said(version: TableVersion, fault: str) -> None:
    assert fault in "; ".join(part_faults(version))


def test_a_version_that_may_be_true_has_no_fault() -> None:
    assert not list(part_faults(TRUE))
    assert not list(part_faults(PLAIN))
