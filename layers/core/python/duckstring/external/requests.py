"""A request as authors write it: a method and a path, ``DELETE /runs/{id}``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from duckstring.external.env import placed
from duckstring.external.errors import ExternalError

METHODS = frozenset({"DELETE", "GET", "PATCH", "POST", "PUT"})


@dataclass(frozen=True, slots=True)
class Request:
    """A method, and a path below a host or a whole address."""

    method: str
    path: str

    def address(self, host: str, places: Mapping[str, str]) -> str:
        """The address, with ``{id}`` and ``{key}`` in it."""
        path = placed(self.path, {name: quote(one, safe="") for name, one in places.items()})
        return host + path if path.startswith("/") else path


def is_request(written: str) -> bool:
    """Whether this is a request, and not a place in an answer."""
    return written.startswith("/") or written.partition(" ")[0] in METHODS


def parsed(of: str, written: str, usual: str, *, anywhere: bool = False) -> Request:
    """A request. ``usual`` is the method that need not be written.

    Raises:
        ExternalError: it is none. ``of`` says whose. ``anywhere``: a whole address is one, too.
    """
    method, space, path = written.partition(" ")
    if not space:
        method, path = usual, written
    whole = anywhere and path.startswith(("https://", "http://"))
    if method not in METHODS or not (path.startswith("/") or whole):
        hint = (
            "Write a path below host, with the method before it where it is not the usual one: "
            "DELETE /runs/{id}."
        )
        raise ExternalError(f"{of}: {written!r} is not a request.", hint=hint)
    return Request(method, path)
