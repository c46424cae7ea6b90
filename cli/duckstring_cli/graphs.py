"""The Ponds of a folder, and those of a Catchment, as releases: what a forecast is made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from duckstring.model.answers.status import LineStatus, WindowTold
from duckstring.model.catalog import Release, RippleSpec, SourceSpec
from duckstring.model.instants import Instant, from_text
from duckstring.model.names import Line
from duckstring.model.windows import Window
from duckstring_cli import deploying
from duckstring_cli.checking.local import LocalPond, look
from duckstring_cli.client import Client
from duckstring_cli.errors import BadInputError
from duckstring_cli.forecast import Trigger
from duckstring_cli.render import OnStep

_AT_ONCE = 8
_ANY = "0.0.0"
"""A Catchment does not say which version of a Source is the least; it has checked that itself."""


@dataclass(frozen=True, slots=True)
class Found:
    """What there is: the releases, and in a Catchment what goes on there."""

    releases: Mapping[Line, Release] = field(default_factory=dict)
    triggers: Sequence[Trigger] = ()
    windows: Mapping[Line, Sequence[Window]] = field(default_factory=dict)
    takes: Mapping[tuple[Line, str], timedelta] = field(default_factory=dict)


def of_folder(path: Path, on_step: OnStep) -> Found:
    """The Ponds in and below a folder. Their modules are imported, as a deploy does.

    Raises:
        BadInputError: there is none, or something of them would fail at a deploy.
    """
    folder = path.parent if path.name == deploying.MANIFEST else path
    roots = deploying.roots(folder, tree=True)
    on_step(f"Importing {len(roots)} Ponds")
    # One at a time: an import that ends takes every child of this process with it.
    looked = [look(root) for root in roots]
    ponds = [pond for pond, _ in looked if pond is not None]
    unknown = {pond.name for pond in ponds if pond.ripples is None}
    faults = [
        finding.line()
        for _, findings in looked
        for finding in findings
        if finding.level == "error" or finding.pond in unknown
    ]
    if faults:
        raise BadInputError("\n".join(faults), hint=f"See all of it: duckstring pond check {path}")
    return Found({pond.line: _release(pond) for pond in ponds})


def _release(pond: LocalPond) -> Release:
    return Release(
        **pond.pondfile.to_release_fields(),
        ripples=pond.ripples or (),
        artifact="",
        sha256=pond.sha256,
        deployed=datetime.now(UTC),
    )


def of_catchment(client: Client, on_step: OnStep) -> Found:
    """What is deployed, the triggers and Windows that stand there, and how long the Ripples of
    each Pond's last successful run took.

    Raises:
        OperatorError: the Catchment does not answer.
    """
    on_step(f"Asking {client.catchment.name} what is deployed")
    lines = [line for line in client.status()["lines"] if line["version"]]
    on_step(f"Asking {client.catchment.name} how long {len(lines)} Ponds take")
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        took = list(pool.map(lambda line: _took(client, line), lines))
    return Found(
        {Line(line["line"]): _deployed(line) for line in lines},
        [trigger for line in lines for trigger in _standing(line)],
        {Line(line["line"]): [_window(one) for one in line["windows"]] for line in lines},
        {of: seconds for some in took for of, seconds in some.items()},
    )


def _deployed(line: LineStatus) -> Release:
    return Release(
        line=Line(line["line"]),
        version=line["version"] or _ANY,
        kind=_kind(line["kind"]),
        sources=tuple(
            SourceSpec(Line(one["line"]), _ANY, one["optional"]) for one in line["sources"]
        ),
        ripples=tuple(RippleSpec(one["name"], tuple(one["parents"])) for one in line["ripples"]),
        module="",
        artifact="",
        sha256="",
        immediate_retries=line["budgets"]["immediate_retries"],
        source_retries=line["budgets"]["source_retries"],
        deployed=datetime.now(UTC),
    )


def _kind(text: str | None) -> Any:  # noqa: ANN401 - the Catchment's own word
    return text or "pond"


def _standing(line: LineStatus) -> Iterable[Trigger]:
    if (trigger := line["trigger"]) is not None:
        bound = timedelta(seconds=trigger["bound"]) if "bound" in trigger else None
        yield Trigger(Line(line["line"]), trigger["kind"], bound)


def _window(told: WindowTold) -> Window:
    return Window(
        told["name"],
        from_text(told["start"]),
        timedelta(seconds=told["every"]),
        timedelta(seconds=told["duration"]),
        frozenset(told["on"]),
        from_text(told["until"]) if told["until"] else None,
        told.get("tz", ""),
        told.get("cron", ""),
    )


def _took(client: Client, line: LineStatus) -> Mapping[tuple[Line, str], timedelta]:
    """Of each Ripple, in the line's last successful run."""
    runs = client.runs(line["pond"], major=line["major"], status="success", limit=1)
    if not runs:
        return {}
    took: dict[tuple[Line, str], timedelta] = {}
    for attempt in client.run(runs[0]["run"])["attempts"]:
        if attempt["status"] == "success" and attempt["started"] and attempt["finished"]:
            length = _instant(attempt["finished"]) - _instant(attempt["started"])
            took[Line(line["line"]), attempt["ripple"]] = max(length, timedelta())
    return took


def _instant(text: str) -> Instant:
    return from_text(text)


def together(deployed: Found, local: Found) -> Found:
    """The Ponds of the folder in the place of the deployed ones of the same line."""
    return Found(
        {**deployed.releases, **local.releases}, deployed.triggers, deployed.windows, deployed.takes
    )
