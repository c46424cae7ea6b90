"""Tests of $name against a fake engine: run them with `duckstring pond test`."""

import pytest
from pond import job, run

from duckstring.external import ExternalRunFailedError
from duckstring.external.fake import FakeEngine


@pytest.fixture
def engine():
    with FakeEngine.of(job) as made:
        yield made


def test_a_run_is_started_and_waited_for(engine):
    engine.call(run)

    assert len(engine.runs) == 1


def test_a_lost_reply_starts_no_second_run(engine):
    engine.lose_reply("start")
    engine.call(run)

    assert len(engine.runs) == 1


def test_the_engines_words_become_the_error(engine):
    engine.fail_next("No rows today")

    with pytest.raises(ExternalRunFailedError, match="No rows today"):
        engine.call(run)
