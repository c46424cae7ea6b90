"""Copying a Catchment into a backup: the table as of one moment, then every object that it names.

A backup that was interrupted goes on where it was: its cut stays, and objects that are there stay.
Memory holds the lines' states and the names of objects, and never an object.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import islice
from typing import IO

from duckstring import __version__
from duckstring.errors import OperatorError
from duckstring.model.instants import to_text
from duckstring.model.secret_entries import ENV, listed, parse_secret
from duckstring_cli.render import OnStep, Part
from duckstring_cli.secret_store import SecretStore
from duckstring_cli.stores import archive, cut
from duckstring_cli.stores.archive import Json
from duckstring_cli.stores.held import Stores
from duckstring_cli.stores.places import Place, Sum, fetch, scratch, sum_of

_AT_ONCE = 8
_BATCH = 64
_HOLD_SECONDS = 1800
"""The sweep deletes objects at most every six hours, counted from a note in the table."""


def back_up(stores: Stores, place: Place, *, values: bool, on_step: OnStep) -> Json:
    """Make a backup, or finish one.

    Args:
        stores: what to copy.
        place: where to.
        values: also copy the secret's values, not only their names.
        on_step: gets what is done.

    Returns:
        What ``backup.json`` holds.

    Raises:
        OperatorError: there is a whole backup already, an object is gone, or the secret cannot be
            read.
    """
    if archive.read_json(place, archive.BACKUP):
        raise OperatorError(
            f"There is a backup in {place.name} already.", hint="Name another place."
        )
    secret = _secret(secret_text(stores), values=values)
    hold = _Hold(stores)
    hold.renew()
    taken = archive.read_json(place, archive.CUT)
    if taken is None:
        on_step("Copying the table")
        taken = _take_cut(stores, place)
    on_step("Copying the objects")
    rows = _Copying(stores, place, taken, hold, on_step)
    count, summed = archive.write_lines(place, archive.CONTENTS, rows)
    whole = {
        **taken,
        "finished": to_text(datetime.now(UTC)),
        "objects": {"count": count, "bytes": rows.bytes, "sha256": summed.sha256},
        "secret": secret,
    }
    archive.write_json(place, archive.BACKUP, whole)
    return whole


class _Hold:
    """Keeps the sweep from deleting: it takes its turn as if it were the sweep."""

    def __init__(self, stores: Stores) -> None:
        self._stores, self._renewed = stores, float("-inf")

    def renew(self) -> None:
        """Take the turn again, if it was taken long ago."""
        if time.monotonic() - self._renewed < _HOLD_SECONDS:
            return
        self._stores.open("dynamodb").put_item(
            TableName=self._stores.table,
            Item=cut.TIDIED | {"at": {"S": to_text(datetime.now(UTC))}},
        )
        self._renewed = time.monotonic()


def _take_cut(stores: Stores, place: Place) -> Json:
    held = cut.read_states(stores)
    at = to_text(datetime.now(UTC))
    names: dict[str, bool] = {}
    parts = archive.write_parts(place, _noted(cut.items_of(stores, held), names))
    rows = ({"key": key, "needed": needed} for key, needed in sorted(names.items()))
    _, summed = archive.write_lines(place, archive.NAMES, rows)
    taken: Json = {
        "format": archive.FORMAT,
        "id": f"{stores.catchment.name}-{at}",
        "catchment": stores.catchment.name,
        "version": __version__,
        "cut": at,
        "table": stores.table,
        "bucket": stores.bucket,
        "lines": len(held),
        "items": sum(part["items"] for part in parts),
        "parts": parts,
        "names": {"count": len(names), "sha256": summed.sha256},
    }
    archive.write_json(place, archive.CUT, taken)
    return taken


def _noted(items: Iterator[cut.Item], names: dict[str, bool]) -> Iterator[cut.Item]:
    """The items; the objects that they name are noted on the way."""
    for item in items:
        for key, needed in cut.names_in(item):
            names[key] = names.get(key, False) or needed
        yield item


class _Copying:
    """Copies objects while it is iterated over; gives each one's key, size and checksum.

    Raises:
        OperatorError: objects that the table needs are gone.
    """

    def __init__(
        self, stores: Stores, place: Place, taken: Json, hold: _Hold, on_step: OnStep
    ) -> None:
        self._stores, self._place, self._hold, self._on_step = stores, place, hold, on_step
        self._taken, self.bytes = taken, 0

    def __iter__(self) -> Iterator[Json]:
        names = archive.read_lines(self._place, archive.NAMES, self._taken["names"]["sha256"])
        gone, done = [], 0
        with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
            while batch := list(islice(names, _BATCH)):
                self._hold.renew()
                for row, found in zip(batch, pool.map(self._copy, batch), strict=True):
                    done += 1
                    if found is not None:
                        self.bytes += found.bytes
                        yield {"key": row["key"], "bytes": found.bytes, "sha256": found.sha256}
                    elif row["needed"]:
                        gone.append(row["key"])
                self._on_step(Part(f"{done:,} of {self._taken['names']['count']:,} objects"))
        if gone:
            raise OperatorError(
                f"{len(gone)} objects that the table names are gone, among them {gone[0]}.",
                hint="See duckstring doctor. Without versions a deleted object does not come back.",
            )

    def _copy(self, row: Mapping[str, str]) -> Sum | None:
        name = archive.object_name(row["key"])
        if (there := self._place.summed(name)) is not None:
            return there
        with scratch() as path:
            with path.open("wb") as file:
                if not _fetch(self._stores, row["key"], file):
                    return None
            summed = sum_of(path)
            self._place.write(name, path, summed)
        return summed


def _fetch(stores: Stores, key: str, file: IO[bytes]) -> bool:
    """The object, also if it was deleted since."""
    s3 = stores.open("s3")
    if fetch(s3, stores.bucket, key, file):
        return True
    version = last_version(stores, key)
    return bool(version) and fetch(s3, stores.bucket, key, file, version=version)


def last_version(stores: Stores, key: str) -> str:
    """The newest version of a deleted object; empty: there is none."""
    found = stores.open("s3").list_object_versions(Bucket=stores.bucket, Prefix=key, MaxKeys=10)
    return next((one["VersionId"] for one in found.get("Versions", []) if one["Key"] == key), "")


def secret_of(stores: Stores) -> SecretStore | None:
    """The Catchment's secret; None: the stack is older than that output."""
    if not stores.secret:
        return None
    return SecretStore(stores.catchment, stores.secret, stores.open("secretsmanager"))


def secret_text(stores: Stores) -> str:
    """What the secret holds; empty: nobody has put anything into it.

    Raises:
        OperatorError: it may not be read, or is not there.
    """
    held = secret_of(stores)
    return held.read().text if held else ""


def _secret(text: str, *, values: bool) -> Json:
    """Env values may be shown, so they are always copied."""
    found = parse_secret(text)
    copied = {key: value for key, value in found.items() if values or key.startswith(ENV)}
    held = {"names": [one.path for one in listed(text)]}
    return held | ({"values": copied} if values or copied else {})
