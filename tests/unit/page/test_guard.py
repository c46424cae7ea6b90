"""Who may talk to the page's server, over real connections."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from duckstring_cli.page.guard import MOST_BYTES, POLICY
from tests.unit.page.page_kit import DONE, TOKEN, Served, served


@pytest.fixture(scope="module")
def looking(files: Path) -> Iterator[Served]:
    yield from served(files, read_only=True)


def test_the_page_is_served_with_a_policy_that_loads_nothing_from_elsewhere(server: Served) -> None:
    for path in ("/", "/pond/sales@1", "/run/sales@1/42"):  # deep links
        status, headers, text = server.ask(path, token=None)
        assert (status, "the page" in text) == (200, True)
        assert headers["content-security-policy"] == POLICY
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-cache"
    assert "default-src 'none'" in POLICY
    assert "unsafe" not in POLICY
    _, headers, text = server.ask("/assets/page-1a2b.js", token=None)
    assert (text, "immutable" in headers["cache-control"]) == ("1", True)


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/assets/../../secret.txt",
        "//etc/passwd",
        "/a%00b",
        f"/{'x' * 5000}",
    ],
)
def test_no_file_beside_the_page_is_served(server: Served, path: str) -> None:
    status, _, text = server.ask(path, token=None)
    assert (status, "the page" in text) == (200, True)
    assert "secret" not in text
    assert "root:" not in text


def test_what_the_page_asks_is_answered_and_not_kept(server: Served) -> None:
    status, headers, text = server.ask("/api/catchment")
    assert (status, headers["cache-control"]) == (200, "no-store")
    assert json.loads(text) == {
        "name": "dev",
        "kind": "local",
        "where": "http://127.0.0.1:1",
        "version": "0.1.0",
        "read_only": False,
        "can_act": True,
    }
    status, _, text = server.act(
        Origin=f"http://127.0.0.1:{server.port}", Sec_Fetch_Site="same-origin"
    )
    assert (status, json.loads(text)) == (200, DONE)


STRANGERS: dict[str, tuple[int, dict[str, Any]]] = {
    "no token": (401, {"token": None}),
    "another start's token": (401, {"token": "an-older-token"}),
    "a token that begins the same": (401, {"token": TOKEN[:-1]}),
    "a token that is no ASCII": (401, {"token": "t\xf6ken"}),
    "a foreign name": (421, {"Host": "evil.example"}),
    "a foreign name with our port": (421, {"Host": "evil.example:{port}"}),
    "our address without its port": (421, {"Host": "127.0.0.1"}),
    "an address that means this machine": (421, {"Host": "0.0.0.0:{port}"}),
    "a foreign origin": (403, {"Origin": "https://evil.example"}),
    "a page on another port": (403, {"Origin": "http://127.0.0.1:1"}),
    "a page in a file": (403, {"Origin": "null"}),
    "our origin over TLS": (403, {"Origin": "https://127.0.0.1:{port}"}),
    "another site": (403, {"Sec_Fetch_Site": "cross-site"}),
    "another port of this machine": (403, {"Sec_Fetch_Site": "same-site"}),
    "a link of another site": (403, {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"}),
    "a form": (415, {"Content_Type": "application/x-www-form-urlencoded"}),
    "plain text": (415, {"Content_Type": "text/plain"}),
    "a large body": (413, {"Content_Length": str(MOST_BYTES + 1)}),
}


@pytest.mark.parametrize("stranger", STRANGERS)
def test_a_stranger_is_refused_and_the_catchment_never_asked(server: Served, stranger: str) -> None:
    expected, sent = STRANGERS[stranger]
    server.asked.clear()
    named = {
        key: value.format(port=server.port) if isinstance(value, str) else value
        for key, value in sent.items()
    }
    status, headers, text = server.act(**named)
    assert status == expected
    assert json.loads(text)["error"]["message"]
    assert "access-control-allow-origin" not in headers
    assert server.asked == []


def test_a_body_of_unknown_length_is_refused(server: Served) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.request(
        "POST",
        "/api/control",
        body=iter([b"{}"]),
        headers={"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"},
        encode_chunked=True,
    )
    assert connection.getresponse().status == 411
    connection.close()


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH"])
def test_other_methods_are_refused(server: Served, method: str) -> None:
    assert server.ask("/api/control", method=method)[0] == 405
    assert server.ask("/", method=method)[0] == 405


def test_a_link_from_elsewhere_may_open_the_page_and_nothing_else(server: Served) -> None:
    link = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"}
    assert server.ask("/pond/sales@1", token=None, **link)[0] == 200
    image = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "no-cors"}
    assert server.ask("/assets/page-1a2b.js", token=None, **image)[0] == 403


def test_a_page_that_only_shows_refuses_everything_that_changes_something(looking: Served) -> None:
    assert json.loads(looking.ask("/api/catchment")[2])["can_act"] is False
    assert looking.ask("/api/status")[0] == 200
    looking.asked.clear()
    for path in ("trigger", "control", "budgets", "compute", "window"):
        status, _, text = looking.ask(f"/api/{path}", method="POST", body="{}")
        assert (status, "--read-only" in json.loads(text)["error"]["message"]) == (409, True)
    assert looking.asked == []


@pytest.mark.parametrize("body", ["", "[]", "{", "null", "[" * 100_000])
def test_a_body_that_is_no_object_is_told_so(server: Served, body: str) -> None:
    status, _, text = server.act(body=body)
    assert (status, json.loads(text)["error"]["type"]) == (400, "BadInputError")


def test_what_the_api_does_not_know_is_no_page(server: Served) -> None:
    assert server.ask("/api/nothing")[0] == 404
    assert server.ask("/api/control")[0] == 404  # it is posted
