"""Tags, batches and maintenance: what operators do to many Ponds at once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from duckstring.api import maintenance as module
from duckstring.api.batch import batch
from duckstring.api.history import runs
from duckstring.api.requests import (
    BatchRequest,
    MaintenanceRequest,
    RunsRequest,
    StatusRequest,
    TagRequest,
)
from duckstring.api.status import describe, status
from duckstring.api.tag import tag
from duckstring.engine.signals import HoldSet, Ordered, Triggered
from duckstring.engine.state import PondState
from duckstring.errors import OperatorError, StateConflictError
from duckstring.model.instants import NEVER
from duckstring.model.names import Line
from duckstring.model.said import NO_HOLD, Hold, Said
from duckstring.model.tags import TagError, holds, parse, selection
from duckstring.ports import RunFilter
from tests.unit.api.test_control import Town
from tests.unit.api.test_who import Ports
from tests.unit.api.world import (
    NOON,
    Operators,
    Rows,
    ShelfCatalog,
    graph,
    release,
    runs_ports,
    source,
    status_ports,
)

ALICE = Said(NOON, "alice@laptop", "new warehouse")
SALES, REPORTS = Line("sales@1"), Line("reports@1")


def ports(**more):
    town = Town(
        ShelfCatalog(graph(release("sales@1"), release("reports@1", "", source("sales@1"))))
    )
    return Ports(town=town, said=ALICE, **more)


# tags


def tagged(operated, **asked):
    catalog = ShelfCatalog(graph(release("sales@1"), release("sales@2"), release("reports@1")))
    return tag(TagRequest(**asked), catalog=catalog, operated=operated)["ponds"]


def test_tags_belong_to_a_pond_with_all_its_majors_and_are_listed_by_pond():
    operated = Operators()
    assert tagged(operated, pond="sales", put={"team": "shop", "tier": "1"}) == [
        {"pond": "sales", "tags": {"team": "shop", "tier": "1"}}
    ]
    assert tagged(operated, pond="sales", put={"tier": "2"}, remove=["team", "team"]) == [
        {"pond": "sales", "tags": {"tier": "2"}}
    ]
    assert tagged(operated) == [
        {"pond": "reports", "tags": {}},
        {"pond": "sales", "tags": {"tier": "2"}},
    ]


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"pond": "sales", "put": {"Team": "x"}}, "The key of a tag is 'Team'; allowed: a lower"),
        (
            {"pond": "sales", "put": {"team": "a b"}},
            "The value of a tag is 'a b'; allowed: 1 to 63",
        ),
        ({"pond": "sales", "put": {"team": ""}}, "The value of a tag is ''"),
        ({"pond": "sales", "remove": ["team"]}, "sales has no tag 'team'; it has none"),
        ({"pond": "sales", "remove": ["t\n"]}, "The key of a tag is"),
        ({"pond": "sales", "put": {"a": "1"}, "remove": ["a"]}, "set and removed at once"),
        (
            {"pond": "sales", "put": {f"k{n}": "1" for n in range(11)}},
            "would have 11 tags; allowed: 10",
        ),
        ({"pond": "nope", "put": {"a": "1"}}, "No Pond 'nope'"),
        ({"put": {"a": "1"}}, "pond is missing"),
    ],
)
def test_a_tag_that_makes_no_sense_is_refused_and_nothing_is_set(asked, why):
    operated = Operators()
    with pytest.raises(OperatorError, match=why):
        tagged(operated, **asked)
    assert operated.tags == {}


def test_a_selection_is_of_those_that_have_every_tag():
    assert selection(["team=shop", "tier=1", "tier=1"]) == {"team": "shop", "tier": "1"}
    assert holds({"team": "shop", "tier": "1"}, {"team": "shop"})
    assert not holds({"team": "shop"}, {"team": "shop", "tier": "1"})
    assert parse("team=") == ("team", "")
    for texts, why in (
        (["team"], "'team' is not a tag"),
        (["team="], "has no value to select by"),
        (["a=1", "a=2"], "No Pond has a=1 and a=2 at once"),
    ):
        with pytest.raises(TagError, match=why):
            selection(texts)


def test_status_and_runs_are_of_the_ponds_with_these_tags():
    operated = Operators({"sales": {"team": "shop"}, "gone": {"team": "shop"}})
    world = ports()
    needed = {"states": world.states, "history": Rows(), "operated": operated}
    shown = status(StatusRequest(tags={"team": "shop"}), **status_ports(world.catalog, **needed))
    assert [(line["line"], line["tags"]) for line in shown["lines"]] == [
        ("sales@1", {"team": "shop"})
    ]
    assert operated.asked == 1
    runs(RunsRequest(tags={"team": "shop"}), **runs_ports(world.catalog, **needed))
    assert needed["history"].wanted == RunFilter(ponds=frozenset({"sales", "gone"}))
    with pytest.raises(TagError, match="'X'"):
        runs(RunsRequest(tags={"X": "1"}), **runs_ports(world.catalog, **needed))


# batches


def test_a_verb_for_many_lines_is_posted_to_all_and_each_has_an_outcome():
    world = ports()
    lines = ["reports@1", "nope@1", "sales@1", "reports@1", "what"]
    outcomes = batch(BatchRequest(lines, verb="kill"), world)["outcomes"]
    assert [(one["line"], one["applied"], one["status"]) for one in outcomes] == [
        ("reports@1", True, "killed"),
        ("nope@1", False, None),
        ("sales@1", True, "killed"),
        ("what", False, None),
    ]
    assert "No Pond 'nope'" in outcomes[1]["error"]["message"]
    assert "what" in outcomes[3]["error"]["message"]
    assert outcomes[0]["reason"] == "reports@1 was killed by alice@laptop: new warehouse"
    assert [letter.signal for letter in world.town.letters] == [
        Ordered("kill", NOON, ALICE.by, ALICE.note)
    ] * 2


def test_what_one_line_cannot_do_keeps_no_other_from_it():
    world = ports()
    first, second = batch(BatchRequest(["reports@1", "sales@1"], verb="force"), world)["outcomes"]
    assert first["error"]["type"] == "NothingToForceError"
    assert (second["error"], second["status"]) == (None, "running")


def test_a_trigger_for_many_lines_is_one_demand_as_of_one_instant():
    world = ports()
    outcomes = batch(BatchRequest(["sales@1", "reports@1"], kind="tide", bound=60), world)
    assert [one["error"] for one in outcomes["outcomes"]] == [None, None]
    tide = Triggered("tide", NOON, timedelta(minutes=1), ALICE.by, ALICE.note)
    assert {letter.signal for letter in world.town.letters if letter.to == SALES} == {tide}


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({}, "Give verb or kind"),
        ({"verb": "wake", "kind": "tap"}, "Give verb or kind"),
        ({"kind": "flood"}, "No trigger 'flood'"),
        ({"kind": "tide"}, "bound is None"),
    ],
)
def test_a_batch_of_nothing_or_of_two_things_is_refused(asked, why):
    world = ports()
    with pytest.raises(OperatorError, match=why):
        batch(BatchRequest(["sales@1"], **asked), world)
    assert world.town.letters == []


def test_a_line_that_is_too_busy_to_hear_is_told_as_not_applied():
    world = ports()
    world.town.deaf = True
    (one,) = batch(BatchRequest(["sales@1"], verb="kill"), world)["outcomes"]
    assert (one["applied"], one["runs"], one["error"]) == (False, [], None)


# maintenance


def switch(world, action):
    return module.maintenance(MaintenanceRequest(action), world)


def test_maintenance_is_told_to_every_line_and_what_runs_is_shown():
    world = ports()
    world.town.hear(SALES, Triggered("pulse", NOON))
    world.town.hear(REPORTS, Triggered("pulse", NOON))
    shown = switch(world, "on")
    told = {"at": "2030-01-01T12:00:00.000000Z", "by": "alice@laptop", "note": "new warehouse"}
    assert (shown["on"], shown["hold"], shown["lines"], shown["not_received"]) == (
        True,
        told,
        2,
        [],
    )
    assert [run["run"] for run in shown["runs"]] == ["sales@1/1"]
    assert shown["waiting"] == ["reports@1"]
    assert all(state.hold.on for state in world.town.states.values())
    assert describe(world.town.states[REPORTS], None, NOON)["held"] == told
    assert switch(world, "status") == shown


def test_maintenance_that_is_on_keeps_who_began_it_and_is_told_to_those_that_did_not_hear():
    world = ports()
    switch(world, "on")
    world.town.states[SALES] = PondState(SALES)
    world.said = Said(NOON + timedelta(hours=1), "bob@desk")
    assert switch(world, "status")["not_received"] == ["sales@1"]
    before = len(world.town.letters)
    shown = switch(world, "on")
    assert (shown["hold"]["by"], shown["not_received"]) == ("alice@laptop", [])
    assert [letter.to for letter in world.town.letters[before:]] == ["sales@1"]


def test_off_lets_runs_start_again_even_by_a_clock_that_is_behind():
    world = ports()
    switch(world, "on")
    world.town.hear(SALES, Triggered("pulse", NOON))
    assert world.town.states[SALES].runs == {}
    world.said = Said(NOON - timedelta(seconds=5))
    shown = switch(world, "off")
    assert (shown["on"], shown["hold"], shown["waiting"]) == (False, None, [])
    assert [run["run"] for run in shown["runs"]] == ["sales@1/1"]
    assert switch(world, "off")["on"] is False


def test_a_line_that_is_busy_is_named_as_one_that_has_not_heard():
    world = ports()
    world.town.deaf = True
    assert switch(world, "on")["not_received"] == ["reports@1", "sales@1"]


def test_two_who_switch_at_once_are_told():
    world = ports()
    world.operated.set_hold = lambda _: False
    with pytest.raises(StateConflictError, match="Somebody else switched maintenance"):
        switch(world, "on")
    assert world.town.letters == []


def test_a_deploy_tells_its_lines_of_the_hold_before_it_tells_them_the_version():
    from duckstring.api.deploy import deploy
    from tests.unit.api.test_deploy import World

    world = World()
    world.operated.held = Hold(NOON, on=True, by="alice@laptop")
    deploy([world.request("sales")], world.ports)
    signals = [letter.signal for letter in world.post.letters]
    assert signals[0] == HoldSet(NOON, by="alice@laptop")
    assert [type(one).__name__ for one in signals] == ["HoldSet", "Deployed"]
    world.operated.held = Hold(NOON + timedelta(hours=1))
    deploy([world.request("orders")], world.ports)
    assert [type(one.signal).__name__ for one in world.post.letters[2:]] == ["Deployed"]


def test_a_line_that_waits_because_runs_are_held_says_so():
    world = ports()
    switch(world, "on")
    world.town.hear(SALES, Triggered("pulse", NOON))
    told = describe(world.town.states[SALES], world.catalog.selected[SALES], NOON)
    assert (told["status"], told["reason"]) == (
        "waiting",
        "held: maintenance by alice@laptop since 2030-01-01 12:00 UTC: new warehouse",
    )
    assert NO_HOLD.at == NEVER
