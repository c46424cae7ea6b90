"""What lines and runs were like at a moment of the past, and what is said if that is not known."""

from __future__ import annotations

from datetime import timedelta

import pytest

from duckstring.api import why as explaining
from duckstring.api.ports import WhyPorts
from duckstring.api.requests import WhyRequest
from duckstring.api.then import AttemptsThen, FutureError, NotKeptError, Then, instant_of, run_then
from duckstring.api.why import why
from duckstring.errors import OperatorError
from duckstring.model.answers.why import WhyAnswer
from duckstring.model.find import PondNotFoundError
from duckstring.model.instants import Instant, to_text
from duckstring.model.names import Line
from duckstring.model.values import replace
from duckstring.orchestrator.ports import Held
from duckstring.testing.fakes import MemoryLimits
from duckstring.testing.simulator import START, seconds
from tests.unit.api.shapes import faults
from tests.unit.api.test_replay import DELAYS, RELEASES, SALES, Lived
from tests.unit.api.world import AttemptRows, Rows, ShelfCatalog, States, StillClock

HOUR = timedelta(hours=1)
AT = to_text(START)


def explained(
    lived: Lived, at: Instant, pond: str = "delays", rows: tuple[dict, ...] = (), **attempts: dict
) -> WhyAnswer:
    catalog = ShelfCatalog(RELEASES)
    ports = WhyPorts(
        catalog, catalog, States(), Rows(rows), AttemptRows(attempts), lived.journals,
        MemoryLimits(), StillClock(lived.world.now),
    )  # fmt: skip
    answer = why(WhyRequest(pond, None, to_text(at)), ports)
    assert list(faults(answer, WhyAnswer)) == []
    return answer


def texts(answer: WhyAnswer) -> list[str]:
    return [cause["text"] for line in answer["chain"] for cause in line["causes"]]


def test_a_failure_that_is_over_is_named_at_its_time():
    lived = Lived()
    then = explained(lived, lived.failed_until)
    assert then["at"] == to_text(lived.failed_until)
    assert then["now"] > then["at"]
    assert (then["status"], [one["line"] for one in then["chain"]]) == ("blocked", [DELAYS, SALES])
    assert "Run sales@1/1 failed in run: ValueError: no rows. No try is left." in texts(then)
    now = explained(lived, lived.world.now)
    assert now["chain"][0]["causes"][0]["kind"] == "not_asked"


def test_a_run_in_flight_then_says_for_whom():
    lived = Lived()
    begun = next(row.started for line, row in lived.world.history if line == SALES)
    then = explained(lived, begun + seconds(0.5), "sales")
    (run,) = then["runs"]
    assert run["demand"][0]["line"] == DELAYS
    assert run["demand"][0]["kind"] == "pulse"


def test_before_a_line_was_deployed_it_was_not():
    lived = Lived()
    then = explained(lived, START - HOUR)
    assert [one["kind"] for one in then["chain"][0]["causes"]] == ["not_deployed"]


def test_the_line_itself_must_be_kept_and_of_others_it_is_said():
    lived = Lived(full=1)
    items = lived.journals.items[SALES]
    at = lived.failed_until
    for key in [key for key in items if key <= to_text(at)]:
        del items[key]
    with pytest.raises(NotKeptError, match=r"What sales@1 was like .* its journal begins at"):
        explained(lived, at, "sales")
    then = explained(lived, at)
    assert texts(then)[-1] == "What sales@1 was like then is not kept."
    assert then["chain"][-1]["causes"][0]["ways"] == []


def test_a_gap_and_another_state_than_the_stored_one_are_named():
    lived = Lived(full=1)
    items = lived.journals.items[SALES]
    keys = sorted(items)
    later = lived.journals.chapters(SALES)
    del items[keys[2]], items[keys[3]]
    with pytest.raises(NotKeptError, match=r"its journal has a gap from 2030-.* to 2030-"):
        explained(lived, later[3].at, "sales")
    other = Lived(full=10_000)
    held = other.journals.held[SALES]
    other.journals.held[SALES] = Held(
        replace(held.state, failures=9), committed=held.committed, tail=held.tail
    )
    with pytest.raises(NotKeptError, match="this release folds its journal to another state"):
        explained(other, other.failed_until, "sales")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("noon", "at is 'noon'; allowed: an instant"),
        ("2030-01-01T12:00:00", "allowed: an instant"),
        (to_text(START + 2 * HOUR), "2030-01-01 02:00 UTC is still to come: it is 2030-01-01 01"),
    ],
)
def test_what_is_no_moment_of_the_past_is_refused(text, said):
    with pytest.raises(OperatorError, match=said):
        instant_of("at", text, START + HOUR)


def test_the_future_has_a_hint_and_an_unknown_pond_is_named():
    with pytest.raises(FutureError) as caught:
        instant_of("at", to_text(START + HOUR), START)
    assert "date" in caught.value.hint
    with pytest.raises(PondNotFoundError):
        explained(Lived(), START, "nobody")


def test_many_lines_are_read_as_far_as_an_answer_has_room(monkeypatch):
    monkeypatch.setattr(explaining, "_MOST_LINES", 1)
    lived = Lived()
    then = explained(lived, lived.failed_until)
    assert [one["line"] for one in then["chain"]] == [DELAYS]
    assert then["left_off"] == 1


def test_what_is_known_is_not_read_again():
    lived = Lived()
    then = Then(lived.journals, START)
    then.read({SALES, Line("nobody@1")})
    lived.journals.held.clear()
    then.read({SALES})
    assert then.states[SALES].revision == 0 or then.states[SALES].release
    then.read(())


RUN = {"run": "sales@1/1", "number": 1, "status": "failed", "started": AT, "error": "ValueError"}


@pytest.mark.parametrize(
    ("finished", "status"),
    [(START + 2 * HOUR, "running"), (START + HOUR, "failed"), (None, "failed")],
)
def test_a_run_that_ended_later_was_running(finished, status):
    row = {**RUN, "finished": to_text(finished) if finished else None}
    found = run_then(row, START + HOUR)
    assert found["status"] == status
    assert bool(found["error"]) == (status == "failed")


def test_a_run_that_began_later_was_not_there():
    assert run_then({**RUN, "finished": None}, START - HOUR) is None
    lived = Lived()
    row = {**RUN, "started": to_text(START + 9 * HOUR), "finished": None}
    assert explained(lived, lived.failed_until, "sales", (row,))["last_run"] is None


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (None, None),
        ({"status": "success", "started": to_text(START + 2 * HOUR)}, None),
        ({"status": "success", "started": None}, None),
        ({"status": "running", "started": AT, "resumes": AT}, ("running", None)),
        ({"status": "success", "started": AT, "finished": AT}, ("success", AT)),
        (
            {"status": "success", "started": AT, "finished": to_text(START + 2 * HOUR)},
            ("running", None),
        ),
        ({"status": "lost", "started": AT, "finished": None}, ("running", None)),
    ],
)
def test_an_attempt_is_as_it_was(row, expected):
    rows = AttemptRows({"sales@1/1/run/1": row} if row else {})
    found = AttemptsThen(rows, START + HOUR).attempt(SALES, run=1, ripple="run", attempt=1)
    assert (found and (found["status"], found["finished"])) == expected
    assert not found or not found["resumes"]
