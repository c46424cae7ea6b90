"""Catchments of earlier releases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from duckstring.errors import OperatorError
from duckstring_cli.client import Client
from duckstring_cli.errors import CatchmentRefusedError


@contextmanager
def newer_operation(client: Client, lacks: str = "keeps no lineage") -> Iterator[None]:
    """Say of which release the Catchment is that does not know the operation. ``lacks``: what it
    does not do.

    Raises:
        OperatorError: it does not.
    """
    try:
        yield
    except CatchmentRefusedError as error:
        if not error.message.startswith("No operation"):
            raise
        raise OperatorError(
            f"Catchment {client.catchment.name!r} is of a release that {lacks}.",
            hint="Upgrade it: docs/aws.md, Upgrading.",
        ) from error
