"""What the page asks of causes and of the past: why a line runs or does not, which letters it took,
and who changed what.

An answer may read the states or the journals of many lines. So the page asks when its reader opens
one, and never by itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import Route

from duckstring.model.instants import Instant, to_text
from duckstring_cli import hints
from duckstring_cli.client import Client
from duckstring_cli.errors import BadInputError
from duckstring_cli.page import asking, operations
from duckstring_cli.releases import newer_operation

if TYPE_CHECKING:
    from starlette.requests import Request

    from duckstring.model.answers.operated import AuditAnswer
    from duckstring.model.answers.replay import ReplayAnswer
    from duckstring.model.answers.why import Way, WhyAnswer

Handler = Callable[["Request"], Awaitable[Response]]

_USUAL = timedelta(hours=1)
"""How far a replay goes back if nothing else was asked for, as that of the command."""
_PAGE = 50
_MOST_CHANGES = 200
_LONGEST = 200
"""Characters of a name to look for, and of the place in a journal where to go on."""


class Past:
    """The handlers."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def routes(self) -> list[Route]:
        """The paths."""
        looks: dict[str, Handler] = {
            "/api/why/{line}": self._why,
            "/api/replay/{line}": self._replay,
            "/api/audit": self._audit,
        }
        return [Route(path, handler, methods=["GET"]) for path, handler in looks.items()]

    async def _why(self, request: Request) -> Response:
        line, at = request.path_params["line"], asking.instant(request, "at")
        return await asking.answer(partial(why, self._client, line, at))

    async def _replay(self, request: Request) -> Response:
        since, until = (asking.instant(request, name) for name in ("from", "until"))
        after = _short(request, "after")
        line = request.path_params["line"]
        return await asking.answer(
            partial(replay, self._client, line, since=since, until=until, after=after)
        )

    async def _audit(self, request: Request) -> Response:
        """Who asked for which changes, newest first."""
        ask = partial(
            self._client.audit,
            _short(request, "pond"),
            by=_short(request, "by"),
            since=asking.instant(request, "since"),
            before=asking.instant(request, "before"),
            limit=int(min(max(asking.number(request, "limit", _PAGE), 1), _MOST_CHANGES)),
        )

        def look() -> AuditAnswer:
            with newer_operation(self._client, "does not keep who changed what"):
                return ask()

        return await asking.answer(look)


def why(client: Client, wanted: str, at: Instant | None) -> WhyAnswer:
    """Why a line runs now or does not, or did ``at`` an instant. The commands in it name the
    Catchment, where that of the page's start did.
    """
    pond, major = operations.parsed_line(wanted)
    with newer_operation(client, "does not say why"):
        answer = client.why(pond, major=major, at=to_text(at) if at else None)
    chain = [
        {**line, "causes": [{**cause, "ways": _typed(cause["ways"])} for cause in line["causes"]]}
        for line in answer["chain"]
    ]
    return {**answer, "chain": chain, "ways": _typed(answer["ways"])}  # type: ignore[typeddict-item] # the same shapes, spread


def replay(
    client: Client,
    wanted: str,
    *,
    since: Instant | None,
    until: Instant | None,
    after: str | None,
) -> ReplayAnswer:
    """Some of what a line was told between two instants. ``after``: the ``next`` of the answer
    before.

    Raises:
        BadInputError: the first instant is not before the last.
    """
    pond, major = operations.parsed_line(wanted)
    last = until or datetime.now(UTC)
    first = since or last - _USUAL
    if first >= last:
        raise BadInputError(
            f"from {_minute(first)} is not before until {_minute(last)}.",
            hint="Choose an earlier beginning, or a later end.",
        )
    with newer_operation(client, "keeps no journals"):
        return client.replay_page(
            pond,
            major=major,
            since=to_text(first),
            until=to_text(until) if until else None,
            after=after,
        )


def _typed(ways: list[Way]) -> list[Way]:
    return [
        {**way, "command": hints.addressed(way["command"]) if way["command"] else None}
        for way in ways
    ]


def _minute(at: Instant) -> str:
    return f"{to_text(at)[:19]}Z"


def _short(request: Request, name: str) -> str | None:
    """A text of the query. None: it is not given.

    Raises:
        BadInputError: it is longer than anything that it can name.
    """
    text = request.query_params.get(name) or None
    if text and len(text) > _LONGEST:
        raise BadInputError(f"{name}: {len(text)} characters; at most {_LONGEST} are allowed.")
    return text
