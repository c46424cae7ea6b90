"""What the sweep logs of Outlets and their bounds."""

from datetime import timedelta

from duckstring.engine.state import PondState
from duckstring.model.instants import NEVER
from duckstring.model.names import Line
from duckstring.model.staleness import StaleBound, Watch
from duckstring.model.values import replace
from duckstring.ports import Seen
from duckstring.sweep.bounds import MOST_TOLD, look
from tests.unit.api.world import NOON, release

HOUR = timedelta(hours=1)
BOUND = Watch(StaleBound(within=2 * HOUR), NOON - 24 * HOUR, declared=True)


def outlet(name, *, age=HOUR, kind="outlet", **changes):
    line = Line(name)
    end_f = NEVER if age is None else NOON - age
    state = PondState(line, release=release(line, kind=kind), watch=BOUND, end_f=end_f)
    return Seen(replace(state, **changes))


def test_outlets_come_by_the_time_that_is_left_to_their_bound():
    late = outlet("late@1", age=3 * HOUR, watch=replace(BOUND, stale=NOON - HOUR))
    counted, first, second = look([outlet("fine@1"), late], NOON)
    assert counted == {"outlets": 2, "past": 1, "late_seconds": 3600.0}
    assert first == {
        "line": "late@1",
        "left_seconds": -3600.0,
        "lag_seconds": 10800.0,
        "bound": "2h",
    }
    assert second == {
        "line": "fine@1",
        "left_seconds": 3600.0,
        "lag_seconds": 3600.0,
        "bound": "2h",
    }


def test_a_bound_that_has_passed_without_a_letter_counts_as_passed():
    counted, one = look([outlet("a@1", age=5 * HOUR)], NOON)
    assert (counted["past"], one["left_seconds"]) == (1, -3 * 3600.0)


def test_an_outlet_that_never_ran_has_no_age():
    _, one = look([outlet("a@1", age=None)], NOON)
    assert "lag_seconds" not in one
    assert one["left_seconds"] == -22 * 3600.0


def test_the_age_of_data_that_came_through_a_window_counts_its_length():
    _, one = look([outlet("a@1", age=HOUR, delay=HOUR)], NOON)
    assert (one["left_seconds"], one["lag_seconds"]) == (0.0, 7200.0)


def test_what_is_no_outlet_or_has_no_bound_is_not_told():
    no_bound = outlet("a@1", watch=None)
    never = outlet("b@1", watch=Watch(StaleBound(), NOON))
    inside = outlet("c@1", kind="pond")
    gone = outlet("d@1", release=None)
    assert look([no_bound, never, inside, gone], NOON) == []
    assert look([], NOON) == []


def test_however_many_outlets_there_are_the_worst_are_told_and_all_counted():
    many = [outlet(f"p{number}@1", age=HOUR * number / 100) for number in range(1, 300)]
    counted, *told = look(many, NOON)
    assert (counted["outlets"], counted["past"], len(told)) == (299, 99, MOST_TOLD)
    assert told[0]["line"] == "p299@1"
