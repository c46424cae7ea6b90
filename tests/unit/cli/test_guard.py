"""The door of a local Catchment's server: what a web page can send is refused, whoever has signed it."""

from __future__ import annotations

import asyncio

import pytest

from duckstring_cli.local.guard import TARGET, Guard, Request, fault_of

HOST = ("Host", "127.0.0.1:23456")


def scope(*headers, method="GET", target="/bucket/key?x=1", kind="http"):
    path, _, query = target.partition("?")
    return {
        "type": kind,
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
        TARGET: target,
    }


@pytest.mark.parametrize("host", ["127.0.0.1:23456", "localhost:23456", "LOCALHOST", "127.0.0.1", "localhost:9999"])
def test_this_machine_may_be_called_by_its_names(host):
    assert fault_of(Request.of(scope(("Host", host)))) == ""


@pytest.mark.parametrize(
    "host",
    [
        "evil.example:23456",
        "127.0.0.1.nip.io:23456",
        "localhost.evil.example",
        "localhost.",
        "127.0.0.1:23456@evil.example",
        "evil.example:23456#127.0.0.1",
        "127.0.0.1:23456, evil.example",
        "127.1",
        "0.0.0.0:23456",
        "[::1]:23456",
        "2130706433",
        "127.0.0.1:",
        "127.0.0.1:99999999",
        "",
        "bucket.s3.amazonaws.com",
    ],
)
def test_another_host_is_foreign(host):
    assert "host" in fault_of(Request.of(scope(("Host", host))))


@pytest.mark.parametrize("hosts", [(), (HOST, HOST), (HOST, ("Host", "evil.example")), (("Host", "evil.example"), HOST)])
def test_there_is_exactly_one_host(hosts):
    assert "host" in fault_of(Request.of(scope(*hosts)))


@pytest.mark.parametrize(
    "headers",
    [
        [("Origin", "https://evil.example")],
        [("Origin", "null")],
        [("Origin", "http://127.0.0.1:23456")],
        [("Origin", "")],
        [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "no-cors")],
        [("Sec-Fetch-Site", "same-site")],
        [("Sec-Fetch-Site", "same-origin")],
        [("Sec-Fetch-Site", "none"), ("Sec-Fetch-Site", "cross-site")],
        [("Sec-Fetch-Site", "")],
        [("Sec-Fetch-Mode", "no-cors")],
        [("Sec-Fetch-Dest", "image")],
        [("Access-Control-Request-Method", "POST")],
        [("Access-Control-Request-Private-Network", "true")],
        [("Upgrade", "websocket"), ("Connection", "Upgrade")],
        [("Sec-WebSocket-Key", "x")],
        [("X-Forwarded-Host", "127.0.0.1:23456")],
        [("Forwarded", "host=127.0.0.1")],
        [("X-Forwarded-For", "127.0.0.1")],
        [("X-HTTP-Method-Override", "PUT")],
        [("Authorization", "a"), ("Authorization", "b")],
        [("X-Amz-Target", "a"), ("X-Amz-Target", "b")],
    ],
    ids=str,
)
def test_what_a_web_page_or_a_proxy_adds_is_refused(headers):
    assert fault_of(Request.of(scope(HOST, *headers)))


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "CONNECT", "get", "PROPFIND"])
def test_preflights_and_rare_methods_are_refused(method):
    assert "not allowed" in fault_of(Request.of(scope(HOST, method=method)))


@pytest.mark.parametrize("target", ["http://evil.example/x", "http://127.0.0.1:23456/x", "evil.example:443", "*"])
def test_a_target_is_a_path(target):
    assert "must be a path" in fault_of(Request.of(scope(HOST, target=target)))


def test_an_address_that_a_person_types_in_is_no_web_page():
    typed = [("Sec-Fetch-Site", "none"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document")]
    assert fault_of(Request.of(scope(HOST, *typed))) == ""


class Behind:
    """An application that keeps what it received."""

    def __init__(self):
        self.bodies = []

    async def __call__(self, _scope, receive, send):
        if _scope["type"] == "http":
            self.bodies.append((await receive())["body"])
        await send({"type": "http.response.start", "status": 200, "headers": [(b"Access-Control-Allow-Origin", b"*"), (b"etag", b"1")]})
        await send({"type": "http.response.body", "body": b"open"})


def call(given, *, failure=None, passes=False, body=b"sent"):
    """Send a request through the guard: (the status, the headers, the body, what came through)."""
    behind, sent, parts = Behind(), [], [body[:2], body[2:]]

    async def receive():
        part = parts.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(parts)}

    async def send(message):
        sent.append(message)

    async def failed(_request, read):
        failed.body = await read()
        return failure

    guard = Guard(behind, may_pass=lambda _: passes, failure=failed, refusal=lambda _, why: (403, {"X-Code": why[0]}, b"no"))
    asyncio.run(guard(given, receive, send))
    if given["type"] != "http":
        return sent, behind.bodies
    return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"], behind.bodies


def test_a_signed_request_comes_through_with_the_body_that_was_looked_at():
    status, _, body, through = call(scope(HOST))
    assert (status, body, through) == (200, b"open", [b"se"])


def test_a_request_without_a_key_is_refused_before_the_application():
    status, headers, body, through = call(scope(HOST), failure=("Code", "words"))
    assert (status, headers[b"x-code"], body, through) == (403, b"Code", b"no", [])


def test_a_signature_does_not_help_a_web_page():
    status, _, body, through = call(scope(HOST, ("Origin", "https://evil.example")), passes=True)
    assert (status, through, b"web pages" in body) == (403, [], True)


def test_a_request_with_a_secret_of_its_own_needs_no_signature():
    assert call(scope(HOST), passes=True, failure=("Code", "words"))[0] == 200


@pytest.mark.parametrize("given", [{}, {"failure": ("Code", "words")}])
def test_no_answer_lets_another_origin_read_it(given):
    _, headers, _, _ = call(scope(HOST), **given)
    assert not [name for name in headers if name.lower().startswith(b"access-control")]
    assert headers[b"cross-origin-resource-policy"] == b"same-origin"


def test_web_sockets_are_closed():
    sent, through = call(scope(HOST, kind="websocket"), passes=True)
    assert ([one["type"] for one in sent], through) == (["websocket.close"], [])
