"""Places at the door: who gives way when there are too many connections."""

from __future__ import annotations

import resource

import pytest

from duckstring_cli.local import wire
from duckstring_cli.local.wire import Places, most_connections


class Line:
    """A connection."""

    def __init__(self, *, is_idle=True):
        self.is_idle = is_idle


def taken(places, count, **named):
    lines = [Line(**named) for _ in range(count)]
    assert not any(places.take(one) for one in lines)
    return lines


def test_the_oldest_that_has_shown_no_key_gives_way():
    places = Places(3)
    first, second, _ = taken(places, 3)
    assert places.take(Line()) is first
    places.promote(second)
    assert places.take(Line()) is not second


def test_who_has_shown_a_key_stays_while_strangers_come():
    places = Places(3)
    [user] = taken(places, 1)
    places.promote(user)
    assert user not in [places.take(Line()) for _ in range(100)]


def test_a_user_comes_in_while_strangers_hold_all_places():
    """What it takes to show a key is a moment, in which a few more come."""
    places = Places(100)
    taken(places, 100)
    user = Line()
    assert places.take(user) is not user
    assert user not in [places.take(Line()) for _ in range(90)]


def test_among_users_one_that_waits_for_a_request_gives_way():
    places = Places(2)
    busy, idle = Line(is_idle=False), Line()
    for one in (busy, idle):
        places.take(one)
        places.promote(one)
    assert places.take(Line()) is idle
    places.promote(busy)


def test_when_all_are_at_work_the_newcomer_goes():
    places = Places(1)
    [busy] = taken(places, 1, is_idle=False)
    places.promote(busy)
    newcomer = Line()
    assert places.take(newcomer) is newcomer
    places.leave(busy)
    assert places.take(newcomer) is None


@pytest.mark.parametrize(
    ("files", "most"), [(256, 128), (1024, 512), (65_536, 8_192), (resource.RLIM_INFINITY, 8_192)]
)
def test_connections_are_few_beside_the_files_that_may_be_open(monkeypatch, files, most):
    monkeypatch.setattr(wire.resource, "getrlimit", lambda _: (files, resource.RLIM_INFINITY))
    assert most_connections() == most
