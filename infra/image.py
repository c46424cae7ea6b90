"""The folder that the image of a Ripple's task is built in: the Dockerfile, and the zips of the
ripple function.

``python -m infra.image`` makes it, for an image that is built elsewhere (docs/aws.md).
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

from duckstring.errors import OperatorError
from infra.code import Code
from infra.config import Config
from infra.layers import Built

COMMAND = ("python", "-m", "functions.ripple.task")
"""What a task runs; the Dockerfile says the same."""

_DOCKERFILE = Path(__file__).with_name("Dockerfile")


def build_folder(code: Code, build: Path) -> Path:
    """Make the folder, once for given contents."""
    parts = {"functions": code.functions, "core": code.core, "deps": code.deps, "data": code.data}
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
        description="Make the folder that the image of tasks is built in.",
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
