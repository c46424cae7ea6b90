"""A queue's message says who has sent it.

Emulator: every message says that the account has sent it, and what a function receives says so
again.
AWS: a message has the id of who signed its request; of a session of a role, the role's id and the
session's name.
For us: a letter about an attempt counts only from that attempt's session.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from duckstring_cli.local.patches.declared import Foreign, Names
from duckstring_cli.local.patches.workers import INVOKE

NAMES = Names()

_BUILD = NAMES.replaced("services.sqs", "_build_send_sys_attrs", "now sys_attrs_input")
_RECEIVE = NAMES.replaced("services.sqs", "_receive_messages_for_esm", "queue_url max_number")
_SESSIONS = NAMES.value("services.sts", "_sessions", "dict")

_CREDENTIAL = re.compile(r"Credential=([^/,=\s]+)/")
_MOST_REMEMBERED = 10_000
_SENDER = "SenderId"

_key: ContextVar[str] = ContextVar("duckstring_access_key", default="")


@contextmanager
def asking(headers: Mapping[str, str]) -> Iterator[None]:
    """While a request with these headers is answered: it was signed with that key."""
    found = _CREDENTIAL.search(headers.get("authorization", ""))
    token = _key.set(found[1] if found else "")
    try:
        yield
    finally:
        _key.reset(token)


def tell_senders() -> None:
    """Write the sender into each message, and into what functions receive."""
    build, receive, invoke = _BUILD.read(), _RECEIVE.read(), INVOKE.read()
    senders: dict[str, str] = {}

    def build_with_sender(now: Foreign, given: Foreign) -> Foreign:
        built = build(now, given)
        session = _SESSIONS.read().get(key) if (key := _key.get()) else None
        return {**built, _SENDER: session["UserId"]} if session else built

    def receive_and_remember(url: Foreign, most: Foreign) -> Foreign:
        messages = receive(url, most)
        for message in messages:
            _remember(senders, message["id"], message.get("sys", {}).get(_SENDER, ""))
        return messages

    def invoke_with_senders(
        worker: Foreign, event: Foreign, *args: Foreign, **named: Foreign
    ) -> Foreign:
        for record in event.get("Records", ()) if isinstance(event, dict) else ():
            if sender := senders.pop(record.get("messageId", ""), ""):
                record["attributes"][_SENDER] = sender
        return invoke(worker, event, *args, **named)

    _BUILD.replace(build_with_sender)
    _RECEIVE.replace(receive_and_remember)
    _invoke: Callable[..., Foreign] = invoke_with_senders
    INVOKE.replace(_invoke)


def _remember(senders: dict[str, str], message: str, sender: str) -> None:
    """Few are remembered for long: a message is received right before its function is invoked."""
    senders[message] = sender
    if len(senders) > _MOST_REMEMBERED:
        senders.pop(next(iter(senders)))
