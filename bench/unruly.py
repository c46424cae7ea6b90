"""A proxy in front of an S3 emulator that behaves as a bad network does: answers come late, break
off, or say to come again.

It remembers the emulator's answers, so that ten thousand reads cost little. What it changes is when
and how far an answer comes, never what it says.
"""

from __future__ import annotations

import asyncio
import http.client
import random
import threading
from collections import Counter
from dataclasses import dataclass, field

_KEPT = ("content-length", "content-range", "content-type", "etag", "last-modified")
_END = b"\r\n\r\n"


@dataclass(frozen=True)
class Weather:
    """How likely each fault is, for each request. ``delay``: the longest, in seconds."""

    late: float = 0.3
    delay: float = 0.03
    busy: float = 0.03
    reset: float = 0.02
    cut: float = 0.02


@dataclass
class Answer:
    """What the emulator has said."""

    status: int
    reason: str
    headers: dict[str, str]
    body: bytes

    def head(self) -> bytes:
        lines = [f"HTTP/1.1 {self.status} {self.reason}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, "accept-ranges: bytes", "", ""]).encode()


@dataclass
class Unruly:
    """The proxy. ``told`` counts requests and faults by kind."""

    target: str
    weather: Weather
    seed: int = 0
    port: int = 0
    told: Counter[str] = field(default_factory=Counter)
    _known: dict[tuple[str, str, str], Answer] = field(default_factory=dict)

    def start(self) -> Unruly:
        self._random, ready = random.Random(self.seed), threading.Event()
        self._loop = asyncio.new_event_loop()

        def run() -> None:
            asyncio.set_event_loop(self._loop)
            server = self._loop.run_until_complete(
                asyncio.start_server(self._serve, "127.0.0.1", 0)
            )
            self.port = server.sockets[0].getsockname()[1]
            ready.set()
            self._loop.run_forever()

        threading.Thread(target=run, daemon=True).start()
        ready.wait()
        return self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(_END)).decode("latin-1")
        first, *lines = head.split("\r\n")
        method, path, _ = first.split(" ")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines)
            if name
        }
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        self.told[method] += 1
        answer = await self._answer(method, path, headers, body)
        return await self._send(method, answer, writer)

    async def _send(self, method: str, answer: Answer, writer: asyncio.StreamWriter) -> bool:
        """With the faults of the weather. False: the connection is broken off."""
        fate = self._random.random
        if fate() < self.weather.late:
            self.told["late"] += 1
            await asyncio.sleep(fate() * self.weather.delay)
        if fate() < self.weather.reset:
            self.told["reset"] += 1
            writer.transport.abort()
            return False
        if fate() < self.weather.busy:
            self.told["busy"] += 1
            writer.write(b"HTTP/1.1 503 Slow Down\r\ncontent-length: 0\r\n\r\n")
            await writer.drain()
            return True
        body = b"" if method == "HEAD" else answer.body
        if body and fate() < self.weather.cut:
            self.told["cut"] += 1
            writer.write(answer.head() + body[: int(len(body) * fate())])
            await writer.drain()
            writer.close()
            return False
        writer.write(answer.head() + body)
        await writer.drain()
        return True

    async def _answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        known = (method, path, headers.get("range", ""))
        if method in {"GET", "HEAD"} and known in self._known:
            return self._known[known]
        asked = await asyncio.to_thread(self._ask, method, path, headers, body)
        if method in {"GET", "HEAD"} and asked.status < http.client.BAD_REQUEST:
            self._known[known] = asked
        return asked

    def _ask(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        connection = http.client.HTTPConnection(self.target, timeout=60)
        try:
            connection.request(method, path, body or None, headers)
            told = connection.getresponse()
            content = told.read()
            kept = {name: told.headers[name] for name in _KEPT if name in told.headers}
            if method != "HEAD":
                kept["content-length"] = str(len(content))
            return Answer(told.status, told.reason, kept, content)
        finally:
            connection.close()
