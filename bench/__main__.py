"""``python -m bench [names]``: every figure, or some."""

from __future__ import annotations

import argparse
import importlib

from bench.ground import ground
from bench.table import Figure, machine, show

NAMES = ("hop", "attempt", "critical", "fan", "wave", "requests", "idle", "scan", "sql")
ALONE = ("import", "codec", "sim", "local", "command", "demo", "waiting", "page", "lake", "history")
MODULES = {"import": "imports"}
"""A module may not be called as the statement is."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        choices=[*NAMES, *ALONE, []],
        help=f"of {', '.join((*NAMES, *ALONE))}; all if none",
    )
    wanted = parser.parse_args().names or [*NAMES, *ALONE]
    figures: list[Figure] = []
    on_ground = [name for name in wanted if name in NAMES]
    if on_ground:
        with ground() as one:
            for name in on_ground:
                print(f"{name} ...", flush=True)
                figures += importlib.import_module(f"bench.{name}").measure(one)
                show(figures)
    for name in (name for name in wanted if name in ALONE):
        print(f"{name} ...", flush=True)
        figures += importlib.import_module(f"bench.{MODULES.get(name, name)}").measure()
    print(machine() + "\n")
    show(figures)


if __name__ == "__main__":
    main()
