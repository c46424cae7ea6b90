"""What an attempt has read, as text: bounded, and read as input from outside."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duckstring.model.catalog import Part, TableVersion
from duckstring.model.lineage import (
    MOST_BYTES,
    Lineage,
    TableRead,
    from_text,
    has_earlier,
    to_object,
    to_text,
    writer_name,
    writers_of,
)
from duckstring.model.names import Line
from duckstring.model.permits import AttemptName

_names = st.from_regex(r"[a-z][a-z0-9_]{0,12}", fullmatch=True)
_writers = st.builds("{}-{}-{}".format, st.integers(1, 999), _names, st.integers(1, 9))
_reads = st.builds(
    TableRead,
    st.just("") | st.builds("{}@{}".format, _names, st.integers(0, 3)),
    _names,
    st.lists(_writers, max_size=8, unique=True).map(tuple),
    st.booleans(),
    st.booleans(),
)


@given(st.lists(_reads, max_size=20, unique_by=lambda one: one.ref), st.booleans())
def test_what_is_written_reads_back(reads, is_open):
    lineage = Lineage(tuple(reads), is_open)
    back = from_text(to_text(lineage))
    assert back is not None
    assert (set(back.reads), back.is_open, back.left_off) == (set(reads), is_open, 0)


def test_a_table_of_parts_names_each_live_writer_once():
    parts = (
        Part("0000000002-load-1-x", 1, 1, use="news"),
        Part("0000000003-load-1-x", 1, 1, use="start"),
        Part("0000000009-fold-2-xp1", 1, 1, use="base"),
        Part("0000000009-fold-2-xp2", 1, 1),
    )
    version = TableVersion("t", "data/a@1/t/0000000009-fold-2-xp2.parquet", 1, 1, "", parts=parts)
    assert writers_of(version) == ("3-load-1", "9-fold-2")
    assert has_earlier(version)
    assert writers_of(version, parts[3:]) == ("9-fold-2",)
    assert not has_earlier(version, parts[3:])
    assert writer_name(Line("a@1"), "9-fold-2") == AttemptName(Line("a@1"), 9, "fold", 2)


def test_what_another_engine_has_written_is_of_the_attempt_that_adopted_it():
    parts = (
        Part("0000000003-load-1-x/eu/part-0.parquet", 1, 1, use="base"),
        Part("0000000003-load-1-x/eu/part-1.parquet", 1, 1, use="base"),
        Part("0000000003-load-1-x", 0, 1, use="start"),
    )
    version = TableVersion("t", "data/a@1/t/0000000003-load-1-x.parquet", 2, 1, "", parts=parts)
    assert (writers_of(version), has_earlier(version)) == (("3-load-1",), False)


def test_what_is_too_much_loses_earlier_writers_then_what_may_have_been_read_then_the_rest():
    eight = tuple(f"{n}-load-1" for n in range(1, 9))
    some = [TableRead("", f"t{n:03d}", eight, n % 2 == 0) for n in range(300)]
    kept = from_text(to_text(Lineage(tuple(some))))
    assert kept is not None
    assert (len(kept.reads), {one.writers for one in kept.reads}) == (300, {("8-load-1",)})
    assert all(one.and_earlier for one in kept.reads)
    long = [TableRead("a" * 48 + "@1", f"t{n:047d}", ("8-load-1",), n < 50) for n in range(300)]
    text = to_text(Lineage(tuple(reversed(long)), left_off=2))
    kept = from_text(text)
    assert kept is not None
    assert len(text) <= MOST_BYTES
    assert sum(one.is_sure for one in kept.reads) == 50
    assert len(kept.reads) + kept.left_off == 302
    sure = [TableRead("a" * 48 + "@1", f"t{n:047d}", ("8-load-1",)) for n in range(900)]
    kept = from_text(to_text(Lineage(tuple(sure))))
    assert kept is not None
    assert len(kept.reads) + kept.left_off == 900


def test_answers_have_it_as_plain_values():
    lineage = Lineage((TableRead("a@1", "t", ("1-load-1",)),), is_open=True, left_off=3)
    assert to_object(lineage) == {
        "reads": [{"table": "a@1.t", "sure": True, "writers": ["1-load-1"], "earlier": False}],
        "open": True,
        "left_off": 3,
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        "7",
        "[]",
        "{",
        "[" * 9_000,
        " " * 100_000,
        *(
            json.dumps(found)
            for found in (
                {"read": []},
                {"read": {"T": []}},
                {"read": {"a.t": []}},
                {"read": {"a@01.t": []}},
                {"read": {"a@1.t.u": []}},
                {"read": {"t": "1-load-1"}},
                {"read": {"t": [7]}},
                {"read": {"t": ["1-load-1\n"]}},
                {"read": {"t": ["1-load"]}},
                {"read": {"t": ["1-load-1", "*"]}},
                {"read": {"t": ["*", "*"]}},
                {"read": {"t": ["1-load-1"] * 117}},
                {"may": {"\u001b[2J": []}},
                {"left_off": -1},
                {"left_off": True},
                {"left_off": "x"},
            )
        ),
    ],
)
def test_what_no_worker_of_ours_wrote_is_no_record(text):
    assert from_text(text) is None


@pytest.mark.parametrize("text", ["", "1-load", "0-load-1", "1-load-1-1", "1-LOAD-1", "1_load_1"])
def test_a_text_of_another_form_names_no_attempt(text):
    assert writer_name(Line("a@1"), text) is None


@given(st.text(max_size=40) | st.recursive(st.none(), st.lists).map(json.dumps))
def test_any_text_is_read_or_refused(text):
    assert from_text(text) is None or isinstance(from_text(text), Lineage)
