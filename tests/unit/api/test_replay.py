"""What `replay` answers: the letters of a line in words, what changed, what was done."""

from __future__ import annotations

from datetime import timedelta
from typing import get_args

import pytest

from duckstring.api import replay as replaying
from duckstring.api.letter_words import done, said
from duckstring.api.replay import replay
from duckstring.api.requests import ReplayRequest
from duckstring.api.state_words import LEFT_OUT, changes, facts
from duckstring.engine import effects as effects_
from duckstring.engine import signals
from duckstring.engine.effects import Announce, PublishSnapshot, RecordRun, SendPull
from duckstring.engine.journal import Entry, folded
from duckstring.engine.signals import (
    AlarmRang,
    BudgetSet,
    ComputePinned,
    GateOutcome,
    GateReached,
    PullReceived,
    Republished,
    RippleSucceeded,
    Triggered,
)
from duckstring.engine.state import Kept, PondState, Wave
from duckstring.errors import OperatorError
from duckstring.model.answers.replay import ReplayAnswer
from duckstring.model.catalog import DroppedTable, TableVersion
from duckstring.model.checks import CheckWarning
from duckstring.model.compute import Pin
from duckstring.model.failures import Failure
from duckstring.model.find import PondNotFoundError
from duckstring.model.instants import NEVER, Instant, to_text
from duckstring.model.names import Line
from duckstring.model.said import Hold, Said
from duckstring.model.staleness import StaleBound, Watch
from duckstring.model.triggers import TriggerKind
from duckstring.model.values import replace
from duckstring.model.windows import Window
from duckstring.orchestrator.ports import Held
from duckstring.testing.simulator import START, World, pond, seconds
from tests.property.journals import FULL_ITEM, Journals, watch
from tests.unit.api.shapes import faults
from tests.unit.api.world import ShelfCatalog, StillClock

SALES, DELAYS = Line("sales@1"), Line("delays@1")
RELEASES = {one.line: one for one in (pond(SALES), pond(DELAYS, SALES))}
BEGIN = START - timedelta(seconds=1)
WRONG = Failure("run", 1, "ValueError", "\n  no rows \n in s3://bucket")


class Lived:
    """Two Ponds, of which the Inlet fails once, and the journals of both."""

    def __init__(self, full: int = 300) -> None:
        self.journals = Journals(full)
        self.broken = True
        self.world = World()
        self.world.conditions = replace(
            self.world.conditions, outcome=lambda _: WRONG if self.broken else None
        )
        watch(self.world, self.journals)
        self.world.deploy(*RELEASES.values())
        self.pulse()
        self.broken = False
        self.failed_until = self.world.now
        self.world.order(SALES, "wake")
        self.pulse()

    def pulse(self) -> None:
        self.world.run_until(self.world.now + seconds(60))
        self.world.trigger(DELAYS, "pulse")
        self.world.run_until()
        self.world.run_until(self.world.now + seconds(60))

    def replay(
        self,
        pond: str = "sales",
        since: Instant = BEGIN,
        until: Instant | None = None,
        after: str | None = None,
    ) -> ReplayAnswer:
        catalog = ShelfCatalog(RELEASES)
        asked = ReplayRequest(pond, to_text(since), None, to_text(until) if until else None, after)
        answer = replay(
            asked,
            catalog=catalog,
            removals=catalog,
            journal=self.journals,
            clock=StillClock(self.world.now),
        )
        assert list(faults(answer, ReplayAnswer)) == []
        return answer


def letters(answer: ReplayAnswer) -> list[str]:
    return [
        f"{one['sender']}: {one['text']}" for step in answer["steps"] for one in step["letters"]
    ]


def test_an_incident_is_told_letter_by_letter_with_what_followed():
    lived = Lived()
    answer = lived.replay(until=lived.failed_until)
    told = letters(answer)
    assert told[:2] == [
        "a deploy: Version 1.0.0 was deployed.",
        "delays@1: It reads this line from now on.",
    ]
    assert any(
        one.startswith("delays@1: It needs output as of 2030-01-01 00:01:00") for one in told
    )
    (failed,) = (step for step in answer["steps"] if step["letters"][0]["kind"] == "gate_reached")
    (letter,) = failed["letters"]
    assert letter["sender"] == "sales@1/1, run"
    assert letter["text"] == "Attempt 1 failed: ValueError: no rows."
    assert {"what": "status", "before": "running", "after": "failed"} in failed["changes"]
    assert failed["status"] == "failed"
    done_then = [one["text"] for one in failed["effects"]]
    assert "Record sales@1/1 as failed: ValueError: no rows." in done_then
    assert any(
        one.startswith("Tell the Sinks: nothing published; down: sales@1 f") for one in done_then
    )
    assert not any(step["gap"] for step in answer["steps"])
    assert answer["next"] is None


def test_only_what_came_after_since_and_up_to_until_is_told():
    lived = Lived()
    whole = lived.replay()["steps"]
    for number in (0, 3, len(whole) - 1):
        at = whole[number]["at"]
        later = [step for step in whole if step["at"] > at]
        assert lived.replay(since=_instant(at))["steps"] == later
        assert lived.replay(until=_instant(at))["steps"] == [s for s in whole if s["at"] <= at]


def test_pages_have_each_step_once(monkeypatch):
    lived = Lived(full=1)
    whole = lived.replay()["steps"]
    monkeypatch.setattr(replaying, "MOST", 3)
    found, after = [], None
    while True:
        answer = lived.replay(after=after)
        assert len(answer["steps"]) <= 3
        found += answer["steps"]
        after = answer["next"]
        if after is None:
            break
    assert found == whole


def test_a_gap_is_a_step_that_says_so():
    lived = Lived(full=1)
    items = lived.journals.items[SALES]
    keys = sorted(items)
    del items[keys[2]], items[keys[3]]
    steps = lived.replay()["steps"]
    (gap,) = (step for step in steps if step["gap"])
    assert gap["gap"].startswith("What came between 2030-01-01 00:0")
    assert gap["gap"].endswith("is not kept.")
    assert gap["letters"] == gap["effects"] == gap["changes"] == []
    begun = Lived(full=1)
    first = min(begun.journals.items[SALES])
    del begun.journals.items[SALES][first]
    assert begun.replay()["steps"][0]["gap"].startswith("What came before 2030-01-01")


def test_letters_that_were_too_large_are_counted():
    lived = Lived()
    held = lived.journals.held[SALES]
    lived.journals.size = FULL_ITEM - 80
    entry = Entry(held.state.revision + 1, lived.world.now, (AlarmRang(), AlarmRang()))
    tail = lived.journals.add(held, entry)
    after = replace(held.state, revision=entry.revision)
    lived.journals.committed(Held(after, committed=lived.world.now, tail=tail))
    gap = lived.replay()["steps"][-1]["gap"]
    assert gap is not None
    assert "2 letters were too large for the journal." in gap


def test_a_release_with_other_rules_says_that_it_may_be_wrong():
    lived = Lived()
    held = lived.journals.held[SALES]
    other = replace(held.state, failures=9)
    lived.journals.held[SALES] = Held(other, committed=held.committed, tail=held.tail)
    steps = lived.replay()["steps"]
    assert "another state" in (steps[-1]["gap"] or "")
    assert not any(step["gap"] for step in steps[:-1])


def test_a_chapter_that_is_ended_between_two_reads_is_told_once():
    lived = Lived()
    held = lived.journals.held[SALES]
    last = held.state.revision + 1
    entry = Entry(last, lived.world.now, (AlarmRang(),))
    tail = lived.journals.add(held, entry)
    after = replace(folded(held.state, entry).state, revision=last)
    lived.journals.full = 1
    newer = Held(after, committed=lived.world.now, tail=tail)
    lived.journals.add(newer, replace(entry, revision=last + 1))
    lived.world.now += timedelta(minutes=1)
    steps = lived.replay()["steps"]  # its item was read before that commit
    assert [step["revision"] for step in steps] == list(range(1, last + 1))
    assert not any(step["gap"] for step in steps)


def test_a_line_that_got_no_letter_has_no_steps():
    lived = Lived()
    del lived.journals.held[SALES]
    assert lived.replay()["steps"] == []


@pytest.mark.parametrize(
    ("more", "said_of_it"),
    [
        ({"pond": "none"}, "No Pond 'none'"),
        ({"since": START + timedelta(days=9)}, "is still to come"),
        ({"until": START + timedelta(days=9)}, "is still to come"),
        ({"since": START, "until": START - seconds(1)}, "lies after until"),
        ({"after": "nothing"}, "the next of the answer before"),
        ({"after": "2030-01-01T00:00:00Z#x"}, "the next of the answer before"),
    ],
)
def test_what_makes_no_sense_is_refused(more, said_of_it):
    with pytest.raises((OperatorError, PondNotFoundError), match=said_of_it):
        Lived().replay(**more)


# words


@pytest.mark.parametrize("outcome", get_args(GateOutcome))
def test_each_way_that_an_attempt_ends_has_words(outcome):
    text = said(SALES, GateReached(1, 1, "run", 2, outcome, WRONG, 512)).text
    assert text.endswith(".")
    assert outcome == "none" or text.startswith("Attempt 2 ")


@pytest.mark.parametrize("kind", get_args(TriggerKind))
def test_each_trigger_has_words(kind):
    bound = timedelta(hours=1) if kind == "tide" else None
    assert said(SALES, Triggered(kind, START, bound)).text.endswith(".")


@pytest.mark.parametrize(
    ("signal", "text"),
    [
        (RippleSucceeded(1, "run", 1), "Attempt 1 succeeded, and wrote no table."),
        (RippleSucceeded(1, "run", 1, skipped=True), "Attempt 1 said that nothing has changed."),
        (
            RippleSucceeded(
                1,
                "run",
                1,
                {f"t{n}": TableVersion(f"t{n}", "k", 1, 1, "f") for n in range(10)},
                warnings=(CheckWarning("c", 1),),
            ),
            (
                "Attempt 1 succeeded, and wrote t0, t1, t2, t3, t4, t5, t6, t7 and 2 more. "
                "1 checks warn."
            ),
        ),
        (
            PullReceived(DELAYS, START, START, (1, 0), waits=True, urgent=True),
            (
                "It has taken the output as of 2030-01-01 00:00 UTC, and asks for newer. It has "
                "nothing else to work on. A Wave stands behind that, and waited for this line."
            ),
        ),
        (PullReceived(DELAYS, START, NEVER, (1, 0)), "It asks for newer."),
        (BudgetSet(1, None), "Budgets were set: immediate retries 1."),
        (BudgetSet(), "Budgets were set: none."),
        (ComputePinned("run", "auto"), "run is to run: as the line finds out."),
        (ComputePinned("run", "task", 4096), "run is to run: as a task of 4096 MiB."),
        (Republished(3, 5), "Snapshot 3 is to be published again, in place of 5."),
    ],
)
def test_a_letter_says(signal, text):
    assert said(SALES, signal).text == text


@pytest.mark.parametrize(
    ("effect", "text"),
    [
        (
            SendPull(SALES, START, NEVER, urgent=True),
            "Ask sales@1 for output newer than never, urgently.",
        ),
        (PublishSnapshot(3, START), "Publish snapshot 3 as of 2030-01-01 00:00 UTC: no table."),
        (
            RecordRun(3, START, "1", "success", START, START, changed=False, overtaken_by=4),
            "Record delays@1/3 as success, overtaken by 4, nothing changed.",
        ),
        (Announce("recovered", "failed", START), "Put the event recovered on the bus."),
    ],
)
def test_an_effect_says(effect, text):
    assert done(DELAYS, effect) == text


def test_every_kind_of_letter_and_effect_of_a_history_has_a_sentence():
    lived = Lived()
    for entries in (chapter.entries for chapter in lived.journals.chapters(SALES)):
        for entry in entries:
            for signal in entry.signals:
                assert said(SALES, signal).text.endswith(".")
    kinds = {*get_args(signals.Signal), *get_args(effects_.Effect)}
    assert kinds  # mypy proves that each has an arm


def test_each_field_of_a_state_is_told_or_left_out_on_purpose():
    lived = Lived()
    state = lived.journals.held[DELAYS].state
    told_of = dict(facts(state))
    assert told_of["status"] == "idle"
    unknown = LEFT_OUT - set(PondState.__struct_fields__)
    assert unknown == set()
    empty = PondState(SALES)
    for field in set(PondState.__struct_fields__) - LEFT_OUT:
        other = _other(field)
        assert changes(empty, replace(empty, **{field: other})), f"{field} is not told"


def _other(field: str) -> object:
    """A value of a field that is not its default."""
    lived = Lived()
    after = [one for states in lived.journals.stored.values() for one in states.values()]
    default = getattr(PondState(SALES), field)
    found = [getattr(one, field) for one in after if getattr(one, field) != default]
    return found[-1] if found else _OTHERS[field]


_OTHERS: dict[str, object] = {
    "stale_bound": StaleBound(timedelta(hours=2)),
    "watch": Watch(StaleBound(timedelta(hours=2)), START),
    "arrived": 3,
    "next_release": pond("sales@1", version="1.1.0"),
    "immediate_retries": 2,
    "source_retries": 2,
    "priority": 90,
    "said": {"kill": Said(START, "alice@laptop", "wrong data")},
    "hold": Hold(START, on=True),
    "delay": timedelta(hours=1),
    "held_f": START,
    "dropped": {"t": DroppedTable(3, "1.0.0")},
    "removing": frozenset({"t"}),
    "warnings": (CheckWarning("c", 1),),
    "pull": START,
    "kept": Kept(START),
    "woken": START,
    "force": True,
    "asleep": True,
    "restated": True,
    "trigger": Wave(),
    "windows": {"one": Window("one", START, timedelta(days=1), timedelta(hours=1))},
    "compute": {"run": Pin("task", 512)},
    "alarm": START,
    "retry_at": START,
    "targets": (START,),
}


def _instant(text: str) -> Instant:
    return Instant.fromisoformat(text)
