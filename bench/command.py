"""The command as its user waits for it: help, status, a deploy, the first start of a Catchment.

Each command line is a process of its own. Beside the wall time stands the processor time, which
other programs of the machine disturb less. ``python -m bench.command TREE`` measures the command of
another working tree in turns with this one.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.ground import PondText
from bench.table import Figure, machine

_HERE = Path(__file__).parents[1]
_ROUNDS, _STARTS = 15, 3
QUICK = {
    "`duckstring --help`": ("--help",),
    "`duckstring trigger pulse --help`": ("trigger", "pulse", "--help"),
    "`duckstring status --once`": ("status", "--once"),
}
_PONDS = (
    PondText("orders", kind="inlet"),
    PondText("refunds", kind="inlet"),
    PondText("daily", ("orders", "refunds")),
    PondText("report", ("daily",), kind="outlet"),
)


@dataclass(frozen=True)
class Taken:
    """Seconds of one command line."""

    wall: float
    processor: float


@dataclass(frozen=True)
class Side:
    """The command of one working tree, with a home of its own."""

    tree: Path
    home: Path

    def run(self, *words: str) -> Taken:
        # A tree without an environment of its own (another branch's) is found by its path.
        path = os.pathsep.join(str(self.tree / part) for part in ("layers/core/python", "cli"))
        python = self.tree / ".venv/bin/python"
        env = {
            **os.environ,
            "PYTHONPATH": path,
            "DUCKSTRING_HOME": str(self.home),
            "DUCKSTRING_TOOLS": os.environ.get("DUCKSTRING_TOOLS")
            or str(Path.home() / ".duckstring" / "tools"),
        }
        before, began = _processor(), time.monotonic()
        done = subprocess.run(
            [str(python), "-m", "duckstring_cli.main", *words],
            env=env,
            cwd=self.home,
            capture_output=True,
            text=True,
            check=False,
        )
        taken = Taken(time.monotonic() - began, _processor() - before)
        if done.returncode:
            raise RuntimeError(f"{' '.join(words)}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        return taken

    def deploy(self, version: int) -> Taken:
        """Four Ponds in a version that nobody has deployed."""
        folder = self.home / f"ponds-{version}"
        for pond in _PONDS:
            pond.write(folder)
            manifest = folder / pond.name / "pond.toml"
            manifest.write_text(manifest.read_text().replace("1.0.0", f"1.{version}.0", 1))
        return self.run("deploy", str(folder), "--all")


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@contextmanager
def sides(trees: Sequence[Path]) -> Iterator[list[Side]]:
    """A home with a running Catchment for each tree."""
    folder = Path(tempfile.mkdtemp(prefix="duckstring-bench-command-"))
    made = [Side(tree, folder / str(place)) for place, tree in enumerate(trees)]
    try:
        for side in made:
            side.home.mkdir()
            side.run("catchment", "init", "--name", "bench")
            side.run("catchment", "start", "bench")
        yield made
    finally:
        for side in made:
            side.run("catchment", "stop", "bench")
        shutil.rmtree(folder, ignore_errors=True)


def in_turns(made: Sequence[Side], rounds: int) -> Mapping[str, list[list[Taken]]]:
    """What each side took, round by round, in random order within a round."""
    taken: dict[str, list[list[Taken]]] = {}
    for version in range(rounds):
        for side in random.sample(made, len(made)):
            place = made.index(side)
            found = {name: side.run(*words) for name, words in QUICK.items()}
            found["`duckstring deploy` of four Ponds"] = side.deploy(version)
            for name, one in found.items():
                taken.setdefault(name, [[] for _ in made])[place].append(one)
    return taken


def first_start(side: Side, number: int) -> Taken:
    """The first start of a Catchment, on tools that are installed."""
    name = f"first{number}"
    side.run("catchment", "init", "--name", name)
    try:
        return side.run("catchment", "start", name)
    finally:
        side.run("catchment", "stop", name)


def measure(_: object = None) -> list[Figure]:
    figures = []
    with sides([_HERE]) as made:
        found = dict(in_turns(made, _ROUNDS))
        starts = [first_start(made[0], number) for number in range(_STARTS)]
        found["`duckstring catchment start`, the first of a Catchment"] = [starts]
    for name, (taken,) in found.items():
        figures.append(Figure(name, median(one.wall for one in taken), "s"))
        figures.append(Figure("  processor", median(one.processor for one in taken), "s"))
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.command", description=__doc__)
    parser.add_argument("tree", type=Path, metavar="TREE")
    parser.add_argument("--rounds", type=int, default=_ROUNDS)
    parser.add_argument("--starts", type=int, default=_STARTS)
    asked = parser.parse_args()
    with sides([asked.tree.resolve(), _HERE]) as made:
        found = dict(in_turns(made, asked.rounds))
        starts = [[first_start(side, n) for side in made] for n in range(asked.starts)]
        if starts:
            found["first start"] = [list(each) for each in zip(*starts, strict=True)]
    print("| command | there | here | ratio | processor there | here | ratio |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, (there, here) in found.items():
        cells = [name]
        for kind in ("wall", "processor"):
            a, b = ([getattr(one, kind) for one in side] for side in (there, here))
            ratio = median(y / x for x, y in zip(a, b, strict=True))
            cells += [f"{median(a):.2f} s", f"{median(b):.2f} s", f"{ratio:.2f}"]
        print("| " + " | ".join(cells) + " |")
    print(f"\n{asked.rounds} rounds; {machine()}", file=sys.stdout)


if __name__ == "__main__":
    main()
