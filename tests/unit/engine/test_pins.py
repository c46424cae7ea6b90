"""Which snapshots are not deleted."""

from __future__ import annotations

from datetime import timedelta

from duckstring.engine.effects import PublishSnapshot
from duckstring.engine.pins import objects_of, pinned, retention_of
from duckstring.engine.state import PondState, Run, SourceReport, SourceView
from duckstring.model.catalog import Part, Position, TableVersion
from duckstring.model.names import Line, file_of_key, table_key
from duckstring.model.retention import Retention
from duckstring.model.values import replace
from tests.unit.api.world import NOON, release

SALES, RATES, REPORTS = Line("sales@1"), Line("rates@1"), Line("reports@1")


def test_what_a_run_reads_and_what_the_next_one_will_is_pinned_by_source_and_number():
    run = Run(1, NOON, NOON, timedelta(0), "1.0.0", "k", "m", 0, NOON, pins={SALES: 3, RATES: 7})
    told = {
        SALES: SourceView(SALES, report=SourceReport(snapshot=5)),
        RATES: SourceView(RATES, report=SourceReport()),
    }
    busy, idle = PondState(REPORTS, runs={1: run}), PondState(Line("b@1"), sources=told)
    assert pinned([busy, idle, replace(busy, line=Line("c@1"), sources=told)]) == {
        SALES: {3: {REPORTS, "c@1"}, 5: {"b@1", "c@1"}},
        RATES: {7: {REPORTS, "c@1"}},
    }
    assert pinned([]) == {}


def test_the_newest_version_that_is_selected_says_how_many_are_kept():
    def of(kept):
        return replace(release("sales@1"), retention=kept)

    whole, state = Retention(3, 1), PondState(SALES)
    assert retention_of(state, whole) == whole
    assert retention_of(replace(state, release=of(Retention(9))), whole) == Retention(9, 1)
    waits = replace(state, release=of(Retention(9)), next_release=of(Retention(days=30)))
    assert retention_of(waits, whole) == Retention(3, 30)


def test_a_manifest_keeps_its_tables_and_whole_tables_that_its_ripples_had_taken():
    def key(run, line=SALES):
        return table_key(line, "t", run=run, ripple="load", attempt=1, invocation="x")

    parts = tuple(Part(file_of_key(key(run)), 1, 1) for run in (1, 2))
    tables = {"t": TableVersion("t", key(2), 2, 2, "f", parts=parts)}
    taken = {"load": {"r.t": Position(key(7, RATES), whole=True), "r.u": Position(key(8, RATES))}}
    assert objects_of(PublishSnapshot(2, NOON, tables)) == {key(1), key(2)}
    known = PublishSnapshot(2, NOON, tables, positions=taken)
    assert objects_of(known) == {key(1), key(2), key(7, RATES)}
