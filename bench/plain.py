"""A small S3 server: objects are files, ranges are ranges, and nothing else is done. What reads and
writes cost over it is DuckDB's own.

    python -m bench.plain FOLDER      prints its port, and serves until its input ends
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from typing_extensions import override

COUNTS = "/-/counts"
"""Answers the bytes that were asked for since it was asked last."""


class PlainS3(ThreadingHTTPServer):
    """Buckets are folders of ``root``. ``latency``: seconds before each answer."""

    daemon_threads = True

    def __init__(self, root: Path, latency: float = 0.0) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.root, self.latency = root, latency
        self.given: Counter[str] = Counter()
        self.etags: dict[Path, str] = {}
        self.one = threading.Lock()

    @property
    def endpoint(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 20
    disable_nagle_algorithm = True
    server: PlainS3

    def do_HEAD(self) -> None:
        self._object(with_body=False)

    def do_GET(self) -> None:
        if self.path == COUNTS:
            with self.server.one:
                given, self.server.given = self.server.given, Counter()
            return self._answer(200, str(given["bytes"]).encode())
        return self._object(with_body=True)

    def do_PUT(self) -> None:
        path, query = self._named()
        body = self.rfile.read(int(self.headers["Content-Length"]))
        part = query.get("partNumber", [""])[0]
        target = path.with_name(f"{path.name}.{int(part):05d}") if part else path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(body)
        etag = self.server.etags[target] = md5(body, usedforsecurity=False).hexdigest()
        self._answer(200, headers={"ETag": f'"{etag}"'})

    def do_POST(self) -> None:
        path, query = self._named()
        self.rfile.read(int(self.headers["Content-Length"]))
        if "uploadId" in query:
            parts = sorted(path.parent.glob(f"{path.name}.[0-9][0-9][0-9][0-9][0-9]"))
            etags = bytes.fromhex("".join(map(self.server.etags.pop, parts)))
            with path.open("wb") as whole:
                for part in parts:
                    whole.write(part.read_bytes())
                    part.unlink()
            etag = md5(etags, usedforsecurity=False).hexdigest()
            self.server.etags[path] = f"{etag}-{len(parts)}"
            self._answer(200, b"<CompleteMultipartUploadResult/>")
        else:
            self._answer(200, b"<X><UploadId>u</UploadId></X>")

    def _object(self, *, with_body: bool) -> None:
        path, _ = self._named()
        time.sleep(self.server.latency)
        if not path.is_file():
            return self._answer(404)
        size = path.stat().st_size
        asked = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")
        first, last = asked[0], asked[2]
        begin, end = (int(first), int(last or size - 1)) if first else (size - int(last), size - 1)
        self.send_response(206 if "Range" in self.headers else 200)
        self.send_header("Content-Length", str(end - begin + 1))
        self.send_header("Content-Range", f"bytes {begin}-{end}/{size}")
        self.send_header("Accept-Ranges", "bytes")
        if path in self.server.etags:
            self.send_header("ETag", f'"{self.server.etags[path]}"')
        self.end_headers()
        if with_body:
            with self.server.one:
                self.server.given["bytes"] += end - begin + 1
            with path.open("rb") as file:
                file.seek(begin)
                self.wfile.write(file.read(end - begin + 1))
        return None

    def _named(self) -> tuple[Path, dict[str, list[str]]]:
        asked = urlsplit(self.path)
        query = parse_qs(asked.query, keep_blank_values=True)
        return self.server.root / unquote(asked.path).lstrip("/"), query

    def _answer(self, code: int, body: bytes = b"", headers: Any = None) -> None:
        self.send_response(code)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def serving(folder: str) -> Iterator[str]:
    """Serve a folder from a process of its own. Gives the endpoint."""
    with subprocess.Popen(
        [sys.executable, "-m", "bench.plain", folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        try:
            yield f"127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.terminate()


if __name__ == "__main__":
    server = PlainS3(Path(sys.argv[1]))
    print(server.server_address[1], flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
