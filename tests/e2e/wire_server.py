"""An application behind the door's HTTP protocol, run by the emulator's interpreter: what it
receives it answers.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys

import uvicorn

from duckstring_cli.local.guard import ACCEPTED
from duckstring_cli.local.wire import limited_protocol


async def app(scope, receive, send):
    """Answer with what was received. By the path: before the body is read, or to somebody who
    has shown a key.
    """
    if scope["type"] != "http":
        return
    if "/known" in scope["path"]:
        scope[ACCEPTED]()
    body = b""
    if "/early" not in scope["path"]:
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
    said = json.dumps(
        [scope["path"], len(body), [name.decode() for name, _ in scope["headers"]]]
    ).encode()
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-length", str(len(said)).encode())],
        }
    )
    await send({"type": "http.response.body", "body": said})


async def serve(within: float, connections: int) -> None:
    """Print the port, and serve."""
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    protocol = limited_protocol(head_within=within, connections=connections)
    config = uvicorn.Config(
        app, http=protocol, ws="none", lifespan="off", log_level="critical", timeout_keep_alive=60
    )
    await uvicorn.Server(config).serve([listener])


asyncio.run(serve(float(sys.argv[1]), int(sys.argv[2])))
