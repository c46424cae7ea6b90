"""A plan in words: for a terminal, and as Markdown for a pull request."""

from __future__ import annotations

import re
from collections.abc import Iterator

from duckstring.model.foreign import for_terminal
from duckstring_cli.checking.plan import Plan, PondPlan, TablePlan

_WORDS = {
    "new": "new line",
    "changed": "new version",
    "same": "unchanged",
    "other contents": "deployed already, with other contents",
}
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+!|~])")


def described(pond: PondPlan) -> Iterator[tuple[str, str]]:
    """Pairs of a word and what it says, for one Pond."""
    if pond["result"] == "same":
        return
    for source in pond["sources"]:
        yield "Source", source
    yield from _ripples(pond)
    for table in pond["tables"]:
        yield f"Table {table['table']}", _table(table)
    for run in pond["runs"]:
        yield "Runs", run


def _ripples(pond: PondPlan) -> Iterator[tuple[str, str]]:
    ripples = pond["ripples"]
    if not ripples["known"]:
        yield "Ripples", "not known: see the check"
    for word, names in (
        ("added", ripples["added"]),
        ("removed", ripples["removed"]),
        ("changed", ripples["changed"]),
        ("kept", ripples["kept"]),
    ):
        if names:
            unsure = " (their code was not compared)" if not ripples["compared"] else ""
            yield f"Ripples {word}", f"{', '.join(names)}{unsure if word == 'kept' else ''}"


def _table(table: TablePlan) -> str:
    parts = [
        {"kept": "stays", "not known": "its columns are not known before it runs"}.get(
            table["change"], table["change"]
        )
    ]
    parts += table["details"]
    text = "; ".join(parts)
    return f"{text}. Readers: {table['readers']}" if table["readers"] else text


def headline(pond: PondPlan) -> str:
    """``sales@1: 1.0.0 -> 1.1.0 (new version)``."""
    before, now = pond["deployed"], pond["version"]
    versions = now if before in {None, now} else f"{before} -> {now}"
    return f"{pond['line']}: {versions} ({_WORDS[pond['result']]})"


def as_text(plan: Plan) -> Iterator[tuple[str, str]]:
    """Pairs of a style and a line, for a terminal."""
    for pond in plan.ponds:
        yield "bold", for_terminal(headline(pond))
        for word, text in described(pond):
            yield "", f"  {for_terminal(word)}: {for_terminal(text)}"


def as_markdown(plan: Plan) -> str:
    """For a pull request. What comes from the Ponds is shown as text, whatever it is."""
    lines = [f"### Duckstring plan for Catchment {_plain(plan.remote.name)}", ""]
    for pond in plan.ponds:
        lines += [f"#### {_plain(headline(pond))}", ""]
        lines += [f"- **{_plain(word)}**: {_plain(text)}" for word, text in described(pond)]
        lines += [""] if lines[-1] else []
    if plan.checked.findings:
        lines += ["#### Check", "", "| | where | what |", "| --- | --- | --- |"]
        for one in plan.checked.findings:
            said = " ".join(filter(None, (one.message, one.hint)))
            lines.append(f"| {one.level} | {_plain(one.where)} | {_plain(said)} |")
        lines.append("")
    lines.append("Nothing was changed.")
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", " ".join(for_terminal(text).split()))
