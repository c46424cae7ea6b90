"""The whole state can be read at any moment, service after service.

Emulator: it writes its state when it ends in an orderly way, and never else.
AWS: what was answered is kept.
For us: a hard kill (a laptop's battery, the kernel's memory killer) must not lose a day's work.
``checkpoints.py`` writes the state while something happens, in the emulator's own format, which the
emulator reads when it starts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from duckstring_cli.local.patches.declared import Names

NAMES = Names()

_SERVICES = NAMES.called("app", "_build_persistence_save_dict")
_VERSION = NAMES.called("core.persistence", "_state_format_version", "service")
_TO_JSON = NAMES.called("core.persistence", "_json_default", "obj")
NAMES.mentioned("core.persistence", "load_state", "__ministack_format__")


def saved_states() -> Iterator[tuple[str, str]]:
    """The name of each service that has a state, and the state as the emulator writes it."""
    version_of, default = _VERSION.read(), _TO_JSON.read()
    for service, get_state in _SERVICES.read()().items():
        state = get_state()
        if state is None:
            continue
        wrapped = {"__ministack_format__": version_of(service), "payload": state}
        yield service, json.dumps(wrapped, default=default)
