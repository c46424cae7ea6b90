"""Journals in DynamoDB: what commits write, what is read back, and what they cost."""

from __future__ import annotations

import random
import string
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from duckstring.adapters.aws import journal as journals
from duckstring.adapters.aws.journal import DynamoJournal
from duckstring.adapters.aws.state import DynamoStateStore, state_key
from duckstring.engine.journal import Chapter, Entry, Told, Unknown, folded, state_at, told
from duckstring.engine.signals import Deployed, Ordered, RippleSucceeded, Signal, Triggered
from duckstring.engine.state import PondState
from duckstring.errors import StateConflictError
from duckstring.model.catalog import TableVersion
from duckstring.model.names import Line
from duckstring.model.schema import SCHEMA, NewerSchemaError
from duckstring.orchestrator.ports import Held, Tail
from duckstring.testing.simulator import pond
from tests.integration.aws import Catchment, catchment

SALES = Line("sales@1")
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
KEPT = 30 * DAY
JOURNAL = "JOURNAL#sales@1"


@pytest.fixture
def here(monkeypatch) -> Iterator[Catchment]:
    monkeypatch.setattr(journals, "FULL", 250)
    with catchment(monkeypatch) as found:
        yield found


def store_of(here: Catchment, kept: timedelta | None = KEPT) -> DynamoStateStore:
    return DynamoStateStore(here.clients, here.settings.table, kept)


def take(store: DynamoStateStore, signal: Signal, now: datetime) -> Held:
    """A commit of one letter."""
    held = store.load(SALES)
    entry = Entry(held.state.revision + 1, now, (signal,))
    stepped = folded(held.state, entry)
    return store.commit(held, stepped.state, stepped.effects, (1, "1"), now, entry)


def lived(store: DynamoStateStore, number: int = 60, every: timedelta = SECOND) -> list[PondState]:
    """Deployed, and then woken and killed in turns. Each state, by its revision."""
    states = [PondState(SALES), take(store, Deployed(pond("sales@1")), NOON).state]
    for index in range(1, number):
        now = NOON + index * every
        verb = "wake" if index % 2 else "kill"
        states.append(take(store, Ordered(verb, now), now).state)
    return states


def told_of(here: Catchment) -> list[Told | Unknown]:
    """All that the journal has, from the first chapter that is kept."""
    found, before = list[Told | Unknown](), None
    for chapter in chapters(here):
        found += told(before, chapter)
        before = chapter
    return found


def chapters(here: Catchment) -> list[Chapter]:
    reader = DynamoJournal(here.clients, here.settings.table)
    opened = reader.open_chapters([SALES])[SALES]
    return [*reader.following(SALES, None), opened]


def test_what_was_committed_is_told_again_over_all_chapters(here):
    states = lived(store_of(here))
    found = told_of(here)
    assert [one.state for one in found] == states[1:]
    assert not any(one.differs for one in found)
    assert len(chapters(here)) > 3


def test_a_moment_is_found_by_the_chapter_before_it_and_the_one_after(here):
    states = lived(store_of(here))
    reader = DynamoJournal(here.clients, here.settings.table)
    opened = reader.open_chapters([SALES])[SALES]
    for index in (0.5, 7.5, 30, 58.5):
        at = NOON + index * SECOND
        before = reader.before(SALES, at)
        chapter = next(reader.following(SALES, before), opened)
        assert state_at(before, chapter, at) == states[int(index) + 1]
    assert reader.before(SALES, NOON - SECOND) is None


def test_a_commit_writes_once_and_now_and_then_a_chapter_before(here):
    calls: Counter[str] = Counter()
    here.clients.dynamodb.meta.events.register(
        "provide-client-params.dynamodb.*", lambda model, **_: calls.update([model.name])
    )
    lived(store_of(here), 40)
    ended = len(here.items(JOURNAL))
    assert 2 <= ended <= 8
    assert calls["PutItem"] + calls["TransactWriteItems"] == 40 + ended


def test_without_a_time_to_keep_there_is_no_journal(here):
    lived(store_of(here, None), 30)
    assert here.items(JOURNAL) == {}
    assert not {"journal", "journal_after"} & here.items("LINE#sales@1")["STATE"].keys()


def test_a_delivery_that_loses_the_race_after_a_chapter_leaves_the_journal_whole(here):
    store = store_of(here)
    states = lived(store, 8)
    while len(store.load(SALES).tail.packed) < journals.FULL:
        states.append(take(store, Ordered("wake", NOON), NOON + len(states) * SECOND).state)
    held = store.load(SALES)
    now = NOON + 100 * SECOND
    states.append(take(store, Ordered("kill", now), now).state)
    entry = Entry(held.state.revision + 1, now, (Ordered("sleep", now),))
    stepped = folded(held.state, entry)
    with pytest.raises(StateConflictError):
        store.commit(held, stepped.state, stepped.effects, (1, "2"), now, entry)
    assert [one.state for one in told_of(here)] == states[1:]


def test_a_line_that_was_there_before_journals_begins_with_its_state(here):
    old = lived(store_of(here, None), 5)
    store = store_of(here)
    now = NOON + 100 * SECOND
    new = take(store, Ordered("wake", now), now).state
    first, *rest = told_of(here)
    assert first == Unknown(None, NOON + 4 * SECOND)
    assert [one.state for one in rest] == [new]
    assert rest[0].before == old[-1]


def test_a_commit_of_a_release_without_journals_is_a_gap(here):
    store = store_of(here)
    lived(store, 5)
    for number in (10, 11):
        take(store_of(here, None), Ordered("wake", NOON), NOON + number * SECOND)
    new = take(store, Ordered("kill", NOON), NOON + 12 * SECOND).state
    *_, gap, last = told_of(here)
    known = chapters(here)[0]
    assert gap == Unknown(known.at, NOON + 11 * SECOND)
    assert last.state == new


def random_text(size: int) -> str:
    return "".join(random.Random(size).choices(string.ascii_lowercase + string.digits, k=size))


def success(run: int, tables: int) -> RippleSucceeded:
    """An attempt's success that does not compress."""
    return RippleSucceeded(
        run,
        "run",
        1,
        {
            f"t{n}": TableVersion(f"t{n}", random_text(150 + n), 1, 1, random_text(120 + n))
            for n in range(tables)
        },
    )


def test_letters_that_have_no_room_fail_no_commit_and_are_named(here, monkeypatch):
    store = store_of(here)
    states = lived(store, 2)
    monkeypatch.setattr(journals, "MOST_ITEM_BYTES", 60_000)
    states.append(take(store, success(1, 100), NOON + 3 * SECOND).state)
    states.append(take(store, success(1, 100), NOON + 4 * SECOND).state)
    held = store.load(SALES)
    states.append(take(store, Ordered("kill", NOON), NOON + 5 * SECOND).state)
    assert held.tail.after == ""
    found = told_of(here)
    gaps = [one for one in found if isinstance(one, Unknown)]
    assert gaps
    known = [one.state for one in found if isinstance(one, Told)]
    assert known[-1] == states[-1]
    assert all(state in states for state in known)


def test_a_chapter_that_is_too_large_leaves_its_entries_out_and_then_itself(here, monkeypatch):
    store = store_of(here)
    lived(store, 3)
    held = store.load(SALES)
    items: list[dict] = []
    writer = journals.JournalWriter(items.append, KEPT, 1)
    noise = Tail(held.tail.after, journals._pack(b'"' + random_text(9_000).encode() + b'",'))
    entry = Entry(4, NOON, (Ordered("wake", NOON),))
    monkeypatch.setattr(journals, "MOST_ITEM_BYTES", 3_000)
    assert writer.add(replaced(held, noise), entry, size=0).after == items[0]["sk"]["S"]
    assert journals.ended_chapter(SALES, items[0]).entries == ()
    monkeypatch.setattr(journals, "MOST_ITEM_BYTES", 300)
    assert writer.add(replaced(held, noise), entry, size=0).after == ""
    assert len(items) == 1


def replaced(held: Held, tail: Tail) -> Held:
    return Held(held.state, held.outbox, held.mark, held.committed, held.used, tail)


def test_a_chapter_expires_when_all_that_it_is_needed_for_is_gone(here):
    store = store_of(here)
    states = lived(store, 40, 3 * DAY)
    items = here.items(JOURNAL)
    expires = {
        key: datetime.fromtimestamp(int(item["expires"]["N"]), UTC) for key, item in items.items()
    }
    found = chapters(here)
    for before, after in pairwise(found):
        last = after.entries[-1].now if after.entries else after.at
        assert expires[before.key] >= last + KEPT
    assert [one.state for one in told_of(here)] == states[1:]


def test_a_line_that_rested_for_longer_than_journals_are_kept_is_known_from_its_state_on(here):
    store = store_of(here)
    states = lived(store, 5)
    now = NOON + 40 * DAY
    take(store, Ordered("wake", now), now)
    *_, item = here.items(JOURNAL).values()
    assert int(item["expires"]["N"]) >= (now + KEPT).timestamp()
    assert journals.ended_chapter(SALES, item).state == states[-1]


def test_keys_sort_as_revisions_do_though_a_clock_is_set_back(here):
    store = store_of(here)
    lived(store, 20)
    for number in range(40):
        take(store, Ordered("wake", NOON), NOON - (60 - number) * SECOND)
    found = chapters(here)
    revisions = [one.state.revision for one in found]
    assert revisions == sorted(revisions)
    assert all(isinstance(one, Told) for one in told_of(here))


def test_a_journal_of_a_newer_release_is_not_read(here):
    store = store_of(here)
    lived(store)
    key, item = next(iter(here.items(JOURNAL).items()))
    newer = {**item, "schema": {"N": str(SCHEMA + 1)}}
    here.clients.dynamodb.put_item(TableName=here.settings.table, Item=newer)
    with pytest.raises(NewerSchemaError, match=r"journal of sales@1"):
        list(DynamoJournal(here.clients, here.settings.table).following(SALES, None))
    here.clients.dynamodb.update_item(
        TableName=here.settings.table,
        Key=state_key(SALES),
        UpdateExpression="SET #schema = :schema",
        ExpressionAttributeNames={"#schema": "schema"},
        ExpressionAttributeValues={":schema": {"N": str(SCHEMA + 1)}},
    )
    with pytest.raises(NewerSchemaError, match=r"state of sales@1"):
        DynamoJournal(here.clients, here.settings.table).open_chapters([SALES])
    assert key


def test_text_that_nothing_can_store_is_kept_as_escapes(here):
    store = store_of(here)
    odd = Triggered("pulse", NOON)
    take(store, Deployed(pond("sales@1")), NOON)
    take(store, odd, NOON)
    tail = journals.JournalWriter(lambda _: None, KEPT).add(
        store.load(SALES), Entry(3, NOON, (success_named("a\ud83db"),)), size=0
    )
    (signal,) = journals.entries_of(tail)[-1].signals
    assert signal.dropped == {"a\\ud83db"}


def success_named(name: str) -> RippleSucceeded:
    return RippleSucceeded(1, "run", 1, dropped=frozenset({name}))
