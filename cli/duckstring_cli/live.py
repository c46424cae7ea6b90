"""Views that follow a Catchment: redrawn for a person, lines for a pipe."""

from __future__ import annotations

import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.text import Text

from duckstring.errors import DuckstringError
from duckstring.model.answers.status import LineStatus, StatusAnswer
from duckstring_cli import board, durations, line_words, render
from duckstring_cli.client import Client
from duckstring_cli.follow import Event, Follower, Goal, Verdict
from duckstring_cli.screens import Rows

REFRESH_SECONDS = 1.0
FOLLOW_SECONDS = 0.3
_SETTLE_POLLS = 10
_LOCAL_MODES = 3
"""Of what ``tcgetattr`` gives."""
_WORDS = {"pass": "passed: nothing new in its Sources"}
_MARKS = {
    "done": ("✓", "green"),
    "pass": ("✓", "green"),
    "failed": ("✗", "red"),
    "crashed": ("✗", "red"),
    "lost": ("✗", "red"),
    "killed": ("✗", "magenta"),
}


@contextmanager
def quiet_keys() -> Iterator[None]:
    """Within the block the terminal does not echo what is typed: ``^C`` behind a full last line
    would break the view in two.
    """
    try:
        keys = sys.stdin.fileno()
        before = termios.tcgetattr(keys)
    except (OSError, ValueError, termios.error):  # no terminal
        yield
        return
    quiet = [*before]
    quiet[_LOCAL_MODES] &= ~termios.ECHO
    termios.tcsetattr(keys, termios.TCSANOW, quiet)
    try:
        yield
    finally:
        termios.tcsetattr(keys, termios.TCSANOW, before)


def watch(read: Callable[[], RenderableType]) -> None:
    """Redraw what ``read`` gives every second until Ctrl-C. A bad answer is shown below the last
    good view.
    """
    console = render.out()
    shown = read()
    with (
        quiet_keys(),
        Live(shown, console=console, auto_refresh=False, vertical_overflow="crop") as live,
    ):
        live.refresh()
        while True:
            time.sleep(REFRESH_SECONDS)
            try:
                shown = read()
                live.update(shown, refresh=True)
            except DuckstringError as error:
                live.update(
                    Group(
                        shown,
                        Text(
                            f"\nlast answer above; now: {render.lines(error.message)}", style="red"
                        ),
                    ),
                    refresh=True,
                )


class Screen(Protocol):
    """Where the progress of a trigger is shown."""

    def show(self, follower: Follower, events: list[Event]) -> None:
        """What is new."""

    def close(self) -> None:
        """No more news."""


def follow(
    client: Client, goal: Goal, before: StatusAnswer, *, sleep: Callable[[float], None] = time.sleep
) -> tuple[Verdict, Follower]:
    """Show what a trigger sets off until its goal is reached or out of reach (or Ctrl-C, if it
    is endless).
    """
    follower = Follower(goal, client.run)
    follower.begin(before)
    screen = Redrawn(render.out()) if render.is_live() else Printed(goal)
    with quiet_keys():
        try:
            verdict = _until_settled(client, follower, screen, sleep)
        finally:
            screen.close()
    return verdict, follower


def _until_settled(
    client: Client, follower: Follower, screen: Screen, sleep: Callable[[float], None]
) -> Verdict:
    verdict: Verdict = "going"
    while verdict == "going":
        screen.show(follower, follower.observe(client.status()))
        verdict = follower.verdict()
        sleep(FOLLOW_SECONDS)
    for _ in range(
        _SETTLE_POLLS
    ):  # history is written after the state: the last rows may be a moment late
        screen.show(follower, follower.observe(client.status()))
        if _history_caught_up(follower, verdict):
            break
        sleep(FOLLOW_SECONDS)
    return verdict


def _history_caught_up(follower: Follower, verdict: Verdict) -> bool:
    for line in follower.lines:
        moved = (
            verdict == "done"
            and follower.goal.epoch is not None
            and line["end_f"] >= follower.goal.epoch
        )
        last = follower.finished.get(line["line"])
        if moved and (last is None or last["f"] < line["end_f"]):
            return False
    return True


class Printed:
    """One plain line an event: seconds since the trigger, who, what."""

    def __init__(self, goal: Goal) -> None:
        self._zero = goal.epoch or ""
        self._console = render.out()

    def show(self, follower: Follower, events: list[Event]) -> None:
        """Print them."""
        self._zero = self._zero or follower.now
        for event in events:
            self._console.print(escape(event_line(event, self._zero)), soft_wrap=True)

    def close(self) -> None:
        """Nothing is left open."""


def event_line(event: Event, zero: str) -> str:
    """``+   1.9s  delays.clean      done in 0.8s``."""
    since = max(render.between(zero, event.at) or 0.0, 0.0)
    pond = event.line.split("@")[0]
    who = f"{pond}.{event.ripple}" if event.ripple else pond
    took = (
        f" in {durations.brief(event.seconds)}"
        if event.seconds is not None and event.what != "pass"
        else ""
    )
    detail = f" ({event.detail})" if event.detail else ""
    return f"+{since:7.1f}s  {who:<28} {_WORDS.get(event.what, event.what)}{took}{detail}"


class Redrawn:
    """One row a Pond, redrawn in place; the last state stays on the screen."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False, vertical_overflow="crop")
        self._live.start()

    def show(self, follower: Follower, events: list[Event]) -> None:
        """Redraw."""
        self._live.update(progress(follower, height=self._console.height), refresh=True)

    def close(self) -> None:
        """Leave the last view."""
        self._live.stop()


def progress(follower: Follower, *, height: int) -> RenderableType:
    """The lines on the way to the goal: mark, Pond, how long, its Ripples."""
    grid = Rows.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True, max_width=32)
    grid.add_column(no_wrap=True, justify="right")
    rows = [(line, _fresh(line, follower)) for line in follower.lines]
    crowded = len(rows) > height - 2
    # Where every row counts none takes two.
    grid.add_column(overflow="ellipsis" if crowded else "fold", no_wrap=crowded)
    open_rows = [line for line, fresh in rows if not fresh]
    room = max(height - 4, 1) if crowded else len(rows)
    shown = [(line, False) for line in open_rows[:room]] if crowded else rows
    for line, fresh in shown:
        grid.add_row(*_row(line, follower, fresh=fresh))
    if not crowded:
        return grid
    summary = f"{len(rows) - len(open_rows)} of {len(rows)} Ponds done"
    if unseen := open_rows[room:]:
        summary += f"; not shown: {board.hidden(unseen)}"
    return Group(grid, Text(summary, style="dim"))


def _fresh(line: LineStatus, follower: Follower) -> bool:
    goal = follower.goal
    if goal.after is not None:
        return not line["runs"] and follower.ran_after(line)
    return not line["runs"] and (
        line["end_f"] >= goal.epoch if goal.epoch else line["end_f"] > goal.since
    )


def _row(line: LineStatus, follower: Follower, *, fresh: bool) -> tuple[RenderableType, ...]:
    name = line_words.shown_name(line, follower.lines)
    if line["runs"]:
        run = line["runs"][-1]
        return (
            Text("●", "cyan"),
            name,
            durations.brief(render.between(run["started"], follower.now) or 0),
            _chips(line, follower),
        )
    if line["status"] in line_words.DOWN:
        words = line_words.doing(line, follower.now)
        # The error itself stands in the row of the line that failed, if that is shown.
        if line["status"] == "blocked" and any(
            root["status"] == "failed" for root in follower.lines
        ):
            words = line_words.blockers(line) or words
        return Text("✗", "red"), name, "", Text(words, "red")
    if fresh:
        return Text("✓", "green"), name, _took(line, follower), _finished(line, follower)
    return (
        Text("○", "dim"),
        name,
        "",
        Text(line_words.doing(line, follower.now) or line["status"], "dim"),
    )


def _took(line: LineStatus, follower: Follower) -> str:
    row = follower.finished.get(line["line"])
    seconds = render.between(row["started"], row["finished"]) if row else None
    return "" if seconds is None else durations.brief(seconds)


def _finished(line: LineStatus, follower: Follower) -> Text:
    row = follower.finished.get(line["line"])
    if row and row["status"] == "pass":
        return Text(_WORDS["pass"], "dim")
    parts = [
        f"{name} {durations.brief(seconds)}"
        for name, seconds in follower.took.get(row["run"] if row else "", {}).items()
    ]
    return Text(" · ".join(parts), "dim")


def _chips(line: LineStatus, follower: Follower) -> Text:
    text, run = Text(), line["runs"][-1]
    took = follower.took.get(run["run"], {})
    for ripple in run["ripples"]:
        mark, style = _MARKS.get(ripple["status"], ("○", "dim"))
        lasted = (
            f" {durations.brief(took[ripple['name']])}"
            if ripple["status"] == "done" and ripple["name"] in took
            else ""
        )
        if ripple["status"] == "running":
            mark, style = "●", "cyan"
            place = f", {began}" if (began := line_words.began(ripple)) else ""
            lasted = (
                f" {durations.brief(render.between(ripple['since'], follower.now) or 0)}{place}"
            )
        elif ripple["status"] == "queued":
            awaits = ripple.get("awaits")
            waits = f"waits for {awaits}" if awaits else "queued"
            lasted = f" {line_words.retried_soon(ripple, follower.now) or waits}"
        text.append(" · " if text else "", "dim")
        text.append(f"{mark} {ripple['name']}{lasted}", style)
    if waits := line_words.held_back(line):
        text.append(f" · {waits}", "yellow")
    return text
