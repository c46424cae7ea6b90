"""``duckstring pond check``: what is wrong with Ponds, without a deploy."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from duckstring.errors import OperatorError
from duckstring_cli import render
from duckstring_cli.commands.options import AsJson, CatchmentName, open_client
from duckstring_cli.errors import REFUSED, BadInputError

if TYPE_CHECKING:
    from duckstring_cli.checking.check import Checked
    from duckstring_cli.checking.findings import Finding
    from duckstring_cli.checking.remote import Remote

Folders = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="DIR",
        show_default=False,
        help="A Pond's folder, or one with several below; otherwise this one.",
    ),
]
_STYLES = {"error": "bold red", "warning": "yellow", "note": "dim"}


def check(
    paths: Folders = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Ask no Catchment: look at the files alone.")
    ] = False,
    as_json: AsJson = False,
    catchment: CatchmentName = None,
) -> None:
    """Check Ponds without deploying them: pond.toml, imports, Ripples, tables and columns.

    Nothing runs but the import of the Python module, in a process of its own. A Catchment is asked
    for the tables of Sources, if one is known and answers.
    """
    from duckstring_cli.checking.check import check as look
    from duckstring_cli.checking.findings import Finding, would_fail
    from duckstring_cli.checking.plan import broken_contracts

    if offline and catchment not in {None, os.environ.get("DUCKSTRING_CATCHMENT")}:
        raise BadInputError("Give --offline or --catchment, not both.")
    roots = folders(paths or [Path()])
    with render.steps() as step:
        remote, why = (None, "") if offline else reach(catchment)
        checked = look(roots, remote, step)
        if remote is not None:
            checked.findings += broken_contracts(checked, remote)
    if why:
        checked.findings.append(Finding("note", "", "", f"No Catchment was asked: {why}"))
    show(checked, as_json=as_json)
    if would_fail(checked.findings):
        raise typer.Exit(REFUSED)


def folders(paths: list[Path]) -> list[Path]:
    """The projects in and below the given folders.

    Raises:
        BadInputError: a folder does not exist, or has none.
    """
    from duckstring_cli import deploying

    found: dict[Path, Path] = {}
    for path in paths:
        is_one = path.name == deploying.MANIFEST or (path / deploying.MANIFEST).is_file()
        for root in deploying.roots(path, tree=not is_one):
            found.setdefault(root.resolve(), root)
    return list(found.values())


def reach(name: str | None) -> tuple[Remote | None, str]:
    """The Catchment, or why there is none to ask.

    Raises:
        OperatorError: the one that was named does not answer.
    """
    from duckstring_cli.checking.remote import Remote

    try:
        return Remote(open_client(name)), ""
    except OperatorError as error:
        if name is not None:
            raise
        return None, error.message


def show(checked: Checked, *, as_json: bool) -> None:
    """Print the findings, worst first in each project, and a last line that counts them."""
    if as_json:
        ponds = [{"line": one.line, "version": one.pondfile.pond.version} for one in checked.ponds]
        rows = [one.row() for one in checked.findings]
        render.print_json({"ponds": ponds, "findings": rows})
        return
    show_findings(checked.findings)
    render.say(_summary(checked))


def show_findings(findings: list[Finding]) -> None:
    """One line each."""
    from rich.text import Text

    for one in findings:
        line = Text(f"{one.level}: ", style=_STYLES[one.level])
        render.out().print(line.append(one.line(), style="default"), soft_wrap=True)


def _summary(checked: Checked) -> str:
    counts = Counter(one.level for one in checked.findings)
    ponds = "1 Pond" if len(checked.ponds) == 1 else f"{len(checked.ponds)} Ponds"
    said = ", ".join(
        f"{counts[level]} {level}{'' if counts[level] == 1 else 's'}"
        for level in ("error", "warning", "note")
        if counts[level]
    )
    mark = "[red]✗[/]" if counts["error"] else "[green]✓[/]"
    return f"{mark} {ponds} checked: {said or 'nothing is wrong'}"
