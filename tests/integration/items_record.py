"""Records what this release stores and sends, for the releases to come.

    python -m tests.integration.items_record

``items_before/schema-N.json`` has items of DynamoDB and letters of a small history, and the forms
of all values that are stored or sent (N: the schema). The files of earlier schemas stay.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from duckstring.adapters.aws import codec
from duckstring.adapters.aws.catalog import DynamoCatalog
from duckstring.adapters.aws.state import DynamoStateStore
from duckstring.engine.effects import Effect
from duckstring.engine.limits import GrantTokens, LimitSignal, LimitState
from duckstring.engine.signals import (
    Deployed,
    ExecutionEnded,
    GateReached,
    Ordered,
    RippleSucceeded,
    Signal,
    SinkAttached,
    SourceTold,
    Triggered,
)
from duckstring.engine.state import PondState, SourceReport
from duckstring.engine.step import step
from duckstring.model.catalog import Release, RippleSpec, SourceSpec, TableVersion
from duckstring.model.failures import Failure
from duckstring.model.names import Line, table_key
from duckstring.model.schema import SCHEMA
from duckstring.ports import Mark
from tests.integration.aws import Catchment, catchment

FOLDER = Path(__file__).parent / "items_before"
SALES, RATES, REPORTS = Line("sales@1"), Line("rates@1"), Line("reports@1")
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
RELEASE = Release(
    SALES,
    "1.0.0",
    "pond",
    (SourceSpec(RATES, "1.0.0"),),
    (RippleSpec("load"), RippleSpec("join", ("load",), memory_mib=4096)),
    "src/pond.py",
    "artifacts/sales/1.0.0/ab.zip",
    "ab",
    1,
    1,
    NOON,
)
KEY = table_key(SALES, "orders", run=1, ripple="load", attempt=1, invocation="x")
TABLE = TableVersion("orders", KEY, 3, 300, "abc")
LETTERS: tuple[Signal, ...] = (
    Deployed(RELEASE),
    SinkAttached(REPORTS, (1, 0)),
    SourceTold(RATES, SourceReport(NOON, NOON, snapshot=7), (1, 0)),
    Triggered("pulse", NOON),
    RippleSucceeded(1, "load", 1, {"orders": TABLE}),
    GateReached(1, 1, "join"),
    RippleSucceeded(1, "join", 1),
    ExecutionEnded(1, 1, "SUCCEEDED", ""),
    SourceTold(RATES, SourceReport(NOON + SECOND, NOON + SECOND, snapshot=8), (2, 0)),
    Triggered("pulse", NOON + SECOND),
    GateReached(2, 1, "load", 1, "failed", Failure("load", 1, "ValueError", "no such day")),
    Ordered("wake", NOON + 9 * SECOND),
)


def record() -> None:
    """Write the file of this schema."""
    with pytest.MonkeyPatch.context() as patch, catchment(patch) as here:
        items = stored(here)
    document = {
        "schema": SCHEMA,
        "items": items,
        "letters": [codec.letter(SALES, signal) for signal in LETTERS],
        "forms": forms(),
    }
    text = json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False)
    (FOLDER / f"schema-{SCHEMA}.json").write_text(f"{text}\n", encoding="utf-8")


def stored(here: Catchment) -> list[dict[str, Any]]:
    """The items of a line that took all LETTERS, a commit for each, and of its catalog."""
    DynamoCatalog(here.clients, here.settings.table).select([RELEASE], overwrite=False, revision=0)
    store = DynamoStateStore(here.clients, here.settings.table)
    held = store.load(SALES)
    for number, signal in enumerate(LETTERS):
        stepped = step(held.state, signal, NOON + number * SECOND)
        mark: Mark = (number + 1, str(number + 1))
        held = store.commit(held, stepped.state, stepped.effects, mark, NOON + number * SECOND)
    found: list[dict[str, Any]] = here.clients.dynamodb.scan(TableName=here.settings.table)["Items"]
    return sorted(found, key=lambda item: (item["pk"]["S"], item["sk"]["S"]))


def forms() -> dict[str, dict[str, str]]:
    """The values that are stored or sent: each one's fields and their types, as text."""
    found: dict[str, dict[str, str]] = {}
    waiting: list[Any] = [PondState, Release, *get_args(Signal), *get_args(Effect)]
    waiting += [LimitState, GrantTokens, *get_args(LimitSignal)]
    while waiting:
        kind = waiting.pop()
        waiting += get_args(getattr(kind, "__supertype__", kind))
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            fields = msgspec.structs.fields(kind)
            if kind.__name__ not in found:
                waiting += [field.type for field in fields]
            found[kind.__name__] = {field.encode_name: _named(field.type) for field in fields}
    return found


def _named(kind: object) -> str:
    """A type without the modules that it comes from."""
    return re.sub(
        r"\b[a-z_]+\.", "", repr(kind) if get_args(kind) else getattr(kind, "__name__", repr(kind))
    )


if __name__ == "__main__":
    record()
