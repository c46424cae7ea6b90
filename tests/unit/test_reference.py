"""docs/reference/ says what the code says."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import get_args

import pytest

from duckstring.model.events import PondEvent

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def reference():
    spec = importlib.util.spec_from_file_location("reference", DOCS / "reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["cli.md", "pond-toml.md", "api.md", "events.md"])
def test_the_committed_pages_are_those_of_the_code(reference, name):
    written = (DOCS / "reference" / name).read_text(encoding="utf-8")

    assert written == reference.pages()[name], "write them with: make docs"


def test_every_page_of_the_docs_is_in_the_site(reference):
    navigation = (DOCS.parent / "zensical.toml").read_text(encoding="utf-8")
    pages = {str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")}

    assert {page for page in pages if f'"{page}"' not in navigation} == set()


def test_a_docstring_becomes_a_page(reference):
    def one(size):
        """Do it, ``twice``.

        Args:
            size: how large,
                in bytes.
            more: refused: there is no such thing.

        Returns:
            Nothing.

        Raises:
            ValueError: it is too large.

        Afterwards it is done.
        """

    assert reference._doc(one).split("\n\n") == [
        "Do it, `twice`.",
        "Arguments:",
        "- `size`: how large, in bytes.",
        "Gives:",
        "Nothing.",
        "Raises:",
        "- `ValueError`: it is too large.",
        "Afterwards it is done.",
    ]


def test_the_page_of_events_has_every_state(reference):
    page = reference.pages()["events.md"]

    assert all(f"`{state}`" in page for state in get_args(PondEvent))
    assert "| `run` | no |" in page
    assert "| `pond` | yes |" in page
