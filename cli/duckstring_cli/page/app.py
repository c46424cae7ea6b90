"""The page's server: its files, and the answers of a Catchment as JSON under ``/api``."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeVar

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from duckstring.errors import AuthorError, DuckstringError, TransientError
from duckstring.model.instants import Instant, from_text
from duckstring_cli.catchments import CatchmentNotRunningError
from duckstring_cli.client import Client
from duckstring_cli.errors import (
    AccessError,
    BadInputError,
    CatchmentRefusedError,
    NotRunningError,
    exit_code,
)
from duckstring_cli.page import grids, operations
from duckstring_cli.page.guard import Guard, error
from duckstring_cli.page.watch import Pace, StatusWatch

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection
    from starlette.requests import Request
    from starlette.types import ASGIApp

Found = TypeVar("Found")
Handler = Callable[["Request"], Awaitable[Response]]

_PACES = {"local": Pace(busy=1.0, quiet=1.0), "aws": Pace(busy=2.0, quiet=5.0)}
"""Looks at a Catchment's status while a page waits for news. Those in AWS cost money."""
_LONGEST_WAIT = 25.0
_MOST_RUNS = 1000
_MOST_DAYS = 90
_MOST_ATTEMPT = 1e9
_QUERIES = 4
"""At once: each may use all processors."""
_MISUSE = 2
_TYPES = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}


def make_app(
    client: Client, files: Path, *, token: str, hosts: Iterable[str], read_only: bool = False
) -> ASGIApp:
    """The whole server.

    Args:
        client: the way to the Catchment.
        files: the folder with the built page.
        token: what each request for data must carry.
        hosts: under which names the server is reached, ports included.
        read_only: whether everything that changes something is refused.
    """
    page = _Page(client, files, read_only=read_only)
    handlers: dict[Any, Any] = {DuckstringError: _refused, Exception: _broken}
    app = Starlette(routes=page.routes(), exception_handlers=handlers)
    return Guard(app, token=token, hosts=hosts)


class _Page:
    def __init__(self, client: Client, files: Path, *, read_only: bool) -> None:
        self._client, self._files, self._read_only = client, files.resolve(), read_only
        self._watch = StatusWatch(client.status, pace=_PACES[client.catchment.kind])
        self._queries = asyncio.Semaphore(_QUERIES)

    def routes(self) -> list[Route]:
        """All paths. What is not the api's is a file, or a place in the page."""
        looks: dict[str, Handler] = {
            "/api/catchment": self._catchment,
            "/api/status": self._status,
            "/api/line/{line}": self._line,
            "/api/runs": self._runs,
            "/api/run/{line}/{number}": self._run,
            "/api/logs/{line}/{number}": self._logs,
            "/api/cost/{line}": self._cost,
            "/api/rows/{line}/{table:path}": self._rows,
            "/api/doctor": self._doctor,
        }
        acts: dict[str, Callable[[Client, operations.Body], Any]] = {
            "/api/trigger": operations.trigger,
            "/api/control": operations.control,
            "/api/budgets": operations.budgets,
            "/api/compute": operations.compute,
            "/api/window": operations.window,
        }
        return [
            *(Route(path, handler, methods=["GET"]) for path, handler in looks.items()),
            Route("/api/query", self._query, methods=["POST"]),
            Route("/api/export", self._export, methods=["POST"]),
            *(Route(path, self._act(act), methods=["POST"]) for path, act in acts.items()),
            Route("/api/{rest:path}", _unknown, methods=["GET", "POST"]),
            Route("/{rest:path}", self._file, methods=["GET"]),
        ]

    # What it shows

    async def _catchment(self, _request: Request) -> Response:
        return await _answer(partial(operations.described, self._client, read_only=self._read_only))

    async def _status(self, request: Request) -> Response:
        wait = min(_number(request, "wait", 0.0), _LONGEST_WAIT)
        newest = asyncio.create_task(
            self._watch.newest(request.query_params.get("after", ""), wait)
        )
        version, answer = await _while_wanted(request, newest)
        return JSONResponse({"version": version, "answer": answer})

    async def _line(self, request: Request) -> Response:
        return await _answer(partial(operations.line, self._client, request.path_params["line"]))

    async def _runs(self, request: Request) -> Response:
        wanted = request.query_params
        pond, major = None, None
        if text := wanted.get("pond"):
            pond, major = operations.parsed_line(text) if "@" in text else (text, None)
        limit = int(min(max(_number(request, "limit", 50), 1), _MOST_RUNS))
        look = partial(
            self._client.runs,
            pond,
            major=major,
            limit=limit,
            status=wanted.get("status") or None,
            since=_instant(request, "since"),
            until=_instant(request, "until"),
            before=wanted.get("before") or None,
        )
        return await _answer(lambda: {"runs": look()})

    async def _run(self, request: Request) -> Response:
        return await _answer(partial(operations.run, self._client, _run_of(request)))

    async def _cost(self, request: Request) -> Response:
        days = int(min(max(_number(request, "days", 7), 1), _MOST_DAYS))
        line = request.path_params["line"]
        return await _answer(partial(operations.cost, self._client, line, days))

    async def _logs(self, request: Request) -> Response:
        attempt = int(min(_number(request, "attempt", 0), _MOST_ATTEMPT)) or None
        return await _answer(
            partial(
                operations.logs,
                self._client,
                _run_of(request),
                request.query_params.get("ripple") or None,
                attempt,
            )
        )

    async def _doctor(self, _request: Request) -> Response:
        """In a thread, as all answers: it takes some seconds in AWS and holds nobody up."""
        return await _answer(partial(operations.doctor, self._client))

    # Tables

    async def _rows(self, request: Request) -> Response:
        table = request.path_params["table"]
        return await self._grid(
            request,
            request.path_params["line"],
            _number(request, "limit", 200),
            lambda snapshot, limit, on: grids.of_table(self._client, snapshot, table, limit, on),
        )

    async def _query(self, request: Request) -> Response:
        body = await _body(request)
        sql, limit = body.get("sql"), body.get("limit", 200)
        if not isinstance(sql, str) or not isinstance(limit, int):
            raise BadInputError("sql is a text, and limit a whole number.")
        return await self._grid(
            request,
            str(body.get("line")),
            limit,
            lambda snapshot, most, on: grids.of_sql(self._client, snapshot, sql, most, on),
        )

    async def _grid(
        self,
        request: Request,
        line: str,
        limit: float,
        look: Callable[[Any, int, grids.OnOpen], grids.Grid],
    ) -> Response:
        most = int(min(max(limit, 1), grids.MOST_ROWS))

        def read(on: grids.OnOpen) -> grids.Grid:
            return look(operations.tables(self._client, line), most, on)

        return JSONResponse(await self._interruptible(request, read))

    async def _export(self, request: Request) -> Response:
        body = await _body(request)
        sql, kind = body.get("sql"), body.get("format")
        if not isinstance(sql, str) or not isinstance(kind, str) or kind not in _TYPES:
            raise BadInputError("sql is a text, and format is csv or parquet.")

        folder = ExitStack()
        path = Path(folder.enter_context(TemporaryDirectory())) / f"rows.{kind}"

        def made(on: grids.OnOpen) -> None:
            snapshot = operations.tables(self._client, str(body.get("line")))
            grids.export(self._client, snapshot, sql, path, on)

        with folder:  # it goes at once if something is wrong, and otherwise once it was sent
            await self._interruptible(request, made)
            sent = BackgroundTask(folder.pop_all().close)
        return FileResponse(path, media_type=_TYPES[kind], filename=path.name, background=sent)

    async def _interruptible(
        self, request: Request, read: Callable[[grids.OnOpen], Found]
    ) -> Found:
        """A query whose reader has gone is interrupted."""
        opened: list[DuckDBPyConnection] = []
        async with self._queries:
            task = asyncio.create_task(run_in_threadpool(read, opened.append))
            try:
                return await _while_wanted(request, task)
            except asyncio.CancelledError:
                for con in opened:
                    with suppress(Exception):  # it may be closed already
                        con.interrupt()
                raise

    # What it does

    def _act(self, act: Callable[[Client, operations.Body], Any]) -> Handler:
        async def handle(request: Request) -> Response:
            body = await _body(request)
            if self._read_only:
                raise operations.refused_while_read_only()
            answer = await run_in_threadpool(act, self._client, body)
            self._watch.expire(answer.get("line") or body.get("line"))
            return JSONResponse(answer)

        return handle

    # Its files

    async def _file(self, request: Request) -> Response:
        try:
            wanted = (self._files / request.path_params["rest"]).resolve()
            is_file = wanted.is_relative_to(self._files) and wanted.is_file()
        except (OSError, ValueError):  # a name that no file can have
            wanted, is_file = self._files, False
        path = wanted if is_file else self._files / "index.html"
        # Built files are named by their contents, the page is not.
        kept = is_file and path.parent.name == "assets"
        cache = "public, max-age=31536000, immutable" if kept else "no-cache"
        return FileResponse(path, headers={"cache-control": cache})


async def _unknown(request: Request) -> Response:
    return error("NotFoundError", f"{request.url.path} is not known here.", "", status=404)


async def _answer(look: Callable[[], Any]) -> Response:
    return JSONResponse(await run_in_threadpool(look))


async def _while_wanted(request: Request, task: asyncio.Task[Found]) -> Found:
    """The task's result; it is cancelled if the browser goes away."""
    while not task.done():
        await asyncio.wait({task}, timeout=0.5)
        if not task.done() and await request.is_disconnected():
            task.cancel()
            raise asyncio.CancelledError
    return task.result()


async def _body(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.body())
    except (ValueError, RecursionError) as fault:
        raise BadInputError("The body is not JSON.") from fault
    if not isinstance(body, dict):
        raise BadInputError("The body is not an object.")
    return body


def _number(request: Request, name: str, otherwise: float) -> float:
    text = request.query_params.get(name)
    if not text:
        return otherwise
    if not (text.isascii() and text.replace(".", "", 1).isdigit()):
        raise BadInputError(f"{name}={text}: not a number.")
    return float(text)


def _instant(request: Request, name: str) -> Instant | None:
    text = request.query_params.get(name)
    try:
        return from_text(text) if text else None
    except ValueError as error:
        raise BadInputError(f"{name}: {error}.") from error


def _run_of(request: Request) -> str:
    return operations.parsed_run(f"{request.path_params['line']}/{request.path_params['number']}")


async def _refused(_request: Request, fault: Exception) -> Response:
    if not isinstance(fault, DuckstringError):
        raise fault
    kind = fault.type if isinstance(fault, CatchmentRefusedError) else type(fault).__name__
    return error(kind, fault.message, fault.hint, status=_status_of(fault))


async def _broken(_request: Request, fault: Exception) -> Response:
    """A fault of our own: the page shows it as it shows a refusal."""
    message = f"The page's server failed with {type(fault).__name__}."
    return error("InvariantError", message, "This is a bug: report it.", status=500)


def _status_of(fault: DuckstringError) -> int:
    if isinstance(fault, NotRunningError | CatchmentNotRunningError | TransientError):
        return 503
    if isinstance(fault, AccessError):
        return 403
    if isinstance(fault, BadInputError | AuthorError) or exit_code(fault) == _MISUSE:
        return 400
    return 409
