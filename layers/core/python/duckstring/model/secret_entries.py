"""The Catchment's secret: one JSON object, with the entries of all Ponds and of single ones.

``{"TOKEN": "...", "@sales": {"PASSWORD": "..."}}``: every Pond has ``TOKEN``, only ``sales`` has
``PASSWORD``. A Pond's own entry counts where both have one of its name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from duckstring.errors import OperatorError

POND = "@"
"""What the name of a Pond's own entries begins with. No variable's name can."""

_HINT = "See its form in docs/aws.md, and set entries by: duckstring secret set NAME --pond POND"


def parse_secret(text: str) -> dict[str, Any]:
    """The object in a secret; empty: nothing was ever put into it.

    Raises:
        OperatorError: it has another form.
    """
    try:
        found = json.loads(text) if text.strip() else {}
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise OperatorError("The Catchment's secret is not a JSON object.", hint=_HINT)
    for name, value in found.items():
        if name.startswith(POND) and not isinstance(value, dict):
            raise OperatorError(
                f"The Catchment's secret has {name} that is not a JSON object.", hint=_HINT
            )
    return found


def granted(text: str, pond: str) -> dict[str, str]:
    """The entries that a Pond sees. What is not text is given as JSON.

    Raises:
        OperatorError: the secret has another form.
    """
    found = parse_secret(text)
    everybody = {name: value for name, value in found.items() if not name.startswith(POND)}
    return _texts({**everybody, **found.get(POND + pond, {})})


def _texts(entries: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in entries.items()
    }
