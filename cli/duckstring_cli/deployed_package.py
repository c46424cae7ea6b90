"""The package of a deployed version: its files, on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from duckstring.model.names import artifact_key
from duckstring.worker.project import ProjectCache
from duckstring_cli import catchments
from duckstring_cli.aws_errors import translated_errors
from duckstring_cli.catchments import Catchment

if TYPE_CHECKING:
    from duckstring.model.answers.status import LineStatus


def deployed_version(line: LineStatus) -> str:
    """The version that is deployed, though it may not run yet."""
    waiting = line.get("next")
    return (waiting["version"] if waiting else line["version"]) or ""


def deployed_package(catchment: Catchment, line: LineStatus) -> Path:
    """The folder of the package, unpacked. The line must say which one it is (``package``).

    Raises:
        AccessError: the user may not read it.
        OperatorError: it cannot be read.
    """
    key = artifact_key(line["pond"], deployed_version(line), str(line["package"]))
    with translated_errors(catchment):
        bucket = catchments.outputs(catchment)["Bucket"]
        s3 = catchments.session(catchment).client("s3")
        content = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    return ProjectCache().add(key, content)
