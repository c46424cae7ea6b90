"""An attempt that makes checks: what its worker records and reports, whatever the code says."""

from __future__ import annotations

import pytest

from duckstring.engine.effects import PublishSnapshot
from duckstring.engine.state import RippleState, SourceReport, SourceView
from duckstring.model.catalog import RippleSpec, TableVersion
from duckstring.model.checks import CHECKS, CheckWarning
from duckstring.model.names import Line, table_key
from duckstring.model.values import replace
from tests.unit.worker_kit import NOON, World

HEAD = (
    "from duckstring import check, ripple\n"
    "@ripple\ndef load(pond):\n    pond.write_table('orders', 'SELECT 1 AS id, -5 AS amount')\n"
)
AMOUNTS = "@check{}\ndef amounts(pond): return 'FROM orders WHERE amount < 0'\n"
FAILS, WARNS = AMOUNTS.format(""), AMOUNTS.format("(severity='warn')")


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def deployed(world, code):
    """The Pond, in its first run, with ``load`` done."""
    world.deploy(HEAD + code, ripples=("load", CHECKS))
    specs = (RippleSpec("load"), RippleSpec(CHECKS, ("load",), checks=("amounts",)))
    world.state = replace(world.state, release=replace(world.state.release, ripples=specs))
    world.open_run()
    assert world.run()["outcome"] == "ok"
    (letter,) = world.letters
    run = replace(world.state.runs[1], outputs=letter.signal.tables)
    world.state = replace(world.state, runs={1: run})
    world.letters.clear()
    ripples = {**world.state.ripples, "load": RippleState("load", end_f=run.f, start_f=run.f)}
    world.state = replace(world.state, runs={}, ripples=ripples)
    world.open_run(ripple=CHECKS, outputs=run.outputs)


def checked(world, code, **more):
    deployed(world, code)
    return world.run(ripple=CHECKS, **more)


def test_what_fails_is_recorded_with_its_rows_and_reported_as_an_end_of_its_own(world):
    answer = checked(world, FAILS)
    assert answer["outcome"] == "check"
    assert answer["failure"]["error"] == "CheckFailed"
    assert answer["failure"]["message"].startswith("1 of 1 check failed: amounts (1 row).")
    row = world.rows[-1]
    assert (row.status, row.error) == ("check", "CheckFailed")
    assert [(one.check, one.outcome, one.sample) for one in row.checks] == [
        ("amounts", "failed", (("1", "-5"),))
    ]
    assert world.letters == []


def test_what_warns_goes_with_the_success(world):
    assert checked(world, WARNS) == {"outcome": "ok"}
    (letter,) = world.letters
    assert letter.signal.warnings == (CheckWarning("amounts", 1),)
    assert (letter.signal.tables, letter.signal.skipped) == ({}, False)
    row = world.rows[-1]
    assert (row.status, row.checks[0].outcome) == ("success", "warned")
    assert row.message == (
        "1 of 1 check warned: amounts (1 row).\n\namounts (warned): 1 row\n  id  amount\n  1   -5"
    )


def test_no_check_is_made_where_nothing_differs_from_what_they_let_pass(world):
    deployed(world, FAILS)
    published = dict(world.state.runs[1].outputs)
    world.state = replace(
        world.state, runs={}, tables=published, snapshot=1, published_artifact=world.artifact
    )
    world.open_run(2, ripple=CHECKS, skipped=frozenset({"load"}))
    assert world.run(number=2, ripple=CHECKS) == {"outcome": "ok"}
    assert (world.letters[0].signal.skipped, world.rows[-1].checks) == (True, ())


@pytest.mark.parametrize(
    "state",
    [
        {"published_artifact": "another"},
        {"snapshot": 0},
        {"run": {"forced": True}},
        {"run": {"skipped": frozenset()}},
        {"run": {"dropped": frozenset({"orders"})}},
        {"run": {"outputs": True}},
    ],
)
def test_checks_are_made_where_anything_may_differ(world, state):
    deployed(world, FAILS)
    published = dict(world.state.runs[1].outputs)
    run = {"skipped": frozenset({"load"}), **state.get("run", {})}
    run |= {"outputs": published} if run.get("outputs") else {}
    held = {"snapshot": 1, "published_artifact": world.artifact, **state}
    held.pop("run", None)
    world.state = replace(world.state, runs={}, tables=published, **held)
    world.open_run(2, ripple=CHECKS, **run)
    # Where the table is dropped, the check finds none.
    assert world.run(number=2, ripple=CHECKS)["outcome"] in {"check", "failed"}


@pytest.mark.parametrize(
    "sent",
    ["[{'check': 'Amounts'}]", "[7]", "None", "[{'check': 'a', 'sample': [['x' * 900]]}]"],
)
def test_what_a_process_sends_that_are_no_results_is_its_failure(world, sent):
    code = (
        "import duckstring.worker.checked as checked\n"
        f"@check\ndef amounts(pond): checked.sent = lambda _: {sent}\n"
    )
    answer = checked(world, code)
    assert (answer["outcome"], answer["failure"]["error"]) == ("failed", "EndError")
    assert world.letters == []


def test_secrets_in_rows_and_words_are_masked(world):
    world.secret = {"TOKEN": "hunter2-swordfish"}
    code = (
        "@check\ndef amounts(pond): return \"SELECT 'hunter2-swordfish' AS token\"\n"
        "@check\ndef words(pond): assert False, 'hunter2-swordfish'\n"
    )
    answer = checked(world, code)
    row = world.rows[-1]
    assert "hunter2" not in f"{answer}{row.message}{row.checks}"
    assert [one.sample for one in row.checks] == [(("***TOKEN***",),), ()]


def test_an_exception_of_a_check_is_one_of_its_ripple_with_the_authors_line(world):
    answer = checked(world, "@check\ndef amounts(pond):\n    raise ValueError('no luck')\n")
    assert (answer["outcome"], answer["failure"]["message"]) == ("failed", "no luck")
    assert 'src/pond.py", line 7, in amounts\n    raise ValueError' in world.rows[-1].traceback
    assert "In check amounts." in world.rows[-1].traceback


def test_a_package_of_before_may_have_a_ripple_of_that_name(world):
    source = "from duckstring import ripple\n@ripple\ndef checks(pond): pond.write_table('a', "
    world.deploy(source + "'SELECT 1 AS id')\n", ripples=(CHECKS,))
    world.open_run(ripple=CHECKS)
    assert world.run(ripple=CHECKS) == {"outcome": "ok"}
    assert list(world.letters[0].signal.tables) == ["a"]


def test_a_sink_can_ask_what_the_checks_of_its_source_warn_of(world):
    up = Line("up@1")
    key = table_key(up, "a", run=7, ripple="load", attempt=1, invocation="0a1b2c3d")
    warned = (CheckWarning("late", 3, "too late"),)
    tables = {"a": TableVersion("a", key, 3, 9, "x")}
    world.snapshots[up, 7] = PublishSnapshot(7, NOON, tables, warnings=warned)
    world.deploy(
        "from duckstring import ripple\n@ripple\ndef load(pond):\n"
        "    said = [(one.check, one.rows, one.message) for one in pond.source_warnings('up')]\n"
        "    assert said == [('late', 3, 'too late')], said\n"
    )
    view = SourceView(up, report=SourceReport(NOON, NOON, snapshot=7))
    world.state = replace(world.state, sources={up: view})
    world.open_run(pins={up: 7})
    assert world.run() == {"outcome": "ok"}


@pytest.mark.parametrize(
    ("source", "error"), [("none", "SourceNotFoundError"), ("up", "NotPublishedError")]
)
def test_asking_for_warnings_of_what_is_not_there_is_refused(world, source, error):
    world.deploy(
        "from duckstring import ripple\n@ripple\ndef load(pond):\n"
        f"    pond.source_warnings('{source}')\n"
    )
    world.open_run(pins={Line("up@1"): 0})
    assert world.run()["failure"]["error"] == error
