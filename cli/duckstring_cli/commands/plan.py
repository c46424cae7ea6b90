"""``duckstring plan``: what a deploy would change. Nothing is written, and nothing uploaded."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from duckstring_cli import render
from duckstring_cli.commands.check import Folders, folders, show_findings
from duckstring_cli.commands.options import AsJson, CatchmentName, open_client
from duckstring_cli.errors import REFUSED, BadInputError

AsMarkdown = Annotated[
    bool, typer.Option("--markdown", help="Print it as Markdown, for a pull request.")
]


def plan(
    paths: Folders = None,
    as_markdown: AsMarkdown = False,
    as_json: AsJson = False,
    catchment: CatchmentName = None,
) -> None:
    """Show what a deploy of these Ponds would change, and what would run because of it.

    Nothing is written, and nothing uploaded. The exit code is 1 if the deploy or a run would fail.
    """
    show_plan(folders(paths or [Path()]), catchment, as_json=as_json, as_markdown=as_markdown)


def show_plan(
    roots: list[Path], catchment: str | None, *, as_json: bool, as_markdown: bool
) -> None:
    """Make the plan and print it.

    Raises:
        Exit: with 1, if something would fail.
        OperatorError: the Catchment does not answer.
    """
    if as_json and as_markdown:
        raise BadInputError("Give --json or --markdown, not both.")
    from duckstring_cli.checking import plan_text
    from duckstring_cli.checking.findings import would_fail
    from duckstring_cli.checking.plan import plan as make
    from duckstring_cli.checking.remote import Remote

    remote = Remote(open_client(catchment))
    with render.steps() as step:
        made = make(roots, remote, step)
    if as_json:
        render.print_json(made.answer())
    elif as_markdown:
        sys.stdout.write(plan_text.as_markdown(made))
    else:
        for style, line in plan_text.as_text(made):
            render.out().print(line, style=style or None, markup=False, soft_wrap=True)
        show_findings(made.checked.findings)
        render.say("Nothing was changed.")
    if would_fail(made.checked.findings):
        raise typer.Exit(REFUSED)
