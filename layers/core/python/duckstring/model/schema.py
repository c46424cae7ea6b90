"""The schema version: which stored items and letters a release can read.

It is raised with a release that stores or sends what the release before would misread: a new or
changed field, signal or effect. A reader that is older than what it reads refuses. The letters that
it was given are delivered again, and nothing is written, until the newer release is there.
"""

from __future__ import annotations

from collections.abc import Mapping

from duckstring.errors import OperatorError, TransientError

SCHEMA = 6
"""What this release writes, and the newest that it reads.

1: a Source's report lay flat in its holder. 2: it is one value, and a state's text says ``form``.
3: items say ``schema``. Items without it are of 1 or 2 (``adapters/aws/older.py``). 4: a table may
have parts, a Ripple positions, a snapshot warnings of checks. 5: a Window may be a calendar rule.
6: a line may have a declared bound of staleness, be held, and counts
the objects that arrive; a Ripple may use limits, and say how long it waits before it is tried
again, and after which errors.
"""

CALENDAR_SCHEMA = 5
"""What the reader of a calendar rule must know. An older one would take it for a plain rule."""

LIMIT_SCHEMA = 6
"""What the reader of a release with ``uses`` must know. An older one would ignore the limits."""


RETRY_SCHEMA = 6
"""What the reader of a release must know whose Ripples say how they are tried again. An older one
would forget it.
"""

KIND_SCHEMAS: Mapping[str, int] = {
    "republished": 4,
    "stale_bound_set": 6,
    "hold_set": 6,
    "tokens_claimed": 6,
    "tokens_granted": 6,
    "claims_asked": 6,
    "priority_set": 6,
    "limit_set": 6,
    "limit_removed": 6,
    "object_arrived": 6,
}
"""The kinds of letters that readers of the schema before misread, and the schema that a reader
must know.

Other letters carry no number, so that releases understand each other during an upgrade. The code of
workers may be of a newer release than the orchestrator for a minute: what they send
(``ripple_succeeded``) is changed in a release after the one that can read it.
"""


CHANGES = frozenset(
    {
        "deploy",
        "trigger",
        "control",
        "failure-budget",
        "compute",
        "window",
        "arrival",
        "remove",
        "publish",
        "stale",
        "priority",
        "limit",
        "batch",
        "tag",
        "maintenance",
    }
)
"""The api's operations that change something. A command says which schema it knows, and an older
one may only read.
"""

UPGRADE_COMMAND = "Upgrade the command: pip install --upgrade duckstring-aws"


class NewerSchemaError(TransientError):
    """Something was written by a newer release. The same call works after the upgrade."""

    def __init__(self, found: int, what: str, *, reader: str = "this function") -> None:
        """Name ``what`` has the schema ``found``, and who (``reader``) cannot read it."""
        super().__init__(
            f"This Catchment was upgraded to schema {found} ({what}); {reader} knows {SCHEMA}, "
            "and leaves it as it is.",
            hint="Deploy the newer release again: docs/aws.md, Upgrading.",
        )


class OlderCommandError(OperatorError):
    """The command is of an older release than the Catchment, and wants to change something."""

    def __init__(self, known: int) -> None:
        """The command knows the schema ``known``."""
        super().__init__(
            f"This Catchment was upgraded to schema {SCHEMA}; this command knows {known}, and may "
            "only look.",
            hint=UPGRADE_COMMAND,
        )


def check_command(operation: str, known: object) -> None:
    """Refuse a change by an older command. A command that does not say what it ``knows`` is let in.

    Raises:
        OlderCommandError: it knows an older schema only.
    """
    if operation in CHANGES and isinstance(known, int) and known < SCHEMA:
        raise OlderCommandError(known)


def check_schema(found: int, what: str) -> None:
    """Refuse what a newer release wrote.

    Raises:
        NewerSchemaError: ``what`` has a newer schema than this release knows.
    """
    if found > SCHEMA:
        raise NewerSchemaError(found, what)
