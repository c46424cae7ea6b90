"""Reports what an author's code does that may end its own process: signals that it sends, and
programs that it starts.

After a process was killed, nobody can see who did it. So the process reports beforehand what it is
about to do.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from duckstring.worker.descendants import has_children

ANY_SIGNAL = -1
"""What a process says that may be about to send itself a signal, nobody knows which."""

_DEADLY = frozenset(
    {
        "os.kill",
        "os.killpg",
        "signal.pthread_kill",
        "resource.setrlimit",
        "resource.prlimit",
        "ctypes.dlsym",
        "ctypes.dlsym/handle",
    }
)
"""Audit events of what may end a process."""
_DEADLY_IN_C = frozenset({"kill", "killpg", "raise", "tgkill", "tkill", "pthread_kill", "sigqueue"})
"""Functions of C. Which signal they are given, nobody says."""
_STARTS = frozenset(
    {"subprocess.Popen", "os.system", "os.posix_spawn", "os.fork", "os.forkpty", "pty.spawn"}
)
"""Audit events of what starts a program."""
_WAITS = ("wait", "waitpid", "wait3", "wait4", "waitid", "system")
"""Functions of ``os`` that wait for a program."""

_pidfd_send_signal: Any = getattr(signal, "pidfd_send_signal", None)  # Linux has it

_Given = ParamSpec("_Given")
_Found = TypeVar("_Found")

Announce = Callable[[Mapping[str, object]], None]


class SelfEnded:
    """Sends ``{"killing": number}`` before a signal is sent to this process or to its parent, and
    ``{"running": whether}`` when a program is started, and when none is left.

    A program may kill this process and end before anybody looks. It counts as running until this
    process has waited for it: a killed process never reports that it has.
    """

    def __init__(self, say: Announce) -> None:
        self._say = say
        self._running = False
        self._pid, above = os.getpid(), os.getppid()
        self._own = {self._pid, -self._pid, above, -above, 0, -1}

    def prepare(self) -> None:
        """Replace the functions that Python does not audit, or whose end it does not."""
        signal.raise_signal = self._raise_signal
        if _pidfd_send_signal is not None:
            signal.pidfd_send_signal = self._send_signal
        for name in _WAITS:
            if hasattr(os, name):
                setattr(os, name, self._waiting(getattr(os, name)))
        subprocess.Popen.poll = self._waiting(subprocess.Popen.poll)  # type: ignore[method-assign]  # it keeps a ``waitpid`` of its own

    def on_audit(self, event: str, given: tuple[object, ...]) -> None:
        """If author code kills its own process, or the parent, the failure is the author's."""
        if event in _STARTS and not self._running and os.getpid() == self._pid:
            self._running = True
            self._say({"running": True})
        if event not in _DEADLY or os.getpid() != self._pid:
            return
        match event, given:
            case ("resource.setrlimit", (limit, *_)):
                self._announce(signal.SIGKILL if limit == resource.RLIMIT_CPU else 0)
            case ("resource.prlimit", (whom, limit, *_)):
                self._announce(
                    signal.SIGKILL if limit == resource.RLIMIT_CPU and whom in self._own else 0
                )
            case ("ctypes.dlsym" | "ctypes.dlsym/handle", (_, name)):
                self._announce(ANY_SIGNAL if name in _DEADLY_IN_C else 0)
            case (_, (whom, number, *_)) if event == "signal.pthread_kill" or whom in self._own:
                self._announce(int(str(number)))

    def _waiting(self, wait: Callable[_Given, _Found]) -> Callable[_Given, _Found]:
        @wraps(wait)
        def waited(*given: _Given.args, **named: _Given.kwargs) -> _Found:
            try:
                return wait(*given, **named)
            finally:
                self._look()

        return waited

    def _look(self) -> None:
        if self._running and os.getpid() == self._pid and not has_children():
            self._running = False
            self._say({"running": False})

    def _raise_signal(self, number: int) -> None:
        """``signal.raise_signal``, which Python does not audit."""
        os.kill(os.getpid(), number)

    def _send_signal(
        self, descriptor: int, number: int, siginfo: None = None, flags: int = 0
    ) -> None:
        """``signal.pidfd_send_signal``, which it does not audit either."""
        with suppress(OSError, ValueError):  # it is not a process: Python raises an error
            words = Path(f"/proc/self/fdinfo/{descriptor}").read_text(encoding="ascii").split()
            if int(words[words.index("Pid:") + 1]) in self._own:
                self._announce(number)
        _pidfd_send_signal(descriptor, number, siginfo, flags)

    def _announce(self, number: int) -> None:
        if number:
            self._say({"killing": number})
