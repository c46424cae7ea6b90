"""Objects that arrive, on the author's machine: files in ``puddles/arrivals``, or that a test
names.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from duckstring.model.arrivals import ArrivedObject, KeptArrival
from duckstring.model.instants import Instant
from duckstring.model.names import Line
from duckstring.puddles.inputs import write_whole
from duckstring.puddles.project import LocalPond

_FOLDER = "arrivals"
_FILE = ".arrivals.json"
_decoder = msgspec.json.Decoder(list[KeptArrival])


class LocalBacklog:
    """``ports.Backlog`` over files, numbered in the order in which they were found."""

    def __init__(self, kept: Sequence[KeptArrival] = ()) -> None:
        """``kept``: what earlier runs have found."""
        self._kept = list(kept)

    @property
    def newest(self) -> int:
        """The number of the newest."""
        return len(self._kept)

    @property
    def kept(self) -> Sequence[KeptArrival]:
        """All that arrived."""
        return tuple(self._kept)

    def arrive(self, files: Iterable[Path], now: Instant) -> None:
        """Add files. A file that has arrived before and was not written since is no news.

        Raises:
            FileNotFoundError: there is no such file.
        """
        known = {one.found.identity for one in self._kept}
        for file in files:
            found = _found(file.resolve(strict=True))
            if found.identity not in known:
                known.add(found.identity)
                self._kept.append(KeptArrival(self.newest + 1, found, now))

    def page(self, line: Line, *, after: int, upto: int, most: int) -> Sequence[KeptArrival]:
        """The first that are still there, behind ``after`` and up to ``upto``."""
        del line
        there = (one for one in self._kept[after:upto] if Path(one.found.key).is_file())
        return [one for one, _ in zip(there, range(most), strict=False)]


def read_backlog(pond: LocalPond, now: Instant, *, fresh: bool) -> LocalBacklog:
    """What lies in ``puddles/arrivals``, in the order of its names, behind what earlier runs have
    found. ``fresh``: without them.
    """
    path = pond.outputs / _FILE
    kept = _decoder.decode(path.read_bytes()) if path.is_file() and not fresh else []
    backlog = LocalBacklog(kept)
    folder = pond.folder / _FOLDER
    found = (one for one in folder.rglob("*") if one.is_file() and not one.name.startswith("."))
    backlog.arrive(sorted(found), now)
    return backlog


def write_backlog(pond: LocalPond, backlog: LocalBacklog) -> None:
    """Keep it for the runs to come."""
    if backlog.newest:
        write_whole(pond.outputs / _FILE, msgspec.json.encode(backlog.kept))


def _found(file: Path) -> ArrivedObject:
    stat = file.stat()
    return ArrivedObject("", str(file), stat.st_size, sequencer=str(stat.st_mtime_ns))
