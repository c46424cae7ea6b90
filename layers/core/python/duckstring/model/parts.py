"""Tables that are a list of parts: what is folded, and what is news for a reader.

The list is in the order of writing. A table has at most ``MOST_LIVE`` parts that its rows lie in.
The write that would add one more folds some of them into one. The folded ones stay in the list for
a while, as news for readers that have not taken them. Before all of these there may be others that
another engine has written (``is_adopted``). They are never folded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from duckstring.model.catalog import Part, Position, TableVersion
from duckstring.model.names import file_of_key, parse_table_key, table_of_key
from duckstring.model.values import replace

MOST_LIVE = 8
"""Each part costs its readers a HEAD and a GET."""
MOST_NEWS = 8
"""Folded parts that are kept as news."""
MOST_PARTS = MOST_LIVE + MOST_NEWS
MOST_PARTED = 100
"""Tables of a Pond that have parts: they lie in an item of at most 400 KB."""
MOST_ADOPTED = 100
"""Parts of a table that another engine has written, besides the others."""
MOST_ADOPTED_OF_POND = 400
"""They have long names, and lie in that item too."""
MOST_KEY_COLUMNS = 16
MOST_POSITIONS = 100
"""Of a Ripple."""

MOST_NAME = 1_024
"""Characters of a column's name in a key."""

_TOTAL = re.compile(r"\d{1,39}", re.ASCII)
"""A sum of 64 bits for each of at most 2**50 rows."""
_LARGE = 2
"""A part stays as it is if it is so many times larger than all parts after it. So a large base is
folded rarely, and each row is written again only a few times.
"""


def first_to_fold(live: Sequence[Part]) -> int | None:
    """Where the parts begin that are folded before another one is added. None: there is room.

    What another engine has written stays as it is: it may be more than one machine can write.
    """
    adopted = sum(part.is_adopted for part in live)
    if len(live) - adopted < MOST_LIVE:
        return None
    for number, part in enumerate(live[adopted:-2], adopted):
        if part.bytes < _LARGE * sum(later.bytes for later in live[number + 1 :]):
            return number
    return len(live) - 2


def folded(contents: Sequence[Part], into: Part) -> tuple[Part, ...]:
    """The list after the live parts from ``first_to_fold`` on were folded ``into`` one."""
    live = [part for part in contents if part.is_live]
    number = first_to_fold(live)
    gone = set() if number is None else {part.file for part in live[number:]}
    kept = [
        replace(part, use="news") if part.file in gone else part
        for part in contents
        if part.is_news or part.file not in gone
    ]
    return _without_old_news((*kept, into))


def _without_old_news(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """Without the oldest news, where there is too much of it. A reader of what lies before that can
    no longer find all news: it is no place to go on from.
    """
    places = [place for place, part in enumerate(parts) if not part.is_live]
    old = places[:-MOST_NEWS]
    if not old:
        return parts
    before = (replace(part, use="base") for part in parts[: old[-1]] if part.is_live)
    return (*before, *parts[old[-1] + 1 :])


def news_after(version: TableVersion, position: Position | None) -> tuple[Part, ...] | None:
    """The parts that a reader at ``position`` has not taken. None: its position is not known here,
    so what is new to it is not known either.
    """
    if position is None or table_of_key(position.key) != table_of_key(version.key):
        return None
    contents = version.contents
    files = [part.file if part.use != "base" else "" for part in contents]
    file = file_of_key(position.key)
    if file not in files:
        return None
    return tuple(part for part in contents[files.index(file) + 1 :] if part.is_news)


def position_of(version: TableVersion) -> Position:
    """Where a reader is that has taken all of a version."""
    return Position(version.key, whole=not version.parts)


def part_faults(version: TableVersion) -> Iterator[str]:
    """What cannot be true of a version that somebody else has written."""
    if version.total and not _TOTAL.fullmatch(version.total):
        yield f"total is {version.total[:60]!a}"
    key = version.merge_key
    if len(key) > MOST_KEY_COLUMNS or len(set(key)) < len(key):
        yield f"a key of {len(key)} columns"
    if not all(0 < len(name) <= MOST_NAME for name in key):
        yield "a key column has no name, or a very long one"
    if version.parts:
        yield from _faults_of_parts(version)


def _faults_of_parts(version: TableVersion) -> Iterator[str]:
    files, live = [part.file for part in version.parts], version.live
    adopted = sum(part.is_adopted for part in version.parts)
    if len(files) == 1 or len(files) - adopted > MOST_PARTS or len(live) - adopted > MOST_LIVE:
        yield f"{len(files)} parts"
    yield from _faults_of_adopted(version.parts[:adopted], version.parts[adopted:])
    if len(set(files)) < len(files) or files[-1] != file_of_key(version.key):
        yield "its last part is another object than its key, or a part is there twice"
    if any(parse_table_key(version.key_of(part)) is None for part in version.parts):
        yield "a part lies under a key that no attempt has"
    if not live or live[0].kind != "rows":
        yield "changes of nothing"
    if not version.merge_key and any(part.kind == "changes" for part in version.parts):
        yield "changes without a key"


def _faults_of_adopted(first: Sequence[Part], rest: Sequence[Part]) -> Iterator[str]:
    """Adopted parts are the beginning of a table: rows, and no news."""
    if len(first) > MOST_ADOPTED:
        yield f"{len(first)} adopted parts"
    if any(part.is_adopted for part in rest) or not rest:
        yield "an adopted part lies behind others"
    if any((part.kind, part.use) != ("rows", "base") for part in first):
        yield "an adopted part is no base"
