"""Access to a local Catchment's server: what a web page can send is refused, signed or not."""

from __future__ import annotations

import asyncio
import hashlib

import pytest

from duckstring_cli.local.guard import (
    ACCEPTED,
    REACH,
    TARGET,
    Body,
    Guard,
    Reach,
    Request,
    fault_of,
)

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


@pytest.mark.parametrize(
    "host", ["127.0.0.1:23456", "localhost:23456", "LOCALHOST", "127.0.0.1", "localhost:9999"]
)
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


@pytest.mark.parametrize(
    "hosts", [(), (HOST, HOST), (HOST, ("Host", "evil.example")), (("Host", "evil.example"), HOST)]
)
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
        [("Upgrade", "h2c"), ("Connection", "Upgrade, HTTP2-Settings")],
        [("Upgrade", "h2c")],
        [("Upgrade", "")],
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


@pytest.mark.parametrize(
    "target", ["http://evil.example/x", "http://127.0.0.1:23456/x", "evil.example:443", "*"]
)
def test_a_target_is_a_path(target):
    assert "must be a path" in fault_of(Request.of(scope(HOST, target=target)))


def test_an_address_that_a_person_types_in_is_no_web_page():
    typed = [
        ("Sec-Fetch-Site", "none"),
        ("Sec-Fetch-Mode", "navigate"),
        ("Sec-Fetch-Dest", "document"),
    ]
    assert fault_of(Request.of(scope(HOST, *typed))) == ""


class Behind:
    """An application that keeps what it received."""

    def __init__(self):
        self.bodies, self.scopes = [], []

    async def __call__(self, _scope, receive, send):
        if _scope["type"] == "http":
            self.scopes.append(_scope)
            self.bodies.append((await receive())["body"])
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"Access-Control-Allow-Origin", b"*"), (b"etag", b"1")],
            }
        )
        await send({"type": "http.response.body", "body": b"open"})


def call(
    given, *, judged=Reach.ALL, passes=False, body=b"sent", behind=None, while_judged=lambda: None
):
    """Send a request through the guard: (the status, the headers, the body, what came through)."""
    behind, sent, parts = behind or Behind(), [], [body[:2], body[2:]]

    async def receive():
        part = parts.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(parts)}

    async def send(message):
        sent.append(message)

    async def judge(_request, read):
        await read.read()
        while_judged()
        return judged

    guard = Guard(
        behind,
        may_pass=lambda _: passes,
        judge=judge,
        refusal=lambda _, why: (403, {"X-Code": why[0]}, b"no"),
    )
    asyncio.run(guard(given, receive, send))
    if given["type"] != "http":
        return sent, behind.bodies
    return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"], behind.bodies


def test_a_signed_request_comes_through_with_the_body_that_was_looked_at():
    status, _, body, through = call(scope(HOST))
    assert (status, body, through) == (200, b"open", [b"se"])


def test_a_request_without_a_key_is_refused_before_the_application():
    status, headers, body, through = call(scope(HOST), judged=("Code", "words"))
    assert (status, headers[b"x-code"], body, through) == (403, b"Code", b"no", [])


def test_a_signature_does_not_help_a_web_page():
    status, headers, body, through = call(
        scope(HOST, ("Origin", "https://evil.example")), passes=True
    )
    assert (status, through, b"web pages" in body) == (403, [], True)
    assert headers[b"connection"] == b"close"


def test_a_request_with_a_secret_of_its_own_needs_no_signature():
    assert call(scope(HOST), passes=True, judged=("Code", "words"))[0] == 200


def test_a_secret_of_its_own_opens_its_path_and_nothing_else():
    """The emulator looks at a target, a form and the query before it looks at the path."""
    behind = Behind()
    form = ("Content-Type", "application/x-www-form-urlencoded")
    call(
        scope(
            HOST,
            ("X-Amz-Target", "secretsmanager.ListSecrets"),
            form,
            target="/v4/x?Action=ListUsers",
        ),
        passes=True,
        behind=behind,
    )
    [through] = behind.scopes
    assert (through["path"], through["query_string"], through["headers"]) == (
        "/v4/x",
        b"",
        ((b"host", HOST[1].encode()),),
    )


def test_a_header_that_comes_after_the_guard_has_looked_does_not_go_on():
    behind, given = Behind(), scope(HOST)
    call(
        given,
        behind=behind,
        while_judged=lambda: given["headers"].append(
            (b"x-amz-target", b"secretsmanager.ListSecrets")
        ),
    )
    assert [dict(one["headers"]) for one in behind.scopes] == [{b"host": HOST[1].encode()}]


@pytest.mark.parametrize("reach", list(Reach))
def test_how_far_a_request_may_reach_goes_with_it(reach):
    behind, told = Behind(), []
    call({**scope(HOST), ACCEPTED: lambda: told.append(True)}, judged=reach, behind=behind)
    assert ([one[REACH] for one in behind.scopes], told) == ([reach], [True])


def test_a_refused_request_does_not_make_its_sender_known():
    told = []
    call({**scope(HOST), ACCEPTED: lambda: told.append(True)}, judged=("Code", "words"))
    call({**scope(HOST, ("Origin", "null")), ACCEPTED: lambda: told.append(True)})
    assert told == []


def test_a_body_is_read_once_and_received_whole():
    async def both():
        sent = [
            {"type": "http.request", "body": b"ab", "more_body": True},
            {"type": "http.request", "body": b"c"},
        ]

        async def receive():
            return sent.pop(0)

        body = Body(receive)
        return await body.digest(), [(await body.receive())["body"], (await body.receive())["body"]]

    assert asyncio.run(both()) == (hashlib.sha256(b"abc").hexdigest(), [b"ab", b"c"])


@pytest.mark.parametrize("given", [{}, {"judged": ("Code", "words")}])
def test_no_answer_lets_another_origin_read_it(given):
    _, headers, _, _ = call(scope(HOST), **given)
    assert not [name for name in headers if name.lower().startswith(b"access-control")]
    assert headers[b"cross-origin-resource-policy"] == b"same-origin"


def test_web_sockets_are_closed():
    sent, through = call(scope(HOST, kind="websocket"), passes=True)
    assert ([one["type"] for one in sent], through) == (["websocket.close"], [])
