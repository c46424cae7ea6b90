"""A lake on disk, and what a table was and is, compared value by value."""

from __future__ import annotations

from itertools import count
from pathlib import Path

from duckstring.author.lake import Lake
from tests.unit.worker_kit import Folder


class Disk:
    """A lake whose tables are written one after the other."""

    def __init__(self, root: Path):
        self.root = root
        storage = Folder(root)
        storage.prepare()
        storage.settle(root)
        self.lake = Lake(storage)
        self.con = self.lake.con
        self._keys = count(1)

    def write(self, data, published=None, *, is_measured=False):
        key = f"t/{next(self._keys)}.parquet"
        return self.lake.write("t", data, key=key, published=published, is_measured=is_measured)

    def read(self, version):
        return self.lake.read(("main", "t"), version)

    def fingerprint(self, sql):
        return self.write(sql, is_measured=True).fingerprint

    def files(self):
        return [file for file in self.root.rglob("*") if file.is_file()]

    def types(self, version):
        return [str(dtype) for dtype in self.read(version).types]


def shown(relation):
    """Types, and every value as text: Python has no words for some, and shows others wrong."""
    columns = ", ".join(
        f"#{place}::VARCHAR, #{place} IS NULL" for place in range(1, len(relation.columns) + 1)
    )
    return (
        relation.columns,
        [str(dtype) for dtype in relation.types],
        sorted(map(str, relation.project(columns).fetchall())),
    )
