"""Limits on the deployed stack: four Ponds of which two attempts may run at once, by what the
attempts themselves write down.
"""

from __future__ import annotations

import pytest

from tests.e2e.drive import is_at_rest, until

USING = """
@ripple(uses="{limit}")
def extract(pond):
    with open(Path(os.environ["LEDGER"]) / "{limit}", "a") as file:
        file.write(f"+{{pond.name}}\\n")
    note(pond, "began")
    {body}
    pond.write_table("made", "SELECT 1 AS one")
    with open(Path(os.environ["LEDGER"]) / "{limit}", "a") as file:
        file.write(f"-{{pond.name}}\\n")
"""


def ponds_of(driver, limit, *, body, count=4):
    names = [f"{limit}_{letter}" for letter in "abcd"[:count]]
    roots = [driver.pond(name, USING.format(limit=limit, body=body)) for name in names]
    for root in roots:
        driver.deploy(root)
    return names


def most_at_once(driver, limit):
    """By the ledger, in the order in which attempts wrote."""
    running, most = set(), 0
    for line in (driver.ledger / limit).read_text().split():
        sign, pond = line[0], line[1:]
        running = running | {pond} if sign == "+" else running - {pond}
        most = max(most, len(running))
    return most


def shown(driver, limit):
    (found,) = (
        one for one in driver.run("limit", "list", "--json").json["limits"] if one["name"] == limit
    )
    return found


def lines_of(tokens):
    return [one["line"].partition("@")[0] for one in tokens]


def told_that(driver, limit, *, held, waiting):
    return until(
        lambda: (
            (found := shown(driver, limit))
            and (len(found["held"]), len(found["waiting"])) == (held, waiting)
            and found
        ),
        what=f"{held} have a token and {waiting} wait",
        show=lambda: shown(driver, limit),
    )


def test_of_four_ponds_two_run_at_once_and_each_runs_once(driver):
    assert "duckstring limit set quick N" in deployed(driver, "quick_first", "quick")
    assert driver.run.done("limit", "set", "quick", "2").startswith("✓ quick: 2 at once")
    names = ponds_of(driver, "quick", body="time.sleep(0.5)")
    for _ in range(2):
        epochs = {name: driver.pulse(name) for name in names}
        for name, epoch in epochs.items():
            driver.wait_fresh(name, epoch)
    assert most_at_once(driver, "quick") == 2
    driver.assert_each_ran_once(*names)
    told_that(driver, "quick", held=0, waiting=0)


def deployed(driver, name, limit):
    root = driver.pond(name, USING.format(limit=limit, body="pass"))
    said = driver.run("deploy", root)
    assert said.code == 0
    return said.out + said.err


def see_who_waits(driver):
    status = driver.run.done("status", "--once")
    assert "limit held: 2 of 2 taken by held_a@1, held_b@1; extract of held_c@1" in status
    assert "extract waits for held" in status
    closely = driver.run.done("status", "held_c", "--once")
    assert "waits for held" in closely
    assert "held: 2 of 2 taken by held_a@1, held_b@1" in closely
    why = driver.run.done("why", "held_d")
    assert "extract of held_d@1/1 has waited" in why
    assert "One other is ahead of it." in why
    assert "duckstring limit set held 3" in why


def test_who_waits_is_shown_explained_and_goes_on_when_a_holder_is_killed(driver):
    driver.run.done("limit", "set", "held", "2")
    names = ponds_of(driver, "held", body="hold(pond)")
    for name in names[:2]:
        driver.pulse(name)
        until(lambda name=name: driver.noted(name), what=f"{name} has begun")
    for waiting, name in enumerate(names[2:], start=1):
        driver.pulse(name)
        found = told_that(driver, "held", held=2, waiting=waiting)
    assert lines_of(found["held"]) == names[:2]
    assert lines_of(found["waiting"]) == names[2:]
    see_who_waits(driver)
    assert driver.run.done("control", "priority", "held_d", "90") == "held_d@1: priority 90\n"
    until(
        lambda: lines_of(shown(driver, "held")["waiting"]) == ["held_d", "held_c"],
        what="the higher priority is the next",
    )
    driver.run.done("control", "kill", "held_a", "--yes")
    until(lambda: driver.noted("held_d"), what="the next one runs")
    assert not driver.noted("held_c")
    assert lines_of(told_that(driver, "held", held=2, waiting=1)["held"]) == ["held_b", "held_d"]
    driver.run.done("limit", "rm", "held")
    until(lambda: driver.noted("held_c"), what="without a limit everything runs")
    for name in names:
        driver.let(name)
    driver.run.done("control", "clear", "held_a")
    for name in names[1:]:
        driver.wait_until(name, is_at_rest, what=f"{name} has run")
        assert driver.statuses(name) == ["success"]
    found = told_that(driver, "held", held=0, waiting=0)
    assert found["tokens"] is None
    driver.run.done("control", "priority", "held_d", "50")


def test_zero_holds_everything_until_it_is_raised_and_a_retry_keeps_its_token(driver):
    driver.run.done("limit", "set", "nothing", "0")
    flaky = """
@ripple(uses=["nothing", "other"])
def extract(pond):
    note(pond, "began")
    if len((Path(os.environ["LEDGER"]) / pond.name).read_text().splitlines()) < 2:
        raise ValueError("once")
    pond.write_table("made", "SELECT 1 AS one")
"""
    driver.deploy(driver.pond("nothing_a", flaky, immediate_retries=1))
    epoch = driver.pulse("nothing_a")
    told_that(driver, "nothing", held=0, waiting=1)
    assert "is set to 0: nothing that uses it starts" in driver.run.done("why", "nothing_a")
    assert not driver.noted("nothing_a")
    driver.run.done("limit", "set", "nothing", "1")
    driver.wait_fresh("nothing_a", epoch)
    assert len(driver.noted("nothing_a")) == 2
    told_that(driver, "nothing", held=0, waiting=0)
    told_that(driver, "other", held=0, waiting=0)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("set", "Data Bricks", "3"), 2, "NAME is 'Data Bricks'; allowed: a lower-case letter"),
        (("set", "x", "1001"), 2, "1000"),
        (("rm", "unheard_of"), 2, "No limit 'unheard_of' is set"),
    ],
)
def test_bad_words_are_refused_in_one_line(driver, words, code, said):
    found = driver.run("limit", *words)
    assert found.code == code
    assert said in found.err
