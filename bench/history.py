"""History and status of a large Catchment: what each look asks of DynamoDB.

`python -m bench history` fills a table with 100,000 runs, in the items that the adapters write, and
asks for lists of them; and one with lines at rest, and asks for their status. The table is moto's,
in this process, and what it takes is left out: *time* is what our own code takes, without the
answers. Units are read units, by the sizes of items.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from math import ceil
from threading import local
from types import SimpleNamespace
from typing import Any, cast

import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import Table
from typing_extensions import override

from bench.table import Figure
from duckstring.adapters.aws.catalog import DynamoCatalog
from duckstring.adapters.aws.clients import Clients
from duckstring.adapters.aws.history import MOST_LOOKED, DynamoHistory, DynamoHistoryReader
from duckstring.adapters.aws.limits import DynamoLimits
from duckstring.adapters.aws.operated import DynamoOperated
from duckstring.adapters.aws.reader import DynamoStateReader
from duckstring.adapters.aws.rest_index import SETTLED, DynamoRestIndex
from duckstring.adapters.aws.state import DynamoStateStore, size_of
from duckstring.adapters.aws.sweeper import AttemptRowReader
from duckstring.api.requests import StatusRequest
from duckstring.api.status import status
from duckstring.engine.effects import RecordRun
from duckstring.engine.state import PondState
from duckstring.model.failures import Failure
from duckstring.model.names import Line
from duckstring.model.said import Said
from duckstring.model.values import replace
from duckstring.orchestrator.ports import Held
from duckstring.ports import RunFilter
from duckstring.testing.simulator import START, World, chain_of, pond, seconds
from tests.integration.aws import REGION, Catchment, catchment

RUNS, LINES = 100_000, 200
IDLE = (10, 100, 1_000, 5_000)
NOT_AT_REST = 5
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
TABLE = "catchment"
ROBOT = "arn:aws:sts::123456789012:assumed-role/ci/build"
ALICE = "arn:aws:iam::123456789012:user/alice"
FAILURE = Failure("load", 1, "ValueError", "no such rate")
_KIB_4 = 4096


class PartitionedTable(Table):
    """moto's table, which compares and sorts all items for each query. Here it takes those of the
    partition.
    """

    def __init__(self, plain: Table) -> None:
        vars(self).update(vars(plain))
        self._of: dict[str, dict[tuple[str, str], Item]] = {}
        self._here = local()

    def keep(self, item: Mapping[str, Any]) -> None:
        pk, sk = DynamoType(item["pk"]), DynamoType(item["sk"])
        made = self.items[pk][sk] = Item(pk, sk, dict(item))
        for name in ("pk", "gsi1pk", "gsi2pk"):
            if name in item:
                partition = self._of.setdefault(item[name]["S"], {})
                partition[item["pk"]["S"], item["sk"]["S"]] = made

    @override
    def query(self, hash_key: Any, *given: Any, **named: Any) -> Any:
        conditions = named.get("hash_key_conditions") or [("", hash_key)]
        self._here.partition = conditions[0][1].value
        return super().query(hash_key, *given, **named)

    @override
    def all_items(self) -> list[Item]:
        return [*self._of.get(self._here.partition, {}).values()]


class Filler:
    """What adapters write, put into moto's table at once: 100,000 requests would take an hour."""

    def __init__(self) -> None:
        tables = dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION].tables
        self._table = tables[TABLE] = PartitionedTable(tables[TABLE])
        self.dynamodb = SimpleNamespace(put_item=self.put_item, update_item=self.update_item)

    def put_item(self, **given: Any) -> None:
        self._table.keep(given["Item"])

    def update_item(self, **given: Any) -> None:
        """``SET #a = :a, ...``, of a row of history."""
        key = given["Key"]
        held = self._table.items[DynamoType(key["pk"])].get(DynamoType(key["sk"]))
        item = {
            **key,
            **({name: one.to_json() for name, one in held.attrs.items()} if held else {}),
        }
        names, values = given["ExpressionAttributeNames"], given["ExpressionAttributeValues"]
        for part in given["UpdateExpression"].removeprefix("SET ").split(", "):
            name, _, value = part.partition(" = ")
            item[names[name]] = values[value]
        self._table.keep(item)


@dataclass
class Counter:
    """The requests of one look, when they were under way, and their units."""

    spans: list[tuple[float, float]] = field(default_factory=list)
    units: float = 0.0

    @property
    def in_store(self) -> float:
        return sum(last - first for first, last in self._merged())

    def _merged(self) -> Iterator[tuple[float, float]]:
        begun: tuple[float, float] | None = None
        for first, last in sorted(self.spans):
            if begun is not None and first < begun[1]:
                begun = begun[0], max(begun[1], last)
                continue
            if begun is not None:
                yield begun
            begun = first, last
        if begun is not None:
            yield begun


@contextmanager
def counted(clients: Clients) -> Iterator[Counter]:
    """Count what is asked within the block."""
    found, events = Counter(), clients.dynamodb.meta.events

    def asks(params: dict[str, Any], context: dict[str, Any], **_: object) -> None:
        context["bench"] = time.perf_counter(), params

    def answered(parsed: dict[str, Any], context: dict[str, Any], **_: object) -> None:
        began, params = context["bench"]
        found.spans.append((began, time.perf_counter()))
        found.units += units_of(params, parsed)

    events.register("provide-client-params.dynamodb.*", asks)
    events.register("after-call.dynamodb.*", answered)
    yield found
    events.unregister("provide-client-params.dynamodb.*", asks)
    events.unregister("after-call.dynamodb.*", answered)


def units_of(params: Mapping[str, Any], answer: Mapping[str, Any]) -> float:
    """Read units: a query is rounded up as a whole, other items one by one."""
    if "RequestItems" in params:
        (asked,) = params["RequestItems"].values()
        (found,) = answer["Responses"].values()
        missing = len(asked["Keys"]) - len(found)
        return missing + sum(ceil(size_of(item) / _KIB_4) for item in found)
    half = 1.0 if params.get("ConsistentRead") else 0.5
    items = answer["Items"] if "Items" in answer else [answer.get("Item", {})]
    return half * max(1, ceil(sum(map(size_of, items)) / _KIB_4))


def look(name: str, clients: Clients, ask: Callable[[], object]) -> list[Figure]:
    """The figures of one look."""
    with counted(clients) as found:
        began = time.perf_counter()
        ask()
        wall = time.perf_counter() - began
    took = max(wall - found.in_store, 0.0)
    return [
        Figure(f"{name}: requests", len(found.spans), ""),
        Figure("  read units", found.units, ""),
        Figure("  time", took, "s"),
    ]


def fill_history(filler: Filler, runs: int) -> None:
    """Runs of 200 lines, a minute apart; one of 500 failed. The robot asked for nine of ten, Alice
    for one of 5,000.
    """
    write = DynamoHistory(cast("Clients", filler), TABLE, "bucket")
    for number in range(runs):
        line, of_line = Line(f"pond{number % LINES:03d}@1"), number // LINES + 1
        began = NOON - timedelta(minutes=runs - number)
        by = ALICE if number % 5_000 == 7 else ROBOT if number % 10 else ""
        row = RecordRun(
            of_line,
            began,
            "1.0.0",
            "running",
            began,
            wanted="push",
            said=Said(began, by, "nightly") if by else None,
            pins={"orders@1": of_line},
            asked=(began,),
        )
        write.record_run(line, row)
        word = "failed" if number % 500 == 0 else "pass" if number % 7 == 0 else "success"
        ended = replace(row, status=word, finished=began + timedelta(seconds=9), said=None)
        if word == "failed":
            ended = replace(ended, failure=FAILURE)
        write.record_run(
            line, replace(ended, used={"lambda_invocations": 4.0, "lambda_gb_seconds": 0.21})
        )


def of_history(here: Catchment, runs: int = RUNS) -> list[Figure]:
    """Lists of runs, of so many."""
    fill_history(Filler(), runs)
    clients, line = here.clients, Line("pond007@1")
    read = DynamoHistoryReader(clients, TABLE, "catchment")

    def listed(line: Line | None = None, **only: Any) -> Callable[[], object]:
        asked = RunFilter(**only)
        ask = read.runs_asked if asked.by else read.runs
        return lambda: ask(now=NOON, limit=20, line=line, only=asked)

    span = {"since": NOON - timedelta(days=30), "until": NOON - timedelta(days=29)}
    return [
        *look(f"runs, of {runs:,}", clients, listed()),
        *look("runs POND", clients, listed(line)),
        *look("runs of one day, a month ago", clients, listed(**span)),
        *look("runs --status failed", clients, listed(status="failed")),
        *look("runs --by alice (one of 5,000)", clients, listed(by="alice")),
        *look("runs --by ci (nine of ten)", clients, listed(by="ci")),
        *look("runs POND --by ci", clients, listed(line, by="ci")),
        *look("runs --by alice of one day", clients, listed(by="alice", **span)),
        *look("runs --by ci --status failed", clients, listed(by="ci", status="failed")),
        *look(
            f"runs --by ci, a tag without runs (looks at {MOST_LOOKED:,})",
            clients,
            listed(by="ci", ponds=frozenset()),
        ),
        *look(
            "run show (its row and attempts)",
            clients,
            lambda: (read.run(line, 42), read.attempts(line, 42)),
        ),
    ]


def at_rest() -> PondState:
    """A Pond of four Ripples that has run."""
    world, line = World(), Line("one@1")
    world.deploy(pond("one@1", ripples=chain_of("a", "b", "c", "d")))
    world.trigger(line, "pulse")
    world.run_until(START + seconds(60))
    return world.states[line]


def fill_lines(filler: Filler, lines: int) -> None:
    """So many lines at rest and five that are not, deployed; and when the index was whole first."""
    clients, state = cast("Clients", filler), at_rest()
    store, catalog = DynamoStateStore(clients, TABLE), DynamoCatalog(clients, TABLE)
    history = DynamoHistory(clients, TABLE, "bucket")
    assert state.release is not None
    for number in range(lines + NOT_AT_REST):
        line = Line(f"pond{number:05d}@1")
        release = replace(state.release, line=line)
        one = replace(state, line=line, release=release, revision=0)
        one = one if number < lines else replace(one, health="killed")
        store.commit(Held(PondState(line)), one, (), (1, "1"), NOON)
        filler.put_item(Item=catalog._selection(release)["Put"]["Item"])
        history.record_run(line, RecordRun(1, START, "1.0.0", "success", START, START))
    filler.put_item(Item={"pk": {"S": "CATALOG"}, "sk": {"S": "REVISION"}, "revision": {"N": "1"}})


def of_status(here: Catchment, lines: int) -> list[Figure]:
    """The status of so many lines at rest, whole and a page, with the catalog known."""
    fill_lines(Filler(), lines)
    clients = here.clients
    index = DynamoRestIndex(clients, TABLE)
    index.settle(NOON - SETTLED, is_whole=True)
    ports: dict[str, Any] = {
        "catalog": DynamoCatalog(clients, TABLE),
        "states": DynamoStateReader(clients, TABLE),
        "rest": index,
        "limits": DynamoLimits(clients, TABLE),
        "history": DynamoHistoryReader(clients, TABLE, "catchment"),
        "attempts": AttemptRowReader(clients, TABLE),
        "operated": DynamoOperated(clients, TABLE),
        "clock": SimpleNamespace(now=lambda: NOON),
    }

    def ask(**asked: Any) -> Callable[[], object]:
        return lambda: status(StatusRequest(**asked), **ports)

    first = look(f"{lines:,} lines at rest, a page, the catalog unknown", clients, ask(limit=100))
    return [
        *first,
        *look("a page, the catalog known", clients, ask(limit=100)),
        *look("those killed", clients, ask(statuses=["killed"])),
        *look("all of them", clients, ask()),
    ]


def measure() -> list[Figure]:
    figures: list[Figure] = []
    parts: list[Callable[[Catchment], list[Figure]]] = [of_history]
    parts += [partial(of_status, lines=lines) for lines in IDLE]
    for each in parts:
        patch = pytest.MonkeyPatch()
        try:
            with catchment(patch) as here:
                figures += each(here)
        finally:
            patch.undo()
    return figures
