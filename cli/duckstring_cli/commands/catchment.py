"""``duckstring catchment``: Catchments on this machine and in AWS accounts."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from duckstring.errors import OperatorError
from duckstring_cli import catchments, render
from duckstring_cli.catchments import Catchment
from duckstring_cli.client import Client
from duckstring_cli.commands import backup, way_back
from duckstring_cli.commands.options import AsJson, CatchmentName
from duckstring_cli.errors import BadInputError
from duckstring_cli.render import escape

if TYPE_CHECKING:
    from duckstring_cli.local.deployment import Source

app = typer.Typer(help="Catchments: on this machine, and in AWS accounts.", no_args_is_help=True)

Named = Annotated[
    str | None,
    typer.Argument(
        metavar="NAME", show_default=False, help="The Catchment; otherwise the default one."
    ),
]
MustName = Annotated[str, typer.Argument(metavar="NAME", show_default=False, help="The Catchment.")]
Arrivals = Annotated[
    str | None,
    typer.Option(
        "--arrivals",
        "-a",
        metavar="BUCKETS",
        help="Buckets whose new objects may trigger Ponds, with commas between.",
    ),
]
FunctionTimeout = Annotated[
    int | None,
    typer.Option(
        "--function-timeout",
        metavar="SECONDS",
        help="How long a Ripple may run in the function before it goes on as a task.",
    ),
]
Iam = Annotated[
    bool | None,
    typer.Option(
        "--iam/--no-iam",
        help="Refuse functions and tasks what their roles do not allow, as AWS does.",
    ),
]
Iceberg = Annotated[
    bool | None,
    typer.Option(
        "--iceberg/--no-iceberg",
        help="Show what is published as Iceberg tables in Glue, too: docs/lake.md.",
    ),
]
OpenLineage = Annotated[
    str | None,
    typer.Option(
        "--openlineage",
        metavar="URL",
        help="Tell this address of runs and tables, as OpenLineage; off: nobody. docs/lineage.md.",
    ),
]
Option = Annotated[
    str | None,
    typer.Option(
        "--catchment", "-c", metavar="NAME", envvar="DUCKSTRING_CATCHMENT", help="The same as NAME."
    ),
]


@app.command(
    epilog=(
        "Example: duckstring catchment init --name dev --requirements requirements.txt "
        "--env-file dev.env"
    )
)
def init(
    name: Annotated[
        str, typer.Option("--name", "-n", metavar="NAME", help="What to call it.")
    ] = "dev",
    requirements: Annotated[
        Path | None,
        typer.Option("--requirements", "-r", metavar="FILE", help="What its Ripples may import."),
    ] = None,
    env_file: Annotated[
        Path | None,
        typer.Option(
            "--env-file", "-e", metavar="FILE", help="KEY=value lines: its Ripples' environment."
        ),
    ] = None,
    arrivals: Arrivals = None,
    function_timeout: FunctionTimeout = None,
    iam: Iam = None,
    iceberg: Iceberg = None,
    openlineage: OpenLineage = None,
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            "-p",
            metavar="N",
            min=1,
            max=65535,
            help="Its port on 127.0.0.1; otherwise a free one.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Set up a Catchment on this machine."""
    from duckstring_cli.local import catchment as local

    made = local.init(
        name,
        requirements=requirements,
        environment=env_file,
        arrivals=arrivals,
        function_timeout=function_timeout,
        iam=iam,
        iceberg=iceberg,
        openlineage=openlineage,
        port=port,
        on_notice=render.warn,
    )
    if as_json:
        render.print_json(_row(made, catchments.default()))
        return
    render.say(f"[green]✓[/] Catchment [bold]{name}[/] is set up")
    render.err().print(f"[dim]Next: duckstring catchment start {name}[/]")


@app.command(epilog="Example: duckstring catchment configure dev --requirements requirements.txt")
def configure(
    name: Named = None,
    requirements: Annotated[
        Path | None,
        typer.Option("--requirements", "-r", metavar="FILE", help="What its Ripples may import."),
    ] = None,
    env_file: Annotated[
        Path | None,
        typer.Option(
            "--env-file", "-e", metavar="FILE", help="KEY=value lines: its Ripples' environment."
        ),
    ] = None,
    arrivals: Arrivals = None,
    function_timeout: FunctionTimeout = None,
    iam: Iam = None,
    iceberg: Iceberg = None,
    openlineage: OpenLineage = None,
    as_json: AsJson = False,
    catchment: Option = None,
) -> None:
    """Replace what a Catchment on this machine was given; without options, show it."""
    from duckstring_cli.local import catchment as local

    held = catchments.find(name or catchment)
    kept = local.configure(
        held.name,
        requirements=requirements,
        environment=env_file,
        arrivals=arrivals,
        function_timeout=function_timeout,
        iam=iam,
        iceberg=iceberg,
        openlineage=openlineage,
    )
    if as_json:
        render.print_json(_given(kept))
        return
    for what, path in (("requirements", kept.requirements), ("environment", kept.environment)):
        render.say(f"{what}: {escape(str(path)) if path.exists() else 'none'}")
    render.say(
        "arrivals: "
        f"{(kept.arrivals.read_text(encoding='utf-8') if kept.arrivals.exists() else '') or 'none'}"
    )
    limit = (
        kept.function_timeout.read_text(encoding="utf-8")
        if kept.function_timeout.exists()
        else "900"
    )
    render.say(f"function timeout: {limit} seconds")
    render.say(f"roles: {'enforced' if kept.enforces_iam else 'not enforced'}")
    render.say(f"Iceberg tables: {'yes' if kept.has_iceberg else 'no'}")
    told = kept.openlineage.read_text(encoding="utf-8") if kept.openlineage.exists() else ""
    render.say(f"OpenLineage: {escape(told) or 'off'}")
    options = (arrivals, function_timeout, iam, iceberg, openlineage)
    if requirements or env_file or any(one is not None for one in options):
        render.say(f"[green]✓[/] Catchment [bold]{held.name}[/] uses this from its next start on")
        render.err().print(f"[dim]Next: duckstring catchment start {held.name}[/]")


@app.command(epilog="Example: duckstring catchment requirements requirements.txt")
def requirements(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", show_default=False, help="What Ripples may import.")
    ],
    as_json: AsJson = False,
    catchment: CatchmentName = None,
) -> None:
    """Replace the packages of Ripples, and nothing else of the stack.

    They count from the next attempt on. What is asked for is kept for later starts. If it cannot be
    installed, nothing changes.
    """
    from duckstring_cli.local.packages import replace_packages

    held = catchments.find(catchment)
    if held.kind != "local":
        raise OperatorError(
            f"Catchment {held.name!r} runs in AWS: its packages are set where it is deployed.",
            hint=(
                f"Deploy it with its other options and -c requirements={file}: of the stack only "
                "what differs is changed."
            ),
        )
    with render.steps() as step:
        outcome = replace_packages(held.name, file, step, render.warn)
    if as_json:
        render.print_json({"catchment": held.name, "outcome": outcome})
        return
    told = {
        "same": "has these packages already",
        "kept": "uses these packages from its next start on",
        "deployed": "uses these packages from the next attempt on",
    }
    render.say(f"[green]✓[/] Catchment [bold]{held.name}[/] {told[outcome]}")


@app.command(epilog="Example: duckstring catchment prepare")
def prepare() -> None:
    """Install what Catchments on this machine share, so that the first start is quick.

    The AWS emulator, the CDK and the functions' layers. A start does it as well, where it is not
    done yet.
    """
    from duckstring_cli.local import catchment as local

    with render.steps() as step:
        local.prepare(step)


@app.command(epilog="Example: duckstring catchment start dev")
def start(name: Named = None, as_json: AsJson = False, catchment: Option = None) -> None:
    """Start it. It goes on where it stopped."""
    held = catchments.find(name or catchment)
    with render.steps() as step:
        bring_up(held.name, step)
    if as_json:
        render.print_json(_row(catchments.find(held.name), catchments.default()))
        return
    render.say(
        f"[green]✓[/] Catchment [bold]{held.name}[/] runs at {catchments.find(held.name).endpoint}"
    )


@app.command(epilog="Example: duckstring catchment stop dev")
def stop(name: Named = None, as_json: AsJson = False, catchment: Option = None) -> None:
    """Stop it. It keeps everything that it knows."""
    from duckstring_cli.local import catchment as local

    held = catchments.find(name or catchment)
    with render.steps() as step:
        step(f"Stopping {held.name}")
        ran = local.stop(held.name)
    if as_json:
        render.print_json(_row(held, catchments.default()) | {"was_running": ran})
        return
    render.say(
        f"[green]✓[/] Catchment [bold]{held.name}[/] {'is stopped' if ran else 'was not running'}"
    )


@app.command(epilog="Example: duckstring catchment env dev")
def env(name: Named = None, as_json: AsJson = False, catchment: Option = None) -> None:
    """Print the environment with which the AWS CLI, boto3 and others reach a Catchment on this
    machine.

    These values permit everything in the Catchment: they are for you alone.
    """
    held = catchments.find(name or catchment)
    if held.kind != "local":
        profile = f" --profile {held.profile}" if held.profile else ""
        raise BadInputError(
            f"Catchment {held.name!r} runs in AWS.",
            hint=f"Use your own AWS credentials: aws{profile} ...",
        )
    key = catchments.require_running(held)
    found = {
        "AWS_ENDPOINT_URL": str(held.endpoint),
        "AWS_ACCESS_KEY_ID": key.access_key_id,
        "AWS_SECRET_ACCESS_KEY": key.secret_access_key,
        "AWS_REGION": held.region,
        "AWS_DEFAULT_REGION": held.region,
    }
    if as_json:
        render.print_json(found)
        return
    # A profile or a session of the user's would be taken before or beside these.
    sys.stdout.write(
        "".join(f"export {key}={shlex.quote(value)}\n" for key, value in found.items())
    )
    sys.stdout.write("unset AWS_PROFILE AWS_SESSION_TOKEN\n")


@app.command(
    epilog=(
        "Example: duckstring catchment connect --name prod --stack Duckstring-prod --profile "
        "work --region eu-central-1"
    )
)
def connect(
    name: Annotated[
        str, typer.Option("--name", "-n", metavar="NAME", help="What to call it here.")
    ],
    stack: Annotated[
        str, typer.Option("--stack", "-s", metavar="STACK", help="Its CloudFormation stack.")
    ],
    profile: Annotated[
        str | None, typer.Option("--profile", metavar="PROFILE", help="The AWS profile to use.")
    ] = None,
    region: Annotated[
        str | None, typer.Option("--region", metavar="REGION", help="The AWS region it is in.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a Catchment in an AWS account known here."""
    catchments.connect(name, stack=stack, profile=profile or "", region=region or "")
    answer = Client(catchments.find(name)).hello()
    if as_json:
        render.print_json(_row(catchments.find(name), catchments.default()) | dict(answer))
        return
    render.say(
        f"[green]✓[/] Catchment [bold]{name}[/] answers: {answer['lines']} Ponds, version "
        f"{answer['version']}"
    )


@app.command("list", epilog="Example: duckstring catchment list")
def list_(as_json: AsJson = False) -> None:
    """The Catchments known here; the default one is marked."""
    from rich.text import Text

    held, default = catchments.catchments(), catchments.default()
    if as_json:
        render.print_json([_row(one, default) for one in held])
        return
    if not held:
        render.say(
            "No Catchment yet. Set one up with: [bold]duckstring catchment init --name dev[/]"
        )
        return
    made = render.table("", "NAME", "KIND", "STATE", "WHERE", last="wrapped")
    for one in held:
        row = _row(one, default)
        made.add_row(
            "*" if row["default"] else "",
            one.name,
            one.kind,
            render.word("running" if row["state"] == "running" else "", str(row["state"])),
            Text(str(row["where"])),
        )
    render.out().print(made)


@app.command("set-default", epilog="Example: duckstring catchment set-default prod")
def set_default(name: MustName, as_json: AsJson = False) -> None:
    """Use this Catchment where none is named."""
    catchments.set_default(name)
    if as_json:
        render.print_json(_row(catchments.find(name), name))
        return
    render.say(f"[green]✓[/] [bold]{name}[/] is the default Catchment")


@app.command(epilog="Example: duckstring catchment disconnect prod")
def disconnect(name: MustName, as_json: AsJson = False) -> None:
    """Forget a Catchment. Nothing is removed where it is; one on this machine must be stopped."""
    from duckstring_cli.local import catchment as local

    local.disconnect(name)
    if as_json:
        render.print_json({"name": name, "default": catchments.default()})
        return
    render.say(f"[green]✓[/] [bold]{name}[/] is forgotten here")


def _given(kept: Source) -> dict[str, object]:
    """What a local Catchment was given; None: nothing."""

    def text(path: Path) -> str | None:
        return path.read_text(encoding="utf-8") if path.exists() else None

    return {
        "name": kept.name,
        "requirements": str(kept.requirements) if kept.requirements.exists() else None,
        "environment": str(kept.environment) if kept.environment.exists() else None,
        "arrivals": text(kept.arrivals),
        "function_timeout_seconds": int(text(kept.function_timeout) or 900),
        "iam": kept.enforces_iam,
        "iceberg": kept.has_iceberg,
        "openlineage": text(kept.openlineage) or None,
    }


def _row(held: Catchment, default: str | None) -> dict[str, object]:
    where = (
        held.endpoint
        if held.kind == "local"
        else " ".join(
            filter(None, (held.stack, held.region, held.profile and f"profile {held.profile}"))
        )
    )
    return {
        "name": held.name,
        "default": held.name == default,
        "kind": held.kind,
        "state": _state(held),
        "where": where or "",
    }


def _state(held: Catchment) -> str:
    if held.kind != "local":
        return "connected"
    from duckstring_cli.local import catchment as local

    return "running" if local.status(held.name).running else "stopped"


def bring_up(name: str, step: render.OnStep) -> None:
    """Start a local Catchment, and say what its owner should know."""
    from duckstring_cli.local import catchment as local

    local.start(name, step, render.warn)


for _command, _example in (
    (way_back.protect, "duckstring catchment protect prod"),
    (way_back.destroy, "duckstring catchment destroy prod"),
    (backup.backup, "duckstring catchment backup prod --to s3://my-backups/prod-2030-01-31"),
    (backup.restore, "duckstring catchment restore prod --from s3://my-backups/prod-2030-01-31"),
):
    app.command(epilog=f"Example: {_example}")(_command)
