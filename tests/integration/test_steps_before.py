"""The release before and this one take the same steps: its states and letters, as it wrote them,
are stepped to the states and effects that it came to.

``items_before/steps.json.gz`` has 544 steps of the engine's own tests, recorded at that release:
up to three of each signal, health and set of effects. The form of a report differs
(``adapters/aws/older.py``), and a run's row says more.
"""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from pathlib import Path

from duckstring.adapters.aws import codec
from duckstring.adapters.aws.letter_form import checked_object
from duckstring.engine.effects import Effect, PublishSnapshot, RecordRun, SetAlarm
from duckstring.engine.state import Down
from duckstring.engine.step import step
from duckstring.model.instants import from_text
from duckstring.model.names import Line
from duckstring.model.values import replace

RECORDED = Path(__file__).parent / "items_before" / "steps.json.gz"
STEPS = json.loads(gzip.decompress(RECORDED.read_bytes()))


def test_each_recorded_step_is_taken_again() -> None:
    taken, watched = Counter[str](), 0
    for one in STEPS:
        state = codec.state_from_text(one["state"])
        letter = checked_object(one["letter"])
        signal = codec.signal_of(letter)
        stepped = step(state, signal, from_text(one["now"]))
        # That release did not note what a line had counted when it was removed.
        after, then = replace(stepped.state, former=0), codec.state_from_text(one["after"])
        effects = tuple(_as_then(effect) for effect in stepped.effects)
        before = codec.outbox_from_text(one["effects"], state.line)
        if after.watch is not None:  # it did not look how old a Tide's data is, nor wake for it
            watched += 1
            after = replace(after, watch=None, alarm=then.alarm)
            effects, before = _without_alarms(effects), _without_alarms(before)
        assert after == then, one
        assert effects == before, one
        taken[letter["kind"]] += 1
    assert len(taken) == 19
    assert 0 < watched < 100
    assert sum(taken.values()) == 544


def _without_alarms(effects: tuple[Effect, ...]) -> tuple[Effect, ...]:
    return tuple(
        effect
        for effect in effects
        if not isinstance(effect, SetAlarm) and getattr(effect, "event", "") != "stale"
    )


def _as_then(effect: Effect) -> Effect:
    """As that release said it: a cause without the name of its error, a run without what it reads,
    began for and was asked for, and a snapshot without how far its Ripples have read.
    """
    if isinstance(effect, PublishSnapshot):
        return replace(effect, positions=None)
    if isinstance(effect, RecordRun):
        return replace(effect, pins={}, wanted="", asked=())
    report, reason = getattr(effect, "report", None), getattr(effect, "reason", "")
    if report is not None and report.down is not None:
        return replace(effect, report=replace(report, down=replace(report.down, error="")))
    if " failed: " in reason:
        return replace(effect, reason=re.sub(r" failed: \w+: ", " failed: ", reason))
    return effect


def test_an_outbox_of_before_without_a_cause_names_the_line_itself() -> None:
    told = {"kind": "tell_sinks", "end_f": "2030-01-01T00:00:00Z", "snapshot": 7, "delay": 0}
    text = json.dumps([{**told, "changed_f": told["end_f"], "down": True, "reason": ""}])
    (effect,) = codec.outbox_from_text(text, Line("sales@1"))
    assert effect.report.down == Down(Line("sales@1"), "failed")


def test_what_was_said_of_a_source_that_is_down_is_read_as_a_cause() -> None:
    flat = {"end_f": "2030-01-01T00:00:00Z", "changed_f": "2030-01-01T00:00:00Z", "delay": 60}
    letter = {"to": "sales@1", "kind": "source_told", "source": "rates@1", "stamp": [3, 1], **flat}
    found = {
        reason: codec.signal_of(
            checked_object(json.dumps({**letter, "snapshot": 7, "down": True, "reason": reason}))
        ).report.down
        for reason in ("fees@2 failed: no\nrows", "fees@2 was killed", "fees@2 failed", "?", "")
    }
    causes = [(one.root, one.why, one.message) for one in found.values()]
    assert causes == [
        ("fees@2", "failed", "no\nrows"),
        ("fees@2", "killed", ""),
        ("fees@2", "failed", ""),
        ("rates@1", "failed", "?"),
        ("rates@1", "failed", ""),
    ]
    up = codec.signal_of(checked_object(json.dumps({**letter, "snapshot": 7})))
    assert (up.report.down, up.report.snapshot, up.report.delay.total_seconds()) == (None, 7, 60)
