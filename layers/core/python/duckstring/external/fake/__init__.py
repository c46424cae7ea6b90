"""A stand-in for another engine, for the tests of a Pond: a real HTTP server on this machine.

    from duckstring.external.fake import FakeEngine

    def test_a_lost_reply_starts_one_run():
        with FakeEngine.of(job) as engine:
            engine.lose_reply("start")
            engine.call(run_pipeline)
            assert len(engine.runs) == 1

It is slow, fails, asks for time, loses replies, shows unknown states and lets tokens expire, as a
test says. Its runs end by themselves after some looks. Waiting moves a clock of its own, so that a
test takes no time. No function's code needs this package; it uses the standard library.
"""

from __future__ import annotations

from duckstring.external.fake.engine import FakeEngine, FakeRun
from duckstring.external.fake.pond import FakePond
from duckstring.external.fake.shapes import AIRFLOW, DBT_CLOUD, PLAIN, PREFECT, Shape

__all__ = [
    "AIRFLOW",
    "DBT_CLOUD",
    "PLAIN",
    "PREFECT",
    "FakeEngine",
    "FakePond",
    "FakeRun",
    "Shape",
]
