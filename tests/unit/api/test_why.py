"""What `why` answers: causes in words, from the states of a simulated Catchment."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import get_args

import pytest

from duckstring.api.ports import WhyPorts
from duckstring.api.requests import WhyRequest
from duckstring.api.why import why
from duckstring.engine import causes
from duckstring.engine.state import PondState
from duckstring.model.answers.runs import RunRow
from duckstring.model.answers.status import WantedBy
from duckstring.model.answers.why import CauseKind, WhyAnswer
from duckstring.model.catalog import Release
from duckstring.model.failures import Failure
from duckstring.model.find import PondNotFoundError
from duckstring.model.instants import NEVER, Instant, to_text
from duckstring.model.names import Line
from duckstring.model.values import replace
from duckstring.model.windows import Window
from duckstring.orchestrator.ports import HeldLimit
from duckstring.ports import Seen
from duckstring.testing.fakes import MemoryLimits
from duckstring.testing.simulator import START, Conditions, World, pond, seconds
from tests.property.journals import Journals
from tests.unit.api.shapes import faults
from tests.unit.api.world import AttemptRows, Rows, ShelfCatalog, StillClock
from tests.unit.engine.test_demand import deployed

SALES, DELAYS, REPORTS = Line("sales@1"), Line("delays@1"), Line("reports@1")
CHAIN = (pond(SALES), pond(DELAYS, SALES), pond(REPORTS, DELAYS))
WRONG = Failure("run", 1, "ValueError", "\n  no rows \n in s3://bucket")


@dataclass
class Reads:
    """States, and which were read together."""

    held: Mapping[Line, PondState]
    reads: list[set[Line]] = field(default_factory=list)

    def read(self, lines: Collection[Line]) -> Mapping[Line, Seen]:
        self.reads.append(set(lines))
        return {line: Seen(self.held[line]) for line in lines if line in self.held}


def explained(
    world: World,
    line: Line,
    *releases: Release,
    rows: Collection[dict[str, object]] = (),
    last: Collection[RunRow] = (),
    now: Instant | None = None,
) -> tuple[WhyAnswer, list[set[Line]]]:
    states = Reads(world.states)
    known = {one.line: one for one in releases or CHAIN}
    name, _, major = line.partition("@")
    answer = why(
        WhyRequest(name, int(major)),
        WhyPorts(
            catalog=(catalog := ShelfCatalog(known)),
            removals=catalog,
            states=states,
            history=Rows(list(last)),
            attempts=AttemptRows({str(row["key"]): dict(row) for row in rows}),
            journal=Journals(),
            limits=limits_of(world),
            clock=StillClock(now or world.now),
        ),
    )
    assert list(faults(answer, WhyAnswer)) == []
    return answer, states.reads


def says(answer: WhyAnswer) -> list[str]:
    return [cause["text"] for line in answer["chain"] for cause in line["causes"]]


def commands(answer: WhyAnswer) -> list[str | None]:
    return [way["command"] for way in answer["ways"]]


def failing(*lines: Line) -> World:
    return deployed(*CHAIN, outcome=lambda a: WRONG if a[0] in lines else None)


def test_every_cause_and_every_demand_of_the_engine_has_a_name_in_the_answer() -> None:
    tags = {one.__struct_config__.tag for one in get_args(causes.Cause)}
    assert tags == set(get_args(CauseKind))
    assert get_args(causes.WantedBy) == get_args(WantedBy)


def test_a_blocked_outlet_is_explained_down_to_the_error_of_its_root() -> None:
    world = failing(SALES)
    world.trigger(REPORTS, "pulse")
    world.run_until()
    answer, _ = explained(world, REPORTS)
    assert answer["status"] == "blocked"
    assert says(answer) == [
        "reports@1 requires delays@1, which is blocked: sales@1 failed.",
        "delays@1 requires sales@1, which failed.",
        "Run sales@1/1 failed in run: ValueError: no rows. No try is left.",
    ]
    assert [cause["leads_to"] for line in answer["chain"] for cause in line["causes"]] == [
        DELAYS,
        SALES,
        None,
    ]
    assert answer["text"] == f"{says(answer)[0]} {says(answer)[2]}"
    row = {**LAST, "status": "failed", "number": 1, "finished": to_text(world.now)}
    later, _ = explained(world, REPORTS, last=[row], now=world.now + seconds(300))
    assert says(later)[2].startswith("Run sales@1/1 failed 5m ago in run: ValueError")
    assert later["chain"][2]["causes"][0]["since"] == to_text(world.now)
    other, _ = explained(world, REPORTS, last=[{**row, "number": 2}])
    assert other["chain"][2]["causes"][0]["since"] is None
    assert commands(answer) == [
        "duckstring run show sales@1/1",
        "duckstring deploy",
        "duckstring control wake sales -m 1",
        "duckstring control clear sales -m 1",
        "duckstring control failure-budget sales -m 1 --source 1",
    ]


def test_a_running_line_says_for_whom_and_what_it_waits_for_inside() -> None:
    ripples = (("load", ()), ("clean", ("load",)))
    graph = (pond(SALES, ripples=ripples), *CHAIN[1:])
    world = deployed(*graph)
    world.trigger(REPORTS, "pulse")
    world.run_until(world.now + seconds(0.4))
    answer, _ = explained(world, SALES, *graph)
    (run,) = answer["runs"]
    (demand,) = run["demand"]
    assert demand["text"].startswith("It was asked for by a Pulse of reports@1 at ")
    assert demand["text"].endswith(
        ", by way of delays@1. Whether by hand, by an event, an arrival or a Tide of then is not "
        "recorded."
    )
    assert run["inside"] == ["load runs since 0s.", "clean waits for load."]
    assert answer["text"] == f"sales@1 runs sales@1/1. {demand['text']}"
    assert (answer["chain"][0]["causes"], answer["ways"]) == ([], [])


def test_a_paused_ripple_says_for_how_long() -> None:
    world = deployed(*CHAIN)
    world.trigger(SALES, "tap")
    world.run_until(world.now + seconds(0.4))
    until = to_text(world.now + seconds(90))
    row = {"key": "sales@1/1/run/1", "status": "running", "resumes": until}
    answer, _ = explained(world, SALES, rows=[row])
    assert answer["runs"][0]["inside"] == ["run pauses for 1m30s more."]


def test_an_idle_line_is_asked_by_nobody_and_says_how_old_it_is() -> None:
    world = deployed(*CHAIN)
    world.trigger(REPORTS, "pulse")
    world.run_until()
    world.run_until(world.now + timedelta(hours=3))
    answer, _ = explained(world, REPORTS)
    assert says(answer) == [
        "Nobody asks for newer output of reports@1 than as of 2030-01-01 00:00 UTC."
    ]
    assert answer["staleness"]["text"] == (
        "Its output is fresh as of 2030-01-01 00:00 UTC (3h ago)."
    )
    assert answer["staleness"]["late"] is False
    assert commands(answer) == [
        "duckstring trigger pulse reports -m 1",
        "duckstring trigger tide reports 1d -m 1",
    ]


def test_a_line_that_is_older_than_its_tide_allows_is_late() -> None:
    world = failing(SALES)
    world.trigger(REPORTS, "tide", bound=timedelta(minutes=5))
    world.run_until(world.now + timedelta(hours=1))
    answer, _ = explained(world, REPORTS)
    assert answer["staleness"]["late"]
    assert answer["staleness"]["bound"] == 300
    assert (
        "Its Tide allows 5m. Newer output has been asked for since 2030-01-01 00:00 UTC (1h ago)."
        in answer["staleness"]["text"]
    )


def test_a_tide_that_is_not_due_yet_says_when_it_asks() -> None:
    world = deployed(*CHAIN)
    world.trigger(REPORTS, "tide", bound=timedelta(hours=1))
    world.run_until(world.now + timedelta(minutes=20))
    answer, _ = explained(world, REPORTS)
    assert says(answer)[0] == (
        "The Tide (1h) of reports@1 asks again at 2030-01-01 01:00 UTC (in 40m); until then its "
        "output is fresh enough."
    )
    assert answer["chain"][0]["causes"][0]["at"].startswith("2030-01-01T01:00:00")
    assert not answer["staleness"]["late"]


def test_a_closed_window_far_above_says_when_it_opens() -> None:
    world = deployed(*CHAIN)
    rule = Window("night", START + timedelta(hours=2), timedelta(days=1), timedelta(hours=1))
    world.add_window(SALES, rule)
    world.trigger(REPORTS, "pulse")
    world.run_until(world.now + seconds(5))
    answer, _ = explained(world, REPORTS)
    assert says(answer)[-1] == (
        "sales@1 waits for Window night, which opens 2030-01-01 02:00 UTC (in 1h59m)."
    )
    assert says(answer)[0].startswith("reports@1 waits for delays@1, which has published nothing")
    assert commands(answer) == ["duckstring trigger window sales list -m 1"]


def test_a_woken_line_says_that_it_has_asked_nobody() -> None:
    world = deployed(*CHAIN)
    world.order(DELAYS, "wake")
    world.run_until()
    answer, _ = explained(world, DELAYS)
    assert says(answer)[0] == (
        "delays@1 waits for sales@1, which has published nothing yet. delays@1 has not asked it "
        "for that."
    )
    assert commands(answer)[0] == "duckstring trigger pulse delays -m 1"


@pytest.mark.parametrize("source_retries", [0, 2])
def test_a_failed_line_says_how_many_tries_are_left_and_when_the_next_is(
    source_retries: int,
) -> None:
    graph = (pond(SALES, source_retries=source_retries), *CHAIN[1:])
    world = deployed(*graph, outcome=lambda a: WRONG)
    world.trigger(SALES, "pulse")
    world.run_until(world.now + seconds(30))
    answer, _ = explained(world, SALES, *graph)
    end = "2 tries are left." if source_retries else "No try is left."
    assert says(answer)[0].endswith(end)
    again = [text for text in says(answer) if "is tried again at" in text]
    assert bool(again) is bool(source_retries)


def test_the_lines_below_are_read_only_while_it_runs() -> None:
    world = deployed(*CHAIN)
    assert explained(world, DELAYS)[1] == [{DELAYS}, {SALES}]
    world.trigger(DELAYS, "tap")
    world.run_until(world.now + seconds(1.5))
    assert explained(world, DELAYS)[1] == [{DELAYS}, {SALES, REPORTS}]
    assert explained(world, SALES, pond(SALES))[1] == [{SALES}]


LAST = {
    "run": "sales@1/1",
    "pond": "sales",
    "major": 1,
    "number": 1,
    "f": to_text(START),
    "version": "1.0.0",
    "status": "success",
    "started": to_text(START),
    "finished": to_text(START),
    "changed": True,
    "overtaken_by": None,
    "ripple": None,
    "error": None,
    "message": None,
}


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"wanted": "tap"}, "succeeded 1m ago. It began for a Tap."),
        ({"changed": False}, "succeeded 1m ago, and changed nothing."),
        (
            {"overtaken_by": "sales@1/2"},
            "was overtaken 1m ago by sales@1/2, which was published.",
        ),
        (
            {"status": "pass", "wanted": "wave"},
            (
                "passed 1m ago: nothing that it reads had changed since the run before. It began "
                "for its Wave."
            ),
        ),
        (
            {"status": "failed", "ripple": "load", "error": "E", "message": "no\nrows"},
            "failed 1m ago in load: E: no.",
        ),
        ({"status": "failed", "error": "ContractError"}, "failed 1m ago: ContractError."),
        (
            {"status": "failed", "error": "E", "message": "No x in pond.toml."},
            "failed 1m ago: E: No x in pond.toml.",
        ),
        ({"status": "killed"}, "was killed 1m ago."),
        ({"status": "rollback"}, "published an earlier snapshot again, 1m ago."),
        ({"status": "of a later release"}, "ended 1m ago."),
    ],
)
def test_the_last_run_says_how_it_ended_and_why_it_began(row: RunRow, words: str) -> None:
    world = deployed(*CHAIN)
    world.trigger(SALES, "pulse")
    world.run_until()
    answer, _ = explained(world, SALES, last=[{**LAST, **row}], now=START + seconds(60))
    assert answer["last"] == f"Run sales@1/1 {words}"


def test_a_run_in_flight_is_not_the_last_one() -> None:
    world = deployed(*CHAIN)
    world.trigger(SALES, "pulse")
    world.run_until(world.now + seconds(0.2))
    running = {**LAST, "status": "running", "finished": None}
    assert explained(world, SALES, last=[running])[0]["last"] == ""


def test_a_pond_that_is_not_deployed_is_refused() -> None:
    with pytest.raises(PondNotFoundError, match="No Pond 'salse'"):
        explained(deployed(*CHAIN), Line("salse@1"))


def test_what_a_failed_run_leaves_and_a_lost_execution_are_told_inside() -> None:
    world = deployed(*CHAIN)
    world.trigger(SALES, "pulse")
    world.run_until(world.now + seconds(0.4))
    state = world.states[SALES]
    run = replace(state.runs[1], launch=3, superseded=True)
    world.states[SALES] = replace(state, runs={1: run})
    assert explained(world, SALES)[0]["runs"][0]["inside"][:2] == [
        "A newer run has overtaken it, and is published in its place.",
        "Its execution was lost, and was started again (2x).",
    ]
    world.states[SALES] = replace(state, runs={1: replace(run, failure=WRONG)})
    (told,) = explained(world, SALES)[0]["runs"]
    assert (told["demand"], told["inside"][0]) == (
        [],
        "It has failed; what it had begun is still ending.",
    )


def test_a_ripple_that_waits_for_its_next_try_is_told_with_the_time() -> None:
    sales = pond(SALES, immediate_retries=1)
    specs = tuple(replace(one, retry_delay_seconds=90) for one in sales.ripples)
    world = deployed(replace(sales, ripples=specs), outcome=lambda _: WRONG)
    world.trigger(SALES, "pulse")
    world.run_until(START + seconds(30))
    (told,) = explained(world, SALES, replace(sales, ripples=specs))[0]["runs"]
    assert told["inside"] == ["run is tried again at 2030-01-01 00:01:31 UTC (in 1m1s), attempt 2."]


def test_an_error_after_which_nothing_is_tried_again_is_told_so() -> None:
    sales = pond(SALES, immediate_retries=9)
    world = deployed(sales, outcome=lambda _: replace(WRONG, final=True))
    world.trigger(SALES, "pulse")
    world.run_until()
    text = str(says(explained(world, SALES, sales)[0])[0])
    assert "Its retry_on does not name that error, so the run ended at once. No try is left" in text


def test_output_that_came_through_a_window_says_from_when_its_age_counts() -> None:
    world = deployed(*CHAIN)
    rule = Window("night", START, timedelta(days=1), timedelta(hours=3))
    world.add_window(SALES, rule)
    world.trigger(SALES, "pulse")
    world.run_until(START + timedelta(hours=1))
    answer, _ = explained(world, SALES)
    assert answer["staleness"]["seconds"] == 3600
    assert answer["staleness"]["text"] == (
        "Its output is fresh as of 2030-01-01 03:00 UTC (in 2h), its Window's end; the age counts "
        "from 2030-01-01 00:00 UTC (1h ago)."
    )
    world.trigger(SALES, "tap")
    world.run_until(world.now + seconds(1))
    answer, _ = explained(world, SALES)
    assert says(answer) == [
        (
            "sales@1 has run for the Window that is open. sales@1 waits for Window night, which "
            "opens 2030-01-02 00:00 UTC (in 22h59m)."
        )
    ]


@pytest.mark.parametrize(
    ("error", "message", "words"),
    [
        ("", "", "Run sales@1/1 failed in run. No try is left."),
        ("ValueError", " \n\t\n", "Run sales@1/1 failed in run: ValueError. No try is left."),
        (
            "",
            "No x in pond.toml.",
            "Run sales@1/1 failed in run: No x in pond.toml. No try is left.",
        ),
        ("", "is it?", "Run sales@1/1 failed in run: is it? No try is left."),
        ("A\nB", "one\rtwo\nthree", "Run sales@1/1 failed in run: A B: one. No try is left."),
    ],
)
def test_whatever_an_author_wrote_is_one_line_of_the_sentence(
    error: str, message: str, words: str
) -> None:
    failure = Failure("run", 1, error, message)
    world = deployed(*CHAIN, outcome=lambda _: failure)
    world.trigger(SALES, "pulse")
    world.run_until()
    assert says(explained(world, SALES)[0]) == [words]


def test_a_very_long_error_is_cut() -> None:
    failure = Failure("run", 1, "E" * 5000, "x" * 5000)
    world = deployed(*CHAIN, outcome=lambda _: failure)
    world.trigger(SALES, "pulse")
    world.run_until()
    assert len(says(explained(world, SALES)[0])[0]) < 600


def test_five_hundred_lines_are_read_once_and_each_is_told_once() -> None:
    names = [Line(f"p{number}@1") for number in range(500)]
    graph = [pond(names[0])] + [
        pond(line, *names[max(0, at - 3) : at]) for at, line in enumerate(names) if at
    ]
    world = deployed(*graph)
    world.order(names[0], "kill")
    world.run_until()
    world.trigger(names[-1], "pulse")
    world.run_until()
    answer, reads = explained(world, names[-1], *graph)
    assert [len(read) for read in reads] == [1, 499]
    told = [line["line"] for line in answer["chain"]]
    assert len(told) == len(set(told)) == 500
    assert answer["text"].endswith("p0@1 was killed by an operator.")


def limits_of(world: World) -> MemoryLimits:
    return MemoryLimits({name: HeldLimit(state) for name, state in world.limits.items()})


def waiting(*lines: str, tokens: int = 1) -> World:
    """Each of these wants the token, one after the other."""
    world = World(Conditions(duration=lambda _l, _r: seconds(600)))
    world.set_limit("databricks", tokens)
    world.deploy(*(pond(line, uses={"run": ("databricks",)}) for line in lines))
    world.run_until()
    for line in lines:
        world.trigger(line, "pulse")
        world.run_until(world.now + seconds(10))
    return world


INLETS = ("a@1", "b@1", "c@1")


def explained_in(world: World, line: str) -> WhyAnswer:
    return explained(world, Line(line), *(pond(one) for one in INLETS))[0]


def test_who_waits_for_a_token_is_told_who_has_it_and_what_would_change_it() -> None:
    world = waiting(*INLETS)
    answer = explained_in(world, "c@1")
    assert says(answer) == [
        (
            "run of c@1/1 has waited 10s for a token of limit databricks: 1 of 1 taken, by run of "
            "a@1/1 (since 30s). One other is ahead of it."
        )
    ]
    assert commands(answer) == [
        "duckstring limit set databricks 2",
        "duckstring control priority c -m 1 100",
        "duckstring limit list",
    ]
    (cause,) = answer["chain"][0]["causes"]
    assert (cause["kind"], cause["runs"], cause["leads_to"]) == ("waits_for_token", ["c@1/1"], None)
    assert answer["runs"][0]["inside"] == ["run waits for a token of limit databricks since 10s."]
    assert says(explained_in(world, "b@1"))[0].endswith("(since 30s). It is the next.")
    assert says(explained_in(world, "a@1")) == []


def test_once_what_is_named_is_done_the_wait_is_over() -> None:
    for change in (
        lambda world: world.set_limit("databricks", 3),
        lambda world: world.order("a@1", "kill") and world.order("b@1", "kill"),
    ):
        world = waiting(*INLETS)
        change(world)
        world.run_until(world.now + seconds(1))
        assert says(explained_in(world, "c@1")) == []
    world = waiting(*INLETS)
    world.set_priority("c@1", 100)
    world.run_until(world.now + seconds(1))
    assert says(explained_in(world, "c@1"))[0].endswith("It is the next.")


def test_many_who_have_tokens_are_counted_and_a_limit_of_nothing_is_said() -> None:
    lines = tuple(f"p{number}@1" for number in range(6))
    world = waiting(*lines, tokens=5)
    (text,) = says(explained(world, Line("p5@1"), *(pond(one) for one in lines))[0])
    assert text.endswith("run of p2@1/1 (since 40s) and 2 more. It is the next.")
    (text,) = says(explained_in(waiting(*INLETS[:1], tokens=0), "a@1"))
    assert text.endswith("limit databricks, which is set to 0: nothing that uses it starts.")


def test_a_limit_that_has_not_answered_yet_is_said_to_have_not() -> None:
    world = waiting(*INLETS[:1], tokens=0)
    world.limits.clear()
    answer = explained_in(world, "a@1")
    assert says(answer)[0].endswith("limit databricks, which has not answered yet.")
    assert commands(answer) == ["duckstring doctor"]


def test_a_sink_learns_that_its_source_waits_for_a_token() -> None:
    world = waiting("a@1", "b@1")
    below = pond("d@1", "b@1")
    world.deploy(below)
    world.trigger("d@1", "pulse")
    world.run_until(world.now + seconds(5))
    answer, _ = explained(world, Line("d@1"), pond("a@1"), pond("b@1"), below)
    assert [cause["kind"] for cause in answer["chain"][1]["causes"]] == ["busy", "waits_for_token"]
    assert "duckstring limit set databricks 2" in commands(answer)


def windowed() -> World:
    """All three lines have run in an open Window."""
    world = deployed(*CHAIN)
    rule = Window("night", START, timedelta(days=1), timedelta(hours=3))
    world.add_window(SALES, rule)
    world.trigger(REPORTS, "pulse")
    world.run_until(START + timedelta(hours=1))
    return world


@pytest.mark.parametrize("line", [SALES, REPORTS])
def test_under_an_open_window_that_was_used_a_pulse_does_nothing_and_a_tap_is_named(
    line: Line,
) -> None:
    world = windowed()
    answer, _ = explained(world, line)
    assert says(answer) == [
        (
            f"Nobody asks for newer output of {line}, which is fresh as of 2030-01-01 03:00 UTC "
            "already, the end of a Window."
        )
    ]
    pond = line.partition("@")[0]
    assert commands(answer)[0] == f"duckstring trigger tap {pond} -m 1"
    assert "trigger pulse" not in str(commands(answer))
    tomorrow = START + timedelta(days=1, hours=1)
    world.trigger(line, "pulse")
    world.run_until(tomorrow)
    assert world.states[line].runs_started == 1, "so it would be no help"
    world = windowed()
    world.trigger(line, "tap")
    world.run_until(tomorrow)
    assert world.states[line].runs_started == 2


def test_a_run_for_a_pulse_that_was_tapped_since_says_both() -> None:
    world = deployed(pond(SALES), durations={SALES: 20})
    world.trigger(SALES, "pulse")
    world.run_until(world.now + seconds(8))
    world.trigger(SALES, "tap")
    world.run_until(world.now + seconds(2))
    answer, _ = explained(world, SALES, pond(SALES))
    pulse, tap = answer["runs"][0]["demand"]
    assert pulse["text"].startswith("It was asked for by a Pulse of sales@1")
    assert tap["text"].startswith("It also answers a Tap of sales@1 at 2030-01-01 00:00:08 UTC (2s")
    assert "by a Pulse of" in answer["text"]


def test_what_is_published_again_says_how_old_its_data_is() -> None:
    world = deployed(*CHAIN)
    world.trigger(REPORTS, "pulse")
    world.run_until(START + timedelta(hours=1))
    older = START - timedelta(days=2)
    world.states[SALES] = replace(world.states[SALES], held_f=older)
    text = explained(world, SALES)[0]["staleness"]["text"]
    assert text.endswith(
        "An earlier snapshot is published again: its data is as of 2029-12-30 00:00 UTC (2d1h ago)."
    )


def test_who_is_killed_is_woken_or_cleared_and_not_asked_for_besides() -> None:
    world = deployed(*CHAIN)
    world.order(SALES, "kill")
    world.run_until(world.now + seconds(5))
    answer, _ = explained(world, SALES)
    assert says(answer)[1].startswith("Nobody asks for newer output of sales@1")
    assert commands(answer) == [
        "duckstring control wake sales -m 1",
        "duckstring control clear sales -m 1",
    ]


@dataclass
class Repaired:
    """Outcomes of attempts: they fail until it is repaired."""

    line: Line
    done: bool = False

    def __call__(self, attempted: tuple[object, ...]) -> Failure | None:
        return WRONG if attempted[0] == self.line and not self.done else None


def failed_for_good(line: Line, *, asleep: bool) -> tuple[World, Repaired]:
    """A line without a try left. What its run was asked for is kept, unless an operator has put the
    line to sleep since.
    """
    fault = Repaired(line)
    world = deployed(*CHAIN, outcome=fault)
    world.trigger(line, "pulse")
    world.run_until(world.now + seconds(5))
    if asleep:
        world.order(line, "sleep")
        world.run_until(world.now + seconds(5))
    assert world.states[line].health == "failed"
    return world, fault


@pytest.mark.parametrize("asleep", [False, True])
@pytest.mark.parametrize("line", [SALES, DELAYS])
def test_a_failure_without_a_try_left_is_not_ended_by_asking_and_that_is_not_advised(
    line: Line, asleep: bool
) -> None:
    world, _ = failed_for_good(line, asleep=asleep)
    answer, _ = explained(world, line)
    kinds = [cause["kind"] for cause in answer["chain"][0]["causes"]]
    assert kinds == ["failed", *(["not_asked"] if asleep else [])]
    named = line.replace("@", " -m ")
    assert commands(answer) == [
        f"duckstring run show {line}/1",
        "duckstring deploy",
        f"duckstring control wake {named}",
        f"duckstring control clear {named}",
        *([] if asleep else [f"duckstring control failure-budget {named} --source 1"]),
    ]
    world.trigger(line, "pulse")
    world.run_until(world.now + seconds(600))
    assert world.states[line].health == "failed", "asking changes nothing"


@pytest.mark.parametrize("asleep", [False, True])
@pytest.mark.parametrize("line", [SALES, DELAYS])
def test_what_is_advised_after_a_failure_ends_it(line: Line, asleep: bool) -> None:
    def after(do: Callable[[World], object]) -> PondState:
        world, fault = failed_for_good(line, asleep=asleep)
        fault.done = True
        do(world)
        world.run_until(world.now + seconds(600))
        return world.states[line]

    woken = after(lambda world: world.order(line, "wake"))
    assert woken.health == "ok"
    assert woken.end_f > NEVER, "it has run"
    assert after(lambda world: world.order(line, "clear")).health == "ok"
    known = next(one for one in CHAIN if one.line == line)
    mended = replace(known, version="1.0.1", artifact="artifacts/mended")
    assert after(lambda world: world.deploy(mended)).health == "ok"
    raised = after(lambda world: world.set_budgets(line, source=1))
    assert (raised.health == "ok") == (not asleep), "who sleeps does not try again"


def test_who_stops_a_run_is_told_to_wake_the_line_after_that() -> None:
    world = deployed(*CHAIN, durations={SALES: 60})
    world.trigger(SALES, "pulse")
    world.run_until(world.now + seconds(5))
    world.order(SALES, "force")
    world.run_until(world.now + seconds(1))
    answer, _ = explained(world, SALES)
    assert commands(answer) == [
        "duckstring run show sales@1/1",
        "duckstring control kill sales -m 1",
        "duckstring control wake sales -m 1",
    ]


def test_what_has_to_be_deployed_is_named_and_where() -> None:
    world = failing(SALES)
    world.trigger(SALES, "pulse")
    world.run_until()
    (text,) = [
        way["text"]
        for way in explained(world, SALES)[0]["ways"]
        if way["command"] == "duckstring deploy"
    ]
    assert text == "If sales is wrong: repair it, and deploy it in its project's folder"
