"""A line's state in words, fact by fact, so that two states can be compared. Decides nothing.

The stamps of letters, and what only orders the next run, are left out (``LEFT_OUT``).
"""

from __future__ import annotations

from collections.abc import Iterator

from duckstring.api.letter_words import at_of, failure_of, release_of, report_of
from duckstring.api.status import word_for
from duckstring.engine.state import PondState, RippleState, Run, SourceView, Tide, Trigger
from duckstring.model.audits import short
from duckstring.model.durations import duration_in_words
from duckstring.model.instants import NEVER, ZERO, Instant
from duckstring.model.said import Said
from duckstring.model.staleness import Watch
from duckstring.model.staleness import in_words as age_in_words
from duckstring.model.windows import in_words

LEFT_OUT = frozenset(
    {"line", "revision", "last_held", "last_anew", "urgent", "awaited", "waited", "tapped"}
    | {"published_artifact", "claims_made", "arrivals_from", "failed_f", "former", "restored"}
    | {"positions"}
)
"""Fields of a state that are not told."""

_Fact = tuple[str, str]


def changes(before: PondState, after: PondState) -> list[tuple[str, str, str]]:
    """What differs: its name, and what it was and is; empty where it was or is not so."""
    old, new = dict(facts(before)), dict(facts(after))
    names = [*new, *(name for name in old if name not in new)]
    return [
        (name, old.get(name, ""), new.get(name, ""))
        for name in names
        if old.get(name, "") != new.get(name, "")
    ]


def facts(state: PondState) -> Iterator[_Fact]:
    """What a line is like, as (name, text). What is not so is left out."""
    yield "status", word_for(state, state.next_release or state.release)
    yield from _deployed(state)
    yield from _published(state)
    yield from _wanted(state)
    yield from _trouble(state)
    for line, view in sorted(state.sources.items()):
        yield f"Source {line}", _source(view)
    for line in sorted(state.sinks):
        yield f"Sink {line}", "reads it"
    for number, run in sorted(state.runs.items()):
        yield f"run {number}", _run(run)
    for name, ripple in state.ripples.items():
        yield f"Ripple {name}", _ripple(ripple)


def _deployed(state: PondState) -> Iterator[_Fact]:
    if state.release:
        yield "version", release_of(state.release)
    if state.next_release:
        yield "version that waits", release_of(state.next_release)
    yield "immediate retries", str(state.immediate_retries)
    yield "source retries", str(state.source_retries)
    yield "priority", str(state.priority)
    for name, window in sorted(state.windows.items()):
        yield f"Window {name}", in_words(window)
    for name, pin in sorted(state.compute.items()):
        yield f"pin of {name}", f"{pin.on}{f' {pin.memory_mib} MiB' if pin.memory_mib else ''}"


def _published(state: PondState) -> Iterator[_Fact]:
    yield from _dates(
        ("fresh as of", state.end_f),
        ("started as of", state.start_f),
        ("changed as of", state.changed_f),
        ("snapshot as of", state.snapshot_f),
        ("data as of", state.held_f),
    )
    yield from _if_so(
        ("delay", duration_in_words(state.delay) if state.delay > ZERO else ""),
        ("snapshot", str(state.snapshot or "")),
        ("restated", "yes" if state.restated else ""),
        ("runs begun", str(state.runs_started or "")),
    )
    for name, version in sorted(state.tables.items()):
        yield f"table {name}", f"{version.rows:,} rows, {version.key.rpartition('/')[2]}"
    for name, dropped in sorted(state.dropped.items()):
        yield f"dropped table {name}", f"with snapshot {dropped.snapshot}"
    for name in sorted(state.removing):
        yield f"removal of {name}", "waits"
    for one in state.warnings:
        yield f"warning of {one.check}", f"{one.rows:,} rows"


def _wanted(state: PondState) -> Iterator[_Fact]:
    yield from _if_so(
        ("trigger", _trigger(state.trigger)),
        ("asked for as of", ", ".join(at_of(one) for one in sorted(state.targets))),
        ("forced", "yes" if state.force else ""),
        ("asleep", "yes" if state.asleep else ""),
        ("new runs", f"held since {at_of(state.hold.at)}" if state.hold.on else ""),
        *((f"last {kind}", _said(one)) for kind, one in sorted(state.said.items())),
    )
    yield from _dates(
        ("newer output is asked for since", state.pull),
        ("asked for while down since", state.kept.epoch if state.kept else None),
        ("woken for", state.woken),
        ("alarm", state.alarm),
    )


def _trouble(state: PondState) -> Iterator[_Fact]:
    yield from _if_so(
        ("health", "" if state.health == "ok" else state.health),
        ("failure", failure_of(state.failure).removeprefix(": ")),
        ("failed run", str(state.failed_run or "")),
        ("failures in a row", str(state.failures or "")),
        ("objects that arrived", str(state.arrived or "")),
        ("declared bound of age", age_in_words(state.stale_bound) if state.stale_bound else ""),
        ("bound of age", _watch(state.watch) if state.watch else ""),
    )
    yield from _dates(
        ("tries again at", state.retry_at),
        ("too old since", state.watch.stale if state.watch else None),
    )


def _said(said: Said) -> str:
    note = f", {said.note!r}" if said.note else ""
    return f"at {at_of(said.at)} by {short(said.by) or 'somebody'}{note}"


def _watch(watch: Watch) -> str:
    whose = "declared" if watch.declared else "of its Tide"
    return f"{age_in_words(watch.bound)}, {whose}, counts since {at_of(watch.since)}"


def _trigger(trigger: Trigger | None) -> str:
    if isinstance(trigger, Tide):
        return f"Tide {duration_in_words(trigger.bound)}"
    return "Wave" if trigger else ""


def _source(view: SourceView) -> str:
    optional = "optional, " if view.optional else ""
    taken = f"; taken as of {at_of(view.taken)}" if view.taken != NEVER else ""
    return f"{optional}{view.minimum} or newer, {report_of(view.report)}{taken}"


def _run(run: Run) -> str:
    words = [f"as of {at_of(run.f)}"]
    words += [f"launch {run.launch}"] if run.launch > 1 else []
    words += ["forced"] if run.forced else []
    words += ["overtaken"] if run.superseded else []
    words += [f"{len(run.outputs)} tables written"] if run.outputs else []
    words += [f"waits at the gate: {', '.join(sorted(run.waiting))}"] if run.waiting else []
    words += [f"unchanged: {', '.join(sorted(run.skipped))}"] if run.skipped else []
    words += [f"retries left {run.budget}"] if run.budget else []
    words += [f"failed{failure_of(run.failure)}"] if run.failure else []
    return ", ".join(words)


def _ripple(ripple: RippleState) -> str:
    words = [f"done as of {at_of(ripple.end_f)}"] if ripple.end_f != NEVER else ["never done"]
    if (attempt := ripple.attempt) is not None:
        does = "runs" if attempt.dispatched else "is to run"
        where = f"a task of {attempt.memory_mib} MiB" if attempt.memory_mib else "the function"
        words.append(f"attempt {attempt.number} of run {attempt.run} {does} in {where}")
    words += ["asked for"] if ripple.pull or ripple.targets else []
    words += [f"needs a task of {ripple.task_mib} MiB"] if ripple.task_mib else []
    return ", ".join(words)


def _dates(*dates: tuple[str, Instant | None]) -> Iterator[_Fact]:
    return ((name, at_of(at)) for name, at in dates if at is not None and at != NEVER)


def _if_so(*texts: _Fact) -> Iterator[_Fact]:
    return ((name, text) for name, text in texts if text)
