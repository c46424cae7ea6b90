"""What an attempt that makes checks has to say of them: foreign input until it is checked here."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from duckstring.author.check_pond import CheckPond
from duckstring.author.pond import Pond
from duckstring.engine.state import PondState, Run
from duckstring.model.checks import (
    CHECK_FAILED,
    MOST_CELL,
    MOST_NAME,
    MOST_WORDS,
    CheckResult,
    has_failed,
    in_words,
    results_of,
)
from duckstring.model.foreign import Redactor
from duckstring.model.values import replace
from duckstring.worker.calling import Fault


def sent(pond: Pond) -> list[object]:
    """The results as the attempt's process sends them."""
    results = pond.results if isinstance(pond, CheckPond) else ()
    return [msgspec.to_builtins(one) for one in results]


def received(found: object, redactor: Redactor) -> tuple[CheckResult, ...] | None:
    """The results that a process has sent, without secrets. None: they are none."""
    results = results_of(found)
    return None if results is None else tuple(_clean(one, redactor) for one in results)


def _clean(one: CheckResult, redactor: Redactor) -> CheckResult:
    def cell(text: str | None) -> str | None:
        return None if text is None else redactor.text(text, most=MOST_CELL)

    return replace(
        one,
        message=redactor.text(one.message, most=MOST_WORDS),
        columns=tuple(redactor.text(name, most=MOST_NAME) for name in one.columns),
        sample=tuple(tuple(map(cell, row)) for row in one.sample),
    )


def failed(results: Sequence[CheckResult]) -> Fault | None:
    """The failure of an attempt of which a check forbids to publish."""
    return Fault(CHECK_FAILED, in_words(results), "") if has_failed(results) else None


def is_check_ripple(state: PondState, ripple: str) -> bool:
    """Whether a Ripple is the one that makes the checks."""
    return state.release is not None and state.release.check_ripple == ripple


def is_checked(state: PondState, run: Run, earlier: Sequence[Run]) -> bool:
    """Whether a run leaves everything as it is published, so that its checks need not be made.

    All of its Ripples said that nothing changed, and the same package has published what there is:
    its checks have passed, or warned, of exactly these tables.

    Args:
        state: the line's.
        run: the run.
        earlier: open runs before it, and itself.
    """
    if run.forced or not state.snapshot or state.published_artifact != run.artifact:
        return False
    if any(one.outputs or one.dropped for one in earlier):
        return False
    return all(name in run.skipped for name in state.ripples if not is_check_ripple(state, name))
