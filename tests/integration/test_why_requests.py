"""What one question costs: how many requests `why` makes of AWS, whatever the lines below and
beside do.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

from duckstring.adapters.aws.catalog import DynamoCatalog
from duckstring.adapters.aws.history import DynamoHistory, DynamoHistoryReader
from duckstring.adapters.aws.limits import DynamoLimits
from duckstring.adapters.aws.reader import DynamoStateReader
from duckstring.adapters.aws.state import DynamoStateStore
from duckstring.api.requests import WhyRequest
from duckstring.api.why import why
from duckstring.engine.effects import RecordRun
from duckstring.engine.state import PondState, Wave
from duckstring.model.names import Line
from duckstring.orchestrator.ports import Held
from duckstring.testing.simulator import pond
from tests.integration.aws import catchment
from tests.unit.api.world import AttemptRows, StillClock

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
NAMES = [Line(f"p{number}@1") for number in range(120)]
RELEASES = [
    pond(line, *([NAMES[at - 1]] if at else ()), version="1.0.0") for at, line in enumerate(NAMES)
]


def test_a_chain_of_120_ponds_is_explained_with_seven_requests(
    monkeypatch,
) -> None:
    with catchment(monkeypatch) as here:
        catalog = DynamoCatalog(here.clients, "catchment")
        for start in range(0, len(RELEASES), 20):
            part = RELEASES[start : start + 20]
            catalog.select(part, overwrite=False, revision=catalog.revision())
        store = DynamoStateStore(here.clients, "catchment")
        last = RELEASES[-1]
        state = PondState(last.line, release=last, trigger=Wave(), runs_started=3)
        store.commit(Held(PondState(last.line)), state, (), (1, ""), NOON)
        history = DynamoHistory(here.clients, "catchment", "catchment")
        history.record_run(last.line, RecordRun(3, NOON, "1.0.0", "success", NOON, NOON))
        calls: Counter[str] = Counter()
        here.clients.dynamodb.meta.events.register(
            "provide-client-params.dynamodb.*", lambda model, **_: calls.update([model.name])
        )
        answer = why(
            WhyRequest(NAMES[-1].partition("@")[0]),
            catalog=catalog,
            states=DynamoStateReader(here.clients, "catchment"),
            limits=DynamoLimits(here.clients, "catchment"),
            history=DynamoHistoryReader(here.clients, "catchment", "catchment"),
            attempts=AttemptRows(),
            clock=StillClock(NOON),
        )
    assert answer["line"] == NAMES[-1]
    assert answer["last"]
    assert calls == {"GetItem": 1, "Query": 2, "BatchGetItem": 4}
    """The catalog's revision and its releases; all limits; the line, the 119 above it, and a row of
    history.
    """
