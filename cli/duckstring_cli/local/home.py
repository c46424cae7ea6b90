"""Where the tooling keeps its things: ``DUCKSTRING_HOME``, else ``~/.duckstring``."""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """The user's Duckstring folder."""
    return Path(os.environ.get("DUCKSTRING_HOME") or Path.home() / ".duckstring")


def config_file() -> Path:
    """The registry of Catchments."""
    return home() / "config.toml"


def tools_folder() -> Path:
    """Installed tools and built layers, shared by all local Catchments; ``DUCKSTRING_TOOLS`` moves it."""
    return Path(os.environ.get("DUCKSTRING_TOOLS") or home() / "tools")


def catchment_folder(name: str) -> Path:
    """All that one local Catchment is."""
    return home() / "catchments" / name
