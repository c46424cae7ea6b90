"""Runs in words: for what a run in flight began, what its Ripples do, how the last one ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from duckstring.api import why_words
from duckstring.api.status import in_words
from duckstring.engine.causes import Origin
from duckstring.engine.state import PondState, Run, Tide
from duckstring.model.durations import duration_in_words
from duckstring.model.failures import Failure
from duckstring.model.instants import NEVER, Instant, from_text, to_text
from duckstring.model.names import Line, run_key
from duckstring.model.said import Said

if TYPE_CHECKING:
    from duckstring.model.answers.runs import RunRow
    from duckstring.model.answers.status import RunningRipple
    from duckstring.model.answers.why import DemandTold

_BEGAN_FOR = {
    "force": "It was forced by an operator.",
    "wake": "It was woken by an operator.",
    "tap": "It began for a Tap.",
    "tide": "It began for its Tide.",
    "wave": "It began for its Wave.",
    "push": "It began for a Pulse, or because a Sink needed it.",
    "pull": "It began because a Sink asked for newer.",
}

_BY_WHOM = {
    "tap": " Whether by hand, by an event or by an arrival is not recorded.",
    "pulse": " Whether by hand, by an event, an arrival or a Tide of then is not recorded.",
}


def demand_of(
    state: PondState, origin: Origin, held: Mapping[Line, PondState], now: Instant
) -> DemandTold:
    """Where a demand began, in words and as fields."""
    of = held.get(origin.line, state)
    via = f", by way of {', '.join(reversed(origin.via[:-1]))}" if origin.via[:-1] else ""
    unsure = (
        "" if origin.sure else f" (or of a line below {origin.line} that no longer waits for it)"
    )
    told = (_also if origin.also else _demand)(state, origin, of, now)
    return {
        "kind": origin.kind,
        "text": f"{told}{unsure}{via}.{_by_whom(origin, of)}",
        "line": origin.line,
        "at": to_text(origin.at) if origin.at else None,
        "via": list(origin.via),
        "sure": origin.sure,
    }


def _said(origin: Origin, of: PondState) -> Said | None:
    """Who asked, by the line's own word. Its last Tap or Pulse may be another one than this."""
    match origin.kind:
        case "wave" | "tide":
            return of.said.get("trigger")
        case "tap" | "pulse":
            said = of.said.get(origin.kind)
            return said if said and said.at == origin.at else None
        case "force" | "wake":
            return of.said.get(origin.kind)
        case "retry" | "unknown":
            return None


def _by_whom(origin: Origin, of: PondState) -> str:
    if origin.kind in {"force", "wake"}:
        return ""
    if said := _said(origin, of):
        did = "set it" if origin.kind in {"wave", "tide"} else "asked for it"
        return f" {in_words(said)} {did}."
    return _BY_WHOM.get(origin.kind, "")


def _demand(state: PondState, origin: Origin, of: PondState, now: Instant) -> str:
    when = f" at {why_words.ago(origin.at, now)}" if origin.at else ""
    match origin.kind:
        case "force" | "wake":
            woke = "woke" if state.end_f > NEVER else "woke (or forced)"  # never run: it is woken
            did = "forced" if origin.kind == "force" else woke
            said = _said(origin, of)
            return f"{in_words(said) if said else 'An operator'} {did} {origin.line}"
        case "retry":
            failed = run_key(state.line, state.failed_run) if state.failed_run else "a run"
            return f"It tries again after {failed} failed"
        case "tap" | "pulse":
            return f"It was asked for by a {origin.kind.capitalize()} of {origin.line}{when}"
        case "wave":
            return f"The Wave of {origin.line} asks for the next version after each"
        case "tide":
            bound = of.trigger.bound if isinstance(of.trigger, Tide) else None
            named = f"Tide ({duration_in_words(bound)})" if bound else "Tide"
            return f"It was asked for by the {named} of {origin.line}{when}"
        case "unknown":
            asked = f"{origin.line} asked for it, but for" if origin.via else "For"
            return f"{asked} whom is not known: that demand was answered since, or dropped"


def _also(_: PondState, origin: Origin, __: PondState, now: Instant) -> str:
    """What it did not begin for."""
    if origin.kind == "unknown" or origin.at is None:
        return f"Whether a Sink of {origin.line} had asked for it, too, is not known"
    return f"It also answers a Tap of {origin.line} at {why_words.ago(origin.at, now)}"


def inside(state: PondState, run: Run, ripples: Sequence[RunningRipple], now: Instant) -> list[str]:
    """What the Ripples of a run do that are not done, one sentence each."""
    return list(_inside(state, run, ripples, now))


def _inside(
    state: PondState, run: Run, ripples: Sequence[RunningRipple], now: Instant
) -> Iterator[str]:
    if run.failure is not None:
        yield "It has failed; what it had begun is still ending."
    elif run.superseded:
        yield "A newer run has overtaken it, and is published in its place."
    if run.launch > 1:
        yield f"Its execution was lost, and was started again ({run.launch - 1}x)."
    done = {one["name"] for one in ripples if one["status"] == "done"}
    for one in ripples:
        if text := _ripple(state, one, done, now):
            yield text


def _ripple(state: PondState, one: RunningRipple, done: set[str], now: Instant) -> str:
    name = one["name"]
    since = f" since {why_words.duration(now - from_text(one['since']))}" if one["since"] else ""
    again = f", attempt {one['attempt']}" if one["attempt"] > 1 else ""
    match one["status"]:
        case "running" if one["resumes"] and from_text(one["resumes"]) > now:
            until = why_words.duration(from_text(one["resumes"]) - now)
            return f"{name} pauses for {until} more{again}."
        case "running":
            return f"{name} runs{since}{again}."
        case "queued":
            return f"{name} {_queued(one, since, now)}{again}."
        case "waiting":
            parents = [parent for parent in state.ripples[name].parents if parent not in done]
            return f"{name} waits for {', '.join(parents) or 'its turn'}."
        case _:
            return ""


def _queued(one: RunningRipple, since: str, now: Instant) -> str:
    if (at := one.get("retry_at")) and from_text(at) > now:
        return f"is tried again {why_words.future(from_text(at), now)}"
    if limit := one.get("awaits"):
        return f"waits for a token of limit {limit}{since}"
    return f"is about to start{since}"


def last_in_words(row: RunRow, now: Instant) -> str:
    """How the last run ended, why so, and for what it began; empty while it is in flight."""
    if row["status"] == "running":
        return ""
    ended = row["finished"] or row["started"]
    when = f"{why_words.duration(now - from_text(ended))} ago"
    began = _BEGAN_FOR.get(row.get("wanted") or "", "")
    return " ".join(filter(None, (f"Run {row['run']} {_ended(row, when)}", began)))


def _ended(row: RunRow, when: str) -> str:
    status = row["status"]
    if status == "success" and row["overtaken_by"]:
        return f"was overtaken {when} by {row['overtaken_by']}, which was published."
    if status == "success" and row["changed"] is False:
        return f"succeeded {when}, and changed nothing."
    if status == "failed":
        failure = Failure(row["ripple"] or "", 0, row["error"] or "", row["message"] or "")
        where = f" in {failure.ripple}" if failure.ripple else ""
        said = why_words.error_in_line(failure)
        return f"failed {when}{where}{f': {said}' if said else ''}{why_words.stop(said)}"
    return _ENDED.get(status, "ended {when}.").format(when=when)


_ENDED = {
    "success": "succeeded {when}.",
    "pass": "passed {when}: nothing that it reads had changed since the run before.",
    "killed": "was killed {when}.",
    "removal": "took removed tables out of what is published, {when}.",
    "rollback": "published an earlier snapshot again, {when}.",
}
