"""Where a backup lies: a folder, or a prefix of a bucket."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol

from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import ClientError

from duckstring.errors import OperatorError
from duckstring_cli.errors import BadInputError, aws_code, unusable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectRequestTypeDef


_S3 = re.compile(r"^s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(.*?))?/?$")
_BLOCK = 1 << 20
_ABSENT = {"NoSuchKey", "404", "NotFound"}


@dataclass(frozen=True, slots=True)
class Sum:
    """The size and the SHA-256 of some content."""

    bytes: int
    sha256: str


class Place(Protocol):
    """Named files. A file is there with its whole content, or not at all."""

    @property
    def name(self) -> str:
        """For people."""

    def write(self, name: str, content: Path, summed: Sum) -> None:
        """Put a file there."""

    def read(self, name: str, into: IO[bytes]) -> bool:
        """Copy a file into ``into``. False: it is not there."""

    def summed(self, name: str) -> Sum | None:
        """What a file that is there holds; None: it is not there."""


def open_place(text: str, s3: S3Client) -> Place:
    """The place of that name. ``s3``: the client with which a bucket is reached.

    Raises:
        BadInputError: it is no place.
    """
    if not text.startswith("s3:"):
        return Folder(Path(text).expanduser())
    if not (found := _S3.match(text)):
        raise BadInputError(
            f"{text!r} is not a place for a backup.",
            hint="A folder, or s3://BUCKET/PREFIX.",
        )
    return Prefix(s3, found[1], f"{found[2]}/" if found[2] else "")


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of this machine, readable by its owner only."""

    path: Path

    @property
    def name(self) -> str:
        """Its path."""
        return str(self.path)

    def write(self, name: str, content: Path, summed: Sum) -> None:
        """Under another name first, so that it is whole when it is there."""
        target = self._at(name)
        try:
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            unfinished = target.with_name(f".{target.name}.unfinished")
            with content.open("rb") as source, unfinished.open("wb") as file:
                os.fchmod(file.fileno(), 0o600)
                shutil.copyfileobj(source, file, _BLOCK)
            unfinished.replace(target)
        except OSError as error:
            raise unusable(error) from error

    def read(self, name: str, into: IO[bytes]) -> bool:
        """False: it is not there."""
        try:
            with self._at(name).open("rb") as file:
                shutil.copyfileobj(file, into, _BLOCK)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise unusable(error) from error
        return True

    def summed(self, name: str) -> Sum | None:
        """By reading it."""
        path = self._at(name)
        return sum_of(path) if path.is_file() else None

    def _at(self, name: str) -> Path:
        path = self.path / name
        if ".." in Path(name).parts or Path(name).is_absolute():
            raise OperatorError(f"{name!a} cannot be the name of a file of a backup.")
        return path


@dataclass(frozen=True, slots=True)
class Prefix:
    """What begins with a prefix in a bucket."""

    s3: S3Client
    bucket: str
    prefix: str

    @property
    def name(self) -> str:
        """Its address."""
        return f"s3://{self.bucket}/{self.prefix}"

    def write(self, name: str, content: Path, summed: Sum) -> None:
        """In parts, if it is large."""
        put(self.s3, content, self.bucket, self.prefix + name, summed)

    def read(self, name: str, into: IO[bytes]) -> bool:
        """False: it is not there."""
        return fetch(self.s3, self.bucket, self.prefix + name, into)

    def summed(self, name: str) -> Sum | None:
        """By what was noted when it was written."""
        try:
            found = self.s3.head_object(Bucket=self.bucket, Key=self.prefix + name)
        except ClientError as error:
            if aws_code(error) not in _ABSENT:
                raise
            return None
        return Sum(found["ContentLength"], found.get("Metadata", {}).get("sha256", ""))


def fetch(s3: S3Client, bucket: str, key: str, into: IO[bytes], *, version: str = "") -> bool:
    """Copy an object, or its ``version``, into a file. False: it is not there."""
    named: GetObjectRequestTypeDef = {"Bucket": bucket, "Key": key}
    if version:
        named["VersionId"] = version
    try:
        body = s3.get_object(**named)["Body"]
    except ClientError as error:
        if aws_code(error) not in _ABSENT:
            raise
        return False
    with body:
        shutil.copyfileobj(body, into, _BLOCK)
    return True


def put(s3: S3Client, content: Path, bucket: str, key: str, summed: Sum) -> None:
    """Copy a file into an object, in parts if it is large.

    Raises:
        OperatorError: S3 refuses it.
    """
    try:
        s3.upload_file(str(content), bucket, key, ExtraArgs={"Metadata": {"sha256": summed.sha256}})
    except S3UploadFailedError as error:
        raise OperatorError(
            f"s3://{bucket}/{key} cannot be written: {error.__context__ or error}",
            hint="Repeat the command, with the right s3:PutObject there.",
        ) from error


@contextmanager
def scratch() -> Iterator[Path]:
    """A file that is gone afterwards."""
    handle, name = tempfile.mkstemp(prefix="duckstring-")
    os.close(handle)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def sum_of(path: Path) -> Sum:
    """The size and the checksum of a file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    return Sum(path.stat().st_size, digest.hexdigest())
