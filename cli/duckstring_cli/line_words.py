"""What is said of a line in a few words: what it does, is asked for, waits for, and what helps."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from duckstring.model import ordering
from duckstring.model.answers.common import SaidTold
from duckstring.model.answers.status import (
    FailureRow,
    LineState,
    LineStatus,
    RunningRipple,
)
from duckstring.model.audits import short
from duckstring.model.names import parse_line
from duckstring_cli import checked, durations, render

MOVING = {"running", "waiting"}
DOWN = {"failed", "killed", "blocked"}
ROOT_CAUSE = re.compile(r"blocked by ([a-z][a-z0-9_]*@[0-9]+) \(")
NAME_NARROW = 28
NAME_LEAST = 12
DEMAND_PART = 5


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


def by_whom(said: SaidTold) -> str:
    """``by alice@laptop at 12:00:00: wrong data``."""
    by = f"by {short(said['by'])} " if said["by"] else ""
    note = f": {said['note']}" if said["note"] else ""
    return render.one_line(f"{by}at {render.moment(said['at'])}{note}")
