from __future__ import annotations

import json
from datetime import timedelta

import pytest

from duckstring.api import status as status_module
from duckstring.api.history import RunNotFoundError, runs, show_run
from duckstring.api.requests import RunsRequest, StatusRequest
from duckstring.api.status import describe, status
from duckstring.api.tables import NotPublishedError, tables
from duckstring.engine.state import (
    Attempt,
    Down,
    Kept,
    PondState,
    RippleState,
    Run,
    SourceReport,
    SourceView,
    Tide,
    Wave,
)
from duckstring.errors import OperatorError
from duckstring.model.catalog import TableVersion
from duckstring.model.failures import Failure
from duckstring.model.find import PondNotFoundError
from duckstring.model.graph import in_order
from duckstring.model.instants import to_text
from duckstring.model.names import Line
from duckstring.model.values import replace
from duckstring.ports import RunFilter, Seen
from tests.unit.api.world import (
    NOON,
    AttemptRows,
    Ledger,
    Operators,
    Rows,
    ShelfCatalog,
    States,
    StillClock,
    graph,
    release,
    runs_ports,
    source,
    status_ports,
)

SALES = Line("sales@1")
ORDERS = Line("orders@1")
HOUR = timedelta(hours=1)
RELEASE = release(
    "sales@1",
    "1.2.0",
    source("orders@1"),
    source("rates@1", optional=True),
    ripples=("load", "join", "sum"),
)
FAILED = Failure("join", 2, "ValueError", "no such rate")


FUNCTION = {"runs_on": "lambda", "task_mib": 0, "decided_by": "default"}


def pond(**changes):
    ripples = {spec.name: RippleState(spec.name, spec.parents) for spec in RELEASE.ripples}
    sources = {spec.line: SourceView(spec.line, optional=spec.optional) for spec in RELEASE.sources}
    return replace(PondState(SALES, release=RELEASE, ripples=ripples, sources=sources), **changes)


def run(number=1, f=NOON, **changes):
    return replace(Run(number, f, NOON - HOUR, timedelta(0), "1.2.0", "k", "m", 0, NOON), **changes)


def told(state, **options):
    return describe(state, RELEASE, NOON + HOUR, **options)


def in_run(state, number=1):
    (found,) = (one for one in told(state)["runs"] if one["run"] == f"sales@1/{number}")
    return {ripple["name"]: (ripple["status"], ripple["attempt"]) for ripple in found["ripples"]}


def test_a_line_that_nobody_spoke_to_yet_is_described_from_its_release():
    assert describe(PondState(SALES), RELEASE, NOON) == {
        "line": "sales@1",
        "pond": "sales",
        "major": 1,
        "version": "1.2.0",
        "next": None,
        "package": RELEASE.sha256,
        "kind": "pond",
        "status": "idle",
        "end_f": "0001-01-01T00:00:00.000000Z",
        "start_f": "0001-01-01T00:00:00.000000Z",
        "staleness_seconds": None,
        "demand": {"pull": False, "targets": [], "woken": False, "forced": False},
        "trigger": None,
        "bound": None,
        "windows": [],
        "sources": [
            {
                "line": "orders@1",
                "optional": False,
                "end_f": "0001-01-01T00:00:00.000000Z",
                "staleness_seconds": None,
                "down": False,
                "absent": False,
            },
            {
                "line": "rates@1",
                "optional": True,
                "end_f": "0001-01-01T00:00:00.000000Z",
                "staleness_seconds": None,
                "down": False,
                "absent": False,
            },
        ],
        "sinks": [],
        "reason": "",
        "failure": None,
        "failures": 0,
        "retry_at": None,
        "asleep": False,
        "budgets": {"immediate_retries": 0, "source_retries": 0},
        "runs": [],
        "ripples": [
            {
                "name": "load",
                "parents": [],
                "end_f": "0001-01-01T00:00:00.000000Z",
                "status": "idle",
                "checks": [],
                "uses": [],
                **FUNCTION,
            },
            {
                "name": "join",
                "parents": ["load"],
                "end_f": "0001-01-01T00:00:00.000000Z",
                "status": "idle",
                "checks": [],
                "uses": [],
                **FUNCTION,
            },
            {
                "name": "sum",
                "parents": ["join"],
                "end_f": "0001-01-01T00:00:00.000000Z",
                "status": "idle",
                "checks": [],
                "uses": [],
                **FUNCTION,
            },
        ],
        "tables": 0,
        "older_tables": [],
        "rows": 0,
        "warnings": [],
        "priority": 50,
        "held": None,
        "said": {},
    }


DOWN = SourceView(ORDERS, report=SourceReport(down=Down(ORDERS, "failed", "no disk")))


@pytest.mark.parametrize(
    ("state", "word"),
    [
        (pond(), "idle"),
        (pond(pull=NOON), "waiting"),
        (pond(targets=(NOON,)), "waiting"),
        (pond(targets=(NOON,), runs={1: run()}), "running"),
        (pond(health="failed", failure=FAILED), "failed"),
        (pond(health="failed", failure=FAILED, runs={1: run(failure=FAILED)}), "failed"),
        (pond(health="failed", failure=FAILED, runs={2: run(2)}), "running"),
        (pond(health="killed", runs={1: run()}), "killed"),
        (pond(sources={DOWN.line: DOWN}), "blocked"),
        (pond(sources={DOWN.line: DOWN}, runs={1: run()}), "running"),
        (pond(sources={DOWN.line: replace(DOWN, optional=True)}), "idle"),
    ],
)
def test_one_word_for_each_condition(state, word):
    assert told(state)["status"] == word


def test_an_undeployed_source_has_a_word_of_its_own():
    found = describe(PondState(SALES), None, NOON)
    assert (found["status"], found["reason"], found["version"], found["kind"]) == (
        "undeployed",
        "sales@1 is not deployed",
        None,
        None,
    )


def test_a_source_that_is_not_deployed_is_told_from_one_that_is():
    sources = describe(PondState(SALES), RELEASE, NOON, deployed={SALES, Line("orders@1")})[
        "sources"
    ]
    assert [(source["line"], source["absent"]) for source in sources] == [
        ("orders@1", False),
        ("rates@1", True),
    ]


def test_reasons_name_the_root_cause():
    assert (
        told(pond(sources={DOWN.line: DOWN}))["reason"] == "blocked by orders@1 (failed: no disk)"
    )
    fees = Down(Line("fees@2"), "killed")
    killed = SourceView(Line("rates@1"), report=SourceReport(down=fees))
    two_lines = SourceReport(down=Down(ORDERS, "failed", "no\nway"))
    both = told(
        pond(
            sources={
                DOWN.line: replace(DOWN, report=two_lines),
                killed.line: killed,
            }
        )
    )
    assert both["reason"] == "blocked by orders@1 (failed: no), fees@2 (killed)"
    assert told(pond(targets=(NOON,), sources={killed.line: replace(killed, optional=True)}))[
        "reason"
    ] == ("waits for rates@1 (blocked by fees@2 (killed))")
    failed = told(pond(health="failed", failure=FAILED, failed_run=7, failures=3))
    assert failed["reason"] == "sales@1 failed: ValueError: no such rate"
    assert failed["failure"] == {
        "run": "sales@1/7",
        "ripple": "join",
        "attempt": 2,
        "error": "ValueError",
        "message": "no such rate",
    }
    assert failed["failures"] == 3


def test_waiting_names_the_required_sources_that_are_short():
    assert told(pond(targets=(NOON,)))["reason"] == "waits for orders@1"
    assert (
        told(pond(targets=(NOON,)), deployed={SALES})["reason"]
        == "waits for orders@1 (not deployed)"
    )
    supplied = {Line("orders@1"): SourceView(ORDERS, report=SourceReport(NOON))}
    assert told(pond(targets=(NOON,), sources=supplied))["reason"] == ""
    assert told(pond(pull=NOON, start_f=NOON, sources=supplied))["reason"] == "waits for orders@1"


def test_staleness_counts_from_the_freshness_and_through_the_window():
    assert told(pond(end_f=NOON))["staleness_seconds"] == 3600.0
    assert told(pond(end_f=NOON, delay=HOUR))["staleness_seconds"] == 7200.0


def test_demand_and_triggers_are_shown():
    state = pond(pull=NOON, targets=(NOON + HOUR, NOON), trigger=Tide(timedelta(days=1)))
    targets = ["2030-01-01T12:00:00.000000Z", "2030-01-01T13:00:00.000000Z"]
    assert told(state)["demand"] == {
        "pull": True,
        "targets": targets,
        "woken": False,
        "forced": False,
    }
    assert told(pond(kept=Kept(NOON)))["demand"]["pull"], (
        "a pull that waits until the line is no longer down"
    )
    assert told(pond(woken=NOON))["demand"]["woken"]
    assert told(pond(force=True))["demand"]["forced"]
    assert told(state)["trigger"] == {"kind": "tide", "bound": 86400.0}
    assert told(pond(trigger=Wave()))["trigger"] == {"kind": "wave"}


def ripples(**changes):
    return {
        name: replace(ripple, **changes.get(name, {})) for name, ripple in pond().ripples.items()
    }


def test_how_far_each_ripple_of_a_run_is():
    started = Attempt(1, 1, NOON, dispatched=True)
    state = pond(
        runs={1: run(attempts={"load": 1, "join": 1})},
        ripples=ripples(load={"end_f": NOON}, join={"attempt": started}),
    )
    assert in_run(state) == {"load": ("done", 1), "join": ("running", 1), "sum": ("waiting", 0)}
    queued = pond(
        runs={1: run()}, ripples=ripples(load={"attempt": replace(started, dispatched=False)})
    )
    assert in_run(queued)["load"] == ("queued", 1)
    assert told(queued)["runs"][0]["ripples"][0]["since"] == "2030-01-01T12:00:00.000000Z"


def test_a_failed_run_shows_the_failed_ripple_and_what_it_cancelled():
    state = pond(
        health="failed",
        failure=FAILED,
        runs={1: run(failure=FAILED, attempts={"join": 2})},
        ripples=ripples(load={"end_f": NOON}),
    )
    assert in_run(state) == {"load": ("done", 0), "join": ("failed", 2), "sum": ("cancelled", 0)}


def test_a_later_runs_attempt_counts_for_the_run_that_it_overtook_and_not_the_other_way():
    later = {1: run(), 2: run(2, f=NOON + HOUR)}
    ahead = pond(
        runs=later, ripples=ripples(load={"attempt": Attempt(2, 1, NOON, dispatched=True)})
    )
    assert in_run(ahead, 1)["load"] == ("running", 1)
    behind = pond(
        runs=later, ripples=ripples(load={"attempt": Attempt(1, 1, NOON, dispatched=True)})
    )
    assert in_run(behind, 2)["load"] == ("waiting", 0)


TASK = Attempt(1, 2, NOON, dispatched=True, on="task", memory_mib=8192)
"""Of ``load``, as the engine gave it."""


def looked_at(state, row, **which):
    """The status of ``load``, whose attempt has ``row``; and what was read for it."""
    rows = AttemptRows({"sales@1/1/load/2": row} if row else {})
    catalog, states = ShelfCatalog(graph(RELEASE)), States({SALES: Seen(state)})
    needed = status_ports(catalog, states=states, attempts=rows)
    found = status(StatusRequest(**which), **needed)
    line = next(line for line in found["lines"] if line["line"] == SALES)
    return line["runs"][0]["ripples"][0], rows.asked


def test_where_an_attempt_runs_and_that_it_pauses_is_what_its_row_says():
    state = pond(runs={1: run(attempts={"load": 2})}, ripples=ripples(load={"attempt": TASK}))
    begun = {
        "name": "load",
        "status": "running",
        "attempt": 2,
        "since": "2030-01-01T12:00:00.000000Z",
        "task_mib": 8192,
        "awaits": None,
    }
    unknown = {"where": None, "memory_mib": None, "pauses": None, "resumes": None}
    later = "2030-01-01T12:00:30.000000Z"
    pausing = {
        "status": "running",
        "where": "lambda",
        "memory_mib": 2048,
        "pauses": 3,
        "resumes": later,
    }
    found = {"where": "lambda", "memory_mib": 2048, "pauses": 3, "resumes": later}
    assert looked_at(state, pausing, pond="sales") == (
        begun | {"task_mib": 0} | found,
        ["sales@1/1/load/2"],
    )
    again = {name: value for name, value in pausing.items() if name != "resumes"}
    assert looked_at(state, again, pond="sales")[0] == begun | {"task_mib": 0} | found | {
        "resumes": None
    }
    working = {"status": "running", "where": "task", "memory_mib": 16_384}
    larger = {"task_mib": 16_384, "where": "task", "memory_mib": 16_384}
    assert looked_at(state, working, pond="sales")[0] == begun | unknown | larger
    assert (
        looked_at(state, {"status": "killed", "finished": later}, pond="sales")[0]
        == begun | unknown
    )
    assert looked_at(state, pausing | {"status": "killed"}, pond="sales")[0]["resumes"] is None
    assert looked_at(state, None, pond="sales")[0] == begun | unknown


def test_no_row_is_read_for_the_status_of_all_lines_nor_of_what_does_not_run():
    state = pond(runs={1: run(attempts={"load": 2})}, ripples=ripples(load={"attempt": TASK}))
    found, asked = looked_at(state, {"status": "running", "where": "lambda", "memory_mib": 2048})
    assert (found["task_mib"], found["where"], asked) == (8192, None, [])
    queued = replace(state, ripples=ripples(load={"attempt": replace(TASK, dispatched=False)}))
    assert looked_at(queued, None, pond="sales")[1] == []


def test_the_version_of_a_line_is_the_one_it_runs_and_a_newer_one_is_told_with_what_it_waits_for():
    newer = replace(RELEASE, version="1.3.0", deployed=NOON + HOUR)

    def told_of(state, selected=newer):
        found = describe(state, selected, NOON + HOUR)
        return found["version"], found["next"]

    busy = pond(runs={3: run(3, version="1.2.0"), 4: run(4)}, next_release=newer)
    assert told_of(busy) == ("1.2.0", {"version": "1.3.0", "waits_for": ["sales@1/3", "sales@1/4"]})
    assert [one["version"] for one in describe(busy, newer, NOON)["runs"]] == ["1.2.0", "1.2.0"]
    assert told_of(replace(busy, next_release=None)) == told_of(busy)
    assert told_of(pond()) == ("1.2.0", {"version": "1.3.0", "waits_for": []})
    latest = replace(newer, version="1.4.0", deployed=NOON + 2 * HOUR)
    assert told_of(busy, latest)[1] == {"version": "1.4.0", "waits_for": ["sales@1/3", "sales@1/4"]}
    assert told_of(pond(release=newer)) == ("1.3.0", None)
    again = replace(RELEASE, deployed=newer.deployed)
    assert told_of(replace(busy, next_release=None), again) == ("1.2.0", None)
    assert told_of(PondState(SALES)) == ("1.3.0", None)
    assert told_of(busy, None) == (None, None)


def test_the_whole_catchment_is_told_sources_first_with_its_last_runs():
    catalog = ShelfCatalog(graph(RELEASE, release("orders@1", kind="inlet")))
    row = {"run": "sales@1/3", "status": "success"}
    states = States({SALES: Seen(pond(runs_started=3, end_f=NOON))})
    needed = status_ports(catalog, states=states, history=Rows([row]))
    found = status(StatusRequest(), **needed)
    assert found["now"] == "2030-01-01T12:00:00.000000Z"
    assert [(line["line"], line["status"]) for line in found["lines"]] == [
        ("orders@1", "idle"),
        ("rates@1", "undeployed"),
        ("sales@1", "idle"),
    ]
    assert [line["last_run"] for line in found["lines"]] == [None, None, row]


@pytest.fixture
def two_majors():
    """What ``status`` needs, of a Pond with two majors."""
    return status_ports(ShelfCatalog(graph(RELEASE, release("sales@2"))))


def test_one_pond_is_told_alone_and_an_unknown_one_refused(two_majors):
    def told(**which):
        return [line["line"] for line in status(StatusRequest(**which), **two_majors)["lines"]]

    assert told(pond="sales") == ["sales@2"]
    assert told(pond="sales", major=1) == ["sales@1"]
    with pytest.raises(PondNotFoundError):
        told(pond="salez")


def test_some_of_all_lines_are_told_with_the_names_of_all(two_majors):
    everything = status(StatusRequest(), **two_majors)
    order = [line["line"] for line in everything["lines"]]
    assert "order" not in everything
    some = status(StatusRequest(lines=["sales@2", "gone@1", "sales@1"]), **two_majors)
    assert [line["line"] for line in some["lines"]] == ["sales@1", "sales@2"]
    assert some["order"] == order
    nothing = status(StatusRequest(lines=[]), **two_majors)
    assert nothing == {
        "now": some["now"],
        "lines": [],
        "limits": [],
        "order": order,
        "maintenance": None,
    }


class NoSnapshots:
    def read(self, line, number):
        return None


class Files:
    def uri(self, key):
        return f"s3://bucket/{key}"


def published(state):
    return tables(
        "sales",
        catalog=ShelfCatalog(graph(RELEASE)),
        states=States({SALES: Seen(state)} if state else {}),
        files=Files(),
    )


def test_the_published_snapshot_tells_where_each_table_lies_and_which_run_wrote_it():
    version = TableVersion("orders", "data/sales@1/orders/0000000041-load-2-x.parquet", 10, 99, "x")
    assert published(pond(end_f=NOON, snapshot=42, tables={"orders": version})) == {
        "line": "sales@1",
        "f": "2030-01-01T12:00:00.000000Z",
        "snapshot": 42,
        "tables": [
            {
                "table": "orders",
                "uri": f"s3://bucket/{version.key}",
                "rows": 10,
                "bytes": 99,
                "parts": [],
                "merge_key": [],
                "written_in": "sales@1/41",
                "version": None,
                "f": None,
                "as_of": None,
                "older": False,
            }
        ],
        "dropped": [],
    }


def test_nothing_published_yet_says_what_to_do():
    for state in (None, pond()):
        with pytest.raises(NotPublishedError) as caught:
            published(state)
        assert caught.value.message == "sales@1 has not completed a run yet."
        assert caught.value.hint == "Send demand: duckstring trigger pulse sales -m 1"
    with pytest.raises(NotPublishedError, match="its first one is under way"):
        published(pond(runs={1: run()}))


def test_runs_are_asked_for_of_a_pond_that_is_there():
    world = runs_ports(ShelfCatalog(graph(RELEASE)), history=Rows([{"run": "sales@1/3"}]))
    assert runs(RunsRequest("sales", limit=5), **world) == {"runs": [{"run": "sales@1/3"}]}
    with pytest.raises(OperatorError, match="No Pond"):
        runs(RunsRequest("nope"), **world)


def test_runs_are_asked_for_of_a_span_of_time_and_page_by_page():
    last = {"run": "sales@1/3"}
    world = runs_ports(ShelfCatalog(graph(RELEASE)), history=Rows([last]))
    runs(
        RunsRequest(since="2030-01-01T13:00:00+01:00", until="2030-01-02T12:00Z", status="pass"),
        **world,
    )
    assert world["history"].wanted == RunFilter("pass", since=NOON, until=NOON + 24 * HOUR)
    runs(RunsRequest("sales", before="sales@1/3"), **world)
    assert world["history"].wanted == RunFilter(before=last)


def test_runs_by_somebody_say_where_the_list_goes_on():
    row = {"run": "sales@1/3", "by": "alice@laptop"}
    world = runs_ports(ShelfCatalog(graph(RELEASE)), history=Rows([row]))
    assert runs(RunsRequest("sales", by="alice", status="pass"), **world) == {"runs": [row]}
    assert world["history"].wanted == RunFilter("pass", by="alice")
    world["history"].further = "sales@1/1"
    assert runs(RunsRequest(by="alice"), **world) == {"runs": [row], "further": "sales@1/1"}


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"since": "yesterday"}, "since: .*yesterday"),
        ({"until": "2030-01-01T12:00:00"}, "until: .* has no time zone"),
        ({"before": "sales"}, "'sales' is not a run"),
        ({"before": "sales@1/9"}, "No run 'sales@1/9' in this Catchment"),
        ({"pond": "sales", "before": "other@1/3"}, "other@1/3 is not a run of sales@1"),
    ],
)
def test_spans_and_pages_that_make_no_sense_are_refused(asked, words):
    needed = runs_ports(ShelfCatalog(graph(RELEASE)), history=Rows([{"run": "sales@1/3"}]))
    with pytest.raises(OperatorError, match=words):
        runs(RunsRequest(**asked), **needed)


def test_running_runs_are_those_that_the_states_have():
    def row(line, number, started, status="running"):
        of = {"run": f"{line}/{number}", "pond": line.partition("@")[0]}
        return {**of, "status": status, "started": to_text(started)}

    rows = [
        row(SALES, 1, NOON),
        {**row(SALES, 2, NOON + HOUR), "by": "alice@laptop"},
        row(ORDERS, 5, NOON + HOUR / 2),
        row(ORDERS, 6, NOON + 2 * HOUR, "failed"),  # its execution is not over yet
        row(ORDERS, 4, NOON - HOUR),  # was lost from the state
    ]
    states = States(
        {
            SALES: Seen(pond(runs={1: run(1), 2: run(2)})),
            ORDERS: Seen(replace(pond(runs={5: run(5), 6: run(6)}), line=ORDERS)),
        }
    )
    world = runs_ports(
        ShelfCatalog(graph(RELEASE, release("orders@1"))),
        states=states,
        history=Rows(rows),
        operated=Operators({"orders": {"team": "x"}}),
    )

    def named(**asked):
        found = runs(RunsRequest(status="running", **asked), **world)["runs"]
        return [one["run"] for one in found]

    assert named() == ["sales@1/2", "orders@1/5", "sales@1/1"]
    assert named(limit=1) == ["sales@1/2"]
    world["rest"].words = {ORDERS: "running"}
    assert named() == ["orders@1/5"]
    world["rest"].words = {ORDERS: "running", SALES: "killed"}
    assert named() == ["sales@1/2", "orders@1/5", "sales@1/1"]
    assert named(by="alice") == ["sales@1/2"]
    assert named(tags={"team": "x"}) == ["orders@1/5"]
    assert named(pond="sales") == ["sales@1/2", "sales@1/1"]
    assert named(before="sales@1/2") == ["orders@1/5", "sales@1/1"]
    assert named(since="2030-01-01T12:10Z", until="2030-01-01T13:00Z") == ["orders@1/5"]


def test_a_run_that_is_not_there_is_answered_with_the_newest_that_is():
    with pytest.raises(
        RunNotFoundError,
        match=r"No run 'sales@1/9' in this Catchment; the newest of its line is sales@1/3",
    ):
        show_run(
            "sales@1/9",
            history=Rows([{"run": "sales@1/3"}]),
            snapshots=NoSnapshots(),
            audits=Ledger(),
            states=States(),
            clock=StillClock(),
        )
    with pytest.raises(RunNotFoundError, match="its line has not run yet"):
        show_run(
            "sales@1/9",
            history=Rows(),
            snapshots=NoSnapshots(),
            audits=Ledger(),
            states=States(),
            clock=StillClock(),
        )
    with pytest.raises(OperatorError, match="write it as pond@major/number"):
        show_run(
            "sales",
            history=Rows(),
            snapshots=NoSnapshots(),
            audits=Ledger(),
            states=States(),
            clock=StillClock(),
        )


def test_a_line_that_is_fresh_beyond_now_says_why_nothing_moves():
    ahead = {"start_f": NOON + 4 * HOUR, "end_f": NOON + 4 * HOUR}
    tide = pond(trigger=Tide(HOUR), **ahead)
    assert (
        told(tide)["reason"]
        == "fresh as of 2030-01-01 16:00 UTC already: its Tide asks for nothing until then"
    )
    assert told(pond(**ahead))["reason"] == "", "nobody waits"
    assert told(pond(trigger=Tide(HOUR), start_f=NOON, end_f=NOON))["reason"] == ""
    behind = {"orders@1": SourceView(ORDERS, report=SourceReport(NOON))}
    assert (
        told(pond(pull=NOON, sources=behind, **ahead))["reason"]
        == "waits for orders@1; fresh as of 2030-01-01 16:00 UTC already"
    )


def test_a_run_in_flight_is_shown_with_the_ripples_that_wait_for_their_next_try():
    waits = Attempt(3, 2, NOON + HOUR, tried=2, delayed=True)
    state = pond(runs={3: run(3, attempts={"load": 2})}, ripples=ripples(load={"attempt": waits}))
    shown = {
        "history": _Attempts([{"run": "sales@1/3", "status": "running"}]),
        "snapshots": NoSnapshots(),
        "audits": Ledger(),
        "clock": StillClock(),
    }
    told = show_run("sales@1/3", states=States({SALES: Seen(state)}), **shown)
    assert told["retries"] == [
        {"ripple": "load", "attempt": 2, "at": "2030-01-01T13:00:00.000000Z"}
    ]
    assert show_run("sales@1/3", states=States(), **shown)["retries"] == []
    (load, *_) = describe(state, RELEASE, NOON)["runs"][0]["ripples"]
    assert (load["status"], load["retry_at"]) == ("queued", "2030-01-01T13:00:00.000000Z")


class _Attempts(Rows):
    def attempts(self, line, number):
        lost = {
            "ripple": "load",
            "attempt": 1,
            "status": "lost",
            "error": "ExecutionLost",
            "message": "FAILED ValueError: of another",
        }
        unstarted = {
            "ripple": "big",
            "status": "lost",
            "error": "TaskFailedToStart",
            "started": None,
        }
        began = lost | {"started": "2030-01-01T12:00:00.000000Z"}
        return [
            lost | {"started": None},
            unstarted,
            began,
            {"ripple": "sum", "status": "killed", "error": None, "started": None},
        ]


def test_an_attempt_that_no_worker_began_is_not_called_lost_unless_it_says_why():
    told = show_run(
        "sales@1/3",
        history=_Attempts([{"run": "sales@1/3", "status": "failed"}]),
        snapshots=NoSnapshots(),
        audits=Ledger(),
        states=States(),
        clock=StillClock(),
    )["attempts"]
    assert [attempt["status"] for attempt in told] == ["not begun", "lost", "lost", "killed"]
    assert [attempt.get("error") for attempt in told] == [
        None,
        "TaskFailedToStart",
        "ExecutionLost",
        None,
    ]


@pytest.mark.parametrize(("room", "sizes"), [(1, [1] * 4), (0, [1] * 4), (10**9, [4])])
def test_an_answer_ends_where_there_is_no_room_for_another_line(
    two_majors, monkeypatch, room, sizes
):
    monkeypatch.setattr(status_module, "_ROOM", room)
    assert pages(two_majors) == sizes


def test_an_answer_has_a_line_that_just_fits_and_no_line_that_just_does_not(
    two_majors, monkeypatch
):
    lines = status(StatusRequest(), **two_majors)["lines"]
    room = sum(len(json.dumps(line)) for line in lines[:2])
    monkeypatch.setattr(status_module, "_ROOM", room)
    assert pages(two_majors)[0] == 2
    monkeypatch.setattr(status_module, "_ROOM", room - 1)
    assert pages(two_majors)[0] == 1


def pages(ports):
    """How many lines each answer has."""
    whole = [line["line"] for line in status(StatusRequest(), **ports)["lines"]]
    found, after = [], None
    while not found or after:
        answer = status(StatusRequest(after=after), **ports)
        found.append([line["line"] for line in answer["lines"]])
        after = answer.get("next")
    assert [name for page in found for name in page] == [
        str(line) for line in in_order(ports["catalog"].releases())
    ]
    assert whole == found[0]
    return [len(page) for page in found]
