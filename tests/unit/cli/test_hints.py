"""Every command that a message, a hint or a page names can be typed."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from duckstring_cli import groups

ROOT = Path(__file__).parents[3]
SOURCES = [*ROOT.glob("layers/core/**/*.py"), *ROOT.glob("cli/duckstring_cli/**/*.py"), *ROOT.glob("functions/**/*.py")]
PAGES = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *ROOT.glob("docs/*.md")]
NAMED = re.compile(r"(?:`|: |^ {4,}|\[bold\]|\(|\n *)duckstring ((?:[a-zA-Z-]+ ?)+)")
OWN = typer.main.get_command(groups.app)


def texts(path: Path) -> Iterator[str]:
    """The constants of a module, f-strings with ``X`` for what is put in; a page, line by line."""
    if path.suffix == ".md":
        yield from path.read_text(encoding="utf-8").splitlines()
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else " X " for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def wrong_word(words: list[str]) -> str:
    """The first word that should be a command and is none."""
    command: Any = OWN
    rest = iter(words)
    for word in rest:
        below = getattr(command, "commands", None)
        if below is None or word.isupper():
            return ""
        if word not in below:
            return word
        command = below[word]
        if hasattr(command, "commands") and any(one.param_type_name == "argument" for one in command.params):
            next(rest, "")  # trigger window POND add
    return ""


CASES = [
    pytest.param(found[1].split(), id=f"{path.name}: {found[0].strip()[:60]}")
    for path in (*SOURCES, *PAGES)
    for text in texts(path)
    for found in NAMED.finditer(text)
]


@pytest.mark.parametrize("words", CASES)
def test_a_command_that_is_named_exists(words: list[str]) -> None:
    assert not wrong_word(words), f"duckstring {' '.join(words)}"


def test_the_search_finds_them_and_a_wrong_one() -> None:
    assert len(CASES) > 100
    assert wrong_word(["secret", "set"]) == "secret"
    assert wrong_word(["trigger", "pulze", "sales"]) == "pulze"
    assert not wrong_word(["trigger", "pulse", "sales"])
