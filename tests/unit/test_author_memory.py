"""pond.remember, pond.recall and pond.run_key, by the worker that hands them out."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest

from duckstring.author.errors import MemoError
from duckstring.author.memory import MOST_BYTES, Memo, SupersededError
from duckstring.model.names import Line, try_key
from tests.unit.worker_kit import NOON, SALES, World

HEAD = "import os\nfrom duckstring import ripple\n\n@ripple\ndef load(pond):\n"


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def ran(world, body, **which):
    world.deploy(HEAD + "".join(f"    {line}\n" for line in body.splitlines()))
    world.open_run(**which)
    return world.run(**{name: value for name, value in which.items() if name != "tried"})


def told(world, table="told"):
    return world.rows_of(table)[0][0]


REMEMBER = (
    "pond.remember('run', {'id': 7, 'links': ('a', 'b')})\npond.remember('none', None)\n"
    "raise ValueError('later')"
)
RECALL = """
import json
found = [pond.recall('run'), pond.recall('none', 1), pond.recall('other', 5)]
pond.write_table('told', f"SELECT '{json.dumps(found)}'")
"""


def test_a_later_attempt_of_the_same_try_recalls_what_an_earlier_one_remembered(world):
    ran(world, REMEMBER)
    assert ran(world, RECALL, attempt=2) == {"outcome": "ok"}
    assert json.loads(told(world)) == [{"id": 7, "links": ["a", "b"]}, None, 5]


@pytest.mark.parametrize(
    "other", [{"attempt": 2, "tried": 2}, {"number": 2}], ids=["the next try", "the next run"]
)
def test_another_try_and_another_run_recall_nothing_of_it(world, other):
    ran(world, REMEMBER)
    ran(world, RECALL, **other)
    assert json.loads(told(world)) == [None, 1, 5]


def test_what_is_remembered_is_recalled_at_once_as_a_later_attempt_would_see_it(world):
    body = """
pond.remember('pair', (1, 2))
assert pond.recall('pair') == [1, 2]
pond.recall('pair').append(3)
assert pond.recall('pair') == [1, 2]
"""
    assert ran(world, body) == {"outcome": "ok"}


def test_a_late_attempt_does_not_change_what_the_later_one_has_looked_at(world):
    early, late = (
        Memo(world.of(SALES, run=1, ripple="load", tried=1, attempt=attempt)) for attempt in (1, 2)
    )
    early.remember("a", 1)
    assert late.recall("b", None) is None
    with pytest.raises(SupersededError):
        early.remember("b", 2)
    late.remember("b", 3)
    assert world.last(SALES, run=1, ripple="load", tried=1) == {"a": "1", "b": "3"}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (
            "pond.remember('x', object())",
            "pond.remember('x') was given a object that cannot be JSON",
        ),
        ("pond.remember('x', float('nan'))", "cannot be JSON"),
        ("pond.remember(7, 'x')", "take a name, not 7"),
        ("pond.recall('')", "take a name, not ''"),
        (
            f"pond.remember('x', 'y' * {MOST_BYTES})",
            f"would remember {MOST_BYTES + 3} bytes; allowed: {MOST_BYTES} together.",
        ),
    ],
)
def test_what_cannot_be_remembered_is_refused(world, wrong, said):
    failure = ran(world, wrong)["failure"]
    assert failure["error"] == MemoError.__name__
    assert said in failure["message"]
    assert not world.memos.get((1, "load", 1), (0, {}))[1]


def test_what_was_refused_is_not_recalled(world):
    memo = Memo(world.of(SALES, run=1, ripple="load", tried=1, attempt=1))
    with pytest.raises(MemoError):
        memo.remember("x", "y" * MOST_BYTES)
    assert memo.recall("x", "nothing") == "nothing"


KEY = {"ripple": "load", "tried": 1}


def test_the_key_is_the_same_for_each_attempt_of_a_try(world):
    keys = []
    for which in ({}, {"attempt": 2}, {"attempt": 3, "tried": 2}, {"number": 2}):
        ran(world, "pond.write_table('told', f\"SELECT '{pond.run_key}'\")", **which)
        keys.append(told(world))
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3
    assert keys[0].startswith("sales-1-1-")


def test_the_key_differs_by_everything_that_makes_a_try():
    later = NOON + timedelta(seconds=1)
    keys = [
        try_key("dev", SALES, 1, NOON, **KEY),
        try_key("prod", SALES, 1, NOON, **KEY),
        try_key("dev", Line("sales@2"), 1, NOON, **KEY),
        try_key("dev", SALES, 2, NOON, **KEY),
        try_key("dev", SALES, 1, later, **KEY),
        try_key("dev", SALES, 1, NOON, ripple="join", tried=1),
        try_key("dev", SALES, 1, NOON, ripple="load", tried=2),
    ]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("pond", ["a", "a_b", "a" + "_" * 47, "x" * 48, "x" * 22 + "_" * 26])
def test_the_key_fits_where_names_are_short_and_plain(pond):
    key = try_key("dev", Line(f"{pond}@999999"), 12_345_678, NOON, **KEY)
    assert re.fullmatch(r"[a-z][a-z0-9-]*[a-z0-9]", key)
    assert "--" not in key
    assert len(key) <= 64
