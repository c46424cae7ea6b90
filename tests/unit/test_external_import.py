"""``duckstring.external`` is cheap to import: every deployment and every cold start of a Pond's
worker does it.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

import duckstring.external

MAKE_ALL = """
import sys
from duckstring.external import AthenaQuery, BatchJob, DatabricksJob, EmrServerlessJob
from duckstring.external import Env, GlueJob, HttpJob, StateMachine
AthenaQuery("SELECT 1")
EmrServerlessJob(Env("APPLICATION"), execution_role=Env("ROLE"), script="s3://code/a.py")
DatabricksJob(Env("ID"))
GlueJob("sales")
BatchJob("sales", queue="queue")
StateMachine(Env("MACHINE"))
HttpJob(Env("ENGINE"), start="/runs", status="/runs/{id}")
print(sorted({"httpx", "boto3", "botocore", "duckdb", "ssl"} & set(sys.modules)))
"""


def test_making_jobs_imports_no_engine_s_client():
    done = subprocess.run(
        [sys.executable, "-c", MAKE_ALL], capture_output=True, text=True, check=True
    )

    assert done.stdout == "[]\n"


@pytest.mark.parametrize("name", duckstring.external.__all__)
def test_all_that_is_offered_is_there(name):
    assert getattr(duckstring.external, name).__name__ == name


def test_what_is_not_offered_is_named():
    with pytest.raises(
        AttributeError, match=r"module 'duckstring\.external' has no attribute 'SnowflakeJob'"
    ):
        _ = duckstring.external.SnowflakeJob
