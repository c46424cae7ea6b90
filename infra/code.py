"""The code of a Catchment's functions and tasks."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from duckstring.errors import InvariantError
from infra.config import Config
from infra.layers import Built, Target, check_size, pinned, source_zip, third_party_zip


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
        wanted = pinned("data") + config.requirements
        code = cls(
            functions=source_zip(_home("functions"), prefix="", target=target, build=config.build),
            core=source_zip(
                _home("duckstring"), prefix="python/", target=target, build=config.build
            ),
            deps=third_party_zip("deps", pinned("deps"), target=target, build=config.build),
            data=third_party_zip(
                "data", wanted, target=target, build=config.build, without=pinned("deps")
            ),
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
