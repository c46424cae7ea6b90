"""Alerts as people get them: EventBridge calls a real endpoint on this machine."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.e2e.drive import Command, Driver, until

ROOT = """
@ripple
def load(pond):
    if not (Path(os.environ["LEDGER"]) / "alert_root.mended").exists():
        raise ValueError("no rows <!channel> today")
    pond.write_table("rows", pond.read_table("alert_base.rows"))
"""
FAILS = """
@ripple
def load(pond):
    raise ValueError("never")
"""
SINK = """
@ripple
def read(pond):
    pond.write_table("seen", pond.read_table("{source}.{table}").aggregate("count(*) AS n"))
"""
PLAIN = """
@ripple
def load(pond):
    pond.write_table("rows", "SELECT 1 AS id")
"""


class Endpoint:
    """A web server of the user's: what it was sent, by path. It refuses ``/refuses``."""

    def __init__(self) -> None:
        self.got: dict[str, list[dict[str, Any]]] = {}
        self.headers: dict[str, dict[str, str]] = {}
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                endpoint.got.setdefault(self.path, []).append(json.loads(body))
                endpoint.headers[self.path] = dict(self.headers.items())
                self.send_response(404 if self.path == "/refuses" else 200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def at(self, path: str) -> list[dict[str, Any]]:
        return self.got.get(path, [])

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    served = Endpoint()
    yield served
    served.close()


@pytest.fixture(autouse=True)
def no_alerts(duckstring: Command) -> Iterator[None]:
    """Nothing is left for other tests of the same Catchment."""
    yield
    for one in json.loads(duckstring.done("alert", "list", "--json"))["alerts"]:
        duckstring.done("alert", "rm", one["name"], "-y")


def chain(driver: Driver) -> None:
    """``alert_root`` fails, and three others need it."""
    needs_root, needs_mid = (
        SINK.format(source=source, table=table)
        for source, table in (("alert_root", "rows"), ("alert_mid", "seen"))
    )
    driver.deploy(
        driver.pond("alert_base", PLAIN),
        driver.pond("alert_root", ROOT, sources=["alert_base"], source_retries=9),
        driver.pond("alert_mid", needs_root, sources=["alert_root"]),
        driver.pond("alert_end", needs_mid, sources=["alert_mid"]),
        driver.pond("alert_side", needs_root, sources=["alert_root"]),
    )


def bound(driver: Driver, pond: str) -> Any:
    return driver.client.status(pond)["lines"][0]["bound"]


def told(endpoint: Endpoint, path: str, last: str) -> list[dict[str, Any]]:
    """The pages there, once the last one is of this kind."""
    return until(
        lambda: (found := endpoint.at(path)) and found[-1].get("alert") == last and found,
        what=f"a page of {last}",
        show=lambda: endpoint.got,
    )


def test_one_page_for_a_root_cause_that_names_what_it_blocks_and_one_when_it_is_over(
    driver: Driver, duckstring: Command, endpoint: Endpoint
) -> None:
    path, add = "/all/T000/secretpath", ("alert", "add")
    url = f"{endpoint.address}{path}"
    said = duckstring.done(*add, "webhook", url, "--pond", "alert_end,alert_root")
    assert "secretpath" not in said
    slack = f"{endpoint.address}/slack"
    duckstring.done(*add, "slack", slack, "--on", "failed,recovered", "--pond", "alert_end")
    other = f"{endpoint.address}/other"
    duckstring.done(*add, "webhook", other, "--name", "other", "--pond", "alert_elsewhere")
    chain(driver)
    duckstring.done("alert", "stale", "alert_end", "1s")

    epoch = driver.pulse("alert_end")
    (page,) = [one for one in told(endpoint, path, "failed") if one["alert"] == "failed"]
    _check_failure(page)

    # A retry that fails, and Ponds that get old because of it, tell nobody anything new.
    driver.wait_for("alert_end", "blocked")
    before = len(endpoint.at(path))
    driver.pulse("alert_base")
    until(lambda: driver.statuses("alert_root").count("failed") >= 2, what="a failed retry")
    until(lambda: bound(driver, "alert_end")["stale"], what="old data")
    time.sleep(2)
    assert endpoint.at(path)[before:] == []

    (driver.ledger / "alert_root.mended").touch()
    driver.pulse("alert_base")
    driver.wait_fresh("alert_end", epoch)
    over = [one for one in told(endpoint, path, "recovered") if one["of"] == "failed"]
    assert [one["alert"] for one in over] == ["failed", "recovered"]
    assert "alert_root@1 recovered" in over[-1]["title"]
    assert "alert_end@1 is older than its bound." in over[-1]["text"]
    _check_slack([one["text"] for one in endpoint.at("/slack")])
    assert all(set(one) == {"text"} for one in endpoint.at("/slack"))
    assert endpoint.at("/other") == []


def _check_failure(page: dict[str, Any]) -> None:
    assert page["line"] == "alert_root@1"
    assert page["blocks"] == ["alert_end@1", "alert_mid@1", "alert_side@1"]
    assert page["error"] == "ValueError: no rows <!channel> today"
    assert page["run"] == "alert_root@1/1"
    assert "alert_root@1 failed, and blocks 3" in page["title"]
    assert "It blocks alert_end@1, alert_mid@1, alert_side@1." in page["text"]


def _check_slack(texts: list[str]) -> None:
    """A text of its own, in which nobody is called."""
    assert "failed, and blocks 3" in texts[0]
    assert "&lt;!channel&gt;" in texts[0]
    assert "recovered" in texts[-1]


def test_old_data_is_one_page_and_one_when_it_is_fresh(
    driver: Driver, duckstring: Command, endpoint: Endpoint
) -> None:
    duckstring.done("alert", "add", "webhook", f"{endpoint.address}/stale", "--on",
                    "stale,recovered", "--pond", "alert_old")  # fmt: skip
    driver.deploy(driver.pond("alert_old", PLAIN))
    driver.wait_fresh("alert_old", driver.pulse("alert_old"))
    said = duckstring.done("alert", "stale", "alert_old", "3s")
    assert "alert_old@1: 3s (declared)" in said
    (page,) = until(lambda: endpoint.at("/stale"), what="the page")
    assert (page["alert"], page["line"]) == ("stale", "alert_old@1")
    assert "is older than its bound: 3s" in page["title"]
    assert "Nothing asks for it: it has no Tide or Wave." in page["text"]
    assert bound(driver, "alert_old")["stale"] is not None
    assert "stale since" in duckstring.done("alert", "stale", "alert_old")
    duckstring.done("alert", "stale", "alert_old", "30d")
    _, fresh = until(lambda: len(found := endpoint.at("/stale")) > 1 and found, what="its end")
    assert (fresh["alert"], fresh["of"]) == ("recovered", "stale")


def test_a_page_to_try_is_delivered_or_it_is_said_why_not_and_a_removed_alert_gets_nothing(
    driver: Driver, duckstring: Command, endpoint: Endpoint
) -> None:
    secret = f"{endpoint.address}/tried/withoutnews"
    duckstring.done("alert", "add", "webhook", secret, "--name", "tried", "--pond", "nobody")
    said = duckstring.done("alert", "test", "tried")
    assert "EventBridge took the page for tried" in said
    (page,) = endpoint.at("/tried/withoutnews")
    assert page["alert"] == "test"
    assert endpoint.headers["/tried/withoutnews"]["X-Duckstring-Catchment"] == "test"

    _check_list(duckstring)
    url = f"{endpoint.address}/refuses"
    duckstring.done("alert", "add", "webhook", url, "--name", "wrong")
    refused = duckstring("alert", "test", "wrong")
    assert refused.code == 1
    assert "was not delivered: The endpoint answered 404." in refused.err
    dead = driver.aws("sqs").receive_message(QueueUrl=driver.outputs["DeadEvents"])
    assert not dead.get("Messages")

    duckstring.done("alert", "rm", "tried", "-y")
    duckstring.done("alert", "rm", "wrong", "-y")
    assert left(driver) == []
    gone = duckstring("alert", "test", "tried")
    assert gone.code == 2
    assert "No alert 'tried'; there are none." in gone.err


def _check_list(duckstring: Command) -> None:
    listed = duckstring.done("alert", "list")
    assert "tried" in listed
    assert "127.0.0.1" in listed
    assert "withoutnews" not in listed
    assert "withoutnews" not in duckstring.done("alert", "list", "--json")


def left(driver: Driver) -> list[str]:
    """What is called as a part of an alert."""
    events, start = driver.aws("events"), "duckstring-test_alert_"
    found = [
        *events.list_rules(EventBusName=driver.outputs["Bus"], NamePrefix=start)["Rules"],
        *events.list_connections(NamePrefix=start)["Connections"],
        *events.list_api_destinations(NamePrefix=start)["ApiDestinations"],
    ]
    topics = [one["TopicArn"] for one in driver.aws("sns").list_topics()["Topics"]]
    return [*(one["Name"] for one in found), *(one for one in topics if "_alert_" in one)]


def test_nothing_comes_after_an_alert_was_removed(
    driver: Driver, duckstring: Command, endpoint: Endpoint
) -> None:
    for name in ("goes", "stays"):
        url = f"{endpoint.address}/{name}"
        duckstring.done("alert", "add", "webhook", url, "--name", name, "--on", "failed")
    duckstring.done("alert", "rm", "goes", "-y")
    driver.deploy(driver.pond("alert_after", FAILS))
    driver.pulse("alert_after")
    told(endpoint, "/stays", "failed")
    time.sleep(1)
    assert endpoint.at("/goes") == []


def test_a_mailbox_waits_for_its_owner(driver: Driver, duckstring: Command) -> None:
    said = duckstring("alert", "add", "email", "team@example.com")
    assert (said.code, "must follow it first" in said.err) == (0, True)
    (alert,) = json.loads(duckstring.done("alert", "list", "--json"))["alerts"]
    assert (alert["kind"], alert["to"]) == ("email", "team@example.com")
    duckstring.done("alert", "rm", "email", "-y")
    assert left(driver) == []


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["add", "slack", "http://hooks.slack.com/services/abc"], "found http://hooks.slack.com;"),
        (["add", "slack", "hooks.slack.com/services/abc"], "found no https://"),
        (["add", "webhook", "https://user:pw@example.com/"], "it has a user"),
        (["add", "slack", "https://example.com/x", "--on", "failure"], "--on has 'failure'"),
        (["add", "slack", "https://example.com/x", "--pond", "sales@1"], "is not a Pond's name"),
        (["add", "slack", "https://example.com/x", "--name", "Big"], "is not an alert's name"),
        (["add", "email", "team"], "is no email address"),
        (["stale", "alert_old", "soon"], "'soon' is no age"),
        (["stale", "alert_old", "--tz", "UTC"], "--tz and --on go with --by"),
        (["rm", "nobody", "-y"], "No alert 'nobody'"),
    ],
)
def test_what_is_wrong_is_refused_in_one_line_without_the_address(
    words: list[str], fault: str, duckstring: Command
) -> None:
    said = duckstring("alert", *words)
    assert said.code == 2
    assert fault in said.err
    assert "services/abc" not in said.err
    assert "pw" not in said.err
