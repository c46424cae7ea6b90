"""Replaces the packages of a local Catchment's Ripples while it runs, and nothing else of its
stack.

The stack is built and deployed as by a start. In between its template is compared with the one that
is deployed: only the layer of these packages may differ. The functions that use it get its new
version from the same deployment. What was asked for is kept where starts read it, unless something
fails on the way.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from duckstring.errors import OperatorError
from duckstring_cli.catchments import Access, Catchment
from duckstring_cli.local import catchment as local
from duckstring_cli.local import inputs
from duckstring_cli.local.deployment import Source
from duckstring_cli.local.home import catchment_folder
from duckstring_cli.render import OnStep

_LAYER = "AWS::Lambda::LayerVersion"
_PACKAGES = "DoorsData"
"""What the name of the layer of Ripples' packages begins with in the template."""

Outcome = Literal["same", "kept", "deployed"]


def replace_packages(name: str, file: Path, on_step: OnStep, on_notice: OnStep) -> Outcome:
    """Let Ripples import what ``file`` asks for.

    Returns:
        ``deployed``: from the next attempt on; ``kept``: it does not run, so from its next start
        on; ``same``: it asks for this already.

    Raises:
        OperatorError: the file is not allowed, the packages cannot be installed, or more than they
            would change. Then nothing has changed.
    """
    change = _Change(name, file)
    if not local.status(name).running:
        return "same" if change.is_kept() else change.keep()
    started = local.start(name, on_step, on_notice, change)
    return "deployed" if started.deployed else "same"


class _Change:
    """``local.catchment.Change``: other requirements."""

    def __init__(self, name: str, file: Path) -> None:
        self._name, self._file = name, file
        self._folder = catchment_folder(name)
        self._contents = inputs.read(requirements=file, environment=None, arrivals=None)

    def is_kept(self) -> bool:
        return self._held() == self._contents[inputs.REQUIREMENTS]

    def keep(self) -> Outcome:
        local.configure(self._name, requirements=self._file)
        return "kept"

    @contextmanager
    def tried(self) -> Iterator[None]:
        """The copy is the new one; the old one again if anything fails."""
        before = self._held()
        inputs.keep(self._folder, self._contents)
        try:
            yield
        except BaseException:
            if before is None:
                Source(self._name, self._folder).requirements.unlink()
            else:
                inputs.keep(self._folder, {inputs.REQUIREMENTS: before})
            raise

    def check(self, one: Catchment, access: Access, synthesized: Callable[[], None]) -> None:
        """Refuse a deployment that would change more than the packages."""
        synthesized()
        found = access.client("cloudformation").get_template(StackName=one.stack)["TemplateBody"]
        deployed = json.loads(found) if isinstance(found, str) else found
        path = Source(one.name, self._folder).assembly / f"{one.stack}.template.json"
        others = changed_beyond(deployed, json.loads(path.read_text(encoding="utf-8")))
        if others:
            raise OperatorError(
                f"A deployment of Catchment {one.name!r} would change more than the packages "
                f"({len(others)} other parts, as {others[0]}), so nothing was changed.",
                hint=(
                    f"Apply all of it: duckstring catchment configure {one.name} --requirements "
                    f"{self._file}, then duckstring catchment start {one.name}"
                ),
            )

    def _held(self) -> str | None:
        path = Source(self._name, self._folder).requirements
        return path.read_text(encoding="utf-8") if path.exists() else None


def changed_beyond(deployed: Mapping[str, Any], made: Mapping[str, Any]) -> tuple[str, ...]:
    """The parts of a template, by name, that differ and are not the layer of Ripples' packages."""
    before, after = deployed.get("Resources", {}), made.get("Resources", {})
    resources = [
        name
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name) and not _is_packages(name, after.get(name))
    ]
    others = [
        part
        for part in sorted({*deployed, *made} - {"Resources"})
        if deployed.get(part) != made.get(part)
    ]
    return (*resources, *others)


def _is_packages(name: str, resource: Mapping[str, Any] | None) -> bool:
    return resource is not None and resource.get("Type") == _LAYER and name.startswith(_PACKAGES)
