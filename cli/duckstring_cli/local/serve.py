"""Starts the server in the emulator's interpreter, which has the emulator's packages and does not
know ours.

Only the standard library and the files beside this one are imported from here: nothing of the
user's environment may leak in.

``serve.py --check`` starts nothing, and says whether the emulator of this interpreter has all that
the patches use.
"""

from __future__ import annotations

import importlib
import sys
import types
from pathlib import Path


def server() -> types.ModuleType:
    """``server.py``, after the files beside this one have been given their names."""
    here = Path(__file__).resolve().parent
    for name, folder in (("duckstring_cli", here.parent), ("duckstring_cli.local", here)):
        package = types.ModuleType(name)
        package.__path__ = [str(folder)]
        sys.modules[name] = package
    return importlib.import_module("duckstring_cli.local.server")


if __name__ == "__main__":
    program = server()
    if sys.argv[1:] == ["--check"]:
        sys.exit(program.check.main())
    program.main()
