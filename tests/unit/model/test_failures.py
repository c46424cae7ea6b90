"""A failure's text is the author's, cut only where there is no room for it."""

from __future__ import annotations

import json

from hypothesis import example, given
from hypothesis import strategies as st

from duckstring.model.failures import Failure, failed_answer, shortened
from duckstring.model.limits import ANSWER, ERROR, MESSAGE, stored_bytes
from tests.property.worlds import looks

NOTE = "... (history has all of it)"


@looks(100)
@given(st.text(max_size=40), st.integers(1, 400))
@example("no rows", 1)
@example("x", ANSWER - 2)
@example("x", ANSWER - 1)
@example("\U0001f986", 500)
@example("\ud800", 2_000)
def test_an_answer_has_as_much_of_the_message_as_its_room_allows(part: str, times: int) -> None:
    message = part * times
    answer = failed_answer("failed", ripple="load", attempt=2, error="KeyError", message=message)
    assert answer["outcome"] == "failed"
    assert {**answer["failure"], "message": ""} == {
        "ripple": "load",
        "attempt": 2,
        "error": "KeyError",
        "message": "",
    }
    said = answer["failure"]["message"]
    if len(json.dumps(message)) <= ANSWER:
        assert said == message
        return
    kept = said.removesuffix(NOTE)
    assert said == kept + NOTE
    assert message.startswith(kept)
    assert len(json.dumps(kept)) <= ANSWER < len(json.dumps(message[: len(kept) + 1]))


def test_a_failure_that_fits_is_kept_word_for_word_and_another_says_where_all_of_it_is() -> None:
    short = Failure("load", 1, "ValueError", "no rows\n\x1b[31m")
    assert shortened(short) == short
    long = shortened(Failure("load", 1, "E" * 1_000, "ü" * 5_000))
    assert long.message == "ü" * ((MESSAGE - len(NOTE)) // 2) + NOTE
    assert stored_bytes(long.error) == ERROR


def test_an_answer_says_that_an_error_is_final_only_if_it_is():
    what = {"ripple": "load", "attempt": 1, "error": "OSError", "message": "no"}
    assert failed_answer("failed", **what)["failure"] == what
    assert failed_answer("failed", **what, final=True)["failure"] == {**what, "final": True}


def test_what_is_shortened_stays_final():
    assert shortened(Failure("load", 1, "OSError", "x" * 5_000, final=True)).final
