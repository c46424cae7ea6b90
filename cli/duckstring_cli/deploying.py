"""From folders with a pond.toml to Ponds selected in a Catchment: check all, upload what is new,
ask once.
"""

from __future__ import annotations

import base64
import os
import shlex
import tomllib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from duckstring.errors import AuthorError
from duckstring.model import names
from duckstring.model.answers.changes import DeployAnswer
from duckstring_cli import catchments, render
from duckstring_cli.aws_errors import translated_errors
from duckstring_cli.client import Client
from duckstring_cli.errors import BadInputError, BrokenOffError, aws_code
from duckstring_cli.render import OnStep, Part

Given = TypeVar("Given")
Made = TypeVar("Made")

MANIFEST = "pond.toml"
_FEW = 5
_AT_ONCE = 8
_RECENT = timedelta(hours=12)
_SKIPPED = {
    "node_modules",
    "venv",
    "env",
    "site-packages",
    "__pycache__",
    "cdk.out",
    "build",
    "dist",
}


@dataclass(frozen=True, slots=True)
class Project:
    """A folder whose pond.toml is in order."""

    root: Path
    name: str
    version: str
    manifest: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Packed:
    """A project's package, and where it belongs in the bucket."""

    project: Project
    content: bytes
    sha256: str
    warnings: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Where it belongs in the bucket."""
        return names.artifact_key(self.project.name, self.project.version, self.sha256)


def one_path(paths: list[Path]) -> Path:
    """The one folder or file that was named; the current folder where none was.

    Raises:
        BadInputError: there are several. All or none holds for what lies below one folder.
    """
    if len(paths) <= 1:
        return paths[0] if paths else Path()
    each = " && ".join(f"duckstring deploy {shlex.quote(str(path))}" for path in paths[:_FEW])
    shared = Path(os.path.commonpath([os.path.abspath(path) for path in paths]))  # noqa: PTH100 - links stay
    where = "" if shared == Path.cwd() else f"{shlex.quote(_shown(shared))} "
    raise BadInputError(
        (
            f"deploy takes one PATH; found {len(paths)}: "
            f"{', '.join(str(path) for path in paths[:_FEW])}."
        ),
        hint=(
            f"All that lie in one folder at once: duckstring deploy {where}--all\n"
            f"Or one after the other: {each}"
        ),
    )


def roots(path: Path, *, tree: bool) -> list[Path]:
    """The folders to deploy: ``path``, the Pond's project that ``path`` lies in, or with ``tree``
    all below.

    Raises:
        BadInputError: there is none, or it is not said which of several.
    """
    folder = path.parent if path.name == MANIFEST else path
    if not folder.is_dir():
        raise BadInputError(f"There is no folder {str(folder)!r}.")
    # A link that leads nowhere and a named pipe count, too: reading them is refused with the
    # reason.
    if not tree and os.path.lexists(folder / MANIFEST):
        return [folder]
    found = sorted(_below(folder))
    if tree and found:
        return found
    if not found and (above := _above(folder)):
        return [above]
    if not found:
        raise BadInputError(
            f"No {MANIFEST} in {_shown(folder)}, nor in the folders above and below it.",
            hint="Start a Pond with: duckstring pond init NAME",
        )
    some = ", ".join(
        [*(root.name for root in found[:_FEW]), *(["..."] if len(found) > _FEW else [])]
    )
    raise BadInputError(
        f"No {MANIFEST} in {_shown(folder)}, but {len(found)} below it ({some}).",
        hint=(
            "Deploy them all at once: duckstring deploy "
            f"{'' if path == Path() else f'{path} '}--all"
        ),
    )


def _above(folder: Path) -> Path | None:
    return next((one for one in folder.resolve().parents if (one / MANIFEST).is_file()), None)


def _below(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in _SKIPPED and not name.startswith(".")]
        if MANIFEST in files:
            yield Path(root)


def read(found: list[Path]) -> list[Project]:
    """Read every pond.toml.

    Raises:
        BadInputError: faults, those of all files at once.
    """
    return _all(_read, found)


def _read(root: Path) -> Project:
    from duckstring.model.pondfile import decode_pondfile, read_pondfile
    from duckstring_cli.package import NOT_A_PONDFILE, check_is_file

    path = root / MANIFEST
    check_is_file(path, _shown(path), hint=NOT_A_PONDFILE)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadInputError(f"{_shown(path)} cannot be read: {error.strerror or error}.") from error
    text = decode_pondfile(content, _shown(path))
    pond = read_pondfile(text, _shown(path)).pond
    return Project(root, pond.name, pond.version, tomllib.loads(text))


def pack(projects: list[Project]) -> list[Packed]:
    """Package every project.

    Raises:
        BadInputError: projects that cannot be packaged, all of them at once.
    """
    from duckstring_cli.package import package

    def one(project: Project) -> Packed:
        try:
            made = package(project.root)
        except AuthorError as error:
            if len(projects) == 1:
                raise
            message = "\n".join(
                f"{_shown(project.root)}: {line}" for line in error.message.splitlines()
            )
            raise AuthorError(message, hint=error.hint) from error
        return Packed(project, made.content, made.sha256, made.warnings)

    return _all(one, projects)


def _all(act: Callable[[Given], Made], each: Iterable[Given]) -> list[Made]:
    made, faults = [], []
    for one in each:
        try:
            made.append(act(one))
        except AuthorError as error:
            faults.append(error)
    if faults:
        hints = dict.fromkeys(fault.hint for fault in faults if fault.hint)
        raise BadInputError("\n".join(fault.message for fault in faults), hint="\n".join(hints))
    return made


def deploy(
    client: Client, projects: list[Project], *, overwrite: bool, on_step: OnStep
) -> DeployAnswer:
    """Package, upload what the bucket does not hold yet, and deploy all of them or none.

    Raises:
        AuthorError: a project cannot be packaged.
        OperatorError: the Catchment refuses; nothing has changed there.
        BrokenOffError: Ctrl-C.
    """
    ponds = f"{len(projects)} Ponds" if len(projects) > 1 else projects[0].name
    try:
        packed = _uploaded(client, projects, ponds, on_step)
    except KeyboardInterrupt as error:
        raise BrokenOffError("Nothing was deployed.") from error
    on_step(f"Deploying {ponds} to {client.catchment.name}")
    on_step(
        Part(
            "the Catchment imports their code, all at the same time"
            if len(packed) > 1
            else "the Catchment imports its code"
        )
    )
    requests: list[dict[str, object]] = [
        {"manifest": one.project.manifest, "artifact": one.key, "sha256": one.sha256}
        for one in packed
    ]
    return client.deploy(requests, overwrite=overwrite)


def _uploaded(client: Client, projects: list[Project], ponds: str, on_step: OnStep) -> list[Packed]:
    on_step(f"Packaging {ponds}")
    packed = pack(projects)
    for warning in (warning for one in packed for warning in one.warnings):
        render.warn(warning)
    on_step(f"Uploading {ponds}")
    _upload(client, packed, on_step)
    return packed


def _upload(client: Client, packed: list[Packed], on_step: OnStep) -> None:
    """Several at a time: each waits for answers."""
    with translated_errors(client.catchment):
        bucket = catchments.outputs(client.catchment)["Bucket"]
        s3 = catchments.session(client.catchment).client("s3")

        def put(one: Packed) -> str:
            _put(s3, bucket, one)
            return one.project.name

        with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
            for done, name in enumerate(pool.map(put, packed), 1):
                if len(packed) > 1:
                    on_step(Part(f"{name}, {done} of {len(packed)}"))


def _put(s3: Any, bucket: str, one: Packed) -> None:  # noqa: ANN401 - a botocore client
    if not _is_there(s3, bucket, one.key):
        checksum = base64.b64encode(bytes.fromhex(one.sha256)).decode()
        s3.put_object(
            Bucket=bucket,
            Key=one.key,
            Body=one.content,
            ChecksumSHA256=checksum,
            ContentType="application/zip",
        )


def _is_there(s3: Any, bucket: str, key: str) -> bool:  # noqa: ANN401 - a botocore client
    """Whether the package lies there for good: the sweep deletes old ones that no version names,
    perhaps in this minute.
    """
    from botocore.exceptions import ClientError

    try:
        uploaded = s3.head_object(Bucket=bucket, Key=key)["LastModified"]
    except ClientError as error:
        if aws_code(error) in {"404", "NoSuchKey", "NotFound"}:
            return False
        raise
    return bool(datetime.now(UTC) - uploaded < _RECENT)


def shown_path(path: Path) -> str:
    """As the user would name it: relative to where they are, if it is below; ``.``: that folder."""
    here, absolute = Path.cwd(), Path(os.path.abspath(path))  # noqa: PTH100 - a link stays a link
    return str(absolute.relative_to(here)) if absolute.is_relative_to(here) else str(path)


def _shown(path: Path) -> str:
    shown = shown_path(path)
    return "this folder" if shown == "." else shown
