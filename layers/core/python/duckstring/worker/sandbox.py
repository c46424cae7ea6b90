"""The child's side of discovery: limit the process, import the module, and write down what it
declared or why the import failed.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict

from msgspec.structs import asdict

from duckstring.author.errors import missing_variable_hint
from duckstring.author.order import arrange
from duckstring.errors import DuckstringError
from duckstring.model.catalog import RippleSpec
from duckstring.model.foreign import readable
from duckstring.worker.project import Project

_MEMORY = 2 * 1024**3
_FILE = 64 * 1024**2
_OWN = f"{Path(__file__).parents[1]}/"
_TEXT_SHOWN = 20_000


class SandboxOrder(TypedDict):
    """The order that the parent writes to our standard input."""

    path: list[str]
    root: str
    module: str
    answer: str
    seconds: float


def main(order: SandboxOrder) -> None:
    """Import, arrange, answer. The process then ends at once, whatever threads the module left
    behind.
    """
    _bound(order["seconds"])
    answer = answer_of(Project(Path(order["root"]), order["module"]))
    part = Path(f"{order['answer']}.part")
    part.write_text(json.dumps(answer), encoding="utf-8")
    part.replace(order["answer"])
    sys.stdout.flush()
    os._exit(0)


def _bound(seconds: float) -> None:
    bounds = {
        resource.RLIMIT_DATA: _MEMORY,
        resource.RLIMIT_FSIZE: _FILE,
        resource.RLIMIT_CPU: int(seconds) + 1,
        resource.RLIMIT_CORE: 0,
    }
    for limit, value in bounds.items():
        hard = resource.getrlimit(limit)[1]
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limit, (bound, bound))


def answer_of(project: Project) -> Mapping[str, object]:
    """Import a project's module in this process: its Ripples, or why it cannot be imported."""
    try:
        project.enter()
        declared = project.ripples()
        return {
            "ok": True,
            "ripples": _wire(arrange([one.spec for one in declared], module=project.module)),
        }
    except (Exception, SystemExit, KeyboardInterrupt) as error:  # noqa: BLE001 - whatever is raised goes to its author
        return {"ok": False, "error": _error_object(error, project)}


def _wire(specs: Sequence[RippleSpec]) -> list[dict[str, object]]:
    """In the form of docs/protocol.md. A package does not declare where a Ripple starts: the deploy
    decides that.
    """
    declared = [asdict(spec) | {"parents": list(spec.parents)} for spec in specs]
    return [
        {name: value for name, value in spec.items() if name != "starts_on"} for spec in declared
    ]


def _error_object(error: BaseException, project: Project) -> dict[str, str]:
    frames = error.__traceback__
    while frames is not None and not frames.tb_frame.f_code.co_filename.startswith(
        str(project.root)
    ):
        frames = frames.tb_next
    described = traceback.TracebackException(type(error), error, frames)
    described.stack[:] = [frame for frame in described.stack if not frame.filename.startswith(_OWN)]
    written = _without_folders("".join(described.format()), project)
    if isinstance(error, DuckstringError):
        message = _without_folders(error.message, project)
        return {
            "type": type(error).__name__,
            "message": message,
            "hint": error.hint,
            "traceback": written if frames else "",
        }
    message = _without_folders(
        f"Importing {project.module} raised {type(error).__name__}: {readable(error)}", project
    )
    return {
        "type": type(error).__name__,
        "message": message[:_TEXT_SHOWN],
        "hint": _hint(error),
        "traceback": written[-_TEXT_SHOWN:],
    }


def _without_folders(text: str, project: Project) -> str:
    """Paths relative to the package, as the author knows them."""
    return text.replace(f"{project.root}/", "").replace(_OWN, "duckstring/")


def _hint(error: BaseException) -> str:
    match error:
        case KeyError(args=(str(name),)) if _from_environ(error):
            return missing_variable_hint(name)
        case ModuleNotFoundError(name=str(name)):
            return (
                f"Add what provides {name} to the Catchment's requirements.txt, or the module "
                "itself to the project."
            )
        case MemoryError():
            return "At module level only declare; load data inside Ripples."
        case _:
            return "Correct the module."


def _from_environ(error: BaseException) -> bool:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return last.name == "__getitem__" and last.filename in {"<frozen os>", os.__file__}
