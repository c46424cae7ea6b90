"""A Pond's project on its author's machine: its code, and where its Puddles lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from duckstring.model.catalog import SourceSpec
from duckstring.model.names import Line, parse_line
from duckstring.model.pondfile import PondFile

FOLDER = "puddles"


@dataclass(frozen=True, slots=True)
class LocalPond:
    """A project.

    Attributes:
        root: its folder.
        pondfile: its pond.toml.
        code: where its Ripples are imported from: the unpacked package, or ``root`` itself.
        artifact: names the package, so that a change of the code is seen.
        data: where its Puddles and tables lie; None: in ``puddles`` of the project.
    """

    root: Path
    pondfile: PondFile
    code: Path
    artifact: str
    data: Path | None = None

    @property
    def line(self) -> Line:
        """``sales@1``."""
        return self.pondfile.line

    @property
    def name(self) -> str:
        """``sales``."""
        return self.pondfile.pond.name

    @property
    def sources(self) -> Mapping[str, SourceSpec]:
        """The Sources by name."""
        return {parse_line(spec.line)[0]: spec for spec in self.pondfile.sources()}

    @property
    def puddles(self) -> Path:
        """The module of the Puddles. It need not be there."""
        return self.root / self.pondfile.pond.puddles

    @property
    def folder(self) -> Path:
        """Where all of it lies."""
        return self.root / FOLDER if self.data is None else self.data

    @property
    def inputs(self) -> Path:
        """Where the tables of Sources lie."""
        return self.folder / "in"

    @property
    def outputs(self) -> Path:
        """Where the Pond's own tables lie."""
        return self.folder / "out"

    @property
    def recorded(self) -> Path:
        """Where recorded rows of a Catchment lie."""
        return self.folder / "recorded"
