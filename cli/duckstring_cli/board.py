"""The status of a Catchment, a row for each line. Decides what to show, and makes no requests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from duckstring.model.answers.common import HoldTold
from duckstring.model.answers.status import (
    FailureRow,
    LineStatus,
    StatusAnswer,
)
from duckstring.model.statuses import UNREST
from duckstring_cli import durations, limits_view, render
from duckstring_cli.line_words import (
    DEMAND_PART,
    DOWN,
    NAME_LEAST,
    NAME_NARROW,
    by_whom,
    demand,
    doing,
    failed_where,
    in_order,
    shown_name,
    too_old,
    tried_again,
    trigger,
    way_out,
)
from duckstring_cli.render import NARROW

_NEEDS_A_LOOK: Mapping[str, int] = {status: rank for rank, status in enumerate(UNREST)}
_WHY_LINES = 2
_WHY_SLACK = 40
_MOST_TROUBLES = 3
_MOST_LIMITS = 3
_NAME_WIDE = 48
_NOT_NAME = 44


def overview(
    answer: StatusAnswer, *, width: int, height: int | None = None, named: str = ""
) -> RenderableType:
    """Every line of the Catchment, one row each, and in full why anything is down. Fits
    ``height`` if given.
    """
    lines = in_order(answer["lines"])
    if not lines:
        return Text.from_markup(
            "Nothing is deployed yet. Try: [bold]duckstring pond demo[/], then [bold]duckstring "
            "deploy --all[/]"
        )
    why = list(
        troubles(
            lines,
            answer["now"],
            most=None if height is None else _WHY_LINES * width - _WHY_SLACK,
            named=named,
        )
    )
    shown, untold = (
        (why, 0) if height is None else (why[:_MOST_TROUBLES], len(why[_MOST_TROUBLES:]))
    )
    limits = limits_view.in_status(answer, named=named)[: None if height is None else _MOST_LIMITS]
    below = len(shown) * (_WHY_LINES + 1) + (len(limits) * _WHY_LINES + 1 if limits else 0)
    above = 2 if answer.get("maintenance") else 0
    room = None if height is None else max(height - 4 - above - below, 5)
    chosen, left_out = _fit(lines, room)
    hold = answer.get("maintenance")
    parts: list[RenderableType] = [maintenance(hold), Text("")] if hold else []
    elsewhere = _elsewhere(answer)
    parts.append(_table(chosen, lines, answer["now"], width, is_part=bool(elsewhere)))
    if left_out or elsewhere:
        ways = _ways(answer, is_cut=bool(left_out), named=named)
        parts.append(Text(f"… and {hidden(left_out, elsewhere)} ({ways})", style="dim"))
    if shown:
        parts += [Text(""), *shown]
    if untold:
        parts.append(Text(f"… and {untold} more failed", style="red"))
    if limits:
        parts += [Text(""), *limits]
    return Group(*parts)


def _fit(lines: list[LineStatus], room: int | None) -> tuple[list[LineStatus], list[LineStatus]]:
    """What is shown and what is not: what runs or is down stays before what waits, and that
    before what rests.
    """
    if room is None or len(lines) <= room:
        return lines, []
    by_need = sorted(lines, key=lambda line: _NEEDS_A_LOOK.get(_word(line), len(_NEEDS_A_LOOK)))
    kept = {line["line"] for line in by_need[:room]}
    return [line for line in lines if line["line"] in kept], [
        line for line in lines if line["line"] not in kept
    ]


def hidden(lines: Sequence[LineStatus], elsewhere: Mapping[str, int] | None = None) -> str:
    """``23 more, 18 of them waiting``; ``23 more at rest``. ``elsewhere``: how many lines of each
    status are on no line of the answer.
    """
    statuses: Counter[str] = Counter(map(_word, lines))
    statuses.update(elsewhere or {})
    counts = [
        f"{statuses[status]:,} of them {status}" for status in _NEEDS_A_LOOK if statuses[status]
    ]
    more = f"{statuses.total():,} more"
    return f"{more}, {', '.join(counts)}" if counts else f"{more} at rest"


def _word(line: LineStatus) -> str:
    return "stale" if line["status"] == "idle" and too_old(line) else line["status"]


def _elsewhere(answer: StatusAnswer) -> Mapping[str, int]:
    """How many lines of each status are on other pages. The counts are of a moment earlier than
    the lines.
    """
    page = answer.get("page")
    if page is None:
        return {}
    return Counter(page["totals"]) - Counter(map(_word, answer["lines"]))


def _ways(answer: StatusAnswer, *, is_cut: bool, named: str) -> str:
    """How to see what is not shown."""
    page = answer.get("page")
    if page is None:
        return f"all of them: duckstring status --once{named}"
    every = f"all: duckstring status --once --all{named}"
    if is_cut or page["next"] is None:
        return every
    return f"next page: --after {page['next']}; {every}"


def _table(
    chosen: list[LineStatus],
    lines: list[LineStatus],
    now: str,
    width: int,
    *,
    is_part: bool = False,
) -> Table:
    """``is_part``: there are more lines, maybe other majors of a Pond."""
    narrow = width < NARROW
    asked = any(_wants(line) for line in lines)
    headers = [
        "POND",
        *([] if narrow else ["VERSION"]),
        "STATUS",
        "AGE",
        *(["DEMAND"] if asked else []),
        "NOW",
    ]
    made = render.table(*headers, right=("AGE",), last="cut")
    # STATUS and AGE stay whole: what is long gives way before them.
    name_room = min(NAME_NARROW, max(NAME_LEAST, width - _NOT_NAME)) if narrow else _NAME_WIDE
    demand_room = max(NAME_LEAST, width // DEMAND_PART) if narrow else width

    def fitted(text: str, room: int) -> str:
        return render.shorten(text, room) if made.expand else text

    for line in chosen:
        name = line["line"] if is_part else shown_name(line, lines)
        cells: list[str | Text] = [fitted(name, name_room)]
        cells += [] if narrow else [Text(line["version"] or "", style="dim")]
        cells += [
            render.word(line["status"]),
            durations.age(line["staleness_seconds"]),
            *([fitted(_wants(line), demand_room)] if asked else []),
        ]
        made.add_row(*cells, Text(doing(line, now), style="red" if line["status"] in DOWN else ""))
    return made


def _wants(line: LineStatus) -> str:
    """Demand and the trigger that makes it: ``push``, ``pull, wave``, ``tide 1d``."""
    return ", ".join(filter(None, (demand(line), trigger(line))))


def troubles(lines: list[LineStatus], now: str, *, most: int | None, named: str) -> Iterator[Text]:
    """What is wrong with these lines, and what helps. ``most``: characters of each that are
    shown; None: all. ``named``: the option that names the Catchment in commands.
    """
    for line in lines:
        if line["status"] == "failed" and line["failure"]:
            yield _trouble(line, line["failure"], now, most=most, named=named)
        elif line["status"] == "killed":
            yield _killed(line, named)


def _killed(line: LineStatus, named: str) -> Text:
    return Text.assemble(
        (f"✗ {line['line']}", "bold magenta"),
        " was killed",
        (f"\n  {way_out(line, named)}", "bold"),
    )


def _trouble(
    line: LineStatus, failure: FailureRow, now: str, *, most: int | None = None, named: str
) -> Text:
    text = Text.assemble(
        (f"✗ {line['line']}", "bold red"),
        (
            f" {failed_where(failure)}: "
            f"{render.error_text(failure['error'], render.one_line(failure['message']))}"
        ),
    )
    if most is not None:
        text.truncate(max(most, _WHY_SLACK), overflow="ellipsis")
    if again := tried_again(line, now):
        text.append(f" · {again}")
    if failure["run"]:
        text.append(f"\n  duckstring run show {failure['run']}{named}", style="bold")
    return text


def maintenance(hold: HoldTold) -> Text:
    """That new runs are held: above everything else."""
    return Text.assemble(
        ("Maintenance: no run starts", "bold yellow"), f", {by_whom(hold)}", overflow="fold"
    )
