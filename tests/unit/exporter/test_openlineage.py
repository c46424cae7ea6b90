"""Events of OpenLineage: each is judged by the client's own models, over runs of all kinds."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openlineage.client.event_v2 import RunState
from openlineage.client.naming.dataset import S3
from openlineage.client.uuid import generate_static_uuid

from duckstring.author.columns import ColumnType
from duckstring.engine.effects import PublishSnapshot
from duckstring.exporter.openlineage import News, tell, tell_all
from duckstring.exporter.openlineage_events import Told, begun, events_of, run_id
from duckstring.exporter.openlineage_ports import (
    OpenLineagePorts,
    Place,
    RefusedError,
    UnreachableError,
)
from duckstring.model.catalog import DroppedTable, Part, TableVersion
from duckstring.model.instants import from_text, to_text
from duckstring.model.names import Line, file_of_key, table_key
from tests.openlineage import judged
from tests.property.worlds import looks

SALES = Line("sales@1")
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
PLACE = Place("duckstring://123456789012/eu-central-1/prod", "lake-bucket")
ENDS = ("success", "pass", "failed", "killed", "removal", "rollback")
ATTEMPT_ENDS = ("success", "failed", "crashed", "lost", "killed", "overran", "memory", "check")
TEXTS = st.text(max_size=60)
NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True)
TIMES = st.timedeltas(timedelta(0), timedelta(hours=9)).map(lambda after: to_text(NOON + after))


def run_row(status: str = "success", **fields: Any) -> dict[str, Any]:
    over = None if status == "running" else to_text(NOON + timedelta(minutes=1))
    return {
        "run": "sales@1/7",
        "pond": "sales",
        "major": 1,
        "number": 7,
        "f": to_text(NOON - timedelta(minutes=5)),
        "version": "1.2.0",
        "status": status,
        "started": to_text(NOON),
        "finished": over,
        "changed": status != "pass",
        "overtaken_by": None,
        "ripple": None,
        "error": None,
        "message": None,
    } | fields


def attempt_row(ripple: str = "load", number: int = 1, **fields: Any) -> dict[str, Any]:
    empty = ("where", "error", "message", "traceback", "tables", "lineage", "package")
    return {
        **dict.fromkeys(empty),
        "run": "sales@1/7",
        "ripple": ripple,
        "attempt": number,
        "status": "success",
        "started": to_text(NOON + timedelta(seconds=1)),
        "finished": to_text(NOON + timedelta(seconds=9)),
    } | fields


def key(table: str, *, run: int = 7, ripple: str = "load", attempt: int = 1) -> str:
    return table_key(SALES, table, run=run, ripple=ripple, attempt=attempt, invocation="a" * 12)


def version(table: str, *, rows: int = 2, **by: Any) -> TableVersion:
    return TableVersion(table, key(table, **by), rows, 10 * rows, "f")


def read(table: str, *writers: str, sure: bool = True) -> dict[str, Any]:
    return {"table": table, "sure": sure, "writers": list(writers), "earlier": False}


def lineage(*reads: dict[str, Any]) -> dict[str, Any]:
    return {"reads": list(reads), "open": False, "left_off": 0}


def of(told: Told) -> list[dict[str, Any]]:
    return [dict(one) for one in events_of(told, PLACE)]


reads = st.builds(
    read,
    st.one_of(NAMES, st.builds("{}@{}.{}".format, NAMES, st.integers(0, 9), NAMES)),
    st.builds("{}-{}-{}".format, st.integers(1, 99), NAMES, st.integers(1, 9)),
    sure=st.booleans(),
)
attempts = st.builds(
    attempt_row,
    NAMES,
    st.integers(1, 9),
    status=st.sampled_from(("success",) * 7 + ("running", *ATTEMPT_ENDS)),
    started=st.none() | TIMES,
    finished=st.none() | TIMES,
    error=st.none() | TEXTS,
    message=st.none() | TEXTS,
    traceback=st.none() | TEXTS,
    where=st.sampled_from((None, "lambda", "task")),
    package=st.none() | st.just("a" * 64),
    tables=st.none() | st.dictionaries(NAMES, st.just({"rows": 3, "bytes": 9}), max_size=3),
    lineage=st.none() | st.builds(lineage, reads),
)
runs = st.builds(
    run_row,
    st.sampled_from(("success",) * 6 + ENDS),
    finished=TIMES,
    error=st.none() | TEXTS,
    message=st.none() | TEXTS,
    ripple=st.none() | NAMES,
    overtaken_by=st.sampled_from((None, None, None, "sales@1/9")),
    pins=st.none() | st.just({"raw@1": 55}),
    wanted=st.sampled_from((None, "pull", "push")),
    warnings=st.none() | st.just([{"check": "few", "message": "1 row"}]),
)
scalars = st.sampled_from(("integer", "varchar")).map(lambda kind: ColumnType(kind, kind.upper()))
columns = st.dictionaries(
    TEXTS,
    scalars
    | st.builds(
        lambda parts: ColumnType("struct", "STRUCT(...)", tuple(parts.items())),
        st.dictionaries(TEXTS, scalars, min_size=1, max_size=3),
    ),
    max_size=4,
)


@st.composite
def told_runs(draw: st.DrawFn) -> Told:
    rows = draw(
        st.lists(attempts, max_size=4, unique_by=lambda row: (row["ripple"], row["attempt"]))
    )
    tables = {
        f"t{number}": version(f"t{number}", ripple=row["ripple"], attempt=row["attempt"])
        for number, row in enumerate(rows)
    } | {"kept": version("kept", run=3)}
    dropped = {"gone": DroppedTable(7, "1.2.0"), "long_gone": DroppedTable(2, "1.0.0")}
    manifest = PublishSnapshot(7, NOON, tables, dropped)
    return Told(
        draw(runs),
        rows,
        draw(st.sampled_from((manifest, manifest, None))),
        draw(st.dictionaries(st.sampled_from(("t0", "t1")), columns, min_size=1, max_size=2)),
    )


@looks(40)
@given(told_runs())
def test_openlineages_own_client_takes_every_event_of_every_run(told: Told) -> None:
    found = of(told)
    for one in found:
        judged(json.loads(json.dumps(one)))
    assert of(told) == found, "the same rows make the same events"


@looks(40)
@given(told_runs())
def test_each_run_begins_once_before_it_ends_once_and_a_pond_ends_last(told: Told) -> None:
    found = [judged(one) for one in of(told)]
    kinds: dict[str, list[RunState]] = {}
    for one in found:
        kinds.setdefault(one.run.runId, []).append(one.eventType)
    assert all(len(two) == 2 for two in kinds.values())
    assert all(first == RunState.START != last for first, last in kinds.values())
    assert found[0].run.runId == found[-1].run.runId == run_id(PLACE, told.run)
    assert len(kinds) == 1 + len(told.attempts)


@looks(40)
@given(told_runs())
def test_ripples_change_tables_only_in_a_run_that_publishes(told: Told) -> None:
    written = [out for one in of(told)[1:-1] for out in one["outputs"]]
    if told.run["status"] != "success" or told.run["overtaken_by"]:
        assert not written
    assert not [one for one in written if one["name"].endswith("/kept")]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((one, "COMPLETE") for one in ("success", "pass", "removal", "rollback")),
        ("failed", "FAIL"),
        ("killed", "ABORT"),
    ],
)
def test_how_a_run_ends(status: str, kind: str) -> None:
    assert [one["eventType"] for one in of(Told(run_row(status)))] == ["START", kind]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("success", "COMPLETE"),
        ("killed", "ABORT"),
        ("running", "ABORT"),
        *((one, "FAIL") for one in ("failed", "crashed", "lost", "overran", "memory", "check")),
    ],
)
def test_how_an_attempt_ends(status: str, kind: str) -> None:
    told = Told(run_row("failed"), [attempt_row(status=status)])
    assert [one["eventType"] for one in of(told)][1:-1] == ["START", kind]


def test_a_begun_run_is_told_as_it_is_told_again_when_it_is_over() -> None:
    before = begun(Told(run_row("running")), PLACE)
    (after, _) = of(Told(run_row("success")))
    assert before == after


def test_ids_are_those_that_the_client_makes_of_the_same_name() -> None:
    row = run_row(started=to_text(NOON + timedelta(microseconds=123_456)))
    name = f"{PLACE.namespace}/sales@1/7"
    began = from_text(row["started"])
    assert run_id(PLACE, row) == str(generate_static_uuid(began, name.encode()))
    assert run_id(PLACE, row, "load", 1) == str(
        generate_static_uuid(began, f"{name}/load/1".encode())
    )
    assert UUID(run_id(PLACE, row)).version == 7


def test_other_runs_have_other_ids() -> None:
    elsewhere, later = Place("duckstring://1/x/prod", "b"), to_text(NOON + timedelta(days=1))
    ids = {
        run_id(PLACE, run_row()),
        run_id(elsewhere, run_row()),
        run_id(PLACE, run_row(run="sales@1/8")),
        run_id(PLACE, run_row(started=later)),
        run_id(PLACE, run_row(), "load", 1),
        run_id(PLACE, run_row(), "load", 2),
    }
    assert len(ids) == 6


def test_tables_are_called_as_openlineage_calls_what_lies_in_s3() -> None:
    manifest = PublishSnapshot(7, NOON, {"orders": version("orders")})
    (_, _, end, _) = of(Told(run_row(), [attempt_row()], manifest))
    (out,) = end["outputs"]
    by_client = S3("lake-bucket", "data/sales@1/orders")
    assert (out["namespace"], out["name"]) == (by_client.get_namespace(), by_client.get_name())


def test_an_output_has_what_the_attempt_itself_added() -> None:
    old, new = key("orders", run=3), key("orders")
    parts = (Part(file_of_key(old), 40, 400), Part(file_of_key(new), 2, 20))
    grown = TableVersion("orders", new, 42, 420, "f", parts=parts)
    told = Told(
        run_row(),
        [attempt_row(tables={"orders": {"rows": 42, "bytes": 420}})],
        PublishSnapshot(7, NOON, {"orders": grown}),
    )
    (out,) = of(told)[2]["outputs"]
    statistics = out["outputFacets"]["outputStatistics"]
    assert (statistics["rowCount"], statistics["size"], statistics["fileCount"]) == (2, 20, 1)
    assert out["facets"]["version"]["datasetVersion"] == "7"


def test_without_a_manifest_an_output_is_as_large_as_the_attempt_said() -> None:
    told = Told(run_row(), [attempt_row(tables={"orders": {"rows": 42, "bytes": 420}})])
    (out,) = of(told)[2]["outputs"]
    statistics = out["outputFacets"]["outputStatistics"]
    assert (statistics["rowCount"], statistics["size"]) == (42, 420)


@pytest.mark.parametrize(
    "row", [run_row("failed"), run_row("killed"), run_row(overtaken_by="sales@1/9")]
)
def test_what_was_written_in_a_run_that_published_nothing_is_no_output(row: dict[str, Any]) -> None:
    wrote = attempt_row(tables={"orders": {"rows": 1, "bytes": 9}})
    manifest = PublishSnapshot(7, NOON, {"orders": version("orders")})
    for kept in (None, manifest):
        assert not [out for one in of(Told(row, [wrote], kept)) for out in one["outputs"]]


def test_an_input_says_whose_it_is_who_wrote_it_and_whether_it_is_certain() -> None:
    known = lineage(read("raw@2.orders", "5-load-1", "8-load-2"), read("own", sure=False))
    (sure, perhaps) = of(Told(run_row(), [attempt_row(lineage=known)]))[2]["inputs"]
    assert sure["name"] == "data/raw@2/orders"
    assert sure["facets"]["version"]["datasetVersion"] == "8"
    assert sure["inputFacets"]["duckstring_read"]["certain"] is True
    assert perhaps["name"] == "data/sales@1/own"
    assert "version" not in perhaps["facets"]
    assert perhaps["inputFacets"]["duckstring_read"]["certain"] is False


def test_a_removed_table_is_dropped_and_a_rollback_publishes_older_versions_again() -> None:
    dropped = {"gone": DroppedTable(7, "1.2.0", removed=True), "old": DroppedTable(3, "1.0.0")}
    manifest = PublishSnapshot(7, NOON, {"orders": version("orders", run=4)}, dropped)
    (_, removal) = of(Told(run_row("removal"), [], manifest))
    (gone,) = removal["outputs"]
    assert gone["name"] == "data/sales@1/gone"
    assert gone["facets"]["lifecycleStateChange"]["lifecycleStateChange"] == "DROP"
    (_, rollback) = of(Told(run_row("rollback"), [], manifest))
    again = rollback["outputs"][1]
    assert again["name"] == "data/sales@1/orders"
    assert again["facets"]["version"]["datasetVersion"] == "4"


def test_a_failure_says_of_which_ripple_it_is_and_no_more_than_a_receiver_takes() -> None:
    row = run_row("failed", ripple="load", error="ValueError", message="x" * 50_000)
    failed = attempt_row(status="failed", error="E", message=None, traceback="y" * 90_000)
    found = of(Told(row, [failed]))
    said = found[-1]["run"]["facets"]["errorMessage"]["message"]
    assert said.startswith("load: ValueError: xxx")
    assert len(said) <= 10_000
    trace = found[2]["run"]["facets"]["errorMessage"]
    assert (trace["message"], len(trace["stackTrace"])) == ("E", 30_000)
    assert max(len(json.dumps(one)) for one in found) < 250_000


class Memory:
    """History, manifests, columns and the receiver."""

    def __init__(self, *rows: dict[str, Any]) -> None:
        self.rows = {row["run"]: row for row in rows}
        self.posted: list[tuple[str, str]] = []
        self.says: dict[str, Exception] = {}
        self.asked = 0

    def run(self, line: Line, number: int) -> Any:
        return self.rows.get(f"{line}/{number}")

    def attempts(self, _line: Line, _number: int) -> list[Any]:
        return [attempt_row(), attempt_row("odd")]

    def read(self, _line: Line, number: int) -> PublishSnapshot:
        return PublishSnapshot(
            number, NOON, {"orders": version("orders"), "odd": version("odd", ripple="odd")}
        )

    def columns(self, versions: Any) -> list[Any]:
        return [
            ValueError("not Parquet") if one.table == "odd" else {"id": ColumnType("integer", "I")}
            for one in versions
        ]

    def post(self, event: Any) -> None:
        self.asked += 1
        if fault := self.says.pop(event["run"]["facets"]["duckstring_run"]["run"], None):
            raise fault
        self.posted.append((event["job"]["name"], event["eventType"]))
        self.last = event

    @property
    def ports(self) -> OpenLineagePorts:
        return OpenLineagePorts(self, self, self, self, PLACE)


def news(run: str, status: str = "success") -> News:
    return News(f"m-{run}-{status}", run, status)


def test_a_run_that_begins_is_told_at_once_and_all_of_it_when_it_is_over() -> None:
    memory = Memory(run_row())
    assert tell(memory.ports, news("sales@1/7", "running")) == 1
    assert memory.posted == [("sales@1", "START")]
    assert tell(memory.ports, news("sales@1/7")) == 6
    assert memory.posted[1:] == [
        ("sales@1", "START"),
        *(("sales@1.load", kind) for kind in ("START", "COMPLETE")),
        *(("sales@1.odd", kind) for kind in ("START", "COMPLETE")),
        ("sales@1", "COMPLETE"),
    ]


def test_columns_that_cannot_be_read_are_left_out() -> None:
    memory, events = Memory(run_row()), []
    memory.post = events.append  # type: ignore[method-assign]
    tell(memory.ports, news("sales@1/7"))
    outs = {one["name"]: one["facets"] for event in events for one in event["outputs"]}
    assert "schema" in outs["data/sales@1/orders"]
    assert "schema" not in outs["data/sales@1/odd"]


def test_a_run_that_history_has_forgotten_is_not_told() -> None:
    assert tell(Memory().ports, news("sales@1/7")) == 0


def test_a_receiver_that_cannot_be_reached_is_asked_once_in_a_batch() -> None:
    memory = Memory(run_row(), run_row(run="sales@1/8", number=8))
    memory.says = {"sales@1/7": UnreachableError("host answered 503", hint="")}
    report = tell_all(memory.ports, [news("sales@1/7"), news("sales@1/8")])
    assert (memory.asked, report.posted) == (1, 0)
    assert report.again == dict.fromkeys(
        ("m-sales@1/7-success", "m-sales@1/8-success"), "host answered 503"
    )


def test_a_refused_event_holds_up_its_own_run_and_no_other() -> None:
    memory = Memory(run_row(), run_row(run="sales@1/8", number=8))
    memory.says = {"sales@1/7": RefusedError("host refused an event, 422", hint="")}
    batch = [news("sales@1/7", "running"), news("sales@1/7"), news("sales@1/8")]
    report = tell_all(memory.ports, batch)
    assert [*report.again] == ["m-sales@1/7-running", "m-sales@1/7-success"]
    assert report.posted == 6
    assert {job for job, _ in memory.posted} == {"sales@1", "sales@1.load", "sales@1.odd"}
