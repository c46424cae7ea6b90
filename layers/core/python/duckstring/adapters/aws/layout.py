"""The keys of a line's items. Each writer has partitions of its own, because a role's permissions
are given by partition key.

A worker runs its author's code, which has the worker's permissions. So ``WORK#sales@1`` is the only
partition of a line that workers write. Only the orchestrator uses ``TOKEN#sales@1``, and only it
writes ``JOURNAL#sales@1``. Workers only read ``LINE#sales@1`` (state, manifests, runs) and
``ARRIVED#sales@1``.

Before there were partitions, attempts, memory and tokens lay in ``LINE#`` under the same sort keys.
``former_key`` gives such a key: old items are still read, but the only write there is the end of an
attempt that began there.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from duckstring.model.names import Line

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    Key = dict[str, AttributeValueTypeDef]

ATTEMPT, MEMO, TOKEN = "ATTEMPT#", "MEMO#", "TOKEN#"
_ATTEMPT_KEY = re.compile(r"ATTEMPT#([0-9]{10,15})#([a-z][a-z0-9_]{0,47})#([0-9]{4,9})", re.ASCII)
_MEMO_KEY = re.compile(r"MEMO#([0-9]{10,15})#[a-z][a-z0-9_]{0,47}#[0-9]{1,9}", re.ASCII)


def line_partition(line: Line) -> str:
    """State, manifests and runs: the orchestrator writes them, workers read them."""
    return f"LINE#{line}"


def work_partition(line: Line) -> str:
    """Rows of attempts, and what Ripples remember: workers write them."""
    return f"WORK#{line}"


def token_partition(line: Line) -> str:
    """Task tokens, for the orchestrator only: a token permits an answer for its branch."""
    return f"TOKEN#{line}"


def journal_partition(line: Line) -> str:
    """Chapters of the journal: the orchestrator writes them, people read them."""
    return f"JOURNAL#{line}"


def arrival_partition(line: Line) -> str:
    """The objects that arrived for a line, under their numbers: the orchestrator writes them,
    workers read them.
    """
    return f"ARRIVED#{line}"


def arrival_key(line: Line, number: int) -> Key:
    """Where an object that arrived lies."""
    return _key(arrival_partition(line), arrival_sort_key(number))


def arrival_sort_key(number: int) -> str:
    """In the order of the numbers."""
    return f"OBJECT#{number:012d}"


def seen_key(line: Line, identity: str) -> Key:
    """What says that an arrival has been kept already."""
    return _key(arrival_partition(line), f"SEEN#{identity}")


def attempt_key(line: Line, run: int, ripple: str, attempt: int) -> Key:
    """Where an attempt's row lies."""
    return _key(work_partition(line), f"{ATTEMPT}{run:010d}#{ripple}#{attempt:04d}")


def memo_key(line: Line, run: int, ripple: str, tried: int) -> Key:
    """The key of what one try of a Ripple remembers."""
    return _key(work_partition(line), f"{MEMO}{run:010d}#{ripple}#{tried}")


def token_key(line: Line, run: int, launch: int, ripple: str) -> Key:
    """Where the token of a branch that waits lies."""
    return _key(token_partition(line), f"{TOKEN}{run:010d}#{launch}#{ripple}")


def former_key(line: Line, key: Key) -> Key:
    """Where the same item lay before there were partitions."""
    return _key(line_partition(line), key["sk"]["S"])


def attempts_of(run: int) -> str:
    """What the sort keys of a run's attempts begin with."""
    return f"{ATTEMPT}{run:010d}#"


def parse_attempt_key(sort_key: str) -> tuple[int, str, int] | None:
    """Run, Ripple and attempt; None: the sort key has another form."""
    found = _ATTEMPT_KEY.fullmatch(sort_key)
    return (int(found[1]), found[2], int(found[3])) if found else None


def parse_memo_key(sort_key: str) -> int | None:
    """The run of which a try remembers something; None: the sort key has another form."""
    found = _MEMO_KEY.fullmatch(sort_key)
    return int(found[1]) if found else None


def _key(partition: str, sort_key: str) -> Key:
    return {"pk": {"S": partition}, "sk": {"S": sort_key}}
