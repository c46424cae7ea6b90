from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from duckstring.api.control import NothingToForceError, ancestors, control, failure_budget
from duckstring.api.ports import ControlPorts
from duckstring.engine.signals import (
    BudgetSet,
    Deployed,
    Ordered,
    PullReceived,
    RippleSucceeded,
    SourceTold,
    TargetReceived,
    Triggered,
)
from duckstring.engine.state import PondState, SourceReport
from duckstring.engine.step import step
from duckstring.errors import OperatorError
from duckstring.model.instants import NEVER
from duckstring.model.names import Line
from duckstring.ports import Seen
from tests.unit.api.world import NOON, ShelfCatalog, StillClock, graph, release, source

LATER = NOON + timedelta(hours=1)


@dataclass
class PatientClock(StillClock):
    def wait(self, duration):
        self.at += duration


@dataclass
class Town:
    """Lines that hear by the engine's own rules, each letter at once; or late, if ``deaf``."""

    catalog: ShelfCatalog
    clock: PatientClock = field(default_factory=PatientClock)
    states: dict = field(default_factory=dict)
    letters: list = field(default_factory=list)
    deaf: bool = False

    def __post_init__(self):
        for line, held in self.catalog.selected.items():
            self.states[line] = step(PondState(line), Deployed(held), NOON).state

    def send(self, letters):
        self.letters += letters
        numbers = range(len(self.letters) - len(letters) + 1, len(self.letters) + 1)
        for letter in letters if not self.deaf else ():
            self.hear(letter.to, letter.signal)
        return [str(number) for number in numbers]

    def hear(self, line, signal):
        self.states[line] = step(self.states[line], signal, self.clock.now()).state

    def read(self, lines):
        heard = 0 if self.deaf else len(self.letters)
        return {
            line: Seen(self.states[line], mark=(0, str(heard)))
            for line in lines
            if line in self.states
        }

    @property
    def ports(self):
        return ControlPorts(self.catalog, self, self, self.clock)

    def control(self, *words, **options):
        return control(*words, self.ports, **options)

    def budget(self, pond, **options):
        return failure_budget(pond, self.ports, **options)


LINES = (
    release("orders@1", kind="inlet"),
    release("rates@1", kind="inlet"),
    release("sales@1", "", source("orders@1"), source("rates@1", optional=True)),
    release("reports@1", "", source("sales@1")),
    release("reports@2", "", source("sales@1")),
)
ORDERS, SALES, REPORTS = Line("orders@1"), Line("sales@1"), Line("reports@2")


@pytest.fixture
def town():
    return Town(ShelfCatalog(graph(*LINES)))


def test_a_verb_is_told_to_the_line_and_answered_by_what_it_has_become(town):
    told = town.control("orders", "wake")
    assert [(letter.to, letter.signal) for letter in town.letters] == [
        (ORDERS, Ordered("wake", NOON))
    ]
    assert (told["lines"], told["applied"], told["previous"], told["status"]["status"]) == (
        ["orders@1"],
        True,
        "idle",
        "running",
    )
    assert (told["runs"], told["warnings"]) == ([], [])


def test_what_a_line_has_not_heard_in_time_is_said_to_be_under_way(town):
    town.deaf = True
    told = town.control("orders", "kill")
    assert (told["applied"], told["runs"], told["status"]["status"]) == (False, [], "idle")
    assert town.clock.at <= NOON + timedelta(seconds=10)


def test_a_kill_names_the_runs_that_it_stopped(town):
    town.hear(ORDERS, Triggered("pulse", NOON))
    told = town.control("orders", "kill")
    assert (told["previous"], told["status"]["status"], told["runs"]) == (
        "running",
        "killed",
        ["orders@1/1"],
    )
    again = town.control("orders", "kill")
    assert (again["previous"], again["status"]["status"], again["runs"]) == ("killed", "killed", [])


def test_clearing_what_is_neither_failed_nor_killed_changes_nothing_and_is_no_refusal(town):
    before = town.states[ORDERS]
    told = town.control("orders", "clear")
    assert (told["previous"], told["status"]["status"], told["applied"]) == ("idle", "idle", True)
    assert town.states[ORDERS].health == before.health == "ok"


def test_forcing_what_never_ran_needs_something_to_begin_with(town):
    with pytest.raises(NothingToForceError) as caught:
        town.control("sales", "force")
    assert (
        caught.value.message
        == "sales@1 cannot be forced: it has never run, and orders@1 has no output yet."
    )
    assert caught.value.hint == "Run it with all that it needs: duckstring trigger pulse sales -m 1"
    assert town.letters == []
    town.hear(SALES, SourceTold(ORDERS, SourceReport(NOON, NOON, snapshot=1), (9, 0)))
    assert town.control("sales", "force")["status"]["status"] == "running"


def test_an_inlet_may_be_forced_though_it_never_ran_and_again_after_that(town):
    assert town.control("orders", "force")["status"]["status"] == "running"
    town.hear(ORDERS, RippleSucceeded(1, "load", 1))
    fresh = town.states[ORDERS].end_f
    assert town.control("orders", "force")["status"]["status"] == "running"
    assert town.states[ORDERS].start_f == fresh


def test_a_line_of_optional_sources_only_is_forced_if_any_has_output():
    town = Town(
        ShelfCatalog(
            graph(
                *LINES[:2],
                release(
                    "any@1", "", source("orders@1", optional=True), source("rates@1", optional=True)
                ),
            )
        )
    )
    with pytest.raises(NothingToForceError, match=r"orders@1, rates@1 have no output yet"):
        town.control("any", "force")
    town.hear(
        Line("any@1"),
        SourceTold(ORDERS, SourceReport(NOON, NOON, snapshot=1), (9, 0)),
    )
    assert town.control("any", "force")["status"]["status"] == "running"


def test_sleep_drops_what_one_line_wants_and_names_the_sinks_that_still_want(town):
    town.hear(REPORTS, Triggered("wave", NOON))
    town.hear(SALES, PullReceived(REPORTS, NOON, NEVER, (1, 0)))
    told = town.control("sales", "sleep")
    assert told["lines"] == ["sales@1"]
    assert told["status"]["demand"]["pull"] is False
    assert told["warnings"] == [
        (
            "reports@2 is awake (wave, pull) and reads sales@1: it asks again with its next run or "
            "trigger."
        )
    ]


def test_sleep_upstream_reaches_every_ancestor_required_or_not_and_no_sink(town):
    town.hear(SALES, TargetReceived(REPORTS, NOON, (1, 0)))
    for line in (ORDERS, Line("rates@1")):
        town.hear(line, Triggered("tide", NOON, timedelta(days=1)))
    told = town.control("sales", "sleep", upstream=True)
    assert told["lines"] == ["sales@1", "orders@1", "rates@1"]
    assert all(
        town.states[Line(line)].trigger is None and not town.states[Line(line)].targets
        for line in told["lines"]
    )
    assert told["warnings"] == []


def test_ancestors_are_followed_through_absent_sources_and_never_lead_back():
    held = graph(
        release("a@1", "", source("b@1"), source("gone@1")),
        release("b@1", "", source("c@1")),
        release("c@1"),
    )
    assert ancestors(Line("a@1"), held) == {"b@1", "c@1"}
    assert ancestors(Line("c@1"), held) == frozenset()


@pytest.mark.parametrize(
    ("words", "options", "why"),
    [
        (("sale", "wake"), {}, r"No Pond 'sale' in this Catchment; the nearest: sales\."),
        (("sales", "wake"), {"major": 3}, r"No Pond 'sales@3'"),
        (("sales", "wake"), {"upstream": True}, r"upstream with wake; only sleep knows it\."),
        (("sale", "sleep"), {"upstream": True}, r"the nearest: sales\."),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_told(town, words, options, why):
    with pytest.raises(OperatorError, match=why):
        town.control(*words, **options)
    assert town.letters == []


def test_budgets_are_shown_set_and_left_alone_where_not_named(town):
    assert town.budget("sales") == {
        "line": "sales@1",
        "immediate_retries": 0,
        "source_retries": 0,
        "failures": 0,
        "applied": True,
    }
    assert town.letters == []
    told = town.budget("sales", immediate_retries=3)
    assert (told["immediate_retries"], told["source_retries"]) == (3, 0)
    assert town.letters[0].signal == BudgetSet(3, None)
    told = town.budget("sales", source_retries=1000)
    assert (told["immediate_retries"], told["source_retries"]) == (3, 1000)
