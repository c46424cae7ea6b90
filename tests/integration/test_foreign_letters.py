"""Forged letters at the orchestrator's own door: acknowledged, told to the log, and without any
effect.
"""

from __future__ import annotations

import io
import json
import logging
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from duckstring.adapters.aws import codec
from duckstring.adapters.aws.state import DynamoStateStore
from duckstring.engine.effects import AttachTo
from duckstring.engine.signals import (
    AlarmRang,
    ComputePinned,
    Deployed,
    GateReached,
    Ordered,
    Removed,
    RippleSucceeded,
    SinkAttached,
    SourceTold,
    Triggered,
    WindowRemoved,
)
from duckstring.engine.state import (
    Attempt,
    Down,
    PondState,
    RippleState,
    Run,
    SourceReport,
    SourceView,
)
from duckstring.model.catalog import Release, RippleSpec, SourceSpec, TableVersion
from duckstring.model.compute import Pin
from duckstring.model.failures import Failure
from duckstring.model.limits import MOST_PINS, MOST_SINKS
from duckstring.model.names import Line, table_key
from duckstring.model.values import replace

SALES, ORDERS, REPORTS = Line("sales@1"), Line("orders@1"), Line("reports@1")
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
RELEASE = Release(
    SALES,
    "1.0.0",
    "inlet",
    (),
    (RippleSpec("load"),),
    "src/pond.py",
    "artifacts/sales/1.0.0/ab.zip",
    "ab",
    0,
    0,
    NOON,
)
EVIL = TableVersion(
    "t", "data/sales@1/t/0000000001-load-1-x.parquet?s3_endpoint=evil.example", 1, 1, "x"
)


TRUE = TableVersion("t", "data/sales@1/t/0000000001-load-1-x.parquet", 1, 1, "x")


def record(body, number, group=SALES):
    return {
        "eventSourceARN": "arn:aws:sqs:eu-central-1:1:mailbox.fifo",
        "messageId": f"m{number}",
        "receiptHandle": f"r{number}",
        "body": body,
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": "9",
            "SequenceNumber": str(number),
            "MessageGroupId": group,
        },
    }


FORGED = [
    codec.letter(SALES, Removed(NOON)),
    codec.letter(SALES, Deployed(RELEASE)),
    codec.letter(SALES, RippleSucceeded(1, "load", 1, {"t": EVIL})),
    *(
        json.dumps(
            {
                "to": "sales@1",
                "kind": "ripple_succeeded",
                "run": 1,
                "ripple": "load",
                "attempt": 1,
                "tables": {"t": {**codec.to_object(TRUE), "parts": parts}},
            }
        )
        for parts in ("x", [{}], [["f"]], [["f", 1, 1, "rows", "both", 1]], [["f", 1, 1, "x"]])
    ),
    codec.letter(SALES, GateReached(1, 1, "load")),
    json.dumps({"to": "sales@1", "kind": "removed", "at": 7}),
    codec.letter(ORDERS, SinkAttached(SALES, (1, 0))),
    "[" * 100_000,
    "\ud800",
    '{"to": "sales@1", "kind": "ripple_succeeded", "run": 1, "ripple": "load", "attempt": 1, '
    '"seconds": 1%s}' % ("0" * 400),
    '{{"to": "sales@1", "kind": "alarm_rang", "x": {}"\\ud83d"{}}}'.format("[" * 600, "]" * 600),
    codec.letter(SALES, WindowRemoved("a/b")),
]


def test_forged_letters_change_nothing_and_hold_nothing_up(here, handler, caplog):
    store = DynamoStateStore(here.clients, here.settings.table)
    held = store.commit(
        store.load(SALES), PondState(SALES, runs_started=7), (AttachTo(ORDERS),), (1, "0"), NOON
    )
    answer = handler.handle(
        {"Records": [record(body, number) for number, body in enumerate(FORGED, start=1)]}, None
    )
    assert answer == {"batchItemFailures": []}
    assert store.load(SALES) == held, "what an earlier delivery still owes is owed still"
    assert not here.items("TOKEN#sales@1")
    assert here.letters() == []
    lines = [line for line in caplog.messages if line.startswith("letter refused: ")]
    assert len(lines) == len(FORGED)
    assert all(line.isascii() and line.isprintable() for line in lines)


def test_a_real_letter_among_forged_ones_is_delivered(here, handler):
    bodies = [FORGED[0], codec.letter(SALES, SinkAttached(ORDERS, (1, 0))), FORGED[6]]
    records = [record(body, number) for number, body in enumerate(bodies, start=1)]
    assert handler.handle({"Records": records}, None) == {"batchItemFailures": []}
    assert DynamoStateStore(here.clients, here.settings.table).load(SALES).state.sinks == {
        ORDERS: (1, 0)
    }


def test_what_the_delay_queue_cannot_read_does_not_keep_the_others(here, handler):
    delays = {"eventSourceARN": "arn:aws:sqs:eu-central-1:1:delays"}
    bodies = ["no letter", codec.letter(SALES, SinkAttached(ORDERS, (1, 0)))]
    records = [{**record(body, number), **delays} for number, body in enumerate(bodies, start=1)]
    assert handler.handle({"Records": records}, None) == {"batchItemFailures": []}
    assert here.letters() == [(SALES, SinkAttached(ORDERS, (1, 0)))]


def test_the_log_says_how_often_a_letter_was_delivered_in_vain(handler, monkeypatch):
    def fails(*_given, **_named):
        raise RuntimeError("no")

    monkeypatch.setattr(handler, "deliver", fails)
    written = io.StringIO()
    monkeypatch.setattr(handler.logger.registered_handler, "stream", written)
    letter = record(codec.letter(SALES, AlarmRang()), 1)
    letter["attributes"]["ApproximateReceiveCount"] = "11"
    assert handler.handle({"Records": [letter]}, None)["batchItemFailures"]
    said = [json.loads(line) for line in written.getvalue().splitlines()]
    (failed,) = [line for line in said if line["message"] == "delivery failed"]
    assert failed["received"] == 11, "the metric filter of an alarm reads it (infra/monitoring.py)"


def test_a_deployment_that_the_catalog_has_selected_is_taken(here, handler):
    handler.app.catalog.select([RELEASE], overwrite=False, revision=handler.app.catalog.revision())
    handler.handle({"Records": [record(codec.letter(SALES, Deployed(RELEASE)), 1)]}, None)
    state = DynamoStateStore(here.clients, here.settings.table).load(SALES).state
    assert state.release == RELEASE


def test_what_a_deployment_led_to_is_done_though_another_was_selected_before_it_was_done(
    here, handler, monkeypatch
):
    first = replace(RELEASE, kind="pond", sources=(SourceSpec(ORDERS, "1.0.0"),))
    again = replace(first, deployed=NOON + SECOND)
    letters = [record(codec.letter(SALES, Deployed(one)), n) for n, one in ((1, first), (2, again))]
    catalog = handler.app.catalog

    def fails(*_given):
        raise RuntimeError("throttled")

    with monkeypatch.context() as patched:
        patched.setattr(handler, "perform", fails)
        catalog.select([first], overwrite=False, revision=catalog.revision())
        assert handler.handle({"Records": letters[:1]}, None)["batchItemFailures"]
    catalog.select([again], overwrite=True, revision=catalog.revision())
    for letter in letters:
        assert handler.handle({"Records": [letter]}, None) == {"batchItemFailures": []}
    assert ORDERS in [line for line, _ in here.letters()], "it never hears of its Source"
    assert DynamoStateStore(here.clients, here.settings.table).load(SALES).state.release == again


def test_what_the_delay_queue_brings_is_read_as_strictly(here, handler):
    delays = {"eventSourceARN": "arn:aws:sqs:eu-central-1:1:delays"}
    late = json.dumps(
        {**json.loads(codec.letter(SALES, AlarmRang())), "at": "9999-12-31T00:00:00Z"}
    )
    bodies = [*FORGED, late, codec.letter(REPORTS, SinkAttached(ORDERS, (1, 0)))]
    records = [{**record(body, number), **delays} for number, body in enumerate(bodies, start=1)]
    assert handler.handle({"Records": records}, None) == {"batchItemFailures": []}
    assert (REPORTS, SinkAttached(ORDERS, (1, 0))) in here.letters()


def in_flight(**more):
    """Run 42 is in flight: ``load`` is at work, ``join`` waits at its gate. Three Sinks listen."""
    release = replace(
        RELEASE, kind="pond", ripples=(RippleSpec("load"), RippleSpec("join", ("load",)))
    )
    run = Run(
        42,
        NOON,
        NOON - SECOND,
        timedelta(0),
        "1.0.0",
        "a",
        "m",
        0,
        NOON,
        attempts={"load": 1},
        waiting=frozenset({"join"}),
    )
    ripples = {
        "load": RippleState("load", start_f=NOON, attempt=Attempt(42, 1, NOON, dispatched=True)),
        "join": RippleState("join", ("load",), targets=(NOON,)),
    }
    state = PondState(
        SALES,
        release=release,
        start_f=NOON,
        ripples=ripples,
        runs={42: run},
        runs_started=42,
        sources={ORDERS: SourceView(ORDERS, report=SourceReport(NOON, NOON, snapshot=7))},
        sinks={Line(f"s{number}@1"): (1, 0) for number in range(3)},
    )
    return replace(state, **more)


class Orchestrator:
    """Letters of sales@1 at the handler's door, each delivery newer than the one before."""

    def __init__(self, here, handler):
        self.here, self.handler, self.number = here, handler, 100
        self.store = DynamoStateStore(here.clients, here.settings.table)

    def holds(self, state):
        self.store.commit(self.store.load(SALES), state, (), (1, "0"), datetime.now(UTC))

    def deliver(self, *bodies):
        """Whether all were acknowledged."""
        records = []
        for body in bodies:
            self.number += 1
            records.append(record(body, self.number, json.loads(body)["to"]))
        return self.handler.handle({"Records": records}, None) == {"batchItemFailures": []}

    @property
    def state(self):
        return self.store.load(SALES).state


@pytest.fixture
def orchestrator(here, handler):
    logging.getLogger("duckstring.letters").disabled = False
    return Orchestrator(here, handler)


def gate(signal, token="a-token"):
    return json.dumps(
        {**json.loads(codec.letter(SALES, signal)), "token": token}, ensure_ascii=False
    )


EMOJI, QUOTES = "\U0001f600", '"'


LONG = (
    "x" * 99_000,
    EMOJI * 60_000,
    EMOJI * 16_000,
    EMOJI * 4_000,
    "\xe9" * 8_000,
    QUOTES * 16_000,
    "\x01" * 9_000,
)
TRUE = codec.letter(REPORTS, SinkAttached(ORDERS, (1, 0)))


def test_why_a_source_is_down_is_told_to_sinks_in_a_few_words_whatever_it_says(orchestrator, here):
    for text in LONG:
        orchestrator.holds(in_flight(sinks={Line(f"s{number}@1"): (1, 0) for number in range(12)}))
        down = Down(ORDERS, "failed", text)
        told = SourceTold(ORDERS, SourceReport(NOON, NOON, snapshot=7, down=down), (3, 1))
        assert orchestrator.deliver(
            json.dumps(json.loads(codec.letter(SALES, told)), ensure_ascii=False), TRUE
        )
        letters = [signal for line, signal in here.letters() if line not in (ORDERS, SALES)]
        assert len(letters) >= 12 * orchestrator.state.sources[ORDERS].blocks
        assert all(len(codec.letter(SALES, one)) < 3_000 for one in letters)


@pytest.mark.parametrize("outcome", ["failed", "timeout", "crashed", "lost", "overran", "memory"])
def test_no_failure_is_too_long_for_its_line(orchestrator, outcome):
    for text in LONG:
        orchestrator.holds(in_flight())
        bodies = [
            gate(
                GateReached(
                    run, 1, "load", number, outcome, Failure("load", number, error, message)
                )
            )
            for run, number in ((42, 1), (41, 1), (41, 2))
            for error, message in ((text[:500], text), (text, "m"))
        ]
        assert orchestrator.deliver(*bodies, TRUE)
        assert orchestrator.deliver(codec.letter(SALES, Ordered("kill", NOON)))


def test_no_end_of_an_execution_is_too_long_for_its_line(orchestrator):
    ripples = {
        f"r{number}": RippleState(f"r{number}", attempt=Attempt(42, 1, NOON, dispatched=True))
        for number in range(40)
    }
    for text in (LONG[0], LONG[2], LONG[-1]):
        orchestrator.holds(in_flight(ripples={**ripples, **in_flight().ripples}, sinks={}))
        told = {
            "to": SALES,
            "kind": "execution_ended",
            "run": 42,
            "status": "FAILED",
            "cause": text,
        }
        assert orchestrator.deliver(
            *(json.dumps({**told, "launch": launch}, ensure_ascii=False) for launch in range(1, 6))
        )


def many_tables(ripple, count=300):
    """With the longest names and fingerprints."""
    keys = {f"{ripple}t{n:03d}{'x' * 42}": f"{n:064d}" for n in range(count)}
    which = {"run": 42, "ripple": ripple, "attempt": 1}
    return {
        name: TableVersion(name, table_key(SALES, name, invocation=end, **which), 1, 1, "f" * 128)
        for name, end in keys.items()
    }


def four_at_work(**more):
    names = ["r1", "r2", "r3", "r4"]
    ripples = {
        name: RippleState(name, start_f=NOON, attempt=Attempt(42, 1, NOON, dispatched=True))
        for name in names
    }
    return in_flight(ripples={**ripples, **in_flight().ripples}, **more)


def test_a_letter_that_asks_for_more_than_an_item_holds_is_left_out_and_the_others_are_taken(
    orchestrator,
):
    orchestrator.holds(four_at_work(snapshot=3))
    sources = {
        Line(f"s{n}{'x' * 44}@1"): SourceView(ORDERS, report=SourceReport(NOON, NOON, snapshot=7))
        for n in range(900)
    }
    orchestrator.holds(four_at_work(sources=sources))
    large = codec.letter(SALES, Deployed(replace(RELEASE, module="m" * 4_000)))
    assert orchestrator.deliver(large, codec.letter(SALES, RippleSucceeded(42, "load", 1)))
    assert orchestrator.state.ripples["load"].attempt is None


def test_tables_that_a_line_has_no_room_for_fail_their_run_and_say_what_to_do(orchestrator, here):
    budget = {42: replace(four_at_work().runs[42], budget=3)}

    def takes(count):
        """Whether the line takes so many tables of r4, after the three times 300 of the others
        that it has room for.
        """
        orchestrator.holds(four_at_work(runs=budget))
        for name in ("r1", "r2", "r3"):
            letter = RippleSucceeded(42, name, 1, many_tables(name))
            assert orchestrator.deliver(codec.letter(SALES, letter))
        before = orchestrator.state
        letter = codec.letter(SALES, RippleSucceeded(42, "r4", 1, many_tables("r4", count)))
        assert orchestrator.deliver(letter)
        after = orchestrator.state
        assert set(before.tables) == set(after.tables)
        return after.health == "ok"

    low, high = 0, 300
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if takes(middle) else (low, middle)
    assert 0 < low < 299, "with the largest names, 900 tables have room, and some more"
    assert takes(low)
    assert not takes(high), "one more"
    failure = orchestrator.state.failure
    assert (failure.ripple, failure.error) == ("r4", "StateTooLargeError")
    assert "STATE of sales@1 would have 400," in failure.message
    assert failure.message.endswith("Divide the Pond, or write fewer, larger tables.")
    assert here.items("LINE#sales@1")["RUN#0000000042"]["status"] == {"S": "failed"}


def test_lines_and_pins_that_are_none_of_its_own_fill_no_state_for_ever(orchestrator):
    known = {
        Line(f"s{'x' * 40}{number}@1"): (2**53 - 1, 2**53 - 1) for number in range(MOST_SINKS - 2)
    }
    pins = {f"r{number}": Pin("task", 8192) for number in range(MOST_PINS - 2)}
    orchestrator.holds(in_flight(sinks=known, compute=pins))
    sinks = [SinkAttached(Line(f"t{'y' * 40}{one}@1"), (1, one)) for one in range(5)]
    pinned = [ComputePinned(f"other{one}", "task", 8192) for one in range(5)]
    assert orchestrator.deliver(*(codec.letter(SALES, letter) for letter in (*sinks, *pinned)))
    assert (len(orchestrator.state.sinks), len(orchestrator.state.compute)) == (
        MOST_SINKS,
        MOST_PINS,
    )
    assert len(codec.state_to_text(orchestrator.state)) < 200_000
    assert orchestrator.deliver(codec.letter(SALES, RippleSucceeded(42, "load", 1)))
    assert orchestrator.state.ripples["load"].attempt is None


@pytest.mark.parametrize(
    "attributes",
    [
        {"error": {"B": b"x"}, "message": {"NULL": True}},
        {"error": {"S": "E" * 399_000}, "message": {"S": "m"}},
        {"error": {"S": "E"}, "message": {"S": EMOJI * 99_000}},
        {"error": {"L": [{"B": b"x"}]}, "message": {"M": {"a": {"N": "1E+125"}}}},
    ],
)
def test_whatever_a_row_says_of_a_crash_its_line_goes_on(orchestrator, here, attributes):
    orchestrator.holds(in_flight())
    for run in (7, 42):
        key = {"pk": {"S": "WORK#sales@1"}, "sk": {"S": f"ATTEMPT#{run:010d}#load#0001"}}
        here.clients.dynamodb.put_item(
            TableName="catchment", Item={**key, "status": {"S": "failed"}, **attributes}
        )
        assert orchestrator.deliver(
            gate(GateReached(run, 1, "load", 1, "crashed", Failure("load", 1, "E", "m")))
        )
        assert (orchestrator.state.health == "failed") == (run == 42)


def test_a_row_that_its_worker_has_filled_is_closed_all_the_same(orchestrator, here):
    orchestrator.holds(in_flight())
    key = {"pk": {"S": "WORK#sales@1"}, "sk": {"S": "ATTEMPT#0000000042#load#0001"}}
    full = {**key, "status": {"S": "running"}, "traceback": {"S": "x" * 404_850}}
    here.clients.dynamodb.put_item(TableName="catchment", Item=full)
    assert orchestrator.deliver(codec.letter(SALES, Ordered("kill", NOON)))
    assert here.items("WORK#sales@1")["ATTEMPT#0000000042#load#0001"]["status"] == {"S": "killed"}


def tokens(here):
    return {
        (key, item["token"]["S"], *item.get("beside", {}).get("SS", ()))
        for key, item in here.items("TOKEN#sales@1").items()
    }


def test_a_forged_gate_takes_no_true_tokens_place(orchestrator, here):
    orchestrator.holds(in_flight(runs={42: replace(in_flight().runs[42], waiting=frozenset())}))
    asks = GateReached(42, 1, "join")
    assert orchestrator.deliver(gate(asks, "true"))
    kept = ("TOKEN#0000000042#1#join", "true")
    for forged in (
        asks,
        replace(asks, attempt=1),
        replace(asks, attempt=2**53 - 1),
        replace(asks, run=43),
        replace(asks, launch=2),
    ):
        assert orchestrator.deliver(gate(forged, "forged"))
    assert orchestrator.deliver(gate(asks, "true"))
    assert tokens(here) == {(*kept, "forged")}
    told = []
    here_states = orchestrator.handler.app.clients.stepfunctions

    def success(*, taskToken, output):  # noqa: N803 - botocore's word
        told.append((taskToken, json.loads(output)))
        if taskToken == "forged":
            raise ClientError({"Error": {"Code": "InvalidToken"}}, "SendTaskSuccess")

    here_states.send_task_success = success
    assert orchestrator.deliver(codec.letter(SALES, RippleSucceeded(42, "load", 1)))
    assert ("true", 1) in [(token, output["attempt"]) for token, output in told]


def test_a_gate_of_a_run_that_the_same_delivery_starts_cannot_be_true(orchestrator, here):
    orchestrator.holds(
        in_flight(
            runs={},
            ripples={"load": RippleState("load")},
            sources={},
            release=RELEASE,
            runs_started=41,
            start_f=NOON,
        )
    )
    early = GateReached(42, 1, "load", 2**53 - 1, "failed", Failure("load", 2**53 - 1, "E", "m"))
    assert orchestrator.deliver(
        codec.letter(SALES, Triggered("pulse", NOON + SECOND)), gate(early, "forged")
    )
    assert 42 in orchestrator.state.runs
    assert tokens(here) == set()


def test_a_branch_of_a_run_that_is_over_is_sent_home_with_its_own_token(orchestrator):
    orchestrator.holds(in_flight())
    told = []
    orchestrator.handler.app.clients.stepfunctions.send_task_failure = lambda **given: told.append(
        (given["taskToken"], given["error"])
    )
    assert orchestrator.deliver(gate(GateReached(40, 1, "join"), "late"))
    assert told == [("late", "Duckstring.Done")]


@pytest.mark.parametrize(
    "where",
    [
        "arn:aws:ecs:eu-central-1:123456789012:task/other/0123456789abcdef0123456789abcdef",
        "x",
        "/../",
        "",
    ],
)
def test_a_task_of_another_cluster_is_not_asked_after(orchestrator, here, where):
    load = in_flight().ripples["load"]
    load = replace(load, attempt=replace(load.attempt, on="task", memory_mib=8192))
    orchestrator.holds(in_flight(ripples={**in_flight().ripples, "load": load}))
    row = {"status": {"S": "running"}, "where": {"S": "task"}, "request_id": {"S": where}}
    key = {"pk": {"S": "WORK#sales@1"}, "sk": {"S": "ATTEMPT#0000000042#load#0001"}}
    here.clients.dynamodb.put_item(TableName="catchment", Item={**key, **row})

    def refuse(**_):
        raise ClientError(
            {"Error": {"Code": "AccessDeniedException", "Message": "not authorized"}},
            "DescribeTasks",
        )

    orchestrator.handler.app.clients.ecs.describe_tasks = refuse
    assert orchestrator.deliver(codec.letter(SALES, Ordered("kill", NOON)))
