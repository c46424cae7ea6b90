"""The DuckDB of an attempt: its threads."""

import os

import pytest

from duckstring.author import database


def threads(folder, memory_mib):
    con = database.settled(database.opened(memory_mib), folder, memory_mib=memory_mib)
    (found,) = con.execute("SELECT current_setting('threads')").fetchone()
    return found


@pytest.mark.parametrize(
    ("memory_mib", "processors", "expected"),
    [
        (2_048, 2, 4),  # one processor of Lambda's
        (1_024, 2, 3),  # so that each has 256 MiB
        (128, 2, 1),
        (10_240, 6, 20),
        (8_192, 2, 8),  # a task
        (122_880, 16, 64),
        (0, 2, 8),  # an author's machine
    ],
)
def test_threads_are_enough_to_wait_for_the_storage_and_fit_the_memory(
    tmp_path, monkeypatch, memory_mib, processors, expected
):
    monkeypatch.setattr(os, "cpu_count", lambda: processors)
    assert threads(tmp_path, memory_mib) == expected


def test_no_processor_is_left_idle_for_want_of_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert threads(tmp_path, 10_240) >= 10_240 // 1_769


def test_an_author_can_set_another_number(tmp_path):
    con = database.settled(database.opened(2_048), tmp_path, memory_mib=2_048)
    con.execute("SET threads = 2")
    assert con.execute("SELECT current_setting('threads')").fetchone() == (2,)
