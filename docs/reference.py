"""Writes docs/reference/: pages that are generated from the code. `make docs` runs it.

The pages are committed, so that they can be read without a build; a test holds them to the code.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any, NotRequired, get_args, get_origin, get_type_hints

FOLDER = Path(__file__).parent / "reference"
_MADE = "<!-- Written by docs/reference.py from the code. Do not edit. -->"


def pages() -> Mapping[str, str]:
    """Each page's text, by its file name."""
    made = {
        "cli.md": _cli(),
        "pond-toml.md": _pond_toml(),
        "api.md": _api(),
        "events.md": _events(),
    }
    return {name: f"{_MADE}\n\n{text.strip()}\n" for name, text in made.items()}


def main() -> None:
    """Write the pages."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


# the command


def _cli() -> str:
    import typer

    from duckstring_cli import groups

    command: Any = typer.main.get_command(groups.app)
    parts = [
        "# Every option of the command",
        "Each command with its arguments and options. [The command](../cli.md) explains them.",
    ]
    for path, one in _commands(command, ("duckstring",)):
        parts.append(_command(path, one))
    return "\n\n".join(parts)


def _commands(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    below = getattr(command, "commands", None)
    if below is None:
        yield path, command
        return
    arguments = [held.metavar for held in command.params if held.param_type_name == "argument"]
    for name, held in sorted(below.items()):
        if not held.hidden:
            yield from _commands(held, (*path, *arguments, name))


def _command(path: tuple[str, ...], command: Any) -> str:
    arguments = [held for held in command.params if held.param_type_name == "argument"]
    options = [held for held in command.params if held.param_type_name == "option"]
    usage = " ".join([*path, *(_argument(held) for held in arguments)])
    rows = [
        *((f"`{held.metavar}`", held.help or "") for held in arguments),
        *((_option(held), held.help or "") for held in options if not held.hidden),
    ]
    table = ["| option | what it does |", "| --- | --- |"]
    table += [f"| {name} | {_cell(text)} |" for name, text in rows]
    example = (command.epilog or "").removeprefix("Example: ")
    return "\n\n".join(
        [
            f"## {' '.join(path)}",
            _text(command.help or ""),
            f"```\n{usage}{' [OPTIONS]' if options else ''}\n```",
            "\n".join(table) if rows else "",
            f"Example:\n\n```\n{example}\n```" if example else "",
        ]
    ).replace("\n\n\n\n", "\n\n")


def _argument(held: Any) -> str:
    shown = f"{held.metavar}..." if held.nargs == -1 else str(held.metavar)
    return shown if held.required else f"[{shown}]"


def _option(held: Any) -> str:
    names = ", ".join(f"`{name}`" for name in sorted(held.opts, key=len))
    if held.is_flag:
        return names
    metavar = held.metavar or held.type.name.upper()
    return f"{names} `{metavar}`"


# pond.toml


def _pond_toml() -> str:
    from duckstring.model.pondfile import PondFile, PondTable

    rows = ["| field | required | default | allowed |", "| --- | --- | --- | --- |"]
    for name, field in PondTable.model_fields.items():
        default = "" if field.is_required() else f"`{_toml(field.default)}`"
        rows.append(
            f"| `{name}` | {'yes' if field.is_required() else 'no'} | {default} "
            f"| {_cell(_rule(field))} |"
        )
    name_rule, source_rule = (
        _rule_of(one) for one in get_args(PondFile.model_fields["source_table"].annotation)
    )
    return "\n\n".join(
        [
            "# pond.toml",
            "What belongs to a version of a Pond. [Write a Pond](../author.md) explains it.",
            "## [pond]",
            "\n".join(rows),
            "## [sources]",
            "An entry for each Source. Without Sources, there is no such table.",
            (
                f"| part | allowed |\n| --- | --- |\n| key | {_cell(name_rule)} |\n"
                f"| value | {_cell(source_rule)} |"
            ),
        ]
    )


def _toml(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def _rule(field: Any) -> str:
    return field.description or next(
        (one.description for one in field.metadata if getattr(one, "description", None)), ""
    )


def _rule_of(annotated: Any) -> str:
    return next(one.description for one in annotated.__metadata__ if hasattr(one, "description"))


# the author's API


def _api() -> str:
    import duckstring
    from duckstring import external
    from duckstring.author.connecting import Connection
    from duckstring.author.tables import SourceTable

    return "\n\n".join(
        [
            "# Author API",
            "What a Pond's code imports and is given. [Write a Pond](../author.md) shows it.",
            "## duckstring",
            *(
                _function(f"@{name}", getattr(duckstring, name))
                for name in ("ripple", "check", "puddle")
            ),
            "## Pond",
            _doc(duckstring.Pond),
            *_members(duckstring.Pond, "pond"),
            "## SourceTable",
            _doc(SourceTable),
            "## duckstring.connect",
            "[Query all Ponds](../query.md#in-a-notebook) shows it at work.",
            _function("duckstring.connect", duckstring.connect),
            _doc(Connection),
            *_members(Connection, "ponds"),
            "## duckstring.external",
            "[Wrap an external pipeline](../external.md) shows these at work.",
            *(_class(name, getattr(external, name)) for name in sorted(external.__all__)),
        ]
    )


def _members(of: type, called: str) -> Iterator[str]:
    for name, member in inspect.getmembers(of):
        if name.startswith("_") or name in _OURS:
            continue
        if isinstance(member, property):
            kind = inspect.signature(member.fget).return_annotation if member.fget else ""
            shown = f"```python\n{called}.{name}: {kind}\n```"
            yield f"### {called}.{name}\n\n{shown}\n\n{_doc(member)}"
        elif callable(member):
            yield _function(f"{called}.{name}", member, bound=True)


_OURS = frozenset(
    {"close", "dropped", "explained", "has_sql", "interrupt", "kept", "outage", "paused", "read",
     "skipped", "sources", "written"}
)  # fmt: skip
"""Of a Pond: what the worker uses."""


def _class(name: str, of: Any) -> str:
    if not inspect.isclass(of):
        return _function(name, of)
    try:
        signature = f"{name}{_signature(of, bound=False)}"
    except ValueError:
        signature = name
    init = of.__dict__.get("__init__")
    more = _doc(init) if init is not None and inspect.isfunction(init) and init.__doc__ else ""
    public = [
        _function(f"{name}.{key}", held, bound=True, level="####")
        for key, held in inspect.getmembers(of, inspect.isfunction)
        if not key.startswith("_") and key in {"run", "cancel"}
    ]
    return "\n\n".join(
        [f"### {name}", f"```python\n{signature}\n```", _doc(of), more, *public]
    ).replace("\n\n\n\n", "\n\n")


def _function(name: str, of: Callable[..., Any], *, bound: bool = False, level: str = "###") -> str:
    return f"{level} {name}\n\n```python\n{name}{_signature(of, bound=bound)}\n```\n\n{_doc(of)}"


def _signature(of: Callable[..., Any], *, bound: bool) -> str:
    found = inspect.signature(of)
    shown = [
        one
        for number, one in enumerate(found.parameters.values())
        if not (bound and number == 0) and one.kind not in {one.VAR_KEYWORD, one.VAR_POSITIONAL}
    ]
    text = re.sub(r"(: |-> )'([^']*)'", r"\1\2", str(found.replace(parameters=shown)))
    if len(text) <= _WIDE:
        return text
    head, arrow, result = text.rpartition(") -> ")
    inner = head if arrow else text[:-1]
    parts = ",\n    ".join(_split(inner[1:]))
    return f"(\n    {parts},\n){' -> ' + result if arrow else ''}"


_WIDE = 80


def _split(text: str) -> list[str]:
    """At the commas that are in no brackets."""
    parts, depth, part = [], 0, ""
    for letter in text:
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and depth == 0:
            parts.append(part.strip())
            part = ""
        else:
            part += letter
    return [*parts, part.strip()]


# events


def _events() -> str:
    from duckstring.model import events

    return "\n\n".join(
        [
            "# Events",
            _text(events.__doc__ or ""),
            "## What the Catchment sends: `duckstring.pond`",
            _typed(events.PondDetail),
            "## What it takes: `duckstring.trigger`",
            _typed(events.TriggerDetail),
        ]
    )


def _typed(of: Any) -> str:
    text, _, attributes = inspect.cleandoc(of.__doc__).partition("\nAttributes:\n")
    meaning = dict(_named(dedent(attributes)))
    rows = ["| field | always there | type | meaning |", "| --- | --- | --- | --- |"]
    for name, kind in get_type_hints(of, include_extras=True).items():
        may_lack = get_origin(kind) is NotRequired
        shown = _kind(get_args(kind)[0] if may_lack else kind)
        there = "no" if may_lack else "yes"
        rows.append(f"| `{name}` | {there} | {_cell(shown)} | {_cell(meaning[name])} |")
    return f"{_text(text)}\n\n" + "\n".join(rows)


def _kind(kind: Any) -> str:
    words = get_args(kind)
    if words and all(isinstance(word, str) for word in words):
        return ", ".join(f"`{word}`" for word in words)
    names = {str: "text", int: "whole number", float: "number", list[str]: "list of texts"}
    return names[kind]


# docstrings as Markdown

_SECTION = re.compile(r"^(Args|Returns|Raises|Attributes):$", re.MULTILINE)
_NAMES = {"Args": "Arguments", "Returns": "Gives", "Raises": "Raises", "Attributes": "Attributes"}


def _doc(of: object) -> str:
    """A docstring of Google's form as Markdown."""
    found = inspect.cleandoc(getattr(of, "__doc__", None) or "")
    first, *rest = _SECTION.split(found)
    parts = [_text(first)]
    for name, body in zip(rest[::2], rest[1::2], strict=True):
        section, after = _indented(body.strip("\n"))
        parts.append(f"{_NAMES[name]}:")
        parts.append(_list(section) if name != "Returns" else _text(section))
        parts.append(_text(after))
    return "\n\n".join(part for part in parts if part)


def _indented(text: str) -> tuple[str, str]:
    """A section's own lines without their indent, and what follows."""
    lines = text.splitlines()
    end = next((at for at, line in enumerate(lines) if line and line[0] != " "), len(lines))
    return dedent("\n".join(lines[:end])), "\n".join(lines[end:])


def _list(section: str) -> str:
    return "\n".join(
        f"- `{name}`: {_flow(text)}"
        for name, text in _named(section)
        if not text.startswith("refused")  # what stands for all that is not an argument
    )


def _named(section: str) -> Iterator[tuple[str, str]]:
    """``name: text``, where further lines are indented."""
    name, text = "", ""
    for line in section.splitlines():
        if line and not line[0].isspace():
            if name:
                yield name, text
            name, _, text = line.partition(": ")
        else:
            text += f" {line.strip()}"
    if name:
        yield name, text.strip()


def _text(text: str) -> str:
    """Double back quotes are single ones in Markdown; an indented block stays one."""
    return text.replace("``", "`").strip()


def _flow(text: str) -> str:
    return " ".join(_text(text).split())


def _cell(text: str) -> str:
    return _flow(text).replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main())
