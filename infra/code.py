"""The code of a Catchment's functions and tasks."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TypedDict

from duckstring.errors import InvariantError
from infra.config import Config
from infra.layers import Built, Target, check_size, pinned, source_zip, third_party_zip


class _Named(TypedDict):
    target: Target
    build: Path


@dataclass(frozen=True, slots=True)
class Code:
    """The functions' own code and the layers below it."""

    functions: Built
    core: Built
    deps: Built
    data: Built

    @classmethod
    def build(cls, config: Config) -> Code:
        """Build what has changed.

        Raises:
            OperatorError: the Catchment's requirements cannot be installed, or are too large for a
                function.
        """
        target = Target.of(
            python=config.python,
            architecture=config.architecture,
            named=config.platform,
            bytecode=config.bytecode,
        )
        named: _Named = {"target": target, "build": config.build}
        wanted = pinned("data") + config.requirements
        # Side by side: each waits for an installer and packs what it brought.
        with ThreadPoolExecutor() as pool:
            functions = pool.submit(source_zip, _home("functions"), prefix="", **named)
            core = pool.submit(source_zip, _home("duckstring"), prefix="python/", **named)
            deps = pool.submit(third_party_zip, "deps", pinned("deps"), **named)
            data = pool.submit(third_party_zip, "data", wanted, without=pinned("deps"), **named)
        code = cls(
            functions=functions.result(),
            core=core.result(),
            deps=deps.result(),
            data=data.result(),
        )
        check_size("ripple", (code.functions, code.core, code.deps, code.data))
        return code


def _home(package: str) -> Path:
    """The folder of a package. It is packed, not imported: the functions are another program."""
    found = find_spec(package)
    if found is None or found.origin is None:
        raise InvariantError(
            f"The package {package} is not installed.", hint="Install duckstring-aws again."
        )
    return Path(found.origin).parent
