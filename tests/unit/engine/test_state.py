"""What a state says of its line: whether it is down, why, and whether asking helps."""

from __future__ import annotations

import pytest

from duckstring.engine.state import Down, PondState, SourceReport, SourceView
from duckstring.model.failures import Failure
from duckstring.testing.simulator import START
from tests.unit.engine.test_demand import A, B, C, D


def below(*sources: tuple[str, Down | None, bool]) -> PondState:
    """D, with these Sources: name, why it is down, whether it is optional."""
    views = {
        name: SourceView(name, optional=optional, report=SourceReport(START, down=down))
        for name, down, optional in sources
    }
    return PondState(D, sources=views)


NO = Failure("load", 1, "ValueError", "no rows")
GONE, TRIED = Down(C, "removed"), Down(A, "failed", "no luck", retries=True)


@pytest.mark.parametrize(
    ("state", "down", "reason"),
    [
        (PondState(D), None, ""),
        (below((A, None, False), (B, GONE, True)), None, ""),
        (below((A, GONE, False)), GONE, "c@1 was removed"),
        (
            below((B, TRIED, False), (A, GONE, False)),
            Down(C, "removed", retries=True),
            "c@1 was removed",
        ),
        (PondState(D, health="killed"), Down(D, "killed"), "d@1 was killed"),
        (PondState(D, health="failed"), Down(D, "failed", retries=True), "d@1 failed"),
        (
            PondState(D, health="failed", failure=NO, failures=1),
            Down(D, "failed", "no rows", error="ValueError"),
            "d@1 failed: ValueError: no rows",
        ),
        (
            PondState(D, health="failed", failure=NO, failures=1, source_retries=1),
            Down(D, "failed", "no rows", retries=True, error="ValueError"),
            "d@1 failed: ValueError: no rows",
        ),
    ],
)
def test_a_line_is_down_for_its_own_state_or_for_the_first_required_source_that_is(
    state: PondState, down: Down | None, reason: str
) -> None:
    assert (state.down, state.reason) == (down, reason)
    assert state.blocked is (down is not None)
    assert state.retries is (down is not None and down.retries)
