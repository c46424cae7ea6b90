"""The objects that an attempt is given: pages, how far it has taken them, and what authors see."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from duckstring.author.arriving import Arrived
from duckstring.engine.state import SourceView
from duckstring.errors import TransientError
from duckstring.model.arrivals import MOST_GIVEN, ArrivedObject, KeptArrival, position_at
from duckstring.model.names import Line
from duckstring.model.values import replace
from duckstring.worker import arrivals
from duckstring.worker.arrivals import Given, NoArrivals
from tests.unit import worker_kit as kit
from tests.unit.api.world import KeptObjects

SALES, NOON = kit.SALES, kit.NOON


def kept(*numbers):
    return [
        KeptArrival(n, ArrivedObject("landing", f"in/{n}", n, "v", "e"), NOON + timedelta(n))
        for n in numbers
    ]


def all_of(given):
    found, is_more = [], True
    while is_more:
        page = given.page()
        found += [one["size"] for one in page["objects"]]
        is_more = page["more"]
    return found


def test_what_lies_between_the_position_and_the_pin_is_given_in_pages():
    backlog = KeptObjects({SALES: kept(*range(1, 2_501))})
    given = Given(backlog, SALES, after=3, upto=2_400)
    assert given.taken is None, "nobody has asked"
    assert len(given.page()["objects"]) == 1_000
    assert given.taken is None, "nobody has all of them"
    assert all_of(given) == list(range(1_004, 2_401))
    assert given.taken == 2_400


def test_no_more_is_given_than_one_attempt_may_have():
    backlog = KeptObjects({SALES: kept(*range(1, MOST_GIVEN + 10))})
    given = Given(backlog, SALES, after=0, upto=MOST_GIVEN + 9)
    assert len(all_of(given)) == MOST_GIVEN
    assert given.taken == MOST_GIVEN


def test_numbers_that_are_gone_are_passed_over():
    given = Given(KeptObjects({SALES: kept(2, 5)}), SALES, after=0, upto=7)
    assert (all_of(given), given.taken) == ([2, 5], 7)
    empty = Given(NoArrivals(), SALES, after=7, upto=7)
    assert (all_of(empty), empty.taken) == ([], 7)


@pytest.fixture
def world(tmp_path):
    made = kit.World(tmp_path)
    made.worker = replace(made.worker, backlog=KeptObjects({SALES: kept(1, 2, 3)}))
    yield made
    made.worker.processes.close()


def ran(world, body, **state):
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    world.deploy(f"from duckstring import ripple\n\n@ripple\ndef load(pond):\n{lines}")
    world.state = replace(world.state, **state)
    world.open_run()
    (run,) = world.state.runs.values()
    world.state = replace(world.state, runs={1: replace(run, arrived=3)})
    return world.run()


WRITES = """
came = pond.arrivals()
assert pond.arrivals() == came
rows = ", ".join(f"('{one.uri}')" for one in came)
pond.write_table("came", f"SELECT * FROM (VALUES {rows})")
pond.remember("first", [came[0].bucket, came[0].key, came[0].size, came[0].version, came[0].etag,
                        came[0].arrived.isoformat()])
"""


def test_a_ripple_is_given_what_came_and_reports_how_far_it_has_taken_it(world):
    positions = {"load": {"arrivals": position_at(1)}}
    assert ran(world, WRITES, arrived=3, positions=positions) == {"outcome": "ok"}
    (letter,) = world.letters
    assert (letter.signal.arrivals, letter.signal.tables["came"].rows) == (3, 2)
    ((_, entries),) = world.memos.values()
    expected = ["landing", "in/2", 2, "v", "e", "2030-01-03T12:00:00+00:00"]
    assert json.loads(entries["first"]) == expected


def test_a_ripple_that_does_not_ask_takes_nothing(world):
    assert ran(world, "pass", arrived=3) == {"outcome": "ok"}
    assert world.letters[0].signal.arrivals is None


def test_a_ripple_that_fails_reports_nothing(world):
    assert ran(world, "pond.arrivals()\nraise ValueError", arrived=3)["outcome"] == "failed"
    assert world.letters == []


def test_a_pond_with_sources_is_refused(world):
    sources = {Line("shop@1"): SourceView(Line("shop@1"))}
    failure = ran(world, "pond.arrivals()", arrived=3, sources=sources)["failure"]
    assert failure["error"] == "ArrivalsError"
    assert "pond.arrivals() in a Pond with Sources" in failure["message"]


def test_what_authors_see_is_a_value():
    one = Arrived("s3://a/b", "a", "b", 1, NOON)
    assert (one.uri, one.version) == ("s3://a/b", "")
    with pytest.raises(AttributeError):
        one.uri = "x"  # type: ignore[misc]


class Failing(KeptObjects):
    """Its second page fails once."""

    pages = 0

    def page(self, line, **words):
        self.pages += 1
        if self.pages == 2:
            raise TransientError("DynamoDB is busy.")
        return super().page(line, **words)


@pytest.fixture
def failing(world, monkeypatch):
    monkeypatch.setattr(arrivals, "_PAGE", 2)
    world.worker = replace(world.worker, backlog=Failing({SALES: kept(1, 2, 3)}))
    return world


TRIES = """
try:
    came = pond.arrivals()
except Exception:
    came = {otherwise}
pond.write_table("came", f"SELECT unnest({{[one.size for one in came]}}) AS size")
"""


def test_an_author_who_asks_again_after_a_page_failed_is_given_all(failing):
    assert ran(failing, TRIES.format(otherwise="pond.arrivals()"), arrived=3) == {"outcome": "ok"}
    (letter,) = failing.letters
    assert (letter.signal.arrivals, letter.signal.tables["came"].rows) == (3, 3)


def test_an_author_who_goes_on_after_a_page_failed_has_taken_nothing(failing):
    assert ran(failing, TRIES.format(otherwise="[]"), arrived=3) == {"outcome": "ok"}
    assert failing.letters[0].signal.arrivals is None
