"""Laws of an external run, whatever its engine answers, wherever the worker dies.

- One try starts one run at most, also where the engine has no idempotency token and its list lags
  behind.
- The Ripple ends when the run has ended, as it ended, and not before: an unknown state is one of a
  run that goes on.
- A run's id is remembered before it is first looked at.
- A Ripple whose credentials are refused fails only where no run was started: a retry would start a
  second run beside the first.
- A killed try's run is cancelled, if there is one, and a cancel is carried out once at most.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from duckstring.external import core
from duckstring.external.core import ExternalRun, Seen
from duckstring.external.errors import (
    AccessRefusedError,
    BusyError,
    CancelRefusedError,
    ExternalRunFailedError,
    UnknownRunError,
)
from duckstring.model.values import replace
from tests.property.worlds import looks
from tests.unit.external_kit import MemoryPond, Paused, virtual_time


class WorkerDied(BaseException):
    """Between any two lines."""


ACTIVE = ("PENDING", "RUNNING", "PONDERING", "", "succeeded?")
ENDS = {"SUCCEEDED": "succeeded", "FAILED": "failed", "STOPPED": "cancelled"}
FAULTS = (
    "none",
    "died before",
    "died after",
    "busy",
    "no access",
    "in doubt, not done",
    "in doubt, done",
)


@dataclass
class ScriptedEngine:
    """An engine whose every request may go wrong, before or after it is carried out."""

    pond: MemoryPond
    time: object
    repeatable: bool
    words: list[str]
    faults: list[str]
    lag: float
    runs: dict[str, tuple[str, float]] = field(default_factory=dict)
    started: list[str] = field(default_factory=list)
    cancels: int = 0
    killed: bool = False
    kind: str = "Scripted"
    job: str = "Scripted job 1"
    slot: str = "scripted/1"

    @property
    def word(self) -> str:
        """The state as it is: it moves on with each look, and stays at the end."""
        return self.words[0]

    def _request(self, carry_out):
        fault = self.faults.pop(0) if self.faults else "none"
        match fault:
            case "died before":
                raise WorkerDied
            case "busy":
                raise BusyError("429", in_doubt=False, wait=40.0)
            case "no access":
                raise AccessRefusedError("401")
            case "in doubt, not done":
                raise BusyError("503", in_doubt=True)
        done = carry_out()
        match fault:
            case "died after":
                raise WorkerDied
            case "in doubt, done":
                raise BusyError("504", in_doubt=True)
        return done

    def start(self, key):
        def carry_out():
            if self.repeatable and key in self.runs:
                return self.runs[key][0]
            run = f"run-{len(self.started) + 1}"
            self.started.append(key)
            self.runs[key] = (run, self.time.now)
            return run

        return self._request(carry_out)

    def find(self, key, since):
        if self.repeatable:
            return self.start(key)

        def carry_out():
            run, at = self.runs.get(key, (None, 0.0))
            assert run is None or at >= since
            return run if run and self.time.now >= at + self.lag else None

        return self._request(carry_out)

    def look(self, run):
        assert self.killed or self.pond.recall("external/scripted/1")["run"] == run, (
            "looked at before it was remembered"
        )

        def carry_out():
            if run not in {held for held, _ in self.runs.values()}:
                raise UnknownRunError("no such run")
            if len(self.words) > 1:
                self.words.pop(0)
            return Seen(
                ENDS.get(self.word, "active"),
                self.word,
                message="Why not.",
                url="https://engine/run",
            )

        return self._request(carry_out)

    def cancel(self, run):
        def carry_out():
            self.cancels += 1
            if self.word not in ENDS:
                self.words[:] = ["STOPPED"]

        self._request(carry_out)


@dataclass
class FragilePond(MemoryPond):
    """Its worker may die before or after anything is remembered, too."""

    faults: list[str] = field(default_factory=list)

    def remember(self, key, value):
        fault = self.faults.pop(0) if self.faults else "none"
        if fault == "died before":
            raise WorkerDied
        super().remember(key, value)
        if fault == "died after":
            raise WorkerDied


worlds = st.fixed_dictionaries(
    {
        "repeatable": st.booleans(),
        "lag": st.floats(0, core.SETTLING - 1),
        "words": st.lists(st.sampled_from(ACTIVE), max_size=6),
        "end": st.sampled_from(sorted(ENDS)),
        "faults": st.lists(st.sampled_from(FAULTS), max_size=12),
        "deaths": st.lists(st.sampled_from(["none", "died before", "died after"]), max_size=6),
        "pauses": st.lists(st.floats(15, 300), min_size=1, max_size=5),
    }
)


def made(world, time, end=()):
    pond = FragilePond(faults=[*world["deaths"]])
    engine = ScriptedEngine(
        pond,
        time,
        world["repeatable"],
        ["QUEUED", *world["words"], *end],
        [*world["faults"]],
        world["lag"],
    )
    return pond, engine


def turn(engine, pond):
    """One invocation: how it ended."""
    try:
        return core.run(engine, pond)
    except ExternalRunFailedError as failed:
        return failed
    except AccessRefusedError as refused:
        assert not engine.started, "the Ripple failed, and its run goes on"
        return refused
    except Paused as paused:
        return paused
    except WorkerDied as died:
        return died


@pytest.fixture(scope="module")
def time():
    with pytest.MonkeyPatch.context() as patch, virtual_time(patch) as time:
        yield time


@looks(200)
@given(world=worlds)
def test_one_run_a_try_and_the_ripple_ends_as_the_run_did(time, world):
    pond, engine = made(world, time, [world["end"]])
    waits = iter([*world["pauses"]] * 100)
    for _ in range(100):
        ended = turn(engine, pond)
        assert len(engine.started) <= 1, "a second run for one try"
        if isinstance(ended, ExternalRun | ExternalRunFailedError):
            break
        time.now += next(waits) if isinstance(ended, Paused) else 12.0
    else:
        raise AssertionError("it never ended")
    assert engine.started == [core.key_of(pond.run_key, engine.slot)]
    assert engine.word == world["end"], "ended before the run did"
    event(f"{world['end']}, {'token' if engine.repeatable else 'lookup'}")
    match world["end"]:
        case "SUCCEEDED":
            assert isinstance(ended, ExternalRun)
            assert (ended.id, ended.state, ended.url) == (
                "run-1",
                "SUCCEEDED",
                "https://engine/run",
            )
        case end:
            assert isinstance(ended, ExternalRunFailedError)
            assert (
                ended.message
                == f"Why not. https://engine/run (Scripted job 1, run run-1, ended {end})"
            )


@looks(200)
@given(world=worlds, lives=st.integers(0, 8))
def test_a_run_that_has_not_ended_never_ends_its_ripple(time, world, lives):
    pond, engine = made(world, time)
    for _ in range(lives):
        assert isinstance(turn(engine, pond), Paused | WorkerDied | AccessRefusedError)
        time.now += 15.0
    assert len(engine.started) <= 1


@looks(200)
@given(world=worlds, lives=st.integers(0, 8))
def test_a_killed_try_leaves_no_run_going(time, world, lives):
    """The request that cancels may fail, and says so; where it says that all is well, nothing
    goes on.
    """
    pond, engine = made(world, time)
    for _ in range(lives):
        turn(engine, pond)
        time.now += 1.0
    engine.faults = [fault for fault in engine.faults if not fault.startswith("died")]
    engine.killed, after = True, [*engine.faults]
    told, refused = cancelled(engine, pond)
    if refused:
        event("refused")
        assert told.startswith("Scripted job 1")
    else:
        event(told.partition(":")[0] if engine.started else "none was started")
        assert not engine.started or engine.word in ENDS, told
    assert engine.cancels <= 1 or "in doubt, done" in after, (
        "cancelled twice, though it was answered"
    )
    assert len(engine.started) <= 1


def cancelled(engine, pond):
    """What the cancel told, and whether it is a refusal."""
    try:
        return core.cancel(engine, pond), False
    except CancelRefusedError as refused:
        return refused.message, True


@looks(200)
@given(world=worlds, late=st.lists(st.integers(0, 6), max_size=3))
def test_a_request_that_arrives_late_starts_no_second_run(time, world, late):
    """A worker that was given up may live on, and its start arrive at any later time: where
    there is a token, it is harmless.
    """
    # A start that was refused has no late request: nobody has sent another.
    faults = [fault for fault in world["faults"] if fault != "no access"]
    pond, engine = made({**world, "repeatable": True, "faults": faults}, time)
    for number in range(7):
        turn(engine, pond)
        for _ in range(late.count(number)):
            engine.faults, kept = [], engine.faults
            engine.start(core.key_of(pond.run_key, engine.slot))
            engine.faults = kept
        time.now += 15.0
    assert len(engine.started) <= 1
    assert core.cancel(replace(engine, faults=[], killed=True), pond)
    assert len(engine.started) <= 1
