"""The image of Ripples: the folder that it is built in (the Dockerfile, and the zips of the ripple
function), and how tasks and functions use it.

``python -m infra.image`` makes it, for an image that is built elsewhere (docs/aws.md).
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from duckstring.errors import OperatorError
from infra.code import Code
from infra.config import Config
from infra.layers import Built

COMMAND = ("python", "-m", "functions.ripple.task")
"""What a task runs; the Dockerfile says the same."""

ENTRY_POINT = ("python", "-m", "awslambdaric")
"""What a function runs, with its handler's name: the client of Lambda's runtime API."""

_ECR_HOST = re.compile(r"([0-9]{12})\.dkr\.ecr(?:-fips)?\.([a-z0-9-]+)\.amazonaws\.[a-z.]+")

_DOCKERFILE = Path(__file__).with_name("Dockerfile")


@dataclass(frozen=True, slots=True)
class EcrImage:
    """An image in a repository of ECR; ``version`` is a tag, or a digest with ``sha256:``."""

    account: str
    region: str
    repository: str
    version: str

    @classmethod
    def parse(cls, address: str) -> EcrImage | None:
        """None: the address is of another registry."""
        host, _, path = address.partition("/")
        if not (found := _ECR_HOST.fullmatch(host)):
            return None
        name, _, digest = path.partition("@")
        repository, _, tag = name.partition(":")
        return cls(found[1], found[2], repository, digest or tag or "latest")


def build_folder(code: Code, build: Path) -> Path:
    """Make the folder, once for given contents."""
    parts = {
        "functions": code.functions,
        "core": code.core,
        "deps": code.deps,
        "data": code.data,
        "client": code.client,
    }
    folder = (build / f"image-{_digest(parts)}").resolve()
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(dir=folder.parent))
        shutil.copyfile(_DOCKERFILE, unfinished / "Dockerfile")
        for name, part in parts.items():
            _link(part.path, unfinished / f"{name}.zip")
        unfinished.chmod(0o755)
        unfinished.rename(folder)
    return folder


def _digest(parts: dict[str, Built]) -> str:
    sums = [f"{name} {part.digest}" for name, part in parts.items()]
    return hashlib.sha256(
        "\n".join([_DOCKERFILE.read_text(encoding="utf-8"), *sums]).encode()
    ).hexdigest()[:20]


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, target)


def main() -> int:
    """Make the folder of a deployment, described by the CDK's own ``-c key=value``, and print
    where it is.
    """
    parser = argparse.ArgumentParser(
        prog="python -m infra.image",
        description="Make the folder that the image of Ripples is built in.",
    )
    parser.add_argument(
        "-c",
        dest="context",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="As given to cdk deploy.",
    )
    context = dict(given.partition("=")[::2] for given in parser.parse_args().context)
    try:
        config = Config.read(context.get)
        sys.stdout.write(f"{build_folder(Code.build(config), config.build)}\n")
    except OperatorError as error:
        sys.stderr.write(f"{error.message} {error.hint}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
