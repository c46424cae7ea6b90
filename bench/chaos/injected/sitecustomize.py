"""Faults inside a function's process, without a word of them in the product: Python imports this
module by itself where ``PYTHONPATH`` of the function names its folder. Standard library only.

It stands between botocore and the network (``URLLib3Session.send``), and around the orchestrator's
handler. What to do is read from files, so that a running process hears of it:
``$CHAOS_RULES/<name>.json`` is one rule, ``<name>.seen.<n>`` the n-th request that it fits,
``<name>.fired.<n>`` (with when, and by which process) the n-th fault. A rule that is gone does
nothing any more.

A rule: ``role`` (of the function, ``$CHAOS_ROLE``), ``services`` and ``operations`` (empty: any),
``texts`` (all in the request), ``skip`` so many, then ``times`` do ``fault``:

    throttle       the request does not leave the process; the service's refusal comes back
    refuse         the same, with a refusal that nobody repeats (access denied)
    lost_answer    the request reaches the service; its answer does not come back
    kill_before    SIGKILL instead of the request
    kill_after     SIGKILL when the answer is there
    kill_later     the same, ``later`` requests of this thread further on
    kill_at_end    SIGKILL when the handler is about to return (operations: ``handle``)
    keep_event     the handler's event is written to ``<name>.event.<n>`` (operations: ``handle``)
"""

from __future__ import annotations

import importlib.abc
import importlib.util
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

Rule = dict[str, Any]

_THROTTLED = {
    "dynamodb": (400, "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"),
    "sqs": (403, "com.amazonaws.sqs#RequestThrottled"),
    "states": (400, "ThrottlingException"),
    "events": (400, "ThrottlingException"),
    "secretsmanager": (400, "ThrottlingException"),
}
_SERVICES = {
    "DynamoDB": "dynamodb", "AmazonSQS": "sqs", "AWSStepFunctions": "states", "AWSEvents": "events",
    "secretsmanager": "secretsmanager", "AmazonEC2ContainerServiceV20141113": "ecs",
}  # fmt: skip
_HANDLER = "functions.orchestrator.handler"
_HTTP = "botocore.httpsession"

here = threading.local()


def folder() -> Path | None:
    """Where the rules are, if this process is one of those that may be told to misbehave."""
    found = os.environ.get("CHAOS_RULES")
    return Path(found) if found and os.environ.get("CHAOS_ROLE") else None


def rules() -> Iterator[tuple[str, Rule]]:
    """Those for this process."""
    if (where := folder()) is None:
        return
    for path in sorted(where.glob("*.json")):
        with suppress(OSError, ValueError):  # it was taken away this moment
            rule = json.loads(path.read_text(encoding="utf-8"))
            if rule["role"] == os.environ["CHAOS_ROLE"]:
                yield path.stem, rule


def fits(rule: Rule, service: str, operation: str, text: str) -> bool:
    """Whether a request is one that the rule is about."""
    return (
        (not rule.get("services") or service in rule["services"])
        and (not rule.get("operations") or operation in rule["operations"])
        and all(part in text for part in rule.get("texts", ()))
    )


def due(service: str, operation: str, text: str) -> tuple[str, int, Rule] | None:
    """The first rule that strikes this request, and which of its faults this is. Counts, over
    all processes.
    """
    for name, rule in rules():
        if fits(rule, service, operation, text):
            seen = _count(name, "seen")
            if rule.get("skip", 0) < seen <= rule.get("skip", 0) + rule.get("times", 1):
                return name, seen - rule.get("skip", 0), rule
    return None


def _count(name: str, what: str) -> int:
    where, number = folder(), 1
    if where is None:
        return 0
    while True:
        try:
            os.close(os.open(where / f"{name}.{what}.{number}", os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            number += 1
        except FileNotFoundError:
            return 0
        else:
            return number


def tell(name: str, number: int, about: str) -> None:
    """The fault happens now."""
    if (where := folder()) is not None:
        (where / f"{name}.fired.{number}").write_text(
            json.dumps({"at": time.time(), "pid": os.getpid(), "about": about})
        )


def die() -> None:
    """At once; no ``finally``, no buffer is written."""
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


def named(request: Any) -> tuple[str, str, str]:
    """A request's service, operation and text."""
    target = _text(request.headers.get("X-Amz-Target", ""))
    body = _text(request.body or "") if not hasattr(request.body, "read") else ""
    if target:
        prefix, _, operation = target.partition(".")
        return _SERVICES.get(prefix.split("_")[0], prefix), operation, body
    if "Action=AssumeRole" in body:
        # A line's name is in the session's: of its @ the form is left.
        return "sts", "AssumeRole", body.replace("%40", "@")
    path = str(request.url).partition("://")[2].partition("/")[2]
    service = (
        "lambda" if "/functions/" in path else "scheduler" if path.startswith("schedules") else "s3"
    )
    return service, str(request.method), f"{path} {body[:300]}"


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes | bytearray) else str(value)


def sending(send: Callable[..., Any], errors: ModuleType) -> Callable[..., Any]:
    """``URLLib3Session.send`` with faults."""

    def chaotic(session: Any, request: Any) -> Any:
        service, operation, text = named(request)
        struck = due(service, operation, text)
        if struck is None:
            answer = send(session, request)
            _later()
            return answer
        name, number, rule = struck
        tell(name, number, f"{service}:{operation}")
        fault = rule["fault"]
        if fault in {"throttle", "refuse"}:
            return refusal(request, service, fault)
        if fault == "kill_before":
            die()
        answer = send(session, request)
        if fault == "kill_after":
            die()
        if fault == "lost_answer":
            raise errors.ReadTimeoutError(endpoint_url=request.url)
        if fault == "kill_later":
            here.left = int(rule["later"])
        return answer

    return chaotic


def _later() -> None:
    """One request further on the way to a death that was announced."""
    if (left := getattr(here, "left", None)) is not None:
        here.left = left - 1
        if here.left <= 0:
            die()


def refusal(request: Any, service: str, fault: str) -> Any:
    """What the service would have said."""
    from botocore.awsrequest import AWSResponse

    message = f"{fault} (chaos)"
    if service == "s3":
        code = (503, "SlowDown") if fault == "throttle" else (403, "AccessDenied")
        body = f"<Error><Code>{code[1]}</Code><Message>{message}</Message></Error>"
        return AWSResponse(
            request.url, code[0], {"Content-Type": "application/xml"}, _Raw(body.encode())
        )
    if service == "sts":
        code_name = "Throttling" if fault == "throttle" else "AccessDenied"
        told = f"<Error><Type>Sender</Type><Code>{code_name}</Code><Message>{message}</Message>"
        body = f"<ErrorResponse>{told}</Error></ErrorResponse>"
        return AWSResponse(request.url, 400, {"Content-Type": "text/xml"}, _Raw(body.encode()))
    status, code_name = (
        _THROTTLED.get(service, (400, "ThrottlingException"))
        if fault == "throttle"
        else (400, "AccessDeniedException")
    )
    body = json.dumps({"__type": code_name, "message": message})
    return AWSResponse(
        request.url, status, {"Content-Type": "application/x-amz-json-1.0"}, _Raw(body.encode())
    )


class _Raw:
    """What botocore reads an answer's body from."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, *_args: Any, **_named: Any) -> Iterator[bytes]:
        yield self._body


def handling(handle: Callable[..., Any]) -> Callable[..., Any]:
    """The orchestrator's handler with faults."""

    def chaotic(event: Any, context: Any) -> Any:
        here.left = None
        text = json.dumps(event)
        struck = due("function", "handle", text)
        if struck is None:
            return handle(event, context)
        name, number, rule = struck
        if rule["fault"] == "keep_event" and (where := folder()) is not None:
            (where / f"{name}.event.{number}.new").write_text(text)
            (where / f"{name}.event.{number}.new").rename(where / f"{name}.event.{number}")
            tell(name, number, "handle")
        answer = handle(event, context)
        if rule["fault"] == "kill_at_end":
            tell(name, number, "handle")
            die()
        return answer

    return chaotic


def _change(module: ModuleType) -> None:
    if module.__name__ == _HTTP:
        session = module.URLLib3Session
        session.send = sending(session.send, importlib.import_module("botocore.exceptions"))
    else:
        module.handle = handling(module.handle)  # type: ignore[attr-defined]


class Finder(importlib.abc.MetaPathFinder):
    """Changes two modules as they are imported: the paths that they come from are set later than
    this runs.
    """

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> Any:
        if name not in {_HANDLER, _HTTP}:
            return None
        sys.meta_path.remove(self)
        try:
            found = importlib.util.find_spec(name)
        finally:
            sys.meta_path.insert(0, self)
        if found is not None and found.loader is not None:
            execute = found.loader.exec_module

            def exec_and_change(module: ModuleType) -> None:
                execute(module)
                _change(module)

            found.loader.exec_module = exec_and_change  # type: ignore[method-assign]
        return found


if folder() is not None:
    sys.meta_path.insert(0, Finder())
