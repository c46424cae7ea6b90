"""The code of functions is kept in the Catchment's folder.

Emulator: it keeps code beside its state, in a folder that it finds out when it is imported.
AWS: code is kept apart from everything else.
For us: each checkpoint is a new folder of state. The code would be missing in the next one.
"""

from __future__ import annotations

from pathlib import Path

from duckstring_cli.local.patches.declared import Names

NAMES = Names()

_FOLDER = NAMES.value("services.lambda_svc", "CODE_BLOB_DIR", "str")


def keep_code_in(folder: Path) -> None:
    """Have code written to, and read from, that folder."""
    _FOLDER.replace(str(folder))
