"""What the page asks of tables: their rows, SQL over all Ponds, snapshots, versions compared, and
where they come from.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from starlette.background import BackgroundTask
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route
from typing_extensions import override

from duckstring_cli import diffing
from duckstring_cli.client import Client
from duckstring_cli.errors import BadInputError
from duckstring_cli.names_typed import Names
from duckstring_cli.page import asking, grids, operations
from duckstring_cli.page.asking import Found, OnOpen, Work

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection
    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from duckstring.model.answers.tables import PondSnapshot
    from duckstring_cli.diffing import Difference

Handler = Callable[["Request"], Awaitable[Response]]

_QUERIES = 4
"""At once: each may use all processors."""
_LONGEST_DIFF = 120.0
_PAGE = 50
"""Snapshots in one answer, as many as the Catchment gives at once."""
_MOST_NAMES = 40
_MOST_WORD = 200
_NAMES_STAY = 60.0
"""Seconds for which the names of Ponds and tables are kept."""
_TYPES = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}


class Data:
    """The handlers."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._queries = asyncio.Semaphore(_QUERIES)
        self._names = Offered(client)

    def routes(self) -> list[Route]:
        """The paths."""
        looks: dict[str, Handler] = {
            "/api/tables/{line}": self._tables,
            "/api/kept/{line}": self._kept,
            "/api/publish/{line}/{snapshot}": self._would_publish,
            "/api/rows/{line}/{table:path}": self._rows,
            "/api/diff/{line}/{table:path}": self._diff,
            "/api/lineage/{line}": self._lineage,
            "/api/lake": self._lake,
        }
        posts: dict[str, Handler] = {
            "/api/sql": self._sql,
            "/api/export": self._export,
            "/api/names": self._complete,
        }
        return [
            *(Route(path, handler, methods=["GET"]) for path, handler in looks.items()),
            *(Route(path, handler, methods=["POST"]) for path, handler in posts.items()),
        ]

    # Snapshots

    async def _tables(self, request: Request) -> Response:
        line, snapshot = request.path_params["line"], asking.whole(request, "snapshot")
        return await asking.answer(partial(operations.tables, self._client, line, snapshot))

    async def _kept(self, request: Request) -> Response:
        pond, major = operations.parsed_line(request.path_params["line"])
        before = asking.whole(request, "before")
        return await asking.answer(
            partial(self._client.kept, pond, major=major, limit=_PAGE, before=before)
        )

    async def _would_publish(self, request: Request) -> Response:
        pond, major = operations.parsed_line(request.path_params["line"])
        number = asking.whole(request, "snapshot")
        return await asking.answer(
            partial(self._client.publish, pond, major=major, snapshot=number, dry=True)
        )

    async def _lake(self, _request: Request) -> Response:
        return await asking.answer(self._client.lake)

    async def _lineage(self, request: Request) -> Response:
        # The Catchment says how many are too many.
        steps = {way: int(min(asking.number(request, way, 1), 1e9)) for way in ("up", "down")}
        table = request.query_params.get("table") or None
        line = request.path_params["line"]
        return await asking.answer(partial(operations.lineage, self._client, line, table, **steps))

    # Rows

    async def _rows(self, request: Request) -> Response:
        line, table = request.path_params["line"], request.path_params["table"]
        most = min(max(asking.number(request, "limit", 200), 1), grids.MOST_ROWS)
        number = asking.whole(request, "snapshot")

        def read(on: OnOpen) -> grids.Grid:
            snapshot = operations.tables(self._client, line, number)
            return grids.of_table(self._client, snapshot, table, int(most), on)

        return JSONResponse(await self._done(request, read))

    async def _diff(self, request: Request) -> Response:
        line, table = request.path_params["line"], request.path_params["table"]
        operations.parsed_line(line)
        numbers = asking.whole(request, "from"), asking.whole(request, "to")
        key = request.query_params.getlist("key")

        def compared(on: OnOpen) -> Difference:
            def guard(con: DuckDBPyConnection, act: Callable[[], Difference]) -> Difference:
                on(con)
                return act()

            before, after = (operations.tables(self._client, line, one) for one in numbers)
            catchment = self._client.catchment
            return diffing.compare(catchment, (before, after), table, key=key, guard=guard)

        return JSONResponse(await self._done(request, compared, within=_LONGEST_DIFF))

    async def _done(
        self, request: Request, act: Callable[[OnOpen], Found], *, within: float | None = None
    ) -> Found:
        async with self._queries:
            return await asking.done(request, act, within=within)

    # SQL over all Ponds

    async def _sql(self, request: Request) -> Response:
        body = await asking.body(request)
        limit = body.get("limit", 200)
        if isinstance(limit, bool) or not isinstance(limit, int):
            raise BadInputError("limit is a whole number.")
        asked, most = grids.asked(body), min(max(limit, 1), grids.MOST_ROWS)
        return _Lines(
            request, self._queries, lambda on: grids.of_sql(self._client, asked, most, on)
        )

    async def _export(self, request: Request) -> Response:
        body = await asking.body(request)
        kind = body.get("format")
        if not isinstance(kind, str) or kind not in _TYPES:
            raise BadInputError("format is csv or parquet.")
        asked = grids.asked(body)
        folder = ExitStack()
        path = Path(folder.enter_context(TemporaryDirectory())) / f"rows.{kind}"
        with folder:  # it goes at once if something is wrong, and otherwise once it was sent
            await self._done(request, lambda on: grids.export(self._client, asked, path, on))
            sent = BackgroundTask(folder.pop_all().close)
        return FileResponse(path, media_type=_TYPES[kind], filename=path.name, background=sent)

    async def _complete(self, request: Request) -> Response:
        word = (await asking.body(request)).get("word")
        if not isinstance(word, str) or len(word) > _MOST_WORD:
            raise BadInputError(f"word is a text of at most {_MOST_WORD} characters.")
        return await asking.answer(lambda: {"names": self._names.of(word)})


class Offered:
    """What a word may become, as in the shell of ``duckstring sql``."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._made_at = 0.0
        self._names: Names | None = None

    def of(self, word: str) -> list[str]:
        """The first names that a word may become.

        Raises:
            OperatorError: the Catchment does not answer.
        """
        now = time.monotonic()
        if self._names is None or now - self._made_at > _NAMES_STAY:
            self._names, self._made_at = Names(self), now
        found = dict.fromkeys(self._names.candidates(word, ""))
        return list(found)[:_MOST_NAMES]

    def snapshots(self) -> list[PondSnapshot]:
        """What can be read."""
        return self._client.snapshots(None)["snapshots"]

    def columns(self) -> list[str]:
        """None: each statement has a database of its own."""
        return []


class _Lines(Response):
    """Lines of JSON, sent as they come. What goes wrong before the first is a refusal."""

    media_type = "application/x-ndjson"

    def __init__(
        self,
        request: Request,
        room: asyncio.Semaphore,
        opened: Callable[[OnOpen], Generator[str, None, None]],
    ) -> None:
        super().__init__()
        self._request, self._room, self._lines_of = request, room, opened

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send them. The work ends with its reader."""
        del scope, receive
        async with self._room:
            work = Work(self._request)
            lines = self._lines_of(work.on_open)
            try:
                await self._send(work, lines, send)
            finally:
                with suppress(ValueError):  # it is at work: then it ends by itself
                    lines.close()
                work.close()

    async def _send(self, work: Work, lines: Iterator[str], send: Send) -> None:
        is_first = True
        while line := await work.do(lambda: next(lines, "")):
            if is_first:
                headers = [(b"content-type", b"application/x-ndjson; charset=utf-8")]
                await send({"type": "http.response.start", "status": 200, "headers": headers})
            is_first = False
            await send({"type": "http.response.body", "body": line.encode(), "more_body": True})
        await send({"type": "http.response.body", "body": b""})
