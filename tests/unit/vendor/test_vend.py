"""Who gets credentials from the vendor, and for what."""

import dataclasses
from datetime import timedelta
from types import SimpleNamespace

import pytest

from duckstring.engine.effects import PublishSnapshot
from duckstring.engine.state import Attempt, PondState, RippleState, Run, SourceView
from duckstring.errors import TransientError
from duckstring.model.arrivals import Arrival
from duckstring.model.catalog import Part, Position, Release, RippleSpec, TableVersion
from duckstring.model.env_entries import Granted
from duckstring.model.names import Line, table_key
from duckstring.model.permits import KEY_BYTES, AttemptName, permit
from duckstring.model.values import replace
from duckstring.testing.simulator import START
from duckstring.vendor.ports import Permitted, Session, VendorPorts
from duckstring.vendor.vend import NoPermitError, Request, vend

SALES, ORDERS, IDLE = Line("sales@1"), Line("orders@1"), Line("idle@1")
KEY = b"k" * KEY_BYTES
OBJECT = table_key(ORDERS, "orders", run=7, ripple="load", attempt=1, invocation="0a1b2c3d")
TABLES = {"orders": TableVersion("orders", OBJECT, 1, 1, "f")}
NAME = AttemptName(SALES, 42, "load", 3)
RUN = Run(
    42,
    START,
    START,
    timedelta(0),
    "1.0.0",
    "artifacts/sales/1.0.0/ab.zip",
    "src/pond.py",
    0,
    START,
    pins={ORDERS: 7, IDLE: 0},
)
STATE = PondState(
    SALES,
    runs={42: RUN},
    ripples={"load": RippleState("load", attempt=Attempt(42, 3, START, dispatched=True))},
)
SESSION = Session("AKIA", "secret", "token", "2030-01-01T00:00:00Z")


class World:
    def __init__(self, state=STATE, *, since=START - timedelta(days=1), snapshots=None):
        self.state, self.rights, self.seconds = state, [], []
        self.key = SimpleNamespace(secret=KEY, since=since) if since else None
        self.held = {(ORDERS, 7): PublishSnapshot(7, START, TABLES)}
        self.held = self.held if snapshots is None else snapshots
        self.ports = VendorPorts(
            states=self,
            snapshots=SimpleNamespace(read=lambda line, number: self.held.get((line, number))),
            secrets=SimpleNamespace(granted=lambda pond: Granted({"OF": pond}, {"LEVEL": "1"})),
            keys=SimpleNamespace(read=lambda: self.key),
            roles=self,
        )

    def read(self, line):
        assert line == SALES
        return self.state

    def sessions(self, rights, *, seconds):
        self.rights.append(rights)
        self.seconds.append(seconds)
        return [SESSION]

    def ask(self, **other):
        asked = {"attempt": NAME, "permit": permit(KEY, NAME), "launch": 1, **other}
        return vend(Request(**asked), self.ports)


def test_an_attempt_gets_its_state_its_snapshots_its_ponds_secrets_and_credentials():
    world = World()
    snapshots = {ORDERS: PublishSnapshot(7, START, TABLES)}
    given = world.ask(seconds=1000.0)
    assert given == Permitted(STATE, snapshots, {"OF": "sales"}, [SESSION], {"LEVEL": "1"})
    ((rights,), (seconds,)) = world.rights, world.seconds
    assert (rights.attempt, rights.sources, rights.writes, seconds) == (
        NAME,
        {ORDERS: frozenset({OBJECT})},
        True,
        1000.0,
    )


def test_it_reaches_all_parts_of_its_sources_tables_and_whole_tables_that_it_has_taken():
    parts = tuple(
        Part(f"000000000{run}-load-1-0a1b2c3d", 1, 1, use="news" if run == 5 else "both")
        for run in (5, 6, 7)
    )
    tables = {"orders": replace(TABLES["orders"], parts=parts)}
    taken = table_key(ORDERS, "prices", run=2, ripple="load", attempt=1, invocation="0a1b2c3d")
    elsewhere = table_key(IDLE, "t", run=2, ripple="load", attempt=1, invocation="0a1b2c3d")
    positions = {
        "orders.prices": Position(taken, whole=True),
        "orders.orders": Position(OBJECT),
        "idle.t": Position(elsewhere, whole=True),
        "orders.x": Position("of another form", whole=True),
    }
    state = replace(STATE, positions={"load": positions, "other": {"orders.y": Position("y")}})
    world = World(state, snapshots={(ORDERS, 7): PublishSnapshot(7, START, tables)})
    world.ask()
    (rights,) = world.rights
    assert rights.sources == {ORDERS: frozenset({*tables["orders"].keys, taken})}


@pytest.mark.parametrize(
    "other",
    [
        {"permit": ""},
        {"permit": permit(KEY, NAME, "on_kill")},
        {"permit": permit(b"x" * KEY_BYTES, NAME)},
        {"attempt": AttemptName(SALES, 42, "load", 4)},
        {"attempt": AttemptName(SALES, 42, "join", 3)},
        {"attempt": AttemptName(SALES, 41, "load", 3)},
        {"purpose": "on_kill"},
    ],
)
def test_nothing_is_given_without_the_permit_of_that_attempt(other):
    world = World()
    with pytest.raises(NoPermitError, match="without its permit"):
        world.ask(**other)
    assert world.rights == []


def test_an_attempt_that_makes_the_checks_only_reads():
    specs = (RippleSpec("load", checks=("amounts",)),)
    release = Release(SALES, "1", "pond", (), specs, "src/pond.py", "a", "b", 0, 0, START)
    world = World(replace(STATE, release=release))
    world.ask()
    assert (world.rights[0].writes, world.rights[0].only_reads) == (True, True)
    other = World()
    other.ask()
    assert other.rights[0].only_reads is False


def test_another_ponds_attempt_needs_that_ponds_permit():
    world = World(PondState(SALES))
    theirs = permit(KEY, AttemptName(ORDERS, 1, "load", 1))
    with pytest.raises(NoPermitError):
        world.ask(permit=theirs)


def test_an_attempt_that_its_line_does_not_wait_for_gets_no_credentials_and_no_secrets():
    for state in (PondState(SALES), replace(STATE, runs={42: replace(RUN, launch=2)})):
        world = World(state)
        assert world.ask() == Permitted(state)
        assert world.rights == []


def test_a_call_of_on_kill_gets_what_cancels_and_writes_nothing():
    world = World(PondState(SALES))
    found = world.ask(permit=permit(KEY, NAME, "on_kill"), purpose="on_kill")
    assert (found.secrets, found.sessions) == ({"OF": "sales"}, [SESSION])
    assert (world.rights[0].sources, world.rights[0].writes) == ({}, False)


def test_a_run_of_before_there_were_permits_needs_none_and_no_later_one_is_without():
    assert World(since=START + timedelta(seconds=1)).ask(permit="").sessions == [SESSION]
    assert World(since=None).ask(permit="").sessions == [SESSION]
    for other in ({"permit": "x"}, {"attempt": AttemptName(SALES, 41, "load", 3), "permit": ""}):
        with pytest.raises(NoPermitError):
            World(since=START + timedelta(seconds=1)).ask(**other)
    with pytest.raises(NoPermitError):
        World(since=None).ask(permit="", purpose="on_kill")


def test_a_snapshot_that_is_gone_is_an_outage_and_gives_nothing():
    world = World(snapshots={})
    with pytest.raises(TransientError, match="orders@1/7 that this run reads is gone"):
        world.ask()
    assert world.rights == []


def test_an_inlets_attempt_reaches_what_arrived_and_no_other_attempt_does():
    rule = Arrival("in", "landing", "in/")
    inlet = replace(STATE, runs={42: replace(RUN, pins={}, arrived=3)})

    def asked(state, **other):
        world = World(state)
        world.ports = dataclasses.replace(
            world.ports, rules=SimpleNamespace(of_line=lambda line: [rule] * (line == SALES))
        )
        world.ask(**other)
        return world.rights[0].arrivals, list(world.rights[0].rules)

    assert asked(inlet) == (True, [rule])
    assert asked(STATE) == (False, []), "nothing has arrived"
    sourced = replace(inlet, sources={ORDERS: SourceView(ORDERS)})
    assert asked(sourced) == (False, [])
    ripples = (RippleSpec("load", checks=("c",)),)
    checks = Release(SALES, "1.0.0", "inlet", (), ripples, "m", "a", "s", 0, 0, START)
    assert asked(replace(inlet, release=checks)) == (False, [])
    killed = {"purpose": "on_kill", "permit": permit(KEY, NAME, "on_kill")}
    assert asked(inlet, **killed) == (False, [])
