"""What every job can do, whatever its engine: ``start``, ``run`` and ``cancel``.

A class of an engine's jobs says what its authors may write, and makes the engine's side of one
turn (``core.Engine``) of that. The rest is here and in ``core``:

    class NameJob(Job):
        def __init__(self, job: Text, *, name: str = "", poll: str | None = None) -> None:
            super().__init__(name=name, poll=poll)
            self._job = job

        @override
        def _engine(self, pond: Handle, *, body: Json | None = None) -> _Name:
            return _Name(text(self._job, pond), self._name, body or {})

        start = starting(_engine)
        run = running(_engine)

``start`` and ``run`` take what ``_engine`` takes, for authors and for type checkers.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

from duckstring.external import core
from duckstring.external.core import Engine, ExternalRun, Handle

P = ParamSpec("P")
Result = TypeVar("Result")


class Job(ABC):
    """One job of one engine. Its author makes it once, at module level; nothing is asked before
    ``run``.
    """

    __duckstring_pauses__ = True
    """A Ripple that uses one waits by pausing (``author/proxies.py``)."""

    def __init__(self, *, name: str, poll: str | None) -> None:
        """``name`` and ``poll`` as every job's author may write them.

        Raises:
            ExternalError: ``poll`` is not a duration over zero, of at most 7d.
        """
        self._name = name
        self._poll = core.checked_poll(poll)

    @abstractmethod
    def _engine(self, pond: Handle) -> Engine:
        """The engine, as one turn of a Ripple reaches it.

        A class may take more, by name: what an author may write for a single run.
        """

    def cancel(self, pond: Handle) -> str:
        """Cancel this try's run, in whatever state it is: ``@ripple(on_kill=job.cancel)``.

        Returns:
            What became of the run, in one line.

        Raises:
            CancelRefusedError: the run was not asked to end, or the engine refused.
        """
        return core.cancel(self._engine(pond), pond)


def starting(engine: Callable[P, Engine]) -> Callable[P, str]:
    """The method ``start`` of jobs whose method ``_engine`` is ``engine``."""
    return _method(engine, core.start)


def running(engine: Callable[P, Engine]) -> Callable[P, ExternalRun]:
    """The method ``run`` of jobs whose method ``_engine`` is ``engine``."""
    return _method(engine, core.run)


def _method(engine: Callable[P, Engine], ask: Callable[..., Result]) -> Callable[P, Result]:
    """``ask`` as a method that takes what ``engine`` takes, and says so to ``help``."""

    def method(job: Job, pond: Handle, **given: object) -> Result:
        reached = cast("Callable[..., Engine]", engine)(job, pond, **given)
        return ask(reached, pond, poll=job._poll)  # noqa: SLF001 - a Job's method

    answer = ask.__annotations__["return"]
    method.__signature__ = inspect.signature(engine).replace(return_annotation=answer)  # type: ignore[attr-defined]
    method.__name__, method.__doc__ = ask.__name__, ask.__doc__
    return cast("Callable[P, Result]", method)
