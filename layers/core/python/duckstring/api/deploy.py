"""Deploying: judge a batch of Ponds against everything deployed, select all of them or none.

A deploy starts no run. Only the orchestrator changes a line's state. The line learns of the
selection by a ``Deployed`` letter. If that letter is lost between the selection and the post, a
repeat of the deploy, or the sweep, posts it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

import msgspec
from semver import Version

from duckstring.api.conflicts import retry_conflicts
from duckstring.api.in_flight import named, resumes, rows_of, runs_of
from duckstring.api.limits import read as read_limits
from duckstring.api.limits import unset, uses_of
from duckstring.api.ports import Artifacts, DeployPorts, Discovery
from duckstring.api.requests import Uploaded
from duckstring.engine.letters import (
    Letter,
    announcement,
    hold_letter,
    is_pending,
    removal_letter,
)
from duckstring.engine.state import Health
from duckstring.errors import AuthorError, DuckstringError, OperatorError
from duckstring.model import commands, graph
from duckstring.model.catalog import Release, Removal, RippleSpec
from duckstring.model.compute import FunctionSize
from duckstring.model.find import find
from duckstring.model.instants import Instant, from_text
from duckstring.model.limits import MOST_RELEASE_BYTES
from duckstring.model.names import Line, artifact_key, parse_line
from duckstring.model.pondfile import PondFile, from_object
from duckstring.model.values import replace
from duckstring.ports import AttemptReader, Seen

if TYPE_CHECKING:
    from duckstring.model.answers.changes import DeployAnswer, DeployedPond

Asked = TypeVar("Asked")
Found = TypeVar("Found")
_AT_ONCE = 8
_TICK = timedelta(microseconds=1)


class DeployRefusedError(OperatorError):
    """Faults of a batch, all at once; nothing of it was selected. ``traceback``: where its code
    is at fault.
    """

    def __init__(self, faults: Sequence[DuckstringError]) -> None:
        """Join the sentences of all ``faults``, one a line."""
        super().__init__(
            "\n".join(fault.message for fault in faults),
            hint="\n".join(dict.fromkeys(f.hint for f in faults if f.hint)),
        )
        self.traceback = "\n".join(
            text for fault in faults if (text := getattr(fault, "traceback", ""))
        )


class PondsAtFaultError(DeployRefusedError):
    """Faults of Ponds only, which their authors have to fix. The Catchment has no objection."""


class DiscoveryError(AuthorError):
    """A package that the Catchment cannot import, with the error of the import."""

    def __init__(self, message: str, *, hint: str = "", traceback: str = "") -> None:
        """Keep the error of the import."""
        super().__init__(message, hint=hint)
        self.traceback = traceback


@dataclass(frozen=True, slots=True)
class Package:
    """One Pond of a batch, as uploaded."""

    pond: PondFile
    artifact: str
    sha256: str

    @property
    def line(self) -> Line:
        """The line that it will run as."""
        return self.pond.line


@dataclass(frozen=True, slots=True)
class Choice:
    """The release that a package becomes. ``unchanged``: exactly this package is deployed under
    this version already.
    """

    release: Release
    unchanged: bool


@dataclass(frozen=True, slots=True)
class Held:
    """The state of a release's line before the deploy.

    ``runs``: in flight. ``selected``: the version that waits for them (``is_waiting``), or the one
    that runs. ``failed``: the version that failed.
    """

    health: Health = "ok"
    version: str = ""
    selected: Release | None = None
    is_waiting: bool = False
    failed: Release | None = None
    runs: tuple[str, ...] = ()
    pauses: Mapping[str, Instant] = field(default_factory=dict)

    def has(self, release: Release) -> bool:
        """Whether exactly this package is selected. Deploying it again clears a failure, and does
        nothing else.
        """
        return _same(self.selected, release)

    def holds_back(self, release: Release) -> bool:
        """Whether ``release`` waits for what is in flight."""
        return bool(self.runs) and (
            self.is_waiting or self.health == "failed" or not self.has(release)
        )


def _same(one: Release | None, other: Release) -> bool:
    return one is not None and replace(one, deployed=other.deployed) == other


def deploy(
    requests: Sequence[Uploaded], ports: DeployPorts, *, overwrite: bool = False
) -> DeployAnswer:
    """Select a batch of packages.

    Raises:
        DeployRefusedError: something is wrong with the batch; nothing was selected.
        StateConflictError: others deployed all the time; deploy again.
    """
    packages = _packages(requests)
    # An import takes seconds and its result does not depend on what else is deployed.
    once = replace(ports, discovery=_ImportedOnce(ports.discovery))
    return retry_conflicts(lambda: _deploy(packages, once, overwrite=overwrite), ports.clock)


class _ImportedOnce:
    """``ports.Discovery`` that imports each package only once."""

    def __init__(self, discovery: Discovery) -> None:
        self._discovery = discovery
        self._found: dict[str, tuple[RippleSpec, ...]] = {}

    def discover(self, artifact: str, *, sha256: str, module: str) -> tuple[RippleSpec, ...]:
        if artifact not in self._found:
            self._found[artifact] = self._discovery.discover(artifact, sha256=sha256, module=module)
        return self._found[artifact]


def _deploy(packages: Sequence[Package], ports: DeployPorts, *, overwrite: bool) -> DeployAnswer:
    revision = ports.catalog.revision()
    before = ports.catalog.releases()
    choices = _all(lambda package: _choose(package, ports, overwrite=overwrite), packages)
    after = {**before, **{choice.release.line: choice.release for choice in choices}}
    _refuse(
        [
            OperatorError(fault)
            for fault in graph.faults(after, {choice.release.line for choice in choices})
        ]
    )
    order = {name: place for place, name in enumerate(graph.in_order(after))}
    removals = _removals(after.keys() - before.keys(), ports)
    chosen = (_later_than(removals.get(choice.release.line), choice.release) for choice in choices)
    releases = sorted(chosen, key=lambda release: order[release.line])
    held = {
        line: _held(seen, ports.attempts)
        for line, seen in ports.states.read(before.keys() & {one.line for one in releases}).items()
    }
    limits = read_limits(ports.limits) if any(map(uses_of, releases)) else {}
    unbounded = unset([choice.release for choice in choices], limits)
    ports.catalog.select(releases, overwrite=overwrite, revision=revision)
    hold = ports.operated.hold()  # after the selection: see api/maintenance.py
    holds = [hold_letter(one.line, hold) for one in releases] if hold.on else []
    ports.mailbox.send([*_removal_letters(removals, ports), *holds, *map(announcement, releases)])
    return {
        "ponds": [
            _deployed_pond(
                choice,
                before,
                after,
                held.get(choice.release.line, Held()),
                unbounded.get(choice.release.line, ()),
            )
            for choice in choices
        ]
    }


def _removals(lines: Collection[Line], ports: DeployPorts) -> Mapping[Line, Removal]:
    """The removals of those ``lines`` of the deploy that existed before."""
    return (
        {removal.line: removal for removal in ports.removals.removed() if removal.line in lines}
        if lines
        else {}
    )


def _later_than(removal: Removal | None, release: Release) -> Release:
    """A line that comes back is deployed after its removal, even if the clocks differ. Otherwise it
    would be removed again.
    """
    return (
        release
        if removal is None
        else replace(release, deployed=max(release.deployed, removal.at + _TICK))
    )


def _removal_letters(removals: Mapping[Line, Removal], ports: DeployPorts) -> list[Letter]:
    """A line that comes back starts from an empty state, even if the letter of its removal was
    lost. So that letter is posted first.
    """
    seen = ports.states.read(removals.keys()) if removals else {}
    return [
        removal_letter(one)
        for line, one in removals.items()
        if line in seen and is_pending(one, seen[line].state)
    ]


def _packages(requests: Sequence[Uploaded]) -> list[Package]:
    if not requests:
        raise OperatorError(
            "Nothing to deploy: the list of Ponds is empty.",
            hint="Run it in a Pond's project, or with --all above some.",
        )
    packages = _all(_package, requests)
    lines = [package.line for package in packages]
    twice = sorted({name for name in lines if lines.count(name) > 1})
    _refuse(
        [
            OperatorError(
                f"{name} is in this deploy twice.", hint="Deploy one version of a line at a time."
            )
            for name in twice
        ]
    )
    return packages


def _package(request: Uploaded) -> Package:
    return Package(from_object(request.manifest), request.artifact, request.sha256)


def _choose(package: Package, ports: DeployPorts, *, overwrite: bool) -> Choice:
    """Check one package by itself."""
    name, version = package.pond.pond.name, package.pond.pond.version
    _check_artifact(package, ports.artifacts)
    known = ports.catalog.version(name, version)
    if known and known.sha256 == package.sha256:
        return Choice(
            replace(
                known, ripples=_placed(known.ripples, ports.function), deployed=ports.clock.now()
            ),
            unchanged=True,
        )
    if known and not overwrite:
        raise OperatorError(
            f"{name} {version} is deployed already, with other contents.",
            hint=(
                "Raise version in pond.toml, or deploy again with --overwrite, which replaces "
                "what is deployed."
            ),
        )
    ripples = _placed(_discover(package, ports.discovery), ports.function)
    release = _release(package, ripples, ports.clock.now())
    _check_size(release)
    return Choice(release, unchanged=False)


def _check_size(release: Release) -> None:
    """Refuse what a line's item would have no room for, before anything is stored."""
    size = len(msgspec.json.encode(release))
    if size > MOST_RELEASE_BYTES:
        pond, _ = parse_line(release.line)
        what = f"{len(release.ripples)} Ripples with the names of their parents"
        raise OperatorError(
            f"{pond} {release.version} would take {size:,} bytes to record (its {what}, "
            f"{len(release.sources)} Sources); allowed: {MOST_RELEASE_BYTES:,}.",
            hint="Divide the Pond, shorten names, or name fewer parents.",
        )


def _check_artifact(package: Package, artifacts: Artifacts) -> None:
    name, version = package.pond.pond.name, package.pond.pond.version
    expected = artifact_key(name, version, package.sha256)
    if package.artifact != expected:
        raise OperatorError(
            f"The package of {name} {version} lies at {package.artifact!r}; expected {expected!r}."
        )
    found = artifacts.sha256(expected)
    if found is None:
        raise OperatorError(
            f"No package at {expected!r} for {name} {version}.",
            hint=f"Upload it first; {commands.DEPLOY} does.",
        )
    if found != package.sha256:
        raise OperatorError(
            f"The package of {name} {version} has sha256 {found}; expected {package.sha256}.",
            hint="Deploy it again.",
        )


def _discover(package: Package, discovery: Discovery) -> tuple[RippleSpec, ...]:
    try:
        found = discovery.discover(
            package.artifact, sha256=package.sha256, module=package.pond.pond.ripples
        )
    except AuthorError as error:
        named = f"{package.pond.pond.name} {package.pond.pond.version}"
        message = "\n".join(f"{named}: {line}" for line in error.message.splitlines())
        raise DiscoveryError(
            message, hint=error.hint, traceback=getattr(error, "traceback", "")
        ) from error
    if not found:
        raise AuthorError(
            (
                f"{package.pond.pond.name} {package.pond.pond.version}: "
                f"{package.pond.pond.ripples} "
                "defines no Ripple."
            ),
            hint="Decorate a function with @ripple.",
        )
    return found


def _placed(ripples: Sequence[RippleSpec], function: FunctionSize) -> tuple[RippleSpec, ...]:
    """The Ripples, each with the place of its first attempt: a task if its author asks for more
    than the function has. One that pauses needs no more of the function's time than its calls take.
    """
    return tuple(
        replace(
            spec,
            starts_on="lambda"
            if function.fits(
                memory_mib=spec.memory_mib,
                timeout_seconds=None if spec.pauses else spec.timeout_seconds,
            )
            else "task",
        )
        for spec in ripples
    )


def _release(package: Package, ripples: tuple[RippleSpec, ...], now: Instant) -> Release:
    return Release(
        **package.pond.to_release_fields(),
        ripples=ripples,
        artifact=package.artifact,
        sha256=package.sha256,
        deployed=now,
    )


def _held(seen: Seen, attempts: AttemptReader) -> Held:
    state = seen.state
    pauses = {
        name: from_text(until)
        for name, row in rows_of(state, attempts).items()
        if (until := resumes(row))
    }
    version = state.release.version if state.release else ""
    is_waiting = state.next_release is not None
    failed = state.release if state.health == "failed" else None
    return Held(
        state.health,
        version,
        state.next_release or state.release,
        is_waiting,
        failed,
        runs_of(state),
        pauses,
    )


def _deployed_pond(
    choice: Choice,
    before: Mapping[Line, Release],
    after: Mapping[Line, Release],
    held: Held,
    unbounded: Sequence[str],
) -> DeployedPond:
    release = choice.release
    return {
        "line": release.line,
        "version": release.version,
        "ripples": [ripple.name for ripple in release.ripples],
        "sources": [spec.line for spec in release.sources],
        "warnings": [
            *graph.warnings(release, after),
            *_rollback(release, before.get(release.line)),
            *_health(release, held),
            *_waiting_warnings(release, held),
            *unbounded,
        ],
        "unchanged": choice.unchanged and (held.selected is None or held.has(release)),
        "killed": held.health == "killed",
        "default": find(after, parse_line(release.line)[0], None) == after[release.line],
        "waits_for": list(held.runs) if held.holds_back(release) else [],
    }


def _rollback(release: Release, selected: Release | None) -> tuple[str, ...]:
    if selected is None or Version.parse(release.version) >= Version.parse(selected.version):
        return ()
    return (f"{release.line} goes back from {selected.version} to {release.version}.",)


def _health(release: Release, held: Held) -> tuple[str, ...]:
    if held.health == "killed":
        way_out = f"{commands.wake(release.line)} (or clear: it runs when it is wanted)."
        return (f"{release.line} was killed and stays down: {way_out}",)
    if _same(held.failed, release):
        return (
            (
                f"{release.line} failed, and this is the version that failed: the failure is "
                "cleared, and it runs again if it is wanted."
            ),
        )
    return ()


def _waiting_warnings(release: Release, held: Held) -> tuple[str, ...]:
    """A run in flight delays a new version, and with it everything that is asked for meanwhile."""
    if not held.holds_back(release):
        return ()
    again = ", deployed again," if held.version == release.version else ""
    pauses = "".join(
        f"; {name} pauses until {until:%Y-%m-%d %H:%M:%SZ}"
        for name, until in sorted(held.pauses.items())
    )
    waiting = (
        f"{release.version}{again} waits for {named(held.runs)}, and what is asked for meanwhile "
        "waits with it."
    )
    until = f"Until when is not known{pauses}. Look: {commands.status(release.line)}"
    stop = f"to stop what runs: {commands.kill(release.line)}, then wake."
    return (f"{release.line} runs {held.version} still: {waiting} {until}; {stop}",)


def _all(judge: Callable[[Asked], Found], items: Sequence[Asked]) -> list[Found]:
    """Check every item, several at a time, and refuse with the faults of all of them.

    Raises:
        DeployRefusedError: at least one is at fault.
    """
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        futures = [pool.submit(judge, item) for item in items]
    errors = [error for future in futures if (error := future.exception())]
    for error in errors:
        if not isinstance(error, AuthorError | OperatorError):
            raise error
    _refuse([error for error in errors if isinstance(error, DuckstringError)])
    return [future.result() for future in futures]


def _refuse(faults: Sequence[DuckstringError]) -> None:
    if len(faults) == 1:
        raise faults[0]
    if faults:
        raise (
            PondsAtFaultError(faults)
            if all(isinstance(fault, AuthorError) for fault in faults)
            else DeployRefusedError(faults)
        )
