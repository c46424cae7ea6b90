"""The web page's server in front of a real Catchment: what its views ask for, and what they do."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest

from tests.e2e.drive import until
from tests.e2e.serving import served

CODE = """
@ripple
def load(pond):
    print("loading")
    hold(pond)
    pond.write_table("made", "SELECT range AS n, 'a' || range AS name FROM range(3)")

@ripple(parents=[load])
def check(pond):
    if not (Path(os.environ["LEDGER"]) / "shown.mended").exists():
        raise ValueError("<b>no</b> rows")
"""


@pytest.fixture
def page(local_catchment) -> Iterator[httpx.Client]:
    with served(local_catchment.name) as told:
        address, _, token = told.partition("/#token=")
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=address, headers=headers, timeout=60) as client:
            yield client


@pytest.fixture
def shown(driver, page):
    """A Pond whose run fails, as the page sees it."""
    driver.deploy(driver.pond("shown", CODE))
    return driver


def test_a_failure_is_watched_understood_and_cleared(shown, page):
    assert '<div id="root">' in page.get("/pond/shown@1").text
    first = page.get("/api/status").json()
    (line,) = [one for one in first["answer"]["lines"] if one["line"] == "shown@1"]
    assert line["status"] == "idle"
    pulse = {"pond": "shown", "major": 1, "kind": "pulse"}
    assert page.post("/api/trigger", json=pulse).status_code == 200
    news = page.get("/api/status", params={"after": first["version"], "wait": 20}).json()
    assert news["version"] != first["version"]
    shown.let("shown", "go")
    shown.wait_for("shown", "failed")

    understands(page)
    shown.let("shown", "mended")
    clear = page.post("/api/control", json={"line": "shown@1", "verb": "clear"})
    assert clear.status_code == 200
    shown.wait_until("shown", lambda one: one["tables"], what="its table is published")
    reads(page)
    absent = page.post("/api/control", json={"line": "nobody@1", "verb": "kill"})
    assert absent.status_code == 400
    assert absent.json()["error"]["message"].startswith("No Pond 'nobody' in this Catchment")


def understands(page):
    told = page.get("/api/line/shown@1").json()
    assert "<b>no</b> rows" in told["line"]["failure"]["message"]
    assert told["tables"] is None
    run = page.get("/api/run/shown@1/1").json()
    assert [one["status"] for one in run["attempts"]] == ["success", "failed"]
    assert "ValueError: <b>no</b> rows" in run["attempts"][1]["traceback"]
    until(
        lambda: any(one.startswith("loading") for one in logged(page)),
        what="what it printed is in its log",
    )


def logged(page):
    answer = page.get("/api/logs/shown@1/1", params={"ripple": "load"}).json()
    return [one["text"] for one in answer["lines"]]


def reads(page):
    grid = page.get("/api/rows/shown@1/made").json()
    assert grid["rows"] == [["0", "a0"], ["1", "a1"], ["2", "a2"]]
    query = {"sql": "SELECT sum(n) AS s FROM shown.made", "limit": 5}
    _, rows, _ = page.post("/api/sql", json=query).text.splitlines()
    assert json.loads(rows) == {"rows": [["3"]]}
    export = {"sql": "SELECT name FROM shown.made WHERE n = 2", "format": "csv"}
    assert page.post("/api/export", json=export).text == "name\na2\n"
    assert page.get("/api/doctor").status_code == 200
    newest = page.get("/api/runs").json()["runs"][0]
    late, early = "2100-01-02T00:00:00Z", "2100-01-01T00:00:00Z"
    for asked in ({"since": late, "until": early}, {"since": late, "before": newest["run"]}):
        assert page.get("/api/runs", params=asked).json() == {"runs": []}
