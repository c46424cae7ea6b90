"""Ctrl-C, from the start of a process to its end: it ends without a traceback, and the terminal is
restored.
"""

from __future__ import annotations

import os
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

INTERRUPTED = 130
_PATIENCE = 2.0
"""Seconds in which a further Ctrl-C is a finger that slipped: the first one is being obeyed."""
_LOCAL_MODES = 3
"""Of what ``tcgetattr`` gives."""
_SHOW_CURSOR = b"\x1b[?25h"


class _Watch:
    """What has been seen of Ctrl-C in this process. Only ``main`` arms it: who calls a command
    as a function keeps its own handler.
    """

    def __init__(self) -> None:
        self.works = False
        self.seen_at: float | None = None
        self.echoed = False
        self.keys: list[Any] | None = None


_watch = _Watch()


def arm() -> None:
    """From now on Ctrl-C ends the process at once and silently: it has not begun to work."""
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        return  # in the background of a script it is ignored, and stays so
    signal.signal(signal.SIGINT, _on_interrupt)
    sys.unraisablehook = _unraisable
    import termios

    try:
        _watch.keys = termios.tcgetattr(0)
    except (termios.error, OSError):  # no terminal
        return


def working(*, now: bool) -> None:
    """Within work Ctrl-C raises KeyboardInterrupt, once. Before and after it there is nothing to
    break off.
    """
    _watch.works = now


def seen() -> bool:
    """Whether Ctrl-C has come, whatever has become of the exception since."""
    return _watch.seen_at is not None


def obeyed() -> None:
    """Work has been broken off, and other work begins: the next Ctrl-C is a new one."""
    _watch.seen_at = None


def is_echoed() -> bool:
    """Whether the terminal shows ``^C``, in a line that has begun."""
    return _watch.echoed


def restore_terminal() -> None:
    """The cursor is shown and typing echoed again, where an interrupt came before a view could
    see to it.
    """
    for terminal in filter(os.isatty, (1, 2)):
        os.write(terminal, _SHOW_CURSOR)
    if _watch.keys:
        import termios

        termios.tcsetattr(0, termios.TCSANOW, _watch.keys)


def _on_interrupt(_number: int, _frame: FrameType | None) -> None:
    import time

    if _watch.seen_at is None and not _watch.works:
        os._exit(INTERRUPTED)
    if _watch.seen_at is None:
        _watch.seen_at, _watch.echoed = time.monotonic(), _echoes()
        raise KeyboardInterrupt
    if time.monotonic() - _watch.seen_at > _PATIENCE:
        try:
            restore_terminal()
        finally:
            os._exit(INTERRUPTED)


def _echoes() -> bool:
    import termios

    try:
        return os.isatty(2) and bool(termios.tcgetattr(0)[_LOCAL_MODES] & termios.ECHO)
    except (termios.error, OSError):  # no keyboard
        return False


def _unraisable(arguments: sys.UnraisableHookArgs) -> None:
    """An interrupt that came where nothing can be raised (a destructor) comes again a moment
    later.
    """
    if isinstance(arguments.exc_value, KeyboardInterrupt) and seen():
        _watch.seen_at = None
        signal.raise_signal(signal.SIGINT)
        return
    sys.__unraisablehook__(arguments)
