"""Iceberg's files in the Catchment's bucket, as pyiceberg reads and writes them.

pyiceberg's own way to S3 is Arrow: 166 MB, more than all else that the function imports.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from pyiceberg.io import FileIO, InputFile, OutputFile
from typing_extensions import override

from duckstring.adapters.aws.items import code_of
from duckstring.model.iceberg import FOLDER

if TYPE_CHECKING:
    from pyiceberg.io import InputStream, OutputStream

    from duckstring.adapters.aws.clients import Clients

_GONE = frozenset({"NoSuchKey", "404"})


class BucketIO(FileIO):
    """Reads and writes below ``iceberg/`` only: Glue says where metadata lies, and others may
    write to Glue. Deletes nothing, the sweep does.
    """

    def __init__(self, clients: Clients, bucket: str) -> None:
        super().__init__()
        self._clients, self._bucket = clients, bucket

    @override
    def new_input(self, location: str) -> InputFile:
        return _Input(location, self)

    @override
    def new_output(self, location: str) -> OutputFile:
        return _Output(location, self)

    @override
    def delete(self, location: str | InputFile | OutputFile) -> None:
        return

    def key_of(self, location: str) -> str:
        """The key of an address of the bucket.

        Raises:
            FileNotFoundError: it is elsewhere.
        """
        key = location.removeprefix(f"s3://{self._bucket}/")
        if key == location or not key.startswith(FOLDER):
            raise FileNotFoundError(f"{location} is not below s3://{self._bucket}/{FOLDER}")
        return key

    def read(self, location: str) -> bytes:
        """An object.

        Raises:
            FileNotFoundError: it is not there.
        """
        key = self.key_of(location)
        try:
            return self._clients.s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except ClientError as error:
            if code_of(error) not in _GONE:
                raise
            raise FileNotFoundError(location) from error

    def size(self, location: str) -> int:
        """The bytes of an object; -1: it is not there."""
        key = self.key_of(location)
        try:
            return self._clients.s3.head_object(Bucket=self._bucket, Key=key)["ContentLength"]
        except ClientError as error:
            if code_of(error) not in _GONE:
                raise
            return -1

    def write(self, location: str, content: bytes) -> None:
        """Store an object. No other one ever has its name."""
        self._clients.s3.put_object(
            Bucket=self._bucket, Key=self.key_of(location), Body=content, IfNoneMatch="*"
        )


class _Input(InputFile):
    def __init__(self, location: str, io: BucketIO) -> None:
        super().__init__(location)
        self._io = io

    @override
    def __len__(self) -> int:
        return max(0, self._io.size(self.location))

    @override
    def exists(self) -> bool:
        return self._io.size(self.location) >= 0

    @override
    def open(self, seekable: bool = True) -> InputStream:
        return BytesIO(self._io.read(self.location))


class _Output(OutputFile):
    def __init__(self, location: str, io: BucketIO) -> None:
        super().__init__(location)
        self._io = io

    @override
    def __len__(self) -> int:
        return max(0, self._io.size(self.location))

    @override
    def exists(self) -> bool:
        return False  # names are never used again, and the store refuses a second one

    @override
    def to_input_file(self) -> InputFile:
        return _Input(self.location, self._io)

    @override
    def create(self, overwrite: bool = False) -> OutputStream:
        return _Written(self.location, self._io)


class _Written(BytesIO):
    """Stored as a whole when it is closed without an error."""

    def __init__(self, location: str, io: BucketIO) -> None:
        super().__init__()
        self._location, self._io = location, io

    @override
    def close(self) -> None:
        if not self.closed:
            content = self.getvalue()
            super().close()
            self._io.write(self._location, content)
