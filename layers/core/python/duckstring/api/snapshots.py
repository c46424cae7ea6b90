"""The snapshots that SQL over many Ponds reads: the published ones, or those of one freshness.

Rules: docs/query.md, "One freshness".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from duckstring.api.past import Past
from duckstring.api.ports import PublishedReader, TableFiles
from duckstring.api.requests import SnapshotsRequest
from duckstring.api.tables import NotPublishedError, as_state, describe_tables
from duckstring.engine.state import PondState
from duckstring.errors import OperatorError, StateConflictError
from duckstring.model.as_of import Span, newest_common, odd_one
from duckstring.model.catalog import Release
from duckstring.model.instants import NEVER, Instant, from_text, to_text
from duckstring.model.names import Line
from duckstring.model.pond_schemas import all_schemas, find_schema, ponds_of
from duckstring.ports import Catalog, Clock, StateReader

if TYPE_CHECKING:
    from duckstring.model.answers.tables import PondSnapshot, SnapshotsAnswer

Found = TypeVar("Found")

_FEW_PONDS = 20
"""More than that are found by reading the whole catalog, which the function remembers."""
_SIDE_BY_SIDE = 8
_ROOM = 4_000_000
"""Bytes of the snapshots of one answer: Lambda's answers end at 6 MB."""
_MOST_NAMED = 3


class FutureError(OperatorError):
    """Nothing can hold as of an instant that is yet to come."""


class NoLongerKeptError(OperatorError):
    """A snapshot as of the instant that is asked for is not kept."""


class NoCommonFreshnessError(OperatorError):
    """The lines have no snapshots of one freshness."""


class _Asked(NamedTuple):
    """One line that is asked for. ``f``: the freshness of its newest snapshot."""

    schema: str
    state: PondState
    f: Instant


def snapshots(
    asked: SnapshotsRequest,
    *,
    catalog: Catalog,
    states: StateReader,
    published: PublishedReader,
    files: TableFiles,
    clock: Clock,
) -> SnapshotsAnswer:
    """A snapshot of each schema; without ``schemas``, of each line that has published.

    Raises:
        PondNotFoundError: there is no such schema.
        NotPublishedError: one of them has not completed a run.
        NoCommonFreshnessError: ``consistent``, and there is no freshness that all have.
        NoLongerKeptError: ``at``, and a snapshot of then is not kept.
        FutureError: ``at`` lies in the future.
        OperatorError: the request is wrong.
    """
    at = _instant(asked.at)
    if at is not None and asked.consistent:
        raise OperatorError("consistent with at; at gives one freshness already.")
    lines = _lines(asked.schemas, catalog)
    found = _read(lines, states, named=asked.schemas is not None)
    now = clock.now()
    finding = _Finding(published, now)
    if asked.consistent and found:
        at = finding.common(found)
    elif at is not None:
        _check_past(at, found, now)
    numbers = {one.schema: one.state.snapshot for one in found}
    if at is not None:
        numbers = finding.as_of(at, found)
    answer: SnapshotsAnswer = {
        "now": to_text(now),
        "f": to_text(at) if at is not None else None,
        "snapshots": [],
    }
    _fill(answer, _from(found, asked.after), numbers, published, files)
    return answer


def _instant(text: str | None) -> Instant | None:
    try:
        return from_text(text) if text else None
    except ValueError as error:
        raise OperatorError(f"at: {error}.") from error


def _lines(schemas: Sequence[str] | None, catalog: Catalog) -> Mapping[str, Line]:
    """The line of each schema, in the order of their names."""
    if schemas is None:
        return {name: line for line, name in all_schemas(list(catalog.releases())).items()}
    ponds = sorted({pond for schema in schemas for pond in ponds_of(schema)})
    releases: Mapping[Line, Release] = {}
    if len(ponds) <= _FEW_PONDS:
        releases = {
            line: release for pond in ponds for line, release in catalog.releases(pond).items()
        }
    try:
        return {schema: find_schema(releases, schema).line for schema in sorted(set(schemas))}
    except OperatorError:  # a refusal lists the names that there are
        releases = catalog.releases()
        return {schema: find_schema(releases, schema).line for schema in sorted(set(schemas))}


def _read(lines: Mapping[str, Line], states: StateReader, *, named: bool) -> list[_Asked]:
    seen = states.read(set(lines.values()))
    found: list[_Asked] = []
    for schema, line in lines.items():
        state = seen[line].state if line in seen else PondState(line)
        if state.snapshot:
            # A line that published before this was recorded has NEVER.
            f = state.snapshot_f if state.snapshot_f != NEVER else state.end_f
            found.append(_Asked(schema, state, f))
        elif named:
            raise NotPublishedError(line, running=bool(state.runs))
    return found


class _Finding:
    """Finds snapshots of the past, those of several lines side by side."""

    def __init__(self, published: PublishedReader, now: Instant) -> None:
        self._past = Past(published, now)

    def common(self, found: Sequence[_Asked]) -> Instant:
        """The newest freshness that all lines have.

        Raises:
            NoCommonFreshnessError: there is none.
        """
        until = min(one.state.end_f for one in found)
        newer = [one for one in found if one.f > until]
        since = dict(
            zip((one.schema for one in newer), self._each(newer, self._oldest), strict=True)
        )
        spans = [
            Span(one.state.line, since.get(one.schema, min(one.f, until)), one.state.end_f)
            for one in found
        ]
        if (f := newest_common(spans)) is None:
            raise _none_in_common(spans, until)
        return f

    def as_of(self, at: Instant, found: Sequence[_Asked]) -> dict[str, int]:
        """The number of each line's snapshot as of an instant.

        Raises:
            NoLongerKeptError: one of them is not kept.
        """
        past = [one for one in found if one.f > at]
        numbers = self._each(past, lambda one: self._past.number(one.state, at))
        gone = [one for one, number in zip(past, numbers, strict=True) if not number]
        if gone:
            raise _no_longer_kept(at, gone, self._each(gone[:_MOST_NAMED], self._oldest))
        earlier = {one.schema: number for one, number in zip(past, numbers, strict=True)}
        return {one.schema: earlier.get(one.schema, one.state.snapshot) for one in found}

    def _oldest(self, one: _Asked) -> Instant:
        return self._past.oldest(one.state)

    def _each(self, found: Sequence[_Asked], act: Callable[[_Asked], Found]) -> list[Found]:
        if not found:
            return []
        self._past.learn([one.state.line for one in found])
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - only the past pays for it

        with ThreadPoolExecutor(min(_SIDE_BY_SIDE, len(found))) as pool:
            return list(pool.map(act, found))


def _check_past(at: Instant, found: Sequence[_Asked], now: Instant) -> None:
    """A Window may make a line fresh as of an instant that is yet to come."""
    newest = max([now, *(one.state.end_f for one in found)])
    if at > newest:
        raise FutureError(
            f"at {to_text(at)} lies in the future; it is {to_text(now)}.",
            hint="Leave it out to read what is published now.",
        )


def _none_in_common(spans: Sequence[Span], until: Instant) -> NoCommonFreshnessError:
    odd, f = odd_one(spans)
    if odd.oldest > until:
        stale = next(span.line for span in spans if span.until == until)
        why = (
            f"{stale} is fresh as of {to_text(until)}, and the oldest snapshot that is kept of "
            f"{odd.line} is as of {to_text(odd.oldest)}"
        )
    else:
        why = (
            f"{odd.line} is fresh as of {to_text(odd.until)}, and of the others no snapshot as of "
            "then is kept"
        )
    without = f"the others have {to_text(f)}" if f else "the others have none either"
    return NoCommonFreshnessError(
        f"{odd.line} has no snapshot of a common freshness: {why}. Without it {without}.",
        hint=f"Leave out {odd.line}, or bring the older ones up to date: duckstring trigger pulse.",
    )


def _no_longer_kept(
    at: Instant, gone: Sequence[_Asked], since: Sequence[Instant]
) -> NoLongerKeptError:
    named = ", ".join(
        f"{one.state.line} (the oldest is as of {to_text(f)})"
        for one, f in zip(gone, since, strict=False)
    )
    more = f" and {len(gone) - len(since)} more" if len(gone) > len(since) else ""
    return NoLongerKeptError(
        f"No snapshot as of {to_text(at)} is kept of {named}{more}.",
        hint="What is kept: duckstring snapshots POND; [retention] in pond.toml says how much.",
    )


def _from(found: Sequence[_Asked], after: str | None) -> Sequence[_Asked]:
    schemas = [one.schema for one in found]
    if after is None:
        return found
    if after not in schemas:
        raise StateConflictError(f"{after} is no longer among the schemas.", hint="Ask again.")
    return found[schemas.index(after) + 1 :]


def _fill(
    answer: SnapshotsAnswer,
    found: Sequence[_Asked],
    numbers: Mapping[str, int],
    published: PublishedReader,
    files: TableFiles,
) -> None:
    """Put in what there is room for, at least one, and where to go on."""
    room = _ROOM
    for row in _rows(found, numbers, published, files):
        room -= len(json.dumps(row))
        if room < 0 and answer["snapshots"]:
            answer["next"] = answer["snapshots"][-1]["schema"]
            return
        answer["snapshots"].append(row)


def _rows(
    found: Sequence[_Asked],
    numbers: Mapping[str, int],
    published: PublishedReader,
    files: TableFiles,
) -> Iterator[PondSnapshot]:
    past = {
        (one.state.line, numbers[one.schema])
        for one in found
        if numbers[one.schema] != one.state.snapshot
    }
    held = published.read_many(past) if past else {}
    for one in found:
        line, number = one.state.line, numbers[one.schema]
        if number == one.state.snapshot:
            yield {"schema": one.schema, **describe_tables(one.state, files)}
        elif (line, number) in held:
            was = as_state(line, held[line, number])
            yield {"schema": one.schema, **describe_tables(was, files)}
        else:
            raise StateConflictError(
                f"Snapshot {number} of {line} has just been deleted.", hint="Ask again."
            )
