from __future__ import annotations

from datetime import timedelta

import pytest

from duckstring.api.answer import OPERATIONS
from duckstring.api.limits import NoSuchLimitError, limit, priority, told
from duckstring.api.ports import ControlPorts, LimitPorts
from duckstring.api.requests import LimitRequest, PriorityRequest, read
from duckstring.api.status import describe
from duckstring.engine.effects import Claim
from duckstring.engine.limits import LimitRemoved, LimitSet, LimitState, TokensClaimed, step
from duckstring.engine.signals import PrioritySet
from duckstring.engine.state import Attempt, PondState, RippleState, Run
from duckstring.errors import OperatorError
from duckstring.model.answers.changes import LimitAnswer, PriorityAnswer
from duckstring.model.catalog import RippleSpec
from duckstring.model.limits import MOST_LIMITS, USUAL_PRIORITY
from duckstring.model.names import Line, limit_address
from duckstring.model.values import replace
from duckstring.orchestrator.ports import HeldLimit
from duckstring.ports import Seen
from duckstring.testing.fakes import MemoryLimits
from tests.unit.api.shapes import faults
from tests.unit.api.world import NOON, Post, ShelfCatalog, States, StillClock, graph, release

SALES, REPORTS = Line("sales@1"), Line("reports@1")
USING = replace(release("sales@1"), ripples=(RippleSpec("load", uses=("databricks",)),))


def state(name="databricks", *, tokens=1, claims=(), at=NOON):
    held = LimitState(name)
    if tokens is not None:
        held = step(held, LimitSet(tokens, at), at).state
    for number, (line, rank) in enumerate(claims):
        claim = TokensClaimed(line, (Claim(1, 7 + number, "load"),), (1, 0), rank)
        held = step(held, claim, NOON + timedelta(seconds=number)).state
    return held


class World:
    """``received``: whether letters to limits are received at once."""

    def __init__(self, *states, received=True):
        self.post, self.clock = Post(), StillClock(NOON + timedelta(minutes=1))
        self.catalog = ShelfCatalog(graph(USING))
        self.limits = MemoryLimits({one.name: HeldLimit(one) for one in states})
        self.received = received
        self.ports = LimitPorts(self.catalog, self.limits, self, self.clock)

    def send(self, letters):
        numbers = self.post.send(letters)
        if self.received:
            for letter, number in zip(letters, numbers, strict=True):
                name = letter.to.removeprefix("limit:")
                after = step(self.limits.load(name).state, letter.signal, self.clock.now()).state
                self.limits.held[name] = HeldLimit(after, mark=(1, number))
        return numbers

    def asks(self, action, name=None, tokens=None):
        answer = limit(LimitRequest(action, name, tokens), self.ports)
        assert list(faults(answer, LimitAnswer)) == []
        return answer


def test_a_limit_is_set_and_told_with_who_uses_it():
    world = World()
    answer = world.asks("set", "databricks", 3)
    assert [(one.to, one.signal) for one in world.post.letters] == [
        (limit_address("databricks"), LimitSet(3, world.clock.now()))
    ]
    assert answer["applied"]
    assert answer["warnings"] == []
    assert answer["limits"] == [
        {"name": "databricks", "tokens": 3, "held": [], "waiting": [], "used_by": ["sales@1"]}
    ]


def test_a_limit_that_nothing_uses_may_be_misspelt():
    answer = World().asks("set", "databrick", 3)
    assert answer["warnings"] == [
        (
            "No deployed Ripple uses databrick. Did you mean 'databricks'? "
            'Write @ripple(uses="databrick").'
        )
    ]


def test_one_that_has_not_received_it_in_time_is_said_to_have_not():
    assert not World(received=False).asks("set", "databricks", 3)["applied"]


def test_only_a_limit_that_is_set_is_removed():
    world = World(state())
    with pytest.raises(NoSuchLimitError) as caught:
        world.asks("remove", "databrick")
    assert caught.value.message == (
        "No limit 'databrick' is set; did you mean 'databricks'? set are: databricks."
    )
    assert world.post.letters == []
    world.asks("remove", "databricks")
    assert isinstance(world.post.letters[0].signal, LimitRemoved)
    with pytest.raises(NoSuchLimitError, match="set are: none"):
        world.asks("remove", "databricks")


def test_no_more_limits_are_set_than_are_looked_at_together():
    world = World(*(state(f"l{number}") for number in range(MOST_LIMITS)))
    with pytest.raises(OperatorError, match="100 limits are set; allowed: 100"):
        world.asks("set", "more", 1)
    world.asks("set", "l7", 2)


@pytest.mark.parametrize(
    ("action", "name", "tokens", "message"),
    [
        ("set", None, 3, "name is missing; allowed: text."),
        ("remove", None, None, "name is missing; allowed: text."),
        ("set", "databricks", None, "tokens is missing; allowed: a whole number."),
    ],
)
def test_what_an_action_needs_is_asked_for(action, name, tokens, message):
    with pytest.raises(OperatorError) as caught:
        World().asks(action, name, tokens)
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"action": "set", "name": "A b"}, "name is 'A b'; allowed: a lower-case letter, then"),
        ({"action": "set", "name": "a", "tokens": -1}, "allowed: whole numbers from 0 to 1000."),
        ({"action": "add", "name": "a"}, "action is 'add'; allowed: set, list, remove."),
    ],
)
def test_a_request_of_another_form_is_refused_with_what_is_allowed(given, message):
    with pytest.raises(OperatorError) as caught:
        read(LimitRequest, given)
    assert message in caught.value.message


def test_holders_come_by_when_they_got_their_token_and_those_who_wait_by_who_is_next():
    claims = [(SALES, 50), (REPORTS, 10), (Line("late@1"), 60)]
    (shown,) = World(state(claims=claims)).asks("list")["limits"]
    assert [(one["line"], one["run"], one["ripple"]) for one in shown["held"]] == [
        ("sales@1", "sales@1/7", "load")
    ]
    assert [(one["line"], one["priority"]) for one in shown["waiting"]] == [
        ("late@1", 60),
        ("reports@1", 10),
    ]
    assert shown["waiting"][1]["since"] == "2030-01-01T12:00:01.000000Z"


def test_a_limit_without_a_bound_is_told_if_something_uses_it():
    assert World().asks("list")["limits"] == [
        {"name": "databricks", "tokens": None, "held": [], "waiting": [], "used_by": ["sales@1"]}
    ]
    assert told({"glue": state("glue", tokens=None)}, {}) == []
    assert told({"glue": state("glue", tokens=None, claims=[(SALES, 50)])}, {}) != []


def ranked(asked, *, held=None):
    states = States({SALES: Seen(held)} if held else {})
    post = Post()
    ports = ControlPorts(ShelfCatalog(graph(USING)), states, post, StillClock())
    answer = priority(asked, ports)
    assert list(faults(answer, PriorityAnswer)) == []
    return answer, [letter.signal for letter in post.letters]


def test_a_priority_is_shown_and_set():
    assert ranked(PriorityRequest("sales")) == (
        {"line": "sales@1", "priority": USUAL_PRIORITY, "applied": True},
        [],
    )
    held = PondState(SALES, priority=70)
    assert ranked(PriorityRequest("sales"), held=held)[0]["priority"] == 70
    answer, signals = ranked(PriorityRequest("sales", None, 80), held=held)
    assert signals == [PrioritySet(80)]
    assert not answer["applied"]


def test_the_operations_are_there():
    assert {"limit", "priority"} <= OPERATIONS.keys()


def test_the_status_says_what_a_ripple_uses_and_waits_for():
    attempt = Attempt(1, 1, NOON, claim=1)
    ripples = {"load": RippleState("load", uses=("databricks",), attempt=attempt)}
    begun = Run(1, NOON, NOON, timedelta(0), "1.0.0", "k", "m", 0, NOON)
    held = PondState(SALES, release=USING, ripples=ripples, runs={1: begun}, priority=70)
    line = describe(held, USING, NOON)
    assert line["priority"] == 70
    assert line["ripples"][0]["uses"] == ["databricks"]
    (ripple,) = line["runs"][0]["ripples"]
    assert (ripple["status"], ripple["awaits"]) == ("queued", "databricks")
    has = replace(attempt, held=("databricks",))
    ripples = {"load": replace(ripples["load"], attempt=has)}
    (ripple,) = describe(replace(held, ripples=ripples), USING, NOON)["runs"][0]["ripples"]
    assert ripple["awaits"] is None
    assert describe(PondState(SALES), USING, NOON)["ripples"][0]["uses"] == ["databricks"]
