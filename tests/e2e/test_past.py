"""An incident that is over, on the deployed stack: `why --at` says what was wrong then, and
`replay` shows the letters by which it came and went.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from tests.e2e.drive import until
from tests.e2e.test_why import INLET, chain, roots, told_that, typed


def test_a_failure_that_is_over_is_explained_and_stepped_through(driver):
    began = datetime.now(UTC).isoformat()
    first, mid, out = chain(driver, "past_failing", INLET.replace("why_repaired", "past_repaired"))
    driver.trigger("pulse", out)
    driver.wait_for(out, "blocked")
    answer = told_that(driver, out, (f"{first}@1", "failed"))
    then = answer["now"]
    (driver.ledger / "past_repaired").touch()
    typed(driver, answer, "wake")
    driver.wait_until(out, lambda line: line["tables"] == 1, what="the Outlet has run")
    told_that(driver, out, (f"{out}@1", "not_asked"))
    explained(driver, (first, mid, out), then)
    stepped(driver.run("replay", first, "--from", began, "--json").json["steps"], f"{first}@1/1")
    printed = driver.run.done("replay", first, "--from", began, "--until", then)
    assert f"{first}@1/1, load: Attempt 1 failed: ValueError: no rows" in printed
    assert "control wake" not in printed
    assert re.search(r"status +running → failed", printed)


def explained(driver, ponds, then):
    """What `why` says of that moment, when it is over."""
    first, mid, out = ponds
    past = driver.run("why", out, "--at", then, "--json").json
    assert (past["at"], past["status"]) == (then, "blocked")
    assert roots(past) == [(f"{first}@1", "failed")]
    assert [line["line"] for line in past["chain"]] == [f"{out}@1", f"{mid}@1", f"{first}@1"]
    shown = driver.run.done("why", out, "--at", then)
    assert shown.startswith(f"As of {then[:10]} {then[11:19]}Z (")
    assert "in load: ValueError: no rows \\x1b[31min\\x1b[0m the file." in shown
    assert "What would have changed it then" in shown


def stepped(steps, run):
    """The Inlet's letters, from the deploy to its recovery."""
    assert not any(step["gap"] for step in steps)
    assert [step["revision"] for step in steps] == list(range(1, len(steps) + 1))
    letters = [letter for step in steps for letter in step["letters"]]
    assert letters[0]["text"] == "Version 1.0.0 was deployed."
    failed, woken, wrote = (
        next(number for number, one in enumerate(letters) if text in one["text"])
        for text in ("failed: ValueError", "control wake", "succeeded, and wrote made")
    )
    assert failed < woken < wrote
    assert letters[failed]["sender"] == f"{run}, load"
    words = [step["status"] for step in steps]
    assert "failed" in words
    assert words[-1] == "idle"


def test_a_moment_that_is_not_known_is_refused_in_one_line(driver):
    (first, *_) = chain(driver, "past_refused", INLET)
    until(lambda: driver.run("why", first, "--json").json, what="it is deployed")
    before = driver.run("why", first, "--at", "2020-01-01", "--json").json
    assert before["status"] == "undeployed"
    future = driver.run("why", first, "--at", "2999-01-01")
    assert future.code == 2
    assert "still to come" in future.err
