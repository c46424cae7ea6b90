"""What the end of an attempt's process means for the attempt: the message that it sent, or how it
died without one.

The message is foreign input until it is checked. A failure of the author's code is the author's. A
process that was killed from outside is not the author's failure.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from duckstring.author.surroundings import Surroundings
from duckstring.errors import TransientError
from duckstring.model.catalog import Position, TableVersion
from duckstring.model.checks import CheckResult
from duckstring.model.foreign import Redactor
from duckstring.model.lineage import Lineage, TableRead, has_earlier, writers_of
from duckstring.model.names import POND_NAME, parse_table_key
from duckstring.model.parts import MOST_POSITIONS, news_after, part_faults, position_of
from duckstring.worker.attempt_process import MUTE_EXIT, TABLE_FIELDS
from duckstring.worker.calling import Cut, Fault, Pauses
from duckstring.worker.checked import received
from duckstring.worker.descendants import Exit
from duckstring.worker.memory_kills import kernel_kills
from duckstring.worker.self_ended import ANY_SIGNAL
from duckstring.worker.watch import Outcome

_OUTSIDE = frozenset({signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT})
"""What ends a process from outside. Any other deadly signal comes of what it has done itself."""
_NEARLY_ALL = 0.9


class ProcessDiedError(TransientError):
    """An attempt's process was ended from outside. AWS answers, so the next attempt need not wait:
    external work that this attempt started may still run, and has to be attached to.
    """


@dataclass(frozen=True, slots=True)
class Done:
    """The function returned. ``value`` is what it returned, as text; ``requested``: as
    ``Requested``. ``checks``: how each check ended, if it made checks. ``arrivals``: up to which
    number it has taken the objects that arrived, if it has asked for them.
    """

    tables: Mapping[str, TableVersion] = field(default_factory=dict)
    skipped: bool = False
    value: str | None = None
    requested: bool = False
    kept: frozenset[str] = frozenset()
    dropped: frozenset[str] = frozenset()
    reads: tuple[str, ...] | None = None
    positions: Mapping[str, Position] = field(default_factory=dict)
    checks: tuple[CheckResult, ...] = ()
    lineage: Lineage | None = None
    arrivals: int | None = None


Known = Done | Fault | Cut | Pauses


class Memory:
    """Whether a process that was killed had used too much memory."""

    def __init__(self, mib: int, kills: Callable[[], int | None] = kernel_kills) -> None:
        """A place with ``mib`` (0: not known). Make this before the process begins."""
        self._mib, self._kills = mib, kills
        self._before = kills()

    def killed(self, ended: Exit) -> bool:
        """Whether the kernel's count of memory kills has grown. Where there is no such count:
        whether the process had used nearly all the memory.
        """
        now = self._kills()
        if self._before is not None and now is not None:
            return now > self._before
        return bool(self._mib) and ended.peak_kib >= _NEARLY_ALL * self._mib * 1024


def known(
    outcome: Outcome,
    ripple: str,
    memory: Memory,
    *,
    redactor: Redactor,
    around: Surroundings | None,
) -> Known:
    """How the attempt ended.

    Args:
        outcome: what is known of its process.
        ripple: whose it was.
        memory: recognizes a process that was killed for its memory.
        redactor: removes secrets from texts.
        around: what the attempt could see, and where it could write. None: nothing and nowhere.

    Raises:
        TransientError: AWS did not answer.
        ProcessDiedError: the process was ended from outside.
    """
    outcome = _clean(outcome, redactor.text)
    if outcome.why:
        sent = outcome.end or {}
        return Cut(str(sent.get("traceback") or ""))
    match outcome.end:
        case {
            "end": "returned",
            "tables": list(),
            "skipped": bool(),
            "requested": bool(),
        }:
            return _returned(outcome.end or {}, ripple, redactor, around)
        case {"end": "paused", "seconds": int() as seconds}:
            return Pauses(seconds)
        case {
            "end": "failed",
            "error": str() as error,
            "message": str() as message,
            "traceback": str() as trace,
            "memory": bool() as much,
        }:
            is_final = (outcome.end or {}).get("final") is True
            return Fault(error, message, trace, much, is_final)
        case {"end": "unreachable", "message": str() as message}:
            raise TransientError(message)
        case _:
            return _died(outcome, ripple, memory)


def _returned(
    end: Mapping[str, Any], ripple: str, redactor: Redactor, around: Surroundings | None
) -> Done | Fault:
    tables, taken = _tables(end["tables"], around), _positions(end.get("taken"), around)
    kept, dropped, value = _names(end.get("kept")), _names(end.get("dropped")), end.get("value")
    checks = received(end.get("checks", []), redactor)
    if tables is None or kept is None or dropped is None or taken is None:
        message = f"Ripple {ripple!r} sent names of tables that are not its own."
        return Fault("EndError", message, "")
    if checks is None:
        return Fault("EndError", f"Ripple {ripple!r} sent no results of checks.", "")
    return Done(
        tables,
        end["skipped"],
        None if value is None else str(value),
        end["requested"],
        kept,
        dropped,
        _reads(end.get("reads")),
        taken,
        checks,
        _lineage(end.get("lineage"), around),
    )


def _clean(outcome: Outcome, clean: Callable[[str], str]) -> Outcome:
    """Its texts without secrets, in a form that every store accepts. Names of tables are checked
    instead.
    """
    end = outcome.end and {
        name: clean(value) if isinstance(value, str) else value
        for name, value in outcome.end.items()
    }
    return replace(
        outcome, end=end, lines=[clean(line) for line in outcome.lines], fault=clean(outcome.fault)
    )


def discarded(outcome: Outcome) -> list[str]:
    """The tables that were written before a pause."""
    return sorted(_names((outcome.end or {}).get("discarded")) or ())


def _reads(found: object) -> tuple[str, ...] | None:
    """Tables of Sources. None: it may have read any."""
    if not isinstance(found, list) or not all(
        isinstance(name, str) and _is_of_a_source(name) for name in found
    ):
        return None
    return tuple(found)


def _is_of_a_source(name: str) -> bool:
    """``source.table``."""
    parts = name.split(".")
    return len(parts) == 2 and all(POND_NAME.fullmatch(part) for part in parts)  # noqa: PLR2004


def _names(found: object) -> frozenset[str] | None:
    """Names of tables. None: they are not valid names."""
    if not isinstance(found, list) or not all(
        isinstance(name, str) and POND_NAME.fullmatch(name) for name in found
    ):
        return None
    return frozenset(found)


def _tables(found: list[Any], around: Surroundings | None) -> dict[str, TableVersion] | None:
    tables = {}
    for one in found:
        if not isinstance(one, dict) or one.keys() != set(TABLE_FIELDS):
            return None
        try:
            table = msgspec.convert(one, TableVersion)
        except (msgspec.ValidationError, RecursionError):
            return None
        if around is None or not _is_own(table, around):
            return None
        tables[table.table] = table
    return tables


def _is_own(table: TableVersion, around: Surroundings) -> bool:
    """Whether this attempt has written it: its newest object, and of the others all that are not
    of the version that it has found, nor of another engine that wrote for it.
    """
    written, there = parse_table_key(table.key), around.own.get(table.table)
    if written is None or written.table != table.table or not around.is_own(table.key):
        return False
    if table.rows < 0 or table.bytes < 0 or any(part_faults(table)):
        return False
    known = {part.file for part in there.contents} if there else set()
    return all(
        part.rows >= 0
        and part.bytes >= 0
        and (part.file in known or _is_from(table.key_of(part), around))
        for part in table.parts
    )


def _is_from(key: str, around: Surroundings) -> bool:
    return around.is_own(key) or around.may_adopt(key)


def _positions(found: object, around: Surroundings | None) -> dict[str, Position] | None:
    """How far the attempt has taken tables of Sources. It says of which; how far follows from the
    snapshots that its run reads. None: they are no tables of these snapshots.
    """
    names = _reads(found)
    if names is None or len(names) > MOST_POSITIONS:
        return None
    positions = {}
    for ref in names:
        source, _, table = ref.partition(".")
        held = around.sources.get(source) if around else None
        if held is None or held.tables is None or table not in held.tables:
            return None
        positions[ref] = position_of(held.tables[table])
    return positions


def _lineage(found: object, around: Surroundings | None) -> Lineage | None:
    """What it has read. It says of which tables; who wrote them follows from what it could see.
    None: it says of none that it could see.
    """
    match found:
        case {
            "used": list() as used,
            "news": list() as news,
            "may": list() | None as may,
        } if around is not None:
            reads = _reads_of(used, around, news=news)
            others = _reads_of(may or [], around, is_sure=False)
            if reads is None or others is None:
                return None
            return Lineage((*reads, *others), is_open=may is None)
        case _:
            return None


def _reads_of(
    names: list[object],
    around: Surroundings,
    *,
    news: list[object] | tuple[()] = (),
    is_sure: bool = True,
) -> list[TableRead] | None:
    """``news``: tables of Sources of which only what is new was read."""
    reads: list[TableRead] = []
    for name in names:
        source, _, table = name.rpartition(".") if isinstance(name, str) else ("", "", "")
        held = around.sources.get(source)
        tables = (held.tables or {}) if held else ({} if source else around.own)
        if (version := tables.get(table)) is None:
            return None
        line = (held.line or "") if held else ""
        position = around.positions.get(str(name))
        parts = news_after(version, position) if name in news else None
        writers, earlier = writers_of(version, parts), has_earlier(version, parts)
        reads.append(TableRead(line, table, writers, is_sure, earlier))
    return reads


def _died(outcome: Outcome, ripple: str, memory: Memory) -> Fault:
    ended = outcome.exit
    if ended is None and outcome.killing:
        by = (
            "by a signal" if outcome.killing == ANY_SIGNAL else f"by {signal_name(outcome.killing)}"
        )
        return _fault(
            "ProcessKilled",
            f"Ripple {ripple!r} ended the process that its own was forked from, {by}.",
            outcome,
        )
    if ended is None and outcome.started:
        message = (
            f"The process that Ripple {ripple!r} was forked from ended after it had started "
            "programs: one of them did it, most likely."
        )
        return _fault("ProcessKilled", message, outcome)
    if ended is None:
        raise ProcessDiedError(
            "The process that attempts are forked from ended while this one ran.",
            hint="The attempt is made again.",
        )
    if not outcome.called:
        raise ProcessDiedError(
            f"The attempt's process {_how(ended)} before any of the author's code was called."
        )
    if os.WIFSIGNALED(ended.status):
        return _killed(outcome, ended, ripple, memory)
    code = os.WEXITSTATUS(ended.status)
    if code == MUTE_EXIT:
        why = (
            "no descriptor is left, or the Ripple has replaced parts of Python (of builtins, "
            "json, os) that this needs"
        )
        return _fault(
            "EndError",
            f"Ripple {ripple!r} ended, and its process could not say how: {why}.",
            outcome,
        )
    message = (
        f"Ripple {ripple!r} ended its own process with exit code {code} (os._exit, or a program "
        "in its place) before it returned."
    )
    return _fault("ProcessExit", message, outcome)


def _killed(outcome: Outcome, ended: Exit, ripple: str, memory: Memory) -> Fault:
    number = os.WTERMSIG(ended.status)
    name = signal_name(number)
    if outcome.killing == number:
        return _fault(
            "ProcessKilled", f"Ripple {ripple!r} ended its own process by {name}.", outcome
        )
    if number == signal.SIGKILL and memory.killed(ended):
        message = (
            f"The process of Ripple {ripple!r} was killed for its memory: it had "
            f"{ended.peak_kib // 1024} MiB."
        )
        return Fault("OutOfMemory", message, "", memory=True)
    if number in _OUTSIDE and outcome.killing == ANY_SIGNAL:
        return _fault(
            "ProcessKilled", f"Ripple {ripple!r} ended its own process by {name}.", outcome
        )
    if number in _OUTSIDE and (ended.left or outcome.running):
        message = (
            f"The process of Ripple {ripple!r} was ended by {name} while programs that it had "
            "started ran: one of them, most likely."
        )
        return _fault("ProcessKilled", message, outcome)
    if number in _OUTSIDE:
        raise ProcessDiedError(
            f"The process of Ripple {ripple!r} was ended from outside, by {name}.",
            hint="The attempt is made again.",
        )
    return _fault(
        "ProcessKilled",
        f"The process of Ripple {ripple!r} was ended by {name}, which its own code brought about.",
        outcome,
    )


def _fault(error: str, message: str, outcome: Outcome) -> Fault:
    """With the interpreter's last words, or the last lines that were written to standard error."""
    last = outcome.fault or "".join(f"{line}\n" for line in outcome.lines)
    return Fault(error, message, f"{last}{error}: {message}\n")


def _how(ended: Exit) -> str:
    if os.WIFSIGNALED(ended.status):
        return f"was ended by {signal_name(os.WTERMSIG(ended.status))}"
    return f"ended with exit code {os.WEXITSTATUS(ended.status)}"


def signal_name(number: int) -> str:
    """``SIGKILL``; its number, where it has no name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
