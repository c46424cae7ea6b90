"""Every command that a message, a hint or a page names can be typed."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from duckstring_cli import groups, hints

ROOT = Path(__file__).parents[3]
SOURCES = [
    *ROOT.glob("layers/core/**/*.py"),
    *ROOT.glob("cli/duckstring_cli/**/*.py"),
    *ROOT.glob("functions/**/*.py"),
]
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
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else " X " for part in node.values
            )
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
        if hasattr(command, "commands") and any(
            one.param_type_name == "argument" for one in command.params
        ):
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


@pytest.mark.parametrize(
    ("text", "addressed"),
    [
        (
            "Run it: duckstring trigger pulse sales -m 1 --watch",
            "Run it: duckstring trigger pulse -c prod sales -m 1 --watch",
        ),
        ("List them: duckstring runs", "List them: duckstring runs -c prod"),
        (
            "See duckstring status --once, or `duckstring doctor`.",
            "See duckstring status -c prod --once, or `duckstring doctor -c prod`.",
        ),
        (
            "duckstring control wake a, or duckstring control clear a.",
            "duckstring control wake -c prod a, or duckstring control clear -c prod a.",
        ),
        (
            "remove it: duckstring trigger window sales remove n -m 1",
            "remove it: duckstring trigger window sales remove -c prod n -m 1",
        ),
        (
            "then: duckstring doctor redrive mailbox",
            "then: duckstring doctor redrive -c prod mailbox",
        ),
        ("duckstring status sales -m 1 -c prod", "duckstring status sales -m 1 -c prod"),
        (
            "duckstring runs -c other\nduckstring runs",
            "duckstring runs -c other\nduckstring runs -c prod",
        ),
        (
            "See: duckstring trigger window POND add --help",
            "See: duckstring trigger window POND add --help",
        ),
        (
            "first: duckstring trigger window POND add|list|remove.",
            "first: duckstring trigger window POND add|list|remove.",
        ),
        ("Start it: duckstring catchment start prod", "Start it: duckstring catchment start prod"),
        ("then duckstring catchment start.", "then duckstring catchment start prod."),
        (
            "duckstring catchment configure --arrivals a, x",
            "duckstring catchment configure prod --arrivals a, x",
        ),
        (
            "Make one: duckstring pond init NAME, or duckstring demo",
            "Make one: duckstring pond init NAME, or duckstring demo",
        ),
        ("duckstring is no duckstring nonsense", "duckstring is no duckstring nonsense"),
    ],
)
def test_a_command_in_a_message_acts_on_the_catchment_that_was_named(
    text: str, addressed: str
) -> None:
    hints.forget()
    assert hints.addressed(text) == text
    hints.acts_on("prod")
    assert hints.addressed(text) == addressed
    hints.forget()


def test_a_name_that_a_shell_would_read_otherwise_is_quoted() -> None:
    hints.acts_on("my prod")
    assert hints.addressed("duckstring runs") == "duckstring runs -c 'my prod'"
    hints.forget()


def test_every_command_in_our_sources_that_takes_a_catchment_gets_the_one_that_was_named() -> None:
    hints.acts_on("prod")
    for words in (case.values[0] for case in CASES):
        told = hints.addressed(f"duckstring {' '.join(words)}")
        assert not wrong_word(told.replace(" -c prod", "").split()[1:])
    hints.forget()


def test_the_search_finds_them_and_a_wrong_one() -> None:
    assert len(CASES) > 100
    assert wrong_word(["secrets", "set"]) == "secrets"
    assert wrong_word(["trigger", "pulze", "sales"]) == "pulze"
    assert not wrong_word(["trigger", "pulse", "sales"])
