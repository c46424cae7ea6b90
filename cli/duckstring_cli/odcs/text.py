"""A document as YAML that a terminal may show."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from typing_extensions import override

from duckstring.model.foreign import for_terminal

if TYPE_CHECKING:
    import yaml

    from duckstring_cli.odcs.document import Document

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_@./+ -]*", re.ASCII)
"""A text that every YAML reads as a text, unless it is one of its words."""
_LETTERS = frozenset("yYnN")
"""Some YAMLs read these as true and false."""
_WIDE = 100_000
"""Columns: no line is broken."""


def to_yaml(document: Document) -> str:
    """YAML 1.1 and 1.2 alike. What does something to a terminal is escaped as YAML does it, so
    programs read the same.
    """
    import yaml

    class Dumper(yaml.SafeDumper):
        """Nothing is written once and referred to afterwards."""

        @override
        def ignore_aliases(self, data: object) -> bool:
            return True

    Dumper.add_representer(str, _represented)
    text = yaml.dump(document, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=_WIDE)
    return for_terminal(text, lines=True)


def _represented(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=_style(text))


def _style(text: str) -> str | None:
    """Double quotes are the only place where YAML knows escapes."""
    if "\n" in text and "\r" not in text and for_terminal(text, lines=True) == text:
        return "|"
    return None if _PLAIN.fullmatch(text) and text not in _LETTERS else '"'
