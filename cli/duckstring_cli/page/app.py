"""The page's server: its files, and the answers of a Catchment as JSON under ``/api``."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from duckstring.errors import AuthorError, DuckstringError, TransientError
from duckstring_cli.catchments import CatchmentNotRunningError
from duckstring_cli.client import Client
from duckstring_cli.errors import (
    AccessError,
    BadInputError,
    CatchmentRefusedError,
    NotRunningError,
    exit_code,
)
from duckstring_cli.page import asking, bodies, operating, operations
from duckstring_cli.page.bodies import Body
from duckstring_cli.page.data import Data
from duckstring_cli.page.guard import Guard, error
from duckstring_cli.page.past import Past
from duckstring_cli.page.watch import Pace, StatusWatch

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp

Handler = Callable[["Request"], Awaitable[Response]]

_PACES = {"local": Pace(busy=1.0, quiet=1.0), "aws": Pace(busy=2.0, quiet=5.0)}
"""Looks at a Catchment's status while a page waits for news. Those in AWS cost money."""
_LONGEST_WAIT = 25.0
_MOST_RUNS = 1000
_MOST_DAYS = 90
_MOST_ATTEMPT = 1e9
_MISUSE = 2


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
        client.via = "page"
        self._watch = StatusWatch(client.status, pace=_PACES[client.catchment.kind])
        self._data, self._past = Data(client), Past(client)

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
            "/api/doctor": self._doctor,
            "/api/backlog/{line}": self._backlog,
            "/api/alerts": self._alerts,
        }
        acts: dict[str, Callable[[Client, Body], Any]] = {
            "/api/trigger": operations.trigger,
            "/api/control": operations.control,
            "/api/budgets": operations.budgets,
            "/api/compute": operations.compute,
            "/api/window": operations.window,
            "/api/publish": operations.publish,
            "/api/maintenance": operating.maintenance,
            "/api/limit": operating.limit,
            "/api/priority": operating.priority,
            "/api/stale": operating.stale,
            "/api/tag": operating.tag,
            "/api/alert": operating.alert,
        }
        return [
            *(Route(path, handler, methods=["GET"]) for path, handler in looks.items()),
            *self._data.routes(),
            *self._past.routes(),
            *(Route(path, self._act(act), methods=["POST"]) for path, act in acts.items()),
            Route("/api/{rest:path}", _unknown, methods=["GET", "POST"]),
            Route("/{rest:path}", self._file, methods=["GET"]),
        ]

    # What it shows

    async def _catchment(self, _request: Request) -> Response:
        return await asking.answer(
            partial(operations.described, self._client, read_only=self._read_only)
        )

    async def _status(self, request: Request) -> Response:
        wait = min(asking.number(request, "wait", 0.0), _LONGEST_WAIT)
        newest = asyncio.create_task(
            self._watch.newest(request.query_params.get("after", ""), wait)
        )
        version, answer = await asking.while_wanted(request, newest)
        return JSONResponse({"version": version, "answer": answer})

    async def _line(self, request: Request) -> Response:
        return await asking.answer(
            partial(operations.line, self._client, request.path_params["line"])
        )

    async def _runs(self, request: Request) -> Response:
        wanted = request.query_params
        pond, major = None, None
        if text := wanted.get("pond"):
            pond, major = operations.parsed_line(text) if "@" in text else (text, None)
        limit = int(min(max(asking.number(request, "limit", 50), 1), _MOST_RUNS))
        look = partial(
            self._client.runs,
            pond,
            major=major,
            limit=limit,
            status=wanted.get("status") or None,
            since=asking.instant(request, "since"),
            until=asking.instant(request, "until"),
            before=wanted.get("before") or None,
        )
        return await asking.answer(lambda: {"runs": look()})

    async def _run(self, request: Request) -> Response:
        return await asking.answer(partial(operations.run, self._client, asking.run(request)))

    async def _cost(self, request: Request) -> Response:
        days = int(min(max(asking.number(request, "days", 7), 1), _MOST_DAYS))
        line = request.path_params["line"]
        return await asking.answer(partial(operations.cost, self._client, line, days))

    async def _logs(self, request: Request) -> Response:
        attempt = int(min(asking.number(request, "attempt", 0), _MOST_ATTEMPT)) or None
        return await asking.answer(
            partial(
                operations.logs,
                self._client,
                asking.run(request),
                request.query_params.get("ripple") or None,
                attempt,
            )
        )

    async def _doctor(self, _request: Request) -> Response:
        """In a thread, as all answers: it takes some seconds in AWS and holds nobody up."""
        return await asking.answer(partial(operations.doctor, self._client))

    async def _backlog(self, request: Request) -> Response:
        line = request.path_params["line"]
        return await asking.answer(partial(operating.backlog, self._client, line))

    async def _alerts(self, _request: Request) -> Response:
        return await asking.answer(partial(operating.alerts, self._client))

    # What it does

    def _act(self, act: Callable[[Client, Body], Any]) -> Handler:
        async def handle(request: Request) -> Response:
            body = await asking.body(request)
            if self._read_only:
                raise operations.refused_while_read_only()
            client = self._client.noted(bodies.optional_text(body, "note"))
            asked = {name: value for name, value in body.items() if name != "note"}
            answer = await run_in_threadpool(act, client, asked)
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
