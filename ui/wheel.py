"""Puts the built page into the wheel. A wheel without it would lack `duckstring ui`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class PageHook(BuildHookInterface):  # type: ignore[type-arg]
    """Hatchling calls it for each build."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # type: ignore[explicit-override]
        """Add the page; an editable install finds it in the checkout.

        Raises:
            FileNotFoundError: it is not built.
        """
        built = Path(self.root) / "ui" / "dist"
        if version == "editable":
            return
        if not (built / "index.html").is_file():
            raise FileNotFoundError("The web page is not built. Build it first: make ui")
        build_data["force_include"][str(built)] = "duckstring_cli/_page"
