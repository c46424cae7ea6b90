"""One Catchment of one commit, measured once for each line on standard input. Run by ``turns.py``,
in a folder of that commit.

The figure is this commit's, the Catchment and ``bench/ground.py`` are that one's: so commits before
a figure existed can be measured.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

FIGURES = ("hop", "fan", "critical", "attempt", "scan")
"""Modules with ``ponds()`` and ``once(ground)``."""


def main() -> None:
    # In the place of this file's folder, whose modules are called as the standard library's are.
    sys.path[0] = str(Path.cwd())
    from bench.ground import ground

    figure = _figure(sys.argv[1])
    with ground() as one:
        one.deploy(figure.ponds())
        for _ in range(2):
            figure.once(one)
        print("ready", flush=True)
        for _ in sys.stdin:
            print(json.dumps(figure.once(one)), flush=True)


def _figure(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(
        f"figure_{name}", Path(__file__).with_name(f"{name}.py")
    )
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main()
