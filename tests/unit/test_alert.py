"""One page for each root cause, and one when it is over: docs/operate.md, "Alerts"."""

from __future__ import annotations

from datetime import timedelta

import pytest

from duckstring.engine.state import PondState
from duckstring.errors import StateConflictError, TransientError
from duckstring.model.failures import Failure
from duckstring.model.incidents import Told
from duckstring.model.names import Line
from duckstring.model.staleness import StaleBound
from duckstring.model.values import replace
from duckstring.orchestrator.alert import tell
from duckstring.testing.simulator import START, Attempted, World, pond, seconds
from tests.unit.alert_kit import Desk
from tests.unit.engine.test_demand import deployed
from tests.unit.engine.test_staleness import second_run_of

HOUR = timedelta(hours=1)
A, B, C, D = (Line(f"{name}@1") for name in ("a", "b", "c", "d"))
GRAPH = (pond(A), pond(B, A), pond(C, B), pond(D, A, f"{B}?"))
"""``d`` requires ``a``, and reads ``b`` if it is there."""


def catchment(*fail: str, **words: object) -> Desk:
    """Everything has run once. The second run of the lines ``fail`` fails."""
    outcome = _second_runs(*fail) if fail else lambda _: None
    world = deployed(*GRAPH, outcome=outcome, **words)
    for line in (C, D):
        world.trigger(line, "pulse")
    world.run_until(START + seconds(60))
    desk = Desk(world)
    assert desk.look() == []
    return desk


def _second_runs(*lines: str):
    outcomes = [second_run_of(line) for line in lines]

    def outcome(attempted: Attempted) -> Failure | None:
        return next((found for one in outcomes if (found := one(attempted))), None)

    return outcome


def again(desk: Desk, line: str = C, wait: float = 60) -> None:
    desk.world.trigger(line, "pulse")
    desk.world.run_until(desk.world.now + seconds(wait))


def test_a_failure_is_one_page_that_names_what_it_blocks() -> None:
    desk = catchment(A)
    again(desk)
    (page,) = desk.look()
    assert (page["alert"], page["of"], page["line"]) == ("failed", "failed", A)
    assert (page["blocks"], page["blocked"]) == ([B, C, D], 3)
    assert page["concerns"] == ["a", "b", "c", "d"]
    assert page["text"].splitlines() == [
        "[dev] a@1 failed, and blocks 3",
        "a@1/2: ValueError: no rows",
        "It blocks b@1, c@1, d@1.",
        "Type: duckstring why a -m 1; then duckstring control wake a -m 1",
    ]
    assert (page["run"], page["error"]) == ("a@1/2", "ValueError: no rows")


def test_an_optional_sink_is_not_blocked() -> None:
    desk = catchment(B)
    again(desk)
    (page,) = desk.look()
    assert page["blocks"] == [C]


def test_a_failed_line_that_fails_again_is_not_told_again_and_its_recovery_is() -> None:
    desk = catchment()
    desk.world.conditions = replace_outcome(desk.world, lambda attempted: fails_until(attempted, 5))
    desk.world.set_budgets(A, source=9)
    pages = []
    for _ in range(60):
        again(desk)
        pages += desk.look()
    assert sum(event.event == "failed" for _, event in desk.world.events) == 3
    assert [page["alert"] for page in pages] == ["failed", "recovered"]
    assert pages[1]["title"] == "[dev] a@1 recovered"
    assert "It blocked b@1, c@1, d@1." in pages[1]["text"]
    assert "a@1/5 is published." in pages[1]["text"]


def fails_until(attempted: Attempted, run: int) -> Failure | None:
    line, number, ripple, attempt = attempted
    return Failure(ripple, attempt, "ValueError", "no rows") if line == A and number < run else None


def replace_outcome(world: World, outcome):
    from dataclasses import replace as changed

    return changed(world.conditions, outcome=outcome)


def test_lines_that_a_failure_makes_stale_are_not_told_but_named_when_it_is_over() -> None:
    desk = catchment(A)
    for line in (B, C, D):
        desk.world.declare_stale(line, StaleBound(HOUR))
    again(desk)
    assert len(desk.look()) == 1
    desk.world.run_until(START + 3 * HOUR)
    assert sum(event.event == "stale" for _, event in desk.world.events) == 3
    assert desk.look() == []
    desk.world.order(A, "clear")
    desk.world.run_until(desk.world.now)
    (page,) = desk.look()
    assert "It was down for 2h58m. a@1/3 runs now." in page["text"]
    assert page["stale"] == [B, C, D]
    assert "b@1, c@1, d@1 are older than their bound." in page["text"]
    desk.world.run_until(desk.world.now + HOUR / 2)
    assert desk.look() == []


def test_the_root_of_stale_lines_is_the_one_above_that_is_stale() -> None:
    desk = catchment()
    for line in (A, C):
        desk.world.declare_stale(line, StaleBound(HOUR))
    desk.world.run_until(START + 2 * HOUR)
    assert sorted(line for line, event in desk.world.events if event.event == "stale") == [A, C]
    pages = desk.look()
    assert [(page["alert"], page["line"]) for page in pages] == [("stale", A)]
    assert pages[0]["title"] == "[dev] a@1 is older than its bound: 1h"
    assert "Nothing asks for it: it has no Tide or Wave." in pages[0]["text"]
    assert "c@1 is older than its bound." in pages[0]["text"]


def test_a_line_that_is_stale_by_itself_is_told_and_told_when_it_is_fresh() -> None:
    desk = catchment()
    desk.world.declare_stale(C, StaleBound(HOUR))
    desk.world.run_until(START + 2 * HOUR)
    (page,) = desk.look()
    assert (page["alert"], page["of"], page["stale"]) == ("stale", "stale", [C])
    again(desk)
    (page,) = desk.look()
    assert (page["alert"], page["of"]) == ("recovered", "stale")
    assert page["title"] == "[dev] c@1 is fresh again"


def test_a_stale_line_that_runs_says_so() -> None:
    desk = catchment(durations={C: 7200})
    desk.world.run_until(START + 5 * HOUR)
    desk.look()
    desk.world.declare_stale(C, StaleBound(12 * HOUR))
    desk.world.run_until(START + 11.5 * HOUR)
    again(desk, wait=3600)
    (page,) = desk.look()
    assert "c@1/2 runs since 2030-01-01 11:30 UTC." in page["text"]


def test_a_stale_line_that_waits_for_its_sources_says_for_which() -> None:
    desk = catchment(durations={B: 9 * 3600})
    desk.world.declare_stale(C, StaleBound(30 * HOUR))
    desk.world.run_until(START + 29 * HOUR)
    again(desk, wait=3 * 3600)
    (page,) = desk.look()
    assert "It waits for b@1." in page["text"]


def test_a_kill_is_told_as_one() -> None:
    desk = catchment()
    desk.world.order(A, "kill")
    desk.world.run_until(desk.world.now)
    (page,) = desk.look()
    assert (page["alert"], page["of"]) == ("killed", "failed")
    assert page["title"] == "[dev] a@1 was killed, and blocks 3"
    assert "error" not in page
    desk.world.order(A, "clear")
    desk.world.run_until(desk.world.now)
    (over,) = desk.look()
    assert "a@1/1 is published." in over["text"]
    assert desk.told[A].incidents == {}


def test_a_line_that_was_cleared_and_rests_says_that_nothing_has_run() -> None:
    desk = catchment()
    again(desk, A)
    desk.world.trigger(A, "pulse")
    desk.world.run_until(desk.world.now + seconds(0.5))
    desk.world.order(A, "kill")  # in the middle of its third run
    desk.world.run_until(desk.world.now + seconds(5))
    desk.look()
    desk.world.order(A, "clear")
    desk.world.run_until(desk.world.now)
    (page,) = desk.look()
    assert "It was cleared, and has not run since." in page["text"]


def test_a_line_that_is_woken_runs_and_has_published_nothing_yet() -> None:
    desk = catchment(A)
    again(desk)
    desk.look()
    desk.world.order(A, "wake")
    desk.world.run_until(desk.world.now + seconds(0.5))
    (page,) = desk.look()
    assert "a@1/3 runs now." in page["text"]


def test_removing_a_line_that_is_down_ends_its_incident() -> None:
    desk = catchment(D)
    desk.world.declare_stale(D, StaleBound(HOUR))
    again(desk, D)
    assert len(desk.look()) == 1
    desk.world.remove(D)
    desk.world.run_until(desk.world.now)
    (page,) = desk.look()
    assert (page["alert"], page["title"]) == ("recovered", "[dev] d@1 was removed")
    assert desk.told[D].incidents == {}


def test_an_event_that_comes_again_or_late_tells_nothing_more() -> None:
    desk = catchment(A)
    again(desk)
    failed = next(n for n, (_, event) in enumerate(desk.world.events) if event.event == "failed")
    desk.look()
    tell(desk.event(A, "failed", failed), desk.ports)
    tell(desk.event(A, "recovered", 99), desk.ports)
    assert len(desk.pages) == 1
    desk.world.order(A, "clear")
    desk.world.run_until(desk.world.now)
    tell(desk.event(A, "failed", failed), desk.ports)  # its recovery is known from the state
    assert [page["alert"] for page in desk.pages] == ["failed", "recovered"]
    assert desk.look() == []


def test_a_page_that_could_not_be_sent_is_sent_by_the_same_event_and_by_no_other() -> None:
    desk = catchment(A)
    again(desk)
    desk.dies_before = 1
    with pytest.raises(TransientError):
        desk.look()
    tell(desk.event(A, "failed", 777), desk.ports)
    assert desk.pages == []
    desk.look()
    assert [page["alert"] for page in desk.pages] == ["failed"]


def test_a_page_that_may_be_out_is_sent_again_under_its_key() -> None:
    desk = catchment(A)
    again(desk)
    desk.dies_after = 1
    with pytest.raises(TransientError):
        desk.look()
    desk.look()
    first, second = desk.pages
    assert first == second


def test_a_page_that_nobody_sent_is_sent_after_a_while() -> None:
    desk = catchment(A)
    again(desk)
    desk.dies_before = 1
    with pytest.raises(TransientError):
        desk.look()
    desk.world.run_until(desk.world.now + timedelta(minutes=6))
    tell(desk.event(A, "failed", 777), desk.ports)
    assert [page["alert"] for page in desk.pages] == ["failed"]


def test_a_trouble_that_is_over_before_it_was_surely_told_is_told_to_be_over() -> None:
    desk = catchment(A)
    again(desk)
    desk.dies_before = 1
    with pytest.raises(TransientError):
        desk.look()
    desk.world.order(A, "clear")
    desk.world.run_until(desk.world.now + timedelta(minutes=6))
    desk.looked = len(desk.world.events)
    tell(desk.event(A, "recovered", 777), desk.ports)
    assert [page["alert"] for page in desk.pages] == ["recovered"]
    assert desk.told[A].incidents == {}


def test_a_page_that_is_being_sent_has_its_recovery() -> None:
    desk = catchment(A)
    again(desk)
    desk.dies_before = 1
    with pytest.raises(TransientError):
        desk.look()
    desk.world.order(A, "clear")
    desk.world.run_until(desk.world.now)
    tell(desk.event(A, "recovered", 777), desk.ports)
    assert [page["alert"] for page in desk.pages] == ["recovered"]


def test_an_end_that_is_being_sent_is_left_to_who_sends_it_and_a_relapse_is_told() -> None:
    desk = catchment(A)
    again(desk)
    desk.look()
    desk.world.order(A, "clear")
    desk.world.run_until(desk.world.now)
    desk.dies_before = 1
    with pytest.raises(TransientError):
        desk.look()
    tell(desk.event(A, "recovered", 777), desk.ports)
    assert len(desk.pages) == 1
    desk.world.order(A, "kill")
    desk.world.run_until(desk.world.now)
    tell(desk.event(A, "killed", 778), desk.ports)
    assert [page["alert"] for page in desk.pages] == ["failed", "killed"]


def test_an_event_of_no_line_is_dropped() -> None:
    desk = catchment()
    assert tell({"id": "1", "detail": {"pond": "../x", "major": 1}}, desk.ports) == ()
    assert tell({"id": "1", "detail": "sales"}, desk.ports) == ()
    assert tell(desk.event(Line("nobody@1"), "failed", 1), desk.ports) == ()


def test_what_is_changed_all_the_time_is_left_to_the_next_delivery() -> None:
    desk = catchment(A)
    again(desk)

    class Busy(Desk._Notes):
        def write(self, told: Told) -> Told:
            raise StateConflictError("It was changed.")

    ports = desk.ports
    from dataclasses import replace as changed

    with pytest.raises(StateConflictError, match="5 times"):
        tell(desk.event(A, "failed", 1), changed(ports, incidents=Busy(desk)))


HOSTILE = 'x"y\\z <!channel> &\n\x1b[31mred\u202e ' + "long " * 200


def test_an_errors_text_is_one_harmless_line_for_each_recipient() -> None:
    line = Line("bad@1")
    world = World(now=START)
    world.states[line] = replace(
        PondState(line),
        release=pond(line),
        health="failed",
        failed_run=3,
        failure=Failure("load", 1, "ValueError", HOSTILE),
    )
    desk = Desk(world)
    tell(desk.event(line, "failed", 1), desk.ports)
    (page,) = desk.pages
    assert len(page["text"].splitlines()) == 3
    assert "\x1b" not in page["text"]
    assert "\u202e" not in page["text"]
    assert "<!channel>" not in page["slack"]["text"]
    assert "&lt;!channel&gt; &amp;" in page["slack"]["text"]
    assert '"' not in "".join(page["email"].values())
    assert "\\" not in "".join(page["email"].values())
    assert len(page["error"].encode()) <= 300
    assert page["blocks"] == []


def test_a_line_that_recovers_while_its_page_is_made_is_told_to_have_recovered() -> None:
    desk = catchment(A)
    again(desk)
    desk.meanwhile = lambda: changed_meanwhile(desk, "ok", "recovered")
    assert [page["alert"] for page in desk.look()] == ["failed", "recovered"]
    changed_meanwhile(desk, "failed", "failed")
    assert desk.pages[-1]["alert"] == "failed"


def test_a_line_that_fails_again_while_its_recovery_is_told_is_told_to_have_failed() -> None:
    desk = catchment()
    changed_meanwhile(desk, "failed", "failed")
    desk.meanwhile = lambda: changed_meanwhile(desk, "killed", "killed")
    changed_meanwhile(desk, "ok", "recovered")
    assert [page["alert"] for page in desk.pages] == ["failed", "recovered", "killed"]


def changed_meanwhile(desk: Desk, health: str, word: str) -> None:
    """Another delivery looks at the event of a change, before this one goes on."""
    desk.world.states[A] = replace(desk.world.states[A], health=health)
    desk.world.now += seconds(1)
    tell(desk.event(A, word, int(desk.world.now.timestamp())), desk.ports)
