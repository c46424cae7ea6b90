from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from duckstring.api.status import describe
from duckstring.api.windows import WindowNotFoundError, add, listed, remove
from duckstring.engine.signals import Deployed, Signal, Triggered, WindowAdded, WindowRemoved
from duckstring.engine.state import PondState
from duckstring.engine.step import step
from duckstring.errors import OperatorError
from duckstring.model.find import PondNotFoundError
from duckstring.model.instants import Instant, to_text
from duckstring.model.names import Line
from duckstring.model.values import replace
from duckstring.model.window_rules import WindowError, read
from duckstring.model.windows import Window
from duckstring.ports import Seen
from tests.unit.api.world import NOON, Ledger, ShelfCatalog, graph, release, source

SALES = Line("sales@1")
INLET = release("sales@1", kind="inlet")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NIGHTLY = {
    "name": "nightly",
    "start": "2030-01-01T02:00:00Z",
    "every": 86_400,
    "duration": 10_800,
    "on": None,
    "until": None,
}


@dataclass
class Actor:
    """A line that hears its letters after some looks, and its mailbox, states and clock at once."""

    state: PondState = field(
        default_factory=lambda: step(PondState(SALES), Deployed(INLET), NOON).state
    )
    at: Instant = NOON
    deaf_for: float = 0
    before: Callable[[], Signal] | None = None
    after: Callable[[], Signal] | None = None
    heard: list[Signal] = field(default_factory=list)
    waiting: list[Signal] = field(default_factory=list)
    mark: int = 0

    def now(self) -> Instant:
        return self.at

    def wait(self, duration: timedelta) -> None:
        self.at += duration

    def send(self, letters):
        self.waiting += [letter.signal for letter in letters]
        return [str(self.mark + len(self.waiting))]

    def read(self, lines):
        if self.at - NOON >= timedelta(seconds=self.deaf_for):
            if self.before and self.waiting:
                self._hear(self.before())
            for signal in self.waiting:
                self._hear(signal)
                self.mark += 1
                if self.after:
                    self._hear(self.after())
            self.waiting = []
        return {SALES: Seen(self.state, mark=(0, str(self.mark)))}

    def _hear(self, signal: Signal) -> None:
        self.heard.append(signal)
        self.state = step(self.state, signal, self.at).state

    def add(self, of=INLET, **changed):
        return add({**NIGHTLY, **changed}, of, mailbox=self, states=self, clock=self)

    def remove(self, name):
        return remove(name, SALES, mailbox=self, states=self, clock=self)


TOLD = {
    "name": "nightly",
    "start": "2030-01-01T02:00:00.000000Z",
    "every": 86_400.0,
    "duration": 10_800.0,
    "on": [],
    "until": None,
    "open": None,
    "next": {"start": "2030-01-02T02:00:00.000000Z", "end": "2030-01-02T05:00:00.000000Z"},
    "carried_by": "schedule",
    "tz": "",
    "cron": "",
    "words": "every 1d from 2030-01-01 02:00 UTC for 3h",
    "upcoming": [
        {
            "start": f"2030-01-{day:02}T02:00:00.000000Z",
            "end": f"2030-01-{day:02}T05:00:00.000000Z",
            "local": None,
        }
        for day in range(2, 7)
    ],
}


def test_a_rule_is_added_listed_and_removed_and_the_answer_waits_for_the_line():
    actor = Actor(deaf_for=1.5)
    assert actor.add() == {
        "line": "sales@1",
        "now": to_text(actor.at),
        "windows": [TOLD],
        "ahead": None,
        "applied": True,
    }
    assert actor.at >= NOON + timedelta(seconds=1.5)
    assert actor.state.windows == {
        "nightly": Window("nightly", datetime.fromisoformat("2030-01-01T02:00Z"), DAY, 3 * HOUR)
    }
    assert listed(SALES, states=actor, clock=actor)["windows"] == [TOLD]
    assert actor.remove("nightly")["windows"] == []
    assert actor.heard == [WindowAdded(read(NIGHTLY)), WindowRemoved("nightly")]


def test_a_calendar_rule_is_told_with_its_words_and_its_next_five_openings():
    actor = Actor()
    (told,) = actor.add(
        every=None, cron="0 6 l * *", tz="Europe/Berlin", start="2030-01-01T00:00", duration=3600
    )["windows"]
    assert told["words"] == (
        "0 6 L * * Europe/Berlin (at 06:00 on the last day of every month) for 1h, from 2030-01-01"
    )
    assert [one["local"] for one in told["upcoming"]] == [
        "2030-01-31T06:00:00+01:00",
        "2030-02-28T06:00:00+01:00",
        "2030-03-31T06:00:00+02:00",
        "2030-04-30T06:00:00+02:00",
        "2030-05-31T06:00:00+02:00",
    ]
    assert told["upcoming"][2]["start"] == "2030-03-31T04:00:00.000000Z"
    assert told["next"] == {key: told["upcoming"][0][key] for key in ("start", "end")}
    assert (told["every"], told["tz"], told["cron"], told["carried_by"]) == (
        0.0,
        "Europe/Berlin",
        "0 6 L * *",
        "schedule",
    )
    again = actor.add(
        every=None, cron="0 6 L * *", tz="Europe/Berlin", start="2029-12-31T00:00", duration=3600
    )
    assert again["windows"] == [told], "the same rule, whenever it is given"
    assert len(actor.heard) == 1


def test_rules_that_meet_by_a_change_of_clocks_are_refused_with_the_moment():
    actor = Actor()
    words = {"every": None, "tz": "Europe/Berlin", "start": "2030-01-01T00:00", "duration": 1200}
    actor.add(name="two", cron="0 2 * * *", **words)
    with pytest.raises(
        WindowError,
        match="Windows two and half of sales@1 would overlap at 2030-03-31 01:00 UTC: two is 0 2",
    ):
        actor.add(name="half", cron="30 2 * * *", **words)
    actor.add(name="three", cron="0 3 * * MON-SAT", **words)


def test_demand_under_a_calendar_rule_waits_for_the_first_opening_that_helps():
    actor = Actor()
    actor.add(every=None, cron="0 6 1 * *", duration=None, start="2030-01-01T00:00:00Z")
    end = datetime.fromisoformat("2030-02-01T06:00Z")
    ran = replace(actor.state, start_f=end, end_f=end, pull=NOON)
    assert told(ran)[1].startswith("waits for Window nightly, opens 2030-02-01 06:00 UTC")
    # The rule that gave it that freshness is gone.
    far = replace(ran, start_f=end + 40 * DAY, end_f=end + 40 * DAY)
    assert told(far)[1].startswith("waits for Window nightly, opens 2030-03-01 06:00 UTC")


def test_what_is_open_now_is_told_with_its_end():
    actor = Actor()
    (told,) = actor.add(
        start="2030-01-01T11:00:00Z",
        on=["WED", "TUE"],
        every=3600 * 24,
        until="2030-01-03T00:00:00Z",
    )["windows"]
    assert told["open"] == {
        "start": "2030-01-01T11:00:00.000000Z",
        "end": "2030-01-01T14:00:00.000000Z",
    }
    assert (told["on"], told["until"]) == (["TUE", "WED"], "2030-01-03T00:00:00.000000Z")
    assert (
        actor.add(name="quick", start="2030-01-01T00:00:30Z", every=86_430, duration=1)["windows"][
            1
        ]["carried_by"]
        == "alarm"
    )


def test_a_line_that_does_not_hear_in_time_is_told_as_such():
    told = Actor(deaf_for=60).add()
    assert (told["applied"], told["windows"]) == (False, [])


def test_adding_the_same_rule_again_is_a_success_on_any_day_and_nothing_is_sent():
    actor = Actor()
    actor.add()
    for changed in (
        {},
        {"start": "2029-12-24T02:00:00Z"},
        {"on": ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]},
    ):
        assert actor.add(**changed)["windows"] == [TOLD]
    assert len(actor.heard) == 1


def refused(actor: Actor, of=INLET, **changed) -> WindowError:
    heard = len(actor.heard)
    with pytest.raises(WindowError) as caught:
        actor.add(of, **changed)
    assert len(actor.heard) == heard, "refused before the line hears of it"
    return caught.value


def test_rules_that_overlap_are_refused_with_what_both_say():
    actor = Actor()
    actor.add()
    error = refused(actor, name="early", start="2030-01-01T04:59:59Z", duration=60)
    assert error.message == (
        "Windows nightly and early of sales@1 would overlap: nightly is every 1d from 2030-01-01 "
        "02:00 UTC for 3h; "
        "early is every 1d from 2030-01-01 04:59:59 UTC for 1m."
    )
    assert error.hint == "Change early, or remove nightly first."
    actor.add(name="early", start="2030-01-01T05:00:00Z", duration=60)  # touching is no overlap


def test_a_name_that_is_taken_is_refused_with_what_it_stands_for():
    actor = Actor()
    actor.add()
    error = refused(actor, duration=3600)
    assert error.message.startswith(
        "sales@1 has a Window nightly already: every 1d from 2030-01-01 02:00 UTC for 3h. The "
        "new one says every 1d"
    )
    assert "duckstring trigger window sales remove nightly" in error.hint


def test_only_an_inlet_has_windows():
    error = refused(Actor(), release("sales@1", "", source("orders@1"), source("rates@2")))
    assert error.message == "sales@1 has Sources (orders@1, rates@2); only an Inlet has Windows."


def test_a_rule_that_somebody_else_made_impossible_meanwhile_is_refused_with_both():
    other = read({**NIGHTLY, "name": "first", "duration": 3600})
    actor = Actor(before=lambda: WindowAdded(other), deaf_for=0.01)
    with pytest.raises(WindowError, match=r"Windows first and nightly of sales@1 would overlap"):
        actor.add()
    actor = Actor(before=lambda: WindowAdded(replace(other, name="nightly")), deaf_for=0.01)
    with pytest.raises(WindowError, match=r"sales@1 has a Window nightly already: .* for 1h"):
        actor.add()
    actor = Actor(after=lambda: WindowRemoved("nightly"), deaf_for=0.01)
    with pytest.raises(
        WindowError, match=r"did not take Window nightly: another change came between"
    ):
        actor.add()


def test_all_faults_of_a_rule_are_told_before_the_line_hears_of_it():
    error = refused(Actor(), name="N", start="x", every=0, duration=0, on=["X"])
    assert len(error.message.splitlines()) == 5


def test_a_name_that_is_not_there_is_answered_with_those_that_are():
    actor = Actor()
    actor.add()
    with pytest.raises(WindowNotFoundError) as caught:
        actor.remove("nightli")
    assert (caught.value.message, caught.value.hint) == (
        "sales@1 has no Window 'nightli'; it has nightly.",
        "Did you mean 'nightly'?",
    )
    with pytest.raises(WindowNotFoundError, match="it has none"):
        Actor().remove("x")


def told(state: PondState, at: Instant = NOON):
    found = describe(state, INLET, at)
    return found["status"], found["reason"]


def test_demand_that_waits_for_an_opening_says_for_which_and_when():
    actor = Actor()
    actor.add()
    assert told(actor.state) == ("idle", "")
    waiting = step(actor.state, Triggered("pulse", NOON), NOON).state
    assert told(waiting) == (
        "waiting",
        "waits for Window nightly, opens 2030-01-02 02:00 UTC (in 14h)",
    )
    assert told(waiting, NOON + 13 * HOUR + 50.4 * timedelta(minutes=1))[1].endswith("(in 9m36s)")
    assert told(waiting, NOON.replace(day=2, hour=3)) == ("waiting", ""), "open: about to start"
    over = replace(waiting, windows={"once": replace(waiting.windows["nightly"], until=NOON)})
    assert told(over) == ("waiting", "waits, and no Window of sales@1 opens again")
    assert describe(waiting, INLET, NOON)["windows"] == [TOLD]


def test_an_occurrence_that_had_its_run_leaves_demand_waiting_for_the_next():
    actor = Actor()
    actor.add(start="2030-01-01T11:00:00Z")
    ran = replace(actor.state, start_f=NOON + 2 * HOUR, end_f=NOON + 2 * HOUR, pull=NOON)
    assert told(ran) == ("waiting", "waits for Window nightly, opens 2030-01-02 11:00 UTC (in 23h)")


def test_a_freshness_a_removed_rule_left_ahead_is_told_and_openings_before_it_are_passed_over():
    actor = Actor()
    actor.add(start="2030-01-01T00:00:00Z", every=7 * 86_400, duration=7 * 86_400)
    week = NOON.replace(day=8, hour=0)
    actor.state = replace(actor.state, start_f=week, end_f=week)
    answer = actor.remove("nightly")
    assert (answer["windows"], answer["ahead"]) == ([], "2030-01-08T00:00:00.000000Z")
    assert actor.add()["ahead"] == "2030-01-08T00:00:00.000000Z"
    waiting = replace(actor.state, pull=NOON)
    assert told(waiting) == (
        "waiting",
        "waits for Window nightly, opens 2030-01-08 02:00 UTC (in 6d14h)",
    )
    over = replace(waiting, windows={"once": replace(waiting.windows["nightly"], until=week)})
    assert told(over) == ("waiting", "waits, and no Window of sales@1 opens again")


def test_the_door_knows_three_actions_and_an_undeployed_pond():
    from duckstring.api.answer import OPERATIONS, answer

    actor = Actor()

    @dataclasses.dataclass
    class ApiPorts:
        audits: object
        said: object = None
        catalog, mailbox, states, clock = ShelfCatalog(graph(INLET)), actor, actor, actor

    def ask(**request):
        return answer({"op": "window", "pond": "sales", **request}, ApiPorts(Ledger()))

    assert "window" in OPERATIONS
    assert ask(action="add", window=NIGHTLY)["result"]["windows"] == [TOLD]
    assert ask(action="list")["result"]["windows"] == [TOLD]
    assert ask(action="remove", name="nightly")["result"]["windows"] == []
    assert (
        ask(action="pause")["error"]["message"] == "action is 'pause'; allowed: add, list, remove."
    )
    assert ask(action="list", pond="sale")["error"]["type"] == PondNotFoundError.__name__
    assert ask(action="remove")["error"]["message"] == "name is missing; allowed: text."
    assert (
        ask(action="add", window={**NIGHTLY, "name": "N"})["error"]["type"] == WindowError.__name__
    )
    assert issubclass(WindowError, OperatorError)


def test_a_line_has_twenty_windows_at_most():
    actor = Actor()

    def give(name, start, duration):
        rule = {**NIGHTLY, "name": name, "start": f"2030-01-01T{start}:00Z", "duration": duration}
        add(rule, INLET, mailbox=actor, states=actor, clock=actor)

    for hour in range(20):
        give(f"w{hour}", f"{hour:02}:00", 3600)
    with pytest.raises(WindowError) as caught:
        give("late", "22:00", 60)
    assert caught.value.message == "sales@1 has 20 Windows; allowed: 20."
    assert caught.value.hint == "Remove one first: duckstring trigger window sales remove NAME -m 1"
    late = Window("late", NOON.replace(hour=22), DAY, timedelta(minutes=1))
    assert "late" not in step(actor.state, WindowAdded(late), NOON).state.windows
