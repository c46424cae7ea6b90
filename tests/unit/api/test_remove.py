from __future__ import annotations

from datetime import timedelta

import pytest

from duckstring.api.history import runs
from duckstring.api.ports import RemovePorts
from duckstring.api.remove import remove
from duckstring.api.requests import RunsRequest
from duckstring.engine.signals import Deployed, Removed
from duckstring.engine.state import PondState
from duckstring.engine.step import step
from duckstring.errors import OperatorError, StateConflictError
from duckstring.model.catalog import Removal
from duckstring.model.failures import Failure
from duckstring.model.find import PondNotFoundError
from duckstring.model.names import Line
from duckstring.model.values import replace
from duckstring.ports import Seen
from tests.unit.api.world import (
    NOON,
    Archive,
    Post,
    Rows,
    ShelfCatalog,
    States,
    StillClock,
    graph,
    release,
    runs_ports,
    source,
)
from tests.unit.sweep_kit import run

SALES = Line("sales@1")


class World:
    """Sales, which one may do without; a second major of it; another version of it that nobody
    selected.
    """

    def __init__(self, *more, hears=True):
        one = release(SALES, "1.2.0")
        sink = release("board@1", "", source(SALES, optional=True), kind="outlet")
        self.catalog = ShelfCatalog(graph(one, release("sales@2"), release("solo@1"), sink, *more))
        self.catalog.versions["sales", "1.0.0"] = release(SALES, "1.0.0")
        self.catalog.versions["sales", "1.1.0"] = release(SALES, "1.1.0")
        state = PondState(
            SALES, release=one, runs={3: run(3), 4: run(4, failure=Failure("load", 1, "E", "m"))}
        )
        self.post = Post()
        self.states = States(
            {
                SALES: Seen(state, mark=(0, "1" if hears else "0")),
                "solo@1": Seen(PondState("solo@1"), mark=(0, "1")),
            }
        )
        self.ports = RemovePorts(
            self.catalog, Archive(self.catalog), self.states, self.post, StillClock()
        )

    def refused(self, pond, **asked):
        before = dict(self.catalog.selected), dict(self.catalog.versions)
        with pytest.raises(OperatorError) as caught:
            remove(pond, self.ports, **asked)
        assert (self.catalog.selected, self.catalog.versions) == before
        assert self.post.letters == []
        return caught.value


def test_a_line_leaves_the_catalog_with_all_its_versions_and_hears_of_it():
    world = World()
    told = remove("sales", world.ports, major=1)
    assert told == {
        "removed": ["sales@1"],
        "stopped": ["sales@1/3"],
        "warnings": ["sales@1 is an optional Source of board@1, which goes on without it."],
        "applied": True,
    }
    assert world.catalog.selected.keys() == {"sales@2", "solo@1", "board@1"}
    assert world.catalog.known("sales").keys() == {"2.0.0"}
    assert [(letter.to, letter.signal) for letter in world.post.letters] == [(SALES, Removed(NOON))]
    assert world.catalog.gone == {SALES: Removal(SALES, NOON)}


def test_a_line_that_a_faster_clock_deployed_is_removed_all_the_same():
    ahead = replace(release("sales@1", "1.2.0"), deployed=NOON + timedelta(minutes=5))
    world = World(ahead)
    remove("sales", world.ports, major=1)
    state = step(PondState(SALES), Deployed(ahead), NOON).state
    (letter,) = world.post.letters
    assert step(state, letter.signal, NOON).state.release is None


def test_a_line_that_is_too_busy_to_hear_is_removed_all_the_same():
    assert remove("sales", World(hears=False).ports, major=1)["applied"] is False


def test_a_dry_removal_says_the_same_and_does_nothing():
    world = World()
    told = remove("sales", world.ports, major=1, dry=True)
    assert (told["removed"], told["stopped"], told["applied"]) == (
        ["sales@1"],
        ["sales@1/3"],
        False,
    )
    assert world.catalog.at == 0
    assert world.post.letters == []
    remove("sales", world.ports, version="1.0.0", dry=True)
    assert ("sales", "1.0.0") in world.catalog.versions


def test_a_line_that_sinks_need_stays_and_all_of_them_are_named():
    world = World(release("reports@1", "", source(SALES)), release("audit@2", "", source(SALES)))
    error = world.refused("sales", major=1)
    assert error.message == "sales@1 cannot be removed: audit@2, reports@1 need it as a Source."
    assert error.hint == (
        'Remove them first, or deploy them without sales, or with it as optional: sales = "1.0.0?"'
    )
    assert world.refused("sales", major=1, dry=True).message == error.message


def test_nothing_is_removed_on_a_guess():
    world = World()
    error = world.refused("sales")
    assert (error.message, error.hint) == (
        "sales has 2 lines: sales@1, sales@2.",
        "Say which: duckstring pond remove sales -m 1",
    )
    assert isinstance(world.refused("nobody"), PondNotFoundError)
    assert "the nearest: sales" in world.refused("slaes").message
    assert remove("solo", world.ports)["removed"] == ["solo@1"]


def test_a_version_that_is_not_selected_goes_alone():
    world = World()
    told = remove("sales", world.ports, version="1.1.0")
    assert told == {"removed": ["sales 1.1.0"], "stopped": [], "warnings": [], "applied": True}
    assert world.catalog.known("sales").keys() == {"1.2.0", "2.0.0", "1.0.0"}
    assert SALES in world.catalog.selected
    assert world.post.letters == []


def test_the_selected_version_stays_and_both_ways_out_are_told():
    error = World().refused("sales", version="1.2.0", major=1)
    assert error.message == "sales 1.2.0 is the version that sales@1 runs."
    assert error.hint == (
        "Deploy another version of it first, or remove the whole line: duckstring pond "
        "remove sales -m 1"
    )


def test_an_unknown_version_is_answered_with_those_that_are_there():
    assert World().refused("sales", version="1.3.0").message == (
        "No version 1.3.0 of sales in this Catchment; it has 1.0.0, 1.1.0, 1.2.0, 2.0.0."
    )
    assert isinstance(World().refused("nobody", version="1.3.0"), PondNotFoundError)


@pytest.mark.parametrize("asked", [{"major": 1}, {"version": "1.0.0"}])
def test_a_removal_that_a_deploy_overtook_removes_nothing(asked):
    world = World()
    world.catalog.revision = lambda: world.catalog.at - 1
    with pytest.raises(StateConflictError):
        remove("sales", world.ports, **asked)
    assert SALES in world.catalog.selected
    assert world.post.letters == []


def test_a_removal_that_one_deploy_overtook_is_judged_again():
    world = World()
    stale = iter([world.catalog.at - 1])
    world.catalog.revision = lambda: next(stale, world.catalog.at)
    remove("sales", world.ports, version="1.0.0")
    assert ("sales", "1.0.0") not in world.catalog.versions


def ask_runs(pond, **asked):
    """The line whose runs are told."""
    world = World()
    world.catalog.gone = {
        line: Removal(line, NOON) for line in (Line("old@1"), Line("old@3"), Line("sales@5"))
    }
    history = Spying()
    runs(RunsRequest(pond, **asked), **runs_ports(world.catalog, history=history))
    return history.line


class Spying(Rows):
    def runs(self, *, line=None, **_):
        self.line = line
        return ()


def test_what_was_removed_keeps_its_history():
    assert ask_runs("old") == "old@3"
    assert ask_runs("old", major=1) == "old@1"
    assert ask_runs("sales") == "sales@2", "what is deployed comes first"
    assert ask_runs("sales", major=5) == "sales@5"
    for pond, major in (("old", 2), ("new", None)):
        with pytest.raises(PondNotFoundError):
            ask_runs(pond, major=major)
