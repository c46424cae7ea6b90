"""Env values by Pond: what each Pond's Ripples and modules are given, from when on."""

from __future__ import annotations

import io
import json
import sys
from types import SimpleNamespace

import pytest

SEES = """
LEVEL = int(os.environ.get("CELLAR_LEVEL", "0"))

@ripple
def look(pond):
    names = ["HOUSE_MODE", "CELLAR_LEVEL", "CELLAR_KEY"]
    rows = [(name, os.environ.get(name, "-")) for name in names]
    assert [value for _, value in rows if value != "-"] == [
        pond.env(name) for name, value in rows if value != "-"
    ]
    print("looked at", rows)
    rows = [(name, value[::-1] if name == "CELLAR_KEY" else value) for name, value in rows]
    pond.write_table("seen", " UNION ALL ".join(
        f"SELECT '{name}' AS name, '{value}' AS value" for name, value in rows
    ))
"""


@pytest.fixture
def told(duckstring, monkeypatch):
    def run(*words, given="", code=0):
        stdin = SimpleNamespace(buffer=io.BytesIO(given.encode()), isatty=lambda: False)
        monkeypatch.setattr(sys, "stdin", stdin)
        said = duckstring(*words)
        assert said.code == code, said.err
        return said

    return run


@pytest.fixture
def looked(driver):
    def run(pond):
        driver.wait_fresh(pond, driver.pulse(pond))
        rows = {row["name"]: row["value"] for row in driver.rows(pond, "seen")}
        return [rows[name] for name in ("HOUSE_MODE", "CELLAR_LEVEL", "CELLAR_KEY")]

    return run


def test_a_pond_is_given_its_own_values_and_those_of_all_and_no_others(driver, told, looked):
    told("env", "set", "CELLAR_LEVEL", "7", "--pond", "env_cellar")
    told("secret", "set", "CELLAR_KEY", "--pond", "env_cellar", given="swordfish-of-cellar")
    driver.deploy(driver.pond("env_cellar", SEES), driver.pond("env_attic", SEES))
    assert looked("env_cellar") == ["-", "7", "swordfish-of-cellar"[::-1]]
    assert looked("env_attic") == ["-", "-", "-"]

    # A change counts at the next attempt.
    told("env", "set", "HOUSE_MODE", given="quiet and dark\n")
    told("env", "set", "CELLAR_LEVEL", "8", "--pond", "env_cellar")
    assert looked("env_cellar")[:2] == ["quiet and dark", "8"]
    assert looked("env_attic") == ["quiet and dark", "-", "-"]

    # A name is of one kind, and what the machine needs stays as it is.
    refused = told("env", "set", "CELLAR_KEY", "x", code=2)
    assert "CELLAR_KEY is a secret of env_cellar" in refused.err
    refused = told("secret", "set", "HOUSE_MODE", "--all-ponds", given="x", code=2)
    assert "HOUSE_MODE is an env value of all Ponds" in refused.err
    assert "PATH cannot be set" in told("env", "set", "PATH", "/tmp", code=2).err

    entries = json.loads(told("env", "ls", "--json").out)["entries"]
    assert [(one["pond"], one["name"], one["value"]) for one in entries] == [
        (None, "HOUSE_MODE", "quiet and dark"),
        ("env_cellar", "CELLAR_LEVEL", "8"),
    ]
    assert "swordfish" not in told("env", "ls").out

    # Values are shown as they are; the secret beside them is not.
    said = driver.run.done("logs", "env_cellar@1/2")
    assert "quiet and dark" in said
    assert "***CELLAR_KEY***" in said
    assert "swordfish" not in said

    told("env", "rm", "HOUSE_MODE", "-y")
    told("env", "rm", "CELLAR_LEVEL", "--pond", "env_cellar", "-y")
    told("secret", "rm", "CELLAR_KEY", "--pond", "env_cellar", "-y")
    assert looked("env_cellar") == ["-", "-", "-"]
