"""What one question costs: how many requests `why` makes of AWS, whatever the lines below and
beside do.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from duckstring.adapters.aws.catalog import DynamoCatalog
from duckstring.adapters.aws.history import DynamoHistory, DynamoHistoryReader
from duckstring.adapters.aws.journal import DynamoJournal
from duckstring.adapters.aws.limits import DynamoLimits
from duckstring.adapters.aws.reader import DynamoStateReader
from duckstring.adapters.aws.state import DynamoStateStore
from duckstring.api.ports import WhyPorts
from duckstring.api.requests import WhyRequest
from duckstring.api.why import why
from duckstring.engine.effects import RecordRun
from duckstring.engine.journal import Entry, folded
from duckstring.engine.signals import Deployed, Signal, Triggered
from duckstring.engine.state import PondState, Run, Wave
from duckstring.model.answers.why import WhyAnswer
from duckstring.model.instants import Instant, to_text
from duckstring.model.names import Line
from duckstring.model.values import replace
from duckstring.orchestrator.ports import Held
from duckstring.testing.simulator import pond
from tests.integration.aws import Catchment, catchment
from tests.unit.api.world import AttemptRows, StillClock

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
NAMES = [Line(f"p{number}@1") for number in range(120)]
RELEASES = [
    pond(line, *([NAMES[at - 1]] if at else ()), version="1.0.0") for at, line in enumerate(NAMES)
]


def asked(
    here: Catchment, request: WhyRequest, now: Instant = NOON
) -> tuple[WhyAnswer, Counter[str]]:
    """The answer, and how often each operation of DynamoDB was called for it."""
    clients, calls = here.clients, Counter[str]()
    clients.dynamodb.meta.events.register(
        "provide-client-params.dynamodb.*", lambda model, **_: calls.update([model.name])
    )
    catalog = DynamoCatalog(clients, "catchment")
    ports = WhyPorts(
        catalog=catalog,
        removals=catalog,
        states=DynamoStateReader(clients, "catchment"),
        history=DynamoHistoryReader(clients, "catchment", "catchment"),
        attempts=AttemptRows(),
        journal=DynamoJournal(clients, "catchment"),
        limits=DynamoLimits(clients, "catchment"),
        clock=StillClock(now),
    )
    return why(request, ports), calls


def test_a_chain_of_120_ponds_is_explained_with_seven_requests(monkeypatch) -> None:
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
        answer, calls = asked(here, WhyRequest(NAMES[-1].partition("@")[0]))
    assert answer["line"] == NAMES[-1]
    assert answer["last"]
    assert calls == {"GetItem": 1, "Query": 2, "BatchGetItem": 4}
    """The catalog's revision and its releases; the line, the 119 above it, and a row of history."""


def test_a_run_that_takes_far_too_long_costs_one_request_more(monkeypatch) -> None:
    with catchment(monkeypatch) as here:
        catalog = DynamoCatalog(here.clients, "catchment")
        release = replace(RELEASES[0], deployed=NOON - HOUR)
        catalog.select([release], overwrite=False, revision=0)
        store = DynamoStateStore(here.clients, "catchment")
        run = Run(3, NOON, NOON, timedelta(), "1.0.0", "a", "m", 0, NOON - HOUR / 2, woken=NOON)
        state = PondState(release.line, release=release, runs={3: run}, runs_started=3)
        store.commit(Held(PondState(release.line)), state, (), (1, ""), NOON)
        history = DynamoHistory(here.clients, "catchment", "catchment")
        for number, version, began, ended in (
            (1, "0.9.0", NOON - 3 * HOUR, NOON - 3 * HOUR + timedelta(seconds=2)),
            (2, "0.9.0", NOON - 2 * HOUR, NOON - 2 * HOUR + timedelta(seconds=4)),
            (3, "1.0.0", run.started, None),
        ):
            status = "success" if ended else "running"
            history.record_run(release.line, RecordRun(number, NOON, version, status, began, ended))
        answer, calls = asked(here, WhyRequest("p0"))
    assert answer["runs"][0]["usual"]["text"] == (
        "Usually it takes 3s (the median of the last 2 that succeeded). It is the first run of "
        "version 1.0.0, deployed 1h ago."
    )
    assert calls == {"GetItem": 1, "Query": 2 + 1, "BatchGetItem": 2}


def test_a_past_moment_costs_a_request_a_step_and_two_for_each_line_with_news(monkeypatch) -> None:
    with catchment(monkeypatch) as here:
        catalog = DynamoCatalog(here.clients, "catchment")
        catalog.select(RELEASES[:3], overwrite=False, revision=0)
        store = DynamoStateStore(here.clients, "catchment", timedelta(days=30))
        for release in RELEASES[:3]:
            take(store, release.line, Deployed(release), NOON)
        last = RELEASES[2].line
        take(store, last, Triggered("pulse", NOON + 2 * HOUR), NOON + 2 * HOUR)
        request = WhyRequest(last.partition("@")[0], at=to_text(NOON + HOUR))
        answer, calls = asked(here, request, NOON + 3 * HOUR)
    assert (answer["status"], answer["chain"][0]["causes"][0]["kind"]) == ("idle", "not_asked")
    assert calls == {"Query": 1 + 2, "BatchGetItem": 3}
    """The line in the catalog, and what came before and after in its journal; the line, and each of
    the two above it."""


def take(store: DynamoStateStore, line: Line, signal: Signal, now: datetime) -> None:
    held = store.load(line)
    entry = Entry(held.state.revision + 1, now, (signal,))
    stepped = folded(held.state, entry)
    store.commit(held, stepped.state, stepped.effects, (1, "1"), now, entry)
