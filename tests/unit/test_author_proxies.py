"""Which Ripples are known to wait by pausing, so that their time is no hint for a task."""

from __future__ import annotations

import time

import pytest

from duckstring.adapters.aws import codec
from duckstring.author.proxies import waits_by_pausing
from duckstring.author.ripple import collecting, ripple
from duckstring.external import DatabricksJob, Env, HttpJob
from duckstring.model.catalog import RippleSpec
from duckstring.model.values import replace
from duckstring.testing.simulator import pond

job = HttpJob(Env("ENGINE"), start="/runs", status="/runs/{id}")
parts = [DatabricksJob(1, name=name) for name in ("eu", "us")]
by_region = {"eu": parts[0]}


def uses_a_job(pond):
    pond.write_table("run", job.run(pond).select())


def uses_a_list(pond):
    return [part.run(pond) for part in parts]


def uses_a_dict(pond):
    by_region["eu"].run(pond)


def pauses(pond):
    pond.pause("60s")


def helps(pond):
    pauses(pond)


def through_another(pond):
    helps(pond)


def in_a_function_inside():
    own = DatabricksJob(3)

    def run(pond):
        own.run(pond)

    return run


def computes(pond):
    time.sleep(1)
    pond.write_table("t", "SELECT 1")


def calls_itself(pond):
    calls_itself(pond)


class Liar:
    def __getattribute__(self, name):
        raise SystemExit(name)


def with_a_liar():
    liar = Liar()

    def uses_a_liar(pond):
        return liar

    return uses_a_liar


@pytest.mark.parametrize(
    "function",
    [uses_a_job, uses_a_list, uses_a_dict, pauses, through_another, in_a_function_inside()],
)
def test_a_function_that_uses_a_job_or_pauses_is_known(function):
    assert waits_by_pausing(function)


@pytest.mark.parametrize("function", [computes, calls_itself, with_a_liar(), print, job.run])
def test_no_other_is(function):
    assert not waits_by_pausing(function)


def test_one_that_is_cancelled_as_a_job_is_known_by_that():
    assert waits_by_pausing(computes, job.cancel)
    assert not waits_by_pausing(computes, computes)


def test_a_declaration_says_so():
    with collecting() as declared:
        ripple(timeout="6h", on_kill=job.cancel)(uses_a_job)
        ripple(timeout="6h")(computes)
    assert [one.spec.pauses for one in declared] == [True, False]


def test_a_release_that_knows_nothing_of_pauses_is_read_as_before():
    release = pond("sales@1")
    pausing = replace(release, ripples=(RippleSpec("run", timeout_seconds=9999, pauses=True),))

    assert "pauses" not in codec.release_to_text(release)
    assert codec.release_from_text(codec.release_to_text(release)) == release
    assert codec.release_from_text(codec.release_to_text(pausing)) == pausing
