"""The sweep posts what no event has reported."""

from __future__ import annotations

import pytest

from duckstring.engine.signals import (
    AlarmRang,
    Deployed,
    ExecutionEnded,
    HoldSet,
)
from duckstring.engine.state import Attempt, RippleState
from duckstring.errors import TransientError
from duckstring.model.instants import to_text
from duckstring.model.said import Hold
from duckstring.model.values import replace
from duckstring.model.verdicts import MOST_BRANCHES
from duckstring.ports import SOON, Seen
from tests.unit.api.world import (
    NOON,
    release,
)
from tests.unit.sweep_kit import (
    HOUR,
    JUST_NOW,
    LONG_AGO,
    MINUTE,
    NOW,
    REPORTS,
    SALES,
    SELECTED,
    World,
    pond,
    run,
)


def test_a_catchment_at_rest_gets_no_letters():
    assert World(Seen(pond(), mark=LONG_AGO)).letters() == []


def test_a_line_that_the_index_has_not_as_it_is_gets_a_nudge_until_it_has():
    failed = pond(health="failed")
    old = World().holds(Seen(failed, mark=LONG_AGO, committed=NOON))
    assert old.letters() == [(SALES, AlarmRang())]
    assert (old.report["unlisted"], old.report["woken"]) == ([SALES], [])
    assert old.rest.is_whole is False
    other = World().holds(Seen(failed, mark=LONG_AGO, committed=NOON, listed="running"))
    assert other.letters() == [(SALES, AlarmRang())]
    at_rest = World().holds(Seen(pond(), mark=LONG_AGO, committed=NOON, listed="failed"))
    assert at_rest.letters() == [(SALES, AlarmRang())]
    whole = World(Seen(failed, mark=LONG_AGO, committed=NOON))
    assert whole.letters() == []
    assert (whole.report["unlisted"], whole.rest.is_whole) == ([], True)


def test_a_nudge_for_the_index_waits_until_it_proves_nothing_about_effects():
    just_now = Seen(pond(health="killed"), mark=JUST_NOW, committed=NOW - MINUTE)
    world = World().holds(just_now)
    assert world.letters() == []
    assert (world.report["unlisted"], world.rest.is_whole) == ([SALES], False)


def test_a_run_whose_execution_is_over_is_told_so():
    world = World(
        Seen(pond(runs={1: run()})), described={"sales@1/1-1": ("FAILED", "States.ServiceRestart")}
    )
    assert world.letters() == [(SALES, ExecutionEnded(1, 1, "FAILED", "States.ServiceRestart"))]
    assert world.report["ended"] == ["sales@1/1"]


def test_a_running_execution_is_left_alone():
    assert (
        World(Seen(pond(runs={1: run()})), described={"sales@1/1-1": ("RUNNING", "")}).letters()
        == []
    )


def attempting(minutes, **changes):
    attempt = Attempt(1, 2, NOW - minutes * MINUTE, **changes)
    return pond(runs={1: run()}, ripples={"load": RippleState("load", attempt=attempt)})


@pytest.mark.parametrize(("minutes", "dispatched"), [(361, True), (361, False)])
def test_an_attempt_of_which_nothing_was_heard_for_too_long_has_its_execution_stopped_and_told_lost(
    minutes, dispatched
):
    world = World(
        Seen(attempting(minutes, dispatched=dispatched)), described={"sales@1/1-1": ("RUNNING", "")}
    )
    why = f"nothing was received from attempt 2 of load for {minutes} min"
    assert world.letters() == [(SALES, ExecutionEnded(1, 1, "LOST", why))]
    assert world.ports.executions.stopped == ["sales@1/1-1"]


@pytest.mark.parametrize(("minutes", "dispatched"), [(359, True), (359, False)])
def test_an_attempt_that_may_still_live_is_left_alone(minutes, dispatched):
    world = World(
        Seen(attempting(minutes, dispatched=dispatched)), described={"sales@1/1-1": ("RUNNING", "")}
    )
    assert (world.letters(), world.ports.executions.stopped) == ([], [])


LASTING = [{"where": "task"}, {"where": "lambda", "pauses": 1}]


@pytest.mark.parametrize("row", LASTING, ids=["task", "pauses"])
@pytest.mark.parametrize(("minutes", "timeout"), [(24 * HOUR + 44, None), (72 * HOUR, 72 * 3600)])
def test_a_task_or_an_attempt_that_pauses_has_its_own_time(row, minutes, timeout):
    assert _heard(row, minutes, timeout) == ([], [])


@pytest.mark.parametrize("row", LASTING, ids=["task", "pauses"])
@pytest.mark.parametrize(("minutes", "timeout"), [(24 * HOUR + 46, None), (2 * HOUR, 3600)])
def test_a_task_or_an_attempt_that_pauses_is_lost_when_its_own_time_is_over(row, minutes, timeout):
    assert [type(signal) for _, signal in _heard(row, minutes, timeout)[0]] == [ExecutionEnded]


def test_one_that_sits_in_the_function_is_lost_soon():
    assert [type(signal) for _, signal in _heard({"where": "lambda"}, 46, None)[0]] == [
        ExecutionEnded
    ]
    assert _heard({"where": "lambda", "started": to_text(NOW - 44 * MINUTE)}, 5 * HOUR, None) == (
        [],
        [],
    ), "it waited for its place"


@pytest.mark.parametrize(("minutes", "lost"), [(44, False), (46, True)])
@pytest.mark.parametrize("status", ["success", "failed"])
def test_one_whose_end_nobody_heard_is_lost_soon_after_it(status, minutes, lost):
    row = {"where": "task", "status": status, "finished": to_text(NOW - minutes * MINUTE)}
    assert bool(_heard(row, 5 * HOUR, None)[0]) == lost


def _heard(row, minutes, timeout):
    specs = (replace(SELECTED.ripples[0], name="load", timeout_seconds=timeout),)
    state = replace(attempting(minutes, dispatched=True), release=replace(SELECTED, ripples=specs))
    rows = {
        "sales@1/1/load/2": {"status": "running", "started": to_text(NOW - minutes * MINUTE), **row}
    }
    world = World(Seen(state), described={"sales@1/1-1": ("RUNNING", "")}, rows=rows)
    return world.letters(), world.ports.executions.stopped


PLACED = {"status": "running", "where": "task", "started": to_text(NOW - 7 * HOUR * MINUTE)}


@pytest.mark.parametrize("dispatched", [True, False])
@pytest.mark.parametrize(
    ("hours", "placed", "lost"),
    [
        (1, None, False),
        (7, PLACED, False),
        (7, None, True),
        (7, {**PLACED, "where": "lambda"}, True),
    ],
)
def test_an_attempt_of_very_many_may_wait_for_its_place_as_long_as_others_are_at_work(
    hours, placed, lost, dispatched
):
    state = attempting(hours * HOUR, dispatched=dispatched)
    crowd = {f"r{n}": RippleState(f"r{n}") for n in range(MOST_BRANCHES)}
    others = (
        {"r7": RippleState("r7", attempt=Attempt(1, 1, NOW - 7 * HOUR * MINUTE, dispatched=True))}
        if placed
        else {}
    )
    state = replace(state, ripples={**state.ripples, **crowd, **others})
    world = World(
        Seen(state),
        described={"sales@1/1-1": ("RUNNING", "")},
        rows={"sales@1/1/r7/1": placed} if placed else {},
    )
    assert bool(world.letters()) == lost


def test_an_execution_that_cannot_be_looked_at_now_holds_up_no_other(monkeypatch):
    def describe(line, **_which):
        if line == SALES:
            raise TransientError("too much at once")
        return "FAILED", "x"

    other = replace(pond(runs={1: run()}), line=REPORTS)
    world = World(
        Seen(pond(runs={1: run()})), Seen(other), releases=(SELECTED, release("reports@1"))
    )
    monkeypatch.setattr(world.ports.executions, "describe", describe)
    assert (REPORTS, ExecutionEnded(1, 1, "FAILED", "x")) in world.letters()
    assert (world.report["unseen"], world.report["ended"]) == (["sales@1/1"], ["reports@1/1"])


def test_the_current_launch_is_what_is_looked_at():
    described = {"sales@1/1-1": ("FAILED", "x"), "sales@1/1-2": ("RUNNING", "")}
    assert World(Seen(pond(runs={1: run(launch=2)})), described=described).letters() == []


def test_an_execution_that_does_not_exist_is_lost_once_it_should_be_there():
    lost = [(SALES, ExecutionEnded(1, 1, "LOST", "the execution does not exist"))]
    assert World(Seen(pond(runs={1: run()}), mark=JUST_NOW)).letters() == lost
    assert World(Seen(pond(runs={1: run(started=NOW - MINUTE / 2)}), mark=JUST_NOW)).letters() == []
    assert (
        World(Seen(pond(runs={1: run()}), owes=True, mark=JUST_NOW, committed=NOW)).letters() == []
    )


def test_a_second_launch_may_be_young_although_its_run_is_old():
    assert World(Seen(pond(runs={1: run(launch=2)}), mark=JUST_NOW)).letters() == []
    assert len(World(Seen(pond(runs={1: run(launch=2)}), mark=LONG_AGO)).letters()) == 1


def test_an_outbox_left_behind_is_woken_and_a_fresh_one_is_not():
    world = World(Seen(pond(), owes=True, committed=NOW - SOON - 2 * MINUTE))
    assert world.letters() == [(SALES, AlarmRang())]
    assert world.report["owing"] == [SALES]
    assert World(Seen(pond(), owes=True, mark=LONG_AGO, committed=NOW - SOON)).letters() == [], (
        "it would prove the contrary"
    )


@pytest.mark.parametrize(
    ("changes", "woken"),
    [
        ({"alarm": NOW - 2 * MINUTE}, True),
        ({"alarm": NOW - MINUTE / 2}, False),
        ({"alarm": NOW + MINUTE}, False),
        ({"pull": NOON}, True),
        ({"targets": (NOON,)}, True),
    ],
)
def test_late_alarms_and_idle_demand_get_one_nudge(changes, woken):
    assert World(Seen(pond(**changes))).letters() == ([(SALES, AlarmRang())] if woken else [])


def test_a_selection_that_its_line_never_heard_of_is_posted_under_the_deploys_own_key():
    newer = replace(SELECTED, version="1.1.0", deployed=NOW - 2 * MINUTE)
    world = World(Seen(pond()), releases=(newer,))
    assert world.letters() == [(SALES, Deployed(newer))]
    again = World(Seen(pond()), releases=(newer,))
    again.letters()
    assert again.post.letters[0].key == world.post.letters[0].key
    assert World(releases=(newer,)).letters() == [(SALES, Deployed(newer))]


def test_a_line_that_has_not_heard_of_the_hold_is_told_before_its_release():
    newer = replace(SELECTED, version="1.1.0", deployed=NOW - 2 * MINUTE)
    on = Hold(NOW - 2 * MINUTE, on=True, by="alice@laptop")

    def letters(state, hold):
        world = World(Seen(state), releases=(newer,))
        world.operated.held = hold
        return [signal for _, signal in world.letters()], world.report["unheld"]

    told = HoldSet(on.at, by="alice@laptop")
    assert letters(pond(), on) == ([told, Deployed(newer)], ["sales@1"])
    heard = pond(next_release=newer, hold=on)
    assert letters(heard, on) == ([], [])
    off = Hold(NOW - 2 * MINUTE)
    assert letters(heard, off) == ([HoldSet(off.at, on=False)], ["sales@1"])
    just_now = replace(on, at=NOW - MINUTE / 2)
    assert letters(pond(next_release=newer), just_now) == ([], [])
    world = World(releases=(newer,))
    world.operated.held = on
    assert world.letters() == [(SALES, told), (SALES, Deployed(newer))]


def test_a_selection_just_made_or_heard_of_is_not_posted():
    newer = replace(SELECTED, deployed=NOW - 2 * MINUTE)
    assert World(Seen(pond(next_release=newer)), releases=(newer,)).letters() == []
    assert (
        World(Seen(pond()), releases=(replace(newer, deployed=NOW - MINUTE / 2),)).letters() == []
    )
