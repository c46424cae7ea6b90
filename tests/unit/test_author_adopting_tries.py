"""Where another engine writes: one location for each try, whichever process dies."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from duckstring.author.errors import WriteError
from duckstring.errors import InvariantError
from tests.unit.adopting_kit import SPARK, written
from tests.unit.parts_kit import Sandbox


@pytest.fixture
def box(tmp_path):
    return Sandbox(tmp_path)


# Retries: which location it is.


def test_each_attempt_has_a_location_of_its_own(box):
    """A worker that died left half of its files there; the next one must not find them."""
    pond = box.attempt()
    written(pond.location("orders"), "part-0.parquet", "part-1.parquet")
    pond = box.attempt(lost=True)
    with pytest.raises(WriteError, match="no Parquet file lies in"):
        pond.adopt_table("orders")
    written(pond.location("orders"), "part-0.parquet")
    pond.adopt_table("orders")

    assert pond.written["orders"].rows == 10


def test_a_pause_drops_what_lies_in_the_location(box):
    pond = box.attempt()
    written(pond.location("orders"), "part-0.parquet")
    box.invocation = "ffffffff"
    box.tries -= 1
    pond = box.attempt(lost=True)

    with pytest.raises(WriteError, match="no Parquet file lies in"):
        pond.adopt_table("orders")


def begin_job(pond, slot="athena/primary/x"):
    """As ``duckstring.external`` remembers that it starts a run."""
    pond.remember(f"external/{slot}", {"since": 1.0, "run": ""})


def test_a_later_attempt_finds_what_the_job_of_an_earlier_one_has_written(box):
    pond = box.attempt()
    first = pond.location("orders")
    begin_job(pond)
    for lost in range(3):
        pond = box.attempt(lost=True)
        assert pond.location("orders") == first, lost
    written(first, SPARK)
    box.attempt(lost=True)
    pond = box.attempt(lost=True)
    pond.adopt_table("orders")

    version = pond.written["orders"]
    assert version.rows == 10
    assert version.key.startswith(f"data/sales@1/orders/{box.run:010d}-load-{box.tries}-")
    assert f"-load-{box.tries - 5}-" in version.parts[0].file


def test_the_next_try_has_a_new_location_though_the_job_of_the_failed_one_may_still_write(box):
    pond = box.attempt()
    first = pond.location("orders")
    begin_job(pond)
    written(first, SPARK)
    pond = box.attempt(again=True)

    assert pond.location("orders") != first
    with pytest.raises(WriteError, match="no Parquet file lies in"):
        pond.adopt_table("orders")
    with pytest.raises(WriteError, match=r"is not in pond\.location\('orders'\)"):
        pond.adopt_table("orders", first)


def test_a_job_that_was_started_before_says_nothing_of_a_location(box):
    """A first job has ended. What this Ripple then writes itself is not that job's."""
    pond = box.attempt()
    begin_job(pond, "glue/sales")
    first = pond.location("orders")
    pond = box.attempt(lost=True)
    second = pond.location("orders")
    assert second != first

    begin_job(pond)  # this one is given the second
    assert box.attempt(lost=True).location("orders") == second


def test_a_job_that_was_not_started_after_all_binds_no_location(box):
    pond = box.attempt()
    first = pond.location("orders")
    begin_job(pond)
    pond.remember("external/athena/primary/x", None)  # as it does where nothing was started

    assert box.attempt(lost=True).location("orders") != first


def test_an_engine_of_the_author_s_own_finds_its_location_by_what_it_remembers(box):
    pond = box.attempt()
    first = pond.location("orders")
    pond.remember("mine", [first, "run-7"])
    written(first, SPARK)
    pond = box.attempt(lost=True)
    pond.adopt_table("orders", pond.recall("mine")[0])

    assert pond.written["orders"].rows == 10


def test_one_call_gives_one_location(box):
    pond = box.attempt()
    first = pond.location("orders")
    begin_job(pond)

    assert pond.location("orders") == first
    assert pond.location("other") != first


@pytest.mark.parametrize(
    "remembered",
    [
        7,
        {"place": "data/sales@1/orders/0000000001-load-1-0a1b2c3d/"},
        {"place": "data/sales@1/orders/0000000001-load-9-0a1b2c3d/", "before": []},
        {"place": "data/sales@1/other/0000000001-load-1-0a1b2c3d/", "before": []},
        {"place": "data/evil@1/orders/0000000001-load-1-0a1b2c3d/", "before": []},
        {"place": "data/sales@1/orders/0000000001-load-1-0a1b2c3d/../x/", "before": []},
        {"place": "data/sales@1/orders/0000000001-load-1-0a1b2c3d", "before": []},
        {"place": "s3://elsewhere/", "before": []},
    ],
)
def test_a_memory_that_is_no_location_of_this_try_is_refused(box, remembered):
    pond = box.attempt()
    pond.remember("location/orders", remembered)
    with pytest.raises(InvariantError, match=r"remembers .*, which is no location of this try"):
        pond.location("orders")


class Died(BaseException):
    """A worker, between any two lines."""


@dataclass
class Writers:
    """A Ripple that has a job of another engine write its table, or writes the files itself. Its
    worker dies at some of the places that it passes.
    """

    by_job: bool
    deaths: list[bool]
    given: str = ""
    attempts: int = 0

    def passes(self):
        if self.deaths and self.deaths.pop():
            raise Died

    def ripple(self, pond):
        self.attempts += 1
        to = pond.location("orders")
        self.passes()
        if not self.by_job:
            self.write(to, self.attempts)
        else:
            if pond.recall("external/job") is None:
                pond.remember("external/job", {"since": 1.0, "run": ""})
            self.passes()
            if not self.given:  # an engine starts one run for one key
                self.given = to
                self.write(to, self.attempts)
                self.passes()
            pond.remember("external/job", {"since": 1.0, "run": "r"})
        pond.adopt_table("orders")
        self.passes()

    def write(self, to, stamp):
        for number in range(2):
            written(to, (f"part-{stamp}-{number}", f"SELECT {stamp} AS of, {number} AS part"))
            if not self.by_job:  # a job does not die with the worker that has started it
                self.passes()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    by_job=st.booleans(),
    earlier=st.booleans(),
    deaths=st.lists(st.booleans(), max_size=9),
    fails=st.integers(0, 2),
)
def test_a_table_has_what_one_writer_has_written_and_all_of_it_whoever_dies(
    tmp_path_factory, by_job, earlier, deaths, fails
):
    """Whatever is lost, paused or tried again. ``earlier``: another job has ended before."""
    box = Sandbox(tmp_path_factory.mktemp("box"))
    writers = Writers(by_job, deaths)
    pond = box.attempt()
    while True:
        if earlier and pond.recall("external/first") is None:
            pond.remember("external/first", {"since": 1.0, "run": "f"})
        try:
            writers.ripple(pond)
        except Died:
            box.invocation = f"{writers.attempts:08x}"
            pond = box.attempt(lost=True)
        else:
            if not fails:
                break
            fails -= 1
            writers.given = ""  # another try is another run
            pond = box.attempt(again=True)

    rows = pond.read_table("orders").fetchall()
    assert sorted(part for _, part in rows) == [0, 1]
    assert len({of for of, _ in rows}) == 1
    if not by_job:
        assert rows[0][0] == writers.attempts
