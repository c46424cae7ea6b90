"""The journal tells what was: its fold gives every state that was stored, and `why` says of a
moment of the past what it said then. What is not kept is not told.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from hypothesis import event, given
from hypothesis import strategies as st

from duckstring.api.ports import WhyPorts
from duckstring.api.requests import WhyRequest
from duckstring.api.then import Then
from duckstring.api.why import why
from duckstring.engine.causes import Cause, Failed, Killed, NotDeployed, leads_to
from duckstring.engine.journal import Entry, Told, Unknown, folded, told
from duckstring.engine.state import PondState
from duckstring.engine.why import chain
from duckstring.model.answers.why import WhyAnswer
from duckstring.model.catalog import Release, Removal
from duckstring.model.instants import Instant, to_text
from duckstring.model.names import Line
from duckstring.model.values import replace
from duckstring.orchestrator.ports import Held
from duckstring.ports import Seen
from duckstring.testing.fakes import MemoryLimits
from duckstring.testing.simulator import START, World
from tests.property.journals import FULL_ITEM, Journals, watch
from tests.property.living import EVERYTHING, Living
from tests.property.test_why_laws import DEMANDS, MOST, TROUBLES, Act, Played, stories, worlds
from tests.property.worlds import Fate, Graph, graphs, looks, settle, weather
from tests.unit.api.world import AttemptRows, Rows, StillClock

KINDS = (*DEMANDS, *TROUBLES, "window")


def lived(graph: Graph, seed: int, data: st.DataObject, journals: Journals) -> World:
    """A Catchment that people have worked on, letters doubled and clocks apart."""
    world = World(replace(weather(seed), outcome=Fate(seed, 0.2)), seed)
    watch(world, journals)
    settle(world, graph)
    world.trigger(graph.lines[-1], data.draw(st.sampled_from(["wave", "pulse"])))
    living = Living(world, data.draw, {release.line: release for release in graph.releases})
    living.trouble(EVERYTHING, 8)
    living.wait(20)
    return world


@looks(60)
@given(graphs(most=6), st.integers(0, 2**16), st.sampled_from([1, 250, 700]), st.data())
def test_the_fold_from_any_base_gives_each_state_that_was_stored(
    graph: Graph, seed: int, full: int, data: st.DataObject
) -> None:
    kept = data.draw(st.sampled_from([timedelta(days=30), timedelta(seconds=10)]))
    journals = Journals(full, kept)
    lived(graph, seed, data, journals)
    assert journals.judge() or full > 1, "each commit ends a chapter of one byte"


@looks(60)
@given(graphs(most=4), st.integers(0, 2**16), st.data())
def test_a_chapter_that_a_delivery_ended_before_it_died_hides_nothing(
    graph: Graph, seed: int, data: st.DataObject
) -> None:
    dice = random.Random(seed)
    journals = Journals(250, dies=lambda: dice.random() < 0.2)
    world = lived(graph, seed, data, journals)
    journals.judge()
    at = START + dice.random() * (world.now - START)
    then = Then(journals, at)
    then.read(graph.lines)
    assert not then.unknown


@looks(60)
@given(graphs(most=5), st.integers(0, 2**16), st.data())
def test_letters_that_have_no_room_leave_a_gap_that_is_named_and_nothing_wrong(
    graph: Graph, seed: int, data: st.DataObject
) -> None:
    room = data.draw(st.sampled_from([130, 180, 220]))
    journals = Journals(size=FULL_ITEM - room)
    lived(graph, seed, data, journals)
    known = lost = 0
    for line, states in journals.stored.items():
        before = None
        for chapter in journals.chapters(line):
            for one in told(before, chapter):
                lost += isinstance(one, Unknown)
                known += isinstance(one, Told)
                assert isinstance(one, Unknown) or one.state == states[one.entry.revision]
            assert chapter.state == states[chapter.state.revision]
            before = chapter
    assert known
    event(f"gaps: {bool(lost)}")


@looks(60)
@given(graphs(most=6), st.integers(0, 2**16), st.data())
def test_at_each_instant_a_line_is_what_it_was_after_its_last_letter_by_then(
    graph: Graph, seed: int, data: st.DataObject
) -> None:
    journals = Journals(data.draw(st.sampled_from([1, 300])))
    world = lived(graph, seed, data, journals)
    dice = random.Random(seed)
    for _ in range(8):
        at = START + dice.random() * (world.now - START)
        then = Then(journals, at)
        then.read(graph.lines)
        assert not then.unknown
        for line in graph.lines:
            assert then.states[line] == _state_then(journals, line, at)


def _state_then(journals: Journals, line: Line, at: Instant) -> PondState:
    """By revision: the one before the first commit that is later."""
    known = journals.stored.get(line, {})
    times = _times(journals, line)
    later = [revision for revision in sorted(known) if times[revision] > at]
    # the last chapter that was ended by then has an order of its own, should a clock be behind
    begun = max((c.state.revision for c in journals.chapters(line)[:-1] if c.at <= at), default=0)
    opened = journals.open_chapters([line]).get(line)
    if opened is not None and opened.at <= at:
        return opened.state
    last = min([one for one in later if one > begun], default=len(known) + 1) - 1
    return known.get(last, PondState(line))


def _times(journals: Journals, line: Line) -> dict[int, Instant]:
    entries = [entry for chapter in journals.chapters(line) for entry in chapter.entries]
    return {entry.revision: entry.now for entry in entries}


def journals_of(world: World) -> Journals:
    """The journals of a world's lines, from the letters that it has delivered."""
    journals = Journals(200)
    for line, signal, now in world.log:
        held = journals.held.get(line) or Held(PondState(line))
        entry = Entry(held.state.revision + 1, now, (signal,))
        after = replace(folded(held.state, entry).state, revision=entry.revision)
        tail = journals.add(held, entry)
        journals.committed(Held(after, committed=now, tail=tail))
    assert {line: held.state for line, held in journals.held.items()} == world.states
    return journals


def deployed(states: Mapping[Line, PondState]) -> dict[Line, Release]:
    """What lines have heard to be deployed."""
    found = {line: state.next_release or state.release for line, state in states.items()}
    return {line: release for line, release in found.items() if release is not None}


@dataclass
class Stands:
    """What `why` reads: states and a catalog of one moment, or journals of all."""

    states: Mapping[Line, PondState]
    journals: Journals

    def releases(self, pond: str | None = None) -> Mapping[Line, Release]:
        return deployed(self.states)

    def removed(self, pond: str | None = None) -> Sequence[Removal]:
        names = [line for line in self.states if pond in (None, line.partition("@")[0])]
        return [Removal(line, START) for line in names]

    def read(self, lines: Collection[Line]) -> Mapping[Line, Seen]:
        return {line: Seen(self.states[line]) for line in lines if line in self.states}

    def why(self, line: Line, now: Instant, at: Instant | None = None) -> WhyAnswer:
        name, _, major = line.partition("@")
        ports = WhyPorts(
            *(self, self, self, Rows(), AttemptRows(), self.journals),
            *(MemoryLimits(), StillClock(now)),
        )
        return why(WhyRequest(name, int(major), to_text(at) if at else None), ports)


@looks(150)
@given(worlds, st.data())
def test_why_of_a_moment_of_the_past_says_what_it_said_then(
    graph: Graph, data: st.DataObject
) -> None:
    played = Played(graph).play(data.draw(stories(graph, KINDS)))
    played.wait(data.draw(st.sampled_from([0.2, 0.45, 1.5, 30])))
    line = data.draw(st.sampled_from(graph.lines))
    at, states = played.world.now, dict(played.world.states)
    if line not in deployed(states):
        return
    said = Stands(states, Journals()).why(line, at)
    event("runs" if said["runs"] else said["chain"][0]["status"])
    played.play(data.draw(stories(graph, KINDS))).wait(5)
    now = played.world.now
    past = Stands(played.world.states, journals_of(played.world)).why(line, now, at)
    assert past == {**said, "now": to_text(now)}


@looks(150)
@given(worlds, st.data())
def test_the_line_runs_when_the_causes_of_a_past_moment_are_taken_away_at_that_moment(
    graph: Graph, data: st.DataObject
) -> None:
    acts = data.draw(stories(graph, (*DEMANDS, *TROUBLES, "window")))
    line = data.draw(st.sampled_from(graph.lines))
    acts.append(Act(3.0, data.draw(st.sampled_from((*DEMANDS, "break", "kill"))), line))
    wait = data.draw(st.sampled_from([0.2, 1.5, 30]))
    played = Played(graph).play(acts)
    played.wait(wait)
    if played.runs(line) or line not in deployed(played.world.states):
        return
    at = played.world.now
    played.play(data.draw(stories(graph, KINDS))).wait(5)
    roots = roots_then(journals_of(played.world), line, at)
    lasting = [root for root in roots if _lasts(root[1])]
    again = Played(graph).play(acts)  # the same world, at that moment
    again.wait(wait)
    before = again.started(line)
    again.take_all_away(roots)
    if again.started(line) == before:  # there may be a cause behind it, but not the same
        assert not set(map(repr, lasting)) & set(map(repr, again.why(line)))


def _lasts(cause: Cause) -> bool:
    """Whether only somebody can take it away. A failure with tries left is over with a run."""
    is_failed = isinstance(cause, Failed) and cause.tries == 0
    return is_failed or isinstance(cause, Killed | NotDeployed)


def roots_then(journals: Journals, line: Line, at: Instant) -> list[tuple[Line, Cause]]:
    """The root causes of then, each with its line."""
    then = Then(journals, at)
    then.read(set(journals.stored))
    found, _ = chain(line, then.states, deployed(then.states), at, most=MOST)
    return [(o.line, cause) for o in found for cause in o.causes if leads_to(cause) is None]
