from datetime import timedelta

import pytest

from duckstring.engine.attempts import is_awaited
from duckstring.engine.state import Attempt, PondState, RippleState, Run
from duckstring.model.failures import Failure
from duckstring.model.names import Line
from duckstring.model.values import replace
from duckstring.testing.simulator import START

RUN = Run(7, START, START, timedelta(0), "1.0.0", "a", "m", 0, START, launch=2)
STATE = PondState(
    Line("sales@1"),
    runs={7: RUN},
    ripples={
        "load": RippleState("load", attempt=Attempt(7, 3, START, dispatched=True)),
        "join": RippleState("join"),
    },
)
FAILED = replace(STATE, runs={7: replace(RUN, failure=Failure("join", 1, "E", "no"))})


def awaited(state=STATE, **other):
    asked = {"run": 7, "launch": 2, "ripple": "load", "attempt": 3, "has_begun": False, **other}
    return is_awaited(state, **asked)


def test_the_attempt_that_a_ripple_is_at_is_awaited():
    assert awaited()


@pytest.mark.parametrize(
    "other",
    [{"run": 8}, {"launch": 1}, {"ripple": "join"}, {"ripple": "none"}, {"attempt": 2}],
)
def test_no_other_is(other):
    assert not awaited(**other)


def test_in_a_run_that_has_failed_only_what_has_begun_is_awaited():
    assert not awaited(FAILED)
    assert awaited(FAILED, has_begun=True)
