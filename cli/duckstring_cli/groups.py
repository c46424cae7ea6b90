"""The ``duckstring`` command: its groups.

A command line needs the modules of one group. The others are not imported, and the list of commands
is made of the summaries here (a test compares them with the groups' own words). Nor is
``typing_extensions`` imported, which has ``override``.
"""

from __future__ import annotations

import sys
from collections import UserDict
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from duckstring import __version__
from duckstring_cli.lean import spare_pydantic

if TYPE_CHECKING:
    from typer._click import Command, Context, HelpFormatter


@dataclass(frozen=True, slots=True)
class Entry:
    """A command or a group of commands, before its module is imported.

    ``home``: a module of ``duckstring_cli.commands``, and after a colon the function in it; without
    one it is the module's group, ``app``. ``example``: what stands below the command's help.
    """

    name: str
    home: str
    summary: str
    example: str = ""

    def load(self) -> Command:
        """The command itself."""
        from typer.main import get_command

        module, _, function = self.home.partition(":")
        found = import_module(f"duckstring_cli.commands.{module}")
        parent = typer.Typer(
            add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
        )
        if function:
            parent.command(self.name, epilog=self.example)(getattr(found, function))
            return get_command(parent)
        parent.add_typer(found.app, name=self.name)
        group: Any = get_command(parent)
        loaded: Command = group.commands[self.name]
        return loaded


ENTRIES = (
    Entry(
        "init",
        "init:init",
        "Write a workspace for several Ponds, with a workflow for CI.",
        "Example: duckstring init shop",
    ),
    Entry("catchment", "catchment", "Catchments: on this machine, and in AWS accounts."),
    Entry("pond", "pond", "A Pond's project; taking a Pond out of a Catchment."),
    Entry("puddle", "puddle", "Tables of a Pond on this machine: inputs, outputs, recorded rows."),
    Entry(
        "simulate",
        "simulate:simulate",
        "Show what triggers would make run.",
        "Example: duckstring simulate --wave reports --takes sales=2m",
    ),
    Entry(
        "plan",
        "plan:plan",
        "Show what a deploy of these Ponds would change, and what would run because of it.",
        "Example: duckstring plan . --markdown",
    ),
    Entry(
        "deploy",
        "deploy:deploy",
        "Check, package and deploy Ponds.",
        "Example: duckstring deploy . --all",
    ),
    Entry("trigger", "trigger", "Ask for data: once, always, or within a bound."),
    Entry(
        "control",
        "control",
        "Operate a Pond: wake, force, sleep, kill, clear, and more.",
    ),
    Entry("alert", "alert", "Tell people of failures and of data that is too old."),
    Entry("limit", "limit", "How many attempts use something at once, over all Ponds."),
    Entry(
        "tag",
        "tag:tag",
        "Tags of Ponds, such as team=sales, to select by (-t).",
        "Example: duckstring tag reports team=sales",
    ),
    Entry(
        "maintenance",
        "maintenance",
        "Hold new runs in the whole Catchment, for maintenance.",
    ),
    Entry("env", "env", "Settings of Ponds that may be shown: for one Pond, or for all."),
    Entry("secret", "secret", "Passwords and tokens: each Pond sees its own, and those of all."),
    Entry(
        "status",
        "status:status",
        "What every Pond is doing, live.",
        "Example: duckstring status reports --once",
    ),
    Entry(
        "why",
        "why:why",
        "Why a Pond runs, waits, is blocked or stale, and what would change it.",
        "Example: duckstring why reports --at 10:42",
    ),
    Entry(
        "replay",
        "replay:replay",
        "Step through what a Pond was told, and what it did.",
        "Example: duckstring replay reports --from 10:30 --until 10:42",
    ),
    Entry(
        "runs",
        "runs:runs",
        "What ran, newest first.",
        "Example: duckstring runs sales --status failed --limit 5",
    ),
    Entry("run", "runs", "One run closely."),
    Entry(
        "audit",
        "audit:audit",
        "Who changed what, and why, newest first.",
        "Example: duckstring audit sales --since 2d",
    ),
    Entry(
        "cost",
        "cost:cost",
        "What runs cost, and who asked for them.",
        "Example: duckstring cost --since 7d --by trigger",
    ),
    Entry(
        "logs",
        "logs:logs",
        "What a run's Ripples said, from CloudWatch Logs.",
        "Example: duckstring logs sales@1/42 load --follow",
    ),
    Entry("doctor", "doctor", "Find out what is wrong with a Catchment."),
    Entry(
        "query",
        "query:query",
        "Read what a Pond has published.",
        'Example: duckstring query reports --sql "SELECT count(*) FROM worst_routes"',
    ),
    Entry(
        "sql",
        "sql:sql",
        "Read the tables of all Ponds with SQL, or in a shell.",
        'Example: duckstring sql "FROM sales.orders JOIN products_v1.prices USING (product)"',
    ),
    Entry(
        "get",
        "query:get",
        "Save a published table to a file.",
        "Example: duckstring get reports worst_routes routes.csv",
    ),
    Entry(
        "diff",
        "diff:diff",
        "Compare two versions of a table: columns, and rows added, removed and changed.",
        "Example: duckstring diff sales orders 2d --key id",
    ),
    Entry(
        "snapshots",
        "snapshots:snapshots",
        "The snapshots of a Pond that are kept, newest first.",
        "Example: duckstring snapshots sales --limit 5",
    ),
    Entry(
        "lake",
        "lake:lake",
        "Show where the lake lies: all published tables as one DuckLake catalog.",
        "Example: duckstring lake --sql",
    ),
    Entry(
        "publish",
        "publish:publish",
        "Publish an earlier snapshot of a Pond again.",
        "Example: duckstring publish sales --at 2d --dry-run",
    ),
    Entry(
        "check",
        "check_published:check",
        "Make the checks of a deployed Pond on what it has published now.",
        "Example: duckstring check sales --json",
    ),
    Entry(
        "lineage",
        "lineage:lineage",
        "Show which tables a Pond's tables come from, and which come of them.",
        "Example: duckstring lineage reports.worst_routes --up",
    ),
    Entry(
        "trace",
        "trace:trace",
        "Show which runs, packages and Source snapshots rows of a table came through.",
        "Example: duckstring trace reports worst_routes --where \"carrier = 'UA'\"",
    ),
    Entry(
        "contract",
        "contract:contract",
        "Write what a Pond promises as a data contract (Open Data Contract Standard).",
        "Example: duckstring contract sales --file sales.odcs.yaml",
    ),
    Entry(
        "ui",
        "ui:ui",
        "Show a Catchment in the browser: its pipeline, runs and tables, with all actions.",
        "Example: duckstring ui --read-only",
    ),
    Entry(
        "completion",
        "completion:completion",
        "Print what completes command lines in a shell, for duckstring and ds.",
        "Example: duckstring completion bash --install",
    ),
    Entry(
        "demo",
        "demo:demo",
        "From nothing to a report, in one go.",
        "Example: duckstring demo",
    ),
)


class Loading(UserDict[str, Any]):
    """Commands by name, each imported when it is first asked for."""

    def __getitem__(self, name: str) -> Any:  # type: ignore[explicit-override]  # noqa: ANN401, D105
        held = super().__getitem__(name)
        if isinstance(held, Entry):
            held = self.data[name] = held.load()
        return held


class Groups(TyperGroup):
    """The top of the command."""

    def __init__(self, **named: Any) -> None:  # noqa: ANN401 - whatever Typer gives
        super().__init__(**named)
        self.commands = Loading({entry.name: entry for entry in ENTRIES})

    def format_commands(  # type: ignore[explicit-override]
        self, ctx: Context, formatter: HelpFormatter
    ) -> None:
        """The list of commands, without importing any."""
        listed = TyperGroup(
            name=self.name,
            commands=[TyperCommand(one.name, help=one.summary) for one in ENTRIES],
            rich_markup_mode=None,
        )
        listed.format_commands(ctx, formatter)


spare_pydantic()
app = typer.Typer(
    name="duckstring",
    cls=Groups,
    help=(
        "Coordinate data pipelines by demand: a serverless Catchment, on this machine or in your "
        "own AWS account."
    ),
    epilog="Begin with: duckstring demo",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        sys.stdout.write(f"duckstring {__version__}\n")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Coordinate data pipelines by demand: a serverless Catchment, on this machine or in your
    own AWS account.
    """


@cache
def whole() -> Any:  # noqa: ANN401 - one of Typer's groups
    """The whole command with all its groups, made once in a process."""
    from typer.main import get_command

    return get_command(app)
