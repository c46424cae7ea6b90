"""The processes that an attempt has started, and how they are ended: children, their children, and
those that left their group or their parent.

Linux gives an orphan to the nearest ancestor that asked for orphans (``adopt``), so all of them
stay below the fork server. On macOS, which cannot do that, the attempt's process group is ended.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_CHILD_SUBREAPER = 1, 4, 36
_waitid = os.waitid  # taken now: see ``SelfEnded``

_TABLE = Path("/proc")
_OUR_CHILDREN = Path("/proc/thread-self/children")
_PATIENCE = 5.0
_REST = 0.002
_LONGEST_REST = 0.05


@dataclass(frozen=True, slots=True)
class Exit:
    """How a process ended: ``status`` as ``waitpid`` has it, and the most memory that it had, in
    KiB.

    ``left``: programs that it had started ran on.
    """

    status: int
    peak_kib: int
    left: bool = False


def adopt() -> None:
    """From now on orphans among our descendants become our children."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def close_to_others(*, closed: bool = True) -> None:
    """Deny other processes of the same user access to this one's memory and environment, where
    Linux can do that. Its children inherit that; one that runs an author's code opens itself again:
    programs look at their own ``/proc/self``.
    """
    _prctl(_PR_SET_DUMPABLE, 0 if closed else 1)


def end_with_parent(parent: int) -> None:
    """Have this process killed when the thread that forked it ends."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def reap() -> dict[int, Exit]:
    """Children that have ended."""
    ended: dict[int, Exit] = {}
    with suppress(ChildProcessError):
        while True:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
            if not pid:
                break
            ended[pid] = Exit(status, usage.ru_maxrss // (1024 if sys.platform == "darwin" else 1))
    return ended


def end_all(groups: Collection[int], keep: Collection[int] = ()) -> dict[int, Exit]:
    """Kill every descendant and the process ``groups``, and wait until they are gone; how our
    children among them ended.

    The children in ``keep`` and all of their descendants live on.
    """
    for group in groups:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
    ended = reap()
    until, rest = time.monotonic() + _PATIENCE, _REST
    while has_others(keep) and time.monotonic() < until:
        for pid in descendants(os.getpid(), keep):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(rest)
        rest = min(rest * 2, _LONGEST_REST)
        ended |= reap()
    return ended


def has_others(keep: Collection[int]) -> bool:
    """Whether there are children other than those in ``keep``: dead or alive, ours or adopted."""
    children = _children()
    if children is None:  # not known on macOS: any child may be another
        return not keep and has_children()
    return not children <= set(keep)


def _children() -> set[int] | None:
    try:
        return {int(pid) for pid in _OUR_CHILDREN.read_bytes().split()}
    except OSError:  # the kernel was built without it
        parents, here = _parents(), os.getpid()
        return {pid for pid, parent in parents.items() if parent == here} if parents else None


def has_children() -> bool:
    """Whether any child is there, dead or alive."""
    try:
        _waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def descendants(of: int, keep: Collection[int] = ()) -> list[int]:
    """The process ids of the descendants of ``of``, as far as the system lists them, without those
    in ``keep`` and their descendants.
    """
    parents = _parents()
    found, level = [], [of]
    while level:
        level = [pid for pid, parent in parents.items() if parent in level and pid not in keep]
        found += level
    return found


def _parents() -> dict[int, int]:
    parents = {}
    for entry in _TABLE.iterdir() if (_TABLE / "self").exists() else ():
        if entry.name.isdigit():
            with suppress(OSError, ValueError, IndexError):
                # The name in brackets may hold anything.
                parents[int(entry.name)] = int(
                    (entry / "stat").read_bytes().rpartition(b")")[2].split()[1]
                )
    return parents
