"""Where a Catchment keeps what it knows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from duckstring_cli import catchments
from duckstring_cli.catchments import Catchment
from duckstring_cli.errors import aws_code

Found = TypeVar("Found")
_GONE = {"NoSuchBucket", "ResourceNotFoundException", "ResourceNotFound", "404"}


@dataclass(frozen=True, slots=True)
class Stores:
    """The names of a Catchment's table and bucket and the ARN of its secret (empty: its stack is
    older than that output). ``open`` gives a service's client. ``ephemeral``: they are deleted
    with the stack.
    """

    catchment: Catchment
    table: str
    bucket: str
    secret: str
    ephemeral: bool
    open: Callable[[str], Any]

    @property
    def attach(self) -> str:
        """The options that attach them to a stack."""
        named = {"table": self.table, "bucket": self.bucket, "secret": self.secret}
        return " ".join(f"-c {key}={value}" for key, value in named.items() if value)


def stores_of(catchment: Catchment) -> Stores:
    """The stores, by the stack's outputs as they are now.

    Raises:
        OperatorError: the stack cannot be read, or it is not a Catchment's.
    """
    opener = cache(catchments.session(catchment).client)
    return stores_from(catchment, catchments.read_outputs(catchment), opener)


def stores_from(
    catchment: Catchment, outputs: Mapping[str, str], opener: Callable[[str], Any]
) -> Stores:
    """The stores that the stack's outputs name."""
    return Stores(
        catchment,
        outputs["Table"],
        outputs["Bucket"],
        outputs.get("Secret", ""),
        outputs.get("Ephemeral") == "true",
        opener,
    )


def found_or(ask: Callable[[], Found], absent: Found) -> Found:
    """What AWS answers, or ``absent`` where what is asked for is gone."""
    try:
        return ask()
    except ClientError as error:
        if aws_code(error) not in _GONE:
            raise
        return absent


def version_pages(stores: Stores) -> Iterator[dict[str, Any]]:
    """All versions in the bucket, a thousand a page; none where the bucket is gone."""
    pages = iter(
        stores.open("s3").get_paginator("list_object_versions").paginate(Bucket=stores.bucket)
    )
    while page := found_or(lambda: next(pages, None), None):
        yield page
