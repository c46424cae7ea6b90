"""Starts the server in the emulator's interpreter, which has the emulator's packages and does not know ours.

Only the standard library and the files beside this one are imported from here: nothing of the user's environment may leak in.
"""

from __future__ import annotations

import importlib
import sys
import types
from pathlib import Path


def main() -> None:
    """Give the files beside this one their names, and serve."""
    here = Path(__file__).resolve().parent
    for name, folder in (("duckstring_cli", here.parent), ("duckstring_cli.local", here)):
        package = types.ModuleType(name)
        package.__path__ = [str(folder)]
        sys.modules[name] = package
    importlib.import_module("duckstring_cli.local.server").main()


if __name__ == "__main__":
    main()
