"""The code of a Catchment's functions and tasks."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TypedDict

from duckstring.errors import InvariantError, OperatorError
from infra.config import Config
from infra.layers import (
    IMAGE_LIMIT,
    ZIP_LIMIT,
    Built,
    Target,
    largest_packages,
    locked,
    say,
    source_zip,
    third_party_zip,
)


class _Named(TypedDict):
    target: Target
    build: Path


@dataclass(frozen=True, slots=True)
class Code:
    """The functions' own code, the layers below it, and what an image needs besides (``client``:
    it takes invocations from Lambda, where no runtime of Lambda's does). ``iceberg``: the layer of
    the function that exports to Iceberg, if there is one. It has DuckDB itself: what a Catchment
    adds to the layer of Ripples is none of its business, and may be too large for zips.
    """

    functions: Built
    core: Built
    deps: Built
    data: Built
    client: Built
    iceberg: Built | None = None

    @classmethod
    def build(cls, config: Config) -> Code:
        """Build what has changed.

        Raises:
            OperatorError: the Catchment's requirements cannot be installed, or are too large even
                for an image.
        """
        target = Target.of(
            python=config.python,
            architecture=config.architecture,
            named=config.platform,
            bytecode=config.bytecode,
        )
        named: _Named = {"target": target, "build": config.build}
        # Side by side: each waits for an installer and packs what it brought.
        with ThreadPoolExecutor() as pool:
            functions = pool.submit(source_zip, _home("functions"), prefix="", **named)
            core = pool.submit(source_zip, _home("duckstring"), prefix="python/", **named)
            deps = pool.submit(third_party_zip, "deps", **named)
            data = pool.submit(
                third_party_zip,
                "data",
                extra=config.requirements,
                without=locked("deps"),
                **named,
            )
            client = pool.submit(third_party_zip, "client", **named)
            iceberg = pool.submit(third_party_zip, "iceberg", **named) if config.iceberg else None
        code = cls(
            functions=functions.result(),
            core=core.result(),
            deps=deps.result(),
            data=data.result(),
            client=client.result(),
            iceberg=iceberg.result() if iceberg else None,
        )
        code.check_size()
        if code.needs_image and config.platform != "host":
            say(
                f"the ripple function unpacks to {code.unpacked // 1_000_000} MB (largest: "
                f"{largest_packages(code.data)}), more than the {ZIP_LIMIT // 1_000_000} MB that "
                "Lambda allows zips: it becomes an image"
            )
        return code

    @property
    def unpacked(self) -> int:
        """Bytes of what the ripple function imports."""
        return sum(part.unpacked for part in (self.functions, self.core, self.deps, self.data))

    @property
    def needs_image(self) -> bool:
        """Whether the ripple function is too large for zips, so that it is an image."""
        return self.unpacked > ZIP_LIMIT

    def check_size(self) -> None:
        """Refuse what Lambda would refuse.

        Raises:
            OperatorError: the ripple function would be too large even for an image.
            InvariantError: the function that exports to Iceberg is too large for zips.
        """
        if self.unpacked > IMAGE_LIMIT:
            raise OperatorError(
                f"The ripple function's code unpacks to {self.unpacked // 1_000_000} MB (largest: "
                f"{largest_packages(self.data)}); Lambda allows {IMAGE_LIMIT // 1_000_000} MB.",
                hint="Take large packages out of the Catchment's requirements.txt.",
            )
        if self.iceberg and self._unpacked_iceberg > ZIP_LIMIT:
            raise InvariantError(
                f"The iceberg function unpacks to {self._unpacked_iceberg // 1_000_000} MB; Lambda "
                f"allows {ZIP_LIMIT // 1_000_000} MB.",
                hint="Deploy without -c iceberg=true, and report it.",
            )

    @property
    def _unpacked_iceberg(self) -> int:
        parts = (self.functions, self.core, self.deps, self.iceberg)
        return sum(part.unpacked for part in parts if part)


def _home(package: str) -> Path:
    """The folder of a package. It is packed, not imported: the functions are another program."""
    found = find_spec(package)
    if found is None or found.origin is None:
        raise InvariantError(
            f"The package {package} is not installed.", hint="Install duckstring-aws again."
        )
    return Path(found.origin).parent
