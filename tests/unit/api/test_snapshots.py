"""Snapshots of many Ponds in one request: those that are published, and those of one freshness."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace

import pytest

from duckstring.api import snapshots as use_case
from duckstring.api.requests import SnapshotsRequest, read
from duckstring.api.tables import NotPublishedError
from duckstring.engine.effects import PublishSnapshot
from duckstring.engine.state import PondState
from duckstring.errors import OperatorError, StateConflictError
from duckstring.model.as_of import Kept
from duckstring.model.catalog import DroppedTable, TableVersion
from duckstring.model.find import PondNotFoundError
from duckstring.model.instants import to_text
from duckstring.model.names import table_key
from duckstring.ports import Seen
from tests.unit.api.world import NOON, ShelfCatalog, StillClock, graph, release

HOUR = timedelta(hours=1)


def version(line, number, f):
    key = table_key(line, "orders", run=number, ripple="load", attempt=1, invocation="x")
    return TableVersion("orders", key, 10 * number, 5, "fp", f, "1.0.0")


@dataclass
class World:
    """Lines that published at these hours before noon, oldest first."""

    hours: dict[str, list[float]]
    passed: dict[str, float] = field(default_factory=dict)
    deployed: tuple[str, ...] = ()
    deleted: tuple[tuple[str, int], ...] = ()
    requests: list[object] = field(default_factory=list)
    gone: dict[str, int] = field(default_factory=dict)
    of_before: tuple[str, ...] = ()
    former: int = 0

    def manifests(self, line):
        return {
            at: PublishSnapshot(
                at, f, {"orders": version(line, at, f)}, {"gone": DroppedTable(at, "1.0.0")}
            )
            for at, age in enumerate(self.hours.get(line, []), 1)
            for f in (NOON - age * HOUR,)
        }

    def read(self, lines):
        self.requests.append(("states", len(lines)))
        found = {}
        for line in lines:
            if not (kept := self.manifests(line)):
                continue
            last = kept[max(kept)]
            end = NOON - self.passed[line] * HOUR if line in self.passed else last.f
            state = PondState(
                line,
                end_f=end,
                snapshot=last.run,
                snapshot_f=last.f,
                tables=last.tables,
                former=self.former,
            )
            found[line] = Seen(state)
        return found

    def kept(self, line, *, below, most):
        self.requests.append(("kept", line))
        there = [Kept(at, one.f) for at, one in self.manifests(line).items() if at < below]
        return there[::-1][:most]

    def dropped(self, lines):
        self.requests.append(("dropped", len(lines)))
        return {line: self.gone.get(line, 0) for line in lines if line not in self.of_before}

    def read_many(self, wanted):
        self.requests.append(("manifests", len(wanted)))
        return {
            (line, number): self.manifests(line)[number]
            for line, number in wanted
            if (line, number) not in self.deleted
        }

    def ask(self, **asked):
        lines = [*self.hours, *self.deployed]
        return use_case.snapshots(
            read(SnapshotsRequest, asked),
            catalog=ShelfCatalog(graph(*map(release, lines))),
            states=self,
            published=self,
            files=SimpleNamespace(uri=lambda key: f"s3://b/{key}"),
            clock=StillClock(),
        )

    def numbers(self, **asked):
        return {one["schema"]: one["snapshot"] for one in self.ask(**asked)["snapshots"]}


def test_each_schema_has_what_is_published_in_two_requests():
    world = World({"sales@1": [3], "sales@2": [2, 1], "products@1": [4]})
    answer = world.ask(schemas=["sales_v1", "products", "sales", "sales@1"])
    assert [(one["schema"], one["line"], one["snapshot"]) for one in answer["snapshots"]] == [
        ("products", "products@1", 1),
        ("sales", "sales@2", 2),
        ("sales@1", "sales@1", 1),
        ("sales_v1", "sales@1", 1),
    ]
    assert (answer["f"], answer["now"]) == (None, to_text(NOON))
    (orders,) = answer["snapshots"][1]["tables"]
    assert (orders["rows"], orders["uri"][:20]) == (20, "s3://b/data/sales@2/")
    assert world.requests == [("states", 3)]


def test_without_schemas_every_line_that_has_published_is_there():
    world = World({"sales@1": [3], "sales@2": [1], "products@1": [4]}, deployed=("new@1",))
    assert world.numbers() == {"products": 1, "sales": 1, "sales_v1": 1}
    assert World({}).numbers() == {}
    assert World({}).numbers(consistent=True) == {}


def test_a_schema_that_there_is_not_is_refused_with_the_nearest_of_all():
    with pytest.raises(PondNotFoundError, match="No Pond 'sale' in this Catchment; the nearest"):
        World({"sales@1": [3]}).ask(schemas=["sale"])


def test_a_pond_without_output_is_refused_by_its_name():
    with pytest.raises(NotPublishedError, match="sales@2 has not completed a run"):
        World({"sales@1": [3]}, deployed=("sales@2",)).ask(schemas=["sales"])


def test_one_freshness_is_the_newest_that_all_have():
    world = World({"sales@1": [5, 3, 1], "products@1": [6, 4, 2], "far@1": [9]}, {"far@1": 0.5})
    answer = world.ask(schemas=["sales", "products", "far"], consistent=True)
    assert answer["f"] == to_text(NOON - 2 * HOUR)
    assert {one["schema"]: one["snapshot"] for one in answer["snapshots"]} == {
        "far": 1,
        "products": 3,
        "sales": 2,
    }
    (sales,) = (one for one in answer["snapshots"] if one["schema"] == "sales")
    assert sales["f"] == to_text(NOON - 3 * HOUR)
    assert sales["tables"][0]["rows"] == 20
    assert [one["table"] for one in sales["dropped"]] == ["gone"]
    assert world.numbers(schemas=["sales"], at=answer["f"]) == {"sales": 2}


def test_lines_of_one_freshness_need_no_look_at_the_past():
    world = World({"sales@1": [5, 1], "products@1": [9, 1]})
    world.ask(schemas=["sales", "products"], consistent=True)
    assert world.requests == [("states", 2)]


def test_without_a_common_freshness_the_odd_one_is_named_and_what_the_others_have():
    world = World({"old@1": [90], "sales@1": [5, 4, 1], "products@1": [6, 4, 2]})
    with pytest.raises(use_case.NoCommonFreshnessError) as refused:
        world.ask(schemas=["sales", "products", "old"], consistent=True)
    assert refused.value.message == (
        "old@1 has no snapshot of a common freshness: old@1 is fresh as of "
        "2029-12-28T18:00:00.000000Z, and of the others no snapshot as of then is kept. "
        "Without it the others have 2030-01-01T10:00:00.000000Z."
    )
    world = World({"a@1": [5], "b@1": [6, 5], "young@1": [1]})
    with pytest.raises(use_case.NoCommonFreshnessError) as refused:
        world.ask(schemas=["a", "b", "young"], consistent=True)
    assert refused.value.message == (
        "young@1 has no snapshot of a common freshness: a@1 is fresh as of "
        "2030-01-01T07:00:00.000000Z, and the oldest snapshot that is kept of young@1 is as of "
        "2030-01-01T11:00:00.000000Z. Without it the others have 2030-01-01T07:00:00.000000Z."
    )
    world = World({"a@1": [9], "b@1": [5], "c@1": [1]})
    with pytest.raises(use_case.NoCommonFreshnessError, match="Without it the others have none"):
        world.ask(schemas=["a", "b", "c"], consistent=True)


def test_at_gives_what_was_current_then():
    world = World({"sales@1": [5, 3, 1], "products@1": [9]})
    at = to_text(NOON - 4 * HOUR)
    assert world.numbers(schemas=["sales", "products"], at=at) == {"products": 1, "sales": 1}
    assert world.ask(schemas=["sales"], at=at)["f"] == at
    assert world.numbers(schemas=["sales"], at="2030-01-01T12:00:00+02:00") == {"sales": 2}


def test_at_finds_a_snapshot_among_many_of_a_day():
    world = World({"sales@1": [20 - at / 100 for at in range(1500)]})
    assert world.numbers(schemas=["sales"], at=to_text(NOON - 15 * HOUR)) == {"sales": 501}
    assert len(world.requests) < 20


def test_what_is_no_longer_kept_is_named_with_the_oldest_that_is():
    world = World({"sales@1": [5, 3, 1], "products@1": [9]})
    with pytest.raises(use_case.NoLongerKeptError) as refused:
        world.ask(schemas=["sales", "products"], at=to_text(NOON - 6 * HOUR))
    assert refused.value.message == (
        "No snapshot as of 2030-01-01T06:00:00.000000Z is kept of sales@1 (the oldest is as of "
        "2030-01-01T07:00:00.000000Z)."
    )
    many = World({f"p{at}@1": [1] for at in range(5)})
    with pytest.raises(use_case.NoLongerKeptError, match=r"p2@1 \(the oldest .*\) and 2 more\."):
        many.ask(at=to_text(NOON - 2 * HOUR))


@pytest.mark.parametrize("of_before", [(), ("sales@1",)])
def test_what_a_line_published_before_it_was_removed_is_not_its_past(of_before):
    world = World({"sales@1": [6, 5, 3, 2, 1]}, of_before=of_before, former=2)
    assert world.numbers(at=to_text(NOON - 2.5 * HOUR)) == {"sales": 3}
    with pytest.raises(use_case.NoLongerKeptError) as refused:
        world.ask(at=to_text(NOON - 4 * HOUR))
    assert f"the oldest is as of {to_text(NOON - 3 * HOUR)}" in refused.value.message


def test_a_snapshot_that_is_deleted_meanwhile_is_to_be_asked_for_again():
    world = World({"sales@1": [5, 3]}, deleted=(("sales@1", 1),))
    with pytest.raises(StateConflictError, match="Snapshot 1 of sales@1 has just been deleted"):
        world.ask(schemas=["sales"], at=to_text(NOON - 4 * HOUR))


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"at": "yesterday"}, "at: Invalid isoformat string"),
        ({"at": "2030-01-01T10:00:00"}, "has no time zone"),
        ({"at": "2030-01-01T10:00:00Z", "consistent": True}, "consistent with at"),
        ({"at": "2030-01-01T12:00:01Z"}, "lies in the future"),
        ({"schemas": []}, "schemas is"),
        ({"schemas": ["x"] * 201}, "allowed: a list of 1 to 200 schemas"),
        ({"schemas": ["sales"], "after": "nothing"}, "no longer among the schemas"),
    ],
)
def test_a_wrong_request_is_refused(asked, said):
    with pytest.raises((OperatorError, StateConflictError), match=said):
        World({"sales@1": [5]}).ask(**{"schemas": ["sales"], **asked})


def test_a_freshness_that_a_window_gave_may_lie_in_the_future():
    world = World({"sales@1": [5, -3]})
    assert world.numbers(schemas=["sales"], at=to_text(NOON + HOUR)) == {"sales": 1}


def test_what_has_no_room_is_asked_for_again(monkeypatch):
    monkeypatch.setattr(use_case, "_ROOM", 900)
    world = World({f"p{at}@1": [3, 1] for at in range(5)})
    at = to_text(NOON - 2 * HOUR)
    found, after = {}, None
    while True:
        answer = world.ask(at=at, after=after)
        assert answer["snapshots"]
        found |= {one["schema"]: one["snapshot"] for one in answer["snapshots"]}
        if (after := answer.get("next")) is None:
            break
    assert found == {f"p{at}": 1 for at in range(5)}
