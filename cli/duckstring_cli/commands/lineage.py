"""``duckstring lineage``: which tables come from which."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import typer

from duckstring_cli import render
from duckstring_cli.commands.options import (
    AsJson,
    CatchmentName,
    Major,
    OfVersion,
    major_of,
    open_client,
    pond_or_line,
)
from duckstring_cli.errors import BadInputError
from duckstring_cli.releases import newer_operation

if TYPE_CHECKING:
    from rich.text import Text

    from duckstring.model.answers.lineage import LineageAnswer, LineageNode, LineageRead

_EVERY = 5000
"""Steps: as many as the Catchment allows."""
_SMALL = 80
_DEEPEST = 12
"""Steps that are shown by indenting; a number stands for those before."""

Place = tuple[str, str]
"""A line and a table; ``/`` and a Ripple that writes none."""


def _pond_and_table(word: str) -> str:
    typed, _, table = word.partition(".")
    pond = pond_or_line(typed) if typed.strip() else ""
    if not pond or "." in table or (not table and "." in word):
        raise BadInputError(
            f"POND[.TABLE] is a Pond, or a Pond and one of its tables, found {word!r}.",
            hint="For example: sales, sales.orders, or sales@1.orders",
        )
    return f"{pond}.{table}" if table else pond


def lineage(
    pond: Annotated[
        str,
        typer.Argument(
            metavar="POND[.TABLE]",
            show_default=False,
            callback=_pond_and_table,
            help="A Pond, or one of its published tables.",
        ),
    ],
    up: Annotated[
        bool, typer.Option("--up", help="Every table that they come from, up to the Inlets.")
    ] = False,
    down: Annotated[
        bool, typer.Option("--down", help="Every table that comes of them, down to the Outlets.")
    ] = False,
    as_json: AsJson = False,
    major: Major = None,
    version: OfVersion = None,
    catchment: CatchmentName = None,
) -> None:
    """Show which tables a Pond's tables come from, and which come of them.

    One step in both directions, unless --up or --down is given. What is shown is what the attempts
    have read that wrote the tables as they are published now.
    """
    name, _, table = pond.partition(".")
    picked = major_of(major, version)
    client = open_client(catchment)
    with newer_operation(client):
        answer = client.lineage(
            name,
            major=picked,
            table=table or None,
            up=_steps(up, other=down),
            down=_steps(down, other=up),
        )
    if as_json:
        render.print_json(answer)
        return
    _show(answer, table, up=_steps(up, other=down), down=_steps(down, other=up))


def _steps(wanted: bool, *, other: bool) -> int:
    return _EVERY if wanted else 0 if other else 1


class _Row(NamedTuple):
    """A line of the tree."""

    name: Text
    ripple: str
    run: str
    version: str


Direction = Literal["up", "down"]


class _Tree:
    """The lines that are shown. A table is followed where it comes first."""

    def __init__(self, nodes: Sequence[LineageNode]) -> None:
        self.nodes: Mapping[Place, LineageNode] = {_place(one): one for one in nodes}
        self.rows: list[_Row] = []
        self._readers: dict[Place, list[tuple[Place, LineageRead]]] = {}
        for place, node in self.nodes.items():
            for read in node["reads"]:
                of = (read["line"], read["table"])
                self._readers.setdefault(of, []).append((place, read))

    def add(self, root: Place, *, up: int, down: int) -> None:
        """One table, with what is above and below it."""
        node = self.nodes[root]
        self.rows.append(_row(_name(root), node))
        self._follow(root, "up", up)
        for note in _notes(node) if up else ():
            self.rows.append(_Row(_styled(f"  {note}", "yellow"), "", "", ""))
        self._follow(root, "down", down)

    def _follow(self, root: Place, way: Direction, most: int) -> None:
        """Depth first, without recursion: a chain may be long."""
        seen = {root}
        ahead = [(*one, 1) for one in reversed(self._next(root, way)) if most]
        while ahead:
            place, read, depth = ahead.pop()
            again = place in seen
            seen.add(place)
            follows = depth < most and self._next(place, way)
            self.rows.append(self._line(place, read, way, depth, again=bool(again and follows)))
            if again or not follows:
                continue
            ahead += [(*one, depth + 1) for one in reversed(self._next(place, way))]

    def _next(self, place: Place, way: Direction) -> list[tuple[Place, LineageRead]]:
        if way == "down":
            return [one for one in self._readers.get(place, []) if one[0] != place]
        node = self.nodes.get(place)
        reads = node["reads"] if node else []
        return [((read["line"], read["table"]), read) for read in reads]

    def _line(
        self, place: Place, read: LineageRead, way: Direction, depth: int, *, again: bool
    ) -> _Row:
        mark = {"up": "from", "down": "to"}[way]
        words = mark if read["sure"] else f"{mark} (perhaps)"
        indent = "  " * min(depth, _DEEPEST) + (f"[{depth}] " if depth > _DEEPEST else "")
        name = _styled(f"{indent}{words} {_name(place)}", "" if read["sure"] else "dim")
        node = self.nodes.get(place)
        if again:
            name.append(" (above)", style="dim")
        if way == "up":
            # The version that was read, which may be an older one by now.
            of = read["run"] or ""
            version = (node["version"] or "") if node and node["run"] == of else ""
            row = _Row(name, read["ripple"] or "", of, version)
        else:
            row = _row(name, self.nodes[place])
        return row


def _place(node: LineageNode) -> Place:
    return node["line"], node["table"] or f"/{node['ripple']}"


def _name(place: Place) -> str:
    line, table = place
    return f"{line} (no table)" if table.startswith("/") else f"{line}.{table}"


def _styled(text: str, style: str) -> Text:
    from rich.text import Text

    from duckstring.model.foreign import for_terminal

    return Text(for_terminal(text), style=style)


def _row(name: Text | str, node: LineageNode) -> _Row:
    shown = _styled(name, "bold") if isinstance(name, str) else name
    return _Row(shown, node["ripple"], node["run"], node["version"] or "")


def _notes(node: LineageNode) -> Iterator[str]:
    """What is not known of a table's origin."""
    if node["recorded"] == "gone":
        yield "from: no longer kept"
    if node["recorded"] == "no":
        yield "from: not recorded"
    if node["recorded"] == "yes" and not node["reads"] and not node["open"]:
        yield "from no table of a Pond"
    if node["open"]:
        yield "perhaps from any table that its Ripple can see"
    if node["left_off"]:
        yield f"and from {node['left_off']} tables more"


def _show(answer: LineageAnswer, table: str, *, up: int, down: int) -> None:
    tree = _Tree(answer["nodes"])
    roots = [
        place
        for place in tree.nodes
        if place[0] == answer["line"] and (table == place[1] if table else True)
    ]
    if not roots:
        render.note(f"{answer['line']} publishes no tables.")
        return
    for root in roots:
        tree.add(root, up=up, down=down)
    _print(tree.rows)
    if answer["left_off"]:
        render.warn(
            f"{answer['left_off']} tables were not looked at: there are too many. Ask for one "
            "table, or for one direction."
        )
    render.err().print(f"[dim]{answer['line']}, fresh as of {render.moment(answer['f'])}[/]")


def _print(rows: Iterable[_Row]) -> None:
    """A narrow terminal has no room for all columns."""
    console = render.out()
    columns: list[tuple[str, Callable[[_Row], Text | str]]] = [
        ("TABLE", lambda row: row.name),
        ("RIPPLE", lambda row: row.ripple),
        ("RUN", lambda row: row.run),
        ("VERSION", lambda row: row.version),
    ]
    if console.is_terminal and console.width < render.NARROW:
        columns = columns[:3] if console.width >= _SMALL else [columns[0], columns[2]]
    made = render.table(*(name for name, _ in columns))
    for row in rows:
        made.add_row(*(cell(row) for _, cell in columns))
    console.print(made)
