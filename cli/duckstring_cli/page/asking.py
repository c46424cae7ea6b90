"""What a request of the page says, checked, and work that ends when its reader has gone."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from duckstring.errors import OperatorError
from duckstring.model.instants import Instant, from_text
from duckstring_cli import durations
from duckstring_cli.errors import BadInputError
from duckstring_cli.page import operations

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection
    from starlette.requests import Request

Found = TypeVar("Found")
OnOpen = Callable[["DuckDBPyConnection"], None]

_LOOK_SECONDS = 0.25
_RETRY_SECONDS = 0.05
_DIGITS = 11
"""A number of a run has fewer."""


async def answer(look: Callable[[], Any]) -> Response:
    """What ``look`` gives, as JSON. It is called in a thread."""
    return JSONResponse(await run_in_threadpool(look))


async def body(request: Request) -> dict[str, Any]:
    """The object in a request's body.

    Raises:
        BadInputError: it is something else.
    """
    try:
        found = json.loads(await request.body())
    except (ValueError, RecursionError) as fault:
        raise BadInputError("The body is not JSON.") from fault
    if not isinstance(found, dict):
        raise BadInputError("The body is not an object.")
    return found


def number(request: Request, name: str, otherwise: float) -> float:
    """A number of the query.

    Raises:
        BadInputError: it is something else.
    """
    text = request.query_params.get(name)
    if not text:
        return otherwise
    if not (text.isascii() and text.replace(".", "", 1).isdigit()):
        raise BadInputError(f"{name}={text}: not a number.")
    return float(text)


def whole(request: Request, name: str) -> int | None:
    """A whole number of the query, from 1. None: it is not given.

    Raises:
        BadInputError: it is something else.
    """
    text = request.query_params.get(name) or request.path_params.get(name)
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < _DIGITS and int(text)):
        raise BadInputError(f"{name}={text}: not a whole number from 1.")
    return int(text)


def instant(request: Request, name: str) -> Instant | None:
    """An instant of the query. None: it is not given.

    Raises:
        BadInputError: it is something else.
    """
    text = request.query_params.get(name)
    try:
        return from_text(text) if text else None
    except ValueError as error:
        raise BadInputError(f"{name}: {error}.") from error


def run(request: Request) -> str:
    """The run of the path.

    Raises:
        BadInputError: it is none.
    """
    return operations.parsed_run(f"{request.path_params['line']}/{request.path_params['number']}")


async def while_wanted(request: Request, task: asyncio.Task[Found]) -> Found:
    """The task's result; it is cancelled if the browser goes away."""
    while not task.done():
        await asyncio.wait({task}, timeout=0.5)
        if not task.done() and await request.is_disconnected():
            task.cancel()
            raise asyncio.CancelledError
    return task.result()


class Work:
    """Work of DuckDB in a thread of its own. It is ended if its reader goes away, or takes too
    long.
    """

    def __init__(self, request: Request, *, within: float | None = None) -> None:
        """``within``: seconds at most."""
        self._request, self._within = request, within
        self._until = time.monotonic() + within if within else None
        self._opened: list[DuckDBPyConnection] = []
        self._thread = ThreadPoolExecutor(1, "rows")

    def on_open(self, con: DuckDBPyConnection) -> None:
        """Learn of a connection that the work uses."""
        self._opened.append(con)

    async def do(self, act: Callable[[], Found]) -> Found:
        """What ``act`` gives.

        Raises:
            CancelledError: its reader has gone.
            OperatorError: it took too long.
        """
        doing = self._thread.submit(act)
        waited = asyncio.wrap_future(doing)
        try:
            while not doing.done():
                await asyncio.wait({waited}, timeout=_LOOK_SECONDS)
                if not doing.done():
                    await self._check()
        except BaseException:
            await self._end(doing)
            with suppress(BaseException):
                await waited
            raise
        return await waited

    async def _check(self) -> None:
        if await self._request.is_disconnected():
            raise asyncio.CancelledError
        if self._until is not None and time.monotonic() > self._until:
            raise OperatorError(
                f"It took longer than {durations.brief(self._within or 0)} and was ended.",
                hint="In a terminal it may take as long as it needs.",
            )

    async def _end(self, doing: Future[Found]) -> None:
        """An interrupt reaches only a statement that has begun, so it is repeated."""
        while not doing.done():
            for con in self._opened:
                with suppress(Exception):  # it may be closed already
                    con.interrupt()
            await asyncio.sleep(_RETRY_SECONDS)

    def close(self) -> None:
        """Nothing more is done."""
        self._thread.shutdown(wait=False)


async def done(
    request: Request, act: Callable[[OnOpen], Found], *, within: float | None = None
) -> Found:
    """One piece of work."""
    work = Work(request, within=within)
    try:
        return await work.do(partial(act, work.on_open))
    finally:
        work.close()
