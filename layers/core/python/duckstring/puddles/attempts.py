"""Attempts on the author's machine: in a process of their own, as a worker makes them, or in this
one, where a debugger and a test can reach them.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Protocol

import msgspec

from duckstring.author.arriving import Arrived, read_page
from duckstring.author.check_pond import handle
from duckstring.author.errors import RippleError
from duckstring.author.lake import Storage
from duckstring.author.ripple import Declared
from duckstring.author.surroundings import Surroundings
from duckstring.model.catalog import RippleSpec
from duckstring.model.foreign import Redactor
from duckstring.puddles.errors import CodeFailedError
from duckstring.puddles.isolated import isolated
from duckstring.puddles.project import LocalPond
from duckstring.puddles.storage import FolderStorage, NoKeys
from duckstring.worker.arrivals import Given
from duckstring.worker.attempt_process import Call, begin, prepare
from duckstring.worker.calling import (
    Pauses,
    Unreachable,
    authors_frames,
    call,
    judged,
    shown_frames,
)
from duckstring.worker.channel import Message
from duckstring.worker.checked import received, sent
from duckstring.worker.ends import Done, Known, Memory, known
from duckstring.worker.forkserver import ForkServer
from duckstring.worker.origin import Origin
from duckstring.worker.processes import Processes
from duckstring.worker.project import Project
from duckstring.worker.sandbox import answer_of
from duckstring.worker.watch import Follow, Limit, Pace, follow

Printed = Callable[[str, str], None]
"""Takes the name of a Ripple, and lines that it has printed or logged."""

_NEVER = 7 * 86_400.0
_OWN_RECORDS = frozenset({"table written", "table dropped", "check made"})
"""What the Pond's handle itself logs: the run's own lines say it."""


class Attempts(Protocol):
    """Makes attempts of one project's Ripples."""

    def ripples(self) -> Sequence[RippleSpec]:
        """The Ripples, parents first.

        Raises:
            RippleError: the module declares them in a way that cannot run.
            CodeFailedError: importing it raised.
        """

    def attempt(
        self, around: Surroundings, memory: LocalMemory, seconds: float, given: Given | None
    ) -> Known:
        """Call a Ripple, for at most so many ``seconds``. ``given``: the objects that arrived."""

    def close(self) -> None:
        """Give back what the attempts used."""


@dataclass(slots=True)
class LocalMemory:
    """``author.memory.Memory`` for one Ripple of one run."""

    held: dict[str, str] = field(default_factory=dict)

    def entries(self) -> Mapping[str, str]:
        """All that is remembered."""
        return dict(self.held)

    def keep(self, key: str, text: str) -> None:
        """Remember one value."""
        self.held[key] = text


class ProcessAttempts:
    """As a worker of a Catchment makes them: each in a forked process of its own."""

    def __init__(self, pond: LocalPond, variables: Mapping[str, str], printed: Printed) -> None:
        """``variables`` are added to the environment; ``printed`` gets what the code prints.

        Make this before the process has threads.
        """
        self._pond, self._variables, self._printed = pond, dict(variables), printed
        self._redactor = Redactor({**os.environ, **variables})
        storage = FolderStorage(pond.line, inputs=pond.inputs, outputs=pond.outputs)
        self._origin = Origin(partial(prepare, storage), partial(begin, storage))
        self._origin.start()
        self._processes = Processes(ForkServer(self._origin.fork_server))

    def ripples(self) -> Sequence[RippleSpec]:
        """See ``Attempts``."""
        module = self._pond.pondfile.pond.ripples
        return _specs(isolated(partial(_answer, self._pond.code, module, self._variables), module))

    def attempt(
        self, around: Surroundings, memory: LocalMemory, seconds: float, given: Given | None
    ) -> Known:
        """See ``Attempts``."""
        module, keys = self._pond.pondfile.pond.ripples, NoKeys()
        order = Call(around, self._pond.code, module, self._variables, keys)
        limit = Memory(0)
        how = Follow(
            memory=memory,
            look=lambda: None,
            line=lambda text, _stream, _at: self._say(around.ripple, text),
            record=partial(self._record, around.ripple),
            log=logging.getLogger("duckstring.local"),
            pace=Pace(early=_NEVER, later=_NEVER),
            called=partial(self._processes.fork_ahead, keys),
            limits=[Limit(seconds, "timeout")],
            given=given,
        )
        with self._processes.one() as one:
            outcome = follow(one, order, how)
        return known(outcome, around.ripple, limit, redactor=self._redactor, around=around)

    def close(self) -> None:
        """See ``Attempts``."""
        self._processes.close()
        self._origin.close()

    def _record(self, ripple: str, record: Message) -> None:
        message = str(record.get("message"))
        if record.get("logger") == "duckstring.pond" and message in _OWN_RECORDS:
            return
        level = logging.getLevelName(record["level"]) if isinstance(record["level"], int) else ""
        trace = f"\n{record['trace']}" if record.get("trace") else ""
        self._say(ripple, f"{level} {message}{trace}")

    def _say(self, ripple: str, text: str) -> None:
        self._printed(ripple, self._redactor.text(text))


class _Pages:
    """``author.arriving.Backlog`` in this process."""

    def __init__(self, given: Given) -> None:
        self._given = given

    def more(self) -> tuple[Sequence[Arrived], bool]:
        return read_page(self._given.page())


class DirectAttempts:
    """In this process: ``breakpoint()`` works, and so does a test's ``monkeypatch``."""

    def __init__(
        self, pond: LocalPond, project: Project, storage: Callable[[], Storage] | None = None
    ) -> None:
        """``project``: the code, which is imported once. ``storage`` gives each attempt a database
        of its own; otherwise one over the project's folder.
        """
        self._pond, self._project = pond, project
        self._storage, self._redactor = storage or self._folder, Redactor(os.environ)
        self.raised: BaseException | None = None
        """What the last attempt raised."""

    def ripples(self) -> Sequence[RippleSpec]:
        """See ``Attempts``."""
        return _specs(answer_of(self._project))

    def attempt(
        self, around: Surroundings, memory: LocalMemory, seconds: float, given: Given | None
    ) -> Known:
        """See ``Attempts``. It takes as long as it takes: somebody may be reading its variables."""
        around, log = replace(around, environment=os.environ), logging.getLogger("duckstring.pond")
        ports = {"storage": self._storage(), "memory": memory, "log": log}
        pond = handle(around, **ports, backlog=None if given is None else _Pages(given))
        self.raised = None
        try:
            call(self._project, around.ripple, pond, _function)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            frames = authors_frames(error.__traceback__, self._project)
            self.raised = pond.explained(error).with_traceback(frames)
            ended = judged(self.raised, self._project)
            self.raised.__traceback__ = shown_frames(frames, self._project)
            if isinstance(ended, Pauses):
                return ended
            if not pond.paused:
                return _known(ended)
        finally:
            pond.close()
        if pond.paused:
            return Pauses(pond.paused.seconds)
        checks = received(sent(pond), self._redactor) or ()
        return Done(
            pond.written,
            pond.skipped,
            kept=pond.kept,
            dropped=pond.dropped,
            positions=pond.taken,
            checks=checks,
        )

    def close(self) -> None:
        """See ``Attempts``."""

    def _folder(self) -> Storage:
        pond = self._pond
        return FolderStorage(pond.line, inputs=pond.inputs, outputs=pond.outputs)


def _specs(answer: Mapping[str, object]) -> Sequence[RippleSpec]:
    """The Ripples that a module has declared, from ``answer_of``."""
    if answer.get("ok"):
        return msgspec.convert(answer["ripples"], tuple[RippleSpec, ...], strict=False)
    error = answer["error"]
    assert isinstance(error, dict)  # noqa: S101 - as answer_of makes it
    message, hint = str(error["message"]), str(error["hint"])
    if error["type"] == RippleError.__name__:
        raise RippleError(message, hint=hint)
    raise CodeFailedError(message, hint=hint, traceback=str(error["traceback"]))


def _function(one: Declared) -> Callable[..., object]:
    return one.function


def _known(ended: object) -> Known:
    if isinstance(ended, Unreachable):
        raise CodeFailedError(ended.message)
    return ended  # type: ignore[return-value]  # it did not return


def _answer(code: Path, module: str, variables: Mapping[str, str]) -> Mapping[str, object]:
    os.environ.update(variables)
    return answer_of(Project(code.resolve(), module))
