"""``duckstring status``: what the Catchment is doing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from duckstring.errors import nearest
from duckstring.model import names
from duckstring.model.answers.status import LineStatus, StatusAnswer
from duckstring.model.statuses import STATUSES
from duckstring_cli import render
from duckstring_cli.client import Client
from duckstring_cli.commands.options import (
    AsJson,
    CatchmentName,
    Major,
    OfVersion,
    SomePond,
    Tagged,
    major_of,
    open_client,
    repeated,
)
from duckstring_cli.commands.selecting import wanted
from duckstring_cli.errors import BadInputError, BrokenOffError

if TYPE_CHECKING:
    from rich.console import RenderableType

_LAST_RUNS = 5
_PAGE = 100
_LEAST = 10
_MOST = 1000


@dataclass(frozen=True, slots=True)
class Which:
    """What is looked at: a Pond, closely; or lines with ``tags`` and of ``statuses``, a page of
    ``limit`` behind ``after``, or (``every``) all of them.
    """

    pond: str | None
    major: int | None
    tags: Mapping[str, str]
    statuses: Sequence[str]
    limit: int | None
    after: str | None
    every: bool

    @property
    def is_page(self) -> bool:
        """Whether an option says that a part of all is wanted."""
        return bool(self.statuses) or self.limit is not None or self.after is not None


def status(
    pond: SomePond = None,
    once: Annotated[
        bool, typer.Option("--once", help="Print once instead of redrawing every second.")
    ] = False,
    tags: Tagged = None,
    statuses: Annotated[
        list[str] | None,
        typer.Option(
            "--status",
            "-s",
            metavar="STATUS",
            help=f"Only these, several times: {', '.join(STATUSES)}.",
            show_default=False,
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit",
            "-n",
            metavar="N",
            min=1,
            max=_MOST,
            help=f"How many at most; {_PAGE} if not given.",
            show_default=False,
        ),
    ] = None,
    after: Annotated[
        str | None,
        typer.Option("--after", metavar="PLACE", help="The next page: as the last one says."),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All lines, however many.")] = False,
    as_json: AsJson = False,
    major: Major = None,
    version: OfVersion = None,
    catchment: CatchmentName = None,
) -> None:
    """What every Pond is doing, live.

    Sources come before their Sinks. Of many, those come first that fail or move. With POND, that
    one closely: its Ripples, Sources, Sinks, budgets and last runs.
    """
    picked = major_of(major, version)
    which = Which(pond, picked, wanted(tags), _words(statuses), limit, after, every)
    _check(which)
    client, named = open_client(catchment), repeated(catchment)
    if as_json:
        render.print_json(_asked(client, which, whole=not which.is_page))
    elif once or not render.is_live():
        render.out().print(_view(client, which, whole=True, named=named))
    else:
        from duckstring_cli import live

        try:
            live.watch(lambda: _view(client, which, whole=False, named=named))
        except KeyboardInterrupt as error:
            raise BrokenOffError("Not watched any longer; the Catchment goes on.") from error


def _words(statuses: Sequence[str] | None) -> list[str]:
    for word in statuses or ():
        if word not in STATUSES:
            raise BadInputError(
                f"--status: {word!r} is not a status; it is one of {', '.join(STATUSES)}.",
                hint=nearest(word, STATUSES),
            )
    return list(dict.fromkeys(statuses or ()))


def _check(which: Which) -> None:
    if which.pond is not None and which.tags:
        raise BadInputError("Give POND or --tag, not both.", hint="Leave one of them out.")
    if which.pond is not None and (which.is_page or which.every):
        raise BadInputError(
            "--status, --limit, --after and --all go with all Ponds, not with POND.",
            hint="Leave them out.",
        )
    if which.every and (which.limit is not None or which.after is not None):
        raise BadInputError(
            "Give --all, or --limit and --after, not both.", hint="Leave one of them out."
        )
    if which.after is not None and not _is_place(which.after):
        raise BadInputError(
            f"--after: {render.one_line(which.after)!r} is not a place in a list; it looks like "
            "idle:sales@1.",
            hint="Take it from the end of the page before.",
        )


def _is_place(after: str) -> bool:
    word, _, line = after.partition(":")
    try:
        names.parse_line(names.Line(line))
    except ValueError:
        return False
    return word in STATUSES


def _asked(client: Client, which: Which, *, whole: bool, room: int = _PAGE) -> StatusAnswer:
    if which.pond is not None or ((whole or which.every) and not which.statuses):
        return client.status(which.pond, major=which.major, tags=which.tags)
    limit = _MOST if which.every else which.limit or room
    statuses = which.statuses or None
    answer = client.status_page(limit, after=which.after, statuses=statuses, tags=which.tags)
    while which.every and (page := answer.get("page")) and page["next"]:
        more = client.status_page(limit, after=page["next"], statuses=statuses, tags=which.tags)
        more["lines"] = [*answer["lines"], *more["lines"]]
        answer = {**answer, **more}
    return answer


def _view(client: Client, which: Which, *, whole: bool, named: str) -> RenderableType:
    from rich.text import Text

    from duckstring_cli import board, pond_view

    console = render.out()
    room = _PAGE if whole else min(_PAGE, max(console.height, _LEAST))
    answer = _asked(client, which, whole=False, room=room)
    if which.pond is None and (which.tags or which.is_page) and not answer["lines"]:
        return Text(_nothing(which))
    if which.pond is None:
        return board.overview(
            answer, width=console.width, height=None if whole else console.height, named=named
        )
    line = _highest(answer)
    return pond_view.detail(
        answer, line, client.runs(line["pond"], major=line["major"], limit=_LAST_RUNS), named=named
    )


def _nothing(which: Which) -> str:
    tags = " ".join(f"{key}={value}" for key, value in which.tags.items())
    if which.after is not None:
        return f"There are no lines behind {which.after}."
    if which.statuses:
        return f"No Pond{f' with {tags}' if tags else ''} is {' or '.join(which.statuses)}."
    return f"No Pond has {tags}." if tags else "Nothing is deployed yet."


def _highest(answer: StatusAnswer) -> LineStatus:
    return max(answer["lines"], key=lambda line: line["major"])
