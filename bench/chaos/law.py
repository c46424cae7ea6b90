"""What must hold after a round, whatever died in it. Pure: facts in, violations out, each a
sentence.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Row = Mapping[str, Any]
ENDS = {"success", "pass", "failed", "killed"}
GAVE_UP = {"failed", "crashed", "lost", "killed", "overran", "memory", "not begun"}
ATTEMPT_ENDS = GAVE_UP | {"success"}
OWN_ENDS = {
    "os_exit": ("ProcessExit",),
    "sigkill": ("ProcessKilled",),
    "sigsegv": ("ProcessKilled",),
}
"""What a Ripple may do to its own process instead of raising, and what history calls it."""


@dataclass(frozen=True)
class Table:
    """A published table as it was read from S3; ``rows``: the freshness and the run that each
    row was written in.
    """

    name: str
    f: str
    rows: int
    seen: str = ""
    error: str = ""


@dataclass(frozen=True)
class Manifest:
    """A published snapshot."""

    line: str
    run: int
    f: str
    tables: Sequence[Table]


@dataclass(frozen=True)
class Facts:
    """All that is known of one line in one round.

    ``notes`` is the ledger that its Ripples wrote; ``again`` are spans of time whose work a
    restored checkpoint has undone; ``owes`` whether its item holds an outbox; ``open_runs`` what
    its state says is in flight.
    """

    line: str
    ripples: Sequence[str]
    runs: Sequence[Row]
    attempts: Sequence[Row]
    notes: Sequence[Row]
    manifests: Sequence[Manifest] = ()
    again: Sequence[tuple[float, float]] = ()
    owes: bool = False
    open_runs: Collection[int] = ()
    living: Collection[int] = field(default_factory=frozenset)


def judge(facts: Facts) -> list[str]:
    """Every violation."""
    return [f"{facts.line}: {said}" for law in LAWS for said in law(facts)]


def runs_end_in_a_true_state(facts: Facts) -> Iterator[str]:
    """A run is over, as its Ripples say it went."""
    if facts.open_runs:
        yield f"runs {sorted(facts.open_runs)} are still in flight"
    by_run = defaultdict(list)
    for row in facts.attempts:
        by_run[row["run"]].append(row)
    for run in facts.runs:
        if run["status"] not in ENDS or not run.get("finished"):
            yield f"{run['run']} is {run['status']}, finished {run.get('finished')}"
        elif run["status"] == "success" and not run.get("overtaken_by"):
            done = {row["ripple"] for row in by_run[run["run"]] if row["status"] == "success"}
            if missing := set(facts.ripples) - done:
                yield f"{run['run']} is a success without {', '.join(sorted(missing))}"
        elif run["status"] == "failed" and not (run.get("error") and run.get("ripple")):
            yield f"{run['run']} failed without saying why"


def attempts_end_as_they_went(facts: Facts) -> Iterator[str]:
    """Each row of history has an end, which the ledger does not contradict; each attempt in the
    ledger has a row.
    """
    # Of what was going on while a checkpoint was made it may know or not: it cannot speak against a
    # row.
    known = {_attempt(note) for note in _kept(facts)}
    words, own_ends = defaultdict(set), defaultdict(set)
    for note in facts.notes:
        words[_attempt(note)].add(note["word"])
        own_ends[_attempt(note)].update(OWN_ENDS.get(note.get("fault", ""), ()))
    rows = {(_number(row["run"]), row["ripple"], row["attempt"]): row for row in facts.attempts}
    for key, row in rows.items():
        if row["status"] not in ATTEMPT_ENDS:
            yield f"attempt {key} is {row['status']}"
        if row["status"] == "success" and "end" not in words[key]:
            yield f"attempt {key} is a success, and its Ripple never came to its end"
        if (
            row["status"] == "failed"
            and row.get("error") not in {"TimeoutError", *own_ends[key]}
            and "raised" not in words[key]
        ):
            yield f"attempt {key} has failed, and its Ripple raised nothing"
        if (row["status"] == "failed" and not row.get("error")) or (
            row["status"] == "crashed" and not row.get("message")
        ):
            yield f"attempt {key} is {row['status']} and does not say why"
    for key in known - rows.keys():
        yield f"attempt {key} ran, and history has no row of it"


def what_is_not_begun_did_not_run(facts: Facts) -> Iterator[str]:
    """An attempt whose execution was lost before a worker began it stands in no ledger."""
    known = {_attempt(note) for note in _kept(facts)}
    for row in facts.attempts:
        key = (_number(row["run"]), row["ripple"], row["attempt"])
        if row["status"] == "not begun" and key in known:
            yield f"attempt {key} is not begun, and the ledger has it"


def errors_are_word_for_word(facts: Facts) -> Iterator[str]:
    """What a Ripple raised is what its failed attempt says."""
    raised = {_attempt(note): note for note in facts.notes if note["word"] == "raised"}
    for row in facts.attempts:
        note = raised.get((_number(row["run"]), row["ripple"], row["attempt"]))
        if (
            row["status"] == "failed"
            and note
            and (row["error"], row["message"]) != (note["error"], note["message"])
        ):
            raised_, told = (
                f"{note['error']}: {note['message']!r}",
                f"{row['error']}: {row['message']!r}",
            )
            yield (
                f"{row['run']} {row['ripple']} {row['attempt']} raised {raised_}, history tells "
                f"{told}"
            )


def no_attempt_runs_twice(facts: Facts) -> Iterator[str]:
    """By the ledger: one beginning for each (run, Ripple, attempt), or one for each pause of it."""
    begun = Counter(
        (*_attempt(note), note["pauses"]) for note in _kept(facts) if note["word"] == "begin"
    )
    for key, count in begun.items():
        if count > 1:
            yield f"attempt {key} was executed {count} times"


def nothing_runs_after_its_success(facts: Facts) -> Iterator[str]:
    """A Ripple that is done in a run is not run again in it."""
    done: dict[tuple[int, str], int] = {}
    for row in facts.attempts:
        if row["status"] == "success":
            done[_number(row["run"]), row["ripple"]] = row["attempt"]
    for row in facts.attempts:
        first = done.get((_number(row["run"]), row["ripple"]))
        if first is not None and row["attempt"] > first:
            yield (
                f"{row['run']} {row['ripple']}: attempt {row['attempt']} after attempt {first} "
                "had succeeded"
            )


def snapshots_are_whole(facts: Facts) -> Iterator[str]:
    """Each manifest names every table, all there to be read, of its own freshness; what they
    read was as fresh.
    """
    for manifest in facts.manifests:
        where = f"{manifest.line}/{manifest.run}"
        names = {table.name for table in manifest.tables}
        if names != set(facts.ripples):
            yield f"{where} publishes {sorted(names)}, not {sorted(facts.ripples)}"
        for table in manifest.tables:
            if table.error:
                yield f"{where} {table.name} cannot be read: {table.error}"
            elif table.rows != 1 or table.f != manifest.f:
                yield (
                    f"{where} {table.name} has {table.rows} rows of {table.f}, the snapshot is "
                    f"of {manifest.f}"
                )
            elif table.seen and table.seen != manifest.f:
                yield f"{where} {table.name} of {manifest.f} read what was of {table.seen}"


def runs_and_snapshots_agree(facts: Facts) -> Iterator[str]:
    """A snapshot is that of a run which succeeded; a run that succeeded and was not overtaken
    has one.
    """
    well = {row["number"] for row in facts.runs if row["status"] == "success"}
    known = {row["number"] for row in facts.runs}
    published = {manifest.run for manifest in facts.manifests}
    for number in sorted((published & known) - well):
        yield f"run {number} is published and no success"
    for row in facts.runs:
        if (
            row["status"] == "success"
            and not row.get("overtaken_by")
            and row["number"] not in published
        ):
            yield f"{row['run']} is a success and nothing of it is published"


def external_runs_start_once(facts: Facts) -> Iterator[str]:
    """A Ripple asks by one token for each try: another one only after it had itself failed.

    A run that a restored checkpoint has undone is another run when it comes again: its token counts
    for nothing here.
    """
    tokens, failed = defaultdict(set), Counter[tuple[int, str]]()
    for note in _kept(facts):
        if note["word"] == "asks":
            tokens[note["run"], note["ripple"]].add(note["token"])
    for row in facts.attempts:
        if row["status"] == "failed":
            failed[_number(row["run"]), row["ripple"]] += 1
    for key, used in tokens.items():
        if len(used) > 1 + failed[key]:
            yield (
                f"run {key[0]} {key[1]} asked by {len(used)} tokens, and failed {failed[key]} times"
            )


def nothing_is_owed(facts: Facts) -> Iterator[str]:
    """At rest there is no outbox."""
    if facts.owes:
        yield "its outbox is not performed, or not forgotten"


def no_orphans(facts: Facts) -> Iterator[str]:
    """A process that began an attempt has left it, or is gone."""
    left = {
        (_attempt(note), note["pauses"], note["pid"])
        for note in facts.notes
        if note["word"] == "left"
    }
    for note in facts.notes:
        if (
            note["word"] == "begin"
            and (_attempt(note), note["pauses"], note["pid"]) not in left
            and note["pid"] in facts.living
        ):
            yield f"process {note['pid']} is still in attempt {_attempt(note)}"


LAWS = (
    runs_end_in_a_true_state,
    attempts_end_as_they_went,
    what_is_not_begun_did_not_run,
    errors_are_word_for_word,
    no_attempt_runs_twice,
    nothing_runs_after_its_success,
    snapshots_are_whole,
    runs_and_snapshots_agree,
    external_runs_start_once,
    nothing_is_owed,
    no_orphans,
)


def _kept(facts: Facts) -> list[Row]:
    """The ledger without what a restored checkpoint does not know of."""
    return [
        note
        for note in facts.notes
        if not any(start <= note["at"] <= end for start, end in facts.again)
    ]


def _attempt(note: Row) -> tuple[int, str, int]:
    return note["run"], note["ripple"], note["attempt"]


def _number(run: str) -> int:
    return int(run.rpartition("/")[2])
