"""The status of a Catchment as rows and pages. Decides what to show, and makes no requests."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from duckstring.model import commands, ordering
from duckstring.model.answers.changes import ComputeAnswer, ComputeRow
from duckstring.model.answers.common import HoldTold, SaidTold
from duckstring.model.answers.runs import RunRow
from duckstring.model.answers.status import (
    FailureRow,
    LineState,
    LineStatus,
    RippleStatus,
    RunningRipple,
    StatusAnswer,
)
from duckstring.model.audits import short
from duckstring.model.names import Line, parse_line
from duckstring.model.statuses import UNREST
from duckstring_cli import checked, durations, limits_view, render
from duckstring_cli.openings import window_view
from duckstring_cli.render import NARROW
from duckstring_cli.screens import Rows

MOVING = {"running", "waiting"}
DOWN = {"failed", "killed", "blocked"}
_NEEDS_A_LOOK: Mapping[str, int] = {status: rank for rank, status in enumerate(UNREST)}
_ROOT_CAUSE = re.compile(r"blocked by ([a-z][a-z0-9_]*@[0-9]+) \(")
_WHY_LINES = 2
_WHY_SLACK = 40
_MOST_TROUBLES = 3
_MOST_LIMITS = 3
_NAME_NARROW = 28
_NAME_WIDE = 48
_NOT_NAME = 44
_LEAST = 12
_DEMAND_PART = 5
_MIB_A_CPU = 1769
"""Of Lambda's memory: with so much goes one processor."""


def in_order(lines: Sequence[LineStatus]) -> list[LineStatus]:
    """Sources before their Sinks, by name where the graph leaves a choice."""
    by_name = {line["line"]: line for line in lines}
    sources = {
        name: [source["line"] for source in by_name[name]["sources"]]
        for name in sorted(by_name, key=parse_line)
    }
    return [by_name[name] for name in ordering.in_order(sources)]


def shown_name(line: LineStatus, lines: Sequence[LineStatus]) -> str:
    """The Pond's name; with its major where the Pond has several lines."""
    alone = sum(other["pond"] == line["pond"] for other in lines) == 1
    return line["pond"] if alone else line["line"]


def demand(line: LineStatus) -> str:
    """``pull``, ``push``, ``pull+push``, an operator's ``wake`` and ``force``, or nothing."""
    held = line["demand"]
    pushes = len(held["targets"])
    push = f"push x{pushes}" if pushes > 1 else "push" if pushes else ""
    wanted = (
        "pull" if held["pull"] else "",
        push,
        "wake" if held["woken"] else "",
        "force" if held["forced"] else "",
    )
    return "+".join(filter(None, wanted))


def trigger(line: LineStatus) -> str:
    """``wave``, ``tide 1d``, or nothing."""
    held = line["trigger"]
    if held is None:
        return ""
    return f"tide {durations.exact(held['bound'])}" if "bound" in held else held["kind"]


def doing(line: LineStatus, now: str) -> str:
    """What a line is busy with, or why it is not, and what a deploy waits for: one line of
    words.
    """
    warned = checked.brief(line.get("warnings"))
    return " · ".join(
        filter(None, (_now(line, now), held_back(line), too_old(line), _older(line, now), warned))
    )


def too_old(line: LineState) -> str:
    """``stale: bound 2h``; ``will be stale (bound 2h) at 10:42Z: delays@1 takes 4m``; or nothing,
    where its data is in time and will be.
    """
    bound = line.get("bound")
    if not bound:
        return ""
    if bound["stale"]:
        return f"stale: bound {bound['words']}"
    late = bound.get("late")
    if not late:
        return ""
    at, slow = f"{late['at'][11:16]}Z", late["because"].partition(" since ")[0]
    return render.one_line(f"will be stale (bound {bound['words']}) at {at}: {slow}")


def bound_in_words(line: LineState) -> str:
    """``2h (declared), in time until ...``, or nothing: it has no bound."""
    bound = line.get("bound")
    if not bound:
        return ""
    source = "declared" if bound["declared"] else "by its Tide"
    state = (
        f"stale since {render.moment(bound['stale'])}"
        if bound["stale"]
        else f"in time until {render.moment(bound['due'])}"
        if bound["due"]
        else "in time"
    )
    late = bound.get("late")
    more = f"\n{render.one_line(late['text'])}" if late else ""
    return f"{bound['words']} ({source}), {state}{more}"


def _older(line: LineStatus, now: str) -> str:
    """``refunds 3d old``: tables that were carried over are older than their Pond."""
    tables = line.get("older_tables") or []
    if not tables:
        return ""
    age = render.between(tables[0]["as_of"], now)
    named = f"{tables[0]['table']} {f'{durations.age(age)} old' if age is not None else 'is older'}"
    return f"{named} and {len(tables) - 1} more" if len(tables) > 1 else named


def _now(line: LineStatus, now: str) -> str:
    if line["status"] == "running":
        return " · ".join(_busy(line, now)) or "starting"
    if line["status"] == "failed" and line["failure"]:
        failure = line["failure"]
        ripple = f"{failure['ripple']}: " if failure["ripple"] else ""
        message = render.one_line(
            f"{ripple}{render.error_text(failure['error'], render.one_line(failure['message']))}"
        )
        return " · ".join(filter(None, (tried_again(line, now), message)))
    return render.one_line(line["reason"]) or (
        "about to start" if line["status"] == "waiting" else ""
    )


def blockers(line: LineStatus) -> str:
    """``blocked by sales@1``: its Sources that are down, without the error that one of them, or
    one above it, has.
    """
    names = [source["line"] for source in line["sources"] if source["down"]]
    return f"blocked by {', '.join(names)}" if names else ""


def tried_again(line: LineStatus, now: str) -> str:
    """``tried again in 20s``, or nothing: what fails is not always the end."""
    left = render.between(now, line["retry_at"])
    if left is None:
        return "tried again when its Sources have newer" if asks_to_retry(line) else ""
    return f"tried again in {durations.brief(left)}" if left > 0 else "about to be tried again"


def _busy(line: LineStatus, now: str) -> Iterator[str]:
    for run in line["runs"]:
        for ripple in run["ripples"]:
            if ripple["status"] == "running":
                again = f"attempt {ripple['attempt']}" if ripple["attempt"] > 1 else ""
                more = ", ".join(filter(None, (again, began(ripple))))
                so_far = durations.brief(render.between(ripple["since"], now) or 0)
                yield f"{ripple['name']} {so_far}{f' ({more})' if more else ''}"
            elif retried := retried_soon(ripple, now):
                yield f"{ripple['name']} {retried} (attempt {ripple['attempt']})"
            elif ripple["status"] == "queued":
                awaits = ripple.get("awaits")
                yield f"{ripple['name']} {f'waits for {awaits}' if awaits else 'queued'}"


def retried_soon(ripple: RunningRipple, now: str) -> str:
    """``tried again in 20s``, or nothing: its last attempt failed, and it waits for the next."""
    left = render.between(now, ripple.get("retry_at")) if ripple["status"] == "queued" else None
    return f"tried again in {durations.brief(left)}" if left is not None and left > 0 else ""


def began(ripple: RunningRipple) -> str:
    """``started as a task of 8 GB``, or nothing. Only its row knows where it is now, or that it
    pauses.
    """
    mib = ripple.get("task_mib")
    return f"started {render.place(mib)}" if mib else ""


def held_back(line: LineState) -> str:
    """``1.1.0 waits for run sales@1/42``: what was deployed does not run yet. Nothing, where no
    run holds it back.
    """
    coming = line.get("next")
    if not coming or not coming["waits_for"]:
        return ""
    again = ", deployed again," if coming["version"] == line["version"] else ""
    return f"{coming['version']}{again} waits for run {render.first_of(coming['waits_for'])}"


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
        _troubles(
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
    name_room = min(_NAME_NARROW, max(_LEAST, width - _NOT_NAME)) if narrow else _NAME_WIDE
    demand_room = max(_LEAST, width // _DEMAND_PART) if narrow else width

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


def _troubles(lines: list[LineStatus], now: str, *, most: int | None, named: str) -> Iterator[Text]:
    for line in lines:
        if line["status"] == "failed" and line["failure"]:
            yield _trouble(line, line["failure"], now, most=most, named=named)
        elif line["status"] == "killed":
            yield _killed(line, named)


def asks_to_retry(line: LineStatus) -> bool:
    """Failed, with a try left for which its Sources have been asked: it runs as soon as they
    have newer.
    """
    wanted = line["demand"]["targets"]
    has_tries = line["status"] == "failed" and line["failures"] <= line["budgets"]["source_retries"]
    return has_tries and bool(line["sources"]) and bool(wanted) and wanted[-1] > line["start_f"]


def way_out(line: LineStatus, named: str) -> str:
    """What an operator types to have a line that is down go on."""
    return (
        f"duckstring control wake {line['pond']} -m {line['major']}{named} (or clear: it runs "
        "when it is wanted)"
    )


def failed_where(failure: FailureRow) -> str:
    """``failed in Ripple load, attempt 2``; a run that is refused when it would be published has
    failed as a whole.
    """
    return (
        f"failed in Ripple {failure['ripple']}, attempt {failure['attempt']}"
        if failure["ripple"]
        else "failed when it was to be published"
    )


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
        for trouble in _troubles([line], now, most=None, named=named)
        for part in (Text(""), trouble)
    ]
    if line["status"] == "blocked" and (cause := _ROOT_CAUSE.match(line["reason"])):
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


_SAID_OF = {
    "kill": "killed",
    "sleep": "put to sleep",
    "wake": "woken",
    "force": "forced",
    "trigger": "its trigger set",
}


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


def by_whom(said: SaidTold) -> str:
    """``by alice@laptop at 12:00:00: wrong data``."""
    by = f"by {short(said['by'])} " if said["by"] else ""
    note = f": {said['note']}" if said["note"] else ""
    return render.one_line(f"{by}at {render.moment(said['at'])}{note}")


def _held(line: LineStatus) -> str:
    held = line.get("held")
    return f"no run starts: maintenance, {by_whom(held)}" if held else ""


def maintenance(hold: HoldTold) -> Text:
    """That new runs are held: above everything else."""
    return Text.assemble(
        ("Maintenance: no run starts", "bold yellow"), f", {by_whom(hold)}", overflow="fold"
    )


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


_WHY = {
    "operator": "an operator pinned it",
    "learnt": "it needed that",
    "hint": "its author's hint",
    "default": "nothing says otherwise",
}


def compute_table(answer: ComputeAnswer) -> RenderableType:
    """Where each Ripple of a line runs from its next attempt on, and by whose word."""
    made = render.table(
        "RIPPLE", "RUNS", "MEMORY", "CPU", "BECAUSE", right=("MEMORY", "CPU"), last="wrapped"
    )
    function = answer["function"]
    for row in answer["ripples"]:
        mib = row["task_mib"] or function["memory_mib"]
        memory = f"{mib // 1024} GB" if mib % 1024 == 0 else f"{mib} MiB"
        cpu = f"{row['cpu_units'] / 1024:g}" if row["task_mib"] else f"{mib / _MIB_A_CPU:.1f}"
        why = (
            f"{_WHY[row['decided_by']]}, and it fails if that is too small"
            if is_fixed(row)
            else _WHY[row["decided_by"]]
        )
        made.add_row(
            row["name"], "as a task" if row["task_mib"] else "in the function", memory, cpu, why
        )
    heading = Text.assemble((answer["line"], "bold"), ("  from the next attempt on", "dim"))
    return Group(heading, made, Text(_limit(answer), "dim"))


def is_fixed(row: ComputeRow) -> bool:
    """Whether an operator's word keeps a Ripple where it is, though that be too small: pinned to
    the function, or to a size.
    """
    pin = row["pin"]
    return pin is not None and (pin["on"] == "lambda" or pin["memory_mib"] > 0)


def _limit(answer: ComputeAnswer) -> str:
    has = f"An attempt has {durations.exact(answer['function']['seconds'])} in the function"
    here = [row["name"] for row in answer["ripples"] if is_fixed(row) and not row["task_mib"]]
    if not here:
        return f"{has}; one that needs more goes on as a task."
    if len(here) == len(answer["ripples"]):
        return f"{has}; one that needs more fails, for it is pinned there."
    return (
        f"{has}; one that needs more goes on as a task, but fails where it is pinned there: "
        f"{', '.join(here)}."
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


def run_table(runs: Sequence[RunRow], now: str, *, narrow: bool, asked: bool = False) -> Table:
    """Rows of run history. ``asked``: with who asked for them."""
    failed = any(run_error(row) for row in runs)
    middle = ["STARTED", "TOOK"] if narrow else ["VERSION", "STARTED", "TOOK", "FRESHNESS"]
    made = render.table(
        "RUN",
        "STATUS",
        *middle,
        *(["BY"] if asked else []),
        *(["ERROR"] if failed else []),
        right=("TOOK",),
        last="cut" if failed else "whole",
    )
    for row in runs:
        took = render.between(row["started"], row["finished"] or now)
        lasted = "" if took is None else durations.brief(took)
        began = f"{durations.age(render.between(row['started'], now))} ago"
        cells = (
            [began, lasted]
            if narrow
            else [row["version"], render.moment(row["started"]), lasted, render.moment(row["f"])]
        )
        made.add_row(
            row["run"],
            checked.status(row),
            *cells,
            *([_asker(row, narrow=narrow)] if asked else []),
            *([Text(run_error(row), style="red")] if failed else []),
        )
    return made


def _asker(row: RunRow, *, narrow: bool) -> str:
    name = short(row.get("by") or "")
    return render.shorten(name, _LEAST if narrow else _NAME_NARROW)


def run_error(row: RunRow) -> str:
    """``load: ValueError: ...``, or nothing."""
    where = f"{row.get('ripple')}: " if row.get("ripple") else ""
    error = row.get("error") or ""
    message = render.one_line(row.get("message"))
    text = render.error_text(error, message)
    return render.one_line(f"{where}{text}") if text else ""
