"""The words of a gate: the state machine catches each by its name."""

from __future__ import annotations

from duckstring.model.verdicts import BEAT_SECONDS, CANCELLED, DONE, SILENCE_SECONDS, TASK


def test_no_verdict_is_taken_for_another_or_for_an_error_of_the_service():
    words = [DONE, CANCELLED, TASK]

    assert len(set(words)) == len(words)
    assert not any(word.startswith(("States.", "Lambda.")) for word in words)


def test_one_heartbeat_may_be_late_or_lost():
    assert SILENCE_SECONDS >= 2 * BEAT_SECONDS
