"""Finding a line by the name that a person gives. Every refusal lists the existing names."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from duckstring.errors import OperatorError, alike
from duckstring.model import commands
from duckstring.model.catalog import Release, Removal
from duckstring.model.names import Line, line, parse_line

_SHOWN = 8


class Deployed(Protocol):
    """What is deployed."""

    def releases(self, pond: str | None = None) -> Mapping[Line, Release]:
        """The selected release of every line; or of one Pond's lines, at the cost of these
        alone.
        """


class Gone(Protocol):
    """What is no longer deployed."""

    def removed(self, pond: str | None = None) -> Sequence[Removal]:
        """The lines that were ever removed; or those of one Pond."""


class PondNotFoundError(OperatorError):
    """There is no such Pond, or no such major of it."""

    def __init__(self, pond: str, *, known: Collection[str]) -> None:
        """Name the nearest of what is ``known``."""
        super().__init__(
            f"No Pond {pond!r} in this Catchment; {_among(pond, known)}.",
            hint=f"List them with: {commands.ALL_LINES}",
        )


def find_deployed(catalog: Deployed, pond: str, major: int | None = None) -> Release:
    """As ``find``. Only a refusal reads the whole catalog, to list the existing names.

    Raises:
        PondNotFoundError: it is not deployed.
    """
    return find(catalog.releases(pond) or catalog.releases(), pond, major)


def find_ever_deployed(
    catalog: Deployed, removals: Gone, pond: str, major: int | None = None
) -> Line:
    """As ``find_deployed``, for data that outlives a line: a removed line is found if there is no
    deployed one.

    Raises:
        PondNotFoundError: it was never deployed.
    """
    try:
        return find_deployed(catalog, pond, major).line
    except PondNotFoundError:
        gone = {parse_line(removal.line)[1] for removal in removals.removed(pond)}
        if not gone or major not in {None, *gone}:
            raise
        return line(pond, max(gone) if major is None else major)


def find(releases: Mapping[Line, Release], pond: str, major: int | None = None) -> Release:
    """The selected release of a Pond's line: of ``major``, or of the highest.

    Raises:
        PondNotFoundError: it is not deployed.
    """
    majors = {
        number: release
        for text, release in releases.items()
        for name, number in (parse_line(text),)
        if name == pond
    }
    if not majors:
        raise PondNotFoundError(pond, known={parse_line(text)[0] for text in releases})
    if major is None:
        return majors[max(majors)]
    if major not in majors:
        raise PondNotFoundError(
            line(pond, major), known=[line(pond, number) for number in sorted(majors)]
        )
    return majors[major]


def _among(wanted: str, known: Collection[str]) -> str:
    names = sorted(known)
    if not names:
        return "nothing is deployed yet"
    if near := alike(wanted, names, most=3):
        return f"the nearest: {', '.join(near)}"
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"it has {', '.join(names[:_SHOWN])}{more}"
