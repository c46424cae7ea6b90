"""``duckstring catchment requirements``: other packages for Ripples, and nothing else."""

from __future__ import annotations

import json

import pytest

from duckstring_cli.local.home import catchment_folder
from tests.e2e.conftest import REQUIREMENTS

USES = """
@ripple
def count(pond):
    try:
        from toolz import curry
        found = curry.__module__
    except ImportError:
        found = "No toolz"
    pond.write_table("found", f"SELECT '{found}' AS found")
"""


@pytest.fixture
def asked(duckstring, local_catchment, tmp_path):
    def run(text, code=0):
        file = tmp_path / "needs.txt"
        file.write_text(text)
        words = ["catchment", "requirements", str(file), "-c", local_catchment.name]
        said = duckstring(*words, *(["--json"] if not code else []))
        assert said.code == code, said.err
        return said

    before = (catchment_folder(local_catchment.name) / "arrivals").read_text()
    yield run
    duckstring("catchment", "configure", local_catchment.name, "--arrivals", before)
    run(REQUIREMENTS)


def test_a_ripple_imports_other_packages_from_the_next_attempt_on(
    driver, asked, duckstring, local_catchment
):
    kept = catchment_folder(local_catchment.name) / "requirements.txt"

    def found():
        driver.wait_fresh("packages", driver.pulse("packages"))
        return driver.rows("packages", "found")[0]["found"]

    driver.deploy(driver.pond("packages", USES))
    assert found() == "No toolz"

    told = json.loads(asked(REQUIREMENTS + "toolz\n").out)
    assert told == {"catchment": local_catchment.name, "outcome": "deployed"}
    assert found() == "toolz.functoolz"
    assert kept.read_text() == REQUIREMENTS + "toolz\n"
    assert json.loads(asked(REQUIREMENTS + "toolz\n").out)["outcome"] == "same"

    # What cannot be installed, or would bring more with it, changes nothing.
    asked(REQUIREMENTS + "no-such-package-of-duckstring==9\n", code=1)
    assert kept.read_text() == REQUIREMENTS + "toolz\n"
    duckstring("catchment", "configure", local_catchment.name, "--arrivals", "other-landing")
    refused = asked(REQUIREMENTS, code=1)
    assert "would change more than the packages" in refused.err
    assert kept.read_text() == REQUIREMENTS + "toolz\n"
    assert found() == "toolz.functoolz"
