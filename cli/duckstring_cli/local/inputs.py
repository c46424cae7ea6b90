"""What a user gives a local Catchment: requirements, an environment, buckets whose events it gets,
a time limit, whether roles are enforced, whether there are Iceberg tables, who is told of lineage.

All of it is read and checked whole, then kept as copies.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from duckstring.errors import OperatorError
from duckstring.model.arrivals import parse_buckets
from duckstring.model.environment import parse_environment
from duckstring.model.openlineage import parse_receiver
from duckstring_cli.errors import BadInputError
from duckstring_cli.local.home import private_folder, using

REQUIREMENTS = "requirements.txt"
ENVIRONMENT = "environment"
ARRIVALS = "arrivals"
FUNCTION_TIMEOUT = "function-timeout"
IAM = "iam"
ICEBERG = "iceberg"
OPENLINEAGE = "openlineage"
LONGEST_FUNCTION = 900
SHORTEST_FUNCTION = 30
_FILES = re.compile(r"-[rce]|--(requirement|constraint|editable)\b|\.\.?/")


def read(  # noqa: PLR0913 - each is an option that users type
    *,
    requirements: Path | None,
    environment: Path | None,
    arrivals: str | None,
    function_timeout: int | None = None,
    iam: bool | None = None,
    iceberg: bool | None = None,
    openlineage: str | None = None,
) -> dict[str, str]:
    """The contents to keep, by the name of the copy. ``arrivals``: buckets, with commas between; an
    empty text: none any more. ``iam``: whether functions and tasks may do what their roles allow,
    and nothing else. ``iceberg``: whether it makes Iceberg tables. ``openlineage``: the
    address that is told of lineage; ``off``: none any more.

    Raises:
        BadInputError: the time limit (seconds) or the address is not allowed.
        OperatorError: a file cannot be read, or says what is not allowed; all its faults, each with
            its line.
    """
    found: dict[str, str] = {}
    if requirements:
        found[REQUIREMENTS] = _checked(requirements, _check_requirement)
    if environment:
        found[ENVIRONMENT] = _checked(environment, _check_variable)
        parse_environment(found[ENVIRONMENT], where=str(environment))
    if arrivals is not None:
        found[ARRIVALS] = ",".join(parse_buckets(arrivals, where="--arrivals "))
    if function_timeout is not None:
        found[FUNCTION_TIMEOUT] = str(_checked_timeout(function_timeout))
    if iam is not None:
        found[IAM] = "enforced" if iam else ""
    if iceberg is not None:
        found[ICEBERG] = "true" if iceberg else ""
    if openlineage is not None:
        found[OPENLINEAGE] = _checked_receiver(openlineage)
    return found


def enforces_iam(folder: Path) -> bool:
    """Whether the Catchment of this folder enforces roles."""
    return (folder / IAM).exists() and bool((folder / IAM).read_text(encoding="utf-8"))


def keep(folder: Path, contents: Mapping[str, str]) -> None:
    """Write the copies, for the user's eyes only.

    Raises:
        OperatorError: the folder cannot be written.
    """
    with using(folder):
        private_folder(folder)
        for name, content in contents.items():
            (folder / name).touch(mode=0o600)
            (folder / name).write_text(content, encoding="utf-8")


def _checked_timeout(seconds: int) -> int:
    if not SHORTEST_FUNCTION <= seconds <= LONGEST_FUNCTION:
        raise BadInputError(
            f"--function-timeout {seconds}: not allowed.",
            hint=(
                f"Allowed: {SHORTEST_FUNCTION} to {LONGEST_FUNCTION} seconds; a Ripple that "
                "needs longer goes on as a task."
            ),
        )
    return seconds


def _checked_receiver(url: str) -> str:
    try:
        return parse_receiver(url, where="--openlineage")
    except OperatorError as error:
        raise BadInputError(error.message, hint=error.hint) from None


def _checked(path: Path, check: Callable[[str, int, Path], None]) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInputError(
            f"{path} cannot be read: {error.strerror}.", hint="Name a text file that exists."
        ) from error
    except UnicodeDecodeError as error:
        raise BadInputError(f"{path} is not UTF-8 text.", hint="Name a text file.") from error
    faults: list[OperatorError] = []
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            check(line, number, path)
        except OperatorError as fault:
            faults.append(fault)
    if faults:
        hints = dict.fromkeys(fault.hint for fault in faults)
        raise BadInputError("\n".join(fault.message for fault in faults), hint=" ".join(hints))
    return text


def _check_variable(line: str, number: int, path: Path) -> None:
    # The rule of the deployment, told the line's number by as many empty lines.
    parse_environment("\n" * (number - 1) + line, where=str(path))


def _check_requirement(raw: str, number: int, path: Path) -> None:
    line = _bare(raw)
    if not line:
        return
    if _FILES.match(line):
        raise BadInputError(
            f"{path}:{number}: {line!r} names another file.",
            hint="Only this file is kept: write out what it would bring in.",
        )
    if line.startswith(("-", "/")) or line.partition(" ")[0].count("://"):
        return
    try:
        from packaging.requirements import InvalidRequirement, Requirement
    except ImportError:
        return
    try:
        Requirement(line)
    except InvalidRequirement as error:
        raise BadInputError(
            f"{path}:{number}: {line!r} is not a requirement: {str(error).splitlines()[0]}.",
            hint="Write NAME or NAME==VERSION, one a line.",
        ) from error


def _bare(raw: str) -> str:
    """The line without its comment, its options and the sign that it goes on."""
    line = raw.strip()
    return (
        ""
        if line.startswith("#")
        else line.partition(" #")[0].removesuffix("\\").partition(" --")[0].strip()
    )
