"""Words out: consoles, tables that stay readable when piped, progress on stderr.

Every command imports this module, also where it only shows its help: what needs rich or the rules
for foreign text (``screens.py``, ``model/foreign.py``) is imported in the functions.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from duckstring.model.instants import NEVER, from_text
from duckstring_cli import durations, hints

if TYPE_CHECKING:
    from datetime import datetime

    from rich.console import Console
    from rich.live import Live
    from rich.table import Table
    from rich.text import Text

    from duckstring.errors import DuckstringError
    from duckstring.model.answers.status import WindowTold
    from duckstring.model.answers.tables import OlderTable

_PIPED_WIDTH = 10_000
_EXCERPT = 200
NARROW = 100

STYLES = {
    "idle": "green", "success": "green", "done": "green", "pass": "green dim",
    "running": "cyan", "queued": "cyan dim", "waiting": "yellow",
    "failed": "bold red", "crashed": "red", "lost": "red", "killed": "magenta", "blocked": "red",
    "check": "bold red",
    "undeployed": "dim", "overran": "yellow", "memory": "yellow", "paused": "cyan dim",
}  # fmt: skip


def out() -> Console:
    """Standard output. Piped, it is plain text and nothing is cut or wrapped."""
    return _console(stderr=False)


def err() -> Console:
    """Standard error: progress, hints, refusals."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    from duckstring_cli.screens import Harmless

    stream = sys.stderr if stderr else sys.stdout
    return Harmless(
        stderr=stderr,
        width=None if stream.isatty() else _PIPED_WIDTH,
        highlight=False,
        emoji=False,  # :x: is what somebody wrote
        soft_wrap=False,
    )


def lines(text: str) -> str:
    """Text of others, with its line ends. Rich drops some control codes without a trace: they
    are to be seen.
    """
    from duckstring.model.foreign import for_terminal

    return for_terminal(text, lines=True)


def escape(text: str) -> str:
    """Text of others, such that nothing in it is rich's markup."""
    from rich.markup import escape as escaped

    return escaped(text)


def is_live() -> bool:
    """Does a person look at a terminal that can redraw?"""
    return out().is_terminal and not out().is_dumb_terminal


def table(
    *headers: str, right: Sequence[str] = (), last: Literal["whole", "cut", "wrapped"] = "whole"
) -> Table:
    """A table without lines: reads in a terminal, greps in a pipe.

    ``last`` says what becomes of the last column where the terminal is too narrow; the others stay
    whole as long as they can.
    """
    from duckstring_cli.screens import Rows

    gives_way = last != "whole" and out().is_terminal
    made = Rows(
        box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold dim", expand=gives_way
    )
    for header in headers:
        made.add_column(
            header,
            justify="right" if header in right else "left",
            no_wrap=True,
            overflow="ellipsis",
        )
    if gives_way:
        made.columns[-1].ratio = 1
        made.columns[-1].no_wrap = last == "cut"
        made.columns[-1].overflow = "ellipsis" if last == "cut" else "fold"
    return made


def shorten(text: str, most: int) -> str:
    """At most so many characters; what is left out is in the middle, for names differ at their
    ends.
    """
    if len(text) <= most:
        return text
    head = (most - 1) // 2
    return f"{text[:head]}…{text[len(text) - (most - 1 - head) :]}"


def word(status: str, text: str | None = None) -> Text:
    """A status in its colour."""
    from rich.text import Text

    return Text(text or status, style=STYLES.get(status, ""))


def refuse(error: DuckstringError) -> None:
    """One line (or one for each fault), the author's traceback if there is one, and what to do."""
    from rich.text import Text

    console = err()
    whole = not console.is_terminal  # a terminal breaks between words, a pipe gets one line
    for line in filter(str.strip, lines(hints.addressed(error.message)).splitlines()):
        console.print(f"[bold red]error[/]: {escape(line)}", soft_wrap=whole)
    if traceback := getattr(error, "traceback", ""):
        console.print(Text(lines(traceback).rstrip()), soft_wrap=True)
    for line in lines(hints.addressed(error.hint)).splitlines():
        console.print(f"[bold]hint[/]: {escape(line)}", soft_wrap=whole)


def warn(text: str) -> None:
    """Something that did not stop the work."""
    err().print(f"[yellow]warning[/]: {escape(lines(hints.addressed(text)))}", soft_wrap=True)


def note(text: str) -> None:
    """Something beside the answer, such as what to type next."""
    from rich.text import Text

    err().print(Text(lines(hints.addressed(text)), style="dim"), soft_wrap=True)


def say(text: str) -> None:
    """A line on stdout with rich's markup. Escape what users wrote."""
    out().print(text, soft_wrap=True)


def print_json(value: object) -> None:
    """The same answer for programs."""
    from duckstring.model.foreign import json_text

    sys.stdout.write(json_text(value, indent=2) + "\n")


def count(rows: int | None) -> str:
    """``336,776``."""
    return "" if rows is None else f"{rows:,}"


def size(number: int | None) -> str:
    """``12.3 MB``."""
    if number is None:
        return ""
    value, units = float(number), iter(("B", "kB", "MB", "GB", "TB"))
    unit = next(units)
    while value >= 1000 and unit != "TB":  # noqa: PLR2004
        value, unit = value / 1000, next(units)
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"


def table_age(table: OlderTable, now: str) -> str:
    """``refunds: as of 3d ago, last written by run sales@1/12 of version 1.0.0``."""
    age = between(table["as_of"], now)
    as_of = f"as of {durations.age(age)} ago, " if age is not None else ""
    of = f" of version {table['version']}" if table["version"] else ""
    return f"{table['table']}: {as_of}last written by run {table['written_in']}{of}"


def place(task_mib: int) -> str:
    """Where an attempt runs: ``in the function``, ``as a task of 16 GB``."""
    return f"as a task of {task_mib // 1024} GB" if task_mib else "in the function"


def first_of(names: Sequence[str]) -> str:
    """``sales@1/42 and 2 more``."""
    return f"{names[0]} and {len(names) - 1} more" if len(names) > 1 else "".join(names)


def moment(text: str | None) -> str:
    """An instant to the second, UTC: ``2030-01-01 12:00:00Z``."""
    instant = read_instant(text)
    return f"{instant:%Y-%m-%d %H:%M:%SZ}" if instant else "never"


def until(text: str, now: str) -> str:
    """An instant that is to come: ``12:00:30Z``; with its date where that is not today's."""
    shown = moment(text)
    return shown.partition(" ")[2] if shown[:10] == moment(now)[:10] else shown


def read_instant(text: str | None) -> datetime | None:
    """The instant, None for NEVER and for nothing."""
    instant = from_text(text) if text else NEVER
    return None if instant == NEVER else instant


def between(start: str | None, end: str | None) -> float | None:
    """Seconds from one instant to another, None if either is missing."""
    first, last = read_instant(start), read_instant(end)
    return (last - first).total_seconds() if first and last else None


def rule(window: WindowTold) -> str:
    """A Window's rule in words. A Catchment of an older version has only rules that the command can
    put in words.
    """
    if words := window.get("words"):
        return words
    from datetime import timedelta

    from duckstring.model.windows import Window, in_words

    until = read_instant(window["until"])
    every, duration = timedelta(seconds=window["every"]), timedelta(seconds=window["duration"])
    return in_words(
        Window(
            window["name"],
            from_text(window["start"]),
            every,
            duration,
            frozenset(window["on"]),
            until,
        )
    )


def one_line(text: str | None) -> str:
    """An excerpt for views: the first line that says something, and no more of it than a row can
    hold.
    """
    first = next((line.strip() for line in lines(text or "").splitlines() if line.strip()), "")
    return first if len(first) <= _EXCERPT else f"{first[: _EXCERPT - 1]}…"


def error_text(error: str | None, message: str | None) -> str:
    """``ValueError: no rows``; no colon where there is nothing on one of its sides."""
    return lines(": ".join(filter(None, (error, message))))


class Part(str):
    """What long work calls ``OnStep`` with for a part of the step under way."""

    __slots__ = ()


class Steps:
    """Progress of long work: how long each step took, and which part of it is under way.

    For people the step under way is one line that counts its seconds. In a pipe each part is a line
    as it begins, and each step one as it ends.
    """

    def __init__(self) -> None:
        self._console = err()
        self._name, self._part, self._began = "", "", 0.0
        self._live = _line(self._console, self._now) if self._console.is_terminal else None
        self.took: list[tuple[str, float]] = []

    def __call__(self, name: str) -> None:
        """The next step begins, and the one before it is done; or a part of a step begins."""
        if isinstance(name, Part):
            self._part = lines(name)
            if self._name and not self._live:
                self._console.print(f"  [dim]{escape(self._part)}[/]", soft_wrap=True)
            return
        self.done()
        self._name, self._part, self._began = lines(name), "", time.monotonic()
        if self._live:
            self._live.start()

    def done(self) -> None:
        """The step under way, if any, is done."""
        if self._name:
            self._close("[green]✓[/]")

    def failed(self) -> None:
        """The step under way did not work out."""
        if self._name:
            self._close("[red]✗[/]")

    def _now(self) -> str:
        part = f" · {self._part}" if self._part else ""
        return f"{self._name} {durations.age(time.monotonic() - self._began)}{part}"

    def _close(self, mark: str) -> None:
        seconds = time.monotonic() - self._began
        if self._live:
            self._live.stop()
        self._console.print(
            f"{mark} {escape(self._name)} [dim]{durations.brief(seconds)}[/]", soft_wrap=True
        )
        self.took.append((self._name, seconds))
        self._name = ""


def _line(console: Console, now: Callable[[], str]) -> Live:
    """A spinner and what ``now`` gives, read anew each time; cut where the screen ends."""
    from rich.live import Live
    from rich.spinner import Spinner
    from rich.text import Text

    spinner = Spinner("dots", style="green")

    def shown() -> Text:
        mark = spinner.render(time.monotonic())
        assert isinstance(mark, Text)  # noqa: S101 - a spinner without words
        return Text.assemble(mark, " ", now(), no_wrap=True, overflow="ellipsis")

    return Live(console=console, get_renderable=shown, refresh_per_second=8, transient=True)


@contextmanager
def steps() -> Iterator[Steps]:
    """Steps that end with the block: well, or badly."""
    made = Steps()
    try:
        yield made
    except BaseException:
        made.failed()
        raise
    made.done()


OnStep = Callable[[str], None]
"""What long work calls with the name of each step as it begins; a ``Part`` of it likewise."""
