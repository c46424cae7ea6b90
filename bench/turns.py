"""``python -m bench.turns TREE [figures]``: this commit beside another one, in turns.

Machines that others use become slower and faster by a fifth within minutes. Both Catchments stand
at once, and are measured alternately, in random order: the ratios of pairs say what two runs one
after the other cannot. TREE is another working tree of this repository, with its own ``.venv``.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
from pathlib import Path
from statistics import median

from bench.table import machine
from bench.turn import FIGURES

_HERE = Path(__file__).parents[1]


class Side:
    """One tree's Catchment."""

    def __init__(self, tree: Path, figure: str) -> None:
        command = [str(tree / ".venv/bin/python"), str(_HERE / "bench/turn.py"), figure]
        self._process = subprocess.Popen(
            command, cwd=tree, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdin
        assert self._process.stdout
        self._asks, self._answers = self._process.stdin, self._process.stdout
        if self._answers.readline() != "ready\n":
            raise RuntimeError(f"{tree}: no Catchment; the lines above say why")

    def measure(self) -> dict[str, float]:
        print(file=self._asks, flush=True)
        found: dict[str, float] = json.loads(self._answers.readline())
        return found

    def close(self) -> None:
        self._asks.close()
        self._process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.turns", description=__doc__)
    parser.add_argument("tree", type=Path, metavar="TREE")
    parser.add_argument(
        "figures",
        nargs="*",
        metavar="FIGURE",
        choices=[*FIGURES, []],
        help=f"of {', '.join(FIGURES)}; all if none",
    )
    parser.add_argument("--rounds", type=int, default=12)
    asked = parser.parse_args()
    print(
        "| figure | there | here | median of the ratios |\n| --- | ---: | ---: | ---: |", flush=True
    )
    for figure in asked.figures or FIGURES:
        for name, pairs in _pairs(asked.tree.resolve(), figure, asked.rounds).items():
            there, here = (median(pair[i] for pair in pairs) for i in (0, 1))
            print(
                (
                    f"| {name} | {there:.4f} s | {here:.4f} s | "
                    f"{median(b / a for a, b in pairs):.3f} |"
                ),
                flush=True,
            )
    print(f"\n{asked.rounds} rounds; {machine()}")


def _pairs(tree: Path, figure: str, rounds: int) -> dict[str, list[tuple[float, float]]]:
    sides = [Side(tree, figure), Side(_HERE, figure)]
    pairs: dict[str, list[tuple[float, float]]] = {}
    try:
        for _ in range(rounds):
            found: dict[int, dict[str, float]] = {}
            for i in random.sample((0, 1), 2):
                found[i] = sides[i].measure()
            for name in found[0]:
                pairs.setdefault(name, []).append((found[0][name], found[1][name]))
    finally:
        for side in sides:
            side.close()
    return pairs


if __name__ == "__main__":
    main()
