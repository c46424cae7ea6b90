"""Secrets by Pond: what each Pond's Ripples see of them, and that nobody else does."""

from __future__ import annotations

import io
import json
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from duckstring.model.secret_entries import listed, with_entry, without_entry
from duckstring_cli import catchments
from duckstring_cli.secret_store import SecretStore

OWN, OF_ALL, LATER = "swordfish-of-cellar", "swordfish-of-all-ponds", "swordfish-of-later"
NAMES = ["DOOR_TOKEN", "CELLAR_TOKEN"]

SEES = f"""
@ripple
def look(pond):
    def of(read, name):
        try:
            return read(name)[::-1]
        except Exception as error:
            return type(error).__name__
    rows = [
        (name, of(os.environ.__getitem__, name), of(pond.env, name)) for name in {NAMES!r}
    ]
    print("looked at", [os.environ.get(name) for name in {NAMES!r}])
    pond.write_table("seen", " UNION ALL ".join(
        f"SELECT '{{name}}' AS name, '{{first}}' AS environ, '{{second}}' AS env"
        for name, first, second in rows
    ))
"""


@pytest.fixture
def secret(duckstring, monkeypatch):
    said = []

    def run(*words, given=""):
        stdin = SimpleNamespace(buffer=io.BytesIO(given.encode()), isatty=lambda: False)
        monkeypatch.setattr(sys, "stdin", stdin)
        told = duckstring("secret", *words)
        assert told.code == 0, told.err
        said.append(told)
        return told

    yield run
    assert not [told for told in said if "swordfish" in told.out + told.err]


@pytest.fixture
def looked(driver):
    """What the Ripples of a Pond see, backwards: no table is to have a secret as it is."""

    def run(pond):
        driver.wait_fresh(pond, driver.pulse(pond))
        rows = {row["name"]: (row["environ"], row["env"]) for row in driver.rows(pond, "seen")}
        return [rows[name] for name in NAMES]

    return run


def backwards(value):
    return (value[::-1], value[::-1])


NOT_THERE = ("KeyError", "EnvironmentMissingError")


def test_a_pond_sees_its_own_secrets_and_those_of_all_and_no_others(driver, secret, looked):
    secret("set", "CELLAR_TOKEN", "--pond", "cellar", given=OWN)
    driver.deploy(driver.pond("cellar", SEES), driver.pond("attic", SEES))
    assert looked("cellar") == [NOT_THERE, backwards(OWN)]
    assert looked("attic") == [NOT_THERE, NOT_THERE]

    # A change counts at the next attempt.
    secret("set", "DOOR_TOKEN", "--all-ponds", given=OF_ALL + "\n")
    secret("set", "CELLAR_TOKEN", "--pond", "cellar", given=LATER)
    assert looked("cellar") == [backwards(OF_ALL), backwards(LATER)]
    assert looked("attic") == [backwards(OF_ALL), NOT_THERE]

    secret("set", "DOOR_TOKEN", "--pond", "attic", given=OWN)
    assert looked("attic") == [backwards(OWN), NOT_THERE]
    entries = json.loads(secret("ls", "--json").out)["entries"]
    assert [(one["pond"], one["name"]) for one in entries if one["name"] in NAMES] == [
        (None, "DOOR_TOKEN"),
        ("attic", "DOOR_TOKEN"),
        ("cellar", "CELLAR_TOKEN"),
    ]

    secret("rm", "DOOR_TOKEN", "--all-ponds", "-y")
    secret("rm", "CELLAR_TOKEN", "--pond", "cellar", "-y")
    assert looked("cellar") == [NOT_THERE, NOT_THERE]
    assert looked("attic") == [backwards(OWN), NOT_THERE]
    secret("rm", "DOOR_TOKEN", "--pond", "attic", "-y")

    # No run and no log tells a value, whichever counted then.
    for pond in ("cellar", "attic"):
        for run in driver.runs(pond):
            said = driver.run.done("logs", run["run"])
            said += driver.run.done("run", "show", run["run"], "--json")
            assert "looked at" in said
            assert not re.search("swordfish", said), run["run"]
    assert "***CELLAR_TOKEN***" in driver.run.done("logs", "cellar@1/2")


def test_many_who_set_secrets_at_once_lose_nothing(local_catchment):
    names = [f"RACE_{number}" for number in range(4)]
    catchment = catchments.find(local_catchment.name)

    def put(name):
        SecretStore.of(catchment).change(lambda text: with_entry(text, name, "v", ["racing"]))

    def drop(name):
        SecretStore.of(catchment).change(lambda text: without_entry(text, name, ["racing"]))

    def held():
        text = SecretStore.of(catchment).read().text
        return [entry.name for entry in listed(text) if entry.pond == "racing"]

    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(put, names))
        assert held() == names
        list(pool.map(drop, names))
        assert held() == []
