"""Windows in the terminal: the rules, and what opens next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from duckstring.model.answers.status import Opening, WindowTold
from duckstring_cli import durations, render

_SHOWN = 5
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def window_view(windows: Sequence[WindowTold], now: str) -> RenderableType:
    """The rules, and the next five openings of all of them."""
    # In a narrow terminal the words of a rule would have a column of a few characters.
    is_narrow = render.out().is_terminal and render.out().width < render.NARROW
    parts: list[RenderableType] = [window_table(windows, now, with_rules=not is_narrow)]
    if is_narrow:
        parts += [Text(""), *(Text(f"{held['name']}: {render.rule(held)}") for held in windows)]
    coming = sorted(_openings(windows), key=lambda one: one[1]["start"])[:_SHOWN]
    if coming:
        parts += [Text(""), _openings_table(coming, now)]
    return Group(*parts)


def _openings(windows: Sequence[WindowTold]) -> Iterator[tuple[str, Opening]]:
    """A Catchment of an older version tells the next one alone."""
    for held in windows:
        first = held["next"]
        told: list[Opening] = [{**first, "local": None}] if first else []
        yield from ((held["name"], one) for one in held.get("upcoming", told))


def _openings_table(coming: Sequence[tuple[str, Opening]], now: str) -> Table:
    has_zone = any(one["local"] for _, one in coming)
    made = render.table("NEXT", "IN", "FOR", *(["LOCAL"] if has_zone else []), "WINDOW")
    for name, one in coming:
        made.add_row(
            render.moment(one["start"]),
            durations.ahead(render.between(now, one["start"])),
            durations.ahead(render.between(one["start"], one["end"])),
            *([local(one)] if has_zone else []),
            name,
        )
    return made


def local(opening: Opening) -> str:
    """When it begins by the clock of its zone: ``Tue 06:00 +01:00``; empty: it has none."""
    text = opening["local"]
    if text is None:
        return ""
    at = datetime.fromisoformat(text)
    clock = f"{at:%H:%M:%S}" if at.second else f"{at:%H:%M}"
    return f"{_DAYS[at.weekday()]} {clock} {text[19:]}"


def window_table(windows: Sequence[WindowTold], now: str, *, with_rules: bool = True) -> Table:
    """Rules: in words, what is open, what opens next, and what carries them."""
    headers = ["WINDOW", "OPEN", "OPENS NEXT", "CARRIED BY"]
    made = render.table(*headers, "RULE", last="wrapped") if with_rules else render.table(*headers)
    for held in windows:
        opened, coming = held["open"], held["next"]
        until = f"for {durations.ahead(render.between(now, opened['end']))}" if opened else "no"
        then = (
            f"{render.moment(coming['start'])} (in "
            f"{durations.ahead(render.between(now, coming['start']))})"
            if coming
            else "never"
        )
        made.add_row(
            held["name"],
            render.word("running" if opened else "idle", until),
            then,
            held["carried_by"],
            *([render.rule(held)] if with_rules else []),
        )
    return made
