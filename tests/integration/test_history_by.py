"""Runs that somebody asked for, found by marks of who asked."""

from __future__ import annotations

from datetime import timedelta
from itertools import product
from random import Random

import pytest

from duckstring.adapters.aws import history as module
from duckstring.adapters.aws.expiry import DynamoExpiry
from duckstring.adapters.aws.items import to_item
from duckstring.model.askers import matches
from duckstring.model.instants import to_text
from duckstring.model.names import Line, parse_run
from duckstring.model.said import Said
from duckstring.ports import RunFilter
from tests.integration.aws import catchment
from tests.integration.test_history import NOON, SALES, SECOND, History

ACCOUNT = "123456789012"
ALICE = f"arn:aws:iam::{ACCOUNT}:user/alice"
BUILD = f"arn:aws:sts::{ACCOUNT}:assumed-role/ci/build-7"
HOSTILE = "BY#failed#0000000001#~ \N{SNOWMAN} RUNS#failed#3"
ASKERS = (ALICE, BUILD, "alice@laptop", "bob@desk", HOSTILE, "")
STATUSES = ("success", "failed", "pass", "killed")


class Asked(History):
    def ran_for(self, by, line, number, status="success", *, started=NOON):
        """A run begins, which is when who asked is told, and ends."""
        said = Said(started, by) if by else None
        self.ran(line, number, "running", started=started, said=said)
        if status != "running":
            self.ran(line, number, status, started=started)

    def asked(self, by, line=None, limit=20, **only):
        return self.read.runs_asked(
            now=NOON + SECOND, line=line, limit=limit, only=RunFilter(by=by, **only)
        )

    def by(self, by, line=None, limit=20, **only):
        return [row["run"] for row in self.asked(by, line, limit, **only).rows]


@pytest.fixture
def history(monkeypatch):
    with catchment(monkeypatch) as here:
        yield Asked(here)


def test_runs_by_somebody_are_those_of_all_runs_filtered(history):
    some = Random(17)
    lines = ("a@1", "b@1", "c@2")
    for number in range(1, 14):
        for name in lines:
            history.ran_for(
                some.choice(ASKERS),
                name,
                number,
                some.choice(STATUSES),
                started=NOON - timedelta(hours=(14 - number) // 2),
            )
    rows = {row["run"]: row for row in history.read.runs(now=NOON + SECOND, limit=1000)}
    since, until = NOON - timedelta(hours=4), NOON - timedelta(hours=1)
    names = ("alice", "ci", HOSTILE)
    for by, line, status in product(names, (None, Line("b@1")), (None, "failed", "pass")):
        expected = [
            run
            for run in history.names(line=line, limit=1000, status=status)
            if matches(by, rows[run].get("by") or "")
        ]
        assert history.by(by, line, 1000, status=status) == expected
        assert history.by(by, line, 2, status=status) == expected[:2]
        for place in {0, len(expected) // 2} if expected else ():
            before = rows[expected[place]]
            assert history.by(by, line, 1000, status=status, before=before) == expected[place + 1 :]
        spanned = history.by(by, line, 1000, status=status, since=since, until=until)
        assert spanned == [
            run for run in expected if to_text(since) <= rows[run]["started"] < to_text(until)
        ]
        of_two = history.by(by, line, 1000, status=status, ponds=frozenset({"a", "b"}))
        assert of_two == [run for run in expected if not run.startswith("c@")]


def test_the_runs_of_others_are_not_read(history):
    for number in range(1, 80):
        history.ran_for("bob@desk", "sales@1", number, started=NOON - SECOND * (90 - number))
    history.ran_for(ALICE, "sales@1", 80)
    client, read = history.here.clients.dynamodb, []

    def note(http_response, parsed, model, **_):
        read.extend(parsed.get("Items", ()))
        read.extend(row for rows in parsed.get("Responses", {}).values() for row in rows)

    client.meta.events.register("after-call.dynamodb.*", note)
    assert history.by("alice") == ["sales@1/80"]
    assert history.by("alice", SALES) == ["sales@1/80"]
    assert len(read) == 4  # twice a mark and its row


def test_a_page_looks_at_a_bounded_number_and_says_where_it_goes_on(history, monkeypatch):
    monkeypatch.setattr(module, "MOST_LOOKED", 80)
    history.ran_for("robot@ci", "sales@1", 1, "pass", started=NOON - SECOND * 300)
    for number in range(2, 200):
        history.ran_for("robot@ci", "sales@1", number, started=NOON - SECOND * (300 - number))
    for line in (None, SALES):
        found, pages, before = [], 0, None
        while True:
            page = history.asked("robot", line, status="pass", before=before)
            found += [row["run"] for row in page.rows]
            pages += 1
            if not page.further:
                break
            before = history.read.run(*parse_run(page.further))
        assert found == ["sales@1/1"]
        assert pages == 3  # 199 marks, 80 a page


def test_a_page_of_other_ponds_ends_as_well(history, monkeypatch):
    monkeypatch.setattr(module, "MOST_LOOKED", 40)
    for number in range(1, 60):
        history.ran_for("robot@ci", "sales@1", number, started=NOON - SECOND * (90 - number))
    page = history.asked("robot", ponds=frozenset({"orders"}))
    assert (page.rows, page.further) == ([], "sales@1/20")


def test_a_mark_that_its_row_does_not_bear_out_counts_for_nothing(history):
    history.ran_for(ALICE, "sales@1", 1)
    mark = next(
        item for key, item in history.here.items("LINE#sales@1").items() if key.startswith("BY#")
    )
    history.ran_for("bob@desk", "sales@1", 2)
    forged = {**mark, "sk": {"S": mark["sk"]["S"].replace("0001", "0002")}}
    forged["gsi1sk"] = {"S": mark["gsi1sk"]["S"].replace("/1", "/2")}
    history.here.clients.dynamodb.put_item(TableName=history.here.settings.table, Item=forged)
    gone = {**mark, "sk": {"S": mark["sk"]["S"].replace("0001", "0003")}}
    gone["gsi1sk"] = {"S": mark["gsi1sk"]["S"].replace("/1", "/3")}
    history.here.clients.dynamodb.put_item(TableName=history.here.settings.table, Item=gone)
    assert history.by("alice") == ["sales@1/1"]
    assert history.by("alice", SALES) == ["sales@1/1"]


def test_a_name_with_anything_in_it_makes_keys_of_digits_only(history):
    history.ran_for(HOSTILE, "sales@1", 1)
    marks = [key for key in history.here.items("LINE#sales@1") if key.startswith("BY#")]
    assert len(marks) == 1
    kind, number = marks[0].split("#")[1:]
    assert (kind[:4], len(kind), number) == ("who-", 24, "0000000001")
    assert int(kind[4:], 16)
    assert history.by(HOSTILE) == ["sales@1/1"]


def test_a_run_that_nobody_asked_for_has_no_mark(history):
    history.ran_for("", "sales@1", 1)
    assert [*history.here.items("LINE#sales@1")] == ["RUN#0000000001"]


def test_history_that_expires_takes_its_marks_with_it(history):
    for number, by in enumerate((ALICE, BUILD, "", HOSTILE), start=1):
        history.ran_for(by, "sales@1", number, "failed")
    store = DynamoExpiry(history.here.clients, history.here.settings.table)
    assert store.forget_runs(SALES, [1, 2, 3]) == 3 * 2 + 3, "rows, and marks of failures and names"
    left = history.here.items("LINE#sales@1")
    assert sorted(key.rpartition("#")[2] for key in left) == ["0000000004"] * 3
    assert history.by("ci") == []


def test_a_row_without_marks_is_no_obstacle_to_its_expiry(history):
    history.put(
        pk="LINE#sales@1", sk="RUN#0000000001", run="sales@1/1", started=to_text(NOON), by=ALICE
    )
    store = DynamoExpiry(history.here.clients, history.here.settings.table)
    store.forget_runs(SALES, [1])
    assert history.here.items("LINE#sales@1") == {}


def test_an_item_of_a_run_keeps_who_asked_when_it_ends(history):
    history.ran_for(ALICE, "sales@1", 1)
    assert history.read.run(SALES, 1)["by"] == ALICE
    assert (
        to_item({"by": ALICE})["by"] == history.here.items("LINE#sales@1")["RUN#0000000001"]["by"]
    )
