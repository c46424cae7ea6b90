"""What the page asks for and does, as calls of the command's own client.

A request's body is checked here only as far as the client needs it: the Catchment checks the rest,
and its refusal reaches the page word for word.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal, TypedDict

from duckstring.errors import OperatorError
from duckstring.model import names
from duckstring.model.access import covers
from duckstring.model.answers.changes import (
    ArrivalRow,
    BudgetAnswer,
    ComputeAnswer,
    ControlAnswer,
    TriggerAnswer,
    WindowAnswer,
)
from duckstring.model.answers.lineage import LineageAnswer
from duckstring.model.answers.runs import RunAnswer, RunRow
from duckstring.model.answers.status import LineStatus
from duckstring.model.answers.tables import PublishAnswer, TablesAnswer
from duckstring.model.foreign import json_text
from duckstring.model.zones import zone_fault
from duckstring_cli import checkup, costing
from duckstring_cli.attempt_logs import AttemptLogs
from duckstring_cli.client import Client
from duckstring_cli.errors import BadInputError, CatchmentRefusedError
from duckstring_cli.moments import on_wire
from duckstring_cli.page import bodies
from duckstring_cli.page.bodies import Body
from duckstring_cli.releases import newer_operation

if TYPE_CHECKING:
    from duckstring_cli.catchments import Catchment
    from duckstring_cli.checkup import DoctorTold
    from duckstring_cli.logbook import Entry

VERBS = ("wake", "force", "sleep", "kill", "clear")
TRIGGERS = ("tap", "pulse", "wave", "tide", "remove")
_LAST_RUNS = 30
_NO_TABLES = frozenset({"NotPublishedError"})


class CatchmentTold(TypedDict):
    """Which Catchment a page shows. ``where``: its address, or its stack and region.
    ``read_only``: the page was started so. ``can_act``: nor do the user's rights stand against it.
    """

    name: str
    kind: Literal["local", "aws"]
    where: str
    version: str
    read_only: bool
    can_act: bool


class LineTold(TypedDict):
    """A line with all that its panel shows. ``tables`` is None before its first publication."""

    line: LineStatus
    runs: list[RunRow]
    tables: TablesAnswer | None
    arrivals: list[ArrivalRow]


class RunTold(RunAnswer):
    """A run. ``usd``: what it cost, at list prices; None: nothing is known."""

    usd: float | None


class CostPart(TypedDict):
    """What one kind of use cost."""

    kind: str
    amount: float
    usd: float


class CostTold(TypedDict):
    """What the runs of a line cost in a span, by kind, the dearest first."""

    usd: float
    runs: int
    estimated: int
    complete: bool
    region: str
    date: str
    parts: list[CostPart]


class LogLine(TypedDict):
    """A line of a log."""

    at: str | None
    ripple: str
    attempt: int
    text: str


class Logged(TypedDict):
    """What a run's attempts have logged. ``going``: more may come."""

    lines: list[LogLine]
    going: bool


def described(client: Client, *, read_only: bool) -> CatchmentTold:
    """The Catchment itself, and whether the user may do more than look. Rights that are given or
    taken meanwhile are seen when the page is loaded again; AWS decides about each action.
    """
    catchment: Catchment = client.catchment
    hello = client.hello()
    level = client.level()
    where = catchment.endpoint or " ".join(filter(None, (catchment.stack, catchment.region)))
    return {
        "name": catchment.name,
        "kind": catchment.kind,
        "where": where,
        "version": str(hello.get("version") or ""),
        "read_only": read_only,
        "can_act": not read_only and level is not None and covers(level, "operator"),
    }


def line(client: Client, wanted: str) -> LineTold:
    """One line, with its last runs, its tables and its rules."""
    pond, major = parsed_line(wanted)
    with ThreadPoolExecutor(max_workers=4) as pool:
        status = pool.submit(client.status, pond, major=major)
        runs = pool.submit(client.runs, pond, major=major, limit=_LAST_RUNS)
        tables = pool.submit(_tables, client, pond, major)
        arrivals = pool.submit(client.arrivals, pond, major=major)
        (found,) = status.result()["lines"]
        return {
            "line": found,
            "runs": runs.result(),
            "tables": tables.result(),
            "arrivals": arrivals.result()["arrivals"],
        }


def run(client: Client, wanted: str) -> RunTold:
    """One run, and what it cost."""
    answer = client.run(wanted)
    used = costing.used_of_run(answer["run"], answer["attempts"])
    return {**answer, "usd": costing.Prices().total(used) if used else None}


def cost(client: Client, wanted: str, days: int) -> CostTold:
    """What a line's runs of the last ``days`` cost, at the prices of us-east-1."""
    pond, major = parsed_line(wanted)
    now = datetime.now(UTC)
    made = costing.bill(
        client,
        pond,
        major=major,
        since=now - timedelta(days=days),
        until=now,
        by="pond",
        prices=costing.Prices(),
    )
    parts = sorted(made["usd_by_kind"].items(), key=lambda one: -one[1])
    return {
        "usd": made["usd"],
        "runs": made["runs"],
        "estimated": made["estimated"],
        "complete": made["complete"],
        "region": made["prices"]["region"],
        "date": made["prices"]["date"],
        "parts": [
            {"kind": kind, "amount": round(made["used"][kind], 3), "usd": usd}
            for kind, usd in parts
        ],
    }


def tables(client: Client, wanted: str, snapshot: int | None = None) -> TablesAnswer:
    """The published tables of a line, or those of an earlier snapshot."""
    pond, major = parsed_line(wanted)
    return client.tables(pond, major=major, snapshot=snapshot)


def lineage(client: Client, wanted: str, table: str | None, *, up: int, down: int) -> LineageAnswer:
    """Where tables of a line come from, and what comes of them."""
    pond, major = parsed_line(wanted)
    with newer_operation(client):
        return client.lineage(pond, major=major, table=table, up=up, down=down)


def logs(client: Client, run: str, ripple: str | None, attempt: int | None) -> Logged:
    """What a run's attempts have logged and printed."""
    answer = client.run(run)
    rows = [
        row
        for row in answer["attempts"]
        if ripple in {None, row["ripple"]} and attempt in {None, row["attempt"]}
    ]
    found = AttemptLogs(client.catchment).lines(rows)
    return {
        "lines": [
            {
                "at": entry.moment,
                "ripple": row["ripple"],
                "attempt": row["attempt"],
                "text": _said(entry),
            }
            for entry, row in found
        ],
        "going": answer["run"]["status"] == "running",
    }


def _said(entry: Entry) -> str:
    """A line's message with its fields, and its traceback, which says the same as they do."""
    fields = [] if entry.trace else [f"{name}={_brief(one)}" for name, one in entry.more.items()]
    return "\n".join(filter(None, ("  ".join([entry.message, *fields]), entry.trace)))


def _brief(value: object) -> str:
    return str(value) if isinstance(value, str | int | float) else json_text(value)


def doctor(client: Client) -> DoctorTold:
    """What is wrong with the Catchment: what the doctor of the command says as JSON."""
    return checkup.told(client, tuple(checkup.examine(client)))


def trigger(client: Client, body: Body) -> TriggerAnswer:
    """Tap, Pulse, Wave, Tide, or the removal of a standing one."""
    kind = bodies.one_of(body, "kind", TRIGGERS)
    bound = body.get("bound")
    if bound is not None and (isinstance(bound, bool) or not isinstance(bound, int | float)):
        raise BadInputError(f"bound: {bound!r} is not a number of seconds.")
    return client.trigger(bodies.text(body, "pond"), kind, major=bodies.major(body), bound=bound)


def control(client: Client, body: Body) -> ControlAnswer:
    """An operator's verb."""
    pond, major = parsed_line(bodies.text(body, "line"))
    return client.control(pond, bodies.one_of(body, "verb", VERBS), major=major)


def budgets(client: Client, body: Body) -> BudgetAnswer:
    """The live retry budgets."""
    pond, major = parsed_line(bodies.text(body, "line"))
    return client.failure_budget(
        pond,
        major=major,
        immediate_retries=body.get("immediate_retries"),
        source_retries=body.get("source_retries"),
    )


def compute(client: Client, body: Body) -> ComputeAnswer:
    """Where a Ripple runs."""
    pond, major = parsed_line(bodies.text(body, "line"))
    return client.compute(
        pond,
        bodies.text(body, "ripple"),
        major=major,
        on=bodies.one_of(body, "place", ("lambda", "task", "auto")),
        memory_mib=body.get("memory_mib"),
    )


def window(client: Client, body: Body) -> WindowAnswer:
    """A Window added or removed. Its moments are as people write them: ``02:00``, a date."""
    pond, major = parsed_line(bodies.text(body, "line"))
    action = bodies.one_of(body, "action", ("add", "remove"))
    if action == "remove":
        return client.window(pond, action, major=major, name=bodies.text(body, "name"))
    rule = {name: value for name, value in body.items() if name not in {"line", "action"}}
    tz = rule.get("tz")
    if tz and (fault := zone_fault(tz)):
        raise BadInputError(fault)
    moments = {
        name: on_wire(
            value,
            tz=tz if isinstance(tz, str) else "",
            today=datetime.now(UTC) if name == "start" else None,
        )
        for name in ("start", "until")
        if isinstance(value := rule.get(name), str)
    }
    return client.window(pond, action, major=major, window=rule | moments)


def publish(client: Client, body: Body) -> PublishAnswer:
    """An earlier snapshot again, over the one that the reader has seen."""
    pond, major = parsed_line(bodies.text(body, "line"))
    snapshot, over = (bodies.whole(body, name) for name in ("snapshot", "over"))
    return client.publish(pond, major=major, snapshot=snapshot, over=over)


def parsed_line(text: str) -> tuple[str, int]:
    """``sales@1`` as the Pond's name and its major.

    Raises:
        BadInputError: it is something else.
    """
    try:
        return names.parse_line(names.Line(text))
    except ValueError as error:
        raise BadInputError(f"{text!r} is not a line; write pond@major, as sales@1.") from error


def parsed_run(text: str) -> str:
    """``sales@1/42``, checked.

    Raises:
        BadInputError: it is something else.
    """
    try:
        names.parse_run(text)
    except ValueError as error:
        raise BadInputError(f"{error}.") from error
    return text


def _tables(client: Client, pond: str, major: int) -> TablesAnswer | None:
    try:
        return client.tables(pond, major=major)
    except CatchmentRefusedError as error:
        if error.type in _NO_TABLES:
            return None
        raise


def refused_while_read_only() -> OperatorError:
    """What somebody is told who may only look."""
    return OperatorError(
        "This page only shows: it was started with --read-only.",
        hint="Start it again without: duckstring ui",
    )
