"""``retry_delay=`` and ``retry_on=``: what authors may write, and what an attempt makes of it."""

from __future__ import annotations

import socket

import duckdb
import pytest

from duckstring import ripple
from duckstring.author.errors import RippleError
from duckstring.author.retrying import MOST_ERRORS, names_any
from duckstring.author.ripple import collecting
from duckstring.model.values import replace
from tests.unit import worker_kit as kit


class OwnError(ConnectionError):
    """An error of an author's."""


def declared(**words):
    with collecting() as found:

        @ripple(**words)
        def load(pond):
            pass

    return found[0].spec


def refused(**words):
    with pytest.raises(RippleError) as caught:
        declared(**words)
    return str(caught.value).partition(": ")[2]


def test_a_ripple_that_says_nothing_is_tried_again_at_once_after_every_error():
    spec = declared()
    assert (spec.retry_delay_seconds, spec.retry_on) == (0, ())


@pytest.mark.parametrize(("text", "seconds"), [("1s", 1), ("90s", 90), ("1m30s", 90), ("1h", 3600)])
def test_a_delay_is_a_duration(text, seconds):
    assert declared(retry_delay=text).retry_delay_seconds == seconds


@pytest.mark.parametrize("given", ["0s", "soon", "61m", 30, ("30s", 2.0), b"1s"])
def test_a_delay_that_is_none_is_refused(given):
    assert "; allowed: a duration over zero, of at most 1h." in refused(retry_delay=given)


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (TimeoutError, ("builtins.TimeoutError",)),
        ("requests.ConnectionError", ("requests.ConnectionError",)),
        (
            (TimeoutError, "requests.ConnectionError"),
            ("builtins.TimeoutError", "requests.ConnectionError"),
        ),
        ([KeyError, KeyError], ("builtins.KeyError",)),
        ({OwnError}, (f"{__name__}.OwnError",)),
    ],
)
def test_errors_are_classes_or_names(given, names):
    assert declared(retry_on=given).retry_on == names


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (7, "retry_on has 7; allowed: classes of errors, and names of such."),
        ([int], "allowed: classes of errors, and names of such."),
        (["no name"], "retry_on has 'no name'; allowed"),
        (["a..b"], "retry_on has 'a..b'; allowed"),
        ([TimeoutError()], "allowed: classes of errors"),
        ([], "retry_on names 0 errors; allowed: 1 to 50."),
        (b"TimeoutError", "allowed: classes of errors"),
        ("x" * 201, "retry_on has a name of 201 characters; allowed: 200."),
    ],
)
def test_what_is_no_error_is_refused(given, said):
    assert said in refused(retry_on=given)


def test_as_many_errors_as_a_release_has_room_for():
    names = [f"E{n}" for n in range(MOST_ERRORS + 1)]
    assert declared(retry_on=names[1:]).retry_on == tuple(names[1:])
    assert "retry_on names 51 errors" in refused(retry_on=names)


@pytest.mark.parametrize(
    ("name", "kind", "counts"),
    [
        ("builtins.ConnectionError", ConnectionError, True),
        ("builtins.ConnectionError", ConnectionResetError, True),
        ("builtins.ConnectionResetError", ConnectionError, False),
        ("ConnectionError", OwnError, True),
        ("OwnError", OwnError, True),
        (f"{__name__}.OwnError", OwnError, True),
        ("other.OwnError", OwnError, False),
        ("socket.timeout", TimeoutError, True),
        ("socket.herror", socket.herror, True),
        ("duckdb.Error", duckdb.IOException, True),
        ("duckdb.IOException", duckdb.HTTPException, True),
        ("duckdb.IOException", duckdb.BinderException, False),
        ("not.imported.Error", ValueError, False),
        ("sys.maxsize", ValueError, False),
        ("Exception", KeyboardInterrupt, False),
    ],
)
def test_an_error_counts_by_its_class_and_those_that_it_is_based_on(name, kind, counts):
    assert names_any(["nothing.Such", name], kind) is counts


@pytest.fixture
def world(tmp_path):
    made = kit.World(tmp_path)
    yield made
    made.worker.processes.close()


def ran(world, body, *, retry_on, head=""):
    source = f"{head}\nfrom duckstring import ripple\n\n@ripple\ndef load(pond):\n    {body}\n"
    world.deploy(source)
    release = world.state.release
    specs = tuple(replace(one, retry_on=tuple(retry_on)) for one in release.ripples)
    world.state = replace(world.state, release=replace(release, ripples=specs))
    world.open_run()
    return world.run()


OWN = "class OwnError(ConnectionError): pass"
LIAR = """
class Meta(type):
    def mro(cls):
        return type.mro(cls)
    def __getattribute__(cls, name):
        raise RuntimeError("no")
class Liar(ValueError, metaclass=Meta): pass
"""


@pytest.mark.parametrize(
    ("body", "head", "retry_on", "final"),
    [
        ("raise TimeoutError('late')", "", [], None),
        ("raise TimeoutError('late')", "", ["builtins.OSError"], None),
        ("raise ValueError('bad')", "", ["builtins.OSError"], True),
        ("raise OwnError('gone')", OWN, ["builtins.ConnectionError"], None),
        ("raise OwnError('gone')", OWN, ["pond.OwnError"], None),
        ("raise OwnError('gone')", OWN, ["builtins.TimeoutError"], True),
        ("pond.con.sql('FROM nowhere').fetchall()", "", ["duckdb.IOException"], True),
        ("pond.con.sql('FROM nowhere').fetchall()", "", ["duckdb.CatalogException"], None),
        ("pond.read_table('gone')", "", ["TableNotFoundError"], None),
        ("raise Liar('x')", LIAR, ["builtins.OSError"], None),
        ("import os; os._exit(3)", "", ["builtins.OSError"], None),
        ("raise MemoryError", "", ["builtins.OSError"], None),
        ("raise SystemExit(1)", "", ["builtins.OSError"], True),
    ],
)
def test_an_attempt_says_whether_its_error_is_final(world, body, head, retry_on, final):
    assert ran(world, body, retry_on=retry_on, head=head)["failure"].get("final") is final
