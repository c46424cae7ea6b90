"""``@ripple``: a function becomes a Ripple. The function itself stays as it is, and can be called
in a test.

Declarations go to the ``collecting`` block that an import runs in, and nowhere else: a warm worker
holds many Ponds.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, overload

from duckstring.author.errors import RippleError, joined, shown
from duckstring.author.order import graph_faults
from duckstring.author.proxies import waits_by_pausing
from duckstring.author.retrying import RetryOn, check_delay, check_errors
from duckstring.errors import nearest
from duckstring.model.catalog import RippleSpec
from duckstring.model.compute import mebibytes
from duckstring.model.durations import HINT, seconds_of
from duckstring.model.names import POND_NAME
from duckstring.model.uses import USES_ALLOWED, USES_HINT, are_limits, in_order

RippleFunction = TypeVar("RippleFunction", bound=Callable[..., object])
Checked = TypeVar("Checked")
Parent = Callable[..., object] | str

_HERE = Path(__file__).parent
_MARK = "__duckstring_ripple__"
_WORDS = (
    *("parents", "name", "always_run", "timeout", "memory", "on_kill", "uses"),
    *("retry_delay", "retry_on"),
)
LONGEST_TIMEOUT = 29 * 86_400
"""Seconds: less than the state machine gives a task."""


@dataclass(frozen=True, slots=True)
class Declared:
    """One Ripple as its module declared it."""

    spec: RippleSpec
    function: Callable[..., object]
    on_kill: Callable[..., object] | None = None


def takes_pond(function: Callable[..., object]) -> bool:
    """Whether a function wants the Pond handle."""
    return bool(inspect.signature(function).parameters)


def ripple_name(function: object) -> str:
    """The name of the Ripple that a function is; its own name, where it is none."""
    return str(getattr(function, _MARK, getattr(function, "__name__", function)))


@dataclass(frozen=True, slots=True)
class _Collector:
    declared: list[Declared] = field(default_factory=list)
    faults: list[RippleError] = field(default_factory=list)


_collector: ContextVar[_Collector | None] = ContextVar("duckstring_ripples", default=None)


@contextmanager
def collecting() -> Iterator[list[Declared]]:
    """Gather the Ripples that are declared inside the block, in order.

    Raises:
        RippleError: at the end of the block, with every fault of the declarations, one a line.
    """
    collector = _Collector()
    token = _collector.set(collector)
    try:
        yield collector.declared
    finally:
        _collector.reset(token)
    if collector.faults:
        raise joined([*collector.faults, *graph_faults([one.spec for one in collector.declared])])


@overload
def ripple(function: RippleFunction, /) -> RippleFunction: ...


@overload
def ripple(
    *,
    parents: Sequence[Parent] = (),
    name: str | None = None,
    always_run: bool = False,
    timeout: str | None = None,
    memory: str | None = None,
    on_kill: Callable[..., object] | None = None,
    uses: str | Sequence[str] = (),
    retry_delay: str | None = None,
    retry_on: RetryOn | Sequence[RetryOn] | None = None,
) -> Callable[[RippleFunction], RippleFunction]: ...


def ripple(  # noqa: PLR0913 - each argument is a word of the author's
    function: RippleFunction | None = None,
    /,
    *unnamed: object,
    parents: Sequence[Parent] = (),
    name: str | None = None,
    always_run: bool = False,
    timeout: str | None = None,
    memory: str | None = None,
    on_kill: Callable[..., object] | None = None,
    uses: str | Sequence[str] = (),
    retry_delay: str | None = None,
    retry_on: RetryOn | Sequence[RetryOn] | None = None,
    **unknown: object,
) -> RippleFunction | Callable[[RippleFunction], RippleFunction]:
    """Declare a Ripple: a function of no argument, or of one, the Pond.

    Args:
        function: the function, where the decorator is used bare.
        unnamed: refused: each argument has its name.
        parents: the Ripples that run before this one, as functions or names.
        name: the Ripple's name; default the function's.
        always_run: run even when no Source changed.
        timeout: how long one attempt of it may take, pauses included: ``"90s"``, ``"2h"``,
            ``"1h30m"``; default 24 hours.
        memory: how much memory it needs, as far as you know: ``"512MB"``, ``"4GB"``.
        on_kill: a function of no argument, or of the Pond, that is called when the Ripple was
            killed, or its time is over: to cancel what it started elsewhere.
        uses: the limits that it needs a token of while it runs, at most four: ``"databricks"``. An
            operator sets how many there are (``duckstring limit set databricks 3``).
        retry_delay: how long it waits before it is tried again in the same run
            (``immediate_retries``): ``"30s"``, at most ``"1h"``; doubled with each try that fails,
            at most an hour. By default it is tried again at once.
        retry_on: the errors after which it is tried again, as classes or names of classes:
            ``(TimeoutError, "requests.ConnectionError")``; a class counts for those that are based
            on it. After any other error that it raises the run fails at once. By default every
            error counts.
        unknown: refused, with the nearest argument that there is.

    Returns:
        The function, unchanged.

    Raises:
        RippleError: something about the declaration cannot be: every fault, one a line. While a
            package is imported the faults of all its Ripples are raised together, by
            ``collecting``.
    """

    def declare(of: RippleFunction) -> RippleFunction:
        faults: list[RippleError] = []

        def checked(check: Callable[..., Checked], *given: object, otherwise: Checked) -> Checked:
            try:
                return check(*given)
            except RippleError as fault:
                faults.append(fault)
                return otherwise

        own_name = str(getattr(of, "__name__", "ripple"))
        called = checked(_called, of, name, otherwise=own_name)
        faults += [_unknown(called, word) for word in unknown]
        spec = RippleSpec(
            name=called,
            parents=checked(_parents, called, parents, otherwise=()),
            always_run=checked(_flag, called, always_run, otherwise=False),
            timeout_seconds=checked(check_timeout, called, timeout, otherwise=None),
            memory_mib=checked(check_memory, called, memory, otherwise=None),
            on_kill=on_kill is not None,
            pauses=waits_by_pausing(of, on_kill),
            uses=checked(check_uses, called, uses, otherwise=()),
            retry_delay_seconds=checked(check_delay, called, retry_delay, otherwise=0),
            retry_on=checked(check_errors, called, retry_on, otherwise=()),
        )
        if inspect.isroutine(of):
            checked(check_function, f"Ripple {shown(called)}", of, otherwise=None)
        if on_kill is not None:
            checked(_check_on_kill, called, on_kill, otherwise=None)
        _declare(Declared(spec, of, on_kill), faults)
        return of

    if unnamed or not (function is None or callable(function)):
        # Told at once, for what is given here may stand above no function.
        _refuse(_unnamed(*unnamed) if callable(function) else _unnamed(function, *unnamed))
        return declare
    return declare if function is None else declare(function)


def _unnamed(*found: object) -> RippleError:
    return RippleError(
        (
            f"@ripple({', '.join(map(shown, found))}): an argument has no name; allowed: "
            f"{', '.join(_WORDS)}."
        ),
        hint='Write @ripple, or @ripple(parents=[...], name="...").',
    )


def _refuse(fault: RippleError) -> None:
    """Hand it to the block that collects, or raise it where there is none."""
    refuse([fault])


def refuse(faults: Sequence[RippleError]) -> None:
    """Hand faults of a declaration to the block that collects, each with its line. Outside of one
    they are raised where the declaration stands.

    Raises:
        RippleError: there is no block.
    """
    if faults and _collector.get() is None:
        raise joined(faults)
    where = _where()
    declare(None, [RippleError(f"{where}{fault.message}", hint=fault.hint) for fault in faults])


def _declare(one: Declared, faults: list[RippleError]) -> None:
    """Hand it to the block that collects. Outside of one its faults are raised where it stands."""
    if faults and _collector.get() is None:
        raise joined(faults)
    # Also where it has faults: others may name it as their parent, and that is right.
    with suppress(AttributeError, TypeError):
        setattr(one.function, _MARK, one.spec.name)
    declare(one, ())
    refuse(faults)


def declare(one: Declared | None, faults: Sequence[RippleError]) -> None:
    """Hand a Ripple, and what is wrong with it, to the block that collects, if there is one."""
    if (collector := _collector.get()) is not None:
        collector.declared.extend([] if one is None else [one])
        collector.faults.extend(faults)


def _where() -> str:
    """The line of the declaration: ``src/pond.py:12: `` once the project's folder is taken off."""
    frame = inspect.currentframe()
    while frame is not None and Path(frame.f_code.co_filename).parent == _HERE:
        frame = frame.f_back
    return "" if frame is None else f"{frame.f_code.co_filename}:{frame.f_lineno}: "


def _unknown(called: str, word: str) -> RippleError:
    meant = nearest(word, _WORDS, "did you mean {}? ")
    return RippleError(
        (
            f"Ripple {shown(called)}: unknown argument {shown(word)[1:-1]}=; {meant}allowed: "
            f"{', '.join(_WORDS)}."
        ),
        hint="Correct the @ripple line.",
    )


def _called(function: object, name: object) -> str:
    if not inspect.isroutine(function):
        raise RippleError(
            f"@ripple stands above {shown(function)}.",
            hint="Put it above a function: @ripple or @ripple(parents=[...]).",
        )
    called = getattr(function, "__name__", "") if name is None else name
    if not isinstance(called, str) or not POND_NAME.fullmatch(called):
        raise RippleError(
            (
                f"A Ripple cannot be called {shown(called)}; allowed: a lower-case letter, then "
                "lower-case letters, digits and _, at most 48."
            ),
            hint='Rename the function, or write @ripple(name="...").',
        )
    return called


def _parents(called: str, parents: object) -> tuple[str, ...]:
    if isinstance(parents, str) or not isinstance(parents, Sequence):
        raise RippleError(
            (
                f"Ripple {shown(called)}: parents={shown(parents)}; allowed: a list of Ripples "
                "or "
                "names."
            ),
            hint="Write parents=[load].",
        )
    return tuple(dict.fromkeys(_parent(called, parent) for parent in parents))


def _parent(called: str, parent: object) -> str:
    found = parent if isinstance(parent, str) else getattr(parent, _MARK, None)
    if found is None:
        raise RippleError(
            (
                f"Ripple {shown(called)}: its parent "
                f"{shown(getattr(parent, '__name__', parent))} "
                "is not a Ripple."
            ),
            hint="Put @ripple above that function, or take it out of parents=.",
        )
    return str(found)


def _flag(called: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise RippleError(
        f"Ripple {shown(called)}: always_run={shown(value)}; allowed: True or False.",
        hint="Write always_run=True.",
    )


def check_timeout(called: str, text: object) -> int | None:
    """A Ripple's ``timeout`` in seconds; None: it has none.

    Raises:
        RippleError: it is not a duration, or too long.
    """
    if text is None:
        return None
    if (seconds := seconds_of(text)) is None or seconds > LONGEST_TIMEOUT:
        raise RippleError(
            (
                f"Ripple {shown(called)}: timeout={shown(text)}; allowed: a duration over "
                "zero, of "
                "at most 29d."
            ),
            hint=HINT,
        )
    return seconds


def check_memory(called: str, text: object) -> int | None:
    """A Ripple's ``memory`` in MiB; None: it does not say.

    Raises:
        RippleError: it is not a size.
    """
    if text is None:
        return None
    if isinstance(text, str) and (found := mebibytes(text)):
        return found
    raise RippleError(
        f"Ripple {shown(called)}: memory={shown(text)}; allowed: 128MB to 120GB.",
        hint='Write it as "512MB" or "4GB".',
    )


def check_uses(called: str, given: object) -> tuple[str, ...]:
    """The limits that a Ripple uses, in the order in which it asks them.

    Raises:
        RippleError: no limit can be called so, or there are too many.
    """
    names = [given] if isinstance(given, str) else given
    if are_limits(names):
        return in_order(names)
    raise RippleError(
        f"Ripple {shown(called)}: uses={shown(given)}; allowed: {USES_ALLOWED}.", hint=USES_HINT
    )


def _check_on_kill(called: str, function: object) -> None:
    if not callable(function) or not hasattr(function, "__name__"):
        raise RippleError(
            f"Ripple {shown(called)}: on_kill={shown(function)}; allowed: a function.",
            hint="Write @ripple(on_kill=cancel).",
        )
    check_function(f"Ripple {shown(f'{called}, on_kill={function.__name__}')}", function)


def check_function(what: str, function: Callable[..., Any]) -> None:
    """Refuse a function that cannot be called with the Pond or with nothing.

    Raises:
        RippleError: it cannot; ``what`` says whose it is.
    """
    if (
        inspect.iscoroutinefunction(function)
        or inspect.isgeneratorfunction(function)
        or inspect.isasyncgenfunction(function)
    ):
        raise RippleError(
            f"{what} is async or a generator.",
            hint="Write a plain function; use asyncio.run inside it.",
        )
    parameters = inspect.signature(function).parameters.values()
    wanted = [
        p
        for p in parameters
        if p.default is p.empty and p.kind not in {p.VAR_POSITIONAL, p.VAR_KEYWORD}
    ]
    by_name = [p.name for p in wanted if p.kind is p.KEYWORD_ONLY]
    if len(wanted) > 1 or by_name:
        found = (
            f"takes {', '.join(by_name)} by name alone"
            if by_name
            else f"takes {len(wanted)} arguments ({_names(wanted)})"
        )
        raise RippleError(
            f"{what} {found}; allowed: none, or one, the Pond.",
            hint="Write it as def load(pond): ...",
        )


def _names(parameters: Sequence[inspect.Parameter]) -> str:
    return ", ".join(one.name for one in parameters)
