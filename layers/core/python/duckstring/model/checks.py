"""Checks: what they found in the tables of a run, and the forms in which that is kept and shown.

A deploy adds one Ripple to a Pond that declares checks. It comes after all the others, and makes
them all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from duckstring.model.foreign import cut, for_terminal
from duckstring.model.limits import within
from duckstring.model.names import POND_NAME
from duckstring.model.values import Value, replace

if TYPE_CHECKING:
    from duckstring.model.answers.runs import CheckTold, WarningTold

CHECKS: Final = "checks"
"""The name of the Ripple that makes a Pond's checks."""
PREVIOUS: Final = "previous"
"""The schema in which a check finds the tables that are published, before the run's own are."""
CHECK_FAILED: Final = "CheckFailed"
"""The error of a run that failed its checks."""

Severity = Literal["fail", "warn"]
Outcome = Literal["passed", "failed", "warned", "not applicable", "raised"]
"""``failed`` and ``warned``: it found rows, or said so; by its severity. ``raised``: it could not
be made, beside one that failed. ``not applicable``: it compares with what is published, and nothing
is.
"""

MOST_CHECKS = 50
"""Of one Pond. The warnings of all of them lie in the line's item."""
MOST_SAMPLE, MOST_COLUMNS, MOST_CELL = 20, 30, 80
"""Rows of a sample, columns of them, and characters of a cell. What is longer is cut."""
MOST_WORDS = 500
"""Characters of what a check says itself."""
WARNING = 160
"""Bytes of what a line keeps of it (``limits.stored_bytes``)."""
MOST_ROWS = 2**50
MOST_NAME = 100
"""Characters of a column's name."""
_MOST_JSON = 60_000
"""Bytes of all results of one attempt: its row of history has room for 400 KB."""
_FEW_WORDS = 100


class CheckWarning(Value, frozen=True):
    """What a line keeps of a check that warns. ``rows``: how many must not exist; 0: the check
    gave no rows. ``message``: its own words.
    """

    check: str
    rows: int = 0
    message: str = ""

    @property
    def words(self) -> str:
        """In one line: ``late_orders: 3 rows``."""
        return ": ".join(filter(None, (self.check, _count(self.rows) or self.message)))


class CheckResult(Value, frozen=True):
    """How one check ended. ``sample``: the first of its ``rows``, a text or None for each of
    ``columns``.
    """

    check: str
    severity: Severity = "fail"
    outcome: Outcome = "passed"
    rows: int = 0
    message: str = ""
    columns: tuple[str, ...] = ()
    sample: tuple[tuple[str | None, ...], ...] = ()


def warnings_of(results: Sequence[CheckResult]) -> tuple[CheckWarning, ...]:
    """What a line keeps of checks that warn."""
    return tuple(
        CheckWarning(one.check, one.rows, within(_first_line(one.message), WARNING))
        for one in results
        if one.outcome == "warned"
    )


def has_failed(results: Sequence[CheckResult]) -> bool:
    """Whether a check forbids to publish."""
    return any(one.outcome == "failed" for one in results)


def results_of(found: object) -> tuple[CheckResult, ...] | None:
    """Results out of a process that runs an author's code. None: they are none."""
    try:
        results = msgspec.convert(found, tuple[CheckResult, ...])
    except (msgspec.ValidationError, RecursionError):
        return None
    names = {one.check for one in results}
    if len(names) < len(results) or len(results) > MOST_CHECKS:
        return None
    return results if all(map(_is_plausible, results)) else None


def _is_plausible(one: CheckResult) -> bool:
    by_severity = {"failed": "fail", "warned": "warn"}
    return (
        POND_NAME.fullmatch(one.check) is not None
        and by_severity.get(one.outcome, one.severity) == one.severity
        and 0 <= one.rows <= MOST_ROWS
        and len(one.message) <= MOST_WORDS
        and len(one.columns) <= MOST_COLUMNS
        and all(len(name) <= MOST_NAME for name in one.columns)
        and len(one.sample) <= MOST_SAMPLE
        and all(len(row) == len(one.columns) for row in one.sample)
        and all(len(cell or "") <= MOST_CELL for row in one.sample for cell in row)
    )


def to_text(results: Sequence[CheckResult]) -> str:
    """As JSON for a row of history. Where that has no room for all, the largest samples are left
    out, and long words are cut.
    """
    kept = list(results)
    while len(text := msgspec.json.encode(kept)) > _MOST_JSON:
        largest = max(range(len(kept)), key=lambda at: len(msgspec.json.encode(kept[at].sample)))
        if not kept[largest].sample:
            kept = [replace(one, message=cut(one.message, _FEW_WORDS)) for one in kept]
            return msgspec.json.encode(kept).decode()
        kept[largest] = replace(kept[largest], columns=(), sample=())
    return text.decode()


def from_text(text: str) -> tuple[CheckResult, ...] | None:
    """Read what ``to_text`` wrote. None: the text is another one. Every worker may write rows."""
    try:
        return results_of(msgspec.json.decode(text))
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None


def to_object(one: CheckResult) -> CheckTold:
    """As answers have it."""
    return {
        "check": one.check,
        "severity": one.severity,
        "outcome": one.outcome,
        "rows": one.rows,
        "message": one.message,
        "columns": list(one.columns),
        "sample": [list(row) for row in one.sample],
    }


def warning_to_object(one: CheckWarning) -> WarningTold:
    """As answers have it."""
    return {"check": one.check, "rows": one.rows, "message": one.message}


def in_words(results: Sequence[CheckResult]) -> str:
    """For people: a sentence, then each check that found something, with its sample. Empty: none
    has.
    """
    found = [one for one in results if one.outcome in {"failed", "warned", "raised"}]
    if not found:
        return ""
    return "\n".join([_summary(results), *(line for one in found for line in _block(one))])


def _summary(results: Sequence[CheckResult]) -> str:
    """``2 of 5 checks failed: a (3 rows), b. 1 warned: c. Nothing of this run is published.``."""
    said: list[str] = []
    for outcome in ("failed", "warned", "raised"):
        if named := [_named(one) for one in results if one.outcome == outcome]:
            of = "" if said else f" of {len(results)} check{'' if len(results) == 1 else 's'}"
            said.append(f"{len(named)}{of} {outcome}: {', '.join(named)}.")
    if has_failed(results):
        said.append("Nothing of this run is published.")
    return " ".join(said)


def _named(one: CheckResult) -> str:
    return f"{one.check} ({_count(one.rows)})" if one.rows else one.check


def _count(rows: int) -> str:
    return f"{rows:,} row{'' if rows == 1 else 's'}" if rows else ""


def _block(one: CheckResult) -> Iterator[str]:
    says = ": ".join(filter(None, (_count(one.rows), one.message)))
    yield f"\n{one.check} ({one.outcome}): {for_terminal(says, lines=True)}"
    if one.sample:
        yield from table(one)
        if one.rows > len(one.sample):
            yield f"  ... and {_count(one.rows - len(one.sample))} more"


def table(one: CheckResult) -> Iterator[str]:
    """A sample as lines of text: the names of the columns, then its rows."""
    cells = [
        [for_terminal("NULL" if cell is None else cell) for cell in row]
        for row in (one.columns, *one.sample)
    ]
    widths = [max(len(row[at]) for row in cells) for at in range(len(one.columns))]
    for row in cells:
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield f"  {'  '.join(padded)}".rstrip()


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")
