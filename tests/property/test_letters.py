"""A letter is input from outside: whatever lies in the mailbox, the orchestrator takes what may
be true, and nothing holds it up.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from duckstring.adapters.aws import codec
from duckstring.adapters.aws.inbox import batches, forwarded
from duckstring.adapters.aws.letter_form import LetterFormError, checked_object
from duckstring.engine.effects import PublishSnapshot, TellSink, TellSinks
from duckstring.engine.signals import (
    AlarmRang,
    Deployed,
    GateReached,
    PullReceived,
    Removed,
    RippleSucceeded,
    Signal,
    SourceTold,
    TableRemoved,
    Triggered,
    WindowAdded,
    WindowOpened,
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
from duckstring.engine.step import steps
from duckstring.model.catalog import Release, Removal, RippleSpec, SourceSpec, TableVersion
from duckstring.model.failures import Failure
from duckstring.model.instants import ZERO
from duckstring.model.limits import stored_bytes, within
from duckstring.model.names import Line, parse_table_key, table_key
from duckstring.model.said import NO_HOLD, Hold
from duckstring.model.values import replace
from duckstring.model.windows import Window
from duckstring.orchestrator.credible import credible
from duckstring.orchestrator.perform import perform
from duckstring.orchestrator.ports import EffectPorts
from duckstring.testing.fakes import (
    Machine,
    MemoryClock,
    MemoryMailbox,
    MemoryNotes,
    MemorySchedules,
    MemoryWorkers,
)
from tests.property.values import register
from tests.property.worlds import looks

register()

SALES, ORDERS = Line("sales@1"), Line("orders@1")
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
SPECS = (RippleSpec("load"), RippleSpec("join", ("load",)))
SOURCES = (SourceSpec(ORDERS, "1.0.0"),)
RELEASE = Release(
    SALES,
    "1.0.0",
    "pond",
    SOURCES,
    SPECS,
    "src/pond.py",
    "artifacts/sales/1.0.0/ab.zip",
    "ab",
    1,
    1,
    NOON - SECOND,
)
FORBIDDEN = ("?", "*", "[", "]", "#", "%", "\n", "\x00", "\x1b", "/", "..", "'", '"', "\ud800", "é")


class Register:
    """What is deployed: this one release. orders@1 was removed at noon."""

    def releases(self, pond: str | None = None) -> dict[Line, Release]:
        return {SALES: RELEASE} if pond in (None, "sales") else {}

    def removed(self, pond: str | None = None) -> list[Removal]:
        return [Removal(ORDERS, NOON)] if pond in (None, "orders") else []

    def hold(self) -> Hold:
        return NO_HOLD


def version(name: str = "orders", **changes: Any) -> TableVersion:
    which = {"run": 42, "ripple": "load", "attempt": 1, "invocation": "0a1b2c3d"} | changes
    line = which.pop("line", SALES)
    return TableVersion(name, table_key(line, name, **which), 3, 300, "f" * 32)


def in_flight() -> PondState:
    """Run 42 is in flight: ``load`` is at work, ``join`` waits at its gate."""
    run = Run(
        42,
        NOON,
        NOON - SECOND,
        timedelta(0),
        "1.0.0",
        RELEASE.artifact,
        RELEASE.module,
        1,
        NOON,
        pins={ORDERS: 7},
        attempts={"load": 1},
        waiting=frozenset({"join"}),
    )
    ripples = {
        "load": RippleState("load", start_f=NOON, attempt=Attempt(42, 1, NOON, dispatched=True)),
        "join": RippleState("join", ("load",), targets=(NOON,)),
    }
    return PondState(
        SALES,
        revision=5,
        release=RELEASE,
        immediate_retries=1,
        start_f=NOON,
        ripples=ripples,
        runs={42: run},
        runs_started=42,
        sources={ORDERS: SourceView(ORDERS, report=SourceReport(NOON, NOON, snapshot=7))},
    )


def record(body: str, group: str = SALES) -> dict[str, Any]:
    attributes = {
        "ApproximateReceiveCount": "1",
        "SentTimestamp": "1",
        "SequenceNumber": "7",
        "MessageGroupId": group,
    }
    return {"messageId": "m", "receiptHandle": "r", "body": body, "attributes": attributes}


def accepted(*bodies: str) -> list[Signal]:
    """What the orchestrator takes of these bodies, for sales@1."""
    found = batches([record(body) for body in bodies])
    assert all(batch.line == SALES for batch in found)
    return [
        letter.signal for batch in found for letter in credible(SALES, batch.letters, Register())
    ]


REAL: tuple[Signal, ...] = (
    RippleSucceeded(
        42,
        "load",
        1,
        {"orders": version()},
        seconds=1.5,
        peak_mib=100,
        function_seconds=900.0,
        function_mib=2048,
    ),
    RippleSucceeded(42, "load", 1, skipped=True),
    GateReached(42, 1, "join"),
    GateReached(42, 1, "load", 1, "failed", Failure("load", 1, "ValueError", "no such day")),
    Triggered("tide", NOON, timedelta(days=1)),
    Triggered("pulse", NOON),
    SourceTold(ORDERS, SourceReport(NOON, NOON, snapshot=7), (9, 1)),
    PullReceived(Line("reports@1"), NOON, NOON - SECOND, (3, 0), waits=True),
    WindowAdded(Window("night", NOON, timedelta(days=1), timedelta(hours=2), frozenset({"MON"}))),
    WindowAdded(
        Window("close", NOON, ZERO, ZERO, tz="Europe/Berlin", cron="0 6 L * *"),
    ),
    Deployed(RELEASE),
    AlarmRang(),
)


def body_of(signal: Signal) -> dict[str, Any]:
    whole: dict[str, Any] = json.loads(codec.letter(SALES, signal))
    return {**whole, "token": "a-token"} if isinstance(signal, GateReached) else whole


@pytest.mark.parametrize("signal", REAL, ids=lambda signal: type(signal).__name__)
def test_a_real_letter_is_taken(signal: Signal) -> None:
    assert accepted(json.dumps(body_of(signal))) == [signal]


_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(
        [
            -1,
            0,
            2**53,
            10**400,
            "sales@1",
            "9999-12-31T23:59:59.999999Z",
            "0001-01-01T00:00:00.000000Z",
            *FORBIDDEN,
        ]
    ),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


def places(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    below = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    return [path, *(place for key, one in below for place in places(one, (*path, key)))]


def changed(value: Any, path: tuple[Any, ...], new: Any, *, drop: bool) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    if len(path) == 1 and drop:
        del copy[path[0]]
    else:
        copy[path[0]] = changed(copy[path[0]], path[1:], new, drop=drop)
    return copy


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A real letter with up to three changes: anything in place of something, a character put
    into a text, a part left out.
    """
    whole: Any = body_of(draw(st.sampled_from(REAL)))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(places(whole)))
        held = whole
        for key in path:
            held = held[key]
        if isinstance(held, str) and draw(st.booleans()):
            place = draw(st.integers(0, len(held)))
            new: Any = held[:place] + draw(st.sampled_from(FORBIDDEN)) + held[place:]
        else:
            new = draw(
                _json | st.sampled_from([signal for one in REAL for signal in [body_of(one)]])
            )
        whole = changed(whole, path, new, drop=draw(st.booleans()))
    return json.dumps(whole)


def held_up_by(bodies: list[str]) -> PondState:
    """The state after a delivery of these bodies. It raises where a delivery would be held up."""
    state = in_flight()
    stepped = steps(state, accepted(*bodies), NOON + 10 * SECOND)
    text = codec.state_to_text(stepped.state)
    text.encode()
    codec.outbox_to_text(stepped.effects).encode()
    assert codec.state_from_text(text) == stepped.state
    for effect in stepped.effects:
        if isinstance(effect, PublishSnapshot):
            assert all(parse_table_key(one.key) for one in effect.tables.values())
    for name, one in stepped.state.runs.get(42, state.runs[42]).outputs.items():
        assert (parse_table_key(one.key) or ())[:5] == (SALES, name, 42, "load", 1)
    return stepped.state


@looks(150)
@given(st.lists(_json.map(json.dumps) | st.text(max_size=200), max_size=4))
def test_no_body_holds_the_mailbox_up_and_what_is_not_a_letter_changes_nothing(
    bodies: list[str],
) -> None:
    logging.disable(logging.CRITICAL)
    assert held_up_by(bodies) == in_flight()
    forwarded([record(body) for body in bodies], NOON)


@looks(400)
@given(st.lists(mutated(), min_size=1, max_size=3))
def test_no_change_of_a_real_letter_holds_its_line_up(bodies: list[str]) -> None:
    logging.disable(logging.CRITICAL)
    held_up_by(bodies)


_huge = st.sampled_from(
    [
        10**17,
        2**63,
        2**1023,
        10**309,
        -(10**400),
        10**400,
        10**4299,
        1e308,
        float("inf"),
        float("nan"),
    ]
)
_deep = st.builds(
    lambda depth, ends, inner: f"{ends[0] * depth}{inner}{ends[1] * depth}",
    st.sampled_from([3, 15, 16, 17, 100, 600, 990, 3_000, 40_000]),
    st.sampled_from([("[", "]"), ('{"a":', "}"), ('[{"a":', "}]"), ("[", ""), ('{"', "")]),
    st.sampled_from(['"\\ud83d"', "1", '"]"', '"\\"[[["', ""]),
)


@st.composite
def garbage(draw: st.DrawFn) -> str:
    """A body of sales@1: no JSON at all, or a letter with garbage in any of its fields, and
    beside them.
    """
    if draw(st.integers(0, 3)) == 0:
        return draw(
            st.text(max_size=60)
            | _deep
            | st.binary(max_size=60).map(lambda some: some.decode("latin-1"))
        )
    whole: Any = body_of(
        draw(st.sampled_from(REAL) | st.sampled_from(get_args(Signal)).flatmap(st.from_type))
    )
    for _ in range(draw(st.integers(0, 2))):
        path = draw(st.sampled_from([place for place in places(whole) if place] or [()]))
        if path:
            whole = changed(whole, path, draw(_json | _huge | st.just("MARK")), drop=False)
    text = json.dumps({**whole, "x": "MARK"} if draw(st.booleans()) else whole)
    return text.replace('"MARK"', draw(_deep), draw(st.integers(0, 2)))


@looks(300)
@given(st.lists(garbage(), min_size=1, max_size=4), st.integers(0, 4))
def test_a_true_letter_of_another_line_is_taken_whatever_lies_beside_it(
    bodies: list[str], place: int
) -> None:
    logging.disable(logging.CRITICAL)
    records = [record(body) for body in bodies]
    records.insert(place, record(codec.letter(ORDERS, AlarmRang()), ORDERS))
    taken = [batch for batch in batches(records) if batch.line == ORDERS]
    assert [
        letter.signal for batch in taken for letter in credible(ORDERS, batch.letters, Register())
    ] == [AlarmRang()]
    due, _ = forwarded(records, NOON)
    assert (ORDERS, AlarmRang()) in [(letter.to, letter.signal) for letter in due]
    held_up_by(bodies)


_names = st.sampled_from([SALES, ORDERS, Line("a" * 48 + "@999999")])
_words = st.text(max_size=60) | st.sampled_from(["\U0001f600", "\x01", '"', "\xe9", "x"]).flatmap(
    lambda one: st.sampled_from([100, 700, 5_000, 400_000]).map(lambda count: one * count)
)
_down = st.builds(
    Down, st.just(SALES), st.sampled_from(["failed", "killed"]), _words, st.booleans()
)
_report = st.builds(
    SourceReport, st.just(NOON), st.just(NOON), st.just(SECOND), st.just(7), st.none() | _down
)


@looks(100)
@given(st.lists(_names, min_size=1, unique=True), _words, st.booleans(), _report)
def test_what_we_send_passes_what_we_check(
    sinks: list[Line], message: str, fails: bool, report: SourceReport
) -> None:
    """The words of others go on with what a line tells its Sinks, also those that an outbox of
    before has.
    """
    clock = MemoryClock(NOON)
    mailbox = MemoryMailbox(clock)
    notes = MemoryNotes(clock, mailbox)
    machine = Machine(clock, mailbox, lambda *_: SECOND)
    ports = EffectPorts(
        mailbox, machine, machine, notes, notes, notes, MemorySchedules(), MemoryWorkers()
    )
    state = replace(in_flight(), sinks=dict.fromkeys(sinks, (1, 0)), immediate_retries=0)
    failure = Failure("load", 1, message, message)
    heard = (
        GateReached(42, 1, "load", 1, "failed", failure)
        if fails
        else SourceTold(ORDERS, report, (9, 1))
    )
    stepped = steps(
        replace(state, runs={42: replace(state.runs[42], budget=0)}), [heard], NOON + SECOND
    )
    perform(
        stepped.state,
        (*stepped.effects, TellSinks(report), TellSink(SALES, report)),
        ports,
    )
    sent = [(to, letter.signal) for to, queue in mailbox.queues.items() for letter in queue]
    assert len(sent) >= 2
    for to, signal in sent:
        checked_object(codec.letter(to, signal))


@looks(200)
@given(st.text() | _words, st.integers(10, 9_000))
def test_a_text_is_cut_to_the_bytes_that_it_may_have(text: str, most: int) -> None:
    found = within(text, most)
    assert stored_bytes(found) <= most
    if stored_bytes(text) <= most:
        assert found == text
    else:
        assert text.startswith(found.removesuffix("..."))
        assert stored_bytes(found) > most - 12 - 3


@looks(200)
@given(st.data(), st.sampled_from(get_args(Signal)))
def test_no_signal_whatever_its_fields_hold_holds_its_line_up(
    data: st.DataObject, kind: type
) -> None:
    logging.disable(logging.CRITICAL)
    signal = data.draw(st.from_type(kind))
    held_up_by([json.dumps({**json.loads(codec.letter(SALES, signal)), "token": "t"})])


@pytest.mark.parametrize(
    "epoch",
    [
        "2030-01-01T12:00:00+02:00",
        "2030-01-01T12Z",
        "20300101T120000Z",
        "2030-W01-1T00:00Z",
        "2030-01-01T12:00:00,5Z",
        "2030-01-01 12:00:00Z",
        "2030-01-01T12:00:00",
    ],
)
def test_an_instant_in_another_form_or_zone_is_refused(epoch: str) -> None:
    with pytest.raises(LetterFormError, match="epoch is"):
        checked_object(
            json.dumps({"to": SALES, "kind": "triggered", "kind_": "pulse", "epoch": epoch})
        )


NAMED = version().key
FORGED = (
    {"orders": replace(version(), key=f"{NAMED}?s3_endpoint=evil.example")},
    {"orders": replace(version(), key=NAMED.replace("0000000042", "*"))},
    {"orders": version(line=ORDERS)},
    {"orders": version(run=41)},
    {"orders": version(attempt=2)},
    {"orders": version(ripple="join")},
    {"orders": version("other")},
    {"other": version()},
    {"orders": replace(version(), key="artifacts/sales/1.0.0/ab.zip")},
    {"orders": replace(version(), key="")},
    {"Orders": replace(version(), table="Orders")},
    {"orders": replace(version(), rows=2**52)},
    {"orders": replace(version(), rows=-1)},
    {"orders": replace(version(), bytes=-1)},
    {"orders": replace(version(), fingerprint="")},
    {"orders": replace(version(), f=NOON)},
    {"orders": replace(version(), package="0123456789ab")},
    {"orders": replace(version(), fingerprint="x" * 200)},
    {f"t{number}": version(f"t{number}") for number in range(301)},
)


@pytest.mark.parametrize("tables", FORGED)
def test_tables_that_this_attempt_cannot_have_written_are_refused_in_one_line(
    tables: dict[str, TableVersion], caplog: pytest.LogCaptureFixture
) -> None:
    logging.disable(logging.NOTSET)
    signal = RippleSucceeded(42, "load", 1, tables)
    assert accepted(codec.letter(SALES, signal)) == []
    (line,) = caplog.messages
    assert line.startswith("letter refused: ")
    assert line.isascii()
    assert line.isprintable()


@pytest.mark.parametrize(
    "body",
    [
        *(
            json.dumps({**body_of(GateReached(42, 1, "join")), "token": token})
            for token in ("", 7, "a b", "x" * 2049, None, "\n")
        ),
        json.dumps(
            {
                name: one
                for name, one in body_of(GateReached(42, 1, "join")).items()
                if name != "token"
            }
        ),
        json.dumps(body_of(GateReached(42, 1, "load", 1, "failed", Failure("join", 1, "E", "m")))),
        json.dumps(body_of(GateReached(42, 1, "load", 1, "failed", Failure("load", 2, "E", "m")))),
        json.dumps(body_of(GateReached(42, 1, "no such/ripple"))),
        json.dumps({**body_of(GateReached(42, 1, "join")), "outcome": "rumour"}),
        json.dumps({**body_of(GateReached(42, 1, "join")), "run": True}),
        json.dumps({**body_of(GateReached(42, 1, "join")), "memory_mib": 10**9}),
        codec.letter(SALES, Triggered("tide", NOON)),
        codec.letter(SALES, Triggered("tide", NOON, timedelta(0))),
        codec.letter(SALES, SourceTold(SALES, SourceReport(NOON, NOON, snapshot=7), (9, 1))),
        codec.letter(SALES, SourceTold(Line("?"), SourceReport(NOON, NOON, snapshot=7), (9, 1))),
        codec.letter(SALES, WindowRemoved("a/b")),
        codec.letter(SALES, WindowOpened("")),
        codec.letter(SALES, WindowAdded(Window("night", NOON, timedelta(0), timedelta(0)))),
        codec.letter(
            SALES, WindowAdded(Window("night", NOON, timedelta(hours=1), timedelta(hours=2)))
        ),
        *(
            codec.letter(
                SALES, WindowAdded(Window("night", NOON, every, length, on, tz=tz, cron=cron))
            )
            for every, length, on, tz, cron in (
                (ZERO, ZERO, frozenset(), "Moon/Tranquility", "0 6 1 * *"),
                (ZERO, ZERO, frozenset(), "../../etc/passwd", "0 6 1 * *"),
                (ZERO, ZERO, frozenset(), "", "0 6 30 2 *"),
                (ZERO, ZERO, frozenset(), "", "0 6 1 * * *"),
                (ZERO, ZERO, frozenset(), "", "1," * 200 + "1 * * * *"),
                (ZERO, timedelta(days=2), frozenset(), "", "0 6 * * *"),
                (ZERO, ZERO, frozenset({"MON"}), "", "0 6 * * *"),
                (timedelta(hours=1), ZERO, frozenset(), "Europe/Berlin", ""),
                (ZERO, ZERO, frozenset(), "Europe/Berlin", ""),
            )
        ),
        codec.letter(SALES, Deployed(replace(RELEASE, artifact="artifacts/evil/1.0.0/ab.zip"))),
        codec.letter(SALES, Deployed(replace(RELEASE, deployed=NOON + timedelta(days=9)))),
        codec.letter(SALES, Removed(NOON)),
        codec.letter(SALES, TableRemoved("orders?x")),
        codec.letter(SALES, RippleSucceeded(42, "load", 1, kept=frozenset({"a/b"}))),
        codec.letter(SALES, RippleSucceeded(42, "load", 1, dropped=frozenset({"*"}))),
        codec.letter(ORDERS, AlarmRang()),
        "[" * 100_000,
        '{"to": "sales@1", "kind": "alarm_rang"' + ', "x": "' + "y" * 300_000 + '"}',
    ],
)
def test_a_letter_that_cannot_be_true_changes_nothing(body: str) -> None:
    logging.disable(logging.CRITICAL)
    assert accepted(body) == []


def test_a_removal_that_the_catalog_knows_is_taken_and_a_newer_or_anothers_is_not() -> None:
    logging.disable(logging.CRITICAL)
    for at, is_taken in ((NOON, True), (NOON - SECOND, True), (NOON + SECOND, False)):
        letters = batches([record(codec.letter(ORDERS, Removed(at)), ORDERS)])[0].letters
        assert len(credible(ORDERS, letters, Register())) == is_taken


@looks(60)
@given(st.text(min_size=1))
def test_text_of_a_failure_that_cannot_be_stored_is_taken_with_escapes(message: str) -> None:
    assume(message.isascii())
    signal = GateReached(
        42, 1, "load", 1, "failed", Failure("load", 1, "ValueError", f"{message}\udcff\ud83d")
    )
    (found,) = accepted(json.dumps(body_of(signal)))
    assert isinstance(found, GateReached)
    assert found.failure is not None
    assert found.failure.message == f"{message}\\udcff\\ud83d"


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Any:
    yield
    logging.disable(logging.NOTSET)
