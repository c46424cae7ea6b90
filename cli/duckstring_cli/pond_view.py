"""One line closely: its facts, Ripples, Sources and last runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from duckstring.model import commands
from duckstring.model.answers.runs import RunRow
from duckstring.model.answers.status import (
    LineStatus,
    RippleStatus,
    RunningRipple,
    StatusAnswer,
)
from duckstring.model.names import Line
from duckstring_cli import checked, durations, limits_view, render
from duckstring_cli.board import troubles
from duckstring_cli.line_words import (
    ROOT_CAUSE,
    bound_in_words,
    by_whom,
    demand,
    held_back,
    retried_soon,
    trigger,
    way_out,
)
from duckstring_cli.openings import window_view
from duckstring_cli.run_table import run_table
from duckstring_cli.screens import Rows

_SAID_OF = {
    "kill": "killed",
    "sleep": "put to sleep",
    "wake": "woken",
    "force": "forced",
    "trigger": "its trigger set",
}


def detail(
    answer: StatusAnswer, line: LineStatus, runs: Sequence[RunRow], *, named: str = ""
) -> RenderableType:
    """One line: its Ripples, Sources, Sinks, budgets and last runs."""
    now = answer["now"]
    limits = limits_view.of_line(answer, line)
    facts = _facts(line, now, limits)
    parts: list[RenderableType] = [_heading(line), facts, Text(""), _ripples(line, now)]
    if line["windows"]:
        parts += [Text(""), window_view(line["windows"], now)]
    if line["sources"]:
        parts += [Text(""), _sources(line, now)]
    if runs:
        parts += [Text(""), run_table(runs, now, narrow=True)]
    parts += [
        part
        for trouble in troubles([line], now, most=None, named=named)
        for part in (Text(""), trouble)
    ]
    if line["status"] == "blocked" and (cause := ROOT_CAUSE.match(line["reason"])):
        parts += [Text(""), Text(f"{commands.status(Line(cause[1]))}{named}", style="bold")]
    if line["status"] == "failed":
        parts.append(
            Text(
                f"  repair and deploy it; where the fault lay outside: {way_out(line, named)}",
                style="dim",
            )
        )
    return Group(*parts)


def _heading(line: LineStatus) -> Text:
    return Text.assemble(
        (line["line"], "bold"),
        f"  {line['version'] or 'not deployed'}  {line['kind'] or ''}  ",
        render.word(line["status"]),
    )


def _facts(line: LineStatus, now: str, limits: str) -> Table:
    facts = Rows.grid(padding=(0, 2))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    budgets = line["budgets"]
    rows = {
        "freshness": _freshness(line, now),
        "demand": _demand(line, now) or "none",
        "trigger": trigger(line) or "none",
        "reason": render.one_line(line["reason"]),
        "asked by": _said(line),
        "held": _held(line),
        "tags": " ".join(f"{key}={value}" for key, value in (line.get("tags") or {}).items()),
        "deployed": _coming(line),
        "tables": (
            f"{line['tables']} published, {render.count(line['rows'])} "
            f"row{'' if line['rows'] == 1 else 's'}"
        )
        if line["tables"]
        else "none published",
        "older": "\n".join(
            render.table_age(table, now) for table in line.get("older_tables") or ()
        ),
        "backlog": _waiting(line.get("backlog") or 0),
        "checks": checked.names(line),
        "warnings": checked.each(line.get("warnings")),
        "bound": bound_in_words(line),
        "sinks": ", ".join(line["sinks"]) or "none",
        "budgets": (
            f"immediate retries {budgets['immediate_retries']}, source retries "
            f"{budgets['source_retries']}"
        ),
        "limits": limits,
        "priority": limits_view.priority_of(line),
        "failures": f"{line['failures']} in a row" if line["failures"] else "",
    }
    for name, value in rows.items():
        if value:
            facts.add_row(name, Text(value))
    return facts


def _said(line: LineStatus) -> str:
    """Who brought the line to where it is: one line for each word that still holds."""
    said, demanded = line.get("said") or {}, line["demand"]
    holds = {
        "kill": line["status"] == "killed",
        "sleep": line.get("asleep", False),
        "wake": demanded["woken"],
        "force": demanded["forced"],
        "trigger": line["trigger"] is not None,
    }
    told = [
        f"{_SAID_OF[kind]} {by_whom(said[kind])}" for kind in holds if holds[kind] and kind in said
    ]
    return "\n".join(told)


def _held(line: LineStatus) -> str:
    held = line.get("held")
    return f"no run starts: maintenance, {by_whom(held)}" if held else ""


def _waiting(objects: int) -> str:
    """What has arrived in a bucket and waits for ``pond.arrivals()``."""
    if not objects:
        return ""
    return f"{render.count(objects)} object{'' if objects == 1 else 's'} that arrived"


def _freshness(line: LineStatus, now: str) -> str:
    """Under a Window a run is as fresh as the opening's end, and its age counts from the
    beginning: then both are said.
    """
    if render.read_instant(line["end_f"]) is None:
        return "never run"
    age = f"{durations.age(line['staleness_seconds'])} old, as of {render.moment(line['end_f'])}"
    lag = (line["staleness_seconds"] or 0) - (render.between(line["end_f"], now) or 0)
    return (
        f"{age}, its Window's end; the age counts from the Window's beginning" if lag >= 1 else age
    )


def _coming(line: LineStatus) -> str:
    """A version that does not run yet."""
    if waits := held_back(line):
        return f"{waits}, and what is asked for meanwhile waits with it"
    coming = line.get("next")
    return f"{coming['version']}, which is about to be taken up" if coming else ""


def _demand(line: LineStatus, now: str) -> str:
    """What is wanted and not had yet; of pushes, for how long."""
    oldest = min(line["demand"]["targets"], default=None)
    since = render.between(oldest, now) if oldest else None
    return demand(line) + (f", asked for {durations.age(since)} ago" if since is not None else "")


def _ripples(line: LineStatus, now: str) -> RenderableType:
    busy = _in_flight(line)
    going = [held for held in busy.values() if held["status"] == "running"]
    decided = any(ripple.get("decided_by", "default") != "default" for ripple in line["ripples"])
    placed = decided or any(held.get("task_mib") or held.get("resumes") for held in going)
    middle = ["RUNS"] if placed else []
    made = render.table(
        "RIPPLE",
        "STATUS",
        "AGE",
        "FOR",
        "ATTEMPT",
        *middle,
        "PARENTS",
        right=("AGE", "FOR", "ATTEMPT"),
        last="wrapped",
    )
    # Under a Window the age counts from the opening's beginning, and freshness is its end.
    lag = (line["staleness_seconds"] or 0) - (render.between(line["end_f"], now) or 0)
    for ripple in line["ripples"]:
        held = busy.get(ripple["name"])
        status = held["status"] if held else ripple["status"]
        retried = retried_soon(held, now) if held else ""
        going_on = held if status in {"running", "queued"} and not retried else None
        lasted = render.between(going_on["since"], now) if going_on else None
        made.add_row(
            ripple["name"],
            _status(held, status, now),
            "never"
            if (age := render.between(ripple["end_f"], now)) is None
            else durations.age(age + lag),
            "" if lasted is None else durations.brief(lasted),
            str(held["attempt"]) if held and held["attempt"] else "",
            *([_place(ripple, held)] if placed else []),
            ", ".join(ripple["parents"]),
        )
    return Group(made, *_moving(line, busy))


def _in_flight(line: LineStatus) -> dict[str, RunningRipple]:
    """How far each Ripple is. Of several runs in flight that one counts which has its attempt,
    else the newest.
    """
    found: dict[str, RunningRipple] = {}
    for run in line["runs"]:
        for ripple in run["ripples"]:
            if ripple["since"] or not (ripple["name"] in found and found[ripple["name"]]["since"]):
                found[ripple["name"]] = ripple
    return found


def _status(held: RunningRipple | None, status: str, now: str) -> Text:
    if held and held.get("resumes"):
        return _pausing(held, now)
    if held and (retried := retried_soon(held, now)):
        return render.word(status, retried)
    awaits = held.get("awaits") if held else None
    return render.word("waiting", f"waits for {awaits}") if awaits else render.word(status)


def _pausing(held: RunningRipple, now: str) -> Text:
    until = held.get("resumes") or ""
    return render.word(
        "paused",
        f"paused until {render.until(until, now)}" if until > now else "paused, about to go on",
    )


def _place(ripple: RippleStatus, held: RunningRipple | None) -> str:
    """Where its attempt runs, or ran before it paused; at rest, where the next one will."""
    if held is None or not held["since"] or "task_mib" not in held:
        return render.place(ripple.get("task_mib", 0))
    return f"{'ran ' if held.get('resumes') else ''}{render.place(held['task_mib'])}"


def _moving(line: LineStatus, busy: Mapping[str, RunningRipple]) -> Iterator[Text]:
    """Those of which the next attempt runs elsewhere than this one."""
    for ripple in line["ripples"]:
        held, then = busy.get(ripple["name"]), ripple.get("task_mib", 0)
        if held and held["since"] and held.get("task_mib", then) != then:
            yield Text(
                f"{ripple['name']} runs {render.place(then)} from its next attempt on", style="dim"
            )


def _sources(line: LineStatus, now: str) -> Table:
    made = render.table("SOURCE", "NEEDED", "AGE", "STATE", right=("AGE",))
    for source in line["sources"]:
        age = durations.age(source.get("staleness_seconds", render.between(source["end_f"], now)))
        state = (
            render.word("undeployed")
            if source["absent"]
            else render.word("failed", "down")
            if source["down"]
            else "up"
        )
        made.add_row(source["line"], "optional" if source["optional"] else "required", age, state)
    return made
