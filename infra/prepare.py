"""Builds the layers that Catchments on this machine share, before there is one:
``python -m infra.prepare FOLDER VERSION``.

They are those that a Catchment without requirements of its own has. Its first start finds them.
"""

from __future__ import annotations

import sys
from pathlib import Path

from duckstring.errors import OperatorError
from infra.code import Code
from infra.config import Config


def main() -> int:
    """Build what is missing."""
    _, folder, python = sys.argv
    try:
        Code.build(Config(build=Path(folder), python=python, platform="host"))
    except OperatorError as error:
        sys.stderr.write(f"{error.message} {error.hint}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
