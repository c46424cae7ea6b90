"""Layers are unpacked once and shared by all that use them, and saved as files.

Emulator: it unpacks each layer again for each worker that starts, and writes the zips of all layers
into its state.
AWS: layers are there when a worker starts.
For us: the layers have some 200 MB: a start would take seconds and each checkpoint as long. And a
checkpoint that is not complete must not take away code that the one before it names, which the
emulator prunes.
"""

from __future__ import annotations

import types
import zipfile
from collections.abc import Iterable, Iterator
from os import PathLike
from pathlib import Path
from typing import Any

from duckstring_cli.local.layers import Layers, ticketed
from duckstring_cli.local.patches.declared import Foreign, Names

NAMES = Names()

_ZIPFILE_OF_WORKERS = NAMES.value("core.lambda_runtime", "zipfile", "module")
NAMES.mentioned("core.lambda_runtime", "Worker._spawn", "ZipFile")
NAMES.mentioned("core.lambda_runtime", "Worker._spawn", "_resolve_layer_zip")
_RESOLVE = NAMES.replaced("services.lambda_svc", "_resolve_layer_zip", "attachment")
_GET_STATE = NAMES.replaced("services.lambda_svc", "get_state")
_LOAD = NAMES.replaced("services.lambda_svc", "load_persisted_state", "data")
_PRUNE = NAMES.replaced("services.lambda_svc", "_prune_orphan_code_blobs", "referenced")
_STORED = NAMES.value("services.lambda_svc", "_layers", "AccountRegionScopedDict")
_DATA = NAMES.attribute("core.responses", "AccountRegionScopedDict._data")

_ZIP = "_zip_data"


def share_layers(layers: Layers) -> None:
    """Have workers link layers instead of unpacking them, and save layers as files."""

    class LinkingZip(zipfile.ZipFile):
        # ``override`` is not in the standard library of Python 3.11.
        def extractall(  # type: ignore[explicit-override]
            self,
            path: str | PathLike[str] | None = None,
            members: Iterable[str | zipfile.ZipInfo] | None = None,
            pwd: bytes | None = None,
        ) -> None:
            if name := ticketed(self.comment):
                layers.link(name, Path(path or "."))
            else:
                super().extractall(path, members, pwd)

    # The worker's module sees this instead of zipfile; nobody else does.
    seen: Any = types.ModuleType("zipfile")
    seen.__dict__.update(zipfile.__dict__)
    seen.ZipFile = LinkingZip
    _ZIPFILE_OF_WORKERS.replace(seen)
    resolve = _RESOLVE.read()

    def resolve_to_ticket(attachment: Foreign) -> bytes | None:
        content = resolve(attachment)
        return layers.ticket(content) if content else content

    _RESOLVE.replace(resolve_to_ticket)
    _save_layers_as_files(layers)


def contents() -> list[bytes]:
    """The zip of each layer that is stored."""
    return [
        version[_ZIP] for version in _versions(_STORED.read()) if isinstance(version[_ZIP], bytes)
    ]


def ticket_of(layer: Foreign) -> bytes:
    """The ticket of a layer that a function names (``Layers.ticket``)."""
    return bytes(_RESOLVE.read()(layer))


def _save_layers_as_files(layers: Layers) -> None:
    get_state, load = _GET_STATE.read(), _LOAD.read()

    def get_state_without_layers() -> Foreign:
        state = get_state()
        for version in _versions(state["layers"]):
            if isinstance(version.get(_ZIP), bytes):
                version[_ZIP] = {"__layer__": layers.keep(version[_ZIP])}
        return state

    def load_with_layers(state: Foreign) -> None:
        for version in _versions(state.get("layers")):
            if isinstance(version.get(_ZIP), dict):
                version[_ZIP] = layers.kept(version[_ZIP]["__layer__"])
        load(state)

    _GET_STATE.replace(get_state_without_layers)
    _LOAD.replace(load_with_layers)
    # A generation that is not committed yet must not take blobs from the one before.
    _PRUNE.replace(lambda _referenced: None)


def _versions(node: Foreign) -> Iterator[dict[str, Foreign]]:
    """Every layer version anywhere inside the emulator's layer store."""
    node = _DATA.of(node, node)
    if isinstance(node, dict):
        if _ZIP in node:
            yield node
        for value in list(node.values()):
            yield from _versions(value)
    elif isinstance(node, list):
        for value in node:
            yield from _versions(value)
