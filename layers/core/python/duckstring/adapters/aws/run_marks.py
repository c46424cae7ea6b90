"""Runs that ended in a rare way (failed, killed, a removal, a rollback), and runs that somebody
asked for: each has a mark, an item that holds nothing but where the run's row is found.

So these runs are listed without a look at all others, which may be a hundred thousand. A mark lies
in its line's partition, in the order of the runs' numbers, and by the index in a partition for its
kind, in the order in which runs began. The kind is a status, or the digest of a key of who asked:
a key is a text of others, and may have anything in it. A row tells how its run ended, and who asked
for it; a mark that it does not bear out counts for nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from duckstring.adapters.aws.layout import line_partition
from duckstring.model.askers import key_of, keys_of
from duckstring.model.names import Line

if TYPE_CHECKING:
    from duckstring.adapters.aws.layout import Key

MARKED: Collection[str] = ("failed", "killed", "removal", "rollback")
"""The statuses. All others are frequent, or those of runs in flight, which the states know."""
_DIGITS = 20


def kinds_of_asker(by: str) -> list[str]:
    """The kinds of the marks of a run that somebody asked for: one or two."""
    return sorted(map(_kind, keys_of(by)))


def kind_of_wanted(wanted: str) -> str:
    """The kind of the marks under which the runs lie of all who may be meant."""
    return _kind(key_of(wanted))


def _kind(key: str) -> str:
    return f"who-{hashlib.sha256(key.encode()).hexdigest()[:_DIGITS]}"


def mark_sort_key(kind: str, number: int) -> str:
    """``BY#failed#0000000042``."""
    return f"BY#{kind}#{number:010d}"


def mark_key(line: Line, kind: str, number: int) -> Key:
    """Where a run's mark lies."""
    return {"pk": {"S": line_partition(line)}, "sk": {"S": mark_sort_key(kind, number)}}


def number_of(sort_key: str) -> int:
    """The number of the run that a mark belongs to."""
    return int(sort_key.rpartition("#")[2])


def marked_shard(kind: str, shard: str) -> str:
    """The partition of the index that has the marks of a kind: ``RUNS#failed#3``."""
    first, _, number = shard.partition("#")
    return f"{first}#{kind}#{number}"


def mark(kind: str, shard: str, index_key: str) -> Mapping[str, str]:
    """What a mark holds."""
    return {"gsi1pk": marked_shard(kind, shard), "gsi1sk": index_key}


def run_of(index_key: str) -> str:
    """The run, such as ``sales@1/42``, of a key of the index: its start, ``#`` and its name."""
    return index_key.partition("#")[2]


def start_of(index_key: str) -> str:
    """When it began, as text."""
    return index_key.partition("#")[0]
