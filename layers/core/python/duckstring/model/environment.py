"""A Catchment's environment file: ``KEY=value`` lines that become variables of its Ripples."""

from __future__ import annotations

import re

from duckstring.errors import OperatorError

_KEY = re.compile(r"^[A-Za-z][A-Za-z0-9_]+$")
_TAKEN = frozenset({"PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "HOME", "LANG"})
_ENVIRONMENT_LIMIT = 3_500
"""Lambda allows 4 KB of variables; ours take the rest."""


def parse_environment(text: str, *, where: str) -> dict[str, str]:
    """Read ``KEY=value`` lines: ``#`` comments, an optional ``export``, optional quotes around the
    value.

    Raises:
        OperatorError: a line is none, a name is not allowed, or all is more than a function's
            environment holds.
    """
    found: dict[str, str] = {}
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip().removeprefix("export ").strip()
        if not line or line.startswith("#"):
            continue
        key, equals, value = (part.strip() for part in line.partition("="))
        if not equals or not _KEY.match(key):
            hint = "Write KEY=value; names are letters, digits and _, at least two."
            raise OperatorError(f"{where}:{number}: {key!r} cannot be set.", hint=hint)
        if key in _TAKEN or key.startswith(("AWS_", "LAMBDA_", "DUCKSTRING_")):
            raise OperatorError(
                f"{where}:{number}: {key} belongs to Lambda or Duckstring.",
                hint=(
                    f"Choose another name: taken are {', '.join(sorted(_TAKEN))} and what begins "
                    "with AWS_, LAMBDA_ or DUCKSTRING_."
                ),
            )
        found[key] = _unquoted(value)
    size = sum(len(key.encode()) + len(value.encode()) for key, value in found.items())
    if size > _ENVIRONMENT_LIMIT:
        raise OperatorError(
            (
                f"{where}: {size} bytes of variables; a function's environment holds "
                f"{_ENVIRONMENT_LIMIT}."
            ),
            hint="Move long values to secrets: duckstring secret set NAME --all-ponds",
        )
    return found


def _unquoted(value: str) -> str:
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    return value[1:-1] if quoted else value
