"""The client of a Catchment: it invokes the functions that answer people, with the user's own
credentials.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar, Unpack, cast

from duckstring.errors import OperatorError
from duckstring.model.access import LEVELS, Level, level_for, levels_from
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
from duckstring.model.instants import Instant, to_text
from duckstring.model.schema import CHANGES, SCHEMA
from duckstring_cli import catchments
from duckstring_cli.calling import by_this_user, proven
from duckstring_cli.catchments import Catchment
from duckstring_cli.errors import (
    DENIED,
    AccessError,
    BrokenOffError,
    CatchmentRefusedError,
    NotRunningError,
    aws_code,
)

if TYPE_CHECKING:
    from duckstring_cli.local.door import Door

Answer = TypeVar("Answer", bound=Mapping[str, object])

Invoke = Callable[[Mapping[str, object]], Mapping[str, Any]]
"""One call of the api function: its request to its answer, both JSON objects."""

FUNCTIONS: Mapping[Level, str] = {
    "viewer": "ViewerFunction",
    "operator": "OperatorFunction",
    "deployer": "ApiFunction",
}
"""The stack's outputs that name the function of each level. Stacks of earlier releases have the
api function alone.
"""

PEOPLE = 'docs/aws.md, "People"'
"""Where the policies for people are explained."""

MOST_LINES = 200
"""In one request."""

_LOGIN = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
_UNKNOWN = {
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "AuthFailure",
}
_REPLACED = {"ResourceNotFoundException"}
_GONE = {"ResourceNotFoundException", "ValidationError", "NoSuchBucket"}


class RunsWanted(TypedDict, total=False):
    """Which runs: of one status, begun at ``since`` or later and earlier than ``until``, older than
    the run ``before``, of Ponds with all these ``tags``.
    """

    status: str | None
    since: Instant | None
    until: Instant | None
    before: str | None
    tags: Mapping[str, str] | None


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
        self._invoke = invoke or open_door(catchment)
        self._note, self.via = note, via

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
        before: str | None = None,
        by: str | None = None,
        limit: int = 50,
    ) -> AuditAnswer:
        """Who asked for which changes, newest first."""
        from_then = to_text(since) if since else None
        asked = {"since": from_then, "before": before, "by": by, "limit": limit}
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
        return answer

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
        asked = {"pond": pond, "major": major, "since": since, "until": until}
        after = None
        while True:
            answer = self._call(ReplayAnswer, "replay", **asked, after=after)
            yield answer
            after = answer.get("next")
            if after is None:
                return
            asked["until"] = answer["until"]

    def runs(
        self,
        pond: str | None = None,
        *,
        major: int | None = None,
        limit: int = 20,
        **only: Unpack[RunsWanted],
    ) -> list[RunRow]:
        """Run history, newest first."""
        texts = _as_texts(only)
        answer = self._call(RunsAnswer, "runs", pond=pond, major=major, limit=limit, **texts)
        return answer["runs"]

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


def open_door(catchment: Catchment, *, patience: float | None = None) -> Invoke:
    """The way to the api function. ``patience``: seconds to wait for an answer; None: as long as
    a deploy may take.
    """
    return (LocalDoor if catchment.kind == "local" else LambdaDoor)(catchment, patience=patience)


class LocalDoor:
    """The api function of a Catchment on this machine. Its key permits everything, so the others
    would only be two more cold starts.
    """

    def __init__(self, catchment: Catchment, *, patience: float | None = None) -> None:
        self._catchment, self._patience = catchment, patience
        self._open: Door | None = None

    def __call__(self, request: Mapping[str, object]) -> Mapping[str, Any]:
        """Invoke it.

        Raises:
            NotRunningError: nothing answers, or holds no stack.
            OperatorError: the function broke.
        """
        from duckstring_cli.local.door import RefusedError, UnansweredError

        try:
            self._open = self._open or self._opened()
            payload, is_broken = self._open.invoke(_signed(by_this_user(request)))
        except UnansweredError as error:
            raise not_running(self._catchment) from error
        except RefusedError as error:
            raise _denied(self._catchment, "Invoke", error.code, error.message) from error
        if is_broken:
            raise _broken(self._catchment, payload)
        return _told(self._catchment, cast("Mapping[str, Any]", payload))

    def _opened(self) -> Door:
        from duckstring_cli.local.door import Door

        one = self._catchment
        key = catchments.require_running(one, patience=self._patience)
        function = catchments.outputs(one)["ApiFunction"]
        opened = Door(port=one.port, region=one.region, function=function, key=key)
        return opened if self._patience is None else replace(opened, patience=self._patience)


class LambdaDoor:
    """The functions of a Catchment in AWS, found once by the stack's outputs.

    A request goes to the function of the least level that serves it. If this user may not invoke
    that one, those above it are tried: a policy may name the api function alone.
    """

    def __init__(self, catchment: Catchment, *, patience: float | None = None) -> None:
        self._catchment, self._patience = catchment, patience
        self._open: tuple[Any, Mapping[str, str]] | None = None
        self._denied: set[str] = set()
        self._is_renewed = False

    def __call__(self, request: Mapping[str, object]) -> Mapping[str, Any]:
        """Invoke it.

        Raises:
            NotRunningError: nothing answers.
            AccessError: AWS does not let this user in.
            OperatorError: the function broke.
        """
        needed = level_for(request)
        with translated_errors(self._catchment, doing=f"{request['op']}", needed=needed):
            answer = self._asked(needed, json.dumps(_signed(self._proven(request))).encode())
            payload = json.loads(answer["Payload"].read() or b"null")
        if answer.get("FunctionError"):
            raise _broken(self._catchment, payload)
        return _told(self._catchment, cast("Mapping[str, Any]", payload))

    def _proven(self, request: Mapping[str, object]) -> Mapping[str, object]:
        bucket = self._opened()[1].get("Bucket", "")
        access = catchments.session(self._catchment)
        return proven(request, access, region=self._catchment.region, bucket=bucket)

    def level(self) -> Level | None:
        """The highest level that this user has. Nothing is invoked to find it out.

        Raises:
            NotRunningError: nothing answers.
        """
        with translated_errors(self._catchment):
            found = self._highest()
            return self._highest() if found is None and self._renewed() else found

    def _highest(self) -> Level | None:
        from botocore.exceptions import ClientError

        function, outputs = self._opened()
        for level in reversed(LEVELS):
            try:
                if name := outputs.get(FUNCTIONS[level]):
                    function.invoke(FunctionName=name, InvocationType="DryRun")
                    return level
            except ClientError as error:
                if aws_code(error) not in DENIED | _REPLACED:
                    raise
        return None

    def _asked(self, needed: Level, payload: bytes) -> Mapping[str, Any]:
        from botocore.exceptions import ClientError

        try:
            return self._first(needed, payload)
        except ClientError as error:
            # The outputs that are remembered may be those of a stack before its upgrade.
            if aws_code(error) not in DENIED | _REPLACED or not self._renewed():
                raise
            return self._first(needed, payload)

    def _first(self, needed: Level, payload: bytes) -> Mapping[str, Any]:
        """The answer of the first function that lets this user in. A call that is denied has done
        nothing, so the next one may be tried.
        """
        from botocore.exceptions import ClientError

        function, outputs = self._opened()
        serving = [
            outputs[out] for one in levels_from(needed) if (out := FUNCTIONS[one]) in outputs
        ]
        denied: list[ClientError] = []
        for name in [one for one in serving if one not in self._denied] or serving:
            try:
                answer: Mapping[str, Any] = function.invoke(FunctionName=name, Payload=payload)
            except ClientError as error:
                if aws_code(error) not in DENIED:
                    raise
                self._denied.add(name)
                denied.append(error)
            else:
                self._denied.discard(name)
                return answer
        raise denied[0]

    def _renewed(self) -> bool:
        """Whether the stack, asked once, has other functions than those that are remembered."""
        if self._is_renewed:
            return False
        self._is_renewed = True
        client, held = self._opened()
        try:
            found = catchments.renew(self._catchment)
        except OperatorError:
            return False
        self._open = client, found
        return any(held.get(out) != found.get(out) for out in FUNCTIONS.values())

    def _opened(self) -> tuple[Any, Mapping[str, str]]:
        if self._open is None:
            outputs = catchments.outputs(self._catchment)
            self._open = (_client(self._catchment, self._patience), outputs)
        return self._open


def _signed(request: Mapping[str, object]) -> Mapping[str, object]:
    """A newer Catchment lets a command that knows an older schema look, and change nothing."""
    return {**request, "schema": SCHEMA}


def _told(catchment: Catchment, answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """The answer, unless the Catchment is too old to know the question.

    Raises:
        OlderCatchmentError: it is.
    """
    error = answer.get("error") or {}
    if str(error.get("message", "")).startswith("No operation "):
        raise OlderCatchmentError(catchment)
    return answer


class OlderCatchmentError(OperatorError):
    """The Catchment is of an older release than the command."""

    def __init__(self, catchment: Catchment) -> None:
        """Say how this Catchment is upgraded."""
        super().__init__(
            f"Catchment {catchment.name!r} is of an older release than this command, and cannot "
            "answer it.",
            hint=f"Upgrade the Catchment: {upgrading(catchment)}",
        )


def upgrading(catchment: Catchment) -> str:
    """How to bring a Catchment to this command's release."""
    if catchment.kind == "local":
        return f"duckstring catchment start {catchment.name}"
    return "npx aws-cdk@2 deploy, with its options (docs/aws.md, Upgrading)"


def _client(catchment: Catchment, patience: float | None) -> Any:  # noqa: ANN401 - botocore's clients have no static type without a service
    from botocore.config import Config

    # A repeated invoke is a second trigger: no retries, and time enough for a deploy that imports
    # every Pond.
    config = Config(
        connect_timeout=min(5, patience or 5),
        read_timeout=patience or 900,
        retries={"total_max_attempts": 1},
    )
    access = catchments.session(catchment)
    return access.session.client("lambda", endpoint_url=access.endpoint, config=config)


def _broken(catchment: Catchment, payload: object) -> OperatorError:
    found = payload if isinstance(payload, dict) else {}
    lines = str(found.get("errorMessage") or payload).strip().splitlines() or ["nothing"]
    return OperatorError(
        (
            f"The function that answers for Catchment {catchment.name!r} broke: "
            f"{found.get('errorType', 'error')}: {lines[-1]}"
        ),
        hint=(
            "This is a bug or a half-finished deployment of the Catchment: start it again, or "
            "report it."
        ),
    )


@contextmanager
def translated_errors(
    catchment: Catchment, *, doing: str = "", needed: Level | None = None
) -> Iterator[None]:
    """Turn what botocore raises into one clear line about this Catchment. ``doing``: what was asked
    for, which needs the level ``needed``.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except BotoCoreError as error:
        raise _unreached(catchment, error) from error
    except ClientError as error:
        found = error.response.get("Error", {})
        detail = found.get("Message", "") or str(error)
        code = found.get("Code", "")
        if needed and code in DENIED:
            raise _without(needed, doing, catchment, detail) from error
        raise _denied(catchment, error.operation_name, code, detail) from error


def _without(needed: Level, doing: str, catchment: Catchment, detail: str) -> AccessError:
    return AccessError(
        f"{doing} on Catchment {catchment.name!r} needs its {needed} policy, which your "
        f"credentials do not have: {detail}",
        hint=f"Ask the owner of the account for it: {PEOPLE}.",
    )


def _unreached(catchment: Catchment, error: Exception) -> OperatorError:
    from botocore import exceptions as e

    if isinstance(error, e.EndpointConnectionError | e.ConnectionError | e.HTTPClientError):
        return not_running(catchment)
    if isinstance(error, e.ProfileNotFound):
        return AccessError(
            f"There is no AWS profile {catchment.profile!r} on this machine.",
            hint="See your profiles: aws configure list-profiles",
        )
    if isinstance(error, e.NoRegionError):
        return AccessError(
            f"Catchment {catchment.name!r} has no AWS region.",
            hint="Connect it again with --region.",
        )
    if isinstance(
        error, e.NoCredentialsError | e.PartialCredentialsError | e.CredentialRetrievalError
    ):
        return AccessError(
            f"No AWS credentials for Catchment {catchment.name!r}.", hint=_login_hint(catchment)
        )
    if type(error).__name__ in {
        "UnauthorizedSSOTokenError",
        "SSOTokenLoadError",
        "TokenRetrievalError",
        "SSOError",
        "LoginRefreshRequired",
    }:
        return AccessError("Your AWS login has expired.", hint=_login_hint(catchment))
    return OperatorError(f"AWS cannot be asked about Catchment {catchment.name!r}: {error}")


def not_running(catchment: Catchment) -> OperatorError:
    """The Catchment does not answer: what to do depends on where it is."""
    if catchment.kind == "local":
        return NotRunningError(
            f"Catchment {catchment.name!r} is not running.",
            hint=f"Start it: duckstring catchment start {catchment.name}",
        )
    where = f" in {catchment.region}" if catchment.region else ""
    return NotRunningError(
        f"AWS{where} cannot be reached.",
        hint="Check the network, and the region: duckstring catchment list",
    )


def _denied(catchment: Catchment, operation: str, code: str, detail: str) -> OperatorError:
    if code in _LOGIN:
        return AccessError("Your AWS login has expired.", hint=_login_hint(catchment))
    if code in _UNKNOWN:
        return AccessError(
            f"AWS does not know the credentials used for Catchment {catchment.name!r} ({code}).",
            hint=_login_hint(catchment),
        )
    if code in DENIED:
        return AccessError(
            f"AWS does not allow {operation} on Catchment {catchment.name!r}: {detail}",
            hint=f"Ask the owner of the account for the policy that allows it: {PEOPLE}.",
        )
    if code in _GONE:
        return _gone(catchment, detail)
    return OperatorError(f"{operation} on Catchment {catchment.name!r} failed: {code}: {detail}")


def _gone(catchment: Catchment, detail: str) -> OperatorError:
    if catchment.kind == "local":
        return NotRunningError(
            f"Catchment {catchment.name!r} runs but is not deployed: {detail}",
            hint=f"Start it again: duckstring catchment start {catchment.name}",
        )
    return NotRunningError(
        f"Stack {catchment.stack!r} of Catchment {catchment.name!r} is not there: {detail}",
        hint="Check stack, profile and region: duckstring catchment list",
    )


def _login_hint(catchment: Catchment) -> str:
    profile = f" --profile {catchment.profile}" if catchment.profile else ""
    return f"Log in: aws sso login{profile}, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."


def _as_texts(only: Mapping[str, object]) -> dict[str, object]:
    return {
        name: to_text(value) if isinstance(value, Instant) else value
        for name, value in only.items()
    }
