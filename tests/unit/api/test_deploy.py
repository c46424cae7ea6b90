from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from duckstring.api.deploy import DeployRefusedError, deploy
from duckstring.api.ports import DeployPorts
from duckstring.api.requests import Uploaded
from duckstring.engine.letters import removal_letter
from duckstring.engine.limits import LimitState
from duckstring.engine.signals import Deployed, Removed
from duckstring.engine.state import Attempt, PondState, RippleState, Run
from duckstring.engine.step import step
from duckstring.errors import AuthorError, OperatorError, StateConflictError
from duckstring.model.catalog import Removal, RippleSpec
from duckstring.model.compute import FunctionSize
from duckstring.model.limits import MOST_RELEASE_BYTES
from duckstring.model.names import Line
from duckstring.model.values import replace
from duckstring.orchestrator.ports import HeldLimit
from duckstring.ports import Seen
from duckstring.testing.fakes import MemoryLimits
from tests.unit.api.world import (
    NOON,
    Archive,
    AttemptRows,
    Imports,
    Operators,
    Packages,
    Post,
    ShelfCatalog,
    States,
    StillClock,
    graph,
    release,
    source,
)

A, B = "a" * 64, "b" * 64


class World:
    def __init__(self, *deployed, found=None):
        self.catalog, self.post, self.packages, self.imports = (
            ShelfCatalog(graph(*deployed)),
            Post(),
            Packages({}),
            Imports(found or {}),
        )
        self.clock = StillClock(NOON + timedelta(hours=1))
        self.states, self.attempts, self.operated = States(), AttemptRows(), Operators()
        self.limits = MemoryLimits()
        self.ports = DeployPorts(
            catalog=self.catalog,
            removals=Archive(self.catalog),
            artifacts=self.packages,
            discovery=self.imports,
            states=self.states,
            limits=self.limits,
            attempts=self.attempts,
            mailbox=self.post,
            clock=self.clock,
            function=FunctionSize(2048, 900),
            operated=self.operated,
        )

    def request(self, name, version="1.0.0", *, sha256=A, sources=None, **pond):
        key = f"artifacts/{name}/{version}/{sha256}.zip"
        self.packages.digests[key] = sha256
        manifest = {"pond": {"name": name, "version": version, **pond}} | (
            {"sources": sources} if sources else {}
        )
        return Uploaded(manifest, key, sha256)

    def refused(self, *requests, **options):
        before = self.catalog.releases()
        with pytest.raises((OperatorError, AuthorError)) as caught:
            deploy(requests, self.ports, **options)
        assert self.catalog.releases() == before
        assert self.post.letters == []
        return caught.value


def test_a_batch_is_selected_and_each_line_is_told_its_release():
    world = World(found={"sales": (RippleSpec("load"), RippleSpec("join", ("load",)))})
    requests = [
        world.request("sales", "1.2.0", sources={"orders": "1.0.0"}, source_retries=2),
        world.request("orders", type="inlet"),
    ]
    told = deploy(requests, world.ports)
    assert told == {
        "ponds": [
            {
                "line": "sales@1",
                "version": "1.2.0",
                "ripples": ["load", "join"],
                "sources": ["orders@1"],
                "warnings": [],
                "unchanged": False,
                "killed": False,
                "default": True,
                "waits_for": [],
            },
            {
                "line": "orders@1",
                "version": "1.0.0",
                "ripples": ["load"],
                "sources": [],
                "warnings": [],
                "unchanged": False,
                "killed": False,
                "default": True,
                "waits_for": [],
            },
        ]
    }
    selected = world.catalog.releases()
    assert selected["sales@1"].source_retries == 2
    assert [(letter.to, letter.signal) for letter in world.post.letters] == [
        ("orders@1", Deployed(selected["orders@1"])),
        ("sales@1", Deployed(selected["sales@1"])),
    ]


def test_a_pond_says_whether_its_name_alone_means_the_deployed_line():
    world = World(release("sales@2"))
    assert [
        deploy([world.request("sales", v)], world.ports)["ponds"][0]["default"]
        for v in ("1.0.0", "3.0.0")
    ] == [False, True]


def test_one_bad_pond_refuses_the_whole_batch_with_every_fault_at_once():
    world = World(found={"bad": AuthorError("src/pond.py: no module named 'nope'")})
    gone = world.request("gone")
    world.packages.digests.clear()
    error = world.refused(world.request("bad"), gone, world.request("fine"))
    assert isinstance(error, DeployRefusedError)
    assert error.message.splitlines() == [
        "bad 1.0.0: src/pond.py: no module named 'nope'",
        f"No package at 'artifacts/gone/1.0.0/{A}.zip' for gone 1.0.0.",
    ]


def test_a_traceback_of_the_authors_code_travels_with_the_refusal():
    wrong = AuthorError("src/pond.py: boom")
    wrong.traceback = "Traceback: line 3"
    world = World(found={"bad": wrong})
    assert world.refused(world.request("bad")).traceback == "Traceback: line 3"


def test_other_contents_under_a_known_version_are_refused_unless_overwritten():
    world = World(release("sales@1", sha256=B))
    request = world.request("sales")
    error = world.refused(request)
    assert error.message == "sales 1.0.0 is deployed already, with other contents."
    assert "--overwrite" in error.hint
    deploy([request], world.ports, overwrite=True)
    assert world.catalog.releases()["sales@1"].sha256 == A


def test_the_same_package_again_is_unchanged_imported_once_and_told_again():
    world = World()
    deploy([world.request("sales")], world.ports)
    world.clock.at += timedelta(minutes=1)
    told = deploy([world.request("sales")], world.ports)
    assert told["ponds"][0]["unchanged"] is True
    assert len(world.imports.asked) == 1
    first, second = world.post.letters
    assert first.key != second.key
    assert second.signal.release.deployed == world.clock.at


@pytest.mark.parametrize("health", ["ok", "failed", "killed"])
def test_the_selected_package_waits_for_nothing_and_says_what_becomes_of_a_line_that_is_down(
    health,
):
    world = World()
    deploy([world.request("sales")], world.ports)
    selected = world.post.letters[0].signal.release
    seen = in_flight("sales@1", 2)
    world.states.held = {
        Line("sales@1"): replace(seen, state=replace(seen.state, release=selected, health=health))
    }
    (told,) = deploy([world.request("sales")], world.ports)["ponds"]
    assert (told["unchanged"], told["waits_for"]) == (
        True,
        ["sales@1/2"] if health == "failed" else [],
    )
    failed = (
        "sales@1 failed, and this is the version that failed: the failure is cleared, and it "
        "runs again if it is wanted."
    )
    assert (
        told["warnings"][:1]
        == {
            "ok": [],
            "failed": [failed],
            "killed": [
                (
                    "sales@1 was killed and stays down: duckstring control wake sales -m 1 (or "
                    "clear: it runs when it is wanted)."
                )
            ],
        }[health]
    )


def test_a_version_deployed_again_waits_where_another_that_waits_is_put_aside_or_it_waits_itself():
    world = World()
    deploy([world.request("sales")], world.ports)
    first = world.post.letters[0].signal.release
    deploy([world.request("sales", "1.1.0")], world.ports)
    second = world.post.letters[1].signal.release
    seen = in_flight("sales@1", 2)
    world.states.held = {
        Line("sales@1"): replace(
            seen, state=replace(seen.state, release=first, next_release=second)
        )
    }
    for version, unchanged in (("1.1.0", True), ("1.0.0", False)):
        (told,) = deploy([world.request("sales", version)], world.ports)["ponds"]
        assert (told["unchanged"], told["waits_for"]) == (unchanged, ["sales@1/2"])


@pytest.mark.parametrize(
    ("hints", "place"),
    [
        ({}, "lambda"),
        ({"memory_mib": 2048, "timeout_seconds": 900}, "lambda"),
        ({"memory_mib": 2049}, "task"),
        ({"timeout_seconds": 901}, "task"),
        ({"timeout_seconds": 901, "pauses": True}, "lambda"),
        ({"memory_mib": 2049, "pauses": True}, "task"),
    ],
)
def test_a_ripple_that_asks_for_more_than_the_function_has_starts_as_a_task(hints, place):
    world = World(found={"sales": (RippleSpec("load", **hints),)})
    deploy([world.request("sales")], world.ports)
    (letter,) = world.post.letters
    assert letter.signal.release.ripples[0].starts_on == place


def test_the_same_package_after_the_function_has_grown_starts_there():
    world = World(found={"sales": (RippleSpec("load", memory_mib=4096),)})
    deploy([world.request("sales")], world.ports)
    world.ports = replace(world.ports, function=FunctionSize(8192, 900))
    assert deploy([world.request("sales")], world.ports)["ponds"][0]["unchanged"] is True
    assert [letter.signal.release.ripples[0].starts_on for letter in world.post.letters] == [
        "task",
        "lambda",
    ]


def test_going_back_to_a_lower_version_is_allowed_with_a_word():
    world = World(release("sales@1", "1.3.0"))
    told = deploy([world.request("sales", "1.2.0")], world.ports)
    assert told["ponds"][0]["warnings"] == ["sales@1 goes back from 1.3.0 to 1.2.0."]


def test_a_deploy_does_not_end_a_kill_and_says_so():
    world = World(release("sales@1", "1.0.0"), release("rates@1", "1.0.0"))
    world.states.held = {
        name: Seen(PondState(Line(name), health=health))
        for name, health in (("sales@1", "killed"), ("rates@1", "failed"))
    }
    told = deploy([world.request("sales", "1.0.1"), world.request("rates", "1.0.1")], world.ports)
    assert {pond["line"]: pond["warnings"] for pond in told["ponds"]} == {
        "rates@1": [],
        "sales@1": [
            (
                "sales@1 was killed and stays down: duckstring control wake sales -m 1 (or clear: "
                "it runs when it is wanted)."
            )
        ],
    }


def in_flight(line, *numbers, version="1.0.0"):
    """What a line of one Ripple knows that works on the last of these runs."""
    runs = {n: Run(n, NOON, NOON, timedelta(0), version, "k", "m", 0, NOON) for n in numbers}
    ripples = {"load": RippleState("load", attempt=Attempt(numbers[-1], 1, NOON, dispatched=True))}
    return Seen(PondState(Line(line), release=release(line, version), runs=runs, ripples=ripples))


def test_a_version_that_a_run_in_flight_holds_back_is_told_with_the_run():
    world = World(release("sales@1"), release("rates@1"), release("flat@1"))
    world.states.held = {
        Line("sales@1"): in_flight("sales@1", 4, 7),
        Line("rates@1"): in_flight("rates@1", 2),
        Line("flat@1"): Seen(PondState(Line("flat@1"), release=release("flat@1"))),
    }
    world.attempts.rows = {
        "sales@1/7/load/1": {
            "status": "running",
            "where": "lambda",
            "resumes": "2030-01-01T14:00:00.500000Z",
        },
        "rates@1/2/load/1": {"status": "running", "where": "lambda"},
    }
    requests = [
        world.request("sales", "1.1.0"),
        world.request("rates", sha256=B),
        world.request("flat", "1.1.0"),
        world.request("new"),
    ]
    waits = (
        "{0}@1 runs 1.0.0 still: {1} waits for run {2}, and what is asked for meanwhile waits "
        "with it. Until when is not known{3}. "
        "Look: duckstring status {0} -m 1; to stop what runs: duckstring control kill {0} -m 1, "
        "then wake."
    )
    told = {
        pond["line"]: (pond["waits_for"], pond["warnings"])
        for pond in deploy(requests, world.ports, overwrite=True)["ponds"]
    }
    assert told == {
        "sales@1": (
            ["sales@1/4", "sales@1/7"],
            [
                waits.format(
                    "sales",
                    "1.1.0",
                    "sales@1/4 and 1 more",
                    "; load pauses until 2030-01-01 14:00:00Z",
                ),
            ],
        ),
        "rates@1": (
            ["rates@1/2"],
            [
                waits.format("rates", "1.0.0, deployed again,", "rates@1/2", ""),
            ],
        ),
        "flat@1": ([], []),
        "new@1": ([], []),
    }
    assert sorted(world.attempts.asked) == ["rates@1/2/load/1", "sales@1/7/load/1"]


def test_going_below_a_sinks_minimum_is_refused_and_in_one_batch_with_its_sink_allowed():
    world = World(
        release("sales@1", "1.3.0"),
        release("reports@1", "1.0.0", source("sales@1", "1.3.0"), kind="outlet"),
    )
    error = world.refused(world.request("sales", "1.2.0"))
    assert error.message == (
        "reports@1 1.0.0 needs sales@1 at 1.3.0 or newer, and this deploy would select 1.2.0: "
        "deploy sales at 1.3.0 or newer, or together with it a reports that needs less."
    )
    deploy(
        [
            world.request("sales", "1.2.0"),
            world.request("reports", "1.1.0", sources={"sales": "1.2.0"}, type="outlet"),
        ],
        world.ports,
    )
    assert world.catalog.releases()["sales@1"].version == "1.2.0"


def test_a_line_that_comes_back_is_told_of_its_removal_first_if_it_never_heard():
    world = World()
    old = release("sales@1", "1.0.0")
    world.catalog.gone[old.line] = Removal(old.line, NOON + timedelta(minutes=5))
    world.states.held = {old.line: Seen(PondState(old.line, release=old))}
    deploy([world.request("sales", "1.1.0")], world.ports)
    assert [letter.signal for letter in world.post.letters] == [
        Removed(NOON + timedelta(minutes=5)),
        Deployed(world.catalog.releases()["sales@1"]),
    ]


def test_a_line_comes_back_after_its_removal_though_the_clock_of_that_was_ahead():
    world = World()
    removal = Removal(Line("sales@1"), world.clock.at + timedelta(minutes=5))
    world.catalog.gone[removal.line] = removal
    deploy([world.request("sales", "1.1.0")], world.ports)
    selected = world.catalog.releases()["sales@1"]
    assert selected.deployed > removal.at
    state = PondState(removal.line)
    for letter in [*world.post.letters, removal_letter(removal)]:
        state = step(state, letter.signal, NOON).state
    assert state.release == selected


@pytest.mark.parametrize("state", [PondState(Line("sales@1"), pull=NOON), None])
def test_a_line_that_heard_of_its_removal_keeps_what_its_sinks_asked_for_since(state):
    world = World()
    world.catalog.gone["sales@1"] = Removal(Line("sales@1"), NOON)
    world.states.held = {"sales@1": Seen(state)} if state else {}
    deploy([world.request("sales", "1.1.0")], world.ports)
    assert [type(letter.signal) for letter in world.post.letters] == [Deployed]


def test_a_line_twice_in_a_batch_is_refused():
    world = World()
    assert (
        world.refused(world.request("sales", "1.0.0"), world.request("sales", "1.1.0")).message
        == "sales@1 is in this deploy twice."
    )


def test_a_cycle_made_by_two_deploys_is_refused():
    world = World(release("a@1", "1.0.0", source("b@1")))
    assert "b@1 -> a@1 -> b@1" in world.refused(world.request("b", sources={"a": "1.0.0"})).message


def test_a_package_that_is_not_what_it_says_is_refused():
    world = World()
    request = world.request("sales")
    world.packages.digests[request.artifact] = B
    assert f"has sha256 {B}; expected {A}" in world.refused(request).message
    elsewhere = Uploaded(request.manifest, "elsewhere.zip", request.sha256)
    assert "lies at 'elsewhere.zip'" in world.refused(elsewhere).message


def test_a_pond_without_ripples_and_an_empty_batch_are_refused():
    world = World(found={"sales": ()})
    assert (
        world.refused(world.request("sales")).message
        == "sales 1.0.0: src/pond.py defines no Ripple."
    )
    assert "empty" in world.refused().message


def test_a_bad_manifest_is_checked_again_here():
    world = World()
    assert "version" in world.refused(world.request("sales", "one")).message


def test_a_deploy_that_others_overtake_every_time_posts_nothing():
    world = World()
    request = world.request("sales")
    world.ports = replace(world.ports, artifacts=_Overtaking(world, times=1_000))
    with pytest.raises(StateConflictError):
        deploy([request], world.ports)
    assert world.post.letters == []


def test_a_deploy_that_independent_ones_overtake_is_judged_again_and_imported_once():
    world = World()
    request = world.request("sales")
    world.ports = replace(world.ports, artifacts=_Overtaking(world, times=3))
    assert deploy([request], world.ports)["ponds"][0]["line"] == "sales@1"
    assert set(world.catalog.releases()) == {"sales@1", "rival1@1", "rival2@1", "rival3@1"}
    assert len(world.imports.asked) == 1
    assert len(world.post.letters) == 1


def test_a_deploy_that_the_same_version_with_other_contents_overtook_is_refused():
    world = World()
    request = world.request("sales")
    world.ports = replace(world.ports, artifacts=_Overtaking(world, times=1, line="sales@1"))
    with pytest.raises(OperatorError, match="deployed already, with other contents"):
        deploy([request], world.ports)
    assert world.catalog.releases()["sales@1"].sha256 == B
    assert world.post.letters == []


class _Overtaking:
    """Other deploys are selected while this one looks at its package: ``times`` of them."""

    def __init__(self, world, *, times, line=""):
        self.world, self.left, self.line = world, times, line

    def sha256(self, key):
        if self.left:
            rival = release(self.line or f"rival{self.left}@1", sha256=B)
            self.world.catalog.select([rival], overwrite=False, revision=self.world.catalog.at)
            self.left -= 1
        return self.world.packages.sha256(key)


def test_a_release_larger_than_a_line_has_room_for_is_refused_before_it_is_stored():
    def large(length):
        names = [f"r{number:03d}{'x' * 44}" for number in range(300)]
        specs = [RippleSpec(name, tuple(names[: min(at, 4)])) for at, name in enumerate(names)]
        last = replace(specs[-1], parents=(*specs[-1].parents, "p" * length))
        return World(found={"sales": (*specs[:-1], last)})

    def size(length):
        world = large(length)
        deploy([world.request("sales")], world.ports)
        return len(msgspec.json.encode(world.catalog.releases()[Line("sales@1")]))

    room = MOST_RELEASE_BYTES - size(1)
    assert size(1 + room) == MOST_RELEASE_BYTES
    world = large(2 + room)
    assert world.refused(world.request("sales")).message == (
        "sales 1.0.0 would take 100,001 bytes to record (its 300 Ripples with the names of their "
        "parents, 0 Sources); allowed: 100,000."
    )


def test_a_limit_that_is_not_set_is_warned_of_once_and_one_that_is_set_is_not():
    specs = (RippleSpec("load", uses=("databricks", "glue")),)
    world = World(found={"sales": specs, "orders": specs[:1]})
    world.limits.held["glue"] = HeldLimit(LimitState("glue", tokens=2))
    ponds = deploy([world.request("sales"), world.request("orders")], world.ports)["ponds"]
    assert [pond["warnings"] for pond in ponds] == [
        [
            (
                "sales@1 and 1 more use databricks, which has no limit: any number of attempts "
                "runs at once. Set one: duckstring limit set databricks N"
            )
        ],
        [],
    ]
    (pond,) = deploy([world.request("sales", "1.1.0")], world.ports)["ponds"]
    assert pond["warnings"][0].startswith("sales@1 uses databricks, which has no limit")
