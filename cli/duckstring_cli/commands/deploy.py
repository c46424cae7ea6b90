"""``duckstring deploy``: put Ponds into a Catchment. Nothing runs because of it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from duckstring.errors import OperatorError
from duckstring.model import names
from duckstring.model.answers.changes import DeployAnswer, DeployedPond
from duckstring.model.names import Line
from duckstring_cli import render
from duckstring_cli.catchments import Catchment
from duckstring_cli.commands.options import (
    AsJson,
    CatchmentName,
    Note,
    open_client,
    repeated,
    typed,
)
from duckstring_cli.commands.plan import show_plan
from duckstring_cli.render import escape

if TYPE_CHECKING:
    from rich.text import Text

    from duckstring_cli.checking.findings import Finding
    from duckstring_cli.client import Client
    from duckstring_cli.deploying import Project
    from duckstring_cli.render import OnStep

_FEW = 4


def deploy(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PATH", show_default=False, help="A Pond's folder; otherwise this one."
        ),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Every Pond in PATH and below, all of them or none.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask before changing a Catchment in AWS.")
    ] = False,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Replace a version that is deployed with other contents."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what it would change: duckstring plan.")
    ] = False,
    note: Note = None,
    as_json: AsJson = False,
    catchment: CatchmentName = None,
) -> None:
    """Check, package and deploy Ponds.

    With --all, every Pond of a folder tree in one step: all of them or none. Nothing runs because
    of it.
    """
    from duckstring_cli import deploying

    found = deploying.roots(deploying.one_path(paths or []), tree=every)
    if dry_run:
        show_plan(found, catchment, as_json=as_json, as_markdown=False)
        return
    projects = deploying.read(found)
    client = open_client(catchment, note=note)
    _confirm(
        client.catchment, [f"{project.name} {project.version}" for project in projects], yes=yes
    )
    with render.steps() as step:
        expected = _expected_failures(projects, client, step)
    if expected:
        _ask_all_the_same(expected, yes=yes)
    with render.steps() as step:
        answer = deploying.deploy(client, projects, overwrite=overwrite, on_step=step)
    if as_json:
        render.print_json(answer)
    else:
        show(answer)
        _next_steps(answer, repeated(catchment))


def _confirm(catchment: Catchment, ponds: list[str], *, yes: bool) -> None:
    if yes or catchment.kind == "local":
        return
    what = ", ".join(ponds)
    if not sys.stdin.isatty():
        raise OperatorError(
            f"Catchment {catchment.name!r} is in AWS: not deploying {what} without confirmation.",
            hint="Say it with: -y",
        )
    where = " ".join(filter(None, (catchment.stack, catchment.region)))
    if not typer.confirm(f"Deploy {what} to Catchment {catchment.name!r} ({where})?", err=True):
        raise OperatorError("Nothing was deployed.")


def _expected_failures(projects: Sequence[Project], client: Client, step: OnStep) -> list[Finding]:
    """Why runs of the new versions would fail, as far as files and published tables tell: where a
    line has data already, that takes it and its Sinks down. What the Catchment itself refuses is
    left to it. A user who may deploy need not have the right to read the tables.
    """
    from duckstring_cli.checking.check import check
    from duckstring_cli.checking.plan import broken_contracts
    from duckstring_cli.checking.remote import Remote

    remote = Remote(client)
    roots = [
        project.root
        for project in projects
        if (held := remote.deployed(_line(project))) and held["tables"]
    ]
    if not roots:
        return []
    try:
        checked = check(roots, remote, step)
        found = [*checked.findings, *broken_contracts(checked, remote)]
    except OperatorError as error:
        render.warn(f"What the deploy does to published tables was not checked: {error.message}")
        return []
    known = {pond.name for pond in checked.ponds if pond.ripples is not None}
    return [one for one in found if one.level == "error" and one.pond in known]


def _line(project: Project) -> Line:
    return names.line(project.name, int(project.version.partition(".")[0]))


def _ask_all_the_same(expected: Sequence[Finding], *, yes: bool) -> None:
    for one in expected:
        render.warn(one.line())
    if sys.stdin.isatty() and not yes:
        runs = "A run would fail" if len(expected) == 1 else "Runs would fail"
        if not typer.confirm(f"{runs}. Deploy all the same?", err=True):
            raise OperatorError("Nothing was deployed.")


def show(answer: DeployAnswer) -> None:
    """What the deploy did, line by line."""
    console = render.out()
    made = render.table("POND", "VERSION", "RESULT", "RIPPLES", "SOURCES", last="wrapped")
    for pond in answer["ponds"]:
        made.add_row(
            pond["line"],
            pond["version"],
            _result(pond),
            _listed(pond["ripples"], narrow=console.width < render.NARROW),
            ", ".join(pond["sources"]),
        )
    console.print(made)
    for pond in answer["ponds"]:
        for warning in pond["warnings"]:
            render.warn(warning)


def _result(pond: DeployedPond) -> Text:
    """What became of it: a version that a run in flight holds back does not run yet."""
    if waits := pond.get("waits_for"):
        return render.word("waiting", f"waits for {render.first_of(waits)}")
    return (
        render.word("undeployed", "unchanged")
        if pond["unchanged"]
        else render.word("success", "deployed")
    )


def _listed(ripples: list[str], *, narrow: bool) -> str:
    if narrow:
        return str(len(ripples))
    return (
        ", ".join(ripples)
        if len(ripples) <= _FEW
        else f"{', '.join(ripples[: _FEW - 1])} and {len(ripples) - _FEW + 1} more"
    )


def _next_steps(answer: DeployAnswer, named: str) -> None:
    sources = {source for pond in answer["ponds"] for source in pond["sources"]}
    ponds = [
        pond for pond in answer["ponds"] if not pond["killed"]
    ]  # those would not run: their warning says what to do
    if not ponds:
        return
    last = next(
        (pond["line"] for pond in reversed(ponds) if pond["line"] not in sources), ponds[-1]["line"]
    )
    default = next(pond.get("default", False) for pond in ponds if pond["line"] == last)
    pond = last.partition("@")[0] if default else typed(last)
    render.err().print(
        f"[dim]Next: duckstring trigger pulse {pond} --watch{escape(named)}[/]", soft_wrap=True
    )
