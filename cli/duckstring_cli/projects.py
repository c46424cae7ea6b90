"""The project in a folder of this machine, as the commands that run it here need it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from duckstring.errors import OperatorError
from duckstring.model.instants import Instant
from duckstring_cli.errors import BadInputError

if TYPE_CHECKING:
    from duckstring.puddles.project import LocalPond


class MachineClock:
    """``ports.Clock``: this machine's."""

    def now(self) -> Instant:
        """This instant."""
        return datetime.now(UTC)

    def wait(self, duration: timedelta) -> None:
        """Sleep."""
        time.sleep(duration.total_seconds())


def open_project(folder: Path | None, *, in_place: bool = False) -> LocalPond:
    """The project in ``folder``, otherwise in the current one: packed as a deploy packs it, and
    unpacked as a worker does.

    ``in_place``: its code stays where it is.

    Raises:
        ManifestError, PackageError: a deploy would refuse it.
    """
    from duckstring.model.names import artifact_key
    from duckstring.puddles.project import LocalPond
    from duckstring.worker.project import ProjectCache
    from duckstring_cli.package import package

    root = (folder or Path()).resolve()
    packed = package(root)
    pond = packed.pondfile.pond
    artifact = artifact_key(pond.name, pond.version, packed.sha256)
    code = root if in_place else ProjectCache().add(artifact, packed.content)
    return LocalPond(root, packed.pondfile, code, artifact)


def read_variables(file: Path | None) -> Mapping[str, str]:
    """The variables of an environment file, by the rules of a Catchment's.

    Raises:
        BadInputError: it cannot be read, or a line of it is wrong.
    """
    if file is None:
        return {}
    from duckstring.model.environment import parse_environment

    try:
        return parse_environment(file.read_text(encoding="utf-8"), where=str(file))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise BadInputError(
            f"--env-file {file} cannot be read: {reason}.", hint="Give a file of KEY=value lines."
        ) from error
    except OperatorError as error:
        raise BadInputError(error.message, hint=error.hint) from error
