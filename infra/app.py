"""``cdk synth``: one stack for the Catchment that the context names. Makes no AWS call."""

from __future__ import annotations

import sys

from aws_cdk import App

from duckstring.errors import OperatorError
from infra.code import Code
from infra.config import Config
from infra.stack import CatchmentStack


def main() -> int:
    """Write the cloud assembly."""
    app = App()
    try:
        config = Config.read(app.node.try_get_context)
        CatchmentStack(app, config=config, code=Code.build(config))
    except OperatorError as error:
        sys.stderr.write(f"{error.message} {error.hint}\n")
        return 2
    app.synth()
    return 0


if __name__ == "__main__":
    sys.exit(main())
