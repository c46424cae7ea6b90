"""The requests of the api, one class each: docs/protocol.md, "Api function".

A request is checked here once, so a use case gets valid values only. The use case itself checks
what depends on more than one field, or on what is deployed. A field that is null counts as left
out. An unknown field is ignored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

from msgspec import NODEFAULT, Meta, Struct, ValidationError, convert
from msgspec.structs import fields

from duckstring.engine.signals import Verb
from duckstring.errors import OperatorError
from duckstring.model.arrivals import ArrivalKind
from duckstring.model.catalog import MOST_RETRIES
from duckstring.model.compute import LEAST_MIB, MOST_MIB, PinnedPlace
from duckstring.model.limits import MOST_PRIORITY, MOST_TOKENS
from duckstring.model.names import LIMIT_NAME, LIMIT_NAME_WORDS, MOST_MAJOR
from duckstring.model.statuses import StatusWord
from duckstring.model.wire import shown, storable

MOST_RUNS = 1000
MOST_LINES = 200
MOST_STEPS = 5000
MOST_NAME = 600
RunWord = Literal["running", "success", "pass", "failed", "killed", "removal", "rollback"]
Action = Literal["add", "list", "remove"]
LimitAction = Literal["set", "list", "remove"]
Switch = Literal["on", "off", "status"]
Asked = TypeVar("Asked", bound=Struct)

_RETRIES = f"whole numbers from 0 to {MOST_RETRIES}"
_MEMORY = f"whole numbers from {LEAST_MIB} to {MOST_MIB}"
_PACKAGES = "a list of objects with manifest (an object), artifact and sha256 (text)"
_RULE_NAME = "a lower-case letter, then up to 47 of a-z 0-9 _ -"
_LONGEST_SHOWN = 80
RULE = "an object: name, bucket, prefix, suffix, kind"

Major = Annotated[int, Meta(ge=0, le=MOST_MAJOR, description="a whole number")]
Text = Annotated[str, Meta(min_length=1, description="text")]
Asker = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MOST_NAME,
        pattern=r"\S",
        description=f"a name of 1 to {MOST_NAME} characters",
    ),
]
Number = Annotated[int, Meta(ge=1, le=10**10, description="a whole number from 1")]
Retries = Annotated[int, Meta(ge=0, le=MOST_RETRIES, description=_RETRIES)]
Memory = Annotated[int, Meta(ge=LEAST_MIB, le=MOST_MIB, description=_MEMORY)]
Priority = Annotated[
    int, Meta(ge=0, le=MOST_PRIORITY, description=f"whole numbers from 0 to {MOST_PRIORITY}")
]
Tokens = Annotated[
    int, Meta(ge=0, le=MOST_TOKENS, description=f"whole numbers from 0 to {MOST_TOKENS}")
]
LimitName = Annotated[str, Meta(pattern=LIMIT_NAME.pattern, description=LIMIT_NAME_WORDS)]
Limit = Annotated[int, Meta(ge=1, le=MOST_RUNS, description=f"1 to {MOST_RUNS}")]
Lines = Annotated[
    list[Text],
    Meta(max_length=MOST_LINES, description=f"a list of at most {MOST_LINES} lines"),
]
SomeLines = Annotated[
    list[Text],
    Meta(
        min_length=1,
        max_length=MOST_LINES,
        description=f"a list of 1 to {MOST_LINES} lines, such as sales@1",
    ),
]
Words = Annotated[
    list[StatusWord], Meta(min_length=1, max_length=8, description="a list of 1 to 8 statuses")
]
TagMap = Annotated[dict[str, str], Meta(description="an object of texts")]
Schemas = Annotated[
    list[Text],
    Meta(
        min_length=1,
        max_length=MOST_LINES,
        description=f"a list of 1 to {MOST_LINES} schemas, such as sales, sales_v1 or sales@1",
    ),
]
Steps = Annotated[
    int, Meta(ge=0, le=MOST_STEPS, description=f"whole numbers from 0 to {MOST_STEPS}")
]
Writers = Annotated[
    list[Text],
    Meta(
        min_length=1,
        max_length=MOST_LINES,
        description=f"a list of 1 to {MOST_LINES} texts such as 42-load-1",
    ),
]
RuleName = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_-]{0,47}\Z", description=_RULE_NAME)]
BucketName = Annotated[str, Meta(min_length=1, description="a bucket's name")]


class NothingAsked(Struct, frozen=True):
    """``hello``, ``lake``, ``repair`` and ``doctor``."""


class Uploaded(Struct, frozen=True):
    """A Pond to deploy: its pond.toml as an object, and where its package lies."""

    manifest: dict[str, Any]
    artifact: str
    sha256: str


class DeployRequest(Struct, frozen=True):
    """``deploy``."""

    ponds: Annotated[list[Uploaded], Meta(description=_PACKAGES)]
    overwrite: bool = False


class BatchRequest(Struct, frozen=True):
    """``batch``: a verb or a trigger for many lines."""

    lines: SomeLines
    verb: Verb | None = None
    kind: Text | None = None
    bound: object = None


class TagRequest(Struct, frozen=True):
    """``tag``. Without ``put`` and ``remove`` it only shows the tags; without a Pond, those of
    all.
    """

    pond: Text | None = None
    put: TagMap | None = None
    remove: list[Text] | None = None


class AuditRequest(Struct, frozen=True):
    """``audit``. ``since`` and ``before`` are instants: the second is the ``next`` of the answer
    before.
    """

    pond: Text | None = None
    since: Text | None = None
    before: Text | None = None
    by: Text | None = None
    limit: Limit = 50


class MaintenanceRequest(Struct, frozen=True):
    """``maintenance``."""

    action: Switch


class TriggerRequest(Struct, frozen=True):
    """``trigger``. ``model.triggers`` checks ``kind`` and ``bound`` together, for the api and for
    the bus.
    """

    pond: Text
    kind: Text
    major: Major | None = None
    bound: object = None


class ControlRequest(Struct, frozen=True):
    """``control``."""

    pond: Text
    verb: Verb
    major: Major | None = None
    upstream: bool = False


class BudgetRequest(Struct, frozen=True):
    """``failure-budget``."""

    pond: Text
    major: Major | None = None
    immediate_retries: Retries | None = None
    source_retries: Retries | None = None


class PriorityRequest(Struct, frozen=True):
    """``priority``. Without ``priority`` it only shows it."""

    pond: Text
    major: Major | None = None
    priority: Priority | None = None


class LimitRequest(Struct, frozen=True):
    """``limit``. ``set`` needs ``name`` and ``tokens``, ``remove`` needs ``name``."""

    action: LimitAction
    name: LimitName | None = None
    tokens: Tokens | None = None


class ComputeRequest(Struct, frozen=True):
    """``compute``. Without ``on`` it only shows the settings. ``ripple`` may be left out if there
    is only one.
    """

    pond: Text
    major: Major | None = None
    ripple: str | None = None
    on: PinnedPlace | None = None
    memory_mib: Memory | None = None


class WindowRequest(Struct, frozen=True):
    """``window``. ``model.window_rules`` checks the rule."""

    pond: Text
    action: Action
    major: Major | None = None
    window: object = None
    name: Text | None = None


class StaleRequest(Struct, frozen=True):
    """``stale``. ``model.staleness`` checks the bound. ``tide``: the Tide's counts again."""

    pond: Text
    major: Major | None = None
    action: Literal["show", "set", "tide"] = "show"
    bound: object = None


class StatusRequest(Struct, frozen=True):
    """``status``. ``lines``: only these of all. ``tags``: only lines of Ponds that have all these.
    ``after``: the ``next`` of the answer before. With ``limit`` or ``statuses`` the answer is a
    page.
    """

    pond: str | None = None
    major: Major | None = None
    lines: Lines | None = None
    tags: TagMap | None = None
    after: Text | None = None
    limit: Limit | None = None
    statuses: Words | None = None

    @property
    def is_page(self) -> bool:
        """Whether a page is asked for, and not the whole."""
        return self.limit is not None or self.statuses is not None


class RunsRequest(Struct, frozen=True):
    """``runs``. ``since`` and ``until`` are instants, ``before`` is a run. ``tags``: only runs of
    Ponds that have all these. ``by``: a name of who asked.
    """

    pond: str | None = None
    major: Major | None = None
    status: RunWord | None = None
    since: str | None = None
    until: str | None = None
    before: str | None = None
    tags: TagMap | None = None
    by: Asker | None = None
    limit: Limit = 20


class CostRequest(Struct, frozen=True):
    """``cost``. ``since`` and ``until`` are instants, ``before`` is a run."""

    pond: str | None = None
    major: Major | None = None
    since: str | None = None
    until: str | None = None
    before: str | None = None
    limit: Limit = MOST_RUNS


class RunRequest(Struct, frozen=True):
    """``run``."""

    run: Text


class TablesRequest(Struct, frozen=True):
    """``tables``. ``snapshot``: the number of an earlier one; null: what is published."""

    pond: Text
    major: Major | None = None
    snapshot: Number | None = None


class SnapshotsRequest(Struct, frozen=True):
    """``snapshots``. Without ``schemas``: of all lines. ``at`` is an instant. ``after``: the
    ``next`` of the answer before.
    """

    schemas: Schemas | None = None
    consistent: bool = False
    at: str | None = None
    after: Text | None = None


class KeptRequest(Struct, frozen=True):
    """``kept``. ``before``: the ``next`` of the answer before, a snapshot's number."""

    pond: Text
    major: Major | None = None
    before: Number | None = None


class PublishRequest(Struct, frozen=True):
    """``publish``. ``at`` is an instant, ``snapshot`` the number of one: give one of them.
    ``over``: what is published now, as far as the caller knows.
    """

    pond: Text
    major: Major | None = None
    at: Text | None = None
    snapshot: Number | None = None
    over: Number | None = None
    dry: bool = False


class LineageRequest(Struct, frozen=True):
    """``lineage``. ``up`` and ``down``: how many tables far."""

    pond: Text
    major: Major | None = None
    table: Text | None = None
    up: Steps = 1
    down: Steps = 1


class TraceRequest(Struct, frozen=True):
    """``trace``. ``writers``: attempts of the line, as ``RUN-RIPPLE-ATTEMPT``."""

    pond: Text
    writers: Writers
    major: Major | None = None
    depth: Steps = MOST_STEPS


class WhyRequest(Struct, frozen=True):
    """``why``. ``at``: an instant of the past; null: now."""

    pond: Text
    major: Major | None = None
    at: Text | None = None


class ReplayRequest(Struct, frozen=True):
    """``replay``. ``since`` and ``until`` are instants. ``after``: the ``next`` of the answer
    before.
    """

    pond: Text
    since: Text
    major: Major | None = None
    until: Text | None = None
    after: Text | None = None


class RemoveRequest(Struct, frozen=True):
    """``remove``."""

    pond: Text
    major: Major | None = None
    version: str | None = None
    table: str | None = None
    dry: bool = False


class ArrivalRequest(Struct, frozen=True):
    """``arrival``. ``arrival``: an ArrivalRule."""

    pond: Text
    action: Action
    major: Major | None = None
    arrival: Annotated[dict[str, Any], Meta(description=RULE)] | None = None
    name: Text | None = None


class BacklogRequest(Struct, frozen=True):
    """``backlog``. ``after``: the ``next`` of the answer before."""

    pond: Text
    major: Major | None = None
    after: Annotated[int, Meta(ge=0, description="a whole number")] | None = None


class ArrivalRule(Struct, frozen=True):
    """The rule that an ``arrival`` adds."""

    name: RuleName
    bucket: BucketName
    prefix: str = ""
    suffix: str = ""
    kind: ArrivalKind = "pulse"


def read(
    shape: type[Asked], given: Mapping[str, object], refused: type[OperatorError] = OperatorError
) -> Asked:
    """Read a request from its wire form.

    Raises:
        OperatorError: (of the class ``refused``) with a line for each field that is wrong.
    """
    present = {name: storable(value) for name, value in given.items() if value is not None}
    try:
        return convert(present, shape)
    except ValidationError as error:
        raise refused("\n".join(_faults(shape, present))) from error


def missing(name: str, allowed: str = "text") -> OperatorError:
    """The refusal of a request without a field that its action needs."""
    return OperatorError(f"{name} is missing; allowed: {allowed}.")


def _faults(shape: type[Struct], present: Mapping[str, object]) -> Iterator[str]:
    for field in fields(shape):
        value = present.get(field.name)
        if field.default is NODEFAULT and value in (None, ""):
            yield missing(field.name, _allowed(field.type)).message
        elif value is not None and not _fits(value, field.type):
            found = shown(value, _LONGEST_SHOWN, text_form=repr)
            yield f"{field.name} is {found}; allowed: {_allowed(field.type)}."


def _fits(value: object, kind: Any) -> bool:  # noqa: ANN401 - a type is any value
    try:
        convert(value, kind)
    except ValidationError:
        return False
    return True


def _allowed(kind: Any) -> str:  # noqa: ANN401 - a type is any value
    """What a field accepts, in words: from its type, or from the text beside it."""
    if get_origin(kind) is Annotated:
        return str(kind.__metadata__[0].description)
    if get_origin(kind) is Literal:
        return ", ".join(get_args(kind))
    if kind in _WORDS:
        return _WORDS[kind]
    return next(_allowed(one) for one in get_args(kind) if one is not type(None))


_WORDS: Mapping[object, str] = {int: "a whole number", bool: "true or false", str: "text"}
