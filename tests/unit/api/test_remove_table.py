from __future__ import annotations

from datetime import timedelta

import pytest

from duckstring.api.history import show_run
from duckstring.api.ports import RemoveTablePorts
from duckstring.api.remove import WhichLineError
from duckstring.api.remove_table import TableNotPublishedError, TableStillReadError, remove_table
from duckstring.api.status import describe
from duckstring.api.tables import tables
from duckstring.engine.effects import PublishSnapshot
from duckstring.engine.signals import TableRemoved
from duckstring.engine.state import PondState
from duckstring.errors import OperatorError
from duckstring.model.catalog import DroppedTable, TableVersion
from duckstring.model.instants import to_text
from duckstring.model.names import Line, package_id
from duckstring.model.values import replace
from duckstring.ports import RunFilter, Seen
from tests.unit.api.test_status import Files
from tests.unit.api.world import (
    NOON,
    Ledger,
    Post,
    ShelfCatalog,
    States,
    StillClock,
    graph,
    release,
    source,
)
from tests.unit.sweep_kit import run

SALES = Line("sales@1")
DAY = timedelta(days=1)


def version(table, number, f=NOON, of="1.0.0", **more):
    return TableVersion(
        table,
        f"data/sales@1/{table}/{number:010d}-load-1-0a1b2c3d.parquet",
        3,
        9,
        "x",
        f,
        of,
        **more,
    )


class History:
    """The runs of Sinks, and what their attempts have read: line to (run, started, version,
    {Ripple: reads}).
    """

    def __init__(self, **lines):
        self.lines = {f"{name}@1": runs for name, runs in lines.items()}

    def runs(self, *, now, limit, line, only):
        assert only == RunFilter("success")
        found = self.lines.get(line, [])[:limit]
        return [
            {
                "run": f"{line}/{number}",
                "number": number,
                "started": to_text(at),
                "version": of,
                "status": "success",
            }
            for number, at, of, _ in found
        ]

    def attempts(self, line, number):
        (reads,) = (reads for other, _, _, reads in self.lines[line] if other == number)
        lost = [{"ripple": "load", "status": "lost", "reads": None}]
        return lost + [
            {"ripple": name, "status": "success", "reads": read} for name, read in reads.items()
        ]


class World:
    """Sales has published orders and refunds; board reads it, as an optional Source."""

    def __init__(self, *sinks, hears=True, history=None, **state):
        self.catalog = ShelfCatalog(graph(release(SALES), *sinks))
        held = {
            "tables": {"orders": version("orders", 7), "refunds": version("refunds", 4)},
            "release": release(SALES),
            "snapshot": 7,
        }
        self.state = PondState(SALES, **{**held, **state})
        self.post = Post()
        self.states = States({SALES: Seen(self.state, mark=(0, "1" if hears else "0"))})
        self.ports = RemoveTablePorts(
            self.catalog, self.states, history or History(), self.post, StillClock()
        )

    def remove(self, table="refunds", **more):
        return remove_table("sales", table, self.ports, **more)

    def refused(self, table="refunds", **more):
        with pytest.raises(OperatorError) as caught:
            self.remove(table, **more)
        assert self.post.letters == []
        return caught.value


BOARD = release("board@1", "1.0.0", source(SALES, optional=True), ripples=("load", "report"))


def board(*runs):
    return History(board=[(9 - at, NOON + DAY, "1.0.0", reads) for at, reads in enumerate(runs)])


def test_the_line_is_told_to_publish_a_table_no_longer():
    world = World()
    told = world.remove()
    assert [(letter.to, letter.signal) for letter in world.post.letters] == [
        (SALES, TableRemoved("refunds"))
    ]
    assert (told["line"], told["removed"], told["warnings"], told["applied"]) == (
        SALES,
        ["sales@1 refunds"],
        [],
        True,
    )


def test_a_dry_removal_judges_only():
    world = World()
    assert world.remove(dry=True)["removed"] == ["sales@1 refunds"]
    assert world.post.letters == []


def test_a_removal_that_waits_for_runs_in_flight_names_them():
    assert World(runs={8: run(8)}).remove()["waits_for"] == ["sales@1/8"]
    assert World(runs={8: run(8)}, hears=False).remove()["applied"] is False


def test_a_version_that_writes_the_table_itself_is_warned_of():
    mine = version("refunds", 7, package=package_id(release(SALES).artifact))
    (warning,) = World(tables={"refunds": mine}).remove()["warnings"]
    assert warning == (
        "sales@1 runs version 1.0.0, which wrote 'refunds': a run that writes it publishes "
        "it again."
    )


def test_a_sink_that_reads_it_is_named_with_the_run_and_the_ripple():
    error = World(
        BOARD, history=board({"load": ["sales.orders"], "report": []}, {"load": ["sales.refunds"]})
    ).refused()
    assert isinstance(error, TableStillReadError)
    assert error.message == (
        "sales@1: table 'refunds' cannot be removed: board@1 reads it (board@1/8, Ripple 'load')."
    )


def test_a_sink_whose_last_runs_read_other_tables_is_no_hindrance():
    world = World(BOARD, history=board({"load": ["sales.orders"], "report": []}))
    assert world.remove()["removed"] == ["sales@1 refunds"]
    assert "reads it" in world.refused("orders").message if not world.post.letters else True


@pytest.mark.parametrize(
    "history",
    [
        History(),
        board({"load": ["sales.orders"]}),  # its other Ripple has not run
        board({"load": None, "report": []}),  # it may read any table
        History(
            board=[(9, NOON + DAY, "0.9.0", {"load": [], "report": []})]
        ),  # another version has run
        History(
            board=[(9, NOON - DAY, "1.0.0", {"load": [], "report": []})]
        ),  # the same number, deployed again since
    ],
)
def test_what_is_not_known_of_a_sink_counts_as_read(history):
    assert "board@1 may read it (" in World(BOARD, history=history).refused().message


def test_all_readers_are_named_and_lines_that_read_other_ponds_are_not():
    other = release("other@1", "1.0.0", source("rates@1"))
    error = World(BOARD, other, release("audit@1", "1.0.0", source(SALES))).refused(dry=True)
    assert "audit@1 may read it" in error.message
    assert "; board@1 may read it" in error.message
    assert "other@1" not in error.message


def test_what_is_gone_already_is_success_and_what_never_was_is_refused():
    world = World(
        dropped={"old": DroppedTable(3, "1.1.0"), "older": DroppedTable(2, "1.0.0", removed=True)},
        removing=frozenset({"orders"}),
    )
    assert world.remove("old")["warnings"] == [
        "Table 'old' of sales@1 was dropped in version 1.1.0 already (sales@1/3)."
    ]
    assert world.remove("older")["warnings"] == [
        "Table 'older' of sales@1 was removed by an operator already (sales@1/2)."
    ]
    assert world.remove("orders")["removed"] == []
    assert world.post.letters == []
    error = world.refused("refund")
    assert isinstance(error, TableNotPublishedError)
    assert (error.message, error.hint) == (
        "sales@1 has no table 'refund'; it has orders, refunds.",
        "Did you mean refunds?",
    )


def test_a_pond_of_several_lines_needs_its_major():
    world = World(release("sales@2"))
    assert isinstance(world.refused(), WhichLineError)
    assert world.remove(major=1)["line"] == SALES


OLD = {"orders": version("orders", 7, NOON), "refunds": version("refunds", 4, NOON - DAY)}


def test_status_and_the_list_of_tables_tell_which_are_older_than_their_pond():
    world = World(tables=OLD, snapshot_f=NOON, end_f=NOON + DAY)
    older = {
        "table": "refunds",
        "written_in": "sales@1/4",
        "version": "1.0.0",
        "f": to_text(NOON - DAY),
        "as_of": to_text(NOON - DAY),
    }
    assert describe(world.state, release(SALES), NOON)["older_tables"] == [older]
    first, second = tables("sales", catalog=world.catalog, states=world.states, files=Files())[
        "tables"
    ]
    assert (first["older"], first["as_of"], first["f"]) == (
        False,
        to_text(NOON + DAY),
        to_text(NOON),
    )
    known = {"uri": second["uri"], "parts": [], "merge_key": []}
    assert second == {**older, **known, "rows": 3, "bytes": 9, "older": True}


def test_a_table_that_its_ripple_has_confirmed_is_not_older():
    confirmed = {**OLD, "refunds": replace(OLD["refunds"], confirmed=NOON)}
    assert (
        describe(World(tables=confirmed, snapshot_f=NOON).state, release(SALES), NOON)[
            "older_tables"
        ]
        == []
    )


def test_of_tables_of_an_older_catchment_nothing_is_said():
    unknown = {name: TableVersion(name, one.key, 3, 9, "x") for name, one in OLD.items()}
    world = World(tables=unknown)
    assert describe(world.state, release(SALES), NOON)["older_tables"] == []
    assert {
        row["as_of"]
        for row in tables("sales", catalog=world.catalog, states=world.states, files=Files())[
            "tables"
        ]
    } == {None}


def test_a_run_is_shown_with_the_tables_that_it_carried_over():
    class Snapshots:
        def read(self, line, number):
            return PublishSnapshot(7, NOON, OLD)

    class Runs(History):
        def run(self, line, number):
            return {"run": "sales@1/7", "status": "success"}

        def attempts(self, line, number):
            return []

    told = show_run(
        "sales@1/7",
        history=Runs(),
        snapshots=Snapshots(),
        audits=Ledger(),
        states=States(),
        clock=StillClock(),
    )
    assert [(row["table"], row["written_in"], row["as_of"]) for row in told["older_tables"]] == [
        ("refunds", "sales@1/4", to_text(NOON - DAY))
    ]
