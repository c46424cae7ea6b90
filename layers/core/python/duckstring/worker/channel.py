"""Messages between an attempt's process and its parent. They are framed and checked, because the
author's code has the same descriptors.

A frame is a secret key, the length and a checksum of the body, and the body, which is JSON. Bytes
that are not a frame (written to a descriptor that was not the writer's own) are skipped.
"""

from __future__ import annotations

import json
import os
import struct
import threading
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

KEY_BYTES = 16
MOST_BYTES = 64 * 1024 * 1024
"""Of one body. An end holds the names of some hundred tables, a message and a traceback."""

_HEAD = struct.Struct(">II")
_HEAD_BYTES = KEY_BYTES + _HEAD.size

# Taken now: an author's code may replace them.
_encode = json.JSONEncoder(separators=(",", ":")).encode
_fstat, _write, _crc32, _pack = os.fstat, os.write, zlib.crc32, _HEAD.pack

Message = Mapping[str, Any]


def new_key() -> bytes:
    """A key for one attempt."""
    return os.urandom(KEY_BYTES)


def frame(key: bytes, message: Message) -> bytes:
    """The bytes of one message."""
    body = _encode(message).encode("ascii")
    return key + _pack(len(body), _crc32(body)) + body


class Writer:
    """Sends messages from the attempt's process. Threads may share it. A process that is forked
    from this one may not use it.
    """

    def __init__(self, descriptor: int, key: bytes) -> None:
        """Send on ``descriptor``, which is blocking."""
        self._descriptor, self._key = descriptor, key
        self._identity = _identity(descriptor)
        # Reentrant: an object's __del__ may print while a message is sent.
        self._lock = threading.RLock()

    def send(self, message: Message) -> None:
        """Send one message, whole.

        Raises:
            OSError: the descriptor is closed, or its number belongs to another file now.
        """
        rest = memoryview(frame(self._key, message))
        if _identity(self._descriptor) != self._identity:
            raise OSError("the descriptor has been closed")
        with self._lock:
            while rest:
                rest = rest[_write(self._descriptor, rest) :]


def _identity(descriptor: int) -> tuple[int, int]:
    found = _fstat(descriptor)
    return found.st_dev, found.st_ino


class Reader:
    """Finds the messages in what has arrived."""

    def __init__(self, key: bytes) -> None:
        """Read messages that carry ``key``."""
        self._key = key
        self._held = bytearray()
        self._wanted = 0

    def feed(self, data: bytes) -> list[Message]:
        """The messages that ``data`` completes."""
        self._held += data
        return list(self._messages(final=False)) if len(self._held) >= self._wanted else []

    def finish(self) -> list[Message]:
        """The messages in what is left. Nothing more will arrive, so an incomplete message was
        broken off.
        """
        return list(self._messages(final=True))

    def _messages(self, *, final: bool) -> Iterator[Message]:
        while True:
            start = self._held.find(self._key)
            if start < 0:
                # The last bytes may be the beginning of a key.
                del self._held[: 0 if final else max(len(self._held) - KEY_BYTES + 1, 0)]
                self._wanted = 0
                return
            del self._held[:start]
            size, checksum = (
                _HEAD.unpack_from(self._held, KEY_BYTES)
                if len(self._held) >= _HEAD_BYTES
                else (0, None)
            )
            self._wanted = _HEAD_BYTES + size
            if size <= MOST_BYTES and len(self._held) < self._wanted and not final:
                return
            body = bytes(self._held[_HEAD_BYTES : self._wanted])
            message = _parsed(body) if len(body) == size and checksum == _crc32(body) else None
            # A whole message may follow a broken one's key.
            del self._held[: KEY_BYTES if message is None else self._wanted]
            self._wanted = 0
            if message is not None:
                yield message


def _parsed(body: bytes) -> Message | None:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
