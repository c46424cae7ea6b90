"""Runs that ended in a rare way (failed, killed, a removal, a rollback): each has a mark, an item
that holds nothing but where the run's row is found.

So these runs are listed without a look at those that went well, which may be a hundred thousand. A
mark lies in its line's partition, in the order of the runs' numbers, and by the index in a
partition for its status, in the order in which runs began. A row tells how its run ended; a mark
that it does not bear out counts for nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from duckstring.adapters.aws.layout import line_partition
from duckstring.model.names import Line

if TYPE_CHECKING:
    from duckstring.adapters.aws.layout import Key

MARKED: Collection[str] = ("failed", "killed", "removal", "rollback")
"""The statuses. All others are frequent, or those of runs in flight, which the states know."""


def mark_sort_key(status: str, number: int) -> str:
    """``BY#failed#0000000042``."""
    return f"BY#{status}#{number:010d}"


def mark_key(line: Line, status: str, number: int) -> Key:
    """Where a run's mark lies."""
    return {"pk": {"S": line_partition(line)}, "sk": {"S": mark_sort_key(status, number)}}


def number_of(sort_key: str) -> int:
    """The number of the run that a mark belongs to."""
    return int(sort_key.rpartition("#")[2])


def marked_shard(status: str, shard: str) -> str:
    """The partition of the index that has the marks of a status: ``RUNS#failed#3``."""
    first, _, number = shard.partition("#")
    return f"{first}#{status}#{number}"


def mark(status: str, shard: str, index_key: str) -> Mapping[str, str]:
    """What a mark holds."""
    return {"gsi1pk": marked_shard(status, shard), "gsi1sk": index_key}


def run_of(index_key: str) -> str:
    """The run, such as ``sales@1/42``, of a key of the index: its start, ``#`` and its name."""
    return index_key.partition("#")[2]


def start_of(index_key: str) -> str:
    """When it began, as text."""
    return index_key.partition("#")[0]
