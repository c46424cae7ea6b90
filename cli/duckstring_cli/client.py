"""The client of a Catchment: each operation of its functions that answer people, as a method."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TypedDict, TypeVar, Unpack

from duckstring.errors import OperatorError
from duckstring.model.access import Level, level_for
from duckstring.model.answers.changes import (
    ArrivalAnswer,
    ArrivalRow,
    BacklogAnswer,
    BudgetAnswer,
    ComputeAnswer,
    ControlAnswer,
    DeployAnswer,
    LimitAnswer,
    PriorityAnswer,
    RemoveAnswer,
    StaleAnswer,
    TriggerAnswer,
    WindowAnswer,
)
from duckstring.model.answers.doctor import DoctorAnswer, HelloAnswer
from duckstring.model.answers.lake import LakeAnswer, RepairAnswer
from duckstring.model.answers.lineage import LineageAnswer, TraceAnswer
from duckstring.model.answers.operated import AuditAnswer, BatchAnswer, MaintenanceAnswer, TagAnswer
from duckstring.model.answers.replay import ReplayAnswer
from duckstring.model.answers.runs import CostAnswer, RunAnswer, RunRow, RunsAnswer
from duckstring.model.answers.status import StatusAnswer
from duckstring.model.answers.tables import KeptAnswer, PublishAnswer, SnapshotsAnswer, TablesAnswer
from duckstring.model.answers.why import WhyAnswer
from duckstring.model.askers import matches
from duckstring.model.instants import Instant, to_text
from duckstring.model.schema import CHANGES
from duckstring_cli import doors
from duckstring_cli.doors import Invoke, LambdaDoor, OlderCatchmentError
from duckstring_cli.errors import BrokenOffError, CatchmentRefusedError

if TYPE_CHECKING:
    from duckstring_cli.catchments import Catchment

Answer = TypeVar("Answer", bound=Mapping[str, object])

MOST_LINES = 200
"""In one request."""


class RunsWanted(TypedDict, total=False):
    """Which runs: of one status, begun at ``since`` or later and earlier than ``until``, older than
    the run ``before``, of Ponds with all these ``tags``, that somebody of the name ``by`` asked
    for.
    """

    status: str | None
    since: Instant | None
    until: Instant | None
    before: str | None
    tags: Mapping[str, str] | None
    by: str | None


class Client:
    """A Catchment's operations. Every refusal is an OperatorError with one clear line."""

    def __init__(
        self,
        catchment: Catchment,
        *,
        invoke: Invoke | None = None,
        note: str | None = None,
        via: str = "",
    ) -> None:
        """``note``: why changes are made. ``via``: what asks for them, if it is not the command."""
        self.catchment = catchment
        self._invoke = invoke or doors.open_door(catchment)
        self._note, self.via = note, via

    def noted(self, note: str | None) -> Client:
        """The same way to the Catchment, for changes with another note."""
        return Client(self.catchment, invoke=self._invoke, note=note, via=self.via)

    def level(self) -> Level | None:
        """What the user's credentials may do here; None: not even look. The key of a Catchment on
        this machine permits everything.
        """
        return self._invoke.level() if isinstance(self._invoke, LambdaDoor) else "deployer"

    def hello(self) -> HelloAnswer:
        """Who answers."""
        return self._call(HelloAnswer, "hello")

    def deploy(self, ponds: list[dict[str, object]], *, overwrite: bool) -> DeployAnswer:
        """Deploy Ponds, all or nothing."""
        return self._call(DeployAnswer, "deploy", ponds=ponds, overwrite=overwrite)

    def trigger(
        self, pond: str, kind: str, *, major: int | None = None, bound: float | None = None
    ) -> TriggerAnswer:
        """Send one trigger. ``bound`` in seconds, for a tide."""
        return self._call(TriggerAnswer, "trigger", pond=pond, major=major, kind=kind, bound=bound)

    def control(
        self, pond: str, verb: str, *, major: int | None = None, upstream: bool = False
    ) -> ControlAnswer:
        """Use an operator's verb on a line."""
        return self._call(
            ControlAnswer, "control", pond=pond, major=major, verb=verb, upstream=upstream or None
        )

    def batch(
        self,
        lines: Sequence[str],
        *,
        verb: str | None = None,
        kind: str | None = None,
        bound: float | None = None,
    ) -> BatchAnswer:
        """Use a verb on many lines, or send them one trigger. So many as one request takes go
        together.
        """
        found: BatchAnswer = {"outcomes": []}
        for first in range(0, len(lines), MOST_LINES):
            some = list(lines[first : first + MOST_LINES])
            answer = self._call(BatchAnswer, "batch", lines=some, verb=verb, kind=kind, bound=bound)
            found["outcomes"] += answer["outcomes"]
        return found

    def tag(
        self,
        pond: str | None = None,
        *,
        put: Mapping[str, str] | None = None,
        remove: Sequence[str] | None = None,
    ) -> TagAnswer:
        """Set and remove tags of a Pond, and show them; without a Pond, those of all."""
        gone = list(remove) if remove else None
        return self._call(TagAnswer, "tag", pond=pond, put=put or None, remove=gone)

    def audit(
        self,
        pond: str | None = None,
        *,
        since: Instant | None = None,
        before: Instant | None = None,
        by: str | None = None,
        limit: int = 50,
    ) -> AuditAnswer:
        """Who asked for which changes, newest first."""
        asked = _as_texts({"since": since, "before": before, "by": by, "limit": limit})
        return self._call(AuditAnswer, "audit", pond=pond, **asked)

    def maintenance(self, action: str) -> MaintenanceAnswer:
        """Hold new runs (``on``), let them start again (``off``), or only look (``status``)."""
        return self._call(MaintenanceAnswer, "maintenance", action=action)

    def failure_budget(
        self,
        pond: str,
        *,
        major: int | None = None,
        immediate_retries: int | None = None,
        source_retries: int | None = None,
    ) -> BudgetAnswer:
        """Set the live retry budgets that are given, and show both."""
        given = {"immediate_retries": immediate_retries, "source_retries": source_retries}
        return self._call(BudgetAnswer, "failure-budget", pond=pond, major=major, **given)

    def priority(
        self, pond: str, priority: int | None = None, *, major: int | None = None
    ) -> PriorityAnswer:
        """Set a line's priority at limits, if it is given, and show it."""
        return self._call(PriorityAnswer, "priority", pond=pond, major=major, priority=priority)

    def limit(self, action: str, name: str | None = None, tokens: int | None = None) -> LimitAnswer:
        """Set, list or remove limits."""
        return self._call(LimitAnswer, "limit", action=action, name=name, tokens=tokens)

    def compute(
        self,
        pond: str,
        ripple: str | None = None,
        *,
        major: int | None = None,
        on: str | None = None,
        memory_mib: int | None = None,
    ) -> ComputeAnswer:
        """Say where a Ripple runs (``on`` given), and show where each does."""
        return self._call(
            ComputeAnswer,
            "compute",
            pond=pond,
            major=major,
            ripple=ripple,
            on=on,
            memory_mib=memory_mib,
        )

    def window(
        self,
        pond: str,
        action: str,
        *,
        major: int | None = None,
        window: Mapping[str, object] | None = None,
        name: str | None = None,
    ) -> WindowAnswer:
        """Add, list or remove Windows of an Inlet."""
        return self._call(
            WindowAnswer, "window", pond=pond, major=major, action=action, window=window, name=name
        )

    def stale(
        self,
        pond: str,
        action: str = "show",
        *,
        major: int | None = None,
        bound: Mapping[str, object] | None = None,
    ) -> StaleAnswer:
        """Show how old a line's data may be, or declare it."""
        return self._call(StaleAnswer, "stale", pond=pond, major=major, action=action, bound=bound)

    def status(
        self,
        pond: str | None = None,
        *,
        major: int | None = None,
        lines: Sequence[str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> StatusAnswer:
        """Every line, or one Pond's, or some of all ``lines`` and the names of all, or those with
        ``tags``. What one answer of the function has no room for is asked for again.
        """
        which = {"lines": list(lines) if lines is not None else None, "tags": tags or None}
        answer = self._call(StatusAnswer, "status", pond=pond, major=major, **which)
        while after := answer.pop("next", None):
            more = self._call(StatusAnswer, "status", pond=pond, major=major, after=after, **which)
            limits = answer.get("limits", [])  # of the first answer
            both = [*answer["lines"], *more["lines"]]
            answer = {**more, "now": answer["now"], "lines": both, "limits": limits}
        if tags and any("tags" not in line for line in answer["lines"]):
            # It takes no notice of the tags, and answers with every line.
            raise OlderCatchmentError(self.catchment)
        return answer

    def status_page(
        self,
        limit: int,
        *,
        after: str | None = None,
        statuses: Sequence[str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> StatusAnswer:
        """A page of lines, those first that are not at rest. An older Catchment does not know of
        pages, and answers with all lines.
        """
        asked = {"limit": limit, "after": after, "tags": tags or None}
        answer = self._call(
            StatusAnswer, "status", **asked, statuses=list(statuses) if statuses else None
        )
        if "page" in answer:
            return answer
        if after is not None or statuses:
            raise OperatorError(
                f"Catchment {self.catchment.name!r} is of a release that does not answer by pages.",
                hint="Leave out --after and --status, or upgrade it: docs/aws.md, Upgrading.",
            )
        return self.status(tags=tags)

    def why(self, pond: str, *, major: int | None = None, at: str | None = None) -> WhyAnswer:
        """Why a line runs now, or does not; or did ``at`` an instant."""
        answer = self._call(WhyAnswer, "why", pond=pond, major=major, at=at)
        if at is not None and answer["at"] != at:
            raise OperatorError(
                f"Catchment {self.catchment.name!r} is of a release that explains only what is "
                "now.",
                hint="Upgrade it: docs/aws.md, Upgrading.",
            )
        return answer

    def replay(
        self, pond: str, *, since: str, until: str | None = None, major: int | None = None
    ) -> Iterator[ReplayAnswer]:
        """The commits of a line after an instant: as many answers of the function as it takes."""
        after = None
        while True:
            answer = self.replay_page(pond, since=since, until=until, after=after, major=major)
            yield answer
            after = answer.get("next")
            if after is None:
                return
            until = answer["until"]

    def replay_page(
        self,
        pond: str,
        *,
        since: str,
        until: str | None = None,
        after: str | None = None,
        major: int | None = None,
    ) -> ReplayAnswer:
        """As many commits as one answer has. ``after``: the ``next`` of the answer before."""
        asked = {"since": since, "until": until, "after": after}
        return self._call(ReplayAnswer, "replay", pond=pond, major=major, **asked)

    def runs(
        self,
        pond: str | None = None,
        *,
        major: int | None = None,
        limit: int = 20,
        **only: Unpack[RunsWanted],
    ) -> list[RunRow]:
        """Run history, newest first."""
        return self.some_runs(pond, major=major, limit=limit, **only)["runs"]

    def some_runs(
        self,
        pond: str | None = None,
        *,
        major: int | None = None,
        limit: int = 20,
        **only: Unpack[RunsWanted],
    ) -> RunsAnswer:
        """The same, and where the list goes on that has ended early."""
        texts = _as_texts(only)
        answer = self._call(RunsAnswer, "runs", pond=pond, major=major, limit=limit, **texts)
        by = only.get("by")
        if by and not all(matches(by, row.get("by") or "") for row in answer["runs"]):
            raise OperatorError(
                f"Catchment {self.catchment.name!r} is of a release that does not list runs by who "
                "asked.",
                hint="Upgrade it: docs/aws.md, Upgrading.",
            )
        return answer

    def cost(
        self,
        pond: str | None = None,
        *,
        major: int | None = None,
        limit: int,
        **only: Unpack[RunsWanted],
    ) -> CostAnswer:
        """What runs have used, newest first."""
        asked = {"pond": pond, "major": major, "limit": limit, **_as_texts(only)}
        return self._call(CostAnswer, "cost", **asked)

    def run(self, run: str) -> RunAnswer:
        """One run with its attempts."""
        return self._call(RunAnswer, "run", run=run)

    def doctor(self) -> DoctorAnswer:
        """What is wrong with lines."""
        return self._call(DoctorAnswer, "doctor")

    def tables(
        self, pond: str, *, major: int | None = None, snapshot: int | None = None
    ) -> TablesAnswer:
        """The published snapshot of a line, or an earlier one that is kept, by its number."""
        answer = self._call(TablesAnswer, "tables", pond=pond, major=major, snapshot=snapshot)
        if snapshot is not None and answer["snapshot"] != snapshot:
            raise OperatorError(
                f"Catchment {self.catchment.name!r} is of a release that shows only what is "
                "published.",
                hint="Upgrade it: docs/aws.md, Upgrading.",
            )
        return answer

    def snapshots(
        self,
        schemas: Sequence[str] | None = None,
        *,
        consistent: bool = False,
        at: str | None = None,
    ) -> SnapshotsAnswer:
        """The snapshots that schemas of SQL over all Ponds mean, or of all lines. What one answer
        of the function has no room for is asked for again, as of the same freshness.
        """
        asked = list(schemas) if schemas is not None else None
        answer = self._call(
            SnapshotsAnswer, "snapshots", schemas=asked, consistent=consistent or None, at=at
        )
        f = answer.get("f")
        while after := answer.pop("next", None):
            more = self._call(SnapshotsAnswer, "snapshots", schemas=asked, at=f, after=after)
            answer = {**more, "snapshots": [*answer["snapshots"], *more["snapshots"]]}
        return answer

    def kept(
        self, pond: str, *, major: int | None = None, limit: int, before: int | None = None
    ) -> KeptAnswer:
        """The newest ``limit`` snapshots of a line that are kept; those ``before`` a number."""
        answer = self._call(KeptAnswer, "kept", pond=pond, major=major, before=before)
        while answer.get("next") is not None and len(answer["snapshots"]) < limit:
            more = self._call(KeptAnswer, "kept", pond=pond, major=major, before=answer["next"])
            answer = {**more, "snapshots": [*answer["snapshots"], *more["snapshots"]]}
        if len(answer["snapshots"]) > limit:
            shown = answer["snapshots"][:limit]
            answer = {**answer, "snapshots": shown, "next": shown[-1]["snapshot"]}
        return answer

    def number_before(self, pond: str, major: int, number: int) -> int | None:
        """The number of the kept snapshot before another one of a line. None: there is none."""
        found = self.kept(pond, major=major, limit=1, before=number)["snapshots"]
        return found[0]["snapshot"] if found else None

    def lake(self) -> LakeAnswer:
        """Where the lake lies."""
        return self._call(LakeAnswer, "lake")

    def repair(self) -> RepairAnswer:
        """Have the lake and the Iceberg tables compared with what is published."""
        return self._call(RepairAnswer, "repair")

    def publish(
        self,
        pond: str,
        *,
        major: int | None = None,
        at: str | None = None,
        snapshot: int | None = None,
        over: int | None = None,
        dry: bool = False,
    ) -> PublishAnswer:
        """Publish an earlier snapshot again, if ``over`` is what is published. ``dry``: only say
        what it would change.
        """
        which = {"at": at, "snapshot": snapshot, "over": over}
        return self._call(PublishAnswer, "publish", pond=pond, major=major, dry=dry, **which)

    def lineage(
        self,
        pond: str,
        *,
        major: int | None = None,
        table: str | None = None,
        up: int | None = None,
        down: int | None = None,
    ) -> LineageAnswer:
        """Tables, those that they come from, and those that come of them: so many steps far, or
        one.
        """
        return self._call(
            LineageAnswer, "lineage", pond=pond, major=major, table=table, up=up, down=down
        )

    def trace(
        self,
        pond: str,
        writers: Sequence[str],
        *,
        major: int | None = None,
        depth: int | None = None,
    ) -> TraceAnswer:
        """Attempts of a line, and those by way of which their input was made."""
        return self._call(
            TraceAnswer, "trace", pond=pond, writers=list(writers), major=major, depth=depth
        )

    def remove(
        self,
        pond: str,
        *,
        major: int | None = None,
        version: str | None = None,
        table: str | None = None,
        dry: bool = False,
    ) -> RemoveAnswer:
        """Remove a line, one version, or one table. ``dry``: only say what would go."""
        return self._call(
            RemoveAnswer, "remove", pond=pond, major=major, version=version, table=table, dry=dry
        )

    def add_arrival(
        self, pond: str, arrival: ArrivalRow, *, major: int | None = None
    ) -> ArrivalAnswer:
        """Add a rule. Answers all of the line's."""
        return self._call(
            ArrivalAnswer, "arrival", pond=pond, major=major, action="add", arrival=arrival
        )

    def arrivals(self, pond: str, *, major: int | None = None) -> ArrivalAnswer:
        """A line's rules."""
        return self._call(ArrivalAnswer, "arrival", pond=pond, major=major, action="list")

    def backlog(
        self, pond: str, *, major: int | None = None, after: int | None = None
    ) -> BacklogAnswer:
        """The objects that arrived and wait, a page of them."""
        return self._call(BacklogAnswer, "backlog", pond=pond, major=major, after=after)

    def remove_arrival(self, pond: str, name: str, *, major: int | None = None) -> ArrivalAnswer:
        """Remove a rule. Answers those that are left."""
        return self._call(
            ArrivalAnswer, "arrival", pond=pond, major=major, action="remove", name=name
        )

    def _call(self, shape: type[Answer], op: str, **arguments: object) -> Answer:
        """The answer of one operation, which has this ``shape``."""
        given = {name: value for name, value in arguments.items() if value is not None}
        request = {"op": op, **given}
        if level_for(request) != "viewer":
            request |= {"note": self._note} if self._note else {}
            request |= {"caller": {"via": self.via}} if self.via else {}
        try:
            answer = self._invoke(request)
        except KeyboardInterrupt as interrupt:
            if op not in CHANGES:  # a change goes on, once it was sent
                raise
            raise BrokenOffError(
                "Not waited for; the Catchment may do it all the same. Look: duckstring status "
                "--once"
            ) from interrupt
        if not answer.get("ok"):
            error = answer.get("error") or {}
            raise CatchmentRefusedError(
                **{
                    name: str(error.get(name) or "")
                    for name in ("type", "message", "hint", "traceback")
                }
            )
        result: Answer = answer["result"]
        return result


def _as_texts(only: Mapping[str, object]) -> dict[str, object]:
    return {
        name: to_text(value) if isinstance(value, Instant) else value
        for name, value in only.items()
    }
