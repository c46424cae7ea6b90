from __future__ import annotations

import json
import logging
from datetime import timedelta

import pytest

from duckstring.api.auditing import words
from duckstring.api.ports import ControlPorts
from duckstring.api.requests import TriggerRequest
from duckstring.api.trigger import trigger
from duckstring.engine.signals import ExecutionEnded, ObjectArrived, Triggered
from duckstring.engine.state import Down, PondState, Run, SourceReport, SourceView, Tide, Wave
from duckstring.errors import OperatorError
from duckstring.model.arrivals import Arrival, ArrivedObject
from duckstring.model.failures import Failure
from duckstring.model.find import PondNotFoundError
from duckstring.model.instants import to_text
from duckstring.model.names import Line, execution_name, read_execution_name
from duckstring.model.values import replace
from duckstring.orchestrator.forward import audited, forward
from duckstring.ports import Seen
from tests.unit.api.test_control import Town
from tests.unit.api.world import (
    NOON,
    Post,
    Rules,
    ShelfCatalog,
    States,
    StillClock,
    graph,
    release,
    source,
)

RULES = Rules()
for _line, _rule in (
    ("sales@1", Arrival("landing", "inbox", "in/", ".parquet")),
    ("sales@1", Arrival("all", "inbox", kind="tap")),
    ("reports@2", Arrival("landing", "inbox", "in/")),
    ("reports@1", Arrival("elsewhere", "other")),
):
    RULES.add(Line(_line), _rule)
CATALOG = ShelfCatalog(graph(release("reports@1"), release("reports@2"), release("sales@1")))


def ask(pond, kind, *, states=None, **options):
    """The answer, and the letters that were posted. Nobody delivers them."""
    post = Post()
    ports = ControlPorts(CATALOG, states or States(), post, StillClock())
    return trigger(pond, kind, ports, **options), post.letters


def test_a_trigger_goes_to_the_highest_major_with_the_epoch_of_the_request():
    told, letters = ask("reports", "pulse")
    assert told == {
        "line": "reports@2",
        "epoch": "2030-01-01T12:00:00.000000Z",
        "warnings": [],
        "applied": False,
    }
    assert [(letter.to, letter.signal) for letter in letters] == [
        ("reports@2", Triggered("pulse", NOON))
    ]


def test_a_major_may_be_named_and_a_tide_carries_its_bound():
    told, letters = ask("reports", "tide", major=1, bound=3600)
    assert told["line"] == "reports@1"
    assert letters[0].signal == Triggered("tide", NOON, timedelta(hours=1))


def test_a_trigger_is_answered_when_its_line_has_heard_it():
    town = Town(CATALOG)
    told = trigger("sales", "wave", town.ports)
    assert (told["applied"], told["warnings"]) == (True, [])
    assert town.states[Line("sales@1")].trigger == Wave()
    told = trigger("sales", "remove", town.ports)
    assert (told["applied"], told["warnings"]) == (True, []), "it had one when it was asked"
    assert town.states[Line("sales@1")].trigger is None


def test_a_line_that_is_too_busy_to_hear_is_triggered_all_the_same():
    town = Town(CATALOG, deaf=True)
    began = town.clock.now()
    told = trigger("sales", "pulse", town.ports)
    assert told["applied"] is False
    assert [letter.to for letter in town.letters] == ["sales@1"]
    assert timedelta(seconds=9) < town.clock.now() - began <= timedelta(seconds=10)


@pytest.mark.parametrize(("kind", "bound"), [("tap", None), ("pulse", None), ("tide", 60)])
def test_an_echo_of_a_trigger_is_one_trigger(kind, bound):
    """The mailbox knows it by its key; and where that is forgotten, the line takes it once."""
    town = Town(CATALOG)
    trigger("sales", kind, town.ports, bound=bound)
    (letter,) = town.letters
    heard = town.states[letter.to]
    town.hear(letter.to, letter.signal)
    assert town.states[letter.to] == heard
    assert letter.key == f"sales@1:Triggered:{to_text(letter.signal.epoch)}"


def test_a_source_that_is_not_deployed_is_warned_of_however_far_above(monkeypatch):
    lines = (
        release("top@1", "", source("middle@1"), source("extra@1", optional=True)),
        release("middle@1", "", source("gone@2"), source("sales@1")),
        release("sales@1"),
    )
    monkeypatch.setattr(f"{__name__}.CATALOG", ShelfCatalog(graph(*lines)))
    said = (
        "middle@1 needs gone@2, which is not deployed: top@1 runs only after it is. What you "
        "asked for waits."
    )
    for kind, more in (("pulse", {}), ("tap", {}), ("wave", {}), ("tide", {"bound": 60})):
        told, events = ask("top", kind, **more)
        assert (told["warnings"], len(events)) == ([said], 1)
    assert ask("sales", "pulse")[0]["warnings"] == []


@pytest.mark.parametrize("bound", [None, 0, -1, "1d", True, float("nan"), float("inf")])
def test_a_tide_without_a_sensible_bound_is_refused(bound):
    with pytest.raises(OperatorError, match="allowed: seconds above 0"):
        ask("reports", "tide", bound=bound)


def test_a_bound_on_anything_else_is_refused_as_is_an_unknown_kind():
    with pytest.raises(OperatorError, match="A tap takes no bound"):
        ask("reports", "tap", bound=5)
    with pytest.raises(
        OperatorError, match="No trigger 'flood'; allowed: tap, wave, pulse, tide, remove"
    ):
        ask("reports", "flood")


def test_an_unknown_pond_is_answered_with_the_nearest():
    with pytest.raises(PondNotFoundError) as caught:
        ask("report", "tap")
    assert caught.value.message == "No Pond 'report' in this Catchment; the nearest: reports."
    with pytest.raises(
        PondNotFoundError,
        match="No Pond 'reports@7' in this Catchment; the nearest: reports@2, reports@1",
    ):
        ask("reports", "tap", major=7)
    with pytest.raises(PondNotFoundError, match="nothing is deployed yet"):
        trigger("x", "tap", ControlPorts(ShelfCatalog(), States(), Post(), StillClock()))


def sales_failed(*, retries: bool = False) -> SourceView:
    sales = Line("sales@1")
    failed = Down(sales, "failed", "no rows", retries=retries)
    return SourceView(sales, report=SourceReport(down=failed))


def down(line, **state):
    return States({Line(line): Seen(PondState(Line(line), **state))})


@pytest.mark.parametrize(
    ("kind", "bound"), [("tap", None), ("pulse", None), ("wave", None), ("tide", 5)]
)
def test_what_is_asked_of_a_line_that_is_down_is_kept_with_whose_failure_it_is_and_the_way_out(
    kind, bound
):
    states = down(
        "sales@1",
        health="failed",
        failures=1,
        failure=Failure("load", 1, "ValueError", "no rows\nat all"),
    )
    told, events = ask("sales", kind, states=states, bound=bound)
    assert len(events) == 1
    (said,) = told["warnings"]
    assert said.startswith(
        "Kept: sales@1 runs for it when it recovers. Now sales@1 failed: ValueError: no rows. "
        "Repair sales and deploy it; or, where "
    )
    assert said.endswith(
        "where the fault lay outside: duckstring control wake sales, or duckstring control clear "
        "sales."
    )
    blocked = sales_failed()
    told, _ = ask(
        "reports",
        kind,
        major=1,
        bound=bound,
        states=down("reports@1", sources={Line("sales@1"): blocked}),
    )
    assert told["warnings"][0].startswith(
        "Kept: reports@1 runs for it when sales@1 recovers. Now sales@1 failed: no rows. Repair "
        "sales"
    )


@pytest.mark.parametrize("kind", ["tap", "pulse", "wave"])
def test_what_is_tried_again_by_itself_needs_no_way_out(kind):
    told, _ = ask(
        "sales", kind, states=down("sales@1", health="failed", failures=1, source_retries=1)
    )
    assert told["warnings"] == [
        (
            "Kept: sales@1 runs for it when it recovers. Now sales@1 failed. It is tried again by "
            "itself."
        )
    ]
    view = sales_failed(retries=True)
    told, _ = ask(
        "reports", kind, major=1, states=down("reports@1", sources={Line("sales@1"): view})
    )
    assert told["warnings"] == [
        (
            "Kept: reports@1 runs for it when sales@1 recovers. Now sales@1 failed: no rows. It is "
            "tried again by itself."
        )
    ]


def test_the_way_out_names_the_major_if_commands_would_take_another_and_deploying_if_it_helps():
    told, _ = ask("reports", "tap", major=1, states=down("reports@1", health="killed"))
    way_out = (
        "Let it go on: duckstring control wake reports -m 1, or duckstring control clear reports "
        "-m 1."
    )
    assert told["warnings"] == [
        f"Kept: reports@1 runs for it when it recovers. Now reports@1 was killed. {way_out}"
    ]


@pytest.mark.parametrize(("kind", "bound"), [("wave", None), ("tide", 5), ("remove", None)])
def test_a_standing_trigger_may_be_set_or_removed_while_a_line_is_down(kind, bound):
    _, events = ask("sales", kind, bound=bound, states=down("sales@1", health="failed"))
    assert len(events) == 1


def test_a_trigger_that_waits_behind_a_deploy_is_told_what_for():
    runs = {n: Run(n, NOON, NOON, timedelta(0), "1.0.0", "k", "m", 0, NOON) for n in (4, 7)}
    newer = replace(release("sales@1", "1.1.0"), deployed=NOON + timedelta(hours=1))
    states = down("sales@1", release=release("sales@1"), next_release=newer, runs=runs)
    warning = (
        "sales@1 starts nothing until run sales@1/4 and 1 more is over: 1.1.0 waits for it. "
        "Look: duckstring status sales -m 1"
    )
    for kind, warnings in (
        ("pulse", [warning]),
        ("wave", [warning]),
        ("remove", ["sales@1 had no Wave or Tide."]),
    ):
        told, events = ask("sales", kind, states=states)
        assert (told["warnings"], len(events)) == (warnings, 1)
    assert (
        ask("sales", "pulse", states=down("sales@1", release=release("sales@1"), runs=runs))[0][
            "warnings"
        ]
        == []
    )
    assert (
        ask(
            "sales", "pulse", states=down("sales@1", release=release("sales@1"), next_release=newer)
        )[0]["warnings"]
        == []
    )


def test_removing_a_trigger_says_so_where_there_was_none():
    none = ["sales@1 had no Wave or Tide."]
    for held, warnings in ((Wave(), []), (Tide(timedelta(hours=1)), []), (None, none)):
        told, events = ask(
            "sales", "remove", states=down("sales@1", release=release("sales@1"), trigger=held)
        )
        assert (told["warnings"], len(events)) == (warnings, 1)
    assert ask("sales", "remove")[0]["warnings"] == none


def bus_event(**detail):
    return {
        "id": "e-1",
        "source": "someone",
        "detail-type": "duckstring.trigger",
        "time": "2030-01-01T11:59:59Z",
        "detail": detail,
    }


def to_letters(event):
    return forward(event, catalog=CATALOG, arrivals=RULES, clock=StillClock())


def test_an_event_on_the_bus_is_the_same_trigger_as_the_commands():
    _, (posted,) = ask("reports", "tide", bound=90)
    event = bus_event(pond="reports", kind="tide", bound=90, epoch="2030-01-01T12:00:00.000000Z")
    (letter,) = to_letters(event)
    assert letter.to == posted.to
    assert letter.signal == replace(posted.signal, by="event of someone")
    assert letter.key == "trigger:e-1"


def test_an_event_without_an_epoch_gets_one_here_and_not_its_own_coarse_time():
    (letter,) = to_letters(bus_event(pond="sales", kind="tap"))
    assert letter.signal == Triggered("tap", NOON, by="event of someone")


def test_a_trigger_of_an_event_says_whose_event_it_was_and_its_note_in_one_short_line():
    event = bus_event(pond="sales", kind="tap", note="new\nprices " + "x" * 2000)
    (letter,) = to_letters({**event, "account": "123456789012", "source": "shop.\x00orders"})
    assert letter.signal.by.startswith("event of shop.")
    assert letter.signal.by.endswith("orders in 123456789012")
    assert "\x00" not in letter.signal.by
    assert letter.signal.note.startswith("new prices x")
    assert len(letter.signal.note) <= 600
    (odd,) = to_letters({**bus_event(pond="sales", kind="tap", note=7), "account": 7})
    assert (odd.signal.by, odd.signal.note) == ("event of someone", "")


def written_down(event, now=NOON + timedelta(seconds=1)):
    return audited(event, to_letters(event), now)


def test_what_an_event_asks_for_is_written_down_as_what_the_command_asks_for():
    event = {**bus_event(pond="sales", kind="tide", bound=90, note="sale"), "account": "12345"}
    (row,) = written_down(event)
    assert (row.said.by, row.said.note) == ("event of someone in 12345", "sale")
    assert (row.ponds, row.request, row.via, row.refused) == (("sales",), "e-1", "", "")
    asked = TriggerRequest(pond="sales", kind="tide", bound=90.0)
    assert row.what == words("trigger", asked) == "trigger tide bound=90.0"
    (major,) = written_down(bus_event(pond="reports", kind="remove", major=1))
    assert (major.what, major.ponds) == ("trigger remove", ("reports",))


def test_a_run_finds_who_asked_by_the_epoch_unless_the_event_chose_that_itself():
    (row,) = written_down(bus_event(pond="sales", kind="pulse"))
    assert row.said.at == NOON, "the letter's epoch"
    old = bus_event(pond="sales", kind="pulse", epoch="2020-01-01T00:00:00.000000Z")
    (row,) = written_down(old)
    assert row.said.at == NOON + timedelta(seconds=1), "when it came"


def test_an_event_without_an_id_has_a_short_one_line_name_in_the_audit():
    event = bus_event(pond="sales", kind="tap", more="x\n" * 5000)
    (row,) = written_down({**event, "id": None})
    assert row.request
    assert len(row.request) <= 100
    assert "\n" not in row.request


def test_what_is_dropped_arrives_or_has_ended_is_nobodys_change():
    assert written_down(bus_event(pond="salse", kind="tap")) == []
    assert to_letters(arrived())
    assert written_down(arrived()) == []


@pytest.mark.parametrize(
    ("detail", "why"),
    [
        ({"pond": "salse", "kind": "tap"}, "the nearest: sales"),
        ({"pond": "sales", "kind": "flood"}, "No trigger 'flood'"),
        ({"pond": 7, "kind": "tap"}, "pond is 7"),
        ({"pond": "sales", "kind": "tap", "major": "1"}, "major is '1'"),
        ({"pond": "sales", "kind": "tap", "epoch": "yesterday"}, "epoch is 'yesterday'"),
        ({"pond": "sales", "kind": "pulse", "epoch": "2031-01-01T00:00:00Z"}, "lies in the future"),
        ({"pond": "sales", "kind": "tide"}, "bound is None"),
    ],
)
def test_an_event_that_makes_no_sense_is_dropped_and_told_to_the_log(detail, why, caplog):
    with caplog.at_level(logging.WARNING):
        assert to_letters(bus_event(**detail)) == []
    assert why in caplog.records[0].why
    assert caplog.records[0].event_id == "e-1"


def test_an_epoch_of_a_clock_that_runs_a_little_ahead_is_taken_as_it_is():
    (letter,) = to_letters(bus_event(pond="sales", kind="pulse", epoch="2030-01-01T12:00:02Z"))
    assert letter.signal.epoch == NOON + timedelta(seconds=2)


def arrived(bucket="inbox", key="in/2030.parquet", **more):
    detail = {"bucket": {"name": bucket}, "object": {"key": key, "size": 3}}
    return {
        "id": "s-1",
        "source": "aws.s3",
        "detail-type": "Object Created",
        "detail": detail,
        **more,
    }


def test_an_object_that_arrives_is_told_to_every_line_of_which_a_rule_fits():
    letters = to_letters(arrived())
    found = ArrivedObject("inbox", "in/2030.parquet", 3, sequencer="event:s-1")
    assert [(letter.to, letter.signal) for letter in letters] == [
        ("sales@1", ObjectArrived(found, "pulse", NOON)),
        ("reports@2", ObjectArrived(found, "pulse", NOON)),
    ]
    assert len({letter.key for letter in letters}) == 2
    assert [letter.key for letter in to_letters(arrived())] == [letter.key for letter in letters], (
        "an echo has the same keys"
    )
    assert not {letter.key for letter in to_letters(arrived(id="s-2"))} & {
        letter.key for letter in letters
    }


def test_what_s3_says_of_an_object_goes_with_it():
    told = {"key": "in/a", "size": 7, "version-id": "v", "etag": "e", "sequencer": "00F1"}
    event = arrived(detail={"bucket": {"name": "inbox"}, "object": told})
    letters = to_letters(event)
    assert letters[0].signal.found == ArrivedObject("inbox", "in/a", 7, "v", "e", "00F1")
    again = to_letters({**event, "id": "another"})
    assert [one.key for one in again] == [one.key for one in letters], "another event of the same"


@pytest.mark.parametrize("size", [-1, None, "7", 2.5])
def test_a_size_that_is_none_is_none(size):
    detail = {"bucket": {"name": "inbox"}, "object": {"key": "in/a", "size": size}}
    assert to_letters(arrived(detail=detail))[0].signal.found.size == 0


@pytest.mark.parametrize(
    ("key", "kinds"),
    [
        ("in/a.csv", ["tap", "pulse"]),
        ("in/a.parquet", ["pulse", "pulse"]),
        ("out/a.parquet", ["tap"]),
        ("in/", ["tap", "pulse"]),
        ("In/a.parquet", ["tap"]),
    ],
)
def test_prefix_and_suffix_are_plain_text(key, kinds):
    assert [letter.signal.kind for letter in to_letters(arrived(key=key))] == kinds


def test_prefix_and_suffix_do_not_share_a_character():
    rule = Arrival("a", "inbox", "in.", ".in")
    assert [rule.matches(key) for key in ("in.in", "in..in", "in.x.in")] == [False, True, True]


@pytest.mark.parametrize(
    "event",
    [
        arrived(bucket="nobodys"),
        arrived(detail={}),
        arrived(detail={"bucket": "inbox", "object": {"key": 7}}),
        arrived(key="in/" + "x" * 1_024),
    ],
)
def test_an_arrival_that_nobody_waits_for_or_that_makes_no_sense_is_dropped(event):
    assert to_letters(event) == []


def ended(**detail):
    return {
        "id": "x",
        "source": "aws.states",
        "detail-type": "Step Functions Execution Status Change",
        "detail": detail,
    }


def test_an_execution_that_ended_is_told_to_its_line():
    (letter,) = to_letters(
        ended(name="sales_eu-1-42-2", status="ABORTED", error="Stopped", cause="by hand")
    )
    assert letter.to == "sales_eu@1"
    assert letter.signal == ExecutionEnded(42, 2, "ABORTED", "Stopped: by hand")
    assert letter.key == to_letters(ended(name="sales_eu-1-42-2", status="ABORTED"))[0].key


def test_names_of_executions_are_read_back_as_written():
    assert read_execution_name(execution_name(Line("sales_eu@12"), 42, 3)) == ("sales_eu@12", 42, 3)


@pytest.mark.parametrize(
    "detail",
    [
        {"name": "somebody-elses", "status": "FAILED"},
        {"name": "sales-1-1-1", "status": "RUNNING"},
        {},
    ],
)
def test_other_executions_and_other_news_are_dropped(detail):
    assert to_letters(ended(**detail)) == []


def test_foreign_events_are_dropped():
    assert to_letters({"source": "x", "detail-type": "y", "detail": json.dumps({})}) == []


@pytest.mark.parametrize(
    ("kind", "hours", "warns"), [("pulse", 2, True), ("pulse", 0, False), ("tap", 2, False)]
)
def test_a_pulse_of_what_is_fresh_until_a_windows_end_is_warned_of(kind, hours, warns):
    line = Line("sales@1")
    state = PondState(line, release=release("sales@1"), end_f=NOON + timedelta(hours=hours))
    told, letters = ask("sales", kind, states=States({line: Seen(state)}))
    assert len(letters) == 1
    assert told["warnings"] == (
        [
            (
                "sales@1 is fresh as of 2030-01-01 14:00 UTC already, the end of a Window: this "
                "Pulse asks for nothing, and is dropped. Nothing newer comes before the next "
                "opening. Ask for that: duckstring trigger tap sales -m 1"
            )
        ]
        if warns
        else []
    )
