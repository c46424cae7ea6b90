"""Where the stack lies that a Catchment is deployed from, and ``cdk``'s way to it:
``--app "python -m duckstring_cli.stack"``.

The stack (``infra``) and the functions are programs of their own. In a checkout they are folders at
its top; an installed wheel has them inside this package, so that nothing of ours lies at the top of
site-packages but ``duckstring`` and ``duckstring_cli``.
"""

from __future__ import annotations

import runpy
import sys
from importlib.util import find_spec
from pathlib import Path

from duckstring.errors import DuckstringError, InvariantError, OperatorError


def folder() -> Path:
    """The folder that holds ``infra`` and ``functions``.

    Raises:
        InvariantError: there is none.
    """
    here = Path(__file__)
    for place in (here.with_name("_stack"), here.parents[2]):
        if (place / "infra" / "app.py").is_file() and (place / "functions").is_dir():
            return place
    raise InvariantError(
        "The stack of a Catchment is not installed.", hint="Install duckstring-aws again."
    )


def package_folder(name: str) -> Path:
    """Where a package lies that goes into a Catchment. It is not imported: the functions are
    other programs.
    """
    if name != "duckstring":
        return folder() / name
    found = find_spec(name)
    assert found is not None  # noqa: S101 - this module has imported it
    assert found.origin is not None  # noqa: S101
    return Path(found.origin).parent


def need(module: str, extra: str, what: str) -> None:
    """Refuse to go on without what an extra brings.

    Raises:
        OperatorError: ``module`` is not installed.
    """
    if find_spec(module) is None:
        raise OperatorError(
            f"{what} needs more than this installation has.",
            hint=f"Install it: pip install 'duckstring-aws[{extra}]'",
        )


def main() -> int:
    """``python -m infra.app``, from wherever it lies. The context is the CDK's own:
    ``cdk deploy -c catchment=prod``.
    """
    try:
        need("aws_cdk", "aws", "Deploying a Catchment")
        sys.path.insert(0, str(folder()))
    except DuckstringError as error:
        sys.stderr.write(f"{error.message} {error.hint}\n")
        return 2
    runpy.run_module("infra.app", run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main())
