"""``duckstring publish``: an earlier snapshot of a Pond, again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from duckstring_cli import catchments, doors, main
from tests.unit.cli.published_kit import DEV

ANSWER = {
    "line": "sales@1",
    "snapshot": 7,
    "over": 9,
    "f": "2030-01-07T12:00:00.000000Z",
    "run": None,
    "tables": {
        "back": ["orders"],
        "same": [f"t{at}" for at in range(9)],
        "gone": ["new"],
        "returned": ["old"],
    },
    "warnings": ["sales@1 has a Wave."],
    "applied": False,
}


class Bench:
    """The command against a Catchment that answers."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[dict[str, Any]] = []
        self.busy, self._capsys = False, capsys
        monkeypatch.setattr(catchments, "find", lambda _: DEV)
        monkeypatch.setattr(doors, "open_door", lambda _: self.answer)

    def answer(self, request: Mapping[str, Any]) -> Mapping[str, object]:
        self.asked.append(
            {
                name: value
                for name, value in request.items()
                if name in {"at", "snapshot", "over", "major"}
            }
            | {"dry": bool(request.get("dry"))}
        )
        done = not request.get("dry") and not self.busy
        more = {"run": "sales@1/10", "applied": True} if done else {}
        return {"ok": True, "result": {**ANSWER, **more}}

    def run(self, *words: str) -> tuple[int, str, str]:
        code = main.run(["publish", "sales", *words])
        told = self._capsys.readouterr()
        return code, told.out, told.err


@pytest.fixture
def bench(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(capsys, monkeypatch)


def test_it_says_what_it_did_and_what_will_happen_next(bench: Bench) -> None:
    code, out, err = bench.run("--run", "sales@1/7", "-y")
    assert (code, out.splitlines()[:4]) == (
        0,
        [
            "back to what it was: orders",
            "published again: old",
            "no longer published: new",
            "the same: t0, t1, t2, t3, t4, t5 and 3 more",
        ],
    )
    assert "sales@1/10 is published, with the data of 2030-01-07 12:00" in out
    assert "sales@1 has a Wave." in err
    assert bench.asked == [
        {"major": 1, "snapshot": 7, "dry": True},
        {"major": 1, "snapshot": 7, "over": 9, "dry": False},
    ]


def test_what_holds_as_of_a_time_is_published_by_its_number(bench: Bench) -> None:
    """By the time that somebody has answered, another one could hold."""
    bench.run("--at", "2030-01-07T13:00", "-y", "-m", "1")
    assert bench.asked == [
        {"major": 1, "at": "2030-01-07T13:00:00.000000Z", "dry": True},
        {"major": 1, "snapshot": 7, "over": 9, "dry": False},
    ]


def test_a_dry_run_publishes_nothing(bench: Bench) -> None:
    code, out, _ = bench.run("--run", "7", "--dry-run")
    assert (code, bench.asked) == (0, [{"snapshot": 7, "dry": True}])
    assert "back to what it was: orders" in out
    assert "is published" not in out


def test_without_a_terminal_it_wants_to_be_told(bench: Bench) -> None:
    code, _, err = bench.run("--run", "7")
    assert (code, "Say it with: -y" in err) == (1, True)
    assert [one["dry"] for one in bench.asked] == [True]


def test_a_line_that_is_busy_is_said(bench: Bench) -> None:
    bench.busy = True
    _, _, err = bench.run("--run", "7", "-y")
    assert "has not received it yet" in err


def test_as_json_it_is_the_answer(bench: Bench) -> None:
    _, out, _ = bench.run("--run", "7", "-y", "--json")
    assert json.loads(out) == {**ANSWER, "run": "sales@1/10", "applied": True}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "Give --at or --run"),
        (("--at", "2d", "--run", "7"), "Give --at or --run"),
        (("--run", "orders@1/7"), "orders@1/7 is not a run of sales"),
        (("--run", "sales@2/7", "-m", "1"), "sales@2/7 is not a run of sales with major 1"),
        (("--run", "seven"), "'seven' is not a run"),
        (("--run", "99999999999"), "is not a run"),
        (("--run", "\u0667"), "is not a run"),
        (("--at", "yesterday"), "yesterday"),
    ],
)
def test_what_it_does_not_understand_is_refused_before_anything_is_asked(
    bench: Bench, words: tuple[str, ...], said: str
) -> None:
    code, _, err = bench.run(*words)
    assert (code, said in err, bench.asked) == (2, True, []), err
