"""Iceberg tables in Glue: ``exporter.iceberg_ports.Warehouse``, by pyiceberg.

pyiceberg writes all of Iceberg's metadata and commits it. A table's files are added as they lie:
their numbers of rows and bytes are known, and what their ends say of columns (``iceberg_bounds``).
So no file is read here.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from pyiceberg.catalog.glue import GlueCatalog
from pyiceberg.exceptions import (
    CommitFailedException,
    NoSuchIcebergTableError,
    NoSuchPropertyException,
    NoSuchTableError,
    TableAlreadyExistsError,
    ValidationError,
)
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat, ManifestFile
from pyiceberg.table import TableProperties
from pyiceberg.table.snapshots import Operation
from pyiceberg.table.update import (
    AddSchemaUpdate,
    AssertCurrentSchemaId,
    RemoveSchemasUpdate,
    SetCurrentSchemaUpdate,
    UpdatesAndRequirements,
    UpdateTableMetadata,
)
from pyiceberg.table.update.snapshot import ExpireSnapshots, _OverwriteFiles
from pyiceberg.typedef import Record
from typing_extensions import override

from duckstring.adapters.aws.clients import Clients
from duckstring.adapters.aws.iceberg_bounds import metrics_of
from duckstring.adapters.aws.iceberg_io import BucketIO
from duckstring.adapters.aws.iceberg_schema import Ids, can_be_read, is_same, mapping_of
from duckstring.adapters.aws.items import code_of
from duckstring.errors import OperatorError, StateConflictError
from duckstring.exporter.iceberg_ports import Content, GlueTable, RowFile
from duckstring.model.iceberg import CATCHMENT, DIGEST, FOLDER, LINE, Listed, Version, taken
from duckstring.model.instants import Instant

if TYPE_CHECKING:
    from pyiceberg.io import FileIO
    from pyiceberg.schema import Schema
    from pyiceberg.table import Table, Transaction
    from pyiceberg.table.snapshots import Snapshot

_GONE = "EntityNotFoundException"
_REFUSED = frozenset({"InvalidInputException", "ValidationException"})
_UNREADABLE = (
    *(FileNotFoundError, ValueError, ValidationError),
    *(NoSuchPropertyException, NoSuchIcebergTableError),
)
_LONGEST_NAME = 32
_NOT_IN_NAMES = re.compile(r"[^a-z0-9-]")
_DESCRIPTION = "What a Pond of Duckstring publishes. Read it only: each export makes it anew."
_MAPPING = TableProperties.DEFAULT_NAME_MAPPING
_PROPERTIES = {
    # The rows belong to the Pond: other tools that expire versions or drop a table keep them.
    "gc.enabled": "false",
    # Who came second looks again what there is.
    TableProperties.COMMIT_NUM_RETRIES: "0",
    TableProperties.METADATA_PREVIOUS_VERSIONS_MAX: "10",
}


class GlueWarehouse:
    """The databases of one Catchment, in the account and region of the clients."""

    def __init__(self, clients: Clients, bucket: str, catchment: str) -> None:
        """``bucket``: where all objects lie."""
        self._clients, self._bucket, self._catchment = clients, bucket, catchment
        self._io = BucketIO(clients, bucket)
        self._catalog = _Catalog(clients, self._io)

    def tables(self, database: str) -> Mapping[str, GlueTable] | None:
        """The tables of a database; None: there is no such database."""
        glue = self._clients.glue
        try:
            found = glue.get_database(Name=database)["Database"]
        except ClientError as error:
            if code_of(error) != _GONE:
                raise
            return None
        parameters = found.get("Parameters", {})
        if not self._is_ours(parameters):
            raise OperatorError(taken(f"a database {database}", self._owner(parameters)))
        pages = glue.get_paginator("get_tables").paginate(DatabaseName=database)
        return {
            one["Name"]: self._table(one.get("Parameters", {}))
            for page in pages
            for one in page["TableList"]
        }

    def is_damaged(self, held: Listed) -> bool:
        """Whether objects are gone that a table's newest version needs, of Iceberg's own."""
        newest = held.versions[-1].files if held.versions else ()
        keys = [held.metadata, *map(self._address, newest)]
        return any(self._io.size(one) < 0 for one in keys)

    def create(self, database: str) -> None:
        """Make a database, if it is not there."""
        given = {CATCHMENT: self._catchment, "duckstring.bucket": self._bucket}
        try:
            self._clients.glue.create_database(
                DatabaseInput={
                    "Name": database,
                    "Description": _DESCRIPTION,
                    "Parameters": given,
                }
            )
        except ClientError as error:
            if code_of(error) != "AlreadyExistsException":
                raise

    def put(
        self,
        database: str,
        name: str,
        content: Content,
        *,
        over: str | None,
        held: Listed | None,
        before: Instant,
    ) -> Listed:
        """Have a table show this, and forget the versions that were replaced before an instant."""
        with _refusals():
            table = self._load(database, name, over) if over is not None else None
            if table is not None and table.properties.get(LINE) != content.properties[LINE]:
                table = None
            if table is None:
                if over is not None:
                    self.drop(database, name)
                return self._listed(self._make(database, name, content), None)
            if not _is_shown(table, content):
                change = table.transaction()
                _evolve(change, content)
                self._replace_files(change, content)
                change.set_properties(dict(content.properties))
                _expire(change, before)
                table = change.commit_transaction()
            return self._listed(table, held)

    def expire(self, database: str, name: str, held: Listed, before: Instant) -> Listed:
        """Forget the versions in whose place there was a newer one already at an instant."""
        with _refusals():
            table = self._load(database, name, held.metadata)
            if table is None:
                raise StateConflictError("A table is gone.")
            change = table.transaction()
            _expire(change, before)
            return self._listed(change.commit_transaction(), held)

    def drop(self, database: str, name: str) -> None:
        """Take a table out of Glue, if it is ours."""
        glue = self._clients.glue
        try:
            found = glue.get_table(DatabaseName=database, Name=name)["Table"]
            if self._table(found.get("Parameters", {})).is_ours:
                glue.delete_table(DatabaseName=database, Name=name)
        except ClientError as error:
            if code_of(error) != _GONE:
                raise

    def remove(self, database: str) -> None:
        """Delete a database that has no tables, if it is ours."""
        if self.tables(database) == {}:
            self._clients.glue.delete_database(Name=database)

    def store(self, path: Path, key: str) -> None:
        """Upload a copy."""
        with path.open("rb") as content:
            self._clients.s3.put_object(Bucket=self._bucket, Key=key, Body=content)

    def _table(self, parameters: Mapping[str, str]) -> GlueTable:
        return GlueTable(
            parameters.get("metadata_location", ""),
            self._is_ours(parameters),
            parameters.get(LINE, ""),
            parameters.get(DIGEST, ""),
            self._owner(parameters),
        )

    def _is_ours(self, parameters: Mapping[str, str]) -> bool:
        return parameters.get(CATCHMENT) == self._catchment

    def _owner(self, parameters: Mapping[str, str]) -> str:
        """The other Catchment that it says it is of. Anybody may write that."""
        owner = parameters.get(CATCHMENT, "")
        return "" if self._is_ours(parameters) else _NOT_IN_NAMES.sub("?", owner[:_LONGEST_NAME])

    def _load(self, database: str, name: str, over: str) -> Table | None:
        """A table. None: its metadata is gone or broken, or of another bucket (of a Catchment that
        was restored from a copy): it is made anew.

        Raises:
            StateConflictError: it has other metadata than ``over``.
        """
        try:
            table = self._catalog.load_table((database, name))
        except _UNREADABLE:
            return None
        if table.metadata_location != over:
            raise StateConflictError("A table was changed meanwhile.")
        return table

    def _make(self, database: str, name: str, content: Content) -> Table:
        change = self._catalog.create_table_transaction(
            (database, name),
            Ids().schema(content.columns),
            location=f"{self._address(FOLDER)}{database}/{name}-{secrets.token_hex(8)}",
            properties={**_PROPERTIES, **content.properties},
        )
        change.set_properties({_MAPPING: mapping_of([change.table_metadata.schema()])})
        schema = change.table_metadata.schema()
        with change.update_snapshot(dict(content.summary)).fast_append() as snapshot:
            for file in content.files:
                snapshot.append_data_file(self._file(file, schema))
        return change.commit_transaction()

    def _replace_files(self, change: Transaction, content: Content) -> None:
        """Have the newest version name these files, and no others."""
        wanted = {self._address(file.key): file for file in content.files}
        there = {task.file.file_path: task.file for task in change._scan().plan_files()}  # noqa: SLF001 - of what the transaction has so far
        schema = change.table_metadata.schema()
        added = {path: self._file(file, schema) for path, file in wanted.items()}
        # What an older release has added, without bounds, is added anew.
        kept = {
            path
            for path in there.keys() & added.keys()
            if there[path].value_counts or not added[path].value_counts
        }
        gone = [there[path] for path in sorted(there.keys() - kept)]
        summary = dict(content.summary)
        with (
            _Overwrite(Operation.OVERWRITE, change, self._io, snapshot_properties=summary)
            if gone
            else change.update_snapshot(summary).fast_append()
        ) as snapshot:
            for old in gone:
                snapshot.delete_data_file(old)
            for path, file in added.items():
                if path not in kept:
                    snapshot.append_data_file(file)

    def _file(self, file: RowFile, schema: Schema) -> DataFile:
        return DataFile.from_args(
            content=DataFileContent.DATA,
            file_path=self._address(file.key),
            file_format=FileFormat.PARQUET,
            partition=Record(),
            record_count=file.rows,
            file_size_in_bytes=file.bytes,
            **metrics_of(file.statistics, schema),
        )

    def _address(self, key: str) -> str:
        return f"s3://{self._bucket}/{key}"

    def _keys(self, addresses: Iterator[str] | Sequence[str]) -> list[str]:
        """The keys of what lies in the bucket."""
        begin = self._address("")
        return sorted({one.removeprefix(begin) for one in addresses if one.startswith(begin)})

    def _listed(self, table: Table, held: Listed | None) -> Listed:
        """What a table names. Of versions that are known already, nothing is read."""
        known = {one.id: one for one in (held.versions if held is not None else ())}
        snapshots = sorted(table.metadata.snapshots, key=lambda one: one.sequence_number or 0)
        versions = [known.get(one.snapshot_id) or self._version(one) for one in snapshots]
        log = [entry.metadata_file for entry in table.metadata.metadata_log]
        return Listed(
            table.metadata_location, versions, self._keys([table.metadata_location, *log])
        )

    def _version(self, snapshot: Snapshot) -> Version:
        manifests = snapshot.manifests(self._io)
        paths = [
            entry.data_file.file_path
            for manifest in manifests
            for entry in manifest.fetch_manifest_entry(self._io, discard_deleted=True)
        ]
        files = [snapshot.manifest_list, *(manifest.manifest_path for manifest in manifests)]
        at = datetime.fromtimestamp(snapshot.timestamp_ms / 1000, UTC)
        return Version(snapshot.snapshot_id, at, self._keys(files), self._keys(paths))


class _Catalog(GlueCatalog):
    """pyiceberg's, over our clients."""

    def __init__(self, clients: Clients, io: BucketIO) -> None:
        super().__init__("duckstring", client=clients.glue)
        self._bucket_io = io

    @override
    def _load_file_io(
        self, properties: Mapping[str, Any] = {}, location: str | None = None
    ) -> FileIO:
        return self._bucket_io


class _Overwrite(_OverwriteFiles):
    """pyiceberg's, without the manifests that say of all their files that they are gone: it would
    read and name them for ever. Its own append leaves them out as well.
    """

    @override
    def _existing_manifests(self) -> list[ManifestFile]:
        found = super()._existing_manifests()
        return [one for one in found if one.has_added_files() or one.has_existing_files()]


class _ChangeSchema(UpdateTableMetadata["_ChangeSchema"]):
    """Makes a schema the current one. Those that no version has any more go."""

    def __init__(self, change: Transaction, schema: Schema) -> None:
        super().__init__(change)
        self._schema = schema

    @override
    def _commit(self) -> UpdatesAndRequirements:
        metadata = self._transaction.table_metadata
        same = [one for one in metadata.schemas if is_same(one, self._schema)]
        number = max(one.schema_id for one in metadata.schemas) + 1
        added = self._schema.model_copy(update={"schema_id": number})
        required = AssertCurrentSchemaId.model_validate(
            {"current-schema-id": metadata.current_schema_id}
        )
        if same:
            return (_current(same[-1].schema_id),), (required,)
        return (
            (AddSchemaUpdate(schema=added), _current(number)),
            (required,),
        )


class _ForgetSchemas(UpdateTableMetadata["_ForgetSchemas"]):
    """Removes the schemas that no version has."""

    @override
    def _commit(self) -> UpdatesAndRequirements:
        metadata = self._transaction.table_metadata
        needed = {one.schema_id for one in metadata.snapshots} | {metadata.current_schema_id}
        gone = [one.schema_id for one in metadata.schemas if one.schema_id not in needed]
        return ((RemoveSchemasUpdate.model_validate({"schema-ids": gone}),) if gone else ()), ()


def _current(number: int) -> SetCurrentSchemaUpdate:
    return SetCurrentSchemaUpdate.model_validate({"schema-id": number})


def _is_shown(table: Table, content: Content) -> bool:
    """Whether its newest version is this already: the last export died before it could say so.

    Others may have changed the schema since, which makes no version.
    """
    newest = table.current_snapshot()
    if newest is None or newest.schema_id != table.metadata.current_schema_id:
        return False
    summary = newest.summary
    told = summary.additional_properties.get(DIGEST) if summary is not None else None
    return told == content.summary[DIGEST] and table.properties.get(DIGEST) == told


def _evolve(change: Transaction, content: Content) -> None:
    """Change the schema where it is another one."""
    metadata = change.table_metadata
    current = metadata.schema()
    schemas = [*(one for one in metadata.schemas if one is not current), current]
    wanted = Ids.of(schemas, metadata.last_column_id).schema(content.columns)
    if not is_same(wanted, current):
        _ChangeSchema(change, wanted).commit()


def _expire(change: Transaction, before: Instant) -> None:
    """Forget versions that were replaced before an instant, and those that cannot be read by their
    columns' names any more.
    """
    metadata = change.table_metadata
    ordered = sorted(metadata.snapshots, key=lambda one: one.sequence_number or 0)
    old = {
        one.snapshot_id
        for one, later in pairwise(ordered)
        if later.timestamp_ms <= before.timestamp() * 1000
    }
    by_id = {one.schema_id: one for one in metadata.schemas}
    current = metadata.schema()
    kept = [one for one in ordered if one.snapshot_id not in old]
    schemas = [by_id[one.schema_id] for one in kept if one.schema_id in by_id]
    mapping = mapping_of([*schemas, current])
    readable = {number for number, schema in by_id.items() if can_be_read(schema, mapping)}
    old |= {one.snapshot_id for one in kept[:-1] if one.schema_id not in readable}
    if old:
        ExpireSnapshots(change).by_ids(sorted(old)).commit()
        _ForgetSchemas(change).commit()
        kept_schemas = [by_id[one.schema_id] for one in kept if one.schema_id in readable]
        mapping = mapping_of([*kept_schemas, current])
    if change.table_metadata.properties.get(_MAPPING) != mapping:
        change.set_properties({_MAPPING: mapping})


@contextmanager
def _refusals() -> Iterator[None]:
    """What Glue refuses is left out; who came second begins again."""
    try:
        yield
    except (CommitFailedException, TableAlreadyExistsError, NoSuchTableError) as error:
        raise StateConflictError(f"A table was changed meanwhile: {error}") from error
    except ClientError as error:
        if code_of(error) not in _REFUSED:
            raise
        raise OperatorError(f"Glue refuses it: {error}") from error
