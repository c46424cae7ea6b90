"""Consoles and tables on which the text of others does no harm. All that needs rich as it loads."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment
from rich.style import StyleType
from rich.table import Table
from rich.text import Text
from typing_extensions import override

from duckstring.model.foreign import for_terminal


class Harmless(Console):
    """Whatever a view shows of others' text does nothing to the terminal. Its own codes for
    colours and redrawing are no text.
    """

    @override
    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """The parts of a view, each before it is cut to its column."""
        for segment in super().render(renderable, options):
            yield (
                segment
                if segment.control
                else Segment(for_terminal(segment.text, lines=True), segment.style)
            )


class Rows(Table):
    """A table of texts: a cell that is a string has no markup in it."""

    @override
    def add_row(
        self,
        *cells: RenderableType | None,
        style: StyleType | None = None,
        end_section: bool = False,
    ) -> None:
        """A row."""
        texts = [
            Text(for_terminal(cell, lines=True)) if isinstance(cell, str) else cell
            for cell in cells
        ]
        super().add_row(*texts, style=style, end_section=end_section)

    @override
    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """In a pipe no line ends in blanks, which fill up the last column."""
        shown = super().__rich_console__(console, options)
        if console.is_terminal:
            yield from shown
            return
        for line in Segment.split_lines(one for one in shown if isinstance(one, Segment)):
            yield Segment("".join(segment.text for segment in line).rstrip(" "))
            yield Segment.line()
