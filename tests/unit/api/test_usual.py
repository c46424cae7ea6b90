"""What `why` says of a run that takes far longer than usual."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from duckstring.api.ports import WhyPorts
from duckstring.api.requests import WhyRequest
from duckstring.api.usual import MOST_LINES
from duckstring.api.why import why
from duckstring.model.answers.why import WhyAnswer
from duckstring.model.catalog import Release
from duckstring.model.instants import NEVER, Instant, to_text
from duckstring.model.names import Line
from duckstring.model.values import replace
from duckstring.testing.simulator import World, pond, seconds
from tests.property.journals import Journals
from tests.unit.api.shapes import faults
from tests.unit.api.test_why import CHAIN, DELAYS, LAST, REPORTS, Reads, commands, limits_of, says
from tests.unit.api.test_why import waiting as waiting_for_tokens
from tests.unit.api.world import AttemptRows, Rows, ShelfCatalog, StillClock
from tests.unit.engine.test_demand import deployed

SLOW = 300


@dataclass
class Past(Rows):
    """History by line, and of which lines it was asked."""

    asked: list[Line] = field(default_factory=list)

    def runs(self, *, now: Instant, limit: int, line: Line) -> Sequence[dict]:
        self.asked.append(line)
        found = [row for row in self.rows if str(row["run"]).startswith(f"{line}/")]
        return sorted(found, key=lambda row: row["number"], reverse=True)[:limit]


def row(line: Line, number: int, began: Instant, took: float, **more: object) -> dict:
    return {
        **LAST,
        "run": f"{line}/{number}",
        "number": number,
        "started": to_text(began),
        "finished": to_text(began + seconds(took)),
        **more,
    }


def explained(
    world: World, line: Line, rows: Collection[dict], *releases: Release
) -> tuple[WhyAnswer, list[Line]]:
    catalog = ShelfCatalog({one.line: one for one in releases or CHAIN})
    past = Past(list(rows))
    ports = WhyPorts(
        catalog=catalog,
        removals=catalog,
        states=Reads(world.states),
        history=past,
        attempts=AttemptRows(),
        journal=Journals(),
        limits=limits_of(world),
        clock=StillClock(world.now),
    )
    answer = why(WhyRequest(line.partition("@")[0], 1), ports)
    assert list(faults(answer, WhyAnswer)) == []
    return answer, past.asked


def going(for_seconds: float, *, redeployed: bool = True) -> World:
    """Delays has run once, and runs again for so long, in a version that may be new."""
    world = deployed(*CHAIN, durations={DELAYS: SLOW})
    world.trigger(DELAYS, "pulse")
    world.run_until(world.now + timedelta(hours=1))
    if redeployed:
        world.deploy(
            replace(CHAIN[1], version="1.0.1", artifact="artifacts/new", deployed=world.now)
        )
        world.run_until(world.now + seconds(60))
    world.trigger(REPORTS, "pulse")
    world.run_until(world.now + seconds(2))
    (run,) = world.states[DELAYS].runs.values()
    world.run_until(run.started + seconds(for_seconds))
    assert run.number in world.states[DELAYS].runs
    return world


def before(world: World, *took: float) -> list[dict]:
    """Runs of delays before the one in flight, the newest first, an hour between them."""
    hour = timedelta(hours=1)
    return [row(DELAYS, -n, world.now - (n + 1) * hour, one) for n, one in enumerate(took)]


USUAL = "Usually it takes 0.5s (the median of the last 3 that succeeded)."
NEW = "It is the first run of version 1.0.1, deployed 3m11s ago."


def test_a_run_that_takes_far_too_long_says_what_is_usual_and_which_version_is_new() -> None:
    world = going(130)
    answer, asked = explained(world, DELAYS, before(world, 0.4, 0.5, 7))
    (run,) = answer["runs"]
    assert run["inside"] == [
        f"It has run for 2m10s. {USUAL} {NEW}",
        "run runs since 2m10s.",
    ]
    assert answer["text"].endswith(f"{USUAL} {NEW}")
    assert answer["text"].startswith("delays@1 runs delays@1/2. ")
    assert run["usual"] == {
        "seconds": 0.5,
        "runs": 3,
        "first_of": "1.0.1",
        "deployed": to_text(world.states[DELAYS].release.deployed),
        "text": f"{USUAL} {NEW}",
    }
    assert commands(answer) == [
        "duckstring run show delays@1/2",
        "duckstring control kill delays -m 1",
        "duckstring deploy",
        "duckstring control wake delays -m 1",
    ]
    assert asked == [DELAYS]


def test_who_waits_for_such_a_run_is_told_the_same_and_how_to_stop_it() -> None:
    world = going(130)
    answer, asked = explained(world, REPORTS, before(world, 0.4, 0.5, 7))
    cause = answer["chain"][1]["causes"][0]
    assert (cause["kind"], cause["usual"]["runs"]) == ("busy", 3)
    assert says(answer)[1].startswith("delays@1 runs: delays@1/2 since 2m10s, as of ")
    assert says(answer)[1].endswith(f". {USUAL} {NEW}")
    assert says(answer)[1] in answer["text"]
    assert commands(answer) == [
        "duckstring status delays -m 1",
        "duckstring control kill delays -m 1",
        "duckstring deploy",
        "duckstring control wake delays -m 1",
    ]
    assert asked == [DELAYS]


def test_what_is_advised_ends_the_wait() -> None:
    world = going(130)
    world.order(DELAYS, "kill")
    world.run_until(world.now + seconds(5))
    assert not world.states[DELAYS].runs
    world.deploy(replace(CHAIN[1], version="1.0.2", artifact="artifacts/right"))
    world.run_until(world.now + seconds(5))
    world.order(DELAYS, "wake")
    world.run_until(world.now + seconds(5))
    (run,) = world.states[DELAYS].runs.values()
    assert run.version == "1.0.2"
    assert not world.states[REPORTS].runs_started
    world.run_until(world.now + seconds(SLOW + 60))
    assert world.states[REPORTS].end_f > NEVER, "it has what it waited for"


@pytest.mark.parametrize(
    ("ran", "took", "is_told"),
    [
        (9, [0.5], False),
        (10.4, [0.5], False),
        (10.6, [0.5], True),
        (130, [100, 90, 110], False),
        (199, [100], False),
        (201, [100], True),
        (130, [], False),
    ],
)
def test_only_what_is_far_over_the_usual_is_told(
    ran: float, took: list[float], *, is_told: bool
) -> None:
    world = going(ran, redeployed=False)
    rows = before(world, *took)
    own, _ = explained(world, DELAYS, rows)
    assert ("usual" in own["runs"][0], bool(own["ways"])) == (is_told, is_told)
    below, _ = explained(world, REPORTS, rows)
    assert ("control kill" in str(commands(below))) is is_told
    assert ("usual" in str(below["chain"])) is is_told


def test_the_history_of_a_young_run_is_not_read() -> None:
    world = going(9)
    assert explained(world, REPORTS, before(world, 0.5))[1] == []


def test_of_one_run_before_no_usual_is_made() -> None:
    world = going(130, redeployed=False)
    answer, _ = explained(world, DELAYS, before(world, 2.0))
    assert answer["runs"][0]["usual"]["text"] == "The only one before that succeeded took 2s."


def test_runs_that_failed_do_not_say_what_is_usual() -> None:
    world = going(130, redeployed=False)
    rows = [{**one, "status": "failed"} for one in before(world, 0.5, 0.5)]
    assert "usual" not in explained(world, DELAYS, rows)[0]["runs"][0]


@pytest.mark.parametrize(
    ("number", "status", "version", "is_first"),
    [
        (1, "success", "1.0.1", False),
        (1, "failed", "1.0.1", False),
        (1, "pass", "1.0.1", True),
        (1, "success", "1.0.0", True),
        (2, "running", "1.0.1", True),
        (3, "running", "1.0.1", True),
    ],
)
def test_a_run_is_the_first_of_a_version_if_none_ran_since_that_was_deployed(
    number: int, status: str, version: str, *, is_first: bool
) -> None:
    world = going(130)
    since = world.states[DELAYS].release.deployed
    one = row(DELAYS, number, since + seconds(1), 1, status=status, version=version)
    answer, _ = explained(world, DELAYS, [one, *before(world, 0.5, 0.5, 0.5)])
    assert bool(answer["runs"][0]["usual"]["first_of"]) is is_first
    assert ("duckstring deploy" in commands(answer)) is is_first


def test_a_version_that_ran_long_ago_and_is_deployed_again_has_its_first_run_again() -> None:
    world = going(130)
    rows = [{**one, "version": "1.0.1"} for one in before(world, 0.5, 0.5, 0.5)]
    assert explained(world, DELAYS, rows)[0]["runs"][0]["usual"]["first_of"] == "1.0.1"


def test_a_run_of_the_version_before_is_not_the_first_of_the_new_one() -> None:
    world = going(130, redeployed=False)
    state = world.states[DELAYS]
    later = replace(state.release, deployed=world.now)
    world.states[DELAYS] = replace(state, release=later)
    answer, _ = explained(world, DELAYS, before(world, 0.5))
    assert answer["runs"][0]["usual"]["first_of"] is None


def test_the_history_of_few_lines_is_read_those_of_the_longest_runs() -> None:
    inlets = [pond(f"p{number}@1") for number in range(MOST_LINES + 2)]
    below = pond("below@1", *(one.line for one in inlets))
    world = deployed(*inlets, below, durations={one.line: 600 for one in inlets})
    for one in reversed(inlets):
        world.trigger(one.line, "pulse")
        world.run_until(world.now + seconds(1))
    world.trigger("below@1", "pulse")
    world.run_until(world.now + seconds(60))
    answer, asked = explained(world, Line("below@1"), [], *inlets, below)
    assert [cause["kind"] for line in answer["chain"][1:] for cause in line["causes"]] == [
        "busy"
    ] * len(inlets)
    assert asked == [one.line for one in reversed(inlets)][:MOST_LINES]


def test_of_who_waits_for_a_token_it_is_told_already_why_that_takes_long() -> None:
    world = waiting_for_tokens("a@1", "b@1")
    world.run_until(world.now + seconds(60))
    rows = [row(Line("b@1"), 0, world.now - timedelta(hours=1), 1)]
    answer, asked = explained(world, Line("b@1"), rows, pond("a@1"), pond("b@1"))
    assert answer["chain"][0]["causes"][0]["kind"] == "waits_for_token"
    assert ("usual" in answer["runs"][0], asked) == (False, [])
