"""How each fault is done. One function each: ``(lane, draw) -> Struck``; it comes back when the
fault has happened.
"""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from bench.chaos.lane import Lane
from bench.chaos.ponds import RIPPLES
from bench.chaos.stage import LateError, until
from bench.chaos.storage import Rule
from duckstring.errors import DuckstringError

STRIKES_WITHIN = 60.0
_SLOW = 240.0
_FEW = 3
_NUMBERS = count(1)
_TEXTS = ("no rows [here]: {50%}", "line one\nline two — “quoted”", "", "x" * 3000)


@dataclass(frozen=True)
class Struck:
    """When. ``helped``: an operator may have to end a failure; ``wanted`` is what he does then."""

    at: float
    helped: bool = False
    wanted: str = "wake"
    seconds: float = 120.0


class MissedError(Exception):
    """The fault did not happen: nothing came by that it could strike."""


Act = Callable[[Lane, random.Random], Struck]


def _some(lane: Lane, draw: random.Random) -> tuple[str, str]:
    """A Pond of the lane, and a Ripple of it."""
    pond = draw.choice(lane.ponds)
    return pond, draw.choice(RIPPLES[pond.rpartition("_")[2]])


def _noted(
    lane: Lane, pond: str, word: str, since: float, *, seconds: float = STRIKES_WITHIN
) -> dict[str, Any]:
    """The first such word in a Pond's ledger."""

    def ask() -> dict[str, Any] | None:
        return next(
            (
                note
                for note in lane.stage.notes(pond)
                if note["word"] == word and note["at"] >= since
            ),
            None,
        )

    try:
        return until(ask, what=f"{pond} {word}", seconds=seconds, show=lane.show) or {}
    except LateError as late:
        raise MissedError(str(late)) from late


def _followed(
    lane: Lane,
    pond: str,
    ripple: str,
    draw: random.Random,
    *,
    within: float = STRIKES_WITHIN,
    **order: Any,
) -> dict[str, Any]:
    """Order one Ripple to misbehave; its word that it does. An order that nobody took is not
    left for a later round.
    """
    began = time.time()
    lane.stage.order(pond, ripple, draw.choice(("begin", "written")), **order)
    try:
        return _noted(lane, pond, "fault", began, seconds=within)
    finally:
        _withdraw(lane, pond)


def _withdraw(lane: Lane, pond: str) -> None:
    for path in lane.stage.orders(pond):
        path.unlink(missing_ok=True)


def _strike(lane: Lane, *, times: int = 1, **rule: Any) -> float:
    """Let a rule of the injected module strike; when it did last."""
    name = f"{lane.name}-{next(_NUMBERS)}"
    lane.stage.rule(name, times=times, **rule)
    try:
        until(lambda: lane.stage.fired(name), what="strikes", seconds=STRIKES_WITHIN)
        if times > 1:
            with suppress(LateError):
                until(lambda: len(lane.stage.fired(name)) >= times, what="strikes", seconds=8)
        return lane.stage.fired(name)[-1]
    except LateError as late:
        raise MissedError(f"{rule}: {late}") from late
    finally:
        lane.stage.lift(name)


def _misbehave(
    lane: Lane, draw: random.Random, *orders: dict[str, Any], times: int = 1
) -> tuple[str, float]:
    """Orders to one Ripple; the Pond, and when the last of them was followed."""
    pond, ripple = _some(lane, draw)
    when, began = draw.choice(("begin", "written")), time.time()
    for _ in range(times):
        lane.stage.order(pond, ripple, when, **draw.choice(orders))
    with_all = lambda: not lane.stage.orders(pond)  # noqa: E731
    try:
        until(with_all, what="taken", seconds=STRIKES_WITHIN, show=lane.show)
    except LateError as late:
        _withdraw(lane, pond)
        raise MissedError(str(late)) from late
    _noted(lane, pond, "fault", began)
    return pond, time.time()


def raises(lane: Lane, draw: random.Random) -> Struck:
    times = draw.choice((1, 1, 2))
    _, at = _misbehave(lane, draw, *({"do": "raise", "text": text} for text in _TEXTS), times=times)
    return Struck(at, helped=times > 1, wanted=draw.choice(("wake", "clear")))


def exits(lane: Lane, draw: random.Random) -> Struck:
    _, at = _misbehave(
        lane,
        draw,
        {"do": "sys_exit"},
        {"do": "sys_exit", "code": 0},
        {"do": "os_exit"},
        {"do": "sigsegv"},
    )
    return Struck(at)


def sigkill(lane: Lane, draw: random.Random) -> Struck:
    pond, ripple = _some(lane, draw)
    note = _followed(lane, pond, ripple, draw, do="sleep", seconds=1.0)
    time.sleep(draw.uniform(0, 0.9))
    with suppress(ProcessLookupError):
        os.kill(note["pid"], signal.SIGKILL)
    return Struck(time.time())


def sigkill_worker(lane: Lane, draw: random.Random) -> Struck:
    line, fault = draw.choice(lane.lines), draw.choice(("kill_before", "kill_after"))
    role, most = draw.choice((("ripple", 8), ("ripple", 8), ("vendor", 3)))
    skip = draw.randrange(most)
    return Struck(_strike(lane, role=role, texts=[line], skip=skip, fault=fault))


def memory(lane: Lane, draw: random.Random) -> Struck:
    _, at = _misbehave(lane, draw, {"do": "memory_error"}, {"do": "duckdb_memory"})
    return Struck(at)


def hang(lane: Lane, draw: random.Random) -> Struck:
    pond, _ = _misbehave(
        lane, draw, *({"do": do, "seconds": 3600} for do in ("sleep", "spin", "query"))
    )
    time.sleep(draw.uniform(0, 1))
    lane.client.control(pond, "kill")
    at = time.time()
    time.sleep(draw.uniform(0, 1))
    lane.client.control(pond, draw.choice(("wake", "clear")))
    return Struck(at)


def kill_verb(lane: Lane, draw: random.Random) -> Struck:
    pond = draw.choice(lane.ponds)
    with suppress(LateError):
        until(lambda: lane.states()[f"{pond}@1"].runs, what="runs", seconds=5)
    time.sleep(draw.uniform(0, 0.4))
    lane.client.control(pond, "kill")
    at = time.time()
    time.sleep(draw.uniform(0, 1))
    lane.client.control(pond, draw.choice(("wake", "clear")))
    return Struck(at)


def _brain(fault: str) -> Act:
    def act(lane: Lane, draw: random.Random) -> Struck:
        line = draw.choice(lane.lines)
        struck = _strike(
            lane,
            role="orchestrator",
            services=["dynamodb"],
            operations=["PutItem", "TransactWriteItems"],
            texts=[f"LINE#{line}", '"STATE"'],
            skip=draw.randrange(5),
            fault=fault,
            later=draw.randint(1, 3),
        )
        return Struck(struck)

    return act


def brain_after(lane: Lane, draw: random.Random) -> Struck:
    texts = [draw.choice(lane.lines), ".fifo"]
    return Struck(
        _strike(
            lane,
            role="orchestrator",
            operations=["handle"],
            texts=texts,
            skip=draw.randrange(5),
            fault="kill_at_end",
        )
    )


def twice(lane: Lane, draw: random.Random) -> Struck:
    name = f"{lane.name}-{next(_NUMBERS)}"
    rule = {
        "role": "orchestrator",
        "operations": ["handle"],
        "texts": [draw.choice(lane.lines), ".fifo"],
        "fault": "keep_event",
    }
    lane.stage.rule(name, times=2, skip=draw.randrange(5), **rule)
    kept = lane.stage.folder / "rules"
    try:
        events = until(
            lambda: sorted(kept.glob(f"{name}.event.[12]")), what="kept", seconds=STRIKES_WITHIN
        )
    except LateError as late:
        raise MissedError(str(late)) from late
    finally:
        lane.stage.lift(name)
    time.sleep(draw.choice((0, 0.2, 3)))
    function = lane.stage.function("OrchestratorFunction", "orchestrator")

    def taken(event: Path) -> bool:
        """Another lane's fault may kill the function meanwhile; then the mailbox, too, would
        deliver again.
        """
        answer = lane.stage.aws("lambda").invoke(FunctionName=function, Payload=event.read_bytes())
        said = answer["Payload"].read().decode()
        if answer.get("FunctionError") and "Worker process died" not in said:
            raise RuntimeError(said)
        return not answer.get("FunctionError")

    for event in [*events, *events[: draw.randrange(2)]]:
        until(partial(taken, event), what="delivered again", seconds=STRIKES_WITHIN)
    return Struck(time.time())


_ASKED = {
    "orchestrator": ("dynamodb", "dynamodb", "sqs", "states"),
    "ripple": ("dynamodb", "sqs", "s3", "lambda"),
    "vendor": ("dynamodb", "secretsmanager", "sts"),
}


def _refused(fault: str) -> Act:
    def act(lane: Lane, draw: random.Random) -> Struck:
        role = draw.choice(sorted(_ASKED))
        service = draw.choice(_ASKED[role])
        has_line = service in {"dynamodb", "sqs", "lambda", "sts"}
        texts = [draw.choice(lane.lines)] if has_line else []
        if service == "s3":
            lane.deploy()  # a package is fetched once a process
        times = draw.choice((1, 2, 5, 7))
        return Struck(
            _strike(
                lane,
                role=role,
                services=[service],
                texts=texts,
                skip=draw.randrange(4),
                times=times,
                fault=fault,
            )
        )

    return act


def duck_storage(lane: Lane, draw: random.Random) -> Struck:
    pond = draw.choice(lane.ponds)
    read = draw.random() < 0.4 and pond != lane.ponds[0]
    about = lane.ponds[lane.ponds.index(pond) - 1] if read else pond
    rule = Rule(
        (f"data/{about}@1/",),
        draw.choice(("refuse", "cut", "lose")),
        methods=("GET", "HEAD") if read else ("PUT", "POST"),
        skip=draw.randrange(3),
        times=draw.choice((1, 2, 4, 8)),
    )
    lane.stage.storage.rules.append(rule)
    try:
        until(lambda: rule.fired, what="strikes", seconds=STRIKES_WITHIN)
        with suppress(LateError):
            until(lambda: len(rule.fired) >= rule.times, what="strikes", seconds=5)
    except LateError as late:
        raise MissedError(f"{rule}: {late}") from late
    finally:
        lane.stage.storage.rules.remove(rule)
    return Struck(rule.fired[-1], helped=rule.times > 1)


def overrun(lane: Lane, draw: random.Random) -> Struck:
    """Longer than the function has: interrupted there, and done as a task."""
    pond, ripple = _some(lane, draw)
    began = time.time()
    _followed(lane, pond, ripple, draw, do=draw.choice(("sleep", "query")), seconds=600)
    note = _noted(lane, pond, "raised", began, seconds=90)
    return Struck(note["at"], seconds=_SLOW)


def _on_task(lane: Lane, draw: random.Random, harm: Callable[[dict[str, Any]], None]) -> Struck:
    pond, ripple = _some(lane, draw)
    lane.client.compute(pond, ripple, on="task")
    try:
        note = _followed(lane, pond, ripple, draw, within=120, do="sleep", seconds=5, where="task")
        time.sleep(draw.uniform(0, 3))
        harm(note)
        return Struck(time.time(), seconds=_SLOW)
    finally:
        lane.client.compute(pond, ripple, on="auto")


def task_sigkill(lane: Lane, draw: random.Random) -> Struck:
    """The process that runs the Ripple, its supervisor, or all of it."""
    whom = draw.choice((slice(0, 1), slice(-1, None), slice(None, None, -1)))

    def kill(note: dict[str, Any]) -> None:
        for pid in note["family"][whom]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    return _on_task(lane, draw, kill)


def task_silent(lane: Lane, draw: random.Random) -> Struck:
    """All of it stands still, its supervisor first: nobody beats, and nobody ends."""

    def stop(note: dict[str, Any]) -> None:
        for pid in reversed(note["family"]):
            os.kill(pid, signal.SIGSTOP)

    return _on_task(lane, draw, stop)


def restart(lane: Lane, draw: random.Random) -> Struck:
    if draw.random() < 0.7:
        return Struck(lane.stage.kill_emulator())
    return Struck(lane.stage.restart_emulator())


def poison(lane: Lane, draw: random.Random) -> Struck:
    """The world refuses one line until a letter is given up; the doctor must find it and say
    why; then it is moved back.
    """
    stage, line = lane.stage, draw.choice(lane.lines)
    stage.give_up_after(_FEW)
    name = f"{lane.name}-{next(_NUMBERS)}"
    stage.rule(
        name,
        role="orchestrator",
        services=["dynamodb"],
        texts=[f"LINE#{line}", '"STATE"'],
        times=1_000_000,
        fault="refuse",
    )
    try:
        until(lambda: stage.dead() > 0, what="given up", seconds=60, show=lane.show)
    except LateError as late:
        raise MissedError(str(late)) from late
    finally:
        stage.lift(name)
        stage.give_up_after(stage.receives)
    code, told = stage.command("doctor", "--json")
    letters = [
        letter for finding in json.loads(told)["findings"] for letter in finding.get("letters", ())
    ]
    explained = [
        letter for letter in letters if letter["line"] == line and letter["kind"] != "unreadable"
    ]
    found = [
        detail
        for finding in json.loads(told)["findings"]
        for detail in finding["details"]
        if "AccessDenied" in detail
    ]
    if code != 1 or not explained or not found:
        raise LateError(
            f"the doctor (exit code {code}) does not explain the dead letters of {line}: {told}"
        )
    code, told = stage.command("doctor", "redrive", "-y")
    if code:
        raise LateError(f"redrive: {told}")
    return Struck(time.time())


def stopped(lane: Lane, draw: random.Random) -> Struck:
    """As by somebody in the console. One that ended while we looked is no execution to stop:
    another is taken.
    """
    limit = time.monotonic() + STRIKES_WITHIN
    while time.monotonic() < limit:
        states = lane.states()
        flights = [
            (line, run)
            for line in lane.lines
            if line in states
            for run in states[line].runs.values()
        ]
        if flights:
            line, run = draw.choice(flights)
            time.sleep(draw.uniform(0, 0.3))
            if lane.stage.stop_execution(line, run.number, run.launch):
                return Struck(time.time())
        time.sleep(0.05)
    raise MissedError("no run was in flight")


ACTS: Mapping[str, Act] = {
    "raise": raises,
    "exit": exits,
    "sigkill": sigkill,
    "sigkill-worker": sigkill_worker,
    "memory": memory,
    "hang": hang,
    "kill-verb": kill_verb,
    "brain-before": _brain("kill_before"),
    "brain-between": _brain("kill_after"),
    "brain-half": _brain("kill_later"),
    "brain-after": brain_after,
    "twice": twice,
    "throttle": _refused("throttle"),
    "lost-answer": _refused("lost_answer"),
    "duck-storage": duck_storage,
    "stopped": stopped,
    "overrun": overrun,
    "task-sigkill": task_sigkill,
    "task-silent": task_silent,
    "restart": restart,
    "poison": poison,
}


def help_up(lane: Lane, struck: Struck) -> list[str]:
    """What an operator does with lines that are down; those that should not have been."""
    surprised = []
    for line in lane.down():
        if not struck.helped:
            surprised.append(f"{line} is down: {lane.states()[line].reason}")
        with suppress(DuckstringError):
            lane.client.control(line.partition("@")[0], struck.wanted)
    return surprised


def words(value: object) -> str:
    """For the log."""
    return json.dumps(value, default=str)
