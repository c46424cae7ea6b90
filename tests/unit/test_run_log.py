"""What is logged of a run that is over."""

from datetime import UTC, datetime, timedelta

import pytest

from duckstring.engine.effects import RecordRun, SetAlarm
from duckstring.model.names import Line
from duckstring.orchestrator.run_log import runs_over

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def over(status, *, f=NOON, finished=NOON + 3 * MINUTE):
    row = RecordRun(7, f, "1.0.0", status, NOON + MINUTE, finished)
    return [*runs_over(Line("sales@1"), [SetAlarm(NOON), row])]


@pytest.mark.parametrize("status", ["success", "pass"])
def test_a_run_that_publishes_or_passes_is_logged_with_its_time_and_the_age_of_its_data(status):
    assert over(status) == [
        {
            "line": "sales@1",
            "run": "sales@1/7",
            "status": status,
            "seconds": 120.0,
            "lag_seconds": 180.0,
        }
    ]


@pytest.mark.parametrize("status", ["failed", "killed", "removal", "rollback"])
def test_what_makes_nothing_fresher_has_no_age(status):
    assert over(status) == [
        {"line": "sales@1", "run": "sales@1/7", "status": status, "seconds": 120.0}
    ]


def test_a_window_that_ends_later_makes_no_age_below_zero():
    assert over("success", f=NOON + timedelta(days=1))[0]["lag_seconds"] == 0.0


def test_a_run_that_begins_is_not_over():
    assert over("running", finished=None) == []
