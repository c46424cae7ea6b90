"""The end-to-end tests of one process share a Catchment, in which a Pond's name stands for one
Pond.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

E2E = Path(__file__).parents[1] / "e2e"


def test_each_pond_of_the_end_to_end_tests_belongs_to_one_file():
    """Which files meet in one process changes from run to run."""
    files = defaultdict(set)
    for path in E2E.glob("test_*.py"):
        for name in re.findall(r'driver\.pond\(\s*"(\w+)"', path.read_text()):
            files[name].add(path.name)
    assert len(files) > 50
    assert {name: sorted(found) for name, found in files.items() if len(found) > 1} == {}
