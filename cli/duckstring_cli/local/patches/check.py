"""Compares what the patches use with the emulator that is installed. Standard library only: part
of the server.
"""

from __future__ import annotations

import importlib
import logging
import pkgutil
import sys
from collections.abc import Iterable, Mapping
from importlib import metadata

from duckstring_cli.local import patches
from duckstring_cli.local.patches.declared import Name, Names
from duckstring_cli.local.patches.expected import EXPECTED

CHANGED = 3
"""The exit code of a server that does not start for this reason."""

OPENING = "The AWS emulator is not as this release needs it: "
HINT = "What to do: "
"""The error begins with one and its last line with the other: the command looks for both."""

logger = logging.getLogger("duckstring")


class ChangedEmulatorError(Exception):
    """The emulator lacks something that a patch uses. ``str`` is the whole error."""


def declared() -> Mapping[str, Names]:
    """The names of each patch, by the patch's name."""
    modules = {
        one.name: importlib.import_module(f"{patches.__name__}.{one.name}")
        for one in pkgutil.iter_modules(patches.__path__)
    }
    return {name: module.NAMES for name, module in modules.items() if hasattr(module, "NAMES")}


def require(names: Mapping[str, Iterable[Name]] | None = None) -> None:
    """Refuse an emulator that is not as declared. Changes nothing in it.

    Args:
        names: of each patch, by its name; of every patch unless given.

    Raises:
        ChangedEmulatorError: names are missing, or not what they have to be; it has all of them.
    """
    faults: dict[str, list[str]] = {}
    packages = {"ministack"}
    for patch, used in (declared() if names is None else names).items():
        for name in used:
            if fault := name.fault():
                faults.setdefault(f"{name.path} {fault}", []).append(patch)
                packages.add(name.module.partition(".")[0])
    if faults:
        raise ChangedEmulatorError(_error(faults, sorted(packages & EXPECTED.keys())))
    for package in sorted(EXPECTED):
        if installed(package) != EXPECTED[package]:
            logger.warning(
                "%s %s is installed, and the patches are written for %s: all that they use is "
                "there.",
                package,
                installed(package),
                EXPECTED[package],
            )


def installed(package: str) -> str:
    """The release that is installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "unknown"


def main() -> int:
    """Print how the emulator of this interpreter compares. Gives an exit code."""
    try:
        require()
    except ChangedEmulatorError as error:
        sys.stdout.write(f"{error}\n")
        return CHANGED
    count = sum(len(list(names)) for names in declared().values())
    sys.stdout.write(
        f"MiniStack {installed('ministack')} has the {count} names that the patches use.\n"
    )
    return 0


def _error(faults: Mapping[str, list[str]], packages: Iterable[str]) -> str:
    found = "; ".join(map(_releases, packages))
    lines = [
        f"{fault} (needed by the patch {', '.join(dict.fromkeys(used))})"
        for fault, used in faults.items()
    ]
    wanted = " ".join(f"'{package}=={EXPECTED[package]}'" for package in packages)
    hint = (
        f"pip --python {sys.executable} install --force-reinstall {wanted}. "
        f"Or delete {sys.prefix} and start again: it is installed anew."
    )
    return "\n".join([f"{OPENING}{found}.", *lines, HINT + hint])


def _releases(package: str) -> str:
    found, expected = installed(package), EXPECTED[package]
    if found == expected:
        return f"{package} {found} is installed, as expected, but its files were changed"
    return f"{package} {found} is installed, {expected} is expected"
