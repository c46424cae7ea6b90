"""Removing what is deployed: a whole line, or a version that is not selected.

The catalog forgets it first. The line gets a letter, which the sweep posts again if it was lost.
The sweep deletes what the line has published a day later. The line's history stays.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from duckstring.api.conflicts import retry_conflicts
from duckstring.api.ports import RemovePorts
from duckstring.api.post import post_and_wait
from duckstring.engine.signals import Removed
from duckstring.errors import OperatorError
from duckstring.model import commands, graph
from duckstring.model.catalog import Release, Removal
from duckstring.model.find import PondNotFoundError, find
from duckstring.model.instants import Instant
from duckstring.model.names import Line, line, parse_line, run_key

if TYPE_CHECKING:
    from duckstring.model.answers.changes import RemoveAnswer


class StillNeededError(OperatorError):
    """Sinks would lose a Source that they require."""

    def __init__(self, line: Line, sinks: Sequence[Line]) -> None:
        """Name all of the ``sinks``."""
        pond, major = parse_line(line)
        super().__init__(
            (
                f"{line} cannot be removed: {', '.join(sinks)} "
                f"{'need it' if len(sinks) > 1 else 'needs it'} as a Source."
            ),
            hint=(
                f"Remove them first, or deploy them without {pond}, or with it as optional: "
                f'{pond} = "{major}.0.0?"'
            ),
        )


class WhichLineError(OperatorError):
    """Several lines have that name, and nothing is removed on a guess."""

    def __init__(self, pond: str, majors: Sequence[int]) -> None:
        """Name the ``majors``."""
        lines = ", ".join(line(pond, major) for major in majors)
        super().__init__(
            f"{pond} has {len(majors)} lines: {lines}.",
            hint=f"Say which: {commands.remove(line(pond, majors[0]))}",
        )


class VersionNotFoundError(OperatorError):
    """There is no such version."""

    def __init__(self, pond: str, version: str, *, known: Collection[str]) -> None:
        """Name what is ``known``."""
        super().__init__(
            f"No version {version} of {pond} in this Catchment; it has {', '.join(sorted(known))}."
        )


class SelectedVersionError(OperatorError):
    """The version that a line runs cannot be removed."""

    def __init__(self, selected: Release) -> None:
        """Name both alternatives."""
        pond, _ = parse_line(selected.line)
        super().__init__(
            f"{pond} {selected.version} is the version that {selected.line} runs.",
            hint=(
                "Deploy another version of it first, or remove the whole line: "
                f"{commands.remove(selected.line)}"
            ),
        )


def remove(
    pond: str,
    ports: RemovePorts,
    *,
    major: int | None = None,
    version: str | None = None,
    dry: bool = False,
) -> RemoveAnswer:
    """Remove a line, or only ``version`` of it. ``dry``: only check, and return what would be
    removed.

    Raises:
        OperatorError: there is no such line or version, or it is needed.
        StateConflictError: others kept changing what is deployed.
    """
    return retry_conflicts(
        lambda: _remove(pond, ports, major=major, version=version, dry=dry), ports.clock
    )


def _remove(
    pond: str, ports: RemovePorts, *, major: int | None, version: str | None, dry: bool
) -> RemoveAnswer:
    revision = ports.catalog.revision()
    releases = ports.catalog.releases()
    if version is not None:
        return _remove_version(pond, version, releases, ports, revision=None if dry else revision)
    chosen = choose(releases, pond, major).line
    required, optional = graph.needed_by(chosen, releases)
    if required:
        raise StillNeededError(chosen, required)
    go_on = "go on" if len(optional) > 1 else "goes on"
    warnings = (
        [f"{chosen} is an optional Source of {', '.join(optional)}, which {go_on} without it."]
        if optional
        else []
    )
    if dry:
        return {
            "removed": [chosen],
            "stopped": _running(chosen, ports),
            "warnings": warnings,
            "applied": False,
        }
    stopped, applied = _remove_line(chosen, releases[chosen].deployed, ports, revision)
    return {"removed": [chosen], "warnings": warnings, "stopped": stopped, "applied": applied}


def choose(releases: Mapping[Line, Release], pond: str, major: int | None) -> Release:
    """The line of ``major``, or the only one.

    Raises:
        OperatorError: there is none, or there are several.
    """
    majors = sorted(
        number for text in releases for name, number in (parse_line(text),) if name == pond
    )
    if major is None and len(majors) > 1:
        raise WhichLineError(pond, majors)
    return find(releases, pond, major)


def _remove_line(
    chosen: Line, deployed: Instant, ports: RemovePorts, revision: int
) -> tuple[list[str], bool]:
    """The runs that this stopped, and whether the line has received the removal."""
    pond, _ = parse_line(chosen)
    versions = [
        version
        for version, release in ports.removals.versions(pond).items()
        if release.line == chosen
    ]
    stopped = _running(chosen, ports)
    # Never before the deploy that it undoes, even if the clocks differ: the line would ignore it as
    # older.
    removal = Removal(chosen, max(ports.clock.now(), deployed))
    ports.removals.remove(removal, versions, revision=revision)
    posted = post_and_wait(
        chosen, Removed(removal.at), mailbox=ports.mailbox, states=ports.states, clock=ports.clock
    )
    return stopped, posted.applied


def _running(chosen: Line, ports: RemovePorts) -> list[str]:
    held = ports.states.read([chosen]).get(chosen)
    return (
        [
            run_key(chosen, number)
            for number, run in sorted(held.state.runs.items())
            if not run.failure
        ]
        if held
        else []
    )


def _remove_version(
    pond: str,
    version: str,
    releases: Mapping[Line, Release],
    ports: RemovePorts,
    *,
    revision: int | None,
) -> RemoveAnswer:
    """Remove one version. ``revision`` None: only check."""
    known = ports.removals.versions(pond)
    if not known:
        raise PondNotFoundError(pond, known={parse_line(text)[0] for text in releases})
    if version not in known:
        raise VersionNotFoundError(pond, version, known=known)
    selected = releases.get(known[version].line)
    if selected and selected.version == version:
        raise SelectedVersionError(selected)
    if revision is not None:
        ports.removals.forget(pond, version, revision=revision)
    return {
        "removed": [f"{pond} {version}"],
        "stopped": [],
        "warnings": [],
        "applied": revision is not None,
    }
