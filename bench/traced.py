"""The server of a local Catchment, with every request and invocation written down. Run by
MiniStack's own interpreter.

One JSON line an event, in ``trace.jsonl`` of the Catchment's folder; times are epoch seconds, so
that they can be laid beside the history's. Nothing here changes what the server does.
"""

from __future__ import annotations

import importlib
import json
import runpy
import sys
import threading
import time
from pathlib import Path
from typing import Any

_SERVE = Path(__file__).parents[1] / "cli" / "duckstring_cli" / "local" / "serve.py"
_WRITING = threading.Lock()


def main() -> None:
    folder = Path(sys.argv[sys.argv.index("--folder") + 1])
    out = (folder / "trace.jsonl").open("a", buffering=1)

    def tell(**event: Any) -> None:
        with _WRITING:
            out.write(json.dumps(event, default=str) + "\n")

    server = runpy.run_path(str(_SERVE))["server"]()
    _trace_requests(server, tell)
    _trace_workers(server, tell)
    server.main()


def _trace_requests(server: Any, tell: Any) -> None:
    serve = server.Server.__call__

    async def traced(self: Any, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or str(scope["path"]).startswith(
            ("/_duckstring", "/_ministack")
        ):
            await serve(self, scope, receive, send)
            return
        began, body, said = time.time(), bytearray(), {"status": 0}

        async def receive_and_keep() -> Any:
            message = await receive()
            if len(body) < 100_000:
                body.extend(message.get("body", b""))
            return message

        async def send_and_look(message: Any) -> None:
            said["status"] = message.get("status", said["status"])
            await send(message)

        await serve(self, scope, receive_and_keep, send_and_look)
        headers = {
            name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]
        }
        told = {
            "at": began,
            "seconds": time.time() - began,
            "status": said["status"],
            **_named(scope, headers, bytes(body)),
        }
        # Functions and tasks say what they run in, and their DuckDB who it is; the bench's own
        # requests come from neither.
        agents = [value for name, value in headers.items() if name.endswith("user-agent")]
        tell(
            event="request",
            ours=any(mark in agent for agent in agents for mark in ("exec-env/", "duckdb/")),
            **told,
        )

    server.Server.__call__ = traced


def _named(scope: Any, headers: dict[str, str], body: bytes) -> dict[str, str]:
    target = headers.get("x-amz-target", "")
    if not target:
        return {"service": "http", "op": scope["method"], "about": scope["path"]}
    service, _, op = target.partition(".")
    about = ""
    if service.startswith("DynamoDB"):
        about = _keys(body)
    return {"service": service.split("_")[0], "op": op, "about": about}


def _keys(body: bytes) -> str:
    """What kind of item a DynamoDB request is about: the first word of its sort key."""
    try:
        asked = json.loads(body)
    except ValueError:
        return ""
    items = [asked] + [next(iter(one.values())) for one in asked.get("TransactItems", [])]
    words = []
    for item in items:
        key = item.get("Key") or item.get("Item") or {}
        if "sk" in key:
            words.append(key["sk"]["S"].partition("#")[0])
        elif ":prefix" in item.get("ExpressionAttributeValues", {}):
            words.append(item["ExpressionAttributeValues"][":prefix"]["S"].partition("#")[0])
    return "+".join(words)


def _trace_workers(server: Any, tell: Any) -> None:
    """Once the server has set its own hand to the workers: only then is the emulator's
    environment complete.
    """
    pace = server.pace_workers

    def pace_and_trace(note: Any) -> None:
        pace(note)
        workers = importlib.import_module("duckstring_cli.local.patches.workers")
        spawn, invoke = workers.SPAWN.read(), workers.INVOKE.read()

        def spawn_traced(self: Any) -> None:
            began = time.time()
            spawn(self)
            tell(event="spawn", at=began, seconds=time.time() - began, function=self.func_name)

        def invoke_traced(self: Any, event: Any, *args: Any, **named: Any) -> Any:
            began = time.time()
            answer = invoke(self, event, *args, **named)
            told = {
                "at": began,
                "seconds": time.time() - began,
                "function": self.func_name,
                "cold": answer.get("cold_start"),
            }
            tell(event="invoke", about=_about(event), **told)
            return answer

        workers.SPAWN.replace(spawn_traced)
        workers.INVOKE.replace(invoke_traced)

    server.pace_workers = pace_and_trace


def _about(event: Any) -> Any:
    if not isinstance(event, dict):
        return ""
    if "Records" in event:
        letters = [json.loads(record["body"]) for record in event["Records"]]
        return [
            [letter.get("to"), letter.get("kind"), record["attributes"]["SentTimestamp"]]
            for letter, record in zip(letters, event["Records"], strict=True)
        ]
    return {
        name: event[name]
        for name in ("op", "line", "run", "ripple", "detail-type")
        if name in event
    }


main()
